"""Property tests: no time limit, for a busy machine is no failure, and the same examples each time.

Other examples are what `make fuzz` is for.
"""

import gc

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """While tests are collected nothing is garbage; later it is looked for in what they make."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def few_steps(monkeypatch):
    """Let an integration in log time give up after a tenth of its steps.

    What is said then does not depend on how many there were; what arrives needs fewer.
    """
    from ibias.flow import estimate, log_time  # the site's tests, below, need nothing of it

    few = log_time.MAX_STEPS // 10
    monkeypatch.setattr(log_time, "MAX_STEPS", few)
    monkeypatch.setattr(estimate, "MAX_STEPS", few)
    monkeypatch.setattr(estimate, "FEW", estimate.FEW // 10)
