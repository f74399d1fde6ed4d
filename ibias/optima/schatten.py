"""Optima in the norms of singular values: the spectral norm beside the nuclear one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import choice, read_only
from ibias.datasets import MatrixProblem, MulticlassDataset
from ibias.optima._observations import FIT, Observations, fitted
from ibias.optima._solver import needed, require, solve
from ibias.optima.multiclass import multiclass_margin

NORMS = {"nuclear": "nuc", "spectral": 2}
DUAL = {"nuclear": 2, "spectral": "nuc"}
GAP = {"margin": 1e-6, "norm": 1e-5}  # the largest gaps, relative to the value, that are returned
ROUNDING = 1e-9  # a relative gap this far below zero is rounding


@dataclass(frozen=True, eq=False)
class SchattenMargin:
    """A solution of min ||W|| subject to <w_{y_i} - w_r, x_i> >= 1 for all i and r != y_i.

    Attributes
    ----------
    W : array, shape (n_classes, n_features)
        The un-normalised solution; ||W|| = 1 / margin. It need not be the only one.
    margin : float
        The largest min_ir <w_{y_i} - w_r, x_i> / ||W||.
    dual_variables : array, shape (n_pairs,)
        Convex weights on ``data.pairs``. The dual norm of their mean of ``data.Z``, as a matrix,
        is the margin.
    duality_gap : float
        That dual norm minus the margin of W, computed from exactly these two. No W has a margin
        larger than `margin` + `duality_gap`.
    norm : str
        nuclear or spectral.
    """

    W: np.ndarray
    margin: float
    dual_variables: np.ndarray
    duality_gap: float
    norm: str


@dataclass(frozen=True, eq=False)
class MinSpectralNorm:
    """A solution of min ||W|| in the spectral norm, subject to A(W) = y.

    Attributes
    ----------
    W : array, shape (n_rows, n_columns)
        Agrees with the observations to rounding.
    value : float
        Its spectral norm.
    dual_variables : array, shape (n_observations,)
        The multipliers nu of the observations, with ||A*(nu)||_* = 1. Those that nearly follow
        from others have large ones, of which this is the rounding; all that follows is computed
        without it.
    duality_gap : float
        `value` - <y, nu>, computed from these: no matrix that fits has a smaller norm by more.
    """

    W: np.ndarray
    value: float
    dual_variables: np.ndarray
    duality_gap: float


def schatten_margin(data: MulticlassDataset, *, norm: str) -> SchattenMargin:
    """Return the machine of largest margin in a norm of singular values, and its certificate.

    In the spectral norm it is where descent by polar factors goes (Fan, Schmidt and
    Thrampoulidis 2025). For every W and all convex weights a, min_i <z_i, W> <= <sum_i a_i z_i, W>
    <= ||sum_i a_i z_i||_dual ||W||: any pair bounds the largest margin from both sides.

    Parameters
    ----------
    data : MulticlassDataset
        Separable.
    norm : str
        "nuclear" or "spectral".

    Raises
    ------
    ValueError
        If `data` is not a MulticlassDataset, or for another norm.
    NotSeparable
        If no W puts the true class first for every sample.
    RuntimeError
        If the solver leaves a gap above 1e-6 of the margin.

    Examples
    --------
    >>> data = MulticlassDataset([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    >>> round(schatten_margin(data, norm="spectral").margin, 6)
    1.0
    """
    require("data", data, MulticlassDataset)
    choice("norm", norm, tuple(NORMS))
    scale = multiclass_margin(data).margin  # raises where nothing separates
    with needed():
        import cvxpy

    W = cvxpy.Variable((data.n_classes, data.n_features))
    apart = (data.Z / scale) @ cvxpy.vec(W, order="C") >= 1
    length = (cvxpy.normNuc if norm == "nuclear" else cvxpy.sigma_max)(W)
    solve(cvxpy.Problem(cvxpy.Minimize(length), [apart]), f"largest {norm} margin")
    found = W.value / (data.Z @ W.value.ravel()).min()
    margin = float(1 / np.linalg.norm(found, ord=NORMS[norm]))
    weights = np.maximum(apart.dual_value, 0.0)
    weights = weights / weights.sum()
    pulled = (weights @ data.Z).reshape(found.shape)
    gap = float(np.linalg.norm(pulled, ord=DUAL[norm])) - margin
    if not _within(gap, margin, "margin"):
        raise RuntimeError(
            f"data: the solver left a duality gap of {gap:.2g} at the margin {margin:.6g}; divide"
            " X by its largest entry, and drop features that are far smaller than the rest."
        )
    return SchattenMargin(read_only(found), margin, read_only(weights), gap, norm)


def min_spectral_norm(problem: MatrixProblem) -> MinSpectralNorm:
    """Return the matrix of smallest spectral norm with A(W) = y.

    For multipliers nu, every W that fits has ||W|| >= <y, nu> / ||A*(nu)||_*.

    Raises
    ------
    ValueError
        For a batch of problems, or for observations that no matrix has.
    RuntimeError
        When the solver fails, or leaves a gap above 1e-5 of the norm, or the matrix is off the
        given observations by more than 1e-9 of it, or rounding leaves open whether an observation
        depends on others.

    Examples
    --------
    >>> from ibias.datasets import four_by_four_completion
    >>> round(min_spectral_norm(four_by_four_completion(2.0)).value, 4) > 0
    True
    """
    seen = Observations.of(problem)
    rows, y = seen.sensors.reshape(len(seen.target), -1), seen.target
    found, nu = _solved(rows, y, problem.shape)
    found = fitted(seen.sensors, found, y)
    nu = nu / max(np.linalg.norm((nu @ rows).reshape(found.shape), ord="nuc"), 1e-300)
    value = float(np.linalg.norm(found, ord=2))
    gap = float(value - y @ nu)
    W = seen.scale * found
    error, met = seen.missed(W)
    if not (_within(gap, value, "norm") and met and error <= FIT * seen.scale * value):
        raise RuntimeError(
            f"problem: the solver left a duality gap of {gap:.2g} at the norm {value:.6g}, both in"
            f" units of {seen.scale:.3g}, and the matrix is off the observations by {error:.1e}."
            " Drop observations that nearly follow from others."
        )
    return MinSpectralNorm(
        W=read_only(W),
        value=seen.scale * value,
        dual_variables=read_only(seen.multipliers(nu)),
        duality_gap=seen.scale * gap,
    )


def _within(gap: float, value: float, what: str) -> bool:
    """Say whether a gap is no more than is promised of a margin or norm, nor less than none."""
    return bool(-ROUNDING * value <= gap <= GAP[what] * value)


def _solved(
    rows: np.ndarray, y: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return W and the multipliers of its equations, of the sign of their bound."""
    if not y.any():
        return np.zeros(shape), np.zeros(len(y))
    with needed():
        import cvxpy

    W = cvxpy.Variable(shape)
    fits = rows @ cvxpy.vec(W, order="C") == y
    try:
        solve(cvxpy.Problem(cvxpy.Minimize(cvxpy.sigma_max(W)), [fits]), "minimum spectral norm")
    except RuntimeError as error:
        raise RuntimeError(
            "problem: the solver found no minimum in double precision. Drop observations that"
            " nearly follow from others."
        ) from error
    return W.value, fits.dual_value * np.sign(y @ fits.dual_value)
