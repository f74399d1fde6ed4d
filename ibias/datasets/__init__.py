"""Data sets: validated, frozen, and made from a seed."""

from ibias.datasets.classification import (
    Dataset,
    degenerate_pair,
    separable,
    symmetric_pair,
)
from ibias.datasets.constructed import (
    duplicated,
    opposing_points,
    raised_copy,
    two_kinds_of_flat,
)
from ibias.datasets.digits import digit_classes, digits
from ibias.datasets.matrices import (
    Completion,
    MatrixProblem,
    Sensing,
    commuting_sensing,
    four_by_four_completion,
    gaussian_sensing,
    low_rank_completion,
    two_by_two_completion,
)
from ibias.datasets.multiclass import MulticlassDataset, separable_classes
from ibias.datasets.next_tokens import NextTokens, next_tokens
from ibias.datasets.planar import sectors
from ibias.datasets.planted import planted
from ibias.datasets.population import GaussianClasses
from ibias.datasets.random import generator
from ibias.datasets.regression import Regression, gaussian_regression
from ibias.datasets.sequences import token_sequences
from ibias.datasets.wide import wide

__all__ = [
    "Completion",
    "Dataset",
    "GaussianClasses",
    "MatrixProblem",
    "MulticlassDataset",
    "NextTokens",
    "Regression",
    "Sensing",
    "commuting_sensing",
    "degenerate_pair",
    "digit_classes",
    "digits",
    "duplicated",
    "four_by_four_completion",
    "gaussian_regression",
    "gaussian_sensing",
    "generator",
    "low_rank_completion",
    "next_tokens",
    "opposing_points",
    "planted",
    "raised_copy",
    "sectors",
    "separable",
    "separable_classes",
    "symmetric_pair",
    "token_sequences",
    "two_by_two_completion",
    "two_kinds_of_flat",
    "wide",
]
