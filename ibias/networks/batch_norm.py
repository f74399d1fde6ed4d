"""Batch normalisation, of a two-layer ReLU network and of a linear model, gradients by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import floats, parameters, samples, whole_fields
from ibias.models.linearization import BatchLinearization


@dataclass(frozen=True)
class BatchNormNetwork:
    """f(theta; x_i) = sum_j a_j max(b_ij, 0), b_j = (h_j - mean h_j) / std h_j, h = X W^T.

    Mean and standard deviation are over the samples of the batch (Ioffe and Szegedy 2015;
    no constant is added to the variance, so that the length of a row of W changes nothing,
    exactly). theta holds the rows of W and then a.

    >>> net = BatchNormNetwork(1, 1)
    >>> net.predict([3.0, 2.0], [[0.0], [1.0]])
    array([0., 2.])
    """

    n_features: int
    width: int

    def __post_init__(self) -> None:
        whole_fields(self, "n_features", "width")

    @property
    def n_parameters(self) -> int:
        """The length of theta."""
        return self.width * (self.n_features + 1)

    def layers(self, theta: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return W, shape (..., width, n_features), and a, shape (..., width)."""
        theta = parameters(theta, self, dtype=None)
        W, a = np.split(theta, [self.width * self.n_features], axis=-1)
        return W.reshape(*theta.shape[:-1], self.width, self.n_features), a

    def _hidden(self, W: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the normalised b, shape (..., n_samples, width), and the deviations of h."""
        h = X @ W.swapaxes(-1, -2)
        h = h - h.mean(axis=-2, keepdims=True)
        deviation = np.sqrt((h**2).mean(axis=-2, keepdims=True))
        if (deviation == 0).any():
            raise ValueError("a hidden unit is the same for all samples: it cannot be normalised.")
        return h / deviation, deviation

    def predict(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return f(theta; x_i), shape (..., n_samples), with the samples as one batch."""
        W, a = self.layers(theta)
        b, _ = self._hidden(W, samples(X, self.n_features))
        return ((b * (b.real > 0)) @ a[..., None])[..., 0]

    def vjp(self, theta: ArrayLike, X: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Return sum_i v_i grad_theta f(theta; x_i), shape (..., n_parameters)."""
        X, v = samples(X, self.n_features), floats("v", v)[..., None]
        W, a = self.layers(theta)
        b, deviation = self._hidden(W, X)
        active = b > 0
        pull = v * active * a[..., None, :]
        # Through the normalisation: what moves the mean or the deviation is taken out.
        pull = pull - pull.mean(axis=-2, keepdims=True)
        pull = (pull - (pull * b).mean(axis=-2, keepdims=True) * b) / deviation
        dW = pull.swapaxes(-1, -2) @ X
        da = (v * active * b).sum(axis=-2)
        return np.concatenate([dW.reshape(*dW.shape[:-2], -1), da], axis=-1)

    def linearize(self, theta: ArrayLike, X: ArrayLike) -> BatchLinearization:
        """Return the predictions and the map back from them."""
        return BatchLinearization(self.predict(theta, X), lambda v: self.vjp(theta, X, v))


@dataclass(frozen=True)
class BatchNormLinear:
    """f(theta; x_i) = a <w, x_i> / sqrt(mean_j <w, x_j>^2), for theta of w and then a.

    The root mean square is over the samples of the batch; no mean is taken out (Cao et al. 2023).

    >>> BatchNormLinear(1).predict([3.0, 2.0], [[1.0], [-1.0]])
    array([ 2., -2.])
    """

    n_features: int

    def __post_init__(self) -> None:
        whole_fields(self, "n_features")

    @property
    def n_parameters(self) -> int:
        """The length of theta, n_features + 1."""
        return self.n_features + 1

    def _heights(self, theta: ArrayLike, X: ArrayLike) -> tuple[np.ndarray, ...]:
        """Return <w, x_i> over its root mean square, that root, and a."""
        theta = parameters(theta, self, dtype=None)
        h = (samples(X, self.n_features) @ theta[..., :-1, None])[..., 0]
        size = np.sqrt((h**2).mean(axis=-1, keepdims=True))
        if (size == 0).any():
            raise ValueError(
                "w gives zero for all samples: it cannot be normalised. Start elsewhere."
            )
        return h / size, size, theta[..., -1:]

    def predict(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return f(theta; x_i), shape (..., n_samples), with the samples as one batch."""
        b, _, a = self._heights(theta, X)
        return a * b

    def linearize(self, theta: ArrayLike, X: ArrayLike) -> BatchLinearization:
        """Return the predictions and the map back from them."""
        X = samples(X, self.n_features)
        b, size, a = self._heights(theta, X)

        def vjp(v: np.ndarray) -> np.ndarray:
            along = (v * b).mean(axis=-1, keepdims=True)
            pull = a / size * (v - along * b)
            dw = (pull[..., None, :] @ X)[..., 0, :]
            return np.concatenate([dw, (v * b).sum(axis=-1, keepdims=True)], axis=-1)

        return BatchLinearization(a * b, vjp)
