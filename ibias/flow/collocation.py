"""Radau IIA collocation of order 9: the integrator of the check runs.

It shares nothing with LSODA, which it checks: one step at a time, a polynomial of degree five that
satisfies the equation at five points, its own Newton iteration and its own choice of the step
(Hairer and Wanner 1996, sections IV.5 and IV.8; see `ibias.flow.radau`). All stages are evaluated
in one call.
"""

from collections.abc import Callable

import numpy as np

from ibias import progress
from ibias.flow.lifted import Factored, Lifted
from ibias.flow.log_time import LONGEST, Halt, IntegrationFailed, Passage, stopped
from ibias.flow.radau import STAGES, Newton, instability, tableau
from ibias.flow.series import Series
from ibias.flow.sums import LATEST, Sums

NEWTON_STEPS = 12
MAX_STEPS = 3_000
SMALLEST_STEP = 1e-14
NEWTON_ERROR = 0.2  # of the local error allowed
# Where errors may grow. Weights that wait are smaller than the local error: what the iteration
# leaves of them would be as large as they are, and they would leave at another time.
NEWTON_ERROR_GROWING = 1e-4
ROUNDING, TINY = 1e-15, 1e-300
SLOW = 0.1  # a rate of the iteration above this calls for a new Jacobian
GROWTH, SAFETY = 8.0, 0.8
CAREFUL, BOLDER = 1.1, 1.2  # how steps grow after one that failed, and how that is forgotten
SHORTEST = 0.4  # of a step of descent: a loop is better than shorter steps of the integrator
LEAP = 1e6  # a Jacobian that has grown by more is that of a point which no solution comes near
# The estimate is that of an embedded formula of order 5. The local error of the step itself,
# of order 9, is about this power of it.
SUPERCONVERGENCE = 0.72
GOLDEN = (5**0.5 - 1) / 2
ORDER_NINE = 1.75  # of exp(z), for z = 1/4, 1, 2, -3, i alike: between 1.72 and 1.86


class TooShort(IntegrationFailed):
    """The integrator would take steps shorter than those of descent itself.

    Attributes
    ----------
    time : float
        The log time that it has reached.
    """

    def __init__(self, time: float, last: float) -> None:
        super().__init__(str(stopped(time, last, "the iterates follow no smooth curve there")))
        self.time = time


