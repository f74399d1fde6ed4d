"""Memories of gradients, whatever the gradients' sizes: numbers with units of their own.

A memory is a pair (x, u) and stands for x exp(u), entry by entry. While all entries are numbers
of moderate size beside the last gradient, its size is the unit of all of them. An entry that is
not gets a unit of its own: where gradients fall and rise by exp(1000) it is neither lost nor
bounded. That it is not shows in a sum that overflows or underflows; `descent` keeps numpy silent.
"""

from collections.abc import Callable
from functools import reduce

import numpy as np

Memory = tuple[np.ndarray | float, np.ndarray | float]

NOTHING: Memory = (0.0, -np.inf)
SMALL, LARGE = 1e-100, 1e100  # between them, what underflows beside an entry is below rounding
NEVER = -1e308  # the unit of nothing at all, as a finite number


def recalled(
    memory: Memory, share: float, g: np.ndarray, log_size: np.ndarray, add: Callable = np.add
) -> Memory:
    """Return add(share * memory, exp(log_size) g), in units of exp(log_size) if it is moderate.

    Here `add` is np.add or np.hypot.
    """
    total = add(share * np.exp(memory[1] - log_size) * memory[0], g)
    if moderate(total, memory[0], g):
        return total, log_size
    return in_any_units(total, log_size, memory, share, g, log_size, add)


def moderate(total: np.ndarray, *parts: np.ndarray | float) -> bool:
    """Return whether a sum is between 1e-100 and 1e100 wherever one of its parts is not zero."""
    n = np.count_nonzero(np.abs(total) > SMALL)
    return below(total) and (n == total.size or n == count(*parts))


def count(*parts: np.ndarray | float) -> int:
    """Return the number of entries that are not zero in one of the parts."""
    return np.count_nonzero(reduce(np.logical_or, parts))


def below(x: np.ndarray) -> bool:
    """Return whether all entries are below 1e100, by their squares; NaN is not."""
    return bool(np.vdot(x, x) < LARGE**2)


def in_any_units(
    total: np.ndarray,
    unit: np.ndarray,
    memory: Memory,
    share: float,
    g: np.ndarray,
    log_size: np.ndarray,
    add: Callable = np.add,
) -> Memory:
    """Return add(share * memory, exp(log_size) g): total exp(unit), but where it is no such number.

    What was never pulled at is zero in any unit.
    """
    size = np.abs(total)
    shared = (size > SMALL) & (size < LARGE)
    x, u = in_own_units(*memory)
    (x, u), (y, v) = in_own_units(share * x, u), in_own_units(g, log_size)
    own = np.maximum(np.maximum(u, v), NEVER)
    exact = add(np.exp(u - own) * x, np.exp(v - own) * y)
    total, shared = np.where(shared, total, exact), shared | (exact == 0) | (own == unit)
    return total, unit if shared.all() else np.where(shared, unit, own)


def in_own_units(x: np.ndarray | float, u: np.ndarray | float) -> Memory:
    """Return the same numbers x exp(u), every x moderate; the unit of zero is -inf."""
    size = np.abs(x)
    with np.errstate(divide="ignore"):
        logs = np.log(size)
    far = ~((size >= SMALL) & (size <= LARGE))
    return np.where(far, np.sign(x), x), u + np.where(far, logs, 0.0)


def quotient(memory: Memory, root: Memory, by: float, epsilon: np.ndarray) -> np.ndarray:
    """Return memory / (root / by + epsilon) as numbers, 0 where the divisor is zero."""
    (x, u), (r, v) = in_own_units(*memory), in_own_units(*root)
    with np.errstate(divide="ignore"):
        log_epsilon = np.log(epsilon)
    top = np.maximum(np.maximum(v, log_epsilon), NEVER)
    length = np.exp(v - top) * r / by + np.exp(log_epsilon - top)
    half = np.exp((u - top) / 2)  # the whole may overflow where the quotient does not
    return np.where(length != 0, x / np.where(length != 0, length, 1.0) * half * half, 0.0)
