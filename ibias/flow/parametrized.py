"""Gradient flow on the parameters of a linear predictor w(theta), squared loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, positive, require
from ibias.datasets import Regression
from ibias.flow.estimate import agreed, first_moment
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

    speed = max(np.abs(velocity(theta)).max(), 1e-300)

    launch = first_moment(field, theta, speed, log_t)
    # The Jacobian is minus a Hessian, times e^s.
    return agreed(field, launch, log_t, tolerance, objective.log_risk, symmetric=True, saddles=True)
