"""Printed lines of checks and controls, shown as what they are.

A check that holds and a control that fails as it must look different at a glance, and each
claim can be linked to: the first line about S000-6 on a page has the anchor ``check-S000-6``.
"""

import html
import re
from typing import Any

from sphinx.application import Sphinx

from ibias.claims import LINE

OUTPUT = re.compile(
    r'<div class="output stream highlight-myst-ansi notranslate"><div class="highlight"><pre>'
    r"(?:<span></span>)?(?P<text>.*?)</pre></div>\s*</div>",
    re.DOTALL,
)
PREDICTION = re.compile(r"(?P<what>.*) (?P<relation>=|<=|>=) (?P<value>\S+) \((?P<tolerance>.*)\)$")
RELATION = {"=": "=", "<=": "≤", ">=": "≥"}


def line_html(line: str, anchored: set[str]) -> str | None:
    """Return the HTML of one printed line of a check or a control, or None for any other."""
    match = LINE.match(line)
    if not match:
        return None
    ids = match["ids"].split()
    anchors = "".join(f'<span id="check-{claim}"></span>' for claim in ids if claim not in anchored)
    anchored.update(ids)
    holds = match["role"] == "check"
    verdict = "holds" if holds else f"<b>control</b> {html.escape(match['verdict'])}"
    mark = ("Check", "✓") if holds else ("Control", "✕")
    claims = " ".join(f"<span>{html.escape(claim)}</span>" for claim in ids)
    return (
        f'<li class="{match["role"]}">{anchors}'
        f'<span class="sign" role="img" aria-label="{mark[0]}">{mark[1]}</span>'
        f'<div class="said"><p class="statement">{_statement(match["statement"])}</p>'
        f'<p class="verdict">{verdict}</p></div>'
        f'<div class="facts"><p class="measured">measured <span>{html.escape(match["measured"])}'
        f'</span></p><p class="claims">{claims} <i>{match["kind"]}</i></p></div></li>'
    )


def _statement(statement: str) -> str:
    match = PREDICTION.match(statement)
    if not match:
        return html.escape(statement)
    return (
        f'{html.escape(match["what"])} <span class="prediction">{RELATION[match["relation"]]}'
        f" {html.escape(match['value'])}</span> <small>{html.escape(match['tolerance'])}</small>"
    )


def render(body: str) -> str:
    """Return the HTML of a page with the lines of its checks made into lists."""
    anchored: set[str] = set()

    def output(match: re.Match) -> str:
        parts, plain, listed = [], [], []

        def flush() -> None:
            if listed:
                parts.append(f'<ul class="checks">{"".join(listed)}</ul>')
            if text := "\n".join(plain).strip("\n"):
                parts.append(f'<div class="output stream"><pre>{text}</pre></div>')
            plain.clear()
            listed.clear()

        for line in match["text"].rstrip("\n").split("\n"):
            item = line_html(html.unescape(re.sub(r"<[^>]+>", "", line)), anchored)
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
        context["body"] = render(context["body"])


def setup(app: Sphinx) -> dict:
    """Work on the body that Sphinx has written."""
    app.connect("html-page-context", replace_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
