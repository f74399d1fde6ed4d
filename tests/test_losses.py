"""Losses: derivatives, tails, and the log domain far out."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from ibias import losses

LOSSES = [
    losses.Exponential(),
    losses.Logistic(),
    losses.PolynomialTail(1.0),
    losses.PolynomialTail(2.5),
    *(losses.StretchedExponential(nu) for nu in (0.15, 0.5, 1.0, 1.3, 2.0, 3.0)),
]
NOT_CONVEX = [losses.Sigmoid()]
MARGINS = np.array([-20.0, -3.0, -0.5, -1e-3, 1e-3, 0.7, 4.0, 20.0])


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_slope_is_the_derivative_of_the_value(loss):
    h = 1e-6
    difference = (loss.value(MARGINS + h) - loss.value(MARGINS - h)) / (2 * h)
    assert loss.slope(MARGINS) == pytest.approx(difference, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_log_slope_derivative(loss):
    h = 1e-6
    difference = (loss.log_slope(MARGINS + h) - loss.log_slope(MARGINS - h)) / (2 * h)
    assert loss.log_slope_derivative(MARGINS) == pytest.approx(difference, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_decreasing_convex_and_smooth(loss):
    u = np.linspace(-10, 8, 4001)  # exp(-u^3) underflows at 9
    slope = loss.slope(u)
    assert (slope < 0).all()
    curvature = np.diff(slope) / np.diff(u)
    assert (curvature > 0).all()
    if np.isfinite(loss.smoothness):
        assert curvature.max() <= loss.smoothness * (1 + 1e-9)
        assert curvature.max() >= 0.99 * loss.smoothness


def test_sigmoid_has_a_tight_tail_and_a_slope_that_vanishes_on_both_sides():
    loss, u = losses.Sigmoid(), np.linspace(1, 600, 200)
    assert loss.log_slope(u) == pytest.approx(loss.log_slope(-u), rel=1e-12)
    assert (np.abs(np.expm1(loss.log_slope(u) + u)) <= 2 * np.exp(-u) + 1e-12).all()
    grid = np.linspace(-8, 8, 8001)
    curvature = np.diff(loss.slope(grid)) / np.diff(grid)
    assert curvature.max() == pytest.approx(loss.smoothness, rel=1e-5)
    assert curvature.min() == pytest.approx(-loss.smoothness, rel=1e-5)


def test_stretched_exponential_is_the_exponential_at_nu_one():
    u = np.linspace(1, 900, 50)
    stretched, plain = losses.StretchedExponential(1.0), losses.Exponential()
    assert stretched.log_value(u) == pytest.approx(plain.log_value(u), rel=1e-15)
    assert stretched.log_slope(u) == pytest.approx(plain.log_slope(u), rel=1e-15)
    assert losses.StretchedExponential(2.0).log_value(30.0) == -900.0


@pytest.mark.parametrize("u", [0.0, 5.0, 29.0, 30.0, 31.0, 40.0, 700.0])
def test_log_of_the_logistic_loss_to_full_precision(u):
    getcontext().prec = 400
    x = (-Decimal(u)).exp()
    exact = float((1 + x).ln().ln())
    assert float(losses.Logistic().log_value(u)) == pytest.approx(exact, rel=1e-15, abs=1e-15)


def test_far_out_nothing_underflows():
    u = np.array([1e6, 1e6 + 1.0])
    for loss in (losses.Exponential(), losses.Logistic()):
        assert loss.log_risk(u) == pytest.approx(-1e6 + np.log((1 + np.exp(-1)) / 2))
        assert loss.dual_variables(u) == pytest.approx(
            [1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1))]
        )
    assert losses.PolynomialTail(2.0).log_risk(u) == pytest.approx(-2 * np.log(1e6), rel=1e-5)


def test_dual_variables_reduce_the_last_axis():
    u = np.arange(12.0).reshape(3, 4)
    p = losses.Logistic().dual_variables(u)
    assert p.shape == (3, 4)
    assert p.sum(axis=-1) == pytest.approx(np.ones(3))
    assert losses.Logistic().log_risk(u).shape == (3,)


def test_names_and_refusals():
    assert losses.named("exponential") == losses.Exponential()
    with pytest.raises(ValueError, match="unknown loss 'hinge'; choose one of 'exponential'"):
        losses.named("hinge")
    with pytest.raises(ValueError, match="power must be finite and greater than 0"):
        losses.StretchedExponential(-1.0)
    with pytest.raises(ValueError, match="power must be finite and greater than 0"):
        losses.PolynomialTail(0)
