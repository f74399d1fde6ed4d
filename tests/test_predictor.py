"""What reference optima say about new inputs, against their own data and by hand."""

import numpy as np
import pandas as pd
import pytest

from ibias import datasets, flow, optima, potentials
from ibias.datasets import Dataset

CLASSIFIERS = {
    "max_margin": optima.max_margin,
    "l1": lambda data: optima.max_margin(data, p=1),
    "bias": optima.max_margin_with_bias,
    "hinge": lambda data: optima.hinge_machine(data, penalty=1e-4),
    "tail": lambda data: optima.tail_direction(data, power=2),
    "fourier": optima.max_fourier_margin,
    "nonseparable": optima.bounded_part_and_ray,
    "variation": optima.variation_margin,
}
LINE = datasets.gaussian_regression(0, 3, 5)
REGRESSORS = {
    "l2": lambda: optima.min_norm(LINE),
    "l1": lambda: optima.min_norm(LINE, p=1),
    "bregman": lambda: optima.bregman_projection(LINE, potential=potentials.HyperbolicEntropy(0.1)),
    "weight normalised": lambda: optima.weight_normalized_interpolant(LINE, start=np.ones(5)),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_separator_has_its_own_samples_right(name):
    data = datasets.separable(1, 12, 2)
    best = CLASSIFIERS[name](data)
    scores = best.decision_function(data.X)
    assert scores.shape == (12,) and (best.predict(data.X) == data.y).all()
    if hasattr(best, "w"):
        np.testing.assert_allclose(scores, data.X @ best.w + getattr(best, "bias", 0.0), rtol=1e-14)
    smallest = {"bias": 1, "max_margin": 1, "l1": 1, "fourier": 1}.get(name)
    if smallest:
        assert (data.y * scores).min() == pytest.approx(smallest, abs=1e-6)
    table = pd.DataFrame(data.X, columns=["a", "b"])
    # Of columns one after the other: sums are the same up to their order.
    np.testing.assert_allclose(best.decision_function(table), scores, rtol=1e-13)
    for bad in (data.X[0], data.X[:, :1], np.nan * data.X, "x"):
        with pytest.raises(ValueError, match=r"X (must|has|holds)"):
            best.decision_function(bad)


def test_a_score_of_zero_is_no_positive_label():
    best = optima.max_margin(Dataset.from_signed([[1.0, 0.0]]))
    assert best.predict([[0.0, 1.0], [2.0, 0.0], [-1.0, 0.0]]).tolist() == [-1, 1, -1]


def test_a_missing_constant_is_named():
    best = optima.max_margin(datasets.separable(0).with_constant())
    with pytest.raises(ValueError, match=r"X has 5 features, but the data had 6 \(with_constant"):
        best.predict(datasets.separable(0).X)


def test_a_path_gives_a_stack():
    data = datasets.separable(1, 12, 3)
    path = optima.ridge_path(data, log_penalty=[0.0, -5.0])
    assert path.decision_function(data.X).shape == path.predict(data.X).shape == (2, 12)
    np.testing.assert_allclose(path.decision_function(data.X)[1], data.X @ path.w[1])


def test_the_classes_of_several():
    data = datasets.separable_classes(0)
    best = optima.multiclass_margin(data)
    scores = best.decision_function(data.X)
    assert scores.shape == (30, 3) and (best.predict(data.X) == data.y).all()
    ahead = scores[np.arange(30), data.y][:, None] - scores
    assert np.sort(ahead, axis=1)[:, 1].min() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", REGRESSORS)
def test_an_interpolant_predicts_its_targets(name):
    best = REGRESSORS[name]()
    np.testing.assert_allclose(best.predict(LINE.X), LINE.y, atol=1e-8)
    assert best.predict(np.eye(5)).tolist() == best.w.tolist()
    assert not hasattr(best, "decision_function")


def test_beside_the_ray_the_bounded_part_decides_as_the_flow_does():
    """Three samples hold each other on an axis, one goes off: signs at log t = 1e6."""
    data = Dataset.from_signed([[0, 1], [0, 1], [0, -1], [1, 3]])
    parts = optima.bounded_part_and_ray(data)
    X = np.array([[0.0, 1.0], [0.0, -2.0], [1.0, -50.0], [-1e-3, 8.0], [0.3, 0.0]])
    run = flow.gradient_flow(data, log_t=[1e6])
    assert (parts.predict(X) == np.sign(X @ run.final)).all()
    scores = parts.decision_function(X)
    np.testing.assert_allclose(scores[:2], X[:2] @ parts.bounded, rtol=1e-12)
    np.testing.assert_allclose(scores[2:], X[2:] @ parts.ray.w, rtol=1e-12)
    overlap = Dataset.from_signed([[1.0], [1.0], [-1.0]])
    parts = optima.bounded_part_and_ray(overlap)
    np.testing.assert_allclose(parts.decision_function([[2.0]]), 2 * np.log(2), rtol=1e-12)


def test_a_weight_of_the_ray_that_is_rounding_decides_nothing():
    """The bounded part spans a feature and the constant, the ray is the other feature."""
    X = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [2.0, 1.0]])
    for scales in ([1.0, 1.0], [1e-3, 1e4], [1e5, 1e-2]):
        data = Dataset(X * scales, [-1, 1, -1, -1]).with_constant()
        parts = optima.bounded_part_and_ray(data)
        assert (parts.ray.w != 0).tolist() == [False, True, False]
        assert parts.predict(data.X).tolist() == [-1, -1, -1, -1]  # log(1/2) < 0
        expected = [np.log(0.5)] * 3
        np.testing.assert_allclose(parts.decision_function(data.X)[:3], expected, rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_turned_data_are_classified_alike(seed):
    rng = datasets.generator(seed)
    rest = np.c_[rng.standard_normal((12, 2)), np.zeros((12, 2))]
    rising = np.c_[rng.standard_normal((3, 2)), rng.uniform(0.5, 1, (3, 2))]
    Z, turn = np.vstack([rest, rising]), np.linalg.qr(rng.standard_normal((4, 4)))[0]
    new = np.vstack([np.c_[rng.standard_normal((20, 2)), np.zeros((20, 2))], 3 * turn])
    plain = optima.bounded_part_and_ray(Dataset.from_signed(Z)).decision_function(new)
    turned = optima.bounded_part_and_ray(Dataset.from_signed(Z @ turn.T))
    np.testing.assert_allclose(turned.decision_function(new @ turn.T), plain, atol=1e-8)
