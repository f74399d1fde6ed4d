"""What a flow does when the data are not separable: a bounded part, and perhaps a ray.

Ji and Telgarsky (2019, Theorem 1.1): on the span of the samples that hold each other the flow
of a convex loss rests at a finite minimiser, and on the orthogonal complement it runs to
infinity. Which samples these are is a property of the data, and is read off a certificate of
the data (`optima.separability`), never off the flow. Two things follow for the numbers. In
coordinates along the span and across it the pull of those samples across is zero, and not
rounding times e^s. And the minimiser may stand for the flow once the flow is there, within the
tolerance: the distance only falls from then on, because the loss is convex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ibias.datasets.rows import lengths, rounding
from ibias.flow.log_time import Halt, IntegrationFailed, LogTimeField, Passage
from ibias.losses import LARGEST_EXPONENT, is_convex
from ibias.optima.separability import Separation, separate

DOUBT = 12.0  # log time from which it matters whether the data are separable
EARLIEST = 32.0  # log time from which a limit may stand for the flow beside a ray
NEWTON_STEPS = 60
RANK = 1e-12
VANISHES = 1e-11  # a sum of pulls, over the sum of their sizes, per size of a margin: rounding
PLATEAU = 1e-3  # and at most

Run = Callable[[LogTimeField, float, np.ndarray, np.ndarray, Halt], Passage]


@dataclass(frozen=True, eq=False)
class Arc:
    """A stretch of a flow: the iterates at the requested times, and how it ended.

    `error` is what the end adds to the error of the integration: how far the flow was from
    the limit that stands for it since, in Euclidean length. `n_ends` iterates, the last ones, lie
    on that limit.
    """

    iterates: list[np.ndarray]
    status: str
    n_evaluations: int
    error: float = 0.0
    n_ends: int = 0


def follow(
    field: LogTimeField,
    s: float,
    w: np.ndarray,
    times: np.ndarray,
    run: Run,
    near: Callable[[np.ndarray], float],
    patience: float = 0.0,
) -> Arc:
    """Follow the flow from (s, w) through `times`, by its limit where the data conflict.

    Parameters
    ----------
    field : LogTimeField
        The flow.
    s, w : float and array, shape (n_features,)
        Where it starts.
    times : array, shape (n_times,)
        Increasing, from s on.
    run : callable
        The integrator: run(field, s, w, times, halt) returns a `Passage`.
    near : callable
        How close to the limit the flow must be at w before the limit stands for it.
    patience : float
        How much longer than needed, in log time, the flow is integrated before the limit.
    """
    separated = False

    def in_doubt(s: float, w: np.ndarray) -> bool:
        nonlocal separated
        separated = separated or bool((field.margins(w) > 0).all())
        if separated:
            return False
        # Where nothing moves, LSODA does not see how stiff the field is, and takes short steps.
        return s + field.clock >= DOUBT or np.abs(field(s, w)).max(initial=0.0) <= near(w)

    passage = run(field, s, w, times, in_doubt)
    states, calls = list(passage.states), passage.n_evaluations
    if len(states) == len(times):
        where = f"log time {times[-1]:.6g}" if len(times) else "the end of the exact loop"
        return Arc(checked(field, times, states), f"integrated to {where}", calls)
    s, w, left = passage.time, passage.state, times[len(states) :]
    parts = certified(field)
    if parts is None or parts.rest.size == 0 or not is_convex(field.loss):
        passage = run(field, s, w, left, None)
        states += list(passage.states)
        status = f"integrated to log time {times[-1]:.6g}"
        return Arc(checked(field, times, states), status, calls + passage.n_evaluations)
    before = Arc(states, "", calls)
    return beside_the_rest(field, parts, s, w, left, before, run, near, patience)


def split(Z: np.ndarray) -> Separation | None:
    """Return which of the signed inputs can be separated; None where rounding leaves that open."""
    try:
        return separate(Z)
    except RuntimeError:
        return None


def certified(field: LogTimeField) -> Separation | None:
    """Return the `split` of the samples; None where it cannot be relied on.

    So it is where the rest spans a little more than its span: rows that almost repeat each
    other, with the other sign, may be separated by a margin that only late times see.
    """
    parts = split(field.Z)
    if parts is None or not parts.rest.size:
        return parts
    rest = field.Z[parts.rest]
    beyond = rest @ spans(rest, field.columns)[1]
    return parts if np.linalg.norm(beyond / lengths(rest), axis=1).max() <= rounding(rest) else None


def checked(field: LogTimeField, times: np.ndarray, states: list) -> list:
    """Return the states; refuse ones whose weights have outgrown what the field can represent."""
    for s, w in zip(times, states, strict=True):
        if field.largest_row and field.outgrown(s, w):  # inputs that are all zero pull at nothing
            # A loss with a heavy tail pulls as hard as w is long; one without pulls so if w is off.
            long = np.abs(w).max(initial=0.0) > np.exp(LARGEST_EXPONENT / 2)
            raise IntegrationFailed(
                f"at log time {s:.6g} the weights exceed exp({LARGEST_EXPONENT:g}): "
                + (
                    "w grows as a power of the time with this loss. Ask for earlier times."
                    if long
                    else "w is off by more than this loss forgives. Ask for a smaller tolerance, or"
                    " for earlier times."
                )
            )
    return states


def beside_the_rest(
    field: LogTimeField,
    parts: Separation,
    s: float,
    w: np.ndarray,
    times: np.ndarray,
    before: Arc,
    run: Run,
    near: Callable[[np.ndarray], float],
    patience: float,
) -> Arc:
    """Continue `before` in coordinates along the span of the rest, and across it."""
    along, across = spans(field.Z[parts.rest], field.columns)
    basis = np.hstack([along, across])
    Z = field.Z @ basis
    Z[np.ix_(parts.rest, np.arange(along.shape[1], basis.shape[1]))] = 0.0
    turned = replace(field, Z=Z)
    n = along.shape[1]
    rest = field.restricted(parts.rest, along, np.zeros(len(w)))
    minimum: np.ndarray | None = None
    since = np.inf
    # What separable samples pull along the span, over what holds it there, falls like e^-s.
    earliest = EARLIEST - field.clock if parts.separable.size else -np.inf

    def distance(x: np.ndarray) -> float:
        nonlocal minimum
        minimum = minimiser(rest, x[:n]) if minimum is None else minimum
        return np.inf if minimum is None else float(np.linalg.norm(x[:n] - minimum))

    def rests(s: float, x: np.ndarray) -> bool:
        nonlocal since
        if s < earliest or distance(x) > near(basis @ x):
            return False
        since = min(since, s)
        return s >= since + patience

    passage = run(turned, s, basis.T @ w, times, rests)
    states = list(passage.states)
    calls = before.n_evaluations + passage.n_evaluations
    if len(states) == len(times):
        iterates = [*before.iterates, *(x @ basis.T for x in states)]
        return Arc(iterates, f"integrated to log time {times[-1]:.6g}", calls)
    s, x, left = passage.time, passage.state, times[len(states) :]
    off, bounded = distance(x), minimum
    iterates = [*before.iterates, *(x @ basis.T for x in states)]
    if parts.separable.size == 0:
        status = f"not separable: at rest at the finite minimiser from log time {s:.6g}"
        end = basis @ np.r_[bounded, x[n:]]
        return Arc([*iterates, *([end] * len(left))], status, calls, off, len(left))
    status = (
        f"not separable: {parts.rest.size} samples at rest at their finite minimiser from log"
        f" time {s:.6g}, {parts.separable.size} samples on the ray"
    )
    rays = field.restricted(parts.separable, across, along @ bounded)
    passage = run(rays, s, x[n:], left, None)
    ends = along @ bounded + passage.states @ across.T
    return Arc([*iterates, *ends], status, calls + passage.n_evaluations, off, len(left))


def spans(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal bases, as columns, of the span of the rows and of its complement."""
    scale = np.where(columns > 0, columns, 1.0)
    # The lengths of the rows do not matter: a long one must not hide what short ones span.
    rows = rows / scale
    rows = rows / lengths(rows)
    _, size, right = np.linalg.svd(np.linalg.qr(rows, mode="r"), full_matrices=True)
    rank = int((size > RANK * size.max(initial=0.0) * len(rows)).sum())
    if rank == len(scale):
        return np.eye(rank), np.zeros((rank, 0))
    # The span of the rows themselves is that of the scaled ones, times the scale.
    full = np.linalg.qr(np.hstack([right[:rank].T * scale[:, None], np.eye(len(scale))]))[0]
    return full[:, :rank], full[:, rank : len(scale)]


def minimiser(field: LogTimeField, x: np.ndarray) -> np.ndarray | None:
    """Return the point where the field vanishes, by Newton's method from nearby, or None."""
    for _ in range(NEWTON_STEPS if x.size else 0):
        u = field.margins(x)
        p = field.loss.dual_variables(u)
        scale = np.maximum(field.columns, 1e-300)
        rows = field.Z / scale
        hessian = (rows.T * (p * -field.loss.log_slope_derivative(u))) @ rows
        step = np.linalg.lstsq(hessian, p @ rows, rcond=1e-15)[0] / scale
        x = x + step
        size = np.abs(step * field.columns).max(initial=0.0)
        if not np.isfinite(size):
            return None
        reach = max(1.0, np.abs(u).max())
        if size <= 1e-13 * reach:  # a minimiser, or a plateau, where no step is seen either
            pull, rounded = np.abs(p @ rows).max(), min(VANISHES * reach, PLATEAU)
            return x if pull <= rounded * (p @ np.abs(rows)).max() else None
    return x if x.size == 0 else None
