"""What a check has found: sentences that hold, and sentences that say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Report:
    """What holds of an object, in sentences.

    Examples
    --------
    >>> print(Report("Logistic", ("it is convex",)))
    Logistic:
    - it is convex
    """

    name: str
    holds: tuple[str, ...]

    def __str__(self) -> str:
        return "\n- ".join([f"{self.name}:", *self.holds])


class Notes:
    """What was found so far of the argument called `argument`."""

    def __init__(self, argument: str, value: Any, kind: type = object) -> None:
        if isinstance(value, type):
            name = value.__name__
            raise ValueError(f"{argument} must be an instance; give {name}(...), with brackets.")
        if not isinstance(value, kind):
            raise ValueError(
                f"{argument} must be a {kind.__name__}; got {type(value).__name__}. Write a"
                f" subclass of {kind.__module__}.{kind.__name__}."
            )
        self.argument, self.name = argument, type(value).__name__
        self.holds: list[str] = []
        self.wrong: list[str] = []

    def that(self, holds: bool, sentence: str, otherwise: str) -> bool:
        """Note `sentence` if it holds, else what is wrong; return which."""
        if holds:
            self.holds.append(sentence)
        else:
            self.wrong.append(otherwise)
        return bool(holds)

    def tried(self, what: str, call: Callable[[], Any]) -> np.ndarray | None:
        """Return what a call makes, as an array; note it as wrong, and return None, if it fails."""
        try:
            with np.errstate(all="ignore"):
                return np.asarray(call(), dtype=float)
        except Exception as error:
            self.wrong.append(f"{what} raises {type(error).__name__}: {error}")
            return None

    def report(self) -> Report:
        """Return what holds; raise what is wrong."""
        if self.wrong:
            listed = "\n- ".join(["", *self.wrong])
            raise ValueError(f"{self.argument}: {self.name} is not what it says.{listed}")
        return Report(self.name, tuple(self.holds))
