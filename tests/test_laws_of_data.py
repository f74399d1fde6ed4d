"""What each generator of data promises, at every argument, and how data are taken apart."""

import warnings

import numpy as np
import pytest
from scipy.special import softmax

from ibias import datasets
from ibias.datasets import (
    Completion,
    Dataset,
    GaussianClasses,
    MulticlassDataset,
    NextTokens,
    Regression,
    Sensing,
    columns,
    population,
    rows,
)
from ibias.datasets.digits import _table

# ---- two classes


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("n_samples", "n_features", "shift"), [(2, 3, 0.0), (2, 1, 0.3), (9, 4, 2)]
)
def test_separable_classes_are_gaussian_moved_apart(seed, n_samples, n_features, shift):
    rng = datasets.generator(seed)
    u = rng.standard_normal(n_features)
    u /= np.linalg.norm(u)
    drawn = rng.standard_normal((n_samples, n_features))
    data = datasets.separable(seed, n_samples, n_features, shift)
    sides = np.sign(drawn @ u)
    if abs(sides.sum()) == n_samples:  # the first one goes to the other side
        sides[0] *= -1
    assert (data.y == sides).all()
    across = np.eye(n_features) - np.outer(u, u)
    assert data.X @ across == pytest.approx(drawn @ across, abs=1e-12)
    assert data.Z @ u == pytest.approx(np.abs(drawn @ u) + shift)


def test_what_is_drawn_if_nothing_is_said():
    def same(one, other):
        for name in ("X", "y", "P", "observations", "sensors"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))

    same(datasets.separable(), datasets.separable(0, 40, 5, 0.5))
    same(datasets.separable_classes(), datasets.separable_classes(0, 30, 4, 3, 0.5))
    same(datasets.opposing_points(), datasets.opposing_points(0, 6, 0.1))
    same(datasets.wide(), datasets.wide(0, 15, 50))
    same(datasets.next_tokens(), datasets.next_tokens(0, 4, 5, 6, 3))
    same(datasets.token_sequences(), datasets.token_sequences(0, 4, 3, 6, with_query=False))
    same(datasets.gaussian_regression(), datasets.gaussian_regression(0, 10, 30, n_nonzero=30))
    same(datasets.planted(), datasets.planted(0, (0.6, 0.4), n_samples=20, margin=1, spread=1))
    same(datasets.four_by_four_completion(), datasets.four_by_four_completion(2))
    same(datasets.digit_classes(), datasets.digit_classes((0, 1, 2), 50))
    same(datasets.digits(), datasets.digits(3, 8))
    four, signs = (45.0, 135.0, 225.0, 315.0), (1, -1, 1, -1)
    same(datasets.sectors(), datasets.sectors(0, four, signs, 4, 0.0))
    law = GaussianClasses([1.0], [1.0])
    assert law.flip == 0
    same(law.sample(5), law.sample(5, 0))


def test_pairs_of_the_plane_are_those_of_the_figures():
    Z = datasets.symmetric_pair().Z
    assert Z.tolist() == [[0.5, 1.5], [1.5, 0.5], [2.5, 1.0], [1.0, 2.5], [2.0, 2.0]]
    margins = Z @ [1, 1] / np.sqrt(2)
    assert margins[:2] == pytest.approx(np.sqrt(2)) and (margins[2:] > 2).all()
    assert sorted(Z.tolist()) == sorted(Z[:, ::-1].tolist())  # mirror images


def test_labels_of_signed_inputs_alternate():
    Z = np.arange(1.0, 9.0).reshape(4, 2)
    data = Dataset.from_signed(Z)
    assert data.y.tolist() == [1, -1, 1, -1] and (data.Z == Z).all()
    assert (data.X == [[1, 2], [-3, -4], [5, 6], [-7, -8]]).all()
    one = Dataset.from_signed([[1.0, -2.0]])
    assert one.y.tolist() == [1] and one.X.tolist() == [[1, -2]]
    two = Dataset.from_signed([[1.0], [2.0]])
    assert two.y.tolist() == [1, -1]
    positive = Dataset.one_class(Z)
    assert positive.y.tolist() == [1] * 4 and positive.labels == (-1, 1)
    assert (positive.X == Z).all() and positive.feature_names is None


