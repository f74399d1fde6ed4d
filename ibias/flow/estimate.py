"""How far a result is off: two runs that share nothing but the equation, compared.

An estimate must be able to fail. So the check run starts at another first step, leaves the
exact loop elsewhere, goes over to a limit later, and uses another integrator
(`ibias.flow.collocation` beside LSODA). Where a rest may be unstable it goes twice, and errs by its
own errors to either side. Descent is continued by the flow of a series, and checked by sums over
whole steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ibias._validate import read_only
from ibias.datasets.columns import scaling
from ibias.flow.collocation import collocate, sides
from ibias.flow.lifted import Factored
from ibias.flow.log_time import MAX_STEPS, Halt, IntegrationFailed, Passage, integrate
from ibias.flow.radau import instability
from ibias.flow.rounding_errors import RoundingErrors
from ibias.trajectory import Trajectory

# Local errors of the real run and of the check run, as parts of the tolerance.
ACCURATE, ROUGH = 0.01, 0.03
FINE = 0.003  # in place of the first, where errors of LSODA add up to a hundred times as much
CLOSER = 0.01  # of these, where the two are apart: on a plateau errors of the time grow
NEARLY = 5.0  # times the tolerance: a tenth of the errors will do
TWICE = 2.0
VISITED = 12  # times, at most, at which the two runs are compared
LARGEST_TOLERANCE = 1e-2  # an error above this part of w is no approximation any more
NEAR = 0.1  # a state smaller than this may be near a saddle at zero
BEFORE = 1e4  # log time that takes away any way: where a flow starts
GROWN = 0.01  # by what part an error may grow before the first time
FEW = 20_000  # steps, where w is small: a hundred will do, unless rounding errors hide the pull
STRETCH = 10.0  # how much w grows or shrinks before errors are relative to its new size
UNEVEN = 30.0  # columns whose sizes differ by more are worth a word


Field = Callable[[float, np.ndarray], np.ndarray]
Result = TypeVar("Result")


class Apart(IntegrationFailed):
    """The two runs differ by more than the tolerance allows.

    Attributes
    ----------
    excess : float
        The estimate, as a multiple of what is allowed.
    """

    excess = np.inf


def closer(attempt: Callable[[float], Result], part: float = CLOSER) -> Result:
    """Return what two runs agree on: attempt(1), or if they are apart, with a part of its errors.

    If they nearly agree then, they are asked for a tenth of that part.

    Raises
    ------
    IntegrationFailed
        When they never agree; of the reasons the first.
    """
    try:
        return attempt(1.0)
    except Apart as apart:
        first = apart
    for errors in (part, part / 10):
        try:
            return attempt(errors)
        except IntegrationFailed as failed:
            if getattr(failed, "excess", np.inf) > NEARLY:
                break
    raise first


def compared(
    log_t: np.ndarray,
    accurate: np.ndarray,
    check: np.ndarray,
    at: np.ndarray,
    tolerance: float,
    *,
    floor: float = ACCURATE,
    extra: np.ndarray | float = 0.0,
    size: np.ndarray | None = None,
    length: bool = False,
    clock: str = "log t",
    looser: bool = True,
) -> np.ndarray:
    """Return an estimate of the error at each time; raise where it exceeds the tolerance.

    Parameters
    ----------
    log_t : array, shape (n_times,)
        The times.
    accurate : array, shape (n_times, n)
        The real run.
    check : array, shape (n_visited, n)
        The check run.
    at : array of int, shape (n_visited,)
        The indices of its times.
    tolerance : float
        The error allowed, relative to max(1, |w|).
    floor : float
        The local error of the accurate run, as a part of the tolerance: no estimate is below.
    extra : float, or array of shape (n_times,)
        What else is known of the error of the accurate run.
    size : array, shape (n_times,), optional
        What the tolerance is relative to; without it max(1, max_j |w_j|).
    length : bool
        Whether errors and sizes are Euclidean lengths in place of largest entries.
    clock : str
        What the times are.
    looser : bool
        Whether a larger tolerance may help: not where errors grow until they decide.
    """
    order = 2 if length else np.inf
    norm = lambda w: np.linalg.norm(w, ord=order, axis=1) if w.size else np.zeros(len(w))  # noqa: E731
    size = np.maximum(1.0, norm(accurate)) if size is None else size
    met = norm(accurate[at] - check) / size[at]
    # Between two times of the check run, the larger of their differences.
    later = np.searchsorted(at, np.arange(len(log_t)))
    earlier = np.maximum(later - (at[later] > np.arange(len(log_t))), 0)
    difference = np.maximum(met[later], met[earlier]) * size
    allowed = tolerance * size
    if not np.isfinite(difference).all():
        raise IntegrationFailed(
            "the two runs that guard each other hold NaN or infinity: ask for earlier times, or"
            " take a start nearer to zero."
        )
    # Neither run need be the better one: each may be off by the error of the other, and more. And
    # by rounding: no more than this can be told of the difference of two numbers of that size.
    known = floor * tolerance * size + extra
    estimate = TWICE * difference + known
    if (estimate > allowed).any():
        worst = int(np.argmax(estimate / allowed))
        instead = "a smaller step" if clock == "log k" else "another start"
        parted = int(np.argmax(estimate > allowed))
        agreed = log_t[parted - 1] if parted else -np.inf
        apart = Apart(
            f"at {clock} = {log_t[worst]:.6g} two runs that share no approximation differ by"
            f" {difference[worst]:.1e}, and tolerance={tolerance:g} allows"
            f" {(allowed - known)[worst] / TWICE:.1e}."
            f" {remedy(float(difference[worst] / size[worst]), instead, agreed, looser)}"
        )
        apart.excess = float((estimate / allowed)[worst])
        raise apart
    return read_only(estimate)


@dataclass(frozen=True, eq=False)
class Runs:
    """Two runs that share nothing but the equation.

    Attributes
    ----------
    real, check : Passage
    at : array of int, shape (n_visited,)
        The indices of the times of the check run.
    """

    real: Passage
    check: Passage
    at: np.ndarray

    @property
    def n_evaluations(self) -> int:
        """The cost of both."""
        return self.real.n_evaluations + self.check.n_evaluations


def visited(times: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return the indices of the times at which the check run is asked for its state.

    Evenly, and also where the states of the real run, one for each time that it reached, move
    farthest and fastest: at the end of a plateau, a small error of the time is a large one of the
    state, and only there.
    """
    at = np.linspace(0, len(times) - 1, min(len(times), VISITED)).round().astype(int)
    if len(states) > VISITED:
        moves = np.abs(np.diff(states, axis=0)).reshape(len(states) - 1, -1)
        ways = moves.max(axis=1, initial=0.0)
        speeds = ways / np.diff(times[: len(states)])
        fastest = np.concatenate([np.argsort(by)[-VISITED:] for by in (ways, speeds)])
        at = np.concatenate([at, fastest, fastest + 1])
    return np.unique(at)


