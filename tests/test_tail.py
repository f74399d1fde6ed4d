"""The limit under a power law: stationarity, other solvers, limits of the power."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets, flow, losses, optima
from ibias.datasets import Dataset


@pytest.mark.parametrize("power", [0.5, 1, 4, 30])
def test_stationary_and_certified(power):
    data = datasets.separable(1)
    limit = optima.tail_direction(data, power=power)
    force = (data.Z @ limit.w) ** -(power + 1.0) @ data.Z
    assert force == pytest.approx(limit.w, rel=1e-10)
    assert limit.duality_gap <= 1e-12 * np.sum(limit.w**2)
    assert limit.dual_variables.min() > 0


def test_agrees_with_another_solver():
    data = datasets.separable(2)
    limit = optima.tail_direction(data, power=2)

    def objective(w):
        heights = data.Z @ w
        return (heights**-2.0).sum() / 2 + w @ w / 2 if heights.min() > 0 else 1e9

    other = minimize(objective, 0.7 * limit.w + 0.5, method="Nelder-Mead", tol=1e-12)
    other = minimize(objective, other.x, method="BFGS", tol=1e-9)
    assert other.x == pytest.approx(limit.w, abs=1e-5)


def test_scale_of_the_data():
    data = datasets.separable(3)
    a, b = (optima.tail_direction(Dataset(c * data.X, data.y), power=2) for c in (1, 1e5))
    assert b.direction == pytest.approx(a.direction, abs=1e-10)
    assert b.w == pytest.approx(a.w * 1e5 ** (-2 / 4))


def test_a_high_power_is_close_to_the_maximum_margin():
    data = datasets.separable(0)
    best = optima.max_margin(data)
    gaps = [
        np.linalg.norm(optima.tail_direction(data, power=k).direction - best.direction)
        for k in (1, 10, 100, 1000)
    ]
    assert (np.diff(gaps) < 0).all()
    assert gaps[-1] < 0.01 < gaps[0]


@pytest.mark.parametrize("power", [1, 4])
def test_the_flow_goes_there(power):
    data = datasets.separable(4)
    path = flow.gradient_flow(data, loss=losses.PolynomialTail(power), log_t=[120.0])
    limit = optima.tail_direction(data, power=power)
    assert path.direction_gap(limit.direction)[-1] < 1e-8
    assert path.direction_gap(optima.max_margin(data).w)[-1] > 0.03


def test_refusals():
    with pytest.raises(ValueError, match="power must be finite and greater than 0"):
        optima.tail_direction(datasets.separable(), power=0)
    with pytest.raises(optima.NotSeparable):
        optima.tail_direction(Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0]]), power=1)


def test_the_dual_variables_are_shares():
    limit = optima.tail_direction(datasets.separable(0), power=2.0)
    assert limit.dual_variables.sum() == pytest.approx(1, abs=1e-14)
    assert (limit.dual_variables > 0).all()


@pytest.mark.parametrize("power", [1e16, 1e20, 1e100])
@pytest.mark.parametrize("Z", [[[2.0, 1], [1, 3]], [[2.0, 1], [1, 3], [1, 2], [3, 1]]])
def test_a_power_beyond_double_precision_is_refused_in_words(Z, power):
    data = datasets.Dataset.from_signed(Z)
    with pytest.raises(RuntimeError, match=r"^power=.*: the limit .* take a smaller power\.$"):
        optima.tail_direction(data, power=power)
    assert optima.tail_direction(data, power=10).margin > 0


@pytest.mark.parametrize("size", [1e-149, 1e-140, 1e140, 1e149])
def test_data_of_any_size_have_one_direction(size):
    Z = np.array([[2.0, 1.0], [1.0, 3.0]])
    of = lambda Z: optima.tail_direction(datasets.Dataset.from_signed(Z), power=1)  # noqa: E731
    assert of(size * Z).direction == pytest.approx(of(Z).direction, rel=1e-9)
