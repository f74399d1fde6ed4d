"""Bad input to every public function of `flow` and `descent`: a message that names it.

One row is one call. The message must name the argument, say what to do, and be short; nothing
may leak from a solver, and no warning may be left over.
"""

import warnings

import numpy as np
import pytest
from scipy import sparse

from ibias import datasets, flow, losses, methods, models, noise, steps
from ibias.descent import descent
from ibias.networks import BatchNormLinear
from ibias.objectives import Objective
from ibias.potentials import NegativeEntropy, SquaredNorm

DATA = datasets.separable(0, 12, 3)
LINE = datasets.gaussian_regression(0, 4, 6)
TOKENS, SEQUENCES = datasets.next_tokens(0), datasets.token_sequences(seed=0)
CLASSES = datasets.separable_classes(0)
NET = models.Network((3, 4, 1), "squared_relu")
THETA = np.random.default_rng(0).standard_normal(NET.n_parameters)
NORMED = models.WeightNormalized(6)
AT = NORMED.theta(np.ones(6))
MATRIX = datasets.two_by_two_completion()
FACTORS = [0.1 * np.eye(2), 0.1 * np.eye(2)]

# name: the data, and the other arguments of a call of descent that works
ENTROPY = NegativeEntropy()
ON_NET = Objective(DATA, model=NET)
ON_NORMED = Objective(LINE, model=NORMED)
ON_FACTORS = Objective(MATRIX, model=models.MatrixProduct((2, 2)))
WEAK = datasets.Dataset(np.sign(DATA.X), DATA.y)
LOOPS = {
    "gradient": (DATA, {}),
    "heavy ball": (DATA, {"method": methods.HeavyBall()}),
    "nesterov": (DATA, {"method": methods.Nesterov()}),
    "dual momentum": (DATA, {"method": methods.DualMomentum()}),
    "loss-scaled": (DATA, {"method": methods.LossScaled()}),
    "perceptron": (DATA, {"method": methods.Perceptron(), "steps": 1.0}),
    "rescaled": (DATA, {"method": methods.Rescaled()}),
    "normalised": (DATA, {"method": methods.NormalizedGradient()}),
    "adagrad": (DATA, {"method": methods.AdaGrad(), "steps": 0.1}),
    "rmsprop": (DATA, {"method": methods.RMSProp(), "steps": 0.1}),
    "adam": (DATA, {"method": methods.Adam(), "steps": 0.1}),
    "signum": (DATA, {"method": methods.SignMomentum(), "steps": 0.1}),
    "lion": (DATA, {"method": methods.Lion(), "steps": 0.1}),
    "steepest": (DATA, {"method": methods.Steepest(3), "steps": 0.1}),
    "normalised steepest": (DATA, {"method": methods.NormalizedSteepest(3)}),
    "spectral": (CLASSES, {"method": methods.Spectral()}),
    "muon": (CLASSES, {"method": methods.Muon(), "steps": 0.1}),
    "boosting": (WEAK, {"method": methods.Boosting()}),
    "mirror": (DATA, {"method": methods.Mirror(ENTROPY), "steps": 0.1}),
    "mirror momentum": (DATA, {"method": methods.MirrorMomentum(ENTROPY), "steps": 0.1}),
    "natural": (DATA, {"method": methods.NaturalGradient(ENTROPY), "steps": 0.1}),
    "stochastic": (DATA, {"sampling": noise.Reshuffled(4), "n_runs": 2}),
    "least squares": (LINE, {}),
    "kaczmarz": (LINE, {"method": methods.Kaczmarz(), "sampling": noise.Reshuffled(1)}),
    "network": (ON_NET, {"start": THETA}),
    "greedy": (ON_NET, {"start": THETA, "steps": steps.Greedy()}),
    "parametrised": (ON_NORMED, {"start": AT, "steps": 0.01, "noise": noise.LabelNoise(0.1)}),
    "sharpness-aware": (
        ON_NORMED,
        {"start": AT, "steps": 0.01, "method": methods.SharpnessAware(methods.Gradient(), 0.1)},
    ),
    "factors": (ON_FACTORS, {"start": FACTORS, "steps": 0.1}),
    "multiplicative": (
        ON_FACTORS,
        {"start": FACTORS, "steps": 0.1, "method": methods.Multiplicative()},
    ),
}
LOOPS = {name: (data, {"n_steps": 5} | options) for name, (data, options) in LOOPS.items()}
FLOWS = {
    "gradient_flow": (DATA, {"log_t": [1.0]}),
    "continued_gradient_descent": (DATA, {"log_steps": [8.0]}),
    "continued_adagrad": (DATA, {"log_steps": [8.0], "step_size": 0.1}),
    "adam_flow": (DATA, {"log_t": [1.0], "epsilon": 0.1}),
    "accelerated_flow": (DATA, {"log_t": [1.0]}),
    "cross_entropy_flow": (CLASSES, {"log_t": [1.0]}),
    "next_token_flow": (TOKENS, {"log_t": [1.0]}),
    "attention_flow": (
        SEQUENCES,
        {"log_t": [1.0], "model": models.Attention(3, 6), "start": np.zeros(6)},
    ),
    "mirror_flow": (DATA, {"log_t": [1.0], "potential": NegativeEntropy()}),
    "network_flow": (DATA, {"log_t": [1.0], "net": NET, "start": THETA}),
    "parametrized_flow": (LINE, {"log_t": [1.0], "model": NORMED, "start": AT}),
    "matrix_flow": (MATRIX, {"log_t": [1.0], "scale": 0.1}),
    "orthogonal_relu_flow": (
        datasets.Regression(np.eye(2), [1.0, -1.0]),
        {"times": [1.0], "signs": [1, -1], "directions": np.eye(2), "log_size": -3.0},
    ),
}
FLOWS |= {"flow": (DATA, {"log_t": [1.0]})}
EVERY = LOOPS | FLOWS
SECOND = ("potential", "net", "model")  # given by position, after the data


