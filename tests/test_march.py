"""Descent continued, part by part: the exact loop, when it is left, and when it takes over."""

import numpy as np
import pytest

from ibias import losses
from ibias.datasets import Dataset, generator
from ibias.descent import Diverged
from ibias.flow import continuation
from ibias.flow.collocation import TooShort
from ibias.flow.continuation import (
    BEYOND,
    FASTER,
    FURTHER,
    SURELY,
    WHOLE,
    March,
    beyond,
    is_unstable,
    whole_step,
    whole_steps,
)
from ibias.flow.log_time import IntegrationFailed, Passage
from ibias.flow.separation import Arc
from ibias.flow.series import Series, Terms

Z = np.array([[1.0, 0.2], [-0.3, 0.9], [0.5, 0.5]])
ETA = 0.3


class Scripted(Series):
    """A field whose looks are noted, and answered by a script: terms seen, neglected / small."""

    script = None
    looks = ()

    def look(self, s, w, small):
        self.looks.append((s, w, small))
        seen, ratio = type(self).script(len(self.looks), round(float(np.exp(s))))
        return seen, ratio * small


def scripted(script, order=2, Z=Z, eta=ETA, loss="exponential"):
    kind = type("Told", (Scripted,), {"script": staticmethod(script), "looks": []})
    scale = np.log(eta / len(Z))
    return kind(Z, losses.named(loss), scale, np.zeros(len(Z)), Terms(order))


def iterates(n, w=(0.0, 0.0), Z=Z, eta=ETA):
    """Return w after 0, ..., n steps of descent."""
    w, found = np.array(w), [np.array(w)]
    for _ in range(n):
        w = w + eta / len(Z) * np.exp(-Z @ w) @ Z
        found.append(w)
    return np.array(found)


FAR = np.log([1e9])


# The loop.


def test_when_the_loop_is_looked_at():
    """It falls like k^-order: later by so much, a little more than one step, at most fourfold."""
    ratios = {1: 100.0, 4: 100.0, 16: 100.0, 64: 4.0, 135: 1.1, 149: 0.9}
    field = scripted(lambda n, k: (1, ratios[k]))
    march = March(field, None, 1e-3, 0.5)
    k, w = march.loop(0, np.zeros(2), FAR)
    right = iterates(149)
    assert k == 149 and w == pytest.approx(right[149], rel=1e-9) and march.n_looped == 149
    # 1.05 * 64 * 4^(1/2) = 134.4, and 1.05 * 135 * 1.1^(1/2) = 148.7.
    assert np.ceil(SURELY * 64 * 2) == 135 and FASTER == 4
    assert np.exp([s for s, _, _ in field.looks]) == pytest.approx(list(ratios))
    for (_, here, small), step in zip(field.looks, ratios, strict=True):
        assert here == pytest.approx(right[step], rel=1e-9)
        assert small == pytest.approx(1e-3 * max(0.5, np.abs(right[step]).max()))
    assert march.iterates == [] and march.unstable == 0


@pytest.mark.parametrize("order", [1, 4])
def test_the_power_is_the_order_of_the_series(order):
    field = scripted(lambda n, k: (1, 2.0**order if n < 5 else 0.5), order=order)
    March(field, None, 1e-3, 1.0).loop(0, np.zeros(2), FAR)
    # Twice the steps, and a twentieth more.
    assert np.exp([s for s, _, _ in field.looks]) == pytest.approx([1, 3, 7, 15, 32])


