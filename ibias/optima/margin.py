"""The maximum margin in any l_p norm, with its dual and a certificate."""

from dataclasses import dataclass

import numpy as np

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.optima._solver import (
    dual_order,
    inverse_gradient,
    kkt_newton,
    norm_order,
    require,
    solve,
)
from ibias.optima.separability import separate
from ibias.trajectory import margin as margin_of
from ibias.trajectory import unit

SMALL = 1e-2  # a margin this small against the largest entry of Z is solved for twice
GAP = 1e-9  # the largest gap, relative to the margin, that is returned
ROUNDING = 1e-14  # margins and distances of order one that differ by less are equal
SAME = 1e-14, 0.0  # relative and absolute: Newton's method has arrived
ON_THE_MARGIN = 1e-7  # support vectors have <z_i, w> within this of 1


@dataclass(frozen=True, eq=False)
class MaxMargin:
    """The solution of min ||w||_p subject to <z_i, w> >= 1 for all i.

    Attributes
    ----------
    w : array, shape (n_features,)
        The un-normalised solution: the smallest <z_i, w> is 1 and ||w||_p = 1 / margin.
    direction : array, shape (n_features,)
        w / ||w||_p.
    margin : float
        min_i <z_i, w> / ||w||_p, the largest possible.
    dual_variables : array, shape (n_samples,)
        Convex weights: ``weights @ Z`` is the point of the convex hull of the signed inputs
        that is closest to zero in the dual norm, at the distance `margin`.
    support : array of int
        The indices on the margin. For almost all data their dual variables are positive.
    duality_gap : float
        ||Z^T dual_variables||_q - min_i <z_i, w> / ||w||_p, computed from exactly these two
        vectors. No w has a margin larger than `margin` + `duality_gap`.
    p : float
        The norm of w; 1/p + 1/q = 1.
    """

    w: np.ndarray
    direction: np.ndarray
    margin: float
    dual_variables: np.ndarray
    support: np.ndarray
    duality_gap: float
    p: float


def duality_gap(Z: np.ndarray, w: np.ndarray, weights: np.ndarray, p: float) -> float:
    """Return ||Z^T weights||_q - min_i <z_i, w>/||w||_p, which is never negative.

    For convex weights, ||Z^T weights||_q >= <Z^T weights, w>/||w||_p >= min_i <z_i, w>/||w||_p.
    """
    return float(np.linalg.norm(weights @ Z, ord=dual_order(p)) - margin_of(Z, w, p))


def max_margin(data: Dataset, *, p: float = 2) -> MaxMargin:
    """Return the maximum-margin separator through the origin, in the l_p norm of w.

    Solves max_{||w||_p <= 1} min_i <z_i, w>, whose dual is the distance of the convex hull
    of the signed inputs from zero, min over convex weights of ||Z^T weights||_q. Scaled to
    smallest margin 1, the solution is that of min ||w||_p s.t. <z_i, w> >= 1: the hard-margin
    support vector machine for p = 2 (Soudry et al. 2018, equation 4).

    The direction is unique for 1 < p < inf. For p = 1 and p = inf the optimum may be a face;
    a point from its interior is returned then.

    Parameters
    ----------
    data : Dataset
        Separable through the origin.
    p : float
        From 1 to inf.

    Raises
    ------
    NotSeparable
        With the convex combination of the signed inputs that meets zero.
    RuntimeError
        If the duality gap is above 1e-9 of the margin: only for margins next to zero.

    Examples
    --------
    >>> from ibias import datasets
    >>> svm = max_margin(datasets.symmetric_pair())
    >>> svm.w.round(6), svm.dual_variables.round(6), svm.support
    (array([0.5, 0.5]), array([0.5, 0.5, 0. , 0. , 0. ]), array([0, 1]))
    """
    return margin_of_rows(require("data", data, Dataset).Z, norm_order("p", p))


