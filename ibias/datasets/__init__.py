"""Data sets: validated, frozen, and made from a seed."""

from ibias.datasets.classification import (
    Dataset,
    degenerate_pair,
    digits,
    separable,
    symmetric_pair,
)
from ibias.datasets.random import generator
from ibias.datasets.regression import Regression, gaussian_regression

__all__ = [
    "Dataset",
    "Regression",
    "degenerate_pair",
    "digits",
    "gaussian_regression",
    "generator",
    "separable",
    "symmetric_pair",
]
