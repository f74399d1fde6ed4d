"""The field in log time, each part by its definition; and what LSODA is asked for."""

import numpy as np
import pytest

from ibias import losses, progress
from ibias.flow import log_time
from ibias.flow.log_time import (
    LINEAR,
    NEGLIGIBLE,
    IntegrationFailed,
    LogTimeField,
    integrate,
    stopped,
)

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((3, 2))
OFFSET = np.array([0.5, -1.0, 2.0])
LOSSES = [losses.Exponential(), losses.Logistic(), losses.PolynomialTail(2.0)]


def field_of(loss=LOSSES[0], Z=Z, scale=0.7, offset=None):
    return LogTimeField(Z, loss, scale, np.zeros(len(Z)) if offset is None else offset)


@pytest.mark.parametrize("offset", [None, OFFSET])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_field_is_the_pull_of_all_samples(loss, offset):
    field = field_of(loss, offset=offset)
    shift = 0 if offset is None else offset
    s, W = np.array([0.3, -1.0, 4.0, 2.0]), RNG.standard_normal((4, 2))
    u = W @ Z.T + shift
    alpha = np.exp(s[:, None] + 0.7) * -loss.slope(u)
    assert field.margins(W) == pytest.approx(u)
    assert field.weights(s[:, None], u) == pytest.approx(alpha)
    assert field(s, W) == pytest.approx(alpha @ Z)
    for k in range(4):
        assert field.margins(W[k]) == pytest.approx(u[k])
        assert field(s[k], W[k]) == pytest.approx(alpha[k] @ Z)
        assert field(float(s[k]), W[k]) == pytest.approx(alpha[k] @ Z)
        columns = [(field(s[k], W[k] + e) - field(s[k], W[k] - e)) / 2e-5 for e in 1e-5 * np.eye(2)]
        scale = np.abs(columns).max()
        assert field.jacobian(s[k], W[k]) == pytest.approx(np.transpose(columns), abs=1e-6 * scale)
    assert field.clock == pytest.approx(0.7 + np.log(3))
    assert field.largest_row == pytest.approx(np.sqrt((Z**2).sum(axis=1)).max())
    assert field.columns == pytest.approx(np.abs(Z).max(axis=0))
    assert field.sizes == pytest.approx(np.abs(Z))
    assert field.squares == pytest.approx((Z**2).sum(axis=1))


@pytest.mark.parametrize("n", [8, 9])
def test_samples_that_hardly_weigh_are_left_out_of_a_jacobian(n):
    """Where there are more than four for each weight: those below a thousandth of the mean."""
    rows = np.ones((n, 2)) * [1.0, -2.0]
    mean = NEGLIGIBLE * 1.0 / n
    u = -np.log([1.0, *[1.05 * mean] * 2, *[0.95 * mean] * (n - 3)])
    field = LogTimeField(rows, losses.Exponential(), 0.0, u)
    weights = np.exp(-u)
    kept = weights > NEGLIGIBLE * weights.sum() / n if n > 8 else np.ones(n, dtype=bool)
    assert kept.sum() == (3 if n > 8 else 8)
    right = -(rows[kept].T * weights[kept]) @ rows[kept]
    found = field.jacobian(0.0, np.zeros(2))
    assert found == pytest.approx(right, rel=1e-9)


def test_a_pull_that_outgrows_what_can_be_represented():
    field = field_of(Z=np.array([[1.0], [2.0]]), scale=1.0)
    for by, beyond in [(-1e-6, False), (1e-6, True)]:
        assert field.outgrown(4.0, np.array([-(295.0 + by) / 2])) is beyond
    assert field.outgrown(0.0, np.array([np.nan]))
    nothing = LogTimeField(np.zeros((0, 1)), LOSSES[0], 0.0, np.zeros(0))
    assert not nothing.outgrown(0.0, np.zeros(1))


def test_what_a_state_allows():
    """Relative to w once it separates; no more than the smallest margin bears; and linear."""
    rows = np.array([[1.0, 0.5], [-0.2, 4.0]])
    field, error = field_of(losses.PolynomialTail(1.0), rows, offset=None), 1e-3
    # Not separated: an absolute error of the unit, or rounding of w.
    assert field.allowed(np.array([-3.0, 1.0]), error, 0.25) == pytest.approx([error / 4] * 2)
    assert field.allowed(np.array([1.0, 0.05]), 1e-18, 1.0) == pytest.approx([2e-15] * 2)
    assert field.allowed(np.zeros(2), error, 0.5) == pytest.approx([error / 2] * 2)
    # Separated, by the margins 35 and 34 of w = (30, 10); the largest of the columns are 1 and 4.
    w, margin = np.array([30.0, 10.0]), 34.0
    right = error * np.minimum(30.0, margin / np.array([1.0, 4.0]))
    assert (right == error * np.array([30.0, 8.5])).all()
    assert field.allowed(w, error, 1.0) == pytest.approx(right)
    # A small margin counts as one.
    w, margin = np.array([0.4, 0.1]), 0.32
    assert field.allowed(w, error, 1.0) == pytest.approx([error, error / 4])
    assert field.allowed(w, error, 0.1) == pytest.approx([error * 0.4, error * 0.25])
    # By no more than keeps the field linear, and never below rounding.
    linear = field.linear(w)
    assert field.allowed(w, 10.0, 1.0) == pytest.approx(linear)
    assert field.allowed(1e6 * w, 1e-18, 1.0) == pytest.approx([2e-15 * 4e5] * 2)


