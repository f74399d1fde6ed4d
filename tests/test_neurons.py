"""Neurons on orthogonal inputs: the network in its own parameters, a start at nothing, guards."""

import re

import numpy as np
import pytest
from scipy.integrate import DOP853, RK45, solve_ivp
from scipy.optimize import brentq

from ibias import datasets
from ibias.datasets import Regression
from ibias.flow import IntegrationFailed, orthogonal, orthogonal_relu_flow
from ibias.flow.orthogonal import NeuronField

HOW = {"signs": [1, -1], "directions": np.eye(2), "log_size": -3.0, "times": [1.0]}


def plainly(data, signs, W, a, times):
    """The parameters at the times, by the definition: w_j' = a_j sum r_i x_i / n, and so on."""
    n, d = data.X.shape

    def velocity(_, theta):
        W, a = theta[: -len(signs)].reshape(-1, d), theta[-len(signs) :]
        seen = W @ data.X.T
        residuals = data.y - a @ np.maximum(seen, 0)
        dW = a[:, None] * ((seen > 0) * residuals) @ data.X / n
        return np.concatenate([dW.ravel(), np.maximum(seen, 0) @ residuals / n])

    start = np.concatenate([W.ravel(), a])
    solved = solve_ivp(
        velocity, (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-13, max_step=0.05
    )
    theta = solved.y.T
    return theta[:, : -len(signs)].reshape(len(times), -1, d), theta[:, -len(signs) :]


@pytest.mark.parametrize("n_features", [2, 4])
def test_all_that_it_returns_is_that_of_the_network(n_features):
    """Neurons of sizes of their own, some of which see one input, none, or leave one."""
    rng = datasets.generator(3)
    axes = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0][:2]
    data = Regression(axes * np.array([[1.2], [0.7]]), [1.5, -1.0])
    signs = np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])
    cosines = np.array([[1, 0.2], [0.1, 1], [-1, 0.5], [0.5, -0.3], [-1, -1], [0.3, 1]])
    directions = cosines @ axes
    if n_features == 4:
        directions += 0.4 * (np.eye(4) - axes.T @ axes)[:1]
    log_size = np.log([0.3, 0.2, 0.5, 0.25, 0.4, 0.6])
    times = np.array([0.0, 0.4, 1.0, 2.5, 6.0])
    how = {"signs": signs, "directions": directions, "log_size": log_size, "times": times}
    run = orthogonal_relu_flow(data, **how, tolerance=1e-9)
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    W, a = plainly(
        data,
        signs,
        np.exp(log_size)[:, None] * directions / lengths,
        signs * np.exp(log_size),
        times,
    )
    seen = np.maximum(W @ data.X.T, 0)
    size = np.linalg.norm(W, axis=2, keepdims=True)
    assert (((seen > 0).sum(axis=0) > 0) & (seen[-1] <= 1e-9)).any()  # one leaves an input
    assert run.times.tolist() == times.tolist()
    assert run.log_sizes == pytest.approx(np.log(np.abs(a)), abs=1e-8)
    assert run.cosines == pytest.approx(seen / size / np.linalg.norm(data.X, axis=1), abs=1e-8)
    predictions = np.einsum("tj,tji->ti", a, seen)
    assert run.predictions == pytest.approx(predictions, abs=1e-8)
    risk = ((predictions - data.y) ** 2).mean(axis=1) / 2
    assert np.exp(run.log_risk) == pytest.approx(risk, abs=1e-8)
    assert run.norms == pytest.approx((np.abs(a)[..., None] * size).sum(axis=(1, 2)), abs=1e-8)
    limit = 1e-9 * np.maximum(1, np.abs(run.log_sizes).max(axis=1))
    assert run.error_estimate.shape == (5,)
    assert (run.error_estimate >= 0.01 * limit).all() and (run.error_estimate <= limit).all()
    assert run.n_evaluations > 100


