"""Training without gradients: guess and check, greedy random search, pattern search.

The three methods of Chiang et al. (2023). Guessing knows nothing of the loss but whether
all samples are right, so that it returns a draw from the volume of all solutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import finite_array, positive, positive_integer, read_only, require
from ibias.datasets import Dataset
from ibias.losses import MarginLoss, named
from ibias.models import Network


def _problem(network: Network, data: Dataset, rng: np.random.Generator) -> None:
    """Refuse what is not a network, a data set and a generator."""
    require("network", network, Network, example="models.two_layer_relu(n_features, width)")
    require("data", data, Dataset)
    require("rng", rng, np.random.Generator, example="datasets.generator(0)")


@dataclass(frozen=True, eq=False)
class Guesses:
    """Parameters that classify all samples, drawn at random.

    Attributes
    ----------
    theta : array, shape (n_accepted, n_parameters)
        The accepted draws.
    n_guesses : int
        How many draws it took.
    """

    theta: np.ndarray
    n_guesses: int


def guess_and_check(
    network: Network,
    data: Dataset,
    rng: np.random.Generator,
    *,
    n_accepted: int,
    batch: int = 10_000,
    max_guesses: int = 2_000_000,
) -> Guesses:
    """Draw theta uniformly from the cube [-1, 1]^P until `n_accepted` have no training error.

    Parameters
    ----------
    network : Network
        The model.
    data : Dataset
        A few samples: each halves the share of draws that are accepted, about.
    rng : Generator
        The source of the draws.
    n_accepted, batch, max_guesses : int
        How many to return, how many to draw at once, and when to give up.

    Raises
    ------
    RuntimeError
        When `max_guesses` draws did not suffice.

    Examples
    --------
    >>> from ibias import datasets, models
    >>> data, net = datasets.separable(0, 6, 2), models.linear(2)
    >>> rng = datasets.generator(0)
    >>> found = guess_and_check(net, data, rng, n_accepted=3)
    >>> bool((data.y * net.predict(found.theta, data.X) > 0).all())
    True
    """
    _problem(network, data, rng)
    n_accepted = positive_integer("n_accepted", n_accepted)
    batch = positive_integer("batch", batch)
    max_guesses = positive_integer("max_guesses", max_guesses)
    accepted: list[np.ndarray] = []
    n_guesses = 0
    while len(accepted) < n_accepted:
        if n_guesses >= max_guesses:
            raise RuntimeError(
                f"max_guesses: {n_guesses} guesses gave {len(accepted)} of {n_accepted} solutions:"
                " use fewer samples, or raise max_guesses."
            )
        theta = rng.uniform(-1, 1, (batch, network.n_parameters))
        right = (data.y * network.predict(theta, data.X) > 0).all(axis=1)
        hits = np.flatnonzero(right)[: n_accepted - len(accepted)]
        accepted.extend(theta[hits])
        n_guesses += batch if len(accepted) < n_accepted else int(hits[-1]) + 1
    return Guesses(read_only(np.array(accepted)), n_guesses)


def greedy_search(
    network: Network,
    data: Dataset,
    rng: np.random.Generator,
    *,
    start: np.ndarray,
    n_steps: int,
    loss: str | MarginLoss = "logistic",
    scale: float = 0.1,
) -> np.ndarray:
    """Add a random step, keep it if the risk falls; the step grows after a success.

    The scale of each search grows by a tenth after a success and shrinks by a fortieth after a
    failure: where it neither grows nor shrinks on average, one trial in five succeeds.

    Parameters
    ----------
    network, data, rng
        The model, the samples, and the source of the steps.
    start : array, shape (n_batch, n_parameters)
        Searches run side by side.
    n_steps : int
        The number of trials of each search.
    loss : str or MarginLoss
        What is to fall.
    scale : float
        The first standard deviation of a step.

    Returns
    -------
    array, shape (n_batch, n_parameters)

    Examples
    --------
    >>> from ibias import datasets, models
    >>> data, net = datasets.separable(0, 6, 2), models.linear(2)
    >>> rng = datasets.generator(0)
    >>> found = greedy_search(net, data, rng, start=np.zeros((1, 2)), n_steps=300)
    >>> bool((data.y * net.predict(found, data.X) > 0).all())
    True
    """
    return _descend(network, data, rng, start, n_steps, loss, scale, coordinates=False)


def pattern_search(
    network: Network,
    data: Dataset,
    rng: np.random.Generator,
    *,
    start: np.ndarray,
    n_steps: int,
    loss: str | MarginLoss = "logistic",
    scale: float = 1.0,
) -> np.ndarray:
    """Move one random coordinate up or down by the scale, keep it if the risk falls.

    Arguments and result as for `greedy_search`.

    Examples
    --------
    >>> from ibias import datasets, models
    >>> data, net = datasets.separable(0, 6, 2), models.linear(2)
    >>> rng = datasets.generator(0)
    >>> found = pattern_search(net, data, rng, start=np.zeros((1, 2)), n_steps=300)
    >>> bool((data.y * net.predict(found, data.X) > 0).all())
    True
    """
    return _descend(network, data, rng, start, n_steps, loss, scale, coordinates=True)


def _descend(
    network: Network,
    data: Dataset,
    rng: np.random.Generator,
    start: np.ndarray,
    n_steps: int,
    loss: str | MarginLoss,
    scale: float,
    coordinates: bool,
) -> np.ndarray:
    _problem(network, data, rng)
    loss = named(loss)
    theta = finite_array("start", start, ndim=2)
    scales = np.full((len(theta), 1), positive("scale", scale))
    each = np.arange(len(theta))
    risk = loss.log_risk(data.y * network.predict(theta, data.X))
    for _ in range(positive_integer("n_steps", n_steps)):
        if coordinates:
            step = np.zeros_like(theta)
            chosen = rng.integers(network.n_parameters, size=len(theta))
            step[each, chosen] = rng.choice([-1.0, 1.0], size=len(theta))
        else:
            step = rng.standard_normal(theta.shape)
        trial = theta + scales * step
        trial_risk = loss.log_risk(data.y * network.predict(trial, data.X))
        better = trial_risk < risk
        theta[better], risk[better] = trial[better], trial_risk[better]
        if coordinates:  # about half the size after a sweep over all coordinates fails
            scales *= np.where(better, 1.0, 1 - 0.4 / network.n_parameters)[:, None]
        else:
            scales *= np.where(better, 1.1, 0.975)[:, None]
    return theta
