"""Gradient flow of next-token prediction: the probabilities settle, and the logits run away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import NextTokens
from ibias.flow.estimate import closer, compared, two_runs
from ibias.flow.log_time import LINEAR, TINY
from ibias.losses import LARGEST_EXPONENT, Logistic
from ibias.objectives import Objective
from ibias.trajectory import Trajectory

HELD = 14.0  # the log time from which the part in F is held: it still moves by about exp(-14)
RANK = 1e-10  # singular values below this, relative to the largest, are zero


@dataclass(frozen=True, eq=False)
class NextTokenField:
    """The vector field dw/ds = e^s sum_j (p_j - softmax(u_j)) h_j^T / n, s = log t, w = W flat."""

    data: NextTokens

    def logits(self, w: np.ndarray) -> np.ndarray:
        """Return u, shape (..., n_contexts, n_tokens)."""
        return self.data.X @ w.reshape(*w.shape[:-1], self.data.n_classes, -1).swapaxes(-1, -2)

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return dw/ds, for one time or several."""
        data = self.data
        missing = data.P - softmax(self.logits(w), axis=-1)
        pull = (missing.swapaxes(-1, -2) @ data.X).reshape(w.shape)
        return np.exp(np.asarray(s))[..., None] / data.n_samples * pull

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return minus e^s times the Hessian."""
        data, total = self.data, np.zeros((w.size, w.size))
        for h, q in zip(data.X, softmax(self.logits(w), axis=-1), strict=True):
            total -= np.kron(np.diag(q) - np.outer(q, q), np.outer(h, h))
        return np.exp(s) / data.n_samples * total


@dataclass(frozen=True, eq=False)
class HeldField(NextTokenField):
    """The same orthogonally to F, where the log-odds within the supports do not change.

    The tokens outside pull with e^s times their probability, of order one at all times.
    """

    @cached_property
    def rows(self) -> np.ndarray:
        """The rows of `data.outside`, orthogonally to F."""
        rows, inside = self.data.outside[0], self.data.inside[0]
        if not len(inside):
            return rows
        _, size, basis = np.linalg.svd(inside, full_matrices=False)
        basis = basis[size > RANK * size[0]]
        return rows - rows @ basis.T @ basis

    def weights(self, s: float, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return e^s q_jv / n for the pairs (j, v) outside, and all q, which may underflow."""
        u, (context, token) = self.logits(w), self.data.outside[1].T
        log_q = u - np.logaddexp.reduce(u, axis=-1, keepdims=True)
        log_t = np.asarray(s)[..., None] - np.log(self.data.n_samples)
        exponents = log_t + log_q[..., context, token]
        return np.exp(np.minimum(exponents, LARGEST_EXPONENT)), np.exp(log_q)

    def log_risk(self, w: np.ndarray) -> np.ndarray:
        """Return log of the mean of log(1 + odds of the tokens outside), shape (n_times,).

        What is missing is what the held part would still lose, of the order 1/t^2.
        """
        u = self.data.Z @ w.T
        u = u.reshape(*self.data.P.shape, -1)
        follows = (self.data.P > 0)[..., None]
        inside = np.logaddexp.reduce(np.where(follows, u, -np.inf), axis=1)
        others = np.logaddexp.reduce(np.where(follows, -np.inf, u), axis=1)
        return Logistic().log_risk((inside - others).T)

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the part of dw/ds orthogonal to F, for one time or several."""
        return self.weights(s, w)[0] @ self.rows

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return its derivative: d q_v = q_v (d u_v - sum_z q_z d u_z) within each context."""
        alpha, q = self.weights(s, w)
        context, token = self.data.outside[1].T
        means = (q[:, :, None] * self.data.X[:, None, :]).reshape(len(q), -1)
        own = self.data.Z.reshape(*q.shape, -1)[context, token]
        return self.rows.T @ (alpha[:, None] * (own - means[context]))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def next_token_flow(
    data: NextTokens,
    *,
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-8,
) -> Trajectory:
    """Return the solution of dW/dt = -grad risk(W) at the times exp(log_t).

    The gradient is a difference of probabilities, which loses a digit for each factor ten of t.
    From log t = 14 on, where the part of W that the supports see has settled up to a part of a
    million, that part is held, and the rest goes on in logarithms.

    Parameters
    ----------
    data : NextTokens
        Beyond log t = 14: contexts whose entropy some W reaches in the limit.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_tokens, n_features), optional
        Zero if not given.
    tolerance : float
        The error allowed in W, relative to max(1, max |W_vj|).

    Returns
    -------
    Trajectory
        Its ``iterates`` are flat, shape (n_times, n_tokens * n_features); log_risk is that of the
        cross-entropy minus the entropy.

    Raises
    ------
    ValueError
        For bad input, by name, and for times beyond 14 on contexts that settle.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets, optima
    >>> data = datasets.next_tokens(0)
    >>> path = next_token_flow(data, log_t=[100.0, 200.0])
    >>> ray = optima.next_token_limit(data).ray
    >>> print(f"{path.slope(path.iterates @ ray.ravel()) / (ray**2).sum():.4f}")
    1.0000
    """
    require("data", data, NextTokens)
    log_t, tolerance = increasing("log_t", log_t), positive("tolerance", tolerance)
    shape = data.n_classes, data.n_features
    w = np.zeros(shape) if start is None else finite_array("start", start)
    if w.shape != shape:
        raise ValueError(f"start has shape {w.shape}; it must be (n_tokens, n_features) = {shape}.")
    w, field, objective = w.ravel(), NextTokenField(data), Objective(data)
    size = max(np.linalg.norm(data.X, axis=1).max(), TINY)

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        # One Euler step errs by at most t^2 size^3 / 2; both bounds hold everywhere.
        first = min(0.5 * np.log(local_error / size**3), log_t[0], HELD) - 1 - caution
        return first, w + field(first, w)

    early, late = log_t[log_t <= HELD], log_t[log_t > HELD]
    until = np.append(early, HELD) if late.size and HELD not in early else early

    def attempt(part: float) -> Trajectory:
        runs = two_runs(field, launch, until, part * tolerance, field.jacobian)
        real, states, calls = runs.real, runs.real.states[: len(early)], runs.n_evaluations
        log_risk = objective.log_risk(real.states)[: len(early)]
        error = compared(until, real.states, runs.check.states, runs.at, tolerance)[: len(early)]
        if late.size:
            gap = objective.log_risk(real.state)
            if not gap < -HELD / 2:
                raise ValueError(
                    f"log_t: the cross-entropy stays {np.exp(gap):.2g} above the entropy, and W"
                    f" settles; ask for times up to {HELD:g}."
                )
            held = HeldField(data)
            # Each run goes on from where it is itself.
            far = two_runs(
                held,
                lambda _, caution: (HELD, (runs.check if caution else real).state),
                late,
                part * tolerance,
                held.jacobian,
                linear=lambda _: LINEAR / size,
            )
            found, calls = far.real.states, calls + far.n_evaluations
            error = np.append(error, compared(late, found, far.check.states, far.at, tolerance))
            states = np.vstack([states, found])
            log_risk = np.append(log_risk, held.log_risk(found))
        return Trajectory(
            log_t=read_only(np.array(log_t)),
            iterates=read_only(states),
            log_risk=read_only(log_risk),
            status=f"integrated to log time {log_t[-1]:.6g}",
            error_estimate=read_only(error),
            n_evaluations=calls,
        )

    return closer(attempt)
