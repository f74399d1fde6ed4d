"""Drawing: every function draws computed results on an `ax`, and computes nothing.

Importing this package applies the house style (`use_style`).
"""

from ibias.plots.classification import boundary, curves, pixels, reach, samples, strip
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
    "curves",
    "pixels",
    "reach",
    "samples",
    "strip",
    "use_style",
]

use_style()
