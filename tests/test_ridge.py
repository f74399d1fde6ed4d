"""The regularisation path, against a general minimiser, its gradient and its two ends."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets
from ibias.datasets import Dataset
from ibias.losses import MarginLoss, PolynomialTail, named
from ibias.optima import max_margin, ridge_path

LOSSES = ["logistic", "exponential", PolynomialTail(2)]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("shape", [(40, 5), (10, 30)])
def test_each_point_minimises_the_penalised_risk(loss: MarginLoss, shape: tuple) -> None:
    data, loss = datasets.separable(0, *shape), named(loss)
    path = ridge_path(data, log_penalty=[-5.0, 0.0, 2.0], loss=loss)
    for w, s in zip(path.w, path.log_penalty, strict=True):

        def objective(v: np.ndarray, s: float = s) -> tuple[float, np.ndarray]:
            margins = data.Z @ v
            value = loss.value(margins).mean() + np.exp(s) / 2 * v @ v
            return value, loss.slope(margins) @ data.Z / data.n_samples + np.exp(s) * v

        assert np.linalg.norm(objective(w)[1]) < 1e-13 * np.exp(s) * max(1, np.linalg.norm(w))
        found = minimize(objective, np.zeros(shape[1]), jac=True, tol=1e-12).x
        np.testing.assert_allclose(w, found, atol=1e-4)
    assert (path.error_estimate < 1e-13).all()


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_the_direction_tends_to_the_maximum_margin(loss: str) -> None:
    """w = w_hat log(1/penalty) + O(log log): dw/ds = -w_hat, and the duals agree."""
    data = datasets.separable(1)
    hard = max_margin(data)
    path = ridge_path(data, log_penalty=[-1e5, -1.1e5], loss=loss)
    np.testing.assert_allclose((path.w[1] - path.w[0]) / 1e4, hard.w, atol=1e-4)
    np.testing.assert_allclose(path.dual_variables[0], hard.dual_variables, atol=1e-3)


def test_a_polynomial_tail_leads_elsewhere() -> None:
    data = datasets.separable(1)
    direction = ridge_path(data, log_penalty=-600, loss=PolynomialTail(1)).w[0]
    direction = direction / np.linalg.norm(direction)
    margins = data.Z @ direction
    hard = max_margin(data)
    assert margins.min() < 0.99 * hard.margin
    # Its own limit makes sum m_i^-k smallest for ||w|| = 1, here k = 1.
    pull = margins**-2.0 @ data.Z
    np.testing.assert_allclose(pull / np.linalg.norm(pull), direction, atol=1e-8)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("shape", [(40, 5), (10, 30)])
def test_a_penalty_may_pull_to_other_weights(loss: str, shape: tuple) -> None:
    data = datasets.separable(0, *shape)
    centre = -5.0 * datasets.generator(1).standard_normal(shape[1])
    path = ridge_path(data, log_penalty=[-5.0, 0.0, 30.0], loss=loss, centre=centre)
    for w, s in zip(path.w, path.log_penalty, strict=True):
        pull = named(loss).slope(data.Z @ w) @ data.Z / data.n_samples
        np.testing.assert_allclose(
            pull + np.exp(s) * (w - centre), 0, atol=1e-9 * np.exp(max(s, 0))
        )
    same = ridge_path(data, log_penalty=[-5.0], loss=loss, centre=np.zeros(shape[1])).w
    np.testing.assert_array_equal(same, ridge_path(data, log_penalty=[-5.0], loss=loss).w)


def test_a_large_penalty_averages_the_inputs() -> None:
    """alpha = -l'(0) / (n penalty): w = mean(z) / (2 penalty) for the logistic loss."""
    data = datasets.separable(2)
    w = ridge_path(data, log_penalty=30.0).w[0]
    np.testing.assert_allclose(w * np.exp(30), data.Z.mean(axis=0) / 2, rtol=1e-10)


def test_overlapping_data_have_a_finite_limit() -> None:
    data = Dataset.from_signed(datasets.generator(3).standard_normal((60, 4)) + 0.3)
    path = ridge_path(data, log_penalty=[-30, -200, -1e4])
    np.testing.assert_allclose(path.w[1:], path.w[[0, 0]], atol=1e-9)


def test_order_and_batching_change_nothing() -> None:
    data = datasets.separable(4)
    s = np.array([-50.0, 3.0, -1.0, -1.0])
    path = ridge_path(data, log_penalty=s)
    for w, one in zip(path.w, s, strict=True):
        np.testing.assert_allclose(w, ridge_path(data, log_penalty=one).w[0], rtol=1e-11)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="data must be a Dataset"):
        ridge_path(np.eye(2), log_penalty=0)
    with pytest.raises(ValueError, match="log_penalty holds 1 NaN"):
        ridge_path(datasets.separable(0), log_penalty=[0, np.nan])
    with pytest.raises(ValueError, match="log_penalty must be a list"):
        ridge_path(datasets.separable(0), log_penalty=[])
    with pytest.raises(ValueError, match="unknown loss"):
        ridge_path(datasets.separable(0), log_penalty=0, loss="hinge")


@pytest.mark.parametrize("size", [1e140, 3e148])
@pytest.mark.parametrize("seed", range(4))
def test_data_near_the_largest_numbers_are_answered_or_refused_in_words(size, seed):
    Z = size * datasets.generator(seed).integers(-3, 4, (5, 3)).astype(float)
    try:
        path = ridge_path(Dataset.from_signed(Z), log_penalty=[10.0, -300.0])
    except RuntimeError as refused:
        assert str(refused).startswith(("log_penalty", "loss"))
    else:
        assert np.isfinite(path.w).all()
