"""Data sets: validated, frozen, and made from a seed."""

from ibias.datasets.classification import (
    Dataset,
    degenerate_pair,
    digits,
    separable,
    symmetric_pair,
)
from ibias.datasets.constructed import duplicated, opposing_points
from ibias.datasets.multiclass import MulticlassDataset, digit_classes, separable_classes
from ibias.datasets.random import generator
from ibias.datasets.regression import Regression, gaussian_regression

__all__ = [
    "Dataset",
    "MulticlassDataset",
    "Regression",
    "degenerate_pair",
    "digit_classes",
    "digits",
    "duplicated",
    "gaussian_regression",
    "generator",
    "opposing_points",
    "separable",
    "separable_classes",
    "symmetric_pair",
]
