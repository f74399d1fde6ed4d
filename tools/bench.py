"""Time the engine against the plain alternatives, in one run on one thread: `make bench`.

Every figure is a ratio within this run. Nothing here passes or fails.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (after the thread count is set)
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

from ibias import datasets, flow, optima  # noqa: E402
from ibias.descent import descent  # noqa: E402
from ibias.objectives import Objective  # noqa: E402
from ibias.trajectory import Trajectory, unit  # noqa: E402

SIZES = [(40, 5), (200, 20), (1000, 100)]
FAR = (1e4 * np.log(10), 1e6)  # log of step 10^10000, and log t = 10^6


def timed(run: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Return the median seconds of `repeats` runs, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), result


def compare(n_samples: int, n_features: int, n_steps: int) -> None:
    """Print the rows of one size."""
    data = datasets.separable(0, n_samples, n_features)
    eta = Objective(data).default_step_size
    best = optima.max_margin(data)
    log_k = np.log(n_steps)

    def gap(w: np.ndarray) -> float:
        return float(np.linalg.norm(unit(w) - best.direction))

    def row(name: str, seconds: float, log_t: str, w: np.ndarray, remark: str = "") -> None:
        print(f"  {name:34} {1e3 * seconds:11.1f} ms  {log_t:>9}  {gap(w):.1e}  {remark}")

    print(f"\nn = {n_samples}, d = {n_features}: certified optimum to {best.duality_gap:.0e}")
    print(f"  {'':34} {'time':>14}  {'log t':>9}  gap      ")
    plain, loop = timed(lambda: descent(data, n_steps=n_steps, record=[n_steps]))
    row(f"numpy loop, {n_steps:.0e} steps", plain, f"{loop.log_t[-1]:.1f}", loop.final)
    seconds, model = timed(
        lambda: LogisticRegression(C=1e10, fit_intercept=False, max_iter=100_000, tol=1e-10).fit(
            data.X, data.y
        )
    )
    row("scikit-learn logistic, C = 1e10", seconds, "", model.coef_[0])
    seconds, model = timed(lambda: SVC(kernel="linear", C=1e10).fit(data.X, data.y))
    row("scikit-learn SVC (with intercept)", seconds, "", model.coef_[0])
    for tolerance in (1e-6, 1e-9):
        seconds, path = timed(
            lambda tolerance=tolerance: flow.continued_gradient_descent(
                data, log_steps=[log_k], tolerance=tolerance
            ),
            5,
        )
        error = np.abs(path.final - loop.final).max() / np.abs(loop.final).max()
        row(
            f"engine, same step, tolerance {tolerance:.0e}",
            seconds,
            f"{path.log_t[-1]:.1f}",
            path.final,
            f"{plain / seconds:.0f} times faster than the loop; relative error {error:.0e},"
            f" estimate {float(path.error_estimate[-1] / np.abs(path.final).max()):.0e}",
        )
    for log_steps in FAR:

        def far(tolerance: float, log_steps: float = log_steps) -> Trajectory:
            return flow.continued_gradient_descent(
                data, step_size=eta, log_steps=[log_steps], tolerance=tolerance
            )

        seconds, path = timed(lambda far=far: far(1e-4), 5)
        close = far(1e-8).final
        error = np.abs(path.final - close).max() / np.abs(close).max()
        row(
            "engine, far, tolerance 1e-04",
            seconds,
            f"{log_steps:.0f}",
            path.final,
            f"{path.n_evaluations} gradients; relative error {error:.0e}",
        )


def growth() -> None:
    """Print how the cost grows with n, d and log t."""
    print("\nGrowth of the cost, gradient flow at tolerance 1e-6")
    for n, d in [(40, 5), (400, 5), (4000, 5), (4000, 50), (100, 1000)]:
        data = datasets.separable(0, n, d)
        seconds, path = timed(
            lambda data=data: flow.gradient_flow(data, log_t=[1e4], tolerance=1e-6), 3
        )
        print(f"  n {n:5}, d {d:5}, log t 1e4: {path.n_evaluations:5} gradients, {seconds:.3f} s")
    print("\nLarge data, gradient flow at tolerance 1e-9")
    for n, d in [(5000, 200), (100, 20_000)]:
        data = datasets.separable(0, n, d)
        seconds, path = timed(lambda data=data: flow.gradient_flow(data, log_t=[1e5]))
        print(f"  n {n:5}, d {d:5}, log t 1e5: {path.n_evaluations:5} gradients, {seconds:.1f} s")
    data = datasets.separable(0, 200, 20)
    for log_t in (10.0, 100.0, 1e3, 1e4, 1e5, 1e6):
        seconds, path = timed(
            lambda log_t=log_t: flow.gradient_flow(data, log_t=[log_t], tolerance=1e-6), 3
        )
        cost = f"{path.n_evaluations:5} gradients, {seconds:.3f} s"
        print(f"  n   200, d    20, log t {log_t:.0e}: {cost}")


def main() -> None:
    """Run the comparison; `--quick` takes 1e5 steps of the loop in place of 1e6."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1e5 steps of the loop, not 1e6")
    n_steps = 10**5 if parser.parse_args().quick else 10**6
    for n_samples, n_features in SIZES:
        compare(n_samples, n_features, n_steps)
    growth()


if __name__ == "__main__":
    main()
