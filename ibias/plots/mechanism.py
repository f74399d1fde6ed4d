"""The picture of the mechanism: turned samples, their heights, and their shares of the pull."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.datasets import Dataset
from ibias.plots.style import BLUE, GREY, INK, MIST, NEGATIVE, POSITIVE, VERMILION


def heights(ax: Axes, data: Dataset, w: ArrayLike) -> None:
    """Draw the signed inputs y x, turned so that w points up, and ring the lowest of them.

    What lies above the line is classified correctly, at a height that is its distance to the
    boundary. The band between the line and the lowest sample is the margin of w.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> from ibias import datasets
    >>> heights(ax, datasets.symmetric_pair(), [1.0, 1.0])
    >>> len(ax.collections) > 0
    True
    """
    up = np.asarray(w, dtype=float) / np.linalg.norm(w)
    turned = data.Z @ np.array([[up[1], up[0]], [-up[0], up[1]]])
    lowest = turned[np.argmin(turned[:, 1])]
    correct = lowest[1] > 0
    ax.axhspan(
        *sorted((0.0, lowest[1])),
        color=MIST if correct else VERMILION,
        alpha=0.9 - 0.65 * (not correct),
    )
    ax.axhline(0, color=INK, linewidth=2)
    for label, style in ((1, POSITIVE), (-1, NEGATIVE)):
        ax.scatter(*turned[data.y == label].T, s=46, zorder=3, **style)
    ax.scatter(*lowest, s=190, facecolors="none", edgecolors=INK, linewidths=1.6, zorder=4)
    far = 1.08 * np.linalg.norm(data.Z, axis=1).max()
    ax.set(xlim=(-far, far), ylim=(-0.5 * far, far), aspect="equal", xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title(f"lowest height {lowest[1]:+.2f}" + ("" if correct else ": an error"))


def height_curves(ax: Axes, degrees: ArrayLike, curves: ArrayLike) -> None:
    """Draw each sample's height against the angle of w, the lowest of all, and their average.

    Parameters
    ----------
    ax : Axes
        Empty axes.
    degrees : array, shape (n_angles,)
        The angles of w.
    curves : array, shape (n_angles, n_samples)
        The heights <z_i, w> for unit w.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> degrees = np.arange(0, 181, 10)
    >>> curves = np.cos(np.radians(degrees[:, None] - [30, 60]))
    >>> height_curves(ax, degrees, curves)
    >>> len(ax.lines)
    7
    """
    degrees, curves = np.asarray(degrees, dtype=float), np.asarray(curves, dtype=float)
    ax.plot(degrees, curves, color=GREY, linewidth=0.9, linestyle="-", alpha=0.5)
    ax.axhline(0, color=INK, linewidth=0.9)
    for name, line, style in (
        ("average height", curves.mean(axis=1), {"color": VERMILION, "linestyle": (0, (5, 2))}),
        ("lowest height", curves.min(axis=1), {"color": BLUE, "linestyle": "-", "linewidth": 3}),
    ):
        top = int(np.argmax(line))
        ax.plot(degrees, line, zorder=3, **style)
        ax.plot(degrees[top], line[top], "o", color=style["color"], markersize=9, zorder=4)
        ax.annotate(
            name,
            (degrees[top], line[top]),
            xytext=(0, 9),
            textcoords="offset points",
            color=style["color"],
            ha="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
            zorder=5,
        )
    ax.set(
        xlabel="turn of w from the mean of the samples (degrees)",
        ylabel="height",
        xlim=(degrees[0], degrees[-1]),
    )


def weighted_samples(ax: Axes, data: Dataset, shares: ArrayLike) -> None:
    """Draw planar data, the area of each sample in proportion to its share of the gradient.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> from ibias import datasets
    >>> weighted_samples(ax, datasets.symmetric_pair(), [0.5, 0.5, 0, 0, 0])
    >>> len(ax.collections)
    2
    """
    area = 10 + 900 * np.asarray(shares, dtype=float)
    for label, style in ((1, POSITIVE), (-1, NEGATIVE)):
        rows = data.y == label
        ax.scatter(*data.X[rows].T, s=area[rows], zorder=3, alpha=0.85, linewidths=0, **style)
    far = 1.12 * np.abs(data.X).max()
    ax.set(xlim=(-far, far), ylim=(-far, far), aspect="equal", xticks=[], yticks=[])
