"""Norms and what they select: level lines, entries of weight vectors, tables of ratios."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import AMBER, BLUE, INK


def tangent(ax: Axes, g: ArrayLike, point: ArrayLike, **style: object) -> None:
    """Draw the line through `point` on which <g, .> is constant.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((-1, 1, -1, 1))
    >>> tangent(ax, [1.0, 1.0], [0.5, 0.5])
    >>> len(ax.lines)
    1
    """
    g, point = np.asarray(g, dtype=float), np.asarray(point, dtype=float)
    along = 4 * np.array([-g[1], g[0]]) / np.linalg.norm(g)
    limits = ax.axis()
    line = np.array([point - along, point + along])
    ax.plot(*line.T, **{"color": AMBER, "linestyle": (0, (5, 2)), "linewidth": 1.6, **style})
    ax.axis(limits)


def level_set(
    ax: Axes, height: Callable[[np.ndarray], np.ndarray], level: float, *, color: str
) -> None:
    """Draw the line on which `height`, a function of points (..., 2), has one value.

    Only the positive quadrant of the axes is looked at: entropies live there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((0, 2, 0, 2))
    >>> level_set(ax, lambda w: w.sum(axis=-1), 1.0, color='black')
    >>> len(ax.collections)
    1
    """
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    x, y = np.meshgrid(
        np.linspace(max(left, 1e-9), right, 300), np.linspace(max(bottom, 1e-9), top, 300)
    )
    values = height(np.stack([x, y], axis=-1))
    ax.contour(x, y, values, levels=[level], colors=color, linewidths=1.4, linestyles="--")


def ringed_weights(
    ax: Axes,
    w: ArrayLike,
    reference: ArrayLike | None = None,
    *,
    name: str = "",
    reference_name: str = "",
    scaled: bool = True,
) -> None:
    """Draw the entries of w as dots on stems, and those of a reference as rings around them.

    Both are scaled by their largest entry, unless `scaled` is False.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> ringed_weights(ax, [1.0, 0.0, -0.5], [1.0, 0.1, -0.5], name='w', reference_name='l1')
    >>> len(ax.get_xticks()) > 0
    True
    """
    w = np.asarray(w, dtype=float)
    places = np.arange(1, w.size + 1)
    heights = w / np.abs(w).max() if scaled else w
    ax.axhline(0, color=INK, linewidth=0.9)
    ax.vlines(places, 0, heights, color=BLUE, linewidth=1.3)
    ax.plot(places, heights, "o", color=BLUE, markersize=4.5, label=name)
    if reference is not None:
        rings = np.asarray(reference, dtype=float)
        rings = rings / np.abs(rings).max() if scaled else rings
        style = {"markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 1.1}
        ax.plot(places, rings, "o", markersize=9, label=reference_name, **style)
    ax.set(xlabel="feature", ylim=(-1.25, 1.6), xlim=(0, w.size + 1))
    ax.set(yticks=[-1, 0, 1], ylabel="weight, scaled")


def ratios(
    ax: Axes,
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    bold: Collection[tuple[int, int]] = (),
) -> None:
    """Draw a table of numbers from 0 to 1, each in a cell the darker the larger it is.

    The entries at the places `bold`, pairs of row and column, stand out.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> ratios(ax, [[1.0, 0.5]], ['gradient'], ['l2', 'l1'], bold=[(0, 0)])
    >>> [text.get_text() for text in ax.texts]
    ['1.00', '0.50']
    """
    values = np.asarray(values, dtype=float)
    ax.imshow(values, cmap="Blues", vmin=0.2, vmax=1.6, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        weight = "bold" if (i, j) in bold else "normal"
        ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=INK, weight=weight)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def dots(ax: Axes, groups: Mapping[str, ArrayLike]) -> None:
    """Draw the values of each named group as dots above its name.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> dots(ax, {'one': [1, 2, 3], 'two': [2, 3, 4]})
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['one', 'two']
    """
    for place, values in enumerate(groups.values()):
        values = np.sort(np.asarray(values))
        shift = 0.09 * (np.arange(values.size) - (values.size - 1) / 2)
        ax.plot(place + shift, values, "o", color=BLUE, markersize=8)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set_xlim(-0.6, len(groups) - 0.4)
