"""Data with more features than samples, where different margins have different separators."""

from __future__ import annotations

import numpy as np

from ibias._validate import positive_integer
from ibias.datasets.classification import Dataset
from ibias.datasets.random import generator


def wide(seed: int = 0, n_samples: int = 15, n_features: int = 50) -> Dataset:
    """Return Gaussian inputs whose features shrink from size 2 to 1/2, with balanced labels.

    The labels know nothing of the inputs. With n_samples <= n_features the data are separable
    all the same, and the maximum-margin separators of different norms lie far apart; in a
    few dimensions they often coincide, and then any method finds all of them.

    Examples
    --------
    >>> data = wide(seed=0, n_samples=4, n_features=30)
    >>> data, int(data.y.sum())
    (Dataset(4 samples, 30 features), 0)
    """
    n_samples = positive_integer("n_samples", n_samples)
    n_features = positive_integer("n_features", n_features)
    if n_samples > n_features:
        raise ValueError(
            f"n_samples={n_samples} is more than n_features={n_features}: random labels may not"
            " be separable then. Lower n_samples, or use `separable`."
        )
    sizes = np.linspace(2.0, 0.5, n_features)
    X = generator(seed).standard_normal((n_samples, n_features)) * sizes
    return Dataset(X, np.where(np.arange(n_samples) % 2 == 0, 1.0, -1.0))
