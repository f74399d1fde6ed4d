"""Bad input to everything but flow and descent: refused by name, in few words, with a remedy.

One row is a call, the argument that its message must name, and where that makes sense the
remedy carried out. Nothing may warn, no solver may speak for itself, and no result is NaN.
"""

import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ibias import (
    claims,
    datasets,
    entropy,
    frames,
    losses,
    methods,
    models,
    networks,
    optima,
    potentials,
    trajectory,
)
from ibias.datasets import Completion, Dataset, MulticlassDataset, Regression, Sensing
from ibias.models import Network, matrix_product

TABLES = [Path(__file__), Path(__file__).with_name("test_bad_input_dynamics.py")]
X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, -1.0], [2.0, 1.0]])
y = np.array([1.0, -1.0, -1.0, 1.0])
words = np.array(["yes", "no", "no", "yes"])
data, line = Dataset(X, y), Regression([[1.0, 2.0]], [5.0])
wide = datasets.wide(0, 5, 12)
rng = np.random.default_rng(0)
net = models.two_layer_relu(2, 3)
theta = net.random(datasets.generator(0))
entries = Completion([[True, False], [False, True]], [[1.0, 0.0], [0.0, 2.0]])
table = pd.DataFrame(X, index=[3, 1, 0, 2])
labels = pd.Series(y, index=[0, 1, 2, 3])
overlap = Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
twice = Regression([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0])
masked = np.ma.masked_array(X, mask=X > 1.5)
MESSY = [
    ("NaN", X * np.nan),
    ("infinity", np.where(X == 2, np.inf, X)),
    ("strings", words[:, None]),
    ("complex", X + 1j),
    ("dates", np.full((4, 2), "2020-01-01", dtype="datetime64[D]")),
    ("masked", masked),
    ("sparse and too large", sparse.csr_array((10_000, 10_000))),
    ("sparse and complex", sparse.csr_array(X + 1j)),
    ("text that looks like numbers", [["1", "2"]] * 4),
    ("objects with None", np.array([[1.0, None]] * 4, dtype=object)),
    ("objects with text", np.array([[1.0, "2"]] * 4, dtype=object)),
    ("table with text", pd.DataFrame({"a": [1.0] * 4, "b": ["1"] * 4})),
    ("table with dates", pd.DataFrame({"a": [1.0] * 4, "b": pd.to_datetime(["2020"] * 4)})),
    ("table with gaps", pd.DataFrame({"a": [1.0] * 4, "b": pd.array([1, None] * 2, "Int64")})),
    ("one column", pd.Series([1.0] * 4)),
    ("ragged", [[1.0], [1.0, 2.0]]),
    ("one axis", X[0]),
    ("three axes", X[None]),
    ("nothing", None),
    ("no rows", X[:0]),
    ("no columns", X[:, :0]),
]
ROWS = []


def row(call, names, remedy=None):
    ROWS.append((call, names, remedy))


for _, bad in MESSY:
    row(lambda bad=bad: Dataset(bad, y), "X")
    row(lambda bad=bad: Regression(bad, y), "X")
    row(lambda bad=bad: MulticlassDataset(bad, [0, 1, 1, 0]), "X")
    row(lambda bad=bad: Dataset.from_signed(bad), "Z")
row(
    lambda: Dataset(sparse.csr_array((10_000, 10_000)), y),
    "20,000,000",
    lambda: Dataset(sparse.csr_array((10_000, 2_000))[:4], y),
)
gaps = pd.DataFrame({"a": [1.0] * 4, "b": pd.array([1, None] * 2, "Int64"), "c": list("abcd")})
row(lambda: Dataset(gaps, y), "drop(columns=['c'])", lambda: Dataset(gaps[["a"]], y))
row(lambda: Dataset(gaps.drop(columns=["c"]), y), "column 'b' holds missing values")

