"""Bad input to every public function of `flow` and `descent`: a message that names it.

One row is one call. The message must name the argument, say what to do, and be short; nothing
may leak from a solver, and no warning may be left over.
"""

import warnings

import numpy as np
import pytest
from scipy import sparse

from ibias import datasets, descent, flow, losses, models
from ibias.potentials import NegativeEntropy

DATA = datasets.separable(0, 12, 3)
LINE = datasets.gaussian_regression(0, 4, 6)
CLASSES = datasets.separable_classes(0)
NET = models.Network((3, 4, 1), "squared_relu")
THETA = np.random.default_rng(0).standard_normal(NET.n_parameters)
NORMED = models.WeightNormalized(6)
AT = NORMED.theta(np.ones(6))
MATRIX = datasets.two_by_two_completion()
FACTORS = [0.1 * np.eye(2), 0.1 * np.eye(2)]

# name: the function, its data, and the other arguments of a call that works
LOOPS = {
    "gradient_descent": (DATA, {"n_steps": 5}),
    "heavy_ball": (DATA, {"n_steps": 5}),
    "nesterov": (DATA, {"n_steps": 5}),
    "dual_momentum": (DATA, {"n_steps": 5}),
    "loss_scaled_gradient_descent": (DATA, {"n_steps": 5}),
    "rescaled_gradient_descent": (DATA, {"n_steps": 5}),
    "normalized_gradient_descent": (DATA, {"n_steps": 5}),
    "adagrad": (DATA, {"n_steps": 5, "step_size": 0.1}),
    "rmsprop": (DATA, {"n_steps": 5, "step_size": 0.1}),
    "adam": (DATA, {"n_steps": 5, "step_size": 0.1}),
    "steepest_descent": (DATA, {"n_steps": 5, "step_size": 0.1, "p": 2}),
    "normalized_steepest_descent": (DATA, {"n_steps": 5, "p": 2}),
    "mirror_descent": (DATA, {"n_steps": 5, "step_size": 0.1, "potential": NegativeEntropy()}),
    "natural_gradient_descent": (
        DATA,
        {"n_steps": 5, "step_size": 0.1, "potential": NegativeEntropy()},
    ),
    "stochastic_gradient_descent": (DATA, {"n_steps": 5}),
    "least_squares_descent": (LINE, {"n_steps": 5}),
    "network_descent": (DATA, {"n_steps": 5, "net": NET, "start": THETA}),
    "network_sgd": (
        DATA,
        {"n_steps": 5, "net": NET, "start": THETA, "step_size": 0.1, "batch_size": 4},
    ),
    "parametrized_descent": (
        LINE,
        {"n_steps": 5, "model": NORMED, "start": AT, "step_size": 0.01},
    ),
    "sharpness_aware_descent": (
        LINE,
        {"n_steps": 5, "model": NORMED, "start": AT, "step_size": 0.01, "radius": 0.1},
    ),
}
FLOWS = {
    "gradient_flow": (DATA, {"log_t": [1.0]}),
    "continued_gradient_descent": (DATA, {"log_steps": [8.0]}),
    "continued_adagrad": (DATA, {"log_steps": [8.0], "step_size": 0.1}),
    "adam_flow": (DATA, {"log_t": [1.0], "epsilon": 0.1}),
    "accelerated_flow": (DATA, {"log_t": [1.0]}),
    "cross_entropy_flow": (CLASSES, {"log_t": [1.0]}),
    "mirror_flow": (DATA, {"log_t": [1.0], "potential": NegativeEntropy()}),
    "network_flow": (DATA, {"log_t": [1.0], "net": NET, "start": THETA}),
    "parametrized_flow": (LINE, {"log_t": [1.0], "model": NORMED, "start": AT}),
    "matrix_flow": (MATRIX, {"log_t": [1.0], "scale": 0.1}),
}
OTHERS = {
    "boosting": (datasets.Dataset(np.sign(DATA.X), DATA.y), {"n_steps": 5}),
    "greedy_descent": (DATA, {"n_steps": 5, "net": NET, "start": THETA}),
    "kaczmarz": (LINE, {"n_passes": 2}),
    "factored_gradient_descent": (MATRIX, {"n_steps": 5, "start": FACTORS, "step_size": 0.1}),
    "multiplicative_update": (MATRIX, {"n_steps": 5, "start": FACTORS, "step_size": 0.1}),
    "default_step_size": (DATA, {}),
    "dual_step_size": (DATA, {}),
}
EVERY = LOOPS | FLOWS | OTHERS
SECOND = ("potential", "net", "model")  # given by position, after the data


