"""Steepest descent in any norm, and boosting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from ibias import datasets, losses, optima
from ibias.datasets import Dataset
from ibias.descent import descent
from ibias.methods import Boosting, NormalizedGradient, NormalizedSteepest, Steepest
from ibias.methods.steepest import dual_orders, steepest_direction
from ibias.objectives import Objective
from ibias.steps import Decaying
from ibias.trajectory import margin

ORDERS = np.array([1.0, 1.2, 1.5, 2.0, 3.0, 10.0, np.inf])
WIDE = datasets.wide(0)


@given(
    g=st.lists(st.floats(-10, 10), min_size=1, max_size=7).filter(lambda g: max(map(abs, g)) > 0.1),
    p=st.sampled_from([1.0, 1.01, 1.5, 2.0, 3.0, 50.0, np.inf]),
)
def test_the_direction_has_length_one_and_attains_the_dual_norm(g, p):
    g, p = np.array(g), np.array(p)
    v = steepest_direction(g, p)
    assert np.linalg.norm(v, ord=float(p)) == pytest.approx(1)
    assert g @ v == pytest.approx(np.linalg.norm(g, ord=float(dual_orders(p))), rel=1e-12)


def test_ties_are_shared_and_neighbours_of_one_and_infinity_are_continuous():
    g = np.array([1.0, -1.0, 0.5])
    assert steepest_direction(g, np.array(1.0)) == pytest.approx([0.5, -0.5, 0.0])
    assert steepest_direction(g, np.array(1 + 1e-9)) == pytest.approx([0.5, -0.5, 0.0], abs=1e-6)
    assert steepest_direction(g, np.array(1e9)) == pytest.approx([1, -1, 1], abs=1e-6)


def test_euclidean_steepest_descent_is_gradient_descent():
    data = datasets.separable(0)
    plain = descent(data, steps=0.5, n_steps=60)
    steepest = descent(Objective(data, "logistic"), Steepest(2), steps=0.5, n_steps=60)
    assert steepest.iterates == pytest.approx(plain.iterates, rel=1e-12)
    unit = descent(
        Objective(data, "exponential"), NormalizedGradient(), steps=Decaying(0.5), n_steps=60
    )
    assert descent(
        Objective(data, "exponential"), NormalizedSteepest(2), steps=Decaying(0.5), n_steps=60
    ).iterates == pytest.approx(unit.iterates, rel=1e-12)


def test_a_batch_of_norms_is_the_same_as_its_members():
    sizes = np.linspace(0.001, 0.003, ORDERS.size)
    objective = Objective(WIDE, "exponential")
    for method in (Steepest, NormalizedSteepest):
        together = descent(objective, method(ORDERS), steps=sizes, n_steps=40)
        for i, (p, eta) in enumerate(zip(ORDERS, sizes, strict=True)):
            alone = descent(objective, method(p), steps=eta, n_steps=40)
            assert together.iterates[:, i] == pytest.approx(alone.iterates, rel=1e-10)


def test_every_step_keeps_the_inequality_of_the_proof():
    """log risk falls by at least eta ||g||_q - eta^2 B^2 / 2, with g the mean of the z_i by p."""
    eta, loss = 0.02, losses.Exponential()
    path = descent(
        Objective(WIDE, "exponential"),
        NormalizedSteepest(ORDERS),
        steps=eta,
        n_steps=300,
        record=np.arange(301),
    )
    duals = loss.dual_variables(path.iterates @ WIDE.Z.T)
    for i, q in enumerate(dual_orders(ORDERS)):
        size = np.linalg.norm(WIDE.Z, ord=q, axis=1).max()
        slope = np.linalg.norm(duals[:-1, i] @ WIDE.Z, ord=q, axis=1)
        fall = -np.diff(path.log_risk[:, i])
        assert (fall >= eta * slope - eta**2 * size**2 / 2 - 1e-12).all()


def test_regression_lands_on_the_targets():
    data = datasets.Regression([[1.0, 1.0, 1.0], [1.0, 2.0, 0.0]], [1.0, 10.0])
    path = descent(data, Steepest(4 / 3), steps=0.1, n_steps=3000)
    assert data.X @ path.final == pytest.approx(data.y, abs=1e-9)
    assert path.log_risk[0] > path.log_risk[-1]


def weak_learners(seed, n=30, d=100):
    rng = datasets.generator(seed)
    signs = np.where(rng.random((n, d)) < 0.5, 1.0, -1.0)
    return Dataset.from_signed(signs)


def test_boosting_takes_the_best_step_along_one_coordinate():
    data = weak_learners(0)
    path = descent(data, Boosting(), n_steps=20, record=np.arange(21))
    for before, after in zip(path.iterates[:-1], path.iterates[1:], strict=True):
        (moved,) = np.flatnonzero(after - before)

        def risk(size, before=before, moved=moved):
            w = before.copy()
            w[moved] += size
            return losses.Exponential().log_risk(data.Z @ w)

        best = minimize_scalar(risk, bracket=(-0.1, 0.1), tol=1e-12).x
        assert after[moved] - before[moved] == pytest.approx(best, abs=1e-6)


def test_the_best_steps_stop_short_of_the_margin_that_shrunken_ones_reach():
    data = weak_learners(0)
    path = descent(data, Boosting(), steps=[1.0, 0.3], n_steps=4000, record=[4000])
    adaboost, shrunken = margin(data.Z, path.final, 1) / optima.max_margin(data, p=1).margin
    assert adaboost < 0.98 < 0.99 < shrunken <= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: descent(Objective(WIDE, "exponential"), Steepest(0.5), steps=1, n_steps=1),
            "p must be from",
        ),
        (
            lambda: descent(
                Objective(WIDE, "exponential"), Steepest([1, 2]), steps=[1, 1, 1], n_steps=1
            ),
            "as many of each",
        ),
        (
            lambda: descent(
                Objective(WIDE, "exponential"),
                NormalizedSteepest(2),
                steps=Decaying(1.0, 2),
                n_steps=1,
            ),
            "power must",
        ),
        (lambda: descent(WIDE, Boosting(), n_steps=1), "entries larger than 1"),
        (lambda: descent(weak_learners(0), Boosting(), steps=2, n_steps=1), "shrinkage must be"),
        (lambda: descent(Dataset.from_signed(np.ones((3, 2))), Boosting(), n_steps=1), "infinite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
