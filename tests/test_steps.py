"""Rules for the step sizes: their sums, their batches, what they look at."""

import numpy as np
import pytest

from ibias import datasets, models, steps
from ibias.descent import descent
from ibias.methods import Adam, HeavyBall
from ibias.objectives import Objective

DATA = datasets.separable(0, 12, 3)


def test_sizes_and_their_sums():
    record = np.array([0, 1, 7, 40])
    for rule, expected in (
        (steps.Constant(0.3), np.full(40, 0.3)),
        (steps.Decaying(0.3), 0.3 / np.sqrt(np.arange(1, 41))),
        (steps.Decaying(0.3, 1), 0.3 / np.arange(1, 41)),
        (steps.Decaying(0.3, 0), np.full(40, 0.3)),
    ):
        sizes = [eta for eta, _ in zip(rule.sizes(0, 40), range(40), strict=False)]
        np.testing.assert_allclose(sizes, expected)
        sums = np.r_[0, np.cumsum(expected)][record]
        np.testing.assert_allclose(np.exp(rule.log_times(record)), sums)


def test_a_decaying_run_in_numpy():
    path = descent(DATA, steps=steps.Decaying(0.5, 0.7), n_steps=30, record=[30])
    w = np.zeros(3)
    for k in range(30):
        w = w + 0.5 * (k + 1) ** -0.7 * (1 / (1 + np.exp(DATA.Z @ w))) @ DATA.Z / 12
    np.testing.assert_allclose(path.final, w, rtol=1e-12)
    assert np.exp(path.log_t[0]) == pytest.approx((0.5 * np.arange(1, 31) ** -0.7).sum())


@pytest.mark.parametrize("kind", [steps.Constant, steps.Decaying, steps.DividedByRisk])
def test_a_batch_of_any_shape_is_its_members(kind):
    sizes = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    together = descent(DATA, HeavyBall(0.5), steps=kind(sizes), n_steps=20)
    assert together.iterates.shape[1:] == (3, 2, 3)
    for index in np.ndindex(3, 2):
        alone = descent(DATA, HeavyBall(0.5), steps=kind(sizes[index]), n_steps=20)
        np.testing.assert_allclose(together.iterates[:, *index], alone.iterates, rtol=1e-11)


def test_the_safe_step_on_a_linear_model_moves_no_margin_by_more_than_one():
    objective = Objective(DATA, "exponential")
    path = descent(objective, steps=steps.Safe(), n_steps=50, record=range(51))
    assert np.abs(np.diff(path.iterates @ DATA.Z.T, axis=0)).max() < 1 + 1e-9
    assert (np.diff(path.log_risk) < 0).all() and path.log_t.shape == (51,)


def test_steps_over_the_risk_work_where_the_risk_underflows():
    net = models.two_layer_relu(3, 4)
    start = 30 * net.random(datasets.generator(0))
    objective = Objective(datasets.Dataset.one_class(np.abs(DATA.X)), "exponential", net)
    start = np.abs(start)
    for rule in (steps.DividedByRisk(1e-3), steps.Safe()):
        path = descent(objective, steps=rule, n_steps=20, start=start)
        assert path.log_risk[0] < -800 and path.log_risk[-1] < path.log_risk[0]
        assert (path.final != start).any()


def test_rules_that_look_at_the_iterate_go_with_other_methods():
    objective = Objective(DATA, "exponential")
    for method in (Adam(), HeavyBall()):
        path = descent(objective, method, steps=steps.DividedByRisk(0.01), n_steps=30)
        assert np.isfinite(path.iterates).all()
    plain = descent(objective, Adam(), steps=0.01, n_steps=30)
    path = descent(objective, Adam(), steps=steps.DividedByRisk(0.01), n_steps=30)
    assert np.abs(path.final - plain.final).max() < 0.1  # of the scale of the loss it knows little


def test_greedy_steps_stop_where_nothing_falls():
    objective = Objective(DATA, "squared")
    path = descent(objective, steps=steps.Greedy(), n_steps=300, record=range(1, 301))
    assert (np.diff(path.log_risk) <= 0).all()
    with pytest.raises(ValueError, match="one at a time"):
        descent(objective, steps=steps.Greedy(), n_steps=3, start=np.zeros((2, 3)))


