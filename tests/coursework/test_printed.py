"""What a page of the book prints is no question, neither as code nor as a formula."""

import ast
import builtins
import copy
import functools
import re

import nbformat
from conftest import each_assignment, each_question
from grading import marks
from grading.answers import parsed
from grading.assignment import PAGES, ROOT


class Anonymous(ast.NodeTransformer):
    """Names in the order in which they come, but for those of functions and modules."""

    def __init__(self):
        self.known = {}

    def visit_Name(self, node):
        called = node.id in dir(builtins) or node.id in KEPT
        return node if called else ast.Name(self.known.setdefault(node.id, f"n{len(self.known)}"))

    def visit_arg(self, node):
        return ast.arg(self.known.setdefault(node.arg, f"n{len(self.known)}"))


KEPT = {"np", "datasets", "flow", "methods", "models", "optima", "expit", "softmax", "logsumexp"}
SHORT = 24  # parts of an expression; a shorter one is a phrase of the language, and no answer


def expressions(code, whole):
    """Return the expressions of a cell without their names; `whole`: those given to a name only."""
    found = set()
    for node in (inner for statement in parsed(code) for inner in ast.walk(statement)):
        said = getattr(node, "value", None) if isinstance(node, ast.Return | ast.Assign) else node
        kept = said if whole == isinstance(node, ast.Return | ast.Assign) else None
        if isinstance(kept, ast.expr) and sum(1 for _ in ast.walk(kept)) > SHORT:
            found.add(ast.dump(Anonymous().visit(copy.deepcopy(kept))))
    return found


@functools.cache
def printed():
    """Return the expressions in the cells and in the solutions of the book's pages."""
    found = set()
    for path in sorted(ROOT.glob("book/*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells if path.parent != PAGES else ():
            blocks = re.findall(r"(?s)```(?:python|\{code-cell\}[^\n]*)\n(.*?)```", cell.source)
            for code in [cell.source] if cell.cell_type == "code" else blocks:
                found |= expressions(code, whole=False)
    return found


@each_question
def test_no_page_prints_the_answer(name, question):
    """Neither the reference, nor a right answer is a line of a page with other names."""
    assignment = marks.read(name)
    codes = [a.code for a in assignment.right_answers if a.question == question]
    for code in [assignment.solution(question), *codes]:
        assert not expressions(code, whole=True) & printed(), code


# Questions to which no page has an answer that is near.
OF_THEIR_OWN = {
    "capstone": {"q1", "q2"},
    "geometry": {"q5", "q6"},
    "homogeneous": {"q1", "q3"},
    "linear": {"q6"},
    "matrix_factorization": {"q2", "q3"},
    "stochasticity": {"q3"},
    "warm_up": {"q3", "q4"},
}


@each_assignment
def test_what_the_pages_have_is_a_wrong_answer(name):
    """A formula has no code to compare with: what a page prints stands in wrong.py, and loses."""
    assignment = marks.read(name)
    near = {a.question for a in assignment.wrong_answers if re.search("page|book|primer", a.about)}
    assert near == {q.name for q in assignment.graded} - OF_THEIR_OWN.get(name, set())


def test_a_line_of_a_page_is_recognised_under_other_names():
    """An answer that a page once printed, and one step further."""
    own = expressions("steps = np.log(np.abs((1 + b) / (1 - b))) / 2", whole=True)
    assert len(own) == 1 and own < printed()
    further = expressions("steps = np.log(np.abs((1 + b) / (1 - 2 * b))) / 2", whole=True)
    assert len(further) == 1 and not further & printed()
