"""Tables that a spreadsheet can open without running anything in them."""

import csv
import io
import re
from pathlib import Path

# Where a program that takes another character for the separator would see a formula begin.
INSIDE = re.compile(r"(?s)(?<=.)([;,|\t\r\n]\s*)(?=[=+@-])")
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def harmless(value: object) -> object:
    """Return the value of a field; a text that a spreadsheet would run gets an apostrophe.

    >>> harmless("=HYPERLINK(1)"), harmless("-3.5"), harmless(" @x")
    ("'=HYPERLINK(1)", '-3.5', "' @x")
    """
    if not isinstance(value, str):
        return value
    try:
        float(value)
    except ValueError:
        bare = value.lstrip(" \u00a0\ufeff\u200b\uff1d")
        value = INSIDE.sub(r"\1'", value)
        full_width = value.lstrip()[:1] in ("＝", "＋", "－", "＠")
        return "'" + value if (bare or value).startswith(STARTS) or full_width else value
    return value


def original(value: str) -> str:
    """Return a text as it was before `harmless`."""
    return value[1:] if value.startswith("'") and harmless(value[1:]) == value else value


def write(path: Path, rows: list[dict], columns: list[str] | None = None) -> None:
    """Write rows as csv."""
    columns = columns or list(rows[0])
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([harmless(column) for column in columns])
        writer.writerows([[harmless(row.get(c, "")) for c in columns] for row in rows])
    part.replace(path)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a csv file, separated by commas or semicolons.

    Raises ValueError if it has no heading, or is not in UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8: save it as 'CSV UTF-8'") from error
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))
    if not head.strip():
        raise ValueError(f"{path} is empty: its first line names the columns")
    return [{k: original(v or "") for k, v in row.items() if k is not None} for row in rows]
