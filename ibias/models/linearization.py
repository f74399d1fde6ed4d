"""A predictor at one theta and its derivative there, the gradients written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class BatchLinearization:
    """A predictor whose samples act on each other: its predictions, and the map back from them.

    Attributes
    ----------
    predictions : array, shape (..., n_samples)
    vjp : callable
        vjp(v) is the derivative of sum_i v_i f(theta; x_i), shape (..., n_parameters).
    """

    predictions: np.ndarray
    vjp: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class GradientLinearization:
    """A predictor at one theta, and its derivative there.

    Attributes
    ----------
    predictions : array, shape (..., n_samples)
    gradients : array, shape (..., n_samples, n_parameters)
        The gradient of each prediction with respect to theta.
    """

    predictions: np.ndarray
    gradients: np.ndarray

    def vjp(self, v: ArrayLike) -> np.ndarray:
        """Return sum_i v_i grad f(theta; x_i), shape (..., n_parameters)."""
        return (np.asarray(v)[..., None, :] @ self.gradients)[..., 0, :]

    def jacobian(self) -> np.ndarray:
        """Return the gradients, shape (..., n_samples, n_parameters)."""
        return self.gradients

    def squared_gradient_norms(self) -> np.ndarray:
        """Return ||grad f(theta; x_i)||^2, shape (..., n_samples)."""
        return (self.gradients**2).sum(axis=-1)
