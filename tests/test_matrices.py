"""Matrix problems: risks and gradients, generators, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias.datasets import (
    Completion,
    Sensing,
    commuting_sensing,
    four_by_four_completion,
    gaussian_sensing,
    low_rank_completion,
    two_by_two_completion,
)

PROBLEMS = {
    "completion": low_rank_completion(3, 5, 2, 12, seed=0)[1],
    "commuting": commuting_sensing(5, 3, seed=0),
    "gaussian": gaussian_sensing(5, 2, 8, seed=0),
    "2x2": two_by_two_completion(),
    "4x4": four_by_four_completion(3.0),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_gradient_and_risk_belong_to_sensors_and_observations(problem):
    rng = np.random.default_rng(0)
    W, direction = rng.standard_normal((2, *problem.shape))
    residual = np.tensordot(problem.sensors, W, axes=2) - problem.observations
    np.testing.assert_allclose(problem.risk(W), 0.5 * residual @ residual, rtol=1e-12)
    slope = (problem.risk(W + 1e-5 * direction) - problem.risk(W - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose((problem.gradient(W) * direction).sum(), slope, rtol=1e-8)
    stack = rng.standard_normal((4, 2, *problem.shape))
    assert problem.risk(stack).shape == (4, 2)
    np.testing.assert_allclose(problem.gradient(stack)[3, 1], problem.gradient(stack[3, 1]))


@given(st.integers(1, 4), st.integers(2, 6), st.integers(0, 50))
def test_low_rank_completion_has_its_rank_size_and_number_of_entries(n, size, seed):
    rng = np.random.default_rng(seed)
    observed = rng.integers(1, size**2, n, endpoint=True)
    problem = low_rank_completion(n, size, 2, observed, seed)
    assert (problem.mask.sum(axis=(1, 2)) == observed).all()
    assert (np.linalg.matrix_rank(problem.truth) == 2).all()
    np.testing.assert_allclose(np.linalg.norm(problem.truth, axis=(1, 2)), size)
    assert (problem.M[~problem.mask] == 0).all(), "an unseen entry is kept"
    np.testing.assert_allclose(problem.relative_error(problem.truth), 0)


def test_more_observations_contain_the_fewer():
    few, more = (low_rank_completion(5, 6, 2, k, seed=3) for k in (10, 20))
    np.testing.assert_array_equal(few.truth, more.truth)
    assert (few.mask <= more.mask).all()


def test_commuting_sensors_commute_and_gaussian_ones_do_not():
    def commutator(problem):
        A, B = problem.sensors[:2]
        return np.linalg.norm(A @ B - B @ A)

    assert commutator(commuting_sensing(6, 3, seed=1)) < 1e-13
    assert commutator(gaussian_sensing(6, 2, 5, seed=1)) > 0.1
    spectrum = np.linalg.eigvalsh(commuting_sensing(6, 3, seed=1).truth)
    assert spectrum[:3] == pytest.approx(np.zeros(3), abs=1e-12)
    assert (spectrum[3:] > 0.5).all()
    assert (spectrum[3:] < 1.5).all()


def test_the_rank_one_completion_of_the_4x4_instance():
    v = np.array([1.0, 3.0, 1.0, 3.0])
    assert four_by_four_completion(3.0).risk(np.outer(v, v)) == 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Completion([[1, 0]], [[1.0, 2.0]]), "mask must hold True and False"),
        (lambda: Completion([[False]], [[1.0]]), "one observed entry"),
        (lambda: Completion([[True]], [[np.nan]]), "M holds 1 NaN"),
        (lambda: Completion([[True]], [[1.0]], [[1.0, 2.0]]), "truth must have the shape"),
        (lambda: Sensing([np.eye(2)], [1.0, 2.0]), "1 sensors and 2 observations"),
        (lambda: low_rank_completion(1, 3, 4, 5, 0), "rank must be at most 3"),
        (lambda: low_rank_completion(1, 3, 1, 10, 0), "n_observed between 1 and 9"),
        (lambda: two_by_two_completion().relative_error(np.eye(2)), "has no truth"),
    ],
)
def test_bad_input_names_the_remedy(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_an_unseen_value_may_be_anything():
    problem = Completion([[True, False]], [[1.0, np.nan]])
    assert problem.M.tolist() == [[1.0, 0.0]]
    with pytest.raises(ValueError, match="read-only"):
        problem.M[0, 0] = 2
