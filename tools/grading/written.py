"""The answers that a person marks: side by side with the rubric, and their points read back."""

import math
import re
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from grading import table
from grading.assignment import Assignment
from grading.policy import Standing
from grading.questions import Question

# What a student wrote may load nothing and run nothing; formulas are set by MathJax.
HEAD = """
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;
 style-src 'unsafe-inline'; script-src https://cdn.jsdelivr.net; font-src https://cdn.jsdelivr.net">
<script defer src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-chtml.js"></script>
"""
FORMULA = re.compile(
    r"(?s)\$\$(?P<d>[^$]+)\$\$|\\\[(?P<e>.+?)\\\]|\$(?P<i>[^$\n]+)\$|\\\((?P<j>[^\n]+?)\\\)"
)
STYLE = """
body { font: 16px/1.5 sans-serif; margin: 1rem 2rem; }
section { display: grid; grid-template-columns: minmax(16rem, 1fr) 2fr; gap: 2rem;
  border-top: 2px solid #888; padding: 1rem 0; }
.rubric { background: #f3f3f3; padding: 0 1rem; align-self: start; position: sticky; top: 0;
  max-height: 100vh; overflow: auto; }
pre { white-space: pre-wrap; } img { max-width: 100%; }
"""


def column(question: Question, line: str) -> str:
    """Return the name of the column of one line of a rubric."""
    return f"{question.name}: {line}"


BY_HAND = "by hand"  # the column of what a person adds to the points of the tests, or takes away


def columns(assignment: Assignment) -> list[str]:
    """Return the columns that a person fills in, each with points from 0 to 1."""
    return [column(q, line) for q in assignment.written for line in q.rubric]


def export(standings: list[Standing], assignment: Assignment, folder: Path) -> None:
    """Write written.html, to read, and written.csv, to fill in; points that are there stay."""
    path = folder / "written.csv"
    there = {row["key"]: row for row in table.read(path)} if path.exists() else {}
    rows = {s.result.key: {"student": s.student, "key": s.result.key} for s in standings}
    rows = {key: there.pop(key, {}) | row for key, row in rows.items()} | there
    if rows:
        order = ["student", "key", *columns(assignment), BY_HAND, "comment"]
        table.write(path, list(rows.values()), order)
    page = [f"<!doctype html><meta charset='utf-8'><title>{assignment.name}</title>"]
    page.append(f"{HEAD}<style>{STYLE}</style><h1>{assignment.name}: the written answers</h1>")
    page.append("<p>Fill in <code>written.csv</code>, and run the same command again.</p>")
    for question in assignment.written:
        page.append(f"<h2>{html(question.title)}</h2>")
        lines = "".join(f"<li>{html(line)}</li>" for line in question.rubric)
        rubric = f"<ol>{lines}</ol>{html(question.model)}"
        for standing in standings:
            text = standing.result.written.get(question.name, "")
            answer = html(text) if text else "<p><em>no answer</em></p>"
            head = f"<h3>{escape(standing.student)} <small>{standing.result.key}</small></h3>"
            rubric_ = f"<div class='rubric'>{rubric}</div>"
            page.append(f"<section>{rubric_}<div>{head}{answer}</div></section>")
    (folder / "written.html").write_text("\n".join(page), encoding="utf-8")


def html(text: str) -> str:
    """Return Markdown as HTML, with its formulas; tags that a student wrote are plain text."""
    formulas = []

    def keep(match: re.Match) -> str:
        display = match["d"] or match["e"]
        formulas.append(rf"\[{display}\]" if display else rf"\({match['i'] or match['j']}\)")
        return f"\ue000{len(formulas) - 1}\ue001"

    plain = FORMULA.sub(keep, text.replace("\ue000", "").replace("\ue001", ""))
    page = MarkdownIt("commonmark", {"html": False}).render(plain)
    return re.sub("\ue000(\\d+)\ue001", lambda m: escape(formulas[int(m[1])]), page)


def points(assignment: Assignment, folder: Path) -> dict[str, dict[str, float]]:
    """Return, by key, the points of each written question that is marked in full.

    Raises ValueError for points that are no number from 0 to 1, and for a column that is gone.
    """
    path = folder / "written.csv"
    found, rows = {}, table.read(path) if path.exists() else []
    lost = [name for name in ["key", *columns(assignment)] if rows and name not in rows[0]]
    if lost:
        raise ValueError(f"{path} has lost the column {lost[0]!r}: write it as it was")
    for row in rows:
        marks = {}
        for question in assignment.written:
            fields = {
                c: row.get(c, "").strip() for c in (column(question, r) for r in question.rubric)
            }
            given = {c: _point(path, row, c, text) for c, text in fields.items() if text}
            if len(given) == len(fields):
                marks[question.name] = sum(given.values()) * question.points / len(fields)
        found[row["key"]] = marks
    return found


def by_hand(assignment: Assignment, folder: Path) -> dict[str, float]:
    """Return, by key, the points that a person adds to those of the tests, or takes away.

    Raises ValueError for what is no number, and for more points than there are.
    """
    path, found = folder / "written.csv", {}
    most = sum(question.points for question in assignment.questions)
    for row in table.read(path) if path.exists() else []:
        if text := row.get(BY_HAND, "").strip():
            found[row["key"]] = _number(text)
            if not abs(found[row["key"]]) <= most:
                raise ValueError(
                    f"{path}: {row.get('student')}, {BY_HAND!r}: {text!r}; write the points to add,"
                    f" or with a minus those to take away, {most:g} at most"
                )
    return found


def _number(text: str) -> float:
    """Return the number that a person wrote, with a comma or a point; NaN if it is none."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _point(path: Path, row: dict[str, str], name: str, text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise ValueError(
            f"{path}: {row.get('student')}, {name!r}: {text!r}; a point is a number from 0 to 1"
        )
    return value
