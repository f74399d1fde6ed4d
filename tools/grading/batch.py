"""Grade a batch: all cores, what was graded before is kept, and one Ctrl-C ends it cleanly."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from grading import table
from grading.assignment import Assignment
from grading.collect import Handed
from grading.result import NOT_GRADED, Limits, Result, grade, load, store
from grading.runs import Runs
from grading.sandbox import Child, Container, Failed

BAR = 30  # characters
TICK = 0.5  # seconds; a wait without an end is not woken by a signal that came just before it


def stored(folder: Path) -> dict[str, Result]:
    """Return the results that are there, by key; a file that is none is left alone."""
    found = {}
    for path in sorted((folder / "submissions").glob("*.json")):
        with contextlib.suppress(ValueError, TypeError):
            result = load(path)
            found[result.key] = result
    return found


def grade_all(
    handed: list[Handed],
    assignment: Assignment,
    folder: Path,
    limits: Limits,
    sandbox: Child | Container,
    jobs: int = 1,
    again: bool = False,
) -> bool:
    """Grade what has no result yet, or everything `again`; return whether it came to the end.

    Each result is stored when it is known, whatever happens to the others.
    """
    kept = folder / "submissions"
    kept.mkdir(parents=True, exist_ok=True)
    known = {} if again else stored(folder)
    for key in [key for key, result in known.items() if result.status == NOT_GRADED]:
        known.pop(key)
        (kept / f"{key}.json").unlink()
    runs, done = Runs(sandbox), 0
    with ThreadPoolExecutor(jobs) as pool, interruptible():
        running: list[Future] = []
        try:
            for one in handed:
                running.append(pool.submit(grade, one, assignment, limits, runs, known))
            for future in completed(running):
                done += 1
                result = future.result()
                if result is not known.get(result.key):
                    store(result, kept)
                show(done, len(handed), result)
        except (KeyboardInterrupt, Failed):
            for future in running:
                future.cancel()
            runs.stop()
            if isinstance(sys.exception(), Failed):
                raise
            print(f"\ninterrupted: {done} of {len(handed)} are graded; the same command goes on")
            return False
    return True


def completed(running: list[Future]) -> Iterator[Future]:
    """Yield each when it is done; a signal is heard within a tick, whichever thread it reached."""
    left = set(running)
    while left:
        done, left = wait(left, timeout=TICK, return_when=FIRST_COMPLETED)
        yield from done


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the end of a session interrupt like Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def show(done: int, of: int, result: Result) -> None:
    """Say how far it is: a bar on a terminal, else a line for each submission."""
    said = f"{done} of {of}  {result.score:g} of {result.out_of:g}  {result.status}: {result.file}"
    if sys.stdout.isatty():
        full = round(BAR * done / of)
        print(f"\r\x1b[K[{'#' * full}{'.' * (BAR - full)}] {said}"[:200], end="", flush=True)
        if done == of:
            print()
    else:
        print(said, flush=True)


def write_results(results: list[Result], assignment: Assignment, folder: Path) -> None:
    """Write one line a submission."""
    questions = [question.name for question in assignment.graded]
    rows = [
        {
            "file": result.file,
            "student_id": result.student_id,
            "handed in by": result.owner,
            "at": result.submitted,
            "status": result.status,
            "score": result.score,
            "out_of": result.out_of,
            **{q: result.questions.get(q, 0) for q in questions},
            "notes": "; ".join(result.notes),
            "key": result.key,
        }
        for result in sorted(results, key=lambda r: (r.file, r.key))
    ]
    columns = ["file", "student_id", "handed in by", "at", "status", "score", "out_of"]
    table.write(folder / "results.csv", rows, [*columns, *questions, "notes", "key"])
