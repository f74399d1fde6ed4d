"""Discrete methods: each takes data and a step size and returns a `Trajectory`."""

from ibias.descent.adaptive import adagrad, adam, rmsprop
from ibias.descent.gradient import default_step_size, gradient_descent
from ibias.descent.homogeneous import greedy_descent, network_descent
from ibias.descent.least_squares import kaczmarz, least_squares_descent
from ibias.descent.loop import Diverged
from ibias.descent.matrix import factored_gradient_descent, multiplicative_update
from ibias.descent.minibatch import network_sgd
from ibias.descent.mirror import mirror_descent, natural_gradient_descent
from ibias.descent.momentum import dual_momentum, heavy_ball, nesterov
from ibias.descent.normalized import (
    dual_step_size,
    loss_scaled_gradient_descent,
    normalized_gradient_descent,
    rescaled_gradient_descent,
)
from ibias.descent.parametrized import parametrized_descent
from ibias.descent.sharpness_aware import sharpness_aware_descent
from ibias.descent.steepest import (
    boosting,
    normalized_steepest_descent,
    steepest_descent,
    steepest_direction,
)
from ibias.descent.stochastic import stochastic_gradient_descent

__all__ = [
    "Diverged",
    "adagrad",
    "adam",
    "boosting",
    "default_step_size",
    "dual_momentum",
    "dual_step_size",
    "factored_gradient_descent",
    "gradient_descent",
    "greedy_descent",
    "heavy_ball",
    "kaczmarz",
    "least_squares_descent",
    "loss_scaled_gradient_descent",
    "mirror_descent",
    "multiplicative_update",
    "natural_gradient_descent",
    "nesterov",
    "network_descent",
    "network_sgd",
    "normalized_gradient_descent",
    "normalized_steepest_descent",
    "parametrized_descent",
    "rescaled_gradient_descent",
    "rmsprop",
    "sharpness_aware_descent",
    "steepest_descent",
    "steepest_direction",
    "stochastic_gradient_descent",
]
