"""Ordinary tables that nobody has scaled: right, or an error whose advice works."""

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from ibias import datasets
from ibias.datasets import Dataset, Regression
from ibias.optima import (
    MaxMargin,
    NotSeparable,
    bounded_part_and_ray,
    hinge_machine,
    max_margin,
    max_margin_with_bias,
    min_norm,
    separation,
)
from tests.advice import scaled


def raw_wine() -> Dataset:
    X, y = load_wine(return_X_y=True)
    return Dataset(X, np.where(y == 0, 1, -1)).with_constant()


def raw_cancer() -> Dataset:
    X, y = load_breast_cancer(return_X_y=True)
    return Dataset(X, np.where(y == 1, 1, -1)).with_constant()


def loans(seed: int, noise: float = 0.0) -> Dataset:
    """Income, balance, a yes or no, and a one for the bias."""
    rng = datasets.generator(seed)
    income, balance = rng.lognormal(10.5, 0.5, 80), rng.lognormal(7, 1, 80)
    owner = rng.integers(0, 2, 80).astype(float)
    score = income / 4e4 - balance / 2e3 + owner - 0.5 + noise * rng.standard_normal(80)
    return Dataset(np.c_[income, balance, owner], np.where(score > 0, 1, -1)).with_constant()


def with_advice(data: Dataset, p: float) -> tuple[Dataset, MaxMargin]:
    """Return the margin, of scaled data if float64 cannot certify it: the advice must work."""
    try:
        return data, max_margin(data, p=p)
    except RuntimeError as error:
        return (data := scaled(data, str(error))), max_margin(data, p=p)


@pytest.mark.parametrize("p", [1, 1.3, 2, 3, np.inf])
@pytest.mark.parametrize(
    "data", [raw_wine(), raw_cancer(), loans(0)], ids=["wine", "cancer", "loans"]
)
def test_raw_tables_have_certified_margins(data: Dataset, p: float) -> None:
    data, best = with_advice(data, p)
    w, a = best.w.astype(np.longdouble), best.dual_variables.astype(np.longdouble)
    q = {1: np.inf, np.inf: 1}.get(p) or p / (p - 1)
    reached = (data.Z @ w).min() / np.linalg.norm(w, ord=p)
    bound = np.linalg.norm(a @ data.Z, ord=q) / a.sum()
    assert -1e-10 <= (bound - reached) / reached <= 1.1e-9
    assert best.margin == pytest.approx(float(reached), rel=1e-9)


@pytest.mark.parametrize(
    "data", [raw_wine(), raw_cancer(), loans(1)], ids=["wine", "cancer", "loans"]
)
def test_the_euclidean_margin_of_raw_tables_is_that_of_lawson_and_hanson(data: Dataset) -> None:
    data, best = with_advice(data, 2)  # of raw cancer not every processor certifies it
    Z = data.Z / best.margin
    a, _ = nnls(np.vstack([Z.T, np.ones(len(Z))]), np.r_[np.zeros(Z.shape[1]), 1.0])
    assert np.linalg.norm(a @ data.Z) / a.sum() == pytest.approx(best.margin, rel=1e-7)
    assert max_margin_with_bias(data).margin >= best.margin * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_overlapping_tables_have_their_bounded_part(seed: int) -> None:
    data = loans(seed, noise=0.7)
    with pytest.raises(NotSeparable):
        max_margin(data)
    parts = bounded_part_and_ray(data)
    pull = (1 / (1 + np.exp(data.Z @ parts.bounded))) @ data.Z
    assert (np.abs(pull) <= 1e-8 * np.abs(data.Z).sum(axis=0)).all()


def test_an_intercept_beside_a_column_of_a_thousand() -> None:
    rng = datasets.generator(3)
    x = 1e3 * rng.standard_normal(60)
    data = Dataset(x[:, None], np.where(x > 310, 1, -1)).with_constant()
    best = max_margin(data)
    assert -best.w[1] / best.w[0] == pytest.approx(310, rel=0.2)
    assert best.duality_gap <= 1e-9 * best.margin


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_raw_diabetes_with_few_rows_is_interpolated(p: float) -> None:
    X, y = load_diabetes(return_X_y=True, scaled=False)
    best = min_norm(Regression(X[:8], y[:8]), p=p)
    np.testing.assert_allclose(X[:8] @ best.w, y[:8], rtol=1e-7)
    assert 0 <= best.duality_gap + 1e-12 * best.distance <= 1.1e-9 * best.distance


def test_the_split_of_raw_tables() -> None:
    assert separation(raw_cancer()).rest.size == 0
    assert separation(loans(2, noise=0.7)).separable.size == 0


@pytest.mark.parametrize(
    "sizes, seen, said",
    [
        ([1, 1, 1e-12], 2, r"multiply column 2 by \de\+1[12] "),
        ([1e12, 1, 1], 1, r"divide column 0 by \de\+1[12] "),
        ([1e-10, 1e6, 1], 0, r"multiply column 0 by \S+, divide column 1 by \S+ "),
    ],
)
def test_where_float64_cannot_the_error_says_what_to_scale_and_that_works(
    sizes: list, seen: int, said: str
) -> None:
    X = datasets.generator(5).standard_normal((40, 3))
    labels = np.where(X[:, seen] > 0, 1, -1)
    X[:, seen] += 0.3 * labels
    hard = Dataset(X * sizes, labels)
    with pytest.raises(RuntimeError, match=said) as caught:
        max_margin(hard)
    assert len(str(caught.value)) < 500
    alike, best = with_advice(hard, 2)
    assert alike is not hard and best.duality_gap <= 1e-9 * best.margin


def test_a_margin_next_to_nothing_is_an_error_and_the_hinge_machine_needs_none() -> None:
    data = Dataset.from_signed([[1.0, 1e-10], [-1.0, 1e-10], [0.3, 1.0], [0.1, 0.7]])
    with pytest.raises(RuntimeError, match="hinge_machine"):
        max_margin(data)
    assert hinge_machine(data, penalty=0.1).duality_gap < 1e-9
