"""A method on trial: every look at it, on methods that are off by a little more than allowed."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import ibias
from ibias import datasets, methods, models, steps
from ibias.checking import memory
from ibias.checking import method as looks
from ibias.checking.derivative import few
from ibias.checking.report import Notes
from ibias.checking.trial import ETA, SAME, Scaled, Trial, same, small_problem
from ibias.descent import descent
from ibias.methods import Limit, Method
from ibias.objectives import Downhill, Objective

GRADIENT = methods.Gradient()
WHERE = np.array([0.3, -0.2, 0.5, 0.1])


@dataclass(frozen=True)
class Own(Method):
    """A method of somebody; `parts` replaces some of what it does."""

    parts: SimpleNamespace = field(default_factory=SimpleNamespace)

    def init(self, objective, theta):
        return getattr(self.parts, "init", lambda theta: None)(theta)

    def start(self, objective):
        return getattr(self.parts, "start", np.zeros(objective.n_parameters))

    def step(self, pull, theta, state, k, eta):
        return self.parts.step(pull, theta, state, k, eta)

    def default_steps(self, objective, sampled):
        rule = getattr(self.parts, "rule", lambda objective, sampled: steps.Constant(1.0))
        return rule(objective, sampled)

    def limit(self):
        return getattr(self.parts, "limit", None)


@dataclass(frozen=True)
class Exponential(Own):
    """A method that is made for one loss."""

    loss: ClassVar[str] = "exponential"


def own(step, **parts):
    return Own(SimpleNamespace(step=step, **parts))


def constant(nudge=lambda theta, k, eta: 0.0, speed=1.0):
    """The step theta + eta, with a nudge: where each entry goes is known beforehand."""

    def step(pull, theta, state, k, eta):
        return theta + speed * eta + nudge(theta, k, eta), state

    return step


def looked(look, method, objective=None, theta=WHERE, **how):
    """What one look at a method finds."""
    objective = small_problem(GRADIENT) if objective is None else objective
    notes = Notes("method", method, Method)
    look(notes, Trial(method, objective, theta), **how)
    return notes


def faults_of(method, *how, **named):
    with pytest.raises(ValueError) as caught:
        ibias.check_method(method, *how, **named)
    return str(caught.value).split("\n- ")[1:]


# ---- the trial itself


def test_the_small_problem_has_a_feature_without_a_pull_and_inputs_of_size_one():

    for method in (GRADIENT, Exponential()):
        objective = small_problem(method)
        X = objective.data.X
        assert X.shape == (8, 4) and (X[:, 1] == 0).all() and np.abs(X).max() == 1
        right = datasets.separable(seed=0, n_samples=8, n_features=3)
        scale = X[0, 0] / right.X[0, 0]
        assert X[:, [0, 2, 3]] == pytest.approx(scale * right.X) and scale > 0
        assert (objective.data.y == right.y).all()
        assert (objective.pull(WHERE).direction != 0).tolist() == [True, False, True, True]
        assert type(objective.loss) is type(Objective(right, method.loss).loss)


def test_data_are_given_the_loss_of_the_method():
    data = datasets.separable(0, 8, 3)
    for method, loss in ((Own, "logistic"), (Exponential, "exponential")):
        objective, h = Objective(data, loss), 1e-5 * np.eye(3)
        risk = lambda theta, objective=objective: np.exp(objective.log_risk(theta))  # noqa: E731

        def equation(gradient, path, eta, risk=risk, h=h):
            rises = (risk(path[-1] + h) - risk(path[-1] - h)) / 2e-5
            assert gradient(path[-1]) == pytest.approx(rises, abs=1e-7)
            return path[-1] + eta

        tried = method(SimpleNamespace(step=constant()))
        assert len(ibias.check_method(tried, equation, data).holds) == 6
        assert len(ibias.check_method(tried, equation, objective).holds) == 6


@pytest.mark.parametrize("shift", [-2.0, 0.5])
def test_a_scaled_pull_is_that_of_the_risk_in_another_unit(shift):
    whole = small_problem(GRADIENT).all_samples
    scaled = Scaled(whole, shift)
    assert scaled.value(WHERE) == pytest.approx(np.exp(shift) * whole.value(WHERE))
    assert scaled(WHERE).value() == pytest.approx(np.exp(shift) * whole.value(WHERE))
    assert scaled.log_risk(WHERE) == pytest.approx(shift + whole.log_risk(WHERE))
    assert scaled.pull is whole


def test_a_path_is_that_of_descent_with_each_pull_times_its_size():
    objective = small_problem(GRADIENT)
    trial = Trial(GRADIENT, objective, WHERE)
    right = descent(objective, steps=ETA, n_steps=4, start=WHERE, record=range(5)).iterates
    assert trial.path() == pytest.approx(right)
    longer = descent(objective, steps=0.2, n_steps=7, start=2 * WHERE, record=range(8)).iterates
    assert trial.path(2 * WHERE, 0.2, 7) == pytest.approx(longer)
    theta, shifts = WHERE, [0.5, -1.0, 2.0]
    path = trial.path(shifts=shifts)
    assert len(path) == 4
    for shift, after in zip(shifts, path[1:], strict=True):
        theta = theta + ETA * np.exp(shift) * objective.all_samples.value(theta)
        assert after == pytest.approx(theta)


def test_a_path_counts_its_steps_from_zero_and_hands_on_the_state():
    def step(pull, theta, state, k, eta):
        return theta + k + 10 * state, state + 1

    trial = Trial(own(step, init=lambda theta: theta[0]), small_problem(GRADIENT), np.zeros(4))
    assert trial.path()[:, 0].tolist() == [0, 0, 11, 33, 66]
    assert trial.path(np.ones(4), n=2)[:, 2].tolist() == [1, 11, 32]


def test_two_paths_agree_relative_to_a_size():
    a = np.array([1.0, 2.0])
    for size in (1e-3, 1.0, 1e6):
        for sign in (-1, 1):
            off = sign * size * SAME * np.array([0.0, 1.0])
            assert same(0 * a + 0.9 * off, 0 * a, size) is True
            assert same(0 * a + 1.1 * off, 0 * a, size) is False
    assert not same(a, a[:1], 1.0) and not same(a * np.nan, a * np.nan, 1.0)
    assert same(a, a, 0.0)


# ---- what it remembers


@pytest.mark.parametrize("inside", [[], {}, set(), np.zeros(2)], ids=lambda x: type(x).__name__)
def test_what_can_be_changed_in_place_is_named_wherever_it_is_kept(inside):
    @dataclass(frozen=True)
    class InObject(Own):
        kept: object = None
        also: object = 3.0

    class InClass(Own):
        kept = inside

    class Frozen(InClass):
        """What stands in a parent is looked at in the object alone."""

    step = SimpleNamespace(step=constant())
    notes = Notes("method", GRADIENT, Method)
    memory.check_frozen(notes, InObject(step, kept=inside))
    (fault,) = notes.wrong
    assert fault.startswith("kept can be changed in place")
    both = Notes("method", GRADIENT, Method)
    memory.check_frozen(both, InObject(step, kept=inside, also=[1]))
    assert both.wrong[0].startswith("kept, also can be changed in place")


def test_numbers_tuples_and_read_only_arrays_are_frozen():
    @dataclass(frozen=True)
    class Keeping(Own):
        kept: object = None

    fixed = np.zeros(3)
    fixed.setflags(write=False)
    for kept in (3, (1, 2), "text", fixed, None):
        notes = Notes("method", GRADIENT, Method)
        memory.check_frozen(notes, Keeping(SimpleNamespace(), kept))
        assert (notes.holds, notes.wrong) == (["it is frozen"], [])


def test_a_second_run_may_differ_by_rounding_of_the_way():
    """The way is 4 eta here; only the runs from where the first one began are compared."""

    def twice(off):
        runs = []

        def step(pull, theta, state, k, eta):
            runs.extend([k] * int(k == 0 and (theta == WHERE).all()))
            back = off * (len(runs) == 2) * (k == 3)
            return theta + eta + back, state

        return looked(memory.check_state, own(step))

    for sign in (-1, 1):
        assert not twice(0.9 * sign * SAME * 4 * ETA).wrong
        (fault,) = twice(1.1 * sign * SAME * 4 * ETA).wrong
        assert fault.startswith("a second run from the same start goes elsewhere")


def test_between_the_two_runs_there_is_one_from_elsewhere():
    """What remembers the last run is told by it, though it repeats from the same start."""
    starts = []

    def step(pull, theta, state, k, eta):
        if k == 0:
            starts.append(theta)
        before = starts[-2] if len(starts) > 1 else theta
        return theta + eta * (1 + (before != theta).any()), state

    assert "goes elsewhere" in looked(memory.check_state, own(step)).wrong[0]


def test_the_same_step_twice_from_the_same_state_may_differ_by_rounding_of_the_way():
    def in_place(off):
        def step(pull, theta, state, k, eta):
            state["seen"] += k == 1
            return theta + eta + off * (state["seen"] == 2), state

        return looked(memory.check_state, own(step, init=lambda theta: {"seen": 0}))

    for sign in (-1, 1):
        assert in_place(0.9 * sign * SAME * 4 * ETA).holds
        (fault,) = in_place(1.1 * sign * SAME * 4 * ETA).wrong
        assert fault.startswith("step changes the state in place")


def test_the_second_step_is_tried_twice_with_the_state_of_the_first():
    calls = []

    def step(pull, theta, state, k, eta):
        calls.append((k, state, eta, theta.copy()))
        return theta + eta, state + 1

    looked(memory.check_state, own(step, init=lambda theta: 5))
    first, *twice = calls[-3:]
    assert first[:3] == (0, 5, ETA) and (first[3] == WHERE).all()
    for call in twice:
        assert call[:3] == (1, 6, ETA) and call[3] == pytest.approx(WHERE + ETA)


@pytest.mark.parametrize("kept", [0.0, 0.18, 0.22, 1.0])
@pytest.mark.parametrize("moves", [True, False])
def test_theta_may_be_moved_if_a_fifth_of_the_move_is_kept(kept, moves):
    """Half a unit is added between two steps, in all entries."""

    @dataclass(frozen=True)
    class Keeping(Own):
        pass

    Keeping.moves = moves
    method = Keeping(SimpleNamespace(step=lambda p, t, s, k, eta: (kept * t + eta, s)))
    notes = looked(memory.check_moved, method)
    assert bool(notes.holds) is ((kept > 0.2) is moves) and bool(notes.wrong) is not bool(
        notes.holds
    )
    if notes.holds:
        assert notes.holds == [f"theta {'may' if moves else 'must not'} be moved between two steps"]
    elif kept > 0.2:
        assert notes.wrong[0].startswith("moves is False, but a step goes on")
    else:
        assert notes.wrong[0].startswith("a step forgets that theta was moved")


def test_theta_is_moved_after_one_step_of_usual_length():
    calls = []

    def step(pull, theta, state, k, eta):
        calls.append((k, eta, theta.copy(), state))
        return theta + eta, state + 1

    looked(memory.check_moved, own(step, init=lambda theta: 5))
    (first, *others) = calls
    assert first[:2] == (0, ETA) and (first[2] == WHERE).all() and first[3] == 5
    assert [call[0] for call in others] == [1, 1] and [call[3] for call in others] == [6, 6]
    assert all(call[1] <= 1e-6 for call in others)
    assert others[0][2] == pytest.approx(WHERE + ETA)
    assert others[1][2] == pytest.approx(WHERE + ETA + 0.5)


# ---- its first steps


def test_a_trial_begins_away_from_the_start_of_the_method():
    """At the start itself a gradient may vanish, or all entries be equal."""
    begun = []

    def equation(gradient, path, eta):
        begun.append(path[0])
        return path[-1] - eta * gradient(path[-1])

    def step(pull, theta, state, k, eta):
        return theta + eta * pull.value(theta), state

    for start in (np.zeros(4), np.array([1.0, -2.0, 3.0, 0.5])):
        ibias.check_method(own(step, start=start), equation)
        away = begun[-1] - start
        assert (away >= 0.1).all() and (away <= 0.6).all() and np.ptp(away) > 0.01


def test_start_and_shape_of_a_method_are_looked_at():
    for start in (np.zeros(3), np.zeros((1, 4)), 0.0):
        (fault,) = faults_of(own(constant(), start=start))
        assert fault.startswith("start(objective) must have shape (4,)")
        assert fault.endswith(f"they are {np.shape(start)} and ().")
    (fault,) = faults_of(own(constant(), start="text"))
    assert fault.startswith("start(objective) raises ValueError")

    class Listed(Own):
        shape = [2]  # noqa: RUF012

    wrong = faults_of(Listed(SimpleNamespace(step=constant())))
    assert wrong[-1].endswith("they are (4,) and [2].")


def test_a_step_returns_theta_and_the_state():
    for made, shown in (
        ([WHERE, None], "list"),
        ((WHERE, None, None), "[(4,), (), ()]"),
        ((WHERE,), "[(4,)]"),
        ((WHERE[:3], None), "[(3,), ()]"),
        ((WHERE[None], np.zeros(2)), "[(1, 4), (2,)]"),
        (None, "NoneType"),
    ):
        (fault,) = faults_of(own(lambda p, t, s, k, eta, made=made: made))
        assert fault == (
            f"step must return theta, of shape (4,), and the state; it returns {shown}."
        )


def test_what_raises_is_named_once_and_nothing_else_is_looked_at():
    def at(bad):
        def step(pull, theta, state, k, eta):
            if k == bad:
                raise ArithmeticError("refused")
            return theta + eta, state

        return own(step)

    def init(theta):
        raise ArithmeticError("refused")

    assert faults_of(own(constant(), init=init)) == ["init or step raises ArithmeticError: refused"]
    assert faults_of(at(0)) == ["init or step raises ArithmeticError: refused"]
    for k in (1, 2, 3):
        assert faults_of(at(k)) == ["step raises ArithmeticError: refused"]


def test_every_look_counts_its_steps_from_zero_with_a_fresh_state():
    def step(pull, theta, state, k, eta):
        assert k == state
        return theta + eta, state + 1

    assert len(ibias.check_method(own(step, init=lambda theta: 0)).holds) == 5


def test_it_moves_and_stays_finite_in_every_entry_and_at_every_step():
    for bad in (np.nan, np.inf):
        for entry in range(4):
            for step in range(4):

                def sick(p, t, s, k, eta, step=step, entry=entry, bad=bad):
                    after = t + eta
                    if k == step:
                        after[..., entry] = bad
                    return after, s

                (fault,) = faults_of(own(sick))
                assert fault.startswith("step makes numbers that are not finite, from theta = (")
                assert fault.endswith(f"with eta = {ETA}.")
    for entry in range(4):
        one = np.eye(4)[entry]
        report = ibias.check_method(own(lambda p, t, s, k, eta, one=one: (t + eta * one, s)))
        assert len(report.holds) == 5
    (fault,) = faults_of(own(lambda p, t, s, k, eta: (t.copy(), s)))
    assert fault.startswith("step stands still, from theta = (")

    def there_and_back(p, t, s, k, eta):
        return (s.copy() if k % 2 else t + 1), s

    assert faults_of(own(there_and_back, init=np.copy))[0].startswith("step stands still")


def test_theta_is_not_changed_in_place_in_any_entry():
    for entry in range(4):

        def step(p, t, s, k, eta, entry=entry):
            t[..., entry] += eta
            return t + eta, s

        (fault,) = faults_of(own(step))
        assert fault.startswith("step changes theta in place")


# ---- batches


def test_a_batch_moves_as_its_members_up_to_rounding_of_the_longest_way():
    """Three steps sizes, the largest 3 eta: the way is 12 eta."""
    for member in np.ndindex(2, 3, 4):

        def method(off, member=member):
            def nudge(theta, k, eta):
                one = np.zeros(np.shape(theta))
                if theta.ndim == 3:
                    one[member] = off * (k == 3)
                return one

            return own(constant(nudge))

        for sign in (-1, 1):
            assert looked(looks._batch, method(0.9 * sign * SAME * 12 * ETA)).holds
            (fault,) = looked(looks._batch, method(1.1 * sign * SAME * 12 * ETA)).wrong
            assert fault.startswith("a batch of theta, of shape (2, 3, 4), does not move")
            assert fault.endswith("over the last axis alone, of 4 entries.")


def over(axis):
    """A step that averages the gradient over one axis of a batch."""

    def step(pull, theta, state, k, eta):
        g = pull.value(theta)
        return theta + eta * (g.mean(axis=axis, keepdims=True) if g.ndim == 3 else g), state

    return step


def test_members_of_a_batch_do_not_see_each_other():
    def one_step_size(pull, theta, state, k, eta):
        return theta + np.ravel(eta)[0] * pull.value(theta), state

    def one_theta(pull, theta, state, k, eta):
        return theta + eta * pull.value(theta[(0,) * (theta.ndim - 1)]), state

    for step in (over(0), over(1), over((0, 1)), one_step_size, one_theta):
        (fault,) = looked(looks._batch, own(step)).wrong
        assert "does not move as its members do" in fault
    assert looked(looks._batch, GRADIENT).holds


def test_a_method_that_is_a_batch_itself_is_tried_in_batches_of_it():
    method = methods.Steepest([1, 1.5, 2])
    objective = small_problem(method)
    notes = looked(looks._batch, method, objective, np.tile(WHERE, (3, 1)))
    assert notes.holds == ["a batch of theta and step sizes moves as its members do"]


# ---- gradients of any size


def unit_of(change):
    """The step along the gradient's direction, computed from numbers that `change` spoils."""

    def step(pull, theta, state, k, eta):
        g = change(pull.value(theta))
        return theta + eta * g / np.linalg.norm(g, axis=-1, keepdims=True), state

    return step


