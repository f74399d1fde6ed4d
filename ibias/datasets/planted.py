"""Data whose maximum-margin separator and dual variables are known beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, positive, positive_integer
from ibias.datasets.classification import Dataset
from ibias.datasets.random import generator


def planted(
    seed: int = 0,
    dual_variables: ArrayLike = (0.6, 0.4),
    *,
    n_samples: int = 20,
    n_features: int | None = None,
    margin: float = 1.0,
    spread: float = 1.0,
) -> Dataset:
    """Return data with a given margin and given dual variables of its support vectors.

    With a random unit vector e and vectors t_i orthogonal to it, the support vectors are
    z_i = margin * e + t_i, where sum_i p_i t_i = 0. Then sum_i p_i z_i = margin * e is the
    point of the convex hull closest to zero: e is the maximum-margin direction and p are
    the normalised dual variables. The other samples have margins above 1.5 * margin.

    Parameters
    ----------
    seed : int
        Of the random rotation and of the other samples.
    dual_variables : array, shape (n_support,)
        Positive, summing to 1; the first rows of the data belong to them.
    n_samples : int
        At least as many as there are support vectors.
    n_features : int, optional
        At least the number of support vectors, which is the default.
    margin : float
        The maximum margin gamma.
    spread : float
        The distance of the corners of the simplex of the t_i, before they are centred at p.

    Raises
    ------
    ValueError
        For bad input, by name.

    Examples
    --------
    >>> from ibias import optima
    >>> svm = optima.max_margin(planted(0, [0.7, 0.3], margin=2))
    >>> print(round(svm.margin, 9), svm.dual_variables[:2].round(9))
    2.0 [0.7 0.3]
    """
    p = finite_array("dual_variables", dual_variables, ndim=1)
    margin, spread = positive("margin", margin), positive("spread", spread)
    n_samples = positive_integer("n_samples", n_samples)
    d = p.size if n_features is None else positive_integer("n_features", n_features)
    if p.size < 2 or (p <= 0).any() or abs(p.sum() - 1) > 1e-12:
        raise ValueError(
            f"dual_variables must be at least 2 positive numbers that sum to 1; got {p.tolist()}"
        )
    if d < p.size or n_samples < p.size:
        raise ValueError(
            f"{p.size} support vectors need n_features and n_samples of at least {p.size};"
            f" got {d} and {n_samples}"
        )
    rng = generator(seed)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    direction, across = turn[:, 0], turn[:, 1:]
    # The corners of a regular simplex, in coordinates of the subspace that they span.
    corners = np.linalg.svd(np.eye(p.size) - 1 / p.size)[0][:, : p.size - 1] * spread / np.sqrt(2)
    tangents = (corners - p @ corners) @ across[:, : p.size - 1].T
    n_others = n_samples - p.size
    heights = margin * (1.5 + np.abs(rng.standard_normal(n_others)))
    others = rng.standard_normal((n_others, d - 1)) @ across.T + np.outer(heights, direction)
    return Dataset.from_signed(np.vstack([margin * direction + tangents, others]))
