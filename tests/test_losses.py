"""Losses: derivatives, tails, and the log domain far out."""

import warnings
from decimal import Decimal, getcontext

import numpy as np
import pytest

from ibias import losses

LOSSES = [
    losses.Exponential(),
    losses.Logistic(),
    losses.PolynomialTail(1.0),
    losses.PolynomialTail(2.5),
    *(losses.StretchedExponential(nu) for nu in (0.15, 0.5, 1.0, 1.3, 2.0, 3.0)),
]
NOT_CONVEX = [losses.Sigmoid()]
MARGINS = np.array([-20.0, -3.0, -0.5, -1e-3, 1e-3, 0.7, 4.0, 20.0])


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_slope_is_the_derivative_of_the_value(loss):
    h = 1e-6
    difference = (loss.value(MARGINS + h) - loss.value(MARGINS - h)) / (2 * h)
    assert loss.slope(MARGINS) == pytest.approx(difference, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_log_slope_derivative(loss):
    h = 1e-6
    difference = (loss.log_slope(MARGINS + h) - loss.log_slope(MARGINS - h)) / (2 * h)
    assert loss.log_slope_derivative(MARGINS) == pytest.approx(difference, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_decreasing_convex_and_smooth(loss):
    u = np.linspace(-10, 8, 4001)  # exp(-u^3) underflows at 9
    slope = loss.slope(u)
    assert (slope < 0).all()
    curvature = np.diff(slope) / np.diff(u)
    assert (curvature > 0).all()
    if np.isfinite(loss.smoothness):
        assert curvature.max() <= loss.smoothness * (1 + 1e-9)
        assert curvature.max() >= 0.99 * loss.smoothness


def test_sigmoid_has_a_tight_tail_and_a_slope_that_vanishes_on_both_sides():
    loss, u = losses.Sigmoid(), np.linspace(1, 600, 200)
    assert loss.log_slope(u) == pytest.approx(loss.log_slope(-u), rel=1e-12)
    assert (np.abs(np.expm1(loss.log_slope(u) + u)) <= 2 * np.exp(-u) + 1e-12).all()
    grid = np.linspace(-8, 8, 8001)
    curvature = np.diff(loss.slope(grid)) / np.diff(grid)
    assert curvature.max() == pytest.approx(loss.smoothness, rel=1e-5)
    assert curvature.min() == pytest.approx(-loss.smoothness, rel=1e-5)


def test_stretched_exponential_is_the_exponential_at_nu_one():
    u = np.linspace(1, 900, 50)
    stretched, plain = losses.StretchedExponential(1.0), losses.Exponential()
    assert stretched.log_value(u) == pytest.approx(plain.log_value(u), rel=1e-15)
    assert stretched.log_slope(u) == pytest.approx(plain.log_slope(u), rel=1e-15)
    assert losses.StretchedExponential(2.0).log_value(30.0) == -900.0


@pytest.mark.parametrize("u", [0.0, 5.0, 29.0, 30.0, 31.0, 40.0, 700.0])
def test_log_of_the_logistic_loss_to_full_precision(u):
    getcontext().prec = 400
    x = (-Decimal(u)).exp()
    exact = float((1 + x).ln().ln())
    assert float(losses.Logistic().log_value(u)) == pytest.approx(exact, rel=1e-15, abs=1e-15)


def test_far_out_nothing_underflows():
    u = np.array([1e6, 1e6 + 1.0])
    for loss in (losses.Exponential(), losses.Logistic()):
        assert loss.log_risk(u) == pytest.approx(-1e6 + np.log((1 + np.exp(-1)) / 2))
        assert loss.dual_variables(u) == pytest.approx(
            [1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1))]
        )
    assert losses.PolynomialTail(2.0).log_risk(u) == pytest.approx(-2 * np.log(1e6), rel=1e-5)


def test_dual_variables_reduce_the_last_axis():
    u = np.arange(12.0).reshape(3, 4)
    p = losses.Logistic().dual_variables(u)
    assert p.shape == (3, 4)
    assert p.sum(axis=-1) == pytest.approx(np.ones(3))
    assert losses.Logistic().log_risk(u).shape == (3,)