def signs_of(change):
    def step(pull, theta, state, k, eta):
        return theta + eta * np.sign(change(pull.value(theta))), state

    return step


LARGE, SMALL = "where the gradient overflows (e^1000)", "where the gradient underflows (e^-1000)"
AFTER = "after gradients of very different sizes"


@pytest.mark.parametrize(
    ("step", "faults"),
    [
        (signs_of(lambda g: g), [f"{SMALL} the step changes there", f"{LARGE} the step is NaN"]),
        (
            signs_of(lambda g: np.nan_to_num(g, nan=0.0, posinf=1e300, neginf=-1e300)),
            [f"{SMALL} the step changes there"],
        ),
        (
            unit_of(lambda g: np.nan_to_num(g, nan=0.0, posinf=1e150, neginf=-1e150)),
            [f"{SMALL} the step is NaN", f"{LARGE} the step changes there", AFTER],
        ),
        (unit_of(lambda g: g), [f"{SMALL} the step is NaN", f"{LARGE} the step is NaN", AFTER]),
        # It depends on the size: only what is NaN as the gradient vanishes is a fault.
        (
            lambda p, t, s, k, eta: (t + eta * p.value(t) ** 2 / p.value(t).clip(1e-300), s),
            [],
        ),
        (lambda p, t, s, k, eta: (t + eta * p.value(t), s), []),
        (
            lambda p, t, s, k, eta: (
                t + eta * (g := p.value(t)) * g / np.abs(g).sum(-1, keepdims=True),
                s,
            ),
            [f"{SMALL} the step is NaN", AFTER],
        ),
        (constant(), []),
        # Only what overflows is wrong.
        (
            lambda p, t, s, k, eta: (
                t + eta * np.sign(p(t).direction if np.max(p(t).log_size) < 0 else p.value(t)),
                s,
            ),
            [f"{LARGE} the step is NaN"],
        ),
    ],
)
def test_a_step_is_right_where_the_gradient_is_no_double(step, faults):
    notes = looked(looks._sizes, own(step))
    assert len(notes.wrong) == len(faults), notes.wrong
    assert all(f.startswith(words) for f, words in zip(notes.wrong, faults, strict=True))
    assert notes.holds == ["its steps are right for gradients of any size"] * (not faults)


