"""Run every check of the book under other seeds.

    python tools/seeds.py [--seeds "1 2 3" | "1001-1100"] [--jobs N] [--close N] [paths]

At the first seed each page is run whole. At the others only the statements run that its checks
need, and of the checks only those that draw at random: another seed changes nothing in the rest.
That is verified on every page: at the first seed the part must find what the whole found, and at
the second the checks that draw nothing must find what they found at the first. A page where it is
otherwise is run whole at every seed. Each run has a process of its own, with every generator
shifted. What was found is kept in _build/seeds.jsonl: a run that was broken off goes on where it
was, as long as the code of the page, the package and requirements.txt are the same.

At the end stands one table: a line for each check, control or cell that failed anywhere. Exit
status 1 if there is a line. With `--close N` a second table follows: on each page the N calls that
held everywhere and came nearest to failing, each at its worst seed.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import slices
from notebooks import notebooks
from noting import Finding, Run, named, run, sources
from running import ROOT

FEW = 3  # for no more seeds than these, a part of a page is not worth its verification
Task = tuple[Path, int, frozenset[int] | None]  # a page, a seed, the statements kept (None: all)


class Runs:
    """What runs of pages found, now or before, each with the code that it depends on."""

    def __init__(self, path: Path, jobs: int) -> None:
        self.path, self.jobs, self.known, self.new, self.cells = path, jobs, {}, 0, {}
        self._package = hashlib.sha256(sys.version.encode())
        for source in [ROOT / "requirements.txt", *sorted((ROOT / "ibias").rglob("*.*"))]:
            if source.suffix in (".txt", ".py", ".json", ".npz"):
                self._package.update(source.read_bytes())
        lines = path.read_text().splitlines() if path.exists() else []
        for one in (json.loads(line) for line in lines if line.endswith("}")):  # none cut off
            findings = [Finding(**found) for found in one["findings"]]
            self.known[one["key"]] = Run(findings, set(one["drew"]), one["seconds"])

    def __getitem__(self, task: Task) -> Run:
        return self.known[self._key(task)]

    def do(self, stage: str, tasks: list[Task], costs: dict[Path, float] | None = None) -> None:
        """Run what has not been run; say how far it is. `costs` weigh the pages."""
        tasks = [task for task in tasks if self._key(task) not in self.known]
        weights = [costs[path] if costs else 1.0 for path, *_ in tasks]
        start, weight = time.perf_counter(), 0.0
        with multiprocessing.Pool(self.jobs, maxtasksperchild=1) as pool:
            work = [(i, path, self.cells[path], *how) for i, (path, *how) in enumerate(tasks)]
            results = pool.imap_unordered(_numbered, work)
            for done, (number, ran) in enumerate(results, start=1):
                self._keep(tasks[number], ran)
                weight += weights[number]
                left = (time.perf_counter() - start) * (sum(weights) / weight - 1)
                failed = sum(one.failed for one in ran.findings)
                line = f"{stage}: {done} of {len(tasks)} pages run, {left:.0f} s left"
                if sys.stderr.isatty():
                    print(f"\r{line:70}", end="", file=sys.stderr, flush=True)
                elif failed or done % max(1, len(tasks) // 20) == 0:
                    line += f" ({failed} failures on {named(tasks[number][0])})" if failed else ""
                    print(line, file=sys.stderr, flush=True)

    def _keep(self, task: Task, ran: Run) -> None:
        self.known[self._key(task)], self.new = ran, self.new + 1
        one = {"key": self._key(task), "findings": [asdict(found) for found in ran.findings]}
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a") as file:
            one |= {"drew": sorted(ran.drew), "seconds": ran.seconds}
            file.write(f"\n{json.dumps(one)}")  # on a line of its own, even after one cut off

    def _key(self, task: Task) -> str:
        """Return the hash of all that a run depends on: package, page, seed and part."""
        path, seed, kept = task
        digest = self._package.copy()
        digest.update(repr((named(path), self.cells[path], seed, kept and sorted(kept))).encode())
        return digest.hexdigest()[:24]


def _numbered(work: tuple) -> tuple[int, Run]:
    number, *task = work
    return number, run(*task)


def parts(cells: list[str], whole: Run) -> tuple[frozenset[int], frozenset[int], set[int]]:
    """Return what all checks of a page need, what those at random need, and those at random."""
    page = slices.statements(cells)
    asking = slices.asking(page)
    at_random = {i for i in asking if slices.needed(page, [i]) & whole.drew}
    every, some = slices.needed(page, asking), slices.needed(page, at_random)
    return frozenset(every), frozenset(some), at_random


def alike(found: Iterable[Finding], others: Iterable[Finding]) -> bool:
    """Return whether two runs of a page found the same, to rounding."""
    both = [list(found), list(others)]
    calls = [[(one.role, one.what) for one in ones] for ones in both]
    misses = [np.nan_to_num([one.misses for one in ones], nan=-1.0) for ones in both]
    return calls[0] == calls[1] and np.allclose(*misses, rtol=1e-6, atol=1e-6)


def search(paths: list[Path], seeds: list[int], runs: Runs) -> tuple[list[Finding], list[str]]:
    """Run the pages under the seeds; return all that was found, and what to say of the pages."""
    runs.cells = {path: sources(path) for path in paths}  # as they are now, whatever changes later
    if len(seeds) <= FEW:
        tasks = [(path, seed, None) for seed in seeds for path in paths]
        runs.do("whole", tasks)
        return [one for task in tasks for one in runs[task].findings], []
    first, second, *others = seeds
    runs.do("first seed, whole", [(path, first, None) for path in paths])
    whole = {path: runs[path, first, None] for path in paths}
    cut = {path: parts(runs.cells[path], whole[path]) for path in paths}
    runs.do("in part", [(path, seed, cut[path][0]) for path in paths for seed in (first, second)])
    tasks, said, constant, costs = [], [], 0, {}
    for path in paths:
        every, some, at_random = cut[path]
        again, other = runs[path, first, every].findings, runs[path, second, every].findings
        fixed = [[o for o in ones if o.statement not in at_random] for ones in (again, other)]
        if alike(whole[path].findings, again) and alike(*fixed):
            constant += len(fixed[0])
            costs[path] = runs[path, second, every].seconds
            tasks += [(path, second, every)] + [(path, seed, some) for seed in others]
        else:
            said.append(
                f"{named(path)} is run whole at every seed: a part of it finds other things"
            )
            costs[path] = whole[path].seconds
            tasks += [(path, seed, None) for seed in (second, *others)]
    tasks.sort(key=lambda task: costs[task[0]])
    runs.do("other seeds", tasks, costs)
    found = [one for path in paths for one in whole[path].findings]
    said.append(f"{constant} of {len(found)} calls draw nothing at random: run at two seeds")
    spent = sum(runs[task].seconds for task in tasks) / (len(seeds) - 1)
    in_whole = sum(one.seconds for one in whole.values())
    said.append(f"{in_whole:.0f} s of a core for the first seed, {spent:.0f} for each other")
    return found + [one for task in tasks for one in runs[task].findings], said


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
    seeds, start = seeds_in(arguments.seeds), time.perf_counter()
    runs = Runs(ROOT / "_build" / "seeds.jsonl", arguments.jobs)
    findings, said = search(paths, seeds, runs)
    seconds = time.perf_counter() - start
    print(
        f"\n{len(paths)} pages at {len(seeds)} seeds: {runs.new} runs in {seconds:.0f} s",
        *said,
        sep="\n",
    )
    failures = [one for one in findings if one.failed]
    print(table(failures) if failures else "every check holds, and every control misses")
    if arguments.close:
        print(close_calls(findings, arguments.close))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
