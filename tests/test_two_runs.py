"""Two runs of a flow, part by part: what each is asked for, and how they are compared."""

import re
from itertools import pairwise

import numpy as np
import pytest

from ibias.flow import estimate
from ibias.flow.collocation import sides
from ibias.flow.estimate import (
    ACCURATE,
    BEFORE,
    CAUTION,
    DIFFERENCE,
    FEW,
    FINE,
    GROWN,
    KICK,
    LARGEST_EXPONENT,
    LARGEST_TOLERANCE,
    NEAR,
    ROUGH,
    STRETCH,
    UNEVEN,
    VISITED,
    Apart,
    about_columns,
    agreed,
    beside,
    bounded,
    compared,
    differences,
    distance_from_rest,
    evenly,
    farthest,
    first_moment,
    in_stretches,
    in_time,
    remedy,
    soonest,
    two_runs,
    visited,
)
from ibias.flow.log_time import MAX_STEPS, IntegrationFailed, Passage
from ibias.flow.rounding_errors import RoundingErrors
from tests.spy import apart_once, arguments

# How two runs are compared.


def by_definition(accurate, check, at, tolerance, floor, extra, size, length):
    """Return the estimate at each time, by loops."""
    of = (lambda w: np.sqrt((w**2).sum())) if length else (lambda w: np.abs(w).max())
    sizes = [max(1.0, of(w)) for w in accurate] if size is None else size
    met = {j: of(accurate[j] - w) / sizes[j] for j, w in zip(at, check, strict=True)}
    found = []
    for i in range(len(accurate)):
        around = [max(j for j in at if j <= i), min(j for j in at if j >= i)]
        difference = max(met[j] for j in around) * sizes[i]
        found.append(2 * difference + floor * tolerance * sizes[i] + np.broadcast_to(extra, 9)[i])
    return found


@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize("size", [None, np.linspace(3.0, 4.0, 9)])
@pytest.mark.parametrize("floor", [ACCURATE, 0.2])
@pytest.mark.parametrize("extra", [0.0, np.linspace(0.0, 1e-4, 9)])
def test_the_estimate_is_twice_the_larger_difference_on_both_sides(length, size, floor, extra):
    rng, at, tolerance = np.random.default_rng(0), np.array([0, 3, 4, 8]), 1e-2
    accurate = rng.uniform(-1, 1, (9, 3)) * np.array([0.1, 1, 5, 2, 9, 0.2, 3, 1, 4])[:, None]
    check = accurate[at] + 1e-4 * rng.uniform(-1, 1, (4, 3))
    how = {"floor": floor, "extra": extra, "size": size, "length": length}
    found = compared(np.arange(9.0), accurate, check, at, tolerance, **how)
    assert found == pytest.approx(by_definition(accurate, check, at, tolerance, **how), rel=1e-9)
    assert not found.flags.writeable


def test_what_is_told_of_two_runs_that_are_apart():
    """At the worst time: the difference, and half of what is left of the tolerance."""
    accurate, at = np.array([[1.0], [4.0], [2.0]]), np.arange(3)
    check = accurate + np.array([[1e-4], [8e-4], [3e-4]])
    with pytest.raises(Apart) as error:
        compared(np.array([1.0, 2.5, 3.0]), accurate, check, at, 1e-4, floor=0.5, clock="log k")
    said = str(error.value)
    # The second, relative to its size, is off by 2e-4, the others by 1e-4 and 1.5e-4.
    assert said.startswith("at log k = 2.5 two runs that share no approximation differ by 8.0e-04")
    assert "tolerance=0.0001 allows 1.0e-04." in said  # (1 - 0.5) 1e-4 * 4 / 2
    assert said.endswith("Ask for tolerance=1e-02, or for earlier times.")
    with pytest.raises(Apart, match=r"^at log t = 2\.5 "):
        compared(np.array([1.0, 2.5, 3.0]), accurate, check, at, 1e-4)


