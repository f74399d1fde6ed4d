"""A part of a page finds what the whole page finds: no statement that a check needs is left out."""

import ast
import multiprocessing

import noting  # tools/noting.py
import pytest
import seeds  # tools/seeds.py
import slices  # tools/slices.py

from ibias.datasets import generator

HEAD = """
import numpy as np
from ibias import plots
from ibias.claims import Check, solution
from ibias.datasets import generator
check = Check("S000-6", "limit", "value", lambda x: x, equals=0, tolerance=1)
"""


def kept(*cells, head=HEAD):
    """Return the sources of the statements that the checks of these cells need."""
    page = slices.statements([head, *cells])
    found = sorted(slices.needed(page, slices.asking(page)))
    return [ast.unparse(page[i].node) for i in found if page[i].cell > 1]


# Every line matters, or is said not to by a comment.
PAGES = {
    "what binds, and what that needs": "a = 1\nb = a + 1\nc = b  # not\ncheck(b)",
    "another value": "a = 1  # not\na = 2\ncheck(a)",
    "perhaps another value": "a = 1\nif a > 0:\n    a = 2\ncheck(a)",
    "an element": "a = np.ones(2)\na[0] = 0\nb = a[1]  # not\ncheck(a)",
    "an attribute": "a = generator(0)\na.x = 0\ncheck(a)",
    "in place": "a = 1\na += 1\ncheck(a)",
    "append": "a = []\na.append(1)\ncheck(a[0])",
    "a loop that appends": "a = []\nfor i in range(3):\n    a.append(i)\ncheck(a)",
    "a method whose result nobody takes": "a = generator(0)\na.shuffle([1])\ncheck(a.normal())",
    "an argument": "a = np.ones((2, 2))\nnp.fill_diagonal(a, 0)\ncheck(a)",
    "another name": "a = [1]\nb = a\nb.append(2)\ncheck(a)",
    "another name, the other way round": "a = [1]\nb = a\na.append(2)\ncheck(b)",
    "a view": "a = np.ones(3)\nb = np.ravel(a)\nb[0] = 5\ncheck(a)",
    "a part": "a = [1]\nb = {'a': a}\nb['a'].append(2)\ncheck(a)",
    "the elements of a list": "a = [[1], [2]]\nfor one in a:\n    one.append(3)\ncheck(a)",
    "a function": "def f():\n    return 1\ndef g():\n    return f()\ncheck(g())",
    "a function in a function": "b = 1\ndef f():\n    def g():\n        return b\n"
    "    return g()\ncheck(f())",
    "a local name is another": "b = 1  # not\ndef f():\n    b = 2\n    return b\ncheck(f())",
    "a default": "b = 1\ndef f(x=b):\n    return x\ncheck(f())",
    "a name that is bound later": "b = 1\ndef f():\n    return b\nb = 2\ncheck(f())",
    "a lambda that is called later": "b = 1\nf = lambda: b\nb = 2\ncheck(f())",
    "a function that changes its argument": "a = []\ndef f(x):\n    x.append(1)\nf(a)\ncheck(a)",
    "one that changes a view of it": "a = np.ones(2)\ndef f(x):\n    y = np.asarray(x)\n"
    "    y[0] = 2\n    return 1\nc = f(a)\ncheck(a)",
    "one that changes a global": "a = []\ndef f():\n    a.append(1)\nf()\ncheck(a)",
    "one that binds a global": "a = 0\ndef f():\n    global a\n    a = 1\nc = f()\ncheck(a)",
    "one that changes a copy": "a = np.ones(2)\ndef f(x):\n    y = x.copy()\n    y[0] = 2\n"
    "    return 1  # not\nc = f(a)  # not\ncheck(a)",
    "a generator": "a = generator(0)\nb = a.normal()\ncheck(a.normal())",
    "a generator in a function": "a = generator(0)\ndef f(rng):\n    return rng.normal()\n"
    "b = f(a)\ncheck(f(a))",
    "two generators": "a, b = generator(0), generator(1)\nc = a.normal()\n"
    "check(a.normal() + b.normal())",
    "an iterator": "a = zip([1, 2], [3, 4])\nb = next(a)\ncheck(next(a)[0])",
    "a generator function": "def f():\n    yield 1\n    yield 2\na = f()\n"
    "b = next(a)\ncheck(next(a))",
    "an object": "class C:\n    n = 0\n    def up(self):\n        self.n += 1\n        return 0\n"
    "a = C()\nb = a.up()\ncheck(a.n)",
    "the state of a library": "np.seterr(all='raise')\ncheck(1)",
    "a check in a loop": "for a in (0, 1):\n    check(a)",
    "a check in a function": "b = 1\ndef f(x):\n    check(x)\nf(b)",
    "checks in a list": "a = [check]\nb = 0\na[0](b)",
    "what a check measures with": "b = 1\n"
    "other = Check('S000-6', 'limit', 'v', lambda: b, equals=0, tolerance=1)\nb = 2\nother()",
    "a solution": "a = 1\nb = 2  # not\n"
    "solution('ex', 'w', a, equals=1, tolerance=1, any_data=True)\n"
    "solution('ex', 'w', b, equals=2, tolerance=1)  # not",
    "a solution with options": "a = {'any_data': True}\nsolution('ex', 'w', 1, **a)",
    "pictures": "import matplotlib.pyplot as plt  # not\na = 1\nb = 3  # not\n"
    "figure, ax = plt.subplots()  # not\nplots.curves(ax, a, b)  # not\nax.set(title=a)  # not\n"
    "figure.show()  # not\ncheck(a)",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_exactly_what_a_check_needs_is_kept(page):
    lines = [ast.unparse(node) for node in ast.parse(page).body]
    ends = [node.end_lineno for node in ast.parse(page).body]
    needless = [page.splitlines()[end - 1].endswith("# not") for end in ends]
    assert kept(page) == [a for a, no in zip(lines, needless, strict=True) if not no]


def test_of_the_imports_those_that_are_needed():
    head = "import os\nimport numpy as np\nfrom ibias.claims import Check"
    page = slices.statements([head, "Check(np.pi)"])
    assert slices.needed(page, slices.asking(page)) == {1, 2, 3}


def test_rejects_needs_the_check_before_it_but_a_control_does_not():
    cells = ("check(1)\ncheck.control(20, broken='x')", "check.rejects('y', predicts=5)")
    page = slices.statements([HEAD, *cells])
    call, control, rejects = range(len(page) - 3, len(page))
    assert call in slices.needed(page, [rejects]) - slices.needed(page, [control])
    assert control not in slices.needed(page, [rejects])


# ---- in a run -------------------------------------------------------------------------------

CELLS = [
    HEAD,
    "rng, fixed = generator(0), 0.5\nfirst = rng.normal()\ncheck(fixed)",
    "x = rng.uniform(0.1, 0.2)\nshown = [rng.normal()]",
    "check(x)\ncheck.control(fixed + 20, broken='it')\ncheck.rejects('five', predicts=5)",
    "check(x + rng.uniform(1, 1.5) * (rng.uniform() < 0.5))",
]


def runs(*tasks):
    with multiprocessing.Pool(1, maxtasksperchild=1) as pool:  # a run changes its process
        return pool.starmap(noting.run, tasks, chunksize=1)


def test_a_part_finds_what_the_whole_finds_and_only_what_draws_is_run_again(tmp_path):
    path = tmp_path / "page.ipynb"
    (whole,) = runs((path, CELLS, 7))
    every, some, at_random = seeds.parts(CELLS, whole)
    part, other = runs((path, CELLS, 7, every), (path, CELLS, 8, some))
    assert seeds.alike(whole.findings, part.findings)
    assert [one.misses for one in part.findings] == [one.misses for one in whole.findings]
    fixed = [one.role for one in whole.findings if one.statement not in at_random]
    assert fixed == ["check", "control"]  # of 0.5 and 20.5
    assert [one.role for one in other.findings] == ["check", "wrong", "check"]
    assert not seeds.alike(whole.findings[-1:], other.findings[-1:])


def test_what_was_not_reached_counts_as_random(tmp_path):
    cells = [HEAD, "if True:\n    raise OSError\ncheck(1)"]
    (whole,) = runs((tmp_path / "page.ipynb", cells, 7))
    assert [one.role for one in whole.findings] == ["cell"]
    *_, at_random = seeds.parts(cells, whole)
    assert at_random == {len(slices.split(cells)) - 1, len(slices.split(cells)) - 2}


def test_the_numbers_drawn_are_those_of_the_generator(tmp_path):
    cells = [HEAD, "check(generator(3).uniform())"]
    (whole,) = runs((tmp_path / "page.ipynb", cells, 0))
    assert whole.findings[0].misses == generator(3).uniform()
    assert whole.drew == {len(slices.split(cells)) - 1}
