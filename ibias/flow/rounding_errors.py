"""What rounding errors grow to along a flow, where its loss is not convex.

On an unstable ridge everything beside the flow grows: what is lost when margins are rounded is
lost by every run alike, so that no two runs tell. The linear flow of errors E' = J E does, with a
rounding error added in each step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import expm

from ibias.flow.log_time import Halt, IntegrationFailed, before

ROUNDING = 2.0**-53
STIFF = -50.0  # e^STIFF is nothing


class RoundingErrors:
    """The covariance of rounding errors along a run, step by step.

    Parameters
    ----------
    jacobian : callable
        Of the field, at one time and one state.
    unit : float
        Errors are relative to max(unit, |w|).
    tolerance : float
        What they may be.
    symmetric : bool
        Whether the Jacobian is.
    """

    def __init__(
        self,
        jacobian: Callable[[float, np.ndarray], np.ndarray],
        unit: float,
        tolerance: float,
        symmetric: bool,
    ) -> None:
        self.jacobian, self.unit, self.symmetric = jacobian, unit, symmetric
        self.tolerance, self.time, self.lost = tolerance, np.nan, False

    def begin(self, s: float, w: np.ndarray) -> None:
        """Start at s without an error, unless this is where the last stretch has ended."""
        if s != self.time:
            self.time, self.slope = s, self.jacobian(s, w)
            self.covariance, self.until = np.zeros((w.size, w.size)), s
            self.lost = False

    def watching(
        self, s: float, w: np.ndarray, times: np.ndarray, halt: Halt
    ) -> Callable[[float, np.ndarray], bool]:
        """Return a halt that carries the errors on, from s and w, and checks them at `times`."""
        self.begin(s, w)

        def watched(s: float, w: np.ndarray) -> bool:
            self.step(s, w)
            if s in times:
                self.check(w)
            return halt is not None and halt(s, w)

        return watched

    def step(self, s: float, w: np.ndarray) -> None:
        """Carry the errors on to s, where w is."""
        slope, h = self.jacobian(s, w), s - self.time
        mean = h * (self.slope + slope) / 2
        self.time, self.slope = s, slope
        self.lost = self.lost or not np.isfinite(mean).all()
        if self.lost:
            return
        moved = min(1.0, float(np.abs(mean).max(initial=0.0)))  # what does not move is exact
        size = ROUNDING * moved * float(np.abs(w).max(initial=0.0))
        grow = self.growth(mean)
        self.covariance = grow @ (self.covariance + size**2 * np.eye(w.size)) @ grow.T
        error = self.error(w)
        # Beyond the linear flow: such an error may shrink, but what it has bent stays bent.
        self.lost = not error**2 <= self.tolerance
        if error <= self.tolerance:
            self.until = s

    def growth(self, mean: np.ndarray) -> np.ndarray:
        """Return e^mean."""
        if not self.symmetric:
            return expm(mean)
        rates, basis = np.linalg.eigh(mean)
        return (basis * np.exp(np.maximum(rates, STIFF))) @ basis.T

    def error(self, w: np.ndarray) -> float:
        """Return the error of w in its largest entry, relative to its size."""
        size = max(self.unit, float(np.abs(w).max(initial=0.0)))
        return float(np.sqrt(np.diag(self.covariance).max(initial=0.0))) / size

    def check(self, w: np.ndarray) -> None:
        """Raise where the error exceeds what is allowed."""
        if self.lost or not self.error(w) <= self.tolerance:
            until = before(self.until)
            error = IntegrationFailed(
                f"by log time {self.time:.6g} rounding errors have grown beyond the tolerance: the"
                " loss is not convex, and the flow stays where errors grow. Ask for times up to"
                f" {until:.4g}, or take a start on the right"
                " side of more samples."
            )
            error.until = until
            raise error
