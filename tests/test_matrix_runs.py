"""The two runs of a matrix flow: their errors, their steps, their rest, and their comparison."""

import numpy as np
import pytest
from scipy.integrate import quad

from ibias import flow
from ibias.datasets import Completion, Sensing, low_rank_completion
from ibias.flow import matrix
from ibias.flow.estimate import visited
from ibias.flow.log_time import LONGEST, IntegrationFailed
from ibias.flow.matrix import AFTER_REST, LOCAL, REST, RISE, SMALLEST, matrix_flow
from ibias.models.matrix_product import product
from tests.spy import apart_once, calls

ENTRY = Completion([[True]], [[2.0]])  # (W - 2)^2 / 2
HALVES = {"start": [[[0.5]], [[0.5]]]}
TIMES = np.array([-2.0, -1.0, 0.0])


def logistic(log_t):
    """From 1/4, w' = 2 (2 - w) w at depth two: w / (2 - w) = e^(4 t) / 7."""
    return 2 / (1 + 7 * np.exp(-4 * np.exp(log_t)))


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7])
def test_what_both_runs_are_asked_for(tolerance, monkeypatch):
    first, second = (
        calls(monkeypatch, matrix, "_by_runge_kutta"),
        calls(monkeypatch, matrix, "_by_multistep"),
    )
    rests = calls(monkeypatch, matrix, "Rest")
    compares = calls(monkeypatch, matrix, "_compared")
    start = [[[1.25, 0.0], [0.0, 0.0]], [[0.4, 0.3], [0.0, 0.0]]]  # of lengths 1.25 and 0.5
    problem = Completion(np.ones((2, 2), bool), [[2.0, 1.5], [0.0, 0.0]])
    run = flow.matrix_flow(problem, start=start, log_t=TIMES, tolerance=tolerance)
    (real, found), check = first[0], second[0][0]
    assert real["rtol"] == check["rtol"] == pytest.approx(LOCAL * tolerance, rel=1e-9, abs=0)
    # What is absolute is a thousandth of that, of the smaller factor.
    assert (
        real["atol"]
        == check["atol"]
        == pytest.approx(1e-3 * LOCAL * tolerance * 0.5, rel=1e-9, abs=0)
    )
    assert real["times"] == pytest.approx(np.exp(TIMES))
    assert check["times"] == pytest.approx(np.exp(TIMES))
    assert real["initial"] == pytest.approx([1.25, 0, 0, 0, 0.4, 0.3, 0, 0])
    assert check["initial"] is real["initial"] and check["rates"] is found[2]
    assert rests[0][0]["allowed"] == pytest.approx(REST * tolerance)
    G = product(np.array(start)) - problem.M
    for state_rate in (real["instability"](real["initial"]), found[2][0][1]):
        assert state_rate == pytest.approx(np.linalg.norm(G, 2))
    pull = real["field"](1.0, real["initial"])
    right = [-G @ np.transpose(start[1]), -np.transpose(start[0]) @ G]
    assert pull == pytest.approx(np.ravel(right))
    assert run.n_evaluations == found[3]
    assert run.iterates == pytest.approx(
        product([found[0].reshape(3, 2, 2, 2)[:, 0], found[0].reshape(3, 2, 2, 2)[:, 1]])
    )
    (one, other) = (call["to"] for call, _ in second)
    assert (one == -other).all() and one == pytest.approx([*[-1.618034] * 4, *[1.236068] * 4])
    (asked, estimate), (_, other) = compares
    assert (run.error_estimate == np.maximum(estimate, other)).all() and other is not estimate
    assert asked["tolerance"] == tolerance
    assert asked["begun"] == pytest.approx(product(np.array(start)))
    assert asked["at"].tolist() == [0, 1, 2] and asked["iterates"] is not asked["check"]
    assert asked["check"] == pytest.approx(run.iterates, abs=tolerance)


