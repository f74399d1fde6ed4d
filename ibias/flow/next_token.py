"""Gradient flow of next-token prediction: the probabilities settle, and the logits run away.

F is the span of the differences (e_z - e_z') h_j^T of tokens within a support. Along F the pull
e^s (p - softmax) holds W ever more stiffly at the W* that has the log-odds of the data; across F
only the tokens outside the supports pull, with e^s times their probability, of order one at all
times. The two are computed apart: in their sum the second would be lost in the rounding of the
first. Late enough, W is where the two balance along F, at a distance of order e^-s from W*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import NextTokens
from ibias.datasets.next_tokens import covariance
from ibias.flow.estimate import CAUTION, FINE, ROUGH, closer, compared, two_runs
from ibias.flow.log_time import LINEAR, TINY, IntegrationFailed
from ibias.flow.remedies import tried
from ibias.flow.separation import split
from ibias.losses import LARGEST_EXPONENT, Logistic
from ibias.objectives import Objective
from ibias.trajectory import Trajectory

SETTLED = 18.0  # the log time, for contexts of length one, up to which a W that settles is followed
EXACT = 1e-9  # the largest error in a log-odds that is rounding
EARLIER = 3.0  # log time that is waited for what a push is larger than one
PATIENCE = 20_000  # steps of the stiff part, which takes at most a thousand or two


@dataclass(frozen=True, eq=False)
class NextTokenField:
    """The vector field dw/ds = e^s sum_j (p_j - softmax(u_j)) h_j^T / n, s = log t, w = W flat."""

    data: NextTokens

    @cached_property
    def size(self) -> float:
        """The largest ||h_j||."""
        return float(max(self.lengths.max(), TINY))

    @cached_property
    def lengths(self) -> np.ndarray:
        """All ||h_j||, shape (n_contexts, 1)."""
        return np.linalg.norm(self.data.X, axis=1, keepdims=True)

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal rows that span F, shape (rank, n_tokens * n_features)."""
        return self.data.spans[0]

    @cached_property
    def settled(self) -> np.ndarray:
        """W*: it has the log-odds of the data within the supports, or comes closest."""
        return self.data.settled

    @cached_property
    def runs_away(self) -> bool:
        """Whether the entropy is reached, in the limit only: W* is exact, and a ray exists."""
        rows, odds = self.data.inside
        off = np.abs(rows @ self.settled - odds).max(initial=0.0)
        if not self.data.outside_across.size or off > EXACT * np.abs(odds).max(initial=1.0):
            return False
        parts = split(self.data.outside_across)
        return parts is not None and parts.kind == "separable"

    @cached_property
    def follows(self) -> np.ndarray:
        """Which tokens follow, shape (n_contexts, n_tokens)."""
        return self.data.P > 0

    @cached_property
    def reference(self) -> np.ndarray:
        """The softmax within the supports at W*: the frequencies, if W* is exact."""
        u = np.where(self.follows, self.logits(self.settled), -np.inf)
        return self.data.P if self.runs_away else softmax(u, axis=-1)

    def logits(self, w: np.ndarray) -> np.ndarray:
        """Return u, shape (..., n_contexts, n_tokens)."""
        return self.data.X @ w.reshape(*w.shape[:-1], self.data.n_classes, -1).swapaxes(-1, -2)

    def flat(self, pulls: np.ndarray) -> np.ndarray:
        """Return sum_j pulls_j h_j^T, flat, for pulls of shape (..., n_contexts, n_tokens)."""
        total = pulls.swapaxes(-1, -2) @ self.data.X
        return total.reshape(*total.shape[:-2], -1)

    def missing(self, w: np.ndarray) -> np.ndarray:
        """Return p - softmax within the supports, without loss of digits near W*.

        Further off than a logit or so, in any direction, the plain difference is the better one.
        """
        off = w - self.settled
        du = np.where(self.follows, self.logits(off), -np.inf)
        more = np.expm1(du - du.max(axis=-1, keepdims=True))
        mean = (self.reference * more).sum(axis=-1, keepdims=True)
        close = self.data.P - self.reference + self.reference * (mean - more) / (1 + mean)
        plain = self.data.P - softmax(np.where(self.follows, self.logits(w), -np.inf), axis=-1)
        far = np.linalg.norm(off, axis=-1)[..., None, None] * self.lengths > 1
        return np.where(far, plain, close)

    def outward(self, s: float | np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return e^s q / n of the tokens outside, the softmax within the supports, and all q.

        Each of shape (..., n_contexts, n_tokens).
        """
        u = self.logits(w)
        log_q = u - np.logaddexp.reduce(u, axis=-1, keepdims=True)
        log_t = np.asarray(s)[..., None, None] - np.log(self.data.n_samples)
        alpha = np.exp(np.minimum(np.where(self.follows, -np.inf, log_t + log_q), LARGEST_EXPONENT))
        return alpha, softmax(np.where(self.follows, u, -np.inf), axis=-1), np.exp(log_q)

    def push(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the pull of the tokens outside, flat: it moves the mean within against them."""
        alpha, within, _ = self.outward(s, w)
        return self.flat(alpha.sum(axis=-1, keepdims=True) * within - alpha)

    def push_jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return its derivative, shape (n, n)."""
        total = np.zeros((w.size, w.size))
        for h, alpha, inner, q in zip(self.data.X, *self.outward(s, w), strict=True):
            change = np.diag(alpha) - np.outer(alpha, q)  # of alpha
            block = np.outer(inner, change.sum(axis=0)) - change
            block += alpha.sum() * covariance(inner)
            total += np.kron(block, np.outer(h, h))
        return total

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return dw/ds, for one time or several."""
        held = self.flat(self.missing(w)) @ self.basis.T @ self.basis
        return np.exp(np.asarray(s))[..., None] / self.data.n_samples * held + self.push(s, w)

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return its derivative."""
        held = self.basis.T @ self.data.hessian(self.data.P - self.missing(w)) @ self.basis
        return self.push_jacobian(s, w) - np.exp(s) * held


@dataclass(frozen=True, eq=False)
class BalancedField(NextTokenField):
    """The same across F, for w = W* + g + x with x in F where its two pulls balance.

    e^s C x = P_F push(s, W* + g), with the Hessian C along F at W*: right up to e^-2s.
    """

    @cached_property
    def stiffness(self) -> np.ndarray:
        """The Hessian C."""
        return self.data.hessian(self.data.P)

    def since(self, local_error: float) -> float:
        """Return a log time from which what is left out, (e^-s C^-1)^2, is this small.

        Infinity, where an eigenvalue of C is rounding.
        """
        rates = np.linalg.eigvalsh(self.stiffness)
        softest = rates.min(initial=np.inf)
        if not softest > np.finfo(float).eps * len(rates) * rates.max(initial=0.0):
            return np.inf
        return EARLIER - np.log(min(softest, self.size**2)) - np.log(local_error) / 2

    def bent(self, w: np.ndarray) -> float:
        """Return the square of the largest logit by which w is off W* along F."""
        along = (w - self.settled) @ self.basis.T @ self.basis
        return float(np.square(self.logits(along)).max(initial=0.0))

    def off(self, s: float, w: np.ndarray) -> float:
        """Return how far w is from the balance along F."""
        g = across(self.basis, w)
        return float(np.abs(w - self.place(s, g)).max(initial=0.0))

    def held(self, s: float | np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return e^s x in the basis of F, shape (..., rank)."""
        pushed = self.push(s, self.settled + g) @ self.basis.T
        return np.linalg.solve(self.stiffness, pushed[..., None])[..., 0]

    def place(self, s: float | np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return w."""
        x = np.exp(-np.asarray(s))[..., None] * self.held(s, g)
        return self.settled + g + x @ self.basis

    def log_risk(self, s: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return the log of what the tokens outside and the odds within lose, shape (n_times,)."""
        u, held = self.logits(self.place(s, g)), self.held(s, g)
        inside = np.logaddexp.reduce(np.where(self.follows, u, -np.inf), axis=-1)
        others = np.logaddexp.reduce(np.where(self.follows, -np.inf, u), axis=-1)
        odds = np.einsum("ti,ij,tj->t", held, self.stiffness, held) / 2
        return np.logaddexp(Logistic().log_risk(inside - others), np.log(odds) - 2 * s)

    def __call__(self, s: float | np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return dg/ds, for one time or several."""
        return across(self.basis, self.push(s, self.place(s, g)))

    def jacobian(self, s: float, g: np.ndarray) -> np.ndarray:
        """Return its derivative, with x held."""
        P = np.eye(g.size) - self.basis.T @ self.basis
        return P @ self.push_jacobian(s, self.place(s, g)) @ P


def across(basis: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the part of each row orthogonal to the basis."""
    return rows - rows @ basis.T @ basis


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def next_token_flow(
    data: NextTokens,
    *,
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-8,
) -> Trajectory:
    """Return the solution of dW/dt = -grad risk(W) at the times exp(log_t).

    Beyond the time from which W along F is known up to e^-2s, times of any size cost the same.

    Parameters
    ----------
    data : NextTokens
        Beyond log t = 18, with contexts of length one: such whose entropy is reached in the limit.
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
        For bad input, by name, and for such times on contexts where W settles.
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
    w, field, log_risk = w.ravel(), NextTokenField(data), Objective(data).log_risk
    size = field.size

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        # One Euler step errs by at most t^2 size^3 / 2; both bounds hold everywhere.
        first = min(0.5 * np.log(local_error / size**3), log_t[0]) - 1 - caution
        return first, w + field(first, w)

    latest = SETTLED - 2 * np.log(size)
    if log_t[-1] > latest and not field.runs_away:
        raise ValueError(
            "log_t: with these data W settles, wholly or in part, and the pull that is left is"
            f" rounding; ask for times up to {latest - 0.01:.2f}, or give contexts with n_features"
            " of at least n_contexts."
        )
    far = BalancedField(data)
    if log_t[-1] > latest and not np.isfinite(far.since(tolerance)):
        raise ValueError(
            f"data: P has entries down to {data.P[data.P > 0].min():.0e}, and how slowly their odds"
            f" settle is below rounding. Ask for log_t up to {latest - 0.01:.2f}, or set such"
            " entries to zero."
        )

    def attempt(part: float, from_here: float | None = None) -> Trajectory:
        local_error = part * FINE * tolerance
        from_here = far.since(local_error) if from_here is None else from_here
        early = log_t[log_t <= from_here + CAUTION]
        late = log_t[len(early) :]
        # Each run goes on from where it is itself, and the check run later.
        handed = [from_here, from_here + CAUTION]
        until = np.unique(np.append(early, handed)) if late.size else early
        near = two_runs(field, launch, until, part * tolerance, field.jacobian, max_steps=PATIENCE)
        kept = np.searchsorted(until, early)
        real, calls = near.real.states, near.n_evaluations
        if late.size:
            # The balance is that of small odds: where those outside still pull, it is too early.
            bent = far.bent(real[np.searchsorted(until, from_here)])
            if bent > local_error:
                return attempt(part, from_here + 1 + np.log(bent / local_error) / 2)
        error = compared(until, real, near.check.states, near.at, tolerance)[kept]
        states, risks = real[kept], log_risk(real)[kept]
        if late.size:
            starts = real[np.searchsorted(until, from_here)], near.check.state
            for s, w in zip(handed, starts, strict=True):
                if not far.off(s, w) <= ROUGH * tolerance * np.abs(w).max(initial=1.0):
                    raise IntegrationFailed(
                        f"at log time {s:.6g} the odds within the supports are off by"
                        f" {far.off(s, w):.1e} from where they settle. Ask for times up to"
                        f" {handed[1] - 0.01:.2f}."
                    )

            def onward(_: float, caution: float) -> tuple[float, np.ndarray]:
                place = int(caution > 0)
                return handed[place], across(far.basis, starts[place])

            runs = two_runs(
                far,
                onward,
                late,
                part * tolerance,
                far.jacobian,
                linear=lambda _: LINEAR / size,
            )
            found = far.place(late, runs.real.states)
            other = far.place(late[runs.at], runs.check.states)
            error = np.append(error, compared(late, found, other, runs.at, tolerance))
            states, calls = np.vstack([states, found]), calls + runs.n_evaluations
            risks = np.append(risks, far.log_risk(late, runs.real.states))
        return Trajectory(
            log_t=read_only(np.array(log_t)),
            iterates=read_only(states),
            log_risk=read_only(risks),
            status=f"integrated to log time {log_t[-1]:.6g}",
            error_estimate=read_only(error),
            n_evaluations=calls,
        )

    return closer(attempt)
