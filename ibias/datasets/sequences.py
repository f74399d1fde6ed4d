"""Sequences of tokens with a value each, as attention with one query sees them."""

from __future__ import annotations

import numpy as np

from ibias._validate import flag, positive_integer
from ibias.datasets.classification import Dataset
from ibias.datasets.random import generator


def token_sequences(
    seed: int = 0,
    n_samples: int = 4,
    n_tokens: int = 3,
    n_features: int = 6,
    *,
    with_query: bool = False,
) -> Dataset:
    """Return Gaussian tokens x_t, each with the value <v, x_t> of a random v of length one.

    A sample is one row, token after token, the entries of x_t and then its value: the format of
    `models.Attention`. Labels alternate. With `with_query` the last token of a sequence is its
    query z, and the keys are the products x_t z^T, row by row.

    Examples
    --------
    >>> token_sequences(seed=0, n_samples=4, n_tokens=3, n_features=6).X.shape
    (4, 21)
    """
    n_samples = positive_integer("n_samples", n_samples)
    n_tokens = positive_integer("n_tokens", n_tokens)
    n_features = positive_integer("n_features", n_features)
    if n_samples < 2:
        raise ValueError("n_samples must be at least 2, one for each label.")
    rng = generator(seed)
    tokens = rng.standard_normal((n_samples, n_tokens, n_features))
    head = rng.standard_normal(n_features)
    values = tokens @ head / np.linalg.norm(head)
    keys = tokens
    if flag("with_query", with_query):
        keys = (tokens[..., None] * tokens[:, -1, None, None, :]).reshape(*tokens.shape[:2], -1)
    rows = np.concatenate([keys, values[..., None]], axis=-1)
    return Dataset(rows.reshape(n_samples, -1), np.resize([1, -1], n_samples))
