"""Sums over whole steps: what they have beside the integral, by Euler and Maclaurin.

On the smooth curve w(k) through the iterates of gradient descent, w(k + 1) - w(k) = F(w(k)).
With D = d/dk the left side is (e^D - 1) w, so that

    D [w + F/2 - D F/12 + D^3 F/720 - ...] = F

and the bracket moves like a flow: its change from a to b is the integral of F over k. In s =
log k, with f = e^s F, it is the integral of f over s, and D = e^-s d/ds. Along a step of
`ibias.flow.collocation` f is a polynomial, so that its derivatives cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ibias.flow.series import LOG_SERIES, Series

HALF, SECOND, FOURTH = 1 / 2, -1 / 12, 1 / 720  # Bernoulli's numbers B_j / j!
# D = log(1 + Delta) and its third power, in powers of Delta up to the fifth.
FIRST_DERIVATIVE = np.array([0, 1, -1 / 2, 1 / 3, -1 / 4, 1 / 5])
THIRD_DERIVATIVE = np.array([0, 0, 0, 1, -3 / 2, 7 / 4])
LATEST = 40.0  # log k from which a sum is an integral, in double precision


@dataclass(frozen=True, eq=False)
class Sums:
    """The way of the iterates through one step of the integrator, beside that of a flow.

    Attributes
    ----------
    pull : array, shape (n,)
        f where the step begins.
    offset : array, shape (n,)
        What the bracket has beside w there.
    matrix : array, shape (k, k + 1)
        Takes f, where the step begins and at k nodes, to what the bracket has beside w at these.
    """

    pull: np.ndarray
    offset: np.ndarray
    matrix: np.ndarray | None = None

    @classmethod
    def start(cls, series: Series, s: float, w: np.ndarray) -> tuple[np.ndarray, Sums]:
        """Return dw/ds at one state, shape (n,), and the sums there, from a few steps ahead."""
        n = len(FIRST_DERIVATIVE)
        pulls = series.pulls(s, w, n)
        differences = np.array([np.diff(pulls, n=j, axis=0)[0] for j in range(n)])
        first, third = FIRST_DERIVATIVE @ differences, THIRD_DERIVATIVE @ differences
        offset = HALF * pulls[0] + SECOND * first + FOURTH * third
        return LOG_SERIES[n] @ pulls, cls(pulls[0], np.exp(-s) * offset)

    def over(self, s: np.ndarray, derivative: np.ndarray) -> Sums:
        """Return the sums of the step through the log times s, shape (k + 1,).

        `derivative`, of shape (k + 1, k + 1), takes f at these times to df/ds.
        """
        # D^3 F = e^-4s (d/ds - 3)(d/ds - 2)(d/ds - 1) f
        one, unit = np.eye(len(s)), np.exp(-s)[:, None]
        first = derivative - one
        third = (derivative - 3 * one) @ (derivative - 2 * one) @ first
        matrix = unit * (HALF * one + unit * (SECOND * first + unit**2 * FOURTH * third))
        return replace(self, matrix=matrix[1:])

    def added(self, pulls: np.ndarray) -> np.ndarray:
        """Return what the bracket has gained beside w at the nodes, of f there, shape (k, n)."""
        return self.matrix @ np.vstack([self.pull, pulls]) - self.offset

    def after(self, pulls: np.ndarray) -> Sums:
        """Return the sums at the last node."""
        return Sums(pulls[-1], self.matrix[-1] @ np.vstack([self.pull, pulls]))