# ---- labels
row(
    lambda: Dataset(X, [0, 1, 1, 0]),
    "got 0, 1. Dataset(X, y, positive=1)",
    lambda: Dataset(X, [0, 1, 1, 0], positive=1),
)
row(lambda: Dataset(X, y > 0), "positive=True", lambda: Dataset(X, y > 0, positive=True))
row(lambda: Dataset(X, words), "positive='yes'", lambda: Dataset(X, words, positive="yes"))
row(lambda: Dataset(X, list(words)), "'no', 'yes'")
row(lambda: Dataset(X, words, positive="Yes"), "positive='Yes'")
row(lambda: Dataset(X, words, positive=["yes"]), "'no', 'yes'")
row(lambda: Dataset(X, ["yes"] * 4, positive="yes"), "one class only (all 'yes')")
row(
    lambda: Dataset(X, ["a", "b", "c", "c"], positive="c"),
    "y == 'c'",
    lambda: Dataset(X, np.array(["a", "b", "c", "c"]) == "c", positive=True),
)
row(lambda: Dataset(X, ["a", None, "b", "a"], positive="a"), "1 NaN or missing labels")
row(lambda: Dataset(X, pd.Series([1, None, 0, 1], dtype="Int64"), positive=1), "missing")
row(lambda: Dataset(X, y + 0j), "y")
row(lambda: Dataset(X, np.full(4, "2020-01-01", dtype="datetime64[D]"), positive=1), "y")
row(lambda: Dataset(X, np.ma.masked_array(y, mask=y > 0)), "y is a masked array")
row(lambda: Dataset(X, sparse.csr_array(y[None])), "y.toarray")
row(lambda: Dataset(X, [1, 2, 3, 1]), "y", lambda: MulticlassDataset(X, [0, 1, 2, 0]))
row(lambda: Dataset(X, [1, 1, 1, 1]), "one_class", lambda: Dataset.one_class(X))
row(lambda: Dataset(X, y[:3]), "y")
row(lambda: Dataset(X, y[:, None]), "y")
row(lambda: Dataset(X, None), "y")
row(lambda: Dataset(X, [1, -1, np.nan, 1]), "y")
row(lambda: Dataset(table, labels), "y.loc", lambda: Dataset(table, labels.loc[table.index]))
row(lambda: Regression(table, labels), "y.loc", lambda: Regression(table, labels.to_numpy()))
row(
    lambda: MulticlassDataset(X, words),
    "classes=('no', 'yes')",
    lambda: MulticlassDataset(X, words, classes=("no", "yes")),
)
row(
    lambda: MulticlassDataset(X, [0, 2, 2, 0]),
    "classes=(0, 2)",
    lambda: MulticlassDataset(X, [0, 2, 2, 0], classes=(0, 2)),
)
row(lambda: MulticlassDataset(X, words, classes=("no", "yes", "maybe")), "classes")
row(lambda: MulticlassDataset(X, words, classes=("yes", "yes")), "classes")
row(lambda: MulticlassDataset(X, words, classes="no"), "classes")
row(lambda: MulticlassDataset(X, [0.5, 1, 2, 0]), "y")
row(lambda: Regression(X, words), "y")
row(lambda: Regression(X, np.ma.masked_array(y, mask=y > 0)), "y is a masked array")
row(lambda: Regression(X, y + 0j), "complex128")
row(lambda: Regression(X, np.full(4, "2020-01-01", dtype="datetime64[D]")), "datetime64")
row(lambda: Regression(X, [1.0, None, 2.0, 3.0]), "y holds missing values")
row(lambda: Regression(X, ["1", "2", "3", "4"]), "y")
row(lambda: Regression(X, sparse.csr_array(y[None])), "y.toarray")
row(lambda: MulticlassDataset(X, np.ma.masked_array([0, 1, 1, 0], mask=y > 0)), "masked")
row(lambda: MulticlassDataset(X, ["a", None, "b", "a"], classes=("a", "b")), "missing labels")
row(lambda: MulticlassDataset(X, np.array([0, 1, 1, 0]) + 0j), "y must hold numbers")
row(lambda: Regression(X, y, teacher=[1.0]), "teacher")
row(lambda: data.with_constant(0), "value", lambda: data.with_constant(1))

