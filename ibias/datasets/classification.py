"""Binary classification data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import from_zero, positive_integer, read_only, shown
from ibias._validate import positive as positive_number
from ibias.datasets.random import generator
from ibias.datasets.tables import feature_names, inputs, same_index, sides, signs


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs with labels +1 and -1; both classes present.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
        The inputs, one row a sample. A table of pandas or polars keeps the names of its columns;
        a sparse matrix of up to 20 million entries is written out.
    y : array, shape (n_samples,)
        The labels, each +1 or -1; or two labels of any kind (0 and 1, bool, text) and `positive`.
    positive : label, optional
        The one of the two labels that becomes +1.

    Attributes
    ----------
    labels : tuple
        The two labels as they were given, the one of -1 first.
    feature_names : tuple of str, or None
        The names of the columns of a table.

    Raises
    ------
    ValueError
        For NaN or infinite values, labels other than +-1 without `positive`, more than two
        labels, shapes that do not match, no samples, or a single class.

    Examples
    --------
    >>> data = Dataset([[1.0, 2.0], [-1.0, 0.5]], [1, -1])
    >>> data.Z
    array([[ 1. ,  2. ],
           [ 1. , -0.5]])
    >>> data = Dataset([[1.0, 2.0], [-1.0, 0.5]], ["yes", "no"], positive="yes")
    >>> data.y, data.labels
    (array([ 1., -1.]), ('no', 'yes'))
    """

    X: np.ndarray
    y: np.ndarray
    labels: tuple
    feature_names: tuple[str, ...] | None

    def __init__(self, X: ArrayLike, y: ArrayLike, *, positive: Any = None) -> None:
        same_index(X, y)
        names, X = feature_names(X), inputs("X", X)
        if positive is None:
            y, labels = signs("y", y, remedy="Dataset(X, y, positive={last})"), (-1, 1)
        else:
            y, labels = sides("y", y, positive)
        if y.shape[0] != X.shape[0]:
            raise ValueError(
                f"X has {X.shape[0]} rows but y has {y.shape[0]} labels; give one label a row."
            )
        if np.unique(y).size == 1:
            only = f"{y[0]:+.0f}" if positive is None else shown(positive)
            raise ValueError(
                f"y holds one class only (all {only}); a classifier needs both. For a margin"
                " problem without classes use Dataset.one_class(X)."
            )
        self._set(X, y, labels, names)

    def _set(self, X: np.ndarray, y: np.ndarray, labels: tuple, names: tuple | None) -> None:
        """Fill the fields, which are frozen afterwards."""
        object.__setattr__(self, "X", read_only(X))
        object.__setattr__(self, "y", read_only(y))
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "feature_names", names)

    def __repr__(self) -> str:
        return f"Dataset({self.n_samples} samples, {self.n_features} features)"

    @classmethod
    def from_signed(cls, Z: ArrayLike) -> Dataset:
        """Return the data set whose signed inputs are `Z`, shape (n_samples, n_features).

        Only Z enters the theory. Labels alternate, so that both classes are present; a single
        row is labelled +1.
        """
        Z = inputs("Z", Z)
        if len(Z) == 1:
            return cls.one_class(Z)
        y = np.where(np.arange(len(Z)) % 2 == 0, 1.0, -1.0)
        return cls(y[:, None] * Z, y)

    def with_constant(self, value: float = 1.0) -> Dataset:
        """Return the data set with a constant feature appended, which turns a bias into a weight.

        >>> Dataset([[2.0], [3.0]], [1, -1]).with_constant().X
        array([[2., 1.],
               [3., 1.]])
        """
        value = positive_number("value", value)
        data = Dataset.__new__(Dataset)
        names = (*self.feature_names, "constant") if self.feature_names else None
        X = np.column_stack([self.X, np.full(self.n_samples, value)])
        data._set(X, self.y, self.labels, names)
        return data

    @classmethod
    def one_class(cls, X: ArrayLike) -> Dataset:
        """Return the data set of the inputs `X`, all labelled +1.

        It poses a margin problem (all outputs positive) and no classification.
        """
        data = cls.__new__(cls)
        rows = inputs("X", X)
        data._set(rows, np.ones(len(rows)), (-1, 1), feature_names(X))
        return data

    @cached_property
    def Z(self) -> np.ndarray:
        """The signed inputs y_i x_i, shape (n_samples, n_features)."""
        return read_only(self.y[:, None] * self.X)

    @property
    def n_samples(self) -> int:
        """The number of samples n."""
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        """The number of features d."""
        return self.X.shape[1]


def separable(
    seed: int = 0, n_samples: int = 40, n_features: int = 5, shift: float = 0.5
) -> Dataset:
    """Return Gaussian inputs labelled by a random direction, the classes moved apart.

    x ~ N(0, I), y = sign(x.u) for a random unit vector u, and then x + shift * y * u, so
    that the margin is at least `shift`. There is no bias.

    Examples
    --------
    >>> data = separable(seed=1, n_samples=20, n_features=3)
    >>> data, sorted(set(data.y.tolist()))
    (Dataset(20 samples, 3 features), [-1.0, 1.0])
    """
    n_samples = positive_integer("n_samples", n_samples)
    n_features = positive_integer("n_features", n_features)
    shift = from_zero("shift", shift)
    if n_samples < 2:
        raise ValueError("n_samples must be at least 2, one of each class; raise it.")
    rng = generator(seed)
    teacher = rng.standard_normal(n_features)
    teacher /= np.linalg.norm(teacher)
    X = rng.standard_normal((n_samples, n_features))
    y = np.where(X @ teacher >= 0, 1.0, -1.0)
    if np.unique(y).size == 1:
        y[0] = -y[-1]
    X += (y * (np.abs(X @ teacher) + shift) - X @ teacher)[:, None] * teacher
    return Dataset(X, y)


def symmetric_pair() -> Dataset:
    """Return five points in the plane with support vectors (1/2, 3/2) and (3/2, 1/2).

    The maximum margin is sqrt(2), in the direction (1, 1). The two support vectors are
    mirror images: their dual variables are equal, and the leading term of every rate
    vanishes. Good for a picture, useless for measuring a rate.

    Examples
    --------
    >>> symmetric_pair().Z[:2]
    array([[0.5, 1.5],
           [1.5, 0.5]])
    """
    Z = [[0.5, 1.5], [1.5, 0.5], [2.5, 1.0], [1.0, 2.5], [2.0, 2.0]]
    return Dataset.from_signed(Z)


def degenerate_pair() -> Dataset:
    """Return Z = {(1, 0), (1, 1)}: the second point is on the margin with dual variable 0.

    The smallest data set on which the residual is not bounded (Soudry et al. 2018, the
    measure-zero case of Theorem 3): it grows like log log t.

    Examples
    --------
    >>> degenerate_pair().Z
    array([[1., 0.],
           [1., 1.]])
    """
    return Dataset.from_signed([[1.0, 0.0], [1.0, 1.0]])
