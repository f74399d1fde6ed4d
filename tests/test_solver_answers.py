"""What every optimum shares: a solver that must answer, and checks of its arguments."""

import warnings

import cvxpy
import pytest

from ibias.optima import _solver


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
