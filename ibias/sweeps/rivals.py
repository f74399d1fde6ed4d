"""The two models of the falsifier: how each descends, and how its random solutions are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ibias import optima
from ibias.datasets import Dataset
from ibias.descent import descent
from ibias.models import Network, linear, two_layer_relu
from ibias.networks import networks_of_margin, outputs_of_margin, rise_to_margin, with_outputs
from ibias.objectives import Objective
from ibias.trajectory import unit

RISKS = {"first fit": np.inf, "risk 0.01": 0.01}  # and no training error
N_FEATURES, WIDTH, SCALE = 512, 16, 1.0
N_CHAINS, EVERY, N_BEFORE, TRIES = 2, 10, 300, 20


class Features:
    """A linear classifier of random ReLU features, trained from zero.

    Parameters
    ----------
    X, y : arrays, shapes (n_sets, n_samples, 512) and (n_sets, n_samples)
        The features of several training sets, and their labels.
    rng : Generator
        The source of the draws.
    """

    steps, n_steps, n_sweeps = 4.0, 4000, 280

    def __init__(self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
        self.Z, self.rng = y[..., None] * X, rng
        best = [optima.max_margin(Dataset(*one)) for one in zip(X, y, strict=True)]
        self.best = np.array([one.direction for one in best])
        self.largest = np.array([one.margin for one in best])

    @staticmethod
    def beginning(
        X: np.ndarray, rng: np.random.Generator
    ) -> tuple[Network, np.ndarray, np.ndarray]:
        """Return the model in coordinates of the samples' span, its start, and their basis."""
        bases = np.linalg.qr(X.swapaxes(1, 2))[0].swapaxes(1, 2)
        return linear(X.shape[1]), np.zeros(X.shape[:2]), bases

    def margins(self, w: np.ndarray) -> np.ndarray:
        """Return the margins of one unit vector for each set."""
        return np.einsum("cnp,cp->cn", self.Z, w).min(axis=-1)

    def draws(self, margin: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Return w, (2, n_kept, n_sets, n_chains, 512): chains from `near`, and from far away.

        Far away is the largest margin, turned as far towards what no sample sees as the margin
        allows.
        """
        ends = np.einsum("cnp,ecp->ecn", self.Z, [near, self.best])
        ends[1] *= (margin / self.largest)[:, None]
        start = np.repeat(ends, N_CHAINS, axis=0).swapaxes(0, 1)
        how = {"start": start, "margin": margin, "n_features": N_FEATURES, "every": EVERY}
        gram = self.Z @ self.Z.swapaxes(1, 2)
        f = outputs_of_margin(gram, self.rng, n_sweeps=self.n_sweeps, **how)
        w = np.array([with_outputs(self.Z, one, self.rng) for one in f])
        return np.stack([w[:, :, :N_CHAINS], w[:, :, N_CHAINS:]])

    @staticmethod
    def right(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return which images are right, shape (..., n_sets, n_chains, n_images)."""
        return y[:, None] * (w @ X.swapaxes(1, 2)) > 0


class TwoLayers:
    """A two-layer ReLU network, both layers trained from a random start.

    Parameters
    ----------
    X, y : arrays, shapes (n_sets, n_samples, 64) and (n_sets, n_samples)
        The pixels of several training sets, and their labels.
    rng : Generator
        The source of the draws.
    """

    steps, n_steps, n_sweeps = 1.0, 1500, 300
    net = two_layer_relu(64, WIDTH)

    def __init__(self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
        self.X, self.y, self.rng = X, y, rng

    @classmethod
    def beginning(cls, X: np.ndarray, rng: np.random.Generator) -> tuple[Network, np.ndarray, Any]:
        """Return the network, its start, and no other coordinates."""
        return cls.net, cls.net.random(rng, SCALE, (len(X),)), None

    def margins(self, theta: np.ndarray) -> np.ndarray:
        """Return the margins of one unit vector for each set."""
        return (self.y * self.net.predict(theta, self.X)).min(axis=-1)

    def draws(self, margin: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Return theta, (2, n_kept, n_sets, n_chains, P): chains from `near`, and from far away.

        Far away are random networks, raised to the margin.
        """
        problem = (self.net, self.X, self.y, self.rng)
        far = rise_to_margin(*problem, n_chains=N_CHAINS, margin=margin)
        start = np.concatenate([np.repeat(near[:, None], N_CHAINS, axis=1), far], axis=1)
        how = {"start": start, "margin": margin, "n_sweeps": self.n_sweeps, "every": EVERY}
        theta = networks_of_margin(*problem, **how)
        return np.stack([theta[:, :, :N_CHAINS], theta[:, :, N_CHAINS:]])

    @classmethod
    def right(cls, theta: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return which images are right, shape (..., n_sets, n_chains, n_images)."""
        flat = theta.reshape(-1, *theta.shape[-3:])
        each = [y[:, None] * cls.net.predict(one, X[:, None]) > 0 for one in flat]
        return np.array(each).reshape(*theta.shape[:-1], -1)


MODELS = {"features": Features, "network": TwoLayers}


def stops(
    kind: type,
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    before: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Return the unit vectors where gradient descent first fits, and where its risk is small.

    They are the first among the recorded steps. A network that does not get there begins again
    from another start: a few in a hundred do not. `before` are other samples, on which the run is
    trained for 300 steps before it sees its own; then only the first fit is asked for.

    Raises
    ------
    RuntimeError
        When 20 starts did not suffice.
    """
    names = tuple(RISKS) if before is None else ("first fit",)
    left, found = np.arange(len(X)), {name: [None] * len(X) for name in names}
    for _ in range(TRIES):
        other = None if before is None else tuple(one[left] for one in before)
        runs, there = _descend(kind, X[left], y[left], rng, names, other)
        for name in names:
            for i in np.flatnonzero(there):
                found[name][left[i]] = runs[name][i]
        left = left[~there]
        if not left.size:
            return {name: unit(np.array(theta)) for name, theta in found.items()}
    raise RuntimeError(f"{TRIES} starts did not bring {left.size} of {len(X)} runs to {names}.")


def _descend(
    kind: type,
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    names: tuple[str, ...],
    before: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return theta at the first recorded step that fits and has the risk, and who got there."""
    others = X[:, :0] if before is None else before[0]
    model, theta, bases = kind.beginning(np.concatenate([X, others], axis=1), rng)
    if bases is not None:  # coordinates of what the samples span: descent from zero stays there
        X, others = X @ bases.swapaxes(1, 2), others @ bases.swapaxes(1, 2)
    if before is not None:
        objective = _objective(model, others, before[1])
        theta = descent(objective, steps=kind.steps, start=theta, n_steps=N_BEFORE).final
    record = np.unique(np.geomspace(1, kind.n_steps, 150).astype(int))
    how = {"steps": kind.steps, "n_steps": kind.n_steps, "record": record}
    run = descent(_objective(model, X, y), start=theta, **how)
    fits = np.min([y * model.predict(one, X) for one in run.iterates], axis=-1) > 0
    at = [fits & (run.log_risk <= np.log(RISKS[name])) for name in names]
    found = [run.iterates[there.argmax(axis=0), np.arange(len(X))] for there in at]
    if bases is not None:
        found = [np.einsum("cn,cnp->cp", one, bases) for one in found]
    return dict(zip(names, found, strict=True)), np.all([t.any(axis=0) for t in at], axis=0)


def _objective(model: Network, X: np.ndarray, y: np.ndarray) -> Objective:
    return Objective([Dataset(*one) for one in zip(X, y, strict=True)], "logistic", model)
