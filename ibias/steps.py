"""Step sizes: a number, a schedule, or a rule that looks at the iterate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, from_zero, positive
from ibias.objectives import Altered, Downhill, Objective, Pull

LARGEST_MOVE = 0.1  # of ||theta|| in one step, which only matters while the margins are small
SMALLEST_STEP = 1e-300


def _step_sizes(value: ArrayLike) -> np.ndarray:
    """Return one step size, or a batch of them, each finite and above zero."""
    if isinstance(value, (bool, str)) or value is None:
        positive("step_size", value)
    eta = finite_array("step_size", value)
    if eta.size == 0:
        raise ValueError(f"step_size must be a number, or a list of them; got shape {eta.shape}.")
    for entry in eta.ravel():
        positive("step_size", entry)
    return eta


class Step(ABC):
    """The rule for the step sizes.

    Attributes
    ----------
    adaptive : bool
        Whether the size depends on the iterate. If not, it is size(k).
    shape : tuple of int
        The batch axes of the sizes.
    """

    adaptive: ClassVar[bool] = False
    shape: tuple[int, ...] = ()

    @abstractmethod
    def sizes(self, first: int, last: int) -> Iterable:
        """Return what the method gets as eta, for the steps from `first` to before `last`."""

    @classmethod
    def of(cls, steps: Any) -> Step:
        """Return a rule as it is, and a number or a batch of them as fixed steps."""
        return steps if isinstance(steps, Step) else Constant(steps)


@dataclass(frozen=True, eq=False)
class Scheduled(Step):
    """Sizes that depend on k alone: step_size times factor(k).

    Parameters
    ----------
    step_size : float or array
        An array runs all its steps at once; its axes are the batch.
    """

    step_size: ArrayLike

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", _step_sizes(self.step_size))
        object.__setattr__(self, "shape", self.step_size.shape)

    @abstractmethod
    def factors(self, k: np.ndarray) -> np.ndarray:
        """Return the factor of every step k."""

    def sizes(self, first: int, last: int) -> Iterable:
        """Return the sizes of the steps from `first` to before `last`, (..., 1) for a batch."""
        factors = self.factors(np.arange(first, last))
        if not self.shape:
            return (float(self.step_size) * factors).tolist()
        return factors.reshape(-1, *[1] * (len(self.shape) + 1)) * self.step_size[..., None]

    def last_sizes(self, steps: np.ndarray) -> np.ndarray:
        """Return the size of the step before each iterate, NaN for the start; (n_times, ...)."""
        factors = np.where(steps > 0, self.factors(np.maximum(steps - 1, 0)), np.nan)
        return np.multiply.outer(factors, self.step_size)

    def log_times(self, steps: np.ndarray) -> np.ndarray:
        """Return log of the sum of the first `steps` sizes; of their factors, for a batch."""
        sums = np.concatenate([[0.0], np.cumsum(self.factors(np.arange(steps[-1])))])
        scale = np.log(float(self.step_size)) if self.step_size.ndim == 0 else 0.0
        with np.errstate(divide="ignore"):
            return np.log(sums[steps]) + scale


@dataclass(frozen=True, eq=False)
class Constant(Scheduled):
    """The same step always.

    >>> Constant(0.5).factors(np.arange(3))
    array([1., 1., 1.])
    """

    def factors(self, k: np.ndarray) -> np.ndarray:
        """Return ones."""
        return np.ones(k.shape)

    def log_times(self, steps: np.ndarray) -> np.ndarray:
        """Return log k, plus the logarithm of a step size that is one number."""
        with np.errstate(divide="ignore"):
            return np.log(steps) + (0.0 if self.shape else np.log(float(self.step_size)))

    def sizes(self, first: int, last: int) -> Iterable:
        """Return the one size, again and again."""
        return repeat(self.step_size[..., None] if self.shape else float(self.step_size))


@dataclass(frozen=True, eq=False)
class Decaying(Scheduled):
    """step_size / (k + 1)^power, with a power from 0 to 1.

    >>> Decaying(0.5, power=1).factors(np.arange(3)).round(3)
    array([1.   , 0.5  , 0.333])
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if from_zero("power", self.power) > 1:
            raise ValueError(
                f"power must be from 0 to 1, or the steps have a finite sum; got {self.power!r}"
            )

    def factors(self, k: np.ndarray) -> np.ndarray:
        """Return (k + 1)^-power."""
        return (k + 1.0) ** -self.power


