"""The two pulls of next-token prediction, apart and in balance; and the way through both."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import softmax

from ibias import datasets, flow
from ibias.datasets import NextTokens
from ibias.flow import IntegrationFailed, next_token
from ibias.flow.next_token import BalancedField, NextTokenField
from ibias.objectives import Objective
from ibias.optima import next_token_limit

DATA = datasets.next_tokens(1, n_contexts=3, n_features=4, n_tokens=5, n_following=2)
FLAT = datasets.next_tokens(0, n_features=2)  # no W has all its log-odds
UNEVEN = NextTokens(
    [[2.0, 0.0, 0.3], [0.1, 0.4, 0.0]], [[0.2, 0.5, 0.3, 0.0], [0.0, 0.0, 0.6, 0.4]]
)
CASES = [DATA, FLAT, UNEVEN]


def weights(data, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(data.n_classes * data.n_features)


def parts(data, w):
    """P, the softmax, and the softmax within the supports, row by row."""
    u = data.X @ w.reshape(data.n_classes, -1).T
    return data.P, softmax(u, axis=1), softmax(np.where(data.P > 0, u, -np.inf), axis=1)


def flat(data, pulls):
    return (pulls.T @ data.X).ravel()


# ---- the field --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", CASES, ids=repr)
def test_the_parts_of_the_field_are_what_they_are_called(data):
    field, n, s = NextTokenField(data), data.n_samples, 1.3
    for scale in (0.2, 1.0, 20.0):
        w = weights(data, scale=scale)
        P, q, within = parts(data, w)
        alpha, inner, all_q = field.outward(s, w)
        assert all_q == pytest.approx(q, abs=1e-14) and inner == pytest.approx(within, abs=1e-14)
        assert alpha == pytest.approx(np.exp(s) / n * np.where(P > 0, 0, q), abs=1e-13)
        assert field.missing(w) == pytest.approx(P - within, abs=1e-13)
        assert field.logits(w) == pytest.approx(data.X @ w.reshape(data.n_classes, -1).T)
        # What is left of the whole pull, without the one within the supports.
        left = np.exp(s) / n * flat(data, (P - q) - (P - within))
        assert field.push(s, w) == pytest.approx(left, abs=1e-13)
        whole = np.exp(s) / n * flat(data, P - q)
        assert field(s, w) == pytest.approx(whole, abs=1e-12)
    times, many = np.array([0.0, 1.0, 2.5]), np.stack([weights(data, k) for k in range(3)])
    for method in (field, field.push):
        alone = [method(s, w) for s, w in zip(times, many, strict=True)]
        assert method(times, many) == pytest.approx(np.array(alone), abs=1e-13)
    assert field.lengths.ravel() == pytest.approx(np.sqrt((data.X**2).sum(axis=1)))
    assert field.size == max(field.lengths)[0]


@pytest.mark.parametrize("data", CASES, ids=repr)
@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-9, 1e-13])
def test_next_to_the_log_odds_the_pull_is_minus_the_hessian_times_the_way(data, off):
    """To the first order in what is off, with as many digits however small that is."""
    field = NextTokenField(data)
    _, _, within = parts(data, field.settled)
    way = off * weights(data) / np.linalg.norm(weights(data))
    change = data.X @ way.reshape(data.n_classes, -1).T
    first = -within * (change - (within * change).sum(axis=1, keepdims=True))
    F = field.basis
    held = F @ flat(data, first)
    found = F @ field.flat(field.missing(field.settled + way))
    rounding = 1e-15 if field.runs_away else 3e-15
    rounding *= max(1.0, np.abs(field.settled).max() / 1e2)
    assert found == pytest.approx(held, rel=1e-2, abs=20 * off**2 + rounding)
    if field.runs_away and off < 1e-8:
        assert found == pytest.approx(
            held, rel=1e-3, abs=1e-6 * off + np.abs(field.settled).max() * 1e-15
        )


@pytest.mark.parametrize("data", CASES, ids=repr)
def test_the_jacobians_are_differences_of_the_fields(data):
    field, h, w = NextTokenField(data), 1e-6, weights(data, scale=0.7)
    for of, derivative in ((field, field.jacobian), (field.push, field.push_jacobian)):
        rows = [(of(0.8, w + h * e) - of(0.8, w - h * e)) / (2 * h) for e in np.eye(w.size)]
        assert derivative(0.8, w) == pytest.approx(np.transpose(rows), abs=1e-7)


def test_near_the_log_odds_digits_do_not_depend_on_what_else_is_asked():
    field, way = NextTokenField(DATA), weights(DATA)
    states = field.settled + np.stack([1e-10 * way, 50 * way])
    both = field.missing(states)
    for found, w in zip(both, states, strict=True):
        assert found == pytest.approx(field.missing(w), rel=1e-8, abs=1e-25)


@pytest.mark.parametrize("length", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("odds", [1e-9, 1e-6, 1e-3])
def test_of_two_even_tokens_half_a_hyperbolic_tangent_is_missing(length, odds):
    """To rounding, relative to itself, whether the context or the weights are small."""
    field = NextTokenField(NextTokens([[length]], [[0.5, 0.5, 0.0]]))
    found = field.missing(np.array([odds / length, 0.0, 0.0]))
    half = np.tanh(odds / 2) / 2
    assert found[0] == pytest.approx([-half, half, 0.0], rel=1e-12, abs=0)


def test_w_runs_away_where_its_odds_are_exact_and_a_ray_separates(monkeypatch):
    assert NextTokenField(DATA).runs_away and not NextTokenField(FLAT).runs_away
    full = NextTokens([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.3, 0.7]])
    assert not NextTokenField(full).runs_away  # nothing is outside
    line = NextTokens([[1.0], [1.0]], [[0.5, 0.5, 0.0], [0.3, 0.7, 0.0]])
    assert not NextTokenField(line).runs_away  # no W has both odds
    touching = NextTokens([[1.0], [-1.0]], [[1.0, 0.0], [1.0, 0.0]])
    assert not NextTokenField(touching).runs_away  # the odds are exact, and no ray is there
    same = NextTokens([[1.0], [2.0]], [[0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    assert not NextTokenField(same).runs_away
    twice = NextTokens([[1.0], [2.0]], [[1 / 3, 2 / 3, 0.0], [0.2, 0.8, 0.0]])
    assert NextTokenField(twice).runs_away  # log 2 once, and twice
    monkeypatch.setattr(next_token, "split", lambda _: None)
    assert not NextTokenField(DATA).runs_away


# ---- the balance ------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [DATA, UNEVEN], ids=repr)
def test_in_the_balance_the_pull_outward_is_what_the_hessian_holds(data):
    far, field, h = BalancedField(data), NextTokenField(data), 1e-5
    F, settled = far.basis, far.settled
    n = data.n_samples
    # The Hessian along F at W*, by differences of what pulls within.
    inward = lambda w: F @ field.flat(field.missing(w)) / n  # noqa: E731
    hessian = [-(inward(settled + h * f) - inward(settled - h * f)) / (2 * h) for f in F]
    assert far.stiffness == pytest.approx(np.transpose(hessian), abs=1e-8)
    across = np.eye(settled.size) - F.T @ F
    g, s = across @ weights(data, scale=2.0), 6.0
    w = far.place(s, g)
    assert across @ (w - settled) == pytest.approx(g, abs=1e-12)
    x = F @ (w - settled)
    pushed = F @ field.push(s, settled + g)
    assert np.exp(s) * far.stiffness @ x == pytest.approx(pushed, abs=1e-10 * np.abs(pushed).max())
    assert far.held(s, g) == pytest.approx(np.exp(s) * x, rel=1e-8)
    assert far.off(s, w) < 1e-13
    moved = w + 0.3 * F[0]
    assert far.off(s, moved) == pytest.approx(0.3 * np.abs(F[0]).max(), rel=1e-9)
    u = data.X @ (moved - settled - g).reshape(data.n_classes, -1).T
    assert far.bent(moved) == pytest.approx((u**2).max(), rel=1e-9)
    assert far.bent(settled + g) == pytest.approx(0, abs=1e-25)
    assert far(s, g) == pytest.approx(across @ field.push(s, w), abs=1e-12)
    P = across @ field.push_jacobian(s, w) @ across
    assert far.jacobian(s, g) == pytest.approx(P, abs=1e-12)
    times, many = np.array([4.0, 6.0]), np.stack([0.5 * g, g])
    alone = [far(*one) for one in zip(times, many, strict=True)]
    assert far(times, many) == pytest.approx(np.array(alone), abs=1e-13)
    places = [far.place(*one) for one in zip(times, many, strict=True)]
    assert far.place(times, many) == pytest.approx(np.array(places), abs=1e-13)
    late = np.array([9.0, 11.0])
    ray = next_token_limit(data).ray.ravel()  # the tokens outside are left behind
    grown = np.stack([1.5 * s * ray + 0.05 * g for s in late])
    risks = [
        float(Objective(data).log_risk(far.place(*one))) for one in zip(late, grown, strict=True)
    ]
    assert far.log_risk(late, grown) == pytest.approx(np.array(risks), abs=1e-7)


def test_the_balance_is_taken_from_when_what_it_leaves_out_is_small():
    """e^-2s over the square of the softest of what holds, or of the size of a push."""
    far = BalancedField(UNEVEN)
    softest = np.linalg.eigvalsh(far.stiffness)[0]
    for error in (1e-6, 1e-11):
        s = far.since(error)
        assert (np.exp(next_token.EARLIER - s) / softest) ** 2 == pytest.approx(error)
    # Nothing is held: the size is what counts.
    alone = BalancedField(NextTokens([[3.0]], [[1.0, 0.0]]))
    s = alone.since(1e-8)
    assert (np.exp(next_token.EARLIER - s) / 9) ** 2 == pytest.approx(1e-8)


# ---- the flow ---------------------------------------------------------------------------------


@pytest.mark.parametrize("data", CASES, ids=repr)
def test_the_flow_is_that_of_an_integrator_in_plain_time(data):
    begin, log_t = weights(data, 3), np.array([-2.0, 0.0, 2.0, 3.5])

    def pull(_, w):
        P, q, _ = parts(data, w)
        return flat(data, P - q) / data.n_samples

    right = solve_ivp(
        pull, (0, np.exp(3.5)), begin, "DOP853", np.exp(log_t), rtol=1e-11, atol=1e-12
    ).y.T
    shape = data.n_classes, data.n_features
    path = flow.next_token_flow(data, log_t=log_t, start=begin.reshape(shape))
    assert path.iterates == pytest.approx(right, abs=1e-7)
    assert path.log_t.tolist() == log_t.tolist() and path.status == "integrated to log time 3.5"
    risks = [float(Objective(data).log_risk(w)) for w in right]
    assert path.log_risk == pytest.approx(risks, abs=1e-6)
    size = np.maximum(1, np.abs(right).max(axis=1))
    assert (path.error_estimate <= 1e-8 * size).all() and (path.error_estimate > 0).all()
    from_zero = flow.next_token_flow(data, log_t=[1.0])
    same = flow.next_token_flow(data, log_t=[1.0], start=np.zeros(shape))
    assert (from_zero.iterates == same.iterates).all()


@pytest.mark.parametrize("c", [1e-3, 10.0])
def test_longer_contexts_are_a_faster_clock_and_smaller_weights(c):
    """W(t) for c X is W(c^2 t) / c for X: before, in and after the change of equations."""
    log_t = np.array([0.0, 5.0, 12.0, 13.0, 18.0, 40.0, 1e3])
    plain = flow.next_token_flow(DATA, log_t=log_t)
    other = NextTokens(c * DATA.X, DATA.P)
    path = flow.next_token_flow(other, log_t=log_t - 2 * np.log(c), tolerance=1e-8)
    size = np.abs(plain.iterates).max(axis=1, keepdims=True)
    assert c * path.iterates / size == pytest.approx(plain.iterates / size, abs=2e-7)
    assert path.log_risk == pytest.approx(plain.log_risk, abs=1e-5)
    rises = np.diff(plain.log_risk)[-1] / 960
    assert rises == pytest.approx(-1, abs=1e-3)


def test_what_settles_is_followed_up_to_its_rounding_whatever_its_length():
    for c in (1.0, 1e-2):
        data = NextTokens(c * FLAT.X, FLAT.P)
        latest = 18 - 2 * np.log(np.linalg.norm(data.X, axis=1).max())
        flow.next_token_flow(data, log_t=[latest - 0.01], tolerance=1e-7)
        with pytest.raises(ValueError, match=f"ask for times up to {latest - 0.01:.2f}, or"):
            flow.next_token_flow(data, log_t=[latest + 0.01])
    zero = NextTokens(np.zeros((2, 2)), [[0.5, 0.5], [1.0, 0.0]])
    begin = np.arange(4.0).reshape(2, 2)
    path = flow.next_token_flow(zero, log_t=[0.0, 100.0], start=begin)
    assert path.iterates.tolist() == [[0, 1, 2, 3]] * 2


class Spied:
    """`two_runs`, and a record of how it was called; what it returns may be changed."""

    def __init__(self, monkeypatch, forge=lambda k, runs: None):
        self.calls, right = [], next_token.two_runs

        def two_runs(field, launch, times, *rest, **how):
            runs = right(field, launch, times, *rest, **how)
            forge(len(self.calls), runs)
            self.calls.append((field, launch, np.array(times), rest, runs))
            return runs

        monkeypatch.setattr(next_token, "two_runs", two_runs)


def test_each_run_goes_on_from_where_it_is_itself_and_the_check_run_later(monkeypatch):
    seen = Spied(monkeypatch)
    log_t = np.array([3.0, 50.0, 100.0])
    path = flow.next_token_flow(DATA, log_t=log_t)
    (_, _, until, (allowed, _), one), (far, launch, late, (again, _), two) = seen.calls
    since = far.since(0.003e-8)
    assert until == pytest.approx([3.0, since, since + 3]) and late.tolist() == [50, 100]
    assert allowed == again == pytest.approx(1e-8)
    for caution, k, w in ((0.0, 1, one.real.states[1]), (3.0, 2, one.check.state)):
        s, g = launch(1e-9, caution)
        assert s == until[k]
        assert g == pytest.approx(w - w @ far.basis.T @ far.basis, abs=1e-12)
    assert path.n_evaluations == one.n_evaluations + two.n_evaluations
    places = far.place(late, two.real.states)
    assert path.iterates == pytest.approx(np.vstack([one.real.states[:1], places]))
    assert path.log_risk[1:] == pytest.approx(far.log_risk(late, two.real.states))
    assert (path.error_estimate <= 1e-8 * np.abs(path.iterates).max(axis=1)).all()
    seen.calls.clear()
    flow.next_token_flow(DATA, log_t=[3.0, since + 2.9])
    assert len(seen.calls) == 1 and seen.calls[0][2].tolist() == [3.0, since + 2.9]


def test_where_logits_are_bent_the_balance_waits_for_as_long_as_they_need(monkeypatch):
    seen, answers = Spied(monkeypatch), [0.003e-8 * 1e4, 0.0]
    monkeypatch.setattr(BalancedField, "bent", lambda *_: answers.pop(0))
    flow.next_token_flow(DATA, log_t=[50.0])
    since = seen.calls[-1][0].since(0.003e-8)
    first, second = (call[2][0] for call in seen.calls[:2])
    assert first == pytest.approx(since) and second == pytest.approx(since + 1 + np.log(100.0))
    assert len(seen.calls) == 3 and not answers


@pytest.mark.parametrize(("part", "holds"), [(0.02, True), (0.05, False)])
def test_odds_that_are_off_by_more_than_a_local_error_are_refused(monkeypatch, part, holds):
    seen = []

    def off(self, s, w):
        seen.append((s, w))
        return part * 1e-6 * max(1, np.abs(w).max())

    monkeypatch.setattr(BalancedField, "off", off)
    if holds:
        flow.next_token_flow(DATA, log_t=[60.0], tolerance=1e-6)
        (early, _), (later, _) = seen
        assert later == early + 3
    else:
        with pytest.raises(IntegrationFailed, match=r"at log time .* the odds within") as said:
            flow.next_token_flow(DATA, log_t=[60.0], tolerance=1e-6)
        assert f"up to {seen[0][0] + 3 - 0.01:.2f}" in str(said.value)


@pytest.mark.parametrize("call", [0, 1])
@pytest.mark.parametrize(("part", "holds"), [(0.3, True), (0.7, False)])
def test_two_runs_that_differ_by_more_than_the_tolerance_are_refused(
    monkeypatch, call, part, holds
):
    """Early, and late; twice their difference is the error."""

    def forge(k, runs):
        if k % 2 == call:
            states = runs.check.states
            size = max(1.0, np.abs(runs.real.states[0]).max())
            g = np.zeros(states.shape[1])
            g[:] = BalancedField(DATA).basis[0] if call == 0 else ray
            states[0] += part * 1e-4 * size * g / np.abs(g).max()

    ray = np.eye(20)[0] - BalancedField(DATA).basis.T @ BalancedField(DATA).basis[:, 0]
    Spied(monkeypatch, forge)
    how = {"log_t": [3.0, 60.0], "tolerance": 1e-4}
    if holds:
        path = flow.next_token_flow(DATA, **how)
        assert path.error_estimate[call] > 1e-4 * part * 2 * 0.99
    else:
        with pytest.raises(IntegrationFailed, match="two runs that share no approximation"):
            flow.next_token_flow(DATA, **how)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": datasets.separable(0)}, "data must be a NextTokens"),
        ({"log_t": [2.0, 1.0]}, "log_t"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"start": [[np.nan] * 4] * 5}, "start holds 20 NaN"),
        ({"start": np.zeros((4, 5))}, r"start has shape \(4, 5\); it must be .*\(5, 4\)"),
    ],
)
def test_bad_input_is_named(change, words):
    how = {"data": DATA, "log_t": [1.0]} | change
    with pytest.raises(ValueError, match=words):
        flow.next_token_flow(how.pop("data"), **how)
