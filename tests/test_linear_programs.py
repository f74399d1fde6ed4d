"""Linear programs by both solvers, and cones, against duality and cases done by hand."""

import threading
import types
import warnings

import clarabel
import numpy as np
import pytest
from scipy.optimize import OptimizeWarning, linprog

from ibias import progress
from ibias.optima import _highs, _programs
from ibias.optima._programs import LinearProgram, power_cone_program

INF = np.inf


def program(n_equations, seed=0, m=6, k=4):
    """A program with a solution; the bounds are of all four kinds."""
    rng = np.random.default_rng(seed)
    A, x, y = rng.standard_normal((m, k)), rng.uniform(-1, 1, k), rng.uniform(0, 1, m)
    b = A @ x
    b[n_equations:] -= rng.uniform(0.1, 1, m - n_equations)  # x is inside
    c = A.T @ y + np.array([0.3, -0.4, 0.0, 0.2])  # bounded below by duality
    lower, upper = np.array([-1.5, -INF, -INF, -2.0]), np.array([INF, 1.25, INF, 2.0])
    return LinearProgram(c, A, b, lower, upper, n_equations)


def answers(lp, watch=None):
    return {"simplex": lp.simplex(), "interior point": lp.interior_point(watch)}


@pytest.mark.parametrize(("n_equations", "m"), [(0, 6), (1, 6), (2, 6), (3, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_both_solvers_return_a_point_and_multipliers_that_prove_it_best(n_equations, m, seed):
    """<c, x> = <b, y> + <c - A^T y, bounds>, with y of the right sign on the inequalities."""
    lp, e = program(n_equations, seed, m), n_equations
    peer = linprog(
        lp.c,
        A_ub=-lp.A[e:] if e < m else None,
        b_ub=-lp.b[e:] if e < m else None,
        A_eq=lp.A[:e] if e else None,
        b_eq=lp.b[:e] if e else None,
        bounds=list(zip(lp.lower, lp.upper, strict=True)),
    )
    assert peer.status == 0
    for name, (x, y) in answers(lp).items():
        close = {"abs": 1e-9 if name == "simplex" else 1e-7}
        assert x.shape == lp.c.shape and y.shape == lp.b.shape
        assert lp.c @ x == pytest.approx(peer.fun, **close), name
        assert (lp.A @ x - lp.b >= -1e-8).all() and (x >= lp.lower - 1e-8).all()
        assert (x <= lp.upper + 1e-8).all()
        assert (lp.A @ x)[:e] == pytest.approx(lp.b[:e], **close)
        reduced = lp.c - lp.A.T @ y
        assert (y[e:] >= -1e-8).all()
        assert ((reduced <= 1e-7) | np.isfinite(lp.lower)).all()
        assert ((reduced >= -1e-7) | np.isfinite(lp.upper)).all()
        ends = np.where(reduced > 0, lp.lower, lp.upper)
        bound = lp.b @ y + (reduced * np.where(np.abs(reduced) > 1e-7, ends, 0)).sum()
        assert bound == pytest.approx(peer.fun, abs=1e-6), name


def test_a_program_by_hand():
    """min x + 2 y with x + y = 1, x - y >= -1, x >= 0, y from 0 to 3: the corner (1, 0)."""
    A, b = np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([1.0, -1.0])
    lp = LinearProgram(np.array([1.0, 2.0]), A, b, np.zeros(2), np.array([INF, 3.0]), 1)
    for x, y in answers(lp).values():
        assert x == pytest.approx([1, 0], abs=1e-8) and y == pytest.approx([1, 0], abs=1e-8)
    # The second constraint alone, as one of its own: min -y is at the wall y = x + 1 = 3.
    lp = LinearProgram(np.array([0.0, -1.0]), A[1:], b[1:], np.zeros(2), np.array([2.0, INF]))
    for x, y in answers(lp).values():
        assert x == pytest.approx([2, 3], abs=1e-8) and y == pytest.approx([1], abs=1e-8)


@pytest.mark.parametrize(
    ("c", "b", "upper"),
    [(1.0, [1.0, 0.0], 0.5), (-1.0, [0.0, -1.0], INF)],
    ids=["no point", "no end"],
)
def test_without_a_solution_the_simplex_method_returns_none(c, b, upper):
    lp = LinearProgram(np.array([c]), np.ones((2, 1)), np.array(b), np.zeros(1), np.array([upper]))
    assert lp.simplex() is None


def test_the_number_of_steps_follows_the_size_and_the_solver_is_asked_for_accuracy(monkeypatch):
    met, true = [], _programs.linear_program

    def spy(c, **problem):
        met.append(problem)
        return true(c, **problem)

    monkeypatch.setattr(_programs, "linear_program", spy)
    program(2).simplex()
    assert met[0]["options"] == {
        "primal_feasibility_tolerance": 1e-10,
        "dual_feasibility_tolerance": 1e-10,
        "maxiter": 20 * (6 + 4) + 1000,
    }


def test_only_warnings_of_options_are_silenced(monkeypatch):
    true = _programs.linear_program

    def warns(c, **problem):
        warnings.warn("something else", UserWarning, stacklevel=1)
        warnings.warn("an option", OptimizeWarning, stacklevel=1)
        return true(c, **problem)

    monkeypatch.setattr(_programs, "linear_program", warns)
    with pytest.warns(UserWarning, match="something else") as caught:
        program(1).simplex()
    assert len(caught) == 1


def test_the_solver_prints_nothing(capfd):
    program(1).interior_point()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("x", "z"), [([np.nan], [1.0]), ([1.0], [np.inf]), ([np.nan], [np.nan])])
def test_an_answer_that_is_no_number_is_none(x, z, monkeypatch):
    class Solver:
        def __init__(self, *_):
            pass

        def set_termination_callback(self, _):
            pass

        def solve(self):
            return types.SimpleNamespace(x=x, z=z)

    monkeypatch.setattr(clarabel, "DefaultSolver", Solver)
    assert program(1).interior_point() is None
    for margin in (True, False):
        assert power_cone_program(np.eye(2), np.ones(2), 3.0, margin=margin) is None


def test_every_iteration_is_told_and_what_it_raises_ends_the_solver():
    told, lines = [], []
    program(1).interior_point(lambda iteration, gap: told.append((iteration, gap)))
    assert [iteration for iteration, _ in told] == list(range(len(told))) and len(told) > 3
    assert told[-1][1] < 1e-6 < told[0][1]
    program(1).interior_point(_programs.watcher(lines.append, "a name"))
    assert lines[0].startswith("a name, iteration 0: gap ") and len(lines) == len(told)
    assert lines[-1] == f"a name, iteration {told[-1][0]}: gap {told[-1][1]:.1e}"
    _programs.watcher(None, "a name")(0, 1.0)  # without a listener: no word

    def refuse(iteration, gap):
        told.append("stop")
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        program(1).interior_point(refuse)
    assert told.count("stop") == 1


def test_the_bar_counts_the_digits_of_the_gap(monkeypatch):
    """From a gap of one to 1e-13: the logarithm of the gap over that of the goal."""
    heard, told = [], []
    monkeypatch.setattr(progress, "INTERVAL", -1.0)
    with progress.reported(lambda what, fraction: heard.append((what, fraction))):
        program(1).interior_point(lambda _, gap: told.append(gap))
    assert {what for what, _ in heard} == {"solving a convex program"}
    digits = [np.log(gap) / np.log(1e-13) for gap in told if 0 < gap < 1]
    assert [fraction for _, fraction in heard] == pytest.approx([min(1, x) for x in digits])


@pytest.mark.parametrize("in_main", [True, False])
def test_the_solver_works_in_any_thread(in_main):
    """Only the main thread gets signals; another one needs no handler."""
    found = []
    if in_main:
        found.append(program(1).interior_point())
    else:
        thread = threading.Thread(target=lambda: found.append(program(1).interior_point()))
        thread.start()
        thread.join()
    assert found[0][0] == pytest.approx(program(1).simplex()[0], abs=1e-6)


@pytest.mark.parametrize("p", [1.3, 2.0, 5.0])
def test_the_largest_margin_by_cones_has_multipliers_that_prove_it(p):
    rng = np.random.default_rng(2)
    Z = np.c_[rng.standard_normal((5, 3)), rng.uniform(1, 2, 5)]
    w, y = power_cone_program(Z, np.empty(0), p, margin=True)
    assert w.shape == (4,) and y.shape == (5,)
    assert np.linalg.norm(w, p) == pytest.approx(1, abs=1e-6)
    assert y.sum() == pytest.approx(1, abs=1e-6) and (y > -1e-9).all()
    distance = np.linalg.norm(y @ Z, 1 / (1 - 1 / p))
    assert (Z @ w).min() == pytest.approx(distance, rel=1e-6)


def test_the_cones_tell_every_iteration_too():
    told = []
    power_cone_program(
        np.eye(2), np.ones(2), 3.0, margin=False, watch=lambda *at: told.append(at[0])
    )
    assert told == list(range(len(told))) and told


# ---- HiGHS, and the thread it is waited for in


def square(size):
    """min sum x with x >= 1, of `size` variables."""
    return np.ones(size), {"A_ub": -np.eye(size), "b_ub": -np.ones(size)}


@pytest.mark.parametrize(("entries", "threads"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("equations", [False, True])
def test_only_large_programs_are_solved_in_a_thread(entries, threads, equations, monkeypatch):
    """Large are those whose two matrices have as many entries as that together."""
    begun, true = [], threading.Thread.start

    def start(thread):
        begun.append(thread.daemon)
        true(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    c, problem = square(6)
    if equations:
        problem |= {"A_eq": np.ones((2, 6)), "b_eq": [9.0, 9.0]}
    size = 36 + 12 * equations
    monkeypatch.setattr(_highs, "LARGE", size + 1 - entries)
    answer = _highs.linear_program(c, **problem)
    assert answer.fun == pytest.approx(9 if equations else 6) and begun == [True] * threads


@pytest.mark.parametrize("large", [1, 10**9])
def test_what_the_solver_raises_is_raised_here(large, monkeypatch):
    monkeypatch.setattr(_highs, "LARGE", large)
    with pytest.raises(ValueError, match="b_ub"):
        _highs.linear_program(np.ones(3), A_ub=np.eye(3), b_ub=np.ones(2))


def test_while_a_large_program_runs_a_bar_is_drawn(monkeypatch):
    heard, true, go = [], _highs.linprog, threading.Event()

    def slow(*args, **how):
        go.wait(5)
        return true(*args, **how)

    def hear(what, fraction):
        heard.append((what, fraction))
        go.set()

    monkeypatch.setattr(_highs, "linprog", slow)
    monkeypatch.setattr(_highs, "LARGE", 1)
    monkeypatch.setattr(_highs, "TICK", 0.001)
    c, problem = square(3)
    with progress.reported(hear):
        assert _highs.linear_program(c, **problem).fun == pytest.approx(3)
    assert heard[0] == ("solving a linear program", 0.0)
