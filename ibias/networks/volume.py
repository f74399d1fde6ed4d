"""Random linear classifiers of a given margin: uniform draws by hit-and-run."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import chance, finite_array, positive_integer, require
from ibias.datasets import Dataset, generator
from ibias.datasets.rows import graded, lengths, nearest_power
from ibias.optima import max_margin, separation
from ibias.trajectory import direction

# Steps until a look at the chains, and whether these are along circles of the shape seen before.
LOOKS = [(300, False), *[(300, True)] * 3, *[(600, True)] * 3, (4800, False), *[(2400, True)] * 3]
WATCHED = 64  # chains
MIXED = 8.0  # relaxation times of the slowest linear function of w
STILL = 1e-13  # a standard deviation below this is rounding
NARROW = 1e-10  # beside one this small rounding at the edges of the set is a part of it
POINT = 2.4e-7  # the width of a set whose margin is the largest but for 128 roundings
CLOSE = 1e-7  # a margin this near to the largest, of it, is lowered where the set is too narrow


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
    0, and the next w is uniform on what all arcs share. At margin 0 samples may leave no room
    beside <z_i, w> = 0, where classes touch: the law is then that of the subspace of these w.

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
        Where `margin` is the largest but for rounding, all solutions are within 2.4e-7 of one
        another, and the draws are of some of them.

    Raises
    ------
    ValueError
        For bad input, by name.
    RuntimeError
        Without `n_steps`, if the chains do not mix, or rounding decides where the set ends.

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
    seen = data.Z.any(axis=1)  # a sample of zeros has margin zero, whatever w
    if smallest == 0 and (reached[seen] <= 1e-9 * lengths(data.Z[seen])[:, 0]).any():
        held = _held(data)
        if held.size:
            within, free = _among_touching(data, held)
            how = {"margin": 0.0, "n_draws": n_draws, "n_steps": n_steps}
            return draws_of_margin(within, rng, start=free @ start, **how) @ free
    w = np.tile(direction(start), (positive_integer("n_draws", n_draws), 1))
    Z, lowest = data.Z[seen], np.minimum(smallest, reached[seen])  # but for rounding
    unit = nearest_power(np.abs(Z).max(axis=1))  # squares of small rows would underflow
    Z, lowest = Z / unit[:, None], lowest / unit
    if n_steps is not None:
        n_steps = positive_integer("n_steps", n_steps)
    if len(Z) and data.n_features > 1:  # else start is all there is, or any direction
        shape = None
        if n_steps is None:
            n_steps, shape = _length_and_shape(data, Z, w[0], lowest, smallest)
        for _ in range(n_steps):
            w = _step(Z, lowest, w, rng, shape)
    return _redraw_unseen(data, w, rng)


def _held(data: Dataset) -> np.ndarray:
    """Return the samples that touch others: at zero for all w with <z_i, w> >= 0."""
    seen = np.flatnonzero(data.Z.any(axis=1))
    try:
        return seen[separation(Dataset.from_signed(data.Z[seen])).rest]
    except RuntimeError:  # next to touching: the chains find how narrow the set is
        return seen[:0]


def _among_touching(data: Dataset, held: np.ndarray) -> tuple[Dataset, np.ndarray]:
    """Return the data in the subspace where the samples `held` are at zero, and its basis, rows."""
    across = graded(data.Z[held])[0]
    free = np.linalg.qr(across, mode="complete")[0][:, across.shape[1] :].T
    if not len(free):
        raise ValueError(
            "start is at the margin 0 but for rounding only: no w has it, because some samples"
            f" contradict each other. Drop one of these, first of all sample {held[0]}."
        )
    Z = data.Z @ free.T
    Z[held] = 0.0
    return Dataset.from_signed(Z), free


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
    # The arc cosine of lowest beside hypot(along, across), without its rounding next to one.
    beyond = across**2 + (along - lowest) * (along + lowest)
    half = np.arctan2(np.sqrt(beyond.clip(0)), lowest)
    # Each arc holds w itself, whatever rounding makes of its ends.
    first = (phase - half).max(axis=1).clip(max=0)
    last = (phase + half).min(axis=1).clip(min=0)
    angle = first + (last - first) * rng.random(len(w))
    new = direction(np.cos(angle)[:, None] * w + np.sin(angle)[:, None] * v)
    if shape is None:
        return new
    sizes = [np.linalg.norm(np.linalg.solve(shape, each.T), axis=0) for each in (w, new)]
    taken = rng.random(len(w)) < (sizes[1] / sizes[0]) ** (w.shape[1] - 2)
    return np.where(taken[:, None], new, w)


def _length_and_shape(
    data: Dataset, Z: np.ndarray, start: np.ndarray, lowest: np.ndarray, margin: float
) -> tuple[int, np.ndarray | None]:
    """Return after how many steps the chains have mixed, and the shape with which they do.

    A linear function of w with the variance s^2, that moves by d^2 in the mean square of a step,
    forgets the start like exp(-n d^2 / 2 s^2). One that has not explored the set moves as far in
    n steps as it varies, however small s is: n d^2 / 2 s^2 is then of order one.
    """
    seen = _seen(data)
    rng, w, root = generator(0), np.tile(start, (WATCHED, 1)), np.eye(len(start))
    largest = cache(lambda: _largest(data) if margin > 0 else np.inf)
    for n_steps, shaped in LOOKS:
        states, before, shape = [], [], root if shaped else None
        for k in range(n_steps):
            new = _step(Z, lowest, w, rng, shape)
            if k >= n_steps // 2 and k % (n_steps // LOOKS[0][0]) == 0:
                states.append(new)
                before.append(w)
            w = new
        states, before = np.concatenate(states), np.concatenate(before)
        watched = _watched(states, seen)
        mean = watched.mean(axis=0)
        among = (watched - mean) / np.sqrt(len(states))
        # Along the mean a narrow set varies by its width squared: that is no width of its own.
        beside = np.linalg.svd(mean[None])[2][1:]
        # By singular values: the squares of small ones are rounding.
        width = np.linalg.svd(among @ beside.T, compute_uv=False)
        if width.max() <= POINT and np.sqrt(2 * max(1 - margin / largest(), 0.0)) <= POINT:
            return n_steps, shape
        if width.max() <= STILL and margin < (1 - CLOSE) * largest():
            raise ValueError(
                f"start has the margin {margin:.3g}, and no direction in which it stays there or"
                " above: give a start of larger margin, on all samples that can have one."
            )
        if width.min() > NARROW:
            _, size, axes = np.linalg.svd(among, full_matrices=False)
            axes, size = axes[size > STILL], size[size > STILL]
            step = (watched - _watched(before, seen)) @ axes.T / size
            if n_steps * np.linalg.eigvalsh(step.T @ step / len(step)).min() / 2 >= MIXED:
                return n_steps, shape
        _, size, axes = np.linalg.svd(states / np.sqrt(len(states)), full_matrices=False)
        root = axes.T * np.maximum(size, STILL) @ axes
    room = (Z @ w.T / np.linalg.norm(Z, axis=1, keepdims=True)).std(axis=1).argmin()
    least = int(np.flatnonzero(data.Z.any(axis=1))[room])
    drop = f"drop sample {least}, which leaves the least room."
    if width.min() <= NARROW:
        most = largest()
        if margin >= (1 - CLOSE) * most:
            drop = f"lower margin to {(1 - CLOSE) * most:.9g}; the largest is {most:.9g}."
        raise RuntimeError(
            f"data: the solutions of margin {margin:.3g} are a set of width {width.min():.0e}, and"
            f" rounding decides where it ends. To go on, {drop}"
        )
    raise RuntimeError(
        f"data: chains of {max(LOOKS)[0]} steps do not mix. To go on, give n_steps, which is taken"
        f" as it is: make sure that the draws do not change when it is doubled. Or {drop}"
    )


def _largest(data: Dataset) -> float:
    """Return an upper bound of the margin of unit vectors.

    Any w of margin m, and the one of margin M, have at most the angle whose cosine is m / M.
    """
    try:
        best = max_margin(data)
    except RuntimeError:  # it is not known: then no set is taken for a point
        return np.inf
    return best.margin + max(best.duality_gap, 0.0)


def _watched(w: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the unit vectors of what has to mix: what samples see of w, and the length beside."""
    along = w @ seen.T
    if len(seen) == w.shape[1]:
        return along
    return np.c_[along, np.linalg.norm(w - along @ seen, axis=1)]


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
