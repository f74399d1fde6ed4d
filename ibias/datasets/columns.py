"""Columns, or rows, of different sizes, in words: which to scale, and by what."""

from __future__ import annotations

import numpy as np

LISTED = 3  # columns, at most


def scaling(X: np.ndarray, uneven: float, each: str = "column") -> str:
    """Return what brings the columns of X to about one size, the typical one.

    They are called `each`. The farthest ones come first. Empty where no
    two sizes differ by more than `uneven`.

    >>> scaling(np.array([[1.0, 4e6, 0.0, 2.0], [0.5, 2e6, 1e-9, 2.0]]), 1e3)
    'multiply column 2 by 1e+09, divide column 1 by 4e+06'
    """
    off = _off(X, uneven)
    odd = np.argsort(-np.abs(off), kind="stable")[: np.count_nonzero(off)]
    listed = [
        f"{'divide' if off[j] > 0 else 'multiply'} {each} {j} by {_one_digit(off[j])}"
        for j in odd[:LISTED]
    ]
    if len(odd) > LISTED:
        listed.append(f"and so on for {len(odd) - LISTED} more")
    return ", ".join(listed)


def scaled(X: np.ndarray, uneven: float) -> np.ndarray:
    """Return by what `scaling` says to multiply each column, in its very digits, shape (d,).

    >>> scaled(np.array([[1.0, 4e6, 0.0, 2.0], [0.5, 2e6, 1e-9, 2.0]]), 1e3).tolist()
    [1.0, 2.5e-07, 1000000000.0, 1.0]
    """
    off = _off(X, uneven)
    by = np.array([float(_one_digit(o)) for o in off])
    return np.where(off > 0, 1 / by, by)


def _off(X: np.ndarray, uneven: float) -> np.ndarray:
    """Return how far above the typical size each column is, as a logarithm; zero where not odd."""
    sizes = np.abs(X).max(axis=0, initial=0.0)
    used, off = sizes > 0, np.zeros(sizes.size)
    logs = np.log(sizes[used])
    if logs.size and np.ptp(logs) > np.log(uneven):
        off[used] = logs - np.quantile(logs, 0.5, method="lower")
    odd = np.abs(off) > np.log(uneven) / 2
    return np.where(odd, off, 0.0)


def _one_digit(off: float) -> str:
    return f"{np.exp(np.abs(off)):.0e}"
