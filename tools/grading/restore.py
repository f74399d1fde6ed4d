"""Put back what was handed out: given cells and tests as they were, answers where they stand."""

import difflib
import json
import re

from nbformat import NotebookNode

from grading.answers import bound
from grading.assignment import CHECK, IDENTIFIER, Assignment

ALIKE = 0.8  # of the characters, for a cell that was edited until it no longer parses
# A line that fills in the identifier and nothing else.
STUDENT_ID = re.compile(r"""(?m)^[ \t]*student_id[ \t]*=[ \t]*("[^"\n]*"|'[^'\n]*')[ \t]*(#.*)?$""")
CHECK_HEAD = re.compile(CHECK.format(question=r"(\w+)").replace(".", r"\."))


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
    alike = difflib.SequenceMatcher(None, source, cell.source)
    return alike.real_quick_ratio() > ALIKE and alike.ratio() > ALIKE


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


def with_tests(
    cells: list[dict], original: list[NotebookNode], assignment: Assignment, notes: list[str]
) -> list[dict]:
    """Return the tasks with tests where check cells stood, or after the answer if that is later."""
    places = {}
    for place, cell in enumerate(cells):
        if cell["kind"] == "check":
            places[cell["question"]] = place
    tests = json.loads((assignment.built / "tests.json").read_text(encoding="utf-8"))
    checks = {cell.source.strip() for cell in original}
    at = {}
    for question in assignment.graded:
        name = question.name
        answers = [k for k, c in enumerate(cells) if is_answer(c, name, assignment)]
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


def is_answer(cell: dict, question: str, assignment: Assignment) -> bool:
    """Say whether a cell defines what a question asks for."""
    names = assignment.names_of[question]
    return cell["kind"] == "cell" and bool(bound(cell["source"]) & names)