@pytest.mark.parametrize("size", [0.3, [0.1, 0.4], [[0.1], [0.4]]])
@pytest.mark.parametrize(
    ("make", "factor"),
    [
        (steps.Constant, lambda k: np.ones(len(k))),
        (lambda size: steps.Decaying(size, 0.7), lambda k: (k + 1.0) ** -0.7),
        (steps.Decaying, lambda k: (k + 1.0) ** -0.5),
        (lambda size: steps.Decaying(size, 1.0), lambda k: 1 / (k + 1.0)),
    ],
)
def test_sizes_times_and_last_sizes_of_a_schedule(make, factor, size):
    rule, eta, shape = make(size), np.asarray(size), np.shape(size)
    assert rule.shape == shape and rule.adaptive is False
    for first, last in ((0, 6), (4, 9)):
        found = [one for one, _ in zip(rule.sizes(first, last), range(first, last), strict=False)]
        expected = np.multiply.outer(factor(np.arange(first, last)), eta)
        for one, step in zip(found, expected, strict=True):
            assert np.shape(one) == ((*shape, 1) if shape else ())
            assert shape or type(one) is float
            np.testing.assert_allclose(np.reshape(one, shape), step, rtol=1e-13)
    recorded = np.array([0, 1, 3, 8])
    before = rule.last_sizes(recorded)
    assert before.shape == (4, *shape) and np.isnan(before[0]).all()
    expected = np.multiply.outer(factor(np.array([0, 2, 7])), eta)
    np.testing.assert_allclose(before[1:], expected, rtol=1e-13)
    sums = np.array([factor(np.arange(k)).sum() for k in recorded])
    times = rule.log_times(recorded)
    np.testing.assert_allclose(np.exp(times), sums * (1.0 if shape else size), rtol=1e-12)
    assert times.shape == (4,) and times[0] == -np.inf


def test_a_pull_of_log_risk_knows_where_it_was_computed():
    pull, theta = Objective(DATA).all_samples, np.array([0.1, -0.2, 0.3])
    known = np.array([7.0, 8.0, 9.0])
    changed = steps.OfLogRisk(pull, theta, known)
    assert changed.value(theta) is known and changed.over_risk(theta) is known
    elsewhere = theta.copy()
    np.testing.assert_array_equal(changed.value(elsewhere), pull.over_risk(elsewhere))
    np.testing.assert_array_equal(changed.over_risk(elsewhere), pull.over_risk(elsewhere))
    for at, expected in ((theta, known), (elsewhere, pull.over_risk(elsewhere))):
        log_size, direction = changed(at)
        assert log_size.tolist() == [0.0]
        np.testing.assert_array_equal(direction, expected)
    stack = np.stack([theta, 2 * theta])
    assert changed(stack).log_size.shape == (2, 1) and (changed(stack).log_size == 0).all()
    assert changed.shapes == pull.shapes


def log_risk_and_ascent(Z, w, h=1e-6):
    def log_risk(w):
        return np.log(np.log1p(np.exp(-Z @ w)).mean())

    slopes = [(log_risk(w - h * e) - log_risk(w + h * e)) / (2 * h) for e in np.eye(len(w))]
    return log_risk(w), np.array(slopes)


