"""Random linear classifiers of a given margin: uniform draws by hit-and-run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import chance, finite_array, positive_integer, require
from ibias.datasets import Dataset, generator
from ibias.trajectory import direction

# Steps until a look at the chains, and whether these are along circles of the shape seen before.
LOOKS = [(300, False), *[(300, True)] * 3, *[(600, True)] * 3, (4800, False), *[(2400, True)] * 3]
WATCHED = 64  # chains
MIXED = 8.0  # relaxation times of the slowest linear function of w
STILL = 1e-13  # a standard deviation below this is rounding
NARROW = 1e-10  # beside one this small rounding at the edges of the set is a part of it
POINT = 1e-7  # the square root of rounding: the width of a set of just the largest margin


def draws_of_margin(
    data: Dataset,
    rng: np.random.Generator,
    *,
    start: ArrayLike,
    margin: float,
    n_draws: int,
    n_steps: int | None = None,
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
    n_draws : int
        The number of chains.
    n_steps : int, optional
        The number of steps in each: taken as it is, whether the chains have mixed by then or not.
        Without it they are 300, or as many as it takes, along circles of the shape of the set if
        need be: 64 chains are watched until each linear function of w forgets the start, to
        exp(-8). The part of w that no sample sees is drawn afresh at the end, so that only the part
        in the span of the samples has to mix.

    Returns
    -------
    array, shape (n_draws, n_features)

    Raises
    ------
    ValueError
        For bad input, by name.
    RuntimeError
        Without `n_steps`, if the chains do not mix.

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
    if n_steps is not None:
        n_steps = positive_integer("n_steps", n_steps)
    if len(Z) and data.n_features > 1:  # else start is all there is, or any direction
        shape = None
        if n_steps is None:
            n_steps, shape = _length_and_shape(data, w[0], lowest, smallest)
        for _ in range(n_steps):
            w = _step(Z, lowest, w, rng, shape)
    return _redraw_unseen(data, w, rng)


def _step(
    Z: np.ndarray,
    lowest: np.ndarray,
    w: np.ndarray,
    rng: np.random.Generator,
    shape: np.ndarray | None = None,
) -> np.ndarray:
    """Return the next w of each chain, on circles towards normal draws of covariance `shape`^2.

    With another shape than that of the sphere a circle is drawn more often at some w than at
    others, by |shape^-1 w| to the power d - 2; the step is taken with a chance that makes up for
    it (Metropolis et al. 1953).
    """
    v = rng.standard_normal(w.shape)
    if shape is not None:
        v = v @ shape
    v = direction(v - (v * w).sum(axis=1, keepdims=True) * w)
    along, across = w @ Z.T, v @ Z.T
    phase = np.arctan2(across, along)
    half = np.arccos(np.clip(lowest / np.hypot(along, across), 0, 1))
    first, last = (phase - half).max(axis=1), (phase + half).min(axis=1)
    angle = first + (last - first).clip(0) * rng.random(len(w))
    new = direction(np.cos(angle)[:, None] * w + np.sin(angle)[:, None] * v)
    if shape is None:
        return new
    sizes = [np.linalg.norm(np.linalg.solve(shape, each.T), axis=0) for each in (w, new)]
    taken = rng.random(len(w)) < (sizes[1] / sizes[0]) ** (w.shape[1] - 2)
    return np.where(taken[:, None], new, w)


def _length_and_shape(
    data: Dataset, start: np.ndarray, lowest: np.ndarray, margin: float
) -> tuple[int, np.ndarray | None]:
    """Return after how many steps the chains have mixed, and the shape with which they do.

    A linear function of w with the variance s^2, that moves by d^2 in the mean square of a step,
    forgets the start like exp(-n d^2 / 2 s^2). One that has not explored the set moves as far in
    n steps as it varies, however small s is: n d^2 / 2 s^2 is then of order one.
    """
    Z, seen = data.Z[data.Z.any(axis=1)], _seen(data)
    rng, w, root = generator(0), np.tile(start, (WATCHED, 1)), np.eye(len(start))
    for n_steps, shaped in LOOKS:
        states, moves, shape = [], [], root if shaped else None
        for k in range(n_steps):
            new = _step(Z, lowest, w, rng, shape)
            if k >= n_steps // 2 and k % (n_steps // LOOKS[0][0]) == 0:
                states.append(new)
                moves.append(new - w)
            w = new
        states, moves = np.concatenate(states), np.concatenate(moves)
        # By singular values: the squares of small ones are rounding.
        among = (states - states.mean(axis=0)) @ seen.T / np.sqrt(len(states))
        _, size, axes = np.linalg.svd(among, full_matrices=False)
        if size.max(initial=0.0) <= STILL and margin == 0 and len(seen) > 1:
            raise ValueError(
                "start has the margin 0, and no direction in which it stays at 0 or above: give a"
                " start of positive margin."
            )
        if size.max(initial=0.0) <= (POINT if margin > 0 else STILL):
            return n_steps, shape
        if size.min() > NARROW:
            step = moves @ seen.T @ axes.T / size
            if n_steps * np.linalg.eigvalsh(step.T @ step / len(step)).min() / 2 >= MIXED:
                return n_steps, shape
        _, size, axes = np.linalg.svd(states / np.sqrt(len(states)), full_matrices=False)
        root = axes.T * np.maximum(size, STILL) @ axes
    tight = data.Z @ w.T / np.linalg.norm(data.Z, axis=1, keepdims=True).clip(1e-300)
    drop = f"drop sample {int(tight.std(axis=1).argmin())}, which leaves the least room."
    if size.min() <= NARROW:
        raise RuntimeError(
            f"data: the solutions of margin {margin:.3g} are a set of width {size.min():.0e}, and"
            f" rounding decides where it ends. To go on, {drop}"
        )
    raise RuntimeError(
        f"data: chains of {max(LOOKS)[0]} steps do not mix. To go on, give n_steps, which is taken"
        f" as it is: make sure that the draws do not change when it is doubled. Or {drop}"
    )


def _seen(data: Dataset) -> np.ndarray:
    """Return an orthonormal basis, as rows, of what the samples see.

    A sample sees as much of w however short it is: what all of them see is judged on rows of
    one size.
    """
    size = np.abs(data.Z).max(axis=1, keepdims=True)
    _, sizes, rows = np.linalg.svd(data.Z / np.where(size > 0, size, 1.0), full_matrices=False)
    return rows[sizes > sizes[0] * 1e-12]


def _redraw_unseen(data: Dataset, w: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn the part of each w across all samples to a random direction, of the same length."""
    seen = _seen(data)
    if len(seen) == data.n_features:
        return w
    within = w @ seen.T @ seen
    fresh = rng.standard_normal(w.shape)
    fresh = direction(fresh - fresh @ seen.T @ seen)
    return within + fresh * np.linalg.norm(w - within, axis=1, keepdims=True)