def remedy(relative: float, instead: str, agreed: float = -np.inf, looser: bool = True) -> str:
    """Return what helps against a relative difference: a tolerance that is met, or other times.

    The two runs agree up to the log time `agreed`, -inf if never. Or else another argument, named
    by `instead`. Beside what separates two ends a smaller tolerance may tell them apart, and a
    larger one, which is not `looser` then, does not help.
    """
    earlier = "earlier times"
    if np.isfinite(agreed):
        earlier = f"times up to {agreed - 1e-5 * abs(agreed):.5g}"
    if not looser:
        return f"Ask for {earlier}, or take {instead}."
    wanted = 10 ** np.ceil(np.log10(20 * relative))
    if wanted <= LARGEST_TOLERANCE:
        return f"Ask for tolerance={wanted:.0e}, or for {earlier}."
    return f"No larger tolerance helps: ask for {earlier}, or take {instead}."


def arrives_as_far(failed: IntegrationFailed, check: Callable[[], Any]) -> None:
    """Run `check`; where it stops as well, raise of the two errors the one that names less."""
    try:
        check()
    except IntegrationFailed as other:
        raise min(failed, other, key=lambda error: error.time) from None


@contextmanager
def soonest(check: Callable[[np.ndarray], Any], times: np.ndarray) -> Iterator[None]:
    """Let a real run that stops in this context name the time at which the check run stops too.

    Where that is sooner; `check` takes times, of which the last one says it.
    """
    try:
        yield
    except IntegrationFailed as failed:
        arrives_as_far(failed, lambda: check(times[-1:]))
        raise


