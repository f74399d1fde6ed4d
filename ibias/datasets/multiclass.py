"""Classification data with more than two classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    from_zero,
    positive_integer,
    read_only,
)
from ibias.datasets.random import generator
from ibias.datasets.tables import feature_names, inputs, numbered, same_index


@dataclass(frozen=True, eq=False)
class MulticlassDataset:
    """Inputs with labels 0, 1, ..., n_classes - 1; every class present.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
        The inputs, one row a sample. A table of pandas or polars keeps the names of its columns;
        a sparse matrix of up to 20 million entries is written out.
    y : array of int, shape (n_samples,)
        The labels; or labels of any kind, and `classes`.
    classes : sequence, optional
        The labels in order: ``classes[r]`` becomes r. All of them occur, and no others.

    Attributes
    ----------
    classes : tuple
        The labels as they were given.
    feature_names : tuple of str, or None
        The names of the columns of a table.

    Raises
    ------
    ValueError
        For NaN or infinite values, labels that skip a number or are not in `classes`, or shapes
        that do not match.

    Examples
    --------
    >>> MulticlassDataset([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0, 1, 2]).n_classes
    3
    >>> MulticlassDataset([[1.0], [2.0]], ["old", "new"], classes=("new", "old")).y
    array([1, 0])
    """

    X: np.ndarray
    y: np.ndarray
    classes: tuple
    feature_names: tuple[str, ...] | None

    def __init__(self, X: ArrayLike, y: ArrayLike, *, classes: Sequence | None = None) -> None:
        same_index(X, y)
        names, X = feature_names(X), inputs("X", X)
        y, classes = numbered("y", y, classes)
        if y.shape[0] != X.shape[0]:
            raise ValueError(
                f"X has {X.shape[0]} rows but y has {y.shape[0]} labels; give one label a row."
            )
        object.__setattr__(self, "X", read_only(X))
        object.__setattr__(self, "y", read_only(y))
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "feature_names", names)

    def __repr__(self) -> str:
        return (
            f"MulticlassDataset({self.n_samples} samples, {self.n_features} features,"
            f" {self.n_classes} classes)"
        )

    @property
    def n_samples(self) -> int:
        """The number of samples n."""
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        """The number of features d."""
        return self.X.shape[1]

    @property
    def n_classes(self) -> int:
        """The number of classes K."""
        return int(self.y.max()) + 1

    @cached_property
    def pairs(self) -> np.ndarray:
        """All (sample, wrong class), shape (n_samples * (n_classes - 1), 2)."""
        wrong = self.y[:, None] != np.arange(self.n_classes)
        return read_only(np.argwhere(wrong))

    @cached_property
    def Z(self) -> np.ndarray:
        """One signed input for each pair, shape (n_pairs, n_classes * n_features).

        For a pair (i, r), <z, W.ravel()> = <w_{y_i} - w_r, x_i>: the problem with K classes is
        a binary one without bias (Kesler's construction).
        """
        sample, wrong = self.pairs.T
        identity = np.eye(self.n_classes)
        sides = identity[self.y[sample]] - identity[wrong]
        rows = sides[:, :, None] * self.X[sample][:, None, :]
        return read_only(rows.reshape(len(rows), -1))


def separable_classes(
    seed: int = 0,
    n_samples: int = 30,
    n_features: int = 4,
    n_classes: int = 3,
    shift: float = 0.5,
) -> MulticlassDataset:
    """Return Gaussian inputs labelled by the largest of <u_r, x>, and then moved by shift * u_y.

    The teachers u_r are random unit vectors. The first `n_classes` inputs lie along them, so
    that every class is present.

    Examples
    --------
    >>> data = separable_classes(seed=0, n_samples=12, n_classes=4)
    >>> data.X.shape, sorted(set(data.y.tolist()))
    ((12, 4), [0, 1, 2, 3])
    """
    n_samples = positive_integer("n_samples", n_samples)
    n_features = positive_integer("n_features", n_features)
    n_classes = positive_integer("n_classes", n_classes)
    shift = from_zero("shift", shift)
    if not 2 <= n_classes <= n_samples:
        raise ValueError(f"n_classes={n_classes} must be from 2 to n_samples={n_samples}.")
    rng = generator(seed)
    teachers = rng.standard_normal((n_classes, n_features))
    teachers /= np.linalg.norm(teachers, axis=1, keepdims=True)
    X = rng.standard_normal((n_samples, n_features))
    X[:n_classes] = np.linalg.norm(X[:n_classes], axis=1, keepdims=True) * teachers
    y = (X @ teachers.T).argmax(axis=1)
    return MulticlassDataset(X + shift * teachers[y], y)
