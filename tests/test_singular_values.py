"""Singular values that grow each by itself: closed forms at depth one, two and four; guards."""

import re
from decimal import Decimal, localcontext

import numpy as np
import pytest

from ibias import flow
from ibias.flow import IntegrationFailed, singular_values


def off_time(sigma, log_t, targets, depth, scale):
    """By how much singular values are off, as a difference of logarithms."""
    ways = [singular_values.Way(float(target), depth, scale) for target in targets]
    return singular_values.off_time(np.log(sigma), log_t, ways)


def passed(sigma, s, depth):
    """The antiderivative of 1 / (N sigma^(2 - 2/N) (s - sigma)): time, up to a constant."""
    if depth == 1:
        return -np.log(np.abs(s - sigma))
    if depth == 2:
        return np.log(sigma / np.abs(s - sigma)) / (2 * s)
    x, r = np.sqrt(sigma), np.sqrt(s)
    return (np.log((x + r) / np.abs(x - r)) / (2 * r) - 1 / x) / (2 * s)


def shallow(t, s, depth, scale):
    """sigma(t) at depth one and two."""
    if depth == 1:
        return s + (scale - s) * np.exp(-t)
    return s / (1 + (s / scale - 1) * np.exp(-2 * s * t))


def exactly(t, s, depth, scale):
    """The same, in numbers of any precision."""
    if depth == 1:
        return s + (scale - s) * (-t).exp()
    return s / (1 + (s / scale - 1) * (-2 * s * t).exp())


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("scale", [1e-6, 0.7, 2.5])
def test_shallow_ones_have_closed_forms(depth, scale):
    """Those that rise, that fall, and one that rests."""
    targets, log_t = np.array([3.0, 1.5, 0.7, 0.6]), np.array([-5.0, -1.0, 0.0, 0.5, 1.5])
    for tolerance in (1e-4, 1e-8):
        how = {"depth": depth, "scale": scale, "log_t": log_t, "tolerance": tolerance}
        sigma = flow.singular_value_flow(targets, **how)
        assert sigma.shape == (5, 4) and not sigma.flags.writeable
        right = shallow(np.exp(log_t)[:, None], targets, depth, scale)
        assert sigma == pytest.approx(right, rel=tolerance)


