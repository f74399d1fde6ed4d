"""Predictors f(theta; x): what they predict, and the gradient with respect to theta."""

from ibias.models.network import (
    Linearization,
    Network,
    deep_linear,
    deep_relu,
    linear,
    two_layer_relu,
)

__all__ = [
    "Linearization",
    "Network",
    "deep_linear",
    "deep_relu",
    "linear",
    "two_layer_relu",
]
