"""``{status}``: a table of the book's notebooks, measured by the build that wrote it.

Seconds of one core and peak memory are those of the notebook's execution; checks and controls
are counted in its stored outputs.
"""

import platform
from importlib.metadata import version
from pathlib import Path

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ibias.claims import outcomes

LIBRARIES = ("numpy", "scipy", "matplotlib", "scikit-learn", "cvxpy-base", "clarabel")
COLUMNS = ("page", "checks", "controls", "seconds", "MB")


class status_place(nodes.General, nodes.Element):
    """The place of the table, until all pages are read."""


class StatusDirective(SphinxDirective):
    """``{status}`` takes no argument."""

    def run(self) -> list[nodes.Node]:
        """Return the place of the table."""
        self.env.note_reread()
        return [status_place()]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the table in its place."""
    for place in doctree.findall(status_place):
        place.replace_self([table(app, docname), versions()])


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
        counts = [checks, len(lines) - checks, run["execution_seconds"], run.get("memory", 0)]
        counted.append(counts)
        link = nodes.reference("", app.env.titles[page].astext(), internal=True)
        link["refuri"] = app.builder.get_relative_uri(docname, page)
        rows.append(row(nodes.paragraph("", "", link), *cells(counts)))
    *sums, memory = zip(*counted, strict=True)
    rows.append(row(nodes.paragraph("", "all"), *cells([*map(sum, sums), max(memory)])))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in (3, 1, 1, 1, 1)), cols=5)
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
    text = f"Executed with Python {platform.python_version()}, {listed}, on one core."
    return nodes.paragraph("", text, classes=["status"])


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_node(status_place)
    app.add_directive("status", StatusDirective)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
