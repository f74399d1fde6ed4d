"""The axes of the grid: data, losses, models, methods, starts and noise, each by its name."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from ibias import methods, models, noise, steps
from ibias.datasets import (
    Dataset,
    MatrixProblem,
    MulticlassDataset,
    Regression,
    commuting_sensing,
    gaussian_sensing,
    generator,
    low_rank_completion,
    separable_classes,
)
from ibias.losses import PolynomialTail
from ibias.objectives import Objective
from ibias.potentials import HyperbolicEntropy, PowerNorm

N, D, CLASSES, SIZE = 8, 20, 3, 5
N_STEPS, N_SETTLING = 1200, 400


def two_classes() -> dict[str, Dataset]:
    """Return three data sets of two classes: 8 samples in 20 dimensions."""
    rng = generator(0)
    X = rng.standard_normal((N, D))
    balanced = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)
    sparse = rng.standard_normal((N, D))
    deciding = sparse[:, 0] + sparse[:, 1]
    sparse[:, :2] += np.sign(deciding)[:, None]
    scaled = rng.standard_normal((N, D)) * np.geomspace(0.4, 2.0, D)
    return {
        "labels at random": Dataset(X, balanced),
        "two features decide": Dataset(sparse, np.sign(deciding)),
        "features of unequal scale": Dataset(scaled, balanced),
    }


def several_classes() -> dict[str, MulticlassDataset]:
    """Return three data sets of three classes: 9 samples in 8 dimensions."""
    return {f"draw {k + 1}": separable_classes(k, 9, 8, CLASSES) for k in range(3)}


def matrices() -> dict[str, MatrixProblem]:
    """Return three matrix problems, 5 x 5 and of rank one."""
    return {
        "completion": low_rank_completion(1, SIZE, 1, 15, 0)[0],
        "random sensors": gaussian_sensing(SIZE, 1, 12, 0),
        "commuting sensors": commuting_sensing(SIZE, 2, 0),
    }


DATA: dict[str, Callable[[], dict]] = {
    "two classes": two_classes,
    "several classes": several_classes,
    "matrix": matrices,
}
LOSSES = {
    "two classes": ("exponential", "power law", "squared"),
    "several classes": ("cross-entropy",),
    "matrix": ("squared",),
}
VECTORS: dict[str, Any] = {
    "w itself": None,
    "diagonal, depth 2": models.DiagonalLinear(D, 2),
    "diagonal, depth 3": models.DiagonalLinear(D, 3),
    "convolution, depth 2": models.CircularConvolution(D, 2),
    "connected, depth 2": models.MatrixProduct((1, D), 2, width=4),
    "weight-normalised": models.WeightNormalized(D),
}
MODELS: dict[str, dict[str, Any]] = {
    "two classes": VECTORS,
    "several classes": {
        "W itself": None,
        "connected, depth 2": models.MatrixProduct((CLASSES, 8), 2),
    },
    "matrix": {
        "W itself": None,
        "two factors": models.MatrixProduct((SIZE, SIZE), 2),
        "three factors": models.MatrixProduct((SIZE, SIZE), 3),
    },
}
SCALES = {"small": 0.1, "large": 1.0}
NOISES = ("none", "one sample", "labels", "weights")

# Which steps a method takes: constant, of a given length, or its own.
CONSTANT = {
    "gradient descent": methods.Gradient(),
    "heavy ball": methods.HeavyBall(0.9),
    "Nesterov": methods.Nesterov(),
    "sharpness-aware": methods.SharpnessAware(methods.Gradient(), 0.05),
    "mirror, p = 3": methods.Mirror(PowerNorm(3)),
    "mirror, hyperbolic": methods.Mirror(HyperbolicEntropy(0.1)),
    "natural gradient": methods.NaturalGradient(HyperbolicEntropy(0.1)),
}
LENGTHS = {
    "normalised": methods.NormalizedGradient(),
    "steepest, p = 1": methods.NormalizedSteepest(1),
    "signs": methods.NormalizedSteepest(np.inf),
    "signs of momentum": methods.SignMomentum(0.9),
    "Lion": methods.Lion(),
    "AdaGrad": methods.AdaGrad(),
    "RMSProp": methods.RMSProp(smoothing=0.9),
    "Adam": methods.Adam(betas=(0.9, 0.95)),
    "AdamW": methods.WeightDecay(methods.Adam(betas=(0.9, 0.95)), 0.1),
    "Muon": methods.Muon(),
    "spectral": methods.Spectral(),
}
OF_RISK = {"divided by the risk": methods.LossScaled(), "dual momentum": methods.DualMomentum()}
METHODS: dict[str, methods.Method] = CONSTANT | OF_RISK | LENGTHS
OF_MATRICES = ("Muon", "spectral")  # of a vector, normalised gradients
OF_WEIGHTS = ("mirror, p = 3", "mirror, hyperbolic", "natural gradient", "dual momentum")


def tried(family: str, model: str) -> list[str]:
    """Return the methods that are tried on a model: all that are not another's name there."""
    left_out = OF_MATRICES if family == "two classes" else ()
    left_out += OF_WEIGHTS if model not in ("w itself", "W itself") else ()
    return [name for name in METHODS if name not in left_out]


