"""When the flow of factors is at rest: its derivative, the bound on the way, and when to look."""

import numpy as np
import pytest

from ibias.datasets import Completion, Sensing, low_rank_completion
from ibias.flow.rest import Rest, around, gram, independent
from ibias.models.matrix_product import product

RNG = np.random.default_rng(0)
SHAPES = {1: [(3, 4)], 2: [(3, 2), (2, 4)], 3: [(3, 2), (2, 5), (5, 4)], 4: [(3, 3)] * 3 + [(3, 4)]}
FACTORS = {depth: [RNG.standard_normal(s) for s in shapes] for depth, shapes in SHAPES.items()}
MASK = np.array([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=bool)
PROBLEMS = {
    "completion": Completion(MASK, RNG.standard_normal((3, 4))),
    "sensing": Sensing(RNG.standard_normal((4, 3, 4)), RNG.standard_normal(4)),
}


def derivative(problem, factors):
    """J, the derivative of A(W_1 ... W_N) in all entries of the factors, one by one."""
    sensors = problem.sensors.reshape(len(problem.sensors), -1)
    columns = []
    for j, factor in enumerate(factors):
        for entry in np.ndindex(factor.shape):
            unit = np.zeros(factor.shape)
            unit[entry] = 1.0
            columns.append(sensors @ product([*factors[:j], unit, *factors[j + 1 :]]).ravel())
    return np.transpose(columns)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_products_around_each_factor(depth):
    factors = FACTORS[depth]
    lefts, rights = around(factors)
    assert len(lefts) == len(rights) == depth
    for j in range(depth):
        assert lefts[j] == pytest.approx(product([np.eye(3), *factors[:j]]))
        assert rights[j] == pytest.approx(product([*factors[j + 1 :], np.eye(4)]))


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_gram_matrix_is_that_of_the_derivative(depth, name):
    J = derivative(PROBLEMS[name], FACTORS[depth])
    assert gram(PROBLEMS[name], *around(FACTORS[depth])) == pytest.approx(J @ J.T)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_bound_on_the_way(depth, name):
    """If J keeps half of its least singular value, the factors move by 2 r / sigma, and W bends."""
    problem, factors = PROBLEMS[name], FACTORS[depth]
    rest = Rest(problem, 1.0)
    steepest = np.linalg.norm(problem.sensors.reshape(len(problem.sensors), -1), 2)
    assert rest.steepest == pytest.approx(steepest)
    sigma = np.linalg.svd(derivative(problem, factors), compute_uv=False)[-1]
    spectral = lambda A: np.linalg.svd(A, compute_uv=False)[0]  # noqa: E731
    ends = [spectral(a) * spectral(b) for a, b in zip(*around(factors), strict=True)]
    begun = max(spectral(factor) for factor in factors)

    def bound(left):
        length = 2 * left / sigma
        largest = begun + length
        bend = depth * (depth - 1) * (largest ** (depth - 2) if depth > 1 else 0)
        moved = (np.sqrt(np.square(ends).sum()) + bend * length) * length
        return moved, steepest * bend * length / (sigma / 2)

    # Where J may lose more than half of sigma, there is no bound.
    lefts = np.geomspace(1e-9, 1e3, 4000)
    inside = [bound(left)[1] <= 1 for left in lefts]
    edge = lefts[np.flatnonzero(inside)[-1]]
    for left in (1e-6 * edge, 0.999 * edge):
        way, found = rest.way(problem, factors, left)
        assert found == pytest.approx(sigma)
        assert way == pytest.approx(bound(left)[0])
    way, found = rest.way(problem, factors, 1.02 * edge)
    assert found == pytest.approx(sigma)
    assert way == np.inf if depth > 1 else way == pytest.approx(bound(1.02 * edge)[0])


def test_a_saddle_has_no_bound():
    way, sigma = Rest(PROBLEMS["completion"], 1.0).way(
        PROBLEMS["completion"], [np.zeros((3, 2)), np.zeros((2, 4))], 1e-9
    )
    assert (way, sigma) == (np.inf, 0.0)


# Observations that do not contradict each other.


@pytest.mark.parametrize("n", [3, 7, 20])
def test_observations_of_low_rank_have_the_same_flow(n):
    rank = 2
    sensors = np.einsum(
        "ir,rjk->ijk", RNG.standard_normal((n, rank)), RNG.standard_normal((rank, 3, 4))
    )
    problem = Sensing(sensors, RNG.standard_normal(n))
    found = independent(problem)
    assert len(found.sensors) == len(found.observations) == rank and found.shape == (3, 4)
    for W in RNG.standard_normal((3, 3, 4)):
        assert found.gradient(W) == pytest.approx(problem.gradient(W))
    # None contradicts another: some W meets all.
    rows = found.sensors.reshape(rank, -1)
    assert np.linalg.matrix_rank(rows) == rank
    # And the risk is what it was, but for what no W can meet.
    differences = [problem.risk(W) - found.risk(W) for W in RNG.standard_normal((3, 3, 4))]
    assert differences == pytest.approx([differences[0]] * 3) and differences[0] > 0


def test_what_is_independent_is_returned_as_it_is():
    for problem in (
        *PROBLEMS.values(),
        Sensing(np.zeros((2, 3, 4)), [0.0, 0.0]),
        low_rank_completion(2, 4, 1, 8, seed=0),
    ):
        assert independent(problem) is problem


@pytest.mark.parametrize("n", [2, 9])
def test_the_rank_is_that_beyond_rounding(n):
    """Of the larger one of the numbers of observations and of entries, four here."""
    edge = max(n, 4) * np.finfo(float).eps * 3.0
    for by, rank in [(0.9, 1), (1.1, 2)]:
        sensors = np.zeros((n, 2, 2))
        sensors[0, 0, 0], sensors[1, 0, 1] = 3.0, by * edge
        found = independent(Sensing(sensors, np.arange(1.0, n + 1)))
        assert len(found.sensors) == rank or (rank == n and len(found.sensors) == n)


# When to look.


class Told(Rest):
    """The bound by a script; what was asked."""

    def __init__(self, problem, allowed, script):
        super().__init__(problem, allowed)
        self.script, self.seen = script, []

    def way(self, problem, factors, residual):
        self.seen.append((problem, factors, residual))
        return self.script[len(self.seen) - 1]


ONE = Completion([[True]], [[2.0]])


def at(w):
    """One factor, whose residual is |w - 2|."""
    return [np.array([[w]])], np.array([[w]])


def test_a_large_residual_is_no_rest_whatever_the_bound():
    """W must move by the residual over the steepness at least."""
    rest = Told(ONE, 0.1, [(0.0, 1.0)] * 9)
    assert not rest(*at(1.8)) and not rest.seen  # 0.2 > 0.1 * 1.8
    assert rest(*at(1.9))  # 0.1 < 0.1 * 1.9
    steep = Sensing([[[3.0]]], [6.0])  # its residual is three times as large
    rest = Told(steep, 0.1, [(0.0, 1.0)] * 9)
    assert rest(*at(1.9)) and rest.seen[0][2] == pytest.approx(0.3)
    assert not rest(*at(1.8))


def test_the_way_that_is_left_is_compared_with_the_size_of_w():
    for way, rests in [(0.189, True), (0.191, False), (np.inf, False), (np.nan, False)]:
        rest = Told(ONE, 0.1, [(way, 0.25)])
        assert rest(*at(1.9)) is rests
        assert rest.relaxation == (16.0 if rests else 0.0)
        ((problem, factors, residual),) = rest.seen
        assert problem is ONE and factors[0].tolist() == [[1.9]]
        assert residual == pytest.approx(0.1)


def test_a_steep_problem_relaxes_fast():
    rest = Told(ONE, 0.1, [(0.0, 2.0)])
    assert rest(*at(1.9)) and rest.relaxation == 0.25


def test_after_no_it_is_looked_at_again_when_the_residual_has_halved():
    rest = Told(ONE, 0.1, [(np.inf, 1.0), (0.0, 1.0)])
    assert not rest(*at(1.9)) and len(rest.seen) == 1
    assert not rest(*at(1.949)) and len(rest.seen) == 1
    assert rest(*at(1.951)) and len(rest.seen) == 2


def test_a_batch_rests_when_all_do():
    batch = low_rank_completion(2, 3, 1, 5, seed=0)
    truth = batch.M
    factors = [np.eye(3) + np.zeros((2, 3, 3)), truth.copy()]
    rest = Told(batch, 1e-3, [(0.0, 0.5), (0.0, 0.1)])
    W = product(factors)
    assert rest(factors, W) and rest.relaxation == pytest.approx(100.0)
    for b, (problem, parts, residual) in enumerate(rest.seen):
        assert np.array_equal(problem.M, truth[b]) and problem.shape == (3, 3)
        assert np.array_equal(parts[1], factors[1][b]) and parts[0].shape == (3, 3)
        assert residual == pytest.approx(0.0, abs=1e-9)
    # The second is not at rest: the first is not called so either.
    rest = Told(batch, 1e-3, [(0.0, 0.5), (np.inf, 0.1)])
    assert not rest(factors, W) and rest.relaxation == 0.0 and len(rest.seen) == 2
    far = W.copy()
    far[1] *= 1.5
    rest = Told(batch, 1e-3, [(0.0, 0.5)] * 2)
    assert not rest(factors, far) and not rest.seen


def test_of_a_batch_each_is_looked_at_again_by_itself():
    batch = Completion(np.ones((2, 1, 1), bool), [[[2.0]], [[4.0]]])

    def at_both(a, b):
        W = np.array([[[2.0 - a]], [[4.0 - b]]])
        return [W], W

    no, yes = (np.inf, 1.0), (0.0, 1.0)
    rest = Told(batch, 0.1, [yes, no, yes, yes])
    assert not rest(*at_both(0.1, 0.2)) and len(rest.seen) == 2
    assert not rest(*at_both(0.1, 0.11)) and len(rest.seen) == 3  # the second is not asked
    rest.script.append(yes)
    assert rest(*at_both(0.1, 0.09)) and len(rest.seen) == 5
