"""Where a submission runs: a container without network where an engine answers, else a child.

Both run watcher.py, with the job on standard input and the results on standard output.
"""

import contextlib
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from running import ONE_THREAD

from grading.assignment import ROOT

PARTS = ("watcher.py", "runner.py", "originals.py", "inside.py")
PROGRAM = [ROOT / "tools" / "grading" / name for name in PARTS]
ENGINES = ("docker", "podman")
# What a child may know of the machine that grades it.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "SYSTEMROOT")
# A notebook that installs something must not change the environment that grades it.
NO_PIP = {"PIP_PYTHON": "/nothing-is-installed-while-grading"}
MOST = 5_000_000  # bytes that are read of what comes back
ENOUGH = 4  # times the seconds of all questions, for the processes that watch
PATIENCE = 20  # times the seconds of all questions, for a watcher that does not answer
DRAIN = 10  # seconds for what an ended process left in its pipes
DOCKERFILE = f"""\
FROM python:3.12-slim
COPY requirements.txt /grader/
RUN pip install --no-cache-dir -r /grader/requirements.txt ipython psutil
COPY ibias /grader/ibias
COPY {" ".join(PARTS)} /grader/
ENV PYTHONPATH=/grader MPLCONFIGDIR=/tmp HOME=/tmp OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
WORKDIR /tmp
ENTRYPOINT ["python", "/grader/watcher.py"]
"""


class Failed(Exception):
    """The sandbox itself does not work; the message says what to do."""


@dataclass(frozen=True)
class Child:
    """A process of the user who grades: against accidents."""

    name: str = "a child process"

    def command(self, memory: int, seconds: float) -> tuple[list[str], str]:
        """Return the command, and a name by which it can be ended."""
        return [sys.executable, str(PROGRAM[0])], ""

    def end(self, name: str) -> None:
        """Nothing is left: the watcher ends what it started."""


@dataclass(frozen=True)
class Container:
    """A container without network, rights or files, which is thrown away."""

    engine: str
    image: str

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"containers of {Path(self.engine).name}"

    def command(self, memory: int, seconds: float) -> tuple[list[str], str]:
        """Return the command, and a name by which it can be ended.

        The memory is that of the whole container, the seconds those of a core, for each process.
        """
        name = f"ibias-{uuid.uuid4().hex[:12]}"
        limits = [f"--memory={memory}m", f"--memory-swap={memory}m", "--cpus=1"]
        limits += [f"--ulimit=cpu={math.ceil(seconds)}", "--ulimit=core=0"]
        limits += ["--pids-limit=256", "--network=none", "--read-only", "--cap-drop=ALL"]
        limits += ["--tmpfs=/tmp:size=256m", "--security-opt=no-new-privileges"]
        run = [self.engine, "run", "--rm", "--interactive", f"--name={name}", "--init"]
        return [*run, *limits, "--user=65534:65534", self.image], name

    def end(self, name: str) -> None:
        """Remove the container if it is still there."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([self.engine, "rm", "--force", name], capture_output=True, timeout=60)


def engine() -> str | None:
    """Return the first container engine that answers; a client alone is not enough."""
    for name in ENGINES:
        if found := shutil.which(name):
            try:
                asked = subprocess.run([found, "ps"], capture_output=True, timeout=20)
            except (subprocess.TimeoutExpired, OSError):
                continue
            if asked.returncode == 0:
                return found
    return None


def choose(where: str = "auto") -> Child | Container:
    """Return the sandbox for `where`: "container", "child", or "auto", the first that works."""
    found = engine() if where != "child" else None
    if found:
        return Container(found, image(found))
    if where == "container":
        raise Failed("no container engine answers: start docker or podman, or grade IN=child")
    if not hasattr(os, "fork"):
        raise Failed("on Windows grade with Docker, or in WSL: a child needs Linux or macOS")
    return Child()


def image(found: str) -> str:
    """Return the image of this state of the repository, made if it is not there yet."""
    parts = [
        ROOT / "binder" / "requirements.txt",
        *PROGRAM,
        *sorted((ROOT / "ibias").rglob("*.py")),
    ]
    parts += sorted((ROOT / "ibias").rglob("*.yml"))
    text = b"".join(part.read_bytes() for part in parts) + DOCKERFILE.encode()
    tag = f"ibias-grader:{hashlib.sha256(text).hexdigest()[:12]}"
    if subprocess.run([found, "image", "inspect", tag], capture_output=True).returncode == 0:
        return tag
    print(f"making the image {tag}; this takes some minutes, once", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text(DOCKERFILE)
        shutil.copytree(ROOT / "ibias", Path(folder, "ibias"))
        for part in [parts[0], *PROGRAM]:
            shutil.copy(part, folder)
        made = subprocess.run(
            [found, "build", "--tag", tag, folder], capture_output=True, text=True
        )
    if made.returncode:
        last = "\n".join(made.stderr.strip().splitlines()[-5:])
        raise Failed(f"{found} answers, but makes no image (or grade IN=child):\n{last}")
    return tag


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
        said, lines, name = [], [], self.now[process]
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
