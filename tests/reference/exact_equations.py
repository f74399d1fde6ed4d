"""Equations in fractions: nothing is rounded, however nearly they repeat each other."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np


def exactly(x: np.ndarray) -> list[Fraction]:
    """Return the numbers as fractions."""
    return [Fraction(float(entry)) for entry in x]


def dot(a: np.ndarray | list, b: np.ndarray | list) -> Fraction:
    """Return <a, b>."""
    return sum((Fraction(p) * Fraction(q) for p, q in zip(a, b, strict=True)), Fraction(0))


def orthogonal(
    X: np.ndarray, y: np.ndarray, start: np.ndarray
) -> tuple[list[list[Fraction]], list[Fraction]]:
    """Return orthogonal rows and their targets: <row, w - start> = target where X w = y."""
    rows: list[list[Fraction]] = []
    targets: list[Fraction] = []
    for x, t in zip(X, y, strict=True):
        row = exactly(x)
        target = Fraction(float(t)) - dot(row, exactly(start))
        for other, its in zip(rows, targets, strict=True):
            part = dot(row, other) / dot(other, other)
            row = [a - part * b for a, b in zip(row, other, strict=True)]
            target -= part * its
        if any(row):
            rows.append(row)
            targets.append(target)
        else:
            assert target == 0, "the equations contradict each other"
    return rows, targets


def least_norm(X: np.ndarray, y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the shortest w - start with X w = y, rounded once."""
    rows, targets = orthogonal(X, y, start)
    parts = [t / dot(row, row) for row, t in zip(rows, targets, strict=True)]
    columns = zip(*rows, strict=True) if rows else [()] * X.shape[1]
    return np.array([float(dot(parts, column)) for column in columns])


def orthonormal(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal rows and targets with the same solutions, rounded once."""
    rows, targets = orthogonal(X, y, np.zeros(X.shape[1]))
    lengths = [_root(dot(row, row)) for row in rows]
    unit = [[float(a / r) for a in row] for row, r in zip(rows, lengths, strict=True)]
    return np.array(unit), np.array([float(t / r) for t, r in zip(targets, lengths, strict=True)])


def _root(square: Fraction) -> Fraction:
    """Return the square root to thirty digits or more."""
    digits = 10**30 * square.denominator
    return Fraction(isqrt(square.numerator * square.denominator * 10**60), digits)
