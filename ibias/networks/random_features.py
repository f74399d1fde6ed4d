"""Random ReLU features: a two-layer network of which only the output layer is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, from_zero, read_only, whole_fields
from ibias.datasets import generator


@dataclass(frozen=True, eq=False)
class ReluFeatures:
    """The map x -> max(0, A x + b) / sqrt(n_features), with rows (A, b) fixed at random.

    The rows are uniform on the unit sphere. The first p features of a wide map are those of
    a narrow one from the same seed, so that models of growing width are nested.

    Parameters
    ----------
    n_inputs : int
        The dimension of x.
    n_features : int
        The number of features p.
    seed : int
        The seed of the rows.
    """

    n_inputs: int
    n_features: int
    seed: int = 0

    def __post_init__(self) -> None:
        whole_fields(self, "n_inputs", "n_features")
        rows = generator(self.seed).standard_normal((self.n_features, self.n_inputs + 1))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        object.__setattr__(self, "rows", read_only(rows))

    def __call__(self, X: ArrayLike) -> np.ndarray:
        """Return the features of the inputs X, shape (n_samples, n_features)."""
        X = finite_array("X", X, ndim=2)
        if X.shape[1] != self.n_inputs:
            raise ValueError(f"X has {X.shape[1]} columns; these features take {self.n_inputs}.")
        activations = X @ self.rows[:, :-1].T + self.rows[:, -1]
        return np.maximum(activations, 0.0) / np.sqrt(self.n_features)


def ridge(features: ArrayLike, y: ArrayLike, penalty: float = 0.0) -> np.ndarray:
    """Return argmin ||features w - y||^2 / n + penalty ||w||^2; for penalty 0 the shortest one.

    Parameters
    ----------
    features : array, shape (n_samples, n_features)
        The design matrix.
    y : array, shape (n_samples,) or (n_samples, n_outputs)
        The targets.
    penalty : float
        At least 0. At 0 the minimum-norm least-squares solution, which is where gradient
        descent from zero converges to (singular values below 1e-12 of the largest are zero).

    Returns
    -------
    array, shape (n_features,) or (n_features, n_outputs)

    Examples
    --------
    >>> ridge([[1.0], [1.0]], [1.0, 3.0]), ridge([[1.0], [1.0]], [1.0, 3.0], penalty=1.0)
    (array([2.]), array([1.]))
    """
    features, y = finite_array("features", features, ndim=2), finite_array("y", y)
    penalty = from_zero("penalty", penalty)
    if y.shape[:1] != features.shape[:1]:
        raise ValueError(f"y has shape {y.shape}; give one row for each of {len(features)}.")
    left, size, right = np.linalg.svd(features, full_matrices=False)
    kept = size > 1e-12 * size[0]
    gains = np.zeros_like(size)
    gains[kept] = size[kept] / (size[kept] ** 2 + len(features) * penalty)
    return right.T @ (gains * (left.T @ y).T).T