def kicks(convex: bool) -> tuple[float, ...]:
    """Return the kicks of the check runs, of which there is one where errors do not grow.

    What separates two ends may be nearer than the errors of both runs. They may then take the same
    wrong way, and agree: so one check run errs to either side.
    """
    return (0.0,) if convex else (KICK, -KICK)


def beside(field: Field, s: float, w: np.ndarray, slope: np.ndarray, kick: float) -> np.ndarray:
    """Return a state off w, to which one step has led, by `kick` times the error of that step.

    At the log time s the step has this slope, and the field another one.
    """
    return w + kick * sides(w.size) * np.abs(field(s, w) - slope) if kick else w


@contextmanager
def advised(advice: str) -> Iterator[None]:
    """Append `advice` to an integration that fails in this context."""
    try:
        yield
    except IntegrationFailed as error:
        error.args = (f"{error}{advice}",)
        raise


def about_columns(X: np.ndarray) -> str:
    """Return the advice for columns of different sizes; nothing where they are alike."""
    how = scaling(X, UNEVEN)
    return how and (
        f" The columns of X differ in size: {how} (that is another metric, and so another flow)."
    )


# Of a pull or a size in a network. A trial step may overshoot; a finite value lets it be rejected.
LARGEST_EXPONENT = 50.0
DIFFERENCE = 6e-6  # relative, for a Jacobian by differences, which steers an iteration only
KICK = 10.0  # times the errors of the steps of the check run
CAUTION = 3.0  # log time by which the check run starts earlier

Launch = Callable[[float, float], tuple[float, np.ndarray]]


def first_moment(field: Field, theta: np.ndarray, speed: float, log_t: np.ndarray) -> Launch:
    """Return a launch from the state at time zero, which moves at most at this speed there.

    Up to the first time it moves by less than the local error.
    """

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        first = min(np.log(local_error / speed), log_t[0]) - caution
        return first, theta + field(first, theta)

    return launch


