"""The gradient flow, part by part: coordinates, first time, the two integrators, the comparison."""

import numpy as np
import pytest

from ibias import datasets, flow, losses
from ibias.datasets import Dataset
from ibias.flow import gradient
from ibias.flow.estimate import ACCURATE, TWICE
from ibias.flow.gradient import (
    FINEST,
    LATEST,
    SEGMENT,
    SEGMENTS,
    STRAIGHT,
    STRETCH,
    Space,
    by_collocation,
    by_lsoda,
    conclude,
    first_time,
)
from ibias.flow.log_time import TINY, IntegrationFailed, LogTimeField, Passage
from ibias.flow.rounding_errors import RoundingErrors
from ibias.flow.separation import Arc
from ibias.flow.series import Series, Terms
from tests.spy import replaced

RNG = np.random.default_rng(0)
TALL, WIDE = RNG.standard_normal((7, 3)), RNG.standard_normal((3, 7))
SPACES = {
    "tall": (TALL, 3),
    "wide": (WIDE, 3),
    "square": (TALL[:3], 3),
    "tall, of low rank": (TALL[:, :2] @ WIDE[:2, :5], 2),
    "wide, of low rank": (TALL[:4, :2] @ WIDE[:2], 2),
    "repeated rows": (np.vstack([WIDE, WIDE[:2]]), 3),
    "columns of many sizes": (TALL * 10.0 ** np.array([-12, 0, 9]), 3),
    "columns of many sizes, of low rank": (
        TALL[:, :2] @ WIDE[:2, :5] * 10.0 ** np.array([-9, 0, 6, 0, 1]),
        2,
    ),
    "rows of many lengths": (np.diag([1.0, 1e-20, 1e-9]) @ TALL[:3], 3),
    "rows of many lengths, of low rank": (
        np.diag([1.0, 1e-20, 1e-9, 1e-20]) @ np.vstack([WIDE[:2, :5], WIDE[:2, :5]]),
        2,
    ),
    "a column of zeros": (TALL * [1.0, 0.0, 1.0], 2),
    "all zero": (np.zeros((3, 2)), 0),
}


@pytest.mark.parametrize("size", [1.0, 1e-6, 300.0])
@pytest.mark.parametrize("name", SPACES)
def test_coordinates_of_the_row_space(name, size):
    Z, rank = SPACES[name]
    data = Dataset.one_class(size * Z)
    w = RNG.standard_normal(Z.shape[1])
    space = Space.of(data, w)
    assert space.Z.shape == (len(Z), rank) and space.start.shape == (rank,)
    # The longest row has length one, and lengths of all rows are as they were.
    true = np.linalg.norm(data.Z, axis=1)
    longest = true.max() or 1.0
    assert space.size == pytest.approx(longest)
    assert np.linalg.norm(space.Z, axis=1) == pytest.approx(true / longest, rel=1e-9, abs=1e-13)
    assert space.log_clock == pytest.approx(2 * np.log(longest))
    assert space.unit == min(1.0, space.size)
    # The start is lifted back, and margins are the same.
    assert space.lift(space.start) == pytest.approx(w, rel=1e-9, abs=1e-9)
    u = data.Z @ w
    scale = np.abs(data.Z) @ np.abs(w)
    assert (np.abs(space.Z @ space.start - u) <= 1e-9 * scale).all()
    # Whatever moves the coordinates moves the margins as the weights that they stand for.
    v = RNG.standard_normal((4, rank))
    lifted = space.lift(v)
    reach = np.abs(data.Z) @ (np.abs(lifted).T + np.abs(w)[:, None])
    assert (np.abs(data.Z @ lifted.T - space.Z @ v.T) <= 1e-9 * reach).all()
    if rank == Z.shape[1]:
        assert space.basis is None and not space.rest.any()
    else:
        assert space.basis.T @ space.basis == pytest.approx(np.eye(rank), abs=1e-12)
        assert space.basis.T @ space.rest == pytest.approx(np.zeros(rank), abs=1e-12)
        assert space.rest + space.basis @ (space.basis.T @ w) == pytest.approx(w)


@pytest.mark.parametrize("name", ["tall", "wide", "tall, of low rank"])
def test_a_start_of_none_is_zero(name):
    space = Space.of(Dataset.one_class(SPACES[name][0]), None)
    assert not space.start.any() and not space.rest.any()


