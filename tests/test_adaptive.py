"""AdaGrad, RMSProp and Adam: PyTorch's step by step, their limits, and their flows."""

import json
from pathlib import Path

import numpy as np
import pytest

from ibias import datasets, flow, methods, optima
from ibias.datasets import Dataset
from ibias.descent import descent
from ibias.flow import adaptive
from ibias.losses import StretchedExponential
from ibias.methods import AdaGrad, Adam, HeavyBall, NormalizedSteepest, RMSProp
from ibias.noise import WithReplacement
from ibias.objectives import Objective
from ibias.trajectory import margin
from tests.reference import other_flows as right

REFERENCE = Path(__file__).parent / "reference"
TABLE = json.loads((REFERENCE / "torch_iterates.json").read_text())
NAMES = {"alpha": "smoothing", "eps": "epsilon", "betas": "betas"}
DEFAULT_EPSILON = {"adagrad": 1e-10, "rmsprop": 1e-8, "adam": 1e-8}


def ours(method, options, data, start, n_steps):
    """Our iterates after each step, for the same options as PyTorch's."""
    arguments = {"n_steps": n_steps, "start": start, "record": np.arange(1, n_steps + 1)}
    if method == "sgd":
        ball = HeavyBall(options.get("momentum", 0.0))
        return descent(data, ball, steps=options["lr"], **arguments).iterates
    named = {NAMES[key]: value for key, value in options.items() if key != "lr"}
    named.setdefault("epsilon", DEFAULT_EPSILON[method])
    kind = {"adagrad": AdaGrad, "rmsprop": RMSProp, "adam": Adam}[method]
    return descent(data, kind(**named), steps=options["lr"], **arguments).iterates


def row_name(row):
    return row["method"] + " " + " ".join(f"{k}={v}" for k, v in row["options"].items())


@pytest.mark.parametrize("row", TABLE["rows"], ids=row_name)
def test_every_step_agrees_with_the_table_of_pytorch(row):
    data, expected = Dataset.from_signed(TABLE["Z"]), np.array(row["iterates"])
    path = ours(row["method"], row["options"], data, TABLE["start"], len(expected))
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("row", TABLE["rows"], ids=row_name)
def test_every_step_agrees_with_pytorch_itself(row):
    pytest.importorskip("torch")
    import sys

    sys.path.insert(0, str(REFERENCE))
    from torch_iterates import iterates

    data = datasets.separable(3, 12, 5)
    start = datasets.generator(4).standard_normal(5)
    expected = iterates(row["method"], row["options"], data.Z, start, 200)
    path = ours(row["method"], row["options"], data, start, 200)
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-12)


def test_the_table_has_teeth():
    """A bias correction left out, or epsilon inside the root, is far above the tolerance."""
    data = Dataset.from_signed(TABLE["Z"])
    expected = np.array(TABLE["rows"][-1]["iterates"])
    other = ours("adam", {"lr": 0.3, "betas": [0.5, 0.8], "eps": 0.0101}, data, TABLE["start"], 25)
    assert np.abs(other - expected).max() > 1e-6


WIDE = datasets.wide(0)


@pytest.mark.parametrize("method", [Adam(), RMSProp()])
def test_without_epsilon_the_scale_of_the_loss_does_not_matter(method):
    """A start further out along a direction that shifts all margins alike scales the gradient."""
    data = Dataset.from_signed([[1.0, 0.3], [1.0, -0.2], [1.0, 0.7]])
    objective, how = Objective(data, "exponential"), {"steps": 0.05, "n_steps": 30}
    near = descent(objective, method, start=[0.0, 0.0], **how).final
    far = descent(objective, method, start=[5000.0, 0.0], **how).final
    assert far - [5000.0, 0.0] == pytest.approx(near, abs=1e-9)  # exp(-5000) underflows


def test_sign_descent_is_adam_without_memory():
    path = descent(Objective(WIDE, "exponential"), Adam(betas=(0.0, 0.0)), steps=0.01, n_steps=300)
    signs = descent(
        Objective(WIDE, "exponential"), NormalizedSteepest(np.inf), steps=0.01, n_steps=300
    )
    assert path.iterates == pytest.approx(signs.iterates, abs=1e-12)


