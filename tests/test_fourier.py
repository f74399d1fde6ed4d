"""The Fourier margin, against duality, a direct complex formulation and symmetry."""

import cvxpy
import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import NotSeparable, fourier_norm, max_fourier_margin, max_margin


@pytest.mark.parametrize("shape", [(8, 16), (4, 9), (40, 5), (30, 200)])
def test_primal_equals_dual(shape: tuple[int, int]) -> None:
    data = datasets.separable(0, *shape)
    best = max_fourier_margin(data)
    assert (data.Z @ best.w).min() == pytest.approx(1, abs=1e-13)
    assert np.abs(np.fft.fft(best.w)).sum() / np.sqrt(shape[1]) == pytest.approx(1 / best.margin)
    hull = best.dual_variables @ data.Z
    assert np.abs(np.fft.fft(hull, norm="ortho")).max() == pytest.approx(best.margin, rel=1e-9)
    assert best.dual_variables.sum() == pytest.approx(1) and (best.dual_variables >= 0).all()
    assert -1e-12 < best.duality_gap / best.margin < 1e-9


@pytest.mark.parametrize("d", [7, 8])
def test_it_agrees_with_the_complex_formulation(d: int) -> None:
    data = datasets.separable(1, 5, d)
    F = np.fft.fft(np.eye(d), norm="ortho")
    w = cvxpy.Variable(d)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(F @ w, 1)), [data.Z @ w >= 1])
    problem.solve(solver=cvxpy.CLARABEL)
    assert max_fourier_margin(data).margin == pytest.approx(1 / problem.value, rel=1e-7)


def test_a_cyclic_shift_of_the_inputs_changes_nothing() -> None:
    data = datasets.separable(2, 8, 16)
    shifted = Dataset(np.roll(data.X, 3, axis=1), data.y)
    assert max_fourier_margin(shifted).margin == pytest.approx(max_fourier_margin(data).margin)


def test_no_other_separator_has_a_smaller_fourier_norm() -> None:
    data = datasets.separable(3, 8, 16)
    best, euclidean = max_fourier_margin(data), max_margin(data)
    assert fourier_norm(euclidean.w) > 1.01 * fourier_norm(best.w)
    rng = datasets.generator(4)
    tries = best.w + 0.05 * rng.standard_normal((2000, 16))
    margins = (tries @ data.Z.T).min(axis=1) / fourier_norm(tries)
    assert margins.max() < best.margin


def test_the_norm() -> None:
    w = datasets.generator(5).standard_normal((3, 10))
    np.testing.assert_allclose(fourier_norm(w, 2), np.linalg.norm(w, axis=1))
    size = np.abs(np.fft.fft(w)) / np.sqrt(10)
    np.testing.assert_allclose(fourier_norm(w), size.sum(axis=1))
    np.testing.assert_allclose(fourier_norm(w, np.inf), size.max(axis=1))
    np.testing.assert_allclose(fourier_norm(w, 2 / 3), (size ** (2 / 3)).sum(axis=1) ** 1.5)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="data must be a Dataset"):
        max_fourier_margin(np.eye(2))
    with pytest.raises(NotSeparable):
        max_fourier_margin(Dataset.from_signed([[1.0, 2.0], [-1.0, -2.0]]))
