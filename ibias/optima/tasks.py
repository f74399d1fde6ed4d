"""What training on one task makes of weights that other tasks have left: two limits.

Far from zero only ratios count. Start at L v, and let L grow. A ridge of weight e^-L to the start
leads to L times the separator nearest to v (Evron et al. 2023). Gradient flow for the time e^L
does not: it follows the steepest ascent of the worst margin, and stops where that is one. Both
are exact here, found by nonnegative least squares, without a flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from ibias._validate import finite_array, positive, read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import lengths
from ibias.optima._advice import rows_of
from ibias.optima._shortfalls import least_shortfall
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima.margin import margin_of_rows
from ibias.optima.separability import separation

LEVEL = 1e-10  # margins closer than this, relative to |z_i| |v|, are at one level
ROUNDING = 8 * np.finfo(float).eps  # of a margin, by |z_i| |v| and entries of a sample
GAP = 1e-8  # the largest residual of the conditions of Karush, Kuhn and Tucker that is returned
MAX_EVENTS = 1000


@dataclass(frozen=True, eq=False)
class NearestSeparator:
    """The solution of min ||w - start|| subject to <z_i, w> >= margin for all i.

    Attributes
    ----------
    w : array, shape (n_features,)
    dual_variables : array, shape (n_samples,)
        At least zero, and w = start + Z^T dual_variables.
    residual : float
        The most by which a margin is too small, or off where b_i > 0, relative to `margin` and to
        what rounds it, |z_i| |w|.
    """

    w: np.ndarray
    dual_variables: np.ndarray
    residual: float


@dataclass(frozen=True, eq=False)
class MarginClimb:
    """The steepest ascent of the worst margin, from `start` to the level that was asked for.

    Attributes
    ----------
    levels : array, shape (n_events,)
        The worst margin at the start, at every turn, and at the end.
    weights : array, shape (n_events, n_features)
        Where the path is there; straight lines in between.
    dual_variables : array, shape (n_samples,)
        How far each sample has pulled: the end is start + Z^T dual_variables.
    """

    levels: np.ndarray
    weights: np.ndarray
    dual_variables: np.ndarray

    @property
    def w(self) -> np.ndarray:
        """The end, shape (n_features,)."""
        return self.weights[-1]


def nearest_separator(data: Dataset, start: ArrayLike, *, margin: float = 1.0) -> NearestSeparator:
    """Return the separator nearest to `start`, in the Euclidean norm: a projection.

    Weak regularisation to the last weights, task by task, is this projection, in units of
    log(1 / penalty) (Evron et al. 2023). From zero it is `max_margin`.

    Parameters
    ----------
    data : Dataset
        Separable through the origin.
    start : array, shape (n_features,)
        What is projected.
    margin : float
        What every <z_i, w> must reach.

    Raises
    ------
    NotSeparable
        With the convex combination of the signed inputs that meets zero, up to the rounding of
        the data: samples that are opposite but for their last bits count as opposite.
    ValueError
        For bad input, by name.
    RuntimeError
        If the conditions of optimality are met only roughly: for margins next to zero.

    Examples
    --------
    >>> task = Dataset.from_signed([[1.0, 0.0], [3.0, 0.5]])
    >>> nearest_separator(task, [-1.0, 0.0]).w.round(12) + 0.0
    array([1., 0.])
    """
    Z, start = _separable_task(data, start)
    margin = positive("margin", margin)
    size, target = lengths(Z)[:, 0], np.full(len(Z), margin)
    lacking = exact_sums(-Z, [start], target)
    if (lacking <= 0).all():
        return NearestSeparator(read_only(start), read_only(np.zeros(len(Z))), 0.0)
    way, b = least_shortfall(
        Z, margin, start, np.inf, _who_pulls(Z / size[:, None], lacking / size)
    )
    w = start + way
    left = exact_sums(Z, [w], -target)
    # A margin is rounded in units of |z_i| |w|.
    unit = margin + ROUNDING / GAP * Z.shape[1] * size * np.linalg.norm([start, way])
    off = np.where(b > 0, np.abs(left), -left)
    residual = float(max((off / unit).max(), 0.0))
    if not (residual <= GAP and (b >= 0).all()):
        most = np.argsort(-b * size)[: min(3, (b > 0).sum())].tolist()
        raise RuntimeError(
            f"data: the nearest separator was found only to {residual:.1e}; the margin of the task"
            " is next to zero. Drop the samples that nearly contradict others, first of all"
            f" {most}."
        )
    return NearestSeparator(read_only(w), read_only(b), residual)


def _who_pulls(rows: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Return positive numbers for about those samples that pull: exchanges begin with them.

    For rows of length one `far` is the distance to where they lack nothing. Lawson and Hanson's
    least distance: the shortest x with rows x >= far.
    """
    system = np.vstack([rows.T, far / np.abs(far).max()])
    try:
        return nnls(system, np.r_[np.zeros(rows.shape[1]), 1.0], maxiter=100 * len(rows))[0]
    except RuntimeError:
        return np.zeros(len(rows))


