"""Drawing: every function draws computed results on an `ax`, and computes nothing.

Importing this package applies the house style (`use_style`).
"""

from ibias.plots.classification import boundary, curves, mark, pixels, reach, samples, strip
from ibias.plots.comparison import boxes, contest
from ibias.plots.mechanism import height_curves, heights, weighted_samples
from ibias.plots.paired import pairs, stems
from ibias.plots.regression import fit_1d
from ibias.plots.style import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    INK,
    MIST,
    NEGATIVE,
    PALETTE,
    POSITIVE,
    PURPLE,
    VERMILION,
    use_style,
)
from ibias.plots.time import log_time

__all__ = [
    "AMBER",
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "MIST",
    "NEGATIVE",
    "PALETTE",
    "POSITIVE",
    "PURPLE",
    "VERMILION",
    "boundary",
    "boxes",
    "contest",
    "curves",
    "fit_1d",
    "height_curves",
    "heights",
    "log_time",
    "mark",
    "pairs",
    "pixels",
    "reach",
    "samples",
    "stems",
    "strip",
    "use_style",
    "weighted_samples",
]

use_style()