def test_every_field_of_the_result():
    run = flow.matrix_flow(ENTRY, **HALVES, log_t=TIMES, tolerance=1e-9)
    assert run.iterates[:, 0, 0] == pytest.approx(logistic(TIMES), rel=1e-8)
    assert run.log_t.tolist() == TIMES.tolist()
    assert run.log_risk == pytest.approx(np.log((run.iterates[:, 0, 0] - 2) ** 2 / 2))
    assert len(run.factors) == 2 and product(run.factors) == pytest.approx(run.final)
    assert run.status == "reached the last time, not yet at rest"
    for array in (run.log_t, run.iterates, run.log_risk, *run.factors):
        assert not array.flags.writeable
    assert run.n_evaluations > 20 and (run.error_estimate <= 1e-9).all()


def test_where_it_is_apart_both_runs_come_closer(monkeypatch):
    first = calls(monkeypatch, matrix, "_by_runge_kutta")
    apart_once(monkeypatch, matrix)
    flow.matrix_flow(ENTRY, **HALVES, log_t=TIMES, tolerance=1e-5)
    errors = [(call["rtol"], call["atol"]) for call, _ in first]
    assert errors == [
        pytest.approx((1e-8, 5e-12), rel=1e-9, abs=0),
        pytest.approx((1e-10, 5e-14), rel=1e-9, abs=0),
    ]


def test_the_check_run_goes_on_after_the_rest(monkeypatch):
    """Half as long again, or until the residual has fallen by e once more."""
    first, second = (
        calls(monkeypatch, matrix, "_by_runge_kutta"),
        calls(monkeypatch, matrix, "_by_multistep"),
    )
    times = np.array([-1.0, 1.0, 2.0, 3.0])
    run = flow.matrix_flow(ENTRY, **HALVES, log_t=times, tolerance=1e-6)
    rest = first[0][1][1]
    assert run.status == f"at rest since log time {np.log(rest):.4g}"
    assert np.exp(1.0) < rest < np.exp(2.0)
    stops = second[0][0]["times"]
    assert stops == pytest.approx(np.minimum(np.exp(times), rest * (1 + AFTER_REST)))
    assert stops[-1] == pytest.approx(1.5 * rest)
    # One factor that is seen faintly: its residual falls by e in a time of 1 / 0.01^2.
    faint = Sensing([[[0.01]]], [0.01])
    flow.matrix_flow(faint, start=[[[1.0 + 1e-9]]], log_t=[3.0, 20.0], tolerance=1e-6)
    assert second[2][0]["times"] == pytest.approx([np.exp(3.0), 1e4])


def test_a_start_that_holds_zeros_sets_no_absolute_error(monkeypatch):
    first = calls(monkeypatch, matrix, "_by_runge_kutta")
    flow.matrix_flow(ENTRY, start=[[[0.0]], [[3.0]]], log_t=[-3.0], tolerance=1e-6)
    flow.matrix_flow(ENTRY, start=[[[0.0]], [[0.25]]], log_t=[-3.0], tolerance=1e-6)
    atols = [call["atol"] for call, _ in first]
    assert atols == pytest.approx(
        [1e-12, 0.25e-12], rel=1e-9, abs=0
    )  # of one, and of the other factor


def test_a_batch_has_the_absolute_error_of_its_smallest_factor(monkeypatch):
    first = calls(monkeypatch, matrix, "_by_runge_kutta")
    start = [np.array([[[0.5]], [[2.0]]]), np.array([[[1.0]], [[0.125]]])]
    run = flow.matrix_flow(ENTRY, start=start, log_t=[-3.0], tolerance=1e-6)
    assert first[0][0]["atol"] == pytest.approx(0.125e-12, rel=1e-9, abs=0)
    assert run.iterates.shape == (1, 2, 1, 1) and run.factors[0].shape == (2, 1, 1)
    for b in (0, 1):
        alone = flow.matrix_flow(ENTRY, start=[f[b] for f in start], log_t=[-3.0])
        assert run.final[b] == pytest.approx(alone.final, rel=1e-6)


