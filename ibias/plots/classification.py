"""Points in the plane, the lines that separate them, and curves that settle."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.datasets import Dataset
from ibias.plots.style import GREY, INK, LINE_STYLES, MIST, NEGATIVE, PALETTE, POSITIVE


def samples(ax: Axes, data: Dataset, support: ArrayLike = ()) -> None:
    """Draw the two classes of planar data; ring the samples with indices `support`."""
    for label, style in ((1, POSITIVE), (-1, NEGATIVE)):
        ax.scatter(*data.X[data.y == label].T, s=46, zorder=3, **style)
    ring = data.X[np.asarray(support, dtype=int)]
    ax.scatter(*ring.T, s=170, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=4)
    reach = 1.12 * np.abs(data.X).max()
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def boundary(ax: Axes, w: ArrayLike, **style: object) -> None:
    """Draw the line <w, x> = 0 across the axes, whose limits must be set."""
    w = np.asarray(w, dtype=float)
    across = np.array([-w[1], w[0]]) / np.linalg.norm(w)
    far = 4 * max(np.abs([*ax.get_xlim(), *ax.get_ylim()]))
    limits = ax.axis()
    ax.plot(*np.outer(across, [-far, far]), **{"color": INK, "linewidth": 2, **style})
    ax.axis(limits)


def strip(ax: Axes, w: ArrayLike, half_width: float, **style: object) -> None:
    """Shade the points within `half_width` of the line <w, x> = 0."""
    w = np.asarray(w, dtype=float) / np.linalg.norm(w)
    across = np.array([-w[1], w[0]])
    far = 4 * max(np.abs([*ax.get_xlim(), *ax.get_ylim()]))
    corners = [
        side * half_width * w + end * far * across
        for side, end in [(1, 1), (1, -1), (-1, -1), (-1, 1)]
    ]
    limits = ax.axis()
    ax.fill(*np.transpose(corners), **{"color": MIST, "zorder": 0, **style})
    ax.axis(limits)


def curves(
    ax: Axes,
    x: ArrayLike,
    lines: Mapping[str, ArrayLike],
    *,
    limit: float | None = None,
    limit_label: str = "",
) -> None:
    """Draw several curves over the same x, each named at its right end; and their limit.

    Parameters
    ----------
    ax : Axes
        Set its scales first: the names are placed by them.
    x : array, shape (n_points,)
        The common abscissa.
    lines : mapping from name to array, shape (n_points,)
        At most six.
    limit : float, optional
        The height of a thin horizontal line.
    limit_label : str
        The name of that line.
    """
    x = np.asarray(x)
    if limit is not None:
        ax.axhline(limit, color=GREY, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=1)
        ax.annotate(
            limit_label,
            (0.01, limit),
            xycoords=("axes fraction", "data"),
            xytext=(0, 4),
            textcoords="offset points",
            color=INK,
            fontsize="small",
        )
    for (name, y), color, line_style in zip(lines.items(), PALETTE, LINE_STYLES, strict=False):
        ax.plot(x, y, color=color, linestyle=line_style)
        ax.annotate(
            name,
            (x[-1], np.asarray(y)[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )
