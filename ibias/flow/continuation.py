"""Gradient descent continued past the steps a loop can take.

An exact loop, and from where it follows a smooth curve that curve, twice: by the flow of the
series log(1 + Delta) (`ibias.flow.series`), and by sums over whole steps (`ibias.flow.sums`), which
check it. Smooth is not settled: on a plateau, where every sample is far on the wrong side, all
steps are alike and both look perfect. So the first neglected term is looked at all along the way,
and where it grows the loop takes over again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import increasing, positive, require
from ibias.datasets import Dataset, generator
from ibias.descent import Diverged
from ibias.flow.collocation import TooShort
from ibias.flow.estimate import ACCURATE, ROUGH, about_columns, advised, closer, kicks, visited
from ibias.flow.gradient import LATEST, PATIENCE, Space, by_collocation, by_lsoda, conclude
from ibias.flow.log_time import Halt, IntegrationFailed, Passage
from ibias.flow.remedies import tried
from ibias.flow.separation import Arc, Run, follow
from ibias.flow.series import MAX_ORDER, Series, Terms
from ibias.losses import MarginLoss, is_convex, named
from ibias.objectives import Objective
from ibias.trajectory import Trajectory

MAX_LOOP = 2**18  # steps of the exact loop, in all
WHOLE = 2**52  # up to here double precision tells one step from the next
SOONER = 8.0  # the check run leaves the loop where the neglected term is still so much larger
TERMS = 4  # of the series; with more, the loop is shorter and the rest dearer
POWERS = 6
SURELY = 1.05  # how far beyond where the neglected term should be small it is looked at again
FASTER = 4  # times as many steps, at most, before the next look
FURTHER = 1.1  # how far the loop goes beyond where the integrator stopped, in steps
SOONEST = 64  # steps, before which the derivatives along a step of the integrator are coarse
BEYOND = 1e100  # an iterate of this size is on its way to infinity
ULPS = 4 * 2.0**-52  # by how much the loop of the check run is disturbed


@tried("log_steps")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def continued_gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: float | None = None,
    log_steps: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the iterates of gradient descent after exp(log_steps) steps of fixed size.

    An exact loop runs until the first neglected term of the series log(1 + Delta) (see
    `ibias.flow.series`) is below the tolerance; a few hundred steps. From there the iterates
    lie on the flow of that series, which is integrated in s = log k.

    Parameters
    ----------
    data : Dataset
        The samples, separable or not.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float, optional
        Without it, 1/L (`Objective.default_step_size`).
    log_steps : array, shape (n_times,), increasing, at least 0
        Natural logarithms of the step numbers k. There are whole steps only: the nearest ones
        are returned, each once (a fine grid gives fewer times), and ``log_t`` says which.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``. Its ``error_estimate`` is twice the distance
        to a second run that starts a few roundings away, leaves the loop at another step, has
        another equation for the curve (sums over steps, by Euler and Maclaurin, see
        `ibias.flow.sums`), and takes another integrator.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the exact loop overflows.
    IntegrationFailed
        When no smooth curve is reached, the integrator does not arrive, or the tolerance
        cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> pair = datasets.symmetric_pair()
    >>> run = continued_gradient_descent(pair, step_size=1.0, log_steps=[10.0, 1e4])
    >>> run.final.round(3)
    array([4999.888, 4999.888])
    """
    require("data", data, Dataset)
    loss, log_k = named(loss), whole_steps(increasing("log_steps", log_steps))
    tolerance = positive("tolerance", tolerance)
    eta = positive(
        "step_size", Objective(data, loss).default_step_size if step_size is None else step_size
    )
    space = Space.of(data, start)
    n = data.n_samples
    scale = np.log(eta / n) + space.log_clock
    sides = kicks(is_convex(loss) and never_amplifies(space, loss, float(np.exp(scale))))

    def series(terms: Terms) -> Series:
        return Series(space.Z, loss, scale, np.zeros(n), terms)

    def attempt(part: float) -> Trajectory:
        fine, coarse = part * ACCURATE * tolerance, part * ROUGH * tolerance

        def checked(times: np.ndarray, kick: float = sides[0]) -> Arc:
            return March(
                series(Terms(MAX_ORDER, least=MAX_ORDER)),
                by_collocation(coarse, space.unit, tolerance, kick),
                neglected=SOONER * 2 * fine,
                unit=space.unit,
                every=1,
                pace=3,
                soonest=SOONEST,
                patience=PATIENCE,
                disturbed=ULPS * (kick or 1.0),
                steadily=kick != 0,
            ).to(space.start, times)

        accurate = March(
            series(Terms(TERMS)),
            by_lsoda(fine, space.unit, lambda: checked(np.minimum(log_k[-1:], LATEST))),
            neglected=2 * fine,
            unit=space.unit,
        ).to(space.start, log_k)
        at = visited(log_k, np.array(accurate.iterates))
        checks = [checked(log_k[at], kick) for kick in sides]
        return conclude(space, data, loss, log_k, accurate, checks, at, tolerance, eta)

    with advised(about_columns(data.X)):
        return closer(attempt)


