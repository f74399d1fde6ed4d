"""Flows of factors: conserved quantities, closed forms, and laws at long times."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from ibias import flow
from ibias.datasets import (
    Completion,
    Sensing,
    commuting_sensing,
    low_rank_completion,
    two_by_two_completion,
)
from ibias.flow import matrix as matrix_module
from ibias.flow import two_by_two as two_by_two_module
from ibias.flow.estimate import CLOSER
from ibias.flow.rest import Rest
from ibias.models.matrix_product import (
    balanced_factors,
    balanced_velocity,
    imbalance,
    product,
    scaled_identity,
)
from tests.fuzz import matrices
from tests.fuzz.outcome import RIGHT, SILENT

PROBLEM = low_rank_completion(1, 5, 2, 15, seed=0)[0]
TIMES = np.log([0.1, 0.5, 2.0])


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_product_follows_the_end_to_end_flow(depth):
    run = flow.matrix_flow(PROBLEM, depth=depth, scale=0.3, log_t=TIMES, tolerance=1e-11)
    W, t, step = 0.3 * np.eye(5), 0.0, 2e-3

    def rate(W):
        return balanced_velocity(W, PROBLEM.gradient(W), depth)

    while t < np.exp(TIMES[1]) - 1e-9:  # the classical Runge-Kutta method, on W itself
        k1 = rate(W)
        k2 = rate(W + step / 2 * k1)
        k3 = rate(W + step / 2 * k2)
        W, t = W + step / 6 * (k1 + 2 * k2 + 2 * k3 + rate(W + step * k3)), t + step
    np.testing.assert_allclose(run.iterates[1], W, atol=1e-8)


def test_balance_is_conserved_and_risk_falls():
    rng = np.random.default_rng(0)
    start = [rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal((3, 5))]
    run = flow.matrix_flow(PROBLEM, start=start, log_t=TIMES, tolerance=1e-11)
    assert abs(imbalance(run.factors) - imbalance(start)) < 1e-9
    assert (np.diff(run.log_risk) < 0).all()
    np.testing.assert_allclose(product(run.factors), run.final)


def test_a_batch_is_each_problem_by_itself():
    batch = low_rank_completion(3, 5, 2, 15, seed=1)
    together = flow.matrix_flow(batch, scale=0.01, log_t=TIMES, tolerance=1e-10)
    alone = flow.matrix_flow(batch[2], scale=0.01, log_t=TIMES, tolerance=1e-10)
    np.testing.assert_allclose(together.iterates[:, 2], alone.iterates, atol=1e-7)


def test_starts_can_be_a_batch_for_one_problem():
    scales = np.array([0.3, 0.01])
    start = [np.sqrt(scales)[:, None, None] * np.eye(5)] * 2
    together = flow.matrix_flow(PROBLEM, start=start, log_t=TIMES, tolerance=1e-10)
    alone = flow.matrix_flow(PROBLEM, scale=0.3, log_t=TIMES, tolerance=1e-10)
    np.testing.assert_allclose(together.iterates[:, 0], alone.iterates, atol=1e-7)


def test_a_flow_at_rest_stays_there():
    problem = Completion([[True]], [[2.0]])
    run = flow.matrix_flow(problem, scale=0.1, log_t=[0.0, 10.0, 100.0])
    assert run.status.startswith("at rest since")
    np.testing.assert_allclose(run.iterates[1:, 0, 0], 2.0, atol=1e-7)


def test_one_factor_fills_the_unseen_entries_with_the_start():
    run = flow.matrix_flow(PROBLEM, depth=1, scale=0.3, log_t=[5.0])
    expected = np.where(PROBLEM.mask, PROBLEM.M, 0.3 * np.eye(5))
    np.testing.assert_allclose(run.final, expected, atol=1e-7)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_singular_values_of_a_full_observation(depth):
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    targets = np.array([3.0, 2.0, 1.0])
    problem = Completion(np.ones((3, 3), bool), (Q * targets) @ Q.T)
    run = flow.matrix_flow(problem, depth=depth, scale=0.05, log_t=TIMES, tolerance=1e-11)
    values = flow.singular_value_flow(targets, depth=depth, scale=0.05, log_t=TIMES)
    np.testing.assert_allclose(np.einsum("ir,tij,jr->tr", Q, run.iterates, Q), values, atol=1e-8)
    time = flow.escape_time(3.0, depth=depth, scale=0.05)
    half = flow.singular_value_flow(targets, depth=depth, scale=0.05, log_t=[np.log(time)])
    np.testing.assert_allclose(half[0, 0], 1.5, rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-3, 1e-40, 1e-86])
@pytest.mark.parametrize("depth", [1, 2, 3, 10])
def test_an_escape_that_has_hardly_begun(depth, scale):
    """d sigma = N sigma^(2 - 2/N) (s - sigma) dt, over a way along which the rate is constant."""
    level = scale / 2 * (1 + 1e-9)
    way = 2 * level - scale
    rate = depth * scale ** (2 - 2 / depth) * (2 - scale)
    time = flow.escape_time(2.0, depth=depth, scale=scale, level=level)
    assert time == pytest.approx(way / rate, rel=1e-8)


@pytest.mark.parametrize(
    ("target", "scale", "level"),
    [(3.0, 1e-3, 1 - 1e-12), (0.3, 0.1, 1 / 3 + 1e-12), (0.7, 0.07, 0.1 + 1e-10), (5.0, 1.0, 0.3)],
)
def test_an_escape_that_ends_next_to_its_target_or_start_has_its_digits(target, scale, level):
    """At depth two t = log(end (s - scale) / (scale (s - end))) / (2 s), for these very floats."""
    with localcontext(prec=50):
        s, begin = Decimal(target), Decimal(scale)
        end = Decimal(level) * s
        exact = (end / begin * (s - begin) / (s - end)).ln() / (2 * s)
    time = flow.escape_time(target, depth=2, scale=scale, level=level)
    assert time == pytest.approx(float(exact), rel=1e-12)


def test_escape_times_have_their_leading_terms():
    shallow = flow.escape_time(2.0, depth=2, scale=1e-12)
    np.testing.assert_allclose(shallow, np.log(2e12) / 4, rtol=1e-10)
    for depth in (3, 4, 5):
        c = 1 - 2 / depth
        time = flow.escape_time(2.0, depth=depth, scale=1e-20)
        np.testing.assert_allclose(time * 1e-20**c * (depth - 2) * 2.0, 1, rtol=1e-4)
    with pytest.raises(ValueError, match="level must be below 1"):
        flow.escape_time(1.0, depth=2, scale=0.1, level=1.0)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_2x2_flow_agrees_with_the_factors(depth):
    W0 = np.array([[0.3, 0.1], [-0.2, 0.4]])
    closed = flow.two_by_two_flow(W0, depth=depth, log_t=TIMES)
    run = flow.matrix_flow(
        two_by_two_completion(), start=balanced_factors(W0, depth), log_t=TIMES, tolerance=1e-11
    )
    np.testing.assert_allclose(closed.iterates, run.iterates, atol=1e-8)
    np.testing.assert_allclose(
        closed.log_determinant, np.log(np.linalg.det(run.iterates)), atol=1e-7
    )
    np.testing.assert_allclose(closed.log_risk, run.log_risk, atol=1e-7)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_unseen_entry_has_its_law(depth):
    log_t = np.log([1e8, 1e9])
    run = flow.two_by_two_flow(0.1 * np.eye(2), depth=depth, log_t=log_t, tolerance=2e-8)
    law = np.exp(depth / (2 * depth + 2) * (np.log(2 * depth + 2) + log_t))
    np.testing.assert_allclose(run.iterates[:, 0, 0] / law, 1, atol=1e-4)
    if depth == 2:
        np.testing.assert_allclose(run.log_determinant / law**2, -0.5, atol=1e-3)
    else:
        power = (depth + 2) / (depth - 2)
        small = ((depth + 2) / (depth - 2)) ** (depth / (depth - 2)) * law**-power
        np.testing.assert_allclose(run.singular_values[:, 1] / small, 1, atol=1e-2)


def test_a_negative_determinant_stops_the_growth():
    run = flow.two_by_two_flow(np.diag([0.1, -0.1]), log_t=np.log([1e2, 1e6]))
    assert (np.abs(run.iterates[:, 0, 0]) < 2).all()
    np.testing.assert_allclose(run.iterates[-1] * [[0, 1], [1, 1]], [[0, 1], [1, 0]], atol=1e-8)


@pytest.mark.parametrize(
    "start, depth, last, tolerance",
    [
        ([[-7.1e-5, -6.1e-5], [4.4e-5, 1.3e-4]], 4, 4.1, 1e-5),
        ([[2.3e-4, -1.5e-4], [-1.3e-4, -1.6e-4]], 3, 5.9, 1e-5),
    ],
)
def test_where_two_runs_of_the_completion_are_apart_closer_ones_agree(
    start, depth, last, tolerance
):
    """From a tiny start, where errors grow with the matrix; the factors are another state."""
    run = flow.two_by_two_flow(start, depth=depth, log_t=[last], tolerance=tolerance)
    factors = balanced_factors(np.array(start), depth)
    right = flow.matrix_flow(two_by_two_completion(), start=factors, log_t=[last], tolerance=1e-7)
    size = max(1.0, np.abs(run.log_determinant).max())
    assert np.abs(run.iterates[0] - right.final).max() <= run.error_estimate[0] + 1e-6
    assert run.error_estimate[0] <= tolerance * size


def test_where_local_errors_cannot_be_smaller_nothing_is_tried_twice(monkeypatch):
    runs = []
    true = two_by_two_module.collocate
    monkeypatch.setattr(two_by_two_module, "collocate", lambda *how: runs.append(0) or true(*how))
    with pytest.raises(flow.IntegrationFailed, match="tolerance=1e-13"):
        flow.two_by_two_flow(np.diag([0.1, -0.1]), log_t=[3.0], tolerance=1e-13)
    assert len(runs) == 1


def test_commuting_sensors_keep_their_eigenvectors():
    problem = commuting_sensing(4, 2, seed=0)
    run = flow.matrix_flow(problem, scale=0.1, log_t=TIMES)
    commutator = run.final @ problem.sensors[0] - problem.sensors[0] @ run.final
    assert np.abs(commutator).max() < 1e-9


def test_bad_input_names_the_remedy(monkeypatch):
    for bad in ({}, {"scale": 1.0, "start": [np.eye(5)]}):
        with pytest.raises(ValueError, match="exactly one of scale"):
            flow.matrix_flow(PROBLEM, log_t=[0.0], **bad)
    with pytest.raises(ValueError, match="have the shape"):
        flow.matrix_flow(PROBLEM, start=[np.eye(4)], log_t=[0.0])
    for no_factors in (np.eye(2), [], [1.0, 2.0], 3.0):
        with pytest.raises(ValueError, match=r"start must be a (list|sequence of matrices)"):
            flow.matrix_flow(PROBLEM, start=no_factors, log_t=[0.0])
    with pytest.raises(ValueError, match="batch axes"):
        flow.matrix_flow(PROBLEM, start=[np.ones((2, 5, 5)), np.ones((3, 5, 5))], log_t=[0.0])
    with pytest.raises(ValueError, match="strictly increasing"):
        flow.matrix_flow(PROBLEM, scale=1.0, log_t=[1.0, 0.0])
    with pytest.raises(ValueError, match="determinant other than 0"):
        flow.two_by_two_flow(np.ones((2, 2)), log_t=[0.0])
    with pytest.raises(ValueError, match="at least 2"):
        flow.two_by_two_flow(np.eye(2), depth=1, log_t=[0.0])
    with pytest.raises(ValueError, match="greater than 0"):
        flow.singular_value_flow([1.0, 0.0], depth=2, scale=0.1, log_t=[0.0])
    monkeypatch.setattr(matrix_module, "MAX_EVALUATIONS", 10)
    with pytest.raises(flow.IntegrationFailed, match="10 evaluations were not enough"):
        flow.matrix_flow(PROBLEM, scale=1.0, log_t=[5.0])


def test_the_identity_start_is_scaled_by_the_product():
    run = flow.matrix_flow(PROBLEM, depth=3, scale=1e-3, log_t=[np.log(1e-9)])
    np.testing.assert_allclose(run.final, product(scaled_identity(1e-3, (5, 5), 3)), atol=1e-8)


SPREAD = np.array([3.0, 2.0, 1.0, 0.5, 0.3, 0.2])
ESCAPES = np.log([5.0, 10.0, 20.0, 40.0, 60.0])


def all_seen(seed=0):
    """All 36 entries are seen: then each singular value has its law. Also the eigenvectors."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6)))[0]
    return Completion(np.ones((6, 6), bool), (Q * SPREAD) @ Q.T), Q