# ---- generators
row(lambda: datasets.separable("0"), "seed")
row(lambda: datasets.separable(-1), "seed")
row(lambda: datasets.separable(0, 1), "n_samples")
row(lambda: datasets.separable(0, 4.5), "n_samples")
row(lambda: datasets.separable(0, shift=-1), "shift")
row(lambda: datasets.separable(0, shift="far"), "shift")
row(lambda: datasets.digits(3, 3), "different digits", lambda: datasets.digits(3, 8))
row(lambda: datasets.digits("3"), "positive")
row(lambda: datasets.digit_classes(5), "classes")
row(lambda: datasets.digit_classes((0, "1")), "classes")
row(lambda: datasets.duplicated(X, 0, 2), "data")
row(lambda: datasets.duplicated(data, "0", 2), "row")
row(lambda: datasets.duplicated(data, 0, 0), "copies")
row(lambda: datasets.opposing_points(0, 1), "n_samples")
row(lambda: datasets.opposing_points(0, 4, height=-1), "height")
row(
    lambda: datasets.planted(0, [0.5, 0.6]),
    "dual_variables",
    lambda: datasets.planted(0, [0.5, 0.5]),
)
row(lambda: datasets.planted(0, margin=0), "margin")
row(
    lambda: datasets.sectors(0, labels=(1, 0, 1, 0)),
    "labels",
    lambda: datasets.sectors(0, labels=np.where(np.array([1, 0, 1, 0]) == 1, 1, -1)),
)
row(lambda: datasets.sectors(0, half_width="5"), "half_width")
row(lambda: datasets.wide(0, 20, 10), "n_samples", lambda: datasets.wide(0, 10, 20))
row(lambda: datasets.separable_classes(0, n_classes=1), "n_classes")
row(lambda: datasets.gaussian_regression(0, noise=-1), "noise")
row(lambda: datasets.gaussian_regression(0, 5, 5, n_nonzero=9), "n_nonzero")
row(lambda: datasets.GaussianClasses([1.0], [1.0], flip=0.7), "flip")
row(lambda: datasets.GaussianClasses([1.0], [1.0, 2.0]), "deviations")
row(lambda: datasets.GaussianClasses([1.0], [1.0]).error([0.0, 1.0]), "w")
row(
    lambda: Completion([[1, 0]], [[1.0, 2.0]]),
    "mask",
    lambda: Completion(np.array([[1, 0]]) != 0, [[1.0, 2.0]]),
)
row(lambda: Completion([[True, False]], [[1.0, 2.0, 3.0]]), "M")
row(lambda: Completion([[True, False]], [[np.nan, 2.0]]), "M")
row(lambda: Sensing([np.eye(2)], [1.0, 2.0]), "observations")
row(lambda: Sensing(np.eye(2), [1.0]), "sensors")
row(lambda: datasets.low_rank_completion(2, 4, 9, 5, 0), "rank")
row(lambda: datasets.low_rank_completion(2, 4, 1, 2.5, 0), "n_observed")
row(lambda: datasets.four_by_four_completion("2"), "a")

# ---- optima
for function in (
    optima.max_margin,
    optima.max_margin_with_bias,
    optima.max_fourier_margin,
    optima.expansion,
    optima.separation,
    optima.bounded_part_and_ray,
    optima.small_scale_path,
    optima.variation_margin,
    optima.multiclass_margin,
    optima.min_norm,
):
    row(lambda function=function: function((X, y)), "data")
    row(lambda function=function: function(X), "data")
