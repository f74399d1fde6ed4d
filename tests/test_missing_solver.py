"""Without a solver: the error names the package to install, and with that the call works."""

import subprocess
import sys
import warnings

import cvxpy
import pytest

from ibias.optima import _solver

WITHOUT = """
import sys
import {package}
from ibias import datasets, optima
data, table = datasets.separable(0), datasets.four_by_four_completion(2.0)
for call in {calls}:
    sys.modules[{package!r}] = None
    try:
        call()
    except ModuleNotFoundError as error:
        print(error)
    else:
        print("works without")
    sys.modules[{package!r}] = {package}
    call()
"""
BY_ITSELF = "lambda: optima.max_margin(data, p=3), lambda: optima.max_margin_with_bias(data)"
MODELLED = """lambda: optima.max_fourier_margin(data),
    lambda: optima.hinge_machine(data, penalty=0.1),
    lambda: optima.min_spectral_norm(table), lambda: optima.min_nuclear_norm(table),
    lambda: optima.schatten_margin(datasets.separable_classes(0), norm='nuclear')"""
NEITHER = "lambda: optima.max_margin(data, p=1), lambda: optima.max_margin(data)"


def said(package, calls):
    """Return what each of the calls says without the package; with it they must work."""
    code = WITHOUT.format(package=package, calls=f"[{calls}]")
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    "package, calls", [("clarabel", f"{BY_ITSELF}, {MODELLED}"), ("cvxpy", MODELLED)]
)
def test_a_missing_package_is_named(package, calls):
    lines = said(package, calls)
    assert len(lines) == calls.count("lambda")
    for line in lines:
        assert f"needs the package {package}, which is not installed" in line
        assert f"`pip install --upgrade {package}`" in line


@pytest.mark.parametrize("package", ["clarabel", "cvxpy"])
def test_what_needs_none_runs_without(package):
    assert set(said(package, NEITHER)) == {"works without"}


class Problem:
    """What `solve` needs of a problem: how solving it goes, and the status after it."""

    def __init__(self, status=cvxpy.OPTIMAL, raises=None, warns=()):
        self.status, self.raises, self.warns, self.asked = status, raises, warns, None

    def solve(self, **how):
        self.asked = how
        for words in self.warns:
            warnings.warn(words, UserWarning, stacklevel=1)
        if self.raises is not None:
            raise self.raises


def test_a_solver_is_asked_for_thirteen_digits():
    problem = Problem()
    _solver.solve(problem, "thing")
    tight = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13}
    assert problem.asked == {"solver": cvxpy.CLARABEL, **tight}


def test_only_the_warning_of_an_inaccurate_solution_is_silenced():
    problem = Problem(
        cvxpy.OPTIMAL_INACCURATE, warns=["Solution may be inaccurate. Try", "another one"]
    )
    with pytest.warns(UserWarning) as caught:
        _solver.solve(problem, "thing")
    assert [str(warning.message) for warning in caught] == ["another one"]


@pytest.mark.parametrize(
    "problem", [Problem(cvxpy.INFEASIBLE), Problem(raises=cvxpy.SolverError("it failed"))]
)
def test_a_solver_without_an_answer_is_an_error_that_names_the_optimum(problem):
    with pytest.raises(RuntimeError, match="data: no largest thing was found in double"):
        _solver.solve(problem, "largest thing")


def test_a_solver_or_a_module_that_is_missing_is_named():
    absent = Problem(raises=cvxpy.SolverError("The solver CLARABEL is not installed."))
    with pytest.raises(ModuleNotFoundError, match="package clarabel, which is") as caught:
        _solver.solve(absent, "thing")
    assert caught.value.name == "clarabel"
    needs = pytest.raises(ModuleNotFoundError, match="needs the package nothing, which")
    with needs as caught, _solver.needed():
        raise ModuleNotFoundError("no", name="nothing.inside")
    assert caught.value.name == "nothing"
    with pytest.raises(KeyError), _solver.needed():
        raise KeyError


def test_orders_of_norms_are_numbers_from_one_on():
    assert _solver.norm_order("p", 1) == 1 and _solver.norm_order("p", "inf") == float("inf")
    for bad, words in ((0.999, "must be from 1 to inf, got 0.999"), (None, "got None")):
        with pytest.raises(ValueError, match=words):
            _solver.norm_order("p", bad)


def test_what_is_required_says_how_to_make_one():
    assert _solver.require("x", 3, int) == 3
    with pytest.raises(ValueError, match=r"x must be a int, got str; make one with int\('3'\)\."):
        _solver.require("x", "3", int, "int('3')")
    with pytest.raises(ValueError, match=r"make one with datasets\.int\(X, y\)\."):
        _solver.require("x", "3", int)
