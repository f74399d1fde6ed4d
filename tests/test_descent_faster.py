"""Normalised and loss-scaled steps, and the methods with momentum."""

import numpy as np
import pytest
from scipy.special import softmax

from ibias import datasets, flow, losses, optima
from ibias.datasets import Dataset
from ibias.descent import Diverged, descent
from ibias.entropy import min_entropy, shannon_entropy
from ibias.methods import DualMomentum, HeavyBall, LossScaled, Nesterov, NormalizedGradient
from ibias.objectives import Objective
from ibias.steps import Decaying
from ibias.trajectory import margin

METHODS = {
    "loss_scaled": LossScaled(),
    "normalized": NormalizedGradient(),
    "heavy_ball": HeavyBall(),
    "nesterov": Nesterov(),
    "dual_momentum": DualMomentum(),
}


def run(data, method, **options):
    return descent(Objective(data, "exponential"), method, **options)


def gradient(data, w, loss):
    return losses.named(loss).slope(data.Z @ w) @ data.Z / data.n_samples


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_one_step_is_the_rule_of_the_method(loss):
    data = datasets.separable(0, 12, 3)
    w = np.array([0.2, -0.4, 0.1])
    g = gradient(data, w, loss)
    risk = losses.named(loss).value(data.Z @ w).mean()
    dual = losses.named(loss).dual_variables(data.Z @ w) @ data.Z
    expected = {
        "loss_scaled": -0.1 * g / risk,
        "normalized": -0.1 * g / np.linalg.norm(g),
        "heavy_ball": -0.1 * g,
        "nesterov": -0.1 * g,
        "dual_momentum": 0.1 * dual,
    }
    for name, method in METHODS.items():
        path = descent(Objective(data, loss), method, steps=0.1, n_steps=1, start=w)
        assert path.final - w == pytest.approx(expected[name], abs=1e-12)


def test_a_loss_scaled_step_descends_the_log_risk():
    data, w, h = datasets.separable(1, 12, 3), np.array([0.2, -0.4, 0.1]), 1e-6
    log_risk = lambda w: losses.Logistic().log_risk(data.Z @ w)  # noqa: E731
    slopes = [(log_risk(w + h * e) - log_risk(w - h * e)) / (2 * h) for e in np.eye(3)]
    path = descent(Objective(data, "logistic"), LossScaled(), steps=0.5, n_steps=1, start=w)
    assert (w - path.final) / 0.5 == pytest.approx(slopes, abs=1e-8)


def test_loss_scaled_descent_is_mirror_descent_on_the_dual():
    data = datasets.separable(0, 12, 3)
    eta, p = 0.03, np.full(12, 1 / 12)
    for _ in range(50):
        p = p * np.exp(-eta * data.Z @ (data.Z.T @ p))
        p /= p.sum()
    path = descent(Objective(data, "exponential"), LossScaled(), steps=eta, n_steps=50)
    assert softmax(-data.Z @ path.final) == pytest.approx(p, rel=1e-10)


def test_the_margin_bound_of_loss_scaled_steps_holds_at_every_step():
    for seed in range(5):
        data = datasets.separable(seed, 20, 4)
        best = optima.max_margin(data)
        path = descent(
            Objective(data, "exponential"), LossScaled(), n_steps=500, record=range(1, 501)
        )
        gap = best.margin - path.normalized_margin(data.Z)
        assert (gap * path.norms <= np.log(20) + 0.5).all()
        assert (path.norms >= np.exp(path.log_t) * best.margin * (1 - 1e-12)).all()


def test_the_norm_is_the_clock_of_every_method():
    data = datasets.planted(3, [0.5, 0.3, 0.2])
    p = optima.max_margin(data).dual_variables
    limit = shannon_entropy(p) - min_entropy(p)
    for name in ("loss_scaled", "normalized", "dual_momentum"):
        path = descent(Objective(data, "exponential"), METHODS[name], n_steps=3000)
        gap = 1 - margin(data.Z, path.final)
        assert gap * path.norms[-1] == pytest.approx(limit, rel=0.02), name


def test_normalised_steps_have_the_prescribed_lengths():
    data = datasets.separable(0, 12, 3)
    path = descent(
        Objective(data, "exponential"),
        NormalizedGradient(),
        steps=Decaying(2.0),
        n_steps=9,
        record=range(10),
    )
    lengths = np.linalg.norm(np.diff(path.iterates, axis=0), axis=-1)
    assert lengths == pytest.approx(2 / np.sqrt(np.arange(1, 10)))


def test_steps_do_not_underflow_where_the_gradient_does():
    data, start = datasets.symmetric_pair(), [1e4, 1e4]
    for name in ("loss_scaled", "normalized", "dual_momentum"):
        path = run(data, METHODS[name], steps=1.0, n_steps=10, start=start)
        assert path.norms[-1] > np.hypot(*start) + 1, name


