"""Run every notebook in an environment made from the files of binder/, and from nothing else.

    python tools/binder.py [paths]

Binder guarantees a session 450 MB: a notebook whose kernel needs more fails here. The coursework
is run as it is handed out, with an identifier filled in.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

from coursework import PAGES
from notebooks import execute, notebooks

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "_build" / "binder"
MOST_MEMORY = 450  # MB


def prepare() -> None:
    """Make the environment, with a kernel of its own (Binder's image has one)."""
    venv.create(PLACE, clear=True, with_pip=True)
    python = PLACE / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    kernel = next(line for line in wanted if line.startswith("ipykernel=="))
    subprocess.run([*pip, "-r", ROOT / "binder" / "requirements.txt", kernel], check=True)
    subprocess.run([*pip, "--no-deps", ROOT], check=True)
    install = [python, "-m", "ipykernel", "install", "--prefix", PLACE, "--name", "binder"]
    subprocess.run(install, check=True, capture_output=True)
    os.environ["JUPYTER_PATH"] = str(PLACE / "share" / "jupyter")
    os.environ.pop("PYTHONPATH", None)  # the installed package, not the one of this folder


def handed_out() -> list[Path]:
    """Return copies of the student notebooks with an identifier filled in."""
    copies = []
    for page in sorted(PAGES.glob("*.ipynb")):
        copies.append(PLACE / page.name)
        text = page.read_text(encoding="utf-8")
        copies[-1].write_text(text.replace('student_id = \\"\\"', 'student_id = \\"ada\\"'))
    return copies


def main() -> int:
    """Return the number of notebooks that need too much."""
    prepare()
    heavy = 0
    for path in [*notebooks(sys.argv[1:]), *handed_out()]:
        _, cost = execute(path, kernel="binder")
        too_much = cost.memory > MOST_MEMORY
        heavy += too_much
        print(f"{cost}  {path}{'  TOO MUCH' if too_much else ''}", flush=True)
    return heavy


if __name__ == "__main__":
    sys.exit(main())
