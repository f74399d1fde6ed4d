"""Kaczmarz's method: one equation at a time, fitted exactly."""

from dataclasses import dataclass

import numpy as np

from ibias.datasets import Regression
from ibias.methods.method import Method
from ibias.objectives import Objective, Pull
from ibias.steps import Constant, Step


@dataclass(frozen=True)
class Kaczmarz(Method):
    """w <- w - eta (<x_i, w> - y_i) x_i / ||x_i||^2, for the sample i of the step.

    With eta = 1, the default, the projection onto the solutions of one equation: stochastic
    gradient descent whose step fits the sample. Take Reshuffled(1) or WithReplacement(1).
    """

    def init(self, objective: Objective, theta: np.ndarray) -> None:
        """Refuse what is not a set of linear equations."""
        if objective.kind is not Regression or objective.model is not None:
            raise ValueError("data: Kaczmarz() solves linear equations; give a Regression alone.")
        if not (objective.X**2).sum(axis=-1).all():
            raise ValueError(
                "data: X has a row of zeros, whose equation has no nearest solution; drop it."
            )

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return the projection."""
        x = pull.reader.Z
        if x.shape[-2] != 1:
            raise ValueError(
                "sampling: Kaczmarz() takes one sample a step: sampling=noise.Reshuffled(1)."
            )
        return theta + eta * pull.value(theta) / (x**2).sum(axis=(-2, -1))[..., None], None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1."""
        return Constant(1.0)
