"""Gradient descent with a fixed step, as an exact loop."""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, positive, positive_integer, read_only
from ibias.datasets import Dataset
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory


class Diverged(RuntimeError):
    """The iterates left the range of double precision.

    Attributes
    ----------
    step : int
        The first recorded step at which they were no longer finite.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"the iterates overflowed by step {step}; choose a smaller step_size.")
        self.step = step


def default_step_size(data: Dataset, loss: str | MarginLoss = "logistic") -> float:
    """Return 1/L, with L = beta * lambda_max(Z^T Z / n) the smoothness of the mean loss.

    Raises ValueError for a loss that is not smooth: it has no safe default.
    """
    loss = named(loss)
    if not np.isfinite(loss.smoothness):
        raise ValueError(
            f"{loss} is not smooth, so no step size is safe by default: give step_size."
        )
    return data.n_samples / (loss.smoothness * np.linalg.norm(data.Z, ord=2) ** 2)


def initial_iterate(data: Dataset, start: ArrayLike | None) -> np.ndarray:
    """Return `start` as an array (..., n_features); zero if it is None."""
    if start is None:
        return np.zeros(data.n_features)
    w = finite_array("start", start)
    if w.ndim == 0 or w.shape[-1] != data.n_features:
        raise ValueError(
            f"start has shape {w.shape}; its last axis must be the {data.n_features} features."
        )
    return w


def recorded_steps(n_steps: int, record: ArrayLike | None) -> np.ndarray:
    """Return the steps to keep, increasing: `record`, or about ten a decade up to `n_steps`."""
    n_steps = positive_integer("n_steps", n_steps)
    if record is None:
        count = int(10 * np.log10(n_steps)) + 2
        return np.unique(np.rint(np.geomspace(1, n_steps, count)).astype(int))
    steps = np.unique(finite_array("record", record, ndim=1).astype(int))
    if steps.size == 0 or steps[0] < 0 or steps[-1] > n_steps:
        raise ValueError(f"record must hold step numbers from 0 to n_steps={n_steps}.")
    return steps


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
    loss = named(loss)
    eta = np.asarray(default_step_size(data, loss) if step_size is None else step_size, dtype=float)
    for value in eta.ravel():
        positive("step_size", value)
    w = initial_iterate(data, start)
    if eta.ndim:
        w = np.broadcast_to(w, (*eta.shape, data.n_features)).copy()
    steps = recorded_steps(n_steps, record)
    Z, scale = data.Z, (eta / data.n_samples)[..., None]
    iterates = []
    k = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for stop in steps:
            for _ in range(stop - k):
                w = w + scale * (np.exp(loss.log_slope(w @ Z.T)) @ Z)
            k = stop
            if not np.isfinite(w).all():
                raise Diverged(int(stop))
            iterates.append(w)
    iterates = np.stack(iterates)
    with np.errstate(divide="ignore"):
        log_k = np.log(steps)
    return Trajectory(
        log_t=read_only(log_k + (np.log(float(eta)) if eta.ndim == 0 else 0.0)),
        iterates=read_only(iterates),
        log_risk=read_only(np.asarray(loss.log_risk(iterates @ Z.T))),
        status=f"ran all {steps[-1]} steps",
        n_evaluations=int(steps[-1]),
    )