def test_rows_dependent_up_to_rounding_are_taken_for_dependent():
    eps = np.finfo(float).eps
    for by, rank in [(0.5 * eps, 1), (1e4 * eps, 2)]:
        space = Space.of(Dataset.one_class([[3.0, 4.0], [3.0, 4.0 * (1 + by)]]), None)
        assert space.Z.shape[1] == rank


# The first time.


def field_of(Z, loss="logistic", scale=None):
    Z = np.array(Z, dtype=float)
    scale = -np.log(len(Z)) if scale is None else scale
    return LogTimeField(Z, losses.named(loss), scale, np.zeros(len(Z)))


@pytest.mark.parametrize("loss", ["logistic", losses.PolynomialTail(1.0), losses.Sigmoid()])
@pytest.mark.parametrize("scale", [None, 1.5])
def test_up_to_the_first_time_a_step_errs_by_less(loss, scale):
    """t^2 H g is what is allowed, with the largest Hessian and gradient."""
    field, w = field_of(TALL, loss, scale), np.array([0.3, -0.2, 0.5])
    slopes = np.exp(field.log_scale) * -field.loss.slope(TALL @ w)
    g = slopes.sum() * np.linalg.norm(TALL, axis=1).max()
    H = np.exp(field.log_scale) * (TALL**2).sum() * field.loss.smoothness
    for allowed in (1e-3, 1e-9, 1e3):
        t = np.sqrt(allowed / (H * g))
        if isinstance(loss, losses.Sigmoid):  # gradients grow by less than e
            t = min(t, 1 / H / np.e) if t > 1 / H / np.e else t
        assert first_time(field, w, allowed) == pytest.approx(np.log(t))


def test_without_a_bound_the_curvature_is_that_of_margins_that_move_by_one():
    field, w = field_of([[2.0], [-1.0]], "exponential"), np.array([0.5])
    # l'' = e^-u, at most e^(1 - u); twice that.
    H = 0.5 * 5 * 2 * np.exp(1.5)
    g = 0.5 * (np.exp(-1.0) + np.exp(0.5)) * 2
    assert first_time(field, w, 1e-8) == pytest.approx(np.log(1e-8 / (H * g)) / 2)
    # However much is allowed: the margins move by g times the longest row.
    assert first_time(field, w, 1e8) == pytest.approx(-np.log(g * 2))


@pytest.mark.parametrize("sign", [1, -1])
def test_margins_move_by_one_to_both_sides(sign):
    class Rising(losses.Exponential):
        def log_slope(self, u):
            return sign * u

        def log_slope_derivative(self, u):
            return np.full(np.shape(u), float(sign))

    field = LogTimeField(np.array([[1.0]]), Rising(), 0.0, np.zeros(1))
    g, H = np.exp(sign * 0.5), 2 * np.exp(1 + sign * 0.5)
    found = first_time(field, np.array([0.5]), 1e-9)
    assert found == pytest.approx(np.log(1e-9 / (H * g)) / 2)


def test_where_the_loss_has_no_bound_and_is_not_convex():
    class Wavy(losses.Exponential):
        def log_slope(self, u):
            return -u + 0.9 * np.sin(2 * u)

        def log_slope_derivative(self, u):
            return -1 + 1.8 * np.cos(2 * u)

    field = LogTimeField(np.array([[1.0]]), Wavy(), 0.0, np.zeros(1))
    u = 0.5 + np.linspace(-1, 1, 9)
    slope = np.exp(-u + 0.9 * np.sin(2 * u))
    H = 2 * (slope * np.abs(-1 + 1.8 * np.cos(2 * u))).max()
    g = np.exp(-0.5 + 0.9 * np.sin(1.0))
    found = first_time(field, np.array([0.5]), 1e8)
    assert found == pytest.approx(min(-np.log(g), -np.log(H)) - 1)
    assert first_time(field, np.array([0.5]), 1e-9) == pytest.approx(np.log(1e-9 / (H * g)) / 2)


# The integrators.


def scripted(monkeypatch, script=lambda n, asked: None):
    """Return what `gradient` asks of `integrate`, in place of which all states are w + n."""
    calls = []

    def integrate(asked, _):
        calls.append(asked)
        found = script(len(calls), asked)
        if isinstance(found, IntegrationFailed):
            raise found
        n, times = len(calls), asked["times"]
        reached = len(times) if found is None else found
        states = asked["start"] + n * np.ones((reached, 1))
        end = times[-1] if reached == len(times) else times[reached] - 0.5
        return Passage(states, end, asked["start"] + n, 10 * n)

    replaced(monkeypatch, gradient, "integrate", integrate)
    return calls


