"""Make the coursework: from each master notebook what students and graders get.

    python tools/coursework.py assign [--secret 12345] [names]
    python tools/coursework.py marks [names]

`assign` leaves in _build/coursework/<name> the student notebook, the notebook with solutions and
`autograder.zip`, and stores the student notebook as the page book/coursework/<name>.ipynb.
`marks` prints what each deliberately wrong answer loses.
"""

import argparse
import ast
import contextlib
import functools
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import address
import nbformat
import yaml
from nbformat import NotebookNode
from notebooks import NOTEBOOK_METADATA, normalised

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "book" / "coursework"
BUILT = ROOT / "_build" / "coursework"
SECRET = 20261  # the seed of the hidden tests' data in the public repository
CHECK = "# Check of {question}. Run it; do not edit it."
IDENTIFIER = re.compile(r'(?m)^student_id = "(.*)"')
OTTER_LINES = re.compile(r"(?m)^[ \t]*# (?:BEGIN|END) SOLUTION.*\n?|  # SOLUTION.*$")


def names() -> list[str]:
    """Return the names of the assignments."""
    return sorted(path.parent.name for path in PAGES.glob("*/master.ipynb"))


# ---- what a master notebook holds -------------------------------------------------------


@dataclass(frozen=True)
class Test:
    """A test of a question: its code, and whether students see it."""

    source: str
    hidden: bool

    @property
    def name(self) -> str:
        """The name of its function."""
        return ast.parse(self.source).body[0].name


@dataclass(frozen=True)
class Cell:
    """A code cell that students get: given to them, or the answer to a question."""

    source: str
    question: str = ""


@dataclass(frozen=True)
class Question:
    """A question: its points, whether a person grades it, and its tests."""

    name: str
    points: float
    manual: bool
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class WrongAnswer:
    """An answer that must lose its question, and no other."""

    question: str
    misconception: str
    code: str


@dataclass(frozen=True)
class Assignment:
    """One assignment, read from its master notebook."""

    name: str

    @property
    def master(self) -> Path:
        """The master notebook."""
        return PAGES / self.name / "master.ipynb"

    @property
    def page(self) -> Path:
        """The student notebook in git, which is a page of the book."""
        return PAGES / f"{self.name}.ipynb"

    @property
    def built(self) -> Path:
        """The folder of what is made."""
        return BUILT / self.name

    @property
    def autograder(self) -> Path:
        """The archive with all tests."""
        return self.built / "autograder.zip"

    @cached_property
    def _parts(self) -> tuple[list[Cell], list[Question]]:
        """The code cells without tests, and the questions, in order."""
        cells, questions = [], []
        config, tests, inside = {}, [], ""
        for cell in nbformat.read(self.master, as_version=4).cells:
            if cell.cell_type == "raw":
                mark, _, rest = cell.source.partition("\n")
                inside = mark.removeprefix("# BEGIN ") if mark.startswith("# BEGIN") else ""
                if mark == "# BEGIN QUESTION":
                    config, tests = yaml.safe_load(rest), []
                elif mark == "# END QUESTION":
                    manual = config.get("manual", False)
                    questions.append(
                        Question(config["name"], config["points"], manual, tuple(tests))
                    )
                    config = {}
            elif cell.cell_type == "code" and inside == "TESTS":
                hidden = cell.source.startswith("# HIDDEN\n")
                tests.append(Test(cell.source.removeprefix("# HIDDEN\n"), hidden))
            elif cell.cell_type == "code":
                answers = config.get("name", "") if inside == "SOLUTION" else ""
                cells.append(Cell(cell.source, answers))
        return cells, questions

    @property
    def cells(self) -> list[Cell]:
        """The code cells of the reference solution, without tests."""
        return self._parts[0]

    @property
    def questions(self) -> list[Question]:
        """The questions, in order."""
        return self._parts[1]

    @property
    def graded(self) -> list[Question]:
        """The questions that the machine grades."""
        return [question for question in self.questions if not question.manual]

    def solution(self, question: str) -> str:
        """Return the reference answer, without the marks that otter reads."""
        return next(OTTER_LINES.sub("", c.source) for c in self.cells if c.question == question)

    @cached_property
    def blank(self) -> dict[str, str]:
        """What stands in the student notebook in the place of each answer."""
        own = [
            cell.source
            for cell in nbformat.read(self.page, as_version=4).cells
            if cell.cell_type == "code"
            and "google.colab" not in cell.source
            and not cell.source.startswith(CHECK.partition("{")[0])
        ]
        pairs = zip(self.cells, own, strict=True)
        return {cell.question: source for cell, source in pairs if cell.question}

    @cached_property
    def wrong_answers(self) -> list[WrongAnswer]:
        """The deliberately wrong answers, from wrong.py beside the master notebook."""
        text = self.master.with_name("wrong.py").read_text(encoding="utf-8")
        heads = list(re.finditer(r"(?m)^# %% (\w+): (.+)\n", text))
        ends = [head.start() for head in heads[1:]] + [len(text)]
        return [
            WrongAnswer(head[1], head[2], text[head.end() : end].strip())
            for head, end in zip(heads, ends, strict=True)
        ]

    @property
    def common_tests(self) -> set[str]:
        """The names of the tests that see no student's own data."""
        return {
            test.name
            for question in self.graded
            for test in question.tests
            if "SECRET_SEED" in test.source
        }

    @property
    def secrets(self) -> set[str]:
        """Lines that students must not see: names of hidden tests, and what answers a question."""
        given = [*self.blank.values(), *(cell.source for cell in self.cells if not cell.question)]
        known = {line.strip() for source in given for line in source.splitlines()}
        own = [self.solution(question.name) for question in self.graded]
        lines = {line.strip() for source in own for line in source.splitlines()}
        hidden = {t.name for question in self.graded for t in question.tests if t.hidden}
        return {line for line in lines - known if len(line) > 15} | hidden

    @cached_property
    def tests(self) -> dict:
        """The test files of the archive, as otter reads them."""
        from otter.test_files.exception_test import ExceptionTestFile

        with zipfile.ZipFile(self.autograder) as archive:
            return {
                question.name: ExceptionTestFile.from_string(
                    archive.read(f"tests/{question.name}.py").decode(), question.name
                )
                for question in self.graded
            }