def test_an_estimate_that_is_the_tolerance_is_within_it():
    there, at = np.ones((1, 1)), np.zeros(1, int)
    off = (0.5 - ACCURATE / 2) * 0.25  # twice that, and the floor, are half of the tolerance
    assert compared(np.zeros(1), there, there + off, at, 0.25 * (1 + 1e-9)) == pytest.approx(0.25)
    with pytest.raises(Apart):
        compared(np.zeros(1), there, there + off, at, 0.25 * (1 - 1e-9))


@pytest.mark.parametrize("length", [False, True])
def test_nothing_to_compare_is_no_difference(length):
    nothing, at = np.empty((2, 0)), np.array([0, 1])
    found = compared(np.arange(2.0), nothing, nothing, at, 1e-3, length=length)
    assert found == pytest.approx([ACCURATE * 1e-3] * 2)


def test_of_two_check_runs_the_farther_one_counts_time_by_time():
    real = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    one = Passage(real + np.array([[0.1, 0.0], [0.0, -0.3], [0.1, 0.1]]), 9.0, real[2], 10)
    other = Passage(real + np.array([[0.0, -0.2], [0.2, 0.2], [0.1, 0.1]]), 8.0, real[1], 20)
    for pair in [(one, other), (other, one)]:
        found = farthest(real, pair)
        assert found.states.tolist() == [other.states[0].tolist(), *one.states[1:].tolist()]
        assert (found.time, found.n_evaluations) == (8.0, 30)
        assert found.state.tolist() == [2.0, 2.0]
    # One that has halted early has fewer states.
    short = Passage(one.states[:1], 1.0, real[0], 5)
    assert farthest(real, [other, short]).states.tolist() == [other.states[0].tolist()]
    assert farthest(real[:2], [other, one]).states.shape == (2, 2)


@pytest.mark.parametrize("real", [None, 3.0, np.inf])
@pytest.mark.parametrize("check", [None, 2.0, 4.0, np.inf])
def test_a_real_run_that_stops_names_the_time_at_which_either_stops(real, check):
    asked = []

    def stops(time):
        error = IntegrationFailed(f"stopped at {time}")
        error.time = time
        return error

    def check_run(times):
        asked.append(times)
        if check is not None:
            raise stops(check)

    run = soonest(check_run, np.array([1.0, 9.0]))
    if real is None:
        with run:
            pass
        assert not asked  # it runs later
        return
    sooner = check == 2.0 or (check == 4.0 and real == np.inf)
    with pytest.raises(IntegrationFailed, match=f"stopped at {check if sooner else real}"), run:
        raise stops(real)
    assert [times.tolist() for times in asked] == [[9.0]]


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_none_is_refused(lost):
    accurate = np.ones((2, 2))
    check = accurate.copy()
    check[1, 0] = lost
    with pytest.raises(IntegrationFailed, match="NaN or infinity") as error:
        compared(np.arange(2.0), accurate, check, np.arange(2), 1e-3)
    assert not isinstance(error.value, Apart)


@pytest.mark.parametrize(
    ("relative", "tolerance"),
    [(1e-8, "1e-06"), (4.9e-8, "1e-06"), (5.1e-8, "1e-05"), (4.9e-4, "1e-02"), (5.1e-4, None)],
)
def test_the_tolerance_that_is_advised_is_twenty_differences_rounded_up(relative, tolerance):
    said = remedy(relative, "another start")
    if tolerance is None:
        assert said == "No larger tolerance helps: ask for earlier times, or take another start."
    else:
        assert said == f"Ask for tolerance={tolerance}, or for earlier times."
        assert 20 * relative <= float(tolerance) <= LARGEST_TOLERANCE
        there, at = np.ones((1, 1)), np.zeros(1, int)
        compared(np.zeros(1), there, there + relative, at, float(tolerance))


def test_columns_are_worth_a_word_from_a_ratio_on():
    assert about_columns(np.diag([1.0, UNEVEN * 0.9])) == ""
    said = about_columns(np.diag([UNEVEN * 1.1, 1.0]))
    assert said.startswith(" The columns of X differ in size: divide column 0 by 3")
    assert said.endswith(" (that is another metric, and so another flow).")


# At which times.


