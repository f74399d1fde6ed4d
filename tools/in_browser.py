"""Run notebooks in a browser, as readers do, and compare every verdict with the stored one.

    python tools/in_browser.py [--site folder] [--only whole|tried] [--without package] [paths]

Opens each notebook of the contents under `paths`, or one without them, in the JupyterLite of the
built site, and runs all of its cells in WebAssembly; see `verdicts.py` for what is compared. The
coursework is run with the reference answers in it. Then "Try it" is clicked on each page that has
it, a number of its code changed, and it is run again. A cell that fails, another verdict, or a
request to another host is an error. `--without` names what the runtime was built without: what
asks for it is counted apart.
"""

import argparse
import ast
import json
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from browser import SITE, chromium, executable, patience, sent, served
from contents import notebooks_in_order
from grading.assignment import IDENTIFIER, PAGES, Assignment
from verdicts import compare, error, excuse, lacks, marked, words

ROOT = Path(__file__).resolve().parent.parent
FIRST = ROOT / "book/linear/max_margin.ipynb"
LOCK = Path("lite/static/pyodide/pyodide-lock.json")
SESSION = "jupyterapp.shell.currentWidget.sessionContext"
READY = f"window.jupyterapp?.shell.currentWidget?.context?.isReady && {SESSION}.isReady"
IDLE = f"{SESSION}.kernelDisplayStatus === 'idle'"
CODE = """[...jupyterapp.shell.currentWidget.content.model.cells]
    .filter(cell => cell.type === "code")"""
CELLS = f"{CODE}.map(cell => cell.outputs.toJSON())"
PREPARE = f"""answers => {CODE}.forEach(cell => {{
    const source = cell.sharedModel.getSource();
    if (source in answers) cell.sharedModel.setSource(answers[source]);
}})"""
# What is stored in the notebook must not be taken for what it says here.
CLEAR = "jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
# The notebook stops at a cell that fails; what has not run then, runs after it.
RUN_ON = """async () => {
    const notebook = jupyterapp.shell.currentWidget.content, cells = [...notebook.model.cells];
    const next = cells.findIndex(cell => cell.type === "code" && !cell.executionCount);
    if (next < 0) return false;
    notebook.activeCellIndex = next;
    await jupyterapp.commands.execute("notebook:run-all-below");
    return true;
}"""
CONSOLE = "jupyterapp.shell.currentWidget.console"
SHOWN = f"""() => [...{CONSOLE}.cells]
    .filter(cell => cell.model.type === "code").flatMap(cell => cell.model.outputs.toJSON())"""
CHANGE = f"code => {CONSOLE}.promptCell.model.sharedModel.setSource(code)"
CHANGES = 4  # numbers that are tried: not each may take another value


@dataclass
class Ran:
    """What came of a notebook, or of an experiment in place, in the browser."""

    what: str = ""
    lacking: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: float = 0.0
    memory: float = 0.0

    def __str__(self) -> str:
        lines = [*self.lacking, *self.troubles]
        return "".join(
            [
                f"{self.what}, {self.seconds:.0f} s, {self.megabytes:.1f} MB loaded,"
                f" {self.memory:.0f} MB of memory",
                *(f"\n    {line}" for line in lines),
            ]
        )


def renderers() -> float:
    """Return the memory of the largest process that this one has started, in MB."""
    sizes = [one.memory_info().rss for one in psutil.Process().children(recursive=True)]
    return max(sizes) / 1e6


class Visit:
    """A new tab with an empty cache: what it asks for, what it takes, how long it is open."""

    def __init__(self, browser: Any, address: str, site: Path) -> None:
        self.address, self.site, self.ran = address, site, Ran()
        self.loaded: set[str] = set()
        self.start = time.monotonic()
        context = browser.new_context()
        context.on("request", self._note)
        self.tab = context.new_page()
        self.tab.set_default_timeout(5 * patience())

    def _note(self, request: Any) -> None:
        if request.url.startswith(f"{self.address}/"):
            asked = request.url.removeprefix(self.address).partition("?")[0]
            self.loaded.add(asked.partition("#")[0].lstrip("/"))
        elif request.url.startswith(("http:", "https:")):
            self.ran.troubles.append(f"asks another host: {request.url}")

    def over(self) -> Ran:
        """Close the tab, and say what it took."""
        self.ran.seconds = time.monotonic() - self.start
        self.ran.memory = renderers()
        self.tab.context.close()
        files = [self.site / one for one in self.loaded if (self.site / one).is_file()]
        self.ran.megabytes = sum(sent(one.name, one.read_bytes()) for one in files) / 1e6
        return self.ran


def answers(page: str) -> dict[str, str]:
    """Return what is put in the place of blanks in the coursework: answers, an identifier."""
    assignment = Assignment(Path(page).stem)
    given = {blank: assignment.solution(name) for name, blank in assignment.blank.items()}
    for cell in nbformat.read(assignment.page, as_version=4).cells:
        if cell.cell_type == "code" and IDENTIFIER.search(cell.source):
            given[cell.source] = IDENTIFIER.sub('student_id = "ada"', cell.source)
    return given


