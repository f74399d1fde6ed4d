"""Minus the gradient of the risk, in the forms in which methods ask for it."""

from typing import Any, NamedTuple

import numpy as np

from ibias.objectives.outputs import Outputs
from ibias.objectives.readers import Reader

SMALL = 2**14  # entries of a matrix
FAINT = 1e-290  # a slope beside the largest that loses digits, or underflows


class Downhill(NamedTuple):
    """The vector exp(log_size) * direction, which may be too small for double precision.

    Here `log_size` has the shape (..., 1), and `direction` (..., n_parameters).
    """

    log_size: np.ndarray
    direction: np.ndarray

    def value(self) -> np.ndarray:
        """Return the vector itself; zero where it underflows."""
        return np.exp(self.log_size) * self.direction


class Pull:
    """Minus the gradient of the mean loss over all samples, or over a batch.

    What every method sees of an objective. theta has the shape (..., n_parameters).

    Attributes
    ----------
    reader : Reader
        From theta to the outputs of the model, and back.
    outputs : Outputs
        From the outputs to the loss.
    shapes : tuple of pairs of int
        theta as a row of matrices, for the methods that take it so.
    """

    def __init__(self, reader: Reader, outputs: Outputs, shapes: tuple) -> None:
        self.reader, self.outputs, self.shapes = reader, outputs, shapes

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return -grad risk(theta); zero where it underflows."""
        u, back = self.reader.at(theta)
        return back(self.outputs.slopes(u))

    def __call__(self, theta: np.ndarray) -> Downhill:
        """Return -grad risk(theta), its size apart: nothing underflows."""
        u, back = self.reader.at(theta)
        log_size, slopes = self.outputs.log_slopes(u)
        return Downhill(log_size, back(slopes))

    def entries(self, theta: np.ndarray) -> Downhill:
        """Return the same, for methods that look at each entry alone.

        Here `log_size` may have the shape of `direction`: no entry underflows beside another. For
        models that are not linear it is one number still.
        """
        return self(theta)

    def log_risk(self, theta: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean loss, shape (...)."""
        return self.outputs.log_risk(self.reader.forward(theta))

    def over_risk(self, theta: np.ndarray) -> np.ndarray:
        """Return -grad log risk(theta), the pull over the risk: of order one at all times."""
        u, back = self.reader.at(theta)
        return back(self.outputs.over_risk(u))

    def of_log_risk(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `over_risk` and the logarithm of the risk."""
        u, back = self.reader.at(theta)
        slopes, log_risk = self.outputs.relative_slopes(u)
        return back(slopes), log_risk

    def dual(self, theta: np.ndarray) -> np.ndarray:
        """Return Z^T p, p the normalised dual variables: a mean of the gradients of margins."""
        u, back = self.reader.at(theta)
        return back(self.outputs.dual_variables(u))

    def steepness(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `of_log_risk` does, and max_i ||grad q_i||^2 of the margins q_i."""
        u, back, squares = self.reader.whole(theta)
        slopes, log_risk = self.outputs.relative_slopes(u)
        return back(slopes), log_risk, squares.max(axis=-1)


class LinearPull(Pull):
    """The same for a linear model under a margin loss: one line in place of four calls."""

    def __init__(self, reader: Any, outputs: Any, shapes: tuple) -> None:
        self.reader, self.outputs, self.shapes = reader, outputs, shapes
        self.Z, self.loss = reader.Z, outputs.loss
        # Divided once; but a second large matrix beside Z would not fit into the cache.
        self.back = self.Z / len(self.Z) if self.Z.ndim == 2 and self.Z.size < SMALL else None

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return -grad risk(theta); zero where it underflows."""
        Z = self.Z
        if self.back is not None:
            return -self.loss.slope(theta @ Z.T) @ self.back
        if Z.ndim == 2:
            return -self.loss.slope(theta @ Z.T) @ Z / len(Z)
        slopes = -self.loss.slope((Z @ theta[..., None])[..., 0]) / Z.shape[-2]
        return (slopes[..., None, :] @ Z)[..., 0, :]

    def __call__(self, theta: np.ndarray) -> Downhill:
        """Return the same, its size apart: it does not underflow as a whole."""
        top, slopes, _ = self._slopes(theta)
        return Downhill(top, self._back(slopes))

    def entries(self, theta: np.ndarray) -> Downhill:
        """Return the same, every entry in a unit of its own where samples underflow."""
        top, slopes, log_slopes = self._slopes(theta)
        if slopes.min() > FAINT:
            return Downhill(top, self._back(slopes))
        with np.errstate(divide="ignore"):
            logs = log_slopes[..., None] + np.log(np.abs(self.Z))
        units = logs.max(axis=-2)
        units = np.where(np.isfinite(units), units, top)  # no sample sees the feature
        parts = np.exp(logs - units[..., None, :]) * np.sign(self.Z)
        return Downhill(units, parts.sum(axis=-2) / self.Z.shape[-2])

    def _slopes(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the logarithm of the largest slope, all over it, and the logarithms of all."""
        Z = self.Z
        u = theta @ Z.T if Z.ndim == 2 else (Z @ theta[..., None])[..., 0]
        log_slopes = self.loss.log_slope(u)
        top = log_slopes.max(axis=-1, keepdims=True)
        return top, np.exp(log_slopes - top), log_slopes

    def _back(self, slopes: np.ndarray) -> np.ndarray:
        """Return the mean of the rows, weighted by the slopes."""
        if self.back is not None:
            return slopes @ self.back
        flat = self.Z.ndim == 2
        pulled = slopes @ self.Z if flat else (slopes[..., None, :] @ self.Z)[..., 0, :]
        return pulled / self.Z.shape[-2]


class Altered:
    """A pull, but taken elsewhere or changed on the way; everything else is that of `pull`."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull

    def entries(self, theta: np.ndarray) -> Downhill:
        """Return the altered pull, whose entries have one size."""
        return self(theta)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pull, name)
