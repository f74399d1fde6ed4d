"""Gradient descent with steps that grow as the gradient vanishes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import from_zero, positive_integer, require
from ibias.datasets import Dataset
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory


def dual_step_size(data: Dataset) -> float:
    """Return 1 / max_i ||z_i||^2, the largest safe step of mirror descent in the dual.

    The dual objective ||Z^T p||^2 / 2 is smooth, in the l_1 norm of p, with the constant
    max_i ||z_i||^2. For steps up to this size the loss-scaled method has the rate 1/k.
    """
    require("data", data, Dataset)
    return float(1 / (data.Z**2).sum(axis=1).max())


def loss_scaled_gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike | None = None,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w - step_size * grad risk(w) / risk(w).

    This is gradient descent on log risk; for the exponential loss, w <- w + step_size Z^T p
    with p = softmax(-Zw), and p moves by mirror descent on ||Z^T p||^2 / 2 (Ji and Telgarsky
    2021, "Characterizing the implicit bias via a primal-dual analysis").

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
    loss = named(loss)
    eta = step_sizes(dual_step_size(data) if step_size is None else step_size)
    step = loss_scaled_step(data.Z, loss, eta[..., None])
    return run(
        data,
        loss,
        lambda w, _: step(w),
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def loss_scaled_step(
    Z: np.ndarray, loss: MarginLoss, scale: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the map w -> w - scale * grad risk(w) / risk(w)."""

    def advance(w: np.ndarray) -> np.ndarray:
        # Numerator and denominator are divided by the largest loss: neither underflows.
        u = w @ Z.T
        log_values = loss.log_value(u)
        largest = log_values.max(axis=-1, keepdims=True)
        total = np.exp(log_values - largest).sum(axis=-1, keepdims=True)
        return w + scale * (np.exp(loss.log_slope(u) - largest) @ Z) / total

    return advance


def rescaled_gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike | None = None,
    factor: float = 2.0,
    every: int = 100,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run the loss-scaled method, and multiply w by `factor` after every `every` steps.

    The steps in between bring the dual variables back to their limit, so that the margin gap
    falls like factor^(-k/every). This is the idea of progressive rescaling (Wang, Min and Wu
    2024). It needs support vectors that span all directions: what lies across their span grows
    with w, and nothing brings it back.

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,), optional
        Without it, 1 / max_i ||z_i||^2 (`dual_step_size`).
    factor : float
        At least 1, which is the loss-scaled method.
    every : int
        The steps between two rescalings; enough of them to undo one.
    n_steps, start, record
        As in `gradient_descent`. Step `every` is recorded before w is multiplied.

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
    loss = named(loss)
    eta = step_sizes(dual_step_size(data) if step_size is None else step_size)
    every = positive_integer("every", every)
    if not (np.isfinite(factor) and factor >= 1):
        raise ValueError(f"factor must be finite and at least 1; got {factor!r}")
    step = loss_scaled_step(data.Z, loss, eta[..., None])

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        return step(factor * w if k and k % every == 0 else w)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def normalized_gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike = 1.0,
    decay: float = 0.5,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w - step_size (k+1)^-decay * grad risk(w) / ||grad risk(w)||.

    With decay 1/2 this is the schedule of Nacson et al. (2019), whose margin gap is
    O(log k / sqrt k).

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,)
        The length of the first step.
    decay : float
        From 0, steps of constant length, to 1.
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch of step sizes, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name; and where the gradient is exactly zero, so that it has no
        direction.
    """
    require("data", data, Dataset)
    loss, Z = named(loss), data.Z
    if from_zero("decay", decay) > 1:
        raise ValueError(f"decay must be from 0 to 1; got {decay!r}")
    eta = step_sizes(step_size)
    scale = eta[..., None]

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        # The dual variables are the gradient's weights but for a factor: nothing underflows.
        downhill = loss.dual_variables(w @ Z.T) @ Z
        length = np.linalg.norm(downhill, axis=-1, keepdims=True)
        if not length.all():
            raise ValueError(f"the gradient vanishes at step {k}: start elsewhere.")
        return w + scale * (k + 1) ** -decay * (downhill / length)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )
