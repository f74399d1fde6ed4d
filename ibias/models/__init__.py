"""Predictors f(theta; x): what they predict, and the gradient with respect to theta."""

from ibias.models import matrix_product
from ibias.models.attention import Attention
from ibias.models.curvature import curvatures
from ibias.models.factored import CircularConvolution, DiagonalLinear, Factored
from ibias.models.homogeneity import margins, normalized_margin, path_norm, smoothed_margin
from ibias.models.kernels import relu_kernel
from ibias.models.layers import MatrixProduct
from ibias.models.network import (
    Linearization,
    Network,
    deep_linear,
    deep_relu,
    linear,
    two_layer_relu,
)
from ibias.models.normalized import Direction, WeightNormalized
from ibias.models.spectrum import effective_rank, nuclear_norm, singular_values

__all__ = [
    "Attention",
    "CircularConvolution",
    "DiagonalLinear",
    "Direction",
    "Factored",
    "Linearization",
    "MatrixProduct",
    "Network",
    "WeightNormalized",
    "curvatures",
    "deep_linear",
    "deep_relu",
    "effective_rank",
    "linear",
    "margins",
    "matrix_product",
    "normalized_margin",
    "nuclear_norm",
    "path_norm",
    "relu_kernel",
    "singular_values",
    "smoothed_margin",
    "two_layer_relu",
]
