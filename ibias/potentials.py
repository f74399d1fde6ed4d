"""Potentials of mirror descent: value, gradient, inverse gradient, Bregman divergence.

A potential psi is strictly convex; mirror descent takes its gradient step on psi's gradient
m (the mirror image of w) instead of on w itself. All potentials work on any stack of weight
vectors, w of shape (..., n_features), and reduce the last axis where they give a number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import kl_div

from ibias._validate import finite_array, floats, positive, vectors, whole_fields
from ibias.trajectory import length

LARGEST_LOG = 170.0  # of scale^(2 - depth): its fourth power must be a double
NEWTON_STEPS = 60  # of a convex equation of one unknown; ten nearly always do
SMALLEST_SCALE = 1e-150  # of a start u = v = scale: its square must be a double


class Potential(ABC):
    """A strictly convex function psi with an invertible gradient."""

    @abstractmethod
    def value(self, w: ArrayLike) -> np.ndarray:
        """Return psi(w), shape (...)."""

    @abstractmethod
    def gradient(self, w: ArrayLike) -> np.ndarray:
        """Return the mirror image m of w, the gradient of psi, shape (..., n_features)."""

    @abstractmethod
    def inverse_gradient(self, m: ArrayLike) -> np.ndarray:
        """Return the w whose mirror image is m, shape (..., n_features)."""

    @abstractmethod
    def inverse_metric(self, m: ArrayLike) -> np.ndarray:
        """Return dw/dm, the inverse Hessian of psi at the w of m.

        Shape (n_features,) if the potential is a sum over coordinates (then it is the
        diagonal), else (n_features, n_features).
        """

    def metric(self, w: ArrayLike) -> np.ndarray:
        """Return the Hessian of psi at w, of the shape of `inverse_metric`."""
        if floats("w", w).ndim != 1:
            raise ValueError(f"w has shape {np.shape(w)}; give one weight vector, of one axis.")
        with np.errstate(divide="ignore"):
            inverse = self.inverse_metric(self.gradient(w))
            return 1 / inverse if inverse.ndim == 1 else np.linalg.inv(inverse)

    def in_units(self, unit: float) -> tuple[Potential, float] | None:
        """Return phi and k with D_psi(unit * v, unit * w) = unit^k D_phi(v, w); None if unknown."""
        return None

    def bregman(self, w: ArrayLike, start: ArrayLike) -> np.ndarray:
        """Return psi(w) - psi(start) - <grad psi(start), w - start>, shape (...).

        At least 0, and 0 only where w = start; not symmetric.
        """
        w, start = _together(w, start)
        linear = (self.gradient(start) * (w - start)).sum(axis=-1)
        return self.value(w) - self.value(start) - linear


@dataclass(frozen=True)
class SquaredNorm(Potential):
    """psi(w) = ||w||_p^2 / 2, for 1 < p < inf. With p = 2 mirror descent is gradient descent.

    Its mirror image has the dual norm of w: ||m||_q = ||w||_p, 1/p + 1/q = 1.

    >>> SquaredNorm(2).gradient([3.0, -4.0])
    array([ 3., -4.])
    """

    p: float

    def __post_init__(self) -> None:
        _order(self.p)

    def value(self, w: ArrayLike) -> np.ndarray:
        """Return ||w||_p^2 / 2."""
        return length(vectors("w", w), self.p) ** 2 / 2

    def gradient(self, w: ArrayLike) -> np.ndarray:
        """Return ||w||_p^(2-p) |w|^(p-1) sign(w)."""
        return _half_square_gradient("w", w, self.p)

    def inverse_gradient(self, m: ArrayLike) -> np.ndarray:
        """Return the same formula with the dual q for p."""
        return _half_square_gradient("m", m, self.p / (self.p - 1))

    def inverse_metric(self, m: ArrayLike) -> np.ndarray:
        """Return the Hessian of ||m||_q^2 / 2, shape (n_features, n_features)."""
        q = self.p / (self.p - 1)
        m = floats("m", m)
        if m.ndim != 1:
            raise ValueError(f"m has shape {m.shape}; give one mirror image, of one axis.")
        norm = length(m, q)
        r = m / norm if norm > 0 else m
        along = np.abs(r) ** (q - 1) * np.sign(r)
        with np.errstate(divide="ignore"):
            across = (q - 1) * np.abs(r) ** (q - 2)
        return np.diag(across) + (2 - q) * np.outer(along, along)

    def metric(self, w: ArrayLike) -> np.ndarray:
        """Return the Hessian of ||w||_p^2 / 2, shape (n_features, n_features)."""
        w = floats("w", w)
        if w.ndim != 1:
            raise ValueError(f"w has shape {w.shape}; give one weight vector, of one axis.")
        return SquaredNorm(self.p / (self.p - 1)).inverse_metric(w)

    def in_units(self, unit: float) -> tuple[Potential, float]:
        """Return psi itself, homogeneous of degree 2."""
        return self, 2.0


@dataclass(frozen=True)
class PowerNorm(Potential):
    """psi(w) = ||w||_p^p / p, for 1 < p < inf: the p-GD of Sun et al. (2022).

    It selects the same interpolant and the same direction as `SquaredNorm` from w = 0, and
    its update needs no norm: each coordinate moves by itself.

    >>> PowerNorm(3).gradient([2.0, -1.0])
    array([ 4., -1.])
    """

    p: float

    def __post_init__(self) -> None:
        _order(self.p)

    def value(self, w: ArrayLike) -> np.ndarray:
        """Return sum |w_j|^p / p."""
        return (np.abs(vectors("w", w)) ** self.p).sum(axis=-1) / self.p

    def gradient(self, w: ArrayLike) -> np.ndarray:
        """Return |w|^(p-1) sign(w)."""
        w = floats("w", w)
        return np.abs(w) ** (self.p - 1) * np.sign(w)

    def inverse_gradient(self, m: ArrayLike) -> np.ndarray:
        """Return |m|^(1/(p-1)) sign(m)."""
        m = floats("m", m)
        return np.abs(m) ** (1 / (self.p - 1)) * np.sign(m)

    def inverse_metric(self, m: ArrayLike) -> np.ndarray:
        """Return |m|^((2-p)/(p-1)) / (p-1), shape (n_features,)."""
        power = 1 / (self.p - 1)
        with np.errstate(divide="ignore"):
            return power * np.abs(floats("m", m)) ** (power - 1)

    def metric(self, w: ArrayLike) -> np.ndarray:
        """Return (p - 1) |w|^(p-2), shape (n_features,)."""
        return PowerNorm(self.p / (self.p - 1)).inverse_metric(floats("w", w))

    def in_units(self, unit: float) -> tuple[Potential, float]:
        """Return psi itself, homogeneous of degree p."""
        return self, self.p


@dataclass(frozen=True)
class NegativeEntropy(Potential):
    """psi(w) = sum w_j log w_j - w_j on w > 0: multiplicative updates, w <- w exp(-step g).

    Its Bregman divergence is the Kullback-Leibler divergence of positive vectors.
    """

    def value(self, w: ArrayLike) -> np.ndarray:
        """Return sum w_j log w_j - w_j."""
        w = _above_zero(w)
        return (w * np.log(w) - w).sum(axis=-1)

    def gradient(self, w: ArrayLike) -> np.ndarray:
        """Return log w."""
        return np.log(_above_zero(w))

    def inverse_gradient(self, m: ArrayLike) -> np.ndarray:
        """Return exp(m)."""
        return np.exp(floats("m", m))

    def inverse_metric(self, m: ArrayLike) -> np.ndarray:
        """Return exp(m), shape (n_features,)."""
        return np.exp(floats("m", m))

    def in_units(self, unit: float) -> tuple[Potential, float]:
        """Return psi itself, homogeneous of degree 1 but for a linear function."""
        return self, 1.0

    def bregman(self, w: ArrayLike, start: ArrayLike) -> np.ndarray:
        """Return sum w_j log(w_j / start_j) - w_j + start_j; w may have zeros.

        >>> float(NegativeEntropy().bregman([0.0, 1.0], [1.0, 1.0]))
        1.0
        """
        w, start = _together(w, start)
        if (w < 0).any():
            raise ValueError(
                "w has entries below 0, where the entropy is infinite; use HyperbolicEntropy."
            )
        return kl_div(w, _above_zero(start)).sum(axis=-1)


@dataclass(frozen=True)
class HyperbolicEntropy(Potential):
    """The potential of w = u^2 - v^2 under gradient flow from u = v = scale (Woodworth et al.).

    psi(w) = sum_j [w_j arcsinh(w_j / c) - sqrt(c^2 + w_j^2) + c] / 4 with c = 2 scale^2, so that
    m = arcsinh(w / c) / 4 and w = c sinh(4 m) (Woodworth et al. 2020, Theorem 1, where it is
    called Q up to the factor 1/4). Its minimum is at w = 0. For a large scale it is
    ||w||_2^2 / (16 scale^2), for a small one log(1 / scale) ||w||_1 / 2, to leading order.

    A scale for each coordinate, an array of shape (n_features,), is the start u_j = v_j =
    scale_j.

    >>> potential = HyperbolicEntropy(0.1)
    >>> potential.inverse_gradient(potential.gradient([2.0, -0.5])).round(12)
    array([ 2. , -0.5])
    """

    scale: float | np.ndarray

    def __post_init__(self) -> None:
        for entry in finite_array("scale", self.scale).ravel():
            positive("scale", float(entry))
            if entry < SMALLEST_SCALE:
                raise ValueError(
                    f"scale must be at least {SMALLEST_SCALE:g}, so that its square is a number"
                    f" in double precision; got {entry:g}"
                )
        if not isinstance(self.scale, (int, float)):
            object.__setattr__(self, "scale", finite_array("scale", self.scale))

    def value(self, w: ArrayLike) -> np.ndarray:
        """Return sum_j [w_j arcsinh(w_j / c) - sqrt(c^2 + w_j^2) + c] / 4."""
        w, c = vectors("w", w), 2 * self.scale**2
        # c - sqrt(c^2 + w^2) without the cancellation
        drop = -(w**2) / (c + np.hypot(c, w))
        return (w * np.arcsinh(w / c) + drop).sum(axis=-1) / 4

    def gradient(self, w: ArrayLike) -> np.ndarray:
        """Return arcsinh(w / (2 scale^2)) / 4."""
        return np.arcsinh(floats("w", w) / (2 * self.scale**2)) / 4

    def inverse_gradient(self, m: ArrayLike) -> np.ndarray:
        """Return 2 scale^2 sinh(4 m)."""
        return 2 * self.scale**2 * np.sinh(4 * floats("m", m))

    def inverse_metric(self, m: ArrayLike) -> np.ndarray:
        """Return 8 scale^2 cosh(4 m), which is 4 (u^2 + v^2); shape (n_features,)."""
        return 8 * self.scale**2 * np.cosh(4 * floats("m", m))

    def in_units(self, unit: float) -> tuple[Potential, float] | None:
        """Return the potential of the scale in those units, u and v being roots of w."""
        scale = self.scale / np.sqrt(unit)
        if not (np.isfinite(scale) & (scale >= SMALLEST_SCALE)).all():
            return None
        return HyperbolicEntropy(scale), 1.0


@dataclass(frozen=True)
class DepthEntropy(Potential):
    """The potential of w = u^depth - v^depth under gradient flow from u = v = scale, depth >= 3.

    With r = scale^(2 - depth), c = depth (depth - 2) and q = depth / (depth - 2)

        w = (r - c m)^(-q) - (r + c m)^(-q),

    entry by entry (Woodworth et al. 2020, Theorem 3). So m stays in the open interval of length
    2 r / c around zero, whatever w is; beyond it w is infinite. At depth two it is
    `HyperbolicEntropy`.

    >>> potential = DepthEntropy(depth=3, scale=0.1)
    >>> potential.inverse_gradient(potential.gradient([2.0, -0.5])).round(12)
    array([ 2. , -0.5])
    """

    depth: int
    scale: float

    def __post_init__(self) -> None:
        whole_fields(self, "depth")
        if self.depth < 3:
            raise ValueError(f"depth must be at least 3, got {self.depth}: 2 is HyperbolicEntropy.")
        object.__setattr__(self, "scale", positive("scale", self.scale))
        if abs((2 - self.depth) * np.log(self.scale)) > LARGEST_LOG:
            raise ValueError(
                f"scale must have a power 2 - depth that is a number in double precision; got"
                f" {self.scale:g} at depth {self.depth}. Take a scale nearer to one."
            )

    @property
    def rest(self) -> float:
        """scale^(2 - depth), by which m is scaled."""
        return self.scale ** (2 - self.depth)

    @property
    def pace(self) -> int:
        """The product depth (depth - 2)."""
        return self.depth * (self.depth - 2)

    @property
    def power(self) -> float:
        """The quotient depth / (depth - 2)."""
        return self.depth / (self.depth - 2)

    def _logs(self, m: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return log(1 - s) and log(1 + s) for s = |m| c / r; beyond the interval -inf."""
        s = np.minimum(np.abs(floats("m", m)) * self.pace / self.rest, 1.0)
        with np.errstate(divide="ignore"):
            return np.log1p(-s), np.log1p(s)

    def value(self, w: ArrayLike) -> np.ndarray:
        """Return m w less the dual potential of m, summed."""
        w = vectors("w", w)
        m, p = self.gradient(w), self.power - 1
        near, far = self._logs(m)
        dual = self.rest**-p * (np.expm1(-p * near) + np.expm1(-p * far)) / (p * self.pace)
        return (m * w - dual).sum(axis=-1)

    def gradient(self, w: ArrayLike) -> np.ndarray:
        """Return m, by Newton's method for 1 - s, from a bound above s: it only falls."""
        w = floats("w", w)
        x, q = np.abs(w) * self.rest**self.power, self.power
        near = (1 + x) ** (-1 / q)
        for _ in range(NEWTON_STEPS):
            far = 2 - near
            excess = near**-q - far**-q - x
            near = near + excess / (q * (near ** (-q - 1) + far ** (-q - 1)))
        return np.sign(w) * (1 - near) * self.rest / self.pace

    def inverse_gradient(self, m: ArrayLike) -> np.ndarray:
        """Return (r - c m)^(-q) - (r + c m)^(-q)."""
        near, far = self._logs(m)
        size = np.expm1(-self.power * near) - np.expm1(-self.power * far)
        return np.sign(floats("m", m)) * self.rest**-self.power * size

    def inverse_metric(self, m: ArrayLike) -> np.ndarray:
        """Return depth^2 (u^(2 depth - 2) + v^(2 depth - 2)); shape (n_features,)."""
        near, far = self._logs(m)
        slope = -self.power - 1
        return (
            self.power * self.pace * self.rest**slope * (np.exp(slope * near) + np.exp(slope * far))
        )


