"""The 2x2 completion [[?, 1], [1, 0]] in variables that do not lose the determinant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, positive, positive_integer, read_only
from ibias.datasets import two_by_two_completion
from ibias.flow.log_time import integrate

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
    """

    log_t: np.ndarray
    iterates: np.ndarray
    log_determinant: np.ndarray
    log_risk: np.ndarray
    n_evaluations: int

    @property
    def singular_values(self) -> np.ndarray:
        """Both singular values, shape (n_times, 2); the smaller from the determinant."""
        largest = np.linalg.norm(self.iterates, ord=2, axis=(-2, -1))
        return np.stack([largest, np.exp(self.log_determinant) / largest], axis=-1)


def two_by_two_flow(
    start: ArrayLike, *, depth: int = 2, log_t: ArrayLike, tolerance: float = 1e-11
) -> TwoByTwoTrajectory:
    """Return the flow of (1/2) ||P_Omega(W - M)||^2 on balanced factors, M = [[?, 1], [1, 0]].

    Razin and Cohen (2020) show that from det W_0 > 0 the unseen entry grows without bound.
    The flow of the end-to-end matrix is closed (`models.matrix_product.balanced_velocity`)
    but it needs the small singular value, which decays like exp(-w11^2 / 2) at depth 2
    while the entries are of order one: so the logarithm of the determinant is a state of
    its own,

        d log|det W| / dt = -N sum_r sigma_r^(1 - 2/N) <G, u_r v_r^T>.

    Time runs as log t, through scipy's LSODA.

    Parameters
    ----------
    start : array, shape (2, 2)
        W_0, of full rank.
    depth : int
        The number N of factors, at least 2.
    log_t : array, shape (n_times,)
        The logarithms of the times at which W is wanted, increasing.
    tolerance : float
        The error of a step, absolute, and relative where an entry is above ten.

    Raises
    ------
    ValueError
        For a singular or wrongly shaped start, or depth 1.
    IntegrationFailed
        When the integrator stops early.

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
    if W0.shape != (2, 2) or np.linalg.det(W0) == 0:
        raise ValueError("start must be a 2x2 matrix with determinant other than 0, such as 0.1 I.")
    if depth == 1:
        raise ValueError("depth must be at least 2: a single factor leaves the unseen entry alone.")
    problem, sign = two_by_two_completion(), np.sign(np.linalg.det(W0))

    def field(s: float, state: np.ndarray) -> np.ndarray:
        W = state[:4].reshape(2, 2)
        velocity, log_det_rate = _velocity(W, state[4], sign, problem.gradient(W), depth)
        return np.exp(s) * np.append(velocity.ravel(), log_det_rate)

    initial = np.append(W0.ravel(), np.log(np.abs(np.linalg.det(W0))))
    tolerance = positive("tolerance", tolerance)
    # Before this time no part of the state has moved by more than the tolerance.
    early = min(log_t[0], np.log(tolerance / max(1.0, np.abs(field(0.0, initial)).max())))
    passage = integrate(field, early, initial, log_t, tolerance)
    iterates = passage.states[:, :4].reshape(-1, 2, 2)
    return TwoByTwoTrajectory(
        log_t=read_only(log_t),
        iterates=read_only(iterates),
        log_determinant=read_only(passage.states[:, 4].copy()),
        log_risk=read_only(np.log(problem.risk(iterates))),
        n_evaluations=passage.n_evaluations,
    )


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
    sigma = np.array([largest, np.exp(min(log_det, LARGEST)) / largest])
    left, right = _rotation((total + difference) / 2), _rotation((total - difference) / 2)
    C = left.T @ G @ right
    weights = sum(
        np.outer(sigma ** (2 * (j - 1) / depth), sigma ** (2 * (depth - j) / depth))
        for j in range(1, depth + 1)
    )
    rate = -depth * (sigma ** (1 - 2 / depth) * np.array([1.0, sign])) @ C.diagonal()
    return -(left @ (weights * C) @ right.T), float(rate)


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
