"""Functions of the singular values of a matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from ibias._validate import finite_array


def singular_values(W: ArrayLike) -> np.ndarray:
    """Return the singular values of W, largest first, shape (..., min(n_rows, n_columns)).

    Examples
    --------
    >>> singular_values([[0.0, 2.0], [3.0, 0.0]])
    array([3., 2.])
    """
    W = finite_array("W", W)
    if W.ndim < 2:
        raise ValueError(f"W must be a matrix or a stack of them; got shape {W.shape}. Reshape it.")
    return np.linalg.svd(W, compute_uv=False)


def nuclear_norm(W: ArrayLike) -> np.ndarray:
    """Return ||W||_*, the sum of the singular values, shape (...).

    Examples
    --------
    >>> float(nuclear_norm([[0.0, 2.0], [3.0, 0.0]]))
    5.0
    """
    return singular_values(W).sum(axis=-1)


def effective_rank(W: ArrayLike) -> np.ndarray:
    """Return exp(H(mu)) with mu = sigma / sum(sigma) and H the Shannon entropy, shape (...).

    A continuous count of the singular values (Roy and Vetterli 2007): k equal ones give k,
    and it tends to 1 as all but the largest vanish.

    Raises
    ------
    ValueError
        For the zero matrix, which has no such p.

    >>> round(float(effective_rank(np.diag([2.0, 2.0, 0.0]))), 12)
    2.0
    """
    s = singular_values(W)
    total = s.sum(axis=-1, keepdims=True)
    if (total == 0).any():
        raise ValueError(
            "W is the zero matrix somewhere; its effective rank is not defined. Choose later times."
        )
    p = s / total
    return np.exp(-xlogy(p, p).sum(axis=-1))