# The rate at which errors grow.


def test_the_bound_on_the_growth_of_errors():
    rng = np.random.default_rng(0)
    G = np.diag([3.0, -5.0])
    A, B, C, D = (size * np.linalg.qr(rng.standard_normal((2, 2)))[0] for size in (2, 7, 1, 4))
    assert matrix.fastest_growth([A], G) == 0.0
    assert matrix.fastest_growth([A, B], G) == pytest.approx(5.0)
    assert matrix.fastest_growth([A, C, D], G) == pytest.approx(2 * 5 * 4)
    assert matrix.fastest_growth([A, B, C, D], G) == pytest.approx(3 * 5 * 7**2)
    # A batch: the fastest of all, each with its own factors.
    batch = [np.array([A, C]), np.array([C, D]), np.array([A, A])]
    assert matrix.fastest_growth(batch, np.array([3 * G, G])) == pytest.approx(2 * 15 * 2)


@pytest.mark.parametrize("depth", [2, 3])
def test_no_error_grows_faster_than_the_bound(depth):
    """The Hessian of the risk in the factors, by differences."""
    rng = np.random.default_rng(depth)
    problem = low_rank_completion(1, 3, 1, 6, seed=0)[0]
    factors = rng.standard_normal((depth, 3, 3)) / 2

    def gradient(x):
        W = x.reshape(depth, 3, 3)
        G, parts = problem.gradient(product(W)), []
        for j in range(depth):
            left = product([np.eye(3), *W[:j]])
            right = product([*W[j + 1 :], np.eye(3)])
            parts.append(left.T @ G @ right.T)
        return np.ravel(parts)

    x, steps = factors.ravel(), 1e-6 * np.eye(9 * depth)
    hessian = np.array([(gradient(x + e) - gradient(x - e)) / 2e-6 for e in steps])
    bound = matrix.fastest_growth(list(factors), problem.gradient(product(factors)))
    assert 0 < -np.linalg.eigvalsh(hessian)[0] <= bound


def test_the_longest_step():
    assert matrix.longest(4.0) == LONGEST / 4 and matrix.longest(0.0) == np.inf
    assert matrix.longest(0.5) == 2 * LONGEST


def test_stretches_end_where_the_rate_has_risen_by_four():
    """`most` is the largest rate of each, both ends included."""
    assert RISE == 4
    assert matrix.stretches([(0.0, 1.0)]) == [(np.inf, 1.0)]
    assert matrix.stretches([(0.0, 1.0), (1.0, 3.0)]) == [(np.inf, 3.0)]
    assert matrix.stretches([(0.0, 3.0), (1.0, 1.0)]) == [(np.inf, 3.0)]
    assert matrix.stretches([(0.0, 1.0), (1.0, 4.0)]) == [(np.inf, 4.0)]
    rates = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.9), (3.0, 4.1), (4.0, 3.0), (5.0, 20.0), (6.0, 2.0)]
    assert matrix.stretches(rates) == [(3.0, 4.1), (5.0, 20.0), (np.inf, 20.0)]
    # From nothing, any rate is more.
    assert matrix.stretches([(0.0, 0.0), (1.0, 1e-9)]) == [(1.0, 1e-9), (np.inf, 1e-9)]
    late = [(0.0, 1.0), (1.0, 5.0), (2.0, 6.0), (3.0, 7.0)]
    assert matrix.stretches(late) == [(1.0, 5.0), (np.inf, 7.0)]


