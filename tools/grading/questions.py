"""The questions of a master notebook: their points, texts and tests."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property

TEST_HEAD = re.compile(r"# HIDDEN(?:, (?P<points>\d+) points?)?\n")


@dataclass(frozen=True)
class Test:
    """A test of a question: its code, whether students see it, and points of its own or None."""

    source: str
    hidden: bool
    points: float | None = None

    @cached_property
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


def question(config: dict, texts: list[str], tests: list[Test]) -> Question:
    """Return the question of a configuration, its texts and tests."""
    manual = config.get("manual", False)
    model = "\n\n".join(texts[1:]) if manual else ""
    return Question(config["name"], config["points"], manual, texts[0], tuple(tests), model)


def test(source: str) -> Test:
    """Return the test in a cell."""
    head = TEST_HEAD.match(source)
    if not head:
        return Test(source, hidden=False)
    points = float(head["points"]) if head["points"] else None
    return Test(source[head.end() :], True, points)
