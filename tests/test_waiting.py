"""Flows that wait beside a saddle: what is far below the tolerance decides when they leave it."""

import dataclasses
import functools
from functools import partial

import numpy as np
import pytest
from scipy.special import expi

from ibias import flow, losses, methods, models, potentials
from ibias.datasets import Completion, Dataset, Regression, Sensing
from ibias.flow import estimate, homogeneous
from ibias.flow.collocation import collocate
from ibias.flow.estimate import two_runs
from ibias.flow.matrix import fastest_growth, stretches
from ibias.flow.radau import instability
from ibias.flow.rounding_errors import RoundingErrors
from ibias.losses import Sigmoid
from ibias.models.matrix_product import product, vjp
from ibias.objectives import Objective
from tests.fuzz import two_ends
from tests.fuzz.outcome import REFUSED, RIGHT, SILENT
from tests.reference import flows
from tests.reference.other_flows import logarithms

LINE = Dataset.one_class([[1.0]])
PAIR = models.deep_linear(1, 1, 2)  # f = a b x, which rises from a = b = 0 like e^(t / 2)


def waited(q, q0):
    """Return the time from q0 to q for q' = 2 q / (1 + e^q), the margin of a balanced pair."""
    return (np.log(q / q0) + expi(q) - expi(q0)) / 2


@pytest.mark.parametrize("start", [1e-4, 1e-9, 1e-15, 1e-20, 1e-50, 1e-100])
@pytest.mark.parametrize("log_t", [5.5, 8.0, 20.0])
def test_a_network_leaves_zero_in_time(start, log_t):
    path = flow.network_flow(LINE, PAIR, log_t=[log_t], start=[start, start])
    q = path.final.prod()
    late = waited(q, start**2) - np.exp(log_t)
    moved = late * path.final[0] / (1 + np.exp(q))  # of a = b
    assert abs(moved) * np.sqrt(2) <= min(1e-5 * np.sqrt(2 * q), 10 * path.error_estimate[0])


@pytest.mark.parametrize("start", [1e-4, 1e-9, 1e-15, 1e-20, 1e-50])
def test_a_product_leaves_zero_in_time(start):
    """The risk (a b - 1)^2 / 2 makes w = a b follow w' = 2 w (1 - w), a logistic curve."""
    log_t = np.log(np.log(1 / start) + np.array([-3.0, 0.0, 3.0]))
    net = models.MatrixProduct((1, 1), 2)
    path = flow.parametrized_flow(
        Regression([[1.0]], [1.0]), net, log_t=log_t, start=[start, start]
    )
    odds = start**2 / (1 - start**2) * np.exp(2 * np.exp(log_t))
    right = np.sqrt(odds / (1 + odds))
    assert path.iterates == pytest.approx(np.column_stack([right, right]), abs=1e-9)


def test_any_velocity_leaves_zero_in_time():
    """Steepest descent in the 3-norm moves a balanced pair like the flow, 2^(1/3) times as fast."""
    path = flow.flow(
        Objective(LINE, model=PAIR), methods.Steepest(3), log_t=[5.0], start=[1e-20, 1e-20]
    )
    right = flow.network_flow(
        LINE, PAIR, log_t=[5.0 + np.log(2) / 3], start=[1e-20, 1e-20], tolerance=1e-7
    )
    assert path.final == pytest.approx(right.final, abs=3e-6)


def is_right_or_refused(run, right, within):
    try:
        path = run()
    except flow.IntegrationFailed as error:
        assert len(str(error)) <= 500
        return
    assert path.final == pytest.approx(right, abs=within)


def two_weights(start, **how):
    """Return a run of two weights u^2 - v^2, which both go to one."""
    problem = Regression(np.sqrt(2) * np.eye(2), np.sqrt(2) * np.ones(2))
    net = models.DiagonalLinear(2, 2)
    return lambda: flow.parametrized_flow(problem, net, log_t=[8.0], start=start, **how)


@pytest.mark.parametrize("start", [1e-15, 1e-20, 1e-50, 1e-150])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_a_rest_away_from_zero_is_left_in_time_or_refused(start, tolerance):
    """One weight fits first; the other one, u^2 - v^2 from u = v, is over t = log(1/start) / 2."""
    first = 0.5 * np.array([np.exp(np.arcsinh(2.0) / 2), np.exp(-np.arcsinh(2.0) / 2)])
    is_right_or_refused(
        two_weights([0.5, start, 0.5, start], tolerance=tolerance),
        [first[0], 1.0, first[1], 0.0],
        tolerance,
    )


