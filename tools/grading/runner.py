"""Run one submission, question by question: the program inside the container, or the child.

A job comes in as one JSON on standard input; what happened goes out as lines of JSON on standard
output. Two kinds of processes keep apart what must not touch:

- the *watcher* (watcher.py) runs no line of a student. It counts the seconds and the memory of the
  others, ends what takes too much, and passes on only what it waited for;
- the *worker*, here, runs the cells in order. Each cell of the student runs in a fork that goes on
  in its place. If the cell does not come to its end, the process it was forked from goes on
  without it. What a cell that came to its end leaves running (a thread, an alarm) stays in its
  process, for another fork goes on. Each test runs in a fork that is thrown away.

What the cells that were handed out define is kept twice: one copy for the student's code, and one
that only tests see. It needs fork: Linux or macOS.
"""

import contextlib
import copy
import json
import os
import signal
import sys
import types

from originals import Originals

FULL, PIPE = b"-", 65536  # a process that leaves off, and the bytes that a pipe holds
LONGEST = 1500  # characters of a message


class Reports:
    """The worker's end of the pipe to the watcher."""

    def __init__(self, end: int) -> None:
        self.end = end

    def __call__(self, **said: object) -> None:
        """Send one line, apart from whatever a student's code may have written before it."""
        os.write(self.end, b"\n" + json.dumps(said | {"pid": os.getpid()}).encode() + b"\n")


def work(job: dict, report: Reports) -> None:
    """Do the tasks of a job: cells that were handed out, cells of the student, and tests."""
    shell = quiet_shell()
    given, originals = {"__name__": "__main__"}, Originals(shell)
    for number, task in enumerate(job["tasks"]):
        if task["kind"] == "given":
            report(task=number, begins=True)
            report(task=number, error=hand_out(task["source"], shell, given))
            originals.keep()
        elif task["kind"] == "cell":
            missing = given.keys() - shell.user_ns.keys()  # after %reset, say
            shell.user_ns.update({name: copied(given[name]) for name in missing})
            run_cell(report, number, task["source"], shell, originals)
        else:
            run_test(report, number, task, (shell.user_ns, given, set(job["answers"]), originals))
    report(end=True)


def quiet_shell() -> object:
    """Return an IPython shell that keeps no history, and that exit() does not leave."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    os.environ.setdefault("MPLBACKEND", "agg")
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    InteractiveShell.enable_gui = lambda *_: None
    shell = InteractiveShell.instance(config=settings)
    shell.ask_exit = lambda: None
    return shell


def hand_out(source: str, shell: object, given: dict) -> list | None:
    """Run a cell that was handed out; the student's code gets a copy of what it defines."""
    before = dict(given)
    try:
        exec(compile(source, "<given>", "exec"), given)
    except BaseException as error:
        return described(error)
    made = {k: v for k, v in given.items() if k not in before or v is not before[k]}
    shell.user_ns.update({k: copied(v) for k, v in made.items() if k != "__builtins__"})
    return None


def copied(value: object) -> object:
    """Return a copy that can be changed without changing the original."""
    if isinstance(value, types.ModuleType | types.FunctionType | type):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def run_cell(
    report: Reports, number: int, source: str, shell: object, originals: Originals
) -> None:
    """Run a cell in a fork that goes on in place of this process if it comes to the end."""
    heard, told = os.pipe()
    child = os.fork()
    if child:
        os.close(told)
        came_through = os.read(heard, 1)
        left = os.read(heard, PIPE) if came_through == FULL else b""
        os.close(heard)
        _, status = os.waitpid(child, 0)
        if left:
            report(task=number, error=json.loads(left))
            return
        if came_through:
            os._exit(0)  # all later steps were the child's
        report(task=number, died=os.waitstatus_to_exitcode(status))
        return
    os.close(heard)
    os.setpgid(0, 0)  # a signal to its group reaches nobody else
    me = os.getpid()
    report(task=number, begins=True)
    run = type(shell).run_cell
    error = None
    try:
        result = run(shell, source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as caught:
        error = caught
    if os.getpid() != me:
        os._exit(0)  # a copy that the student's code made of this process
    replaced = originals.put_back()
    said = described(error) if error else None
    if isinstance(error, MemoryError):  # what fills the memory must not cost the next questions
        os.write(told, FULL + json.dumps(said).encode())
        os._exit(0)
    if child := os.fork():  # its threads stay here
        os.waitpid(child, 0)
        os._exit(0)
    with contextlib.suppress(BrokenPipeError):  # the process before this one may be gone
        os.write(told, b"+")
    os.close(told)
    report(task=number, error=said, replaced=replaced)


def run_test(report: Reports, number: int, test: dict, spaces: tuple) -> None:
    """Run a test in a fork; whatever happens to it happens there."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        report(task=number, died=os.waitstatus_to_exitcode(status))
        return
    os.setpgid(0, 0)
    me = os.getpid()
    report(task=number, begins=True)
    passed, message = verdict(test, *spaces)
    if os.getpid() == me:
        report(task=number, passed=passed, message=message)
    os._exit(0)


def verdict(
    test: dict, own: dict, given: dict, answers: set[str], originals: Originals
) -> tuple[bool, str]:
    """Run one test; return whether it passed, and what it said.

    An argument that is the name of an answer is the student's. Of the others, those that the
    cells handed out define are as they define them, whatever the student's code did to the name.
    """
    try:
        space = {}
        exec(compile(test["source"], "<test>", "exec"), space)
        values = {}
        for name in test["arguments"]:
            known = given if name in given and name not in answers else own
            values[name] = known.get(name)
            if values[name] is None or values[name] is ...:
                return False, f"{name} is not there: the question is not answered"
        space[test["name"]](**values)
    except AssertionError as error:
        return False, shortened(error)
    except BaseException as error:
        return False, ": ".join(described(error))
    if replaced := originals.put_back():
        return False, f"while it is tested it replaces {', '.join(replaced[:5])}"
    return True, ""


def described(error: BaseException) -> list[str]:
    """Return the kind and the text of an error."""
    return [type(error).__name__, shortened(error)]


def shortened(error: BaseException) -> str:
    """Return the text of an error, of which a student may write any amount, or none that works."""
    try:
        text = str(error)
    except BaseException:
        text = "an error that cannot say what it is"
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def limits(memory: int) -> None:
    """Limit the memory of a process, the size of its files, and its core dumps."""
    import resource

    size = memory * 1_000_000
    for kind, most in ((resource.RLIMIT_AS, size), (resource.RLIMIT_FSIZE, size)):
        with contextlib.suppress(ValueError, OSError):  # macOS knows no limit of the first kind
            resource.setrlimit(kind, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def begin(job: dict, end: int) -> None:
    """Be the worker: nothing to read, nowhere to print, and no way to the watcher's output."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    limits(job["memory"])
    try:
        work(job, Reports(end))
    finally:
        os._exit(0)
