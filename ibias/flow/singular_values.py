"""The flow of the singular values of a product when all entries are observed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad, solve_ivp

from ibias._validate import finite_array, increasing, positive, positive_integer, read_only
from ibias.flow.log_time import IntegrationFailed


def singular_value_flow(
    targets: ArrayLike, *, depth: int, scale: float, log_t: ArrayLike, tolerance: float = 1e-10
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
        The relative error of a step.

    Returns
    -------
    array, shape (n_times, n_values)

    Examples
    --------
    >>> singular_value_flow([3.0, 1.0], depth=2, scale=1e-3, log_t=[0.0, 3.0]).round(2)
    array([[0.36, 0.01],
           [3.  , 1.  ]])
    """
    targets = finite_array("targets", targets, ndim=1)
    if not (targets > 0).all():
        raise ValueError("targets must be greater than 0; leave out the ones that are 0.")
    log_t, depth = increasing("log_t", log_t), positive_integer("depth", depth)

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
        rtol=tolerance,
        atol=tolerance,
    )
    if result.status < 0:
        raise IntegrationFailed(f"{result.message} Ask for earlier times or a larger tolerance.")
    return read_only(np.exp(result.y.T))


def escape_time(target: float, *, depth: int, scale: float, level: float = 0.5) -> float:
    """Return the time at which a singular value, from `scale`, reaches `level` times `target`.

    t = integral of d sigma / (N sigma^(2 - 2/N) (s - sigma)), by quadrature in log sigma. At
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

    def slowness(log_sigma: float) -> float:
        return np.exp((2 / depth - 1) * log_sigma) / (depth * (target - np.exp(log_sigma)))

    pieces = np.linspace(np.log(scale), np.log(end), 1 + int(np.ceil(np.log(end / scale))))
    limits = pairwise(pieces)
    return float(sum(quad(slowness, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in limits))