@pytest.mark.parametrize("start", [1e-5, 1e-9, 1e-15, 1e-20, 1e-50, 1e-150])
def test_a_start_at_rest_but_for_a_trace_is_right_or_refused(start):
    """The first weight fits from the start; nothing moves but the trace of the other one."""
    is_right_or_refused(two_weights([1.0, start, 0.0, start]), [1.0, 1.0, 0.0, 0.0], 1e-9)


@pytest.mark.parametrize("start", [1e-9, 1e-20, 1e-50, 1e-150])
@pytest.mark.parametrize("late", [0.95, 1.0, 1.05, 3.0])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_a_matrix_at_rest_but_for_a_trace_is_right_or_refused(start, late, tolerance):
    """The first singular value fits from the start; w' = 2 w (1 - w) for the other one."""
    t = -late * np.log(start)
    problem = Completion(np.ones((2, 2), bool), np.eye(2))
    is_right_or_refused(
        lambda: flow.matrix_flow(
            problem, start=[np.diag([1.0, start])] * 2, log_t=[np.log(t)], tolerance=tolerance
        ),
        np.diag([1.0, 1 / (1 + np.exp(min(-2 * t - 2 * np.log(start), 700)))]),
        tolerance * np.sqrt(2),
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_errors_of_factors_grow_no_faster(depth):
    rng = np.random.default_rng(depth)
    problem = Completion(np.ones((3, 3), bool), rng.standard_normal((3, 3)))
    for size in (0.1, 0.5, 1.0):
        factors = size * rng.standard_normal((depth, 3, 3))

        def velocity(state):
            factors = list(state.reshape(depth, 3, 3))
            gradients = vjp(factors, problem.gradient(product(factors)))
            return -np.concatenate([gradient.ravel() for gradient in gradients])

        shifts = 1e-6 * np.eye(factors.size)
        rows = [velocity(factors.ravel() + e) - velocity(factors.ravel() - e) for e in shifts]
        rate = np.linalg.eigvals(np.array(rows) / 2e-6).real.max()
        assert rate <= fastest_growth(factors, problem.gradient(product(factors))) + 1e-6


def test_stretches_end_where_the_rate_has_risen():
    rates = [(0.0, 1.0), (1.0, 2.0), (2.0, 5.0), (3.0, 3.0), (4.0, 19.0)]
    assert stretches(rates) == [(2.0, 5.0), (np.inf, 19.0)]
    assert stretches([(0.0, 0.0), (1.0, 2.0)]) == [(1.0, 2.0), (np.inf, 2.0)]


@pytest.mark.parametrize("start", [1e-9, 1e-12, 1e-15])
def test_a_query_between_two_equal_tokens_turns_to_one_or_is_refused(start):
    """At zero the two good tokens pull in opposite directions, with equal force."""
    data = Dataset.one_class([[1.0, 1.0, -1.0, 1.0, 0.0, 0.0]])
    log_t, tolerance = np.array([8.0, 10.0]), 1e-5
    try:
        path = flow.attention_flow(data, models.Attention(3, 1), log_t=log_t, start=[start])
    except flow.IntegrationFailed:
        return
    # From p = 5 on it forgets where it came from, but for the time until then.
    assert path.iterates[0, 0] > 5
    assert path.iterates[1, 0] - path.iterates[0, 0] == pytest.approx(2, abs=0.3)
    assert path.error_estimate[1] <= tolerance * path.iterates[1, 0]


def test_the_check_run_does_not_rest_where_errors_grow():
    """y' = y in t = e^s: from 1e-20 nothing can be seen of it until log t = 3.8."""
    times = np.array([1.0, 3.0, 4.0])
    passage = collocate(
        lambda s, y: np.exp(s)[:, None] * y,
        -10.0,
        np.full(1, 1e-20),
        times,
        lambda y: np.full(1, 1e-6),
        lambda s, y: np.exp(s) * np.eye(1),
        symmetric=True,
        unstable=True,
    )
    right = 1e-20 * np.exp(np.exp(times) - np.exp(-10.0))
    assert np.log(passage.states[:, 0]) == pytest.approx(np.log(right), abs=0.5)


# Each was once wrong without a word: both runs left late, and by luck by about the same.
LATE = [
    ("exponential", [-1.5275, 2.3014], [5.1e-15, 0.914, 3.0e-13, 5.5e-16], [5.54, 7.58], 3.5e-7),
    ("exponential", [-0.5724, -0.5253], [3e-15, 0.4605, 3e-15, 0.4605], [1.30, 8.34], 1.7e-8),
    ("exponential", [-2.1995, 0.6579], [1.1e-12, 8.4e-18, 1.1e-12, 8.4e-18], [4.71, 5.52], 1e-8),
    ("logistic", [-1.2779, 2.2923], [1.6e-17, 0.2379, 1.2e-12, 5.6e-8], [1.02, 4.85], 5.9e-6),
    (
        "logistic",
        [1.1564, -0.6564, 1.8739, 1.1026],
        [0.835, 1.2e-11, 2.2e-14, 1.2e-16, 0.835, 1.2e-11, 2.2e-14, 1.2e-16],
        [4.4155, 8.2583],
        4.5e-5,
    ),
    (
        "exponential",
        [-1.864, -2.6386, 2.1711, 2.758],
        [0.9157, 0.5516, 6.2e-16, 0.4593, 0.9157, 0.5516, 6.2e-16, 0.4593],
        [2.2886, 4.6941],
        6.3e-7,
    ),
]


@pytest.mark.parametrize(("loss", "inputs", "start", "log_t", "tolerance"), LATE)
def test_the_check_run_is_in_time_where_weights_wait_below_its_local_error(
    monkeypatch, loss, inputs, start, log_t, tolerance
):
    """Or two runs that are late alike agree. The truth knows every weight relative to itself."""
    X = np.diag(inputs)
    pull = {"exponential": lambda q: np.exp(-q), "logistic": lambda q: 1 / (1 + np.exp(q))}[loss]
    right = logarithms(X, pull, np.array(start), np.array(log_t))
    checked = []

    def spy(field, launch, times, tolerance, *rest, **how):
        runs = two_runs(field, launch, times, tolerance, *rest, **how)
        off = np.abs(runs.check.states - right[runs.at]).max()
        checked.append(off / (tolerance * np.linalg.norm(right[-1])))
        return runs

    monkeypatch.setattr(homogeneous, "two_runs", spy)
    monkeypatch.setattr(estimate, "KICK", 0.0)  # as near as it comes
    net = models.DiagonalLinear(len(inputs), depth=2)
    is_right_or_refused(
        lambda: flow.network_flow(
            Dataset.from_signed(X), net, loss=loss, log_t=log_t, start=start, tolerance=tolerance
        ),
        right[-1],
        tolerance * np.linalg.norm(right[-1]),
    )
    assert checked
    assert max(checked) <= 0.5  # an estimate is twice the distance of the two


# Beside a way that separates two ends, nearer than the errors of a run. Each was once wrong
# without a word: both runs went to the same side, and met at the end.
TWO = np.sqrt(2) * np.eye(2)
CUBES, NEURON = models.DiagonalLinear(2, depth=3), models.Network((1, 1, 1), "tanh")
QUERY = np.array([0.5209087401594734, 1.3192760932153205, -0.16265758592832846, 1.7292273094895416])


def weight_that_stays_below_zero(**how):
    """u' = 3 u^2 (1 - u^3) rests at zero, coming from below."""
    path = flow.parametrized_flow(Regression(TWO, TWO @ [1.0, 1.0]), CUBES, **how)
    return path.final[1], -1


def network_that_stays_below_zero(**how):
    data = Dataset.from_signed(np.diag([0.7874243885302028, 1.703546241701795]))
    path = flow.network_flow(data, CUBES, loss="exponential", **how)
    return path.final[1] / np.linalg.norm(path.final), -1


def neuron_beside_the_curve_into_zero(trace):
    """p = a + sinh(u x) / x keeps its sign: p' is p times what is positive."""

    def run(**how):
        start = [1 / 0.6, -np.sinh(1.0) / 0.6 + trace]
        path = flow.network_flow(Dataset.one_class([[0.6]]), NEURON, start=start, **how)
        return path.final[1], np.sign(trace)

    return run


def fit_beside_the_curve_into_zero(**how):
    problem = Regression([[0.8303490366706927]], [1.6930492034081368])
    path = flow.flow(Objective(problem, model=NEURON), **how)
    return path.final[1], -1


def two_rows_that_differ_by_rounding(**how):
    """The difference grows, and keeps its sign."""
    model = models.CircularConvolution(2, depth=2)
    path = flow.parametrized_flow(Regression(TWO, TWO @ [1.5, 0.1]), model, **how)
    first = np.subtract(*how["start"][:2]) + np.subtract(*how["start"][2:])
    last = path.final[0] - path.final[1] + path.final[2] - path.final[3]
    return last, np.sign(first)


def query_that_is_across_two_tokens(**how):
    """<key, p> is -4.7e-16 in fractions, and positive in float64."""
    tokens = [*QUERY, 1.0, *(-QUERY), 1.0, 0, 0, 0, 0, 0]
    path = flow.attention_flow(Dataset.one_class([tokens]), models.Attention(3, 4), **how)
    return path.final @ QUERY, -1


BESIDE = [
    (weight_that_stays_below_zero, [0.9, -0.5, 0, 0], 36.0, 1e-3),
    (network_that_stays_below_zero, [0.353059, -0.265242, 0, 0], 39.933, 2e-3),
    *((neuron_beside_the_curve_into_zero(p), None, 12.0, 1e-3) for p in (-1e-12, -1e-15)),
    (fit_beside_the_curve_into_zero, [1.541417225375529, -1.998117817147457], 4.5669, 1.43e-6),
    (
        two_rows_that_differ_by_rounding,
        [0.6070929748201541, 0.607092974820154, 0.8702782177955612, 0.8702782177955614],
        5.0,
        1e-6,
    ),
    (
        query_that_is_across_two_tokens,
        [8.421278741315271, 21.65189290213221, 2.3612217702765337, -18.833540024839735],
        25.257,
        1e-4,
    ),
]


@pytest.mark.parametrize(("run", "start", "log_t", "tolerance"), BESIDE)
def test_beside_what_separates_two_ends_it_is_the_right_one_or_refused(
    run, start, log_t, tolerance
):
    how = {} if start is None else {"start": start}
    try:
        end, side = run(log_t=[log_t], tolerance=tolerance, **how)
    except flow.IntegrationFailed as error:
        assert len(str(error)) <= 500
        return
    assert end * side >= -2 * tolerance


@pytest.mark.parametrize("number", range(12))
def test_a_sample_of_the_fuzz_of_two_ends(number):
    outcome = two_ends.problem(np.random.default_rng([16, number]))
    assert outcome.verdict in (RIGHT, REFUSED), outcome.said


def test_the_fuzz_of_two_ends_sees_the_wrong_one(monkeypatch):
    true = two_ends.flow.parametrized_flow

    def mirrored(*arguments, **how):
        path = true(*arguments, **how)
        return dataclasses.replace(path, iterates=-path.iterates)

    monkeypatch.setattr(two_ends.flow, "parametrized_flow", mirrored)
    verdicts = [two_ends.convolution(np.random.default_rng([17, i])).verdict for i in range(6)]
    assert SILENT in verdicts


def test_the_fastest_growth_of_errors():
    assert instability(np.diag([-1.0, 2.0]), symmetric=True) == 2
    assert instability(np.array([[0.0, 1.0], [-1.0, 0.5]]), symmetric=False) == pytest.approx(0.25)
    assert instability(np.diag([-1.0, 1e-12]), symmetric=True) == 0  # rounding
    assert instability(np.zeros((2, 2)), symmetric=False) == 0


@pytest.mark.parametrize("trace", [1e-5, 1e-9, 1e-12, 1e-20, 1e-50])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.99, 1.01, 1.5])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_a_neuron_shrinks_until_it_turns_away(trace, part, tolerance):
    """It leaves the first input when tanh(t / 2) is its cosine, and rests at what is left.

    From a tiny start the first residual is -1, the second is 0: a + w_1 falls like e^(-t / 2),
    a - w_1 grows like e^(t / 2), and w_2 stays.
    """
    gap = trace**2 / 2  # of one and the cosine, to leading order
    latest = np.log(2 / gap)
    t = part * latest
    at = min(t, latest)
    right = -50 + np.log(np.exp(-at / 2) + gap * np.exp(at / 2) / 2)
    how = {"signs": [1], "directions": [[1.0, trace]], "log_size": -50.0, "times": [t]}
    run = flow.orthogonal_relu_flow(Regression(np.eye(2), [-1.0, 0.0]), tolerance=tolerance, **how)
    assert run.log_sizes[0, 0] == pytest.approx(right, abs=tolerance * abs(right))
    assert np.square(run.cosines[0, 0]).sum() == pytest.approx(1, abs=tolerance)


