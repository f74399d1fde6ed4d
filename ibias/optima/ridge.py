"""The regularisation path of a smooth loss, down to penalties far below the smallest float."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import nearest_power
from ibias.losses import MarginLoss, named
from ibias.optima._advice import uneven_columns
from ibias.optima._equations import Twofold
from ibias.optima._graded import Coordinates, graded, plain
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.trajectory import length

LARGEST = 700.0  # e^700 is a number
ERROR = 1e-8  # the largest error of a point of a path, relative to its norm
ROUGH = 1e-3  # a point as uncertain as this, relative to its norm, is no way on
STEEP = 10.0  # curvatures up to e^10 are measured as they are
BLURRED = 1e8  # a condition from which on coordinates are made anew
HALVED = 40  # times, at most
SLIGHT = 0.25  # curvatures that change by no more of themselves are as good as constant
NEAR = 0.1  # margins that have moved by less are followed by what moved
EPS = float(np.finfo(float).eps)
NODES, PARTS = (x / 2 for x in np.polynomial.legendre.leggauss(4))


@dataclass(frozen=True, eq=False)
class RidgePath(LinearClassifier):
    """The minimisers of the risk plus (penalty / 2) ||w - centre||^2, for a range of penalties.

    Attributes
    ----------
    log_penalty : array, shape (n_penalties,)
        The logarithms of the penalties.
    w : array, shape (n_penalties, n_features)
        The minimisers.
    dual_variables : array, shape (n_penalties, n_samples)
        The normalised dual variables at each.
    error_estimate : array, shape (n_penalties,)
        The length of the next Newton step on w = centre + Z^T alpha(w), from margins and sums of
        the samples themselves that are rounded once, and of what rounding may hide of it: how far
        w still is from the minimiser. Both are taken for that only where they hardly change the
        curvature: far up a tail a step is not small beside the scale of the loss, however small
        it is beside w.
    """

    log_penalty: np.ndarray
    w: np.ndarray
    dual_variables: np.ndarray
    error_estimate: np.ndarray


def ridge_path(
    data: Dataset,
    *,
    log_penalty: ArrayLike,
    loss: str | MarginLoss = "logistic",
    centre: ArrayLike | None = None,
) -> RidgePath:
    """Return the regularisation path of a smooth loss, down to penalties like exp(-10^4).

    Everything is kept in logarithms: the stationarity condition is w = centre + Z^T alpha with
    log alpha_i = log(-l'(<z_i, w>)) - log(n penalty). On separable data alpha is of order one all
    along, and from zero the direction tends to the maximum margin as the penalty vanishes (Rosset,
    Zhu and Hastie 2004). Samples that hold each other have an alpha like 1/penalty: each
    direction is then measured by its own curvature, in coordinates of which heavy samples see
    the first ones only.

    Parameters
    ----------
    data : Dataset
        Separable or not.
    log_penalty : array, shape (n_penalties,)
        Natural logarithms of the penalties, in any order.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    centre : array, shape (n_features,), optional
        What the penalty pulls to; zero if not given. The weights that another task has left,
        for instance.

    Raises
    ------
    ValueError
        For bad input, by name.
    RuntimeError
        If Newton's method fails, or a point is not known to 1e-8 of its norm or the centre's.

    Examples
    --------
    >>> from ibias import datasets
    >>> path = ridge_path(datasets.symmetric_pair(), log_penalty=[0, -1e4])
    >>> (path.w[1] / path.w[1].sum()).round(6)
    array([0.5, 0.5])
    """
    Z = require("data", data, Dataset).Z
    centre = np.zeros(data.n_features) if centre is None else finite_array("centre", centre, ndim=1)
    if centre.shape != (data.n_features,):
        raise ValueError(f"centre has shape {centre.shape}; give {data.n_features} weights.")
    loss = named(loss)
    log_penalty = np.atleast_1d(finite_array("log_penalty", log_penalty))
    if log_penalty.ndim != 1 or log_penalty.size == 0:
        raise ValueError(f"log_penalty must be a list of numbers; got shape {log_penalty.shape}")
    # Samples in units of a power of two: nothing is rounded, and squares are numbers.
    unit = float(nearest_power(np.abs(Z).max(initial=0) or 1.0))
    Z = Z / unit
    risk = Risk(Z, loss, centre, exact_sums(Z, [centre]) * unit, unit)
    with np.errstate(all="ignore"):  # what is no number ends no step, and has no error
        try:
            points = _points(risk, log_penalty)
        except Lost as lost:
            raise RuntimeError(_remedied(risk, lost, uneven_columns(data.X))) from lost
    return RidgePath(
        log_penalty=read_only(log_penalty),
        w=read_only(np.array([points[s].w for s in log_penalty])),
        dual_variables=read_only(np.array([points[s].dual_variables for s in log_penalty])),
        error_estimate=read_only(np.array([points[s].error for s in log_penalty])),
    )


@dataclass(frozen=True, eq=False)
class Risk:
    """The samples in their unit, the loss, and where the penalty pulls to.

    Points u are the weights less the centre, times the unit; `margins` are those of the centre.
    """

    Z: np.ndarray
    loss: MarginLoss
    centre: np.ndarray
    margins: np.ndarray
    unit: float

    def log_penalty(self, s: float) -> float:
        """Return the logarithm of the penalty on u."""
        return s - 2 * np.log(self.unit)

    @cached_property
    def first(self) -> tuple[float, np.ndarray]:
        """The largest of log(-l') at the centre, and -l' relative to it, shape (n,)."""
        slopes = self.loss.log_slope(self.margins)
        return float(slopes.max()), np.exp(slopes - slopes.max())

    @cached_property
    def total(self) -> Twofold:
        """The pull of the samples at the centre, relative to the largest slope."""
        Z, weights = self.Z.T, self.first[1]
        total = exact_sums(Z, [weights])
        return Twofold(total, exact_sums(Z, [weights], -total))

    def grown(self, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log(-l') less that at the centre, and by how much it may be off.

        The integral of its derivative loses no digits of what is small. Where the derivative has
        a kink the integral may be off by all that it varies, and a difference may be nearer.
        """
        at = self.margins + np.r_[0.0, 0.5 + NODES, 1.0][:, None] * moved
        falls = self.loss.log_slope_derivative(at)
        grown = moved * (PARTS @ falls[1:-1])
        off = 4 * EPS * np.abs(grown)
        if self.loss.analytic:
            return grown, off
        off = off + np.abs(moved) * np.ptp(falls, axis=0)
        before, after = self.loss.log_slope(self.margins), self.loss.log_slope(at[-1])
        rounded = EPS * (1 + np.abs(before)) * (moved != 0)
        nearer = rounded < off
        return np.where(nearer, after - before, grown), np.where(nearer, rounded, off)


@dataclass(frozen=True, eq=False)
class Equations:
    """Newton's equations A step = pull, each divided by the curvature along its direction.

    Attributes
    ----------
    A : array, shape (k, k)
    pull : array, shape (k,)
        Z^T alpha - u.
    own : array, shape (k,)
        u: the path moves by -A^{-1} own where the logarithm of the penalty rises by one.
    lost : function
        Returns by how much rounding may have changed the pull, shape (k,), and the pull that may
        be out of the span of the directions.
    log_curvature : array, shape (k,)
        What they were divided by; zero and above.
    log_weights : array, shape (n,)
        Of the samples: the curvatures of their losses over the penalty.
    pulls : function
        Returns the sizes of the pulls of the samples, shape (n, k).
    changed : function
        Returns by what part of itself the curvature changes where margins move, shape (n,).
    """

    A: np.ndarray
    pull: np.ndarray
    own: np.ndarray
    lost: Callable[[], tuple[np.ndarray, float]]
    log_curvature: np.ndarray
    log_weights: np.ndarray
    pulls: Callable[[], np.ndarray]
    changed: Callable[[np.ndarray], float]

    @cached_property
    def inverse(self) -> np.ndarray:
        """A^{-1}; NaN where double precision has none."""
        try:
            return np.linalg.inv(self.A)
        except np.linalg.LinAlgError:
            return np.full(self.A.shape, np.nan)

    @property
    def step(self) -> np.ndarray:
        """Newton's step."""
        return self.inverse @ self.pull

    @property
    def hidden(self) -> np.ndarray:
        """How much of a step rounding may hide, shape (k + 1,): the last is out of the span."""
        missed = np.abs(np.eye(len(self.A)) - self.inverse @ self.A).max(initial=0)
        lost, outside = self.lost()
        along = np.abs(self.inverse) @ lost if missed < 0.1 else np.full(len(lost), np.inf)
        return np.append(along, outside)

    def off(self, rows: np.ndarray) -> float:
        """Return how far a point is off its minimiser; infinity where Newton's step cannot tell.

        The step is an error only where it hardly changes the curvature that it was made with, and
        so is what rounding hides of it.
        """
        moves = rows @ self.step, np.abs(rows) @ self.hidden[:-1]
        if all(self.changed(sign * move) <= SLIGHT for move in moves for sign in (-1, 1)):
            return float(length(self.step, 2) + length(self.hidden[:-1], 2) + self.hidden[-1])
        return np.inf

    @property
    def condition(self) -> float:
        """By how much A magnifies what its entries lose."""
        return float((np.abs(self.inverse) @ np.abs(self.A)).max(initial=1))


@dataclass(frozen=True, eq=False)
class Chart:
    """A risk in some coordinates."""

    risk: Risk
    at: Coordinates

    @cached_property
    def log_squares(self) -> np.ndarray:
        """The logarithms of the squares of the rows, shape (n, k)."""
        with np.errstate(divide="ignore"):
            return 2 * np.log(np.abs(self.at.rows.high))

    @cached_property
    def log_lengths(self) -> np.ndarray:
        """The logarithms of the squares of the lengths of the rows, shape (n,)."""
        with np.errstate(divide="ignore"):
            return 2 * np.log(np.linalg.norm(self.at.rows.high, axis=1))

    @cached_property
    def longest(self) -> float:
        """The largest of them."""
        return float(self.log_squares.max(initial=-np.inf))

    @cached_property
    def first_pull(self) -> np.ndarray:
        """The pull of the samples at the centre, relative to the largest slope, shape (k,)."""
        return self.at.of(self.risk.total)

    def equations(
        self,
        y: np.ndarray,
        s: float,
        moved: np.ndarray | None = None,
        blur: np.ndarray | None = None,
    ) -> Equations:
        """Return Newton's equations at y, where margins have `moved`, give or take their `blur`."""
        risk, at, rows, loss = self.risk, self.at, self.at.rows.high, self.risk.loss
        moved = rows @ y if moved is None else moved
        log_scale = np.log(len(rows)) + risk.log_penalty(s)
        margins = risk.margins + moved
        log_slope, falls = loss.log_slope(margins), -loss.log_slope_derivative(margins)
        log_alpha = log_slope - log_scale
        log_weights = log_alpha + np.log(falls)
        log_curvature = np.zeros(rows.shape[1])
        if log_weights.max() + self.longest > STEEP:
            log_curvature = np.maximum((log_weights[:, None] + self.log_squares).max(axis=0), 0.0)
            alpha = np.exp(np.minimum(log_alpha[:, None] - log_curvature, LARGEST))
        else:
            alpha = np.exp(np.minimum(log_alpha, LARGEST))[:, None]
        pulls, own = alpha * rows, np.exp(-log_curvature)
        near = np.abs(moved).max() < NEAR
        if near:
            top, first = risk.first
            scale = np.exp(np.minimum(top - log_scale - log_curvature, LARGEST))
            log_grown, unsure = risk.grown(moved)
            change = first * np.expm1(np.minimum(log_grown, 1.0))
            # A slope that is nothing at the centre may grow by more than the largest number.
            far = np.exp(np.minimum(log_slope - top, LARGEST)) - first
            change = np.where(log_grown < 1, change, far)
            pull = scale * (self.first_pull + change @ rows)
        else:
            pull = pulls.sum(axis=0)

        def lost() -> tuple[np.ndarray, float]:
            off = np.abs(rows) @ np.abs(y) * EPS if blur is None else blur
            off = falls * (off + EPS * np.abs(risk.margins))
            if not near:
                # A margin is rounded, and so are the logarithm of its slope and that of alpha.
                off = off + EPS * (4 + np.abs(log_slope) + np.abs(log_alpha))
                pulled = off @ np.abs(pulls) + (alpha * at.blur).sum(axis=0)
                outside = np.exp(np.minimum(log_alpha, LARGEST)) @ at.outside
            else:
                # Slopes at a centre of zero are one and the same number.
                off = first * (off + unsure + 4 * EPS * (first != 1).any())
                # A sum that is zero is so in any coordinates.
                seen = np.abs(change) + first * risk.total.high.any()
                pulled = scale * (off @ np.abs(rows) + seen @ at.blur)
                outside = np.exp(np.minimum(top - log_scale, LARGEST)) * (seen @ at.outside)
            common = EPS * (4 + np.abs(risk.first[0]) + np.abs(log_scale))
            return pulled + common * own * np.abs(y), float(outside)

        def changed(move: np.ndarray) -> float:
            after = loss.log_slope(margins + move)
            after = after + np.log(-loss.log_slope_derivative(margins + move)) - log_scale
            # Beside the curvature of the penalty, which is one, some samples have none.
            seen = np.exp(np.minimum(np.maximum(after, log_weights) + self.log_lengths, LARGEST))
            return float(np.fmin(np.abs(after - log_weights), seen).max(initial=0))

        return Equations(
            A=np.diag(own) + (pulls.T * falls) @ rows,
            pull=pull - own * y,
            own=own * y,
            lost=lost,
            log_curvature=log_curvature,
            log_weights=log_weights,
            pulls=lambda: np.exp(log_alpha[:, None] + self.log_squares / 2),
            changed=changed,
        )

    def anew(self, y: np.ndarray, log_weights: np.ndarray) -> tuple[Chart, np.ndarray]:
        """Return coordinates for these weights, and y in them."""
        other = graded(self.risk.Z, log_weights)
        return Chart(self.risk, other), other.of(self.at.point(y))


@dataclass(frozen=True, eq=False)
class Point:
    """A minimiser, and how far it may be off."""

    w: np.ndarray
    dual_variables: np.ndarray
    error: float

    def allowed(self, centre: np.ndarray) -> float:
        """Return the largest error that is returned."""
        return ERROR * float(max(length(self.w - centre, 2), length(centre, 2)))


class Lost(Exception):
    """No point was found at a penalty, or none that can be told."""

    def __init__(self, log_penalty: float, why: str) -> None:
        self.log_penalty, self.why = log_penalty, why
        super().__init__(why)


def _points(risk: Risk, log_penalty: np.ndarray) -> dict[float, Point]:
    """Return the minimisers, following the path down."""
    # Start where the penalty rules, alpha about 1/n.
    steepest = np.log(np.linalg.norm(risk.Z, ord=2) ** 2 + 1) + max(risk.first[0], 0.0)
    s = max(float(log_penalty.max()), steepest + 2 * np.log(risk.unit))
    start = Chart(risk, plain(risk.Z))
    found, s = _started(start, s)
    points = {}
    for target in np.unique(log_penalty)[::-1]:
        found = _follow(*found, s, target)
        s = target
        found, points[target] = _judged(*found, s)
    return points


def _started(start: Chart, s: float) -> tuple[tuple[Chart, np.ndarray], float]:
    """Return the first point of the path: at s, or at a larger penalty.

    Where the penalty is large enough the curvature of the risk is nothing beside its own, and
    Newton's method is there at once.
    """
    zero = np.zeros(start.at.rows.high.shape[1])
    for more in [0.0, *2.0 ** np.arange(HALVED)]:
        if found := _newton(start, zero, s + more):
            return found, s + more
    raise Lost(s, "Newton's method found no start of the path")


def _remedied(risk: Risk, lost: Lost, uneven: str) -> str:
    """Return the message, with a penalty that was tried."""
    for k in range(16):
        enough = np.ceil(lost.log_penalty + 2.0**k)
        try:
            _points(risk, np.array([enough]))
        except Lost:
            continue
        uneven = f"ask for a log_penalty of at least {enough:.0f}"
        break
    return (
        f"log_penalty={lost.log_penalty:g}: {lost.why}. To go on,"
        f" {uneven or 'drop samples that nearly repeat or contradict others'}."
    )


def _judged(chart: Chart, y: np.ndarray, s: float) -> tuple[tuple[Chart, np.ndarray], Point]:
    """Return a point that is known well enough, if need be in coordinates of its own."""
    point = _point(chart, y, s, exact=False)
    if point.error > point.allowed(chart.risk.centre):
        again = chart.anew(y, chart.equations(y, s).log_weights)
        again = _newton(*again, s) or again
        chart, y, point = *again, _point(*again, s, exact=True)
    if unclear := _unclear(chart, y, s):
        raise Lost(s, unclear)
    if not point.error <= point.allowed(chart.risk.centre):
        far = f"the minimiser was found only to {point.error:.1e}"
        raise Lost(s, far if point.error < np.inf else "rounding hides the curvature next to it")
    return (chart, y), point


def _point(chart: Chart, y: np.ndarray, s: float, exact: bool) -> Point:
    """Return the weights and how far they are off: by the samples themselves and these weights."""
    risk, at = chart.risk, chart.at
    u = at.point(y)
    w = risk.centre + (u.high + u.low) / risk.unit
    apart = Twofold.of(w) - Twofold.of(risk.centre)
    apart = Twofold(apart.high * risk.unit, apart.low * risk.unit)
    if exact:
        moved = exact_sums(risk.Z, [apart.high, apart.low])
        blur = EPS * np.abs(moved)
    else:
        moved, blur = risk.Z @ apart.high, EPS * (np.abs(risk.Z) @ np.abs(apart.high))
    equations = chart.equations(at.of(apart), s, moved, blur)
    error = equations.off(at.rows.high) / risk.unit
    return Point(
        w=w,
        dual_variables=risk.loss.dual_variables(risk.margins + moved),
        error=error if np.isfinite(error) else np.inf,
    )


def _unclear(chart: Chart, y: np.ndarray, s: float) -> str:
    """Return what rounding leaves open, where a sample pulls along nothing else that matters."""
    if not chart.at.doubtful.any():
        return ""
    pulls = np.where(chart.at.doubtful, chart.equations(y, s).pulls(), 0.0)
    size = (np.abs(y) - pulls.max(axis=0)).max()
    felt = (pulls > ERROR * max(size, 0.0)).any(axis=1)
    return "".join(
        f"rounding leaves open whether sample {i} is a combination of others"
        for i in np.flatnonzero(felt)[:1]
    )


def _newton(
    chart: Chart, y: np.ndarray, s: float, steepest: float = np.inf
) -> tuple[Chart, np.ndarray] | None:
    """Return the minimiser near y, or None if the steps do not shrink.

    Nor where the logarithm of the curvature at y is above `steepest`.
    """
    equations, last = chart.equations(y, s), np.inf
    if equations.log_curvature.max(initial=0) > steepest or _far(equations, y):
        return None
    if not equations.condition <= BLURRED:
        chart, y = chart.anew(y, equations.log_weights)
        equations = chart.equations(y, s)
        if _far(equations, y):
            return None
    for _ in range(50):
        step = equations.step
        size, norm = np.abs(step).max(initial=0), np.abs(y).max(initial=0)
        if size <= ROUGH * norm and equations.changed(chart.at.rows.high @ step) <= SLIGHT:
            if size <= 1e-14 * norm or (size <= ERROR * norm and size >= last / 2):
                return chart, y
            if size >= last / 2 and size <= length(equations.hidden, 2) <= ROUGH * norm:
                return chart, y
        if not size <= 2 * last or not np.isfinite(size):
            return None
        y, last = y + step, size
        equations = chart.equations(y, s)
    return None


def _far(equations: Equations, y: np.ndarray) -> bool:
    """Say whether the first step is longer than the curvature of any path allows."""
    step, size = np.abs(equations.step), 1 + np.abs(y).max(initial=0)
    large = step > 1e-6 * size  # what is smaller is rounding, or harmless
    long = equations.log_curvature[large] / 2 + np.log(step[large])
    return bool((long > np.log(100 * size)).any())


def _follow(
    chart: Chart, y: np.ndarray, s: float, target: float, depth: int = 0
) -> tuple[Chart, np.ndarray]:
    """Return the minimiser at log penalty `target` from the one at `s`, halving where needed."""
    equations = chart.equations(y, s)
    guess = y + (s - target) * (equations.inverse @ equations.own)
    # Where samples are held the curvature rises as the penalty falls.
    steepest = 20 + 2 * equations.log_curvature.max(initial=0)
    found = _newton(chart, guess, target, steepest)
    if found is not None:
        return found
    if depth == HALVED:
        raise Lost(target, _unclear(chart, y, s) or f"Newton's method lost it at {s:.6g}")
    middle = (s + target) / 2
    return _follow(*_follow(chart, y, s, middle, depth + 1), middle, target, depth + 1)