def run(visit: Visit, page: str, without: Collection[str]) -> Ran:
    """Run one notebook of the site whole."""
    course = PAGES in (ROOT / page).parents
    visit.tab.goto(f"{visit.address}/lite/notebooks/index.html?path={page}.ipynb")
    visit.tab.wait_for_function(READY)
    visit.tab.wait_for_function(IDLE)
    visit.tab.evaluate(PREPARE, answers(page) if course else {})
    visit.tab.evaluate(CLEAR)
    if any(visit.tab.evaluate(CELLS)):
        raise RuntimeError("the outputs that are stored could not be cleared")
    cells = json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    stored = [cell for cell in cells if cell["cell_type"] == "code"]
    for _ in stored:
        if not visit.tab.evaluate(RUN_ON):
            break
    visit.tab.wait_for_function(IDLE)
    judge = marked if course else compare
    said = judge(stored, visit.tab.evaluate(CELLS), without)
    visit.ran.what = f"{said.cells} of {said.of} cells, {said.same} of {said.stored} verdicts"
    visit.ran.lacking, visit.ran.troubles = said.lacking, visit.ran.troubles + said.troubles
    return visit.over()


def changed(code: str) -> list[tuple[str, str]]:
    """Return the code with another number in it, and which: those with a point come first."""
    numbers = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float)
    ]
    made, lines = [], code.splitlines()
    for node in sorted(numbers, key=lambda node: isinstance(node.value, int)):
        line = lines[node.lineno - 1].encode()
        new = f"{node.value + 1}" if isinstance(node.value, int) else f"{1.1 * node.value or 0.1:g}"
        other = line[: node.col_offset] + new.encode() + line[node.end_col_offset :]
        text = "\n".join([*lines[: node.lineno - 1], other.decode(), *lines[node.lineno :]])
        made.append((text, f"{ast.get_source_segment(code, node)} -> {new}"))
    return made


def try_it(visit: Visit, page: str, without: Collection[str]) -> Ran:
    """Click "Try it" on a page, wait until its experiment has run; change a number, run again."""
    tab, ran = visit.tab, visit.ran
    tab.goto(f"{visit.address}/{page}.html")
    tab.wait_for_load_state("load")
    ran.troubles += [f"is loaded before the click: {one}" for one in visit.loaded if "lite/" in one]
    visit.start = time.monotonic()
    tab.click(".try-it button")
    tab.wait_for_selector(".try-it[data-state]")
    first = time.monotonic() - visit.start
    ran.what = f"tried in place: {first:.0f} s"
    if tab.get_attribute(".try-it", "data-state") != "ready":
        why = tab.inner_text(".try-it [role=status]")
        (ran.lacking if lacks(why, without) else ran.troubles).append(why)
        return visit.over()
    (frame,) = (one for one in tab.frames if "/lite/repl/" in one.url)
    outputs = frame.evaluate(SHOWN)
    if failed := error(outputs):
        why = excuse(failed, without, [])
        (ran.lacking if why else ran.troubles).append(f"the experiment {why or words(failed)}")
        return visit.over()
    if not outputs:
        ran.troubles.append("the experiment shows nothing")
    place = visit.site / tab.get_attribute(".try-it", "data-code")
    code = json.loads(place.read_text(encoding="utf-8"))["code"]
    refused = []
    for text, how in [*changed(code)[:CHANGES], (code, "nothing changed")]:
        since = time.monotonic()
        frame.evaluate(CHANGE, text)
        tab.click(".try-it button")
        tab.wait_for_selector(".try-it button:enabled")
        outputs = frame.evaluate(SHOWN)
        failed = error(outputs)
        if failed is None:
            again = time.monotonic() - since
            ran.what += f", and with {how} {again:.0f} s"
            return visit.over()
        refused.append(f"with {how} it says {words(failed)}")
    ran.troubles += refused
    return visit.over()


def tasks(site: Path, chosen: list[str], only: str | None) -> list[tuple[Callable, str]]:
    """Return what is done with which page."""
    whole = [(run, page) for page in chosen if only != "tried"]
    html = [page for page in chosen if (site / f"{page}.html").exists() and only != "whole"]
    live = [page for page in html if 'class="try-it"' in (site / f"{page}.html").read_text("utf-8")]
    return whole + [(try_it, page) for page in live]


def main(site: Path, chosen: list[str], only: str | None, without: list[str]) -> int:
    """Run the notebooks; return how many have a trouble."""
    if not (site / LOCK).exists():
        print("there is no JupyterLite beside the book: run `make lite`, with a network")
        return 1
    there = json.loads((site / LOCK).read_text(encoding="utf-8"))["packages"].keys()
    if has := sorted(there & set(without)):
        print(f"the runtime has {', '.join(has)}: leave --without out")
        return 1
    if not executable():
        print("no Chromium or Chrome was found; python tools/browser.py says how to get one")
        return 1
    failed = lacking = 0
    with served(site) as address, chromium() as browser:
        todo = tasks(site, chosen, only)
        for task, page in todo:
            ran = task(Visit(browser, address, site), page, without)
            failed += bool(ran.troubles)
            lacking += bool(ran.lacking and not ran.troubles)
            print(f"{page}: {ran}", flush=True)
    if lacking:
        print(f"{lacking} could not run whole: this runtime lacks {', '.join(without)}")
    print(f"{len(todo) - failed - lacking} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[FIRST])
    parser.add_argument("--site", type=Path, default=SITE)
    parser.add_argument("--only", choices=["whole", "tried"])
    parser.add_argument("--without", action="append", default=[], metavar="package")
    given = parser.parse_args()
    paths = [path.resolve() for path in given.paths]
    chosen = [
        page
        for page in notebooks_in_order()
        if any((ROOT / f"{page}.ipynb").is_relative_to(path) for path in paths)
    ]
    sys.exit(main(given.site.resolve(), chosen, given.only, given.without) > 0)
