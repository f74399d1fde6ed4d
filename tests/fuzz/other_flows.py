"""The other flows on random data: against `tests/reference/other_flows.py`."""

import numpy as np

from ibias import datasets, flow, models, potentials
from ibias.datasets import Dataset, Regression
from ibias.objectives import Objective
from tests.fuzz.linear import judged
from tests.reference import other_flows as right


def drawn(rng):
    """Signed inputs that some w separates, times up to a few hundred 1/L, and a tolerance."""
    n, d = (int(rng.integers(1, 9)) for _ in range(2))
    direction = rng.standard_normal(d)
    direction /= np.linalg.norm(direction)
    Z = rng.standard_normal((n, d))
    Z += np.outer(np.abs(Z @ direction) - Z @ direction + rng.uniform(0.05, 1), direction)
    L = np.linalg.norm(Z, ord=2) ** 2 / n
    log_t = np.sort(rng.uniform(-4, 5, size=3)) - np.log(L)
    return Z, log_t, 10 ** rng.uniform(-8, -2)


def problem(rng):
    """One random problem."""
    kinds = [
        mirror,
        network,
        parametrized,
        waiting,
        classes,
        next_tokens,
        accelerated,
        adam,
        adagrad,
    ]
    return kinds[rng.integers(len(kinds))](rng)


def tried(kind, run, truth, tolerance, Z):
    """The verdict; all of these data are ordinary."""
    return judged(kind, True, run, truth, tolerance, f"{Z.shape} tol={tolerance:.0e}", 1e-9)


def mirror(rng):
    Z, log_t, tolerance = drawn(rng)
    d = Z.shape[1]
    if rng.random() < 0.5:
        a = 10 ** rng.uniform(-3, 1)
        potential, inverse = (
            potentials.HyperbolicEntropy(a),
            lambda m: 2 * a**2 * np.sinh(4 * m),
        )
    else:
        p = float(rng.choice([1.3, 1.5, 2.0, 3.0]))
        potential, inverse = (
            potentials.PowerNorm(p),
            lambda m: np.sign(m) * np.abs(m) ** (1 / (p - 1)),
        )
    truth = right.mirror(Z, inverse, np.zeros(d), np.exp(log_t))
    return tried(
        "mirror_flow",
        lambda: flow.mirror_flow(
            Dataset.one_class(Z), potential, loss="exponential", log_t=log_t, tolerance=tolerance
        ),
        truth,
        tolerance,
        Z,
    )


def network(rng):
    Z, log_t, tolerance = drawn(rng)
    y, width = np.where(rng.random(len(Z)) < 0.5, 1.0, -1.0), int(rng.integers(1, 5))
    if abs(y.sum()) == len(y):
        y = np.ones(len(y))
    net = models.Network((Z.shape[1], width, 1), "tanh")
    start = net.random(rng, 10 ** rng.uniform(-1, 0.5))
    X = y[:, None] * Z
    data = Dataset.one_class(X) if (y == 1).all() else Dataset(X, y)
    truth = right.tanh_network(X, y, width, start, np.exp(log_t))
    return tried(
        "network_flow",
        lambda: flow.network_flow(
            data, net, loss="exponential", log_t=log_t, start=start, tolerance=tolerance
        ),
        truth,
        tolerance,
        Z,
    )


def parametrized(rng):
    n, d, tolerance = int(rng.integers(1, 7)), int(rng.integers(1, 7)), 10 ** rng.uniform(-9, -5)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    start, log_t = rng.standard_normal(2 * d), np.sort(rng.uniform(-3, 3, size=3))
    truth = right.squares(X, y, start, np.exp(log_t))
    return tried(
        "parametrized_flow",
        lambda: flow.parametrized_flow(
            Regression(X, y),
            models.DiagonalLinear(d, depth=2),
            log_t=log_t,
            start=start,
            tolerance=tolerance,
        ),
        truth,
        tolerance,
        X,
    )


