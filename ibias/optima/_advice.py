"""What to do where float64 cannot: which feature to scale and by what, which samples to drop.

What an error says to scale has been scaled so before it is told (`scaling_tried`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from ibias.datasets import Dataset, Regression
from ibias.datasets.columns import scaled, scaling
from ibias.datasets.rows import balance

SMALL = 1e-5  # a margin this far below the largest entry is what makes it hard
UNEVEN = 1e3  # features whose sizes differ by more are the first thing to change

Data = TypeVar("Data", Dataset, Regression)
Options, Result = ParamSpec("Options"), TypeVar("Result")


class Unsolved(RuntimeError):
    """What float64 could not find. The message has the remedy that needs no scaling.

    Parameters
    ----------
    fault : str
        What was not found.
    remedy : str
        What to do, and no scaling.
    rows, columns : bool
        Whether samples and features may be scaled: the question is another one then, but as good.
    touching : array of int, optional
        The rows that the remedy says to drop.
    """

    def __init__(
        self,
        fault: str,
        remedy: str,
        rows: bool = True,
        columns: bool = True,
        touching: np.ndarray | None = None,
    ) -> None:
        super().__init__(f"{fault} To go on, {remedy}.")
        self.fault, self.rows, self.columns, self.touching = fault, rows, columns, touching


@contextmanager
def rows_of(samples: np.ndarray) -> Iterator[None]:
    """Have an error about rows name the samples these are of, and no other remedy.

    >>> with rows_of(np.array([7, 4])):
    ...     raise too_small(np.eye(2), np.array([0.0, 1.0]), 1e-9, 1e-9)
    Traceback (most recent call last):
    ...
    ibias.optima._advice.Unsolved: data: ... To go on, drop the samples that almost meet, ... [4].
    """
    try:
        yield
    except Unsolved as error:
        if error.touching is None:
            raise
        remedy = _dropping(samples[error.touching])
        raise Unsolved(error.fault, remedy, error.rows, error.columns) from None


def scaling_tried(
    optimum: Callable[Concatenate[Data, Options], Result],
) -> Callable[Concatenate[Data, Options], Result]:
    """Have what is `Unsolved` for the data advise to scale them, if scaled so it is solved."""

    @wraps(optimum)
    def tried(data: Data, *args: Options.args, **options: Options.kwargs) -> Result:
        try:
            return optimum(data, *args, **options)
        except Unsolved as error:
            unsolved = error
        for how, rows, columns in _scalings(data.X, unsolved):
            try:
                optimum(_scaled(data, rows, columns), *args, **options)
            except (RuntimeError, ValueError):
                continue
            raise RuntimeError(
                f"{unsolved.fault} To go on, {how} (the answer is then the one in the new units)."
            ) from None
        raise unsolved

    return tried


def _scalings(X: np.ndarray, unsolved: Unsolved) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield in words, and as factors of samples and columns, what makes these alike."""
    n, d = X.shape
    if unsolved.rows and (how := uneven_rows(X)):
        by = scaled((X / balance(X)[1]).T, UNEVEN)
        yield how, by, np.ones(d)
    if unsolved.columns and (how := uneven_columns(X)):
        yield how, np.ones(n), scaled(X, UNEVEN)


def _scaled(data: Data, rows: np.ndarray, columns: np.ndarray) -> Data:
    """Return the data with each sample and each column multiplied by its factor."""
    X = data.X * rows[:, None] * columns
    if isinstance(data, Regression):
        return Regression(X, data.y * rows)
    return Dataset(X, data.y) if np.ptp(data.y) else Dataset.one_class(X)


def uneven_columns(X: np.ndarray) -> str:
    """Return which columns to scale and by what; empty where all are of about one size.

    >>> uneven_columns(np.array([[1.0, 4e6], [0.5, 2e6]]))
    'make the columns of X alike: divide column 1 by 4e+06'
    """
    how = scaling(X, UNEVEN)
    return how and f"make the columns of X alike: {how}"


