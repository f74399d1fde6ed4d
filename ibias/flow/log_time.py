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
from math import comb, sqrt

import numpy as np
from scipy.integrate import LSODA, Radau

from ibias import progress
from ibias.losses import SAMPLED, MarginLoss

# A trial step of the integrator may overshoot by far. A finite weight lets it reject the
# step; an infinite one would turn into NaN, which passes every error test.
MAX_STEPS = 200_000
ROUNDING = 1e-17  # a term of the series this small, relative to w, cannot be seen
NEGLIGIBLE = 1e-3  # of a weighted sum of rows: what may be left out of a Jacobian
TINY = 1e-100  # in place of the length of inputs that are all zero: nothing moves then
LINEAR = 0.1  # by what part an error of the smallest margin may change the weight of its sample


class IntegrationFailed(RuntimeError):
    """The integrator did not reach the last requested time."""


@dataclass(frozen=True, eq=False)
class LogTimeField:
    """The vector field dw/ds of the flow, or of gradient descent continued in s = log k.

    Gradient descent is a map, w -> Phi(w) = w + F(w). The vector field whose time-one map
    is Phi is log(1 + Delta) applied to the identity, Delta h = h(Phi) - h:

        g = F - (Delta F)/2 + (Delta^2 F)/3 - ...

    The first term alone is the gradient flow. A term is left out where it is below rounding,
    by a bound on how far one step moves the margins: by what it is, not by when it is.

    Attributes
    ----------
    Z : array, shape (n_samples, n_features)
    loss : MarginLoss
    log_scale : float
        log(1/n) for the flow (s = log t), log(step_size/n) for descent (s = log k).
    offset : array, shape (n_samples,)
        A fixed part of the margins, u = Z w + offset.
    order : int
        The number of terms of the series.
    negligible : float
        Terms that are smaller, relative to w, are left out; by default below rounding.
    """

    Z: np.ndarray
    loss: MarginLoss
    log_scale: float
    offset: np.ndarray
    order: int = 1
    negligible: float = ROUNDING

    @cached_property
    def largest_row(self) -> float:
        """The largest ||z_i||."""
        return float(np.linalg.norm(self.Z, axis=1).max(initial=0.0))

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
        return w @ self.Z.T + self.offset

    def weights(self, s: float | np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return alpha_i = e^s scale (-l'(u_i)), of order one at all times."""
        return self.loss.weights(s + self.log_scale, margins)

    def pulls(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the pull Z^T alpha after 0, 1, ... steps from w, as many as can be told apart.

        Shape (n_terms, n_features); for several states, (n_terms, k, n_features).
        """
        u = self.margins(w)
        alpha = self.weights(s, u)
        pull = alpha @ self.Z
        pulls, step = [pull], np.exp(-s)
        for _ in range(1, self.visible(step, alpha, pull, u, w)):
            u = u + step * (pull @ self.Z.T)
            pull = self.weights(s, u) @ self.Z
            pulls.append(pull)
        return np.array(pulls)

    def reach(self, step: float | np.ndarray, pull: np.ndarray, u: np.ndarray) -> float:
        """Return a bound on the relative change of any weight in one step."""
        if pull.ndim == 1:
            move = step * sqrt(pull @ pull)
        else:
            move = (step[:, 0] * np.linalg.norm(pull, axis=1)).max()
        steepness = self.steepness
        if steepness > 1.0:
            steepness = np.abs(self.loss.log_slope_derivative(u)).max()
        return float(move * self.largest_row * steepness)

    @cached_property
    def steepness(self) -> float:
        """1 where no derivative of log(-l') is larger; else some number above 1."""
        return max(1.0, float(np.abs(self.loss.log_slope_derivative(SAMPLED)).max()))

    def visible(
        self,
        step: float | np.ndarray,
        alpha: np.ndarray,
        pull: np.ndarray,
        u: np.ndarray,
        w: np.ndarray,
    ) -> int:
        """Return how many terms of the series, up to `order`, are not negligible."""
        reach = self.reach(step, pull, u)
        if reach > 0.05:
            return self.order
        term = float(alpha.sum(axis=-1).max()) * self.largest_row * reach
        negligible = self.negligible * (sqrt(w @ w) if w.ndim == 1 else float(np.abs(w).max()))
        n_terms = 1
        while n_terms < self.order and term > negligible:
            term, n_terms = 2 * term * reach, n_terms + 1
        return n_terms

    def first_neglected(self, s: float, w: np.ndarray, negligible: float) -> float:
        """Return the first neglected term over `order`; a bound, where that is negligible."""
        order = self.order
        u = self.margins(w)
        alpha = self.weights(s, u)
        pull = alpha @ self.Z
        step = np.exp(-s)
        reach = self.reach(step, pull, u)
        if reach < 0.05:
            bound = float(alpha.sum()) * self.largest_row * (2 * reach) ** order
            if bound <= negligible:
                return bound
        rows = [pull]
        for _ in range(order):
            u = u + step * (rows[-1] @ self.Z.T)
            rows.append(self.weights(s, u) @ self.Z)
        return float(np.abs(np.diff(rows, n=order, axis=0)).max()) / (order * (order + 1))

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return dw/ds at one time and state, or at several, (k,) and (k, n_features)."""
        if isinstance(s, np.ndarray) and s.ndim:
            s = s[:, None]
        if self.order == 1:
            return self.weights(s, self.margins(w)) @ self.Z
        pulls = self.pulls(s, w)
        if pulls.ndim == 2:
            return LOG_SERIES[len(pulls)] @ pulls
        return np.tensordot(LOG_SERIES[len(pulls)], pulls, axes=1)

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the derivative of the first term, Z^T diag(alpha (log(-l'))') Z.

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


def log_series(order: int) -> np.ndarray:
    """Return c with sum_j (-1)^(j-1)/j Delta^(j-1) F = sum_i c_i F(after i steps).

    >>> log_series(2)
    array([ 1.5, -0.5])
    """
    return np.array(
        [(-1) ** i * sum(comb(j - 1, i) / j for j in range(i + 1, order + 1)) for i in range(order)]
    )


MAX_ORDER = 6
LOG_SERIES = [log_series(order) for order in range(MAX_ORDER + 1)]


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
    halt: Callable[[float, np.ndarray], bool] | None = None,
    swings: bool = False,
    max_steps: int = MAX_STEPS,
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
    max_steps : int
        After how many steps to give up.

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
    while len(states) < len(times) and times[len(states)] <= start_time:
        states.append(start)
    if len(states) == len(times) or start.size == 0:
        states.extend([start] * (len(times) - len(states)))
        return Passage(np.reshape(states, (len(states), start.size)), start_time, start, 0)
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
        for _ in range(max_steps):
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
    raise stopped(solver.t, times[-1], f"{max_steps} steps were not enough")


def stopped(time: float, last: float, reason: str) -> IntegrationFailed:
    """Return the error of an integration that did not arrive, with what helps."""
    return IntegrationFailed(
        f"the integration stopped at log time {time:.6g} of {last:.6g}: {reason}. Ask for times"
        f" up to {time - 0.01 * abs(time) - 0.01:.4g}, or for a larger tolerance."
    )