def test_a_step_that_depends_on_the_size_a_little_depends_on_it():
    """At e^100 and e^300 the moves differ by more than rounding: nothing is said of e^1000."""

    def slightly(p, t, s, k, eta):
        log_size, g = p(t)
        factor = 1 + 1e-6 * np.clip(log_size, -400, 400) / 400 + (np.abs(log_size) > 500)
        return t + eta * factor * np.sign(g), s

    def not_at_all(p, t, s, k, eta):
        log_size, g = p(t)
        return t + eta * (1 + (np.abs(log_size) > 500)) * np.sign(g), s

    assert not looked(looks._sizes, own(slightly)).wrong
    faults = looked(looks._sizes, own(not_at_all)).wrong
    assert [fault.startswith(where) for fault, where in zip(faults, (SMALL, LARGE), strict=True)]


@pytest.mark.parametrize("late", [0, 1, 2])
def test_each_of_three_steps_is_looked_at(late):
    """One that depends on the size in one of three steps depends on it."""

    def step(p, t, s, k, eta):
        log_size, g = p(t)
        factor = 1 + 0.1 * (k == late) * np.clip(log_size, -400, 400) / 400
        return t + eta * (factor + (np.abs(log_size) > 500)) * np.sign(g), s

    assert not looked(looks._sizes, own(step)).wrong


