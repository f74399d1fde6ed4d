"""Columns of different sizes: the advice stands once, names the odd ones, and works."""

import numpy as np
import pytest

from ibias import datasets, flow
from ibias.datasets import Dataset
from ibias.datasets.columns import LISTED, scaling
from ibias.flow.estimate import UNEVEN, about_columns
from tests.advice import scaled

FLOWS = {
    "gradient": lambda data, **how: flow.gradient_flow(data, log_t=[20.0], **how),
    "descent": lambda data, **how: flow.continued_gradient_descent(data, log_steps=[20.0], **how),
    "accelerated": lambda data, **how: flow.accelerated_flow(data, log_t=[20.0], **how),
}


@pytest.mark.parametrize("seed", range(30))
def test_the_advice_followed_leaves_nothing_to_say(seed):
    rng = datasets.generator(seed)
    sizes = np.ones(7)
    sizes[rng.permutation(7)[:LISTED]] = 10.0 ** rng.uniform(-12, 12, LISTED)
    data = Dataset(sizes * rng.uniform(0.9, 1, (20, 7)), rng.choice([-1, 1], 20))
    assert about_columns(scaled(data, about_columns(data.X)).X) == ""


def test_the_odd_column_is_named_and_not_the_largest():
    assert scaling(np.diag([1.0, 1.0, 1e-6]), UNEVEN) == "multiply column 2 by 1e+06"
    assert scaling(np.diag([1e3, 1.0, 1.0, 0.0]), UNEVEN) == "divide column 0 by 1e+03"
    assert scaling(np.diag([1e3, 1.0]), UNEVEN) == "divide column 0 by 1e+03"
    assert scaling(np.diag([UNEVEN, 1.0]), UNEVEN) == scaling(np.zeros((2, 2)), UNEVEN) == ""


def test_of_many_odd_columns_the_farthest_are_named_and_the_others_counted():
    said = about_columns(np.diag([*np.ones(200), *(10.0 ** -np.arange(100, 150))]))
    assert "multiply column 249 by 1e+149" in said and "so on for 47 more" in said
    assert len(said) < 250


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("name", FLOWS)
def test_it_stands_once(name):
    X = datasets.separable(0, 40, 3).X
    data = Dataset(X * [1, 1, 1e-6], np.where(X[:, 0] > 0, 1, -1))
    with pytest.raises(flow.IntegrationFailed) as caught:
        FLOWS[name](data, tolerance=1e-17)
    assert str(caught.value).count("columns of X") == str(caught.value).count("column 2") == 1
    assert len(str(caught.value)) < 500


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("sizes", [[1, 1, 1e-6], [1e4, 1, 1], [1e-10, 1e6, 1]])
def test_in_a_flow_it_works(sizes):
    data = datasets.separable(0, 40, 3)
    uneven = Dataset(data.X * sizes, data.y)
    with pytest.raises(flow.IntegrationFailed, match="columns of X") as caught:
        FLOWS["accelerated"](uneven)
    assert FLOWS["accelerated"](scaled(uneven, str(caught.value))).error_estimate[0] < 1e-8


@pytest.mark.parametrize("sizes", [[1, 1, 1e-6], [1e-10, 1e6, 1]])
@pytest.mark.parametrize("name", ["gradient", "descent"])
def test_before_a_limit_stands_for_the_flow_its_distance_is_no_error(name, sizes):
    """Late, w is a million; what its limit may be off then is more than w was at the first time."""
    rng = datasets.generator(0)
    X = rng.standard_normal((60, 3))
    y = np.where(X[:, 0] + 1.5 * rng.standard_normal(60) > 0, 1, -1)
    data = Dataset(X * sizes, y)
    early, late = [5.0], [5.0, 20.0, 100.0]
    if name == "gradient":
        run, alone = (flow.gradient_flow(data, log_t=t) for t in (late, early))
    else:
        run, alone = (flow.continued_gradient_descent(data, log_steps=t) for t in (late, early))
    assert run.iterates[0] == pytest.approx(alone.iterates[0], abs=2e-9)
    pull = (1 / (1 + np.exp(data.Z @ run.final))) @ data.Z
    assert (np.abs(pull) <= 1e-8 * np.abs(data.Z).sum(axis=0)).all()
