"""The stored contest read: what a run has ahead of random solutions, and what its margin explains.

Everything is a mean over the 45 pairs of digits. Pairs with a digit in common are not independent,
so that the intervals come from leaving out one digit at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from ibias._validate import choice, finite_array
from ibias.sweeps.falsifier import LEVELS, PAIRS
from ibias.sweeps.table import Table

ENOUGH = 0.1  # a share within this of one counts as all of it


@dataclass(frozen=True)
class Interval:
    """A measured value with its 95% interval."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What is decided: the margin explains it, is refuted as the explanation, or neither."""
        if self.low >= 1 - ENOUGH and self.high <= 1 + ENOUGH:
            return "explained"
        if self.high < 1 - ENOUGH or self.low > 1 + ENOUGH:
            return "refuted"
        return "undecided"


def ratio(
    numerator: ArrayLike, denominator: ArrayLike, pairs: ArrayLike = PAIRS, level: float = 0.95
) -> Interval:
    """Return sum numerator / sum denominator over pairs of things, with an interval.

    The interval is Student's, with one degree less than there are things, around the ratio; its
    standard error is the jackknife's, which leaves out one thing with all its pairs. Where only
    the things differ it is right on average. Where the pairs differ independently it is too wide,
    by the root of 2 (n - 1)/(n - 2) for all pairs of n things: by a half for ten.

    Parameters
    ----------
    numerator, denominator : arrays, shape (n_pairs,)
        One entry a pair; a denominator of ones gives a mean.
    pairs : array of int, shape (n_pairs, 2)
        The two things of each pair.
    level : float
        The probability of the interval.

    Examples
    --------
    >>> three = [(0, 1), (0, 2), (1, 2)]
    >>> ratio([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], three)
    Interval(value=0.5, low=0.5, high=0.5)
    """
    top, bottom = finite_array("numerator", numerator), finite_array("denominator", denominator)
    pairs = np.asarray(pairs)
    if not top.shape == bottom.shape == pairs.shape[:1] or pairs.shape[1:] != (2,):
        raise ValueError(
            f"numerator, denominator and pairs have the shapes {top.shape}, {bottom.shape} and"
            f" {pairs.shape}; give one entry for each pair, and the two things of each."
        )
    things = np.unique(pairs)
    if things.size < 3 or bottom.sum() == 0:
        raise ValueError("pairs must be of three things or more, and denominator not zero in sum.")
    value = top.sum() / bottom.sum()
    kept = [(pairs != thing).all(axis=1) for thing in things]
    without = np.array([top[rows].sum() / bottom[rows].sum() for rows in kept])
    n = things.size
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = student.ppf((1 + level) / 2, n - 1) * error
    return Interval(float(value), float(value - half), float(value + half))


class Contest:
    """One row of the table: a model and a number of training images.

    Parameters
    ----------
    table : Table
        ``sweeps.load("falsifier")``, or any with such rows.
    model : str
        "features" or "network".
    n : int
        The number of training images.
    """

    def __init__(self, table: Table, model: str, n: int) -> None:
        rows = {(row["model"], row["n"]): row for row in table.rows}
        self.row = rows[choice("model and n", (model, n), tuple(rows))]

    def accuracy(self, run: str) -> np.ndarray:
        """Return the accuracy of a run on each pair."""
        return np.array(self.row["accuracy"][choice("run", run, tuple(self.row["accuracy"]))])

    def random(self, level: str) -> np.ndarray:
        """Return the mean accuracy of random solutions at least as good as a level, by pair."""
        choice("level", level, LEVELS)
        return (np.array(self.row["near"][level]) + self.row["far"][level]) / 2

    def mean(self, values: ArrayLike) -> Interval:
        """Return the mean over the pairs."""
        return ratio(values, np.ones(len(PAIRS)))

    def lead(self, run: str) -> Interval:
        """Return what a run is ahead of random solutions of any margin."""
        return self.mean(self.accuracy(run) - self.random("any"))

    def share(self, run: str, level: str | None = None) -> Interval:
        """Return the share of the lead that random solutions of its margin have, or of a level."""
        level = run if level is None else level
        gained = self.random(level) - self.random("any")
        return ratio(gained, self.accuracy(run) - self.random("any"))

    def share_of_leaning(self, side: str, run: str) -> Interval:
        """Return the share of the "cheat" or the "mirror", which have the margin of a run."""
        least = self.random("any")
        return ratio(self.random(run) - least, np.array(self.row[side][run]) - least)

    def room(self, run: str) -> float:
        """Return how far from one the share could be, if all that differs were for better or worse.

        Two classifiers differ in accuracy by at most the share of images on which they differ.
        """
        return float(np.mean(self.row["differ"][run]) / self.lead(run).value)

    def errors(self, run: str, level: str = "any") -> float:
        """Return how many errors random solutions of a level make for one of the run's."""
        return float((1 - self.random(level)).mean() / (1 - self.accuracy(run)).mean())

    def of_what_is_learnt(self, run: str) -> Interval:
        """Return the lead over all that the run is better than a coin."""
        accuracy = self.accuracy(run)
        return ratio(accuracy - self.random("any"), accuracy - 0.5)
