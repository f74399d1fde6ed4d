"""Every public function of `optima` and `flow` on data of every size that float64 holds.

The answer is finite, or an error says by what to divide; no warning is left over.
"""

import dataclasses
import inspect
import re
import warnings

import numpy as np
import pytest

from ibias import datasets, flow, models, optima, potentials
from ibias.datasets import Dataset, MulticlassDataset, NextTokens, Regression

SIZES = [1e-300, 1e-160, 1e-80, 1e-20, 1e20, 1e80, 1e160, 1e300]
# Before some errors stand all the steps that an integration may take.
pytestmark = pytest.mark.usefixtures("few_steps")

RAW = re.compile(r"SVD|LAPACK|DCP|cvxpy|CLARABEL|HiGHS|broadcast|object is not|istate|overflow in")

APART = datasets.separable(0, 12, 3)
OVERLAP = Dataset(APART.X, np.where(np.arange(12) < 3, -APART.y, APART.y))
LINE = datasets.gaussian_regression(0, 4, 6)
POSITIVE = Regression(LINE.X, LINE.X @ np.arange(1.0, 7.0))
CLASSES = datasets.separable_classes(0)
TOKENS = datasets.next_tokens(0)
SEQUENCES = datasets.token_sequences(seed=0)
NET = models.Network((3, 4, 1), "squared_relu")
THETA = np.random.default_rng(0).standard_normal(NET.n_parameters)
NORMED = models.WeightNormalized(6)
AT = NORMED.theta(np.ones(6))
TABLE = datasets.low_rank_completion(1, 4, 1, 12, seed=0)[0]
ENTROPY = potentials.NegativeEntropy()


def apart(s):
    return Dataset(s * APART.X, APART.y)


def overlap(s):
    return Dataset(s * OVERLAP.X, OVERLAP.y)


def classes(s):
    return MulticlassDataset(s * CLASSES.X, CLASSES.y)


def targets(s):
    return Regression(LINE.X, s * LINE.y)


def inputs(s):
    return Regression(s * LINE.X, LINE.y)


def tokens(s):
    return NextTokens(s * TOKENS.X, TOKENS.P)


def entries(s):
    return datasets.Completion(TABLE.mask, s * TABLE.M)


def sensed(s):
    return datasets.Sensing(s * TABLE.sensors, TABLE.observations)


def late(s):
    """A time at which something of order one has happened."""
    return [1.0 - 2 * np.log(s)]


