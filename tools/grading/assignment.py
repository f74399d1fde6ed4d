"""What a master notebook holds: cells, questions, tests, and the answers that try the tests."""

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "book" / "coursework"
BUILT = ROOT / "_build" / "coursework"
SECRET = 20261  # the seed of the hidden tests' data in the public repository
CHECK = "# Check of {question}. Run it; do not edit it."
IDENTIFIER = re.compile(r'(?m)^student_id = "(.*)"')
OTTER_LINES = re.compile(r"(?m)^[ \t]*# (?:BEGIN|END) SOLUTION.*\n?|  # SOLUTION.*$")
TEST_HEAD = re.compile(r"# HIDDEN(?:, (?P<points>\d+) points?)?\n")
ANSWER_HEAD = re.compile(r"(?m)^# %% (\w+)(?: \((\d+) of \d+\))?: (.+)\n")


def names() -> list[str]:
    """Return the names of the assignments."""
    return sorted(path.parent.name for path in PAGES.glob("*/master.ipynb"))


@dataclass(frozen=True)
class Test:
    """A test of a question: its code, whether students see it, and points of its own or None."""

    source: str
    hidden: bool
    points: float | None = None

    @property
    def function(self) -> ast.FunctionDef:
        """Its function, parsed."""
        return ast.parse(self.source).body[0]

    @property
    def name(self) -> str:
        """The name of its function."""
        return self.function.name

    @property
    def about(self) -> str:
        """What it looks at, in a few words."""
        return ast.get_docstring(self.function)


@dataclass(frozen=True)
class Cell:
    """A code cell that students get: given to them, or the answer to a question."""

    source: str
    question: str = ""


@dataclass(frozen=True)
class Question:
    """A question: its points, whether a person grades it, its text, tests and model answer."""

    name: str
    points: float
    manual: bool
    prompt: str
    tests: tuple[Test, ...]
    model: str = ""

    @property
    def parts(self) -> dict[str, float]:
        """The points of each test that has some of its own; empty if the question is one whole."""
        return {test.name: test.points for test in self.tests if test.points is not None}

    def score(self, passed: set[str]) -> float:
        """Return the points for the tests that passed, by name."""
        if self.parts:
            return sum(points for name, points in self.parts.items() if name in passed)
        return self.points if {test.name for test in self.tests} <= passed else 0

    @property
    def title(self) -> str:
        """Its heading."""
        return self.prompt.partition("\n")[0].lstrip("# ")

    @property
    def rubric(self) -> list[str]:
        """What a point is given for, if a person grades it: 'One point each: this; that.'"""
        listed = re.search(r"(?s)\*One point each: (.+?)\.\*", self.prompt)
        return [line.strip() for line in listed[1].split(";")] if listed else []


@dataclass(frozen=True)
class Answer:
    """An answer that tries the tests: to which question, in words, its code, what it gets."""

    question: str
    about: str
    code: str
    points: float = 0


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
        cells, questions = [], []
        config, tests, texts, inside = {}, [], [], ""
        for cell in nbformat.read(self.master, as_version=4).cells:
            if cell.cell_type == "raw":
                mark, _, rest = cell.source.partition("\n")
                inside = mark.removeprefix("# BEGIN ") if mark.startswith("# BEGIN") else ""
                if mark == "# BEGIN QUESTION":
                    config, tests, texts = yaml.safe_load(rest), [], []
                elif mark == "# END QUESTION":
                    questions.append(_question(config, texts, tests))
                    config = {}
            elif cell.cell_type == "code" and inside == "TESTS":
                tests.append(_test(cell.source))
            elif cell.cell_type == "code":
                answers = config.get("name", "") if inside == "SOLUTION" else ""
                cells.append(Cell(cell.source, answers))
            elif config:
                texts.append(cell.source)
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
        return _answers(self.master.with_name("wrong.py"))

    @cached_property
    def right_answers(self) -> list[Answer]:
        """Answers written differently that must get everything: right.py beside the master."""
        found = _answers(self.master.with_name("right.py"))
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


def bound(source: str) -> set[str]:
    """Return the names that a cell defines at its top level; none if it does not parse."""
    try:
        body = ast.parse(re.sub(r"(?m)^[ \t]*[%!].*$", "", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stored(n)}
    return names


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _question(config: dict, texts: list[str], tests: list[Test]) -> Question:
    manual = config.get("manual", False)
    model = "\n\n".join(texts[1:]) if manual else ""
    return Question(config["name"], config["points"], manual, texts[0], tuple(tests), model)


def _test(source: str) -> Test:
    head = TEST_HEAD.match(source)
    if not head:
        return Test(source, hidden=False)
    points = float(head["points"]) if head["points"] else None
    return Test(source[head.end() :], True, points)


def _answers(path: Path) -> list[Answer]:
    """Read answers: `# %% q3: in words`, or `# %% q4 (2 of 4): in words`, and the code below."""
    text = path.read_text(encoding="utf-8")
    heads = list(ANSWER_HEAD.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)][: len(heads)]
    return [
        Answer(head[1], head[3], text[head.end() : end].strip(), float(head[2] or 0))
        for head, end in zip(heads, ends, strict=True)
    ]
