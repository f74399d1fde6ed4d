"""Stochastic gradient descent."""

import numpy as np
import pytest

from ibias import datasets, flow
from ibias.datasets import Dataset
from ibias.descent import descent
from ibias.noise import Reshuffled, WithReplacement
from ibias.objectives import Objective

KINDS = [WithReplacement, Reshuffled]


def sgd(data, steps=None, n_steps=1, sampling=Reshuffled(1), n_runs=1, **options):
    return descent(data, steps=steps, n_steps=n_steps, sampling=sampling, n_runs=n_runs, **options)


def test_a_full_batch_is_gradient_descent():
    data = datasets.separable(0, 12, 3)
    plain = descent(data, steps=0.3, n_steps=50)
    path = sgd(data, 0.3, 50, Reshuffled(12), n_runs=3)
    assert path.iterates.shape == (plain.log_t.size, 3, 3)
    for run in range(3):
        assert path.iterates[:, run] == pytest.approx(plain.iterates, rel=1e-12)
    assert path.log_t == pytest.approx(plain.log_t)


@pytest.mark.parametrize("sampling", KINDS)
def test_batches_are_drawn_as_promised(sampling):
    rows = sampling(4).rows(datasets.generator(0), 12, (2000,))
    epoch = np.concatenate([next(rows) for _ in range(3)], axis=1)
    assert epoch.shape == (2000, 12)
    counts = np.bincount(epoch.ravel(), minlength=12)
    if sampling is Reshuffled:
        assert (np.sort(epoch, axis=1) == np.arange(12)).all()
        assert (epoch[0] != epoch[1]).any()
    else:
        assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000)
        assert (np.sort(epoch, axis=1) != np.arange(12)).any()


def test_the_step_is_the_gradient_of_the_batch():
    data = datasets.separable(0, 12, 3)
    w = np.array([0.2, -0.4, 0.1])
    path = sgd(data, 0.5, sampling=Reshuffled(3), n_runs=4, seed=7, start=w)
    picked = next(Reshuffled(3).rows(datasets.generator(7), 12, (4,)))
    for run, rows in enumerate(picked):
        batch = Dataset.from_signed(data.Z[rows])
        alone = descent(batch, steps=0.5, n_steps=1, start=w)
        assert path.final[run] == pytest.approx(alone.final, rel=1e-12)


def test_runs_differ_and_seeds_repeat():
    data = datasets.separable(0, 12, 3)
    first, second = (sgd(data, n_steps=30, n_runs=2, seed=1).final for _ in range(2))
    assert (first == second).all()
    assert np.abs(first[0] - first[1]).max() > 1e-3
    assert np.abs(first - sgd(data, n_steps=30, n_runs=2, seed=2).final).max() > 1e-3


@pytest.mark.parametrize("sampling", KINDS)
def test_small_steps_follow_the_flow(sampling):
    data = datasets.separable(0, 12, 3)
    path = sgd(data, 2e-3, 6000, sampling(1), n_runs=8)
    there = flow.gradient_flow(data, log_t=[np.log(12.0)]).final
    assert path.final.mean(axis=0) == pytest.approx(there, abs=0.05)


def test_the_default_step():
    data = datasets.separable(0, 12, 3)
    path = sgd(data, n_steps=1)
    assert path.log_t[0] == pytest.approx(np.log(4 / (data.Z**2).sum(axis=1).max()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampling": "cyclic"}, "sampling must be a Sampling"),
        ({"sampling": Reshuffled(5)}, "batch_size must divide the 12 samples"),
        ({"n_runs": 0}, "n_runs must be a whole number"),
        ({"steps": [0.1, 0.2], "n_runs": 3}, "do not go together"),
        ({"data": Objective(datasets.separable(0, 12, 3), "exponential")}, "give steps"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        sgd(**{"data": datasets.separable(0, 12, 3), "n_steps": 10, **arguments})
