"""Random linear classifiers with many features, drawn through their outputs on the samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import LARGEST, chance, finite_array, positive_integer


def outputs_of_margin(
    gram: ArrayLike,
    rng: np.random.Generator,
    *,
    start: ArrayLike,
    margin: ArrayLike,
    n_features: int,
    n_sweeps: int,
    every: int = 10,
) -> np.ndarray:
    """Draw f = Z w for w uniform on the unit vectors with <z_i, w> >= margin for all samples.

    For w uniform on the sphere of R^p, and G = Z Z^T of full rank, f has the density
    (1 - f^T G^-1 f)^((p - n - 2)/2): only n numbers have to mix, whatever p. A sweep draws one
    f_i after the other given the rest, then how far f goes along some random directions of the
    law without a margin, and last the length of f; each by a slice (Neal 2003). A quarter of the
    sweeps is not kept.

    Parameters
    ----------
    gram : array, shape (..., n_samples, n_samples)
        <z_i, z_j>, positive definite; leading axes are a batch of problems.
    rng : Generator
        The source of the draws.
    start : array, shape (..., n_chains, n_samples)
        Outputs of unit vectors of at least the margin: where the chains of a problem begin.
    margin : array, shape (...)
        The smallest output allowed, at least 0.
    n_features : int
        The dimension p of w, at least n_samples + 3.
    n_sweeps, every : int
        The number of sweeps, and after how many one is kept.

    Returns
    -------
    array, shape (n_kept, ..., n_chains, n_samples)

    Raises
    ------
    ValueError
        For bad input, by name.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> how = {"margin": 0.5, "n_features": 10, "n_sweeps": 100}
    >>> f = outputs_of_margin([[1.0]], rng, start=[[0.6]], **how)
    >>> f.shape, bool((f >= 0.5).all() and (f <= 1).all())
    ((8, 1, 1), True)
    """
    rng, gram, f = chance(rng), finite_array("gram", gram), finite_array("start", start)
    lowest = finite_array("margin", margin)
    if gram.ndim < 2 or gram.shape[-2] != gram.shape[-1]:
        raise ValueError(f"gram has shape {gram.shape}; give square matrices, (..., n, n).")
    n = gram.shape[-1]
    power = (positive_integer("n_features", n_features) - n - 2) / 2
    if power <= 0:
        raise ValueError(f"n_features must be at least n_samples + 3 = {n + 3}; got {n_features}")
    if np.linalg.eigvalsh(gram)[..., 0].min() <= 0:
        raise ValueError("gram must hold positive definite matrices; leave out repeated samples.")
    if f.ndim != gram.ndim or f.shape[:-2] + f.shape[-1:] != gram.shape[:-1]:
        raise ValueError(f"start has shape {f.shape}; give (..., n_chains, {n}) for this gram.")
    if lowest.shape not in ((), gram.shape[:-2]):
        raise ValueError(f"margin has shape {lowest.shape}; give one, or one for each gram.")
    lowest = lowest[..., None]
    inverse = np.linalg.inv(gram)
    _check_start(f, inverse, lowest)
    curvature, root = np.einsum("...ii->...i", inverse), np.linalg.cholesky(gram).swapaxes(-1, -2)
    kept = []
    n_sweeps, every = positive_integer("n_sweeps", n_sweeps), positive_integer("every", every)
    for sweep in range(1, n_sweeps + 1):
        pull = f @ inverse
        length = (pull * f).sum(axis=-1)  # f^T G^-1 f, the squared length that the samples see
        for i in range(n):
            a = curvature[..., i, None]
            centre = f[..., i] - pull[..., i] / a
            left = 1 - (length - a * (f[..., i] - centre) ** 2)
            height = (1 - length).clip(0) * rng.random(length.shape) ** (1 / power)
            half = np.sqrt((left - height).clip(0) / a)
            low = np.minimum(np.maximum(centre - half, lowest), f[..., i])
            new = low + (np.maximum(centre + half, f[..., i]) - low) * rng.random(length.shape)
            pull += (new - f[..., i])[..., None] * inverse[..., None, i, :]
            length, f[..., i] = 1 - left + a * (new - centre) ** 2, new
        for _ in range(-(-n // 4)):
            f = _along(f, rng.standard_normal(f.shape) @ root, inverse, lowest, power, rng)
        f = _lengthen(f, inverse, lowest, power, rng)
        if sweep > n_sweeps // 4 and sweep % every == 0:
            kept.append(f.copy())  # the next sweep moves f in place
    return np.array(kept)


def _along(
    f: np.ndarray,
    v: np.ndarray,
    inverse: np.ndarray,
    lowest: np.ndarray,
    power: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return f + s v with s drawn from the law on this line, by a slice."""
    turned = v @ inverse
    a, b = (turned * v).sum(axis=-1), (turned * f).sum(axis=-1)
    centre, left = -b / a, 1 - (f @ inverse * f).sum(axis=-1)
    height = left.clip(0) * rng.random(left.shape) ** (1 / power)
    half = np.sqrt((left - height).clip(0) / a + centre**2)
    walls = (lowest[..., None] - f) / v
    low = np.where(v > 0, walls, -np.inf).max(axis=-1)
    high = np.where(v < 0, walls, np.inf).min(axis=-1)
    low = np.minimum(np.maximum(low, centre - half), 0)
    high = np.maximum(np.minimum(high, centre + half), 0)
    step = low + (high - low) * rng.random(left.shape)
    return np.maximum(f + step[..., None] * v, np.minimum(f, lowest[..., None]))


