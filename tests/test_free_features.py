"""Free features under the cross-entropy: a product of matrices, trained with safe steps."""

import numpy as np
import pytest

from ibias import datasets, models
from ibias.descent import descent
from ibias.objectives import Objective
from ibias.steps import Safe


@pytest.fixture
def objective():
    data = datasets.MulticlassDataset(np.eye(6), np.repeat(np.arange(3), 2))
    return Objective(data, model=models.MatrixProduct((3, 6), depth=2, width=3))


def test_the_safe_step_moves_no_margin_by_more_than_about_one(objective):
    start = objective.model.random(datasets.generator(1), scale=0.3)
    path = descent(objective, start=start, steps=Safe(), n_steps=300, record=np.arange(301))
    assert (np.diff(path.log_risk) < 0).all()
    margins = objective.weights(path.iterates).reshape(301, -1) @ objective.Z.T
    # To first order at most one; the second order is small once theta is large.
    assert np.abs(np.diff(margins[100:], axis=0)).max() < 1.1


def test_it_is_refused_where_there_are_no_margins():
    with pytest.raises(ValueError, match="Safe"):
        descent(datasets.gaussian_regression(0, 4, 6), steps=Safe(), n_steps=5)
