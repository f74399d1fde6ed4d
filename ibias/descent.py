"""Descent: one loop for every objective, method, rule of steps, start and noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibias import progress
from ibias._validate import finite_array, positive_integer, read_only, require
from ibias.datasets import generator
from ibias.losses import named
from ibias.methods import Gradient, Method
from ibias.noise import FullBatch, LabelNoise, Sampling, WeightNoise
from ibias.objectives import Objective, Pull
from ibias.steps import Adaptive, Step
from ibias.trajectory import Trajectory

BETWEEN = 256  # steps between two looks at the clock
UNBOUNDED = 30.0  # a squared loss whose logarithm has grown by more is on its way to infinity

Noise = LabelNoise | WeightNoise


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


def descent(
    objective: Any,
    method: Method | None = None,
    *,
    steps: ArrayLike | Step | None = None,
    n_steps: int,
    start: ArrayLike | None = None,
    sampling: Sampling | None = None,
    noise: Noise | Sequence[Noise] = (),
    n_runs: int | None = None,
    seed: int = 0,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run a method on an objective, step by step.

    Starts, step sizes, the data sets of a list, parameters of the method and runs may each have
    leading axes. These are broadcast against each other, as numpy does it, and everything runs
    at once: step sizes of shape (3, 1) and n_runs=8 make 3 x 8 runs.

    Parameters
    ----------
    objective : Objective, or data alone
        Data alone have the default loss and a linear model: see `ibias.objectives`.
    method : Method, optional
        See `ibias.methods`; gradient descent if not given.
    steps : float, array or Step, optional
        The step sizes: a number, a batch of them, or a rule of `ibias.steps`. If not given, the
        method's own: 1/L for gradient descent on a linear model, the safe step for another.
    n_steps : int
        The number of steps, at least 1.
    start : array, shape (..., n_parameters), optional
        theta at the start; zero for a linear model if not given. For models.MatrixProduct, its
        factors will do.
    sampling : Sampling, optional
        Which samples a step looks at, a rule of `ibias.noise`; all of them if not given.
    noise : LabelNoise or WeightNoise, or a list of them
        What disturbs each step; nothing if not given.
    n_runs : int, optional
        Runs that differ in their random numbers only.
    seed : int
        The seed of all random numbers.
    record : array of int, optional
        The steps to keep, 0 for the start; about ten a decade if not given.

    Returns
    -------
    Trajectory
        `iterates` are theta, shape (n_times, ..., n_parameters); the weights of the predictor are
        ``objective.weights(path.iterates)``. `log_t` is the logarithm of the sum of the step
        sizes; for a batch of step sizes, of their common factors (log k for constant steps); a
        rule that looks at the iterate gives every run its own. `log_risk` is that of all
        samples, without noise.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.

    Examples
    --------
    >>> from ibias import datasets, methods, noise, objectives
    >>> data = datasets.symmetric_pair()
    >>> path = descent(data, n_steps=1000)
    >>> print(f"{path.normalized_margin(data.Z)[-1]:.4f}")
    1.4142
    >>> objective = objectives.Objective(data, "exponential")
    >>> adam = methods.Adam(epsilon=[0.0, 1e-8])
    >>> run = descent(objective, adam, steps=0.1, n_steps=10, sampling=noise.Reshuffled(1))
    >>> run.final.shape
    (2, 2)
    """
    method = require(
        "method", Gradient() if method is None else method, Method, example="methods.Gradient()"
    )
    sampling = FullBatch() if sampling is None else sampling
    sampling = require("sampling", sampling, Sampling, example="noise.FullBatch()")
    objective = _checked(objective, method)
    noises = _noises(noise, objective, method)
    rule = _rule(steps, objective, method, sampling)
    recorded = _recorded_steps(n_steps, record)
    theta = _start(objective, method, start)
    batch = _batch(theta, objective, method, rule, n_runs)
    theta = np.array(np.broadcast_to(theta, (*batch, theta.shape[-1])))  # a method may write to it
    pulls, shifts = _random(objective, sampling, noises, generator(seed), theta.shape)
    if rule.adaptive:
        method = Sized(method, rule)
    pull, step, kept, times, done = objective.all_samples, method.step, [], [], 0
    with (
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        progress.Bar("descending", recorded[-1]) as bar,
    ):
        begun, state = objective.log_risk(theta), method.init(objective, theta)
        for stop in recorded.tolist():
            for first in range(done, stop, BETWEEN):
                last = min(first + BETWEEN, stop)
                for k, eta in zip(range(first, last), rule.sizes(first, last), strict=False):
                    if pulls is not None:
                        pull = next(pulls)
                    theta, state = step(pull, theta, state, k, eta)
                    if shifts is not None:
                        theta = theta + next(shifts)
                bar.at(first)
            done = stop
            if not np.isfinite(theta).all():
                raise Diverged(stop)
            kept.append(theta.copy())  # a method may write its next step where this one is
            times.append(method.times(state) if rule.adaptive else None)
        iterates = np.stack(kept)
        log_risk = objective.log_risk(iterates)
    if not objective.is_margin and (log_risk[-1] > np.maximum(begun, 0.0) + UNBOUNDED).any():
        raise Diverged(done)
    share = sampling.batch_size / objective.n_samples if sampling.batch_size else 1
    if rule.adaptive:
        log_t, sizes = (np.stack(column) for column in zip(*times, strict=True))
    else:
        log_t, sizes = rule.log_times(recorded), rule.last_sizes(recorded)
    return Trajectory(
        log_t=read_only(log_t),
        iterates=read_only(iterates),
        log_risk=read_only(log_risk),
        status=f"ran all {done} steps",
        n_evaluations=int(share * done),
        steps=read_only(recorded),
        step_sizes=read_only(sizes),
        separable=objective.separated(theta),
    )


