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
        else f"drop the samples that almost meet, first of all {nearest}, or use"
        " hinge_machine, which needs no margin"
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
        f" {scale + ', or ' if scale else ''}drop one of the samples {nearest}, which almost"
        " touch the others, or use hinge_machine, which needs no margin."
    )
