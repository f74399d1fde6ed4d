"""The hard margin between several classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import read_only
from ibias.datasets import MulticlassDataset
from ibias.optima._advice import rows_of
from ibias.optima._predictor import new_inputs
from ibias.optima._solver import require
from ibias.optima.margin import margin_of_rows


@dataclass(frozen=True, eq=False)
class MulticlassMargin:
    """The solution of min ||W||_F subject to <w_{y_i} - w_r, x_i> >= 1 for all i and r != y_i.

    Attributes
    ----------
    W : array, shape (n_classes, n_features)
        The un-normalised solution. Its rows sum to zero.
    margin : float
        1 / ||W||_F.
    dual_variables : array, shape (n_samples, n_classes)
        Convex weights on the pairs (sample, wrong class); zero at the true class.
    support : array of int, shape (n_support, 2)
        The pairs (sample, wrong class) on the margin.
    duality_gap : float
        As in `MaxMargin`, for the binary problem on ``data.Z``.
    """

    W: np.ndarray
    margin: float
    dual_variables: np.ndarray
    support: np.ndarray
    duality_gap: float

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return <w_r, x> for each row of X and each class r, shape (n_samples, n_classes)."""
        return new_inputs(X, self.W.shape[1]) @ self.W.T

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class 0, 1, ..., n_classes - 1 of each row of X, shape (n_samples,)."""
        return self.decision_function(X).argmax(axis=1)


def multiclass_margin(data: MulticlassDataset) -> MulticlassMargin:
    """Return the multiclass hard-margin machine (Crammer and Singer 2001), without bias.

    It is where gradient descent on the cross-entropy goes (Soudry et al. 2018, Theorem 7).

    Raises
    ------
    ValueError
        If `data` is not a MulticlassDataset.
    NotSeparable
        If no W puts the true class first for every sample; the weights are on ``data.pairs``.
    RuntimeError
        If the relative duality gap is above 1e-9.

    Examples
    --------
    >>> best = multiclass_margin(MulticlassDataset([[1.0, 0.0], [0.0, 1.0]], [0, 1]))
    >>> best.W.round(6)
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    require("data", data, MulticlassDataset)
    with rows_of(data.pairs[:, 0]):
        best = margin_of_rows(data.Z, 2)
    weights = np.zeros((data.n_samples, data.n_classes))
    weights[tuple(data.pairs.T)] = best.dual_variables
    return MulticlassMargin(
        W=read_only(best.w.reshape(data.n_classes, data.n_features).copy()),
        margin=best.margin,
        dual_variables=read_only(weights),
        support=read_only(data.pairs[best.support]),
        duality_gap=best.duality_gap,
    )
