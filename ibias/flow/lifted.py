"""The lifted Newton iteration: weights that are no smooth function of the state.

Where a weight of a p-norm with p > 2 crosses zero, w = |m|^(1/(p-1)) sign(m) is steeper than any
line. Newton's iteration for the mirror image m then jumps from one side to the other and back, and
no step but a tiny one converges. m is a smooth function of w: with the weights as unknowns of their
own, beside the states, the same linear equations are solved, and the iteration converges
(Albersmeyer and Diehl 2010, SIAM Journal on Optimization 20, 1655).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Factored(Protocol):
    """A field f(s, w(c)) whose weights are given by an image m(w) that is linear in the state c."""

    def weights(self, c: np.ndarray) -> np.ndarray:
        """Return w(c), shape (..., n_features)."""

    def of_weights(self, s: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return f(s, w), shape (..., n_coordinates)."""

    def by_weights(self, s: float, c: np.ndarray) -> np.ndarray:
        """Return df/dw at w(c), shape (n_coordinates, n_features)."""

    def images_apart(self, c: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return m(w) less the image of c, shape (..., n_features)."""

    def weights_moved(self, c: np.ndarray) -> np.ndarray:
        """Return dw/dm at c, shape (n_features,) for a diagonal or (n_features, n_features)."""

    def images(self, change: np.ndarray) -> np.ndarray:
        """Return how far a change of the state moves its image, shape (..., n_features)."""


class Lifted:
    """The weights W of the stages of a step, moved beside the states c by a frozen linear model.

    With G = dw/dm and F = df/dw where the step is linearised, and the gap r = m(W) - m(c), Newton
    asks for changes with dW = G (dm - r), and so for F G r more on the right-hand side of dc.
    """

    def __init__(self, field: Factored, s: float, c: np.ndarray) -> None:
        self.field = field
        self.metric, self.slope = field.weights_moved(c), field.by_weights(s, c)
        self.w, self.gap = np.empty(0), np.empty(0)

    def begin(self, c: np.ndarray) -> None:
        """Start from the weights of the states c, shape (n_stages, n_coordinates)."""
        self.w = self.field.weights(c)

    def pulls(self, s: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return f(s, W), and what the gap between W and c takes from it, to first order."""
        self.gap = self.by_metric(self.field.images_apart(c, self.w))
        return self.field.of_weights(s, self.w), self.gap @ self.slope.T

    def move(self, change: np.ndarray) -> None:
        """Move the weights with a change of the states."""
        self.w = self.w + self.by_metric(self.field.images(change)) - self.gap

    def by_metric(self, m: np.ndarray) -> np.ndarray:
        """Return G m for every stage."""
        return m * self.metric if self.metric.ndim == 1 else m @ self.metric.T
