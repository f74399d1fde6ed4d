"""Gradient descent on the parameters of a linear predictor w(theta), with and without noise.

Squared loss, risk = mean of (<x_i, w> - y_i)^2 / 2. Many runs at once: one for each data set.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import finite_array, from_zero, positive_integer, read_only
from ibias.datasets import Regression, generator
from ibias.descent.loop import BETWEEN, Diverged, recorded_steps, step_sizes
from ibias.trajectory import Trajectory

CHUNK = 1024  # steps for which the noise is drawn together


class Parametrization(Protocol):
    """A map from theta to the weights of a linear predictor, and its derivative."""

    n_features: int

    @property
    def n_parameters(self) -> int:
        """The length of theta."""

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return w(theta), shape (..., n_features)."""

    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return (dw/dtheta)^T g, shape (..., n_parameters)."""


@dataclass(frozen=True, eq=False)
class Runs:
    """The data sets of several runs, stacked.

    Attributes
    ----------
    X : array, shape (n_runs, n_samples, n_features)
    y : array, shape (n_runs, n_samples)
    """

    X: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, data: Regression | Sequence[Regression], n_features: int) -> "Runs":
        """Stack data sets of one shape; a single one makes a single run."""
        sets = [data] if isinstance(data, Regression) else list(data)
        if not sets or not all(isinstance(one, Regression) for one in sets):
            raise ValueError("data must be a datasets.Regression, or a list of them: one a run.")
        if len({one.X.shape for one in sets}) > 1:
            raise ValueError("the data sets of one call must have the same shape; call twice.")
        if sets[0].n_features != n_features:
            raise ValueError(
                f"the data have {sets[0].n_features} features, the model {n_features}."
            )
        return cls(np.stack([one.X for one in sets]), np.stack([one.y for one in sets]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """n_runs, n_samples, n_features."""
        return self.X.shape

    def residuals(self, w: np.ndarray) -> np.ndarray:
        """Return <x_i, w> - y_i of all samples, shape (..., n_runs, n_samples)."""
        return (self.X @ w[..., None])[..., 0] - self.y


def batch_pull(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return minus the gradient in w of the mean loss of each run's batch, (n_runs, d)."""
    residuals = (x @ w[..., None])[..., 0] - y
    return -(residuals[..., None, :] @ x)[..., 0, :] / x.shape[-2]


