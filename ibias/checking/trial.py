"""A method on trial: short runs on a small problem, with gradients of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ibias.datasets import Dataset, separable
from ibias.methods import Method
from ibias.objectives import Altered, Downhill, Objective, Pull

ETA = 0.05
SAME = 1e-8  # of two moves, relative to the larger one


def small_problem(method: Method) -> Objective:
    """Return a problem whose second feature is always zero: nothing pulls there."""
    data = separable(seed=0, n_samples=8, n_features=3)
    X = np.insert(data.X, 1, 0.0, axis=1) / np.abs(data.X).max()
    return Objective(Dataset(X, data.y), method.loss)


class Scaled(Altered):
    """A pull times exp(shift): the same risk in another unit, however large or small."""

    def __init__(self, pull: Pull, shift: float) -> None:
        super().__init__(pull)
        self.shift = shift

    def __call__(self, theta: np.ndarray) -> Downhill:
        """Return the pull, its size apart."""
        log_size, direction = self.pull(theta)
        return Downhill(log_size + self.shift, direction)

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return the pull itself."""
        return self(theta).value()

    def log_risk(self, theta: np.ndarray) -> np.ndarray:
        """Return the logarithm of the risk."""
        return self.pull.log_risk(theta) + self.shift


@dataclass(frozen=True)
class Trial:
    """A method on an objective, from a start of shape (*method.shape, n_parameters)."""

    method: Method
    objective: Objective
    theta: np.ndarray

    def path(
        self, theta: Any = None, eta: Any = ETA, n: int = 4, shifts: Sequence[float] = ()
    ) -> np.ndarray:
        """Return the start and n iterates; the pull of step k is times exp(shifts[k]).

        Raises ValueError where a step changes the shape.
        """
        theta = self.theta if theta is None else theta
        whole, path = self.objective.all_samples, [theta]
        with np.errstate(all="ignore"):
            state = self.method.init(self.objective, theta)
            for k in range(len(shifts) or n):
                pull = Scaled(whole, shifts[k]) if len(shifts) else whole
                theta, state = self.method.step(pull, theta, state, k, eta)
                path.append(theta)
                if np.shape(theta) != np.shape(path[0]):
                    raise ValueError(
                        f"it makes shape {np.shape(theta)} of {np.shape(path[0])}: let every sum"
                        " and norm be over axis=-1, with keepdims=True."
                    )
        return np.stack(path)


def same(a: np.ndarray, b: np.ndarray, size: float) -> bool:
    """Say whether two arrays agree, relative to a size; NaN agrees with nothing."""
    return a.shape == b.shape and bool(np.abs(a - b).max() <= SAME * size)
