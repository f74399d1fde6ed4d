"""Fully connected networks with one output, gradients written by hand.

    f(theta; x) = W_D s(W_{D-1} ... s(W_1 x)),    theta = (W_1, ..., W_D)

The parameters are one flat vector, layer after layer and row after row. Every method takes
a stack of them: axes before the last are a batch (seeds, starts, times).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    batch_axes,
    chance,
    choice,
    finite_array,
    numbers,
    one_by_one,
    parameters,
    positive,
    positive_integer,
)


def _positive_part(z: np.ndarray) -> np.ndarray:
    """Return z where its real part is positive, else 0; complex z are for the tests."""
    return z * (z.real > 0)


def _softplus(z: np.ndarray) -> np.ndarray:
    """Return log(1 + exp(z)), exponentiating only what is at most 1."""
    return _positive_part(z) + np.log(1 + np.exp(np.where(z.real > 0, -z, z)))


# name: (s, s', the degree of s, or None where s is not homogeneous)
ACTIVATIONS = {
    "linear": (lambda z: z, np.ones_like, 1),
    "relu": (_positive_part, lambda z: (z.real > 0) * 1.0, 1),
    "squared_relu": (lambda z: _positive_part(z) ** 2, lambda z: 2 * _positive_part(z), 2),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, None),
    "softplus": (_softplus, lambda z: (1 + np.tanh(z / 2)) / 2, None),
}
LARGEST_DEPTH = 100_000  # layers, which are a list
BIASES = ("none", "first", "all")


@dataclass(frozen=True, eq=False)
class Linearization:
    """A network at one theta and its derivative there, ready to be applied many times.

    Attributes
    ----------
    predictions : array, shape (..., n_samples)
        f(theta; x_i).
    inputs : tuple of arrays, shape (..., n_samples, fan_in)
        What enters each layer.
    sensitivities : tuple of arrays, shape (..., n_samples, fan_out)
        The derivative of f(theta; x_i) with respect to what each layer puts out.
    first_layer : array, shape (..., width, n_features)
        W_1 without its bias.
    """

    predictions: np.ndarray
    inputs: tuple[np.ndarray, ...]
    sensitivities: tuple[np.ndarray, ...]
    first_layer: np.ndarray

    def vjp(self, v: ArrayLike) -> np.ndarray:
        """Return sum_i v_i grad f(theta; x_i), shape (..., n_parameters)."""
        weighted = np.asarray(v)[..., None]
        blocks = [
            (weighted * delta).swapaxes(-1, -2) @ entering
            for entering, delta in zip(self.inputs, self.sensitivities, strict=True)
        ]
        return np.concatenate([b.reshape(*b.shape[:-2], -1) for b in blocks], axis=-1)

    def jacobian(self) -> np.ndarray:
        """Return grad f(theta; x_i) for every i, shape (..., n_samples, n_parameters)."""
        blocks = [
            delta[..., :, None] * entering[..., None, :]
            for entering, delta in zip(self.inputs, self.sensitivities, strict=True)
        ]
        return np.concatenate([b.reshape(*b.shape[:-2], -1) for b in blocks], axis=-1)

    def input_gradients(self) -> np.ndarray:
        """Return grad_x f(theta; x_i), the derivative in the input, (..., n_samples, d)."""
        return self.sensitivities[0] @ self.first_layer

    def squared_gradient_norms(self) -> np.ndarray:
        """Return ||grad f(theta; x_i)||^2, shape (..., n_samples), without the Jacobian."""
        return sum(
            (delta**2).sum(axis=-1) * (entering**2).sum(axis=-1)
            for entering, delta in zip(self.inputs, self.sensitivities, strict=True)
        )


@dataclass(frozen=True)
class Network:
    """A fully connected network with one output.

    Parameters
    ----------
    widths : tuple of int
        The input dimension, the hidden widths, and 1: ``(d, h, 1)`` is a two-layer net.
    activation : str
        linear, relu, squared_relu (homogeneous), tanh or softplus (not homogeneous).
        The derivative of relu at 0 is taken to be 0.
    bias : str
        none; first: a bias in the first layer only, as one more column of W_1; all.

    Examples
    --------
    >>> net = Network((2, 3, 1), "relu")
    >>> theta = np.array([1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0])
    >>> net.predict(theta, [[3.0, 4.0]])
    array([11.])
    >>> bool(net.predict(2 * theta, [[3.0, 4.0]]) == 2**net.degree * 11)
    True
    """

    widths: tuple[int, ...]
    activation: str = "relu"
    bias: str = "none"

    def __post_init__(self) -> None:
        widths = tuple(
            positive_integer("widths", width) for width in one_by_one("widths", self.widths)
        )
        if len(widths) < 2 or widths[-1] != 1:
            raise ValueError(
                f"widths must run from the input dimension to 1 output; got {self.widths}"
            )
        object.__setattr__(self, "widths", widths)
        choice("activation", self.activation, tuple(ACTIVATIONS))
        choice("bias", self.bias, BIASES)

    @property
    def depth(self) -> int:
        """The number of layers of weights."""
        return len(self.widths) - 1

    def _has_bias(self, layer: int) -> bool:
        return self.bias == "all" or (self.bias == "first" and layer == 0)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The shapes of W_1, ..., W_D; a bias is the last column."""
        return tuple(
            (fan_out, fan_in + self._has_bias(layer))
            for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths))
        )

    @cached_property
    def n_parameters(self) -> int:
        """The length of theta."""
        return sum(rows * columns for rows, columns in self.shapes)

    @property
    def degree(self) -> int:
        """The degree of homogeneity: f(c theta; x) = c^degree f(theta; x) for c > 0.

        Raises
        ------
        ValueError
            Where the network is not homogeneous in theta.
        """
        power = ACTIVATIONS[self.activation][2]
        if self.depth > 1 and (power is None or self.bias == "all"):
            raise ValueError(
                f"a network with activation {self.activation!r} and bias {self.bias!r} is not"
                " homogeneous in theta; use relu or linear, and a bias in the first layer only."
            )
        degree = 1
        for _ in range(self.depth - 1):
            degree = degree * power + 1
        return degree

    def layers(self, theta: ArrayLike) -> list[np.ndarray]:
        """Return W_1, ..., W_D, each of shape (..., fan_out, fan_in), as views of theta."""
        theta = parameters(theta, self, dtype=None)
        blocks, start = [], 0
        for shape in self.shapes:
            stop = start + shape[0] * shape[1]
            blocks.append(theta[..., start:stop].reshape(*theta.shape[:-1], *shape))
            start = stop
        return blocks

    def flatten(self, layers: list[ArrayLike]) -> np.ndarray:
        """Return theta, shape (..., n_parameters), from W_1, ..., W_D."""
        arrays = [finite_array("layers", W) for W in one_by_one("layers", layers)]
        if tuple(W.shape[-2:] for W in arrays) != self.shapes:
            raise ValueError(
                f"layers have shapes {[W.shape for W in arrays]}; expected {list(self.shapes)}"
            )
        return np.concatenate([W.reshape(*W.shape[:-2], -1) for W in arrays], axis=-1)

    def random(self, rng: np.random.Generator, scale: float = 1.0, batch: tuple = ()) -> np.ndarray:
        """Return theta with independent entries N(0, scale^2 / fan_in), shape batch + (P,)."""
        rng, scale, batch = chance(rng), positive("scale", scale), batch_axes(batch)
        draws = [
            rng.standard_normal((*batch, *shape)) * (scale / np.sqrt(shape[1]))
            for shape in self.shapes
        ]
        return self.flatten(draws)

    def _forward(
        self, theta: ArrayLike, X: ArrayLike
    ) -> tuple[np.ndarray, list, list[np.ndarray], list[np.ndarray]]:
        """Return the output, the matrices, what enters each layer and what leaves it."""
        X = numbers("X", X)
        if X.ndim < 2 or X.shape[-1] != self.widths[0]:
            raise ValueError(
                f"X has shape {X.shape}; this network takes (..., n_samples, {self.widths[0]})"
            )
        act = ACTIVATIONS[self.activation][0]
        layers, entering, leaving = self.layers(theta), [], []
        hidden = X
        for layer, W in enumerate(layers):
            if self._has_bias(layer):
                hidden = np.concatenate([hidden, np.ones_like(hidden[..., :1])], axis=-1)
            entering.append(hidden)
            leaving.append(hidden @ W.swapaxes(-1, -2))
            hidden = act(leaving[-1])
        return leaving[-1][..., 0], layers, entering, leaving

    def predict(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return f(theta; x_i), shape (..., n_samples), for X of shape (n_samples, d).

        X may have the batch axes of theta too: then each theta has its own inputs.
        """
        return self._forward(theta, X)[0]

    def hidden(self, theta: ArrayLike, X: ArrayLike) -> list[np.ndarray]:
        """Return what each hidden layer takes into its activation, (..., n_samples, width)."""
        return self._forward(theta, X)[3][:-1]

    def linearize(self, theta: ArrayLike, X: ArrayLike) -> Linearization:
        """Return the predictions and the derivative at theta: one pass forward, one back."""
        slope = ACTIVATIONS[self.activation][1]
        predictions, layers, entering, leaving = self._forward(theta, X)
        delta = np.ones_like(leaving[-1])
        sensitivities = [delta]
        for layer in range(self.depth - 1, 0, -1):
            W = layers[layer][..., : self.widths[layer]]
            delta = (delta @ W) * slope(leaving[layer - 1])
            sensitivities.append(delta)
        first_layer = layers[0][..., : self.widths[0]]
        return Linearization(predictions, tuple(entering), tuple(sensitivities[::-1]), first_layer)

    def vjp(self, theta: ArrayLike, X: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Return sum_i v_i grad_theta f(theta; x_i), shape (..., n_parameters).

        theta is (..., n_parameters), X is (n_samples, d) and v is (..., n_samples).
        """
        at, v = self.linearize(theta, X), numbers("v", v)
        if v.shape[-1:] != at.predictions.shape[-1:]:
            raise ValueError(
                f"v has shape {v.shape}; its last axis must hold one number for each of the"
                f" {at.predictions.shape[-1]} samples."
            )
        return at.vjp(v)


def linear(n_features: int) -> Network:
    """Return f(w; x) = <w, x>, of degree 1.

    Examples
    --------
    >>> linear(3).predict([1.0, 2.0, 0.0], [[1.0, 1.0, 1.0]])
    array([3.])
    """
    return Network(_layers(n_features, 1, 1), "linear")


def deep_linear(n_features: int, width: int, depth: int) -> Network:
    """Return f(theta; x) = W_D ... W_1 x with hidden layers of one width, of degree `depth`.

    >>> deep_linear(3, 5, 1) == linear(3)
    True
    """
    return Network(_layers(n_features, width, depth), "linear")


def two_layer_relu(n_features: int, width: int, bias: str = "none") -> Network:
    """Return f(theta; x) = sum_j a_j max(<w_j, x>, 0), of degree 2.

    theta holds the neurons w_1, ..., w_width and then the output weights a.

    Examples
    --------
    >>> net = two_layer_relu(2, 1)
    >>> net.predict([1.0, 0.0, 3.0], [[2.0, 5.0], [-2.0, 5.0]])
    array([6., 0.])
    """
    return Network(_layers(n_features, width, 2), "relu", bias)


def deep_relu(n_features: int, width: int, depth: int) -> Network:
    """Return the ReLU network of `depth` layers without biases, of degree `depth`.

    Examples
    --------
    >>> deep_relu(2, 5, depth=3).widths
    (2, 5, 5, 1)
    """
    return Network(_layers(n_features, width, depth), "relu")


def _layers(n_features: int, width: int, depth: int) -> tuple[int, ...]:
    """Return the widths of `depth` layers, all hidden ones the same."""
    n_features = positive_integer("n_features", n_features)
    width, depth = positive_integer("width", width), positive_integer("depth", depth, LARGEST_DEPTH)
    return (n_features, *[width] * (depth - 1), 1)
