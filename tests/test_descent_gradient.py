"""Gradient descent as an exact loop."""

import numpy as np
import pytest

from ibias import datasets, losses
from ibias.datasets import Dataset
from ibias.descent import Diverged, descent
from ibias.objectives import Objective


def test_one_step_is_the_gradient_of_the_mean_loss():
    data = datasets.separable(0, 12, 3)
    w = np.array([0.2, -0.4, 0.1])
    risk = lambda w: losses.Logistic().value(data.Z @ w).mean()  # noqa: E731
    h = 1e-6
    gradient = [(risk(w + h * e) - risk(w - h * e)) / (2 * h) for e in np.eye(3)]
    path = descent(data, steps=0.5, n_steps=1, start=w)
    assert (w - path.final) / 0.5 == pytest.approx(gradient, abs=1e-9)


def test_a_batch_is_the_same_as_its_members():
    data = datasets.separable(0, 12, 3)
    starts = datasets.generator(1).standard_normal((4, 3))
    together = descent(data, steps=0.5, n_steps=50, start=starts)
    steps = descent(data, steps=[0.1, 0.5], n_steps=50)
    for i, start in enumerate(starts):
        alone = descent(data, steps=0.5, n_steps=50, start=start)
        assert together.iterates[:, i] == pytest.approx(alone.iterates, rel=1e-12)
    alone = descent(data, steps=0.5, n_steps=50)
    assert steps.iterates[:, 1] == pytest.approx(alone.iterates, rel=1e-12)
    assert together.log_risk.shape == (together.log_t.size, 4)


def test_steps_recorded_and_their_times():
    data = datasets.separable(0, 12, 3)
    path = descent(data, steps=0.5, n_steps=100, record=[0, 10, 100])
    assert path.log_t == pytest.approx([-np.inf, np.log(5.0), np.log(50.0)])
    assert (path.iterates[0] == 0).all()
    default = descent(data, steps=0.5, n_steps=100)
    assert default.log_t[-1] == pytest.approx(np.log(50.0))


def test_equivariant_under_rotation():
    data = datasets.separable(0, 12, 3)
    turn = np.linalg.qr(datasets.generator(2).standard_normal((3, 3)))[0]
    turned = Dataset(data.X @ turn, data.y)
    straight = descent(data, steps=0.5, n_steps=200).iterates
    assert descent(turned, steps=0.5, n_steps=200).iterates == pytest.approx(
        straight @ turn, abs=1e-12
    )


def test_default_step_is_the_inverse_smoothness():
    data = datasets.separable(0, 12, 3)
    top = np.linalg.eigvalsh(data.Z.T @ data.Z / 12)[-1]
    assert Objective(data).default_step_size == pytest.approx(4 / top)
    with pytest.raises(ValueError, match=r"not smooth.*give steps"):
        descent(Objective(data, "exponential"), n_steps=1)


def test_divergence_raises_with_the_step():
    data = Dataset.from_signed([[0.1, 0.9], [0.1, -0.5]])
    with pytest.raises(Diverged, match="out of bounds by step") as caught:
        descent(Objective(data, "exponential"), steps=50.0, n_steps=100, start=[0.0, 1.0])
    assert 1 <= caught.value.step <= 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0.0}, "step_size must be finite and greater than 0"),
        ({"steps": [0.1, np.nan]}, "step_size holds 1 NaN"),
        ({"n_steps": 0}, "n_steps must be a whole number"),
        ({"n_steps": 2.5}, "n_steps must be a whole number"),
        ({"record": [200]}, "record must hold step numbers from 0 to n_steps=100"),
        ({"start": [1.0, 2.0]}, "start has shape"),
        ({"loss": "squared hinge"}, "unknown loss"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        objective = Objective(datasets.separable(0), arguments.pop("loss", None))
        descent(objective, **{"n_steps": 100, **arguments})
