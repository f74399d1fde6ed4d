"""The linear theorem, end to end: flow, optimum and constants on ten random sets and digits."""

import numpy as np
import pytest
from scipy.stats import entropy

from ibias import datasets, flow, losses, optima

CASES = [*range(10), "digits"]
LOG_T = np.array([5e3, 1e4])


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """The data, the certified optimum, and the flow at log t = 5000 and 10000."""
    seed = request.param
    data = datasets.digits(3, 8) if seed == "digits" else datasets.separable(seed)
    return data, optima.max_margin(data), flow.gradient_flow(data, log_t=LOG_T, tolerance=1e-8)


def test_the_optimum_is_certified(case):
    _, best, _ = case
    assert best.duality_gap + 1e-15 >= 0
    assert best.duality_gap <= 1e-12


def test_slope_of_the_norm_times_the_margin(case):
    _, best, path = case
    assert path.slope(path.norms) * best.margin == pytest.approx(1.0, abs=1e-3)
    unit_reading = path.slope(path.norms) * np.linalg.norm(best.direction)
    assert abs(unit_reading - 1.0) > 1e-2


def test_time_times_risk(case):
    _, best, path = case
    assert np.exp(path.log_t + path.log_risk)[-1] * best.margin**2 == pytest.approx(1.0, abs=1e-2)


def test_margin_gap_has_its_closed_form(case):
    data, best, path = case
    p = best.dual_variables
    constant = best.margin * (entropy(p) + np.log(p.max()))  # Shannon minus min-entropy
    gap = best.margin - path.normalized_margin(data.Z)[-1]
    assert gap * path.log_t[-1] == pytest.approx(constant, rel=1e-2)


def test_direction(case):
    data, best, path = case
    assert path.direction_gap(best.w)[-1] < 1e-3
    tail = losses.PolynomialTail(1.0)
    poly = flow.gradient_flow(data, loss=tail, log_t=[50.0], tolerance=1e-7)
    assert poly.direction_gap(best.w)[-1] > 1e-2
