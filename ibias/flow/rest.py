"""When the flow of the factors of a matrix is at rest: nothing worth a word is left of its way.

With r = A(W) - y the risk is ||r||^2 / 2, and its gradient in the factors is J^T r, J the
derivative of A(W_1 ... W_N). Where the smallest singular value of J is at least sigma, the length
of the way that is left is at most ||r|| / sigma (Lojasiewicz): a small risk alone says nothing, as
the observations may see the way that is left only faintly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ibias.datasets import MatrixProblem, Sensing


def independent(problem: MatrixProblem) -> MatrixProblem:
    """Return a problem of the same flow, with observations that do not contradict each other.

    The gradient of the risk is A^T (A w - y). With A = U S V^T, cut at its rank, these are also
    the gradients of the sensors S V^T and the observations U^T y.

    >>> problem = independent(Sensing([[[1.0]], [[1.0]]], [1.0, 2.0]))
    >>> (problem.observations / problem.sensors[:, 0, 0]).round(12)
    array([1.5])
    """
    if not isinstance(problem, Sensing):
        return problem
    U, S, rows = np.linalg.svd(problem.sensors.reshape(len(problem.sensors), -1), False)
    rank = int((max(U.shape[0], rows.shape[1]) * np.finfo(float).eps * S[0] < S).sum())
    if rank in (0, len(problem.sensors)):
        return problem
    sensors = (S[:rank, None] * rows[:rank]).reshape(rank, *problem.shape)
    return Sensing(sensors, U[:, :rank].T @ problem.observations)


class Rest:
    """Whether the flow is at rest, for a problem or a batch of them.

    Parameters
    ----------
    problem : MatrixProblem
        With observations that do not contradict each other; see `independent`.
    allowed : float
        How much of the way of W may be left, relative to ||W||_F.

    Attributes
    ----------
    relaxation : float
        1 / sigma^2 of the slowest problem at rest: in this time its residual falls by 1 / e.
    """

    def __init__(self, problem: MatrixProblem, allowed: float) -> None:
        self.problem, self.allowed, self.relaxation = problem, allowed, 0.0
        self.steepest = 1.0
        if isinstance(problem, Sensing):
            self.steepest = float(
                np.linalg.norm(problem.sensors.reshape(len(problem.sensors), -1), 2)
            )
        self.asked: dict[tuple[int, ...], float] = {}  # below which residual to look again

    def __call__(self, factors: Sequence[np.ndarray], W: np.ndarray) -> bool:
        """Return whether all problems are at rest at these factors of W."""
        residual = np.sqrt(2 * self.problem.risk(W))
        size = np.linalg.norm(W, axis=(-2, -1))
        near = residual <= self.allowed * self.steepest * size  # W must move by this at least
        if not near.all():
            return False
        slowest = 0.0
        for index in np.ndindex(size.shape):
            left = float(residual[index])
            if left > self.asked.get(index, np.inf):
                return False
            one = self.problem[index] if len(self.problem.shape) > 2 else self.problem
            parts = [factor[index] for factor in factors]
            way, sigma = self.way(one, parts, left)
            if not way <= self.allowed * size[index]:
                self.asked[index] = left / 2
                return False
            slowest = max(slowest, sigma**-2)
        self.relaxation = slowest
        return True

    def way(
        self, problem: MatrixProblem, factors: list[np.ndarray], residual: float
    ) -> tuple[float, float]:
        """Return a bound on what is left of the way of W, and sigma; infinity without a bound."""
        lefts, rights = around(factors)
        sigma = np.sqrt(max(0.0, float(np.linalg.eigvalsh(gram(problem, lefts, rights))[0])))
        if not sigma > 0:
            return np.inf, sigma
        length = 2 * residual / sigma  # if J keeps half of sigma
        N, largest = len(factors), max(np.linalg.norm(factor, 2) for factor in factors) + length
        bend = N * (N - 1) * largest ** max(N - 2, 0)
        if not self.steepest * bend * length <= sigma / 2:
            return np.inf, sigma
        ends = [
            np.linalg.norm(a, 2) * np.linalg.norm(b, 2) for a, b in zip(lefts, rights, strict=True)
        ]
        return float((np.linalg.norm(ends) + bend * length) * length), sigma


def around(factors: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the products W_1 ... W_(j-1) and W_(j+1) ... W_N for every j."""
    lefts, rights = [np.eye(factors[0].shape[0])], [np.eye(factors[-1].shape[1])]
    for factor in factors[:-1]:
        lefts.append(lefts[-1] @ factor)
    for factor in reversed(factors[1:]):
        rights.append(factor @ rights[-1])
    return lefts, rights[::-1]


def gram(
    problem: MatrixProblem, lefts: Sequence[np.ndarray], rights: Sequence[np.ndarray]
) -> np.ndarray:
    """Return J J^T, shape (n_observations, n_observations): J moves W by sum_j L_j D_j R_j."""
    if not isinstance(problem, Sensing):  # the observations are entries of W
        i, j = np.nonzero(problem.mask)
        pairs = ((L @ L.T, R.T @ R) for L, R in zip(lefts, rights, strict=True))
        return sum(P[np.ix_(i, i)] * Q[np.ix_(j, j)] for P, Q in pairs)
    seen = [
        (L.T @ problem.sensors @ R.T).reshape(len(problem.sensors), -1)
        for L, R in zip(lefts, rights, strict=True)
    ]
    return sum(part @ part.T for part in seen)
