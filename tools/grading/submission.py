"""Read a submitted notebook: whose it is, the tasks to run, and the answers that a person reads."""

import ast
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.answers import parsed
from grading.assignment import Assignment
from grading.collect import printable
from grading.restore import is_answer, restored, with_tests
from ibias.coursework import canonical

LARGEST = 50_000_000  # bytes
MOST_CELLS = 300
MOST_CODE = 200_000  # characters; an assignment with its answers has some ten thousand
LONGEST_NAME = 100  # characters
MOST_TEXT = 20_000  # characters of a written answer; a page of print has three thousand
# What no answer needs: a way to the objects and the names of whatever runs the tests.
SNOOPS = re.compile(
    r"\b_getframe|\bf_(?:back|locals|globals|builtins)\b|\bcurrentframe\b|\binspect\.stack\b"
    r"|\bget_(?:objects|referrers|referents)\b|\bset(?:trace|profile)\b|__(?:code|closure)__"
    r"|\btb_frame\b|\bctypes\b|/proc/|/dev/fd|\bos\.(?:fork|kill|_exit)\b"
)
LOOK = "read this notebook"
PLACEHOLDER = "_Type your answer here, replacing this text._"


class Refused(Exception):
    """A submission that cannot be run: `status` in a word, and the reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Submission:
    """A notebook that can be run: its student, tasks, notes on what was restored, and texts."""

    student_id: str
    tasks: list[dict]
    notes: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> tuple[bytes, str]:
    """Return what is in the file, read once, and its digest; refuse a large one unread."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Refused(
            "too large",
            f"the file has {size / 1e6:.0f} MB; {LARGEST / 1e6:.0f} are allowed: clear the outputs",
        )
    content = path.read_bytes()
    return content, hashlib.sha256(content).hexdigest()


def notebook(content: bytes) -> NotebookNode:
    """Return the notebook, checked as far as it is used."""
    try:
        found = nbformat.convert(nbformat.reader.reads(content.decode("utf-8-sig")), to_version=4)
        if not isinstance(found.cells, list):
            raise TypeError("no list of cells")
        for cell in found.cells:
            if not isinstance(cell.source, str) or not isinstance(cell.cell_type, str):
                raise TypeError("a cell without text")
            cell.source = printable(cell.source)
    except Exception as error:
        raise Refused(
            "not a notebook",
            f"this is not a Jupyter notebook ({type(error).__name__}): submit"
            " the .ipynb file itself",
        ) from error
    if len(found.cells) > 3 * MOST_CELLS or len(code(found)) > MOST_CELLS:
        raise Refused("too large", f"more than {MOST_CELLS} code cells: clear what is not needed")
    if sum(len(cell.source) for cell in code(found)) > MOST_CODE:
        raise Refused(
            "too large", f"more than {MOST_CODE} characters of code: clear what is not needed"
        )
    return found


def code(found: NotebookNode) -> list[NotebookNode]:
    """Return the code cells, without the one that installs the package in Colab."""
    cells = [cell for cell in found.cells if cell.cell_type == "code"]
    return [cell for cell in cells if "google.colab" not in cell.source]


def student_id(found: NotebookNode) -> str:
    """Return the identifier that the student filled in: where the data are made, if there."""
    sources = sorted((c.source for c in code(found)), key=lambda s: "seed(student_id)" not in s)
    for name in filter(None, map(filled_in, sources)):
        if len(name) > LONGEST_NAME:
            raise Refused("no identifier", f"a student_id of more than {LONGEST_NAME} characters")
        if canonical(name):
            return name
    raise Refused(
        "no identifier",
        'the student identifier is missing: fill in student_id = "..." in the first cell',
    )


def filled_in(source: str) -> str:
    """Return the text that a cell calls student_id, as Python reads it, or nothing."""
    found = ""
    for node in parsed(source):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        value = getattr(node, "value", None)
        named = [target for target in targets if getattr(target, "id", "") == "student_id"]
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            found = " ".join(value.value.split())
    return found


def released(assignment: Assignment) -> NotebookNode:
    """Return the student notebook as it was handed out."""
    return nbformat.read(assignment.built / "student" / assignment.page.name, as_version=4)


def understood(content: bytes, assignment: Assignment) -> Submission:
    """Return what a submission holds.

    Nothing that was handed out is taken from the submission: its given cells are those of the
    release, and the tests come from the build.
    """
    found, original = notebook(content), released(assignment)
    who = student_id(found)
    cells, notes = restored(code(found), code(original), assignment, who)
    own = "\n".join(cell["source"] for cell in cells if cell["kind"] == "cell")
    if words := sorted(set(SNOOPS.findall(own))):
        notes.append(f"{LOOK}: it uses {', '.join(words)}, which no answer needs")
    return Submission(
        who,
        with_tests(cells, code(original), assignment, notes),
        notes,
        {q.name: text_below(found, original, q.title) for q in assignment.written},
        {q.name: answer_to(q.name, cells, assignment) for q in assignment.graded},
    )


def answer_to(question: str, cells: list[dict], assignment: Assignment) -> str:
    """Return the code that answers a question."""
    parts = [cell["source"] for cell in cells if is_answer(cell, question, assignment)]
    return "\n\n\n".join(parts)


def text_below(found: NotebookNode, original: NotebookNode, title: str) -> str:
    """Return what a student wrote below the heading of a question, code and all."""
    heads = {cell.source.partition("\n")[0] for cell in original.cells} - {PLACEHOLDER, ""}
    texts, inside, room = [], False, MOST_TEXT
    for cell in found.cells:
        head = cell.source.partition("\n")[0]
        if head in heads:
            inside = head.lstrip("# ") == title
        elif inside and room >= 0 and cell.source.strip() not in ("", PLACEHOLDER):
            fence = "{}" if cell.cell_type == "markdown" else "```\n{}\n```"
            texts.append(fence.format(_with_pictures(cell.source[:room], cell)))
            room -= len(cell.source)
            texts += [f"[cut after {MOST_TEXT} characters]"] if room < 0 else []
    return "\n\n".join(texts)


def _with_pictures(source: str, cell: NotebookNode) -> str:
    """Return the source of a cell with its attached pictures in it, each once."""
    for name, kinds in dict(cell.get("attachments") or {}).items():
        for kind, data in dict(kinds).items():
            if re.fullmatch(r"image/(png|jpeg|gif|webp)", kind) and isinstance(data, str):
                source = source.replace(f"attachment:{name}", f"data:{kind};base64,{data}", 1)
    return source
