"""Uniform draws of solutions of a given margin: exact laws, rejection, bad input."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from ibias import datasets, optima
from ibias.datasets import Dataset
from ibias.networks import draws_of_margin, volume
from ibias.trajectory import direction, margin

AXIS = [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]


def rng():
    return datasets.generator(5)


def test_in_space_the_height_is_uniform():
    """Archimedes: on the sphere the first coordinate of a uniform point is uniform."""
    data = Dataset(AXIS, [1, -1])
    w = draws_of_margin(data, rng(), start=[1.0, 0, 0], margin=0.4, n_draws=4000, n_steps=40)
    height = np.sort((w[:, 0] - 0.4) / 0.6)
    assert np.abs(height - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / np.sqrt(4000)
    angle = np.sort(np.arctan2(w[:, 1], w[:, 2]) / (2 * np.pi) + 0.5)  # what no sample sees
    assert np.abs(angle - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / np.sqrt(4000)


def test_it_agrees_with_rejection():
    data = datasets.separable(seed=3, n_samples=8, n_features=5)
    all_of_them = rng().standard_normal((400_000, 5))
    margins = margin(data.Z, all_of_them)
    best = all_of_them[margins.argmax()]
    for share in (0.0, 0.5):
        smallest = share * margins.max()
        kept = margins[margins >= smallest]
        w = draws_of_margin(data, rng(), start=best, margin=smallest, n_draws=3000, n_steps=150)
        drawn = margin(data.Z, w)
        assert drawn.min() >= smallest - 1e-12
        error = np.hypot(kept.std() / np.sqrt(kept.size), drawn.std() / np.sqrt(drawn.size))
        assert abs(drawn.mean() - kept.mean()) < 4 * error


def test_the_start_itself_may_be_on_the_boundary():
    data = Dataset(AXIS, [1, -1])
    start = np.array([0.5, np.sqrt(0.75), 0.0])
    own = float(margin(data.Z, start))
    w = draws_of_margin(data, rng(), start=start, margin=own, n_draws=50)
    assert (w[:, 0] >= own - 1e-12).all() and np.ptp(w[:, 0]) > 0.3


def test_a_sample_of_zeros_leaves_everything_free():
    for rows in ([[0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]):
        data = Dataset.from_signed(rows)
        how = {"start": [1.0, 0.0], "margin": 0.0, "n_draws": 50, "n_steps": 20}
        w = draws_of_margin(data, np.random.default_rng(0), **how)
        assert np.isfinite(w).all() and (w @ data.Z.T >= 0).all()
        assert np.linalg.norm(w, axis=1) == pytest.approx(np.ones(50))
        assert np.ptp(w[:, 1]) > 1


def test_bad_input_is_refused():
    data = Dataset(AXIS, [1, -1])
    how = {"start": [1.0, 0, 0], "margin": 0.5, "n_draws": 2}
    for bad, words in (
        ({"margin": -0.1}, "margin must be at least 0"),
        ({"margin": np.nan}, "margin holds 1 NaN"),
        ({"margin": 1.1}, "start has the margin 1, below the 1.1"),
        ({"start": [1.0, 0]}, "start has shape"),
        ({"start": [0.0, 0, 0]}, "zero vector"),
        ({"n_draws": 0}, "n_draws must be a whole number"),
        ({"n_steps": 1.5}, "n_steps must be a whole number"),
    ):
        with pytest.raises(ValueError, match=words):
            draws_of_margin(data, rng(), **(how | bad))


def test_a_start_of_just_the_margin_but_for_rounding_is_taken():
    """A margin computed in another order of sums may differ from the start's in its last digit."""
    start = np.array([0.6, 0.8])
    data = Dataset([[1.0, 0.5], [-0.5, -1.0]], [1, -1])
    reached = (data.Z @ start).min()
    how = {"start": start, "n_draws": 5, "n_steps": 5}
    w = draws_of_margin(data, rng(), margin=reached * (1 + 1e-14), **how)
    assert (w @ data.Z.T).min() >= reached - 1e-9
    with pytest.raises(ValueError, match="start has the margin"):
        draws_of_margin(data, rng(), margin=reached + 1e-6, **how)


