"""Linear programs by HiGHS, with a bar for those that take long, and stopped by Ctrl-C.

scipy hands a program over whole, and hears nothing before it is solved. So a large one is
solved in a thread, which lets this one wait, and hear Ctrl-C. The thread then ends by itself.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, linprog

from ibias import progress

FEASIBILITY = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
LARGE = 10_000  # entries of the matrices of a program that may take more than a moment
TICK = 0.1  # seconds


def linear_program(c: np.ndarray, **problem: Any) -> OptimizeResult:
    """Minimise <c, x>; the keywords are those of `scipy.optimize.linprog`.

    >>> linear_program(np.ones(1), A_ub=-np.ones((1, 1)), b_ub=[-2.0]).x
    array([2.])
    """
    matrices = [problem.get("A_ub"), problem.get("A_eq")]
    if sum(np.prod(A.shape) for A in matrices if A is not None) < LARGE:
        return linprog(c, method="highs", **problem)
    found: list[Any] = []

    def solve() -> None:
        try:
            found.append(linprog(c, method="highs", **problem))
        except Exception as error:  # raised again where somebody listens
            found.append(error)

    thread = threading.Thread(target=solve, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # in a browser there are no threads
        solve()
    with progress.Bar("solving a linear program", 1.0) as bar:
        while thread.is_alive():
            thread.join(TICK)
            bar.at(0.0)  # how far it is, HiGHS does not say
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]
