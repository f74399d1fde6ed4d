"""Networks: the sectors of the plane they assign to a class, their neurons, their layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Wedge
from numpy.typing import ArrayLike

from ibias.plots.style import BLUE, INK, MIST, NEGATIVE, PALETTE, POSITIVE, VERMILION

TINTS = {1: "#d5e5f3", -1: "#f7ddd6"}


def sectors(ax: Axes, degrees: ArrayLike, values: ArrayLike) -> None:
    """Shade the sectors where a function of the direction is positive, and where negative.

    The edges between them, the decision boundary of a network without bias, are drawn.

    Parameters
    ----------
    ax : Axes
        With its limits set.
    degrees : array, shape (n,)
        Directions, evenly spaced over the circle.
    values : array, shape (n,)
        The function there; where it is zero nothing is shaded.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((-1, 1, -1, 1))
    >>> degrees = np.arange(0, 360, 5)
    >>> sectors(ax, degrees, np.cos(2 * np.radians(degrees)))
    >>> len(ax.lines) + len(ax.patches) + len(ax.collections) > 0
    True
    """
    degrees, signs = np.asarray(degrees, dtype=float), np.sign(values).astype(int)
    half = (degrees[1] - degrees[0]) / 2
    far = 2 * max(np.abs([*ax.get_xlim(), *ax.get_ylim()]))
    starts = np.flatnonzero(signs != np.roll(signs, 1))
    if starts.size == 0:
        starts = np.array([0])
    for start, end in zip(starts, [*starts[1:], starts[0] + degrees.size], strict=True):
        if sign := signs[start]:
            last = degrees[start] + (end - start) * 2 * half
            wedge = (degrees[start] - half, last - half)
            ax.add_patch(Wedge((0, 0), far, *wedge, color=TINTS[sign], zorder=0))
        if starts.size > 1:
            edge = np.radians(degrees[start] - half)
            line = [0, far * np.cos(edge)], [0, far * np.sin(edge)]
            ax.plot(*line, color=INK, linestyle="-", linewidth=1.4)


def neurons(ax: Axes, W: ArrayLike, weights: ArrayLike, length: float = 1.0) -> None:
    """Draw each neuron as a spoke along w_j; its length grows with the root of its weight.

    Solid and blue where the output weight is positive, dashed and vermilion where negative.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> neurons(ax, [[1, 0], [0, 1]], [1.0, -4.0])
    >>> len(ax.lines) + len(ax.collections)
    4
    """
    W, weights = np.asarray(W, dtype=float), np.asarray(weights, dtype=float)
    size = length * np.sqrt(np.abs(weights) / np.abs(weights).max())
    norms = np.linalg.norm(W, axis=1)
    ends = W * (size / np.where(norms > 0, norms, 1))[:, None]
    for (x, y), weight in zip(ends, weights, strict=True):
        color, line = (BLUE, "-") if weight > 0 else (VERMILION, (0, (3, 1.5)))
        ax.plot([0, x], [0, y], color=color, linestyle=line, linewidth=1.6, zorder=2)
        ax.plot([x], [y], color=color, marker="o" if weight > 0 else "X", markersize=4, zorder=2)


def layer_spectra(ax: Axes, layers: Mapping[str, ArrayLike]) -> None:
    """Draw the singular values of each layer as a group of bars, each group named below it.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> layer_spectra(ax, {'first': [3, 1, 0], 'second': [2, 0, 0]})
    >>> len(ax.patches)
    6
    """
    width = max(np.size(values) for values in layers.values()) + 1
    for group, (values, color) in enumerate(zip(layers.values(), PALETTE, strict=False)):
        values = np.sort(np.asarray(values, dtype=float))[::-1]
        ax.bar(width * group + np.arange(values.size), values, color=color, width=0.8)
    middles = [width * g + (np.size(v) - 1) / 2 for g, v in enumerate(layers.values())]
    ax.set_xticks(middles, list(layers))
    ax.tick_params(axis="x", length=0)


def certificate(
    ax: Axes, degrees: ArrayLike, correlation: ArrayLike, neurons: ArrayLike, signs: ArrayLike
) -> None:
    """Draw a correlation over all directions, and trained neurons where they look.

    The correlation is in units of the margin: nowhere may it leave the band from -1 to 1, and
    neurons of either sign may sit only where it touches the edge.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> degrees = np.arange(0, 360, 10)
    >>> certificate(ax, degrees, np.cos(np.radians(degrees)), [[1, 0], [-1, 0]], [1, -1])
    >>> bool(ax.get_xlabel())
    True
    """
    ax.axhspan(-1, 1, color=MIST, alpha=0.6, zorder=0)
    ax.plot(degrees, correlation, color=INK)
    neurons, signs = np.asarray(neurons), np.asarray(signs)
    for sign, style, name in ((1, POSITIVE, "positive"), (-1, NEGATIVE, "negative")):
        at = neurons[signs == sign]
        ax.scatter(at, np.full(at.size, 1.18 * sign), s=40, label=f"{name} neurons", **style)
    ax.set(xlim=(0, 360), ylim=(-1.5, 1.9), xticks=range(0, 361, 90))
    ax.set(xlabel="direction in degrees", ylabel="correlation / margin")
    ax.legend(loc="upper center", ncols=2)


def bands(ax: Axes, x: ArrayLike, groups: Mapping[str, ArrayLike]) -> None:
    """Draw the mean of each group, shape (n_x, n_runs), and the range of its runs as a band.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> bands(ax, [1, 2, 3], {'descent': [[1, 2], [2, 3], [3, 4]]})
    >>> len(ax.lines)
    1
    """
    markers = "osD^"
    for (name, values), color, marker in zip(groups.items(), PALETTE, markers, strict=False):
        values = np.asarray(values)
        ax.fill_between(x, values.min(axis=1), values.max(axis=1), color=color, alpha=0.2)
        ax.plot(x, values.mean(axis=1), color=color, marker=marker, label=name)
    ax.legend()
