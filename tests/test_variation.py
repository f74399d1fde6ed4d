"""The F1 margin and the KKT residuals of networks, against brute force and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ibias import datasets, models, optima


def grid_margin(data, n_angles=3000):
    """The F1 margin over neurons on a grid of angles: a lower bound, close for a fine grid."""
    angle = 2 * np.pi * np.arange(n_angles) / n_angles
    payoff = data.y[:, None] * np.maximum(data.X @ np.array([np.cos(angle), np.sin(angle)]), 0)
    n = data.n_samples
    answer = linprog(
        np.r_[np.zeros(2 * n_angles), -1],
        A_ub=np.hstack([-payoff, payoff, np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.r_[np.ones(2 * n_angles), 0][None],
        b_eq=[1],
        bounds=[(0, None)] * (2 * n_angles) + [(None, None)],
    )
    return -answer.fun


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("half_width", [0, 15])
def test_f1_margin_against_a_grid_of_neurons(seed, half_width):
    data = datasets.sectors(seed, half_width=half_width, n_per_sector=3)
    best = optima.variation_margin(data)
    assert best.margin >= grid_margin(data) - 1e-9
    assert best.margin == pytest.approx(grid_margin(data), rel=1e-3)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 9))
def test_the_certificate_is_what_it_says(seed, n):
    rng = np.random.default_rng(seed)
    angles = np.pi * (np.arange(n) + rng.uniform(0.1, 0.9, n)) / n
    data = datasets.Dataset(np.c_[np.cos(angles), np.sin(angles)], np.r_[1, -1, np.ones(n - 2)])
    best = optima.variation_margin(data)
    assert np.abs(best.weights).sum() == pytest.approx(1)
    assert np.linalg.norm(best.neurons, axis=1) == pytest.approx(np.ones(len(best.weights)))
    assert (data.y * best.decision_function(data.X)).min() == pytest.approx(best.margin, abs=1e-12)
    assert best.dual_variables.sum() == pytest.approx(1) and (best.dual_variables >= 0).all()
    circle = np.linspace(0, 2 * np.pi, 2000)
    every = np.maximum(np.c_[np.cos(circle), np.sin(circle)] @ data.X.T, 0)
    against = np.abs(every @ (best.dual_variables * data.y)).max()
    assert against <= best.margin + best.duality_gap + 1e-12
    assert -1e-12 <= best.duality_gap <= 1e-9


def test_f1_margin_of_two_orthogonal_points():
    """One neuron for each, of weight 1/2: the margin is half the length."""
    best = optima.variation_margin(datasets.Dataset([[2.0, 0.0], [0.0, 2.0]], [1, -1]))
    assert best.margin == pytest.approx(1.0)
    assert sorted(best.weights) == pytest.approx([-0.5, 0.5])


def test_f1_margin_scales_with_the_data_and_turns_with_them():
    data, turn = datasets.sectors(2, half_width=12), np.array([[0.6, -0.8], [0.8, 0.6]])
    margin = optima.variation_margin(data).margin
    turned = datasets.Dataset(100 * data.X @ turn, data.y)
    assert optima.variation_margin(turned).margin == pytest.approx(100 * margin, rel=1e-8)


def test_what_no_such_network_separates_is_refused():
    six = datasets.sectors(0, centres=range(0, 360, 60), labels=(1, -1) * 3)
    for data in (six, datasets.Dataset([[1.0, 0.0], [2.0, 0.0]], [1, -1])):
        with pytest.raises(ValueError, match="even function plus a linear one"):
            optima.variation_margin(data)
    with pytest.raises(ValueError, match="certified in the plane only"):
        optima.variation_margin(datasets.separable())
    with pytest.raises(ValueError, match="data must be a Dataset"):
        optima.variation_margin(np.eye(2))


def certified_in_long_doubles(data, best):
    """The gap of the certificate over the margin, from the neurons and from the weights p alone."""
    X, y = data.X.astype(np.longdouble), data.y
    f = np.maximum(X @ best.neurons.astype(np.longdouble).T, 0) @ best.weights
    lower = (y * f).min() / np.abs(best.weights).sum()
    # In each sector between two kinks the best neuron is sum_{i active} p_i y_i x_i or an end.
    length = lambda v: np.sqrt((v**2).sum(axis=1, keepdims=True))  # noqa: E731
    ends = np.vstack([X, -X]) @ [[0, 1], [-1, 0]] / np.tile(length(X), (2, 1))
    ends = ends[np.argsort(np.arctan2(ends[:, 1], ends[:, 0]))]
    middles = ends + np.roll(ends, -1, axis=0)
    inside = (middles @ X.T > 0) * (best.dual_variables * y) @ X
    inside = inside / np.maximum(length(inside), 1e-300)
    neurons = np.vstack([ends, inside, -inside])
    upper = np.abs(np.maximum(neurons @ X.T, 0) @ (best.dual_variables * y)).max()
    return float((upper / best.dual_variables.sum() - lower) / lower)


@pytest.mark.parametrize("seed", range(12))
def test_small_margins_of_random_planar_data_are_certified(seed):
    """Labels at random, lengths apart by 1e4, neighbours that almost share a ray."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 35))
    X, y = rng.standard_normal((n, 2)), np.where(rng.random(n) < 0.5, 1.0, -1.0)
    y[:2] = 1, -1
    if seed % 3 == 1:
        X = X * 10 ** rng.uniform(-4, 0, (n, 1))
    if seed % 3 == 2:
        X[1] = 2 * X[0] + 1e-5 * rng.standard_normal(2)
    data = datasets.Dataset(X, y)
    assert -1e-12 <= certified_in_long_doubles(data, optima.variation_margin(data)) <= 1.01e-9


