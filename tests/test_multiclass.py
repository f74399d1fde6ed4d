"""Several classes: the data, and the hard margin against duality and the two-class case."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset, MulticlassDataset, separable_classes
from ibias.optima import NotSeparable, max_margin, multiclass_margin


@pytest.mark.parametrize(
    "data",
    [
        separable_classes(0),
        separable_classes(1, 20, 2, 5),
        separable_classes(2, 10, 30, 4),
        datasets.digit_classes((3, 5, 8), per_class=20),
    ],
    ids=["generic", "plane", "wide", "digits"],
)
def test_primal_equals_dual(data: MulticlassDataset) -> None:
    best = multiclass_margin(data)
    scores = data.X @ best.W.T
    rise = scores[np.arange(data.n_samples), data.y][:, None] - scores
    rise[np.arange(data.n_samples), data.y] = np.inf
    assert rise.min() == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(best.W) == pytest.approx(1 / best.margin, rel=1e-12)
    # The stationarity of W, written out with no use of data.Z.
    true = np.eye(data.n_classes)[data.y]
    pull = true * best.dual_variables.sum(axis=1, keepdims=True) - best.dual_variables
    hull = pull.T @ data.X
    np.testing.assert_allclose(hull / np.linalg.norm(hull), best.W * best.margin, atol=1e-9)
    assert np.linalg.norm(hull) == pytest.approx(best.margin, rel=1e-9)
    assert (best.dual_variables[np.arange(data.n_samples), data.y] == 0).all()
    assert best.dual_variables.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(best.W.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(rise[tuple(best.support.T)], 1, atol=1e-6)


def test_two_classes_are_the_binary_problem() -> None:
    """w_1 = -w_0 = w / 2, so that the norm is 1 / sqrt 2 of the binary one."""
    binary = datasets.separable(0)
    data = MulticlassDataset(binary.X, (binary.y > 0).astype(int))
    best, reference = multiclass_margin(data), max_margin(binary)
    np.testing.assert_allclose(best.W[1], reference.w / 2, atol=1e-12)
    assert best.margin == pytest.approx(np.sqrt(2) * reference.margin, rel=1e-12)


def test_renaming_the_classes_permutes_the_rows() -> None:
    data = separable_classes(3)
    renamed = MulticlassDataset(data.X, np.array([2, 0, 1])[data.y])
    np.testing.assert_allclose(
        multiclass_margin(renamed).W[[2, 0, 1]], multiclass_margin(data).W, atol=1e-10
    )


def test_the_pairs_are_kesler_rows() -> None:
    data, W = separable_classes(4, 6, 3, 4), datasets.generator(1).standard_normal((4, 3))
    assert data.Z.shape == (18, 12) and data.pairs.shape == (18, 2)
    for z, (i, r) in zip(data.Z, data.pairs, strict=True):
        assert r != data.y[i]
        assert z @ W.ravel() == pytest.approx((W[data.y[i]] - W[r]) @ data.X[i])


def test_the_generator_is_separable_with_room() -> None:
    for seed in range(5):
        data = separable_classes(seed, 12, 2, 6)
        assert data.n_classes == 6
        assert multiclass_margin(data).margin > 0


def test_overlapping_classes_are_refused_with_the_certificate() -> None:
    data = MulticlassDataset([[1.0], [1.0], [2.0]], [0, 1, 2])
    with pytest.raises(NotSeparable) as caught:
        multiclass_margin(data)
    np.testing.assert_allclose(caught.value.weights @ data.Z, 0, atol=1e-15)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([[1.0], [2.0]], [0, 2], "labels 0, 1, ..., K - 1"),
        ([[1.0], [2.0]], [0, 0], "K at least 2"),
        ([[1.0], [2.0]], [0.5, 1], "labels 0, 1"),
        ([[1.0], [np.nan]], [0, 1], "X holds 1 NaN"),
        ([[1.0], [2.0]], [0, 1, 2], "X has 2 rows but y has 3"),
    ],
)
def test_bad_data_are_refused_by_name(X: list, y: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MulticlassDataset(X, y)


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="data must be a MulticlassDataset"):
        multiclass_margin(Dataset([[1.0], [2.0]], [1, -1]))
    with pytest.raises(ValueError, match="n_classes=5 must be from 2"):
        separable_classes(0, 4, 2, 5)
    with pytest.raises(ValueError, match="classes must be two or more"):
        datasets.digit_classes((1, 1))
    assert datasets.digit_classes((4, 9), 3).y.tolist() == [0, 0, 0, 1, 1, 1]