# ---- otter assign -----------------------------------------------------------------------


def tidy(notebook: NotebookNode) -> str:
    """Return the text of a master notebook without outputs, and with nothing that varies."""
    cells = []
    for number, cell in enumerate(notebook.cells):
        kept = {"cell_type": cell.cell_type, "id": f"cell-{number}", "metadata": {}}
        kept["source"] = cell.source.strip("\n")
        if cell.cell_type == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(kept)
    fields = {"cells": cells, "metadata": NOTEBOOK_METADATA, "nbformat": 4, "nbformat_minor": 5}
    return nbformat.writes(nbformat.from_dict(fields)) + "\n"


def assign(name: str, secret: int = SECRET) -> str:
    """Make everything of one assignment; return the text of its student notebook."""
    assignment = Assignment(name)
    shutil.rmtree(assignment.built, ignore_errors=True)
    source, out = assignment.built / "source", assignment.built / "otter"
    source.mkdir(parents=True)
    notebook = nbformat.read(assignment.master, as_version=4)
    for cell in notebook.cells:
        if cell.source.startswith("# HIDDEN\n"):
            cell.source = re.sub(r"\bSECRET_SEED\b", str(secret), cell.source)
    (source / f"{name}.ipynb").write_text(tidy(notebook), encoding="utf-8")
    shutil.copy(PAGES / "otter.yml", source)
    (source / "requirements.txt").write_text(requirements(), encoding="utf-8")
    program = "from otter.cli import cli; cli()"
    arguments = ["assign", "--no-run-tests", "--no-pdfs", f"{name}.ipynb", out]
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"otter assign fails on {assignment.master}:\n{done.stderr}")
    text = student_text(assignment, nbformat.read(out / "student" / f"{name}.ipynb", as_version=4))
    next((out / "autograder").glob("*.zip")).rename(assignment.autograder)
    solved = nbformat.read(out / "autograder" / f"{name}.ipynb", as_version=4)
    for cell in solved.cells:
        cell.source = IDENTIFIER.sub('student_id = "solution"', OTTER_LINES.sub("", cell.source))
    for folder, made in (("student", text), ("solution", student_text(assignment, solved))):
        (assignment.built / folder).mkdir()
        (assignment.built / folder / f"{name}.ipynb").write_text(made, encoding="utf-8")
    shutil.rmtree(out)
    shutil.rmtree(source)
    return text


def requirements() -> str:
    """Return what a machine that grades needs: Binder's packages, and this one."""
    binder = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8")
    return f"{binder}ibias @ git+{address.current()}\n"


def student_text(assignment: Assignment, notebook: NotebookNode) -> str:
    """Return the text of a student notebook: public tests in plain sight, nothing of otter."""
    questions = {question.name: question for question in assignment.questions}
    cells = []
    for cell in notebook.cells:
        cell.metadata = {}
        if match := re.fullmatch(r'grader\.check\("(\w+)"\)', cell.source):
            cell.source = check_cell(questions[match[1]])
        elif cell.cell_type == "markdown":
            cell.source = re.sub(r"<!-- (?:BEGIN|END) QUESTION -->\s*", "", cell.source)
        cells.append(cell)
    notebook.cells = cells
    return normalised(notebook)


def check_cell(question: Question) -> str:
    """Return the cell that runs the public tests of a question."""
    public = [test for test in question.tests if not test.hidden]
    sources = [CHECK.format(question=question.name)] + [test.source for test in public]
    call = f"check({', '.join(test.name for test in public)})"
    return "\n".join([sources[0], "\n\n\n".join([*sources[1:], call])])


# ---- grading in this process, to test the tests ------------------------------------------


@dataclass(frozen=True)
class Marks:
    """Points by question, and what the failed tests said."""

    points: dict[str, float]
    messages: dict[str, list[str]]


