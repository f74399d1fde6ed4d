"""Radau's method of order nine: its linear algebra, its iteration, and its choice of the step."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from ibias import losses
from ibias.flow import collocation
from ibias.flow.collocation import (
    BOLDER,
    CAREFUL,
    GROWTH,
    LEAP,
    NEWTON_ERROR,
    NEWTON_ERROR_GROWING,
    NEWTON_STEPS,
    ROUNDING,
    SAFETY,
    SHORTEST,
    SMALLEST_STEP,
    SUPERCONVERGENCE,
    TooShort,
    collocate,
    continuation,
    errors,
    sides,
    solve_stages,
)
from ibias.flow.log_time import LONGEST, IntegrationFailed
from ibias.flow.radau import SEEN, STAGES, Newton, instability, tableau
from ibias.flow.series import LOG_SERIES, Series, Terms
from ibias.flow.sums import LATEST, Sums

T = tableau()
RNG = np.random.default_rng(0)
GENERAL = RNG.standard_normal((3, 3))
SYMMETRIC = GENERAL + GENERAL.T


# The linear equations of a step.


def solved(J, h, right, M=None):
    """(A^-1 (I + M J) - h J) Z = right, as one system of 5 n equations."""
    eye = np.eye(3)
    left = np.kron(T.inverse, eye) - h * np.kron(np.eye(STAGES), J)
    if M is not None:
        left += np.kron(T.inverse @ M, J)
    return np.linalg.solve(left, right.ravel()).reshape(STAGES, 3)


@pytest.mark.parametrize(
    ("J", "symmetric"), [(GENERAL, False), (SYMMETRIC, False), (SYMMETRIC, True)]
)
def test_a_step_is_solved_for_every_length(J, symmetric):
    newton, right = Newton(J, symmetric), RNG.standard_normal((STAGES, 3))
    for h in (1.0, 0.3, 0.3, 1.7, 0.02):
        newton.prepare(h, None)
        assert newton.solve(right) == pytest.approx(solved(J, h, right), rel=1e-9, abs=1e-11)
        smooth = np.linalg.solve(np.eye(3) - h / T.real_pole * J, right[0])
        assert newton.filtered(right[0]) == pytest.approx(smooth, rel=1e-9, abs=1e-11)


def test_sums_over_whole_steps_are_in_the_matrix_and_leave_it_again():
    newton, right = Newton(SYMMETRIC, True), RNG.standard_normal((STAGES, 3))
    M = 0.1 * RNG.standard_normal((STAGES, STAGES + 1))
    beside = Sums(np.zeros(3), np.zeros(3), M)
    plain, summed = (solved(SYMMETRIC, 0.3, right, m) for m in (None, M[:, 1:]))
    for sums, expected in [(None, plain), (beside, summed), (None, plain)]:
        newton.prepare(0.3, sums)
        assert newton.solve(right) == pytest.approx(expected, rel=1e-8, abs=1e-10)
    twice = Sums(np.zeros(3), np.zeros(3), 2 * M)
    for sums, m in [(beside, M), (twice, 2 * M)]:  # the same step, other sums
        newton.prepare(0.3, sums)
        expected = solved(SYMMETRIC, 0.3, right, m[:, 1:])
        assert newton.solve(right) == pytest.approx(expected, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_factors_of_a_step_are_kept(symmetric, monkeypatch):
    newton = Newton(SYMMETRIC, symmetric)
    newton.prepare(0.3, None)
    kept = "divisors" if symmetric else "factors"
    first = getattr(newton, kept)
    newton.prepare(0.3, None)
    assert getattr(newton, kept) is first
    newton.prepare(0.4, None)
    assert getattr(newton, kept) is not first


def test_the_fastest_growth_of_errors():
    turn = np.linalg.qr(GENERAL)[0]
    assert instability(turn @ np.diag([-9.0, 0.5, 0.25]) @ turn.T, True) == pytest.approx(0.5)
    spiral = np.array([[0.3, 5.0], [-5.0, 0.3]])
    assert instability(spiral, False) == pytest.approx(0.3)
    assert instability(-spiral, False) == 0.0
    for bad in (np.zeros((2, 2)), np.full((2, 2), np.nan), np.diag([np.inf, 1.0])):
        assert instability(bad, True) == instability(bad, False) == 0.0
    assert instability(np.empty((0, 0)), True) == 0.0
    for by in (0.9, 1.1):  # what may be rounding is none
        rate = by * SEEN * 7.0
        for symmetric in (False, True):
            found = instability(np.diag([-7.0, rate]), symmetric)
            assert found == (pytest.approx(rate) if by > 1 else 0.0)


# The iteration within a step.


class Scripted:
    """Changes of these sizes, in place of a Newton iteration."""

    def __init__(self, sizes):
        self.sizes, self.residuals = iter(sizes), []

    def solve(self, residual):
        self.residuals.append(residual)
        return np.full((STAGES, 2), next(self.sizes)) * [1.0, -0.5]


W, GUESS = np.array([3.0, -4.0]), 0.01 * np.arange(10.0).reshape(5, 2)


def iterate(sizes, tolerance=(1.0, 1.0), w=W, sums=None, **how):
    seen = []

    def field(s, states):
        seen.append((s, states))
        return states * s[:, None]

    newton = Scripted(sizes)
    found = solve_stages(field, newton, 2.0, w, 0.5, GUESS, np.array(tolerance), sums, **how)
    return found, newton, seen


@pytest.mark.parametrize(
    ("sizes", "rate", "converged"),
    [
        ([0.19], 0.0, True),  # a fifth of the local error, at once
        ([0.21, 0.021], 0.1, True),
        ([1.0, 0.25, 0.19], 0.76, False),  # what is left is (0.76 / 0.24) of the change
        ([1.0, 0.5, 0.25, 0.19, 0.05], 0.05 / 0.19, True),
        ([0.3, 0.19], 0.19 / 0.3, False),
        ([0.3, 0.11], 0.11 / 0.3, True),
        ([1.0, 1e-9], 1e-3, True),
        ([1.0, 1.0], None, None),  # no descent
        ([1.0, 1.1], None, None),
        ([10.0, 8.8], None, None),  # 8.8 * 0.88^10 > 2: too slow to arrive
        ([10.0, 8.5], 0.85, False),
        ([1e6, 9e5], None, None),
        ([np.nan], None, None),
        ([1.0, np.inf], None, None),
        (list(0.9 ** np.arange(NEWTON_STEPS)), None, None),
    ],
)
def test_when_the_iteration_ends(sizes, rate, converged):
    if converged is False:  # it goes on
        with pytest.raises(StopIteration):
            iterate(sizes)
        return
    (Z, pulls, found, cost), newton, seen = iterate(sizes)
    assert cost == STAGES * len(sizes) == STAGES * len(seen)
    assert (seen[0][0] == 2.0 + 0.5 * T.nodes).all()
    changes = np.cumsum([np.full((STAGES, 2), size) * [1.0, -0.5] for size in sizes], axis=0)
    before = [GUESS, *(GUESS + change for change in changes)]
    for residual, (_, states), Z_k in zip(newton.residuals, seen, before, strict=False):
        assert states == pytest.approx(W + Z_k)
        right = 0.5 * states * (2.0 + 0.5 * T.nodes)[:, None] - T.inverse @ Z_k
        assert residual == pytest.approx(right)
    assert pulls == pytest.approx(seen[-1][1] * (2.0 + 0.5 * T.nodes)[:, None], nan_ok=True)
    if converged:
        assert pytest.approx(before[-1]) == Z and found == pytest.approx(rate)
    else:
        assert Z is None and found == 1.0


def test_each_coordinate_has_its_own_tolerance():
    # The second coordinate moves by half of the first.
    for tolerance, n in [((1.0, 0.6), 1), ((1.0, 0.4), 2), ((0.9, 1.0), 2)]:
        (Z, *_, cost), _, _ = iterate([0.19, 0.001], tolerance)
        assert Z is not None and cost == n * STAGES


@pytest.mark.parametrize("left_over", [0.2, 0.01])
def test_what_the_iteration_leaves_over_is_a_part_of_the_tolerance(left_over):
    for sizes, n in [((0.9, 0.1), 1), ((1.1, 0.1), 2)]:  # of what is left over
        (Z, *_, cost), _, _ = iterate(left_over * np.array(sizes), left_over=left_over)
        assert Z is not None and cost == n * STAGES
    # 0.88^10 is 0.28: after that many more, ten times what is left over is still exceeded, or not.
    for size, ends in [(40.0, True), (30.0, False)]:
        sizes = left_over * np.array([size / 0.88, size])
        if ends:
            assert iterate(sizes, left_over=left_over)[0][0] is None
        else:
            with pytest.raises(StopIteration):
                iterate(sizes, left_over=left_over)


def test_the_error_of_a_step_is_that_of_order_nine():
    """By the step itself: y' = z y over one unit of time, against e^z; all of what is as large."""
    for z in (0.5, 1.0, 2.0, -1.0, -3.0):
        newton = Newton(np.array([[z]]), True)
        newton.prepare(1.0, None)
        Z = np.linalg.solve(T.inverse - z * np.eye(STAGES), z * np.ones((STAGES, 1)))
        raw = z / T.real_pole + T.estimate @ (T.inverse @ Z)
        true = abs(1 + Z[-1, 0] - np.exp(z))
        for size in (1.0, 1e-12):  # relative to what moves
            state, embedded = size * (1 + Z[-1]), size * newton.filtered(raw)
            found = errors(state, embedded, np.zeros(1))[0] / size
            assert true / 5 <= found <= 20 * true + 1e-14
    w = np.array([4.0, 1e-9, 0.0, 2.0])
    found = errors(w, np.array([0.0, -3e-9, 2e-9, 0.0]), np.array([0.0, 0.0, 0.0, -0.5]))
    assert found == pytest.approx([4 * ROUNDING, 3e-9, 2e-9, 0.5 + 2 * ROUNDING], rel=1e-9, abs=0)


