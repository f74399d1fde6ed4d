"""Stochastic gradient descent with a fixed step, many runs at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import choice, positive_integer, require
from ibias.datasets import Dataset, generator
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory

SAMPLING = ("replacement", "reshuffle")


def stochastic_gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: float | None = None,
    n_steps: int,
    sampling: str = "reshuffle",
    batch_size: int = 1,
    n_runs: int = 1,
    seed: int = 0,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w - step_size * (mean gradient of the loss over a batch), drawn anew each step.

    The mean of a step is that of gradient descent with the same step size, so that both
    follow the gradient flow at the time step_size * k (Nacson, Srebro and Soudry 2019).

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float, optional
        Without it, 1/(beta max_i ||z_i||^2), with beta the smoothness of the loss.
    n_steps : int
        The number of steps, not of epochs.
    sampling : {"reshuffle", "replacement"}
        "reshuffle" goes through a new random order of all samples in every epoch;
        "replacement" draws every batch independently.
    batch_size : int
        For "reshuffle" it must divide the number of samples.
    n_runs : int
        Independent runs, computed together.
    seed : int
        The seed of all the runs.
    start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        Iterates of shape (n_times, n_runs, n_features); ``log_t = log(step_size * k)``.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    require("data", data, Dataset)
    loss, Z = named(loss), data.Z
    if step_size is None:
        if not np.isfinite(loss.smoothness):
            raise ValueError(f"{loss} is not smooth, so no step is safe: give step_size.")
        step_size = 1 / (loss.smoothness * (Z**2).sum(axis=1).max())
    eta = step_sizes(step_size)
    if eta.ndim:
        raise ValueError("step_size must be one number; the batch axis is for the runs.")
    choice("sampling", sampling, SAMPLING)
    batch_size = positive_integer("batch_size", batch_size)
    n_runs = positive_integer("n_runs", n_runs)
    if sampling == "reshuffle" and data.n_samples % batch_size:
        raise ValueError(
            f"batch_size must divide the {data.n_samples} samples for sampling='reshuffle';"
            f" got {batch_size}"
        )
    w = np.broadcast_to(initial_iterate(data, start), (n_runs, data.n_features)).copy()
    rows = batches(generator(seed), data.n_samples, n_runs, batch_size, sampling)

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        z = Z[next(rows)]  # (n_runs, batch_size, n_features)
        u = np.einsum("rbd,rd->rb", z, w)
        return w + eta / batch_size * np.einsum("rb,rbd->rd", np.exp(loss.log_slope(u)), z)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=w,
        steps=recorded_steps(n_steps, record),
        gradients_per_step=batch_size / data.n_samples,
    )


def batches(
    rng: np.random.Generator, n_samples: int, n_runs: int, batch_size: int, sampling: str
) -> Iterator[np.ndarray]:
    """Yield the indices of each step's batch, shape (n_runs, batch_size), an epoch at a time."""
    per_epoch = -(-n_samples // batch_size)
    order = np.broadcast_to(np.arange(n_samples), (n_runs, n_samples))
    while True:
        if sampling == "reshuffle":
            epoch = rng.permuted(order, axis=1)
        else:
            epoch = rng.integers(n_samples, size=(n_runs, per_epoch * batch_size))
        yield from epoch.reshape(n_runs, per_epoch, batch_size).swapaxes(0, 1)
