"""Networks: the hand-written derivative against three oracles, homogeneity, batches, errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias.models import Network, deep_linear, deep_relu, linear, two_layer_relu

NETWORKS = [
    linear(3),
    deep_linear(3, 4, 3),
    two_layer_relu(3, 5),
    two_layer_relu(3, 5, bias="first"),
    deep_relu(3, 4, 3),
    deep_relu(3, 3, 4),
    Network((3, 4, 3, 1), "squared_relu"),
    Network((3, 4, 4, 1), "relu", "all"),
    Network((3, 4, 4, 1), "tanh", "all"),
    Network((3, 4, 1), "softplus"),
]
HOMOGENEOUS = NETWORKS[:7]
NOT_HOMOGENEOUS = NETWORKS[7:]
TABLE = json.loads((Path(__file__).parent / "reference/torch_gradients.json").read_text())["rows"]
every_network = pytest.mark.parametrize("net", NETWORKS, ids=str)


def case(net, seed=0, batch=()):
    rng = np.random.default_rng(seed)
    return net.random(rng, 1.5, batch), rng.standard_normal((6, net.widths[0])), rng


# ---- the derivative ----------------------------------------------------------------------


@every_network
@pytest.mark.parametrize("seed", range(5))
def test_vjp_agrees_with_the_complex_step(net, seed):
    theta, X, rng = case(net, seed)
    v = rng.standard_normal(6)
    step = 1e-30
    rows = net.predict(theta + 1j * step * np.eye(net.n_parameters), X)
    np.testing.assert_allclose(net.vjp(theta, X, v), rows.imag @ v / step, rtol=0, atol=1e-12)


@every_network
def test_vjp_agrees_with_central_differences(net):
    theta, X, rng = case(net)
    v, step = rng.standard_normal(6), 1e-5
    shifts = step * np.eye(net.n_parameters)
    slope = (net.predict(theta + shifts, X) - net.predict(theta - shifts, X)) @ v / (2 * step)
    np.testing.assert_allclose(net.vjp(theta, X, v), slope, rtol=1e-9, atol=1e-9)


@every_network
def test_input_gradients_agree_with_the_complex_step(net):
    theta, X, _ = case(net)
    step = 1e-30
    columns = [net.predict(theta, X + 1j * step * row).imag / step for row in np.eye(3)]
    gradients = net.linearize(theta, X).input_gradients()
    np.testing.assert_allclose(gradients, np.transpose(columns), atol=1e-12)


@every_network
def test_each_theta_may_have_inputs_of_its_own(net):
    theta, _, rng = case(net, batch=(3,))
    X, v = rng.standard_normal((3, 6, net.widths[0])), rng.standard_normal((3, 6))
    predictions, pulled = net.predict(theta, X), net.vjp(theta, X, v)
    for i in range(3):
        np.testing.assert_allclose(predictions[i], net.predict(theta[i], X[i]), atol=1e-13)
        np.testing.assert_allclose(pulled[i], net.vjp(theta[i], X[i], v[i]), atol=1e-12)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['widths']}-{row['activation']}")
def test_predictions_and_gradients_agree_with_pytorch(row):
    net = Network(tuple(row["widths"]), row["activation"], row["bias"])
    theta, X, v = (np.array(row[name]) for name in ("theta", "X", "v"))
    np.testing.assert_allclose(net.predict(theta, X), row["predictions"], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(net.vjp(theta, X, v), row["gradient"], rtol=1e-12, atol=1e-12)


def test_the_derivative_of_relu_at_its_kink_is_zero():
    net = two_layer_relu(1, 1)
    np.testing.assert_array_equal(net.vjp([0.0, 3.0], [[1.0]], [1.0]), [0.0, 0.0])


@every_network
def test_linearization_is_one_object_seen_three_ways(net):
    theta, X, rng = case(net, batch=(4,))
    v = rng.standard_normal((4, 6))
    at = net.linearize(theta, X)
    rows = at.jacobian()
    assert rows.shape == (4, 6, net.n_parameters)
    np.testing.assert_array_equal(at.predictions, net.predict(theta, X))
    np.testing.assert_allclose(at.vjp(v), np.einsum("bn,bnp->bp", v, rows), atol=1e-12)
    np.testing.assert_allclose(at.squared_gradient_norms(), (rows**2).sum(-1), rtol=1e-12)


@every_network
def test_a_batch_is_a_loop(net):
    theta, X, rng = case(net, batch=(2, 3))
    v = rng.standard_normal((2, 3, 6))
    together = net.vjp(theta, X, v)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(together[i, j], net.vjp(theta[i, j], X, v[i, j]), atol=1e-13)
        np.testing.assert_allclose(net.predict(theta, X)[i, j], net.predict(theta[i, j], X))


# ---- homogeneity ---------------------------------------------------------------------------


@pytest.mark.parametrize("net", HOMOGENEOUS, ids=str)
@given(log_scale=st.floats(-5, 5))
def test_scaling_theta_scales_the_output_by_the_degree(net, log_scale):
    theta, X, _ = case(net)
    scale = np.exp(log_scale)
    expected = scale**net.degree * net.predict(theta, X)
    np.testing.assert_allclose(net.predict(scale * theta, X), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("net", HOMOGENEOUS, ids=str)
def test_eulers_identity(net):
    theta, X, _ = case(net)
    at = net.linearize(theta, X)
    np.testing.assert_allclose(at.jacobian() @ theta, net.degree * at.predictions, atol=1e-12)


@pytest.mark.parametrize("net", NOT_HOMOGENEOUS, ids=str)
def test_a_network_that_is_not_homogeneous_has_no_degree(net):
    with pytest.raises(ValueError, match="not homogeneous in theta; use relu or linear"):
        _ = net.degree


def test_degrees():
    assert [net.degree for net in HOMOGENEOUS] == [1, 3, 2, 2, 3, 4, 7]
    assert Network((3, 1), "tanh", "all").degree == 1  # one layer has no activation


# ---- what the names say --------------------------------------------------------------------


def test_linear_is_the_inner_product():
    w, X = np.array([1.0, 2.0, 3.0]), np.eye(3)
    np.testing.assert_array_equal(linear(3).predict(w, X), w)
    assert deep_linear(3, 7, 1) == linear(3)


def test_deep_linear_is_the_product_of_its_layers():
    net = deep_linear(3, 4, 3)
    theta, X, _ = case(net)
    W1, W2, W3 = net.layers(theta)
    np.testing.assert_allclose(net.predict(theta, X), (X @ (W3 @ W2 @ W1).T)[:, 0])


def test_two_layer_relu_is_a_sum_over_neurons():
    net = two_layer_relu(3, 5)
    theta, X, _ = case(net)
    W, a = net.layers(theta)
    np.testing.assert_allclose(net.predict(theta, X), np.maximum(X @ W.T, 0) @ a[0])
    np.testing.assert_allclose(net.hidden(theta, X)[0], X @ W.T)


def test_first_layer_bias_is_a_constant_input():
    X = np.random.default_rng(1).standard_normal((6, 3))
    with_bias, augmented = two_layer_relu(3, 5, bias="first"), two_layer_relu(4, 5)
    theta = augmented.random(np.random.default_rng(2))
    np.testing.assert_allclose(
        with_bias.predict(theta, X), augmented.predict(theta, np.c_[X, np.ones(6)])
    )


def test_softplus_of_large_arguments_is_finite():
    net = Network((1, 1, 1), "softplus")
    np.testing.assert_allclose(net.predict([1.0, 1.0], [[1e4], [-1e4]]), [1e4, 0], atol=1e-12)
    assert np.isfinite(net.vjp([1.0, 1.0], [[1e4], [-1e4]], [1.0, 1.0])).all()


@every_network
def test_layers_and_flatten_are_inverse(net):
    theta, _, _ = case(net, batch=(2,))
    np.testing.assert_array_equal(net.flatten(net.layers(theta)), theta)


def test_random_has_the_scale_it_says():
    net = two_layer_relu(4, 1000)
    W, a = net.layers(net.random(np.random.default_rng(0), 3.0, (2,)))
    assert W.shape == (2, 1000, 4)
    np.testing.assert_allclose(W.std() * 2, 3, rtol=0.05)
    np.testing.assert_allclose(a.std() * np.sqrt(1000), 3, rtol=0.05)


# ---- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Network((3,)), "widths must run from the input dimension to 1 output"),
        (lambda: Network((3, 2)), "widths must run from the input dimension to 1 output"),
        (lambda: Network((3, 0, 1)), "widths must be a whole number"),
        (lambda: Network((3, 1), "sigmoid"), "unknown activation 'sigmoid'"),
        (lambda: Network((3, 1), bias="last"), "unknown bias 'last'"),
        (lambda: linear(3).predict(np.ones(4), np.eye(3)), "the 3 parameters"),
        (lambda: linear(3).predict(1.0, np.eye(3)), "the 3 parameters"),
        (lambda: linear(3).predict(np.ones(3), np.eye(4)), "takes \\(\\.\\.\\., n_samples, 3\\)"),
        (lambda: linear(3).predict(np.ones(3), np.ones(3)), "takes \\(\\.\\.\\., n_samples, 3\\)"),
        (lambda: linear(3).flatten([np.ones((2, 3))]), "layers have shapes"),
        (lambda: linear(3).random(np.random.default_rng(0), 0.0), "scale must be finite and"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
