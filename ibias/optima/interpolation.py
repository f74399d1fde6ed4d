"""The interpolant nearest to a start, in any l_p norm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import LARGEST, finite_array, function_or_none, read_only
from ibias.datasets import Regression
from ibias.datasets.rows import lengths, units
from ibias.optima._advice import Unsolved, scaling_tried
from ibias.optima._equations import nearly_repeat, open_question, orthonormal
from ibias.optima._norms import Extended, dual_order, kkt_newton, least_squares, length
from ibias.optima._predictor import LinearRegressor
from ibias.optima._programs import LinearProgram, Progress, power_cone_program, watcher
from ibias.optima._solver import norm_order, require
from ibias.optima._sums import exact_sums

GAP = 1e-9  # the largest gap, relative to the distance, that is returned
EASY = 1e-13  # with a gap like this no other solver is asked
ROUNDING = 1e-12  # a relative gap this far below zero is rounding
ZERO = 1e-12  # what a solver leaves this near to zero is zero
BLURRED = 1e-6  # the largest part of a least-squares solution that rounding may make
FIT = 1e-9  # residuals below this, relative to the targets, are rounding


@dataclass(frozen=True, eq=False)
class Interpolant(LinearRegressor):
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
        where the start already fits). Samples that nearly repeat others have large ones, of
        which this is the rounding.
    residual : float
        The Euclidean norm of X w - y. Rounding, unless no w fits the targets.
    duality_gap : float
        ||w - start||_p - <dual_variables, X (w - start)>, computed from exactly these vectors.
        No v with X v = X w is closer to the start than `distance` - `duality_gap`. Where samples
        nearly repeat others, it is that of multipliers of equivalent orthonormal equations.
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


@scaling_tried
def min_norm(
    data: Regression,
    *,
    p: float = 2,
    start: ArrayLike | None = None,
    progress: Progress | None = None,
) -> Interpolant:
    """Return the interpolant closest to `start` in the l_p norm.

    For p = 2 this is start + X^+ (y - X start), the limit of gradient descent on the squared
    loss from `start` (Gunasekar et al. 2018, section 2). Where no w fits the targets, it is
    the closest of the least-squares solutions.

    Parameters
    ----------
    data : Regression
        Inputs and targets. A sample that follows from others but for roundings of their entries
        is no equation of its own.
    p : float
        From 1 to inf. The solution is unique for 1 < p < inf.
    start : array, shape (n_features,), optional
        Zero if not given.
    progress : callable, optional
        Called with a line of text now and then, for instance ``print``.

    Raises
    ------
    ValueError
        For bad input, and for p other than 2 when no w fits the targets.
    RuntimeError
        If the relative duality gap is above 1e-9, or w is off the given equations by more than
        1e-9 of it, or rounding leaves open whether a sample depends on others.

    Examples
    --------
    >>> data = Regression([[1.0, 2.0]], [5.0])
    >>> min_norm(data).w.round(6), min_norm(data, start=[1, 0]).w.round(6)
    (array([1., 2.]), array([1.8, 1.6]))
    """
    X, y = require("data", data, Regression).X, data.y
    p, progress = norm_order("p", p), function_or_none("progress", progress, "print")
    start = initial_point("start", start, data.n_features)
    target = y - X @ start
    unit = units(X)
    with np.errstate(over="ignore", invalid="ignore"):  # of short samples with large targets
        correction = _least_squares(X, target)
        # Where some w fits, each equation counts alike, however short its sample is.
        even = X / unit[:, None], y / unit, target / unit
        size = np.linalg.svd(even[0], compute_uv=False)
        hard = nearly_repeat(size) and np.isfinite(even[1:]).all()
        exact = orthonormal(*even[:2], start) if hard else None
        misfit = np.linalg.norm(exact.misfit if exact else even[0] @ correction - even[2])
        fine = FIT * min(max(np.linalg.norm(even[2]), np.linalg.norm(even[1])), 1e308)
        fits = misfit <= fine
        exact = exact if fits else None
        if exact:
            correction = exact.rows.T @ exact.target
    if not np.abs(correction).max() <= LARGEST:
        size = np.abs(correction).max()
        raise ValueError(
            f"data: w has entries of size {size:.0e}, and their squares are no numbers in double"
            f" precision. Divide y by {size / LARGEST:.0e}, or multiply X by it."
        )
    if exact and exact.undecided.size:
        raise RuntimeError(open_question("data: samples", exact.undecided))
    if exact:
        X, target, misfit = exact.rows, exact.target, 0.0
    elif fits:
        X, _, target = even
    elif p == 2:
        unit, misfit = np.ones_like(unit), np.linalg.norm(X @ correction - target)
    else:
        misfit = np.linalg.norm(X @ correction - target)
        raise ValueError(
            f"data: no w fits the targets (the best leaves a residual of {misfit:.2g}); with"
            f" p={p:g} there is nothing to choose among. Use p=2 for least squares, or drop rows."
        )
    multipliers = np.zeros(len(X))
    if correction.any():
        size = np.abs(correction).max()
        correction, multipliers = _closest(X, correction / size, p, progress)
        correction = size * correction
    distance, gap = _certificate(X, correction, multipliers, p)
    left = X @ correction - target
    lost = np.linalg.norm(left) - misfit
    if p == 2:  # the best fit leaves what is orthogonal to every feature
        columns = np.linalg.norm(X, axis=0)
        lost = max(lost, (np.abs(left @ X) / np.where(columns > 0, columns, 1.0)).max())
    good = -ROUNDING * distance <= gap <= GAP * distance and lost <= FIT * np.linalg.norm(target)
    if exact:  # as the given equations have it
        left = exact_sums(-even[0], [start, correction], even[1])
        lost = exact.error(even[0], left, correction)
        good = good and lost <= GAP * np.linalg.norm(correction)
        good = good and exact.met(even[0], left, np.abs(start) + np.abs(correction), fine)
        multipliers = _unit(even[0], exact.multipliers(multipliers), p)
    if not good or (not fits and _blurred(X, correction, target)):
        raise Unsolved(
            f"data: the interpolant at distance {distance:.2g} has a gap of {gap:.1e} and misses"
            f" the targets by {lost:.1e}: X is too close to rank-deficient for float64.",
            "drop samples that nearly repeat others",
        )
    w = start + correction
    return Interpolant(
        w=read_only(w),
        start=read_only(start),
        distance=distance,
        dual_variables=read_only(multipliers / unit),
        residual=float(np.linalg.norm(data.X @ w - y)),
        duality_gap=gap,
        p=p,
    )


def _least_squares(X: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the shortest w that fits the target best, for samples of any length."""
    if X.shape[1] < X.shape[0] and len(set(units(X))) == 1:
        return least_squares(X, target)
    size = lengths(X)[:, 0]
    w = least_squares(X / size[:, None], target / size)
    w = w + least_squares(X / size[:, None], (target - X @ w) / size)
    # What no w fits is best fitted by another w, if samples are weighted by their lengths.
    fits = np.linalg.norm(X @ w - target) <= FIT * np.linalg.norm(target)
    return w if fits else least_squares(X, target)


