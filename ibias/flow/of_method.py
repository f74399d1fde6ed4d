"""One entry for flows: the limit of a method on an objective, in log time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import Dataset, MatrixProblem, MulticlassDataset, NextTokens, Regression
from ibias.flow.accelerated import accelerated_flow
from ibias.flow.adaptive import adam_flow, continued_adagrad
from ibias.flow.attention import attention_flow
from ibias.flow.continuation import continued_gradient_descent
from ibias.flow.cross_entropy import cross_entropy_flow
from ibias.flow.estimate import LARGEST_EXPONENT, agreed, bounded, first_moment
from ibias.flow.gradient import gradient_flow
from ibias.flow.homogeneous import network_flow
from ibias.flow.matrix import matrix_flow
from ibias.flow.mirror import mirror_flow
from ibias.flow.next_token import next_token_flow
from ibias.flow.parametrized import parametrized_flow
from ibias.flow.remedies import tried
from ibias.flow.start import refuse_rest
from ibias.methods import AdaGrad, Gradient, Limit, Method
from ibias.models import Attention, MatrixProduct
from ibias.objectives import Downhill, Objective, Pull
from ibias.potentials import SquaredNorm
from ibias.trajectory import MatrixTrajectory, Trajectory

Solver = Callable[..., Trajectory | MatrixTrajectory]


def flow(
    objective: Any,
    method: Method | None = None,
    *,
    log_t: ArrayLike | None = None,
    log_steps: ArrayLike | None = None,
    steps: float | None = None,
    start: ArrayLike | None = None,
    tolerance: float | None = None,
) -> Trajectory | MatrixTrajectory:
    """Return what a method follows when its steps are small, at the times exp(log_t).

    The same objective and method as in `ibias.descent.descent`. A batch of starts or a list of
    data sets is solved one by one and stacked. With `log_steps` in place of `log_t`, the steps
    keep their size: gradient descent, or AdaGrad, after exp(log_steps) steps of size `steps`.

    Parameters
    ----------
    objective : Objective, or data alone
        Data alone have the default loss and a linear model.
    method : Method, optional
        One whose limit() is not None; gradient descent, hence the gradient flow, if not given.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    log_steps, steps : array of shape (n_times,), and float
        Natural logarithms of step numbers, and the step size.
    start : array, shape (..., n_parameters), optional
        Zero for a linear model if not given.
    tolerance : float, optional
        The integrator's own if not given.

    Raises
    ------
    ValueError
        For bad input, by name, and for a method without a flow.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets, methods
    >>> path = flow(datasets.symmetric_pair(), methods.HeavyBall(0.9), log_t=[50.0, 1e4])
    >>> print(f"{path.slope(path.norms):.6f}")  # 1 / margin, as for the gradient flow
    0.707107
    """
    method = require(
        "method", Gradient() if method is None else method, Method, example="methods.Gradient()"
    )
    objective = Objective.of(objective, method.loss)
    if (log_t is None) == (log_steps is None):
        raise ValueError("give exactly one of log_t, for a flow, and log_steps, for fixed steps.")
    options = {} if tolerance is None else {"tolerance": tolerance}
    if log_steps is not None:
        solver = partial(_continued(objective, method), log_steps=log_steps, step_size=steps)
        return _each(objective, solver, start, options)
    if steps is not None:
        raise ValueError("steps belong to log_steps; a flow has none. Leave one of them out.")
    limit = method.limit()
    if limit is None:
        raise ValueError(f"method: {type(method).__name__} has no flow: use descent.")
    log_t = increasing("log_t", log_t)
    solver = partial(_solver(objective, limit), log_t=log_t + np.log(limit.speed))
    return replace(_each(objective, solver, start, options), log_t=read_only(log_t))


def _continued(objective: Objective, method: Method) -> Solver:
    """Return the continuation of a method with fixed steps."""
    linear = objective.kind is Dataset and objective.model is None and objective.is_margin
    if linear and isinstance(method, Gradient):
        return lambda one, **options: continued_gradient_descent(one.data, loss=one.loss, **options)
    if linear and isinstance(method, AdaGrad) and not method.shape and method.epsilon == 0:
        return lambda one, **options: continued_adagrad(one.data, loss=one.loss, **options)
    raise ValueError(
        "log_steps: only Gradient() and AdaGrad() with epsilon=0 are continued, on linear models"
        " of two classes; give log_t, or use descent."
    )


def _solver(objective: Objective, limit: Limit) -> Solver:
    """Return the integrator of a limit on an objective: solver(objective, log_t=, start=, ...)."""
    linear = objective.model is None
    if limit.flow == "velocity":
        return partial(velocity_flow, velocity=limit.velocity)
    if limit.flow == "gradient":
        return _gradient(objective)
    if limit.flow == "mirror" and linear and objective.kind in (Dataset, Regression):
        return partial(_mirror, potential=limit.potential)
    if linear and objective.kind is Dataset and objective.is_margin:
        if limit.flow == "accelerated":
            return lambda one, **options: accelerated_flow(one.data, loss=one.loss, **options)
        if limit.flow == "adam":
            epsilon = limit.epsilon
            return lambda one, **options: adam_flow(
                one.data, loss=one.loss, epsilon=epsilon, **options
            )
    raise ValueError(
        f"objective: the {limit.flow} flow is here for linear models of two classes only; use"
        " descent."
    )


def _gradient(objective: Objective) -> Solver:
    """Return the integrator of the gradient flow that is made for the objective."""
    model, kind = objective.model, objective.kind
    if model is None and kind is Dataset and objective.is_margin:
        return lambda one, **options: gradient_flow(one.data, loss=one.loss, **options)
    if model is None and kind in (Dataset, Regression):
        return partial(_mirror, potential=SquaredNorm(2))
    if model is None and kind is MulticlassDataset:
        return partial(_classes, solver=cross_entropy_flow)
    if model is None and kind is NextTokens:
        return partial(_classes, solver=next_token_flow)
    if kind is MatrixProblem:
        return _matrix
    if kind is Dataset and objective.is_margin and isinstance(model, Attention):
        return lambda one, **options: attention_flow(one.data, model, loss=one.loss, **options)
    if kind is Dataset and objective.is_margin and hasattr(model, "linearize"):
        return lambda one, **options: network_flow(one.data, model, loss=one.loss, **options)
    if kind is Regression and hasattr(model, "weights"):
        return lambda one, **options: parametrized_flow(one.data, model, **options)
    return partial(velocity_flow, velocity=Pull.__call__)


def _mirror(objective: Objective, *, potential: Any, **options: Any) -> Trajectory:
    data, loss = objective.data, objective.loss
    if objective.is_margin:
        return mirror_flow(data, potential, loss=loss, **options)
    return mirror_flow(Regression(data.X, data.y), potential, **options)


def _classes(
    objective: Objective, *, solver: Solver, start: ArrayLike | None = None, **options: Any
) -> Trajectory:
    if start is not None:
        start = objective.weights(start)
    return solver(objective.data, start=start, **options)


def _matrix(objective: Objective, *, start: ArrayLike | None = None, **options: Any) -> Any:
    model = objective.model or MatrixProduct(objective.shapes[0], depth=1)
    if not isinstance(model, MatrixProduct):
        raise ValueError("model: the flow of a matrix needs models.MatrixProduct, or no model.")
    theta = np.zeros(model.n_parameters) if start is None else start
    return matrix_flow(objective.data, start=model.factors(theta), **options)


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def velocity_flow(
    objective: Objective,
    *,
    velocity: Callable[[Pull, np.ndarray], Downhill],
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-6,
) -> Trajectory:
    """Return the solution of d theta/dt = velocity(pull, theta), for a smooth field without clock.

    The integrator for whatever no other is made for; a velocity may underflow, because its size
    is a logarithm, and is taken together with the time.
    """
    tolerance, pull = positive("tolerance", tolerance), objective.all_samples
    theta = np.zeros(objective.n_parameters) if start is None else start

    def field(s: float | np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return e^s times the velocity; of several times and states at once, too."""
        log_size, direction = velocity(pull, theta)
        return np.exp(np.minimum(np.asarray(s)[..., None] + log_size, LARGEST_EXPONENT)) * direction

    moves = field(0.0, theta)
    refuse_rest(moves)

    launch = first_moment(field, theta, np.abs(moves).max(), log_t)
    within = bounded(lambda s, theta: float(s + np.max(velocity(pull, theta)[0])))
    how = {"halt": within, "smooth": False, "length": True, "saddles": True}
    return agreed(field, launch, log_t, tolerance, objective.log_risk, **how)


