"""The maximum margin in any l_p norm, with its dual and a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from ibias._validate import function_or_none, read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import lengths
from ibias.optima._advice import scaling_tried, too_small
from ibias.optima._hull import Pair, best_of, candidates
from ibias.optima._norms import (
    Extended,
    distance_of,
    dual_order,
    inverse_gradient,
    kkt_newton,
    least_squares,
    length,
    margin_of,
    row_space,
)
from ibias.optima._predictor import LinearClassifier
from ibias.optima._programs import Progress
from ibias.optima._shortfalls import least_shortfall
from ibias.optima._solver import norm_order, require
from ibias.optima.separability import separate

SMALL = 1e-2  # a margin this small against the largest entry of Z is solved for twice
GAP = 1e-9  # the largest gap, relative to the margin, that is returned
ROUNDING = 1e-13  # margins and distances whose ratio is closer to one are equal
USED = 1e-9  # weights below this, relative to the largest, are none
SAME = 1e-14, 0.0  # relative and absolute: Newton's method has arrived
SCALED = 1e-9  # the smallest <z_i, w> is within this of 1
RESCALED = 5  # times, at most
ON_THE_MARGIN = 1e-7  # support vectors have <z_i, w> within this of 1


@dataclass(frozen=True, eq=False)
class MaxMargin(LinearClassifier):
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
    return distance_of(Z, weights, p) - margin_of(Z, w, p)


@scaling_tried
def max_margin(data: Dataset, *, p: float = 2, progress: Progress | None = None) -> MaxMargin:
    """Return the maximum-margin separator through the origin, in the l_p norm of w.

    Solves max_{||w||_p <= 1} min_i <z_i, w>, whose dual is the distance of the convex hull
    of the signed inputs from zero, min over convex weights of ||Z^T weights||_q. Scaled to
    smallest margin 1, the solution is that of min ||w||_p s.t. <z_i, w> >= 1: the hard-margin
    support vector machine for p = 2 (Soudry et al. 2018, equation 4).

    The direction is unique for 1 < p < inf. For p = 1 and p = inf the optimum may be a face;
    a corner of it is returned then.

    Parameters
    ----------
    data : Dataset
        Separable through the origin.
    p : float
        From 1 to inf.
    progress : callable, optional
        Called with a line of text now and then, for instance ``print``.

    Raises
    ------
    NotSeparable
        With the convex combination of the signed inputs that meets zero, up to the rounding of
        the data: samples that are opposite but for their last bits count as opposite.
    RuntimeError
        If the duality gap is above 1e-9 of the margin, or no w of float64 has the smallest
        <z_i, w> within 1e-9 of 1: only for margins next to zero.

    Examples
    --------
    >>> from ibias import datasets
    >>> svm = max_margin(datasets.symmetric_pair())
    >>> svm.w.round(6), svm.dual_variables.round(6), svm.support
    (array([0.5, 0.5]), array([0.5, 0.5, 0. , 0. , 0. ]), array([0, 1]))
    """
    Z = require("data", data, Dataset).Z
    return margin_of_rows(Z, norm_order("p", p), function_or_none("progress", progress, "print"))


def margin_of_rows(
    Z: np.ndarray, p: float, progress: Progress | None = None, off: float = 1.0
) -> MaxMargin:
    """Return the `max_margin` of the signed inputs `Z`, shape (n_samples, n_features).

    Rows that were computed may be `off` by more than one rounding, as in `separate`.
    """
    size = np.abs(Z).max()
    if size == 0:
        raise separate(Z, off).error()
    rows, basis = row_space(Z / size) if p == 2 else (Z / size, None)
    w, weights = best_of(rows, p, candidates(rows, p, progress))
    rough = margin_of(rows, w, p)
    if rough <= GAP:
        split = separate(Z, off)
        if split.rest.size:
            raise split.error()
        w = split.w if basis is None else split.w @ basis
        rough = margin_of(rows, w, p)
    if SMALL > rough > 0:
        # The solvers' precision is absolute; in units of the margin itself it is relative.
        again = candidates(rows / rough, p, progress)
        # Euclidean ones have small weights right in these units only; of programs the first may be
        # good, and the second none.
        pairs = chain(again, [(w, weights)]) if p == 2 else chain([(w, weights)], again)
        w, weights = best_of(rows / rough, p, pairs)
    if rough > 0:
        w, weights = _polish(rows / rough, w, weights, p)
    w = w if basis is None else basis @ w
    if p == 2 and not duality_gap(Z, w, weights, p) <= GAP * margin_of(Z, w, p):
        w, weights = _by_exchanges(Z, weights)
    scaled = to_margin_one(Z, w)
    if scaled is None:
        raise too_small(Z, weights, margin_of(Z, w, p), duality_gap(Z, w, weights, p))
    return certified(Z, scaled, weights, p)


def to_margin_one(
    Z: np.ndarray, w: np.ndarray, along: np.ndarray | None = None
) -> np.ndarray | None:
    """Return w scaled to min <z_i, w> = 1, up to `SCALED`; None where float64 has no such w.

    A long row beside short ones sees the last digit of w. Where that digit makes it the lowest,
    w is moved along it (or its part in `along`): no other row notices, nor does the length of w.
    """
    along = Z if along is None else along
    with np.errstate(over="ignore", invalid="ignore"):
        w = w / max((Z @ w).min(), np.finfo(float).tiny)
        for _ in range(RESCALED):
            if not np.isfinite(w).all():
                return None
            heights = (Z @ w.astype(Extended)).astype(float)
            if abs(heights.min() - 1) <= SCALED:
                return w
            blur = np.finfo(float).eps * len(w) * (np.abs(Z) @ np.abs(w))
            long = blur > SCALED
            w = w / (heights if long.all() else heights[~long]).min()
            lifts = np.maximum(1 + blur - heights, 0)[long]
            sizes = lengths(along[long])
            w = w + least_squares(along[long] / sizes, lifts / sizes[:, 0])
    return None


def certified(Z: np.ndarray, w: np.ndarray, weights: np.ndarray, p: float) -> MaxMargin:
    """Return the result if its certificate, recomputed from these very vectors, is within GAP."""
    margin, gap = margin_of(Z, w, p), duality_gap(Z, w, weights, p)
    # Weak duality holds up to rounding, whose size follows that of the sums.
    rounding = ROUNDING + len(Z) * np.finfo(Extended).eps * np.abs(Z).max() / max(margin, 1e-300)
    if not (margin > 0 and -rounding * margin <= gap <= GAP * margin):
        raise too_small(Z, weights, margin, gap, p)
    return MaxMargin(
        w=read_only(w),
        direction=read_only(w / float(length(w, p))),
        margin=margin,
        dual_variables=read_only(weights),
        support=read_only(_support(Z, w, weights)),
        duality_gap=gap,
        p=p,
    )


def _support(Z: np.ndarray, w: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return who is on the margin: up to the rounding of w, or with a part in the nearest point.

    Where w is a small difference of large rows, a row of small weight tells only by the latter.
    """
    blur = np.finfo(float).eps * len(w) * (np.abs(Z) @ np.abs(w))
    pulls = weights * lengths(Z)[:, 0]
    return np.flatnonzero((Z @ w <= 1 + ON_THE_MARGIN + blur) | (pulls > USED * pulls.max()))


