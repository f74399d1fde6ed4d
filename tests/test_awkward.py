"""Every public function, every argument, every awkward value: a result, or an error that names it.

`CALLS` holds one call of each that works. One argument of it at a time becomes each of the
awkward values; what comes is a result, or a ValueError (or an error of the package) in whose
message the argument stands. Nothing may warn.
"""

import importlib
import inspect
import pkgutil
import re
import warnings

import numpy as np
import pytest

import ibias
from ibias import (
    datasets,
    descent,
    entropy,
    estimators,
    flow,
    losses,
    methods,
    models,
    networks,
    noise,
    objectives,
    optima,
    potentials,
    steps,
    trajectory,
)
from ibias.datasets import Completion, Dataset, Regression, Sensing
from tests.awkward import AWKWARD

X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, -1.0], [2.0, 1.0]])
y = np.array([1.0, -1.0, -1.0, 1.0])
DATA, LINE = Dataset(X, y), Regression([[1.0, 2.0]], [5.0])
CLASSES, TOKENS = datasets.separable_classes(0), datasets.next_tokens(0)
SEQUENCES = datasets.token_sequences(seed=0)
HARD = Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
MATRIX = datasets.two_by_two_completion()
SEEN = Completion([[True, False], [False, True]], [[1.0, 0.0], [0.0, 2.0]])
NET, EVEN = models.two_layer_relu(2, 3), models.two_layer_relu(2, 2)
SMOOTH = models.Network((2, 2, 1), "squared_relu")
THETA = NET.random(np.random.default_rng(0))
AT = SMOOTH.random(np.random.default_rng(0))
DIAGONAL = models.DiagonalLinear(2, 2)
FACTORS = [0.1 * np.eye(2), 0.1 * np.eye(2)]
RNG = np.random.default_rng
BEST = [1.0, 0.6]
ENTROPY = potentials.NegativeEntropy()
TABLES = {"X": X, "y": y}
SIZES = {"n_samples": 5, "n_features": 3}

