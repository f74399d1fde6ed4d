"""Every loss, model, method and noise together: which margin or norm is reached, and which said."""

import warnings
from functools import cache
from typing import Any

import numpy as np

from ibias import atlas, optima
from ibias.datasets import Dataset, MatrixProblem, MulticlassDataset, Regression
from ibias.descent import Diverged, descent
from ibias.objectives import Objective
from ibias.sweeps import combinations as axes
from ibias.sweeps import parallel
from ibias.sweeps.table import Table, code_hash
from ibias.trajectory import Trajectory

NAME = "grid"
SOURCES = (
    "sweeps/grid.py",
    "sweeps/combinations.py",
    "atlas/measures.py",
    "descent.py",
    "objectives/outputs.py",
    "objectives/pull.py",
    "methods/adaptive.py",
    "methods/gradient.py",
    "methods/mirror.py",
    "methods/momentum.py",
    "methods/sign.py",
    "methods/spectral.py",
    "methods/steepest.py",
    "methods/wrapped.py",
)
NORMS = {
    "two classes": ("l1", "l2", "linf"),
    "several classes": ("nuclear", "Frobenius", "spectral"),
    "matrix": ("nuclear", "Frobenius", "spectral"),
}
ORDERS = {
    "l1": 1.0, "l2": 2.0, "linf": np.inf, "nuclear": 1.0, "Frobenius": 2.0, "spectral": np.inf,
}  # fmt: skip


@cache
def best(family: str, squared: bool) -> tuple[dict[str, float], ...]:
    """Return, for each data set of a family, the largest margin or the least norm of each kind."""
    return tuple(_best(data, squared) for data in axes.DATA[family]().values())


def _best(data: Any, squared: bool) -> dict[str, float]:
    if isinstance(data, MatrixProblem):
        fro = optima.min_norm(_flat(data))
        return {
            "nuclear": optima.min_nuclear_norm(data).value,
            "Frobenius": float(np.linalg.norm(fro.w)),
            "spectral": optima.min_spectral_norm(data).value,
        }
    if isinstance(data, MulticlassDataset):
        return {
            "nuclear": optima.schatten_margin(data, norm="nuclear").margin,
            "Frobenius": optima.multiclass_margin(data).margin,
            "spectral": optima.schatten_margin(data, norm="spectral").margin,
        }
    orders = {name: ORDERS[name] for name in NORMS["two classes"]}
    if squared:
        targets = Regression(data.X, data.y)
        return {k: optima.min_norm(targets, p=p).distance for k, p in orders.items()}
    return {k: optima.max_margin(data, p=p).margin for k, p in orders.items()}


def _flat(problem: MatrixProblem) -> Regression:
    sensors = problem.sensors
    return Regression(sensors.reshape(len(sensors), -1), problem.observations)


def measures(objective: Objective, optimum: dict[str, float]) -> dict[str, atlas.Measure]:
    """Return what each optimum of a data set is measured by: a margin, or a norm of what fits."""
    vector = objective.kind in (Dataset, Regression)
    shape = None if vector else objective.weights(np.zeros(objective.n_parameters)).shape
    if objective.loss == "squared":
        targets = _flat(objective.data) if objective.kind is MatrixProblem else objective.data
        X, y = targets.X, targets.y
        return {k: atlas.Norm(X, y, best, ORDERS[k], shape=shape) for k, best in optimum.items()}
    Z = objective.Z
    return {k: atlas.Margin(Z, best, ORDERS[k], shape=shape) for k, best in optimum.items()}


