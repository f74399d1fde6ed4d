"""Data sets: validated, frozen, and made from a seed."""

from ibias.datasets.classification import (
    Dataset,
    degenerate_pair,
    digits,
    separable,
    symmetric_pair,
)
from ibias.datasets.random import generator

__all__ = ["Dataset", "degenerate_pair", "digits", "generator", "separable", "symmetric_pair"]
