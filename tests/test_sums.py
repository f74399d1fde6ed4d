"""Sums over whole steps, by Euler and Maclaurin: against exact sums, and against the loop."""

import numpy as np
import pytest
from scipy.special import bernoulli

from ibias import datasets, flow, losses
from ibias.flow import continuation
from ibias.flow.gradient import Space, by_collocation
from ibias.flow.radau import tableau
from ibias.flow.series import LOG_SERIES, MAX_ORDER, Series, Terms
from ibias.flow.sums import FIRST_DERIVATIVE, FOURTH, HALF, SECOND, THIRD_DERIVATIVE, Sums
from tests.reference import flows

NODES = np.append(0.0, tableau().nodes)


class Along:
    """A sequence F(k) in place of descent: what `Sums.start` asks of a field."""

    def __init__(self, F):
        self.F = F

    def pulls(self, s, w, n_terms):
        k = np.exp(s)
        return np.array([[k * self.F(k + i)] for i in range(n_terms)])


def test_the_coefficients_are_those_of_bernoulli_and_of_the_logarithm():
    bernoullis = -bernoulli(4)[1:] / [1, 2, 6, 24]
    assert bernoullis == pytest.approx([HALF, SECOND, 0, FOURTH])
    for degree in range(6):  # exact for polynomials
        powers = np.arange(6.0) ** degree
        differences = [np.diff(powers, n=j)[0] for j in range(6)]
        assert FIRST_DERIVATIVE @ differences == pytest.approx(float(degree == 1), abs=1e-9)
        assert THIRD_DERIVATIVE @ differences == pytest.approx(6 * (degree == 3), abs=1e-9)


def test_the_bracket_moves_by_the_integral():
    # F(k) = k^-2: the sum from a to b - 1 is known, and so is the integral.
    a, b, F = 100, 150, lambda k: k**-2.0
    between = sum(F(k) for k in range(a, b))
    (_, begin), (_, end) = (Sums.start(Along(F), np.log(k), np.zeros(1)) for k in (a, b))
    moved = between + end.offset[0] - begin.offset[0]
    assert moved == pytest.approx(1 / a - 1 / b, abs=3e-14)
    # Each term is seen: the last is B_4/4! D^3 F = -24 k^-5 / 720.
    assert 24 * a**-5.0 / 720 > 100 * 3e-14


def test_the_slope_is_that_of_the_smooth_curve():
    # w(k) = -1/k moves by F(k) = 1/(k (k + 1)) in a step, and dw/ds = k w' = 1/k.
    slope, _ = Sums.start(Along(lambda k: 1 / (k * (k + 1))), np.log(200.0), np.zeros(1))
    assert slope[0] == pytest.approx(1 / 200, rel=1e-11)
    assert np.abs(LOG_SERIES[5]).sum() < 10  # rounding is not amplified


@pytest.mark.parametrize("k", [50.0, 1e3, 1e5])
def test_along_a_step_the_bracket_is_the_same(k):
    # f = e^s F for F = k^-2 is e^-s, nearly a polynomial along a short step.
    s, h = np.log(k) + 0.2 * NODES, 0.2
    pulls = np.exp(-s)[:, None]
    start = Sums.start(Along(lambda k: k**-2.0), s[0], np.zeros(1))[1]
    over = start.over(s, tableau().derivative / h)
    K = np.exp(s[1:])
    right = K**-2 / 2 + 2 * K**-3 / 12 - 24 * K**-5 / 720
    added = over.added(pulls[1:])[:, 0] + start.offset[0]
    assert added == pytest.approx(right, rel=1e-7)
    assert over.after(pulls[1:]).offset[0] == pytest.approx(right[-1], rel=1e-7)
    assert over.after(pulls[1:]).pull == pytest.approx(pulls[-1])


def by_sums(data, loss, step_size, start, steps, tolerance):
    """The iterates by sums alone, as the check run takes them."""
    space, n = Space.of(data, start), data.n_samples
    scale = np.log(step_size / n) + space.log_clock
    march = continuation.March(
        Series(space.Z, losses.named(loss), scale, np.zeros(n), Terms(MAX_ORDER, MAX_ORDER)),
        by_collocation(0.01 * tolerance, space.unit, tolerance),
        neglected=0.02 * tolerance,
        unit=space.unit,
        soonest=continuation.SOONEST,
    )
    return space.lift(np.array(march.to(space.start, np.log(steps)).iterates))


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("seed", range(3))
def test_the_sums_follow_the_loop_to_thirteen_digits(loss, seed):
    data, steps = datasets.separable(seed, 12, 3), [65, 130, 700, 5000]
    found = by_sums(data, loss, 0.1, np.zeros(3), steps, 1e-11)
    right = flows.loop(data.Z, (loss, 1.0), 0.1, np.zeros(3), steps)
    assert np.abs(found - right).max() <= 2e-13


@pytest.mark.parametrize(("power", "seed"), [(0.5, 0), (0.5, 2), (1.0, 3)])
def test_where_the_loss_has_a_kink_the_loop_takes_over(power, seed, monkeypatch):
    """Samples pass the point at which the third derivative of the loss jumps."""
    true, seen = continuation.beyond, []
    monkeypatch.setattr(continuation, "beyond", lambda short: seen.append(short) or true(short))
    data, loss = datasets.separable(seed, 12, 3), losses.PolynomialTail(power)
    start, steps = -5 * data.Z.mean(axis=0), [100, 300, 1000]
    found = by_sums(data, loss, 0.01, start, steps, 1e-8)
    right = flows.loop(data.Z, ("polynomial", power), 0.01, start, steps)
    assert np.abs(found - right).max() <= 1e-10
    assert seen


def test_the_end_of_a_plateau_is_compared_however_many_times_are_asked_for():
    """Between twelve even times an error of twenty tolerances was once gone before it was seen."""
    line = datasets.Dataset([[1.0], [-1.0]], [1, -1])
    steps = [64, 78, 96, 107, 114, 118, 121, 145, 179, 220, 270, 333, 409, 503, 1006]
    steps += [1710, 2031, 2412, 2865, 3404, 4043, 4802, 5704, 6775, 8048]
    try:
        path = flow.continued_gradient_descent(
            line,
            loss=losses.Sigmoid(),
            step_size=8.0,
            start=[-np.log(8000)],
            log_steps=np.log(steps),
            tolerance=1e-10,
        )
    except flow.IntegrationFailed as refused:
        assert "differ by" in str(refused)
        return
    right = flows.loop(line.Z, ("sigmoid", 1.0), 8.0, [-np.log(8000)], steps)
    error = np.abs(path.iterates - right)
    assert (error <= 1e-10 * np.maximum(1, np.abs(right))).all()


def test_thousands_of_steps_can_be_asked_for():
    steps = np.arange(64, 5001)
    path = flow.continued_gradient_descent(datasets.separable(0), log_steps=np.log(steps))
    assert len(path.iterates) == len(steps)