def test_samples_on_a_line():
    """Two neurons, w and -w, and nothing to choose between: the margins are those of lengths."""
    best = optima.variation_margin(datasets.Dataset([[1.0, 0.0], [-2.0, 0.0]], [1, -1]))
    assert best.margin == pytest.approx(2 / 3) and best.duality_gap == pytest.approx(0)


def test_almost_one_ray_is_certified_or_names_the_samples():
    for apart in (1e-6, 1e-8, 1e-10, 1e-12):
        data = datasets.Dataset([[0.3, 1], [1, 0], [-1, 0.2], [1, apart]], [1, 1, -1, -1])
        try:
            assert certified_in_long_doubles(data, optima.variation_margin(data)) <= 1.01e-9
        except (ValueError, RuntimeError) as error:
            assert "more than rounding" in str(error) or "[1, 3]" in str(error)


# ---- KKT residuals -------------------------------------------------------------------------

PAIR = datasets.Dataset.one_class([[1.0, 0.25], [-1.0, 0.25]])
NET = models.two_layer_relu(2, 2)


def two_neurons(first, second):
    """Balanced neurons along two directions, the second of norm 0 if it is None."""
    W = np.array([first, (0.0, 0.0) if second is None else second])
    return NET.flatten([W, np.linalg.norm(W, axis=1)[None]])


@pytest.mark.parametrize(
    "theta, margin",
    [
        (two_neurons((0, 1), None), 1 / 8),
        (two_neurons((1, 0.25), (-1, 0.25)), np.sqrt(17) / 16),
        (two_neurons((0, 3), (0, 2)), 1 / 8),
    ],
)
def test_kkt_points_with_different_margins(theta, margin):
    kkt = optima.kkt_residual(NET, PAIR, theta)
    assert kkt.residual == pytest.approx(0, abs=1e-8)
    assert kkt.margin == pytest.approx(margin)
    assert kkt.dual_variables == pytest.approx([0.5, 0.5], abs=1e-6)


def test_a_point_that_is_not_kkt():
    kkt = optima.kkt_residual(NET, PAIR, two_neurons((1, 1), (-1, 1)))
    assert kkt.residual > 0.1
    assert kkt.residual == pytest.approx(np.hypot(kkt.stationarity, kkt.slackness), abs=1e-7)


def test_the_residual_of_a_linear_predictor_is_that_of_the_support_vector_machine():
    data = datasets.separable(1)
    svm = optima.max_margin(data)
    kkt = optima.kkt_residual(models.linear(5), data, svm.w)
    assert kkt.residual == pytest.approx(0, abs=1e-7)
    assert kkt.dual_variables == pytest.approx(svm.dual_variables, abs=1e-5)
    tilted = svm.w + 0.3 * np.linalg.norm(svm.w) * np.eye(5)[0]
    assert optima.kkt_residual(models.linear(5), data, tilted).residual > 0.05


def test_residual_does_not_depend_on_the_scale():
    theta = two_neurons((1, 0.5), (-1, 0.5))
    one, ten = (optima.kkt_residual(NET, PAIR, c * theta).residual for c in (1, 10))
    assert one == pytest.approx(ten, rel=1e-6)


def test_on_a_kink_only_clarkes_residual_vanishes():
    """A neuron along x_1, orthogonal to x_2 of the other class: exclusive or on four rays."""
    data = datasets.Dataset([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, 1, -1, -1])
    net = models.two_layer_relu(2, 4)
    W, a = data.X, data.y[None]
    nudge = 1e-6 * np.array([[0, 1], [0, 1], [1, 0], [1, 0]])
    theta = net.flatten([W + nudge, a])
    assert optima.kkt_residual(net, data, theta).residual > 0.2
    clarke = optima.kkt_residual(net, data, theta, kink=1e-4)
    assert clarke.residual < 1e-5 and clarke.n_kinks == 8
    # exactly on the kink the derivative is taken to be 0, which happens to be the right one
    assert optima.kkt_residual(net, data, net.flatten([W, a])).residual < 1e-7


def test_clarke_residual_with_a_first_layer_bias():
    """Its kinks are those of the augmented inputs."""
    theta = np.array([1.0, -1.5, -1.0, 1.5, 1.0, -1.0])
    with_bias, net = (models.two_layer_relu(d, 2, b) for d, b in ((1, "first"), (2, "none")))
    flat = datasets.Dataset([[2.0], [1.0]], [1, -1])
    one = optima.kkt_residual(with_bias, flat, theta, kink=0.2)
    other = optima.kkt_residual(net, flat.with_constant(), theta, kink=0.2)
    assert one.n_kinks == other.n_kinks > 0
    assert one.residual == pytest.approx(other.residual, abs=1e-9)


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((NET, PAIR, -two_neurons((1, 1), (1, 1))), {}, "does not separate the data"),
        (
            (NET, PAIR, two_neurons((1, 1), (1, 1))),
            {"kink": 1.5},
            "kink must be a number, at least 0 and below 1",
        ),
        ((models.linear(2), PAIR, np.ones(2)), {"kink": 0.1}, "two-layer ReLU"),
        ((NET, np.eye(2), np.ones(6)), {}, "data must be a Dataset"),
    ],
)
def test_bad_input_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        optima.kkt_residual(*arguments, **options)
