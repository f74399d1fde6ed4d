"""The F1 margin in the plane, inside: kinks, best neurons, merged ones, and forged answers."""

import types
from itertools import pairwise

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import variation, variation_margin

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 2))
Y = np.array([1.0, -1, 1, 1, -1, 1, -1])
ORTHOGONAL = Dataset([[1.0, 0.0], [0.0, 1.0]], [1, -1])


def function(neurons, weights, X):
    """sum_k c_k max(<w_k, x>, 0), by a loop."""
    return np.array(
        [sum(c * max(w @ x, 0.0) for w, c in zip(neurons, weights, strict=True)) for x in X]
    )


def test_values_and_correlations_are_sums_over_neurons_and_over_samples():
    neurons, c = RNG.standard_normal((4, 2)), RNG.standard_normal(4)
    assert variation._values(X, neurons, c).astype(float) == pytest.approx(function(neurons, c, X))
    p = RNG.uniform(0, 1, 7)
    found = variation._correlation(X, Y, p, neurons).astype(float)
    assert found == pytest.approx([function(X, p * Y, [w])[0] for w in neurons])
    assert variation._values(X, neurons, c).dtype == np.longdouble


def test_a_kink_is_across_a_sample_and_they_go_around():
    """Both ends of each, once for samples of one line; zero has none."""
    rows = np.vstack([X, 3 * X[:1], -2 * X[1:2], [[0.0, 0.0]]])
    kinks = variation._kinks(rows)
    assert kinks.shape == (14, 2)
    assert np.linalg.norm(kinks, axis=1) == pytest.approx(np.ones(14))
    assert np.abs(kinks @ X.T).min(axis=1) == pytest.approx(np.zeros(14), abs=1e-12)
    assert (np.diff(np.arctan2(kinks[:, 1], kinks[:, 0])) > 1e-9).all()
    for x in X:
        across = np.abs(kinks @ x) < 1e-12
        assert across.sum() == 2 and kinks[across].sum(axis=0) == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("off", [0.0, 1e-10, 1e-8])
def test_on_a_line_the_line_itself_is_among_the_kinks(off):
    """Samples within 1e-9 of a line are on it."""
    kinks = variation._kinks(np.array([[2.0, 0.0], [-1.0, off]]))
    along = np.abs(kinks[:, 0]) > 0.5
    assert along.sum() == (2 if off < 1e-9 else 0)
    assert kinks[along].sum(axis=0) == pytest.approx([0, 0])


def test_the_best_neuron_of_a_fine_circle_is_no_better_than_the_candidates():
    angle = np.linspace(0, 2 * np.pi, 20_001)
    circle = np.c_[np.cos(angle), np.sin(angle)]
    for seed in range(5):
        p = datasets.generator(seed).dirichlet(np.ones(7))
        candidates = variation._candidates(X, Y, p)
        assert np.linalg.norm(candidates, axis=1) == pytest.approx(np.ones(len(candidates)))
        for sign in (1, -1):  # peaks of both signs
            best = (sign * variation._correlation(X, Y, p, candidates)).max()
            among = (sign * variation._correlation(X, Y, p, circle)).max()
            assert among <= best + 1e-12 and best <= among + 3e-4
    # Where no sample is active, or they cancel, there is no peak.
    assert np.isfinite(variation._candidates(X, Y, np.zeros(7))).all()


def test_merged_neurons_do_the_same_on_the_samples_at_no_larger_norm():
    neurons = np.vstack([X, X + 1e-3, -X])
    neurons = neurons / np.linalg.norm(neurons, axis=1, keepdims=True)
    weights = np.random.default_rng(1).standard_normal(21)
    weights[:3] = 1e-14, -1e-14, 0.0
    total = np.abs(weights).sum()
    fewer, c = variation._merged(X, neurons, weights)
    assert np.linalg.norm(fewer, axis=1) == pytest.approx(np.ones(len(c)))
    assert np.abs(c).sum() == pytest.approx(1)
    before, after = function(neurons, weights, X), function(fewer, c, X)
    ratio = after @ before / (before @ before)
    assert after == pytest.approx(ratio * before) and ratio * total >= 1 - 1e-9
    patterns = {(*(w @ X.T > 0), c > 0) for w, c in zip(fewer, c, strict=True)}
    assert len(patterns) == len(c) < 18  # one for each sign and set of active samples


