"""Steepest descent in any l_p norm, and boosting, which is its coordinate-wise form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import array_of, finite_array, norm_order, read_only
from ibias.methods.method import Limit, Method, nonzero
from ibias.objectives import Downhill, Objective, Pull
from ibias.steps import Constant, Decaying, Step


def norm_orders(p: ArrayLike) -> np.ndarray:
    """Return one order p or several, each from 1 to inf."""
    given = array_of("p", p)
    orders = np.array([norm_order("p", one) for one in given.flat]).reshape(given.shape)
    if not orders.size:
        raise ValueError("p must be from 1 to inf; got no order. Give one at least.")
    return read_only(orders)


def dual_orders(p: np.ndarray) -> np.ndarray:
    """Return q with 1/p + 1/q = 1.

    >>> dual_orders(np.array([1.0, 1.5, 2.0, np.inf]))
    array([inf,  3.,  2.,  1.])
    """
    with np.errstate(divide="ignore"):
        return 1 / (1 - 1 / p)


def steepest_direction(g: np.ndarray, p: ArrayLike) -> np.ndarray:
    """Return the v with ||v||_p = 1 and <g, v> = ||g||_q, shape (..., n_features).

    v_j is proportional to sign(g_j) |g_j|^(q-1): the largest coordinate alone for p = 1 (all
    of them, where several tie), g itself for p = 2, the signs of g for p = inf. Here g is not
    zero, and p is a number or an array that broadcasts to shape (...).

    >>> g = np.array([3.0, -4.0])
    >>> [steepest_direction(g, p).round(3).tolist() for p in (1, 2, np.inf)]
    [[0.0, -1.0], [0.6, -0.8], [1.0, -1.0]]
    """
    g, p = finite_array("g", g), norm_orders(p)
    if g.ndim == 0 or not g.any(axis=-1).all():
        raise ValueError("g is zero, and has no direction; give one that is not zero.")
    return steepest(g, p)


def steepest(g: np.ndarray, p: np.ndarray, log_size: np.ndarray | float = 0.0) -> np.ndarray:
    """Return `steepest_direction` of arguments that are known to be good, for exp(log_size) g."""
    p = np.asarray(p, dtype=float)[..., None]
    if np.ndim(log_size) and log_size.shape[-1] > 1:  # sizes of entries, which underflow together
        with np.errstate(divide="ignore"):
            logs = np.log(np.abs(g)) + log_size
        v = powers(logs - logs.max(axis=-1, keepdims=True), dual_orders(p) - 1)
    else:
        relative = np.abs(g) / np.abs(g).max(axis=-1, keepdims=True)
        v = relative ** (dual_orders(p) - 1)
    # ||v||_p, where v_j^p = relative_j^q; both forms are 1 at p = inf.
    length = np.where(np.isinf(p), 1.0, (v ** np.minimum(p, 1e300)).sum(-1, keepdims=True))
    return np.sign(g) * v / length ** (1 / p)


def powers(logs: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Return exp(logs) ** power for logs <= 0: 1 where both factors say so, as numpy does."""
    some = (logs < 0) & (power > 0)
    exponents = np.where(some, logs, -1.0) * np.where(some, power, 1.0)
    return np.where(some, np.exp(exponents), 1.0)


@dataclass(frozen=True, eq=False)
class Steepest(Method):
    """theta <- theta + eta argmin_v <grad risk, v> + ||v||_p^2 / 2.

    The minimiser is ||g||_q v for minus the gradient g and its `steepest_direction` v (Gunasekar
    et al. 2018, section 3). With p = 2 it is gradient descent. p may be an array: several norms
    run at once.
    """

    p: ArrayLike = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", norm_orders(self.p))
        object.__setattr__(self, "shape", self.p.shape)

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return a step of size eta ||g||_q; none where the gradient is zero or underflows."""
        g = pull.value(theta)
        moving = g.any(axis=-1, keepdims=True)
        v = steepest(g if moving.all() else np.where(moving, g, 1.0), self.p)
        return theta + eta * (g * v).sum(axis=-1, keepdims=True) * v, None

    def limit(self) -> Limit | None:
        """Return the flow of steepest descent; none at p = 1 and inf, where it has kinks."""
        if self.shape or not 1 < self.p < np.inf:
            return None

        def velocity(pull: Pull, theta: np.ndarray) -> Downhill:
            log_size, g = pull(theta)
            v = steepest(g, self.p)
            return Downhill(log_size, (g * v).sum(axis=-1, keepdims=True) * v)

        return Limit("velocity", velocity=velocity)


@dataclass(frozen=True, eq=False)
class NormalizedSteepest(Steepest):
    """theta <- theta + eta_k v, with v the steepest direction of length ||v||_p = 1.

    After steps of total length S and total square Q, from zero with the exponential loss, the
    l_p margin of w is at least gamma_p - (log n + B^2 Q / 2) / S, with B the largest ||z_i||_q.
    The default is eta_k = 1/sqrt(k + 1); for a known number of steps K, constant steps of the
    order of 1/(B sqrt(K)) are best. p = inf is sign descent.
    """

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return a step of length eta; refuse a gradient that is zero."""
        log_size, g = pull.entries(theta)
        return theta + eta * steepest(nonzero(g, k), self.p, log_size), None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1 / sqrt(k + 1)."""
        return Decaying(1.0, 0.5)

    def limit(self) -> Limit | None:
        """Return the flow of `Steepest` by its length."""
        if super().limit() is None:
            return None

        def velocity(pull: Pull, theta: np.ndarray) -> Downhill:
            return Downhill(np.zeros(1), steepest(pull(theta).direction, self.p))

        return Limit("velocity", velocity=velocity)


@dataclass(frozen=True)
class Boosting(Method):
    """AdaBoost: coordinate descent on the exponential loss, by the best step but a factor.

    The features are weak learners with values in [-1, 1]. With the weights p = softmax(-Zw) of
    the samples, the coordinate with the largest edge r = |sum_i p_i z_ij| moves by
    eta log((1 + r) / (1 - r)) / 2, which minimises the risk along it when the values are +1 and
    -1, and else an upper bound of it (Schapire et al. 1998). The step eta, 1 by default, is the
    shrinkage.
    """

    loss: ClassVar[str] = "exponential"

    def init(self, objective: Objective, theta: np.ndarray) -> None:
        """Refuse features beyond [-1, 1], and models of other weights."""
        if objective.model is not None or not hasattr(objective.sets[0], "Z"):
            raise ValueError("model: Boosting() chooses among the features of two classes.")
        if (np.abs(objective.Z) > 1).any():
            raise ValueError(
                "data: X has entries larger than 1; divide it by its largest absolute entry."
            )

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return theta with one coordinate moved."""
        if np.max(eta) > 1:
            raise ValueError(f"steps: the shrinkage must be at most 1; got {np.max(eta)}")
        edges = pull.over_risk(theta)
        best = np.abs(edges).argmax(axis=-1, keepdims=True)
        r = np.take_along_axis(edges, best, axis=-1)
        if (np.abs(r) >= 1).any():
            raise ValueError(
                f"data: at step {k} one feature is right on every sample that counts, so that its"
                " best step is infinite: use NormalizedSteepest(p=1)."
            )
        moved = np.zeros_like(theta)
        np.put_along_axis(moved, best, eta * np.arctanh(r), axis=-1)
        return theta + moved, None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1, which is AdaBoost."""
        return Constant(1.0)
