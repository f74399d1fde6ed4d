"""The least risk in a box: its certificate, independent solvers, and where decay ends."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets, losses, methods, optima
from ibias.descent import descent
from ibias.objectives import Objective
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
    g = -objective.all_samples.over_risk(best.w)
    assert g @ best.w + radius * np.abs(g).sum() == pytest.approx(
        best.duality_gap, rel=0.1, abs=2e-8
    )
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