@pytest.mark.parametrize("rows", [[1.0], [1.0, -0.7, 0.3]])
def test_what_no_sample_sees_is_drawn_afresh(rows):
    """All samples lie along one direction, up to rounding: w across it points anywhere."""
    e, *across = np.linalg.qr(rng().standard_normal((4, 4)))[0].T
    X = np.outer(rows, e)
    data = Dataset.one_class(X) if len(rows) == 1 else Dataset(X, np.sign(rows))
    start = 0.8 * e + 0.6 * across[0]
    w = draws_of_margin(data, rng(), start=start, margin=0.1, n_draws=4000, n_steps=1)
    seen = w @ e
    left = (w - seen[:, None] * e) @ np.array(across).T
    unseen = left / np.linalg.norm(left, axis=1, keepdims=True)
    assert np.abs(unseen.mean(axis=0)).max() < 4 / np.sqrt(3 * 4000)
    assert (unseen**2).mean(axis=0) == pytest.approx(np.full(3, 1 / 3), abs=0.02)
    assert np.linalg.norm(w, axis=1) == pytest.approx(np.ones(4000))


@pytest.mark.parametrize(
    ("rows", "smallest"),
    [
        ([[1e7, 0, 0], [0, 1e-7, 0]], 0.0),
        ([[1e7, 0, 0], [0, 1e-7, 0]], 5e-8),
        ([[1e-200, 0, 0], [0, 1e100, 0]], 0.0),
        ([[1e6, 0, 0], [0.9e-6, 0.435e-6, 0]], 0.0),
    ],
)
def test_a_short_sample_is_seen_beside_a_long_one(rows, smallest):
    """The law is that of draws by rejection, and no draw is below the margin."""
    Z = np.array(rows)
    how = {"start": [1.0, 1.0, 0.0], "margin": smallest, "n_draws": 2000, "n_steps": 60}
    w = draws_of_margin(Dataset.from_signed(Z), rng(), **how)
    assert (w @ Z.T >= smallest * (1 - 1e-12)).all()
    free = np.random.default_rng(1).standard_normal((40_000, 3))
    free /= np.linalg.norm(free, axis=1, keepdims=True)
    kept = free[(free @ Z.T >= smallest).all(axis=1)]
    for j in range(3):
        assert ks_2samp(w[:, j], kept[:, j]).pvalue > 1e-4


def test_a_start_below_the_margin_of_a_short_sample_is_refused():
    data = Dataset.from_signed([[1e7, 0.0], [0.0, 1e-7]])
    with pytest.raises(ValueError, match=r"start has the margin -7\.07107e-08, below the 0"):
        draws_of_margin(data, rng(), start=[1.0, -1.0], margin=0.0, n_draws=2)


def test_a_long_sample_at_the_margin_but_for_rounding_leaves_the_others_theirs():
    data = Dataset.from_signed([[1e7, -1e7, 0.0], [0.0, 0.0, 1e-3]])
    start = np.array([1.0, 1.0 + 1e-12, 1.0])  # -1e-5 for the first sample
    w = draws_of_margin(data, rng(), start=start, margin=0.0, n_draws=500)
    assert (w @ data.Z.T >= [-1e-5, 0.0]).all()