def waiting(rng):
    """Weights that wait at up to 1e-18 beside others of order one; any labels, several losses."""
    d, n = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    diagonal, loss = rng.random() < 0.4, str(rng.choice(["logistic", "exponential", "squared"]))
    X = np.diag(rng.uniform(0.5, 3, d)) if diagonal else rng.standard_normal((n, d))
    start, small = rng.uniform(0.1, 1, 2 * d), rng.random(2 * d) < 0.5
    start[small] = 10 ** -rng.uniform(2, 18, small.sum())
    if rng.random() < 0.5:
        start[d:] = start[:d]
    y = rng.standard_normal(len(X)) if loss == "squared" else rng.choice([-1.0, 1.0], len(X))
    if loss != "squared":
        X, y = X * y[:, None], np.ones(len(X))
    pull = {
        "squared": lambda u: y - u,
        "exponential": lambda u: np.exp(-u),
        "logistic": lambda u: 1 / (1 + np.exp(u)),
    }[loss]
    log_t, tolerance = np.sort(rng.uniform(0, 9, size=2)), 10 ** rng.uniform(-10, -4)
    data = Regression(X, y) if loss == "squared" else Dataset.from_signed(X)
    objective = Objective(data, loss, model=models.DiagonalLinear(d, depth=2))
    run = lambda: flow.flow(objective, log_t=log_t, start=start, tolerance=tolerance)  # noqa: E731
    truth = right.logarithms(X, pull, start, log_t)
    said = f"{loss} {X.tolist()} from {start.tolist()} at {log_t} tol={tolerance:.0e}"
    return judged("waiting weights", False, run, truth, tolerance, said, 1e-9)


def classes(rng):
    _, log_t, tolerance = drawn(rng)
    data = datasets.separable_classes(int(rng.integers(10**6)))
    X, labels = np.asarray(data.X), np.unique(data.y, return_inverse=True)[1]
    start = rng.standard_normal((data.n_classes, data.n_features))
    truth = right.cross_entropy(X, labels, data.n_classes, start.ravel(), np.exp(log_t))
    return tried(
        "cross_entropy_flow",
        lambda: flow.cross_entropy_flow(data, log_t=log_t, start=start, tolerance=tolerance),
        truth,
        tolerance,
        X,
    )


def next_tokens(rng):
    """Late times, rare tokens, short and long contexts, far starts."""
    m, n_tokens = int(rng.integers(1, 4)), int(rng.integers(3, 5))
    X = rng.standard_normal((m, m + int(rng.integers(0, 2))))
    X *= 10 ** rng.uniform(-0.7, 0.3, size=(m, 1))
    P = np.exp(rng.uniform(0.2, 4.0) * rng.standard_normal((m, n_tokens)))
    for p in P:
        p[rng.choice(n_tokens, int(rng.integers(1, n_tokens)), replace=False)] = 0.0
    P /= P.sum(axis=1, keepdims=True)
    start = rng.standard_normal((n_tokens, X.shape[1])) * rng.choice([0.0, 0.3, 3.0])
    log_t = np.append(np.sort(rng.uniform(-3, 26, size=3)), 27.0)
    tolerance = 10 ** rng.uniform(-9, -2)
    return tried(
        "next_token_flow",
        lambda: flow.next_token_flow(
            datasets.NextTokens(X, P), log_t=log_t, start=start, tolerance=tolerance
        ),
        right.next_tokens(X, P, start, log_t),
        tolerance,
        X,
    )


def accelerated(rng):
    Z, log_t, tolerance = drawn(rng)
    loss, start = str(rng.choice(["logistic", "exponential"])), rng.standard_normal(Z.shape[1])
    log_t = log_t / 2 + 0.5
    truth = right.accelerated(Z, (loss, 1.0), start, np.exp(log_t))
    return tried(
        "accelerated_flow",
        lambda: flow.accelerated_flow(
            Dataset.one_class(Z), loss=loss, log_t=log_t, start=start, tolerance=tolerance
        ),
        truth,
        tolerance,
        Z,
    )


def adam(rng):
    Z, log_t, tolerance = drawn(rng)
    epsilon, start = 10 ** rng.uniform(-2, 0), rng.standard_normal(Z.shape[1])
    truth = right.adam(Z, epsilon, start, np.exp(log_t))
    return tried(
        "adam_flow",
        lambda: flow.adam_flow(
            Dataset.one_class(Z),
            loss="exponential",
            epsilon=epsilon,
            log_t=log_t,
            start=start,
            tolerance=tolerance,
        ),
        truth,
        tolerance,
        Z,
    )


def adagrad(rng):
    Z, _, tolerance = drawn(rng)
    tolerance = max(tolerance, 1e-7)
    step, start = 10 ** rng.uniform(-1, 0.5), rng.standard_normal(Z.shape[1])
    steps = np.array([1500, 3000])
    truth = right.adagrad(Z, ("logistic", 1.0), step, start, steps)
    return tried(
        "continued_adagrad",
        lambda: flow.continued_adagrad(
            Dataset.one_class(Z),
            step_size=step,
            log_steps=np.log(steps),
            start=start,
            tolerance=tolerance,
        ),
        truth,
        tolerance,
        Z,
    )
