"""The largest margin between several classes in the spectral norm of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import read_only
from ibias.datasets import MulticlassDataset
from ibias.models.spectrum import nuclear_norm
from ibias.optima._solver import require, solve
from ibias.optima.multiclass import multiclass_margin

GAP = 1e-6  # the largest gap, relative to the margin, that is returned


@dataclass(frozen=True, eq=False)
class SpectralMargin:
    """A solution of min ||W||_op subject to <w_{y_i} - w_r, x_i> >= 1 for all i and r != y_i.

    Attributes
    ----------
    W : array, shape (n_classes, n_features)
        The un-normalised solution; ||W||_op = 1 / margin. It need not be the only one.
    margin : float
        The largest min_ir <w_{y_i} - w_r, x_i> / ||W||_op.
    dual_variables : array, shape (n_pairs,)
        Convex weights on ``data.pairs``. The nuclear norm of their mean of ``data.Z``, as a
        matrix, is the margin.
    duality_gap : float
        That nuclear norm minus the margin of W, computed from exactly these two. No W has a
        margin larger than `margin` + `duality_gap`.
    """

    W: np.ndarray
    margin: float
    dual_variables: np.ndarray
    duality_gap: float


def spectral_margin(data: MulticlassDataset) -> SpectralMargin:
    """Return the machine of largest margin in the spectral norm, and its certificate.

    It is where descent by polar factors goes (Fan, Schmidt and Thrampoulidis 2025). For every W
    and all convex weights a, min_i <z_i, W> <= <sum_i a_i z_i, W> <= ||sum_i a_i z_i||_* ||W||_op:
    any pair bounds the largest margin from both sides.

    Raises
    ------
    ValueError
        If `data` is not a MulticlassDataset.
    NotSeparable
        If no W puts the true class first for every sample.
    RuntimeError
        If the solver leaves a gap above 1e-6 of the margin.

    Examples
    --------
    >>> best = spectral_margin(MulticlassDataset([[1.0, 0.0], [0.0, 1.0]], [0, 1]))
    >>> round(best.margin, 6)
    1.0
    """
    import cvxpy

    require("data", data, MulticlassDataset)
    scale = multiclass_margin(data).margin  # raises where nothing separates
    W = cvxpy.Variable((data.n_classes, data.n_features))
    apart = (data.Z / scale) @ cvxpy.vec(W, order="C") >= 1
    solve(cvxpy.Problem(cvxpy.Minimize(cvxpy.sigma_max(W)), [apart]), "largest spectral margin")
    found = W.value / (data.Z @ W.value.ravel()).min()
    margin = 1 / np.linalg.norm(found, ord=2)
    weights = np.maximum(apart.dual_value, 0.0)
    weights = weights / weights.sum()
    pulled = (weights @ data.Z).reshape(found.shape)
    gap = float(nuclear_norm(pulled)) - margin
    if not gap <= GAP * margin:
        raise RuntimeError(
            f"data: the solver left a duality gap of {gap:.2g} at the margin {margin:.6g}; divide"
            " X by its largest entry, and drop features that are far smaller than the rest."
        )
    return SpectralMargin(
        W=read_only(found),
        margin=float(margin),
        dual_variables=read_only(weights),
        duality_gap=float(gap),
    )
