"""Softmax attention with one query: a mean of the values of a few tokens."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import batch_axes, chance, floats, parameters, positive, whole_fields
from ibias.losses import softmax
from ibias.models.linearization import GradientLinearization


@dataclass(frozen=True)
class Attention:
    """f(theta; X) = sum_t softmax(<x_t, p>)_t value_t, for sequences of n_tokens tokens.

    A sample is one row: token after token, n_keys entries of x_t and then its value. Values do
    not depend on theta: the head is fixed.

    Parameters
    ----------
    n_tokens, n_keys : int
        The number of tokens of a sequence, and the length of x_t. For a bilinear form x_t^T W z of
        tokens and a query z the keys are x_t z^T, and theta is W, both row by row.

    Examples
    --------
    >>> net = Attention(n_tokens=2, n_keys=1)
    >>> X = [[1.0, 10.0, -1.0, 30.0]]
    >>> net.predict([0.0], X), net.predict([50.0], X)
    (array([20.]), array([10.]))
    """

    n_tokens: int
    n_keys: int

    def __post_init__(self) -> None:
        whole_fields(self, "n_tokens", "n_keys")

    @property
    def widths(self) -> tuple[int, int]:
        """The number of features of a sample, and of outputs."""
        return self.n_tokens * (self.n_keys + 1), 1

    @property
    def n_parameters(self) -> int:
        """The length of theta."""
        return self.n_keys

    def random(self, rng: np.random.Generator, scale: float = 1.0, batch: tuple = ()) -> np.ndarray:
        """Return theta with independent entries N(0, scale^2), shape batch + (n_parameters,)."""
        scale, shape = positive("scale", scale), (*batch_axes(batch), self.n_parameters)
        return scale * chance(rng).standard_normal(shape)

    def query(self, theta: ArrayLike) -> np.ndarray:
        """Return p, which is theta, shape (..., n_keys)."""
        return parameters(theta, self)

    def tokens(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return keys and values, shapes (n_samples, n_tokens, n_keys), (n_samples, n_tokens)."""
        X = floats("X", X)
        if X.ndim != 2 or X.shape[1] != self.widths[0]:
            raise ValueError(f"X has shape {X.shape}; it must be (n_samples, {self.widths[0]}).")
        rows = X.reshape(len(X), self.n_tokens, self.n_keys + 1)
        return rows[..., :-1], rows[..., -1]

    def weights_of_tokens(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return the softmax of every sequence, shape (..., n_samples, n_tokens)."""
        keys, _ = self.tokens(X)
        return softmax(np.einsum("itk,...k->...it", keys, self.query(theta)))

    def predict(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return f, shape (..., n_samples)."""
        return (self.weights_of_tokens(theta, X) * self.tokens(X)[1]).sum(axis=-1)

    def linearize(self, theta: ArrayLike, X: ArrayLike) -> GradientLinearization:
        """Return the predictions and their gradients at theta."""
        keys, values = self.tokens(X)
        s = self.weights_of_tokens(theta, X)
        f = (s * values).sum(axis=-1)
        slopes = s * (values - f[..., None])
        return GradientLinearization(f, np.einsum("...it,itk->...ik", slopes, keys))
