"""W = W_1 W_2 ... W_N, a linear network written as a product of its layers.

Factors are given from left to right, so that W = U V^T has the factors (U, V^T); papers
often count the other way, W = W_N ... W_1. Leading axes of the factors are a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import positive_integer, scale_of

Factors = Sequence[np.ndarray]


def _matrices(factors: Factors) -> None:
    """Refuse what is no sequence of matrices, such as one matrix."""
    if not len(factors):
        raise ValueError("factors is empty; give at least one matrix.")
    for factor in factors:
        if np.ndim(factor) < 2:
            raise ValueError("factors must be a sequence of matrices; one factor W is [W].")


def product(factors: Factors) -> np.ndarray:
    """Return W = W_1 ... W_N, shape (..., n_rows, n_columns)."""
    _matrices(factors)
    W = factors[-1]
    for factor in reversed(factors[:-1]):
        W = factor @ W
    return W


def vjp(factors: Factors, G: ArrayLike) -> list[np.ndarray]:
    """Return the gradients in the factors, (W_1 ... W_{j-1})^T G (W_{j+1} ... W_N)^T.

    Parameters
    ----------
    factors : sequence of arrays
        W_1, ..., W_N.
    G : array, shape (..., n_rows, n_columns)
        The gradient of the risk in W = W_1 ... W_N.
    """
    _matrices(factors)
    right = list(accumulate(reversed(factors[1:]), lambda R, factor: factor @ R))
    gradients, left = [], np.array(G, dtype=float)  # left is (W_1 ... W_{j-1})^T G
    for factor, R in zip(factors[:-1], reversed(right), strict=True):  # R is W_{j+1} ... W_N
        gradients.append(left @ R.mT)
        left = factor.mT @ left
    return [*gradients, left]


def scaled_identity(
    scale: float, shape: tuple[int, ...], depth: int, width: int | None = None
) -> list[np.ndarray]:
    """Return factors scale^(1/N) I, whose product is W = scale * I. They are balanced.

    `scale` is the scale of the *product*, whatever the depth: of W_0, not of its factors.
    (Papers that start at U_0 = a I have scale = a^2.) Rectangular identities carry ones on
    the diagonal.

    Parameters
    ----------
    scale : float
        The scale of W_0, greater than 0.
    shape : tuple of int
        The shape (..., n_rows, n_columns) of W.
    depth : int
        The number N of factors.
    width : int, optional
        The inner dimension; without it the smaller side of W.

    >>> product(scaled_identity(1e-3, (2, 2), depth=3)).round(12)
    array([[0.001, 0.   ],
           [0.   , 0.001]])
    """
    scale, depth = scale_of("scale", scale), positive_integer("depth", depth)
    *batch, rows, columns = shape
    width = positive_integer("width", width or min(rows, columns))
    sizes = [rows, *[width] * (depth - 1), columns]
    return [
        np.broadcast_to(scale ** (1 / depth) * np.eye(m, n), (*batch, m, n)).copy()
        for m, n in pairwise(sizes)
    ]


def balanced_factors(W: ArrayLike, depth: int) -> list[np.ndarray]:
    """Return balanced factors of W: W_j^T W_j = W_{j+1} W_{j+1}^T.

    With W = P diag(s) Q^T they are P s^(1/N), s^(1/N) in between, and s^(1/N) Q^T.
    """
    depth = positive_integer("depth", depth)
    W = np.asarray(W, dtype=float)
    if depth == 1:
        return [W]
    P, s, Qt = np.linalg.svd(W, full_matrices=False)
    root = s ** (1 / depth)
    middle = root[..., None] * np.eye(s.shape[-1])
    return [P * root[..., None, :], *[middle] * (depth - 2), root[..., None] * Qt]


def imbalance(factors: Factors) -> np.ndarray:
    """Return max_j ||W_j^T W_j - W_{j+1} W_{j+1}^T||_F, shape (...).

    Each of these matrices is conserved by the gradient flow of any risk of the product.
    """
    _matrices(factors)
    if len(factors) < 2:
        raise ValueError("a single factor has nothing to be in balance with; give two or more.")
    differences = [
        np.swapaxes(A, -1, -2) @ A - B @ np.swapaxes(B, -1, -2) for A, B in pairwise(factors)
    ]
    return np.max([np.linalg.norm(D, axis=(-2, -1)) for D in differences], axis=0)


def velocity(factors: Factors, G: ArrayLike) -> np.ndarray:
    """Return dW/dt = - sum_j L_j L_j^T G R_j^T R_j under the gradient flow of the factors.

    L_j = W_1 ... W_{j-1} and R_j = W_{j+1} ... W_N; for W = U V^T this is
    -(U U^T G + G V V^T). Nothing is assumed about balance.
    """
    total = np.zeros_like(np.asarray(G, dtype=float))
    for j, gradient in enumerate(vjp(factors, G)):
        total = total - product([*factors[:j], gradient, *factors[j + 1 :]])
    return total


def balanced_velocity(W: ArrayLike, G: ArrayLike, depth: int) -> np.ndarray:
    """Return dW/dt = - sum_j (W W^T)^((j-1)/N) G (W^T W)^((N-j)/N) for balanced factors.

    Arora, Cohen and Hazan (2018, Theorem 1). In the singular vectors of W it reads
    d sigma_r/dt = -N sigma_r^(2 - 2/N) <G, u_r v_r^T> (Arora et al. 2019, Theorem 3).
    """
    depth = positive_integer("depth", depth)
    P, s, Qt = np.linalg.svd(np.asarray(W, dtype=float), full_matrices=True)
    square = [np.zeros((*s.shape[:-1], n)) for n in (P.shape[-1], Qt.shape[-1])]
    for spectrum in square:
        spectrum[..., : s.shape[-1]] = s**2
    left, right = square
    C = np.swapaxes(P, -1, -2) @ np.asarray(G) @ np.swapaxes(Qt, -1, -2)
    weights = sum(
        left[..., :, None] ** ((j - 1) / depth) * right[..., None, :] ** ((depth - j) / depth)
        for j in range(1, depth + 1)
    )
    return -(P @ (weights * C) @ Qt)
