"""Stochastic gradient descent for networks, one run for each data set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import finite_array, from_zero, network, positive, positive_integer, read_only
from ibias.datasets import Dataset, generator
from ibias.descent.loop import Diverged, recorded_steps
from ibias.descent.stochastic import batches
from ibias.losses import MarginLoss, named
from ibias.models import Network
from ibias.trajectory import Trajectory


def network_sgd(
    data: Dataset | Sequence[Dataset],
    net: Network,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: float,
    n_steps: int,
    batch_size: int,
    weight_decay: float = 0.0,
    start: ArrayLike,
    seed: int = 0,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run theta <- (1 - eta * weight_decay) theta - eta * (mean gradient over a batch).

    Every epoch goes through a new random order of the samples.

    Parameters
    ----------
    data : Dataset or list of Dataset, of one shape
        One run for each.
    net : Network
        The model.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float
        The step eta.
    n_steps : int
        The number of steps, not of epochs.
    batch_size : int
        Must divide the number of samples. All of them: gradient descent.
    weight_decay : float
        The weight of ||theta||^2 / 2 in what is minimised, at least 0.
    start : array, shape (n_parameters,) or (n_runs, n_parameters)
        theta at the start.
    seed : int
        The seed of the order of the samples.
    record : array of int, optional
        The steps to keep, 0 for the start; about ten a decade if not given.

    Returns
    -------
    Trajectory
        Iterates of shape (n_times, n_runs, n_parameters); ``log_t = log(step_size * k)``.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    network("net", net)
    loss, (X, y) = named(loss), _stacked(data, net)
    n_runs, n_samples = y.shape
    eta, batch_size = positive("step_size", step_size), positive_integer("batch_size", batch_size)
    if n_samples % batch_size:
        raise ValueError(f"batch_size must divide the {n_samples} samples; got {batch_size}")
    if not from_zero("weight_decay", weight_decay) < 1 / eta:
        raise ValueError(f"weight_decay must be from 0 to 1 / step_size; got {weight_decay}")
    start = finite_array("start", start)
    if start.shape not in ((net.n_parameters,), (n_runs, net.n_parameters)):
        raise ValueError(
            f"start has shape {start.shape}; give the {net.n_parameters} parameters of net, for all"
            f" runs or for each of the {n_runs}."
        )
    theta = np.broadcast_to(start, (n_runs, net.n_parameters))
    steps = recorded_steps(n_steps, record)
    order = batches(generator(seed), n_samples, n_runs, batch_size, "reshuffle")
    run, k = np.arange(n_runs)[:, None], 0
    kept, log_risk = [], []
    with (
        np.errstate(over="ignore", invalid="ignore"),
        progress.Bar("descending", steps[-1]) as bar,
    ):
        for stop in steps:
            for done in range(k, stop):
                bar.at(done)
                rows = next(order)
                at, labels = net.linearize(theta, X[run, rows]), y[run, rows]
                pull = at.vjp(labels * np.exp(loss.log_slope(labels * at.predictions)))
                theta = (1 - eta * weight_decay) * theta + eta / batch_size * pull
            k = stop
            if not np.isfinite(theta).all():
                raise Diverged(int(stop))
            kept.append(theta)
            log_risk.append(loss.log_risk(y * net.predict(theta, X)))
    with np.errstate(divide="ignore"):
        log_t = np.log(eta * steps)
    return Trajectory(
        log_t=read_only(log_t),
        iterates=read_only(np.stack(kept)),
        log_risk=read_only(np.stack(log_risk)),
        status=f"ran all {steps[-1]} steps",
        n_evaluations=int(steps[-1]) * batch_size // n_samples,
    )


def _stacked(data: Dataset | Sequence[Dataset], net: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return X, shape (n_runs, n_samples, d), and y, shape (n_runs, n_samples)."""
    sets = [data] if isinstance(data, Dataset) else list(data)
    if not sets or not all(isinstance(one, Dataset) for one in sets):
        raise ValueError("data must be a datasets.Dataset, or a list of them: one a run.")
    if len({one.X.shape for one in sets}) > 1:
        raise ValueError("the data sets of one call must have the same shape; call twice.")
    if sets[0].n_features != net.widths[0]:
        raise ValueError(f"the data have {sets[0].n_features} features; {net} takes another number")
    return np.stack([one.X for one in sets]), np.stack([one.y for one in sets])