def test_a_stretch_ends_where_the_rate_has_fallen_by_ten_if_many_steps_are_saved():
    assert matrix.FALL == 10 and matrix.MANY == 1e4
    few = [(0.0, 1e4), (0.5, 1e2), (1.0, 1.0)]
    assert matrix.stretches(few) == [(np.inf, 1e4)]
    many = [(0.0, 1e6), (0.5, 1e6), (0.6, 1e4), (1.0, 1.0)]
    assert matrix.stretches(many) == [(0.6, 1e6), (np.inf, 1e4)]
    slowly = [(0.0, 1e6), (0.5, 2e5), (1.0, 2e4), (2.0, 1e4)]
    assert matrix.stretches(slowly) == [(1.0, 1e6), (np.inf, 2e4)]


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_from_far_above_its_target_the_flow_falls_in_a_few_steps(depth, scale):
    """One entry: dw/dt = N w^(2 - 2/N) (1 - w), at the time that w takes to a half above one."""
    one = Completion([[True]], [[1.0]])
    took = quad(
        lambda log_w: np.exp((2 / depth - 1) * log_w) / (depth * np.expm1(log_w)),
        *np.log([1.5, scale]),
        epsabs=1e-12,
        epsrel=1e-12,
        limit=500,
    )[0]
    run = matrix_flow(one, depth=depth, scale=scale, log_t=[np.log(took)])
    assert run.final[0, 0] == pytest.approx(1.5, rel=1e-6)
    assert run.n_evaluations < 30_000


def test_times_that_no_double_holds_are_those_of_a_flow_at_rest(monkeypatch):
    """Or at a saddle; without a warning. From elsewhere they are refused, with ones that work."""
    one = Completion([[True]], [[1.0]])
    for depth in (1, 2, 3):
        late = matrix_flow(one, scale=1e-3, depth=depth, log_t=[3.0, 710.0, 1e5])
        early = matrix_flow(one, scale=1e-3, depth=depth, log_t=[3.0, 8.0])
        assert late.iterates[:, 0, 0] == pytest.approx([early.iterates[0, 0, 0], 1, 1], rel=1e-6)
    saddle = matrix_flow(one, start=[np.zeros((1, 1))] * 2, log_t=[710.0])
    assert saddle.final.tolist() == [[0.0]]
    monkeypatch.setattr(matrix, "LARGEST", 0.0)
    with pytest.raises(IntegrationFailed, match=r"more than a double holds.*log times up to 0\."):
        matrix_flow(one, scale=1e-3, log_t=[-1.0, 1.0])


def test_nothing_moves_where_two_factors_are_zero_or_the_gradient_is():
    """A faint pull, that has vanished in double precision only, is none of these."""
    zero, one, faint = np.zeros((1, 1)), np.ones((1, 1)), np.full((1, 1), 1e-200)
    assert matrix.nothing_moves([zero, zero, one], one)
    assert matrix.nothing_moves([one, one], zero)
    assert not matrix.nothing_moves([zero, one, one], one)
    assert not matrix.nothing_moves([faint, faint, faint], one)
    batch = [np.stack([zero, zero]), np.stack([zero, one])]
    assert not matrix.nothing_moves(batch, np.stack([one, one]))
    assert matrix.nothing_moves(batch, np.stack([one, zero]))


# The integrators.


def decay(t, x):
    return -x


X0 = np.array([1.0, -2.0])


def never(x):
    return False


def test_the_run_of_runge_and_kutta(monkeypatch):
    times, asked = np.array([0.5, 0.50001, 3.0]), calls(monkeypatch, matrix, "DOP853")
    rate = lambda x: 10 * np.abs(x).max()  # noqa: E731
    states, rest, rates, n = matrix._by_runge_kutta(decay, never, rate, X0, times, 1e-9, 1e-12)
    assert states == pytest.approx(X0 * np.exp(-times)[:, None], rel=1e-8)
    assert rest == np.inf and n >= 12 * (len(rates) - 1)
    ((options, solver),) = asked
    assert (options["rtol"], options["atol"], options["t_bound"]) == (1e-9, 1e-12, 3.0)
    assert n == solver.nfev
    # The rates along the way, and no step longer than errors take to grow by e.
    t, seen = np.transpose(rates)
    assert (t[0], seen[0], t[-1]) == (0.0, 20.0, 3.0)
    assert seen == pytest.approx(20 * np.exp(-t), rel=1e-8)
    assert (np.diff(t) <= LONGEST / seen[:-1] * (1 + 1e-12)).all()
    assert (np.diff(t) >= 0.3 * LONGEST / seen[:-1])[1:4].all()


