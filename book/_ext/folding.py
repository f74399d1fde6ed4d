"""Two ways to read a page: code stands where it is the lesson, and folds where it serves it.

Imports, figures, sliders and checks fold behind one quiet line; what is left is the lesson: the
data, an update, a certificate, a formula. The rule reads the code of a cell and what it printed.
The picture comes first: what stands before the first one folds.
The tag ``lesson`` shows a cell and ``fold`` folds one, against the rule. Without scripts and on
paper every line of code is there: the reader's choice, some, all or none, is kept by code.js.
"""

import ast
import re
from collections.abc import Collection, Sequence
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from ibias.claims import LINE

WHOLE = "book/coursework/"  # here the code is the student's
DRAWN_BY = {"frames", "plots", "plt"}
PANELS = {"ax", "fig", "figure"}  # what draws by each of its methods
# What draws, whatever its owner is called; `step`, `set` and `fill` are names of others, too.
DRAW = re.compile(
    r"plot|subplots|scatter|imshow|matshow|pcolormesh|barh?|hist|errorbar|(box|violin)plot|quiver"
    r"|fill_between|contourf?|ax[hv]?line|ax[hv]span|[hv]lines|loglog|semilog[xy]|annotate|legend"
    r"|add_(patch|artist|subplot)|set_(aspect|axis_off|title|[xy](label|lim|scale|ticks))"
)
JUDGED_BY = {"control", "rejects"}
SAID = {
    "imports": "Imports",
    "picture": "Code of the figure",
    "check": "Code of the check",
    "lesson": "Code",
    "aside": "Code",
}


class code_fold(nodes.General, nodes.Element):
    """The code of a cell, which its reader can fold."""


def kind(source: str, tags: Collection[str] = (), printed: str = "") -> str:
    """Return what the code of a cell is for: lesson, imports, picture, check or aside."""
    if "lesson" in tags:
        return "lesson"
    found = _kind(source, printed)
    return "aside" if found == "lesson" and "fold" in tags else found


def _kind(source: str, printed: str) -> str:
    """Return the kind by what the code calls and what it printed."""
    if any(map(LINE.match, printed.splitlines())):
        return "check"
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic of the notebook
        return "lesson"
    if tree.body and all(isinstance(one, ast.Import | ast.ImportFrom) for one in tree.body):
        return "imports"
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    methods = {function.attr for function in called if isinstance(function, ast.Attribute)}
    if "Check" in names or methods & JUDGED_BY:
        return "check"
    return "picture" if names & DRAWN_BY or draws(called, tree) or says(tree) else "lesson"


def draws(called: list[ast.expr], tree: ast.Module) -> bool:
    """Return whether a call draws, or a function takes the panel that is drawn on."""
    owned = [one for one in called if isinstance(one, ast.Attribute)]
    owners = {one.value.id for one in owned if isinstance(one.value, ast.Name)}
    taken = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return bool(owners & PANELS or taken & PANELS or any(DRAW.fullmatch(one.attr) for one in owned))


def says(tree: ast.Module) -> bool:
    """Return whether the code is functions that return a sentence: what a frame shows."""
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    if not functions or len(functions) < len(tree.body):
        return False
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return bool(returned) and all(
        _words(named.get(getattr(one, "id", ""), one)) for one in returned
    )


def _words(value: ast.expr | None) -> bool:
    """Return whether an expression is a text: written, formatted, joined, added or chosen."""
    match value:
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            return _words(one) and _words(other)
        case ast.Call(func=ast.Attribute(value=text, attr="format" | "join")):
            return _words(text)
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
    return False


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Make the code of each cell of a page into what its reader can fold."""
    if app.env.docname.startswith(WHOLE):
        return
    cells = [cell for cell in doctree.findall(nodes.container) if has_code(cell)]
    said = [printed(cell) for cell in cells]
    kinds = before_the_picture([told(*one) for one in zip(cells, said, strict=True)])
    for cell, lines, what in zip(cells, said, kinds, strict=True):
        cell.attributes.pop("hide_mode", None)  # the tags hide-input and fold are one here
        on_line = any(map(LINE.match, lines.splitlines()))
        classes = ["code", what, *(["on-line"] if on_line else [])]
        number = f"code-{cell['cell_index']}"
        cell[0] = code_fold("", cell[0], ids=[number], classes=classes, said=SAID[what])
        join(cell)


def has_code(cell: nodes.container) -> bool:
    """Return whether a node is a cell that shows its code."""
    parts = cell.children
    return (
        cell.get("nb_element") == "cell_code"
        and bool(parts)
        and parts[0].get("nb_element") == "cell_code_source"
    )


def printed(cell: nodes.container) -> str:
    """Return what the code of a cell printed."""
    blocks = (block for one in cell.children[1:] for block in one.findall(nodes.literal_block))
    return "\n".join(block.astext() for block in blocks)


def told(cell: nodes.container, said: str) -> tuple[str, bool, bool]:
    """Return the kind of a cell, whether it has an output, and whether a tag settles its kind."""
    tags = cell["cell_metadata"].get("tags", [])
    return kind(cell[0].astext(), tags, said), len(cell) > 1, "lesson" in tags


def before_the_picture(cells: Sequence[tuple[str, bool, bool]]) -> list[str]:
    """Return the kinds of the cells of a page, of what is `told`: before its picture, asides."""
    kinds = [what for what, *_ in cells]
    pictures = [what == "picture" and output for what, output, _ in cells]
    first = pictures.index(True) if any(pictures) else 0
    for i, (what, _, tagged) in enumerate(cells[:first]):
        if what == "lesson" and not tagged:
            kinds[i] = "aside"
    return kinds


def join(cell: nodes.container) -> None:
    """Take the code of the cell before into the fold, if both fold and nothing is between."""
    place = cell.parent.index(cell)
    before = cell.parent[place - 1] if place else None
    if not isinstance(before, nodes.container) or len(before) != 1:
        return
    earlier, own = before[0], cell[0]
    if isinstance(earlier, code_fold) and "lesson" not in earlier["classes"] + own["classes"]:
        own[:0] = earlier.children
        cell.parent.remove(before)


def visit_fold(self: HTML5Translator, node: code_fold) -> None:
    """Open the fold, unfolded: a page without scripts shows everything."""
    self.body.append(self.starttag(node, "details", open=""))
    self.body.append(f"<summary>{node['said']}</summary>")


def depart_fold(self: HTML5Translator, node: code_fold) -> None:
    """Close the fold."""
    self.body.append("</details>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write nothing around the code, in other formats."""


def add_switch(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Put the switch and its script on the pages that have code to fold."""
    context["has_code"] = doctree is not None and next(doctree.findall(code_fold), None) is not None
    if context["has_code"]:
        app.add_js_file("code.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Fold when a page is read, before its cells lose their names."""
    plain = (skip, skip)
    html = (visit_fold, depart_fold)
    app.add_node(code_fold, html=html, latex=plain, text=plain, man=plain)
    app.connect("doctree-read", fold)
    app.connect("html-page-context", add_switch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
