"""Gradient methods on the squared loss, as exact loops."""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import from_zero, positive, positive_integer, require
from ibias.datasets import Regression, generator
from ibias.descent.loop import Diverged, initial_iterate, recorded_steps, run
from ibias.descent.risk import squared_log_risk
from ibias.trajectory import Trajectory

UNBOUNDED = 30.0  # a log risk that has grown by more is on its way to infinity


def least_squares_descent(
    data: Regression,
    *,
    step_size: float | None = None,
    n_steps: int,
    momentum: float = 0.0,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w - step_size * grad risk(w) + momentum * (last change).

    The risk is (1/2n) ||X w - y||^2, half the mean square.

    Parameters
    ----------
    data : Regression
        Inputs and targets.
    step_size : float, optional
        Without it, 1/L with L = lambda_max(X^T X / n). Without momentum, steps below 2/L
        converge.
    n_steps : int
        The number of steps, at least 1.
    momentum : float
        From 0 to below 1: Polyak's heavy ball.
    start : array, shape (n_features,) or (n_batch, n_features), optional
        Zero if not given. A batch of starts runs at once.
    record : array of int, optional
        The steps to keep; about ten a decade if not given.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    require("data", data, Regression)
    X, y, n = data.X, data.y, data.n_samples
    size = np.linalg.norm(X, ord=2) ** 2 / n
    eta = positive("step_size", (1 / size if size > 0 else 1.0) if step_size is None else step_size)
    momentum = from_zero("momentum", momentum, below=1)
    last = initial_iterate(data, start)

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        nonlocal last
        ahead = w - eta / n * (w @ X.T - y) @ X + momentum * (w - last)
        last = w
        return ahead

    begun = squared_log_risk(data, last)
    path = run(
        data,
        None,
        advance,
        step_size=np.asarray(eta),
        start=last,
        steps=recorded_steps(n_steps, record),
    )
    if (path.log_risk[-1] > np.maximum(begun, 0.0) + UNBOUNDED).any():
        raise Diverged(n_steps)
    return path


def kaczmarz(
    data: Regression,
    *,
    n_passes: int,
    seed: int = 0,
    start: ArrayLike | None = None,
) -> Trajectory:
    """Project onto the solutions of one equation after another, in random order.

    It is stochastic gradient descent with one sample a step, w <- w - (<x_i, w> - y_i) x_i /
    ||x_i||^2, each step size chosen so that the sample is fitted exactly. The trajectory holds
    one iterate a pass over the data; its log_t is the logarithm of the number of passes.

    Raises
    ------
    ValueError
        For bad input, by name.
    """
    require("data", data, Regression)
    X, y = data.X, data.y
    squares = (X**2).sum(axis=1)
    if (squares == 0).any():
        raise ValueError("X has a row of zeros, whose equation has no nearest solution; drop it.")
    rng = generator(seed)

    def one_pass(w: np.ndarray, _: int) -> np.ndarray:
        for i in rng.permutation(data.n_samples):
            w = w - ((w @ X[i] - y[i]) / squares[i])[..., None] * X[i]
        return w

    passes = np.arange(1, positive_integer("n_passes", n_passes) + 1)
    return run(
        data,
        None,
        one_pass,
        step_size=np.asarray(1.0),
        start=initial_iterate(data, start),
        steps=passes,
    )