def test_no_local_error_is_below_rounding(monkeypatch):
    asked = calls(monkeypatch, matrix, "DOP853")
    matrix._by_runge_kutta(decay, never, lambda x: 0.0, X0, np.array([0.1]), 1e-15, 1e-12)
    assert asked[0][0]["rtol"] == SMALLEST


def test_what_has_come_to_rest_stays():
    times = np.array([0.5, 2.0, 30.0, 50.0])
    states, rest, rates, _ = matrix._by_runge_kutta(
        decay, lambda x: np.abs(x).max() < 0.1, lambda x: 4.0, X0, times, 1e-9, 1e-12
    )
    assert np.log(20.0) <= rest <= np.log(20.0) + 0.25 and rates[-1][0] == rest
    assert states[:2] == pytest.approx(X0 * np.exp(-times[:2])[:, None], rel=1e-8)
    assert states[2] == pytest.approx(X0 * np.exp(-rest), rel=1e-8)
    assert (states[3] == states[2]).all()
    states, rest, _, n = matrix._by_runge_kutta(
        decay, lambda x: True, lambda x: 0.0, X0, times, 1e-9, 1e-12
    )
    assert rest == 0.0 and (states == X0).all() and n <= 2


def test_a_rest_at_the_last_time_is_none():
    """Nothing is left to fill: so it is not looked for."""
    looked = []

    def rests(x):
        looked.append(x.copy())
        return len(looked) > 1

    _, rest, _, _ = matrix._by_runge_kutta(
        decay, rests, lambda x: 0.0, X0, np.array([1e-6]), 1e-3, 1e-6
    )
    assert rest == np.inf and len(looked) == 1


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_state_that_is_no_number_stops_the_run(lost):
    field = lambda t, x: np.full(2, lost) if t > 1e-3 else -x  # noqa: E731
    match = r"stopped at log time -6\.907[0-9]* of 1\.6094"
    with np.errstate(all="ignore"), pytest.raises(IntegrationFailed, match=match):
        matrix._by_runge_kutta(field, never, lambda x: 0.0, X0, np.array([5.0]), 1e-9, 1e-12)


def test_the_run_of_adams(monkeypatch):
    asked = []

    class Noted(matrix.ode):
        def set_integrator(self, name, **options):
            asked.append((name, options))
            return super().set_integrator(name, **options)

    monkeypatch.setattr(matrix, "ode", Noted)
    times = np.array([0.5, 1.0, 1.0, 2.5, 4.0, 4.0])
    rates = [(0.0, 2.0), (0.75, 10.0), (1.0, 50.0), (3.0, 1.0), (4.5, 1e3)]
    states = matrix._by_multistep(decay, X0, times, rates, 1e-9, 1e-12, 1.0)
    assert states == pytest.approx(X0 * np.exp(-times)[:, None], rel=1e-6)
    steps = [options["max_step"] for _, options in asked]
    assert steps == [LONGEST / 10, LONGEST / 50, LONGEST / 1e3, LONGEST / 1e3]
    for name, options in asked:
        assert (name, options["method"], options["rtol"], options["atol"]) == (
            "vode",
            "adams",
            1e-9,
            1e-12,
        )
        assert options["nsteps"] == matrix.MAX_EVALUATIONS
    matrix._by_multistep(decay, X0, np.array([1.0]), [(0.0, 0.0)], 1e-15, 1e-12, 1.0)
    assert asked[-1][1]["rtol"] == SMALLEST and asked[-1][1]["max_step"] == 0.0


def test_a_check_run_that_does_not_arrive_is_an_error(monkeypatch):
    monkeypatch.setattr(matrix, "MAX_EVALUATIONS", 3)
    with pytest.raises(IntegrationFailed, match="of 4: its steps became too short"):
        matrix._by_multistep(decay, X0, np.exp([1.0, 4.0]), [(0.0, 100.0)], 1e-9, 1e-12, 1.0)


