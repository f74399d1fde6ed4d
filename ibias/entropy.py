"""Entropies of weights that sum to one: how many samples they amount to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from ibias._validate import finite_array


def _convex(weights: ArrayLike) -> np.ndarray:
    """Return `weights` as an array; refuse what is not a convex combination."""
    p = finite_array("weights", weights)
    if p.ndim == 0 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError(
            "weights must be at least 0 and sum to 1 over the last axis; divide by their sum."
        )
    return p


def shannon_entropy(weights: ArrayLike) -> np.ndarray:
    """Return H(mu) = -sum_i mu_i log mu_i over the last axis.

    exp(H) is the effective number of samples: n for equal weights, 1 for a single one.

    Raises ValueError unless the weights are convex.

    >>> float(np.exp(shannon_entropy([0.25, 0.25, 0.25, 0.25, 0.0])).round(12))
    4.0
    """
    return entr(_convex(weights)).sum(axis=-1)


def min_entropy(weights: ArrayLike) -> np.ndarray:
    """Return H_inf(mu) = -log max_i mu_i over the last axis; never above `shannon_entropy`.

    Raises ValueError unless the weights are convex.

    >>> float(np.exp(min_entropy([0.5, 0.25, 0.25])).round(12))
    2.0
    """
    return -np.log(_convex(weights).max(axis=-1))
