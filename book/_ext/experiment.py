"""The experiment of a page: the cell that a reader plays with, and what must run before it.

It is the cell with the tag ``try-it``, or the first one that draws a figure or makes sliders, or
else the first that does anything. What it needs of the cells above is edited along with it, as
far up as that is short: the data, the run. Before them run those cells alone that define the rest.
"""

import ast
import symtable
from dataclasses import dataclass

from nbformat import NotebookNode

TAG = "try-it"
LONGEST = 40  # lines that are edited together


@dataclass(frozen=True)
class Experiment:
    """The index of the cell in its notebook, the code that is edited, and the code before it."""

    index: int
    code: str
    before: str


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell binds or changes, and the global names that it uses."""
    table = symtable.symtable(source, "cell", "exec")
    bound = {
        s.get_name()
        for s in table.get_symbols()
        if s.is_assigned() or s.is_imported() or s.is_namespace()
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            while isinstance(node, ast.Attribute | ast.Subscript):
                node = node.value
            if isinstance(node, ast.Name):
                bound.add(node.id)
    used, tables = set(), [table]
    while tables:
        one = tables.pop()
        tables += one.get_children()
        used |= {
            s.get_name()
            for s in one.get_symbols()
            if s.is_referenced() and (one is table or s.is_global())
        }
    return bound, used


def needed(sources: list[str], index: int) -> list[int]:
    """Return the indices of the cells above one that define what it uses, directly or not."""
    kept, wanted = [], names(sources[index])[1]
    for above in reversed(range(index)):
        bound, used = names(sources[above])
        if bound & wanted:
            kept.insert(0, above)
            wanted |= used
    return kept


def experiment(notebook: NotebookNode) -> Experiment | None:
    """Return the experiment of a page, or None if it has no code that does anything."""
    cells = [
        (number, cell)
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and "remove-cell" not in cell.metadata.get("tags", [])
    ]
    sources = [cell.source for _, cell in cells]
    doing = [at for at, source in enumerate(sources) if not _only_imports(source)]
    tagged = [at for at in doing if TAG in cells[at][1].metadata.get("tags", [])]
    drawn = [
        at
        for at in doing
        if "figure" in cells[at][1].metadata.get("mystnb", {}) or "frames" in names(sources[at])[1]
    ]
    if not doing:
        return None
    chosen = [*tagged, *drawn, *doing][0]
    above = needed(sources, chosen)
    edited = [sources[chosen]]
    while above and not _only_imports(sources[above[-1]]):
        longer = [sources[above[-1]], *edited]
        if "\n\n".join(longer).count("\n") >= LONGEST:
            break
        edited, above = longer, above[:-1]
    before = "\n\n".join(sources[at] for at in above)
    return Experiment(cells[chosen][0], "\n\n".join(edited), before)


def _only_imports(source: str) -> bool:
    """Return whether a cell does nothing but import."""
    return all(isinstance(one, ast.Import | ast.ImportFrom) for one in ast.parse(source).body)
