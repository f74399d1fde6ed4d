"""The saddles of a diagonal network on a regression, and the certificate of its end."""

import re

import numpy as np
import pytest

from ibias import datasets, flow, optima
from ibias.datasets import Regression
from ibias.optima import saddles
from ibias.potentials import HyperbolicEntropy


def sparse_regression(seed):
    return datasets.gaussian_regression(seed, n_samples=8, n_features=16, n_nonzero=3)


def test_two_features_apart_are_learned_one_by_one():
    # M_j grows at 4 <x_j, y> / n until it is one: at 1/4 and at 1.
    path = optima.saddle_path(Regression([[1.0, 0.0], [0.0, 1.0]], [2.0, -0.5]))
    assert path.times == pytest.approx([0.25, 1.0])
    assert path.weights == pytest.approx(np.array([[0, 0], [2, 0], [2, -0.5]]))
    assert path.risks == pytest.approx([(4 + 0.25) / 4, 0.25 / 4, 0.0], abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_it_ends_at_the_least_l1_norm(seed):
    data = sparse_regression(seed)
    path, least = optima.saddle_path(data), optima.min_norm(data, p=1)
    assert np.abs(path.weights[-1]).sum() == pytest.approx(least.distance, rel=1e-8)
    assert path.weights[-1] == pytest.approx(least.w, abs=1e-6)
    assert (np.diff(path.times) >= 0).all()
    assert (np.diff(path.risks) <= 1e-12).all()


@pytest.mark.parametrize("seed", range(6))
def test_between_jumps_the_awake_weights_fit_as_well_as_they_can(seed):
    data = sparse_regression(seed)
    for w in optima.saddle_path(data).weights[1:]:
        pull = data.X.T @ (data.y - data.X @ w)
        assert np.abs(pull[w != 0]).max() < 1e-10


@pytest.mark.parametrize("seed", range(3))
def test_the_flow_from_a_tiny_start_rests_at_the_saddles(seed):
    data = sparse_regression(seed)
    path, scale = optima.saddle_path(data), 1e-100
    between = (path.times[:2] + path.times[1:3]) / 2
    log_t = np.log(between * np.log(1 / scale**2))
    run = flow.mirror_flow(data, HyperbolicEntropy(scale), log_t=log_t, tolerance=1e-5)
    assert run.iterates == pytest.approx(path.weights[1:3], abs=2e-2)


def test_a_regression_without_a_fit_ends_at_its_least_squares():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    data = Regression(X, [1.0, 2.0, 0.0])
    w = optima.saddle_path(data).weights[-1]
    assert w == pytest.approx(np.linalg.lstsq(X, data.y)[0], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_certificate_proves_the_least_norm(seed):
    data = sparse_regression(seed)
    least = optima.min_norm(data, p=1)
    proof = optima.sparse_certificate(data, least.w)
    image = data.X.T @ proof.dual_variables
    assert image[proof.support] == pytest.approx(np.sign(least.w[proof.support]))
    assert proof.off_support < 1
    assert proof.dual_variables @ data.y == pytest.approx(least.distance)
    # no multipliers of the right signs are smaller off the support
    columns = data.X[:, proof.support]
    free = np.linalg.svd(columns.T)[2][proof.support.size :]
    rng, others = datasets.generator(seed), np.ones(16, bool)
    others[proof.support] = False
    for move in 0.1 * rng.standard_normal((50, len(free))) @ free:
        moved = np.abs(data.X[:, others].T @ (proof.dual_variables + move)).max()
        assert moved >= proof.off_support - 1e-9


def test_bad_input():
    data = Regression([[2.0, 1.0]], [2.0])
    with pytest.raises(ValueError, match="data must be a Regression"):
        optima.saddle_path(np.eye(2))
    with pytest.raises(ValueError, match="not all zero"):
        optima.sparse_certificate(data, np.zeros(2))
    with pytest.raises(ValueError, match="w must have 2 entries"):
        optima.sparse_certificate(data, np.ones(3))
    dependent = Regression([[1.0, 1.0]], [0.0])
    with pytest.raises(ValueError, match=r"pass the solution of min_norm\(data, p=1\)"):
        optima.sparse_certificate(dependent, np.array([1.0, -1.0]))


@pytest.mark.parametrize("size", [1e-100, 1e-12, 1e-9, 1e9, 1e100])
def test_the_path_of_small_and_large_targets_is_that_of_targets_of_order_one(size):
    data = datasets.gaussian_regression(0, 4, 6)
    plain = optima.saddle_path(data)
    scaled = optima.saddle_path(datasets.Regression(data.X, size * data.y))
    assert scaled.times * size == pytest.approx(plain.times, rel=1e-9)
    assert scaled.weights / size == pytest.approx(plain.weights, abs=1e-9)


@pytest.mark.parametrize("data_size", [1e-140, 1e-60, 1.0, 1e3, 1e60, 1e140])
@pytest.mark.parametrize("target_size", [1e-140, 1e-3, 1.0, 1e140])
@pytest.mark.parametrize("small", [1e-2, 1e-5, 1e-6])
def test_a_small_sample_wakes_its_weight_late_and_no_less_surely(data_size, target_size, small):
    X = np.array([[3.0, 2.0], [small, 10 * small]])
    y = np.array([9.0, 20 * small])
    path = optima.saddle_path(Regression(data_size * X, target_size * y))
    w = path.weights[1:] * (data_size / target_size)
    assert w == pytest.approx(np.array([[3, 0], [50 / 28, 51 / 28]]), rel=10 * small**2, abs=1e-9)
    # The second weight moves at once, and after the first jump by what its sample still lacks:
    # its residual is 17 small, that of the other sample -small / 3 times as much.
    clock = path.times * data_size * target_size
    slope = 4 * (10 - 2 / 3) * 17 * small**2 / 2
    begun = 4 * (X.T @ y)[1] / 2 * clock[0]
    assert clock == pytest.approx([1 / 54, 1 / 54 + (1 - begun) / slope], rel=1e-2 * small**0.25)
    assert path.risks[-1] <= 1e-25 * path.risks[0]


@pytest.mark.parametrize("seed", range(20))
def test_it_ends_at_the_least_risk_of_features_and_samples_of_any_size(seed):
    rng = datasets.generator(seed)
    X = rng.standard_normal((4, 6)) * 10 ** rng.uniform(-4, 4, 6)
    X = X * 10 ** rng.uniform(-3, 3, (4, 1))
    y = X @ rng.standard_normal(6)
    path = optima.saddle_path(Regression(X, y))
    assert X @ path.weights[-1] == pytest.approx(y, rel=1e-4)
    assert (np.diff(path.times) >= 0).all() and (np.diff(path.risks) <= 0).all()


def test_a_path_beyond_double_precision_says_by_what_to_divide():
    X, y = 1e-150 * np.array([[3.0, 2.0], [1e-6, 1e-5]]), 1e-150 * np.array([9.0, 2e-5])
    with pytest.raises(ValueError, match=r"Divide X by .* and y by") as refused:
        optima.saddle_path(Regression(X, y))
    size, target = (float(word) for word in re.findall(r"by (\S+\d)", str(refused.value)))
    assert len(optima.saddle_path(Regression(X / size, y / target)).times) == 2


def test_rounding_that_decides_about_a_weight_is_said(monkeypatch):
    found = saddles.nnls
    monkeypatch.setattr(saddles, "nnls", lambda X, y: (found(X, y)[0] * 0.0, 0.0))
    with pytest.raises(RuntimeError, match="rounding decides whether weight 2 wakes up"):
        optima.saddle_path(sparse_regression(0))

    def in_circles(X, y):
        raise RuntimeError("Maximum number of iterations reached.")

    monkeypatch.setattr(saddles, "nnls", in_circles)
    with pytest.raises(RuntimeError, match="data: the best fit of 1 weights was not found"):
        optima.saddle_path(sparse_regression(0))
