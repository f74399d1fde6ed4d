"""Discrete methods on factors: their limits, and what they conserve."""

import numpy as np
import pytest
from scipy.linalg import expm

from ibias import flow
from ibias.datasets import commuting_sensing, low_rank_completion, two_by_two_completion
from ibias.descent import Diverged, descent
from ibias.methods import Gradient, Multiplicative
from ibias.models import MatrixProduct
from ibias.models.matrix_product import scaled_identity
from ibias.objectives import Objective

PROBLEM = low_rank_completion(1, 5, 2, 15, seed=0)[0]
RNG = np.random.default_rng(0)
START = [RNG.standard_normal((5, 3)), RNG.standard_normal((3, 5))]


def run(method, problem=PROBLEM, start=START, **options):
    """The products at the recorded steps, and the factors at the last."""
    model = MatrixProduct(problem.shape[-2:], len(start), start[0].shape[-1])
    objective = Objective(problem, model=model)
    path = descent(objective, method, start=start, **options)
    return path, objective.weights(path.iterates), model.factors(path.final)


@pytest.mark.parametrize("method", [Gradient(), Multiplicative()])
def test_both_are_first_order_in_the_step(method):
    exact = flow.matrix_flow(PROBLEM, start=START, log_t=[np.log(0.5)], tolerance=1e-11).final
    errors = [
        np.abs(run(method, steps=0.5 / n, n_steps=n)[1][-1] - exact).max() for n in (200, 400, 800)
    ]
    slopes = np.diff(np.log(errors)) / np.log(0.5)
    np.testing.assert_allclose(slopes, 1, atol=0.05)


def test_one_step_of_the_multiplicative_update_is_the_matrix_exponential():
    U, Vt = START
    G = PROBLEM.gradient(U @ Vt)
    step = expm(-0.1 * np.block([[np.zeros((5, 5)), G], [G.T, np.zeros((5, 5))]]))
    stacked = step @ np.concatenate([U, Vt.T])
    U, Vt = run(Multiplicative(), steps=0.1, n_steps=1)[2]
    np.testing.assert_allclose(np.concatenate([U, Vt.T]), stacked)


@pytest.mark.parametrize("steps", [1.0, 10.0])
def test_a_multiplicative_step_that_overflows_says_so(steps):
    big = [2 * np.ones((2, 2)), 2 * np.ones((2, 2))]
    with pytest.raises(Diverged, match="choose a smaller step_size"):
        run(Multiplicative(), two_by_two_completion(), big, steps=steps, n_steps=2)


def test_only_the_multiplicative_update_conserves_the_balance():
    def drift(method):
        U, Vt = run(method, steps=0.02, n_steps=50)[2]
        return np.abs((U.T @ U - Vt @ Vt.T) - (START[0].T @ START[0] - START[1] @ START[1].T)).max()

    assert drift(Multiplicative()) < 1e-11
    assert drift(Gradient()) > 1e-2


def test_commuting_sensors_leave_the_logarithm_in_their_span():
    problem = commuting_sensing(4, 2, seed=0)
    start = scaled_identity(0.01, (4, 4), 2)
    W = run(Multiplicative(), problem, start, steps=0.1, n_steps=100)[1][-1]
    values, Q = np.linalg.eigh(W)
    logarithm = ((Q * np.log(values / 0.01)) @ Q.T).ravel()
    rows = problem.sensors.reshape(2, -1)
    outside = logarithm - rows.T @ np.linalg.lstsq(rows.T, logarithm)[0]
    assert np.abs(outside).max() < 1e-10 * np.abs(logarithm).max()


def test_recorded_steps_and_a_batch():
    batch = low_rank_completion(3, 5, 2, 15, seed=1)
    start = scaled_identity(0.1, batch.shape, 3)
    path, W, _ = run(Gradient(), batch, start, steps=0.01, n_steps=20, record=[0, 5, 20])
    assert W.shape == (3, 3, 5, 5) and path.log_t[0] == -np.inf
    np.testing.assert_allclose(path.log_t[1:], np.log([0.05, 0.2]))
    np.testing.assert_allclose(W[0, 1], 0.1 * np.eye(5), atol=1e-15)


def test_failures_are_named():
    with pytest.raises(Diverged, match="smaller step_size"):
        run(Gradient(), steps=10.0, n_steps=50)
    with pytest.raises(ValueError, match="two factors"):
        run(Multiplicative(), start=[np.eye(5)], steps=0.1, n_steps=1)
    with pytest.raises(ValueError, match="step_size must be finite"):
        run(Gradient(), steps=0.0, n_steps=1)
