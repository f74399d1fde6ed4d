"""Runs of submissions in a sandbox: what is sent, what comes back, and how long it is waited for.

A run ends in a bounded time, whatever a client or its children do; all of them end at once.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from typing import IO

from running import ONE_THREAD

from grading.sandbox import Child, Container

# What a child may know of the machine that grades it.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "SYSTEMROOT")
# A notebook that installs something must not change the environment that grades it.
NO_PIP = {"PIP_PYTHON": "/nothing-is-installed-while-grading"}
MOST = 5_000_000  # bytes that are read of what comes back
ENOUGH = 4  # times the seconds of all questions, for the processes that watch
PATIENCE = 20  # times the seconds of all questions, for a watcher that does not answer
DRAIN = 10  # seconds for what an ended process left in its pipes


class Runs:
    """The submissions that run now, so that all can be ended at once."""

    def __init__(self, sandbox: Child | Container) -> None:
        self.sandbox, self.now, self.stopped = sandbox, {}, False
        self.lock = threading.Lock()

    def run(self, job: dict, questions: int) -> list[dict]:
        """Run one job; return the lines that came back, also if it did not come to its end."""
        most = ENOUGH * (questions + 1) * job["seconds"]
        command, name = self.sandbox.command(job["memory"], most)
        environment = (
            {k: os.environ[k] for k in ENVIRONMENT if k in os.environ} | ONE_THREAD | NO_PIP
        )
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            with self.lock:
                if self.stopped:
                    raise KeyboardInterrupt
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # one Ctrl-C must reach us alone
                )
                self.now[process] = name
            try:
                return self._talk(process, job, PATIENCE * (questions + 1) * job["seconds"])
            finally:
                self.end(process)

    def _talk(self, process: subprocess.Popen, job: dict, patience: float) -> list[dict]:
        """Send the job, and return what comes back within `patience` seconds.

        Each pipe has a thread of its own: what outlives the process may hold them open for ever.
        """
        said, lines, name = [], [], self.now.get(process, "")
        hearing, *others = pipes = [
            threading.Thread(target=hear, args=(process.stdout, lines), daemon=True),
            threading.Thread(target=send, args=(process.stdin, job), daemon=True),
            threading.Thread(target=lambda: said.append(process.stderr.read(MOST)), daemon=True),
        ]
        for thread in pipes:
            thread.start()
        until = time.monotonic() + patience
        while hearing.is_alive() and process.poll() is None and time.monotonic() < until:
            hearing.join(0.1)
        late = hearing.is_alive() and process.poll() is None
        if not late and sum(map(len, lines)) < MOST:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        self.end(process)
        hearing.join(DRAIN)
        if held := hearing.is_alive():
            self.sandbox.end(name)
        for thread in (hearing, *others):
            thread.join(DRAIN)
        if self.stopped:
            raise KeyboardInterrupt
        found = [line for line in map(understood, list(lines)) if line is not None]
        if not found and any(map(bytes.strip, said)):
            return [{"failed": said[0].decode(errors="replace").strip().splitlines()[-1]}]
        if late:
            cut = f"no end after {patience:g} s, {PATIENCE} times the seconds of all its questions"
        elif held:
            cut = "its process has ended, and something that it started holds its output"
        return [*found, {"cut": cut}] if late or held else found

    def end(self, process: subprocess.Popen) -> None:
        """End a run: ask the watcher to take everything with it, then insist."""
        name = self.now.get(process, "")
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if name:
                self.sandbox.end(name)
        with self.lock:
            self.now.pop(process, None)

    def stop(self) -> None:
        """End all runs, and let none begin."""
        with self.lock:
            self.stopped = True
            running = list(self.now)
        for process in running:
            self.end(process)


def send(pipe: IO[bytes], job: dict) -> None:
    """Write the job into a pipe that may break."""
    with contextlib.suppress(BrokenPipeError):
        pipe.write(json.dumps(job).encode())
        pipe.close()


def hear(pipe: IO[bytes], lines: list[bytes]) -> None:
    """Collect the lines of a pipe, up to the most that is read."""
    room = MOST
    while room > 0 and (line := pipe.readline(room)):
        room -= len(line)
        lines.append(line)


def understood(line: bytes) -> dict | None:
    """Return what a line says, if it is a dictionary."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
