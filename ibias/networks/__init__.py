"""Small nonlinear networks and what is measured on them."""

from ibias.networks.batch_norm import BatchNormNetwork
from ibias.networks.random_features import ReluFeatures, ridge

__all__ = [
    "BatchNormNetwork",
    "ReluFeatures",
    "ridge",
]
