"""Rules for the step sizes: their sums, their batches, what they look at."""

import numpy as np
import pytest

from ibias import datasets, models, steps
from ibias.descent import descent
from ibias.methods import Adam, HeavyBall
from ibias.objectives import Objective

DATA = datasets.separable(0, 12, 3)


def test_sizes_and_their_sums():
    record = np.array([0, 1, 7, 40])
    for rule, expected in (
        (steps.Constant(0.3), np.full(40, 0.3)),
        (steps.Decaying(0.3), 0.3 / np.sqrt(np.arange(1, 41))),
        (steps.Decaying(0.3, 1), 0.3 / np.arange(1, 41)),
        (steps.Decaying(0.3, 0), np.full(40, 0.3)),
    ):
        sizes = [eta for eta, _ in zip(rule.sizes(0, 40), range(40), strict=False)]
        np.testing.assert_allclose(sizes, expected)
        sums = np.r_[0, np.cumsum(expected)][record]
        np.testing.assert_allclose(np.exp(rule.log_times(record)), sums)


def test_a_decaying_run_in_numpy():
    path = descent(DATA, steps=steps.Decaying(0.5, 0.7), n_steps=30, record=[30])
    w = np.zeros(3)
    for k in range(30):
        w = w + 0.5 * (k + 1) ** -0.7 * (1 / (1 + np.exp(DATA.Z @ w))) @ DATA.Z / 12
    np.testing.assert_allclose(path.final, w, rtol=1e-12)
    assert np.exp(path.log_t[0]) == pytest.approx((0.5 * np.arange(1, 31) ** -0.7).sum())


@pytest.mark.parametrize("kind", [steps.Constant, steps.Decaying, steps.DividedByRisk])
def test_a_batch_of_any_shape_is_its_members(kind):
    sizes = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    together = descent(DATA, HeavyBall(0.5), steps=kind(sizes), n_steps=20)
    assert together.iterates.shape[1:] == (3, 2, 3)
    for index in np.ndindex(3, 2):
        alone = descent(DATA, HeavyBall(0.5), steps=kind(sizes[index]), n_steps=20)
        np.testing.assert_allclose(together.iterates[:, *index], alone.iterates, rtol=1e-11)


def test_the_safe_step_on_a_linear_model_moves_no_margin_by_more_than_one():
    objective = Objective(DATA, "exponential")
    path = descent(objective, steps=steps.Safe(), n_steps=50, record=range(51))
    assert np.abs(np.diff(path.iterates @ DATA.Z.T, axis=0)).max() < 1 + 1e-9
    assert (np.diff(path.log_risk) < 0).all() and path.log_t.shape == (51,)


def test_steps_over_the_risk_work_where_the_risk_underflows():
    net = models.two_layer_relu(3, 4)
    start = 30 * net.random(datasets.generator(0))
    objective = Objective(datasets.Dataset.one_class(np.abs(DATA.X)), "exponential", net)
    start = np.abs(start)
    for rule in (steps.DividedByRisk(1e-3), steps.Safe()):
        path = descent(objective, steps=rule, n_steps=20, start=start)
        assert path.log_risk[0] < -800 and path.log_risk[-1] < path.log_risk[0]
        assert (path.final != start).any()


def test_rules_that_look_at_the_iterate_go_with_other_methods():
    objective = Objective(DATA, "exponential")
    for method in (Adam(), HeavyBall()):
        path = descent(objective, method, steps=steps.DividedByRisk(0.01), n_steps=30)
        assert np.isfinite(path.iterates).all()
    plain = descent(objective, Adam(), steps=0.01, n_steps=30)
    path = descent(objective, Adam(), steps=steps.DividedByRisk(0.01), n_steps=30)
    assert np.abs(path.final - plain.final).max() < 0.1  # of the scale of the loss it knows little


def test_greedy_steps_stop_where_nothing_falls():
    objective = Objective(DATA, "squared")
    path = descent(objective, steps=steps.Greedy(), n_steps=300, record=range(1, 301))
    assert (np.diff(path.log_risk) <= 0).all()
    with pytest.raises(ValueError, match="one at a time"):
        descent(objective, steps=steps.Greedy(), n_steps=3, start=np.zeros((2, 3)))