@pytest.mark.parametrize("tolerance", [1e-8, 1e-6, 1e-4])
def test_errors_that_the_saddle_multiplies_are_within_the_tolerance(tolerance):
    problem, Q = all_seen()
    run = flow.matrix_flow(problem, depth=3, scale=1e-4, log_t=ESCAPES, tolerance=tolerance)
    values = flow.singular_value_flow(SPREAD, depth=3, scale=1e-4, log_t=ESCAPES)
    off = run.iterates - (Q * values[:, None]) @ Q.T
    error = np.linalg.norm(off, axis=(1, 2)) / np.linalg.norm(values, axis=1)
    assert (error <= 10 * run.error_estimate + 1e-10).all()
    assert (error <= tolerance).all()
    assert (run.error_estimate <= tolerance).all()


def test_steps_that_are_right_one_by_one_are_not_enough(monkeypatch):
    monkeypatch.setattr(matrix_module, "LOCAL", 1 / CLOSER)
    problem, _ = all_seen()
    with pytest.raises(flow.IntegrationFailed, match="two runs that share no approximation"):
        flow.matrix_flow(problem, depth=3, scale=1e-4, log_t=ESCAPES, tolerance=1e-8)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_small_risk_is_no_rest_where_the_end_is_seen_faintly(depth):
    """One weight: w' = 2 a^2 (1 - w) w at depth two, whose logit is linear; depth one decays."""
    faint, start, log_t = 1e-3, 1 - 0.01416, np.array([5.0, 10.0, 15.0])
    factors = [[[start]]] if depth == 1 else [[[start**0.5]], [[start**0.5]]]
    problem = Sensing([[[faint]]], [faint])
    run = flow.matrix_flow(problem, start=factors, log_t=log_t, tolerance=1e-4)
    passed = faint**2 * np.exp(log_t)
    logit = np.log(start / (1 - start)) + 2 * passed
    right = 1 - (1 - start) * np.exp(-passed) if depth == 1 else 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(run.iterates[:, 0, 0], right, rtol=1e-4)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_observations_that_contradict_each_other_are_met_in_the_mean(depth):
    twice = Sensing([np.eye(2)] * 2, [1.0, 3.0])
    run = flow.matrix_flow(twice, depth=depth, scale=0.1, log_t=[0.0, 30.0])
    once = flow.matrix_flow(
        Sensing([np.sqrt(2) * np.eye(2)], [2 * np.sqrt(2)]), depth=depth, scale=0.1, log_t=[0, 30]
    )
    assert "at rest" in run.status
    np.testing.assert_allclose(run.iterates, once.iterates, atol=2e-6)
    np.testing.assert_allclose(np.exp(run.log_risk[-1]), 1.0, rtol=1e-6)


