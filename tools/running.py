"""Run a notebook, know what that took, and keep what came of it for the build."""

import hashlib
import os
import re
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import nbformat
import psutil
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MOST = 600.0  # seconds of a core for a whole notebook
STILL = 600.0  # seconds on the clock without any work: a kernel that waits for nothing


@dataclass
class Cost:
    """What running a notebook took: seconds on the clock and of a core, peak memory in MB."""

    seconds: float = 0.0
    core: float = 0.0
    memory: float = 0.0

    def __str__(self) -> str:
        return f"{self.seconds:5.1f} s ({self.core:.1f} s of a core), {self.memory:.0f} MB"


def core_seconds(process: psutil.Process) -> float:
    """Return the seconds of a core that a process has used."""
    times = process.cpu_times()
    return times.user + times.system


def cost(pid: int) -> Cost:
    """Return what a running process has taken; the clock starts with the process."""
    process = psutil.Process(pid)
    memory = process.memory_info().rss
    status = Path(f"/proc/{pid}/status")
    if status.exists():  # Linux knows the peak
        memory = 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    return Cost(time.time() - process.create_time(), core_seconds(process), memory / 1e6)


class Watch:
    """Interrupts a kernel that uses too much of a core, or that does nothing for long.

    Neither happens because the machine is busy with something else: a process that waits for
    its turn uses no core, and in ten minutes it gets one.
    """

    def __init__(self, pid: int, most: float = MOST, still: float = STILL) -> None:
        self.process, self.most, self.still = psutil.Process(pid), most, still
        self.said = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        worked, since = 0.0, time.monotonic()
        while not self._over.wait(min(1.0, self.most / 4, self.still / 4)):
            try:
                used = core_seconds(self.process)
            except psutil.NoSuchProcess:
                return
            if used > worked:
                worked, since = used, time.monotonic()
            if used > self.most:
                self.said = f"used more than {self.most:g} s of a core"
            elif time.monotonic() - since > self.still:
                self.said = f"did nothing for {self.still:g} s"
            if self.said:
                if os.name == "nt":
                    self.process.kill()
                else:
                    self.process.send_signal(signal.SIGINT)
                return


def execute(
    path: Path,
    kernel: str = "python3",
    widgets: bool = False,
    notebook: NotebookNode | None = None,
    **limits: float,
) -> tuple[NotebookNode, Cost]:
    """Run the notebook in its own folder; return it with its outputs, and what that took.

    The state of its widgets is kept if `widgets` is true. With `notebook` it is run in the place
    of what stands at the path. `limits` are those of `Watch`; a notebook that exceeds one raises
    a TimeoutError.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook = notebook or nbformat.read(path, as_version=4)
    taken, watches = Cost(), []

    def begin(**_: object) -> None:
        if not watches:
            watches.append(Watch(client.km.provisioner.pid, **limits).__enter__())

    def measure(**_: object) -> None:
        now = cost(client.km.provisioner.pid)
        taken.core, taken.memory = now.core, now.memory

    client = NotebookClient(
        notebook,
        timeout=None,  # a Watch counts what the kernel does, not the clock
        startup_timeout=600,
        iopub_timeout=600,
        kernel_name=kernel,
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=widgets,
        record_timing=False,  # times in the cells would hide the result from the build's cache
        on_cell_start=begin,
        on_cell_complete=measure,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    start = time.perf_counter()
    try:
        client.execute(env=os.environ | ONE_THREAD)
    except (CellExecutionError, DeadKernelError) as error:
        if watches and watches[0].said:
            raise TimeoutError(f"{path} {watches[0].said}:\n{error}") from error
        raise
    finally:
        for watch in watches:
            watch.__exit__()
    taken.seconds = time.perf_counter() - start
    return notebook, taken


# ---- what is kept for the build ---------------------------------------------------------


def key() -> str:
    """Return a hash of what a notebook's results depend on besides its own code."""
    digest = hashlib.sha256(f"{sys.version}{os.environ.get('IBIAS_SEED', '')}".encode())
    for path in [ROOT / "requirements.txt", *sorted((ROOT / "ibias").rglob("*"))]:
        if path.suffix in (".py", ".yml", ".txt", ".csv", ".json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def kept(folder: Path) -> Any:
    """Return the cache of the book in `folder`, emptied if what its results depend on changed."""
    from jupyter_cache import get_cache

    output = folder / "_build"
    stamp = output / "cache-key"
    if not stamp.exists() or stamp.read_text() != key():
        shutil.rmtree(output / ".jupyter_cache", ignore_errors=True)
    output.mkdir(exist_ok=True)
    stamp.write_text(key())
    return get_cache(str(output / ".jupyter_cache"))


def keep(cache: Any, path: Path, notebook: NotebookNode, taken: Cost) -> None:
    """Put an executed notebook into the cache, with what it took."""
    from jupyter_cache.base import CacheBundleIn

    data = {"execution_seconds": taken.core, "memory": taken.memory}
    bundle = CacheBundleIn(notebook, str(path), data=data)
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def is_kept(cache: Any, path: Path) -> bool:
    """Return whether the results of the notebook at `path`, with its present code, are there."""
    try:
        cache.match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    return True
