"""What people bring, turned into arrays: tables, sparse matrices, labels of any kind.

Tables of pandas and polars are known by what they can do (`to_numpy`, `columns`), so that
neither library is loaded.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, is_masked, is_missing, one_by_one, shown, squares

DENSE = 20_000_000  # entries of a sparse matrix that is written out: 160 megabytes


def inputs(name: str, X: ArrayLike) -> np.ndarray:
    """Return `X` as a matrix with at least one row and one column; sparse ones are written out."""
    if hasattr(X, "toarray"):
        X = _written_out(name, X)
    elif hasattr(X, "to_numpy") and hasattr(X, "columns"):
        X = _values(name, X)
    elif hasattr(X, "__dataframe__") and not hasattr(X, "__array__"):
        raise ValueError(f"{name} is a {type(X).__name__}; give it as a pandas or polars table.")
    X = squares(name, finite_array(name, X, ndim=2))
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise ValueError(f"{name} has shape {X.shape}: give at least one sample and one feature.")
    return X


def feature_names(X: ArrayLike) -> tuple[str, ...] | None:
    """Return the names of the columns of a table, if all are text; else None.

    >>> feature_names([[1.0, 2.0]]) is None
    True
    """
    names = tuple(getattr(X, "columns", ()))
    return names if names and all(isinstance(name, str) for name in names) else None


def _written_out(name: str, X: Any) -> np.ndarray:
    """Return a sparse matrix as an array, unless it is too large."""
    size = int(np.prod([int(n) for n in X.shape], dtype=object))
    if size > DENSE:
        raise ValueError(
            f"{name} is a sparse matrix of shape {tuple(X.shape)}; up to {DENSE:,} entries are"
            f" written out, and it has {size:,}. Take fewer rows or columns, for instance the"
            f" {max(1, DENSE // max(1, int(X.shape[0])))} that occur most often."
        )
    return X.toarray()


def _values(name: str, table: Any) -> np.ndarray:
    """Return the values of a table; say which of its columns hold no numbers."""
    values = np.asarray(table.to_numpy())
    if values.dtype.kind in "biuf" or values.ndim != 2:
        return values
    wrong, missing = [], []
    for label, column in zip(table.columns, values.T, strict=True):
        present = [entry for entry in column if not is_missing(entry)]
        try:
            finite_array(name, present)
        except ValueError:
            wrong.append(label)
        else:
            missing += [label] if len(present) < len(column) else []
    if wrong:
        drop = "drop(columns=" if hasattr(table, "iloc") else "drop("
        raise ValueError(
            f"{name}: {_columns(wrong)} what is no real number. Encode or drop:"
            f" {name}.{drop}{shown(wrong)})."
        )
    if missing:
        raise ValueError(f"{name}: {_columns(missing)} missing values; drop or impute them first.")
    return values


def _columns(labels: list) -> str:
    """Return the columns in words, and the verb."""
    few = ", ".join(shown(label) for label in labels[:3]) + (", ..." if len(labels) > 3 else "")
    return f"column {few} holds" if len(labels) == 1 else f"columns {few} hold"


def entries(name: str, y: ArrayLike) -> np.ndarray:
    """Return labels as an array of Python objects, shape (n_samples,), none of them missing."""
    if is_masked(y) or hasattr(y, "toarray"):
        return finite_array(name, y)  # which refuses both
    try:
        labels = np.array(y.to_numpy() if hasattr(y, "to_numpy") else y, dtype=object)
    except ValueError as error:
        raise ValueError(
            f"{name} holds rows of different lengths; give one label a sample, of one axis."
        ) from error
    except Exception as error:  # whatever an object raises that is asked for its entries
        raise ValueError(
            f"{name} must have 1 axes, one label a sample; got {shown(y)}. Convert it first."
        ) from error
    if y is None or labels.ndim != 1:
        raise ValueError(
            f"{name} must have 1 axes, one label a sample; got"
            f" {shown(y) if labels.ndim == 0 else f'shape {labels.shape}'}. Reshape it first."
        )
    missing = sum(map(is_missing, labels))
    if missing:
        raise ValueError(f"{name} holds {missing} NaN or missing labels; drop these samples first.")
    strange = [label for label in labels if not isinstance(label, (str, bytes, Real, np.bool_))]
    if strange:
        raise ValueError(
            f"{name} must hold numbers, bool or text as labels; got {shown(strange[0])}."
            f" [str(label) for label in {name}] makes text of them."
        )
    return labels


def distinct(labels: np.ndarray) -> list:
    """Return the different labels in order: numbers by size, text by the alphabet."""
    found = {getattr(label, "item", lambda label=label: label)() for label in labels}
    return sorted(found, key=lambda label: (isinstance(label, str), str(type(label)), label))


def few(labels: list) -> str:
    """Return the first labels as a message shows them."""
    return ", ".join(repr(label)[:30] for label in labels[:4]) + (", ..." if labels[4:] else "")


def signs(
    name: str, y: ArrayLike, remedy: str = "numpy.where({name} == {last}, 1, -1)"
) -> np.ndarray:
    """Return the labels `y` as +1.0 and -1.0; for other labels say how to turn them into these."""
    plain = type(y) is np.ndarray and y.dtype.kind in "if" and y.ndim == 1
    if plain and np.isin(y, (-1, 1)).all():
        return y.astype(float)
    labels = entries(name, y)
    found = distinct(labels)
    if not all(type(label) is not bool and label in (-1, 1) for label in found):
        how = (
            remedy.format(name=name, last=shown(found[-1])) + " makes two classes of them"
            if len(found) < 3
            else "For several classes use MulticlassDataset"
        )
        raise ValueError(f"{name} must hold labels +1 and -1 only; got {few(found)}. {how}.")
    return labels.astype(float)


def sides(name: str, y: ArrayLike, positive: Any) -> tuple[np.ndarray, tuple]:
    """Return +1.0 where the label is `positive` and -1.0 elsewhere, and (other, positive)."""
    labels = entries(name, y)
    found = distinct(labels)
    if not _is_one_of(positive, found):
        raise ValueError(
            f"positive={shown(positive)} is none of the labels of {name}, which are {few(found)}."
            " Choose one of them."
        )
    if len(found) > 2:
        raise ValueError(
            f"{name} holds {len(found)} different labels, {few(found)}: positive= names one of two."
            f" To set one against all others, give {name} == {shown(positive)} and positive=True;"
            " for several classes use MulticlassDataset."
        )
    others = [label for label in found if label != positive]
    own = found[found.index(positive)]
    y = np.array([1.0 if label == positive else -1.0 for label in labels])
    return y, (*others, own)


def _is_one_of(label: Any, found: list) -> bool:
    """Say whether a label is one of those found; what cannot be compared is none."""
    try:
        return isinstance(label, Hashable) and label in found
    except (TypeError, ValueError):
        return False


def numbered(name: str, y: ArrayLike, classes: Sequence | None) -> tuple[np.ndarray, tuple]:
    """Return the labels as their places in `classes`, and the classes; all of them occur."""
    labels = entries(name, y)
    found = distinct(labels)
    if classes is None:
        if len(found) < 2 or found != list(range(len(found))) or isinstance(found[0], bool):
            raise ValueError(
                f"{name} must hold labels 0, 1, ..., K - 1, each at least once and K at least 2;"
                f" got {few(found)}. For other labels name them in order, as in"
                f" classes={shown(tuple(found))}."
            )
        return labels.astype(int), tuple(range(len(found)))
    order = one_by_one("classes", classes)
    known = all(_is_one_of(label, found) for label in order)  # and can be put into a set
    if not known or len(order) < 2 or len(set(order)) < len(order) or set(order) != set(found):
        raise ValueError(
            f"classes={shown(classes)} must hold each label of {name} once, and two at least: they"
            f" are {few(found)}. numpy.unique({name}) lists them."
        )
    place = {label: r for r, label in enumerate(order)}
    return np.array([place[label] for label in labels]), tuple(order)


def same_index(X: ArrayLike, y: ArrayLike) -> None:
    """Refuse tables whose rows are named, and named in another order than the labels."""
    if not (hasattr(X, "iloc") and hasattr(y, "iloc")) or len(X) != len(y):
        return
    if not X.index.equals(y.index):
        raise ValueError(
            "y has another index than X: their rows do not belong together. Give y.loc[X.index],"
            " or y.to_numpy() to go by position."
        )
