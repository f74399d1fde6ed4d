"""Property tests: no time limit, for a busy machine is no failure, and the same examples each time.

Other examples are what `make fuzz` is for.
"""

import gc
import importlib
import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """While tests are collected nothing is garbage; later it is looked for in what they make."""
    gc.disable()
    try:
        share_the_compiling(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def share_the_compiling(config):
    """In a fresh copy pytest compiles every test module anew, in each of its processes.

    So each begins at a place of its own, and reads what another one has compiled by then.
    """
    number, of = (os.environ.get(f"PYTEST_XDIST_{name}") for name in ("WORKER", "WORKER_COUNT"))
    if of and config.args_source is config.ArgsSource.TESTPATHS:
        modules = [path.stem for path in sorted(Path(__file__).parent.glob("test_*.py"))]
        first = len(modules) * int(number.removeprefix("gw")) // int(of)
        for module in modules[first:] + modules[:first]:
            importlib.import_module(module)


@pytest.fixture
def few_steps(monkeypatch):
    """Let an integration in log time give up after a tenth of its steps.

    What is said then does not depend on how many there were; what arrives needs fewer.
    """
    from ibias.flow import estimate, log_time  # the site's tests, below, need nothing of it

    few = log_time.MAX_STEPS // 10
    *defaults, last = log_time.integrate.__defaults__
    assert last == log_time.MAX_STEPS
    monkeypatch.setattr(log_time.integrate, "__defaults__", (*defaults, few))
    monkeypatch.setattr(estimate, "MAX_STEPS", few)
    monkeypatch.setattr(estimate, "FEW", estimate.FEW // 10)
