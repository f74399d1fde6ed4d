"""The least risk in a box, inside: the barrier, its slopes, closed forms, and forged answers."""

import numpy as np
import pytest

from ibias import datasets, losses
from ibias.datasets import Dataset
from ibias.optima import box, box_minimiser

ONE = Dataset.from_signed([[1.0], [1.0]])
THREE_TO_ONE = Dataset.from_signed([[1.0], [1.0], [1.0], [-1.0]])


@pytest.mark.parametrize(
    ("loss", "free"), [("logistic", np.log(3)), ("exponential", np.log(3) / 2)]
)
@pytest.mark.parametrize("radius", [0.1, 0.5, 1.0, 2.0, 40.0])
def test_three_samples_against_one(loss, free, radius):
    """The mean is least where the odds are three to one, or at the wall before it."""
    best = box_minimiser(THREE_TO_ONE, radius=radius, loss=loss)
    assert best.w == pytest.approx([min(free, radius)], rel=1e-3, abs=1e-4)
    value = {"logistic": lambda u: np.log1p(np.exp(-u)), "exponential": lambda u: np.exp(-u)}[loss]
    risk = (3 * value(best.w[0]) + value(-best.w[0])) / 4
    assert best.log_risk == pytest.approx(np.log(risk), abs=1e-12)


def slopes_of(data, radius, loss, monkeypatch):
    """The function that the barrier method is given."""
    met = []

    def seen(slopes, v, weight):
        met.append((slopes, v, weight))
        raise KeyError

    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(box, "_centred", seen)
        box_minimiser(data, radius=radius, loss=loss)
    slopes, v, weight = met[0]
    assert not v.any() and weight == 1 / radius
    return slopes


@pytest.mark.parametrize("loss", ["logistic", "exponential", losses.PolynomialTail(2)])
@pytest.mark.parametrize("radius", [0.5, 3.0])
def test_the_slopes_are_those_of_the_risk(loss, radius, monkeypatch):
    """By differences: the gradient of log risk, and the second derivative over the risk."""
    data = Dataset.from_signed(datasets.generator(0).standard_normal((5, 3)))
    slopes = slopes_of(data, radius, loss, monkeypatch)
    v, h = np.array([0.3, -0.5, 0.1]), 1e-5
    log_risk, g, curvature = slopes(v)
    form = losses.named(loss)
    risk = np.exp(form.log_value(radius * data.Z @ v)).mean()
    assert log_risk == pytest.approx(np.log(risk))
    rises = [(slopes(v + h * e)[0] - slopes(v - h * e)[0]) / (2 * h) for e in np.eye(3)]
    assert g == pytest.approx(rises, rel=1e-6)
    bends = np.array([(slopes(v + h * e)[1] - slopes(v - h * e)[1]) / (2 * h) for e in np.eye(3)])
    assert curvature - np.outer(g, g) == pytest.approx(bends, rel=1e-5, abs=1e-8)


def stationary(slopes, v, weight):
    """Newton's decrement of weight log f - sum log(1 - v^2), with the barrier's part alone."""
    slope = weight * slopes(v)[1] + 2 * v / (1 - v**2)
    return float((slope**2 / (2 * (1 + v**2) / (1 - v**2) ** 2)).sum())


@pytest.mark.parametrize("loss", ["logistic", "exponential", losses.PolynomialTail(2)])
@pytest.mark.parametrize("weight", [0.1, 10.0, 1e4])
@pytest.mark.parametrize("start", [0.0, 0.9])
def test_the_centre_is_where_the_barrier_holds_the_risk(loss, weight, start, monkeypatch):
    data = Dataset.from_signed(datasets.generator(1).standard_normal((6, 3)))
    slopes = slopes_of(data, 2.0, loss, monkeypatch)
    v = box._centred(slopes, np.full(3, start), weight)
    assert (np.abs(v) < 1).all() and stationary(slopes, v, weight) < 1e-5
    size = np.abs(weight * slopes(v)[1]).max()
    assert np.abs(weight * slopes(v)[1] + 2 * v / (1 - v**2)).max() < 1e-2 * max(1, size)


