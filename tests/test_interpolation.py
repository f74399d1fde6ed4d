"""Interpolants nearest to a start, against the pseudo-inverse, duality and brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibias import datasets
from ibias.datasets import Regression, gaussian_regression
from ibias.optima import interpolation, min_norm

ORDERS = [1, 1.2, 1.5, 2, 3, 5, np.inf]


def scaled(data: Regression) -> Regression:
    return Regression(data.X * np.logspace(-3, 3, data.n_features), data.y)


SHORT = np.array([[-2.0, 1, 0, -1, 2], [-2, -1, -2, 2, 0], [2, -1, 1, -2, 2]])  # X w = y exactly
SOUGHT = np.array([1.0, 2, 0, -1, 1])


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("size", [1e-100, 1e-20, 1e-12, 1e-8, 1e8, 1e11, 1e100])
def test_a_short_sample_is_an_equation_like_the_others(size: float, p: float) -> None:
    X, even = SHORT * [[1.0], [1.0], [size]], min_norm(Regression(SHORT, SHORT @ SOUGHT), p=p)
    for rows in (X, np.vstack([X, X[:1] + X[1:2], X[:1], X[1:2]])):  # d > n, and n > d
        found = min_norm(Regression(rows, rows @ SOUGHT), p=p)
        missed = rows @ (found.w - SOUGHT) / np.linalg.norm(rows, axis=1)
        assert np.abs(missed).max() < 1e-9
        assert found.distance == pytest.approx(even.distance, rel=1e-9)
        if 1 < p < np.inf:
            assert found.w == pytest.approx(even.w, abs=1e-4)
        if len(rows) == 3:  # the multipliers are those of the samples as they were given
            proved = found.dual_variables @ (rows @ SOUGHT)
            assert proved == pytest.approx(found.distance, rel=1e-8)


def test_a_sample_that_contradicts_a_longer_one_is_seen_however_short_it_is() -> None:
    data = Regression([[1.0, 0.0], [1e-12, 0.0]], [1.0, 3e-12])
    with pytest.raises(ValueError, match="no w fits"):
        min_norm(data, p=3)
    assert min_norm(data).w == pytest.approx([1.0, 0.0], abs=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_weights_beyond_double_precision_are_refused_in_words(p: float) -> None:
    X, y = np.diag([1e-140, 1e-140]), np.array([1e-140, 1e140])
    with pytest.raises(ValueError, match=r"data: w has entries of size 1e\+280.*Divide y by 1e\+1"):
        min_norm(Regression(X, y), p=p)
    assert min_norm(Regression(X, y / 1e131), p=p).w == pytest.approx([1e-131, 1e149], rel=1e-9)
    with pytest.raises(ValueError, match=r"residual of 1e\+100"):
        min_norm(Regression([[1.0], [1e-100]], [1.0, 1e100]), p=3)
    assert min_norm(Regression([[1.0], [1e-100]], [1.0, 1e100])).w == pytest.approx([2.0])


@pytest.mark.parametrize(("size", "fine"), [(1e-5, True), (1e-12, False)])
def test_a_best_fit_that_rounding_would_make_is_refused(size: float, fine: bool) -> None:
    """Two samples disagree, and a short one alone knows the second weight."""
    data = Regression([[1.0, 0.0], [1.0, 0.0], [size, size]], [1.0, 2.0, 3 * size])
    if fine:
        assert min_norm(data).w == pytest.approx([1.5, 1.5], abs=1e-7)
    else:
        with pytest.raises(RuntimeError, match="too close to rank-deficient"):
            min_norm(data)
    assert min_norm(Regression([[1.0], [1.0]], [1.0, -1.0])).w == pytest.approx([0.0], abs=1e-15)
    assert not min_norm(Regression([[0.0], [0.0]], [1.0, -1.0])).w.any()


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(
    "data",
    [
        gaussian_regression(0),
        gaussian_regression(1, 20, 40, n_nonzero=3),
        gaussian_regression(2, 50, 2000),
        scaled(gaussian_regression(3, 8, 20)),
        Regression([[1.0, 1.0, 1.0], [1.0, 2.0, 0.0]], [1.0, 10.0]),
    ],
    ids=["generic", "sparse", "wide", "scales", "two rows"],
)
def test_primal_equals_dual(data: Regression, p: float) -> None:
    best = min_norm(data, p=p)
    q = {1: np.inf, np.inf: 1}.get(p) or p / (p - 1)
    assert best.residual < 1e-11 * np.linalg.norm(data.y)
    assert np.linalg.norm(data.X.T @ best.dual_variables, ord=q) == pytest.approx(1, abs=1e-12)
    assert best.dual_variables @ data.y == pytest.approx(best.distance, rel=1e-9)
    assert -1e-12 < best.duality_gap / best.distance < 1e-9


@pytest.mark.parametrize("shape", [(10, 30), (30, 10), (12, 12)])
def test_euclidean_solution_is_the_pseudo_inverse(shape: tuple[int, int]) -> None:
    data = gaussian_regression(0, *shape, noise=0.5)
    start = datasets.generator(1).standard_normal(shape[1])
    pinv = np.linalg.pinv(data.X)
    np.testing.assert_allclose(min_norm(data).w, pinv @ data.y, atol=1e-10)
    moved = start + pinv @ (data.y - data.X @ start)
    np.testing.assert_allclose(min_norm(data, start=start).w, moved, atol=1e-10)


def test_least_squares_where_no_w_fits() -> None:
    data = gaussian_regression(4, 30, 5, noise=1.0)
    best = min_norm(data)
    assert best.residual > 1
    np.testing.assert_allclose(data.X.T @ (data.X @ best.w - data.y), 0, atol=1e-12)
    assert best.duality_gap < 1e-12 * best.distance
    with pytest.raises(ValueError, match=r"no w fits the targets.*p=2"):
        min_norm(data, p=1)


@pytest.mark.parametrize("seed", range(20))
def test_least_squares_of_dependent_samples_weighs_them_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, d = sorted(rng.integers(2, 8, 2))
    X = rng.standard_normal((n, 1)) * rng.standard_normal(d) * 10.0 ** rng.uniform(-2, 2, (n, 1))
    data = Regression(X, rng.standard_normal(n))
    assert min_norm(data).w == pytest.approx(np.linalg.pinv(X) @ data.y, rel=1e-8, abs=1e-12)
    assert min_norm(Regression([[1, 0], [2, 0]], [1, 1])).w == pytest.approx([0.6, 0.0])


def test_a_fit_that_is_not_the_best_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "_least_squares", lambda *_: np.array([0.75, 0.0]))
    with pytest.raises(RuntimeError, match="too close to rank-deficient"):
        min_norm(Regression([[1, 0], [2, 0]], [1, 1]))


def test_least_l1_norm_by_trying_every_support() -> None:
    data = gaussian_regression(5, 3, 7)
    norms = [
        np.abs(np.linalg.solve(data.X[:, list(columns)], data.y)).sum()
        for columns in combinations(range(7), 3)
    ]
    best = min_norm(data, p=1)
    assert best.distance == pytest.approx(min(norms), rel=1e-11)
    assert (best.w != 0).sum() == 3


def test_least_l1_norm_recovers_a_sparse_teacher() -> None:
    data = gaussian_regression(6, 30, 60, n_nonzero=3)
    np.testing.assert_allclose(min_norm(data, p=1).w, data.teacher, atol=1e-11)
    assert np.linalg.norm(min_norm(data).w - data.teacher) > 0.3


def test_a_start_moves_the_problem_rigidly() -> None:
    data, start = gaussian_regression(7), datasets.generator(8).standard_normal(30)
    rest = Regression(data.X, data.y - data.X @ start)
    for p in (1, 1.5, 2, np.inf):
        moved = min_norm(data, p=p, start=start)
        np.testing.assert_allclose(moved.w - start, min_norm(rest, p=p).w, atol=1e-7)


def test_a_start_that_fits_stays() -> None:
    data = gaussian_regression(8)
    for p in (1, 2, 3):
        best = min_norm(data, p=p, start=data.teacher)
        np.testing.assert_allclose(best.w, data.teacher, atol=1e-12)
        assert best.distance < 1e-12


def test_zero_targets_give_exactly_the_start() -> None:
    best = min_norm(Regression([[1.0, 2.0]], [0.0]), p=1)
    assert best.distance == 0 and best.duality_gap == 0 and not best.w.any()


def test_repeated_samples_change_nothing() -> None:
    data = gaussian_regression(9, 6, 15)
    twice = Regression(np.vstack([data.X, data.X]), np.r_[data.y, data.y])
    for p in ORDERS:
        np.testing.assert_allclose(min_norm(twice, p=p).w, min_norm(data, p=p).w, atol=1e-7)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 6), st.sampled_from(ORDERS))
def test_no_interpolant_is_closer(seed: int, n: int, extra: int, p: float) -> None:
    data = gaussian_regression(seed, n, n + extra)
    rng = datasets.generator(seed + 1)
    start = rng.standard_normal(n + extra)
    best = min_norm(data, p=p, start=start)
    kernel = np.linalg.svd(data.X)[2][n:]
    others = best.w + rng.standard_normal((200, extra)) * 10.0 ** rng.uniform(-4, 0) @ kernel
    assert np.linalg.norm(others - start, ord=p, axis=1).min() >= best.distance * (1 - 1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": np.eye(2)}, "data must be a Regression"),
        ({"p": 0.9}, "p must be from 1 to inf"),
        ({"start": [1.0, 2.0]}, r"start has shape \(2,\)"),
        ({"start": [np.nan] * 30}, "start holds 30 NaN"),
    ],
)
def test_bad_input_is_refused_by_name(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        min_norm(**{"data": gaussian_regression(0), **arguments})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[1.0, 2.0]], [1.0, 2.0]), "X has 1 rows but y has 2 targets"),
        (([[1.0, np.inf]], [1.0]), "X holds 1 NaN"),
        (([1.0, 2.0], [1.0]), "X must have 2 axes"),
        ((np.empty((0, 2)), []), "at least one sample"),
        (([[1.0, 2.0]], [1.0], [1.0]), "teacher has 1 entries"),
    ],
)
def test_bad_regression_data_are_refused_by_name(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Regression(*arguments)


def test_the_generator_of_regressions() -> None:
    data = gaussian_regression(3, 7, 20, n_nonzero=4)
    np.testing.assert_allclose(data.X @ data.teacher, data.y)
    assert (data.teacher != 0).sum() == 4 and np.linalg.norm(data.teacher) == pytest.approx(1)
    assert (gaussian_regression(3, 7, 20, n_nonzero=4).X == data.X).all()
    with pytest.raises(ValueError, match="n_nonzero=9 is more than"):
        gaussian_regression(0, 3, 5, n_nonzero=9)
    with pytest.raises(ValueError, match="noise must be"):
        gaussian_regression(0, noise=-1)


@pytest.mark.parametrize("p", [1e4, 1e15, 1e16, 1e100, 1e300])
@pytest.mark.parametrize("start", [None, [1.0, 1.0, 1.0], [1e-3, 0.0, 2.0]])
def test_orders_of_any_size(p, start):
    data = Regression([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]], [1.0, 2.0])
    best, limit = (
        min_norm(data, p=p, start=start),
        min_norm(data, p=np.inf, start=start),
    )
    assert (
        limit.distance * (1 - 1e-9) <= best.distance <= 3 ** (1 / p) * limit.distance * (1 + 1e-9)
    )


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("power", range(20, 51))
def test_samples_that_nearly_repeat_each_other_have_one_interpolant(power: int, p: float) -> None:
    """Two equations for two weights: (3, -1), however nearly they are one."""
    e = 2.0**-power
    for X in ([[1.0, 2.0], [1 + e, 2 - e]], [[1.0, 2.0], [-1 - e, -2 + e]]):
        data = Regression(X, np.array(X) @ [3.0, -1.0])
        found = min_norm(data, p=p, start=[0.5, 0.0])
        assert found.w == pytest.approx([3.0, -1.0], rel=1e-12)
        assert abs(found.duality_gap) <= 1e-12
    decimal = Regression([[1.0, 2.0], [1 + 1e-6, 2 - 1e-6]], [1.0, 1 + 4e-6])
    assert min_norm(decimal, p=p).w == pytest.approx([3.0, -1.0], abs=1e-9)
