"""Make the coursework, and try its tests.

    python tools/coursework.py assign [--secret 12345] [names]
    python tools/coursework.py marks [--students 300] [names]

`assign` leaves in _build/coursework/<name> the student notebook, the notebook with solutions and
`autograder.zip`, and stores the student notebook as the page book/coursework/<name>.ipynb.
`marks` prints what each right and each wrong answer gets, and tries the right ones on many
students; it touches nothing that `assign` made.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import nbformat
from grading import marks
from grading.assignment import PAGES, ROOT, Assignment, names
from grading.make import assign, seed, tidy

CHUNK = 10  # students at a time

__all__ = ["PAGES", "Assignment", "names"]


def make(chosen: list[str], secret: int | None) -> None:
    """Make the student notebooks and the archives, and store the pages."""
    used = seed(secret)
    for name in chosen:
        master = Assignment(name).master
        master.write_text(tidy(nbformat.read(master, as_version=4)), encoding="utf-8", newline="\n")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(lambda name: assign(Assignment(name), used), chosen))
    for name, text in zip(chosen, texts, strict=True):
        assignment = Assignment(name)
        assignment.page.write_text(text, encoding="utf-8", newline="\n")
        print(f"{assignment.built.relative_to(ROOT)}: autograder.zip, student, solution")
    print(f"hidden tests with the seed {used}")


def print_marks(name: str, rows: list[tuple]) -> bool:
    """Print what each answer gets, and what the tests said if that is not as meant."""
    assignment, good = Assignment(name), True
    count = {kind: sum(row[0] == kind for row in rows) for kind in ("right", "wrong")}
    print(f"\n{name}: {count['right']} right answers, {count['wrong']} wrong ones")
    for kind, answer, got in rows:
        most = assignment.question(answer.question).points
        points = f"{got.points[answer.question]:g} of {most:g}"
        meant = marks.as_meant(answer, got)
        good &= meant
        verdict = "" if meant else f"  NOT AS MEANT, {answer.points:g}"
        print(f"  {answer.question:3} {points:8} {kind:9} {answer.about}{verdict}")
        for message in got.messages.get(answer.question, []) if not meant else ():
            print(f"      {message[:300]}")
    return good


def print_students(chosen: list[str], many: int) -> bool:
    """Print for how many students the reference and all right answers, each alone, get all."""
    good, identifiers = True, [f"student-{number}" for number in range(many)]
    for name in chosen:
        jobs = [(name, identifiers[k : k + CHUNK]) for k in range(0, many, CHUNK)]
        lost = [one for found in marks.spread(marks.every_answer, jobs) for one in found]
        count = len(marks.right(Assignment(name)))
        fine = many - len({identifier for identifier, *_ in lost})
        print(f"{name}: all {count} right answers get all points for {fine} of {many} students")
        for identifier, answer, got in lost[:3]:
            print(f"    {identifier}, {answer.question}, {answer.about}: {got.messages}")
        sys.stdout.flush()
        good &= not lost
    return good


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["assign", "marks"])
    parser.add_argument("names", nargs="*", help="assignments; without any, all")
    parser.add_argument("--secret", type=int, help="seed of the hidden tests, from now on")
    parser.add_argument("--students", type=int, default=0, help="try so many identifiers, too")
    arguments = parser.parse_intermixed_args()
    chosen = arguments.names or names()
    if arguments.action == "assign":
        make(chosen, arguments.secret)
        return 0
    tables = marks.spread(marks.table, [(name,) for name in chosen])
    good = [print_marks(name, rows) for name, rows in zip(chosen, tables, strict=True)]
    if arguments.students:
        good.append(print_students(chosen, arguments.students))
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
