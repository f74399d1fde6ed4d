"""Unit balls, convex hulls, tangents: the pictures behind duality."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull

from ibias.plots.style import BLUE, GREY, INK, MIST, VERMILION


def unit_ball(ax: Axes, p: float, **style: object) -> None:
    """Fill the unit ball of the l_p norm in the plane.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> unit_ball(ax, 1)
    >>> len(ax.patches) + len(ax.collections)
    1
    """
    angles = np.linspace(0, 2 * np.pi, 721)
    circle = np.array([np.cos(angles), np.sin(angles)])
    ball = circle / np.linalg.norm(circle, ord=p, axis=0)
    style = {"facecolor": MIST, "edgecolor": GREY, "linewidth": 1.5, "zorder": 0, **style}
    ax.fill(*ball, **style)


def arrow(
    ax: Axes,
    tip: ArrayLike,
    name: str,
    *,
    color: str = INK,
    offset: tuple[float, float] = (7, 5),
) -> None:
    """Draw an arrow from zero to `tip` and write its name beside the tip, `offset` points off.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> arrow(ax, [1.0, 2.0], 'w')
    >>> [text.get_text() for text in ax.texts]
    ['', 'w']
    """
    properties = {"arrowstyle": "-|>", "color": color, "linewidth": 2, "mutation_scale": 16}
    ax.annotate("", tuple(tip), (0, 0), arrowprops=properties)
    halo = [withStroke(linewidth=3, foreground="white")]
    ax.annotate(
        name,
        tuple(tip),
        xytext=offset,
        textcoords="offset points",
        color=color,
        path_effects=halo,
    )


def hull(ax: Axes, points: ArrayLike, nearest: ArrayLike) -> None:
    """Draw points in the plane, their convex hull, and the one of its points nearest to zero.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> hull(ax, [[1, 0], [0, 1], [2, 2]], nearest=[0.5, 0.5])
    >>> len(ax.patches) > 0
    True
    """
    points, nearest = np.asarray(points), np.asarray(nearest)
    corners = points[ConvexHull(points).vertices]
    ax.fill(*corners.T, facecolor=MIST, edgecolor=GREY, linewidth=1.5, zorder=0)
    ax.plot(*points.T, "o", color=BLUE, markersize=7)
    ax.plot([0, nearest[0]], [0, nearest[1]], color=VERMILION, linewidth=2.2, linestyle="--")
    ax.plot(0, 0, "+", color=INK, markersize=12, markeredgewidth=2)
    ax.plot(*nearest, "D", color=VERMILION, markersize=8, zorder=4)
    reach = 1.1 * np.abs(points).max()
    ax.set(xlim=(-0.12 * reach, reach), ylim=(-0.12 * reach, reach), aspect="equal")
    ax.set(xticks=[], yticks=[])


def gap_over_tangent(
    ax: Axes, w: ArrayLike, values: ArrayLike, tangent: ArrayLike, at: int, measured_at: int
) -> None:
    """Draw a convex function, its tangent at w[at], and the gap between them at w[measured_at].

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> w = np.linspace(-1, 1, 21)
    >>> gap_over_tangent(ax, w, w**2, 2 * 0.5 * (w - 0.5) + 0.25, at=15, measured_at=3)
    >>> len(ax.lines)
    4
    """
    w, values, tangent = (np.asarray(a) for a in (w, values, tangent))
    ax.plot(w, values, color=BLUE, linestyle="-")
    ax.plot(w, tangent, color=INK, linestyle="--", linewidth=1.6)
    ax.plot(w[at], values[at], "o", color=INK, markersize=8)
    ends = [tangent[measured_at], values[measured_at]]
    ax.plot([w[measured_at]] * 2, ends, color=VERMILION, linestyle="-", linewidth=4)
    ax.annotate(
        "divergence",
        (w[measured_at], np.mean(ends)),
        xytext=(-8, 0),
        textcoords="offset points",
        color=VERMILION,
        ha="right",
        va="center",
    )
    ax.annotate(
        "potential",
        (w[-1], values[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        color=BLUE,
        annotation_clip=False,
    )
    ax.annotate(
        "tangent",
        (w[-1], tangent[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        color=INK,
        annotation_clip=False,
    )
    ax.set_xticks([w[at], w[measured_at]], ["start", "w"])
    ax.set_yticks([])