def test_a_kick_adds_the_errors_of_each_step_to_one_side():
    """y' = 0: nothing but rounding is added, and to each coordinate on its own side."""
    ends = {}
    for kick in (0.0, 1e3, -1e3):
        run = collocate(
            lambda s, y: np.zeros_like(y),
            0.0,
            np.array([1.0, 1e-3]),
            np.array([0.1, 1.0, 3.0]),
            lambda y: np.full(2, 1e-6),
            lambda s, y: np.zeros((2, 2)),
            kick=kick,
        )
        ends[kick] = run.states
    assert (ends[0.0] == [1.0, 1e-3]).all()
    moved = ends[1e3] - ends[0.0]
    one = 1e3 * ROUNDING * np.array([1.0, 1e-3]) * sides(2)
    assert moved[0] == pytest.approx(one, rel=1e-2, abs=0)
    n_steps = moved / one
    assert (np.diff(n_steps, axis=0) > 0.9).all()
    assert n_steps.round() == pytest.approx(n_steps, rel=1e-2)
    assert ends[-1e3] - ends[0.0] == pytest.approx(-moved, rel=1e-2, abs=0)


def test_what_is_stiff_forgets_a_kick():
    """Beside the rest of y' = -rate y the kick is that of rounding, over 1 + h rate / pole."""
    ends = []
    for kick in (0.0, 1e3):
        run = collocate(
            lambda s, y: -1e12 * (y - 1),
            0.0,
            np.ones(1),
            np.array([1.0]),
            lambda y: np.full(1, 1e-6),
            lambda s, y: np.array([[-1e12]]),
            kick=kick,
        )
        ends.append(run.states[-1])
    assert np.abs(ends[1] - ends[0]).max() <= 1e-15


