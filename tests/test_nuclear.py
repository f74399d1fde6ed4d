"""The minimum nuclear norm and the commuting law: certificates, closed forms, oracles."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from ibias import flow
from ibias.datasets import (
    Completion,
    Sensing,
    commuting_sensing,
    four_by_four_completion,
    gaussian_sensing,
    low_rank_completion,
    two_by_two_completion,
)
from ibias.models import nuclear_norm
from ibias.optima import commuting_limit, min_nuclear_norm, nuclear


@pytest.mark.parametrize("n_observed", [12, 20, 30])
def test_the_certificate_is_what_it_says(n_observed):
    problem = low_rank_completion(1, 6, 1, n_observed, seed=n_observed)[0]
    optimum = min_nuclear_norm(problem)
    assert problem.risk(optimum.W) < 1e-20
    Y = np.tensordot(optimum.dual_variables, problem.sensors, axes=1)
    np.testing.assert_allclose(Y, optimum.dual_matrix, atol=1e-12)
    assert np.linalg.norm(Y, ord=2) <= 1 + 1e-12 and optimum.dual_norm <= 1
    gap = nuclear_norm(optimum.W) - optimum.dual_variables @ problem.observations
    np.testing.assert_allclose(gap, optimum.duality_gap, atol=1e-12)
    assert -1e-12 < gap < 1e-7


def test_no_feasible_matrix_is_smaller():
    problem = low_rank_completion(1, 4, 1, 10, seed=0)[0]
    optimum = min_nuclear_norm(problem)
    unseen = ~problem.mask

    def norm(entries):
        W = problem.M.copy()
        W[unseen] = entries
        return nuclear_norm(W)

    rng = np.random.default_rng(0)
    best = min(
        minimize(norm, rng.standard_normal(unseen.sum()), method="Powell", tol=1e-10).fun
        for _ in range(5)
    )
    assert optimum.value - optimum.duality_gap - 1e-9 <= best < optimum.value + 1e-4


def test_matrix_error_bounds_the_distance_to_the_true_optimum():
    problem = low_rank_completion(4, 8, 1, 48, seed=1)
    for i in range(4):  # enough entries: the optimum is the truth, as the certificate shows
        optimum = min_nuclear_norm(problem[i])
        distance = np.linalg.norm(optimum.W - problem.truth[i])
        assert distance <= optimum.matrix_error < 1e-5


def test_matrix_error_is_infinite_where_the_optimum_is_a_face():
    optimum = min_nuclear_norm(four_by_four_completion(2.0))
    np.testing.assert_allclose(optimum.value, 8, atol=1e-7)
    assert optimum.matrix_error == np.inf
    other = np.array([[2, 1, 1, 2], [1, 2, 2, 1], [1, 2, 2, 1], [2, 1, 1, 2.0]])
    assert four_by_four_completion(2.0).risk(other) == 0
    np.testing.assert_allclose(np.linalg.norm(other, "nuc"), 8, rtol=1e-14)


def test_value_and_matrix_have_different_accuracies():
    optimum = min_nuclear_norm(two_by_two_completion())
    np.testing.assert_allclose(optimum.W, [[0, 1], [1, 0]], atol=1e-5)
    assert optimum.duality_gap < 1e-9 and 1e-7 < optimum.matrix_error < 1e-2
    for shift in (1e-2, 1e-3):  # moving the matrix by h moves the value by h^2 / 4 only
        excess = nuclear_norm(two_by_two_completion().M + np.diag([shift, 0])) - 2
        np.testing.assert_allclose(excess, shift**2 / 4, rtol=1e-3)


def test_rectangular_matrices_and_a_single_entry():
    problem = Completion([[True, True, False]], [[3.0, 4.0, 0.0]])
    optimum = min_nuclear_norm(problem)
    np.testing.assert_allclose(optimum.W, [[3, 4, 0]], atol=1e-6)
    np.testing.assert_allclose(optimum.value, 5)
    assert optimum.matrix_error < 1e-2


def test_symmetric_completion_among_semidefinite_matrices():
    optimum = min_nuclear_norm(four_by_four_completion(2.0), semidefinite=True)
    np.testing.assert_allclose(optimum.value, 8, atol=1e-6)
    np.testing.assert_allclose(
        optimum.W, [[2, 1, 1, 2], [1, 2, 2, 1], [1, 2, 2, 1], [2, 1, 1, 2]], atol=1e-4
    )


def test_semidefinite_and_commuting_is_a_linear_programme():
    problem = commuting_sensing(6, 3, seed=4)
    optimum = min_nuclear_norm(problem, semidefinite=True)
    law = commuting_limit(problem, scale=0.1)
    A = np.einsum("ji,pjk,ki->pi", law.eigenvectors, problem.sensors, law.eigenvectors)
    value = linprog(np.ones(6), A_eq=A, b_eq=problem.observations).fun
    np.testing.assert_allclose(optimum.value, value, atol=1e-6)
    assert np.linalg.eigvalsh(optimum.W).min() > -1e-7


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_commuting_law_is_the_limit_of_the_flow(depth):
    problem = commuting_sensing(5, 2, seed=1)
    law = commuting_limit(problem, depth=depth, scale=0.1)
    run = flow.matrix_flow(problem, depth=depth, scale=0.1, log_t=[np.log(300.0)])
    np.testing.assert_allclose(run.final, law.W, atol=1e-7)


@pytest.mark.parametrize(
    ("depth", "q"),
    [
        (1, lambda x: x**2 / 2 - 0.1 * x),
        (2, lambda x: x * (np.log(x / 0.1) - 1)),
        (3, lambda x: 3 * (x * 0.1 ** (-1 / 3) - 1.5 * x ** (2 / 3))),
        (4, lambda x: 2 * (x * 0.1**-0.5 - 2 * x**0.5)),
    ],
)
def test_the_commuting_law_minimises_its_potential(depth, q):
    problem = commuting_sensing(5, 2, seed=2)
    law = commuting_limit(problem, depth=depth, scale=0.1)
    A = np.einsum("ji,pjk,ki->pi", law.eigenvectors, problem.sensors, law.eigenvectors)
    free = np.linalg.svd(A)[2][2:]
    rng = np.random.default_rng(0)
    best = q(law.eigenvalues).sum()
    for _ in range(20):
        other = law.eigenvalues + 1e-3 * rng.standard_normal(3) @ free
        assert q(other).sum() > best
    slope = [(q(law.eigenvalues + 1e-6 * d) - q(law.eigenvalues - 1e-6 * d)).sum() for d in free]
    np.testing.assert_allclose(slope, 0, atol=1e-11)


def test_the_commuting_law_tends_to_the_nuclear_norm_from_depth_two_on():
    problem = commuting_sensing(6, 3, seed=3)
    least = min_nuclear_norm(problem, semidefinite=True).value
    excess = {
        n: nuclear_norm(commuting_limit(problem, depth=n, scale=1e-9).W) / least - 1
        for n in (1, 2, 3, 4)
    }
    assert excess[1] > 0.01
    assert all(-1e-7 < excess[n] < 2e-3 for n in (2, 3, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: min_nuclear_norm(np.eye(2)), ValueError, "problem must be a MatrixProblem"),
        (lambda: min_nuclear_norm(low_rank_completion(2, 4, 1, 8, 0)), ValueError, "pick one"),
        (
            lambda: min_nuclear_norm(Sensing([np.eye(2), np.eye(2)], [1.0, 2.0])),
            (ValueError, RuntimeError),
            "no matrix has|was found in double precision",
        ),
        (
            lambda: min_nuclear_norm(Completion([[True, False]], [[1, 0]]), semidefinite=True),
            ValueError,
            "semidefinite=True needs a square problem",
        ),
        (
            lambda: commuting_limit(gaussian_sensing(4, 1, 3, 0), scale=0.1),
            ValueError,
            "do not commute",
        ),
        (
            lambda: commuting_limit(Sensing([[[0.0, 1.0], [0.0, 0.0]]], [1.0]), scale=0.1),
            ValueError,
            "must be symmetric",
        ),
        (
            lambda: commuting_limit(Sensing([np.eye(2)], [-1.0]), scale=0.1),
            RuntimeError,
            "no positive definite",
        ),
    ],
)
def test_bad_input_names_the_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_the_gap_is_relative_to_the_value(size):
    problem = gaussian_sensing(5, 1, 14, 3)
    optimum = min_nuclear_norm(Sensing(problem.sensors, size * problem.observations))
    assert -1e-12 <= optimum.duality_gap / optimum.value <= 1e-6
    assert optimum.value == pytest.approx(size * min_nuclear_norm(problem).value, rel=1e-6)


def test_the_bound_of_the_matrix_grows_with_the_problem():
    """A problem c times as large has values, gaps and errors c times as large."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((3, 9))  # fewer than the five directions of the larger face
    P, Qt = (
        np.linalg.qr(rng.standard_normal((3, 3)))[0],
        np.linalg.qr(rng.standard_normal((3, 3)))[0],
    )
    Y = P @ np.diag([1.0, 0.4, 0.1]) @ Qt
    once = nuclear._matrix_error(rows, Y, 2.0, 1e-6)
    assert 0 < once < np.inf
    assert nuclear._matrix_error(rows, Y, 200.0, 1e-4) == pytest.approx(100 * once)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-6, 1e-12])
