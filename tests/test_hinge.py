"""The hinge machine, against duality, scikit-learn, the hard margin and closed forms."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import hinge_machine, max_margin


def overlapping(seed: int) -> Dataset:
    return Dataset.from_signed(datasets.generator(seed).standard_normal((60, 4)) + 0.3)


def scaled(seed: int) -> Dataset:
    data = datasets.separable(seed)
    return Dataset(data.X * np.logspace(-2, 2, 5), data.y)


@pytest.mark.parametrize("penalty", [100, 1, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize(
    "data",
    [datasets.separable(0), overlapping(0), scaled(1), datasets.digits()],
    ids=["separable", "overlapping", "scales", "digits"],
)
def test_primal_equals_dual(data: Dataset, penalty: float) -> None:
    best = hinge_machine(data, penalty=penalty)
    n, a = data.n_samples, best.dual_variables
    assert ((a >= 0) & (a <= 1)).all()
    primal = np.maximum(0, 1 - data.Z @ best.w).mean() + penalty / 2 * best.w @ best.w
    dual = a.mean() - np.linalg.norm(a @ data.Z / n) ** 2 / (2 * penalty)
    assert primal == pytest.approx(dual, rel=2e-9)
    assert best.objective == pytest.approx(primal, rel=1e-14)
    np.testing.assert_allclose(a @ data.Z / (n * penalty), best.w, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_hinge_is_exact_at_a_finite_penalty(seed: int) -> None:
    """At and below margin^2 / (n max p) it is the hard margin; just above it is not."""
    data = datasets.separable(seed)
    hard = max_margin(data)
    threshold = hard.margin**2 / (data.n_samples * hard.dual_variables.max())
    for factor in (0.999, 0.1, 1e-6):
        best = hinge_machine(data, penalty=factor * threshold)
        np.testing.assert_allclose(best.w, hard.w, rtol=1e-10, atol=1e-9)
    above = hinge_machine(data, penalty=1.1 * threshold).w
    assert np.linalg.norm(above - hard.w) > 1e-3 * np.linalg.norm(hard.w)


def test_a_large_penalty_averages_the_inputs() -> None:
    """While all samples lie below the margin, w = mean(z) / penalty."""
    data = overlapping(1)
    np.testing.assert_allclose(hinge_machine(data, penalty=1e3).w, data.Z.mean(axis=0) / 1e3)


@pytest.mark.parametrize("penalty", [1.0, 0.1])
def test_it_agrees_with_scikit_learn(penalty: float) -> None:
    data = overlapping(2)
    peer = LinearSVC(
        loss="hinge",
        C=1 / (data.n_samples * penalty),
        fit_intercept=False,
        tol=1e-9,
        max_iter=200_000,
    ).fit(data.X, data.y)
    np.testing.assert_allclose(hinge_machine(data, penalty=penalty).w, peer.coef_[0], atol=1e-6)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="data must be a Dataset"):
        hinge_machine(np.eye(2), penalty=1)
    for penalty in (0, -1, np.nan):
        with pytest.raises(ValueError, match="penalty must be"):
            hinge_machine(datasets.separable(0), penalty=penalty)


@pytest.mark.parametrize("size", [1e-145, 1e-149])
@pytest.mark.parametrize("penalty", [1e-4, 1.0, 1e4])
def test_the_smallest_data_are_all_below_the_margin(size, penalty):
    Z = size * np.array([[4.0, -9.0], [8e-9, 7e-9], [8.0, 2.0], [-4e-13, -1e-13]])
    best = hinge_machine(Dataset.from_signed(Z), penalty=penalty)
    assert best.dual_variables == pytest.approx(np.ones(4)) and best.objective == pytest.approx(1)