def test_the_first_exception_of_the_check_run_is_the_one():
    def field(t, x):
        raise KeyboardInterrupt(f"at {t:g}") if t == 0 else ValueError("later")

    with pytest.raises(KeyboardInterrupt, match="at 0"):
        matrix._by_multistep(field, X0, np.array([1.0]), [(0.0, 0.0)], 1e-9, 1e-12, 1.0)


def test_a_time_that_is_the_start_has_its_state():
    states = matrix._by_multistep(decay, X0, np.array([0.0, 1.0]), [(0.0, 0.0)], 1e-9, 1e-12, 1.0)
    assert (states[0] == X0).all() and states[1] == pytest.approx(X0 / np.e, rel=1e-6)


# The comparison.


def test_the_runs_of_a_batch_are_compared_by_their_relative_distance():
    rng, log_t, at = np.random.default_rng(0), np.arange(5.0), np.array([0, 2, 4])
    iterates = rng.standard_normal((5, 3, 2, 4)) * np.array([1e-3, 1.0, 50.0])[:, None, None]
    check = iterates[at] + 1e-6 * rng.standard_normal((3, 3, 2, 4))
    found = matrix._compared(log_t, iterates[0], iterates, check, at, 1e-1)
    off = np.linalg.norm(iterates[at] - check, axis=(2, 3)) / np.linalg.norm(
        iterates[at], axis=(2, 3)
    )
    worst = off.max(axis=1)
    right = 2 * np.array([worst[0], max(worst[:2]), worst[1], max(worst[1:]), worst[2]])
    assert found == pytest.approx(right + 0.01 * 1e-1, rel=1e-9)


def test_a_product_that_rounding_has_lost_is_refused_and_an_exact_zero_is_not():
    log_t, at = np.array([1.0, 2.0, 3.0]), np.arange(3)
    iterates = np.ones((3, 2, 1, 1))
    iterates[1:, 1] = 0.0
    with pytest.raises(IntegrationFailed, match="at log time 2 nothing of W is left"):
        matrix._compared(log_t, iterates[0], iterates, iterates, at, 1e-3)
    zero = iterates.copy()
    zero[:, 1] = 0.0
    found = matrix._compared(log_t, zero[0], zero, zero, at, 1e-3)
    assert found == pytest.approx([1e-5] * 3)
    # Beside an exact zero errors are absolute.
    off = zero.copy()
    off[:, 1] = 1e-4
    assert matrix._compared(log_t, zero[0], zero, off, at, 1e-3) == pytest.approx([2.1e-4] * 3)


# The first factors.


def test_factors_are_broadcast_over_the_batch_and_copied():
    batch = low_rank_completion(3, 4, 1, 8, seed=0)
    A, B = np.ones((4, 2)), np.arange(3.0)[:, None, None] * np.ones((3, 2, 4))
    found = matrix._initial_factors(batch, 7, None, [A, B])
    assert [f.shape for f in found] == [(3, 4, 2), (3, 2, 4)]
    assert (found[0] == A).all() and (found[1] == B).all()
    found[0][0] = 5.0
    assert (A == 1).all() and (found[0][1] == 1).all()
    (alone,) = matrix._initial_factors(ENTRY, 3, None, [[[2]]])
    assert alone.dtype == float and alone.shape == (1, 1)


def test_a_scale_is_that_of_the_product():
    for depth in (1, 2, 3):
        found = matrix._initial_factors(
            low_rank_completion(1, 4, 1, 8, seed=0)[0], depth, 8.0, None
        )
        assert len(found) == depth and product(found) == pytest.approx(8 * np.eye(4))


