"""The ledger of claims as a page: what is claimed, what is right, and the check that shows it.

``{ledger} summary`` counts the claims by verdict and state, ``{ledger} S000`` lists the entries
of one document (``book`` for the book's own), ``{ledger} unchecked`` the theorems and
propositions of all pages whose statement no check shows, ``{claim}`S000-7` `` links to one entry
and ``{check}`S000-7` `` to the very check of a claim. How a claim stands is read from the stored
outputs of the notebooks, never kept by hand.
"""

import functools
import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from checks import verdict_of, words_of
from docutils import nodes
from markdown_directive import Markdown
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.writers.html5 import HTML5Translator

from ibias.claims import DOCUMENTS, VERDICTS, Standing, ledger, standings

logger = logging.getLogger(__name__)

PAGE = "perspective/claims"
STATES = ("checked", "unchecked", "planned", "not run")
NAMES = {"book": "the book"}


class ledger_entry(nodes.General, nodes.Element):
    """One claim; its data attributes are what the page's filter reads."""


def visit_entry(self: HTML5Translator, node: ledger_entry) -> None:
    """Open the article of one claim."""
    data = {f"data-{name}": value for name, value in node["data"].items()}
    self.body.append(self.starttag(node, "article", CLASS="ledger-entry", **data))


def depart_entry(self: HTML5Translator, node: ledger_entry) -> None:
    """Close the article of one claim."""
    self.body.append("</article>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write nothing around the entry, in formats without articles."""


class LedgerDirective(Markdown):
    """``{ledger} summary``, ``unchecked``, or a document: S000 ... S003, book."""

    required_arguments = 1
    choices: ClassVar = ("summary", "unchecked", *DOCUMENTS)

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the summary, or of one document's entries."""
        if self.arguments[0] not in self.choices:
            raise self.error(f"{{ledger}} takes one of {', '.join(self.choices)}")
        self.env.note_reread()  # any notebook may have changed
        standing = standing_now(Path(self.config.ledger_book))
        if self.arguments[0] == "summary":
            return [*self.parsed(summary(standing)), nodes.raw("", FILTER, format="html")]
        if self.arguments[0] == "unchecked":
            book = Path(self.config.ledger_book)
            return self.parsed(unchecked(statements(book), standing))
        listed = [s for s in standing.values() if s.claim.document == self.arguments[0]]
        return [self.entry(s) for s in listed] or self.parsed(["No entries yet."])

    def entry(self, standing: Standing) -> ledger_entry:
        """Return the node of one claim."""
        claim = standing.claim
        entry = ledger_entry(ids=[f"claim-{claim.id}"])
        entry["data"] = {
            "document": NAMES.get(claim.document, claim.document),
            "verdict": claim.verdict,
            "page": claim.page,
            "state": standing.state,
        }
        entry += nodes.raw("", heading(standing), format="html")
        entry += self.parsed([f"**Claim.** {claim.claim}", "", f"**Correct.** {claim.correct}"])
        if claim.same_as:
            repeats = nodes.paragraph("", "Repeats ")
            repeats += link(self.env, claim.same_as, PAGE, f"claim-{claim.same_as}")
            repeats += nodes.Text(".")
            entry += repeats
        entry += self.evidence(standing)
        if claim.reference:
            cited = ",".join(claim.reference)
            entry += self.parsed([f"**Sources.** {{cite:t}}`{cited}`"])
        return entry

    def evidence(self, standing: Standing) -> list[nodes.Node]:
        """Return what was measured, with links to the very checks, or why nothing was."""
        claim = standing.claim
        if standing.state == "not run":
            return self.parsed([f"**Not run.** {claim.not_run}"])
        if standing.state == "planned":
            planned = f"**Planned.** The page {claim.page} is not in the book yet."
            return self.parsed([planned])
        lead = nodes.paragraph("", "", nodes.strong("", "Measured."), nodes.Text(" On the page "))
        lead += link(self.env, claim.page, claim.page)
        lead += nodes.Text(":" if standing.checks else " no check stands yet.")
        lines = nodes.bullet_list(classes=["ledger-lines"])
        for check in standing.checks:
            served = claim.id if claim.id in check.ids else claim.same_as
            text = nodes.paragraph()
            text += link(self.env, words_of(check.statement), claim.page, f"check-{served}")
            text += nodes.Text(f": measured {check.measured}. Controls: ")
            controls = [line for line in standing.controls if line.assertion == check.assertion]
            text += nodes.Text(
                "; ".join(f"measured {one.measured}, {verdict_of(one.verdict)}" for one in controls)
                + "."
            )
            lines += nodes.list_item("", text)
        if not claim.wrong:
            return [lead, lines]
        caught = nodes.paragraph("", "", nodes.strong("", "Would have caught:"))
        caught += nodes.Text(f" {claim.wrong}.")
        return [lead, lines, caught]


class ClaimRole(SphinxRole):
    """``{claim}`S000-7` ``: a link to the entry of one claim."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.Node]]:
        """Return the link; an id that the ledger does not hold is a warning."""
        if self.text not in ledger():
            logger.warning("unknown claim %s", self.text, location=self.get_location())
        return [link(self.env, self.text, PAGE, f"claim-{self.text}")], []


class CheckRole(SphinxRole):
    """``{check}`S000-7` ``: a link to the check of one claim, on the page where it runs."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.Node]]:
        """Return the link; a claim without a check on its page is a warning."""
        anchor = check_anchor(Path(self.config.ledger_book), self.text)
        if anchor is None:
            logger.warning("no check of %s to link to", self.text, location=self.get_location())
            return [nodes.Text(self.text)], []
        reference = link(self.env, self.text, ledger()[self.text].page, anchor)
        reference["classes"].append("to-check")
        return [reference], []


@functools.cache
def standing_now(book: Path) -> dict[str, Standing]:
    """Return how every claim stands, by id; the notebooks are read once a build."""
    return standings(book)


def check_anchor(book: Path, claim_id: str) -> str | None:
    """Return the anchor of the check of a claim on its page, or None if it has none there."""
    standing = standing_now(book).get(claim_id)
    if standing is None:
        return None
    checked = {name for line in standing.checks for name in line.ids}
    served = [name for name in (claim_id, standing.claim.same_as) if name in checked]
    return f"check-{served[0]}" if served else None


# The controls are written by ledger.js, so that a page without scripts shows none that are dead.
FILTER = '<form id="ledger-filter" role="search" aria-label="Filter the claims" hidden></form>'


def heading(standing: Standing) -> str:
    """Return the heading of an entry: its id, verdict and state."""
    claim = standing.claim
    return (
        f'<h3><a href="#claim-{claim.id}">{html.escape(claim.id)}</a>'
        f' <span class="verdict {claim.verdict}">{claim.verdict}</span>'
        f' <span class="state">{standing.state}</span></h3>'
    )


def summary(standing: dict[str, Standing]) -> list[str]:
    """Return, in Markdown, the counts by verdict and document, and by state."""
    documents = [d for d in DOCUMENTS if any(s.claim.document == d for s in standing.values())]
    verdicts = Counter((s.claim.verdict, s.claim.document) for s in standing.values())
    states = Counter((s.state, s.claim.document) for s in standing.values())
    rows = [
        ["verdict, state", *(NAMES.get(document, document) for document in documents), "all"],
        ["---"] + ["--:"] * (len(documents) + 1),
    ]
    for names, counts in ((VERDICTS, verdicts), (STATES, states)):
        for name in names:
            row = [counts[name, document] for document in documents]
            if sum(row) or name not in ("unchecked", "planned"):
                rows.append([name, *map(str, row), str(sum(row))])
    checks = {line for s in standing.values() for line in s.checks}
    controls = {line for s in standing.values() for line in s.controls}
    checked = sum(s.state == "checked" for s in standing.values())
    counted = (
        f"Claims: {len(standing)}. Checked: {checked}. Checks that serve them: {len(checks)};"
        f" controls: {len(controls)}."
    )
    return [counted, "", *(f"| {' | '.join(row)} |" for row in rows)]


STATEMENT = re.compile(
    r"^[`~:]{3,}\{prf:(?P<kind>theorem|proposition|lemma|corollary)\}.*?^:label: (?P<label>\S+)$",
    re.DOTALL | re.MULTILINE,
)


def statements(book: Path) -> dict[str, list[str]]:
    """Return the labels of the theorems and their like in the notebooks of a book, by page."""
    found = {}
    for path in sorted(book.rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        if labels := [match["label"] for match in STATEMENT.finditer(text)]:
            found[path.relative_to(book).with_suffix("").as_posix()] = labels
    return found


def unchecked(labels: dict[str, list[str]], standing: dict[str, Standing]) -> list[str]:
    """Return, in Markdown, the statements that no checked claim names, page by page."""
    shown = {
        label for s in standing.values() if s.state == "checked" for label in s.claim.statements
    }
    lines = []
    for page, ones in labels.items():
        left = [f"{{prf:ref}}`{label}`" for label in ones if label not in shown]
        lines += [f"- {{doc}}`/book/{page}`: {', '.join(left)}"] if left else []
    return lines or ["None: every statement has a check."]


def link(env: Any, text: str, page: str, anchor: str = "") -> nodes.reference:
    """Return a link to a page of the book; its address is known when all pages are read."""
    prefix = Path(env.config.ledger_book).resolve().relative_to(Path(env.srcdir).resolve())
    target = ((prefix / page).as_posix(), anchor)
    return nodes.reference("", text, internal=True, refuri="", ledger=target)


def resolve_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the addresses of the links into the ledger and out of it."""
    for reference in doctree.findall(nodes.reference):
        if "ledger" not in reference:
            continue
        page, anchor = reference["ledger"]
        if page not in app.env.found_docs:
            logger.warning("the page %s is not in _toc.yml", page, location=reference)
            continue
        if page != docname:
            reference["refuri"] = app.builder.get_relative_uri(docname, page)
        if not anchor:
            reference.clear()
            reference += nodes.Text(app.env.titles[page].astext())
        reference["refuri"] += f"#{anchor}" if anchor else ""


def add_assets(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Load style and script on the pages that show entries."""
    if doctree is not None and next(doctree.findall(ledger_entry), None):
        app.add_css_file("ledger.css")
        app.add_js_file("ledger.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register directive, role and node."""
    app.add_config_value("ledger_book", str(Path(__file__).resolve().parents[1]), "env")
    plain = (skip, skip)
    app.add_node(ledger_entry, html=(visit_entry, depart_entry), latex=plain, text=plain, man=plain)
    app.add_directive("ledger", LedgerDirective)
    app.add_role("claim", ClaimRole())
    app.add_role("check", CheckRole())
    app.connect("doctree-resolved", resolve_links)
    app.connect("html-page-context", add_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
