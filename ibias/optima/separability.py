"""Is there a homogeneous hyperplane with all signed inputs on one side? Gordan and Stiemke."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.optima._solver import require

PRECISION = 1e-12  # of the residual, relative to the largest entry of each feature


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

    def __init__(self, weights: np.ndarray, residual: float, touching: bool) -> None:
        self.weights, self.residual, self.touching = read_only(weights), residual, touching
        used = int((weights > 0).sum())
        kind = (
            "The two classes touch: the margin is exactly 0. `separation` gives the part that"
            " can be separated"
            if touching
            else "The two classes overlap: every direction that sees the data errs somewhere"
        )
        super().__init__(
            "the data are not linearly separable through the origin: a convex combination of"
            f" {used} of the {weights.size} signed inputs y_i x_i meets zero"
            f" (residual {residual:.1e}). {kind}. For a bias, append a column of ones to X."
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

    def error(self) -> NotSeparable:
        """Return the error to raise when the whole data set had to be separable."""
        return NotSeparable(self.weights.copy(), self.residual, self.separable.size > 0)


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
    n, d = Z.shape
    # The split ignores the lengths of the inputs and the scales of the features.
    columns = np.abs(Z).max(axis=0)
    columns = np.where(columns > 0, columns, 1.0)
    rows = np.linalg.norm(Z / columns, axis=1)
    rows = np.where(rows > 0, rows, 1.0)
    scaled = Z / columns / rows[:, None]

    answer = linprog(
        np.r_[np.zeros(d), -np.ones(n)],
        A_ub=sparse.hstack([-scaled, sparse.eye_array(n)]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * d + [(0, 1)] * n,
        method="highs",
    )
    if answer.status != 0:
        raise RuntimeError(f"the linear program of the separation failed: {answer.message}")
    w = answer.x[:d] / columns
    separated = answer.x[d:] > 0.5
    weights = np.where(separated, 0.0, -answer.ineqlin.marginals / rows)
    residual = 0.0
    if not separated.all():
        rest = Z[~separated] / columns
        # A projection takes the solver's rounding off: weights @ Z = 0 to float64.
        on_rest = weights[~separated]
        on_rest = on_rest - np.linalg.lstsq(rest.T, on_rest @ rest)[0]
        weights[~separated] = on_rest / on_rest.sum()
        residual = float(np.abs(weights @ Z / columns).max())
    margins = scaled @ answer.x[:d]
    if (
        residual > PRECISION
        or (weights[~separated] <= 0).any()
        or (margins[separated] <= 0.5).any()
        or (np.abs(margins[~separated]) > 1e-6).any()
    ):
        raise RuntimeError(
            "rounding leaves open whether the data are separable: their margin is too close to"
            " zero for float64. Rescale the features, or move the classes apart."
        )
    return Separation(
        separable=read_only(np.flatnonzero(separated)),
        rest=read_only(np.flatnonzero(~separated)),
        w=read_only(w),
        weights=read_only(weights),
        residual=residual,
    )
