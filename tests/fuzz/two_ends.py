"""Flows beside what separates two ends, as near as rounding: a quantity that keeps its sign.

Its derivative is itself times what is positive, so that its sign is that of the start in exact
arithmetic. A run whose errors are larger may take the other way, and forget that it did.
"""

from functools import partial

import numpy as np
from scipy.integrate import solve_ivp

from ibias import flow, losses, models, potentials
from ibias.datasets import Dataset, Regression, Sensing
from ibias.objectives import Objective
from tests.fuzz.linear import LONGEST_MESSAGE
from tests.fuzz.outcome import REFUSED, RIGHT, SILENT, UNCLEAR, Outcome

SQUARE = np.sqrt(2) * np.eye(2)
CUBES = models.DiagonalLinear(2, depth=3)
NEURON = models.Network((1, 1, 1), "tanh")


def problem(rng: np.random.Generator) -> Outcome:
    """Return the verdict on one random problem."""
    kinds = [cube, cubes_of_margins, neuron, fit, convolution, factors, sigmoid, row]
    return kinds[rng.integers(len(kinds))](rng)


def judged(kind: str, run, kept, side: float, tolerance: float, said: str) -> Outcome:
    """kept(theta) must have the sign `side`, or be an error of the promised size."""
    try:
        end = run().final
    except flow.IntegrationFailed as error:
        return refused(kind, str(error), said)
    size = max(1.0, np.linalg.norm(end))
    right = kept(end) * side >= -10 * tolerance * size
    return Outcome(RIGHT if right else SILENT, kind, False, f"{end} {said}")


def refused(kind: str, text: str, said: str) -> Outcome:
    clear = len(text) <= LONGEST_MESSAGE and ("sk for " in text or "ake " in text)
    return Outcome(REFUSED if clear else UNCLEAR, kind, False, f"{text} {said}")


def cube(rng: np.random.Generator) -> Outcome:
    """u' = 3 u^2 (target - u^3) rests at zero, coming from below, beside a weight that fits."""
    targets, tolerance = rng.uniform(0.3, 1.5, 2), 10 ** rng.uniform(-9, -2)
    start, log_t = np.array([rng.uniform(0.2, 1), -rng.uniform(0.1, 1), 0, 0]), rng.uniform(15, 45)
    return judged(
        "a cube that rests at zero",
        lambda: flow.parametrized_flow(
            Regression(SQUARE, SQUARE @ targets),
            CUBES,
            log_t=[log_t],
            start=start,
            tolerance=tolerance,
        ),
        lambda end: end[1],
        -1,
        tolerance,
        f"{targets} from {start} at {log_t} tol={tolerance:.0e}",
    )


def cubes_of_margins(rng: np.random.Generator) -> Outcome:
    """The same for margins: the other weight grows for ever."""
    Z, tolerance = np.diag(rng.uniform(0.3, 2, 2)), 10 ** rng.uniform(-9, -2)
    start, log_t = np.array([rng.uniform(0.2, 1), -rng.uniform(0.1, 1), 0, 0]), rng.uniform(5, 45)
    loss = str(rng.choice(["logistic", "exponential"]))
    return judged(
        "a cube that rests at zero, margins",
        lambda: flow.network_flow(
            Dataset.from_signed(Z),
            CUBES,
            loss=loss,
            log_t=[log_t],
            start=start,
            tolerance=tolerance,
        ),
        lambda end: end[1],
        -1,
        tolerance,
        f"{loss} {Z.tolist()} from {start} at {log_t} tol={tolerance:.0e}",
    )


def beside_the_curve(rng: np.random.Generator) -> tuple[float, np.ndarray, float]:
    """x, the start (u, a) and p = a + sinh(u x) / x, which is more than the rounding of it."""
    while True:
        x, u = rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.5)
        p = 10 ** -rng.uniform(5, 15) * rng.choice([-1, 1])
        start = np.array([u / x, -np.sinh(u) / x + p])
        if abs(kept(x)(start)) > 1e-15:
            return x, start, kept(x)(start)


