"""Checks of arguments: each raises a ValueError that names the argument and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
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
    if isinstance(value, type) or not all(hasattr(value, attribute) for attribute in wanted):
        raise ValueError(
            f"{name} must be a model with {', '.join(wanted)}; got {type(value).__name__}. Make one"
            " with models.Network((2, 10, 1))."
        )
    return value


def parameters(theta: Any, model: Any, dtype: type | None = float) -> np.ndarray:
    """Return `theta` as an array (..., n_parameters) of the model."""
    theta = numbers("theta", theta)
    theta = theta if dtype is None or theta.dtype == dtype else finite_array("theta", theta)
    if theta.ndim == 0 or theta.shape[-1] != model.n_parameters:
        raise ValueError(
            f"theta has shape {theta.shape}; its last axis must hold the"
            f" {model.n_parameters} parameters of {model}"
        )
    return theta


def shown(value: Any) -> str:
    """Return `value` as a message shows it: its repr, cut where it is long."""
    try:
        text = repr(value)
    except Exception:  # a whole number of five thousand digits, or an object that has none
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:50]}... ({type(value).__name__})"


LARGEST = 1e150  # its square is a number in double precision, and so are sums of such squares


def finite_array(
    name: str, value: Any, ndim: int | None = None, *, largest: float = LARGEST
) -> np.ndarray:
    """Return `value` as a float array; refuse NaN, infinities and the wrong number of axes.

    Entries above `largest` are refused too.
    """
    with np.errstate(over="ignore"):  # a longer type than double
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


def labels(name: str, value: Any, ndim: int | None = None) -> np.ndarray:
    """Return labels +1 and -1 as a float array; refuse all others."""
    array = finite_array(name, value, ndim)
    bools = array_of(name, value).dtype.kind == "b"
    if bools or not (np.abs(array) == 1).all():
        found = "True and False" if bools else ", ".join(f"{x:g}" for x in np.unique(array)[:4])
        raise ValueError(
            f"{name} must hold labels +1 and -1 only; got {found}. numpy.where({name} == label, 1,"
            " -1) makes two classes."
        )
    return array


def numbers(name: str, value: Any) -> np.ndarray:
    """Return `value` as an array of numbers; arrays of numbers as they are, at once.

    For what is called in inner loops: whether an array of floats is finite is not asked, and
    complex ones pass, for derivatives by complex steps. All else is checked by `finite_array`.
    """
    if type(value) is np.ndarray and value.dtype.kind in "fciu":
        return value
    given = _real(name, value)
    if given.dtype.kind not in "iu":
        return finite_array(name, given, largest=np.inf)
    return given


def floats(name: str, value: Any) -> np.ndarray:
    """Return `value` as an array of floats; arrays of floats as they are, at once.

    For inner loops, as `numbers`, but for real numbers only.
    """
    if type(value) is np.ndarray and value.dtype.char == "d":
        return value
    return finite_array(name, value, largest=np.inf)


def vectors(name: str, value: Any) -> np.ndarray:
    """Return `value` as a float array of one axis at least, finite."""
    array = finite_array(name, value, largest=np.inf)
    if array.ndim == 0:
        raise ValueError(f"{name} must be a list of numbers; got {array}. Put it into brackets.")
    return array


def samples(X: Any, n_features: int) -> np.ndarray:
    """Return inputs as an array of floats, shape (..., n_samples, n_features), at once."""
    X = floats("X", X)
    if X.ndim < 2 or X.shape[-1] != n_features:
        raise ValueError(f"X has shape {X.shape}; give (..., n_samples, {n_features}).")
    return X


def _real(name: str, value: Any) -> np.ndarray:
    """Return `value` as an array whose entries are real numbers; text is none."""
    what, given = f"{name} must be an array of real numbers", array_of(name, value)
    if given.dtype.kind in "biuf":
        return given
    if given.dtype.kind != "O":
        raise ValueError(f"{what}; got dtype {given.dtype}. Convert it first.")
    if given.ndim and any(map(is_missing, given.flat)):
        raise ValueError(f"{name} holds missing values; drop or impute them first.")
    found = np.empty(given.shape)
    for place, entry in zip(np.ndindex(given.shape), given.flat, strict=True):
        number = real_number(entry, bools=True)
        if number is None:
            said = f"one of its entries is {shown(entry)}" if given.ndim else f"got {shown(value)}"
            raise ValueError(f"{what}; {said}. Convert it first.")
        found[place] = number
    return found


def array_of(name: str, value: Any, what: str = "real numbers") -> np.ndarray:
    """Return `value` as an array of any type; refuse masks, sparse matrices and what is none."""
    if is_masked(value):
        raise ValueError(f"{name} is a masked array; fill or drop its masked entries first.")
    if hasattr(value, "toarray"):
        raise ValueError(f"{name} is a sparse matrix; give {name}.toarray().")
    try:
        if hasattr(value, "to_numpy") and not hasattr(value, "__array__"):
            value = value.to_numpy()
        return np.asarray(value)
    except Exception as error:  # whatever an object raises that is asked for its numbers
        raise ValueError(
            f"{name} must be an array of {what}; got {shown(value)}. Convert it first."
        ) from error


def is_masked(value: Any) -> bool:
    """Say whether a value is a masked array, or a list with one in it."""
    if isinstance(value, (list, tuple)):
        return any(map(is_masked, value))
    return isinstance(value, np.ma.MaskedArray)


def real_number(value: Any, *, bools: bool = False) -> float | None:
    """Return `value` as a float, infinite if it is beyond double precision; None if it is none.

    Texts, arrays with axes, dates and complex numbers are no real numbers, nor are truth values
    unless `bools` are.

    >>> [real_number(value) for value in (2, "2", 1j, True, 10**400)]
    [2.0, None, None, None, inf]
    """
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (bool, np.bool_)):
        return float(value) if bools else None
    if isinstance(value, (str, bytes, type, np.ma.MaskedArray)) or not hasattr(value, "__float__"):
        return None
    if getattr(value, "ndim", 0) != 0:
        return None
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind not in "iuf":
        inner = value.item() if dtype.kind in "Ob" else None
        return real_number(inner, bools=bools)
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    except Exception:
        return None


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
    number = real_number(value)
    if number is None:
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


LARGEST_COUNT = 2**53  # beyond it floats do not count by ones


def positive_integer(name: str, value: Any, largest: int = LARGEST_COUNT) -> int:
    """Return `value` as an int; refuse what is not a whole number above zero, up to `largest`."""
    number = real_number(value)
    whole = number is not None and (number % 1 == 0 or isinstance(value, int))
    if not whole or number < 1:
        raise ValueError(f"{name} must be a whole number, at least 1; got {shown(value)}")
    if number > largest:
        raise ValueError(f"{name} must be at most {largest}; got {shown(value)}")
    return int(value)


def from_zero(name: str, value: Any, below: float = np.inf) -> float:
    """Return `value` as a float; refuse what is not at least 0 and below `below`."""
    number = real_number(value)
    if number is None or not 0 <= number < below:
        limit = "finite" if below == np.inf else f"below {below:g}"
        raise ValueError(f"{name} must be a number, at least 0 and {limit}; got {shown(value)}")
    return number


def norm_order(name: str, value: Any) -> float:
    """Return the order of a norm as a float, from 1 to inf."""
    if isinstance(value, str) and value.strip() == "inf":
        return float("inf")
    number = real_number(value)
    if number is None:
        raise ValueError(f"{name} must be from 1 to inf; got {shown(value)}")
    if not number >= 1:
        raise ValueError(
            f"{name} must be from 1 to inf, got {number:g}; below 1 it is no norm."
            " The common choices are 1, 2 and numpy.inf."
        )
    return number


def exponent(name: str, value: Any) -> float:
    """Return the exponent of a sum of powers as a float, above 0 and up to inf."""
    number = norm_order(name, value) if isinstance(value, str) else real_number(value)
    if number is None or not number > 0:
        raise ValueError(f"{name} must be a number above 0, or inf; got {shown(value)}")
    return number


def index(name: str, value: Any) -> int:
    """Return `value` as an int; refuse what is not a whole number, at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{name} must be a whole number, at least 0; got {shown(value)}")
    return int(value)