def test_batches_of_all_samples_are_drawn_with_replacement_and_reproducible():
    runs = [
        descent(
            Objective(WIDE, "exponential"),
            Adam(),
            steps=0.01,
            sampling=WithReplacement(1),
            n_runs=3,
            n_steps=50,
        )
        for _ in "ab"
    ]
    assert (runs[0].iterates == runs[1].iterates).all()
    assert runs[0].final.shape == (3, WIDE.n_features)
    assert np.abs(runs[0].final[0] - runs[0].final[1]).max() > 1e-3


def test_adagrad_is_continued_exactly():
    data = datasets.separable(1, 30, 6)
    start = datasets.generator(2).standard_normal(6)
    for eta in (0.05, 1.0):
        loop = descent(data, AdaGrad(), steps=eta, n_steps=8192, start=start, record=[8192])
        fast = flow.continued_adagrad(data, step_size=eta, log_steps=[np.log(8192)], start=start)
        assert fast.final == pytest.approx(loop.final, abs=1e-7)
        assert fast.log_t == pytest.approx(loop.log_t)


def test_adagrad_limit_is_the_machine_of_the_frozen_metric():
    path = flow.continued_adagrad(WIDE, step_size=0.3, log_steps=[1e3, 1e4])
    roots = path.accumulators[-1] ** 0.25
    frozen = optima.max_margin(Dataset(WIDE.X / roots, WIDE.y)).w / roots
    assert path.direction_gap(frozen)[-1] < 1e-3
    assert path.direction_gap(optima.max_margin(WIDE).w)[-1] > 0.1
    assert (path.accumulators[0] == path.accumulators[1]).all()


def test_adam_flow_follows_small_steps():
    data, eta = datasets.separable(1, 30, 6), 1e-3
    loop = descent(
        Objective(data, "exponential"),
        Adam(epsilon=0.01, betas=(0.0, 0.0)),
        steps=eta,
        n_steps=4000,
        record=[4000],
    )
    fast = flow.adam_flow(data, epsilon=0.01, log_t=[np.log(4.0)], loss="exponential")
    assert fast.final == pytest.approx(loop.final, abs=2e-3)
    coarse = descent(
        Objective(data, "exponential"),
        Adam(epsilon=0.01, betas=(0.0, 0.0)),
        steps=2 * eta,
        n_steps=2000,
        record=[2000],
    )
    ratio = np.abs(coarse.final - fast.final).max() / np.abs(loop.final - fast.final).max()
    assert ratio == pytest.approx(2.0, abs=0.3)  # first order in the step


def test_turns_too_sharp_for_adam_flow_advise_what_makes_them_less_sharp():
    X = np.random.default_rng(0).normal(size=(10, 3))
    y = np.sign(X @ [1.0, -1.0, 0.5])
    with pytest.raises(flow.IntegrationFailed, match=r"A larger epsilon, or features of order one"):
        flow.adam_flow(Dataset(100 * X, y), epsilon=1e-6, log_t=[20.0])
    for size, epsilon in ((100, 1e-2), (1, 1e-6)):
        path = flow.adam_flow(Dataset(size * X, y), epsilon=epsilon, log_t=[20.0])
        assert path.error_estimate[0] <= 1e-6 * np.abs(path.final).max()


def test_adam_flow_is_gradient_flow_where_epsilon_dominates():
    # |g| / epsilon <= 1e-6 from the start: the gradient flow at the time t / epsilon.
    data, epsilon = datasets.separable(1, 30, 6), 1e6
    log_t = np.array([15.0, 100.0, 1e4])
    adam = flow.adam_flow(data, epsilon=epsilon, log_t=log_t, loss="exponential")
    plain = flow.gradient_flow(data, loss="exponential", log_t=log_t - np.log(epsilon))
    gap = np.abs(adam.iterates - plain.iterates).max(axis=1)
    assert (gap < 1e-5 * np.maximum(1, np.abs(plain.iterates).max(axis=1))).all()


