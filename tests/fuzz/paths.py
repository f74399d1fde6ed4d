"""Paths from a vanishing start against fractions: events, margins and slopes.

Rows and columns of any length, that nearly repeat others, or are of small integers and meet. The
first weight separates the data, so that no minimum of a risk, which is no fraction, is on the way.
"""

from fractions import Fraction

import numpy as np

from ibias.datasets import Dataset
from ibias.optima import small_scale_path
from tests.fuzz.optima import refused, verdict
from tests.fuzz.outcome import Outcome
from tests.reference import exact

CLOSE = 1e-6
UNTIL = Fraction(1)


def problem(rng: np.random.Generator) -> Outcome:
    """Return the verdict on one random problem."""
    while True:
        Z = drawn(rng)
        events = exact.waking_weights(exact.fractions(Z), UNTIL)
        if events is not None:
            break
    kind, said = "small_scale_path", str(Z.tolist())
    try:
        found = small_scale_path(Dataset.from_signed(Z), until=float(UNTIL))
    except Exception as error:
        one = refused(error, kind, False)
        return Outcome(one.verdict, kind, False, f"{one.said} {said}")
    events = [events[k] for k in last([float(x) for x, *_ in events])]
    places = last(found.x.tolist())
    if len(events) != len(places):
        return verdict({f"events at {found.x}, right {events}": True}, kind, False, said)
    faults = {}
    for k, (x, slopes, margin, n_active) in zip(places, events, strict=True):
        right = np.array([float(slope) for slope in slopes])
        off = np.abs(found.slopes[k] - right).max() / max(1.0, np.abs(right).max())
        faults |= {
            f"x {found.x[k]}, right {float(x)}": abs(found.x[k] - float(x)) > CLOSE,
            f"slopes {found.slopes[k]}, right {right}": off > CLOSE,
            f"margin {found.margins[k]}, right {float(margin)}": (
                abs(found.margins[k] / float(margin) - 1) > CLOSE
            ),
            f"{found.n_active[k]} active, right {n_active}": found.n_active[k] != n_active,
        }
    return verdict(faults, kind, False, said)


def last(x: list[float]) -> list[int]:
    """Where weights join at one moment, one by one in some order, only the last event counts."""
    return [k for k in range(len(x)) if k + 1 == len(x) or x[k + 1] > x[k] + 1e-9]


def drawn(rng: np.random.Generator) -> np.ndarray:
    n, d = rng.integers(2, 5, 2)
    Z = rng.standard_normal((n, d)) if rng.random() < 0.7 else rng.integers(-5, 6, (n, d)) * 1.0
    Z[:, 0] = np.abs(Z[:, 0]) * 10.0 ** rng.uniform(-1, 1) + 10.0 ** -rng.uniform(0, 8)
    if rng.random() < 0.5:
        Z = Z * 10.0 ** rng.uniform(-3, 3, (n, 1))
    if rng.random() < 0.3:
        Z = Z * 10.0 ** rng.uniform(-2, 2, d)
    if rng.random() < 0.3:
        a, b = rng.integers(d, size=2)
        apart = 10.0 ** -rng.uniform(1, 10) * rng.standard_normal(n)
        Z[:, a] = Z[:, b] * rng.choice([-1, 1]) + apart
    if rng.random() < 0.3:
        a, b = rng.integers(n, size=2)
        Z[a] = Z[b] + 10.0 ** -rng.uniform(1, 10) * rng.standard_normal(d)
    return Z
