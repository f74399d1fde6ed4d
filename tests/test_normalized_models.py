"""Directions, weight normalisation and batch normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias import datasets, flow, models, optima
from ibias.networks import BatchNormNetwork

RNG = np.random.default_rng(0)
NETS = [models.Direction(4), models.WeightNormalized(4), models.WeightNormalized(4, rate=0.3)]


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_the_pullback_is_the_derivative(net):
    theta, g = RNG.standard_normal((2, 3, net.n_parameters))
    g = g[:, :4]
    steps = 1e-6 * np.eye(net.n_parameters)
    for one, h in zip(theta, g, strict=True):
        slopes = [(net.weights(one + e) - net.weights(one - e)) @ h / 2e-6 for e in steps]
        assert net.pullback(one, h) == pytest.approx(slopes, abs=1e-8)
    batched = net.pullback(theta, g)
    alone = [net.pullback(a, b) for a, b in zip(theta, g, strict=True)]
    assert batched == pytest.approx(np.array(alone))


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_weights_survive_the_round_trip(size, rate):
    w = size * np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]])
    net = models.WeightNormalized(3, rate=rate)
    assert net.weights(net.theta(w)) == pytest.approx(w)
    assert np.linalg.norm(net.theta(w)[:, :3], axis=1) == pytest.approx(1)


def test_a_zero_vector_has_no_direction():
    for call in (models.Direction(2).weights, models.WeightNormalized(2).theta):
        with pytest.raises(ValueError, match="no direction"):
            call(np.zeros(2))
    with pytest.raises(ValueError, match="rate must be"):
        models.WeightNormalized(2, rate=0)


def batch_norm_case():
    net = BatchNormNetwork(3, 4)
    theta = RNG.standard_normal((2, net.n_parameters))
    return net, theta, RNG.standard_normal((7, 3)), RNG.standard_normal((2, 7))


def test_the_batch_norm_gradient_agrees_with_finite_differences():
    net, theta, X, v = batch_norm_case()
    for one, weights in zip(theta, v, strict=True):
        steps = 1e-6 * np.eye(net.n_parameters)
        slopes = [(net.predict(one + e, X) - net.predict(one - e, X)) @ weights for e in steps]
        assert net.vjp(one, X, weights) == pytest.approx(np.array(slopes) / 2e-6, abs=1e-7)
    assert net.vjp(theta, X, v)[1] == pytest.approx(net.vjp(theta[1], X, v[1]))


def test_the_length_and_the_batch_statistics_do_not_matter():
    net, theta, X, v = batch_norm_case()
    W, a = net.layers(theta[0])
    longer = np.concatenate([(W * np.array([[2.0], [0.1], [7.0], [1.0]])).ravel(), a])
    assert net.predict(longer, X) == pytest.approx(net.predict(theta[0], X))
    assert net.predict(theta, 5 * X + 3) == pytest.approx(net.predict(theta, X))
    dW, _ = net.layers(net.vjp(theta, X, v))
    assert (dW * net.layers(theta)[0]).sum(axis=-1) == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_normalised_is_refused():
    net, theta, X, _ = batch_norm_case()
    with pytest.raises(ValueError, match="same for all samples"):
        net.predict(theta, np.ones((5, 3)))
    with pytest.raises(ValueError, match="theta has shape"):
        net.predict(theta[:, 1:], X)


@pytest.mark.parametrize("rate", [0.1, 1.0])
@pytest.mark.parametrize("length", [0.2, 1.0, 3.0])
def test_the_flow_ends_at_the_closed_form(rate, length):
    data = datasets.gaussian_regression(2, 8, 20)
    net = models.WeightNormalized(20, rate=rate)
    w0 = np.random.default_rng(1).standard_normal(20)
    w0 *= length / np.linalg.norm(w0)
    end = optima.weight_normalized_interpolant(data, start=w0, rate=rate)
    path = flow.parametrized_flow(data, net, log_t=[3.0, 9.0], start=net.theta(w0))
    assert net.weights(path.final) == pytest.approx(end.w, abs=1e-6)
    assert np.linalg.norm(path.iterates[:, :20], axis=1) == pytest.approx(1, abs=1e-7)
    assert end.residual < 1e-12
    assert end.length == pytest.approx(np.linalg.norm(end.w))


def test_a_start_among_the_rows_ends_at_the_least_norm():
    data = datasets.gaussian_regression(0, 3, 6)
    end = optima.weight_normalized_interpolant(data, start=data.X[0])
    assert end.w == pytest.approx(optima.min_norm(data).w, abs=1e-12)


def test_the_flow_of_a_direction_stays_on_its_sphere():
    data = datasets.gaussian_regression(0, 30, 4, noise=0.1)
    path = flow.parametrized_flow(data, models.Direction(4), log_t=[0, 3, 6], start=[2.0, 1, 1, 1])
    assert np.linalg.norm(path.iterates, axis=1) == pytest.approx(np.sqrt(7), abs=1e-7)
    assert (np.diff(path.log_risk) <= 1e-12).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": np.zeros(6)}, "start is zero"),
        ({"start": np.ones(2)}, "start has shape"),
        ({"rate": -1}, "rate must be"),
        ({"data": datasets.Regression(np.eye(6)[:2], [0.0, 0.0])}, "other than zero"),
        ({"data": datasets.Regression(np.ones((2, 6)), [0.0, 1.0])}, "fitted by some w"),
    ],
)
def test_bad_input_is_named(change, message):
    settings = {"data": datasets.gaussian_regression(0, 3, 6), "start": np.ones(6)} | change
    with pytest.raises(ValueError, match=message):
        optima.weight_normalized_interpolant(settings.pop("data"), **settings)


def test_the_flow_names_bad_input():
    data = datasets.gaussian_regression(0, 3, 6)
    with pytest.raises(ValueError, match="start has shape"):
        flow.parametrized_flow(data, models.Direction(6), log_t=[0], start=np.ones(5))


def test_a_scale_for_each_coordinate():
    scales = np.array([0.1, 2.0])
    from ibias.potentials import HyperbolicEntropy

    w = np.array([0.7, -3.0])
    alone = [HyperbolicEntropy(s).gradient(x) for s, x in zip(scales, w, strict=True)]
    both = HyperbolicEntropy(scales)
    assert both.gradient(w) == pytest.approx(alone)
    assert both.inverse_gradient(both.gradient(w)) == pytest.approx(w)
    with pytest.raises(ValueError, match="scale"):
        HyperbolicEntropy(np.array([1.0, -1.0]))


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-7, 1e-12, 1e-20, 1e-100])
def test_targets_much_smaller_than_the_start(size):
    """The limit is w = w_min + c * (part of the start across), with c > 0 and the length law."""
    plain = datasets.gaussian_regression(0, 4, 6)
    data, start = datasets.Regression(plain.X, size * plain.y), np.ones(6)
    found = optima.weight_normalized_interpolant(data, start=start)
    shortest = np.linalg.pinv(data.X) @ data.y
    across = start - np.linalg.pinv(data.X) @ (data.X @ start)
    across /= np.linalg.norm(across)
    c = across @ (found.w - shortest)
    assert found.w - shortest == pytest.approx(c * across, abs=1e-12)
    g2, b = c**2 + shortest @ shortest, across @ start
    assert 2 * np.log(c / b) + g2 - start @ start == pytest.approx(np.log(g2 / 6), abs=1e-9)
