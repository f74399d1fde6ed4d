"""Write scores into one column of a gradebook that Canvas exported.

    python tools/canvas.py results.csv gradebook.csv "Assignment 1 (4711)" import.csv

A student is found by login ("SIS Login ID" in the gradebook, the identifier in the results). Of
several submissions of one student the best counts.
"""

import csv
import sys
from pathlib import Path

LOGIN = "SIS Login ID"


def fill(results: list[dict], gradebook: list[dict], column: str) -> tuple[list[dict], list[str]]:
    """Return the gradebook with the scores in `column`, and in words who is missing where.

    Raises ValueError if the gradebook has no such column, or no column of logins.
    """
    for name in (column, LOGIN):
        if not gradebook or name not in gradebook[0]:
            raise ValueError(f"the gradebook has no column {name!r}: copy its name from the file")
    scores = {}
    for row in results:
        login = row["student_id"].strip().lower()
        scores[login] = max(float(row["score"]), scores.get(login, 0.0))
    nobody = [row["file"] for row in results if not row["student_id"].strip()]
    scores.pop("", None)
    filled, missing = [], []
    for row in gradebook:
        login = (row[LOGIN] or "").strip().lower()
        if login in scores:
            row = row | {column: f"{scores.pop(login):g}"}
        elif login:
            missing.append(f"no submission: {row[LOGIN]}")
        filled.append(row)
    said = missing + [f"not in the gradebook: {login}" for login in sorted(scores)]
    return filled, said + [f"without an identifier: {file}" for file in nobody]


def read(path: str) -> list[dict]:
    """Return the rows of a csv file."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def main() -> int:
    """Run the command line."""
    if len(sys.argv) != 5:
        print(__doc__)
        return 1
    results, gradebook, column, out = sys.argv[1:]
    try:
        filled, said = fill(read(results), read(gradebook), column)
    except ValueError as error:
        print(error)
        return 1
    with Path(out).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, filled[0])
        writer.writeheader()
        writer.writerows(filled)
    print(*said, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
