"""The largest margins in norms of singular values."""

import numpy as np
import pytest

from ibias import datasets, optima
from ibias.datasets import MulticlassDataset, Sensing
from ibias.optima import schatten


def test_two_classes_have_the_euclidean_margin():
    """W = (v, -v) / 2 up to scale is of rank one, where all Schatten norms agree."""
    data = datasets.separable_classes(seed=3, n_samples=12, n_features=4, n_classes=2)
    euclid, spectral = optima.multiclass_margin(data), optima.schatten_margin(data, norm="spectral")
    assert spectral.margin == pytest.approx(euclid.margin, rel=1e-6)
    assert np.allclose(spectral.W[0] - spectral.W[1], euclid.W[0] - euclid.W[1], atol=1e-4)


@pytest.mark.parametrize("k", [3, 5])
def test_one_sample_a_class_along_the_axes(k):
    """By symmetry W = I - 1/k, whose singular values are 1 and whose margins are 1."""
    data = MulticlassDataset(np.eye(k), np.arange(k))
    best = optima.schatten_margin(data, norm="spectral")
    assert best.margin == pytest.approx(1.0, abs=1e-6)
    assert (data.Z @ best.W.ravel()).min() == pytest.approx(1.0)


def test_the_certificate_and_the_order_of_the_norms():
    data = datasets.separable_classes(seed=1, n_samples=15, n_features=8, n_classes=4)
    best = optima.schatten_margin(data, norm="spectral")
    assert 0 <= best.duality_gap + 1e-9 <= 1e-6
    assert best.dual_variables.sum() == pytest.approx(1) and best.dual_variables.min() >= 0
    euclid = optima.multiclass_margin(data)
    assert euclid.margin < best.margin < np.sqrt(3) * euclid.margin  # rank at most 3
    own = (data.Z @ euclid.W.ravel()).min() / np.linalg.norm(euclid.W, ord=2)
    assert own < 0.99 * best.margin


def test_the_scale_of_the_data_is_the_scale_of_the_margin():
    data = datasets.separable_classes(seed=2, n_samples=12)
    small = MulticlassDataset(1e-6 * data.X, data.y)
    wide = optima.schatten_margin(data, norm="spectral").margin
    assert optima.schatten_margin(small, norm="spectral").margin == pytest.approx(
        1e-6 * wide, rel=1e-5
    )


def test_bad_input():
    with pytest.raises(ValueError, match="data must be a MulticlassDataset"):
        optima.schatten_margin(datasets.separable(), norm="spectral")
    overlapping = MulticlassDataset([[1.0], [1.0], [2.0]], [0, 1, 2])
    with pytest.raises(optima.NotSeparable):
        optima.schatten_margin(overlapping, norm="spectral")


# ---- the least spectral norm -------------------------------------------------------------------


@pytest.mark.parametrize("power", [22, 30, 42, 43, 44, 48])
def test_sensors_that_nearly_repeat_others_are_no_repeats(power):
    """Four equations of four entries: W = [[3, 3], [3, 2]] is the only one that fits."""
    e = 2.0**-power
    nearly = [[-2 * e, 1 + 2 * e], [e, -3 - 3 * e]]  # the first one, and e of another
    sensors = [[[0, 1], [0, -3]], [[3, -2], [3, 1]], [[2, -2], [0, 3]], nearly]
    best = optima.min_spectral_norm(Sensing(sensors, [-3, 14, 6, -3 - 3 * e]))
    assert pytest.approx(np.array([[3, 3], [3, 2]]), rel=1e-12) == best.W
    assert best.value == pytest.approx(np.linalg.norm([[3, 3], [3, 2]], ord=2), rel=1e-12)
    assert 0 <= best.duality_gap + 1e-9 <= 1e-5


@pytest.mark.parametrize("e", [2.0**-10, 2.0**-30, 2.0**-40])
@pytest.mark.parametrize("seed", range(3))
def test_what_tells_two_sensors_apart_is_an_observation_of_its_own(e, seed):
    """A_1 and A_1 + e B say what A_1 and B do; entries are integers, so that nothing is rounded."""
    rng = datasets.generator(seed)
    sensors = rng.integers(-3, 4, (4, 3, 3)).astype(float)
    y = np.tensordot(sensors, rng.integers(-2, 3, (3, 3)).astype(float), axes=2)
    right = optima.min_spectral_norm(Sensing(sensors, y))
    apart = np.concatenate([sensors[:3], sensors[:1] + e * sensors[3:]])
    found = optima.min_spectral_norm(Sensing(apart, np.append(y[:3], y[0] + e * y[3])))
    assert found.value == pytest.approx(right.value, rel=2e-5)
    for W in (right.W, found.W):
        assert np.tensordot(sensors, W, axes=2) == pytest.approx(y, abs=1e-9 * right.value)


def test_observations_that_contradict_or_repeat_each_other():
    one = [[1, 0], [0, 0]]
    with pytest.raises(ValueError, match="problem: no matrix has these observations"):
        optima.min_spectral_norm(Sensing([one, one], [1, 2]))
    best = optima.min_spectral_norm(Sensing([one, one], [2, 2]))
    assert best.value == pytest.approx(2) and best.dual_variables.sum() == pytest.approx(1)
    nothing = optima.min_spectral_norm(Sensing([one], [0]))
    assert nothing.value == 0 and not nothing.W.any()


def test_what_the_solver_leaves_is_refused_with_the_argument_and_a_remedy(monkeypatch):
    problem = datasets.four_by_four_completion(2.0)
    W, nu = np.eye(4), np.ones(len(problem.observations))
    monkeypatch.setattr(schatten, "_solved", lambda *_: (W, nu))
    with pytest.raises(RuntimeError, match=r"problem: .* duality gap .* Drop observations"):
        optima.min_spectral_norm(problem)


def test_a_solver_that_finds_nothing_is_reported_with_the_argument(monkeypatch):
    def fails(*_):
        raise RuntimeError("data: no minimum")

    monkeypatch.setattr(schatten, "solve", fails)
    with pytest.raises(RuntimeError, match=r"problem: the solver found no minimum .* Drop observ"):
        optima.min_spectral_norm(datasets.four_by_four_completion(2.0))


def test_a_gap_beyond_what_is_promised_is_an_error(monkeypatch):
    monkeypatch.setattr(schatten, "_within", lambda *_: False)
    data = MulticlassDataset([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    with pytest.raises(RuntimeError, match=r"left a duality gap of .* at the margin 1"):
        schatten.schatten_margin(data, norm="spectral")
