"""Equations that nearly repeat each other, as orthonormal ones: in twice the digits of float64.

Two equations that differ by a part e of them differ in a direction that rounding turns by eps / e,
in the row space and across it. Gram-Schmidt with pivots is therefore done in twofold numbers
(Dekker 1971), and the orthonormal rows are rounded once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from ibias.datasets.rows import CLEAR, nearest_power
from ibias.optima._sums import exact_sums, rounded_off

HALVES = "high", "low"
PAIR = 2  # roundings of two rows of which one repeats the other: of both and of the factor
SEVERAL = 8  # roundings of a row, where it depends on several: a sum of products has some
SHORT, ALIKE = 256, 1e-6  # a factor as near to one of eight digits is that one
TINY = 1e-28  # what twofold numbers leave of rows of order one
UNDECIDED = 128  # what is left of a row and is as many roundings may be one, or none


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
    undecided : array of int
        The rows of X of which more than rounding is left, and too little to tell.
    pivots : Twofold, shape (k, n_features)
        The orthogonal rows before they are divided by their lengths.
    parts : Twofold, shape (n, k)
        X = parts @ pivots, but for roundings of X that are taken for zero.
    """

    rows: np.ndarray
    target: np.ndarray
    misfit: np.ndarray
    undecided: np.ndarray
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

    def met(self, X: np.ndarray, left: np.ndarray, w: np.ndarray, fine: float) -> bool:
        """Say whether X w lacks no more than the best w, up to `fine` and a rounding of X and w."""
        rounding = 4 * np.finfo(float).eps * (np.abs(X) @ np.abs(w))
        return bool((np.abs(left - self.misfit) <= fine + rounding).all())

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


def open_question(name: str, undecided: np.ndarray) -> str:
    """Return the message where rounding leaves open whether equations depend on the others."""
    first = ", ".join(str(i) for i in undecided[:3])
    more = f" and {len(undecided) - 3} more" if len(undecided) > 3 else ""
    return (
        f"{name} {first}{more} (counted from 0) follow from the others but for a few roundings:"
        " they may, or they may not. Drop them."
    )


def nearly_repeat(size: np.ndarray) -> bool:
    """Say whether rows of about one length with these singular values depend, or nearly do."""
    return bool(size.min() <= CLEAR * size.max())


def orthonormal(
    X: np.ndarray | Twofold, y: np.ndarray, start: np.ndarray | None = None
) -> Equations:
    """Return X (w - start) = y - X start, where no `start` is X w = y, as orthonormal equations.

    A row depends on the others where all that is left of it is no more than roundings of their
    entries, and none of a row times a number of few digits. Rows of X are of about one length.

    >>> both = orthonormal(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-40]]), np.array([2.0, 2.0]))
    >>> (both.rows.T @ both.target).round(12) + 0.0, len(both.undecided)
    (array([2., 0.]), 0)
    """
    X = X if isinstance(X, Twofold) else Twofold.of(X)
    n, d = X.high.shape
    unit = nearest_power(np.abs(y).max() or 1.0)
    target = Twofold.of(y / unit)
    if start is not None:
        target = target - (X * Twofold.of(start / unit)).sum()
    left = Twofold(np.c_[X.high, target.high], np.c_[X.low, target.low])
    # Row i of what is left is combined_i @ X; half a unit in the last place is a rounding of X.
    # Sizes are compared in units of the columns.
    column = np.abs(X.high).max(axis=0)
    column = np.where(column > 0, column, 1.0)
    rounding = np.linalg.norm(np.spacing(np.abs(X.high)) / 2 / column, axis=1)
    combined = np.eye(n)
    pivots, parts, rows = [], [], np.arange(n)
    while True:
        here = left.high[:, :d]
        size = np.linalg.norm(here / column, axis=1)
        blur = np.abs(combined) * rounding
        own, others = np.diag(blur), blur - np.diag(np.diag(blur))
        nearest = others.argmax(axis=1)
        most = others[rows, nearest]
        several = SEVERAL * (others.sum(axis=1) - most)
        # Where a multiple of one of both needs no rounding, what is left beside it was meant.
        times = combined[rows, nearest]
        meant = _exact(times, X.high[nearest])
        meant |= _exact(np.divide(1.0, times, where=times != 0, out=np.zeros(n)), X.high)
        blur = np.where(meant, several + TINY, several + PAIR * (own + most))
        gone = size <= np.where(meant, UNDECIDED * several + TINY, UNDECIDED * blur)
        if gone.all():
            break
        i = np.where(gone, 0.0, np.linalg.norm(here, axis=1)).argmax()
        pivot = left[i]
        along = pivot[:d]
        part = (left[:, :d] * along).sum() / (along * along).sum()
        part.high[i], part.low[i] = 1.0, 0.0
        left = left - part[:, None] * pivot
        left.high[i], left.low[i] = 0.0, 0.0
        combined = combined - np.outer(part.high, combined[i])
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
        undecided=np.flatnonzero(size > blur),
        pivots=along,
        parts=part,
    )


def equivalent(X: np.ndarray, y: np.ndarray, start: np.ndarray) -> Equations:
    """Return what `orthonormal` does; by reflections in float64 where no rows nearly repeat."""
    k = len(X)
    if k > X.shape[1] or nearly_repeat(np.linalg.svd(X, compute_uv=False)):
        return orthonormal(X, y, start)
    Q, R = np.linalg.qr(X.T)
    size = np.diag(R)
    return Equations(
        rows=Q.T,
        target=solve_triangular(R, exact_sums(-X, [start], y), trans=1),
        misfit=np.zeros(k),
        undecided=np.arange(0),
        pivots=Twofold.of(np.abs(size)[:, None] * Q.T),
        parts=Twofold.of(R.T / np.abs(size)),
    )


def _exact(times: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Say for which rows a factor of few digits is next to `times`, and rounds nothing of it.

    >>> _exact(np.array([-3.0 + 1e-9, 0.3, 3.0]), np.array([[0.5], [0.5], [0.1]])).tolist()
    [True, False, False]
    """
    digits, power = np.frexp(times)
    near = np.ldexp(np.round(SHORT * digits) / SHORT, power)[:, None]
    lost = rounded_off(near, rows, near * rows)
    alike = np.abs(near[:, 0] - times) <= ALIKE * np.abs(times)
    return (times != 0) & alike & (lost == 0).all(axis=1)
