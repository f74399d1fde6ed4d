"""Linear predictors whose weights are products of parameters."""

import numpy as np
import pytest

from ibias import datasets, flow
from ibias.models import CircularConvolution, DiagonalLinear
from ibias.potentials import HyperbolicEntropy

MODELS = [
    DiagonalLinear(6, 1),
    DiagonalLinear(6, 2),
    DiagonalLinear(6, 3),
    CircularConvolution(6, 1),
    CircularConvolution(6, 2),
    CircularConvolution(5, 3),
]
every = pytest.mark.parametrize("net", MODELS, ids=str)


def draw(net, seed=0, batch=(3,)):
    rng = datasets.generator(seed)
    return net.random(rng, batch=batch), rng.standard_normal((4, net.n_features)), rng


@every
def test_vjp_is_the_derivative_of_the_predictions(net):
    theta, X, rng = draw(net)
    v, h = rng.standard_normal((3, 4)), 1e-6
    numeric = np.stack(
        [
            (v * (net.predict(theta + h * e, X) - net.predict(theta - h * e, X))).sum(-1) / (2 * h)
            for e in np.eye(net.n_parameters)
        ],
        axis=-1,
    )
    assert net.vjp(theta, X, v) == pytest.approx(numeric, abs=1e-7)
    at = net.linearize(theta, X)
    assert at.vjp(v) == pytest.approx(net.vjp(theta, X, v), abs=1e-12)
    assert at.predictions == pytest.approx(net.predict(theta, X))
    assert at.squared_gradient_norms() == pytest.approx((at.jacobian() ** 2).sum(-1))


@every
def test_homogeneous_of_its_degree(net):
    theta, X, _ = draw(net, 1)
    assert net.predict(1.7 * theta, X) == pytest.approx(1.7**net.degree * net.predict(theta, X))


def test_convolution_layer_by_layer():
    """The weights are what the layers, written as sums around the circle, do to the inputs."""
    d, depth = 5, 3
    net = CircularConvolution(d, depth)
    theta, X, _ = draw(net, 2, ())
    hidden, filters = X, net.layers(theta)
    for layer in range(depth - 1):
        hidden = np.stack(
            [
                sum(filters[layer][k] * hidden[:, (i + k) % d] for k in range(d)) / np.sqrt(d)
                for i in range(d)
            ],
            axis=1,
        )
    assert hidden @ filters[-1] == pytest.approx(net.predict(theta, X), abs=1e-12)


def test_convolution_multiplies_spectra():
    net = CircularConvolution(7, 2)
    theta, _, _ = draw(net, 3)
    product = np.fft.fft(net.weights(theta), norm="ortho")
    assert net.spectra(theta).prod(axis=-2) == pytest.approx(product)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DiagonalLinear(0, 2), "n_features must be a whole number"),
        (lambda: CircularConvolution(3, 0), "depth must be a whole number"),
        (lambda: DiagonalLinear(3, 2).weights(np.ones(5)), "must hold the 6 parameters"),
        (lambda: DiagonalLinear(3, 2).random(datasets.generator(0), 0.0), "scale must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_the_flow_of_the_diagonal_network_is_the_mirror_flow(scale):
    data, log_t = datasets.wide(0, 5, 12), [0.0, 10.0, 1e3, 1e4]
    net = DiagonalLinear(12, 2)
    layers = flow.network_flow(data, net, log_t=log_t, start=np.full(24, scale), tolerance=1e-6)
    mirror = flow.mirror_flow(data, HyperbolicEntropy(scale), log_t=log_t, tolerance=1e-6)
    w = net.weights(layers.iterates)
    assert (np.abs(w - mirror.iterates) < 1e-5 * np.abs(w).max(axis=1, keepdims=True)).all()
