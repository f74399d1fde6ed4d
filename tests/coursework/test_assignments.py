"""Every assignment: the reference gets all, nothing gets nothing, each error costs its question."""

import re

import coursework
import nbformat
import pytest
from coursework import REFERENCE, Assignment, as_meant, grade_all, names

IDENTIFIERS = [f"student-{number}" for number in range(100)]
NAMES = names()


@pytest.fixture(scope="session")
def built():
    """The text of each student notebook, as otter makes it now."""
    return {name: coursework.assign(name) for name in NAMES}


@pytest.fixture(scope="session")
def tables(built):
    return coursework.marks(list(built))


def each_assignment(test):
    return pytest.mark.parametrize("name", NAMES)(test)


@each_assignment
def test_the_page_is_what_the_master_makes(name, built):
    assignment = Assignment(name)
    assert assignment.page.read_text(encoding="utf-8") == built[name], "run `make coursework`"
    master = assignment.master.read_text(encoding="utf-8")
    assert master == coursework.tidy(nbformat.reads(master, as_version=4)), "run `make coursework`"


@each_assignment
def test_the_questions_are_whole(name):
    assignment = Assignment(name)
    assert [question.manual for question in assignment.questions].count(True) == 1
    assert sum(question.points for question in assignment.questions) == 30
    for question in assignment.graded:
        answers = [cell for cell in assignment.cells if cell.question == question.name]
        assert len(answers) == 1, question.name
        hidden = [test.hidden for test in question.tests]
        assert True in hidden and False in hidden, f"{question.name}: public and hidden tests"
        assert len({test.name for test in question.tests}) == len(question.tests)
        wrong = [w for w in assignment.wrong_answers if w.question == question.name]
        assert len(wrong) >= 3, f"{question.name}: three wrong answers at least"
    asked = {question.name for question in assignment.graded}
    assert {wrong.question for wrong in assignment.wrong_answers} == asked


@each_assignment
def test_a_failed_test_says_what_is_wrong(name):
    """Every assertion of a test has a message."""
    for question in Assignment(name).graded:
        for test in question.tests:
            asserted = len(re.findall(r"(?m)^\s*assert\b", test.source))
            assert asserted, test.name
            said = len(re.findall(r'(?ms)^\s*assert\b.*?(?:, \(\n|, f?")', test.source))
            assert said == asserted, f"{test.name}: an assertion without a message"


@each_assignment
def test_the_student_notebook_keeps_secrets(name):
    assignment = Assignment(name)
    text = assignment.page.read_text(encoding="utf-8")
    cells = nbformat.reads(text, as_version=4).cells
    lines = {line.strip() for cell in cells for line in cell.source.splitlines()}
    for secret in assignment.secrets:
        assert secret not in lines
        assert not re.search(rf"\b{re.escape(secret)}\b", text) or not secret.startswith("test_")
    assert "SOLUTION" not in text and "SECRET_SEED" not in text and "otter" not in text


@each_assignment
def test_each_answer_gets_what_it_deserves(name, tables):
    assignment = Assignment(name)
    rows = tables[name]
    assert rows[0][0] is REFERENCE
    for wrong, got in rows:
        assert as_meant(assignment, wrong, got), (wrong.question, wrong.misconception, got)


@each_assignment
def test_empty_answers_run_and_get_nothing(name, built):
    """No cell of the handed-out notebook raises, and no point is free."""
    assignment = Assignment(name)
    got = coursework.grade(assignment, answers=assignment.blank)
    assert set(got.points.values()) == {0}
    raised = [said for messages in got.messages.values() for said in messages]
    assert not [said for said in raised if said.startswith("the cell raises")]


@each_assignment
def test_the_solution_works_for_a_hundred_students(name, built):
    assignment = Assignment(name)
    jobs = [(name, student, None, True) for student in IDENTIFIERS]
    for student, got in zip(IDENTIFIERS, grade_all(jobs), strict=True):
        assert as_meant(assignment, REFERENCE, got), (student, got)


@each_assignment
def test_tests_may_also_run_at_the_end(name, built):
    """Some graders run all tests after the last cell: no answer hides an earlier one."""
    assignment = Assignment(name)
    got = coursework.grade(assignment, at_the_end=True)
    assert as_meant(assignment, REFERENCE, got), got


def test_without_an_identifier_the_notebook_says_so(built):
    got = coursework.grade(Assignment("linear"), student_id="")
    assert any("student_id is empty" in said for said in got.messages[""])
    assert set(got.points.values()) == {0}
