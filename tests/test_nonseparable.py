"""The bounded part and the ray: closed forms, the split, and the two ends of the scale."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets
from ibias.datasets import Dataset
from ibias.losses import named
from ibias.optima import bounded_part_and_ray, max_margin


def mixed(seed: int) -> Dataset:
    """Thirty samples that overlap in three dimensions, and twenty that rise above them."""
    rng = datasets.generator(seed)
    rest = np.c_[rng.standard_normal((30, 3)) + 0.3, np.zeros((30, 2))]
    rising = np.c_[rng.standard_normal((20, 3)), rng.uniform(0.1, 1, (20, 2))]
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    return Dataset.from_signed(np.vstack([rest, rising]) @ turn)


def test_the_closed_form() -> None:
    """Two against one on an axis: w_2 = log(2)/2 for the exponential, log 2 for the logistic."""
    data = Dataset.from_signed([[0, 1], [0, 1], [0, -1], [1, 0.5], [2, -1]])
    exponential = bounded_part_and_ray(data, loss="exponential")
    logistic = bounded_part_and_ray(data)
    np.testing.assert_allclose(exponential.bounded, [0, np.log(2) / 2], atol=1e-15)
    np.testing.assert_allclose(logistic.bounded, [0, np.log(2)], atol=1e-15)
    assert logistic.rest.tolist() == [0, 1, 2] and logistic.separable.tolist() == [3, 4]
    np.testing.assert_allclose(logistic.ray.w, [1, 0], atol=1e-14)
    assert logistic.ray.support.tolist() == [3]


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("seed", range(4))
def test_the_parts_are_orthogonal_and_optimal(seed: int, loss: str) -> None:
    data = mixed(seed)
    parts = bounded_part_and_ray(data, loss=loss)
    assert parts.rest.tolist() == list(range(30))
    rest, rising = data.Z[:30], data.Z[30:]
    np.testing.assert_allclose(rest @ parts.ray.w, 0, atol=1e-11)
    assert (rising @ parts.ray.w).min() == pytest.approx(1, abs=1e-11)
    assert parts.bounded @ parts.ray.w == pytest.approx(0, abs=1e-11)
    assert parts.residual < 1e-13

    def risk(v: np.ndarray) -> float:
        return float(np.exp(named(loss).log_risk(rest @ v)))

    found = minimize(risk, np.zeros(5), tol=1e-14).x
    np.testing.assert_allclose(rest @ parts.bounded, rest @ found, atol=1e-5)
    # The dual of the ray: the nearest point of the hull, seen across the span of the rest.
    span = np.linalg.svd(rest)[2][:3]
    across = parts.ray.dual_variables @ data.Z
    across = across - span.T @ (span @ across)
    np.testing.assert_allclose(across / np.linalg.norm(across), parts.ray.direction, atol=1e-10)
    assert not parts.ray.dual_variables[:30].any()
    assert parts.ray.support.min() >= 30


def test_separable_data_are_all_ray() -> None:
    data = datasets.separable(0)
    parts = bounded_part_and_ray(data)
    assert not parts.bounded.any() and parts.rest.size == 0 and not parts.weights.any()
    np.testing.assert_allclose(parts.ray.w, max_margin(data).w, atol=1e-12)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_overlapping_data_have_no_ray(loss: str) -> None:
    rng = datasets.generator(1)
    data = Dataset.from_signed(rng.standard_normal((60, 4)) + 0.3)
    parts = bounded_part_and_ray(data, loss=loss)
    assert parts.ray is None and parts.separable.size == 0
    slope = named(loss).slope(data.Z @ parts.bounded) @ data.Z
    np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_a_direction_that_no_sample_sees_stays_at_zero() -> None:
    data = Dataset.from_signed([[1, 0, 0], [-1, 0, 0], [0, 1, 0]])
    parts = bounded_part_and_ray(data)
    assert parts.bounded[2] == 0 and parts.ray.w[2] == pytest.approx(0, abs=1e-15)


def test_nearly_separable_rest_from_a_far_minimiser() -> None:
    """One hundred thousand to one: the exponential minimiser is log(1e5)/2, found from zero."""
    data = Dataset.from_signed(np.r_[np.ones((100_000, 1)), [[-1.0]]])
    found = bounded_part_and_ray(data, loss="exponential").bounded
    assert found[0] == pytest.approx(np.log(1e5) / 2, rel=1e-12)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="data must be a Dataset"):
        bounded_part_and_ray(np.eye(2))
    with pytest.raises(ValueError, match="unknown loss 'hinge'"):
        bounded_part_and_ray(datasets.separable(0), loss="hinge")


def test_the_ray_leaves_the_rest_alone_where_columns_differ_by_far():
    # The two that hold each other lie along (1, 1e6): the ray must cancel between the columns.
    Z = np.array([[1.0, 1e6], [-1.0, -1e6], [1.0, 3e6]])
    found = bounded_part_and_ray(Dataset.from_signed(Z))
    assert found.rest.tolist() == [0, 1]
    assert np.abs(Z[:2] @ found.ray.w).max() <= 1e-9 * (np.abs(Z[:2]) @ np.abs(found.ray.w)).max()
    assert Z[2] @ found.ray.w == pytest.approx(1)


def test_an_input_that_the_ray_sees_is_scored_by_it_at_any_scale():
    data = Dataset.from_signed([[0.0, 1.0], [0.0, -1.0], [1.0, 3.0]])
    found = bounded_part_and_ray(data)
    for scale in (1e-6, 1.0, 1e9):
        inputs = scale * np.array([[1.0, 5.0], [0.0, 5.0]])
        score = found.decision_function(inputs)
        assert score == pytest.approx([inputs[0] @ found.ray.w, inputs[1] @ found.bounded])
