"""The smallest margin in a ball around an input, searched for by its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    finite_array,
    function,
    labels,
    parameters,
    positive,
    positive_integer,
    require,
    shown,
)
from ibias.models import Network
from ibias.trajectory import unit_or_zero


def attack(
    net: Network,
    theta: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    radius: float,
    n_steps: int = 10,
    slope: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Return inputs within `radius` of X, in the l2 norm, on which the margins y f are small.

    Projected gradient descent on the margin (Madry et al. 2018): steps of length
    2.5 radius / n_steps along minus the normalised gradient, and of all points on the way the
    worst is kept. For a linear predictor it is exact: the margin falls by radius * ||w||.

    Parameters
    ----------
    net : Network
        The model.
    theta : array, shape (..., n_parameters)
        Its parameters; axes before the last are a batch.
    X : array, shape (..., n_samples, n_features)
        The inputs, one set for all theta or one for each.
    y : array, shape (..., n_samples)
        Their labels.
    radius : float
        The radius of the ball.
    n_steps : int
        The number of steps.
    slope : callable, optional
        The derivative of a loss as a function of the margin: the gradient is multiplied by it
        before it is normalised. In exact arithmetic a decreasing loss changes nothing. Where
        the computed slope is zero, the input stays where it is.

    Returns
    -------
    array, shape (..., n_samples, n_features)

    Examples
    --------
    >>> from ibias.models import linear
    >>> attack(linear(2), [0.0, 2.0], [[3.0, 1.0]], [1.0], radius=0.5)
    array([[3. , 0.5]])
    """
    X, y = finite_array("X", X), labels("y", y)
    radius, n_steps = positive("radius", radius), positive_integer("n_steps", n_steps)
    require("net", net, Network, example="models.linear(n_features)")
    theta = parameters(finite_array("theta", theta), net)
    if slope is not None and isinstance(function("slope", slope, "loss.slope"), type):
        raise ValueError(f"slope must be a function of the margins; got {shown(slope)}")
    if X.ndim < 2 or y.shape[-1:] != X.shape[-2:-1]:
        raise ValueError(f"y has shape {y.shape}; give one label for each row of X, {X.shape}.")
    shape = (*np.broadcast_shapes(np.shape(theta)[:-1], X.shape[:-2]), *X.shape[-2:])
    here = np.broadcast_to(X, shape)
    found, lowest = here.copy(), np.full(shape[:-1], np.inf)
    for step in range(n_steps + 1):
        at = net.linearize(theta, here)
        margins = y * at.predictions
        lower = margins < lowest
        lowest, found[lower] = np.where(lower, margins, lowest), here[lower]
        if step == n_steps:
            return found
        downhill = -y[..., None] * at.input_gradients()
        if slope is not None:
            downhill = downhill * -slope(margins)[..., None]
        moved = here + 2.5 * radius / n_steps * unit_or_zero(downhill) - X
        length = np.linalg.norm(moved, axis=-1, keepdims=True)
        here = X + moved * np.minimum(1, radius / np.maximum(length, radius))
