import matplotlib.pyplot as plt
import numpy as np
import pytest

from ibias import plots


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_pairs_join_the_runs_of_a_data_set(ax):
    plots.pairs(ax, {"one": [1.0, 2.0], "two": [3.0, 4.0]})
    joined = [line.get_ydata().tolist() for line in ax.lines[:2]]
    assert joined == [[1.0, 3.0], [2.0, 4.0]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["one", "two"]


def test_stems_draw_the_truth_and_every_predictor(ax):
    plots.stems(ax, [1.0, 0.0, -1.0], {"a": [0.5, 0.1, -0.5], "b": np.zeros(3)})
    assert [bar.get_height() for bar in ax.patches] == [1.0, 0.0, -1.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "truth"]
