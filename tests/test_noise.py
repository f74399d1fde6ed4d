"""Sampling and noise: what is drawn, how often, and the same again from the same seed."""

import numpy as np
import pytest

from ibias import datasets, noise
from ibias.descent import descent
from ibias.objectives import Objective

DATA = datasets.separable(0, 12, 3)
LINE = datasets.gaussian_regression(0, 6, 4)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_shapes_and_epochs(batch):
    rows = noise.Reshuffled(4).rows(datasets.generator(0), 12, batch)
    for _ in range(2):
        epoch = np.concatenate([next(rows) for _ in range(3)], axis=-1)
        assert epoch.shape == (*batch, 12)
        assert (np.sort(epoch, axis=-1) == np.arange(12)).all()
    rows = noise.WithReplacement(5).rows(datasets.generator(0), 12, batch)
    assert next(rows).shape == (*batch, 5)


def test_every_sample_is_drawn_equally_often():
    rows = noise.WithReplacement(2).rows(datasets.generator(0), 6, ())
    counts = np.bincount(np.array([next(rows) for _ in range(6000)]).ravel())
    assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000)


def test_label_noise_flips_labels_and_moves_targets():
    flips = noise.LabelNoise(0.2).targets(datasets.generator(0), Objective(DATA), (500, 12))
    share = (flips(DATA.y) != DATA.y).mean()
    assert share == pytest.approx(0.2, abs=0.02)
    moved = noise.LabelNoise(0.3).targets(datasets.generator(0), Objective(LINE), (500, 6))
    shifts = moved(LINE.y) - LINE.y
    np.testing.assert_allclose(np.abs(shifts), 0.3)
    assert np.abs(shifts.mean()) < 0.03 and (moved(LINE.y) != moved(LINE.y)).any()


def test_labels_that_are_always_wrong_are_the_other_labels():
    always = descent(DATA, steps=0.1, n_steps=20, noise=noise.LabelNoise(1.0)).final
    other = descent(datasets.Dataset(DATA.X, -DATA.y), steps=0.1, n_steps=20).final
    np.testing.assert_allclose(always, other, rtol=1e-12)


def test_seeds_repeat_and_runs_differ():
    how = {"steps": 0.1, "n_steps": 20, "n_runs": 3, "sampling": noise.WithReplacement(2)}
    how["noise"] = [noise.LabelNoise(0.1), noise.WeightNoise(0.01)]
    first, second = (descent(DATA, seed=4, **how).final for _ in range(2))
    assert (first == second).all() and first.shape == (3, 3)
    assert np.abs(first[0] - first[1]).max() > 1e-3
    assert np.abs(first - descent(DATA, seed=5, **how).final).max() > 1e-3


def test_a_single_run_has_no_axis_of_runs():
    path = descent(DATA, steps=0.1, n_steps=5, sampling=noise.Reshuffled(1))
    assert path.final.shape == (3,) and path.log_risk.ndim == 1
    assert path.n_evaluations == 0


def test_one_step_over_a_batch_of_each_data_set_by_hand():
    sets = [datasets.gaussian_regression(seed, 6, 4) for seed in range(3)]
    rows = next(noise.WithReplacement(2).rows(datasets.generator(7), 6, (3,)))
    start = datasets.generator(1).standard_normal((3, 4))
    how = {"steps": 0.1, "n_steps": 1, "start": start, "sampling": noise.WithReplacement(2)}
    path = descent(Objective(sets), seed=7, **how)
    for one, w, picked, found in zip(sets, start, rows, path.final, strict=True):
        X, y = one.X[picked], one.y[picked]
        np.testing.assert_allclose(found, w - 0.1 * X.T @ (X @ w - y) / 2, rtol=1e-12)


def test_tasks_come_in_turn_and_nothing_is_drawn():
    rows = noise.TaskByTask(3, visit=2).rows(datasets.generator(0), 6, (2,))
    first, second = np.arange(3), np.arange(3, 6)
    for expected in (first, first, second, second, first, first, second):
        assert (next(rows) == expected).all()


