"""Discrete methods: each takes data and a step size and returns a `Trajectory`."""

from ibias.descent.gradient import Diverged, default_step_size, gradient_descent

__all__ = ["Diverged", "default_step_size", "gradient_descent"]
