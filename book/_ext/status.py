"""What each page takes, measured by the build that wrote it.

``{status}`` is a table of the notebooks: seconds of one core and peak memory are those of the
notebook's execution; checks and controls are counted in its stored outputs. ``{route}`` lists
pages to read in this order, each with the time that it takes a reader.
"""

import platform
import re
from importlib.metadata import version
from pathlib import Path

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ibias.claims import outcomes

LIBRARIES = ("numpy", "scipy", "matplotlib", "scikit-learn", "cvxpy", "clarabel")
COLUMNS = ("page", "minutes", "checks", "controls", "seconds", "MB")
WORDS_A_MINUTE = 100  # mathematics reads slowly
MINUTES_A_FORMULA = 0.5  # one that stands on its own
MINUTES_AN_EXERCISE = 10
FORMULA = re.compile(r"\$\$.+?\$\$|^[`~:]{3,}\s*\{math\}", re.DOTALL | re.MULTILINE)
EXERCISE = re.compile(r"(?m)^\s*[`~:]{3,}\s*\{exercise\}")


class status_place(nodes.General, nodes.Element):
    """The place of the table, until all pages are read."""


class route_place(nodes.General, nodes.Element):
    """The place of a route, until all pages are read."""


class StatusDirective(SphinxDirective):
    """``{status}`` takes no argument."""

    def run(self) -> list[nodes.Node]:
        """Return the place of the table."""
        self.env.note_reread()
        return [status_place()]


class RouteDirective(SphinxDirective):
    """``{route}`` takes pages of the book, one a line: ``linear/max_margin``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the place of the route; a page that is not in the book fails the build."""
        pages = [f"book/{line.strip()}" for line in self.content if line.strip()]
        for page in pages:
            if page not in self.env.found_docs:
                raise self.error(f"{{route}} leads to {page}, which is not in the book")
        self.env.note_reread()
        return [route_place(pages=pages)]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the table and the routes in their places."""
    for place in list(doctree.findall(status_place)):
        place.replace_self([table(app, docname), versions()])
    for place in list(doctree.findall(route_place)):
        place.replace_self(route(app, docname, place["pages"]))


def minutes(source: Path) -> tuple[int, int]:
    """Return the minutes that the text of a page takes: to read, and to do its exercises."""
    if source.suffix == ".ipynb":
        cells = nbformat.read(source, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = source.read_text(encoding="utf-8")
    exercises = len(EXERCISE.findall(text))
    reading = len(text.split()) / WORDS_A_MINUTE + MINUTES_A_FORMULA * len(FORMULA.findall(text))
    return round(reading), MINUTES_AN_EXERCISE * exercises


def spoken(duration: int) -> str:
    """Return minutes in words, to five minutes: 85 is 1 h 25 min."""
    hours, rest = divmod(5 * round(duration / 5), 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0))


def link(app: Sphinx, docname: str, page: str) -> nodes.reference:
    """Return a link from `docname` to `page`, named by its title."""
    reference = nodes.reference("", app.env.titles[page].astext(), internal=True)
    reference["refuri"] = app.builder.get_relative_uri(docname, page)
    return reference


def route(app: Sphinx, docname: str, pages: list[str]) -> list[nodes.Node]:
    """Return the pages of a route as a list, and what they take together."""
    times = [minutes(Path(app.env.doc2path(page))) for page in pages]
    listed = nodes.enumerated_list(classes=["route"])
    for page, (reading, _) in zip(pages, times, strict=True):
        text = nodes.inline("", f" {spoken(reading)}", classes=["time"])
        listed += nodes.list_item("", nodes.paragraph("", "", link(app, docname, page), text))
    reading, exercises = map(sum, zip(*times, strict=True))
    together = f"{spoken(reading)} to read, {spoken(reading + exercises)} with the exercises."
    return [listed, nodes.paragraph("", together, classes=["status"])]


def table(app: Sphinx, docname: str) -> nodes.table:
    """Return a row for each notebook, in the order of the table of contents."""
    cache = get_cache(app.config.nb_execution_cache_path or f"{app.outdir}/../.jupyter_cache")
    rows, counted = [], []
    for page in [app.config.root_doc, *app.env.toctree_includes.get(app.config.root_doc, [])]:
        source = Path(app.env.doc2path(page))
        if source.suffix != ".ipynb" or source.parent.name == "coursework":
            continue
        run = cache.match_cache_notebook(nbformat.read(source, as_version=4)).data
        lines = outcomes(source)
        checks = sum(line.role == "check" for line in lines)
        cost = [run["execution_seconds"], run.get("memory", 0)]
        counts = [sum(minutes(source)), checks, len(lines) - checks, *cost]
        counted.append(counts)
        rows.append(row(nodes.paragraph("", "", link(app, docname, page)), *cells(counts)))
    *sums, memory = zip(*counted, strict=True)
    rows.append(row(nodes.paragraph("", "all"), *cells([*map(sum, sums), max(memory)])))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in (3, 1, 1, 1, 1, 1)), cols=6)
    group += nodes.thead("", row(*(nodes.paragraph("", name) for name in COLUMNS)))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=["status"])


def cells(counts: list) -> list[nodes.paragraph]:
    """Return the counts as text."""
    return [nodes.paragraph("", f"{count:.0f}") for count in counts]


def row(*paragraphs: nodes.paragraph) -> nodes.row:
    """Return a row of a table."""
    return nodes.row("", *(nodes.entry("", paragraph) for paragraph in paragraphs))


def versions() -> nodes.paragraph:
    """Return what the notebooks ran with."""
    listed = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    text = (
        f"Minutes are a reader's: {WORDS_A_MINUTE} words a minute, half a minute a displayed"
        f" formula and {MINUTES_AN_EXERCISE} minutes an exercise. Seconds and memory are those of"
        " the notebook, executed on one core with"
        f" Python {platform.python_version()}, {listed}."
    )
    return nodes.paragraph("", text, classes=["status"])


def setup(app: Sphinx) -> dict:
    """Register the directives."""
    app.add_node(status_place)
    app.add_node(route_place)
    app.add_directive("status", StatusDirective)
    app.add_directive("route", RouteDirective)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