def test_neurons_below_a_trillionth_of_the_largest_are_dropped():
    neurons = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    for size in (1e-3, 1.0, 1e3):
        _, c = variation._merged(np.eye(2), neurons, size * np.array([1.0, 0.5e-12, 2e-12]))
        assert len(c) == 2


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
def test_the_least_coefficients_with_a_margin(scale):
    """Two orthogonal samples: one neuron each, of the size of the margin, p = 1/2."""
    neurons = np.vstack([np.eye(2), [[0.6, 0.8]]])
    weights, p = variation._cover(ORTHOGONAL.X, ORTHOGONAL.y, neurons, scale)
    assert weights == pytest.approx([scale, -scale, 0]) and p == pytest.approx([0.5, 0.5])
    again = Dataset([[2.0, 0.0], [0.0, 1.0]], [1, -1])
    weights, p = variation._cover(again.X, again.y, neurons, scale)
    assert weights == pytest.approx([scale / 2, -scale, 0]) and p == pytest.approx([1 / 3, 2 / 3])
    assert variation._cover(ORTHOGONAL.X, ORTHOGONAL.y, neurons[:1], scale) is None


# ---- the whole, and forged answers


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_margin_and_gap_are_in_the_units_of_the_data(size, monkeypatch):
    """Of two samples of lengths 2 and 1 the margin is 1 / (1/2 + 1); p off by d leaves a gap."""
    true = variation._cover

    def off(X, y, neurons, scale):
        weights, p = true(X, y, neurons, scale)
        return weights, p + np.array([d, -d])

    data = Dataset(size * np.array([[2.0, 0.0], [0.0, 1.0]]), [1, -1])
    monkeypatch.setattr(variation, "_cover", off)
    d = 0.2e-9  # in units of the longest input the heights are 1/3 + d and 1/3 - d / 2
    best = variation_margin(data)
    assert best.margin == pytest.approx(2 / 3 * size)
    assert best.duality_gap == pytest.approx(2 * size * d, rel=1e-3)
    assert best.dual_variables == pytest.approx([1 / 3 + d, 2 / 3 - d], abs=1e-14)
    assert best.decision_function(data.X) == pytest.approx([best.margin, -best.margin])
    monkeypatch.setattr(variation, "ROUNDS", 3)
    d = 0.5e-9
    with pytest.raises(RuntimeError, match="could not be certified"):
        variation_margin(data)


def test_a_gap_below_zero_is_none(monkeypatch):
    """Weights that sum to less than one prove nothing."""
    true, cut = variation._cover, 1e-10

    def off(*arguments):
        weights, p = true(*arguments)
        return weights, p * (1 - cut)

    monkeypatch.setattr(variation, "_cover", off)
    monkeypatch.setattr(variation, "ROUNDS", 3)
    assert variation_margin(ORTHOGONAL).duality_gap == pytest.approx(-cut / 2, rel=1e-3)
    cut = 3e-9
    with pytest.raises(RuntimeError, match="could not be certified"):
        variation_margin(ORTHOGONAL)


def test_the_best_round_is_kept(monkeypatch):
    """Rounds of gaps of 3e-9, 1e-9 / 2, never: the second one is returned."""
    true, script = variation._cover, iter([1.5e-9, 0.25e-9])

    def off(*arguments):
        weights, p = true(*arguments)
        d = next(script, None)
        return None if d is None else (weights, p + np.array([d, -d]))

    monkeypatch.setattr(variation, "_cover", off)
    best = variation_margin(ORTHOGONAL)
    assert best.duality_gap / best.margin == pytest.approx(0.5e-9, rel=1e-3)
    assert best.dual_variables[0] - 0.5 == pytest.approx(0.25e-9, rel=1e-3)
    script = iter([1.5e-9, 3e-9, 2e-9])
    with pytest.raises(RuntimeError, match="could not be certified"):
        variation_margin(ORTHOGONAL)


@pytest.mark.parametrize("neuron", [[1.0, 0.0], [-1.0, 0.0]])
def test_a_margin_that_is_not_above_zero_ends_the_search(neuron, monkeypatch):
    """Both samples are on one ray: f(x) < 0 of one label, or f = 0 where no neuron is active."""
    called = []

    def forged(X, y, neurons, scale):
        called.append(scale)
        on = np.abs(neurons - neuron).sum(axis=1) < 1e-9
        assert on.sum() == 1
        return on * 1.0, np.array([1 / 3, 2 / 3])

    monkeypatch.setattr(variation, "_cover", forged)
    with pytest.raises(ValueError, match="even function plus a linear one"):
        variation_margin(Dataset([[1.0, 0.0], [0.5, 0.0]], [1, -1]))
    assert called == [1.0]


def test_a_sample_of_zero_beside_one_that_is_not_has_the_kinks_of_that():
    kinks = variation._kinks(np.array([[2.0, 0.0], [0.0, 0.0]]))
    axes = {(0, 1), (0, -1), (1, 0), (-1, 0)}
    assert {(round(x), round(y)) for x, y in kinks} == axes and len(kinks) == 4


