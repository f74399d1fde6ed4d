"""Optima in the norms of singular values: the spectral norm beside the nuclear one."""

from dataclasses import dataclass

import numpy as np

from ibias._validate import choice, read_only
from ibias.datasets import MatrixProblem, MulticlassDataset
from ibias.datasets.matrices import one_problem
from ibias.optima._solver import require, solve
from ibias.optima.multiclass import multiclass_margin

NORMS = {"nuclear": "nuc", "spectral": 2}
DUAL = {"nuclear": 2, "spectral": "nuc"}
GAP = 1e-5  # the largest gap, relative to the value, that is returned


@dataclass(frozen=True, eq=False)
class SchattenOptimum:
    """A matrix and the multipliers that certify it.

    Attributes
    ----------
    W : array, shape (n_rows, n_columns)
    value : float
        The margin per norm, or the norm.
    dual_variables : array
        One a constraint.
    duality_gap : float
        Recomputed from `W` and `dual_variables`: no matrix is better by more.
    norm : str
        nuclear or spectral.
    """

    W: np.ndarray
    value: float
    dual_variables: np.ndarray
    duality_gap: float
    norm: str


def schatten_margin(data: MulticlassDataset, *, norm: str) -> SchattenOptimum:
    """Return the W of norm one with the largest margin of the true class over every other.

    max t subject to <z_ir, W> >= t, ||W|| <= 1. For convex weights a, every margin is at most
    the dual norm of sum a_ir z_ir.

    Parameters
    ----------
    data : MulticlassDataset
        Separable.
    norm : str
        "nuclear" or "spectral".

    Raises
    ------
    NotSeparable
        If no W puts every true class first.
    RuntimeError
        When the solver leaves a gap above 1e-5 of the margin.

    Examples
    --------
    >>> from ibias.datasets import separable_classes
    >>> best = schatten_margin(separable_classes(0, n_samples=6), norm="spectral")
    >>> best.duality_gap < 1e-5 * best.value
    True
    """
    data = require("data", data, MulticlassDataset)
    choice("norm", norm, tuple(NORMS))
    multiclass_margin(data)  # refuses what cannot be separated
    import cvxpy

    shape = (data.n_classes, data.n_features)
    W, t = cvxpy.Variable(shape), cvxpy.Variable()
    above = data.Z @ cvxpy.vec(W, order="C") >= t
    ball = (cvxpy.normNuc if norm == "nuclear" else cvxpy.sigma_max)(W) <= 1
    solve(cvxpy.Problem(cvxpy.Maximize(t), [above, ball]), f"{norm} margin")
    a = np.maximum(above.dual_value, 0.0)
    a /= a.sum()
    found = W.value / np.linalg.norm(W.value, ord=NORMS[norm])
    value = float((data.Z @ found.ravel()).min())
    bound = np.linalg.norm((a @ data.Z).reshape(shape), ord=DUAL[norm])
    return _certified(found, value, a, float(bound - value), norm)


def min_spectral_norm(problem: MatrixProblem) -> SchattenOptimum:
    """Return the matrix of smallest spectral norm with A(W) = y.

    For multipliers nu, every W that fits has ||W|| >= <y, nu> / ||A*(nu)||_*.

    Raises
    ------
    ValueError
        For a batch of problems.
    RuntimeError
        When the solver fails, or leaves a gap above 1e-5 of the norm.

    Examples
    --------
    >>> from ibias.datasets import four_by_four_completion
    >>> round(min_spectral_norm(four_by_four_completion(R=2.0)).value, 4) > 0
    True
    """
    sensors, y = one_problem(problem).sensors, problem.observations
    import cvxpy

    rows = sensors.reshape(len(y), -1)
    W = cvxpy.Variable(sensors.shape[1:])
    fits = rows @ cvxpy.vec(W, order="C") == y
    solve(cvxpy.Problem(cvxpy.Minimize(cvxpy.sigma_max(W)), [fits]), "minimum spectral norm")
    flat = W.value.ravel()
    flat = flat + np.linalg.lstsq(rows, y - rows @ flat)[0]
    nu = fits.dual_value * np.sign(y @ fits.dual_value)
    nu = nu / max(np.linalg.norm((nu @ rows).reshape(W.shape), ord="nuc"), 1e-300)
    found = flat.reshape(W.shape)
    value = float(np.linalg.norm(found, ord=2))
    return _certified(found, value, nu, float(value - y @ nu), "spectral")


def _certified(
    W: np.ndarray, value: float, dual: np.ndarray, gap: float, norm: str
) -> SchattenOptimum:
    """Return the result if its gap is small."""
    if not -1e-9 * value <= gap <= GAP * value:
        raise RuntimeError(
            f"data: the solver left a duality gap of {gap:.2g} at the value {value:.6g} for the"
            f" {norm} norm. Scale the data to entries of order one."
        )
    return SchattenOptimum(read_only(W), value, read_only(dual), gap, norm)