def test_long_visits_are_descent_on_the_task_alone():
    how = {"steps": 0.1, "n_steps": 40}
    alone = descent(datasets.Dataset.from_signed(DATA.Z[:6]), **how).final
    path = descent(DATA, sampling=noise.TaskByTask(6, visit=40), **how)
    np.testing.assert_allclose(path.final, alone, rtol=1e-12)
    whole = descent(DATA, sampling=noise.TaskByTask(12), **how).final
    np.testing.assert_allclose(whole, descent(DATA, **how).final, rtol=1e-12)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_what_is_drawn_by_the_generator(batch, monkeypatch):
    monkeypatch.setattr(noise, "CHUNK", 3)  # so that a new chunk begins on the way
    rows = noise.WithReplacement(4).rows(datasets.generator(1), 7, batch)
    rng = datasets.generator(1)
    for _ in range(3):
        for expected in rng.integers(7, size=(3, *batch, 4)):
            np.testing.assert_array_equal(next(rows), expected)
    rows = noise.Reshuffled(2).rows(datasets.generator(1), 6, batch)
    rng, order = datasets.generator(1), np.broadcast_to(np.arange(6), (*batch, 6))
    for _ in range(3):
        epoch = rng.permuted(order, axis=-1)
        for step in range(3):
            found = next(rows)
            assert found.shape == (*batch, 2)
            np.testing.assert_array_equal(found, epoch[..., 2 * step : 2 * step + 2])
    moved = noise.LabelNoise(0.3).targets(datasets.generator(1), Objective(LINE), (*batch, 6))
    rng = datasets.generator(1)
    for _ in range(3):
        for signs in rng.integers(2, size=(3, *batch, 6)):
            expected = LINE.y[:6] + np.where(signs == 1, 0.3, -0.3)
            np.testing.assert_allclose(moved(LINE.y[:6]), expected, rtol=1e-13)
    flipped = noise.LabelNoise(0.3).targets(datasets.generator(1), Objective(DATA), (*batch, 12))
    rng = datasets.generator(1)
    for _ in range(3):
        for draw in rng.random((3, *batch, 12)):
            expected = DATA.y * np.where(draw < 0.3, -1, 1)
            np.testing.assert_array_equal(flipped(DATA.y), expected)
    shifts = noise.WeightNoise(0.3).shifts(datasets.generator(1), (*batch, 4))
    rng = datasets.generator(1)
    for _ in range(3):
        for draw in rng.standard_normal((3, *batch, 4)):
            np.testing.assert_allclose(next(shifts), 0.3 * draw, rtol=1e-13)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
@pytest.mark.parametrize("visit", [1, 3])
def test_tasks_in_turn_for_every_run(batch, visit):
    rows = noise.TaskByTask(2, visit).rows(datasets.generator(0), 6, batch)
    for step in range(14):
        first = 2 * (step // visit % 3)
        found = next(rows)
        assert found.shape == (*batch, 2)
        assert (found == [first, first + 1]).all()


def test_nothing_is_drawn_before_it_is_needed():
    rng, untouched = datasets.generator(0), datasets.generator(0)
    noise.WithReplacement(2).rows(rng, 6, ())
    noise.Reshuffled(2).rows(rng, 6, ())
    noise.LabelNoise(0.1).targets(rng, Objective(LINE), (6,))
    noise.WeightNoise(0.1).shifts(rng, (4,))
    assert rng.random() == untouched.random()


def test_defaults_of_the_rules():
    assert noise.WithReplacement().batch_size == 1 == noise.Reshuffled().batch_size
    assert noise.TaskByTask(2).visit == 1 and noise.FullBatch().batch_size is None
    matrix = Objective(datasets.two_by_two_completion())
    assert noise.FullBatch().check(matrix) is None
    assert noise.WeightNoise(0.1).check(matrix) is None
    assert noise.LabelNoise(1.0).check(Objective(DATA)) is None
    assert noise.LabelNoise(1.5).check(Objective(LINE)) is None
    assert noise.WithReplacement(5).check(Objective(DATA)) is None
    assert noise.Reshuffled(12).check(Objective(DATA)) is None
    assert noise.TaskByTask(4).check(Objective(DATA)) is None


MATRIX = Objective(datasets.two_by_two_completion())
CLASSES = Objective(datasets.separable_classes(0, 9, 2, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: noise.WithReplacement(0), "batch_size must be a whole"),
        (lambda: noise.Reshuffled(1.5), "batch_size must be a whole"),
        (lambda: noise.TaskByTask(0), "batch_size must be a whole"),
        (lambda: noise.TaskByTask(2, 0), "visit must be a whole"),
        (lambda: noise.LabelNoise(-0.1), "size must be a number, at least 0"),
        (lambda: noise.WeightNoise(-0.1), "size must be a number, at least 0"),
        (lambda: noise.FullBatch().rows(datasets.generator(0), 6, ()), "draws no rows"),
        (lambda: noise.WithReplacement(2).check(MATRIX), "a matrix problem has no samples"),
        (lambda: noise.Reshuffled(2).check(MATRIX), "a matrix problem has no samples"),
        (lambda: noise.TaskByTask(2).check(MATRIX), "a matrix problem has no samples"),
        (lambda: noise.Reshuffled(5).check(Objective(DATA)), "divide the 12 samples"),
        (lambda: noise.TaskByTask(5).check(Objective(DATA)), "divide the 12 samples"),
        (lambda: noise.LabelNoise(1.01).check(Objective(DATA)), "must be a probability"),
        (lambda: noise.LabelNoise(0.1).check(CLASSES), "made for regression and for two"),
        (lambda: noise.LabelNoise(0.1).check(MATRIX), "made for regression and for two"),
        (
            lambda: descent(DATA, noise=[noise.LabelNoise(0.1)] * 2, n_steps=1),
            "noise holds two of the kind LabelNoise",
        ),
    ],
)
def test_what_is_no_sampling_and_no_noise(make, message):
    with pytest.raises(ValueError, match=message):
        make()