@pytest.mark.parametrize("e", [1e-1, 1e-2, 1e-4, 1e-8])
def test_a_lune_of_any_width_is_crossed(e):
    """|w_1| <= e w_3 and w_2 + 5 w_3 >= 0: the law of w across the first axis is that of an arc.

    There density and width are as the cosine of the angle from the third axis, w_3, and the
    sample (0, 1, 5) cuts off what is beyond its horizon.
    """
    data = Dataset.from_signed([[1, 0, e], [-1, 0, e], [0, 1, 5]])
    w = draws_of_margin(data, rng(), start=[0, 0, 1], margin=0.0, n_draws=4000)
    assert (w @ data.Z.T >= -1e-15).all()
    across = w[:, 1] / np.hypot(w[:, 1], w[:, 2])
    # The sine is uniform from that of the horizon, -5 / sqrt(26), to 1.
    low = -5 / np.sqrt(26)
    share = np.sort((across - low) / (1 - low))
    assert np.abs(share - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000) + e**2
    side = np.sort(w[:, 0] / w[:, 2] / e / 2 + 0.5)  # uniform, up to e^2
    assert np.abs(side - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000) + e**2


@pytest.mark.parametrize("e", [1e-11, 1e-14])
def test_a_lune_as_narrow_as_rounding_is_refused(e):
    data = Dataset.from_signed([[1, 0, e], [0, 1, 5], [-1, 0, e]])
    with pytest.raises(
        RuntimeError, match=r"rounding decides where it ends\. To go on, drop sample [02]"
    ):
        draws_of_margin(data, rng(), start=[0, 0, 1], margin=0.0, n_draws=2)


def test_chains_that_mix_in_three_hundred_steps_take_these():
    data = datasets.separable(seed=3, n_samples=8, n_features=5)
    how = {"start": data.Z.mean(axis=0), "margin": 0.0, "n_draws": 7}
    w = draws_of_margin(data, rng(), **how)
    np.testing.assert_array_equal(w, draws_of_margin(data, rng(), n_steps=300, **how))


def test_circles_of_another_shape_leave_the_law_as_it_is():
    """Against rejection, in five dimensions."""
    data = datasets.separable(seed=3, n_samples=8, n_features=5)
    every = direction(rng().standard_normal((200_000, 5)))
    kept = every[(every @ data.Z.T >= 0).all(axis=1)]
    w, chance = np.tile(kept[0], (3000, 1)), rng()
    shape = np.diag([1.0, 0.5, 2.0, 0.7, 1.5])
    for _ in range(200):
        w = volume._step(data.Z, np.zeros(8), w, chance, shape)
    for j in range(5):
        assert ks_2samp(w[:, j], kept[:, j]).pvalue > 1e-4


def test_chains_that_do_not_mix_are_refused_and_the_remedies_work(monkeypatch):
    monkeypatch.setattr(volume, "LOOKS", [(300, False)])
    data = Dataset.from_signed([[1, 0, 1e-4], [0, 1, 5], [-1, 0, 1e-4]])
    how = {"start": [0, 0, 1], "margin": 0.0, "n_draws": 10}
    with pytest.raises(RuntimeError, match=r"chains of 300 steps .* give n_steps") as refused:
        draws_of_margin(data, rng(), **how)
    assert draws_of_margin(data, rng(), n_steps=3, **how).shape == (10, 3)
    drop = int(str(refused.value).split("drop sample ")[1].split(",")[0])
    rest = Dataset.from_signed(np.delete(data.Z, drop, axis=0))
    assert draws_of_margin(rest, rng(), **how).shape == (10, 3)


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0])
def test_one_feature_leaves_one_classifier(margin):
    data = Dataset([[1.0], [-2.0]], [1, -1])
    for n_steps in (None, 1, 300):
        how = {"start": [3.0], "margin": margin, "n_draws": 4, "n_steps": n_steps}
        assert draws_of_margin(data, rng(), **how).tolist() == [[1.0]] * 4
    free = draws_of_margin(Dataset.one_class([[0.0]]), rng(), start=[1.0], margin=0.0, n_draws=50)
    assert sorted(set(free.ravel())) == [-1.0, 1.0]


