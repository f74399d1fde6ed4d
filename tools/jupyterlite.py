"""JupyterLite for the book: every notebook runs in the reader's browser, without a server.

    python tools/jupyterlite.py [runtime] [--without package]

Puts into `_build/lite` what `build.py` lays beside the book: the interface, Python for a browser
with all wheels that the book needs and the package itself, and the notebooks. `runtime` is a
folder with a Pyodide distribution; without it, the package of npm, whose wheels are fetched from
its release and compared with their hashes. Where that cannot be had, nothing is left in
`_build/lite`, and it says so: the book is then built without it. A runtime for trials may lack
a package that is named after `--without`; what needs it then fails.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import nbformat
from browser import sent
from contents import notebooks_in_order
from runtime import Unreachable, gather
from wheel import make_wheel

ROOT = Path(__file__).resolve().parent.parent
NPM = ROOT / "lite" / "node_modules" / "pyodide"
OUTPUT = ROOT / "_build" / "lite"
SOURCE = ROOT / "_build" / "lite-source"
CACHE = ROOT / "_build" / "pyodide"
APPS = ("lab", "notebooks", "repl")
# What the kernel asks for when it starts. All of it is loaded at once, with what ibias needs.
KERNEL = ["micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython"]
FIRST = [*KERNEL, "ibias"]
EXTENSION = Path("share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi")
# Everything a page loads is here: no index is asked for a package that is missing.
SETTINGS = {
    "appName": "The implicit bias of gradient descent",
    "exposeAppInBrowser": True,
    "litePluginSettings": {
        "@jupyterlite/pyodide-kernel-extension:kernel": {
            "disablePyPIFallback": True,
            "loadPyodideOptions": {"packages": FIRST},
        }
    },
}


def write_source(to: Path) -> None:
    """Write what JupyterLite is built from, but for the runtime: settings and contents."""
    book = to / "files"
    for page in notebooks_in_order():
        place = book / f"{page}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.read(ROOT / f"{page}.ipynb", as_version=4)
        notebook.metadata.kernelspec = {"name": "python", "display_name": "Python (Pyodide)"}
        nbformat.write(notebook, place)
    shutil.copy(ROOT / "book" / "references.bib", book / "book")  # a page reads it
    build = {"contents": ["files"], "apps": APPS, "no_sourcemaps": True}
    build |= {"no_unused_shared_packages": True, "output_dir": str(OUTPUT)}
    (to / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": build}))
    settings = {"jupyter-lite-schema-version": 0, "jupyter-config-data": SETTINGS}
    (to / "jupyter-lite.json").write_text(json.dumps(settings))


def weigh(folder: Path) -> None:
    """Write down what a browser loads before the first cell runs, file by file."""
    runtime = folder / "static" / "pyodide"
    files = {
        path.relative_to(folder).as_posix(): sent(path.name, path.read_bytes())
        for path in runtime.iterdir()
    }
    (folder / "weight.json").write_text(json.dumps(files, sort_keys=True), encoding="utf-8")


def build(runtime: Path, without: Collection[str] = ()) -> None:
    """Build JupyterLite into _build/lite, without packages that the runtime lacks."""
    for folder in (OUTPUT, SOURCE):
        shutil.rmtree(folder, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    make_wheel(ROOT, SOURCE / "wheels")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    listed = ["--requirement", ROOT / "lite" / "wheels.txt", "--dest", SOURCE / "wheels"]
    fetched = subprocess.run([*pip, *listed], capture_output=True, text=True)
    if "DO NOT MATCH THE HASHES" in fetched.stderr:
        raise SystemExit(f"a wheel of lite/wheels.txt is another one:\n{fetched.stderr[-2000:]}")
    if fetched.returncode:
        raise Unreachable(f"pip cannot fetch lite/wheels.txt: {fetched.stderr[-300:].strip()}")
    wheels = [*(SOURCE / "wheels").glob("*.whl"), *(sys.prefix / EXTENSION).glob("*.whl")]
    wheels = [wheel for wheel in wheels if not wheel.name.startswith("widgetsnbextension-3")]
    to = SOURCE / "static" / "pyodide"
    gather(runtime, sorted(wheels), KERNEL, CACHE, to, without)
    write_source(SOURCE)
    command = [sys.executable, "-m", "jupyterlite_core", "build"]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"JupyterLite does not build:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    weigh(OUTPUT)


def main(runtime: Path, without: Collection[str] = ()) -> None:
    """Build, or say why not and leave nothing."""
    try:
        build(runtime, without)
    except Unreachable as reason:
        shutil.rmtree(OUTPUT, ignore_errors=True)
        print(f"no notebooks in the browser: {reason}\nThe book is built without them.")
        return
    megabytes = sum(path.stat().st_size for path in OUTPUT.rglob("*") if path.is_file()) / 1e6
    print(f"JupyterLite with {len(notebooks_in_order())} notebooks, {megabytes:.0f} MB: {OUTPUT}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runtime", nargs="?", type=Path, default=NPM)
    parser.add_argument("--without", action="append", default=[], metavar="package")
    given = parser.parse_args()
    main(given.runtime.resolve(), given.without)
