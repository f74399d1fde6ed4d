"""What rounding errors grow to: the covariance of a linear flow with an error in each step."""

import numpy as np
import pytest

from ibias.flow.log_time import IntegrationFailed
from ibias.flow.rounding_errors import ROUNDING, STIFF, RoundingErrors

JACOBIAN = np.array([[1.0, 2.0], [2.0, -3.0]])


def changing(s, w):
    return (1 + s) * JACOBIAN


def exponential(A):
    """e^A by its series, of A / 2^20 squared twenty times."""
    small, term, total = A / 2.0**20, np.eye(2), np.eye(2)
    for k in range(1, 6):
        term = term @ small / k
        total = total + term
    for _ in range(20):
        total = total @ total
    return total


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_covariance_is_carried_from_step_to_step(symmetric):
    """Grown by e^(mean of J times h); in every step a rounding of w is added before."""
    slope = changing if symmetric else (lambda s, w: (1 + s) * np.array([[1.0, 2.0], [0.0, -3.0]]))
    errors = RoundingErrors(slope, 0.5, 1e-9, symmetric)
    errors.begin(0.0, np.array([3.0, 4.0]))
    assert not errors.covariance.any() and errors.covariance.shape == (2, 2)
    right, before = np.zeros((2, 2)), 0.0
    for s, w in [(0.1, [5.0, -7.0]), (0.3, [1.0, 2.0]), (0.9, [0.1, -0.2])]:
        w = np.array(w)
        mean = (s - before) * (slope(before, w) + slope(s, w)) / 2
        size = ROUNDING * min(1.0, np.abs(mean).max()) * np.abs(w).max()
        grow = exponential(mean)
        right = grow @ (right + size**2 * np.eye(2)) @ grow.T
        errors.step(s, w)
        assert errors.covariance == pytest.approx(right, rel=1e-9, abs=0)
        found = np.sqrt(np.diag(right).max()) / max(0.5, np.abs(w).max())
        assert errors.error(w) == pytest.approx(found, rel=1e-9, abs=0)
        assert errors.time == errors.until == s and not errors.lost
        before = s


@pytest.mark.parametrize(("rate", "moved"), [(-0.25, 0.25), (40.0, 1.0)])
def test_the_largest_entry_of_the_mean_counts_for_what_moves(rate, moved):
    """A mean of many small entries moves a little; a large one moves all, no more."""
    errors = RoundingErrors(lambda s, w: np.diag([rate, 0.0]), 1.0, np.inf, True)
    errors.begin(0.0, np.ones(2))
    errors.step(1.0, np.array([2.0, 8.0]))
    size = ROUNDING * moved * 8
    right = size**2 * np.exp([2 * rate, 0.0])
    assert np.diag(errors.covariance) == pytest.approx(right, rel=1e-9, abs=0)


def test_what_is_held_stiffly_is_forgotten():
    errors = RoundingErrors(lambda s, w: np.diag([-1e6, 0.0]), 1.0, np.inf, True)
    assert errors.growth(np.diag([-1e6, 0.5])) == pytest.approx(np.diag([0.0, np.exp(0.5)]))
    least = errors.growth(np.diag([-1e6, STIFF]))
    assert np.diag(least) == pytest.approx([np.exp(STIFF)] * 2, rel=1e-9, abs=0)


def test_a_stretch_that_goes_on_keeps_its_errors():
    errors = RoundingErrors(changing, 1.0, 1e-9, True)
    errors.begin(0.0, np.ones(2))
    errors.step(0.5, np.ones(2))
    kept, errors.lost = errors.covariance, True
    errors.begin(0.5, np.ones(2))
    assert errors.covariance is kept and errors.lost
    errors.begin(0.6, np.ones(2))
    assert not errors.covariance.any() and not errors.lost
    assert errors.time == errors.until == 0.6 and (errors.slope == changing(0.6, None)).all()


def test_no_weight_has_no_error():
    errors = RoundingErrors(lambda s, w: np.empty((0, 0)), 1.0, 1e-9, True)
    errors.begin(0.0, np.empty(0))
    errors.step(1.0, np.empty(0))
    assert errors.error(np.empty(0)) == 0.0 and not errors.lost
    errors.check(np.empty(0))