def unasked():
    pytest.fail("no check run is asked for where the real one arrives")


LINE = field_of([[1.0], [1.0]], "exponential", scale=np.log(0.5) + 3.0)  # a clock of three
W = np.array([7.0])


def test_the_stretches_of_the_real_run_grow_fourfold(monkeypatch):
    calls = scripted(monkeypatch)
    times = np.array([1.0, 20.0, 36.0, 100.0, 157.0, 500.0, 1e4])
    passage = by_lsoda(1e-6, 1.0, unasked)(LINE, -10.0, W, times, None)
    ends = [SEGMENT * SEGMENTS - 3.0]
    for _ in range(3):  # a little further, so that a stretch at zero ends as well
        ends.append(SEGMENTS * (ends[-1] + 3.0 + 0.1) - 3.0)
    assert [call["start_time"] for call in calls] == pytest.approx([-10.0, *ends])
    asked = [[1.0, 20.0, 36.0], [100.0, 157.0], [500.0], [], [1e4]]
    asked = [[*part, *end] for part, end in zip(asked, [*([end] for end in ends), []], strict=True)]
    assert [call["times"].tolist() for call in calls] == [pytest.approx(part) for part in asked]
    # Of those, the states that were asked for; the ends are none of them.
    begun = W[0] + np.array([0, 1, 3, 6, 10])
    assert [call["start"][0] for call in calls] == begun.tolist()
    right = begun + np.arange(1, 6)
    assert passage.states[:, 0].tolist() == right[[0, 0, 0, 1, 1, 2, 4]].tolist()
    assert passage.states.shape == (7, 1) and passage.n_evaluations == 10 * sum(range(1, 6))
    assert passage.time == 1e4 and passage.state[0] == right[-1]


def test_what_a_stretch_is_asked_for(monkeypatch):
    """At first an absolute error of the unit; far on, what keeps the weights linear."""
    calls, halt = scripted(monkeypatch), (lambda s, w: False)
    by_lsoda(1e-6, 0.25, unasked)(LINE, -10.0, W, np.array([100.0, 500.0]), halt)
    near, *far = calls
    assert near["tolerance"] == pytest.approx(0.25e-6, rel=1e-9, abs=0) and near[
        "relative"
    ] == pytest.approx(1e-7, rel=1e-9, abs=0)
    for call in calls:
        assert call["halt"] is halt and call["max_steps"] == STRETCH and not call["swings"]
        assert call["field"] is LINE and call["jacobian"] == LINE.jacobian
    for call in far:
        w = call["start"]
        allowed = LINE.allowed(w, 1e-6, 0.25)
        assert call["tolerance"] == pytest.approx(allowed, rel=1e-9, abs=0)
        most = allowed.min() / (SEGMENTS * np.abs(w).max())
        assert call["relative"] == pytest.approx(min(1e-7, max(most, FINEST)), rel=1e-9, abs=0)
    assert far[0]["relative"] == 1e-7 or len(far) == 2


@pytest.mark.parametrize("size", [1e2, 1e8, 1e15])
def test_no_part_of_the_weights_errs_by_more_than_is_linear(size, monkeypatch):
    calls = scripted(monkeypatch)
    w = np.array([size])
    by_lsoda(1e-3, 1.0, unasked)(LINE, 50.0, w, np.array([60.0]), None)
    most = LINE.allowed(w, 1e-3, 1.0)[0] / (SEGMENTS * size)
    assert calls[0]["relative"] == pytest.approx(min(1e-4, max(most, FINEST)), rel=1e-9, abs=0)


def test_inputs_and_weights_that_are_all_zero(monkeypatch):
    calls = scripted(monkeypatch)
    by_lsoda(1e-3, 1.0, unasked)(LINE, 50.0, np.zeros(1), np.array([60.0]), None)
    assert calls[0]["relative"] == pytest.approx(1e-4) and TINY < 1e-50
    calls.clear()
    nothing = LogTimeField(np.zeros((2, 0)), LINE.loss, 0.0, np.zeros(2))
    by_lsoda(1e-3, 1.0, unasked)(nothing, 50.0, np.empty(0), np.array([60.0]), None)
    assert calls[0]["relative"] == pytest.approx(1e-4)


