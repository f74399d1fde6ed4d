"""Where the gradient flow of weight normalisation ends, in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ibias._validate import positive, read_only, require
from ibias.datasets import Regression
from ibias.datasets.rows import lengths, nearest_power, units
from ibias.optima._equations import Twofold, orthonormal
from ibias.optima._norms import power_of_two
from ibias.optima._predictor import LinearRegressor
from ibias.optima.interpolation import FIT, initial_point, min_norm

LAW = 1e-9  # the largest relative error of the final length that is returned
EXTREME = 1e250  # a rate is refused that is as many times the squared size of w
LATE = 500.0  # an x from which on nothing is left across
ROUNDED = 1 / 256  # a part across that is shorter, in roundings of w, is none


@dataclass(frozen=True, eq=False)
class WeightNormalizedInterpolant(LinearRegressor):
    """The interpolant that the flow of w = g v/||v|| selects.

    Attributes
    ----------
    w : array, shape (n_features,)
        The least-norm interpolant plus `excess`.
    length : float
        ||w||, the final g.
    excess : array, shape (n_features,)
        The part of w across the data.
    residual : float
        The Euclidean norm of X w - y.
    """

    w: np.ndarray
    length: float
    excess: np.ndarray
    residual: float


def weight_normalized_interpolant(
    data: Regression, *, start: ArrayLike, rate: float = 1.0
) -> WeightNormalizedInterpolant:
    """Return the interpolant that conserves (part of v/||v|| across the data) * e^(g^2/(2 rate)).

    Along the flow s' = -g (I - s s^T) grad, g' = -rate <s, grad>, with s = v/||v|| and
    ||v|| = 1, the part of s across the data is multiplied by e^((g_0^2 - g^2)/(2 rate))
    (Wu et al. 2020). Together with ||w||^2 = ||w_min||^2 + ||excess||^2 this is one equation
    for the final length, and it has one root. Where a short g crosses zero on the way and ends
    negative, the flow's excess has the opposite sign; its length is the same.

    Parameters
    ----------
    data : Regression
        Targets that some w fits, not all zero.
    start : array, shape (n_features,)
        w at the start, not zero. Within 1/256 of a rounding of the span of the samples it counts
        as in it, and there is no excess.
    rate : float
        The step size of g over that of v.

    Raises
    ------
    ValueError
        For bad input, and if no w fits the targets.
    RuntimeError
        If the length is found only roughly, or if a rounding of the start would be seen in w.

    Examples
    --------
    >>> line = Regression([[1.0, 0.0]], [1.0])
    >>> limits = [weight_normalized_interpolant(line, start=[c, c]).w for c in (0.01, 1.0)]
    >>> np.round(limits, 4)
    array([[1.    , 0.4258],
           [1.    , 1.    ]])
    """
    require("data", data, Regression)
    rate = positive("rate", rate)
    w0 = initial_point("start", start, data.n_features)
    if not w0.any():
        raise ValueError("start is zero: it has no direction. Give another w.")
    shortest = min_norm(data)
    equation = units(data.X)  # each counts alike, however short its sample is
    missed = np.linalg.norm((data.X @ shortest.w - data.y) / equation)
    if not shortest.w.any() or missed > FIT * np.linalg.norm(data.y / equation):
        raise ValueError(
            "data: the targets must be fitted by some w other than zero; choose other targets."
        )
    # In units of the longer one. A rate is a squared length.
    unit = power_of_two(max(np.abs(shortest.w).max(), np.abs(w0).max()))
    w_min, w0, given, rate = shortest.w / unit, w0 / unit, rate, rate / unit / unit
    if not 1 / EXTREME < rate < EXTREME:
        raise RuntimeError(_far_off(given, unit))
    m, g0 = float(np.linalg.norm(w_min)), float(np.linalg.norm(w0))
    across, along, blur = (part / g0 for part in _across(data.X, w0))
    b = float(np.linalg.norm(across))

    # With x = (g^2 - g0^2) / rate - 2 log b the part across the rows is g e^(-x/2) long.
    log_b = 0.0 if b == 0 else np.log(b) if b < along else np.log1p(-(along**2)) / 2
    offset = g0**2 + 2 * rate * log_b if b > 0 else 0.0

    def surplus(square: float, x: float) -> float:
        return square * -np.expm1(-x) - m**2

    g, excess, unsure = m, 0 * across, 0.0
    if b > 0:
        # Of x and g^2 = offset + rate x, the unknown is the one in which nothing cancels. The
        # surplus is negative at the lower bound, or rounding there, and increases.
        if offset >= 0:
            x = _zero(lambda x: surplus(offset + rate * x, x), 0.0, 1.0)
            square = offset + rate * x
        else:
            square = _zero(lambda G: surplus(G, (G - offset) / rate), m**2, 2 * m**2)
            x = (square - offset) / rate
        g = float(np.sqrt(square))
        excess = g * np.exp(-x / 2) * across / b
        # What roundings of the offset make of g: d log g^2 = h d x, with 1 / h = e^x - 1.
        rounded = np.finfo(float).eps * (g0**2 + 2 * rate * abs(log_b)) / rate
        unsure = rounded / (np.expm1(x) + square / rate) if x < LATE else 0.0
    lost = np.linalg.norm(excess) * (blur / b if b > 0 else 0.0)
    if not lost <= LAW * g:
        raise RuntimeError(
            f"start: it lies in the span of the samples but for {b:.0e} of its length, next to"
            f" rounding, and at rate={given:g} that grows to a part of w. Take a start farther from"
            " the span, or a larger rate."
        )
    drift = abs(np.linalg.norm(w_min + excess) / g - 1) + unsure
    if not drift <= LAW:
        raise RuntimeError(_far_off(given, unit, f" (off by {drift:.1e} of it)"))
    g, excess = unit * g, unit * excess
    w = shortest.w + excess
    return WeightNormalizedInterpolant(
        w=read_only(w),
        length=float(g),
        excess=read_only(excess),
        residual=float(np.linalg.norm(data.X @ w - data.y)),
    )


def _zero(increasing: Callable[[float], float], least: float, most: float) -> float:
    """Return where a function is zero that is not above zero at `least`, but for rounding."""
    if increasing(least) >= 0:
        return least
    while increasing(most) < 0:
        most *= 2
    return float(brentq(increasing, least, most, xtol=1e-300, rtol=1e-14, maxiter=5000))


def _across(X: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the part of w across all samples, how long the rest is, and what rounding makes of it.

    It is taken off in twofold numbers: a w in the span of the samples has none. A rounding of w
    makes the last of the three numbers of it.
    """
    rows = X / nearest_power(lengths(X))  # nothing is rounded here
    exact = orthonormal(rows, np.zeros(len(rows)))
    if len(exact.rows) == len(w):
        return np.zeros_like(w), float(np.linalg.norm(w)), 0.0
    left = exact.across(w)
    # Where each entry of w has a relative error e, the part across has e ||P diag(w)||.
    free = (1 - (exact.rows**2).sum(axis=0)).clip(0.0)
    blur = float(np.finfo(float).eps * np.sqrt((w**2 * free).sum()))
    across, along = left.high, float(np.linalg.norm((Twofold.of(w) - left).high))
    if not np.linalg.norm(across) > ROUNDED * blur:
        return 0 * across, along, 0.0
    return across, along, blur


def _far_off(rate: float, unit: float, how: str = "") -> str:
    """Return the message for a length that float64 does not find."""
    return (
        f"rate={rate:g}: the final length was not found{how}. Take a rate nearer to ({unit:.0e})^2,"
        " the squared size of w, or a start whose length is nearer to that of the least-norm"
        " interpolant."
    )
