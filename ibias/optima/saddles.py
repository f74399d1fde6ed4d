"""Diagonal networks on a regression: the saddles that training visits from a vanishing start.

Pesme and Flammarion (2023). The gradient flow of w = u^2 - v^2 from u = v = scale moves the
mirror image m = arcsinh(w / 2 scale^2) / 4 (`potentials.HyperbolicEntropy`) along minus the
gradient of the risk. In the clock T = t / log(1 / scale^2) and the units of `small_scale`,

    M = 4 m / log(1 / scale^2),    dM/dT = 4 X^T (y - X w) / n,

weights are zero where |M_j| < 1, and the others minimise the risk at once, each with the sign
of its M_j. So w rests while M moves on a straight line, and jumps when another |M_j| reaches 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from ibias._validate import read_only
from ibias.datasets import Regression
from ibias.optima._norms import power_of_two
from ibias.optima._solver import require
from ibias.optima.small_scale import MAX_EVENTS, next_at_the_top

RESOLVED = 16 * np.finfo(float).eps  # of a sum, by terms: what is smaller is rounding


@dataclass(frozen=True, eq=False)
class SaddlePath:
    """Where the flow rests as its start shrinks to zero, and when it jumps.

    Attributes
    ----------
    times : array, shape (n_jumps,)
        The jumps, as multiples of log(1 / scale^2).
    weights : array, shape (n_jumps + 1, n_features)
        w before the first jump, which is zero, and after each.
    risks : array, shape (n_jumps + 1,)
        The risks of these, falling; the last is the least.
    """

    times: np.ndarray
    weights: np.ndarray
    risks: np.ndarray


def saddle_path(data: Regression) -> SaddlePath:
    """Return the saddles between which the flow of a diagonal network of depth two jumps.

    Parameters
    ----------
    data : Regression
        In general position: no two weights wake up at the same moment. Its risk is the mean
        of (<x_i, w> - y_i)^2 / 2.

    Raises
    ------
    ValueError
        For bad input, and for data so small that times or weights overflow.
    RuntimeError
        If there is no end of jumps, or if rounding decides whether a weight wakes up.

    Examples
    --------
    >>> path = saddle_path(Regression([[2.0, 0.0], [0.0, 1.0]], [2.0, 1.0]))
    >>> path.times, path.weights[1:]
    (array([0.125, 0.5  ]), array([[1., 0.],
           [1., 1.]]))
    """
    X, y = require("data", data, Regression).X, data.y
    size, target = power_of_two(np.abs(X).max()), power_of_two(np.abs(y).max())
    times, weights = _jumps(X / size, y / target)
    with np.errstate(over="ignore"):
        times, weights = times / size / target, weights / size * target
    if not (np.isfinite(times).all() and np.isfinite(weights).all()):
        raise ValueError(
            f"data: times or weights of the path are no numbers in double precision. Divide X by"
            f" {size:.0e} and y by {target:.0e}."
        )
    risks = ((y - weights @ X.T) ** 2).mean(axis=1) / 2
    return SaddlePath(read_only(times), read_only(weights), read_only(risks))


def _jumps(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of the jumps, and w before the first and after each; X and y of order one.

    A slope is zero where it is the rounding of its sum. Nothing larger is: a feature or a sample
    that is small beside the others wakes a weight up late, and no less surely.
    """
    M, active = np.zeros(X.shape[1]), np.array([], dtype=int)
    w, now = np.zeros(X.shape[1]), 0.0
    unit = 4 * np.abs(X.T @ y).max() / len(y)
    times, weights = [], [w]
    for _ in range(MAX_EVENTS):
        slope = 4 * X.T @ (y - X @ w) / len(y)
        slope[active] = 0.0
        sums = 4 * np.abs(X.T) @ (np.abs(y) + np.abs(X) @ np.abs(w)) / len(y)
        slope[np.abs(slope) <= RESOLVED * max(X.shape) * sums] = 0.0
        if not slope.any():
            return np.array(times), np.array(weights)
        closing = np.abs(slope) / unit  # beside the first slopes
        fastest = power_of_two(closing.max())
        wait, newcomer = next_at_the_top(1 - np.abs(M), closing / fastest, M, slope, active)
        wait = wait / fastest / unit
        M, now = M + wait * slope, now + wait
        active = np.append(active, newcomer)
        M[active] = np.sign(M[active])
        size = _least_squares(X[:, active] * M[active], y)
        if not size[-1] > 0:
            raise RuntimeError(
                f"data: rounding decides whether weight {newcomer} wakes up. Drop that feature, or"
                " one that nearly repeats it."
            )
        w = np.zeros(X.shape[1])
        w[active] = M[active] * size
        parts = size * np.abs(X[:, active]).max(axis=0)
        active = active[parts > RESOLVED * parts.max()]
        times.append(now)
        weights.append(w)
    raise RuntimeError(f"more than {MAX_EVENTS} jumps; the data may hold a feature twice.")


def _least_squares(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the w >= 0 that fits best."""
    try:
        return nnls(X, y)[0]
    except RuntimeError as error:  # it went round in circles
        raise RuntimeError(
            f"data: the best fit of {X.shape[1]} weights was not found in double precision. Drop"
            " features that nearly repeat others."
        ) from error
