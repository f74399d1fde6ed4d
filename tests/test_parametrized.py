"""Descent on the parameters of linear predictors: noise, sharpness-aware steps, many runs."""

import numpy as np
import pytest

from ibias import datasets, models
from ibias.descent import Diverged, descent
from ibias.methods import Gradient, SharpnessAware
from ibias.noise import LabelNoise, WeightNoise, WithReplacement
from ibias.objectives import Objective
from ibias.trajectory import unit

DATA = [datasets.gaussian_regression(seed, 6, 9) for seed in range(3)]
NET = models.WeightNormalized(9)
STARTS = NET.theta(datasets.generator(5).standard_normal((3, 9)))


def run(data=DATA, method=Gradient(), batch_size=None, **options):
    settings = {"steps": 0.05, "n_steps": 30, "start": STARTS, "record": [30]} | options
    sampling = None if batch_size is None else WithReplacement(batch_size)
    return descent(Objective(data, model=NET), method, sampling=sampling, **settings).final


def risk(theta, data):
    return ((data.X @ NET.weights(theta) - data.y) ** 2).mean() / 2


def gradient(theta, data):
    steps = 1e-6 * np.eye(NET.n_parameters)
    return np.array([(risk(theta + e, data) - risk(theta - e, data)) / 2e-6 for e in steps])


def test_one_step_is_minus_the_gradient_of_the_mean_loss():
    moved = run(n_steps=1, record=[1]) - STARTS
    slopes = [gradient(theta, one) for theta, one in zip(STARTS, DATA, strict=True)]
    assert moved == pytest.approx(-0.05 * np.array(slopes), abs=1e-9)


def test_runs_are_independent_of_each_other():
    alone = [run(one, start=theta) for one, theta in zip(DATA, STARTS, strict=True)]
    assert np.array(alone) == pytest.approx(run(), abs=1e-12)


def test_a_batch_step_is_the_gradient_of_its_samples():
    data = datasets.Regression(DATA[0].X[[2] * 4], DATA[0].y[[2] * 4])  # any batch is sample 2
    expected = run(data, start=STARTS[0])
    assert run(data, start=STARTS[0], batch_size=3, seed=7) == pytest.approx(expected, abs=1e-12)


def test_label_noise_is_fresh_and_has_the_stated_size():
    thetas = run([DATA[0]] * 4000, start=STARTS[0], n_steps=1, record=[1], noise=LabelNoise(0.5))
    quiet = run(DATA[0], start=STARTS[0], n_steps=1, record=[1])
    moves = thetas - quiet
    X, scale = DATA[0].X, 0.05 * 0.5 / 6
    Jacobian = NET.pullback(STARTS[0], X)
    assert moves.mean(axis=0) == pytest.approx(0, abs=4 * scale * np.abs(Jacobian).sum() / 63)
    expected = scale**2 * Jacobian.T @ Jacobian  # the covariance of a sum over six signs
    assert np.cov(moves.T) == pytest.approx(expected, abs=0.08 * np.abs(expected).max())


def test_weight_noise_has_the_stated_deviation():
    noisy = run([DATA[0]] * 4000, start=STARTS[0], n_steps=1, record=[1], noise=WeightNoise(0.1))
    quiet = run(DATA[0], start=STARTS[0], n_steps=1, record=[1])
    assert (noisy - quiet).std() == pytest.approx(0.1, rel=0.02)
    assert np.abs(np.corrcoef((noisy - quiet).T) - np.eye(10)).max() < 0.08


def test_step_sizes_may_differ_between_runs():
    together = run([DATA[0]] * 2, start=STARTS[0], steps=[0.05, 0.01])
    apart = [run(DATA[0], start=STARTS[0], steps=eta) for eta in (0.05, 0.01)]
    assert together == pytest.approx(np.array(apart), abs=1e-12)


def test_the_recorded_risk_is_that_of_all_samples_without_noise():
    settings = {"steps": 0.05, "n_steps": 4, "start": STARTS, "sampling": WithReplacement(1)}
    path = descent(Objective(DATA, model=NET), noise=LabelNoise(1.0), **settings)
    expected = [np.log(risk(theta, one)) for theta, one in zip(path.final, DATA, strict=True)]
    assert path.log_risk[-1] == pytest.approx(expected)
    assert path.log_t == pytest.approx(np.log(0.05 * np.array([1, 2, 3, 4])))


def test_without_a_radius_sharpness_aware_descent_is_descent():
    for batch in (None, 2):
        plain = run(batch_size=batch, seed=3)
        aware = run(method=SharpnessAware(Gradient(), 1e-9), batch_size=batch, seed=3)
        assert aware == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("normalized", [True, False])
def test_a_sharpness_aware_step_is_the_gradient_uphill(normalized):
    aware = SharpnessAware(Gradient(), 0.3, normalized)
    moved = run(method=aware, n_steps=1, record=[1]) - STARTS
    for move, theta, one in zip(moved, STARTS, DATA, strict=True):
        uphill = gradient(theta, one)
        above = theta + 0.3 * (unit(uphill) if normalized else uphill)
        assert move == pytest.approx(-0.05 * gradient(above, one), abs=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": []}, "data must be"),
        ({"data": [DATA[0], datasets.gaussian_regression(0, 5, 9)]}, "same shape"),
        ({"data": datasets.gaussian_regression(0, 5, 4)}, "4 features, the model 9"),
        ({"steps": [0.1, 0.1]}, "do not go together"),
        ({"steps": -1.0}, "step_size must be"),
        ({"start": np.ones(3)}, "start has shape"),
        ({"noise": "much"}, "noise must be"),
        ({"noise": [LabelNoise(0.1), LabelNoise(0.2)]}, "noise holds two"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        run(**change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WithReplacement(0), "batch_size must be"),
        (lambda: LabelNoise(-1.0), "size must be"),
        (lambda: WeightNoise(np.nan), "size must be"),
        (lambda: SharpnessAware(Gradient(), -0.1), "radius must be"),
    ],
)
def test_bad_parts_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_divergence_is_reported():
    class Cubes:
        n_features = n_parameters = 9

        def weights(self, theta):
            return theta**3

        def pullback(self, theta, g):
            return 3 * theta**2 * g

    with pytest.raises(Diverged, match="smaller step_size"):
        descent(Objective(DATA, model=Cubes()), steps=10, n_steps=60, start=np.ones(9))