def test_names_and_refusals():
    assert losses.named("exponential") == losses.Exponential()
    with pytest.raises(ValueError, match="unknown loss 'hinge'; choose one of 'exponential'"):
        losses.named("hinge")
    with pytest.raises(ValueError, match="power must be finite and greater than 0"):
        losses.StretchedExponential(-1.0)
    with pytest.raises(ValueError, match="power must be finite and greater than 0"):
        losses.PolynomialTail(0)


ELEMENTWISE = ["log_value", "log_slope", "log_slope_derivative", "value", "slope"]


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_margins_of_any_kind_are_computed_in_double_precision(loss):
    kinds = [np.array([0.7, -0.3, 1.1], dtype=np.float32), np.array([3, -2, 1])]
    for u in (*kinds, kinds[1].astype(object)):
        for name in [*ELEMENTWISE, "log_risk", "dual_variables"]:
            found = np.asarray(getattr(loss, name)(u))
            assert found.dtype == float, name
            np.testing.assert_array_equal(found, getattr(loss, name)(u.astype(float)))
    assert loss.log_value([1, 2]).shape == (2,) and np.ndim(loss.log_slope(1)) == 0


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_no_branch_warns_on_the_margins_of_the_other(loss):
    k = getattr(loss, "power", 1.0)
    u = np.r_[-20, -1, 0, 1 / (k + 1), 0.5, 1, 1.5, 2, 3, 5, 30, 31]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ELEMENTWISE:
            assert np.isfinite(getattr(loss, name)(u)).all(), name
            together = getattr(loss, name)(u.reshape(3, 4))
            each = [[getattr(loss, name)(entry) for entry in row] for row in u.reshape(3, 4)]
            np.testing.assert_allclose(together, each, rtol=1e-14)


def test_the_logistic_loss_has_no_step_where_its_series_begins():
    getcontext().prec = 60
    for u in (29.9, 30.0, 30.3, 31.0, 32.0):
        exact = (1 + (-Decimal(u)).exp()).ln().ln()
        error = Decimal(float(losses.Logistic().log_value(u))) - exact
        assert abs(error) < 1e-14, u


def test_tails_by_their_formulas():
    u, k = np.array([0.0, 0.5, 3.0, 40.0]), 2.5
    poly = losses.PolynomialTail(k)
    np.testing.assert_allclose(poly.value(u), (1 + u) ** -k, rtol=1e-13)
    np.testing.assert_allclose(poly.slope(u), -k * (1 + u) ** (-k - 1), rtol=1e-13)
    np.testing.assert_allclose(poly.log_slope_derivative(u), -(k + 1) / (1 + u), rtol=1e-13)
    taylor = 1 + k * u + k * (k + 1) / 2 * u**2  # at -u
    np.testing.assert_allclose(poly.value(-u), taylor, rtol=1e-13)
    np.testing.assert_allclose(poly.slope(-u), -k - k * (k + 1) * u, rtol=1e-13)
    assert poly.smoothness == k * (k + 1)
    for nu in (0.5, 1.0, 2.0, 3.0):
        stretched, v = losses.StretchedExponential(nu), 1 + np.array([0.0, 0.25, 2.0])
        np.testing.assert_allclose(stretched.value(v), np.exp(-(v**nu)), rtol=1e-12)
        slope = -nu * v ** (nu - 1) * np.exp(-(v**nu))
        np.testing.assert_allclose(stretched.slope(v), slope, rtol=1e-12)
        ratio = (nu - 1) / v - nu * v ** (nu - 1)
        np.testing.assert_allclose(stretched.log_slope_derivative(v), ratio, atol=1e-12)
        w = v - 1  # below 1 by so much: l''(1) is nu / e for every nu
        taylor = (1 + nu * w + nu / 2 * w**2) / np.e
        np.testing.assert_allclose(stretched.value(1 - w), taylor, rtol=1e-12)
        np.testing.assert_allclose(stretched.slope(1 - w), -nu * (1 + w) / np.e, rtol=1e-12)
    huge = losses.StretchedExponential(200.0).log_value(np.array([1e6]))
    assert np.isfinite(huge).all() and huge < -1e299


