"""Planes through the origin in space, cones of several classes, and paths of weights."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Wedge
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import ArrayLike

from ibias.datasets import Dataset, MulticlassDataset
from ibias.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MIST,
    NEGATIVE,
    POSITIVE,
    PURPLE,
    VERMILION,
)

CLASS_COLORS = (BLUE, VERMILION, GREEN, PURPLE)
CLASS_MARKERS = ("o", "X", "s", "^")


def lifted(ax: Axes, data: Dataset, normal: ArrayLike, azimuth: float = 0.0) -> None:
    """Draw planar data lifted to height one, and the plane through the origin with `normal`.

    The plane is drawn up to the height of the data, where its edge is the boundary; a line
    joins it to the lifted point that is closest to it. The eye is at `azimuth`, in degrees.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot(projection="3d")
    >>> from ibias import datasets
    >>> lifted(ax, datasets.separable(0, 10, 2), [1.0, 0.0, 0.1])
    >>> ax.name
    '3d'
    """
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    w, b = normal[:2], normal[2]
    points = np.c_[data.X, np.ones(data.n_samples)]
    centre, reach = data.X.mean(axis=0), 1.15 * np.ptp(data.X, axis=0).max() / 2
    foot = np.append(centre - (w @ centre + b) * w / (w @ w), 1.0)  # on the boundary
    side = 1.25 * reach * np.array([-w[1], w[0], 0.0]) / np.linalg.norm(w)
    floor = centre + reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    sheet = [-side, side, foot + side, foot - side]
    for corners, color, alpha in ((np.c_[floor, np.ones(4)], MIST, 0.5), (sheet, PURPLE, 0.28)):
        ax.add_collection3d(Poly3DCollection([corners], facecolor=color, alpha=alpha, zorder=1))
    ax.plot(
        *np.transpose([foot - side, foot + side]), color=INK, linewidth=2.4, linestyle="-", zorder=3
    )
    for label, style in ((1, POSITIVE), (-1, NEGATIVE)):
        ax.scatter(*points[data.y == label].T, s=42, depthshade=False, zorder=4, **style)
    nearest = points[np.argmin(data.y * (points @ normal))]
    on_plane = nearest - (nearest @ normal) * normal
    ax.plot(*np.transpose([nearest, on_plane]), color=GREEN, linewidth=4, linestyle="-", zorder=5)
    ax.scatter(0, 0, 0, color=INK, s=36, zorder=5)
    ax.text(0, 0, -0.12, "origin", ha="center", va="top")
    low, high = np.minimum(0, floor.min(axis=0)), np.maximum(0, floor.max(axis=0))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(-0.2, 1.2))
    ax.set_box_aspect((*(high - low), 2.2), zoom=1.5)
    ax.computed_zorder = False
    ax.set_axis_off()
    ax.view_init(elev=20, azim=azimuth)


def cones(ax: Axes, data: MulticlassDataset, W: ArrayLike, reference: ArrayLike) -> None:
    """Draw planar data of several classes, the cones of argmax_k <w_k, x>, and other borders.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> from ibias import datasets
    >>> data = datasets.separable_classes(n_features=2)
    >>> cones(ax, data, np.eye(3, 2), np.eye(3, 2))
    >>> len(ax.collections) > 0
    True
    """
    reach = 1.12 * np.abs(data.X).max()
    for start, stop, winner in _arcs(np.asarray(W, dtype=float)):
        color = CLASS_COLORS[winner % len(CLASS_COLORS)]
        ax.add_patch(Wedge((0, 0), 3 * reach, start, stop, color=color, alpha=0.16, zorder=0))
    for start, _, _ in _arcs(np.asarray(reference, dtype=float)):
        tip = 3 * reach * np.array([np.cos(np.radians(start)), np.sin(np.radians(start))])
        ax.plot([0, tip[0]], [0, tip[1]], color=INK, linewidth=1.4, linestyle=(0, (1.2, 1.6)))
    for k in range(data.n_classes):
        color, marker = CLASS_COLORS[k % 4], CLASS_MARKERS[k % 4]
        ax.scatter(*data.X[data.y == k].T, s=46, color=color, marker=marker, zorder=3)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def _arcs(W: np.ndarray, n_angles: int = 3600) -> list[tuple[float, float, int]]:
    """Return (first angle, last angle, class), in degrees, for each cone of the argmax."""
    angles = np.linspace(0, 2 * np.pi, n_angles, endpoint=False)
    winner = np.argmax(np.column_stack([np.cos(angles), np.sin(angles)]) @ W.T, axis=1)
    changes = np.flatnonzero(winner != np.roll(winner, 1))
    if changes.size == 0:
        return [(0.0, 360.0, int(winner[0]))]
    starts = np.degrees(angles[changes])
    stops = np.append(starts[1:], starts[0] + 360)
    return list(zip(starts, stops, winner[changes].tolist(), strict=True))


def ray_and_paths(
    ax: Axes, grids: tuple[ArrayLike, ArrayLike], log_risk: ArrayLike, paths: ArrayLike, ray: float
) -> None:
    """Draw level lines of the risk over the plane of weights, paths, and a horizontal ray.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> grids = np.linspace(0, 4, 9), np.linspace(-1, 1, 5)
    >>> log_risk = -grids[0][None, :] - grids[1][:, None] ** 2
    >>> ray_and_paths(ax, grids, log_risk, [[[0, 1], [2, 0.5], [3, 0.2]]], ray=0.2)
    >>> len(ax.lines) > 0
    True
    """
    ax.contour(*grids, log_risk, levels=14, colors=GREY, linewidths=0.7, linestyles="solid")
    ax.axhline(ray, color=INK, linewidth=1.6, linestyle=(0, (1.2, 1.6)))
    for path, color in zip(paths, CLASS_COLORS, strict=False):
        ax.plot(*np.transpose(path), color=color)
        ax.plot(*path[0], marker="o", color=color)
    ax.set(xlabel="first weight", ylabel="second weight")