def _by_exchanges(Z: np.ndarray, weights: np.ndarray) -> Pair:
    """Return the pair to its own digits, however uneven the rows are and however nearly they meet.

    Of p = 2: w is the projection of zero onto the rows' margins of one (`least_shortfall`).
    """
    w, b = least_shortfall(Z, 1.0, np.zeros(Z.shape[1]), np.inf, weights)
    return w, b / b.sum()


def _polish(Z: np.ndarray, w: np.ndarray, weights: np.ndarray, p: float) -> Pair:
    """Solve the KKT equations on the support by Newton's method; keep the best pair.

    With q dual to p they read Z_S psi(Z_S^T a) = 1, w = psi(Z_S^T a), a > 0 (`kkt_newton`).
    """
    if p in (1, np.inf):
        return best_of(Z, p, [(w, weights), corner(Z, w, weights, p)])
    q, margins = dual_order(p), Z @ w
    primal, dual = [w], [weights]
    tried = set()
    with np.errstate(all="ignore"):  # extreme orders may overflow; such candidates are dropped
        # Where w is a small difference of large rows only the weights tell who is on the margin.
        for width in (np.inf, 1e-9, 1e-7, 1e-5, 1e-3):
            rows = np.flatnonzero((margins <= (1 + width) * margins.min()) & (weights > 0))
            if rows.size == 0 or rows.tobytes() in tried:
                continue
            tried.add(rows.tobytes())
            a = weights[rows] / length(weights @ Z, q) ** p
            for _ in range(8):
                last = rows, a
                rows, a = rows[a > 0], a[a > 0]
                if not (np.isfinite(a).all() and (a @ Z[rows]).any()):
                    break
                dual.append(np.bincount(rows, a / a.sum(), minlength=len(Z)))
                primal.append(inverse_gradient(a @ Z[rows], q))
                newer, a = _newton(Z[rows], a, q)
                primal.append(newer)
                if np.array_equal(rows, last[0]) and np.allclose(a, last[1], *SAME):
                    break
        return _best_pair(Z, primal, dual, p)


