"""Grade answers in this process, to test the tests: the wrong ones, the right ones, many students.

One bench is one student: the cells that were given run once, and every answer that is tried
starts from what they left.
"""

import contextlib
import copy
import functools
import io
import os
import re
import types
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from grading.answers import Answer
from grading.assignment import IDENTIFIER, SECRET, Assignment
from grading.questions import Question
from grading.remembered import remembering

# A test that sees no data of the student's own: it says the same to the same answer.
COMMON = re.compile(r"\bSECRET_SEED\b|# the same for every student")


@dataclass
class Marks:
    """Points by question, what the failed tests said, and what those said that all share."""

    points: dict[str, float] = field(default_factory=dict)
    messages: dict[str, list[str]] = field(default_factory=dict)
    common: dict[str, list[str]] = field(default_factory=dict)

    def say(self, question: str, message: str) -> None:
        """Note a message."""
        self.messages.setdefault(question, []).append(message)


class Bench:
    """The notebook of one student, with the answers that are tried in it."""

    def __init__(self, assignment: Assignment, student_id: str = "ada", seed: int = SECRET) -> None:
        self.assignment, self.seed, self.broken = assignment, seed, []
        self.given = {"__name__": "__main__"}
        self.after = {}  # what the given cells before each answer had defined
        with quiet():
            for number, cell in enumerate(assignment.cells):
                if cell.question:
                    self.after[cell.question] = dict(self.given)
                    continue
                source = IDENTIFIER.sub(f"student_id = {student_id!r}", cell.source)
                try:
                    exec(compile(source, f"<cell {number}>", "exec"), self.given)
                except Exception as error:
                    self.broken.append(f"the cell raises {error!r}")

    def space(self, question: str) -> dict:
        """Return the names that stand before an answer, those of data as copies."""
        return {name: copied(value) for name, value in self.after[question].items()}

    def of(self, answer: Answer, own_data_only: bool = False, **more: object) -> Marks:
        """Return what one answer gets, alone; it may use the names in `more`."""
        marks, space = Marks(), self.space(answer.question) | more
        with quiet():
            self._try(answer.question, answer.code, space, marks, own_data_only)
        return marks

    def whole(
        self, answers: dict[str, str] | None = None, own_data_only: bool = False, late: bool = False
    ) -> Marks:
        """Return the marks of a notebook: the reference solution with some answers replaced.

        Cells run in order in one namespace, a cell that raises does not stop the rest, and a
        question's tests run after its answer, or `late`: after the last cell. With
        `own_data_only` tests on the grader's data, the same for all students, are left out.
        """
        marks, space = Marks(), {}
        for said in self.broken:
            marks.say("", said)
        with quiet():
            for question in self.assignment.graded:
                name = question.name
                new = {k: v for k, v in self.after[name].items() if k not in space}
                space |= {key: copied(value) for key, value in new.items()}
                space |= {k: copied(v) for k, v in self._since(name).items()}
                code = (answers or {}).get(name, self.assignment.solution(name))
                self._try(name, code, space, marks, own_data_only, tests=not late)
            for question in self.assignment.graded if late else ():
                self._mark(question, space, marks, own_data_only)
        return marks

    def names_bound(self, answer: Answer) -> set[str]:
        """Return the names that an answer leaves behind, of its own or another question."""
        space = self.space(answer.question)
        before = dict(space)
        with quiet(), contextlib.suppress(Exception):
            exec(compile(answer.code, "<answer>", "exec"), space)
        return {name for name, value in space.items() if before.get(name) is not value}

    def _since(self, question: str) -> dict:
        """Return what was given between the answer before and this one."""
        order = list(self.after)
        place = order.index(question)
        before = self.after[order[place - 1]] if place else {}
        now = self.after[question]
        return {k: v for k, v in now.items() if k not in before or before[k] is not v}

    def _try(
        self, name: str, code: str, space: dict, marks: Marks, own: bool = False, tests: bool = True
    ) -> None:
        try:
            exec(compile(code, f"<{name}>", "exec"), space)
        except Exception as error:
            marks.say(name, f"the cell raises {error!r}")
        if tests:
            self._mark(self.assignment.question(name), space, marks, own)

    def _mark(self, question: Question, space: dict, marks: Marks, own: bool) -> None:
        passed, given = set(), self.after[question.name]
        for test in question.tests:
            common = bool(COMMON.search(test.source))
            said = None if own and common else self._verdict(test, space, given)
            if said is None:
                passed.add(test.name)
                continue
            marks.say(question.name, said)
            if common:
                marks.common.setdefault(question.name, []).append(said)
        marks.points[question.name] = question.score(passed)

    def _verdict(self, test: object, space: dict, given: dict) -> str | None:
        """Return what a test says against the answers, or None."""
        try:
            function = compiled(test.source, self.seed)
            names = function.__code__.co_varnames[: function.__code__.co_argcount]
            own = self.assignment.answer_names
            values = {n: (given if n in given and n not in own else space).get(n) for n in names}
            for name, value in values.items():
                assert value is not None and value is not ..., f"{name} is not there"
            function(**values)
        except Exception as error:
            return str(error) if isinstance(error, AssertionError) else repr(error)
        return None


