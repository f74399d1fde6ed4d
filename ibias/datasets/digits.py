"""Handwritten digits, 8x8 pixels: 1797 images by 13 people.

The table is the test part of the UCI data set "Optical Recognition of Handwritten Digits" by
E. Alpaydin and C. Kaynak (1998), https://doi.org/10.24432/C50P49, licence CC BY 4.0: the same
values in the same order as in scikit-learn's `load_digits`, stored as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from ibias._validate import choice, one_by_one, positive_integer
from ibias.datasets.classification import Dataset
from ibias.datasets.multiclass import MulticlassDataset

BRIGHTEST = 16  # a pixel counts the black dots of a 4x4 block


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels in [0, 1], shape (1797, 64), and the digits, shape (1797,)."""
    with (
        files("ibias").joinpath("data/digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        return stored["images"] / BRIGHTEST, stored["labels"].astype(int)


def _digit(name: str, value: int) -> int:
    """Return `value` as one of the ten digits."""
    return int(choice(name, value, range(10)))


def digits(positive: int = 3, negative: int = 8) -> Dataset:
    """Return two classes of the 8x8 handwritten digits, pixels in [0, 1], 64 features.

    There are 1797 images in all, 174 to 183 of each digit.

    Examples
    --------
    >>> data = digits(3, 8)
    >>> data.X.shape, int((data.y > 0).sum())
    ((357, 64), 183)
    """
    positive, negative = _digit("positive", positive), _digit("negative", negative)
    if positive == negative:
        raise ValueError("positive and negative must be two different digits; change one.")
    images, labels = _table()
    rows = np.isin(labels, (positive, negative))
    return Dataset(images[rows], np.where(labels[rows] == positive, 1.0, -1.0))


def digit_classes(classes: Sequence[int] = (0, 1, 2), per_class: int = 50) -> MulticlassDataset:
    """Return the first `per_class` images of several 8x8 digits, pixels in [0, 1], 64 features.

    Label r stands for the digit ``classes[r]``.

    Examples
    --------
    >>> data = digit_classes((4, 7), per_class=2)
    >>> data.X.shape, data.y
    ((4, 64), array([0, 0, 1, 1]))
    """
    classes = [_digit("classes", digit) for digit in one_by_one("classes", classes)]
    if len(set(classes)) < max(len(classes), 2):
        raise ValueError(f"classes must be two or more different digits, 0 to 9; got {classes}")
    per_class = positive_integer("per_class", per_class)
    images, labels = _table()
    rows = [np.flatnonzero(labels == digit)[:per_class] for digit in classes]
    own = np.repeat(np.arange(len(classes)), [len(r) for r in rows])
    return MulticlassDataset(images[np.concatenate(rows)], own)
