"""What a method remembers: in its state alone, and what becomes of theta moved in between."""

from __future__ import annotations

import copy

import numpy as np

from ibias.checking.report import Notes
from ibias.checking.trial import ETA, Trial, same
from ibias.methods import Method

SMALL = 1e-9  # a step size that moves nothing by itself


def check_frozen(notes: Notes, method: Method) -> None:
    """Note whether an attribute can be set, or changed in place."""
    try:
        copy.copy(method).memory = None
        notes.wrong.append(
            "its attributes can be set: write @dataclass(frozen=True) above the class; what it"
            " remembers belongs into the state."
        )
    except AttributeError:  # FrozenInstanceError is one
        inside = {**vars(type(method)), **getattr(method, "__dict__", {})}
        loose = [
            name
            for name, value in inside.items()
            if not name.startswith("__")
            and (
                isinstance(value, (list, dict, set))
                or (isinstance(value, np.ndarray) and value.flags.writeable)
            )
        ]
        notes.that(
            not loose,
            "it is frozen",
            f"{', '.join(loose)} can be changed in place: keep a number, a tuple or a read-only"
            " array, made by array.setflags(write=False).",
        )


def check_state(notes: Notes, trial: Trial) -> None:
    """Note whether anything is remembered outside the state, or changed in place."""
    method, theta = trial.method, trial.theta
    first = trial.path()
    trial.path(theta + 1.0)
    again, moved = trial.path(), np.abs(first[-1] - first[0]).max()
    if not same(first, again, moved):
        notes.wrong.append(
            "a second run from the same start goes elsewhere: something is remembered outside the"
            " state, or drawn at random."
        )
        return
    pull = trial.objective.all_samples
    with np.errstate(all="ignore"):
        before = method.init(trial.objective, theta)
        at, state = method.step(pull, theta, before, 0, ETA)
        twice = [method.step(pull, at, state, 1, ETA)[0].copy() for _ in range(2)]
    notes.that(
        same(*twice, moved),
        "what it remembers is in the state, and a step changes none of its arguments",
        "step changes the state in place: return a new one, state + ..., not state += ...",
    )


def check_moved(notes: Notes, trial: Trial) -> None:
    """Note whether `moves` says rightly if theta may be moved between two steps."""
    method, pull = trial.method, trial.objective.all_samples
    with np.errstate(all="ignore"):
        at, state = method.step(
            pull, trial.theta, method.init(trial.objective, trial.theta), 0, ETA
        )
        here, there = (method.step(pull, at + by, state, 1, SMALL)[0] for by in (0.0, 0.5))
    forgotten = bool(np.abs(there - here).max() < 0.1)
    notes.that(
        forgotten != method.moves,
        f"theta {'may' if method.moves else 'must not'} be moved between two steps",
        "a step forgets that theta was moved since the last one, by noise or decay: write moves ="
        " False into the class, or step from theta."
        if forgotten
        else "moves is False, but a step goes on from a theta that was moved: leave it out.",
    )