def batch_axes(batch: Any) -> tuple[int, ...]:
    """Return the lengths of the axes of a batch, each at least 0."""
    sizes = one_by_one("batch", batch)
    return tuple(index("batch", size) and positive_integer("batch", size) for size in sizes)


def whole_fields(frozen: Any, *names: str) -> None:
    """Make fields of a frozen object ints, whatever kind of whole numbers they were given as."""
    for name in names:
        object.__setattr__(frozen, name, positive_integer(name, getattr(frozen, name)))


def flag(name: str, value: Any) -> bool:
    """Return `value` as a bool; refuse what is not True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def one_by_one(name: str, value: Any) -> list:
    """Return `value` as a list; refuse what has no entries to go through."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return list(value)
    except Exception as error:
        raise ValueError(
            f"{name} must be a list; got {shown(value)}. Put it into brackets."
        ) from error


def function(name: str, value: Any, example: str) -> Any:
    """Return `value` if it can be called."""
    if not callable(value):
        raise ValueError(f"{name} must be a function, such as {example}; got {shown(value)}")
    return value


def function_or_none(name: str, value: Any, example: str) -> Any:
    """Return `value` if it can be called, or if it is None."""
    return value if value is None else function(name, value, example)


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
        plain = not isinstance(value, bool) and getattr(value, "ndim", 0) == 0
        known = [option for option in options if plain and value == option]
    except Exception:  # what compares itself in its own way
        known = []
    if not known:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"unknown {name} {shown(value)}; choose one of {listed}.")
    return known[0]


def read_only(array: np.ndarray) -> np.ndarray:
    """Return `array` with writing switched off, for frozen results."""
    array.flags.writeable = False
    return array