@pytest.mark.parametrize("weight", [0.5, 30.0, 1e5])
def test_a_risk_whose_logarithm_bends_down_has_its_centre_too(weight):
    """f = 2 - v is convex, and log f is not: weight / (2 - v) = 2 v / (1 - v^2)."""

    def slopes(v):
        return float(np.log(2 - v[0])), np.array([-1 / (2 - v[0])]), np.zeros((1, 1))

    v = box._centred(slopes, np.zeros(1), weight)
    root = np.roots([-(weight - 2), -4, weight])  # weight (1 - v^2) = 2 v (2 - v)
    centre = root[(np.abs(root) < 1)]
    assert 1 - v[0] == pytest.approx(1 - centre[0].real, rel=1e-2)


@pytest.mark.parametrize("weight", [0.3, 2.0])
def test_a_step_is_newtons(weight):
    """The first point that is tried: minus the gradient over the second derivative."""
    tried = []

    def slopes(v):  # f = exp(v): its logarithm is linear
        tried.append(v)
        return float(v[0]), np.ones(1), np.ones((1, 1))

    v, h = 0.3, 1e-5
    box._centred(slopes, np.array([v]), weight)

    def rise(v):
        return weight + 2 * v / (1 - v**2)  # of weight v - log(1 - v^2)

    newton = v - rise(v) / ((rise(v + h) - rise(v - h)) / (2 * h))
    assert tried[1] == pytest.approx([newton], rel=1e-6)


def test_a_quadratic_risk_is_left_to_newtons_method():
    """Far from the walls one step does it, and the number of steps is small."""
    counted = []

    def slopes(v):
        counted.append(v)
        return 0.0, 1e-3 * (v - 0.001), 1e-3 * np.eye(2) + np.outer(v - 0.001, v - 0.001) * 1e-6

    v = box._centred(slopes, np.zeros(2), 1.0)
    assert len(counted) <= 3 and np.abs(v).max() < 1e-3


@pytest.mark.parametrize(("radius", "size"), [(0.5, 1.0), (100.0, 100.0)])
@pytest.mark.parametrize(("part", "passes"), [(0.8, True), (1.2, False)])
def test_a_minimiser_that_is_off_is_an_error(radius, size, part, passes, monkeypatch):
    """exp(-radius v): the gap is radius (1 - v), beside the logarithm where that is above one."""
    v = np.array([1 - part * 1e-8 * size / radius])
    met = []

    def forged(_, before, weight):
        met.append((before, weight))
        return v

    monkeypatch.setattr(box, "_centred", forged)
    if passes:
        best = box_minimiser(ONE, radius=radius, loss="exponential")
        assert best.w == pytest.approx(radius * v, rel=1e-15)
        assert best.duality_gap == pytest.approx(part * 1e-8 * size, rel=1e-6)
        assert best.log_risk == pytest.approx(-radius * v[0])
        return
    with pytest.raises(RuntimeError, match=f"excess of {part * 1e-8 * size:.1e} only"):
        box_minimiser(ONE, radius=radius, loss="exponential")
    # Twice, each time from zero: from the weight of the radius, and from one that moves nothing.
    assert len(met) == 120
    for first, begun in [(0, 1 / radius), (60, 1 / radius**2)]:
        weights = np.array([weight for _, weight in met[first : first + 60]])
        assert weights == pytest.approx(begun * 4.0 ** np.arange(60))
        assert not met[first][0].any() and all(w is v for w, _ in met[first + 1 : first + 60])


@pytest.mark.parametrize("signs", [[1, 1], [1, -1], [-1, -1]])
def test_the_gap_counts_every_feature_with_its_sign(signs):
    data = Dataset.from_signed(np.array([[1.0, 0.5], [0.7, 0.9]]) * signs)
    best = box_minimiser(data, radius=2.0, loss="exponential")
    assert best.w == pytest.approx(2.0 * np.array(signs), rel=1e-6)
    g = -np.exp(-data.Z @ best.w) @ data.Z / np.exp(-data.Z @ best.w).sum()
    gap = g @ best.w + 2.0 * np.abs(g).sum()
    assert best.duality_gap == pytest.approx(gap, rel=1e-3, abs=1e-12) and gap >= 0
