"""Grade the submissions in a folder, however a learning platform left them there.

    python tools/grade.py linear submissions/ --output results [--policy policy.csv]
    make grade ASSIGNMENT=linear FROM=submissions TO=results [POLICY=policy.csv]

Submissions run in containers where docker or podman answers, else in child processes. What was
graded with the same build is kept: the same command goes on after an interruption, and grades a
file that came late. The folder then holds results.csv (a line a file), scores.csv (a line a
student), summary.txt, written.html and written.csv (to mark by hand), feedback/ (a page a
student) and answers/ (for a search of similar ones). See the guide for instructors.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from grading import batch, feedback, policy, summary, table, written
from grading.assignment import Assignment, names
from grading.collect import collected, empty
from grading.make import known_errors
from grading.result import Limits
from grading.sandbox import Child, Failed, choose

WARNING = """\
No container engine answers: submissions run as processes of yours. That protects you from
accidents, not from intent: they can read your files and use the network."""


def report(
    assignment: Assignment, folder: Path, rules: policy.Policy, known: dict[str, list]
) -> None:
    """Write all that is made of the results that are there."""
    results = list(batch.stored(folder).values())
    batch.write_results(results, assignment, folder)
    standings = policy.standings(results, rules)
    written.export(standings, assignment, folder)
    marked, changes = written.points(assignment, folder), written.by_hand(assignment, folder)
    rows = summary.scores(standings, assignment, marked, changes)
    errors = [summary.recognised(s.result, assignment, known) for s in standings]
    summary.write_scores(rows, folder)
    text = summary.text(standings, rows, assignment, errors, rules.unknown(standings))
    (folder / "summary.txt").write_text(text, encoding="utf-8")
    comments = {}
    if (folder / "written.csv").exists():
        comments = {r["key"]: r.get("comment", "") for r in table.read(folder / "written.csv")}
    each = zip(standings, rows, errors, strict=True)
    feedback.write(
        {
            s.result.key: feedback.page(s, row, assignment, found, comments.get(s.result.key, ""))
            for s, row, found in each
        },
        folder,
    )
    for standing in standings:
        answers = folder / "answers" / standing.result.key / "answers.py"
        answers.parent.mkdir(parents=True, exist_ok=True)
        parts = [f"# {q}\n{code}\n" for q, code in standing.result.answers.items()]
        answers.write_text("\n\n".join(parts), encoding="utf-8")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", choices=names())
    parser.add_argument("submissions", nargs="+", type=Path, help="files, or folders of them")
    parser.add_argument("--output", type=Path, default=Path("results"))
    parser.add_argument("--policy", type=Path, help="a csv of deadlines and attempts")
    parser.add_argument(
        "--in", dest="place", default="auto", choices=["auto", "container", "child"]
    )
    parser.add_argument(
        "--seconds", type=float, default=Limits.seconds, help="a question, of a core"
    )
    parser.add_argument("--memory", type=int, default=Limits.memory, help="MB, a submission")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--again", action="store_true", help="grade also what has a result")
    chosen = parser.parse_args()
    assignment = Assignment(chosen.assignment)
    if not (assignment.built / "tests.json").exists():
        print("nothing is built yet: run `make coursework`, with your SECRET if you have one")
        return 1
    if assignment.stale:
        print(f"{assignment.master} has changed since it was built: run `make coursework`")
        return 1
    try:
        if chosen.seconds <= 0 or chosen.memory <= 0 or chosen.jobs <= 0:
            raise ValueError("seconds, memory and jobs must be positive")
        rules = policy.read(chosen.policy)
        handed = collected(chosen.submissions, assignment.name, chosen.output)
        if not handed:
            print(f"nothing was handed in below {', '.join(map(str, chosen.submissions))}")
            return 1
        for read in (written.points, written.by_hand):  # a slip is said before the run
            read(assignment, chosen.output)
        sandbox = choose(chosen.place)
        if isinstance(sandbox, Child) and chosen.place == "auto":
            print(WARNING, file=sys.stderr)
        print(
            f"{len(handed)} files, in {sandbox.name}, {chosen.jobs} at a time;"
            f" hidden tests with the seed {assignment.secret}",
            flush=True,
        )
        if nobody := empty(chosen.submissions):
            print(f"nothing lies in {', '.join(nobody)}", flush=True)
        known = known_errors(assignment)  # before the run: what comes after it must be quick
        limits = Limits(chosen.seconds, chosen.memory)
        ended = batch.grade_all(
            handed, assignment, chosen.output, limits, sandbox, chosen.jobs, chosen.again
        )
        report(assignment, chosen.output, rules, known)
    except (Failed, ValueError, FileNotFoundError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first one ran, or while the tables are written
        print("\ninterrupted; the same command goes on")
        return 130
    if not ended:
        return 130
    print((chosen.output / "summary.txt").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
