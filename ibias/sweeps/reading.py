"""The stored grid read as a picture: what selects what, and where the theory says so."""

from dataclasses import dataclass

import numpy as np

from ibias._validate import choice
from ibias.sweeps.grid import NORMS
from ibias.sweeps.table import Table

REACHED = 0.9  # the share of a predicted optimum from which a run agrees with it


@dataclass(frozen=True, eq=False)
class Selection:
    """Which norm's optimum every method and model comes nearest to, for one loss and noise.

    Attributes
    ----------
    methods, models, norms : tuple of str
    winners : array of int, shape (n_methods, n_models)
        The index of the norm whose optimum is reached most; -1 where nothing is measured.
    shares : array, shape (n_methods, n_models)
        How much of it is reached, on average over the data sets that the run fits.
    predicted : array, shape (n_methods, n_models)
        The share reached of the predicted optimum; NaN where none is predicted.
    """

    methods: tuple[str, ...]
    models: tuple[str, ...]
    norms: tuple[str, ...]
    winners: np.ndarray
    shares: np.ndarray
    predicted: np.ndarray

    @property
    def agree(self) -> np.ndarray:
        """Whether at least `REACHED` of a predicted optimum is reached."""
        return self.predicted >= REACHED

    @property
    def differ(self) -> np.ndarray:
        """Whether less is."""
        return self.predicted < REACHED


def selection(
    table: Table, *, loss: str, noise: str = "none", family: str = "two classes", start: int = 0
) -> Selection:
    """Return what the stored grid says of one loss and noise, averaged over the data sets.

    Parameters
    ----------
    table : Table
        ``sweeps.load("grid")``.
    loss, noise, family : str
        As in its rows.
    start : int
        0 for the small one, 1 for the large.
    """
    rows = [r for r in table.rows if r["family"] == family]
    choice("loss", loss, tuple(dict.fromkeys(r["loss"] for r in rows)))
    choice("noise", noise, tuple(dict.fromkeys(r["noise"] for r in rows)))
    rows = [r for r in rows if (r["loss"], r["noise"]) == (loss, noise)]
    methods = tuple(dict.fromkeys(r["method"] for r in rows))
    models = tuple(dict.fromkeys(r["model"] for r in rows))
    shape = len(methods), len(models)
    winners = np.full(shape, -1)
    shares, predicted = np.full(shape, np.nan), np.full(shape, np.nan)
    for row in rows:
        place = methods.index(row["method"]), models.index(row["model"])
        if "refused" in row:
            continue
        values = np.array([row["reached"][name][start] for name in NORMS[family]], dtype=float)
        fits = np.isfinite(values).all(axis=0)
        if not fits.any():
            continue
        means = values[:, fits].mean(axis=1)
        if means.max() > 0:
            winners[place], shares[place] = means.argmax(), means.max()
        said = np.array(row["reached"]["predicted"][start], dtype=float)[fits]
        predicted[place] = said.mean() if np.isfinite(said).all() else np.nan
    return Selection(methods, models, NORMS[family], winners, shares, predicted)


def agreement(
    table: Table,
    *,
    loss: str,
    noise: str = "none",
    start: int = 0,
    claimed: str | None = None,
) -> float:
    """Return the share of runs that come nearest to the optimum that is predicted.

    Of all rows on two classes for which the atlas, without noise, predicts the optimum of one of
    the three norms, and of all their data sets: how often the run reaches more of this optimum
    than of the other two.

    Parameters
    ----------
    table, loss, start
        As for `selection`.
    noise : str
        Of the runs; the prediction is always that without noise.
    claimed : str, optional
        A norm that is put in the place of each prediction.

    Examples
    --------
    >>> from ibias.sweeps import load
    >>> agreement(load("grid"), loss="exponential") > 0.9
    True
    """
    names = NORMS["two classes"]
    rows = [r for r in table.rows if r["family"] == "two classes" and "reached" in r]
    choice("loss", loss, tuple(dict.fromkeys(r["loss"] for r in rows)))
    choice("noise", noise, tuple(dict.fromkeys(r["noise"] for r in rows)))
    of = {(r["loss"], r["noise"], r["model"], r["method"]): r["reached"] for r in rows}
    nearest = []
    for (of_loss, of_noise, *place), reached in of.items():
        run = of.get((loss, noise, *place))
        if (of_loss, of_noise) != (loss, "none") or run is None:
            continue
        # What is predicted is measured as the norms are: its shares are those of one of them.
        said = [k for k in names if reached[k][start] == reached["predicted"][start]]
        values = np.array([run[k][start] for k in names], dtype=float)
        if said and np.isfinite(values).all():
            nearest += (values.argmax(axis=0) == names.index(claimed or said[0])).tolist()
    return float(np.mean(nearest))
