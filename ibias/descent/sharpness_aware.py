"""Sharpness-aware minimisation: the gradient is taken at the top of a small ball."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import positive
from ibias.datasets import Regression, generator
from ibias.descent.loop import step_sizes
from ibias.descent.parametrized import (
    Parametrization,
    Runs,
    batch_pull,
    draw,
    run_parameters,
)
from ibias.trajectory import Trajectory, unit_or_zero


def sharpness_aware_descent(
    data: Regression | Sequence[Regression],
    model: Parametrization,
    *,
    radius: float,
    normalized: bool = True,
    step_size: ArrayLike,
    n_steps: int,
    start: ArrayLike,
    batch_size: int | None = None,
    seed: int = 0,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run theta <- theta - step_size * grad(theta + radius * g / ||g||), with g = grad(theta).

    Both gradients are of the mean squared loss of the same batch: all samples give the
    full-batch method, one sample a step the per-sample one (Foret et al. 2021;
    Andriushchenko and Flammarion 2022).

    Parameters
    ----------
    data, model, step_size, n_steps, start, batch_size, seed, record
        As in `parametrized_descent`.
    radius : float
        How far up, greater than 0.
    normalized : bool
        If false, the point is theta + radius * g, without the division.

    Returns
    -------
    Trajectory
        As in `parametrized_descent`.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    runs = Runs.of(data, model.n_features)
    radius, eta = positive("radius", radius), step_sizes(step_size)[..., None]
    batches = draw(runs, generator(seed), batch_size)

    def advance(theta: np.ndarray) -> np.ndarray:
        x, y = next(batches)
        downhill = model.pullback(theta, batch_pull(x, y, model.weights(theta)))
        if normalized:
            downhill = unit_or_zero(downhill)
        above = theta - radius * downhill
        return theta + eta * model.pullback(above, batch_pull(x, y, model.weights(above)))

    return run_parameters(runs, model, advance, step_size, n_steps, start, record)
