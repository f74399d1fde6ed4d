"""Equations that nearly repeat each other, as orthonormal ones: in twice the digits of float64.

Two equations that differ by a part e of them differ in a direction that rounding turns by eps / e,
in the row space and across it. Gram-Schmidt with pivots is therefore done in twofold numbers
(Dekker 1971), and the orthonormal rows are rounded once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias.optima._sums import rounded_off

CLEAR = 1e-3  # with singular values above this, of the largest, float64 is enough
HALVES = "high", "low"


@dataclass(frozen=True, eq=False)
class Twofold:
    """An array of numbers high + low, the sum of two of float64 that do not overlap."""

    high: np.ndarray
    low: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> Twofold:
        """Return numbers of float64 as they are."""
        return cls(x, np.zeros_like(x))

    @classmethod
    def _of_sum(cls, a: np.ndarray, b: np.ndarray) -> Twofold:
        total = a + b
        return cls(total, b - (total - a))

    def __getitem__(self, index: object) -> Twofold:
        return Twofold(self.high[index], self.low[index])

    def reshape(self, *shape: int) -> Twofold:
        """Return the same numbers in another shape."""
        return Twofold(self.high.reshape(shape), self.low.reshape(shape))

    def __add__(self, other: Twofold) -> Twofold:
        total = self.high + other.high
        moved = total - self.high
        rest = (self.high - (total - moved)) + (other.high - moved)
        return self._of_sum(total, rest + (self.low + other.low))

    def __neg__(self) -> Twofold:
        return Twofold(-self.high, -self.low)

    def __sub__(self, other: Twofold) -> Twofold:
        return self + -other

    def __mul__(self, other: Twofold) -> Twofold:
        product = self.high * other.high
        rest = rounded_off(self.high, other.high, product)
        return self._of_sum(product, rest + (self.high * other.low + self.low * other.high))

    def __truediv__(self, other: Twofold) -> Twofold:
        first = Twofold.of(self.high / other.high)
        left = self - first * other
        return self._of_sum(first.high, left.high / other.high)

    def sum(self) -> Twofold:
        """Return the sums over the last axis, in pairs."""
        total = self
        while (n := total.high.shape[-1]) > 1:
            half, odd = n // 2, n % 2
            pairs = total[..., odd : odd + half] + total[..., odd + half :]
            total = Twofold(
                *(
                    np.concatenate([getattr(total, x)[..., :odd], getattr(pairs, x)], axis=-1)
                    for x in HALVES
                )
            )
        return total[..., 0]


@dataclass(frozen=True, eq=False)
class Equations:
    """Orthonormal rows with rows @ w = target exactly where X w = y, as far as any w fits.

    Attributes
    ----------
    rows : array, shape (k, n_features)
        Rounded once. k is the rank of X.
    target : array, shape (k,)
    misfit : array, shape (n,)
        What the best w leaves of X w = y.
    pivots : Twofold, shape (k, n_features)
        The orthogonal rows before they are divided by their lengths.
    parts : Twofold, shape (n, k)
        X = parts @ pivots, but for roundings of X that are taken for zero.
    """

    rows: np.ndarray
    target: np.ndarray
    misfit: np.ndarray
    pivots: Twofold
    parts: Twofold

    @property
    def lengths(self) -> np.ndarray:
        """The lengths of the pivots, shape (k,)."""
        return np.linalg.norm(self.pivots.high, axis=1)

    def multipliers(self, a: np.ndarray) -> np.ndarray:
        """Return the shortest m with X^T m = rows^T a."""
        return np.linalg.lstsq(self.parts.high.T, a / self.lengths)[0]

    def error(self, X: np.ndarray | Twofold, left: np.ndarray, w: np.ndarray) -> float:
        """Return how far w is off: along the rows, by what X w lacks, and across them.

        `left` is what X w lacks, rounded once. It and X are as they were given: nothing of this
        is read off `rows` or `target`.
        """
        along = np.linalg.lstsq(self.parts.high, left)[0] / self.lengths
        return float(np.linalg.norm(along) + self.turned(X) * np.linalg.norm(w))

    def turned(self, X: np.ndarray | Twofold) -> float:
        """Return how far the rows are off the span of X: by X itself, not by how they were made.

        X = parts * lengths @ (rows + change) is solved for the change.
        """
        left = X if isinstance(X, Twofold) else Twofold.of(X)
        for j, (row, size) in enumerate(zip(self.rows, self.lengths, strict=True)):
            along = Twofold.of(np.array(size)) * Twofold.of(row)
            left = left - self.parts[:, j : j + 1] * along
        change = np.linalg.lstsq(self.parts.high, left.high)[0] / self.lengths[:, None]
        return float(np.linalg.norm(change))

    def across(self, w: np.ndarray) -> Twofold:
        """Return the part of w that is orthogonal to all rows."""
        left = Twofold.of(w)
        for j in range(len(self.rows)):
            pivot = self.pivots[j]
            left = left - ((left * pivot).sum() / (pivot * pivot).sum()) * pivot
        return left


def nearly_repeat(X: np.ndarray) -> bool:
    """Say whether rows of X, of about one length, depend on each other or nearly do."""
    size = np.linalg.svd(X, compute_uv=False)
    return bool(size.min() <= CLEAR * size.max())


def orthonormal(
    X: np.ndarray | Twofold, y: np.ndarray, start: np.ndarray | None = None
) -> Equations:
    """Return X (w - start) = y - X start, where no `start` is X w = y, as orthonormal equations.

    A row is a repeat where all that is left of it is no more than a rounding of its entries.
    Rows of X are of about one length.

    >>> both = orthonormal(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-50]]), np.array([2.0, 2.0]))
    >>> (both.rows.T @ both.target).round(12).tolist(), both.misfit.tolist()
    ([2.0, 0.0], [0.0, 0.0])
    """
    X = X if isinstance(X, Twofold) else Twofold.of(X)
    n, d = X.high.shape
    unit = 2.0 ** np.round(np.log2(np.abs(y).max() or 1.0))
    target = Twofold.of(y / unit)
    if start is not None:
        target = target - (X * Twofold.of(start / unit)).sum()
    left = Twofold(np.c_[X.high, target.high], np.c_[X.low, target.low])
    blur = np.finfo(float).eps / 2 * np.abs(X.high)
    pivots, parts = [], []
    while True:
        here = left.high[:, :d]
        repeats = (np.abs(here) <= blur).all(axis=1)
        size = np.where(repeats, 0.0, np.linalg.norm(here, axis=1))
        if not size.any():
            break
        i = size.argmax()
        pivot = left[i]
        along = pivot[:d]
        part = (left[:, :d] * along).sum() / (along * along).sum()
        part = Twofold(np.where(repeats, 0.0, part.high), np.where(repeats, 0.0, part.low))
        part.high[i], part.low[i] = 1.0, 0.0
        left = left - part[:, None] * pivot
        left.high[i], left.low[i] = 0.0, 0.0
        blur = blur + np.finfo(float).eps / 2 * np.abs(np.outer(part.high, along.high))
        pivots, parts = [*pivots, pivot], [*parts, part]
    k = len(pivots)
    along = Twofold(*(np.reshape([getattr(row, x)[:d] for row in pivots], (k, d)) for x in HALVES))
    part = Twofold(*(np.reshape([getattr(p, x) for p in parts], (k, n)).T for x in HALVES))
    lengths = np.linalg.norm(along.high, axis=1)
    # Equations that rounding contradicts are met as well as can be: by least squares.
    missed = left.high[:, d]
    moved = np.linalg.lstsq(part.high, missed)[0]
    heights = np.array([row.high[d] for row in pivots]) + moved
    return Equations(
        rows=along.high / lengths[:, None],
        target=unit * heights / lengths,
        misfit=unit * (missed - part.high @ moved),
        pivots=along,
        parts=part,
    )
