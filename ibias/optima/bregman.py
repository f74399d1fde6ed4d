"""The interpolant nearest to a start in a Bregman divergence: where mirror descent goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Regression
from ibias.optima._norms import least_squares
from ibias.optima._predictor import LinearRegressor
from ibias.optima._solver import require
from ibias.optima.interpolation import FIT, RANK
from ibias.potentials import Potential

NEWTON_STEPS = 500
ERROR = 1e-8  # the largest error of w, relative to it, that is returned
ZERO = 1e-12  # a mirror image of zero counts as this much of the largest
SHORTEST = 1e-200  # of a step; where the metric is tiny, Newton's step is that much too long


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
        The Euclidean norm of X w - y; `w` is made from the multipliers, so that all rounding
        is here.
    duality_gap : float
        |<dual_variables, X w - y>|, the difference of D_psi(w, start) and the dual objective.
    error_estimate : float
        How far `w` is from the solution, in the Euclidean norm: the next Newton step.
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
        Inputs and targets that some w fits.
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
        one on the boundary.

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
    fit = least_squares(X, y)
    misfit = np.linalg.norm(X @ fit - y)
    if misfit > FIT * float(np.linalg.norm(y) + np.linalg.norm(X @ start)):
        raise ValueError(
            f"data: no w fits the targets (the best leaves a residual of {misfit:.2g}); drop"
            " samples that contradict each other."
        )
    mirror = potential.gradient(start)
    # The equations as orthonormal rows: how well they are met does not depend on X's scales.
    left, size, rows = np.linalg.svd(X, full_matrices=False)
    kept = size > RANK * size.max()
    left, size, rows = left[:, kept], size[kept], rows[kept]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        turned = _newton(rows, rows @ fit, potential, mirror)
        dual_variables = left @ (turned / size)
        w = potential.inverse_gradient(mirror + X.T @ dual_variables)
        error = _distance(rows, rows @ fit, potential, mirror, X.T @ dual_variables)
    if not (np.isfinite(w).all() and error <= ERROR * np.linalg.norm(w)):
        raise RuntimeError(
            f"data: the Bregman projection was found only to {error:.1e} of {_size(w):.1e}: there"
            " is no w at which the potential is finite and that fits the targets, or only one on"
            " the boundary, or the targets are too far from start for float64. Choose other"
            " targets, a start of their size, or another potential."
        )
    return BregmanProjection(
        w=read_only(w),
        start=read_only(start),
        divergence=max(0.0, float(potential.bregman(w, start))),
        dual_variables=read_only(dual_variables),
        residual=float(np.linalg.norm(X @ w - y)),
        duality_gap=float(abs(dual_variables @ (X @ w - y))),
        error_estimate=float(error),
    )


def _size(w: np.ndarray) -> float:
    """Return ||w||, or infinity."""
    return float(np.linalg.norm(w)) if np.isfinite(w).all() else np.inf


def _distance(
    rows: np.ndarray, target: np.ndarray, potential: Potential, mirror: np.ndarray, pull: np.ndarray
) -> float:
    """Return how far the w of mirror image `mirror` + `pull` is from the solution.

    The length of the next Newton step in w, from the w that is returned and not from the one
    that the iteration ended at; or how far the equations are from being met, if that is more.
    """
    m = mirror + pull
    w = potential.inverse_gradient(m)
    if not np.isfinite(w).all():
        return np.inf
    residual = target - rows @ w
    moved = _step(rows, residual, potential, m)[1]
    return float(max(np.linalg.norm(moved), np.linalg.norm(residual)))


def _step(
    rows: np.ndarray, residual: np.ndarray, potential: Potential, m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Newton's step in the multipliers for the equations rows @ w(m) = ..., and in w."""
    # Some metrics are infinite where the mirror image vanishes.
    m = np.where(m == 0, ZERO * np.abs(m).max(), m)
    metric = potential.inverse_metric(m)
    nothing = np.full(len(rows), np.nan), np.full(rows.shape[1], np.nan)
    if not np.isfinite(metric).all():
        return nothing
    if metric.ndim == 1:
        root = rows * np.sqrt(metric)
        if not np.isfinite(root).all():
            return nothing
        half = np.linalg.lstsq(root, residual)[0]
        return np.linalg.lstsq(root.T, half)[0], np.sqrt(metric) * half
    step = np.linalg.lstsq(rows @ metric @ rows.T, residual)[0]
    return step, metric @ (rows.T @ step)


def _newton(
    rows: np.ndarray, target: np.ndarray, potential: Potential, mirror: np.ndarray
) -> np.ndarray:
    """Return the a with rows (grad psi)^-1(mirror + rows^T a) = target, as good as it gets."""
    a = np.zeros(len(target))
    if not mirror.any() and target.any():
        # Some metrics are singular at zero. At the right length, any other point will do.
        a = target * _stretch(potential, target @ rows)
    best, smallest = a, np.inf
    for _ in range(NEWTON_STEPS):
        m = mirror + rows.T @ a
        residual = target - rows @ potential.inverse_gradient(m)
        here = np.linalg.norm(residual)
        if here < smallest:
            best, smallest = a, here
        if not here > 1e-15 * np.linalg.norm(target):
            break
        step, _ = _step(rows, residual, potential, m)
        length = _line_search(rows, target, potential, mirror, a, step)
        if length == 0:
            break
        a = a + length * step
    return best


def _stretch(potential: Potential, m: np.ndarray) -> float:
    """Return c with the w of mirror image c m about as long as m, by bisection in log c."""
    goal, low, high = np.linalg.norm(m), -700.0, 700.0
    for _ in range(60):
        middle = (low + high) / 2
        length = np.linalg.norm(potential.inverse_gradient(np.exp(middle) * m))
        low, high = (middle, high) if length < goal else (low, middle)
    return float(np.exp(low))


def _line_search(
    X: np.ndarray,
    y: np.ndarray,
    potential: Potential,
    mirror: np.ndarray,
    a: np.ndarray,
    step: np.ndarray,
) -> float:
    """Return the largest of 1, 1/2, 1/4, ... at which the dual still rises along `step`.

    The dual is concave: where its slope along the step is not negative, it has not passed
    its maximum. Past it the slope may be negative, if it is smaller than at the beginning.
    """

    def slope(length: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            w = potential.inverse_gradient(mirror + X.T @ (a + length * step))
            return float(step @ (y - X @ w))

    first, length = slope(0.0), 1.0
    while length > SHORTEST:
        if abs(slope(length)) < first:  # infinity and NaN are not
            return length
        length /= 2
    return 0.0
