"""Gradient flow of the cross-entropy of several classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from ibias._validate import finite_array, increasing, positive, require
from ibias.datasets import MulticlassDataset
from ibias.flow.estimate import agreed
from ibias.flow.log_time import LINEAR, TINY
from ibias.flow.remedies import tried
from ibias.flow.separation import split
from ibias.losses import LARGEST_EXPONENT, Logistic
from ibias.trajectory import Trajectory

SETTLED = 20.0  # the log time, for inputs of length one, from which rounding outweighs the pull


def soft_minimum(u: np.ndarray) -> np.ndarray:
    """Return -log sum exp(-u) over the last axis."""
    return -np.logaddexp.reduce(-u, axis=-1)


@dataclass(frozen=True, eq=False)
class CrossEntropyField:
    """The vector field dw/ds = e^s Z^T q / n, with w the flattened weights and s = log t.

    The row z of sample i and wrong class r has the weight q = P(r | x_i), the probability that
    the classifier gives to the wrong class. With all margins u_ir = <z_ir, w> of sample i,
    its loss is log(1 + sum_r exp(-u_ir)): the logistic loss of the soft minimum of the u_ir.

    Attributes
    ----------
    Z : array, shape (n_samples * (n_classes - 1), n_classes * n_features)
    n_samples : int
    """

    Z: np.ndarray
    n_samples: int

    def margins(self, w: np.ndarray) -> np.ndarray:
        """Return u, shape (..., n_samples, n_classes - 1)."""
        u = w @ self.Z.T
        return u.reshape(*u.shape[:-1], self.n_samples, -1)

    def log_risk(self, w: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean cross-entropy, shape (...)."""
        return Logistic().log_risk(soft_minimum(self.margins(w)))

    def weights(self, s: float | np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return e^s q / n, of order one at all times; shape (..., n_samples, n_classes - 1)."""
        clock = np.asarray(s)[..., None, None] - np.log(self.n_samples)
        lowest = soft_minimum(u)[..., None]
        log_q = lowest - u + Logistic().log_slope(lowest)
        return np.exp(np.minimum(clock + log_q, LARGEST_EXPONENT))

    def __call__(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return dw/ds, at one time and state or at several."""
        return self.weights(s, self.margins(w)).reshape(*w.shape[:-1], -1) @ self.Z

    def jacobian(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the derivative: d q_r / d u_k = q_r (q_k - [r = k]) within each sample."""
        u = self.margins(w)
        alpha = self.weights(s, u)
        lowest = soft_minimum(u)[..., None]
        q = np.exp(lowest - u) * expit(-lowest)
        rows = self.Z.reshape(*u.shape, -1)
        mean_row = np.einsum("ir,irj->ij", alpha, rows)
        expected_row = np.einsum("ir,irj->ij", q, rows)
        return mean_row.T @ expected_row - (self.Z.T * alpha.ravel()) @ self.Z


@tried("log_t")
def cross_entropy_flow(
    data: MulticlassDataset,
    *,
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the solution of dW/dt = -grad risk(W), with the mean cross-entropy as risk.

    Parameters
    ----------
    data : MulticlassDataset
        Beyond log t = 20, with inputs of length one: classes that some W separates.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_classes, n_features), optional
        Zero if not given.
    tolerance : float
        The error allowed in W, relative to max(1, max |W_kj|).

    Returns
    -------
    Trajectory
        Its ``iterates`` are flat, shape (n_times, n_classes * n_features), so that norms and
        directions are those of the whole matrix.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets, optima
    >>> data = datasets.separable_classes(0)
    >>> flow = cross_entropy_flow(data, log_t=[1e4, 2e4])
    >>> print(f"{flow.slope(flow.norms) * optima.multiclass_margin(data).margin:.6f}")
    1.000000
    """
    require("data", data, MulticlassDataset)
    log_t, tolerance = increasing("log_t", log_t), positive("tolerance", tolerance)
    shape = (data.n_classes, data.n_features)
    w = np.zeros(shape) if start is None else finite_array("start", start)
    if w.shape != shape:
        raise ValueError(
            f"start has shape {w.shape}; it must be (n_classes, n_features) = {shape}."
        )
    w = w.ravel()
    field = CrossEntropyField(data.Z, data.n_samples)
    size = max(np.linalg.norm(data.Z, axis=1).max(), TINY)

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        # One Euler step to the time `first` errs by at most t^2 size^3 / 2, with sizes of the
        # gradient and the Hessian that hold everywhere.
        first = min(0.5 * np.log(local_error / size**3), log_t[0]) - 1 - caution
        return first, w + field(first, w)

    until = SETTLED - 2 * np.log(size)
    parts = split(data.Z) if log_t[-1] > until else None
    if parts is not None and parts.kind != "separable":
        raise ValueError(
            "log_t: the classes overlap, so W settles, wholly or in part, and the pull that is left"
            f" is rounding; ask for times up to {until - 0.01:.2f}."
        )
    linear = LINEAR / size
    return agreed(
        field, launch, log_t, tolerance, field.log_risk, field.jacobian, linear=lambda _: linear
    )
