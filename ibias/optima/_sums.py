"""Sums of products that are rounded once, however much their terms cancel."""

from __future__ import annotations

from math import fsum

import numpy as np


def exact_sums(A: np.ndarray, xs: list[np.ndarray], y: np.ndarray | None = None) -> np.ndarray:
    """Return y + A (x_1 + x_2 + ...), rounded once: products are split in two (Dekker 1971).

    >>> exact_sums(np.array([[1e16, 1.0, -1e16]]), [np.ones(3)]).tolist()
    [1.0]
    """
    terms = [] if y is None else [y[:, None]]
    for x in xs:
        product = A * x
        terms += [product, rounded_off(A, x, product)]
    return np.array([fsum(row) for row in np.concatenate(terms, axis=1).tolist()])


def rounded_off(a: np.ndarray, b: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Return what the rounded product a b lacks, exactly."""
    high, top = _high(a), _high(b)
    return (a - high) * (b - top) - (product - high * top - (a - high) * top - high * (b - top))


def _high(x: np.ndarray) -> np.ndarray:
    """Return the upper half of the digits of each number."""
    wide = x * (2.0**27 + 1)
    return wide - (wide - x)
