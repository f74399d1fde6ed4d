"""Fits of curves through points."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import INK


def fit_1d(ax: Axes, x: ArrayLike, y: ArrayLike, grid: ArrayLike, fit: ArrayLike) -> None:
    """Draw the points (x, y) and the values `fit` of a model on `grid`, on fixed axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> grid = np.linspace(-1, 1, 9)
    >>> fit_1d(ax, [-0.5, 0.5], [0.25, 0.25], grid, grid**2)
    >>> len(ax.lines)
    2
    """
    ax.plot(grid, fit)
    ax.plot(x, y, "o", color=INK, markersize=6)
    ax.set(
        xlim=(np.min(grid), np.max(grid)), ylim=(-2.5, 2.5), xticks=[-1, 0, 1], yticks=[-2, 0, 2]
    )
