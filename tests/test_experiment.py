"""The experiment of a page: which cell it is, and what must run before it."""

import builtins
from pathlib import Path

import nbformat
import pytest
from experiment import experiment, names, needed  # book/_ext/experiment.py
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in (*(ROOT / "book").glob("*.ipynb"), *(ROOT / "book").glob("*/*.ipynb"))
    if path.parent.name != "coursework"
)
FIGURE = {"mystnb": {"figure": {"caption": "A line.", "name": "fig-line"}}}


def cells(*sources):
    return [new_code_cell(source) for source in sources]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_experiment_of_a_page_needs_nothing_that_does_not_run_before_it(path):
    found = experiment(nbformat.read(path, as_version=4))
    assert found, "a page with code has an experiment"
    bound, used = names(f"{found.before}\n\n{found.code}")
    assert {name for name in used - bound if not hasattr(builtins, name)} == set()
    assert "google.colab" not in found.before + found.code


def test_only_what_is_needed_runs_before_it():
    sources = ["import a, b", "x = a.f()", "y = b.g()", "def h(t):\n    return x + t", "h(1)"]
    assert needed(sources, 4) == [0, 1, 3]
    assert needed(sources, 2) == [0]
    assert needed(["x = {}", "x[1] = 2", "x.c = 3", "print(x)"], 3) == [0, 1, 2]


def test_a_local_name_is_not_needed():
    assert needed(["t = 1", "def f(t):\n    s = t\n    return s", "f(2)"], 2) == [1]


def test_the_first_figure_is_the_experiment_and_a_tag_says_otherwise():
    notebook = new_notebook(cells=cells("import a", "x = a.f()", "a.plot(x)", "y = 1"))
    notebook.cells.insert(0, new_markdown_cell("# A page"))
    assert experiment(notebook).index == 2  # nothing is drawn: the first that does anything
    notebook.cells[3].metadata.update(FIGURE)
    found = experiment(notebook)
    assert found.index == 3 and found.before == "import a"
    assert found.code == "x = a.f()\n\na.plot(x)"
    notebook.cells[4].metadata["tags"] = ["try-it"]
    assert experiment(notebook).index == 4


def test_a_page_that_does_nothing_has_no_experiment():
    hidden = new_code_cell("print(1)", metadata={"tags": ["remove-cell"]})
    assert experiment(new_notebook(cells=[hidden, *cells("import a")])) is None
