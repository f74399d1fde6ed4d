"""Every assignment: right answers get all, nothing gets nothing, each error costs its question."""

import ast
import functools
import itertools
import re

import nbformat
import numpy as np
import pytest
from conftest import each_assignment, each_question, filled
from grading import make, marks
from grading.answers import Answer, bound, parsed
from grading.assignment import Assignment
from grading.marks import Bench, as_meant, full

TENTHS = [[f"student-{number}" for number in range(k, 100, 10)] for k in range(10)]


@functools.cache
def bench_of(name):
    """Return the bench of an assignment, whose given cells run once for all answers."""
    return Bench(marks.read(name))


@each_assignment
def test_the_page_is_what_the_master_makes(name, built):
    assignment, page = built(name)
    assert assignment.page.read_text(encoding="utf-8") == page, "run `make coursework`"
    master = assignment.master.read_text(encoding="utf-8")
    assert master == make.tidy(nbformat.reads(master, as_version=4)), "run `make coursework`"


@each_assignment
def test_the_questions_are_whole(name):
    assignment = Assignment(name)
    assert assignment.written, "a person reads something"
    assert sum(question.points for question in assignment.questions) == 30
    for question in assignment.written:
        assert len(question.rubric) == question.points, f"{question.name}: a point a line"
        assert len(question.model) > 300, f"{question.name}: a model answer"
        assert question.model.count("(1):*") == len(question.rubric), question.name
    for question in assignment.graded:
        answers = [cell for cell in assignment.cells if cell.question == question.name]
        assert len(answers) == 1, question.name
        asked = {a.arg for test in question.tests for a in test.function.args.args}
        asked &= bound(assignment.solution(question.name))
        assert asked and asked <= assignment.names_of[question.name], "the blank names no answer"
        hidden = [test.hidden for test in question.tests]
        assert True in hidden and False in hidden, f"{question.name}: public and hidden tests"
        assert len({test.name for test in question.tests}) == len(question.tests)
        if question.parts:
            assert sum(question.parts.values()) == question.points, question.name
        for answers in (assignment.wrong_answers, assignment.right_answers):
            own = [answer for answer in answers if answer.question == question.name]
            assert len(own) >= 3, f"{question.name}: three right and three wrong answers at least"
            assert len({answer.about for answer in own}) == len(own), question.name
    asked = {question.name for question in assignment.graded}
    assert {wrong.question for wrong in assignment.wrong_answers} == asked


@each_assignment
def test_a_chapter_s_assignment_asks_for_a_proof_and_for_a_text(name):
    titles = [question.title for question in Assignment(name).written]
    assert name in ("warm_up", "capstone") or (len(titles) == 2 and "a proof" in titles[0])


@each_assignment
def test_hints_unfold_in_two_steps(name, built):
    """One below the other, for every question that the machine grades."""
    assignment, page = built(name)
    cells = nbformat.reads(page, as_version=4).cells
    texts = {cell.source.partition("\n")[0].lstrip("# "): cell.source for cell in cells}
    for question in assignment.graded:
        text = texts[question.title]
        first, second = text.index("A first hint"), text.index("A second hint")
        assert first < second and text.count("<details>") == text.count("</details>") == 2
        assert "Hint 1" not in text


@each_assignment
def test_a_failed_test_says_what_is_wrong(name):
    """Every assertion of a test has a message."""
    for question in Assignment(name).graded:
        for test in question.tests:
            asserted = len(re.findall(r"(?m)^\s*assert\b", test.source))
            assert asserted or re.search(r"coursework\.(number|array)\(", test.source), test.name
            said = len(re.findall(r'(?ms)^\s*assert\b.*?(?:, \(\n|, f?")', test.source))
            assert said == asserted, f"{test.name}: an assertion without a message"


