"""Regression data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    finite_array,
    from_zero,
    one_by_one,
    positive,
    positive_integer,
    read_only,
    shown,
    squares,
)
from ibias.datasets.random import generator
from ibias.datasets.tables import feature_names, inputs, same_index


@dataclass(frozen=True, eq=False)
class Regression:
    """Inputs with real targets.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
        The inputs, one row a sample. A table of pandas or polars keeps the names of its columns;
        a sparse matrix of up to 20 million entries is written out.
    y : array, shape (n_samples,)
        The targets.
    teacher : array, shape (n_features,), optional
        The weights that made the targets, where they are known.

    Attributes
    ----------
    feature_names : tuple of str, or None
        The names of the columns of a table.

    Raises
    ------
    ValueError
        For NaN or infinite values, shapes that do not match, or no samples.

    Examples
    --------
    >>> Regression([[1.0, 2.0]], [5.0]).n_features
    2
    """

    X: np.ndarray
    y: np.ndarray
    teacher: np.ndarray | None
    feature_names: tuple[str, ...] | None

    def __init__(self, X: ArrayLike, y: ArrayLike, teacher: ArrayLike | None = None) -> None:
        same_index(X, y)
        names, X = feature_names(X), inputs("X", X)
        y = squares("y", finite_array("y", y, ndim=1))
        if y.shape[0] != X.shape[0]:
            raise ValueError(
                f"X has {X.shape[0]} rows but y has {y.shape[0]} targets; give one target a row."
            )
        if teacher is not None:
            teacher = read_only(finite_array("teacher", teacher, ndim=1))
            if teacher.shape[0] != X.shape[1]:
                raise ValueError(
                    f"teacher has {teacher.shape[0]} entries but X has {X.shape[1]} columns;"
                    " give one weight a feature."
                )
        object.__setattr__(self, "X", read_only(X))
        object.__setattr__(self, "y", read_only(y))
        object.__setattr__(self, "teacher", teacher)
        object.__setattr__(self, "feature_names", names)

    def __repr__(self) -> str:
        return f"Regression({self.n_samples} samples, {self.n_features} features)"

    @property
    def n_samples(self) -> int:
        """The number of samples n."""
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        """The number of features d."""
        return self.X.shape[1]


def gaussian_regression(
    seed: int = 0,
    n_samples: int = 10,
    n_features: int = 30,
    *,
    n_nonzero: int | None = None,
    noise: float = 0.0,
    sizes: tuple[float, float] | None = None,
) -> Regression:
    """Return inputs x ~ N(0, I) with targets <x, teacher> + noise * N(0, 1).

    With `sizes`, two positive numbers, each input is multiplied by its own size, drawn uniformly
    between them; the targets are those of the inputs so multiplied.

    The teacher is Gaussian with `n_nonzero` entries that are not zero (all, if not given),
    at the first places, and scaled to norm one.

    Examples
    --------
    >>> data = gaussian_regression(seed=0, n_samples=4, n_features=6, n_nonzero=2)
    >>> data, bool(np.allclose(data.X @ data.teacher, data.y)), int((data.teacher != 0).sum())
    (Regression(4 samples, 6 features), True, 2)
    """
    n_samples = positive_integer("n_samples", n_samples)
    n_features = positive_integer("n_features", n_features)
    n_nonzero = positive_integer("n_nonzero", n_features if n_nonzero is None else n_nonzero)
    if n_nonzero > n_features:
        raise ValueError(f"n_nonzero={n_nonzero} is more than n_features={n_features}; lower it.")
    noise = from_zero("noise", noise)
    rng = generator(seed)
    teacher = np.zeros(n_features)
    teacher[:n_nonzero] = rng.standard_normal(n_nonzero)
    teacher /= np.linalg.norm(teacher)
    X = rng.standard_normal((n_samples, n_features))
    if sizes is not None:
        sizes = [positive("sizes", size) for size in one_by_one("sizes", sizes)]
        if len(sizes) != 2 or sizes[0] > sizes[1]:
            raise ValueError(
                f"sizes must be the smallest and the largest, such as (0.5, 2); got {shown(sizes)}"
            )
        low, high = sizes
        X = X * rng.uniform(low, high, n_features)
    return Regression(X, X @ teacher + noise * rng.standard_normal(n_samples), teacher)
