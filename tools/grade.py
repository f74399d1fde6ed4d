"""Grade a batch of submissions with otter, each in a process of its own with limits.

    python tools/grade.py linear folder-of-notebooks [--output results]

Each submission is run from a cleaned copy, for a limited time and within limited memory; what it
got is written as soon as it is known, into <output>/<file>.json and one line of
<output>/results.csv. A submission that cannot be run gets a zero and a reason, and never stops
the batch. This is no sandbox: grade in a container without network (see the instructor's guide).
"""

import argparse
import contextlib
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from coursework import CHECK, Assignment, names
from nbformat import NotebookNode
from notebooks import NOTEBOOK_METADATA, ONE_THREAD

STUDENT_ID = re.compile(r"""(?m)^\s*student_id\s*=\s*(["'])\s*(\S.*?)\s*\1""")
# What a submission's process may know of the machine that grades it.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "TEMP", "SYSTEMROOT")
# The first cell of the copy that is run: each cell has a limited time of its own.
LIMITS = """\
import signal


def _stop(*_):
    raise TimeoutError("stopped after {seconds:g} s: an endless loop?")


def _clock(seconds):
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # and again for the next test


if hasattr(signal, "SIGALRM"):
    signal.signal(signal.SIGALRM, _stop)
    _events = get_ipython().events
    _events.register("pre_run_cell", lambda *_: _clock({seconds}))
    _events.register("post_run_cell", lambda *_: _clock(0))
"""
IN_WORDS = {
    "SyntaxError": "a syntax error: no line of this cell ran",
    "IndentationError": "a syntax error: no line of this cell ran",
    "MemoryError": "needs more memory than the {memory} MB allowed",
    "TimeoutError": "was stopped",
}


@dataclass(frozen=True)
class Limits:
    """Seconds for a cell and for a whole submission, and memory in MB (on Linux)."""

    cell: float = 20
    seconds: float = 120
    memory: int = 4000


@dataclass
class Result:
    """What one submission got, and why."""

    file: str
    student_id: str = ""
    status: str = "graded"
    score: float = 0
    out_of: float = 0
    questions: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)


class Refused(Exception):
    """A submission that cannot be run: `status` in a word, and the reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


# ---- before the run: a cleaned copy -------------------------------------------------------


def read(path: Path) -> NotebookNode:
    """Return the submitted notebook."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        for cell in notebook.cells:
            cell.source, cell.cell_type  # noqa: B018 - raises if there is none
    except Exception as error:
        raise Refused(
            "not a notebook",
            f"this is not a Jupyter notebook ({type(error).__name__}): submit"
            " the .ipynb file itself",
        ) from error
    return notebook


def student_id(notebook: NotebookNode) -> str:
    """Return the identifier that the student filled in."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and (match := STUDENT_ID.search(cell.source)):
            return match[2]
    raise Refused(
        "no identifier",
        'the student identifier is missing: fill in student_id = "..." in the first cell',
    )


def cleaned(notebook: NotebookNode, assignment: Assignment, limits: Limits) -> tuple:
    """Return the copy that is run, and notes on what had to be restored.

    Nothing that steers otter is taken from the submission: the metadata of its cells are
    dropped, and the cells with visible tests are those that were handed out.
    """
    released = nbformat.read(assignment.built / "student" / assignment.page.name, as_version=4)
    checks = {}
    for question in assignment.graded:
        head = CHECK.format(question=question.name)
        checks[head] = (
            question.name,
            next(cell.source for cell in released.cells if cell.source.startswith(head)),
        )
    cells, notes, seen = [nbformat.v4.new_code_cell(LIMITS.format(seconds=limits.cell))], [], set()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept = nbformat.v4.new_code_cell(cell.source)
        head = cell.source.partition("\n")[0].rstrip()
        if head in checks and head not in seen:
            seen.add(head)
            name, source = checks[head]
            if cell.source.strip() != source.strip():
                notes.append(f"{name}: its test cell was edited; the original was used")
                kept.source = source
            kept.metadata["otter"] = {"tests": [name]}
        cells.append(kept)
    for head, (name, source) in checks.items():
        if head not in seen:
            notes.append(f"{name}: its test cell is missing; the tests ran at the end")
            cells.append(nbformat.v4.new_code_cell(source, metadata={"otter": {"tests": [name]}}))
    return nbformat.v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA), notes


# ---- the run, in a process of its own ------------------------------------------------------


def run_one(autograder: str, notebook: str, memory: str, out: str) -> None:
    """Let otter grade one notebook, and write what it says. The child process does this."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(memory) * 1_000_000,) * 2)
    from otter.run import main as otter_run

    results = otter_run(notebook, autograder=autograder, output_dir=None, no_logo=True)
    if results.has_catastrophic_failure():
        raise results.catastrophic_error
    said = {"questions": {}, "failed": {}, "errors": errors(results.notebook)}
    for name in results.test_files:
        test = results.get_result(name)
        said["questions"][name] = test.score
        failed = [case.message for case in test.test_case_results if not case.passed]
        if failed:
            said["failed"][name] = failed
    Path(out).write_text(json.dumps(said), encoding="utf-8")