def turning(X, y, sign, w, t):
    """log size and cosines of one neuron at time t while f = 0: hyperbolic between two kinks.

    w' = a g and a' = <w, g> with g = sum of y_i x_i / n over the active inputs.
    """
    lengths, n = np.linalg.norm(X, axis=1), len(y)
    w = w / np.linalg.norm(w)
    active, a, log_size = X @ w > 0, sign, 0.0
    while True:
        g = (active * y) @ X / n
        G = np.linalg.norm(g)
        e = g / G if G else g

        def at(t, w=w, a=a, G=G, e=e):
            c, s = np.cosh(G * t), np.sinh(G * t)
            return w + (a * s + (w @ e) * (c - 1)) * e, a * c + (w @ e) * s

        def lead(t, i, at=at):
            return X[i] @ at(t)[0] / np.linalg.norm(at(t)[0])

        grid = np.linspace(0, t, 101)
        first, which = t, None
        for i in np.flatnonzero(active):
            below = np.flatnonzero([lead(u, i) < 0 for u in grid[1:]])
            if below.size:
                left = brentq(lead, grid[below[0]], grid[below[0] + 1], args=(i,), xtol=1e-14)
                if left < first:
                    first, which = left, i
        w, a = at(first)
        size = abs(a)
        log_size, w, a = log_size + np.log(size), w / size, a / size
        if which is None:
            seen = np.maximum(X @ w / lengths, 0) * active
            return log_size, seen
        active, t = active & (np.arange(len(y)) != which), t - first


@pytest.mark.parametrize(("n_features", "length"), [(3, 1.0), (5, 1.0), (3, 1e6)])
def test_a_start_at_nothing_turns_as_hyperbolic_functions_do(n_features, length):
    """Before it has grown: residuals are the targets. Some leave inputs, two of them at once.

    Inputs that are longer are a faster clock: neurons leave them as much earlier.
    """
    rng = datasets.generator(5)
    axes = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0][:3]
    data = Regression(axes * np.array([[1.0], [1.5], [0.8]]), [1.0, -1.2, 2.0])
    signs = np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])
    directions = rng.standard_normal((6, n_features))
    directions[5] = directions[4]
    times = np.array([0.0, 0.5, 1.0, 4.0])
    log_size = np.array([-100.0, -110.0, -90.0, -100.0, -95.0, -120.0])
    how = {"signs": signs, "directions": directions, "log_size": log_size}
    run = orthogonal_relu_flow(
        Regression(length * data.X, data.y), **how, times=times / length, tolerance=1e-10
    )
    for k, t in enumerate(times):
        for j in range(6):
            grown, cosines = turning(data.X, data.y, signs[j], directions[j], t)
            assert run.log_sizes[k, j] - log_size[j] == pytest.approx(grown, abs=1e-7)
            assert run.cosines[k, j] == pytest.approx(cosines, abs=1e-7)
    assert (run.cosines[0] > run.cosines[-1]).any()
    assert run.cosines[-1, 4].tolist() == pytest.approx(run.cosines[-1, 5].tolist(), abs=1e-7)
    assert run.log_risk == pytest.approx(np.full(4, np.log((1 + 1.44 + 4) / 6)))
    assert np.abs(run.predictions).max() < 1e-30


@pytest.mark.parametrize("hidden", [1e-9, 1e-12, 1e-15])
def test_a_neuron_that_shrinks_turns_by_what_is_far_below_any_local_error(hidden):
    """log(cosh + c sinh) with c = -sqrt(1 - hidden^2): it shrinks to `hidden`, and grows again."""
    data = Regression([[1.0, 0.0]], [-2.0])
    times = np.array([10.0, 15.0, 20.0, 30.0])
    directions = [[1.0, hidden]]
    run = orthogonal_relu_flow(
        data, signs=[1], directions=directions, log_size=-200.0, times=times[:1], tolerance=1e-8
    )
    assert run.log_sizes[0, 0] + 200 == pytest.approx(
        np.log(np.exp(-20.0) + hidden**2 / 4 * np.exp(20.0)), abs=1e-5
    )
    # An input at right angles whose target is zero pulls at nothing: what it sees stays.
    both = Regression(np.eye(2), [-4.0, 0.0])
    there = orthogonal_relu_flow(
        both, signs=[1], directions=directions, log_size=-200.0, times=times[:1], tolerance=1e-8
    )
    assert there.log_sizes == pytest.approx(run.log_sizes, abs=1e-5)