def test_few_times_are_all_visited_and_many_evenly():
    for n in (1, 2, VISITED):
        assert visited(np.arange(float(n)), np.zeros((n, 1))).tolist() == list(range(n))
    # Not more states than visits: only evenly, of all times.
    at = visited(np.arange(111.0), np.zeros((VISITED, 1)))
    assert at.tolist() == [10 * i for i in range(VISITED)]


@pytest.mark.parametrize("shape", [(3,), (2, 2)])
def test_also_where_the_states_move_farthest_and_fastest(shape):
    """The twelve farthest steps and the twelve fastest, both ends of each."""
    rng = np.random.default_rng(0)
    steps = rng.uniform(0.1, 10.0, 199)
    moves = rng.uniform(-1, 1, (199, *shape)) * rng.uniform(0, 1, (199, *([1] * len(shape))))
    times, states = np.append(0.0, steps.cumsum()), np.zeros((200, *shape))
    states[1:] = moves.cumsum(axis=0)
    ways = np.abs(moves).reshape(199, -1).max(axis=1)
    for n in (200, 150):  # also where the real run has halted
        most = [np.argsort(by[: n - 1])[-VISITED:] for by in (ways, ways / steps)]
        even = np.linspace(0, 199, VISITED).round().astype(int)
        right = set(even) | {i + end for by in most for i in by for end in (0, 1)}
        assert visited(times, states[:n]).tolist() == sorted(right)


# What each run is asked for.


def decay(s, w):
    """dw/ds = -e^s w, of one time and state or several: w = w_0 exp(-e^s)."""
    return -np.exp(np.asarray(s))[..., None] * w


def decay_slope(s, w):
    return -np.exp(s) * np.eye(w.size)


W0 = np.array([2.0, -3.0])
TIMES = np.array([-1.0, 0.0, 0.5, 1.0])


def launched(asked):
    def launch(local_error, caution):
        asked.append((local_error, caution))
        s = np.log(local_error) / 2 - caution
        return s, W0 * (1 - np.exp(s))

    return launch


@pytest.mark.parametrize("smallest", [np.inf, 1e-7])
@pytest.mark.parametrize("how", [{}, {"fine": 0.02, "coarse": 0.05}])
@pytest.mark.parametrize("symmetric", [False, True])
def test_what_both_runs_are_asked_for(smallest, how, symmetric, monkeypatch):
    real, check = (
        arguments(monkeypatch, estimate, "integrate"),
        arguments(monkeypatch, estimate, "collocate"),
    )
    asked, tolerance, halted = [], 1e-4, []
    halt = lambda s, w: bool(halted.append((s, w)))  # noqa: E731
    options = {"smallest": smallest, "symmetric": symmetric, "smooth": False, "halt": halt} | how
    runs = two_runs(decay, launched(asked), TIMES, tolerance, decay_slope, **options)
    fine, coarse = how.get("fine", FINE) * tolerance, how.get("coarse", ROUGH) * tolerance
    # A launch does not know of the smallest local error of a step.
    assert asked == [(pytest.approx(fine), 0.0), (pytest.approx(coarse), CAUTION)]
    (first,), (second,) = real, check
    assert first["field"] is decay and first["halt"] is second["halt"] is halt
    assert first["start_time"] == pytest.approx(np.log(fine) / 2)
    assert second["start_time"] == pytest.approx(np.log(coarse) / 2 - CAUTION)
    assert second["start"] == pytest.approx(W0 * (1 - np.exp(second["start_time"])))
    assert first["tolerance"] == pytest.approx(min(fine, smallest))
    assert first["jacobian"](0.5, W0) == pytest.approx(decay_slope(0.5, W0))
    assert second["jacobian"](0.5, W0) == pytest.approx(decay_slope(0.5, W0))
    allowed = second["allowed"](np.array([5.0, -50.0]))
    assert allowed == pytest.approx([50 * min(coarse, smallest)] * 2)
    assert (second["symmetric"], second["smooth"]) == (symmetric, False)
    assert not second["unstable"] and second["unit"] is None
    assert runs.at.tolist() == [0, 1, 2, 3] and (second["times"] == TIMES).all()
    right = W0 * np.exp(-np.exp(TIMES))[:, None]
    assert np.abs(runs.real.states - right).max() <= 1e-4
    assert np.abs(runs.check.states - right).max() <= 1e-4
    assert runs.n_evaluations == runs.real.n_evaluations + runs.check.n_evaluations
    assert halted


