"""Tasks in turn: the nearest separator and the climb of the worst margin, against other solvers."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets, flow, optima
from ibias.datasets import Dataset
from ibias.objectives import Objective
from ibias.optima import margin_climb, nearest_separator

CORNER = Dataset.from_signed([[1.0, 0.0], [3.0, 0.5]])


def problem(seed, n=8, d=4):
    data = datasets.separable(seed, n, d)
    return data, datasets.generator(seed + 100).standard_normal(d)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", [(8, 4), (5, 12), (30, 3)])
def test_the_nearest_separator_is_what_a_general_solver_finds(seed, shape):
    data, start = problem(seed, *shape)
    found = nearest_separator(data, start)
    assert found.residual < 1e-10
    assert found.w == pytest.approx(start + found.dual_variables @ data.Z, abs=1e-12)
    assert (data.Z @ found.w).min() > 1 - 1e-9
    other = minimize(
        lambda w: ((w - start) ** 2).sum() / 2,
        optima.max_margin(data).w,
        jac=lambda w: w - start,
        constraints={"type": "ineq", "fun": lambda w: data.Z @ w - 1, "jac": lambda w: data.Z},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    ).x
    assert np.linalg.norm(found.w - start) <= np.linalg.norm(other - start) + 1e-7
    assert found.w == pytest.approx(other, abs=1e-4)


def test_from_zero_it_is_the_maximum_margin():
    data, _ = problem(3)
    w = optima.max_margin(data).w
    assert nearest_separator(data, np.zeros(4)).w == pytest.approx(w, abs=1e-10)
    assert nearest_separator(data, np.zeros(4), margin=2.5).w == pytest.approx(2.5 * w, abs=1e-9)


def test_a_separator_stays_where_it_is():
    data, _ = problem(0)
    w = 1.5 * optima.max_margin(data).w
    assert (nearest_separator(data, w).w == w).all()
    assert (margin_climb(data, w).w == w).all()
    assert margin_climb(data, w).dual_variables.tolist() == [0.0] * 8


def test_the_climb_by_hand():
    path = margin_climb(CORNER, [-1.0, 0.0])
    assert path.levels == pytest.approx([-3.0, -0.04, 1.0])
    assert path.weights == pytest.approx(np.array([[-1, 0], [-0.04, 0.16], [1, 0.16]]), abs=1e-12)
    assert path.dual_variables == pytest.approx([1.04, 0.32])


@pytest.mark.parametrize("seed", range(10))
def test_the_climb_is_the_subgradient_flow_of_the_worst_margin(seed):
    data, start = problem(seed)
    path = margin_climb(data, start)
    assert path.w == pytest.approx(start + path.dual_variables @ data.Z, abs=1e-12)
    assert path.levels[-1] == 1.0 and (np.diff(path.levels) > 0).all()
    assert (data.Z @ path.w).min() == pytest.approx(1.0, abs=1e-9)
    for level, w in zip(path.levels, path.weights, strict=True):
        assert (data.Z @ w).min() == pytest.approx(level, abs=1e-9)
    # short steps along the sample that is worst, until the level is there
    w, step = start.copy(), 2e-5
    for _ in range(2_000_000):
        margins = data.Z @ w
        worst = int(margins.argmin())
        if margins[worst] >= 1:
            break
        w += step * data.Z[worst]
    assert w == pytest.approx(path.w, abs=5e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_flow_for_a_long_time_ends_where_the_climb_does(seed):
    data, start = problem(seed)
    L, end = 1e4, margin_climb(data, start).w
    run = flow.flow(Objective(data, "exponential"), log_t=[L], start=L * start, tolerance=1e-6)
    assert run.final / L == pytest.approx(end, abs=5e-3)


def test_a_lower_level_is_a_part_of_the_path():
    half = margin_climb(CORNER, [-1.0, 0.0], level=-1.0).w
    assert half == pytest.approx(np.array([-1, 0]) + 2 / 9.25 * np.array([3, 0.5]))


def test_what_cannot_be_separated_is_refused():
    overlap = Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0]])
    for solve in (nearest_separator, margin_climb):
        with pytest.raises(optima.NotSeparable):
            solve(overlap, [0.0, 0.0])


@pytest.mark.parametrize("seed", range(40))
def test_the_climb_ends_at_its_level_or_is_refused(seed):
    """Samples of any length, and columns of any size: rounding may leave the level far below."""
    rng = datasets.generator(seed)
    n, d = rng.integers(1, 8), rng.integers(1, 6)
    Z = rng.standard_normal((n, d))
    Z *= np.sign(Z @ rng.standard_normal(d))[:, None] * 10.0 ** rng.uniform(-4, 4, (n, 1))
    data = Dataset.from_signed(Z * 10.0 ** rng.uniform(-2, 2, d))
    start = 10 * rng.standard_normal(d)
    try:
        path = margin_climb(data, start)
    except RuntimeError as error:
        assert str(error).startswith("data: ")
        return
    found = (path.weights @ data.Z.T).min(axis=1)
    assert np.abs(found - path.levels).max() <= 1e-8 * max(1, abs(path.levels[0]))
    assert path.levels[-1] == pytest.approx(max(1, path.levels[0]), rel=1e-12)


@pytest.mark.parametrize("off", [1e-10, 5e-8, 1e-6])
def test_a_climb_that_rounding_keeps_from_its_level_is_refused(off):
    data = Dataset.from_signed([[1.0, 0.0], [-0.1, -off]])
    with pytest.raises(RuntimeError, match=r"data: the worst margin .* nearly contradict"):
        margin_climb(data, [-2.0, -2.0])
    advised = Dataset.from_signed([[1.0, 0.0]])
    assert margin_climb(advised, [-2.0, -2.0]).w == pytest.approx([1.0, -2.0])
