"""Linear predictors whose weights are a product of parameters: w = w(theta).

f(theta; x) = <w(theta), x>. As functions of x these networks are all alike, linear; what
differs is the map from theta to w, and with it the path of gradient descent. They have the
methods of `Network` that descent and flows use.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    batch_axes,
    chance,
    floats,
    parameters,
    positive,
    samples,
    whole_fields,
)
from ibias.models.linearization import GradientLinearization


@dataclass(frozen=True)
class Factored(ABC):
    """A linear predictor with weights w(theta), homogeneous of degree `depth` in theta.

    Parameters
    ----------
    n_features : int
    depth : int
        The number of factors of w.
    """

    n_features: int
    depth: int

    def __post_init__(self) -> None:
        whole_fields(self, "n_features", "depth")

    @property
    def degree(self) -> int:
        """The degree of homogeneity: w(c theta) = c^degree w(theta) for c > 0."""
        return self.depth

    @property
    @abstractmethod
    def n_factors(self) -> int:
        """The number of blocks of theta, each of n_features parameters."""

    @property
    def n_parameters(self) -> int:
        """The length of theta."""
        return self.n_factors * self.n_features

    @abstractmethod
    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return w(theta), shape (..., n_features)."""

    @abstractmethod
    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return (dw/dtheta)^T g, shape (..., n_parameters), for g of shape (..., n_features)."""

    def layers(self, theta: ArrayLike) -> np.ndarray:
        """Return theta as its blocks, shape (..., n_factors, n_features)."""
        theta = parameters(theta, self)
        return theta.reshape(*theta.shape[:-1], self.n_factors, self.n_features)

    def random(self, rng: np.random.Generator, scale: float = 1.0, batch: tuple = ()) -> np.ndarray:
        """Return theta with independent entries N(0, scale^2), shape batch + (n_parameters,)."""
        scale, shape = positive("scale", scale), (*batch_axes(batch), self.n_parameters)
        return scale * chance(rng).standard_normal(shape)

    def predict(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return <w(theta), x_i>, shape (..., n_samples), for X of shape (n_samples, d)."""
        return self.weights(theta) @ samples(X, self.n_features).T

    def linearize(self, theta: ArrayLike, X: ArrayLike) -> GradientLinearization:
        """Return the predictions and their gradients at theta."""
        theta, X = floats("theta", theta), samples(X, self.n_features)
        return GradientLinearization(self.predict(theta, X), self.pullback(theta[..., None, :], X))

    def vjp(self, theta: ArrayLike, X: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Return sum_i v_i grad_theta f(theta; x_i), shape (..., n_parameters)."""
        return self.pullback(theta, floats("v", v) @ samples(X, self.n_features))


@dataclass(frozen=True)
class DiagonalLinear(Factored):
    """w = u^depth - v^depth, entry by entry; theta holds u and then v.

    The smallest model in which the scale of the start changes the limit (Woodworth et al.
    2020). At depth 2 its gradient flow is the mirror flow of `HyperbolicEntropy`.

    >>> DiagonalLinear(2, depth=2).weights([3.0, 1.0, 0.0, 2.0])
    array([ 9., -3.])
    """

    @property
    def n_factors(self) -> int:
        """Two blocks, u and v."""
        return 2

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return u^depth - v^depth, shape (..., n_features)."""
        powers = self.layers(theta) ** self.depth
        return powers[..., 0, :] - powers[..., 1, :]

    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return (depth u^(depth-1) g, -depth v^(depth-1) g)."""
        powers = self.depth * np.asarray(theta) ** (self.depth - 1)
        return powers * np.concatenate([g, np.negative(g)], axis=-1)


@dataclass(frozen=True)
class CircularConvolution(Factored):
    """Full-width circular convolutions: the Fourier coefficients of w are products.

    theta holds `depth` filters, each as long as x. Layer by layer the signal is correlated
    with a filter around the circle, with the factor n_features^(-1/2), and the last filter
    gives one number (Gunasekar et al. 2018, "Implicit bias of gradient descent on linear
    convolutional networks"). With the unitary transform F, F w is the entrywise product of
    the F w_l.

    >>> net = CircularConvolution(2, depth=2)
    >>> net.weights([1.0, 0.0, 3.0, 5.0]) * np.sqrt(2)
    array([3., 5.])
    """

    @property
    def n_factors(self) -> int:
        """One block for each filter."""
        return self.depth

    def spectra(self, theta: ArrayLike) -> np.ndarray:
        """Return F w_l of every filter, shape (..., depth, n_features), complex."""
        return np.fft.fft(self.layers(theta), norm="ortho")

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return the inverse transform of the product of the F w_l, shape (..., n_features)."""
        return np.fft.ifft(self.spectra(theta).prod(axis=-2), norm="ortho").real

    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return for each filter the inverse transform of F g times the other filters' conj."""
        spectra = self.spectra(theta)
        # The product of the others, without division: a coefficient may be zero.
        others = np.ones_like(spectra)
        for layer in range(self.depth):
            for other in range(self.depth):
                if other != layer:
                    others[..., layer, :] *= spectra[..., other, :]
        pull = others.conj() * np.fft.fft(g, norm="ortho")[..., None, :]
        blocks = np.fft.ifft(pull, norm="ortho").real
        return blocks.reshape(*blocks.shape[:-2], -1)
