"""Points in the plane, the lines that separate them, and curves that settle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.datasets import Dataset
from ibias.plots.style import GREY, INK, LINE_STYLES, MIST, NEGATIVE, PALETTE, POSITIVE

CROWDED = 0.07  # of the height of the axes: closer than this, two names overlap


def samples(ax: Axes, data: Dataset, support: ArrayLike = ()) -> None:
    """Draw the two classes of planar data; ring the samples with indices `support`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> from ibias import datasets
    >>> samples(ax, datasets.symmetric_pair(), support=[0, 1])
    >>> len(ax.collections)
    3
    """
    for label, style in ((1, POSITIVE), (-1, NEGATIVE)):
        ax.scatter(*data.X[data.y == label].T, s=46, zorder=3, **style)
    ring = data.X[np.asarray(support, dtype=int)]
    ax.scatter(*ring.T, s=170, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=4)
    reach = 1.12 * np.abs(data.X).max()
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def boundary(ax: Axes, w: ArrayLike, **style: object) -> None:
    """Draw the line <w, x> = 0 across the axes, whose limits must be set.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((-1, 1, -1, 1))
    >>> boundary(ax, [1.0, 1.0])
    >>> len(ax.lines)
    1
    """
    w = np.asarray(w, dtype=float)
    across = np.array([-w[1], w[0]]) / np.linalg.norm(w)
    far = 4 * max(np.abs([*ax.get_xlim(), *ax.get_ylim()]))
    limits = ax.axis()
    ax.plot(*np.outer(across, [-far, far]), **{"color": INK, "linewidth": 2, **style})
    ax.axis(limits)


def boundaries(ax: Axes, lines: Mapping[str, ArrayLike]) -> None:
    """Draw the line <w, x> = 0 for each named w, with a legend above the axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((-1, 1, -1, 1))
    >>> boundaries(ax, {'l1': [1.0, 0.0], 'l2': [1.0, 1.0]})
    >>> len(ax.lines)
    4
    """
    looks = [
        {"color": color, "linestyle": line_style}
        for _, color, line_style in zip(lines, PALETTE, LINE_STYLES, strict=False)
    ]
    for w, look in zip(lines.values(), looks, strict=True):
        boundary(ax, w, **look)
    handles = [ax.plot([], [], **look)[0] for look in looks]
    spacing = {"handlelength": 1.6, "columnspacing": 1.0, "handletextpad": 0.5}
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 2}
    ax.legend(handles, list(lines), **place, **spacing)
    ax.set_anchor("S")  # spare height goes to the legend


def strip(ax: Axes, w: ArrayLike, half_width: float, **style: object) -> None:
    """Shade the points within `half_width` of the line <w, x> = 0.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.axis((-1, 1, -1, 1))
    >>> strip(ax, [1.0, 1.0], half_width=0.2)
    >>> len(ax.patches) + len(ax.collections)
    1
    """
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
    """Draw several curves over the same x, each named at its right end, and their limit.

    Names that would overlap move apart a little; where that is not enough, a legend takes their
    place.

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

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> curves(ax, [1, 2, 3], {'w': [0.5, 0.7, 0.9]}, limit=1, limit_label='margin')
    >>> [text.get_text() for text in ax.texts]
    ['margin', 'w']
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
        ax.plot(x, y, color=color, linestyle=line_style, label=name)
    ax.autoscale_view()  # the limits, which are not final before
    to_axes = ax.transData - ax.transAxes
    ends = to_axes.transform([(x[-1], np.asarray(y)[-1]) for y in lines.values()])
    heights = _apart(ends[:, 1])
    if np.abs(heights - ends[:, 1]).max() > CROWDED / 3:
        ax.legend()
        return
    places = to_axes.inverted().transform(np.column_stack([ends[:, 0], heights]))
    for name, place, color in zip(lines, places, PALETTE, strict=False):
        ax.annotate(
            name,
            place,
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )


def _apart(heights: np.ndarray) -> np.ndarray:
    """Return the nearest heights (in the sum of squares) of which no two are crowded."""
    order = np.argsort(heights, kind="stable")
    ranks = CROWDED * np.arange(heights.size)
    groups: list[list[float]] = []  # to keep the order, neighbours that collide are averaged
    for height in heights[order] - ranks:
        groups.append([height])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    moved = np.empty_like(heights)
    moved[order] = np.concatenate([np.full(len(g), np.mean(g)) for g in groups]) + ranks
    return moved


def mark(ax: Axes, x: float, name: str) -> None:
    """Draw a thin vertical line at `x`, named at the foot of the axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> mark(ax, 0.5, 'step 100')
    >>> [text.get_text() for text in ax.texts]
    ['step 100']
    """
    ax.axvline(x, color=GREY, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
    ax.annotate(
        name,
        (x, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(5, 0),
        textcoords="offset points",
        color=INK,
        fontsize="small",
    )


def reach(
    ax: Axes, digits: ArrayLike, angle: ArrayLike, loop_digits: ArrayLike, loop_angle: ArrayLike
) -> None:
    """Draw an angle in degrees against the number of digits of the step, and where a loop ends.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> reach(ax, [1, 3, 10], [9, 4, 1], [1, 3], [9, 4])
    >>> len(ax.lines)
    2
    """
    ax.set(xscale="log", yscale="log", xlabel="step number k", ylabel="degrees from the limit")
    ax.axvspan(digits[0], loop_digits[-1], color=MIST, zorder=0)
    ax.plot(digits, angle, label="continued to any step")
    ax.plot(loop_digits, loop_angle, "o", color=INK, markersize=7, label="exact loop")
    ticks = [1, 10, 100, 1_000, 10_000]
    ax.set_xticks(ticks, [rf"$10^{{{tick}}}$" for tick in ticks])
    ax.set_xlim(digits[0], digits[-1])
    ax.annotate(
        "a loop ends here",
        (loop_digits[-1], angle[0]),
        xytext=(6, 0),
        textcoords="offset points",
        va="top",
    )
    ax.legend(loc="lower left")


def pixels(ax: Axes, image: ArrayLike, title: str = "") -> None:
    """Draw 64 values as an image of 8 by 8; values of both signs are centred on white.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> pixels(ax, np.arange(64), title='w')
    >>> ax.get_title(), len(ax.images)
    ('w', 1)
    """
    image = np.asarray(image, dtype=float).reshape(8, 8)
    far = np.abs(image).max()
    signed = image.min() < 0
    ax.imshow(image, cmap="RdBu" if signed else "Greys", vmin=-far if signed else 0, vmax=far)
    ax.set_title(title, fontsize=12, loc="center")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
