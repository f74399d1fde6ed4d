"""The flow of the singular values of a product when all entries are observed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad, solve_ivp

from ibias._validate import finite_array, increasing, positive, positive_integer, read_only
from ibias.flow.estimate import remedy
from ibias.flow.log_time import IntegrationFailed

LOCAL = 1e-7  # the local error of a step, per tolerance: a late escape gathers a million of them
ROUNDING = 1e-15
NODES = 12  # on pieces of length two in z, where the integrand has singularities at +-i pi


def singular_value_flow(
    targets: ArrayLike, *, depth: int, scale: float, log_t: ArrayLike, tolerance: float = 1e-6
) -> np.ndarray:
    """Return the singular values of W(t) for the risk (1/2) ||W - M||_F^2, aligned with M.

    With balanced factors and the singular vectors of M from the start,
    d sigma_r/dt = N sigma_r^(2 - 2/N) (s_r - sigma_r), each by itself (Saxe et al. 2014;
    Arora et al. 2019, Theorem 3). Integrated as log sigma.

    Parameters
    ----------
    targets : array, shape (n_values,)
        The singular values s_r > 0 of M.
    depth : int
        The number N of factors.
    scale : float
        The start, sigma_r = scale for all r.
    log_t : array, shape (n_times,)
        The logarithms of the times, increasing.
    tolerance : float
        The relative error allowed in sigma_r.

    Returns
    -------
    array, shape (n_times, n_values)

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator stops early, or sigma_r at its time is not where the integral of
        d sigma / (d sigma/dt) puts it.

    Examples
    --------
    >>> singular_value_flow([3.0, 1.0], depth=2, scale=1e-3, log_t=[0.0, 3.0]).round(2)
    array([[0.36, 0.01],
           [3.  , 1.  ]])
    """
    targets = finite_array("targets", targets, ndim=1)
    if not targets.size or not (targets > 0).all():
        raise ValueError(
            "targets must be one number at least, all greater than 0; leave out those that are 0."
        )
    log_t, depth = increasing("log_t", log_t), positive_integer("depth", depth)
    tolerance = positive("tolerance", tolerance)

    def field(_: float, log_sigma: np.ndarray) -> np.ndarray:
        return depth * np.exp((1 - 2 / depth) * log_sigma) * (targets - np.exp(log_sigma))

    start = np.full(targets.shape, np.log(positive("scale", scale)))
    times = np.exp(log_t)
    result = solve_ivp(
        field,
        (0.0, times[-1]),
        start,
        method="LSODA",
        t_eval=times,
        rtol=max(LOCAL * tolerance, 1e-13),
        atol=LOCAL * tolerance,
    )
    if result.status < 0 or not np.isfinite(result.y).all():
        raise IntegrationFailed(
            f"the integrator stopped before log time {log_t[-1]:.6g}. Ask for earlier times or a"
            " larger tolerance."
        )
    sigma = np.exp(result.y.T)
    error = off_time(sigma, times, targets, depth, scale)
    if not (error <= tolerance).all():
        raise IntegrationFailed(
            f"a singular value is off by {error.max():.1e} of itself, and tolerance={tolerance:g}"
            f" allows less. {remedy(float(error.max()))}"
        )
    return read_only(sigma)


def off_time(
    sigma: np.ndarray, times: np.ndarray, targets: np.ndarray, depth: int, scale: float
) -> np.ndarray:
    """Return by how much each sigma is off, relative to itself: late or early, times its rate.

    From below, z = log(sigma / (s - sigma)), and the time that sigma takes is the integral of
    sigma^(2/N - 1) / (N s) dz; from above, z = log(s / (sigma - s)), and it is that of
    sigma^(2/N - 2) / N dz. Both are smooth however close sigma is to s.
    """
    rises, log_s = targets >= scale, np.log(targets)
    gap = np.maximum(np.abs(targets - sigma), ROUNDING * targets)  # nothing is known below it
    first = np.log(
        np.where(rises, scale, targets) / np.maximum(np.abs(targets - scale), ROUNDING * targets)
    )
    last = np.log(np.where(rises, sigma, targets) / gap)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    n_pieces = 1 + int(np.abs(last - first).max() / 2)
    width = (last - first) / n_pieces
    taken = np.zeros_like(sigma)
    for node, weight in zip(nodes, weights, strict=True):
        for piece in range(n_pieces):
            z = first + width * (piece + (1 + node) / 2)
            log_sigma = log_s + np.where(rises, -1, 1) * np.logaddexp(0, -z)
            over = np.where(rises, log_s, log_sigma)
            taken += weight * width / 2 * np.exp((2 / depth - 1) * log_sigma - over)
    late = taken / depth - times[:, None]
    rate = depth * sigma ** (1 - 2 / depth) * np.abs(targets - sigma)
    return np.abs(late) * rate


def escape_time(target: float, *, depth: int, scale: float, level: float = 0.5) -> float:
    """Return the time at which a singular value, from `scale`, reaches `level` times `target`.

    t = integral of d sigma / (N sigma^(2 - 2/N) (s - sigma)), by quadrature in z, the logarithm
    of sigma / (s - sigma), where it is that of sigma^(2/N - 1) / (N s) dz. At
    depth 2 it is log((s - scale) / scale) / (2 s) for level 1/2; at depth N > 2 it grows like
    scale^(2/N - 1) / ((N - 2) s).

    >>> closed_form = np.log((2 - 1e-4) / 1e-4) / 4
    >>> np.isclose(escape_time(2.0, depth=2, scale=1e-4), closed_form)
    np.True_
    """
    target, scale = positive("target", target), positive("scale", scale)
    depth, end = positive_integer("depth", depth), positive("level", level) * target
    if not scale < end < target:
        raise ValueError(
            f"level must be below 1 and level * target above scale; got level={level:g},"
            f" target={target:g}, scale={scale:g}."
        )

    def slowness(z: float) -> float:
        return np.exp((2 / depth - 1) * (np.log(target) - np.logaddexp(0, -z))) / (depth * target)

    first, last = (np.log(sigma / (target - sigma)) for sigma in (scale, end))
    pieces = np.linspace(first, last, 1 + int(np.ceil(last - first)))
    limits = pairwise(pieces)
    return float(sum(quad(slowness, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in limits))