def test_an_error_that_changes_the_largest_weight_by_a_tenth():
    rows = np.array([[1.0, 0.0, 0.5], [-0.2, 0.0, 4.0]])
    w = np.array([3.0, 9.0, 1.0])
    for loss in LOSSES:
        field = field_of(loss, rows, offset=np.array([0.1, 0.2]))
        margin = (rows @ w + [0.1, 0.2]).min()
        with np.errstate(divide="raise"):
            found = field.linear(w)
        steep = abs(loss.log_slope_derivative(np.array([margin]))[0])
        assert found == pytest.approx([LINEAR / steep, np.inf, LINEAR / (4 * steep)])
        assert LINEAR == 0.1
    with np.errstate(divide="raise"):
        assert field.allowed(w, 1e-3, 1.0)[1] == pytest.approx(9e-3)


def test_some_samples_in_other_coordinates():
    field, basis = field_of(offset=OFFSET), np.array([[0.6], [0.8]])
    point, rows = np.array([1.0, -2.0]), np.array([0, 2])
    found = field.restricted(rows, basis, point)
    x = np.array([0.7])
    assert found.margins(x) == pytest.approx(field.margins(point + basis @ x)[rows])
    assert found.loss is field.loss and found.log_scale == field.log_scale
    assert found.Z.shape == (2, 1)


# LSODA.


def spied(monkeypatch, name):
    true, calls = getattr(log_time, name), []

    def spy(field, s, w, end, **options):
        solver = true(field, s, w, end, **options)
        calls.append((s, w, end, options, solver))
        return solver

    monkeypatch.setattr(log_time, name, spy)
    return calls


def decay(s, w):
    return -w


W0, TIMES = np.array([1.0, -2.0]), np.array([0.5, 0.50001, 3.0])


@pytest.mark.parametrize(("swings", "name"), [(False, "LSODA"), (True, "Radau")])
def test_what_an_integrator_is_asked_for(swings, name, monkeypatch):
    calls, jacobian = spied(monkeypatch, name), (lambda s, w: -np.eye(2))
    run = integrate(decay, 0.25, W0, TIMES, 1e-8, jacobian=jacobian, swings=swings)
    ((s, w, end, options, solver),) = calls
    assert (s, end, w is W0) == (0.25, 3.0, True)
    assert options == {"rtol": pytest.approx(1e-9), "atol": 1e-8, "jac": jacobian}
    right = W0 * np.exp(0.25 - TIMES)[:, None]
    assert run.states == pytest.approx(right, abs=1e-6)
    assert run.time == 3.0 and run.state == pytest.approx(right[-1], abs=1e-6)
    assert run.n_evaluations == solver.nfev > 10


def test_relative_errors(monkeypatch):
    calls = spied(monkeypatch, "LSODA")
    integrate(decay, 0.0, W0, TIMES, 1e-8, 1e-5)
    integrate(decay, 0.0, W0, TIMES, np.array([1e-6, 1e-7]))
    integrate(decay, 0.0, W0, TIMES, 1e-8, 1e-15)
    integrate(decay, 0.0, W0, TIMES, 1e-14)
    rtols = [options["rtol"] for *_, options, _ in calls]
    assert rtols == pytest.approx([1e-5, 1e-8, 1e-13, 1e-13], rel=1e-9, abs=0)
    assert calls[1][3]["atol"].tolist() == [1e-6, 1e-7] and calls[0][3]["jac"] is None


def test_times_up_to_the_start_have_its_state():
    run = integrate(decay, 1.0, W0, np.array([0.5, 1.0, 2.0]), 1e-9)
    assert (run.states[:2] == W0).all() and run.states[2] == pytest.approx(W0 / np.e, abs=1e-7)
    run = integrate(decay, 1.0, W0, np.array([0.5, 1.0]), 1e-9)
    assert (run.states == W0).all() and run.states.shape == (2, 2)
    assert (run.time, run.state is W0, run.n_evaluations) == (1.0, True, 0)
    run = integrate(decay, 1.0, np.empty(0), TIMES, 1e-9)
    assert run.states.shape == (3, 0) and (run.time, run.n_evaluations) == (TIMES[-1], 0)
    run = integrate(decay, 1.0, W0, np.empty(0), 1e-9)
    assert run.states.shape == (0, 2) and run.time == 1.0


