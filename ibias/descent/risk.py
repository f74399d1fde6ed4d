"""The risk of linear predictors and minus its gradient, the size kept as a logarithm."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias.datasets import Dataset, Regression
from ibias.losses import MarginLoss


@dataclass(frozen=True, eq=False)
class Downhill:
    """The vector exp(log_size) * direction, which may be too small for double precision.

    Attributes
    ----------
    log_size : array, shape (..., 1)
    direction : array, shape (..., n_features)
        Of the size of the samples, or of the residuals times the samples.
    """

    log_size: np.ndarray
    direction: np.ndarray

    def value(self) -> np.ndarray:
        """Return the vector itself; zero where it underflows."""
        return np.exp(self.log_size) * self.direction


def downhill(data: Dataset | Regression, loss: MarginLoss) -> Callable[[np.ndarray], Downhill]:
    """Return the function w -> -grad risk(w), for w of shape (..., n_features).

    The risk of a `Regression` is the mean of (<x_i, w> - y_i)^2 / 2; `loss` is not used.
    """
    n = data.n_samples
    if isinstance(data, Regression):
        X, y = data.X, data.y
        return lambda w: Downhill(np.zeros((*w.shape[:-1], 1)), (y - w @ X.T) @ X / n)
    Z = data.Z

    def of_margins(w: np.ndarray) -> Downhill:
        log_slopes = loss.log_slope(w @ Z.T)
        top = log_slopes.max(axis=-1, keepdims=True)
        return Downhill(top, np.exp(log_slopes - top) @ Z / n)

    return of_margins


def log_risk(data: Dataset | Regression, loss: MarginLoss | None, w: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mean loss, shape (...), for w of shape (..., n_features)."""
    if isinstance(data, Regression):
        return squared_log_risk(data, w)
    return np.asarray(loss.log_risk(w @ data.Z.T))


def squared_log_risk(data: Regression, w: ArrayLike) -> np.ndarray:
    """Return log of (1/2n) ||X w - y||^2 for w of shape (..., n_features); -inf at an exact fit."""
    squares = ((np.asarray(w) @ data.X.T - data.y) ** 2).mean(axis=-1)
    with np.errstate(divide="ignore"):
        return np.log(squares / 2)


def batch_downhill(z: np.ndarray, w: np.ndarray, loss: MarginLoss) -> Downhill:
    """Return -grad of the mean loss over each run's own batch of signed inputs.

    Here z has the shape (n_runs, batch_size, n_features), and w (n_runs, n_features).
    """
    log_slopes = loss.log_slope((z @ w[..., None])[..., 0])
    top = log_slopes.max(axis=-1, keepdims=True)
    weights = np.exp(log_slopes - top)[..., None, :]
    return Downhill(top, (weights @ z)[..., 0, :] / z.shape[-2])
