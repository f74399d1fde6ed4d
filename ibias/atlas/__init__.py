"""The atlas: what the theory says is selected, for any loss, model, method, start and noise.

The map of the book as data and code. `predict` takes the arguments of `ibias.descent.descent` and
returns the reference optimum with its hypotheses, its theorem and the claims that show it, or
says that nothing is known. No method and no objective imports it: a check compares the two.
"""

from ibias.atlas.entry import Case, Entry, If, Prediction, Reference, plain
from ibias.atlas.measures import FITS, Direction, Margin, Measure, Norm, Point
from ibias.atlas.predict import ENTRIES, predict
from ibias.atlas.setting import Setting

__all__ = [
    "ENTRIES",
    "FITS",
    "Case",
    "Direction",
    "Entry",
    "If",
    "Margin",
    "Measure",
    "Norm",
    "Point",
    "Prediction",
    "Reference",
    "Setting",
    "plain",
    "predict",
]