row(lambda: optima.fourier_norm(data), "w")
row(lambda: optima.fourier_norm([1.0, np.nan]), "w")
row(lambda: optima.max_margin(data, p=0.5), "p", lambda: optima.max_margin(wide, p=1))
row(lambda: optima.max_margin(data, p="2 norm"), "p")
row(lambda: optima.max_margin(data, p=np.nan), "p")
row(
    lambda: optima.max_margin(data, progress=True),
    "progress",
    lambda: optima.max_margin(data, progress=print),
)
row(
    lambda: optima.min_norm(line, progress="bar"),
    "progress",
    lambda: optima.min_norm(line, progress=print),
)
row(lambda: optima.max_margin(overlap), "with_constant")
row(
    lambda: optima.max_margin_with_bias(overlap.with_constant()),
    "bounded_part_and_ray",
    lambda: optima.bounded_part_and_ray(overlap.with_constant()),
)
row(lambda: optima.max_margin(Dataset(np.zeros((4, 2)), y)), "data")
row(lambda: optima.hinge_machine(data, penalty=0), "penalty")
row(lambda: optima.tail_direction(data, power=-1), "power")
row(lambda: optima.tail_direction(overlap, power=1), "data")
row(lambda: optima.ridge_path(data, log_penalty=[]), "log_penalty")
row(lambda: optima.ridge_path(data, log_penalty=[0], loss="sigmoid"), "loss")
row(lambda: optima.bounded_part_and_ray(data, loss="hinge"), "loss")
row(
    lambda: optima.bounded_part_and_ray(data, loss=losses.Logistic),
    "loss",
    lambda: optima.bounded_part_and_ray(data, loss=losses.Logistic()),
)
row(lambda: optima.small_scale_path(wide, until=0), "until")
row(lambda: optima.min_norm(line, start=[1.0]), "start")
row(lambda: optima.min_norm(twice, p=1), "p=2", lambda: optima.min_norm(twice, p=2))
row(lambda: optima.bregman_projection(line, potential="entropy"), "potential")
row(
    lambda: optima.bregman_projection(line, potential=potentials.NegativeEntropy(), start=[0, 1]),
    "w",
)
row(lambda: optima.bregman_projection(twice, potential=potentials.SquaredNorm(2)), "data")
row(
    lambda: optima.bregman_projection(
        Regression([[1.0, 2.0]], [-1.0]), potential=potentials.NegativeEntropy()
    ),
    "another potential",
    lambda: optima.bregman_projection(
        Regression([[1.0, 2.0]], [-1.0]), potential=potentials.HyperbolicEntropy(1.0)
    ),
)
row(lambda: optima.nearest_separator(X, [0.0, 0.0]), "data")
row(lambda: optima.nearest_separator(data, [0.0]), "start")
row(lambda: optima.nearest_separator(data, [0.0, 0.0], margin=0), "margin")
row(lambda: optima.margin_climb(data, [np.nan, 0.0]), "start")
row(lambda: optima.margin_climb(data, [0.0, 0.0], level=np.inf), "level")
row(lambda: optima.ridge_path(data, log_penalty=[0], centre=[1.0]), "centre")
row(lambda: optima.min_nuclear_norm(np.eye(2)), "problem")
row(lambda: optima.min_nuclear_norm(datasets.low_rank_completion(2, 4, 1, 8, 0)), "problem")
row(
    lambda: optima.min_nuclear_norm(Sensing(np.ones((1, 1, 2)), [1.0]), semidefinite=True),
    "semidefinite",
    lambda: optima.min_nuclear_norm(Sensing(np.ones((1, 1, 2)), [1.0])),
)
row(lambda: optima.commuting_limit(entries, scale=0), "scale")
row(lambda: optima.commuting_limit(entries, depth=1.5, scale=1), "depth")
row(
    lambda: optima.commuting_limit(Sensing([np.eye(2)], [-1.0]), scale=0.1),
    "depth=1",
    lambda: optima.commuting_limit(Sensing([np.eye(2)], [-1.0]), depth=1, scale=0.1),
)
row(lambda: optima.kernel_margin(-np.eye(4), y), "kernel")
row(lambda: optima.kernel_margin(np.eye(3), y), "y")
row(lambda: optima.kkt_residual(net, data, np.zeros(net.n_parameters)), "theta")
row(lambda: optima.kkt_residual(net, data, -theta, kink=2), "kink")
row(lambda: optima.kkt_residual("relu", data, theta), "net")
row(
    lambda: optima.weight_normalized_interpolant(line, start=[0.0, 0.0]),
    "start",
    lambda: optima.weight_normalized_interpolant(line, start=[1.0, 0.0]),
)
row(lambda: optima.weight_normalized_interpolant(line, start=[1.0, 0.0], rate=-1), "rate")
row(lambda: optima.variation_margin(wide), "data")

