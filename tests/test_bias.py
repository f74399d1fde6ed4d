"""The free bias, against pairs of points, the limit of large constants and scikit-learn."""

import numpy as np
import pytest
from sklearn.svm import SVC

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import NotSeparable, max_margin, max_margin_with_bias


def shifted(seed: int, n: int = 40, d: int = 5) -> Dataset:
    data = datasets.separable(seed, n, d)
    return Dataset(data.X + 3 * datasets.generator(seed + 50).standard_normal(d), data.y)


CASES = {
    "shifted": shifted(0),
    "wide": shifted(1, 12, 40),
    "scales": Dataset(shifted(2).X * np.logspace(-3, 3, 5), shifted(2).y),
    "repeated": Dataset(np.repeat(shifted(3).X, 3, axis=0), np.repeat(shifted(3).y, 3)),
    "digits": datasets.digits(),
    "two points": Dataset([[0.0, 1.0], [3.0, 5.0]], [-1, 1]),
}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_primal_equals_dual(data: Dataset) -> None:
    best = max_margin_with_bias(data)
    heights = data.y * (data.X @ best.w + best.bias)
    assert heights.min() == pytest.approx(1, abs=1e-8)
    assert np.linalg.norm(best.w) == pytest.approx(1 / best.margin, rel=1e-12)
    assert best.dual_variables @ data.y == pytest.approx(0, abs=1e-15)
    assert (best.dual_variables >= 0).all()
    nearest = best.dual_variables @ data.Z
    assert np.linalg.norm(nearest) == pytest.approx(best.margin, rel=1e-8)
    assert -1e-13 < best.duality_gap / best.margin < 1e-9
    assert (heights - 1) @ best.dual_variables < 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_the_margin_is_half_the_distance_of_the_hulls(seed: int) -> None:
    """All differences of a positive and a negative input, as signed inputs without bias."""
    data = shifted(seed, 16, 4)
    positive, negative = data.X[data.y > 0], data.X[data.y < 0]
    differences = (positive[:, None] - negative[None]).reshape(-1, 4)
    hulls = max_margin(Dataset.from_signed(np.repeat(differences, 2, axis=0)))
    best = max_margin_with_bias(data)
    assert best.margin == pytest.approx(hulls.margin / 2, rel=1e-11)
    np.testing.assert_allclose(best.direction, hulls.direction, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_two_points_and_translations(seed: int) -> None:
    data, move = shifted(seed), datasets.generator(seed).standard_normal(5)
    best = max_margin_with_bias(data)
    moved = max_margin_with_bias(Dataset(data.X + move, data.y))
    np.testing.assert_allclose(moved.w, best.w, atol=1e-9)
    assert moved.bias == pytest.approx(best.bias - best.w @ move, abs=1e-8)


def test_a_large_constant_buys_the_bias_for_nothing() -> None:
    data = shifted(4, 30, 20)
    best = max_margin_with_bias(data)
    gaps = [
        np.linalg.norm(max_margin(data.with_constant(c)).w[:-1] - best.w)
        for c in (100, 1000, 10000)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.1)
    assert gaps[1] / gaps[2] == pytest.approx(100, rel=0.1)
    appended = max_margin(data.with_constant())
    assert np.linalg.norm(appended.w[:-1] - best.w) > 1e-4


def test_it_agrees_with_scikit_learn() -> None:
    data = datasets.digits()
    best = max_margin_with_bias(data)
    peer = SVC(kernel="linear", C=1e6, tol=1e-10).fit(data.X, data.y)
    np.testing.assert_allclose(peer.coef_[0], best.w, atol=1e-5)
    assert peer.intercept_[0] == pytest.approx(best.bias, abs=1e-5)


def test_classes_that_a_plane_through_zero_cannot_part() -> None:
    data = Dataset([[1.0, 0.0], [2.0, 0.0]], [-1, 1])
    assert max_margin_with_bias(data).margin == pytest.approx(0.5, abs=1e-14)
    with pytest.raises(NotSeparable):
        max_margin(data)


@pytest.mark.parametrize(
    "X", [[[1.0], [1.0]], [[0.0], [0.0]], [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]
)
def test_classes_that_no_plane_parts(X: list) -> None:
    data = Dataset(X, [1, 1, -1, -1] if len(X) == 4 else [1, -1])
    with pytest.raises(NotSeparable) as caught:
        max_margin_with_bias(data)
    np.testing.assert_allclose(caught.value.weights @ data.with_constant().Z, 0, atol=1e-15)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="data must be a Dataset"):
        max_margin_with_bias(np.eye(2))
    with pytest.raises(ValueError, match="value must be"):
        shifted(0).with_constant(0)
