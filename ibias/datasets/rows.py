"""Rows of any length: what they span does not depend on it, up to rounding."""

from __future__ import annotations

import numpy as np

BLUR = 4.0  # by how much a rotation may be off, in units of rounding


def lengths(rows: np.ndarray) -> np.ndarray:
    """Return the length of each row, one in the place of zero, shape (n, 1).

    >>> lengths(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[5.0], [1.0]]
    """
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(size > 0, size, 1.0)


def rounding(rows: np.ndarray) -> float:
    """Return how far rows of length one may be off their span by the rounding of a rotation."""
    return float(BLUR * np.finfo(float).eps * np.sqrt(max(rows.shape)))
