"""Methods with a memory: heavy ball, Nesterov's, and momentum in the dual."""

from dataclasses import dataclass

import numpy as np

from ibias.methods.gradient import LossScaled
from ibias.methods.method import Limit, Smooth, share
from ibias.objectives import Objective, Pull
from ibias.steps import Constant, Step


@dataclass(frozen=True)
class HeavyBall(Smooth):
    """v <- momentum v - eta grad risk(theta),  theta <- theta + v (Polyak 1964).

    It follows the gradient flow at the time eta k / (1 - momentum): faster than gradient descent
    by that factor, with the same limit direction. The default step is (1 - momentum)/L.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        share("momentum", self.momentum)

    def init(self, objective: Objective, theta: np.ndarray) -> float:
        """Return the velocity, zero."""
        return 0.0

    def step(
        self, pull: Pull, theta: np.ndarray, state: np.ndarray, k: int, eta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return theta + v, and v."""
        velocity = self.momentum * state + eta * pull.value(theta)
        return theta + velocity, velocity

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return steps whose sum, with the momentum, is that of 1/L."""
        plain = super().default_steps(objective, sampled)
        if plain.adaptive:
            return plain
        return Constant((1 - self.momentum) * plain.step_size)

    def limit(self) -> Limit:
        """Return the gradient flow, 1 / (1 - momentum) times as fast."""
        return Limit("gradient", speed=1 / (1 - self.momentum))


@dataclass(frozen=True)
class Nesterov(Smooth):
    """theta_{k+1} = v_k - eta grad risk(v_k),  v_k = theta_k + (k-1)/(k+2) (theta_k - theta_{k-1}).

    Nesterov's accelerated gradient (1983) with the growing momentum (k-1)/(k+2). It follows
    w'' + (3/t) w' = -grad risk at the time sqrt(eta) k (Su, Boyd and Candes 2016).
    """

    def init(self, objective: Objective, theta: np.ndarray) -> np.ndarray:
        """Return the last iterate, which is the start."""
        return theta

    def step(
        self, pull: Pull, theta: np.ndarray, state: np.ndarray, k: int, eta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the next iterate, and this one."""
        # At k = 0 there is no last move, so that its factor does not matter.
        ahead = theta + max(k - 1, 0) / (k + 2) * (theta - state)
        return ahead + eta * pull.value(ahead), theta

    def limit(self) -> Limit:
        """Return the accelerated flow, whose time is sqrt(eta) k."""
        return Limit("accelerated")


@dataclass(frozen=True)
class DualMomentum(LossScaled):
    """g <- k/(k+1) (g + Z^T p),  w <- w + eta (g + Z^T p), with p the normalised dual variables.

    Nesterov's acceleration applied to the dual problem, min ||Z^T p||^2 / 2: the margin gap is
    O(log k / k^2) for the exponential loss (Ji, Srebro and Telgarsky 2021). The default step is
    1 / max_i ||z_i||^2.
    """

    def init(self, objective: Objective, theta: np.ndarray) -> float:
        """Return the momentum, zero."""
        if objective.model is not None:
            raise ValueError(
                "model: DualMomentum() accelerates a dual problem, and only a linear model has one;"
                " leave the model out, or use LossScaled()."
            )
        return 0.0

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return the largest safe step in the dual, where there is one."""
        self.init(objective, np.zeros(objective.n_parameters))
        return super().default_steps(objective, sampled)

    def step(
        self, pull: Pull, theta: np.ndarray, state: np.ndarray, k: int, eta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the next iterate and the momentum."""
        downhill = pull.dual(theta)
        momentum = k / (k + 1) * (state + downhill)
        return theta + eta * (momentum + downhill), momentum

    def limit(self) -> None:
        """Return none: it is an acceleration, and its flow is not here."""
