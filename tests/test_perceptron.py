"""The batch perceptron."""

import numpy as np
import pytest

from ibias import datasets, methods, noise
from ibias.descent import descent
from ibias.objectives import Objective


def test_it_is_gradient_descent_with_a_step_without_bound():
    data = datasets.separable(seed=4, n_samples=20, n_features=6, shift=0.1)
    path = descent(data, methods.Gradient(), steps=1e9, n_steps=40, record=np.arange(41))
    plain = descent(data, methods.Perceptron(), n_steps=40, record=np.arange(41))
    assert np.allclose(path.iterates / 1e9, plain.iterates, atol=1e-12)


def test_two_steps_by_hand():
    data = datasets.Dataset.from_signed([[1.0, 0.0], [-2.0, 1.0]])
    path = descent(data, methods.Perceptron(), n_steps=2, record=[1, 2])
    # At zero both are ties: half of their mean. Then only the first is wrong.
    assert np.allclose(path.iterates, [[-0.25, 0.25], [0.25, 0.25]])


def test_it_stops_when_all_are_right_and_scales_with_the_step():
    data = datasets.separable(seed=1)
    one = descent(data, methods.Perceptron(), n_steps=2000, record=[1000, 2000])
    assert (one.final @ data.Z.T > 0).all() and (one.iterates[0] == one.iterates[1]).all()
    seven = descent(data, methods.Perceptron(), steps=7.0, n_steps=2000)
    assert np.allclose(seven.final, 7 * one.final)


def test_samples_one_by_one():
    data = datasets.separable(seed=2)
    path = descent(data, methods.Perceptron(), n_steps=4000, sampling=noise.Reshuffled(1))
    assert (path.final @ data.Z.T > 0).all()


def test_regression_is_refused():
    with pytest.raises(ValueError, match="two classes"):
        descent(Objective(datasets.gaussian_regression()), methods.Perceptron(), n_steps=1)
