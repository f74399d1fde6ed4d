"""Matrices with unseen entries, their singular values, and how often they are recovered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ibias.plots.style import AMBER, BLUE, GREY, INK, MARKERS, MIST, PALETTE


def entries(
    ax: Axes, W: ArrayLike, title: str = "", seen: ArrayLike | None = None, far: float | None = None
) -> None:
    """Draw the entries of W, red below zero and blue above; a dot on each unseen one.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    W : array, shape (n_rows, n_columns)
        The matrix.
    title : str
        The title of the picture.
    seen : array of bool, shape (n_rows, n_columns), optional
        The observed entries.
    far : float, optional
        The value of the full colour; the largest entry if not given.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> entries(ax, [[1.0, -2.0], [0.0, 3.0]], title='W', seen=[[True, True], [True, False]])
    >>> ax.get_title()
    'W'
    """
    W = np.asarray(W)
    far = np.abs(W).max() if far is None else far
    ax.imshow(W, cmap="RdBu", vmin=-far, vmax=far)
    if seen is not None:
        rows, columns = np.nonzero(~np.asarray(seen))
        ax.plot(columns, rows, ".", color=INK, markersize=3)
    ax.set_title(title, fontsize="small", loc="center")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def spectrum(
    ax: Axes, values: ArrayLike, reference: ArrayLike, names: tuple[str, str], top: float
) -> None:
    """Draw singular values as bars, and those of a reference as marks; the axis ends at `top`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> spectrum(ax, [2.0, 0.1], [2.0, 0.0], ('flow', 'least norm'), top=3)
    >>> len(ax.patches)
    2
    """
    index = np.arange(1, len(np.asarray(values)) + 1)
    ax.bar(index, values, color=BLUE, width=0.62, label=names[0])
    ax.plot(index, reference, "D", color=AMBER, markeredgecolor=INK, markersize=8, label=names[1])
    ax.set(
        xlabel="singular value number", xticks=index, ylim=(0, top), xlim=(0.4, len(index) + 0.6)
    )
    ax.legend(loc="upper right")


def spectra(ax: Axes, lines: Mapping[str, ArrayLike], bottom: float) -> None:
    """Draw several lists of singular values on a logarithmic axis that ends at `bottom`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> spectra(ax, {'flow': [1.0, 0.1], 'truth': [1.0, 1e-9]}, bottom=1e-4)
    >>> ax.get_yscale()
    'log'
    """
    for (name, values), color, marker in zip(lines.items(), PALETTE, MARKERS, strict=False):
        index = np.arange(1, len(np.asarray(values)) + 1)
        ax.plot(index, np.maximum(values, bottom / 10), color=color, marker=marker, label=name)
    ax.set(yscale="log", xlabel="singular value number", xticks=index)
    ax.set_ylim(bottom=bottom)
    ax.legend()


def staircase(ax: Axes, t: ArrayLike, values: ArrayLike, targets: ArrayLike, now: float) -> None:
    """Draw singular values over time, their targets as dotted lines, and the present moment.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> t = np.linspace(0, 3, 7)
    >>> values = np.stack([np.minimum(t, 2), np.minimum(t / 3, 1)], axis=1)
    >>> staircase(ax, t, values, [2, 1], now=1.5)
    >>> len(ax.lines)
    9
    """
    for target in targets:
        ax.axhline(target, color=GREY, linewidth=1.2, linestyle=(0, (1, 1.5)))
    ax.axvline(now, color=MIST, linewidth=6, zorder=0)
    for value, color in zip(np.transpose(values), PALETTE, strict=False):
        past = np.asarray(t) <= now
        ax.plot(t, value, color=MIST, linewidth=1.5, linestyle="-")
        ax.plot(np.asarray(t)[past], value[past], color=color, linestyle="-")
        ax.plot(now, np.interp(now, t, value), "o", color=color)


def shares(
    ax: Axes,
    n_observed: ArrayLike,
    recovered: Mapping[str, ArrayLike],
    live: Mapping[str, tuple[int, float]],
) -> None:
    """Draw the share of recovered problems against the observations; ring what is recomputed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> shares(ax, [10, 20], {'flow': [0.2, 1.0]}, {'flow': (20, 0.9)})
    >>> len(ax.lines) > 0
    True
    """
    for (name, share), color, marker in zip(recovered.items(), PALETTE, MARKERS, strict=False):
        ax.plot(n_observed, share, color=color, marker=marker, label=name)
    for position, share in live.values():
        ax.plot(position, share, "o", markersize=15, markerfacecolor="none", markeredgecolor=INK)
    ax.set(xlabel="entries seen", ylabel="share recovered", ylim=(-0.06, 1.06))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.07))