def test_a_set_without_room_is_the_start_or_refused():
    z = np.array([0.6, 0.8])
    w = draws_of_margin(Dataset.one_class([z]), rng(), start=z, margin=1.0, n_draws=3)
    assert w == pytest.approx(np.tile(z, (3, 1)), abs=1e-6)
    data = datasets.separable(seed=3, n_samples=8, n_features=5)
    best = optima.max_margin(data)
    w = draws_of_margin(data, rng(), start=best.w, margin=best.margin, n_draws=3)
    assert w == pytest.approx(np.tile(best.direction, (3, 1)), abs=1e-6)


def on_one_sample(n_free, less):
    """Two samples hold w_2, n_free others hold nothing: how far from 1 w_1 is, times less."""
    Z = np.eye(2 + n_free)
    Z[:2, :2], Z[2:, 0] = [[1, 1], [1, -1]], 2
    return Dataset.from_signed(Z), {"start": np.eye(2 + n_free)[0], "margin": 1 - less}


def check_near_the_largest(n_free, less, **changed):
    """The v of free features has the density less - |v|^2/2, up to less^(3/2)."""
    data, how = on_one_sample(n_free, less)
    v = draws_of_margin(data, rng(), n_draws=4000, **(how | changed))[:, 2:]
    squares = (v**2).sum(axis=1) / (2 * less)
    right = n_free / (n_free + 4)
    assert abs(squares.mean() - right) < 4 * squares.std() / np.sqrt(4000) + less**0.5
    share = np.sort(squares ** (n_free / 2))  # its law: ((1 + n/2) s - n/2 s^(1 + 2/n))
    law = (1 + n_free / 2) * share - n_free / 2 * share ** (1 + 2 / n_free)
    assert np.abs(law - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000) + less**0.5


@pytest.mark.parametrize(("n_free", "less"), [(1, 1e-7), (2, 1e-9)])
def test_next_to_the_largest_margin_the_set_is_explored_where_it_is_wide(n_free, less):
    check_near_the_largest(n_free, less)


WITHOUT_ROOM = [  # and what is left to the largest margin: rounding took chains out of the set
    ([[-1, 2, 2, 1], [1, -2, -2, -2], [2, -1, -1, 2], [-1, 2, -1, 0]], 1e-14),
    ([[2, 2, -1], [1, 1, -1], [0, -2, 0], [-1, -1, -2], [0, -1, 1]], 1e-16),
]


@pytest.mark.parametrize(("rows", "less"), WITHOUT_ROOM)
def test_no_step_leaves_a_set_that_is_as_narrow_as_rounding(rows, less):
    data = Dataset.from_signed(rows)
    best = optima.max_margin(data)
    how = {"start": best.w, "margin": (1 - less) * best.margin, "n_draws": 100}
    w = draws_of_margin(data, rng(), n_steps=2000, **how)
    assert (w @ data.Z.T).min() > how["margin"] - 1e-13
    assert np.linalg.norm(w - best.direction, axis=1).max() < 2 * np.sqrt(2 * less) + 1e-7


@pytest.mark.parametrize(("n_free", "less"), [(2, 1e-10), (1, 1e-12)])
def test_chains_that_have_not_explored_the_set_do_not_make_it_a_point(n_free, less):
    """As wide as the root of what is left to the largest margin, and too thin: it is refused."""
    data, how = on_one_sample(n_free, less)
    with pytest.raises(
        RuntimeError, match=r"rounding decides .* lower margin to 0\.9999999;"
    ) as no:
        draws_of_margin(data, rng(), n_draws=2, **how)
    lower = float(str(no.value).split("lower margin to ")[1].split(";")[0])
    if n_free == 1:
        check_near_the_largest(n_free, 1 - lower)


@pytest.mark.parametrize("less", [1e-6, 1e-9])
def test_along_itself_a_narrow_set_is_narrower_still(less):
    """An arc, |w_1| + w_2 >= 1 - less: along w_2 it varies by less^2."""
    data = Dataset.from_signed([[1, 1], [-1, 1]])
    w = draws_of_margin(data, rng(), start=[0, 1], margin=1 - less, n_draws=4000)
    share = np.sort(w[:, 0] / less / 2 + 0.5)
    assert np.abs(share - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000) + less


