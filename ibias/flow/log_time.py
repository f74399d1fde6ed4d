"""The gradient flow in log time, as a vector field, and its integration.

With s = log t the flow w' = -grad risk(w) reads dw/ds = e^s Z^T (-l'(Zw)) / n. The factor
e^s overflows and -l' underflows, but their product does not: it is computed as
exp(s - log n + log(-l'(Zw))), of order one for ever.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.integrate import LSODA, Radau

from ibias import progress
from ibias.losses import LARGEST_EXPONENT, MarginLoss

# A trial step of the integrator may overshoot by far. A finite weight lets it reject the
# step; an infinite one would turn into NaN, which passes every error test.
MAX_STEPS = 200_000
NEGLIGIBLE = 1e-3  # of a weighted sum of rows: what may be left out of a Jacobian
TINY = 1e-100  # in place of the length of inputs that are all zero: nothing moves then
# What a step may be, times the fastest growth of errors. No estimate sees a trace below every local
# error: over longer steps a method damps it, and rests at a saddle that the flow leaves.
LONGEST = 1.0
LINEAR = 0.1  # by what part an error of the smallest margin may change the weight of its sample


# Called as halt(s, w) after every step; the integration ends when it is true.
Halt = Callable[[float, np.ndarray], bool] | None


class IntegrationFailed(RuntimeError):
    """The integrator did not reach the last requested time.

    Attributes
    ----------
    time : float
        The log time that was reached; infinite where that is not what failed.
    until : float
        The log time to ask for; infinite where none is named.
    """

    time = np.inf
    until = np.inf


@dataclass(frozen=True, eq=False)
class LogTimeField:
    """The vector field dw/ds of the flow.

    Attributes
    ----------
    Z : array, shape (n_samples, n_features)
    loss : MarginLoss
    log_scale : float
        log(1/n) for s = log t.
    offset : array, shape (n_samples,)
        A fixed part of the margins, u = Z w + offset.
    """

    Z: np.ndarray
    loss: MarginLoss
    log_scale: float
    offset: np.ndarray

    @cached_property
    def largest_row(self) -> float:
        """The largest ||z_i||."""
        return float(np.linalg.norm(self.Z, axis=1).max(initial=0.0))

    @cached_property
    def shifted(self) -> bool:
        """Whether there is an offset."""
        return bool(self.offset.any())

    @cached_property
    def columns(self) -> np.ndarray:
        """The largest |z_ij| of each column j, shape (n_features,)."""
        return np.abs(self.Z).max(axis=0, initial=0.0)

    @cached_property
    def sizes(self) -> np.ndarray:
        """|z_ij|, shape (n_samples, n_features)."""
        return np.abs(self.Z)

    @cached_property
    def squares(self) -> np.ndarray:
        """||z_i||^2, shape (n_samples,)."""
        return np.square(self.Z).sum(axis=1)

    @property
    def clock(self) -> float:
        """What is added to s for the log time of rows of length one and steps of size one."""
        return self.log_scale + float(np.log(len(self.Z)))

    def margins(self, w: np.ndarray) -> np.ndarray:
        """Return u = Z w + offset, shape (..., n_samples)."""
        margins = self.Z.dot(w) if w.ndim == 1 else w @ self.Z.T
        return margins + self.offset if self.shifted else margins

    def weights(self, s: float | np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return alpha_i = e^s scale (-l'(u_i)), of order one at all times."""
        return self.loss.weights(s + self.log_scale, margins)

    def outgrown(self, s: float, w: np.ndarray) -> bool:
        """Say whether the pull at w is beyond what can be represented."""
        largest = self.weights(s, self.margins(w)).max(initial=0.0)
        return not largest < np.exp(LARGEST_EXPONENT)

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return dw/ds at one time and state, or at several, (k,) and (k, n_features)."""
        if isinstance(s, np.ndarray) and s.ndim:
            s = s[:, None]
        return self.weights(s, self.margins(w)) @ self.Z

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the derivative, Z^T diag(alpha (log(-l'))') Z.

        Samples that contribute less than a thousandth of it together are left out: it steers
        an iteration, and does not enter the result.
        """
        u = self.margins(w)
        weights = self.weights(s, u) * self.loss.log_slope_derivative(u)
        size = np.abs(weights)
        if size.size > 4 * w.size:
            kept = size > NEGLIGIBLE * size.sum() / size.size
            rows = self.Z[kept]
            return (rows.T * weights[kept]) @ rows
        return (self.Z.T * weights) @ self.Z

    def allowed(self, w: np.ndarray, local_error: float, unit: float) -> np.ndarray:
        """Return the local error allowed in each coordinate, shape (n_features,).

        Once w separates the data, so that it grows, it is `local_error` relative to max(unit,
        max |w_j|); and so small that the margins keep that accuracy as well, relative to the
        smallest of them (or to one), and within what is `linear`: beyond, no step would hold.
        Before, w may be on its way back from a far start.
        """
        size, margin = np.abs(w).max(initial=0.0), self.margins(w).min(initial=np.inf)
        if margin <= 0:
            return np.full(w.size, max(local_error * unit, 2e-15 * size))
        with np.errstate(divide="ignore"):
            allowed = np.minimum(max(unit, size), max(1.0, margin) / self.columns)
        return np.maximum(np.minimum(local_error * allowed, self.linear(w)), 2e-15 * size)

    def linear(self, w: np.ndarray) -> np.ndarray:
        """Return the error in each coordinate that changes the largest weight by a tenth.

        Further off the field is not linear. Infinite for a coordinate that no sample sees.
        """
        margin = self.margins(w).min(initial=np.inf)
        steepness = np.abs(self.loss.log_slope_derivative(np.array([margin])))
        with np.errstate(divide="ignore"):
            return LINEAR / (steepness * self.columns)

    def restricted(self, rows: np.ndarray, basis: np.ndarray, point: np.ndarray) -> LogTimeField:
        """Return the field of x in w = point + basis x, for the samples `rows` only."""
        Z = self.Z[rows]
        return replace(self, Z=Z @ basis, offset=self.offset[rows] + Z @ point)


