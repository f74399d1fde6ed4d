"""Random features and the ridge solution."""

import numpy as np
import pytest

from ibias import datasets
from ibias.networks import ReluFeatures, ridge


def test_features_are_nested_and_positively_homogeneous_in_the_rows():
    X = datasets.generator(0).standard_normal((7, 3))
    wide, narrow = ReluFeatures(3, 50, seed=4), ReluFeatures(3, 10, seed=4)
    assert wide(X)[:, :10] * np.sqrt(50) == pytest.approx(narrow(X) * np.sqrt(10))
    assert (wide(X) >= 0).all()
    assert np.linalg.norm(wide.rows, axis=1) == pytest.approx(np.ones(50))


def test_ridge_solves_its_normal_equations():
    rng = datasets.generator(1)
    A, y = rng.standard_normal((12, 20)), rng.standard_normal((12, 2))
    w = ridge(A, y, 0.3)
    assert A.T @ (A @ w - y) / 12 + 0.3 * w == pytest.approx(np.zeros((20, 2)), abs=1e-12)
    assert ridge(A, y) == pytest.approx(np.linalg.pinv(A) @ y)
    assert ridge(A.T, np.ones(20)) == pytest.approx(np.linalg.lstsq(A.T, np.ones(20))[0])


def test_bad_input():
    with pytest.raises(ValueError, match="X has 2 columns; these features take 3"):
        ReluFeatures(3, 10)(np.ones((4, 2)))
    with pytest.raises(ValueError, match="n_features must be a whole number"):
        ReluFeatures(3, 0)
    with pytest.raises(ValueError, match="penalty must be a number, at least 0"):
        ridge(np.ones((2, 2)), np.ones(2), -1.0)


def test_a_feature_is_what_the_formula_says():
    features, X = ReluFeatures(3, 5, seed=2), np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
    right = [
        [max(0.0, float(row[:3] @ x + row[3])) / np.sqrt(5) for row in features.rows] for x in X
    ]
    assert features(X) == pytest.approx(np.array(right))
    assert np.linalg.norm(features.rows, axis=1) == pytest.approx(np.ones(5))
