"""Linear predictors whose weights are a direction, or a length times a direction.

They have the methods of `Factored` that descent and flow use: weights(theta), and the
pullback of a gradient in w to one in theta.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, floats, parameters, positive, whole_fields


def _parts(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the direction of v and its length, shapes (..., d) and (..., 1)."""
    length = np.sqrt((v * v).sum(axis=-1, keepdims=True))
    if not length.all():
        raise ValueError("v is the zero vector somewhere: it has no direction. Start elsewhere.")
    return v / length, length


def _pull_direction(v: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return (I - s s^T) g / ||v|| with s = v/||v||: the part of g across v, over its length."""
    s, length = _parts(v)
    return (g - (s * g).sum(axis=-1, keepdims=True) * s) / length


@dataclass(frozen=True)
class Direction:
    """w = theta / ||theta||: the length of theta changes nothing.

    >>> Direction(2).weights([3.0, 4.0])
    array([0.6, 0.8])
    """

    n_features: int

    def __post_init__(self) -> None:
        whole_fields(self, "n_features")

    @property
    def n_parameters(self) -> int:
        """The length of theta, n_features."""
        return self.n_features

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return theta / ||theta||, shape (..., n_features)."""
        return _parts(parameters(theta, self))[0]

    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return (dw/dtheta)^T g, shape (..., n_parameters), for g of shape (..., n_features)."""
        return _pull_direction(parameters(theta, self), floats("g", g))


@dataclass(frozen=True)
class WeightNormalized:
    """w = g v / ||v||, weight normalisation (Salimans and Kingma 2016).

    theta holds v and then h = g / sqrt(rate): gradient descent on theta moves g with `rate`
    times the step size of v.

    >>> net = WeightNormalized(2, rate=0.25)
    >>> net.weights(net.theta([3.0, 4.0]))
    array([3., 4.])
    """

    n_features: int
    rate: float = 1.0

    def __post_init__(self) -> None:
        whole_fields(self, "n_features")
        positive("rate", self.rate)

    @property
    def n_parameters(self) -> int:
        """The length of theta, n_features + 1."""
        return self.n_features + 1

    def theta(self, w: ArrayLike) -> np.ndarray:
        """Return the parameters of weights w that have ||v|| = 1, shape (..., n_parameters)."""
        direction, length = _parts(finite_array("w", w))
        return np.concatenate([direction, length / np.sqrt(self.rate)], axis=-1)

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return g v / ||v||, shape (..., n_features)."""
        theta = parameters(theta, self)
        return np.sqrt(self.rate) * theta[..., -1:] * _parts(theta[..., :-1])[0]

    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return (dw/dtheta)^T g, shape (..., n_parameters), for g of shape (..., n_features)."""
        theta, g = parameters(theta, self), floats("g", g)
        v, h = theta[..., :-1], theta[..., -1:]
        along = (_parts(v)[0] * g).sum(axis=-1, keepdims=True)
        return np.sqrt(self.rate) * np.concatenate([h * _pull_direction(v, g), along], axis=-1)
