"""Curves on logarithmic axes, where a power is a straight line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import INK, LINE_STYLES, PALETTE


def traces(ax: Axes, lines: Mapping[str, tuple[ArrayLike, ArrayLike]], **style: object) -> None:
    """Draw curves (x, y), each with its own abscissa, and name each at its right end.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> traces(ax, {'slow': ([1, 2], [1, 0.9]), 'fast': ([1, 2], [1, 0.1])})
    >>> [text.get_text() for text in ax.texts]
    ['slow', 'fast']
    """
    for (name, (x, y)), color, line_style in zip(lines.items(), PALETTE, LINE_STYLES, strict=False):
        ax.plot(x, y, **{"color": color, "linestyle": line_style, **style})
        ax.annotate(
            name,
            (np.asarray(x)[-1], np.asarray(y)[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )


def guide(ax: Axes, x: ArrayLike, y: ArrayLike, text: str = "", where: float = 0.5) -> None:
    """Draw a thin dotted line of the theory, with its formula at the fraction `where` of it.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> guide(ax, [1, 10], [1, 0.1], text='$1/t$')
    >>> [text.get_text() for text in ax.texts]
    ['$1/t$']
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    ax.plot(x, y, color=INK, linewidth=1.1, linestyle=(0, (1, 1.5)), zorder=1)
    if text:
        i = min(int(where * len(x)), len(x) - 1)
        ax.annotate(
            text,
            (x[i], y[i]),
            xytext=(7, 5),
            textcoords="offset points",
            color=INK,
            fontsize="small",
            ha="left",
        )
