"""Gradient flow on the parameters of a linear predictor w(theta), squared loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import Regression
from ibias.flow.estimate import agreed, first_moment
from ibias.flow.log_time import IntegrationFailed
from ibias.flow.remedies import tried
from ibias.flow.start import refuse_rest
from ibias.objectives import Model, Objective
from ibias.trajectory import Trajectory

EARLIER = (0.01, 0.05, 0.15, 0.3)  # by these parts, try after try, times are earlier
REST = 0.1  # how much of the way is left at rest, per tolerance
ROUNDING, RANK = 2e-16, 1e-12


@tried("log_t")
def parametrized_flow(
    data: Regression,
    model: Model,
    *,
    log_t: ArrayLike,
    start: ArrayLike,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the solution of theta' = -grad_theta risk(w(theta)) at the times exp(log_t).

    Parameters
    ----------
    data : Regression
        The risk is the mean of (<x_i, w> - y_i)^2 / 2.
    model : a model with weights(theta) and pullback(theta, g)
        For instance ``models.WeightNormalized(d)``.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_parameters,)
        theta at time zero.
    tolerance : float
        The error allowed in theta, relative to max(1, max_j |theta_j|).

    Returns
    -------
    Trajectory
        `iterates` are theta, shape (n_times, n_parameters). Its ``error_estimate`` is twice
        the distance to a second run with another first step and another integrator.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import models
    >>> net = models.WeightNormalized(2)
    >>> data = Regression([[1.0, 0.0]], [2.0])
    >>> flow = parametrized_flow(data, net, log_t=[5.0], start=net.theta([1.0, 1.0]))
    >>> net.weights(flow.final).round(4)  # the second weight has shrunk from 1
    array([2.    , 0.4773])
    """
    require("data", data, Regression)
    if model is None:
        raise ValueError("model must have parameters: models.WeightNormalized(n_features), say.")
    objective, log_t = Objective(data, model=model), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    theta = finite_array("start", start, ndim=1)
    if theta.shape != (model.n_parameters,):
        raise ValueError(
            f"start has shape {theta.shape}; give the {model.n_parameters} parameters."
        )
    velocity = objective.all_samples.value

    def field(s: float | np.ndarray, theta: np.ndarray) -> np.ndarray:
        return np.exp(np.asarray(s))[..., None] * velocity(theta)

    at_fit = not (data.X @ model.weights(theta) - data.y).any()
    if not at_fit and data.X.any() and not derivative(data, model, theta).any():
        refuse_rest(velocity(theta))
    speed = max(np.abs(velocity(theta)).max(), 1e-300)

    def run(log_t: np.ndarray) -> Trajectory:
        launch = first_moment(field, theta, speed, log_t)
        how = {"symmetric": True, "saddles": True}  # the Jacobian is minus a Hessian, times e^s
        return agreed(field, launch, log_t, tolerance, objective.log_risk, **how)

    return until_rest(run, log_t, lambda theta: left(data, model, theta), tolerance)


def until_rest(
    run: Callable[[np.ndarray], Trajectory],
    log_t: np.ndarray,
    way: Callable[[np.ndarray], float],
    tolerance: float,
) -> Trajectory:
    """Return run(log_t); where it does not arrive, what is at rest before stands for the flow.

    Next to a rest all that is left of the pull is rounding, and times e^s it is no equation. Times
    up to which both runs arrive are looked for, and an error names them: these work.
    """
    try:
        return run(log_t)
    except IntegrationFailed as failed:
        first, reached = failed, failed.time
    if not np.isfinite(reached):
        raise first
    for part in EARLIER:
        until = np.floor(100 * (reached - part * abs(reached))) / 100 - 0.01
        try:
            early = run(np.append(log_t[log_t < until], until))
        except IntegrationFailed as failed:
            reached = min(failed.time, until)
            continue
        size, rest = max(1.0, np.abs(early.final).max()), way(early.final)
        if not rest <= REST * tolerance * size:
            raise IntegrationFailed(
                f"the integration comes to log time {until:.6g} of {log_t[-1]:.6g} only, and the"
                f" flow is not at rest there. Ask for times up to {until:.6g}."
            ) from first
        at = np.minimum(np.arange(log_t.size), np.searchsorted(log_t, until))  # the last one stays
        return Trajectory(
            log_t=read_only(np.array(log_t)),
            iterates=read_only(early.iterates[at]),
            log_risk=read_only(early.log_risk[at]),
            status=f"at rest since log time {until:.6g}",
            error_estimate=read_only(early.error_estimate[at] + np.where(log_t < until, 0.0, rest)),
            n_evaluations=early.n_evaluations,
        )
    raise first


def derivative(data: Regression, model: Model, theta: np.ndarray) -> np.ndarray:
    """Return the derivative of the predictions, shape (n_samples, n_parameters)."""
    return np.array([model.pullback(theta, x) for x in data.X])


@np.errstate(all="ignore")  # where anything overflows no bound is known
def left(data: Regression, model: Model, theta: np.ndarray) -> float:
    """Return what is left of the way of theta to where the data fit; infinite where none is known.

    With J the derivative of the predictions the residuals decay by J J^T / n, and theta goes on by
    J^+ r, as long as J hardly changes.
    """
    w, J = model.weights(theta), derivative(data, model, theta)
    if not np.isfinite(J).all():
        return np.inf
    rounded = ROUNDING * (np.abs(data.X) @ np.abs(w) + np.abs(data.y))
    smallest = np.linalg.svd(J, compute_uv=False)[-1]
    if len(J) > J.shape[1] or not smallest > RANK * np.abs(J).max():
        return np.inf
    length = np.abs(np.linalg.pinv(J, rcond=0)) @ (np.abs(data.X @ w - data.y) + rounded)
    step = 2 * float(np.linalg.norm(length))
    around = (derivative(data, model, theta + e) for e in step * np.eye(theta.size))
    bend = sum(np.linalg.norm(other - J) for other in around)
    return step if bend <= smallest / 2 else np.inf