def test_what_starts_at_rest_stays_there():
    run = flow.matrix_flow(Completion([[True]], [[2.0]]), start=[[[2.0]], [[1.0]]], log_t=[20.0])
    assert (run.final[0, 0], run.status) == (2.0, "at rest throughout")


def test_a_bound_on_what_is_left_of_the_way():
    """The bound of the rest is above the true rest of the way, and not far above it."""
    for seed in range(5):
        start = np.random.default_rng(seed).standard_normal((2, 5, 5))
        run = flow.matrix_flow(PROBLEM, start=list(start), log_t=[1.5, 6.0], tolerance=1e-10)
        near = flow.matrix_flow(PROBLEM, start=list(start), log_t=[1.5], tolerance=1e-10)
        left = np.sqrt(2 * PROBLEM.risk(near.final))
        way, sigma = Rest(PROBLEM, 1.0).way(PROBLEM, list(near.factors), float(left))
        true = np.linalg.norm(run.final - near.final)
        assert sigma > 0
        assert true <= way or np.isinf(way)
        assert np.isinf(way) or way <= 1e3 * true


def test_no_rest_without_a_bound():
    """W = 0 is a saddle: nothing moves, and yet it is not called the end."""
    saddle = [np.zeros((5, 5))] * 2
    assert not Rest(PROBLEM, 1e9)(saddle, product(saddle))


