"""The loop: what it keeps, how its axes go together, and that it is a plain numpy loop."""

import numpy as np
import pytest

from ibias import datasets, methods, noise, progress, steps
from ibias.descent import Diverged, descent
from ibias.objectives import Objective

DATA = datasets.separable(0, 12, 3)


def test_a_plain_loop_of_numpy():
    w, last = np.array([0.1, -0.2, 0.3]), np.zeros(3)
    path = descent(DATA, methods.HeavyBall(0.8), steps=0.2, n_steps=50, start=w, record=range(51))
    for k in range(51):
        np.testing.assert_allclose(path.iterates[k], w, rtol=1e-12)
        last = 0.8 * last + 0.2 * (1 / (1 + np.exp(DATA.Z @ w))) @ DATA.Z / 12
        w = w + last
    np.testing.assert_allclose(
        np.exp(path.log_risk), np.log1p(np.exp(-path.iterates @ DATA.Z.T)).mean(axis=1)
    )


def test_axes_are_broadcast_as_numpy_does_it():
    starts = datasets.generator(0).standard_normal((4, 3))
    sizes = np.array([[0.1], [0.2]])
    path = descent(DATA, methods.Adam(1e-3), steps=sizes, start=starts, n_steps=10)
    assert path.iterates.shape[1:] == (2, 4, 3)
    for i, j in np.ndindex(2, 4):
        alone = descent(
            DATA, methods.Adam(1e-3), steps=float(sizes[i, 0]), start=starts[j], n_steps=10
        )
        np.testing.assert_allclose(path.iterates[:, i, j], alone.iterates, rtol=1e-10)
    sets = [datasets.separable(seed, 12, 3) for seed in range(4)]
    path = descent(
        Objective(sets, "exponential"),
        methods.Adam(np.array([[1e-3], [1e-2], [1e-1]])),
        steps=0.1,
        start=starts,
        n_steps=10,
    )
    assert path.iterates.shape[1:] == (3, 4, 3)
    alone = descent(
        Objective(sets[2], "exponential"),
        methods.Adam(1e-2),
        steps=0.1,
        start=starts[2],
        n_steps=10,
    )
    np.testing.assert_allclose(path.iterates[:, 1, 2], alone.iterates, rtol=1e-9)
    how = {"sampling": noise.Reshuffled(3), "n_runs": 5, "n_steps": 4}
    assert descent(DATA, steps=sizes, **how).final.shape == (2, 5, 3)
    assert descent(Objective(sets), steps=0.1, n_steps=4).final.shape == (4, 3)


def test_default_steps_of_a_list_are_each_its_own():
    sets = [datasets.separable(seed, 12, 3) for seed in range(2)]
    together = descent(Objective(sets), n_steps=30).iterates
    for i, one in enumerate(sets):
        np.testing.assert_allclose(together[:, i], descent(one, n_steps=30).iterates, rtol=1e-11)


def test_what_is_recorded():
    path = descent(DATA, steps=0.5, n_steps=100, record=[0, 10, 100])
    np.testing.assert_allclose(path.log_t, [-np.inf, np.log(5), np.log(50)])
    assert descent(DATA, steps=0.5, n_steps=100).log_t.size == 19
    assert not path.iterates.flags.writeable


def test_a_method_that_is_made_for_one_loss_takes_it():
    weak = datasets.Dataset(np.sign(DATA.X), DATA.y)
    given = descent(Objective(weak, "exponential"), methods.Boosting(), n_steps=9)
    np.testing.assert_array_equal(
        descent(weak, methods.Boosting(), n_steps=9).iterates, given.iterates
    )


def test_divergence_names_the_step():
    with pytest.raises(Diverged, match="choose a smaller step_size") as caught:
        descent(datasets.gaussian_regression(0), steps=100.0, n_steps=2000, record=[10, 2000])
    assert caught.value.step == 2000


def test_the_clock_is_looked_at():
    seen = []
    with progress.reported(lambda what, fraction: seen.append((what, fraction))):
        descent(DATA, n_steps=2000)
    assert seen[0][0] == "descending" and seen[-1][1] <= 1


def test_steps_their_sizes_and_whether_the_data_are_separated():
    path = descent(DATA, steps=steps.Decaying([0.5, 1.0]), n_steps=9, record=[0, 1, 4, 9])
    np.testing.assert_array_equal(path.steps, [0, 1, 4, 9])
    expected = np.outer([np.nan, 1, 1 / 2, 1 / 3], [0.5, 1.0])
    np.testing.assert_allclose(path.step_sizes, expected)
    safe = descent(Objective(DATA, "exponential"), steps=steps.Safe(), n_steps=4, record=range(5))
    assert np.isnan(safe.step_sizes[0])
    np.testing.assert_allclose(np.cumsum(safe.step_sizes[1:]), np.exp(safe.log_t[1:]))
    long = descent(
        DATA, n_steps=3000, start=[[0.0, 0, 0], -100 * DATA.Z.mean(axis=0)], record=[3000]
    )
    assert long.separable.tolist() == (long.final @ DATA.Z.T > 0).all(axis=1).tolist()
    assert long.separable[0] and descent(DATA, n_steps=1, start=-100 * DATA.Z[0]).separable is False
    assert descent(Objective(DATA, "squared"), n_steps=3000).separable is True
    assert descent(datasets.gaussian_regression(0), n_steps=3).separable is None
