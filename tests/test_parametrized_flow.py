"""The flow of parameters next to a rest: what stands for it, what is left, and times that work."""

import re

import numpy as np
import pytest

from ibias import flow, models
from ibias.datasets import Regression
from ibias.flow import IntegrationFailed
from ibias.flow.parametrized import left, until_rest
from ibias.trajectory import Trajectory

LINE = Regression([[1.0]], [2.0])
NET = models.DiagonalLinear(1, depth=2)


def forged(latest):
    """A run that arrives up to `latest`, at e^-s, and stops a little before where it is asked."""

    def run(log_t):
        if log_t[-1] > latest:
            error = IntegrationFailed(f"stopped at {log_t[-1]:g}. Ask for times up to 1e9")
            error.time = min(0.9 * log_t[-1], 36.0)
            raise error
        states = np.exp(-np.asarray(log_t))[:, None]
        return Trajectory(
            np.array(log_t), states, -np.array(log_t), "", np.full(len(log_t), 0.1), 7
        )

    return run


def test_where_the_integration_fails_a_rest_before_stands_for_the_flow():
    run = until_rest(forged(30.0), np.array([1.0, 2.0, 40.0, 1e5]), lambda _: 1e-12, 1e-9)
    until = float(re.search(r"at rest since log time (\S+)", run.status)[1])
    assert 2 < until <= 30
    assert run.iterates[:, 0] == pytest.approx(np.exp([-1.0, -2.0, -until, -until]))
    assert run.error_estimate == pytest.approx([0.1, 0.1, 0.1 + 1e-12, 0.1 + 1e-12], rel=1e-14)
    assert run.log_risk == pytest.approx([-1.0, -2.0, -until, -until])
    assert until_rest(forged(30.0), np.array([1.0, 30.0]), lambda _: 1.0, 1e-9).status == ""


def test_where_there_is_no_rest_the_times_that_are_named_were_tried():
    for latest in (30.0, 34.0, 39.0):
        with pytest.raises(
            IntegrationFailed, match=r"not at rest there\. Ask for times up"
        ) as refused:
            until_rest(forged(latest), np.array([1.0, 40.0]), lambda _: 1e-9, 1e-9)
        until = float(re.search(r"times up to (\S+)\.$", str(refused.value))[1])
        assert until <= latest and forged(latest)(np.array([until])) is not None


def test_what_is_left_is_the_way_to_the_fit():
    """Of one parameter u at u^2 - v^2 = 2: next to the fit, to first order; elsewhere unknown."""
    u, v = np.sqrt(2.5), np.sqrt(0.5)
    normal = np.array([u, -v]) / np.hypot(u, v)
    weights = NET.weights(np.array([u, v]))
    assert weights == pytest.approx([2.0])
    for way in (1e-4, 1e-8, 1e-12):
        bound = left(LINE, NET, np.array([u, v]) + way * normal)
        assert way <= bound <= 3 * way + 1e-14
    assert left(LINE, NET, np.array([0.1, 0.1])) == np.inf
    assert left(LINE, NET, np.zeros(2)) == np.inf
    twice = Regression([[1.0], [1.0]], [2.0, 2.0])
    assert left(twice, NET, np.array([u, v])) == np.inf


def test_a_start_at_which_nothing_pulls_is_refused():
    for start in ([0.0, 0.0], [0.0, -0.0]):
        with pytest.raises(ValueError, match="stationary point"):
            flow.parametrized_flow(LINE, NET, start=start, log_t=[5.8])


def test_a_fit_is_kept_at_times_at_which_its_pull_is_rounding():
    """u v is conserved, and u^2 - v^2 ends at two."""
    run = flow.parametrized_flow(LINE, NET, start=[1.0, 1.0], log_t=[60.0], tolerance=1e-6)
    v = np.sqrt(np.sqrt(2.0) - 1)
    assert run.final == pytest.approx([1 / v, v], abs=1e-6)