@pytest.mark.parametrize(
    ("begun", "pace", "soonest", "right"),
    [
        (0, 1, 50, [50, 105]),  # 1, 4, 16 without a look
        (0, 3, 50, [50, 105]),  # 3, 12, 48
        (0, 3, 1, [3, 12, 36]),
        (30, 1, 1, [31, 34, 46]),
        (30, 5, 36, [50, 105]),  # 35, then as many again at the least
        (100, 7, 1, [107, 128, 210]),
    ],
)
def test_where_the_loop_may_be_left(begun, pace, soonest, right):
    """The first look is after `pace` steps, from `soonest` on."""
    field = scripted(lambda n, k: (1, 4.0 if n < len(right) else 0.5), order=2)
    march = March(field, None, 1e-3, 1.0, pace=pace, soonest=soonest)
    k, w = march.loop(begun, np.zeros(2), FAR)
    looks = np.exp([s for s, _, _ in field.looks]).round().astype(int).tolist()
    expected, ahead = [], pace
    step = begun + ahead
    while len(expected) < len(right):  # the rule, once more
        if step >= soonest:
            expected.append(step)
            enough = int(np.ceil(SURELY * step * 2 - begun))
        else:
            enough = soonest - begun
        ahead = min(max(enough, ahead + pace), FASTER * ahead)
        step = begun + ahead
    assert looks == expected and k == expected[-1] and march.n_looped == k - begun
    assert w == pytest.approx(iterates(k - begun)[-1], rel=1e-9)


def test_a_look_that_tells_nothing_is_repeated_as_late_as_may_be():
    field = scripted(lambda n, k: (1, np.nan if n < 4 else 0.5))
    March(field, None, 1e-3, 1.0).loop(0, np.zeros(2), FAR)
    assert np.exp([s for s, _, _ in field.looks]) == pytest.approx([1, 4, 16, 64])


def test_the_steps_that_are_asked_for_are_taken_on_the_way():
    steps, right = [1, 2, 5, 40, 41], iterates(64)
    field = scripted(lambda n, k: (1, 0.5 if k >= 64 else 1e9))
    march = March(field, None, 1e-3, 1.0)
    k, _ = march.loop(0, np.zeros(2), np.log([*steps, 1e9]))
    assert k == 64 and march.iterates == pytest.approx(right[steps], rel=1e-9)
    # Where all are found, nothing more is done.
    field = scripted(lambda n, k: (1, 1e9))
    march = March(field, None, 1e-3, 1.0)
    k, w = march.loop(0, np.zeros(2), np.log(steps))
    assert march.iterates == pytest.approx(right[steps], rel=1e-9)
    assert w == pytest.approx(right[k], rel=1e-9) and k == march.n_looped < 256
    # From a later step on, those that are left.
    march = March(scripted(lambda n, k: (1, 0.5)), None, 1e-3, 1.0, pace=10)
    k, _ = march.loop(36, right[36], np.log([40, 41, 99]))
    assert k == 46 and march.iterates == pytest.approx(right[[40, 41]], rel=1e-9)
    assert march.n_looped == 10


def test_a_disturbance_is_a_few_roundings_of_all_that_moves_w():
    field, by = scripted(lambda n, k: (1, 1e9 if k < 16 else 0.5)), 1e-3
    march = March(field, None, 1e-3, 1.0, disturbed=by)
    k, w = march.loop(0, np.array([0.4, -0.1]), FAR)
    pattern, right, step = generator(0).uniform(-1, 1, 2), np.array([0.4, -0.1]), 0
    for stop in (1, 4, 16):  # before every look
        pull = np.exp(-Z @ right) @ np.abs(Z)
        right = right + by * pattern * (np.abs(right) + ETA / 3 * pull)
        right, step = iterates(stop - step, right)[-1], stop
    assert k == 16 and w == pytest.approx(right, rel=1e-9)
    assert np.abs(w - iterates(16, (0.4, -0.1))[-1]).max() > 1e-4


@pytest.mark.parametrize("soonest", [1, 16])
def test_while_steps_amplify_the_loop_is_not_left(soonest, monkeypatch):
    """The last such step is noted, also where nothing is looked at yet."""
    right = iterates(256)
    monkeypatch.setattr(continuation, "is_unstable", lambda field, w: w[0] < right[16, 0] + 1e-9)
    field = scripted(lambda n, k: (1, 0.5))
    march = March(field, None, 1e-3, 1.0, soonest=soonest)
    k, w = march.loop(0, np.zeros(2), FAR)
    looked = [round(np.exp(s)) for s, *_ in field.looks]
    before = [step for step in looked if step <= 16]
    assert k == looked[-1] > 16 and looked == [*before, k] and w == pytest.approx(right[k])
    assert march.unstable == (before[-1] if soonest == 1 else 16)


