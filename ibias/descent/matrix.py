"""Discrete methods on the factors of a matrix."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import finite_array, positive, read_only, require
from ibias.datasets import MatrixProblem
from ibias.descent.loop import Diverged, recorded_steps
from ibias.models.matrix_product import product, vjp
from ibias.trajectory import MatrixTrajectory


def factored_gradient_descent(
    problem: MatrixProblem,
    *,
    start: Sequence[ArrayLike],
    step_size: float,
    n_steps: int,
    record: ArrayLike | None = None,
) -> MatrixTrajectory:
    """Return gradient descent on the factors of W = W_1 ... W_N.

    W_j <- W_j - step_size (W_1 ... W_{j-1})^T G (W_{j+1} ... W_N)^T, all at once, with G the
    gradient of (1/2) ||A(W) - y||^2.

    Parameters
    ----------
    problem : MatrixProblem
        One problem, or a batch along leading axes.
    start : sequence of arrays
        The factors at the start; `models.matrix_product.scaled_identity` makes some.
    step_size : float
        The step, greater than 0.
    n_steps : int
        The number of steps, at least 1.
    record : array of int, optional
        The steps to keep; without it the last one.

    Raises
    ------
    Diverged
        When the iterates leave the range of double precision.
    """
    require("problem", problem, MatrixProblem, example="datasets.low_rank_completion()")
    factors = [finite_array(f"start[{j}]", factor) for j, factor in enumerate(start)]
    step_size = positive("step_size", step_size)

    def step(factors: list[np.ndarray]) -> list[np.ndarray]:
        gradients = vjp(factors, problem.gradient(product(factors)))
        return [W - step_size * dW for W, dW in zip(factors, gradients, strict=True)]

    return _loop(problem, factors, step, step_size, n_steps, record)


def multiplicative_update(
    problem: MatrixProblem,
    *,
    start: Sequence[ArrayLike],
    step_size: float,
    n_steps: int,
    record: ArrayLike | None = None,
) -> MatrixTrajectory:
    """Return the exponential update of the two factors of W = U V^T.

    [U; V] <- expm(-step_size [[0, G], [G^T, 0]]) [U; V]: the exact flow while G stands
    still. It conserves U^T U - V^T V exactly for every step size. For U = V and symmetric
    G it is U <- expm(-step_size G) U, and with commuting sensors log(W) - log(W_0) stays in
    their span: there is no bias of the order of the step, as gradient descent has one.

    Parameters
    ----------
    problem : MatrixProblem
        One problem, or a batch along leading axes.
    start : pair of arrays
        U and V^T.
    step_size : float
        The step, greater than 0.
    n_steps : int
        The number of steps, at least 1.
    record : array of int, optional
        The steps to keep; without it the last one.

    Raises
    ------
    ValueError
        For other than two factors.
    Diverged
        When the iterates leave the range of double precision.
    """
    require("problem", problem, MatrixProblem, example="datasets.low_rank_completion()")
    factors = [finite_array(f"start[{j}]", factor) for j, factor in enumerate(start)]
    if len(factors) != 2:
        raise ValueError(f"start must hold two factors, U and V^T; got {len(factors)}.")
    step_size = positive("step_size", step_size)

    def step(factors: list[np.ndarray]) -> list[np.ndarray]:
        U, Vt = factors
        G = problem.gradient(U @ Vt)
        if not np.isfinite(G).all():
            return [np.full_like(U, np.nan), Vt]
        P, s, Qt = np.linalg.svd(G, full_matrices=False)
        even, odd = np.cosh(step_size * s) - 1, -np.sinh(step_size * s)
        PU, QV = np.swapaxes(P, -1, -2) @ U, Qt @ np.swapaxes(Vt, -1, -2)
        along_P = even[..., None] * PU + odd[..., None] * QV
        along_Q = even[..., None] * QV + odd[..., None] * PU
        return [U + P @ along_P, Vt + np.swapaxes(along_Q, -1, -2) @ Qt]

    return _loop(problem, factors, step, step_size, n_steps, record)


def _loop(
    problem: MatrixProblem,
    factors: list[np.ndarray],
    step: Callable[[list[np.ndarray]], list[np.ndarray]],
    step_size: float,
    n_steps: int,
    record: ArrayLike | None,
) -> MatrixTrajectory:
    """Return the products at the recorded steps of `step`, repeated."""
    steps = recorded_steps(n_steps, [n_steps] if record is None else record)
    iterates, k = [], 0
    with (
        np.errstate(over="ignore", invalid="ignore"),
        progress.Bar("descending", steps[-1]) as bar,
    ):
        for stop in steps:
            for done in range(k, stop):
                factors = step(factors)
                bar.at(done)
            k = stop
            iterates.append(product(factors))
            if not np.isfinite(iterates[-1]).all():
                raise Diverged(int(stop))
    iterates = np.stack(iterates)
    with np.errstate(divide="ignore"):
        return MatrixTrajectory(
            log_t=read_only(np.log(steps) + np.log(step_size)),
            iterates=read_only(iterates),
            log_risk=read_only(np.log(problem.risk(iterates))),
            factors=tuple(read_only(factor) for factor in factors),
            status=f"ran all {steps[-1]} steps",
            n_evaluations=int(steps[-1]),
        )