def test_the_way_is_what_counts_and_not_where_it_begins():
    def slightly(p, t, s, k, eta):
        log_size, g = p(t)
        factor = 1 + 1e-6 * np.clip(log_size, -400, 400) / 400 + (np.abs(log_size) > 500)
        return t + eta * factor * np.sign(g), s

    assert not looked(looks._sizes, own(slightly), theta=20 * WHERE).wrong


def test_a_step_without_end_is_another_one():
    def endless(p, t, s, k, eta):
        log_size, g = p(t)
        size = np.inf if k == 2 and np.max(log_size) > 500 else eta
        return t + np.where(g != 0, size * np.sign(g), 0.0), s

    def step(p, t, s, k, eta):
        with np.errstate(all="ignore"):
            after, s = endless(p, t, s, k, eta)
        return np.where(np.isnan(after), t, after), s

    (fault,) = looked(looks._sizes, own(step)).wrong
    assert fault.startswith(f"{LARGE} the step changes there")


@pytest.mark.parametrize(
    ("k", "rises"), [(1, True), (2, True), (1, False), (None, True), (None, False)]
)
def test_a_gradient_may_fall_and_rise_from_step_to_step(k, rises):
    """In the second or third step, after a first one of another size."""

    def step(pull, theta, state, now, eta):
        log_size, g = pull(theta)
        size = float(np.max(log_size))
        jump = size - state if now else 0.0
        sick = (jump > 500 if rises else jump < -500) and k in (None, now)
        return theta + eta * np.sign(g) + (np.nan if sick else 0.0), size

    notes = looked(looks._sizes, own(step))
    (fault,) = notes.wrong
    assert fault.startswith(AFTER) and not notes.holds


