"""The largest margins in norms of singular values."""

import numpy as np
import pytest

from ibias import datasets, optima
from ibias.datasets import MulticlassDataset


def test_two_classes_have_the_euclidean_margin():
    """W = (v, -v) / 2 up to scale is of rank one, where all Schatten norms agree."""
    data = datasets.separable_classes(seed=3, n_samples=12, n_features=4, n_classes=2)
    euclid, spectral = optima.multiclass_margin(data), optima.schatten_margin(data, norm="spectral")
    assert spectral.margin == pytest.approx(euclid.margin, rel=1e-6)
    assert np.allclose(spectral.W[0] - spectral.W[1], euclid.W[0] - euclid.W[1], atol=1e-4)


@pytest.mark.parametrize("k", [3, 5])
def test_one_sample_a_class_along_the_axes(k):
    """By symmetry W = I - 1/k, whose singular values are 1 and whose margins are 1."""
    data = MulticlassDataset(np.eye(k), np.arange(k))
    best = optima.schatten_margin(data, norm="spectral")
    assert best.margin == pytest.approx(1.0, abs=1e-6)
    assert (data.Z @ best.W.ravel()).min() == pytest.approx(1.0)


def test_the_certificate_and_the_order_of_the_norms():
    data = datasets.separable_classes(seed=1, n_samples=15, n_features=8, n_classes=4)
    best = optima.schatten_margin(data, norm="spectral")
    assert 0 <= best.duality_gap + 1e-9 <= 1e-6
    assert best.dual_variables.sum() == pytest.approx(1) and best.dual_variables.min() >= 0
    euclid = optima.multiclass_margin(data)
    assert euclid.margin < best.margin < np.sqrt(3) * euclid.margin  # rank at most 3
    own = (data.Z @ euclid.W.ravel()).min() / np.linalg.norm(euclid.W, ord=2)
    assert own < 0.99 * best.margin


def test_the_scale_of_the_data_is_the_scale_of_the_margin():
    data = datasets.separable_classes(seed=2, n_samples=12)
    small = MulticlassDataset(1e-6 * data.X, data.y)
    wide = optima.schatten_margin(data, norm="spectral").margin
    assert optima.schatten_margin(small, norm="spectral").margin == pytest.approx(
        1e-6 * wide, rel=1e-5
    )


def test_bad_input():
    with pytest.raises(ValueError, match="data must be a MulticlassDataset"):
        optima.schatten_margin(datasets.separable(), norm="spectral")
    overlapping = MulticlassDataset([[1.0], [1.0], [2.0]], [0, 1, 2])
    with pytest.raises(optima.NotSeparable):
        optima.schatten_margin(overlapping, norm="spectral")