def test_better_neurons_join_and_the_margin_becomes_the_unit(monkeypatch):
    met, true = [], variation._cover

    def watched(X, y, neurons, scale):
        assert np.linalg.norm(X, axis=1).max() == pytest.approx(1)
        met.append((neurons, scale))
        return true(X, y, neurons, scale)

    monkeypatch.setattr(variation, "_cover", watched)
    data = datasets.sectors(1, half_width=15, n_per_sector=3)
    best = variation_margin(data)
    size = np.linalg.norm(data.X, axis=1).max()
    assert met[0][1] == 1 and met[0][0] == pytest.approx(variation._kinks(data.X / size))
    margins = np.array([scale for _, scale in met[1:]]) * size
    assert (np.diff([*margins, best.margin]) > -1e-8).all() and len(met) > 1
    sizes = [len(neurons) for neurons, _ in met]
    assert (np.diff(sizes) > 0).all()
    for (fewer, _), (more, _) in pairwise(met):
        assert more[: len(fewer)] is not fewer and (more[: len(fewer)] == fewer).all()


@pytest.mark.parametrize("seed", range(4))
def test_only_neurons_that_beat_the_margin_join(seed, monkeypatch):
    met, true = [], variation._cover

    def watched(X, y, neurons, scale):
        found = true(X, y, neurons, scale)
        met.append((X, y, neurons, found[1]))
        return found

    monkeypatch.setattr(variation, "_cover", watched)
    variation_margin(datasets.sectors(seed, half_width=15, n_per_sector=3))
    for (X, y, fewer, p), (_, _, more, _) in pairwise(met):
        inside = np.abs(variation._correlation(X, y, p, fewer)).max()
        joined = np.abs(variation._correlation(X, y, p, more[len(fewer) :]))
        assert (joined > inside * (1 - 1e-6)).all()


# ---- the errors


def test_inputs_of_zero_and_of_other_dimensions():
    with pytest.raises(ValueError, match="all inputs are zero"):
        variation_margin(Dataset([[0.0, 0.0], [0.0, 0.0]], [1, -1]))
    with pytest.raises(ValueError, match="the inputs have 3 features"):
        variation_margin(datasets.separable(0, 10, 3))
    with pytest.raises(ValueError, match="the inputs have 1 features"):
        variation_margin(Dataset([[1.0], [-1.0]], [1, -1]))


def test_the_error_knows_whether_there_is_a_margin():
    """The game over the kinks alone: its value bounds every margin, and p tells who is close."""
    never = variation._too_close(np.array([[1.0, 0.0], [0.5, 0.0]]), np.array([1.0, -1.0]), None)
    assert isinstance(never, ValueError) and str(never) == variation.NEVER
    for best in (None, (1, 2)):
        close = variation._too_close(ORTHOGONAL.X, ORTHOGONAL.y, best)
        assert isinstance(close, RuntimeError)
        assert "the margin, at most 5.0e-01 of the longest input" in str(close)
    three = np.array([[1.0, 0.0], [1.0, 1e-4], [0.0, 1.0]])
    close = variation._too_close(three, np.array([1.0, -1.0, 1.0]), None)
    assert isinstance(close, RuntimeError)
    assert "Drop one of the samples [1, 0]" in str(close) or "[0, 1]" in str(close)
    again = variation._too_close(np.array([[1.0, 0.0], [0.5, 0.0]]), np.array([1, -1.0]), (1, 2))
    assert isinstance(again, RuntimeError)


@pytest.mark.parametrize("spoilt", [0.3, 1e-3])
def test_a_bound_from_wrong_weights_is_larger(spoilt, monkeypatch):
    """Any convex p bounds the margin; that of the solver is the smallest."""
    true = variation._highs

    def off(c, A, b):
        answer = true(c, A, b)
        p = answer.ineqlin.marginals.copy()
        p[0] -= spoilt
        return types.SimpleNamespace(ineqlin=types.SimpleNamespace(marginals=p))

    monkeypatch.setattr(variation, "_highs", off)
    said = str(variation._too_close(ORTHOGONAL.X, ORTHOGONAL.y, None))
    height = (0.5 + spoilt) / (1 + spoilt)
    assert f"at most {height:.1e} of" in said and "[0, 1]" in said


def test_a_program_of_neurons_is_solved_at_tight_tolerances(monkeypatch):
    met = []
    monkeypatch.setattr(variation, "linear_program", lambda c, **how: met.append(how))
    variation._highs(np.ones(1), np.ones((1, 1)), np.ones(1))
    assert met[0]["options"] == {
        "primal_feasibility_tolerance": 1e-10,
        "dual_feasibility_tolerance": 1e-10,
    }