def test_a_smooth_field_is_taken_for_one_unless_told(monkeypatch):
    check = arguments(monkeypatch, estimate, "collocate")
    two_runs(decay, launched([]), TIMES, 1e-4)
    assert check[0]["smooth"] and not check[0]["symmetric"]
    # Without a Jacobian, differences.
    assert check[0]["jacobian"](0.5, W0) == pytest.approx(decay_slope(0.5, W0), abs=1e-8)


def test_the_check_run_keeps_to_where_the_field_is_linear(monkeypatch):
    check = arguments(monkeypatch, estimate, "collocate")
    two_runs(decay, launched([]), TIMES, 1e-4, linear=lambda w: np.array([1e-6, np.abs(w).max()]))
    allowed = check[0]["allowed"](np.array([0.5, 7.0]))
    assert allowed == pytest.approx([1e-6, ROUGH * 1e-4 * 7])


def test_trial_steps_may_overflow():
    """What they come to is rejected; no warning is worth a word."""

    def field(s, w):
        beyond = np.exp(np.full(2, 800.0))
        return decay(s, w) + 0 * np.minimum(beyond - beyond, 1.0).size

    with np.errstate(over="raise", invalid="raise"):
        runs = two_runs(field, launched([]), TIMES, 1e-4, decay_slope)
    assert runs.check.states == pytest.approx(runs.real.states, abs=1e-4)


def test_only_where_the_loss_is_not_convex_rounding_errors_are_carried(monkeypatch):
    check, made = arguments(monkeypatch, estimate, "collocate"), []

    class Noted(RoundingErrors):
        def __init__(self, *given):
            made.append(given)
            super().__init__(*given)

        def watching(self, s, w, times, halt):
            made.append((s, w, times, halt))
            return super().watching(s, w, times, halt)

    monkeypatch.setattr(estimate, "RoundingErrors", Noted)
    two_runs(decay, launched([]), TIMES, 1e-4, decay_slope)
    assert not made and not check[0]["unstable"]
    never = lambda s, w: False  # noqa: E731
    two_runs(
        decay, launched([]), TIMES, 1e-4, decay_slope, convex=False, symmetric=True, halt=never
    )
    # The check run goes twice then.
    (steer, unit, tolerance, symmetric), (s, w, times, halt) = made[:2]
    assert len(made) == 4 and [asked["kick"] for asked in check[1:]] == [KICK, -KICK]
    assert check[0]["kick"] == 0
    assert (unit, tolerance, symmetric) == (1.0, 1e-4, True)
    assert steer(0.5, W0) == pytest.approx(decay_slope(0.5, W0))
    assert (s, tuple(w)) == (check[1]["start_time"], tuple(check[1]["start"]))
    assert times.tolist() == TIMES.tolist() and halt is never
    assert check[1]["unstable"]
    # They start to either side, by ten times the error of the first step.
    first = check[1]["start_time"]
    middle, step = launched([])(ROUGH * 1e-4, CAUTION)[1], -W0 * np.exp(first)
    off = KICK * sides(2) * np.abs(decay(first, middle) - step)
    starts = [asked["start"] for asked in check[1:]]
    assert starts == [
        pytest.approx(middle + off, rel=1e-12),
        pytest.approx(middle - off, rel=1e-12),
    ]
    assert (check[0]["start"] == middle).all()


def saddle(s, w):
    """dw/ds = e^s w: from w_0 near zero, w = w_0 exp(e^s)."""
    return np.exp(np.asarray(s))[..., None] * w


def saddle_slope(s, w):
    return np.exp(s) * np.eye(w.size)


