"""What every model promises: stacks, scales, precision, and formulas written a second time."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from ibias import datasets, models
from ibias.models import matrix_product

RNG = np.random.default_rng(5)
MODELS = [
    models.Attention(3, 2),
    models.DiagonalLinear(4, 3),
    models.CircularConvolution(5, 3),
    models.MatrixProduct((2, 3), 3),
    models.MatrixProduct((3, 2), 2, width=4),
    models.MatrixProduct((2, 2), 1),
    models.Network((4, 3, 1), "relu", "first"),
    models.Network((4, 3, 2, 1), "softplus", "all"),
]
NORMALIZED = [models.Direction(4), models.WeightNormalized(4, rate=0.3)]
LINEAR = [net for net in [*MODELS, *NORMALIZED] if hasattr(net, "pullback")]
PREDICTING = [net for net in MODELS if hasattr(net, "linearize")]


def features(net):
    return net.widths[0] if hasattr(net, "widths") else net.n_features


@pytest.mark.parametrize("net", MODELS, ids=repr)
def test_random_parameters_scale_and_have_the_shape_of_a_batch(net):
    one = net.random(np.random.default_rng(0))
    assert one.shape == (net.n_parameters,)
    for batch in ((), (3,), (2, 3)):
        plain = net.random(np.random.default_rng(1), batch=batch)
        assert plain.shape == (*batch, net.n_parameters)
        tripled = net.random(np.random.default_rng(1), 3.0, batch)
        np.testing.assert_allclose(tripled, 3 * plain, rtol=1e-12)
    if not isinstance(net, models.Network):
        np.testing.assert_array_equal(
            one, np.random.default_rng(0).standard_normal(net.n_parameters)
        )
    with pytest.raises(ValueError, match="scale must be finite and greater than 0"):
        net.random(np.random.default_rng(0), -1.0)


@pytest.mark.parametrize("net", LINEAR, ids=repr)
def test_weights_and_pullback_of_any_kind_of_numbers(net):
    theta = RNG.standard_normal((2, 3, net.n_parameters))
    g = RNG.standard_normal((2, 3, net.n_features))
    weights, pulled = net.weights(theta), net.pullback(theta, g)
    assert weights.shape == g.shape and pulled.shape == theta.shape
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(weights[i], net.weights(theta[i]), rtol=1e-11, atol=1e-13)
        alone = net.pullback(theta[i], g[i])
        np.testing.assert_allclose(pulled[i], alone, rtol=1e-11, atol=1e-13)
        h = 1e-6
        slopes = [
            (net.weights(theta[i] + h * e) - net.weights(theta[i] - h * e)) @ g[i] / (2 * h)
            for e in np.eye(net.n_parameters)
        ]
        np.testing.assert_allclose(alone, slopes, atol=1e-6 * (1 + np.abs(alone).max()))
    whole = np.arange(1, net.n_parameters + 1)
    np.testing.assert_allclose(net.weights(whole), net.weights(whole.astype(float)), rtol=1e-12)
    np.testing.assert_allclose(net.weights(list(whole)), net.weights(whole.astype(float)))
    single = theta[0, 0].astype(np.float32)
    assert net.weights(single).dtype == float
    np.testing.assert_allclose(net.weights(single), net.weights(single.astype(float)), rtol=1e-12)


@pytest.mark.parametrize("net", NORMALIZED, ids=repr)
def test_the_pullback_through_a_length_is_in_double_precision(net):
    theta = RNG.standard_normal(net.n_parameters).astype(np.float32)
    g = RNG.standard_normal(4).astype(np.float32)
    exact = net.pullback(theta.astype(float), g.astype(float))
    for one in (theta, theta.astype(float), theta.tolist()):
        for other in (g, g.astype(float), g.tolist()):
            found = net.pullback(one, other)
            assert found.dtype == float
            np.testing.assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("net", PREDICTING, ids=repr)
def test_predictions_and_their_gradients_in_all_their_forms(net):
    theta, X = RNG.standard_normal((2, net.n_parameters)), RNG.standard_normal((5, features(net)))
    predictions, at, h = net.predict(theta, X), net.linearize(theta, X), 1e-6
    jacobian = at.jacobian()
    assert jacobian.shape == (2, 5, net.n_parameters)
    for i, one in enumerate(theta):
        np.testing.assert_allclose(predictions[i], net.predict(one, X), rtol=1e-11)
        slopes = np.stack(
            [
                (net.predict(one + h * e, X) - net.predict(one - h * e, X)) / (2 * h)
                for e in np.eye(net.n_parameters)
            ],
            axis=-1,
        )
        np.testing.assert_allclose(jacobian[i], slopes, atol=1e-6 * (1 + np.abs(slopes).max()))
        alone = net.linearize(one, X)
        np.testing.assert_allclose(alone.jacobian(), jacobian[i], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(at.predictions, predictions, rtol=1e-12)
    v = RNG.standard_normal((2, 5))
    np.testing.assert_allclose(at.vjp(v), np.einsum("bn,bnp->bp", v, jacobian), atol=1e-11)
    squares = (jacobian**2).sum(axis=-1)
    np.testing.assert_allclose(at.squared_gradient_norms(), squares, rtol=1e-11)
    whole = np.arange(5 * features(net)).reshape(5, -1) % 4
    for given in (whole, whole.tolist(), whole.astype(np.float32)):
        exact = net.predict(theta, whole.astype(float))
        np.testing.assert_allclose(net.predict(theta, given), exact, rtol=1e-12)
        there = net.linearize(theta, given)
        expected = net.linearize(theta, whole.astype(float)).jacobian()
        np.testing.assert_allclose(there.jacobian(), expected, rtol=1e-12)
    if isinstance(net, models.DiagonalLinear | models.CircularConvolution):
        rounded, few = X.astype(np.float32), v.astype(np.float32)
        expected = net.vjp(theta, rounded.astype(float), few.astype(float))
        np.testing.assert_allclose(net.vjp(theta, rounded, few), expected, rtol=1e-11, atol=1e-13)
    if not isinstance(net, models.Network):  # which takes numbers of any kind as they are
        single = theta.astype(np.float32)
        expected = net.linearize(single.astype(float), X).jacobian()
        np.testing.assert_allclose(net.linearize(single, X).jacobian(), expected, rtol=1e-12)
    for wrong in (np.ones(net.n_parameters + 1), 1.0):
        with pytest.raises(ValueError, match="theta has shape"):
            net.predict(wrong, X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.Attention(0, 2), "n_tokens must be a whole"),
        (lambda: models.Attention(2, 0), "n_keys must be a whole"),
        (lambda: models.DiagonalLinear(0, 2), "n_features must be a whole"),
        (lambda: models.DiagonalLinear(2, 0), "depth must be a whole"),
        (lambda: models.Direction(0), "n_features must be a whole"),
        (lambda: models.WeightNormalized(0), "n_features must be a whole"),
        (lambda: models.WeightNormalized(2, 0.0), "rate must be"),
        (lambda: models.MatrixProduct((2,), 2), r"shape must be \(n_rows, n_columns\)"),
        (lambda: models.MatrixProduct((2, 0), 2), "shape must be a whole"),
        (lambda: models.MatrixProduct((0, 2), 2), "shape must be a whole"),
        (lambda: models.MatrixProduct((2, 2), 0), "depth must be a whole"),
        (lambda: models.MatrixProduct((2, 2), 2, 0), "width must be a whole"),
        (lambda: models.Network("31"), "widths must be a list"),
        (lambda: models.Network((3, 4, 2)), "widths must run"),
        (lambda: models.Network((3, 0, 1)), "widths must be a whole"),
        (lambda: models.deep_linear(0, 2, 2), "n_features must be a whole"),
        (lambda: models.deep_linear(2, 0, 2), "width must be a whole"),
        (lambda: models.deep_relu(2, 2, 0), "depth must be a whole"),
        (lambda: models.Attention(2, 1).tokens(np.ones(4)), r"it must be \(n_samples, 4\)"),
        (lambda: models.Attention(2, 1).tokens(np.ones((3, 5))), r"it must be \(n_samples, 4\)"),
        (lambda: models.singular_values([1.0, 2.0]), "W must be a matrix or a stack"),
        (lambda: models.effective_rank(np.stack([np.eye(2), 0 * np.eye(2)])), "zero matrix"),
        (lambda: models.Direction(2).weights([[1.0, 0.0], [0.0, 0.0]]), "zero vector somewhere"),
        (lambda: models.relu_kernel(np.ones((2, 3)), np.ones((2, 2))), "has 3 columns but V has 2"),
        (lambda: models.relu_kernel(np.ones(3)), "X must have 2 axes"),
        (lambda: models.relu_kernel(np.eye(3), np.ones(3)), "V must have 2 axes"),
        (lambda: models.curvatures(models.linear(2), np.ones(2), np.ones(2)), "X must have 2 axes"),
        (lambda: models.curvatures(3, np.ones(2), np.eye(2)), "model must be a model"),
        (lambda: matrix_product.product([]), "factors is empty"),
        (lambda: matrix_product.product([np.eye(2), np.ones(2)]), "a sequence of matrices"),
        (lambda: matrix_product.vjp([], np.eye(2)), "factors is empty"),
        (lambda: matrix_product.imbalance([]), "factors is empty"),
        (lambda: matrix_product.scaled_identity(1.0, (2, 2), 2, width=1.5), "width must be"),
        (lambda: matrix_product.scaled_identity(1.0, (2, 2), 0), "depth must be"),
        (lambda: matrix_product.balanced_velocity(np.eye(2), np.eye(2), 0), "depth must be"),
    ],
)
def test_what_is_no_model_and_no_argument_of_one(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- products of matrices ------------------------------------------------------------------


def test_a_product_of_matrices_and_its_parameters():
    net = models.MatrixProduct((2, 5), 3)
    assert net.shapes == ((2, 2), (2, 2), (2, 5)) and net.n_parameters == 18
    assert net.degree == 3 and net.n_features == 10
    assert models.MatrixProduct((5, 2), 2).shapes == ((5, 2), (2, 2))
    assert models.MatrixProduct((2, 5), 2, width=7).shapes == ((2, 7), (7, 5))
    assert models.MatrixProduct((2, 5), 1, width=7).shapes == ((2, 5),)
    theta = RNG.standard_normal((4, 3, 18))
    factors = net.factors(theta)
    assert [f.shape for f in factors] == [(4, 3, 2, 2), (4, 3, 2, 2), (4, 3, 2, 5)]
    np.testing.assert_array_equal(net.theta(factors), theta)
    np.testing.assert_array_equal(factors[1][0, 0].ravel(), theta[0, 0, 4:8])
    W = factors[0] @ factors[1] @ factors[2]
    np.testing.assert_allclose(net.matrix(theta), W, rtol=1e-12)
    np.testing.assert_allclose(net.weights(theta), W.reshape(4, 3, 10), rtol=1e-12)
    spread = net.theta([factors[0][0], factors[1][0, 0], factors[2]])  # batches are broadcast
    assert spread.shape == (4, 3, 18)
    np.testing.assert_array_equal(spread[2, 1, :4], factors[0][0, 1].ravel())
    np.testing.assert_array_equal(spread[2, 1, 4:8], factors[1][0, 0].ravel())
    np.testing.assert_array_equal(spread[2, 1, 8:], factors[2][2, 1].ravel())
    with pytest.raises(ValueError, match=r"factors have the shapes .* expected"):
        net.theta(factors[:2])
    with pytest.raises(ValueError, match=r"factors\[1\] holds 4 NaN"):
        net.theta([np.eye(2), np.full((2, 2), np.nan), np.ones((2, 5))])


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_balanced_factors_and_their_velocity(batch, shape, depth):
    W, G = RNG.standard_normal((2, *batch, *shape))
    factors = matrix_product.balanced_factors(W, depth)
    assert len(factors) == depth
    np.testing.assert_allclose(matrix_product.product(factors), W, atol=1e-12)
    for A, B in pairwise(factors):
        np.testing.assert_allclose(A.mT @ A, B @ B.mT, atol=1e-12)
    whole = matrix_product.velocity(factors, G)
    np.testing.assert_allclose(matrix_product.balanced_velocity(W, G, depth), whole, atol=1e-10)
    expected = 0
    for j in range(depth):
        left = matrix_product.product(factors[:j]) if j else np.eye(shape[0])
        right = matrix_product.product(factors[j + 1 :]) if j + 1 < depth else np.eye(shape[1])
        expected = expected - left @ left.mT @ G @ right.mT @ right
    np.testing.assert_allclose(whole, expected, atol=1e-10)
    rounded, G = W.astype(np.float32), G.astype(np.float32)
    found = matrix_product.balanced_velocity(rounded, G, depth)
    exact = matrix_product.balanced_velocity(rounded.astype(float), G.astype(float), depth)
    np.testing.assert_allclose(found, exact, atol=1e-11)
    single = matrix_product.balanced_factors(W.astype(np.float32), depth)
    assert all(factor.dtype == float for factor in single)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_the_largest_imbalance_of_a_chain(batch):
    factors = [RNG.standard_normal((*batch, 3, 3)) * size for size in (1, 5, 0.1, 3)]
    gaps = [np.sqrt(((A.mT @ A - B @ B.mT) ** 2).sum(axis=(-2, -1))) for A, B in pairwise(factors)]
    found = matrix_product.imbalance(factors)
    assert found.shape == batch
    np.testing.assert_allclose(found, np.max(gaps, axis=0), rtol=1e-12)
    two = matrix_product.imbalance(factors[:2])
    np.testing.assert_allclose(two, gaps[0], rtol=1e-12)


def test_scaled_identities_of_every_shape():
    for depth in (1, 2, 3):
        factors = matrix_product.scaled_identity(0.008, (2, 3, 4), depth)
        assert [f.shape for f in factors] == {
            1: [(2, 3, 4)],
            2: [(2, 3, 3), (2, 3, 4)],
            3: [(2, 3, 3), (2, 3, 3), (2, 3, 4)],
        }[depth]
        expected = np.broadcast_to(0.008 * np.eye(3, 4), (2, 3, 4))
        np.testing.assert_allclose(matrix_product.product(factors), expected, rtol=1e-12)
        np.testing.assert_allclose(factors[0][1, 0, 0], 0.008 ** (1 / depth))
        factors[0][0, 0, 0] = 7  # a copy: nothing else moves
        assert factors[0][1, 0, 0] < 1
    wide = matrix_product.scaled_identity(1.0, (2, 3), 2, width=6)
    assert [f.shape for f in wide] == [(2, 6), (6, 3)]


def test_gradients_of_whole_numbers():
    factors = [np.array([[1, 2], [3, 4]]), np.array([[0, 1], [1, 1]])]
    for G in ([[1, 0], [2, 1]], np.array([[1, 0], [2, 1]])):
        left, right = matrix_product.vjp(factors, G)
        np.testing.assert_array_equal(left, np.array(G) @ factors[1].T)
        np.testing.assert_array_equal(right, factors[0].T @ np.array(G))
        assert left.dtype == right.dtype == float
        moved = matrix_product.velocity(factors, G)
        np.testing.assert_array_equal(moved, -(left @ factors[1] + factors[0] @ right))
    kept = np.eye(2)
    matrix_product.vjp([np.eye(2)], kept)[0][0, 0] = 5
    assert kept[0, 0] == 1


# ---- networks ------------------------------------------------------------------------------

ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "squared_relu": lambda z: np.maximum(z, 0) ** 2,
    "tanh": np.tanh,
    "softplus": lambda z: np.log1p(np.exp(z)),
}


@pytest.mark.parametrize("bias", ["none", "first", "all"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_layer_by_layer(activation, bias):
    net, act = models.Network((3, 4, 2, 1), activation, bias), ACTIVATIONS[activation]
    theta, X = RNG.standard_normal(net.n_parameters), RNG.standard_normal((6, 3))
    hidden, leaving = X, []
    extra = {"none": [0, 0, 0], "first": [1, 0, 0], "all": [1, 1, 1]}[bias]
    sizes = [(4, 3 + extra[0]), (2, 4 + extra[1]), (1, 2 + extra[2])]
    assert net.shapes == tuple(sizes) and net.depth == 3
    assert net.n_parameters == sum(a * b for a, b in sizes)
    start = 0
    for (rows, columns), with_bias in zip(sizes, extra, strict=True):
        W = theta[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
        into = np.c_[hidden, np.ones(6)] if with_bias else hidden
        leaving.append(into @ W.T)
        hidden = act(leaving[-1])
    np.testing.assert_allclose(net.predict(theta, X), leaving[-1][:, 0], rtol=1e-12)
    found = net.hidden(theta, X)
    assert len(found) == 2
    for z, expected in zip(found, leaving, strict=False):
        np.testing.assert_allclose(z, expected, rtol=1e-12)
    at = net.linearize(theta, X)
    h = 1e-6
    slopes = [
        (net.predict(theta, X + h * e) - net.predict(theta, X - h * e)) / (2 * h) for e in np.eye(3)
    ]
    np.testing.assert_allclose(at.input_gradients(), np.transpose(slopes), atol=1e-7)
    assert at.first_layer.shape == (4, 3)


def test_networks_by_their_names():
    assert models.deep_relu(2, 5, 3) == models.Network((2, 5, 5, 1), "relu")
    assert models.deep_linear(2, 5, 3) == models.Network((2, 5, 5, 1), "linear")
    assert models.two_layer_relu(2, 5) == models.Network((2, 5, 1), "relu", "none")
    assert models.two_layer_relu(2, 5, "all") == models.Network((2, 5, 1), "relu", "all")
    assert models.linear(4) == models.Network((4, 1), "linear")
    assert models.Network([np.int64(2), 3, 1]).widths == (2, 3, 1)
    assert models.Network((2, 3, 1)).activation == "relu" and models.Network((2, 1)).bias == "none"


@pytest.mark.parametrize(
    ("activation", "bias", "depth", "degree"),
    [
        ("linear", "none", 1, 1),
        ("tanh", "all", 1, 1),
        ("relu", "none", 2, 2),
        ("relu", "first", 3, 3),
        ("squared_relu", "first", 2, 3),
        ("squared_relu", "none", 3, 7),
        ("relu", "all", 2, None),
        ("tanh", "none", 2, None),
        ("softplus", "first", 2, None),
    ],
)
def test_the_degree_of_a_network(activation, bias, depth, degree):
    net = models.Network((2, *[3] * (depth - 1), 1), activation, bias)
    if degree is None:
        with pytest.raises(ValueError, match="is not homogeneous in theta"):
            _ = net.degree
    else:
        assert net.degree == degree


def test_a_random_network_draws_layer_by_layer():
    net = models.Network((3, 4, 1), "relu", "first")
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 4, 4)), rng.standard_normal((2, 1, 4))
    found = net.random(np.random.default_rng(0), 2.0, (2,))
    W, a = net.layers(found)
    np.testing.assert_allclose(W, first * 2 / np.sqrt(4), rtol=1e-12)
    np.testing.assert_allclose(a, second * 2 / np.sqrt(4), rtol=1e-12)


# ---- functions of networks and of matrices ---------------------------------------------------


def test_margins_of_a_network_by_their_formulas():
    net, data = models.two_layer_relu(3, 4), datasets.separable(0, 8, 3)
    theta = RNG.standard_normal((2, 3, net.n_parameters))
    q = data.y * net.predict(theta, data.X)
    size = np.linalg.norm(theta, axis=-1) ** 2
    np.testing.assert_allclose(models.margins(net, data, theta), q, rtol=1e-12)
    np.testing.assert_allclose(
        models.normalized_margin(net, data, theta), q.min(axis=-1) / size, rtol=1e-12
    )
    soft = -np.log(np.exp(-q).sum(axis=-1)) / size
    np.testing.assert_allclose(models.smoothed_margin(net, data, theta), soft, rtol=1e-11)
    W, a = theta[..., :12].reshape(2, 3, 4, 3), theta[..., 12:]
    paths = (np.abs(a) * np.sqrt((W**2).sum(axis=-1))).sum(axis=-1)
    np.testing.assert_allclose(models.path_norm(net, theta), paths, rtol=1e-12)
    theta[1, 2] = 0
    for function in (models.normalized_margin, models.smoothed_margin):
        with pytest.raises(ValueError, match="theta is zero somewhere"):
            function(net, data, theta)
        with pytest.raises(ValueError, match="not homogeneous"):
            function(models.Network((3, 4, 1), "tanh"), data, np.ones(16))
    deep = models.deep_relu(3, 2, 3)
    with pytest.raises(ValueError, match="net must have two layers"):
        models.path_norm(deep, np.ones(deep.n_parameters))
    for call in (
        lambda: models.margins(3, data, theta),
        lambda: models.path_norm(models.DiagonalLinear(3, 2), theta),
    ):
        with pytest.raises(ValueError, match=r"net must be a Network; .*models\.two_layer_relu"):
            call()
    with pytest.raises(ValueError, match="data must be a Dataset"):
        models.margins(net, data.X, theta)


def test_the_kernel_is_the_mean_over_the_circle():
    X, V = RNG.standard_normal((3, 2)), RNG.standard_normal((2, 2))

    def mean(x, v):
        def product(a):
            w = np.array([np.cos(a), np.sin(a)])
            return max(w @ x, 0) * max(w @ v, 0)

        kinks = [np.arctan2(z[1], z[0]) + s * np.pi / 2 for z in (x, v) for s in (-1, 1)]
        return quad(product, 0, 2 * np.pi, points=np.mod(kinks, 2 * np.pi))[0] / (2 * np.pi)

    np.testing.assert_allclose(
        models.relu_kernel(X, V), [[mean(x, v) for v in V] for x in X], rtol=1e-7
    )
    for d in (1, 3, 7):
        X = RNG.standard_normal((4, d))
        K = models.relu_kernel(X)
        np.testing.assert_allclose(np.diag(K), (X**2).sum(axis=1) / (2 * d), rtol=1e-7)
        np.testing.assert_allclose(models.relu_kernel(X, X), K, rtol=1e-12)
        np.testing.assert_allclose(models.relu_kernel(2 * X, 5 * X), 10 * K, rtol=1e-7)
        opposite = np.diag(models.relu_kernel(X, -X))
        np.testing.assert_allclose(opposite, 0, atol=1e-7)
    assert (models.relu_kernel([[0.0, 0.0], [1.0, 0.0]])[0] == 0).all()


def test_functions_of_singular_values_of_a_stack():
    W = RNG.standard_normal((2, 4, 3))
    s = np.sqrt(np.linalg.eigvalsh(W.mT @ W))[:, ::-1]
    np.testing.assert_allclose(models.singular_values(W), s, rtol=1e-10)
    np.testing.assert_allclose(models.nuclear_norm(W), s.sum(axis=1), rtol=1e-10)
    p = s / s.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        models.effective_rank(W), np.exp(-(p * np.log(p)).sum(axis=1)), rtol=1e-10
    )
    assert models.effective_rank(np.diag([3.0, 0.0])) == pytest.approx(1.0)
    deep = RNG.standard_normal((2, 3, 4, 5))
    for function in (models.singular_values, models.nuclear_norm, models.effective_rank):
        alone = np.array([[function(one) for one in row] for row in deep])
        np.testing.assert_allclose(function(deep), alone, rtol=1e-10)
    assert models.singular_values(np.ones((1, 1))).tolist() == [1.0]


def test_curvatures_are_the_squares_of_the_jacobian_over_the_samples():
    net, X = models.Network((3, 4, 1), "tanh"), RNG.standard_normal((5, 3))
    theta = RNG.standard_normal((2, net.n_parameters))
    J = net.linearize(theta, X).jacobian()
    expected = np.linalg.svd(J, compute_uv=False)[..., ::-1] ** 2 / 5
    np.testing.assert_allclose(models.curvatures(net, theta, X), expected, rtol=1e-9, atol=1e-12)


def test_attention_token_by_token():
    net = models.Attention(3, 2)
    assert net.widths == (9, 1) and net.n_parameters == 2
    X, theta = RNG.standard_normal((4, 9)), RNG.standard_normal((2, 2))
    keys, values = net.tokens(X)
    weights, predicted = net.weights_of_tokens(theta, X), net.predict(theta, X)
    assert keys.shape == (4, 3, 2) and values.shape == (4, 3) and weights.shape == (2, 4, 3)
    for b, i in np.ndindex(2, 4):
        row = X[i].reshape(3, 3)
        powers = np.exp(row[:, :2] @ theta[b])
        np.testing.assert_allclose(weights[b, i], powers / powers.sum(), rtol=1e-12)
        expected = powers @ row[:, 2] / powers.sum()
        np.testing.assert_allclose(predicted[b, i], expected, rtol=1e-12)
    np.testing.assert_array_equal(net.query(theta), theta)
    assert net.tokens(X.astype(int))[0].dtype == float


def test_weight_normalisation_of_a_stack():
    net = models.WeightNormalized(3, rate=0.25)
    assert net.n_parameters == 4 and models.Direction(3).n_parameters == 3
    assert models.WeightNormalized(3).rate == 1.0
    w = RNG.standard_normal((2, 5, 3))
    theta = net.theta(w)
    np.testing.assert_allclose(net.weights(theta), w, rtol=1e-12)
    np.testing.assert_allclose(theta[..., 3], np.linalg.norm(w, axis=-1) / 0.5, rtol=1e-12)
    longer = theta * np.array([7.0, 7.0, 7.0, 1.0])  # the length of v changes nothing
    np.testing.assert_allclose(net.weights(longer), w, rtol=1e-12)
    units = models.Direction(3).weights(7 * w)
    np.testing.assert_allclose(units, w / np.linalg.norm(w, axis=-1, keepdims=True), rtol=1e-12)
