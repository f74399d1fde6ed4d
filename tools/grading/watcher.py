"""Watch a worker: its seconds, its memory, what it reports, and that nothing of it is left behind.

    python watcher.py < job.json

is the program of the container or child; runner.py stands beside it. A job holds `tasks`, each of
a question and of a kind: a cell that was "given", a "cell" of the student, or a "test"; the names
of the `answers`; the `seconds` that a question may take of a core; and the `memory` in MB of all
processes together.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time

import psutil
from runner import LONGEST, begin

POLL = 0.2  # seconds
PROCESSES = 100  # at a time
IDLE = 3  # times its seconds a question may spend waiting
LINE = 1_000_000  # bytes; no report is as long


class Ledger:
    """Which task is due, and what was said of it. Only a report that is due counts."""

    def __init__(self, tasks: list[dict], say: object) -> None:
        self.tasks, self.say = tasks, say
        self.due, self.pid, self.why = 0, None, ""
        self.head = None  # the process that goes on after the task that is due
        self.verdict, self.ended, self.odd = None, False, False

    @property
    def task(self) -> dict:
        """The task that is due."""
        return self.tasks[min(self.due, len(self.tasks) - 1)]

    def hear(self, said: object) -> None:
        """Take one report of the worker."""
        if not isinstance(said, dict):
            self.odd = True
        elif said.get("end") is True and self.due == len(self.tasks):
            self.ended = True
        elif said.get("task") != self.due:
            self.odd = True
        elif said.get("begins") is True and self.pid is None:
            self.pid, self.why = said.get("pid"), ""
        elif "passed" in said and self.task["kind"] == "test" and self.verdict is None:
            self.verdict = said["passed"] is True, str(said.get("message"))[: 2 * LONGEST]
        elif "died" in said and self.task["kind"] == "test":
            self.head = said.get("pid")
            passed, message = self.verdict or (False, self._death(said["died"]))
            self._over(passed=passed, message=message)
        elif "died" in said:
            self.head = said.get("pid")
            self._over(stopped=self._death(said["died"]))
        elif "error" in said and self.task["kind"] != "test":
            self.head = said.get("pid")
            texts = {key: said[key] for key in ("error", "replaced") if said.get(key)}
            self._over(**{k: [str(p)[: 2 * LONGEST] for p in v][:20] for k, v in texts.items()})
        else:
            self.odd = True

    def _over(self, **said: object) -> None:
        if said:
            self.say(task=self.due, **said)
        self.due, self.pid, self.verdict = self.due + 1, None, None

    def _death(self, code: object) -> str:
        return self.why or f"its process died (exit code {code})"


class Meter:
    """What the task that is due has used, and the reason to end it, if there is one."""

    def __init__(self, seconds: float, memory: int) -> None:
        self.seconds, self.memory = seconds, memory
        self.question, self.due, self.spent = None, None, {"core": 0.0, "idle": 0.0}
        self.core, self.base, self.clock = 0.0, 0.0, time.monotonic()

    def read(self, ledger: Ledger) -> str:
        """Return why the task must be ended, or nothing."""
        now, before = time.monotonic(), self.core
        passed, self.clock = now - self.clock, now
        if ledger.task["question"] != self.question:
            self.question, self.spent = ledger.task["question"], {"core": 0.0, "idle": 0.0}
        group = family(ledger.pid) if ledger.pid else []
        used = sum(core_seconds(process) for process in group)
        if (ledger.due, ledger.pid) != self.due:
            self.due, self.core, before = (ledger.due, ledger.pid), 0.0, 0.0
            # A cell that was given runs in the worker itself, which has a past.
            self.base = used if ledger.task["kind"] == "given" else 0.0
        self.core = max(self.core, used - self.base)
        self.spent["core"] += self.core - before
        if group and self.core == before and not any(map(runs, group)):
            self.spent["idle"] += passed
        if self.spent["core"] > self.seconds:
            return f"stopped after {self.seconds:g} s of a core: an endless loop?"
        if self.spent["idle"] > IDLE * self.seconds:
            return f"stopped after {IDLE * self.seconds:g} s in which it only waited"
        everybody = family(os.getpid())[1:]
        if len(everybody) > PROCESSES + 2 * len(ledger.tasks):
            return f"stopped: more than {PROCESSES} processes"
        if too_large(everybody, self.memory):
            return f"stopped: more than {self.memory} MB of memory"
        return ""


def family(pid: object) -> list[psutil.Process]:
    """Return a process and all that it started; nothing if it does not come from this one."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid if type(pid) is int and pid > 0 else 0)
        above = [process, *process.parents()]
        if os.getpid() in [one.pid for one in above]:
            return [process, *process.children(recursive=True)]
    return []


