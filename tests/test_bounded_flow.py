"""What a flow does beside samples that hold each other: closed forms, halts and coordinates."""

import numpy as np
import pytest
from scipy.optimize import brentq

from ibias import flow
from ibias.datasets import Dataset
from ibias.flow import separation
from ibias.flow.log_time import IntegrationFailed, LogTimeField, integrate
from ibias.losses import Exponential, Logistic, Sigmoid
from ibias.optima.separability import separate

TURN = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
LENGTHS = np.array([[1.0, 2.0, 0.5]])


def rows(p, q, m, length=1.0):
    """p samples along one axis, q against them, and m along another one: in four dimensions."""
    one, other = np.eye(4)[:2]
    return np.array([*[one] * p, *[-one] * q, *[length * other] * m]) @ TURN


def exactly(s, p, q, m, log_scale, start, length=1.0):
    """The flow of the exponential loss on these rows in closed form, at log time s.

    v = e^x obeys v' = c (p - q v^2): a hyperbolic tangent. e^(length y) grows by length^2 m c t.
    """
    t, r = np.exp(np.minimum(s + log_scale, 50.0)), np.sqrt(p / q) if q else 1.0
    v0 = np.exp(start[0])
    if q:
        th = np.tanh(np.sqrt(p * q) * t)
        x = np.log(r * (v0 + r * th) / (r + v0 * th))
    else:
        x = np.log(v0 + p * t)
    late = (
        length * start[1]
        if m == 0
        else np.logaddexp(length * start[1], np.log(m) + s + log_scale + 2 * np.log(length))
    )
    return np.stack([x, np.broadcast_to(late / length, x.shape)], axis=-1) @ TURN[:2]


class Runs:
    """LSODA, and a record of what it was asked for."""

    def __init__(self, local_error=1e-11):
        self.local_error, self.calls = local_error, []

    def __call__(self, field, s, w, times, halt):
        passage = integrate(
            field, s, w, times, self.local_error, jacobian=field.jacobian, halt=halt
        )
        self.calls.append((field, s, w, times, halt, passage))
        return passage


def exponential(Z, clock=0.0):
    return LogTimeField(Z, Exponential(), clock - np.log(len(Z)), np.zeros(len(Z)))


def followed(field, start, times, near=1e-10, patience=0.0, local_error=1e-11):
    run, s = Runs(local_error), -20.0 - field.clock
    w = start + field(s, start)
    return separation.follow(field, s, w, np.asarray(times), run, lambda _: near, patience), run


# ---- a part and a ray ----------------------------------------------------------------------


@pytest.mark.parametrize("clock", [0.0, 1.5])
@pytest.mark.parametrize(("p", "q", "m", "length"), [(4, 1, 2, 1.0), (1, 3, 1, 0.5)])
def test_a_part_and_a_ray_have_a_closed_form(p, q, m, length, clock):
    field, start = exponential(rows(p, q, m, length), clock), np.array([0.7, -0.4]) @ TURN[:2]
    times = np.array([-3.0, 0.0, 2.0, 8.0, 11.0, 20.0, 31.0, 40.0, 300.0, 2000.0])
    right = exactly(times, p, q, m, field.log_scale, [0.7, -0.4], length)
    arc, run = followed(field, start, times)
    assert np.array(arc.iterates) == pytest.approx(right, abs=1e-7)
    assert arc.n_evaluations == sum(passage.n_evaluations for *_, passage in run.calls)
    (_, _, _, asked, _, doubt), (turned, s, _, left, _, rested), (rays, since, *_, last, _, _) = (
        run.calls
    )
    assert asked.tolist() == times.tolist()
    assert 12 - clock <= doubt.time == s and left.tolist() == times[times > s].tolist()
    assert 32 - clock <= rested.time == since and last.tolist() == times[times > since].tolist()
    assert arc.n_ends == len(last) and 0 <= arc.error <= 1e-10
    assert arc.status == (
        f"not separable: {p + q} samples at rest at their finite minimiser from log time"
        f" {since:.6g}, {m} samples on the ray"
    )
    # Across their span the samples that hold each other pull by nothing at all.
    assert not turned.Z[: p + q, 1:].any()
    assert np.abs(np.abs(turned.Z[: p + q, 0]) - 1).max() < 1e-14
    assert np.linalg.norm(turned.Z, axis=1) == pytest.approx(np.linalg.norm(field.Z, axis=1))
    assert rays.Z.shape == (m, 3) and rays.offset == pytest.approx(np.zeros(m), abs=1e-12)
    assert (turned.log_scale, rays.log_scale) == (field.log_scale,) * 2


