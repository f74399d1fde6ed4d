"""Run notebooks in a browser, as readers do, and compare every verdict with the stored one.

    python tools/in_browser.py [--site folder] book/linear/max_margin.ipynb ...

Opens each in the JupyterLite of the built site, runs all cells in WebAssembly, and compares the
lines of checks, controls, wrong theories and solutions with the outputs that the notebook holds,
but for the digits measured. A cell that fails, another verdict, or a request to another host is
an error.
"""

import argparse
import gzip
import json
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from browser import SITE, chromium, executable, patience, served

from ibias.claims import LINE

ROOT = Path(__file__).resolve().parent.parent
MEASURED = re.compile(r"\[measured [^\]]*\]")
SESSION = "jupyterapp.shell.currentWidget.sessionContext"
READY = f"window.jupyterapp?.shell.currentWidget?.context?.isReady && {SESSION}.isReady"
IDLE = f"{SESSION}.kernelDisplayStatus === 'idle'"
CELLS = """[...jupyterapp.shell.currentWidget.content.model.cells]
    .filter(cell => cell.type === "code")
    .map(cell => ({ran: cell.executionCount, outputs: cell.outputs.toJSON()}))"""
RAN = f"""() => {{
    const cells = {CELLS};
    const broken = cells.some(cell => cell.outputs.some(o => o.output_type === "error"));
    return broken || (cells.every(cell => cell.ran) && {IDLE});
}}"""


def verdicts(cells: list[dict]) -> list[str]:
    """Return the lines that judge, without the digits measured."""
    text = [
        line
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] == "stream"
        for line in "".join(output["text"]).splitlines()
    ]
    judging = [line for line in text if LINE.match(line) or line.startswith("solution ")]
    return [MEASURED.sub("", line).rstrip(" |") for line in judging]


@dataclass
class Ran:
    """What came of a notebook in the browser."""

    troubles: list[str] = field(default_factory=list)
    lines: int = 0
    cells: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    memory: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.cells} cells, {self.lines} verdicts, {self.seconds:.0f} s,"
            f" {self.megabytes:.1f} MB loaded, {self.memory:.0f} MB of memory"
        )


def renderers() -> float:
    """Return the memory of the largest process that this one has started, in MB."""
    sizes = [one.memory_info().rss for one in psutil.Process().children(recursive=True)]
    return max(sizes) / 1e6


def weight(path: Path) -> int:
    """Return the bytes of a file as a host that compresses sends it."""
    data = path.read_bytes()
    return len(data if path.suffix in (".whl", ".zip") else gzip.compress(data, 6))


def run(browser: Any, address: str, site: Path, page: str) -> Ran:
    """Run one notebook of the site in a browser with an empty cache."""
    ran, loaded = Ran(), set()
    context = browser.new_context()

    def note(request: Any) -> None:
        if request.url.startswith(address):
            loaded.add(request.url.removeprefix(address).partition("?")[0].lstrip("/"))
        elif request.url.startswith(("http:", "https:")):
            ran.troubles.append(f"asks another host: {request.url}")

    context.on("request", note)
    start = time.monotonic()
    tab = context.new_page()
    tab.set_default_timeout(5 * patience())
    tab.goto(f"{address}/lite/notebooks/index.html?path={page}")
    tab.wait_for_function(READY)
    tab.wait_for_function(IDLE)
    tab.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    tab.wait_for_function(RAN, polling=200)
    cells = tab.evaluate(CELLS)
    ran.seconds, ran.memory = time.monotonic() - start, renderers()
    context.close()
    ran.megabytes = sum(weight(site / one) for one in loaded if (site / one).is_file()) / 1e6
    ran.cells = sum(cell["ran"] is not None for cell in cells)
    for cell in cells:
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                ran.troubles.append(f"{output['ename']}: {output['evalue']}")
    stored = json.loads((ROOT / page).read_text(encoding="utf-8"))["cells"]
    expected = verdicts([cell for cell in stored if cell["cell_type"] == "code"])
    said = verdicts(cells)
    ran.lines = len(said)
    ran.troubles += [f"is not said in the browser: {one}" for one in expected if one not in said]
    ran.troubles += [f"is said in the browser alone: {one}" for one in said if one not in expected]
    if len(said) != len(expected):
        ran.troubles.append(f"says {len(said)} verdicts, and the notebook holds {len(expected)}")
    return ran


def main(site: Path, chosen: list[str]) -> int:
    """Run the notebooks; return how many have a trouble."""
    if not (site / "lite").exists():
        print("there is no JupyterLite beside the book: run `make lite`, with a network")
        return 1
    if not executable():
        print("no Chromium or Chrome was found; python tools/browser.py says how to get one")
        return 1
    failed = 0
    with served(site) as address, chromium() as browser:
        for page in chosen:
            ran = run(browser, address, site, page)
            failed += bool(ran.troubles)
            print(f"{page}: {ran}", *(f"    {one}" for one in ran.troubles), sep="\n", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", default=["book/linear/max_margin.ipynb"])
    parser.add_argument("--site", type=Path, default=SITE)
    given = parser.parse_args()
    sys.exit(main(given.site.resolve(), given.pages) > 0)
