"""The Lasso, which is where diagonal networks with weight decay end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from ibias._validate import positive, read_only
from ibias.datasets import Regression
from ibias.optima._predictor import LinearRegressor
from ibias.optima._solver import require

GAP = 1e-10  # the largest duality gap that is returned, relative to the objective at w = 0


@dataclass(frozen=True, eq=False)
class Lasso(LinearRegressor):
    """The minimiser of ||X w - y||^2 / (2 n) + penalty ||w||_1.

    Attributes
    ----------
    w : array, shape (n_features,)
        Where the minimiser is not unique it is one of them; the predictions are the same for all.
    value : float
        What is minimised, at w.
    duality_gap : float
        By how much w may miss the least value, at most.
    """

    w: np.ndarray
    value: float
    duality_gap: float


def lasso(data: Regression, *, penalty: float) -> Lasso:
    """Return the least mean square over two plus a multiple of the l_1 norm.

    The residual is the point nearest to y among all r with |<x_j, r>| <= n penalty, for each
    column x_j of X (the dual problem). An active-set method finds it, and the multipliers are w.

    Parameters
    ----------
    data : Regression
        The samples and their targets.
    penalty : float
        Above zero. For the flow on u^2 - v^2 with weight decay it is half the decay.

    Raises
    ------
    ValueError
        For bad input, by name.
    RuntimeError
        If the duality gap stays above 1e-10 of the value at w = 0.

    Examples
    --------
    >>> lasso(Regression([[1.0, 0.0], [0.0, 1.0]], [3.0, 0.5]), penalty=0.5).w.round(9)
    array([2., 0.])
    """
    X, y = require("data", data, Regression).X, data.y
    penalty, (n, d) = positive("penalty", penalty), X.shape
    length, column = np.linalg.norm(y) or 1.0, np.linalg.norm(X, axis=0).max() or 1.0
    A, b, bound = X / column, y / length, n * penalty / (column * length)
    # z = r - b is the shortest with A^T z <= bound - A^T b, and the same for -A: Lawson and
    # Hanson make of it a problem of nonnegative least squares.
    G, h = np.hstack([-A, A]), np.r_[A.T @ b, -A.T @ b] - bound
    u, _ = nnls(np.vstack([G, h]), np.r_[np.zeros(n), 1.0], maxiter=30 * d)
    v = (u[:d] - u[d:]) / (1 - h @ u)
    least = min((v, _polished(A, b, bound, v)), key=lambda v: _gap(A, b, bound, v))
    gap, at_zero = _gap(A, b, bound, least), length**2 / (2 * n)
    if not gap <= GAP:
        raise RuntimeError(
            f"the Lasso was found up to a relative gap of {gap:.1e} only; take a larger penalty,"
            " or scale the features."
        )
    w = least * length / column
    value = float(np.sum((X @ w - y) ** 2) / (2 * n) + penalty * np.abs(w).sum())
    return Lasso(w=read_only(w), value=value, duality_gap=gap * at_zero)


def _polished(A: np.ndarray, b: np.ndarray, bound: float, v: np.ndarray) -> np.ndarray:
    """Return the solution of the optimality conditions on the support of v, with its signs."""
    S, better = v != 0, np.zeros_like(v)
    rows = A[:, S]
    better[S] = np.linalg.lstsq(rows.T @ rows, rows.T @ b - bound * np.sign(v[S]))[0]
    return better


def _gap(A: np.ndarray, b: np.ndarray, bound: float, v: np.ndarray) -> float:
    """Return the gap of ||A v - b||^2 / 2 + bound ||v||_1, relative to its value at v = 0."""
    r = b - A @ v
    steepest = np.abs(A.T @ r).max(initial=0.0)
    dual = r * min(1.0, bound / steepest) if steepest > 0 else r
    # Half of ||r||^2 - ||b||^2 + ||b - dual||^2, of which nothing large is left.
    apart = 0.5 * ((r - dual) @ (r - dual)) + dual @ (r - b) + bound * np.abs(v).sum()
    return float(max(apart, 0.0) / (0.5 * (b @ b) or 1.0))