@each_assignment
def test_the_student_notebook_keeps_secrets(name, built):
    assignment, page = built(name)
    secrets = assignment.secrets
    assert len(secrets) > 5
    handed = (assignment.built / "student" / assignment.page.name).read_text(encoding="utf-8")
    for text in (page, handed):
        lines = {
            line.strip()
            for cell in nbformat.reads(text, as_version=4).cells
            for line in cell.source.splitlines()
        }
        for secret in secrets:
            assert secret not in lines and not (secret in text and secret.startswith("test_"))
        assert "SOLUTION" not in text and "SECRET_SEED" not in text and "otter" not in text


@each_assignment
def test_the_student_notebook_says_how_to_begin_and_hand_in(name, built):
    """What a student needs who has nothing but this file; its links lead out of it."""
    assignment, _ = built(name)
    path = assignment.built / "student" / assignment.page.name
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    for needed in (
        "pip install git+https://",
        "mybinder.org",
        "colab.",
        "hand in",
        f"`{name}.ipynb`",
    ):
        assert needed in text, needed
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all(link.startswith("https://") for link in links)
    pages = [link for link in links if link.endswith(".html")]
    for link in pages:
        page = assignment.page.parents[2] / re.sub(r"^https://[^/]+/[^/]+/", "", link)
        assert page.with_suffix(".ipynb").exists() or page.with_suffix(".md").exists(), link


@each_question
def test_each_answer_gets_what_it_deserves(name, question):
    """The reference and all right answers everything; the wrong ones what stands beside them."""
    assignment = marks.read(name)
    bench = bench_of(name)
    reference = Answer(question, "", assignment.solution(question))
    most = assignment.question(question).points
    assert bench.of(reference).points == {question: most}
    for answer in [*assignment.right_answers, *assignment.wrong_answers]:
        if answer.question == question:
            got = bench.of(answer)
            assert as_meant(answer, got), (answer.about, got)


# How a correct answer may be written: what stands for a number, and for an array.
FORMS = {
    "nested lists": ("float(v)", "v.tolist()"),
    "tuples": ("(float(v),)", "tuple(map(tuple, v)) if v.ndim == 2 else tuple(v)"),
    "arrays of no dimension": ("np.array(v)", "v"),
    "arrays of one entry, columns": ("np.array([v])", "v[:, None] if v.ndim == 1 else v"),
    "rows": ("np.array([[v]])", "v[None] if v.ndim == 1 else v"),
    "complex numbers that are real": ("complex(v)", "v.astype(complex)"),
    "decimals and objects": ("decimal.Decimal(repr(float(v)))", "v.astype(object)"),
    "fractions, another order in memory": ("fractions.Fraction(float(v))", "np.asfortranarray(v)"),
}
WRITTEN = """
import decimal, fractions, types

def written(v):
    if isinstance(v, types.FunctionType):
        return lambda *a: spoilt(v, a)
    if isinstance(v, tuple) or (isinstance(v, list) and any(isinstance(x, np.ndarray) for x in v)):
        return type(v)(map(written, v))
    if isinstance(v, np.ndarray) and v.ndim:
        return {array}
    return {number} if isinstance(v, int | float | np.number | np.ndarray) else v

def spoilt(function, arguments):
    "Return what it returns as a copy, and overwrite its arguments: a test must give copies."
    found = written(copy.deepcopy(function(*arguments)))
    for one in arguments if {spoil} else ():
        if isinstance(one, np.ndarray):
            one[...] = 7
    return found
"""


@each_question
def test_an_answer_may_be_written_in_other_types(name, question):
    """And it may change what it is given, as answers do that work in place."""
    assignment, most = marks.read(name), Assignment(name).question(question).points
    names = assignment.names_of[question]
    forms = {**FORMS, "in place": ("v", "v")}
    for form, (number, array) in forms.items():
        code = WRITTEN.format(number=number, array=array, spoil=form == "in place")
        code += f"\nimport copy\n{assignment.solution(question)}\n"
        # An answer that is handed on to the package is written as the package asks.
        kept = {"start"} if form.startswith("complex") and name == "linear" else set()
        code += "".join(f"{n} = written({n})\n" for n in sorted(names - kept))
        got = bench_of(name).of(Answer(question, form, code))
        assert got.points == {question: most}, (form, got.messages)


