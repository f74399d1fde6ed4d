"""Points in sectors of the plane, for networks without bias: only their directions matter much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ibias._validate import finite_array, from_zero, positive_integer
from ibias.datasets.classification import Dataset
from ibias.datasets.random import generator
from ibias.datasets.tables import signs


def sectors(
    seed: int = 0,
    centres: Sequence[float] = (45.0, 135.0, 225.0, 315.0),
    labels: Sequence[int] = (1, -1, 1, -1),
    n_per_sector: int = 4,
    half_width: float = 0.0,
) -> Dataset:
    """Return points in the plane around the directions `centres`, each sector of one label.

    The angles are uniform within `half_width` of the centre, the lengths uniform in [0.7, 1.3].
    The default is the exclusive or: four rays, which no linear classifier separates.

    Parameters
    ----------
    seed : int
        The seed.
    centres : sequence of float
        The middle of each sector, in degrees.
    labels : sequence of +1 and -1
        One for each sector.
    n_per_sector : int
        Points in a sector.
    half_width : float
        In degrees; 0 puts the points on rays.

    Examples
    --------
    >>> data = sectors(0, n_per_sector=1)
    >>> np.sign(data.X).astype(int).tolist(), data.y.astype(int).tolist()
    ([[1, 1], [-1, 1], [-1, -1], [1, -1]], [1, -1, 1, -1])
    """
    centres, labels = finite_array("centres", centres, ndim=1), signs("labels", labels)
    if centres.shape != labels.shape:
        raise ValueError(
            f"centres has {centres.size} sectors but labels has {labels.size}; give one label each."
        )
    n = positive_integer("n_per_sector", n_per_sector)
    half_width = from_zero("half_width", half_width, below=180)
    rng = generator(seed)
    angles = np.repeat(centres, n) + half_width * rng.uniform(-1, 1, n * centres.size)
    lengths = rng.uniform(0.7, 1.3, n * centres.size)
    angles = np.radians(angles)
    X = lengths[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return Dataset(X, np.repeat(labels, n))