@pytest.mark.parametrize("size", [0.5 * BEYOND, 2 * BEYOND])
def test_an_iterate_on_its_way_to_infinity(size):
    field = scripted(lambda n, k: (1, 0.5))
    march = March(field, None, 1e-3, 1.0)
    start = size * np.array([1.0, 1.0])
    if size < BEYOND:
        assert march.loop(0, start, FAR)[0] == 1
        return
    with pytest.raises(Diverged) as error:
        march.loop(0, start, FAR)
    assert "1" in str(error.value)


def test_a_pull_beyond_all_numbers_is_a_divergence():
    field = scripted(lambda n, k: (1, 0.5), Z=np.array([[1.0], [-1.0]]), eta=0.1)
    with pytest.raises(Diverged):
        March(field, None, 1e-3, 1.0).loop(0, np.array([305.0]), FAR)
    with pytest.raises(Diverged):
        March(field, None, 1e-3, 1.0).loop(0, np.array([np.nan]), FAR)


def test_a_loop_that_overflows_is_a_divergence_and_no_warning():
    """From 0.1 the iterates are -10, a million, minus infinity, and no number."""
    field = scripted(lambda n, k: (1, 9.0), Z=np.array([[1.0], [-1.0]]), eta=100.0)
    with np.errstate(over="raise", invalid="raise"), pytest.raises(Diverged):
        March(field, None, 1e-3, 1.0).loop(0, np.array([0.1]), FAR)


def test_a_loop_ends_after_so_many_steps_in_all(monkeypatch):
    monkeypatch.setattr(continuation, "MAX_LOOP", 100)
    for before in (0, 60):
        field = scripted(lambda n, k: (1, 1e9))
        march = March(field, None, 1e-3, 1.0, n_looped=before)
        with pytest.raises(IntegrationFailed, match="after 100 steps the iterates still do not"):
            march.loop(0, np.zeros(2), FAR)
        looked = [round(np.exp(s)) for s, *_ in field.looks]
        assert looked == [1, 4, 16, *([64] if not before else []), 100 - before]
        assert march.n_looped == 100


def test_a_loop_is_left_at_its_last_step(monkeypatch):
    monkeypatch.setattr(continuation, "MAX_LOOP", 16)
    field = scripted(lambda n, k: (1, 0.5 if k == 16 else 1e9))
    assert March(field, None, 1e-3, 1.0).loop(0, np.zeros(2), FAR)[0] == 16


def test_what_is_negligible_is_a_part_of_the_largest_weight():
    march = March(scripted(None), None, 1e-3, 0.25)
    assert march.small(np.array([0.1, -0.2])) == pytest.approx(0.25e-3)
    assert march.small(np.array([0.1, -0.5])) == pytest.approx(0.5e-3)
    assert march.small(np.empty(0)) == pytest.approx(0.25e-3)


# In turns.


def test_the_loop_and_the_series_in_turns():
    """The loop goes on where the series ends, until all steps are found."""
    march, log_k, asked = March(scripted(None), None, 1e-3, 1.0), np.log([2, 3, 20, 30, 400]), []

    def loop(k, w, times):
        asked.append(("loop", k, w[0], times.tolist()))
        march.n_looped += 5
        if k == 0:
            march.iterates += [np.array([2.0]), np.array([3.0])]
        return k + 10, w + 1

    def continued(k, w, times):
        asked.append(("series", k, w[0], times.tolist()))
        if k == 10:
            return Arc([np.array([20.0])], "not yet", 7, 9.0, 1), 25, w + 1
        return Arc([np.array([30.0]), np.array([400.0])], "arrived", 11, 0.5, 2), 1, w

    march.loop, march.continued = loop, continued
    arc = march.to(np.array([0.0]), log_k)
    times = log_k.tolist()
    assert asked == [
        ("loop", 0, 0.0, times),
        ("series", 10, 1.0, times[2:]),
        ("loop", 25, 2.0, times),
        ("series", 35, 3.0, times[3:]),
    ]
    assert np.ravel(arc.iterates).tolist() == [2, 3, 20, 30, 400]
    assert (arc.status, arc.n_evaluations, arc.error, arc.n_ends) == ("arrived", 28, 0.5, 2)
    march.unstable = 17
    march.iterates = []
    march.n_looped = march.n_series = 0
    assert march.to(np.array([0.0]), log_k).status == (
        "the step exceeded 2/||Hessian|| as late as step 17, where rounding errors may be"
        " amplified; arrived"
    )


