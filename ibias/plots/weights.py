"""The plane of two weights: solutions, walks of an optimiser, named points."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import INK, MIST


def plane(ax: Axes, low: float, high: float) -> None:
    """Set up the square of weights from `low` to `high`, with the axes through zero.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> plane(ax, -1, 2)
    >>> [float(x) for x in ax.get_xlim()]
    [-1.0, 2.0]
    """
    ax.axhline(0, color=MIST, linewidth=1, zorder=0)
    ax.axvline(0, color=MIST, linewidth=1, zorder=0)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="$w_1$", ylabel="$w_2$")


def solutions(ax: Axes, x: ArrayLike, y: float, **style: object) -> None:
    """Draw the line of all w with <x, w> = y across the axes, whose limits must be set.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((-1, 1, -1, 1))
    >>> solutions(ax, [1.0, 2.0], 1.0)
    >>> len(ax.lines)
    1
    """
    x = np.asarray(x, dtype=float)
    foot, along = y * x / (x @ x), np.array([-x[1], x[0]]) / np.linalg.norm(x)
    far = 4 * max(np.abs([*ax.get_xlim(), *ax.get_ylim()]))
    limits = ax.axis()
    ax.plot(*(foot + np.outer([-far, far], along)).T, **{"color": INK, "linewidth": 2, **style})
    ax.axis(limits)


def walk(ax: Axes, iterates: ArrayLike, name: str = "", **style: object) -> None:
    """Draw the way of an optimiser: a disc at its start, a dot each iterate, a ring at its end.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> walk(ax, [[0, 0], [1, 0.5], [1.5, 1]], name='descent')
    >>> len(ax.lines)
    3
    """
    iterates = np.asarray(iterates)
    (line,) = ax.plot(*iterates.T, marker=".", markersize=6, linewidth=1.6, label=name, **style)
    ax.plot(*iterates[0], "o", color=INK, markersize=7, zorder=4)
    ax.plot(
        *iterates[-1],
        marker="o",
        markersize=9,
        markerfacecolor="white",
        markeredgecolor=line.get_color(),
        markeredgewidth=2,
        linestyle="none",
        zorder=4,
    )


def point(
    ax: Axes, w: ArrayLike, name: str, offset: tuple[float, float] = (8, 6), **style: object
) -> None:
    """Mark one weight vector and write its name beside it.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> point(ax, [0.5, 0.5], 'least norm')
    >>> [text.get_text() for text in ax.texts]
    ['least norm']
    """
    style = {"color": INK, "marker": "D", "markersize": 7, "linestyle": "none", **style}
    ax.plot(*np.asarray(w), zorder=5, **style)
    ax.annotate(
        name, tuple(w), xytext=offset, textcoords="offset points", va="center", color=style["color"]
    )