def core_seconds(process: psutil.Process) -> float:
    """Return the seconds of a core that a process and those it waited for have used."""
    with contextlib.suppress(psutil.Error):
        return sum(process.cpu_times()[:4])
    return 0.0


def runs(process: psutil.Process) -> bool:
    """Say whether a process does something, or would if it had a core."""
    with contextlib.suppress(psutil.Error):
        return process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
    return False


def is_there(pid: object) -> bool:
    """Say whether a process that comes from this one goes on."""
    with contextlib.suppress(psutil.Error):
        return [p for p in family(pid)[:1] if p.status() != psutil.STATUS_ZOMBIE] != []
    return False


def too_large(processes: list[psutil.Process], memory: int) -> bool:
    """Say whether processes hold more than `memory` MB, in which what they share counts once."""
    rough = exact = 0
    with contextlib.suppress(psutil.Error):
        rough = sum(process.memory_info().rss for process in processes)
        if rough > memory * 1_000_000:
            infos = [process.memory_full_info() for process in processes]
            exact = sum(getattr(info, "pss", info.uss) for info in infos)
    return exact > memory * 1_000_000


def end(pid: int, itself: bool = True) -> None:
    """End a process, and all that it started, until none is left."""
    for _ in range(100):
        left = family(pid)[0 if itself else 1 :]
        left = [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(sent)
        if not left:
            return
        time.sleep(0.01)


def adopt() -> None:
    """Become the parent of processes whose own parent ended, so that none gets away (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def watch(job: dict, out: object) -> None:
    """Let a worker do the job; write what it may say to `out`."""

    def say(**said: object) -> None:
        print(json.dumps(said), file=out, flush=True)

    ours, its = os.pipe()
    worker = os.fork()
    if not worker:
        os.close(ours)
        os.close(out.fileno())
        begin(job, its)
    os.close(its)
    ledger, meter = Ledger(job["tasks"], say), Meter(job["seconds"], job["memory"])
    waiting, over, gone = b"", False, set()
    while not (over or ledger.ended):
        gone |= reaped()
        # Whoever goes on may have lost those who wait for it, and may not have been heard yet.
        alone = worker in gone and not goes_on(ledger)
        until = time.monotonic() + POLL
        while select.select([ours], [], [], 0 if alone else POLL)[0]:
            heard = os.read(ours, 65536)
            *lines, waiting = (waiting + heard).split(b"\n")
            for line in filter(None, lines):
                ledger.hear(understood(line))
            if len(waiting) > LINE:
                ledger.odd, waiting = True, b""
            if ledger.ended or not heard or time.monotonic() > until:
                time.sleep(0 if heard or alone else POLL)
                over = alone and not heard
                break
        else:
            over = alone and not goes_on(ledger)
        why = meter.read(ledger)
        if why and ledger.pid:
            ledger.why = why
            end(ledger.pid)
    end(os.getpid(), itself=False)  # nothing may come after the last word
    say(end=ledger.ended, odd=ledger.odd, due=ledger.due)


def goes_on(ledger: Ledger) -> bool:
    """Say whether one of those that were heard last is there."""
    return any(map(is_there, (ledger.pid, ledger.head)))


def reaped() -> set[int]:
    """Return the processes that ended, among those that this one has to wait for."""
    found = set()
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found.add(pid)
    return found


def understood(line: bytes) -> object:
    """Return what a line says, or None."""
    with contextlib.suppress(ValueError):
        return json.loads(line)
    return None


def main() -> None:
    """Read the job, and watch."""
    job = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)

    def leave(*_: object) -> None:
        end(os.getpid(), itself=False)
        os._exit(143)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt()
    try:
        watch(job, out)
    finally:  # also where nobody hears what it says any more
        end(os.getpid(), itself=False)


if __name__ == "__main__":
    main()
