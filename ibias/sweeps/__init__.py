"""Tables that take too long for a page: computed by `make sweeps`, stored, recomputed in part."""

from ibias.sweeps import dimension, initial_scale, recovery
from ibias.sweeps.table import Table, code_hash, load, store

__all__ = ["Table", "code_hash", "dimension", "initial_scale", "load", "recovery", "store"]