def test_a_halt_is_asked_after_every_step():
    seen = []

    def halt(s, w):
        seen.append((s, w.copy()))
        return s > 1.0

    run = integrate(decay, 0.0, W0, TIMES, 1e-9, halt=halt)
    assert len(run.states) == 2 and 1.0 < run.time < 2.0
    assert run.time == seen[-1][0] and [s for s, _ in seen[:-1]] == sorted(
        {s for s, _ in seen[:-1]}
    )
    for s, w in [*seen, (run.time, run.state)]:
        assert w == pytest.approx(W0 * np.exp(-s), abs=1e-7)
    # Before any time was reached.
    run = integrate(decay, 0.0, W0, np.array([3.0]), 1e-9, halt=lambda s, w: True)
    assert run.states.shape == (0, 2) and run.time < 3.0


@pytest.mark.parametrize("swings", [False, True])
def test_too_many_steps(swings):
    n = 0

    def count(s, w):
        nonlocal n
        n += 1
        return False

    integrate(decay, 0.0, W0, TIMES, 1e-9, halt=count, swings=swings)
    integrate(decay, 0.0, W0, TIMES, 1e-9, swings=swings, max_steps=n + 1)
    with pytest.raises(IntegrationFailed, match=f"of 3: {n - 1} steps were not enough") as error:
        integrate(decay, 0.0, W0, TIMES, 1e-9, swings=swings, max_steps=n - 1)
    assert 0.5 < error.value.time < 3.0


@pytest.mark.parametrize("swings", [False, True])
@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_state_that_is_no_number(lost, swings):
    def field(s, w):
        return np.full(2, lost) if s > 0.5 else -w

    match = "the state overflows|steps became too short|steps were not enough"
    with np.errstate(all="ignore"), pytest.raises(IntegrationFailed, match=match) as error:
        integrate(field, 0.0, W0, TIMES, 1e-6, swings=swings, max_steps=2000)
    assert error.value.time <= 3.0


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("failed", 1.0, "its steps became too short"),
        ("failed", np.nan, "the state overflows"),
        ("running", np.inf, "the state overflows"),
        ("finished", np.nan, "the state overflows"),
    ],
)
def test_what_is_told_of_an_integrator_that_fails(status, state, reason, monkeypatch):
    class Failing:
        t, y, nfev = 2.0, np.array([1.0, state]), 1

        def __init__(self, *arguments, **options):
            self.status = status

        def step(self):
            pass

    monkeypatch.setattr(log_time, "LSODA", Failing)
    with pytest.raises(IntegrationFailed, match=f"at log time 2 of 3: {reason}"):
        integrate(decay, 0.0, W0, TIMES, 1e-6)


def test_what_overflows_within_a_step_is_no_warning():
    def field(s, w):
        return -w + 0 * np.minimum(np.exp(np.full(2, 800.0)), 1.0)

    with np.errstate(over="raise", invalid="raise"):
        run = integrate(field, 0.0, W0, TIMES, 1e-9)
    assert run.states == pytest.approx(W0 * np.exp(-TIMES)[:, None], abs=1e-7)


def test_a_jacobian_that_is_none_is_an_overflow():
    with (
        np.errstate(all="ignore"),
        pytest.raises(IntegrationFailed, match="of 3: the state overflows") as error,
    ):
        integrate(
            decay, 0.0, W0, TIMES, 1e-6, jacobian=lambda s, w: np.full((2, 2), np.nan), swings=True
        )
    assert isinstance(error.value.__cause__, ValueError) and error.value.time == 0.0


def test_the_progress_is_that_of_log_time():
    seen = []
    with progress.reported(lambda what, fraction: seen.append((what, fraction))):
        for _ in range(40):
            integrate(decay, -1.0, W0, np.array([-0.5, 3.0]), 1e-10)
    assert all(what == "integrating over log time" and 0 <= x <= 1 for what, x in seen)


@pytest.mark.parametrize(("time", "until"), [(5.0, "4.94"), (-5.0, "-5.06"), (0.0, "-0.01")])
def test_the_times_that_are_advised_are_a_little_earlier(time, until):
    error = stopped(time, 9.0, "so it is")
    assert str(error) == (
        f"the integration stopped at log time {time:.6g} of 9: so it is. Ask for times up to"
        f" {until}; a larger tolerance may take it further."
    )
    assert error.time == time
