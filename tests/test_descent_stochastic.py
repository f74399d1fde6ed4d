"""Stochastic gradient descent."""

import numpy as np
import pytest
from ibias.descent.stochastic import batches

from ibias import datasets, descent, flow
from ibias.datasets import Dataset

sgd = descent.stochastic_gradient_descent


def test_a_full_batch_is_gradient_descent():
    data = datasets.separable(0, 12, 3)
    plain = descent.gradient_descent(data, step_size=0.3, n_steps=50)
    path = sgd(data, step_size=0.3, n_steps=50, batch_size=12, n_runs=3)
    assert path.iterates.shape == (plain.log_t.size, 3, 3)
    for run in range(3):
        assert path.iterates[:, run] == pytest.approx(plain.iterates, rel=1e-12)
    assert path.log_t == pytest.approx(plain.log_t)


@pytest.mark.parametrize("sampling", ["replacement", "reshuffle"])
def test_batches_are_drawn_as_promised(sampling):
    rows = batches(datasets.generator(0), 12, 2000, 4, sampling)
    epoch = np.concatenate([next(rows) for _ in range(3)], axis=1)
    assert epoch.shape == (2000, 12)
    counts = np.bincount(epoch.ravel(), minlength=12)
    if sampling == "reshuffle":
        assert (np.sort(epoch, axis=1) == np.arange(12)).all()
        assert (epoch[0] != epoch[1]).any()
    else:
        assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000)
        assert (np.sort(epoch, axis=1) != np.arange(12)).any()


def test_the_step_is_the_gradient_of_the_batch():
    data = datasets.separable(0, 12, 3)
    w = np.array([0.2, -0.4, 0.1])
    path = sgd(data, step_size=0.5, n_steps=1, batch_size=3, n_runs=4, seed=7, start=w)
    picked = next(batches(datasets.generator(7), 12, 4, 3, "reshuffle"))
    for run, rows in enumerate(picked):
        batch = Dataset.from_signed(data.Z[rows])
        alone = descent.gradient_descent(batch, step_size=0.5, n_steps=1, start=w)
        assert path.final[run] == pytest.approx(alone.final, rel=1e-12)


def test_runs_differ_and_seeds_repeat():
    data = datasets.separable(0, 12, 3)
    first, second = (sgd(data, n_steps=30, n_runs=2, seed=1).final for _ in range(2))
    assert (first == second).all()
    assert np.abs(first[0] - first[1]).max() > 1e-3
    assert np.abs(first - sgd(data, n_steps=30, n_runs=2, seed=2).final).max() > 1e-3


@pytest.mark.parametrize("sampling", ["replacement", "reshuffle"])
def test_small_steps_follow_the_flow(sampling):
    data = datasets.separable(0, 12, 3)
    path = sgd(data, step_size=2e-3, n_steps=6000, sampling=sampling, n_runs=8)
    there = flow.gradient_flow(data, log_t=[np.log(12.0)]).final
    assert path.final.mean(axis=0) == pytest.approx(there, abs=0.05)


def test_the_default_step():
    data = datasets.separable(0, 12, 3)
    path = sgd(data, n_steps=1)
    assert path.log_t[0] == pytest.approx(np.log(4 / (data.Z**2).sum(axis=1).max()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampling": "cyclic"}, "unknown sampling 'cyclic'"),
        ({"batch_size": 5}, "batch_size must divide the 12 samples"),
        ({"n_runs": 0}, "n_runs must be a whole number"),
        ({"step_size": [0.1, 0.2]}, "step_size must be one number"),
        ({"loss": "exponential"}, "give step_size"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        sgd(datasets.separable(0, 12, 3), **{"n_steps": 10, **arguments})