def test_no_two_coordinates_are_kicked_alike():
    found = sides(50)
    assert (np.sign(found) == np.resize([-1, 1], 50)).all()
    assert (np.abs(found) >= 1).all() and (np.abs(found) <= 2).all()
    assert np.diff(np.sort(np.abs(found))).min() > 1e-3


def test_where_it_comes_no_closer_a_part_of_the_local_error_is_enough():
    """At a kink changes of the sides go on; the last state that was near enough is taken."""
    moves = np.full((STAGES, 2), 1.0) * [1.0, -0.5]
    (Z, pulls, rate, cost), _, seen = iterate([0.5, 0.1, 0.1], left_over=1e-4)
    assert pytest.approx(GUESS + 0.6 * moves) == Z and rate == pytest.approx(0.2)
    assert pulls == pytest.approx(seen[1][1] * seen[1][0][:, None])
    assert cost == 3 * STAGES
    (Z, _, rate, cost), _, _ = iterate([0.19, 0.3], left_over=1e-4)
    assert pytest.approx(GUESS + 0.19 * moves) == Z and rate == 0 and cost == 2 * STAGES
    (Z, _, rate, _), _, _ = iterate([0.21, 0.3], left_over=1e-4)
    assert Z is None and rate == 1
    # Half of the change before: as much is left. Three quarters: three times as much.
    assert iterate([0.38, 0.19, 0.2], left_over=1e-4)[0][0] is not None
    assert iterate([0.24, 0.18, 0.2], left_over=1e-4)[0][0] is None


