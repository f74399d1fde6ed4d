"""Batch normalisation, attacks, searches and random features beside loops over samples."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.losses import named
from ibias.models import Network, linear, two_layer_relu
from ibias.networks import (
    BatchNormLinear,
    BatchNormNetwork,
    Guesses,
    ReluFeatures,
    attack,
    greedy_search,
    guess_and_check,
    pattern_search,
    ridge,
)


def rng(seed=0):
    return datasets.generator(seed)


# ---- batch normalisation -----------------------------------------------------------------------


def test_a_batch_norm_network_is_its_formula():
    net, X = BatchNormNetwork(3, 4), 2 + 3 * rng(1).standard_normal((6, 3))
    theta = rng(2).standard_normal((2, net.n_parameters))
    assert net.n_parameters == 16
    W, a = net.layers(theta)
    assert (
        W.reshape(2, -1).tolist() == theta[:, :12].tolist() and a.tolist() == theta[:, 12:].tolist()
    )
    for run in range(2):
        f = np.zeros(6)
        for j in range(4):
            h = np.array([theta[run, 3 * j : 3 * j + 3] @ x for x in X])
            b = (h - h.mean()) / h.std()
            f += theta[run, 12 + j] * np.maximum(b, 0)
        assert net.predict(theta, X)[run] == pytest.approx(f)
        assert net.predict(theta[run], X.tolist()) == pytest.approx(f)
    at, v = net.linearize(theta, X), rng(3).standard_normal((2, 6))
    assert at.predictions == pytest.approx(net.predict(theta, X))
    assert at.vjp(v) == pytest.approx(net.vjp(theta, X, v))


def test_its_gradient_is_that_of_a_complex_step():
    """Exact to rounding; with a batch of data sets, too."""
    net, h = BatchNormNetwork(2, 3), 1e-30
    X, theta = rng(4).standard_normal((2, 5, 2)), rng(5).standard_normal((2, net.n_parameters))
    v = rng(6).standard_normal((2, 5))
    for run in range(2):
        steps = theta[run] + 1j * h * np.eye(net.n_parameters)
        slopes = [(net.predict(step, X[run]) @ v[run]).imag / h for step in steps]
        assert net.vjp(theta[run], X[run], v[run]) == pytest.approx(np.array(slopes), abs=1e-12)
        assert net.vjp(theta, X, v)[run] == pytest.approx(np.array(slopes), abs=1e-12)
        assert net.predict(theta, X)[run] == pytest.approx(net.predict(theta[run], X[run]))


def test_a_batch_norm_linear_model_is_its_formula():
    net, X = BatchNormLinear(3), 1 + rng(1).standard_normal((6, 3))
    assert net.n_parameters == 4
    theta, v, h = rng(2).standard_normal((2, 4)), rng(3).standard_normal((2, 6)), 1e-30
    at = net.linearize(theta, X)
    for run in range(2):
        heights = X @ theta[run, :3]
        f = theta[run, 3] * heights / np.sqrt((heights**2).mean())
        assert net.predict(theta, X)[run] == pytest.approx(f) == at.predictions[run]
        assert net.predict(theta[run], X.tolist()) == pytest.approx(f)
        slopes = [(net.predict(theta[run] + 1j * h * e, X) @ v[run]).imag / h for e in np.eye(4)]
        assert at.vjp(v)[run] == pytest.approx(np.array(slopes), abs=1e-12)
        assert net.linearize(theta[run], X.tolist()).vjp(v[run]) == pytest.approx(at.vjp(v)[run])
        longer = theta[run] * np.array([5.0, 5.0, 5.0, 1.0])
        assert net.predict(longer, X) == pytest.approx(f)
        assert at.vjp(v)[run, :3] @ theta[run, :3] == pytest.approx(0, abs=1e-13)
    sets = np.stack([X, 2 * X**2])
    assert net.predict(theta, sets)[1] == pytest.approx(net.predict(theta[1], sets[1]))


def test_numbers_of_python_are_numbers_and_a_unit_at_its_kink_has_no_slope():
    X, theta, v = rng(4).standard_normal((5, 2)), rng(5).standard_normal((1, 3)), np.ones((1, 5))
    for net in (BatchNormNetwork(2, 1), BatchNormLinear(2)):
        given, plain = net.linearize(theta, X.astype(object)), net.linearize(theta, X)
        assert net.predict(theta, X.astype(object)) == pytest.approx(plain.predictions)
        assert given.predictions == pytest.approx(plain.predictions)
        assert given.vjp(v) == pytest.approx(plain.vjp(v)) and given.vjp(v).dtype == float
    X = [[-1.0, 1.0], [0.0, 3.0], [1.0, 1.0]]  # the second is at the mean
    found = BatchNormNetwork(2, 1).vjp([1.0, 0.0, 2.0], X, [0.0, 1.0, 0.0])
    assert found.tolist() == [0.0, 0.0, 0.0]


def test_what_cannot_be_normalised_is_named():
    X = np.array([[1.0, 1.0], [1.0, 2.0]])
    theta = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    with pytest.raises(ValueError, match="a hidden unit is the same for all samples"):
        BatchNormNetwork(2, 1).predict(theta, X)  # the second network, only
    with pytest.raises(ValueError, match="a hidden unit is the same"):
        BatchNormNetwork(2, 2).predict([1.0, 1.0, 1.0, 0.0, 1.0, 1.0], X)  # the second unit
    with pytest.raises(ValueError, match="w gives zero for all samples"):
        BatchNormLinear(2).predict([[2.0, 0.0, 1.0], [0.0, 0.0, 1.0]], X)
    for make, words in (
        (lambda: BatchNormNetwork(0, 1), "n_features must be"),
        (lambda: BatchNormNetwork(1, 0), "width must be"),
        (lambda: BatchNormLinear(0), "n_features must be"),
        (lambda: BatchNormLinear(2).predict(np.ones(2), X), "theta has shape"),
        (lambda: BatchNormNetwork(2, 1).predict(np.ones(2), X), "theta has shape"),
        (lambda: BatchNormNetwork(2, 1).layers(np.ones(4)), "theta has shape"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


# ---- attacks -----------------------------------------------------------------------------------


def attacked(net, theta, x, y, radius, n_steps, slope):
    """Projected descent on the margin of one sample; the worst point on the way."""
    here, way = x, []
    for step in range(n_steps + 1):
        margin = y * net.predict(theta, here[None])[0]
        way.append((margin, here))
        if step == n_steps:
            break
        downhill = -y * net.linearize(theta, here[None]).input_gradients()[0]
        if slope is not None:
            downhill = downhill * -slope(np.array([margin]))[0]
        size = np.linalg.norm(downhill)
        moved = here - x + (2.5 * radius / n_steps * downhill / size if size else 0)
        length = np.linalg.norm(moved)
        here = x + (moved * radius / length if length > radius else moved)
    return min(way, key=lambda pair: pair[0])[1]


@pytest.mark.parametrize("slope", [None, lambda u: -np.exp(-u), lambda u: -1.0 * (u > 0.2)])
@pytest.mark.parametrize(("radius", "n_steps"), [(0.4, 10), (3.0, 4)])
def test_an_attack_keeps_the_worst_point_of_projected_descent(radius, n_steps, slope):
    net, source = Network((3, 5, 1), "tanh", "all"), rng(4)
    X = source.standard_normal((2, 6, 3))
    y = np.where(source.random((2, 6)) < 0.5, 1.0, -1.0)
    theta = net.random(source, 2.0, (2,))
    found = attack(net, theta, X, y, radius=radius, n_steps=n_steps, slope=slope)
    shared = attack(net, theta, X[0], y[0], radius=radius, n_steps=n_steps, slope=slope)
    for run in range(2):
        for i in range(6):
            how = (radius, n_steps, slope)
            right = attacked(net, theta[run], X[run, i], y[run, i], *how)
            assert found[run, i] == pytest.approx(right, abs=1e-9)
            right = attacked(net, theta[run], X[0, i], y[0, i], *how)
            assert shared[run, i] == pytest.approx(right, abs=1e-9)
    one = attack(net, theta[0], X, y, radius=radius, n_steps=n_steps, slope=slope)
    assert one.shape == X.shape and one[0] == pytest.approx(shared[0], abs=1e-12)
    if n_steps == 10:
        default = attack(net, theta, X, y, radius=radius, slope=slope)
        np.testing.assert_array_equal(default, found)


def test_what_is_attacked_is_named():
    with pytest.raises(ValueError, match=r"net must be.*models\.linear\(n_features\)"):
        attack("net", [1.0, 0.0], [[1.0, 0.0]], [1.0], radius=1.0)
    with pytest.raises(ValueError, match=r"y has shape \(2,\); give one label for each row of X"):
        attack(linear(2), [1.0, 0.0], [[1.0, 0.0]], [1.0, 1.0], radius=1.0)
    X, y = np.array([[1.0, 0.0]]), np.array([1.0])
    attack(linear(2), [1.0, 0.0], X, y, radius=1.0)
    assert X.tolist() == [[1.0, 0.0]]


# ---- searches ----------------------------------------------------------------------------------

NET = two_layer_relu(2, 2)
DATA = Dataset([[1.0, 0.5], [0.2, -1.0], [-1.0, 0.3], [0.5, 0.5]], [1, -1, 1, -1])


def searched(source, start, n_steps, loss, scale, coordinates):
    """Runs side by side, each with a scale of its own."""
    theta, scales, P = start.copy(), np.full(len(start), scale), NET.n_parameters
    risk = lambda theta: np.mean(np.exp(named(loss).log_value(DATA.y * NET.predict(theta, DATA.X))))  # noqa: E731
    for _ in range(n_steps):
        step = np.zeros_like(theta)
        if coordinates:
            chosen = source.integers(P, size=len(theta))
            signs = source.choice([-1.0, 1.0], size=len(theta))
            for run, (k, sign) in enumerate(zip(chosen, signs, strict=True)):
                step[run, k] = sign
        else:
            step = source.standard_normal(theta.shape)
        for run in range(len(theta)):
            trial = theta[run] + scales[run] * step[run]
            if risk(trial) < risk(theta[run]):
                theta[run] = trial
                scales[run] *= 1.0 if coordinates else 1.1
            else:
                scales[run] *= 1 - 0.4 / P if coordinates else 1 - 1 / 40
    return theta


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("search", [greedy_search, pattern_search])
def test_a_search_keeps_what_lowers_the_risk(search, loss):
    start, coordinates = rng(1).standard_normal((3, NET.n_parameters)), search is pattern_search
    for scale in (0.1, 1.0, 0.4):
        how = {"start": start, "n_steps": 40, "loss": loss}
        found = search(NET, DATA, rng(2), **how, scale=scale)
        right = searched(rng(2), start, 40, loss, scale, coordinates)
        assert found == pytest.approx(right, abs=1e-9)
        if scale == (1.0 if coordinates else 0.1):
            np.testing.assert_array_equal(search(NET, DATA, rng(2), **how), found)
    logistic = search(NET, DATA, rng(2), start=start, n_steps=40)
    same = search(NET, DATA, rng(2), start=start, n_steps=40, loss="logistic")
    np.testing.assert_array_equal(logistic, same)
    differs = search(NET, DATA, rng(2), start=start, n_steps=40, loss="exponential")
    assert (logistic != differs).any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": "net"}, r"network must be a Network.*models\.two_layer_relu"),
        ({"data": np.eye(2)}, "data must be a Dataset"),
        ({"rng": 3}, r"rng must be a Generator.*datasets\.generator\(0\)"),
        ({"start": np.ones(6)}, "start must have 2 axes"),
        ({"n_steps": 0}, "n_steps must be"),
        ({"loss": "hinge"}, "unknown loss"),
        ({"scale": 0.0}, "scale must be"),
    ],
)
@pytest.mark.parametrize("search", [greedy_search, pattern_search])
def test_bad_input_of_a_search_is_named(search, change, words):
    how = {"network": NET, "data": DATA, "rng": rng(), "start": np.ones((1, 6)), "n_steps": 2}
    how |= change
    given = [how.pop(name) for name in ("network", "data", "rng")]
    with pytest.raises(ValueError, match=words):
        search(*given, **how)


def test_bad_input_of_guesses_is_named_and_their_number_is_bounded():
    hopeless = Dataset([[1.0, 0.0], [1.0, 0.0]], [1, -1])
    for words, call in (
        ("network must be", lambda: guess_and_check("net", DATA, rng(), n_accepted=1)),
        ("data must be", lambda: guess_and_check(NET, "data", rng(), n_accepted=1)),
        ("rng must be", lambda: guess_and_check(NET, DATA, 1, n_accepted=1)),
        ("n_accepted must be", lambda: guess_and_check(NET, DATA, rng(), n_accepted=0)),
        ("batch must be", lambda: guess_and_check(NET, DATA, rng(), n_accepted=1, batch=0)),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(RuntimeError, match=r"^max_guesses: 40 guesses gave 0 of 2 solutions"):
        guess_and_check(linear(2), hopeless, rng(), n_accepted=2, batch=20, max_guesses=21)
    with pytest.raises(RuntimeError, match="2000000 guesses gave 0 of 1 solutions"):
        guess_and_check(linear(2), hopeless, rng(), n_accepted=1, batch=500_000)
    with pytest.raises(RuntimeError, match=r"^max_guesses: 10000 guesses gave 0 of 1"):
        guess_and_check(linear(2), hopeless, rng(), n_accepted=1, max_guesses=1)
    one = Dataset.one_class([[1.0, 1.0]])  # of a dead neuron nothing is right
    net = two_layer_relu(2, 1)
    alive = guess_and_check(net, one, rng(), n_accepted=50).theta
    assert (net.predict(alive, one.X) > 0).all()
    half = Dataset.one_class([[1.0, 0.0]])
    found = guess_and_check(linear(2), half, rng(), n_accepted=1, batch=8, max_guesses=8)
    assert isinstance(found, Guesses) and not found.theta.flags.writeable
    drawn = rng().uniform(-1, 1, (8, 2))
    first = int(np.flatnonzero(drawn[:, 0] > 0)[0])
    assert found.n_guesses == first + 1 and found.theta.tolist() == [drawn[first].tolist()]
    many = guess_and_check(linear(2), half, rng(), n_accepted=3)
    np.testing.assert_array_equal(
        many.theta, guess_and_check(linear(2), half, rng(), n_accepted=3, batch=10_000).theta
    )
    with pytest.raises(RuntimeError, match=r"8 guesses gave . of 9 solutions"):
        guess_and_check(linear(2), half, rng(), n_accepted=9, batch=8, max_guesses=8)


# ---- random features ---------------------------------------------------------------------------


def test_rows_are_drawn_once_from_their_seed():
    for seed in (0, 5):
        features = ReluFeatures(2, 7, seed=seed)
        normal = rng(seed).standard_normal((7, 3))
        right = normal / np.linalg.norm(normal, axis=1, keepdims=True)
        assert features.rows == pytest.approx(right) and not features.rows.flags.writeable
    assert ReluFeatures(2, 7).rows.tolist() == ReluFeatures(2, 7, seed=0).rows.tolist()
    assert (ReluFeatures(2, 7).rows != features.rows).all()
    for make, words in (
        (lambda: ReluFeatures(0, 3), "n_inputs must be"),
        (lambda: ReluFeatures(3, 1.5), "n_features must be"),
        (lambda: ReluFeatures(2, 3)(np.ones(2)), "X must have 2 axes"),
        (lambda: ReluFeatures(2, 3)([[np.nan, 1.0]]), "X holds 1 NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (5, 5)])
@pytest.mark.parametrize("penalty", [0.0, 1e-3, 2.0])
def test_ridge_is_least_squares_with_rows_for_the_penalty(shape, penalty):
    A, y = rng(1).standard_normal(shape), rng(2).standard_normal((shape[0], 3))
    longer = np.vstack([A, np.sqrt(shape[0] * penalty) * np.eye(shape[1])])
    zeros = np.zeros((shape[1], 3))
    right = np.linalg.lstsq(longer, np.vstack([y, zeros]), rcond=1e-12)[0]
    assert ridge(A, y, penalty) == pytest.approx(right, abs=1e-9)
    assert ridge(A, y[:, 0], penalty) == pytest.approx(right[:, 0], abs=1e-9)
    if penalty == 0:
        assert ridge(A, y) == pytest.approx(right, abs=1e-9)


def test_ridge_leaves_out_what_is_rounding_and_nothing_else():
    y = np.array([1.0, 1.0])
    for size, weight in ((1e-10, 1e10), (1e-14, 0.0)):
        for unit in (1.0, 1e6):
            w = ridge(unit * np.diag([1.0, size]), y)
            assert unit * w == pytest.approx([1.0, weight], rel=1e-6)
    assert ridge(np.zeros((2, 2)), y).tolist() == [0, 0]
    for wrong, words in (
        ((np.ones(2), y), "features must have 2 axes"),
        ((np.eye(2), np.ones(3)), r"y has shape \(3,\); give one row for each of 2"),
        ((np.eye(2), [np.nan, 1.0]), "y holds 1 NaN"),
        ((np.eye(2), y, np.nan), "penalty must be"),
    ):
        with pytest.raises(ValueError, match=words):
            ridge(*wrong)
