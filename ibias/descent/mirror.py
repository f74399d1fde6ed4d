"""Mirror descent, and natural gradient descent, which agrees with it only for tiny steps."""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import require
from ibias.datasets import Dataset, Regression
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.descent.risk import downhill
from ibias.losses import MarginLoss, named
from ibias.potentials import Potential
from ibias.trajectory import Trajectory


def mirror_descent(
    data: Dataset | Regression,
    potential: Potential,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run grad psi(w) <- grad psi(w) - step_size * grad risk(w).

    The mirror image m = grad psi(w) moves in the row space of the data, whatever the step: on
    a regression the limit, if there is one, is the interpolant with the least Bregman
    divergence from the start (Gunasekar et al. 2018, Theorem 1).

    Parameters
    ----------
    data : Dataset or Regression
        A regression has the squared loss.
    potential : Potential
        See `ibias.potentials`.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,)
        The step.
    n_steps, start, record
        As in `gradient_descent`; without a start, from the minimum of the potential.

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
    require("potential", potential, Potential, example="potentials.NegativeEntropy()")
    require("data", data, Dataset, Regression)
    loss, eta, pull = named(loss), step_sizes(step_size), downhill(data, named(loss))
    w = _start(data, potential, start)
    m = potential.gradient(w)

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        nonlocal m
        m = m + eta[..., None] * pull(w).value()
        return potential.inverse_gradient(m)

    steps = recorded_steps(n_steps, record)
    return run(data, loss, advance, step_size=eta, start=w, steps=steps)


def natural_gradient_descent(
    data: Dataset | Regression,
    potential: Potential,
    *,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w - step_size * H(w)^-1 grad risk(w), with H the Hessian of the potential.

    The first-order form of `mirror_descent`, equal to it in the limit of small steps. With a
    step of fixed size the mirror image leaves the row space, and the limit depends on the
    step (Gunasekar et al. 2018, section 2.3).

    Parameters
    ----------
    data, potential, loss, step_size, n_steps, start, record
        As in `mirror_descent`; the potential must be a sum over coordinates.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch of step sizes, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name; and when a step leaves the domain of the potential.
    Diverged
        When the iterates overflow.
    """
    require("potential", potential, Potential, example="potentials.NegativeEntropy()")
    require("data", data, Dataset, Regression)
    loss, eta, pull = named(loss), step_sizes(step_size), downhill(data, named(loss))
    w = _start(data, potential, start)
    if potential.inverse_metric(potential.gradient(w)).shape != w.shape:
        raise ValueError(f"{potential} is no sum over coordinates; PowerNorm is, for a norm.")

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        try:
            metric = potential.inverse_metric(potential.gradient(w))
        except ValueError as error:
            raise ValueError(
                f"by step {k} the iterates left the domain of the potential; choose a smaller"
                " step_size."
            ) from error
        return w + eta[..., None] * metric * pull(w).value()

    steps = recorded_steps(n_steps, record)
    return run(data, loss, advance, step_size=eta, start=w, steps=steps)


def _start(data: Dataset | Regression, potential: Potential, start: ArrayLike | None) -> np.ndarray:
    """Return `start`, or the minimum of the potential."""
    if start is None:
        return potential.inverse_gradient(np.zeros(data.n_features))
    return initial_iterate(data, start)
