"""What to do where float64 cannot: which feature to scale and by what, which samples to drop."""

from __future__ import annotations

import numpy as np

from ibias.datasets.columns import scaling
from ibias.datasets.rows import balance

SMALL = 1e-5  # a margin this far below the largest entry is what makes it hard
UNEVEN = 1e3  # features whose sizes differ by more are the first thing to change


def uneven_columns(X: np.ndarray) -> str:
    """Return which columns to scale and by what; empty where all are of about one size.

    >>> uneven_columns(np.array([[1.0, 4e6], [0.5, 2e6]]))
    'make the columns of X alike: divide column 1 by 4e+06'
    """
    how = scaling(X, UNEVEN)
    return how and f"make the columns of X alike: {how}"


def uneven_rows(Z: np.ndarray) -> str:
    """Return which samples to scale and by what; empty where all are of about one length.

    Sizes of samples are those beside the sizes of the features: uneven columns alone are no reason.

    >>> uneven_rows(np.array([[1e8, -1e8], [0.0, 1.0], [1.0, 0.0]]))
    'make the samples alike: divide sample 0 by 1e+08'
    """
    columns = np.abs(Z).max(axis=0)
    if not scaling((Z / np.where(columns > 0, columns, 1.0)).T, UNEVEN, "sample"):
        return ""
    how = scaling((Z / balance(Z)[1]).T, UNEVEN, "sample")
    return how and f"make the samples alike: {how}"


def too_small(Z: np.ndarray, weights: np.ndarray, margin: float, gap: float, p: float = 2) -> str:
    """Return the message of a margin that float64 cannot certify, and what helps."""
    scale = uneven_rows(Z) or uneven_columns(Z)
    if not scale and p not in (1, 2, np.inf) and margin > SMALL * np.abs(Z).max():
        return (
            f"p={p:g}: the maximum margin {margin:.3g} could be certified only to {gap:.1e}. Take"
            f" p = {'inf' if p > 2 else 1}, which is close, or an order nearer to 2."
        )
    nearest = np.argsort(-weights)[: min(3, int((weights > 0).sum()))].tolist()
    remedy = (
        f"{scale} (the margin is then the one in the new units)"
        if scale
        else f"drop the samples that almost meet, first of all {nearest}, or {_without_margin(Z)}"
    )
    return (
        f"data: the maximum margin is about {margin:.1e} and could be certified only to"
        f" {gap:.1e}, too small beside entries of {np.abs(Z).max():.1e} for float64. To go on,"
        f" {remedy}."
    )


def undecided(Z: np.ndarray, weights: np.ndarray) -> str:
    """Return the message where rounding leaves open whether the data are separable."""
    nearest = np.argsort(-np.abs(weights))[:3].tolist()
    scale = uneven_rows(Z) or uneven_columns(Z)
    return (
        "data: rounding leaves open whether a margin next to zero is zero. To go on,"
        f" {scale + ', or ' if scale else ''}drop the samples that almost touch the others, first"
        f" of all {nearest}, or {_without_margin(Z)}."
    )


def _without_margin(Z: np.ndarray) -> str:
    """Return a call that needs no margin: at that penalty no sample reaches one.

    >>> _without_margin(np.array([[3.0, 4.0], [1e3, 0.0]]))
    'use hinge_machine with a penalty of at least 1e+06, which needs no margin'
    """
    return f"use hinge_machine with a {penalty_of_averages(Z)}, which needs no margin"


def penalty_of_averages(Z: np.ndarray) -> str:
    """Return a penalty in words at which the hinge machine is mean(Z) / penalty, for sure.

    >>> penalty_of_averages(np.array([[3.0, 4.0], [1e3, 0.0]]))
    'penalty of at least 1e+06'
    """
    size = np.linalg.norm(Z, axis=1)
    return f"penalty of at least {2 * size.max() * size.mean():.0e}"


def repeated(samples: list[int]) -> str:
    """Return the message where samples are next to the span of others, and not in it.

    >>> repeated([4])
    'data: rounding leaves open whether samples [4] are combinations of others ...'
    """
    return (
        f"data: rounding leaves open whether samples {samples[:3]} are combinations of others that"
        " hold each other. To go on, drop the first of these, and again until nothing is open."
    )


def dependent(features: list[int]) -> str:
    """Return the message where rounding leaves open which coefficients are known.

    >>> dependent([1, 2])
    'data: rounding leaves open whether ... To go on, drop the first of these, ...'
    """
    return (
        f"data: rounding leaves open whether features {features[:6]} depend on others, and so"
        " which coefficients have a finite estimate. To go on, drop the first of these, and again"
        " until nothing is open."
    )