@pytest.mark.parametrize("scale", [0.01, 5.0])
def test_at_depth_four_the_time_that_a_value_takes_is_elementary(scale):
    targets, log_t = np.array([3.0, 1.5, 0.5]), np.array([-4.0, -2.0, 0.0, 1.0])
    sigma = flow.singular_value_flow(targets, depth=4, scale=scale, log_t=log_t, tolerance=1e-9)
    took = passed(sigma, targets, 4) - passed(scale, targets, 4)
    rate = 4 * np.sqrt(sigma) * np.abs(targets - sigma)
    off = (took - np.exp(log_t)[:, None]) * rate
    assert off == pytest.approx(np.zeros((4, 3)), abs=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize(
    ("scale", "targets"),
    [(1e-3, [3.0, 0.5]), (1e-10, [2.0]), (4.0, [3.0, 0.5]), (1.0, [3.0, 0.5, 0.9])],
)
def test_the_guard_says_by_how_much_a_value_is_off(depth, scale, targets):
    """Beside values of any kind: halfway, next to the start, and next to the end."""
    for r, target in enumerate(targets):
        parts = np.array([0.001, 0.2, 0.5, 0.9, 1 - 1e-6])
        right = np.exp((1 - parts) * np.log(scale) + parts * np.log(target))
        took = passed(right, target, depth) - passed(scale, target, depth)
        if depth == 1:  # without the cancellation next to the start
            took = -np.log1p(-(right - scale) / (target - scale))
        log_t = np.log(took)
        order = np.argsort(log_t)
        for beside in (0.0, -1e-3, 2.0):
            sigma = np.tile(right[order][:, None] * np.exp(beside), len(targets))
            found = off_time(sigma, log_t[order], np.array(targets), depth, scale)[:, r]
            # What a rounding of the time moves the value by, as it is known in the test.
            known = 1e-14 * (1 + np.exp(log_t[order]) * depth * target ** (2 - 2 / depth))
            assert np.abs(found - np.abs(beside)).max() <= 1e-9 + 10 * known.max()


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("c", [1e-10, 1e10])
def test_what_the_guard_says_does_not_depend_on_the_unit(depth, c):
    """Values and targets times c: the flow is c^(2 - 2/N) times as fast, and as far off."""
    targets, scale, log_t = np.array([3.0, 0.5]), 1e-3, np.log([0.1, 1.0, 3.0])
    sigma = np.array([[0.2, 0.01], [2.999, 0.4], [3 - 1e-9, 0.5 - 1e-7]])
    plain = off_time(sigma, log_t, targets, depth, scale)
    faster = (2 - 2 / depth) * np.log(c)
    found = off_time(c * sigma, log_t - faster, c * targets, depth, c * scale)
    assert found == pytest.approx(plain, rel=1e-7, abs=1e-14)


def test_a_value_at_its_end_is_on_time_and_one_that_left_a_rest_is_not():
    targets, log_t = np.array([2.0, 1.0]), np.log([30.0])
    assert off_time(np.array([[2.0, 1.0]]), log_t, targets, 2, 0.1).max() < 1e-14
    assert off_time(np.array([[2.0, 1.0]]), log_t, targets, 3, 1.0).max() < 1e-14
    found = off_time(np.array([[2.0, 1.01]]), log_t, targets, 2, 0.1)
    assert found[0, 0] < 1e-14 and found[0, 1] == pytest.approx(np.log(1.01))


@pytest.mark.parametrize(("depth", "level"), [(2, 0.99), (7, 0.9), (100, 0.99), (100, 0.5)])
def test_a_value_that_is_at_its_end_too_early_is_as_far_off_as_it_is(depth, level):
    """Its rate is nothing there, however late it should be."""
    log_t = np.log([flow.escape_time(1.0, depth=depth, scale=1e-8, level=level)])
    found = off_time(np.array([[1.0]]), log_t, np.array([1.0]), depth, 1e-8)
    assert found == pytest.approx(-np.log(level), rel=1e-5)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize(
    ("target", "scale", "log_t", "right"),
    [(1.0, 1e-8, 13.467299918705551, 0.99), (9738.45, 9.135e-7, -0.14094190994761988, 9641.07)],
)
def test_the_last_of_a_hundred_factors_wakes_in_time_or_not_at_all(
    target, scale, log_t, right, tolerance
):
    how = {"depth": 100, "scale": scale, "log_t": [log_t]}
    try:
        found = flow.singular_value_flow([target], tolerance=tolerance, **how)
    except IntegrationFailed as refused:
        said = re.search(r"Ask for tolerance=(\S+),", str(refused))
        if not said:
            assert (
                "No larger tolerance helps: ask for earlier times, or take a larger scale"
                in str(refused)
            )
            return
        tolerance = float(said[1])
        found = flow.singular_value_flow([target], tolerance=tolerance, **how)
    assert found[0, 0] == pytest.approx(right, rel=tolerance + 3e-5)


@pytest.mark.parametrize(("off", "holds"), [(0.5, True), (-0.5, True), (2.0, False), (-2.0, False)])
def test_values_off_by_more_than_the_tolerance_are_refused(monkeypatch, off, holds):
    targets, log_t = np.array([3.0, 1.0]), np.array([-1.0, 0.0])
    right = shallow(np.exp(log_t)[:, None], targets, 2, 0.01)
    right[0, 1] *= np.exp(off * 1e-4)
    monkeypatch.setattr(singular_values, "together", lambda *_: np.log(right))
    monkeypatch.setattr(
        singular_values, "alone", lambda way, _: np.log(right[:, way.target == targets][:, 0])
    )
    how = {"depth": 2, "scale": 0.01, "log_t": log_t, "tolerance": 1e-4}
    if holds:
        assert flow.singular_value_flow(targets, **how) == pytest.approx(right, rel=1e-12)
    else:
        with pytest.raises(IntegrationFailed, match=r"off by 2\.0e-04 of itself.*=0\.0001 allows"):
            flow.singular_value_flow(targets, **how)


def test_an_integrator_that_stops_is_told(monkeypatch):
    def stops(*_, **__):
        error = IntegrationFailed("stopped")
        error.time = np.exp(0.5)
        raise error

    monkeypatch.setattr(singular_values, "integrate", stops)
    with pytest.raises(IntegrationFailed, match=r"^the integrator stopped at log time \S+ of 2\."):
        flow.singular_value_flow([1.0], depth=2, scale=0.1, log_t=[2.0])


@pytest.mark.parametrize("depth", [1, 2, 3, 7])
@pytest.mark.parametrize("late", [20.0, 40.0, 300.0, 800.0, 1e6])
def test_once_all_is_at_its_target_later_times_cost_nothing(depth, late, monkeypatch):
    """The integrator is not asked for them: no number of its steps would do."""
    asked, true = [], singular_values.integrate

    def watched(field, first, start, times, *arguments, **how):
        asked.append(times[-1])
        return true(field, first, start, times, *arguments, **how)

    monkeypatch.setattr(singular_values, "integrate", watched)
    how = {"depth": depth, "scale": 1e-3}
    sigma = flow.singular_value_flow([1.0, 3.0], log_t=[1.0, late], **how)
    assert sigma[0] == pytest.approx(
        flow.singular_value_flow([1.0, 3.0], log_t=[1.0], **how)[0], rel=1e-6
    )
    assert sigma[1] == pytest.approx([1.0, 3.0], rel=1e-6)
    assert max(asked) < 1e6


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(
    ("targets", "scale", "log_t"),
    [
        ([1.0], 1e300, [-700.0, -1.0, 1.0]),
        ([1.0, 1e100], 1e-3, [-300.0, 1.0, 2.0, 30.0]),
        ([1.0, 1e-100], 1e-200, [-1.0, 1.5, 200.0, 240.0]),
        ([1.0], 1e-3, [-800.0, -744.0, -700.0, 0.5]),
        ([1.0], 1e-310, [-800.0, 3.0, 8.0]),
    ],
)
def test_values_of_very_different_sizes_move_each_by_itself(depth, targets, scale, log_t):
    sigma = flow.singular_value_flow(targets, depth=depth, scale=scale, log_t=log_t)
    with localcontext(prec=700):
        times, start = [Decimal(s).exp() for s in log_t], Decimal(scale)
        right = [[float(exactly(t, Decimal(s), depth, start)) for s in targets] for t in times]
    assert sigma == pytest.approx(np.array(right), rel=2e-6)


@pytest.mark.parametrize("tolerance", [1e-300, 1e-20, 1e-15])
def test_no_value_is_known_to_less_than_a_rounding(tolerance):
    """Not even at its target. The tolerance that is named instead works."""
    for log_t in (1.0, 30.0):
        how = {"depth": 2, "scale": 1e-3, "log_t": [log_t]}
        with pytest.raises(IntegrationFailed, match="Ask for tolerance") as refused:
            flow.singular_value_flow([1.0], tolerance=tolerance, **how)
        wanted = float(re.search(r"tolerance=(\S+),", str(refused.value).split("Ask for")[1])[1])
        assert wanted <= 1e-9
        flow.singular_value_flow([1.0], tolerance=wanted, **how)


def test_a_wait_that_no_double_holds_is_refused_with_times_that_work():
    how = {"depth": 1000, "scale": 5e-324}
    with pytest.raises(IntegrationFailed, match="Ask for times up to") as refused:
        flow.singular_value_flow([1.0], log_t=[800.0], **how)
    until = float(re.search(r"up to ([\d.]+)", str(refused.value))[1])
    assert flow.singular_value_flow([1.0], log_t=[until], **how)[0, 0] == 5e-324


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.999])
def test_escape_times_have_closed_forms(depth, level):
    for target, scale in ((2.0, 1e-3), (0.3, 1e-9), (50.0, 0.7)):
        time = flow.escape_time(target, depth=depth, scale=scale, level=level)
        right = passed(level * target, target, depth) - passed(scale, target, depth)
        assert time == pytest.approx(right, rel=1e-9)
    fast = flow.escape_time(1e10, depth=depth, scale=1e9, level=1 - 1e-5)
    right = passed((1 - 1e-5) * 1e10, 1e10, depth) - passed(1e9, 1e10, depth)
    assert fast == pytest.approx(right, rel=1e-7)
    half = flow.escape_time(2.0, depth=depth, scale=1e-3)
    assert half == flow.escape_time(2.0, depth=depth, scale=1e-3, level=0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": [[1.0]]}, "targets"),
        ({"targets": []}, "targets must be one number at least"),
        ({"targets": [1.0, 0.0]}, "targets must be .* greater than 0"),
        ({"targets": [-1.0]}, "targets must be .* greater than 0"),
        ({"depth": 0}, "depth"),
        ({"scale": 0.0}, "scale"),
        ({"log_t": [1.0, 0.0]}, "log_t"),
    ],
)
def test_bad_input_of_the_flow_is_named(change, words):
    how = {"targets": [1.0], "depth": 2, "scale": 0.1, "log_t": [0.0]} | change
    with pytest.raises(ValueError, match=words):
        flow.singular_value_flow(how.pop("targets"), **how)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": 0.0}, "target"),
        ({"depth": 1.5}, "depth"),
        ({"scale": -1.0}, "scale"),
        ({"level": 0.0}, "level"),
        ({"level": 1.0}, "level must be below 1"),
        ({"level": 0.05}, "level must be below 1 and level . target above scale; got level=0.05"),
        ({"level": 0.02}, "level must be below 1"),
        ({"target": 1e200, "scale": 1e-300}, "take a larger scale"),
        (
            {"target": 1.0, "depth": 1000, "scale": 5e-324},
            "more than a double holds. Take a larger scale",
        ),
    ],
)
def test_bad_input_of_the_escape_is_named(change, words):
    how = {"target": 2.0, "depth": 2, "scale": 0.1} | change
    with pytest.raises(ValueError, match=words):
        flow.escape_time(how.pop("target"), **how)
