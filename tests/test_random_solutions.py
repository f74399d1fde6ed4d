"""Random solutions of a given margin: exact laws, agreement of samplers, bad input."""

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import ks_2samp

from ibias import datasets
from ibias.datasets import Dataset
from ibias.models import normalized_margin, two_layer_relu
from ibias.networks import (
    draws_of_margin,
    networks_of_margin,
    outputs,
    outputs_of_margin,
    rise_to_margin,
    with_outputs,
)
from ibias.trajectory import margin, unit


def rng():
    return datasets.generator(8)


def agree(one, other, n_effective):
    """Whether two samples have the same mean, for so many independent draws in each."""
    error = np.hypot(np.std(one), np.std(other)) / np.sqrt(n_effective)
    return abs(np.mean(one) - np.mean(other)) < 4 * error


# ---- outputs ------------------------------------------------------------------------------------


def test_orthonormal_samples_have_the_outputs_of_a_sphere():
    """Then f are the absolute values of coordinates of a uniform unit vector."""
    p, n = 40, 6
    how = {"start": np.full((200, n), 0.1), "margin": 0.0, "n_features": p}
    f = outputs_of_margin(np.eye(n), rng(), n_sweeps=80, every=4, **how)
    exact = np.exp(gammaln(p / 2) - gammaln((p + 1) / 2)) / np.sqrt(np.pi)
    assert f.mean() == pytest.approx(exact, rel=0.02)
    assert (f**2).mean() == pytest.approx(1 / p, rel=0.03)
    assert (f[..., 0] * f[..., 1]).mean() == pytest.approx(2 / (np.pi * p), rel=0.04)


def test_the_outputs_with_a_margin_agree_with_hit_and_run_and_with_rejection():
    data = datasets.separable(seed=3, n_samples=4, n_features=9)
    everything = unit(rng().standard_normal((100_000, 9)))
    outputs = everything @ data.Z.T
    best = outputs[outputs.min(axis=1).argmax()]
    smallest = 0.5 * best.min()
    kept = outputs[outputs.min(axis=1) >= smallest]
    how = {"start": [best] * 100, "margin": smallest, "n_features": 9, "n_sweeps": 150}
    f = outputs_of_margin(data.Z @ data.Z.T, rng(), **how).reshape(-1, 4)
    assert f.min() >= smallest - 1e-12
    w = everything[outputs.min(axis=1).argmax()]
    walk = draws_of_margin(data, rng(), start=w, margin=smallest, n_draws=1000, n_steps=100)
    for i in range(4):
        assert agree(f[:, i], kept[:, i], min(1000, len(kept)))
        assert agree(f[:, i], walk @ data.Z[i], 1000)
    assert np.std(f[:, 0]) == pytest.approx(np.std(kept[:, 0]), rel=0.1)


def test_draws_that_are_kept_stay_as_they_were_drawn():
    how = {"start": [[0.3, 0.4]], "margin": 0.1, "n_features": 9, "every": 1}
    short = outputs_of_margin(np.eye(2), rng(), n_sweeps=4, **how)  # sweeps 2 to 4
    long = outputs_of_margin(np.eye(2), rng(), n_sweeps=8, **how)  # sweeps 3 to 8
    np.testing.assert_array_equal(short[1:], long[:2])


def test_each_problem_of_a_batch_has_its_own_law():
    gram = np.array([np.eye(3), np.diag([1.0, 4.0, 9.0])])
    start = np.full((2, 100, 3), 0.25)
    how = {"n_features": 30, "n_sweeps": 120}
    f = outputs_of_margin(gram, rng(), start=start, margin=[0.0, 0.2], **how)
    assert f.shape == (9, 2, 100, 3)
    assert f[:, 1].min() >= 0.2 and f[:, 0].min() < 0.05
    alone = outputs_of_margin(gram[1], rng(), start=start[1], margin=0.2, **how)
    assert agree(f[:, 1, :, 2], alone[..., 2], 400)


def test_both_ends_of_the_set_reach_the_same_law():
    """From the corner where all outputs are equal, and from a vector in the samples' span."""
    Z = np.abs(rng().standard_normal((12, 60))) + 0.5
    gram = Z @ Z.T
    corner = np.full(12, 1e-6)
    span = gram @ np.ones(12) / np.sqrt(np.ones(12) @ gram @ np.ones(12))
    start = np.stack([corner] * 60 + [span] * 60)
    how = {"margin": 0.0, "n_features": 60, "n_sweeps": 200}
    f = outputs_of_margin(gram, rng(), start=start, **how).mean(axis=-1)
    assert agree(f[:, :60], f[:, 60:], 60)


