"""Flows in log time: trajectories to times that no loop reaches."""

from ibias.flow.gradient import continued_gradient_descent, gradient_flow
from ibias.flow.log_time import IntegrationFailed, integrate

__all__ = ["IntegrationFailed", "continued_gradient_descent", "gradient_flow", "integrate"]