def test_beside_a_saddle_both_runs_have_errors_relative_to_the_state(monkeypatch):
    real, check = (
        arguments(monkeypatch, estimate, "integrate"),
        arguments(monkeypatch, estimate, "collocate"),
    )
    launches, start = arguments(monkeypatch, estimate, "in_time"), np.array([1e-6, -1e-7])
    launch = first_moment(saddle, start, 1e-6, np.log([1.0, 10.0]))
    halt = lambda s, w: False  # noqa: E731
    how = {"saddles": True, "symmetric": True, "halt": halt, "smallest": 1e-7}
    runs = two_runs(saddle, launch, np.log([1.0, 10.0]), 1e-4, saddle_slope, **how)
    right = start * np.exp([1.0, 10.0])[:, None]
    for run in (runs.real, runs.check):
        assert np.abs(run.states / right - 1).max() <= 1e-3
    assert launches[0]["symmetric"] and launches[0]["launch"] is launch
    assert len(real) > 1 and real[0]["tolerance"] == pytest.approx(1e-13, rel=1e-5, abs=0)
    assert check[0]["unstable"] and check[0]["unit"](start) == pytest.approx(1e-6)
    # Each begins before any error has grown by more than a hundredth.
    for run in (real[0], check[0]):
        assert np.exp(run["start_time"]) <= GROWN * (1 + 1e-9)


# Near a saddle at zero.


def test_how_far_from_a_rest_at_zero_a_state_is():
    far, near = np.array([0.5, -0.01]), np.array([0.03, -0.002])
    field = lambda rate: lambda s, w: rate * np.exp(s) * w  # noqa: E731
    slope = lambda rate: lambda s, w: rate * np.exp(s) * np.eye(2)  # noqa: E731
    for rate in (1.0, -5.0):
        assert distance_from_rest(field(rate), slope(rate), far) == 1.0
        assert distance_from_rest(field(rate), slope(rate), np.zeros(2)) == 1.0
        assert distance_from_rest(field(rate), slope(rate), near) == pytest.approx(0.03)
    # Pulled by a constant, zero is no rest: it is 0.07 away, or too far.
    pulled = lambda by: lambda s, w: 2 * w + np.array([0.0, by])  # noqa: E731
    assert distance_from_rest(pulled(-0.14), slope(2.0), near) == pytest.approx(0.072)
    assert distance_from_rest(pulled(0.3), slope(2.0), near) == 1.0
    assert distance_from_rest(field(0.0), slope(0.0), near) == 1.0
    assert distance_from_rest(lambda s, w: -w, lambda s, w: -np.eye(2), np.array([NEAR, 0])) == 1.0
    # Two slopes: the steeper one tells.
    uneven = np.diag([1.0, -40.0])
    found = distance_from_rest(lambda s, w: 1.6 + 0 * w, lambda s, w: uneven, near)
    assert found == pytest.approx(0.04)


@pytest.mark.parametrize("rate", [3.0, -3.0, 0.0])
def test_a_launch_beside_a_saddle_is_before_any_error_has_grown(rate):
    asked = []

    def launch(local_error, caution):
        asked.append((local_error, caution))
        return (np.log(local_error) + 12.0 if local_error < 1 else 0.0) - caution, W0

    earlier = in_time(
        launch, lambda w: 1e-2 * w[0], lambda s, w: rate * np.exp(s) * np.eye(2), True
    )
    assert asked == [(1.0, BEFORE)]
    first, w = earlier(1e-3, 2.0)
    assert w is W0 and asked[1] == (pytest.approx(2e-5), 2.0)
    early = np.log(2e-5) + 12.0 - 2.0
    latest = np.log(GROWN / rate) if rate > 0 else np.inf
    assert first == pytest.approx(min(early, latest))
    assert latest == np.inf or latest < early


def test_an_early_launch_stays():
    launch = lambda local_error, caution: (-20.0 - caution, W0)  # noqa: E731
    earlier = in_time(launch, lambda w: 1.0, lambda s, w: 3.0 * np.eye(2), True)
    assert earlier(1e-3, 2.0)[0] == pytest.approx(-22.0)


def test_an_unsymmetric_saddle_grows_like_its_real_eigenvalue():
    jordan = np.array([[0.5, 100.0], [0.0, 0.25]])
    launch = lambda local_error, caution: (50.0 - caution, W0)  # noqa: E731
    for symmetric, rate in [(False, 0.5), (True, np.linalg.eigvalsh(jordan).max())]:
        earlier = in_time(launch, lambda w: 1.0, lambda s, w: jordan, symmetric)
        assert earlier(1e-3, 0.0)[0] == pytest.approx(np.log(GROWN / rate))