def call(name, data, options):
    function = getattr(descent, name, None) or getattr(flow, name)
    options = dict(options)
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
        if name in ("gradient_flow", "gradient_descent", "least_squares_descent", "matrix_flow"):
            yield name, "an array", DATA.X, options, word
            yield name, "None", None, options, word
            yield name, "a sparse matrix", sparse.csr_array(DATA.X), options, word
    for name, (data, options) in LOOPS.items():
        for value in (0, 2.5, "many", None, True, -3):
            if value in (0, "many") or name in ("gradient_descent", "adam"):
                yield name, f"n_steps={value}", data, options | {"n_steps": value}, "n_steps"
        yield name, "record halves", data, options | {"record": [1.5, 3]}, "record"
        if name in ("gradient_descent", "nesterov", "network_sgd"):
            yield name, "record beyond", data, options | {"record": [1, 99]}, "record"
            yield name, "record below", data, options | {"record": [-1]}, "record"
            yield name, "record empty", data, options | {"record": []}, "record"
        yield name, "step_size=0", data, options | {"step_size": 0.0}, "step_size"
        if name in ("gradient_descent", "adam", "steepest_descent", "parametrized_descent"):
            for value in (-1.0, np.nan, "big", [[0.1]], []):
                yield name, f"step_size={value}", data, options | {"step_size": value}, "step_size"
        if data is DATA:
            yield name, "loss=hinge", data, options | {"loss": "hinge"}, "loss"
        yield name, "start NaN", data, options | {"start": np.full(3, np.nan)}, "start"
        yield name, "start long", data, options | {"start": np.ones(77)}, "start"
    for name, (data, options) in FLOWS.items():
        times = "log_steps" if "log_steps" in options else "log_t"
        for value in ([], [2.0, 1.0], [np.nan], [[1.0]], "late", [8.0, 8.0]):
            yield name, f"{times}={value}", data, options | {times: value}, times
        for value in (0, -1e-9, "tight"):
            yield name, f"tolerance={value}", data, options | {"tolerance": value}, "tolerance"
        if "scale" not in options:
            yield name, "start text", data, options | {"start": "here"}, "start"
            yield name, "start long", data, options | {"start": np.ones(77)}, "start"
    for value in (Contradictory(), TooSmooth(), losses.Logistic, 3, None, ["logistic"]):
        for name in ("gradient_flow", "gradient_descent"):
            data, options = EVERY[name]
            yield name, f"loss={type(value).__name__}", data, options | {"loss": value}, "loss"
    changes = [
        ("adam", "betas", (0.9, 1.0)),
        ("adam", "betas", 0.9),
        ("adam", "decay", -1.0),
        ("adam", "decay", np.nan),
        ("adam", "epsilon", -1.0),
        ("rmsprop", "decay", "fast"),
        ("rmsprop", "decay", -0.5),
        ("rmsprop", "smoothing", 1.0),
        ("adagrad", "epsilon", [-1.0]),
        ("heavy_ball", "momentum", 1.0),
        ("heavy_ball", "momentum", "much"),
        ("least_squares_descent", "momentum", -0.1),
        ("normalized_gradient_descent", "decay", 2.0),
        ("normalized_steepest_descent", "decay", np.nan),
        ("steepest_descent", "p", 0.5),
        ("normalized_steepest_descent", "p", np.nan),
        ("stochastic_gradient_descent", "sampling", "random"),
        ("stochastic_gradient_descent", "batch_size", 5),
        ("stochastic_gradient_descent", "n_runs", 0),
        ("network_sgd", "batch_size", 5),
        ("network_sgd", "weight_decay", -1.0),
        ("network_sgd", "net", "relu"),
        ("network_descent", "net", None),
        ("network_flow", "net", 3),
        ("sharpness_aware_descent", "radius", 0.0),
        ("parametrized_descent", "label_noise", -1.0),
        ("parametrized_descent", "weight_noise", np.inf),
        ("greedy_descent", "growth", 1.0),
        ("mirror_descent", "potential", "entropy"),
        ("natural_gradient_descent", "potential", None),
        ("mirror_flow", "potential", 2),
        ("continued_gradient_descent", "order", 7),
        ("continued_gradient_descent", "order", "high"),
        ("continued_gradient_descent", "log_steps", [-1.0]),
        ("continued_gradient_descent", "step_size", "long"),
        ("continued_adagrad", "log_steps", [1.0]),
        ("continued_adagrad", "step_size", -1.0),
        ("adam_flow", "epsilon", 1e-12),
        ("boosting", "shrinkage", 2.0),
        ("kaczmarz", "n_passes", 1.5),
        ("matrix_flow", "depth", 0),
        ("matrix_flow", "scale", -1.0),
        ("factored_gradient_descent", "step_size", 0.0),
        ("gradient_flow", "start", np.ma.masked_array(np.ones(3), [0, 1, 0])),
        ("gradient_flow", "start", np.ones(3) * 1j),
        ("gradient_flow", "start", np.array(["2020-01-01"] * 3, dtype="datetime64[D]")),
        ("gradient_flow", "start", np.ones((2, 3))),
    ]
    for name, key, value in changes:
        data, options = EVERY[name]
        yield name, f"{key}={str(value)[:30]}", data, options | {key: value}, key


ROWS = list(rows())


def test_there_are_enough_rows_and_every_function_has_one():
    assert len(ROWS) >= 120
    functions = {name for name in descent.__all__ if name.islower()}
    functions |= {name for name in flow.__all__ if name.islower()}
    apart = {"integrate", "escape_time", "singular_value_flow", "two_by_two_flow"}
    assert functions - {row[0] for row in ROWS} == apart | {"steepest_direction"}


@pytest.mark.parametrize(
    ("name", "wrong", "data", "options", "named"), ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS]
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
