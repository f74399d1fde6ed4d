"""Kernels that are forked from one process, which has imported the libraries already: on Linux.

`register()` makes every kernel of this process such a one. What a notebook imports it still has
to import; that only takes no time any more. What looks at the kernel around it as it is imported
(`ibias.plots`, `ibias.frames` and ipywidgets) is left to the notebook.

python -P tools/warm.py     is that process: it answers the requests that it reads, line by line
"""

import gc
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from typing import Any, Self

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

NAME = "warm-provisioner"
AGAIN = "--again"
LIBRARIES = (
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "scipy.integrate",
    "scipy.optimize",
    "scipy.spatial",
    "scipy.special",
    *(f"ibias.{part}" for part in ("claims", "datasets", "descent", "entropy", "flow")),
    *(f"ibias.{part}" for part in ("losses", "methods", "models", "networks", "optima")),
)


class Oven:
    """The process that forks; one serves all kernels of this process."""

    now: Self | None = None

    def __init__(self) -> None:
        self.lock, pipe = threading.Lock(), subprocess.PIPE
        # The kernel draws with this backend, and matplotlib reads its name as it is imported.
        environment = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=pipe, stdout=pipe, env=environment, start_new_session=True,
        )  # fmt: skip

    def ask(self, **request: Any) -> Any:
        """Send a request; return the answer."""
        with self.lock:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    @classmethod
    def open(cls) -> Self:
        """Return the one there is, or start it."""
        Oven.now = Oven.now or cls()
        return Oven.now

    @classmethod
    def close(cls) -> None:
        """End it; what it has forked notices by itself."""
        if cls.now:
            cls.now.process.stdin.close()
            cls.now.process.wait()
            cls.now.process.stdout.close()
            Oven.now = None


class Forked:
    """A kernel, as far as the provisioner of jupyter_client knows `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, command: list[str], cwd: str | None, environment: dict[str, str]) -> None:
        self.oven, self.returncode = Oven.open(), None
        place = os.path.abspath(cwd or os.getcwd())
        answer = self.oven.ask(do="fork", command=command, cwd=place, environment=environment)
        self.pid, self.before = answer

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._ended("poll")

    def wait(self) -> int:
        """Return the exit status, once it has ended."""
        return self._ended("wait")

    def _ended(self, do: str) -> int | None:
        if self.oven is not Oven.now:  # and without that one it ends by itself
            return -signal.SIGTERM
        if self.returncode is None:
            self.returncode = self.oven.ask(do=do, pid=self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Warm(LocalProvisioner):
    """Forks where others start a program."""

    async def launch_kernel(self, cmd: list[str], **given: Any) -> Any:
        """Start the kernel; return how to reach it."""
        self.process = Forked(cmd, given.get("cwd"), dict(given.get("env") or os.environ))
        self.pid = self.pgid = self.process.pid  # it leads a session of its own
        self.cwd = given.get("cwd", os.getcwd())
        return self.connection_info


def before(provisioner: LocalProvisioner) -> float:
    """Return the seconds of a core that a kernel's imports took before it was forked."""
    return getattr(provisioner.process, "before", 0.0)


class _Entry:
    """What stands for an entry point of an installed package."""

    name = NAME
    load = staticmethod(lambda: Warm)


def register() -> None:
    """Let the kernels that this process starts be forked, where that is known to work."""
    if sys.platform == "linux":
        factory = KernelProvisionerFactory.instance()
        factory.provisioners[NAME] = _Entry()
        factory.default_provisioner_name = NAME


# ---- the process that forks -------------------------------------------------------------


def begin(request: dict) -> None:
    """Become the kernel: all that a process of its own would have of its own."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"], JPY_PARENT_PID=str(os.getppid()))
    random.seed()
    sys.modules["numpy"].random.seed()
    command = request["command"]
    asked = command[command.index("ipykernel_launcher") + 1 :]
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # the kernel ends when that one does
    sys.argv = ["ipykernel_launcher", *asked, parent]
    sys.modules["ipykernel.kernelapp"].launch_new_instance()


def ended(pid: int, options: int = 0) -> int | None:
    """Return the exit status of a kernel, or None while it runs."""
    found, status = os.waitpid(pid, options)
    return os.waitstatus_to_exitcode(status) if found else None


def load() -> bool:
    """Import the libraries; return whether a module had to be compiled."""
    compiled, source_to_code = [], SourceFileLoader.source_to_code

    def noted(loader: SourceFileLoader, data: Any, path: str, **more: Any) -> Any:
        compiled.append(path)
        return source_to_code(loader, data, path, **more)

    SourceFileLoader.source_to_code = noted
    for library in LIBRARIES:
        with suppress(ImportError):  # the notebook that needs it will say so
            importlib.import_module(library)
    del SourceFileLoader.source_to_code  # which hides the inherited one
    return bool(compiled)


def main() -> None:
    """Import, then answer until there is nobody to ask."""
    before = os.times()
    if load() and AGAIN not in sys.argv:  # to compile is no part of what the imports take
        os.execv(sys.executable, [sys.executable, "-P", __file__, AGAIN])
    gc.collect()
    gc.freeze()
    times = os.times()
    core = times.user + times.system - before.user - before.system
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if request["do"] == "fork":
            pid = os.fork()
            if not pid:
                begin(request)
                return
            answer = pid, core
        else:
            answer = ended(request["pid"], os.WNOHANG if request["do"] == "poll" else 0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
