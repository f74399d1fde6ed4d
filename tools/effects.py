"""What a statement of Python binds, mentions and changes, by name.

Read from its text alone, and where that does not tell, it is said to change what it may change.
"""

import ast
import re
import symtable

# What these are given stays as it is.
DRAWING = {"plots", "plt", "frames", "print", "display", "solution"}
AXES = {"ax", "axes", "figure"}
MUTATORS = {"append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "add"}
MUTATORS |= {"setdefault", "discard", "sort", "reverse", "fill", "put", "partition", "resize"}
MUTATORS |= {"difference_update", "intersection_update", "symmetric_difference_update", "setflags"}
# What these return is used up by being used.
USED_UP = (
    r"\b(generator|default_rng|spawn|iter|zip|map|filter|enumerate|reversed|count|cycle|open)$"
)
# What these return is new: to change it changes nothing else.
NEW = r"\b(list|dict|set|array|copy|zeros|ones|full|empty|eye|arange|linspace|\w+_like|\w+_stack)$"
DISPLAYS = ast.Constant | ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.BinOp
SURE = ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
CODE = ast.FunctionDef | ast.ClassDef


def names(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the global names that a statement binds and mentions, functions in it included."""
    binds, uses = set(), set()
    tables = [symtable.symtable(ast.unparse(node), "statement", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            if table.get_type() == "module" or symbol.is_global():
                if symbol.is_assigned() or symbol.is_imported():
                    binds.add(symbol.get_name())
                if symbol.is_referenced():
                    uses.add(symbol.get_name())
    if isinstance(node, ast.AugAssign):
        uses |= binds
    return binds, uses


def changed(node: ast.stmt, imported: set[str], checks: set[str]) -> tuple[set[str], bool]:
    """Return the names whose values it changes, and whether a function changes its arguments."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute | ast.Subscript):
            if not isinstance(part.ctx, ast.Load):
                found |= _roots(part)
        elif isinstance(part, ast.AugAssign):
            found |= _roots(part.target)
        elif isinstance(part, ast.Call) and getattr(part.func, "attr", "") in MUTATORS:
            found |= _roots(part.func)
        if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            found |= _by_call(part.value, imported, checks)
    functions = [part for part in ast.walk(node) if isinstance(part, ast.FunctionDef | ast.Lambda)]
    return found, any(bool(found & _given(one) - AXES) for one in functions)


def _by_call(call: ast.Call, imported: set[str], checks: set[str]) -> set[str]:
    """Return what a call whose result nobody takes may change: its object, or its arguments."""
    roots = _roots(call.func)
    if roots & (DRAWING | checks):
        return set()
    if isinstance(call.func, ast.Attribute) and not roots & imported:
        return roots
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {name for argument in arguments for name in _roots(argument)} | (roots & imported)


def _given(function: ast.FunctionDef | ast.Lambda) -> set[str]:
    """Return the names in a function that may hold what it was given: not what it made itself."""
    every = function.args
    given = {one.arg for one in [*every.posonlyargs, *every.args, *every.kwonlyargs]}
    given |= {one.arg for one in (every.vararg, every.kwarg) if one}
    for part in ast.walk(function):
        if isinstance(part, ast.For):
            given |= stored(part.target)
        if isinstance(part, ast.Assign) and not _is_new(part.value):
            given |= {name for target in part.targets for name in stored(target)}
    return given


def _is_new(value: ast.expr) -> bool:
    return isinstance(value, DISPLAYS) or makes(value, NEW)


def makes(value: ast.expr, what: str) -> bool:
    """Return whether an expression calls a function whose name matches."""
    return isinstance(value, ast.Call) and bool(re.search(what, ast.unparse(value.func)))


def called(node: ast.stmt, method: str = "") -> set[str]:
    """Return the names that are called in a statement, or those a method is called of."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            attribute = part.func.attr if isinstance(part.func, ast.Attribute) else ""
            if attribute == method:
                found |= _roots(part.func)
    return found


def _roots(node: ast.expr) -> set[str]:
    """Return the name at the root of a.b[c].d, or the names of everything in another expression."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Name):
        return {node.id}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def stored(target: ast.expr) -> set[str]:
    """Return the names in the target of an assignment."""
    return {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