def objectives(family: str, loss: str, model: str) -> list[Objective]:
    """Return one objective for each data set of a family."""
    net = MODELS[family][model]
    made = []
    for data in DATA[family]().values():
        if loss == "squared" and isinstance(data, Dataset):
            made.append(Objective(Regression(data.X, data.y), model=net))
        else:
            of = {"exponential": "exponential", "power law": PolynomialTail(2)}.get(loss)
            made.append(Objective(data, of, net))
    return made


def start(objective: Objective, scale: str) -> np.ndarray:
    """Return the start of a scale: for w itself zero is small, for layers alpha.

    Diagonal layers start at u = v = alpha, factors of a matrix at alpha I, the others at random.
    """
    model, alpha = objective.model, SCALES[scale]
    rng = generator(11)
    if model is None:
        return (scale == "large") * 0.3 * rng.standard_normal(objective.n_parameters)
    if isinstance(model, models.DiagonalLinear):
        return np.full(model.n_parameters, alpha)
    if isinstance(model, models.WeightNormalized):
        return model.theta(alpha * np.ones(D) / np.sqrt(D))
    if objective.kind is MatrixProblem:
        return model.theta([alpha * np.eye(SIZE)] * model.depth)
    return model.random(rng, alpha / 2)


def rule(method: str, loss: str, model: str, noisy: bool) -> steps.Step | float:
    """Return the steps of one method; one sample at a time takes smaller ones."""
    if method in OF_RISK:
        return 0.02 if noisy else 0.05
    if method in LENGTHS:
        return steps.Decaying(0.2, 0.75) if loss == "squared" else steps.Decaying(0.1, 0.5)
    size = 0.1 if model in ("w itself", "W itself") else 0.02
    if method == "heavy ball":
        size /= 10
    return size / 4 if noisy else size


def disturbance(name: str, loss: str) -> dict[str, Any]:
    """Return sampling and noise by their name."""
    if name == "none":
        return {}
    if name == "weights":
        return {"noise": noise.WeightNoise(1e-3)}
    sampling = {"sampling": noise.Reshuffled(1)}
    return sampling if name == "one sample" else sampling | {"noise": labels(loss)}


def labels(loss: str) -> noise.LabelNoise:
    """Return fresh noise on the labels: flips of one in twenty, or half a unit."""
    return noise.LabelNoise(0.5 if loss == "squared" else 0.05)


def cells() -> list[dict[str, str]]:
    """Return every combination of family, loss, model, method and noise."""
    return [
        {"family": family, "loss": loss, "model": model, "method": method, "noise": disturbed}
        for family in DATA
        for loss, model in product(LOSSES[family], MODELS[family])
        for method, disturbed in product(tried(family, model), NOISES)
    ]
