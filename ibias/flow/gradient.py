"""Gradient flow, at times that no loop reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import increasing, positive, read_only, require
from ibias.datasets import Dataset
from ibias.datasets.rows import lengths, rounding
from ibias.flow.collocation import collocate
from ibias.flow.estimate import (
    ACCURATE,
    CAUTION,
    ROUGH,
    about_columns,
    advised,
    arrives_as_far,
    beside,
    closer,
    compared,
    kicks,
    visited,
)
from ibias.flow.log_time import TINY, Halt, IntegrationFailed, LogTimeField, Passage, integrate
from ibias.flow.remedies import tried
from ibias.flow.rounding_errors import RoundingErrors
from ibias.flow.separation import Arc, Run, follow
from ibias.flow.series import Series
from ibias.flow.start import one_start
from ibias.losses import MarginLoss, is_convex, named
from ibias.trajectory import Trajectory

SEGMENT, SEGMENTS = 10.0, 4.0  # log times at which LSODA's tolerance is renewed: 40, 160, ...
# From here on the way is straight, and it is renewed no more: a new start would begin with short
# steps, which see the rounding of s.
STRAIGHT = 1e6
LATEST = 1e13  # later, the exponents s - u are not known to a hundredth, whatever is done
FINEST = 2.3e-14  # a relative local error: LSODA takes none below a hundred roundings
PATIENCE = 2.0  # log time that the check run waits before it takes a limit for the flow
STRETCH = 20_000  # steps of LSODA between two renewals: raw columns take five thousand


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def gradient_flow(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the solution of dw/dt = -grad risk(w) at the times exp(log_t).

    Computed in s = log t, where the cost grows like log s for an exponential tail: t =
    10^10000 takes milliseconds. If the data are not separable, the flow is continued by
    its limit (see `ibias.flow.separation`), and the status says so. Rows that are dependent up to
    rounding, a few units of it, are taken for dependent.

    Parameters
    ----------
    data : Dataset
        The samples, separable or not.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times; 1e6 is no problem.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Returns
    -------
    Trajectory
        Its ``error_estimate`` is twice the distance to a second run with another first step
        and another integrator (where the loss is not convex, to the farther of two that err to
        opposite sides), plus the local error of the first (see `ibias.flow.estimate`).

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> flow = gradient_flow(datasets.symmetric_pair(), log_t=[50.0, 1e4])
    >>> print(f"{flow.slope(flow.norms):.6f}")  # 1 / margin = 1 / sqrt(2)
    0.707107
    """
    require("data", data, Dataset)
    loss, log_t = named(loss), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    space = Space.of(data, start)
    n = data.n_samples
    field = LogTimeField(space.Z, loss, space.log_clock - np.log(n), np.zeros(n))

    def near(w: np.ndarray) -> float:
        return ROUGH * tolerance * max(space.unit, np.abs(w).max(initial=0.0))

    def solve(
        run: Run,
        local_error: float,
        times: np.ndarray,
        caution: float = 0.0,
        patience: float = 0.0,
        kick: float = 0.0,
    ) -> Arc:
        first = min(first_time(field, space.start, local_error * space.unit), times[0]) - caution
        moved = field(first, space.start)
        w = beside(field, first, space.start + moved, moved, kick)
        return follow(field, first, w, times, run, near, patience)

    def attempt(part: float) -> Trajectory:
        fine, coarse = part * ACCURATE * tolerance, part * ROUGH * tolerance

        def checked(times: np.ndarray, kick: float = 0.0) -> Arc:
            run = by_collocation(coarse, space.unit, tolerance, kick)
            return solve(run, coarse, times, CAUTION, PATIENCE, kick)

        real = by_lsoda(fine, space.unit, lambda: checked(np.minimum(log_t[-1:], LATEST)))
        accurate = solve(real, fine, log_t)
        at = visited(log_t, np.array(accurate.iterates))
        checks = [checked(log_t[at], kick) for kick in kicks(is_convex(loss))]
        return conclude(space, data, loss, log_t, accurate, checks, at, tolerance)

    with advised(about_columns(data.X)):
        return closer(attempt)