def test_all_of_it_may_rest():
    field, start = exponential(rows(4, 1, 0), 0.5), np.array([2.0, -0.4]) @ TURN[:2]
    times = np.array([-3.0, 0.0, 1.0, 2.0, 5.0, 100.0, 1e6])
    arc, run = followed(field, start, times)
    right = exactly(times, 4, 1, 0, field.log_scale, [2.0, -0.4])
    assert np.array(arc.iterates) == pytest.approx(right, abs=1e-8)
    rested = run.calls[-1][-1]
    assert rested.time < 5 and arc.n_ends == (times > rested.time).sum() == 3
    assert arc.status == (
        f"not separable: at rest at the finite minimiser from log time {rested.time:.6g}"
    )
    assert arc.error == pytest.approx(
        np.linalg.norm(rested.state[0] - np.sign(rested.state[0]) * np.log(2)), abs=1e-12
    )
    assert arc.n_evaluations == sum(passage.n_evaluations for *_, passage in run.calls)


def test_times_before_the_rest_are_integrated():
    field, start = exponential(rows(4, 1, 2)), np.array([0.5, 0.0]) @ TURN[:2]
    for last, n_runs in ((10.0, 1), (25.0, 2)):
        times = np.array([1.0, last])
        arc, run = followed(field, start, times)
        right = exactly(times, 4, 1, 2, field.log_scale, [0.5, 0.0])
        assert np.array(arc.iterates) == pytest.approx(right, abs=1e-7)
        assert arc.status == f"integrated to log time {last:g}" and len(run.calls) == n_runs
        assert (arc.error, arc.n_ends) == (0, 0)
        assert arc.n_evaluations == sum(passage.n_evaluations for *_, passage in run.calls)
    arc, _ = followed(field, start, np.empty(0))
    assert arc.status == "integrated to the end of the exact loop" and not arc.iterates


# ---- when it is stopped --------------------------------------------------------------------


@pytest.mark.parametrize("clock", [0.0, 2.0])
def test_doubt_begins_at_log_time_twelve_or_at_rest_and_ends_where_all_margins_are_positive(clock):
    field = exponential(rows(4, 1, 2), clock)
    _, run = followed(field, np.zeros(4), [1.0], near=1e-3)
    halt, w = run.calls[0][4], np.array([3.0, 0.0]) @ TURN[:2]
    assert not halt(11.99 - clock, w) and halt(12.01 - clock, w)
    rest = np.array([np.log(2), 30.0]) @ TURN[:2]
    assert halt(0.0, rest) and not halt(0.0, rest + 0.01 * TURN[0])
    # One weight on its way only: what moves most is what counts.
    assert not halt(0.0, np.array([np.log(2), 0.0]) @ TURN[:2])
    parted = exponential(np.eye(2), clock)
    _, run = followed(parted, -np.ones(2), [-4.0], near=1e-3)
    halt = run.calls[0][4]
    assert halt(13.0, -np.ones(2)) and halt(13.0, np.array([1.0, 0.0]))
    assert not halt(13.0, np.ones(2)) and not halt(13.0, -np.ones(2))  # it has separated them


