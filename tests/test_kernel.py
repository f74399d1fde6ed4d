"""The ReLU kernel against samples of it; the kernel margin against the linear one."""

import numpy as np
import pytest

from ibias import datasets, models, optima

DATA = datasets.sectors(0, half_width=20)


def test_relu_kernel_is_the_mean_over_random_neurons():
    rng = np.random.default_rng(0)
    X, V = rng.standard_normal((3, 4)), rng.standard_normal((2, 4))
    W = rng.standard_normal((400_000, 4))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    sampled = np.maximum(X @ W.T, 0) @ np.maximum(V @ W.T, 0).T / len(W)
    np.testing.assert_allclose(models.relu_kernel(X, V), sampled, atol=4e-3)


def test_relu_kernel_is_homogeneous_and_knows_the_zero_vector():
    X = np.random.default_rng(1).standard_normal((3, 4))
    np.testing.assert_allclose(models.relu_kernel(2 * X, 3 * X), 6 * models.relu_kernel(X))
    np.testing.assert_array_equal(models.relu_kernel(np.zeros((1, 4)), X), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="give the same"):
        models.relu_kernel(X, X[:, :2])


def test_the_linear_kernel_has_the_linear_margin():
    data = datasets.separable(2)
    linear, kernel = optima.max_margin(data), optima.kernel_margin(data.X @ data.X.T, data.y)
    assert kernel.margin == pytest.approx(linear.margin, rel=1e-9)
    assert data.X.T @ kernel.coefficients == pytest.approx(linear.direction, abs=1e-7)


def test_the_function_has_norm_one_and_the_margin_it_says():
    kernel = models.relu_kernel(DATA.X)
    best = optima.kernel_margin(kernel, DATA.y)
    c = best.coefficients
    assert c @ kernel @ c == pytest.approx(1)
    assert (DATA.y * (kernel @ c)).min() == pytest.approx(best.margin, rel=1e-6)
    assert 0 <= best.duality_gap + 1e-12 < 1e-9


def test_a_wide_random_first_layer_has_nearly_the_kernels_margin():
    W = np.random.default_rng(0).standard_normal((4000, 2))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    features = np.maximum(DATA.X @ W.T, 0) / np.sqrt(len(W))
    wide = optima.max_margin(datasets.Dataset(features, DATA.y))
    kernel = optima.kernel_margin(models.relu_kernel(DATA.X), DATA.y)
    assert wide.margin == pytest.approx(kernel.margin, rel=0.03)


@pytest.mark.parametrize(
    "kernel, message",
    [
        (np.ones((2, 3)), "must be symmetric"),
        ([[1.0, 2.0], [0.0, 1.0]], "must be symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "must be positive semidefinite"),
        (np.zeros((2, 2)), "must be positive semidefinite"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, message):
    with pytest.raises(ValueError, match=message):
        optima.kernel_margin(kernel, [1, -1])


def test_data_that_no_function_separates():
    with pytest.raises(optima.NotSeparable):
        optima.kernel_margin(models.relu_kernel([[1.0, 0.0], [2.0, 0.0]]), [1, -1])
