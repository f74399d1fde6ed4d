"""A setting: the five axes of one run, and the words in which theorems speak of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from ibias import losses, methods, models
from ibias._validate import finite_array, require
from ibias.datasets import Dataset, MatrixProblem, MulticlassDataset, NextTokens, Regression
from ibias.noise import FullBatch, LabelNoise, Sampling, WeightNoise
from ibias.objectives import Objective
from ibias.optima import separation
from ibias.steps import Step

LOSSES = {
    losses.Exponential: "exponential tail",
    losses.Logistic: "exponential tail",
    losses.StretchedExponential: "stretched tail",
    losses.PolynomialTail: "power-law tail",
}
MODELS = {
    models.DiagonalLinear: "diagonal",
    models.CircularConvolution: "convolution",
    models.WeightNormalized: "weight-normalised",
    models.Direction: "direction",
    models.Attention: "attention",
}
DATA = {
    Dataset: "two classes",
    Regression: "regression",
    MulticlassDataset: "several classes",
    MatrixProblem: "matrix",
    NextTokens: "next tokens",
}


@dataclass(frozen=True, eq=False)
class Setting:
    """An objective, a method with its steps, a start, the sampling and the noise.

    Attributes
    ----------
    objective : Objective
        Of one data set.
    method : Method
    steps : Step or None
        None where neither the caller nor the method gives any.
    start : array, shape (n_parameters,), or None
    sampling : Sampling
    noise : tuple of LabelNoise and WeightNoise
    """

    objective: Objective
    method: methods.Method
    steps: Step | None
    start: np.ndarray | None
    sampling: Sampling
    noise: tuple

    @classmethod
    def of(
        cls, objective: Any, method: Any, steps: Any, start: Any, sampling: Any, noise: Any
    ) -> Setting:
        """Return the setting of the arguments of `descent`, with its defaults."""
        method = require("method", method or methods.Gradient(), methods.Method)
        objective = Objective.of(objective, method.loss)
        if objective.batch:
            raise ValueError("data: the atlas speaks of one data set at a time; give one of them.")
        sampling = require("sampling", sampling or FullBatch(), Sampling)
        noises = tuple(noise) if isinstance(noise, (list, tuple)) else (noise,)
        for one in noises:
            require("noise", one, LabelNoise, WeightNoise, example="noise.LabelNoise(0.1)")
            one.check(objective)
        if start is None and objective.model is None:
            start = method.start(objective)
        if start is not None:
            if isinstance(start, (list, tuple)) and isinstance(
                objective.model, models.MatrixProduct
            ):
                start = objective.model.theta(start) if np.ndim(start[0]) > 1 else start
            start = finite_array("start", start)
            if start.shape != (objective.n_parameters,):
                raise ValueError(
                    f"start has shape {start.shape}; the atlas takes one start of"
                    f" {objective.n_parameters} parameters."
                )
        if steps is None:
            with suppress(ValueError):  # the method has no step of its own here
                steps = method.default_steps(objective, sampling.batch_size is not None)
        else:
            steps = Step.of(steps)
        return cls(objective, method, steps, start, sampling, noises)

    @cached_property
    def data(self) -> str:
        """Two classes, regression, several classes, matrix, next tokens."""
        return DATA[self.objective.kind]

    @cached_property
    def loss(self) -> str:
        """Exponential, stretched or power-law tail, squared, cross-entropy; else other."""
        loss = self.objective.loss
        return loss if isinstance(loss, str) else LOSSES.get(type(loss), "other")

    @cached_property
    def model(self) -> str:
        """Linear, diagonal, convolution, weight-normalised, attention, product, connected..."""
        model = self.objective.model
        if model is None:
            return "linear"
        if isinstance(model, models.MatrixProduct):
            layers = "product" if self.data == "matrix" else "connected"
            return layers if model.depth > 1 else "linear"
        if not isinstance(model, models.Network):
            return MODELS.get(type(model), "other")
        if model.activation == "linear" and model.bias == "none":
            return "connected" if model.depth > 1 else "linear"
        try:
            return "homogeneous" if model.degree else "other"
        except ValueError:
            return "not homogeneous"

    @cached_property
    def inner(self) -> methods.Method:
        """The method without what is wrapped around it."""
        method = self.method
        while hasattr(method, "base"):
            method = method.base
        return method

    def wrapped(self, kind: type) -> Any:
        """Return the outermost wrapper of this kind around the method, or None."""
        method = self.method
        while hasattr(method, "base"):
            if isinstance(method, kind):
                return method
            method = method.base
        return None

    def by(self, *kinds: type) -> bool:
        """Say whether the method is exactly one of these, with nothing around it."""
        return type(self.method) in kinds

    @property
    def clean(self) -> bool:
        """Whether nothing disturbs a step: no noise on labels or weights."""
        return not any(one.size for one in self.noise)

    @property
    def full(self) -> bool:
        """Whether every step looks at all samples."""
        return self.sampling.batch_size is None

    @property
    def sure(self) -> bool:
        """Whether nothing at all is random."""
        return self.clean and self.full

    @property
    def labels_disturbed(self) -> bool:
        """Whether fresh noise is on the labels, and on nothing else."""
        return not self.clean and all(isinstance(one, LabelNoise) for one in self.noise if one.size)

    @cached_property
    def regression(self) -> Regression:
        """The data as a regression; the entries of a matrix as the weights."""
        data = self.objective.data
        if self.data == "matrix":
            return Regression(data.sensors.reshape(len(data.sensors), -1), data.observations)
        return Regression(data.X, data.y)

    @cached_property
    def separable(self) -> bool:
        """Whether two classes can be separated through the origin."""
        return self.data == "two classes" and not separation(self.objective.data).rest.size

    @cached_property
    def start_weights(self) -> np.ndarray:
        """The weights of the linear predictor at the start, flat."""
        model = self.objective.model
        if model is None:
            return self.start
        if isinstance(model, models.Network):
            return np.ravel(reduce(lambda below, W: W @ below, model.layers(self.start)))
        return np.ravel(self.objective.weights(self.start))

    @cached_property
    def constant_step(self) -> float | None:
        """The step size, if it is one number and stays."""
        size = getattr(self.steps, "step_size", None)
        if self.steps is None or self.steps.adaptive or np.ndim(size) or size is None:
            return None
        return None if hasattr(self.steps, "power") else float(size)
