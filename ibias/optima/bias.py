"""The maximum margin with a bias that costs nothing: the usual support vector machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.optima._advice import scaling_tried, too_small
from ibias.optima._hull import best_of, candidates
from ibias.optima._norms import Extended, row_space
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import needed, require, solve
from ibias.optima.margin import GAP, ON_THE_MARGIN, ROUNDING, SMALL
from ibias.optima.separability import separation

HEAVY = 1e3  # a constant feature this large, in units of the margin, hardly costs a thing
NO_PLANE = (
    "by any hyperplane",
    "The bias is free already; bounded_part_and_ray(data.with_constant()) takes such data.",
)


@dataclass(frozen=True, eq=False)
class BiasedMargin(LinearClassifier):
    """The solution of min ||w|| subject to y_i (<w, x_i> + bias) >= 1 for all i.

    Attributes
    ----------
    w : array, shape (n_features,)
        The un-normalised weights: ||w|| = 1 / margin.
    bias : float
        The bias that goes with `w`.
    direction : array, shape (n_features,)
        w / ||w||.
    margin : float
        The distance from the hyperplane to the nearest input: half the distance between the
        convex hulls of the two classes.
    dual_variables : array, shape (n_samples,)
        Convex weights, one half on each class.
    support : array of int
        The indices on the margin.
    duality_gap : float
        ||Z^T dual_variables|| - min_i y_i (<w, x_i> + bias) / ||w||, never negative because
        the weights balance, sum y_i dual_variables_i = 0.
    """

    w: np.ndarray
    bias: float
    direction: np.ndarray
    margin: float
    dual_variables: np.ndarray
    support: np.ndarray
    duality_gap: float

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return <w, x> + bias for each row of X, shape (n_samples,)."""
        return super().decision_function(X) + self.bias


@scaling_tried
def max_margin_with_bias(data: Dataset) -> BiasedMargin:
    """Return the Euclidean maximum-margin separator whose bias is free.

    Gradient descent on inputs with a one appended does *not* find it: that bias is a weight
    like any other, and its square is paid for. `max_margin(data.with_constant())` is its limit.

    Raises
    ------
    ValueError
        If `data` is not a Dataset.
    NotSeparable
        If no hyperplane separates the classes, with the convex combination of the inputs
        with a one appended that meets zero.
    RuntimeError
        If the relative duality gap is above 1e-9.

    Examples
    --------
    >>> best = max_margin_with_bias(Dataset([[1.0], [5.0]], [-1, 1]))
    >>> round(best.margin, 6), round(-best.bias / float(best.w[0]), 6)
    (2.0, 3.0)
    """
    X, y = require("data", data, Dataset).X, data.y
    middle = (X[y > 0].mean(axis=0) + X[y < 0].mean(axis=0)) / 2
    Z, basis = row_space(y[:, None] * (X - middle))
    scale = size = np.abs(Z).max() or 1.0
    w, bias, weights = _solve(Z / scale, y)
    rough = scale * _margin(Z / scale, y, w, bias)
    if rough <= GAP * size:
        split = separation(data.with_constant())
        if split.rest.size:
            raise split.error(*NO_PLANE)
    if rough < SMALL * size:
        # The solver's precision is absolute; in units of the margin itself it is relative.
        scale = rough
        w, bias, weights = _solve(Z / scale, y)
    w, bias, weights = _polish(Z / scale, y, w, bias, weights)
    margin = float(scale * _margin(Z / scale, y, w, bias))
    gap = float(scale) * _gap(Z / scale, y, w, bias, weights)
    rounding = ROUNDING + len(Z) * np.finfo(Extended).eps * np.abs(Z).max() / max(margin, 1e-300)
    if not (margin > 0 and -rounding * margin <= gap <= GAP * margin):
        raise too_small(X - middle, weights, margin, gap, rows=False)
    direction = w / np.linalg.norm(w)
    w, bias = direction / margin, scale * bias / np.linalg.norm(w) / margin
    support = np.flatnonzero(Z @ w + bias * y <= 1 + ON_THE_MARGIN)
    if basis is not None:
        w, direction = basis @ w, basis @ direction
    return BiasedMargin(
        w=read_only(w),
        bias=float(bias - w @ middle),
        direction=read_only(direction),
        margin=margin,
        dual_variables=read_only(weights),
        support=read_only(support),
        duality_gap=gap,
    )


def _margin(Z: np.ndarray, y: np.ndarray, w: np.ndarray, bias: float) -> float:
    """Return min_i y_i (<w, x_i> + bias) / ||w||; zero where w vanishes."""
    w = w.astype(Extended)
    return float((Z @ w + bias * y).min() / (np.sqrt(w @ w) or np.inf))


def _gap(Z: np.ndarray, y: np.ndarray, w: np.ndarray, bias: float, weights: np.ndarray) -> float:
    nearest = weights.astype(Extended) @ Z
    return float(np.sqrt(nearest @ nearest)) - _margin(Z, y, w, bias)


def _balanced(weights: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the weights, at least 0, scaled to one half on each class."""
    weights = np.maximum(weights, 0.0)
    return weights / (2 * np.where(y > 0, weights[y > 0].sum(), weights[y < 0].sum()))


def _solve(Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return a unit w, the bias and the balanced weights, to the solver's precision.

    A large constant feature makes the bias almost free; if that is not close, a conic solver.
    """
    heavy = np.column_stack([Z, HEAVY * y])
    w, weights = best_of(heavy, 2, candidates(heavy, 2, None))
    bias, w = HEAVY * float(w[-1]), w[:-1]
    if (weights[y > 0].any() and weights[y < 0].any()) and (margin := _margin(Z, y, w, bias)) > 0:
        weights = _balanced(weights, y)
        best = _polish(Z, y, w, bias, weights)
        if _gap(Z, y, *best) <= GAP * margin / 100:
            return best
    return _by_cone(Z, y)


def _by_cone(Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return a unit w, the bias and the balanced weights by a second-order cone program."""
    with needed():
        import cvxpy

    w, bias, margin = cvxpy.Variable(Z.shape[1]), cvxpy.Variable(), cvxpy.Variable()
    above = Z @ w + bias * y >= margin
    solve(cvxpy.Problem(cvxpy.Maximize(margin), [above, cvxpy.norm(w) <= 1]), "maximum margin")
    return w.value, float(bias.value), _balanced(above.dual_value, y)


def _polish(
    Z: np.ndarray, y: np.ndarray, w: np.ndarray, bias: float, weights: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Solve the KKT equations on the support: Z_S w + bias y_S = 1, w = Z_S^T a, <y_S, a> = 0.

    Subtracting from the first equation its mean over S, times y_S, takes the bias out.
    """
    best = w, bias, weights
    margins = Z @ w + bias * y
    for width in (1e-3, 1e-5, 1e-7, 1e-9):
        rows = np.flatnonzero((margins <= (1 + width) * margins.min()) & (weights > 0))
        for _ in range(8):
            on, sides = Z[rows], y[rows]
            if np.unique(sides).size < 2:
                break
            across = on - np.outer(sides, sides @ on) / rows.size
            w = np.linalg.lstsq(across, 1 - sides * sides.mean())[0]
            a = np.linalg.lstsq(np.vstack([on.T, sides]), np.r_[w, 0.0])[0]
            if (a > 0).all():
                exact = _balanced(np.bincount(rows, a, minlength=len(Z)), y)
                candidate = w, float(np.mean(sides * (1 - on @ w))), exact
                if _gap(Z, y, *candidate) <= max(_gap(Z, y, *best), ROUNDING):
                    best = candidate
                break
            rows = rows[a > 0]
    return best