@pytest.mark.parametrize("nu", [0.3, 1.0, 1.4, 2.0, 2.5, 4.0])
def test_the_smoothness_of_a_stretched_exponential_is_its_largest_curvature(nu):
    loss = losses.StretchedExponential(nu)
    u = np.concatenate([np.linspace(0.5, 4, 200001), [1.0]])
    curvature = -loss.slope(u) * -loss.log_slope_derivative(u)
    assert loss.smoothness == pytest.approx(curvature.max(), rel=1e-8)
    assert loss.smoothness >= curvature.max() * (1 - 1e-12)


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_weights_are_the_slopes_times_the_scale(loss):
    u = np.array([[0.3, -1.0], [2.0, 5.0]])
    np.testing.assert_allclose(loss.weights(0.0, u), -loss.slope(u), rtol=1e-13)
    for scale in (1.5, -2.0, 300.0):
        expected = -np.exp(scale) * loss.slope(u)
        np.testing.assert_allclose(
            loss.weights(scale, u), np.minimum(expected, np.exp(300)), rtol=1e-12
        )
    each = np.array([[1.0], [-3.0]])
    np.testing.assert_allclose(loss.weights(each, u), -np.exp(each) * loss.slope(u), rtol=1e-12)
    late = loss.weights(-loss.log_slope(np.array([2.0, 600.0]))[1], np.array([600.0, 2.0]))
    np.testing.assert_allclose(late[0], 1.0, rtol=1e-9)
    assert loss.weights(1e4, np.array([0.5]))[0] == pytest.approx(np.exp(300.0))


