"""Make what students and graders get from a master notebook: otter's assign, and what it lacks."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import address
import nbformat
from nbformat import NotebookNode
from notebooks import NOTEBOOK_METADATA, normalised

from grading.assignment import (
    CHECK,
    IDENTIFIER,
    OTTER_LINES,
    PAGES,
    ROOT,
    SECRET,
    Assignment,
)
from grading.handout import handed_out, with_help
from grading.marks import Bench
from grading.questions import TEST_HEAD, Question
from grading.summary import misconceptions

SEED_FILE = ROOT / ".secret"  # git ignores it


def seed(given: int | None = None) -> int:
    """Return the seed of the hidden tests: the one that is given, or was given before, or ours.

    It is kept in a file of its own, so that no other target loses it.
    """
    if given is not None:
        SEED_FILE.write_text(f"{given}\n")
    return int(SEED_FILE.read_text()) if SEED_FILE.exists() else SECRET


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


def assign(assignment: Assignment, secret: int = SECRET) -> str:
    """Make everything of one assignment; return the text of its page in the book."""
    name, built = assignment.name, assignment.built
    shutil.rmtree(built, ignore_errors=True)
    source, out = built / "source", built / "otter"
    source.mkdir(parents=True)
    notebook = nbformat.read(assignment.master, as_version=4)
    for cell in notebook.cells:
        cell.source = for_otter(cell.source, secret)
    (source / f"{name}.ipynb").write_text(tidy(notebook), encoding="utf-8")
    shutil.copy(PAGES / "otter.yml", source)
    (source / "requirements.txt").write_text(requirements(), encoding="utf-8")
    program = "from otter.cli import cli; cli()"
    arguments = ["assign", "--no-run-tests", "--no-pdfs", f"{name}.ipynb", out]
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"otter assign fails on {assignment.master}:\n{done.stderr}")
    page = student(assignment, nbformat.read(out / "student" / f"{name}.ipynb", as_version=4))
    next((out / "autograder").glob("*.zip")).rename(assignment.autograder)
    solved = nbformat.read(out / "autograder" / f"{name}.ipynb", as_version=4)
    for cell in solved.cells:
        cell.source = IDENTIFIER.sub('student_id = "solution"', OTTER_LINES.sub("", cell.source))
    solution = student(assignment, solved)
    for folder, made in (("student", page), ("solution", solution)):
        (built / folder).mkdir()
        text = normalised(handed_out(made))
        (built / folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    shutil.rmtree(out)
    shutil.rmtree(source)
    (built / "tests.json").write_text(json.dumps(tests(assignment, secret), indent=1))
    (built / "seed.txt").write_text(f"{secret}\n")
    shutil.copy(assignment.master, built / "master.ipynb")
    return normalised(page)


def for_otter(source: str, secret: int) -> str:
    """Return a cell of a master as otter reads it: the seed filled in, points in a block."""
    head = TEST_HEAD.match(source)
    if not head:
        return source
    source = re.sub(r"\bSECRET_SEED\b", str(secret), source)
    if not head["points"]:
        return source
    block = f"points: {head['points']}\nhidden: true"
    config = f'""" # BEGIN TEST CONFIG\n{block}\n""" # END TEST CONFIG\n'
    return config + source[head.end() :]


def tests(assignment: Assignment, secret: int) -> dict[str, list[dict]]:
    """Return the tests of each question: name, code with the seed in it, arguments."""
    return {
        question.name: [
            {
                "name": test.name,
                "source": re.sub(r"\bSECRET_SEED\b", str(secret), test.source),
                "arguments": [argument.arg for argument in test.function.args.args],
            }
            for test in question.tests
        ]
        for question in assignment.graded
    }


def requirements() -> str:
    """Return what a machine that grades needs: Binder's packages, and this one."""
    binder = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8")
    return f"{binder}ibias @ git+{address.current()}\n"


def student(assignment: Assignment, notebook: NotebookNode) -> NotebookNode:
    """Return a student notebook: public tests in plain sight, nothing of otter."""
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
    return with_help(notebook, assignment.name)


def check_cell(question: Question) -> str:
    """Return the cell that runs the public tests of a question."""
    public = [test for test in question.tests if not test.hidden]
    sources = [CHECK.format(question=question.name)] + [test.source for test in public]
    call = f"check({', '.join(test.name for test in public)})"
    return "\n".join([sources[0], "\n\n\n".join([*sources[1:], call])])


def known_errors(assignment: Assignment) -> dict[str, list]:
    """Return what the tests say of each known wrong answer; made once for a build, and kept."""
    path = Path(assignment.built, "errors.json")
    if not path.exists():
        bench = Bench(assignment, "ada", assignment.secret)
        said = [(answer, bench.of(answer).common) for answer in assignment.wrong_answers]
        path.write_text(json.dumps(misconceptions(said), indent=1))
    return json.loads(path.read_text())