# ---- the rest of the rooms
several = datasets.separable_classes(0)
best = optima.max_margin(data).direction
row(lambda: optima.box_minimiser(data, radius=0), "radius")
row(lambda: optima.box_minimiser(X, radius=1.0), "data")
row(lambda: optima.box_minimiser(data, radius=1.0, loss="hinge"), "loss")
row(lambda: optima.lasso(line, penalty=-1), "penalty")
row(lambda: optima.lasso(data, penalty=1), "data")
row(lambda: optima.min_spectral_norm(line), "problem")
row(lambda: optima.next_token_limit(data), "data")
row(lambda: optima.saddle_path(data), "data")
row(lambda: optima.schatten_margin(several, norm="l2"), "norm")
row(lambda: optima.schatten_margin(data, norm="nuclear"), "data")
row(lambda: optima.sparse_certificate(line, [1.0]), "w")
row(lambda: optima.sparse_certificate(line, [1.0, np.nan]), "w")
row(lambda: optima.sparse_certificate(data, [1.0, 2.0]), "data")
row(lambda: datasets.NextTokens(np.eye(2), [[0.5, 0.6], [1, 0]]), "P")
row(lambda: datasets.NextTokens(np.eye(2), [[1.5, -0.5], [1, 0]]), "P")
row(lambda: datasets.NextTokens(np.nan * np.eye(2), [[0.5, 0.5], [1, 0]]), "X")
row(lambda: datasets.commuting_sensing(2.5, 2, 0), "size")
row(lambda: datasets.commuting_sensing(3, 2, -1), "seed")
row(
    lambda: datasets.gaussian_sensing(3, 4, 5, 0),
    "rank",
    lambda: datasets.gaussian_sensing(4, 4, 5, 0),
)
row(lambda: datasets.gaussian_sensing(3, 1, -5, 0), "n_observations")
row(lambda: datasets.raised_copy(data, 99, distance=0.1), "row")
row(lambda: datasets.raised_copy(data, 0, distance=-1), "distance")
row(lambda: datasets.raised_copy(X, 0, distance=1), "data")
row(lambda: datasets.raised_copy(data, 0, distance=1, above=[0.1]), "above")
row(lambda: optima.margin_climb(data, 0 * best, level=[0.1]), "level")
row(lambda: models.CircularConvolution(0, 2), "n_features")
row(lambda: models.CircularConvolution(3, 1.5), "depth")
row(lambda: models.deep_linear(3, 0, 2), "width")
row(lambda: models.deep_linear(3, 2, 0), "depth")
row(lambda: models.deep_relu("a", 2, 2), "n_features")
row(lambda: models.curvatures(net, theta[:-1], X), "theta")
row(lambda: models.curvatures(net, theta * np.nan, X), "theta")
row(lambda: models.curvatures("relu", theta, X), "model")
row(lambda: models.smoothed_margin(net, data, theta[:-1]), "theta")
row(lambda: models.smoothed_margin("relu", data, theta), "net")
row(lambda: methods.schatten_direction(np.eye(2), 0.5), "p")
row(lambda: methods.schatten_direction(np.nan * np.eye(2), 2), "G")
row(lambda: methods.schatten_direction(np.ones(3), 2), "G")
row(lambda: methods.steepest_direction(np.ones(3), 0.5), "p")
row(lambda: methods.steepest_direction([np.nan, 1.0], 2), "g")
row(lambda: methods.steepest_direction([0.0, 0.0], 2), "g")
row(lambda: networks.BatchNormLinear(1.5), "n_features")
row(lambda: networks.draws_of_margin(X, rng, start=best, margin=0.1, n_draws=2), "data")
row(lambda: networks.draws_of_margin(data, 0, start=best, margin=0.1, n_draws=2), "rng")
row(lambda: networks.draws_of_margin(data, rng, start=best, margin=[0.1], n_draws=2), "margin")
row(lambda: networks.draws_of_margin(data, rng, start=best, margin=99.0, n_draws=2), "margin")
chains = {"margin": 0.1, "n_features": 9, "n_sweeps": 2}
row(lambda: networks.outputs_of_margin(np.ones((2, 3)), rng, start=[[1.0, 1.0]], **chains), "gram")
row(lambda: networks.outputs_of_margin(np.eye(2), 0, start=[[1.0, 1.0]], **chains), "rng")
row(lambda: networks.outputs_of_margin(np.eye(2), rng, start=[[1.0]], **chains), "start")
row(lambda: networks.with_outputs(np.eye(2, 4), np.ones(3), rng), "f")
row(lambda: networks.with_outputs(np.nan * np.eye(2, 4), np.ones(2), rng), "Z")
even, one = models.two_layer_relu(2, 4), {"margin": [0.1], "n_chains": 1}
sweeps = {"margin": [0.1], "n_sweeps": 2}
row(lambda: networks.networks_of_margin(even, X, y, rng, start=theta, **sweeps), "X")
row(lambda: networks.rise_to_margin(net, X[None], y[None], rng, **one), "net")
row(lambda: networks.rise_to_margin(even, X[None], y[None], 0, **one), "rng")
row(lambda: networks.rise_to_margin(even, X[None], y[None], rng, step=-1, **one), "step")
none = one | {"n_chains": 0}
row(lambda: networks.rise_to_margin(even, X[None], y[None], rng, **none), "n_chains")

