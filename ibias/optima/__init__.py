"""Reference optima, each with a certificate. Only this part of the package loads cvxpy."""

from ibias.optima.interpolation import Interpolant, min_norm
from ibias.optima.margin import MaxMargin, max_margin
from ibias.optima.separability import NotSeparable, Separation, separation

__all__ = [
    "Interpolant",
    "MaxMargin",
    "NotSeparable",
    "Separation",
    "max_margin",
    "min_norm",
    "separation",
]
