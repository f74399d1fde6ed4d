"""Discrete methods on factors: their limits, and what they conserve."""

import numpy as np
import pytest
from scipy.linalg import expm

from ibias import flow
from ibias.datasets import (
    Completion,
    commuting_sensing,
    low_rank_completion,
    two_by_two_completion,
)
from ibias.descent import Diverged, descent
from ibias.methods import Gradient, Multiplicative
from ibias.models import MatrixProduct
from ibias.models.matrix_product import scaled_identity
from ibias.objectives import Objective

PROBLEM = low_rank_completion(1, 5, 2, 15, seed=0)[0]
SCALAR = Completion([[True]], [[1.0]])
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


@pytest.mark.parametrize("shape", [(5, 5), (6, 3), (3, 6)])
@pytest.mark.parametrize("steps", [1e-3, 0.1, 0.4, 0.8])
def test_short_and_long_multiplicative_steps_are_the_matrix_exponential(shape, steps):
    rng, (m, n) = np.random.default_rng(5), shape
    problem = Completion(np.ones(shape, dtype=bool), rng.standard_normal(shape))
    U, Vt = rng.standard_normal((m, 2)), rng.standard_normal((2, n))
    G = problem.gradient(U @ Vt)
    step = expm(-steps * np.block([[np.zeros((m, m)), G], [G.T, np.zeros((n, n))]]))
    stacked = step @ np.concatenate([U, Vt.T])
    U, Vt = run(Multiplicative(), problem, [U, Vt], steps=steps, n_steps=1)[2]
    np.testing.assert_allclose(
        np.concatenate([U, Vt.T]), stacked, rtol=1e-12, atol=1e-12 * np.abs(stacked).max()
    )


@pytest.mark.parametrize("size", [10.0, 25.0])
@pytest.mark.parametrize("steps", [0.01, 0.1, 0.4])
def test_a_multiplicative_step_that_shrinks_keeps_its_digits(size, steps):
    """U = V = size: both are multiplied by exp(-steps (size^2 - 1)), down to 1e-100 and back."""
    start, right = [np.full((1, 1), size), np.full((1, 1), size)], [size]
    for _ in range(3):
        right.append(right[-1] * np.exp(-steps * (right[-1] ** 2 - 1)))
    path, _, _ = run(Multiplicative(), SCALAR, start, steps=steps, n_steps=3, record=range(4))
    np.testing.assert_allclose(path.iterates, np.array(right)[:, None] * [1.0, 1.0], rtol=1e-12)


def test_what_shrank_to_nothing_grows_again():
    start = [np.full((1, 1), 10.0)] * 2
    _, W, _ = run(Multiplicative(), SCALAR, start, steps=0.2, n_steps=200, record=[1, 50, 100, 200])
    right = np.array([2.5174987e-8, 4.5399926e-4, 0.99854277, 1.0]) ** 2
    assert W[:, 0, 0] == pytest.approx(right, rel=1e-6)


def test_factors_that_underflow_are_refused():
    """exp(-1000): from zero they would never come back."""
    start = [np.full((1, 1), 1e3)] * 2
    with pytest.raises(ValueError, match=r"at step 0 the factors underflow.* smaller step_size"):
        run(Multiplicative(), SCALAR, start, steps=1e-3, n_steps=1)
    small = run(Multiplicative(), SCALAR, start, steps=5e-4, n_steps=1)[0]
    assert small.final == pytest.approx(1e3 * np.exp(-5e-4 * (1e6 - 1)), rel=1e-10)


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
