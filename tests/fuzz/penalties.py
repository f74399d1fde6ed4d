"""Paths of penalties of random data, against their minimisers in a hundred digits.

The tails are exponential, polynomial and stretched; the penalties go down to e^-300, the rows
differ in length up to 1e8 times, repeat or contradict each other but for the last digits, and
centres lie on the wrong side by up to 1e9 margins.
"""

from decimal import Decimal, localcontext

import numpy as np

from ibias.datasets import Dataset
from ibias.losses import Exponential, Logistic, MarginLoss, PolynomialTail, StretchedExponential
from ibias.optima import ridge_path
from tests.fuzz.optima import refused, verdict
from tests.fuzz.outcome import Outcome
from tests.reference.penalties import FINE, minimiser

PROMISED = 1e-8
EPS = float(np.finfo(float).eps)


def problem(rng: np.random.Generator) -> Outcome:
    """Return the verdict on one random problem."""
    Z, ordinary = rows(rng)
    loss, centre = tail(rng), np.zeros(Z.shape[1])
    s = float(rng.uniform(*[(-20, 5), (-100, 0), (-300, -100)][rng.integers(3)]))
    if rng.random() < 0.6:
        far = rng.uniform(-3, 9)
        centre = rng.standard_normal(Z.shape[1]) * 10**far / np.abs(Z).max()
        ordinary &= far < 3
    ordinary &= s > -100
    kind = f"ridge_path {type(loss).__name__}"
    said = f"{loss} Z={Z.tolist()} log_penalty={s} centre={centre.tolist()}"
    try:
        path = ridge_path(Dataset.from_signed(Z), log_penalty=[s], loss=loss, centre=centre)
    except Exception as error:
        return refused(error, kind, ordinary)
    found = path.w[0], path.error_estimate[0]
    return judged(Z, s, loss, centre, *found, kind, ordinary, said)


def judged(
    Z: np.ndarray,
    s: float,
    loss: MarginLoss,
    centre: np.ndarray,
    w: np.ndarray,
    estimate: float,
    kind: str = "ridge_path",
    ordinary: bool = True,
    said: str = "",
) -> Outcome:
    """Return the verdict on weights and how far they are said to be off."""
    right = minimiser(Z, s, loss, centre, w)
    assert right is not None, f"no truth: {said}"
    with localcontext(prec=60):
        off, pulled = (
            float(sum((Decimal(float(a)) - b) ** 2 for a, b in zip(v, right, strict=True)).sqrt())
            for v in (w, centre)
        )
    known = float(FINE) * pulled
    faults = {
        f"off by {off:.1e}": not off <= PROMISED * max(pulled, np.linalg.norm(centre)) + known,
        f"said {estimate:.1e}, off by {off:.1e}": not off
        <= 10 * estimate + known + 2 * EPS * np.linalg.norm(w),
    }
    return verdict(faults, kind, ordinary, said)


def rows(rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Return signed inputs and whether they are ordinary."""
    n, d = rng.integers(1, 7), rng.integers(1, 5)
    whole = rng.random() < 0.4
    Z = rng.integers(-3, 4, (n, d)).astype(float) if whole else rng.standard_normal((n, d))
    ordinary = True
    if rng.random() < 0.5:
        Z *= np.where(Z @ rng.standard_normal(d) < 0, -1, 1)[:, None]
    if n > 1 and rng.random() < 0.4:
        Z[1] = rng.choice([-1, 1, 2]) * Z[0]
        Z[1] += 10 ** rng.uniform(-13, -3) * rng.standard_normal(d) * rng.integers(2)
        ordinary = False
    if rng.random() < 0.3:
        Z *= 10 ** rng.uniform(-4, 4, (n, 1))
        ordinary = False
    if rng.random() < 0.3:
        Z *= 10 ** rng.uniform(-8, 8)
        ordinary = False
    if not Z.any():
        Z[0, 0] = 1.0
    return Z, ordinary


def tail(rng: np.random.Generator) -> MarginLoss:
    """Return a loss."""
    return [
        Logistic(),
        Exponential(),
        PolynomialTail(float(rng.choice([0.5, 1, 2, 3, 10]))),
        StretchedExponential(float(rng.choice([0.5, 0.8, 1.5, 2]))),
    ][rng.integers(4)]
