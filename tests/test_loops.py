"""No notebook of the book has an optimiser's loop of its own: methods and flows are the package's.

A loop is one if it moves an iterate by a number times something computed from that iterate:
x = x - step * g with g from x, in whatever order and under whatever names.
"""

import ast
import json
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[1] / "book"
PAGES = sorted(p for p in BOOK.glob("*/*.ipynb") if p.parent.name != "coursework")
# What moves along no gradient: a solver of equations.
SOLVERS = {"setup/interpolation.ipynb": "Gauss-Newton"}


def names(node):
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def moves(loop):
    """The assignments in a loop, as (names that are set, the expression, whether in place)."""
    for node in ast.walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
            yield names(node.target), node.value, True
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                yield from ((names(one), value, False) for one, value in pairs)


def terms(expression):
    """The terms of a sum."""
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Sub)):
        return [*terms(expression.left), *terms(expression.right)]
    return [expression]


def scaled(expression):
    """Whether something is multiplied or divided in an expression."""
    products = (ast.Mult, ast.Div, ast.MatMult)
    return any(
        isinstance(one, ast.BinOp) and isinstance(one.op, products) for one in ast.walk(expression)
    )


def follows(loop, start):
    """The names in a loop that depend on one name, through its assignments."""
    found, before = {start}, set()
    while found != before:
        before = set(found)
        for made, value, _ in moves(loop):
            if names(value) & found:
                found |= made
    return found


def optimisers(source):
    """The iterates that loops in some code move along something computed from them."""
    found = set()
    for loop in ast.walk(ast.parse(source)):
        if not isinstance(loop, (ast.For, ast.While)):
            continue
        for made, value, in_place in moves(loop):
            for name in made:
                parts = terms(value)
                kept = [p for p in parts if isinstance(p, ast.Name) and p.id == name]
                added = parts if in_place else [p for p in parts if p not in kept]
                if not (in_place or kept):
                    continue
                computed = follows(loop, name)
                if any(scaled(p) and names(p) & computed for p in added):
                    found.add(name)
    return found


def code(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return [s for s in sources if "get_ipython" not in s]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_no_page_has_an_optimiser_of_its_own(path):
    found = {(i, name) for i, source in enumerate(code(path)) for name in optimisers(source)}
    if f"{path.parent.name}/{path.name}" in SOLVERS:
        assert len(found) == 1
        return
    assert not found, "write a method, and run it by ibias.descent.descent"


LOOPS = {
    "for k in range(9):\n    w = w - 0.1 * X.T @ (X @ w - y)": {"w"},
    "for k in range(9):\n    g = risk(w)\n    w -= eta * g": {"w"},
    "while True:\n    p = softmax(-Z @ w)\n    g = p @ Z\n    w = w + eta / size * g": {"w"},
    "for k in range(9):\n    m, v = 0.9 * m + 0.1 * g(w), 0\n    w = w - m / root": {"w"},
    "for k in range(9):\n    theta = theta + 0.003 * rule(net.vjp(theta))": {"theta"},
    "for k in range(9):\n    for i in order:\n        w = w + step * (y[i] - x[i] @ w) * x[i]": {
        "w"
    },
    "for k in range(9):\n    u, v = u - eta * g(u, v), v + eta * g(u, v)": {"u", "v"},
}
OTHERS = [
    "for k in range(9):\n    total = total + 0.1 * k",
    "for k in range(9):\n    counts += (labels == k) / n",
    "for seed in seeds:\n    path = descent(data, start=theta)\n    theta = path.final",
    "w = w - 0.1 * g(w)",
    "for k in range(9):\n    tilt = tilt - (h - a).sum(axis=0) / 2",
    "for k in range(9):\n    x = a * x + b",
]


@pytest.mark.parametrize("source", LOOPS)
def test_a_loop_is_found(source):
    assert optimisers(source) == LOOPS[source]


@pytest.mark.parametrize("source", OTHERS)
def test_what_is_no_optimiser_is_left_alone(source):
    assert optimisers(source) == set()
