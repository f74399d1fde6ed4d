"""The interpolant nearest to a start in a Bregman divergence: where mirror descent goes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Regression
from ibias.optima._solver import require
from ibias.optima.interpolation import FIT
from ibias.potentials import Potential

NEWTON_STEPS = 500
SHORTEST = 1e-200  # of a step; where the metric is tiny, Newton's step is that much too long


@dataclass(frozen=True, eq=False)
class BregmanProjection:
    """The solution of min D_psi(w, start) subject to X w = y.

    Attributes
    ----------
    w : array, shape (n_features,)
        The solution. Exactly these are the optimality conditions: X w = y, and the mirror
        images of w and start differ by X^T dual_variables.
    start : array, shape (n_features,)
        The point that is projected.
    divergence : float
        D_psi(w, start).
    dual_variables : array, shape (n_samples,)
        Multipliers of the equations.
    residual : float
        The Euclidean norm of X w - y; `w` is made from the multipliers, so that all rounding
        is here.
    duality_gap : float
        |<dual_variables, X w - y>|, the difference of D_psi(w, start) and the dual objective.
    """

    w: np.ndarray
    start: np.ndarray
    divergence: float
    dual_variables: np.ndarray
    residual: float
    duality_gap: float


def bregman_projection(
    data: Regression, *, potential: Potential, start: ArrayLike | None = None
) -> BregmanProjection:
    """Return the Bregman projection of `start` onto the interpolants {w : X w = y}.

    It is the limit of mirror descent from `start`, for any loss that is smallest at X w = y
    (Gunasekar et al. 2018, Theorem 1). Solved in its dual, by Newton's method for
    max_a <a, y> - psi*(m + X^T a), with m the mirror image of the start.

    Parameters
    ----------
    data : Regression
        Inputs and targets that some w fits.
    potential : Potential
        For instance ``potentials.NegativeEntropy()``.
    start : array, shape (n_features,), optional
        The minimiser of the potential, if not given: then psi itself is minimised.

    Raises
    ------
    ValueError
        For bad input, and if no w fits the targets.
    RuntimeError
        If Newton's method does not converge: no w where the potential is finite fits, or only
        one on the boundary.

    Examples
    --------
    >>> from ibias.potentials import NegativeEntropy
    >>> data = Regression([[1.0, 2.0]], [1.0])
    >>> bregman_projection(data, potential=NegativeEntropy(), start=[1, 1]).w.round(6)
    array([0.5 , 0.25])
    """
    X, y = require("data", data, Regression).X, data.y
    require("potential", potential, Potential, "potentials.NegativeEntropy()")
    if start is None:
        start = potential.inverse_gradient(np.zeros(data.n_features))
    start = finite_array("start", start, ndim=1)
    if start.shape != (data.n_features,):
        raise ValueError(
            f"start has shape {start.shape}; give one value for each of {data.n_features} features."
        )
    fit = np.linalg.lstsq(X, y)[0]
    scale = float(np.linalg.norm(y) + np.linalg.norm(X @ start))
    if (misfit := np.linalg.norm(X @ fit - y)) > FIT * scale:
        raise ValueError(
            f"no w fits the targets (the best leaves a residual of {misfit:.2g}); drop samples"
            " that contradict each other."
        )
    dual_variables = _newton(X, y, potential, potential.gradient(start), scale)
    w = potential.inverse_gradient(potential.gradient(start) + X.T @ dual_variables)
    return BregmanProjection(
        w=read_only(w),
        start=read_only(start),
        divergence=float(potential.bregman(w, start)),
        dual_variables=read_only(dual_variables),
        residual=float(np.linalg.norm(X @ w - y)),
        duality_gap=float(abs(dual_variables @ (X @ w - y))),
    )


def _newton(
    X: np.ndarray, y: np.ndarray, potential: Potential, mirror: np.ndarray, scale: float
) -> np.ndarray:
    """Return the a with X (grad psi)^-1(mirror + X^T a) = y."""
    a = np.zeros(len(y))
    if not mirror.any() and y.any():
        # Some metrics are singular at zero. At the right length, any other point will do.
        a = np.linalg.lstsq(X.T, np.linalg.lstsq(X, y)[0])[0]
    for _ in range(NEWTON_STEPS):
        m = mirror + X.T @ a
        residual = y - X @ potential.inverse_gradient(m)
        if np.linalg.norm(residual) <= 1e-14 * scale:
            return a
        metric = potential.inverse_metric(m)
        if metric.ndim == 1:
            root = X * np.sqrt(metric)
            step = np.linalg.lstsq(root.T, np.linalg.lstsq(root, residual)[0])[0]
        else:
            step = np.linalg.lstsq(X @ metric @ X.T, residual)[0]
        length = _line_search(X, y, potential, mirror, a, step)
        if length == 0:
            break
        a = a + length * step
    residual = y - X @ potential.inverse_gradient(mirror + X.T @ a)
    if np.linalg.norm(residual) <= FIT * scale:
        return a
    raise RuntimeError(
        "Newton's method for the Bregman projection did not converge: no w at which the"
        f" potential is finite fits the targets, or only one on the boundary (residual"
        f" {np.linalg.norm(residual):.1e}). Choose other targets, or another potential."
    )


def _line_search(
    X: np.ndarray,
    y: np.ndarray,
    potential: Potential,
    mirror: np.ndarray,
    a: np.ndarray,
    step: np.ndarray,
) -> float:
    """Return the largest of 1, 1/2, 1/4, ... at which the dual still rises along `step`.

    The dual is concave: where its slope along the step is not negative, it has not passed
    its maximum. Past it the slope may be negative, if it is smaller than at the beginning.
    """

    def slope(length: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            w = potential.inverse_gradient(mirror + X.T @ (a + length * step))
            return float(step @ (y - X @ w))

    first, length = slope(0.0), 1.0
    while length > SHORTEST:
        if abs(slope(length)) < first:
            return length
        length /= 2
    return 0.0
