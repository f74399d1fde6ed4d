"""Sliders over figures drawn in advance: they move on a static page, with no kernel behind it.

Each frame is a small SVG with its own text for those who cannot see it. The slider works by
mouse, touch and keyboard, in JupyterLab, Binder and Colab, and in the built site.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ipywidgets import HTML, Layout, SelectionSlider, VBox, jslink
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ibias._validate import choice, finite_array, function, one_by_one, shown
from ibias.plots.vector import svg  # importing plots applies the house style

try:
    from ipywidgets import Stack
except ImportError:  # ipywidgets 7, which Colab has: the frames are the pages of a tab there
    from ipywidgets import Tab as Stack

MAX_FRAMES = 25


class Slider(VBox):
    """A stack of frames and the slider that chooses one."""

    def __repr__(self) -> str:
        stack, control = self.children
        return f"Slider({control.description!r}, {len(stack.children)} frames)"


def slider(
    draw: Callable[[Axes, Any], None],
    values: Sequence,
    *,
    label: str,
    alt: Callable[[Any], str],
    format: Callable[[Any], str] = "{:g}".format,
    figsize: tuple[float, float] = (6.4, 3.8),
    start: int = 0,
    projection: str | None = None,
) -> Slider:
    """Return a slider that shows ``draw(ax, value)`` for each of `values`.

    All frames are drawn now, so keep `draw` quick and let it fix the limits of its axes:
    what moves should be the mathematics, not the frame around it.

    Parameters
    ----------
    draw : callable
        Draws one frame on a fresh `ax`.
    values : sequence
        The values of the slider, 2 to 25 of them.
    label : str
        What the slider changes: "step size".
    alt : callable
        Returns, for a value, the sentence that says what its frame shows.
    format : callable
        Returns the text of a value beside the slider.
    figsize : pair of floats
        Width and height of a frame, in inches.
    start : int
        The index of the value shown first.
    projection : str, optional
        ``"3d"`` for axes in space.

    Raises
    ------
    ValueError
        For fewer than 2 or more than 25 values, an empty or repeated text of a value, an
        empty `alt`, or a `start` that is not an index of `values`.

    Examples
    --------
    >>> s = slider(lambda ax, a: ax.plot([0, 1], [0, a]), [1, 2, 3], label="slope",
    ...            alt=lambda a: f"A straight line from the origin with slope {a}.")
    >>> s
    Slider('slope', 3 frames)
    """
    values = one_by_one("values", values)
    function("draw", draw, "lambda ax, value: ax.plot([0, 1], [0, value])")
    function("alt", alt, 'lambda value: f"A line with slope {value}."')
    function("format", format, '"{:g}".format')
    if finite_array("figsize", figsize).shape != (2,):
        raise ValueError(f"figsize must be a width and a height in inches; got {shown(figsize)}")
    choice("projection", projection, (None, "3d"))
    if not 2 <= len(values) <= MAX_FRAMES:
        raise ValueError(
            f"values holds {len(values)} entries; a slider takes 2 to {MAX_FRAMES},"
            " each is a figure that every reader downloads. Thin them out."
        )
    if start not in range(len(values)):
        raise ValueError(f"start must be an index of values, 0 to {len(values) - 1}; got {start!r}")
    texts = [format(value) for value in values]
    if len(set(texts)) < len(texts) or not all(texts):
        raise ValueError("format gives the same or an empty text for two values; show more digits.")
    descriptions = [alt(value).strip() for value in values]
    if not all(descriptions):
        raise ValueError("alt returned an empty text; say in a sentence what the frame shows.")

    figures = [_draw(draw, value, figsize, projection) for value in values]
    _align(figures)
    frames = [
        HTML(svg(figure, description, salt=f"{label}|{index}|{description}"))
        for index, (figure, description) in enumerate(zip(figures, descriptions, strict=True))
    ]
    height = f"{100 * figsize[1]:.0f}px"
    stack = Stack(
        frames,
        selected_index=start,
        layout=Layout(width=f"{100 * figsize[0]:.0f}px", max_width="100%", min_height=height),
    )
    control = SelectionSlider(
        options=list(zip(texts, range(len(texts)), strict=True)),
        index=start,
        description=label,
        style={"description_width": "initial"},
        layout=Layout(width="32em", max_width="100%"),
    )
    jslink((control, "index"), (stack, "selected_index"))
    return Slider([stack, control])


def _draw(draw: Callable, value: Any, figsize: tuple, projection: str | None) -> Figure:
    """Return a figure with the frame of one value drawn on it."""
    figure = Figure(figsize=figsize, layout="none")
    draw(figure.add_subplot(projection=projection), value)
    return figure


def _align(figures: list[Figure]) -> None:
    """Give the axes of all frames the same place, one that leaves room for the labels."""
    if len({len(figure.axes) for figure in figures}) > 1:
        raise ValueError("draw must make the same number of axes (colour bars too) in every frame.")
    layout = ConstrainedLayoutEngine()
    sample = figures[:: max(1, len(figures) // 4)]
    for figure in sample:
        layout.execute(figure)
    for index in range(len(figures[0].axes)):
        boxes = [figure.axes[index].get_position() for figure in sample]
        left, bottom = max(box.x0 for box in boxes), max(box.y0 for box in boxes)
        right, top = min(box.x1 for box in boxes), min(box.y1 for box in boxes)
        for figure in figures:
            figure.axes[index].set_position((left, bottom, right - left, top - bottom))