# The series.


def tell(monkeypatch, follow):
    monkeypatch.setattr(continuation, "follow", follow)


def passage(times, n=3, start=0.0):
    states = np.array([[10.0 * s, start] for s in times])
    return Passage(states, times[-1], states[-1], n)


def test_the_series_is_followed_from_the_loop_on(monkeypatch):
    asked, arc = [], Arc([], "there", 3)
    tell(monkeypatch, lambda *how: asked.append(how) or arc)
    field = scripted(None, order=3)
    march = March(field, None, 1e-3, 1.0, patience=1.5)
    field.terms.taken = 1
    w, log_k = np.array([1.0, 2.0]), np.log([50.0])
    assert march.continued(20, w, log_k) == (arc, 20, w)
    ((given, s, at, times, _, near, patience),) = asked
    assert given is field and s == pytest.approx(np.log(20)) and at is w and times is log_k
    assert near == march.small and patience == 1.5 and field.terms.taken == 3


def test_the_terms_are_looked_at_now_and_then(monkeypatch):
    """At every so many steps of the integrator, and after half a unit of log time."""
    field = scripted(lambda n, k: (2, 0.1), order=3)
    halted, given = [], []

    def run(other, s, w, times, stop):
        given.append((other, s, w, times))
        for at in (0.1, 0.2, 0.3, 0.8, 0.9, 1.29, 1.31, 1.4):
            halted.append(stop(at, np.array([at, 1.0])))
        return "a passage"

    def follow(other, s, w, times, guarded, *rest):
        assert guarded(other, s, w, times, lambda s, w: s > 1.3) == "a passage"
        assert guarded(other, s, w, times, None) == "a passage"
        return Arc([], "", 0)

    tell(monkeypatch, follow)
    march = March(field, run, 1e-3, 1.0, every=3)
    w, log_k = np.zeros(2), np.log([50.0])
    march.continued(1, w, log_k)
    # Of the first eight, 3 and 6, and 4, half a unit after 3; then 9, 12 and 15: they are counted
    # on.
    looks = [s for s, *_ in field.looks]
    assert looks == pytest.approx([0.3, 0.8, 1.29, 0.1, 0.8, 1.31])
    assert halted == [False] * 6 + [True] * 2 + [False] * 8
    assert [one[0] is field and one[3] is log_k for one in given] == [True, True]
    assert all(small == pytest.approx(1e-3 * max(1.0, s)) for s, _, small in field.looks)
    assert field.terms.taken == 2


def test_the_first_look_is_half_a_unit_of_log_time_after_the_first_step(monkeypatch):
    field = scripted(lambda n, k: (1, 0.1))
    follow, run = first_look_at([0.45, 0.55, 0.95, 1.1])
    tell(monkeypatch, follow)
    March(field, run, 1e-3, 1.0, every=100).continued(1, np.zeros(2), FAR)
    assert [s for s, *_ in field.looks] == pytest.approx([0.55, 1.1])


def first_look_at(s_list, w=(0.0, 0.0), field=None):
    """A `follow` whose integrator stops at these times."""

    def follow(given, s, at, times, guarded, *rest):
        guarded(given if field is None else field, s, at, times, None)
        return Arc([np.array(w)], "arrived", 1)

    def run(other, s, at, times, stop):
        if stop is None:
            return passage(times)
        for one in s_list:
            stop(one, np.array([0.1 * one, 0.1 * one]))
        return passage(times)

    return follow, run


