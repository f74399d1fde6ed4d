"""Potentials of mirror descent: gradients, inverses, divergences."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias import datasets
from ibias.models import DiagonalLinear
from ibias.potentials import (
    LARGEST_LOG,
    SMALLEST_SCALE,
    DepthEntropy,
    HyperbolicEntropy,
    NegativeEntropy,
    Potential,
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


CONVERTING = [SquaredNorm(1.2), SquaredNorm(4), HyperbolicEntropy(0.3), DepthEntropy(4, 0.5)]


@every
def test_what_comes_in_single_precision_is_computed_in_double(potential):
    single = np.float32([0.1, 0.25, 1 / 3, 0.7])
    functions = ["value", "gradient", "inverse_gradient", "inverse_metric", "metric"]
    for function in (getattr(potential, name) for name in functions):
        found = np.asarray(function(single))
        assert found.dtype == np.float64
        assert found.tolist() == np.asarray(function(single.astype(float))).tolist()


@pytest.mark.parametrize("potential", CONVERTING, ids=str)
def test_weights_in_single_precision_are_computed_in_double(potential):
    w = points(potential).astype(np.float32)
    for name in ("value", "gradient"):
        found = getattr(potential, name)(w)
        assert found.dtype == float, name
        np.testing.assert_allclose(found, getattr(potential, name)(w.astype(float)), rtol=1e-12)
    found, exact = potential.inverse_metric(w[0]), potential.inverse_metric(w[0].astype(float))
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    found = potential.bregman(w[0], w[1])
    assert found == pytest.approx(potential.bregman(*w[:2].astype(float)), rel=1e-12)


@every
def test_weights_may_be_whole_numbers_and_lists(potential):
    whole = [[3, 1, 2], [1, 4, 5]]
    exact = np.array(whole, dtype=float)
    for name in ("value", "gradient", "inverse_gradient"):
        found = getattr(potential, name)(whole)
        np.testing.assert_allclose(found, getattr(potential, name)(exact), rtol=1e-12)
    for name in ("inverse_metric", "metric"):
        found = getattr(potential, name)(whole[0])
        np.testing.assert_allclose(found, getattr(potential, name)(exact[0]), rtol=1e-12)
    assert potential.bregman(*whole) == pytest.approx(potential.bregman(*exact), rel=1e-12)


@every
def test_the_metric_is_the_derivative_of_the_gradient(potential):
    w, h = points(potential)[0], 1e-6
    numeric = np.stack(
        [
            (potential.gradient(w + h * e) - potential.gradient(w - h * e)) / (2 * h)
            for e in np.eye(6)
        ],
        axis=-1,
    )
    metric = potential.metric(w)
    assert metric.ndim == potential.inverse_metric(w).ndim
    metric = np.diag(metric) if metric.ndim == 1 else metric
    np.testing.assert_allclose(metric, numeric, rtol=1e-6, atol=1e-6 * np.abs(numeric).max())


class Rotated(SquaredNorm):
    """A potential without a metric of its own, whose Hessian is no diagonal."""

    metric = Potential.metric


def test_the_metric_of_a_potential_that_has_none_of_its_own():
    w = points(SquaredNorm(3))[0]
    np.testing.assert_allclose(Rotated(3).metric(w), SquaredNorm(3).metric(w), rtol=1e-9)
    entropy = NegativeEntropy()
    np.testing.assert_allclose(entropy.metric(np.abs(w)), 1 / np.abs(w), rtol=1e-12)


@every
def test_other_units_change_the_potential_and_a_factor(potential):
    v, w = points(potential, 1), points(potential, 2)
    assert Rotated(3).in_units(2.0) == (Rotated(3), 2.0)
    for unit in (2.0, 1e-3, 40.0):
        if isinstance(potential, DepthEntropy):
            assert potential.in_units(unit) is None
            continue
        other, k = potential.in_units(unit)
        expected = unit**k * other.bregman(v, w)
        np.testing.assert_allclose(potential.bregman(unit * v, unit * w), expected, rtol=1e-8)


def test_units_in_which_a_scale_is_no_number_are_none():
    scale = 2 * SMALLEST_SCALE
    assert HyperbolicEntropy(scale).in_units(1.0) == (HyperbolicEntropy(scale), 1.0)
    assert HyperbolicEntropy(scale).in_units(3.9) is not None
    assert HyperbolicEntropy(scale).in_units(4.1) is None
    assert HyperbolicEntropy(np.array([1.0, scale])).in_units(4.1) is None
    with np.errstate(divide="ignore"):
        assert HyperbolicEntropy(1.0).in_units(0.0) is None


def test_each_coordinate_may_have_its_own_scale():
    scales, w = [0.1, 2.0, 30.0], np.array([0.5, -1.5, 2.0])
    together = HyperbolicEntropy(scales)
    assert isinstance(together.scale, np.ndarray)
    assert isinstance(HyperbolicEntropy(0.1).scale, float)
    m = together.gradient(w)
    for j, scale in enumerate(scales):
        alone = HyperbolicEntropy(scale)
        assert m[j] == pytest.approx(float(alone.gradient(w[j])), rel=1e-13)
        inverse = together.inverse_metric(m)[j]
        assert inverse == pytest.approx(float(alone.inverse_metric(m[j])), rel=1e-13)
    total = sum(float(HyperbolicEntropy(s).value(w[j : j + 1])) for j, s in enumerate(scales))
    assert together.value(w) == pytest.approx(total, rel=1e-13)
    np.testing.assert_allclose(together.inverse_gradient(m), w, rtol=1e-12)
    other, k = together.in_units(4.0)
    np.testing.assert_allclose(other.scale, np.array(scales) / 2)
    assert k == 1.0


def test_values_by_their_formulas():
    w, c = np.array([0.5, -1.5, 2.0]), 2 * 0.3**2
    hyperbolic = (w * np.arcsinh(w / c) - np.sqrt(c**2 + w**2) + c).sum() / 4
    assert HyperbolicEntropy(0.3).value(w) == pytest.approx(hyperbolic, rel=1e-12)
    np.testing.assert_allclose(HyperbolicEntropy(0.3).gradient(w), np.arcsinh(w / c) / 4)
    assert SquaredNorm(3).value(w) == pytest.approx((np.abs(w) ** 3).sum() ** (2 / 3) / 2)
    assert PowerNorm(3).value(w) == pytest.approx((np.abs(w) ** 3).sum() / 3)
    w, v = np.abs(w), np.array([1.0, 0.25, 3.0])
    assert NegativeEntropy().value(w) == pytest.approx((w * np.log(w) - w).sum())
    divergence = (w * np.log(w / v) - w + v).sum()
    assert NegativeEntropy().bregman(w, v) == pytest.approx(divergence, rel=1e-12)
    for potential in POTENTIALS:
        if not isinstance(potential, NegativeEntropy):
            assert potential.value(np.zeros(3)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("potential", [p for p in POTENTIALS if isinstance(p, DepthEntropy)])
def test_a_depth_entropy_from_its_tiny_weights_to_its_huge_ones(potential):
    unit = potential.rest**-potential.power  # w in these units is x
    w = unit * np.concatenate([np.geomspace(1e-7, 1e6, 40), -np.geomspace(1e-7, 1e6, 40)])
    m = potential.gradient(w)
    np.testing.assert_allclose(potential.inverse_gradient(m), w, rtol=1e-6)
    np.testing.assert_array_equal(m[40:], -m[:40])
    near, far = potential.rest - potential.pace * m[:40], potential.rest + potential.pace * m[:40]
    q = potential.power
    dual = (near ** (1 - q) + far ** (1 - q) - 2 * potential.rest ** (1 - q)) / (
        potential.pace * (q - 1)
    )
    large = w[:40] > unit  # where the formula has digits
    pairs = (m[:40] * w[:40] - dual)[large]
    np.testing.assert_allclose(potential.value(w[:40, None])[large], pairs, rtol=1e-6)
    np.testing.assert_allclose(
        potential.inverse_metric(m[:40]),
        potential.depth**2 * (near ** (-q - 1) + far ** (-q - 1)),
        rtol=1e-6,
    )
    # near zero, psi = w^2 / (2 * the inverse metric at zero)
    flat = float(potential.inverse_metric(np.zeros(1))[0])
    assert flat == pytest.approx(
        2 * potential.depth**2 * potential.scale ** (2 * potential.depth - 2)
    )
    small = 1e-5 * unit
    assert potential.value([small]) == pytest.approx(small**2 / (2 * flat), rel=1e-4)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_a_weight_of_zero_has_the_image_zero(p):
    w = np.array([0.0, 2.0, -1.0])
    for potential in (PowerNorm(p), SquaredNorm(p), HyperbolicEntropy(0.3), DepthEntropy(3, 0.3)):
        for there in (potential.gradient, potential.inverse_gradient):
            assert there(w)[0] == 0 and (there(w)[1:] * w[1:] > 0).all()
    assert NegativeEntropy().bregman([0.0, 2.0], [3.0, 2.0]) == pytest.approx(3.0)
    for potential in (SquaredNorm(p), HyperbolicEntropy(0.3)):
        m = (w / 4).astype(np.float32)
        assert potential.inverse_gradient(m).dtype == float
        exact = potential.inverse_gradient(m.astype(float))
        np.testing.assert_allclose(potential.inverse_gradient(m), exact, rtol=1e-12)


def test_the_hessians_of_a_norm_at_zero_and_beside_it():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        at_zero = SquaredNorm(2).inverse_metric(np.zeros(3))
        np.testing.assert_allclose(at_zero, np.eye(3))
        assert (SquaredNorm(1.5).inverse_metric(np.zeros(3)) == 0).all()
        assert np.isinf(np.diag(SquaredNorm(3).inverse_metric(np.zeros(3)))).all()
        assert np.isinf(PowerNorm(3).inverse_metric([0.0, 1.0])).tolist() == [True, False]
        assert PowerNorm(3).metric([0.0, 1.0]).tolist() == [0.0, 2.0]
        assert np.isinf(SquaredNorm(3).inverse_metric(np.array([0.0, 1.0]))[0, 0])
        assert NegativeEntropy().inverse_metric(np.array([0.0])) == 1.0


@pytest.mark.parametrize("depth", [3, 4, 6])
def test_the_scales_whose_power_is_a_number(depth):
    edge = LARGEST_LOG / (depth - 2)
    for sign in (-1, 1):
        potential = DepthEntropy(depth, float(np.exp(sign * 0.999 * edge)))
        assert np.isfinite(potential.gradient([1.0])).all()
        with pytest.raises(ValueError, match="scale must have a power 2 - depth"):
            DepthEntropy(depth, float(np.exp(sign * 1.001 * edge)))


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