@pytest.mark.parametrize(("less", "seen"), [(1e-6, 3), (1e-12, 3), (1e-12, 1)])
def test_a_cap_of_any_width_is_filled(seen, less):
    """Whether other samples see the features beside or not: the square of the sine is uniform."""
    Z = np.vstack([np.eye(3)[:1], np.eye(3)[1:] + np.array([2, 0, 0])])[:seen]
    how = {"start": [1, 0, 0], "margin": 1 - less, "n_draws": 4000}
    w = draws_of_margin(Dataset.from_signed(Z), rng(), **how)
    share = np.sort((w[:, 1:] ** 2).sum(axis=1) / (2 * less))
    slack = 1e-15 / less + less
    assert np.abs(share - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000) + slack


TOUCHING = {  # rows, start, and the ends of the arc that is left
    "quarter": ([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 1, 1], ([0, 1, 0], [0, 0, 1])),
    "half": ([[1, 0, 0], [-1, 0, 0], [0, 1, 1]], [0, 0, 1], ([0, -1, 1], [0, 1, -1])),
    "turned": (
        [[1, 2, 0], [-1, -2, 0], [2, -1, 0], [0, 0, 1]],
        [2, -1, 1],
        ([2, -1, 0], [0, 0, 1]),
    ),
    "one": ([[-1, 2], [2, 1], [0, 1], [1, -2]], [2, 1], ([2, 1], [2, 1])),
    "zero": ([[0, 0], [-1, 2], [1, -2], [1, 0]], [2, 1], ([2, 1], [2, 1])),
}


@pytest.mark.parametrize("n_steps", [None, 20])
@pytest.mark.parametrize(("rows", "start", "ends"), TOUCHING.values(), ids=TOUCHING)
def test_where_classes_touch_the_law_is_that_of_what_is_left(rows, start, ends, n_steps):
    """Every w is on the arc between its ends, and the angle from the first is uniform there."""
    data = Dataset.from_signed(rows)
    w = draws_of_margin(data, rng(), start=start, margin=0.0, n_draws=2000, n_steps=n_steps)
    assert (w @ data.Z.T).min() > -1e-14 and np.linalg.norm(w, axis=1) == pytest.approx(1)
    first, last = direction(np.array(ends, dtype=float))
    if (first == last).all():
        assert w == pytest.approx(np.tile(first, (2000, 1)), abs=1e-15)
        return
    middle = direction(np.array(start, dtype=float))
    across = direction(middle - (middle @ first) * first)
    assert np.hypot(w @ first, w @ across) == pytest.approx(1)
    whole = np.arccos(first @ last)
    share = np.sort(np.arctan2(w @ across, w @ first) / whole)
    assert np.abs(share - (np.arange(2000) + 0.5) / 2000).max() < 1.95 / np.sqrt(2000)


def test_all_that_touches_leaves_a_sphere_of_its_own():
    data = Dataset.from_signed([[1, 0, 0], [-1, 0, 0]])
    w = draws_of_margin(data, rng(), start=[0, 1, 1], margin=0.0, n_draws=2000)
    assert not w[:, 0].any()
    turn = np.sort(np.arctan2(w[:, 1], w[:, 2]) / (2 * np.pi) + 0.5)
    assert np.abs(turn - (np.arange(2000) + 0.5) / 2000).max() < 1.95 / np.sqrt(2000)


def test_a_start_at_margin_zero_but_for_rounding_of_classes_that_overlap_is_refused():
    rows = [[1, -1e-10], [-1, -1e-10], [0, 1]]
    with pytest.raises(ValueError, match=r"no w has it, .* first of all sample 0"):
        draws_of_margin(Dataset.from_signed(rows), rng(), start=[0, 1], margin=0.0, n_draws=2)
    rest = Dataset.from_signed(rows[1:])
    assert draws_of_margin(rest, rng(), start=[-1, 1], margin=0.0, n_draws=2).shape == (2, 2)
