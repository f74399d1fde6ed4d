"""The Lasso: its optimality conditions, closed forms, and where decay on u^2 - v^2 ends."""

import numpy as np
import pytest

from ibias import datasets, flow, methods, models, optima
from ibias.datasets import Regression
from ibias.objectives import Objective


def drawn(seed, n, d):
    rng = datasets.generator(seed)
    return Regression(rng.standard_normal((n, d)), rng.standard_normal(n))


def off_the_conditions(data, w, penalty):
    """By how much the correlations with the residual miss the signs times the penalty."""
    pull = data.X.T @ (data.y - data.X @ w) / data.n_samples
    on = w != 0
    off_signs = np.abs(pull[on] - penalty * np.sign(w[on])).max(initial=0.0)
    return max(off_signs, np.abs(pull).max() - penalty)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(1, 1), (8, 30), (40, 5), (12, 12), (3, 200)])
@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.1, 0.9])
def test_the_optimality_conditions_hold(seed, shape, share):
    data = drawn(seed, *shape)
    largest = np.abs(data.X.T @ data.y).max() / data.n_samples
    best = optima.lasso(data, penalty=share * largest)
    assert off_the_conditions(data, best.w, share * largest) <= 1e-8 * largest
    assert 0 <= best.duality_gap <= 1e-10 * (data.y @ data.y) / (2 * data.n_samples)
    assert (best.w != 0).sum() <= min(shape)
    rng = datasets.generator(seed)
    for other in best.w + 0.01 * rng.standard_normal((20, data.n_features)):
        risk = ((data.X @ other - data.y) ** 2).mean() / 2
        assert risk + share * largest * np.abs(other).sum() > best.value
    assert (best.predict(data.X) == data.X @ best.w).all()


def test_orthogonal_columns_are_thresholded():
    best = optima.lasso(Regression(2 * np.eye(3), [3.0, -1.0, 0.1]), penalty=0.1)
    # For each entry (2 w - y)^2 / 6 + 0.1 |w|: the residual y - 2 w is at most 3 * 0.1 / 2.
    assert best.w == pytest.approx([(3 - 0.15) / 2, -(1 - 0.15) / 2, 0.0], abs=1e-12)


def test_a_large_penalty_leaves_nothing():
    data = drawn(0, 6, 9)
    largest = np.abs(data.X.T @ data.y).max() / 6
    assert not optima.lasso(data, penalty=1.001 * largest).w.any()
    assert optima.lasso(data, penalty=0.999 * largest).w.any()
    assert not optima.lasso(Regression(data.X, np.zeros(6)), penalty=1.0).w.any()


@pytest.mark.parametrize("scale", [1e-140, 1e-8, 1e8, 1e140])
def test_units_do_not_matter(scale):
    data = drawn(0, 8, 20)
    plain = optima.lasso(data, penalty=0.1).w
    inputs = optima.lasso(Regression(scale * data.X, data.y), penalty=0.1 * scale).w
    assert scale * inputs == pytest.approx(plain, abs=1e-9)
    targets = optima.lasso(Regression(data.X, scale * data.y), penalty=0.1 * scale).w
    assert targets / scale == pytest.approx(plain, abs=1e-9)


def test_columns_that_are_equal_and_columns_of_zeros():
    data = drawn(0, 8, 5)
    twice = Regression(np.hstack([data.X, data.X, np.zeros((8, 2))]), data.y)
    best, plain = optima.lasso(twice, penalty=0.1), optima.lasso(data, penalty=0.1)
    assert best.value == pytest.approx(plain.value, rel=1e-9)
    assert best.predict(twice.X) == pytest.approx(plain.predict(data.X), abs=1e-6)


def test_decay_on_a_diagonal_network_ends_there():
    data, decay = datasets.gaussian_regression(1, 12, 30, n_nonzero=2), 0.05
    net = models.DiagonalLinear(30, 2)
    run = flow.flow(
        Objective(data, model=net),
        methods.WeightDecay(methods.Gradient(), decay),
        start=np.full(60, 0.5),
        log_t=[np.log(3000.0)],
        tolerance=1e-7,
    )
    found = net.weights(run.final)
    assert found == pytest.approx(optima.lasso(data, penalty=decay / 2).w, abs=1e-3)
    assert np.abs(found - optima.lasso(data, penalty=decay).w).max() > 1e-2


@pytest.mark.parametrize("penalty", [0, -1.0, np.nan, np.inf, "a", True, None])
def test_bad_input_is_refused_by_name(penalty):
    with pytest.raises(ValueError, match="penalty"):
        optima.lasso(drawn(0, 3, 4), penalty=penalty)
    with pytest.raises(ValueError, match="data"):
        optima.lasso(np.eye(3), penalty=1.0)


@pytest.mark.parametrize("apart", [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("penalty", [1e-7, 1e-9])
def test_columns_that_are_close_to_each_other(apart, penalty):
    """Both are used: X v = y - 2 penalty X^-T signs, by Cramer's rule."""
    step = 1 + apart - 1  # as it is in the data
    best = optima.lasso(Regression([[1.0, 1.0], [1.0, 1.0 + apart]], [1.0, 2.0]), penalty=penalty)
    # X^-T (-1, 1) is (-2 - step, 2) / step.
    first, second = 1 + 2 * penalty * (2 + step) / step, 2 - 4 * penalty / step
    right = [first - (second - first) / step, (second - first) / step]
    assert best.w == pytest.approx(right, rel=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_raw_tables_and_near_repeats_are_answered_at_small_penalties(seed):
    rng = datasets.generator(seed)
    n, d = rng.integers(2, 12, 2)
    X = rng.standard_normal((n, d))
    X[:, -1] = X[:, 0] + 10.0 ** rng.uniform(-4, -1) * rng.standard_normal(n)
    raw = np.c_[rng.integers(0, 6, (n, d)), rng.integers(20000, 90000, n), np.ones(n)]
    for table in (X, raw):
        data = Regression(table, rng.standard_normal(n))
        penalty = 10.0 ** rng.integers(-9, -3)
        best = optima.lasso(data, penalty=penalty)
        assert 0 <= best.duality_gap <= 1e-10 * (data.y @ data.y) / (2 * n)
        value = ((table @ best.w - data.y) ** 2).mean() / 2 + penalty * np.abs(best.w).sum()
        assert best.value == pytest.approx(value)


def test_the_penalty_that_is_advised_is_enough():
    """Columns that differ in their last digits only: w is as large as rounding makes it."""
    table, y = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-14]]), np.array([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"^penalty: .* take a penalty of at least ") as refused:
        optima.lasso(Regression(table, y), penalty=1e-20)
    enough = float(str(refused.value).split()[-1][:-1])
    assert optima.lasso(Regression(table, y), penalty=enough).duality_gap <= 1e-10 * (y @ y) / 4
