"""What a student may be given back: a page without hidden tests."""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from grading.assignment import Assignment
from grading.policy import Standing
from grading.questions import Question
from grading.written import HEAD, html

STYLE = "body { font: 17px/1.5 sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }"


def page(
    standing: Standing, row: dict, assignment: Assignment, errors: dict[str, str], comment: str
) -> str:
    """Return the page of one student.

    Of the tests that students see it says what they said; of the hidden ones only how many passed.
    """
    result, withheld = standing.result, secret(assignment)

    def told(message: str) -> str:
        quotes = withheld.search(message)
        return "a message that quotes what is not handed out" if quotes else escape(message)

    lines = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{assignment.name}</title>"
    ]
    lines.append(
        f"{HEAD}<style>{STYLE}</style><h1>{assignment.name}: {escape(standing.student)}</h1>"
    )
    total = row["total"] if row["total"] != "" else "not complete yet"
    lines.append(f"<p><strong>{total}</strong> of {row['out_of']:g} points.</p>")
    if standing.share < 1:
        lines.append(f"<p>Handed in late: {standing.share:.0%} of the points are left.</p>")
    if row.get("by hand"):
        lines.append(f"<p>By hand: {row['by hand']:+g} points.</p>")
    for note in result.notes:
        lines.append(f"<p>{told(_plain(note))}</p>")
    for question in assignment.questions:
        got = row.get(question.name, 0)
        shown = f"{got:g} of {question.points:g}" if got != "" else f"of {question.points:g}"
        lines.append(f"<h2>{html(question.title)[3:-5]} ({shown})</h2>")
        if not question.manual:
            lines += _tests(question, result.tests.get(question.name, {}), told)
        if about := errors.get(question.name):
            lines.append(f"<p>A known error: {escape(about)}.</p>")
    if comment:
        lines.append(f"<h2>A comment</h2>{html(comment)}")
    return "\n".join(lines)


def secret(assignment: Assignment) -> re.Pattern:
    """Return a pattern that finds what a submission may have read while it was graded."""
    lines = [re.escape(line) for line in sorted(assignment.secrets)]
    seed = str(assignment.secret)
    lines += [rf"(?<![\d.]){seed}(?![\d.])"] if len(seed) > 3 else []
    return re.compile("|".join(lines))


def _plain(note: str) -> str:
    """Return a note on one line, and not too long."""
    return " ".join(note.split())[:300]


def _tests(question: Question, got: dict[str, list], told: Callable[[str], str]) -> list[str]:
    """Return what a student may know of the tests of a question."""
    lines, hidden = ["<ul>"], [got.get(t.name, [False, ""])[0] for t in question.tests if t.hidden]
    for test in question.tests:
        if not test.hidden:
            passed, message = got.get(test.name, [False, "it did not run"])
            said = "" if passed else f": {told(message)}"
            lines.append(f"<li>{'✓' if passed else '✗'} {escape(test.about)}{said}</li>")
    lines.append(f"<li>{sum(hidden)} of {len(hidden)} tests on other data passed</li></ul>")
    return lines


def write(pages: dict[str, str], folder: Path) -> None:
    """Write the pages, one a student."""
    (folder / "feedback").mkdir(exist_ok=True)
    for key, text in pages.items():
        (folder / "feedback" / f"{key}.html").write_text(text, encoding="utf-8")
