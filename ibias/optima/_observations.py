"""Observations of a matrix, of order one, and orthonormal where they nearly follow from others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias.datasets import MatrixProblem
from ibias.datasets.matrices import one_problem
from ibias.datasets.rows import lengths, nearest_power
from ibias.optima._equations import Equations, Twofold, nearly_repeat, open_question, orthonormal
from ibias.optima._norms import least_squares
from ibias.optima._sums import exact_sums

FIT = 1e-9  # the largest misfit, relative to the observations


@dataclass(frozen=True, eq=False)
class Observations:
    """<sensors_i, W> = scale * target_i exactly where A(W) = y, as far as any W fits.

    Attributes
    ----------
    sensors : array, shape (k, n_rows, n_columns)
        Of order one, or orthonormal.
    target : array, shape (k,)
        Of order one.
    scale : float
        The unit in which W is found.
    length : array, shape (n,)
        Powers of two by which the given observations are divided.
    given : Twofold, shape (n, n_rows * n_columns)
        The given sensors after that; the symmetric parts, where only these count.
    goal : array, shape (n,)
        The given observations after that.
    exact : Equations, or None where sensors are as they were given
    """

    sensors: np.ndarray
    target: np.ndarray
    scale: float
    length: np.ndarray
    given: Twofold
    goal: np.ndarray
    exact: Equations | None

    @classmethod
    def of(cls, problem: MatrixProblem, symmetric: bool = False) -> Observations:
        """Return the observations of one problem; only symmetric parts count if `symmetric`.

        Raises
        ------
        ValueError
            For a batch, or for observations that no matrix has.
        RuntimeError
            Where rounding leaves open whether an observation depends on others.
        """
        sensors, y = one_problem(problem).sensors, problem.observations
        # Exactly undone at the end.
        length = nearest_power(lengths(sensors.reshape(len(y), -1))[:, 0])
        unit, goal = sensors / length[:, None, None], y / length
        given = Twofold.of(unit)
        if symmetric:
            given = Twofold.of(unit / 2) + Twofold.of(unit.transpose(0, 2, 1) / 2)
            unit = given.high
        given = given.reshape(len(y), -1)
        scale = float(np.abs(goal).max()) or 1.0
        exact, target = None, goal / scale
        if len(y) > unit[0].size or nearly_repeat(np.linalg.svd(given.high, compute_uv=False)):
            exact = orthonormal(given, goal)
            if not np.abs(exact.misfit).max() <= FIT * scale:
                raise ValueError(
                    "problem: no matrix has these observations; remove the ones that contradict."
                )
            if exact.undecided.size:
                raise RuntimeError(open_question("problem: observations", exact.undecided))
            scale = float(np.abs(exact.target).max(initial=0.0)) or 1.0
            unit, target = exact.rows.reshape(-1, *problem.shape), exact.target / scale
        return cls(unit, target, scale, length, given, goal, exact)

    def missed(self, W: np.ndarray) -> tuple[float, bool]:
        """Return how far W is off the observations as they were given, and whether it meets them.

        Nothing of this is read off orthonormal rows, but which directions they leave.
        """
        both = np.concatenate([self.given.high, self.given.low], axis=1)
        left = exact_sums(-both, [np.tile(W.ravel(), 2)], self.goal)
        if self.exact is None:
            rows = self.sensors.reshape(-1, W.size)
            return float(np.linalg.norm(least_squares(rows, left))), True
        fine = FIT * np.abs(self.goal).max()
        met = self.exact.met(self.given.high, left, W.ravel(), fine)
        return self.exact.error(self.given, left, W), met

    def multipliers(self, nu: np.ndarray) -> np.ndarray:
        """Return the multipliers of the given observations that pull as nu do the sensors."""
        return (self.exact.multipliers(nu) if self.exact else nu) / self.length


def fitted(sensors: np.ndarray, W: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return W with rounding taken off <sensors_i, W> = y_i."""
    rows = sensors.reshape(-1, W.size)
    for _ in range(2):
        W = W + least_squares(rows, y - rows @ W.ravel()).reshape(W.shape)
    return W
