"""The least risk in a box: its certificate, independent solvers, and where decay ends."""

import re
from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext

import numpy as np
import pytest
from scipy.linalg import LinAlgError
from scipy.optimize import minimize

from ibias import datasets, losses, methods, optima
from ibias.descent import descent
from ibias.objectives import Objective
from ibias.optima import box
from ibias.steps import Decaying

rng = datasets.generator(0)
OVERLAPPING = datasets.Dataset(rng.standard_normal((60, 12)), np.sign(rng.standard_normal(60)))
DATA = {
    "few features": datasets.separable(0),
    "many features": datasets.separable(0, 15, 50),
    "overlapping": OVERLAPPING,
}
LOSSES = ["logistic", "exponential", losses.PolynomialTail(2)]


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("radius", [1e-3, 0.5, 30.0, 1e4])
def test_the_certificate_holds_and_is_what_it_says(name, loss, radius):
    data = DATA[name]
    best = optima.box_minimiser(data, radius=radius, loss=loss)
    objective = Objective(data, loss)
    assert np.abs(best.w).max() <= radius and 0 <= best.duality_gap <= 1e-8 * max(1, -best.log_risk)
    assert best.log_risk == pytest.approx(float(objective.log_risk(best.w)), rel=1e-12, abs=1e-12)
    if isinstance(loss, str):
        gap = exact_gap(data.Z, best.w, radius, loss)
    else:
        g = -objective.all_samples.over_risk(best.w)
        gap = g @ best.w + radius * np.abs(g).sum()
    assert gap == pytest.approx(best.duality_gap, rel=0.1, abs=2e-8)
    for other in radius * datasets.generator(1).uniform(-1, 1, (20, data.n_features)):
        assert objective.log_risk(other) >= best.log_risk


def test_another_solver_finds_the_same():
    objective = Objective(OVERLAPPING)
    free = minimize(lambda w: float(objective.log_risk(w)), np.zeros(12), bounds=[(-0.2, 0.2)] * 12)
    best = optima.box_minimiser(OVERLAPPING, radius=0.2)
    assert best.log_risk <= free.fun + best.duality_gap
    np.testing.assert_allclose(best.w, free.x, atol=2e-3)
    inside = optima.box_minimiser(OVERLAPPING, radius=10.0)  # the wall is out of reach
    ridge = optima.ridge_path(OVERLAPPING, log_penalty=[-40.0])
    np.testing.assert_allclose(inside.w, ridge.w[0], atol=1e-3)


def test_decoupled_decay_ends_there():
    best = optima.box_minimiser(OVERLAPPING, radius=1 / 4)
    adamw = methods.WeightDecay(methods.Adam(betas=(0.9, 0.95)), 4.0)
    end = descent(OVERLAPPING, adamw, steps=Decaying(0.2, 0.75), n_steps=20_000).final
    assert np.linalg.norm(end - best.w) < 0.01 * np.linalg.norm(best.w)


def test_wide_boxes_lead_to_the_largest_margin_in_l_inf():
    data = DATA["many features"]
    wide = optima.box_minimiser(data, radius=1e4, loss="exponential")
    largest = optima.max_margin(data, p=np.inf).margin
    assert (data.Z @ wide.w).min() / 1e4 == pytest.approx(largest, rel=1e-3)


def test_bad_input_is_named():
    for arguments, words in (
        ({"radius": 0.0}, "radius"),
        ({"radius": np.inf}, "radius"),
        ({"radius": 1.0, "loss": losses.Sigmoid()}, "not convex"),
        ({"radius": 1.0, "loss": "hinge"}, "loss"),
    ):
        with pytest.raises(ValueError, match=words):
            optima.box_minimiser(OVERLAPPING, **arguments)
    with pytest.raises(ValueError, match="data"):
        optima.box_minimiser(OVERLAPPING.X, radius=1.0)


