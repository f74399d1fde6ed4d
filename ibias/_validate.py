"""Checks of arguments: each raises a ValueError that names the argument and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def require(name: str, value: Any, *kinds: type, example: str = "") -> Any:
    """Return `value` if it is one of the `kinds`; else say how to make one."""
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        example = example or f"datasets.{kinds[0].__name__}(X, y)"
        raise ValueError(
            f"{name} must be a {wanted}; got {type(value).__name__}. Make one with {example}."
        )
    return value


def chance(rng: Any) -> np.random.Generator:
    """Return `rng` if it is a generator of random numbers."""
    return require("rng", rng, np.random.Generator, example="np.random.default_rng(0)")


def network(name: str, value: Any, *more: str) -> Any:
    """Return `value` if it is a model with parameters, which `models.Network` is one of.

    `more` are attributes that it must have as well.
    """
    wanted = ("n_parameters", "predict", "linearize", *more)
    missing = [attribute for attribute in wanted if not hasattr(value, attribute)]
    if missing:
        raise ValueError(
            f"{name} must be a model with {', '.join(wanted)}; got {type(value).__name__}. Make one"
            " with models.Network((2, 10, 1))."
        )
    return value


def parameters(theta: Any, model: Any, dtype: type | None = float) -> np.ndarray:
    """Return `theta` as an array (..., n_parameters) of the model."""
    theta = np.asarray(theta, dtype=dtype)
    if theta.ndim == 0 or theta.shape[-1] != model.n_parameters:
        raise ValueError(
            f"theta has shape {theta.shape}; its last axis must hold the"
            f" {model.n_parameters} parameters of {model}"
        )
    return theta


def shown(value: Any) -> str:
    """Return `value` as a message shows it: its repr, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}... ({type(value).__name__})"


LARGEST = 1e150  # its square is a number in double precision, and so are sums of such squares


def finite_array(
    name: str, value: Any, ndim: int | None = None, *, largest: float = LARGEST
) -> np.ndarray:
    """Return `value` as a float array; refuse NaN, infinities and the wrong number of axes.

    Entries above `largest` are refused too.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array; fill or drop its masked entries first.")
    if hasattr(value, "toarray"):
        raise ValueError(f"{name} is a sparse matrix; give {name}.toarray().")
    array = np.array(_real(name, value), dtype=float)
    if ndim == 0 and array.ndim:
        raise ValueError(f"{name} must be one number; got shape {array.shape}.")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(
            f"{name} must have {ndim} axes; got shape {array.shape}. Reshape it first."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"{name} holds {bad} NaN or infinite values; drop or impute these entries first."
        )
    if np.abs(array).max(initial=0.0) > largest:
        size = np.abs(array).max()
        raise ValueError(
            f"{name} has entries of size {size:.0e}, and their squares are no numbers in double"
            f" precision. Divide {name} by {size:.0e}."
        )
    return array


def squares(name: str, array: np.ndarray) -> np.ndarray:
    """Return data as they are; refuse such of which all squares are zero in double precision."""
    size = np.abs(array).max(initial=0.0)
    if 0 < size < 1 / LARGEST:
        raise ValueError(
            f"{name} has entries of size {size:.0e} at most, and their squares are zero in double"
            f" precision. Divide {name} by {size:.0e}."
        )
    return array


def _real(name: str, value: Any) -> np.ndarray:
    """Return `value` as an array whose entries are real numbers; text is none."""
    what = f"{name} must be an array of real numbers"
    if hasattr(value, "to_numpy") and not hasattr(value, "__array__"):
        value = value.to_numpy()
    try:
        given = np.asarray(value)
    except (TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{what}; got {shown(value)}. Convert it first.") from error
    if given.dtype.kind in "biuf":
        return given
    if given.dtype.kind != "O":
        raise ValueError(f"{what}; got dtype {given.dtype}. Convert it first.")
    if given.ndim and any(map(is_missing, given.flat)):
        raise ValueError(f"{name} holds missing values; drop or impute them first.")
    for entry in given.flat:
        if not _is_real(entry):
            found = f"one of its entries is {shown(entry)}" if given.ndim else f"got {shown(value)}"
            raise ValueError(f"{what}; {found}. Convert it first.")
    return given.astype(float)


def _is_real(entry: Any) -> bool:
    """Say whether an entry of an array of objects is a real number."""
    if isinstance(entry, np.generic):
        return entry.dtype.kind in "biuf"
    return hasattr(entry, "__float__") and not isinstance(entry, np.ndarray)


def is_missing(entry: Any) -> bool:
    """Say whether an entry stands for a value that is not there, in Python or in a table.

    >>> [is_missing(entry) for entry in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    return (
        entry is None
        or type(entry).__name__ in ("NAType", "NaTType")
        or (isinstance(entry, (float, np.floating)) and bool(entry != entry))
    )


def positive(name: str, value: Any) -> float:
    """Return `value` as a float; refuse what is not a finite number above zero."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a positive number; got {shown(value)}") from error
    if isinstance(value, (bool, str)):
        raise ValueError(f"{name} must be a positive number; got {shown(value)}")
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be finite and greater than 0; got {number}")
    return number


def scale_of(name: str, value: Any) -> float:
    """Return `value` as a float above zero and at most `LARGEST`."""
    number = positive(name, value)
    if number > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST:g}, got {number:g}. Take a smaller one.")
    return number


def positive_integer(name: str, value: Any) -> int:
    """Return `value` as an int; refuse what is not a whole number above zero."""
    try:
        whole = not isinstance(value, (bool, str)) and int(value) == value and value >= 1
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise ValueError(f"{name} must be a whole number, at least 1; got {shown(value)}")
    return int(value)


def from_zero(name: str, value: Any, below: float = np.inf) -> float:
    """Return `value` as a float; refuse what is not at least 0 and below `below`."""
    try:
        number = float("nan") if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < below:
        limit = "finite" if below == np.inf else f"below {below:g}"
        raise ValueError(f"{name} must be a number, at least 0 and {limit}; got {shown(value)}")
    return number


def one_by_one(name: str, value: Any) -> list:
    """Return `value` as a list; refuse what has no entries to go through."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be a list; got {shown(value)}. Put it into brackets.")
    return list(value)


def function(name: str, value: Any, example: str) -> Any:
    """Return `value` if it can be called."""
    if not callable(value):
        raise ValueError(f"{name} must be a function, such as {example}; got {shown(value)}")
    return value


def increasing(name: str, value: Any) -> np.ndarray:
    """Return `value` as a 1-D float array, strictly increasing and not empty."""
    array = np.atleast_1d(finite_array(name, value))
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty list of times; got shape {array.shape}")
    if (np.diff(array) <= 0).any():
        raise ValueError(f"{name} must be strictly increasing; sort it and drop repeats.")
    return array


def choice(name: str, value: Any, options: Sequence) -> Any:
    """Return `value` if it is one of `options`."""
    try:
        known = not isinstance(value, bool) and value in options
    except (TypeError, ValueError):
        known = False
    if not known:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"unknown {name} {shown(value)}; choose one of {listed}.")
    return value


def read_only(array: np.ndarray) -> np.ndarray:
    """Return `array` with writing switched off, for frozen results."""
    array.flags.writeable = False
    return array
