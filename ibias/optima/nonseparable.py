"""Where gradient descent goes on data that no hyperplane separates: a bounded part and a ray."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import alike, even, graded, independent, lengths, rank, rounding
from ibias.losses import MarginLoss, named
from ibias.optima._advice import Unsolved, repeated, rows_of, scaling_tried, too_small
from ibias.optima._norms import Extended, distance_of, least_squares, length
from ibias.optima._predictor import Classifier, new_inputs
from ibias.optima._solver import require
from ibias.optima.margin import GAP, MaxMargin, margin_of_rows, to_margin_one
from ibias.optima.separability import COMPUTED, PRECISION, RANK, separate

NEWTON_STEPS = 200
SEEN = 1e-12  # scores below this, of the sum of their terms' sizes, are rounding
ROUNDING = 1e-13  # a rise of the log risk below this is none; Newton's step is right there


@dataclass(frozen=True, eq=False)
class Decomposition(Classifier):
    """The limit of gradient descent, w(t) = bounded + log(t) * ray.w + o(log t).

    Attributes
    ----------
    bounded : array, shape (n_features,)
        The minimiser of the risk of the `rest` within their span; zero where there is no rest.
    ray : MaxMargin or None
        The Euclidean maximum margin of the `separable` samples, in the orthogonal complement
        of that span. Indices and weights refer to the whole data set. None when every sample
        is in the rest: there is no ray.
    separable : array of int
        The largest part that some w separates while no other sample has <z_i, w> < 0.
    rest : array of int
        The other samples.
    weights : array, shape (n_samples,)
        The normalised dual variables of the bounded part, zero on `separable`.
    residual : float
        The largest entry of ``weights @ Z``, relative to its feature's largest entry. It
        vanishes exactly at the minimiser.
    """

    bounded: np.ndarray
    ray: MaxMargin | None
    separable: np.ndarray
    rest: np.ndarray
    weights: np.ndarray
    residual: float

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return for each row of X a number with the sign of <w(t), x> as t grows.

        That is <ray.w, x> where it is not zero: the score then grows like log(t) times it. Where
        the ray does not see x, the score stays <bounded, x>. Shape (n_samples,).
        """
        X = new_inputs(X, self.bounded.size)
        held = X @ self.bounded
        if self.ray is None:
            return held
        moved = X @ self.ray.w
        seen = np.abs(moved) > SEEN * (np.abs(X) @ np.abs(self.ray.w))
        return np.where(seen, moved, held)


@scaling_tried
def bounded_part_and_ray(data: Dataset, *, loss: str | MarginLoss = "logistic") -> Decomposition:
    """Split the limit of gradient descent on any data (Ji and Telgarsky 2019, Theorem 1.1).

    The samples of the `rest` hold each other at a finite point of their span S. Orthogonally
    to S only the separable samples pull, and they pull to their maximum margin there.

    Raises
    ------
    ValueError
        If `data` is not a Dataset, or for an unknown loss.
    RuntimeError
        If rounding leaves open which samples can be separated, or what the others span, or the pull
        at the bounded part does not vanish to 1e-9 of its terms.

    Examples
    --------
    >>> data = Dataset.from_signed([[0, 1], [0, 1], [0, -1], [1, 3]])
    >>> parts = bounded_part_and_ray(data, loss="exponential")
    >>> parts.rest, parts.bounded.round(6), parts.ray.w.round(6)
    (array([0, 1, 2]), array([0.      , 0.346574]), array([1., 0.]))
    """
    Z, loss = require("data", data, Dataset).Z, named(loss)
    split = separate(Z)
    _certain(Z, split.rest)
    bounded, margins, left = _bounded(Z[split.rest], loss)
    weights, residual = np.zeros(data.n_samples), 0.0
    if split.rest.size:
        weights[split.rest] = loss.dual_variables(margins)
        columns = np.abs(Z).max(axis=0)
        residual = float(np.abs(weights @ Z / np.where(columns > 0, columns, 1)).max())
    if not max(residual, left) <= 1e3 * PRECISION:
        residual = max(residual, left)
        lightest = int(split.rest[weights[split.rest].argmin()])
        raise Unsolved(
            f"data: the bounded part was found only to {residual:.1e} of its gradient.",
            f"drop the samples of smallest weight, first of all {lightest}",
        )
    with rows_of(split.separable):
        ray = _ray(Z, split.separable, split.rest) if split.separable.size else None
    return Decomposition(
        bounded=read_only(bounded),
        ray=ray,
        separable=split.separable,
        rest=split.rest,
        weights=read_only(weights),
        residual=residual,
    )


def _certain(Z: np.ndarray, rest: np.ndarray) -> None:
    """Refuse samples that span more than what `RANK` leaves of their span, and is no rounding."""
    rows = Z[rest]
    basis, units, columns = _even(rows)
    same, blur, _ = alike(rows, units, columns)
    if rank(same, blur) != basis.shape[1]:
        found = independent(same, blur)
        raise RuntimeError(repeated(rest[found[min(basis.shape[1], len(found) - 1) :]].tolist()))


