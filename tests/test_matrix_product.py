"""Products of factors: gradients by complex step, balance, and the velocity of W."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias.models import effective_rank, matrix_product, nuclear_norm, singular_values
from ibias.models.matrix_product import (
    balanced_factors,
    balanced_velocity,
    imbalance,
    product,
    scaled_identity,
    velocity,
    vjp,
)

depths = st.integers(1, 5)
sizes = st.integers(1, 4)


def random_factors(rng, depth, batch=(), sizes=(3, 4, 2, 5, 3, 4)):
    return [rng.standard_normal((*batch, sizes[j], sizes[j + 1])) for j in range(depth)]


@given(depths, st.integers(0, 100))
def test_gradients_match_the_complex_step(depth, seed):
    rng = np.random.default_rng(seed)
    factors = random_factors(rng, depth)
    G = rng.standard_normal(product(factors).shape)
    gradients = vjp(factors, G)
    j = rng.integers(depth)
    direction = rng.standard_normal(factors[j].shape)
    moved = [factor.astype(complex) for factor in factors]
    moved[j] = moved[j] + 1e-30j * direction
    slope = (G * product(moved)).sum().imag / 1e-30
    np.testing.assert_allclose((gradients[j] * direction).sum(), slope, rtol=1e-11, atol=1e-11)


def test_a_batch_is_each_problem_by_itself():
    rng = np.random.default_rng(0)
    factors = random_factors(rng, 3, batch=(2, 4))
    G = rng.standard_normal(product(factors).shape)
    single = vjp([factor[1, 3] for factor in factors], G[1, 3])
    for whole, one in zip(vjp(factors, G), single, strict=True):
        np.testing.assert_allclose(whole[1, 3], one, atol=1e-13)


def test_the_velocity_at_depth_two_is_the_sum_from_both_sides():
    rng = np.random.default_rng(1)
    U, Vt = random_factors(rng, 2)
    G = rng.standard_normal((3, 2))
    np.testing.assert_allclose(velocity([U, Vt], G), -(U @ U.T @ G + G @ Vt.T @ Vt), atol=1e-13)


@given(depths, sizes, sizes, st.integers(0, 100))
def test_balanced_factors_move_the_product_as_the_closed_form_says(depth, rows, columns, seed):
    rng = np.random.default_rng(seed)
    W, G = rng.standard_normal((2, rows, columns))
    factors = balanced_factors(W, depth)
    np.testing.assert_allclose(product(factors), W, atol=1e-12)
    expected = velocity(factors, G)
    np.testing.assert_allclose(balanced_velocity(W, G, depth), expected, atol=1e-10)


@given(st.integers(2, 4), sizes, sizes)
def test_identities_and_balanced_factors_are_balanced(depth, rows, columns):
    W = np.random.default_rng(rows).standard_normal((rows, columns))
    assert imbalance(balanced_factors(W, depth)) < 1e-12
    start = scaled_identity(0.1, (rows, columns), depth)
    assert imbalance(start) < 1e-15
    np.testing.assert_allclose(product(start), 0.1 * np.eye(rows, columns), atol=1e-15)


def test_a_wide_inner_dimension_breaks_the_balance_of_rectangular_identities():
    assert imbalance(scaled_identity(0.01, (3, 5), depth=2, width=5)) > 0.01


def test_singular_values_move_by_their_own_law():
    rng = np.random.default_rng(2)
    W, G = rng.standard_normal((2, 4, 4))
    P, s, Qt = np.linalg.svd(W)
    for depth in (1, 2, 3, 4):
        rate = np.einsum("ir,ij,rj->r", P, balanced_velocity(W, G, depth), Qt)
        law = -depth * s ** (2 - 2 / depth) * np.einsum("ir,ij,rj->r", P, G, Qt)
        np.testing.assert_allclose(rate, law, atol=1e-12)


def test_bad_input_names_the_remedy():
    with pytest.raises(ValueError, match="scale must be finite and greater than 0"):
        scaled_identity(0.0, (2, 2), 2)
    with pytest.raises(ValueError, match="depth must be a whole number"):
        balanced_factors(np.eye(2), 0)
    with pytest.raises(ValueError, match="give two or more"):
        imbalance([np.eye(2)])


@given(st.integers(1, 6), st.floats(0.1, 10))
def test_effective_rank_counts_equal_singular_values(count, scale):
    W = scale * np.diag([1.0] * count + [0.0] * (6 - count))
    np.testing.assert_allclose(effective_rank(W), count, rtol=1e-12)
    np.testing.assert_allclose(nuclear_norm(W), count * scale, rtol=1e-12)


def test_effective_rank_forgets_scale_and_rotation():
    rng = np.random.default_rng(3)
    W = rng.standard_normal((5, 4, 3))
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    np.testing.assert_allclose(effective_rank(7 * Q @ W), effective_rank(W), rtol=1e-12)
    assert singular_values(W).shape == (5, 3)
    with pytest.raises(ValueError, match="zero matrix"):
        effective_rank(np.zeros((2, 2)))


def test_the_module_is_a_name_of_the_package():
    assert matrix_product.product is product


@pytest.mark.parametrize("use", [product, imbalance, lambda factors: vjp(factors, np.eye(2))])
def test_one_matrix_is_no_sequence_of_factors(use):
    with pytest.raises(ValueError, match="sequence of matrices; one factor W is"):
        use(np.eye(2))