def grade(
    assignment: Assignment,
    student_id: str = "ada",
    answers: dict[str, str] | None = None,
    own_data_only: bool = False,
    at_the_end: bool = False,
) -> Marks:
    """Run the reference solution with some `answers` replaced; return the marks.

    As otter does: cells in order, a cell that raises does not stop the rest, and a question's
    tests run after its answer, or all of them `at_the_end`. With `own_data_only` the tests on
    the grader's data, which are the same for every student, are left out.
    """
    space = {"__name__": "__main__"}
    points, messages = {}, {question: [] for question in ["", *assignment.tests]}
    left_out = assignment.common_tests if own_data_only else set()

    def mark(question: str) -> None:
        test = assignment.tests[question]
        every = test.test_cases
        test.test_cases = [case for case in every if case.body.test_func.__name__ not in left_out]
        test.run(space)
        points[question] = test.grade * sum(case.points for case in every)
        test.test_cases = every
        failed = [result.message for result in test.test_case_results if not result.passed]
        messages[question].extend(failed)

    with contextlib.redirect_stdout(io.StringIO()):
        for number, cell in enumerate(assignment.cells):
            source = (answers or {}).get(cell.question, cell.source)
            if not cell.question:
                source = IDENTIFIER.sub(f"student_id = {student_id!r}", source)
            try:
                exec(compile(source, f"<cell {number}>", "exec"), space)
            except Exception as error:
                messages[cell.question].append(f"the cell raises {error!r}")
            if cell.question and not at_the_end:
                mark(cell.question)
        for question in assignment.tests if at_the_end else ():
            mark(question)
    return Marks(points, {name: said for name, said in messages.items() if said})


def grade_all(jobs: list[tuple]) -> list[Marks]:
    """Return `grade(*job)` for each job, whose first entry is a name; two or more cores share."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_grade_job, jobs, chunksize=4))


_read = functools.cache(Assignment)


def _grade_job(job: tuple) -> Marks:
    os.environ.setdefault("MPLBACKEND", "agg")
    return grade(_read(job[0]), *job[1:])


REFERENCE = WrongAnswer("", "the reference solution", "")


def marks(chosen: list[str]) -> dict[str, list[tuple[WrongAnswer, Marks]]]:
    """Return, for each assignment, each wrong answer with what it gets; the reference first."""
    listed = [(name, wrong) for name in chosen for wrong in [REFERENCE, *_read(name).wrong_answers]]
    jobs = [
        (name, "ada", {wrong.question: wrong.code} if wrong.code else {}) for name, wrong in listed
    ]
    table = {name: [] for name in chosen}
    for (name, wrong), got in zip(listed, grade_all(jobs), strict=True):
        table[name].append((wrong, got))
    return table


def as_meant(assignment: Assignment, wrong: WrongAnswer, got: Marks) -> bool:
    """Say whether a wrong answer loses all of its question, and nothing else."""
    return got.points == {
        question.name: 0 if question.name == wrong.question else question.points
        for question in assignment.graded
    }


def print_marks(assignment: Assignment, rows: list[tuple[WrongAnswer, Marks]]) -> bool:
    """Print the table of wrong answers and marks; return whether each loses its question only."""
    width = max(len(wrong.misconception) for wrong, _ in rows) + 6
    columns = [question.name for question in assignment.graded]
    print(f"\n{assignment.name}: marks of submissions with one wrong answer")
    print(f"{'':{width}}" + "".join(f"{name:>5}" for name in columns))
    for wrong, got in rows:
        said = f"{wrong.question:4}{wrong.misconception}"
        verdict = "" if as_meant(assignment, wrong, got) else "  NOT AS MEANT"
        print(f"{said:{width}}" + "".join(f"{got.points[q]:5g}" for q in columns) + verdict)
        for question, messages in got.messages.items() if verdict else ():
            print(f"    {question}: {messages[0][:300]}")
        if verdict and wrong is REFERENCE:
            break
    return all(as_meant(assignment, *row) for row in rows)


# ---- the command line -------------------------------------------------------------------


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["assign", "marks"])
    parser.add_argument("names", nargs="*", help="assignments; without any, all")
    parser.add_argument("--secret", type=int, default=SECRET, help="seed of the hidden tests")
    arguments = parser.parse_args()
    chosen = arguments.names or names()
    for name in chosen:
        master = Assignment(name).master
        master.write_text(tidy(nbformat.read(master, as_version=4)), encoding="utf-8", newline="\n")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(lambda name: assign(name, arguments.secret), chosen))
    for name, text in zip(chosen, texts, strict=True):
        assignment = Assignment(name)
        assignment.page.write_text(text, encoding="utf-8", newline="\n")
        if arguments.action == "assign":
            print(f"{assignment.built.relative_to(ROOT)}: autograder.zip, student, solution")
    if arguments.action == "marks":
        printed = [print_marks(Assignment(name), rows) for name, rows in marks(chosen).items()]
        return int(not all(printed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