def test_a_constant_feature_has_its_value_in_every_row():
    data = Dataset([[2.0], [3.0], [4.0]], ["a", "b", "a"], positive="a")
    for given, value in (((), 1.0), ((0.25,), 0.25), ((3,), 3.0)):
        wider = data.with_constant(*given)
        assert wider.X.tolist() == [[2, value], [3, value], [4, value]]
        assert wider.y.tolist() == [1, -1, 1] and wider.labels == ("b", "a")
    with pytest.raises(ValueError, match="value must be finite and greater than 0"):
        data.with_constant(0.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_samples", [2, 5])
def test_opposing_points_are_on_both_sides_in_turn(seed, n_samples):
    Z = datasets.opposing_points(seed, n_samples, height=0.7).Z
    assert (Z[:, 0] == 0.7).all()
    assert (np.sign(Z[:, 1]) == (-1.0) ** np.arange(n_samples)).all()
    assert (np.abs(Z[:, 1]) > 0.2).all() and (np.abs(Z[:, 1]) < 1).all()


def test_points_across_fill_their_interval():
    across = np.abs(datasets.opposing_points(0, 4000).Z[:, 1])
    assert across.min() == pytest.approx(0.2, abs=0.01) and across.max() == pytest.approx(
        1, abs=0.01
    )
    assert across.mean() == pytest.approx(0.6, abs=0.02)


def test_copies_stand_at_the_end_with_their_labels():
    data = datasets.separable(0, 6, 2)
    for row in (0, 5, np.int64(3)):
        again = datasets.duplicated(data, row, 4)
        assert (np.vstack([data.X, *[data.X[[row]]] * 3]) == again.X).all()
        assert (again.y == [*data.y, *[data.y[row]] * 3]).all()
    for row in (-1, 6, True, 1.0, "1"):
        with pytest.raises(ValueError, match="row must be"):
            datasets.duplicated(data, row, 2)


@pytest.mark.parametrize("above", [0.0, 0.5, -2.0])
def test_a_raised_copy_stands_last_and_apart(above):
    data = datasets.separable(0, 6, 2)
    for row in (0, 5):
        Z = datasets.raised_copy(data, row, distance=0.3, above=above).Z
        assert Z[:6] == pytest.approx(np.column_stack([data.Z, np.zeros(6)]))
        assert Z[6] == pytest.approx([*(1 + above) * data.Z[row], 0.3])
    assert (datasets.raised_copy(data, 0, distance=1).Z[6, :2] == data.Z[0]).all()


def test_the_two_kinds_of_flat_are_flattest_where_they_say():
    """Of w = u^2 - v^2, on the line of its solutions: the Hessian of half the mean of squares."""
    data = datasets.two_kinds_of_flat()
    s = np.linspace(-2, 2, 401)
    w = np.column_stack([1 - 2 * s, s, 1 + s])
    assert pytest.approx(np.tile(data.y[:, None], s.size)) == data.X @ w.T
    assert np.linalg.matrix_rank(data.X) == 2 and data.X.shape == (2, 3)
    J = data.X * 2 * np.sqrt(np.abs(w))[:, None, :]
    H = np.swapaxes(J, 1, 2) @ J / 2
    trace, largest = np.trace(H, axis1=1, axis2=2), np.linalg.norm(H, ord=2, axis=(1, 2))
    assert w[trace.argmin()] == pytest.approx([1, 0, 1], abs=1e-9)
    assert w[largest.argmin()] == pytest.approx([2, -0.5, 0.5], abs=0.03)


def test_features_of_wide_data_shrink_from_two_to_a_half():
    data = datasets.wide(3, 4, 7)
    sizes = data.X / datasets.generator(3).standard_normal((4, 7))
    assert sizes == pytest.approx(np.tile([2, 1.75, 1.5, 1.25, 1, 0.75, 0.5], (4, 1)))
    assert data.y.tolist() == [1, -1, 1, -1]
    assert datasets.wide(0, 5, 5).X.shape == (5, 5)  # still separable


def test_points_of_a_sector_are_within_its_width_and_two_lengths():
    centres, labels = [10.0, 80.0, -60.0], [-1, 1, -1]
    data = datasets.sectors(1, centres, labels, n_per_sector=500, half_width=12.0)
    assert (data.y == np.repeat(labels, 500)).all()
    lengths = np.linalg.norm(data.X, axis=1)
    off = np.degrees(np.arctan2(data.X[:, 1], data.X[:, 0])) - np.repeat(centres, 500)
    for values, low, high in ((lengths, 0.7, 1.3), (off, -12, 12)):
        tenth = (high - low) / 20
        assert low <= values.min() < low + tenth and high - tenth < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=tenth)
    rays = datasets.sectors(0, centres, labels, n_per_sector=3)
    angles = np.degrees(np.arctan2(rays.X[:, 1], rays.X[:, 0]))
    assert angles == pytest.approx(np.repeat(centres, 3))
    assert datasets.sectors(0, centres, labels, 1, half_width=179.0).n_samples == 3
    for bad in ({"half_width": 180}, {"n_per_sector": 0}, {"labels": [1, -1]}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            datasets.sectors(0, **{"centres": centres, "labels": labels} | bad)


# ---- digits


def test_digits_come_in_their_order_and_the_first_of_each():
    images, labels = _table()
    assert images.shape == (1797, 64) and images.max() == 1
    data = datasets.digits(9, 0)
    both = (labels == 9) | (labels == 0)
    assert (images[both] == data.X).all() and (data.y == np.where(labels[both] == 9, 1, -1)).all()
    some = datasets.digit_classes((9, 0, 4), per_class=3)
    assert some.y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for r, digit in enumerate((9, 0, 4)):
        assert (some.X[some.y == r] == images[labels == digit][:3]).all()
    everything = datasets.digit_classes((9, 0), per_class=10_000)
    assert (np.bincount(everything.y) == [(labels == 9).sum(), (labels == 0).sum()]).all()
    for call in (lambda: datasets.digits(10, 3), lambda: datasets.digits(3, 10)):
        with pytest.raises(ValueError, match=r"10; choose one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\."):
            call()
    with pytest.raises(ValueError, match="unknown classes 10"):
        datasets.digit_classes((0, 10))
    for bad in ((4,), (4, 4), (4, 5, 4), ()):
        with pytest.raises(ValueError, match="classes must be two or more different digits"):
            datasets.digit_classes(bad)


# ---- several classes


@pytest.mark.parametrize(
    ("n_samples", "n_classes", "shift"), [(3, 3, 0.0), (8, 2, 0.4), (20, 5, 3)]
)
def test_the_first_inputs_of_several_classes_lie_along_their_teachers(n_samples, n_classes, shift):
    rng = datasets.generator(2)
    teachers = rng.standard_normal((n_classes, 6))
    teachers /= np.linalg.norm(teachers, axis=1, keepdims=True)
    drawn = rng.standard_normal((n_samples, 6))
    data = datasets.separable_classes(2, n_samples, 6, n_classes, shift)
    assert data.y[:n_classes].tolist() == list(range(n_classes))
    for k in range(n_classes):
        right = (np.linalg.norm(drawn[k]) + shift) * teachers[k]
        assert data.X[k] == pytest.approx(right)
    for k in range(n_classes, n_samples):
        own = int(np.argmax([drawn[k] @ u for u in teachers]))
        assert data.y[k] == own and data.X[k] == pytest.approx(drawn[k] + shift * teachers[own])
    for bad in (1, n_samples + 1):
        with pytest.raises(ValueError, match=f"n_classes={bad} must be from 2 to"):
            datasets.separable_classes(0, n_samples, n_classes=bad)


# ---- regression


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("n_nonzero", [None, 1, 3, 5])
def test_targets_are_those_of_the_teacher_and_noise(noise, n_nonzero):
    data = datasets.gaussian_regression(1, 4, 5, n_nonzero=n_nonzero, noise=noise)
    rng = datasets.generator(1)
    places = 5 if n_nonzero is None else n_nonzero
    teacher = np.r_[rng.standard_normal(places), np.zeros(5 - places)]
    assert data.teacher == pytest.approx(teacher / np.linalg.norm(teacher))
    drawn = rng.standard_normal((4, 5))
    assert pytest.approx(drawn) == data.X
    assert data.y == pytest.approx(data.X @ data.teacher + noise * rng.standard_normal(4))


def test_sizes_of_inputs_fill_their_interval():
    data = datasets.gaussian_regression(1, 2, 2000, sizes=(0.5, 1.5))
    plain = datasets.gaussian_regression(1, 2, 2000)
    factors = (data.X / plain.X)[0]
    assert factors.min() == pytest.approx(0.5, abs=0.01)
    assert factors.max() == pytest.approx(1.5, abs=0.01)
    equal = datasets.gaussian_regression(1, 2, 3, sizes=(2.0, 2.0))
    assert pytest.approx(2 * datasets.gaussian_regression(1, 2, 3).X) == equal.X


def test_a_teacher_has_one_weight_a_feature():
    X = np.ones((2, 3))
    assert Regression(X, [1.0, 2.0]).teacher is None
    assert Regression(X, [1.0, 2.0], [1, 2, 3]).teacher.tolist() == [1, 2, 3]
    for y, teacher, message in (
        ([1.0, 2.0], [1.0, 2.0], "teacher has 2 entries but X has 3 columns"),
        ([1.0, 2.0], np.ones((1, 3)), "teacher must have 1 axes"),
        ([1.0], None, "X has 2 rows but y has 1 targets"),
        ([1.0, 2.0, 3.0], None, "X has 2 rows but y has 3 targets"),
        ([[1.0], [2.0]], None, "y must have 1 axes"),
        ([1e-200, 0.0], None, "y has entries of size 1e-200 at most"),
    ):
        with pytest.raises(ValueError, match=message):
            Regression(X, y, teacher)
    assert Regression(X, [0.0, 0.0]).y.tolist() == [0, 0]


# ---- sequences of tokens


@pytest.mark.parametrize(("n", "length", "d"), [(2, 1, 3), (5, 4, 3)])
def test_a_token_stands_before_its_value_and_with_a_query_it_is_multiplied(n, length, d):
    table = datasets.token_sequences(7, n, length, d).X.reshape(n, length, d + 1)
    tokens, values = table[..., :d], table[..., d]
    rng = datasets.generator(7)
    assert tokens == pytest.approx(rng.standard_normal((n, length, d)))
    head = rng.standard_normal(d)
    assert values == pytest.approx(tokens @ head / np.linalg.norm(head))
    data = datasets.token_sequences(7, n, length, d, with_query=True)
    table = data.X.reshape(n, length, d * d + 1)
    for i in range(n):
        for t in range(length):
            right = np.outer(tokens[i, t], tokens[i, -1]).ravel()
            assert table[i, t] == pytest.approx([*right, values[i, t]])
    assert data.y.tolist() == [(-1) ** i for i in range(n)]
    with pytest.raises(ValueError, match="n_samples must be at least 2"):
        datasets.token_sequences(0, 1)


# ---- matrices


def test_a_batch_of_completions_is_taken_apart():
    batch = datasets.low_rank_completion(4, 3, 1, [2, 3, 4, 9], seed=5)
    for index in (0, 3, slice(1, 3), [3, 0]):
        part = batch[index]
        assert (part.mask == batch.mask[index]).all() and (batch.M[index] == part.M).all()
        assert (part.truth == batch.truth[index]).all()
    bare = Completion(batch.mask, batch.M)[1]
    assert bare.truth is None and (batch.M[1] == bare.M).all()
    W = datasets.generator(0).standard_normal((4, 3, 3))
    for k in range(4):
        gap = np.where(batch.mask[k], W[k] - batch.truth[k], 0.0)
        assert batch.gradient(W)[k] == pytest.approx(gap)
        assert batch.risk(W)[k] == pytest.approx((gap**2).sum() / 2)
        size = np.sqrt((batch.truth[k] ** 2).sum())
        assert batch.relative_error(W)[k] == pytest.approx(
            np.sqrt(((W[k] - batch.truth[k]) ** 2).sum()) / size
        )
        assert size == pytest.approx(3)
    assert batch.shape == (4, 3, 3)


def test_one_count_of_observations_serves_all_problems():
    for given in (5, [5], [5, 5, 5], np.float64(5)):
        batch = datasets.low_rank_completion(3, 3, 3, given, seed=0)
        assert (batch.mask.sum(axis=(1, 2)) == 5).all()
    assert datasets.low_rank_completion(1, 2, 1, 4, 0).mask.all()
    assert datasets.low_rank_completion(1, 2, 1, 1, 0).mask.sum() == 1
    for bad in ([5, 5], 2.5, 0, 10, [5, 0, 5], [5, 10, 5], [[5, 5, 5]]):
        with pytest.raises(ValueError, match="n_observed"):
            datasets.low_rank_completion(3, 3, 1, bad, seed=0)


def test_observed_entries_are_drawn_uniformly():
    seen = datasets.low_rank_completion(4000, 3, 1, 3, seed=1).mask.mean(axis=0)
    assert seen == pytest.approx(np.full((3, 3), 1 / 3), abs=0.04)


def test_a_problem_of_one_row_or_of_several_axes():
    problem = Completion([[True, False, True]], [[1.0, 5.0, 2.0]])
    assert problem.observations.tolist() == [1, 2] and problem.shape == (1, 3)
    assert problem.sensors.tolist() == [[[1, 0, 0]], [[0, 0, 1]]]
    same = Completion([[True, False], [True, True]], 3.0)  # one value for all entries
    assert same.M.tolist() == [[3, 0], [3, 3]]
    for mask, M, message in (
        ([True], [1.0], "mask needs two axes"),
        (np.zeros((2, 2), bool), np.eye(2), "one observed entry a problem"),
        (np.array([np.eye(2), 0 * np.eye(2)], bool), np.eye(2), "one observed entry a problem"),
        (np.eye(2, dtype=bool), np.ones((3, 2)), r"M has shape \(3, 2\) but mask has \(2, 2\)"),
        (np.eye(2, dtype=bool), 1e-200 * np.eye(2), "M has entries of size"),
        (np.eye(2), np.eye(2), "mask must hold True and False"),
    ):
        with pytest.raises(ValueError, match=message):
            Completion(mask, M)


def test_sensors_and_observations_belong_together():
    A = datasets.generator(1).standard_normal((3, 2, 4))
    truth = datasets.generator(2).standard_normal((2, 4))
    problem = Sensing(A, np.tensordot(A, truth, axes=2), truth)
    assert problem.shape == (2, 4) and problem.risk(truth) == pytest.approx(0, abs=1e-24)
    W = datasets.generator(3).standard_normal((5, 2, 4))
    for k in range(5):
        gaps = [(A[i] * (W[k] - truth)).sum() for i in range(3)]
        assert problem.risk(W)[k] == pytest.approx(sum(g**2 for g in gaps) / 2)
        right = sum(g * A[i] for i, g in enumerate(gaps))
        assert problem.gradient(W)[k] == pytest.approx(right)
    for sensors, seen, truth, message in (
        (A, [1.0, 2.0], None, "there are 3 sensors and 2 observations"),
        (A[:0], [], None, "there are 0 sensors and 0 observations"),
        (A[0], [1.0], None, "sensors must have 3 axes"),
        (A, np.ones((3, 1)), None, "observations must have 1 axes"),
        (A, np.ones(3), np.ones((4, 2)), r"truth must have the shape \(2, 4\)"),
        (1e-200 * A, np.ones(3), None, "sensors has entries"),
        (A, 1e-200 * np.ones(3), None, "observations has entries"),
    ):
        with pytest.raises(ValueError, match=message):
            Sensing(sensors, seen, truth)
    with pytest.raises(TypeError, match="a sensing problem is no batch"):
        problem[0]


@pytest.mark.parametrize(("size", "rank"), [(1, 1), (4, 2), (6, 1), (5, 5)])
def test_a_dual_matrix_certifies_the_truth_of_commuting_sensors(size, rank):
    """Of the span of the sensors: one on the truth's range, less than a half across it."""
    for seed in range(5):
        problem = datasets.commuting_sensing(size, rank, seed)
        spectrum, V = np.linalg.eigh(problem.truth)
        assert (spectrum[: size - rank] == pytest.approx(0, abs=1e-12)) or size == rank
        assert ((spectrum[size - rank :] > 0.5) & (spectrum[size - rank :] < 1.5)).all()
        on, off = V[:, size - rank :], V[:, : size - rank]
        maps = (problem.sensors @ on).reshape(rank, -1).T
        dual, *_ = np.linalg.lstsq(maps, on.ravel())
        D = np.tensordot(dual, problem.sensors, axes=1)
        assert D @ on == pytest.approx(on, abs=1e-9)
        assert (np.abs(np.linalg.eigvalsh(off.T @ D @ off)) < 0.5).all()
        assert problem.observations == pytest.approx(
            np.tensordot(problem.sensors, problem.truth, axes=2)
        )
        assert problem.sensors == pytest.approx(problem.sensors.swapaxes(1, 2))


def test_certificates_and_spectra_of_commuting_sensors_fill_their_intervals():
    problem = datasets.commuting_sensing(160, 80, seed=0)
    spectrum, V = np.linalg.eigh(problem.truth)
    on, off = V[:, 80:], V[:, :80]
    assert spectrum[80] == pytest.approx(0.5, abs=0.06) and spectrum[-1] == pytest.approx(
        1.5, abs=0.06
    )
    A = problem.sensors
    # A sensor is of one size on the truth and across it.
    sizes = [np.linalg.norm(V.T @ A @ V, axis=(1, 2)) for V in (on, off)]
    assert sizes[0].mean() == pytest.approx(sizes[1].mean(), rel=0.1)
    seen = np.array([np.diag(on.T @ a @ on) for a in A])
    D = np.tensordot(np.linalg.solve(seen.T, np.ones(80)), A, axes=1)
    b = np.linalg.eigvalsh(off.T @ D @ off)
    for side in (-1, 1):
        assert (side * b).max() == pytest.approx(0.5, abs=0.06)


def test_gaussian_sensors_keep_the_norm_on_average():
    """Of a symmetric W: ||A(W)||^2 is ||W||_F^2, up to the spread of chance."""
    n = 4000
    problem = datasets.gaussian_sensing(3, 1, n, seed=0)
    assert problem.sensors == pytest.approx(problem.sensors.swapaxes(1, 2))
    for W in (np.eye(3), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]), problem.truth):
        mapped = np.tensordot(problem.sensors, W, axes=2)
        assert mapped @ mapped == pytest.approx(np.sum(W**2), rel=6 * np.sqrt(2 / n))
        assert abs(mapped.mean()) < 6 * np.linalg.norm(W) / n
    spectrum = np.linalg.eigvalsh(problem.truth)
    assert spectrum == pytest.approx([0, 0, 3], abs=1e-9)
    assert datasets.gaussian_sensing(3, 3, 1, seed=0).shape == (3, 3)
    with pytest.raises(ValueError, match="rank must be at most size = 3; got 4"):
        datasets.gaussian_sensing(3, 4, 1, seed=0)
    with pytest.raises(ValueError, match="n_observations must be at most size=3; got 4"):
        datasets.commuting_sensing(3, 4, seed=0)


