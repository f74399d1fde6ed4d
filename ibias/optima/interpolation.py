"""The interpolant nearest to a start, in any l_p norm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Regression
from ibias.optima._norms import dual_order, kkt_newton
from ibias.optima._solver import norm_order, require, solve

GAP = 1e-9  # the largest gap, relative to the distance, that is returned
ROUNDING = 1e-14  # relative gaps below this are zero
FIT = 1e-9  # residuals below this, relative to the targets, are rounding


@dataclass(frozen=True, eq=False)
class Interpolant:
    """The solution of min ||w - start||_p subject to X w = y.

    Attributes
    ----------
    w : array, shape (n_features,)
        The solution.
    start : array, shape (n_features,)
        Where the distance is measured from.
    distance : float
        ||w - start||_p.
    dual_variables : array, shape (n_samples,)
        Multipliers of the equations, scaled to ||X^T dual_variables||_q = 1 (or all zero,
        where the start already fits).
    residual : float
        The Euclidean norm of X w - y. Rounding, unless no w fits the targets.
    duality_gap : float
        ||w - start||_p - <dual_variables, X (w - start)>, computed from exactly these vectors.
        No v with X v = X w is closer to the start than `distance` - `duality_gap`.
    p : float
        The norm; 1/p + 1/q = 1.
    """

    w: np.ndarray
    start: np.ndarray
    distance: float
    dual_variables: np.ndarray
    residual: float
    duality_gap: float
    p: float


def initial_point(name: str, start: ArrayLike | None, n_features: int) -> np.ndarray:
    """Return `start` as an array of shape (n_features,); zero if it is None."""
    if start is None:
        return np.zeros(n_features)
    w = finite_array(name, start, ndim=1)
    if w.shape != (n_features,):
        raise ValueError(f"{name} has shape {w.shape}; give one value for each of {n_features}.")
    return w


def min_norm(data: Regression, *, p: float = 2, start: ArrayLike | None = None) -> Interpolant:
    """Return the interpolant closest to `start` in the l_p norm.

    For p = 2 this is start + X^+ (y - X start), the limit of gradient descent on the squared
    loss from `start` (Gunasekar et al. 2018, section 2). Where no w fits the targets, it is
    the closest of the least-squares solutions.

    Parameters
    ----------
    data : Regression
        Inputs and targets.
    p : float
        From 1 to inf. The solution is unique for 1 < p < inf.
    start : array, shape (n_features,), optional
        Zero if not given.

    Raises
    ------
    ValueError
        For bad input, and for p other than 2 when no w fits the targets.
    RuntimeError
        If the relative duality gap is above 1e-9.

    Examples
    --------
    >>> data = Regression([[1.0, 2.0]], [5.0])
    >>> min_norm(data).w.round(6), min_norm(data, start=[1, 0]).w.round(6)
    (array([1., 2.]), array([1.8, 1.6]))
    """
    X, y = require("data", data, Regression).X, data.y
    p = norm_order("p", p)
    start = initial_point("start", start, data.n_features)
    target = y - X @ start
    correction = np.linalg.lstsq(X, target)[0]
    misfit = np.linalg.norm(X @ correction - target)
    if p != 2 and misfit > FIT * max(np.linalg.norm(target), np.linalg.norm(y)):
        raise ValueError(
            f"no w fits the targets (the best leaves a residual of {misfit:.2g}); with p={p:g}"
            " there is nothing to choose among. Use p=2 for least squares, or drop samples."
        )
    if correction.any():
        size = np.linalg.norm(correction)
        closest = _euclidean if p == 2 else _closest
        correction, multipliers = closest(X, correction / size, p)
        correction = size * correction
        multipliers = multipliers / np.linalg.norm(X.T @ multipliers, ord=dual_order(p))
    else:
        multipliers = np.zeros(data.n_samples)
    distance = float(np.linalg.norm(correction, ord=p))
    gap = distance - float(multipliers @ (X @ correction))
    lost = np.linalg.norm(X @ correction - target) - misfit
    if not (gap <= GAP * distance and lost <= FIT * np.linalg.norm(target)):
        raise RuntimeError(
            f"the interpolant at distance {distance:.2g} has a gap of {gap:.1e} and misses the"
            f" targets by {lost:.1e}: X is too close to rank-deficient for float64. Rescale the"
            " features, or drop samples that nearly repeat others."
        )
    w = start + correction
    return Interpolant(
        w=read_only(w),
        start=read_only(start),
        distance=distance,
        dual_variables=read_only(multipliers),
        residual=float(np.linalg.norm(X @ w - y)),
        duality_gap=gap,
        p=p,
    )


def _euclidean(X: np.ndarray, correction: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the correction, already in the row space of X, and its multipliers."""
    return correction, np.linalg.lstsq(X.T, correction)[0]


def _closest(X: np.ndarray, fit: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the v of least p-norm with X v = X fit, and the multipliers (of any length)."""
    import cvxpy

    target = X @ fit
    v = cvxpy.Variable(X.shape[1])
    equations = X @ v == target
    solve(cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(v, p)), [equations]), "interpolant")
    w, multipliers = v.value, -equations.dual_value
    if p == 1:
        # What the solver leaves next to zero is zero.
        w = np.where(np.abs(w) > 1e-6 * np.abs(w).max(), w, 0.0)
    w = _fitted(X, target, w)
    if 1 < p < np.inf:
        a = multipliers * np.linalg.norm(w, ord=p) ** (p - 1)
        gap = _relative_gap(X, w, multipliers, p)
        for _ in range(8):
            better, a = kkt_newton(X, target, a, dual_order(p))
            better = _fitted(X, target, better)
            if (new_gap := _relative_gap(X, better, a, p)) <= max(gap, ROUNDING):
                w, multipliers, gap = better, a, new_gap
    return w, multipliers


def _fitted(X: np.ndarray, target: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return w with rounding taken off X w = target; zeros stay zero."""
    used = w != 0
    w[used] += np.linalg.lstsq(X[:, used], target - X @ w)[0]
    return w


def _relative_gap(X: np.ndarray, w: np.ndarray, multipliers: np.ndarray, p: float) -> float:
    """Return 1 - <multipliers, X w> / (||w||_p ||X^T multipliers||_q)."""
    bound = np.linalg.norm(w, ord=p) * np.linalg.norm(X.T @ multipliers, ord=dual_order(p))
    return 1 - float(multipliers @ X @ w) / bound
