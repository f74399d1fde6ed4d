"""What one submission got, and why: made of what the sandbox says, and of nothing it invents."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grading.assignment import Assignment
from grading.collect import Handed
from grading.runs import Runs
from grading.sandbox import Failed
from grading.submission import Refused, Submission, read, understood

NOT_GRADED = "not graded"  # and tried again the next time
IN_WORDS = {
    "SyntaxError": "a syntax error: no line of this cell ran",
    "IndentationError": "a syntax error: no line of this cell ran",
    "MemoryError": "needs more memory than the {memory} MB allowed",
    "SystemExit": "left by exit(): the lines after it did not run",
}


@dataclass(frozen=True)
class Limits:
    """Seconds of a core for a question, and memory in MB for a submission."""

    seconds: float = 30
    memory: int = 4000


@dataclass
class Result:
    """What one submission got, and why."""

    key: str
    file: str
    digest: str = ""
    build: str = ""
    owner: str = ""
    submitted: str = ""
    late: bool | None = None
    student_id: str = ""
    status: str = "graded"
    out_of: float = 0
    questions: dict[str, float] = field(default_factory=dict)
    tests: dict[str, dict[str, list]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The points by tests."""
        return sum(self.questions.values())

    @property
    def counts(self) -> bool:
        """Whether the notebook could be run, to its end or not; else somebody has to look."""
        return self.status.startswith("graded")

    @property
    def failed(self) -> dict[str, list[str]]:
        """What the failed tests said, by question."""
        said = {q: [m for ok, m in got.values() if not ok] for q, got in self.tests.items()}
        return {question: messages for question, messages in said.items() if messages}


def grade(
    handed: Handed, assignment: Assignment, limits: Limits, runs: Runs, known: dict[str, Result]
) -> Result:
    """Return what one submission gets: the stored result, if it was graded with this build."""
    graded = assignment.graded
    result = Result(
        "",
        handed.name,
        build=assignment.stamp,
        owner=handed.owner,
        submitted=handed.submitted,
        late=handed.late,
        out_of=sum(question.points for question in graded),
        questions={question.name: 0 for question in graded},
    )
    try:
        content, result.digest = read(handed.path)
        result.key = handed.key(result.digest)
        if result.key in known and known[result.key].build == result.build:
            return known[result.key]
        found = understood(content, assignment)
        result.student_id, result.written = found.student_id, found.written
        result.answers, result.notes = found.answers, list(found.notes)
        job = {
            "tasks": found.tasks,
            "answers": sorted(assignment.answer_names),
            "seconds": limits.seconds,
            "memory": limits.memory,
        }
        judge(result, runs.run(job, len(graded)), found, assignment, limits)
    except Refused as refused:
        result.status = refused.status
        result.notes.append(str(refused))
    except Failed:
        raise
    except Exception as error:  # a fault of ours, or of the disk, must not stop the others
        result.status = NOT_GRADED
        result.notes.append(f"fault: {error!r}")
    result.key = result.key or handed.key(str(result.notes))
    return result


def judge(
    result: Result, lines: list[dict], found: Submission, assignment: Assignment, limits: Limits
) -> None:
    """Give points for the tests that passed.

    Only what can be true counts: one verdict a test, of a test that there is, in its order.
    """
    tasks, last, ended, cut = found.tasks, -1, {}, ""
    if failed := [line["failed"] for line in lines if "failed" in line]:
        raise Failed(f"the sandbox does not work: {failed[0]}")
    for line in lines:
        number = line.get("task")
        if "end" in line:
            ended = line
        elif "cut" in line:
            cut = str(line["cut"])
        elif type(number) is not int or not last < number < len(tasks):
            result.notes.append("a report that nobody asked for was ignored")
        else:
            last = number
            _take(result, tasks[number], line, limits)
    for task in tasks:
        if task["kind"] == "test":
            reason = [False, "it did not run: the notebook's process died before"]
            result.tests.setdefault(task["question"], {}).setdefault(task["name"], reason)
    for question in assignment.graded:
        passed = {name for name, (ok, _) in result.tests[question.name].items() if ok}
        result.questions[question.name] = question.score(passed)
    if ended.get("odd"):
        result.notes.append("it wrote reports of its own: look at this notebook")
        result.status = "suspicious"
    elif ended.get("end") is not True:
        why = cut or "the notebook's process died before the end"
        result.notes.append(f"{why}; what came before counts")
        result.status = "crash"


def _take(result: Result, task: dict, line: dict, limits: Limits) -> None:
    """Note what one line says of its task."""
    question = task["question"]
    if replaced := line.get("replaced"):
        names = ", ".join(map(str, replaced))
        result.notes.append(
            f"before the tests of {question}: it replaced {names}; the originals were put back"
        )
    if task["kind"] == "test":
        said = str(line.get("message", ""))
        result.tests.setdefault(question, {})[task["name"]] = [line.get("passed") is True, said]
    elif "error" in line:
        kind, text = map(str, line["error"])
        kind = "MemoryError" if kind.endswith("MemoryError") else kind
        words = IN_WORDS.get(kind, "stopped with an error").format(memory=limits.memory)
        result.notes.append(f"before the tests of {question}: {words} ({kind}: {text})")
        result.status = "graded, with errors"
    elif "stopped" in line:
        result.notes.append(f"before the tests of {question}: {line['stopped']}")
        result.status = "graded, with errors"


def store(result: Result, folder: Path) -> None:
    """Write a result so that it is there whole or not at all."""
    part = folder / f"{result.key}.part"
    part.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    os.replace(part, folder / f"{result.key}.json")


def load(path: Path) -> Result:
    """Return a stored result."""
    return Result(**json.loads(path.read_text(encoding="utf-8")))
