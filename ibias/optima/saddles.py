"""Diagonal networks on a regression: the saddles that training visits from a vanishing start.

Pesme and Flammarion (2023). The gradient flow of w = u^2 - v^2 from u = v = scale moves the
mirror image m = arcsinh(w / 2 scale^2) / 4 (`potentials.HyperbolicEntropy`) along minus the
gradient of the risk. In the clock T = t / log(1 / scale^2) and the units of `small_scale`,

    M = 4 m / log(1 / scale^2),    dM/dT = 4 X^T (y - X w) / n,

weights are zero where |M_j| < 1, and the others minimise the risk at once, each with the sign
of its M_j. So w rests while M moves on a straight line, and jumps when another |M_j| reaches 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from ibias._validate import read_only
from ibias.datasets import Regression
from ibias.datasets.rows import lengths
from ibias.optima._norms import power_of_two
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima.small_scale import MAX_EVENTS

RESOLVED = 16 * np.finfo(float).eps  # of a sum, by terms: what is smaller is rounding
LATE = 1e-8  # the largest error of a time, relative, that is returned
TIE = 1e-12  # weights that are awake up to this, when another wakes up, do so with it
RISK = 1e-9  # of the first risk: the largest that the rounding of weights may add to another
CORRECTIONS = 30
REFINEMENTS = 4  # of a fit that leaves something
SETTLED = 1e-12  # of the terms of a sum: the largest last correction
NOTHING = 1e-60  # of the terms of a sum: an exact zero, found by corrections


@dataclass(frozen=True, eq=False)
class SaddlePath:
    """Where the flow rests as its start shrinks to zero, and when it jumps.

    Attributes
    ----------
    times : array, shape (n_jumps,)
        The jumps, as multiples of log(1 / scale^2).
    weights : array, shape (n_jumps + 1, n_features)
        w before the first jump, which is zero, and after each.
    risks : array, shape (n_jumps + 1,)
        The risks of these, falling; the last is the least.
    """

    times: np.ndarray
    weights: np.ndarray
    risks: np.ndarray


def saddle_path(data: Regression) -> SaddlePath:
    """Return the saddles between which the flow of a diagonal network of depth two jumps.

    Parameters
    ----------
    data : Regression
        Its risk is the mean of (<x_i, w> - y_i)^2 / 2. Weights that wake up at the same moment, to
        1e-12 in |M|, do so in one jump: w goes to the best fit of all of them. If their features
        depend on each other and several w fit as well, the path is refused. A weight stays where
        it is if the rounding of X and y decides whether it moves.

    Raises
    ------
    ValueError
        For bad input, for data so small that times or weights overflow, and if weights of
        features that depend on each other linearly wake up at the same moment.
    RuntimeError
        If there is no end of jumps, if rounding decides whether a weight wakes up, or if the
        rounding of the weights adds more than 1e-9 of the first risk to theirs.

    Examples
    --------
    >>> path = saddle_path(Regression([[2.0, 0.0], [0.0, 1.0]], [2.0, 1.0]))
    >>> path.times, path.weights[1:]
    (array([0.125, 0.5  ]), array([[1., 0.],
           [1., 1.]]))
    """
    X, y = require("data", data, Regression).X, data.y
    size, target = power_of_two(np.abs(X).max()), power_of_two(np.abs(y).max())
    times, weights, lefts = _jumps(X / size, y / target)
    risks = _risks(X / size, y / target, weights, lefts) * target * target
    with np.errstate(over="ignore"):
        times, weights = times / size / target, weights / size * target
    if not (np.isfinite(times).all() and np.isfinite(weights).all()):
        raise ValueError(
            f"data: times or weights of the path are no numbers in double precision. Divide X by"
            f" {size:.0e} and y by {target:.0e}."
        )
    return SaddlePath(read_only(times), read_only(weights), read_only(risks))


def _risks(X: np.ndarray, y: np.ndarray, weights: np.ndarray, lefts: np.ndarray) -> np.ndarray:
    """Return the risks of the weights as they are, rounded; `lefts` are what they were to leave."""
    meant = (lefts**2).mean(axis=1) / 2
    risks = np.array([(exact_sums(-X, [w], y) ** 2).mean() / 2 for w in weights])
    worst = int((risks - meant).argmax())
    if not risks[worst] - meant[worst] <= RISK * risks[0]:
        raise RuntimeError(
            f"data: weights of {np.abs(weights[worst]).max():.0e} in float64 have the risk"
            f" {risks[worst] / risks[0]:.1e} of the first, and not {meant[worst] / risks[0]:.1e}:"
            " features or samples nearly depend on each other. Drop"
            f" {_superfluous(X, weights[worst])}."
        )
    return risks


def _superfluous(X: np.ndarray, w: np.ndarray) -> str:
    """Return what to drop where weights are long: other features may do what one of them does."""
    A = X[:, w != 0]
    if A.shape[1] < len(X):
        return f"feature {int((np.abs(X) * np.abs(w)).max(axis=0).argmax())}"
    return f"sample {int(np.abs(np.linalg.svd(A / lengths(A))[0][:, -1]).argmax())}"


def _jumps(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the times of the jumps, and w and y - X w before the first and after each.

    X and y are of order one.

    A slope is zero where the rounding of X and y decides about its sign. Nothing larger is: a
    feature or a sample that is small beside the others wakes a weight up late, and no less surely.
    """
    M, off = np.zeros(X.shape[1]), np.zeros(X.shape[1])  # `off`: by how much M may be
    active, size = np.array([], dtype=int), np.array([])
    w, left, now = np.zeros(X.shape[1]), y, 0.0
    jumps = [(now, w, left)]
    for _ in range(MAX_EVENTS):
        slope, error = (4 * each / len(y) for each in slopes(X, y, w, left, active))
        moving = slope != 0
        waits = np.full(M.size, np.inf)
        distance = np.maximum(1 - M * np.sign(slope), 0.0)  # one that moves inwards crosses zero
        with np.errstate(over="ignore"):
            waits[moving] = distance[moving] / np.abs(slope[moving])
        newcomer = int(waits.argmin())
        wait = waits[newcomer]
        together = distance[newcomer] <= TIE and wait <= LATE * now  # with the last one
        if not together:
            there = ~moving & (1 - np.abs(M) <= np.maximum(off, TIE))
            there[active] = False
            _one_fit(X, active, np.flatnonzero(there))
        if not moving.any():
            times, weights, lefts = zip(*jumps, strict=True)
            return np.array(times[1:]), np.array(weights), np.array(lefts)
        off = off + wait * error + RESOLVED
        hidden = ~moving & (error > 0) & (wait * error >= 1 - np.abs(M))
        late = off[newcomer] > LATE * np.abs(slope[newcomer]) * (now + wait)
        if late or hidden.any():
            raise _undecided(newcomer if late else int(hidden.argmax()))
        M, now = M + wait * slope, now + wait
        M[newcomer], off[newcomer] = np.sign(slope[newcomer]), 0.0
        top = np.append(active, newcomer)
        size, left = nonnegative(X[:, top] * M[top], y, size)
        if not size[-1] > 0:
            raise _undecided(newcomer)
        active, size = top[size > 0], size[size > 0]
        w = np.zeros(X.shape[1])
        w[active] = M[active] * size
        if together:
            jumps.pop()
        jumps.append((now, w, left))
    raise RuntimeError(f"more than {MAX_EVENTS} jumps; the data may hold a feature twice.")


