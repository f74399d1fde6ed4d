"""The whole round for one page that is being written.

    python tools/page.py book/linear/rates.ipynb

Executes the page and stores its text outputs; says what it takes, beside what the committed
version takes on this machine now; then its style, its checks under two other seeds, the tests of
the ledger that concern it, and a preview of this page alone. Exit status 1 if anything is wrong.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from notebooks import BOOK, normalised, notebooks, problems
from preview import LOG, preview
from running import ROOT, Cost, execute

SEEDS = "2001-2002"
WHOLE = ("test_ledger_and_notebooks_agree", "test_every_claim_is_checked")


def committed(path: Path) -> str:
    """Return the committed text of a page, empty if there is none."""
    command = ["git", "show", f"HEAD:{path.relative_to(ROOT).as_posix()}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    return "" if shown.returncode else shown.stdout


def run(path: Path) -> tuple[nbformat.NotebookNode, Cost] | None:
    """Execute the page and store its outputs; return it with what it took, if it ran."""
    before = committed(path)
    try:
        notebook, now = execute(path, widgets=True)
    except (CellExecutionError, TimeoutError) as error:
        print(error)
        return None
    print(f"{now}  {path.relative_to(ROOT)}")
    if before:
        try:
            _, then = execute(path, notebook=nbformat.reads(before, as_version=4))
            print(f"{then}  the committed version")
        except (CellExecutionError, TimeoutError):
            print("the committed version does not run here")
    path.write_text(normalised(notebook), encoding="utf-8", newline="\n")
    return notebook, now


def named(path: Path) -> str:
    """Return the tests of the ledger that concern the page, for pytest's -k."""
    printed = re.findall(r"(?m)^(?:check|control) +(.+?) \|", "\n".join(outputs(path)))
    claims = {claim for line in printed for claim in line.split()}
    return " or ".join([f"{path.stem}.ipynb", *WHOLE, *sorted(f"[{claim}]" for claim in claims)])


def outputs(path: Path) -> list[str]:
    """Return what the page prints."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(o.get("text", "")) for c in cells for o in c.get("outputs", [])]


def main(path: Path) -> int:
    """Run the round; return 1 if anything is wrong."""
    ran = run(path)
    if ran is None:
        return 1
    found = problems(path)
    print(*(f"{path.name}: {problem}" for problem in found), sep="\n", end="\n" * bool(found))
    tests = ["tests/test_ledger.py", "tests/test_notebooks.py"]
    commands = (
        ["ruff", "check", "--quiet", path],
        ["ruff", "format", "--quiet", "--check", path],
        [sys.executable, "tools/seeds.py", "--seeds", SEEDS, path],
        [sys.executable, "-m", "pytest", "-q", *tests, "-k", named(path)],
    )
    failed = [subprocess.run(command, cwd=ROOT).returncode for command in commands]
    seen = preview(path, *ran)
    print(f"a preview: {seen or 'none, see ' + str(LOG)}", flush=True)
    return int(any(failed) or bool(found) or seen is None)


if __name__ == "__main__":
    pages = [path.resolve() for path in notebooks(sys.argv[1:])]
    if len(pages) != 1 or BOOK not in pages[0].parents:
        sys.exit("name one page of the book: make page PATHS=book/linear/rates.ipynb")
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    sys.exit(main(pages[0]))
