"""Descent on the parameters of linear predictors: noise, sharpness-aware steps, many runs."""

import numpy as np
import pytest
from ibias.descent.parametrized import Runs, draw
from ibias.descent.sharpness_aware import sharpness_aware_descent

from ibias import datasets, descent, models
from ibias.trajectory import unit

DATA = [datasets.gaussian_regression(seed, 6, 9) for seed in range(3)]
NET = models.WeightNormalized(9)
STARTS = NET.theta(datasets.generator(5).standard_normal((3, 9)))


def run(data=DATA, method=descent.parametrized_descent, **options):
    settings = {"step_size": 0.05, "n_steps": 30, "start": STARTS, "record": [30]} | options
    return method(data, NET, **settings).final


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
    assert np.concatenate(alone) == pytest.approx(run(), abs=1e-12)


def test_a_batch_step_is_the_gradient_of_its_samples():
    data = datasets.Regression(DATA[0].X[[2] * 4], DATA[0].y[[2] * 4])  # any batch is sample 2
    expected = run(data, start=STARTS[0])
    assert run(data, start=STARTS[0], batch_size=3, seed=7) == pytest.approx(expected, abs=1e-12)


def test_batches_draw_every_sample_equally_often():
    runs = Runs.of(DATA[:1], 9)
    batches = draw(runs, datasets.generator(0), 2)
    picked = np.array([next(batches)[1][0] for _ in range(3000)]).ravel()
    shares = [(picked == y).mean() for y in DATA[0].y]
    assert shares == pytest.approx([1 / 6] * 6, abs=0.03)


def test_label_noise_is_fresh_and_has_the_stated_size():
    thetas = run([DATA[0]] * 4000, start=STARTS[0], n_steps=1, record=[1], label_noise=0.5)
    quiet = run(DATA[0], start=STARTS[0], n_steps=1, record=[1])[0]
    moves = thetas - quiet
    X, scale = DATA[0].X, 0.05 * 0.5 / 6
    Jacobian = NET.pullback(STARTS[0], X)
    assert moves.mean(axis=0) == pytest.approx(0, abs=4 * scale * np.abs(Jacobian).sum() / 63)
    expected = scale**2 * Jacobian.T @ Jacobian  # the covariance of a sum over six signs
    assert np.cov(moves.T) == pytest.approx(expected, abs=0.08 * np.abs(expected).max())


def test_weight_noise_has_the_stated_deviation():
    noisy = run([DATA[0]] * 4000, start=STARTS[0], n_steps=1, record=[1], weight_noise=0.1)
    quiet = run(DATA[0], start=STARTS[0], n_steps=1, record=[1])
    assert (noisy - quiet).std() == pytest.approx(0.1, rel=0.02)
    assert np.abs(np.corrcoef((noisy - quiet).T) - np.eye(10)).max() < 0.08


def test_step_sizes_may_differ_between_runs():
    together = run([DATA[0]] * 2, start=STARTS[0], step_size=[0.05, 0.01])
    apart = [run(DATA[0], start=STARTS[0], step_size=eta)[0] for eta in (0.05, 0.01)]
    assert together == pytest.approx(np.array(apart), abs=1e-12)


def test_the_recorded_risk_is_that_of_all_samples_without_noise():
    settings = {"step_size": 0.05, "n_steps": 4, "start": STARTS, "batch_size": 1}
    path = descent.parametrized_descent(DATA, NET, label_noise=1.0, **settings)
    expected = [np.log(risk(theta, one)) for theta, one in zip(path.final, DATA, strict=True)]
    assert path.log_risk[-1] == pytest.approx(expected)
    assert path.log_t == pytest.approx(np.log(0.05 * np.array([1, 2, 3, 4])))


def test_without_a_radius_sharpness_aware_descent_is_descent():
    for batch in (None, 2):
        plain = run(batch_size=batch, seed=3)
        aware = run(method=sharpness_aware_descent, batch_size=batch, seed=3, radius=1e-9)
        assert aware == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("normalized", [True, False])
def test_a_sharpness_aware_step_is_the_gradient_uphill(normalized):
    moved = run(method=sharpness_aware_descent, radius=0.3, normalized=normalized, n_steps=1,
                record=[1]) - STARTS  # fmt: skip
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
        ({"step_size": [0.1, 0.1]}, "step_size has shape"),
        ({"step_size": -1.0}, "step_size must be"),
        ({"start": np.ones(3)}, "start has shape"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"label_noise": -1.0}, "label_noise must be"),
        ({"weight_noise": np.nan}, "weight_noise must be"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        run(**change)


def test_a_radius_must_be_positive():
    with pytest.raises(ValueError, match="radius must be"):
        run(method=sharpness_aware_descent, radius=0.0)


def test_divergence_is_reported():
    class Cubes:
        n_features = n_parameters = 9

        def weights(self, theta):
            return theta**3

        def pullback(self, theta, g):
            return 3 * theta**2 * g

    with pytest.raises(descent.Diverged, match="smaller step_size"):
        descent.parametrized_descent(DATA, Cubes(), step_size=10, n_steps=60, start=np.ones(9))
