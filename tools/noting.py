"""Run a page under a seed, whole or in part, and note what every check did.

A check that does not hold is noted, and the page goes on, so that one fault hides no other.
Pictures are not drawn. What draws at random is noted too, statement by statement.
"""

import ast
import contextlib
import io
import json
import os
import time
import traceback
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import slices
from notebooks import BOOK

# A worker is a fork: what is imported here is there at once.
from ibias import claims, descent, flow, frames, methods, optima, plots  # noqa: F401
from ibias.claims import checks

VERDICTS = (checks.CheckFailed, checks.ControlPassed, checks.WrongTheoryPassed)
# By how many tolerances each role must miss; a check by at most one, the others by more.
LIMITS = {"check": 1, "control": checks.MISS, "wrong": checks.TELLS}


@dataclass(frozen=True)
class Finding:
    """What a check, a control, a wrong theory or a whole cell did on one page under one seed.

    `misses` says by how many tolerances it was off, at the entry that decides; `statement` is the
    index of the statement of the page that asked.
    """

    page: str
    role: str
    what: str
    seed: int
    misses: float = float("nan")
    said: str = ""
    failed: bool = True
    statement: int = -1

    @property
    def closeness(self) -> float:
        """The part of its room that it used up: at one it fails."""
        limit = LIMITS[self.role]
        if self.role == "check":
            return self.misses / limit
        return limit / self.misses if self.misses > 0 else float("inf")


@dataclass(frozen=True)
class Run:
    """One page under one seed: what was found, and which statements may depend on the seed.

    `drew` are the statements that drew a random number, or were not reached; `seconds` is what
    the page took of a core.
    """

    findings: list[Finding]
    drew: set[int]
    seconds: float


class _Generator(np.random.Generator):
    """A generator that notes when a number is drawn from it."""

    drawn: set = set()  # noqa: RUF012  (shared by the generators of a page on purpose)

    def __getattribute__(self, name: str) -> Any:
        if name != "__class__":
            _Generator.drawn.add(_Noting.at)
        return super().__getattribute__(name)


class _Noting(checks.Check):
    """A check that notes what it found instead of raising."""

    found: list = []  # noqa: RUF012  (shared by the checks of a page on purpose)
    at = -1  # the statement that runs

    def __call__(self, *case: Any, **named_case: Any) -> None:
        self._note("check", self.statement, super().__call__, case, named_case)

    def control(self, *case: Any, broken: str, **named_case: Any) -> None:
        self._note(
            "control", self.statement, super().control, case, named_case | {"broken": broken}
        )

    def rejects(self, theory: str, *case: Any, predicts: float | None = None, **named: Any) -> None:
        what = f"{self.statement} / {theory}"
        self._note("wrong", what, super().rejects, (theory, *case), named | {"predicts": predicts})

    def _measured(self, *case: Any, **named_case: Any) -> np.ndarray:
        self._value = super()._measured(*case, **named_case)
        return self._value

    def _miss(self, measured: np.ndarray, expected: float | None = None) -> np.ndarray:
        self._misses = super()._miss(measured, expected)
        return self._misses

    def _note(self, role: str, what: str, call: Callable, case: tuple, named_case: dict) -> None:
        said, failed, self._misses = "", False, np.array([np.nan])
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                call(*case, **named_case)
        except VERDICTS:
            failed = True
            if role == "check":
                self._last = self._value
        except Exception as error:
            said, failed, self._misses = told(error), True, np.array([np.nan])
        decides = min if role == "control" else max
        misses = float(decides(self._misses.ravel()))
        self.found.append((role, f"{self.ids}: {what}", misses, said, failed, self.at))


def told(error: BaseException) -> str:
    """Return one line that says what was raised."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]


def sources(path: Path) -> list[str]:
    """Return the code cells of the page at a path."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def named(path: Path) -> str:
    """Return the name of the page at a path."""
    return path.relative_to(BOOK).with_suffix("").as_posix() if BOOK in path.parents else path.stem


def run(path: Path, cells: list[str], seed: int, kept: Collection[int] | None = None) -> Run:
    """Run the cells of the page at a path under a seed, or only the statements `kept`.

    It changes the process it runs in: give it one of its own.
    """
    os.environ["IBIAS_SEED"] = str(seed)
    os.chdir(path.parent)
    matplotlib.use("Agg")
    _Noting.found, _Generator.drawn = [], set()
    checks.Check = claims.Check = _Noting
    fresh = np.random.default_rng
    np.random.default_rng = lambda *seed: _Generator(fresh(*seed).bit_generator)
    frames.slider = lambda *_, **__: None
    plt.show = lambda *_, **__: None
    matplotlib.figure.Figure.show = lambda *_, **__: None
    warnings.simplefilter("ignore")
    start, reached, stopped = time.process_time(), set(), 0
    page = slices.split(cells)
    namespace = {"__name__": "__main__", "display": lambda *_: None}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        for i, (cell, node) in enumerate(page):
            if cell == stopped or (kept is not None and i not in kept):
                continue
            _Noting.at = i
            try:
                code = compile(ast.Module([node], []), f"<cell {cell}>", "exec")
                exec(code, namespace)
                reached.add(i)
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                said = f"{told(error)} ({Path(last.filename).name}:{last.lineno})"
                what = f"{cell}: {ast.unparse(node).splitlines()[0][:50]}"
                _Noting.found.append(("cell", what, float("nan"), said, True, i))
                stopped = cell
            plt.close("all")
    findings = [
        Finding(named(path), role, what, seed, misses, said, failed, at)
        for role, what, misses, said, failed, at in _Noting.found
    ]
    drew = _Generator.drawn | (set(range(len(page))) - reached)
    return Run(findings, drew, time.process_time() - start)
