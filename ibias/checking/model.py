"""The check of a model: its gradients, its shapes, its degree of homogeneity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ibias._validate import require
from ibias.checking.derivative import CLOSE, close, differences, few
from ibias.checking.report import Notes, Report
from ibias.datasets import Dataset, Regression

POINTS = 5  # at which a model is looked at; a kink may spoil one of them
PAIRS = (
    "it needs weights(theta) and pullback(theta, g), for a linear predictor, or predict(theta, X)"
    " and linearize(theta, X)."
)


def check_model(model: Any, data: Dataset | Regression) -> Report:
    """Check a model of your own on some data: gradients, shapes, degree of homogeneity.

    Parameters
    ----------
    model : object
        With `n_parameters`, and one of two pairs of methods, or both. A linear predictor with
        weights w(theta) has `weights(theta)`, shape (..., n_features), and `pullback(theta, g)`,
        the transposed derivative of w times g, shape (..., n_parameters). Any model may have
        `predict(theta, X)`, shape (..., n_samples), and `linearize(theta, X)`, an object with
        `predictions` and with `vjp(v)`, the sum of v_i times the gradient of f(theta; x_i).
        Leading axes are a batch. A `degree`, the number L in f(c theta; x) = c^L f(theta; x), is
        checked where there is one.
    data : Dataset or Regression
        Its inputs are used.

    Raises
    ------
    ValueError
        With all that is wrong.

    Examples
    --------
    >>> from ibias import datasets, models
    >>> print(check_model(models.DiagonalLinear(5, depth=3), datasets.separable(0)))
    DiagonalLinear:
    - weights has shape (..., 5), of a batch of theta too
    - pullback is the transposed derivative of weights
    - predict has shape (..., 40), of a batch of theta too
    - linearize(theta, X).vjp is the transposed derivative of predict
    - it is homogeneous of degree 3
    """
    notes = Notes("model", model)
    X = require("data", data, Dataset, Regression).X
    size = getattr(model, "n_parameters", None)
    linear = hasattr(model, "weights") and hasattr(model, "pullback")
    general = hasattr(model, "predict") and hasattr(model, "linearize")
    if not isinstance(size, (int, np.integer)) or size < 1:
        notes.wrong.append("n_parameters must be a whole number, at least 1.")
    if not (linear or general):
        notes.wrong.append(PAIRS)
    if notes.wrong:
        return notes.report()
    thetas = np.random.default_rng(0).standard_normal((POINTS, size))
    if linear:
        names = "weights", "pullback"
        _transposed(notes, names, model.weights, model.pullback, thetas, X.shape[1])
    if general:

        def vjp(theta: np.ndarray, v: np.ndarray) -> np.ndarray:
            return model.linearize(theta, X).vjp(v)

        def predict(theta: np.ndarray) -> np.ndarray:
            return model.predict(theta, X)

        names = "predict", "linearize(theta, X).vjp"
        _transposed(notes, names, predict, vjp, thetas, len(X))
        stated = notes.tried(
            "linearize(theta, X).predictions", lambda: model.linearize(thetas, X).predictions
        )
        if stated is not None and not notes.wrong and not close(stated, predict(thetas)):
            notes.wrong.append("linearize(theta, X).predictions is not predict(theta, X).")
    if not notes.wrong:
        _homogeneous(notes, model, model.weights if linear else predict, thetas)
    return notes.report()


def _transposed(
    notes: Notes,
    names: tuple[str, str],
    outputs: Callable,
    pull: Callable,
    thetas: np.ndarray,
    n_outputs: int,
) -> None:
    """Note whether pull(theta, v) is the transposed derivative of outputs(theta), times v."""
    name, pulls = names
    v = np.random.default_rng(1).standard_normal((POINTS, n_outputs))
    grid, pushes = np.stack([thetas, thetas])[:, :2], np.stack([v, v])[:, :2]
    one = notes.tried(f"{name} of one theta", lambda: outputs(thetas[0]))
    batch = notes.tried(f"{name} of theta of shape {grid.shape}", lambda: outputs(grid))
    row = notes.tried(f"{pulls} of one theta", lambda: pull(thetas[0], v[0]))
    rows = notes.tried(f"{pulls} of theta of shape {grid.shape}", lambda: pull(grid, pushes))
    if one is None or batch is None or row is None or rows is None:
        return
    if not notes.that(
        one.shape == (n_outputs,) and batch.shape == (2, 2, n_outputs),
        f"{name} has shape (..., {n_outputs}), of a batch of theta too",
        f"{name} must make {n_outputs} numbers of each theta: of one it makes shape {one.shape}, of"
        f" theta of shape {grid.shape} it makes {batch.shape}.",
    ):
        return
    if row.shape != thetas[0].shape or rows.shape != grid.shape:
        notes.wrong.append(
            f"{pulls} must have the shape of theta: for {thetas[0].shape} it has {row.shape}, for"
            f" {grid.shape} it has {rows.shape}."
        )
        return
    if not close(batch[1], [outputs(theta) for theta in thetas[:2]]):
        notes.wrong.append(f"{name} of a batch of theta is not that of its members.")
    if not close(rows[1], [pull(theta, g) for theta, g in zip(thetas[:2], v[:2], strict=True)]):
        notes.wrong.append(f"{pulls} of a batch of theta is not that of its members.")
    stated = [np.asarray(pull(theta, g)) for theta, g in zip(thetas, v, strict=True)]
    measured = [
        differences(lambda at, g=g: np.asarray(outputs(at)) @ g, theta)
        for theta, g in zip(thetas, v, strict=True)
    ]
    off = [not close(a, b) for a, b in zip(stated, measured, strict=True)]
    worst = int(np.argmax(off))
    notes.that(
        sum(off) <= 1,
        f"{pulls} is the transposed derivative of {name}",
        f"{pulls} is not the transposed derivative of {name}: at theta = {few(thetas[worst])} it"
        f" says {few(stated[worst])}, a difference quotient {few(measured[worst])}.",
    )


def _homogeneous(notes: Notes, model: Any, outputs: Callable, thetas: np.ndarray) -> None:
    """Note whether the model has the degree that it claims, if it claims one."""
    try:
        degree = getattr(model, "degree", None)
    except ValueError:  # as models without one say it
        return
    if degree is None:
        return
    scaled, expected = np.asarray(outputs(1.5 * thetas)), 1.5**degree * outputs(thetas)
    notes.that(
        bool(np.abs(scaled - expected).max() <= CLOSE * np.abs(expected).max()),
        f"it is homogeneous of degree {degree}",
        f"degree is {degree}, but f(1.5 theta) is not 1.5^{degree} f(theta). Without a degree leave"
        " the attribute out, or let it raise a ValueError.",
    )
