"""Search without gradients: guesses, random steps and single coordinates, against exact cases."""

import numpy as np
import pytest

from ibias import datasets, optima
from ibias.datasets import Dataset
from ibias.losses import Logistic
from ibias.models import linear, two_layer_relu
from ibias.networks import greedy_search, guess_and_check, pattern_search

NET = linear(2)
OVERLAPPING = Dataset([[1, 0.5], [1, 0.5], [0.2, -1], [0.2, -1], [0.3, 1]], [1, -1, 1, 1, 1])


def rng(seed=0):
    return datasets.generator(seed)


@pytest.mark.parametrize("batch", [1, 7, 100, 10_000])
def test_guesses_do_not_depend_on_how_many_are_drawn_at_once(batch):
    """They come one after the other from one source, and counting stops at the last one needed."""
    data, net = datasets.separable(0, 4, 2), two_layer_relu(2, 3)
    found = guess_and_check(net, data, rng(), n_accepted=5, batch=batch)
    stream = rng().uniform(-1, 1, (found.n_guesses, net.n_parameters))
    right = (data.y * net.predict(stream, data.X) > 0).all(axis=1)
    assert right.sum() == 5 and right[-1]
    np.testing.assert_array_equal(found.theta, stream[right])


def test_a_quarter_of_the_guesses_is_right_on_two_orthogonal_samples():
    data = Dataset([[1.0, 0.0], [0.0, 1.0]], [1, -1])
    found = guess_and_check(NET, data, rng(), n_accepted=4000)
    assert found.n_guesses / 4000 == pytest.approx(4, abs=4 * np.sqrt(12 / 4000))
    signs = found.theta * [1, -1]
    assert (signs > 0).all() and (signs < 1).all()
    assert signs.mean(axis=0) == pytest.approx([0.5, 0.5], abs=4 * np.sqrt(1 / 12 / 4000))


def test_guessing_ends_where_it_was_told_to():
    data = Dataset([[1.0, 0.0], [1.0, 0.0]], [1, -1])  # nothing is right
    with pytest.raises(RuntimeError, match="30 guesses gave 0 of 1 solutions"):
        guess_and_check(NET, data, rng(), n_accepted=1, batch=10, max_guesses=30)


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_the_first_pattern_is_a_step_of_the_scale_along_a_coordinate_that_helps(scale):
    data = Dataset([[1.0, 0.5], [-0.5, -1.0]], [1, -1])
    found = pattern_search(NET, data, rng(), start=np.zeros((4000, 2)), n_steps=1, scale=scale)
    helps = scale * np.eye(2)
    kinds = [np.zeros(2), *helps]
    shares = [(found == kind).all(axis=1).mean() for kind in kinds]
    assert sum(shares) == 1
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.03)


def test_the_first_random_step_is_normal_and_kept_where_it_helps():
    """To first order half of the steps help: those kept are a half normal law along the pull."""
    data = Dataset([[3.0, 0.0], [-1.0, 0.0]], [1, -1])
    found = greedy_search(NET, data, rng(), start=np.zeros((20_000, 2)), n_steps=1, scale=1e-3)
    moved = found[found.any(axis=1)] / 1e-3
    assert len(moved) / 20_000 == pytest.approx(0.5, abs=0.015)
    assert (moved[:, 0] > 0).all()
    assert (moved**2).mean(axis=0) == pytest.approx([1, 1], abs=0.06)
    assert moved.mean(axis=0) == pytest.approx([np.sqrt(2 / np.pi), 0], abs=0.04)


@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
def test_random_steps_arrive_at_the_minimiser(scale):
    """Whatever the first size of a step: it grows and shrinks to what succeeds."""
    start = np.array([[0.0, 0.0], [1.0, -1.0], [5.0, 5.0]])
    found = greedy_search(NET, OVERLAPPING, rng(), start=start, n_steps=4000, scale=scale)
    best = optima.bounded_part_and_ray(OVERLAPPING, loss="logistic").bounded
    assert found == pytest.approx(np.tile(best, (3, 1)), abs=1e-4)


def test_each_failure_shrinks_the_pattern_to_less_than_half_in_a_sweep():
    """Both ways along every coordinate are a sweep: (1 - 0.4 / P)^(2 P) is about e^-0.8."""
    start = np.array([[3.0, 4.0]])
    runs = [
        pattern_search(NET, OVERLAPPING, rng(), start=start, n_steps=k, scale=0.7)[0]
        for k in range(1, 25)
    ]
    steps = np.abs(np.diff([start[0], *runs], axis=0)).sum(axis=1)
    failed = steps == 0
    before = np.r_[0, np.cumsum(failed)[:-1]]
    sizes = 0.7 * 0.8**before
    assert 5 < failed.sum() < 20
    assert steps[~failed] == pytest.approx(sizes[~failed])


@pytest.mark.parametrize("search", [greedy_search, pattern_search])
def test_the_risk_of_no_search_rises_and_the_start_is_left_alone(search):
    data, net = datasets.separable(0, 8, 2), two_layer_relu(2, 3)
    start = rng(1).standard_normal((5, net.n_parameters))
    kept = start.copy()

    def risk(theta):
        return Logistic().log_risk(data.y * net.predict(theta, data.X))

    runs = [search(net, data, rng(), start=start, n_steps=k) for k in (1, 2, 5, 20, 100)]
    risks = np.array([risk(theta) for theta in [start, *runs]])
    assert (np.diff(risks, axis=0) <= 0).all() and (risks[-1] < risks[0]).all()
    np.testing.assert_array_equal(start, kept)


def test_the_random_step_grows_by_a_tenth_and_shrinks_by_a_fortieth():
    """A step that is kept is the normal draw of its turn, times the scale of its turn."""
    start, n = np.array([[3.0, 4.0]]), 60
    how = {"start": start, "scale": 0.7}
    runs = [greedy_search(NET, OVERLAPPING, rng(), n_steps=k, **how)[0] for k in range(1, n + 1)]
    steps = np.diff([start[0], *runs], axis=0)
    kept = steps.any(axis=1)
    assert 10 < kept.sum() < n - 10
    scales = 0.7 * np.cumprod(np.r_[1.0, np.where(kept, 1.1, 1 - 1 / 40)])[:-1]
    draws = rng().standard_normal((n, 2))
    assert steps[kept] == pytest.approx((scales[:, None] * draws)[kept], rel=1e-9, abs=1e-14)
