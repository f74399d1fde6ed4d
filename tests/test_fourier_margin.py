"""The Fourier margin: the real basis, forged answers of the solver, and every field."""

import cvxpy
import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import NotSeparable, fourier, fourier_norm, max_fourier_margin
from ibias.optima.fourier import _real_basis
from ibias.optima.margin import GAP, ON_THE_MARGIN, ROUNDING

PAIR = np.array([[1.0, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize("d", [1, 2, 3, 6, 7])
def test_the_real_basis_is_that_of_the_transform(d: int) -> None:
    (cosines, sines), numbers = _real_basis(d)
    assert numbers.sum() == d and cosines.shape == sines.shape == (d, d // 2 + 1)
    used = np.hstack([cosines, sines[:, numbers == 2]])
    assert used.shape == (d, d)
    assert used.T @ used == pytest.approx(np.eye(d), abs=1e-12)
    assert not sines[:, numbers == 1].any()
    rng = datasets.generator(d)
    c, s = rng.standard_normal((2, numbers.size))
    w = cosines @ c + sines @ s
    moduli = np.hypot(c, np.where(numbers == 2, s, 0.0))
    assert np.sqrt(numbers) @ moduli == pytest.approx(float(fourier_norm(w)))
    # Each frequency holds its own energy.
    spectrum = np.abs(np.fft.fft(w, norm="ortho"))
    assert np.sqrt(numbers) * spectrum[: numbers.size] == pytest.approx(moduli)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("d", [5, 6])
def test_every_field_is_what_its_definition_says(size: float, d: int) -> None:
    Z = size * datasets.separable(0, 7, d).Z
    best = max_fourier_margin(Dataset.from_signed(Z))
    assert (Z @ best.w).min() == pytest.approx(1, rel=1e-12)
    assert best.margin == pytest.approx(1 / float(fourier_norm(best.w)), rel=1e-12)
    assert best.dual_variables.sum() == pytest.approx(1) and best.dual_variables.min() >= 0
    hull = float(fourier_norm(best.dual_variables @ Z, np.inf))
    assert best.duality_gap == pytest.approx(hull - best.margin, abs=1e-13 * size)
    assert best.support.tolist() == np.flatnonzero(Z @ best.w <= 1 + ON_THE_MARGIN).tolist()
    assert 0 < best.support.size < 7


def test_the_support_is_within_a_tolerance_of_the_margin() -> None:
    rows = [[1.0], [1 + ON_THE_MARGIN / 2], [1 + 2 * ON_THE_MARGIN]]
    assert max_fourier_margin(Dataset.from_signed(rows)).support.tolist() == [0, 1]


def forge(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let the solver answer, and change what it says of the constraint or of its variables."""
    true = fourier.solve

    def off(problem: cvxpy.Problem, what: str) -> None:
        true(problem, what)
        change(problem)

    monkeypatch.setattr(fourier, "solve", off)


def weights(values: list[float]):
    def change(problem: cvxpy.Problem) -> None:
        problem.constraints[0].dual_variables[0].save_value(np.array(values))

    return change


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_weights_that_are_off_are_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, part: float, fine: bool
) -> None:
    """The second sample is twice as far: a share of it is the gap, in units of the margin."""
    forge(monkeypatch, weights([1 - part * GAP, part * GAP]))
    data = Dataset.from_signed(size * PAIR)
    if fine:
        best = max_fourier_margin(data)
        assert best.duality_gap == pytest.approx(part * GAP * best.margin, rel=1e-3)
        assert best.margin == pytest.approx(np.sqrt(2) * size)
    else:
        with pytest.raises(RuntimeError, match="could be certified only to"):
            max_fourier_margin(data)


def test_weights_of_any_length_are_made_convex(monkeypatch: pytest.MonkeyPatch) -> None:
    forge(monkeypatch, weights([7.0, -3.0]))
    best = max_fourier_margin(Dataset.from_signed(PAIR))
    assert best.dual_variables.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (3.0, False)])
def test_a_distance_below_the_margin_is_refused(
    monkeypatch: pytest.MonkeyPatch, part: float, fine: bool
) -> None:
    """No weights do that: the norm of what they give is forged."""
    true = fourier.fourier_norm

    def off(w: np.ndarray, p: float = 1) -> np.ndarray:
        return true(w, p) * (1 - part * ROUNDING if p == np.inf else 1)

    forge(monkeypatch, weights([1.0, 0.0]))
    for size in (1.0, 1e3):
        monkeypatch.setattr(fourier, "fourier_norm", off)
        data = Dataset.from_signed(size * np.array([[2.0], [4.0]]))
        if fine:
            assert max_fourier_margin(data).margin == pytest.approx(2 * size)
        else:
            with pytest.raises(RuntimeError, match="could be certified only to"):
                max_fourier_margin(data)


def along(factor: float):
    def change(problem: cvxpy.Problem) -> None:
        for variable in problem.variables():
            if variable.shape:
                variable.save_value(factor * variable.value)

    return change


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_weights_that_separate_nothing_are_refused(
    monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    forge(monkeypatch, along(factor))
    with pytest.raises(RuntimeError, match="could be certified only to"):
        max_fourier_margin(Dataset.from_signed(PAIR))
    with pytest.raises(NotSeparable):
        max_fourier_margin(Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0]]))


def test_any_length_of_the_solution_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    forge(monkeypatch, along(5.0))
    best = max_fourier_margin(Dataset.from_signed(PAIR))
    assert best.w == pytest.approx([0.5, 0.5]) and best.margin == pytest.approx(np.sqrt(2))


def test_nobody_asks_whether_a_clear_margin_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("asked in vain")

    monkeypatch.setattr(fourier, "separate", never)
    for size in (1e-6, 1.0, 1e6):
        best = max_fourier_margin(Dataset.from_signed(size * PAIR))
        assert best.margin == pytest.approx(np.sqrt(2) * size)


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, np.inf])
def test_the_norm_of_one_vector_and_its_default(p: float) -> None:
    w = datasets.generator(0).standard_normal(5)
    size = np.abs(np.fft.fft(w)) / np.sqrt(5)
    expected = size.max() if p == np.inf else (size**p).sum() ** (1 / p)
    assert float(fourier_norm(w, p)) == pytest.approx(expected)
    assert float(fourier_norm(w)) == pytest.approx(size.sum())
    with pytest.raises(ValueError, match="w holds 1 NaN"):
        fourier_norm(np.array([np.nan, 1.0]))
