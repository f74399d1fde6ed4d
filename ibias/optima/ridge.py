"""The regularisation path of a smooth loss, down to penalties far below the smallest float."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, read_only
from ibias.datasets import Dataset
from ibias.losses import MarginLoss, named
from ibias.optima._advice import uneven_columns
from ibias.optima._predictor import LinearClassifier
from ibias.optima._solver import require

LARGEST_EXPONENT = 300
ERROR = 1e-8  # the largest error of a point of a path, relative to its norm


@dataclass(frozen=True, eq=False)
class RidgePath(LinearClassifier):
    """The minimisers of the risk plus (penalty / 2) ||w - centre||^2, for a range of penalties.

    Attributes
    ----------
    log_penalty : array, shape (n_penalties,)
        The logarithms of the penalties.
    w : array, shape (n_penalties, n_features)
        The minimisers.
    dual_variables : array, shape (n_penalties, n_samples)
        The normalised dual variables at each.
    error_estimate : array, shape (n_penalties,)
        The length of the next Newton step on w = centre + Z^T alpha(w): how far w still is from
        the minimiser.
    """

    log_penalty: np.ndarray
    w: np.ndarray
    dual_variables: np.ndarray
    error_estimate: np.ndarray


def ridge_path(
    data: Dataset,
    *,
    log_penalty: ArrayLike,
    loss: str | MarginLoss = "logistic",
    centre: ArrayLike | None = None,
) -> RidgePath:
    """Return the regularisation path of a smooth loss, down to penalties like exp(-10^4).

    Everything is kept in logarithms: the stationarity condition is w = centre + Z^T alpha with
    log alpha_i = log(-l'(<z_i, w>)) - log(n penalty), of order one all along. From zero the
    direction tends to the maximum margin as the penalty vanishes (Rosset, Zhu and Hastie 2004).

    Parameters
    ----------
    data : Dataset
        Separable or not.
    log_penalty : array, shape (n_penalties,)
        Natural logarithms of the penalties, in any order.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    centre : array, shape (n_features,), optional
        What the penalty pulls to; zero if not given. The weights that another task has left,
        for instance.

    Raises
    ------
    ValueError
        For bad input, by name.
    RuntimeError
        If Newton's method fails.

    Examples
    --------
    >>> from ibias import datasets
    >>> path = ridge_path(datasets.symmetric_pair(), log_penalty=[0, -1e4])
    >>> (path.w[1] / path.w[1].sum()).round(6)
    array([0.5, 0.5])
    """
    # All minimisers less the centre lie in the span of the inputs: for d > n, work there.
    basis, rows = np.linalg.qr(require("data", data, Dataset).Z.T)
    centre = np.zeros(data.n_features) if centre is None else finite_array("centre", centre, ndim=1)
    if centre.shape != (data.n_features,):
        raise ValueError(f"centre has shape {centre.shape}; give {data.n_features} weights.")
    Z, loss = rows.T, From(named(loss), data.Z @ centre)
    log_penalty = np.atleast_1d(finite_array("log_penalty", log_penalty))
    if log_penalty.ndim != 1 or log_penalty.size == 0:
        raise ValueError(f"log_penalty must be a list of numbers; got shape {log_penalty.shape}")
    # Start where the penalty rules, alpha about 1/n, and follow the path down.
    steepest = max(loss.log_slope(np.zeros(len(Z))).max(), 0.0)
    s = max(log_penalty.max(), np.log(np.linalg.norm(Z, ord=2) ** 2 + 1) + steepest)
    w = _newton(Z, loss, np.zeros(Z.shape[1]), s)
    if w is None:
        raise RuntimeError(
            f"loss: Newton's method found no start of the path at log_penalty {s:.3g}; multiply X"
            " by a constant, to entries of order one."
        )
    points = {}
    for target in np.unique(log_penalty)[::-1]:
        w = _follow(Z, loss, w, s, target)
        s = target
        points[target] = w
    path = np.array([points[target] for target in log_penalty])
    errors = [np.linalg.norm(_step(Z, loss, w, s)) for w, s in zip(path, log_penalty, strict=True)]
    for w, s, error in zip(path, log_penalty, errors, strict=True):
        if not error <= ERROR * max(np.linalg.norm(w), np.linalg.norm(centre)):
            raise RuntimeError(
                f"log_penalty={s:g}: the minimiser was found only to {error:.1e}."
                f" To go on, {uneven_columns(data.X) or 'ask for larger penalties'}."
            )
    return RidgePath(
        log_penalty=read_only(log_penalty),
        w=read_only(centre + path @ basis.T),
        dual_variables=read_only(loss.dual_variables(path @ Z.T)),
        error_estimate=read_only(np.array(errors)),
    )


@dataclass(frozen=True, eq=False)
class From:
    """A loss as a function of how far the margins are from those of the centre."""

    loss: MarginLoss
    margins: np.ndarray

    def log_slope(self, u: np.ndarray) -> np.ndarray:
        """Return log(-l') at the margins plus u."""
        return self.loss.log_slope(self.margins + u)

    def log_slope_derivative(self, u: np.ndarray) -> np.ndarray:
        """Return the derivative of `log_slope`."""
        return self.loss.log_slope_derivative(self.margins + u)

    def dual_variables(self, u: np.ndarray) -> np.ndarray:
        """Return the normalised dual variables."""
        return self.loss.dual_variables(self.margins + u)


def _alpha(Z: np.ndarray, loss: From, w: np.ndarray, s: float) -> np.ndarray:
    """Return alpha_i = -l'(<z_i, w>) / (n penalty)."""
    return np.exp(loss.log_slope(Z @ w) - np.log(len(Z)) - s)


def _jacobian(Z: np.ndarray, loss: From, w: np.ndarray, s: float) -> np.ndarray:
    """Return the derivative of w - Z^T alpha(w), w from the centre."""
    with np.errstate(over="ignore", invalid="ignore"):  # `_solved` finds none then
        curvature = _alpha(Z, loss, w, s) * -loss.log_slope_derivative(Z @ w)
        return np.eye(w.size) + (Z.T * curvature) @ Z


def _solved(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return A^-1 b; NaN where double precision has none."""
    try:
        return np.linalg.solve(A, b)
    except np.linalg.LinAlgError:
        return np.full(b.size, np.nan)


def _step(Z: np.ndarray, loss: From, w: np.ndarray, s: float) -> np.ndarray:
    """Return Newton's step on w = Z^T alpha(w), w from the centre."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _solved(_jacobian(Z, loss, w, s), _alpha(Z, loss, w, s) @ Z - w)


def _newton(Z: np.ndarray, loss: From, w: np.ndarray, s: float) -> np.ndarray | None:
    """Return the minimiser near w, or None if the steps do not shrink."""
    last = np.inf
    for _ in range(50):
        step = _step(Z, loss, w, s)
        with np.errstate(over="ignore"):
            size, norm = np.linalg.norm(step), np.linalg.norm(w)
        if size <= 1e-14 * norm or (size <= ERROR * norm and size >= last / 2):
            return w
        if not size <= 2 * last or not np.isfinite(size):
            return None
        w, last = w + step, size
    return None


def _follow(
    Z: np.ndarray, loss: From, w: np.ndarray, s: float, target: float, depth: int = 0
) -> np.ndarray:
    """Return the minimiser at log penalty `target` from the one at `s`, halving where needed.

    The tangent of the path is dw/ds = -J^{-1} w.
    """
    guess = w + (s - target) * _solved(_jacobian(Z, loss, w, s), w)
    growth = (loss.log_slope(Z @ guess) - target).max() - (loss.log_slope(Z @ w) - s).max()
    found = _newton(Z, loss, guess, target) if growth < 20 else None
    if found is not None:
        return found
    if depth == 40:
        raise RuntimeError(
            f"log_penalty: Newton's method lost the path between {s:g} and {target:g}; ask for"
            " penalties in between, or larger ones."
        )
    if (loss.log_slope(Z @ w) - s).max() > LARGEST_EXPONENT:
        raise RuntimeError(
            f"log_penalty: below {s:.0f} the minimiser leaves the range of float64; for this loss"
            " and these data ask for larger penalties."
        )
    middle = (s + target) / 2
    w = _follow(Z, loss, w, s, middle, depth + 1)
    return _follow(Z, loss, w, middle, target, depth + 1)