# function or class: the arguments of a call that works
CALLS = {
    datasets.Completion: {"mask": [[True, False]], "M": [[1.0, 2.0]], "truth": [[1.0, 2.0]]},
    datasets.Dataset: TABLES | {"positive": 1},
    datasets.GaussianClasses: {"mean": [1.0], "deviations": [1.0], "flip": 0.1},
    datasets.MulticlassDataset: {"X": X, "y": [0, 1, 1, 0], "classes": (0, 1)},
    datasets.NextTokens: {"X": np.eye(2), "P": [[0.5, 0.5], [1.0, 0.0]]},
    datasets.Regression: {"X": X, "y": y, "teacher": [1.0, 2.0]},
    datasets.Sensing: {"sensors": [np.eye(2)], "observations": [1.0], "truth": np.eye(2)},
    datasets.commuting_sensing: {"size": 3, "n_observations": 2, "seed": 0},
    datasets.digit_classes: {"classes": (0, 1), "per_class": 2},
    datasets.digits: {"positive": 3, "negative": 8},
    datasets.duplicated: {"data": DATA, "row": 0, "copies": 2},
    datasets.four_by_four_completion: {"a": 2.0},
    datasets.gaussian_regression: SIZES
    | {"seed": 0, "n_nonzero": 2, "noise": 0.1, "sizes": (1.0, 2.0)},
    datasets.gaussian_sensing: {"size": 3, "rank": 1, "n_observations": 2, "seed": 0},
    datasets.generator: {"seed": 0},
    datasets.low_rank_completion: {
        "n_problems": 2,
        "size": 4,
        "rank": 1,
        "n_observed": 9,
        "seed": 0,
    },
    datasets.next_tokens: {
        "seed": 0,
        "n_contexts": 2,
        "n_features": 3,
        "n_tokens": 4,
        "n_following": 2,
    },
    datasets.opposing_points: {"seed": 0, "n_samples": 4, "height": 0.1},
    datasets.planted: SIZES
    | {"seed": 0, "dual_variables": [0.5, 0.5], "margin": 1.0, "spread": 1.0},
    datasets.raised_copy: {"data": DATA, "row": 0, "distance": 0.1, "above": 0.1},
    datasets.sectors: {
        "seed": 0,
        "centres": (45.0, 135.0),
        "labels": (1, -1),
        "n_per_sector": 2,
        "half_width": 5.0,
    },
    datasets.separable: SIZES | {"seed": 0, "shift": 0.5},
    datasets.separable_classes: SIZES | {"seed": 0, "n_classes": 3, "shift": 0.5},
    datasets.token_sequences: SIZES | {"seed": 0, "n_tokens": 3, "with_query": False},
    datasets.wide: {"seed": 0, "n_samples": 3, "n_features": 5},
    methods.AdaGrad: {"epsilon": 0.1},
    methods.Adam: {"epsilon": 0.1, "betas": (0.9, 0.99), "correction": True},
    methods.HeavyBall: {"momentum": 0.9},
    methods.Limit: {"flow": "gradient", "speed": 1.0},
    methods.Lion: {"betas": (0.9, 0.99)},
    methods.Mirror: {"potential": ENTROPY},
    methods.MirrorMomentum: {"potential": ENTROPY, "momentum": 0.9},
    methods.Muon: {"momentum": 0.9, "nesterov": True, "coefficients": (3, -3, 1), "n_steps": 5},
    methods.NaturalGradient: {"potential": ENTROPY},
    methods.NormalizedSteepest: {"p": 3.0},
    methods.RMSProp: {"epsilon": 0.1, "smoothing": 0.9},
    methods.Rescaled: {"factor": 2.0, "every": 10},
    methods.SharpnessAware: {"base": methods.Gradient(), "radius": 0.1, "normalized": True},
    methods.SignMomentum: {"momentum": 0.9},
    methods.Spectral: {"p": 3.0},
    methods.Steepest: {"p": 3.0},
    methods.WeightDecay: {"base": methods.Gradient(), "weight": 0.1, "coupled": False},
    methods.schatten_direction: {"G": np.eye(2), "p": 3.0},
    methods.steepest_direction: {"g": [1.0, 2.0], "p": 3.0},
    models.Attention: {"n_tokens": 3, "n_keys": 2},
    models.CircularConvolution: {"n_features": 3, "depth": 2},
    models.DiagonalLinear: {"n_features": 3, "depth": 2},
    models.Direction: {"n_features": 3},
    models.MatrixProduct: {"shape": (2, 3), "depth": 2, "width": 2},
    models.Network: {"widths": (2, 3, 1), "activation": "relu", "bias": "none"},
    models.WeightNormalized: {"n_features": 3, "rate": 1.0},
    models.curvatures: {"model": NET, "theta": THETA, "X": X},
    models.deep_linear: {"n_features": 2, "width": 3, "depth": 2},
    models.deep_relu: {"n_features": 2, "width": 3, "depth": 2},
    models.effective_rank: {"W": X},
    models.linear: {"n_features": 2},
    models.margins: {"net": NET, "data": DATA, "theta": THETA},
    models.normalized_margin: {"net": NET, "data": DATA, "theta": THETA},
    models.nuclear_norm: {"W": X},
    models.path_norm: {"net": NET, "theta": THETA},
    models.relu_kernel: {"X": X, "V": X},
    models.singular_values: {"W": X},
    models.smoothed_margin: {"net": NET, "data": DATA, "theta": THETA},
    models.two_layer_relu: {"n_features": 2, "width": 3, "bias": "none"},
    networks.BatchNormLinear: {"n_features": 2},
    networks.BatchNormNetwork: {"n_features": 2, "width": 3},
    networks.ReluFeatures: {"n_inputs": 2, "n_features": 3, "seed": 0},
    networks.attack: TABLES
    | {"net": NET, "theta": THETA, "radius": 0.1, "n_steps": 2, "slope": lambda q: -np.exp(-q)},
    networks.draws_of_margin: {
        "data": DATA,
        "rng": RNG(0),
        "start": BEST,
        "margin": 0.01,
        "n_draws": 2,
        "n_steps": 2,
    },
    networks.greedy_search: {
        "network": NET,
        "data": DATA,
        "rng": RNG(0),
        "start": THETA[None],
        "n_steps": 2,
        "loss": "logistic",
        "scale": 0.1,
    },
    networks.guess_and_check: {
        "network": NET,
        "data": DATA,
        "rng": RNG(0),
        "n_accepted": 1,
        "batch": 1000,
        "max_guesses": 100_000,
    },
    networks.networks_of_margin: {
        "net": EVEN,
        "X": [[[1.0, 0.0]]],
        "y": [[1.0]],
        "rng": RNG(0),
        "start": [[[1.0, 0, 1.0, 0, 1.0, 1.0]]],
        "margin": [0.1],
        "n_sweeps": 4,
        "every": 2,
    },
    networks.outputs_of_margin: {
        "gram": np.eye(2),
        "rng": RNG(0),
        "start": [[0.5, 0.5]],
        "margin": 0.1,
        "n_features": 9,
        "n_sweeps": 4,
        "every": 2,
    },
    networks.ridge: {"features": X, "y": y, "penalty": 0.1},
    networks.rise_to_margin: {
        "net": EVEN,
        "X": [[[1.0, 0.0]]],
        "y": [[1.0]],
        "rng": RNG(0),
        "n_chains": 1,
        "margin": [0.1],
        "step": 0.02,
        "n_steps": 200,
        "n_tries": 3,
    },
    networks.with_outputs: {"Z": np.eye(2, 4), "f": [[0.1, 0.2]], "rng": RNG(0)},
    optima.bounded_part_and_ray: {"data": HARD, "loss": "logistic"},
    optima.box_minimiser: {"data": DATA, "radius": 1.0, "loss": "logistic"},
    optima.bregman_projection: {"data": LINE, "potential": ENTROPY, "start": [1.0, 1.0]},
    optima.commuting_limit: {"problem": SEEN, "depth": 2, "scale": 0.1},
    optima.expansion: {"data": DATA},
    optima.fourier_norm: {"w": [1.0, 2.0], "p": 1},
    optima.hinge_machine: {"data": DATA, "penalty": 1.0},
    optima.kernel_margin: {"kernel": X @ X.T, "y": y},
    optima.kkt_residual: {"net": NET, "data": DATA, "theta": None, "kink": 0.1},
    optima.lasso: {"data": LINE, "penalty": 0.1},
    optima.margin_climb: {"data": DATA, "start": [0.0, 0.0], "level": 1.0},
    optima.max_fourier_margin: {"data": DATA},
    optima.max_margin: {"data": DATA, "p": 2, "progress": None},
    optima.max_margin_with_bias: {"data": DATA},
    optima.min_norm: {"data": LINE, "p": 2, "start": [1.0, 0.0], "progress": None},
    optima.min_nuclear_norm: {"problem": SEEN, "semidefinite": True},
    optima.min_spectral_norm: {"problem": SEEN},
    optima.multiclass_margin: {"data": CLASSES},
    optima.nearest_separator: {"data": DATA, "start": [0.0, 0.0], "margin": 1.0},
    optima.next_token_limit: {"data": TOKENS},
    optima.ridge_path: {
        "data": DATA,
        "log_penalty": [0.0],
        "loss": "logistic",
        "centre": [0.0, 0.0],
    },
    optima.saddle_path: {"data": datasets.gaussian_regression(0, 3, 3)},
    optima.schatten_margin: {"data": CLASSES, "norm": "nuclear"},
    optima.separation: {"data": DATA},
    optima.small_scale_path: {"data": DATA, "until": 1.0},
    optima.sparse_certificate: {"data": LINE, "w": [0.0, 2.5]},
    optima.tail_direction: {"data": DATA, "power": 1.0},
    optima.variation_margin: {"data": DATA},
    optima.weight_normalized_interpolant: {"data": LINE, "start": [1.0, 0.0], "rate": 1.0},
    losses.PolynomialTail: {"power": 1.0},
    losses.StretchedExponential: {"power": 0.5},
    losses.named: {"loss": "logistic"},
    potentials.SquaredNorm: {"p": 3.0},
    potentials.PowerNorm: {"p": 3.0},
    potentials.HyperbolicEntropy: {"scale": 0.1},
    potentials.DepthEntropy: {"depth": 3, "scale": 0.1},
    steps.Constant: {"step_size": 0.1},
    steps.Decaying: {"step_size": 0.1, "power": 0.5},
    steps.DividedByRisk: {"step_size": 0.1},
    steps.Safe: {"largest_move": 0.1},
    steps.Greedy: {"growth": 2.0},
    noise.WithReplacement: {"batch_size": 2},
    noise.Reshuffled: {"batch_size": 2},
    noise.TaskByTask: {"batch_size": 2, "visit": 1},
    noise.LabelNoise: {"size": 0.1},
    noise.WeightNoise: {"size": 0.1},
    entropy.shannon_entropy: {"weights": [0.5, 0.5]},
    entropy.min_entropy: {"weights": [0.5, 0.5]},
    trajectory.unit: {"w": [1.0, 2.0], "p": 2},
    trajectory.margin: {"Z": X, "w": [1.0, 2.0], "p": 2},
    objectives.Objective: {"data": DATA, "loss": "logistic", "model": NET},
    estimators.MaxMarginClassifier: {"p": 2, "fit_intercept": True},
    descent.descent: {
        "objective": DATA,
        "method": methods.Gradient(),
        "steps": 0.1,
        "n_steps": 2,
        "start": [0.0, 0.0],
        "sampling": noise.Reshuffled(2),
        "noise": noise.LabelNoise(0.1),
        "n_runs": 2,
        "seed": 0,
        "record": [1, 2],
    },
    flow.accelerated_flow: {
        "data": DATA,
        "loss": "logistic",
        "log_t": [0.0],
        "start": [0.0, 0.0],
        "tolerance": 1e-6,
    },
    flow.adam_flow: {
        "data": DATA,
        "epsilon": 0.1,
        "loss": "logistic",
        "log_t": [0.0],
        "start": [0.0, 0.0],
        "tolerance": 1e-5,
    },
    flow.attention_flow: {
        "data": SEQUENCES,
        "model": models.Attention(3, 6),
        "loss": "logistic",
        "log_t": [0.0],
        "start": np.zeros(6),
        "tolerance": 1e-4,
    },
    flow.continued_adagrad: {
        "data": DATA,
        "loss": "logistic",
        "step_size": 0.1,
        "log_steps": [8.0],
        "start": [0.0, 0.0],
        "tolerance": 1e-5,
    },
    flow.continued_gradient_descent: {
        "data": DATA,
        "loss": "logistic",
        "step_size": 0.1,
        "log_steps": [6.0],
        "start": [0.0, 0.0],
        "tolerance": 1e-5,
    },
    flow.cross_entropy_flow: {
        "data": CLASSES,
        "log_t": [0.0],
        "start": np.zeros((3, 4)),
        "tolerance": 1e-6,
    },
    flow.escape_time: {"target": 1.0, "depth": 2, "scale": 0.1, "level": 0.5},
    flow.flow: {
        "objective": DATA,
        "method": methods.Gradient(),
        "log_t": [0.0],
        "start": [0.0, 0.0],
        "tolerance": 1e-6,
    },
    flow.gradient_flow: {
        "data": DATA,
        "loss": "logistic",
        "log_t": [0.0],
        "start": [0.0, 0.0],
        "tolerance": 1e-6,
    },
    flow.matrix_flow: {
        "problem": MATRIX,
        "depth": 2,
        "start": FACTORS,
        "log_t": [0.0],
        "tolerance": 1e-5,
    },
    flow.mirror_flow: {
        "data": DATA,
        "potential": potentials.SquaredNorm(3),
        "loss": "logistic",
        "log_t": [0.0],
        "start": [1.0, 1.0],
        "tolerance": 1e-6,
    },
    flow.network_flow: {
        "data": DATA,
        "net": SMOOTH,
        "loss": "logistic",
        "log_t": [0.0],
        "start": AT,
        "tolerance": 1e-4,
    },
    flow.next_token_flow: {
        "data": TOKENS,
        "log_t": [0.0],
        "start": np.zeros((6, 5)),
        "tolerance": 1e-6,
    },
    flow.orthogonal_relu_flow: {
        "data": Regression(np.eye(2), [1.0, -1.0]),
        "signs": [1, -1],
        "directions": np.eye(2),
        "log_size": -3.0,
        "times": [1.0],
        "tolerance": 1e-5,
    },
    flow.parametrized_flow: {
        "data": LINE,
        "model": models.WeightNormalized(2),
        "log_t": [0.0],
        "start": models.WeightNormalized(2).theta(np.ones(2)),
        "tolerance": 1e-6,
    },
    flow.singular_value_flow: {
        "targets": [1.0],
        "depth": 2,
        "scale": 0.1,
        "log_t": [0.0],
        "tolerance": 1e-5,
    },
    flow.two_by_two_flow: {
        "start": np.eye(2),
        "depth": 2,
        "log_t": [0.0],
        "tolerance": 1e-5,
    },
}
CALLS[optima.kkt_residual]["theta"] = networks.rise_to_margin(
    EVEN, X[None, :2], y[None, :2], RNG(0), n_chains=1, margin=[0.01]
)[0, 0]
CALLS[optima.kkt_residual] |= {"net": EVEN, "data": Dataset(X[:2], y[:2])}