def _lengthen(
    f: np.ndarray,
    inverse: np.ndarray,
    lowest: np.ndarray,
    power: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return c f with c drawn from the law on this ray, by a slice that shrinks."""
    now = (f @ inverse * f).sum(axis=-1).clip(1e-300, 1 - 1e-15)
    half_n = f.shape[-1] / 2

    def log_density(t: np.ndarray) -> np.ndarray:  # of the squared length t
        return (half_n - 1) * np.log(t) + power * np.log1p(-t)

    height = log_density(now) - rng.standard_exponential(now.shape)
    low = np.minimum(now * (lowest / f.min(axis=-1)) ** 2, now)
    high, new, left = np.ones_like(now), now.copy(), np.ones(now.shape, dtype=bool)
    for _ in range(60):
        trial = low + (high - low) * rng.random(now.shape)
        trial = np.where(left, trial.clip(1e-300, 1 - 1e-15), new)
        fits = log_density(trial) >= height
        new = np.where(fits, trial, new)
        left &= ~fits
        low, high = np.where(left & (trial < now), (trial, high), (low, high))
        high = np.where(left & (trial >= now), trial, high)
        if not left.any():
            break
    return f * np.sqrt(new / now)[..., None]


def _check_start(f: np.ndarray, inverse: np.ndarray, lowest: np.ndarray) -> None:
    if (lowest < 0).any():
        raise ValueError(f"margin must be at least 0; got {lowest.min():g}")
    if (f < lowest[..., None] - 1e-9 * np.abs(f).max(axis=-1, keepdims=True)).any():
        raise ValueError("start has outputs below margin; start at solutions, or lower margin.")
    if ((f @ inverse * f).sum(axis=-1) > 1 + 1e-9).any():
        raise ValueError("start has outputs that no unit vector has; divide by its norm.")


def with_outputs(Z: ArrayLike, f: ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """Return a uniform unit vector w with Z w = f, for each f.

    Its part in the span of the samples is fixed by f; the rest has a random direction.

    Parameters
    ----------
    Z : array, shape (..., n_samples, n_features)
        The signed inputs. Rows may depend on each other, if f agrees with that.
    f : array, shape (..., n_draws, n_samples)
        The outputs.
    rng : Generator
        The source of the directions.

    Returns
    -------
    array, shape (..., n_draws, n_features)

    Raises
    ------
    ValueError
        If no unit vector has these outputs, or rounding leaves it open; for bad input, by name.

    Examples
    --------
    >>> w = with_outputs([[1.0, 0.0, 0.0]], [[0.6]], np.random.default_rng(0))
    >>> w.shape, float(w[0, 0].round(6)), float(np.linalg.norm(w).round(6))
    ((1, 3), 0.6, 1.0)
    """
    rng, Z, f = chance(rng), finite_array("Z", Z), finite_array("f", f)
    if Z.ndim < 2 or f.ndim < 1 or f.shape[-1] != Z.shape[-2]:
        raise ValueError(
            f"f has shape {f.shape}; its last axis must hold an output for each row of Z, of shape"
            f" {Z.shape}."
        )
    _same_batch(Z, f)
    within, Z, seen, smallest, free = _shortest(Z, f)
    slack = 1e-9 + 1e-15 / smallest
    _check_length(np.abs(within).max(axis=-1, keepdims=True, initial=0), True, slack)
    squared = (within**2).sum(axis=-1, keepdims=True)
    _check_length(np.sqrt(squared), free, slack)
    fresh = rng.standard_normal(within.shape)
    fresh -= (fresh @ Z.swapaxes(-1, -2)) @ seen
    left = np.where(free, (1 - squared).clip(0), 0)
    beside = np.where(free, (fresh**2).sum(axis=-1, keepdims=True), 1)
    return within + fresh * np.sqrt(left / beside)


def _shortest(Z: np.ndarray, f: np.ndarray) -> tuple:
    """Return the shortest w with Z w = f, and A, B with v A^T B the part of v in the span of Z.

    With them come the smallest singular value of Z, and whether other w have the same outputs.
    Rows that depend on each other, or nearly, are made unit vectors first.
    """
    scale = np.abs(Z).max(axis=-1, keepdims=True, initial=0)
    rows = Z / np.where(scale > 0, scale, 1)
    size = np.linalg.norm(rows, axis=-1, keepdims=True)
    rows = rows / np.where(size > 0, size, 1)
    smallest = np.linalg.eigvalsh(rows @ rows.swapaxes(-1, -2)).min(initial=1)
    if smallest > 1e-6 and scale.min(initial=1) > 1 / LARGEST:
        seen = np.linalg.solve(Z @ Z.swapaxes(-1, -2), Z)  # of shape Z: outputs to weights
        return f @ seen, Z, seen, np.sqrt(smallest), Z.shape[-1] > Z.shape[-2]
    with np.errstate(over="ignore"):
        for units in (scale, size):
            units = np.where(units > 0, units, 1)[..., 0]
            f = f / (units if f.ndim == 1 else units[..., None, :])
    _check_length(np.abs(f).max(axis=-1, keepdims=True, initial=0), True, slack=1e-9)
    left, sizes, right = np.linalg.svd(rows, full_matrices=False)
    kept = sizes > 1e-13  # of unit rows: what is less is rounding
    sizes, smallest = np.where(kept, sizes, 1), sizes[kept].min(initial=1)
    if smallest < 1e-8:
        raise ValueError(
            f"Z has rows that depend on each other but for {smallest:.0e}, and rounding leaves"
            " open which w has the outputs f. Leave out one of these rows."
        )
    left, right = left * kept[..., None, :], right * kept[..., None]
    off = np.abs(f - f @ left @ left.swapaxes(-1, -2)).max(initial=0)
    if off > 1e-12:
        raise ValueError(
            f"f has outputs that no w has: rows of Z depend on each other, and f is {off:.0e} off"
            " what follows from that. Give f = Z @ w of some w, or leave out such rows."
        )
    free = kept.sum(axis=-1)[..., None] < Z.shape[-1]
    if f.ndim > 1:
        sizes, free = sizes[..., None, :], free[..., None]
    return f @ left / sizes @ right, right, right, smallest, free


def _same_batch(Z: np.ndarray, f: np.ndarray) -> None:
    try:
        np.broadcast_shapes(Z.shape[:-2], f.shape[:-2])
        fits = f.ndim > 1 or Z.ndim == 2
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"f has shape {f.shape} and Z {Z.shape}; give f of shape"
            f" {(*Z.shape[:-2], 'n_draws', Z.shape[-2])}."
        )


def _check_length(length: np.ndarray, free: bool | np.ndarray, slack: float) -> None:
    """Refuse outputs of longer vectors, and of shorter ones where no other w has them."""
    longest = length.max(initial=0)
    if longest > 1 + slack:
        raise ValueError(
            f"f has outputs that no unit vector has: w would have length {longest:.12g} at least."
            " Give f = Z @ w of a unit vector w."
        )
    if (~np.broadcast_to(free, length.shape) & (length < 1 - slack)).any():
        raise ValueError(
            f"f has outputs that no unit vector has: only w of length {length.min():.12g} has them."
            " Give f = Z @ w of a unit vector w."
        )