def test_a_neuron_all_along_its_input_shrinks_for_ever():
    run = orthogonal_relu_flow(
        Regression([[1.0]], [-2.0]),
        signs=[1],
        directions=[[0.5]],
        log_size=-9.0,
        times=[40.0, 90.0],
    )
    assert run.log_sizes[:, 0] == pytest.approx([-89.0, -189.0], abs=1e-4)
    assert run.cosines.ravel() == pytest.approx([1.0, 1.0])
    # The other way round it grows until it fits; and what it does is its own mirror image.
    grown = [
        orthogonal_relu_flow(
            Regression([[1.0]], [2.0 * sign]),
            signs=[sign],
            directions=[[0.5]],
            log_size=-9.0,
            times=[3.0, 9.0],
        )
        for sign in (1, -1)
    ]
    assert grown[0].log_sizes == pytest.approx(grown[1].log_sizes, abs=1e-12)
    assert grown[0].predictions == pytest.approx(-grown[1].predictions, abs=1e-12)
    assert grown[0].predictions[-1] == pytest.approx(2, abs=1e-4)


def test_the_field_in_sizes_and_cosines_is_that_of_the_weights():
    """Also where errors have made the lengths N other than one, which divides them out."""
    rng = datasets.generator(8)
    lengths, y, signs = np.array([1.0, 2.0, 0.5]), rng.standard_normal(3), np.array([1.0, -1.0])
    log_unseen = np.array([np.log(0.3), -np.inf])
    field = NeuronField(lengths, y, signs, log_unseen)
    state = np.column_stack([[-0.2, 0.4], rng.standard_normal((2, 3))])
    active = np.array([[True, False, True], [True, True, False]])
    right = np.zeros((2, 4))
    shown = state[:, 1:]
    f = [
        sum(
            signs[j] * np.exp(2 * state[j, 0]) * lengths[i] * max(shown[j, i], 0) * active[j, i]
            for j in range(2)
        )
        for i in range(3)
    ]
    for j in range(2):
        pull = [signs[j] * (y[i] - f[i]) * lengths[i] / 3 for i in range(3)]
        N = sum(shown[j, i] ** 2 for i in range(3) if active[j, i])
        N += np.exp(2 * log_unseen[j] - 2 * state[j, 0])
        right[j, 0] = sum(pull[i] * shown[j, i] for i in range(3) if active[j, i]) / N
        for i in np.flatnonzero(active[j]):
            right[j, 1 + i] = pull[i] - right[j, 0] * shown[j, i]
    assert field.derivative(state.ravel(), active) == pytest.approx(right.ravel(), abs=1e-13)
    stack = np.stack([state.ravel(), 2 * state.ravel()])
    sizes, cosines = field.parts(stack)
    assert sizes == pytest.approx(stack[:, [0, 4]]) and cosines.shape == (2, 2, 3)
    alone = [field.residuals(*field.parts(one)) for one in stack]
    assert field.residuals(sizes, cosines) == pytest.approx(np.array(alone))
    assert alone[0] == pytest.approx(
        y - (signs * np.exp(2 * state[:, 0])) @ np.maximum(shown, 0) * lengths
    )


