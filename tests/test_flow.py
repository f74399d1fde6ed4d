"""The engine: the same iterate as the loop, and the theory where no loop arrives."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets, flow, losses, optima
from ibias.datasets import Dataset
from ibias.descent import Diverged, descent
from ibias.flow.log_time import LogTimeField
from ibias.flow.separation import minimiser
from ibias.objectives import Objective

SIZES = [(40, 5), (200, 20), (100, 200)]


def step_for(data, loss):
    """A step that is stable for both losses from zero, where the exponential is steeper."""
    return Objective(data, "logistic").default_step_size / (1 if loss == "logistic" else 4)


@pytest.mark.parametrize(
    ("loss", "size"),
    [*product(["logistic", "exponential"], SIZES), ("logistic", (1000, 100))],
)
def test_continuation_is_the_iterate_of_the_exact_loop(size, loss):
    # The one test that catches an off-by-one in k, a wrong sign in the series, the plain
    # flow, the wrong loss: all of them pass every asymptotic test.
    data = datasets.separable(1, *size)
    eta, k = step_for(data, loss), 10_000
    exact = descent(Objective(data, loss), steps=eta, n_steps=k, record=[k])
    fast = flow.continued_gradient_descent(data, loss=loss, step_size=eta, log_steps=[np.log(k)])
    error = np.abs(fast.final - exact.final).max()
    assert error <= 1e-9 * np.abs(exact.final).max()
    assert fast.log_t == pytest.approx(exact.log_t)
    assert fast.log_risk == pytest.approx(exact.log_risk, abs=1e-8)
    assert fast.n_evaluations < k / 4


@pytest.mark.parametrize("wrong", ["one step off", "plain flow", "other loss"])
def test_overlap_with_the_loop_has_teeth(wrong):
    data = datasets.separable(1, 40, 5)
    eta, k = step_for(data, "exponential"), 10_000
    exact = descent(Objective(data, "exponential"), steps=eta, n_steps=k, record=[k]).final
    log_steps = [np.log(k + 1)] if wrong == "one step off" else [np.log(k)]
    if wrong == "plain flow":
        fast = flow.gradient_flow(data, loss="exponential", log_t=[np.log(eta * k)])
    else:
        loss = "logistic" if wrong == "other loss" else "exponential"
        fast = flow.continued_gradient_descent(data, loss=loss, step_size=eta, log_steps=log_steps)
    assert np.abs(fast.final - exact).max() > 1e-7 * np.abs(exact).max()


@pytest.mark.parametrize("loss", ["exponential"])
def test_closed_form_of_two_orthogonal_points(loss):
    # Z = I: w_i' = exp(-w_i)/2, so w_i = log(1 + t/2) at every t.
    data = Dataset.from_signed(np.eye(2))
    log_t = np.array([-3.0, 0.0, 5.0, 50.0, 1e3, 1e4, 1e6])
    path = flow.gradient_flow(data, loss=loss, log_t=log_t)
    closed = np.logaddexp(0.0, log_t - np.log(2))[:, None] * np.ones(2)
    allowed = 1e-9 * np.maximum(1, closed.max(axis=1))
    error = np.abs(path.iterates - closed).max(axis=1)
    assert (error <= allowed).all()
    assert path.log_risk == pytest.approx(-closed[:, 0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8, 1e-10])
def test_tolerance_is_honoured_and_the_estimate_is_no_less_than_the_error(tolerance):
    data = datasets.separable(3, 60, 8)
    log_t = np.array([2.0, 10.0, 100.0, 1e4])
    truth = flow.gradient_flow(data, log_t=log_t, tolerance=1e-12).iterates
    path = flow.gradient_flow(data, log_t=log_t, tolerance=tolerance)
    error = np.abs(path.iterates - truth).max(axis=1)
    scale = np.maximum(1.0, np.abs(truth).max(axis=1))
    assert (error <= tolerance * scale).all()
    # Far out both runs settle on the same curve, and rounding is all that is left.
    assert (error <= np.maximum(path.error_estimate, 1e-12 * scale)).all()


def test_slope_of_the_norm_is_one_over_the_margin():
    data = datasets.symmetric_pair()
    path = flow.gradient_flow(data, log_t=[1e3, 1e4, 1e6])
    assert path.slope(path.norms) == pytest.approx(1 / np.sqrt(2), abs=1e-9)
    assert path.direction_gap([1.0, 1.0])[-1] < 1e-12


def test_log_log_growth_on_the_degenerate_pair():
    path = flow.gradient_flow(datasets.degenerate_pair(), loss="exponential", log_t=[1e3, 1e6])
    assert path.final[1] - np.log(1e6) == pytest.approx(0.0, abs=1e-4)


def test_evaluations_do_not_depend_on_the_size():
    counts = [
        flow.gradient_flow(datasets.separable(0, n, d), log_t=[1e4]).n_evaluations
        for n, d in [(40, 5), (200, 20), (600, 60)]
    ]
    assert max(counts) < 3 * min(counts)


def test_doubling_the_exponent_costs_next_to_nothing():
    data = datasets.separable(0, 40, 5)
    near = flow.gradient_flow(data, log_t=[1e4]).n_evaluations
    far = flow.gradient_flow(data, log_t=[1e6]).n_evaluations
    assert far < 1.5 * near


def test_more_features_than_samples_moves_in_the_row_space_only():
    rng = datasets.generator(5)
    data = datasets.separable(5, 20, 50)
    start = rng.standard_normal(50)
    path = flow.gradient_flow(data, log_t=[5.0, 100.0], start=start)
    basis = np.linalg.svd(data.Z)[2][20:]
    assert basis @ path.final == pytest.approx(basis @ start, abs=1e-12)
    padded = Dataset(np.vstack([data.X] * 3), np.tile(data.y, 3))  # 60 samples: no reduction
    full = flow.gradient_flow(padded, log_t=[5.0, 100.0], start=start)
    assert path.iterates == pytest.approx(full.iterates, abs=1e-8)


def test_wide_data():
    data = datasets.separable(0, 50, 2000)
    path = flow.gradient_flow(data, log_t=[1e3, 1e4])
    p = losses.Logistic().dual_variables(data.Z @ path.final)
    margin = np.linalg.norm(p @ data.Z)  # the dual's bound on the margin
    assert path.slope(path.norms) * margin == pytest.approx(1.0, abs=1e-6)


def test_badly_scaled_features():
    data = datasets.separable(0, 60, 6)
    scaled = Dataset(data.X * np.geomspace(1e-3, 1e3, 6), data.y)
    path = flow.gradient_flow(scaled, log_t=[1e5, 1e6])
    p = losses.Logistic().dual_variables(scaled.Z @ path.final)
    bound = np.linalg.norm(p @ scaled.Z)
    assert path.normalized_margin(scaled.Z)[-1] == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_a_start_of_norm_100_is_forgotten(loss):
    data = datasets.separable(0, 40, 5)
    rng = datasets.generator(7)
    for _ in range(3):
        start = rng.standard_normal(5)
        start *= 100 / np.linalg.norm(start)
        far = flow.gradient_flow(data, loss=loss, log_t=[1e5], start=start)
        near = flow.gradient_flow(data, loss=loss, log_t=[1e5])
        assert far.direction_gap(near.final)[-1] < 5e-3


def test_not_separable_rests_at_the_minimiser_found_by_another_method():
    rng = datasets.generator(11)
    data = Dataset(rng.standard_normal((40, 4)), np.tile([1.0, -1.0], 20))
    path = flow.gradient_flow(data, log_t=[1.0, 30.0, 1e4])
    risk = lambda w: np.logaddexp(0, -data.Z @ w).mean()  # noqa: E731
    best = minimize(risk, np.zeros(4), method="BFGS", options={"gtol": 1e-10}).x
    assert path.final == pytest.approx(best, abs=1e-6)
    assert "at rest at the finite minimiser" in path.status
    assert path.iterates[1] == pytest.approx(path.iterates[2], abs=1e-9)


def test_bounded_part_and_ray():
    # Counts 2:1 on the second axis: the bounded part is log 2 by hand. The first two
    # samples are separable along (1, 0), where the smaller margin is 1.
    Z = np.array([[1, 0.5], [2, -1], [0, 1], [0, 1], [0, -1.0]])
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for rotation in (np.eye(2), turn):
        data = Dataset.from_signed(Z @ rotation.T)
        path = flow.gradient_flow(data, log_t=[10.0, 30.0, 1e4, 1e6])
        w = path.iterates @ rotation
        assert w[1:, 1] == pytest.approx(np.log(2), abs=1e-9)
        assert (w[3, 0] - w[2, 0]) / (1e6 - 1e4) == pytest.approx(1.0, abs=1e-6)
        assert "3 samples at rest" in path.status


def test_a_sample_at_the_origin_is_not_separable():
    path = flow.gradient_flow(Dataset.from_signed([[1.0, 0.0], [0.0, 0.0]]), log_t=[100.0])
    assert "1 samples at rest" in path.status


def test_polynomial_tail_grows_like_a_power():
    data = datasets.separable(0, 40, 5)
    for power in (1.0, 2.0, 4.0):
        path = flow.gradient_flow(
            data, loss=losses.PolynomialTail(power), log_t=np.linspace(150, 200, 5)
        )
        exponent = path.slope(np.log(path.norms))
        assert exponent * (power + 2) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_polynomial_tail_reaches_far_times(seed):
    # Its weights bend by a part only over a part of the margin, which is e^80 here.
    data = datasets.separable(seed, 40, 5)
    for tail, log_t in ((losses.PolynomialTail(1.0), 270.0), (losses.PolynomialTail(4.0), 590.0)):
        path = flow.gradient_flow(data, loss=tail, log_t=[log_t - 5, log_t], tolerance=1e-6)
        exponent = np.diff(np.log(path.norms))[0] / 5
        assert exponent * (tail.power + 2) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("log_t", [920.0, 1e4])
def test_polynomial_tail_past_the_range_is_refused(log_t):
    """No tolerance helps, and none is advised; earlier times do."""
    data, tail = datasets.separable(0, 40, 5), losses.PolynomialTail(1.0)
    with pytest.raises(flow.IntegrationFailed, match=r"as a power.*earlier times") as raised:
        flow.gradient_flow(data, loss=tail, log_t=[log_t])
    assert "tolerance" not in str(raised.value)
    assert flow.gradient_flow(data, loss=tail, log_t=[log_t / 50]).norms[0] > 1


def test_continuation_returns_early_steps_exactly():
    data = datasets.separable(0, 40, 5)
    path = flow.continued_gradient_descent(data, step_size=0.3, log_steps=[0.0, np.log(7.2), 50.0])
    exact = descent(data, steps=0.3, n_steps=7, record=[1, 7])
    assert path.iterates[:2] == pytest.approx(exact.iterates, rel=1e-14)
    assert path.log_t[:2] == pytest.approx(np.log([0.3, 2.1]))


def test_a_large_step_is_continued_and_the_status_warns():
    data = datasets.separable(0, 40, 5)
    eta = 300 * Objective(data).default_step_size
    k = 4096
    path = flow.continued_gradient_descent(data, step_size=eta, log_steps=[np.log(k), 1e4])
    exact = descent(data, steps=eta, n_steps=k, record=[k])
    # Rounding may be amplified in the unstable phase; the late curve is the same.
    assert path.iterates[0] == pytest.approx(exact.final, rel=1e-6)
    assert path.slope(path.norms) > 0


def test_unstable_steps_are_reported():
    # Two conflicting samples of different length keep the step unstable for long.
    data = Dataset.from_signed([[0.1, 0.9], [0.1, -0.5]])
    path = flow.continued_gradient_descent(data, step_size=50.0, log_steps=[1e3], start=[0.0, 1.0])
    assert "the step exceeded 2/||Hessian||" in path.status


def test_divergence_is_an_error():
    data = Dataset.from_signed([[0.1, 0.9], [0.1, -0.5]])
    with pytest.raises(Diverged, match="smaller step_size"):
        flow.continued_gradient_descent(
            data, loss="exponential", step_size=50.0, log_steps=[1e3], start=[0.0, 1.0]
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_t": []}, "log_t must be a non-empty list"),
        ({"log_t": [2.0, 1.0]}, "log_t must be strictly increasing"),
        ({"log_t": [np.nan]}, "log_t holds 1 NaN or infinite"),
        ({"log_t": [1.0], "loss": "hinge"}, "unknown loss 'hinge'"),
        ({"log_t": [1.0], "tolerance": 0}, "tolerance must be finite and greater than 0"),
        ({"log_t": [1.0], "start": [1.0]}, "start has shape"),
        ({"log_t": [1.0], "start": np.zeros((2, 5))}, "give one weight vector"),
    ],
)
def test_bad_input_to_the_flow(arguments, message):
    with pytest.raises(ValueError, match=message):
        flow.gradient_flow(datasets.separable(0), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_steps": [-1.0]}, "log_steps must be at least 0"),
        ({"log_steps": [1.0], "step_size": -1.0}, "step_size must be finite and greater"),
        ({"log_steps": [1.0], "step_size": np.nan}, "step_size must be finite and greater"),
        ({"log_steps": [1.0], "loss": "exponential"}, "give steps .or step_size"),
    ],
)
def test_bad_input_to_the_continuation(arguments, message):
    with pytest.raises(ValueError, match=message):
        flow.continued_gradient_descent(datasets.separable(0), **arguments)


def test_the_minimiser_is_found_where_columns_differ_by_far():
    Z = np.array([[1.0, 2e4], [-1.0, 1e4], [0.5, -3e4], [-2.0, -1e4]])
    field = LogTimeField(Z, losses.named("logistic"), 0.0, np.zeros(4))
    w = minimiser(field, np.zeros(2))
    assert w is not None
    pull = np.exp(field.loss.log_slope(Z @ w)) @ Z
    assert np.abs(pull / np.abs(Z).max(axis=0)).max() < 1e-12


@pytest.mark.parametrize("data", [datasets.separable(0, 100, 20), datasets.digits(3, 8)])
@pytest.mark.parametrize("method", ["flow", "descent"])
def test_far_beyond_any_loop_and_never_beyond_what_double_precision_knows(data, method):
    """The way is straight, and costs no more than that to the times before."""
    follow = {
        "flow": lambda *times: flow.gradient_flow(data, log_t=times),
        "descent": lambda *times: flow.continued_gradient_descent(data, log_steps=times),
    }[method]
    before, run = follow(1e5), follow(1e8, 5e9, 1e10)
    velocity = np.diff(run.iterates, axis=0) / np.diff(run.log_t)[:, None]
    w = optima.max_margin(data).w
    assert np.abs(velocity - w).max() <= 1e-8 * np.abs(w).max()
    assert run.n_evaluations < 2 * before.n_evaluations
    with pytest.raises(flow.IntegrationFailed, match="up to 1e\\+13") as caught:
        follow(1e15)
    assert str(caught.value).startswith("double precision")
