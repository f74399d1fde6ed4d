"""AdaGrad, RMSProp and Adam, step by step as PyTorch defines them.

Adam and RMSProp keep their moments relative to the size of the gradient, as a logarithm: with
epsilon = 0 the methods depend on ratios only, and squares of gradients would underflow at a
margin of 377.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, from_zero, positive_integer, require, shown
from ibias.datasets import Dataset, generator
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.descent.risk import Downhill, batch_downhill, downhill
from ibias.descent.stochastic import batches
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory

LARGEST_EXPONENT = 700.0  # exp of more overflows; an epsilon that large stops all motion anyway


def adagrad(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: ArrayLike,
    epsilon: ArrayLike = 0.0,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w_j <- w_j - step_size * g_j / (sqrt(G_j) + epsilon), G_j the sum of all g_j^2 so far.

    On separable data G has a limit, so that in the end AdaGrad is gradient descent with a
    fixed diagonal metric, one that depends on start and step (Qian and Qian 2019).

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float or array, shape (n_batch,)
        The step.
    epsilon : float or array, shape (n_batch,)
        At least 0. PyTorch's default is 1e-10.
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
    """
    require("data", data, Dataset)
    loss, (eta, epsilon) = named(loss), _batch(step_size, epsilon)
    pull, total = downhill(data, loss), 0.0

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        nonlocal total
        g = pull(w).value()
        total = total + g**2
        return w + eta[..., None] * _ratio(g, np.sqrt(total) + epsilon[..., None])

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def rmsprop(
    data: Dataset,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike,
    decay: float = 0.0,
    smoothing: float = 0.99,
    epsilon: ArrayLike = 0.0,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run v <- b v + (1-b) g^2, w <- w - step_size (k+1)^-decay g / (sqrt(v) + epsilon).

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,)
        The first step.
    decay : float
        0 for a fixed step, as PyTorch has it; 1/2 for the theory.
    smoothing : float
        The b above, from 0 to below 1.
    epsilon : float or array, shape (n_batch,)
        At least 0. PyTorch's default is 1e-8.
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
    """
    require("data", data, Dataset)
    loss, (eta, epsilon) = named(loss), _batch(step_size, epsilon)
    smoothing, decay = from_zero("smoothing", smoothing, below=1), from_zero("decay", decay)
    pull, square, log_size = downhill(data, loss), 0.0, -np.inf

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        nonlocal square, log_size
        g = pull(w)
        change = _exp(log_size - g.log_size)
        square = smoothing * change**2 * square + (1 - smoothing) * g.direction**2
        log_size = g.log_size
        length = np.sqrt(square) + epsilon[..., None] * _exp(-log_size)
        return w + (eta * (k + 1) ** -decay)[..., None] * _ratio(g.direction, length)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def adam(
    data: Dataset,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike,
    decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: ArrayLike = 0.0,
    batch_size: int | None = None,
    n_runs: int = 1,
    seed: int = 0,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run Adam (Kingma and Ba 2015), with the step step_size (k+1)^-decay.

        m <- b1 m + (1-b1) g,    v <- b2 v + (1-b2) g^2,
        w <- w - step m / (1-b1^(k+1)) / (sqrt(v / (1-b2^(k+1))) + epsilon).

    Parameters
    ----------
    data : Dataset
        The samples.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,)
        The first step.
    decay : float
        0 for a fixed step, as PyTorch has it; 1/2 for the theory.
    betas : pair of floats
        b1 and b2, from 0 to below 1.
    epsilon : float or array, shape (n_batch,)
        At least 0. The usual default is 1e-8.
    batch_size : int, optional
        Samples a step, drawn with replacement; all of them if not given.
    n_runs, seed : int
        With `batch_size`: independent runs, computed together, and their seed.
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch of step sizes, log k alone. With
        `batch_size`, iterates of shape (n_times, n_runs, n_features).

    Raises
    ------
    ValueError
        For bad input, by name.
    """
    require("data", data, Dataset)
    loss, (eta, epsilon) = named(loss), _batch(step_size, epsilon)
    if np.shape(betas) != (2,):
        raise ValueError(f"betas must be a pair, such as (0.9, 0.999); got {shown(betas)}")
    beta1, beta2 = (from_zero("betas", beta, below=1) for beta in betas)
    decay = from_zero("decay", decay)
    w = initial_iterate(data, start)
    if batch_size is None:
        pull = downhill(data, loss)
    else:
        if eta.ndim:
            raise ValueError("step_size must be one number; the batch axis is for the runs.")
        w = np.broadcast_to(w, (positive_integer("n_runs", n_runs), data.n_features)).copy()
        pull = _sampled(data, loss, positive_integer("batch_size", batch_size), n_runs, seed)
    mean, square, log_size = 0.0, 0.0, -np.inf

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        nonlocal mean, square, log_size
        g = pull(w)
        change = _exp(log_size - g.log_size)
        mean = beta1 * change * mean + (1 - beta1) * g.direction
        square = beta2 * change**2 * square + (1 - beta2) * g.direction**2
        log_size = g.log_size
        length = np.sqrt(square / (1 - beta2 ** (k + 1))) + epsilon[..., None] * _exp(-log_size)
        step = eta * (k + 1) ** -decay / (1 - beta1 ** (k + 1))
        return w + step[..., None] * _ratio(mean, length)

    return run(data, loss, advance, step_size=eta, start=w, steps=recorded_steps(n_steps, record))


def _sampled(
    data: Dataset, loss: MarginLoss, batch_size: int, n_runs: int, seed: int
) -> Callable[[np.ndarray], Downhill]:
    """Return minus the gradient over a batch that is drawn anew at every call."""
    rows = batches(generator(seed), data.n_samples, n_runs, batch_size, "replacement")
    return lambda w: batch_downhill(data.Z[next(rows)], w, loss)


def _batch(step_size: ArrayLike, epsilon: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the step sizes, one for each epsilon where there are several, and epsilon."""
    eta, epsilon = step_sizes(step_size), _at_least_zero("epsilon", epsilon)
    return np.broadcast_to(eta, epsilon.shape or eta.shape), epsilon


def _exp(exponents: np.ndarray) -> np.ndarray:
    """Return exp of the exponents, but never infinity."""
    return np.exp(np.minimum(exponents, LARGEST_EXPONENT))


def _ratio(numerator: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return numerator / length; 0 where both are zero: no gradient, no motion."""
    return np.divide(numerator, length, out=np.zeros_like(numerator), where=length != 0)


def _at_least_zero(name: str, value: ArrayLike) -> np.ndarray:
    """Return one number, or a batch of them, each at least 0."""
    numbers = finite_array(name, value)
    if (numbers < 0).any() or numbers.ndim > 1:
        raise ValueError(f"{name} must be at least 0, one number or a list; got {value!r}")
    return numbers
