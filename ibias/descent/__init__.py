"""Discrete methods: each takes data and a step size and returns a `Trajectory`."""

from ibias.descent.gradient import Diverged, default_step_size, gradient_descent
from ibias.descent.matrix import factored_gradient_descent, multiplicative_update

__all__ = [
    "Diverged",
    "default_step_size",
    "factored_gradient_descent",
    "gradient_descent",
    "multiplicative_update",
]
