"""Attacks: exact for linear predictors, inside the ball, never worse than no attack."""

import numpy as np
import pytest

from ibias.models import Network, deep_linear, deep_relu, linear
from ibias.networks import attack


def case(net, seed=0, batch=(), n=7):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((*batch, n, net.widths[0]))
    y = np.where(rng.random((*batch, n)) < 0.5, 1.0, -1.0)
    return net.random(rng, 1.5, batch), X, y


@pytest.mark.parametrize("n_steps", [3, 10])
def test_on_a_linear_predictor_the_margin_falls_by_radius_times_norm(n_steps):
    net = linear(5)
    theta, X, y = case(net)
    found = attack(net, theta, X, y, radius=0.3, n_steps=n_steps)
    expected = y * net.predict(theta, X) - 0.3 * np.linalg.norm(theta)
    np.testing.assert_allclose(y * net.predict(theta, found), expected, atol=1e-12)


@pytest.mark.parametrize("net", [Network((4, 5, 1), "tanh", "all"), deep_linear(4, 3, 2)], ids=str)
def test_it_stays_in_the_ball_and_beats_random_points_of_it(net):
    theta, X, y = case(net)
    found = attack(net, theta, X, y, radius=0.2, n_steps=30)
    assert np.linalg.norm(found - X, axis=-1).max() <= 0.2 + 1e-12
    rng = np.random.default_rng(1)
    steps = rng.standard_normal((200, *X.shape))
    steps *= 0.2 / np.linalg.norm(steps, axis=-1, keepdims=True)
    random = np.min([y * net.predict(theta, X + step) for step in steps], axis=0)
    assert (y * net.predict(theta, found) <= random + 1e-9).all()


def test_a_batch_is_a_loop_also_with_inputs_of_its_own():
    net = deep_relu(4, 5, 2)
    theta, X, y = case(net, batch=(3,))
    together = attack(net, theta, X, y, radius=0.5)
    for i in range(3):
        alone = attack(net, theta[i], X[i], y[i], radius=0.5)
        np.testing.assert_allclose(together[i], alone, atol=1e-12)


def test_a_loss_changes_nothing_until_its_slope_is_zero():
    net = deep_relu(4, 5, 2)
    theta, X, y = case(net)
    plain = attack(net, theta, X, y, radius=0.5)
    tiny = attack(net, theta, X, y, radius=0.5, slope=lambda u: -np.exp(-u - 300))
    np.testing.assert_allclose(tiny, plain, atol=1e-12)
    blind = attack(net, theta, X, y, radius=0.5, slope=np.zeros_like)
    np.testing.assert_array_equal(blind, X)


def test_bad_input_is_named():
    net = linear(2)
    for changes in ({"radius": 0.0}, {"n_steps": 0}, {"X": [[np.nan, 0.0]]}):
        arguments = {"X": [[1.0, 0.0]], "y": [1.0], "radius": 1.0} | changes
        with pytest.raises(ValueError, match=next(iter(changes))):
            attack(net, [1.0, 0.0], arguments.pop("X"), arguments.pop("y"), **arguments)
    for X, y in (([[1.0, 0.0]], [1.0, 1.0]), ([1.0, 0.0], [1.0]), ([[1.0, 0.0]], 1.0)):
        with pytest.raises(ValueError, match="one label for each row of X"):
            attack(net, [1.0, 0.0], X, y, radius=1.0)


def test_an_attack_along_a_gradient_that_is_zero_goes_nowhere():
    """So a saturated loss hides the weakness of a network: the attack needs the margin itself."""
    net, X, y = linear(2), np.array([[1.0, 2.0]]), np.array([1.0])
    theta = np.array([1.0, 0.0])
    masked = attack(net, theta, X, y, radius=0.5, slope=np.zeros_like)
    assert masked == pytest.approx(X)
    by_slope = attack(net, theta, X, y, radius=0.5, slope=lambda q: -np.exp(-q))
    assert by_slope == pytest.approx(np.array([[0.5, 2.0]]))
