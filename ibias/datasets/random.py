"""The one source of randomness."""

from __future__ import annotations

import os

import numpy as np

from ibias._validate import index


def generator(seed: int) -> np.random.Generator:
    """Return numpy's generator for `seed`, shifted by the environment variable IBIAS_SEED.

    Without the variable this is ``numpy.random.default_rng(seed)``. With IBIAS_SEED=k every
    generator of the book moves to another, independent stream, so that all checks can be
    run on data that nobody looked at when the tolerances were chosen.

    >>> generator(0).integers(100) == generator(0).integers(100)
    np.True_
    """
    text = os.environ.get("IBIAS_SEED", "0") or "0"
    if not text.isdecimal():
        raise ValueError(f"IBIAS_SEED must be a whole number, at least 0; got {text!r}")
    return np.random.default_rng(index("seed", seed) + 1_000_003 * int(text))