def _each(
    objective: Objective, solver: Solver, start: ArrayLike | None, options: dict
) -> Trajectory | MatrixTrajectory:
    """Return the solution; of every start and data set, stacked, where there are several."""
    if start is None and objective.model is not None:
        raise ValueError(
            f"start: give the {objective.n_parameters} parameters of the model at the start."
        )
    if start is not None:
        start = finite_array("start", start)
        if start.ndim == 0 or start.shape[-1] != objective.n_parameters:
            raise ValueError(
                f"start has shape {start.shape}; its last axis must be the"
                f" {objective.n_parameters} parameters."
            )
        options = options | {"start": start}
    axes = () if start is None else start.shape[:-1]
    if objective.kind is MatrixProblem or not (axes or objective.batched):
        return solver(objective, **options)
    try:
        batch = np.broadcast_shapes(axes, objective.batch)
    except ValueError as error:
        raise ValueError(
            f"start has the batch axes {axes}, the data {objective.batch}; give as many."
        ) from error
    paths = []
    for index in np.ndindex(batch):
        one = objective
        if objective.batched:
            one = Objective(objective.sets[index[-1]], objective.loss, objective.model)
        if start is not None:
            options["start"] = np.broadcast_to(start, (*batch, start.shape[-1]))[index]
        paths.append(solver(one, **options))

    def stacked(name: str) -> np.ndarray:
        arrays = np.stack([getattr(path, name) for path in paths], axis=1)
        return read_only(arrays.reshape(len(arrays), *batch, *arrays.shape[2:]))

    errors = None
    if all(path.error_estimate is not None for path in paths):
        errors = np.max([path.error_estimate for path in paths], axis=0)
    return Trajectory(
        log_t=paths[0].log_t,
        iterates=stacked("iterates"),
        log_risk=stacked("log_risk"),
        status="; ".join(dict.fromkeys(path.status for path in paths)),
        error_estimate=errors,
        n_evaluations=sum(path.n_evaluations for path in paths),
    )
