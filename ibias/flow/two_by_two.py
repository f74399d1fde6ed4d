"""The 2x2 completion [[?, 1], [1, 0]] in variables that do not lose the determinant."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import log

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from ibias._validate import finite_array, increasing, positive, positive_integer, read_only
from ibias.flow.collocation import collocate
from ibias.flow.estimate import CAUTION, DIFFERENCE, closer, compared, soonest, visited
from ibias.flow.log_time import Passage, integrate
from ibias.flow.remedies import tried

TARGET = np.array([[0.0, 1.0], [1.0, 0.0]])  # M, with 0 for the entry that nobody sees
SEEN = np.array([[False, True], [True, True]])
# Local errors of the run and of the check run, per tolerance: the log determinant, once it is
# large, has gathered some ten thousand times as much.
FINE, COARSE = 1e-6, 1e-5
SMALLEST = 1e-14  # a local error
ROUGHEST = 1e3  # how much larger errors of the seen entries may be, which are states times 1 + t
MAX_STEPS = 10_000  # of LSODA, which takes a third of them to t = 1e9
LARGEST_START = 95.0  # a log determinant; it hardly grows
UNDERFLOW = 1e-290  # a sum of squares
LARGEST = 100.0  # log determinants beyond this are a trial step gone astray, not a state


@dataclass(frozen=True, eq=False)
class TwoByTwoTrajectory:
    """The balanced flow of the 2x2 completion at `n_times` times.

    Attributes
    ----------
    log_t : array, shape (n_times,)
        The logarithm of flow time.
    iterates : array, shape (n_times, 2, 2)
        The matrices W.
    log_determinant : array, shape (n_times,)
        log |det W|, which no longer follows from the entries once it is below rounding.
    log_risk : array, shape (n_times,)
        The logarithm of (1/2) ((w12 - 1)^2 + (w21 - 1)^2 + w22^2).
    n_evaluations : int
        How often the velocity was computed.
    error_estimate : array, shape (n_times,)
        Of the entries and of the log determinant: twice the distance to a second run, from another
        first time and by another integrator.
    """

    log_t: np.ndarray
    iterates: np.ndarray
    log_determinant: np.ndarray
    log_risk: np.ndarray
    n_evaluations: int
    error_estimate: np.ndarray

    @property
    def singular_values(self) -> np.ndarray:
        """Both singular values, shape (n_times, 2); the smaller from the determinant."""
        largest = np.linalg.norm(self.iterates, ord=2, axis=(-2, -1))
        return np.stack([largest, np.exp(self.log_determinant) / largest], axis=-1)


@tried("log_t")
def two_by_two_flow(
    start: ArrayLike, *, depth: int = 2, log_t: ArrayLike, tolerance: float = 1e-7
) -> TwoByTwoTrajectory:
    """Return the flow of (1/2) ||P_Omega(W - M)||^2 on balanced factors, M = [[?, 1], [1, 0]].

    Razin and Cohen (2020) show that from det W_0 > 0 the unseen entry grows without bound.
    The flow of the end-to-end matrix is closed (`models.matrix_product.balanced_velocity`)
    but it needs the small singular value, which decays like exp(-w11^2 / 2) at depth 2
    while the entries are of order one: so the logarithm of the determinant is a state of
    its own,

        d log|det W| / dt = -N sum_r sigma_r^(1 - 2/N) <G, u_r v_r^T>.

    Time runs as log t, through scipy's LSODA and, to check, by collocation.

    Parameters
    ----------
    start : array, shape (2, 2)
        W_0, of full rank.
    depth : int
        The number N of factors, at least 2.
    log_t : array, shape (n_times,)
        The logarithms of the times at which W is wanted, increasing.
    tolerance : float
        The error allowed in the entries and the log determinant, relative to the largest of
        them and one. From 0.1 I both runs reach 2e-8 at t = 1e9 at depths 2, 3 and 4; at 1e-9
        they do not, and that is an error.

    Raises
    ------
    ValueError
        For a singular or wrongly shaped start, or depth 1.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> run = two_by_two_flow(np.diag([1.0, 1.0]), log_t=[2.0, 20.0])
    >>> bool(run.iterates[1, 0, 0] > run.iterates[0, 0, 0] > 1)
    True
    >>> round(float(run.iterates[1, 0, 1]), 2)
    1.0
    """
    W0 = finite_array("start", start, ndim=2)
    log_t, depth = increasing("log_t", log_t), positive_integer("depth", depth)
    sign, log_det = log_determinant(W0) if W0.shape == (2, 2) else (0.0, -np.inf)
    if sign == 0:
        raise ValueError("start must be a 2x2 matrix with determinant other than 0, such as 0.1 I.")
    if depth == 1:
        raise ValueError("depth must be at least 2: a single factor leaves the unseen entry alone.")

    def field(s: float, state: np.ndarray) -> np.ndarray:
        pull, share = SEEN * state[:4].reshape(2, 2), expit(s)
        W = _matrix(s, state)
        velocity, log_det_rate = _velocity(W, state[4], sign, pull, depth)  # both linear in pull
        moved = share * pull + np.where(SEEN, np.exp(s), share) * velocity
        return np.array([*moved.ravel(), share * log_det_rate])

    def jacobian(s: float, state: np.ndarray) -> np.ndarray:
        # The log determinant may be the larger by far: each variable is moved by a part of itself.
        shifts = np.diag(DIFFERENCE * np.maximum(np.abs(state), 1.0))
        ahead, behind = ([field(s, state + x) for x in side] for side in (shifts, -shifts))
        return np.subtract(ahead, behind).T / (2 * shifts.diagonal())

    tolerance = positive("tolerance", tolerance)
    if log_det > LARGEST_START:
        divisor = np.exp((log_det - LARGEST_START) / 2)
        raise ValueError(
            f"start has a determinant of e^{log_det:.4g}; it must be below e^{LARGEST_START:g}."
            f" Take start / {divisor:.2g}, or less of it."
        )
    speed = max(1.0, np.abs(field(0.0, np.append(_state(0.0, W0), log_det))).max())

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        # Before `first` no part of the state has moved by more than a part of the local error.
        first = min(log_t[0], np.log(0.01 * local_error / speed)) - caution
        return first, np.append(_state(first, W0), log_det)

    def attempt(part: float) -> TwoByTwoTrajectory:
        fine, coarse = np.maximum(part * tolerance * np.array([FINE, COARSE]), SMALLEST)

        def allowed(state: np.ndarray) -> np.ndarray:
            # Late, when w11 is large, the seen entries are smooth only up to their own rounding.
            late = np.clip(state[0] ** 2, 1.0, ROUGHEST)
            return coarse * max(1.0, np.abs(state).max()) * np.array([1.0, late, late, late, 1.0])

        def check_run(times: np.ndarray) -> Passage:
            # By other formulas, evaluated at all stages at once.
            return collocate(
                lambda s, states: np.array([field(*one) for one in zip(s, states, strict=True)]),
                *launch(coarse, CAUTION),
                times,
                allowed,
                jacobian,
            )

        with soonest(check_run, log_t):
            passage = integrate(field, *launch(fine, 0.0), log_t, fine, max_steps=MAX_STEPS)
        at = visited(log_t, passage.states)
        check = check_run(log_t[at])
        iterates, others = (
            np.array([_matrix(*one) for one in zip(times, run.states, strict=True)])
            for times, run in ((log_t, passage), (log_t[at], check))
        )
        error = compared(
            log_t,
            np.column_stack([iterates.reshape(-1, 4), passage.states[:, 4]]),
            np.column_stack([others.reshape(-1, 4), check.states[:, 4]]),
            at,
            tolerance,
        )
        off = passage.states[:, :4].reshape(-1, 2, 2)
        return TwoByTwoTrajectory(
            log_t=read_only(log_t),
            iterates=read_only(iterates),
            log_determinant=read_only(passage.states[:, 4].copy()),
            log_risk=read_only(log_risk(log_t, off)),
            n_evaluations=passage.n_evaluations + check.n_evaluations,
            error_estimate=error,
        )

    # Where local errors cannot be smaller, a second attempt would be the first.
    return closer(attempt) if COARSE * tolerance > SMALLEST else attempt(1.0)


def log_determinant(W: np.ndarray) -> tuple[float, float]:
    """Return the sign and the logarithm of |det W|, W of shape (2, 2), however much it cancels.

    Its side of zero says to which end the flow goes.

    >>> log_determinant(np.array([[1.0, 1.0], [1.0, 1.0 + 2**-52]]))
    (1.0, -36.04365338911715)
    """
    (a, b), (c, d) = ([Fraction(x) for x in row] for row in W.tolist())
    det = a * d - b * c
    if det == 0:
        return 0.0, -np.inf
    return (1.0 if det > 0 else -1.0), log(abs(det.numerator)) - log(det.denominator)


def log_risk(log_t: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Return the log risk of (1 + t) (W - M) in the seen entries; -inf where all of them fit."""
    seen = SEEN * off
    squares = (seen**2).sum(axis=(-2, -1))
    largest = np.abs(seen).max(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = 2 * np.log(largest) + np.log(
            ((seen / largest[:, None, None]) ** 2).sum(axis=(-2, -1)) / 2
        )
        plain = np.log(squares / 2)
    # Squares of tiny ones underflow.
    found = np.where(squares > UNDERFLOW, plain, np.where(largest > 0, scaled, -np.inf))
    return found - 2 * np.log1p(np.exp(log_t))


def _state(s: float, W: np.ndarray) -> np.ndarray:
    """Return (1 + t) (W - M) in the seen entries, which is of order one at all times, else W."""
    return np.where(SEEN, (1 + np.exp(s)) * (W - TARGET), W).ravel()


def _matrix(s: float, state: np.ndarray) -> np.ndarray:
    """Return W from such a state."""
    scaled = state[:4].reshape(2, 2)
    return np.where(SEEN, scaled / (1 + np.exp(s)) + TARGET, scaled)


def _velocity(
    W: np.ndarray, log_det: float, sign: float, G: np.ndarray, depth: int
) -> tuple[np.ndarray, float]:
    """Return dW/dt and d log|det W|/dt for balanced factors.

    W = R(a) diag(sigma_1, sign sigma_2) R(b)^T with rotations R: the sums and differences
    of the angles are those of the two vectors below.
    """
    plus = W[0, 0] + W[1, 1], W[1, 0] - W[0, 1]  # (sigma_1 + sign sigma_2) at angle a - b
    minus = W[0, 0] - W[1, 1], W[1, 0] + W[0, 1]  # (sigma_1 - sign sigma_2) at angle a + b
    difference, total = np.arctan2(plus[1], plus[0]), np.arctan2(minus[1], minus[0])
    largest = (np.hypot(*plus) + np.hypot(*minus)) / 2
    smallest = np.exp(min(log_det, LARGEST)) / largest
    a, b = (total + difference) / 2, (total - difference) / 2
    # Number by number: for so small matrices, arrays take ten times as long.
    (c00, c01), (c10, c11) = _turned(a, G.tolist(), -b)  # R(a)^T G R(b)
    one, other = largest ** (2 / depth), smallest ** (2 / depth)
    mixed = sum(one ** (j - 1) * other ** (depth - j) for j in range(1, depth + 1))
    weighted = [
        [depth * one ** (depth - 1) * c00, mixed * c01],
        [mixed * c10, depth * other ** (depth - 1) * c11],
    ]
    rate = -depth * (one ** (depth / 2 - 1) * c00 + sign * other ** (depth / 2 - 1) * c11)
    return -np.array(_turned(-a, weighted, b)), float(rate)


def _turned(a: float, M: list, b: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return R(-a) M R(-b) with the rotations R, for a matrix of two rows."""
    (m00, m01), (m10, m11) = M
    c, s = np.cos(a), np.sin(a)
    n00, n01, n10, n11 = c * m00 + s * m10, c * m01 + s * m11, c * m10 - s * m00, c * m11 - s * m01
    c, s = np.cos(b), np.sin(b)
    return (c * n00 - s * n01, c * n01 + s * n00), (c * n10 - s * n11, c * n11 + s * n10)
