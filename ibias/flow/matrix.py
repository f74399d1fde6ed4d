"""The gradient flow of a matrix written as a product of factors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import count, pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import DOP853, ode

from ibias import progress
from ibias._validate import (
    finite_array,
    increasing,
    one_by_one,
    positive,
    read_only,
    require,
    shown,
)
from ibias.datasets import MatrixProblem
from ibias.flow.collocation import ROUNDING, sides
from ibias.flow.estimate import closer, compared, visited
from ibias.flow.log_time import LONGEST, IntegrationFailed, stopped
from ibias.flow.remedies import tried
from ibias.flow.rest import Rest, independent
from ibias.models.matrix_product import product, scaled_identity, vjp
from ibias.trajectory import MatrixTrajectory

MAX_EVALUATIONS = 300_000  # of one run
SHORT = "its steps became too short"
LOCAL = 1e-3  # local errors, per tolerance: leaving the saddle multiplies them by a thousand
SMALLEST = 1e-13  # a relative local error
LARGEST = 700.0  # the logarithm of a time
REST = 0.1  # how much of the way of W is left at rest, per tolerance
AFTER_REST = 0.5  # how much longer the check run goes on, of the time at which the flow rests
FALL, MANY = 10.0, 1e4  # a fall of that growth by more is a new start, if it saves so many steps
RISE = 4.0  # by what factor this growth may rise before the multistep method is started anew


@tried("log_t")
def matrix_flow(
    problem: MatrixProblem,
    *,
    depth: int = 2,
    scale: float | None = None,
    start: Sequence[ArrayLike] | None = None,
    log_t: ArrayLike,
    tolerance: float = 1e-6,
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
        The error allowed in W, relative to ||W||_F. Once a bound on what is left of the way of W
        is below a tenth of it in the whole batch, the flow counts as at rest.

    Returns
    -------
    MatrixTrajectory
        Its ``error_estimate`` is twice the distance to the farther of two runs by another kind of
        method, a multistep method beside one of Runge and Kutta. They err to opposite sides, and
        come to no rest.

    Raises
    ------
    ValueError
        For both or neither of `scale` and `start`, or factors that do not chain up to the
        shape of the problem.
    IntegrationFailed
        When the integrator stops early, or the two runs differ by more than the tolerance: on
        the way from a tiny start rounding errors may grow with the matrix.

    Examples
    --------
    >>> from ibias import datasets
    >>> one = datasets.Sensing([np.diag([1.0, 2.0])], [2.0])
    >>> run = matrix_flow(one, scale=1e-2, log_t=[5.0])
    >>> np.diag(run.final).round(2)
    array([0.1 , 0.95])
    """
    require("problem", problem, MatrixProblem, example="datasets.low_rank_completion()")
    log_t = increasing("log_t", log_t)
    factors = _initial_factors(problem, depth, scale, start)
    shapes = [factor.shape for factor in factors]
    ends = np.cumsum([0, *(factor.size for factor in factors)]).tolist()
    parts = [slice(*pair) for pair in pairwise(ends)]
    tolerance = positive("tolerance", tolerance)

    def unpack(state: np.ndarray) -> list[np.ndarray]:
        return [state[part].reshape(s) for part, s in zip(parts, shapes, strict=True)]

    pulling = independent(problem)
    times = np.exp(np.minimum(log_t, LARGEST))  # at rest, the flow is there at any later one
    bar = progress.Bar("integrating the factors", float(times[-1]))
    evaluations: count[int]
    resting: Rest

    def field(t: float, state: np.ndarray) -> np.ndarray:
        bar.at(t)
        if next(evaluations) == MAX_EVALUATIONS:
            of_batch = " for all of the batch, which may be split" if begun.ndim > 2 else ""
            raise _stopped(t, times, f"{MAX_EVALUATIONS} evaluations were not enough{of_batch}")
        factors = unpack(state)
        gradients = vjp(factors, pulling.gradient(product(factors)))
        return -np.concatenate([gradient.ravel() for gradient in gradients])

    def at_rest(state: np.ndarray) -> bool:
        factors = unpack(state)
        W = product(factors)
        return resting(factors, W) or nothing_moves(factors, pulling.gradient(W))

    def instability(state: np.ndarray) -> float:
        factors = unpack(state)
        return fastest_growth(factors, pulling.gradient(product(factors)))

    initial = np.concatenate([factor.ravel() for factor in factors])
    sizes = np.concatenate([np.linalg.norm(f, axis=(-2, -1)).ravel() for f in factors])
    smallest = sizes[sizes > 0].min(initial=1.0)
    begun = product(factors)
    apart = np.repeat(own_sides(factors), [factor.size for factor in factors])

    def attempt(part: float) -> MatrixTrajectory:
        nonlocal evaluations, resting
        local_error = part * LOCAL * tolerance
        errors = local_error, 1e-3 * local_error * smallest
        evaluations, resting = count(), Rest(pulling, REST * tolerance)
        with bar, np.errstate(all="ignore"):  # a trial step may overflow; it is taken back
            states, rest, rates, n_evaluations = _by_runge_kutta(
                field, at_rest, instability, initial, times, *errors
            )
            iterates = np.array([product(unpack(state)) for state in states])
            at = visited(log_t, iterates)
            longer = max(AFTER_REST * rest, resting.relaxation)
            stops = np.minimum(times[at], rest + longer)
            estimates = []
            for side in (apart, -apart):
                evaluations = count()
                others = _by_multistep(field, initial, stops, rates, *errors, side)
                check = np.array([product(unpack(state)) for state in others])
                estimates.append(_compared(log_t, begun, iterates, check, at, tolerance))
        rests = rest < times[-1]
        if log_t[-1] > LARGEST and not rests:
            raise IntegrationFailed(
                f"log_t: exp({log_t[-1]:.6g}) is more than a double holds, and the flow is not at"
                f" rest before. Ask for log times up to {LARGEST:g}."
            )
        return MatrixTrajectory(
            log_t=read_only(log_t),
            iterates=read_only(iterates),
            log_risk=read_only(_log(problem.risk(iterates))),
            factors=tuple(read_only(factor) for factor in unpack(states[-1].copy())),
            status=(f"at rest since log time {np.log(rest):.4g}" if rest else "at rest throughout")
            if rests
            else "reached the last time, not yet at rest",
            n_evaluations=n_evaluations,
            error_estimate=read_only(np.max(estimates, axis=0)),
        )

    return closer(attempt)