def never_amplifies(space: Space, loss: MarginLoss, step_size: float) -> bool:
    """Say whether all steps are below 2/||Hessian||, for sure: then no error grows.

    By the largest curvature of the loss; without one l'' <= -l', and the sum of the slopes falls as
    long as the steps are as short.
    """
    curvature, length = loss.smoothness, np.linalg.norm(space.Z, ord=2)
    if not np.isfinite(curvature):
        slopes = np.exp(loss.log_slope(space.Z @ space.start))
        curvature, length = slopes.sum(), np.linalg.norm(space.Z, axis=1).max(initial=0.0)
    return bool(step_size * curvature * length**2 <= 2)


def whole_steps(log_steps: np.ndarray) -> np.ndarray:
    """Return the logarithms of the nearest whole steps, each once."""
    if log_steps[0] < 0:
        raise ValueError(f"log_steps must be at least 0, which is one step; got {log_steps[0]:g}.")
    near = log_steps < np.log(WHOLE)
    steps = np.unique(np.rint(np.exp(log_steps[near])))
    return np.concatenate([np.log(steps), log_steps[~near]])


@dataclass(eq=False)
class March:
    """The way through the requested steps: loop, series, loop, ..., in turns.

    Attributes
    ----------
    field : Series
    run : callable
        The integrator.
    neglected : float
        What the first neglected term of the series may be, relative to w.
    unit : float
        The size of w below which errors are absolute.
    every : int
        At every how many steps of the integrator the terms are looked at.
    pace : int
        The loop may be left after this number of steps, and is looked at again later and later.
    soonest : int
        It is not left before.
    patience : float
        See `separation.follow`.
    disturbed : float
        A change of the iterates before every look, relative to them and to what moves them: at
        random, as rounding is. What both runs round alike would decide both alike.
    steadily : bool
        Whether every second step is disturbed, each time alike: what grows from side to side adds
        up, and what grows to one side. Where steps amplify errors, these decide where the iterates
        go, and must not be drowned by what is rounded between two looks.
    """

    field: Series
    run: Run
    neglected: float
    unit: float
    every: int = 8
    pace: int = 1
    soonest: int = 1
    patience: float = 0.0
    disturbed: float = 0.0
    steadily: bool = False
    iterates: list[np.ndarray] = field(default_factory=list)
    n_looped: int = 0
    n_series: int = 0
    unstable: int = 0

    def to(self, w: np.ndarray, log_k: np.ndarray) -> Arc:
        """Return the iterates at the steps exp(log_k)."""
        k = 0
        while True:
            k, w = self.loop(k, w, log_k)
            later = log_k[len(self.iterates) :]
            arc, k, w = self.continued(k, w, later)
            self.iterates += arc.iterates
            self.n_series += arc.n_evaluations
            if len(self.iterates) == len(log_k):
                break
        status = arc.status
        if self.unstable:
            status = (
                f"the step exceeded 2/||Hessian|| as late as step {self.unstable}, where rounding"
                f" errors may be amplified; {status}"
            )
        return Arc(self.iterates, status, self.n_looped + self.n_series, arc.error, arc.n_ends)

    def small(self, w: np.ndarray) -> float:
        """Return what is negligible at w."""
        return self.neglected * max(self.unit, float(np.abs(w).max(initial=0.0)))

    def rounding(self, w: np.ndarray) -> np.ndarray:
        """Return a few roundings of w and of all that moves it, shape (n_features,)."""
        pull = np.abs(self.field.loss.slope(self.field.Z @ w)) @ self.field.sizes
        return self.disturbed * (np.abs(w) + np.exp(self.field.log_scale) * pull)

    def loop(self, k: int, w: np.ndarray, log_k: np.ndarray) -> tuple[int, np.ndarray]:
        """Run the exact loop from step k until it may be left; return the step and the iterate."""
        Z, loss, step_size = self.field.Z, self.field.loss, np.exp(self.field.log_scale)
        begun, pattern = k, generator(0).uniform(-1, 1, w.size)
        with (
            np.errstate(over="ignore", invalid="ignore"),
            progress.Bar("taking the first steps one by one", MAX_LOOP) as bar,
        ):
            ahead = self.pace
            while self.n_looped < MAX_LOOP:
                stop = min(begun + ahead, k + MAX_LOOP - self.n_looped)
                if self.disturbed:
                    w = w + pattern * self.rounding(w)
                wanted = np.exp(log_k[len(self.iterates) :][: stop - k + 1])
                for step in [*np.rint(wanted[wanted < stop + 0.5]).astype(int).tolist(), stop]:
                    for taken in range(k, step):
                        w = w - step_size * loss.slope(Z @ w) @ Z
                        if self.steadily and taken % 2:
                            w = w + pattern * self.rounding(w)
                    self.n_looped, k = self.n_looped + step - k, step
                    if (
                        len(self.iterates) < len(log_k)
                        and abs(np.exp(log_k[len(self.iterates)]) - k) < 0.5
                    ):
                        self.iterates.append(w)
                if not np.abs(w).max(initial=0.0) < BEYOND or self.field.outgrown(np.log(k), w):
                    raise Diverged(k)
                unstable = is_unstable(self.field, w)
                if unstable:
                    self.unstable = k
                bar.at(self.n_looped)
                if len(self.iterates) == len(log_k):
                    return k, w
                enough = self.soonest - begun
                if k >= self.soonest:
                    small = self.small(w)
                    _, neglected = self.field.look(np.log(k), w, small)
                    if neglected <= small and not unstable:
                        return k, w
                    # It falls like a power of k.
                    power = 1 / self.field.terms.order
                    times = np.nan_to_num(neglected / small, nan=np.inf)
                    enough = SURELY * k * times**power - begun
                ahead = int(np.ceil(np.clip(enough, ahead + self.pace, FASTER * ahead)))
        raise IntegrationFailed(
            f"after {self.n_looped} steps the iterates still do not follow a smooth curve:"
            " choose a smaller step_size, such as the default, or a larger tolerance."
        )

    def continued(self, k: int, w: np.ndarray, log_k: np.ndarray) -> tuple[Arc, int, np.ndarray]:
        """Follow the series from step k, as long as the first neglected term stays small."""
        terms = self.field.terms
        terms.take(terms.order)
        good, n_steps, looked = [(float(np.log(k)), w)], 0, 0.0

        def look(field: Series, s: float, w: np.ndarray) -> None:
            small = self.small(w)
            seen, neglected = field.look(s, w, small)
            if field is self.field:
                if is_unstable(field, w):
                    raise _Unstable(s)
                if neglected > 2 * small:
                    raise _Rough
                good.append((s, w.copy()))
            if seen > terms.taken:
                raise _More
            terms.take(seen)

        def guarded(
            field: Series, s: float, w: np.ndarray, times: np.ndarray, halt: Halt
        ) -> Passage:
            def stop(s: float, w: np.ndarray) -> bool:
                nonlocal n_steps, looked
                n_steps += 1
                if n_steps % self.every == 0 or s >= looked + 0.5:
                    look(field, s, w)
                    looked = s
                return halt is not None and halt(s, w)

            return self.run(field, s, w, times, stop)

        try:
            arc = follow(self.field, good[0][0], w, log_k, guarded, self.small, self.patience)
            return arc, k, w
        except _More:
            terms.least = terms.order
            return self.continued(k, w, log_k)
        except _Unstable as unstable:  # swings too small to be seen may grow: every step counts
            self.soonest = whole_step(unstable.time)
            return Arc([], "", 0), k, w
        except _Rough:
            s, w = good[-1]
        except TooShort as short:
            s, w = good[-1]
            self.soonest = beyond(short)
        whole = whole_step(s)
        first = float(np.log(k))
        reached = log_k[log_k <= np.log(whole) * (1 + 1e-15)]
        until = np.append(reached, np.log(whole))
        terms.take(terms.order)
        try:
            again = self.run(self.field, first, good[0][1], until, None)
        except TooShort as short:  # the loop goes on from where it was left
            self.soonest = beyond(short)
            return Arc([], "", 0), k, good[0][1]
        done = Arc(list(again.states[: len(reached)]), "", again.n_evaluations)
        return done, whole, again.states[-1]


