"""AdaGrad, RMSProp and Adam, step by step as PyTorch defines them.

Adam and RMSProp keep their moments relative to the size of the gradient, as a logarithm: with
epsilon = 0 the methods depend on ratios only, and squares of gradients would underflow at a
margin of 373.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias.methods.method import (
    Limit,
    Method,
    Remembering,
    at_least_zero,
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


@dataclass(frozen=True, eq=False)
class AdaGrad(_Adaptive):
    """G <- G + g^2,  theta <- theta - eta g / (sqrt(G) + epsilon), entry by entry.

    On separable data G has a limit, so that in the end AdaGrad is gradient descent with a fixed
    diagonal metric, one that depends on start and step (Qian and Qian 2019). PyTorch's epsilon
    is 1e-10.
    """

    def init(self, objective: Objective, theta: np.ndarray) -> float:
        """Return the sum of squares, zero."""
        return 0.0

    def step(
        self, pull: Pull, theta: np.ndarray, state: np.ndarray, k: int, eta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return theta, and G."""
        g = pull.value(theta)
        total = state + g**2
        return theta + eta * ratio(g, np.sqrt(total) + self.epsilon[..., None]), total


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
        """Return theta, v and the size it is measured in."""
        log_size, g = pull(theta)
        kept = self.smoothing * exp(state[1] - log_size) ** 2
        square = kept * state[0] + (1 - self.smoothing) * g**2
        length = np.sqrt(square) + self.epsilon[..., None] * exp(-log_size)
        return theta + eta * ratio(g, length), (square, log_size)

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

    def init(self, objective: Objective, theta: np.ndarray) -> tuple[float, float, float]:
        """Return m, v, and the size they are measured in, as a logarithm."""
        return 0.0, 0.0, -np.inf

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: Any
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, both moments and their size."""
        (mean, square, last), (log_size, g), (b1, b2) = state, pull(theta), self.betas
        change = exp(last - log_size)
        mean = b1 * change * mean + (1 - b1) * g
        square = b2 * change**2 * square + (1 - b2) * g**2
        c1, c2 = (1 - b1 ** (k + 1), 1 - b2 ** (k + 1)) if self.correction else (1.0, 1.0)
        length = np.sqrt(square / c2) + self.epsilon[..., None] * exp(-log_size)
        return theta + eta / c1 * ratio(mean, length), (mean, square, log_size)

    def limit(self) -> Limit | None:
        """Return g / (|g| + epsilon), for steps so small that the averages are short."""
        return _adam_limit(self.epsilon)


def _adam_limit(epsilon: np.ndarray) -> Limit | None:
    """Return the flow of one epsilon above zero; at zero it is the flow of signs, with kinks."""
    return Limit("adam", epsilon=float(epsilon)) if not epsilon.shape and epsilon > 0 else None
