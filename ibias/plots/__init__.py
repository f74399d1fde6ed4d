"""Drawing: every function draws computed results on an `ax`, and computes nothing.

Importing this package applies the house style (`use_style`).
"""

from ibias.plots.classification import (
    boundaries,
    boundary,
    curves,
    mark,
    pixels,
    reach,
    samples,
    strip,
)
from ibias.plots.comparison import boxes, contest, intervals, labelled_points
from ibias.plots.convexity import arrow, gap_over_tangent, hull, unit_ball
from ibias.plots.margins import margin_histogram
from ibias.plots.matrices import entries, shares, spectra, spectrum, staircase
from ibias.plots.mechanism import height_curves, heights, weighted_samples
from ibias.plots.networks import bands, certificate, layer_spectra, neurons, sectors
from ibias.plots.norms import dots, level_set, ratios, ringed_weights, tangent
from ibias.plots.paired import pairs, stems
from ibias.plots.rates import guide, traces
from ibias.plots.regression import fit_1d
from ibias.plots.selection import selection_matrix
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
from ibias.plots.variations import cones, lifted, ray_and_paths
from ibias.plots.weights import plane, point, solutions, walk

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
    "arrow",
    "bands",
    "boundaries",
    "boundary",
    "boxes",
    "certificate",
    "cones",
    "contest",
    "curves",
    "dots",
    "entries",
    "fit_1d",
    "gap_over_tangent",
    "guide",
    "height_curves",
    "heights",
    "hull",
    "intervals",
    "labelled_points",
    "layer_spectra",
    "level_set",
    "lifted",
    "log_time",
    "margin_histogram",
    "mark",
    "neurons",
    "pairs",
    "pixels",
    "plane",
    "point",
    "ratios",
    "ray_and_paths",
    "reach",
    "ringed_weights",
    "samples",
    "sectors",
    "selection_matrix",
    "shares",
    "solutions",
    "spectra",
    "spectrum",
    "staircase",
    "stems",
    "strip",
    "tangent",
    "traces",
    "unit_ball",
    "use_style",
    "walk",
    "weighted_samples",
]

use_style()
