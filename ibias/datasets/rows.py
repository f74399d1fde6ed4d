"""Rows of any length: what they span does not depend on it, up to rounding."""

from __future__ import annotations

import numpy as np

COARSE = 16  # powers of two between one unit of a row and the next
BLUR = 4.0  # by how much a rotation may be off, in units of rounding


def lengths(rows: np.ndarray) -> np.ndarray:
    """Return the length of each row, one in the place of zero, shape (n, 1).

    >>> lengths(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[5.0], [1.0]]
    """
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(size > 0, size, 1.0)


def units(rows: np.ndarray) -> np.ndarray:
    """Return a power of two for each row, shape (n,), by which its equation is one of order one.

    One for a row of ordinary length, from 1/256 to 256, and for a row of zeros: nothing is rounded.

    >>> units(np.array([[3.0, 4.0], [1e-9, 0.0], [0.0, 0.0]])).tolist() == [1.0, 2.0**-32, 1.0]
    True
    """
    return 2.0 ** (COARSE * np.round(np.log2(lengths(rows)[:, 0]) / COARSE))


def rounding(rows: np.ndarray) -> float:
    """Return how far rows of length one may be off their span by the rounding of a rotation."""
    return float(BLUR * np.finfo(float).eps * np.sqrt(max(rows.shape)))
