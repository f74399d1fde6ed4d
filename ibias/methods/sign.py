"""Signs of a memory of gradients: Signum and Lion."""

from dataclasses import dataclass

import numpy as np

from ibias.methods.method import Remembering, bounded, carried, share, two_shares
from ibias.objectives import Pull


@dataclass(frozen=True)
class SignMomentum(Remembering):
    """m <- b m + (1-b) g,  theta <- theta - eta sign(m): Signum (Bernstein et al. 2018).

    b is the momentum; 0 is sign descent, steepest in l_inf. With decoupled `WeightDecay` it
    minimises over a box.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        share("momentum", self.momentum)

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: float
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, m and its size."""
        log_size, g = pull(theta)
        kept = carried(state[1], log_size) * state[0]
        mean = self.momentum * kept + (1 - self.momentum) * g
        return theta + eta * np.sign(mean), (*bounded(mean, mean), log_size)


@dataclass(frozen=True)
class Lion(Remembering):
    """theta <- theta - eta sign(b1 m + (1-b1) g),  m <- b2 m + (1-b2) g  (Chen et al. 2023).

    With b1 = b2 it is `SignMomentum`.
    """

    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        two_shares("betas", self.betas)

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: float
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, m and its size."""
        (log_size, g), (b1, b2) = pull(theta), self.betas
        memory = carried(state[1], log_size) * state[0]
        moved = theta + eta * np.sign(b1 * memory + (1 - b1) * g)
        memory = b2 * memory + (1 - b2) * g
        return moved, (*bounded(memory, memory), log_size)
