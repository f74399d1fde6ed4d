"""The axis of log t, on which everything in the linear chapter happens."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ibias.plots.style import INK, MIST

LOOP = np.log(1e9)  # log t at the end of a loop of a billion steps, the step being of order one


def log_time(ax: Axes, low: float, high: float, *, loop: bool = True) -> None:
    """Make x the axis of log t, from `low` to `high`, itself on a logarithmic scale.

    The shaded part is what a plain loop of a billion steps can reach.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> log_time(ax, 1, 1e4)
    >>> ax.get_xscale()
    'log'
    """
    decades = np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1).astype(int)
    names = [f"{10**k:d}" if 0 <= k < 3 else f"$10^{{{k}}}$" for k in decades]
    ax.set(xscale="log", xlim=(low, high), xlabel="log t")
    ax.set_xticks(10.0**decades, names)
    ax.xaxis.minorticks_off()
    if loop:
        ax.axvspan(low, LOOP, color=MIST, alpha=0.7, zorder=0)
        ax.annotate(
            "← a loop's reach",
            (LOOP, 0),
            xycoords=("data", "axes fraction"),
            xytext=(4, 5),
            textcoords="offset points",
            color=INK,
            fontsize="small",
        )