def corner(Z: np.ndarray, w: np.ndarray, weights: np.ndarray, p: float) -> Pair:
    """Solve the linear equations of the corner that w and the weights are next to.

    On the samples S with weight all margins are equal. For p = 1 the features J in use have
    <a, z_j> = +-distance; for p = inf those inside the box have <a, z_j> = 0. The residuals are
    computed in extended precision, the corrections in float64.
    """
    w, weights = w / float(length(w, p)), weights.copy()
    S = np.flatnonzero(weights > USED * weights.max())
    sizes = np.abs(Z[S]).max(axis=0, initial=0)
    inside = np.abs(w) > USED if p == 1 else np.abs(w) < 1 - USED
    J = np.flatnonzero(inside & (sizes > 0))
    rows, sizes = Z[np.ix_(S, J)] / sizes[J], sizes[J]
    ones = np.ones((S.size, 1))
    signs = np.sign(w[J]) / sizes if p == 1 else np.zeros(J.size)
    # (w_J, height) and (a_S, distance); for p = 1 the length of w stays 1.
    primal = np.block([[rows, -ones], [signs, np.zeros((1, 1))]])
    dual = np.block([[rows.T, -signs[:, None]], [ones.T, np.zeros((1, 1))]])
    better, a = w.copy(), np.append(weights[S], distance_of(Z, weights, p))
    for _ in range(3):
        heights = (Z[S] @ better.astype(Extended)).astype(float)
        missing = heights.mean() - heights
        better[J] += least_squares(primal, np.append(missing, 0.0))[:-1] / sizes
        residual = np.append(np.zeros(J.size), 1.0) - dual @ a.astype(Extended)
        a += least_squares(dual, residual.astype(float))
    if not (a[:-1] > 0).any():  # there is no such corner
        return better, weights
    weights[:] = 0.0
    weights[S] = np.maximum(a[:-1], 0.0)
    return better, weights / weights.sum()


def _newton(Z: np.ndarray, a: np.ndarray, q: float) -> Pair:
    """Return the next w and a; NaN where the equations are beyond float64."""
    try:
        return kkt_newton(Z, np.ones(len(Z)), a, q)
    except np.linalg.LinAlgError:
        return np.zeros(Z.shape[1]), np.full(len(Z), np.nan)


def _best_pair(Z: np.ndarray, primal: list[np.ndarray], dual: list[np.ndarray], p: float) -> Pair:
    """Return the w and weights with the smallest gap; where rounding decides, the most stationary.

    Near the optimum the gap is quadratic in the error of w, so that many candidates have the
    best gap of float64. Stationarity, w parallel to psi(Z^T weights), is linear in it.
    """
    q = dual_order(p)
    heights = np.nan_to_num([margin_of(Z, w, p, float) for w in primal], nan=-np.inf)
    distances = np.nan_to_num([distance_of(Z, a, p, float) for a in dual], nan=np.inf)
    slack = ROUNDING * heights.max()
    directions = [
        primal[i] / float(length(primal[i], p))
        for i in np.flatnonzero(heights >= heights.max() - slack)
    ]
    pairs = []
    for j in np.flatnonzero(distances <= distances.min() + slack):
        nearest = inverse_gradient(_scaled(dual[j] @ Z), q)
        nearest = nearest / float(length(nearest, p))
        pairs += [
            (float(np.linalg.norm(direction - nearest)), i, j)
            for i, direction in enumerate(directions)
        ]
    _, i, j = min(pairs)
    return directions[i], dual[j]


def _scaled(g: np.ndarray) -> np.ndarray:
    """Return g / max |g|."""
    return g / np.abs(g).max()
