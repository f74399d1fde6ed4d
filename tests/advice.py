"""What an error says to do with the columns of the data, done."""

import re

from ibias.datasets import Dataset


def scaled(data: Dataset, said: str) -> Dataset:
    """Return the data with their columns multiplied and divided as an error says."""
    X = data.X.astype(float)
    for verb, column, factor in re.findall(r"(multiply|divide) column (\d+) by ([0-9.e+-]+)", said):
        X[:, int(column)] *= float(factor) if verb == "multiply" else 1 / float(factor)
    assert (X != data.X).any(), said
    return Dataset(X, data.y)
