"""What the drawings of weights, balls and hulls show."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ibias import plots


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def test_every_point_of_the_line_of_solutions_solves_the_equation(ax: Axes) -> None:
    plots.plane(ax, -1, 3)
    plots.solutions(ax, [1.0, 2.0], 2.0)
    line = np.array(ax.lines[-1].get_xydata())
    assert line @ [1.0, 2.0] == pytest.approx([2, 2], abs=1e-9)
    assert ax.get_xlim() == (-1, 3)


def test_a_walk_shows_its_iterates_and_both_ends(ax: Axes) -> None:
    iterates = np.array([[0.0, 0.0], [1.0, 0.5], [1.5, 1.0]])
    plots.walk(ax, iterates, "steps")
    way, start, end = (np.array(line.get_xydata()) for line in ax.lines)
    assert way.tolist() == iterates.tolist()
    assert start.tolist() == [[0, 0]] and end.tolist() == [[1.5, 1.0]]


def test_a_point_is_named(ax: Axes) -> None:
    plots.point(ax, [1.0, 2.0], "shortest")
    assert ax.lines[0].get_xydata().tolist() == [[1, 2]]
    assert ax.texts[0].get_text() == "shortest"


@pytest.mark.parametrize("p", [1, 1.5, 2, 4, np.inf])
def test_the_edge_of_the_unit_ball_has_norm_one(ax: Axes, p: float) -> None:
    plots.unit_ball(ax, p)
    edge = ax.patches[0].get_xy()
    assert np.linalg.norm(edge, ord=p, axis=1) == pytest.approx(np.ones(len(edge)))


def test_the_hull_holds_the_points_and_shows_the_nearest(ax: Axes) -> None:
    points = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.8, 0.8]])
    plots.hull(ax, points, [0.5, 0.5])
    corners = {tuple(corner) for corner in ax.patches[0].get_xy()}
    assert corners == {(1, 0), (0, 1), (1, 1)}
    assert [0.5, 0.5] in ax.lines[-1].get_xydata().tolist()


def test_the_gap_runs_from_the_tangent_to_the_function(ax: Axes) -> None:
    w = np.linspace(0, 2, 5)
    plots.gap_over_tangent(ax, w, w**2, 2 * w - 1, at=2, measured_at=4)
    gap = ax.lines[-1].get_xydata()
    assert gap.tolist() == [[2, 3], [2, 4]]


def test_an_arrow_is_named_at_its_tip(ax: Axes) -> None:
    plots.arrow(ax, [1.0, 2.0], "g")
    assert ax.texts[-1].get_text() == "g" and ax.texts[-1].xy == (1.0, 2.0)
