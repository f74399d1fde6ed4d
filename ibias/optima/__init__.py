"""Reference optima, each with a certificate. Only this part of the package loads cvxpy."""

from ibias.optima.asymptotics import Expansion, expansion
from ibias.optima.bias import BiasedMargin, max_margin_with_bias
from ibias.optima.box import BoxMinimiser, box_minimiser
from ibias.optima.bregman import BregmanProjection, bregman_projection
from ibias.optima.certificate import SparseCertificate, sparse_certificate
from ibias.optima.commuting import CommutingLimit, commuting_limit
from ibias.optima.fourier import FourierMargin, fourier_norm, max_fourier_margin
from ibias.optima.hinge import HingeMachine, hinge_machine
from ibias.optima.interpolation import Interpolant, min_norm
from ibias.optima.kernel import KernelMargin, kernel_margin
from ibias.optima.l1_penalty import Lasso, lasso
from ibias.optima.margin import MaxMargin, max_margin
from ibias.optima.multiclass import MulticlassMargin, multiclass_margin
from ibias.optima.next_token import NextTokenLimit, next_token_limit
from ibias.optima.nonseparable import Decomposition, bounded_part_and_ray
from ibias.optima.nuclear import MinNuclearNorm, min_nuclear_norm
from ibias.optima.ridge import RidgePath, ridge_path
from ibias.optima.saddles import SaddlePath, saddle_path
from ibias.optima.schatten import (
    MinSpectralNorm,
    SchattenMargin,
    min_spectral_norm,
    schatten_margin,
)
from ibias.optima.separability import NotSeparable, Separation, separation
from ibias.optima.small_scale import SmallScalePath, small_scale_path
from ibias.optima.stationarity import KktResidual, kkt_residual
from ibias.optima.tail import TailDirection, tail_direction
from ibias.optima.tasks import MarginClimb, NearestSeparator, margin_climb, nearest_separator
from ibias.optima.variation import VariationMargin, variation_margin
from ibias.optima.weight_normalization import (
    WeightNormalizedInterpolant,
    weight_normalized_interpolant,
)

__all__ = [
    "BiasedMargin",
    "BoxMinimiser",
    "BregmanProjection",
    "CommutingLimit",
    "Decomposition",
    "Expansion",
    "FourierMargin",
    "HingeMachine",
    "Interpolant",
    "KernelMargin",
    "KktResidual",
    "Lasso",
    "MarginClimb",
    "MaxMargin",
    "MinNuclearNorm",
    "MinSpectralNorm",
    "MulticlassMargin",
    "NearestSeparator",
    "NextTokenLimit",
    "NotSeparable",
    "RidgePath",
    "SaddlePath",
    "SchattenMargin",
    "Separation",
    "SmallScalePath",
    "SparseCertificate",
    "TailDirection",
    "VariationMargin",
    "WeightNormalizedInterpolant",
    "bounded_part_and_ray",
    "box_minimiser",
    "bregman_projection",
    "commuting_limit",
    "expansion",
    "fourier_norm",
    "hinge_machine",
    "kernel_margin",
    "kkt_residual",
    "lasso",
    "margin_climb",
    "max_fourier_margin",
    "max_margin",
    "max_margin_with_bias",
    "min_norm",
    "min_nuclear_norm",
    "min_spectral_norm",
    "multiclass_margin",
    "nearest_separator",
    "next_token_limit",
    "ridge_path",
    "saddle_path",
    "schatten_margin",
    "separation",
    "small_scale_path",
    "sparse_certificate",
    "tail_direction",
    "variation_margin",
    "weight_normalized_interpolant",
]