def collocate(
    field: Callable[[np.ndarray, np.ndarray], np.ndarray],
    start_time: float,
    start: np.ndarray,
    times: np.ndarray,
    allowed: Callable[[np.ndarray], np.ndarray],
    jacobian: Callable[[float, np.ndarray], np.ndarray],
    *,
    symmetric: bool = False,
    halt: Halt = None,
    first_step: float = 0.1,
    smooth: bool = True,
    unit: Callable[[np.ndarray], float] | None = None,
    unstable: bool = False,
    series: Series | None = None,
    lift: Factored | None = None,
    kick: float = 0.0,
) -> Passage:
    """Integrate dw/ds = field(s, w) through all `times`, each the end of a step.

    Parameters
    ----------
    field : callable
        Takes several times, shape (k,), and states, shape (k, n), at once.
    start_time, start : float and array, shape (n,)
        The initial state.
    times : array, shape (n_times,)
        Increasing.
    allowed : callable
        The local error that a state allows in each coordinate, shape (n,).
    jacobian : callable
        Takes one time and one state.
    symmetric : bool
        Whether the Jacobian is.
    halt : callable, optional
        Called as halt(s, w) after every step; the integration ends when it is true.

    first_step : float
        The step that is tried first.
    smooth : bool
        Whether the field has as many derivatives as the order asks for.
    unit : callable, optional
        What errors at w are relative to, at most one; one if not given.
    unstable : bool
        Whether the field may have rests that are. No step is longer then than errors take to grow
        by e, however little moves.
    series : Series, optional
        Gradient descent, of which `field` is the first term: then the states are its iterates,
        by `ibias.flow.sums`. The Jacobian must be symmetric.
    lift : Factored, optional
        The field, by its weights, where these are no smooth function of the state.
    kick : float
        What multiplies the errors of each step (see `errors`) that are added to its end; every
        coordinate keeps to a side of its own (see `sides`).

    Raises
    ------
    TooShort
        When the steps become shorter than those of descent.
    IntegrationFailed
        When the steps become too short, or too many.
    """
    t, states, calls = tableau(), [], 0
    s, w, h = float(start_time), np.array(start, dtype=float), first_step
    newton: Newton | None = None
    lifted: Lifted | None = None
    slope, predict, sums = None, None, None
    growth, steepest, rate_of_errors = GROWTH, 1.0, 0.0
    left_over = NEWTON_ERROR_GROWING if unstable else NEWTON_ERROR

    def passage() -> Passage:
        return Passage(np.reshape(states, (len(states), w.size)), s, w, calls)

    if w.size == 0:
        return Passage(np.zeros((len(times), 0)), float(times[-1]), w, 0)
    if series is not None and s < LATEST:
        slope, sums = Sums.start(series, s, w)
    with progress.Bar("integrating by collocation", float(np.max(times, initial=s)) - s) as bar:
        for _ in range(MAX_STEPS):
            bar.at(s - start_time)
            while len(states) < len(times) and times[len(states)] <= s:
                states.append(w)
            if len(states) == len(times):
                return passage()
            if h <= SMALLEST_STEP * max(abs(s), 1.0):
                break
            left = float(times[len(states)]) - s
            h = h if h * rate_of_errors <= LONGEST else LONGEST / rate_of_errors
            step = left if h >= left * (1 - 1e-9) else min(h, left / 2) if h > left / 2 else h
            if slope is None:
                slope, calls = field(np.array([s]), w[None])[0], calls + 1
            fresh = newton is None
            if fresh:
                middle = (s, w) if predict is None else (s + step / 2, w + predict(step)[2])
                J, calls = jacobian(*middle), calls + 1
                if predict is not None and not np.abs(J).max() <= LEAP * steepest:
                    # Divided by such a Jacobian any residual is small, and any guess would do.
                    predict, growth = None, CAREFUL
                    continue
                newton, steepest = Newton(J, symmetric), max(1.0, float(np.abs(J).max()))
                lifted = Lifted(lift, *middle) if lift is not None else None
            if sums is not None:
                if step < min(left, SHORTEST * np.exp(-s)):
                    raise TooShort(s, float(times[-1]))
                sums = sums.over(s + step * np.append(0.0, t.nodes), t.derivative / step)
            newton.prepare(step, sums)
            near = 1.0 if unit is None else unit(w)
            tolerance = near * allowed(w)
            guess = np.outer(t.nodes * step, slope) if predict is None else predict(step)
            Z, pulls, rate, used = solve_stages(
                field, newton, s, w, step, guess, tolerance, sums, lifted, left_over
            )
            calls += used
            if Z is None:
                # First without the last polynomial, which may lead astray; then a shorter step.
                h, newton, predict = (step / 4 if fresh and predict is None else h), None, None
                growth = CAREFUL
                continue
            ends = t.inverse @ Z  # step times the slopes at the nodes
            raw = step * slope / t.real_pole + t.estimate @ ends
            size = near * max(1.0, float(np.abs(w).max()))
            embedded = size * (tolerance / size) ** (SUPERCONVERGENCE if smooth else 1.0)
            error = float((np.abs(newton.filtered(raw)) / embedded).max())
            error = error if np.isfinite(error) else np.inf
            factor = min(growth, SAFETY * max(error, 1e-30) ** (-1 / (STAGES + 1)))
            if error > 1:
                h, newton = step * max(0.1, factor), newton if fresh else None
                continue
            if unstable:
                rate_at_end = instability(jacobian(s + step, w + Z[-1]), symmetric)
                calls += 1
                if step * rate_at_end > LONGEST:
                    h = step * max(0.1, min(0.5, LONGEST / (step * rate_at_end)))
                    continue
                rate_of_errors = rate_at_end
            predict, growth = continuation(Z, step), min(GROWTH, BOLDER * growth)
            s = float(times[len(states)]) if step == left else s + step
            w, slope = w + Z[-1], ends[-1] / step
            if kick:
                off = errors(w, newton.filtered(raw), rate * newton.change[-1])
                # What is stiff forgets such an error at once, and would only shorten the steps.
                w = w + kick * newton.filtered(sides(w.size) * off)
                if series is None:
                    slope = None
            sums = sums.after(pulls) if sums is not None and s < LATEST else None
            h = max(h, step * factor) if step < h else step * factor
            newton = newton if rate < SLOW else None
            if halt is not None and halt(s, w):
                while len(states) < len(times) and times[len(states)] <= s:
                    states.append(w)
                return passage()
    raise stopped(s, float(times[-1]), f"the steps of the collocation are {h:.1e} there")


