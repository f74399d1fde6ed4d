"""Find the submissions in a folder as a learning platform leaves it, and whose they are.

Moodle: a folder for each student, `Ada Lovelace_12345_assignsubmission_file`.
Canvas: flat files, `lovelaceada_LATE_123_4567_linear-1.ipynb`.
JupyterHub with nbgrader: `ada+linear+2026-10-05 21:14:05 UTC+x` in the exchange, and
`ada/linear/` with a `timestamp.txt` once collected. Else: flat files, or a folder for each student.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?")
CANVAS = re.compile(
    r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+?)(?:-\d+)?\.ipynb"
)
EXCHANGE = re.compile(r"(?P<name>[^+]+)\+(?P<assignment>[^+]+)\+(?P<time>[^+]+)(?:\+.*)?")
HIDDEN = re.compile(r"\.|__MACOSX|__pycache__").match


@dataclass(frozen=True)
class Handed:
    """A file that was handed in: where, by whom as the platform says, when if it says so."""

    path: Path
    name: str
    owner: str = ""
    submitted: str = ""
    late: bool | None = None

    def key(self, digest: str) -> str:
        """A name for its results: readable, and different for other content or another owner."""
        mark = hashlib.sha256(f"{self.name}\0{digest}".encode()).hexdigest()[:8]
        return f"{slug(self.name)}-{mark}"


def slug(text: str) -> str:
    """Return a text as a harmless name of a file."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain.removesuffix(".ipynb")).strip("-")[:60] or "x"


def collected(places: list[Path], assignment: str = "") -> list[Handed]:
    """Return what was handed in below the places, in the order of names.

    Raises FileNotFoundError if a place does not exist.
    """
    found = []
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"there is no {place}: FROM names the folder of submissions")
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            inside = path.relative_to(place).parts
            if path.is_file() and path.name != "timestamp.txt" and not any(map(HIDDEN, inside)):
                found.append(handed(path, place, assignment))
    return [one for one in found if one is not None]


def handed(path: Path, root: Path, assignment: str) -> Handed | None:
    """Return what the names of a file and its folders say; None if it is another assignment's."""
    inside = path.relative_to(root).parts if root.is_dir() else (path.name,)
    above = path.absolute().parts[-4:-1] if root == path else inside[:-1]
    for part in reversed(above):
        if moodle := MOODLE.fullmatch(part):
            owner = f"{moodle['name']} ({moodle['number']})"
            return Handed(path, f"{part}/{path.name}", owner)
        if exchange := EXCHANGE.fullmatch(part):
            if assignment and exchange["assignment"] != assignment:
                return None
            when = moment(exchange["time"])
            return Handed(path, f"{part}/{path.name}", exchange["name"], when)
    stamp = path.with_name("timestamp.txt")
    when = moment(stamp.read_text(encoding="utf-8")) if stamp.exists() else ""
    if canvas := CANVAS.fullmatch(path.name):
        owner = f"{canvas['name']} ({canvas['number']})"
        return Handed(path, path.name, owner, when, bool(canvas["late"]))
    folders = [part for part in (above if when else inside[:-1]) if part != assignment]
    owner = folders[-1] if folders else ""
    return Handed(path, f"{owner}/{path.name}" if owner else path.name, owner, when)


def moment(text: str) -> str:
    """Return a time as ISO 8601 in UTC, or nothing for a text that is none."""
    plain = text.strip().removesuffix("UTC").strip()
    try:
        when = datetime.fromisoformat(plain)
    except ValueError:
        return ""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
