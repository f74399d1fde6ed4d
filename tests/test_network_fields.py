"""Fields of flows as functions, where they start, when they stop, and what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import softmax

from ibias import datasets, flow, losses, models
from ibias.datasets import Dataset, MulticlassDataset, Regression
from ibias.flow import IntegrationFailed, attention, cross_entropy, homogeneous, parametrized
from ibias.flow.attention import AttentionField
from ibias.flow.cross_entropy import CrossEntropyField, soft_minimum
from ibias.flow.homogeneous import NetworkField
from ibias.flow.log_time import Passage
from ibias.networks import BatchNormNetwork
from ibias.objectives import Objective

DATA = datasets.separable(0, n_samples=7, n_features=3)
NET = models.deep_linear(3, 2, 2)
BEGIN = NET.random(np.random.default_rng(1), 0.7, ())
TOKENS = datasets.token_sequences(0)
HEAD = models.Attention(3, 6)
QUERY = HEAD.random(datasets.generator(4), scale=0.3)
CLASSES = datasets.separable_classes(0, 8, 3, 4)
LINES = datasets.gaussian_regression(2, 5, 3)
NORMED = models.WeightNormalized(3)
THETA = NORMED.theta(np.array([0.5, -1.0, 0.3]))

FLOWS = {
    "network": (
        lambda **how: flow.network_flow(DATA, NET, start=BEGIN, **how),
        Objective(DATA, "logistic", NET),
        BEGIN,
    ),
    "attention": (
        lambda **how: flow.attention_flow(TOKENS, HEAD, start=QUERY, **how),
        Objective(TOKENS, "logistic", HEAD),
        QUERY,
    ),
    "classes": (
        lambda **how: flow.cross_entropy_flow(CLASSES, **how),
        None,
        np.zeros(12),
    ),
    "parameters": (
        lambda **how: flow.parametrized_flow(LINES, NORMED, start=THETA, **how),
        Objective(LINES, model=NORMED),
        THETA,
    ),
}
MODULES = {
    "network": homogeneous,
    "attention": attention,
    "classes": cross_entropy,
    "parameters": parametrized,
}


def descent_of_classes(data, w):
    P = softmax(data.X @ w.reshape(data.n_classes, -1).T, axis=1)
    off = np.eye(data.n_classes)[data.y] - P
    return (off.T @ data.X).ravel() / data.n_samples


def pull_of(name):
    objective = FLOWS[name][1]
    if objective is None:
        return lambda w: descent_of_classes(CLASSES, w)
    return lambda theta: objective.pull(theta).value()


class Spied:
    """The driver of the two runs, and a record of how it was called."""

    def __init__(self, monkeypatch, name, forge=None):
        self.calls = []
        module = MODULES[name]
        driver = "two_runs" if name == "network" else "agreed"
        right = getattr(module, driver)

        def drive(field, launch, times, tolerance, *rest, **how):
            self.calls.append((field, launch, np.array(times), tolerance, rest, how))
            done = right(field, launch, times, tolerance, *rest, **how)
            return forge(done) if forge else done

        monkeypatch.setattr(module, driver, drive)


# ---- all four ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_is_that_of_an_integrator_in_plain_time(name):
    run, _, begin = FLOWS[name]
    pull, log_t = pull_of(name), np.array([-3.0, 0.0, 1.5, 3.0])
    right = solve_ivp(
        lambda _, w: pull(w), (0, np.exp(3)), begin, "DOP853", np.exp(log_t), rtol=1e-11, atol=1e-12
    ).y.T
    path = run(log_t=log_t, tolerance=1e-6)
    assert path.iterates == pytest.approx(right, abs=3e-6)
    assert path.log_t.tolist() == log_t.tolist() and path.n_evaluations > 20
    assert path.status == f"integrated to log {'t =' if name == 'network' else 'time'} 3"
    size = np.maximum(1, np.abs(right).max(axis=1))
    if name in ("network", "attention"):
        size = np.maximum(1, np.linalg.norm(right, axis=1))
    assert (path.error_estimate > 0).all() and (path.error_estimate <= 1e-6 * size * 1.001).all()
    objective = FLOWS[name][1]
    if objective is not None:
        risks = [float(objective.log_risk(w)) for w in right]
    else:
        u = np.einsum("nd,tkd->tnk", CLASSES.X, right.reshape(4, 4, 3))
        P = softmax(u, axis=-1)[:, np.arange(8), CLASSES.y]
        risks = np.log(-np.log(P).mean(axis=1))
    assert path.log_risk == pytest.approx(risks, abs=1e-4)


@pytest.mark.parametrize("name", FLOWS)
def test_the_field_is_the_pull_times_the_time_for_one_or_several(name, monkeypatch):
    seen = Spied(monkeypatch, name)
    FLOWS[name][0](log_t=[0.0])
    field, pull = seen.calls[0][0], pull_of(name)
    rng = np.random.default_rng(5)
    states = FLOWS[name][2] + 0.5 * rng.standard_normal((4, len(FLOWS[name][2])))
    times = np.array([-1.0, 0.0, 0.5, 3.0])
    right = [np.exp(s) * pull(w) for s, w in zip(times, states, strict=True)]
    assert field(times, states) == pytest.approx(np.array(right), rel=1e-9, abs=1e-12)
    for s, w, moved in zip(times, states, right, strict=True):
        assert field(float(s), w) == pytest.approx(moved, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_starts_when_it_has_moved_by_less_than_the_local_error(name, monkeypatch):
    seen = Spied(monkeypatch, name)
    FLOWS[name][0](log_t=[2.0, 3.0])
    _, launch, times, *_ = seen.calls[0]
    begin, pull = FLOWS[name][2], pull_of(name)
    assert times.tolist() == [2.0, 3.0]
    moves = np.abs(pull(begin)).max()
    for error in (1e-4, 1e-9):
        s, state = launch(error, 0.0)
        earlier, before = launch(error, 3.0)
        assert earlier == pytest.approx(s - 3)
        assert state == pytest.approx(begin + np.exp(s) * pull(begin), abs=1e-15)
        assert before == pytest.approx(begin + np.exp(s - 3) * pull(begin), abs=1e-15)
        if name == "classes":
            size = np.linalg.norm(CLASSES.Z, axis=1).max()
            assert np.exp(2 * s) * size**3 * np.e**2 == pytest.approx(error)
        else:
            assert np.exp(s) * moves == pytest.approx(error)
    late = launch(1e9, 0.5)[0]  # never after the first time that is asked for
    assert late == pytest.approx(1.5 - (name == "classes"))


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"log_t": [1.0, 0.0]}, "log_t"),
        ({"log_t": [1.0], "tolerance": 0.0}, "tolerance"),
        ({"log_t": [1.0], "tolerance": -1e-6}, "tolerance"),
    ],
)
def test_bad_times_and_tolerances_are_named(name, change, words):
    with pytest.raises(ValueError, match=words):
        FLOWS[name][0](**change)


# ---- networks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_the_weights_of_the_samples_are_formed_from_logarithms(loss):
    field, margins = NetworkField(DATA, NET, losses.named(loss)), np.linspace(-2, 400, 7)
    exponents = field._exponents(np.array([0.0, 395.0]), np.stack([margins, margins]))
    slope = losses.named(loss).log_slope(margins)
    assert exponents == pytest.approx(np.stack([slope, slope + 395]) - np.log(7))
    weights = field._weights(395.0, margins)
    assert weights == pytest.approx(np.exp(np.minimum(slope + 395 - np.log(7), 50)), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 30.0])
@pytest.mark.parametrize("net", [NET, models.Network((3, 4, 1), "tanh")], ids=str)
def test_the_jacobian_is_a_difference_of_the_field_at_any_size(net, scale):
    theta = scale * net.random(np.random.default_rng(2), 0.5, ())
    field, h = NetworkField(DATA, net, losses.Logistic()), 1e-5 * np.linalg.norm(theta)
    rows = [
        (field(0.5, theta + h * e) - field(0.5, theta - h * e)) / (2 * h)
        for e in np.eye(theta.size)
    ]
    right = np.transpose(rows)
    assert field.jacobian(0.5, theta) == pytest.approx(right, abs=1e-6 * np.abs(right).max())


def test_the_second_derivative_of_large_weights_has_digits():
    tiny = Dataset(1e-6 * DATA.X, DATA.y)
    theta = 1e3 * BEGIN
    field, h = NetworkField(tiny, NET, losses.Logistic()), 1e-2
    rows = [(field(0.5, theta + h * e) - field(0.5, theta - h * e)) / (2 * h) for e in np.eye(8)]
    right = np.transpose(rows)
    off = np.abs(field.jacobian(0.5, theta) - right).max()
    assert off < 1e-7 * np.abs(right).max()


def test_a_start_far_on_the_wrong_side_moves_by_the_local_error(monkeypatch):
    """Its pull is e^600: it has moved by that much at log time -600 + log(1e-6)."""
    seen, line = Spied(monkeypatch, "network"), Dataset.one_class([[1.0]])
    how = {"loss": "exponential", "log_t": [-590.0], "start": [-600.0]}
    flow.network_flow(line, models.linear(1), **how)
    s, state = seen.calls[0][1](1e-6, 0.0)
    assert s == pytest.approx(np.log(1e-6) - 600)
    assert state == pytest.approx([1e-6 - 600], abs=1e-12)


def test_networks_are_followed_closely_and_for_so_many_evaluations(monkeypatch):
    seen = Spied(monkeypatch, "network")
    path = FLOWS["network"][0](log_t=[1.0, 40.0], tolerance=1e-4)
    field, launch, _, tolerance, (jacobian,), how = seen.calls[0]
    assert tolerance == 1e-4 and (how["fine"], how["coarse"]) == (0.001, 0.01)
    assert how["smallest"] == pytest.approx(0.1 / 40)
    assert how["symmetric"] and how["saddles"] and not how["smooth"]
    plain = NetworkField(DATA, NET, losses.Logistic())
    assert jacobian(0.3, BEGIN) == pytest.approx(plain.jacobian(0.3, BEGIN))
    halt = how["halt"]
    launch(1e-6, 0.0)
    field(np.zeros(homogeneous.MAX_EVALUATIONS), np.tile(BEGIN, (homogeneous.MAX_EVALUATIONS, 1)))
    assert not halt(0.0, BEGIN)
    field(0.0, BEGIN)
    assert halt(0.0, BEGIN)
    launch(1e-6, 0.0)  # another run has as many
    assert not halt(0.0, BEGIN)
    margins = DATA.y * NET.predict(path.final, DATA.X)
    largest = plain._exponents(0.0, margins).max()
    assert not halt(49.9 - largest, path.final)
    with pytest.raises(IntegrationFailed, match=r"the time times the pull exceeds exp\(50\)"):
        halt(50.1 - largest, path.final)
    early = Spied(monkeypatch, "network")
    FLOWS["network"][0](log_t=[-3.0, 0.5])
    assert early.calls[0][-1]["smallest"] == 0.1


@pytest.mark.parametrize(("part", "holds"), [(0.3, True), (0.7, False)])
def test_runs_of_a_network_that_differ_by_half_the_tolerance_are_refused(monkeypatch, part, holds):
    """In length, over max(1, the length of theta); twice the difference is the error."""

    def forge(runs):
        real = runs.real.states[-1]
        way = np.ones_like(real) / np.sqrt(real.size)
        runs.check.states[-1] = real + part * 1e-4 * max(1.0, np.linalg.norm(real)) * way
        return runs

    Spied(monkeypatch, "network", forge)
    run = FLOWS["network"][0]
    if holds:
        path = run(log_t=[1.0, 2.0], tolerance=1e-4)
        size = max(1.0, np.linalg.norm(path.final))
        assert path.error_estimate[-1] == pytest.approx((2 * part + 0.01) * 1e-4 * size, rel=1e-3)
    else:
        with pytest.raises(IntegrationFailed, match="start may lie near a saddle or a kink"):
            run(log_t=[1.0, 2.0], tolerance=1e-4)


@pytest.mark.parametrize("slow", ["real", "check"])
def test_a_network_that_does_not_arrive_says_how_far_it_came(monkeypatch, slow):
    """Of the two runs the one that came less far."""
    times = {"real": 9.0, "check": 9.0} | {slow: 4.0}

    def forge(runs):
        real, check = (
            replace(runs.real, time=times["real"]),
            replace(runs.check, time=times["check"]),
        )
        return replace(runs, real=real, check=check)

    Spied(monkeypatch, "network", forge)
    with pytest.raises(IntegrationFailed, match=r"40000 evaluations .*log t = 4 of 9: .*to 3\.95;"):
        FLOWS["network"][0](log_t=[1.0, 9.0])
    times[slow] = 9.0
    assert FLOWS["network"][0](log_t=[1.0, 9.0]).log_t[-1] == 9
    times[slow] = -4.0
    with pytest.raises(IntegrationFailed, match=r"log t = -4 of -2: .*to -4\.05;"):
        FLOWS["network"][0](log_t=[-2.0])

    def halfway(field, launch, times, *_, **__):
        one = Passage(np.empty((0, 8)), times[-1] - 1, np.zeros(8), 1)
        return homogeneous.Runs(one, one, np.empty(0))

    monkeypatch.setattr(homogeneous, "two_runs", halfway)
    other = BatchNormNetwork(3, 2)  # that has no name for what its units do
    with pytest.raises(IntegrationFailed, match="ask for times up to"):
        flow.network_flow(DATA, other, log_t=[9.0], start=np.arange(1.0, 9.0))
    relu = models.two_layer_relu(3, 2)
    with pytest.raises(IntegrationFailed, match=r"it slides along a kink of the ReLU\. Take"):
        flow.network_flow(DATA, relu, log_t=[9.0], start=relu.random(np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: flow.network_flow(3, NET, log_t=[0.0], start=BEGIN), "data must be a Dataset"),
        (lambda: flow.network_flow(DATA, 3, log_t=[0.0], start=BEGIN), "net"),
        (lambda: flow.network_flow(DATA, NET, log_t=[0.0], start=BEGIN[None]), "start must have 1"),
        (lambda: flow.network_flow(DATA, NET, log_t=[0.0], start=BEGIN[1:]), "start has shape"),
        (lambda: flow.network_flow(DATA, NET, log_t=[0.0], start=0 * BEGIN), "stationary"),
        (
            lambda: flow.network_flow(DATA, NET, loss="hinge", log_t=[0.0], start=BEGIN),
            "unknown loss",
        ),
        (lambda: flow.attention_flow(3, HEAD, log_t=[0.0], start=QUERY), "data must be a Dataset"),
        (lambda: flow.attention_flow(TOKENS, HEAD, log_t=[0.0], start=QUERY[None]), "start must"),
        (
            lambda: flow.attention_flow(TOKENS, HEAD, loss="hinge", log_t=[0.0], start=QUERY),
            "unknown loss",
        ),
        (lambda: flow.parametrized_flow(3, NORMED, log_t=[0.0], start=THETA), "data must be a Reg"),
        (lambda: flow.parametrized_flow(LINES, NORMED, log_t=[0.0], start=THETA[None]), "start mu"),
        (lambda: flow.parametrized_flow(LINES, NORMED, log_t=[0.0], start=THETA[1:]), "start has"),
        (lambda: flow.cross_entropy_flow(3, log_t=[0.0]), "data must be a MulticlassDataset"),
        (
            lambda: flow.cross_entropy_flow(CLASSES, log_t=[0.0], start=np.full((4, 3), np.nan)),
            "start holds 12",
        ),
        (
            lambda: flow.cross_entropy_flow(CLASSES, log_t=[0.0], start=np.zeros((3, 4))),
            r"start has shape \(3, 4\); it must be \(n_classes, n_features\) = \(4, 3\)",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# ---- attention ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_a_pair_of_tokens_weighs_as_much_as_its_two_and_its_sequence(loss):
    field = AttentionField(TOKENS, HEAD, losses.named(loss))
    keys, values = HEAD.tokens(TOKENS.X)
    n = len(keys)
    for s, theta in ((0.7, QUERY), (60.0, 40 * QUERY)):
        p = softmax(keys @ HEAD.query(theta), axis=1)
        q = TOKENS.y * (p * values).sum(axis=1)
        slope = losses.named(loss).log_slope(q)
        right = [
            [
                s - np.log(n) + slope[i] + np.log(p[i, t] * p[i, r])
                for t, r in ((0, 1), (0, 2), (1, 2))
            ]
            for i in range(n)
        ]
        assert field.exponents(s, theta) == pytest.approx(np.array(right), rel=1e-9, abs=1e-9)
    both = field.exponents(np.array([0.7, 2.0]), np.stack([QUERY, 2 * QUERY]))
    assert both[1] == pytest.approx(field.exponents(2.0, 2 * QUERY))
    pull = Objective(TOKENS, loss, HEAD).pull(QUERY).value()
    assert field(1.2, QUERY) == pytest.approx(np.exp(1.2) * pull, rel=1e-9)
    path = flow.attention_flow(TOKENS, HEAD, loss=loss, log_t=[2.0], start=QUERY)
    risk = Objective(TOKENS, loss, HEAD).log_risk(path.final)
    assert path.log_risk[0] == pytest.approx(float(risk), abs=1e-9)


def test_attention_is_followed_as_networks_are_and_stops_where_a_pull_is_cut_off(monkeypatch):
    seen = Spied(monkeypatch, "attention")
    path = FLOWS["attention"][0](log_t=[1.0, 30.0], tolerance=1e-4)
    *_, tolerance, _, how = seen.calls[0]
    assert tolerance == 1e-4 and (how["fine"], how["coarse"]) == (0.001, 0.01)
    assert how["length"] and how["saddles"] and how["smooth"] is False
    largest = AttentionField(TOKENS, HEAD, losses.Logistic()).exponents(0.0, QUERY).max()
    assert not how["halt"](49.9 - largest, QUERY)
    with pytest.raises(IntegrationFailed, match="exceeds exp"):
        how["halt"](50.1 - largest, QUERY)
    assert path.status == "integrated to log time 30"


# ---- classes -----------------------------------------------------------------------------------


def test_the_weights_of_wrong_classes_keep_their_digits():
    field = CrossEntropyField(CLASSES.Z, CLASSES.n_samples)
    u = np.random.default_rng(3).standard_normal((8, 3))
    q = np.exp(-u) / (1 + np.exp(-u).sum(axis=1, keepdims=True))
    assert field.weights(0.4, u) == pytest.approx(np.exp(0.4) * q / 8)
    assert soft_minimum(u) == pytest.approx(-np.log(np.exp(-u).sum(axis=1)))
    assert field.weights(900.0, u + 900) == pytest.approx(np.exp(-u) / 8)
    both = field.weights(np.array([0.4, 1.0]), np.stack([u, 2 * u]))
    assert both[1] == pytest.approx(field.weights(1.0, 2 * u))
    w = np.random.default_rng(4).standard_normal((2, 12))
    logits = np.einsum("nd,tkd->tnk", CLASSES.X, w.reshape(2, 4, 3))
    own = np.take_along_axis(logits, CLASSES.y[None, :, None], axis=2)
    wrong = np.ones((8, 4), bool)
    wrong[np.arange(8), CLASSES.y] = False
    leads = (own - logits)[:, wrong].reshape(2, 8, 3)
    assert np.sort(field.margins(w), axis=-1) == pytest.approx(np.sort(leads, axis=-1))
    risks = np.log(np.log1p(np.exp(-leads).sum(axis=-1)).mean(axis=-1))
    assert field.log_risk(w) == pytest.approx(risks)


@pytest.mark.parametrize("c", [1e-3, 20.0])
def test_longer_inputs_are_a_faster_clock_and_smaller_weights(c):
    log_t = np.array([-2.0, 1.0, 5.0, 30.0, 1e3])
    begin = np.random.default_rng(6).standard_normal((4, 3))
    plain = flow.cross_entropy_flow(CLASSES, log_t=log_t, start=begin)
    other = MulticlassDataset(c * CLASSES.X, CLASSES.y)
    path = flow.cross_entropy_flow(other, log_t=log_t - 2 * np.log(c), start=begin / c)
    size = np.abs(plain.iterates).max(axis=1, keepdims=True)
    assert c * path.iterates / size == pytest.approx(plain.iterates / size, abs=5e-8)
    assert path.log_risk == pytest.approx(plain.log_risk, abs=1e-6)


def test_classes_are_linear_up_to_a_tenth_of_the_longest_row(monkeypatch):
    seen = Spied(monkeypatch, "classes")
    FLOWS["classes"][0](log_t=[1.0], tolerance=1e-5)
    *_, tolerance, (log_risk, jacobian), how = seen.calls[0]
    size = np.linalg.norm(CLASSES.Z, axis=1).max()
    assert how["linear"](np.ones(12)) == pytest.approx(0.1 / size) and tolerance == 1e-5
    field, w = CrossEntropyField(CLASSES.Z, 8), np.random.default_rng(4).standard_normal(12)
    assert log_risk(w) == field.log_risk(w)
    assert jacobian(1.0, w) == pytest.approx(field.jacobian(1.0, w))


def test_overlapping_classes_are_followed_up_to_their_rounding_whatever_their_size(monkeypatch):
    rng = np.random.default_rng(0)
    for c in (1.0, 1e-2):
        data = MulticlassDataset(c * rng.standard_normal((20, 2)), rng.integers(0, 3, 20))
        until = 20 - 2 * np.log(np.linalg.norm(data.Z, axis=1).max())
        assert flow.cross_entropy_flow(data, log_t=[until - 0.01], tolerance=1e-6).log_t.size
        with pytest.raises(
            ValueError, match=f"the classes overlap.*times up to {until - 0.01:.2f}"
        ):
            flow.cross_entropy_flow(data, log_t=[until + 0.01])
    monkeypatch.setattr(cross_entropy, "split", lambda _: None)  # rounding leaves it open
    assert flow.cross_entropy_flow(CLASSES, log_t=[40.0]).log_t.tolist() == [40.0]
    nothing = MulticlassDataset(np.zeros((3, 2)), [0, 1, 2])
    path = flow.cross_entropy_flow(nothing, log_t=[0.0, 100.0], start=np.ones((3, 2)))
    assert path.iterates.tolist() == [[1.0] * 6] * 2


# ---- parameters --------------------------------------------------------------------------------


def test_parameters_may_rest_beside_saddles(monkeypatch):
    seen = Spied(monkeypatch, "parameters")
    FLOWS["parameters"][0](log_t=[1.0], tolerance=1e-5)
    *_, tolerance, (log_risk,), how = seen.calls[0]
    assert how["symmetric"] and how["saddles"] and tolerance == 1e-5
    assert log_risk(THETA) == pytest.approx(float(FLOWS["parameters"][1].log_risk(THETA)))
    fitted = Regression([[1.0, 0.0]], [1.0])
    net = models.WeightNormalized(2)
    rest = net.theta(np.array([1.0, 0.0]))
    path = flow.parametrized_flow(fitted, net, log_t=[0.0, 9.0], start=rest)
    assert path.iterates == pytest.approx(np.stack([rest, rest]), abs=1e-12)
