"""The interpolant nearest to a start in a Bregman divergence: where mirror descent goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Regression
from ibias.datasets.rows import nearest_power, units
from ibias.optima._dual_newton import ERROR, Projection
from ibias.optima._equations import nearly_repeat, open_question, orthonormal
from ibias.optima._norms import Extended, least_squares
from ibias.optima._predictor import LinearRegressor
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima.interpolation import FIT
from ibias.potentials import Potential

SMALLEST = 1e-300  # potentials and mirror images below this have lost their digits


@dataclass(frozen=True, eq=False)
class BregmanProjection(LinearRegressor):
    """The solution of min D_psi(w, start) subject to X w = y.

    Attributes
    ----------
    w : array, shape (n_features,)
        The solution. Exactly these are the optimality conditions: X w = y, and the mirror
        images of w and start differ by X^T dual_variables.
    start : array, shape (n_features,)
        The point that is projected.
    divergence : float
        D_psi(w, start), to the rounding of psi(w).
    dual_variables : array, shape (n_samples,)
        Multipliers of the equations.
    residual : float
        The Euclidean norm of X w - y. Where `w` is made from the multipliers, all rounding is
        here.
    duality_gap : float
        |<dual_variables, X w - y>|, the difference of D_psi(w, start) and the dual objective.
        Where samples nearly repeat others, it is that of equivalent orthonormal equations.
    error_estimate : float
        How far `w` is from the solution, in the Euclidean norm: the next Newton step, or what
        the given equations ask beside it.
    """

    w: np.ndarray
    start: np.ndarray
    divergence: float
    dual_variables: np.ndarray
    residual: float
    duality_gap: float
    error_estimate: float


def bregman_projection(
    data: Regression, *, potential: Potential, start: ArrayLike | None = None
) -> BregmanProjection:
    """Return the Bregman projection of `start` onto the interpolants {w : X w = y}.

    It is the limit of mirror descent from `start`, for any loss that is smallest at X w = y
    (Gunasekar et al. 2018, Theorem 1). Solved in its dual, by Newton's method for
    max_a <a, y> - psi*(m + X^T a), with m the mirror image of the start.

    Parameters
    ----------
    data : Regression
        Inputs and targets that some w fits. A sample that follows from others but for roundings
        of their entries is no equation of its own.
    potential : Potential
        For instance ``potentials.NegativeEntropy()``.
    start : array, shape (n_features,), optional
        The minimiser of the potential, if not given: then psi itself is minimised.

    Raises
    ------
    ValueError
        For bad input, and if no w fits the targets.
    RuntimeError
        If Newton's method does not converge: no w where the potential is finite fits, or only
        one on the boundary. If rounding leaves open whether a sample depends on others.

    Examples
    --------
    >>> from ibias.potentials import NegativeEntropy
    >>> data = Regression([[1.0, 2.0]], [1.0])
    >>> bregman_projection(data, potential=NegativeEntropy(), start=[1, 1]).w.round(6)
    array([0.5 , 0.25])
    """
    X, y = require("data", data, Regression).X, data.y
    require("potential", potential, Potential, "potentials.NegativeEntropy()")
    if start is None:
        start = potential.inverse_gradient(np.zeros(data.n_features))
    start = finite_array("start", start, ndim=1)
    if start.shape != (data.n_features,):
        raise ValueError(
            f"start has shape {start.shape}; give one value for each of {data.n_features} features."
        )
    # Each equation counts alike, however short its sample is.
    equation = units(X)
    X, y = X / equation[:, None], y / equation
    left, size, rows = np.linalg.svd(X, full_matrices=False)
    exact = orthonormal(X, y) if nearly_repeat(size) else None
    if exact:
        fit, misfit = exact.rows.T @ exact.target, np.linalg.norm(exact.misfit)
    else:
        fit = least_squares(X, y)
        fit = fit + _missing(X, y, fit)
        misfit = np.linalg.norm(X @ fit - y)
    if misfit > FIT * float(np.linalg.norm(y) + np.linalg.norm(X @ start)):
        raise ValueError(
            f"data: no w fits the targets (the best leaves a residual of {misfit:.2g}); drop"
            " samples that contradict each other."
        )
    if exact and exact.undecided.size:
        raise RuntimeError(open_question("data: samples", exact.undecided))
    # The equations as orthonormal rows: how well they are met does not depend on X's scales.
    if exact:
        rows, target = exact.rows, exact.target
    else:
        target = rows @ fit
    unit = nearest_power(max(np.abs(fit).max(), np.abs(start).max()) or 1.0)
    found = potential.in_units(unit)
    unit, (within, power) = (unit, found) if found is not None else (1.0, (potential, 1.0))
    with np.errstate(all="ignore"):
        mirror = within.gradient(start / unit)
        near = Projection(rows, within, mirror).solved(target / unit)
        w, error = unit * near.w, unit * near.error
        a = near.multipliers
        a = exact.multipliers(a) if exact else left @ (a / size)
        dual_variables = unit ** (power - 1) * a / equation
        divergence = unit**power * max(0.0, float(within.bregman(near.w, start / unit)))
    # The equations themselves, not those that rounding has made of them as orthonormal rows.
    if not np.isfinite(w).all():
        missing = np.inf
    elif exact:
        missing = exact.error(X, exact_sums(-X, [w], y), w)
    else:
        missing = float(np.linalg.norm(_missing(X, y, w)))
    error = max(error, missing)
    if exact and near.relative <= ERROR and not missing <= ERROR * _size(w):
        raise RuntimeError(
            f"data: the Bregman projection was found only to {missing:.1e} of {_size(w):.1e}, since"
            " samples nearly repeat others, and some do but for a rounding. Drop samples that"
            " nearly repeat others."
        )
    if not (near.relative <= ERROR and missing <= ERROR * _size(w)):
        raise RuntimeError(
            f"data: the Bregman projection was found only to {error:.1e} of {_size(w):.1e}: there"
            " is no w at which the potential is finite and that fits the targets, or only one on"
            " the boundary, or the targets are too far from start for float64. Choose other"
            " targets, a start of their size, or another potential (an order p nearer to 2)."
        )
    try:
        within.gradient(near.w)
    except ValueError as error:  # a weight has become the 0 at which the potential has no slope
        raise ValueError(
            "data: weights of the Bregman projection are below the smallest number of float64,"
            " where the potential has no gradient. Give a start of the size of the weights,"
            f" such as np.full({data.n_features}, {max(np.abs(fit).max(), SMALLEST):.1e})."
        ) from error
    with np.errstate(over="ignore", under="ignore"):
        sizes = unit ** (power - 1), unit**power, np.abs(dual_variables).max(), divergence
    if not np.max(sizes) < 1 / SMALLEST or min(sizes[:2]) < SMALLEST:
        raise ValueError(
            f"data: the potential of weights of size {unit:.0e} is no number in float64. Divide y"
            f" (and start) by {unit:.0e}: the projection is divided by it, and nothing else."
        )
    if exact:
        gap = unit**power * abs(near.multipliers @ (rows @ near.w - target / unit))
    else:
        gap = abs(dual_variables @ (data.X @ w - data.y))
    return BregmanProjection(
        w=read_only(w),
        start=read_only(start),
        divergence=divergence,
        dual_variables=read_only(dual_variables),
        residual=float(np.linalg.norm(data.X @ w - data.y)),
        duality_gap=float(gap),
        error_estimate=float(error),
    )


def _missing(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the shortest change of w with which X w = y, as far as any w fits."""
    return least_squares(X, (y - X.astype(Extended) @ w.astype(Extended)).astype(float))


def _size(w: np.ndarray) -> float:
    """Return ||w||, or infinity."""
    return float(np.linalg.norm(w)) if np.isfinite(w).all() else np.inf