# name: a call, and what varies its size
CALLS = {
    "bounded_part_and_ray": lambda s: optima.bounded_part_and_ray(apart(s)),
    "bounded_part_and_ray, overlap": lambda s: optima.bounded_part_and_ray(overlap(s)),
    "box_minimiser": lambda s: optima.box_minimiser(overlap(s), radius=1 / s),
    "box_minimiser, radius one": lambda s: optima.box_minimiser(apart(s), radius=1.0),
    "bregman_projection": lambda s: optima.bregman_projection(
        Regression(POSITIVE.X, s * POSITIVE.y), potential=ENTROPY
    ),
    "bregman_projection, inputs": lambda s: optima.bregman_projection(inputs(s), potential=ENTROPY),
    "bregman_projection, p = 3": lambda s: optima.bregman_projection(
        targets(s), potential=potentials.PowerNorm(3)
    ),
    "bregman_projection, hyperbolic": lambda s: optima.bregman_projection(
        targets(s), potential=potentials.HyperbolicEntropy(0.1)
    ),
    "bregman_projection, depth 3": lambda s: optima.bregman_projection(
        targets(s), potential=potentials.DepthEntropy(3, 0.1)
    ),
    "commuting_limit": lambda s: optima.commuting_limit(
        datasets.commuting_sensing(3, 2, seed=0), scale=s
    ),
    "expansion": lambda s: optima.expansion(apart(s)),
    "fourier_norm": lambda s: optima.fourier_norm(s * np.arange(1.0, 5.0)),
    "hinge_machine": lambda s: optima.hinge_machine(overlap(s), penalty=min(s, 1e150) ** 2 or s),
    "hinge_machine, penalty one": lambda s: optima.hinge_machine(overlap(s), penalty=1.0),
    "kernel_margin": lambda s: optima.kernel_margin(s * APART.X @ APART.X.T, APART.y),
    "kkt_residual": lambda s: optima.kkt_residual(NET, apart(s), THETA),
    "kkt_residual, theta": lambda s: optima.kkt_residual(NET, APART, s * THETA),
    "margin_climb": lambda s: optima.margin_climb(apart(s), np.zeros(3)),
    "max_fourier_margin": lambda s: optima.max_fourier_margin(apart(s)),
    **{
        f"max_margin, p = {p}": lambda s, p=p: optima.max_margin(apart(s), p=p)
        for p in (1, 1.01, 2, 3, 50, np.inf)
    },
    "max_margin_with_bias": lambda s: optima.max_margin_with_bias(apart(s)),
    **{
        f"min_norm, {make.__name__}, p = {p}": lambda s, p=p, make=make: optima.min_norm(
            make(s), p=p
        )
        for p in (1, 1.3, 2, np.inf)
        for make in (inputs, targets)
    },
    "min_nuclear_norm": lambda s: optima.min_nuclear_norm(entries(s)),
    "min_nuclear_norm, sensors": lambda s: optima.min_nuclear_norm(sensed(s)),
    "min_spectral_norm": lambda s: optima.min_spectral_norm(entries(s)),
    "multiclass_margin": lambda s: optima.multiclass_margin(classes(s)),
    "nearest_separator": lambda s: optima.nearest_separator(apart(s), np.zeros(3)),
    "next_token_limit": lambda s: optima.next_token_limit(tokens(s)),
    "lasso": lambda s: optima.lasso(inputs(s), penalty=0.1),
    "lasso, its own": lambda s: optima.lasso(inputs(s), penalty=0.1 * s),
    "lasso, targets": lambda s: optima.lasso(targets(s), penalty=0.1 * s),
    "ridge_path": lambda s: optima.ridge_path(apart(s), log_penalty=[0.0]),
    "ridge_path, its own": lambda s: optima.ridge_path(apart(s), log_penalty=[2 * np.log(s)]),
    "saddle_path": lambda s: optima.saddle_path(targets(s)),
    "schatten_margin": lambda s: optima.schatten_margin(classes(s), norm="nuclear"),
    "separation": lambda s: optima.separation(apart(s)),
    "separation, overlap": lambda s: optima.separation(overlap(s)),
    "small_scale_path": lambda s: optima.small_scale_path(apart(s)),
    "sparse_certificate": lambda s: optima.sparse_certificate(inputs(s), np.eye(6)[0]),
    "tail_direction": lambda s: optima.tail_direction(apart(s), power=1.0),
    "variation_margin": lambda s: optima.variation_margin(apart(s)),
    "weight_normalized_interpolant": lambda s: optima.weight_normalized_interpolant(
        targets(s), start=np.ones(6)
    ),
    **{
        f"{function.__name__}, {when}": lambda s, function=function, when=when: function(
            apart(s), log_t=[1.0] if when == "fixed" else late(s)
        )
        for function in (flow.gradient_flow, flow.accelerated_flow, flow.flow)
        for when in ("fixed", "late")
    },
    "gradient_flow, exponential": lambda s: flow.gradient_flow(
        apart(s), loss="exponential", log_t=late(s)
    ),
    "gradient_flow, start": lambda s: flow.gradient_flow(APART, log_t=[1.0], start=s * np.ones(3)),
    "gradient_flow, exponential, start": lambda s: flow.gradient_flow(
        APART, loss="exponential", log_t=[1.0], start=-s * np.ones(3)
    ),
    "adam_flow": lambda s: flow.adam_flow(apart(s), log_t=[1.0], epsilon=0.1),
    "adam_flow, epsilon": lambda s: flow.adam_flow(APART, log_t=[1.0], epsilon=s),
    "continued_adagrad": lambda s: flow.continued_adagrad(
        apart(s), step_size=0.1 / s, log_steps=[8.0]
    ),
    "continued_adagrad, step one": lambda s: flow.continued_adagrad(
        apart(s), step_size=1.0, log_steps=[8.0]
    ),
    "continued_gradient_descent": lambda s: flow.continued_gradient_descent(
        apart(s), log_steps=[8.0]
    ),
    "continued_gradient_descent, step one": lambda s: flow.continued_gradient_descent(
        apart(s), step_size=1.0, log_steps=[8.0]
    ),
    "cross_entropy_flow": lambda s: flow.cross_entropy_flow(classes(s), log_t=late(s)),
    "cross_entropy_flow, fixed": lambda s: flow.cross_entropy_flow(classes(s), log_t=[1.0]),
    "next_token_flow": lambda s: flow.next_token_flow(tokens(s), log_t=late(s)),
    "next_token_flow, fixed": lambda s: flow.next_token_flow(tokens(s), log_t=[1.0]),
    "attention_flow": lambda s: flow.attention_flow(
        SEQUENCES, models.Attention(3, 6), log_t=[1.0], start=s * np.ones(6)
    ),
    "mirror_flow": lambda s: flow.mirror_flow(apart(s), ENTROPY, log_t=late(s)),
    "mirror_flow, fixed": lambda s: flow.mirror_flow(apart(s), ENTROPY, log_t=[1.0]),
    "mirror_flow, targets": lambda s: flow.mirror_flow(
        targets(s), potentials.PowerNorm(3), log_t=[1.0]
    ),
    "network_flow": lambda s: flow.network_flow(APART, NET, log_t=[1.0], start=s * THETA),
    "network_flow, data": lambda s: flow.network_flow(apart(s), NET, log_t=[1.0], start=THETA),
    "parametrized_flow": lambda s: flow.parametrized_flow(
        targets(s), NORMED, log_t=[1.0], start=AT
    ),
    "parametrized_flow, start": lambda s: flow.parametrized_flow(
        LINE, NORMED, log_t=[1.0], start=s * AT
    ),
    "matrix_flow": lambda s: flow.matrix_flow(entries(s), scale=s, log_t=[1.0 - np.log(s)]),
    "matrix_flow, scale": lambda s: flow.matrix_flow(TABLE, scale=s, log_t=[1.0]),
    "matrix_flow, sensors": lambda s: flow.matrix_flow(sensed(s), scale=0.1, log_t=[1.0]),
    "singular_value_flow": lambda s: flow.singular_value_flow(
        [s, 2 * s], depth=2, scale=s / 10, log_t=[1.0 - np.log(s)]
    ),
    "singular_value_flow, scale": lambda s: flow.singular_value_flow(
        [1.0, 2.0], depth=3, scale=min(s, 1 / s), log_t=[1.0]
    ),
    "escape_time": lambda s: flow.escape_time(1.0, depth=3, scale=min(s, 1 / s)),
    "escape_time, target": lambda s: flow.escape_time(s, depth=2, scale=s / 10),
    "two_by_two_flow": lambda s: flow.two_by_two_flow(s * np.eye(2), log_t=[1.0]),
    "orthogonal_relu_flow": lambda s: flow.orthogonal_relu_flow(
        Regression(np.eye(2), [s, -s]),
        times=[1.0],
        signs=[1, -1],
        directions=np.eye(2),
        log_size=-3.0,
    ),
}