def test_commuting_sensors_have_their_limit_at_any_depth_and_scale(depth, scale):
    for seed in range(12):
        size, n_seen = 2 + seed % 7, 1 + seed % 4
        problem = commuting_sensing(size, min(size, n_seen), seed)
        limit = commuting_limit(problem, depth=depth, scale=scale)
        seen = np.tensordot(problem.sensors, limit.W, axes=2)
        assert np.abs(seen - problem.observations).max() <= 2e-9 * np.abs(seen).max()
        assert depth == 1 or np.linalg.eigvalsh(limit.W).min() > -1e-12 * np.abs(limit.W).max()


@pytest.mark.parametrize("power", range(20, 51, 3))
def test_observations_that_nearly_repeat_each_other(power):
    """Four observations of four entries: there is one matrix, however nearly they are three."""
    e = 2.0**-power
    A = [[[0, 1], [0, -3]], [[3, -2], [3, 1]], [[2, -2], [0, 3]], [[-2 * e, 1 + 2 * e], [e, -3]]]
    W = np.array([[3.0, 3.0], [3.0, 2.0]])
    best = min_nuclear_norm(Sensing(A, [-3.0, 14.0, 6.0, -3 + 3 * e]))
    assert pytest.approx(W, abs=1e-12) == best.W
    assert best.value == pytest.approx(np.linalg.norm(W, "nuc"), rel=1e-12)
    assert abs(best.duality_gap) < 1e-9 and np.linalg.norm(best.W - W) <= best.matrix_error
    # Among the semidefinite a sensor counts by its symmetric part, and its sums are not rounded.
    A = [[[1, 0.5], [0, 0]], [[1, 0.5 + e], [e, 0]], [[0, 0], [0, 1]]]
    best = min_nuclear_norm(Sensing(A, [1.5, 1.5 + 2 * e, 1.0]), semidefinite=True)
    assert pytest.approx(np.ones((2, 2)), abs=1e-12) == best.W