@dataclass(frozen=True, eq=False)
class Space:
    """Coordinates v = size * (part of w in the row space of Z), in which rows have length <= 1.

    The flow of w in the time t is the flow of v in the time size^2 t, exactly. The part of
    the start that is orthogonal to the rows never moves; left in, rounding would move it.

    Attributes
    ----------
    Z : array, shape (n_samples, n_coordinates)
        The signed inputs in these coordinates.
    start : array, shape (n_coordinates,)
    basis : array, shape (n_features, n_coordinates), or None
        Orthonormal columns; None if there are as many coordinates as features.
    rest : array, shape (n_features,)
        The part of the start orthogonal to the row space.
    size : float
        The length of the longest row of the data.
    """

    Z: np.ndarray
    start: np.ndarray
    basis: np.ndarray | None
    rest: np.ndarray
    size: float

    @classmethod
    def of(cls, data: Dataset, start: ArrayLike | None) -> Space:
        """Return the coordinates for `data` and `start`."""
        w = one_start(data, start)
        size = float(np.linalg.norm(data.Z, axis=1).max()) or 1.0
        Z = data.Z / size
        scale = np.abs(Z).max(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        alike = Z / scale
        alike = alike / lengths(alike)
        triangle = np.linalg.qr(alike.T if alike.shape[1] > len(alike) else alike, mode="r")
        spectrum = np.linalg.svd(triangle, compute_uv=False)
        rank = int((spectrum > rounding(alike)).sum())
        if rank == data.n_features:
            return cls(Z, size * w, None, np.zeros_like(w), size)
        if rank == data.n_samples:
            basis, triangle = np.linalg.qr(Z.T)
            rows = triangle.T.copy()
        else:
            _, spectrum, right = np.linalg.svd(Z / scale, full_matrices=False)
            if spectrum[rank - 1] <= rounding(alike) * spectrum[0]:  # hidden beside long rows
                right = np.linalg.svd(alike, full_matrices=False)[2]
            basis = np.linalg.qr(right[:rank].T * scale[:, None])[0]
            rows = Z @ basis
        return cls(rows, size * (basis.T @ w), basis, w - basis @ (basis.T @ w), size)

    @property
    def log_clock(self) -> float:
        """What is added to log t."""
        return 2 * float(np.log(self.size))

    @property
    def unit(self) -> float:
        """The size of v below which the tolerance is absolute."""
        return min(1.0, self.size)

    def lift(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the weights, shape (n_times, n_features)."""
        if self.basis is None:
            return coordinates / self.size
        return self.rest + coordinates @ self.basis.T / self.size


def first_time(field: LogTimeField, w: np.ndarray, allowed: float) -> float:
    """Return the log time up to which one Euler step from w errs by less than `allowed`.

    The error is at most t^2 ||H|| ||g|| / 2 with the largest Hessian and gradient on the way.
    For a convex loss no gradient is larger than the first. For another one they grow by less
    than e while t ||H|| <= 1. The Hessian is bounded by that of the loss, everywhere; where
    the loss has no bound, by its curvature while no margin moves by more than one.
    """
    u = field.margins(w)
    slope = field.loss.log_slope(u)
    log_gradient = field.log_scale + np.logaddexp.reduce(slope) + np.log(field.largest_row)
    log_hessian = field.log_scale + np.log((field.Z**2).sum())
    latest = np.inf
    if np.isfinite(field.loss.smoothness):
        log_hessian += np.log(field.loss.smoothness)
    else:
        around = u[:, None] + np.linspace(-1.0, 1.0, 9)
        with np.errstate(divide="ignore"):
            curvature = field.loss.log_slope(around) + np.log(
                np.abs(field.loss.log_slope_derivative(around))
            )
        log_hessian += curvature.max() + np.log(2.0)
        latest = -log_gradient - np.log(field.largest_row)
    if not is_convex(field.loss):
        latest = min(latest, -log_hessian) - 1
    return float(min((np.log(allowed) - log_gradient - log_hessian) / 2, latest))


def by_lsoda(local_error: float, unit: float, arrives: Callable[[], object]) -> Run:
    """Return the integrator of the real runs.

    Where LSODA fails, Radau may not, and takes ten times as long. Before, `arrives` is called: a
    check run, which raises IntegrationFailed where it does not arrive either.
    """
    arrives = cache(arrives)

    def run(field: LogTimeField, s: float, w: np.ndarray, times: np.ndarray, halt: Halt) -> Passage:
        # LSODA cannot take a tolerance that grows with w: it is given a new one now and then.
        states, calls = np.empty((0, w.size)), 0
        while len(states) < len(times):
            left = times[len(states) :]
            clock = s + field.clock
            if s > LATEST / 2:
                raise IntegrationFailed(
                    "double precision does not tell the weights of the samples at log time"
                    f" {left[-1]:.3g}: ask for times up to {LATEST:g}."
                )
            end = max(SEGMENT, clock + 0.1) * SEGMENTS - field.clock
            end = end if clock < STRAIGHT else LATEST
            until = left if left[-1] <= end else np.append(left[left < end], end)
            # In the first stretch w may shrink, from a start far off.
            far = clock >= SEGMENT * SEGMENTS * (1 - 1e-12)
            allowed = field.allowed(w, local_error, unit) if far else local_error * unit
            relative = local_error / 10
            if far:  # what is allowed keeps the weights linear: no part of w may exceed it
                most = np.min(allowed, initial=np.inf) / (SEGMENTS * np.abs(w).max(initial=TINY))
                relative = min(relative, max(float(most), FINEST))
            options = {
                "relative": relative,
                "jacobian": field.jacobian,
                "halt": halt,
                "max_steps": STRETCH,
            }
            try:
                passage = integrate(field, s, w, until, allowed, **options)
            except IntegrationFailed as failed:  # rounding in the exponents; Radau minds it less
                arrives_as_far(failed, arrives)
                passage = integrate(field, s, w, until, allowed, swings=True, **options)
            reached = (
                passage.states[: len(left[left < end])] if until is not left else passage.states
            )
            states, calls = np.vstack([states, reached]), calls + passage.n_evaluations
            halted = len(passage.states) < len(until)
            s, w = passage.time, passage.state
            if halted:
                break
        return Passage(states, s, w, calls)

    return run


def by_collocation(local_error: float, unit: float, tolerance: float, kick: float = 0.0) -> Run:
    """Return the integrator of the check runs; it refuses rounding errors above the tolerance.

    It errs by `kick` times its own errors, see `collocate`.
    """
    grown: RoundingErrors | None = None

    def run(field: LogTimeField, s: float, w: np.ndarray, times: np.ndarray, halt: Halt) -> Passage:
        nonlocal grown
        allowed: Callable = lambda w: field.allowed(w, local_error, unit)  # noqa: E731
        series = field if isinstance(field, Series) else None
        flow = field.flow if series else field
        unstable = not is_convex(field.loss)
        if unstable:
            if grown is None:
                grown = RoundingErrors(flow.jacobian, unit, tolerance, symmetric=True)
            halt = grown.watching(s, w, times, halt)
        return collocate(
            flow,
            s,
            w,
            times,
            allowed,
            flow.jacobian,
            symmetric=True,
            halt=halt,
            smooth=field.loss.analytic,
            unstable=unstable,
            series=series,
            kick=kick,
        )

    return run


def conclude(
    space: Space,
    data: Dataset,
    loss: MarginLoss,
    times: np.ndarray,
    accurate: Arc,
    checks: Sequence[Arc],
    at: np.ndarray,
    tolerance: float,
    step_size: float | None = None,
) -> Trajectory:
    """Compare the runs and assemble the trajectory; with a step size the times are log k."""
    w = space.lift(np.array(accurate.iterates))
    extra = np.where(np.arange(len(times)) < len(times) - accurate.n_ends, 0.0, accurate.error)
    clock = "log t" if step_size is None else "log k"
    errors = [
        compared(
            times,
            w,
            space.lift(np.array(check.iterates)),
            at,
            tolerance,
            extra=extra / space.size,
            clock=clock,
            looser=len(checks) == 1,
        )
        for check in checks
    ]
    log_t = times + np.log(step_size or 1.0)
    return Trajectory(
        log_t=read_only(log_t),
        iterates=read_only(w),
        log_risk=read_only(np.asarray(loss.log_risk(np.array(accurate.iterates) @ space.Z.T))),
        status=accurate.status,
        error_estimate=read_only(np.max(errors, axis=0)),
        n_evaluations=sum(arc.n_evaluations for arc in (accurate, *checks)),
    )
