"""Is an object of your own what the package takes it for? Each check says what is wrong.

The methods of a loss, a model or a potential are derivatives of each other: a difference
quotient knows whether they agree. What holds is returned as sentences; what is wrong is
raised, all of it at once.
"""

from ibias.checking.loss import check_loss
from ibias.checking.method import check_method
from ibias.checking.model import check_model
from ibias.checking.potential import check_potential
from ibias.checking.report import Report

__all__ = ["Report", "check_loss", "check_method", "check_model", "check_potential"]
