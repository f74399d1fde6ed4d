"""What a step of `descent` costs over the same step in a plain loop of numpy.

    python tools/bench_descent.py

The two run in turn, and the best of several rounds counts, in seconds of a core.
"""

import os
import time
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (after the thread count is set)
from scipy.special import expit  # noqa: E402

from ibias import datasets, methods, models, noise  # noqa: E402
from ibias.descent import descent  # noqa: E402
from ibias.objectives import Objective  # noqa: E402

ROUNDS = 7
Run = Callable[[int], object]


def gradient(data: datasets.Dataset, n_steps: int) -> np.ndarray:
    """Gradient descent on the logistic loss."""
    Z, w = data.Z, np.zeros(data.n_features)
    for _ in range(n_steps):
        w = w + 0.1 / len(Z) * (expit(-(w @ Z.T)) @ Z)
    return w


def adam(data: datasets.Dataset, n_steps: int) -> np.ndarray:
    """Adam on the logistic loss, epsilon 1e-8."""
    Z, w, m, v = data.Z, np.zeros(data.n_features), 0.0, 0.0
    for k in range(1, n_steps + 1):
        g = expit(-(w @ Z.T)) @ Z / len(Z)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w + 0.1 * m / (1 - 0.9**k) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
    return w


def batches(data: datasets.Dataset, n_steps: int) -> np.ndarray:
    """Eight runs of stochastic gradient descent, one sample a step."""
    Z, w, rng = data.Z, np.zeros((8, data.n_features)), np.random.default_rng(0)
    for k in range(n_steps):
        if k % 1024 == 0:
            rows = rng.integers(len(Z), size=(1024, 8))
        z = Z[rows[k % 1024]]
        w = w + 0.1 * expit(-(z * w).sum(axis=1))[:, None] * z
    return w


def network(data: datasets.Dataset, net: models.Network, n_steps: int) -> np.ndarray:
    """Gradient descent on a network, by the network's own derivatives."""
    theta = net.random(datasets.generator(0))
    for _ in range(n_steps):
        at = net.linearize(theta, data.X)
        theta = theta + 0.1 * at.vjp(data.y * expit(-data.y * at.predictions)) / len(data.y)
    return theta


def seconds(run: Run, n_steps: int) -> float:
    """Return the seconds of a core that a run takes."""
    begun = time.process_time()
    run(n_steps)
    return time.process_time() - begun


def compare(name: str, plain: Run, ours: Run, n_steps: int) -> None:
    """Print both costs a step, and their ratio."""
    costs = np.array([[seconds(run, n_steps) for run in (plain, ours)] for _ in range(ROUNDS)])
    a, b = costs.min(axis=0) / n_steps * 1e6
    print(f"{name:32} numpy {a:8.1f}, descent {b:8.1f} microseconds a step: {b / a:.2f}")


def main() -> None:
    """Run the comparison."""
    for n, d, n_steps in ((40, 5, 4000), (1000, 100, 300)):
        data, how = datasets.separable(0, n, d), {"steps": 0.1}
        one = {"sampling": noise.WithReplacement(1), "n_runs": 8}
        rows = [
            ("gradient", gradient, methods.Gradient(), {}),
            ("Adam", adam, methods.Adam(1e-8), {}),
            ("SGD, 8 runs", batches, methods.Gradient(), one),
        ]
        for name, plain, method, extra in rows:
            compare(
                f"{name}, {n} x {d}",
                lambda k, plain=plain, data=data: plain(data, k),
                lambda k, method=method, data=data, how=how | extra: descent(
                    data, method, n_steps=k, record=[k], **how
                ),
                n_steps,
            )
    data, net = datasets.separable(0, 40, 5), models.two_layer_relu(5, 20)
    objective, start = Objective(data, model=net), net.random(datasets.generator(0))
    compare(
        "gradient, two-layer ReLU network",
        lambda k: network(data, net, k),
        lambda k: descent(objective, steps=0.1, n_steps=k, start=start, record=[k]),
        500,
    )


if __name__ == "__main__":
    main()