@pytest.mark.parametrize("size", [1e-149, 1e-28, 1e3, 1e149])
@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("radius", [1.0, 1e4])
def test_data_and_radius_may_have_any_size_together(size, loss, radius):
    for Z in ([[-0.01, -1.0]], OVERLAPPING.Z, datasets.separable(1).Z):
        plain = box_of(np.array(Z), radius, loss)
        scaled = box_of(size * np.array(Z), radius / size, loss)
        gap = 2e-8 * max(1.0, abs(plain.log_risk))
        assert scaled.log_risk == pytest.approx(plain.log_risk, abs=gap)
        assert np.abs(scaled.w).max() <= radius / size


def box_of(Z, radius, loss="logistic"):
    return optima.box_minimiser(datasets.Dataset.from_signed(Z), radius=radius, loss=loss)


@pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
@pytest.mark.parametrize("radius", [1e10, 1e140, 1e200])
def test_a_radius_beyond_double_precision_says_which_one_to_take(size, radius):
    Z = size * OVERLAPPING.Z[:9, :4]
    try:
        best = box_of(Z, radius / size)
    except (ValueError, RuntimeError) as refused:
        assert str(refused).startswith(f"radius={radius / size:g}: ")
        best = box_of(Z, float(str(refused).split("take a radius next to ")[1].rstrip(".")))
    else:
        assert radius < 1e20
    assert np.isfinite(best.w).all() and best.duality_gap <= 1e-8


def test_a_risk_whose_second_derivative_is_rounding_is_refused(monkeypatch):
    def indefinite(*_, **__):
        raise LinAlgError("2-th leading minor of the array is not positive definite")

    monkeypatch.setattr(box, "cho_factor", indefinite)
    with pytest.raises(RuntimeError, match=r"radius=1: the least risk .* take a radius next to"):
        box_of(OVERLAPPING.Z, 1.0)


def test_data_that_are_zero_and_a_radius_that_makes_them_so():
    for Z, radius in (([[0.0, 0.0]], 1e200), ([[1e-140, 1e-140]], 1e-200), ([[1.0]], 1e-300)):
        best = box_of(np.array(Z), radius)
        assert best.log_risk == pytest.approx(np.log(np.log(2))) and best.duality_gap <= 1e-290


def exact_gap(Z, w, radius, loss):
    """The duality gap of w, <g, w> + radius ||g||_1 with g = grad log risk(w), in 60 digits."""
    with localcontext(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX):
        Z, w = ([[Decimal(float(x)) for x in row] for row in rows] for rows in (Z, [w]))
        u = [sum(x * y for x, y in zip(z, w[0], strict=True)) for z in Z]
        if loss == "logistic":
            values = [(1 + (-x).exp()).ln() if x < 100 else (-x).exp() for x in u]
            slopes = [1 / (1 + x.exp()) for x in u]
        else:
            values = slopes = [(-x).exp() for x in u]
        columns = zip(*Z, strict=True)
        g = [-sum(p * x for p, x in zip(slopes, c, strict=True)) / sum(values) for c in columns]
        terms = (x * y + Decimal(radius) * abs(x) for x, y in zip(g, w[0], strict=True))
        return float(sum(terms))


@pytest.mark.parametrize("seed", [61, 197, 201, 238, 289, 950, 2026, 2671, *range(40)])
def test_the_certificate_is_that_of_the_weights_as_they_are_rounded(seed):
    """Rows of length 1e8: a last digit of w changes their margins, and with them the gradient."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    Z = rng.standard_normal((n, d)) * 10 ** rng.uniform(-2, 8, (n, 1))
    radius, loss = 10 ** rng.uniform(-3, 3), ("logistic", "exponential")[seed % 2]
    data = datasets.Dataset.from_signed(Z)
    try:
        best = optima.box_minimiser(data, radius=radius, loss=loss)
    except RuntimeError as error:
        radius = float(re.search(r"take a radius next to (\S+)\.", str(error)).group(1))
        best = optima.box_minimiser(data, radius=radius, loss=loss)
    allowed = 1e-8 * max(1.0, abs(best.log_risk))
    assert exact_gap(Z, best.w, radius, loss) <= allowed
    assert best.duality_gap == pytest.approx(exact_gap(Z, best.w, radius, loss), abs=allowed)