def _one_fit(X: np.ndarray, active: np.ndarray, waiting: np.ndarray) -> None:
    """Refuse weights that are `waiting` to wake up if they could be so in the place of others.

    The risk does not depend on them to first order; it does not at all where their features are
    sums of others, and then several w fit best.
    """
    basis, along = active, []
    for j in waiting:
        A = X[:, basis]
        c = _least_squares(A, X[:, j])[0]
        across = np.abs(exact_sums(-A, [c], X[:, j]))
        if (across > RESOLVED * max(X.shape) * (np.abs(X[:, j]) + np.abs(A) @ np.abs(c))).any():
            basis = np.append(basis, j)
        else:
            along.append(int(j))
    if along:
        many = "features" if len(along) > 1 else "feature"
        raise ValueError(
            f"data: weights of features that depend on each other linearly wake up at the same"
            f" moment, {along} with others; there is no one path. Drop {many}"
            f" {', '.join(map(str, along))}."
        )


def _undecided(weight: int) -> RuntimeError:
    return RuntimeError(
        f"data: rounding decides whether weight {weight} wakes up. Drop that feature, or one that"
        " nearly repeats it."
    )


def slopes(
    X: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    left: np.ndarray,
    active: np.ndarray,
    share: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return X^T left, and a bound of its error, for the residuals `left` of the best fit.

    With Q_j = X_j - A c_j the part of feature j across the active ones, A, the slope is
    <Q_j, y> = <X_j, left> - <c_j, A^T left>. A small error of c_j meets A^T left, which is small.
    What a rounding of y or X changes in the slope is at most that share of `sums`, however long
    the rows are. Below the `share` of them, of some rounding errors for each term if not given,
    a slope is zero.
    """
    A = X[:, active]
    c, last, across = np.zeros((active.size, X.shape[1])), np.zeros((0, X.shape[1])), X
    if active.size:
        solve = _solver(A)
        c = solve(X)
        last = solve(X - A @ c)
        c = c + last
        across = X - A @ c
    pull, raw = exact_sums(A.T, [left]), exact_sums(X.T, [left])
    share = RESOLVED * max(X.shape) if share is None else share

    def judged() -> tuple[np.ndarray, np.ndarray]:
        terms = np.abs(X) + np.abs(A) @ np.abs(c)
        sums = np.abs(across).T @ (np.abs(y) + np.abs(X) @ np.abs(w)) + terms.T @ np.abs(left)
        slope = np.where((np.abs(across) > share * terms).any(axis=0), raw - c.T @ pull, 0.0)
        return slope, np.abs(slope) > share * sums

    told = judged()[1]
    told[active] = True
    for j in np.flatnonzero(~told & (raw != 0)) if active.size else []:
        # The rounding in it looked like that of X.
        c[:, j], across[:, j] = _least_squares(A, X[:, j])
    slope, told = judged()
    error = np.finfo(float).eps * (np.abs(across).T @ np.abs(left)) + np.abs(last).T @ np.abs(pull)
    error = np.where(told, error, np.abs(slope))
    slope[~told], slope[active], error[active] = 0.0, 0.0, 0.0
    return slope, error


def nonnegative(A: np.ndarray, y: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the x >= 0 with the least ||A x - y||, and y - A x, by Lawson and Hanson's method.

    `size` are the positive weights of the first columns that fit best without the others. The
    next of these lowers ||A x - y||.
    """
    x, used = np.zeros(A.shape[1]), np.arange(A.shape[1]) <= size.size
    x[: size.size] = size
    for _ in range(3 * x.size + 10):
        fit, left = _least_squares(A[:, used], y)
        parts = np.abs(A[:, used] * fit)
        above = (parts > RESOLVED * parts.sum(axis=1, keepdims=True)).any(axis=0) & (fit > 0)
        if above.all():
            x[used] = fit
            slope, _ = slopes(A, y, x, left, np.flatnonzero(used))
            if not (slope > 0).any():
                return x, left
            used[slope.argmax()] = True
            continue
        there = np.zeros(x.size)
        there[used] = np.where(above, fit, np.minimum(fit, 0.0))
        falls = used & (there <= 0)
        shares = np.ones(x.size)
        shares[falls] = x[falls] / np.where(x[falls] > 0, x[falls] - there[falls], 1.0)
        first = int(np.where(falls, shares, np.inf).argmin())
        x = x + shares[first] * (there - x)
        used[first], x[first] = False, 0.0
    raise _not_found(x.size)


def _not_found(n_weights: int) -> RuntimeError:
    return RuntimeError(
        f"data: the best fit of {n_weights} weights was not found in double precision. Drop"
        " features that nearly repeat others."
    )


def _solver(A: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return b -> argmin ||A x - b||, by reflections of rows in the order of their sizes.

    With pivots that is stable row by row (Cox and Higham 1998): a short row keeps its digits.
    """
    if A.shape[1] > A.shape[0]:
        raise _not_found(A.shape[1])
    order = _long_first(A)
    Q, R, columns = qr(A[order], mode="economic", pivoting=True)
    if not np.diag(R).all():
        raise _not_found(A.shape[1])

    def solve(b: np.ndarray) -> np.ndarray:
        x = np.empty((A.shape[1], *b.shape[1:]))
        x[columns] = solve_triangular(R, Q.T @ b[order])
        return x

    return solve


def _long_first(A: np.ndarray) -> np.ndarray:
    return np.argsort(-np.abs(A).max(axis=1), kind="stable")


def _least_squares(A: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the x that fits best, and y - A x, up to rounding of what is left in each row.

    The residual of a long row may be far below the rounding of its terms. So x is kept as a sum
    of corrections, and their residuals are summed exactly.
    """
    if not A.shape[1]:
        return np.zeros(0), y
    solve, corrections, left = _solver(A), [], y
    before = np.full(len(y), np.inf)
    for _ in range(CORRECTIONS):
        corrections.append(solve(left))
        left = exact_sums(-A, corrections, y)
        x = np.sum(corrections[::-1], axis=0)
        terms = np.abs(y) + np.abs(A) @ np.abs(x)
        moved = np.abs(A) @ np.abs(corrections[-1])
        if not ((moved > NOTHING * terms) & (moved <= before / 2)).any():
            break  # what still moves is rounding
        before = moved
    if not (moved <= SETTLED * terms).all():
        raise _not_found(A.shape[1])
    if left.any():
        corrections = _refined(A, y, corrections, left)
        x, left = np.sum(corrections[::-1], axis=0), exact_sums(-A, corrections, y)
    return x, np.where(np.abs(left) <= NOTHING * terms, 0.0, left)


def _refined(
    A: np.ndarray, y: np.ndarray, corrections: list[np.ndarray], left: np.ndarray
) -> list[np.ndarray]:
    """Return the sum x with A^T r = 0 and r = y - A x to the digits of both (Björck 1967).

    Where y has a part across A, and columns of A nearly agree, the rounding of the reflections
    turns some of that part into x; so r is corrected as well.
    """
    order = _long_first(A)
    A, y, left = A[order], y[order], left[order]
    Q, R, columns = qr(A, mode="economic", pivoting=True)
    both, lefts = np.hstack([-A, -np.eye(len(A))]), [left]
    for _ in range(REFINEMENTS):
        size = max(len(corrections), len(lefts))
        padded = [
            [*each, *[np.zeros(each[0].size)] * (size - len(each))] for each in (corrections, lefts)
        ]
        f = exact_sums(both, [np.append(*pair) for pair in zip(*padded, strict=True)], y)
        g = exact_sums(-A.T, lefts)
        h = solve_triangular(R, g[columns], trans=1)
        along = Q.T @ f
        x = np.empty(A.shape[1])
        x[columns] = solve_triangular(R, along - h)
        corrections, lefts = [*corrections, x], [*lefts, Q @ h + f - Q @ along]
    return corrections