Field = Callable[[float, np.ndarray], np.ndarray]
Rates = list[tuple[float, float]]  # times, and how fast errors grow there


def _by_runge_kutta(
    field: Field,
    at_rest: Callable[[np.ndarray], bool],
    instability: Callable[[np.ndarray], float],
    initial: np.ndarray,
    times: np.ndarray,
    rtol: float,
    atol: float,
) -> tuple[np.ndarray, float, Rates, int]:
    """Return the states at `times`, when the flow came to rest, `Rates`, and the evaluations."""
    states: list[np.ndarray] = []
    rates: Rates = [(0.0, instability(initial))]
    solver = DOP853(field, 0.0, initial, times[-1], rtol=max(rtol, SMALLEST), atol=atol)
    rests = at_rest(initial)
    while not rests and solver.status == "running":
        solver.max_step = longest(rates[-1][1])
        solver.step()
        if solver.status == "failed" or not np.isfinite(solver.y).all():
            raise _stopped(solver.t, times, SHORT)
        if times[len(states)] <= solver.t:
            between = solver.dense_output()
            states.extend(between(t) for t in times[len(states) :] if t <= solver.t)
        rests = len(states) < len(times) and at_rest(solver.y)
        rates.append((float(solver.t), instability(solver.y)))
    states.extend([solver.y] * (len(times) - len(states)))
    return np.array(states), float(solver.t) if rests else np.inf, rates, solver.nfev


def fastest_growth(factors: Sequence[np.ndarray], G: np.ndarray) -> float:
    """Return a bound on the rate at which errors of the factors grow, G the gradient at W.

    The squares of first derivatives hold errors back. The rest of the Hessian is a block of
    second derivatives <G, ... D_j ... D_k ...> for each two factors, at most ||G|| times the
    others.
    """
    spectral = lambda A: np.linalg.norm(A, 2, axis=(-2, -1))  # noqa: E731
    others = len(factors) - 1
    if not others:
        return 0.0
    rate = others * spectral(G)
    if others > 1:
        rate = rate * np.max([spectral(factor) for factor in factors], axis=0) ** (others - 1)
    return float(np.max(rate))


def nothing_moves(factors: Sequence[np.ndarray], G: np.ndarray) -> bool:
    """Return whether two factors, or G, are zero: then all gradients are, not by underflow."""
    zeros = np.sum([~factor.any(axis=(-2, -1)) for factor in factors], axis=0)
    return bool(((zeros >= 2) | ~G.any(axis=(-2, -1))).all())


