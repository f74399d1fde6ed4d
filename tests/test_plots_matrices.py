"""Drawings of matrices show what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ibias import plots


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_entries_mark_the_unseen(ax):
    plots.entries(ax, [[1.0, -2.0], [0.0, 3.0]], "a matrix", seen=[[True, False], [True, True]])
    image, (dots,) = ax.images[0], ax.lines
    assert image.get_clim() == (-3, 3) and ax.get_title() == "a matrix"
    assert (dots.get_xdata().tolist(), dots.get_ydata().tolist()) == ([1], [0])


def test_spectrum_has_a_bar_and_a_mark_for_each_value(ax):
    plots.spectrum(ax, [3.0, 1.0], [2.0, 2.0], ("flow", "optimum"), top=4)
    assert [bar.get_height() for bar in ax.patches] == [3, 1]
    assert ax.lines[0].get_ydata().tolist() == [2, 2] and ax.get_ylim() == (0, 4)


def test_spectra_keep_zeros_on_the_logarithmic_axis(ax):
    plots.spectra(ax, {"one": [1.0, 0.0], "two": [2.0, 1.0]}, bottom=1e-3)
    assert ax.get_yscale() == "log" and ax.get_ylim()[0] == 1e-3
    assert ax.lines[0].get_ydata().tolist() == [1.0, 1e-4]


def test_staircase_shows_the_past_up_to_now(ax):
    t = np.array([0.0, 1.0, 2.0])
    plots.staircase(ax, t, np.array([[0.0], [1.0], [3.0]]), [3.0], now=1.0)
    past = [
        line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_color() == plots.BLUE
    ]
    assert past[0].get_ydata().tolist() == [0.0, 1.0]


def test_shares_ring_what_was_recomputed(ax):
    plots.shares(ax, [40, 50], {"depth 2": [0.0, 1.0]}, live={"depth 2": (50, 0.9)})
    curve, ring = ax.lines
    assert curve.get_ydata().tolist() == [0, 1]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (50, 0.9)