def test_steps_that_look_at_the_iterate_by_hand():
    pull, Z = Objective(DATA).all_samples, DATA.Z
    stack = np.array([[0.1, -0.2, 0.3], [3.0, 1.0, -2.0], [1e-3, 0.0, 0.0]])
    steepest = (Z**2).sum(axis=1).max()
    for theta in (stack, stack[0]):
        expected = [log_risk_and_ascent(Z, w) for w in np.atleast_2d(theta)]
        log_risk = np.reshape([one for one, _ in expected], theta.shape[:-1])
        ascent = np.reshape([one for _, one in expected], theta.shape)
        divided = steps.DividedByRisk(0.2)
        size, log_eta, changed, state = divided.at(pull, theta, 3, None)
        assert size == 0.2 and state is None
        np.testing.assert_allclose(log_eta, np.log(0.2) - log_risk, rtol=1e-8)
        np.testing.assert_allclose(changed.value(theta), ascent, atol=1e-7)
        for largest in (steps.LARGEST_MOVE, 1e3):
            rule = steps.Safe(largest)
            size, log_eta, changed, state = rule.at(pull, theta, 3, None)
            lengths = largest * np.linalg.norm(theta, axis=-1) / np.linalg.norm(ascent, axis=-1)
            safe = np.minimum(1 / steepest, lengths)
            np.testing.assert_allclose(size, safe, rtol=1e-6)
            np.testing.assert_allclose(log_eta, np.log(safe) - log_risk, rtol=1e-6)
            np.testing.assert_allclose(changed.value(theta), ascent, atol=1e-7)
            assert state is None and np.shape(size) == theta.shape[:-1]
    assert steps.Safe().largest_move == 0.1 and steps.Safe().init() is None
    size = steps.Safe().at(pull, np.zeros((2, 3)), 0, None)[0]  # from zero, any length will do
    np.testing.assert_allclose(size, 1 / steepest)
    mixed = steps.Safe().at(pull, np.stack([np.zeros(3), stack[2]]), 0, None)[0]
    assert mixed[0] == pytest.approx(1 / steepest) and mixed[1] < mixed[0]


def test_the_time_is_the_sum_of_the_steps_over_the_risk():
    objective = Objective(DATA)
    path = descent(objective, steps=steps.DividedByRisk([0.1, 0.3]), n_steps=6, record=range(7))
    assert path.log_t.shape == (7, 2) and (path.log_t[0] == -np.inf).all()
    assert np.isnan(path.step_sizes[0]).all()
    for i, eta in enumerate((0.1, 0.3)):
        w, total = np.zeros(3), 0.0
        for k in range(6):
            log_risk, ascent = log_risk_and_ascent(DATA.Z, w)
            total += eta / np.exp(log_risk)
            w = w + eta * ascent
            assert path.step_sizes[k + 1, i] == pytest.approx(eta / np.exp(log_risk), rel=1e-6)
            assert np.exp(path.log_t[k + 1, i]) == pytest.approx(total, rel=1e-6)
            np.testing.assert_allclose(path.iterates[k + 1, i], w, atol=1e-6)


@pytest.mark.parametrize("growth", [1.5, 2.0, 8.0])
def test_greedy_steps_by_hand(growth):
    objective, Z = Objective(datasets.gaussian_regression(0, 6, 3)), None
    X, y = objective.X, objective.y

    def log_risk(w):
        return np.log(((X @ w - y) ** 2).mean() / 2)

    path = descent(objective, steps=steps.Greedy(growth), n_steps=12, record=range(13))
    w, tried = np.zeros(3), 1.0
    for k in range(12):
        ascent = -X.T @ (X @ w - y) / 6 / np.exp(log_risk(w))
        while not log_risk(w + tried * ascent) < log_risk(w):
            tried /= 2
        assert path.step_sizes[k + 1] == pytest.approx(tried / np.exp(log_risk(w)), rel=1e-8)
        w = w + tried * ascent
        np.testing.assert_allclose(path.iterates[k + 1], w, rtol=1e-7)
        tried *= growth
    assert steps.Greedy().growth == 2.0 and steps.Greedy().init() == 1.0 and Z is None


class Flat:
    """A pull whose risk never falls, but at steps up to `below`."""

    def __init__(self, below=0.0):
        self.below, self.tried = below, []

    def of_log_risk(self, theta):
        return np.ones(2), np.float64(-1.0)

    def log_risk(self, theta):
        self.tried.append(theta[0])
        return -2.0 if theta[0] <= self.below else 0.0