@pytest.mark.parametrize("unstable", [True, False])
def test_where_errors_may_grow_little_is_left_over(monkeypatch, unstable):
    true, parts = collocation.solve_stages, set()

    def spy(*arguments):
        parts.add(arguments[9])
        return true(*arguments)

    monkeypatch.setattr(collocation, "solve_stages", spy)
    collocate(
        lambda s, y: y,
        0.0,
        np.ones(1),
        np.ones(1),
        lambda y: np.full(1, 1e-6),
        lambda s, y: np.eye(1),
        unstable=unstable,
    )
    assert parts == {NEWTON_ERROR_GROWING if unstable else NEWTON_ERROR}
    assert NEWTON_ERROR_GROWING < 0.01 * NEWTON_ERROR


def test_rounding_ends_the_iteration():
    # 1e-15 of 4e15 is four times what is allowed.
    for size, ends in [(3.9, True), (4.1, False)]:
        if ends:
            (Z, *_), _, _ = iterate([size], w=1e15 * W)
            assert Z is not None
        else:
            with pytest.raises(StopIteration):
                iterate([size], w=1e15 * W)


def test_with_sums_they_are_added_to_what_has_moved():
    beside = SimpleNamespace(added=lambda pulls: 7 * pulls)
    _, newton, seen = iterate([0.1], sums=beside)
    pulls = seen[0][1] * (2.0 + 0.5 * T.nodes)[:, None]
    right = 0.5 * pulls - T.inverse @ (GUESS + 7 * pulls)
    assert newton.residuals[0] == pytest.approx(right)


@pytest.mark.parametrize("next_step", [0.1, 0.4, 1.3])
def test_the_first_guess_carries_a_polynomial_on(next_step):
    polynomial = np.polynomial.Polynomial([3.0, -1.0, 2.0, 0.5, -0.25, 1.0])
    step, at = 0.4, 2.0
    Z = np.column_stack([polynomial(at + T.nodes * step) - polynomial(at)] * 2) * [1.0, -2.0]
    end = at + step
    right = polynomial(end + T.nodes * next_step) - polynomial(end)
    found = continuation(Z, step)(next_step)
    assert found == pytest.approx(right[:, None] * [1.0, -2.0], rel=1e-9, abs=1e-9)


# The choice of the step.


class Problem:
    """w_j' = -rates_j (w_j - cos s) - sin s: w_j = cos s + c_j e^(-rates_j s); it counts."""

    def __init__(self, rates=(1.0, 20.0)):
        self.rates, self.cost, self.asked = np.array(rates), 0, []

    def __call__(self, s, w):
        self.cost += len(s)
        return -self.rates * (w - np.cos(s)[:, None]) - np.sin(s)[:, None]

    def jacobian(self, s, w):
        self.cost += 1
        self.asked.append((s, w))
        return -np.diag(self.rates)

    def exact(self, s, begun=0.0, w=(2.0, 0.5)):
        """From the state w at the time `begun`."""
        s = np.asarray(s, dtype=float)[..., None]
        decay = np.exp(-self.rates * (s - begun))
        return np.cos(s) + (np.array(w) - np.cos(begun)) * decay


START = np.array([2.0, 0.5])


def traced(monkeypatch, forged=None):
    """Return the list of all steps that are tried; `forged` may change what one returns."""
    true, tried = collocation.solve_stages, []

    def spy(field, newton, s, w, step, guess, tolerance, *rest):
        found = true(field, newton, s, w, step, guess, tolerance, *rest)
        found = found if forged is None else forged(len(tried), *found)
        step = SimpleNamespace(
            s=s, w=w, step=step, guess=guess, tolerance=tolerance, Z=found[0], rate=found[2]
        )
        tried.append(step)
        return found

    monkeypatch.setattr(collocation, "solve_stages", spy)
    return tried