class Sized(Method):
    """A method whose step sizes look at the iterate; the state holds their sum and the last."""

    def __init__(self, base: Method, rule: Adaptive) -> None:
        self.base, self.rule = base, rule

    def init(self, objective: Objective, theta: np.ndarray) -> tuple:
        """Return the states of method and rule, and the logarithm of time zero."""
        self.rule.check(objective)
        never = np.full(theta.shape[:-1], -np.inf)
        return self.base.init(objective, theta), self.rule.init(), never, np.nan * never

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: None
    ) -> tuple[np.ndarray, tuple]:
        """Return the step of the base, on log risk."""
        inner, sizing, log_t, _ = state
        size, log_eta, pull, sizing = self.rule.at(pull, theta, k, sizing)
        theta, inner = self.base.step(pull, theta, inner, k, size[..., None])
        return theta, (inner, sizing, np.logaddexp(log_t, log_eta), log_eta)

    def times(self, state: tuple) -> tuple[np.ndarray, np.ndarray]:
        """Return the logarithm of the sum of the steps so far, and the last step."""
        return state[2], np.exp(state[3])


def _recorded_steps(n_steps: int, record: ArrayLike | None) -> np.ndarray:
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


def _checked(objective: Any, method: Method) -> Objective:
    """Return the objective, with the loss that the method is made for."""
    objective = Objective.of(objective, method.loss)
    if method.loss is not None and objective.loss != named(method.loss):
        raise ValueError(
            f"loss: {type(method).__name__}() is made for the {method.loss} loss; give"
            f" Objective(data, {method.loss!r})."
        )
    return objective


def _rule(steps: Any, objective: Objective, method: Method, sampling: Sampling) -> Step:
    """Return the rule of the steps: what is given, or the method's own."""
    if steps is None:
        return method.default_steps(objective, sampling.batch_size is not None)
    return Step.of(steps)


def _noises(noise: Any, objective: Objective, method: Method) -> dict[type, Noise]:
    """Return the noises by their kinds, one of each."""
    found = {}
    for one in noise if isinstance(noise, (list, tuple)) else [noise]:
        require("noise", one, LabelNoise, WeightNoise, example="noise.LabelNoise(0.1)")
        if type(one) in found:
            raise ValueError(f"noise holds two of the kind {type(one).__name__}; give one.")
        one.check(objective)
        found[type(one)] = one
    if WeightNoise in found and not method.moves:
        raise ValueError(f"noise: {method} keeps its own image of theta; use NaturalGradient.")
    return found


def _start(objective: Objective, method: Method, start: Any) -> np.ndarray:
    """Return theta at the start, shape (..., n_parameters)."""
    model, n = objective.model, objective.n_parameters
    if start is None:
        if model is not None:
            raise ValueError(
                f"start: give the {n} parameters of the model at the start; zero is often a"
                " stationary point. Draw them at random."
            )
        return method.start(objective)
    listed = isinstance(start, (list, tuple)) and len(start) > 0
    if listed and hasattr(model, "factors") and np.ndim(start[0]) > 1:
        start = model.theta(start)
    theta = finite_array("start", start)
    if theta.ndim == 0 or theta.shape[-1] != n:
        what = f"{n} weights" if model is None else f"{n} parameters of the model"
        raise ValueError(f"start has shape {theta.shape}; its last axis must be the {what}.")
    if getattr(model, "depth", 1) > 1 and not np.linalg.norm(theta, axis=-1).all():
        raise ValueError("start is zero somewhere, where the gradient vanishes; draw it at random.")
    return theta


def _batch(
    theta: np.ndarray, objective: Objective, method: Method, rule: Step, n_runs: int | None
) -> tuple[int, ...]:
    """Return the batch axes of the run."""
    axes = {
        "start": theta.shape[:-1],
        "steps": rule.shape,
        "data": objective.batch,
        type(method).__name__: method.shape,
        "n_runs": () if n_runs is None else (positive_integer("n_runs", n_runs),),
    }
    try:
        return np.broadcast_shapes(*axes.values())
    except ValueError as error:
        listed = ", ".join(f"{name} {shape}" for name, shape in axes.items() if shape)
        raise ValueError(
            f"start, steps, data, method and n_runs have batch axes that do not go together:"
            f" {listed}. Give one of each, as many of each, or an axis for each: steps[:, None]."
        ) from error


def _random(
    objective: Objective,
    sampling: Sampling,
    noises: dict[type, Noise],
    rng: np.random.Generator,
    shape: tuple[int, ...],
) -> tuple[Iterator[Pull] | None, Iterator[np.ndarray] | None]:
    """Return the pull of each step and what is added after it; None where nothing is random."""
    sampling.check(objective)
    labels, weights = noises.get(LabelNoise), noises.get(WeightNoise)
    shifts = weights.shifts(rng, shape) if weights is not None and weights.size else None
    size = sampling.batch_size
    if labels is None or not labels.size:
        if size is None:
            return None, shifts
        all_rows = sampling.rows(rng, objective.n_samples, shape[:-1])
        return map(objective.maker, all_rows, repeat(None)), shifts
    disturbed = labels.targets(rng, objective, (*shape[:-1], size or objective.n_samples))
    if size is None:
        return (objective.maker(None, disturbed(objective.y)) for _ in repeat(None)), shifts
    all_rows = sampling.rows(rng, objective.n_samples, shape[:-1])
    y, take, make = objective.y, objective.take, objective.maker
    return (make(rows, disturbed(take(y, rows))) for rows in all_rows), shifts
