"""The support vector machine with the hinge loss, at finite penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import positive, read_only
from ibias.datasets import Dataset
from ibias.optima._advice import penalty_of_averages
from ibias.optima._norms import power_of_two, row_space
from ibias.optima._predictor import LinearClassifier
from ibias.optima._shortfalls import least_shortfall
from ibias.optima._solver import needed, require, solve
from ibias.optima._sums import exact_sums
from ibias.optima.margin import margin_of_rows
from ibias.optima.separability import NotSeparable

GAP = 1e-9  # the largest gap, relative to the objective, that is returned
LIFTS = 2  # of w, by its shortfall
ROUGH = 1e-6  # a shortfall above this is no rounding
ROUNDED = 2 * np.finfo(float).eps  # w is longer by at least this, however it is rounded


@dataclass(frozen=True, eq=False)
class HingeMachine(LinearClassifier):
    """The minimiser of mean_i max(0, 1 - <z_i, w>) + (penalty / 2) ||w||^2.

    Attributes
    ----------
    w : array, shape (n_features,)
        The minimiser, which is unique.
    objective : float
        The smallest value.
    dual_variables : array, shape (n_samples,)
        From 0 (above the margin) to 1 (below it); w = Z^T dual_variables / (n * penalty).
    support : array of int
        The indices with a positive dual variable.
    duality_gap : float
        The objective at `w` minus the dual objective at `dual_variables`. The error of w is
        at most sqrt(2 * duality_gap / penalty).
    penalty : float
        The weight of the squared norm; C = 1 / (n * penalty) in the other common notation.
    """

    w: np.ndarray
    objective: float
    dual_variables: np.ndarray
    support: np.ndarray
    duality_gap: float
    penalty: float


def hinge_machine(data: Dataset, *, penalty: float) -> HingeMachine:
    """Return the soft-margin support vector machine without bias (Cortes and Vapnik 1995).

    On separable data with hard margin m and dual weights p, it *equals* the hard-margin
    solution for every penalty up to m^2 / (n max p): the hinge loss needs no limit.

    Raises
    ------
    ValueError
        If `data` is not a Dataset or `penalty` not positive.
    RuntimeError
        If the relative duality gap is above 1e-9.

    Examples
    --------
    >>> from ibias import datasets
    >>> hinge_machine(datasets.symmetric_pair(), penalty=0.1).w.round(6)
    array([0.5, 0.5])
    """
    Z = require("data", data, Dataset).Z
    penalty, n = positive("penalty", penalty), data.n_samples
    size = power_of_two(np.abs(Z).max())
    Z, cost = Z / size, float(size**2 / (n * penalty))
    rows, basis = row_space(Z)
    w, weights = _hard(rows, cost) or _soft(rows, cost)
    w = w if basis is None else basis @ w
    w, objective, gap = _judged(Z, cost, w, weights)
    if not gap <= GAP * objective:
        w, pulls = least_shortfall(Z, 1.0, np.zeros(Z.shape[1]), cost, cost * weights)
        weights = np.minimum(pulls / cost, 1.0)
        w, objective, gap = _judged(Z, cost, w, weights)
    if not gap <= GAP * objective:
        raise RuntimeError(
            f"penalty={penalty:g}: the hinge machine was found only to {gap:.1e} of"
            f" {objective:.1e}. Take a larger one: a {penalty_of_averages(data.Z)}, where no sample"
            " reaches the margin, surely works."
        )
    return HingeMachine(
        w=read_only(w / size),
        objective=objective,
        dual_variables=read_only(weights),
        support=read_only(np.flatnonzero(weights > 0)),
        duality_gap=gap,
        penalty=penalty,
    )


def _judged(
    Z: np.ndarray, cost: float, w: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Return w, or a w that is longer by rounding, with its objective and gap.

    Long samples see the last digit of w, and at a small penalty a shortfall of that size costs
    more than all of ||w||^2. As a part of w lengthens it by no more than three times its square.
    """
    pull, tried = cost * exact_sums(Z.T, [weights]), []
    for _ in range(1 + LIFTS):
        short = exact_sums(-Z, [w], np.ones(len(Z)))
        value = float(np.maximum(0, short).mean() + _squared(w, cost) / len(Z))
        tried.append((_gap(cost, w, weights, short, pull), value, w))
        lift = short[weights < 1].max(initial=0.0)
        if tried[-1][0] <= GAP * value or lift > ROUGH:
            break
        w = w * (1 + lift + ROUNDED)
    gap, value, w = min(tried, key=lambda one: one[0])
    return w, value, gap


