"""Is there a homogeneous hyperplane with all signed inputs on one side? Gordan and Stiemke."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.optima._advice import undecided
from ibias.optima._norms import least_squares, row_space
from ibias.optima._solver import require

PRECISION = 1e-12  # of the residual, relative to the largest entry of each feature
RANK = 1e-10  # singular values below this, of the largest, are rounding


class NotSeparable(ValueError):
    """No w has <z_i, w> > 0 for all i; the reason is a convex combination that meets zero.

    Attributes
    ----------
    weights : array, shape (n_samples,)
        At least 0 and summing to 1, with ``weights @ Z = 0``: no w can have all <z_i, w> > 0.
    residual : float
        The largest entry of ``weights @ Z``, each relative to its feature's largest entry.
    touching : bool
        True when some w has all <z_i, w> >= 0 and one of them positive: the margin is
        exactly 0 and part of the data can still be separated. False when every w that is not
        orthogonal to all inputs puts one of them on the wrong side.
    """

    def __init__(
        self,
        weights: np.ndarray,
        residual: float,
        touching: bool,
        what: str = "through the origin",
        remedy: str = "For a bias, use data.with_constant().",
    ) -> None:
        self.weights, self.residual, self.touching = read_only(weights), residual, touching
        used = int((weights > 0).sum())
        kind = (
            "The two classes touch: the margin is exactly 0. `separation` gives the part that"
            " can be separated"
            if touching
            else "The two classes overlap: every direction that sees the data errs somewhere"
        )
        super().__init__(
            f"the data are not linearly separable {what}: a convex combination of"
            f" {used} of the {weights.size} signed inputs y_i x_i meets zero"
            f" (residual {residual:.1e}). {kind}. {remedy}"
        )


@dataclass(frozen=True, eq=False)
class Separation:
    """The finest split of a data set into a part that can be separated and the rest.

    Attributes
    ----------
    separable : array of int
        Indices i with <z_i, w> > 0 for some w that has <z_j, w> >= 0 for all j.
    rest : array of int
        The other indices: a positive combination of exactly these meets zero.
    w : array, shape (n_features,)
        <z_i, w> > 0 on `separable`, and 0 on `rest` (up to rounding).
    weights : array, shape (n_samples,)
        Positive on `rest` and summing to 1 there, zero elsewhere, ``weights @ Z = 0``. All
        zero when the whole data set is separable.
    residual : float
        The largest entry of ``weights @ Z``, each relative to its feature's largest entry.
    """

    separable: np.ndarray
    rest: np.ndarray
    w: np.ndarray
    weights: np.ndarray
    residual: float

    def error(self, *words: str) -> NotSeparable:
        """Return the error to raise when the whole data set had to be separable.

        `words` replace "through the origin" and the remedy in its message.
        """
        return NotSeparable(self.weights.copy(), self.residual, self.separable.size > 0, *words)


def separation(data: Dataset) -> Separation:
    """Split the data into the largest part that can be separated, and the rest.

    One linear program does it: maximise sum t_i subject to <z_i, w> >= t_i, 0 <= t_i <= 1.
    At the optimum every t_i is 0 or 1, and the dual variables of the first constraint are at
    least 1 where t_i = 0 and vanish where t_i = 1 (Stiemke's theorem of the alternative; the
    partition is that of Ji and Telgarsky 2019, section 2).

    Raises
    ------
    ValueError
        If `data` is not a Dataset.
    RuntimeError
        If rounding leaves the question open.
    """
    return separate(require("data", data, Dataset).Z)


def separate(Z: np.ndarray) -> Separation:
    """Return the `separation` of the signed inputs `Z`, shape (n_samples, n_features)."""
    # The split ignores the lengths of the inputs, the scales of the features and rotations.
    columns = np.abs(Z).max(axis=0)
    columns = np.where(columns > 0, columns, 1.0)
    rows, basis = row_space(Z / columns)
    lengths = np.linalg.norm(rows, axis=1)
    lengths = np.where(lengths > 0, lengths, 1.0)
    rows = rows / lengths[:, None]
    direction, separated, weights = _stiemke(rows)
    residual, rest = 0.0, rows[~separated]
    if rest.size:
        # Projections take the solver's rounding off: exactly here weights @ Z = 0, and exactly
        # across the rest the direction separates the others.
        on_rest = weights[~separated] - least_squares(rest.T, weights[~separated] @ rest)
        direction = direction - _onto_rows(rest, direction)
        weights = np.zeros(len(Z))
        weights[~separated] = on_rest / lengths[~separated]
        weights = weights / weights.sum()
        residual = float(np.abs(weights @ Z / columns).max())
    w = (direction if basis is None else basis @ direction) / columns
    margins = (Z @ w) / lengths
    if not (
        residual <= PRECISION
        and (weights[~separated] > 0).all()
        and (margins[separated] > 0.25).all()
        and (np.abs(margins[~separated]) <= PRECISION * np.abs(direction).max(initial=1)).all()
    ):
        raise RuntimeError(undecided(Z, weights))
    return Separation(
        separable=read_only(np.flatnonzero(separated)),
        rest=read_only(np.flatnonzero(~separated)),
        w=read_only(w),
        weights=read_only(weights),
        residual=residual,
    )


def _stiemke(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve the linear program of `separation`: a w, who is separated, and the dual variables."""
    n, d = rows.shape
    answer = linprog(
        np.r_[np.zeros(d), -np.ones(n)],
        A_ub=sparse.hstack([-rows, sparse.eye_array(n)]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * d + [(0, 1)] * n,
        method="highs",
    )
    if answer.status != 0:
        raise RuntimeError(undecided(rows, np.full(n, 1 / n)))
    separated = answer.x[d:] > 0.5
    return answer.x[:d], separated, np.where(separated, 0.0, -answer.ineqlin.marginals)


def _onto_rows(rows: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the projection of w onto the span of the rows."""
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    right = right[size > RANK * size.max()]
    return right.T @ (right @ w)