def call(name, data, options):
    function, options = getattr(flow, name) if name in FLOWS else descent, dict(options)
    if name in LOOPS and "loss" in options:
        data = Objective(data, options.pop("loss"))
    first = [options.pop(key) for key in SECOND if key in options]
    return function(data, *first, **options)


class Contradictory(losses.MarginLoss):
    smoothness = 1.0

    def log_value(self, margins):
        return -np.asarray(margins, dtype=float)

    def log_slope(self, margins):
        return -2 * np.asarray(margins, dtype=float)

    def log_slope_derivative(self, margins):
        return np.full(np.shape(margins), -2.0)


class TooSmooth(losses.Logistic):
    smoothness = 0.1


def rows():
    """Yield the name of a function, what is wrong, the changed call, and what the message names."""
    pair = (DATA.X, DATA.y)
    for name, (data, options) in EVERY.items():
        word = "problem" if data is MATRIX else "data"
        yield name, "a pair of arrays", pair, options, word
        if name in ("gradient_flow", "gradient", "matrix_flow", "flow"):
            yield name, "an array", DATA.X, options, word
            yield name, "None", None, options, word
            yield name, "a sparse matrix", sparse.csr_array(DATA.X), options, word
    for name, (data, options) in LOOPS.items():
        for value in (0, 2.5, "many", None, True, -3):
            if value in (0, "many") or name in ("gradient", "adam"):
                yield name, f"n_steps={value}", data, options | {"n_steps": value}, "n_steps"
        yield name, "record halves", data, options | {"record": [1.5, 3]}, "record"
        if name in ("gradient", "nesterov", "stochastic"):
            yield name, "record beyond", data, options | {"record": [1, 99]}, "record"
            yield name, "record below", data, options | {"record": [-1]}, "record"
            yield name, "record empty", data, options | {"record": []}, "record"
        yield name, "steps=0", data, options | {"steps": 0.0}, "step_size"
        for value in (-1.0, np.nan, "big", [[0.1, -0.1]], []):
            yield name, f"steps={value}", data, options | {"steps": value}, "step_size"
        if data is DATA:
            yield name, "loss=hinge", data, options | {"loss": "hinge"}, "loss"
        yield name, "start NaN", data, options | {"start": np.full(3, np.nan)}, "start"
        yield name, "start long", data, options | {"start": np.ones(77)}, "start"
        yield name, "method by name", data, options | {"method": "adam"}, "method"
        yield name, "noise by size", data, options | {"noise": 0.1}, "noise"
        yield name, "sampling by size", data, options | {"sampling": 4}, "sampling"
        yield name, "axes", data, options | {"steps": [0.1, 0.2], "n_runs": 3}, "axes"
        for value in (0, 1.5, "many"):
            yield name, f"n_runs={value}", data, options | {"n_runs": value}, "n_runs"
    for name, (data, options) in FLOWS.items():
        times = next(key for key in ("log_steps", "log_t", "times") if key in options)
        for value in ([], [2.0, 1.0], [np.nan], [[1.0]], "late", [8.0, 8.0]):
            yield name, f"{times}={value}", data, options | {times: value}, times
        for value in (0, -1e-9, "tight"):
            yield name, f"tolerance={value}", data, options | {"tolerance": value}, "tolerance"
        if not {"scale", "directions"} & set(options):
            yield name, "start text", data, options | {"start": "here"}, "start"
            yield name, "start long", data, options | {"start": np.ones(77)}, "start"
    for value in (Contradictory(), TooSmooth(), losses.Logistic, 3, None, ["logistic"]):
        for name in ("gradient_flow", "gradient"):
            if value is None and name == "gradient":
                continue  # the default
            data, options = EVERY[name]
            yield name, f"loss={type(value).__name__}", data, options | {"loss": value}, "loss"
    changes = [
        ("gradient", "sampling", noise.Reshuffled(5), "batch_size"),
        ("gradient", "sampling", noise.TaskByTask(5), "batch_size"),
        ("least squares", "loss", "logistic", "loss"),
        ("boosting", "steps", 2.0, "shrinkage"),
        ("boosting", "loss", "logistic", "loss"),
        ("network", "start", None, "start"),
        ("network", "start", 0 * THETA, "start"),
        ("parametrised", "steps", None, "steps"),
        ("factors", "steps", None, "steps"),
        ("adam", "steps", None, "steps"),
        ("least squares", "steps", steps.Safe(), "steps"),
        ("gradient", "method", methods.Kaczmarz(), "data"),
        ("least squares", "method", methods.Kaczmarz(), "sampling"),
        ("least squares", "method", methods.Boosting(), "loss"),
        ("adam", "method", methods.Multiplicative(), "model"),
        ("spectral", "noise", noise.LabelNoise(0.1), "noise"),
        ("gradient", "noise", noise.LabelNoise(2.0), "size"),
        ("mirror", "noise", noise.WeightNoise(0.1), "noise"),
        ("factors", "sampling", noise.WithReplacement(1), "sampling"),
        ("natural", "method", methods.NaturalGradient(SquaredNorm(3)), "potential"),
        ("mirror", "start", -np.ones(DATA.n_features), "start: w must be greater than 0"),
        ("gradient", "loss", "hinge", "'exponential', 'logistic', 'squared'"),
        ("gradient", "method", methods.WeightDecay(methods.Gradient(), 1e6), "weight"),
        ("mirror", "method", methods.WeightDecay(methods.Mirror(ENTROPY), 0.1), "base"),
        ("mirror momentum", "noise", noise.WeightNoise(0.1), "noise"),
        ("mirror momentum", "start", np.ones(77), "start"),
        ("flow", "method", methods.Lion(), "has no flow: use descent"),
        ("flow", "method", methods.Adam(), "has no flow"),
        ("flow", "steps", 0.1, "steps"),
        ("flow", "log_steps", [8.0], "log_steps"),
        ("flow", "log_t", None, "log_t"),
        ("flow", "start", np.ones(77), "start"),
        ("flow", "method", "gradient", "method"),
    ]
    for name, key, value, named in changes:
        data, options = EVERY[name]
        yield name, f"{key}={str(value)[:30]}", data, options | {key: value}, named
    changes = [
        ("network_flow", "net", 3),
        ("network_flow", "net", BatchNormLinear(2)),
        ("mirror_flow", "potential", 2),
        ("continued_gradient_descent", "log_steps", [-1.0]),
        ("continued_gradient_descent", "step_size", "long"),
        ("continued_adagrad", "log_steps", [1.0]),
        ("continued_adagrad", "step_size", -1.0),
        ("adam_flow", "epsilon", 1e-12),
        ("matrix_flow", "depth", 0),
        ("orthogonal_relu_flow", "signs", [0, 1]),
        ("orthogonal_relu_flow", "directions", 0 * np.eye(2)),
        ("orthogonal_relu_flow", "log_size", [1.0, 2.0, 3.0]),
        ("matrix_flow", "scale", -1.0),
        ("gradient_flow", "start", np.ma.masked_array(np.ones(3), [0, 1, 0])),
        ("gradient_flow", "start", np.ones(3) * 1j),
        ("gradient_flow", "start", np.array(["2020-01-01"] * 3, dtype="datetime64[D]")),
        ("gradient_flow", "start", np.ones((2, 3))),
    ]
    for name, key, value in changes:
        data, options = EVERY[name]
        yield name, f"{key}={str(value)[:30]}", data, options | {key: value}, key


