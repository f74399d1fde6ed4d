"""The saddles of a diagonal network on a regression, and the certificate of its end."""

import re
from fractions import Fraction

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
    data = sparse_regression(0)
    with monkeypatch.context() as patch:
        patch.setattr(saddles, "nonnegative", lambda A, y, size: (np.zeros(A.shape[1]), y))
        with pytest.raises(RuntimeError, match="rounding decides whether weight 2 wakes up"):
            optima.saddle_path(data)
    monkeypatch.setattr(saddles, "CORRECTIONS", 1)
    with pytest.raises(RuntimeError, match="data: the best fit of 1 weights was not found"):
        optima.saddle_path(data)


def exact_path_of_two(X, y):
    """The times and the end for two weights that stay awake, in fractions."""
    X = [[Fraction(x) for x in row] for row in X]
    y = [Fraction(x) for x in y]
    n = len(y)
    column = list(zip(*X, strict=True))
    dot = lambda a, b: sum(p * q for p, q in zip(a, b, strict=True))  # noqa: E731
    begun = [4 * dot(x, y) / n for x in column]
    first = int(abs(begun[1]) > abs(begun[0]))
    other, time = 1 - first, 1 / abs(begun[first])
    w = dot(column[first], y) / dot(column[first], column[first])
    slope = 4 * dot(column[other], [t - w * x for t, x in zip(y, column[first], strict=True)]) / n
    sign = 1 if slope > 0 else -1
    last = time + (sign - time * begun[other]) / slope
    (a, b), c = (dot(column[0], x) for x in column), dot(column[1], column[1])
    p, q = (dot(x, y) for x in column)
    end = [(c * p - b * q) / (a * c - b * b), (a * q - b * p) / (a * c - b * b)]
    return [float(time), float(last)], [float(x) for x in end]


@pytest.mark.parametrize(
    ("X", "y"),
    [
        ([[1e3, 700.0], [1e-6, 2e-6]], [-600.0, -1e-6]),
        ([[1e4, 7e3], [1e-4, 2e-4]], [-6e3, -1e-4]),
        ([[1e3, 700.0], [1e-3, 2e-3]], [-600.0, -1e-3]),
        ([[1e7, 2e7], [3.0, 1.0]], [3e7, 5.0]),
        ([[1e6, 2e6], [3.0, 1.0]], [1e6, 1.0]),
        ([[1e6, 2e6], [3.0, 1.0], [1e-3, 0.0]], [1e6, 1.0, 2e-3]),
    ],
)
def test_a_short_row_decides_where_a_long_one_is_fitted_but_for_rounding(X, y):
    path = optima.saddle_path(Regression(X, y))
    times, end = exact_path_of_two(X, y)
    assert path.times == pytest.approx(times, rel=1e-8)
    assert path.weights[-1] == pytest.approx(end, rel=1e-8)


def test_three_features_on_rows_from_ten_to_ten_million():
    """An integer problem that has one solution, (1.3, -0.3, 0.1); the times are fractions."""
    X = [[7.5, -0.3, 6.5], [-65.0, -183.0, 168.0], [4.8e6, -2.07e7, -1.06e7]]
    path = optima.saddle_path(Regression(X, [10.49, -12.8, 1.139e7]))
    right = [3.1810258172370935e-15, 1.2348769503875948e-05]
    assert path.times == pytest.approx(
        [*right, 0.00317711766550213, 0.02777340980159354], rel=1e-8, abs=0
    )
    assert path.weights[-1] == pytest.approx([1.3, -0.3, 0.1], rel=1e-7)


def test_a_feature_almost_along_the_awake_ones_in_its_long_row_is_told():
    """Across those two it has 1e-8 in the first row, and 1e7 times 1e-16 in the last."""
    X = [[-1.37e-8, 1.4e-9, -6.1e-9], [9.8e-4, -8.3e-4, -1.62e-3], [7.9e6, -2.07e7, 1.13e7]]
    y = [5.24e-9, -1.582e-3, 1.514e7]
    path = optima.saddle_path(Regression(X, y))
    assert path.times[:2] == pytest.approx([2.39312312139835e-15, 75048.50047775247], rel=1e-7)
    assert path.times[2:] == pytest.approx([5.240038923e15], rel=1e-3)


def test_a_jump_whose_moment_is_rounding_is_refused():
    """Both weights come to the top at once, up to 1e-16, and then one hardly moves."""
    with pytest.raises(RuntimeError, match=r"rounding decides whether weight . wakes up"):
        optima.saddle_path(Regression([[1.57, -1.68], [39e3, -39e3]], [-0.135, -3900.0]))


