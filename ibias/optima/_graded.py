"""Coordinates in which rows of very different weights do not blur each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias.datasets.rows import lengths
from ibias.optima._equations import TINY, Twofold

FEW = 8  # roundings of a row
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Orthonormal directions, and rows along them.

    Attributes
    ----------
    basis : Twofold, shape (k, n_features)
        All rows lie in their span.
    rows : Twofold, shape (n, k)
    blur : array, shape (n, k)
        How far an entry of `rows` may be off.
    outside : array, shape (n,)
        How far a row may be from the span of the directions.
    doubtful : array of bool, shape (n, k)
        Where a row is seen along a direction by no more than its rounding.
    """

    basis: Twofold
    rows: Twofold
    blur: np.ndarray
    outside: np.ndarray
    doubtful: np.ndarray

    def point(self, y: np.ndarray) -> Twofold:
        """Return the point with these coordinates, shape (n_features,)."""
        if not self.basis.low.any():
            return Twofold.of(y @ self.basis.high)
        along = Twofold(self.basis.high.T, self.basis.low.T)
        return (along * Twofold.of(y)).sum()

    def of(self, u: Twofold) -> np.ndarray:
        """Return the coordinates of a point, shape (k,)."""
        if not self.basis.low.any():
            return self.basis.high @ u.high + self.basis.high @ u.low
        return (self.basis * u).sum().high


def plain(Z: np.ndarray) -> Coordinates:
    """Return the features themselves; a rotation, rounded, where there are more than rows."""
    n, d = Z.shape
    certain = np.zeros((n, min(n, d)), bool)
    if d <= n:
        return Coordinates(
            Twofold.of(np.eye(d)), Twofold.of(Z), np.zeros(Z.shape), np.zeros(n), certain
        )
    basis, rows = np.linalg.qr(Z.T)
    lost = np.linalg.norm(Z - rows.T @ basis.T, axis=1, keepdims=True)
    lost = lost + EPS * lengths(Z)
    blur = lost * np.ones(n)
    return Coordinates(Twofold.of(basis.T), Twofold.of(rows.T), blur, lost[:, 0], certain)


def graded(Z: np.ndarray, log_weights: np.ndarray) -> Coordinates:
    """Return coordinates of which the first are seen by the heaviest rows, and the last by none.

    Gram-Schmidt on the row of which most is left, times its weight (Cox and Higham 1998 have the
    same for Householder's method). It is done in twofold numbers: what is left of a heavy row is
    zero where it lies in the span of heavier ones, and else it is known to many digits.

    >>> Z = np.array([[1.0, 2.0], [-1.0, -2.0], [3.0, 1.0]])
    >>> graded(Z, np.array([1e4, 1e4, 0.0])).rows.high.round(3).tolist()
    [[2.236, 0.0], [-2.236, 0.0], [2.236, 2.236]]
    """
    left, size = Twofold.of(Z.copy()), lengths(Z)[:, 0]
    basis, rows = [], []
    while True:
        share = np.linalg.norm(left.high, axis=1) / size
        gone = share <= TINY
        left.high[gone], left.low[gone] = 0.0, 0.0
        if gone.all() or len(basis) == min(Z.shape):
            break
        with np.errstate(divide="ignore"):
            i = int(np.where(gone, -np.inf, log_weights / 2 + np.log(share * size)).argmax())
        row = left[i]
        length = Twofold.of(np.linalg.norm(row.high))
        along = row / length
        # Of length one but for a rounding, which is as good; what is left is orthogonal to it.
        part = (left * along).sum() / (along * along).sum()
        left = left - part[:, None] * along
        left.high[i], left.low[i] = 0.0, 0.0
        basis, rows = [*basis, along], [*rows, part]
    k, (n, d) = len(basis), Z.shape
    part = Twofold(*(np.reshape([getattr(r, x) for r in rows], (k, n)).T for x in ("high", "low")))
    along = Twofold(*(np.reshape([getattr(b, x) for b in basis], (k, d)) for x in ("high", "low")))
    blur = TINY * size[:, None] * (part.high != 0)
    # In each feature a row is known up to its rounding.
    rounded = FEW * EPS * (np.abs(Z) @ np.abs(along.high).T)
    doubtful = (part.high != 0) & (np.abs(part.high) <= rounded)
    return Coordinates(along, part, blur, np.zeros(n), doubtful)
