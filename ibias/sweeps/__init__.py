"""Tables that take too long for a page: computed by `make sweeps`, stored, recomputed in part."""

from ibias.sweeps import (
    dimension,
    falsifier,
    grid,
    initial_scale,
    parallel,
    reading,
    recovery,
    shares,
)
from ibias.sweeps.table import Table, code_hash, load, store

__all__ = [
    "Table",
    "code_hash",
    "dimension",
    "falsifier",
    "grid",
    "initial_scale",
    "load",
    "parallel",
    "reading",
    "recovery",
    "shares",
    "store",
]
