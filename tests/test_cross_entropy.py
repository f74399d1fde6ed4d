"""Gradient flow of the cross-entropy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import log_softmax, softmax

from ibias import datasets, flow, optima
from ibias.datasets import MulticlassDataset
from ibias.flow.cross_entropy import CrossEntropyField


def risk(data, W):
    return -log_softmax(data.X @ W.T, axis=1)[np.arange(data.n_samples), data.y].mean()


def negative_gradient(data, W):
    residual = np.eye(data.n_classes)[data.y] - softmax(data.X @ W.T, axis=1)
    return residual.T @ data.X / data.n_samples


@pytest.fixture
def data():
    return datasets.separable_classes(0, 12, 4, 3)


def test_the_field_is_the_gradient_of_the_cross_entropy(data):
    field = CrossEntropyField(data.Z, data.n_samples)
    W = datasets.generator(1).standard_normal((3, 4))
    assert field(2.0, W.ravel()) == pytest.approx(np.exp(2) * negative_gradient(data, W).ravel())
    assert np.exp(field.log_risk(W.ravel())) == pytest.approx(risk(data, W))


def test_its_jacobian_is_its_derivative(data):
    field, h = CrossEntropyField(data.Z, data.n_samples), 1e-6
    w = datasets.generator(1).standard_normal(12)
    columns = [(field(1.0, w + h * e) - field(1.0, w - h * e)) / (2 * h) for e in np.eye(12)]
    assert field.jacobian(1.0, w) == pytest.approx(np.transpose(columns), abs=1e-7)


def test_it_solves_its_equation_in_plain_time(data):
    start = 0.3 * datasets.generator(2).standard_normal((3, 4))
    plain = solve_ivp(
        lambda t, w: negative_gradient(data, w.reshape(3, 4)).ravel(),
        (0.0, 50.0),
        start.ravel(),
        rtol=1e-10,
        atol=1e-11,
    )
    path = flow.cross_entropy_flow(data, log_t=[-3.0, np.log(50.0)], start=start)
    assert path.final == pytest.approx(plain.y[:, -1], abs=1e-7)
    assert (path.error_estimate < 1e-8).all()


def test_two_classes_are_the_logistic_flow_at_half_the_weights():
    binary = datasets.separable(0, 12, 3)
    data = MulticlassDataset(binary.X, (binary.y > 0).astype(int))
    # <w_1 - w_0, x> obeys the logistic flow run twice as fast.
    path = flow.cross_entropy_flow(data, log_t=[3.0, 8.0])
    W = path.iterates.reshape(2, 2, 3)
    twice = flow.gradient_flow(binary, log_t=np.array([3.0, 8.0]) + np.log(2))
    assert W[:, 1] - W[:, 0] == pytest.approx(twice.iterates, abs=1e-8)


def test_it_grows_along_the_multiclass_margin_and_keeps_the_mean_of_the_rows():
    for seed in range(4):
        data = datasets.separable_classes(seed)
        best = optima.multiclass_margin(data)
        start = datasets.generator(seed).standard_normal(best.W.shape)
        path = flow.cross_entropy_flow(data, log_t=[5e3, 1e4], start=start)
        growth = np.diff(path.iterates, axis=0)[0] / 5e3
        assert growth == pytest.approx(best.W.ravel(), abs=1e-4 / best.margin)
        rows = path.iterates.reshape(-1, *best.W.shape)
        assert rows.mean(axis=1) == pytest.approx(np.tile(start.mean(axis=0), (2, 1)), abs=1e-8)


def test_bad_input(data):
    with pytest.raises(ValueError, match="data must be a MulticlassDataset"):
        flow.cross_entropy_flow(datasets.separable(0), log_t=[1.0])
    with pytest.raises(ValueError, match=r"start has shape \(3,\)"):
        flow.cross_entropy_flow(data, log_t=[1.0], start=[1.0, 2.0, 3.0])


def test_classes_that_overlap_are_followed_until_they_rest():
    rng = np.random.default_rng(0)
    data = MulticlassDataset(rng.standard_normal((30, 3)), rng.integers(0, 3, 30))
    path = flow.cross_entropy_flow(data, log_t=[14.0, 17.0])
    assert path.iterates[0] == pytest.approx(path.final, abs=1e-9)
    for factor in (1.0, 1e-3):
        scaled = MulticlassDataset(factor * data.X, data.y)
        with pytest.raises(ValueError, match=r"the classes overlap.* ask for times up to") as said:
            flow.cross_entropy_flow(scaled, log_t=[5.0, 60.0])
        until = float(str(said.value).split()[-1].rstrip("."))
        assert factor * flow.cross_entropy_flow(scaled, log_t=[until]).final == pytest.approx(
            path.final, abs=1e-6
        )
