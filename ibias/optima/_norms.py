"""Norms and certificates that neither over- nor underflow, and least squares in the row space."""

from __future__ import annotations

import numpy as np

from ibias.trajectory import length

Extended = np.longdouble  # 64 bits of mantissa where the machine has them


def power_of_two(size: float) -> float:
    """Return the power of two next below `size`, which divides numbers exactly; one for zero.

    >>> power_of_two(5.0), power_of_two(0.3), power_of_two(0.0)
    (4.0, 0.25, 1.0)
    """
    return float(2.0 ** (np.frexp(size)[1] - 1.0)) if size > 0 else 1.0


def dual_order(p: float) -> float:
    """Return q with 1/p + 1/q = 1.

    >>> dual_order(1.0), dual_order(2.0), dual_order(np.inf)
    (inf, 2.0, 1.0)
    """
    if p == 1:
        return np.inf
    return 1.0 if p == np.inf else p / (p - 1)


def margin_of(Z: np.ndarray, w: np.ndarray, p: float, dtype: type = Extended) -> float:
    """Return min_i <z_i, w> / ||w||_p of one w, in extended precision; zero for w = 0."""
    w = w.astype(dtype)
    norm = length(w, p)
    return float((Z @ w).min() / norm) if norm > 0 else 0.0


def distance_of(Z: np.ndarray, weights: np.ndarray, p: float, dtype: type = Extended) -> float:
    """Return ||Z^T weights||_q / sum(weights), q dual to p, in extended precision.

    For weights of at least 0 no w has a larger margin.
    """
    weights = weights.astype(dtype)
    return float(length(weights @ Z, dual_order(p)) / weights.sum())


def inverse_gradient(g: np.ndarray, q: float) -> np.ndarray:
    """Return psi(g) = |g|^(q-1) sign(g), which inverts the gradient of ||w||_p^p / p."""
    with np.errstate(under="ignore"):
        return np.abs(g) ** (q - 1) * np.sign(g)


def row_space(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return rows of at most len(Z) entries with the same inner products, and the basis Q.

    Z = rows @ Q^T with orthonormal columns Q. For tall Z nothing is to be gained: Q is None.
    """
    if Z.shape[1] <= len(Z):
        return Z, None
    Q, R = np.linalg.qr(Z.T)
    return R.T, Q


def least_squares(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the shortest minimiser of ||A x - b||; one QR first where A is far from square."""
    m, n = A.shape
    if m > 2 * n:
        Q, R = np.linalg.qr(A)
        return np.linalg.lstsq(R, Q.T @ b)[0]
    if n > 2 * m:
        Q, R = np.linalg.qr(A.T)
        return Q @ np.linalg.lstsq(R.T, b)[0]
    return np.linalg.lstsq(A, b)[0]


def kkt_newton(
    A: np.ndarray, b: np.ndarray, a: np.ndarray, q: float
) -> tuple[np.ndarray, np.ndarray]:
    """Take one Newton step on A psi(A^T a) = b; return the w it leads to, and the new a.

    These are the KKT equations of min ||w||_p^p / p subject to A w = b, with w = psi(A^T a).
    For q = 2 they are linear. The w returned meets A w = b to first order.
    """
    g = A.T @ a
    w = inverse_gradient(g, q)
    # d psi / d g; where g vanishes, w stays zero.
    root_slope = np.zeros_like(g)
    root_slope[g != 0] = np.sqrt((q - 1) * np.abs(g[g != 0]) ** (q - 2))
    root = A * root_slope
    if not (np.isfinite(root).all() and np.isfinite(w).all()):
        raise np.linalg.LinAlgError("Newton's equations are beyond float64")
    half_step = least_squares(root, b - A @ w)
    return w + root_slope * half_step, a + least_squares(root.T, half_step)
