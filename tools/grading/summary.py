"""What a class got: one line a student, the distribution, each question, and known errors."""

import ast
from collections import Counter
from pathlib import Path

from grading import table
from grading.answers import Answer, parsed
from grading.assignment import Assignment
from grading.policy import Standing
from grading.result import Result

STATUSES_TO_LOOK_AT = "to look at"


def scores(
    standings: list[Standing],
    assignment: Assignment,
    marked: dict[str, dict[str, float]],
    changes: dict[str, float] | None = None,
) -> list[dict]:
    """Return one row a student; `total` is empty while something is missing.

    `marked` has the points of written answers, and `changes` what a person adds to the others.
    """
    rows, most = [], sum(q.points for q in assignment.questions)
    for standing in standings:
        read = marked.get(standing.result.key, {})
        change = (changes or {}).get(standing.result.key, "")
        missing = [q.name for q in assignment.written if q.name not in read]
        answered = [q for q in missing if standing.result.written.get(q)]
        marks = {
            q.name: read.get(q.name, "" if q.name in answered else 0.0) for q in assignment.written
        }
        complete = not answered and not standing.unclear
        earned = standing.result.score + sum(float(m or 0) for m in [*marks.values(), change])
        earned = min(max(earned, 0), most)
        notes = [*standing.notes, *(f"{q} is not marked" for q in answered)]
        notes += [] if standing.result.counts else [f"look at it: {standing.result.status}"]
        rows.append(
            {
                "student": standing.student,
                "handed in by": standing.owner,
                "status": standing.result.status,
                "attempts": standing.attempts,
                **standing.result.questions,
                **marks,
                "by hand": change,
                "share": round(standing.share, 4),
                "total": round(earned * standing.share, 2) if complete else "",
                "out_of": most,
                "notes": "; ".join(notes),
                "key": standing.result.key,
            }
        )
    return rows


def recognised(result: Result, assignment: Assignment, known: dict[str, list]) -> dict[str, str]:
    """Return, by question, which of the known wrong answers a failed answer is.

    An answer is recognised by its code, whatever its layout and comments, or by what the tests on
    the grader's data said, which is the same for the same error.
    """
    found = {}
    for question, messages in result.failed.items():
        code = plain(result.answers.get(question, ""))
        wrong = [a for a in assignment.wrong_answers if a.question == question]
        same = {a.about for a in wrong if code and plain(a.code) == code}
        said = {
            about
            for about, common in known.get(question, [])
            if common and set(common) <= set(messages)
        }
        if len(same or said) == 1:
            found[question] = (same or said).pop()
    return found


def plain(source: str) -> str:
    """Return code without comments, documentation and layout; nothing if it does not parse."""
    tree = ast.Module(parsed(source), [])
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    try:
        return ast.dump(tree) if tree.body else ""
    except RecursionError:
        return ""


def text(
    standings: list[Standing],
    rows: list[dict],
    assignment: Assignment,
    errors: list[dict[str, str]],
    unknown: list[str] = (),
) -> str:
    """Return the summary of a class, in lines of text."""
    most = sum(question.points for question in assignment.graded)
    got = sorted(s.result.score for s in standings if s.result.counts)
    lines = [f"{assignment.name}: {len(standings)} students", ""]
    if got:
        middle = got[len(got) // 2]
        lines += [
            f"points by tests, of {most:g}: mean {sum(got) / len(got):.1f}, median {middle:g}"
        ]
        width = max(1, round(most / 11))
        bins = Counter(int(score // width) for score in got)
        for k in range(int(most // width) + 1):
            share = bins[k] / len(got)
            top = min(most, (k + 1) * width - 1)
            lines.append(f"{k * width:4g} to {top:2g} {'#' * round(50 * share):50} {bins[k]}")
    lines += ["", "question: full marks, mean share of its points"]
    for question in assignment.graded:
        marks = [s.result.questions[question.name] for s in standings if s.result.counts]
        full = sum(mark == question.points for mark in marks)
        mean = sum(marks) / (len(marks) * question.points) if marks else 0
        lines.append(f"{question.name:4} {full:4} of {len(marks)}  {mean:4.0%}  {question.title}")
    counted = Counter((q, about) for found in errors for q, about in found.items())
    lines += ["", "wrong answers that were recognised"]
    lines += [f"{n:4}  {q}: {about}" for (q, about), n in counted.most_common()]
    lines += ["", STATUSES_TO_LOOK_AT]
    waiting = 0
    for row in rows:
        notes = [note for note in row["notes"].split("; ") if not note.endswith(" is not marked")]
        waiting += row["notes"].count(" is not marked")
        lines += [f"      {row['student']}: {'; '.join(notes)}"] if any(notes) else []
    lines += (
        [f"      {waiting} written answers are not marked: see written.html"] if waiting else []
    )
    lines += [f"      in the policy, but nobody handed in as {who}" for who in unknown]
    return "\n".join(lines) + "\n"


def write_scores(rows: list[dict], folder: Path) -> None:
    """Write one line a student."""
    if rows:
        table.write(folder / "scores.csv", rows)


def misconceptions(answers: list[tuple[Answer, dict[str, list[str]]]]) -> dict[str, list]:
    """Return, by question, each known wrong answer with what the common tests say of it."""
    found = {}
    for answer, said in answers:
        found.setdefault(answer.question, []).append([answer.about, said.get(answer.question, [])])
    return found