def test_one_entry_that_is_nan_is_enough():
    for entry in range(4):

        def step(pull, theta, state, k, eta, entry=entry):
            log_size, g = pull(theta)
            after = theta + eta * np.sign(g)
            if np.max(log_size) < -500:
                after[..., entry] = np.nan
            return after, state

        faults = looked(looks._sizes, own(step)).wrong
        assert [fault.startswith(SMALL) for fault in faults] == [True, False]


# ---- its equation


def test_each_of_eight_steps_is_compared_relative_to_its_length():
    def equation(late, off):
        def after(gradient, path, eta):
            assert eta == ETA
            return path[-1] + eta + off * (len(path) == late + 1) * np.array([0.0, 0.0, 0.0, 1.0])

        return after

    method = own(constant())
    for k in range(8):
        for sign in (-1, 1):
            right = equation(k, 0.9 * sign * SAME * ETA)
            notes = looked(looks._equation, method, equation=right)
            assert notes.holds == ["its step is that of the equation"]
            wrong = equation(k, 1.1 * sign * SAME * ETA)
            (fault,) = looked(looks._equation, method, equation=wrong).wrong
            assert fault.startswith(f"step {k} is not that of the equation: it comes to ")
    (fault,) = looked(looks._equation, method, equation=equation(2, 1.0)).wrong
    there = few(WHERE + 3 * ETA)
    assert fault.endswith(f"it comes to {there}, the equation to {there}.")
    (fault,) = looked(looks._equation, method, equation=lambda g, path, eta: path[-1]).wrong
    assert fault.endswith(f"it comes to {few(WHERE + ETA)}, the equation to {few(WHERE)}.")
    assert not looked(looks._equation, method, equation=None).holds
    assert not looked(looks._equation, method, equation=equation(8, 1.0)).wrong