def test_a_rest_must_last_for_the_patience_from_when_it_is_first_seen():
    for m, clock, earliest in ((2, 0.0, 32.0), (2, 3.0, 29.0), (0, 0.0, 14.0)):
        field = exponential(rows(4, 1, m), clock)
        # Steps of the run itself after the earliest time would be the first to see it.
        times = [earliest - 1.0] if m else [20.0, 50.0]
        _, run = followed(field, np.zeros(4), times, 1e-3, 5.0, 1e-9)
        turned, halt = run.calls[1][0], run.calls[1][4]
        sign = np.sign(turned.Z[0, 0])
        far, there = np.zeros((2, turned.Z.shape[1]))
        far[0], there[0] = sign * (np.log(2) + 2e-3), sign * (np.log(2) + 5e-4)
        if m:
            assert not halt(earliest - 0.1, there) and not halt(earliest + 4.95, far)
            assert not halt(earliest + 1, there)
            assert not halt(earliest + 5.9, there) and halt(earliest + 6.1, there)
            assert not halt(earliest + 7, far)
        else:
            assert halt(50.0, there) and not halt(50.0, far)
    field = exponential(rows(4, 1, 2))
    first, last = (
        followed(field, np.zeros(4), [400.0], 1e-6, patience, 1e-9)[1].calls[1][-1].time
        for patience in (0.0, 5.0)
    )
    assert first >= 32 and first + 5 <= last < 400


def test_how_near_is_near_is_asked_at_the_weights_themselves():
    asked, run = [], Runs(1e-9)
    field = exponential(rows(4, 1, 1))

    def near(w):
        asked.append(w)
        return 1e-8

    separation.follow(field, -25.0, np.zeros(4), np.array([400.0]), run, near)
    halted = run.calls[1][-1].time
    right = exactly(np.array([halted]), 4, 1, 1, field.log_scale, [0.0, 0.0])[0]
    assert halted < 400 and asked[-1] == pytest.approx(right, abs=1e-6)  # and not turned
    assert asked[-1] @ TURN[0] == pytest.approx(np.log(2), abs=1e-6)


# ---- what keeps going ----------------------------------------------------------------------


def test_data_that_are_separated_late_are_followed_through():
    """Logistic, from far on the wrong side: w + e^w grows by n times the share of t."""
    field = LogTimeField(np.eye(1), Logistic(), 0.0, np.zeros(1))
    times = np.array([5.0, 13.0, 14.0, 15.0, 100.0])
    arc, run = followed(field, np.array([-1e6]), times, near=0.0)
    for s, (w,) in zip(times, arc.iterates, strict=True):
        t = np.exp(s)
        right = (
            brentq(lambda w, t=t: w + np.exp(w) - (t - 1e6), -1e6 - 1, 20.0)
            if s < 20
            else s + np.log1p(-s * np.exp(-s))
        )
        assert w == pytest.approx(right, abs=1e-4)
    assert len(run.calls) == 2 and run.calls[1][4] is None
    assert arc.status == "integrated to log time 100" and arc.n_ends == 0
    assert arc.n_evaluations == sum(passage.n_evaluations for *_, passage in run.calls)
    assert run.calls[1][3].tolist() == times[times > run.calls[0][-1].time].tolist()


@pytest.mark.parametrize("why", ["no verdict", "not convex", "no minimiser"])
def test_where_no_limit_is_known_it_is_integrated(why, monkeypatch):
    field, times = exponential(rows(4, 1, 0)), np.array([0.0, 13.0, 15.0])
    if why == "no verdict":
        monkeypatch.setattr(separation, "certified", lambda _: None)
    if why == "no minimiser":
        monkeypatch.setattr(separation, "minimiser", lambda *_: None)
    if why == "not convex":
        field = LogTimeField(field.Z, Sigmoid(), field.log_scale, field.offset)
    arc, run = followed(field, 0.1 * TURN[0], times, near=1e-9)
    assert arc.status == "integrated to log time 15" and len(run.calls) == 2
    assert (arc.n_ends, arc.error, len(arc.iterates)) == (0, 0, 3)
    assert arc.n_evaluations == sum(passage.n_evaluations for *_, passage in run.calls)
    if why == "not convex":
        assert run.calls[1][4] is None  # it runs to infinity, with four of five
        assert (np.diff(np.array(arc.iterates) @ TURN[0]) > 0).all()
    else:
        right = exactly(times, 4, 1, 0, field.log_scale, [0.1, 0.0])
        assert np.array(arc.iterates) == pytest.approx(right, abs=1e-7)


