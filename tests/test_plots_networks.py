"""What the drawings of networks in the plane show."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ibias import plots
from ibias.plots.networks import TINTS


@pytest.fixture
def ax():
    ax = Figure().subplots()
    ax.set(xlim=(-1, 1), ylim=(-1, 1))
    return ax


def shades(ax):
    return [(p.theta1, p.theta2, to_hex(p.get_facecolor())) for p in ax.patches]


def test_sectors_of_each_sign_and_their_edges(ax):
    degrees = np.arange(0, 360, 10.0)
    plots.sectors(ax, degrees, np.where((degrees >= 90) & (degrees < 180), -2.0, 0.5))
    assert shades(ax) == [(85, 175, TINTS[-1]), (175, 445, TINTS[1])]
    ends = [np.degrees(np.arctan2(*line.get_xydata()[1][::-1])) for line in ax.lines]
    assert ends == pytest.approx([85, 175])
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-"], "one boundary, one style"


def test_nothing_is_shaded_where_the_network_is_zero(ax):
    degrees = np.arange(0, 360, 90.0)
    plots.sectors(ax, degrees, [1, 0, 0, 0])
    assert shades(ax) == [(-45, 45, TINTS[1])]


def test_one_sign_everywhere_has_no_edge(ax):
    plots.sectors(ax, np.arange(0, 360, 90.0), [3, 3, 3, 3])
    assert shades(ax) == [(-45, 315, TINTS[1])] and not ax.lines


def test_neurons_point_along_w_and_say_their_sign(ax):
    plots.neurons(ax, [[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]], [4.0, -1.0, 0.0], length=2.0)
    ends = [line.get_xydata()[-1] for line in ax.lines[::2]]
    assert ends[0] == pytest.approx([1.2, 1.6])
    assert ends[1] == pytest.approx([0.0, -1.0])  # the square root of a quarter of the length
    assert ends[2] == pytest.approx([0.0, 0.0])
    assert [line.get_color() for line in ax.lines[:4:2]] == [plots.BLUE, plots.VERMILION]
    assert ax.lines[0].get_linestyle() == "-" and ax.lines[2].get_linestyle() == "--"


def test_layer_spectra_are_groups_of_falling_bars(ax):
    plots.layer_spectra(ax, {"one": [1.0, 3.0, 2.0], "two": [5.0]})
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in ax.patches]
    assert bars == [(0, 3.0), (1, 2.0), (2, 1.0), (4, 5.0)]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["one", "two"]
    assert ax.get_xticks().tolist() == [1.0, 4.0]


def test_certificate_puts_neurons_outside_the_band_by_sign(ax):
    plots.certificate(ax, [0, 180, 360], [0.5, -1.0, 0.5], [10.0, 200.0], [1, -1])
    assert ax.lines[0].get_ydata().tolist() == [0.5, -1.0, 0.5]
    above, below = (np.asarray(c.get_offsets()) for c in ax.collections)
    assert above[:, 0].tolist() == [10.0] and (above[:, 1] > 1).all()
    assert below[:, 0].tolist() == [200.0] and (below[:, 1] < -1).all()


def test_bands_run_from_least_to_greatest_around_the_mean(ax):
    plots.bands(ax, [1.0, 2.0], {"one": [[0.0, 2.0], [4.0, 8.0]]})
    assert ax.lines[0].get_ydata().tolist() == [1.0, 6.0]
    corners = ax.collections[0].get_paths()[0].vertices
    assert set(corners[:, 1]) >= {0.0, 2.0, 4.0, 8.0}
