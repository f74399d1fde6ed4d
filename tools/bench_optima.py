"""Time the reference optima against plain alternatives, in one run: `python tools/bench_optima.py`.

Every figure is measured in this run, and each answer is the same to the digits shown. Nothing
here passes or fails. `--quick` leaves out the alternatives that take minutes.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "2")

import numpy as np  # noqa: E402  (after the thread count is set)
from scipy.optimize import linprog, nnls  # noqa: E402

from ibias import datasets, optima  # noqa: E402


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of one run, of all cores together, and its result.

    Processor time: it does not depend on what else the machine does.
    """
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def row(name: str, seconds: float, value: float, remark: str = "") -> None:
    """Print one line of the table, with the largest memory so far."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"  {name:44} {seconds:9.2f} s  {value:.10g}  {memory:.2f} GB  {remark}", flush=True)


def by_nnls(Z: np.ndarray) -> float:
    """Return the Euclidean margin by scipy's Lawson-Hanson on the dual."""
    a, _ = nnls(np.vstack([Z.T, np.ones(len(Z))]), np.r_[np.zeros(Z.shape[1]), 1.0])
    return float(np.linalg.norm(a @ Z) / a.sum())


def by_linear_program(Z: np.ndarray) -> float:
    """Return the l_1 margin by one linear program in all features."""
    n, d = Z.shape
    answer = linprog(np.ones(2 * d), A_ub=np.hstack([-Z, Z]), b_ub=-np.ones(n))
    return 1 / answer.fun


def by_cvxpy(Z: np.ndarray, p: float) -> float:
    """Return the margin by cvxpy, as one writes it down."""
    import cvxpy

    w = cvxpy.Variable(Z.shape[1])
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(w, p)), [Z @ w >= 1])
    problem.solve(solver=cvxpy.CLARABEL)
    return 1 / problem.value


def compare(n_samples: int, n_features: int, quick: bool) -> None:
    """Print the margins of one data set."""
    data = datasets.separable(0, n_samples, n_features)
    print(f"\nn = {n_samples}, d = {n_features}")
    for p in (2, 1, 3, np.inf):
        seconds, best = timed(lambda p=p: optima.max_margin(data, p=p))
        row(
            f"max_margin p={p:g}", seconds, best.margin, f"gap {best.duality_gap / best.margin:.0e}"
        )
        if p == 2 and n_samples > n_features:
            plain, value = timed(lambda: by_nnls(data.Z))
            row("  scipy's NNLS on the dual", plain, value, f"ratio {seconds / plain:.2f}")
        if p == 1 and not quick:
            plain, value = timed(lambda: by_linear_program(data.Z))
            row("  one linear program", plain, value, f"ratio {seconds / plain:.2f}")
        if p in (2, 3) and not quick:
            plain, value = timed(lambda p=p: by_cvxpy(data.Z, p))
            row("  cvxpy and CLARABEL", plain, value, f"ratio {seconds / plain:.2f}")
    seconds, biased = timed(lambda: optima.max_margin_with_bias(data))
    row("max_margin_with_bias", seconds, biased.margin)
    seconds, parts = timed(lambda: optima.bounded_part_and_ray(data))
    row("bounded_part_and_ray", seconds, parts.ray.margin)
    rng = datasets.generator(1)
    touching = np.vstack([data.Z[:-10], rng.standard_normal((5, n_features))])
    touching = np.vstack([touching, -touching[-5:]])
    mixed = datasets.Dataset.from_signed(touching)
    seconds, parts = timed(lambda: optima.bounded_part_and_ray(mixed))
    row("bounded_part_and_ray, ten rows in the rest", seconds, parts.ray.margin)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without what takes minutes")
    quick = parser.parse_args().quick
    timed(lambda: optima.max_margin(datasets.separable(0), p=3))  # the imports
    for n_samples, n_features in [(100, 20_000), (5000, 200)]:
        compare(n_samples, n_features, quick)


if __name__ == "__main__":
    main()