# ---- losses, potentials, entropies
row(lambda: losses.named("hinge"), "loss", lambda: losses.named("logistic"))
row(lambda: losses.named(3), "loss")
row(lambda: losses.PolynomialTail(-1), "power")
row(lambda: losses.StretchedExponential("1"), "power")
row(lambda: potentials.SquaredNorm(1), "p", lambda: potentials.SquaredNorm(1.01))
row(lambda: potentials.PowerNorm("3"), "p")
row(lambda: potentials.HyperbolicEntropy(0), "scale")
row(lambda: potentials.HyperbolicEntropy([0.1, -1]), "scale")
row(lambda: potentials.HyperbolicEntropy(1e-200), "scale")
row(
    lambda: potentials.DepthEntropy(2, 0.1),
    "HyperbolicEntropy",
    lambda: potentials.HyperbolicEntropy(0.1),
)
row(lambda: potentials.DepthEntropy(3, -1), "scale")
row(lambda: potentials.DepthEntropy(9, 1e-100), "scale", lambda: potentials.DepthEntropy(9, 0.1))
row(
    lambda: potentials.NegativeEntropy().value([0.0, 1.0]),
    "w",
    lambda: potentials.HyperbolicEntropy(0.1).value([0.0, 1.0]),
)
row(lambda: potentials.NegativeEntropy().bregman([-1.0], [1.0]), "w")
row(lambda: entropy.shannon_entropy([0.5, 0.6]), "weights")

# ---- models and networks
row(lambda: Network((2, 3), "relu"), "widths")
row(lambda: Network(5), "widths")
row(lambda: Network((2, 3, 1), "swish"), "activation")
row(lambda: Network((2, 3, 1), "relu", "some"), "bias")
row(lambda: net.predict(theta[:-1], X), "theta")
row(lambda: net.predict(theta, X[:, :1]), "X")
row(lambda: net.random(datasets.generator(0), scale=0), "scale")
row(lambda: models.normalized_margin(net, data, 0 * theta), "theta")
row(lambda: models.normalized_margin(net, X, theta), "data")
row(lambda: models.normalized_margin(Network((2, 3, 1), "tanh"), data, theta), "relu or linear")
row(lambda: models.path_norm(models.deep_relu(2, 3, 3), theta), "net")
row(lambda: models.relu_kernel(X[0]), "X")
row(lambda: models.relu_kernel(X, X[:, :1]), "V")
row(lambda: models.nuclear_norm(np.nan * X), "W")
row(lambda: models.singular_values(y), "W")
row(lambda: models.effective_rank(0 * X), "W")
row(lambda: models.DiagonalLinear(2, 0), "depth")
row(lambda: models.DiagonalLinear(2, 2).weights(y[:3]), "theta")
row(lambda: models.Direction(2).weights([0.0, 0.0]), "zero vector")
row(lambda: models.WeightNormalized(2, rate=0), "rate")
row(lambda: matrix_product.product([]), "factors")
row(lambda: matrix_product.scaled_identity(0, (2, 2), 2), "scale")
row(lambda: networks.ridge(X, y, penalty=-1), "penalty")
row(lambda: networks.ridge(X, y[:2]), "y")
row(lambda: networks.ReluFeatures(2, 0), "n_features")
row(lambda: networks.ReluFeatures(2, 3)(X[:, :1]), "X")
row(lambda: networks.attack(net, theta, X, y, radius=0), "radius")
row(lambda: networks.attack(net, theta, X, y[:2], radius=1), "y")
row(lambda: networks.guess_and_check(net, X, rng, n_accepted=1), "data")
row(lambda: networks.guess_and_check(net, data, 0, n_accepted=1), "rng")
row(
    lambda: networks.greedy_search(net, data, rng, start=theta, n_steps=1),
    "start",
    lambda: networks.greedy_search(net, data, rng, start=theta[None], n_steps=1),
)
row(lambda: networks.pattern_search(net, data, rng, start=theta[None], n_steps=0), "n_steps")
row(lambda: networks.BatchNormNetwork(2, -1), "width")

