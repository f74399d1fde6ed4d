"""Test errors of one network started at several scales, all trained to the same risk."""

from __future__ import annotations

import numpy as np

from ibias import models, optima
from ibias.datasets import generator
from ibias.descent import descent
from ibias.objectives import Objective
from ibias.sweeps.dimension import N_SAMPLES, N_TEST, sample
from ibias.sweeps.table import Table, code_hash

NAME = "initial_scale"
SOURCES = (
    "sweeps/initial_scale.py",
    "sweeps/dimension.py",
    "descent.py",
    "models/network.py",
    "optima/kernel.py",
    "optima/margin.py",
)
DIMENSIONS = {"two directions": 15, "all directions": 8}
SCALES, SEEDS = (0.1, 0.3, 1.0, 3.0, 10.0), 8
HALF_WIDTH, LOG_RISK, STRIDE, MAX_STEPS = 50, -5.0, 20, 20_000


def errors(task: str, scale: float, seed: int) -> dict[str, float]:
    """Return the test errors of a network and of its linearisation, and the network's motion.

    The start is two copies of 50 neurons with opposite output weights, so that the outputs
    are zero, times `scale`. Both layers are trained with the safe step until the log risk
    is below -5: all 64 samples are then classified correctly.

    Parameters
    ----------
    task : str
        "two directions" (dimension 15) or "all directions" (8), see `dimension.sample`.
    scale : float
        Of the start.
    seed : int
        Of data and start, the same start for every scale.

    Returns
    -------
    dict
        ``network``, its test error; ``tangent``, that of the support vector machine with the
        kernel <grad f(x), grad f(v)> at the start, which does not depend on the scale;
        ``motion``, ||theta - start|| / ||start||.
    """
    rng = generator(seed)
    data, test = (sample(task, DIMENSIONS[task], n, rng) for n in (N_SAMPLES, N_TEST))
    half = models.two_layer_relu(DIMENSIONS[task], HALF_WIDTH)
    net = models.two_layer_relu(DIMENSIONS[task], 2 * HALF_WIDTH)
    W, a = half.layers(half.random(rng))
    start = scale * net.flatten([np.vstack([W, W]), np.hstack([a, -a])])
    theta, objective = start, Objective(data, "exponential", net)
    for _ in range(MAX_STEPS // STRIDE):
        run = descent(objective, start=theta, n_steps=STRIDE, record=[STRIDE])
        theta = run.final
        if run.log_risk[-1] < LOG_RISK:
            break
    else:
        raise RuntimeError(f"{MAX_STEPS} steps from scale {scale} do not reach the risk.")
    rows = net.linearize(start, data.X).jacobian()
    machine = optima.kernel_margin(rows @ rows.T, data.y)
    tangent = rows.T @ machine.coefficients
    parts = np.array_split(test.X, 20)  # the Jacobian of all test samples would be large
    outputs = {
        "network": net.predict(theta, test.X),
        "tangent": np.concatenate([net.linearize(start, X).jacobian() @ tangent for X in parts]),
    }
    cell = {name: float(np.mean(f * test.y <= 0)) for name, f in outputs.items()}
    return cell | {"motion": float(np.linalg.norm(theta - start) / np.linalg.norm(start))}


def compute() -> Table:
    """Compute the whole table: about half a minute on one core."""
    rows = []
    for task in DIMENSIONS:
        for scale in SCALES:
            cells = [errors(task, scale, seed) for seed in range(SEEDS)]
            row = {name: [round(cell[name], 6) for cell in cells] for name in cells[0]}
            rows.append({"task": task, "scale": scale, **row})
    settings = {"n_samples": N_SAMPLES, "n_test": N_TEST, "log_risk": LOG_RISK}
    return Table(name=NAME, code=code_hash(SOURCES), settings=settings, rows=rows)
