"""What a theorem speaks of, measured: a margin, a norm, a direction or a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias.models import singular_values
from ibias.optima import fourier_norm
from ibias.trajectory import margin, unit

SCHATTEN = {1.0: "nuclear", 2.0: "Frobenius", np.inf: "spectral"}
FITS = 0.02  # the largest residual, against the targets, of weights that count as a fit


def l_norm(p: float) -> str:
    """Return the name of a norm.

    >>> l_norm(2.0), l_norm(np.inf)
    ('l_2', 'l_∞')
    """
    return "l_∞" if p == np.inf else f"l_{p:g}"


def of_size_one(w: ArrayLike) -> np.ndarray:
    """Return w, flat, over its largest entry: the squares of what has grown for long overflow."""
    w = np.ravel(w)
    return w / (np.abs(w).max() or 1.0)


@dataclass(frozen=True, eq=False)
class Margin:
    """The smallest margin over a norm of the weights: the largest possible is `best`.

    Attributes
    ----------
    Z : array, shape (n_samples, n_features)
    best : float
    p : float
        Of the l_p norm.
    fourier : bool
        Whether the norm is that of the Fourier coefficients.
    shape : tuple of int, optional
        Of a matrix, if the norm is that of its singular values.
    """

    Z: np.ndarray
    best: float
    p: float = 2.0
    fourier: bool = False
    shape: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.shape:
            return f"margin in the {SCHATTEN[self.p]} norm"
        return f"margin in the {l_norm(self.p)} norm{' of the spectrum' if self.fourier else ''}"

    def share(self, w: ArrayLike) -> float:
        """Return the margin of w over the largest; negative where w errs."""
        w = of_size_one(w)
        if self.fourier:
            return float((self.Z @ w).min() / fourier_norm(w, self.p) / self.best)
        if self.shape:
            length = np.linalg.norm(singular_values(w.reshape(self.shape)), ord=self.p)
            return float((self.Z @ w).min() / length / self.best)
        return float(margin(self.Z, w, self.p) / self.best)


@dataclass(frozen=True, eq=False)
class Norm:
    """A norm of weights that fit, each weight multiplied by its scale: the least is `best`."""

    X: np.ndarray
    y: np.ndarray
    best: float
    p: float = 1.0
    scales: np.ndarray | float = 1.0
    shape: tuple[int, int] | None = None

    def __str__(self) -> str:
        name = SCHATTEN[self.p] if self.shape else l_norm(self.p)
        return f"{'weighted ' if np.ndim(self.scales) else ''}{name} norm"

    def share(self, w: ArrayLike) -> float:
        """Return the least norm over that of w; NaN where w does not fit."""
        w = np.ravel(w)
        misfit = np.linalg.norm(self.X @ w - self.y)
        if not misfit <= FITS * np.linalg.norm(self.y):
            return float("nan")
        values = singular_values(w.reshape(self.shape)) if self.shape else w * self.scales
        return float(self.best / np.linalg.norm(values, ord=self.p))


@dataclass(frozen=True, eq=False)
class Direction:
    """The angle to a direction."""

    reference: np.ndarray

    def __str__(self) -> str:
        return "direction"

    def share(self, w: ArrayLike) -> float:
        """Return the cosine of the angle; one at the direction itself."""
        return float(unit(of_size_one(w)) @ unit(np.ravel(self.reference)))


@dataclass(frozen=True, eq=False)
class Point:
    """The distance to a point, relative to its length."""

    reference: np.ndarray

    def __str__(self) -> str:
        return "point"

    def share(self, w: ArrayLike) -> float:
        """Return 1 - ||w - point|| / ||point||; one at the point itself."""
        point = np.ravel(self.reference)
        return float(1 - np.linalg.norm(np.ravel(w) - point) / np.linalg.norm(point))


Measure = Margin | Norm | Direction | Point
