"""Discrete methods on factors: their limits, and what they conserve."""

import numpy as np
import pytest
from scipy.linalg import expm

from ibias import descent, flow
from ibias.datasets import commuting_sensing, low_rank_completion
from ibias.models.matrix_product import scaled_identity

PROBLEM = low_rank_completion(1, 5, 2, 15, seed=0)[0]
RNG = np.random.default_rng(0)
START = [RNG.standard_normal((5, 3)), RNG.standard_normal((3, 5))]


@pytest.mark.parametrize(
    "method", [descent.factored_gradient_descent, descent.multiplicative_update]
)
def test_both_are_first_order_in_the_step(method):
    exact = flow.matrix_flow(PROBLEM, start=START, log_t=[np.log(0.5)], tolerance=1e-11).final
    errors = [
        np.abs(method(PROBLEM, start=START, step_size=0.5 / n, n_steps=n).final - exact).max()
        for n in (200, 400, 800)
    ]
    slopes = np.diff(np.log(errors)) / np.log(0.5)
    np.testing.assert_allclose(slopes, 1, atol=0.05)


def test_one_step_of_the_multiplicative_update_is_the_matrix_exponential():
    U, Vt = START
    G = PROBLEM.gradient(U @ Vt)
    step = expm(-0.1 * np.block([[np.zeros((5, 5)), G], [G.T, np.zeros((5, 5))]]))
    stacked = step @ np.concatenate([U, Vt.T])
    run = descent.multiplicative_update(PROBLEM, start=START, step_size=0.1, n_steps=1)
    np.testing.assert_allclose(np.concatenate([run.factors[0], run.factors[1].T]), stacked)


def test_only_the_multiplicative_update_conserves_the_balance():
    def drift(method):
        U, Vt = method(PROBLEM, start=START, step_size=0.02, n_steps=50).factors
        return np.abs((U.T @ U - Vt @ Vt.T) - (START[0].T @ START[0] - START[1] @ START[1].T)).max()

    assert drift(descent.multiplicative_update) < 1e-11
    assert drift(descent.factored_gradient_descent) > 1e-2


def test_commuting_sensors_leave_the_logarithm_in_their_span():
    problem = commuting_sensing(4, 2, seed=0)
    start = scaled_identity(0.01, (4, 4), 2)
    W = descent.multiplicative_update(problem, start=start, step_size=0.1, n_steps=100).final
    values, Q = np.linalg.eigh(W)
    logarithm = ((Q * np.log(values / 0.01)) @ Q.T).ravel()
    rows = problem.sensors.reshape(2, -1)
    outside = logarithm - rows.T @ np.linalg.lstsq(rows.T, logarithm)[0]
    assert np.abs(outside).max() < 1e-10 * np.abs(logarithm).max()


def test_recorded_steps_and_a_batch():
    batch = low_rank_completion(3, 5, 2, 15, seed=1)
    start = scaled_identity(0.1, batch.shape, 3)
    run = descent.factored_gradient_descent(
        batch, start=start, step_size=0.01, n_steps=20, record=[0, 5, 20]
    )
    assert run.iterates.shape == (3, 3, 5, 5) and run.log_t[0] == -np.inf
    np.testing.assert_allclose(run.log_t[1:], np.log([0.05, 0.2]))
    np.testing.assert_allclose(run.iterates[0, 1], 0.1 * np.eye(5), atol=1e-15)


def test_failures_are_named():
    with pytest.raises(descent.Diverged, match="smaller step_size"):
        descent.factored_gradient_descent(PROBLEM, start=START, step_size=10.0, n_steps=50)
    with pytest.raises(ValueError, match="two factors"):
        descent.multiplicative_update(PROBLEM, start=[np.eye(5)], step_size=0.1, n_steps=1)
    with pytest.raises(ValueError, match="step_size must be finite"):
        descent.multiplicative_update(PROBLEM, start=START, step_size=0.0, n_steps=1)