ROWS = list(rows())


def test_there_are_enough_rows_and_every_function_and_method_has_one():
    assert len(ROWS) >= 300
    functions = {name for name in flow.__all__ if name.islower()}
    apart = {"integrate", "escape_time", "singular_value_flow", "two_by_two_flow"}
    assert functions - {row[0] for row in ROWS} == apart
    tried = {type(row[3].get("method")).__name__ for row in ROWS} | {"Gradient"}
    kinds = {name for name in methods.__all__ if name[0].isupper()}
    assert kinds - tried == {"Limit", "Method"}


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: methods.Adam(betas=(0.9, 1.0)), "betas"),
        (lambda: methods.Adam(betas=0.9), "betas"),
        (lambda: methods.Adam(epsilon=-1.0), "epsilon"),
        (lambda: methods.AdaGrad([-1.0]), "epsilon"),
        (lambda: methods.RMSProp(smoothing=1.0), "smoothing"),
        (lambda: methods.Lion((0.9,)), "betas"),
        (lambda: methods.SignMomentum(1.0), "momentum"),
        (lambda: methods.HeavyBall(1.0), "momentum"),
        (lambda: methods.MirrorMomentum(SquaredNorm(2), 1.0), "momentum"),
        (lambda: methods.HeavyBall("much"), "momentum"),
        (lambda: methods.Muon(1.0), "momentum"),
        (lambda: methods.Muon(coefficients=(1.0, 2.0)), "coefficients"),
        (lambda: methods.Muon(n_steps=0), "n_steps"),
        (lambda: methods.Spectral([1, 2]), "p must be one"),
        (lambda: methods.Spectral(0.5), "p must be"),
        (lambda: methods.Steepest(0.5), "p must be"),
        (lambda: methods.Steepest("two"), "p must be"),
        (lambda: methods.NormalizedSteepest(np.nan), "p must be"),
        (lambda: methods.Rescaled(factor=0.5), "factor"),
        (lambda: methods.Rescaled(every=0), "every"),
        (lambda: methods.Mirror("entropy"), "potential"),
        (lambda: methods.NaturalGradient(None), "potential"),
        (lambda: methods.SharpnessAware("adam", 0.1), "base"),
        (lambda: methods.SharpnessAware(methods.Gradient(), -1.0), "radius"),
        (lambda: methods.WeightDecay(methods.Gradient(), -1.0), "weight"),
        (lambda: steps.Decaying(0.1, 2.0), "power"),
        (lambda: steps.Decaying(0.1, -0.5), "power"),
        (lambda: steps.Decaying(0.1, "fast"), "power"),
        (lambda: steps.Constant("long"), "step_size"),
        (lambda: steps.DividedByRisk(0), "step_size"),
        (lambda: steps.Safe(0), "largest_move"),
        (lambda: steps.Greedy(1.0), "growth"),
        (lambda: noise.WithReplacement(0), "batch_size"),
        (lambda: noise.Reshuffled(1.5), "batch_size"),
        (lambda: noise.TaskByTask(0), "batch_size"),
        (lambda: noise.TaskByTask(2, visit=0), "visit"),
        (lambda: noise.LabelNoise(-1.0), "size"),
        (lambda: noise.WeightNoise(np.inf), "size"),
        (lambda: Objective([]), "data"),
        (lambda: Objective([DATA, LINE]), "one kind"),
        (lambda: Objective([DATA, datasets.separable(0, 10, 3)]), "same shape"),
        (lambda: Objective(DATA, "cross-entropy"), "loss"),
        (lambda: Objective(LINE, "logistic"), "loss"),
        (lambda: Objective(CLASSES, "logistic"), "loss"),
        (lambda: Objective(DATA, model="relu"), "model"),
        (lambda: Objective(DATA, model=models.linear(4)), "features"),
        (lambda: Objective(LINE, model=models.WeightNormalized(4)), "features"),
        (lambda: Objective(CLASSES, model=models.linear(4)), "model"),
        (lambda: Objective(DATA, model=NET).weights(THETA), "no linear predictor"),
        (lambda: Objective(MATRIX).predict(np.zeros(4), np.eye(2)), "data"),
        (lambda: models.MatrixProduct((2,)), "shape"),
        (lambda: models.MatrixProduct((2, 2), depth=0), "depth"),
        (lambda: models.MatrixProduct((2, 2)).theta([np.eye(2), np.eye(3)]), "factors"),
        (lambda: models.MatrixProduct((2, 2)).matrix(np.ones(3)), "theta"),
    ],
)
def test_bad_parts_are_refused_by_name(make, named):
    with pytest.raises(ValueError, match=named):
        make()


