"""Run notebooks in a browser, as readers do, and compare every verdict with the stored one.

    python tools/in_browser.py [--site folder] [paths]

Opens each, or one without paths, in the JupyterLite of the built site, runs all cells in
WebAssembly, and compares the lines of checks, controls, wrong theories and solutions with the
outputs that the notebook holds, but for the digits measured. Then it clicks "Try it" on the page,
where there is one. A cell that fails, another verdict, or a request to another host is an error.
"""

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from browser import SITE, chromium, executable, patience, sent, served
from notebooks import notebooks

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


def opened(browser: Any, address: str, ran: Ran, loaded: set[str]) -> Any:
    """Return a new page with an empty cache; what it asks for goes into `loaded`."""
    context = browser.new_context()

    def note(request: Any) -> None:
        if request.url.startswith(f"{address}/"):
            loaded.add(request.url.removeprefix(address).partition("?")[0].lstrip("/"))
        elif request.url.startswith(("http:", "https:")):
            ran.troubles.append(f"asks another host: {request.url}")

    context.on("request", note)
    tab = context.new_page()
    tab.set_default_timeout(5 * patience())
    return tab


SHOWN = """() => [...jupyterapp.shell.currentWidget.console.cells]
    .filter(cell => cell.model.type === "code").map(cell => cell.model.outputs.toJSON())"""
CHANGED = """() => {
    const console = jupyterapp.shell.currentWidget.console;
    console.promptCell.model.sharedModel.setSource("print('changed', 6 * 7)");
}"""


def try_it(browser: Any, address: str, page: str) -> Ran:
    """Click "Try it" on a page of the site, wait until its experiment has run; change it, run."""
    ran, loaded = Ran(), set()
    tab = opened(browser, address, ran, loaded)
    tab.goto(f"{address}/{page}")
    tab.wait_for_load_state("load")
    ran.troubles += [f"is loaded before the click: {one}" for one in loaded if "lite/" in one]
    start = time.monotonic()
    tab.click(".try-it button")
    tab.wait_for_selector(".try-it[data-state]")
    ran.seconds, ran.memory = time.monotonic() - start, renderers()
    if tab.get_attribute(".try-it", "data-state") != "ready":
        ran.troubles.append(tab.inner_text(".try-it [role=status]"))
        return ran
    (frame,) = (one for one in tab.frames if "/lite/repl/" in one.url)
    cells = frame.evaluate(SHOWN)
    ran.cells = len(cells)
    outputs = [output for cell in cells for output in cell]
    failed = [one for one in outputs if one["output_type"] == "error"]
    ran.troubles += [f"{one['ename']}: {one['evalue']}" for one in failed]
    if not outputs:
        ran.troubles.append("the experiment shows nothing")
    frame.evaluate(CHANGED)
    tab.click(".try-it button")
    frame.wait_for_function(f"JSON.stringify(({SHOWN})()).includes('changed 42')")
    tab.context.close()
    return ran


def run(browser: Any, address: str, site: Path, page: str) -> Ran:
    """Run one notebook of the site in a browser with an empty cache."""
    ran, loaded = Ran(), set()
    start = time.monotonic()
    tab = opened(browser, address, ran, loaded)
    tab.goto(f"{address}/lite/notebooks/index.html?path={page}")
    tab.wait_for_function(READY)
    tab.wait_for_function(IDLE)
    tab.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    tab.wait_for_function(RAN, polling=200)
    cells = tab.evaluate(CELLS)
    ran.seconds, ran.memory = time.monotonic() - start, renderers()
    tab.context.close()
    files = [site / one for one in loaded if (site / one).is_file()]
    ran.megabytes = sum(sent(one.name, one.read_bytes()) for one in files) / 1e6
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
            said = [f"{page}: {ran}"]
            html = page.replace(".ipynb", ".html")
            if 'class="try-it"' in (site / html).read_text(encoding="utf-8"):
                tried = try_it(browser, address, html)
                said.append(f"    tried in place: {tried.seconds:.0f} s, {tried.memory:.0f} MB")
                ran.troubles += tried.troubles
            failed += bool(ran.troubles)
            print(*said, *(f"    {one}" for one in ran.troubles), sep="\n", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", default=[ROOT / "book/linear/max_margin.ipynb"])
    parser.add_argument("--site", type=Path, default=SITE)
    given = parser.parse_args()
    chosen = [path.resolve().relative_to(ROOT).as_posix() for path in notebooks(given.pages)]
    sys.exit(main(given.site.resolve(), chosen) > 0)