@pytest.mark.parametrize(("ratio", "rough"), [(1.9, False), (2.1, True)])
def test_where_the_neglected_term_grows_the_loop_goes_on_from_the_last_good_state(
    ratio, rough, monkeypatch
):
    """It is reached again: at the first whole step there, and at what is asked for before."""
    field = scripted(lambda n, k: (1, ratio if n == 3 else 0.1), order=2)
    s = np.log([30.0, 60.6, 90.0])
    follow, run = first_look_at(s)
    ran = []

    def noted(other, start, at, times, stop):
        ran.append((other, start, at, times, stop))
        return run(other, start, at, times, stop)

    tell(monkeypatch, follow)
    march = March(field, noted, 1e-3, 1.0, every=1)
    w, log_k = np.array([1.0, 2.0]), np.log([25.0, 40.0, 61.0, 62.0, 500.0])
    arc, k, end = march.continued(20, w, log_k)
    if not rough:
        assert (arc.status, k, end is w, len(ran)) == ("arrived", 20, True, 1)
        return
    other, start, at, times, stop = ran[1]
    assert other is field and start == pytest.approx(np.log(20)) and at is w and stop is None
    assert times == pytest.approx(np.log([25.0, 40.0, 61.0, 61.0]))
    assert k == 61 and end == pytest.approx([10 * np.log(61), 0])
    assert np.array(arc.iterates) == pytest.approx(passage(np.log([25.0, 40.0, 61.0])).states)
    assert (arc.status, arc.n_evaluations) == ("", 3)
    assert field.terms.taken == field.terms.order


def test_where_there_was_no_good_state_yet_it_goes_on_from_the_first(monkeypatch):
    field = scripted(lambda n, k: (1, 3.0))
    follow, run = first_look_at([np.log(30.0)])
    tell(monkeypatch, follow)
    march = March(field, run, 1e-3, 1.0, every=1)
    arc, k, _ = march.continued(20, np.zeros(2), np.log([25.0, 500.0]))
    assert k == 20 and arc.iterates == []


def test_more_terms_that_are_seen_are_taken_from_the_start(monkeypatch):
    field = scripted(lambda n, k: ((2, 1, 2)[min(n, 3) - 1], 0.1), order=2)
    follow, run = first_look_at(np.log([30.0, 40.0, 50.0]))
    tell(monkeypatch, follow)
    march = March(field, run, 1e-3, 1.0, every=1)
    arc, k, w = march.continued(20, np.zeros(2), np.log([500.0]))
    # At first two, then one was enough; then two again: once more, with two throughout.
    assert arc.status == "arrived" and k == 20 and not w.any()
    assert field.terms.least == 2 and field.terms.taken == 2
    assert np.exp([s for s, *_ in field.looks]) == pytest.approx([30, 40, 50, 30, 40, 50])


def test_where_steps_become_unstable_every_step_counts(monkeypatch):
    field = scripted(lambda n, k: (1, 0.1))
    follow, run = first_look_at(np.log([30.0, 40.5]))
    tell(monkeypatch, follow)
    monkeypatch.setattr(continuation, "is_unstable", lambda given, w: w[0] > 0.1 * np.log(35.0))
    march = March(field, run, 1e-3, 1.0, every=1)
    w = np.array([1.0, 2.0])
    arc, k, end = march.continued(20, w, np.log([500.0]))
    assert (arc.iterates, arc.status, arc.n_evaluations) == ([], "", 0)
    assert k == 20 and end is w and march.soonest == 41


def test_beside_a_limit_no_field_but_the_first_is_rough_or_unstable(monkeypatch):
    """A field that was made of it has other coordinates, and no way back."""
    field, other = scripted(lambda n, k: (1, 9.0)), scripted(lambda n, k: (1, 9.0))
    follow, run = first_look_at(np.log([30.0]), field=other)
    tell(monkeypatch, follow)
    monkeypatch.setattr(continuation, "is_unstable", lambda *how: True)
    march = March(field, run, 1e-3, 1.0, every=1)
    assert march.continued(20, np.zeros(2), np.log([500.0]))[0].status == "arrived"
    assert len(other.looks) == 1 and not field.looks


def too_short(step):
    return TooShort(float(np.log(step)), 9.0)