def test_weights_have_their_outputs_and_the_rest_is_random():
    Z, f = rng().standard_normal((3, 8)), np.tile([0.1, 0.2, 0.15], (4000, 1))
    w = with_outputs(Z, f, datasets.generator(9))
    np.testing.assert_allclose(w @ Z.T, f, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1, atol=1e-12)
    within = f[0] @ np.linalg.solve(Z @ Z.T, Z)
    rest = w - within
    assert 0.005 < within @ within < 0.5
    assert np.abs(rest.mean(axis=0)).max() < 4 / np.sqrt(4000)
    _, _, rows = np.linalg.svd(Z)
    across = rest @ rows[3:].T
    expected = np.eye(5) * (1 - within @ within) / 5
    np.testing.assert_allclose(across.T @ across / 4000, expected, atol=0.02)


def test_bad_outputs_are_refused():
    how = {"start": [[0.6, 0.6]], "margin": 0.5, "n_features": 9, "n_sweeps": 4}
    for bad, words in (
        ({"margin": -0.1}, "margin must be at least 0"),
        ({"margin": 0.7}, "start has outputs below margin"),
        ({"start": [[0.9, 0.9]]}, "no unit vector has"),
        ({"start": [0.6, 0.6]}, "start has shape"),
        ({"start": [[0.6, np.nan]]}, "start holds 1 NaN"),
        ({"n_features": 4}, "n_features must be at least n_samples"),
        ({"n_sweeps": 0}, "n_sweeps must be a whole number"),
        ({"every": 1.5}, "every must be a whole number"),
    ):
        with pytest.raises(ValueError, match=words):
            outputs_of_margin(np.eye(2), rng(), **(how | bad))
    with pytest.raises(ValueError, match="positive definite"):
        outputs_of_margin(np.ones((2, 2)), rng(), **how)


@pytest.mark.parametrize("size", [1e-100, 1e-10, 1.0, 1e10])
def test_a_start_below_the_margin_is_refused_at_any_size_of_the_data(size):
    def hit_and_run(asked):
        data = Dataset.from_signed(size * np.array([[1.0, -2.0], [3.0, 0.5]]))
        return draws_of_margin(data, rng(), start=[1, -0.1], margin=asked, n_draws=2, n_steps=3)

    def by_outputs(asked):
        f = size * np.array([[1.2, 2.95]]) / np.hypot(1, 0.1)
        how = {"start": f, "margin": asked, "n_features": 9, "n_sweeps": 4}
        return outputs_of_margin(11 * size**2 * np.eye(2), rng(), **how)

    def by_rotations(asked):
        how = {"start": [[[1.0, -0.1, 1.0, -0.1, 0.5, 0.5]]], "margin": [asked], "n_sweeps": 4}
        X = size * np.array([[[1.0, -2.0], [3.0, 0.5]]])
        return networks_of_margin(two_layer_relu(2, 2), X, [[1, 1]], rng(), **how)

    for draw, reached in (
        (hit_and_run, 1.2 * size / np.hypot(1, 0.1)),
        (by_outputs, 1.2 * size / np.hypot(1, 0.1)),
        (by_rotations, 1.2 * size / 2.52),
    ):
        assert np.isfinite(draw(reached * (1 - 1e-12))).all()
        with pytest.raises(ValueError, match="margin"):
            draw(reached * (1 + 1e-7))


# ---- networks -----------------------------------------------------------------------------------

NET = two_layer_relu(2, 2)
DATA = Dataset([[1.0, 0.3], [-0.8, 0.4], [0.5, -1.0]], [1, -1, 1])


def chains(margin_asked, start, n_sweeps=200, net=NET, data=DATA):
    how = {"start": np.asarray(start)[None], "margin": [margin_asked], "n_sweeps": n_sweeps}
    return networks_of_margin(net, data.X[None], data.y[None], rng(), **how)[:, 0]


def by_rejection(margin_asked, net=NET, data=DATA, n=100_000):
    theta = unit(rng().standard_normal((n, net.n_parameters)))
    return theta[normalized_margin(net, data, theta) >= margin_asked]


@pytest.mark.parametrize("asked", [0.0, 0.1])
def test_networks_agree_with_rejection(asked):
    """From starts of one kind only: those that use the first neuron least."""
    kept = by_rejection(asked)
    assert len(kept) > 300
    theta = chains(asked, kept[np.abs(kept[:, 4]).argsort()[:150]])
    assert normalized_margin(NET, DATA, theta).min() >= asked - 1e-9
    np.testing.assert_allclose(np.linalg.norm(theta, axis=-1), 1, atol=1e-9)
    new = [[0.2, 0.7], [-1.0, -0.3]]
    for what in (
        lambda t: normalized_margin(NET, DATA, t),
        lambda t: NET.predict(t, new)[..., 0],
        lambda t: NET.predict(t, new)[..., 1],
        lambda t: np.abs(t[..., 4]),
        lambda t: (t[..., :2] ** 2).sum(axis=-1),
    ):
        assert agree(what(theta), what(kept), 300)


