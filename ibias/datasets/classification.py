"""Binary classification data."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, from_zero, positive, positive_integer, read_only
from ibias.datasets.random import generator


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs with labels +1 and -1; both classes present.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
        The inputs, one row a sample.
    y : array, shape (n_samples,)
        The labels, each +1 or -1.

    Raises
    ------
    ValueError
        For NaN or infinite values, labels other than +-1, shapes that do not match, no
        samples, or a single class.

    Examples
    --------
    >>> data = Dataset([[1.0, 2.0], [-1.0, 0.5]], [1, -1])
    >>> data.Z
    array([[ 1. ,  2. ],
           [ 1. , -0.5]])
    """

    X: np.ndarray
    y: np.ndarray

    def __init__(self, X: ArrayLike, y: ArrayLike) -> None:
        same_index(X, y)
        X = inputs("X", X)
        y = signs("y", y)
        if y.shape[0] != X.shape[0]:
            raise ValueError(
                f"X has {X.shape[0]} rows but y has {y.shape[0]} labels; give one label a row."
            )
        if np.unique(y).size == 1:
            raise ValueError(
                f"y holds one class only (all {y[0]:+.0f}); a classifier needs both. For a margin"
                " problem without classes use Dataset.one_class(X)."
            )
        object.__setattr__(self, "X", read_only(X))
        object.__setattr__(self, "y", read_only(y))

    @classmethod
    def from_signed(cls, Z: ArrayLike) -> "Dataset":
        """Return the data set whose signed inputs are `Z`, shape (n_samples, n_features).

        Only Z enters the theory. Labels alternate, so that both classes are present; a single
        row is labelled +1.
        """
        Z = inputs("Z", Z)
        if len(Z) == 1:
            return cls.one_class(Z)
        y = np.where(np.arange(len(Z)) % 2 == 0, 1.0, -1.0)
        return cls(y[:, None] * Z, y)

    def with_constant(self, value: float = 1.0) -> "Dataset":
        """Return the data set with a constant feature appended, which turns a bias into a weight.

        >>> Dataset([[2.0], [3.0]], [1, -1]).with_constant().X
        array([[2., 1.],
               [3., 1.]])
        """
        value = positive("value", value)
        return Dataset(np.column_stack([self.X, np.full(self.n_samples, value)]), self.y)

    @classmethod
    def one_class(cls, X: ArrayLike) -> "Dataset":
        """Return the data set of the inputs `X`, all labelled +1.

        It poses a margin problem (all outputs positive) and no classification.
        """
        data = cls.__new__(cls)
        object.__setattr__(data, "X", read_only(inputs("X", X)))
        object.__setattr__(data, "y", read_only(np.ones(len(data.X))))
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


def inputs(name: str, X: ArrayLike) -> np.ndarray:
    """Return `X` as a matrix with at least one row and one column."""
    X = finite_array(name, X, ndim=2)
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise ValueError(f"{name} has shape {X.shape}: give at least one sample and one feature.")
    return X


def signs(name: str, y: ArrayLike) -> np.ndarray:
    """Return the labels `y` as +1.0 and -1.0; for other labels say how to turn them into these."""
    given = np.asarray(y) if not hasattr(y, "toarray") else y
    if (
        getattr(given, "dtype", None) is not None
        and given.dtype.kind in "OUSTb"
        and given.ndim == 1
    ):
        labels = sorted(set(given.tolist()), key=str)
        if (labels and not all(isinstance(label, (int, float)) for label in labels[:9])) or (
            given.dtype.kind == "b"
        ):
            raise ValueError(_other_labels(name, labels))
    y = finite_array(name, y, ndim=1)
    labels = np.unique(y)
    if not np.isin(labels, (-1.0, 1.0)).all():
        raise ValueError(_other_labels(name, labels.tolist()))
    return y


def _other_labels(name: str, labels: list) -> str:
    """Return the message for labels that are not +1 and -1."""
    few = ", ".join(repr(label)[:20] for label in labels[:3]) + (", ..." if len(labels) > 3 else "")
    remedy = (
        f"numpy.where({name} == {labels[-1]!r}, 1, -1) makes two classes of them"
        if len(labels) < 3 and len(repr(labels[-1])) < 60
        else "for several classes use MulticlassDataset"
    )
    return f"{name} must hold labels +1 and -1 only; got {few}. {remedy}."


def same_index(X: ArrayLike, y: ArrayLike) -> None:
    """Refuse tables whose rows are named, and named in another order than the labels."""
    if not (hasattr(X, "iloc") and hasattr(y, "iloc")) or len(X) != len(y):
        return
    if not X.index.equals(y.index):
        raise ValueError(
            "y has another index than X: their rows do not belong together. Give y.loc[X.index],"
            " or y.to_numpy() to go by position."
        )


def separable(
    seed: int = 0, n_samples: int = 40, n_features: int = 5, shift: float = 0.5
) -> Dataset:
    """Return Gaussian inputs labelled by a random direction, the classes moved apart.

    x ~ N(0, I), y = sign(x.u) for a random unit vector u, and then x + shift * y * u, so
    that the margin is at least `shift`. There is no bias.
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
    """
    Z = [[0.5, 1.5], [1.5, 0.5], [2.5, 1.0], [1.0, 2.5], [2.0, 2.0]]
    return Dataset.from_signed(Z)


def degenerate_pair() -> Dataset:
    """Return Z = {(1, 0), (1, 1)}: the second point is on the margin with dual variable 0.

    The smallest data set on which the residual is not bounded (Soudry et al. 2018, the
    measure-zero case of Theorem 3): it grows like log log t.
    """
    return Dataset.from_signed([[1.0, 0.0], [1.0, 1.0]])