class OfLogRisk(Altered):
    """The pull over the risk, which is the pull of log risk; known at theta."""

    def __init__(self, pull: Pull, theta: np.ndarray, known: np.ndarray) -> None:
        super().__init__(pull)
        self.theta, self.known = theta, known

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return -grad log risk(theta)."""
        return self.known if theta is self.theta else self.pull.over_risk(theta)

    over_risk = value

    def __call__(self, theta: np.ndarray) -> Downhill:
        """Return the same; it is of order one, so that its size needs no logarithm."""
        value = self.value(theta)
        return Downhill(np.zeros((*value.shape[:-1], 1)), value)


class Adaptive(Step):
    """Sizes s / risk(theta): the method runs on log risk with the steps s.

    So that nothing overflows, the method gets s and the pull of log risk in place of s / risk and
    the pull. Each run has its own time, the sum of its s / risk.
    """

    adaptive: ClassVar[bool] = True

    def init(self) -> Any:
        """Return the state before the first step."""
        return None

    @abstractmethod
    def at(
        self, pull: Pull, theta: np.ndarray, k: int, state: Any
    ) -> tuple[np.ndarray, np.ndarray, Pull, Any]:
        """Return s, log(s / risk), both of shape (...), the pull of log risk, and the state."""

    def check(self, objective: Objective) -> None:
        """Refuse what the rule is not made for."""

    def sizes(self, first: int, last: int) -> Iterable:
        """Return nothing: the sizes are those of `at`."""
        return repeat(None)


@dataclass(frozen=True, eq=False)
class DividedByRisk(Adaptive):
    """step_size / risk(theta): gradient descent on log risk, at the flow time sum step/risk."""

    step_size: ArrayLike

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", _step_sizes(self.step_size))
        object.__setattr__(self, "shape", self.step_size.shape)

    def at(
        self, pull: Pull, theta: np.ndarray, k: int, state: None
    ) -> tuple[np.ndarray, np.ndarray, Pull, None]:
        """Return the step, and its logarithm minus log risk."""
        ascent, log_risk = pull.of_log_risk(theta)
        log_eta = np.log(self.step_size) - log_risk
        return self.step_size, log_eta, OfLogRisk(pull, theta, ascent), None


@dataclass(frozen=True, eq=False)
class Safe(Adaptive):
    """s / risk with s = min(1 / max_i ||grad q_i||^2, largest_move ||theta|| / ||grad log risk||).

    To first order no margin q_i moves by more than one. The risk of a network that separates its
    data falls like 1/t and its gradient with it, so that with a fixed step nothing moves soon;
    -log risk is a soft minimum of the margins, whose gradient is of the size of the network.
    """

    largest_move: float = LARGEST_MOVE

    def __post_init__(self) -> None:
        positive("largest_move", self.largest_move)

    def check(self, objective: Objective) -> None:
        """Refuse losses without margins."""
        if not objective.is_margin:
            raise ValueError("steps: Safe() is made for margin losses; give a number.")

    def at(
        self, pull: Pull, theta: np.ndarray, k: int, state: None
    ) -> tuple[np.ndarray, np.ndarray, Pull, None]:
        """Return s, zero where nothing moves, and log(s / risk)."""
        ascent, log_risk, steepest = pull.steepness(theta)
        lengths = np.linalg.norm(theta, axis=-1)
        if not lengths.all():
            lengths = np.where(lengths > 0, lengths, np.inf)
        by_scale = self.largest_move * lengths / np.linalg.norm(ascent, axis=-1)
        # The pull is a mean of the gradients of the margins: where all vanish, it does.
        size = np.where(steepest > 0, np.minimum(1 / steepest, by_scale), 0.0)
        return size, np.log(size) - log_risk, OfLogRisk(pull, theta, ascent), None


@dataclass(frozen=True, eq=False)
class Greedy(Adaptive):
    """Any step under which the risk falls: fast, and unsafe.

    After every step s is multiplied by `growth`, and then halved until the risk falls. The risk
    of a homogeneous network falls when its norm grows, in every direction that separates the
    data, so that a small risk says little about the margin. One run; where no step lowers the
    risk in floating point, nothing moves any more.
    """

    growth: float = 2.0

    def __post_init__(self) -> None:
        if not positive("growth", self.growth) > 1:
            raise ValueError(f"growth must be above 1, or the steps only shrink; got {self.growth}")

    def init(self) -> float:
        """Return the first step tried."""
        return 1.0

    def at(
        self, pull: Pull, theta: np.ndarray, k: int, state: float
    ) -> tuple[np.ndarray, np.ndarray, Pull, float]:
        """Return the largest s / 2^j that lowers the risk."""
        if theta.ndim > 1:
            raise ValueError("start must be one vector for Greedy(), which runs one at a time.")
        ascent, log_risk = pull.of_log_risk(theta)
        size, lower, taken = state, np.inf, 0.0
        while not -np.inf < lower < log_risk and size > SMALLEST_STEP:
            lower, taken = pull.log_risk(theta + size * ascent), size
            size /= 2
        if not -np.inf < lower < log_risk:
            if k == 0:
                raise ValueError("no step from start lowers the risk: draw it at random.")
            taken = 0.0
        log_eta = np.log(taken) - log_risk
        return np.asarray(taken), log_eta, OfLogRisk(pull, theta, ascent), taken * self.growth
