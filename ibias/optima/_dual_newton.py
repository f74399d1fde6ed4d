"""The point of an affine space nearest to a start in a Bregman divergence, by Newton's method.

In the dual, max_a <a, target> - psi*(m + rows^T a) with m the mirror image of the start, where
the mirror image is the good variable; or in w itself, along the kernel, where psi is so flat
that small weights cannot be told from their mirror images. All numbers are of order one, and
the rows orthonormal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ibias import progress
from ibias.potentials import Potential

NEWTON_STEPS = 500
ERROR = 1e-8  # the largest error of w, relative to it, that is good
ZERO = 1e-12  # a mirror image of zero counts as this much of the largest
SHORTEST = 1e-200  # of a step; where the metric is tiny, Newton's step is that much too long
# The path of targets from the start to the equations: its parts, and where it is given up.
PART, LOWEST = 3.0, 1e-150


@dataclass(frozen=True, eq=False)
class Nearest:
    """A point, the multipliers of the equations, and how far the point is from the solution."""

    w: np.ndarray
    multipliers: np.ndarray
    error: float

    @property
    def relative(self) -> float:
        """The error as a part of w, which may be exactly zero; infinite where there is no w."""
        size = float(np.linalg.norm(self.w))
        if self.error == 0 and np.isfinite(size):
            return 0.0
        return self.error / size if np.isfinite(size) and size > 0 else self.error * np.inf


@dataclass(frozen=True, eq=False)
class Projection:
    """min D_psi(w, start) subject to rows @ w = target.

    Attributes
    ----------
    rows : array, shape (n, n_features)
        Orthonormal.
    potential : Potential
    mirror : array, shape (n_features,)
        The mirror image of the start.
    """

    rows: np.ndarray
    potential: Potential
    mirror: np.ndarray

    def solved(self, target: np.ndarray) -> Nearest:
        """Return the nearest point of the ways that there are, the quickest first."""
        best = self.by_dual(target, self.guess(target))
        for way in (self.by_kernel, self.by_path):
            if not best.relative <= ERROR:
                other = way(target, best)
                best = best if best.error <= other.error else other  # which may be NaN
        return best

    def weights(self, a: np.ndarray) -> np.ndarray:
        """Return the w whose mirror image is that of the start plus rows^T a."""
        return self.potential.inverse_gradient(self.mirror + self.rows.T @ a)

    def guess(self, target: np.ndarray) -> np.ndarray:
        """Return the first multipliers: zero, or where the metric may be singular, others.

        At the right length, any other point will do; by bisection in the logarithm of it.
        """
        if self.mirror.any() or not target.any():
            return np.zeros(len(target))
        goal, low, high = np.linalg.norm(target), -700.0, 700.0
        for _ in range(60):
            middle = (low + high) / 2
            length = np.linalg.norm(self.weights(np.exp(middle) * target))
            low, high = (middle, high) if length < goal else (low, middle)
        return np.exp(low) * target

    def by_dual(self, target: np.ndarray, a: np.ndarray) -> Nearest:
        """Return w made from the multipliers, by Newton's method for them."""
        best, smallest = a, np.inf
        for _ in range(NEWTON_STEPS):
            residual = target - self.rows @ self.weights(a)
            here = np.linalg.norm(residual)
            if here < smallest:
                best, smallest = a, here
            if not here > 1e-15 * np.linalg.norm(target):
                break
            step, _ = self.step(a, residual)

            def slope(length: float, a: np.ndarray = a, step: np.ndarray = step) -> float:
                return -float(step @ (target - self.rows @ self.weights(a + length * step)))

            length = descent(slope)
            if length == 0:
                break
            a = a + length * step
        w = self.weights(best)
        if not np.isfinite(w).all():
            return Nearest(w, best, np.inf)
        residual = target - self.rows @ w
        if not residual.any():  # w is made from multipliers, and meets the equations: the solution
            return Nearest(w, best, 0.0)
        moved = self.step(best, residual)[1]
        return Nearest(w, best, float(max(np.linalg.norm(moved), np.linalg.norm(residual))))

    def step(self, a: np.ndarray, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return Newton's step in the multipliers and in w, for what the equations miss."""
        # Some metrics are infinite where the mirror image vanishes.
        m = self.mirror + self.rows.T @ a
        m = np.where(m == 0, ZERO * np.abs(m).max(), m)
        metric = self.potential.inverse_metric(m)
        nothing = np.full(len(a), np.nan), np.full(m.size, np.nan)
        if not np.isfinite(metric).all():
            return nothing
        if metric.ndim == 1:
            root = self.rows * np.sqrt(metric)
            if not np.isfinite(root).all():
                return nothing
            half = np.linalg.lstsq(root, residual)[0]
            return np.linalg.lstsq(root.T, half)[0], np.sqrt(metric) * half
        step = np.linalg.lstsq(self.rows @ metric @ self.rows.T, residual)[0]
        return step, metric @ (self.rows.T @ step)

    def by_kernel(self, target: np.ndarray, near: Nearest) -> Nearest:
        """Return a w that meets the equations, by Newton's method along their kernel."""
        w = near.w
        if not np.isfinite(w).all():
            return near
        kernel = np.linalg.svd(self.rows)[2][len(self.rows) :]
        last = np.inf
        for _ in range(NEWTON_STEPS):
            w = w + self.rows.T @ (target - self.rows @ w)
            try:
                moved, metric = self.potential.gradient(w) - self.mirror, self.potential.metric(w)
            except ValueError:  # outside of the domain
                return near
            if not (np.isfinite(moved).all() and np.isfinite(metric).all()):
                return near
            across = kernel @ metric if metric.ndim == 2 else kernel * metric
            step = np.linalg.lstsq(across @ kernel.T, -kernel @ moved)[0] @ kernel
            size = float(np.linalg.norm(step))
            if size <= 1e-14 * np.linalg.norm(w) or (size < ERROR and size >= last / 2):
                break
            last = size

            def slope(length: float, w: np.ndarray = w, step: np.ndarray = step) -> float:
                return float(step @ (self.potential.gradient(w + length * step) - self.mirror))

            length = descent(slope)
            if length == 0:
                break
            w = w + length * step
        missed = float(np.linalg.norm(target - self.rows @ w))
        # Where psi is steep, Newton's step is short also far from the solution.
        sizes = np.abs(self.mirror).max() + np.abs(moved).max()
        across = np.linalg.norm(kernel @ moved) / (sizes or 1.0) * np.linalg.norm(w)
        return Nearest(w, self.rows @ moved, float(max(size, missed, across)))

    def by_path(self, target: np.ndarray, _: Nearest) -> Nearest:
        """Return the solution at the end of a path of targets, from where Newton's method works.

        For weights that have to grow by many powers of ten.
        """
        begun = self.rows @ self.potential.inverse_gradient(self.mirror)
        part = 1.0
        while part > LOWEST:
            part /= PART**12
            there = begun + part * (target - begun)
            near = self.by_dual(there, self.guess(there))
            if near.relative <= ERROR:
                break
        with progress.Bar("following the targets", way := -np.log(part)) as bar:
            while part < 1 and near.relative <= ERROR:
                bar.at(way + np.log(part))
                part = min(1.0, PART * part)
                near = self.by_dual(begun + part * (target - begun), near.multipliers)
        return near if part == 1 else Nearest(near.w, near.multipliers, np.inf)


def descent(slope: Callable[[float], float]) -> float:
    """Return the largest of 1, 1/2, 1/4, ... with a smaller slope than at 0, or 0 if none.

    The function is convex: as long as its slope is not positive, it has not passed its minimum.
    Past it the slope may be positive, if it is smaller than at the beginning.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        first, length = -slope(0.0), 1.0
        while length > SHORTEST:
            if abs(slope(length)) < first:  # infinity and NaN are not
                return length
            length /= 2
    return 0.0