def margin_climb(data: Dataset, start: ArrayLike, *, level: float = 1.0) -> MarginClimb:
    """Return the steepest ascent of v -> min_i <z_i, v> from `start` to `level`.

    Its direction is the shortest vector of the convex hull of the samples with the worst margin.
    Training on the task by gradient flow with the exponential loss, from L start for the time
    e^(level L), ends at L w (1 + o(1)) as L grows. Where the worst margin is at the level already
    nothing moves.

    Parameters
    ----------
    data : Dataset
        Separable through the origin.
    start : array, shape (n_features,)
        Where the ascent begins.
    level : float
        The worst margin at which to stop.

    Raises
    ------
    NotSeparable
        With the convex combination of the signed inputs that meets zero.
    ValueError
        For bad input, by name.
    RuntimeError
        If the path turns without end, or a direction is not certified: for margins next to zero.

    Examples
    --------
    >>> task = Dataset.from_signed([[1.0, 0.0], [3.0, 0.5]])
    >>> margin_climb(task, [-1.0, 0.0]).w.round(12)
    array([1.  , 0.16])
    """
    Z, v = _separable_task(data, start)
    level = float(finite_array("level", level, ndim=0))
    rows, pulled = np.linalg.norm(Z, axis=1), np.zeros(len(Z))
    margins, far = Z @ v, np.linalg.norm(v)
    allowed, rounding = GAP * np.maximum(np.abs(margins), abs(level)), ROUNDING * Z.shape[1] * rows
    lowest, now = _at_the_bottom(margins, rows * far, level)
    levels, weights = [now], [v]
    while levels[-1] < level:
        if len(levels) > MAX_EVENTS:
            raise RuntimeError(
                f"data: the worst margin turned more than {MAX_EVENTS} times below level={level:g};"
                " drop samples that nearly repeat others."
            )
        with rows_of(np.flatnonzero(lowest)):
            weights_of = margin_of_rows(Z[lowest], 2).dual_variables
        direction = weights_of @ Z[lowest]  # the point of their hull nearest to zero
        speed = direction @ direction  # of the worst margin
        rates = Z @ direction
        catching = ~lowest & (rates < speed * (1 - LEVEL))
        waits = np.full(len(Z), np.inf)
        waits[catching] = (margins[catching] - now) / (speed - rates[catching])
        last = (level - now) / speed
        wait = min(waits.min(), last)
        pulling = waits == wait  # these stay at the bottom, or have come there
        pulling[lowest] = weights_of > 0
        pulled[lowest] += wait * weights_of
        v = v + wait * direction
        weights.append(v)
        margins, size = Z @ v, np.linalg.norm(v)
        far = max(far, size)
        lowest, now = _at_the_bottom(margins, rows * size, level)
        error = allowed + rounding * far
        low, high = margins - error, margins + error
        floor = level if wait == last else high.min()
        if not ((low[pulling] <= floor).all() and (high >= floor).all()):
            off = max((low[pulling] - floor).max(), (floor - high).max())
            raise RuntimeError(
                f"data: the worst margin on the way to level={level:g} is off by {off:.1e}; the"
                " margin of the task is next to zero. Drop the samples that nearly contradict"
                f" others, first of all {np.argsort(-pulled * rows)[:2].tolist()}."
            )
        levels.append(level if wait == last else now)
    return MarginClimb(read_only(np.array(levels)), read_only(np.array(weights)), read_only(pulled))


def _at_the_bottom(margins: np.ndarray, size: np.ndarray, level: float) -> tuple[np.ndarray, float]:
    """Return which margins are the least but for rounding, and that level; size_i = |z_i| |v|.

    Each is rounded in units of its own size. The level is read where these are small.
    """
    blur = LEVEL * np.maximum(size, abs(level))
    lowest = margins - blur <= (margins + blur).min()
    sharp = lowest & (blur <= 2 * blur[lowest].min())
    return lowest, float(margins[sharp].min())


def _separable_task(data: Dataset, start: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the signed inputs and the start; refuse what cannot be separated."""
    Z = require("data", data, Dataset).Z
    start = finite_array("start", start, ndim=1)
    if start.shape != (Z.shape[1],):
        raise ValueError(f"start has shape {start.shape}; give {Z.shape[1]} weights.")
    split = separation(data)
    if split.rest.size:
        raise split.error()
    return Z, start