RIDGE = Dataset.one_class([[1.0, 5.0], [1.0, -5.0]])


LATE = [2.4, 3.0, 3.26, 3.5, 4.1, 5.0]


@functools.cache
def beside_the_ridge(trace, bounded):
    """The flow of RIDGE with the sigmoid, of w_1 and log w_2: nothing is lost beside w_1.

    One run from (-3, trace) through all times of LATE: by log t.
    """
    slope = lambda u: 1 / (2 + 2 * np.cosh(u))  # noqa: E731
    speed = (lambda g: g / (1 + abs(g))) if bounded else (lambda g: g)

    def velocity(_, state):
        a, b = state[0], 5 * np.exp(state[1])
        apart = -4 * np.sinh(a) * np.sinh(b) * slope(a + b) * slope(a - b)
        return [
            speed((slope(a + b) + slope(a - b)) / 2),
            speed(2.5 * apart) / np.exp(state[1]),
        ]

    start = [-3.0, np.log(trace)]
    path = flows.integrated(velocity, start, np.exp(LATE), "Radau", 1e-11, 1e-11)
    return {log_t: (a, np.exp(b)) for log_t, (a, b) in zip(LATE, path, strict=True)}


@pytest.mark.parametrize("log_t", LATE)
@pytest.mark.parametrize("trace", [1e-5, 1e-12, 1e-20, 1e-50])
@pytest.mark.parametrize("solver", ["gradient", "mirror", "adam"])
def test_a_ridge_is_left_in_time_or_refused(log_t, trace, solver):
    """Beside w_1 < 0 the second weight grows, by a factor of 10^18, until w_1 is 0."""
    start, how = np.array([-3.0, trace]), {"loss": Sigmoid(), "log_t": [log_t]}
    run = {
        "gradient": lambda: flow.gradient_flow(RIDGE, start=start, **how),
        "mirror": lambda: flow.mirror_flow(RIDGE, potentials.SquaredNorm(2), start=start, **how),
        "adam": lambda: flow.adam_flow(RIDGE, epsilon=1.0, start=start, **how),
    }[solver]
    right = beside_the_ridge(trace, bounded=solver == "adam")[log_t]
    is_right_or_refused(run, right, (1e-6 if solver == "adam" else 1e-8) * max(1, *right))


