"""Which attempt of a student counts, and what being late costs: one small table.

    student,deadline,grace,per day,days,attempts,counts,submitted
    *,2026-10-05 23:59 +0200,15,10,3,3,last,
    ada,2026-10-08 23:59 +0200,,,,,,

The row `*` is for everybody; what another row leaves empty is taken from it. `grace` is in minutes,
`per day` the percentage of the points that each begun day costs, after `days` days nothing is
left; `counts` is last, best or first; `submitted` says when, if the platform did not.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grading import table
from grading.collect import moment
from grading.result import Result
from grading.submission import LOOK
from ibias.coursework import canonical

COLUMNS = ("deadline", "grace", "per day", "days", "attempts", "counts", "submitted")


@dataclass
class Standing:
    """One student: the attempt that counts, the share that is left, and what to look at."""

    student: str
    owner: str
    result: Result
    attempts: int = 1
    share: float = 1.0
    notes: list[str] = field(default_factory=list)
    unclear: bool = False


class Policy:
    """The rules of each student."""

    def __init__(self, rows: list[dict[str, str]] = ()) -> None:
        self.rows = {}
        for row in rows:
            who = row.get("student", "").strip()
            if unknown := set(row) - {"student", *COLUMNS}:
                raise ValueError(f"policy: unknown columns {sorted(unknown)}; known: {COLUMNS}")
            if not who:
                raise ValueError("policy: a row without student; * is for everybody")
            who = who if who == "*" else canonical(who)
            if who in self.rows:
                raise ValueError(f"policy: two rows for {row['student']!r}: write one")
            self.rows[who] = _checked(row)

    def rule(self, names: list[str], column: str) -> str:
        """Return what a column says for a student of these names."""
        for name in [*map(canonical, names), "*"]:
            if said := self.rows.get(name, {}).get(column, ""):
                return said
        return ""

    def standing(self, results: list[Result]) -> Standing:
        """Return what counts of the attempts of one student."""
        names = [r.student_id for r in results if r.student_id]
        names += [results[0].owner] if results[0].owner else []
        attempts = list({result.digest: result for result in results}.values())
        notebooks = [r for r in attempts if r.status != "not a notebook" or is_notebook(r.file)]
        beside = [r.file for r in attempts if r not in notebooks] if notebooks else []
        attempts = notebooks or attempts
        said = self.rule(names, "submitted")
        times = [moment(said) or result.submitted for result in attempts]
        order = sorted(zip(times, range(len(attempts)), strict=True))
        attempts, times = [attempts[k] for _, k in order], [time for time, _ in order]
        standing = Standing(names[0] if names else results[0].file, results[0].owner, attempts[-1])
        standing.attempts = len(attempts)
        standing.notes += [f"also handed in: {', '.join(beside)}"] if beside else []
        most = max(1, int(self.rule(names, "attempts") or len(attempts)))
        counts = self.rule(names, "counts") or "last"
        timeless = "" in times or len(set(times)) < len(times)
        if len(attempts) > 1 and timeless and (counts != "best" or most < len(attempts)):
            standing.unclear = True
            files = ", ".join(r.file for r in attempts)
            standing.notes.append(
                f"{len(attempts)} attempts and not a time for each ({files}):"
                " which one counts? Say so in the policy, or remove the others' results"
            )
        allowed = list(zip(attempts, times, strict=True))[:most]
        if most < len(attempts):
            standing.notes.append(f"{len(attempts)} attempts, of which the first {most} count")
        if counts == "first":
            allowed = allowed[:1]
        elif counts == "last":
            allowed = allowed[-1:]
        shares = [self._share(names, attempt, time, standing.notes) for attempt, time in allowed]
        worth = [s * r.score for s, (r, _) in zip(shares, allowed, strict=True)]
        best = max(range(len(allowed)), key=lambda k: (worth[k], k))
        standing.result, standing.share = allowed[best][0], shares[best]
        standing.notes += [note for note in standing.result.notes if note.startswith(LOOK)]
        return standing

    def unknown(self, standings: list[Standing]) -> list[str]:
        """Return the students of the table as whom nobody handed in."""
        known = {canonical(name) for s in standings for name in (s.owner, s.result.student_id)}
        return [who for who in self.rows if who != "*" and who not in known]

    def _share(self, names: list[str], attempt: Result, time: str, notes: list[str]) -> float:
        """Return the share of the points that is left of an attempt at that time."""
        deadline = moment(self.rule(names, "deadline"))
        if not time:
            if attempt.late:
                notes.append("late, as the platform says, but not when: nothing was taken off")
            return 1.0
        if not deadline:
            return 1.0
        late = datetime.fromisoformat(time) - datetime.fromisoformat(deadline)
        minutes = late.total_seconds() / 60 - float(self.rule(names, "grace") or 0)
        if minutes <= 0:
            return 1.0
        days = math.ceil(minutes / 1440)
        last = self.rule(names, "days")
        gone = bool(last) and days > float(last)
        share = 0.0 if gone else max(0.0, 1 - days * float(self.rule(names, "per day") or 0) / 100)
        notes.append(f"{days} day{'s' * (days > 1)} late: {share:.0%} of the points are left")
        return share


def is_notebook(file: str) -> bool:
    """Say whether a file is meant to be a notebook, by its name."""
    return file.lower().endswith(".ipynb")


def _checked(row: dict[str, str]) -> dict[str, str]:
    """Return a row of the policy; raise ValueError if it says what cannot be."""
    row = {column: row.get(column, "").strip() for column in COLUMNS}
    for column in ("deadline", "submitted"):
        if row[column] and not moment(row[column]):
            raise ValueError(f"policy: {column} {row[column]!r}: write 2026-10-05 23:59 +0200")
    for column in ("grace", "per day", "days", "attempts"):
        if row[column] and not row[column].replace(".", "", 1).isdigit():
            raise ValueError(f"policy: {column} {row[column]!r} is no number")
    if row["attempts"] and not (row["attempts"].isdigit() and int(row["attempts"])):
        raise ValueError(f"policy: attempts {row['attempts']!r}: a whole number, 1 or more")
    if row["counts"] not in ("", "last", "best", "first"):
        raise ValueError(f"policy: counts {row['counts']!r}: last, best or first")
    return row


def standings(results: list[Result], policy: Policy) -> list[Standing]:
    """Return one standing a student, sorted; say of whom two seem to be one."""
    by_student, owners = defaultdict(list), defaultdict(set)
    for result in sorted(results, key=lambda r: r.key):
        who = canonical(result.student_id)
        by_student[canonical(result.owner) or who or result.key].append(result)
        if who:
            owners[who].add(canonical(result.owner) or who)
    found = [policy.standing(attempts) for attempts in by_student.values()]
    for standing in found:
        who = canonical(standing.result.student_id)
        if len(owners[who]) > 1:
            standing.unclear = True
            standing.notes.append(f"several people handed in as {standing.result.student_id!r}")
        if not standing.result.counts:
            standing.unclear = True
    return sorted(found, key=lambda s: canonical(s.student))


def read(path: Path | None) -> Policy:
    """Return the policy in a csv file; without one, the last attempt counts, whenever it came."""
    return Policy(table.read(path) if path else [])