def solve_stages(
    field: Callable[[np.ndarray, np.ndarray], np.ndarray],
    newton: Newton,
    s: float,
    w: np.ndarray,
    step: float,
    Z: np.ndarray,
    tolerance: np.ndarray,
    sums: Sums | None,
    lifted: Lifted | None = None,
    left_over: float = NEWTON_ERROR,
) -> tuple[np.ndarray | None, np.ndarray, float, int]:
    """Solve A^-1 Z = step f, f = field(s + c step, w + Z); return Z, f, the rate, and the cost.

    The cost is the number of evaluations; Z is None where the iteration does not converge. With
    sums over whole steps, Z and what they have beside it take the place of Z. What the iteration
    leaves over of the solution is a part of the tolerance.
    """
    t, last, rate, enough = tableau(), np.inf, 0.0, None
    at = s + t.nodes * step
    if lifted is not None:
        lifted.begin(w + Z)
    for k in range(1, NEWTON_STEPS + 1):
        pulls, gap = (field(at, w + Z), 0.0) if lifted is None else lifted.pulls(at, w + Z)
        moved = Z if sums is None else Z + sums.added(pulls)
        residual = step * (pulls - gap) - t.inverse @ moved
        change = newton.solve(residual)
        size = float((np.abs(change) / tolerance).max())
        if not np.isfinite(size):
            break
        Z = Z + change
        if lifted is not None:
            lifted.move(change)
        # Rounding ends the descent of the changes: nothing is left to gain then.
        rounding = float((ROUNDING * np.abs(w).max() / tolerance).max())
        if k > 1:
            rate = max(size / last, 1e-3)
        left = size * (1 if k == 1 else max(1.0, rate / (1 - rate)) if rate < 1 else np.inf)
        if size <= rounding or left <= left_over:
            return Z, pulls, rate, k * STAGES
        if left <= NEWTON_ERROR:  # at a kink no iteration comes closer
            enough = Z, pulls, rate
        if k > 1 and (rate >= 1 or size * rate ** (NEWTON_STEPS - k) > 10 * left_over):
            break
        last = size
    return *(enough or (None, pulls, 1.0)), k * STAGES


def errors(w: np.ndarray, embedded: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return about how far each coordinate of w is off after a step, shape (n,).

    By rounding, by what the iteration has left, and by the step itself, of order nine: relative to
    the coordinate that is a power of the embedded estimate.
    """
    size = np.maximum(np.abs(w), TINY)
    parts = np.abs(embedded) / size
    step = parts * np.minimum(parts, 1.0) ** (ORDER_NINE - 1)
    return size * np.maximum(step, ROUNDING) + np.abs(left)


def sides(n: int) -> np.ndarray:
    """Return factors of either sign, from one to two in size and all different, shape (n,).

    >>> sides(4).round(2).tolist()
    [-1.62, 1.24, -1.85, 1.47]
    """
    i = np.arange(1, n + 1)
    return (-1.0) ** i * (1 + i * GOLDEN % 1)


def continuation(Z: np.ndarray, step: float) -> Callable[[float], np.ndarray]:
    """Return the first guess of the next step: the polynomial of this one, carried on."""
    t = tableau()
    coefficients = t.extrapolate @ np.vstack([np.zeros(Z.shape[1]), Z])

    def guess(next_step: float) -> np.ndarray:
        at = 1 + t.nodes * (next_step / step)
        return at[:, None] ** np.arange(STAGES + 1) @ coefficients - Z[-1]

    return guess
