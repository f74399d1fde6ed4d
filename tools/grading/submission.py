"""Read a submitted notebook: whose it is, the tasks to run, and the answers that a person reads."""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.assignment import CHECK, IDENTIFIER, Assignment, bound
from ibias.coursework import canonical

LARGEST = 50_000_000  # bytes
MOST_CELLS = 300
ALIKE = 0.8  # of the characters, for a cell that was edited until it no longer parses
STUDENT_ID = re.compile(r"""(?m)^\s*student_id\s*=\s*(["'])\s*(\S.*?)\s*\1""")
PLACEHOLDER = "_Type your answer here, replacing this text._"
CHECK_HEAD = re.compile(CHECK.format(question=r"(\w+)").replace(".", r"\."))


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
        found = nbformat.reads(content.decode("utf-8-sig"), as_version=4)
        if not isinstance(found.cells, list):
            raise TypeError("no list of cells")
        for cell in found.cells:
            if not isinstance(cell.source, str) or not isinstance(cell.cell_type, str):
                raise TypeError("a cell without text")
    except Exception as error:
        raise Refused(
            "not a notebook",
            f"this is not a Jupyter notebook ({type(error).__name__}): submit"
            " the .ipynb file itself",
        ) from error
    if len(found.cells) > 3 * MOST_CELLS or len(code(found)) > MOST_CELLS:
        raise Refused("too large", f"more than {MOST_CELLS} code cells: clear what is not needed")
    return found


def code(found: NotebookNode) -> list[NotebookNode]:
    """Return the code cells, without the one that installs the package in Colab."""
    cells = [cell for cell in found.cells if cell.cell_type == "code"]
    return [cell for cell in cells if "google.colab" not in cell.source]


def student_id(found: NotebookNode) -> str:
    """Return the identifier that the student filled in."""
    for cell in code(found):
        match = STUDENT_ID.search(cell.source)
        if match and canonical(match[2]):
            return match[2]
    raise Refused(
        "no identifier",
        'the student identifier is missing: fill in student_id = "..." in the first cell',
    )


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
    return Submission(
        who,
        with_tests(cells, assignment, notes),
        notes,
        {q.name: text_below(found, original, q.title) for q in assignment.written},
        {q.name: answer_to(q.name, cells, assignment) for q in assignment.graded},
    )


def restored(
    cells: list[NotebookNode], original: list[NotebookNode], assignment: Assignment, who: str
) -> tuple[list[dict], list[str]]:
    """Return the cells to run, each given or the student's or a check; and what was changed."""
    tasks, notes = [_task(cell) for cell in cells], []
    answers = set(assignment.answer_names)
    blanks = {source.strip() for source in assignment.blank.values()}
    given = [
        (place, cell)
        for place, cell in enumerate(original)
        if not CHECK_HEAD.match(cell.source) and cell.source.strip() not in blanks
    ]
    for place, cell in given:
        source = IDENTIFIER.sub(lambda _: f"student_id = {who!r}", cell.source)
        task = {"kind": "given", "source": source}
        plain = unsigned(cell.source)
        same = [t for t in tasks if t["kind"] == "cell" and unsigned(t["source"]) == plain]
        within = [t for t in tasks if t["kind"] == "cell" and holds(unsigned(t["source"]), plain)]
        edited = [t for t in tasks if t["kind"] == "cell" and is_edited(t, cell)]
        first = cell.source.strip().partition("\n")[0]
        if same:
            tasks[tasks.index(same[0])] = task
        elif within:
            tasks.insert(tasks.index(within[0]), task)
        elif edited:
            notes.append(f"a cell that was given ({first}) was edited; the original was used")
            at = tasks.index(edited[0])
            tasks[at : at + (not bound(edited[0]["source"]) & answers)] = [task]
        else:
            notes.append(f"a cell that was given ({first}) is missing; the original was used")
            tasks.insert(_before(original[place + 1 :], tasks), task)
    return tasks, notes


def _task(cell: NotebookNode) -> dict:
    check = CHECK_HEAD.match(cell.source)
    found = {"kind": "cell", "source": cell.source, "id": cell.get("id")}
    return found | {"kind": "check", "question": check[1]} if check else found


def unsigned(source: str) -> str:
    """Return the source of a cell without the identifier in it."""
    return STUDENT_ID.sub("student_id = _", IDENTIFIER.sub("student_id = _", source)).strip()


