"""Gradient descent as a flow: the series log(1 + Delta), taken as far as it can be seen.

Gradient descent is a map, w -> w + F(w). The vector field whose time-one map this is, is
log(1 + Delta) applied to the identity, Delta h = h(w + F) - h(w):

    g = F - (Delta F)/2 + (Delta^2 F)/3 - ...

The first term alone is the gradient flow. How many terms are taken is found by looking at them,
every few steps of the integrator: a bound would be either no bound, where large pulls cancel, or
larger than the terms by powers of the condition number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from ibias.flow.log_time import LogTimeField

MAX_ORDER = 6
SLOWLY = 0.5  # a change of the logarithm of a weight in one step
SEEN = 0.25  # of what may be neglected: a smaller term is left out


def log_series(order: int) -> np.ndarray:
    """Return c with sum_j (-1)^(j-1)/j Delta^(j-1) F = sum_i c_i F(after i steps).

    >>> log_series(2)
    array([ 1.5, -0.5])
    """
    return np.array(
        [(-1) ** i * sum(comb(j - 1, i) / j for j in range(i + 1, order + 1)) for i in range(order)]
    )


LOG_SERIES = [log_series(order) for order in range(MAX_ORDER + 1)]


def ahead(
    increment: Callable[[np.ndarray], np.ndarray],
    step: float | np.ndarray,
    w: np.ndarray,
    n_terms: int,
) -> np.ndarray:
    """Return e^s F after 0, 1, ... steps from w, shape (n_terms, ...); step = e^-s.

    `increment` is e^s F, which neither over- nor underflows.
    """
    rows = []
    for _ in range(n_terms):
        rows.append(increment(w))
        w = w + step * rows[-1]
    return np.array(rows)


def neglected_term(rows: np.ndarray) -> np.ndarray:
    """Return the first term beyond `order`, over `order`, from order + 1 increments.

    It falls like a power of k, of that order: over it, it is by how much it will move w.

    >>> neglected_term(np.array([1.0, 2.0, 4.0]))  # Delta^2 F = 1, over 3, over 2
    np.float64(0.16666666666666666)
    """
    order = len(rows) - 1
    return np.diff(rows, n=order, axis=0)[0] / (order * (order + 1))


@dataclass(eq=False)
class Terms:
    """How many terms of the series are taken; it changes on the way.

    Attributes
    ----------
    order : int
        At most so many.
    least : int
        At least so many.
    taken : int
        So many now.
    """

    order: int
    least: int = 1

    def __post_init__(self) -> None:
        self.taken = self.order

    def take(self, seen: int) -> None:
        """Take those that were seen."""
        self.taken = max(seen, self.least)


@dataclass(frozen=True, eq=False)
class Series(LogTimeField):
    """Gradient descent continued in s = log k: `log_scale` is log(step_size/n).

    Attributes
    ----------
    terms : Terms
        Shared by all fields that were made of this one.
    """

    terms: Terms

    @cached_property
    def flow(self) -> LogTimeField:
        """The first term alone."""
        return LogTimeField(self.Z, self.loss, self.log_scale, self.offset)

    def pulls(self, s: float, w: np.ndarray, n_terms: int) -> np.ndarray:
        """Return the pull Z^T alpha after 0, 1, ... steps from w, shape (n_terms, n_features)."""
        log_scale, step, rows = s + self.log_scale, np.exp(-s), np.empty((n_terms, w.size))
        for row in rows:  # `ahead` written out: nothing here is called more often
            np.dot(self.loss.weights(log_scale, self.margins(w)), self.Z, out=row)
            w = w + step * row
        return rows

    def __call__(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return dw/ds, shape (n_features,)."""
        n_terms = self.terms.taken
        if n_terms == 1:
            return super().__call__(s, w)
        return LOG_SERIES[n_terms] @ self.pulls(s, w, n_terms)

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the derivative of the series, as if the Hessian were the same at all its steps."""
        first = super().jacobian(s, w)
        step, total = np.exp(-s) * first, np.zeros_like(first)
        for j in range(self.terms.taken, 1, -1):  # J (1 - A/2 + A^2/3 - ...), A = step J
            total = step @ (np.eye(len(first)) / j - total)
        return first - first @ total

    def look(self, s: float, w: np.ndarray, small: float) -> tuple[int, float]:
        """Return how many terms can be seen, and the first one beyond `order`, over `order`.

        The last is a bound, where it is below `small`. One difference is at most twice the one
        before, where steps do not amplify and weights hardly change: so they need not all be
        computed. Where it is not small, it is by how much it moves w.
        """
        begun = w
        order, seen = self.terms.order, self.terms.least
        enough = SEEN * small if seen < order else small * (order * (order + 1))
        pull, step = super().__call__, np.exp(-s)
        differences, size = [pull(s, w)], 0.0  # the j-th backward one of the last pull
        steep = np.abs(self.loss.log_slope_derivative(self.margins(w))).max(initial=0.0)
        change = steep * np.abs(self.Z @ (step * differences[0])).max(initial=0.0)
        for j in range(1, order + 1):
            w = w + step * differences[0]
            new = pull(s, w)
            for i, old in enumerate(differences):
                differences[i], new = new, new - old
            differences.append(new)
            size = float(np.abs(new).max(initial=0.0))
            if seen <= j < order and size > SEEN * small * (j + 1):
                seen = j + 1
            if change <= SLOWLY and size <= enough * 2.0 ** (j - order):
                break
        neglected = size * 2.0 ** (order - j) / (order * (order + 1))
        if neglected > small and 1 / step >= 2 * w.size:  # the loop has cost more than this does
            moved = self.held(s, begun, differences[-1] / (order * (order + 1)))
            neglected = float(np.abs(moved).max())
        return seen, neglected

    def held(self, s: float, w: np.ndarray, push: np.ndarray) -> np.ndarray:
        """Return how far a steady push moves w, against what pulls it back: (1 - J)^-1 push.

        Along a direction in which w is held, descent may swing from side to side until only
        rounding is left of it, e^s times as large in the pull as in w.
        """
        jacobian = super().jacobian(s, w)
        if not np.isfinite(jacobian).all():
            return push
        rates, basis = np.linalg.eigh(jacobian)
        return basis @ (basis.T @ push / (1 - np.minimum(rates, 0.0)))
