"""What every discrete method shares: a start, the steps to keep, the loop, the result."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import finite_array, positive, positive_integer, read_only
from ibias.datasets import Dataset, Regression
from ibias.descent.risk import log_risk
from ibias.losses import MarginLoss
from ibias.trajectory import Trajectory

BETWEEN = 256  # steps between two looks at the clock


class Diverged(RuntimeError):
    """The iterates left the range of double precision.

    Attributes
    ----------
    step : int
        The first recorded step at which they were no longer finite.
    """

    def __init__(self, step: int) -> None:
        super().__init__(
            f"the iterates grew out of bounds by step {step}; choose a smaller step_size."
        )
        self.step = step


def initial_iterate(data: Dataset | Regression, start: ArrayLike | None) -> np.ndarray:
    """Return `start` as an array (..., n_features); zero if it is None."""
    if start is None:
        return np.zeros(data.n_features)
    w = finite_array("start", start)
    if w.ndim == 0 or w.shape[-1] != data.n_features:
        raise ValueError(
            f"start has shape {w.shape}; its last axis must be the {data.n_features} features."
        )
    return w


def one_start(data: Dataset | Regression, start: ArrayLike | None) -> np.ndarray:
    """Return `start` as one weight vector, shape (n_features,); zero if it is None."""
    w = initial_iterate(data, start)
    if w.ndim != 1:
        raise ValueError(f"start must be one weight vector; got shape {w.shape}.")
    return w


def step_sizes(value: ArrayLike) -> np.ndarray:
    """Return one step size, or a batch of them, each finite and above zero."""
    if isinstance(value, (bool, str)):
        positive("step_size", value)
    eta = finite_array("step_size", value)
    if eta.ndim > 1 or eta.size == 0:
        raise ValueError(f"step_size must be one number, or a list of them; got shape {eta.shape}.")
    for entry in eta.ravel():
        positive("step_size", entry)
    return eta


def recorded_steps(n_steps: int, record: ArrayLike | None) -> np.ndarray:
    """Return the steps to keep, increasing: `record`, or about ten a decade up to `n_steps`."""
    n_steps = positive_integer("n_steps", n_steps)
    if record is None:
        count = int(10 * np.log10(n_steps)) + 2
        return np.unique(np.rint(np.geomspace(1, n_steps, count)).astype(int))
    wanted = finite_array("record", record, ndim=1)
    if (wanted != np.rint(wanted)).any():
        raise ValueError(
            "record must hold whole step numbers; round them first, by np.rint(record)."
        )
    steps = np.unique(wanted.astype(int))
    if steps.size == 0 or steps[0] < 0 or steps[-1] > n_steps:
        raise ValueError(f"record must hold step numbers from 0 to n_steps={n_steps}.")
    return steps


def run(
    data: Dataset | Regression,
    loss: MarginLoss | None,
    advance: Callable[[np.ndarray, int], np.ndarray],
    *,
    step_size: np.ndarray,
    start: np.ndarray,
    steps: np.ndarray,
    status: str = "",
    gradients_per_step: float = 1.0,
) -> Trajectory:
    """Run w <- advance(w, k) for k = 0, 1, ... and keep the iterates after `steps` steps.

    `advance` may hold further state, such as a momentum. A batch of step sizes gives the
    iterates a batch axis. `loss` is None for a regression, whose risk is half the mean square.

    Raises
    ------
    Diverged
        When a recorded iterate is not finite.
    """
    w = start
    if step_size.ndim:
        w = np.broadcast_to(w, (*step_size.shape, data.n_features)).copy()
    kept, done = [], 0
    with (
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        progress.Bar("descending", steps[-1]) as bar,
    ):
        for stop in steps.tolist():
            for first in range(done, stop, BETWEEN):
                for k in range(first, min(first + BETWEEN, stop)):
                    w = advance(w, k)
                bar.at(first)
            done = stop
            if not np.isfinite(w).all():
                raise Diverged(stop)
            kept.append(w)
        iterates, log_k = np.stack(kept), np.log(steps)
    return Trajectory(
        log_t=read_only(log_k + (np.log(float(step_size)) if step_size.ndim == 0 else 0.0)),
        iterates=read_only(iterates),
        log_risk=read_only(log_risk(data, loss, iterates)),
        status=status or f"ran all {steps[-1]} steps",
        n_evaluations=int(gradients_per_step * steps[-1]),
    )
