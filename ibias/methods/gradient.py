"""Gradient descent, and the steps that grow as the gradient vanishes."""

from dataclasses import dataclass

import numpy as np

from ibias._validate import real_number, shown, whole_fields
from ibias.methods.method import Limit, Method, Smooth, unit
from ibias.objectives import Downhill, Objective, Pull
from ibias.steps import Constant, Decaying, Step


@dataclass(frozen=True)
class Gradient(Smooth):
    """theta <- theta - eta grad risk(theta).

    On separable data with an exponential tail w/||w|| tends to the maximum-margin direction
    (Soudry et al. 2018). Over batches it is stochastic gradient descent.
    """

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return theta + eta * pull."""
        return theta + eta * pull.value(theta), None

    def limit(self) -> Limit:
        """Return the gradient flow."""
        return Limit("gradient")


@dataclass(frozen=True)
class LossScaled(Method):
    """theta <- theta - eta grad risk(theta) / risk(theta).

    Gradient descent on log risk. For the exponential loss w <- w + eta Z^T p, p = softmax(-Zw),
    and p moves by mirror descent on ||Z^T p||^2 / 2 (Ji and Telgarsky 2021). The default step is
    1 / max_i ||z_i||^2.
    """

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return theta - eta grad log risk."""
        return theta + eta * pull.over_risk(theta), None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return the largest safe step of mirror descent in the dual."""
        return Constant(objective.dual_step_size)

    def limit(self) -> Limit:
        """Return the gradient flow of log risk."""

        def velocity(pull: Pull, theta: np.ndarray) -> Downhill:
            return Downhill(np.zeros(1), pull.over_risk(theta))

        return Limit("velocity", velocity=velocity)


@dataclass(frozen=True)
class Rescaled(LossScaled):
    """`LossScaled`, with theta multiplied by `factor` after every `every` steps.

    The steps in between bring the dual variables back to their limit, so that the margin gap
    falls like factor^(-k/every): progressive rescaling (Wang, Min and Wu 2024). It needs support
    vectors that span all directions: what lies across their span grows with w, and nothing
    brings it back. Step `every` is recorded before theta is multiplied.
    """

    factor: float = 2.0
    every: int = 100

    def __post_init__(self) -> None:
        whole_fields(self, "every")
        factor = real_number(self.factor)
        if factor is None or not 1 <= factor < np.inf:
            raise ValueError(f"factor must be finite and at least 1; got {shown(self.factor)}")

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return the step of the base, from factor * theta where k is a multiple of `every`."""
        grown = self.factor * theta if k and k % self.every == 0 else theta
        return super().step(pull, grown, state, k, eta)

    def limit(self) -> None:
        """Return none: the rescalings stay apart however small the steps."""


@dataclass(frozen=True)
class NormalizedGradient(Method):
    """theta <- theta - eta_k grad risk / ||grad risk||.

    With eta_k = eta / sqrt(k + 1), the default, it has the margin gap O(log k / sqrt k) (Nacson
    et al. 2019).
    """

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return a step of length eta; refuse a gradient that is zero."""
        return theta + eta * unit(pull(theta).direction, k), None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1 / sqrt(k + 1)."""
        return Decaying(1.0, 0.5)

    def limit(self) -> Limit:
        """Return the gradient flow by arc length."""

        def velocity(pull: Pull, theta: np.ndarray) -> Downhill:
            return Downhill(np.zeros(1), unit(pull(theta).direction, 0))

        return Limit("velocity", velocity=velocity)
