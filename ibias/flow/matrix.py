"""The gradient flow of a matrix written as a product of factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import MatrixProblem
from ibias.flow.log_time import IntegrationFailed
from ibias.models.matrix_product import product, scaled_identity, vjp
from ibias.trajectory import MatrixTrajectory

MAX_EVALUATIONS = 300_000


def matrix_flow(
    problem: MatrixProblem,
    *,
    depth: int = 2,
    scale: float | None = None,
    start: Sequence[ArrayLike] | None = None,
    log_t: ArrayLike,
    tolerance: float = 1e-9,
) -> MatrixTrajectory:
    """Return the gradient flow dW_j/dt = -(W_1...W_{j-1})^T G (W_{j+1}...W_N)^T.

    G is the gradient of (1/2) ||A(W) - y||^2 at W = W_1 ... W_N. The flow is integrated in
    the factors, not in W: a factor of W keeps the small singular values to full relative
    accuracy, and from these every later rise starts.

    Parameters
    ----------
    problem : MatrixProblem
        One problem, or a batch along leading axes (then all run to the same times).
    depth : int
        The number N of factors, for the start from `scale`.
    scale : float
        W_0 = scale * I, with balanced factors scale^(1/N) I. Give `scale` or `start`.
    start : sequence of arrays
        The factors at time 0; then `depth` is their number.
    log_t : array, shape (n_times,)
        The logarithms of the times at which W is wanted, increasing.
    tolerance : float
        The relative error of a step; the absolute error is `tolerance` times the smallest
        size of a factor at the start, over a thousand. Once the root of the risk is below
        ten times `tolerance` in the whole batch, the flow counts as at rest.

    Returns
    -------
    MatrixTrajectory

    Raises
    ------
    ValueError
        For both or neither of `scale` and `start`, or factors that do not chain up to the
        shape of the problem.
    IntegrationFailed
        When the integrator stops early.

    Examples
    --------
    >>> from ibias import datasets
    >>> run = matrix_flow(datasets.Sensing([np.diag([1.0, 2.0])], [2.0]), scale=1e-2, log_t=[5.0])
    >>> np.diag(run.final).round(2)
    array([0.1 , 0.95])
    """
    require("problem", problem, MatrixProblem, example="datasets.low_rank_completion()")
    log_t = increasing("log_t", log_t)
    factors = _initial_factors(problem, depth, scale, start)
    shapes = [factor.shape for factor in factors]
    ends = np.cumsum([factor.size for factor in factors])[:-1]
    tolerance = positive("tolerance", tolerance)

    def unpack(state: np.ndarray) -> list[np.ndarray]:
        return [part.reshape(s) for part, s in zip(np.split(state, ends), shapes, strict=True)]

    evaluations = count()

    def field(t: float, state: np.ndarray) -> np.ndarray:
        if next(evaluations) == MAX_EVALUATIONS:
            raise IntegrationFailed(
                f"{MAX_EVALUATIONS} evaluations took the flow only to log time {np.log(t):.4g} of"
                f" {log_t[-1]:.4g}. Ask for earlier times, or split the batch."
            )
        factors = unpack(state)
        gradients = vjp(factors, problem.gradient(product(factors)))
        return -np.concatenate([gradient.ravel() for gradient in gradients])

    def at_rest(_: float, state: np.ndarray) -> float:
        return float(np.max(problem.risk(product(unpack(state)))) - (10 * tolerance) ** 2)

    initial = np.concatenate([factor.ravel() for factor in factors])
    smallest = min(np.linalg.norm(factor, axis=(-2, -1)).min() for factor in factors)
    states, status, n_evaluations = _integrate(
        field, at_rest, initial, np.exp(log_t), tolerance, 1e-3 * tolerance * smallest
    )
    iterates = np.array([product(unpack(state)) for state in states])
    return MatrixTrajectory(
        log_t=read_only(log_t),
        iterates=read_only(iterates),
        log_risk=read_only(_log(problem.risk(iterates))),
        factors=tuple(read_only(factor) for factor in unpack(states[-1].copy())),
        status=status,
        n_evaluations=n_evaluations,
    )


def _integrate(
    field: Callable[[float, np.ndarray], np.ndarray],
    at_rest: Callable[[float, np.ndarray], float],
    initial: np.ndarray,
    times: np.ndarray,
    rtol: float,
    atol: float,
) -> tuple[np.ndarray, str, int]:
    """Return the states at `times`, how it ended, and the number of evaluations."""
    at_rest.terminal = True  # type: ignore[attr-defined]
    result = solve_ivp(
        field,
        (0.0, times[-1]),
        initial,
        method="DOP853",
        t_eval=times,
        events=at_rest,
        rtol=max(rtol, 1e-13),
        atol=atol,
    )
    if result.status < 0 or not np.isfinite(result.y).all():
        raise IntegrationFailed(
            f"the integrator stopped before log time {np.log(times[-1]):.6g}: {result.message}"
            " Ask for earlier times or a larger tolerance."
        )
    states = np.reshape(result.y, (initial.size, -1)).T
    if result.status == 1:
        rest = result.y_events[0][-1]
        states = np.concatenate([states, np.tile(rest, (len(times) - len(states), 1))])
        log_time = np.log(result.t_events[0][-1])
        return states, f"at rest since log time {log_time:.4g}", result.nfev
    return states, "reached the last time, not yet at rest", result.nfev


def _initial_factors(
    problem: MatrixProblem,
    depth: int,
    scale: float | None,
    start: Sequence[ArrayLike] | None,
) -> list[np.ndarray]:
    """Return the factors at time 0 as float arrays with the batch axes of the problem."""
    if (scale is None) == (start is None):
        raise ValueError("give exactly one of scale (then W_0 = scale * I) and start (factors).")
    if start is None:
        return scaled_identity(scale, problem.shape, depth)
    factors = [finite_array(f"start[{j}]", factor) for j, factor in enumerate(start)]
    sizes = [factor.shape[-2:] for factor in factors]
    chained = all(a[1] == b[0] for a, b in pairwise(sizes))
    if not chained or (sizes[0][0], sizes[-1][1]) != tuple(problem.shape[-2:]):
        raise ValueError(
            f"start has factors of shapes {[factor.shape for factor in factors]}; their product"
            f" must exist and have the shape {problem.shape} of the problem."
        )
    batch = np.broadcast_shapes(problem.shape[:-2], *(factor.shape[:-2] for factor in factors))
    return [np.broadcast_to(f, (*batch, *f.shape[-2:])).copy() for f in factors]


def _log(risk: np.ndarray) -> np.ndarray:
    """Return log(risk), and -inf where the risk is 0."""
    with np.errstate(divide="ignore"):
        return np.log(risk)
