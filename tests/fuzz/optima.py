"""Reference optima of random data: certificates recomputed in 40 digits, answers solved again.

The data differ in shape, in scale (1e-8 to 1e8, columns 1e6 apart), in margin (down to 1e-6),
in repeated rows and constant columns, and in kind: separable, touching, overlapping.
"""

from decimal import Decimal, localcontext

import numpy as np
from scipy.optimize import linprog, nnls

from ibias.datasets import Dataset, Regression, Sensing
from ibias.losses import named
from ibias.optima import (
    NotSeparable,
    bounded_part_and_ray,
    bregman_projection,
    max_margin,
    min_norm,
    min_nuclear_norm,
)
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm
from tests.fuzz.outcome import REFUSED, RIGHT, SILENT, UNCLEAR, Outcome

ORDERS = [1, 1.001, 1.01, 1.3, 2, 3, 50, np.inf]
POTENTIALS = [
    *(SquaredNorm(p) for p in (1.1, 1.5, 2, 4, 10)),
    *(PowerNorm(p) for p in (1.2, 3, 6, 10)),
    *(HyperbolicEntropy(scale) for scale in (1e-30, 1e-4, 0.1, 1.0, 30.0)),
    NegativeEntropy(),
]
ARGUMENTS = (
    "data",
    "penalty",
    "power",
    "loss",
    "problem",
    "log_penalty",
    "X ",
    "y ",
    "start",
    "p=",
)
SOLVER_TALK = ("SVD", "LAPACK", "DCP", "Lapack", "converge", "status", "Traceback", "cvxpy")


def problem(rng: np.random.Generator) -> Outcome:
    """Return the verdict on one random problem."""
    family = rng.choice(
        ["margin", "bregman", "split", "nuclear", "norm"], p=[0.45, 0.2, 0.15, 0.08, 0.12]
    )
    return {"margin": margin, "bregman": bregman, "split": split, "nuclear": nuclear, "norm": norm}[
        family
    ](rng)


# ---- the data ---------------------------------------------------------------------------


def shape(rng: np.random.Generator) -> tuple[int, int]:
    """Numbers of rows and columns from 1 to 60, small ones as often as large ones."""
    n, d = np.round(np.exp(rng.uniform(0, np.log(60), 2))).astype(int)
    return int(n), int(d)


def signed(rng: np.random.Generator) -> tuple[np.ndarray, str, bool]:
    """Return signed inputs, what is known of them, and whether they are ordinary."""
    n, d = shape(rng)
    kind = rng.choice(["separable", "separable", "touching", "overlap"])
    n = max(n, 2) if kind == "touching" else n
    Z = rng.standard_normal((n, d))
    small = 0.0
    if kind == "separable":
        teacher = rng.standard_normal(d) / np.sqrt(d)
        small = rng.uniform(-6, -1) if rng.random() < 0.5 else -0.3
        heights = Z @ teacher
        wanted = np.abs(heights) + 10**small
        Z += np.outer((wanted - heights) / (teacher @ teacher), teacher)
    elif kind == "touching":  # integers, so that a sum of rows is exactly zero
        Z = rng.integers(-3, 4, (n, d)).astype(float)
        k = int(rng.integers(1, max(2, n // 2 + 1)))
        Z[0] = -Z[1 : 1 + k].sum(axis=0) if k < n else -Z[1]
    if rng.random() < 0.2:
        Z = Z[rng.integers(0, n, n)]  # repeated rows
        kind = "unknown" if kind == "touching" else kind
    if rng.random() < 0.1 and kind != "touching":
        Z[:, rng.integers(d)] = 0.0
        kind = "unknown"
    ordinary = small > -3.5
    if rng.random() < 0.25:
        Z = Z * 2.0 ** np.round(rng.uniform(-26, 26))
        ordinary = False
    if rng.random() < 0.25:
        Z = Z * 2.0 ** np.round(rng.uniform(-10, 10, d))
        ordinary = False
    return Z, str(kind), ordinary


def can_be_separated(Z: np.ndarray) -> float:
    """Return the largest margin in the box, columns and rows scaled, by a linear program."""
    n, d = Z.shape
    Z = Z / np.where(np.abs(Z).max(axis=0) > 0, np.abs(Z).max(axis=0), 1)
    lengths = np.abs(Z).max(axis=1)
    if (lengths == 0).any():
        return 0.0
    answer = linprog(
        np.r_[np.zeros(d), -1],
        A_ub=np.c_[-Z / lengths[:, None], np.ones(n)],
        b_ub=np.zeros(n),
        bounds=[(-1, 1)] * d + [(None, None)],
    )
    return -answer.fun


# ---- certificates in many digits ---------------------------------------------------------


def exact(A: np.ndarray) -> list:
    """The entries as decimal numbers, without rounding."""
    return [exact(row) for row in A] if A.ndim > 1 else [Decimal(float(x)) for x in A]


def times(rows: list[list[Decimal]], v: list[Decimal]) -> list[Decimal]:
    return [sum(x * y for x, y in zip(row, v, strict=True)) for row in rows]


def length(v: list[Decimal], p: float | Decimal) -> Decimal:
    """The p-norm of a vector in the working precision."""
    sizes = [abs(x) for x in v]
    largest = max(sizes)
    if p == np.inf or largest == 0:
        return largest
    p = Decimal(p)
    return largest * sum((x / largest) ** p for x in sizes if x) ** (1 / p)


def dual(p: float) -> float | Decimal:
    return np.inf if p == 1 else 1.0 if p == np.inf else Decimal(p) / (Decimal(p) - 1)


def refused(error: Exception, kind: str, ordinary: bool) -> Outcome:
    """A clear error is one that names an argument and says what to do, in a few words."""
    text = str(error)
    clear = (
        isinstance(error, (ValueError, RuntimeError))
        and len(text) <= 500
        and text.startswith(ARGUMENTS)
        and not any(word in text for word in SOLVER_TALK)
    )
    return Outcome(REFUSED if clear else UNCLEAR, kind, ordinary, f"{type(error).__name__}: {text}")


def verdict(faults: dict[str, bool], kind: str, ordinary: bool, said: str = "") -> Outcome:
    wrong = [name for name, bad in faults.items() if bad]
    return Outcome(SILENT if wrong else RIGHT, kind, ordinary, f"{', '.join(wrong)} {said}")


# ---- the functions -----------------------------------------------------------------------


def margin(rng: np.random.Generator) -> Outcome:
    """The maximum margin in a random order p, against duality, NNLS and linear programs."""
    Z, kind, ordinary = signed(rng)
    p = ORDERS[rng.integers(len(ORDERS))]
    name = f"max_margin p={p:g}"
    data = Dataset.from_signed(Z)
    said = f"n={len(Z)} d={Z.shape[1]} {kind} size={np.abs(Z).max():.1e}"
    try:
        best = max_margin(data, p=p)
    except NotSeparable as error:
        a = error.weights
        meets = np.abs(a @ Z).max(initial=0) <= 1e-10 * np.abs(Z).max()
        columns = np.abs(Z).max(axis=0)
        meets &= (np.abs(a @ Z) <= 1e-11 * columns).all()
        faults = {
            "no convex combination of zero": not meets or (a < 0).any() or abs(a.sum() - 1) > 1e-12,
            "separable": kind == "separable" or can_be_separated(Z) > 1e-6,
        }
        return verdict(faults, name, ordinary, said)
    except Exception as error:
        return refused(error, name, ordinary)
    with localcontext(prec=40):
        w, a = exact(best.w), exact(best.dual_variables)
        lowest = min(times(exact(Z), w))
        primal = lowest / length(w, p)
        bound = length(times(exact(Z.T), a), dual(p)) / sum(a)
        gap = float((bound - primal) / primal)
        margin_error = float(abs(Decimal(best.margin) - primal) / primal)
        unit = float(length(exact(best.direction), p))
    gap_error = abs(best.duality_gap / best.margin - gap)
    faults = {
        f"gap {gap:.1e}": not -1e-12 <= gap <= 1.01e-9,
        f"margin off by {margin_error:.1e}": not margin_error <= 1e-9,
        f"gap off by {gap_error:.1e}": not gap_error <= 1e-10,
        f"lowest {lowest:.9f}": not abs(lowest - 1) <= 1e-8,
        "weights": (best.dual_variables < 0).any() or abs(best.dual_variables.sum() - 1) > 1e-12,
        "separated": kind == "touching",
        "unit": not abs(unit - 1) <= 1e-12,
    }
    if ordinary and (again := solved_again(Z, p)) is not None:
        faults[f"other code says {again}"] = not abs(again - best.margin) <= 1e-6 * best.margin
    return verdict(faults, name, ordinary, said)


def solved_again(Z: np.ndarray, p: float) -> float | None:
    """Return the margin by Lawson and Hanson (p = 2) or by a linear program (p = 1, inf)."""
    n, d = Z.shape
    if p == 2:
        a, _ = nnls(np.vstack([Z.T, np.ones(n)]), np.r_[np.zeros(d), 1.0], maxiter=1000 * n)
        return float(np.linalg.norm(a @ Z) / a.sum())
    if p == 1:
        answer = linprog(np.ones(2 * d), A_ub=np.hstack([-Z, Z]), b_ub=-np.ones(n))
        return 1 / answer.fun if answer.status == 0 else None
    if p == np.inf:
        box = [(-1, 1)] * d + [(None, None)]
        A = np.hstack([-Z, np.ones((n, 1))])
        answer = linprog(np.r_[np.zeros(d), -1], A_ub=A, b_ub=np.zeros(n), bounds=box)
        return -answer.fun if answer.status == 0 else None
    return None


def bregman(rng: np.random.Generator) -> Outcome:
    """A Bregman projection, against stationarity along the kernel, from w alone."""
    n, d = sorted(shape(rng))
    potential = POTENTIALS[rng.integers(len(POTENTIALS))]
    size = 10 ** (rng.choice([8.0, 35.0]) * rng.uniform(-1, 1)) if rng.random() < 0.7 else 1.0
    ordinary = 1e-2 < size < 1e2
    X, w = rng.standard_normal((n, d)), size * rng.standard_normal(d)
    start = None
    if isinstance(potential, NegativeEntropy):
        w, start = np.abs(w), np.full(d, size) if rng.random() < 0.5 else None
    elif rng.random() < 0.4:
        start = size * rng.standard_normal(d)
    if rng.random() < 0.2:
        X = X * 10 ** rng.uniform(-3, 3, (n, 1))
    kind = f"bregman_projection {type(potential).__name__}"
    said = f"n={n} d={d} {potential} size={size:.1e}"
    try:
        best = bregman_projection(Regression(X, X @ w), potential=potential, start=start)
    except Exception as error:
        return refused(error, kind, ordinary)
    rows, kernel = np.split(np.linalg.svd(X)[2], [n])
    scale = np.linalg.norm(best.w)
    missing = np.linalg.norm(rows @ (best.w - w)) / scale
    moved = potential.gradient(best.w) - potential.gradient(best.start)
    sizes = np.abs(potential.gradient(best.w)).max() + np.abs(potential.gradient(best.start)).max()
    across = np.linalg.norm(kernel @ (moved / sizes))
    faults = {
        f"equations missed by {missing:.1e}": not missing <= 2e-8,
        f"not stationary, {across:.1e}": not across <= 1e-7,
        "not finite": not np.isfinite(best.w).all(),
        "divergence": not (np.isfinite(best.divergence) and best.divergence >= 0),
    }
    return verdict(faults, kind, ordinary, said)


def split(rng: np.random.Generator) -> Outcome:
    """The bounded part and the ray, against linear programs and the optimality conditions."""
    Z, kind, ordinary = signed(rng)
    said = f"n={len(Z)} d={Z.shape[1]} {kind} size={np.abs(Z).max():.1e}"
    try:
        parts = bounded_part_and_ray(Dataset.from_signed(Z))
    except Exception as error:
        return refused(error, "bounded_part_and_ray", ordinary)
    rest, columns = Z[parts.rest], np.abs(Z).max(axis=0)
    columns = np.where(columns > 0, columns, 1)
    pull = -np.exp(named("logistic").log_slope(rest @ parts.bounded)) @ rest if len(rest) else 0.0
    total = np.abs(np.exp(named("logistic").log_slope(rest @ parts.bounded))).sum() or 1.0
    faults = {"not stationary": not (np.abs(pull) <= 1e-8 * total * columns).all()}
    if kind == "separable":
        faults["a rest of separable data"] = parts.rest.size > 0
    if kind == "touching":
        faults["touching data without a rest"] = parts.rest.size == 0
    if parts.ray is not None:
        w, a = parts.ray.w, parts.ray.dual_variables
        heights = Z @ w
        # In units of the margin of the others, or of what cancels if that is more.
        cancelled = np.maximum(np.abs(Z[parts.rest]) @ np.abs(w), 1.0)
        faults["the ray moves the rest"] = bool(
            (np.abs(heights[parts.rest]) > 1e-9 * cancelled).any()
        )
        faults["the ray is too short"] = not abs(heights[parts.separable].min() - 1) <= 1e-6
        faults["weights"] = bool((a < 0).any() or abs(a.sum() - 1) > 1e-12 or a[parts.rest].any())
        # Across the span of the rest, sum a_i z_i is margin^2 * w.
        nearest = a @ Z - parts.ray.margin**2 * w
        basis = np.linalg.qr((rest / columns).T * columns[:, None])[0] if len(rest) else None
        if basis is not None and ordinary:
            nearest = nearest - basis @ (basis.T @ nearest)
        if ordinary or basis is None:
            off = np.linalg.norm(nearest) / parts.ray.margin
            faults[f"the ray is off by {off:.1e}"] = not off <= 1e-4
    return verdict(faults, "bounded_part_and_ray", ordinary, said)


def nuclear(rng: np.random.Generator) -> Outcome:
    """The least nuclear norm, against its own duality."""
    m, n = (int(k) for k in rng.integers(1, 7, 2))
    count = int(rng.integers(1, m * n + 1))
    rank, size = int(rng.integers(1, min(m, n) + 1)), 10 ** rng.uniform(-8, 8)
    size = size if rng.random() < 0.6 else 1.0
    truth = size * rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))
    A = rng.standard_normal((count, m, n))
    if rng.random() < 0.5:  # entries, and not mixtures
        A = np.eye(m * n)[rng.permutation(m * n)[:count]].reshape(count, m, n)
    if rng.random() < 0.2:
        A = A * 10 ** rng.uniform(-3, 3, (count, 1, 1))
    y = np.tensordot(A, truth, axes=2)
    said = f"{m} x {n}, {count} observations, size {size:.1e}"
    try:
        best = min_nuclear_norm(Sensing(A, y))
    except Exception as error:
        return refused(error, "min_nuclear_norm", size == 1)
    lengths = np.linalg.norm(A, axis=(1, 2))
    missing = np.abs((np.tensordot(A, best.W, axes=2) - y) / lengths).max()
    Y = np.tensordot(best.dual_variables, A, axes=1)
    value = np.linalg.svd(best.W, compute_uv=False).sum()
    gap = value - y @ best.dual_variables
    faults = {
        f"observations missed by {missing:.1e}": not missing <= 1e-8 * np.abs(y / lengths).max(),
        "dual norm": not np.linalg.norm(Y, ord=2) <= 1 + 1e-9,
        f"gap {gap:.1e} of {value:.1e}": not -1e-9 * value <= gap <= 1.01e-6 * value,
        "value": not abs(value - best.value) <= 1e-9 * value,
    }
    return verdict(faults, "min_nuclear_norm", size == 1, said)


def norm(rng: np.random.Generator) -> Outcome:
    """The interpolant of least l_p norm, against duality in 40 digits."""
    n, d = shape(rng)
    p = ORDERS[rng.integers(len(ORDERS))]
    ordinary = rng.random() < 0.5
    X = rng.standard_normal((n, d))
    if not ordinary:
        X = X * 2.0 ** np.round(rng.uniform(-26, 26)) * 2.0 ** np.round(rng.uniform(-8, 8, (n, 1)))
    if rng.random() < 0.2:
        X = X[rng.integers(0, n, n)]
    y = X @ rng.standard_normal(d)
    said = f"n={n} d={d} size={np.abs(X).max():.1e}"
    name = f"min_norm p={p:g}"
    try:
        best = min_norm(Regression(X, y), p=p)
    except Exception as error:
        return refused(error, name, ordinary)
    with localcontext(prec=40):
        w, a = exact(best.w), exact(best.dual_variables)
        distance = length(w, p)
        steep = float(length(times(exact(X.T), a), dual(p)))
        gap = float((distance - times([times(exact(X), w)], a)[0]) / distance)
    lengths = np.abs(X).sum(axis=1) * np.abs(best.w).max()
    faults = {
        f"gap {gap:.1e}": not -1e-11 <= gap <= 1.01e-9,
        f"dual norm {steep}": not abs(steep - 1) <= 1e-11,
        "misses the targets": bool((np.abs(X @ best.w - y) > 1e-8 * lengths).any()),
        "distance": not abs(best.distance / float(distance) - 1) <= 1e-12,
    }
    return verdict(faults, name, ordinary, said)
