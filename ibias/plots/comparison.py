"""Methods side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import BLUE, GREY, INK, MARKERS, MIST, PALETTE, VERMILION


def boxes(ax: Axes, groups: Mapping[str, ArrayLike], ylabel: str) -> None:
    """Draw each group's values as a box with its points.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> boxes(ax, {'one': [1, 2, 3], 'two': [2, 3, 4]}, ylabel='margin')
    >>> ax.get_ylabel()
    'margin'
    """
    for place, values in enumerate(groups.values()):
        values = np.asarray(values)
        ax.boxplot(
            values,
            positions=[place],
            widths=0.5,
            showfliers=False,
            medianprops={"color": INK, "linewidth": 2},
            patch_artist=True,
            boxprops={"facecolor": MIST, "edgecolor": GREY},
        )
        ax.plot(np.full(values.size, place), values, "o", color=BLUE, markersize=4, alpha=0.6)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set_ylabel(ylabel)


def contest(ax: Axes, guesses: ArrayLike, trained: float) -> None:
    """Draw the test accuracies of random solutions, and that of training, on fixed axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> contest(ax, [0.6, 0.7, 0.8], trained=0.9)
    >>> [round(float(x), 1) for x in ax.get_xlim()]
    [0.3, 1.0]
    """
    ax.hist(guesses, bins=np.linspace(0.3, 1, 36), color=BLUE, alpha=0.75, label="guesses")
    ax.axvline(trained, color=VERMILION, label="gradient descent")
    ax.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2, label="a coin")
    ax.set(xlim=(0.3, 1), ylim=(0, 60), xlabel="test accuracy", yticks=[])
    ax.legend(loc="upper left")


def labelled_points(ax: Axes, points: ArrayLike, names: Sequence[str]) -> None:
    """Draw points (x, y), shape (n_points, 2), each with its name to the lower right.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> labelled_points(ax, [[1, 2], [3, 1]], ['sgd', 'adam'])
    >>> [text.get_text() for text in ax.texts]
    ['sgd', 'adam']
    """
    for (x, y), name in zip(np.asarray(points, dtype=float), names, strict=True):
        ax.plot(x, y, "o", color=VERMILION, markersize=6, zorder=3)
        place = {"xytext": (6, -16), "textcoords": "offset points", "ha": "left"}
        ax.annotate(name, (x, y), color=INK, **place)


def intervals(
    ax: Axes, x: ArrayLike, rows: Mapping[str, Sequence[Any]], *, band: Sequence[float] = ()
) -> None:
    """Draw values with their intervals over x, side by side where several rows share an x.

    Parameters
    ----------
    ax : Axes
        Its abscissa is logarithmic afterwards.
    x : array, shape (n_points,)
        Positive.
    rows : mapping from name to list
        For each x something with `value`, `low` and `high`; at most six rows.
    band : pair of float, optional
        A band of values to shade.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from ibias.sweeps.shares import Interval
    >>> ax = Figure().add_subplot()
    >>> intervals(ax, [4, 8], {'lead': [Interval(0.2, 0.1, 0.3), Interval(0.1, 0.0, 0.2)]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['lead']
    """
    x = np.asarray(x, dtype=float)
    if len(band):
        ax.axhspan(*band, color=MIST, alpha=0.6, zorder=0)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{one:g}" for one in x])
    ax.minorticks_off()
    shifts = 1.06 ** (np.arange(len(rows)) - (len(rows) - 1) / 2)
    for (name, row), color, marker, shift in zip(
        rows.items(), PALETTE, MARKERS, shifts, strict=False
    ):
        values = np.array([[one.value, one.low, one.high] for one in row]).T
        ends = np.abs(values[1:] - values[0])
        style = {"color": color, "linestyle": "none", "capsize": 3, "markersize": 6}
        ax.errorbar(x * shift, values[0], yerr=ends, fmt=marker, label=name, **style)
    ax.legend()