@pytest.mark.parametrize(
    "start",
    [
        [np.ones((2, 3)), np.ones((2, 2))],  # no product
        [np.ones((3, 2)), np.ones((2, 2))],  # more rows than the problem
        [np.ones((2, 2)), np.ones((2, 3))],  # more columns
        [np.ones((1, 2)), np.ones((2, 2))],
    ],
)
def test_factors_that_do_not_fit_are_refused_with_their_shapes(start):
    problem = Completion(np.ones((2, 2), bool), np.eye(2))
    with pytest.raises(ValueError, match="must exist and have the shape") as error:
        flow.matrix_flow(problem, start=start, log_t=[0.0])
    assert str([factor.shape for factor in start]) in str(error.value)


def test_bad_factors_are_named():
    with pytest.raises(ValueError, match=r"start\[1\]"):
        flow.matrix_flow(ENTRY, start=[[[1.0]], [[np.nan]]], log_t=[0.0])
    with pytest.raises(ValueError, match=r"got \[\(1, 1\), \(1,\)\]"):
        flow.matrix_flow(ENTRY, start=[[[1.0]], [1.0]], log_t=[0.0])
    with pytest.raises(ValueError, match=r"batch axes \[\(\), \(2,\), \(3,\)\]"):
        flow.matrix_flow(ENTRY, start=[np.ones((2, 1, 1)), np.ones((3, 1, 1))], log_t=[0.0])


def test_the_log_of_a_risk_that_is_zero():
    assert matrix._log(np.array([0.0, 1.0])).tolist() == [-np.inf, 0.0]


def test_too_many_evaluations_are_told_with_the_times(monkeypatch):
    monkeypatch.setattr(matrix, "MAX_EVALUATIONS", 300)
    with pytest.raises(IntegrationFailed, match=r"300 evaluations were not enough\.") as failed:
        flow.matrix_flow(ENTRY, **HALVES, log_t=[3.0], tolerance=1e-9)
    assert failed.value.until < 3 and f"up to {failed.value.until:.4g}" in str(failed.value)
    flow.matrix_flow(ENTRY, **HALVES, log_t=[failed.value.until], tolerance=1e-9)
    problem, halves = ENTRY, {"start": [np.full((2, 1, 1), 0.5)] * 2}
    with pytest.raises(IntegrationFailed, match="for all of the batch, which may be split"):
        flow.matrix_flow(problem, **halves, log_t=[3.0], tolerance=1e-9)


def test_a_limit_of_evaluations_is_that_of_each_run(monkeypatch):
    """Those of the first run do not count for the second."""
    first = flow.matrix_flow(ENTRY, **HALVES, log_t=[-1.0], tolerance=1e-6)
    seen, ends, true, multistep = [], [], matrix.vjp, matrix._by_multistep

    def check_run(*how):
        found = multistep(*how)
        ends.append(len(seen))
        return found

    monkeypatch.setattr(matrix, "_by_multistep", check_run)
    monkeypatch.setattr(matrix, "vjp", lambda *how: seen.append(0) or true(*how))
    flow.matrix_flow(ENTRY, **HALVES, log_t=[-1.0], tolerance=1e-6)
    begun = [0, first.n_evaluations, ends[0], len(seen)]
    most = int(np.diff(begun).max())
    assert len(seen) > most + 5 and ends[1] == len(seen)
    monkeypatch.setattr(matrix, "MAX_EVALUATIONS", most)
    flow.matrix_flow(ENTRY, **HALVES, log_t=[-1.0], tolerance=1e-6)
    monkeypatch.setattr(matrix, "MAX_EVALUATIONS", most - 1)
    with pytest.raises(IntegrationFailed):
        flow.matrix_flow(ENTRY, **HALVES, log_t=[-1.0], tolerance=1e-6)


def test_the_visits_of_the_check_run_are_those_of_the_iterates(monkeypatch):
    log_t = np.linspace(-3.0, 1.0, 40)
    second = calls(monkeypatch, matrix, "_by_multistep")
    run = flow.matrix_flow(ENTRY, **HALVES, log_t=log_t)
    at = visited(log_t, run.iterates)
    assert len(at) < 40
    assert second[0][0]["times"] == pytest.approx(np.exp(log_t[at]))
