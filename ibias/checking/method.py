"""The check of a method: its step, its state, its flow, and gradients beyond a double."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ibias.checking.derivative import few
from ibias.checking.memory import check_frozen, check_moved, check_state
from ibias.checking.report import Notes, Report
from ibias.checking.trial import ETA, Trial, same, small_problem
from ibias.descent import descent
from ibias.flow import flow
from ibias.methods import Method
from ibias.objectives import Objective
from ibias.steps import Step

WITHIN, BEYOND = (100.0, 300.0), 1000.0  # logarithms of sizes that a double holds, and one not
RATIO = 4
COUNTS = [500 * RATIO**k for k in range(5)]  # steps up to time 1, until they are near the flow:
NEAR = 0.01  # relative to its way
Gradient = Callable[[np.ndarray], np.ndarray]
Equation = Callable[[Gradient, np.ndarray, float], np.ndarray]


def check_method(method: Method, equation: Equation | None = None, objective: Any = None) -> Report:
    """Check a method of your own: its step, batches, state, flow, and gradients of any size.

    Parameters
    ----------
    method : Method
        An instance of a subclass with `step`; with `init` if it has a memory, with `limit` if it
        has a flow.
    equation : callable, optional
        What the method says it does, in one run and without a state: equation(gradient, path,
        eta) returns the next iterate. Here ``gradient(theta)`` is that of the risk, and ``path``,
        of shape (k + 1, n_parameters), has all iterates so far, the start first.
    objective : Objective or data, optional
        On which it is tried: if not given, the logistic loss, or the loss that the method is made
        for, on eight samples, one of whose features is always zero.

    Raises
    ------
    ValueError
        With all that is wrong.

    Examples
    --------
    >>> from ibias import methods
    >>> def heavy_ball(gradient, path, eta):
    ...     last = path[-1] - path[-2] if len(path) > 1 else 0.0
    ...     return path[-1] - eta * gradient(path[-1]) + 0.9 * last
    >>> print(check_method(methods.HeavyBall(0.9), heavy_ball))
    HeavyBall:
    - it is frozen
    - a batch of theta and step sizes moves as its members do
    - what it remembers is in the state, and a step changes none of its arguments
    - its steps are right for gradients of any size
    - theta may be moved between two steps
    - its step is that of the equation
    - it follows its flow as the steps shrink
    """
    notes = Notes("method", method, Method)
    objective = small_problem(method) if objective is None else Objective.of(objective, method.loss)
    check_frozen(notes, method)
    start = notes.tried("start(objective)", lambda: method.start(objective))
    if start is None:
        return notes.report()
    n = objective.n_parameters
    if start.shape != (n,) or not isinstance(method.shape, tuple):
        notes.wrong.append(
            f"start(objective) must have shape {(n,)}, and shape must be a tuple of batch axes, ()"
            f" for none; they are {start.shape} and {method.shape!r}."
        )
        return notes.report()
    away = np.random.default_rng(0).uniform(0.1, 0.6, n)
    trial = Trial(method, objective, np.broadcast_to(start + away, (*method.shape, n)).copy())
    if not _steps(notes, trial):
        return notes.report()
    looks = {
        "of a batch of theta": _batch,
        "in a second run": check_state,
        "where the gradient is no double": _sizes,
        "after theta was moved": check_moved,
        "beside its equation": partial(_equation, equation=equation),
        "without steps": _default_steps,
        "beside its flow": _flow,
    }
    for where, look in looks.items():
        try:
            look(notes, trial)
        except Exception as error:
            notes.wrong.append(f"{where} it raises {type(error).__name__}: {error}")
    return notes.report()


def _steps(notes: Notes, trial: Trial) -> bool:
    """Note what fails in the first steps; return whether they can be looked at."""
    theta, method = trial.theta.copy(), trial.method
    try:
        with np.errstate(all="ignore"):
            state = method.init(trial.objective, theta)
            made = method.step(trial.objective.all_samples, theta, state, 0, ETA)
    except Exception as error:
        notes.wrong.append(f"init or step raises {type(error).__name__}: {error}")
        return False
    if not isinstance(made, tuple) or len(made) != 2 or np.shape(made[0]) != theta.shape:
        shown = [np.shape(one) for one in made] if isinstance(made, tuple) else type(made).__name__
        notes.wrong.append(
            f"step must return theta, of shape {theta.shape}, and the state; it returns {shown}."
        )
        return False
    if (theta != trial.theta).any():
        notes.wrong.append("step changes theta in place: write theta + ..., not theta += ...")
        return False
    path = notes.tried("step", trial.path)
    if path is None:
        return False
    if not np.isfinite(path).all() or not (path[-1] != path[0]).any():
        fault = (
            "makes numbers that are not finite" if (path[-1] != path[0]).any() else "stands still"
        )
        notes.wrong.append(f"step {fault}, from theta = {few(theta)} with eta = {ETA}.")
        return False
    return True


def _batch(notes: Notes, trial: Trial) -> None:
    """Note whether a batch, with a step size for each, moves as its members do."""
    shape, n = trial.method.shape, trial.theta.shape[-1]
    thetas = trial.theta + 0.1 * np.arange(6.0).reshape(2, 3, *(1,) * len(shape), 1)
    etas = ETA * (1 + np.arange(3.0)).reshape(3, *(1,) * len(shape), 1)
    whole = notes.tried(f"step of theta of shape {thetas.shape}", lambda: trial.path(thetas, etas))
    if whole is None:
        return
    parts = np.stack([[trial.path(thetas[i, j], etas[j]) for j in range(3)] for i in range(2)])
    moved = np.abs(parts[:, :, -1] - thetas).max()
    notes.that(
        same(np.moveaxis(whole, 0, 2), parts, moved),
        "a batch of theta and step sizes moves as its members do",
        f"a batch of theta, of shape {thetas.shape}, does not move as its members do: every sum,"
        f" norm and maximum must be over the last axis alone, of {n} entries.",
    )


def _sizes(notes: Notes, trial: Trial) -> None:
    """Note whether the step stays right where the gradient is no double any more."""
    pulled = trial.objective.pull(trial.theta).direction.reshape(-1, trial.theta.shape[-1]).any(0)
    for sign, words in (-1, "underflows"), (1, "overflows"):
        near, far, beyond = (trial.path(shifts=[sign * s] * 3) for s in (*WITHIN, BEYOND))
        moves = [(path[-1] - path[0])[..., pulled] for path in (near, far, beyond)]
        alike = bool(moves[0].any()) and same(moves[0], moves[1], np.abs(moves[0]).max())
        if (alike or sign < 0) and np.isnan(beyond).any():
            fault = "is NaN there"
        elif alike and not same(moves[1], moves[2], np.abs(moves[1]).max()):
            fault = "changes there, though it does not depend on that size before"
        else:
            continue
        notes.wrong.append(
            f"where the gradient {words} (e^{sign * BEYOND:g}) the step {fault}: take"
            " pull(theta), whose size is a logarithm, in place of pull.value(theta)."
        )
    for shifts in [0.0, -BEYOND, 0.0], [-BEYOND, 0.0, 0.0]:
        if np.isnan(trial.path(shifts=shifts)).any():
            notes.wrong.append(
                "after gradients of very different sizes, one of them zero in an entry, theta is"
                " NaN: keep a memory relative to the size of the last gradient."
            )
            return
    if not any("gradient" in fault for fault in notes.wrong):
        notes.holds.append("its steps are right for gradients of any size")


def _equation(notes: Notes, trial: Trial, equation: Equation | None) -> None:
    """Note whether every step is what the equation makes of the path so far."""
    if equation is None:
        return
    if trial.method.shape:
        notes.wrong.append("equation speaks of one run: give the method one number, not a batch.")
        return
    path, pull = trial.path(n=8), trial.objective.all_samples
    for k in range(len(path) - 1):
        said = notes.tried(
            "equation", lambda k=k: equation(lambda theta: -pull.value(theta), path[: k + 1], ETA)
        )
        if said is None:
            return
        if not same(said, path[k + 1], np.abs(path[k + 1] - path[k]).max()):
            notes.wrong.append(
                f"step {k} is not that of the equation: it comes to {few(path[k + 1])}, the"
                f" equation to {few(said)}."
            )
            return
    notes.holds.append("its step is that of the equation")


def _default_steps(notes: Notes, trial: Trial) -> None:
    """Note whether `default_steps` returns a rule, or says that steps must be given."""
    try:
        rule = trial.method.default_steps(trial.objective, False)
    except ValueError as error:
        rule = None if str(error).startswith("steps:") else error
    if rule is not None and not isinstance(rule, Step):
        notes.wrong.append(
            f"default_steps must return a rule of ibias.steps, such as steps.Constant(1.0), or"
            f" raise a ValueError that begins with 'steps:'; it makes {rule!r}."
        )


def _flow(notes: Notes, trial: Trial) -> None:
    """Note whether the method comes to its flow at time 1 as the steps shrink."""
    method, objective, theta = trial.method, trial.objective, trial.theta
    limit = method.limit()
    if notes.wrong or limit is None:
        return
    squared = limit.flow == "accelerated"  # whose time is sqrt(eta) k
    there = notes.tried(
        "flow", lambda: flow(objective, method, log_t=[0.0], start=theta, tolerance=1e-6).final
    )
    if there is None:
        return
    seen = np.asarray if there.shape == theta.shape else objective.weights
    scale = np.abs(there - seen(theta)).max()
    ends = []
    for n in COUNTS:
        eta = (1 / n) ** (2 if squared else 1)
        path = descent(objective, method, steps=eta, n_steps=n, start=theta, record=[n])
        ends.append(seen(path.final))
        # The distance to the flow falls like eta: so much of it is still to come.
        rest = 0.0 if len(ends) < 2 else (ends[-1] - ends[-2]) / (RATIO - 1)
        off = np.abs(ends[-1] + rest - there).max()
        if len(ends) > 1 and off <= NEAR * scale:
            notes.holds.append("it follows its flow as the steps shrink")
            return
    notes.wrong.append(
        f"it does not follow its flow: {n} steps up to time 1 end at {few(ends[-1])}, the flow at"
        f" {few(there)}, both from {few(theta)}. Is limit() the right field, and speed the time of"
        " the flow over eta k?"
    )
