"""Gradient descent for networks, safe at any scale of the loss.

The risk of a network that separates its data falls like 1/t, and its gradient with it: with
a fixed step nothing moves soon. But -log risk is a soft minimum of the margins, and its
gradient is a weighted mean of theirs, of the size of the network itself. A step of length
s = 1 / max_i ||grad q_i||^2 along it is safe: to first order no margin moves by more than one.
It is gradient descent on the risk with the step size s / risk; the sum of these is the time t.
"""

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import finite_array, network, positive, read_only, require
from ibias.datasets import Dataset
from ibias.descent.loop import Diverged, recorded_steps
from ibias.losses import MarginLoss, named
from ibias.models import Linearization, Network
from ibias.trajectory import Trajectory

SMALLEST_STEP = 1e-300
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
    network("net", net)
    require("data", data, Dataset)
    loss, theta = named(loss), _start(net, start)
    if step_size is not None:
        positive("step_size", step_size)
    steps = recorded_steps(n_steps, record)
    log_t = np.full(theta.shape[:-1], -np.inf)
    rows, k = [], 0
    with (
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        progress.Bar("descending", steps[-1]) as bar,
    ):
        for stop in steps:
            for done in range(k, stop):
                bar.at(done)
                at = net.linearize(theta, data.X)
                ascent, log_risk = _ascent(at, data.y, loss)
                if step_size is None:
                    size = _safe_step(theta, ascent, at.squared_gradient_norms())
                    log_eta = np.log(size) - log_risk
                else:
                    log_eta = np.log(step_size)
                    size = np.exp(log_eta + log_risk)
                theta = theta + size[..., None] * ascent
                log_t = np.logaddexp(log_t, log_eta)
            k = stop
            if not np.isfinite(theta).all():
                raise Diverged(int(stop))
            rows.append((log_t, theta))
    times, iterates = (np.stack(column) for column in zip(*rows, strict=True))
    if step_size is not None:
        times = times.reshape(len(steps), -1)[:, 0]
    return _trajectory(data, net, loss, times, iterates, int(steps[-1]))


def greedy_descent(
    data: Dataset,
    net: Network,
    *,
    loss: str | MarginLoss = "exponential",
    n_steps: int,
    start: ArrayLike,
    growth: float = 2.0,
) -> Trajectory:
    """Run gradient descent that takes any step under which the risk falls: fast, and unsafe.

    After every step the step size on -log risk is multiplied by `growth`, and then halved until
    the risk falls. The risk of a homogeneous network falls when its norm grows, in every
    direction that separates the data, so that a small risk says little about the margin.

    Parameters
    ----------
    data : Dataset
        The samples.
    net : Network
        The model.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    n_steps : int
        The number of steps that lower the risk.
    start : array, shape (n_parameters,)
        One start, not zero.
    growth : float
        Above 1.

    Returns
    -------
    Trajectory
        With every iterate; it ends early when no step lowers the risk in floating point.
    """
    network("net", net)
    require("data", data, Dataset)
    loss, theta = named(loss), _start(net, start, ndim=1)
    if not positive("growth", growth) > 1:
        raise ValueError(f"growth must be above 1, or the steps only shrink; got {growth}")
    size, log_t, rows = 1.0, -np.inf, []
    for _ in range(int(recorded_steps(n_steps, None)[-1])):
        ascent, log_risk = _ascent(net.linearize(theta, data.X), data.y, loss)
        lower = np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            while not -np.inf < lower < log_risk and size > SMALLEST_STEP:
                new = theta + size * ascent
                lower, taken = loss.log_risk(data.y * net.predict(new, data.X)), size
                size /= 2
        if not -np.inf < lower < log_risk:
            break
        theta, size = new, taken * growth
        log_t = np.logaddexp(log_t, np.log(taken) - log_risk)
        rows.append((log_t, theta))
    if not rows:
        raise ValueError("no step from start lowers the risk: draw it at random.")
    times, iterates = (np.stack(column) for column in zip(*rows, strict=True))
    return _trajectory(data, net, loss, times, iterates, len(rows))


def _start(net: Network, start: ArrayLike, ndim: int | None = None) -> np.ndarray:
    """Return `start` as parameters of `net`, not zero."""
    theta = finite_array("start", start, ndim)
    if theta.ndim == 0 or theta.shape[-1] != net.n_parameters:
        raise ValueError(
            f"start has shape {theta.shape}; its last axis must be the {net.n_parameters}"
            " parameters of net."
        )
    if (np.linalg.norm(theta, axis=-1) == 0).any():
        raise ValueError("start is zero somewhere, where the gradient vanishes; draw it at random.")
    return theta


def _ascent(at: Linearization, y: np.ndarray, loss: MarginLoss) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient of -log risk, shape (..., n_parameters), and log risk."""
    q = y * at.predictions
    log_risk = np.logaddexp.reduce(loss.log_value(q), axis=-1) - np.log(y.size)
    weights = np.exp(loss.log_slope(q) - log_risk[..., None]) / y.size
    return at.vjp(y * weights), log_risk


def _trajectory(
    data: Dataset,
    net: Network,
    loss: MarginLoss,
    log_t: np.ndarray,
    iterates: np.ndarray,
    n_steps: int,
) -> Trajectory:
    return Trajectory(
        log_t=read_only(log_t),
        iterates=read_only(iterates),
        log_risk=read_only(np.asarray(loss.log_risk(data.y * net.predict(iterates, data.X)))),
        status=f"ran all {n_steps} steps",
        n_evaluations=n_steps,
    )


def _safe_step(theta: np.ndarray, ascent: np.ndarray, squared_norms: np.ndarray) -> np.ndarray:
    """Return min(1 / max_i ||grad q_i||^2, 0.1 ||theta|| / ||ascent||); 0 where nothing moves.

    `ascent` is a mean of the gradients of the margins, so that where all of these vanish (all
    neurons dead) it vanishes too, and no step would change anything.
    """
    steepest = squared_norms.max(axis=-1)
    by_scale = np.linalg.norm(theta, axis=-1) / np.linalg.norm(ascent, axis=-1)
    return np.where(steepest > 0, np.minimum(1 / steepest, LARGEST_MOVE * by_scale), 0.0)
