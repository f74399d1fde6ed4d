"""Where a submission runs: a container without network where an engine answers, else a child.

Both run watcher.py, with the job on standard input and the results on standard output.
"""

import contextlib
import hashlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from grading.assignment import ROOT

PARTS = ("watcher.py", "runner.py", "originals.py", "inside.py")
PROGRAM = [ROOT / "tools" / "grading" / name for name in PARTS]
ENGINES = ("docker", "podman")
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
