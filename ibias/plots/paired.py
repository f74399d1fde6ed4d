"""Paired runs, and the weights of several predictors side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import GREY, INK, MARKERS, MIST, PALETTE


def pairs(ax: Axes, columns: Mapping[str, ArrayLike]) -> None:
    """Draw one dot a run in each named column, and join the dots of the same data set.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> pairs(ax, {'plain': [1.0, 2.0], 'averaged': [0.5, 1.5]})
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['plain', 'averaged']
    """
    values = np.array(list(columns.values()))  # (n_columns, n_sets)
    places = np.arange(len(values))
    ax.plot(places, values, color=GREY, linestyle="-", linewidth=1, zorder=1)
    for place, row, color, marker in zip(places, values, PALETTE, MARKERS, strict=False):
        ax.plot([place] * len(row), row, marker, color=color, linestyle="none", zorder=2)
    ax.set_xticks(places, list(columns))
    ax.set_xlim(-0.4, len(values) - 0.6)


def stems(ax: Axes, truth: ArrayLike, columns: Mapping[str, ArrayLike]) -> None:
    """Draw weights against their index: the truth as bars, the others as markers.

    Of several, the first are rings: the others are seen inside.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> stems(ax, [1.0, 0.0, 2.0], {'found': [0.9, 0.1, 1.9]})
    >>> len(ax.lines) > 0
    True
    """
    index = np.arange(1, len(np.asarray(truth)) + 1)
    bars = {"facecolor": MIST, "edgecolor": GREY, "linewidth": 1}  # the edge is seen, in dark too
    ax.bar(index, truth, width=0.9, label="truth", **bars)
    for (name, w), color, marker in zip(columns.items(), PALETTE, MARKERS, strict=False):
        ring = {"markersize": 9.5, "markerfacecolor": "none", "markeredgewidth": 1.5}
        style = ring if marker == "o" and len(columns) > 1 else {"markersize": 5.5}
        ax.plot(index, w, marker, color=color, linestyle="none", label=name, **style)
    ax.axhline(0, color=INK, linewidth=0.8, linestyle="-")
    ax.set(xlabel="coordinate", ylabel="weight")
    ax.legend(loc="upper right", ncols=len(columns) + 1, columnspacing=1, handletextpad=0.4)