@pytest.mark.parametrize("small", 10.0 ** np.arange(-12, 0))
def test_sensors_with_entries_of_different_sizes(small):
    """The shortest matrix along one sensor of rank one: the sensor over its squared length."""
    for sensor in ([[1.0, small]], [[small, 2.0]], [[1.0], [small]], [[-small, small, 3.0]]):
        best = min_nuclear_norm(Sensing([sensor], [1.0]))
        assert best.value == pytest.approx(1 / np.linalg.norm(sensor), rel=1e-9)
        assert pytest.approx(np.array(sensor) / np.linalg.norm(sensor) ** 2, abs=1e-9) == best.W


def test_a_solver_that_fails_twice_is_an_error_with_its_own_advice(monkeypatch):
    def fails(sensors, y, semidefinite):
        raise RuntimeError("no luck")

    monkeypatch.setattr(nuclear, "_solve_dual", fails)
    with pytest.raises(RuntimeError, match=r"problem: .* Drop observations that nearly follow"):
        min_nuclear_norm(gaussian_sensing(3, 1, 4, 0))
    nothing = min_nuclear_norm(Sensing(np.zeros((2, 3, 2)), [0.0, 0.0]))  # which asks no solver
    assert nothing.value == 0 and nothing.matrix_error >= 0 and not nothing.W.any()