def test_the_equation_sees_the_gradient_of_the_risk_and_the_path_so_far():
    objective, lengths = small_problem(GRADIENT), []
    risk = lambda theta: np.exp(objective.log_risk(theta))  # noqa: E731

    def equation(gradient, path, eta):
        h = 1e-5 * np.eye(4)
        rises = (risk(path[-1] + h) - risk(path[-1] - h)) / 2e-5
        assert gradient(path[-1]) == pytest.approx(rises, abs=1e-8)
        lengths.append(len(path))
        return path[-1] - eta * gradient(path[-1])

    assert looked(looks._equation, GRADIENT, equation=equation).holds
    assert lengths == list(range(1, 9))


# ---- its steps and its flow


def raising(error):
    def rule(objective, sampled):
        raise error

    return rule


def test_default_steps_are_a_rule_or_words_that_begin_with_steps():
    for rule in (
        lambda objective, sampled: steps.Constant(1.0),
        lambda objective, sampled: steps.Decaying(0.1),
        raising(ValueError("steps: give them")),
        lambda objective, sampled: 1 / 0 if sampled else steps.Constant(objective.n_samples),
    ):
        notes = looked(looks._default_steps, own(constant(), rule=rule))
        assert not notes.wrong and not notes.holds
    for rule, shown in (
        (lambda objective, sampled: 0.5, "0.5"),
        (raising(ValueError("give steps: them")), "ValueError('give steps: them')"),
    ):
        (fault,) = looked(looks._default_steps, own(constant(), rule=rule)).wrong
        assert fault.endswith(f"it makes {shown}.")
    (fault,) = faults_of(own(constant(), rule=raising(KeyError("x"))))
    assert fault == "without steps it raises KeyError: 'x'"


