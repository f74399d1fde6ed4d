"""Neurons on orthogonal inputs, against gradient descent on the network and closed forms."""

from warnings import catch_warnings, simplefilter

import numpy as np
import pytest

from ibias import datasets, models
from ibias.datasets import Regression
from ibias.descent import descent
from ibias.flow import IntegrationFailed, orthogonal_relu_flow
from ibias.objectives import Objective


def problem(seed, width=12):
    rng = datasets.generator(seed)
    axes = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    data = Regression(axes * np.array([[1.0], [1.5], [0.8]]), [1.0, -0.7, 0.5])
    signs = np.resize([1.0, -1.0], width)
    return data, signs, rng.standard_normal((width, 3))


def test_it_is_the_limit_of_gradient_descent_on_the_network(subtests):
    """On four problems, which the network descends together."""
    problems, starts = [problem(seed) for seed in range(4)], []
    net, size = models.two_layer_relu(3, 12), 0.1
    for _, signs, directions in problems:
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        starts.append(np.concatenate([(size * unit).ravel(), size * signs]))
    path = descent(
        Objective([data for data, *_ in problems], model=net),
        steps=2e-4,
        n_steps=60_000,
        start=np.stack(starts),
        record=[20_000, 60_000],
    )
    for seed, (data, signs, directions) in enumerate(problems):
        how = {"signs": signs, "directions": directions, "log_size": np.log(size)}
        run = orthogonal_relu_flow(data, **how, times=[4.0, 12.0])
        iterates = path.iterates[:, seed]
        with subtests.test(seed=seed):
            assert run.predictions == pytest.approx(net.predict(iterates, data.X), abs=2e-3)
            a = iterates[:, -12:]
            assert signs * np.exp(run.log_sizes) == pytest.approx(a, abs=2e-3)
            assert run.log_risk == pytest.approx(path.log_risk[:, seed], abs=0.02)
            assert run.norms == pytest.approx((a**2).sum(axis=1), abs=2e-3)


def test_one_neuron_has_a_closed_form():
    # a' = a (y - a^2) for one unit input: a^2 is a logistic curve.
    run = orthogonal_relu_flow(
        Regression([[1.0]], [2.0]), signs=[1], directions=[[3.0]], log_size=-5.0, times=[1.0, 3.0]
    )
    t, square = np.array([1.0, 3.0]), np.exp(-10.0)
    exact = 2 / (1 + (2 / square - 1) * np.exp(-4 * t))
    assert run.norms == pytest.approx(exact, rel=1e-5)
    assert run.cosines == pytest.approx(np.ones((2, 1, 1)))
    assert run.predictions[:, 0] == pytest.approx(exact, rel=1e-5)


def test_the_size_of_the_start_is_a_logarithm():
    data, signs, directions = problem(1)
    early = orthogonal_relu_flow(
        data, signs=signs, directions=directions, log_size=-1000.0, times=[20.0]
    )
    later = orthogonal_relu_flow(
        data, signs=signs, directions=directions, log_size=-900.0, times=[20.0]
    )
    assert later.log_sizes - early.log_sizes == pytest.approx(100.0, abs=1e-3)
    assert (early.error_estimate < 1e-2).all()


def test_a_neuron_that_sees_nothing_never_moves():
    run = orthogonal_relu_flow(
        Regression(np.eye(2), [1.0, 1.0]),
        signs=[1, 1],
        directions=[[-1.0, -2.0], [1.0, 1.0]],
        log_size=-3.0,
        times=[0.0, 50.0],
    )
    assert run.log_sizes[:, 0].tolist() == [-3.0, -3.0] and not run.cosines[:, 0].any()
    assert run.predictions[-1] == pytest.approx([1.0, 1.0], abs=1e-6)
    assert run.norms[-1] == pytest.approx(np.sqrt(2) + np.exp(-6.0), abs=1e-4)


HOW = {"signs": [1, -1], "directions": np.eye(2), "log_size": -3.0, "times": [1.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.eye(2)}, "data must be a Regression"),
        (
            {"data": Regression([[1.0, 0.0], [1.0, 1.0]], [1.0, 1.0])},
            "data: the inputs must be orth",
        ),
        (
            {"data": Regression([[1.0, 0.0], [0.0, 0.0]], [1.0, 1.0])},
            "data: the inputs must be orth",
        ),
        ({"signs": [1, 2]}, "signs must be 1 or -1"),
        ({"directions": np.eye(3)}, "directions must be 2 vectors of 2 entries"),
        ({"directions": [[1.0, 0.0], [0.0, 0.0]]}, "none of them zero"),
        ({"log_size": [1.0]}, "log_size has shape"),
        ({"log_size": np.nan}, "log_size"),
        ({"times": [-1.0]}, "times must be at least 0"),
        ({"times": [2.0, 1.0]}, "times"),
        ({"tolerance": 0}, "tolerance"),
    ],
)
def test_bad_input(change, message):
    data = change.pop("data", Regression(np.eye(2), [1.0, -1.0]))
    with pytest.raises(ValueError, match=message):
        orthogonal_relu_flow(data, **{**HOW, **change})


@pytest.mark.parametrize("seed", [7, 22, 76, 122])
def test_where_two_runs_are_apart_closer_ones_agree(seed):
    rng = datasets.generator(seed)
    axes = np.linalg.qr(rng.standard_normal((3, 3)))[0] * rng.uniform(0.3, 3, (3, 1))
    data = Regression(axes, 5 * rng.standard_normal(3))
    how = {"signs": np.resize([1, -1], 8), "directions": rng.standard_normal((8, 3))}
    run, finer = (
        orthogonal_relu_flow(data, **how, log_size=-1.0, times=[1.0, 4.0], tolerance=tolerance)
        for tolerance in (1e-6, 1e-9)
    )
    size = np.maximum(1, np.abs(finer.log_sizes).max(axis=1))
    assert (run.error_estimate <= 1e-6 * size).all()
    off = np.abs(run.log_sizes - finer.log_sizes).max(axis=1)
    assert (off <= run.error_estimate + finer.error_estimate).all()


def test_its_times_are_no_logarithms_in_what_it_says_and_small_errors_no_warnings():
    data, signs, directions = problem(0)
    how = {"signs": signs, "directions": directions, "log_size": -1.0, "times": [2.5]}
    with pytest.raises(IntegrationFailed, match=r"^at t = 2\.5 two runs"), catch_warnings():
        simplefilter("error")
        orthogonal_relu_flow(data, **how, tolerance=1e-17)
