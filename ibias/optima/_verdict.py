"""What a separation means for a maximum-likelihood estimate, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ibias.optima.separability import Separation

SHOWN = 6  # samples, coefficients or weights that are listed
PENALISE = (
    "For finite estimates penalise the likelihood: Firth's penalty (logistf or brglm2 in R,"
    " firthmodels in Python) has nothing to tune, a ridge (optima.ridge_path) has its strength."
)
ORIGIN = "Hyperplanes go through the origin; data.with_constant() appends an intercept."
RISES = "The likelihood has no maximum: it rises for ever along the weights"


def in_words(split: Separation) -> str:
    """Return what is separated, which estimates exist, and where to go for the others."""
    n, k = len(split.Z), split.separable.size
    if split.kind == "separable":
        head = f"separable: a hyperplane has all of the {n} samples on their sides."
    elif split.kind == "quasi-separable":
        head = (
            f"quasi-separable: a hyperplane has {counted('sample', split.separable)} on the right"
            f" side and the other {n - k} on it; none is on the wrong side, and no hyperplane does"
            " better."
        )
    else:
        head = f"overlapping: no hyperplane has some of the {n} samples right and none wrong."
    lines = [head]
    if split.kind == "overlapping":
        lines.append("The likelihood has a maximum.")
    else:
        lines.append(f"{RISES} {weights(split)}.")
    lines += coefficients(split)
    if split.kind != "overlapping":
        lines.append(PENALISE)
    return "\n".join([*lines, ORIGIN])


def coefficients(split: Separation) -> list[str]:
    """Return which coefficients have a finite estimate, which have none, which are free."""
    lines = []
    for features, verdict in (
        (split.finite, "A finite estimate, and one only, exists for"),
        (split.infinite, "No finite estimate exists for"),
        (split.undetermined, "Columns of X are linearly dependent or zero, which leaves open"),
    ):
        if features.size:
            lines.append(f"{verdict} {named(split, features)}.")
    return lines


def counted(what: str, items: np.ndarray) -> str:
    """Return how many items there are, and which.

    >>> counted("sample", np.array([3])), counted("sample", np.arange(8))
    ('1 sample (3)', '8 samples (0, 1, 2, 3, 4, 5 and 2 more)')
    """
    return f"{len(items)} {what}{'s' * (len(items) > 1)} ({listed(items)})"


def named(split: Separation, features: Iterable[int]) -> str:
    """Return features by their names, or numbers."""
    if len(features) == split.Z.shape[1] > 1:
        return "all features"
    if split.feature_names is not None:
        return listed([repr(split.feature_names[j]) for j in features])
    return f"feature{'s' * (len(features) > 1)} {listed(features)}"


def weights(split: Separation) -> str:
    """Return the largest weights of w, in units of the largest."""
    w = split.w / np.abs(split.w).max()
    largest = np.sort(np.argsort(-np.abs(w), kind="stable")[:SHOWN])
    shown = [f"{w[j]:.3g} on {named(split, [j])}" for j in largest if w[j]]
    rest = np.count_nonzero(w) - len(shown)
    return ", ".join(shown) + (f", and {rest} smaller ones" if rest else "")


def listed(items: Iterable) -> str:
    """Return the first items, and how many more there are."""
    items = list(items)
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(str(item) for item in items[:SHOWN]) + more
