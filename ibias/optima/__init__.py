"""Reference optima, each with a certificate. Only this part of the package loads cvxpy."""

from ibias.optima.margin import MaxMargin, max_margin
from ibias.optima.separability import NotSeparable, Separation, separation

__all__ = ["MaxMargin", "NotSeparable", "Separation", "max_margin", "separation"]