def test_the_small_completions_are_those_of_the_papers():
    two = datasets.two_by_two_completion()
    assert two.mask.tolist() == [[False, True], [True, True]]
    assert two.M.tolist() == [[0, 1], [1, 0]]
    four = datasets.four_by_four_completion(3.0)
    assert four.M.tolist() == [[0, 0, 1, 3], [0, 0, 3, 0], [1, 3, 0, 0], [3, 0, 0, 0]]
    assert (four.mask == (four.M != 0)).all()


# ---- next tokens


TEXT = NextTokens(
    [[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0]],
    [[0.5, 0.25, 0.0, 0.25], [0.0, 0.0, 1.0, 0.0], [0.0, 0.4, 0.0, 0.6]],
)


def test_rows_of_next_tokens_read_odds_and_leads_off_the_logits():
    W = datasets.generator(0).standard_normal((4, 2))
    logits = TEXT.X @ W.T
    assert (TEXT.Z @ W.ravel()).reshape(3, 4) == pytest.approx(logits)
    inside, odds = TEXT.inside
    found = [logits[0, 1] - logits[0, 0], logits[0, 3] - logits[0, 0], logits[2, 3] - logits[2, 1]]
    assert inside @ W.ravel() == pytest.approx(found)
    assert odds == pytest.approx(np.log([0.5, 0.5, 1.5]))
    outside, pairs = TEXT.outside
    assert pairs.tolist() == [[0, 2], [1, 0], [1, 1], [1, 3], [2, 0], [2, 2]]
    firsts = [0, 2, 1]
    leads = [logits[j, firsts[j]] - logits[j, v] for j, v in pairs]
    assert outside @ W.ravel() == pytest.approx(leads)
    assert (TEXT.n_samples, TEXT.n_features, TEXT.n_classes) == (3, 2, 4)
    assert repr(TEXT) == "NextTokens(3 contexts, 2 features, 4 tokens)"