def test_adam_flow_passes_from_one_margin_to_the_other():
    best = {p: optima.max_margin(WIDE, p=p).margin for p in (2, np.inf)}
    path = flow.adam_flow(WIDE, epsilon=1e-6, log_t=[0.0, 1e4], tolerance=1e-5, loss="exponential")
    ratios = {p: margin(WIDE.Z, path.iterates, p) / best[p] for p in best}
    assert ratios[np.inf][0] > 0.85 > 0.7 > ratios[np.inf][1]
    assert ratios[2][0] < 0.9 < 0.999 < ratios[2][1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: descent(Objective(WIDE, "exponential"), Adam(epsilon=-1), steps=0.1, n_steps=1),
            "epsilon must be at",
        ),
        (
            lambda: descent(
                Objective(WIDE, "exponential"), Adam(betas=(0.9, 1.0)), steps=0.1, n_steps=1
            ),
            "below 1",
        ),
        (
            lambda: descent(
                Objective(WIDE, "exponential"), RMSProp(smoothing=1), steps=0.1, n_steps=1
            ),
            "smoothing must",
        ),
        (lambda: descent(WIDE, AdaGrad(), steps=0, n_steps=1), "step_size must be"),
        (
            lambda: flow.adam_flow(WIDE, epsilon=1e-20, log_t=[1.0], loss="exponential"),
            "epsilon must be at least",
        ),
        (
            lambda: flow.adam_flow(
                WIDE, epsilon=1, log_t=[1.0], start=np.ones((2, 50)), loss="exponential"
            ),
            "one weig",
        ),
        (lambda: flow.continued_adagrad(WIDE, step_size=1, log_steps=[1.0]), "at least log 1024"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("seed", "n", "d", "epsilon"), [(0, 7, 6, 0.047), (1, 6, 8, 0.041), (2, 6, 7, 0.011)]
)
def test_adam_flow_passes_kinks_at_the_tolerance(seed, n, d, epsilon):
    """Where a coordinate of the gradient changes its sign the field is not smooth."""
    rng = np.random.default_rng(seed)
    direction = np.eye(d)[0]
    Z = rng.standard_normal((n, d))
    Z += np.outer(np.abs(Z @ direction) - Z @ direction + 0.3, direction)
    start, log_t = rng.standard_normal(d), np.array([-2.0, 0.5, 2.0])
    run = flow.adam_flow(
        Dataset.one_class(Z),
        loss="exponential",
        epsilon=epsilon,
        log_t=log_t,
        start=start,
        tolerance=3e-7,
    )
    truth = right.adam(Z, epsilon, start, np.exp(log_t))
    error = np.abs(run.iterates - truth).max(axis=1)
    assert (error <= 10 * run.error_estimate + 1e-9).all()
    assert (error <= 3e-7 * np.maximum(1, np.abs(truth).max(axis=1))).all()


@pytest.mark.parametrize("loss", ["logistic", "exponential", StretchedExponential(3)], ids=str)
def test_adagrad_is_refused_where_squares_of_gradients_underflow(loss):
    """The exact loop moves by step_size at first, however small the gradient is."""
    far = 400.0 if isinstance(loss, str) else 8.0
    line, how = Dataset.one_class([[1.0]]), {"step_size": 0.1, "log_steps": [np.log(2000)]}
    with pytest.raises(ValueError, match="start nearer to zero"):
        flow.continued_adagrad(line, loss=loss, start=[far], **how)
    path = flow.continued_adagrad(line, loss=loss, start=[far / 4], tolerance=1e-5, **how)
    right = descent(
        Objective(line, loss), AdaGrad(), steps=0.1, start=[far / 4], n_steps=2000, record=[2000]
    )
    assert path.final == pytest.approx(right.final, abs=1e-5 * far)


def test_adagrad_is_refused_where_the_gradient_of_one_column_underflows():
    how = {"step_size": 0.1, "log_steps": [8.0]}
    with pytest.raises(ValueError, match="column 1 of X"):
        flow.continued_adagrad(Dataset.one_class([[1.0, 1e-200]]), **how)
    with pytest.raises(ValueError, match="column 1 of X"):
        flow.continued_adagrad(Dataset.one_class(np.eye(2)), start=[0.0, 400.0], **how)
    path = flow.continued_adagrad(Dataset.one_class([[1.0, 0.0]]), **how)  # never moves
    assert path.final[1] == 0 < path.final[0]


def test_adagrad_advises_no_times_that_it_does_not_take():
    """From far off G is as small as e^-600: the check run stops before the first step allowed."""
    line = Dataset.one_class([[1.0]])
    with pytest.raises(flow.IntegrationFailed, match="descent takes every step") as refused:
        flow.continued_adagrad(line, start=[300.0], step_size=0.1, log_steps=[np.log(2000)])
    assert "times up to" not in str(refused.value)