@pytest.mark.parametrize("shift", [0.01, 1.0])
def test_the_risks_are_those_of_the_weights_however_much_cancels(shift):
    data = Regression([[1.0, 2.0], [1e8 + shift, 2e8]], [1.0, 3.0])
    path = optima.saddle_path(data)
    for w, risk in zip(path.weights, path.risks, strict=True):
        left = [
            Fraction(t) - sum(Fraction(a) * Fraction(b) for a, b in zip(x, w, strict=True))
            for x, t in zip(data.X, data.y, strict=True)
        ]
        assert risk == pytest.approx(float(sum(r * r for r in left) / 4), rel=1e-12, abs=0)
    assert path.risks[-1] < 1e-17


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (
            [[-5.0, 9.0], [-49999999.999999, 90000000.000009]],
            [-0.5594428022160249, 0.5991291322423226],
        ),
        (
            [
                [6.0, 3.0, -7.0, 1.0],
                [-6.000000000009, -2.999999999996, 7.000000000005, -1.000000000006],
            ],
            [0.9623406072297396, 0.8557194839661565],
        ),
        ([[1.0, 1.0], [1.0, 1.0 + 1e-13], [0.0, 1e-13]], [1.0, 2.0, 4.0]),
    ],
)
def test_weights_whose_rounding_is_a_risk_are_refused_and_the_remedy_works(X, y):
    X, y = np.array(X), np.array(y)
    with pytest.raises(RuntimeError, match=r"have the risk .* Drop (feature|sample) \d") as refused:
        optima.saddle_path(Regression(X, y))
    what, drop = re.search(r"Drop (feature|sample) (\d)", str(refused.value)).groups()
    rest = np.delete(X, int(drop), axis=int(what == "feature"))
    left = y if what == "feature" else np.delete(y, int(drop))
    path = optima.saddle_path(Regression(rest, left))
    assert path.risks[-1] < path.risks[0]


@pytest.mark.parametrize(
    ("X", "y"),
    [
        ([[1.0, 1.0]], [1.0]),
        ([[1.0, -1.0, 3.0], [2.0, -2.0, 1.0]], [1.0, 2.0]),
        ([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], [1.0, 1.0]),  # half of the sum of both
        ([[0.1 + 0.2, 0.3]], [1.0]),  # up to rounding
        ([[1.0, 1.0, 1.0], [0.0, 0.0, 2.0]], [1.0, 1.0]),  # after another
    ],
)
@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_dependent_weights_that_wake_at_once_are_refused_and_the_remedy_works(X, y, size):
    X = size * np.array(X)
    with pytest.raises(ValueError, match=r"there is no one path\. Drop feature") as refused:
        optima.saddle_path(Regression(X, y))
    drop = re.search(r"Drop features? ([\d, ]+)\.", str(refused.value))[1]
    rest = np.delete(X, [int(one) for one in drop.split(",")], axis=1)
    assert optima.saddle_path(Regression(rest, y)).risks[-1] < 1e-20


def test_independent_weights_that_wake_at_once_jump_once_to_the_best_fit():
    for X, y, time, end in [
        ([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], 0.5, [1.0, -1.0]),
        ([[1.0, 0.3], [0.3, 1.0]], [1.0, 1.0], 1 / 2.6, [1 / 1.3, 1 / 1.3]),
        ([[3.0, 4.0], [-4.0, 3.0]], [1.1, 7.7], 1 / 55, [-1.1, 1.1]),  # equal up to rounding
        ([[1.0, 3.0], [2.0, 1.0]], [1.0, 2.0], 0.1, [1.0, 0.0]),  # one fits alone
    ]:
        path = optima.saddle_path(Regression(X, y))
        assert path.times == pytest.approx([time])
        assert path.weights == pytest.approx(np.array([[0.0, 0.0], end]))


@pytest.mark.parametrize("e", [1e-3, 1e-10, 1e-14, 1e-100])
def test_jumps_that_follow_fast_beside_the_time_before_are_two(e):
    """Weight 0 falls asleep when weight 1 wakes up, at 1 / 4 e, and is back with the other sign."""
    path = optima.saddle_path(Regression([[1.0, e], [0.0, e]], [1.0, 2.0]))
    right = np.array([[0, 0], [1, 0], [0, 1.5 / e], [-1, 2 / e]])
    assert path.weights == pytest.approx(right, rel=1e-12, abs=0)
    # At the first jump M_1 is 3 e; then its slope is 4 e.
    second = 0.5 + (1 - 3 * e) / (4 * e)
    assert path.times == pytest.approx([0.5, second, second + 2], rel=1e-12)


@pytest.mark.parametrize("e", [1e-6, 1e-9, 1e-12])
def test_the_best_fit_keeps_its_digits_where_features_nearly_agree_and_samples_do_not_fit(e):
    """The part of y across the features is not to be turned into weights, which are long."""
    X = np.array([[0.9949, 0.9949 + e], [-1.3049, -1.3049 + 2 * e], [-1.0419, -1.0419 - 5 * e]])
    y = np.array([1.0, 2.0, 4.0])
    (a, b), c = (Fraction(0), Fraction(0)), Fraction(0)
    p = q = Fraction(0)
    for (one, two), t in zip(X.tolist(), y.tolist(), strict=True):
        one, two, t = Fraction(one), Fraction(two), Fraction(t)
        a, b, c, p, q = a + one * one, b + one * two, c + two * two, p + one * t, q + two * t
    right = [float((c * p - b * q) / (a * c - b * b)), float((a * q - b * p) / (a * c - b * b))]
    assert optima.saddle_path(Regression(X, y)).weights[-1] == pytest.approx(right, rel=1e-9)
