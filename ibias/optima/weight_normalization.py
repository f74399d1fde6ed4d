"""Where the gradient flow of weight normalisation ends, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ibias._validate import positive, read_only
from ibias.datasets import Regression
from ibias.datasets.rows import lengths
from ibias.optima._predictor import LinearRegressor
from ibias.optima.interpolation import RANK, initial_point, min_norm

LAW = 1e-9  # the largest relative error of the final length that is returned


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
        w at the start, not zero.
    rate : float
        The step size of g over that of v.

    Raises
    ------
    ValueError
        For bad input, and if no w fits the targets.

    Examples
    --------
    >>> line = Regression([[1.0, 0.0]], [1.0])
    >>> limits = [weight_normalized_interpolant(line, start=[c, c]).w for c in (0.01, 1.0)]
    >>> np.round(limits, 4)
    array([[1.    , 0.4258],
           [1.    , 1.    ]])
    """
    rate = positive("rate", rate)
    w0 = initial_point("start", start, data.n_features)
    shortest = min_norm(data)
    m = float(np.linalg.norm(shortest.w))
    if shortest.residual > 1e-9 * np.linalg.norm(data.y) or m == 0:
        raise ValueError("the targets must be fitted by some w other than zero; choose others.")
    g0 = float(np.linalg.norm(w0))
    if g0 == 0:
        raise ValueError("start is zero: it has no direction. Give another w.")
    _, size, rows = np.linalg.svd(data.X / lengths(data.X), full_matrices=False)
    rows = rows[size > RANK * size[0]]  # samples may repeat each other
    across = (w0 - rows.T @ (rows @ w0)) / g0
    across -= rows.T @ (rows @ across)
    across *= len(rows) < len(w0)
    b = float(np.linalg.norm(across))

    # With x = (g^2 - g0^2) / rate - 2 log b the part across the rows is g e^(-x/2) long.
    offset = g0**2 + 2 * rate * np.log(b) if b > 0 else 0.0

    def surplus(x: float) -> float:
        return (offset + rate * x) * -np.expm1(-x) - m**2

    g, excess = m, 0 * across
    if b > 0:
        # Below either bound the surplus is negative; from there on it increases.
        least, most = (0.0, 1.0) if offset >= 0 else ((m**2 - offset) / rate, 0.0)
        if offset < 0 and surplus(least) >= 0:
            x = least
        else:
            most = max(most, 2 * least)
            while surplus(most) < 0:
                most *= 2
            x = brentq(surplus, least, most, xtol=1e-300, rtol=1e-14, maxiter=5000)
        g = float(np.sqrt(offset + rate * x))
        excess = g * np.exp(-x / 2) * across / b
    drift = abs(np.linalg.norm(shortest.w + excess) - g)
    if not drift <= LAW * g:
        raise RuntimeError(
            f"rate={rate:g}: the final length {g:.3g} was found only to {drift:.1e}. Take a larger"
            " rate, or a start whose length is nearer to that of the least-norm interpolant."
        )
    w = shortest.w + excess
    return WeightNormalizedInterpolant(
        w=read_only(w),
        length=float(g),
        excess=read_only(excess),
        residual=float(np.linalg.norm(data.X @ w - data.y)),
    )
