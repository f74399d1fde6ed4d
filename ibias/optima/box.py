"""The least risk in a box, which is where decoupled decay ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ibias._validate import LARGEST, positive, read_only
from ibias.datasets import Dataset
from ibias.losses import MarginLoss, is_convex, named
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums

GAP = 1e-8  # the largest excess in log risk that is returned, relative to log risk beyond one
GROWTH = 4.0  # of the weight of the risk beside the barrier, from one stage to the next
STAGES, NEWTON, HALVINGS = 60, 60, 40
EVEN = 100.0  # the first slope of the weighted log risk beside that of the barrier, and its inverse
WALL = 1e-14  # the distance from a wall below which rounding counts
DECREMENT = 1e-6  # of Newton's method, where a stage has arrived
Slopes = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class BoxMinimiser(LinearClassifier):
    """The minimiser of the risk over all w with |w_j| <= radius.

    Attributes
    ----------
    w : array, shape (n_features,)
        Inside the box. Where the minimiser is not unique it is one of them.
    log_risk : float
        The logarithm of its risk.
    duality_gap : float
        With g = grad log risk(w), it is <g, w> + radius ||g||_1: the risk of w exceeds the least
        one by at most this times itself, because the risk is convex.
    """

    w: np.ndarray
    log_risk: float
    duality_gap: float


def box_minimiser(
    data: Dataset, *, radius: float, loss: str | MarginLoss = "logistic"
) -> BoxMinimiser:
    """Return the least risk in the box of a radius, by a barrier at its walls.

    It is where Adam, Lion and Signum with decoupled decay 1/radius end (Xie and Li 2024), and
    grows with the radius towards the largest l_inf margin. Everything is kept in logarithms.

    Parameters
    ----------
    data : Dataset
        Separable or not.
    radius : float
        Above zero.
    loss : str or MarginLoss
        "logistic", "exponential", or a convex instance.

    Raises
    ------
    ValueError
        For bad input, by name, for a loss that is not convex, and for margins that overflow.
    RuntimeError
        If the certificate stays above 1e-8 (times the size of log risk, where that is above one).

    Examples
    --------
    >>> from ibias import datasets
    >>> box_minimiser(datasets.symmetric_pair(), radius=3.0).w.round(6)
    array([3., 3.])
    """
    Z, loss, radius = require("data", data, Dataset).Z, named(loss), positive("radius", radius)
    if not is_convex(loss):
        raise ValueError(f"loss: {loss} is not convex, and a box may hold several minimisers.")
    largest, n = float(np.abs(Z).max()), len(Z)
    if radius * largest > LARGEST:
        raise ValueError(
            f"radius={radius:g}: for entries of data of size {largest:.0e} the squares of the"
            f" margins in the box are no numbers in double precision. {_nearer(largest)}"
        )
    scaled = radius * Z  # of v = w / radius, in the box of radius one

    def shares(u: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the logarithm of the risk at the margins u, and p: its gradient is -p @ Z."""
        log_risk = np.logaddexp.reduce(loss.log_value(u)) - np.log(n)
        return float(log_risk), np.exp(loss.log_slope(u) - log_risk) / n

    def slopes(v: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the logarithm of the risk, its gradient, and its second derivative."""
        u = scaled @ v
        log_risk, p = shares(u)
        g = -p @ scaled
        curvature = (-p * loss.log_slope_derivative(u) * scaled.T) @ scaled
        return log_risk, g, curvature

    def certified(w: np.ndarray) -> tuple[float, float, float]:
        """Return log risk and the duality gap of w itself, rounded as it is, and the gap's error.

        A margin u_i that is rounded once changes the logarithm of p_i by eps |u_i|.
        """
        u = exact_sums(Z, [w])
        log_risk, p = shares(u)
        g = -exact_sums(Z.T, [p])
        walls = radius + np.sign(g) * w
        error = np.finfo(float).eps * (p * (1 + np.abs(u))) @ np.abs(Z) @ walls
        return log_risk, float(np.abs(g) @ walls), float(error)

    size = max(radius * largest, 1 / LARGEST)
    # Where Newton's method jumps over the minimum from zero, it is led there by small steps.
    for weight in (float(np.clip(1 / radius, 1 / size / EVEN, EVEN / size)), 1 / size**2):
        v = np.zeros(Z.shape[1])
        for _ in range(STAGES):
            v = _centred(slopes, v, weight)
            w = radius * v
            log_risk, gap, error = certified(w)
            if gap + error <= GAP * max(1.0, abs(log_risk)):
                return BoxMinimiser(read_only(w), log_risk, gap)
            weight *= GROWTH
    raise RuntimeError(
        f"radius={radius:g}: the least risk in the box was found up to a relative excess of"
        f" {gap + error:.1e} only. {_nearer(largest)}"
    )


def _nearer(largest: float) -> str:
    """Return what to do about a box in which margins are too large."""
    return f"To go on, take a radius next to {1 / largest:.0e}."


def _centred(slopes: Slopes, v: np.ndarray, weight: float) -> np.ndarray:
    """Return the minimiser of weight log risk(v) - sum log(1 - v_j^2), by Newton's method.

    A step is halved until its end is not far uphill. Slopes say so to rounding; values do not.
    """

    def at(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inside = 1 - v**2
        _, g, curvature = slopes(v)
        return weight * g + 2 * v / inside, g, curvature

    slope, g, curvature = at(v)
    for _ in range(NEWTON):
        barrier = np.diag(2 * (1 + v**2) / (1 - v**2) ** 2)
        # The logarithm of a convex risk need not be convex.
        for bend in (curvature - np.outer(g, g), curvature):
            try:
                move = -cho_solve(cho_factor(weight * bend + barrier), slope)
                break
            except LinAlgError:
                continue
        else:
            return v  # the caller's certificate says how far this is from the minimum
        decrement = -slope @ move
        if decrement <= DECREMENT:
            return v
        for step in 2.0 ** -np.arange(HALVINGS):
            there = v + step * move
            if (1 - there**2 > WALL).all():
                slope, g, curvature = at(there)
                if slope @ move <= 0.5 * decrement:
                    break
        else:
            return v
        v = there
    return v
