"""Run the stages of the tests, two at a time, so that no core waits for a stage's last test.

    python tools/stages.py TARGET[:AFTER] ...

A stage is a target of make; it begins as soon as there is room and the one that it names is done.
Their outputs do not mix: one is shown as it comes, the next when that one is done. If a stage
fails, the others are ended, and what it said is the last thing that is shown.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

AT_A_TIME = 2
PAUSE = 0.1  # seconds between two looks


class Stage:
    """One stage: what it waits for, its process, and where it writes."""

    def __init__(self, asked: str, folder: Path) -> None:
        self.name, _, self.after = asked.partition(":")
        self.path, self.process, self.shown = folder / self.name, None, 0

    @property
    def status(self) -> int | None:
        """Its exit status, None before the end."""
        return self.process.poll() if self.process else None

    def begin(self) -> None:
        """Start it, as the leader of a group that can be ended as a whole."""
        command = [os.environ.get("MAKE", "make"), "--no-print-directory", self.name]
        with self.path.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def show(self, to: IO[bytes]) -> None:
        """Write what has come since the last look."""
        if self.process:
            with self.path.open("rb") as log:
                log.seek(self.shown)
                to.write(log.read())
                to.flush()
                self.shown = log.tell()

    def end(self) -> None:
        """End it, with all that it started."""
        if self.process and self.status is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def run(stages: list[Stage], to: IO[bytes]) -> Stage | None:
    """Run all; return the first that fails, or None."""
    waiting, queue = list(stages), []  # not begun yet; begun, and not shown to the end
    while waiting or queue:
        for stage in queue:
            if stage.status:
                if queue[0] is not stage:
                    queue[0].show(to)
                return stage
        done = {stage.name for stage in stages if stage.status == 0}
        running = [stage for stage in queue if stage.status is None]
        for stage in [s for s in waiting if not s.after or s.after in done]:
            if len(running) < AT_A_TIME:
                stage.begin()
                waiting.remove(stage)
                running.append(stage)
                queue.append(stage)
        if queue:
            over = queue[0].status is not None  # asked first: what it said is all there
            queue[0].show(to)
            if over:
                queue.pop(0)
                continue
        time.sleep(PAUSE)
    return None


def main(*asked: str) -> int:
    """Run the stages, each a target of make; return the status of the one that fails, or 0."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        stages = [Stage(one, Path(folder)) for one in asked]
        unknown = {s.after for s in stages if s.after} - {s.name for s in stages}
        if unknown:
            raise ValueError(f"another stage waits for {', '.join(unknown)}; name that one too.")
        try:
            failed = run(stages, sys.stdout.buffer)
        finally:
            for stage in stages:
                stage.end()
        if failed:
            failed.show(sys.stdout.buffer)
            print(f"---- {failed.name} FAILED, and what ran beside it was ended", flush=True)
            return failed.status
    times, seconds = os.times(), time.perf_counter() - start
    core = times.children_user + times.children_system
    print(f"---- all passed in {seconds:.0f} s ({core:.0f} s of a core)", flush=True)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(*sys.argv[1:]))