# ---- claims and frames
row(lambda: claims.standings(Path("no such folder")), "book")
row(lambda: claims.faults(Path("no such folder")), "book")
row(lambda: claims.outcomes(Path("no such file")), "notebook")
row(lambda: claims.outcomes(Path(__file__)), "notebook")
row(lambda: claims.resolve("S9-1"), "claims.yml")
row(lambda: claims.Check(3, "limit", "x", abs, equals=0, tolerance=1), "ids")
row(lambda: claims.Check("S000-6", "limit", "x", 3, equals=0, tolerance=1), "measure")
row(lambda: claims.Check("S000-6", "limit", "x", abs, tolerance=1), "equals")
row(lambda: claims.Check("S000-6", "limit", "x", abs, equals=0, tolerance=0), "tolerance")
row(lambda: claims.Check("S000-6", "limit", 5, abs, equals=0, tolerance=1), "statement")


def slides(**changes):
    good = {"draw": lambda ax, a: ax.plot([0, a]), "values": [1, 2], "label": "a", "alt": str}
    return frames.slider(**{**good, **changes})


row(lambda: slides(values=[1]), "values")
row(lambda: slides(values=3), "values")
row(lambda: slides(draw="line"), "draw")
row(lambda: slides(alt="a line"), "alt")
row(lambda: slides(format=3), "format")
row(lambda: slides(start=5), "start")
row(lambda: slides(figsize=3), "figsize")
row(lambda: slides(projection="4d"), "projection")

# ---- what is no number, label, flag or order
for p in (1j, 0, None, True, "x", np.nan, [2], np.array(["2020"], dtype="datetime64[D]")):
    row(lambda p=p: trajectory.unit([1.0, 2.0], p), "p")
    row(lambda p=p: trajectory.margin(X, [1.0, 2.0], p), "p")
    row(lambda p=p: optima.fourier_norm([1.0, 2.0], p), "p")
for p in (True, None, np.array(["2020"], dtype="datetime64[D]"), [1j], np.array([1j]), [], pd.NA):
    row(lambda p=p: methods.Steepest(p), "p")
for bad in (X[0] * np.nan, [1.0, None], np.ma.masked_array([1.0, 2.0], [True, False]), 1j, []):
    row(lambda bad=bad: trajectory.unit(bad), "w", lambda: trajectory.unit([1.0, 2.0]))
    row(lambda bad=bad: trajectory.margin(X, bad), "w")
    row(lambda bad=bad: trajectory.margin(bad, [1.0, 2.0]), "Z")
row(lambda: trajectory.margin(X[:0], [1.0, 2.0]), "Z")
row(lambda: trajectory.margin(X, [1.0]), "w")
row(lambda: optima.fourier_norm([]), "w")
row(lambda: optima.fourier_norm(1.0), "w")
for bad in (theta + 1j, theta * np.nan, np.ma.masked_array(theta), ["x"] * 9, None, pd.NA, 1.0):
    row(lambda bad=bad: models.margins(net, data, bad), "theta")
    row(lambda bad=bad: models.normalized_margin(net, data, bad), "theta")
    row(lambda bad=bad: models.smoothed_margin(net, data, bad), "theta")
    row(lambda bad=bad: models.path_norm(net, bad), "theta")
    row(lambda bad=bad: networks.attack(net, bad, X, y, radius=0.1), "theta")
for bad in (np.ma.masked_array(X), X.astype(str), [[None, 1.0]], [[1.0, np.nan]], 1.0, pd.NA):
    row(lambda bad=bad: net.predict(theta, bad), "X")
    row(lambda bad=bad: net.linearize(theta, bad), "X")
    row(lambda bad=bad: models.DiagonalLinear(2, 2).predict(np.ones(4), bad), "X")
    row(lambda bad=bad: networks.BatchNormLinear(2).predict(np.ones(3), bad), "X")
for bad in (np.ma.masked_array(theta), theta.astype(str), [None] * 9, [np.nan] * 9):
    row(lambda bad=bad: net.predict(bad, X), "theta")
row(lambda: net.vjp(theta, X, [1.0]), "v")
row(lambda: net.random(None), "rng", lambda: net.random(np.random.default_rng(0)))
row(lambda: net.random(np.random.default_rng(0), batch=3), "batch")
row(lambda: models.deep_linear(3, 2, 1e16), "depth")
row(lambda: models.deep_linear(3, 2, 200_000), "depth", lambda: models.deep_linear(3, 2, 100))
row(lambda: networks.attack(net, theta, X, 2 * y, radius=0.1), "y")
row(lambda: networks.attack(net, theta, X, y > 0, radius=0.1), "y")
for bad in ([[2.0, -1.0, 1.0, 1.0]], [[True, False, True, True]]):
    row(lambda bad=bad: networks.rise_to_margin(even, X[None], bad, rng, **one), "y")
