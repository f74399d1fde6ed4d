"""Signs of a memory of gradients: Signum and Lion."""

from dataclasses import dataclass

import numpy as np

from ibias.methods.memory import Memory, in_any_units, moderate
from ibias.methods.method import Remembering, share, two_shares
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
        self, pull: Pull, theta: np.ndarray, state: Memory, k: int, eta: float
    ) -> tuple[np.ndarray, Memory]:
        """Return theta and m."""
        (log_size, g), b = pull.entries(theta), self.momentum
        (m, last), rest = state, (1 - b) * g
        mean = b * (np.exp(last - log_size) * m) + rest, log_size
        if not moderate(mean[0], m, g):
            mean = in_any_units(*mean, state, b, rest, log_size)
        return theta + eta * np.sign(mean[0]), mean


@dataclass(frozen=True)
class Lion(Remembering):
    """theta <- theta - eta sign(b1 m + (1-b1) g),  m <- b2 m + (1-b2) g  (Chen et al. 2023).

    With b1 = b2 it is `SignMomentum`.
    """

    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        two_shares("betas", self.betas)

    def step(
        self, pull: Pull, theta: np.ndarray, state: Memory, k: int, eta: float
    ) -> tuple[np.ndarray, Memory]:
        """Return theta and m."""
        (log_size, g), (b1, b2) = pull.entries(theta), self.betas
        m = np.exp(state[1] - log_size) * state[0]
        looked_at, mean = b1 * m + (1 - b1) * g, (b2 * m + (1 - b2) * g, log_size)
        # Where the new memory is moderate, what is looked at has the right sign.
        if not moderate(mean[0], state[0], g):
            looked_at, _ = in_any_units(looked_at, log_size, state, b1, (1 - b1) * g, log_size)
            mean = in_any_units(*mean, state, b2, (1 - b2) * g, log_size)
        return theta + eta * np.sign(looked_at), mean