def unit_of(w):
    return min(1.0, float(np.abs(w).max())) if np.abs(w).max() < NEAR else 1.0


@pytest.mark.parametrize("rate", [1.0, -1.0])
def test_local_errors_are_renewed_as_a_state_grows_or_shrinks(rate, monkeypatch):
    calls = arguments(monkeypatch, estimate, "integrate")
    times, local_error = np.array([1.0, 4.0, 9.0, 14.0]), 1e-7
    start = np.array([1e-5 if rate > 0 else 20.0, -1e-6])
    field, slope = lambda s, w: rate * w, lambda s, w: rate * np.eye(2)
    run = in_stretches(field, 0.0, start, times, local_error, unit_of, slope, None)
    assert np.abs(run.states / (start * np.exp(rate * times)[:, None]) - 1).max() <= 1e-4
    assert run.time == 14.0 and run.state == pytest.approx(run.states[-1])
    for call in calls:
        size = np.abs(call["start"]).max()
        assert call["tolerance"] == pytest.approx(
            local_error * unit_of(call["start"]), rel=1e-9, abs=0
        )
        assert call["relative"] == pytest.approx(local_error / 10, rel=1e-9, abs=0)
        assert call["max_steps"] == (MAX_STEPS if size >= NEAR else FEW)
        assert call["jacobian"] is slope
        assert (call["times"] == times[len(times) - len(call["times"]) :]).all()
    sizes = [np.abs(call["start"]).max() for call in calls]
    times_begun = [call["start_time"] for call in calls]
    assert len(calls) >= 4 and times_begun == sorted(times_begun)
    for before, after in pairwise(sizes):
        # Renewed once it has grown tenfold while it is small, or shrunk tenfold.
        ratio = after / before if rate > 0 else min(before, NEAR) / after
        assert STRETCH <= ratio <= 3 * STRETCH


def test_a_halt_ends_all_stretches(monkeypatch):
    calls = arguments(monkeypatch, estimate, "integrate")
    field, slope = lambda s, w: w, lambda s, w: np.eye(1)
    times, start = np.array([1.0, 2.0, 20.0]), np.array([1e-6])
    halt = lambda s, w: s > 4.0  # noqa: E731
    run = in_stretches(field, 0.0, start, times, 1e-6, unit_of, slope, halt)
    assert len(run.states) == 2 and 4.0 < run.time < 8.0
    assert run.state == pytest.approx(start * np.exp(run.time), rel=1e-4)
    assert len(calls) == 2


def test_the_cost_of_all_stretches_is_counted(monkeypatch):
    n = 0

    def field(s, w):
        nonlocal n
        n += 1
        return w

    slope = lambda s, w: np.eye(1)  # noqa: E731
    run = in_stretches(field, 0.0, np.array([1e-6]), np.array([15.0]), 1e-6, unit_of, slope, None)
    assert run.n_evaluations == n


# What is agreed on.


def test_what_is_agreed_is_the_real_run(monkeypatch):
    calls = arguments(monkeypatch, estimate, "two_runs")
    compare = arguments(monkeypatch, estimate, "compared")
    risk = lambda w: -np.abs(w).sum(axis=1)  # noqa: E731
    launch = launched([])
    path = agreed(decay, launch, TIMES, 1e-4, risk, decay_slope, length=True, smooth=False)
    right = W0 * np.exp(-np.exp(TIMES))[:, None]
    error = np.sqrt(((path.iterates - right) ** 2).sum(axis=1))
    assert (error <= 10 * path.error_estimate).all() and (path.error_estimate <= 4e-4).all()
    assert path.log_t.tolist() == TIMES.tolist() and path.log_t is not TIMES
    assert (path.log_risk == risk(path.iterates)).all()
    assert path.status == "integrated to log time 1" and path.n_evaluations > 20
    for array in (path.log_t, path.iterates, path.log_risk):
        assert not array.flags.writeable
    (runs,), (comparison,) = calls, compare
    assert runs["field"] is decay and runs["launch"] is launch and runs["jacobian"] is decay_slope
    assert runs["tolerance"] == pytest.approx(1e-4) and not runs["smooth"]
    assert comparison["length"] and comparison["tolerance"] == 1e-4
    agreed(decay, launch, TIMES, 1e-4, risk, decay_slope)
    assert not compare[1]["length"]


