"""The check of a potential: gradient, its inverse and their derivative, convexity."""

from __future__ import annotations

import numpy as np

from ibias._validate import positive_integer
from ibias.checking.derivative import CLOSE, close, differences, few
from ibias.checking.report import Notes, Report
from ibias.potentials import Potential

POINTS = 5


def check_potential(potential: Potential, n_features: int = 4) -> Report:
    """Check a potential of your own: gradient, its inverse and their derivative, convexity.

    Parameters
    ----------
    potential : Potential
        An instance of a subclass with `value`, `gradient`, `inverse_gradient` and
        `inverse_metric`. Where it refuses weights of both signs with a ValueError, it is checked
        on positive ones.
    n_features : int
        The number of weights to check it with.

    Raises
    ------
    ValueError
        With all that is wrong.

    Examples
    --------
    >>> from ibias import potentials
    >>> print(check_potential(potentials.NegativeEntropy()))
    NegativeEntropy:
    - it is defined for positive weights
    - value reduces the last axis, gradient and its inverse keep the shape
    - gradient is the gradient of value
    - inverse_gradient undoes gradient
    - inverse_metric is the derivative of inverse_gradient
    - it is strictly convex
    """
    notes = Notes("potential", potential, Potential)
    w = np.random.default_rng(0).standard_normal(
        (POINTS, positive_integer("n_features", n_features))
    )
    try:
        potential.gradient(w)
    except ValueError:
        w = np.abs(w)
        notes.holds.append("it is defined for positive weights")
    value = notes.tried("value", lambda: potential.value(w))
    m = notes.tried("gradient", lambda: potential.gradient(w))
    if value is None or m is None:
        return notes.report()
    back = notes.tried("inverse_gradient", lambda: potential.inverse_gradient(m))
    metrics = notes.tried("inverse_metric", lambda: [_matrix(potential, image) for image in m])
    if back is None or metrics is None:
        return notes.report()
    shapes = value.shape, m.shape, back.shape
    if not notes.that(
        shapes == ((POINTS,), w.shape, w.shape),
        "value reduces the last axis, gradient and its inverse keep the shape",
        f"value, gradient and inverse_gradient of an array of shape {w.shape} must have the shapes"
        f" {(POINTS,)}, {w.shape}, {w.shape}; they have {shapes}.",
    ):
        return notes.report()
    apart = notes.tried("bregman", lambda: potential.bregman(w, w[0]))
    if apart is None or apart.shape != (POINTS,):
        notes.wrong += (
            [] if apart is None else [f"bregman has shape {apart.shape}, not {(POINTS,)}."]
        )
        return notes.report()
    slopes = np.array([differences(potential.value, x) for x in w])
    notes.that(
        close(m, slopes),
        "gradient is the gradient of value",
        f"gradient is not the gradient of value: at {few(w[0])} it says {few(m[0])}, a difference"
        f" quotient {few(slopes[0])}.",
    )
    notes.that(
        close(back, w),
        "inverse_gradient undoes gradient",
        f"inverse_gradient does not undo gradient: {few(w[0])} comes back as {few(back[0])}.",
    )
    measured = np.array([differences(potential.inverse_gradient, image) for image in m])
    notes.that(
        close(metrics, measured),
        "inverse_metric is the derivative of inverse_gradient",
        "inverse_metric is not the derivative of inverse_gradient: at the image of"
        f" {few(w[0])} its diagonal is {few(np.diag(metrics[0]))}, by difference quotients"
        f" {few(np.diag(measured[0]))}.",
    )
    rises = [(m[i] - m[j]) @ (w[i] - w[j]) for i in range(POINTS) for j in range(i)]
    notes.that(
        min(rises) > 0 and bool((apart[1:] > 0).all()) and abs(apart[0]) <= CLOSE,
        "it is strictly convex",
        "it is not strictly convex: <gradient(w) - gradient(v), w - v> and bregman(w, v) must be"
        " above 0 wherever w is not v.",
    )
    return notes.report()


def _matrix(potential: Potential, image: np.ndarray) -> np.ndarray:
    """Return the inverse metric at a mirror image, shape (n_features, n_features)."""
    metric = np.asarray(potential.inverse_metric(image))
    if metric.shape not in ((image.size,), (image.size, image.size)):
        raise ValueError(
            f"its shape is {metric.shape}; it must be {(image.size,)} or {(image.size,) * 2}"
        )
    return np.diag(metric) if metric.ndim == 1 else metric