def margin_of_rows(Z: np.ndarray, p: float) -> MaxMargin:
    """Return the `max_margin` of the signed inputs `Z`, shape (n_samples, n_features)."""
    size = np.abs(Z).max()
    if size == 0:
        raise separate(Z).error()
    w, weights = _solve(Z / size, p)
    rough = margin_of(Z, w, p)
    if rough <= GAP * size:
        split = separate(Z)
        if split.rest.size:
            raise split.error()
        w, rough = split.w, margin_of(Z, split.w, p)
    if rough < SMALL * size:
        # The solver's precision is absolute; in units of the margin itself it is relative.
        w, weights = _solve(Z / rough, p)
    w, weights = _polish(Z / rough, w, weights, p)

    margins = Z @ w
    gap, margin = duality_gap(Z, w, weights, p), float(margin_of(Z, w, p))
    if not gap <= GAP * margin:
        raise RuntimeError(
            f"the maximum margin was found only to {gap:.1e}, and it is about {margin:.1e}:"
            " too small for float64. Rescale the features, or move the classes apart."
        )
    w = w / margins.min()
    return MaxMargin(
        w=read_only(w),
        direction=read_only(unit(w, p)),
        margin=margin,
        dual_variables=read_only(weights),
        support=read_only(np.flatnonzero(Z @ w <= 1 + ON_THE_MARGIN)),
        duality_gap=gap,
        p=p,
    )


def _solve(Z: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a unit w and the convex weights, to the solver's precision.

    This form, unlike min ||w|| s.t. Zw >= 1, has a solution for any data: not being separable
    shows as a margin of zero and does not trip the solver.
    """
    import cvxpy

    w, margin = cvxpy.Variable(Z.shape[1]), cvxpy.Variable()
    above = Z @ w >= margin
    solve(cvxpy.Problem(cvxpy.Maximize(margin), [above, cvxpy.norm(w, p) <= 1]), "maximum margin")
    weights = np.maximum(above.dual_value, 0.0)
    return w.value, weights / weights.sum()


def _polish(
    Z: np.ndarray, w: np.ndarray, weights: np.ndarray, p: float
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the KKT equations on the support by Newton's method; keep the best pair.

    With q dual to p they read Z_S psi(Z_S^T a) = 1, w = psi(Z_S^T a), a > 0 (`kkt_newton`).
    """
    if p in (1, np.inf):
        return w, weights
    q, margins = dual_order(p), Z @ w
    primal, dual = [w], [weights]
    tried = set()
    for width in (1e-9, 1e-7, 1e-5, 1e-3):
        rows = np.flatnonzero((margins <= (1 + width) * margins.min()) & (weights > 0))
        if rows.tobytes() in tried:
            continue
        tried.add(rows.tobytes())
        a, last = weights[rows] / np.linalg.norm(weights @ Z, ord=q) ** q, None
        for _ in range(8):
            rows, a = rows[a > 0], a[a > 0]
            if (
                last is not None
                and np.array_equal(rows, last[0])
                and np.allclose(a, last[1], *SAME)
            ):
                break
            last = rows, a
            if not (a @ Z[rows]).any():
                break
            dual.append(np.bincount(rows, a / a.sum(), minlength=len(Z)))
            primal.append(inverse_gradient(a @ Z[rows], q))
            w, a = kkt_newton(Z[rows], np.ones(rows.size), a, q)
            primal.append(w)
    return _best_pair(Z, primal, dual, p)


def _best_pair(
    Z: np.ndarray, primal: list[np.ndarray], dual: list[np.ndarray], p: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the w and weights with the smallest gap; where rounding decides, the most stationary.

    Near the optimum the gap is quadratic in the error of w, so that many candidates have the
    best gap of float64. Stationarity, w parallel to psi(Z^T weights), is linear in it.
    """
    q = dual_order(p)
    heights = margin_of(Z, np.array(primal), p)
    distances = np.linalg.norm(np.array(dual) @ Z, ord=q, axis=1)
    directions = [unit(primal[i], p) for i in np.flatnonzero(heights >= heights.max() - ROUNDING)]
    pairs = [
        (np.linalg.norm(direction - unit(inverse_gradient(dual[j] @ Z, q), p)), i, j)
        for i, direction in enumerate(directions)
        for j in np.flatnonzero(distances <= distances.min() + ROUNDING)
    ]
    _, i, j = min(pairs)
    return directions[i], dual[j]
