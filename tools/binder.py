"""Run every notebook in an environment made from the files of binder/, and from nothing else.

    python tools/binder.py [paths]

As Binder does it: a copy of the repository, the Python of runtime.txt where this machine has
it, the packages of requirements.txt, then postBuild; and every notebook through `start`.
Binder guarantees a session 450 MB: a notebook whose kernel needs more fails here. The coursework
is run as it is handed out, with an identifier filled in.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from coursework import PAGES
from notebooks import notebooks
from running import execute

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "_build" / "binder"
COPY = PLACE / "repository"
NOT_COPIED = ("_build", "build", "node_modules", ".*", "*.egg-info", "__pycache__")
MOST_MEMORY = 450  # MB


def prepare() -> str:
    """Make the environment, with a kernel of its own (Binder's image has one); name its Python."""
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.copytree(ROOT, COPY, ignore=shutil.ignore_patterns(*NOT_COPIED))
    subprocess.run([interpreter(), "-m", "venv", PLACE / "env"], check=True)
    python = PLACE / "env" / "bin" / "python"
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    kernel = next(line for line in pinned if line.startswith("ipykernel=="))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", COPY / "binder" / "requirements.txt", kernel], check=True)
    os.environ.pop("PYTHONPATH", None)  # the installed package, not the one of this folder
    path = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([COPY / "binder" / "postBuild"], cwd=COPY, env=os.environ | path, check=True)
    spec = PLACE / "kernels" / "binder"
    spec.mkdir(parents=True)
    command = [COPY / "binder" / "start", python, "-m", "ipykernel_launcher", "-f"]
    argv = [*map(str, command), "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Binder", "language": "python"})
    )
    os.environ["JUPYTER_PATH"] = str(PLACE)
    asked = [python, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def interpreter() -> str:
    """Return the Python that runtime.txt names, or this one where the machine lacks it."""
    wanted = (COPY / "binder" / "runtime.txt").read_text(encoding="utf-8").strip().replace("-", "")
    works = (
        shutil.which(wanted)
        and not subprocess.run([wanted, "-c", "import venv"], capture_output=True).returncode
    )
    return wanted if works else sys.executable


def handed_out() -> list[Path]:
    """Return the student notebooks of the copy, with an identifier filled in."""
    pages = sorted((COPY / PAGES.relative_to(ROOT)).glob("*.ipynb"))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace('student_id = \\"\\"', 'student_id = \\"ada\\"'))
    return pages


def main() -> int:
    """Return the number of notebooks that need too much."""
    print(f"Python {prepare()} and the packages of binder/requirements.txt", flush=True)
    heavy = 0
    pages = notebooks([str(COPY / given) for given in sys.argv[1:] or ["book"]])
    for path in [*pages, *handed_out()]:
        _, cost = execute(path, kernel="binder")
        too_much = cost.memory > MOST_MEMORY
        heavy += too_much
        page = path.relative_to(COPY)
        print(f"{cost}  {page}{'  TOO MUCH' if too_much else ''}", flush=True)
    return heavy


if __name__ == "__main__":
    sys.exit(main())