CALLS[networks.pattern_search] = CALLS[networks.greedy_search]

# objects and what is called on them
METHODS = {
    "Network.predict": (NET.predict, {"theta": THETA, "X": X}),
    "Network.hidden": (NET.hidden, {"theta": THETA, "X": X}),
    "Network.linearize": (NET.linearize, {"theta": THETA, "X": X}),
    "Network.vjp": (NET.vjp, {"theta": THETA, "X": X, "v": y}),
    "Network.layers": (NET.layers, {"theta": THETA}),
    "Network.random": (NET.random, {"rng": RNG(0), "scale": 1.0, "batch": (2,)}),
    "Network.flatten": (NET.flatten, {"layers": NET.layers(THETA)}),
    "DiagonalLinear.predict": (DIAGONAL.predict, {"theta": [1.0, 2.0, 3.0, 4.0], "X": X}),
    "DiagonalLinear.linearize": (DIAGONAL.linearize, {"theta": [1.0, 2.0, 3.0, 4.0], "X": X}),
    "DiagonalLinear.weights": (DIAGONAL.weights, {"theta": [1.0, 2.0, 3.0, 4.0]}),
    "WeightNormalized.weights": (models.WeightNormalized(2).weights, {"theta": [0.0, 1.0, 2.0]}),
    "Direction.weights": (models.Direction(2).weights, {"theta": [1.0, 2.0]}),
    "BatchNormNetwork.predict": (
        networks.BatchNormNetwork(2, 1).predict,
        {"theta": [1.0, 2.0, 3.0], "X": X},
    ),
    "BatchNormLinear.predict": (
        networks.BatchNormLinear(2).predict,
        {"theta": [1.0, 2.0, 3.0], "X": X},
    ),
    "ReluFeatures": (networks.ReluFeatures(2, 3), {"X": X}),
    "Completion.risk": (SEEN.risk, {"W": np.eye(2)}),
    "Completion.gradient": (SEEN.gradient, {"W": np.eye(2)}),
    "Sensing.risk": (Sensing([np.eye(2)], [1.0]).risk, {"W": np.eye(2)}),
    "Completion.relative_error": (
        Completion([[True, False]], [[1.0, 2.0]], [[1.0, 2.0]]).relative_error,
        {"W": [[1.0, 2.0]]},
    ),
    "Dataset.with_constant": (DATA.with_constant, {"value": 1.0}),
    "GaussianClasses.error": (datasets.GaussianClasses([1.0], [1.0]).error, {"w": [1.0]}),
    "GaussianClasses.sample": (
        datasets.GaussianClasses([1.0], [1.0]).sample,
        {"n_samples": 3, "seed": 0},
    ),
} | {
    f"{type(potential).__name__}.{what}": (getattr(potential, what), arguments)
    for potential in (
        potentials.SquaredNorm(3),
        potentials.PowerNorm(3),
        ENTROPY,
        potentials.HyperbolicEntropy(0.1),
        potentials.DepthEntropy(3, 0.1),
    )
    for what, arguments in {
        "value": {"w": [1.0, 2.0]},
        "gradient": {"w": [1.0, 2.0]},
        "inverse_gradient": {"m": [1.0, 2.0]},
        "inverse_metric": {"m": [1.0, 2.0]},
        "metric": {"w": [1.0, 2.0]},
        "bregman": {"w": [1.0, 2.0], "start": [1.0, 1.0]},
    }.items()
}
EVERY = {call.__qualname__: (call, arguments) for call, arguments in CALLS.items()} | METHODS
# The names under which a message knows an argument.
SAID = {"steps": "step_size|steps", "objective": "objective|data"}
# Abstract, results, no arguments, or for the package itself.
APART = {"Altered", "Factored", "MatrixProblem", "Method", "Model", "NotSeparable", "Pull"}
APART |= {"degenerate_pair", "symmetric_pair", "two_by_two_completion", "two_kinds_of_flat"}
APART |= {"integrate", "Diverged", "OfLogRisk", "Scheduled", "Sized", "faults", "is_convex"}
APART |= {"log_mean_exp", "direction", "softmax", "length", "unit_or_zero", "margins"}


