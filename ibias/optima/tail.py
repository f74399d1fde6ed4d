"""Where gradient descent goes under a power law: the minimum of its own homogeneous problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import positive, read_only
from ibias.datasets import Dataset
from ibias.optima._advice import uneven_columns
from ibias.optima._norms import Extended, power_of_two, row_space
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import require
from ibias.optima.separability import separation
from ibias.trajectory import margin as margin_of
from ibias.trajectory import unit

GAP = 1e-12  # the largest gap, relative to the objective, that is returned
NEWTON_STEPS = 100


@dataclass(frozen=True, eq=False)
class TailDirection(LinearClassifier):
    """The minimiser of (1/k) sum_i <z_i, w>^-k + ||w||^2 / 2 over the separators.

    Attributes
    ----------
    w : array, shape (n_features,)
        The minimiser, which is unique.
    direction : array, shape (n_features,)
        w / ||w||.
    margin : float
        min_i <z_i, w> / ||w||, below the largest margin.
    dual_variables : array, shape (n_samples,)
        The limit of the samples' shares of the gradient, <z_i, w>^-(k+1) scaled to sum one.
        None of them is zero: no sample is ever forgotten.
    duality_gap : float
        The objective at `w` minus the dual objective there. The error of w is at most
        sqrt(2 * duality_gap).
    power : float
        The exponent k.
    """

    w: np.ndarray
    direction: np.ndarray
    margin: float
    dual_variables: np.ndarray
    duality_gap: float
    power: float


def tail_direction(data: Dataset, *, power: float) -> TailDirection:
    """Return the direction of gradient descent on a loss with the tail u^-k, k = `power`.

    If w = t^(1/(k+2)) v solves w' = Z^T (Zw)^-(k+1), then v is proportional to
    Z^T (Zv)^-(k+1), and that is stationarity here. (For any loss, gradient descent takes the
    direction of the regularisation path: Ji, Dudik, Schapire and Telgarsky 2020.)

    Solved by Newton's method from some separator. The dual is to maximise
    (1 + 1/k) sum_i a_i^(k/(k+1)) - ||Z^T a||^2 / 2 over a >= 0; at the optimum
    a_i = <z_i, w>^-(k+1).

    Raises
    ------
    NotSeparable
        If `data` is not separable through the origin.
    RuntimeError
        If the relative duality gap is above 1e-12.

    Examples
    --------
    >>> from ibias import datasets
    >>> three = datasets.Dataset.from_signed([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> w = tail_direction(three, power=1).w  # the maximum margin has w_1 = w_2
    >>> float((w[1] / w[0]) ** 3)
    2.0
    """
    Z = require("data", data, Dataset).Z
    k = positive("power", power)
    split = separation(data)
    if split.rest.size:
        raise split.error()
    start = unit(split.w / power_of_two(np.abs(split.w).max()))
    rows, basis = row_space(Z)
    start = start if basis is None else start @ basis
    size = (rows @ start).min()  # work at margin one
    rows = rows / size
    with np.errstate(over="ignore", invalid="ignore"):
        w = _newton(rows, k, start)
        wide = w.astype(Extended)
        heights = rows @ wide
        weights = heights ** -(k + 1)
        value = (heights**-k).sum() / k + wide @ wide / 2
        bound = (1 + 1 / k) * (heights**-k).sum() - np.sum((weights @ rows) ** 2) / 2
    if not -GAP * value <= value - bound <= GAP * value:
        scale = uneven_columns(data.X)
        off = (value - bound) / value
        found = f"was found only to {off:.1e} of its objective" if np.isfinite(off) else "overflows"
        raise RuntimeError(
            f"power={k:g}: the limit {found}. To go on, {scale + ', or ' if scale else ''}take a"
            f" {'smaller power' if k > 1 else 'power nearer to one'}."
        )
    w, weights = (w if basis is None else basis @ w), weights.astype(float)
    # For z -> z / size the minimiser scales by size^(k/(k+2)), and so does its own objective.
    scale = size ** (-k / (k + 2))
    return TailDirection(
        w=read_only(w * scale),
        direction=read_only(unit(w)),
        margin=float(margin_of(Z, w)),
        dual_variables=read_only(weights / weights.sum()),
        duality_gap=float(max(value - bound, 0.0) * scale**2),
        power=k,
    )


def _newton(Z: np.ndarray, k: float, w: np.ndarray) -> np.ndarray:
    """Return the minimiser of (1/k) sum (Zw)^-k + ||w||^2 / 2, from a separator w."""

    def value(w: np.ndarray) -> float:
        heights = Z @ w
        if heights.min() <= 0:
            return np.inf
        with np.errstate(over="ignore"):  # a trial step may come close to the boundary
            return (heights**-k).sum() / k + w @ w / 2

    for _ in range(NEWTON_STEPS):
        heights = Z @ w
        slope = w - heights ** -(k + 1) @ Z
        curvature = np.eye(w.size) + (Z.T * ((k + 1) * heights ** -(k + 2))) @ Z
        if not np.isfinite(curvature).all():
            return w  # the caller's certificate says how far this is from the minimum
        try:
            step = -np.linalg.solve(curvature, slope)
        except np.linalg.LinAlgError:
            return w
        if -slope @ step <= 1e-28 * (w @ w):
            return w
        length = 1.0
        while value(w + length * step) > value(w) + 0.1 * length * (slope @ step) and length > 1e-9:
            length /= 2
        w = w + length * step
    return w
