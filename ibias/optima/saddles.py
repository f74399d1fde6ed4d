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
from ibias.optima._solver import require
from ibias.optima.small_scale import MAX_EVENTS, ROUNDING, next_at_the_top


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
        For bad input.
    RuntimeError
        If there is no end of jumps.

    Examples
    --------
    >>> path = saddle_path(Regression([[2.0, 0.0], [0.0, 1.0]], [2.0, 1.0]))
    >>> path.times, path.weights[1:]
    (array([0.125, 0.5  ]), array([[1., 0.],
           [1., 1.]]))
    """
    X, y = require("data", data, Regression).X, data.y
    M, active = np.zeros(data.n_features), np.array([], dtype=int)
    w, now, smallest = np.zeros(data.n_features), 0.0, ROUNDING * np.abs(X.T @ y).max()
    unit = 4 * np.abs(X.T @ y).max() / len(y)
    times, weights = [], [w]
    for _ in range(MAX_EVENTS):
        slope = 4 * X.T @ (y - X @ w) / len(y)
        slope[active] = 0.0
        if np.abs(slope).max(initial=0.0) <= smallest:
            columns = np.array(weights)
            risks = ((y - columns @ X.T) ** 2).mean(axis=1) / 2
            return SaddlePath(read_only(np.array(times)), read_only(columns), read_only(risks))
        closing = np.abs(slope) / unit  # so that small numbers are small beside the first slopes
        wait, newcomer = next_at_the_top(1 - np.abs(M), closing, M, slope, active)
        wait = wait / unit
        M, now = M + wait * slope, now + wait
        active = np.append(active, newcomer)
        M[active] = np.sign(M[active])
        size = nnls(X[:, active] * M[active], y)[0]
        w = np.zeros(data.n_features)
        w[active] = M[active] * size
        active = active[size > ROUNDING * size.max()]
        times.append(now)
        weights.append(w)
    raise RuntimeError(f"more than {MAX_EVENTS} jumps; the data may hold a feature twice.")
