"""How many entries of a low-rank matrix must be seen before each method finds the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ibias import flow, optima
from ibias._validate import choice
from ibias.datasets import Completion, low_rank_completion
from ibias.sweeps.table import Table, code_hash

NAME = "recovery"
SOURCES = (
    "sweeps/recovery.py",
    "datasets/matrices.py",
    "flow/matrix.py",
    "models/matrix_product.py",
    "optima/nuclear.py",
)
SIZE, RANK, SEED, N_PROBLEMS = 10, 2, 0, 20
OBSERVED = tuple(range(40, 91, 5))
RECOVERED = 0.1  # the relative error below which a matrix counts as found


def _flow(depth: int, scale: float, time: float) -> Callable[[Completion], np.ndarray]:
    def limit(problems: Completion) -> np.ndarray:
        run = flow.matrix_flow(
            problems, depth=depth, scale=scale, log_t=[np.log(time)], tolerance=1e-4
        )
        return run.final

    return limit


def _nuclear(problems: Completion) -> np.ndarray:
    return np.array([optima.min_nuclear_norm(problems[i]).W for i in range(len(problems.mask))])


METHODS: dict[str, Callable[[Completion], np.ndarray]] = {
    "depth 1": _flow(1, 1e-4, 30.0),
    "nuclear norm": _nuclear,
    "depth 2": _flow(2, 1e-4, 100.0),
    "depth 2, tiny start": _flow(2, 1e-8, 100.0),
    "depth 3": _flow(3, 1e-4, 100.0),
}


def errors(method: str, n_observed: int, n_problems: int = N_PROBLEMS) -> np.ndarray:
    """Return the relative errors of one cell on its first `n_problems` problems.

    The problems are `datasets.low_rank_completion`, 10 x 10 and of rank 2; the same matrices
    for every method and every number of observations, which only adds entries.

    Parameters
    ----------
    method : str
        "depth 1", "depth 2", "depth 3": the flow of so many factors from W_0 = 1e-4 I (up
        to time 30 for one factor, 100 for more); "depth 2, tiny start": from 1e-8 I;
        "nuclear norm": the optimum.
    n_observed : int
        How many of the 100 entries are seen.
    n_problems : int
        At most 20.
    """
    limit = METHODS[choice("method", method, tuple(METHODS))]
    problems = low_rank_completion(N_PROBLEMS, SIZE, RANK, n_observed, SEED)[:n_problems]
    return problems.relative_error(limit(problems))


def compute() -> Table:
    """Compute the whole table: about a minute on one core."""
    return Table(
        name=NAME,
        code=code_hash(SOURCES),
        settings={"size": SIZE, "rank": RANK, "seed": SEED, "n_problems": N_PROBLEMS},
        rows=[
            {
                "method": method,
                "n_observed": n_observed,
                "errors": errors(method, n_observed).round(5).tolist(),
            }
            for method in METHODS
            for n_observed in OBSERVED
        ],
    )


def shares(table: Table, method: str) -> np.ndarray:
    """Return the share of recovered problems of `method`, one a number of observations."""
    choice("method", method, tuple(METHODS))
    cells = {row["n_observed"]: row["errors"] for row in table.rows if row["method"] == method}
    return np.array([np.mean(np.less(cells[k], RECOVERED)) for k in sorted(cells)])