def test_once_the_way_is_straight_it_is_renewed_no_more(monkeypatch):
    calls = scripted(monkeypatch)
    run = by_lsoda(1e-6, 1.0, unasked)
    run(LINE, STRAIGHT * 0.999, W, np.array([1e13]), None)
    assert [call["times"].tolist() for call in calls] == [
        pytest.approx([4 * (STRAIGHT * 0.999 + 3.1) - 3]),
        [1e13],
    ]
    calls.clear()
    with pytest.raises(IntegrationFailed):
        run(LINE, STRAIGHT, W, np.array([1e12, 3e14]), None)
    assert [call["times"].tolist() for call in calls[:1]] == [[1e12, LATEST]]


def test_too_late_a_time_is_refused(monkeypatch):
    scripted(monkeypatch)
    run = by_lsoda(1e-6, 1.0, unasked)
    with pytest.raises(IntegrationFailed, match=r"at log time 3e\+14: ask for times up to 1e\+13"):
        run(LINE, 0.0, W, np.array([1.0, 3e14]), None)
    assert run(LINE, LATEST / 2, W, np.array([LATEST]), None).time == LATEST
    with pytest.raises(IntegrationFailed):
        run(LINE, LATEST / 2 * 1.001, W, np.array([LATEST]), None)


def test_a_halt_ends_the_stretches(monkeypatch):
    calls = scripted(monkeypatch, lambda n, asked: 1 if n == 2 else None)
    times = np.array([1.0, 100.0, 120.0, 500.0])
    passage = by_lsoda(1e-6, 1.0, unasked)(LINE, -10.0, W, times, lambda s, w: True)
    assert len(calls) == 2 and len(passage.states) == 2
    assert (passage.time, passage.state[0], passage.n_evaluations) == (119.5, 10.0, 30)


def failed_at(time):
    error = IntegrationFailed(f"at {time:g}")
    error.time = time
    return error


def test_where_lsoda_fails_radau_is_taken_if_the_check_run_arrives(monkeypatch):
    arrived = []
    calls = scripted(monkeypatch, lambda n, asked: failed_at(5.0) if n in (1, 3) else None)
    run = by_lsoda(1e-6, 1.0, lambda: arrived.append(0))
    run(LINE, -10.0, W, np.array([1.0, 100.0]), None)
    assert [call["swings"] for call in calls] == [False, True, False, True]
    assert len(arrived) == 1  # once for all
    for first, again in [(calls[0], calls[1]), (calls[2], calls[3])]:
        assert {**first, "swings": True} == again or all(
            np.array_equal(first[key], again[key]) for key in first if key != "swings"
        )


@pytest.mark.parametrize("other", [3.0, 9.0])
def test_where_both_fail_the_earlier_time_is_told(other, monkeypatch):
    def arrives():
        raise failed_at(other)

    calls = scripted(monkeypatch, lambda n, asked: failed_at(5.0))
    with pytest.raises(IntegrationFailed, match=f"^at {min(5.0, other):g}$"):
        by_lsoda(1e-6, 1.0, arrives)(LINE, -10.0, W, np.array([1.0]), None)
    assert len(calls) == 1


def asked_of_collocation(monkeypatch):
    calls = []

    def collocate(asked, _):
        calls.append(asked)
        return Passage(np.ones((1, 1)), 1.0, np.ones(1), 1)

    replaced(monkeypatch, gradient, "collocate", collocate)
    return calls


@pytest.mark.parametrize("loss", ["exponential", losses.PolynomialTail(1.0)])
def test_what_the_check_run_is_asked_for(loss, monkeypatch):
    calls, halt = asked_of_collocation(monkeypatch), (lambda s, w: False)
    field, times = field_of([[2.0], [1.0]], loss), np.array([1.0, 2.0])
    found = by_collocation(1e-5, 0.5, 1e-3)(field, -3.0, W, times, halt)
    assert found.n_evaluations == 1
    (asked,) = calls
    assert asked["field"] is field and asked["jacobian"] == field.jacobian
    assert (asked["start_time"], asked["start"][0], asked["times"] is times) == (-3.0, 7.0, True)
    assert asked["halt"] is halt and asked["symmetric"] and asked["series"] is None
    assert asked["smooth"] == field.loss.analytic and not asked["unstable"]
    for w in ([0.1], [30.0], [-4.0]):
        right = field.allowed(np.array(w), 1e-5, 0.5)
        assert asked["allowed"](np.array(w)) == pytest.approx(right)


def test_a_series_is_followed_by_its_first_term_and_sums(monkeypatch):
    calls = asked_of_collocation(monkeypatch)
    series = Series(np.ones((1, 1)), losses.Logistic(), 0.0, np.zeros(1), Terms(3))
    by_collocation(1e-5, 0.5, 1e-3)(series, 1.0, W, np.array([2.0]), None)
    assert calls[0]["series"] is series and calls[0]["field"] is series.flow
    assert calls[0]["jacobian"] == series.flow.jacobian and calls[0]["halt"] is None


def test_where_the_loss_is_not_convex_one_account_of_rounding_is_kept(monkeypatch):
    calls, made = asked_of_collocation(monkeypatch), []

    class Noted(RoundingErrors):
        def __init__(self, *arguments, **options):
            made.append((arguments, options))
            super().__init__(*arguments, **options)

        def watching(self, *arguments):
            made.append((self, arguments))
            return super().watching(*arguments)

    monkeypatch.setattr(gradient, "RoundingErrors", Noted)
    field, halt = field_of([[1.0]], losses.Sigmoid()), (lambda s, w: True)
    run, times = by_collocation(1e-5, 0.5, 1e-3), np.array([2.0])
    run(field, 1.0, W, times, halt)
    run(field, 2.0, W, np.array([3.0]), None)
    (arguments, options), (one, watched), (other, again) = made
    assert (*arguments, *options.values()) == (field.jacobian, 0.5, 1e-3, True)
    assert one is other and watched[0] == 1.0 and watched[1] is W and watched[2] is times
    assert watched[3] is halt and again[0] == 2.0 and again[3] is None
    assert all(call["unstable"] for call in calls)
    # It watches, and asks the other halt as well.
    assert calls[0]["halt"](1.5, W) and not calls[1]["halt"](2.5, W)


# The comparison.


@pytest.mark.parametrize("step_size", [None, 0.25])
def test_the_trajectory_is_that_of_the_real_run(step_size):
    data = Dataset.one_class([[4.0, 0.0], [0.0, 2.0]])
    space, times, tolerance = Space.of(data, None), np.array([1.0, 2.0, 3.0, 4.0]), 1e-2
    states = RNG.uniform(1, 2, (4, 2))
    off = 1e-3 * np.array([[1.0, 0.0], [0.0, -3.0], [2.0, 1.0]])
    at = np.array([0, 1, 3])
    accurate = Arc(list(states), "here", 30, error=4e-3, n_ends=2)
    check = Arc(list(states[at] + off), "there", 12)
    path = conclude(
        space, data, losses.Logistic(), times, accurate, [check], at, tolerance, step_size
    )
    assert path.iterates == pytest.approx(states / 4)
    assert path.log_t == pytest.approx(times + np.log(step_size or 1.0))
    risk = np.log(np.logaddexp(0, -(path.iterates @ data.Z.T)).mean(axis=1))
    assert path.log_risk == pytest.approx(risk)
    assert (path.status, path.n_evaluations) == ("here", 42)
    largest = np.array([1.0, 3.0, 3.0, 2.0]) * 1e-3 / 4
    ends = np.array([0.0, 0.0, 4e-3, 4e-3]) / 4
    right = TWICE * largest + ACCURATE * tolerance + ends
    assert path.error_estimate == pytest.approx(right, rel=1e-9)
    for array in (path.log_t, path.iterates, path.log_risk, path.error_estimate):
        assert not array.flags.writeable


@pytest.mark.parametrize(("step_size", "clock"), [(None, "log t"), (0.25, "log k")])
def test_the_clock_of_a_refusal(step_size, clock):
    data = Dataset.one_class([[1.0]])
    arcs = [Arc([np.array([w])], "", 1) for w in (1.0, 2.0)]
    with pytest.raises(IntegrationFailed, match=f"at {clock} = 3 two runs"):
        conclude(
            Space.of(data, None),
            data,
            losses.Logistic(),
            np.array([3.0]),
            arcs[0],
            arcs[1:],
            np.zeros(1, int),
            1e-3,
            step_size,
        )


def test_the_clock_of_rows_that_are_long():
    """w of the rows c z at the time t is w of z at c^2 t, over c."""
    data = datasets.separable(1, 12, 3)
    times = np.array([0.0, 3.0, 50.0])
    for c in (1e-3, 30.0):
        scaled = Dataset(c * data.X, data.y)
        one = flow.gradient_flow(data, log_t=times + 2 * np.log(c))
        other = flow.gradient_flow(scaled, log_t=times)
        assert c * other.iterates == pytest.approx(one.iterates, rel=1e-7, abs=1e-8)