def grown(times, tolerance, rate=10.0, w=1.0):
    """Errors of one weight that grow like e^(rate s)."""
    errors = RoundingErrors(lambda s, w: np.array([[rate]]), 1.0, tolerance, True)
    errors.begin(0.0, np.array([w]))
    for s in times:
        errors.step(s, np.array([w]))
    return errors


def test_up_to_when_the_errors_are_allowed():
    """The last time at which they were; the tolerance is crossed where e^(10 s) rounding is."""
    times = 0.1 * np.arange(1.0, 41.0)
    errors = grown(times, 1e-6)
    variance, until = 0.0, 0.0
    for s in times:
        variance = np.exp(2.0) * (variance + ROUNDING**2)
        if variance > 1e-6:  # lost: from then on nothing is carried on
            break
        until = s if np.sqrt(variance) <= 1e-6 else until
    assert errors.until == until and 2.0 < until < 2.4
    assert errors.error(np.ones(1)) == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert errors.time == times[-1]


@pytest.mark.parametrize(("peak", "lost"), [(0.9e-3, False), (1.1e-3, True)])
def test_an_error_beyond_the_root_of_the_tolerance_is_never_undone(peak, lost):
    """What it has bent stays bent, however much it shrinks later."""
    rate = [np.log(peak / ROUNDING)]
    errors = RoundingErrors(lambda s, w: np.array([[rate[0]]]), 1.0, 1e-6, True)
    errors.begin(0.0, np.ones(1))
    errors.step(1.0, np.ones(1))
    assert errors.error(np.ones(1)) == pytest.approx(peak, rel=1e-6)
    assert bool(errors.lost) is lost
    with pytest.raises(IntegrationFailed):
        errors.check(np.ones(1))
    rate[0] = -60.0
    errors.slope = np.array([[-60.0]])
    errors.step(2.0, np.ones(1))
    if lost:
        with pytest.raises(IntegrationFailed):
            errors.check(np.ones(1))
    else:
        errors.check(np.ones(1))
        assert errors.until == 2.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_jacobian_that_is_no_number_loses_all(bad):
    slope = [1.0]
    errors = RoundingErrors(lambda s, w: np.array([[slope[0]]]), 1.0, 1e-6, True)
    errors.begin(0.0, np.ones(1))
    slope[0] = bad
    errors.step(1.0, np.ones(1))
    assert errors.lost and errors.time == 1.0
    slope[0] = 1.0
    errors.step(2.0, np.ones(1))
    assert errors.lost and errors.time == 2.0
    with pytest.raises(IntegrationFailed):
        errors.check(np.ones(1))


@pytest.mark.parametrize(("time", "until"), [(2.0, "1.97"), (-3.0, "-3.04")])
def test_what_is_told_of_an_error_that_has_grown(time, until):
    errors = grown([], 1e-6)
    errors.time, errors.until, errors.covariance = 5.0, time, np.array([[1e-10]])
    with pytest.raises(
        IntegrationFailed, match=f"^by log time 5 .* Ask for times up to {until}, or"
    ):
        errors.check(np.ones(1))
    # Of w itself: it may be larger by now.
    errors.check(np.array([11.0]))
    for size, refused in [(9.9, True), (10.1, False)]:
        if refused:
            with pytest.raises(IntegrationFailed):
                errors.check(np.array([size]))
        else:
            errors.check(np.array([size]))


def test_a_watch_checks_at_the_times_that_are_asked_for():
    errors, asked = RoundingErrors(lambda s, w: np.array([[10.0]]), 1.0, 1e-6, True), []

    def halt(s, w):
        asked.append(s)
        return s > 1.5

    watched = errors.watching(0.0, np.ones(1), np.array([1.0, 4.0]), halt)
    assert errors.time == 0.0
    assert watched(0.5, np.ones(1)) is False and watched(1.0, np.ones(1)) is False
    assert watched(1.6, np.ones(1)) is True
    assert asked == [0.5, 1.0, 1.6] and errors.time == 1.6
    watched(3.0, np.ones(1))  # grown too far, but not asked for
    with pytest.raises(IntegrationFailed):
        watched(4.0, np.ones(1))
    assert asked == [0.5, 1.0, 1.6, 3.0]
    alone = errors.watching(4.0, np.ones(1), np.array([9.0]), None)
    assert alone(5.0, np.ones(1)) is False