def own_sides(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Return to which side the check runs err in each factor, shape (n_factors,).

    In all its entries alike, and as other factors that have the same ones: what commutes or is
    symmetric for ever stays so in every method, and is no separation that is crossed.

    >>> own_sides([np.eye(2), 3 * np.eye(2), -np.eye(2)]).round(2).tolist()
    [-1.62, 1.24, -1.62]
    """
    entries = [tuple(np.sort(np.abs(factor), axis=None).tolist()) for factor in factors]
    kinds = list(dict.fromkeys(entries))
    return sides(len(kinds))[[kinds.index(one) for one in entries]]


def longest(rate: float) -> float:
    """Return how long a step may be where errors grow at this rate."""
    return LONGEST / rate if rate > 0 else np.inf


def stretches(rates: Rates) -> list[tuple[float, float]]:
    """Return the ends of stretches in which the rate rises by no more than `RISE`, and its most.

    Nor does it fall by more than `FALL`, where steps for what it was would be very many.
    """
    found, (first, most) = [], (rates[0][1], rates[0][1])
    for (t, rate), (_, before) in zip(rates[1:], rates, strict=False):
        most = max(most, before)
        fallen = FALL * rate < most and most * (rates[-1][0] - t) > MANY
        if rate > RISE * first or fallen:
            found.append((t, max(most, rate)))
            first = most = rate
    return [*found, (np.inf, max(most, rates[-1][1]))]


def _by_multistep(
    field: Field,
    initial: np.ndarray,
    times: np.ndarray,
    rates: Rates,
    rtol: float,
    atol: float,
    to: np.ndarray,
) -> np.ndarray:
    """Return the states at `times`, which do not fall, by the formulas of Adams.

    It errs by `to`, shape (n,), times what its steps may: beside what separates two ends, this run
    and the real one might else take the same wrong way.
    """
    raised: list[BaseException] = []
    relative = max(rtol, SMALLEST)

    def guarded(t: float, state: np.ndarray) -> np.ndarray:
        # The solver does not stop for an exception, nor for Ctrl-C: from then on nothing moves.
        try:
            if raised:
                return np.zeros_like(state)
            pull = field(t, state)
            return pull + to * (relative * pull + rate * ROUNDING * state)
        except BaseException as error:
            raised.append(error)
            return np.zeros_like(state)

    solver = ode(guarded)
    states, now, state = [], 0.0, initial
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it warns and returns; the failure is raised below
        for end, rate in stretches(rates):
            step = longest(rate)
            solver.set_integrator(
                "vode",
                method="adams",
                rtol=relative,
                atol=atol,
                nsteps=MAX_EVALUATIONS,
                max_step=step if np.isfinite(step) else 0.0,  # none
            )
            solver.set_initial_value(state, now)
            left = times[len(states) :]
            for t in [*left[left <= end], *([end] if end < times[-1] else [])]:
                state = solver.integrate(t).copy() if t > solver.t else state
                now = t
                if raised:
                    raise raised[0]
                if not solver.successful():
                    raise _stopped(solver.t, times, SHORT)
                if len(states) < len(times) and t == times[len(states)]:
                    states.append(state)
    return np.array(states)


def _compared(
    log_t: np.ndarray,
    begun: np.ndarray,
    iterates: np.ndarray,
    check: np.ndarray,
    at: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Return the largest relative error of the batch at each time, or raise; see `compared`."""
    size = np.linalg.norm(iterates, axis=(-2, -1)).reshape(len(log_t), -1)
    # A zero that W has begun with is exact; another one is what rounding has left of it.
    lost = (size == 0) & (np.linalg.norm(begun, axis=(-2, -1)).ravel() > 0)
    if lost.any():
        raise IntegrationFailed(
            f"at log time {log_t[lost.any(axis=1)][0]:.6g} nothing of W is left by rounding: the"
            " flow goes to a saddle at zero. Ask for earlier times, or take another start."
        )
    size = np.where(size > 0, size, 1.0)
    off = np.linalg.norm(iterates[at] - check, axis=(-2, -1)).reshape(len(at), -1) / size[at]
    return compared(log_t, np.zeros_like(size), off, at, tolerance)


def _stopped(t: float, times: np.ndarray, reason: str) -> IntegrationFailed:
    return stopped(np.log(max(t, np.finfo(float).tiny)), np.log(times[-1]), reason)


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
    parts = one_by_one("start", start)
    factors = [finite_array(f"start[{j}]", factor) for j, factor in enumerate(parts)]
    if not factors or any(factor.ndim < 2 for factor in factors):
        shapes = [factor.shape for factor in factors] or shown(start)
        raise ValueError(
            f"start must be a sequence of matrices, the factors, one at least; got {shapes}."
            " One factor W is start=[W]."
        )
    sizes = [factor.shape[-2:] for factor in factors]
    chained = all(a[1] == b[0] for a, b in pairwise(sizes))
    if not chained or (sizes[0][0], sizes[-1][1]) != tuple(problem.shape[-2:]):
        raise ValueError(
            f"start has factors of shapes {[factor.shape for factor in factors]}; their product"
            f" must exist and have the shape {problem.shape} of the problem."
        )
    batches = [problem.shape[:-2], *(factor.shape[:-2] for factor in factors)]
    try:
        batch = np.broadcast_shapes(*batches)
    except ValueError as error:
        raise ValueError(
            f"start and problem have batch axes {batches} that do not go together; give every"
            " factor those of the problem, or none."
        ) from error
    return [np.broadcast_to(f, (*batch, *f.shape[-2:])).copy() for f in factors]


def _log(risk: np.ndarray) -> np.ndarray:
    """Return log(risk), and -inf where the risk is 0."""
    with np.errstate(divide="ignore"):
        return np.log(risk)
