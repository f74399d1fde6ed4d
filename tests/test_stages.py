"""The stages of `make test`: two at a time, outputs apart, and one that fails fails the run."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

TOOL = Path(__file__).resolve().parent.parent / "tools" / "stages.py"
WAIT = "while ! test -e {0}; do sleep 0.05; done"
MAKEFILE = f"""
one:
	@echo one begins
	@touch one.began
	@{WAIT.format("two.began")}
	@{WAIT.format("two.over")}
	@echo one ends
two:
	@touch two.began
	@{WAIT.format("one.began")}
	@test ! -e three.began
	@echo two
	@touch two.over
three:
	@touch three.began
	@test -e two.over
	@echo three
bad:
	@{WAIT.format("pid")}
	@echo what went wrong
	@exit 3
endless:
	@echo endless begins
	@echo $$$$ > pid; sleep 100000
never:
	@touch never
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="`make test` is not for Windows")


def run(folder, *stages):
    """Run stages of the Makefile above in a folder."""
    (folder / "Makefile").write_text(MAKEFILE)
    command = [sys.executable, str(TOOL), *stages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_two_run_at_a_time_and_what_they_say_does_not_mix(tmp_path):
    """The first waits for the second, which waits for the first; the third has to wait."""
    status, said, _ = run(tmp_path, "one", "two", "three")
    assert status == 0
    assert said[:-1] == ["one begins", "one ends", "two", "three"]
    assert said[-1].startswith("---- all passed in ")


def test_a_stage_waits_for_the_one_that_it_names(tmp_path):
    status, said, _ = run(tmp_path, "three:two", "one", "two")
    assert status == 0 and said.index("three") > said.index("two")


def test_a_stage_that_fails_fails_the_run_and_ends_the_other(tmp_path):
    status, said, errors = run(tmp_path, "endless", "bad", "never:bad")
    assert status != 0, errors
    assert said[0] == "endless begins" and "what went wrong" in said
    assert said[-1] == "---- bad FAILED, and what ran beside it was ended"
    assert not (tmp_path / "never").exists()
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_stage_that_nobody_runs_cannot_be_waited_for(tmp_path):
    status, _, errors = run(tmp_path, "one:four", "two")
    assert status != 0 and "waits for four; name that one too" in errors