def test_greedy_steps_halve_until_the_risk_falls_or_nothing_is_left():
    start, rule = np.zeros(2), steps.Greedy(3.0)
    for below, taken in ((1.0, 1.0), (0.3, 0.25), (1e-250, None)):
        pull = Flat(below)
        size, log_eta, _, state = rule.at(pull, start, 0, 1.0)
        taken = taken or 2.0 ** np.floor(np.log2(below))
        assert size == taken and state == 3 * taken
        assert log_eta == pytest.approx(np.log(taken) + 1)
        np.testing.assert_array_equal(pull.tried, 0.5 ** np.arange(len(pull.tried)))
    pull = Flat()
    with np.errstate(divide="ignore"):
        size, log_eta, _, state = rule.at(pull, start, 1, 1.0)
    assert size == 0 and state == 0 and log_eta == -np.inf
    assert 1e-301 < pull.tried[-1] <= 2.1e-300  # down to the smallest step, and no further
    with pytest.raises(ValueError, match="no step from start lowers the risk"):
        rule.at(Flat(), start, 0, 1.0)
    with np.errstate(divide="ignore"):
        assert rule.at(Flat(np.inf), start, 5, 0.0)[0] == 0  # once nothing falls, never again

    class Bottomless(Flat):
        def log_risk(self, theta):
            return -np.inf if theta[0] > 0.1 else -2.0  # an exact fit is overflow or no fit

    assert rule.at(Bottomless(), start, 0, 1.0)[0] == 0.0625

    class Level(Flat):
        def log_risk(self, theta):
            return -1.0 if theta[0] > 0.6 else -2.0  # to stay on one level is not to fall

    assert rule.at(Level(), start, 0, 1.0)[0] == 0.5
    for always in (-1.0, -np.inf):
        pull = Flat()
        pull.log_risk = lambda theta, risk=always: risk
        with pytest.raises(ValueError, match="no step from start lowers the risk"):
            rule.at(pull, start, 0, 1.0)
        with np.errstate(divide="ignore"):
            assert rule.at(pull, start, 1, 1.0)[0] == 0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_safe_step_in_every_unit_of_the_data(scale):
    pull = Objective(datasets.Dataset(scale * DATA.X, DATA.y)).all_samples
    size = steps.Safe(1e9).at(pull, np.ones(3) / scale, 0, None)[0]
    assert size == pytest.approx(1 / (scale**2 * (DATA.Z**2).sum(axis=1).max()))


def test_where_no_margin_moves_the_safe_step_is_zero():
    net = models.two_layer_relu(2, 1)
    pull = Objective(datasets.Dataset.one_class(np.ones((2, 2))), model=net).all_samples
    with np.errstate(divide="ignore", invalid="ignore"):
        dead = steps.Safe().at(pull, np.array([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]), 0, None)
    assert dead[0][0] == 0 < dead[0][1] and dead[1][0] == -np.inf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: steps.Constant(True), "step_size must be a positive number"),
        (lambda: steps.Constant("0.1"), "step_size must be a positive number"),
        (lambda: steps.Constant(None), "step_size must be a positive number"),
        (lambda: steps.Constant([]), "step_size must be a number, or a list of them"),
        (lambda: steps.Constant([0.1, 0.0]), "step_size must be finite and greater"),
        (lambda: steps.Decaying(-1.0), "step_size must be finite and greater"),
        (lambda: steps.DividedByRisk([0.1, -1.0]), "step_size must be finite and greater"),
        (lambda: steps.Decaying(0.1, 1.001), "power must be from 0 to 1"),
        (lambda: steps.Decaying(0.1, -0.001), "power must be a number"),
        (lambda: steps.Safe(0.0), "largest_move must be finite and greater"),
        (lambda: steps.Greedy(1.0), "growth must be above 1"),
        (lambda: steps.Greedy(0.0), "growth must be finite"),
        (lambda: steps.Safe().check(Objective(DATA, "squared")), "made for margin losses"),
        (
            lambda: steps.Safe().check(Objective(datasets.gaussian_regression(0, 4, 3))),
            "made for margin losses",
        ),
        (
            lambda: steps.Safe().check(Objective(datasets.next_tokens(0))),
            "made for margin losses",
        ),
    ],
)
def test_what_is_no_step(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_just_a_step():
    assert steps.Decaying(0.1, 0.0).factors(np.arange(3)).tolist() == [1.0, 1.0, 1.0]
    assert steps.Step.of(0.5).step_size == 0.5
    rule = steps.Safe()
    assert steps.Step.of(rule) is rule
    assert rule.check(Objective(DATA, "exponential")) is None
    assert rule.check(Objective(datasets.separable_classes(0, 9, 2, 3))) is None
    assert steps.DividedByRisk(0.1).check(Objective(DATA, "squared")) is None
    assert steps.DividedByRisk([0.1, 0.2]).shape == (2,) and rule.shape == () and rule.adaptive
    assert next(iter(rule.sizes(0, 5))) is None