def _span(rows: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis, as columns, of the span of the rows."""
    across, _, columns = _even(rows)
    return np.linalg.qr(across * columns[:, None])[0]


def _even(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a basis of the span of the rows made `even`, and the sizes of rows and features.

    Which directions count, and how steep a risk is, is decided with features of one size.
    """
    if not rows.size:
        return np.empty((rows.shape[1], 0)), np.ones(0), np.ones(rows.shape[1])
    units, columns = even(rows)
    _, size, right = np.linalg.svd(rows / units[:, None] / columns, full_matrices=False)
    return right[size > RANK * size.max(initial=0)].T, units, columns


def _bounded(rows: np.ndarray, loss: MarginLoss) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the minimiser w of the risk of the rows, in their span, <z_i, w>, and what is left.

    That is the largest sum of p_i y_ik, relative to the sum of p_i |y_ik|, in coordinates y_k in
    which long rows do not hide short ones.
    """
    basis, units, columns = _even(rows)
    parts = rows / columns @ basis
    uneven = (units != 1).any()
    if uneven:
        turn, parts = graded(parts)
        basis = basis @ turn
    sizes = np.abs(parts).max(axis=0, initial=0) if uneven else np.ones(parts.shape[1])
    x = _minimiser(parts / sizes, loss) / sizes
    span = _span(rows)
    w = span @ (span.T @ (basis @ x / columns))
    margins = parts @ x if uneven else rows @ w
    return w, margins, _left(loss.dual_variables(margins), parts) if parts.size else 0.0


def _left(p: np.ndarray, parts: np.ndarray) -> float:
    """Return the largest |sum_i p_i y_ik|, less its rounding, relative to sum_i p_i |y_ik|.

    Infinite where all p_i are zero that see a coordinate: nothing holds it.
    """
    terms = p @ np.abs(parts)
    if (terms == 0).any():
        return np.inf
    blur = rounding(parts) * (p * lengths(parts)[:, 0] @ (parts != 0))
    return float(np.maximum((np.abs(p @ parts) - blur) / terms, 0).max())


def _ray(Z: np.ndarray, separable: np.ndarray, rest: np.ndarray) -> MaxMargin:
    """Return the maximum margin of some rows across the span of others, in the terms of Z."""
    span = _span(Z[rest])
    across = Z[separable] - (Z[separable] @ span) @ span.T
    across = across - (across @ span) @ span.T  # twice is enough
    ray = margin_of_rows(across, 2, None, COMPUTED)
    # The rest must not move at all, also where features of very different sizes cancel.
    columns = np.abs(Z).max(axis=0)
    columns = np.where(columns > 0, columns, 1.0)
    w = ray.w.copy()
    if rest.size:
        w -= least_squares(Z[rest] / columns, Z[rest] @ w) / columns
        # Weights that are rounding would else decide for inputs that no other weight sees.
        w[np.abs(w * columns) <= SEEN * np.abs(w * columns).max()] = 0.0
    w = to_margin_one(Z[separable], w, along=across)
    if w is None:
        raise too_small(Z[separable], ray.dual_variables, ray.margin, ray.duality_gap)
    margin = float(1 / length(w.astype(Extended), 2))
    gap = distance_of(across, ray.dual_variables, 2) - margin
    moved = np.abs(Z[rest] @ w) - GAP * np.maximum(np.abs(Z[rest]) @ np.abs(w), 1.0)
    if not abs(gap) <= GAP * margin or (moved > 0).any():
        raise too_small(Z[separable], ray.dual_variables, margin, gap)
    return replace(
        ray,
        w=read_only(w),
        direction=read_only(w * margin),
        margin=margin,
        duality_gap=gap,
        dual_variables=read_only(np.bincount(separable, ray.dual_variables, minlength=len(Z))),
        support=read_only(separable[ray.support]),
    )


def _minimiser(Z: np.ndarray, loss: MarginLoss) -> np.ndarray:
    """Return the minimiser of the risk by Newton's method, halving steps that go up.

    Gradient and Hessian are divided by the sum of the slopes, so that nothing under- or
    overflows: -Z^T p and Z^T diag(p * -(log -l')') Z, with p the normalised dual variables.
    """
    x = np.zeros(Z.shape[1])
    with progress.Bar("seeking the bounded part", NEWTON_STEPS) as bar:
        for k in range(NEWTON_STEPS if x.size else 0):
            bar.at(k)
            margins = Z @ x
            p = loss.dual_variables(margins)
            hessian = (Z.T * (p * -loss.log_slope_derivative(margins))) @ Z
            # Long rows may be the lightest: each unknown is measured by its own curvature.
            curved = np.sqrt(np.diag(hessian))
            curved = np.where(curved > 0, curved, 1.0)
            step = np.linalg.lstsq(hessian / curved / curved[:, None], p @ Z / curved)[0] / curved
            best = loss.log_risk(margins)
            while loss.log_risk(Z @ (x + step)) > best + ROUNDING and np.abs(step).max() > ROUNDING:
                step = step / 2
            x = x + step
            if np.abs(step).max() <= 1e-14 * max(1.0, np.abs(x).max()):
                break
    return x
