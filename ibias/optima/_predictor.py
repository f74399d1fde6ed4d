"""What a reference optimum says about new inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias.datasets.tables import inputs


def new_inputs(X: ArrayLike, n_features: int) -> np.ndarray:
    """Return `X` as a matrix of `n_features` columns."""
    X = inputs("X", X)
    if X.shape[1] != n_features:
        constant = " (with_constant() appended one)" if X.shape[1] == n_features - 1 else ""
        raise ValueError(
            f"X has {X.shape[1]} features, but the data had {n_features}{constant}; give the same."
        )
    return X


class Classifier:
    """A classifier that is the sign of a function; +1 where it is positive, else -1."""

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return f(x) for each row of X, shape (n_samples,)."""
        raise NotImplementedError

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label +1.0 or -1.0 of each row of X, shape (n_samples,)."""
        return np.where(self.decision_function(X) > 0, 1.0, -1.0)


class LinearClassifier(Classifier):
    """The classifier of weights `w`.

    Where w is a stack of weights, shape (..., n_features), the results are stacks too.
    """

    w: np.ndarray

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return <w, x> for each row of X, shape (..., n_samples)."""
        return self.w @ new_inputs(X, self.w.shape[-1]).T

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label +1.0 or -1.0 of each row of X, shape (..., n_samples)."""
        return super().predict(X)


class LinearRegressor:
    """The linear function of weights `w`."""

    w: np.ndarray

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return <w, x> for each row of X, shape (n_samples,)."""
        return new_inputs(X, self.w.shape[-1]) @ self.w
