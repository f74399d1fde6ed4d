"""The package as a wheel: what a hosted notebook installs, and what a browser runs."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def make_wheel(folder: Path, to: Path) -> Path:
    """Build the wheel of the package in `folder`, through its source archive, into `to`."""
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", made, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(
                f"the wheel does not build:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        (wheel,) = Path(made).glob("*.whl")
        to.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, to))
