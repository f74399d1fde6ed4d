"""Methods with a memory: heavy ball, Nesterov's, and momentum in the dual."""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import from_zero, require
from ibias.datasets import Dataset
from ibias.descent.gradient import default_step_size
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.descent.normalized import dual_step_size
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory


def heavy_ball(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: ArrayLike | None = None,
    momentum: float = 0.9,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run v <- momentum * v - step_size * grad risk(w), w <- w + v (Polyak 1964).

    It follows the gradient flow at the time step_size * k / (1 - momentum), so that it is
    faster than gradient descent by that constant factor and keeps the limit direction.

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float or array, shape (n_batch,), optional
        Without it, (1 - momentum)/L, for which the effective step is 1/L.
    momentum : float
        From 0, which is gradient descent, to below 1.
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch of step sizes, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    require("data", data, Dataset)
    loss, Z = named(loss), data.Z
    momentum = from_zero("momentum", momentum, below=1)
    if step_size is None:
        step_size = (1 - momentum) * default_step_size(data, loss)
    eta = step_sizes(step_size)
    scale, velocity = (eta / data.n_samples)[..., None], 0.0

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        nonlocal velocity
        velocity = momentum * velocity + scale * (np.exp(loss.log_slope(w @ Z.T)) @ Z)
        return w + velocity

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def nesterov(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: ArrayLike | None = None,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w_{k+1} = v_k - step_size * grad risk(v_k), v_k = w_k + (k-1)/(k+2) (w_k - w_{k-1}).

    Nesterov's accelerated gradient (1983) with the growing momentum (k-1)/(k+2). It follows
    `flow.accelerated_flow` at the time sqrt(step_size) * k.

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float or array, shape (n_batch,), optional
        Without it, 1/L (`default_step_size`).
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch of step sizes, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    require("data", data, Dataset)
    loss, Z = named(loss), data.Z
    eta = step_sizes(default_step_size(data, loss) if step_size is None else step_size)
    scale, last_move = (eta / data.n_samples)[..., None], 0.0

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        nonlocal last_move
        # At k = 0 there is no last move, so that its factor does not matter.
        ahead = w + max(k - 1, 0) / (k + 2) * last_move
        new = ahead + scale * (np.exp(loss.log_slope(ahead @ Z.T)) @ Z)
        last_move = new - w
        return new

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def dual_momentum(
    data: Dataset,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike | None = None,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run the method of Ji, Srebro and Telgarsky (2021), whose margin gap is O(log k / k^2).

    With the normalised dual variables p_k of w_k, and g_0 = 0,

        g_{k+1} = k/(k+1) (g_k + Z^T p_k),    w_{k+1} = w_k + step_size (g_{k+1} + Z^T p_k).

    Nesterov's acceleration applied to the dual problem, min ||Z^T p||^2 / 2.

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,), optional
        Without it, 1 / max_i ||z_i||^2 (`dual_step_size`).
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch of step sizes, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    require("data", data, Dataset)
    loss, Z = named(loss), data.Z
    eta = step_sizes(dual_step_size(data) if step_size is None else step_size)
    scale, g = eta[..., None], 0.0

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        nonlocal g
        downhill = loss.dual_variables(w @ Z.T) @ Z
        g = k / (k + 1) * (g + downhill)
        return w + scale * (g + downhill)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )
