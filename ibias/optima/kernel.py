"""The maximum margin over the unit ball of a kernel's function space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Dataset
from ibias.optima.margin import margin_of_rows

CLOSE = 1e-7  # the largest gap, relative to the margin, that is returned
SHARES = 10.0 ** np.arange(-10, 1)  # of the largest eigenvalue, tried on the diagonal
ROUNDING = 1e-12  # eigenvalues below this, of the largest, are rounding


@dataclass(frozen=True, eq=False)
class KernelMargin:
    """The function f = sum_i c_i K(x_i, .) of norm 1 with the largest margin.

    Attributes
    ----------
    margin : float
        min_i y_i f(x_i).
    coefficients : array, shape (n_samples,)
        c, with ||f||^2 = c^T K c = 1. The values of f are ``kernel(X_new, X) @ coefficients``.
    dual_variables : array, shape (n_samples,)
        The convex weights p of the support vector machine; c is proportional to p * y.
    duality_gap : float
        No f of norm 1 has a margin larger than `margin` + `duality_gap`.
    """

    margin: float
    coefficients: np.ndarray
    dual_variables: np.ndarray
    duality_gap: float


def kernel_margin(kernel: ArrayLike, y: ArrayLike) -> KernelMargin:
    """Return the maximum-margin function in the unit ball of the kernel's space.

    Parameters
    ----------
    kernel : array, shape (n_samples, n_samples)
        Symmetric and positive semidefinite, such as ``models.relu_kernel(data.X)``.
    y : array, shape (n_samples,)
        Labels +1 and -1.

    Raises
    ------
    ValueError
        For a kernel that is not symmetric and positive semidefinite, or bad labels.
    NotSeparable
        If no function of the space separates the samples.
    RuntimeError
        If the margin is too small for its certificate.

    Examples
    --------
    >>> from ibias.models import relu_kernel
    >>> best = kernel_margin(relu_kernel([[2.0, 0.0], [0.0, 2.0]]), [1, -1])
    >>> f = relu_kernel([[2.0, 0.0], [0.0, 2.0]]) @ best.coefficients
    >>> (f / best.margin).round(6)
    array([ 1., -1.])
    """
    kernel = finite_array("kernel", kernel, ndim=2)
    if kernel.shape[0] != kernel.shape[1] or not np.allclose(kernel, kernel.T):
        raise ValueError(f"kernel must be symmetric; got an array of shape {kernel.shape}.")
    eigenvalues, vectors = np.linalg.eigh(kernel)
    if eigenvalues[0] < -1e-9 * max(eigenvalues[-1], 0) or eigenvalues[-1] <= 0:
        raise ValueError(
            "kernel must be positive semidefinite and not zero; its smallest eigenvalue is"
            f" {eigenvalues[0]:.2g}."
        )
    data = Dataset(vectors, y)  # whose labels are checked
    try:
        return _certified(kernel, eigenvalues, vectors, data.y)
    except RuntimeError as error:
        unsolved = error
    remedy = "drop samples that nearly repeat others"
    for share in SHARES:
        added = f"{share * eigenvalues[-1]:.0e}"
        try:
            shifted = kernel + float(added) * np.eye(len(kernel))
            _certified(shifted, *np.linalg.eigh(shifted), data.y)
        except RuntimeError:
            continue
        remedy = f"add {added} to its diagonal (a soft margin), or {remedy}"
        break
    raise RuntimeError(
        f"kernel: {unsolved}: the kernel is too close to singular. To go on, {remedy}."
    )


def _certified(
    kernel: np.ndarray, eigenvalues: np.ndarray, vectors: np.ndarray, y: np.ndarray
) -> KernelMargin:
    """Return the margin for a positive semidefinite kernel, if its certificate holds."""
    kept = eigenvalues > ROUNDING * eigenvalues[-1]
    try:
        best = margin_of_rows(y[:, None] * vectors[:, kept] * np.sqrt(eigenvalues[kept]), 2)
    except RuntimeError:  # its words are for other samples
        raise RuntimeError("rounding leaves open how large the margin is") from None
    coefficients = best.dual_variables * y
    square = coefficients @ kernel @ coefficients
    if not square > 0:
        raise RuntimeError("rounding leaves nothing of the margin")
    coefficients = coefficients / np.sqrt(square)
    # On the kernel itself: its features lack the eigenvalues that were taken for rounding.
    margin = float((y * (kernel @ coefficients)).min())
    gap = float(np.sqrt(square) / best.dual_variables.sum() - margin)
    if not (margin > 0 and abs(gap) <= CLOSE * margin):
        raise RuntimeError(
            f"the margin is about {margin:.1e} and could be certified only to {gap:.1e}"
        )
    return KernelMargin(
        margin=margin,
        coefficients=read_only(coefficients),
        dual_variables=best.dual_variables,
        duality_gap=gap,
    )
