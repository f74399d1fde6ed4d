"""The Bregman projection: its guards, its units, and every field by definition."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Regression, gaussian_regression
from ibias.optima import bregman_projection
from ibias.optima._dual_newton import ERROR, Nearest, Projection
from ibias.optima.interpolation import FIT
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm

POTENTIALS = [NegativeEntropy(), SquaredNorm(2), SquaredNorm(3), PowerNorm(3), HyperbolicEntropy(1)]


def positive_problem(seed: int, n: int = 3, d: int = 7) -> tuple[Regression, np.ndarray]:
    rng = datasets.generator(seed)
    X = rng.standard_normal((n, d))
    return Regression(X, X @ rng.uniform(0.5, 2, d)), rng.uniform(0.5, 2, d)


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
@pytest.mark.parametrize("size", [1e-4, 1.0, 3e3])
@pytest.mark.parametrize("repeated", [False, True])
def test_every_field_is_what_its_definition_says(
    potential: object, size: float, repeated: bool
) -> None:
    plain, start = positive_problem(0)
    X, y, start = plain.X, size * plain.y, size * start
    if repeated:
        X, y = np.vstack([X, 2 * X[:1]]), np.append(y, 2 * y[0])
    best = bregman_projection(Regression(X, y), potential=potential, start=start)
    assert (best.start == start).all()
    assert X @ best.w == pytest.approx(y, rel=1e-8, abs=1e-9 * size)
    moved = potential.gradient(best.w) - potential.gradient(start)
    assert X.T @ best.dual_variables == pytest.approx(
        moved, rel=1e-6, abs=1e-7 * np.abs(moved).max()
    )
    assert best.divergence == pytest.approx(potential.bregman(best.w, start), rel=1e-7)
    missed = X @ best.w - y
    assert best.residual == pytest.approx(np.linalg.norm(missed), abs=1e-12 * size)
    unit = np.abs(best.dual_variables).max()
    gap = abs(best.dual_variables @ missed)
    assert best.duality_gap == pytest.approx(gap, abs=1e-12 * size * unit)
    assert best.error_estimate <= ERROR * np.linalg.norm(best.w)


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
def test_without_a_start_it_begins_where_the_potential_is_least(potential: object) -> None:
    data, _ = positive_problem(1)
    best = bregman_projection(data, potential=potential)
    least = potential.inverse_gradient(np.zeros(7))
    assert (best.start == least).all()
    same = bregman_projection(data, potential=potential, start=least)
    assert same.w == pytest.approx(best.w)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_projection_that_is_far_from_the_solution_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, part: float, fine: bool
) -> None:
    data, start = positive_problem(2)
    data, true = Regression(data.X, size * data.y), Projection.solved

    def off(problem: Projection, target: np.ndarray) -> Nearest:
        found = true(problem, target)
        return Nearest(found.w, found.multipliers, part * ERROR * np.linalg.norm(found.w))

    monkeypatch.setattr(Projection, "solved", off)
    if fine:
        best = bregman_projection(data, potential=SquaredNorm(3), start=size * start)
        expected = part * ERROR * np.linalg.norm(best.w)
        assert best.error_estimate == pytest.approx(expected, rel=1e-9)
    else:
        with pytest.raises(RuntimeError, match="the Bregman projection was found only to"):
            bregman_projection(data, potential=SquaredNorm(3), start=size * start)


@pytest.mark.parametrize(("start", "part"), [(0.0, 1.0), (1e3, 1001.0), (-1e3, 1001.0)])
@pytest.mark.parametrize("off", [0.5 * FIT, 2 * FIT])
def test_a_misfit_is_measured_by_the_targets_and_what_the_start_gives(
    start: float, part: float, off: float
) -> None:
    """Two equations for one unknown, one part of `off` above and one below."""
    data = Regression([[1.0], [1.0]], [1 + off * part, 1 - off * part])
    if off < FIT:
        found = bregman_projection(data, potential=SquaredNorm(2), start=[start])
        assert found.w == pytest.approx([1.0]) and found.divergence == pytest.approx(
            (1 - start) ** 2 / 2
        )
    else:
        with pytest.raises(ValueError, match="no w fits the targets"):
            bregman_projection(data, potential=SquaredNorm(2), start=[start])


def units(monkeypatch: pytest.MonkeyPatch) -> list:
    """Return what the problem in units of the weights is given, call by call."""
    seen, true = [], Projection.solved

    def watched(problem: Projection, target: np.ndarray) -> Nearest:
        seen.append((problem, target))
        return true(problem, target)

    monkeypatch.setattr(Projection, "solved", watched)
    return seen


@pytest.mark.parametrize("y", [1e-9, 1.0, 3.0, 1e9])
@pytest.mark.parametrize("start", [0.0, 1e-9, 5.0, 1e9])
def test_the_inner_problem_has_numbers_of_order_one(
    monkeypatch: pytest.MonkeyPatch, y: float, start: float
) -> None:
    seen = units(monkeypatch)
    data = Regression([[100.0, 0.0], [0.0, 0.01]], [100 * y, 0.01 * y])
    best = bregman_projection(data, potential=SquaredNorm(2), start=[start, 0.0])
    assert best.w == pytest.approx([y, y])
    (problem, target) = seen[0]
    assert problem.rows @ problem.rows.T == pytest.approx(np.eye(2), abs=1e-15)
    largest = max(np.linalg.norm(target, np.inf), np.abs(problem.mirror).max())
    assert 2**-0.5 - 1e-9 <= largest <= 2**0.5 + 1e-9
    unit = max(y, start) / largest
    assert np.log2(unit) == pytest.approx(np.round(np.log2(unit)), abs=1e-9)
    # D = ||w - start||^2 / 2, and w - start = X^T a.
    assert best.divergence == pytest.approx(((y - start) ** 2 + y**2) / 2)
    assert best.dual_variables == pytest.approx([(y - start) / 100, y / 0.01])


def test_a_start_that_fits_stays() -> None:
    data, start = positive_problem(3)
    fits = Regression(data.X, data.X @ start)
    for potential in POTENTIALS:
        best = bregman_projection(fits, potential=potential, start=start)
        assert best.w == pytest.approx(start) and 0 <= best.divergence < 1e-15
        assert best.dual_variables == pytest.approx(np.zeros(3), abs=1e-9)
    nothing = Regression([[1.0, 2.0]], [0.0])
    best = bregman_projection(nothing, potential=SquaredNorm(2), start=[2.0, 1.0])
    assert best.w == pytest.approx([1.2, -0.6])


@pytest.mark.parametrize(("power", "fine"), [(99, True), (-99, True), (100, False), (-100, False)])
def test_a_potential_beyond_float64_is_refused(power: int, fine: bool) -> None:
    """|w|^10 of a weight 2^99 is 10^298, and 2^100 has 10^301."""
    data = Regression([[1.0, 1.0]], [2.0 * 2.0**power])
    if fine:
        best = bregman_projection(data, potential=PowerNorm(10))
        assert best.w == pytest.approx([2.0**power] * 2)
        assert best.divergence == pytest.approx(2 * (2.0**power) ** 10 / 10)
        assert best.dual_variables == pytest.approx([(2.0**power) ** 9])
    else:
        with pytest.raises(ValueError, match=r"Divide y \(and start\) by"):
            bregman_projection(data, potential=PowerNorm(10))


def test_multipliers_or_a_divergence_beyond_float64_are_refused() -> None:
    """Inputs this small need multipliers that are no number; the unit alone is fine."""
    small = Regression([[1e-150, 0.0]], [1e-90])  # w = 1e60, and 1e180 / 1e-150
    with pytest.raises(ValueError, match=r"Divide y \(and start\) by"):
        bregman_projection(small, potential=PowerNorm(4))
    # (1e74)^4 is still a number.
    fine = Regression([[1.0, 0.0]], [1e74])
    assert bregman_projection(fine, potential=PowerNorm(4)).divergence == pytest.approx(1e296 / 4)


def test_wide_and_square_problems_agree_with_elimination() -> None:
    data = gaussian_regression(0, 4, 4)
    best = bregman_projection(data, potential=HyperbolicEntropy(0.5))
    assert best.w == pytest.approx(np.linalg.solve(data.X, data.y), rel=1e-8)


class WithoutUnits(PowerNorm):
    """A potential that does not say what it is in other units."""

    def in_units(self, unit: float) -> None:
        return None


@pytest.mark.parametrize("size", [1.0, 8.0])
def test_a_potential_without_units_is_solved_as_it_is(size: float) -> None:
    data, start = positive_problem(4)
    data = Regression(data.X, size * data.y)
    one, other = (
        bregman_projection(data, potential=potential, start=size * start)
        for potential in (PowerNorm(3), WithoutUnits(3))
    )
    assert other.w == pytest.approx(one.w, rel=1e-9)
    assert other.divergence == pytest.approx(one.divergence)
    assert other.dual_variables == pytest.approx(one.dual_variables)
    assert other.error_estimate <= ERROR * np.linalg.norm(other.w)


@pytest.mark.parametrize(("largest", "fine"), [(0.7e300, True), (1.5e300, False)])
def test_the_largest_potential_is_a_number(largest: float, fine: bool) -> None:
    """The weights are 2^100, and their power p is this number."""
    potential = PowerNorm(np.log2(largest) / 100)
    data = Regression([[1.0, 1.0]], [2.0 * 2.0**100])
    if fine:
        assert bregman_projection(data, potential=potential).w == pytest.approx([2.0**100] * 2)
    else:
        with pytest.raises(ValueError, match=r"Divide y \(and start\) by"):
            bregman_projection(data, potential=potential)


def test_a_start_has_one_axis_and_a_refusal_names_the_length() -> None:
    data, _ = positive_problem(5)
    with pytest.raises(ValueError, match="start must have 1 axes"):
        bregman_projection(data, potential=SquaredNorm(2), start=np.ones((1, 7)))
    with pytest.raises(RuntimeError, match=r"was found only to [0-9.e+-]+ of [0-9.e+-]+:"):
        bregman_projection(Regression([[1.0, 2.0]], [-1.0]), potential=NegativeEntropy())
