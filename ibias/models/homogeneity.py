"""Margins of homogeneous networks: scaled by a power of the norm of the parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, parameters, require
from ibias.datasets import Dataset
from ibias.models.network import Network


def margins(net: Network, data: Dataset, theta: ArrayLike) -> np.ndarray:
    """Return q_i = y_i f(theta; x_i), shape (..., n_samples).

    Examples
    --------
    >>> from ibias.datasets import Dataset
    >>> from ibias.models import two_layer_relu
    >>> pair, net = Dataset([[2.0, 0.0], [0.0, 1.0]], [1, -1]), two_layer_relu(2, 2)
    >>> theta = np.array([1.0, 0.0, 0.0, 1.0, 1.0, -1.0])
    >>> margins(net, pair, theta)
    array([2., 1.])
    """
    require("net", net, Network, example="models.two_layer_relu(n_features, width)")
    require("data", data, Dataset)
    theta = parameters(finite_array("theta", theta, largest=np.inf), net)
    return data.y * net.predict(theta, data.X)


def _norm_power(net: Network, theta: ArrayLike) -> np.ndarray:
    """Return ||theta||^degree, shape (...); refuse theta = 0."""
    norms = np.linalg.norm(finite_array("theta", theta), axis=-1)
    if (norms == 0).any():
        raise ValueError(
            "theta is zero somewhere: a network of norm 0 has no normalised margin; start elsewhere"
        )
    return norms**net.degree


def normalized_margin(net: Network, data: Dataset, theta: ArrayLike) -> np.ndarray:
    """Return min_i q_i / ||theta||^degree, which does not change when theta is scaled.

    Raises ValueError for a network that is not homogeneous in theta, or theta = 0.

    Examples
    --------
    >>> from ibias.datasets import Dataset
    >>> from ibias.models import two_layer_relu
    >>> pair, net = Dataset([[2.0, 0.0], [0.0, 1.0]], [1, -1]), two_layer_relu(2, 2)
    >>> theta = np.array([1.0, 0.0, 0.0, 1.0, 1.0, -1.0])
    >>> [float(normalized_margin(net, pair, c * theta)) for c in (1, 10)]
    [0.25, 0.25]
    """
    return margins(net, data, theta).min(axis=-1) / _norm_power(net, theta)


def smoothed_margin(net: Network, data: Dataset, theta: ArrayLike) -> np.ndarray:
    """Return -log(sum_i exp(-q_i)) / ||theta||^degree, the margin with a soft minimum.

    At most the normalised margin, and at least that minus log(n) / ||theta||^degree. Along
    the gradient flow of the exponential loss it never decreases once it is positive (Lyu and
    Li 2020). The sum is over samples, not their mean: with the mean it would be
    no lower bound.

    Examples
    --------
    >>> from ibias.datasets import Dataset
    >>> from ibias.models import two_layer_relu
    >>> pair, net = Dataset([[2.0, 0.0], [0.0, 1.0]], [1, -1]), two_layer_relu(2, 2)
    >>> theta = np.array([1.0, 0.0, 0.0, 1.0, 1.0, -1.0])
    >>> [round(float(smoothed_margin(net, pair, c * theta)), 4) for c in (1, 10)]
    [0.1717, 0.25]
    """
    soft_minimum = -np.logaddexp.reduce(-margins(net, data, theta), axis=-1)
    return soft_minimum / _norm_power(net, theta)


def path_norm(net: Network, theta: ArrayLike) -> np.ndarray:
    """Return sum_j |a_j| ||w_j|| of a two-layer network, shape (...).

    With ReLUs this is the total weight of the neurons scaled to unit vectors, and at least the
    variation norm F1 of the function. It is at most ||theta||^2 / 2, with equality when every
    neuron has |a_j| = ||w_j||.

    Examples
    --------
    >>> from ibias.models import two_layer_relu
    >>> float(path_norm(two_layer_relu(2, 1), [3.0, 4.0, -2.0]))
    10.0
    """
    require("net", net, Network, example="models.two_layer_relu(n_features, width)")
    if net.depth != 2:
        raise ValueError(f"net must have two layers for the path norm; got {net}")
    W, a = net.layers(finite_array("theta", theta))
    return (np.abs(a[..., 0, :]) * np.linalg.norm(W, axis=-1)).sum(axis=-1)
