"""What a page gives: lines under its title, and its results in a box at its end.

A page may say under its title what its reader will know, and what it needs::

    :::{gives}
    :know: why the margin decides, and which of its proofs you can repeat.
    :needs: setup/primer, linear/max_margin
    :::

How long it takes to read is counted. The results are the claims of the ledger that the page
checks, each with a link to its check, and what to read next is the next page of the contents:
nothing of this is kept by hand.
"""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from ledger import check_anchor, link, standing_now
from markdown_directive import Markdown
from sphinx.application import Sphinx
from status import minutes, spoken

from ibias.claims import Standing

PAGES = re.compile(r"book/(?!coursework/|index$)")
TITLE = re.compile(r"^# .*$", re.MULTILINE)
SAID = {"wrong": "Wrong", "imprecise": "More precisely"}


class next_place(nodes.General, nodes.Element):
    """The place of the link to the next page, until all pages are read."""


class GivesDirective(Markdown):
    """``{gives}`` with the options know and needs, both of which may be left out."""

    option_spec: ClassVar = {"know": directives.unchanged, "needs": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the lines that stand under the title."""
        box = nodes.container(classes=["gives"])
        if know := self.options.get("know"):
            box += self.line("You will know ", self.inline(know))
        if needs := self.options.get("needs"):
            links = []
            for page in map(str.strip, needs.split(",")):
                if f"book/{page}" not in self.env.found_docs:
                    raise self.error(f"{{gives}} needs {page}, which is not in the book")
                links += [nodes.Text(", "), link(self.env, page, page)]
            box += self.line("It needs ", [*links[1:], nodes.Text(".")])
        reading, exercises = minutes(Path(self.env.doc2path(self.env.docname)))
        together = f"{spoken(reading)} to read"
        together += f", {spoken(reading + exercises)} with the exercises." if exercises else "."
        box += self.line("It takes ", [nodes.Text(together)])
        return [box]

    def line(self, lead: str, rest: list[nodes.Node]) -> nodes.paragraph:
        """Return one line."""
        return nodes.paragraph("", "", nodes.strong("", lead), *rest, classes=["line"])


class ResultsDirective(Markdown):
    """``{results}`` is put at the end of each page whose checks serve the ledger."""

    def run(self) -> list[nodes.Node]:
        """Return the box of results."""
        self.env.note_reread()  # the ledger may have changed
        book = Path(self.config.ledger_book)
        page = self.env.docname.removeprefix("book/")
        listed = nodes.bullet_list()
        for standing in checked(book, page):
            listed += nodes.list_item("", nodes.paragraph("", "", *self.result(book, standing)))
        box = nodes.container(classes=["results"])
        box += nodes.paragraph("", "The results of this page", classes=["line", "lead"])
        box += [listed, next_place()]
        return [box]

    def result(self, book: Path, standing: Standing) -> list[nodes.Node]:
        """Return one claim, what is right instead if it is wrong, and the link to its check."""
        claim = standing.claim
        reference = link(self.env, claim.id, claim.page, check_anchor(book, claim.id))
        reference["classes"].append("to-check")
        said = self.inline(claim.claim)
        if claim.verdict in SAID:
            said = [nodes.inline("", "", *said, classes=["claimed"]), nodes.Text(" ")]
            said += [nodes.strong("", f"{SAID[claim.verdict]}:"), nodes.Text(" ")]
            said += self.inline(claim.correct)
        return [*said, nodes.Text(" "), reference]


def checked(book: Path, page: str) -> list[Standing]:
    """Return the checked claims of a page, each once, the right ones first."""
    there = [
        s for s in standing_now(book).values() if s.claim.page == page and s.state == "checked"
    ]
    own = {standing.claim.id for standing in there}
    once = [s for s in there if s.claim.same_as not in own]
    return sorted(once, key=lambda standing: standing.claim.verdict in SAID)


def surround(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the directives where they belong, into what is read of a notebook."""
    if not PAGES.match(docname) or not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    texts = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    first = "".join(texts[0]["source"])
    if "{gives}" not in first:
        texts[0]["source"] = TITLE.sub(r"\g<0>\n\n:::{gives}\n:::", first, count=1)
    if checked(Path(app.config.ledger_book), docname.removeprefix("book/")):
        own = {"id": "results"} if "id" in texts[0] else {}
        end = {"cell_type": "markdown", "metadata": {}, "source": ":::{results}\n:::", **own}
        notebook["cells"].append(end)
    source[0] = json.dumps(notebook)


def to_the_end(app: Sphinx, doctree: nodes.document) -> None:
    """Take the box out of the last section: it is about the whole page."""
    for box in list(doctree.findall(nodes.container)):
        if "results" in box["classes"]:
            box.parent.remove(box)
            next(doctree.findall(nodes.section)).append(box)


def lead_on(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say what to read next, in the order of the table of contents."""
    order = [app.config.root_doc, *app.env.toctree_includes.get(app.config.root_doc, [])]
    for place in list(doctree.findall(next_place)):
        following = order[order.index(docname) + 1 : order.index(docname) + 2]
        line: list[Any] = []
        for page in following:
            reference = nodes.reference("", app.env.titles[page].astext(), internal=True)
            reference["refuri"] = app.builder.get_relative_uri(docname, page)
            line = [nodes.paragraph("", "Next: ", reference, nodes.Text("."), classes=["line"])]
        place.replace_self(line)


def setup(app: Sphinx) -> dict:
    """Register the directives, and what puts them into the pages."""
    app.add_node(next_place)
    app.add_directive("gives", GivesDirective)
    app.add_directive("results", ResultsDirective)
    app.connect("source-read", surround)
    app.connect("doctree-read", to_the_end)
    app.connect("doctree-resolved", lead_on)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
