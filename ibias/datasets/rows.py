"""Rows of any length: what they span does not depend on it, up to rounding."""

from __future__ import annotations

import numpy as np

COARSE = 16  # powers of two between one unit of a row and the next
BLUR = 4.0  # by how much a rotation may be off, in units of rounding
TURNED = float(np.finfo(float).eps)  # of the length of a row and each feature, by a rotation
SMALLER = 1024.0  # a feature this far below the length of its rows loses no more of itself
CLEAR = 1e-3  # of the largest: no rounding of rows, nor of computed ones, makes such a direction
FAINT = 1e-13  # an entry below this, of the mean size of its row and column, is rounding


def lengths(rows: np.ndarray) -> np.ndarray:
    """Return the length of each row, one in the place of zero, shape (n, 1).

    >>> lengths(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[5.0], [1.0]]
    """
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(size > 0, size, 1.0)


def nearest_power(sizes: np.ndarray | float) -> np.ndarray:
    """Return for each size the power of two nearest to it: to divide by it rounds nothing.

    >>> nearest_power(np.array([5.0, 0.3])).tolist()
    [4.0, 0.25]
    """
    return 2.0 ** np.round(np.log2(sizes))


def units(rows: np.ndarray) -> np.ndarray:
    """Return a power of two for each row, shape (n,), by which its equation is one of order one.

    One for a row of ordinary length, from 1/256 to 256, and for a row of zeros: nothing is rounded.

    >>> units(np.array([[3.0, 4.0], [1e-9, 0.0], [0.0, 0.0]])).tolist() == [1.0, 2.0**-32, 1.0]
    True
    """
    return 2.0 ** (COARSE * np.round(np.log2(lengths(rows)[:, 0]) / COARSE))


def even(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return r, shape (n,), and c, shape (d,), so that rows / r / c has entries of order one.

    Where the largest entries c of the columns are enough, r is one; else `balance` gives both.
    """
    c = np.abs(rows).max(axis=0, initial=0)
    c = np.where(c > 0, c, 1.0)
    logs, seen = _logs(rows)
    typical = (logs - seen * np.log2(c)).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    if not rows.size or np.ptp(typical) <= COARSE:
        return np.ones(len(rows)), c
    return balance(rows)


def balance(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sizes r of the rows, shape (n,), and c of the columns, shape (d,): powers of two.

    The entries of rows / r / c are of order one as far as can be: r_i c_j fits |rows_ij| by least
    squares of the logarithms (Curtis and Reid 1972). Any scales of rows and columns are found so.

    >>> r, c = balance(np.array([[1e8, -1e8], [1.0, 0.0], [0.0, 1.0]]))
    >>> (r[0] / r[1:] / 1e8).round(1).tolist(), float(c[0] / c[1])
    ([1.3, 1.3], 1.0)
    """
    logs, seen = _logs(rows)
    if rows.shape[0] < rows.shape[1]:
        c, r = _fit(logs.T, seen.T)
    else:
        r, c = _fit(logs, seen)
    return 2.0 ** np.round(r), 2.0 ** np.round(c)


def _logs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log2 of the sizes of the entries, and which are more than rounding; zero elsewhere.

    Rounding is what is so beside the geometric mean of the largest of its row and its column.
    """
    sizes = np.abs(rows)
    along, down = sizes.max(axis=1, keepdims=True, initial=0), sizes.max(axis=0, initial=0)
    seen = sizes > FAINT * np.sqrt(along) * np.sqrt(down)
    return np.log2(sizes, out=np.zeros(sizes.shape), where=seen), seen


def _fit(logs: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the r and the shortest c of least squares in r_i + c_j = logs_ij where seen."""
    many, every = np.maximum(seen.sum(axis=1), 1), seen.sum(axis=0)
    mean = logs.sum(axis=1) / many
    normal = np.diag(every) - seen.T @ (seen / many[:, None])
    c = np.linalg.lstsq(normal, logs.sum(axis=0) - seen.T @ mean)[0]
    return mean - seen @ c / many, c


def alike(
    rows: np.ndarray, units: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows / units / steps, none of them rounded, its blur, and steps next to `columns`.

    The blur is for each entry the length of which rounding takes a part. It is that of the row. Of
    a feature that is small in its rows a rotation has taken more.
    """
    steps = nearest_power(columns)
    same = rows / units[:, None] / steps
    size = lengths(same)
    return same, np.clip(lengths(rows) / units[:, None] / steps, size, SMALLER * size), steps


def rank(rows: np.ndarray, blur: np.ndarray) -> int:
    """Return how many rows are `independent`; where singular values leave no doubt, these tell."""
    size = np.linalg.svd(rows / lengths(rows), compute_uv=False)
    if rows.size and size.min() > CLEAR * size.max():
        return min(rows.shape)
    return len(independent(rows, blur))


def independent(rows: np.ndarray, blur: np.ndarray) -> list[int]:
    """Return which rows are independent beyond their rounding, `blur` times `TURNED`.

    Gram-Schmidt on the row of which most is left, in extended precision: it adds no rounding.

    >>> rows = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-48]])
    >>> sorted(independent(rows, lengths(rows) * np.ones(2)))
    [0, 1]
    >>> independent(rows.round(9), lengths(rows) * np.ones(2))
    [0]
    """
    left = rows.astype(np.longdouble)
    lost = TURNED * np.linalg.norm(blur * rows.any(axis=0), axis=1)
    found: list[int] = []
    while len(found) < min(rows.shape):
        size = np.linalg.norm(left, axis=1)
        most = np.where(size > lost, size, 0.0) / lengths(rows)[:, 0]
        if not most.any():
            break
        found.append(int(most.argmax()))
        longest = left[found[-1]] / size[found[-1]]
        for _ in range(2):
            left = left - np.outer(left @ longest, longest)
    return found


def rounding(rows: np.ndarray) -> float:
    """Return how far rows of length one may be off their span by the rounding of a rotation."""
    return float(BLUR * np.finfo(float).eps * np.sqrt(max(rows.shape)))


def graded(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a basis of the span of the rows, as columns, and the rows in it: long rows first.

    Gram-Schmidt on the longest part that is left (Businger and Golub 1965). What is left of a row
    is zero where it is rounding of that row, so that a long one does not blur directions that
    only short ones see.

    >>> graded(np.array([[0.0, 2.0], [1e20, 1e20], [-3e19, -3e19]]))[1][:, 1].round(3).tolist()
    [1.414, 0.0, 0.0]
    """
    left, blur = rows.copy(), rounding(rows) * lengths(rows)[:, 0]
    basis, parts = np.empty((0, rows.shape[1])), []
    while True:
        left[np.linalg.norm(left, axis=1) <= blur] = 0.0
        size = np.linalg.norm(left, axis=1)
        if len(basis) == rows.shape[1] or not size.any():
            return basis.T, np.reshape(parts, (-1, len(rows))).T
        longest = left[size.argmax()] / size.max()
        # Once more: they are orthogonal to rounding.
        longest = longest - (longest @ basis.T) @ basis
        longest = longest / np.linalg.norm(longest)
        part = left @ longest
        left = left - np.outer(part, longest)
        basis, parts = np.vstack([basis, longest]), [*parts, part]