def cell(
    family: str, loss: str, model: str, method: str, noise: str, n_steps: int = axes.N_STEPS
) -> dict[str, Any]:
    """Return what one combination reaches, from both starts and on each data set.

    Returns
    -------
    dict
        The combination; ``reached``: for each norm, and ``log_risk`` and ``predicted`` (the share
        reached of the predicted optimum), a list over starts of lists over data sets, None where
        there is none; ``entry`` and ``selected``: the entry of the atlas and its words, of the
        small start; or ``refused``: why the combination is undefined.
    """
    setting = {"family": family, "loss": loss, "model": model, "method": method, "noise": noise}
    how = axes.disturbance(noise, loss)
    rule = axes.rule(method, loss, model, noise in ("one sample", "labels"))
    one = axes.METHODS[method]
    problems = axes.objectives(family, loss, model)
    names = (*NORMS[family], "log_risk", "predicted")
    reached: dict[str, list] = {name: [] for name in names}
    said, refused = [], []
    for scale in axes.SCALES:
        starts = [axes.start(problem, scale) for problem in problems]
        try:
            finals, risks = _ends(problems, one, rule, starts, n_steps, how)
        except Diverged:
            refused.append("the iterates grew out of bounds")
            for name in names:
                reached[name].append([None] * len(problems))
            said.append([atlas.Prediction()] * len(problems))
            continue
        except ValueError as error:
            return setting | {"refused": str(error)}
        weights = [p.weights(t) for p, t in zip(problems, finals, strict=True)]
        predictions = [
            atlas.predict(p, one, steps=rule, start=s, **how)
            for p, s in zip(problems, starts, strict=True)
        ]
        said.append(predictions)
        optimum = best(family, loss == "squared")
        found = [
            {k: one.share(w) for k, one in measures(p, best).items()}
            for p, w, best in zip(problems, weights, optimum, strict=True)
        ]
        for name in NORMS[family]:
            reached[name].append([_short(one[name]) for one in found])
        reached["log_risk"].append([_short(r) for r in risks])
        reached["predicted"].append(
            [
                _short(p.share(w)) if p.measure is not None else None
                for p, w in zip(predictions, weights, strict=True)
            ]
        )
    if len(refused) == len(axes.SCALES):
        return setting | {"refused": refused[0]}
    entries = [[p.entry.key if p.entry else "" for p in row] for row in said]
    words = [[p.selected if p.entry else "" for p in row] for row in said]
    return setting | {"reached": reached, "entry": entries, "selected": words}


def _ends(
    problems: list, method: Any, rule: Any, starts: list, n_steps: int, how: dict
) -> tuple[list, list]:
    """Return the last iterates and log risks; all data sets at once where they go together."""
    options = {"steps": rule, "n_steps": n_steps, "record": [n_steps], **how}
    noisy = problems[0].loss == "squared" and "noise" in how
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if problems[0].kind is MatrixProblem:
            paths = [
                descent(p, method, start=s, **options)
                for p, s in zip(problems, starts, strict=True)
            ]
            if noisy:
                paths = [_settled(p, path.final) for p, path in zip(problems, paths, strict=True)]
            return [p.final for p in paths], [p.log_risk[-1] for p in paths]
        first = problems[0]
        together = Objective([p.data for p in problems], first.loss, first.model)
        path = descent(together, method, start=np.stack(starts), **options)
        if noisy:
            path = _settled(together, path.final)
    return list(path.final), list(path.log_risk[-1])


def _settled(objective: Objective, theta: np.ndarray) -> Trajectory:
    """Return the gradient descent from theta, without the noise: until then the risk hovers."""
    n_steps, steps = axes.N_SETTLING, 0.1 if objective.model is None else 0.02
    return descent(objective, steps=steps, n_steps=n_steps, start=theta, record=[n_steps])


def _short(value: float) -> float | None:
    """Return three significant digits; None for what is no number."""
    return float(f"{value:.3g}") if np.isfinite(value) else None


def compute(folder: Any = parallel.FOLDER) -> Table:
    """Compute the whole table, on all cores; it goes on where it was stopped."""
    code = code_hash(SOURCES)
    rows = parallel.run(cell, axes.cells(), code=code, folder=folder)
    settings = {
        "n_steps": axes.N_STEPS,
        "n_settling": axes.N_SETTLING,
        "starts": list(axes.SCALES),
        "data": {family: list(make()) for family, make in axes.DATA.items()},
        "norms": NORMS,
    }
    return Table(name=NAME, code=code, settings=settings, rows=[_lean(row) for row in rows])


def _lean(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what is the same for every start and data set."""
    for name in ("entry", "selected"):
        if name in row and len({one for inner in row[name] for one in inner}) == 1:
            row[name] = row[name][0][0]
    return row