@pytest.mark.parametrize("again", [False, True])
def test_where_the_integrator_stops_the_loop_takes_over(again, monkeypatch):
    """It is left no sooner than a tenth beyond; where the way there is closed, from its start."""
    field = scripted(lambda n, k: (1, 0.1))

    def run(other, s, at, times, stop):
        if stop is None:
            if again:
                raise too_short(35.0)
            return passage(times)
        stop(np.log(22.5), np.array([4.0, 4.0]))
        stop(np.log(30.5), np.array([5.0, 5.0]))
        raise too_short(81.0)

    tell(
        monkeypatch, lambda given, s, at, times, guarded, *rest: guarded(given, s, at, times, None)
    )
    march = March(field, run, 1e-3, 1.0, every=1)
    w, log_k = np.array([1.0, 2.0]), np.log([25.0, 30.0, 500.0])
    arc, k, end = march.continued(20, w, log_k)
    if again:
        assert (arc.iterates, arc.status, arc.n_evaluations) == ([], "", 0)
        assert k == 20 and end is w and march.soonest == np.ceil(FURTHER * 35)
        return
    assert march.soonest == 90 and k == 31
    assert np.array(arc.iterates) == pytest.approx(passage(np.log([25.0, 30.0])).states)


def test_another_failure_of_the_integrator_is_handed_on(monkeypatch):
    def follow(*how):
        raise IntegrationFailed("elsewhere")

    tell(monkeypatch, follow)
    with pytest.raises(IntegrationFailed, match="elsewhere"):
        March(scripted(None), None, 1e-3, 1.0).continued(20, np.zeros(2), FAR)


# Whole steps.


def test_the_nearest_whole_steps_each_once():
    found = whole_steps(np.log([1.0, 1.4, 1.6, 2.4, 7.0]))
    assert np.exp(found) == pytest.approx([1, 2, 7])
    late = np.log(WHOLE) + np.array([0.0, 1e-3, 5.0])
    assert whole_steps(late).tolist() == late.tolist()
    mixed = np.array([0.3, np.log(WHOLE) + 1.0])
    assert whole_steps(mixed) == pytest.approx([0.0, mixed[1]])
    assert whole_steps(np.array([0.0])).tolist() == [0.0]
    with pytest.raises(ValueError, match=r"at least 0, which is one step; got -0\.001"):
        whole_steps(np.array([-1e-3, 1.0]))


def test_the_first_whole_step_from_a_time_on():
    for step in (1, 7, 1000, 10**9):
        assert whole_step(np.log(step)) == step
        assert whole_step(np.log(step + 0.3)) == step + 1
        assert whole_step(np.log(step - 0.3)) == step
    assert whole_step(np.log(WHOLE) - 0.1) < WHOLE
    for s in (np.log(WHOLE) + 1e-9, np.log(WHOLE) + 3, np.inf):
        with pytest.raises(IntegrationFailed, match=r"^at step .* too late for a loop"):
            whole_step(s)


def test_a_tenth_beyond_where_the_integrator_stopped():
    assert beyond(too_short(51.0)) == 57 and beyond(too_short(104.0)) == 115
    assert beyond(too_short(2.0**60)) == WHOLE


# Whether steps amplify.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", [0.9, 1.1])
def test_steps_are_unstable_beyond_two_over_the_largest_curvature(seed, by):
    """The trace alone does not settle it."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.standard_normal((8, 3)))[0] for _ in range(2))
    rows = U * [1.0, 0.6, 0.5] @ np.linalg.qr(V[:3])[0]  # curvatures of 1, 0.36 and 0.25, over 8
    field = scripted(None, Z=rows, eta=16 * by)
    assert 2 * by * 1.61 > 2
    assert is_unstable(field, np.zeros(3)) is (by > 1)


def test_the_trace_settles_it_where_it_can():
    rows = np.eye(3)
    for eta, unstable in [(1.99, False), (2.01, True)]:
        field = scripted(None, Z=rows, eta=3 * eta)  # three samples apart: all curvatures are eta
        assert is_unstable(field, np.zeros(3)) is unstable
    assert not is_unstable(scripted(None, Z=np.zeros((2, 2)), eta=1e9), np.zeros(2))


def test_a_curvature_that_is_no_number_is_unstable():
    field = scripted(None, Z=np.array([[1e200]]), eta=1.0)
    with np.errstate(over="ignore"):
        assert is_unstable(field, np.zeros(1))
    data = Dataset.one_class([[0.0, 0.0]])
    assert not is_unstable(scripted(None, Z=data.Z, eta=1.0), np.zeros(2))