def test_weights_that_have_outgrown_the_field_are_refused():
    field = exponential(np.eye(2))
    states = [np.zeros(2), np.array([0.0, -400.0])]
    assert separation.checked(field, np.array([1.0]), states[:1]) == states[:1]
    with pytest.raises(IntegrationFailed, match=r"^at log time 2\.5 the weights exceed exp\(300\)"):
        separation.checked(field, np.array([1.0, 2.5]), states)
    # They are refused before the times at which the data are in doubt, and where nothing rests.
    forged = lambda field, s, w, times, halt: separation.Passage(  # noqa: E731
        np.full((len(times), 2), -400.0), times[-1], w, 1
    )
    with pytest.raises(IntegrationFailed, match="at log time 3 the weights exceed"):
        separation.follow(field, 0.0, np.zeros(2), np.array([3.0]), forged, lambda _: 0.0)


# ---- the split, its coordinates, and the minimiser -----------------------------------------


def test_rows_that_span_a_little_more_than_their_span_are_no_certificate(monkeypatch):
    for size in (1.0, 1e6, 1e-6):
        for off, sure in ((0.0, True), (1e-16, True), (1e-15, False), (3e-13, False)):
            Z = size * np.array([[1.0, 0.0], [-1.0, off], [0.0, 1.0]])
            Z[:2] *= 1e3
            parts = separation.certified(exponential(Z))
            assert parts is None or parts.rest.tolist() in ([], [0, 1])
            if sure:
                assert parts.rest.tolist() == [0, 1] and parts.separable.tolist() == [2]
            else:
                assert parts is None or not parts.rest.size
    assert separation.certified(exponential(np.eye(3))).rest.size == 0

    def undecided(Z):
        raise RuntimeError("rounding")

    monkeypatch.setattr(separation, "separate", undecided)
    assert separation.split(np.eye(2)) is None
    assert separation.certified(exponential(np.eye(2))) is None


@pytest.mark.parametrize("scale", [[1.0, 1.0, 1.0, 1.0], [1.0, 1e7, 1e-5, 3.0]])
@pytest.mark.parametrize("long", [1.0, 1e9])
def test_the_spans_are_orthonormal_and_complete_at_any_scale(scale, long):
    rng = np.random.default_rng(4)
    scale = np.array(scale)
    for n, rank in ((1, 1), (2, 2), (7, 2), (3, 3), (9, 4)):
        plain = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, 4))
        plain[0] *= long
        Z = plain * scale
        along, across = separation.spans(Z, np.abs(Z).max(axis=0))
        assert (along.shape, across.shape) == ((4, rank), (4, 4 - rank))
        basis = np.hstack([along, across])
        assert basis.T @ basis == pytest.approx(np.eye(4), abs=1e-12)
        unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        assert np.abs(unit @ across).max(initial=0) < 1e-9
    assert separation.spans(np.eye(2), np.ones(2))[0] == pytest.approx(np.eye(2))


@pytest.mark.parametrize(("off", "rank"), [(2e-11, 1), (1e-9, 2)])
def test_rows_may_be_off_their_span_by_a_rounding_that_grows_with_their_number(off, rank):
    """A hundred rows, beside a column of entries of order one: by 1e-12 times a hundred."""
    signs = np.resize([1.0, 1.0, -1.0, -1.0], 100)
    Z = np.column_stack([signs, off * np.resize([1.0, -1.0], 100)])
    along, across = separation.spans(Z, np.ones(2))
    assert along.shape[1] == rank and across.shape[1] == 2 - rank


