"""Test errors of a trained network and of its kernel, against the dimension."""

from __future__ import annotations

import numpy as np

from ibias import models, optima
from ibias._validate import choice
from ibias.datasets import Dataset, generator
from ibias.descent import descent
from ibias.objectives import Objective
from ibias.sweeps.table import Table, code_hash

NAME = "dimension"
SOURCES = (
    "sweeps/dimension.py",
    "descent.py",
    "models/network.py",
    "models/kernels.py",
    "optima/kernel.py",
    "optima/margin.py",
)
N_SAMPLES, N_TEST, WIDTH, SCALE, N_STEPS, SEEDS = 64, 4000, 50, 0.1, 2000, 8
CELLS = {"two directions": (5, 10, 15, 20, 30, 40), "all directions": (4, 8, 12, 16, 20)}


def sample(task: str, dimension: int, n_samples: int, rng: np.random.Generator) -> Dataset:
    """Return inputs with labels that depend on two of the directions, or on all of them.

    "two directions": four clouds in the plane of the first two coordinates, their labels
    alternating; the other coordinates are Gaussian, of standard deviation 1/2.
    "all directions": uniform on the sphere, labelled by whether the first half of the
    coordinates has more than half of the squared length.
    """
    if choice("task", task, tuple(CELLS)) == "two directions":
        sector = rng.integers(4, size=n_samples)
        angles = np.radians(45 + 90 * sector + 20 * rng.uniform(-1, 1, n_samples))
        lengths = rng.uniform(0.7, 1.3, n_samples)
        plane = lengths[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
        rest = 0.5 * rng.standard_normal((n_samples, dimension - 2))
        return Dataset(np.hstack([plane, rest]), np.where(sector % 2 == 0, 1.0, -1.0))
    X = rng.standard_normal((n_samples, dimension))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    first_half = (X[:, : dimension // 2] ** 2).sum(axis=1)
    return Dataset(X, np.where(first_half > 0.5, 1.0, -1.0))


def errors(task: str, dimension: int, seed: int) -> dict[str, float]:
    """Return the test errors of the network, both layers trained, and of the kernel machine.

    64 training and 4000 test samples; width 50, a small start, 2000 safe steps; the kernel is
    that of the same network with its first layer left at random and infinitely wide.

    Parameters
    ----------
    task : str
        "two directions" or "all directions", see `sample`.
    dimension : int
        Of the inputs.
    seed : int
        Of data and start.
    """
    rng = generator(seed)
    data, test = (sample(task, dimension, n, rng) for n in (N_SAMPLES, N_TEST))
    net = models.two_layer_relu(dimension, WIDTH)
    start, objective = net.random(rng, SCALE), Objective(data, "exponential", net)
    run = descent(objective, start=start, n_steps=N_STEPS, record=[N_STEPS])
    machine = optima.kernel_margin(models.relu_kernel(data.X), data.y)
    outputs = {
        "network": net.predict(run.final, test.X),
        "kernel": models.relu_kernel(test.X, data.X) @ machine.coefficients,
    }
    return {name: float(np.mean(f * test.y <= 0)) for name, f in outputs.items()}


def compute() -> Table:
    """Compute the whole table: about a minute on one core."""
    rows = []
    for task, dimensions in CELLS.items():
        for dimension in dimensions:
            cells = [errors(task, dimension, seed) for seed in range(SEEDS)]
            rows.append(
                {
                    "task": task,
                    "dimension": dimension,
                    "network": [cell["network"] for cell in cells],
                    "kernel": [cell["kernel"] for cell in cells],
                }
            )
    settings = {"n_samples": N_SAMPLES, "n_test": N_TEST, "width": WIDTH, "n_steps": N_STEPS}
    return Table(name=NAME, code=code_hash(SOURCES), settings=settings, rows=rows)
