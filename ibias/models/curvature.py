"""How flat a fit is: the Hessian of the squared loss where the residuals vanish."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, network


class Differentiable(Protocol):
    """A predictor f(theta; x) with the gradients of its predictions."""

    def linearize(self, theta: ArrayLike, X: ArrayLike) -> object:
        """Return an object with jacobian(), shape (..., n_samples, n_parameters)."""


def curvatures(model: Differentiable, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
    """Return the eigenvalues of J J^T / n, J the Jacobian of the n predictions, smallest first.

    Where theta fits all samples they are those of the Hessian of mean (f(theta; x_i) - y_i)^2 / 2,
    but for zeros: the last is the sharpness, their sum the trace.

    Parameters
    ----------
    model : a model with linearize(theta, X), for instance ``DiagonalLinear(d, depth=2)``
        The predictor.
    theta : array, shape (..., n_parameters)
        Parameters that fit.
    X : array, shape (n_samples, n_features)
        The inputs.

    Returns
    -------
    array, shape (..., n_samples)

    Examples
    --------
    >>> from ibias.models import DiagonalLinear
    >>> net = DiagonalLinear(2, depth=2)  # w = u^2 - v^2, theta = (u, v)
    >>> curvatures(net, [1.0, 2.0, 0.0, 0.0], np.eye(2))  # 4 u^2 / n
    array([2., 8.])
    """
    theta, X = finite_array("theta", theta), finite_array("X", X, ndim=2)
    jacobian = network("model", model).linearize(theta, X).jacobian()
    return np.linalg.eigvalsh(jacobian @ jacobian.swapaxes(-1, -2) / jacobian.shape[-2])
