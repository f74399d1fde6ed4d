"""What the drawings of planar data show."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from ibias import datasets, plots


@pytest.fixture
def ax():
    return Figure().subplots()


def test_samples_shows_every_point_and_rings_the_support(ax):
    data = datasets.symmetric_pair()
    plots.samples(ax, data, support=[0, 1])
    positive, negative, ring = (np.asarray(c.get_offsets()) for c in ax.collections)
    assert positive.tolist() == data.X[data.y == 1].tolist()
    assert negative.tolist() == data.X[data.y == -1].tolist()
    assert ring.tolist() == data.X[:2].tolist()


def test_boundary_is_orthogonal_to_w_and_leaves_the_limits(ax):
    ax.set(xlim=(-2, 2), ylim=(-2, 2))
    plots.boundary(ax, [3.0, 4.0])
    assert np.array(ax.lines[0].get_xydata()) @ [3.0, 4.0] == pytest.approx([0, 0], abs=1e-9)
    assert ax.get_xlim() == (-2, 2)


def test_strip_has_its_half_width(ax):
    ax.set(xlim=(-2, 2), ylim=(-2, 2))
    plots.strip(ax, [0.0, 2.0], 0.5)
    corners = ax.patches[0].get_xy()
    assert sorted(set(np.round(corners[:, 1], 9))) == [-0.5, 0.5]


def test_curves_are_named_at_their_end_and_the_limit_on_its_line(ax):
    x = np.arange(3.0)
    plots.curves(ax, x, {"one": x, "two": 2 * x}, limit=1.0, limit_label="limit")
    assert [text.get_text() for text in ax.texts] == ["limit", "one", "two"]
    assert ax.texts[2].xy == (2.0, 4.0)
    assert ax.lines[0].get_ydata()[0] == 1.0


def test_names_that_would_overlap_move_apart(ax):
    x = np.arange(3.0)
    ax.set(yscale="log")
    plots.curves(ax, x, {"one": 10.0**x, "two": 1.25 * 10.0**x, "low": 1 + x})
    assert ax.get_legend() is None
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts[-3:]]
    assert boxes[1].y0 > boxes[0].y0 > boxes[2].y1
    heights = [ax.transAxes.inverted().transform(ax.transData.transform(t.xy))[1] for t in ax.texts]
    assert heights[-2] - heights[-3] >= 0.0699


def test_curves_that_meet_are_named_in_a_legend(ax):
    x = np.arange(3.0)
    plots.curves(ax, x, {"one": x, "two": 2 - (x - 2) ** 2})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert not ax.texts
