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
