"""What every reference optimum shares: checks of its arguments, and a solver that must answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ibias._validate import norm_order as norm_order  # which optima import from here

if TYPE_CHECKING:
    import cvxpy

TIGHT = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13}


def require(name: str, value: Any, kind: type, example: str = "") -> Any:
    """Return `value` if it is a `kind`; else say how to make one."""
    if not isinstance(value, kind):
        raise ValueError(
            f"{name} must be a {kind.__name__}, got {type(value).__name__};"
            f" make one with {example or f'datasets.{kind.__name__}(X, y)'}."
        )
    return value


@contextmanager
def needed() -> Iterator[None]:
    """Say how to install a package that is missed in this context.

    Raises
    ------
    ModuleNotFoundError
        In place of the one of the import.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise _missing(str(error.name).partition(".")[0]) from error


def _missing(package: str) -> ModuleNotFoundError:
    # Upgraded, since cvxpy passes over a solver that is too old; some versions of it list their
    # solvers once, when they are loaded.
    return ModuleNotFoundError(
        f"this optimum needs the package {package}, which is not installed:"
        f" `pip install --upgrade {package}`, then restart Python.",
        name=package,
    )


def solve(problem: cvxpy.Problem, what: str) -> None:
    """Solve by CLARABEL at tight tolerances; raise RuntimeError unless there is a point.

    The solver often stops just short of 1e-13 and calls its answer inaccurate. How good the
    answer is, is not for the solver to say: the caller computes a certificate.

    Raises
    ------
    ModuleNotFoundError
        Without the solver, which is a package of its own.
    RuntimeError
        When it finds no point.
    """
    import cvxpy

    try:
        with needed(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            problem.solve(solver=cvxpy.CLARABEL, **TIGHT)
    except cvxpy.SolverError as error:
        if "is not installed" in str(error):
            raise _missing("clarabel") from error
        raise RuntimeError(_found_none(what)) from error
    if problem.status not in (cvxpy.OPTIMAL, cvxpy.OPTIMAL_INACCURATE):
        raise RuntimeError(_found_none(what))


def _found_none(what: str) -> str:
    return (
        f"data: no {what} was found in double precision. Divide the data by the size of their"
        " entries, and take penalties and scales nearer to one."
    )
