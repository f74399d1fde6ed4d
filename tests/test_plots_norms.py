"""What the drawings of norms and weights show."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from ibias import plots
from ibias.potentials import NegativeEntropy


@pytest.fixture
def ax():
    return Figure().subplots()


def test_tangent_runs_through_its_point_across_g(ax):
    ax.set(xlim=(-2, 2), ylim=(-2, 2))
    plots.tangent(ax, [3.0, 4.0], [1.0, 0.5])
    points = np.array(ax.lines[0].get_xydata())
    assert points @ [3.0, 4.0] == pytest.approx([5.0, 5.0])
    assert ax.get_xlim() == (-2, 2)


def test_level_set_has_its_level(ax):
    ax.set(xlim=(-0.5, 3), ylim=(-0.5, 3))
    start = np.array([1.0, 1.0])
    plots.level_set(ax, lambda w: NegativeEntropy().bregman(w, start), 0.1, color="k")
    points = np.concatenate(ax.collections[0].get_paths()[0].to_polygons())
    assert NegativeEntropy().bregman(points, start) == pytest.approx(0.1, abs=1e-3)


def test_weights_are_scaled_by_the_largest_unless_told_otherwise(ax):
    w, reference = np.array([2.0, -4.0, 0.0]), np.array([1.0, 1.0, -2.0])
    plots.ringed_weights(ax, w, reference)
    dots, rings = (line.get_ydata() for line in ax.lines[1:])
    assert dots.tolist() == [0.5, -1.0, 0.0]
    assert rings.tolist() == [0.5, 0.5, -1.0]
    ax.clear()
    plots.ringed_weights(ax, w, reference, scaled=False)
    assert ax.lines[1].get_ydata().tolist() == w.tolist()


def test_ratios_writes_every_number_and_the_chosen_ones_bold(ax):
    plots.ratios(ax, [[1.0, 0.5], [0.25, 0.999]], ["a", "b"], ["c", "d"], bold=[(0, 0)])
    shown = [(text.get_text(), text.get_weight()) for text in ax.texts]
    plain = [("0.50", "normal"), ("0.25", "normal"), ("1.00", "normal")]
    assert shown == [("1.00", "bold"), *plain]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d"]


def test_dots_stand_above_their_names(ax):
    plots.dots(ax, {"one": [3.0, 1.0], "two": [2.0]})
    assert ax.lines[0].get_ydata().tolist() == [1.0, 3.0]
    assert ax.lines[0].get_xdata().mean() == pytest.approx(0)
    assert ax.lines[1].get_xdata().tolist() == [1.0]
