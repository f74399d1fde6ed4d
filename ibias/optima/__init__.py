"""Reference optima, each with a certificate. Only this part of the package loads cvxpy."""

from ibias.optima.asymptotics import Expansion, expansion
from ibias.optima.bias import BiasedMargin, max_margin_with_bias
from ibias.optima.commuting import CommutingLimit, commuting_limit
from ibias.optima.interpolation import Interpolant, min_norm
from ibias.optima.margin import MaxMargin, max_margin
from ibias.optima.multiclass import MulticlassMargin, multiclass_margin
from ibias.optima.nuclear import MinNuclearNorm, min_nuclear_norm
from ibias.optima.separability import NotSeparable, Separation, separation
from ibias.optima.tail import TailDirection, tail_direction

__all__ = [
    "BiasedMargin",
    "CommutingLimit",
    "Expansion",
    "Interpolant",
    "MaxMargin",
    "MinNuclearNorm",
    "MulticlassMargin",
    "NotSeparable",
    "Separation",
    "TailDirection",
    "commuting_limit",
    "expansion",
    "max_margin",
    "max_margin_with_bias",
    "min_norm",
    "min_nuclear_norm",
    "multiclass_margin",
    "separation",
    "tail_direction",
]
