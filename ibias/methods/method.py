"""What every method is: a small frozen object with a step, and where it has one, a limit."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    finite_array,
    from_zero,
    function,
    one_by_one,
    positive,
    read_only,
    require,
    shown,
)
from ibias.methods.memory import NOTHING, Memory
from ibias.objectives import Downhill, Objective, Pull
from ibias.potentials import Potential
from ibias.steps import Constant, Safe, Step

Velocity = Callable[[Pull, np.ndarray], Downhill]


@dataclass(frozen=True, eq=False)
class Limit:
    """What a method follows when its steps are small: the name of a flow, and its clock.

    Attributes
    ----------
    flow : str
        "gradient", "mirror", "accelerated", "adam"; or "velocity" for any smooth vector field.
    speed : float
        The flow's time over step_size * k.
    potential : Potential, optional
        Of the mirror flow.
    epsilon : float, optional
        Of the Adam flow.
    velocity : callable, optional
        velocity(pull, theta) is d theta/dt, its size as a logarithm (`Downhill`).
    """

    flow: str
    speed: float = 1.0
    potential: Potential | None = None
    epsilon: float | None = None
    velocity: Velocity | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.flow, str):
            raise ValueError(f'flow must be a name, such as "gradient"; got {shown(self.flow)}')
        positive("speed", self.speed)
        if self.potential is not None:
            require("potential", self.potential, Potential, example="potentials.SquaredNorm(2)")
        if self.epsilon is not None:
            positive("epsilon", self.epsilon)
        if self.velocity is not None or self.flow == "velocity":
            function("velocity", self.velocity, "lambda pull, theta: pull(theta)")


class Method(ABC):
    """A method, with its parameters and nothing else: the state is handed from step to step.

    Write `step`; the others where the method needs them. See CONTRIBUTING.md, "A new method".

    Attributes
    ----------
    loss : str, optional
        The loss that the method is made for.
    moves : bool
        Whether theta may be moved between two steps, by noise or decay. False where theta is
        only the image of the method's own state.
    shape : tuple of int
        The batch axes of the method's parameters.
    """

    loss: ClassVar[str | None] = None
    moves: ClassVar[bool] = True
    shape: tuple[int, ...] = ()

    def init(self, objective: Objective, theta: np.ndarray) -> Any:
        """Return the state before the first step; refuse what the method is not made for."""
        return None

    @abstractmethod
    def step(
        self, pull: Pull, theta: np.ndarray, state: Any, k: int, eta: Any
    ) -> tuple[np.ndarray, Any]:
        """Return theta and the state after step k; eta is a number, or (..., 1) for a batch."""

    def start(self, objective: Objective) -> np.ndarray:
        """Return where the method starts if nothing is said: at zero."""
        return np.zeros(objective.n_parameters)

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return the steps where none are given, or say that they must be."""
        raise ValueError(f"steps: give {type(self).__name__} its step size; none is right for all.")

    def limit(self) -> Limit | None:
        """Return the limit of small steps; None where there is none, or none is known here."""
        return None


class Smooth(Method):
    """A method whose default is the safe step: 1/L for linear models, `Safe` for others."""

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1/L; 1/(beta max ||z_i||^2) for batches; the safe step for other models."""
        if objective.model is not None and objective.is_margin:
            return Safe()
        if sampled:
            return Constant(objective.sample_step_size)
        return Constant(objective.default_step_size)


class Remembering(Method):
    """A method with one memory of gradients, which neither underflows nor overflows."""

    def init(self, objective: Objective, theta: np.ndarray) -> Memory:
        """Return the memory: nothing."""
        return NOTHING


def ratio(numerator: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return numerator / length; 0 where both are zero: no gradient, no motion."""
    return numerator / (length if length.all() else np.where(length != 0, length, np.inf))


def unit(g: np.ndarray, k: int) -> np.ndarray:
    """Return g / ||g||, of a gradient that must not vanish."""
    length = np.linalg.norm(nonzero(g, k), axis=-1, keepdims=True)
    return g / length


def nonzero(g: np.ndarray, k: int) -> np.ndarray:
    """Return g; refuse zero, which has no direction."""
    if not g.any(axis=-1).all():
        raise ValueError(f"start: the gradient vanishes at step {k}; start elsewhere.")
    return g


def at_least_zero(name: str, value: ArrayLike) -> np.ndarray:
    """Return one number, or a batch of them, each at least 0."""
    numbers = finite_array(name, value)
    if (numbers < 0).any():
        raise ValueError(f"{name} must be at least 0, one number or a list; got {shown(value)}")
    return read_only(np.array(numbers))


def two_shares(name: str, value: tuple[float, float]) -> None:
    """Refuse what is no pair of numbers from 0 to below 1."""
    try:
        pair = one_by_one(name, value)
    except ValueError:
        pair = []
    if len(pair) != 2:
        raise ValueError(f"{name} must be a pair, such as (0.9, 0.99); got {shown(value)}")
    for one in pair:
        share(name, one)


def share(name: str, value: float) -> float:
    """Return a number from 0 to below 1: what a memory keeps from step to step."""
    return from_zero(name, value, below=1)
