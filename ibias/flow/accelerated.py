"""Nesterov's acceleration in continuous time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import increasing, positive, require
from ibias.datasets import Dataset
from ibias.flow.collocation import collocate
from ibias.flow.estimate import (
    ACCURATE,
    CAUTION,
    ROUGH,
    about_columns,
    advised,
    beside,
    closer,
    evenly,
    kicks,
    soonest,
    visited,
)
from ibias.flow.gradient import Space, conclude
from ibias.flow.log_time import IntegrationFailed, LogTimeField, Passage, integrate
from ibias.flow.remedies import tried
from ibias.flow.rounding_errors import RoundingErrors
from ibias.flow.separation import Arc
from ibias.losses import MarginLoss, is_convex, named
from ibias.trajectory import Trajectory

CALM = 40.0  # a log time by which swings, which die out like 1/t, are below rounding
SHAKEN = 300  # steps of a smooth passage, which takes a hundred, before rounding is blamed
ROUNDING = 1e-13  # relative to log t: the error of an exponent of that size, with some room


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def accelerated_flow(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the solution of w'' + (3/t) w' = -grad risk(w), from rest, at the times exp(log_t).

    The limit of `methods.Nesterov` for small steps, with t = sqrt(step_size) * k (Su, Boyd
    and Candes 2016). In s = log t it reads w_ss + 2 w_s = -e^(2s) grad risk(w).

    Parameters
    ----------
    data : Dataset
        Separable data: otherwise w circles a finite minimiser for ever.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> flow = accelerated_flow(datasets.symmetric_pair(), log_t=[50.0, 1e4])
    >>> print(f"{flow.slope(flow.norms):.6f}")  # 2 / margin, twice that of the gradient flow
    1.414214
    """
    require("data", data, Dataset)
    loss, log_t = named(loss), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    space = Space.of(data, start)
    n = data.n_samples
    field = LogTimeField(space.Z, loss, space.log_clock - np.log(n), np.zeros(n))
    d = space.start.size

    def velocity(s: float | np.ndarray, state: np.ndarray) -> np.ndarray:
        w, w_s = state[..., :d], state[..., d:]
        return np.concatenate([w_s, -2 * w_s + field(2 * s, w)], axis=-1)

    def jacobian(s: float, state: np.ndarray) -> np.ndarray:
        identity = np.eye(d)
        return np.block(
            [[np.zeros((d, d)), identity], [field.jacobian(2 * s, state[:d]), -2 * identity]]
        )

    def early(s: float) -> np.ndarray:
        """Return the state for a constant gradient: w = w_0 - t^2 grad / 8."""
        pull = field(2 * s, space.start)
        return np.concatenate([space.start + pull / 8, pull / 4])

    def first_time(local_error: float) -> float:
        """Return a log time up to which the gradient is constant, to the local error."""
        s = min(-5.0, log_t[0]) + 0.5 * np.log(local_error)
        steepest = float(loss.log_slope(space.Z @ space.start).max()) + space.log_clock
        while True:
            change = field(2 * s, early(s)[:d]) - field(2 * s, space.start)
            if np.abs(change).max(initial=0.0) <= local_error:
                return s
            s -= max(1.0, s + steepest / 2)

    def without_swings(s: float, state: np.ndarray, local_error: float) -> Passage:
        # Rounding may shake the exponents by as much as the error that is allowed, and each step
        # is then refused. Ten times more is allowed then; the check run tells whether it matters.
        options = {"jacobian": jacobian, "swings": True}
        later = log_t[log_t > CALM]
        try:
            return integrate(velocity, s, state, later, local_error, max_steps=SHAKEN, **options)
        except IntegrationFailed:
            return integrate(velocity, s, state, later, 10 * local_error, **options)

    def solve(local_error: float) -> Arc:
        first = first_time(local_error)
        early_times, calm = log_t[log_t <= CALM], min(CALM, log_t[-1])
        times = np.append(early_times, calm)
        swinging = integrate(velocity, first, early(first), times, local_error, jacobian=jacobian)
        smooth = without_swings(calm, swinging.state, max(local_error, ROUNDING * log_t[-1]))
        states = [*swinging.states[:-1], *smooth.states]
        return Arc(
            [state[:d] for state in states],
            f"integrated to log time {log_t[-1]:.6g}",
            swinging.n_evaluations + smooth.n_evaluations,
        )

    def attempt(part: float) -> Trajectory:
        # The flow swings, and errors add up ten times further than for the gradient flow.
        local_error = part * ROUGH * tolerance / 10

        def check_run(times: np.ndarray, kick: float = 0.0) -> Passage:
            first = first_time(local_error) - CAUTION
            start, halt, unstable = early(first), None, not is_convex(loss)
            begun = np.append(space.start, np.zeros(d))
            start = beside(velocity, first, start, 2 * (start - begun), kick)
            if unstable:
                grown = RoundingErrors(jacobian, space.unit, tolerance, symmetric=False)
                halt = grown.watching(first, start, times, None)
            return collocate(
                velocity,
                first,
                start,
                times,
                lambda state: evenly(
                    max(local_error, ROUNDING), state, np.tile(field.linear(state[:d]), 2)
                ),
                jacobian,
                halt=halt,
                unstable=unstable,
                kick=kick,
            )

        with soonest(check_run, log_t):
            accurate = solve(part * ACCURATE * tolerance / 10)
        at = visited(log_t, np.array(accurate.iterates))
        swinging = [check_run(log_t[at], kick) for kick in kicks(is_convex(loss))]
        checks = [Arc(list(run.states[:, :d]), "", run.n_evaluations) for run in swinging]
        return conclude(space, data, loss, log_t, accurate, checks, at, tolerance)

    with advised(about_columns(data.X)):
        return closer(attempt)