def kept(x: float):
    """p' is p times what is positive, for one tanh neuron and one input."""
    return lambda theta: theta[1] + np.sinh(np.clip(theta[0] * x, -50, 50)) / x


def neuron(rng: np.random.Generator) -> Outcome:
    x, start, p = beside_the_curve(rng)
    log_t, tolerance = rng.uniform(2.5, 20), 10 ** rng.uniform(-9, -2)
    return judged(
        "a neuron beside the curve into zero",
        lambda: flow.network_flow(
            Dataset.one_class([[x]]), NEURON, log_t=[log_t], start=start, tolerance=tolerance
        ),
        kept(x),
        np.sign(p),
        tolerance,
        f"x={x} from {start.tolist()} at {log_t} tol={tolerance:.0e}",
    )


def fit(rng: np.random.Generator) -> Outcome:
    x, start, p = beside_the_curve(rng)
    y, log_t, tolerance = rng.uniform(0.5, 2), rng.uniform(1, 7), 10 ** rng.uniform(-9, -2)
    return judged(
        "a fit beside the curve into zero",
        lambda: flow.flow(
            Objective(Regression([[x]], [y]), model=NEURON),
            log_t=[log_t],
            start=start,
            tolerance=tolerance,
        ),
        kept(x),
        np.sign(p),
        tolerance,
        f"x={x} y={y} from {start.tolist()} at {log_t} tol={tolerance:.0e}",
    )


def convolution(rng: np.random.Generator) -> Outcome:
    """Two weights that differ by rounding, or more: their difference grows, and keeps its sign."""
    u, v = rng.uniform(0.3, 1, 2)
    apart = 10 ** -rng.uniform(4, 16, 2)
    start = np.array([u, u - apart[0], v, v - apart[1]])
    targets, tolerance = [rng.uniform(1, 2), rng.uniform(0.05, 0.2)], 10 ** rng.uniform(-8, -3)
    log_t, first = rng.uniform(2, 7), (start[0] - start[1]) + (start[2] - start[3])
    return judged(
        "two weights that differ by rounding",
        lambda: flow.parametrized_flow(
            Regression(SQUARE, SQUARE @ targets),
            models.CircularConvolution(2, depth=2),
            log_t=[log_t],
            start=start,
            tolerance=tolerance,
        ),
        lambda end: (end[0] - end[1]) + (end[2] - end[3]),
        np.sign(first),
        tolerance,
        f"{targets} from {start.tolist()} at {log_t} tol={tolerance:.0e}",
    )


def between(end, one: np.ndarray, other: np.ndarray, apart: float) -> tuple:
    """Return a start, and end(start), beside what separates two ends on the way to another start.

    Halving stops when the next start with the other end is as near as `apart`.
    """
    first, last = end(one), end(other)
    while np.abs(one - other).max() > apart:
        middle = (one + other) / 2
        there = end(middle)
        if np.linalg.norm(there - first) < np.linalg.norm(there - last):
            one, first = middle, there
        else:
            other, last = middle, there
    return one, first


def reached(slope, time: float, tight: float = 1e-13):
    """Return the end of dw/dt = slope(w), by a plain integrator, as a function of the start."""
    how = {"method": "DOP853", "rtol": tight, "atol": tight}
    return lambda w: solve_ivp(lambda _, w: slope(w), (0, time), w, **how).y[:, -1]


def near(kind: str, run, right: np.ndarray, tolerance: float, said: str) -> Outcome:
    """Right within the tolerance and ten estimates, or an error."""
    try:
        path = run()
    except flow.IntegrationFailed as error:
        return refused(kind, str(error), said)
    found = path.final.ravel()
    off, size = np.abs(found - right).max(), max(1.0, np.abs(right).max())
    good = off <= tolerance * size and off <= (10 * path.error_estimate[-1] + 1e-8) * size
    return Outcome(RIGHT if good else SILENT, kind, False, f"{found} for {right} {said}")


