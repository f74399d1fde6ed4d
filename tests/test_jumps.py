"""The saddles of a diagonal network: between jumps a straight line, checked jump by jump."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from ibias import datasets
from ibias.datasets import Regression
from ibias.optima import saddle_path, saddles


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(4, 6), (8, 3), (5, 12)])
def test_each_jump_is_the_first_weight_that_reaches_one(seed: int, shape: tuple[int, int]) -> None:
    """M moves with the slope 4 X^T (y - X w) / n; at the top w_j keeps the sign of M_j."""
    rng = datasets.generator(seed)
    data = Regression(rng.standard_normal(shape), 3 * rng.standard_normal(shape[0]))
    X, y, n = data.X, data.y, shape[0]
    path = saddle_path(data)
    assert path.weights.shape == (path.times.size + 1, shape[1])
    M, top, now = np.zeros(shape[1]), set(), 0.0
    for time, before, after in zip(path.times, path.weights, path.weights[1:], strict=False):
        slope = 4 * X.T @ (y - X @ before) / n
        slope[np.abs(before) > 1e-9] = 0.0
        M = M + (time - now) * slope
        now = time
        assert np.abs(M).max() < 1 + 1e-7
        top = set(np.flatnonzero(np.abs(M) > 1 - 1e-7))
        # The weights at the top minimise the risk, each with its sign.
        columns = sorted(top)
        signed = X[:, columns] * np.sign(M[columns])
        right = lsq_linear(signed, y, (0, np.inf), method="bvls", tol=1e-14).x
        expected = np.zeros(shape[1])
        expected[columns] = np.sign(M[columns]) * right
        assert after == pytest.approx(expected, abs=1e-7)
        assert (np.abs(after - before) > 1e-9).any()
    risks = ((path.weights @ X.T - y) ** 2).sum(axis=1) / (2 * n)
    assert path.risks == pytest.approx(risks)
    # It ends where nothing is to be gained.
    end = path.weights[-1]
    assert X.T @ (y - X @ end) == pytest.approx(np.zeros(shape[1]), abs=1e-7)


def test_a_weight_that_falls_asleep_again() -> None:
    """Else the test above would say nothing about one that leaves the top."""
    found = False
    for seed in range(30):
        rng = datasets.generator(seed)
        data = Regression(rng.standard_normal((8, 5)), rng.standard_normal(8))
        w = saddle_path(data).weights
        found |= bool(((w[:-1] != 0) & (w[1:] == 0)).any())
    assert found


def test_signs_and_order_of_the_features_change_nothing_else() -> None:
    data = datasets.gaussian_regression(1, 5, 8)
    path, rng = saddle_path(data), datasets.generator(0)
    signs, order = rng.choice([-1.0, 1.0], 8), rng.permutation(8)
    other = saddle_path(Regression((data.X * signs)[::-1, order], data.y[::-1]))
    assert other.times == pytest.approx(path.times)
    assert other.weights == pytest.approx((path.weights * signs)[:, order])
    assert other.risks == pytest.approx(path.risks, abs=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_inputs_in_other_units(size: float) -> None:
    data = datasets.gaussian_regression(2, 4, 7)
    path, other = saddle_path(data), saddle_path(Regression(size * data.X, data.y))
    assert other.times * size == pytest.approx(path.times)
    assert other.weights * size == pytest.approx(path.weights, abs=1e-9)


def test_targets_that_no_feature_sees_leave_the_weights_at_rest() -> None:
    path = saddle_path(Regression([[1.0, 0.0], [0.0, 0.0]], [0.0, 2.0]))
    assert path.times.size == 0 and not path.weights.any()
    assert path.risks == pytest.approx([1.0])


@pytest.mark.parametrize("small", [1e-20, 0.5e-9, 2e-9])
@pytest.mark.parametrize("size", [1.0, 1e3])
def test_a_slope_that_is_no_rounding_makes_a_jump_however_small(small: float, size: float) -> None:
    path = saddle_path(Regression(np.eye(2), [size, small * size]))
    assert path.times == pytest.approx([0.5 / size, 0.5 / (size * small)])
    assert path.weights[-1] == pytest.approx([size, small * size], rel=1e-9)


def test_the_number_of_jumps_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Regression(np.eye(2), [2.0, 1.0])
    monkeypatch.setattr(saddles, "MAX_EVENTS", 3)
    assert saddle_path(data).times.size == 2
    monkeypatch.setattr(saddles, "MAX_EVENTS", 2)
    with pytest.raises(RuntimeError, match="more than 2 jumps; the data may hold a feature twice"):
        saddle_path(data)
