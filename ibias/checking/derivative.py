"""Derivatives by differences, and when a stated one agrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

CLOSE = 1e-5  # of a derivative and its difference quotient, relative to the largest entry
STEP = 1e-5  # of difference quotients, relative to the entry where it is above one


def differences(function: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Return the derivative at x, shape (..., n), of a function with values of shape (...).

    Central differences of two steps, extrapolated: the error is of fourth order in the step.

    >>> differences(lambda x: x[0] ** 3 * x[1], np.array([1.0, 2.0])).round(9)
    array([6., 1.])
    """
    slopes = []
    for step in STEP, STEP / 2:
        shifts = step * np.maximum(1.0, np.abs(x)) * np.eye(x.size)
        rises = [np.asarray(function(x + shift)) - function(x - shift) for shift in shifts]
        slopes.append(np.stack(rises, axis=-1) / (2 * np.diag(shifts)))
    return (4 * slopes[1] - slopes[0]) / 3


def close(stated: Any, measured: Any) -> bool:
    """Say whether two arrays agree, relative to the largest entry; NaN agrees with nothing.

    >>> close([1.0, 1e6], [1.0, 1e6 + 1]), close([1.0], [1.1]), close([1.0], [np.nan])
    (True, False, False)
    """
    stated, measured = np.asarray(stated, dtype=float), np.asarray(measured, dtype=float)
    if stated.shape != measured.shape:
        return False
    return bool(np.abs(stated - measured).max() <= CLOSE * max(1.0, np.abs(measured).max()))


def few(values: np.ndarray) -> str:
    """Return the first entries of an array as a message shows them.

    >>> few(np.arange(5.0))
    '(0, 1, 2, ...)'
    """
    more = ", ..." if values.size > 3 else ""
    return "(" + ", ".join(f"{x:.4g}" for x in values.ravel()[:3]) + more + ")"
