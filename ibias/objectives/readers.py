"""From parameters to the outputs that the loss looks at, and back by the chain rule.

A reader gives at(theta) = (outputs, back), where back(v) = sum_i v_i grad output_i(theta). Data
are of shape (n_samples, n_features), or have the batch axes of theta before these two.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

Back = Callable[[np.ndarray], np.ndarray]


def taker(n_sets: int | None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the map from an array and rows, shape (..., b), to the rows of each run.

    With `n_sets`, arrays have a data set for each run, along their first axis.
    """
    if n_sets is None:
        return lambda array, rows: array[rows]
    each = np.arange(n_sets)[:, None]
    return lambda array, rows: array[each, rows]


class Reader(ABC):
    """The model on the samples."""

    @abstractmethod
    def at(self, theta: np.ndarray) -> tuple[np.ndarray, Back]:
        """Return the outputs, shape (..., n_samples), and the map back."""

    def forward(self, theta: np.ndarray) -> np.ndarray:
        """Return the outputs alone."""
        return self.at(theta)[0]

    @abstractmethod
    def whole(self, theta: np.ndarray) -> tuple[np.ndarray, Back, np.ndarray]:
        """Return the outputs, the map back, and the squared norms of their gradients."""


class Linear(Reader):
    """<z_i, w>; Z has the shape (n, d), or (..., n, d) with a data set for each run."""

    def __init__(self, Z: np.ndarray) -> None:
        self.Z = Z

    def at(self, w: np.ndarray) -> tuple[np.ndarray, Back]:
        """Return Z w and v -> Z^T v."""
        Z = self.Z
        if Z.ndim == 2:
            return w @ Z.T, lambda v: v @ Z
        return (Z @ w[..., None])[..., 0], lambda v: (v[..., None, :] @ Z)[..., 0, :]

    def whole(self, w: np.ndarray) -> tuple[np.ndarray, Back, np.ndarray]:
        """Return the same, and ||z_i||^2."""
        return *self.at(w), (self.Z**2).sum(axis=-1)


class Through(Reader):
    """<z_i, w(theta)> for a model with weights(theta) and pullback(theta, g)."""

    def __init__(self, model: Any, linear: Linear) -> None:
        self.model, self.linear = model, linear

    def at(self, theta: np.ndarray) -> tuple[np.ndarray, Back]:
        """Return Z w(theta) and v -> (dw/dtheta)^T Z^T v."""
        u, back = self.linear.at(self.model.weights(theta))
        return u, lambda v: self.model.pullback(theta, back(v))

    def whole(self, theta: np.ndarray) -> tuple[np.ndarray, Back, np.ndarray]:
        """Return the same, and ||(dw/dtheta)^T z_i||^2."""
        rows = self.model.pullback(theta[..., None, :], self.linear.Z)
        return *self.at(theta), (rows**2).sum(axis=-1)


class Signed(Reader):
    """s_i f(theta; x_i) for a model with linearize(theta, X), such as a network."""

    def __init__(self, model: Any, X: np.ndarray, signs: np.ndarray | float = 1.0) -> None:
        self.model, self.X, self.signs = model, X, signs

    def at(self, theta: np.ndarray) -> tuple[np.ndarray, Back]:
        """Return the signed predictions, and v -> sum_i v_i s_i grad f(theta; x_i)."""
        at = self.model.linearize(theta, self.X)
        return self.signs * at.predictions, lambda v: at.vjp(self.signs * v)

    def forward(self, theta: np.ndarray) -> np.ndarray:
        """Return the signed predictions."""
        return self.signs * self.model.predict(theta, self.X)

    def whole(self, theta: np.ndarray) -> tuple[np.ndarray, Back, np.ndarray]:
        """Return the same, and ||grad f(theta; x_i)||^2."""
        at = self.model.linearize(theta, self.X)
        squares = at.squared_gradient_norms()
        return self.signs * at.predictions, lambda v: at.vjp(self.signs * v), squares


class Entries(Reader):
    """The weights themselves: what is observed of them is the affair of the outputs."""

    def at(self, w: np.ndarray) -> tuple[np.ndarray, Back]:
        """Return w, and v -> v."""
        return w, lambda v: v

    def whole(self, w: np.ndarray) -> tuple[np.ndarray, Back, np.ndarray]:
        """Return the same, and ones."""
        return w, lambda v: v, np.ones(w.shape)