def test_where_they_are_apart_both_come_closer(monkeypatch):
    calls = arguments(monkeypatch, estimate, "two_runs")
    apart_once(monkeypatch, estimate)
    agreed(decay, launched([]), TIMES, 1e-4, lambda w: w[:, 0], decay_slope)
    assert [call["tolerance"] for call in calls] == pytest.approx([1e-4, 1e-6])


# Small parts.


def test_a_first_moment_moves_by_a_local_error():
    theta, log_t = np.array([1.0, -2.0]), np.array([0.5, 9.0])
    launch = first_moment(decay, theta, 4.0, log_t)
    for local_error, caution in [(1e-3, 0.0), (1e-3, 2.0), (1e6, 3.0)]:
        first, w = launch(local_error, caution)
        assert first == pytest.approx(min(np.log(local_error / 4), 0.5) - caution)
        assert w == pytest.approx(theta + decay(first, theta))


def test_beside_a_state_are_others_by_the_error_of_its_step():
    """The Euler step from 1 to e^s errs by e^2s / 2 where w' = -w; twice that is its residual."""
    s, w0 = -4.0, np.array([1.0, -2.0])
    step = decay(s, w0)
    off = beside(decay, s, w0 + step, step, 10.0) - (w0 + step)
    assert np.abs(off) == pytest.approx(
        10 * np.abs(sides(2)) * np.exp(2 * s) * np.abs(w0), rel=1e-12
    )
    assert beside(decay, s, w0 + step, step, -10.0) == pytest.approx(w0 + step - off, rel=1e-12)
    assert (beside(decay, s, w0 + step, step, 0.0) == w0 + step).all()


def test_a_pull_that_is_cut_off_is_refused_and_the_advised_time_is_not():
    halt = bounded(lambda s, w: s + w[0])
    w = np.array([40.0])
    assert halt(LARGEST_EXPONENT - 40 - 1e-6, w) is False
    for s in (LARGEST_EXPONENT - 40, 12.0):
        with pytest.raises(IntegrationFailed, match=rf"at log time {s:.6g} .* exp\(50\)") as error:
            halt(s, w)
        until = float(re.search(r"up to ([0-9.]+);", str(error.value))[1])
        assert until == pytest.approx(LARGEST_EXPONENT - 40 - 0.1)
        assert halt(until, w) is False


def test_an_even_local_error():
    assert evenly(1e-3, np.array([0.2, -0.5])) == pytest.approx([1e-3, 1e-3])
    assert evenly(1e-3, np.array([0.2, -5.0])) == pytest.approx([5e-3, 5e-3])
    assert evenly(1e-3, np.array([2.0, -5.0]), np.array([1e-4, 1.0])) == pytest.approx([1e-4, 5e-3])
    assert evenly(1e-3, np.empty(0)).shape == (0,)


def test_differences_are_the_derivative_at_every_scale():
    A = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [4.0, 0.0, -2.0]])
    field = lambda s, w: np.asarray(s)[..., None] * (w @ A.T) + np.sin(w)  # noqa: E731
    for w in (np.array([1.0, 0.0, -2e3]), np.array([1e-5, 2e-5, 0.0]), np.zeros(3)):
        right = 0.7 * A + np.diag(np.cos(w))
        assert differences(field, 0.7, w) == pytest.approx(right, abs=1e-4)


def test_each_variable_is_moved_by_a_part_of_itself_or_of_the_largest():
    seen = []

    def field(s, w):
        seen.append(np.array(w))
        return w

    for w in (np.array([5.0, -1e-9, 0.1]), np.array([1e-5, 0.0, -2e-6])):
        differences(field, 0.0, w)
        least = 1e-3 * max(1e-3, np.abs(w).max())
        step = DIFFERENCE * np.maximum(np.abs(w), least)
        assert seen[-1] - w == pytest.approx(np.vstack([np.diag(step), -np.diag(step)]), abs=1e-15)