def estimated(problem, one, slope, unit, smooth):
    """Return the error of a step by the embedded formula, relative to what is allowed."""
    raw = one.step * slope / T.real_pole + T.estimate @ (T.inverse @ one.Z)
    filtered = raw / (1 + one.step / T.real_pole * problem.rates)
    size = unit * max(1.0, np.abs(one.w).max())
    power = SUPERCONVERGENCE if smooth else 1.0
    return np.abs(filtered / (size * (one.tolerance / size) ** power)).max()


def replayed(problem, tried, times, first_step, unit=lambda w: 1.0, smooth=True, unstable=False):
    """Follow the rules for the steps, and compare with those that were tried."""
    h, growth, s, rejected, longest = first_step, GROWTH, tried[0].s, 0, np.inf
    slope = problem(np.array([s]), tried[0].w[None])[0]
    for one in tried:
        left = min(t for t in times if t > s) - s
        h = min(h, longest)
        parts = np.ceil(left / h - 1e-9)  # no step leaves a short rest
        assert one.s == pytest.approx(s, abs=1e-12)
        assert one.step == pytest.approx(left / parts if parts <= 2 else h, rel=1e-6)
        error = estimated(problem, one, slope, unit(one.w), smooth)
        factor = min(growth, SAFETY * error ** (-1 / (STAGES + 1)))
        if error > 1:
            h, rejected = one.step * max(0.1, factor), rejected + 1
            continue
        if unstable:
            rate = max(0.0, (-problem.rates).max())
            if one.step * rate > LONGEST:
                h = one.step * max(0.1, min(0.5, LONGEST / (one.step * rate)))
                continue
            longest = LONGEST / rate if rate else np.inf
        growth, s = min(GROWTH, BOLDER * growth), s + one.step
        slope = (T.inverse @ one.Z)[-1] / one.step  # of the polynomial, at its end
        s = min(times, key=lambda t: abs(t - s)) if np.isclose(one.step, left) else s
        h = max(h, one.step * factor) if one.step < h * (1 - 1e-9) else one.step * factor
    assert s == times[-1]
    return rejected


@pytest.mark.parametrize("first_step", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("local_error", [1e-4, 1e-9])
def test_the_steps_follow_the_embedded_estimate(first_step, smooth, local_error, monkeypatch):
    tried, problem = traced(monkeypatch), Problem()
    times = np.array([0.05, 0.7, 0.70001, 6.0])
    allowed = lambda w: local_error * np.array([1.0, 3.0]) * max(1.0, np.abs(w).max())  # noqa: E731
    run = collocate(
        problem,
        0.0,
        START,
        times,
        allowed,
        problem.jacobian,
        first_step=first_step,
        smooth=smooth,
        symmetric=True,
    )
    assert run.n_evaluations == problem.cost
    assert np.abs(run.states - problem.exact(times)).max() <= 100 * local_error
    assert run.time == 6.0 and (run.state == run.states[-1]).all() and run.states.shape == (4, 2)
    for one in tried:
        assert one.tolerance == pytest.approx(allowed(one.w))
    replayed(problem, tried, times, first_step, smooth=smooth)


def test_the_first_step_is_a_tenth_unless_told(monkeypatch):
    tried, problem = traced(monkeypatch), Problem()
    run = collocate(
        problem, 1.0, START, np.array([1.0, 9.0]), lambda w: np.full(2, 1e-2), problem.jacobian
    )
    assert tried[0].step == 0.1 and tried[0].s == 1.0
    assert (run.states[0] == START).all()  # a time that is the start
    slope = problem(np.array([1.0]), START[None])[0]
    assert tried[0].guess == pytest.approx(np.outer(T.nodes * 0.1, slope))
    replayed(problem, tried, np.array([9.0]), 0.1)


def test_a_step_that_errs_is_repeated_shorter(monkeypatch):
    tried, problem = traced(monkeypatch), Problem((3.0, 0.5))
    times = np.array([40.0])
    collocate(
        problem, 0.0, START, times, lambda w: np.full(2, 1e-8), problem.jacobian, first_step=40.0
    )
    assert tried[1].s == tried[0].s == 0 and tried[1].step < tried[0].step
    assert replayed(problem, tried, times, 40.0) >= 1


def test_errors_are_relative_to_the_unit(monkeypatch):
    tried, problem = traced(monkeypatch), Problem((1.0, 2.0))
    unit = lambda w: 0.01 if np.abs(w).max() > 1 else 0.5  # noqa: E731
    times = np.array([2.0])
    collocate(
        problem, 0.0, START, times, lambda w: np.array([1e-6, 2e-6]), problem.jacobian, unit=unit
    )
    for one in tried:
        assert one.tolerance == pytest.approx(unit(one.w) * np.array([1e-6, 2e-6]))
    replayed(problem, tried, times, 0.1, unit=unit)


@pytest.mark.parametrize("rates", [(-0.5, 1.0), (0.5, 2.0), (-3.0, -0.1)])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("local_error", "first_step"), [(1e-2, 4.0), (1e3, 4.0), (1e3, 1.0)])
def test_no_step_is_longer_than_errors_take_to_grow(
    rates, symmetric, local_error, first_step, monkeypatch
):
    tried, problem = traced(monkeypatch), Problem(rates)
    times, s = np.array([5.0]), 0.0
    run = collocate(
        problem,
        0.0,
        START,
        times,
        lambda w: local_error * np.maximum(1.0, np.abs(w)),
        problem.jacobian,
        first_step=first_step,
        symmetric=symmetric,
        unstable=True,
    )
    replayed(problem, tried, times, first_step, unstable=True)
    assert run.n_evaluations == problem.cost - 1  # the first slope of the replay
    accepted = [a for a, b in itertools.pairwise(tried) if b.s > a.s] + [tried[-1]]
    for one in accepted:
        assert one.step * max(0.0, -min(rates)) <= LONGEST * (1 + 1e-12)
        s += one.step
    assert s == pytest.approx(5.0)
    # Where it would be longer, the Jacobian at its end has told.
    for one in accepted:
        ends = [w for at, w in problem.asked if np.isclose(at, one.s + one.step)]
        assert any(np.allclose(end, one.w + one.Z[-1], rtol=1e-9) for end in ends)


