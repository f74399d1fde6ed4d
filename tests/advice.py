"""What an error says to do with the data, done."""

import re

import numpy as np

from ibias.datasets import Dataset, Regression

SCALE = r"(multiply|divide) (column|sample) (\d+) by ([0-9.e+-]+)"


def scaled(data: Dataset | Regression, said: str) -> Dataset | Regression:
    """Return the data with their columns and samples multiplied and divided as an error says."""
    rows, columns = np.ones(data.n_samples), np.ones(data.n_features)
    for verb, each, i, factor in re.findall(SCALE, said):
        by = columns if each == "column" else rows
        by[int(i)] *= float(factor) if verb == "multiply" else 1 / float(factor)
    X = data.X * rows[:, None] * columns
    assert (X != data.X).any(), said
    return Regression(X, data.y * rows) if isinstance(data, Regression) else Dataset(X, data.y)


def first_to_drop(said: str) -> int:
    """Return the first of the samples that an error says to drop."""
    named = r"(?:first of all|one of the samples|[Rr]emove sample|sample|samples) \[?(\d+)"
    return int(re.search(named, said).group(1))