@pytest.mark.parametrize(
    ("name", "wrong", "data", "options", "named"),
    ROWS,
    ids=[f"{row[0]}: {' '.join(row[1].split())}" for row in ROWS],  # one line, to be named by hand
)
def test_bad_input_is_refused_by_name(name, wrong, data, options, named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError) as caught:
            call(name, data, options)
    message = str(caught.value)
    assert named in message
    assert len(message) <= 500
    for leak in ("istate", "LAPACK", "object has no attribute", "unsupported operand", "broadcast"):
        assert leak not in message


@pytest.mark.parametrize("name", EVERY)
def test_the_call_that_is_changed_works(name):
    call(name, *EVERY[name])


@pytest.mark.parametrize(
    ("function", "arguments", "options", "named"),
    [
        (flow.two_by_two_flow, ([[1.0, 2.0]],), {"log_t": [1.0]}, "start"),
        (flow.two_by_two_flow, ("one",), {"log_t": [1.0]}, "start"),
        (flow.two_by_two_flow, (np.eye(2),), {"log_t": [2.0, 1.0]}, "log_t"),
        (flow.two_by_two_flow, (np.eye(2),), {"log_t": [1.0], "depth": 1.5}, "depth"),
        (flow.two_by_two_flow, (np.eye(2),), {"log_t": [1.0], "tolerance": -1}, "tolerance"),
        (flow.singular_value_flow, ([0.0],), {"depth": 2, "scale": 0.1, "log_t": [1]}, "targets"),
        (flow.singular_value_flow, ([1.0],), {"depth": 0, "scale": 0.1, "log_t": [1]}, "depth"),
        (flow.singular_value_flow, ([1.0],), {"depth": 2, "scale": 0, "log_t": [1]}, "scale"),
        (flow.escape_time, (1.0,), {"depth": 2, "scale": 2.0}, "scale"),
        (flow.escape_time, (-1.0,), {"depth": 2, "scale": 0.1}, "target"),
        (flow.escape_time, (1.0,), {"depth": "two", "scale": 0.1}, "depth"),
    ],
)
def test_bad_input_without_data(function, arguments, options, named):
    with pytest.raises(ValueError, match=named):
        function(*arguments, **options)
