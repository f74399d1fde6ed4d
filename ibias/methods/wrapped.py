"""Around any method: sharpness-aware gradients, and weight decay."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ibias._validate import flag, from_zero, require
from ibias.methods.memory import recalled
from ibias.methods.method import Limit, Method, ratio
from ibias.objectives import Altered, Downhill, Objective, Pull
from ibias.steps import Step
from ibias.trajectory import unit_or_zero


@dataclass(frozen=True)
class Wrapped(Method):
    """A method around another, which keeps its state, its start and its steps."""

    base: Method

    def __post_init__(self) -> None:
        require("base", self.base, Method, example="methods.Gradient()")
        object.__setattr__(self, "loss", self.base.loss)
        object.__setattr__(self, "moves", self.base.moves)
        object.__setattr__(self, "shape", self.base.shape)

    def init(self, objective: Objective, theta: np.ndarray) -> Any:
        """Return the state of the base."""
        return self.base.init(objective, theta)

    def start(self, objective: Objective) -> np.ndarray:
        """Return the start of the base."""
        return self.base.start(objective)

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return the steps of the base."""
        return self.base.default_steps(objective, sampled)


class Ascended(Altered):
    """A pull taken at theta + radius * g / ||g||, uphill within the same batch."""

    def __init__(self, pull: Pull, radius: float, normalized: bool) -> None:
        super().__init__(pull)
        self.radius, self.normalized = radius, normalized

    def above(self, theta: np.ndarray) -> np.ndarray:
        """Return the point uphill."""
        if not self.radius:
            return theta
        if self.normalized:
            return theta - self.radius * unit_or_zero(self.pull(theta).direction)
        return theta - self.radius * self.pull.value(theta)

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return the pull up there."""
        return self.pull.value(self.above(theta))

    def __call__(self, theta: np.ndarray) -> Downhill:
        """Return the same, its size apart."""
        return self.pull(self.above(theta))

    def entries(self, theta: np.ndarray) -> Downhill:
        """Return the same, entry by entry."""
        return self.pull.entries(self.above(theta))

    def over_risk(self, theta: np.ndarray) -> np.ndarray:
        """Return minus the gradient of log risk up there."""
        return self.pull.over_risk(self.above(theta))

    def dual(self, theta: np.ndarray) -> np.ndarray:
        """Return the mean of the gradients of the margins up there."""
        return self.pull.dual(self.above(theta))


@dataclass(frozen=True)
class SharpnessAware(Wrapped):
    """The base, with every gradient taken at theta + radius g / ||g||, g = grad risk(theta).

    Both gradients are of the same batch: all samples give the full-batch method, one sample a
    step the per-sample one (Foret et al. 2021; Andriushchenko and Flammarion 2022). If not
    `normalized`, the point is theta + radius g. Radius 0 is the base.
    """

    radius: float
    normalized: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        from_zero("radius", self.radius)
        flag("normalized", self.normalized)

    def step(
        self, pull: Pull, theta: np.ndarray, state: Any, k: int, eta: Any
    ) -> tuple[np.ndarray, Any]:
        """Return the step of the base on the pull from above."""
        return self.base.step(Ascended(pull, self.radius, self.normalized), theta, state, k, eta)


class Penalised(Altered):
    """A pull minus weight * theta."""

    def __init__(self, pull: Pull, weight: float) -> None:
        super().__init__(pull)
        self.weight = weight

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return the pull minus weight * theta."""
        return self.pull.value(theta) - self.weight * theta

    def __call__(self, theta: np.ndarray) -> Downhill:
        """Return the same, its size apart."""
        return self._less_decay(self.pull(theta), theta)

    def entries(self, theta: np.ndarray) -> Downhill:
        """Return the same, entry by entry."""
        return self._less_decay(self.pull.entries(theta), theta)

    def _less_decay(self, pulled: Downhill, theta: np.ndarray) -> Downhill:
        """Return pulled - weight * theta, relative to the larger of the two."""
        if not self.weight:
            return pulled
        log_size, g = pulled
        if log_size.shape[-1] > 1:  # entries have sizes of their own, and keep them
            g, log_size = recalled((g, log_size), 1.0, -self.weight * theta, np.zeros(1))
            return Downhill(log_size, g)
        largest = np.abs(theta).max(axis=-1, keepdims=True)
        decay = np.log(self.weight * largest)
        top = np.maximum(log_size, decay)
        return Downhill(
            top, np.exp(log_size - top) * g - np.exp(decay - top) * ratio(theta, largest)
        )


@dataclass(frozen=True)
class WeightDecay(Wrapped):
    """The base, with decay: decoupled, theta <- (1 - eta weight) theta + the step of the base.

    `coupled`, the base gets the gradient of risk + weight ||theta||^2 / 2. For `Gradient` both
    are the same; for Adam the first is AdamW (Loshchilov and Hutter 2019).
    """

    weight: float
    coupled: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        from_zero("weight", self.weight)
        flag("coupled", self.coupled)

    def init(self, objective: Objective, theta: np.ndarray) -> Any:
        """Return the state of the base; refuse one whose theta cannot be moved."""
        if not self.base.moves and not self.coupled:
            raise ValueError(f"base: {self.base} keeps its own image of theta; use coupled=True.")
        return super().init(objective, theta)

    def step(
        self, pull: Pull, theta: np.ndarray, state: Any, k: int, eta: Any
    ) -> tuple[np.ndarray, Any]:
        """Return the step of the base with the decay in it, or beside it."""
        if self.coupled:
            return self.base.step(Penalised(pull, self.weight), theta, state, k, eta)
        if not np.max(eta) * self.weight < 1:
            raise ValueError(f"weight must be from 0 to 1 / step_size; got {self.weight}")
        moved, state = self.base.step(pull, theta, state, k, eta)
        return moved - eta * self.weight * theta, state

    def limit(self) -> Limit | None:
        """Return theta' = -grad risk - weight theta where the base follows the gradient flow.

        There decoupled and coupled decay are the same. None for another base.
        """
        inner = self.base.limit()
        if inner is None or inner.flow != "gradient" or inner.speed != 1.0:
            return None

        def velocity(pull: Pull, theta: np.ndarray) -> Downhill:
            # Where the pull underflows, the decay is all there is.
            return Downhill(np.zeros(1), Penalised(pull, self.weight).value(theta))

        return Limit("velocity", velocity=velocity)