def test_heavy_ball_without_momentum_is_gradient_descent():
    data = datasets.separable(0, 12, 3)
    plain = descent(data, steps=0.3, n_steps=100)
    ball = descent(data, HeavyBall(0.0), steps=0.3, n_steps=100)
    assert ball.iterates == pytest.approx(plain.iterates, rel=1e-13)


def test_heavy_ball_follows_the_flow_at_its_effective_time():
    data = datasets.separable(0, 12, 3)
    errors = []
    for eta in (0.02, 0.01):
        path = descent(data, HeavyBall(0.8), steps=eta, n_steps=int(20 / eta))
        there = flow.gradient_flow(data, log_t=[path.log_t[-1] - np.log(0.2)])
        errors.append(np.linalg.norm(path.final - there.final))
    assert errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)


def test_nesterov_follows_the_accelerated_flow():
    data = datasets.separable(0, 12, 3)
    errors = []
    for eta in (1e-2, 2.5e-3):
        n_steps = int(10 / np.sqrt(eta))
        path = descent(data, Nesterov(), steps=eta, n_steps=n_steps)
        there = flow.accelerated_flow(data, log_t=[np.log(np.sqrt(eta) * n_steps)])
        errors.append(np.linalg.norm(path.final - there.final))
    assert errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)


def test_dual_momentum_is_a_weighted_sum_of_the_gradients():
    data, eta = datasets.separable(0, 12, 3), 0.05
    path = descent(
        Objective(data, "exponential"), DualMomentum(), steps=eta, n_steps=30, record=range(31)
    )
    pulls = softmax(-path.iterates @ data.Z.T, axis=-1) @ data.Z
    for k in range(30):
        running = np.arange(k + 1) @ pulls[: k + 1] / (k + 1)
        assert path.iterates[k + 1] - path.iterates[k] == pytest.approx(
            eta * (running + pulls[k]), abs=1e-12
        )


@pytest.mark.parametrize("name", METHODS)
def test_a_batch_is_the_same_as_its_members(name):
    data, method = datasets.separable(0, 12, 3), METHODS[name]
    starts = datasets.generator(1).standard_normal((4, 3))
    together = run(data, method, steps=0.1, n_steps=20, start=starts)
    sizes = run(data, method, steps=[0.05, 0.1], n_steps=20)
    for i, start in enumerate(starts):
        alone = run(data, method, steps=0.1, n_steps=20, start=start)
        assert together.iterates[:, i] == pytest.approx(alone.iterates, rel=1e-10)
    alone = run(data, method, steps=0.1, n_steps=20)
    assert sizes.iterates[:, 1] == pytest.approx(alone.iterates, rel=1e-10)
    assert alone.log_t[-1] == pytest.approx(np.log(2.0))


@pytest.mark.parametrize("name", METHODS)
def test_equivariant_under_rotation(name):
    data, method = datasets.separable(0, 12, 3), METHODS[name]
    turn = np.linalg.qr(datasets.generator(2).standard_normal((3, 3)))[0]
    turned = Dataset(data.X @ turn, data.y)
    straight = run(data, method, steps=0.1, n_steps=50).iterates
    assert run(turned, method, steps=0.1, n_steps=50).iterates == pytest.approx(
        straight @ turn, abs=1e-10
    )


def test_defaults():
    data = datasets.separable(0, 12, 3)
    assert Objective(data).dual_step_size == pytest.approx(1 / np.max(np.sum(data.Z**2, axis=1)))
    scaled = descent(Objective(data, "exponential"), LossScaled(), n_steps=1)
    assert scaled.log_t[0] == pytest.approx(np.log(Objective(data).dual_step_size))
    ball = descent(data, HeavyBall(0.9), n_steps=1)
    assert ball.log_t[0] == pytest.approx(np.log(0.1 * Objective(data).default_step_size))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("normalized", {"steps": 0.0}, "step_size must be finite and greater than 0"),
        ("loss_scaled", {"n_steps": 0}, "n_steps must be a whole number"),
        ("dual_momentum", {"start": [1.0]}, "start has shape"),
        ("nesterov", {"loss": "exponential"}, "give steps"),
    ],
)
def test_bad_input(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        objective = Objective(datasets.separable(0), arguments.pop("loss", None))
        descent(objective, METHODS[name], **{"n_steps": 10, **arguments})


def test_a_gradient_that_vanishes_has_no_direction():
    data = Dataset.from_signed([[1.0], [-1.0]])
    with pytest.raises(ValueError, match="the gradient vanishes at step 0"):
        descent(Objective(data, "exponential"), NormalizedGradient(), n_steps=5)


def test_divergence_raises():
    data = Dataset.from_signed([[0.1, 0.9], [0.1, -0.5]])
    for method in (HeavyBall(), Nesterov()):
        with pytest.raises(Diverged, match="out of bounds"):
            descent(Objective(data, "exponential"), method, steps=50.0, n_steps=100, start=[0, 1])
