"""Write the totals of a class into a file that Canvas or Moodle imports.

    python tools/gradebook.py canvas results gradebook.csv "Assignment 1 (4711)" import.csv
    python tools/gradebook.py moodle results worksheet.csv Grade import.csv

`results` is the folder that grade.py filled; its scores.csv holds the totals, tests and written
answers together. A student is found by login, number or address, in any spelling of case and
blanks. Only a total that is complete is written; what stays empty is listed with the reason.
"""

import sys
from pathlib import Path

from grading import table

from ibias.coursework import canonical

# The columns that may name a student, the surest first.
NAMES = {
    "canvas": ("SIS Login ID", "ID", "SIS User ID"),
    "moodle": ("Identifier", "ID number", "Username", "Email address"),
}


def fill(
    scores: list[dict], gradebook: list[dict], column: str, kind: str
) -> tuple[list[dict], list[str]]:
    """Return the gradebook with the totals in `column`, and in words who is missing where.

    Raises ValueError if the gradebook has no such column, or none that names students.
    """
    known = [name for name in NAMES[kind] if gradebook and name in gradebook[0]]
    if not gradebook or column not in gradebook[0] or not known:
        missing = column if known else NAMES[kind][0]
        raise ValueError(f"the gradebook has no column {missing!r}: copy its name from the file")
    rows = [{key for name in known for key in spellings(row.get(name, ""))} for row in gradebook]
    listed = set().union(*rows)
    owners = {}
    for score in scores:
        for name in names(score, listed):
            owners.setdefault(name, []).append(score)
    said, used, filled = [], set(), []
    for row, keys in zip(gradebook, rows, strict=True):
        found = {id(s): s for key in keys for s in owners.get(key, [])}
        who = next((row[name] for name in known if row.get(name)), "")
        used |= set(found)
        filled.append(row)
        if len(found) > 1:
            said.append(f"several results fit {who}: nothing was entered")
        elif not found:
            said += [f"no submission: {who}"] if keys else []
        elif (score := next(iter(found.values())))["total"] == "":
            said.append(f"not complete: {who}: {score['notes']}")
        else:
            filled[-1] = row | {column: f"{float(score['total']):g}"}
    left = [score for score in scores if id(score) not in used]
    return filled, said + [f"not in the gradebook: {score['student']}" for score in left]


def names(score: dict, listed: set[str]) -> set[str]:
    """Return the spellings under which a result may be found.

    Who handed it in, as the platform says, comes before the identifier that a student wrote.
    """
    owner = score.get("handed in by", "")
    number = owner.rpartition("(")[2].removesuffix(")") if owner.endswith(")") else ""
    sure = set().union(*map(spellings, (owner, number, *owner.split("/"))))
    return sure if sure & listed else spellings(score["student"])


def spellings(name: str) -> set[str]:
    """Return the forms in which a name is compared.

    Moodle calls a number Participant 123; of an address the part before the @ counts as well.
    """
    plain = canonical(name or "")
    forms = {plain, plain.removeprefix("participant"), plain.partition("@")[0]}
    return forms - {""}


def main() -> int:
    """Run the command line."""
    if len(sys.argv) != 6 or sys.argv[1] not in NAMES:
        print(__doc__)
        return 1
    kind, results, gradebook, column, out = sys.argv[1:]
    try:
        rows = table.read(Path(gradebook))
        filled, said = fill(table.read(Path(results, "scores.csv")), rows, column, kind)
    except (ValueError, OSError) as error:
        print(error)
        return 1
    table.write(Path(out), filled)
    print(*said, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