def holds(text: str, part: str) -> bool:
    """Say whether the lines of a part stand in a text."""
    return f"\n{part}\n" in f"\n{text}\n"


def is_edited(task: dict, cell: NotebookNode) -> bool:
    """Say whether a cell looks like this given cell, edited."""
    names, source = bound(cell.source), task["source"]
    if task["id"] == cell.get("id") or 2 * len(bound(source) & names) > len(names):
        return True
    return difflib.SequenceMatcher(None, source, cell.source).ratio() > ALIKE


def _before(later: list[NotebookNode], tasks: list[dict]) -> int:
    """Return where a given cell belongs: before the first cell that came after it."""
    places = [k for k, task in enumerate(tasks) if any(is_this(task, cell) for cell in later)]
    return min(places, default=len(tasks))


def is_this(task: dict, cell: NotebookNode) -> bool:
    """Say whether a cell that was handed in is this one, answered or not."""
    check, other = CHECK_HEAD.match(cell.source), CHECK_HEAD.match(task["source"])
    if check or other:
        return bool(check and other) and check[1] == other[1]
    same = task.get("id") == cell.get("id") or unsigned(task["source"]) == unsigned(cell.source)
    return same or bool(bound(task["source"]) & bound(cell.source))


def with_tests(cells: list[dict], assignment: Assignment, notes: list[str]) -> list[dict]:
    """Return the tasks with tests where check cells stood, or after the answer if that is later."""
    places = {}
    for place, cell in enumerate(cells):
        if cell["kind"] == "check":
            places[cell["question"]] = place
    tests = json.loads((assignment.built / "tests.json").read_text(encoding="utf-8"))
    checks = {c.source.strip(): c for c in code(released(assignment))}
    at = {}
    for question in assignment.graded:
        name = question.name
        answers = [k for k, c in enumerate(cells) if _answers(c, name, assignment)]
        if name not in places:
            notes.append(f"{name}: its test cell is missing; the tests ran after the answer")
        elif cells[places[name]]["source"].strip() not in checks:
            notes.append(f"{name}: its test cell was edited; the original was used")
        place = places.get(name, -1)
        if not [k for k in answers if k < place]:
            place = max([place, *answers]) if answers or place >= 0 else len(cells) - 1
        at.setdefault(place, []).append(name)
    tasks, waiting = [], []
    for place, cell in enumerate(cells):
        if cell["kind"] != "check":
            waiting.append({"kind": cell["kind"], "source": cell["source"]})
        for name in at.get(place, []):
            tasks += [task | {"question": name} for task in waiting]
            tasks += [{"kind": "test", "question": name, **test} for test in tests[name]]
            waiting = []
    return tasks + [task | {"question": "the end"} for task in waiting]


def _answers(cell: dict, question: str, assignment: Assignment) -> bool:
    names = assignment.names_of[question]
    return cell["kind"] == "cell" and bool(bound(cell["source"]) & names)


def answer_to(question: str, cells: list[dict], assignment: Assignment) -> str:
    """Return the code that answers a question."""
    parts = [cell["source"] for cell in cells if _answers(cell, question, assignment)]
    return "\n\n\n".join(parts)


def text_below(found: NotebookNode, original: NotebookNode, title: str) -> str:
    """Return what a student wrote below the heading of a question, code and all."""
    heads = {cell.source.partition("\n")[0] for cell in original.cells} - {PLACEHOLDER, ""}
    texts, inside = [], False
    for cell in found.cells:
        head = cell.source.partition("\n")[0]
        if head in heads:
            inside = head.lstrip("# ") == title
        elif inside and cell.source.strip() not in ("", PLACEHOLDER):
            fence = "{}" if cell.cell_type == "markdown" else "```\n{}\n```"
            texts.append(fence.format(_with_pictures(cell)))
    return "\n\n".join(texts)


def _with_pictures(cell: NotebookNode) -> str:
    """Return the source of a cell with its attached pictures in it."""
    source = cell.source
    for name, kinds in dict(cell.get("attachments") or {}).items():
        for kind, data in dict(kinds).items():
            if re.fullmatch(r"image/(png|jpeg|gif|webp)", kind):
                source = source.replace(f"attachment:{name}", f"data:{kind};base64,{data}")
    return source