def test_sums_over_samples_are_each_of_their_own_row():
    far_apart = np.array([[-1e5, -1e5 + 1.0], [0.0, 0.0], [1e5, 1e5]])
    mean = losses.log_mean_exp(far_apart)
    np.testing.assert_allclose(mean, [-1e5 + np.log((1 + np.e) / 2), 0.0, 1e5], rtol=1e-13)
    shares = losses.softmax(far_apart)
    np.testing.assert_allclose(shares[0], [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-9)
    np.testing.assert_allclose(shares[1:], 0.5)


class Shaped(losses.MarginLoss):
    """exp(-u - offset), with what is asked for put in place of what is right."""

    smoothness = np.inf

    def __init__(self, offset=0.0, **changed):
        self.offset, self.changed = offset, changed

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        return self.changed.get("log_value", lambda u, right: right)(u, -u - self.offset)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return self.changed.get("log_slope", lambda u, right: right)(u, -u - self.offset)

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        right = np.full(u.shape, -1.0)
        return self.changed.get("log_slope_derivative", lambda u, right: right)(u, right)


@pytest.mark.parametrize("method", losses.METHODS)
def test_a_loss_must_be_finite_at_every_margin_that_is_reached(method):
    def broken(at):
        return Shaped(**{method: lambda u, right: np.where(np.isclose(u, at), np.nan, right)})

    for at in (losses.SAMPLED[0], losses.SAMPLED[-1], losses.SAMPLED[80]):
        found = losses.faults(broken(at))
        assert len(found) == 1
        assert found[0].startswith(f"{method} of Shaped must be finite at every margin from -700")
    for at in losses.FAR:
        found = losses.faults(broken(at))
        assert len(found) == 1
        assert f"{method} of Shaped must be finite at margins up to 1e+06" in found[0]
        assert f"at {at:g} it is nan" in found[0]
    beyond = losses.faults(Shaped(**{method: lambda u, right: np.where(u > 1e3, np.inf, right)}))
    assert len(beyond) == 1 and "at 2000 it is inf" in beyond[0]
    flat = losses.faults(Shaped(**{method: lambda u, right: right[:1]}))
    assert len(flat) == 1 and "of their shape" in flat[0]


@pytest.mark.parametrize("loss", LOSSES + NOT_CONVEX, ids=repr)
def test_no_loss_of_ours_has_a_fault(loss):
    assert losses.faults(loss) == []


def test_a_loss_of_ones_own_gets_arrays():
    class Bare(Shaped):
        def log_value(self, margins):
            return -margins

        log_slope = log_value

    assert Bare().log_risk([2, 2]) == -2
    np.testing.assert_allclose(Bare().dual_variables([0, 0]), [0.5, 0.5])
    single = np.array([0.1, 0.7], dtype=np.float32)
    for name in ("log_risk", "dual_variables"):
        found = getattr(Bare(), name)(single)
        np.testing.assert_array_equal(found, getattr(Bare(), name)(single.astype(float)))


def test_a_derivative_that_is_off_by_more_than_differences_are_is_named():
    assert losses.faults(Shaped()) == [] == losses.faults(Shaped(offset=1e9))

    def shift(by, at=lambda u: u > -np.inf):
        moved = {"log_slope_derivative": lambda u, right: right + by * at(u)}
        return losses.faults(Shaped(**moved))

    assert shift(1.5e-3) == [] == shift(-1.5e-3)  # relative to one and the derivative, of size 1
    for by in (2.5e-3, -2.5e-3):
        found = shift(by, lambda u: np.abs(u) < 1)
        assert len(found) == 1
        first = losses.SAMPLED[np.abs(losses.SAMPLED) < 1][0]
        assert (
            "log_slope_derivative of Shaped contradicts the method it is derived from, for"
            in (found[0])
        )
        assert (
            f"at the margin {first:.4g}: it says {-1 + by:.4g}, a difference quotient -1"
            in (found[0])
        )

    class Flatter(losses.Logistic):
        by = 0.0

        def log_slope_derivative(self, margins):
            right = super().log_slope_derivative(margins)
            return right + self.by * (1 + np.abs(right))

    small, large = Flatter(), Flatter()
    object.__setattr__(small, "by", 0.9e-3)
    object.__setattr__(large, "by", 1.3e-3)
    assert losses.faults(small) == [] and len(losses.faults(large)) == 1

    tripled = {"log_slope": lambda u, right: right + np.log(3) * (u > 0)}
    found = losses.faults(Shaped(**tripled))
    first = losses.SAMPLED[losses.SAMPLED > 0][0]
    assert "log_slope of Shaped contradicts" in found[0]
    assert f"at the margin {first:.4g}: it says -3, a difference quotient -1" in found[0]


@pytest.mark.parametrize(("wrong", "faulty"), [(2, False), (3, True)])
def test_a_loss_may_have_a_kink(wrong, faulty):
    at = losses.SAMPLED[90 : 90 + wrong]
    found = losses.faults(
        Shaped(log_slope_derivative=lambda u, right: right - 1.0 * np.isin(u, at))
    )
    assert bool(found) is faulty
    assert not found or f"at the margin {at[0]:.4g}" in found[0]


def test_a_smoothness_that_is_too_small_is_named():
    class Claimed(losses.Logistic):
        smoothness = 0.25

    for claim, faulty in ((0.25, False), (0.2499, True), (1.0, False)):
        Claimed.smoothness = claim
        found = losses.faults(Claimed())
        assert bool(found) is faulty
    Claimed.smoothness = 0.1
    middle = losses.SAMPLED[np.abs(losses.SAMPLED).argmin()]
    (message,) = losses.faults(Claimed())
    assert f"at the margin {middle:.4g} is 0.25." in message
    assert "Claimed says smoothness 0.1, but" in message
    with pytest.raises(ValueError, match="loss: Claimed says smoothness"):
        losses.named(Claimed())


def test_which_losses_are_convex():
    assert all(losses.is_convex(loss) for loss in LOSSES)
    assert not losses.is_convex(losses.Sigmoid())
    right = losses.SAMPLED[-1]

    class Bent(losses.Exponential):
        def log_slope_derivative(self, margins):
            return np.where(np.asarray(margins) == right, 1e-9, -1.0)

    assert not losses.is_convex(Bent())

    class Straight(losses.Exponential):  # a line on the left
        def log_slope_derivative(self, margins):
            return np.where(np.asarray(margins) < 0, 0.0, -1.0)

    assert losses.is_convex(Straight())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (losses.PolynomialTail, r"give PolynomialTail\(\.\.\.\), with brackets"),
        (3, "got int. The names are 'exponential', 'logistic'"),
        (dict, "loss must be a name or a MarginLoss; got type"),
        ("hinge", "unknown loss 'hinge'"),
    ],
)
def test_what_is_no_loss(given, message):
    with pytest.raises(ValueError, match=message):
        losses.named(given)
