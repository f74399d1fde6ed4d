"""Run every check of the book under other seeds.

    python tools/seeds.py [--seeds "1 2 3" | "1001-1100"] [--jobs N] [--close N] [paths]

Each page is run once a seed, with every generator shifted, in a process of its own. Pictures are
not drawn. A check that does not hold is noted, and the page goes on, so that one fault hides no
other. At the end stands one table: a line for each check, control or cell that failed anywhere.
Exit status 1 if there is a line. With `--close N` a second table follows: on each page the N calls
that held everywhere and came nearest to failing, each at its worst seed.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import re
import sys
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from notebooks import BOOK, notebooks

# A worker is a fork: what is imported here is there at once.
from ibias import claims, descent, flow, frames, methods, optima, plots  # noqa: F401
from ibias.claims import checks

VERDICTS = (checks.CheckFailed, checks.ControlPassed, checks.WrongTheoryPassed)
# By how many tolerances each role must miss; a check by at most one, the others by more.
LIMITS = {"check": 1, "control": checks.MISS, "wrong": checks.TELLS}


@dataclass(frozen=True)
class Finding:
    """What a check, a control, a wrong theory or a whole cell did on one page under one seed.

    `misses` says by how many tolerances it was off, at the entry that decides.
    """

    page: str
    role: str
    what: str
    seed: int
    misses: float = float("nan")
    said: str = ""
    failed: bool = True

    @property
    def closeness(self) -> float:
        """The part of its room that it used up: at one it fails."""
        limit = LIMITS[self.role]
        if self.role == "check":
            return self.misses / limit
        return limit / self.misses if self.misses > 0 else float("inf")


class _Noting(checks.Check):
    """A check that notes what it found instead of raising."""

    found: list = []  # noqa: RUF012  (shared by the checks of a page on purpose)

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
            said, failed, self._misses = _told(error), True, np.array([np.nan])
        decides = min if role == "control" else max
        misses = float(decides(self._misses.ravel()))
        self.found.append((role, f"{self.ids}: {what}", misses, said, failed))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]


def run(task: tuple[str, int]) -> list[Finding]:
    """Run the page at a path under a seed; return what every check did, and what failed."""
    path, seed = Path(task[0]), task[1]
    os.environ["IBIAS_SEED"] = str(seed)
    os.chdir(path.parent)
    page = path.relative_to(BOOK).with_suffix("").as_posix() if BOOK in path.parents else path.stem
    matplotlib.use("Agg")
    _Noting.found = []
    checks.Check = claims.Check = _Noting
    frames.slider = lambda *_, **__: None
    plt.show = lambda *_, **__: None
    matplotlib.figure.Figure.show = lambda *_, **__: None
    warnings.simplefilter("ignore")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    namespace = {"__name__": "__main__", "display": lambda *_: None}
    stdout, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        for number, cell in enumerate(code, start=1):
            source = re.sub(r"(?m)^[%!].*$", "", "".join(cell["source"]))
            try:
                exec(compile(source, f"<cell {number}>", "exec"), namespace)
            except Exception as error:
                first = next((line for line in source.splitlines() if line.strip()), "")
                last = traceback.extract_tb(error.__traceback__)[-1]
                said = f"{_told(error)} ({Path(last.filename).name}:{last.lineno})"
                what = f"{number}: {first[:50]}"
                _Noting.found.append(("cell", what, float("nan"), said, True))
            plt.close("all")
    finally:
        sys.stdout.close()
        sys.stdout = stdout
    return [
        Finding(page, role, what, seed, misses, said, failed)
        for role, what, misses, said, failed in _Noting.found
    ]


def table(failures: list[Finding]) -> str:
    """Return one line for each check, control or cell: seeds failed, worst miss in tolerances."""
    lines = [f"{'page':36} {'role':8} {'failed':>6} {'worst':>9}  claim, and seeds"]
    for (page, role, what), ones in sorted(_together(failures).items()):
        misses = [one.misses for one in ones if np.isfinite(one.misses)]
        worst = (max if role == "check" else min)(misses, default=float("nan"))
        seeds = " ".join(str(one.seed) for one in ones[:12]) + (" ..." if len(ones) > 12 else "")
        lines.append(f"{page:36} {role:8} {len(ones):6} {worst:9.3g}  {what} | {seeds}")
        said = {one.said for one in ones if one.said}
        lines += [f"{'':36} {words}" for words in sorted(said)[:3]]
    return "\n".join(lines)


def close_calls(findings: list[Finding], number: int) -> str:
    """Return the calls of each page that held everywhere and came nearest to failing."""
    lines = [f"{'page':36} {'role':8} {'used':>6} {'misses':>9}  claim, and its worst seed"]
    held = [ones for ones in _together(findings).values() if not any(one.failed for one in ones)]
    nearest = [max(ones, key=lambda one: one.closeness) for ones in held]
    pages = defaultdict(list)
    for one in sorted(nearest, key=lambda one: -one.closeness):
        pages[one.page].append(one)
    for one in (one for page in sorted(pages) for one in pages[page][:number]):
        line = f"{one.page:36} {one.role:8} {one.closeness:6.2f} {one.misses:9.3g}"
        lines.append(f"{line}  {one.what} | {one.seed}")
    return "\n".join(lines)


def _together(findings: list[Finding]) -> dict[tuple[str, str, str], list[Finding]]:
    together = defaultdict(list)
    for one in findings:
        together[one.page, one.role, one.what].append(one)
    return together


def seeds_in(text: str) -> list[int]:
    """Return the seeds that a text names: "1 2 3", "1001-1100", or both."""
    found = []
    for word in text.split():
        first, _, last = word.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise ValueError(f"{word!r} is no seed; write seeds like '1 2 3' or '1001-1100'.")
        found += range(int(first), int(last or first) + 1)
    return found


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="1-9", help='"1 2 3" or "1001-1100" (default: 1-9)')
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--close", type=int, default=0, help="how many close calls a page to show")
    parser.add_argument("paths", nargs="*", help="notebooks or folders; without any, the book")
    arguments = parser.parse_args()
    paths = [path.resolve() for path in notebooks(arguments.paths)]
    tasks = [(str(path), seed) for seed in seeds_in(arguments.seeds) for path in paths]
    findings, failures, start = [], [], time.perf_counter()
    with multiprocessing.Pool(arguments.jobs, maxtasksperchild=1) as pool:
        for done, found in enumerate(pool.imap_unordered(run, tasks), start=1):
            findings += found
            failures += [one for one in found if one.failed]
            seconds = time.perf_counter() - start
            left = seconds / done * (len(tasks) - done)
            line = f"{done} of {len(tasks)} pages run, {len(failures)} failures, {left:.0f} s left"
            if sys.stderr.isatty():
                print(f"\r{line:70}", end="", file=sys.stderr, flush=True)
            elif done % max(1, len(tasks) // 20) == 0:
                print(line, file=sys.stderr, flush=True)
    seconds = time.perf_counter() - start
    print(f"\n{len(tasks)} pages run in {seconds:.0f} s ({seconds / len(tasks):.1f} s a page)")
    print(table(failures) if failures else "every check holds, and every control misses")
    if arguments.close:
        print(close_calls(findings, arguments.close))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
