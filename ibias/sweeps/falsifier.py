"""Gradient descent against random solutions of its own margin, on every pair of digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ibias._validate import choice
from ibias.datasets import digits, generator
from ibias.networks import ReluFeatures
from ibias.sweeps import parallel
from ibias.sweeps.rivals import MODELS, N_FEATURES, RISKS, WIDTH, Features, stops
from ibias.sweeps.table import Table, code_hash

NAME = "falsifier"
SOURCES = (
    "sweeps/falsifier.py",
    "sweeps/rivals.py",
    "networks/outputs.py",
    "networks/rotations.py",
    "networks/random_features.py",
    "descent.py",
)
PAIRS = tuple(combinations(range(10), 2))
SIZES, N_TEST, END = (4, 8, 16, 32, 64), 240, "risk 0.01"
LEVELS = ("any", "half", *RISKS, "poisoned", "a draw")


class Images(NamedTuple):
    """Inputs and labels (X, y): to train on, with the wrong labels, and to test on."""

    train: tuple[np.ndarray, np.ndarray]
    poison: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


@cache
def inputs(model: str, pair: tuple[int, int]) -> np.ndarray:
    """Return what the trained layers see of all images of a pair: pixels or random features.

    Both have mean zero over the images of the pair, and a mean squared length of one.
    """
    pixels = _centred(digits(*pair).X)
    if choice("model", model, tuple(MODELS)) == "network":
        return pixels
    return _centred(ReluFeatures(64, N_FEATURES, seed=1)(pixels))


def _centred(X: np.ndarray) -> np.ndarray:
    X = X - X.mean(axis=0)
    return X / np.sqrt((X**2).sum(axis=1).mean())


def images(model: str, pair: tuple[int, int], n: int, part: int) -> Images:
    """Return n training images, half of each digit, 20 with flipped labels, and 240 for tests."""
    X, y = inputs(model, pair), digits(*pair).y
    order = generator(10_000 * part + 100 * n + PAIRS.index(pair)).permutation(len(y))
    sides = [order[y[order] == label] for label in (1, -1)]
    train = np.concatenate([side[: n // 2] for side in sides])
    test = np.concatenate([side[n // 2 :][: N_TEST // 2] for side in sides])
    rest = np.stack([side[n // 2 + N_TEST // 2 :][:10] for side in sides], axis=1)
    rest = rest.ravel()
    return Images((X[train], y[train]), (X[rest], -y[rest]), (X[test], y[test]))


def stacked(model: str, pairs: Sequence[tuple[int, int]], n: int, parts: Sequence[int]) -> Images:
    """Return the images of several sets, one for each pair and part, along a first axis."""
    sets = [images(model, pair, n, part) for pair, part in zip(pairs, parts, strict=True)]
    return Images(
        *(tuple(map(np.array, zip(*side, strict=True))) for side in zip(*sets, strict=True))
    )


def cell(
    model: str, n: int, part: int = 0, pairs: tuple[tuple[int, int], ...] = PAIRS
) -> dict[str, Any]:
    """Return what gradient descent and random solutions of its margins reach on each pair.

    Parameters
    ----------
    model : str
        "features": a linear classifier of 512 random ReLU features, trained from zero;
        "network": a two-layer ReLU network of width 16, trained from a random start.
    n, part : int
        The number of training images, and which of the training sets; the table holds part 0.
    pairs : tuple of pairs
        Of digits.

    Returns
    -------
    dict
        ``accuracy``: of gradient descent at its stops, of the run that begins where 20 flipped
        labels have led ("poisoned"), and of one random solution ("a draw"); ``margin``: theirs,
        of unit vectors; ``near`` and ``far``: the mean accuracy of random solutions of at least
        that margin, by chains from the run and from far away, and of "any" margin and "half" that
        of the last stop; ``differ``: the share of test images on which a run and a draw differ. For
        the features also ``largest``, the largest margin; ``cheat`` and ``mirror``: the accuracy
        at the margin of each stop of the classifier that leans to the test images, or away.
        Everything is a list over the pairs.
    """
    kind = MODELS[choice("model", model, tuple(MODELS))]
    train, poison, test = stacked(model, pairs, n, [part] * len(pairs))
    rng = generator(10_000 * part + 100 * n + 99)
    runs = stops(kind, *train, rng)
    runs["poisoned"] = stops(kind, *train, rng, before=poison)["first fit"]
    rival = kind(*train, rng)
    margins = {name: rival.margins(theta) for name, theta in runs.items()}
    margins |= {"any": 0 * margins[END], "half": margins[END] / 2}
    found: dict[str, Any] = {"accuracy": {}, "near": {}, "far": {}, "differ": {}}
    for name in LEVELS:
        theta = rival.draws(margins[name], runs.get(name, runs[END]))
        if name == END:  # in a run's place, one of its random solutions
            runs["a draw"] = theta[1, -1, :, 0]
            margins["a draw"] = rival.margins(runs["a draw"])
        right = kind.right(theta, *test)
        found["near"][name], found["far"][name] = right.mean(axis=(1, 3, 4))
        if name in runs:
            own = kind.right(runs[name][:, None], *test)
            found["accuracy"][name] = own.mean(axis=(1, 2))
            found["differ"][name] = (own != right).mean(axis=(0, 1, 3, 4))
    found["margin"] = {name: margins[name] for name in runs}
    if kind is Features:
        found |= {"largest": {"": rival.largest}, "cheat": {}, "mirror": {}}
        for name in RISKS:
            both = leaning(rival, margins[name], test)
            for side, w in zip(("cheat", "mirror"), both, strict=True):
                found[side][name] = kind.right(w[:, None], *test).mean(axis=(1, 2))
    short = {k: {name: v.round(5).tolist() for name, v in d.items()} for k, d in found.items()}
    return {"model": model, "n": n, **short}


def leaning(rival: Features, margin: np.ndarray, test: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return two unit vectors of exactly these margins: one leans to the test images, one away.

    Both are the largest margin's vector, scaled down, plus or minus a direction that no training
    sample sees: that of the mean of the signed test images.
    """
    t = (test[1][..., None] * test[0]).mean(axis=1)
    gram = rival.Z @ rival.Z.swapaxes(1, 2)
    seen = np.linalg.solve(gram, (rival.Z @ t[..., None]))
    t = t - (rival.Z.swapaxes(1, 2) @ seen)[..., 0]
    t /= np.linalg.norm(t, axis=-1, keepdims=True)
    share = (margin / rival.largest)[:, None]
    core, lean = share * rival.best, np.sqrt(1 - share**2) * t
    return core + lean, core - lean


def compute(folder: Any = parallel.FOLDER) -> Table:
    """Compute the whole table: a few minutes on one core; it goes on where it was stopped."""
    code = code_hash(SOURCES)
    cells = [{"model": model, "n": n} for model in MODELS for n in SIZES]
    settings = {"n_test": N_TEST, "n_features": N_FEATURES, "width": WIDTH, "pairs": PAIRS}
    rows = parallel.run(cell, cells, code=code, folder=folder, n_jobs=1)
    return Table(name=NAME, code=code, settings=settings, rows=rows)
