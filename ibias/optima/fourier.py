"""The maximum margin in the l1 norm of the Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import exponent, read_only, vectors
from ibias.datasets import Dataset
from ibias.optima._advice import scaling_tried, too_small
from ibias.optima._norms import length
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import needed, require, solve
from ibias.optima.margin import GAP, ON_THE_MARGIN, ROUNDING
from ibias.optima.separability import separate


@dataclass(frozen=True, eq=False)
class FourierMargin(LinearClassifier):
    """The solution of min ||F w||_1 subject to <z_i, w> >= 1, F the unitary Fourier transform.

    Attributes
    ----------
    w : array, shape (n_features,)
        A solution (it need not be unique): smallest <z_i, w> is 1, ||F w||_1 = 1 / margin.
    margin : float
        min_i <z_i, w> / ||F w||_1, the largest possible.
    dual_variables : array, shape (n_samples,)
        Convex weights with ||F Z^T dual_variables||_inf = margin.
    support : array of int
        The indices on the margin.
    duality_gap : float
        ||F Z^T dual_variables||_inf - min_i <z_i, w> / ||F w||_1.
    """

    w: np.ndarray
    margin: float
    dual_variables: np.ndarray
    support: np.ndarray
    duality_gap: float


def fourier_norm(w: np.ndarray, p: float = 1) -> np.ndarray:
    """Return ||F w||_p over the last axis, with the unitary Fourier transform.

    For p below 1 this is the bridge penalty's root, no norm.

    >>> float(fourier_norm(np.array([3.0, 4.0]), p=2).round(12))
    5.0
    """
    w = vectors("w", w)
    if not w.shape[-1]:
        raise ValueError(f"w has shape {w.shape}; give one entry at least.")
    return length(np.abs(np.fft.fft(w, axis=-1, norm="ortho")), exponent("p", p))


@scaling_tried
def max_fourier_margin(data: Dataset) -> FourierMargin:
    """Return the separator through the origin with the largest margin per ||F w||_1.

    Full-width circular convolutional networks of depth two, with linear activations, go to
    it (Gunasekar et al. 2018b, Theorem 2).

    Raises
    ------
    ValueError
        If `data` is not a Dataset.
    NotSeparable
        With the convex combination of the signed inputs that meets zero.
    RuntimeError
        If the relative duality gap is above 1e-9.

    Examples
    --------
    >>> best = max_fourier_margin(Dataset.from_signed([[1.0, 1.0], [2.0, 2.0]]))
    >>> best.w.round(6), round(best.margin, 6)
    (array([0.5, 0.5]), 1.414214)
    """
    with needed():
        import cvxpy

    Z = require("data", data, Dataset).Z
    size = np.abs(Z).max() or 1.0
    basis, twice = _real_basis(data.n_features)
    cosines, sines = (cvxpy.Variable(twice.size) for _ in range(2))
    margin = cvxpy.Variable()
    above = (Z / size) @ basis[0] @ cosines + (Z / size) @ basis[1] @ sines >= margin
    moduli = cvxpy.norm(cvxpy.vstack([cosines, sines]), 2, axis=0)
    problem = cvxpy.Problem(cvxpy.Maximize(margin), [above, np.sqrt(twice) @ moduli <= 1])
    solve(problem, "Fourier margin")
    w = basis[0] @ cosines.value + basis[1] @ sines.value
    weights = np.maximum(above.dual_value, 0.0)
    weights = weights / weights.sum()

    if (lowest := (Z @ w).min()) > 0:
        w = w / lowest
    best = float((Z @ w).min() / fourier_norm(w)) if w.any() else 0.0
    if best <= GAP * size:
        split = separate(Z)
        if split.rest.size:
            raise split.error()
    gap = float(fourier_norm(weights @ Z, np.inf)) - best
    if not (best > 0 and -ROUNDING * best <= gap <= GAP * best):
        raise too_small(Z, weights, best, gap)
    return FourierMargin(
        w=read_only(w),
        margin=best,
        dual_variables=read_only(weights),
        support=read_only(np.flatnonzero(Z @ w <= 1 + ON_THE_MARGIN)),
        duality_gap=gap,
    )


def _real_basis(d: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the cosines and sines of frequencies 0 .. d/2, of norm one, and their numbers.

    A real w with coefficients c, s has ||F w||_1 = sum_k sqrt(number_k) |(c_k, s_k)|: all
    frequencies but 0 and d/2 come in conjugate pairs, each with half of the energy.
    """
    k = np.arange(d // 2 + 1)
    number = np.where((k == 0) | (2 * k == d), 1.0, 2.0)
    angles = 2 * np.pi * np.outer(np.arange(d), k) / d
    waves = np.cos(angles), np.where(number == 2, np.sin(angles), 0.0)
    return tuple(np.sqrt(number / d) * wave for wave in waves), number
