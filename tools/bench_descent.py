"""What a step of `descent` costs: beside a plain loop of numpy, and beside a loop of its own.

    python tools/bench_descent.py

The plain loop underflows where the gradient does. The loop of its own computes what `descent`
does, the loss by its logarithms, and is written for one method, one loss and one model: the
last ratio is what it costs that one loop serves them all. All run in turn, and the median of
several rounds counts, in seconds of a core.
"""

import os
import time
from collections.abc import Callable
from functools import partial

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (after the thread count is set)
from scipy.special import expit  # noqa: E402

from ibias import datasets, losses, methods, models, noise  # noqa: E402
from ibias.descent import descent  # noqa: E402
from ibias.objectives import Objective  # noqa: E402

ROUNDS = 11
Run = Callable[[int], object]
LOSS, EXPONENTIAL = losses.Logistic(), losses.Exponential()


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


def own_gradient(data: datasets.Dataset, n_steps: int) -> np.ndarray:
    """Gradient descent on the logistic loss, by the logarithm of its slope."""
    Z, w = data.Z, np.zeros(data.n_features)
    for _ in range(n_steps):
        w = w + 0.1 / len(Z) * (np.exp(LOSS.log_slope(w @ Z.T)) @ Z)
    return w


def own_adam(data: datasets.Dataset, n_steps: int) -> np.ndarray:
    """Adam, its moments relative to the last gradient: they never underflow."""
    Z, w, m, v, last = data.Z, np.zeros(data.n_features), 0.0, 0.0, -np.inf
    for k in range(1, n_steps + 1):
        logs = LOSS.log_slope(w @ Z.T)
        top = logs.max(axis=-1, keepdims=True)
        g, change = np.exp(logs - top) @ Z / len(Z), np.exp(np.minimum(last - top, 350))
        m, v, last = 0.9 * change * m + 0.1 * g, 0.999 * change**2 * v + 0.001 * g**2, top
        length = np.sqrt(v / (1 - 0.999**k)) + 1e-8 * np.exp(np.minimum(-top, 700))
        step = np.divide(m, length, out=np.zeros_like(m), where=length != 0)
        w = w + 0.1 / (1 - 0.9**k) * step
    return w


def own_batches(data: datasets.Dataset, n_steps: int) -> np.ndarray:
    """Eight runs of one sample a step, by the logarithm of the slope."""
    Z, w, rng = data.Z, np.zeros((8, data.n_features)), np.random.default_rng(0)
    for k in range(n_steps):
        if k % 1024 == 0:
            rows = rng.integers(len(Z), size=(1024, 8, 1))
        z = Z[rows[k % 1024]]
        u = np.einsum("rbd,rd->rb", z, w)
        w = w + 0.1 * np.einsum("rb,rbd->rd", np.exp(LOSS.log_slope(u)), z)
    return w


def own_network(data: datasets.Dataset, net: models.Network, n_steps: int) -> np.ndarray:
    """Gradient descent on a network, by the logarithm of the slope."""
    theta = net.random(datasets.generator(0))
    for _ in range(n_steps):
        at = net.linearize(theta, data.X)
        slopes = np.exp(LOSS.log_slope(data.y * at.predictions))
        theta = theta + 0.1 * at.vjp(data.y * slopes / len(data.y))
    return theta


def own_safe(data: datasets.Dataset, net: models.Network, n_steps: int) -> np.ndarray:
    """The safe step on the exponential loss of a network, and the flow time it keeps."""
    theta, log_t = net.random(datasets.generator(0)), -np.inf
    for _ in range(n_steps):
        at = net.linearize(theta, data.X)
        q = data.y * at.predictions
        log_risk = EXPONENTIAL.log_risk(q)
        up = at.vjp(data.y * np.exp(EXPONENTIAL.log_slope(q) - log_risk) / len(q))
        by_scale = 0.1 * np.linalg.norm(theta, axis=-1) / np.linalg.norm(up, axis=-1)
        size = np.minimum(1 / at.squared_gradient_norms().max(axis=-1), by_scale)
        theta, log_t = theta + size * up, np.logaddexp(log_t, np.log(size) - log_risk)
    return theta


def seconds(run: Run, n_steps: int) -> float:
    """Return the seconds of a core that a run takes."""
    begun = time.process_time()
    run(n_steps)
    return time.process_time() - begun


def compare(name: str, plain: Run | None, own: Run, ours: Run, n_steps: int) -> None:
    """Print what a step costs each way, and the ratio of the last two."""
    runs = [run for run in (plain, own, ours) if run is not None]
    costs = [[seconds(run, n_steps) for run in runs] for _ in range(ROUNDS)]
    *rest, b, c = np.median(costs, axis=0) / n_steps * 1e6
    a = f"{rest[0]:9.1f}" if rest else " " * 9
    print(f"{name:34}{a}{b:9.1f}{c:9.1f}{c / b:9.2f}")


def main() -> None:
    """Run the comparison."""
    print(f"{'microseconds a step':34}{'plain':>9}{'own':>9}{'descent':>9}{'over own':>9}")
    for n, d, n_steps in ((40, 5, 3000), (1000, 100, 1500)):
        data, how = datasets.separable(0, n, d), {"steps": 0.1}
        one = {"sampling": noise.WithReplacement(1), "n_runs": 8}
        rows = [
            ("gradient", gradient, own_gradient, methods.Gradient(), {}),
            ("Adam", adam, own_adam, methods.Adam(1e-8), {}),
            ("SGD, 8 runs", batches, own_batches, methods.Gradient(), one),
        ]
        for name, plain, own, method, extra in rows:
            compare(
                f"{name}, {n} x {d}",
                partial(plain, data),
                partial(own, data),
                lambda k, method=method, data=data, how=how | extra: descent(
                    data, method, n_steps=k, record=[k], **how
                ),
                n_steps,
            )
    data, net = datasets.separable(0, 40, 5), models.two_layer_relu(5, 20)
    start = net.random(datasets.generator(0))
    for name, loss, plain, own, steps in (
        ("fixed step", LOSS, partial(network, data, net), own_network, 0.1),
        ("safe step", EXPONENTIAL, None, own_safe, None),
    ):
        objective = Objective(data, loss, net)
        compare(
            f"two-layer ReLU network, {name}",
            plain,
            partial(own, data, net),
            lambda k, objective=objective, steps=steps: descent(
                objective, steps=steps, n_steps=k, start=start, record=[k]
            ),
            1500,
        )


if __name__ == "__main__":
    main()
