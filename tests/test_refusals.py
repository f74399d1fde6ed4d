"""A refusal is early: what the check run cannot follow, the slow integrator does not try."""

import functools
import re

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from ibias import flow
from ibias.datasets import Dataset
from ibias.flow import gradient


def cancer() -> Dataset:
    X, y = load_breast_cancer(return_X_y=True)
    return Dataset(X, np.where(y == 1, 1, -1)).with_constant()


def turned(power, angle=0.7) -> Dataset:
    """Two samples of two labels at an angle of 2^-power, so a margin of half of that."""
    e, (c, s) = 2.0**-power, (np.cos(angle), np.sin(angle))
    return Dataset(np.array([[1.0, 0.0], [np.cos(e), np.sin(e)]]) @ [[c, -s], [s, c]], [1, -1])


@pytest.fixture
def slow(monkeypatch):
    """How often the slow integrator was begun."""
    return watched(monkeypatch)


def watched(monkeypatch):
    """Return a list that grows by one each time that the slow integrator is begun."""
    begun, true = [], gradient.integrate

    def integrate(*arguments, swings=False, **how):
        begun.extend([1] * swings)
        return true(*arguments, swings=swings, **how)

    monkeypatch.setattr(gradient, "integrate", integrate)
    return begun


RUNS = {
    "cancer": lambda until: flow.gradient_flow(cancer(), log_t=[min(20.0, until)]),
    "turned 24": lambda until: flow.gradient_flow(turned(24), log_t=[min(60.0, until)]),
    "descent 20": lambda until: flow.continued_gradient_descent(
        turned(20), log_steps=[min(1e4, until)]
    ),
}


@functools.cache
def refused(name):
    """Return what is said of the whole run, and how often the slow integrator was begun for it."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        pytest.raises(flow.IntegrationFailed, match="Ask for times up to") as caught,
    ):
        slow = watched(monkeypatch)
        RUNS[name](np.inf)
    return str(caught.value), len(slow)


@pytest.mark.parametrize("name", RUNS)
def test_it_is_early_and_its_times_work(name):
    said, slow = refused(name)
    assert not slow
    until = float(re.search(r"up to ([0-9.]+)", said)[1])
    assert RUNS[name](until).error_estimate[0] > 0


def test_the_slow_integrator_still_arrives_where_only_it_does(slow):
    """At the loose tolerance: the margin is the reciprocal slope of the norm, within it."""
    run = flow.gradient_flow(turned(20, 20.3), log_t=[50.0, 60.0], tolerance=1e-5)
    assert slow
    assert run.slope(run.norms) * np.sin(2.0**-21) == pytest.approx(1, rel=1e-4)


def test_columns_divided_by_their_sizes_are_no_trouble():
    assert "columns of X" in refused("cancer")[0]
    data = cancer()
    alike = Dataset(data.X / np.abs(data.X).max(axis=0), data.y)
    assert flow.gradient_flow(alike, log_t=[20.0]).n_evaluations < 30_000
