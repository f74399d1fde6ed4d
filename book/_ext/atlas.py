"""The atlas in the book: its entries as the table of the map, and the laboratory over the grid.

``{atlas}`` writes the table, one row an entry of `ibias.atlas`, each claim linked to its check.
``{laboratory}`` writes the controls, the stored grid and what the atlas says of each combination;
laboratory.js draws it. Without the script everything that was stored stands there as a table.
"""

import html
import json
from itertools import product
from typing import Any

from docutils import nodes
from markdown_directive import Markdown
from sphinx.application import Sphinx

from ibias.atlas import ENTRIES, Entry
from ibias.atlas.entry import CLAIMS, plain
from ibias.sweeps import Table, grid, load

HEADINGS = ("model and loss", "method, step, start, noise", "what is selected", "if", "how fast,"
            " how far")  # fmt: skip
WIDTHS = "18 20 25 20 17"
NAMES = {
    "l1": "ℓ₁", "l2": "ℓ₂", "linf": "ℓ∞",
    "nuclear": "nuclear", "Frobenius": "Frobenius", "spectral": "spectral",
}  # fmt: skip


def linked(text: str) -> str:
    """Return a text of the atlas with each claim linked to its check.

    >>> linked("the margin [S000-4 S000-6]")
    'the margin {check}`S000-4` {check}`S000-6`'
    """
    roles = lambda match: "".join(f" {{check}}`{name}`" for name in match[1].split())  # noqa: E731
    return CLAIMS.sub(roles, text)


def table(entries: tuple[Entry, ...]) -> list[str]:
    """Return the list-table of some entries, in Markdown."""
    lines = ["```{list-table}", ":header-rows: 1", ":class: map", f":widths: {WIDTHS}", ""]
    for cells in [HEADINGS, *(entry.cells for entry in entries)]:
        for index, text in enumerate(cells):
            lines.append(f"{'*' if index == 0 else ' '} - {linked(text)}")
    return [*lines, "```"]


class AtlasDirective(Markdown):
    """``{atlas}``: all entries as one table."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_reread()  # the package may have changed
        return self.parsed(table(ENTRIES))


class laboratory(nodes.General, nodes.Element):
    """The laboratory; what stands in it is shown without a script, too."""


class LaboratoryDirective(Markdown):
    """``{laboratory}``: controls, bars and words over the stored grid."""

    def run(self) -> list[nodes.Node]:
        """Return the laboratory."""
        self.env.note_reread()
        stored = load(grid.NAME)
        sayings = said(stored)
        box = laboratory(ids=["laboratory"])
        data = json.dumps(packed(stored, sayings), separators=(",", ":"), ensure_ascii=False)
        box += nodes.raw("", PANEL + f'<script type="application/json">{data}</script>',
                         format="html")  # fmt: skip
        for number, (key, words) in enumerate(sayings):
            saying = nodes.container(classes=["saying"], ids=[f"saying-{number}"])
            saying += self.parsed(saying_lines(key, words))
            box += saying
        box += nodes.raw("", whole(stored), format="html")
        return [box]


# The script fills the form and the list; without scripts laboratory.css shows neither.
PANEL = (
    '<form class="choice" aria-label="Choose a combination"></form>'
    '<div class="result"><ul class="bars"></ul>'
    '<p class="summary" role="status" aria-live="polite"></p></div>'
)


def said(stored: Table) -> list[tuple[str, str]]:
    """Return every pair of an entry and its words that the grid holds, in order."""
    pairs = {}
    for row in stored.rows:
        if "entry" not in row:
            continue
        for start, data in product(range(2), range(3)):
            pair = _at(row["entry"], start, data), _at(row["selected"], start, data)
            if pair[0]:
                pairs[pair] = None
    return list(pairs)


def _at(value: Any, start: int, data: int) -> str:
    return value if isinstance(value, str) else value[start][data]


def saying_lines(key: str, words: str) -> list[str]:
    """Return what the atlas says, in Markdown."""
    entry = next(one for one in ENTRIES if one.key == key)
    claims = " ".join(f"{{check}}`{name}`" for name in entry.claims)
    conditions = entry.cells[3]
    return [
        f"**The theory: {CLAIMS.sub('', words)}.** {_sentence(entry.model)}:"
        f" {CLAIMS.sub('', entry.method)}.",
        "",
        f"Said in the theorem of {{cite:t}}`{entry.theorem}`; if or when: "
        f"{CLAIMS.sub('', conditions)}. How fast: {CLAIMS.sub('', entry.rate)}.",
        "",
        f"Checks: {claims}",
    ]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def packed(stored: Table, sayings: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the grid for the script: names once, rows as lists."""
    numbers = {pair: number for number, pair in enumerate(sayings)}
    rows = []
    for row in stored.rows:
        place = [row[k] for k in ("family", "loss", "model", "method", "noise")]
        if "refused" in row:
            rows.append([place, row["refused"]])
            continue
        values = [row["reached"][name] for name in grid.NORMS[row["family"]]]
        words = [
            [
                numbers.get((_at(row["entry"], s, d), _at(row["selected"], s, d)), -1)
                for d in range(3)
            ]
            for s in range(2)
        ]
        rows.append([place, values, row["reached"]["log_risk"], row["reached"]["predicted"], words])
    settings = stored.settings
    return {
        "data": settings["data"],
        "starts": settings["starts"],
        "norms": {f: [NAMES[n] for n in names] for f, names in settings["norms"].items()},
        "rows": rows,
    }


def whole(stored: Table) -> str:
    """Return a part of the stored table as HTML: small start, no noise, the first data sets."""
    lines = []
    for row in stored.rows:
        if row["noise"] != "none":
            continue
        place = "".join(f"<td>{html.escape(row[k])}</td>" for k in
                        ("loss", "model", "method"))  # fmt: skip
        if "refused" in row:
            rest = f'<td colspan="5">{html.escape(row["refused"])}</td>'
        else:
            names = grid.NORMS[row["family"]]
            columns = [row["reached"][name][0][0] for name in (*names, "predicted")]
            rest = "".join(f"<td>{_number(value)}</td>" for value in columns)
            words = plain(_at(row["selected"], 0, 0))
            rest += f"<td>{html.escape(words or 'not known')}</td>"
        lines.append(f"<tr>{place}{rest}</tr>")
    heads = "loss,model,method,ℓ₁ or nuclear,ℓ₂ or Frobenius,ℓ∞ or spectral,of the" \
            " predicted,predicted"  # fmt: skip
    head = "".join(f'<th scope="col">{name}</th>' for name in heads.split(","))
    return (
        "<details><summary>The table: first data sets, small start, no noise</summary>"
        '<div class="wide" tabindex="0" role="region" aria-label="The table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def open_box(self: Any, node: laboratory) -> None:
    """Open the laboratory."""
    self.body.append(self.starttag(node, "div", CLASS="laboratory"))


def close_box(self: Any, node: laboratory) -> None:
    """Close the laboratory."""
    self.body.append("</div>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write nothing around it, in other formats."""


def add_assets(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Load style and script on the page of the laboratory."""
    if doctree is not None and next(doctree.findall(laboratory), None):
        app.add_css_file("laboratory.css")
        app.add_js_file("laboratory.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the directives and the node."""
    plain_text = (skip, skip)
    app.add_node(
        laboratory, html=(open_box, close_box), latex=plain_text, text=plain_text, man=plain_text
    )
    app.add_directive("atlas", AtlasDirective)
    app.add_directive("laboratory", LaboratoryDirective)
    app.connect("html-page-context", add_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
