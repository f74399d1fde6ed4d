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
    r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+?)(?:-\d+)?\.\w+"
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

    def __post_init__(self) -> None:
        for text in ("name", "owner"):  # names of files need not be text
            object.__setattr__(self, text, printable(getattr(self, text)))

    def key(self, digest: str) -> str:
        """A name for its results: readable, and different for other content or another owner."""
        mark = hashlib.sha256(f"{self.name}\0{digest}".encode()).hexdigest()[:8]
        return f"{slug(self.name)}-{mark}"


def printable(text: str) -> str:
    """Return a text that can be written to a file: halves of characters become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def slug(text: str) -> str:
    """Return a text as a harmless name of a file."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain.removesuffix(".ipynb")).strip("-")[:60] or "x"


def collected(
    places: list[Path], assignment: str = "", without: Path | None = None
) -> list[Handed]:
    """Return what was handed in below the places, in the order of names; not what is in `without`.

    Raises FileNotFoundError if a place does not exist, ValueError for an archive, and for a link
    that leads out of its place.
    """
    found, ours = [], without.resolve() if without else None
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"there is no {place}: FROM names the folder of submissions")
        if place.suffix in (".zip", ".gz", ".tar"):
            raise ValueError(f"{place} is packed: unpack it, and let FROM name the folder")
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            inside = path.relative_to(place).parts
            if not path.is_file() or path.name == "timestamp.txt" or any(map(HIDDEN, inside)):
                continue
            real = path.resolve()
            if inside and place.resolve() not in real.parents:
                raise ValueError(f"{path} is a link that leads to {real}: put a copy in its place")
            if ours not in real.parents:
                found.append(handed(path, place, assignment))
    return [one for one in found if one is not None]


def empty(places: list[Path]) -> list[str]:
    """Return the names of the folders in which nothing lies: a student who handed in no file."""
    folders = [path for place in places for path in sorted(place.rglob("*")) if path.is_dir()]
    shown = [path for path in folders if not HIDDEN(path.name)]
    return [printable(path.name) for path in shown if not any(path.iterdir())]


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
    collects = path.parent.name == assignment and stamp.exists()  # nbgrader, and no student
    when = moment(stamp.read_text(encoding="utf-8", errors="replace")) if collects else ""
    if canvas := CANVAS.fullmatch(path.name):
        owner = f"{canvas['name']} ({canvas['number']})"
        return Handed(path, path.name, owner, when, bool(canvas["late"]))
    folders = [part for part in (above if when else inside[:-1]) if part != assignment]
    owner = "/".join(folders)  # whichever of them names the student
    return Handed(path, f"{owner}/{path.name}" if owner else path.name, owner, when)


def moment(text: str) -> str:
    """Return a time as ISO 8601 in UTC, or nothing for a text that is none."""
    plain = text.strip().removesuffix("UTC").strip()
    try:
        when = datetime.fromisoformat(plain)
    except ValueError:
        return ""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
