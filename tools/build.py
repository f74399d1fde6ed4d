"""Build the site into _build/html, cleanly, with every warning an error.

    python tools/build.py [folder] [--lite]

With --lite the notebooks that run in the browser stand beside it, if `jupyterlite.py` made them.
Notebooks whose results are not kept are executed first, one a core: `make checks` keeps those
that it has executed and judged. Results are kept while the package and its requirements stay as
they are: a notebook is executed again when its code changes, all of them when `ibias` does.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbclient.exceptions import CellExecutionError
from notebooks import notebooks
from running import ONE_THREAD, execute, is_kept, keep, kept
from wheel import make_wheel

ROOT = Path(__file__).resolve().parent.parent
RUN = "from jupyter_book.cli.main import main; main()"
TOLD = re.compile(r"WARNING|ERROR|CRITICAL|warning:|error:")
NOT_TOLD = re.compile(r"TCP without encryption|EXPERIMENTAL")


def execute_notebooks(folder: Path) -> bool:
    """Execute the notebooks whose results are not kept; return whether all ran."""
    cache = kept(folder)
    stale = [path for path in notebooks([str(folder / "book")]) if not is_kept(cache, path)]

    def run(path: Path) -> tuple:
        try:
            return *execute(path, widgets=True), ""
        except (CellExecutionError, TimeoutError) as error:
            return None, None, str(error)

    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (notebook, cost, error) in zip(stale, pool.map(run, stale), strict=True):
            if error:
                failed = True
                print(f"{path} fails:\n{error}", flush=True)
                continue
            print(f"{cost}  {path.relative_to(folder)}", flush=True)
            keep(cache, path, notebook, cost)
    return not failed


def attach_wheel(folder: Path, site: Path) -> None:
    """Put the package as a wheel beside the book: what a hosted notebook installs, offline."""
    shelf = site / "packages"
    wheel = make_wheel(folder, shelf)
    (shelf / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The package of this book'
        f'</title><a href="{wheel.name}">{wheel.name}</a></html>\n',
        encoding="utf-8",
    )


def build(folder: Path, lite: bool = False) -> int:
    """Build the book in `folder`; return the exit status, not 0 if there was any warning."""
    output = folder / "_build"
    start = time.perf_counter()
    for name in ("html", ".doctrees", "jupyter_execute"):
        shutil.rmtree(output / name, ignore_errors=True)
    os.environ.update(ONE_THREAD)
    if not execute_notebooks(folder):
        print("the build failed: a notebook does not run")
        return 1
    executed = time.perf_counter() - start
    command = [sys.executable, "-c", RUN, "build", str(folder), "-W", "--keep-going"]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    beside = output / "lite"
    lite = lite and beside.exists()
    environment["LITE"] = str(beside) if lite else ""  # book/_ext/launch.py
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with (
        (output / "log.txt").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, env=environment, text=True, encoding="utf-8", errors="replace", **pipes
        ) as running,
    ):
        for line in running.stdout:
            log.write(line)
            if TOLD.search(line) and not NOT_TOLD.search(line):
                print(line.rstrip(), flush=True)
    if running.returncode:
        print(f"the build failed; the whole log is {output / 'log.txt'}, and it ends:\n")
        print(*(output / "log.txt").read_text(encoding="utf-8").splitlines()[-25:], sep="\n")
    else:
        if (folder / "pyproject.toml").exists():
            attach_wheel(folder, output / "html")
        if lite:
            shutil.copytree(beside, output / "html" / "lite")
        seconds = time.perf_counter() - start
        print(
            f"built in {seconds:.0f} s, {executed:.0f} of them for notebooks not executed before:"
            f" {output / 'html' / 'index.html'}"
        )
    return running.returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--lite", action="store_true")
    given = parser.parse_args()
    sys.exit(build(given.folder.resolve(), lite=given.lite))
