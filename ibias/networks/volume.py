"""Random linear classifiers of a given margin: uniform draws by hit-and-run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import chance, finite_array, positive_integer, require
from ibias.datasets import Dataset
from ibias.trajectory import direction


def draws_of_margin(
    data: Dataset,
    rng: np.random.Generator,
    *,
    start: ArrayLike,
    margin: float,
    n_draws: int,
    n_steps: int = 300,
) -> np.ndarray:
    """Draw unit vectors w uniformly from those with <z_i, w> >= margin for all samples.

    Hit-and-run (Smith 1984) on the sphere: a step takes a random great circle through w. On it
    <z_i, w cos a + v sin a> is a cosine in the angle a, so that each sample leaves an arc around
    0, and the next w is uniform on what all arcs share.

    Parameters
    ----------
    data : Dataset
        The samples.
    rng : Generator
        The source of the draws.
    start : array, shape (n_features,)
        Where all chains begin; its own margin must be at least `margin`. Only its direction counts.
    margin : float
        The smallest <z_i, w> that is allowed, at least 0.
    n_draws, n_steps : int
        The number of chains, and of steps in each. The part of w that no sample sees is drawn
        afresh at the end, so that only the part in the span of the samples has to mix.

    Returns
    -------
    array, shape (n_draws, n_features)

    Raises
    ------
    ValueError
        For bad input, by name.

    Examples
    --------
    >>> data = Dataset([[1.0, 0.0], [-1.0, 0.0]], [1, -1])
    >>> rng = np.random.default_rng(0)
    >>> w = draws_of_margin(data, rng, start=[1.0, 0.0], margin=0.5, n_draws=100, n_steps=20)
    >>> w.shape, bool((w[:, 0] > 0.5 - 1e-12).all())
    ((100, 2), True)
    """
    require("data", data, Dataset)
    rng, start = chance(rng), finite_array("start", start, ndim=1)
    if start.shape != (data.n_features,):
        raise ValueError(
            f"start has shape {start.shape}; give the {data.n_features} weights of one classifier."
        )
    smallest = float(finite_array("margin", margin, ndim=0))
    if smallest < 0:
        raise ValueError(f"margin must be at least 0, or start is no solution; got {smallest:g}")
    reached = data.Z @ direction(start)
    if (reached < smallest - 1e-9 * np.linalg.norm(data.Z, axis=1)).any():
        raise ValueError(
            f"start has the margin {reached.min():.6g}, below the {smallest:.6g} asked for: start"
            " at a solution of larger margin, or lower margin."
        )
    w = np.tile(direction(start), (positive_integer("n_draws", n_draws), 1))
    seen = data.Z.any(axis=1)  # a sample of zeros has margin zero, whatever w
    Z, lowest = data.Z[seen], np.minimum(smallest, reached[seen])  # but for rounding
    for _ in range(positive_integer("n_steps", n_steps) if len(Z) else 0):
        v = rng.standard_normal(w.shape)
        v = direction(v - (v * w).sum(axis=1, keepdims=True) * w)
        along, across = w @ Z.T, v @ Z.T
        phase = np.arctan2(across, along)
        half = np.arccos(np.clip(lowest / np.hypot(along, across), 0, 1))
        first, last = (phase - half).max(axis=1), (phase + half).min(axis=1)
        angle = first + (last - first).clip(0) * rng.random(len(w))
        w = direction(np.cos(angle)[:, None] * w + np.sin(angle)[:, None] * v)
    return _redraw_unseen(data, w, rng)


def _redraw_unseen(data: Dataset, w: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn the part of each w across all samples to a random direction, of the same length.

    A sample sees as much of w however short it is: what all of them see is judged on rows of
    one size.
    """
    size = np.abs(data.Z).max(axis=1, keepdims=True)
    _, sizes, rows = np.linalg.svd(data.Z / np.where(size > 0, size, 1.0), full_matrices=False)
    seen = rows[sizes > sizes[0] * 1e-12]
    if len(seen) == data.n_features:
        return w
    within = w @ seen.T @ seen
    fresh = rng.standard_normal(w.shape)
    fresh = direction(fresh - fresh @ seen.T @ seen)
    return within + fresh * np.linalg.norm(w - within, axis=1, keepdims=True)