@pytest.mark.parametrize("error", [KeyboardInterrupt, flow.IntegrationFailed])
def test_the_check_run_hands_on_what_stops_it(error):
    """Its solver goes on after an exception, until another one hides it."""
    calls = 0

    def stopping(W):
        nonlocal calls
        calls += 1
        if calls == 40:
            raise error("here")
        return -W

    with pytest.raises(error, match="here"):
        matrix_module._by_multistep(
            lambda t, x: stopping(x),
            np.ones(3),
            np.array([1.0, 9.0]),
            [(0.0, 0.0)],
            1e-10,
            1e-12,
            1.0,
        )
    assert calls == 40


def test_a_batch_keeps_its_worst_estimate():
    batch = low_rank_completion(3, 5, 2, 15, seed=1)
    run = flow.matrix_flow(batch, scale=0.01, log_t=TIMES, tolerance=1e-6)
    assert run.error_estimate.shape == TIMES.shape
    assert (run.error_estimate > 0).all()


@pytest.mark.parametrize("number", range(10))
def test_a_sample_of_the_fuzz(number):
    outcome = matrices.problem(np.random.default_rng([20, number]))
    assert outcome.verdict == RIGHT, outcome.said


def test_a_flow_that_rests_too_early_is_noticed(monkeypatch):
    """By the fuzz, and by the check run, which goes on."""
    monkeypatch.setattr(matrix_module, "REST", 1e3)
    problem = Completion([[True]], [[2.0]])
    with pytest.raises(flow.IntegrationFailed, match="two runs that share no approximation"):
        flow.matrix_flow(problem, scale=0.1, log_t=[10.0], tolerance=1e-6)
    monkeypatch.setattr(matrix_module, "compared", lambda log_t, *_: np.full(len(log_t), 1e-12))
    verdicts = {matrices.problem(np.random.default_rng([20, i])).verdict for i in range(10)}
    assert SILENT in verdicts


def test_what_holds_a_product_at_rest_is_its_least_singular_value():
    problem = Sensing([np.diag([1.0, 0.0])], [1.0])
    rest = Rest(problem, 1e-6)
    way, sigma = rest.way(problem, [0.5 * np.eye(2), 0.5 * np.eye(2)], 1e-9)
    # What is seen is W_11 = sum_k a_1k b_k1: its gradient is (b_11, a_11), of length sqrt(1/2).
    assert sigma == pytest.approx(np.sqrt(0.5))
    assert 0 < way < 1e-8


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("left", [1e-9, 1e-3])
def test_the_way_that_is_left_of_two_rotations(n, left):
    """J J^T = 2 and ||W_1|| = ||W_2|| = 1: the ends move by sqrt(2) l, and bend 2 l, l = sqrt(2) r.

    The true way is r to first order: the bound takes J for half of what it is.
    """
    problem = Completion(np.ones((n, n), dtype=bool), np.eye(n))
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    way, sigma = Rest(problem, 1.0).way(problem, [turn, turn.T], left)
    length = np.sqrt(2) * left
    assert sigma == pytest.approx(np.sqrt(2))
    assert way == pytest.approx((np.sqrt(2) + 2 * length) * length)