def whole_step(s: float) -> int:
    """Return the first whole step from the log time s on; raise where no loop gets on from it."""
    whole = np.ceil(np.exp(s) * (1 - 1e-12))
    if not whole < WHOLE:
        raise IntegrationFailed(
            f"at step {np.exp(s):.3g} the iterates cease to follow a smooth curve, too late for"
            " a loop: ask for earlier steps, or a start nearer to zero."
        )
    return int(whole)


def beyond(short: TooShort) -> int:
    """Return a step safely beyond the one near which the integrator stopped."""
    return int(min(np.ceil(FURTHER * np.exp(short.time)), WHOLE))


class _Rough(Exception):
    """The series has become too coarse."""


class _Unstable(Exception):
    """Steps amplify what is off the smooth curve."""

    def __init__(self, time: float) -> None:
        self.time = time


class _More(Exception):
    """More terms of the series can be seen than are taken."""


def is_unstable(field: Series, w: np.ndarray) -> bool:
    """Say whether step_size * ||Hessian|| > 2 at w, where nearby iterates separate.

    The norm by a few steps of the power method, and only where the trace does not settle it.
    """
    u = field.margins(w)
    curvature = field.weights(0.0, u) * np.abs(field.loss.log_slope_derivative(u))
    if curvature @ field.squares <= 2:
        return False
    direction = curvature @ field.sizes
    for _ in range(POWERS):
        direction = (curvature * (field.Z @ direction)) @ field.Z
        size = float(np.linalg.norm(direction))
        if size == 0 or not np.isfinite(size):
            return size > 0
        direction = direction / size
    return size > 2
