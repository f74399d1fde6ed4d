"""Printed lines of checks and controls, shown as what they are.

A check that holds, a control that fails as it must and a wrong theory that is rejected look
different at a glance, and each claim can be linked to: the first line about S000-6 on a page has
the anchor ``check-S000-6``.
"""

import html
import re
from typing import Any

from sphinx.application import Sphinx

from ibias.claims import LINE

LEDGER = "book/perspective/claims"
OUTPUT = re.compile(
    r'<div class="output stream highlight-myst-ansi notranslate"><div class="highlight"><pre>'
    r"(?:<span></span>)?(?P<text>.*?)</pre></div>\s*</div>",
    re.DOTALL,
)
FOLD = re.compile(r'<details class="[^"]*\bon-line\b[^"]*" id="([^"]+)"')
PREDICTION = re.compile(
    r"(?P<what>.*) (?P<relation>=|<=|>=) (?P<value>\S+) \(tolerance (?P<tolerance>\S+)\)$"
)
# Once a page, under its first line.
READING = (
    '<details class="reading"><summary>How to read these lines</summary>'
    "<p>Left stands what is measured, what the theory predicts for it, and how far it may be off."
    " Right stands what was measured: if there are several values, the least and the largest of"
    " them. <b>Check</b>: the prediction holds for all of them. <b>Control</b>: the same"
    " comparison where one hypothesis is given up, the one that is named; it must fail."
    " <b>Wrong theory</b>: the nearest one, which this measurement must reject. It does if one of"
    " its values is off; in some cases both theories may agree. The number of the"
    ' claim leads to <a href="@">the ledger</a>, and “code” opens the code.</p></details>'
)
ROLES = {
    "check": ("✓", "Check", ""),
    "control": ("✕", "Control", "<b>control</b> "),
    "wrong": ("✕", "Wrong theory", "<b>wrong theory</b> "),
}
RELATION = {"=": "=", "<=": "≤", ">=": "≥"}


def line_html(line: str, anchored: set[str], ledger: str, code: str = "") -> str | None:
    """Return the HTML of one printed line of a check or a control, or None for any other.

    `ledger` is the address of the page that explains the claims, `code` the id of the cell's code.
    """
    match = LINE.match(line)
    if not match:
        return None
    ids = match["ids"].split()
    anchors = "".join(f'<span id="check-{claim}"></span>' for claim in ids if claim not in anchored)
    anchored.update(ids)
    sign, name, lead = ROLES[match["role"]]
    statement, tolerance = _statement(match["statement"])
    verdict = f"{lead}{verdict_of(html.escape(match['verdict']), '<i>', '</i>')}"
    claims = " ".join(f'<a href="{ledger}#claim-{claim}">{claim}</a>' for claim in ids)
    return (
        f'<li class="{match["role"]}">{anchors}'
        f'<span class="sign" role="img" aria-label="{name}">{sign}</span>'
        f'<div class="said"><p class="statement">{statement}</p>'
        f'<p class="verdict">{verdict} <small>{tolerance}</small></p></div>'
        f'<div class="facts"><p class="measured">measured <span>{html.escape(match["measured"])}'
        f'</span></p><p class="claims">{claims} <i>{match["kind"]}</i>{_to_code(code)}</p>'
        "</div></li>"
    )


def verdict_of(text: str, before: str = "", after: str = "") -> str:
    """Return a verdict that says which hypothesis is given up, and what stands in its place.

    `before` and `after` enclose the hypothesis.
    """
    fails, _, broken = text.partition("fails: ")
    if fails or not broken:
        return text
    hypothesis, _, instead = broken.partition(": ")
    place = f"; instead: {instead}" if instead else ""
    return f"fails without {before}{hypothesis}{after}{place}"


def words_of(statement: str) -> str:
    """Return a printed statement with the sign of its relation, as the pages show it."""
    match = PREDICTION.match(statement)
    if not match:
        return statement
    what, relation, value, tolerance = match.groups()
    return f"{what} {RELATION[relation]} {value} (tolerance {tolerance})"


def _to_code(code: str) -> str:
    """Return the button that unfolds the code of a line; code.js lets it work."""
    if not code:
        return ""
    return f' <button type="button" class="to-code" aria-controls="{code}">code</button>'


def _statement(text: str) -> tuple[str, str]:
    """Return the HTML of the statement with its prediction, and the tolerance in words."""
    match = PREDICTION.match(text)
    if not match:
        return html.escape(text), ""
    prediction = f"{RELATION[match['relation']]} {html.escape(match['value'])}"
    what = f'{html.escape(match["what"])} <span class="prediction">{prediction}</span>'
    return what, f"within {html.escape(match['tolerance'])}"


def render(body: str, ledger: str) -> str:
    """Return the HTML of a page with the lines of its checks made into lists."""
    anchored: set[str] = set()
    told = [READING.replace("@", ledger)]

    def output(match: re.Match) -> str:
        parts, plain, listed = [], [], []
        fold = FOLD.match(body, max(0, body.rfind('<details class="code', 0, match.start())))

        def flush() -> None:
            if listed:
                parts.append(f'<ul class="checks">{"".join(listed)}</ul>{told[0]}')
                told[0] = ""  # once a page
            if text := "\n".join(plain).strip("\n"):
                parts.append(f'<div class="output stream"><pre>{text}</pre></div>')
            plain.clear()
            listed.clear()

        for line in match["text"].rstrip("\n").split("\n"):
            item = line_html(
                html.unescape(re.sub(r"<[^>]+>", "", line)),
                anchored,
                ledger,
                fold[1] if fold else "",
            )
            other = plain if item else listed
            if other:
                flush()
            (listed if item else plain).append(item or line)
        flush()
        return "".join(parts)

    return OUTPUT.sub(output, body)


def replace_lines(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any
) -> None:
    """Rewrite the body of each page."""
    if "body" in context:
        ledger = app.builder.get_relative_uri(pagename, LEDGER)
        context["body"] = render(context["body"], ledger)


def setup(app: Sphinx) -> dict:
    """Work on the body that Sphinx has written."""
    app.connect("html-page-context", replace_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
