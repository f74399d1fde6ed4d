"""The flow of the singular values of a product when all entries are observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.special import expit

from ibias._validate import finite_array, increasing, positive, positive_integer, read_only
from ibias.flow.estimate import remedy
from ibias.flow.log_time import IntegrationFailed, integrate
from ibias.flow.remedies import tried

LOCAL = 1e-7  # the local error of a step, per tolerance: a late escape gathers a million of them
FINEST, SMALLEST = 1e-13, 1e-16  # a relative local error, and an absolute one
MAX_STEPS = 20_000  # the longest way takes a few thousand
LARGEST = 700.0  # the logarithm of a time, or of a rate
MODERATE = 200.0  # and of one whose powers are numbers as well
BEFORE = -45.0  # the log time before which nothing moves, next to one where a value moves by one
ROUNDING = 1e-15
REST = -np.log(ROUNDING)  # the z from which on nothing is known of what is left
WIDTH = 2.0  # of a piece in z, where the integrand has singularities at +-i pi
NODES = 12  # on such a piece
NEWTON_STEPS = 12  # from the left end of a piece, on which the speed changes by e^(2 WIDTH) at most


@tried("log_t")
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
        The logarithms of the times, increasing. Late ones cost nothing: once all that is left of
        every sigma_r is rounding, they are at rest.
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
        d sigma / (d sigma/dt) puts it, twice.

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
    tolerance, scale = positive("tolerance", tolerance), positive("scale", scale)

    ways = [Way(float(target), depth, scale) for target in targets]
    try:
        log_sigma = together(ways, log_t, LOCAL * tolerance)
        error = off_time(log_sigma, log_t, ways)
    except IntegrationFailed:
        error = np.array(np.inf)
    if not (error <= tolerance).all():
        # A very late escape gathers more errors, and the slow wait for those that are at rest.
        log_sigma = np.column_stack([alone(way, log_t) for way in ways])
        error = off_time(log_sigma, log_t, ways)
    if not (error <= tolerance).all():
        # These runs would be the same at a larger tolerance: twice the error is enough.
        raise IntegrationFailed(
            f"a singular value is off by {error.max():.1e} of itself, and tolerance={tolerance:g}"
            f" allows less. {remedy(float(error.max()) / 10, 'a larger scale')}"
        )
    return read_only(np.exp(log_sigma))


def together(ways: Sequence[Way], log_t: np.ndarray, local_error: float) -> np.ndarray:
    """Return log sigma of all values, shape (n_times, n_values), by one run."""
    depth, targets = ways[0].depth, np.array([way.target for way in ways])
    log_rest = max(way.log_rest for way in ways)
    if max(*(way.log_fastest for way in ways), min(log_t[-1], log_rest)) > MODERATE:
        raise IntegrationFailed("the squares of rates or times overflow.")

    def field(_: float, log_sigma: np.ndarray) -> np.ndarray:
        return depth * np.exp((1 - 2 / depth) * log_sigma) * (targets - np.exp(log_sigma))

    start, times = np.full(len(ways), np.log(ways[0].scale)), np.exp(np.minimum(log_t, log_rest))
    errors = max(local_error, SMALLEST), max(local_error, FINEST)
    return integrate(field, 0.0, start, times, *errors, max_steps=MAX_STEPS).states


def alone(way: Way, log_t: np.ndarray) -> np.ndarray:
    """Return log sigma of one value, shape (n_times,), as closely as the integrator can.

    In units of the time in which it moves by one where it is fastest; in log time, where that is at
    the start: then it moves as evenly there.
    """
    times, log_s = np.minimum(log_t, way.log_rest) + way.log_fastest, np.log(way.target)
    late, start = way.log_speed(way.log_scale) >= way.log_fastest - 1, np.array([way.log_scale])
    if not late and times[-1] > LARGEST:
        raise IntegrationFailed(
            f"by log time {log_t[-1]:.6g} a singular value goes from {way.scale:g} to"
            f" {way.target:g}, and the speeds on its way differ by more than a double holds. Ask"
            f" for times up to {LARGEST - way.log_fastest - 1:.6g}, or take a larger scale."
        )

    def field(s: float, log_sigma: np.ndarray) -> np.ndarray:
        speed = np.exp(way.log_speed(log_sigma) - way.log_fastest + (s if late else 0.0))
        return np.sign(log_s - log_sigma) * speed

    first = BEFORE if late else 0.0
    times = times if late else np.exp(np.where(times > BEFORE, times, -np.inf))
    try:
        states = integrate(field, first, start, times, FINEST, FINEST, max_steps=MAX_STEPS).states
    except IntegrationFailed as failed:
        reached = failed.time if late else np.log(failed.time) if failed.time > 0 else -np.inf
        raise IntegrationFailed(
            f"the integrator stopped at log time {reached - way.log_fastest:.6g} of"
            f" {log_t[-1]:.6g}. Ask for earlier times, or take a larger scale."
        ) from failed
    return states[:, 0]


@dataclass(frozen=True)
class Way:
    """The way of one singular value from `scale` to `target`, and when it is where.

    From below, z = log(sigma / (s - sigma)), and dt = sigma^(2/N - 1) / (N s) dz; from above,
    z = log(s / (sigma - s)), and dt = sigma^(2/N - 2) / N dz. Both are smooth however close sigma
    is to s, and z grows. At z = `REST` the way counts as at its end.
    """

    target: float
    depth: int
    scale: float

    @property
    def rises(self) -> bool:
        """Whether it comes from below."""
        return self.scale <= self.target

    @cached_property
    def ends(self) -> np.ndarray:
        """The ends of the pieces in z, shape (n_pieces + 1,)."""
        gap = abs(self.target - self.scale)
        if not gap > ROUNDING * self.target:
            return np.array([REST, REST])
        first = np.log(min(self.scale, self.target)) - np.log(gap)
        return np.linspace(first, REST, 2 + int((REST - first) / WIDTH))

    def log_sigma(self, z: np.ndarray) -> np.ndarray:
        """Return log sigma."""
        return np.log(self.target) + (-1 if self.rises else 1) * np.logaddexp(0.0, -z)

    def log_slowness(self, z: np.ndarray) -> np.ndarray:
        """Return log(dt/dz)."""
        log_sigma = self.log_sigma(z)
        over = np.log(self.target) if self.rises else log_sigma
        return (2 / self.depth - 1) * log_sigma - over - np.log(self.depth)

    @property
    def log_fastest(self) -> float:
        """The logarithm of a bound on the speed of log sigma, N sigma^(1 - 2/N) |s - sigma|."""
        low, high = sorted((self.log_scale, float(np.log(self.target))))
        power = 1 - 2 / self.depth
        return float(np.log(self.depth) + power * (low if power < 0 else high) + high)

    def log_speed(self, log_sigma: np.ndarray | float) -> np.ndarray:
        """Return the logarithm of the speed of log sigma."""
        log_s = np.log(self.target)
        with np.errstate(divide="ignore"):
            log_gap = np.log(-np.expm1(-np.abs(log_sigma - log_s))) + np.maximum(log_sigma, log_s)
        return np.log(self.depth) + (1 - 2 / self.depth) * log_sigma + log_gap

    @property
    def log_scale(self) -> float:
        """The logarithm of sigma at the start."""
        return float(np.log(self.scale))

    @cached_property
    def log_unit(self) -> float:
        """The logarithm of the unit of time in which sums neither overflow nor vanish."""
        return float(self.log_slowness(self.ends).max())

    def speed(self, z: np.ndarray) -> np.ndarray:
        """Return dz/dt in that unit."""
        return np.exp(np.minimum(self.log_unit - self.log_slowness(z), LARGEST))

    def taken(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return the time from one z to another, on one piece, in that unit."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        half = (last - first) / 2
        z = first[:, None] + half[:, None] * (1 + nodes)
        return half * (np.exp(self.log_slowness(z) - self.log_unit) @ weights)

    @cached_property
    def times(self) -> np.ndarray:
        """When the ends of the pieces are reached, in that unit."""
        return np.append(0.0, np.cumsum(self.taken(self.ends[:-1], self.ends[1:])))

    @property
    def log_rest(self) -> float:
        """The log time from which on it is at rest."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.times[-1])) + self.log_unit

    def at(self, log_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log sigma at these log times, and what a rounding of the time changes it by."""
        t = np.exp(np.minimum(log_t, self.log_rest) - self.log_unit)
        piece = np.searchsorted(self.times[1:-1], t, side="right")
        first, last = self.ends[piece], self.ends[piece + 1]
        z = first
        for _ in range(NEWTON_STEPS):
            late = self.times[piece] + self.taken(first, z) - t
            z = np.clip(z - late * self.speed(z), first, last)
        return self.log_sigma(z), ROUNDING * (1 + t * expit(-z) * self.speed(z))


def off_time(log_sigma: np.ndarray, log_t: np.ndarray, ways: Sequence[Way]) -> np.ndarray:
    """Return by how much each log sigma is off, shape (n_times, n_values).

    From where the integral of d sigma / (d sigma/dt), up to it, is the time. A rate times by how
    much sigma is late would not do: next to its target a wrong sigma has no rate.
    """
    right, rounded = np.stack([way.at(log_t) for way in ways], axis=-1)
    return np.abs(log_sigma - right) + rounded


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
    depth, level = positive_integer("depth", depth), positive("level", level)
    end = level * target
    if not scale < end < target:
        raise ValueError(
            f"level must be below 1 and level * target above scale; got level={level:g},"
            f" target={target:g}, scale={scale:g}."
        )

    if not scale / target > 0:
        raise ValueError(
            f"scale={scale:g} over target={target:g} vanishes in double precision: take a larger"
            " scale."
        )

    def slowness(x: float) -> float:
        z = first + x
        return np.exp((2 / depth - 1) * (np.log(target) - np.logaddexp(0, -z))) / (depth * target)

    # From the first z on: a short way beside it would be rounded away. And without rounding, for
    # the end may be next to the start, or to the target.
    exact_end = Fraction(level) * Fraction(target)
    way, rest = float(exact_end - Fraction(scale)), float(Fraction(target) - exact_end)
    first = np.log(scale / (target - scale))
    begun = np.log1p(way / scale) if way < scale else np.log(end) - np.log(scale)
    length = begun + np.log1p(way / rest)
    pieces = np.linspace(0.0, length, 1 + int(np.ceil(length)))
    limits = pairwise(pieces)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        time = float(sum(quad(slowness, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in limits))
    if not np.isfinite(time):
        raise ValueError(
            f"from scale={scale:g} at depth={depth} the time is more than a double holds. Take a"
            " larger scale or a smaller depth."
        )
    return time