# What a student designs: any value that does what is asked is right.
DESIGNED = {
    "capstone": {"ledger", "measure", "predicted", "tolerance", "control", "broken"},
    "geometry": {"step_sizes", "sharp"},
    "homogeneous": {"W0", "a0", "controls", "decoys"},
    "linear": {"Z_bad", "start", "step_size", "control"},
    "matrix_factorization": {"scale", "controls", "decoy"},
    "stochasticity": {"scale", "small_step", "large_step", "controls", "decoys"},
}
OFF = """
import types

def off(value):
    if isinstance(value, types.FunctionType):
        return lambda *a: off(value(*a))
    if isinstance(value, tuple):
        return (*value[:{part}], value[{part}] * {factor}, *value[{part} + 1:])
    return value if value is None else value * {factor}
"""


@each_question
def test_an_answer_off_by_one_in_ten_thousand_loses(name, question):
    """A number, an array, or a part of what a function returns: so does a grid, or a search."""
    assignment = marks.read(name)
    bench, asked = bench_of(name), assignment.question(question)
    exact = {argument.arg for test in asked.tests for argument in test.function.args.args}
    exact &= assignment.names_of[question] - DESIGNED.get(name, set())
    tried = itertools.product(sorted(exact), (1.0001, 0.9999), range(4))  # four parts at most
    for answer, factor, part in tried:
        code = OFF.format(factor=factor, part=part) + assignment.solution(question)
        got = bench.of(Answer(question, "", f"{code}\n{answer} = off({answer})\n"))
        assert got.points[question] < asked.points, (answer, part, factor)


# What a function may do to one of its arguments, so that it is right only where that does not show.
CHANGES = {
    "without its sign": "np.abs(x)",
    "rounded": "np.round(x, 2)",
    "cut off at a hundred": "np.clip(x, -100, 100)",
    "but for three entries": "(x.T * (np.arange(len(x)) < 3)).T if np.ndim(x) else x",
    "one number for all": "np.full_like(x, np.mean(x))",
}
ALTERED = """
def altered(function, place):
    def call(*given):
        x = given[place]
        new = x
        if isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind == "f"):
            new = {change}
            seen.append((np.ndim(x) > 0, not np.array_equal(new, x)))
        return function(*given[:place], new, *given[place + 1 :])

    return call
"""
# What does not show where it is asked for: in squares and norms, and the decimals of a large time.
SAME = {
    ("block_price", "w", "without its sign"),
    ("log_scale_change", "a", "without its sign"),
    ("unseen_entry", "t", "rounded"),
}
# Arrays without negative entries: prices, importances, shares, scales, weights from 0 to 1.
POSITIVE = {
    ("bounded_descent", "start"),
    *(("certificate", name) for name in ("start", "w", "p", "scale")),
    *((function, "c") for function in ("risk", "gradient", "largest_step", "nearest", "steepest")),
    ("log_scale_change", "decay"),
}


@each_question
def test_every_argument_is_looked_at(name, question):
    """The reference loses if it sees a part of what it is given; so no test is of one shape."""
    assignment = marks.read(name)
    solution, most = assignment.solution(question), assignment.question(question).points
    passed = set()
    functions = [n for n in parsed(solution) if isinstance(n, ast.FunctionDef)]
    functions = [n for n in functions if n.name in assignment.names_of[question]]
    for function in functions if name != "capstone" else ():
        for place, argument in enumerate(function.args.args):
            for about, change in CHANGES.items():
                seen, code = [], ALTERED.format(change=change)
                code += f"{solution}\n{function.name} = altered({function.name}, {place})"
                got = bench_of(name).of(Answer(question, about, code), np=np, seen=seen)
                shows = any(changed for _, changed in seen)
                if shows and got.points[question] == most:
                    passed.add((function.name, argument.arg, about))
                arrays = any(array for array, _ in seen)
                arrays &= (function.name, argument.arg) not in POSITIVE
                if arrays and about == "without its sign":
                    assert shows, f"{function.name}: no entry of {argument.arg} is ever negative"
    assert passed <= SAME, passed - SAME