row(lambda: networks.guess_and_check(net, data, rng, n_accepted=1, max_guesses="x"), "max_guesses")
row(lambda: methods.Rescaled(factor="x"), "factor")
row(lambda: methods.Rescaled(factor=np.nan), "factor")
row(lambda: methods.schatten_direction(np.ones((2, 0)), 2), "G")
row(lambda: methods.Adam(betas=[[0.9], [0.9, 0.9]]), "betas")
row(lambda: methods.Muon(coefficients=[[1.0], [1.0, 2.0], 3.0]), "coefficients")
row(lambda: models.MatrixProduct([[1], [1, 2]]), "shape")
row(lambda: datasets.gaussian_regression(sizes=np.nan), "sizes")
row(lambda: datasets.gaussian_regression(sizes=(2.0, 1.0)), "sizes")
row(lambda: methods.Limit(flow=1j), "flow")
row(lambda: methods.Limit("gradient", speed="x"), "speed")
for bad in ("x", {}, np.nan, 1, None):
    row(lambda bad=bad: methods.SharpnessAware(methods.Gradient(), 0.1, bad), "normalized")
    row(lambda bad=bad: methods.WeightDecay(methods.Gradient(), 0.1, bad), "coupled")
    row(lambda bad=bad: methods.Muon(nesterov=bad), "nesterov")
    row(lambda bad=bad: methods.Adam(correction=bad), "correction")
    row(lambda bad=bad: optima.min_nuclear_norm(entries, semidefinite=bad), "semidefinite")
    row(lambda bad=bad: datasets.token_sequences(with_query=bad), "with_query")
half = [[True, False], [False, True]]
for bad in (True, "x", [[1.0], [1.0, 2.0]], np.ma.masked_array(np.eye(2), np.eye(2) > 0), pd.NA):
    row(lambda bad=bad: Completion(half, bad), "M", lambda: Completion(half, np.eye(2)))
row(lambda: Completion(np.ma.masked_array(half, half), np.eye(2)), "mask")
row(lambda: entries.risk(np.eye(3)), "W")
row(lambda: Dataset(X, words, positive=pd.NA), "positive")
for potential in (potentials.SquaredNorm(3), potentials.HyperbolicEntropy(0.1)):
    for bad in (None, [np.nan, 1.0], [1j, 1.0], np.array([1j, 1.0]), np.ma.masked_array([1.0])):
        row(lambda potential=potential, bad=bad: potential.value(bad), "w")
        row(lambda potential=potential, bad=bad: potential.gradient(bad), "w")
        row(lambda potential=potential, bad=bad: potential.inverse_gradient(bad), "m")
        row(lambda potential=potential, bad=bad: potential.bregman([1.0, 2.0], bad), "start")

RAW = re.compile(
    r"SVD|LAPACK|DCP|cvxpy|CLARABEL|HiGHS|could not be broadcast|object is not|converge"
)


@pytest.mark.parametrize(("call", "names", "remedy"), ROWS, ids=range(len(ROWS)))
def test_bad_input_is_refused_by_name(call, names, remedy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ValueError, RuntimeError)) as caught:
            call()
    message = str(caught.value)
    assert re.search(rf"(?<!\w){re.escape(names)}(?!\w)", message), message
    assert len(message) <= 500 and not RAW.search(message), message
    if remedy is not None:
        remedy()


@pytest.mark.parametrize(
    "room", [datasets, methods, models, networks, optima], ids=lambda m: m.__name__
)
def test_every_public_function_is_given_bad_input(room):
    tables = "".join(path.read_text(encoding="utf-8") for path in TABLES)
    public = [name for name in room.__all__ if inspect.isfunction(getattr(room, name))]
    takes = [name for name in public if inspect.signature(getattr(room, name)).parameters]
    assert [name for name in takes if not re.search(rf"\b{name}\b", tables)] == []


def test_the_table_is_long():
    assert len(ROWS) >= 100
    assert sum(remedy is not None for *_, remedy in ROWS) >= 20
