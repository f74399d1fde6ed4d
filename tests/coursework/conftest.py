"""Assignments built in a folder of the tests, which nothing else reads."""

from pathlib import Path

import nbformat
import pytest
from grading import make
from grading.assignment import IDENTIFIER, Assignment, names

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items):
    """Tests of one assignment share a process, which has built it and run what is given in it.

    Those of a hundred students share nothing: they fill what is left of the cores.
    """
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {})
        alone = "identifiers" in asked or HERE not in item.path.parents
        if not alone and ("name" in asked or "linear" in item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(asked.get("name", "linear")))


def each_assignment(test):
    return pytest.mark.parametrize("name", names())(test)


def each_question(test):
    asked = [(name, q.name) for name in names() for q in Assignment(name).graded]
    return pytest.mark.parametrize(("name", "question"), asked)(test)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Return a function that builds an assignment once in this process; its page is kept."""
    pages, root = {}, tmp_path_factory.mktemp("built")

    def build(name):
        assignment = Assignment(name, root)
        if name not in pages:
            pages[name] = make.assign(assignment)
        return assignment, pages[name]

    return build


@pytest.fixture(scope="session")
def linear(built):
    return built("linear")[0]


def filled(assignment, answers, student_id="ada"):
    """Return the student notebook, as it is handed out, with answers in it."""
    path = assignment.built / "student" / assignment.page.name
    notebook = nbformat.read(path, as_version=4)
    places = {source: name for name, source in assignment.blank.items()}
    for cell in notebook.cells:
        if cell.source in places:
            cell.source = answers.get(places[cell.source], cell.source)
        cell.source = IDENTIFIER.sub(lambda _: f'student_id = "{student_id}"', cell.source)
    return notebook


def solutions(assignment):
    """Return the reference answers."""
    return {question.name: assignment.solution(question.name) for question in assignment.graded}
