"""Projections and soft margins by exchanges: raw tables, near repeats, against fractions."""

import re
from fractions import Fraction

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import hinge, hinge_machine, nearest_separator
from ibias.optima._shortfalls import least_shortfall
from tests.fuzz.near_repeats import raw
from tests.reference import exact


def hinge_cost(rows: exact.Matrix, w: exact.Vector, penalty: float) -> Fraction:
    short = [max(Fraction(), 1 - exact.dot(z, w)) for z in rows]
    return sum(short) / len(rows) + Fraction(penalty) / 2 * exact.dot(w, w)


# Separable tables, at a penalty where rounding of w makes shortfalls that cost too much; then some
# that cannot be separated, where the solver's answer is far from 1e-9.
TABLES = [
    ([[-1, -3, -38795], [1, 5, 65579]], 2.35286715288923e-06),
    ([[-2, -29882, -2], [5, 81599, 4]], 1.281610631148619e-06),
    ([[20, -1e6, 0], [-10, 2e6, 0.02]], 1.16e-4),
    ([[0, 58500, 1], [5, 76000, 1]], 0.0124),
    ([[3, 20400, 1], [-5, -71000, 0], [1, 88800, 0], [-2, -35100, -1]], 0.01),
    # Ordinary rows, and pulls that cancel across those on the margin but for a part of 1e-11.
    (
        [[-2, -3, 3], [2 - 2.0**-20, 3 + 2.0**-20, -3], [-1, 3, -2], [1, -1, -1], [-2, 2, 3]],
        5.9e-12,
    ),
]


@pytest.mark.parametrize(("rows", "penalty"), TABLES)
def test_the_hinge_machine_of_raw_tables_is_that_of_fractions(rows, penalty):
    Z = np.array(rows, dtype=float)
    best = hinge_machine(Dataset.from_signed(Z), penalty=penalty)
    rows = exact.fractions(Z)
    right, _ = exact.hinge(rows, penalty)
    cost = hinge_cost(rows, exact.fractions(best.w), penalty)
    assert best.objective == pytest.approx(float(cost), rel=1e-13)
    assert 0 <= float(cost / right - 1) <= best.duality_gap / best.objective * (1 + 1e-6) <= 1e-9


def test_no_raw_table_is_refused_by_the_hinge_machine():
    for seed in range(40):
        rng = datasets.generator(seed)
        Z, penalty = raw(rng, int(rng.integers(2, 8))), float(10 ** rng.uniform(-6, 1))
        assert hinge_machine(Dataset.from_signed(Z), penalty=penalty).duality_gap >= 0


def test_the_penalty_that_a_refusal_names_works():
    refused = 0
    for seed in range(60):
        rng = datasets.generator(seed)
        Z = rng.standard_normal((5, 2)) * 10.0 ** rng.uniform(-8, 8, (5, 2))
        try:
            hinge_machine(Dataset.from_signed(Z), penalty=1e-20)
        except RuntimeError as error:
            refused += 1
            penalty = re.search(r"a penalty of at least (\S+), where", str(error)).group(1)
            best = hinge_machine(Dataset.from_signed(Z), penalty=float(penalty))
            assert best.w == pytest.approx(Z.mean(axis=0) / float(penalty))
    assert refused > 0


def test_the_hinge_machine_does_without_its_solver(monkeypatch):
    def none(*_):
        raise RuntimeError("no point was found")

    data = Dataset.from_signed(datasets.generator(0).standard_normal((12, 3)) + 0.3)
    best = hinge_machine(data, penalty=0.05)
    monkeypatch.setattr(hinge, "_hinge_solve", none)
    again = hinge_machine(data, penalty=0.05)
    assert again.w == pytest.approx(best.w, rel=1e-9)
    assert again.dual_variables == pytest.approx(best.dual_variables, abs=1e-9)


# The first ones have a margin of order one, in rows that nearly oppose each other.
@pytest.mark.parametrize(
    ("rows", "start"),
    [
        ([[30010, 0], [-38657, -3]], [0, 0]),
        ([[3, 68050], [0, -46300]], [0, 0]),
        ([[1, 85400], [-1, -79400]], [0, 0]),
        ([[-3, -41690], [3, 65260], [3, 41790]], [0, 0]),
        ([[-1e-4, -3e7], [1e-4, 1e7]], [-1000, 1000]),
    ],
)
def test_the_nearest_separator_of_raw_tables_is_that_of_fractions(rows, start):
    Z, start = np.array(rows, dtype=float), np.array(start, dtype=float)
    found = nearest_separator(Dataset.from_signed(Z), start)
    right = exact.nearest_separator(exact.fractions(Z), exact.fractions(start))
    assert found.w == pytest.approx([float(x) for x in right], rel=1e-11)
    assert found.residual <= 1e-9


@pytest.mark.parametrize("cap", [0.1, 1.0, np.inf])
@pytest.mark.parametrize("first", [0.0, 0.01, 0.1])
def test_exchanges_end_where_each_sample_is_in_its_place(cap, first):
    """From none that pulls, from some, and from all."""
    rng = datasets.generator(1)
    Z, start = datasets.separable(1, 12, 4).Z, rng.standard_normal(4)
    x, b = least_shortfall(Z, 2.0, start, cap, np.full(12, first))
    left = Z @ (start + x) - 2.0
    assert x == pytest.approx(b @ Z, rel=1e-9, abs=1e-12)
    assert ((b >= 0) & (b <= cap)).all()
    assert (left[b < cap] >= -1e-12).all() and (left[b > 0] <= 1e-12).all()
    assert (b == cap).any() == (cap < 1)


def test_repeats_share_and_what_contradicts_goes_to_the_cap():
    """z = 1 twice and -z: all three cannot be at one; the last ones pull as far as they may."""
    Z = np.array([[1.0], [1.0], [-1.0]])
    x, b = least_shortfall(Z, 1.0, np.zeros(1), 0.25, np.full(3, 0.125))
    assert x.tolist() == [0.25] and b.tolist() == [0.25] * 3
    x, b = least_shortfall(Z[:2], 1.0, np.zeros(1), np.inf, np.ones(2))
    assert x == pytest.approx([1.0]) and b == pytest.approx([0.5, 0.5])


def test_small_problems_of_integers_are_those_of_fractions():
    """Also where the levels of samples meet, and rows repeat."""
    for seed in range(30):
        rng = datasets.generator(seed)
        Z = rng.integers(-2, 3, (4, 2)).astype(float)
        penalty = float(2.0 ** rng.integers(-4, 3))
        x, b = least_shortfall(Z, 1.0, np.zeros(2), 1 / (4 * penalty), np.zeros(4))
        assert x == pytest.approx([float(v) for v in exact.hinge(exact.fractions(Z), penalty)[1]])
        assert x == pytest.approx(b @ Z)