def test_at_the_start_nothing_is_evaluated_and_what_is_at_right_angles_is_not_seen():
    """A ReLU at zero has no slope: a neuron along one input never turns to the other."""
    data = Regression(np.eye(2), [1.0, 1.0])
    field = NeuronField(np.ones(2), data.y, np.array([1.0]), np.array([-np.inf]))
    state = np.array([-3.0, 1.0, 0.0])
    states, calls, _ = field.run(state, np.array([0.0]), 1e-9, DOP853)
    assert calls == 0 and states.tolist() == [state.tolist()]
    run = orthogonal_relu_flow(data, signs=[1], directions=[[1.0, 0.0]], log_size=-3.0, times=[9.0])
    assert run.cosines.tolist() == [[[1.0, 0.0]]] and run.predictions[0, 1] == 0
    square = np.exp(-6.0)  # a^2 is a logistic curve of rate one
    assert run.norms == pytest.approx(1 / (1 + (1 / square - 1) * np.exp(-9.0)), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signs": [[1, -1]]}, "signs must have 1 axes"),
        (
            {"signs": [], "directions": np.zeros((0, 2))},
            "signs must be 1 or -1, one of each neuron",
        ),
        ({"directions": [1.0, 0.0]}, "directions must have 2 axes"),
    ],
)
def test_a_wrong_number_of_axes_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        orthogonal_relu_flow(Regression(np.eye(2), [1.0, 1.0]), **{**HOW, **change})


@pytest.mark.parametrize(("off", "holds"), [(0.3, True), (0.7, False), (-0.7, False)])
def test_the_second_run_is_a_guard(monkeypatch, off, holds):
    """A check run that is off by this part of the tolerance: twice it is the error estimate."""
    right, methods, cost = NeuronField.run, [], []

    def forged(self, state, times, local_error, method, *allowed):
        states, calls, rest = right(self, state, times, local_error, method, *allowed)
        methods.append(method)
        cost.append(calls)
        if method is RK45:
            states = states.copy()
            states[-1, 1] += off * 1e-5
        return states, calls, rest

    monkeypatch.setattr(NeuronField, "run", forged)
    how = HOW | {"log_size": -0.5, "times": [1.0, 2.0], "tolerance": 1e-5}
    data = Regression(np.eye(2), [1.0, -1.0])
    if holds:
        run = orthogonal_relu_flow(data, **how)
        assert run.error_estimate[-1] == pytest.approx((2 * off + 0.01) * 1e-5, rel=0.15)
        assert methods == [DOP853, RK45] and run.n_evaluations == sum(cost)
    else:
        with pytest.raises(IntegrationFailed, match=r"^at t = 2 two runs"):
            orthogonal_relu_flow(data, **how)
        assert methods == [DOP853, RK45] * 3  # closer ones, and as they nearly agree still closer


@pytest.mark.parametrize("cosine", [1e-9, -1e-9])
def test_inputs_may_be_orthogonal_up_to_rounding(cosine):
    for off, fits in ((0.01 * cosine, True), (10 * cosine, False)):
        for pair in ((0, 1), (1, 2), (0, 2)):
            X = np.eye(3)
            X[pair[0], pair[1]] = off
            how = {"signs": [1], "directions": [[1.0, 0, 0]], "log_size": -3.0, "times": [1.0]}
            data = Regression(2 * X, [1.0, 1.0, 1.0])
            if fits:
                assert np.isfinite(orthogonal_relu_flow(data, **how).log_sizes).all()
            else:
                with pytest.raises(ValueError, match="the inputs must be orthogonal"):
                    orthogonal_relu_flow(data, **how)


def test_an_integrator_that_cannot_go_on_says_where(monkeypatch):
    """The field is made to end where the size is e^-1, at time 2 / 500."""
    right = NeuronField.derivative

    def ends(self, state, active):
        return right(self, state, active) * (1.0 if state[0] < -1 else np.nan)

    monkeypatch.setattr(NeuronField, "derivative", ends)
    data = Regression(np.eye(2), [1000.0, 0.0])
    with pytest.raises(IntegrationFailed, match=r"^the integrator stopped after time 0\.0040"):
        orthogonal_relu_flow(data, **HOW)


