"""Margin losses, everything in the log domain.

A margin loss is a decreasing function l of the margin u = y <w, x>. At asymptotic times
l(u) and l'(u) underflow long before the theory is over, so that a loss here gives
log l(u) and log(-l'(u)), and nothing is ever exponentiated that is not of order one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, log_expit

from ibias._validate import choice, positive

LARGEST_EXPONENT = 300.0  # e^300 can still be multiplied, squared and summed


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Return log mean exp(values) over the last axis, without over- or underflow.

    Examples
    --------
    >>> float(log_mean_exp(np.array([-1e5, -1e5])))
    -100000.0
    """
    largest = values.max(axis=-1, keepdims=True)
    return np.log(np.exp(values - largest).mean(axis=-1)) + largest[..., 0]


def softmax(values: np.ndarray) -> np.ndarray:
    """Return exp(values) / sum exp(values) over the last axis.

    scipy's is the same, but its overhead is ten times the work for the few samples of a page.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


class MarginLoss(ABC):
    """A decreasing loss of the margin.

    Every method works elementwise on an array of margins of any shape; the methods that
    say so reduce the last axis, the one over samples.

    Attributes
    ----------
    smoothness : float
        The supremum of l'' (beta in "beta-smooth"), or infinity.
    analytic : bool
        Whether all derivatives exist on the line. Where they do not, an integrator of high order
        loses it, and steps more carefully.
    """

    smoothness: float
    analytic: ClassVar[bool] = False

    @abstractmethod
    def log_value(self, margins: np.ndarray) -> np.ndarray:
        """Return log l(u)."""

    @abstractmethod
    def log_slope(self, margins: np.ndarray) -> np.ndarray:
        """Return log(-l'(u))."""

    @abstractmethod
    def log_slope_derivative(self, margins: np.ndarray) -> np.ndarray:
        """Return d/du log(-l'(u)), which is l''/l'."""

    def value(self, margins: np.ndarray) -> np.ndarray:
        """Return l(u); zero where it underflows."""
        return np.exp(self.log_value(margins))

    def slope(self, margins: np.ndarray) -> np.ndarray:
        """Return l'(u), which is negative; zero where it underflows."""
        return -np.exp(self.log_slope(margins))

    def weights(self, log_scale: float | np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return e^log_scale (-l'(u)), at most e^300: the pulls of samples at a late time.

        Of order one where neither factor can be represented.

        >>> Exponential().weights(1e6, np.array([1e6, 1e6 + 1])).round(3)
        array([1.   , 0.368])
        """
        return np.exp(np.minimum(log_scale + self.log_slope(margins), LARGEST_EXPONENT))

    def log_risk(self, margins: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean loss over the last axis.

        >>> float(Exponential().log_risk(np.array([1e6, 1e6])))
        -1000000.0
        """
        return log_mean_exp(self.log_value(np.asarray(margins, dtype=float)))

    def dual_variables(self, margins: np.ndarray) -> np.ndarray:
        """Return the normalised dual variables -l'(u_i) / sum_j -l'(u_j) over the last axis.

        These are the weights of the samples in the gradient. For a loss with an
        exponential tail they tend to the dual solution of the maximum-margin problem.
        """
        return softmax(self.log_slope(np.asarray(margins, dtype=float)))


@dataclass(frozen=True)
class Exponential(MarginLoss):
    """l(u) = exp(-u). Not beta-smooth: no fixed step size is safe for every start."""

    smoothness: ClassVar[float] = np.inf
    analytic: ClassVar[bool] = True

    def log_value(self, margins: np.ndarray) -> np.ndarray:
        """Return -u."""
        return -np.asarray(margins, dtype=float)

    def log_slope(self, margins: np.ndarray) -> np.ndarray:
        """Return -u."""
        return -np.asarray(margins, dtype=float)

    def log_slope_derivative(self, margins: np.ndarray) -> np.ndarray:
        """Return -1."""
        return np.full(np.shape(margins), -1.0)


@dataclass(frozen=True)
class Logistic(MarginLoss):
    """l(u) = log(1 + exp(-u)), beta-smooth with beta = 1/4."""

    smoothness: ClassVar[float] = 0.25
    analytic: ClassVar[bool] = True

    def log_value(self, margins: np.ndarray) -> np.ndarray:
        """Return log log(1 + exp(-u)); for large u, log(1 + x) = x - x^2/2 + ... ."""
        u = np.asarray(margins, dtype=float)
        tail = np.exp(-np.maximum(u, 30.0))
        near = np.log(np.logaddexp(0.0, -np.minimum(u, 30.0)))
        return np.where(u < 30.0, near, -u + np.log1p(-tail / 2))

    def log_slope(self, margins: np.ndarray) -> np.ndarray:
        """Return -log(1 + exp(u))."""
        return log_expit(-np.asarray(margins, dtype=float))

    def slope(self, margins: np.ndarray) -> np.ndarray:
        """Return -1 / (1 + exp(u))."""
        return -expit(-np.asarray(margins, dtype=float))

    def weights(self, log_scale: float | np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return e^log_scale / (1 + exp(u)); without logarithms where both can be represented."""
        latest = log_scale if isinstance(log_scale, float) else np.max(log_scale)
        if latest > LARGEST_EXPONENT:
            return super().weights(log_scale, margins)
        weights = np.exp(margins)
        weights += 1.0
        return np.divide(np.exp(log_scale), weights, out=weights)

    def log_slope_derivative(self, margins: np.ndarray) -> np.ndarray:
        """Return -1 / (1 + exp(-u))."""
        return -expit(np.asarray(margins, dtype=float))


@dataclass(frozen=True)
class Sigmoid(MarginLoss):
    """l(u) = 1 / (1 + exp(u)): an exponential tail, but a slope that vanishes on both sides.

    Not convex. A sample far on the wrong side hardly pulls, and may be given up for ever.
    """

    smoothness: ClassVar[float] = float(1 / (6 * np.sqrt(3)))
    analytic: ClassVar[bool] = True

    def log_value(self, margins: np.ndarray) -> np.ndarray:
        """Return -log(1 + exp(u))."""
        return log_expit(-np.asarray(margins, dtype=float))

    def log_slope(self, margins: np.ndarray) -> np.ndarray:
        """Return -log(1 + exp(u)) - log(1 + exp(-u))."""
        u = np.asarray(margins, dtype=float)
        return log_expit(u) + log_expit(-u)

    def log_slope_derivative(self, margins: np.ndarray) -> np.ndarray:
        """Return -tanh(u / 2)."""
        return -np.tanh(np.asarray(margins, dtype=float) / 2)


@dataclass(frozen=True)
class PolynomialTail(MarginLoss):
    """l(u) = (1 + u)^-k for u >= 0, continued by its second-order Taylor polynomial.

    The continuation makes it convex, decreasing and twice differentiable on the line, so
    that only the tail differs from the logistic loss.

    Parameters
    ----------
    power : float
        The exponent k > 0.
    """

    power: float

    def __post_init__(self) -> None:
        positive("power", self.power)

    @property
    def smoothness(self) -> float:
        """Return sup l'' = k (k + 1)."""
        return self.power * (self.power + 1)

    def log_value(self, margins: np.ndarray) -> np.ndarray:
        """Return -k log(1 + u) on the tail."""
        u, k = np.asarray(margins, dtype=float), self.power
        left = np.minimum(u, 0.0)
        tail = -k * np.log1p(np.maximum(u, 0.0))
        return np.where(u >= 0, tail, np.log1p(-k * left + k * (k + 1) / 2 * left**2))

    def log_slope(self, margins: np.ndarray) -> np.ndarray:
        """Return log k - (k + 1) log(1 + u) on the tail."""
        u, k = np.asarray(margins, dtype=float), self.power
        tail = -(k + 1) * np.log1p(np.maximum(u, 0.0))
        return np.log(k) + np.where(u >= 0, tail, np.log1p(-(k + 1) * np.minimum(u, 0.0)))

    def log_slope_derivative(self, margins: np.ndarray) -> np.ndarray:
        """Return -(k + 1) / (1 + |u|), the two branches' ratio l''/l' at once on the tail."""
        u, k = np.asarray(margins, dtype=float), self.power
        tail = -(k + 1) / (1 + np.maximum(u, 0.0))
        return np.where(u >= 0, tail, -(k + 1) / (1 - (k + 1) * np.minimum(u, 0.0)))


@dataclass(frozen=True)
class StretchedExponential(MarginLoss):
    """l(u) = exp(-u^nu) for u >= 1, continued by its second-order Taylor polynomial.

    Lighter than the exponential loss for nu > 1, heavier for nu < 1, and lighter than every
    power of u for any nu > 0 (the tails of Nacson et al. 2019). At u = 1 all of them have
    l = 1/e, and the continuation makes each convex, decreasing and twice differentiable.

    Parameters
    ----------
    power : float
        The exponent nu > 0; 1 is the exponential tail.
    """

    power: float

    def __post_init__(self) -> None:
        positive("power", self.power)

    @property
    def smoothness(self) -> float:
        """Return sup l'', which is where its derivative vanishes, or at u = 1.

        With x = u^nu, l'' = e^-x (nu^2 x^2 - nu (nu - 1) x) x^(-2/nu), and its derivative
        vanishes where nu^2 x^2 - 3 nu (nu - 1) x + (nu - 1)(nu - 2) = 0.
        """
        nu = self.power
        root = 3 * (nu - 1) + np.sqrt(max((nu - 1) * (5 * nu - 1), 0.0))
        x = max(1.0, root / (2 * nu))
        return float(np.exp(-x) * (nu**2 * x**2 - nu * (nu - 1) * x) * x ** (-2 / nu))

    def log_value(self, margins: np.ndarray) -> np.ndarray:
        """Return -u^nu on the tail."""
        u, nu = np.asarray(margins, dtype=float), self.power
        left = np.minimum(u, 1.0) - 1
        tail = -_power(np.maximum(u, 1.0), nu)
        return np.where(u >= 1, tail, np.log1p(-nu * left + nu / 2 * left**2) - 1)

    def log_slope(self, margins: np.ndarray) -> np.ndarray:
        """Return log nu + (nu - 1) log u - u^nu on the tail."""
        u, nu = np.asarray(margins, dtype=float), self.power
        right = np.maximum(u, 1.0)
        tail = (nu - 1) * np.log(right) - _power(right, nu)
        return np.log(nu) + np.where(u >= 1, tail, np.log(2 - np.minimum(u, 1.0)) - 1)

    def log_slope_derivative(self, margins: np.ndarray) -> np.ndarray:
        """Return (nu - 1)/u - nu u^(nu - 1) on the tail."""
        u, nu = np.asarray(margins, dtype=float), self.power
        right = np.maximum(u, 1.0)
        tail = (nu - 1) / right - nu * _power(right, nu - 1)
        return np.where(u >= 1, tail, -1 / (2 - np.minimum(u, 1.0)))


def _power(base: np.ndarray, exponent: float) -> np.ndarray:
    """Return base ** exponent, at most about 1e300, for bases from 1 up."""
    with np.errstate(over="ignore"):
        return np.minimum(base**exponent, 1e300)


LOSSES: dict[str, MarginLoss] = {"exponential": Exponential(), "logistic": Logistic()}


# Where a loss is looked at: densely around zero, and far out on both sides.
_far = np.geomspace(8.0, 700.0, 24)
SAMPLED = np.concatenate([-_far[::-1], np.linspace(-8.0, 8.0, 129), _far]) + 0.0123
SHIFT = 1e-5
EXACT = 1e11  # the exponential of a larger logarithm has no digits to compare
FAR = np.array([2e3, 1e4, 1e5, 1e6])
METHODS = "log_value", "log_slope", "log_slope_derivative"


def named(loss: str | MarginLoss) -> MarginLoss:
    """Return the loss called `loss`; a `MarginLoss` is returned as it is, once it is consistent.

    >>> named("logistic")
    Logistic()
    """
    if not isinstance(loss, MarginLoss):
        if isinstance(loss, type) and issubclass(loss, MarginLoss):
            raise ValueError(f"loss must be an instance; give {loss.__name__}(...), with brackets.")
        if not isinstance(loss, str):
            raise ValueError(
                f"loss must be a name or a MarginLoss; got {type(loss).__name__}. The names are"
                f" {', '.join(repr(name) for name in LOSSES)}."
            )
        return LOSSES[choice("loss", loss, tuple(LOSSES))]
    if type(loss).__module__ != __name__ and (found := faults(loss)):
        raise ValueError(f"loss: {found[0]}")
    return loss


def is_convex(loss: MarginLoss) -> bool:
    """Say whether l'' >= 0, that is d/du log(-l') <= 0, at all of `SAMPLED`.

    Examples
    --------
    >>> is_convex(Logistic()), is_convex(Sigmoid())
    (True, False)
    """
    return bool((loss.log_slope_derivative(SAMPLED) <= 0).all())


def faults(loss: MarginLoss) -> list[str]:
    """Return what is wrong with a loss: its methods, by differences at `SAMPLED`; far out, too.

    >>> faults(Logistic())
    []
    """
    u, name = SAMPLED, type(loss).__name__

    def difference(of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return (np.asarray(of(u + SHIFT)) - np.asarray(of(u - SHIFT))) / (2 * SHIFT)

    with np.errstate(all="ignore"):
        values, slopes = np.asarray(loss.log_value(u)), np.asarray(loss.log_slope(u))
        derivative = np.asarray(loss.log_slope_derivative(u))
        far = {method: getattr(loss, method)(FAR) for method in METHODS}
    found = [
        f"{method} of {name} must be finite at every margin from -700 to 700, and of their shape:"
        " work with logarithms."
        for method, array in zip(METHODS, (values, slopes, derivative), strict=True)
        if array.shape != u.shape or not np.isfinite(array).all()
    ]
    if found:
        return found
    found = [
        f"{method} of {name} must be finite at margins up to {FAR[-1]:g}, which flows reach; at"
        f" {FAR[~np.isfinite(array)][0]:g} it is {array[~np.isfinite(array)][0]}: take the leading"
        " term of the logarithm where l underflows."
        for method, array in far.items()
        if not np.isfinite(array).all()
    ]
    with np.errstate(all="ignore"):
        pairs = {
            "log_slope": (-np.exp(slopes - values), difference(loss.log_value)),
            "log_slope_derivative": (derivative, difference(loss.log_slope)),
        }
        curvature = np.abs(derivative) * np.exp(slopes)
    for method, (stated, measured) in pairs.items():
        # Differences lose digits where the function is large, and a kink may lie in between.
        size = np.abs(slopes) + np.abs(values)
        allowed = 1e-3 * (1 + np.abs(stated)) + 1e-9 * size / SHIFT
        off = (np.abs(stated - measured) > allowed) & (size < EXACT)
        if off.sum() > 2:
            worst = float(u[off][0])
            found.append(
                f"{method} of {name} contradicts the method it is derived from, for instance at"
                f" the margin {worst:.4g}: it says {stated[off][0]:.4g}, a difference quotient"
                f" {measured[off][0]:.4g}. See ibias.losses.MarginLoss."
            )
    if not (curvature <= loss.smoothness * (1 + 1e-6)).all():
        worst = float(u[np.argmax(curvature)])
        found.append(
            f"{name} says smoothness {loss.smoothness:g}, but its second derivative at the margin"
            f" {worst:.4g} is {curvature.max():.4g}."
        )
    return found