@dataclass(frozen=True, eq=False)
class Passage:
    """What an integrator returns.

    Attributes
    ----------
    states : array, shape (n_reached, n)
        The states at the requested times that were reached.
    time, state : float and array, shape (n,)
        Where the integration ended.
    n_evaluations : int
        How often the field was evaluated.
    """

    states: np.ndarray
    time: float
    state: np.ndarray
    n_evaluations: int


def integrate(
    field: Callable[[float, np.ndarray], np.ndarray],
    start_time: float,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float | np.ndarray,
    relative: float | None = None,
    jacobian: Callable[[float, np.ndarray], np.ndarray] | None = None,
    halt: Halt = None,
    swings: bool = False,
    max_steps: int | None = None,
) -> Passage:
    """Integrate dw/ds = field(s, w) through all `times` with scipy's LSODA.

    Parameters
    ----------
    field, jacobian : callable
        Both take (s, w), w of shape (n,).
    start_time, start : float and array, shape (n,)
        The initial state.
    times : array, shape (n_times,)
        Increasing, none before `start_time`.
    tolerance : float, or array of shape (n,)
        The absolute local error of a step.
    relative : float, optional
        Its relative local error; a tenth of `tolerance`, if not given.
    halt : callable, optional
        Called as halt(s, w) after every step; the integration ends when it is true.
    swings : bool
        Use Radau, which needs no short steps for swings that die out. LSODA does.
    max_steps : int, optional
        After how many steps to give up; `MAX_STEPS`, if not given.

    Raises
    ------
    IntegrationFailed
        When the integrator stops early or the state is not finite.

    Examples
    --------
    >>> end = integrate(lambda s, w: -w, 0.0, np.ones(1), np.array([1.0, 2.0]), tolerance=1e-9)
    >>> end.states.round(6).ravel()
    array([0.367879, 0.135335])
    """
    states: list[np.ndarray] = []
    most = MAX_STEPS if max_steps is None else max_steps
    while len(states) < len(times) and times[len(states)] <= start_time:
        states.append(start)
    if len(states) == len(times) or start.size == 0:
        end = start_time if len(states) == len(times) else float(times[-1])
        states.extend([start] * (len(times) - len(states)))
        return Passage(np.reshape(states, (len(states), start.size)), end, start, 0)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        warnings.catch_warnings(),
        progress.Bar("integrating over log time", times[-1] - start_time) as bar,
    ):
        warnings.simplefilter("ignore")  # LSODA warns and returns; the failure is raised below
        solver = (Radau if swings else LSODA)(
            field,
            start_time,
            start,
            times[-1],
            rtol=max(1e-13, float(np.min(tolerance)) / 10 if relative is None else relative),
            atol=tolerance,
            jac=jacobian,
        )
        for _ in range(most):
            try:
                solver.step()
            except ValueError as error:  # of the linear algebra within, for a Jacobian not finite
                raise stopped(solver.t, times[-1], "the state overflows") from error
            finite = np.isfinite(solver.y).all()
            if solver.status == "failed" or not finite:
                reason = "its steps became too short" if finite else "the state overflows"
                raise stopped(solver.t, times[-1], reason)
            if times[len(states)] <= solver.t:
                between = solver.dense_output()
                while len(states) < len(times) and times[len(states)] <= solver.t:
                    states.append(between(times[len(states)]))
            bar.at(solver.t - start_time)
            if solver.status == "finished" or (halt is not None and halt(solver.t, solver.y)):
                state = np.array(solver.y)
                return Passage(
                    np.array(states).reshape(-1, start.size), solver.t, state, solver.nfev
                )
    raise stopped(solver.t, times[-1], f"{most} steps were not enough")


def stopped(time: float, last: float, reason: str) -> IntegrationFailed:
    """Return the error of an integration that did not arrive, with what helps."""
    until = before(time)
    error = IntegrationFailed(
        f"the integration stopped at log time {time:.6g} of {last:.6g}: {reason}. Ask for times"
        f" up to {until:.4g}; a larger tolerance may take it further."
    )
    error.time, error.until = time, until
    return error


def before(time: float) -> float:
    """Return the log time to ask for where an integration has stopped, in four digits.

    >>> before(20.0), before(-3.0)
    (19.79, -3.04)
    """
    return float(f"{time - 0.01 * abs(time) - 0.01:.4g}")