@pytest.mark.parametrize("which", [0, 3])
def test_a_step_that_does_not_converge(which, monkeypatch):
    """First without the last polynomial; then, with a new Jacobian and still none, a quarter."""

    def forged(n, Z, pulls, rate, used):
        return (None, pulls, 1.0, used) if which <= n <= which + 2 else (Z, pulls, 1e-3, used)

    tried, problem = traced(monkeypatch, forged), Problem((1.0, 2.0))
    times = np.array([50.0])
    run = collocate(problem, 0.0, START, times, lambda w: np.full(2, 1e-3), problem.jacobian)
    assert run.n_evaluations == problem.cost and len(tried) > which + 5
    at = [one.s for one in tried[which : which + 4]]
    steps = [one.step for one in tried[which : which + 4]]
    assert len(set(at)) == 1
    first = steps[0]
    if which:  # it had a Jacobian, and a polynomial
        assert steps == pytest.approx([first, first, first / 4, first / 16])
    else:  # at the start there is neither
        assert steps == pytest.approx([first, first / 4, first / 16, first / 64])
    slope = problem(np.array([at[0]]), tried[which].w[None])[0]
    for one in tried[which + 1 : which + 4]:
        assert one.guess == pytest.approx(np.outer(T.nodes * one.step, slope))
    after = [one.step for one in tried[which + 3 :]]
    # Then they grow again, by a little more each time, as the errors are small.
    growth = [CAREFUL, CAREFUL * BOLDER]
    assert [after[1] / after[0], after[2] / after[1]] == pytest.approx(growth)


def test_a_jacobian_is_kept_while_the_iteration_is_fast(monkeypatch):
    """A new one is that of the middle of the step, on the last polynomial."""
    rates = [1e-3, 0.09, 0.11, 0.5, 0.01]

    def forged(n, Z, pulls, rate, used):
        return Z, pulls, rates[min(n, 4)], used

    tried, problem = traced(monkeypatch, forged), Problem((1.0, 0.3))
    collocate(
        problem,
        0.0,
        START,
        0.02 * np.arange(1.0, 7.0),
        lambda w: np.full(2, 1e-3),
        problem.jacobian,
        first_step=0.02,
    )
    assert len(tried) == 6 and len(problem.asked) == 3
    assert problem.asked[0] == (0.0, pytest.approx(START))
    for one, (s, w) in zip(tried[3:5], problem.asked[1:], strict=True):
        assert s == pytest.approx(one.s + one.step / 2)
        there = problem.exact(one.s + T.nodes[2] * one.step)
        assert w == pytest.approx(there, abs=2e-3)
        assert w == pytest.approx(one.w + one.guess[2])


