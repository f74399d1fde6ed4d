"""AdaGrad, RMSProp and Adam, step by step as PyTorch defines them.

All keep what they remember relative to the size of a gradient, as a logarithm: with epsilon = 0
the methods depend on ratios only, and gradients would underflow at a margin of 745. Of squares
they keep the roots: the squares of two coordinates may be further apart than numbers reach.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import flag
from ibias.methods.method import (
    Limit,
    Method,
    Remembering,
    at_least_zero,
    bounded,
    carried,
    exp,
    ratio,
    share,
    two_shares,
)
from ibias.objectives import Objective, Pull


@dataclass(frozen=True, eq=False)
class _Adaptive(Method):
    """A method that divides each coordinate by a size of its gradients, plus epsilon."""

    epsilon: ArrayLike = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", at_least_zero("epsilon", self.epsilon))
        object.__setattr__(self, "shape", self.epsilon.shape)
        object.__setattr__(self, "plain", not self.epsilon.any())

    def least(self, log_size: np.ndarray) -> np.ndarray | float:
        """Return epsilon over exp(log_size)."""
        return 0.0 if self.plain else self.epsilon[..., None] * exp(-log_size)


@dataclass(frozen=True, eq=False)
class AdaGrad(_Adaptive, Remembering):
    """G <- G + g^2,  theta <- theta - eta g / (sqrt(G) + epsilon), entry by entry.

    On separable data G has a limit, so that in the end AdaGrad is gradient descent with a fixed
    diagonal metric, one that depends on start and step (Qian and Qian 2019). PyTorch's epsilon
    is 1e-10.
    """

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: float
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, sqrt(G), and the largest size so far, which it is measured in."""
        (root, last), (log_size, g) = state, pull(theta)
        top = np.maximum(log_size, last)
        g = np.exp(log_size - top) * g
        root = np.hypot(np.exp(last - top) * root, g)
        return theta + eta * ratio(g, root + self.least(top)), (root, top)


@dataclass(frozen=True, eq=False)
class RMSProp(_Adaptive, Remembering):
    """v <- b v + (1-b) g^2,  theta <- theta - eta g / (sqrt(v) + epsilon).

    b is the smoothing. PyTorch's epsilon is 1e-8.
    """

    smoothing: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        share("smoothing", self.smoothing)

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: float
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, sqrt(v) and the size it is measured in."""
        (root, last), (log_size, g) = state, pull(theta)
        kept = np.sqrt(self.smoothing) * carried(last, log_size) * root
        root = np.hypot(kept, np.sqrt(1 - self.smoothing) * g)
        moved = theta + eta * ratio(g, root + self.least(log_size))
        return moved, (*bounded(root, root), log_size)

    def limit(self) -> Limit | None:
        """Return g / (|g| + epsilon), for steps so small that the average is short."""
        return _adam_limit(self.epsilon)


@dataclass(frozen=True, eq=False)
class Adam(_Adaptive):
    """m <- b1 m + (1-b1) g,  v <- b2 v + (1-b2) g^2  (Kingma and Ba 2015),

        theta <- theta - eta m / (1-b1^(k+1)) / (sqrt(v / (1-b2^(k+1))) + epsilon).

    Without `correction`, the two powers of b are left out. The usual epsilon is 1e-8; with 0 and
    betas = (0, 0) it is sign descent. `WeightDecay` around it is Adam with decay, coupled or not.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    correction: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        two_shares("betas", self.betas)
        flag("correction", self.correction)

    def init(self, objective: Objective, theta: np.ndarray) -> tuple[float, float, float]:
        """Return m, sqrt(v), and the size they are measured in, as a logarithm."""
        return 0.0, 0.0, -np.inf

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: Any
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, m, sqrt(v) and their size."""
        (mean, root, last), (log_size, g), (b1, b2) = state, pull(theta), self.betas
        change = carried(last, log_size)
        mean = b1 * change * mean + (1 - b1) * g
        root = np.hypot(np.sqrt(b2) * change * root, np.sqrt(1 - b2) * g)
        c1, c2 = (1 - b1 ** (k + 1), 1 - b2 ** (k + 1)) if self.correction else (1.0, 1.0)
        length = root / np.sqrt(c2) + self.least(log_size)
        moved = theta + eta / c1 * ratio(mean, length)
        return moved, (*bounded(root, mean, root), log_size)

    def limit(self) -> Limit | None:
        """Return g / (|g| + epsilon), for steps so small that the averages are short."""
        return _adam_limit(self.epsilon)


def _adam_limit(epsilon: np.ndarray) -> Limit | None:
    """Return the flow of one epsilon above zero; at zero it is the flow of signs, with kinks."""
    return Limit("adam", epsilon=float(epsilon)) if not epsilon.shape and epsilon > 0 else None
