"""The least ||x||^2 / 2 + cap sum_i max(0, t - <z_i, start + x>): projections, and soft margins.

At the minimum x = Z^T b with 0 <= b_i <= cap, and a sample with b_i inside is on the level t. So x
is known to its own digits once it is known who is on, below and above, however nearly the samples
repeat or oppose each other: it is the shortest way onto the level, plus what those below pull
across it. Who is where is found by exchanges (active sets of the dual).
"""

from __future__ import annotations

import numpy as np

from ibias.datasets.rows import lengths, nearest_power
from ibias.optima._equations import Equations, equivalent, orthonormal
from ibias.optima._sums import exact_sums

EXCHANGES = 10  # for each sample, at most
ROUNDING = 4 * np.finfo(float).eps  # of <z, x>, by its terms and their number


def least_shortfall(
    Z: np.ndarray, level: float, start: np.ndarray, cap: float, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and b of the minimum, found from some b with 0 <= b <= cap.

    Where exchanges go round in circles, as rounding may make them, it is the last they came to: the
    caller judges it. An infinite `cap` allows no shortfall at all.
    """
    unit = nearest_power(lengths(Z)[:, 0])
    rows, levels, cap, b = Z / unit[:, None], level / unit, cap * unit, b * unit
    free, seen = (b > 0) & (b < cap), set()
    for _ in range(EXCHANGES * len(Z)):
        below = ~free & (b > 0)
        x, on = _on_levels(rows, levels, start, free, np.where(below, b, 0.0))
        change = _left_open(on, rows, levels, start, free, x)
        ends = not change.any()
        if ends:
            change = _towards(on, rows, free, b, x)
        room = np.where(change > 0, cap - b, b)
        shares = np.full(len(Z), np.inf)
        np.divide(room, np.abs(change), out=shares, where=change != 0)
        part = min(shares.min(), 1.0) if ends else shares.min()
        if not np.isfinite(part):  # all can be lifted at no cost: no x has no shortfall
            break
        if not ends or part < 1:
            b = np.clip(b + part * change, 0.0, cap)
            stopped = shares <= part
            b[stopped] = np.where(change[stopped] > 0, cap[stopped], 0.0)
            free = free & ~stopped
            continue
        b = b + change
        b = np.clip(b + _towards(on, rows, free, b, x), 0.0, cap)  # to its own digits
        short = exact_sums(-rows, [start, x], levels)
        wrong = np.where(below, -short, short)
        wrong -= ROUNDING * len(x) * (np.abs(rows) @ np.abs(x))
        wrong[free] = 0.0
        places = free.tobytes() + below.tobytes()
        if not wrong.max() > 0 or places in seen:
            break
        seen.add(places)
        free[wrong.argmax()] = True
    return x, b / unit


def _on_levels(
    rows: np.ndarray, levels: np.ndarray, start: np.ndarray, free: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, Equations | None]:
    """Return the x with the free rows on their levels and the pull of those `held` across them."""
    pull = exact_sums(rows.T, [held])
    if not free.any():
        return pull, None
    if not held.any():
        on = equivalent(rows[free], levels[free], start)
        return on.rows.T @ on.target, on
    # A pull may be far longer than what is left of it across the rows.
    on, rest = orthonormal(rows[free], levels[free], start), exact_sums(rows.T, [held], -pull)
    return on.rows.T @ on.target + on.across(pull).high + on.across(rest).high, on


def _left_open(
    on: Equations | None,
    rows: np.ndarray,
    levels: np.ndarray,
    start: np.ndarray,
    free: np.ndarray,
    x: np.ndarray,
) -> np.ndarray:
    """Return along what b may move without x, where not all free rows can be on their levels."""
    change = np.zeros(len(rows))
    if on is not None:
        terms = np.abs(rows[free]) @ (np.abs(start) + np.abs(x)) + levels[free]
        if (np.abs(on.misfit) > ROUNDING * len(x) * terms).any():
            change[free] = on.misfit
    return change


def _towards(
    on: Equations | None, rows: np.ndarray, free: np.ndarray, b: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Return what the b of the free rows lack of x = rows^T b."""
    change = np.zeros(len(rows))
    if on is not None:
        pulls = b > 0
        change[free] = on.multipliers(on.rows @ exact_sums(-rows[pulls].T, [b[pulls]], x))
    return change