ALONG = [(1, 2), (1, 3), (2, 3), (5, 7), (1, 7), (3, 7), (3, 11), (7, 9)]


@pytest.mark.parametrize(("a", "b"), ALONG)
@pytest.mark.parametrize("unit", [1.0, 0.1, 1e5])
def test_a_neuron_that_lies_along_an_input_does_not_see_the_other_one(a, b, unit):
    """However the sum of products is rounded: it fits what it sees, and nothing else."""
    X = unit * np.array([[a, b], [b, -a]])
    data = Regression(X / np.linalg.norm(X, axis=1, keepdims=True), [1.0, 1.0])
    how = {"signs": [1], "log_size": -1.0, "times": [30.0]}
    for own in (0, 1):
        run = orthogonal_relu_flow(data, directions=[X[own]], **how)
        assert run.predictions[0, own] == pytest.approx(1.0, abs=1e-6)
        assert run.predictions[0, 1 - own] == 0 and run.cosines[0, 0, 1 - own] == 0


def test_a_faint_cosine_that_is_none_of_rounding_is_seen():
    """In coordinates along the inputs a cosine is exact, however small."""
    data = Regression(np.eye(2), [1.0, 1.0])
    how = {"signs": [1], "log_size": -1.0, "times": [200.0]}
    run = orthogonal_relu_flow(data, directions=[[1.0, 1e-17]], **how)
    assert run.predictions[0] == pytest.approx([1.0, 1.0], abs=1e-5)


def test_inputs_that_are_nearly_orthogonal_count_as_orthogonal():
    """To 1e-10 they are let through; then a neuron along one does not see another either."""
    X = np.array([[1.0, 1e-11], [0.0, 1.0]])
    how = {"signs": [1], "log_size": -1.0, "times": [60.0]}
    run = orthogonal_relu_flow(Regression(X, [1.0, 1.0]), directions=[X[0]], **how)
    assert run.predictions[0] == pytest.approx([1.0, 0.0], abs=1e-6)


@pytest.mark.parametrize(("a", "b"), ALONG)
def test_what_rounding_leaves_outside_the_inputs_holds_no_neuron(a, b):
    """One that shrinks along its input, d xi/dt = (s/n) r, shrinks for as long as it is asked."""
    X = np.array([[a, b, 0.0], [b, -a, 0.0]]) / np.hypot(a, b)
    turned = np.linalg.qr(datasets.generator(a * b).standard_normal((3, 3)))[0]
    how = {"signs": [1], "log_size": -20.0, "times": [150.0]}
    run = orthogonal_relu_flow(
        Regression(X @ turned, [-1.0, 0.0]), directions=[X[0] @ turned], **how
    )
    assert run.log_sizes[0, 0] == pytest.approx(-95.0, abs=1e-3)
    assert run.cosines[0, 0] == pytest.approx([1.0, 0.0], abs=1e-6)


def drawn(seed, y):
    """Six neurons of both signs on three orthogonal inputs of different lengths."""
    rng = datasets.generator(seed)
    axes = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    how = {"signs": np.resize([1, -1], 6), "directions": rng.standard_normal((6, 3))}
    return Regression(axes * np.array([[1.0], [1.5], [0.8]]), y), how


@pytest.mark.parametrize("late", [1e4, 2e5, 1e9, 1e100])
@pytest.mark.parametrize("seed", range(3))
def test_once_the_flow_rests_later_times_cost_nothing(late, seed):
    """And it is where it is at the last time that is integrated to, within the estimates."""
    data, how = drawn(seed, [1.0, -0.7, 0.5])
    early = orthogonal_relu_flow(data, log_size=-1.0, times=[1.0, 200.0], tolerance=1e-9, **how)
    run = orthogonal_relu_flow(data, log_size=-1.0, times=[1.0, 200.0, late], **how)
    off = np.abs(run.log_sizes[:2] - early.log_sizes).max(axis=1)
    assert (off <= run.error_estimate[:2] + early.error_estimate).all()
    assert (run.log_sizes[2] == run.log_sizes[1]).all()
    assert run.n_evaluations < 10_000