def test_the_times_that_are_advised_on_a_ridge_are_reached():
    how = {"loss": Sigmoid(), "start": [-3.0, 1e-20]}
    with pytest.raises(flow.IntegrationFailed, match="loss is not convex") as refused:
        flow.gradient_flow(RIDGE, log_t=[3.26], **how)
    until = float(str(refused.value).split("times up to ")[1].split(",")[0])
    assert flow.gradient_flow(RIDGE, log_t=[until], **how).final[0] > -3


def test_descent_beside_a_ridge_is_refused():
    with pytest.raises(flow.IntegrationFailed, match="loss is not convex"):
        flow.continued_gradient_descent(
            RIDGE, loss=Sigmoid(), step_size=0.01, log_steps=[7.9], start=[-3.0, 1e-20]
        )


def test_accelerated_beside_a_ridge_is_refused():
    with pytest.raises(flow.IntegrationFailed, match="loss is not convex"):
        flow.accelerated_flow(RIDGE, loss=Sigmoid(), log_t=[3.0], start=[-3.0, 1e-20])


@pytest.mark.parametrize("seed", range(20))
def test_the_sigmoid_from_an_ordinary_start_is_not_refused(seed):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((6, 3))
    Z[:, 0] = np.abs(Z[:, 0]) + 0.1
    path = flow.gradient_flow(
        Dataset.one_class(Z), loss=Sigmoid(), log_t=[10.0], start=rng.standard_normal(3)
    )
    assert (path.error_estimate <= 1e-9 * np.abs(path.iterates).max()).all()


