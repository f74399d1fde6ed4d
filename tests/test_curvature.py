"""The eigenvalues of a fit's Hessian: against differences of the gradient, and by hand."""

import numpy as np
import pytest

from ibias import datasets
from ibias.models import DiagonalLinear, Network, curvatures


def hessian(model, theta, X, y, h=1e-5):
    """Differences of the gradient of the mean squared loss, halved."""

    def slope(theta):
        there = model.linearize(theta, X)
        return there.vjp((there.predictions - y) / len(y))

    rows = [(slope(theta + h * e) - slope(theta - h * e)) / (2 * h) for e in np.eye(theta.size)]
    return np.array(rows)


@pytest.mark.parametrize("model", [DiagonalLinear(3, depth=2), Network((3, 4, 1), "tanh")])
def test_they_are_those_of_the_hessian_at_a_fit(model):
    rng = np.random.default_rng(0)
    X, theta = rng.standard_normal((2, 3)), rng.standard_normal(model.n_parameters)
    full = np.linalg.eigvalsh(hessian(model, theta, X, model.predict(theta, X)))
    np.testing.assert_allclose(curvatures(model, theta, X), full[-2:], rtol=1e-7)
    np.testing.assert_allclose(full[:-2], 0, atol=1e-7)
    assert curvatures(model, np.stack([theta] * 3), X).shape == (3, 2)


def test_two_kinds_of_flat_have_the_minima_of_their_documentation():
    data, net = datasets.two_kinds_of_flat(), DiagonalLinear(3, depth=2)
    s = np.linspace(-2, 2, 401)
    w = np.stack([1 - 2 * s, s, 1 + s], axis=-1)
    np.testing.assert_allclose(w @ data.X.T, np.broadcast_to(data.y, (401, 2)), atol=1e-12)
    theta = np.sqrt(np.concatenate([w.clip(0), (-w).clip(0)], axis=-1))
    found = curvatures(net, theta, data.X)
    np.testing.assert_allclose(w[found.sum(axis=-1).argmin()], [1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(w[found[:, -1].argmin()], [2, -0.5, 0.5], atol=1e-12)
