"""The flow, and descent continued, on random data: against `tests/reference/flows.py`."""

import numpy as np

from ibias import flow, losses
from ibias.datasets import Dataset
from ibias.descent import Diverged
from tests.fuzz.outcome import REFUSED, RIGHT, SILENT, UNCLEAR, Outcome
from tests.reference import flows

LONGEST_MESSAGE = 500
NAMES = ("logistic", "logistic", "exponential", "sigmoid", "polynomial", "stretched")


def drawn_loss(rng, names=NAMES):
    """A loss of the package and its name for the reference."""
    name = str(rng.choice(names))
    power = float(rng.choice([0.5, 1.0, 2.0, 3.0]))
    if name == "sigmoid":
        return losses.Sigmoid(), (name, power)
    if name == "polynomial":
        return losses.PolynomialTail(power), (name, power)
    if name == "stretched":
        return losses.StretchedExponential(power), (name, power)
    return name, (name, power)


def drawn_data(rng):
    """Signed inputs, the name of their family, and whether they are of order one."""
    n, d = (int(np.exp(rng.uniform(0, np.log(60.99)))) for _ in range(2))
    family = str(
        rng.choice(["apart", "overlap", "near", "copies", "constant column", "half apart"])
    )
    Z = rng.standard_normal((n, d))
    direction = rng.standard_normal(d)
    direction /= np.linalg.norm(direction)
    along = Z @ direction
    if family in ("apart", "copies", "near"):
        margin = 10 ** rng.uniform(-6, -1) if family == "near" else rng.uniform(0.1, 1)
        Z += np.outer(np.abs(along) * (margin < 0.1) + margin + np.abs(along) - along, direction)
        if family == "near":
            Z += np.outer(margin - (Z @ direction).min(), direction)
    if family == "half apart" and n > 2:
        half = n // 2
        Z[:half] += np.outer(np.abs(along[:half]) + 0.2 - along[:half], direction)
        Z[half:] -= np.outer(along[half:], direction)
    if family == "copies":
        Z = Z[rng.integers(n, size=n)]
    if family == "constant column":
        Z = np.column_stack([Z, np.where(rng.random(n) < 0.5, 1.0, -1.0)])
    ordinary = True
    if rng.random() < 0.25:
        Z, ordinary = Z * 10 ** rng.uniform(-8, 8), False
    if rng.random() < 0.2:
        Z, ordinary = Z * 10 ** rng.uniform(-6, 0, size=Z.shape[1]), False
    return Z, family, ordinary


def drawn_start(rng, Z):
    """A start in units of 1 / (longest row), and whether it is near zero."""
    norm = float(rng.choice([0.0, 1.0, 10.0, 10 ** rng.uniform(0, 3)]))
    direction = rng.standard_normal(Z.shape[1])
    if rng.random() < 0.4:  # straight to one side
        direction = Z.mean(axis=0) * rng.choice([-1.0, 1.0]) + 1e-3 * direction
    length = np.linalg.norm(direction) * np.linalg.norm(Z, axis=1).max()
    return norm * direction / (length or 1.0), norm <= 10


def judged(kind, ordinary, run, right, tolerance, said, precision=1e-11, size=None):
    """Run the package, and compare it with what is right (None: the reference knows nothing).

    Errors are largest entries, relative to max(1, |w|); or lengths, relative to `size`.
    """
    try:
        path = run()
    except (flow.IntegrationFailed, Diverged, ValueError) as error:
        clear = len(str(error)) <= LONGEST_MESSAGE and (
            " ask for " in str(error).lower()
            or "choose" in str(error)
            or "take " in str(error).lower()
            or "give" in str(error)
            or "divide" in str(error)
        )
        verdict = REFUSED if clear else UNCLEAR
        return Outcome(verdict, kind, ordinary, f"{said}: {type(error).__name__}: {error}")
    if right is None:
        return Outcome(RIGHT, kind + ", no reference", False, said)
    order = np.inf if size is None else 2
    size = np.maximum(1.0, np.abs(right).max(axis=1)) if size is None else size
    error = np.linalg.norm(path.iterates - right, order, axis=1)
    slack = precision * size
    honest = (error <= 10 * path.error_estimate + slack).all()
    within = (error <= tolerance * size + slack).all()
    good = bool(np.isfinite(path.iterates).all() and within and honest)
    numbers = f"errors {error / size}, estimates {path.error_estimate / size}, {path.status}"
    return Outcome(RIGHT if good else SILENT, kind, ordinary, f"{said}: {numbers}")


def problem(rng):
    """One random problem."""
    return rng.choice([lone_samples, short_flow, stiff_flow, loop, loop])(rng)


def lone_samples(rng):
    """Orthogonal inputs, turned: every margin moves by itself, in closed form at all times."""
    n = int(rng.integers(1, 12))
    name = str(rng.choice(["logistic", "exponential", "sigmoid"]))
    loss = losses.Sigmoid() if name == "sigmoid" else name
    scale = 10 ** (rng.uniform(-8, 8) if rng.random() < 0.3 else 0.0)
    spread = 6.0 if rng.random() < 0.3 else 1.0
    z = scale * 10 ** rng.uniform(-spread / 2, 0, size=n)
    turn = np.linalg.qr(rng.standard_normal((n, n)))[0] if rng.random() < 0.7 else np.eye(n)
    most = float(rng.choice([0.0, 3.0, 10.0, 1000.0]))
    if name == "sigmoid":
        most = min(most, 20.0)
    u0 = (
        rng.uniform(-most, most, size=n)
        if name != "exponential"
        else rng.uniform(-min(most, 300), most, size=n)
    )
    data = Dataset.one_class(np.diag(z) @ turn)
    base = -2 * np.log(z.max())
    log_t = base + np.unique(rng.choice([-5.0, 0.0, 3.0, 8.0, 20.0, 100.0, 1e4], size=3))
    tolerance = 10 ** rng.uniform(-10, -2)
    u = np.array([[flows.alone(z[i], name, u0[i], s, n) for i in range(n)] for s in log_t])
    right, start = (u / z) @ turn, (u0 / z) @ turn
    said = f"alone {name} n={n} scale={scale:.0e} spread={spread} start={most} tol={tolerance:.0e}"
    ordinary = scale == 1 and spread == 1 and most <= 10
    return judged(
        "flow, closed form",
        ordinary,
        lambda: flow.gradient_flow(data, loss=loss, log_t=log_t, start=start, tolerance=tolerance),
        right,
        tolerance,
        said,
    )


def short_flow(rng, stiff=False):
    """Any data, up to the times that another integrator reaches on the equation as it stands."""
    Z, family, ordinary = drawn_data(rng)
    if stiff:
        Z = Z[:8, :5]
    loss, named = drawn_loss(rng)
    start, near = drawn_start(rng, Z)
    L = np.linalg.norm(Z, ord=2) ** 2 / len(Z)
    reach = rng.uniform(4, 9) if stiff else rng.uniform(-3, 5)
    log_t = np.array([reach - 3, reach - 1, reach]) - np.log(max(L, 1e-300))
    u = Z @ start
    if named[0] == "exponential":
        log_t -= max(0.0, -u.min())  # it is the faster, the further on the wrong side
    tolerance = 10 ** (rng.uniform(-7, -2) if stiff else rng.uniform(-10, -2))
    said = f"{family} {Z.shape} {named} |start|={np.linalg.norm(start):.2g} tol={tolerance:.0e}"
    right = flows.flow(Z, named, start, np.exp(log_t), stiff)
    return judged(
        "flow, later times" if stiff else "flow, early times",
        ordinary and near,
        lambda: flow.gradient_flow(
            Dataset.one_class(Z), loss=loss, log_t=log_t, start=start, tolerance=tolerance
        ),
        right,
        tolerance,
        said,
        1e-9 if stiff else 1e-11,
    )


def stiff_flow(rng):
    """A few samples, and later times."""
    return short_flow(rng, stiff=True)


def loop(rng):
    """Gradient descent beside its loop in extended precision."""
    Z, family, ordinary = drawn_data(rng)
    loss, named = drawn_loss(rng)
    start, near = drawn_start(rng, Z)
    made = losses.named(loss)
    beta = made.smoothness if np.isfinite(made.smoothness) else 1.0
    L = beta * np.linalg.norm(Z, ord=2) ** 2 / len(Z)
    factor = 10 ** rng.uniform(-2, np.log10(500))
    step = factor / max(L, 1e-300)
    if named[0] == "exponential":
        step = max(step * np.exp(min(0.0, (Z @ start).min())), 1e-300)
    steps = np.unique(np.rint(10 ** np.array([rng.uniform(0, 1.5), 2.5, rng.uniform(3, 3.6)])))
    tolerance = 10 ** rng.uniform(-10, -2)
    said = (
        f"{family} {Z.shape} {named} |start|={np.linalg.norm(start):.2g} step={factor:.3g}/L"
        f" tol={tolerance:.0e}"
    )
    with np.errstate(all="ignore"):
        right = flows.loop(Z, named, step, start, steps)
    right = right if np.isfinite(right).all() else None
    return judged(
        "descent",
        ordinary and near and factor <= 2,
        lambda: flow.continued_gradient_descent(
            Dataset.one_class(Z),
            loss=loss,
            step_size=step,
            log_steps=np.log(steps),
            start=start,
            tolerance=tolerance,
        ),
        right,
        tolerance,
        said,
    )
