"""The look of every figure: one palette, one size, type that stays legible on a phone.

Figures are drawn dark on white. On the site the white vanishes into the page, and in dark
mode lightness is turned over while hues are kept; so no figure needs a dark twin.
"""

from __future__ import annotations

import sys

import matplotlib as mpl
from cycler import cycler

# Six colours that stay apart for every common kind of colour blindness, each with a contrast
# of at least 3 to 1 on white (tests/test_plots_style.py measures both).
BLUE = "#1468ad"
VERMILION = "#c22f06"
GREEN = "#0fa06a"
PURPLE = "#70387a"
AMBER = "#c08a03"
GREY = "#74787d"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, AMBER, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P")

INK = "#22262b"  # text and axes
MIST = "#dfe3e8"  # grids, shaded regions, anything that should recede

# The two classes, wherever both are drawn: colour and marker say the same thing twice.
POSITIVE = {"color": BLUE, "marker": "o"}
NEGATIVE = {"color": VERMILION, "marker": "X"}

LINE_STYLES = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (5, 1.6, 1.2, 1.6)), (0, (8, 2)), "-")

FIGSIZE = (6.4, 3.8)

RC = {
    "figure.figsize": FIGSIZE,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 13,
    "axes.titlesize": 13.5,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "axes.titleweight": "regular",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.labelpad": 5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.9,
    "xtick.major.size": 4,
    "ytick.major.size": 4,
    "xtick.major.width": 0.9,
    "ytick.major.width": 0.9,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.axisbelow": True,
    "grid.color": MIST,
    "grid.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=LINE_STYLES),
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "butt",
    "scatter.edgecolors": "face",
    "patch.linewidth": 0,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.borderaxespad": 0.3,
    "image.cmap": "cividis",
    "mathtext.fontset": "dejavusans",
    "axes.formatter.limits": (-3, 4),
    "svg.fonttype": "path",
}


def use_style() -> None:
    """Apply the house style to matplotlib; in a notebook also draw figures at twice the pixels.

    A notebook's figure carries its SVG with it (`plots.vector.both`), which the site shows.

    Examples
    --------
    >>> import matplotlib
    >>> use_style()
    >>> matplotlib.rcParams['axes.spines.top']
    False
    """
    mpl.rcParams.update(RC)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from functools import partial

        from matplotlib.figure import Figure
        from matplotlib_inline.config import InlineBackend

        from ibias.plots.vector import both

        options = InlineBackend.instance(parent=shell).print_figure_kwargs
        formatters = shell.display_formatter.formatters
        for kind in formatters.values():
            kind.pop(Figure, None)
        formatters["image/png"].for_type(Figure, partial(both, **options))