def two_runs(
    field: Field,
    launch: Launch,
    times: np.ndarray,
    tolerance: float,
    jacobian: Field | None = None,
    *,
    fine: float = FINE,
    coarse: float = ROUGH,
    halt: Halt = None,
    smallest: float = np.inf,
    linear: Callable[[np.ndarray], np.ndarray | float] = lambda _: np.inf,
    symmetric: bool = False,
    smooth: bool = True,
    saddles: bool = False,
    convex: bool = True,
    lift: Factored | None = None,
    max_steps: int = MAX_STEPS,
    off: Callable[[float, float], np.ndarray] | None = None,
) -> Runs:
    """Return LSODA's run and the check run by collocation, which starts earlier.

    Beside saddles, or where errors grow, of two check runs at each time the one that is farther
    off.

    Parameters
    ----------
    field, jacobian : callable
        Of one time and one state; the field also of several, (k,) and (k, n), at once. Without a
        Jacobian, differences.
    launch : callable
        launch(local_error, caution) returns a first time and the state there; a time earlier
        by `caution` is asked for by the check run.
    times : array, shape (n_times,)
        Of the real run; the check run goes to those that are `visited`.
    tolerance : float
        What the two are parts of.
    fine, coarse : float
        Local errors of the two, as parts of the tolerance.
    halt : callable, optional
        See `integrate`.
    smallest : float
        What local errors must not exceed, relative to max(1, |w|).
    linear : callable
        What those of the check run must not exceed at w, however large it is: further off, the
        field is not linear, and no step would hold.
    symmetric, smooth, lift : bool, bool and Factored
        See `collocate`.
    max_steps : int
        Of LSODA, where no rest may be unstable.
    saddles : bool
        Whether rests may be unstable; then the field is e^s times one of w alone. Near zero local
        errors are relative to w, from which a late rise starts.
    convex : bool
        Whether the loss is. If not, rounding errors may grow, and are carried along the check run:
        see `ibias.flow.rounding_errors`.
    off : callable, optional
        off(first, kick) returns where a check run starts that errs to a side; without it the launch
        is one step, and errs as such (see `beside`).
    """
    # Both take the matrix only to solve their implicit equations (residuals are of the field) and
    # to choose steps: a wrong one makes a run slow, or fail, and cannot move both ends alike.
    steer = jacobian if jacobian is not None else lambda s, w: differences(field, s, w)
    unit = None
    if saddles:
        unit = lambda w: distance_from_rest(field, steer, w)  # noqa: E731
        launch = in_time(launch, unit, steer, symmetric)

    def real_run() -> Passage:
        local_error = min(fine * tolerance, smallest)
        first, start = launch(fine * tolerance, 0.0)
        if unit is not None:
            return in_stretches(field, first, start, times, local_error, unit, steer, halt)
        how = {"jacobian": steer, "halt": halt, "max_steps": max_steps}
        return integrate(field, first, start, times, local_error, **how)

    def check_run(times: np.ndarray, kick: float = 0.0) -> Passage:
        local_error = min(coarse * tolerance, smallest)
        first, start = launch(coarse * tolerance, CAUTION)
        if kick and off is not None:
            start = off(first, kick)
        elif kick:
            begun = launch(coarse * tolerance, BEFORE)[1]
            start = beside(field, first, start, start - begun, kick)
        watched = halt
        if not convex:
            grown = RoundingErrors(steer, 1.0, tolerance, symmetric)
            watched = grown.watching(first, start, times, halt)
        with np.errstate(over="ignore", invalid="ignore"):
            return collocate(
                field,
                first,
                start,
                times,
                lambda w: evenly(local_error, w, linear(w)),
                steer,
                symmetric=symmetric,
                halt=watched,
                smooth=smooth,
                unit=unit,
                unstable=saddles or not convex,
                lift=lift,
                kick=kick,
            )

    with soonest(check_run, times):
        real = real_run()
    at = visited(times, real.states)
    checks = [check_run(times[at], kick) for kick in kicks(convex and not saddles)]
    return Runs(real, farthest(real.states[at[at < len(real.states)]], checks), at)


def farthest(states: np.ndarray, runs: Sequence[Passage]) -> Passage:
    """Return, time by time, the state of the run that is farthest from `states`."""
    n = min(len(states), *(len(run.states) for run in runs))
    there = np.array([run.states[:n] for run in runs])
    off = np.abs(there - states[:n]).max(axis=-1, initial=0.0)
    soonest = min(runs, key=lambda run: run.time)
    return Passage(
        there[np.argmax(off, axis=0), np.arange(n)],
        soonest.time,
        soonest.state,
        sum(run.n_evaluations for run in runs),
    )


def distance_from_rest(field: Field, jacobian: Field, w: np.ndarray) -> float:
    """Return about how far w is from a rest at zero, at most one: what an error is relative to.

    One where w is not small, and where the pull, over how fast it changes, says that zero is none.
    """
    size = float(np.abs(w).max(initial=0.0))
    if size >= NEAR or size == 0:
        return 1.0
    pull, slope = np.abs(field(0.0, w)).max(), np.abs(jacobian(0.0, w)).max()
    distance = max(size, float(pull / slope)) if slope > 0 else 1.0
    return distance if distance < NEAR else 1.0