def _blurred(X: np.ndarray, w: np.ndarray, target: np.ndarray) -> bool:
    """Say whether a rounding of targets that no w fits is seen in w, their best fit."""
    size = np.linalg.svd(X, compute_uv=False)
    rounding = np.finfo(float).eps * size.max()
    kept = size[size > rounding * max(X.shape)]
    if not kept.size:
        return False
    far = np.linalg.norm(target) / size.max()  # a w of the size of the targets
    return bool(rounding / kept.min() * far > BLURRED * (np.linalg.norm(w) + far))


def _certificate(
    X: np.ndarray, w: np.ndarray, multipliers: np.ndarray, p: float
) -> tuple[float, float]:
    """Return ||w||_p and ||w||_p - <multipliers, X w>, in extended precision."""
    w = w.astype(Extended)
    distance = length(w, p)
    return float(distance), float(distance - multipliers.astype(Extended) @ (X @ w))


def _unit(X: np.ndarray, multipliers: np.ndarray, p: float) -> np.ndarray:
    """Return the multipliers scaled to ||X^T multipliers||_q = 1."""
    size = length(multipliers.astype(Extended) @ X, dual_order(p))
    return (multipliers / size).astype(float) if size > 0 else multipliers


def _closest(
    X: np.ndarray, fit: np.ndarray, p: float, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the v of least p-norm with X v = X fit, and unit multipliers: the best proposal."""
    if p == 2:
        return fit, _unit(X, least_squares(X.T, fit), 2)
    # The equations become orthonormal rows; their multipliers are turned back by the SVD.
    left, size, rows = np.linalg.svd(X, full_matrices=False)
    best_w, best_a, gap = fit, least_squares(X.T, fit), np.inf
    for w, a in _proposals(rows, rows @ fit, p, progress):
        if not (np.isfinite(w).all() and np.isfinite(a).all() and w.any() and a.any()):
            continue
        w, a = _fitted(rows, rows @ fit, w), _unit(X, left @ (a / size), p)
        distance, this = _certificate(X, w, a, p)
        if abs(this) < gap:
            best_w, best_a, gap = w, a, abs(this)
        if gap <= EASY * distance:
            break
    return best_w, best_a


def _proposals(
    X: np.ndarray, target: np.ndarray, p: float, progress: Progress | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of a v with X v = target and multipliers, for orthonormal rows X."""
    watch = watcher(progress, "interior point")
    if p == 1 or dual_order(p) == 1:  # from an order of about 1e16 on the norm is that of inf
        d = X.shape[1]
        if p == 1:
            A, c, lower = np.hstack([X, -X]), np.ones(2 * d), np.zeros(2 * d)
            program = LinearProgram(c, A, target, lower, np.full(2 * d, np.inf), len(X))
        else:  # v = t (2 x - 1) would not be linear: the box is two rows of inequalities
            one, zero = np.ones((d, 1)), np.zeros((len(X), 1))
            A = np.block([[X, zero], [np.eye(d), one], [-np.eye(d), one]])
            free = np.full(d + 1, np.inf)
            b = np.r_[target, np.zeros(2 * d)]
            program = LinearProgram(np.r_[np.zeros(d), 1.0], A, b, -free, free, len(X))
        for solve in (program.simplex, lambda: program.interior_point(watch)):
            if (found := solve()) is not None:
                x, y = found
                yield (x[:d] - x[d:] if p == 1 else x[:d]), y[: len(X)]
        return
    found = power_cone_program(X, target, p, margin=False, watch=watch)
    if found is None:
        return
    w, multipliers = found
    for sign in (1.0, -1.0):
        yield w, sign * multipliers
    g = multipliers @ X
    q = dual_order(p)
    sign = np.sign(float(g @ w))
    with np.errstate(all="ignore"):
        a = sign * multipliers / float(length(g, q)) * length(w, p) ** (p - 1)
        for _ in range(8):
            try:
                w, a = kkt_newton(X, target, a, q)
            except np.linalg.LinAlgError:
                return
            yield w, a


def _fitted(X: np.ndarray, target: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return w with rounding taken off X w = target; zeros stay zero."""
    used = np.abs(w) > ZERO * np.abs(w).max()
    w = np.where(used, w, 0.0)
    for _ in range(2):
        w[used] += least_squares(X[:, used], target - X @ w)
    return w
