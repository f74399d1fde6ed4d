"""Next tokens: data, risk, flow and limit."""

import re

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from ibias import datasets, flow, optima
from ibias.datasets import NextTokens
from ibias.descent import descent
from ibias.flow import IntegrationFailed
from ibias.flow.next_token import BalancedField, NextTokenField
from ibias.noise import Reshuffled
from ibias.objectives import Objective
from tests.reference import other_flows


@pytest.fixture
def data():
    return datasets.next_tokens(0)


def probabilities(data, w):
    u = data.X @ w.reshape(data.n_classes, -1).T
    q = np.exp(u - u.max(axis=1, keepdims=True))
    return q / q.sum(axis=1, keepdims=True)


def divergence(data, w):
    p, q = data.P, probabilities(data, w)
    return sum(x * np.log(x / y) for x, y in zip(p.ravel(), q.ravel(), strict=True) if x) / len(p)


def test_the_risk_is_the_divergence_and_the_pull_its_gradient(data):
    objective, w = Objective(data), datasets.generator(1).standard_normal(30)
    assert np.exp(objective.log_risk(w)) == pytest.approx(divergence(data, w))
    by_hand = ((data.P - probabilities(data, w)).T @ data.X).ravel() / data.n_samples
    assert objective.pull(w).value() == pytest.approx(by_hand)
    h = 1e-6 * np.eye(30)
    risk = lambda v: np.exp(objective.log_risk(v))  # noqa: E731
    assert (risk(w - h) - risk(w + h)) / 2e-6 == pytest.approx(by_hand, abs=1e-8)


def test_a_small_risk_keeps_its_digits():
    data = NextTokens([[1.0]], [[0.5, 0.5, 0.0]])
    # exact odds, and a token outside with the probability exp(-1000) / 2
    log_risk = Objective(data).log_risk([0.0, 0.0, -1000.0])
    assert log_risk == pytest.approx(-1000 - np.log(2.0), abs=1e-9)
    # odds that are off by 1e-7: half the variance of the token times its square
    off = Objective(data).log_risk([1e-7, 0.0, -1000.0])
    assert off == pytest.approx(np.log(0.25 / 2 * 1e-14), abs=1e-6)


def test_a_batch_of_contexts_pulls_as_their_mean(data):
    objective, w = Objective(data), datasets.generator(2).standard_normal((3, 30))
    rows = np.array([[0, 1], [2, 3], [1, 1]])
    each = [objective.pull(w, np.full((3, 1), j)).value() for j in range(4)]
    both = objective.pull(w, rows).value()
    for run, (i, j) in enumerate(rows):
        assert both[run] == pytest.approx((each[i][run] + each[j][run]) / 2)
    path = descent(data, steps=0.1, n_steps=8, sampling=Reshuffled(2), seed=1)
    assert np.isfinite(path.final).all()


def plain(data, s, w):
    """The field as it is defined."""
    W = w.reshape(data.n_classes, -1)
    return (
        np.exp(s) / data.n_samples * ((data.P - softmax(data.X @ W.T, axis=1)).T @ data.X).ravel()
    )


def test_the_field_in_parts_is_the_field(data):
    rng = datasets.generator(3)
    flat = datasets.next_tokens(0, n_features=2)  # no W has all its log-odds
    for case, scale in ((data, 1.0), (data, 30.0), (flat, 1.0)):
        w = scale * rng.standard_normal(case.n_classes * case.n_features)
        assert NextTokenField(case)(2.0, w) == pytest.approx(plain(case, 2.0, w), abs=1e-14)


def test_the_jacobians_are_derivatives(data):
    field, h, far = NextTokenField(data), 1e-6, BalancedField(data)
    w = datasets.generator(3).standard_normal(30)
    columns = [(field(1.0, w + h * e) - field(1.0, w - h * e)) / (2 * h) for e in np.eye(30)]
    assert field.jacobian(1.0, w) == pytest.approx(np.transpose(columns), abs=1e-7)
    g = 20 * optima.next_token_limit(data).ray.ravel() + far(0.0, w)
    columns = [(far(20.0, g + h * e) - far(20.0, g - h * e)) / (2 * h) for e in np.eye(30)]
    P = np.eye(30) - far.basis.T @ far.basis
    assert far.jacobian(20.0, g) == pytest.approx(np.transpose(columns) @ P, rel=1e-5, abs=1e-7)


def test_where_the_pulls_balance_the_field_along_f_is_small(data):
    """There it is of the order e^-s, the motion of the balance; next to W* it is of order one."""
    far, limit = BalancedField(data), optima.next_token_limit(data)
    for s in (10.0, 12.0, 14.0):
        g = s * limit.ray.ravel()
        w = far.place(s, g)
        along = limit.projection @ far.push(s, w)
        held = limit.projection @ NextTokenField(data)(s, w)
        assert np.abs(held).max() < 30 * np.exp(-s) * np.abs(along).max()
        assert far(s, g) == pytest.approx(far.push(s, w) - along, abs=1e-12)
        log_risk = Objective(data).log_risk(w[None])
        assert far.log_risk(np.array([s]), g[None]) == pytest.approx(log_risk, abs=1e-9)