def errors(notebook: NotebookNode) -> list[tuple[str, str, str]]:
    """Return the cells that raised: the question they stand before, kind and text of the error."""
    found, waiting = [], []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        waiting += [(o.ename, o.evalue) for o in cell.outputs if o.output_type == "error"]
        if match := re.match(CHECK.format(question=r"(\w+)"), cell.source):
            found += [(match[1], *error) for error in waiting]
            waiting = []
    return found + [("the end", *error) for error in waiting]


def grade(path: Path, assignment: Assignment, limits: Limits) -> Result:
    """Return what one submission gets."""
    full = {question.name: question.points for question in assignment.graded}
    result = Result(path.name, out_of=sum(full.values()), questions=dict.fromkeys(full, 0))
    try:
        notebook = read(path)
        result.student_id = student_id(notebook)
        copy, result.notes = cleaned(notebook, assignment, limits)
        said = _run(copy, assignment, limits)
    except Refused as refused:
        result.status = refused.status
        result.notes.append(str(refused))
        return result
    result.failed = said["failed"]
    result.questions |= said["questions"]
    result.score = sum(result.questions.values())
    for question, kind, text in said["errors"]:
        kind = "MemoryError" if kind.endswith("MemoryError") else kind
        words = IN_WORDS.get(kind, "stopped with an error").format(memory=limits.memory)
        result.notes.append(f"before the tests of {question}: {words} ({kind}: {text})")
        result.status = "graded, with errors"
    return result


def _run(notebook: NotebookNode, assignment: Assignment, limits: Limits) -> dict:
    """Run the copy in a child process; return what the child wrote."""
    import psutil

    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, assignment.page.name), Path(folder, "said.json")
        nbformat.write(notebook, source)
        said = Path(folder, "log.txt")
        environment = {k: os.environ[k] for k in ENVIRONMENT if k in os.environ} | ONE_THREAD
        command = [sys.executable, __file__, "--one", assignment.autograder, source]
        with said.open("w") as log:
            child = psutil.Popen(
                [*map(str, command), str(limits.memory), str(out)],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
            try:
                child.wait(limits.seconds)
            except psutil.TimeoutExpired as expired:
                raise Refused(
                    "time limit", f"stopped after {limits.seconds:g} s: it does not come to an end"
                ) from expired
            finally:
                _end(child)
        if out.exists():
            return json.loads(out.read_text(encoding="utf-8"))
        last = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
        raise Refused(
            "crash",
            "the notebook's process died (a crash, or far too much memory): "
            f"{last[-1] if last else 'no message'}",
        )


def _end(child: object) -> None:
    """End the child and everything it started."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        for process in [*child.children(recursive=True), child]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        child.wait()


# ---- a batch --------------------------------------------------------------------------------


def grade_all(
    paths: list[Path], assignment: Assignment, output: Path, limits: Limits, jobs: int = 1
) -> None:
    """Grade each file; write each result when it is known, whatever happens to the others."""
    output.mkdir(parents=True, exist_ok=True)
    repeated = same_identifier(paths)
    with (
        (output / "results.csv").open("w", newline="", encoding="utf-8") as table,
        ThreadPoolExecutor(jobs) as pool,
    ):
        columns = [question.name for question in assignment.graded]
        writer = csv.writer(table)
        writer.writerow(["file", "student_id", "status", "score", "out_of", *columns, "notes"])
        running = {pool.submit(grade, path, assignment, limits): path for path in paths}
        for done in as_completed(running):
            path = running[done]
            try:
                result = done.result()
            except Exception as error:  # a fault of ours must not stop the batch either
                result = Result(path.name, status="not graded", notes=[f"fault: {error!r}"])
            if path in repeated:
                result.notes.append(f"the same student_id as {repeated[path].name}")
            text = json.dumps(asdict(result), indent=1)
            (output / f"{path.name}.json").write_text(text, encoding="utf-8")
            points = [result.questions.get(column, 0) for column in columns]
            facts = [result.file, result.student_id, result.status, result.score, result.out_of]
            writer.writerow([*facts, *points, "; ".join(result.notes)])
            table.flush()
            print(f"{result.score:5g} of {result.out_of:g}  {result.status}: {path}", flush=True)


def same_identifier(paths: list[Path]) -> dict[Path, Path]:
    """Return the files whose identifier an earlier one has, each with that one."""
    first, repeated = {}, {}
    for path in paths:
        with contextlib.suppress(Refused):
            owner = first.setdefault(student_id(read(path)).lower(), path)
            if owner != path:
                repeated[path] = owner
    return repeated


def main() -> int:
    """Run the command line."""
    if sys.argv[1:2] == ["--one"]:
        run_one(*sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", choices=names())
    parser.add_argument("submissions", nargs="+", type=Path, help="files, or folders of them")
    parser.add_argument("--output", type=Path, default=Path("results"))
    parser.add_argument("--cell", type=float, default=Limits.cell, help="seconds for a cell")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="for a submission")
    parser.add_argument("--memory", type=int, default=Limits.memory, help="MB")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    chosen = parser.parse_args()
    assignment = Assignment(chosen.assignment)
    if not assignment.autograder.exists():
        print("there is no autograder.zip yet: run `make coursework`")
        return 1
    paths = []
    for path in chosen.submissions:
        paths += sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if twice := sorted({p.name for p in paths if [q.name for q in paths].count(p.name) > 1}):
        print(f"several submissions are called {', '.join(twice)}: rename them")
        return 1
    limits = Limits(chosen.cell, chosen.seconds, chosen.memory)
    grade_all(paths, assignment, chosen.output, limits, chosen.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
