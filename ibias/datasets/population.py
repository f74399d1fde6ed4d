"""A law that samples are drawn from, with its errors and risks in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit, ndtr

from ibias._validate import finite_array, from_zero, positive_integer, read_only
from ibias.datasets.classification import Dataset
from ibias.datasets.random import generator

# Gauss-Hermite nodes for narrow laws; Gauss-Legendre panels over u for wide ones.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
PANELS = np.array([0, 1, 2, 4, 8, 12, 16, 20, 28, 37], dtype=float)
PANELS = np.concatenate([-PANELS[:0:-1], PANELS])
WIDE = 1.0  # a standard deviation from which the law is called wide


@dataclass(frozen=True, eq=False)
class GaussianClasses:
    """Two classes at +mean and -mean with the same Gaussian noise, some labels flipped.

    The signed input y x is N(mean, diag(deviations^2)), or N(-mean, ...) if the label is
    flipped. Its product with w is Gaussian, so that a classifier's error and risk on the
    whole population need no test set.

    Parameters
    ----------
    mean : array, shape (n_features,)
    deviations : array, shape (n_features,)
        Standard deviations of the features, at least 0. Where the mean has a feature with
        deviation 0, the classes do not overlap.
    flip : float
        The probability of a flipped label, at least 0 and below 1/2.

    Examples
    --------
    >>> law = GaussianClasses([1.0, 0.0], [1.0, 1.0])
    >>> print(f"{law.error([1.0, 0.0]):.4f}")  # Phi(-1)
    0.1587
    """

    mean: np.ndarray
    deviations: np.ndarray
    flip: float = 0.0

    def __init__(self, mean: ArrayLike, deviations: ArrayLike, flip: float = 0.0) -> None:
        mean = finite_array("mean", mean, ndim=1)
        deviations = finite_array("deviations", deviations, ndim=1)
        if deviations.shape != mean.shape or (deviations < 0).any():
            raise ValueError(
                f"deviations must be {mean.size} numbers of at least 0, like the mean;"
                f" got {deviations.tolist()}"
            )
        flip = from_zero("flip", flip, below=0.5)
        object.__setattr__(self, "mean", read_only(mean))
        object.__setattr__(self, "deviations", read_only(deviations))
        object.__setattr__(self, "flip", float(flip))

    def sample(self, n_samples: int, seed: int = 0) -> Dataset:
        """Return `n_samples` independent samples, with balanced labels."""
        n_samples = positive_integer("n_samples", n_samples)
        rng = generator(seed)
        noise = rng.standard_normal((n_samples, self.mean.size))
        flipped = rng.random(n_samples) < self.flip
        Z = self.mean + self.deviations * noise
        return Dataset.from_signed(np.where(flipped[:, None], -Z, Z))

    def error(self, w: ArrayLike) -> np.ndarray:
        """Return the probability that sign <w, x> is not the label; shape (...) of w's stack."""
        mean, deviation = self._law_of_margin(w)
        if ((mean == 0) & (deviation == 0)).any():
            raise ValueError("w does not see the classes (<w, x> = 0): it makes no prediction.")
        with np.errstate(divide="ignore"):
            clean = ndtr(-mean / deviation)
        return self.flip + (1 - 2 * self.flip) * clean

    def risk(self, w: ArrayLike) -> np.ndarray:
        """Return the expected logistic loss, shape (...), to about ten digits.

        log(1 + e^-u) = max(-u, 0) + log(1 + e^-|u|): for a wide law the first part is exact,
        and the second is integrated over u, where it is a bump of width one.
        """
        mean, deviation = self._law_of_margin(w)
        narrow = np.minimum(deviation, WIDE)
        wide = np.maximum(deviation, WIDE)
        risk_narrow = -log_expit(mean[..., None] + narrow[..., None] * NODES) @ WEIGHTS
        u, du = panel_nodes()
        density = np.exp(-(((u - mean[..., None]) / wide[..., None]) ** 2) / 2) / wide[..., None]
        bump = density @ (du * np.log1p(np.exp(-np.abs(u)))) / np.sqrt(2 * np.pi)
        risk_wide = mean_shortfall(mean, wide) + bump
        # A flipped label turns log(1 + e^-u) into log(1 + e^u), which is larger by u.
        return np.where(deviation < WIDE, risk_narrow, risk_wide) + self.flip * mean

    def risk_slope(self, w: ArrayLike) -> np.ndarray:
        """Return E max(-<yx, w>, 0): the slope in s of the risk of s w, as s grows."""
        mean, deviation = self._law_of_margin(w)
        return mean_shortfall(mean, deviation) + self.flip * mean

    def _law_of_margin(self, w: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the deviation of <yx, w>, for labels that are not flipped."""
        w = finite_array("w", w)
        if w.ndim == 0 or w.shape[-1] != self.mean.size:
            raise ValueError(f"w has shape {w.shape}; its last axis must be {self.mean.size}.")
        return np.asarray(w @ self.mean), np.linalg.norm(w * self.deviations, axis=-1)


def mean_shortfall(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return E max(-u, 0) for u ~ N(mean, deviation^2).

    >>> print(f"{mean_shortfall(0.0, 1.0):.4f}")  # 1 / sqrt(2 pi)
    0.3989
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(mean, deviation)
        spread = deviation * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi) - mean * ndtr(-ratio)
    return np.where(np.equal(deviation, 0), np.maximum(-np.asarray(mean), 0), spread)


def panel_nodes(per_panel: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and weights of Gauss-Legendre quadrature over all panels."""
    x, dx = np.polynomial.legendre.leggauss(per_panel)
    half = np.diff(PANELS)[:, None] / 2
    middle = (PANELS[1:] + PANELS[:-1])[:, None] / 2
    return (middle + half * x).ravel(), (half * dx).ravel()