@each_assignment
def test_wrong_answers_gain_no_more_for_other_students(name):
    """No formula that is wrong is right by chance: on other data, with other numbers."""
    for student in ("hedy", "noether-7"):
        bench = Bench(marks.read(name), student)
        for answer in marks.read(name).wrong_answers:
            got = bench.of(answer)
            assert as_meant(answer, got), (student, answer.about, got)


@each_question
def test_an_error_costs_its_own_question(name, question):
    """Full marks for one answer, whichever wrong ones stand in the place of all the others."""
    assignment = marks.read(name)
    bench, by_question = bench_of(name), {}
    for wrong in assignment.wrong_answers:
        by_question.setdefault(wrong.question, []).append(wrong)
    for wrongs in by_question.values():
        for wrong in wrongs:
            taken = [n for n in bench.names_bound(wrong) if n in assignment.answer_names]
            assert set(taken) <= assignment.names_of[wrong.question], wrong.about
    others = {q: wrongs[0].code for q, wrongs in by_question.items() if q != question}
    got = bench.whole(others)
    assert got.points[question] == assignment.question(question).points, got.messages
    lost = {q: wrongs[0].points for q, wrongs in by_question.items() if q != question}
    assert {q: got.points[q] for q in lost} == lost


@each_assignment
def test_empty_answers_run_and_get_nothing(name):
    """No cell of the handed-out notebook raises, and no point is free."""
    assignment = marks.read(name)
    got = bench_of(name).whole(assignment.blank)
    assert set(got.points.values()) == {0}
    raised = [said for messages in got.messages.values() for said in messages]
    assert not [said for said in raised if said.startswith("the cell raises")]


@pytest.mark.parametrize("identifiers", TENTHS, ids=range(10))
@each_assignment
def test_the_solution_works_for_a_hundred_students(name, identifiers):
    assert marks.students(name, identifiers, [None]) == []


@each_assignment
def test_right_answers_work_for_other_students(name):
    every = marks.variants(marks.read(name))
    identifiers = [f"another-{number}" for number in range(len(every))]
    assert marks.students(name, identifiers, every) == []


@each_assignment
def test_tests_may_also_run_at_the_end(name):
    """Some graders run all tests after the last cell: no answer hides an earlier one."""
    assignment = marks.read(name)
    got = bench_of(name).whole(late=True)
    assert got.points == full(assignment), got


def test_without_an_identifier_the_notebook_says_so():
    got = Bench(marks.read("linear"), student_id="").whole()
    assert any("student_id is empty" in said for said in got.messages[""])
    points = dict(got.points)
    assert points.pop("q3") == 3, "a function, tried on data of the tests: it needs no identifier"
    assert set(points.values()) == {0}


def test_otter_gives_what_this_harness_gives(linear, tmp_path, monkeypatch):
    """The archive for Gradescope, graded by otter: parts and wholes, right and wrong."""
    from otter.run import main as otter_run

    asked = linear.wrong_answers
    none = next(a for a in asked if a.question == "q1")
    part = next(a for a in asked if a.question == "q4" and a.points)
    answers = {"q1": none.code, "q4": part.code}
    solved = {q.name: linear.solution(q.name) for q in linear.graded}
    notebook = filled(linear, solved | answers)
    for cell in notebook.cells:
        if match := re.match(r"# Check of (\w+)\.", cell.source):
            cell.metadata["otter"] = {"tests": [match[1]]}
    nbformat.write(notebook, tmp_path / "linear.ipynb")
    monkeypatch.chdir(tmp_path)
    results = otter_run(
        str(tmp_path / "linear.ipynb"),
        autograder=str(linear.autograder),
        output_dir=None,
        no_logo=True,
    )
    said = {name: results.get_result(name).score for name in results.test_files}
    assert said == Bench(linear).whole(answers).points
    assert said["q4"] not in (0, 3), "a part of a question"
