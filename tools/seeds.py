"""Run every check of the book under other seeds.

    python tools/seeds.py [--seeds "1 2 3" | "1001-1100"] [--jobs N] [paths]

Each page is run once a seed, with every generator shifted, in a process of its own. Pictures are
not drawn. A check that does not hold is noted, and the page goes on, so that one fault hides no
other. At the end stands one table: a line for each check, control or cell that failed anywhere.
Exit status 1 if there is a line.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from notebooks import BOOK, notebooks

# A worker is a fork: what is imported here is there at once.
from ibias import claims, descent, flow, frames, optima, plots  # noqa: F401
from ibias.claims import checks


@dataclass(frozen=True)
class Failure:
    """A check, a control or a whole cell that failed on one page under one seed.

    `misses` says by how many tolerances: a check by more than one, a control by fewer than ten.
    """

    page: str
    role: str
    what: str
    seed: int
    misses: float = float("nan")
    said: str = ""


class _Noting(checks.Check):
    """A check that notes its failure instead of raising."""

    failures: list = []  # noqa: RUF012  (shared by the checks of a page on purpose)

    def __call__(self, *case: Any, **named_case: Any) -> None:
        self._note("check", case, named_case)

    def control(self, *case: Any, broken: str, **named_case: Any) -> None:
        self._note("control", case, named_case)

    def rejects(self, theory: str, *case: Any, predicts: float | None = None, **named: Any) -> None:
        what = f"{self.ids}: {self.statement} / {theory}"
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                super().rejects(theory, *case, predicts=predicts, **named)
        except Exception as error:
            self.failures.append(("wrong", what, float("nan"), _told(error)))

    def _note(self, role: str, case: tuple, named_case: dict) -> None:
        what = f"{self.ids}: {self.statement}"
        try:
            measured = self._measured(*case, **named_case)
            misses = self._miss(measured)
            if role == "check":
                self._last = measured
        except Exception as error:
            self.failures.append((role, what, float("nan"), _told(error)))
            return
        if role == "check" and (misses > 1).any():
            self.failures.append((role, what, float(misses.max()), ""))
        if role == "control" and (misses < checks.MISS).any():
            self.failures.append((role, what, float(misses.min()), ""))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]


def run(task: tuple[str, int]) -> list[Failure]:
    """Run the page at a path under a seed; return what failed."""
    path, seed = Path(task[0]), task[1]
    os.environ["IBIAS_SEED"] = str(seed)
    os.chdir(path.parent)
    page = path.relative_to(BOOK).with_suffix("").as_posix() if BOOK in path.parents else path.stem
    matplotlib.use("Agg")
    _Noting.failures = []
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
                _Noting.failures.append(("cell", f"{number}: {first[:50]}", float("nan"), said))
            plt.close("all")
    finally:
        sys.stdout.close()
        sys.stdout = stdout
    return [
        Failure(page, role, what, seed, misses, said)
        for role, what, misses, said in _Noting.failures
    ]


def table(failures: list[Failure]) -> str:
    """Return one line for each check, control or cell: seeds failed, worst miss in tolerances."""
    together = defaultdict(list)
    for failure in failures:
        together[failure.page, failure.role, failure.what].append(failure)
    lines = [f"{'page':36} {'role':8} {'failed':>6} {'worst':>9}  claim, and seeds"]
    for (page, role, what), ones in sorted(together.items()):
        misses = [one.misses for one in ones if np.isfinite(one.misses)]
        worst = (min if role == "control" else max)(misses, default=float("nan"))
        seeds = " ".join(str(one.seed) for one in ones[:12]) + (" ..." if len(ones) > 12 else "")
        lines.append(f"{page:36} {role:8} {len(ones):6} {worst:9.3g}  {what} | {seeds}")
        said = {one.said for one in ones if one.said}
        lines += [f"{'':36} {words}" for words in sorted(said)[:3]]
    return "\n".join(lines)


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
    parser.add_argument("paths", nargs="*", help="notebooks or folders; without any, the book")
    arguments = parser.parse_args()
    paths = [path.resolve() for path in notebooks(arguments.paths)]
    tasks = [(str(path), seed) for seed in seeds_in(arguments.seeds) for path in paths]
    failures, start = [], time.perf_counter()
    with multiprocessing.Pool(arguments.jobs, maxtasksperchild=1) as pool:
        for done, found in enumerate(pool.imap_unordered(run, tasks), start=1):
            failures += found
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
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