@functools.cache
def compiled(source: str, seed: int) -> types.FunctionType:
    """Return the function of a test, with the seed of the hidden data in it."""
    space = {}
    exec(compile(re.sub(r"\bSECRET_SEED\b", str(seed), source), "<test>", "exec"), space)
    return next(value for key, value in space.items() if key.startswith("test_"))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what cells print from being printed, and what they compute from being lost."""
    with contextlib.redirect_stdout(io.StringIO()), remembering():
        yield


def copied(value: object) -> object:
    """Return a copy that can be changed without changing the original."""
    if isinstance(value, types.ModuleType | types.FunctionType | type):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def full(assignment: Assignment) -> dict[str, float]:
    """Return all the points there are by tests."""
    return {question.name: question.points for question in assignment.graded}


def variants(assignment: Assignment) -> list[dict[str, str]]:
    """Return whole notebooks of right answers, in which each of right.py stands once at least."""
    by_question = {question.name: [] for question in assignment.graded}
    for answer in assignment.right_answers:
        by_question[answer.question].append(answer.code)
    most = max(map(len, by_question.values()))
    return [
        {name: codes[k % len(codes)] for name, codes in by_question.items() if codes}
        for k in range(most)
    ]


def students(name: str, identifiers: list[str], answers: list[dict | None]) -> list[tuple]:
    """Return the identifiers for which a right notebook loses a point: with what, and why.

    Student k hands in `answers[k % len(answers)]`, where None stands for the reference solution.
    """
    assignment, lost = read(name), []
    for k, identifier in enumerate(identifiers):
        own = answers[k % len(answers)]
        got = Bench(assignment, identifier).whole(own, own_data_only=True)
        if got.points != full(assignment):
            lost.append((identifier, k % len(answers), got.points, got.messages))
    return lost


def every_answer(name: str, identifiers: list[str]) -> list[tuple]:
    """Return for whom a right answer loses a point, if each student tries each of them alone.

    All answers of one student come after each other, so that they share flows and optima.
    """
    assignment, lost = read(name), []
    for identifier in identifiers:
        bench = Bench(assignment, identifier)
        for answer in right(assignment):
            got = bench.of(answer, own_data_only=True)
            if not as_meant(answer, got):
                lost.append((identifier, answer, got))
    return lost


def right(assignment: Assignment) -> list[Answer]:
    """Return the reference answers, and all of right.py."""
    references = [
        Answer(question.name, "the reference", assignment.solution(question.name), question.points)
        for question in assignment.graded
    ]
    return references + assignment.right_answers


read = functools.cache(Assignment)


def spread(job: object, arguments: list[tuple]) -> list:
    """Return `job(*a)` for each a; all cores share."""
    os.environ.setdefault("MPLBACKEND", "agg")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(job, *a) for a in arguments]]


def table(name: str) -> list[tuple[str, Answer, Marks]]:
    """Return the kind, the answer and the marks of every answer that tries the tests."""
    assignment = read(name)
    bench = Bench(assignment)
    rows = []
    for question in assignment.graded:
        solution = assignment.solution(question.name)
        rows.append(("reference", Answer(question.name, "", solution, question.points)))
        for kind, answers in (
            ("right", assignment.right_answers),
            ("wrong", assignment.wrong_answers),
        ):
            rows += [(kind, answer) for answer in answers if answer.question == question.name]
    return [(kind, answer, bench.of(answer)) for kind, answer in rows]


def as_meant(answer: Answer, got: Marks) -> bool:
    """Say whether an answer gets what it deserves."""
    return got.points == {answer.question: answer.points}
