"""Potentials of mirror descent: gradients, inverses, divergences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias import datasets
from ibias.models import DiagonalLinear
from ibias.potentials import (
    DepthEntropy,
    HyperbolicEntropy,
    NegativeEntropy,
    PowerNorm,
    SquaredNorm,
)

POTENTIALS = [
    SquaredNorm(1.2),
    SquaredNorm(2),
    SquaredNorm(4),
    PowerNorm(1.5),
    PowerNorm(3),
    NegativeEntropy(),
    HyperbolicEntropy(0.01),
    HyperbolicEntropy(1.0),
    HyperbolicEntropy(30.0),
    DepthEntropy(3, 0.1),
    DepthEntropy(4, 0.5),
    DepthEntropy(5, 3.0),
]
every = pytest.mark.parametrize("potential", POTENTIALS, ids=str)


def points(potential, seed=0, shape=(3, 6)):
    w = datasets.generator(seed).standard_normal(shape)
    return np.abs(w) if isinstance(potential, NegativeEntropy) else w


@every
def test_gradient_is_the_derivative_of_the_value(potential):
    w, h = points(potential), 1e-6
    numeric = np.stack(
        [(potential.value(w + h * e) - potential.value(w - h * e)) / (2 * h) for e in np.eye(6)],
        axis=-1,
    )
    assert potential.gradient(w) == pytest.approx(numeric, rel=1e-6, abs=1e-8)


@every
def test_inverse_gradient_undoes_the_gradient(potential):
    w = points(potential)
    assert potential.inverse_gradient(potential.gradient(w)) == pytest.approx(w, rel=1e-12)
    assert potential.inverse_gradient(potential.gradient(w[0])) == pytest.approx(w[0], rel=1e-12)


@every
def test_inverse_metric_is_the_derivative_of_the_inverse_gradient(potential):
    m, h = potential.gradient(points(potential)[0]), 1e-6
    numeric = np.stack(
        [
            (potential.inverse_gradient(m + h * e) - potential.inverse_gradient(m - h * e))
            / (2 * h)
            for e in np.eye(6)
        ],
        axis=-1,
    )
    metric = potential.inverse_metric(m)
    metric = np.diag(metric) if metric.ndim == 1 else metric
    assert metric == pytest.approx(numeric, rel=1e-6, abs=1e-8)


@every
def test_bregman_is_the_gap_to_the_tangent_and_positive(potential):
    w, start = points(potential, 1), points(potential, 2)
    tangent = potential.value(start) + (potential.gradient(start) * (w - start)).sum(-1)
    gap = potential.bregman(w, start)
    assert gap == pytest.approx(potential.value(w) - tangent, rel=1e-9, abs=1e-12)
    assert (gap > 0).all()
    assert potential.bregman(w, w) == pytest.approx(0, abs=1e-14)


@given(
    p=st.floats(1.05, 20),
    w=st.lists(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=8),
)
def test_squared_norm_pairs_with_its_dual(p, w):
    w = np.array(w)
    m = SquaredNorm(p).gradient(w)
    assert m @ w == pytest.approx(np.linalg.norm(w, ord=p) ** 2, rel=1e-9)  # Euler's identity
    assert np.linalg.norm(m, ord=p / (p - 1)) == pytest.approx(np.linalg.norm(w, ord=p), rel=1e-9)


def test_squared_norm_at_zero():
    assert (SquaredNorm(3).gradient(np.zeros((2, 4))) == 0).all()


def test_hyperbolic_entropy_interpolates_between_l2_and_l1():
    w = points(HyperbolicEntropy(1.0), 3, (6,))
    large, small = 1e4, 1e-100
    assert HyperbolicEntropy(large).value(w) * 16 * large**2 == pytest.approx(w @ w, rel=1e-6)
    l1 = HyperbolicEntropy(small).value(w) * 2 / np.log(1 / small)
    assert l1 == pytest.approx(np.abs(w).sum(), rel=0.01)


def test_hyperbolic_entropy_is_the_flow_of_the_diagonal_network():
    # One small Euler step of u' = -2 u g, v' = 2 v g moves m = grad psi(w) by -g dt.
    rng = datasets.generator(4)
    scale, g, dt = 0.3, rng.standard_normal(5), 1e-6
    path = rng.standard_normal(5)  # -int g so far
    u, v = scale * np.exp(2 * path), scale * np.exp(-2 * path)
    after = (u - 2 * dt * u * g) ** 2 - (v + 2 * dt * v * g) ** 2
    potential = HyperbolicEntropy(scale)
    assert potential.gradient(u**2 - v**2) == pytest.approx(path, rel=1e-12)
    moved = potential.gradient(after) - potential.gradient(u**2 - v**2)
    assert moved / dt == pytest.approx(-g, rel=1e-4)


@pytest.mark.parametrize("depth", [3, 4, 7])
def test_depth_entropy_is_the_flow_of_the_deep_diagonal_network(depth):
    rng = datasets.generator(4)
    net, scale, dt = DiagonalLinear(5, depth), 0.4, 1e-7
    g = rng.standard_normal(5)
    potential = DepthEntropy(depth, scale)
    m = potential.gradient(rng.standard_normal(5))
    u, v = ((potential.rest + s * potential.pace * m) ** (-1 / (depth - 2)) for s in (-1, 1))
    theta = np.concatenate([u, v])
    after = theta - dt * net.pullback(theta, g)
    assert potential.inverse_gradient(m) == pytest.approx(net.weights(theta), rel=1e-12)
    moved = potential.gradient(net.weights(after)) - potential.gradient(net.weights(theta))
    assert moved / dt == pytest.approx(-g, rel=1e-4)
    start = np.full(10, scale)  # at rest, and nowhere else, w = 0
    assert potential.inverse_gradient(np.zeros(5)) == pytest.approx(net.weights(start))


def test_depth_entropy_of_a_tiny_scale_is_the_l1_norm():
    w = points(HyperbolicEntropy(1.0), 3, (6,))
    potential = DepthEntropy(3, 1e-6)
    l1 = potential.value(w) * potential.pace / potential.rest
    assert l1 == pytest.approx(np.abs(w).sum(), rel=1e-4)


def test_beyond_the_edge_a_depth_entropy_is_infinite():
    potential = DepthEntropy(3, 0.1)
    edge = potential.rest / potential.pace
    assert potential.inverse_gradient([-1.01 * edge, edge]).tolist() == [-np.inf, np.inf]
    assert potential.inverse_metric([1.01 * edge]).tolist() == [np.inf]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SquaredNorm(1), "p must be greater than 1"),
        (lambda: SquaredNorm(np.inf), "p must be finite"),
        (lambda: PowerNorm(0.5), "p must be greater than 1"),
        (lambda: HyperbolicEntropy(0), "scale must be finite and greater than 0"),
        (lambda: HyperbolicEntropy(1e-200), "scale must be at least"),
        (lambda: DepthEntropy(2, 0.1), "depth must be at least 3"),
        (lambda: DepthEntropy(3, 0), "scale must be finite and greater than 0"),
        (lambda: DepthEntropy(9, 1e-100), "scale must have a power"),
        (lambda: NegativeEntropy().gradient([1.0, 0.0]), "w must be greater than 0"),
        (lambda: NegativeEntropy().bregman([-1.0], [1.0]), "w has entries below 0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
