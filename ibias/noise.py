"""Which samples a step looks at, and what disturbs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from ibias._validate import from_zero, whole_fields
from ibias.datasets import Dataset, Regression
from ibias.objectives import Objective

CHUNK = 1024  # steps for which random numbers are drawn together


def _repeatedly(make: Callable[[], Iterable[np.ndarray]]) -> Iterator[np.ndarray]:
    """Yield the rows of make(), again and again, and never call it before it is needed."""
    while True:
        yield from make()


class Sampling(ABC):
    """The rule by which a step chooses its samples.

    Attributes
    ----------
    batch_size : int or None
        The samples of a step; None for all of them.
    """

    batch_size: int | None = None

    def check(self, objective: Objective) -> None:
        """Refuse what cannot be sampled."""
        if not hasattr(objective.sets[0], "n_samples"):
            raise ValueError("sampling: a matrix problem has no samples; use noise.FullBatch().")

    @abstractmethod
    def rows(
        self, rng: np.random.Generator, n_samples: int, batch: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        """Yield the rows of each step, shape (*batch, batch_size)."""


@dataclass(frozen=True)
class FullBatch(Sampling):
    """All samples at every step."""

    def check(self, objective: Objective) -> None:
        """Refuse nothing."""

    def rows(
        self, rng: np.random.Generator, n_samples: int, batch: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        """Raise: there is nothing to draw."""
        raise ValueError("noise.FullBatch() draws no rows.")


@dataclass(frozen=True)
class WithReplacement(Sampling):
    """Every batch drawn independently, with replacement."""

    batch_size: int = 1

    def __post_init__(self) -> None:
        whole_fields(self, "batch_size")

    def rows(
        self, rng: np.random.Generator, n_samples: int, batch: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        """Yield the rows of each step, shape (*batch, batch_size)."""
        size = (CHUNK, *batch, self.batch_size)
        return _repeatedly(lambda: rng.integers(n_samples, size=size))


@dataclass(frozen=True)
class Reshuffled(Sampling):
    """A new random order of all samples in every epoch; batch_size must divide their number."""

    batch_size: int = 1

    def __post_init__(self) -> None:
        whole_fields(self, "batch_size")

    def check(self, objective: Objective) -> None:
        """Refuse a batch that does not divide the samples."""
        super().check(objective)
        if objective.n_samples % self.batch_size:
            raise ValueError(
                f"batch_size must divide the {objective.n_samples} samples for Reshuffled; got"
                f" {self.batch_size}. WithReplacement takes any."
            )

    def rows(
        self, rng: np.random.Generator, n_samples: int, batch: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        """Yield the rows of each step, shape (*batch, batch_size)."""
        order = np.broadcast_to(np.arange(n_samples), (*batch, n_samples))

        def epoch() -> np.ndarray:
            drawn = rng.permuted(order, axis=-1).reshape(*batch, -1, self.batch_size)
            return np.moveaxis(drawn, -2, 0)

        return _repeatedly(epoch)


@dataclass(frozen=True)
class TaskByTask(Sampling):
    """The samples in blocks, each a task: a budget of steps on the first, then the next, in turn.

    Row 0 to batch_size - 1 are the first task, and so on; after the last one the first comes
    again. Nothing is random. With one sample a task and one step a visit it is incremental
    gradient descent.

    Parameters
    ----------
    batch_size : int
        The samples of a task, which must divide all samples.
    visit : int
        The steps on one task before the next one comes.

    Examples
    --------
    >>> rows = TaskByTask(batch_size=2, visit=3).rows(np.random.default_rng(), 4, ())
    >>> [next(rows).tolist() for _ in range(4)]
    [[0, 1], [0, 1], [0, 1], [2, 3]]
    """

    batch_size: int
    visit: int = 1

    def __post_init__(self) -> None:
        whole_fields(self, "batch_size", "visit")

    def check(self, objective: Objective) -> None:
        """Refuse tasks that do not divide the samples."""
        super().check(objective)
        if objective.n_samples % self.batch_size:
            raise ValueError(
                f"batch_size must divide the {objective.n_samples} samples for TaskByTask; got"
                f" {self.batch_size}. Give every task as many samples."
            )

    def rows(
        self, rng: np.random.Generator, n_samples: int, batch: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        """Yield the rows of each step, shape (*batch, batch_size)."""
        tasks = np.arange(n_samples).reshape(-1, self.batch_size)

        def round_of_visits() -> Iterator[np.ndarray]:
            for task in tasks:
                yield from repeat(np.broadcast_to(task, (*batch, task.size)), self.visit)

        return _repeatedly(round_of_visits)


@dataclass(frozen=True)
class LabelNoise:
    """Targets disturbed anew at every step (HaoChen et al. 2021).

    A regression's by +size or -size; the labels of two classes are flipped with the
    probability `size`.
    """

    size: float

    def __post_init__(self) -> None:
        from_zero("size", self.size)

    def check(self, objective: Objective) -> None:
        """Refuse what has no targets to disturb, and a probability above one."""
        if objective.kind not in (Dataset, Regression):
            raise ValueError("noise: LabelNoise is made for regression and for two classes.")
        if objective.kind is Dataset and self.size > 1:
            raise ValueError(f"size must be a probability, at most 1, for labels; got {self.size}")

    def targets(
        self, rng: np.random.Generator, objective: Objective, shape: tuple[int, ...]
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Return the map from the targets of a step, shape (*batch, b), to disturbed ones."""
        if objective.kind is Regression:
            signs = _repeatedly(lambda: rng.integers(2, size=(CHUNK, *shape)))
            return lambda y: y + self.size * (2 * next(signs) - 1)
        flips = _repeatedly(lambda: rng.random((CHUNK, *shape)) < self.size)
        return lambda y: np.where(next(flips), -y, y)


@dataclass(frozen=True)
class WeightNoise:
    """Spherical Gaussian noise of standard deviation `size`, added to theta after every step."""

    size: float

    def __post_init__(self) -> None:
        from_zero("size", self.size)

    def check(self, objective: Objective) -> None:
        """Refuse nothing."""

    def shifts(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        """Yield what is added after each step, shape (*batch, n_parameters)."""
        draws = _repeatedly(lambda: rng.standard_normal((CHUNK, *shape)))
        return (self.size * draw for draw in draws)