@pytest.mark.parametrize("log_size", [-1000.0, -1e6])
def test_a_late_start_of_the_growth_is_waited_for(log_size):
    """-log_size / 2 long, for one neuron and a target of two."""
    how = {"signs": [1], "directions": [[1.0]], "log_size": log_size}
    times = [-0.4 * log_size, -0.5 * log_size + 60, -5 * log_size]
    run = orthogonal_relu_flow(Regression([[1.0]], [2.0]), times=times, **how)
    assert run.log_sizes[0, 0] == pytest.approx(0.2 * log_size, rel=1e-6)
    assert run.predictions[1:] == pytest.approx(2.0, rel=1e-3)


def test_a_bound_on_what_is_left_of_the_way_bounds_it():
    """From states on the way of random problems, of any sizes; and where none is known, it says so.

    Also where a neuron is about to leave an input.
    """
    bounds = 0
    for seed in range(12):
        data, how = drawn(seed, datasets.generator(seed).standard_normal(3))
        lengths = np.linalg.norm(data.X, axis=1)
        W = how["directions"] / np.linalg.norm(how["directions"], axis=1, keepdims=True)
        cosines = W @ (data.X / lengths[:, None]).T
        with np.errstate(divide="ignore"):
            unseen = np.log(np.square(np.minimum(cosines, 0)).sum(axis=1)) / 2
        field = NeuronField(lengths, data.y, how["signs"], unseen - 1.0)
        start = np.column_stack([np.full(6, -1.0), cosines]).ravel()
        times = np.array([*np.linspace(2.0, 60.0, 30), 400.0])
        states, *_ = field.run(start, times, 1e-12, DOP853)
        for t, state in zip(times[:-1], states, strict=False):
            active = field.parts(state)[1] > 0
            for allowed in (1e-3, 1e-5):
                rest = field.rest(t, state, active, allowed)
                if rest.left <= allowed:
                    bounds += 1
                    sizes, shown = field.parts(np.array([state, states[-1]]))
                    assert np.abs(np.diff(sizes, axis=0)).max() <= rest.left + 1e-9
                    assert np.abs(np.diff(np.maximum(shown, 0), axis=0)).max() <= rest.left + 1e-9
    assert bounds > 100
    field = NeuronField(np.ones(1), np.ones(1), np.ones(1), np.array([-np.inf]))
    for state, left in (([-800.0, 1.0], np.inf), ([0.0, 1e-4], np.inf), ([0.0, 1.0], 0.0)):
        assert field.rest(0.0, np.array(state), np.array([[True]]), 1e-3).left == left
    assert field.rest(0.0, np.array([0.0, -1.0]), np.array([[False]]), 1e-3).left == 0.0


def test_a_neuron_that_shrinks_for_longer_than_there_are_evaluations_is_refused(monkeypatch):
    """With times that work."""
    monkeypatch.setattr(orthogonal, "MAX_EVALUATIONS", {DOP853: 3_000, RK45: 12_000})
    data, how = Regression([[1.0]], [-2.0]), {"signs": [1], "directions": [[1.0]], "log_size": -9.0}
    with pytest.raises(IntegrationFailed, match="3000 evaluations took the flow only") as refused:
        orthogonal_relu_flow(data, times=[1e9], **how)
    until = float(re.search(r"times up to ([\d.e+]+)\.$", str(refused.value))[1])
    run = orthogonal_relu_flow(data, times=[until], **how)
    assert run.log_sizes[0, 0] == pytest.approx(-9 - 2 * until, rel=1e-6) and until > 50
