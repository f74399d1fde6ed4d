"""The field of Adam's flow, and the starts that AdaGrad refuses."""

import numpy as np
import pytest

from ibias import losses
from ibias.datasets import Dataset
from ibias.flow.adaptive import LOOP, SMALLEST, AdamField, no_curve, refuse_underflow

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((5, 3))


@pytest.mark.parametrize("epsilon", [1e-8, 1e-2, 3.0])
@pytest.mark.parametrize(
    "loss", [losses.Logistic(), losses.Exponential(), losses.PolynomialTail(2)]
)
def test_each_coordinate_moves_by_its_gradient_over_its_size_and_epsilon(loss, epsilon):
    field = AdamField(Z, loss, np.log(epsilon))
    s, W = np.array([0.3, -1.0]), RNG.standard_normal((2, 3))
    pulls = -loss.slope(W @ Z.T) @ Z / 5
    right = np.exp(s)[:, None] * pulls / (np.abs(pulls) + epsilon)
    assert field(s, W) == pytest.approx(right)
    for k in range(2):
        assert field(s[k], W[k]) == pytest.approx(right[k])
        # Its derivative, by that of the gradient: epsilon / (|g| + epsilon)^2.
        slopes = -loss.slope(Z @ W[k]) * loss.log_slope_derivative(Z @ W[k]) / 5
        inner = (Z.T * slopes) @ Z
        factor = np.exp(s[k]) * epsilon / (np.abs(pulls[k]) + epsilon) ** 2
        assert field.jacobian(s[k], W[k]) == pytest.approx(factor[:, None] * inner, rel=1e-9)


def test_late_it_is_the_gradient_flow_and_nothing_underflows():
    """At w = (1e4, 2e4) the slopes are e^-10000 and below."""
    field = AdamField(np.eye(2), losses.Exponential(), np.log(1e-3))
    w = np.array([1e4, 1e4 + 1])
    moved = field(1e4, w)
    assert moved == pytest.approx(1e3 / 2 * np.exp([0.0, -1.0]))
    assert field.jacobian(1e4, w) == pytest.approx(np.diag(-moved))


def test_states_of_any_size_go_together():
    """Each has its own largest slope: of one of them all others would be zero."""
    field = AdamField(np.eye(2), losses.Exponential(), np.log(1e-3))
    s, W = np.array([0.0, 1e4]), np.array([[1.0, 2.0], [1e4, 1e4 + 1]])
    alone = [field(one, w) for one, w in zip(s, W, strict=True)]
    assert field(s, W) == pytest.approx(np.array(alone)) and (field(s, W) > 0).all()


def test_a_trial_step_stays_a_number():
    field = AdamField(np.eye(2), losses.Exponential(), np.log(1e-3))
    with np.errstate(all="raise", under="ignore"):
        moved = field(1e4, np.array([3.0, 4.0]))
        jacobian = field.jacobian(1e4, np.array([3.0, 4.0]))
    assert np.isfinite(moved).all() and np.isfinite(jacobian).all()
    assert moved[0] == pytest.approx(np.exp(600.0) / 2, rel=1e-9)
    assert jacobian[0, 0] == pytest.approx(-np.exp(600.0) / 2, rel=1e-9)


def test_a_coordinate_without_a_gradient_does_not_move():
    field = AdamField(np.array([[1.0, 0.0], [2.0, 0.0]]), losses.Logistic(), np.log(1e-3))
    with np.errstate(divide="raise"):
        assert field(0.0, np.zeros(2))[1] == 0.0
        assert field.jacobian(0.0, np.zeros(2))[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("by", [-1.0, 1.0])
def test_adagrad_refuses_a_gradient_whose_square_is_no_number(by):
    """A column of it is about e^-u times its entry: here at the edge, the other above it."""
    data, loss = Dataset.one_class([[1.0, 0.0], [0.0, 2.0]]), losses.Exponential()
    edge = -SMALLEST
    w = np.array([10.0, (edge + np.log(2) + by) / 2])
    with np.errstate(divide="raise"):
        if by < 0:
            refuse_underflow(data, loss, w)
            return
        size = SMALLEST - by
        with pytest.raises(
            ValueError, match=rf"^start: the gradient of column 1 of X .* exp\({size:.0f}\)"
        ):
            refuse_underflow(data, loss, w)


def test_the_largest_sample_of_a_column_counts_and_zeros_do_not():
    loss = losses.Exponential()
    data = Dataset.one_class([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    w = np.array([400.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="column 0 of X"):  # the first of two
        refuse_underflow(data, loss, w)
    refuse_underflow(data, loss, np.array([400.0, 0.0, -300.0]))  # the second sample pulls
    refuse_underflow(Dataset.one_class([[1.0, 0.0]]), loss, np.zeros(2))


def test_what_is_told_where_no_curve_is_smooth():
    said = str(no_curve(np.log(2048.0)))
    assert said.startswith("at step 2048 the iterates do not follow a smooth curve")
    assert f"the first {LOOP} steps" in said