def parametrized_descent(
    data: Regression | Sequence[Regression],
    model: Parametrization,
    *,
    step_size: ArrayLike,
    n_steps: int,
    start: ArrayLike,
    batch_size: int | None = None,
    label_noise: float = 0.0,
    weight_noise: float = 0.0,
    seed: int = 0,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run theta <- theta - step_size * grad_theta of the mean loss of a batch, plus noise.

    With a batch and no noise this is SGD (Pesme et al. 2021); with `label_noise` the targets
    are y + label_noise * (+1 or -1), signs drawn anew at every step (HaoChen et al. 2021).

    Parameters
    ----------
    data : Regression or list of Regression, of one shape
        One run for each. Repeat a data set for runs that differ only in their noise.
    model : a model with weights(theta) and pullback(theta, g)
        The map from theta to w, for instance ``models.WeightNormalized(d)``.
    step_size : float or array, shape (n_runs,)
        The step.
    n_steps : int
        The number of steps.
    start : array, shape (n_parameters,) or (n_runs, n_parameters)
        theta at the start.
    batch_size : int, optional
        Samples a step, drawn with replacement; all of them (gradient descent), if not given.
    label_noise : float
        The size of the noise on the targets, at least 0.
    weight_noise : float
        Standard deviation of the spherical Gaussian noise added to theta at every step, at
        least 0.
    seed : int
        Of batches and noise.
    record : array of int, optional
        The steps to keep; about ten a decade, if not given.

    Returns
    -------
    Trajectory
        `iterates` are theta, shape (n_times, n_runs, n_parameters); their weights are
        ``model.weights(path.iterates)``. ``log_t = log(step_size * k)`` for one step size, log k
        for several. `log_risk` is that of all samples, without noise.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.

    Examples
    --------
    >>> from ibias import models
    >>> data = Regression([[1.0, 2.0]], [2.0])
    >>> net = models.WeightNormalized(2)
    >>> w0 = [0.5, 2.0]
    >>> path = parametrized_descent(data, net, step_size=0.02, n_steps=2000, start=net.theta(w0))
    >>> bool(np.exp(path.log_risk[-1, 0]) < 1e-20)
    True
    """
    runs = Runs.of(data, model.n_features)
    delta = _at_least_zero("label_noise", label_noise)
    sigma = _at_least_zero("weight_noise", weight_noise)
    rng = generator(seed)
    batches = draw(runs, rng, batch_size)
    n_runs = runs.shape[0]
    signs = _chunks(lambda: rng.integers(2, size=(CHUNK, n_runs, batch_size or runs.shape[1])))
    shifts = _chunks(lambda: rng.standard_normal((CHUNK, n_runs, model.n_parameters)))
    eta = step_sizes(step_size)[..., None]

    def advance(theta: np.ndarray) -> np.ndarray:
        x, y = next(batches)
        if delta:
            y = y + delta * (2 * next(signs) - 1)
        pull = batch_pull(x, y, model.weights(theta))
        theta = theta + eta * model.pullback(theta, pull)
        return theta + sigma * next(shifts) if sigma else theta

    return run_parameters(runs, model, advance, step_size, n_steps, start, record)


def draw(
    runs: Runs, rng: np.random.Generator, batch_size: int | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return each step's batch in turn, x of shape (n_runs, batch_size, d) and y."""
    if batch_size is None:
        return repeat((runs.X, runs.y))
    n_runs, n_samples, _ = runs.shape
    size = (CHUNK, n_runs, positive_integer("batch_size", batch_size))
    each = np.arange(n_runs)[:, None]
    order = _chunks(lambda: rng.integers(n_samples, size=size))
    return ((runs.X[each, rows], runs.y[each, rows]) for rows in order)


def run_parameters(
    runs: Runs,
    model: Parametrization,
    advance: Callable[[np.ndarray], np.ndarray],
    step_size: ArrayLike,
    n_steps: int,
    start: ArrayLike,
    record: ArrayLike | None,
) -> Trajectory:
    """Repeat theta <- advance(theta) from `start` and keep the recorded steps."""
    eta = step_sizes(step_size)
    if eta.shape not in ((), (runs.shape[0],)):
        raise ValueError(
            f"step_size has shape {eta.shape}; give one number, or one for each of the"
            f" {runs.shape[0]} runs."
        )
    start = finite_array("start", start)
    if start.shape not in ((model.n_parameters,), (runs.shape[0], model.n_parameters)):
        raise ValueError(
            f"start has shape {start.shape}; give the {model.n_parameters} parameters of the"
            f" model, for all runs or for each of the {runs.shape[0]}."
        )
    theta = np.broadcast_to(start, (runs.shape[0], model.n_parameters)).copy()
    steps = recorded_steps(n_steps, record)
    kept, done = [], 0
    with (
        np.errstate(over="ignore", invalid="ignore"),
        progress.Bar("descending", steps[-1]) as bar,
    ):
        for stop in steps.tolist():
            for first in range(done, stop, BETWEEN):
                for _ in range(first, min(first + BETWEEN, stop)):
                    theta = advance(theta)
                bar.at(first)
            done = stop
            if not np.isfinite(theta).all():
                raise Diverged(stop)
            kept.append(theta)
    with np.errstate(divide="ignore"):
        log_k = np.log(steps)
        iterates = np.stack(kept)
        residuals = runs.residuals(model.weights(iterates))
        log_risk = np.log((residuals**2).mean(axis=-1) / 2)
    return Trajectory(
        log_t=read_only(log_k + (np.log(float(eta)) if eta.ndim == 0 else 0.0)),
        iterates=read_only(iterates),
        log_risk=read_only(log_risk),
        status=f"ran all {steps[-1]} steps",
        n_evaluations=int(steps[-1]),
    )


def _chunks(make: Callable[[], np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the rows of make(), again and again, and never call it before it is needed."""
    while True:
        yield from make()


def _at_least_zero(name: str, value: float) -> float:
    return from_zero(name, value)