def numbers(answer):
    """Every float of an answer, by name."""
    if isinstance(answer, (float, np.ndarray)):
        yield "answer", np.asarray(answer)
    elif dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            part = getattr(answer, field.name)
            for one in part if isinstance(part, tuple) else [part]:
                for _, value in numbers(one):
                    yield field.name, value


# Where it takes seconds until the error: 300 000 evaluations, or as many steps.
LONG = {
    "matrix_flow, scale": [1e20, 1e80],
    "matrix_flow, sensors": [1e20, 1e80],
    "mirror_flow, targets": [1e-20],
    "next_token_flow, fixed": [1e20, 1e80],
    "parametrized_flow": [1e20, 1e80],
    "two_by_two_flow": [1e80],
}
ROWS = [(name, size) for name in CALLS for size in SIZES if size not in LONG.get(name, [])]


@pytest.mark.parametrize(("name", "size"), ROWS)
def test_a_number_or_a_clear_error(name, size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answer = CALLS[name](size)
        except (ValueError, RuntimeError) as error:
            message = str(error)
            assert len(message) <= 500 and not RAW.search(message), message
            assert len(message) >= 40, message
            return
    for part, value in numbers(answer):
        if value.dtype.kind == "f":
            assert not np.isnan(value).any(), f"{part} is not a number"


@pytest.mark.parametrize("module", [optima, flow])
def test_every_function_is_in_the_table(module):
    called = {name.split(",")[0] for name in CALLS}
    functions = {name for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    assert functions - called <= {"integrate"}  # it has a field, and no data


@pytest.mark.parametrize("size", [1e-60, 1e-20, 1e-8, 1e8, 1e20, 1e60])
@pytest.mark.parametrize(
    ("optimum", "name", "power"),
    [
        (lambda s: optima.min_spectral_norm(entries(s)), "value", 1),
        (lambda s: optima.min_nuclear_norm(entries(s)), "value", 1),
        (lambda s: optima.max_margin_with_bias(apart(s)), "w", -1),
        (lambda s: optima.ridge_path(apart(s), log_penalty=[2 * np.log(s) - 3]), "w", -1),
        (lambda s: optima.nearest_separator(apart(s), np.ones(3) / s), "w", -1),
        (lambda s: optima.schatten_margin(classes(s), norm="nuclear"), "margin", 1),
        (lambda s: optima.expansion(apart(s)), "direction_gap", 0),
        (lambda s: flow.gradient_flow(apart(s), log_t=late(s), start=np.ones(3) / s), "final", -1),
        (lambda s: flow.matrix_flow(entries(s), scale=0.1 * s, log_t=[1 - np.log(s)]), "final", 1),
    ],
)
def test_another_unit_gives_the_same_answer_in_that_unit(optimum, name, power, size):
    one, other = getattr(optimum(1.0), name), getattr(optimum(size), name)
    assert other / size**power == pytest.approx(one, rel=1e-6, abs=1e-6 * np.abs(one).max())
