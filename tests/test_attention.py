"""Softmax attention: the model, its data and its flow."""

import numpy as np
import pytest

from ibias import datasets, flow, models
from ibias.datasets import Dataset
from ibias.descent import descent
from ibias.flow.attention import AttentionField
from ibias.losses import Logistic
from ibias.objectives import Objective


@pytest.fixture
def data():
    return datasets.token_sequences(0)


@pytest.fixture
def net():
    return models.Attention(3, 6)


def test_it_is_the_mean_of_the_values(data, net):
    p = net.random(datasets.generator(1), batch=(2,))
    rows = data.X.reshape(4, 3, 7)
    for run in range(2):
        weights = np.exp(rows[..., :6] @ p[run])
        by_hand = (weights * rows[..., 6]).sum(axis=1) / weights.sum(axis=1)
        assert net.predict(p, data.X)[run] == pytest.approx(by_hand)


def test_its_gradient_is_that_of_the_predictions(data, net):
    p, h = net.random(datasets.generator(2)), 1e-6
    at = net.linearize(p, data.X)
    slopes = [
        (net.predict(p + h * e, data.X) - net.predict(p - h * e, data.X)) / (2 * h)
        for e in np.eye(6)
    ]
    assert at.gradients == pytest.approx(np.transpose(slopes), abs=1e-8)
    v = np.array([1.0, -2.0, 0.5, 3.0])
    assert at.vjp(v) == pytest.approx(v @ at.gradients)
    assert at.squared_gradient_norms() == pytest.approx((at.gradients**2).sum(axis=1))


def test_the_field_is_the_pull_of_the_objective(data, net):
    p = net.random(datasets.generator(3))
    field = AttentionField(data, net, Logistic())
    pull = Objective(data, model=net).pull(p).value()
    assert field(2.0, p) == pytest.approx(np.exp(2) * pull)


def test_descent_with_short_steps_is_on_the_flow(data, net):
    start = net.random(datasets.generator(4), scale=0.3)
    objective = Objective(data, model=net)
    steps = descent(objective, steps=0.01, start=start, n_steps=2000, record=[2000])
    path = flow.flow(objective, log_t=[np.log(20.0)], start=start)
    assert path.final == pytest.approx(steps.final, abs=1e-3)
    assert path.log_risk == pytest.approx(steps.log_risk, abs=1e-4)


def test_a_query_token_makes_products_of_keys():
    data = datasets.token_sequences(1, n_features=2, with_query=True)
    keys, values = models.Attention(3, 4).tokens(data.X)
    tokens = models.Attention(3, 2).tokens(datasets.token_sequences(1, n_features=2).X)[0]
    assert keys[1, 0] == pytest.approx(np.outer(tokens[1, 0], tokens[1, -1]).ravel())
    assert values.shape == (4, 3)


def test_orthogonal_tokens_find_the_best():
    values = datasets.generator(7).standard_normal((4, 3, 1))
    rows = np.concatenate([np.eye(12).reshape(4, 3, 12), values], axis=2)
    data = Dataset(rows.reshape(4, -1), [1, -1, 1, -1])
    net = models.Attention(3, 12)
    path = flow.flow(Objective(data, model=net), log_t=[100.0], start=np.zeros(12))
    scores = data.y[:, None] * values[..., 0]
    assert data.y * net.predict(path.final, data.X) == pytest.approx(scores.max(axis=1))


def test_bad_input_is_refused(data, net):
    with pytest.raises(ValueError, match="n_keys"):
        models.Attention(3, 0)
    with pytest.raises(ValueError, match="X has shape"):
        net.predict(np.zeros(6), data.X[:, 1:])
    with pytest.raises(ValueError, match="theta has shape"):
        net.predict(np.zeros(5), data.X)
    with pytest.raises(ValueError, match="21 features"):
        Objective(data, model=models.Attention(3, 5))
    with pytest.raises(ValueError, match="start has shape"):
        flow.attention_flow(data, net, log_t=[1.0], start=np.zeros(5))
    with pytest.raises(ValueError, match="Attention"):
        flow.attention_flow(data, models.two_layer_relu(21, 2), log_t=[1.0], start=np.zeros(5))
    one = models.Attention(1, 6)
    alone = datasets.token_sequences(0, n_tokens=1)
    with pytest.raises(ValueError, match="stationary"):
        flow.attention_flow(alone, one, log_t=[1.0], start=np.zeros(6))
    with pytest.raises(ValueError, match="n_samples"):
        datasets.token_sequences(n_samples=1)