@pytest.mark.parametrize(
    ("steepest", "leap"),
    [(3.0, 0.9 * LEAP), (3.0, 1.1 * LEAP), (3.0, np.nan), (0.1, 8 * LEAP), (0.1, 12 * LEAP)],
)
def test_a_jacobian_that_has_leapt_is_not_believed(steepest, leap, monkeypatch):
    """On the last polynomial, beside the last one or one; at the state itself it is."""
    slow = lambda n, Z, pulls, rate, used: (Z, pulls, 1.0, used)  # noqa: E731
    tried, problem = traced(monkeypatch, slow), Problem((steepest, 0.05))
    jacobian = problem.jacobian

    def leaping(s, w):
        true = jacobian(s, w)
        return true * leap if len(problem.asked) == 2 else true

    run = collocate(
        problem, 0.0, START, np.array([2.0]), lambda w: np.full(2, 1e-3), leaping, first_step=0.02
    )
    assert run.n_evaluations == problem.cost
    (_, _), (middle, _), (then, w) = problem.asked[:3]
    assert middle == pytest.approx(tried[1].s + tried[1].step / 2)
    if leap * steepest < LEAP * max(1.0, steepest):
        assert then > middle
        return
    assert (then, tuple(w)) == (tried[1].s, tuple(tried[1].w))
    slope = problem(np.array([then]), w[None])[0]
    assert tried[1].guess == pytest.approx(np.outer(T.nodes * tried[1].step, slope))
    assert tried[2].step / tried[1].step == pytest.approx(CAREFUL)
    assert run.states[0] == pytest.approx(problem.exact(2.0), abs=0.1)


def test_a_halt_ends_the_run_with_the_states_so_far():
    problem, seen = Problem(), []

    def halt(s, w):
        seen.append((s, w))
        return s >= 2.0

    times = np.array([1.0, 2.0, 3.0])
    run = collocate(
        problem, 0.0, START, times, lambda w: np.full(2, 1e-9), problem.jacobian, halt=halt
    )
    assert run.time == 2.0 and run.states == pytest.approx(problem.exact(times[:2]), abs=1e-7)
    assert [s for s, _ in seen] == sorted({s for s, _ in seen}) and 1.0 in [s for s, _ in seen]
    for s, w in seen:
        assert w == pytest.approx(problem.exact(s), abs=1e-7)
    assert run.n_evaluations == problem.cost
    run = collocate(
        problem,
        0.0,
        START,
        times,
        lambda w: np.full(2, 1e-9),
        problem.jacobian,
        halt=lambda s, w: s > 1.2,
    )
    assert 1.2 < run.time < 2.0 and len(run.states) == 1
    assert run.state == pytest.approx(problem.exact(run.time), abs=1e-7)


def test_no_state_and_no_time():
    problem = Problem()
    run = collocate(problem, 0.0, np.empty(0), np.array([1.0, 2.0]), None, None)
    assert (run.states.shape, run.time, run.n_evaluations) == ((2, 0), 2.0, 0)
    run = collocate(problem, 5.0, START, np.array([3.0, 5.0]), None, None)
    assert (run.states == START).all() and run.states.shape == (2, 2)
    assert (run.time, run.n_evaluations, problem.cost) == (5.0, 0, 0)
    run = collocate(problem, 5.0, START, np.empty(0), None, None)
    assert run.states.shape == (0, 2) and (run.time, run.n_evaluations) == (5.0, 0)


@pytest.mark.parametrize(("start", "time"), [(-17.3, 0.1), (-1 / 3, 0.01), (-100.1, 0.3)])
def test_a_time_is_reached_to_the_last_bit(start, time, monkeypatch):
    """By one step, which is rounded: another one would be as long as that rounding."""
    tried, problem = traced(monkeypatch), Problem((0.0, 0.0))
    assert start + (time - start) != time
    run = collocate(
        problem,
        start,
        START,
        np.array([time]),
        lambda w: np.full(2, 1e9),
        problem.jacobian,
        first_step=1e3,
    )
    assert run.time == time and len(tried) == 1


def test_too_many_steps_are_an_error(monkeypatch):
    problem = Problem((1.0, 2.0))
    how = (problem, 0.0, START, np.array([3.0]), lambda w: np.full(2, 1e-3), problem.jacobian)
    tried = traced(monkeypatch)
    collocate(*how)
    n = len(tried)
    monkeypatch.setattr(collocation, "MAX_STEPS", n + 1)  # the last look finds that all is done
    collocate(*how)
    monkeypatch.setattr(collocation, "MAX_STEPS", n - 1)
    with pytest.raises(
        IntegrationFailed, match=r"of 3: the steps of the collocation are [0-9.e-]+"
    ):
        collocate(*how)


