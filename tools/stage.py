"""Run one stage of the tests: say what it spends its time on, and what failed.

    python tools/stage.py NAME STEP COMMAND [STEP COMMAND ...]

The steps run one after the other, until one fails. Each prints its seconds on the clock and of
the cores: on a busy machine the first says little, the second what the step costs.
"""

import ctypes
import os
import subprocess
import sys
import time

SUBREAPER = 36  # of Linux: <linux/prctl.h>


def adopt() -> None:
    """Let processes whose parent is gone end here, so that they are counted: on Linux only.

    A browser leaves most of its processes behind when it is closed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def core_seconds() -> float:
    """Return the seconds of a core that all ended processes started here have used."""
    times = os.times()
    return times.children_user + times.children_system


def run(command: str) -> int:
    """Run a command and return its status; take leave of adopted processes as they end."""
    process, wait = subprocess.Popen(command, shell=True), 0
    while sys.platform == "linux":
        try:
            ended, status = os.waitpid(-1, wait)
        except ChildProcessError:  # none is left
            break
        if not ended:  # what still runs does so without us
            break
        if ended == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            wait = os.WNOHANG
    return process.wait()


def main(name: str, *steps: str) -> int:
    """Run the steps; return the status of the first that fails, or 0."""
    print(f"---- {name}", flush=True)
    adopt()
    began, spent = time.perf_counter(), []
    for step, command in zip(steps[::2], steps[1::2], strict=True):
        start, core = time.perf_counter(), core_seconds()
        status = run(command)
        seconds, used = time.perf_counter() - start, core_seconds() - core
        spent.append(f"{step} {seconds:.0f} s ({used:.0f} s of a core)")
        if status:
            print(f"---- {name}: FAILED in {step}: {', '.join(spent)}", flush=True)
            return status
    seconds = time.perf_counter() - began
    print(f"---- {name}: passed in {seconds:.0f} s: {', '.join(spent)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