# What looks, checks, stores or shows, and the files of a course, is tried elsewhere.
UNTRIED = {"_validate", "atlas", "checking", "claims", "coursework", "frames", "plots"}
UNTRIED |= {"progress", "record", "sweeps"}
ROOMS = [room.name for room in pkgutil.iter_modules(ibias.__path__) if room.name not in UNTRIED]


@pytest.mark.parametrize("name", EVERY)
def test_the_call_works(name):
    call, arguments = EVERY[name]
    call(**arguments)


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, one) for name, (_, given) in EVERY.items() for one in given],
)
def test_an_awkward_value_gives_a_result_or_is_named(name, argument):
    call, arguments = EVERY[name]
    faults = []
    for kind, value in AWKWARD.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                call(**arguments | {argument: value})
        except (ValueError, RuntimeError) as error:
            said, wanted = str(error), SAID.get(argument, re.escape(argument))
            if type(error).__module__ == "numpy.linalg" or isinstance(error, RuntimeWarning):
                faults.append(f"{kind}: {type(error).__name__}: {error}")
            elif not re.search(rf"(?<![A-Za-z])({wanted})(?![A-Za-z])", said):
                faults.append(f"{kind}: does not name it: {said[:200]}")
            elif len(said) > 500 or "secret" in said:
                faults.append(f"{kind}: {said[:600]}")
        except BaseException as error:
            faults.append(f"{kind}: {type(error).__name__}: {str(error)[:150]}")
    assert not faults, "\n" + "\n".join(faults)


def checks_its_input(thing):
    """Say whether a public thing is a function, or a class that looks at its arguments."""
    if not inspect.isclass(thing):
        return inspect.isfunction(thing)
    made = thing.__dict__.get("__init__")
    return "__post_init__" in vars(thing) or (made and made.__code__.co_filename == __file__)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_is_tried(room):
    room = importlib.import_module(f"ibias.{room}")
    listed = getattr(room, "__all__", None) or [
        name
        for name, thing in vars(room).items()
        if getattr(thing, "__module__", "") == room.__name__
        and not name.startswith("_")
        and "__mutmut_" not in name  # what `make mutants` puts beside a function
    ]
    wanted = {name for name in listed if checks_its_input(getattr(room, name))}
    assert wanted - APART <= {call.__name__ for call in CALLS}
