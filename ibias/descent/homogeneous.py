"""Gradient descent for networks, safe at any scale of the loss.

The risk of a network that separates its data falls like 1/t, and its gradient with it: with
a fixed step nothing moves soon. But -log risk is a soft minimum of the margins, and its
gradient is a weighted mean of theirs, of the size of the network itself. A step of length
s = 1 / max_i ||grad q_i||^2 along it is safe: to first order no margin moves by more than one.
It is gradient descent on the risk with the step size s / risk; the sum of these is the time t.
"""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, positive, read_only
from ibias.datasets import Dataset
from ibias.descent.loop import Diverged, recorded_steps
from ibias.losses import MarginLoss, named
from ibias.models import Network
from ibias.trajectory import Trajectory

LARGEST_MOVE = 0.1  # of ||theta|| in one step, which only matters while the margins are small


def network_descent(
    data: Dataset,
    net: Network,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: float | None = None,
    n_steps: int,
    start: ArrayLike,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run theta <- theta - eta * grad risk(theta), with the safe step or with a fixed one.

    The safe step moves theta by s * grad(-log risk) with
    s = min(1 / max_i ||grad q_i||^2, 0.1 ||theta|| / ||grad log risk||), which is gradient
    descent with step size s / risk.

    Parameters
    ----------
    data : Dataset
        The samples.
    net : Network
        Homogeneous or not.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float, optional
        A fixed step. Without it, the safe one.
    n_steps : int
        The number of steps, at least 1.
    start : array, shape (..., n_parameters)
        A batch of starts runs at once. Not zero: there the gradient vanishes.
    record : array of int, optional
        The steps to keep, 0 for the start; about ten a decade if not given.

    Returns
    -------
    Trajectory
        ``log_t`` is the logarithm of the sum of the step sizes. With the safe step every run
        keeps its own time: ``log_t`` then has the shape (n_times, ...) of ``log_risk``.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When a fixed step makes the iterates overflow.
    """
    loss, theta = named(loss), finite_array("start", start)
    if step_size is not None:
        positive("step_size", step_size)
    net.layers(theta)  # refuses a start of another shape
    if (np.linalg.norm(theta, axis=-1) == 0).any():
        raise ValueError("start is zero somewhere, where the gradient vanishes; draw it at random.")
    steps = recorded_steps(n_steps, record)
    log_n, log_t = np.log(data.n_samples), np.full(theta.shape[:-1], -np.inf)
    rows, k = [], 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for stop in steps:
            for _ in range(stop - k):
                at = net.linearize(theta, data.X)
                q = data.y * at.predictions
                log_sum = np.logaddexp.reduce(loss.log_value(q), axis=-1)
                weights = np.exp(loss.log_slope(q) - log_sum[..., None])
                ascent = at.vjp(data.y * weights)  # the gradient of -log risk
                if step_size is None:
                    size = _safe_step(theta, ascent, at.squared_gradient_norms())
                    log_eta = np.log(size) - log_sum + log_n
                else:
                    log_eta = np.log(step_size)
                    size = np.exp(log_eta + log_sum - log_n)
                theta = theta + size[..., None] * ascent
                log_t = np.logaddexp(log_t, log_eta)
            k = stop
            if not np.isfinite(theta).all():
                raise Diverged(int(stop))
            rows.append((log_t, theta, loss.log_risk(data.y * net.predict(theta, data.X))))
    times, iterates, log_risk = (np.stack(column) for column in zip(*rows, strict=True))
    if step_size is not None:
        times = times.reshape(len(steps), -1)[:, 0]
    return Trajectory(
        log_t=read_only(times),
        iterates=read_only(iterates),
        log_risk=read_only(log_risk),
        status=f"ran all {steps[-1]} steps",
        n_evaluations=int(steps[-1]),
    )


def _safe_step(theta: np.ndarray, ascent: np.ndarray, squared_norms: np.ndarray) -> np.ndarray:
    """Return min(1 / max_i ||grad q_i||^2, 0.1 ||theta|| / ||ascent||); 0 where nothing moves.

    `ascent` is a mean of the gradients of the margins, so that where all of these vanish (all
    neurons dead) it vanishes too, and no step would change anything.
    """
    steepest = squared_norms.max(axis=-1)
    by_scale = np.linalg.norm(theta, axis=-1) / np.linalg.norm(ascent, axis=-1)
    return np.where(steepest > 0, np.minimum(1 / steepest, LARGEST_MOVE * by_scale), 0.0)
