"""Nesterov's acceleration in continuous time."""

import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ibias import datasets, flow, optima
from ibias.datasets import Dataset


def test_it_solves_its_equation_in_plain_time():
    data = datasets.separable(0, 12, 3)

    def motion(t, state):
        w, v = state[:3], state[3:]
        pull = (data.Z.T @ (1 / (1 + np.exp(data.Z @ w)))) / 12
        return np.concatenate([v, pull - 3 / t * v])

    start = 0.1 * np.ones(3)
    pull = data.Z.T @ (1 / (1 + np.exp(data.Z @ start))) / 12
    t0 = 1e-4
    state = np.concatenate([start + t0**2 * pull / 8, t0 * pull / 4])
    plain = solve_ivp(motion, (t0, 30.0), state, rtol=1e-10, atol=1e-11)
    there = flow.accelerated_flow(data, log_t=[0.0, np.log(30.0)], start=start)
    assert there.final == pytest.approx(plain.y[:3, -1], abs=1e-7)


def test_its_norm_grows_twice_as_fast_and_its_risk_falls_like_four_over_t_squared():
    for seed in range(3):
        data = datasets.planted(seed, [0.5, 0.3, 0.2], margin=1.7)
        path = flow.accelerated_flow(data, log_t=[1e3, 1e4])
        assert path.slope(path.norms) * 1.7 == pytest.approx(2, rel=1e-5)
        # Next term: the residual moves w_s by a multiple of 1/s^2, of which nothing is left.
        assert 2 * path.log_t + path.log_risk + 2 * np.log(1.7) == pytest.approx(
            np.log(4), abs=1e-3
        )


def test_it_keeps_the_maximum_margin_direction():
    data = datasets.separable(2)
    best = optima.max_margin(data)
    path = flow.accelerated_flow(data, log_t=[1e5])
    assert path.direction_gap(best.w)[-1] < 1e-4


def test_wide_data_leave_the_rest_of_the_start_alone():
    data = datasets.separable(0, 5, 9)
    start = datasets.generator(1).standard_normal(9)
    path = flow.accelerated_flow(data, log_t=[10.0], start=start)
    along = np.linalg.pinv(data.Z) @ data.Z
    assert path.final - along @ path.final == pytest.approx(start - along @ start, abs=1e-9)


def test_bad_input():
    with pytest.raises(ValueError, match="log_t must be strictly increasing"):
        flow.accelerated_flow(datasets.separable(0), log_t=[2.0, 1.0])
    with pytest.raises(ValueError, match="tolerance must be"):
        flow.accelerated_flow(datasets.separable(0), log_t=[2.0], tolerance=0)


def test_swings_do_not_slow_it_down():
    for seed in range(4):
        path = flow.accelerated_flow(datasets.separable(seed), log_t=[30.0, 50.0, 1e5])
        assert path.n_evaluations < 20_000
        assert (path.error_estimate <= 1e-9 * np.abs(path.iterates).max(axis=1)).all()


@pytest.mark.usefixtures("few_steps")
def test_what_comes_after_the_last_time_is_not_integrated():
    """Where the data overlap the flow swings faster and faster: not a step more than asked for."""
    rng = datasets.generator(0)
    overlapping = datasets.Dataset(
        rng.standard_normal((20, 2)), np.where(rng.random(20) < 0.5, 1, -1)
    )
    path = flow.accelerated_flow(overlapping, log_t=[1.0, 4.0])
    assert path.error_estimate.max() < 1e-9 and len(path.iterates) == 2
    with pytest.raises(flow.IntegrationFailed, match=r"of 12:.*Ask for times up to"):
        flow.accelerated_flow(overlapping, log_t=[12.0])


@pytest.mark.parametrize("shift", [50.0, 200.0, 2000.0])
def test_from_the_wrong_side_it_is_the_flow_of_a_faster_clock(shift):
    """With u of margin one on all samples, w_0 - a u multiplies every exponential pull by e^a.

    The first step was taken before time e^-15 from any start, however large the pull was.
    """
    data, u = Dataset.one_class([[1.0, -1.0], [1.0, 2.0]]), np.array([1.0, 0.0])
    log_t = np.array([1.0, 10.0])
    how = {"loss": "exponential", "tolerance": 1e-7}
    far = flow.accelerated_flow(data, start=-shift * u, log_t=log_t, **how)
    near = flow.accelerated_flow(data, log_t=log_t + shift / 2, **how)
    assert far.iterates + shift * u == pytest.approx(near.iterates, abs=1e-7 * shift)


def test_the_time_that_a_refusal_names_is_reached_by_both_runs():
    """What no w separates swings ever faster: LSODA follows it further than the check run."""
    data = Dataset.from_signed([[1.0], [-2.0]])
    how = {"start": [0.5], "tolerance": 1e-3}
    with pytest.raises(flow.IntegrationFailed) as refused:
        flow.accelerated_flow(data, log_t=[40.0], **how)
    until = float(re.search(r"of 40: .* Ask for times up to ([\d.]+);", str(refused.value))[1])
    assert until > 6
    path = flow.accelerated_flow(data, log_t=[until], **how)
    assert path.error_estimate[0] <= 1e-3