def test_the_flow_goes_through_its_change_of_equations(data):
    path = flow.flow(data, log_t=[13.0, 14.0, 15.0, 16.0])
    # Descent in plain time would need millions of steps: compare increments, which are smooth.
    steps = np.diff(path.iterates, axis=0)
    assert np.linalg.norm(steps[2] - 2 * steps[1] + steps[0]) < 0.02 * np.linalg.norm(steps[1])
    assert (np.diff(path.log_risk) < -0.9).all()
    assert (path.error_estimate < 1e-6).all()


@pytest.mark.parametrize("seed", [0, 2])
def test_late_flows_are_those_of_an_integrator_in_other_variables(seed):
    """Rare tokens and short contexts: what holds W along F is a millionth of what it usually is."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((2, 2)) * np.array([[1.0], [0.3]])
    P = np.array([[0.0, 1e-3, 1 - 1e-3, 0.0], [0.3, 0.0, 0.7 - 1e-4, 1e-4]])
    log_t = np.array([3.0, 12.0, 15.0, 18.0, 21.0])
    right = other_flows.next_tokens(X, P, np.zeros((4, 2)), log_t)
    for tolerance in (1e-8, 1e-4):
        path = flow.next_token_flow(NextTokens(X, P), log_t=log_t, tolerance=tolerance)
        size = np.maximum(1.0, np.abs(right).max(axis=1))
        error = np.abs(path.iterates - right).max(axis=1)
        assert (error <= tolerance * size + 2e-9).all()
        assert (error <= 10 * path.error_estimate + 2e-9).all()


def test_a_limit_is_taken_only_where_the_flow_is_next_to_it(data, monkeypatch):
    """Handed over too early, the two runs would agree, and both be wrong."""
    right = flow.flow(data, log_t=[3.0, 30.0])
    monkeypatch.setattr(BalancedField, "since", lambda *_: 4.0)
    assert flow.flow(data, log_t=[3.0, 30.0]).iterates == pytest.approx(right.iterates, abs=1e-8)
    monkeypatch.setattr(BalancedField, "bent", lambda *_: 0.0)
    with pytest.raises(IntegrationFailed, match="odds within the supports are off") as said:
        flow.flow(data, log_t=[3.0, 30.0])
    until = float(re.search(r"up to ([\d.]+[\d])", str(said.value))[1])
    flow.flow(data, log_t=[3.0, until])


def test_contexts_that_almost_agree_pull_for_long():
    """The odds within a support are small in time, but the tokens outside are not done."""
    X = [[-1.136834, 2.416647, 0.616402], [-1.161975, 2.474232, 0.631956]]
    data = NextTokens(X, [[0.587, 0.0, 0.0, 0.413], [0.0, 0.0, 1.0, 0.0]])
    log_t = [3.0, 8.0, 12.0, 16.0]
    right = flow.next_token_flow(data, log_t=log_t, tolerance=1e-10).iterates
    size = np.abs(right).max(axis=1)
    for tolerance in (3e-5, 2e-4):
        path = flow.next_token_flow(data, log_t=log_t, tolerance=tolerance)
        error = np.abs(path.iterates - right).max(axis=1)
        assert (error <= np.minimum(tolerance * size, 10 * path.error_estimate)).all()


@pytest.mark.parametrize("off", [1e-9, 1e-10, 1e-11])
def test_contexts_that_are_almost_one_move_apart_slowly(off):
    """Their frequencies differ by .3, and half of that pulls along what they differ in."""
    data = NextTokens([[1.0, 0.0], [1.0, off]], [[0.3, 0.7, 0.0], [0.6, 0.4, 0.0]])
    path = flow.next_token_flow(data, log_t=[10.0, 17.5])
    apart = path.iterates.reshape(-1, 3, 2)[:, 0, 1]
    assert apart == pytest.approx(0.15 / 2 * off * np.exp(path.log_t), rel=1e-2, abs=1e-9)


@pytest.mark.parametrize("rare", [1e-8, 1e-10, 1e-12, 1e-17])
def test_a_token_that_hardly_follows_costs_no_digits(rare):
    P = np.array([[rare, 0.3, 0.7 - rare, 0.0]])
    log_t = np.array([-2.0, 0.0, 2.0, 5.0])
    path = flow.next_token_flow(NextTokens([[1.0]], P), log_t=log_t, tolerance=1e-9)
    right = other_flows.solved(lambda _, w: P[0] - softmax(w), np.zeros(4), np.exp(log_t))
    assert path.iterates == pytest.approx(right, abs=1e-9)


def test_the_limit_solves_its_problem(data):
    limit = optima.next_token_limit(data)
    rows, odds = data.inside
    assert rows @ limit.finite.ravel() == pytest.approx(odds)
    assert limit.projection @ limit.finite.ravel() == pytest.approx(limit.finite.ravel())
    ray, (outside, pairs) = limit.ray.ravel(), data.outside
    assert rows @ ray == pytest.approx(0, abs=1e-9)
    assert (outside @ ray).min() == pytest.approx(1)
    weights = limit.dual_variables[tuple(pairs.T)]
    assert weights.sum() == pytest.approx(ray @ ray)
    assert weights * (outside @ ray - 1) == pytest.approx(0, abs=1e-6)
    by_scipy = minimize(
        lambda w: w @ w,
        ray + 0.1 * datasets.generator(4).standard_normal(ray.size),
        jac=lambda w: 2 * w,
        constraints=[
            {"type": "eq", "fun": lambda w: rows @ w, "jac": lambda w: rows},
            {"type": "ineq", "fun": lambda w: outside @ w - 1, "jac": lambda w: outside},
        ],
        method="SLSQP",
    )
    assert ray == pytest.approx(by_scipy.x, abs=1e-4)


def test_one_token_each_is_the_multiclass_margin():
    classes = datasets.separable_classes(2)
    data = NextTokens(classes.X, np.eye(classes.n_classes)[classes.y])
    limit = optima.next_token_limit(data)
    assert limit.ray == pytest.approx(optima.multiclass_margin(classes).W, abs=1e-7)
    assert not limit.finite.any()
    same = flow.flow(classes, log_t=[3.0, 6.0]).iterates
    assert flow.flow(data, log_t=[3.0, 6.0]).iterates == pytest.approx(same, abs=1e-6)


def test_contexts_that_settle_are_told():
    flat = datasets.next_tokens(0, n_features=2)
    with pytest.raises(ValueError, match=r"W settles.* ask for times up to") as said:
        flow.flow(flat, log_t=[5.0, 20.0])
    until = float(re.search(r"up to ([\d.]+),", str(said.value))[1])
    path = flow.flow(flat, log_t=[until - 3.0, until])
    assert path.log_risk[0] == pytest.approx(path.log_risk[-1], abs=1e-6) and until > 11
    with pytest.raises(ValueError, match="not linearly separable"):
        optima.next_token_limit(flat)
    line = datasets.next_tokens(0, n_features=1, n_following=4)
    with pytest.raises(ValueError, match="no W has the log-odds"):
        optima.next_token_limit(line)
    full = NextTokens([[1.0]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="every token follows"):
        optima.next_token_limit(full)
    assert flow.flow(full, log_t=[1.0, 2.0]).final == pytest.approx(0)


@pytest.mark.parametrize(
    ("X", "P", "words"),
    [
        ([[1.0]], [[0.5, 0.6]], "sum one"),
        ([[1.0]], [[1.5, -0.5]], "at least 0"),
        ([[1.0]], [[1.0], [1.0]], "a row for each"),
        ([[1.0]], [[1.0]], "two columns"),
        ([[np.nan]], [[0.5, 0.5]], "X"),
    ],
)
def test_bad_frequencies_are_refused(X, P, words):
    with pytest.raises(ValueError, match=words):
        NextTokens(X, P)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="n_tokens=2"):
        datasets.next_tokens(n_tokens=2, n_following=3)
    with pytest.raises(ValueError, match="start has shape"):
        flow.next_token_flow(datasets.next_tokens(0), log_t=[1.0], start=np.zeros(30))
    with pytest.raises(ValueError, match="NextTokens"):
        optima.next_token_limit(datasets.separable_classes(0))


@pytest.mark.parametrize("tiny", [1e-17, 1e-19, 1e-30, 1e-300])
def test_probabilities_below_rounding_disturb_no_early_time(tiny):
    """The softest eigenvalue of the Hessian is rounding, of either sign; its logarithm was NaN."""
    X = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    P = [[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [tiny, 0.9, 0.1]]
    without = NextTokens(X, [*P[:2], [0.0, 0.9, 0.1]])
    ends = [
        flow.next_token_flow(data, log_t=[0.1], tolerance=1e-6).final
        for data in (NextTokens(X, P), without)
    ]
    assert ends[0] == pytest.approx(ends[1], abs=2e-6)


def test_odds_that_settle_too_slowly_are_refused_at_late_times_and_the_remedies_work():
    P = [[0.999, 0.001, 0.0, 1e-18], [0.2, 0.8, 1e-18, 0.0]]
    X = [[1.0, 0.3], [-0.2, 1.0]]
    with pytest.raises(ValueError, match=r"data: P has entries down to 1e-18.*set such") as caught:
        flow.next_token_flow(NextTokens(X, P), log_t=[1.0, 1e6], tolerance=1e-3)
    last = float(re.search(r"log_t up to ([\d.]+),", str(caught.value))[1])
    flow.next_token_flow(NextTokens(X, P), log_t=[1.0, last], tolerance=1e-3)
    rounded = np.where(np.array(P) < 1e-9, 0.0, P)
    flow.next_token_flow(NextTokens(X, rounded), log_t=[1.0, 1e6], tolerance=1e-3)
