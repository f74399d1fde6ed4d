"""Gradient methods on the squared loss: where they land, how fast, and what they refuse."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Regression, gaussian_regression
from ibias.descent import Diverged, descent
from ibias.methods import HeavyBall, Kaczmarz
from ibias.noise import Reshuffled
from ibias.objectives import Objective
from ibias.optima import min_norm


def test_each_step_is_the_gradient_of_the_mean_half_square() -> None:
    data, h = gaussian_regression(0), 1e-6
    w = datasets.generator(1).standard_normal(30)
    path = descent(data, steps=0.01, n_steps=1, start=w, record=[0, 1])

    def risk(v: np.ndarray) -> float:
        return ((data.X @ v - data.y) ** 2).mean() / 2

    slope = np.array([(risk(w + h * e) - risk(w - h * e)) / (2 * h) for e in np.eye(30)])
    np.testing.assert_allclose(path.iterates[0] - path.iterates[1], 0.01 * slope, atol=1e-9)
    np.testing.assert_allclose(np.exp(path.log_risk[0]), risk(w), rtol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("shape", [(10, 30), (30, 10)])
def test_it_lands_at_the_solution_nearest_to_its_start(momentum: float, shape: tuple) -> None:
    data = gaussian_regression(2, *shape, noise=0.3)
    starts = datasets.generator(3).standard_normal((4, shape[1]))
    eta = Objective(data).default_step_size
    path = descent(data, HeavyBall(momentum), steps=eta, n_steps=4000, start=starts)
    for start, limit in zip(starts, path.final, strict=True):
        np.testing.assert_allclose(limit, min_norm(data, start=start).w, atol=1e-10)


def test_the_closed_form_of_every_step() -> None:
    """The error contracts by (I - step X^T X / n), step after step."""
    data = gaussian_regression(4, 6, 4)
    w_star = min_norm(data).w
    path = descent(data, steps=0.05, n_steps=40, record=[1, 7, 40])
    contraction = np.eye(4) - 0.05 * data.X.T @ data.X / 6
    for k, w in zip([1, 7, 40], path.iterates, strict=True):
        error = np.linalg.matrix_power(contraction, k) @ -w_star
        np.testing.assert_allclose(w - w_star, error, atol=1e-13)


def test_kaczmarz_lands_there_too_and_fits_its_last_sample() -> None:
    data = gaussian_regression(5, 6, 30)
    starts = datasets.generator(6).standard_normal((3, 30))
    how = {"sampling": Reshuffled(1), "start": starts, "seed": 7}
    path = descent(data, Kaczmarz(), n_steps=2400, record=6 * np.arange(1, 401), **how)
    for start, limit in zip(starts, path.final, strict=True):
        np.testing.assert_allclose(limit, min_norm(data, start=start).w, atol=1e-10)
    first = descent(data, Kaczmarz(), n_steps=6, **how).final
    assert (np.abs(first @ data.X.T - data.y).min(axis=1) < 1e-12).all()
    assert path.iterates.shape == (400, 3, 30)


def test_steps_beyond_two_over_the_smoothness_diverge() -> None:
    data = gaussian_regression(8)
    smoothness = np.linalg.norm(data.X, ord=2) ** 2 / 10
    start = np.ones(30)
    near = descent(data, steps=1.99 / smoothness, n_steps=5000, start=start)
    assert near.log_risk[-1] < near.log_risk[0]
    with pytest.raises(Diverged, match="smaller step_size"):
        descent(data, steps=3 / smoothness, n_steps=5000, start=start)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 0}, "step_size must be"),
        ({"start": np.zeros(3)}, r"start has shape \(3,\)"),
        ({"n_steps": 0}, "n_steps must be"),
    ],
)
def test_bad_input_is_refused_by_name(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        descent(gaussian_regression(0), **{"n_steps": 5, **arguments})


def test_kaczmarz_refuses_an_empty_equation() -> None:
    with pytest.raises(ValueError, match="row of zeros"):
        empty = Regression([[0.0, 0.0], [1.0, 2.0]], [0.0, 1.0])
        descent(empty, Kaczmarz(), n_steps=1, sampling=Reshuffled(1))
