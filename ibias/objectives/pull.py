"""Minus the gradient of the risk, in the forms in which methods ask for it."""

from typing import Any, NamedTuple

import numpy as np

from ibias.objectives.outputs import Outputs
from ibias.objectives.readers import Reader


class Downhill(NamedTuple):
    """The vector exp(log_size) * direction, which may be too small for double precision.

    Attributes
    ----------
    log_size : array, shape (..., 1)
    direction : array, shape (..., n_parameters)
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

    def log_risk(self, theta: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean loss, shape (...)."""
        return self.outputs.log_risk(self.reader.at(theta)[0])

    def of_log_risk(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return -grad log risk(theta), of order one at all times, and log risk(theta)."""
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
        super().__init__(reader, outputs, shapes)
        self.forth, self.back = reader.Z.T, reader.Z / reader.Z.shape[0]
        self.log_slope = outputs.loss.log_slope

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return -grad risk(theta); zero where it underflows."""
        return np.exp(self.log_slope(theta @ self.forth)) @ self.back


class Altered:
    """A pull, but taken elsewhere or changed on the way; everything else is that of `pull`."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pull, name)