def _gap(
    cost: float, w: np.ndarray, weights: np.ndarray, short: np.ndarray, pull: np.ndarray
) -> float:
    """Return mean max(0, short) + ||w||^2/(2 n cost), minus its dual at `weights`.

    short = 1 - Zw, and pull = cost Z^T weights. The terms are never negative: nothing cancels.
    """
    missed = np.where(short > 0, (1 - weights) * short, -weights * short)
    return float(missed.mean() + _squared(w - pull, cost) / short.size)


def _squared(w: np.ndarray, cost: float) -> float:
    """Return ||w||^2 / (2 cost)."""
    return float(np.linalg.norm(w / np.sqrt(cost)) ** 2 / 2)


def _hard(Z: np.ndarray, cost: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the hard-margin solution, if none of its dual variables exceeds `cost`."""
    try:
        hard = margin_of_rows(Z, 2)
    except (NotSeparable, RuntimeError):  # without a margin, or with one too small to certify
        return None
    with np.errstate(all="ignore"):  # beyond double precision they are above one, too
        weights = hard.dual_variables / (hard.margin**2 * cost)
    return (hard.w, weights) if weights.max() <= 1 else None


def _soft(Z: np.ndarray, cost: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the best dual variables, and the w that follows from them."""
    pull = cost * Z.sum(axis=0)
    if (Z @ pull < GAP).all():  # all samples are far below the margin, where the solver fails
        return pull, np.ones(len(Z))
    try:
        solved = _hinge_solve(Z, cost)
    except RuntimeError:  # exchanges begin with all samples below the margin
        return pull, np.ones(len(Z))
    candidates = [solved, *(_hinge_polish(Z, cost, solved, width) for width in (1e-3, 1e-5, 1e-7))]
    pairs = [(cost * weights @ Z, weights) for weights in candidates]
    return min(pairs, key=lambda one: _gap(cost, *one, 1 - Z @ one[0], one[0]))


def _hinge_solve(Z: np.ndarray, cost: float) -> np.ndarray:
    """Return the dual variables of min ||w||^2/(2 cost) + sum max(0, 1 - Zw)."""
    with needed():
        import cvxpy

    w, shortfall = cvxpy.Variable(Z.shape[1]), cvxpy.Variable(len(Z), nonneg=True)
    above = Z @ w >= 1 - shortfall
    objective = cvxpy.sum_squares(w) / (2 * cost) + cvxpy.sum(shortfall)
    solve(cvxpy.Problem(cvxpy.Minimize(objective), [above]), "hinge machine")
    return np.clip(above.dual_value, 0, 1)


def _hinge_polish(Z: np.ndarray, cost: float, weights: np.ndarray, width: float) -> np.ndarray:
    """Solve the KKT equations, given which samples lie below, on and above the margin."""
    margins = cost * Z @ (weights @ Z)
    on = (np.abs(margins - 1) <= width) & (weights > 0)
    exact = np.where(margins < 1, 1.0, 0.0)
    exact[on] = 0.0
    missing = 1 - cost * Z[on] @ (exact @ Z)
    w = np.linalg.lstsq(Z[on], missing)[0]
    exact[on] = np.clip(np.linalg.lstsq(Z[on].T, w)[0] / cost, 0, 1)
    return exact
