"""Steepest descent in norms of singular values: theta as the matrices that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, flag, shown, whole_fields
from ibias.methods.memory import NEVER, Memory, in_own_units, recalled
from ibias.methods.method import Method, Remembering, share
from ibias.methods.steepest import norm_orders, steepest
from ibias.objectives import Objective, Pull
from ibias.steps import Decaying, Step

JORDAN = (3.4445, -4.7750, 2.0315)  # fast to near one, not to one (Jordan et al. 2024)
CONVERGENT = (1.875, -1.25, 0.375)  # 1 is a fixed point, and the error is cubed at each step


def by_matrices(
    change: Callable[[np.ndarray], np.ndarray], g: np.ndarray, shapes: tuple
) -> np.ndarray:
    """Return g, shape (..., n_parameters), with every matrix of it changed."""
    parts, start = [], 0
    for rows, columns in shapes:
        block = g[..., start : start + rows * columns]
        start += rows * columns
        changed = change(block.reshape(*g.shape[:-1], rows, columns))
        parts.append(changed.reshape(block.shape))
    return np.concatenate(parts, axis=-1)


def schatten_direction(G: np.ndarray, p: ArrayLike) -> np.ndarray:
    """Return U diag(v) V^T for G = U diag(s) V^T, v the steepest direction of s in l_p.

    Its Schatten-p norm is 1, and <G, it> is the dual norm of G: G / ||G||_F for p = 2, the polar
    factor U V^T for p = inf, the leading u v^T for p = 1. Zero where G is zero.

    >>> schatten_direction(np.diag([3.0, 4.0]), np.inf).round(12)
    array([[1., 0.],
           [0., 1.]])
    """
    G, p = finite_array("G", G), norm_orders(p)
    if G.ndim < 2 or not all(G.shape[-2:]):
        raise ValueError(f"G has shape {G.shape}; give a matrix, or several, shape (..., m, n).")
    return steepest_matrix(G, p)


def steepest_matrix(G: np.ndarray, p: ArrayLike) -> np.ndarray:
    """Return `schatten_direction` of arguments that are known to be good."""
    U, s, Vt = np.linalg.svd(G, full_matrices=False)
    largest = s.max(axis=-1, keepdims=True)
    # What is rounding error has no direction: a rank is counted as numpy counts it.
    s = np.where(s > largest * max(G.shape[-2:]) * 2.3e-16, s, 0.0)
    if np.ndim(p) == 0 and np.isinf(p):  # the polar factor, by far the most used
        v = np.sign(s)
    else:
        v = np.where(largest > 0, steepest(np.where(largest > 0, s, 1.0), p), 0.0)
    return (U * v[..., None, :]) @ Vt


def newton_schulz(G: np.ndarray, coefficients: tuple, n_steps: int) -> np.ndarray:
    """Return an approximate polar factor, by X <- a X + b X X^T X + c (X X^T)^2 X.

    It starts from G / ||G||_F. With the coefficients `CONVERGENT` it tends to U V^T; with
    `JORDAN` the singular values end between 0.7 and 1.2.
    """
    a, b, c = coefficients
    norm = np.linalg.norm(G, axis=(-2, -1), keepdims=True)
    X = G / np.where(norm > 0, norm, 1.0)
    for _ in range(n_steps):
        square = X @ X.swapaxes(-1, -2)
        X = a * X + (b * square + c * square @ square) @ X
    return X


@dataclass(frozen=True, eq=False)
class Spectral(Method):
    """Theta <- Theta - eta_k D, D the steepest direction of the gradient in the Schatten-p norm.

    Each matrix of theta (layer, factor, matrix of class weights) by itself. p = inf is steepest
    in the operator norm, D = U V^T. On separable classes it tends to the maximum margin in that
    norm (Fan, Schmidt and Thrampoulidis 2025). A vector is a matrix of one row, for which every p
    is the normalised gradient.
    """

    p: float = np.inf

    def __post_init__(self) -> None:
        if norm_orders(self.p).shape:
            raise ValueError(f"p must be one number, from 1 to inf; got {shown(self.p)}")

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return a step of length eta in every matrix."""
        g = pull(theta).direction
        D = by_matrices(lambda G: steepest_matrix(G, self.p), g, pull.shapes)
        return theta + eta * D, None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1 / sqrt(k + 1)."""
        return Decaying(1.0, 0.5)


@dataclass(frozen=True)
class Muon(Remembering):
    """M <- b M + G,  Theta <- Theta - eta polar(M), for each matrix of theta (Jordan et al. 2024).

    b is the momentum. With `nesterov` the polar factor is that of b M + G. The polar factor is
    exact, or by `n_steps` Newton-Schulz steps with given `coefficients`.
    """

    momentum: float = 0.95
    nesterov: bool = False
    coefficients: tuple[float, float, float] | None = None
    n_steps: int = 5

    def __post_init__(self) -> None:
        share("momentum", self.momentum)
        whole_fields(self, "n_steps")
        flag("nesterov", self.nesterov)
        if self.coefficients is not None and finite_array(
            "coefficients", self.coefficients, ndim=1
        ).shape != (3,):
            raise ValueError(f"coefficients must be three numbers; got {shown(self.coefficients)}")

    def step(
        self, pull: Pull, theta: np.ndarray, state: Memory, k: int, eta: float
    ) -> tuple[np.ndarray, Memory]:
        """Return theta and M."""
        log_size, g = pull(theta)
        memory = recalled(state, self.momentum, g, log_size)
        looked_at = recalled(memory, self.momentum, g, log_size) if self.nesterov else memory
        M = looked_at[0] if looked_at[1] is log_size else _level(looked_at, pull.shapes)
        return theta + eta * by_matrices(self._polar, M, pull.shapes), memory

    def _polar(self, G: np.ndarray) -> np.ndarray:
        if self.coefficients is None:
            return steepest_matrix(G, np.inf)
        return newton_schulz(G, self.coefficients, self.n_steps)


def _level(memory: Memory, shapes: tuple) -> np.ndarray:
    """Return every matrix of a memory over a number, which its polar factor does not see."""
    x, u = in_own_units(*memory)
    top = by_matrices(_largest, np.maximum(u, NEVER), shapes)
    return np.exp(u - top) * x


def _largest(G: np.ndarray) -> np.ndarray:
    """Return the largest entry of each matrix, in the place of every entry."""
    return np.broadcast_to(G.max(axis=(-2, -1), keepdims=True), G.shape)
