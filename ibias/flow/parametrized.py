"""Gradient flow on the parameters of a linear predictor w(theta), squared loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, positive, read_only, require
from ibias.datasets import Regression
from ibias.flow.log_time import integrate
from ibias.objectives import Model, Objective
from ibias.trajectory import Trajectory


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
        The local error of a step of the integrator.

    Returns
    -------
    Trajectory
        `iterates` are theta, shape (n_times, n_parameters).

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive.

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
    objective, log_t = Objective(data, model=model), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    theta = finite_array("start", start, ndim=1)
    if theta.shape != (model.n_parameters,):
        raise ValueError(
            f"start has shape {theta.shape}; give the {model.n_parameters} parameters."
        )
    velocity = objective.all_samples.value
    speed = max(np.abs(velocity(theta)).max(), 1e-300)

    # Before this time theta has moved by less than a hundredth of the tolerance.
    first = min(log_t[0], np.log(0.01 * tolerance / speed))
    passage = integrate(
        lambda s, theta: np.exp(s) * velocity(theta), first, theta, log_t, tolerance
    )
    return Trajectory(
        log_t=read_only(log_t),
        iterates=read_only(passage.states),
        log_risk=read_only(objective.log_risk(passage.states)),
        status=f"integrated to log time {log_t[-1]:.6g}",
        n_evaluations=passage.n_evaluations,
    )
