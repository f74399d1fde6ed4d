"""Data with a known margin and dual, and laws with known errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from ibias import datasets, optima
from ibias.datasets import GaussianClasses
from ibias.losses import Logistic


@settings(max_examples=15)
@given(
    weights=st.lists(st.floats(0.1, 1.0), min_size=2, max_size=4),
    extra=st.integers(0, 3),
    margin=st.floats(0.3, 3.0),
    seed=st.integers(0, 50),
)
def test_the_optimum_is_the_one_that_was_planted(weights, extra, margin, seed):
    p = np.array(weights) / np.sum(weights)
    data = datasets.planted(seed, p, n_samples=p.size + 6, n_features=p.size + extra, margin=margin)
    best = optima.max_margin(data)
    assert best.margin == pytest.approx(margin, rel=1e-8)
    assert best.dual_variables[: p.size] == pytest.approx(p, abs=1e-6)
    assert (data.Z @ best.w)[p.size :].min() > 1.49
    assert np.linalg.norm(p @ data.Z[: p.size]) == pytest.approx(margin, rel=1e-12)


def test_spread_is_the_distance_of_the_corners():
    Z = datasets.planted(0, [0.5, 0.25, 0.25], spread=2.0).Z[:3]
    distances = np.linalg.norm(Z[:, None] - Z[None], axis=-1)
    assert distances[np.triu_indices(3, 1)] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dual_variables": [0.5, 0.6]}, "positive numbers that sum to 1"),
        ({"dual_variables": [1.0]}, "at least 2 positive numbers"),
        ({"dual_variables": [1.5, -0.5]}, "positive numbers that sum to 1"),
        ({"n_features": 1}, "need n_features and n_samples of at least 2"),
        ({"margin": 0}, "margin must be finite and greater than 0"),
    ],
)
def test_bad_plants(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.planted(0, **arguments)


LAW = GaussianClasses([1.0, 0.0, 0.2], [0.5, 1.0, 0.0], flip=0.1)


def test_error_risk_and_slope_agree_with_a_large_sample():
    data, w = LAW.sample(400_000, seed=3), np.array([1.2, 0.7, -0.4])
    u = data.Z @ w
    assert LAW.error(w) == pytest.approx((u <= 0).mean(), abs=3e-3)
    assert LAW.risk(w) == pytest.approx(Logistic().value(u).mean(), abs=5e-3)
    assert LAW.risk_slope(w) == pytest.approx(np.maximum(-u, 0).mean(), abs=5e-3)


@pytest.mark.parametrize("size", [1e-3, 0.3, 0.9, 1.1, 3.0, 30.0, 1e3])
def test_the_risk_is_the_integral(size):
    law = GaussianClasses([1.0, 0.0], [0.5, 2.0])
    w = size * np.array([1.0, 0.8])
    mean, deviation = w[0], np.hypot(0.5 * w[0], 2 * w[1])

    def integrand(u):
        return np.logaddexp(0, -u) * norm.pdf(u, mean, deviation)

    low, high = mean - 12 * deviation, mean + 12 * deviation
    inside = [point for point in (-40, -5, 0, 5, 40) if low < point < high]
    exact = quad(integrand, low, high, points=inside or None, epsabs=1e-13, limit=500)[0]
    assert law.risk(w) == pytest.approx(exact, rel=1e-9)


def test_the_risk_rises_with_the_slope():
    w = np.array([1.0, 0.8, 0.5])
    rise = (LAW.risk(2e4 * w) - LAW.risk(1e4 * w)) / 1e4
    assert rise == pytest.approx(LAW.risk_slope(w), rel=1e-7)


def test_classes_that_do_not_overlap_can_be_told_apart():
    law = GaussianClasses([1.0, 0.0], [0.0, 1.0])
    assert law.error([1.0, 0.0]) == 0
    assert law.risk_slope([1.0, 0.0]) == 0
    assert law.risk([2.0, 0.0]) == pytest.approx(np.log1p(np.exp(-2)))
    assert law.error([[1.0, 1.0], [1.0, 2.0]]) == pytest.approx(norm.cdf([-1.0, -0.5]))
    assert law.risk([0.0, 0.0]) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianClasses([1.0, 0.0], [1.0]), "deviations must be 2 numbers"),
        (lambda: GaussianClasses([1.0], [-1.0]), "deviations must be 1 numbers of at least 0"),
        (
            lambda: GaussianClasses([1.0], [1.0], flip=0.5),
            "flip must be a number, at least 0 and below",
        ),
        (lambda: LAW.error([1.0, 2.0]), "its last axis must be 3"),
        (lambda: LAW.error([0.0, 0.0, 0.0]), "it makes no prediction"),
        (lambda: LAW.sample(0), "n_samples must be a whole number"),
    ],
)
def test_bad_laws(call, message):
    with pytest.raises(ValueError, match=message):
        call()
