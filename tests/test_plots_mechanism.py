"""What the drawings of heights, shares and log time show."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from ibias import datasets, plots


@pytest.fixture
def ax():
    return Figure().subplots()


def test_heights_turns_w_upwards_and_rings_the_lowest(ax):
    data = datasets.separable(0, 12, 2)
    w = np.array([3.0, 4.0])
    plots.heights(ax, data, w)
    positive, negative, ring = (np.asarray(c.get_offsets()) for c in ax.collections)
    up = data.Z @ w / 5
    assert positive[:, 1] == pytest.approx(up[data.y == 1])
    assert negative[:, 1] == pytest.approx(up[data.y == -1])
    assert ring[0, 1] == pytest.approx(up.min())
    assert np.linalg.norm(positive, axis=1) == pytest.approx(
        np.linalg.norm(data.X[data.y == 1], axis=1)
    )
    assert ax.get_title(loc="left") == f"lowest height {up.min():+.2f}: an error"


def test_height_curves_marks_the_two_peaks(ax):
    degrees = np.array([0.0, 1.0, 2.0])
    curves = np.array([[0.0, 5.0], [1.0, 2.0], [2.0, -1.0]])
    plots.height_curves(ax, degrees, curves)
    marked = {text.get_text(): text.xy for text in ax.texts}
    assert marked == {"average height": (0.0, 2.5), "lowest height": (1.0, 1.0)}


def test_area_is_in_proportion_to_the_share(ax):
    data = datasets.symmetric_pair()
    plots.weighted_samples(ax, data, [0.5, 0.25, 0.25, 0, 0])
    areas = np.concatenate([c.get_sizes() for c in ax.collections])
    areas = areas[np.argsort(np.r_[np.flatnonzero(data.y == 1), np.flatnonzero(data.y == -1)])]
    assert np.diff(areas - areas[-1]) == pytest.approx([-225, 0, -225, 0])


@pytest.mark.parametrize(
    "low, names", [(1, ["1", "10", "100", "$10^{3}$"]), (20, ["100", "$10^{3}$"])]
)
def test_log_time_names_the_decades(ax, low, names):
    plots.log_time(ax, low, 2000)
    assert [label.get_text() for label in ax.get_xticklabels()] == names
    assert ax.get_xlim() == (low, 2000)
