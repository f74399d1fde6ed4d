"""Build the site into _build/html, cleanly, with every warning an error.

    python tools/build.py [folder]

Notebooks are executed first, one a core. Only their results are kept between builds, and those
only while the package and its requirements stay as they are: a notebook is executed again when
its code changes, all of them when `ibias` does.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient.exceptions import CellExecutionError
from notebooks import execute, notebooks

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
RUN = "from jupyter_book.cli.main import main; main()"
TOLD = re.compile(r"WARNING|ERROR|CRITICAL|warning:|error:")
NOT_TOLD = re.compile(r"TCP without encryption|EXPERIMENTAL")


def key() -> str:
    """Return a hash of what a notebook's results depend on besides its own code."""
    digest = hashlib.sha256(f"{sys.version}{os.environ.get('IBIAS_SEED', '')}".encode())
    for path in [ROOT / "requirements.txt", *sorted((ROOT / "ibias").rglob("*"))]:
        if path.suffix in (".py", ".yml", ".txt", ".csv", ".json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def clear(output: Path) -> None:
    """Remove the last build, and the cache of executed notebooks if it is out of date."""
    for name in ("html", ".doctrees", "jupyter_execute"):
        shutil.rmtree(output / name, ignore_errors=True)
    stamp = output / "cache-key"
    if not stamp.exists() or stamp.read_text() != key():
        shutil.rmtree(output / ".jupyter_cache", ignore_errors=True)
    output.mkdir(exist_ok=True)
    stamp.write_text(key())


def execute_notebooks(folder: Path) -> bool:
    """Execute the notebooks whose results are not in the cache; return whether all ran."""
    cache = get_cache(str(folder / "_build" / ".jupyter_cache"))
    stale = []
    for path in notebooks([str(folder / "book")]):
        try:
            cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            stale.append(path)

    def run(path: Path) -> tuple:
        try:
            return *execute(path, widgets=True), ""
        except CellExecutionError as error:
            return None, None, str(error)

    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (notebook, cost, error) in zip(stale, pool.map(run, stale), strict=True):
            if error:
                failed = True
                print(f"{path} fails:\n{error}", flush=True)
                continue
            print(f"{cost}  {path.relative_to(folder)}", flush=True)
            data = {"execution_seconds": cost.core, "memory": cost.memory}
            bundle = CacheBundleIn(notebook, str(path), data=data)
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return not failed


def build(folder: Path) -> int:
    """Build the book in `folder`; return the exit status, not 0 if there was any warning."""
    output = folder / "_build"
    start = time.perf_counter()
    clear(output)
    os.environ.update(ONE_THREAD)
    if not execute_notebooks(folder):
        print("the build failed: a notebook does not run")
        return 1
    command = [sys.executable, "-c", RUN, "build", str(folder), "-W", "--keep-going"]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
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
        seconds = time.perf_counter() - start
        print(f"built in {seconds:.0f} s: {output / 'html' / 'index.html'}")
    return running.returncode


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT))
