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
    sizes = np.abs(X).max(axis=0, initial=0.0)
    used = np.flatnonzero(sizes > 0)
    if used.size == 0:
        return ""
    logs = np.log(sizes[used])
    if np.ptp(logs) <= np.log(uneven):
        return ""
    off = logs - np.quantile(logs, 0.5, method="lower")
    odd = [j for j in np.argsort(-np.abs(off), kind="stable") if abs(off[j]) > np.log(uneven) / 2]
    listed = [
        f"{'divide' if off[j] > 0 else 'multiply'} {each} {used[j]} by {np.exp(abs(off[j])):.0e}"
        for j in odd[:LISTED]
    ]
    if len(odd) > LISTED:
        listed.append(f"and so on for {len(odd) - LISTED} more")
    return ", ".join(listed)
