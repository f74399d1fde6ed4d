"""Small nonlinear networks and what is measured on them."""

from ibias.networks.random_features import ReluFeatures, ridge

__all__ = ["ReluFeatures", "ridge"]