@pytest.mark.parametrize("lengths", [(1.0, 1.0, 1.0), (1e-9, 1.0, 1e9)])
def test_the_spans_are_orthonormal_and_settled_has_the_odds(lengths):
    """Two directions of the first context, and one of the third; a short context counts too."""
    text = NextTokens(TEXT.X * np.array(lengths)[:, None], TEXT.P)
    F, rest = text.spans
    assert F.shape == (3, 8) and rest.shape == (5, 8)
    both = np.vstack([F, rest])
    assert both @ both.T == pytest.approx(np.eye(8), abs=1e-12)
    rows, odds = text.inside
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert unit @ rest.T == pytest.approx(0, abs=1e-12)
    seen, across = text.outside[0], text.outside_across
    size = np.linalg.norm(seen, axis=1, keepdims=True)
    assert across / size == pytest.approx(seen / size @ rest.T, abs=1e-12)
    off = np.abs(rows @ text.settled - odds)
    assert (off <= 1e-9 + 1e-13 * np.abs(rows).max(axis=1) * np.abs(text.settled).max()).all()
    assert rest @ text.settled == pytest.approx(0, abs=1e-9 * np.abs(text.settled).max())


def test_what_is_seen_of_an_outside_token_by_rounding_alone_is_zero():
    """One feature, all tokens but one in the support: the lead over the last one is seen whole."""
    text = NextTokens([[1.0], [1.0]], [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    assert text.spans[0].shape == (2, 3)  # all that the softmax sees
    assert (text.outside_across == 0).all()
    hot = NextTokens([[2.0]], [[0.0, 1.0]])
    assert hot.inside[0].shape == (0, 2) and hot.inside[1].shape == (0,)
    assert hot.spans[0].shape == (0, 2) and (hot.spans[1] == np.eye(2)).all()
    assert hot.settled.tolist() == [0, 0]
    assert hot.outside_across == pytest.approx(np.array([[-2.0, 2.0]]))


def test_the_hessian_within_the_supports_is_the_second_derivative():
    """Of the mean of log sum exp over the supports, along F, at a point of given probabilities."""
    F = TEXT.spans[0]
    inside = np.where(TEXT.P > 0, 0.0, -np.inf)
    W = 0.3 * datasets.generator(1).standard_normal(8)

    def mean(a):
        logits = TEXT.X @ (W + a @ F).reshape(4, 2).T + inside
        return np.logaddexp.reduce(logits, axis=1).mean()

    h, e = 1e-3, np.eye(3)
    second = [
        [mean(h * (p + q)) - mean(h * (p - q)) - mean(h * (q - p)) + mean(-h * (p + q)) for q in e]
        for p in e
    ]
    within = softmax(TEXT.X @ W.reshape(4, 2).T + inside, axis=1)
    assert TEXT.hessian(within) == pytest.approx(np.array(second) / (4 * h**2), abs=1e-6)


def test_frequencies_are_refused_unless_they_are_such():
    X = np.eye(2)
    for P, message in (
        (np.ones((2, 1)), "at least two columns"),
        (np.eye(3), "a row for each of the 2 contexts"),
        ([[0.5, 0.5 + 1e-8], [1, 0]], "each row of sum one"),
        ([[0.5, 0.5 - 1e-8], [1, 0]], "each row of sum one"),
        ([[1.1, -0.1], [1, 0]], "at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            NextTokens(X, P)
    assert NextTokens(X, [[0.5, 0.5 + 1e-10], [1, 0]]).n_classes == 2
    with pytest.raises(ValueError, match="P has shape"):
        NextTokens(np.zeros((2, 0)), [[0.5, 0.5], [1, 0]])


def test_tokens_that_follow_are_drawn_with_log_normal_frequencies():
    data = datasets.next_tokens(4, n_contexts=5, n_features=2, n_tokens=7, n_following=3)
    rng = datasets.generator(4)
    assert pytest.approx(rng.standard_normal((5, 2))) == data.X
    assert ((data.P > 0).sum(axis=1) == 3).all() and data.P.shape == (5, 7)
    rng.permuted(np.tile(np.arange(7), (5, 1)), axis=1)
    weights = np.where(data.P > 0, np.exp(rng.standard_normal((5, 7))), 0)
    assert pytest.approx(weights / weights.sum(axis=1, keepdims=True)) == data.P
    all_of_them = datasets.next_tokens(0, 2, 3, n_tokens=2, n_following=2)
    assert (all_of_them.P > 0).all()
    assert (datasets.next_tokens(0, 2, 3, n_tokens=2, n_following=1).P.max(axis=1) == 1).all()
    for n_tokens, n_following in ((1, 1), (2, 3)):
        with pytest.raises(ValueError, match=f"n_tokens={n_tokens} must be at least 2"):
            datasets.next_tokens(0, 2, 3, n_tokens, n_following)


def test_every_token_follows_as_often_as_another():
    P = datasets.next_tokens(0, 6000, 1, 4, 1).P
    assert P.mean(axis=0) == pytest.approx(np.full(4, 0.25), abs=0.03)


# ---- planted


@pytest.mark.parametrize(("d", "n"), [(3, 3), (3, 9), (6, 40)])
def test_planted_data_beyond_their_support(d, n):
    p = [0.5, 0.2, 0.3]
    data = datasets.planted(3, p, n_samples=n, n_features=d, margin=2.0, spread=0.7)
    direction = p @ data.Z[:3] / 2
    assert data.X.shape == (n, d) and np.linalg.norm(direction) == pytest.approx(1)
    assert data.Z[:3] @ direction == pytest.approx(2)
    assert (data.Z[3:] @ direction > 3).all()
    if n == 40:
        assert (data.Z[3:] @ direction).min() < 3.5
    across = data.Z - np.outer(data.Z @ direction, direction)
    if n == 40:
        assert np.linalg.matrix_rank(across) == d - 1
        assert np.std(data.Z[3:] @ direction) == pytest.approx(2 * np.sqrt(1 - 2 / np.pi), rel=0.5)
        assert (across[3:] ** 2).sum(axis=1).mean() == pytest.approx(d - 1, rel=0.5)


def test_planted_data_may_be_support_vectors_alone():
    assert datasets.planted(0, [0.5, 0.5], n_samples=2).X.shape == (2, 2)
    for how in ({"n_samples": 1}, {"n_features": 1}):
        with pytest.raises(ValueError, match="2 support vectors need n_features and n_samples"):
            datasets.planted(0, [0.5, 0.5], **how)
    for p in ([0.5, 0.5, 0.0], [0.5, 0.5 + 1e-11], [0.5, 0.5 - 1e-11]):
        with pytest.raises(ValueError, match="positive numbers that sum to 1"):
            datasets.planted(0, p)


# ---- a law


def test_samples_of_a_law_are_its_mean_and_noise_with_some_labels_flipped():
    law = GaussianClasses([3.0, -1.0], [0.5, 0.0], flip=0.25)
    Z = law.sample(40_000, seed=2).Z
    flipped = Z[:, 1] > 0
    assert flipped.mean() == pytest.approx(0.25, abs=0.01)
    Z = np.where(flipped[:, None], -Z, Z)
    assert (Z[:, 1] == -1).all()
    assert Z[:, 0].mean() == pytest.approx(3, abs=0.01) and Z[:, 0].std() == pytest.approx(
        0.5, abs=0.01
    )
    assert abs(law.sample(10_000).y.sum()) <= 1
    one = law.sample(1, seed=3)
    assert one.n_samples == 1


@pytest.mark.parametrize("flip", [0.0, 0.2])
def test_a_stack_of_weights_has_the_values_of_its_members(flip):
    law = GaussianClasses([1.0, 0.5, -0.3], [0.5, 2.0, 0.0], flip=flip)
    stack = datasets.generator(0).standard_normal((2, 3, 3)) * [[[0.1]], [[10.0]]]
    for method in (law.error, law.risk, law.risk_slope):
        found = method(stack)
        assert found.shape == (2, 3)
        for index in np.ndindex(2, 3):
            assert found[index] == pytest.approx(method(stack[index]), rel=1e-12)


def test_a_flipped_label_costs_what_the_other_class_pays():
    """With probability f the law is that of -mean: each value is a mixture of two."""
    mean, deviations, f = np.array([1.0, 0.5]), [0.5, 2.0], 0.3
    law = GaussianClasses(mean, deviations, flip=f)
    right, wrong = (GaussianClasses(sign * mean, deviations) for sign in (1, -1))
    for w in ([0.3, -0.1], [4.0, 3.0], [-20.0, 1.0]):
        for name in ("error", "risk", "risk_slope"):
            values = [getattr(one, name)(w) for one in (right, wrong)]
            assert getattr(law, name)(w) == pytest.approx((1 - f) * values[0] + f * values[1])


def test_the_shortfall_of_a_gaussian_and_of_a_number():
    from scipy.integrate import quad

    for mean, deviation in ((0.7, 0.3), (-0.4, 2.0), (0.0, 1.0)):
        density = lambda u: np.exp(-(((u - mean) / deviation) ** 2) / 2)  # noqa: B023, E731
        integral = quad(lambda u: -u * density(u), mean - 40 * deviation, 0, limit=400)[0]  # noqa: B023
        right = integral / (deviation * np.sqrt(2 * np.pi))
        assert population.mean_shortfall(mean, deviation) == pytest.approx(right, rel=1e-8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = population.mean_shortfall(np.array([-2.0, 3.0, 0.0]), np.zeros(3))
    assert found.tolist() == [2, 0, 0]


@pytest.mark.parametrize("per_panel", [2, 5])
def test_the_panels_integrate_polynomials_between_their_ends(per_panel):
    u, du = population.panel_nodes(per_panel)
    assert u.size == per_panel * 18 and np.abs(u).max() < 37
    for power in range(0, 2 * per_panel, 2):
        right = 2 * 37 ** (power + 1) / (power + 1)
        assert du @ u**power == pytest.approx(right)
        assert abs(du @ u ** (power + 1)) < 1e-12 * right * 37


def test_an_error_needs_a_classifier_that_sees_the_classes():
    law = GaussianClasses([1.0, 0.0], [0.0, 0.0])
    assert law.error([-1.0, 0.0]) == 1 and law.error([1.0, 5.0]) == 0
    with pytest.raises(ValueError, match="it makes no prediction"):
        law.error([[1.0, 0.0], [0.0, 1.0]])
    noisy = GaussianClasses([1.0, 0.0], [0.0, 1.0])
    assert noisy.error([0.0, 1.0]) == pytest.approx(0.5)
    for w in (1.0, [1.0], [[1.0, 2.0, 3.0]]):
        with pytest.raises(ValueError, match="its last axis must be 2"):
            law.risk(w)


# ---- rows and columns


def test_rows_have_a_length_and_a_rounding():
    assert rows.lengths(np.array([[3.0, -4.0], [0.0, 0.0], [0.0, 0.5]])).tolist() == [
        [5],
        [1],
        [0.5],
    ]
    eps = np.finfo(float).eps
    assert rows.rounding(np.ones((2, 9))) / eps == pytest.approx(12)
    assert rows.rounding(np.ones((16, 3))) / eps == pytest.approx(16)


def test_a_column_is_odd_beyond_the_root_of_what_is_uneven():
    """The typical size is the lower median; each column is compared with it."""
    said = columns.scaling(np.array([[1e4, 1.0, 1.0, 1e-4], [0.0, 1.0, -1.0, 0.0]]), 1e3)
    assert said == "divide column 0 by 1e+04, multiply column 3 by 1e+04"
    assert columns.scaling(np.array([[1.0, 25.0, 2e3]]), 1e3) == "divide column 2 by 8e+01"
    assert columns.scaling(np.array([[1.0, 40.0, 2e3]]), 1e3) == (
        "divide column 2 by 5e+01, multiply column 0 by 4e+01"
    )
    assert columns.scaling(np.array([[1.0, 1.0, 999.0]]), 1e3) == ""
    assert columns.scaling(np.array([[1.0, 1.0, 1001.0]]), 1e3) == "divide column 2 by 1e+03"
    assert columns.scaling(np.zeros((3, 0)), 1e3) == columns.scaling(np.zeros((0, 2)), 1e3) == ""
    three = columns.scaling(np.array([[1.0] * 9 + [1e4, 1e5, 1e6]]), 1e3)
    assert three == "divide column 11 by 1e+06, divide column 10 by 1e+05, divide column 9 by 1e+04"
    sizes = np.ones(110)
    sizes[1:100:2] = 1e4
    assert columns.scaling(sizes[None], 1e3) == (
        "divide column 1 by 1e+04, divide column 3 by 1e+04, divide column 5 by 1e+04,"
        " and so on for 47 more"
    )
    many = columns.scaling(np.array([[1.0] * 9 + [1e4, 1e5, 1e6, 1e7, 1e8]]), 1e3)
    assert many == (
        "divide column 13 by 1e+08, divide column 12 by 1e+07, divide column 11 by 1e+06,"
        " and so on for 2 more"
    )


def test_streams_of_one_variable_and_another_seed_are_apart(monkeypatch):
    monkeypatch.setenv("IBIAS_SEED", "")
    plain = [datasets.generator(seed).random() for seed in range(50)]
    assert plain == [np.random.default_rng(seed).random() for seed in range(50)]
    monkeypatch.setenv("IBIAS_SEED", "1")
    moved = [datasets.generator(seed).random() for seed in range(50)]
    monkeypatch.setenv("IBIAS_SEED", "2")
    again = [datasets.generator(np.int64(seed)).random() for seed in range(50)]
    assert len({*plain, *moved, *again}) == 150
    for seed in (-1, True, 1.0, "1"):
        with pytest.raises(ValueError, match="seed must be a whole number, at least 0"):
            datasets.generator(seed)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("X", lambda a: NextTokens(a, [[0.5, 0.5], [1, 0]])),
        ("P", lambda a: NextTokens(np.eye(2), a)),
        ("centres", lambda a: datasets.sectors(0, a[0] if a.ndim == 3 else np.atleast_2d(a))),
        ("dual_variables", lambda a: datasets.planted(0, np.atleast_2d(a) / a.sum())),
        ("mean", lambda a: GaussianClasses(np.atleast_2d(a), np.atleast_2d(a))),
        ("deviations", lambda a: GaussianClasses([1.0, 1.0], np.atleast_2d(a))),
    ],
)
def test_the_axes_of_data_are_counted(name, call):
    for wrong in (np.full(2, 0.5), np.full((2, 2, 2), 0.5)):
        with pytest.raises(ValueError, match=f"{name} must have [12] axes; got shape"):
            call(wrong)


def test_one_class_is_named_by_its_label():
    for y, positive, named in (
        ([1, 1], None, r"\+1"),
        ([-1.0, -1.0], None, "-1"),
        (["a", "a"], "a", "'a'"),
        ([0, 0], 0, "0"),
    ):
        with pytest.raises(ValueError, match=rf"y holds one class only \(all {named}\)"):
            Dataset([[1.0], [2.0]], y, positive=positive)
    assert Dataset([[1.0], [2.0]], [1, -1]).labels == (-1, 1)
    with pytest.raises(ValueError, match=r"got 0, 1\. Dataset\(X, y, positive=1\) makes two"):
        Dataset([[1.0], [2.0]], [0, 1])


def test_several_classes_keep_their_rows_together():
    with pytest.raises(ValueError, match="X has 2 rows but y has 3 labels"):
        MulticlassDataset([[1.0], [2.0]], [0, 1, 1])
    data = MulticlassDataset([[1.0], [2.0], [3.0]], [2, 0, 1])
    assert (data.n_samples, data.n_features, data.n_classes) == (3, 1, 3)
    assert data.pairs.tolist() == [[0, 0], [0, 1], [1, 1], [1, 2], [2, 0], [2, 2]]
    assert data.Z.tolist() == [
        [-1, 0, 1],
        [0, -1, 1],
        [2, -2, 0],
        [2, 0, -2],
        [-3, 3, 0],
        [0, 3, -3],
    ]
