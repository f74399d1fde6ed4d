"""Objectives: data, loss and model together, their risk and what pulls the parameters down.

One rule for the loss where none is given: logistic for two classes, cross-entropy for several,
and half the mean square for a regression; a method that is made for one loss takes that one.
"""

from ibias.objectives.objective import Model, Objective
from ibias.objectives.pull import Altered, Downhill, Pull

__all__ = ["Altered", "Downhill", "Model", "Objective", "Pull"]
