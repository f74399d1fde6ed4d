"""Where gradient descent goes under a power law: the minimum of its own homogeneous problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr_multiply, solve_triangular

from ibias._validate import LARGEST, positive, read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import lengths
from ibias.optima._advice import Unsolved, scaling_tried
from ibias.optima._norms import Extended, power_of_two, row_space
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima.separability import separation
from ibias.trajectory import margin as margin_of
from ibias.trajectory import unit

GAP = 1e-12  # the largest gap, relative to the objective, that is returned
NEWTON_STEPS = 100
NEAR = 0.1  # a step that changes the dual variables by less, relatively, is taken whole
SAME = 4 * float(np.finfo(float).eps)  # a step that changes them by less is rounding


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
        The objective at `w` minus a dual objective. The error of w is at most
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


@scaling_tried
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
    with np.errstate(over="ignore", invalid="ignore"):
        w, weights = _newton(rows / size, k, start)
        w = w if basis is None else basis @ w
        value, gap = _certificate(Z / size, k, w, weights)
    if not (np.isfinite(gap) and gap <= GAP * value):
        found = f"was found only to {gap / value:.1e} of its objective"
        raise _unsolved(Z, k, weights, found if np.isfinite(gap / value) else "overflows")
    # For z -> z / size the minimiser scales by size^(k/(k+2)), and so does its own objective.
    scale = size ** (-k / (k + 2))
    return TailDirection(
        w=read_only(w * scale),
        direction=read_only(unit(w)),
        margin=float(margin_of(Z, w)),
        dual_variables=read_only(weights / weights.sum()),
        duality_gap=gap * scale**2,
        power=k,
    )


def _unsolved(Z: np.ndarray, k: float, weights: np.ndarray, found: str) -> Unsolved:
    pulls = weights * lengths(Z)[:, 0]
    first = np.argsort(-np.nan_to_num(pulls))[:2].tolist()
    return Unsolved(
        f"power={k:g}: the limit {found}.",
        f"drop the samples that almost meet, first of all {first}"
        + (", or take a smaller power" if k > 1 else ""),
        rows=False,
    )


def _certificate(Z: np.ndarray, k: float, w: np.ndarray, a: np.ndarray) -> tuple[float, float]:
    """Return the objective at w, and by how much it is above the dual objective of some a >= 0.

    That is ||w - Z^T a||^2 / 2 + sum_i (h_i^-k / k + h_i a_i - (1 + 1/k) a_i^(k/(k+1))), with
    h = Zw. No term is negative (Fenchel's inequality), and so nothing large is left out.
    """
    if not max(np.abs(w).max(), a.max()) <= LARGEST:
        return np.inf, np.inf
    heights, beside = exact_sums(Z, [w]), exact_sums(Z.T, [a], -w)
    if not (heights.min() > 0 and (a >= 0).all()):
        return np.inf, np.inf
    terms = heights**-k
    apart = np.sum(terms / k + heights * a - (1 + 1 / k) * a ** (k / (k + 1)))
    rounded = ((k + 1) * np.finfo(float).eps) ** 2 * terms.sum()  # of the heights
    gap = beside @ beside / 2 + max(apart, rounded)
    return float(terms.sum() / k + w @ w / 2), float(gap)


def _newton(Z: np.ndarray, k: float, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimiser w of (1/k) sum (Zw)^-k + ||w||^2 / 2, and a = (Zw)^-(k+1).

    From a separator w. The two equations w = Z^T a and a = (Zw)^-(k+1) are solved side by side:
    each is known to the digits of its own terms, which a height of large rows is not.
    """

    def value(w: np.ndarray) -> float:
        heights = Z @ w
        if heights.min() <= 0:
            return np.inf
        return (heights**-k).sum() / k + w @ w / 2

    a, last = None, np.inf
    with np.errstate(all="ignore"):  # a trial step may come close to the boundary
        for _ in range(NEWTON_STEPS):
            heights = Z @ w.astype(Extended)
            pull = heights ** -(k + 1)
            a = pull.astype(float) if a is None else a
            root = np.sqrt((k + 1) * heights ** -(k + 2))
            above = np.where(root > 0, (pull - a) / root, 0.0)  # it may underflow
            missing = above.astype(float), (a.astype(Extended) @ Z - w).astype(float)
            root = root.astype(float)
            if not np.isfinite(np.r_[root, *missing]).all():
                break  # the caller's certificate says how far this is from the minimum
            step = _beside(root[:, None] * Z, *missing)
            change = float((k + 1) * np.abs(Z @ step / heights).max())
            if change < NEAR:
                if change <= SAME or change >= last / 2:
                    break
                w, a, last = w + step, a + root * (missing[0] - root * (Z @ step)), change
                continue
            length, slope = 1.0, w - pull.astype(float) @ Z
            now = value(w)
            while value(w + length * step) > now + 0.1 * length * (slope @ step) and length > 1e-9:
                length /= 2
            w, a = w + length * step, None
    return w, (Z @ w) ** -(k + 1) if a is None else a


def _beside(A: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the least squares x of A x = b and x = c, for rows and columns of A of any lengths.

    Householder's method is stable row by row, for long rows first and columns exchanged (Cox and
    Higham 1998).
    """
    rows, right = np.vstack([A, np.eye(c.size)]), np.r_[b, c]
    columns = np.linalg.norm(rows, axis=0)
    rows = rows / columns
    order = np.argsort(-np.abs(rows).max(axis=1), kind="stable")
    turned, R, places = qr_multiply(rows[order], right[order], pivoting=True)
    x = np.empty(c.size)
    x[places] = solve_triangular(R, turned)
    return x / columns
