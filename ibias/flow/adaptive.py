"""Adaptive methods at times that no loop reaches: AdaGrad continued, and Adam's epsilon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import increasing, positive, read_only, require
from ibias.datasets import Dataset
from ibias.flow.collocation import sides
from ibias.flow.estimate import ROUGH, advised, agreed, closer, compared, two_runs
from ibias.flow.log_time import IntegrationFailed, LogTimeField
from ibias.flow.remedies import tried
from ibias.flow.series import LOG_SERIES, ahead, neglected_term
from ibias.flow.start import one_start
from ibias.losses import MarginLoss, is_convex, named
from ibias.trajectory import Trajectory

ORDER = 3  # terms of the series that continues AdaGrad
LOOP = 2**10  # steps of its exact loop; the check run leaves it at half of them
SOON = 1.02 * float(np.log(LOOP))  # log k: where a run stops before, no later start is allowed
SMALLEST_EPSILON = 1e-10
FINE = 1e-3  # local errors of Adam's flow, per tolerance: a hundred of them gather
SLIDING = 0.005  # of epsilon: local errors where the gradient is as small
SMALLEST = -345.0  # the logarithm of a gradient whose square is still a number
ROUNDING = 4 * np.finfo(float).eps  # of a gradient, by its terms
NO_STEPS = 40.0  # past this log k one step is below rounding, whatever it is


@dataclass(frozen=True, eq=False)
class AdaGradTrajectory(Trajectory):
    """The iterates of AdaGrad, and the sums of squared gradients that make its metric.

    Attributes
    ----------
    accumulators : array, shape (n_times, n_features)
        G_j, which has a limit on separable data.
    """

    accumulators: np.ndarray | None = None


@tried("log_steps")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def continued_adagrad(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: float,
    log_steps: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-7,
) -> AdaGradTrajectory:
    """Return AdaGrad's iterates after exp(log_steps) steps (`methods.AdaGrad`, epsilon = 0).

    An exact loop of 1024 steps, and from there the flow of log(1 + Delta) for the map of
    (w, G), as in `continued_gradient_descent`.

    Parameters
    ----------
    data : Dataset
        Separable.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float
        The step.
    log_steps : array, shape (n_times,), increasing, at least log 1024
        Natural logarithms of the step numbers k.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Returns
    -------
    AdaGradTrajectory
        With ``log_t = log(step_size * k)``.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> run = continued_adagrad(datasets.symmetric_pair(), step_size=0.1, log_steps=[10.0, 1e3])
    >>> bool(np.allclose(run.accumulators[0], run.accumulators[1], rtol=1e-2))
    True
    """
    require("data", data, Dataset)
    loss, log_steps = named(loss), increasing("log_steps", log_steps)
    eta, tolerance = positive("step_size", step_size), positive("tolerance", tolerance)
    if log_steps[0] < np.log(LOOP):
        raise ValueError(
            f"log_steps must be at least log {LOOP}; use descent with AdaGrad before that."
        )
    n, w = data.n_samples, one_start(data, start)
    refuse_underflow(data, loss, w)
    pull = LogTimeField(data.Z, loss, -np.log(n), np.zeros(n))

    def terms(s: float, w: np.ndarray) -> np.ndarray:
        """Return the sizes that a gradient is the sum of, shape (n_features,)."""
        return pull.weights(s, w @ data.Z.T) @ np.abs(data.Z)

    def map_increment(
        s: float | np.ndarray, state: np.ndarray, off: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Return e^s times what one step adds to w and G; g errs by `off`, by its terms."""
        w, total = np.split(state, 2, axis=-1)
        g = pull(s, w)  # e^s times minus the gradient
        if np.any(off):
            g = g + off * np.where(g != 0, terms(s, w), 0.0)
        step = np.exp(-np.asarray(s))[..., None]
        squares = step * g**2
        length = np.sqrt(total + step * squares)
        move = eta * np.divide(g, length, out=np.zeros_like(g), where=length > 0)
        return np.concatenate([move, squares], axis=-1)

    def increments(s: float | np.ndarray, state: np.ndarray, n_terms: int) -> np.ndarray:
        step = np.exp(-np.asarray(s))[..., None]
        return ahead(lambda state: map_increment(s, state), step, state, n_terms)

    def jacobian(s: float, state: np.ndarray) -> np.ndarray:
        """Return the derivative of the first term of the series, which is the large one."""
        w, total = np.split(state, 2)
        g, slope = pull(s, w), pull.jacobian(s, w)
        squares = np.exp(-s) * g**2
        length = np.sqrt(total + np.exp(-s) * squares)
        inverse = np.divide(1.0, length, out=np.zeros_like(g), where=length > 0)
        by_w = eta * (inverse - np.exp(-s) * squares * inverse**3)[:, None] * slope
        by_total = np.diag(-eta / 2 * g * inverse**3)
        return np.block([[by_w, by_total], [2 * np.exp(-s) * g[:, None] * slope, 0 * by_total]])

    def field(s: float | np.ndarray, state: np.ndarray) -> np.ndarray:
        rows = increments(s, state, ORDER if np.min(s) < NO_STEPS else 1)
        return np.tensordot(LOG_SERIES[len(rows)], rows, axes=1)

    def refuse_rounding(w: np.ndarray, total: np.ndarray) -> None:
        """Refuse a first gradient that is what rounding leaves of zero: it is a whole step."""
        first = np.where(total == 0, np.abs(pull(0.0, w)), 0.0)
        lost = np.flatnonzero((first > 0) & (first <= ROUNDING * data.n_samples * terms(0.0, w)))
        if lost.size:
            raise ValueError(
                f"start: the gradient of column {lost[0]} of X is zero there, up to rounding, and"
                " AdaGrad divides it by its size. Take another start, or drop that column."
            )

    def loop(kick: float) -> list[np.ndarray]:
        """Return the states after no step, one, two, ...; every second one errs by the kick."""
        states, off = [np.r_[w, np.zeros_like(w)]], kick * ROUNDING * sides(w.size)
        for k in range(LOOP):
            now, total = np.split(states[k], 2)
            if kick == 0 and not total.all():
                refuse_rounding(now, total)
            states.append(states[k] + map_increment(0.0, states[k], off * (k % 2 == 0)))
        return states

    states, others = loop(0.0), cache(loop)

    def smooth(s: float, state: np.ndarray) -> None:
        """Refuse a state from which the steps do not lie on a smooth curve."""
        neglected = np.abs(neglected_term(increments(s, state, ORDER + 1))[: w.size]).max()
        if not neglected <= ROUGH * tolerance * max(1.0, np.abs(state[: w.size]).max()):
            raise no_curve(s)

    def watched(s: float, state: np.ndarray) -> bool:
        smooth(s, state)
        return False

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        # What is left of a gradient where its terms cancel may be rounding, of any size beside the
        # root that divides it: the check run has a loop of its own.
        return (
            (np.log(LOOP // 2), others(1.0)[LOOP // 2]) if caution else (np.log(LOOP), states[-1])
        )

    smooth(np.log(LOOP), states[-1])

    def attempt(part: float) -> AdaGradTrajectory:
        try:
            runs = two_runs(
                field,
                launch,
                log_steps,
                part * tolerance,
                jacobian,
                halt=watched,
                linear=lambda state: np.tile(pull.linear(state[: w.size]), 2),
                convex=is_convex(loss),
                off=lambda _, kick: others(kick)[LOOP // 2],
            )
        except IntegrationFailed as failed:
            if failed.time > SOON:
                raise
            raise no_curve(failed.time) from failed
        accurate, rough, d = runs.real.states, runs.check.states, data.n_features
        return AdaGradTrajectory(
            log_t=read_only(log_steps + np.log(eta)),
            iterates=read_only(accurate[:, :d].copy()),
            log_risk=read_only(np.asarray(loss.log_risk(accurate[:, :d] @ data.Z.T))),
            status=f"integrated to {log_steps[-1]:.6g} = log k",
            error_estimate=compared(
                log_steps, accurate[:, :d], rough[:, :d], runs.at, tolerance, clock="log k"
            ),
            n_evaluations=LOOP + runs.n_evaluations,
            accumulators=read_only(accurate[:, d:].copy()),
        )

    return closer(attempt)


def no_curve(s: float) -> IntegrationFailed:
    """Return the error of iterates that no integrator can follow from the step e^s on."""
    return IntegrationFailed(
        f"at step {np.exp(s):.4g} the iterates do not follow a smooth curve, as after the first"
        f" {LOOP} steps they must: choose a smaller step_size, a start nearer to zero, or a larger"
        " tolerance; descent takes every step."
    )


def refuse_underflow(data: Dataset, loss: MarginLoss, w: np.ndarray) -> None:
    """Refuse a start where the square of a coordinate of the gradient is zero by rounding.

    AdaGrad moves as far from there as from anywhere, and the loop would not move.
    """
    with np.errstate(divide="ignore"):
        terms = loss.log_slope(data.Z @ w)[:, None] + np.log(np.abs(data.Z))
    sizes = terms.max(axis=0)
    lost = np.flatnonzero((sizes < SMALLEST) & data.Z.any(axis=0))
    if lost.size:
        j = int(lost[0])
        raise ValueError(
            f"start: the gradient of column {j} of X is about exp({sizes[j]:.0f}) there, and its"
            " square, by whose root AdaGrad divides, is no number in double precision. Take a start"
            " nearer to zero, or multiply a column of tiny entries."
        )


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def adam_flow(
    data: Dataset,
    *,
    epsilon: float,
    loss: str | MarginLoss = "logistic",
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-6,
) -> Trajectory:
    """Return the solution of dw_j/dt = -g_j / (|g_j| + epsilon), g = grad risk(w).

    What Adam and RMSProp follow when their steps are small and their averages short: while
    |g| is far above epsilon it is the flow of the signs, and once it is far below it is the
    gradient flow at the time t / epsilon.

    Parameters
    ----------
    data : Dataset
        Separable.
    epsilon : float
        At least 1e-10. Below that, double precision cannot tell which side of zero a
        coordinate of the gradient is on where the flow of the signs slides along zero.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Returns
    -------
    Trajectory
        Its ``error_estimate`` is twice the distance to a second run, by another integrator.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> run = adam_flow(datasets.symmetric_pair(), epsilon=1e-8, log_t=[1.0, 2.0])
    >>> run.iterates.round(3)
    array([[2.718, 2.718],
           [7.358, 7.358]])
    """
    require("data", data, Dataset)
    loss, log_t = named(loss), increasing("log_t", log_t)
    epsilon, tolerance = positive("epsilon", epsilon), positive("tolerance", tolerance)
    if epsilon < SMALLEST_EPSILON:
        raise ValueError(f"epsilon must be at least {SMALLEST_EPSILON:g}; got {epsilon:g}")
    field = AdamField(data.Z, loss, float(np.log(epsilon)))
    w = one_start(data, start)
    first = min(np.log(ROUGH * tolerance), log_t[0])

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        # Before `first` no coordinate moves by more than e^first, within the tolerance.
        return first - caution, w + field(first - caution, w)

    # A coordinate of the gradient that slides along zero stays within epsilon of it. Where it
    # changes its sign the field has a kink: its second derivative jumps.
    with advised(" A larger epsilon, or features of order one, make its turns less sharp."):
        return agreed(
            field,
            launch,
            log_t,
            tolerance,
            lambda w: loss.log_risk(w @ data.Z.T),
            field.jacobian,
            fine=FINE,
            smallest=SLIDING * epsilon,
            smooth=False,
            convex=is_convex(loss),
        )


@dataclass(frozen=True, eq=False)
class AdamField:
    """The vector field dw/ds of `adam_flow` in s = log t; nothing in it over- or underflows."""

    Z: np.ndarray
    loss: MarginLoss
    log_epsilon: float

    def _parts(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return log c, h, log(c |h| + epsilon) and the margins, with -grad risk = c h."""
        u = w @ self.Z.T
        log_slopes = self.loss.log_slope(u)
        log_size = log_slopes.max(axis=-1, keepdims=True)
        h = np.exp(log_slopes - log_size) @ self.Z / len(self.Z)
        with np.errstate(divide="ignore"):
            log_length = np.logaddexp(log_size + np.log(np.abs(h)), self.log_epsilon)
        return log_size, h, log_length, u

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return e^s c h / (c |h| + epsilon), at one time and state or at several."""
        log_size, h, log_length, _ = self._parts(w)
        return h * np.exp(np.minimum(np.asarray(s)[..., None] + log_size - log_length, 600.0))

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the derivative: epsilon / (c |h| + epsilon)^2 times that of c h."""
        log_size, _, log_length, u = self._parts(w)
        weights = np.exp(self.loss.log_slope(u) - log_size) / len(self.Z)
        derivative = (self.Z.T * (weights * self.loss.log_slope_derivative(u))) @ self.Z
        log_factor = s + log_size + self.log_epsilon - 2 * log_length
        return np.exp(np.minimum(log_factor, 600.0))[:, None] * derivative
