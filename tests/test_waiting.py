"""Flows that wait beside a saddle: what is far below the tolerance decides when they leave it."""

import numpy as np
import pytest
from scipy.special import expi

from ibias import flow, methods, models
from ibias.datasets import Completion, Dataset, Regression
from ibias.flow.collocation import collocate
from ibias.flow.matrix import fastest_growth, stretches
from ibias.flow.radau import instability
from ibias.models.matrix_product import product, vjp
from ibias.objectives import Objective

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


@pytest.mark.parametrize("start", [1e-15, 1e-20, 1e-50, 1e-150])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_a_rest_away_from_zero_is_left_in_time_or_refused(start, tolerance):
    """One weight fits first; the other one, u^2 - v^2 from u = v, is over t = log(1/start) / 2."""
    problem = Regression(np.sqrt(2) * np.eye(2), np.sqrt(2) * np.ones(2))
    first = 0.5 * np.array([np.exp(np.arcsinh(2.0) / 2), np.exp(-np.arcsinh(2.0) / 2)])
    is_right_or_refused(
        lambda: flow.parametrized_flow(
            problem,
            models.DiagonalLinear(2, 2),
            log_t=[8.0],
            start=[0.5, start, 0.5, start],
            tolerance=tolerance,
        ),
        [first[0], 1.0, first[1], 0.0],
        tolerance,
    )


@pytest.mark.parametrize("start", [1e-5, 1e-9, 1e-15, 1e-20, 1e-50, 1e-150])
def test_a_start_at_rest_but_for_a_trace_is_right_or_refused(start):
    """The first weight fits from the start; nothing moves but the trace of the other one."""
    problem = Regression(np.sqrt(2) * np.eye(2), np.sqrt(2) * np.ones(2))
    is_right_or_refused(
        lambda: flow.parametrized_flow(
            problem,
            models.DiagonalLinear(2, 2),
            log_t=[8.0],
            start=[1.0, start, 0.0, start],
        ),
        [1.0, 1.0, 0.0, 0.0],
        1e-9,
    )


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
        unit=lambda y: 1.0,
    )
    right = 1e-20 * np.exp(np.exp(times) - np.exp(-10.0))
    assert np.log(passage.states[:, 0]) == pytest.approx(np.log(right), abs=0.5)


def test_the_fastest_growth_of_errors():
    assert instability(np.diag([-1.0, 2.0]), symmetric=True) == 2
    assert instability(np.array([[0.0, 1.0], [-1.0, 0.5]]), symmetric=False) == pytest.approx(0.25)
    assert instability(np.diag([-1.0, 1e-12]), symmetric=True) == 0  # rounding
    assert instability(np.zeros((2, 2)), symmetric=False) == 0