def uneven_rows(Z: np.ndarray) -> str:
    """Return which samples to scale and by what; empty where all are of about one length.

    Sizes of samples are those beside the sizes of the features: uneven columns alone are no reason.

    >>> uneven_rows(np.array([[1e8, -1e8], [0.0, 1.0], [1.0, 0.0]]))
    'make the samples alike: divide sample 0 by 1e+08'
    """
    columns = np.abs(Z).max(axis=0)
    if not scaling((Z / np.where(columns > 0, columns, 1.0)).T, UNEVEN, "sample"):
        return ""
    how = scaling((Z / balance(Z)[1]).T, UNEVEN, "sample")
    return how and f"make the samples alike: {how}"


def too_small(
    Z: np.ndarray, weights: np.ndarray, margin: float, gap: float, p: float = 2, rows: bool = True
) -> Unsolved:
    """Return the error of a margin that float64 cannot certify, and what helps."""
    nearest = np.argsort(-weights)[: min(3, int((weights > 0).sum()))]
    fault = (
        f"data: the maximum margin is about {margin:.1e} and could be certified only to"
        f" {gap:.1e}, too small beside entries of {np.abs(Z).max():.1e} for float64."
    )
    remedy = f"{_dropping(nearest)}, or {_without_margin(Z)}"
    if p not in (1, 2, np.inf) and margin > SMALL * np.abs(Z).max():
        fault = f"p={p:g}: the maximum margin {margin:.3g} could be certified only to {gap:.1e}."
        remedy = f"take p = {'inf' if p > 2 else 1}, which is close, or an order nearer to 2"
        return Unsolved(fault, remedy, rows)
    return Unsolved(fault, remedy, rows, touching=nearest)


def undecided(Z: np.ndarray, weights: np.ndarray) -> Unsolved:
    """Return the error where rounding leaves open whether the data are separable.

    That does not depend on the sizes of samples and features: to scale these is of no use.
    """
    nearest = np.argsort(-np.abs(weights))[:3]
    return Unsolved(
        "data: rounding leaves open whether a margin next to zero is zero.",
        f"{_dropping(nearest)}, or {_without_margin(Z)}",
        rows=False,
        columns=False,
        touching=nearest,
    )


def _dropping(samples: np.ndarray) -> str:
    first = list(dict.fromkeys(samples.tolist()))
    return f"drop the samples that almost meet, first of all {first}"


def _without_margin(Z: np.ndarray) -> str:
    """Return a call that needs no margin: at that penalty no sample reaches one.

    >>> _without_margin(np.array([[3.0, 4.0], [1e3, 0.0]]))
    'use hinge_machine with a penalty of at least 1e+06, which needs no margin'
    """
    return f"use hinge_machine with a {penalty_of_averages(Z)}, which needs no margin"


def penalty_of_averages(Z: np.ndarray) -> str:
    """Return a penalty in words at which the hinge machine is mean(Z) / penalty, for sure.

    >>> penalty_of_averages(np.array([[3.0, 4.0], [1e3, 0.0]]))
    'penalty of at least 1e+06'
    """
    size = np.linalg.norm(Z, axis=1)
    return f"penalty of at least {2 * size.max() * size.mean():.0e}"


def repeated(samples: list[int]) -> str:
    """Return the message where samples are next to the span of others, and not in it.

    >>> repeated([4])
    'data: rounding leaves open whether samples [4] are combinations of others ...'
    """
    return (
        f"data: rounding leaves open whether samples {samples[:3]} are combinations of others that"
        " hold each other. To go on, drop the first of these, and again until nothing is open."
    )


def dependent(features: list[int]) -> str:
    """Return the message where rounding leaves open which coefficients are known.

    >>> dependent([1, 2])
    'data: rounding leaves open whether ... To go on, drop the first of these, ...'
    """
    return (
        f"data: rounding leaves open whether features {features[:6]} depend on others, and so"
        " which coefficients have a finite estimate. To go on, drop the first of these, and again"
        " until nothing is open."
    )