@pytest.mark.parametrize("start", [0.0, 1e3, -1e3])
def test_steps_too_short_are_an_error(start, monkeypatch):
    """Below rounding of the time, or of one."""
    least = SMALLEST_STEP * max(1.0, abs(start))
    problem = Problem((1.0, 2.0))

    def run(first_step):
        return collocate(
            problem,
            start,
            START,
            np.array([start + 1.0]),
            lambda w: np.full(2, 1e-3),
            problem.jacobian,
            first_step=first_step,
        )

    with pytest.raises(IntegrationFailed, match=f"stopped at log time {start:.6g} of"):
        run(0.9 * least)
    assert run(1.5 * least if start == 0 else 1e-3).time == start + 1.0


# Sums over whole steps.


def line(loss, scale=0.0):
    return Series(np.ones((1, 1)), losses.named(loss), scale, np.zeros(1), Terms(2, 2))


def by_collocation(series, s, w, times, **how):
    return collocate(
        series.flow,
        s,
        w,
        times,
        lambda w: np.full(1, 1e-10),
        series.flow.jacobian,
        symmetric=True,
        series=series,
        **how,
    )


def test_the_check_run_of_descent_takes_no_step_below_half_of_one():
    """At log k = s one step of descent is e^-s; shorter ones mean that no curve is smooth."""
    series, s, w = line("exponential"), np.log(100.0), np.array([np.log(100.0)])
    shortest = SHORTEST * 0.01
    for first_step, short in [(0.9 * shortest, True), (1.1 * shortest, False)]:
        if short:
            with pytest.raises(TooShort, match="follow no smooth curve there") as error:
                by_collocation(series, s, w, np.log([500.0]), first_step=first_step)
            assert error.value.time == pytest.approx(s)
            assert "log time 4.60517 of 6.21461" in str(error.value)
        else:
            by_collocation(series, s, w, np.log([500.0]), first_step=first_step)
    # A shorter one that ends at a time is no sign.
    near = np.array([s + 0.5 * shortest, np.log(500.0)])
    by_collocation(series, s, w, near, first_step=0.1)


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_the_states_are_those_of_descent_and_not_of_the_flow(scale, monkeypatch):
    series, eta = line("exponential", scale), np.exp(scale)
    w, states = 0.0, {}
    for k in range(1, 1001):
        w = w + eta * np.exp(-w)
        states[k] = w
    tried, steps = traced(monkeypatch), np.array([150, 1000])
    run = by_collocation(series, np.log(100.0), np.array([states[100]]), np.log(steps))
    right = [[states[k]] for k in steps]
    assert np.abs(run.states - right).max() <= 1e-10
    plain = collocate(
        series.flow,
        np.log(100.0),
        np.array([states[100]]),
        np.log(steps),
        lambda w: np.full(1, 1e-10),
        series.flow.jacobian,
    )
    assert np.abs(plain.states - right).max() > 1e-6
    # The first slope is that of the smooth curve: its first guess follows it.
    slope = LOG_SERIES[6] @ series.pulls(np.log(100.0), np.array([states[100]]), 6)
    assert tried[0].guess == pytest.approx(np.outer(T.nodes * tried[0].step, slope))


def test_late_a_sum_is_an_integral(monkeypatch):
    """From e^40 steps on, one step is below rounding."""
    given = []
    true = collocation.solve_stages

    def spy(*arguments):
        given.append((arguments[2], arguments[7]))
        return true(*arguments)

    monkeypatch.setattr(collocation, "solve_stages", spy)
    series = line("exponential")
    run = by_collocation(series, LATEST - 5.0, np.array([LATEST - 5.0]), np.array([LATEST + 20.0]))
    assert run.state == pytest.approx([LATEST + 20.0])
    assert all((sums is not None) == (s < LATEST) for s, sums in given)
    assert {s < LATEST for s, _ in given} == {True, False}
    given.clear()
    by_collocation(series, LATEST, np.array([LATEST]), np.array([LATEST + 20.0]))
    assert all(sums is None for _, sums in given)
