"""The minimum under a power law: Newton's method by itself, the guard, and every field."""

import numpy as np
import pytest
from scipy.optimize import brentq

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import tail, tail_direction
from ibias.optima.tail import GAP, _newton
from tests.advice import scaled


def value(Z: np.ndarray, w: np.ndarray, k: float) -> float:
    return float(((Z @ w) ** -k).sum() / k + w @ w / 2)


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("shape", [(12, 4), (5, 11)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_every_field_is_what_its_definition_says(
    power: float, shape: tuple[int, int], size: float
) -> None:
    Z = size * datasets.separable(0, *shape).Z
    best = tail_direction(Dataset.from_signed(Z), power=power)
    w, heights = best.w, Z @ best.w
    shares = heights ** -(power + 1)
    assert shares @ Z == pytest.approx(w, rel=1e-8, abs=1e-9 * np.abs(w).max())
    assert best.direction == pytest.approx(w / np.linalg.norm(w))
    assert best.margin == pytest.approx(heights.min() / np.linalg.norm(w))
    assert best.dual_variables == pytest.approx(shares / shares.sum())
    assert best.power == power
    dual = (1 + 1 / power) * (shares ** (power / (power + 1))).sum()
    dual -= np.linalg.norm(shares @ Z) ** 2 / 2
    assert best.duality_gap == pytest.approx(value(Z, w, power) - dual, abs=1e-12 * (w @ w))
    assert 0 <= best.duality_gap <= 1e-12 * (w @ w)


@pytest.mark.parametrize("power", [0.5, 2.0, 7.0])
def test_one_sample_by_hand(power: float) -> None:
    """w = h^-(k+1) z with h = <z, w>: h^(k+2) = ||z||^2."""
    z = np.array([3.0, 4.0])
    best = tail_direction(Dataset.from_signed([z]), power=power)
    h = 25 ** (1 / (power + 2))
    assert best.w == pytest.approx(h ** -(power + 1) * z)
    assert best.margin == pytest.approx(5) and best.dual_variables.tolist() == [1.0]


def forge(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    true = tail._newton

    def off(Z: np.ndarray, k: float, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, a = true(Z, k, start)
        return factor * w, factor ** -(k + 1) * a

    monkeypatch.setattr(tail, "_newton", off)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("power", [0.5, 2.0])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
@pytest.mark.parametrize("side", [1, -1])
def test_a_forged_minimum_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, power: float, part: float, fine: bool, side: int
) -> None:
    """One sample z: c times the optimum has a gap that is found from c alone.

    With V = h^-k the optimum has ||w||^2 = V, and at c times it the objective is
    V (c^-k / k + c^2 / 2) and the bound V ((1 + 1/k) c^-k - c^-(2k+2) / 2).
    """
    k = power

    def gap(c: float) -> float:
        return c**-k / k + c**2 / 2 - (1 + 1 / k) * c**-k + c ** -(2 * k + 2) / 2

    def off(e: float) -> float:
        c = 1 + side * e
        return gap(c) - part * GAP * (c**-k / k + c**2 / 2)

    e = brentq(off, 1e-8, 1e-2)
    data = Dataset.from_signed([[3.0 * size, 4.0 * size]])
    V = (25 * size**2) ** (-k / (k + 2))
    assert tail_direction(data, power=k).w @ tail_direction(data, power=k).w == pytest.approx(V)
    forge(monkeypatch, 1 + side * e)
    if fine:
        best = tail_direction(data, power=k)
        assert best.duality_gap == pytest.approx(V * gap(1 + side * e), rel=0.05)
    else:
        with pytest.raises(RuntimeError, match="drop the samples that almost meet") as refused:
            tail_direction(data, power=k)
        assert ("take a smaller power" in str(refused.value)) == (k > 1)


def test_a_refusal_names_the_columns_that_are_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    data = datasets.separable(0)
    uneven = Dataset(data.X * np.logspace(0, 5, 5), data.y)
    true = tail._newton

    def off(Z: np.ndarray, *how: object) -> tuple[np.ndarray, np.ndarray]:
        w, a = true(Z, *how)
        sizes = np.abs(Z).max(axis=0)
        return (1.1 if sizes.max() > 1e3 * sizes.min() else 1) * w, a

    monkeypatch.setattr(tail, "_newton", off)
    with pytest.raises(RuntimeError, match=r"make the columns of X alike: .* new units") as told:
        tail_direction(uneven, power=1.0)
    assert tail_direction(scaled(uneven, str(told.value)), power=1.0).margin > 0
    forge(monkeypatch, 1.1)
    with pytest.raises(RuntimeError, match="To go on, drop the samples that almost meet"):
        tail_direction(uneven, power=1.0)


@pytest.mark.parametrize("power", [0.3, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_newtons_method_arrives_from_any_length(power: float, length: float) -> None:
    """Also from next to the boundary, and from where the samples hardly pull."""
    if length ** -(power + 2) > 1e300:
        return
    Z = datasets.separable(1, 10, 3).Z
    start = tail_direction(Dataset.from_signed(Z), power=1.0).direction
    Z = Z / (Z @ start).min()
    w, a = _newton(Z, power, length * start)
    force = (Z @ w) ** -(power + 1) @ Z
    assert force == pytest.approx(w, rel=1e-6, abs=1e-6 * np.abs(w).max())
    assert a == pytest.approx((Z @ w) ** -(power + 1), rel=1e-6)


def test_newtons_method_halves_a_step_across_the_boundary() -> None:
    """From far the whole step, as if the risk were not there, ends where <z, w> < 0."""
    Z = np.array([[1.0, 0.0], [-0.9, 1.0]])
    w, _ = _newton(Z, 1.0, np.array([50.0, 46.0]))
    assert (Z @ w > 0).all()
    assert (Z @ w) ** -2.0 @ Z == pytest.approx(w, rel=1e-9)


def test_a_curvature_that_is_no_number_ends_newtons_method() -> None:
    Z, start = np.array([[1.0]]), np.array([1e-200])
    with np.errstate(over="ignore", invalid="ignore"):
        assert _newton(Z, 5.0, start)[0] == pytest.approx(start)


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_near_the_end_the_digits_double(monkeypatch: pytest.MonkeyPatch, power: float) -> None:
    """From an error of a hundredth, five steps are enough."""
    Z = datasets.separable(1, 10, 3).Z
    best = tail_direction(Dataset.from_signed(Z), power=power).w
    monkeypatch.setattr(tail, "NEWTON_STEPS", 5)
    assert _newton(Z, power, 1.01 * best)[0] == pytest.approx(best, rel=1e-11)
