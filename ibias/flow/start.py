"""Where a flow of weights starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array
from ibias.datasets import Dataset


def one_start(data: Dataset, start: ArrayLike | None) -> np.ndarray:
    """Return `start` as one weight vector, shape (n_features,); zero if it is None."""
    if start is None:
        return np.zeros(data.n_features)
    w = finite_array("start", start)
    if w.shape != (data.n_features,):
        raise ValueError(
            f"start has shape {w.shape}; give one weight vector of the {data.n_features} features."
        )
    return w


def refuse_rest(pull: np.ndarray) -> None:
    """Refuse a start where nothing pulls."""
    if not np.abs(pull).max(initial=0.0) > 0:
        raise ValueError(
            "start is a stationary point of the risk, or rounding hides that it is none: draw it at"
            " random, and larger."
        )
