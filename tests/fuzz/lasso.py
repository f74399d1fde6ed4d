"""The Lasso against fractions: raw tables, columns that nearly repeat others, any penalty."""

from fractions import Fraction

import numpy as np

from ibias.datasets import Regression
from ibias.optima import lasso
from tests.fuzz.optima import refused, verdict
from tests.fuzz.outcome import Outcome
from tests.reference import exact

GAP = Fraction(1, 10**10)  # of the value at zero: what is promised
ROUNDING = Fraction(1, 10**13)  # of the value at zero and of the terms of another


def table(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, bool]:
    """Inputs, targets, and whether both are of order one with columns that are told apart."""
    n, d = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    X = rng.standard_normal((n, d)) if rng.random() < 0.5 else rng.integers(-4, 5, (n, d)) * 1.0
    y = rng.standard_normal(n) if rng.random() < 0.7 else X @ rng.integers(-2, 3, d)
    ordinary = n > d and rng.random() < 0.5
    if not ordinary:
        if rng.random() < 0.5:
            i, j = rng.integers(d, size=2)
            apart = 10.0 ** -rng.uniform(1, 12)
            X[:, j] = rng.choice([-1, 1]) * X[:, i] + apart * rng.integers(-2, 3, n)
        X = X * 10.0 ** rng.uniform(-1, 1, d) ** 3
        X, y = X * 10.0 ** rng.uniform(-6, 6), y * 10.0 ** rng.uniform(-6, 6)
    return X, y, ordinary and np.linalg.cond(X) < 1e3


def problem(rng: np.random.Generator) -> Outcome:
    """Return the verdict on one random problem: its value, and by how much it is not the least."""
    X, y, ordinary = table(rng)
    top = np.abs(X.T @ y).max() / len(X)
    penalty = max(top, 1e-300) * 10.0 ** rng.uniform(-4 if ordinary else -12, 0.2)
    said = f"{X.tolist()} {y.tolist()} penalty={penalty}"
    try:
        found = lasso(Regression(X, y), penalty=penalty)
    except Exception as error:
        one = refused(error, "lasso", ordinary)
        return Outcome(one.verdict, one.kind, ordinary, f"{one.said} {said}")
    rows, targets, price = exact.fractions(X), exact.fractions(y), Fraction(float(penalty))

    def value(w: list[Fraction]) -> Fraction:
        left = [exact.dot(row, w) - target for row, target in zip(rows, targets, strict=True)]
        return exact.dot(left, left) / (2 * len(X)) + price * sum(map(abs, w), Fraction())

    first = value([Fraction()] * len(w)) if (w := exact.fractions(found.w)) else Fraction()
    least = value(exact.lasso(rows, targets, len(X) * price))
    gap, small = Fraction(float(found.duality_gap)), ROUNDING * first
    return verdict(
        {
            f"value {found.value}, and is {float(value(w))}": (
                abs(Fraction(float(found.value)) - value(w)) > ROUNDING * value(w) + gap / 10
            ),
            f"misses {float(least)} by {float(value(w) - least)}": value(w) - least > gap + small,
            f"gap {float(gap)} of {float(first)}": not 0 <= gap <= GAP * first,
        },
        "lasso",
        ordinary,
        said,
    )