@pytest.mark.parametrize("method", [AdaGrad(), RMSProp(), Adam(), Adam(betas=(0.0, 0.0))])
def test_coordinates_move_alike_however_far_apart_their_gradients_are(method):
    """By its square alone, a gradient e^400 times smaller than another would be zero."""
    data = Dataset.one_class(np.eye(2))
    how = {"steps": 0.1, "n_steps": 3}
    level = descent(Objective(data, "exponential"), method, start=[0.0, 0.0], **how).final
    apart = descent(Objective(data, "exponential"), method, start=[0.0, 400.0], **how).final
    assert apart - [0, 400] == pytest.approx(level, rel=1e-9)


FALLS = [100.0, 500.0, 1e3, 1e5]  # steps in which the gradient of one sample falls by e^-step


@pytest.mark.parametrize("eta", FALLS)
@pytest.mark.parametrize(
    "method",
    [methods.Muon(), methods.Muon(nesterov=True), methods.SignMomentum(), methods.Lion()],
)
def test_a_memory_that_outgrows_all_gradients_since_has_their_sign(method, eta):
    one = Objective(Dataset.from_signed([[1.0]]), "exponential")
    path = descent(one, method, steps=eta, n_steps=8, record=range(9)).iterates.ravel()
    assert np.diff(path) == pytest.approx(np.full(8, eta))


@pytest.mark.parametrize("eta", FALLS)
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.6), (0.9, 0.9)])
def test_where_only_the_first_gradient_counts_adam_moves_by_its_shares(betas, eta):
    one = Objective(Dataset.from_signed([[1.0]]), "exponential")
    path = descent(one, methods.Adam(0.0, betas), steps=eta, n_steps=8, record=range(9)).iterates
    k, (b1, b2) = np.arange(8), betas
    means = b1**k * (1 - b1) / (1 - b1 ** (k + 1))
    squares = b2**k * (1 - b2) / (1 - b2 ** (k + 1))
    assert np.diff(path.ravel()) / eta == pytest.approx(means / np.sqrt(squares), rel=1e-9)


def test_a_gradient_that_is_rounding_is_no_step_of_adagrad():
    """The sum of the second column is 1e-17, and its first step was as long as any other."""
    v, y = np.array([0.1, 0.2, 0.7, -0.1, -0.2, -0.7]), np.array([1.0, 1, 1, -1, -1, -1])
    X = np.column_stack([np.ones(6), v]) * y[:, None]
    how = {"step_size": 1.0, "log_steps": [np.log(3000)]}
    with pytest.raises(ValueError, match=r"^start: .* column 1 .* drop that column\.$"):
        flow.continued_adagrad(Dataset(X, y), **how)
    alone = flow.continued_adagrad(Dataset(X[:, :1], y), **how)
    run = descent(Objective(Dataset(X[:, :1], y)), AdaGrad(), steps=1.0, n_steps=3000)
    assert alone.final == pytest.approx(run.final, rel=1e-7)
    assert flow.continued_adagrad(Dataset(X, y), start=[0.0, 0.3], **how).final[0] > 8


def test_the_check_run_of_adagrad_has_a_loop_of_its_own(monkeypatch):
    runs, true = [], adaptive.two_runs

    def watched(field, launch, *rest, **how):
        runs.append((launch(1.0, 0.0), launch(1.0, 1.0), how["off"](0.0, 10.0)))
        return true(field, launch, *rest, **how)

    monkeypatch.setattr(adaptive, "two_runs", watched)
    data = datasets.separable(0, 12, 3)
    flow.continued_adagrad(data, step_size=0.1, log_steps=[9.0])
    (late, real), (early, check), kicked = runs[0]
    assert (late, early) == (pytest.approx(np.log(1024)), pytest.approx(np.log(512)))
    one = descent(Objective(data), AdaGrad(), steps=0.1, n_steps=512).final
    assert real[:3] == pytest.approx(
        descent(Objective(data), AdaGrad(), steps=0.1, n_steps=1024).final, rel=1e-13
    )
    off, further = np.abs(check[:3] - one).max(), np.abs(kicked[:3] - one).max()
    assert 0 < off < 1e-12 and 3 * off < further < 1e-11