def test_a_column_that_is_zero_is_across():
    Z = np.array([[2.0, 0.0, 1.0], [-2.0, 0.0, -1.0]])
    along, across = separation.spans(Z, np.abs(Z).max(axis=0))
    assert np.abs(along[:, 0]) == pytest.approx(np.array([2, 0, 1]) / np.sqrt(5))
    assert across.shape == (3, 2) and np.abs(Z @ across).max() < 1e-14
    assert along.shape == (3, 1)


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e8])
def test_the_minimiser_is_where_the_field_vanishes(scale):
    rng = np.random.default_rng(2)
    Z = rng.standard_normal((30, 3)) * [scale, 1.0, 0.0]
    offset = rng.standard_normal(30)
    for loss in (Exponential(), Logistic()):
        field = LogTimeField(Z, loss, -np.log(30), offset)
        found = separation.minimiser(field, np.array([0.1 / scale, 0.0, 5.0]))
        assert field(0.0, found) * [1 / scale, 1, 1] == pytest.approx(np.zeros(3), abs=1e-13)
        assert found[2] == 5.0  # what no sample sees stays
    one = exponential(np.array([[1.0]] * 9 + [[-1.0]]) / scale)
    assert separation.minimiser(one, np.zeros(1)) / scale == pytest.approx(np.log(3), rel=1e-12)
    far = exponential(np.array([[1.0]] * 9 + [[-1.0]]))
    assert separation.minimiser(far, np.array([25.0])) == pytest.approx(np.log(3), rel=1e-12)


def test_large_margins_are_known_to_their_rounding():
    """All margins larger by 500: the exponential loss is a factor smaller, its minimum the same."""
    rng = np.random.default_rng(2)
    Z, offset = rng.standard_normal((30, 3)), rng.standard_normal(30)
    plain = LogTimeField(Z, Exponential(), 0.0, offset)
    higher = LogTimeField(Z, Exponential(), 0.0, offset + 500)
    right = separation.minimiser(plain, np.zeros(3))
    for start in (np.zeros(3), right + 0.1):
        assert separation.minimiser(higher, start) == pytest.approx(right, abs=1e-11)


def test_the_minimiser_is_computed_once(monkeypatch):
    right, asked = separation.minimiser, []

    def once(*at):
        asked.append(at)
        return right(*at)

    monkeypatch.setattr(separation, "minimiser", once)
    arc, _ = followed(exponential(rows(4, 1, 2)), np.zeros(4), [100.0])
    assert arc.n_ends == 1 and len(asked) == 1


@pytest.mark.parametrize("length", [1.0, 1e3])
@pytest.mark.parametrize("far", [1e3, 1e5, 1e7, -1e7])
def test_a_plateau_is_no_minimiser(far, length):
    """Four samples at 1 and one at -1 of weights far out: only the wrong side pulls, by 1/5."""
    rows = length * np.array([[1.0]] * 4 + [[-1.0]])
    early, late = np.log([5.0, 1e12 / length])
    how = {"start": [far / length], "tolerance": 1e-6, "log_t": [early, late]}
    found = flow.gradient_flow(Dataset.from_signed(rows), **how).iterates.ravel()
    pull = (-0.2 if far > 0 else 0.8) * length
    if abs(far) / length > 10 * abs(pull):
        assert found[0] == pytest.approx(far / length + 5 * pull, rel=1e-6)
    assert found[1] == pytest.approx(np.log(4) / length, rel=1e-5)


def test_where_there_is_no_minimiser_there_is_none():
    assert separation.minimiser(exponential(np.ones((1, 1))), np.zeros(1)) is None
    nothing = np.empty(0)
    assert separation.minimiser(exponential(np.ones((1, 0))), nothing) is nothing


@pytest.mark.parametrize("start", [[0.0, 0.0], [3.0, -2.0]])
def test_the_flow_of_such_data_is_the_closed_form(start):
    """From outside, with rows of length three: the flow runs nine times as fast in 3 w."""
    Z, start = 3 * rows(3, 2, 2), np.array(start)
    log_t = np.array([-4.0, -1.0, 3.0, 10.0, 31.0, 50.0, 1e4])
    path = flow.gradient_flow(
        Dataset.from_signed(Z), loss="exponential", log_t=log_t, start=start @ TURN[:2]
    )
    right = exactly(log_t + np.log(9.0), 3, 2, 2, -np.log(7.0), 3 * start) / 3
    assert path.iterates == pytest.approx(right, rel=1e-9, abs=2e-9)
    assert separate(Z).rest.tolist() == list(range(5))
    assert "5 samples at rest" in path.status and "2 samples on the ray" in path.status
