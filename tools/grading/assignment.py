"""What a master notebook holds: cells, questions, tests, and the answers that try the tests."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
import yaml

from grading import answers, questions
from grading.answers import Answer, bound
from grading.questions import Cell, Question

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "book" / "coursework"
BUILT = ROOT / "_build" / "coursework"
SECRET = 20261  # the seed of the hidden tests' data in the public repository
CHECK = "# Check of {question}. Run it; do not edit it."
IDENTIFIER = re.compile(r'(?m)^student_id = "(.*)"')
OTTER_LINES = re.compile(r"(?m)^[ \t]*# (?:BEGIN|END) SOLUTION.*\n?|  # SOLUTION.*$")


def names() -> list[str]:
    """Return the names of the assignments."""
    return sorted(path.parent.name for path in PAGES.glob("*/master.ipynb"))


@dataclass(frozen=True)
class Assignment:
    """One assignment, read from its master notebook; `root` is where things made of it lie."""

    name: str
    root: Path = BUILT

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
        return self.root / self.name

    @property
    def autograder(self) -> Path:
        """The archive with all tests, for otter and Gradescope."""
        return self.built / "autograder.zip"

    @property
    def secret(self) -> int:
        """The seed of the hidden tests with which the folder was built."""
        return int((self.built / "seed.txt").read_text())

    @property
    def stale(self) -> bool:
        """Whether the master has changed since the folder was built."""
        return (self.built / "master.ipynb").read_bytes() != self.master.read_bytes()

    @property
    def stamp(self) -> str:
        """What tells two builds apart: a digest of the tests and of what was handed out."""
        parts = [self.built / "tests.json", self.built / "student" / self.page.name]
        return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]

    @cached_property
    def _parts(self) -> tuple[list[Cell], list[Question]]:
        """The code cells without tests, and the questions, in order."""
        cells, found = [], []
        config, tests, texts, inside = {}, [], [], ""
        for cell in nbformat.read(self.master, as_version=4).cells:
            if cell.cell_type == "raw":
                mark, _, rest = cell.source.partition("\n")
                inside = mark.removeprefix("# BEGIN ") if mark.startswith("# BEGIN") else ""
                if mark == "# BEGIN QUESTION":
                    config, tests, texts = yaml.safe_load(rest), [], []
                elif mark == "# END QUESTION":
                    found.append(questions.question(config, texts, tests))
                    config = {}
            elif cell.cell_type == "code" and inside == "TESTS":
                tests.append(questions.test(cell.source))
            elif cell.cell_type == "code":
                asked = config.get("name", "") if inside == "SOLUTION" else ""
                cells.append(Cell(cell.source, asked))
            elif config:
                texts.append(cell.source)
        return cells, found

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

    @property
    def written(self) -> list[Question]:
        """The questions that a person grades."""
        return [question for question in self.questions if question.manual]

    def question(self, name: str) -> Question:
        """Return the question of that name."""
        return next(question for question in self.questions if question.name == name)

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
    def names_of(self) -> dict[str, set[str]]:
        """The names that an answer has to define, by question."""
        return {name: bound(source) for name, source in self.blank.items()}

    @property
    def answer_names(self) -> set[str]:
        """The names that answers define."""
        return set().union(*self.names_of.values())

    @cached_property
    def wrong_answers(self) -> list[Answer]:
        """Answers that must lose their question, or a part of it: wrong.py beside the master."""
        return answers.read(self.master.with_name("wrong.py"))

    @cached_property
    def right_answers(self) -> list[Answer]:
        """Answers written differently that must get everything: right.py beside the master."""
        found = answers.read(self.master.with_name("right.py"))
        return [
            Answer(a.question, a.about, a.code, self.question(a.question).points) for a in found
        ]

    @property
    def secrets(self) -> set[str]:
        """Lines that students must not see: names of hidden tests, and what answers a question."""
        given = [*self.blank.values(), *(cell.source for cell in self.cells if not cell.question)]
        known = {line.strip() for source in given for line in source.splitlines()}
        own = [self.solution(question.name) for question in self.graded]
        lines = {line.strip() for source in own for line in source.splitlines()}
        hidden = {t.name for question in self.graded for t in question.tests if t.hidden}
        return {line for line in lines - known if len(line) > 15} | hidden
