"""Convex programs, handed to one solver each: linear programs to HiGHS, l_p norms to CLARABEL.

How good an answer is, is not for a solver to say: every caller computes a certificate.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import OptimizeWarning

from ibias.optima._highs import FEASIBILITY, linear_program
from ibias.optima._solver import needed
from ibias.progress import Bar

GAP = 1e-13  # what CLARABEL is asked for
Watch = Callable[[int, float], None]
Progress = Callable[[str], None]


def watcher(progress: Progress | None, name: str) -> Callable[[int, float], None]:
    """Return what the solver calls in every iteration; also without progress Ctrl-C stops it."""

    def watch(iteration: int, gap: float) -> None:
        if progress is not None:
            progress(f"{name}, iteration {iteration}: gap {gap:.1e}")

    return watch


@dataclass(frozen=True)
class LinearProgram:
    """min <c, x> s.t. A x >= b, lower <= x <= upper; the first `n_equations` rows are equations.

    Both solvers return x and the multipliers of A, or None where they find no solution: a
    simplex method, precise at a vertex, and an interior-point method, for where it stumbles.
    """

    c: np.ndarray
    A: np.ndarray
    b: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    n_equations: int = 0

    def simplex(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Solve by HiGHS; the number of its steps is limited, where it would turn in circles."""
        e = self.n_equations
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            answer = linear_program(
                self.c,
                A_ub=-self.A[e:] if e < len(self.A) else None,
                b_ub=-self.b[e:] if e < len(self.A) else None,
                A_eq=self.A[:e] if e else None,
                b_eq=self.b[:e] if e else None,
                bounds=np.column_stack([self.lower, self.upper]),
                options={**FEASIBILITY, "maxiter": 20 * sum(self.A.shape) + 1000},
            )
        if answer.status != 0:
            return None
        y = [answer.eqlin.marginals] if e else []
        y += [-np.asarray(answer.ineqlin.marginals)] if e < len(self.A) else []
        return answer.x, np.concatenate(y)

    def interior_point(self, watch: Watch | None = None) -> tuple[np.ndarray, np.ndarray] | None:
        """Solve by CLARABEL."""
        with needed():
            import clarabel

        m, k = self.A.shape
        below, above = np.isfinite(self.lower), np.isfinite(self.upper)
        identity = sparse.eye_array(k).tocsr()
        A = sparse.vstack([sparse.csr_array(-self.A), -identity[below], identity[above]]).tocsc()
        b = np.concatenate([-self.b, -self.lower[below], self.upper[above]])
        cones = [clarabel.NonnegativeConeT(A.shape[0] - self.n_equations)]
        if self.n_equations:
            cones.insert(0, clarabel.ZeroConeT(self.n_equations))
        found = _clarabel(self.c, A, b, cones, watch)
        return None if found is None else (found[0], found[1][:m])


def _clarabel(
    c: np.ndarray, A: sparse.csc_array, b: np.ndarray, cones: list, watch: Watch | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Minimise <c, x> s.t. b - A x in the cones; `watch` sees every iteration, and may raise."""
    with needed():
        import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = GAP
    P = sparse.csc_matrix((c.size, c.size))
    solver = clarabel.DefaultSolver(P, c, sparse.csc_matrix(A), b, cones, settings)
    stopped: list[BaseException] = []

    def each_iteration(info: object) -> bool:
        try:
            if 0 < info.gap_rel < 1:
                bar.at(-np.log(info.gap_rel))
            if watch is not None:
                watch(info.iterations, info.gap_rel)
        except BaseException as reason:  # Ctrl-C too; raised again out of the solver's frames
            stopped.append(reason)
        return bool(stopped)

    solver.set_termination_callback(each_iteration)
    with Bar("solving a convex program", -np.log(GAP)) as bar, _noting_ctrl_c(stopped):
        answer = solver.solve()
    if stopped:
        raise stopped[0]
    x, y = np.array(answer.x), np.array(answer.z)
    return (x, y) if np.isfinite(x).all() and np.isfinite(y).all() else None


@contextmanager
def _noting_ctrl_c(stopped: list[BaseException]) -> Iterator[None]:
    """Append to `stopped` on Ctrl-C: raised on entry to a callback, it would be lost."""
    if threading.current_thread() is not threading.main_thread():  # others get no signals
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: stopped.append(KeyboardInterrupt()))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def power_cone_program(
    Z: np.ndarray, b: np.ndarray, p: float, *, margin: bool, watch: Watch | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return w and multipliers y by CLARABEL, for 1 < p < inf; None where it fails.

    With `margin`, max s subject to Z w >= s, ||w||_p <= 1, which has a solution for any data;
    else min ||w||_p subject to Z w = b. The norm is a sum over power cones:
    sum_j r_j = t with r_j^(1/p) t^(1 - 1/p) >= |w_j|. `watch` is called with the number of the
    iteration and the solver's gap; what it raises stops the solver.
    """
    with needed():
        import clarabel

    n, d = Z.shape
    # The variables are w, r and one number: the margin s, or the norm t.
    one = np.ones((n, 1)) if margin else np.zeros((n, 1))
    rows = sparse.hstack([-sparse.csc_matrix(Z), sparse.csc_matrix((n, d)), one])
    total = np.r_[np.zeros(d), np.ones(d), 0.0 if margin else -1.0]
    first = 3 * np.arange(d)
    cones = sparse.csc_matrix(
        (
            -np.ones(2 * d if margin else 3 * d),
            (
                np.r_[first, first + 2] if margin else np.r_[first, first + 2, first + 1],
                np.r_[d + np.arange(d), np.arange(d)]
                if margin
                else np.r_[d + np.arange(d), np.arange(d), np.full(d, 2 * d)],
            ),
        ),
        shape=(3 * d, 2 * d + 1),
    )
    ends = np.zeros(3 * d)
    ends[first + 1] = 1.0 if margin else 0.0
    kind = clarabel.NonnegativeConeT(n) if margin else clarabel.ZeroConeT(n)
    found = _clarabel(
        np.r_[np.zeros(2 * d), -1.0 if margin else 1.0],
        sparse.vstack([sparse.csc_matrix(total), rows, cones]),
        np.r_[1.0 if margin else 0.0, np.zeros(n) if margin else -b, ends],
        [clarabel.ZeroConeT(1), kind, *[clarabel.PowerConeT(1 / p)] * d],
        watch,
    )
    return None if found is None else (found[0][:d], found[1][1 : 1 + n])
