"""Gradient descent with a fixed step, as an exact loop."""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import require
from ibias.datasets import Dataset
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory


def default_step_size(data: Dataset, loss: str | MarginLoss = "logistic") -> float:
    """Return 1/L, with L = beta * lambda_max(Z^T Z / n) the smoothness of the mean loss.

    Raises ValueError for a loss that is not smooth: it has no safe default.
    """
    require("data", data, Dataset)
    loss = named(loss)
    if not np.isfinite(loss.smoothness):
        raise ValueError(
            f"{loss} is not smooth, so no step size is safe by default: give step_size."
        )
    return data.n_samples / (loss.smoothness * np.linalg.norm(data.Z, ord=2) ** 2)


def gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: ArrayLike | None = None,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w - step_size * grad risk(w), the risk being the mean loss.

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float or array, shape (n_batch,), optional
        Without it, 1/L (`default_step_size`).
    n_steps : int
        The number of steps, at least 1.
    start : array, shape (n_features,) or (n_batch, n_features), optional
        Zero if not given. A batch of starts or of step sizes runs at once.
    record : array of int, optional
        The steps to keep; about ten a decade if not given.

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
    eta = step_sizes(default_step_size(data, loss) if step_size is None else step_size)
    Z, scale = data.Z, (eta / data.n_samples)[..., None]

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        return w + scale * (np.exp(loss.log_slope(w @ Z.T)) @ Z)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )
