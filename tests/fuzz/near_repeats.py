"""Rows that nearly repeat or nearly oppose others, by 2^-8 to 2^-44: against fractions.

Every entry is an integer and a multiple of a power of two, so that nothing of the data is rounded,
and an answer that takes two rows for one is wrong by as much as the answers differ.
"""

from fractions import Fraction

import numpy as np

from ibias.datasets import Dataset, Regression, Sensing
from ibias.optima import (
    NotSeparable,
    bounded_part_and_ray,
    bregman_projection,
    expansion,
    hinge_machine,
    max_margin,
    min_norm,
    min_nuclear_norm,
    min_spectral_norm,
    nearest_separator,
    separation,
    weight_normalized_interpolant,
)
from ibias.potentials import PowerNorm
from tests.fuzz.optima import refused, verdict
from tests.fuzz.outcome import Outcome
from tests.reference import exact


def problem(rng: np.random.Generator) -> Outcome:
    """Return the verdict on one random problem."""
    kinds = [split, margin, separator, expanded, bounded, norm, direction, bregman, matrix, soft]
    return kinds[rng.integers(len(kinds))](rng)


def raw(rng: np.random.Generator, n: int) -> np.ndarray:
    """A few numbers, an income and a flag, as they stand: signed rows that are nearly parallel."""
    income = np.round(rng.uniform(2e4, 9e4, n), -int(rng.integers(0, 4)))
    X = np.c_[rng.integers(0, 6, n), income, rng.integers(0, 2, n)]
    return X * rng.choice([-1.0, 1.0], (n, 1))


def near(
    rng: np.random.Generator, n: int, d: int, signs: tuple[int, ...], finest: int = 44
) -> np.ndarray:
    """Integer rows, one of which nearly repeats a multiple of another.

    Of two that do, what tells them apart may be of second order, and so rounding.
    """
    Z = rng.integers(-3, 4, (n, d)).astype(float)
    i, j = rng.choice(n, 2, replace=False)
    apart = 2.0 ** -int(rng.integers(8, finest + 1))
    Z[j] = rng.choice(signs) * Z[i] + apart * rng.integers(-2, 3, d)
    return Z


def shape(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(2, 6)), int(rng.integers(1, 4))


def off(found: np.ndarray, right: exact.Vector, size: float = 0.0) -> float:
    """How far an answer is off, relative to its size."""
    right = np.array([float(x) for x in right])
    return float(np.abs(found - right).max() / max(size, np.abs(right).max(), 1e-300))


def attempt(kind: str, Z: np.ndarray, run, judge) -> Outcome:
    """Run the package; judge(answer) returns the faults."""
    said = str(Z.tolist())
    try:
        answer = run()
    except NotSeparable:
        separable = not exact.never_separated(exact.fractions(Z))
        return verdict({"not separable": separable}, kind, False, said)
    except Exception as error:
        one = refused(error, kind, False)
        return Outcome(one.verdict, one.kind, False, f"{one.said} {said}")
    return verdict(judge(answer), kind, False, said)


def split(rng: np.random.Generator) -> Outcome:
    Z = near(rng, *shape(rng), (1, -1, 2, -2))
    right = exact.never_separated(exact.fractions(Z))
    return attempt(
        "near repeats: separation",
        Z,
        lambda: separation(Dataset.from_signed(Z)),
        lambda parts: {f"rest {parts.rest}, right {right}": set(parts.rest.tolist()) != right},
    )


def margin(rng: np.random.Generator) -> Outcome:
    Z = near(rng, *shape(rng), (1, -1, 2, -2))
    nearest = exact.nearest_of_hull(exact.fractions(Z))
    right = float(exact.dot(nearest, nearest)) ** 0.5

    def judge(best):
        faults = {"separated": right == 0}
        faults[f"{best.margin}, right {right}"] = not abs(best.margin - right) <= 1e-8 * right
        return faults

    return attempt("near repeats: max_margin", Z, lambda: max_margin(Dataset.from_signed(Z)), judge)


def soft(rng: np.random.Generator) -> Outcome:
    """The hinge machine, by the cost of its w; every other time of a raw table."""
    n, d = shape(rng)
    Z = raw(rng, n) if rng.random() < 0.5 else near(rng, n, d, (1, -1, 2))
    penalty = float(10 ** rng.uniform(-8, 2))
    rows = exact.fractions(Z)

    def judge(best):
        w, (right, _) = exact.fractions(best.w), exact.hinge(rows, penalty)
        short = sum((max(Fraction(), 1 - exact.dot(z, w)) for z in rows), Fraction())
        cost = short / n + Fraction(penalty) / 2 * exact.dot(w, w)
        said = max(best.duality_gap / best.objective, 1e-15)
        faults = {
            f"off by {float(cost / right - 1)} at {penalty}": not cost - right
            <= Fraction(1e-9) * right
        }
        faults[f"estimate {said} at {penalty}"] = float(cost / right - 1) > 1.001 * said
        return faults

    return attempt(
        "near repeats: hinge_machine",
        Z,
        lambda: hinge_machine(Dataset.from_signed(Z), penalty=penalty),
        judge,
    )


def separator(rng: np.random.Generator) -> Outcome:
    n, d = shape(rng)
    Z = raw(rng, n) if rng.random() < 0.5 else near(rng, n, d, (1, 2, -1))
    start = rng.integers(-4, 5, Z.shape[1]).astype(float)
    rows = exact.fractions(Z)
    right = (
        None
        if exact.never_separated(rows)
        else exact.nearest_separator(rows, exact.fractions(start))
    )
    return attempt(
        "near repeats: nearest_separator",
        Z,
        lambda: nearest_separator(Dataset.from_signed(Z), start),
        lambda best: {
            f"off from {start}": right is None
            or not off(best.w, right, np.abs(start).max()) <= 1e-6
        },
    )


def expanded(rng: np.random.Generator) -> Outcome:
    """Nearer than 2^-40 two samples on the margin are one up to rounding, and share its weight."""
    Z = near(rng, *shape(rng), (1, 2, -1), finest=40)
    rows = exact.fractions(Z)
    x = exact.nearest_of_hull(rows)
    right = {i for i, z in enumerate(rows) if exact.dot(z, x) == exact.dot(x, x)}
    return attempt(
        "near repeats: expansion",
        Z,
        lambda: expansion(Dataset.from_signed(Z)),
        lambda found: {
            f"on the margin {found.support} {found.degenerate}, right {right}": {
                *found.support.tolist(),
                *found.degenerate.tolist(),
            }
            != right
        },
    )


def bounded(rng: np.random.Generator) -> Outcome:
    Z = near(rng, *shape(rng), (-1, -2, 1))
    rest = sorted(exact.never_separated(exact.fractions(Z)))
    right = exact.logistic_weights([exact.fractions(Z)[i] for i in rest]) if rest else []

    def judge(parts):
        faults = {f"rest {parts.rest}, right {rest}": parts.rest.tolist() != rest}
        if parts.rest.tolist() == rest and rest:
            pulls = parts.weights[rest]
            faults[f"weights {pulls}, right {[float(w) for w in right]}"] = (
                not off(pulls / pulls.sum(), right) <= 1e-6
            )
        return faults

    return attempt(
        "near repeats: bounded_part_and_ray",
        Z,
        lambda: bounded_part_and_ray(Dataset.from_signed(Z)),
        judge,
    )


def equations(rng: np.random.Generator) -> tuple[Regression, exact.Matrix, exact.Vector]:
    """Equations that agree, and hold exactly at integers."""
    while True:
        n, d = shape(rng)
        X = near(rng, min(n, d + 1), d, (1, -1, 2))
        w = rng.integers(-4, 5, d).astype(float)
        rows = exact.fractions(X)
        y = [exact.dot(row, exact.fractions(w)) for row in rows]
        if X.any(axis=1).all() and any(y) and all(Fraction(float(x)) == x for x in y):
            return Regression(X, [float(x) for x in y]), rows, y


def shortest(rows: exact.Matrix, y: exact.Vector) -> tuple[exact.Vector, float]:
    """The interpolant of least norm, and how long it is."""
    w = exact.projection(rows, y, [Fraction()] * len(rows[0]))
    return w, float(exact.dot(w, w)) ** 0.5


def norm(rng: np.random.Generator) -> Outcome:
    data, rows, y = equations(rng)
    _, right = shortest(rows, y)
    return attempt(
        "near repeats: min_norm",
        np.c_[data.X, data.y],
        lambda: min_norm(data),
        lambda best: {
            f"{best.distance}, right {right}": not abs(best.distance - right) <= 1e-8 * right
        },
    )


def direction(rng: np.random.Generator) -> Outcome:
    """From a start in the span the direction of the interpolant is that of least norm."""
    data, rows, y = equations(rng)
    w, right = shortest(rows, y)
    return attempt(
        "near repeats: weight_normalized_interpolant",
        np.c_[data.X, data.y],
        lambda: weight_normalized_interpolant(data, start=[float(x) for x in w]),
        lambda best: {
            f"{best.length}, right {right}": not abs(best.length - right) <= 1e-8 * right
        },
    )


def bregman(rng: np.random.Generator) -> Outcome:
    data, rows, y = equations(rng)
    start = rng.integers(-4, 5, len(rows[0])).astype(float)
    right = exact.projection(rows, y, exact.fractions(start))
    return attempt(
        "near repeats: bregman_projection",
        np.c_[data.X, data.y],
        lambda: bregman_projection(data, potential=PowerNorm(2.0), start=start),
        lambda best: {
            f"{best.w} from {start}": not off(best.w, right, np.abs(start).max()) <= 1e-7
        },
    )


def matrix(rng: np.random.Generator) -> Outcome:
    """As many sensors as entries, so that there is one matrix; its nuclear or spectral norm."""
    while True:
        A, W = near(rng, 4, 4, (1, -1)), rng.integers(-3, 4, 4).astype(float)
        rows = exact.fractions(A)
        y = [exact.dot(row, exact.fractions(W)) for row in rows]
        fits = all(Fraction(float(x)) == x for x in y)
        if fits and W.any() and len(exact.independent(rows)) == 4:
            break
    least, order = ((min_nuclear_norm, "nuc"), (min_spectral_norm, 2))[rng.integers(2)]
    right = np.linalg.norm(W.reshape(2, 2), ord=order)
    return attempt(
        f"near repeats: {least.__name__}",
        np.c_[A, [float(x) for x in y]],
        lambda: least(Sensing(A.reshape(4, 2, 2), [float(x) for x in y])),
        lambda best: {f"{best.value}, right {right}": not abs(best.value - right) <= 1e-5 * right},
    )
