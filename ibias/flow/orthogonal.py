"""The flow of a two-layer ReLU network on orthogonal inputs, from as small a start as one likes.

A balanced neuron, |a_j| = ||w_j||, stays balanced, and a_j keeps its sign s_j. So it is a size
e^xi = |a_j| and the cosines p_i of w_j and the inputs. With the residuals r_i = y_i - f(x_i)

    d xi/dt = (s/n) sum over p_i > 0 of r_i ||x_i|| p_i,
    d p_i/dt = (s/n) r_i ||x_i|| - (d xi/dt) p_i    where p_i > 0.

What no active input sees of w_j keeps its length R, so that N = sum p_i^2 + R^2 e^(-2 xi) = 1 for
ever. While a neuron shrinks, errors of N would grow; with d xi/dt divided by N they do not.

Inputs that are orthogonal do not turn a neuron towards each other: one that has left an input
never sees it again. So the flow is smooth but for the moments at which a neuron leaves an input,
and there it is started anew. The size of the start enters as a logarithm; e^-1000 is no problem.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import DOP853, RK45
from scipy.optimize import brentq

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import Regression
from ibias.flow.estimate import LARGEST_EXPONENT, closer, compared, visited
from ibias.flow.log_time import IntegrationFailed
from ibias.trajectory import unit

ROUGH, ACCURATE = 0.01, 0.001  # local errors of the check run and the real one, per tolerance
CLOSE = 4 * np.finfo(float).eps  # to the time at which a neuron leaves an input
SMALLEST = 1e-13  # a relative local error
ORTHOGONAL = 1e-10  # the largest cosine of two inputs
# What a step may be, times the rate at which a neuron shrinks. There cosines grow, and one below
# every local error is seen by no estimate of them: longer steps would let it grow too little.
LONGEST = {DOP853: 1.0, RK45: 0.25}


@dataclass(frozen=True, eq=False)
class NeuronTrajectory:
    """Balanced neurons of a two-layer ReLU network at `n_times` times.

    Attributes
    ----------
    times : array, shape (n_times,)
    log_sizes : array, shape (n_times, width)
        log ||w_j||, which is log |a_j|.
    cosines : array, shape (n_times, width, n_samples)
        Of w_j and x_i where the neuron is active on x_i, else zero.
    predictions : array, shape (n_times, n_samples)
        f(x_i).
    log_risk : array, shape (n_times,)
    error_estimate : array, shape (n_times,)
        Of log sizes and cosines, in the largest entry: twice the distance to a second run, by
        another integrator.
    n_evaluations : int
    """

    times: np.ndarray
    log_sizes: np.ndarray
    cosines: np.ndarray
    predictions: np.ndarray
    log_risk: np.ndarray
    error_estimate: np.ndarray
    n_evaluations: int

    @property
    def norms(self) -> np.ndarray:
        """sum_j |a_j| ||w_j||, shape (n_times,): at least the variation norm of the network."""
        return np.exp(2 * self.log_sizes).sum(axis=-1)


def orthogonal_relu_flow(
    data: Regression,
    *,
    signs: ArrayLike,
    directions: ArrayLike,
    log_size: ArrayLike,
    times: ArrayLike,
    tolerance: float = 1e-6,
) -> NeuronTrajectory:
    """Return the gradient flow of f(x) = sum_j a_j max(<w_j, x>, 0) from |a_j| = ||w_j||.

    Boursier, Pillaud-Vivien and Flammarion (2022) describe it as the start vanishes.

    Parameters
    ----------
    data : Regression
        With pairwise orthogonal inputs. The risk is the mean of (f(x_i) - y_i)^2 / 2.
    signs : array, shape (width,)
        1 or -1, the signs of a_j.
    directions : array, shape (width, n_features)
        Of w_j at the start, of any length but zero.
    log_size : float or array, shape (width,)
        log ||w_j|| at the start.
    times : array, shape (n_times,), increasing
        At least zero.
    tolerance : float
        The error allowed in log sizes and cosines, relative to max(1, the largest).

    Raises
    ------
    ValueError
        For bad input, by name, and for inputs that are not orthogonal.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> how = {"signs": [1], "directions": [[1.0]], "log_size": -100.0, "times": [40.0, 60.0]}
    >>> run = orthogonal_relu_flow(Regression([[1.0]], [2.0]), **how)
    >>> run.log_sizes[0].round(6), run.norms[1].round(6)  # -100 + 2 t, until it fits
    (array([-20.]), np.float64(2.0))
    """
    X, y = require("data", data, Regression).X, data.y
    signs, w = finite_array("signs", signs, ndim=1), finite_array("directions", directions, ndim=2)
    times, tolerance = increasing("times", times), positive("tolerance", tolerance)
    lengths = np.linalg.norm(X, axis=1)
    if not lengths.all() or np.abs(np.triu(unit(X) @ unit(X).T, 1)).max() > ORTHOGONAL:
        raise ValueError("data: the inputs must be orthogonal, and none of them zero.")
    if not signs.size or not np.isin(signs, (-1, 1)).all():
        raise ValueError("signs must be 1 or -1, one of each neuron.")
    if w.shape != (signs.size, X.shape[1]) or not np.linalg.norm(w, axis=-1).all():
        raise ValueError(
            f"directions must be {signs.size} vectors of {X.shape[1]} entries, none of them zero."
        )
    xi = finite_array("log_size", log_size)
    if xi.shape not in ((), signs.shape):
        raise ValueError(f"log_size has shape {xi.shape}; give one number, or one a neuron.")
    if times[0] < 0:
        raise ValueError("times must be at least 0, where the flow starts.")
    cosines = unit(w) @ unit(X).T
    start = np.column_stack([np.broadcast_to(xi, signs.shape), cosines]).ravel()
    outside = unit(w) - cosines @ unit(X) if X.shape[1] > len(X) else np.zeros(w.shape)
    unseen = np.square(np.minimum(cosines, 0.0)).sum(axis=-1) + np.square(outside).sum(axis=-1)
    with np.errstate(divide="ignore"):
        field = NeuronField(lengths, y, signs, xi + np.log(unseen) / 2)

    def attempt(part: float) -> NeuronTrajectory:
        states, calls = field.run(start, times, part * ACCURATE * tolerance, DOP853)
        at = visited(times, states)
        others, more = field.run(start, times[at], part * ROUGH * tolerance, RK45)
        xi, cosines = field.parts(states)
        predictions = y - field.residuals(xi, cosines)
        return NeuronTrajectory(
            times=read_only(times),
            log_sizes=read_only(xi),
            cosines=read_only(np.maximum(cosines, 0.0)),
            predictions=read_only(predictions),
            log_risk=read_only(np.log(((y - predictions) ** 2).mean(axis=-1) / 2)),
            error_estimate=compared(times, states, others, at, tolerance, clock="t"),
            n_evaluations=calls + more,
        )

    with np.errstate(all="ignore"):  # of trial steps; the logarithm of no risk is -inf
        return closer(attempt)


@dataclass(frozen=True, eq=False)
class NeuronField:
    """The vector field of (xi_j, cosines), neuron after neuron; log R_j is `log_unseen`."""

    lengths: np.ndarray
    y: np.ndarray
    signs: np.ndarray
    log_unseen: np.ndarray

    def parts(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return xi, shape (..., width), and the cosines, shape (..., width, n_samples)."""
        rows = state.reshape(*state.shape[:-1], self.signs.size, -1)
        return rows[..., 0], rows[..., 1:]

    def residuals(self, xi: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """Return y_i - f(x_i), shape (..., n_samples)."""
        a = self.signs * np.exp(np.minimum(2 * xi, LARGEST_EXPONENT))
        return self.y - (a[..., None] * self.lengths * np.maximum(cosines, 0.0)).sum(axis=-2)

    def derivative(self, state: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Return the derivative of the state, with the neurons active where `active` says so."""
        xi, cosines = self.parts(state)
        cosines = np.where(active, cosines, 0.0)
        drive = self.signs[:, None] * self.residuals(xi, cosines) * self.lengths / len(self.y)
        unseen = np.exp(2 * np.minimum(self.log_unseen - xi, LARGEST_EXPONENT))
        length = np.square(cosines).sum(axis=-1) + unseen
        growth = ((drive * cosines).sum(axis=-1) / length)[..., None]
        turn = active * (drive - growth * cosines)
        return np.concatenate([growth, turn], axis=-1).ravel()

    def run(
        self, state: np.ndarray, times: np.ndarray, local_error: float, method: type
    ) -> tuple[np.ndarray, int]:
        """Return the states at the times, from time zero, and the number of evaluations."""
        now, found, calls = 0.0, [], 0
        active = self.parts(state)[1] > 0
        while len(found) < len(times):
            if times[len(found)] <= now:
                found.append(state)
                continue
            states, now, state, used = self.until_one_leaves(
                now, state, active, times[len(found) :], local_error, method
            )
            found, calls = found + states, calls + used
            cosines = self.parts(state)[1]
            # Others may have left as well, by a rounding error: nothing would see them leave.
            gone = active & (cosines <= max(0.0, np.where(active, cosines, 1.0).min()))
            active, cosines[gone] = active & ~gone, 0.0
        return np.array(found), calls

    def until_one_leaves(
        self,
        now: float,
        state: np.ndarray,
        active: np.ndarray,
        times: np.ndarray,
        local_error: float,
        method: type,
    ) -> tuple[list[np.ndarray], float, np.ndarray, int]:
        """Return the states at the times that are reached, the end, the state, and the cost."""

        def field(_: float, state: np.ndarray) -> np.ndarray:
            return self.derivative(state, active)

        def nearest(state: np.ndarray) -> float:
            return float(self.parts(state)[1][active].min(initial=1.0))

        solver = method(
            field, now, state, times[-1], rtol=max(local_error, SMALLEST), atol=local_error
        )
        found: list[np.ndarray] = []
        before = nearest(state)
        while solver.status == "running":
            shrinking = -float(self.parts(field(solver.t, solver.y))[0].min(initial=0.0))
            solver.max_step = LONGEST[method] / shrinking if shrinking > 0 else np.inf
            solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                raise IntegrationFailed(
                    f"the integrator stopped after time {solver.t:.6g}. Ask for earlier times or a"
                    " larger tolerance."
                )
            between, end, last = solver.dense_output(), float(solver.t), solver.y
            after = nearest(last)
            leaves = before >= 0 >= after and before > after
            if leaves:
                above = lambda t, between=between: nearest(between(t))  # noqa: E731
                left = brentq(above, solver.t_old, end, xtol=CLOSE, rtol=CLOSE)
                end, last = left, between(left)
            reached = times[len(found) : np.searchsorted(times, end, side="right")]
            found += [between(t) for t in reached]
            if leaves:
                break
            before = after
        return found, end, np.array(last), solver.nfev