def _together(w: ArrayLike, start: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return two stacks of weight vectors; refuse those of different features."""
    w, start = vectors("w", w), vectors("start", start)
    try:
        np.broadcast_shapes(w.shape, start.shape)
    except ValueError as error:
        raise ValueError(
            f"w has shape {w.shape} and start {start.shape}; give both the same features."
        ) from error
    return w, start


def _order(p: float) -> None:
    """Refuse orders at which the potential is not strictly convex and smooth."""
    if not 1 < positive("p", p) < np.inf:
        raise ValueError(
            f"p must be greater than 1, got {p}: at p = 1 the potential is not strictly convex."
        )


def _half_square_gradient(name: str, w: ArrayLike, p: float) -> np.ndarray:
    """Return the gradient of ||w||_p^2 / 2, zero at zero."""
    w = floats(name, w)
    if w.ndim == 0:
        vectors(name, w)  # which refuses it
    norm = length(w, p)[..., None]
    ratio = np.divide(w, norm, out=np.zeros_like(w), where=norm > 0)
    return norm * np.abs(ratio) ** (p - 1) * np.sign(ratio)


def _above_zero(w: ArrayLike) -> np.ndarray:
    """Return `w` as an array; refuse entries where log w is not a number."""
    w = finite_array("w", w)
    if (w <= 0).any():
        raise ValueError(
            "w must be greater than 0 in every entry: the entropy is defined there only."
            " Start at a positive w; for weights of both signs use HyperbolicEntropy."
        )
    return w