def in_time(
    launch: Launch, unit: Callable[[np.ndarray], float], jacobian: Field, symmetric: bool
) -> Launch:
    """Return a launch that moves by a part of `unit`, and before any error has grown.

    A state that rests beside a saddle moves by less than the local error until long after.
    """
    theta = launch(1.0, BEFORE)[1]
    size, rate = unit(theta), instability(jacobian(0.0, theta), symmetric)
    latest = np.log(GROWN / rate) if rate > 0 else np.inf

    def earlier(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        late = max(launch(size * local_error, caution)[0] - latest, 0.0)
        return launch(size * local_error, caution + late)

    return earlier


def in_stretches(
    field: Field,
    s: float,
    w: np.ndarray,
    times: np.ndarray,
    local_error: float,
    unit: Callable[[np.ndarray], float],
    jacobian: Field,
    halt: Halt,
) -> Passage:
    """Return LSODA's run with local errors relative to unit(w), renewed as w grows or shrinks."""
    states, calls = np.empty((0, w.size)), 0
    while True:
        scale, size, halted = unit(w), float(np.abs(w).max(initial=0.0)), False

        def renewed(s: float, w: np.ndarray, scale: float = scale, size: float = size) -> bool:
            nonlocal halted
            halted = halt is not None and halt(s, w)
            now = float(np.abs(w).max(initial=0.0))
            left = scale < 1 and now > STRETCH * scale
            return halted or left or now < min(size, NEAR) / STRETCH

        passage = integrate(
            field,
            s,
            w,
            times[len(states) :],
            local_error * scale,
            local_error / 10,
            jacobian=jacobian,
            halt=renewed,
            max_steps=MAX_STEPS if scale == 1 else FEW,
        )
        states, calls = np.vstack([states, passage.states]), calls + passage.n_evaluations
        s, w = passage.time, passage.state
        if halted or len(states) == len(times):
            return Passage(states, s, w, calls)


def agreed(
    field: Field,
    launch: Launch,
    log_t: np.ndarray,
    tolerance: float,
    log_risk: Callable[[np.ndarray], np.ndarray],
    jacobian: Field | None = None,
    *,
    length: bool = False,
    **how: Any,
) -> Trajectory:
    """Return what two runs agree on as a trajectory; closer ones, where they are apart.

    `field`, `launch`, `jacobian` and `how` are those of `two_runs`, `length` is that of `compared`.
    """

    def attempt(part: float) -> Trajectory:
        runs = two_runs(field, launch, log_t, part * tolerance, jacobian, **how)
        states, others = runs.real.states, runs.check.states
        return Trajectory(
            log_t=read_only(np.array(log_t)),
            iterates=read_only(states),
            log_risk=read_only(np.asarray(log_risk(states))),
            status=f"integrated to log time {log_t[-1]:.6g}",
            error_estimate=compared(log_t, states, others, runs.at, tolerance, length=length),
            n_evaluations=runs.n_evaluations,
        )

    return closer(attempt)


def bounded(exponent: Callable[[float, np.ndarray], float]) -> Callable[[float, np.ndarray], bool]:
    """Return a halt that refuses states whose pull the field had to cut off.

    `exponent` returns the logarithm of the largest pull at a time and a state. Trial steps may
    overshoot, and are taken back; a solution that comes there is none of the equation any more.
    """

    def halt(s: float, w: np.ndarray) -> bool:
        beyond = exponent(s, w) - LARGEST_EXPONENT
        if beyond >= 0:
            raise IntegrationFailed(
                f"at log time {s:.6g} the time times the pull exceeds exp({LARGEST_EXPONENT:g}):"
                " the flow waits near a saddle for too long, or other forces hold the pull. Ask for"
                f" times up to {s - beyond - 0.1:.4g}; near a saddle, take a larger start, or"
                " larger inputs."
            )
        return False

    return halt


def evenly(local_error: float, w: np.ndarray, most: np.ndarray | float = np.inf) -> np.ndarray:
    """Return the same local error for every coordinate, relative to max(1, |w|), but the most."""
    return np.minimum(np.full(w.size, local_error * max(1.0, np.abs(w).max(initial=0.0))), most)


def differences(field: Field, s: float, w: np.ndarray) -> np.ndarray:
    """Return the Jacobian of the field by central differences, shape (n, n)."""
    step = DIFFERENCE * np.maximum(np.abs(w), 1e-3 * max(1e-3, np.abs(w).max(initial=0.0)))
    shifts = np.diag(step)
    around = field(np.full(2 * w.size, s), np.concatenate([w + shifts, w - shifts]))
    return ((around[: w.size] - around[w.size :]) / (2 * step[:, None])).T
