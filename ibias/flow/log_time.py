"""The gradient flow in log time, as a vector field, and its integration.

With s = log t the flow w' = -grad risk(w) reads dw/ds = e^s Z^T (-l'(Zw)) / n. The factor
e^s overflows and -l' underflows, but their product does not: it is computed as
exp(s - log n + log(-l'(Zw))), of order one for ever.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb

import numpy as np
from scipy.integrate import LSODA, Radau

from ibias.losses import MarginLoss

# A trial step of the integrator may overshoot by far. A finite weight lets it reject the
# step; an infinite one would turn into NaN, which passes every error test.
LARGEST_EXPONENT = 300.0
MAX_STEPS = 200_000


class IntegrationFailed(RuntimeError):
    """The integrator did not reach the last requested time."""


@dataclass(frozen=True, eq=False)
class LogTimeField:
    """The vector field dw/ds of the flow, or of gradient descent continued in s = log k.

    Gradient descent is a map, w -> Phi(w) = w + F(w). The vector field whose time-one map
    is Phi is log(1 + Delta) applied to the identity, Delta h = h(Phi) - h:

        g = F - (Delta F)/2 + (Delta^2 F)/3 - ...

    The first term alone is the gradient flow. Each further term is smaller by about 1/k.

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
    switch_off : tuple of float
        Term j + 2 is left out once s is past switch_off[j], where it is negligible.
    """

    Z: np.ndarray
    loss: MarginLoss
    log_scale: float
    offset: np.ndarray
    order: int = 1
    switch_off: tuple[float, ...] = ()

    def margins(self, w: np.ndarray) -> np.ndarray:
        """Return u = Z w + offset, shape (..., n_samples)."""
        return w @ self.Z.T + self.offset

    def weights(self, s: float, margins: np.ndarray) -> np.ndarray:
        """Return alpha_i = e^s scale (-l'(u_i)), of order one at all times."""
        exponents = s + self.log_scale + self.loss.log_slope(margins)
        return np.exp(np.minimum(exponents, LARGEST_EXPONENT))

    def terms(self, s: float, w: np.ndarray, order: int) -> np.ndarray:
        """Return the weights after 0, 1, ..., order - 1 steps from w; shape (order, n)."""
        u = self.margins(w)
        rows = [self.weights(s, u)]
        for _ in range(order - 1):
            u = u + np.exp(-s) * (self.Z @ (rows[-1] @ self.Z))
            rows.append(self.weights(s, u))
        return np.array(rows)

    def __call__(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return dw/ds, shape (n_features,)."""
        order = 1 + sum(s < off for off in self.switch_off)
        if order == 1:
            return self.weights(s, self.margins(w)) @ self.Z
        return (LOG_SERIES[order] @ self.terms(s, w, order)) @ self.Z

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the derivative of the first term, Z^T diag(alpha (log(-l'))') Z."""
        u = self.margins(w)
        return (self.Z.T * (self.weights(s, u) * self.loss.log_slope_derivative(u))) @ self.Z

    def restricted(self, rows: np.ndarray, basis: np.ndarray, point: np.ndarray) -> "LogTimeField":
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
    """What `integrate` returns.

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
    tolerance: float,
    jacobian: Callable[[float, np.ndarray], np.ndarray] | None = None,
    halt: Callable[[float, np.ndarray], bool] | None = None,
    swings: bool = False,
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
    tolerance : float
        The local error per step, absolute, and relative where |w| is above ten.
    halt : callable, optional
        Called as halt(s, w) after every step; the integration ends when it is true.
    swings : bool
        Use Radau, which needs no short steps for swings that die out. LSODA does.

    Raises
    ------
    IntegrationFailed
        When the integrator stops early or the state is not finite.
    """
    states: list[np.ndarray] = []
    while len(states) < len(times) and times[len(states)] == start_time:
        states.append(start)
    if len(states) == len(times) or start.size == 0:
        states.extend([start] * (len(times) - len(states)))
        return Passage(np.array(states).reshape(-1, start.size), start_time, start, 0)
    with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LSODA warns and returns; the failure is raised below
        solver = (Radau if swings else LSODA)(
            field,
            start_time,
            start,
            times[-1],
            rtol=max(1e-13, tolerance / 10),
            atol=tolerance,
            jac=jacobian,
        )
        for _ in range(MAX_STEPS):
            message = solver.step()
            finite = np.isfinite(solver.y).all()
            if solver.status == "failed" or not finite:
                reason = message if finite else "the state overflows double precision"
                raise IntegrationFailed(
                    f"the integrator stopped at log time {solver.t:.6g} of {times[-1]:.6g}:"
                    f" {reason} Ask for earlier times or a larger tolerance."
                )
            if times[len(states)] <= solver.t:
                between = solver.dense_output()
                while len(states) < len(times) and times[len(states)] <= solver.t:
                    states.append(between(times[len(states)]))
            if solver.status == "finished" or (halt is not None and halt(solver.t, solver.y)):
                state = np.array(solver.y)
                return Passage(
                    np.array(states).reshape(-1, start.size), solver.t, state, solver.nfev
                )
    raise IntegrationFailed(
        f"{MAX_STEPS} steps took the integrator only to log time {solver.t:.6g} of"
        f" {times[-1]:.6g}. Ask for earlier times or a larger tolerance."
    )
