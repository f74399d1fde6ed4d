"""The kernel of an infinitely wide two-layer ReLU network whose first layer stays at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array


def relu_kernel(X: ArrayLike, V: ArrayLike | None = None) -> np.ndarray:
    """Return E max(<w, x>, 0) max(<w, v>, 0) for w uniform on the unit sphere.

    With a the angle between x and v, of dimension d, this is
    ||x|| ||v|| (sin a + (pi - a) cos a) / (2 pi d) (Cho and Saul 2009). Its unit ball is that
    of the norm F2.

    Parameters
    ----------
    X : array, shape (n_samples, d)
        The inputs.
    V : array, shape (n_others, d), optional
        Other inputs; X itself if not given.

    Returns
    -------
    array, shape (n_samples, n_others)

    Examples
    --------
    >>> relu_kernel([[1.0, 0.0], [0.0, 1.0]]).round(4)
    array([[0.25  , 0.0796],
           [0.0796, 0.25  ]])
    """
    X = finite_array("X", X, ndim=2)
    V = X if V is None else finite_array("V", V, ndim=2)
    if X.shape[1] != V.shape[1]:
        raise ValueError(f"X has {X.shape[1]} columns but V has {V.shape[1]}; give the same.")
    sizes = np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(V, axis=1)
    cosines = np.clip(X @ V.T / np.where(sizes > 0, sizes, 1.0), -1, 1)
    angles = np.arccos(cosines)
    shape = np.sin(angles) + (np.pi - angles) * cosines
    return sizes * shape / (2 * np.pi * X.shape[1])
