"""The point of a convex hull nearest to zero, in any norm: what solvers propose for a margin.

Every function takes signed inputs Z with entries of order one and yields pairs (w, weights).
None of them is trusted: `margin.margin_of_rows` recomputes the certificate of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from ibias.optima._norms import distance_of, inverse_gradient, length, margin_of, row_space
from ibias.optima._programs import LinearProgram, Progress, power_cone_program, watcher

Pair = tuple[np.ndarray, np.ndarray]

NEWTON_STEPS = 60
CLOSE = 1e-13  # relative gaps below this are as good as none
EASY = 1e-11  # with a gap like this no other solver is asked
NOTHING = 1e-9  # a hull this near to zero, beside its entries, may well contain it
ROUNDS = 200  # of a working set
NEAR = 1.3  # of the margin: rows this low stay in it
EXTREME = 200.0  # an order p, or its dual, from which the linear programs are candidates too
MANY_CONES = 5000  # power cones that the solver takes minutes for


def candidates(Z: np.ndarray, p: float, progress: Progress | None) -> Iterator[Pair]:
    """Yield pairs for the maximum margin of Z in the l_p norm, the quickest solver first."""
    n, d = Z.shape
    if n > 4 * d + 200:
        yield from _by_rows(Z, p, progress)
        return
    if p in (1, np.inf):
        wide = p == 1 and d > 2 * n + 200
        yield from (_by_columns(Z, progress) if wide else _polyhedral(Z, p, progress))
        return
    cones = _by_cones(Z, p, progress)
    if p == 2:
        yield from _euclidean(Z)
        yield from cones
    elif n > d:
        yield from cones
        yield from _sequential(Z, p, progress)
    else:
        yield from _sequential(Z, p, progress)
        yield from cones
    if p < 1 + 1 / EXTREME or p > EXTREME:
        yield from _polyhedral(Z, 1 if p < 2 else np.inf, progress)


def _by_cones(Z: np.ndarray, p: float, progress: Progress | None) -> Iterator[Pair]:
    """Yield the answer of the interior-point method, unless it would take minutes."""
    rows = row_space(Z)[0] if p == 2 else Z
    if rows.shape[1] > MANY_CONES:
        return
    watch = watcher(progress, "interior point")
    found = power_cone_program(rows, np.empty(0), p, margin=True, watch=watch)
    if found is not None:
        weights = _convex(found[1])
        yield (weights @ Z if p == 2 else found[0]), weights


def _convex(weights: np.ndarray) -> np.ndarray:
    """Return the weights, at least 0 and summing to 1."""
    weights = np.maximum(np.nan_to_num(weights), 0.0)
    total = weights.sum()
    return weights / total if total > 0 else np.full(weights.size, 1 / weights.size)


def _euclidean(Z: np.ndarray) -> Iterator[Pair]:
    """Yield the nearest point by Lawson and Hanson's nonnegative least squares.

    min_a ||Z^T a||^2 + (1 - sum a)^2 over a >= 0 has its minimum in the direction of the
    nearest point. With Z in units of that distance the two terms are of one size.
    """
    rows, unit = row_space(Z)[0], 1.0
    for _ in range(3):
        try:
            a, _ = nnls(
                np.vstack([rows.T / unit, np.ones(len(Z))]), np.r_[np.zeros(rows.shape[1]), 1]
            )
        except RuntimeError:  # it went round in circles
            return
        if not a.any():
            return
        weights = _convex(a)
        yield weights @ Z, weights
        last, unit = unit, float(np.linalg.norm(weights @ rows))
        if not last / 10 > unit > 0:
            return


def _polyhedral(Z: np.ndarray, p: float, progress: Progress | None) -> Iterator[Pair]:
    """Yield a vertex of the optimal face for p = 1 or p = inf, then a point of its interior.

    Every feature is divided by its largest entry: a solver drops coefficients below 1e-9. If that
    leads nowhere, every sample is: a long one beside short ones is near to the margin where a
    solver's precision ends.
    """
    n, d = Z.shape
    sizes = np.abs(Z).max(axis=0)
    yield from _programs(Z, p, np.where(sizes > 0, sizes, 1.0), np.ones(n), progress)
    units = np.abs(Z).max(axis=1)
    yield from _programs(Z, p, np.ones(d), np.where(units > 0, units, 1.0), progress)


def _programs(
    Z: np.ndarray, p: float, sizes: np.ndarray, units: np.ndarray, progress: Progress | None
) -> Iterator[Pair]:
    """Yield the solutions with features divided by `sizes` and samples by `units`."""
    n, d = Z.shape
    rows, one = Z / sizes / units[:, None], 1 / units[:, None]
    if p == 1:
        costs = sizes.min() / sizes  # x = sizes * w, in units of the smallest
        A = np.vstack([np.hstack([rows, -rows, -one]), np.r_[-costs, -costs, 0.0]])
        b, lower, upper = np.r_[np.zeros(n), -1.0], np.zeros(2 * d), np.full(2 * d, np.inf)
    else:
        A = np.hstack([rows, -one])
        b, lower, upper = np.zeros(n), -sizes, sizes
    c = np.r_[np.zeros(lower.size), -1.0]
    program = LinearProgram(c, A, b, np.r_[lower, -np.inf], np.r_[upper, np.inf])
    watch = watcher(progress, "interior point")
    for solve in (program.simplex, lambda: program.interior_point(watch)):
        if (found := solve()) is not None:
            x, y = found
            yield (x[:d] - x[d : 2 * d] if p == 1 else x[:d]) / sizes, _convex(y[:n] / units)


def _by_columns(Z: np.ndarray, progress: Progress | None) -> Iterator[Pair]:
    """Yield the l_1 solution of wide data from linear programs in some of the features.

    A feature that the dual variables correlate with by more than the margin joins, until none is
    left: then the weights are optimal for all features.
    """
    n, d = Z.shape
    batch = 2 * n + 50
    used = np.argsort(-np.abs(Z.mean(axis=0)))[:batch]
    for round_ in range(ROUNDS):
        w, weights = best_of(Z[:, used], 1, _polyhedral(Z[:, used], 1, None))
        slope = np.abs(weights @ Z)
        reached = slope[used].max()
        if progress is not None:
            over = slope.max() - reached
            progress(f"round {round_}, {used.size} of {d} features: gap {over:.1e}")
        new = np.flatnonzero(slope > reached * (1 + CLOSE))
        new = np.setdiff1d(new[np.argsort(-slope[new])[:batch]], used)
        if new.size == 0:
            break
        used = np.append(used, new)
    full = np.zeros(d)
    full[used] = w
    yield full, weights


def best_of(Z: np.ndarray, p: float, pairs: Iterable[Pair]) -> Pair:
    """Return the best w and the best weights of all, without asking further than needed."""
    n, d = Z.shape
    best_w, best_weights = np.zeros(d), np.full(n, 1 / n)
    margin, distance = 0.0, np.inf
    for w, weights in pairs:
        here, there = margin_of(Z, w, p, float), distance_of(Z, weights, p, float)
        if here > margin:
            best_w, margin = w, here
        if there < distance:
            best_weights, distance = weights, there
        nothing = margin == 0 and distance <= NOTHING * np.abs(Z).max()
        if nothing or distance - margin <= EASY * margin:
            break
    return best_w, best_weights


def _by_rows(Z: np.ndarray, p: float, progress: Progress | None) -> Iterator[Pair]:
    """Yield solutions of tall data from those of some of the rows, until no other is violated."""
    n, d = Z.shape
    batch = 2 * d + 50
    used = np.argsort(Z @ Z.mean(axis=0))[:batch]
    for round_ in range(ROUNDS):
        w, few = best_of(Z[used], p, candidates(Z[used], p, None))
        here = margin_of(Z[used], w, p)
        weights = np.zeros(n)
        weights[used] = few
        if here <= 0:  # already these rows cannot be separated
            yield w, weights
            return
        heights = Z @ w / float(length(w, p))
        low = np.flatnonzero(heights < here * (1 - CLOSE))
        if progress is not None:
            progress(f"round {round_}, {used.size} of {n} samples: {low.size} below the margin")
        new = np.setdiff1d(low[np.argsort(heights[low])[:batch]], used)
        if new.size == 0:
            yield w, weights
            return
        # Rows far above the margin may leave: the margin of those that stay is the same.
        used = np.append(used[(few > 0) | (heights[used] <= NEAR * here)], new)


def _sequential(Z: np.ndarray, p: float, progress: Progress | None) -> Iterator[Pair]:
    """Yield pairs for 1 < p < inf from quadratic programs in the dual, each by Lawson-Hanson.

    The dual is to minimise F(a) = ||Z^T a||_q^q / q - sum a over a >= 0. Its quadratic model
    at a is a nonnegative least-squares problem in n unknowns, whatever the number of features;
    the multipliers of that model are the w that is linearised, and feasible.
    """
    n, q = len(Z), p / (p - 1)
    first = next(_euclidean(Z), None)
    if q == 1 or first is None or margin_of(Z, first[0], 2) <= 0:
        return
    a = first[1]

    def objective(a: np.ndarray) -> float:
        return float((np.abs(a @ Z) ** q).sum() / q - a.sum())

    with np.errstate(all="ignore"):
        for step_number in range(NEWTON_STEPS):
            g = a @ Z
            stretch = (a.sum() / (np.abs(g) ** q).sum()) ** (1 / (q - 1))
            a, g = stretch * a, stretch * g
            w = inverse_gradient(g, q)
            if not (np.isfinite(a).all() and np.isfinite(w).all() and w.any()):
                return
            yield w, _convex(a)
            slope = (q - 1) * np.maximum(np.abs(g), 1e-9 * np.abs(g).max()) ** (q - 2)
            curvature = (Z * slope) @ Z.T
            gradient = Z @ w - 1
            try:
                ridge = 1e-15 * np.trace(curvature) * np.eye(n)
                L = cholesky(curvature + ridge, lower=True)
                target = solve_triangular(L, curvature @ a - gradient, lower=True)
                b, _ = nnls(L.T, target, maxiter=50 * n)
            except (np.linalg.LinAlgError, RuntimeError, ValueError):
                return
            step = b - a
            yield w + slope * (step @ Z), _convex(b)
            value, descent, part = objective(a), float(gradient @ step), 1.0
            while objective(a + part * step) > value + 1e-4 * part * descent and part > 1e-10:
                part /= 2
            if progress is not None:
                progress(f"quadratic program {step_number}: expected descent {-descent:.1e}")
            if part <= 1e-10 or -descent <= 1e-30:
                return
            a = a + part * step
