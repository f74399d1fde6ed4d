"""AdaGrad, RMSProp and Adam, step by step as PyTorch defines them.

What they remember has units of its own: with epsilon = 0 the methods depend on ratios only, and
gradients would underflow at a margin of 745. Of squares they keep the roots: the squares of two
coordinates may be further apart than numbers reach.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import flag
from ibias.methods.memory import (
    NOTHING,
    Memory,
    below,
    count,
    in_any_units,
    moderate,
    quotient,
    recalled,
)
from ibias.methods.method import (
    Limit,
    Method,
    Remembering,
    at_least_zero,
    ratio,
    share,
    two_shares,
)
from ibias.objectives import Objective, Pull

LEAST = 1e-290  # a length that is less may have lost digits


@dataclass(frozen=True, eq=False)
class _Adaptive(Method):
    """A method that divides each coordinate by a size of its gradients, plus epsilon."""

    epsilon: ArrayLike = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", at_least_zero("epsilon", self.epsilon))
        object.__setattr__(self, "shape", self.epsilon.shape)
        object.__setattr__(self, "plain", not self.epsilon.any())

    def over(self, memory: Memory, root: Memory, by: float = 1.0) -> np.ndarray:
        """Return memory / (root / by + epsilon); 0 where both are zero."""
        (x, unit), (length, other) = memory, root
        if unit is other:
            length = length / by
            if self.plain:
                return ratio(x, length)
            length = length + self.epsilon[..., None] * np.exp(-unit)
            if np.vdot(length, length) < np.inf:
                n = np.count_nonzero(length > LEAST)
                if n == length.size:
                    return x / length
                if n == count(x, length):
                    return ratio(x, length)
        return quotient(memory, root, by, self.epsilon[..., None])


@dataclass(frozen=True, eq=False)
class AdaGrad(_Adaptive, Remembering):
    """G <- G + g^2,  theta <- theta - eta g / (sqrt(G) + epsilon), entry by entry.

    On separable data G has a limit, so that in the end AdaGrad is gradient descent with a fixed
    diagonal metric, one that depends on start and step (Qian and Qian 2019). PyTorch's epsilon
    is 1e-10.
    """

    def step(
        self, pull: Pull, theta: np.ndarray, state: Memory, k: int, eta: float
    ) -> tuple[np.ndarray, Memory]:
        """Return theta and sqrt(G), in units of the largest gradient so far."""
        (root, last), (log_size, g) = state, pull.entries(theta)
        top = np.maximum(log_size, last)
        now = np.exp(log_size - top) * g
        root = np.hypot(np.exp(last - top) * root, now)
        grown = (root, top)
        if not moderate(root, state[0], g):
            grown = in_any_units(root, top, state, 1.0, g, log_size, np.hypot)
        pulled = (now, top) if grown[1] is top else (g, log_size)
        return theta + eta * self.over(pulled, grown), grown


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
        self, pull: Pull, theta: np.ndarray, state: Memory, k: int, eta: float
    ) -> tuple[np.ndarray, Memory]:
        """Return theta and sqrt(v)."""
        log_size, g = pull.entries(theta)
        rest = np.sqrt(1 - self.smoothing) * g
        root = recalled(state, np.sqrt(self.smoothing), rest, log_size, np.hypot)
        return theta + eta * self.over((g, log_size), root), root

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

    def init(self, objective: Objective, theta: np.ndarray) -> tuple[Memory, Memory]:
        """Return m and sqrt(v)."""
        return NOTHING, NOTHING

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple[Memory, Memory], k: int, eta: Any
    ) -> tuple[np.ndarray, tuple[Memory, Memory]]:
        """Return theta, and m and sqrt(v)."""
        (log_size, g), (b1, b2) = pull.entries(theta), self.betas
        (m, last), (r, other) = state
        change = np.exp(last - log_size)
        rest, share = (1 - b1) * g, np.sqrt(b2)
        mean = b1 * change * m + rest, log_size
        by_root = np.exp(other - log_size) if other is not last else change
        own = np.sqrt(1 - b2) * g
        root = np.hypot(share * by_root * r, own), log_size
        # A mean that underflows beside a moderate root is below rounding.
        if not (moderate(root[0], m, r, g) and below(mean[0])):
            mean = in_any_units(*mean, state[0], b1, rest, log_size)
            root = in_any_units(*root, state[1], share, own, log_size, np.hypot)
        c1, c2 = (1 - b1 ** (k + 1), 1 - b2 ** (k + 1)) if self.correction else (1.0, 1.0)
        return theta + eta / c1 * self.over(mean, root, np.sqrt(c2)), (mean, root)

    def limit(self) -> Limit | None:
        """Return g / (|g| + epsilon), for steps so small that the averages are short."""
        return _adam_limit(self.epsilon)


def _adam_limit(epsilon: np.ndarray) -> Limit | None:
    """Return the flow of one epsilon above zero; at zero it is the flow of signs, with kinks."""
    return Limit("adam", epsilon=float(epsilon)) if not epsilon.shape and epsilon > 0 else None