def sigmoid(rng: np.random.Generator) -> Outcome:
    """Between two starts with two ends lies what separates them; it is no plane."""
    data, loss = Dataset.from_signed(rng.uniform(-5, 5, (rng.integers(2, 5), 2))), losses.Sigmoid()
    late, tolerance = rng.uniform(3, 7), 10 ** rng.uniform(-5, -1.5)
    end = reached(lambda w: -loss.slope(data.Z @ w) @ data.Z / data.n_samples, np.exp(late))
    start, right = between(end, *rng.uniform(-2, 2, (2, 2)), 10 ** -rng.uniform(2, 9))
    kind, run = [
        ("a sigmoid", flow.gradient_flow),
        ("a sigmoid, mirror", partial(flow.mirror_flow, potential=potentials.PowerNorm(2.0))),
    ][rng.integers(2)]
    run = partial(run, data, loss=loss, start=start, log_t=[late], tolerance=tolerance)
    said = f"{data.Z.tolist()} from {start.tolist()} at {late} tol={tolerance:.0e}"
    return near(kind, run, right, tolerance, said)


def row(rng: np.random.Generator) -> Outcome:
    """A number times a row, of which the first two entries are seen: it may change its sign."""
    late, tolerance, unseen = rng.uniform(4, 5), 10 ** rng.uniform(-7, -2), rng.uniform(0.3, 1)

    def slope(w: np.ndarray) -> np.ndarray:
        left = y - w[0] * w[1:]
        return np.append(left @ w[1:], w[0] * left)

    while True:
        y, (a, b, c) = rng.uniform(-1, 1, 2), rng.uniform(0.1, 1.5, 3)
        starts = np.array([[a, b, c], [a, -b, c]]) * [1, *np.sign(y)]
        ends = [reached(slope, np.exp(late), 1e-6)(start)[0] > 0 for start in starts]
        if any(ends) and not all(ends):
            break
    start, right = between(reached(slope, np.exp(late)), *starts, 10 ** -rng.uniform(6, 13))
    return near(
        "a number times a row",
        lambda: flow.matrix_flow(
            Sensing(np.eye(2, 3)[:, None], y),
            start=[start[:1, None], np.append(start[1:], unseen)[None]],
            log_t=[late],
            tolerance=tolerance,
        ),
        right[0] * np.append(right[1:], unseen),
        tolerance,
        f"{y.tolist()} from {start.tolist()} and {unseen} at {late} tol={tolerance:.0e}",
    )


def factors(rng: np.random.Generator) -> Outcome:
    """A row a and a matrix (b, C) with a + b near zero: the seen entry a.b fits a positive y.

    a + b grows and a - b shrinks by the same factor, so that the end is known, and unseen
    entries a.C with it. Where a + b is zero the flow goes into the saddle at zero.
    """
    k, unseen = rng.integers(1, 5), rng.integers(1, 4)
    y, tolerance, log_t = rng.uniform(0.3, 2), 10 ** rng.uniform(-8, -2.5), rng.uniform(6, 12)
    a, C = rng.uniform(-1, 1, k), rng.uniform(-1, 1, (k, unseen))
    b = -a + 10 ** -rng.uniform(4, 16) * rng.standard_normal(k)
    grows, shrinks = a + b, a - b  # the first is exact, or all of it is rounding
    p, q = grows @ grows, shrinks @ shrinks
    start = [a[None], np.column_stack([b, C])]
    said = f"y={y} from {a.tolist()} {start[1].tolist()} at {log_t} tol={tolerance:.0e}"
    seen = np.eye(1, 1 + unseen)
    try:
        end = flow.matrix_flow(
            Sensing([seen], [y]), start=start, log_t=[log_t], tolerance=tolerance
        ).final
    except flow.IntegrationFailed as error:
        return refused("a product beside its saddle", str(error), said)
    square = (2 * y + np.sqrt(4 * y**2 + p * q)) / p if p > 0 else np.inf
    factor = np.sqrt(square)
    right = np.append(y, (factor * grows + shrinks / factor) @ C / 2) if p > 0 else np.zeros(1)
    good = np.linalg.norm(end - right) <= tolerance * np.linalg.norm(right)
    return Outcome(RIGHT if good else SILENT, "a product beside its saddle", False, f"{end} {said}")
