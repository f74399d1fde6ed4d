"""Radau IIA of order 9: its coefficients, and the Newton iteration of a step.

Hairer and Wanner (1996, sections IV.5 and IV.8).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.legendre import Legendre
from scipy.linalg.lapack import zgetrf, zgetrs

from ibias.flow.sums import Sums

STAGES = 5
SEEN = 1e-6  # of a Jacobian: eigenvalues below may be rounding, or errors of differences


@dataclass(frozen=True, eq=False)
class Tableau:
    """The method's coefficients: nodes, A^-1 = Re(vectors diag(poles) covectors), the estimate.

    Of two conjugate poles one is kept, its vector twice; the first pole is real.
    """

    nodes: np.ndarray
    inverse: np.ndarray
    poles: np.ndarray
    vectors: np.ndarray
    covectors: np.ndarray
    real_pole: float
    estimate: np.ndarray
    extrapolate: np.ndarray  # the inverse of the Vandermonde matrix of 0 and the nodes
    derivative: np.ndarray  # takes values at 0 and the nodes to the slopes of their polynomial


@cache
def tableau() -> Tableau:
    """Return the coefficients, computed from the zeros of P_5 - P_4."""
    polynomial = Legendre.basis(STAGES) - Legendre.basis(STAGES - 1)
    nodes = np.sort((polynomial.convert(kind=Polynomial).roots().real + 1) / 2)
    nodes[-1] = 1.0
    powers = np.arange(STAGES)
    vandermonde = nodes[:, None] ** powers
    A = nodes[:, None] ** (powers + 1) / (powers + 1) @ np.linalg.inv(vandermonde)
    inverse = np.linalg.inv(A)
    poles, vectors = np.linalg.eig(inverse)
    covectors = np.linalg.inv(vectors)
    kept = np.flatnonzero(poles.imag > -1e-12)
    kept = kept[np.argsort(poles.imag[kept])]
    poles, vectors, covectors = poles[kept], vectors[:, kept], covectors[kept]
    vectors = np.where(poles.imag > 1e-12, 2, 1) * vectors
    real_pole = float(poles[0].real)
    # f(0) / real_pole + sum_i e_i f(c_i) vanishes where f is a polynomial of degree below 5.
    estimate = np.linalg.solve(vandermonde.T, np.where(powers == 0, -1 / real_pole, 0.0))
    degrees = np.arange(STAGES + 1)
    from_start = np.append(0.0, nodes)[:, None]
    extrapolate = np.linalg.inv(from_start**degrees)
    return Tableau(
        nodes,
        inverse,
        poles,
        vectors,
        covectors,
        real_pole,
        estimate,
        extrapolate,
        degrees * from_start ** np.maximum(degrees - 1, 0) @ extrapolate,
    )


class Newton:
    """The Newton iteration of a step: solves (A^-1 x I - h I x J) Z = right, for fixed J.

    With sums over whole steps, (A^-1 (I + M J) - h J) Z = right, M their matrix; J is symmetric.
    """

    def __init__(self, jacobian: np.ndarray, symmetric: bool) -> None:
        self.symmetric = symmetric
        self.jacobian = jacobian
        if symmetric:
            self.rates, self.basis = np.linalg.eigh(jacobian)
        self.h, self.inverses = 0.0, None

    def prepare(self, h: float, sums: Sums | None) -> None:
        """Factor for the step h."""
        if h == self.h and sums is None and self.inverses is None:
            return
        t, self.h, self.inverses = tableau(), h, None
        if sums is not None:
            turned = t.inverse @ sums.matrix[:, 1:] - h * np.eye(STAGES)
            self.inverses = np.linalg.inv(t.inverse + self.rates[:, None, None] * turned)
        elif self.symmetric:
            self.divisors = t.poles[:, None] - h * self.rates
        else:
            identity = np.eye(len(self.jacobian))
            self.factors = [zgetrf(pole * identity - h * self.jacobian)[:2] for pole in t.poles]

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Return Z, shape (5, n), and keep it: the last change says what an iteration leaves."""
        self.change = self._solved(right)
        return self.change

    def _solved(self, right: np.ndarray) -> np.ndarray:
        """Return Z, shape (5, n)."""
        t = tableau()
        if self.inverses is not None:
            parts = np.einsum("nij,jn->in", self.inverses, right @ self.basis)
            return parts @ self.basis.T
        if self.symmetric:
            parts = t.covectors @ (right @ self.basis) / self.divisors
            return (t.vectors @ parts).real @ self.basis.T
        rows = zip(self.factors, t.covectors @ right, strict=True)
        return (t.vectors @ np.array([zgetrs(*lu, row)[0] for lu, row in rows])).real

    def filtered(self, vector: np.ndarray) -> np.ndarray:
        """Return (I - h J / real_pole)^-1 vector."""
        pole = tableau().real_pole
        if self.symmetric:
            return (vector @ self.basis / (1 - self.h / pole * self.rates)) @ self.basis.T
        return pole * zgetrs(*self.factors[0], vector.astype(complex))[0].real


def instability(jacobian: np.ndarray, symmetric: bool) -> float:
    """Return the rate at which errors grow fastest: the largest eigenvalue, zero if none does.

    >>> instability(np.diag([-2.0, 0.5]), symmetric=True)
    0.5
    """
    size = np.abs(jacobian).max(initial=0.0)
    if not 0 < size < np.inf:
        return 0.0
    rates = np.linalg.eigvalsh(jacobian) if symmetric else np.linalg.eigvals(jacobian).real
    return float(rates.max()) if rates.max() > SEEN * size else 0.0
