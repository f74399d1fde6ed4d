"""Data sets built to break one hypothesis, or to show one mechanism."""

from __future__ import annotations

import numpy as np

from ibias._validate import finite_array, positive, positive_integer, require, shown
from ibias.datasets.classification import Dataset
from ibias.datasets.random import generator
from ibias.datasets.regression import Regression


def check_row(data: Dataset, row: int) -> None:
    """Refuse what is not the index of a sample."""
    require("data", data, Dataset)
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)):
        raise ValueError(f"row must be the number of a sample; got {shown(row)}")
    if row not in range(data.n_samples):
        raise ValueError(f"row must be a sample, 0 to {data.n_samples - 1}; got {shown(row)}.")


def duplicated(data: Dataset, row: int, copies: int) -> Dataset:
    """Return `data` with sample `row` present `copies` times, the new ones at the end.

    >>> pair = Dataset.from_signed([[1.0, 0.0], [0.0, 1.0]])
    >>> duplicated(pair, 1, 3).Z[:, 1]
    array([0., 1., 1., 1.])
    """
    check_row(data, row)
    rows = np.r_[np.arange(data.n_samples), np.full(positive_integer("copies", copies) - 1, row)]
    return Dataset(data.X[rows], data.y[rows])


def raised_copy(data: Dataset, row: int, *, distance: float, above: float = 0.0) -> Dataset:
    """Return `data` with one more sample: 1 + above times row `row`, raised along a new feature.

    The new feature is zero for all others, so that the new sample is at `distance` from their
    span. A copy of a support vector with above = 0 is degenerate: it lies on the margin, and its
    weight is zero in every dual solution, since only its sign could balance the new feature.

    Raises ValueError for bad input, by name.

    >>> raised_copy(Dataset.from_signed([[1.0], [2.0]]), 0, distance=3).Z
    array([[1., 0.],
           [2., 0.],
           [1., 3.]])
    """
    check_row(data, row)
    above = float(finite_array("above", above, ndim=0))
    raised = np.append((1 + above) * data.Z[row], positive("distance", distance))
    flat = np.column_stack([data.Z, np.zeros(data.n_samples)])
    return Dataset.from_signed(np.vstack([flat, raised]))


def opposing_points(seed: int = 0, n_samples: int = 6, height: float = 0.1) -> Dataset:
    """Return points z_i = (height, r_i) in the plane, with r_i of both signs, 0.2 < |r_i| < 1.

    The maximum margin is `height`, in the direction (1, 0), and every sample lies on it.
    Across that direction the samples pull against each other: with a large step the
    iterates swing to and fro. The data meet the conditions of Wu, Braverman and Lee (2023).

    Examples
    --------
    >>> Z = opposing_points(n_samples=4, height=0.1).Z
    >>> Z[:, 0], np.sign(Z[:, 1])
    (array([0.1, 0.1, 0.1, 0.1]), array([ 1., -1.,  1., -1.]))
    """
    n_samples = positive_integer("n_samples", n_samples)
    if n_samples < 2:
        raise ValueError("n_samples must be at least 2: one point on each side.")
    rng = generator(seed)
    across = rng.uniform(0.2, 1.0, n_samples) * np.where(np.arange(n_samples) % 2 == 0, 1, -1)
    return Dataset.from_signed(np.c_[np.full(n_samples, positive("height", height)), across])


def two_kinds_of_flat() -> Regression:
    """Return two equations in three unknowns, whose solutions are the line (1 - 2s, s, 1 + s).

    Fitted by w = u^2 - v^2, the Hessian at a solution has the least trace at (1, 0, 1) and the
    least largest eigenvalue at (2, -1/2, 1/2). From a small start gradient descent ends elsewhere.

    Examples
    --------
    >>> line = two_kinds_of_flat()
    >>> [(line.X @ [1 - 2 * s, s, 1 + s]).tolist() for s in (0, 3)]
    [[2.0, -2.0], [2.0, -2.0]]
    """
    return Regression([[1.0, 1.0, 1.0], [0.0, 2.0, -2.0]], [2.0, -2.0])