@pytest.mark.parametrize("symmetric", [True, False])
def test_rounding_errors_grow_like_the_linear_flow(symmetric):
    errors = RoundingErrors(lambda s, w: np.diag([0.5, -1.0]), 1.0, 1e-3, symmetric)
    errors.begin(0.0, np.ones(2))
    for s in np.arange(1, 101) / 5:
        errors.step(s, np.ones(2))
    grown = 2.0**-53 * 0.2 * np.sqrt(np.exp(0.2 * np.arange(1, 101)).sum())
    assert errors.error(np.ones(2)) == pytest.approx(grown, rel=1e-9)
    errors.check(np.ones(2))
    errors.step(100.0, np.ones(2))
    with pytest.raises(flow.IntegrationFailed, match=r"up to 19\.79, or"):
        errors.check(np.ones(2))


def test_decay_that_holds_the_pull_is_no_saddle():
    decay = methods.WeightDecay(methods.Gradient(), 0.1)
    with pytest.raises(flow.IntegrationFailed, match="or other forces hold") as refused:
        flow.flow(LINE, decay, log_t=[60.0])
    until = float(str(refused.value).split("times up to ")[1].split(";")[0])
    assert flow.flow(LINE, decay, log_t=[until]).final[0] > 0


def test_a_start_that_rounding_cannot_tell_from_a_saddle_is_refused_as_that():
    data = Dataset.one_class([[1.0, 1.0, -1.0, 1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="rounding hides"):
        flow.attention_flow(data, models.Attention(3, 1), log_t=[8.0], start=[1e-20])


def test_a_matrix_that_goes_to_zero_is_right_or_refused():
    """A balanced pair whose target has the other sign: w' = -2 w (w + 1), a logistic curve."""
    problem = Sensing([[[1.0]]], [-1.0])
    log_t = np.array([0.0, 1.0, 2.0])
    path = flow.matrix_flow(problem, scale=0.5, log_t=log_t)
    decayed = np.exp(-2 * np.exp(log_t)) / 3
    right = decayed / (1 - decayed)
    assert path.iterates.ravel() == pytest.approx(right, rel=1e-6)
    with pytest.raises(flow.IntegrationFailed, match="goes to a saddle at zero"):
        flow.matrix_flow(problem, scale=0.5, log_t=[7.0])
    still = flow.matrix_flow(problem, start=[[[0.0]], [[0.0]]], log_t=[7.0])
    assert still.final == 0 and still.error_estimate[0] <= 1e-7


@pytest.mark.parametrize(
    ("targets", "start", "tolerance", "third"),
    [
        ([1.0, 0.6], [0.6, -0.9446239137357384, 0.9], 1e-3, -0.57484),
        ([0.94, -0.05], [0.73, -0.6042226692211725, 0.65], 1e-6, -0.6349),
    ],
)
def test_a_number_times_a_row_takes_the_right_sign_or_is_refused(targets, start, tolerance, third):
    """Truth: DOP853 and LSODA at 1e-13, which agree; the starts are 1e-10 and 1e-12 off."""
    try:
        run = flow.matrix_flow(
            Sensing(np.eye(2, 3)[:, None], targets),
            start=[np.array([[start[0]]]), np.array([[*start[1:], 0.7]])],
            log_t=[6.0],
            tolerance=tolerance,
        )
    except flow.IntegrationFailed:
        return
    assert run.final[0, 2] == pytest.approx(third, abs=1e-3)


SIGMOIDS = [
    ([[2.07, -0.34], [-2.6, 2.53], [0.95, -5.03]], [-0.4858145860824544, 0.435854664619829], 1e-2),
    (
        [[4.05, -0.79], [-1.76, 2.95], [-0.1, -0.73]],
        [1.569216136158821, -0.08185655199083319],
        1e-3,
    ),
    (
        [[4.05, -0.79], [-1.76, 2.95], [-0.1, -0.73]],
        [1.569216136158821, -0.08185655199083319],
        1e-2,
    ),
]
MIRROR = partial(flow.mirror_flow, potential=potentials.PowerNorm(2.0))


@pytest.mark.parametrize("way", [flow.gradient_flow, MIRROR], ids=["gradient", "mirror"])
@pytest.mark.parametrize(("Z", "start", "tolerance"), SIGMOIDS)
def test_between_two_ends_of_a_sigmoid_it_is_the_right_one_or_refused(Z, start, tolerance, way):
    data, loss, log_t = Dataset.from_signed(Z), losses.Sigmoid(), np.log(1000.0)
    slope = lambda w: -loss.slope(data.Z @ w) @ data.Z / data.n_samples  # noqa: E731
    right = two_ends.reached(slope, np.exp(log_t))(np.array(start))
    outcome = two_ends.near(
        "",
        partial(way, data, loss=loss, start=start, log_t=[log_t], tolerance=tolerance),
        right,
        tolerance,
        "",
    )
    assert outcome.verdict in ("right", "refused"), outcome.said