def along(velocity=None, **limit):
    """A limit whose flow moves every entry with speed one."""
    ones = lambda pull, theta: Downhill(np.zeros(1), np.ones_like(theta))  # noqa: E731
    return Limit("velocity", velocity=velocity or ones, **limit)


@pytest.fixture
def few_counts(monkeypatch):
    monkeypatch.setattr(looks, "COUNTS", [10, 40, 160])


def test_a_method_comes_to_its_flow_within_a_hundredth_of_the_way(few_counts):
    for speed, follows in ((1.009, True), (0.991, True), (1.011, False), (0.989, False)):
        notes = looked(looks._flow, own(constant(speed=speed), limit=along()))
        assert notes.holds == ["it follows its flow as the steps shrink"] * follows
        assert len(notes.wrong) == 1 - follows
    (fault,) = notes.wrong
    assert fault.startswith(
        f"it does not follow its flow: 160 steps up to time 1 end at {few(WHERE + 0.989)}, the"
        f" flow at {few(WHERE + 1)}, both from {few(WHERE)}."
    )


@pytest.mark.parametrize("way", [0.1, 3.0])
def test_a_hundredth_of_any_way(way, few_counts):
    velocity = lambda pull, theta: Downhill(np.zeros(1), way * np.ones_like(theta))  # noqa: E731
    for share, follows in ((1.009, True), (1.011, False)):
        method = own(constant(speed=share * way), limit=along(velocity))
        assert bool(looked(looks._flow, method).holds) is follows


