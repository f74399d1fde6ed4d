"""A matrix of combinations: which of three norms each one comes nearest to."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from ibias.plots.style import BLUE, GREEN, INK, MIST, VERMILION

COLOURS = (BLUE, GREEN, VERMILION)


def selection_matrix(
    ax: Axes,
    rows: ArrayLike,
    columns: ArrayLike,
    winners: ArrayLike,
    signs: ArrayLike,
    *,
    agree: ArrayLike,
    differ: ArrayLike,
) -> None:
    """Draw one cell a combination, coloured by its winner and signed with it.

    Parameters
    ----------
    ax : Axes
        Whose limits are set.
    rows : sequence of str
        Their names.
    columns : sequence of str
        Their names.
    winners : array of int, shape (n_rows, n_columns)
        From 0 to 2; -1 leaves the cell empty.
    signs : sequence of str
        What stands in a cell of each winner: colour and sign say the same thing twice.
    agree : array of bool, shape (n_rows, n_columns)
        A frame, for agreement with a prediction.
    differ : array of bool, shape (n_rows, n_columns)
        A dashed frame, for the contrary.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> one, none = [[True, False]], [[False, False]]
    >>> selection_matrix(ax, ["GD"], ["l", "e"], [[0, 2]], "abc", agree=one, differ=none)
    >>> [text.get_text() for text in ax.texts]
    ['a', 'c']
    """
    winners, agree, differ = np.asarray(winners), np.asarray(agree), np.asarray(differ)
    faces = np.array([to_rgba(colour, 0.3) for colour in (*COLOURS, MIST)])
    ax.imshow(faces[winners], aspect="auto")  # -1 is the last of them
    for k in range(1, max(winners.shape)):
        ax.axhline(k - 0.5, color="white", linewidth=4)
        ax.axvline(k - 0.5, color="white", linewidth=4)
    for (i, j), winner in np.ndenumerate(winners):
        if agree[i, j] or differ[i, j]:
            style = "-" if agree[i, j] else (0, (2, 1.5))
            box = Rectangle((j - 0.44, i - 0.44), 0.88, 0.88, fill=False)
            box.set(edgecolor=INK, linewidth=1.8, linestyle=style, zorder=3)
            ax.add_patch(box)
        if winner >= 0:
            ax.text(j, i, signs[winner], ha="center", va="center", fontsize=12)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="left")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