def test_what_no_sample_sees_is_drawn_afresh():
    """Two samples in a plane of R^12: the ten other directions share their length evenly."""
    net = two_layer_relu(12, 2)
    X = np.zeros((2, 12))
    X[0, 0], X[1, :2] = 1.0, (-0.5, 1.0)
    data = Dataset(X, [1, -1])
    start = np.zeros(net.n_parameters)
    start[[0, 2, 13, 24, 25]] = 1.0, 3.0, 1.0, 1.0, -1.0
    theta = chains(0.01, start[None].repeat(20, axis=0), n_sweeps=100, net=net, data=data)
    W = net.layers(theta)[0]
    squares = (W[..., 2:] ** 2).mean(axis=(0, 1)).ravel()
    assert squares.std() < 0.25 * squares.mean()
    assert normalized_margin(net, data, theta).min() >= 0.01 - 1e-9


def test_random_networks_rise_to_a_margin_and_stop_there():
    asked = 0.5 * normalized_margin(NET, DATA, by_rejection(0.0)[:200]).max()
    problem = (NET, DATA.X[None], DATA.y[None])
    how = {"n_steps": 200, "n_tries": 200}  # of so narrow networks, four in five are stuck
    theta = rise_to_margin(*problem, rng(), n_chains=40, margin=[asked], **how)
    reached = normalized_margin(NET, DATA, theta[0])
    start = unit(rng().standard_normal((40, NET.n_parameters)))
    risen = normalized_margin(NET, DATA, start) < asked
    assert (reached >= asked).all() and risen.sum() > 20
    assert np.median(reached[risen]) < 1.2 * asked
    with pytest.raises(RuntimeError, match="2 tries of 3 steps did not bring 40 of 40"):
        rise_to_margin(*problem, rng(), n_chains=40, margin=[0.9], n_steps=3, n_tries=2)


def test_bad_networks_are_refused():
    theta = by_rejection(0.1, n=20_000)[:2]
    X, y = DATA.X[None], DATA.y[None]
    how = {"start": theta[None], "margin": [0.1], "n_sweeps": 4}
    for bad, words in (
        ({"margin": [-0.1]}, "margin must be at least 0"),
        ({"margin": [0.9]}, "start has a margin below margin"),
        ({"margin": [0.1, 0.1]}, "X, y and margin have the shapes"),
        ({"start": theta}, "start must have 3 axes"),
        ({"start": theta[:, None]}, "give chains for 1 sets"),
        ({"n_sweeps": 0}, "n_sweeps must be a whole number"),
    ):
        with pytest.raises(ValueError, match=words):
            networks_of_margin(NET, X, y, rng(), **(how | bad))
    for net in (two_layer_relu(2, 3), two_layer_relu(2, 2, bias="first"), "net"):
        with pytest.raises(ValueError, match="net must be"):
            networks_of_margin(net, X, y, rng(), **how)
    assert margin(DATA.Z, [1.0, 0.0]) > 0  # the data are no special case: a line separates them


@pytest.mark.parametrize("move", ["along", "along, all up", "lengthen"])
@pytest.mark.parametrize("lowest", [0.0, 0.15])
def test_a_slice_leaves_the_law_as_it_is(move, lowest):
    """From exact draws of (1 - f^T G^-1 f)^power one move gives exact draws, which have moved."""
    gram, power, source = np.array([[1.0, 0.3], [0.3, 0.5]]), 1.5, rng()
    root, inverse, wall = np.linalg.cholesky(gram), np.linalg.inv(gram), np.array([lowest])

    def exact():
        length = np.sqrt(source.beta(1, power + 1, (100_000, 1)))
        f = length * unit(source.standard_normal((100_000, 2))) @ root.T
        return f[f.min(axis=1) >= lowest]

    f = exact()
    v = source.standard_normal(f.shape) @ root.T
    if move == "lengthen":
        moved = outputs._lengthen(f, inverse, wall, power, source)
    else:
        v = np.abs(v) if move.endswith("up") else v
        moved = outputs._along(f, v, inverse, wall, power, source)
    again = exact()
    for a in ([1, 0], [0, 1], [1, -1]):
        assert ks_2samp(moved @ a, again @ a).pvalue > 1e-4
    assert moved.min() >= lowest - 1e-15
    assert np.abs(moved - f).mean() > 0.3 * f.std(axis=0).mean()


def test_each_problem_of_a_batch_has_its_own_smallest_output():
    """Starts that are right for one of two margins, in either order."""
    start = np.array([[[0.3, 0.3]], [[0.6, 0.6]]])
    how = {"n_features": 9, "n_sweeps": 40}
    gram = np.tile(np.eye(2), (2, 1, 1))
    f = outputs_of_margin(gram, rng(), start=start, margin=[0.2, 0.5], **how)
    assert f[:, 0].min() >= 0.2 and f[:, 1].min() >= 0.5 and f[:, 0].min() < 0.5
    assert outputs_of_margin(gram, rng(), start=start, margin=[0.3, 0.6], **how).size  # on it
    for wrong in ([0.5, 0.2], [0.31, 0.2], [0.2, 0.61]):
        with pytest.raises(ValueError, match="start has outputs below margin"):
            outputs_of_margin(gram, rng(), start=start, margin=wrong, **how)