def test_two_counts_are_compared_at_least(monkeypatch):
    monkeypatch.setattr(looks, "COUNTS", [10, 40])
    assert looked(looks._flow, own(constant(), limit=along())).holds

    def step(pull, theta, state, k, eta):
        return theta + eta * (1 + 100 * eta), state

    assert looked(looks._flow, own(step, limit=along())).holds

    def right_once(pull, theta, state, k, eta):
        return theta + eta * (1.0 if eta > 0.05 else 1.5), state

    assert not looked(looks._flow, own(right_once, limit=along())).holds


def test_the_parameters_of_a_model_follow_their_flow():
    line = datasets.Regression([[1.0, -2.0, 0.5], [0.3, 1.0, 1.0]], [1.0, 0.5])
    objective = Objective(line, model=models.DiagonalLinear(3, 2))
    notes = looked(looks._flow, GRADIENT, objective, np.array([0.5, 0.4, 0.6, 0.3, 0.4, 0.5]))
    assert notes.holds == ["it follows its flow as the steps shrink"]
    table = datasets.four_by_four_completion()
    factors = Objective(table, model=models.MatrixProduct(table.shape, 2))
    theta = np.random.default_rng(0).uniform(0.1, 0.6, factors.n_parameters)
    notes = looked(looks._flow, GRADIENT, factors, theta)
    assert notes.holds == ["it follows its flow as the steps shrink"]


@pytest.mark.parametrize("size", [-300.0, 300.0])
def test_what_is_still_to_come_of_an_error_like_eta_is_added(size, few_counts):
    """The way is one, and at the last count the error is more than that."""

    def step(pull, theta, state, k, eta):
        return theta + eta * (1 + size * eta), state

    assert looked(looks._flow, own(step, limit=along())).holds


def test_an_error_that_falls_slowly_is_waited_for(few_counts):
    """An error of the root of eta: what is left of it after 10, 40 and 160 steps is known."""

    def end(size):
        def step(pull, theta, state, k, eta):
            return theta + eta * (1 + size * np.sqrt(eta)), state

        return looked(looks._flow, own(step, limit=along()))

    # ends 1 + size / sqrt(n); with a third of the last change, size / sqrt(n) * (1 - 1 / 3)
    for n in (40, 160):
        edge = 0.01 * np.sqrt(n) * 3 / 2
        assert bool(end(0.99 * edge).holds)
    assert not end(1.01 * edge).holds


def test_the_flow_is_looked_at_last_and_only_where_there_is_one(few_counts):
    method = own(constant(), limit=along())
    notes = Notes("method", method, Method)
    notes.wrong.append("something")
    looks._flow(notes, Trial(method, small_problem(GRADIENT), WHERE))
    assert notes.wrong == ["something"] and not notes.holds
    still = looked(looks._flow, own(constant()))
    assert not still.wrong and not still.holds
    (fault,) = looked(looks._flow, own(constant(), limit=Limit("none"))).wrong
    assert fault.startswith("flow raises ValueError")


def test_the_time_of_an_accelerated_flow_is_the_root_of_eta_times_k():
    notes = looked(looks._flow, methods.Nesterov())
    assert notes.holds == ["it follows its flow as the steps shrink"]
