"""The matrix of combinations."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from ibias import plots
from ibias.sweeps import Table, reading


def test_each_cell_has_its_sign_and_its_frame():
    ax = Figure().subplots()
    agree = np.array([[True, False], [False, False]])
    differ = np.array([[False, True], [False, False]])
    plots.selection_matrix(
        ax, ["a", "b"], ["x", "y"], [[0, 1], [2, -1]], "12∞", agree=agree, differ=differ
    )
    assert [text.get_text() for text in ax.texts] == ["1", "2", "∞"]
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    assert frames[0].get_linestyle() == "-"
    assert len(frames) == 2 and frames[1].get_linestyle() != "-"
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]


def row(method, model, l2, predicted):
    same = [[0.5] * 3, [0.1] * 3]
    reached = {"l1": same, "l2": [[l2] * 3] * 2, "linf": same, "log_risk": same}
    place = {"family": "two classes", "loss": "squared", "noise": "none"}
    return place | {
        "method": method,
        "model": model,
        "reached": reached | {"predicted": [[predicted] * 3] * 2},
    }


def test_the_grid_is_read_by_its_names():
    refused = row("b", "w", 1.0, 1.0) | {"refused": "why"}
    rows = [row("a", "w", 0.95, 0.95), row("a", "net", 0.2, 0.5), refused]
    s = reading.selection(Table("grid", "", {}, rows), loss="squared")
    assert (s.methods, s.models, s.norms) == (("a", "b"), ("w", "net"), ("l1", "l2", "linf"))
    assert s.winners.tolist() == [[1, 0], [-1, -1]]
    assert s.agree.tolist() == [[True, False], [False, False]]
    assert s.differ.tolist() == [[False, True], [False, False]]
    large = reading.selection(Table("grid", "", {}, rows), loss="squared", start=1)
    assert large.winners[0].tolist() == [1, 1]
    with pytest.raises(ValueError, match="loss"):
        reading.selection(Table("grid", "", {}, rows), loss="hinge")


def test_runs_that_come_nearest_to_what_is_predicted():
    rows = [row("a", "w", 0.95, 0.95), row("b", "w", 0.2, 0.2), row("c", "w", 0.9, 0.4)]
    table = Table("grid", "", {}, rows)
    assert reading.agreement(table, loss="squared") == 0.5  # c's optimum is none of the three
    assert reading.agreement(table, loss="squared", claimed="linf") == 0.0
    rows += [row("a", "w", 0.2, 0.2) | {"noise": "one sample"}]
    assert reading.agreement(Table("grid", "", {}, rows), loss="squared", noise="one sample") == 0
    with pytest.raises(ValueError, match="noise"):
        reading.agreement(table, loss="squared", noise="labels")
