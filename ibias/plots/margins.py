"""Where the margins of a test set lie."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import BLUE, INK, VERMILION


def margin_histogram(ax: Axes, margins: ArrayLike, reach: float, n_bins: int = 40) -> None:
    """Draw a histogram of margins, the wrong side in another colour and hatched.

    Margins beyond `reach` are counted in the outermost bins.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> margin_histogram(ax, [-0.5, 0.2, 0.3, 5.0], reach=1.0, n_bins=10)
    >>> len(ax.patches)
    10
    """
    inside = np.clip(margins, -reach, reach)
    counts, edges = np.histogram(inside, bins=n_bins, range=(-reach, reach))
    middle, wrong = (edges[1:] + edges[:-1]) / 2, edges[1:] <= 0
    width = edges[1] - edges[0]
    ax.bar(middle[~wrong], counts[~wrong], width, color=BLUE)
    ax.bar(middle[wrong], counts[wrong], width, color=VERMILION, hatch="////", edgecolor="white")
    ax.axvline(0, color=INK, linewidth=1.2)
    ax.set(xlim=(-reach, reach), xlabel="margin of a test image", yticks=[])
    ax.spines["left"].set_visible(False)
