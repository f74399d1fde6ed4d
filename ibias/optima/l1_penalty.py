"""The Lasso, which is where diagonal networks with weight decay end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from ibias._validate import positive, read_only
from ibias.datasets import Regression
from ibias.optima._norms import power_of_two
from ibias.optima._predictor import LinearRegressor
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums

STEPS = 30  # of an active-set method, for each feature
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
    A second one, on w, starts there: columns may be close to each other.

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
    penalty, n = positive("penalty", penalty), len(X)
    # In units that are powers of two the numbers are the given ones.
    length, column = (power_of_two(np.linalg.norm(a, axis=0).max()) for a in (y[:, None], X))
    A, b, unit = X / column, y / length, column * length / n
    least, gap = _solved(A, b, penalty / unit)
    if not gap <= GAP:
        raise RuntimeError(
            f"penalty: the Lasso was found up to a relative gap of {gap:.1e} only. To go on, take"
            f" a penalty of at least {_enough(A, b, penalty, unit)}."
        )
    left = exact_sums(A, [least], -b)
    value = float(left @ left / 2 + penalty / unit * np.abs(least).sum())
    square = length**2 / n
    return Lasso(
        w=read_only(least * length / column),
        value=value * square,
        duality_gap=gap * float(b @ b) / 2 * square,
    )


def _enough(A: np.ndarray, b: np.ndarray, penalty: float, unit: float) -> str:
    """Return a larger penalty, in words, at which the Lasso was found; w is zero at the last."""
    while True:
        penalty = 4 * penalty
        said = f"{penalty:.2g}"
        if _solved(A, b, float(said) / unit)[1] <= GAP:
            return said


def _solved(A: np.ndarray, b: np.ndarray, bound: float) -> tuple[np.ndarray, float]:
    """Return the best of the answer of the active-set method and the polished one; its gap.

    Where they are not good enough, also of zero, the minimiser from some bound on, and refined.
    """
    d = A.shape[1]
    # z = r - b is the shortest with A^T z <= bound - A^T b, and the same for -A: Lawson and
    # Hanson make of it a problem of nonnegative least squares.
    G, h = np.hstack([-A, A]), np.r_[A.T @ b, -A.T @ b] - bound
    u, _ = nnls(np.vstack([G, h]), np.r_[np.zeros(len(A)), 1.0], maxiter=STEPS * d)
    v = (u[:d] - u[d:]) / (1 - h @ u)
    found = [v, _polished(A, b, bound, v)]
    gaps = [_gap(A, b, bound, v) for v in found]
    if not min(gaps) <= GAP:
        found += [np.zeros(d), _refined(A, b, bound, found[int(np.argmin(gaps))])]
        gaps += [_gap(A, b, bound, v) for v in found[2:]]
    best = int(np.argmin(gaps))
    return found[best], gaps[best]


def _polished(A: np.ndarray, b: np.ndarray, bound: float, v: np.ndarray) -> np.ndarray:
    """Return where an active-set method ends that starts at v.

    It goes to the best point of its support and signs, drops what changes its sign on the way, and
    takes in the column that the residual sees most.
    """
    v, signs = v.copy(), np.sign(v)
    for _ in range(STEPS * v.size):
        S = signs != 0
        best, dual = _on_support(A[:, S], b, bound, signs[S])
        turned = best * signs[S] < 0
        if turned.any():
            now = v[S]
            share = now[turned] / (now[turned] - best[turned])
            now = now + share.min() * (best - now)
            now[np.flatnonzero(turned)[share == share.min()]] = 0.0
            v[S] = now
            signs[v == 0] = 0.0
            continue
        v[S] = best
        seen = np.where(S, 0.0, A.T @ dual)
        most = np.abs(seen).argmax()
        if np.abs(seen[most]) <= bound * (1 + GAP):
            break
        signs[most] = np.sign(seen[most])
    return v


def _on_support(
    rows: np.ndarray, b: np.ndarray, bound: float, signs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the v with rows^T (b - rows v) = bound signs, and b - rows v, without its rounding.

    Of rows^T rows is used no more than the singular values of the rows.
    """
    length = np.linalg.norm(rows, axis=0)
    left, size, right = np.linalg.svd(rows / length, full_matrices=False)
    kept = size > max(rows.shape) * np.finfo(float).eps * size.max(initial=0)
    left, size, right = left[:, kept], size[kept], right[kept]
    along, push = left.T @ b, right @ (signs / length) / size
    v = (along - bound * push) / size @ right / length
    across = b - left @ along
    return v, across - left @ (left.T @ across - bound * push)


def _refined(A: np.ndarray, b: np.ndarray, bound: float, v: np.ndarray) -> np.ndarray:
    """Return v moved by what its own residual, in exact sums, misses on its support."""
    S = v != 0
    left = -exact_sums(A[:, S], [v[S]], -b)
    seen = exact_sums(A[:, S].T, [left], -bound * np.sign(v[S]))
    inverse = np.linalg.pinv(A[:, S], rcond=max(A.shape) * np.finfo(float).eps)
    moved = v.copy()
    moved[S] += inverse @ (seen @ inverse)
    return moved


def _gap(A: np.ndarray, b: np.ndarray, bound: float, v: np.ndarray) -> float:
    """Return the gap of ||A v - b||^2 / 2 + bound ||v||_1, relative to its value at v = 0.

    Its dual point is the residual of v, or that of the best point of the same support and signs.
    """
    S = v != 0
    r = -exact_sums(A[:, S], [v[S]], -b)
    gap = _apart(A, b, bound, v, r, r)
    if gap <= GAP:
        return gap
    # Where v is large the residual is not known to what the bound asks.
    return min(gap, _apart(A, b, bound, v, r, _on_support(A[:, S], b, bound, np.sign(v[S]))[1]))


def _apart(
    A: np.ndarray, b: np.ndarray, bound: float, v: np.ndarray, r: np.ndarray, dual: np.ndarray
) -> float:
    """Return the gap for a dual point, made shorter where a column sees more of it than `bound`.

    It is ||r - dual||^2 / 2 + sum_j (bound |v_j| - v_j <x_j, dual>), and no term is negative.
    """
    # Columns are no longer than two.
    rounding = 2 * b.size * np.finfo(float).eps * np.linalg.norm(dual)
    told = (v != 0) | (np.abs(A.T @ dual) + rounding >= bound)
    seen, v = exact_sums(A[:, told].T, [dual]), v[told]
    share = min(1.0, bound / max(np.abs(seen).max(initial=0.0), bound))
    short = r - share * dual
    apart = short @ short / 2 + np.maximum(bound * np.abs(v) - share * v * seen, 0.0).sum()
    return float(apart / (b @ b / 2 or 1.0))
