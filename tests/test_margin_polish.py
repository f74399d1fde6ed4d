"""What makes a rough margin exact: corners of polyhedra, Newton's method, and the certificate."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import margin, max_margin, min_norm
from ibias.optima._norms import distance_of, inverse_gradient, kkt_newton, margin_of

ORDERS = [1, 1.3, 1.5, 2, 3, 6, np.inf]
QUARTER = np.array([[1.0, 0.0], [0.0, 1.0]])  # the margin is 1/sqrt 2, at w = (1, 1)


def segment(a, b):
    """The w of every order: <w, a> = <w, b> = 1, across the segment from a to b."""
    return np.linalg.solve(np.array([a, b]), np.ones(2))


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("height", [0.5, 2e-2, 5e-3, 1e-5, 3e-8])
def test_two_samples_have_a_margin_in_closed_form(p, height):
    """The line through both is across w, whatever the norm."""
    Z = np.array([[1.0, height], [-0.5, 2 * height]])
    best = max_margin(Dataset.from_signed(Z), p=p)
    w = segment(*Z)
    assert best.w == pytest.approx(w, rel=1e-6, abs=1e-6 * np.abs(w).max())
    assert best.margin == pytest.approx(1 / np.linalg.norm(w, p), rel=1e-9)
    assert best.support.tolist() == [0, 1]


@pytest.mark.parametrize("height", [0.5, 5e-3, 1e-5, 1e-8])
@pytest.mark.parametrize("d", [2, 3, 7])
def test_rotations_into_more_dimensions_turn_the_euclidean_margin(height, d):
    Z = np.array([[1.0, height], [-0.5, 2 * height]])
    turn = np.linalg.qr(datasets.generator(d).standard_normal((d, 2)))[0]
    try:
        best = max_margin(Dataset.from_signed(Z @ turn.T))
    except RuntimeError as error:  # rounding of the turn may hide a small margin
        assert height < 1e-6 and "data: " in str(error)
        return
    w = turn @ segment(*Z)
    assert best.w == pytest.approx(w, abs=1e-6 * np.abs(w).max() + 1e-14 / height**2)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("extra", [0, 2])
def test_a_margin_that_no_solver_tells_from_zero_is_that_of_the_separator(p, extra):
    """Exact in binary numbers, 2^-36; with more features than samples it is turned back."""
    e = 2.0**-36
    Z = np.c_[[1.0, -1.0], [e, e], np.zeros((2, extra))]
    best = max_margin(Dataset.from_signed(Z), p=p)
    assert best.w[:2] == pytest.approx([0, 1 / e], abs=1e-9 / e)
    assert p == np.inf or best.w[2:] == pytest.approx(np.zeros(extra), abs=1e-9 / e)
    assert best.margin == pytest.approx(e)
    assert best.dual_variables == pytest.approx([0.5, 0.5])


# ---- the certificate


@pytest.mark.parametrize("p", ORDERS)
def test_every_field_is_what_it_says(p):
    Z = datasets.separable(3, 12, 4).Z
    w, weights = np.arange(1.0, 5.0), np.arange(12.0)
    gap = margin.duality_gap(Z, w, weights, p)
    assert gap == pytest.approx(distance_of(Z, weights, p) - margin_of(Z, w, p))
    best = max_margin(Dataset.from_signed(Z), p=p)
    assert best.p == p
    assert best.direction == pytest.approx(best.w / np.linalg.norm(best.w, p))
    assert best.margin == pytest.approx((Z @ best.direction).min())
    assert best.support.tolist() == np.flatnonzero(Z @ best.w <= 1 + 1e-7).tolist()
    distance = distance_of(Z, best.dual_variables, p)
    assert best.duality_gap == pytest.approx(distance - best.margin, abs=1e-14)


def test_a_w_that_is_off_by_more_than_the_certificate_allows_is_an_error():
    """At an angle e from the best w the margin is smaller by e of itself."""
    even = np.array([0.5, 0.5])
    for size in (1e-3, 1.0, 1e3):
        near = margin.certified(size * QUARTER, np.array([1.0, 1 + 1.6e-9]) / size, even, 2)
        assert near.duality_gap / near.margin == pytest.approx(0.8e-9, rel=1e-3)
        for off in (np.array([1.0, 1 + 2.4e-9]), np.array([-1.0, -1.0]), np.zeros(2)):
            with pytest.raises(RuntimeError, match="could be certified only to"):
                margin.certified(size * QUARTER, off / size, even, 2)


def test_a_gap_below_zero_is_rounding_or_an_error():
    """Weights that are not convex prove nothing: a third of -c takes c off the distance."""
    Z, w = np.vstack([QUARTER, [1.0, 1.0]]), np.ones(2)
    for size in (1e-3, 1.0, 1e3):
        for c, passes in ((5e-14, True), (4e-13, False)):
            weights = np.array([(1 + c) / 2, (1 + c) / 2, -c])
            if passes:
                assert margin.certified(size * Z, w / size, weights, 2).duality_gap < 0
                continue
            with pytest.raises(RuntimeError, match="could be certified only to"):
                margin.certified(size * Z, w / size, weights, 2)


@pytest.mark.parametrize("unit", [2.0**-10, 1.0, 2.0**10])
def test_rounding_follows_the_size_of_the_sums(unit):
    """Of n products of entries 1e8 times the margin, in the type that they are added in."""
    for n in (3, 40):
        Z = unit * np.array([[1e8, 1.0], [-1e8, 1.0], *[[0.0, 2.0]] * (n - 2)])
        rounding = 1e-13 + n * float(np.finfo(np.longdouble).eps) * 1e8
        for part, passes in ((0.8, True), (1.3, False)):
            c = part * rounding
            weights = np.r_[(1 + c) / 2, (1 + c) / 2, -c, np.zeros(n - 3)]
            if passes:
                found = margin.certified(Z, np.array([0.0, 1.0]), weights, 2)
                assert found.duality_gap == pytest.approx(-c * unit, rel=1e-2)
                continue
            with pytest.raises(RuntimeError, match="could be certified only to"):
                margin.certified(Z, np.array([0.0, 1.0]), weights, 2)


def test_a_margin_of_zero_is_none():
    """Both certificates meet at zero: <z, w> = 0 for all, and the hull contains it."""
    Z = np.array([[1.0, 0.0], [-1.0, 0.0]])
    with pytest.raises(RuntimeError, match="the maximum margin is about 0"):
        margin.certified(Z, np.array([0.0, 1.0]), np.array([0.5, 0.5]), 2)


def test_support_vectors_are_within_the_tolerance_of_the_margin():
    Z = np.vstack([QUARTER, [0.5, 0.5 + 6e-8], [0.5, 0.5 + 2e-7], [2.0, 2.0]])
    weights = np.array([0.5, 0.5, 0, 0, 0])
    best = margin.certified(Z, np.ones(2), weights, 2)
    assert best.support.tolist() == [0, 1, 2]


def test_the_error_speaks_of_margin_gap_and_order():
    Z, w, weights = QUARTER, np.array([1.0, 1.5]), np.array([0.5, 0.5])
    gap = margin.duality_gap(Z, w, weights, 3.0)
    with pytest.raises(RuntimeError, match=r"p=3: the maximum margin") as caught:
        margin.certified(Z, w, weights, 3.0)
    assert f"{margin_of(Z, w, 3.0):.3g} could be certified only to {gap:.1e}" in str(caught.value)


# ---- corners


def spoiled(best, off, seed=0):
    """The w and the weights of a margin, each entry that is not zero off by a part of it."""
    rng = datasets.generator(seed)
    w = best.direction * (1 + off * rng.uniform(-1, 1, best.w.size))
    weights = best.dual_variables * (1 + off * rng.uniform(-1, 1, best.dual_variables.size))
    return w, weights / weights.sum()


def relative_gap(Z, pair, p):
    w, weights = pair
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1, abs=1e-12)
    return distance_of(Z, weights, p) / margin_of(Z, w, p) - 1


@pytest.mark.parametrize("p", [1, np.inf])
@pytest.mark.parametrize("shape", [(20, 6), (6, 20), (8, 8)])
@pytest.mark.parametrize("spread", [0, 3])
@pytest.mark.parametrize("size", [1e-2, 1e2])
def test_the_corner_next_to_a_rough_answer_is_found_to_rounding(p, shape, spread, size):
    """Of uneven columns; one that is zero changes nothing."""
    Z = datasets.separable(2, *shape).Z * np.logspace(-spread, spread, shape[1])
    Z = np.c_[Z, np.zeros(shape[0])]
    w, weights = spoiled(max_margin(Dataset.from_signed(Z), p=p), 1e-6)
    w[np.abs(w) > 1 - 1e-5] = np.sign(w[np.abs(w) > 1 - 1e-5])  # at the walls of the box
    w[-1] = 0.0
    assert relative_gap(Z, (w, weights), p) > 1e-9
    before = weights.copy()
    pair = margin.corner(Z, size * w, weights, p)
    assert -1e-12 < relative_gap(Z, pair, p) < 1e-11
    assert np.linalg.norm(pair[0], p) == pytest.approx(1, abs=1e-5)
    assert (weights == before).all()


@pytest.mark.parametrize("p", [1, np.inf])
def test_a_sample_of_almost_no_weight_is_not_of_the_corner(p):
    """The solver leaves 1e-12 on a sample far above the margin: the corner forgets it."""
    Z = np.vstack([datasets.separable(2, 20, 6).Z])
    best = max_margin(Dataset.from_signed(Z), p=p)
    w, weights = spoiled(best, 1e-6)
    w[np.abs(w) > 1 - 1e-5] = np.sign(w[np.abs(w) > 1 - 1e-5])
    weights[np.argmax(Z @ best.w)] = 1e-12
    pair = margin.corner(Z, w, weights, p)
    assert -1e-12 < relative_gap(Z, pair, p) < 1e-11
    assert pair[1][np.argmax(Z @ best.w)] == 0


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_a_corner_of_the_box_in_other_units(unit):
    Z = datasets.separable(2, 6, 20).Z
    w, weights = spoiled(max_margin(Dataset.from_signed(Z), p=np.inf), 1e-6)
    w[np.abs(w) > 1 - 1e-5] = np.sign(w[np.abs(w) > 1 - 1e-5])
    pair = margin.corner(unit * Z, w, weights, np.inf)
    assert -1e-12 < relative_gap(unit * Z, pair, np.inf) < 1e-11


def test_a_sample_of_little_weight_beside_the_largest_is_of_the_corner():
    """By symmetry all weights are 1/3, and the rough ones are not."""
    _, weights = margin.corner(np.eye(3), np.ones(3), np.array([0.5, 0.5, 1e-9]), 1)
    assert weights == pytest.approx(np.full(3, 1 / 3), abs=1e-12)


def test_weights_of_a_corner_that_come_out_negative_are_none():
    """All three are on the margin; the nearest solution of the equations takes from the third."""
    Z, rough = np.array([[1.0, 0.0], [0.0, 1.0], [0.2, 0.8]]), np.array([0.01, 0.9, 0.09])
    _, weights = margin.corner(Z, np.ones(2), rough, 1)
    assert weights[2] == 0 and (weights[:2] > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-14)


# ---- Newton's method


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
@pytest.mark.parametrize("size", [1e-5, 1.0, 1e5])
@pytest.mark.parametrize("height", [0.5, 1e-4])
def test_solvers_see_entries_of_order_one_then_a_margin_of_one(p, size, height, monkeypatch):
    """In the Euclidean norm in the row space; small margins a second time, in their own unit."""
    met, polished, true, polish = [], [], margin.best_of, margin._polish

    def best_of(rows, p, pairs):
        met.append(rows)
        return true(rows, p, pairs)

    def watched(rows, w, weights, p):
        polished.append((rows, w))
        return polish(rows, w, weights, p)

    monkeypatch.setattr(margin, "best_of", best_of)
    monkeypatch.setattr(margin, "_polish", watched)
    Z = size * np.array([[1.0, height, 0.0], [-0.5, 2 * height, 0.0]])
    best = max_margin(Dataset.from_signed(Z), p=p)
    assert best.w[:2] == pytest.approx(segment(*Z[:, :2]), rel=1e-6)
    again = p in (1, np.inf)  # the corner is compared with what there was
    assert len(met) == (1 if height > 0.1 else 2) + again
    shape = (2, 2) if p == 2 else (2, 3)
    assert all(rows.shape == shape for rows in met)
    if p != 2:
        assert np.abs(met[0]).max() == pytest.approx(1)
    ((last, w),) = polished
    for rows in (*met[1:], last):
        assert margin_of(rows, w, p) == pytest.approx(1, rel=1e-3)


def test_who_is_on_the_margin_is_told_at_five_widths_and_once_each(monkeypatch):
    """All with a weight, then those within 1e-9, 1e-7, 1e-5 and 1e-3 of the lowest."""
    met = []

    def stays(rows, a, q):
        met.append(len(rows))
        return np.zeros(rows.shape[1]), a

    heights = np.array([1, 1 + 1e-8, 1 + 1e-6, 1 + 1e-4, 1.01, 1.1, 1.0])
    Z = 2 * np.c_[heights, np.eye(7)]
    weights = np.array([1, 1, 1, 1, 1, 1, 0]) / 6  # one on the margin, of no weight
    monkeypatch.setattr(margin, "_newton", stays)
    margin._polish(Z, np.eye(8)[0], weights, 2)
    assert met == [6, 1, 2, 3, 4]
    met.clear()  # no two widths differ: no equation is solved twice
    margin._polish(2 * np.c_[np.ones(7), np.eye(7)], np.eye(8)[0], weights, 2)
    assert met == [6]


@pytest.mark.parametrize(
    ("answers", "rows_met"),
    [
        ([[0.2, 0.0, 0.3, -1.0], [0.2, 0.3], [0.2, 0.3]], [[0, 1, 2, 3], [0, 2], [0, 2]]),
        ([[np.nan, 1.0, np.nan, 2.0], [1.0, 2.0], [1.0, 2.0]], [[0, 1, 2, 3], [1, 3], [1, 3]]),
        ([[np.inf, 1.0, 1.0, 2.0]], [[0, 1, 2, 3]]),
        ([[-1.0, -1.0, -1.0, -2.0]], [[0, 1, 2, 3]]),
    ],
)
def test_a_multiplier_that_is_not_above_zero_leaves_and_an_infinite_one_ends_it(
    answers, rows_met, monkeypatch
):
    """Until the same samples have the same multipliers twice."""
    script, met = iter(answers), []

    def scripted(rows, a, q):
        met.append(np.argmax(rows[:, 1:], axis=1).tolist())
        return np.zeros(rows.shape[1]), np.array(next(script))

    monkeypatch.setattr(margin, "_newton", scripted)
    margin._polish(np.c_[np.ones(4), np.eye(4)], np.eye(5)[0], np.full(4, 0.25), 2)
    assert met == rows_met


@pytest.mark.parametrize("p", [1.3, 1.5, 2, 3, 6])
@pytest.mark.parametrize("shape", [(20, 6), (6, 20)])
def test_newtons_method_makes_a_rough_answer_exact(p, shape):
    Z = datasets.separable(2, *shape).Z
    best = max_margin(Dataset.from_signed(Z), p=p)
    Z = Z / best.margin
    w, weights = spoiled(best, 1e-4)
    weights[best.dual_variables < 1e-6] = 0.0
    assert relative_gap(Z, (w, weights), p) > 1e-7
    pair = margin._polish(Z, w, weights, p)
    assert -1e-12 < relative_gap(Z, pair, p) < 1e-11
    nearest = inverse_gradient(pair[1] @ Z, p / (p - 1))
    cosine = nearest @ pair[0] / np.linalg.norm(nearest) / np.linalg.norm(pair[0])
    assert cosine == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("p", [1.5, 2, 3])
@pytest.mark.parametrize("width", [1e-8, 1e-6, 1e-4])
def test_samples_with_a_weight_far_above_the_margin_are_told_by_their_height(p, width):
    """An interior-point method leaves weight on all: only who is near the margin is on it."""
    Z = datasets.separable(2, 20, 6).Z
    best = max_margin(Dataset.from_signed(Z), p=p)
    Z = Z / best.margin
    w, _ = spoiled(best, width / 30)
    weights = best.dual_variables + width
    pair = margin._polish(Z, w, weights / weights.sum(), p)
    assert -1e-12 < relative_gap(Z, pair, p) < 1e-11


@pytest.mark.parametrize("p", [1.5, 2, 3])
def test_the_first_multipliers_solve_the_equations_if_the_weights_are_right(p, monkeypatch):
    """Scaled so that <z_i, psi(Z^T a)> = 1, and only samples with a weight are put to Newton."""
    Z, met = datasets.separable(2, 20, 6).Z, []
    best = max_margin(Dataset.from_signed(Z), p=p)
    weights = np.where(best.dual_variables > 1e-6, best.dual_variables, 0)

    def spy(rows, a, q):
        met.append((rows, a, q))
        return kkt_newton(rows, np.ones(len(rows)), a, q)

    monkeypatch.setattr(margin, "_newton", spy)
    pair = margin._polish(3 * Z / best.margin, best.w, weights / weights.sum(), p)
    rows, a, q = met[0]
    assert 1 / p + 1 / q == pytest.approx(1)
    assert len(rows) == (weights > 0).sum()
    assert rows @ inverse_gradient(a @ rows, q) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    assert -1e-12 < relative_gap(Z, pair, p) < 1e-11


def test_newtons_equations_that_cannot_be_solved_leave_the_answer_as_it_was(monkeypatch):
    def singular(*_):
        raise np.linalg.LinAlgError

    Z = datasets.separable(2, 20, 6).Z
    best = max_margin(Dataset.from_signed(Z), p=3)
    monkeypatch.setattr(margin, "kkt_newton", singular)
    w, a = margin._newton(Z, np.ones(20), 1.5)
    assert w.shape == (6,) and not w.any() and a.shape == (20,) and np.isnan(a).all()
    pair = margin._polish(Z / best.margin, best.w, best.dual_variables, 3)
    assert -1e-12 < relative_gap(Z, pair, 3) < 1e-9


# ---- the best pair


def test_the_largest_height_and_the_smallest_distance_are_paired():
    heights = [np.array([1.0, 1.3]), np.array([2.0, 2.002]), np.array([0.0, 0.0]), -np.ones(2)]
    distances = [np.array([0.7, 0.3]), np.array([0.5004, 0.4996]), np.array([0.9, 0.1])]
    for turn in range(4):
        w, weights = margin._best_pair(QUARTER, heights[turn:] + heights[:turn], distances, 2)
        assert w == pytest.approx(np.array([2.0, 2.002]) / np.hypot(2.0, 2.002))
        assert weights.tolist() == [0.5004, 0.4996]
        distances = distances[1:] + distances[:1]


def test_candidates_that_are_no_numbers_are_dropped():
    with np.errstate(all="ignore"):
        w, weights = margin._best_pair(
            QUARTER,
            [np.full(2, np.nan), np.array([1.0, 1.1]), np.full(2, np.inf)],
            [np.full(2, np.nan), np.array([0.6, 0.4])],
            2,
        )
        # Sums that overflow to infinity minus infinity.
        far = np.array([1.7e308, -1.7e308])
        low, _ = margin._best_pair(np.array([[4.0, 4.0]]), [far, np.ones(2)], [np.ones(1)], 2)
    assert low == pytest.approx(np.ones(2) / np.sqrt(2))
    assert w == pytest.approx(np.array([1.0, 1.1]) / np.hypot(1, 1.1))
    assert weights.tolist() == [0.6, 0.4]


@pytest.mark.parametrize("p", [1.5, 2, 4])
def test_where_rounding_decides_the_most_stationary_pair_is_taken(p):
    """Off by 1e-9 the distance moves by 1e-18 only: the direction tells which weights are right."""
    even, off = np.array([0.5, 0.5]), np.array([0.5 + 1e-9, 0.5 - 1e-9])
    for duals in ([even, off], [off, even]):
        w, weights = margin._best_pair(QUARTER, [3 * np.ones(2)], duals, p)
        assert weights is even
        assert w == pytest.approx(np.ones(2) / 2 ** (1 / p), rel=1e-15)
    # Of two w of the same height, the one that the weights stand for.
    Z = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    straight, aside = np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0, 1e-9])
    for primal in ([straight, aside], [aside, straight]):
        w, _ = margin._best_pair(Z, primal, [even], 2)
        assert w[2] == 0


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_what_rounding_decides_is_relative_to_the_margin(size):
    """(1 + e, 1) is nearer to the weights' own point, and lower by e / 2 of the margin."""
    weights = np.array([0.6, 0.4])
    for e, taken in ((1e-13, 1), (1e-10, 0)):
        primal = [np.ones(2), np.array([1 + e, 1.0])]
        w, _ = margin._best_pair(size * QUARTER, primal, [weights], 2)
        assert (w[0] > w[1]) == (taken == 1)


def test_the_unit_of_a_sum_is_its_largest_entry():
    assert margin._scaled(np.array([-4.0, 2.0, 0.0])).tolist() == [-1, 0.5, 0]


def test_the_least_norm_and_the_margin_of_one_sample_are_one():
    """With one sample, <z, w> >= 1 is <z, w> = 1 at the optimum."""
    z = np.array([[0.3, -2.0, 1.0]])
    for p in ORDERS:
        best = max_margin(Dataset.from_signed(z), p=p)
        least = min_norm(datasets.Regression(z, [1.0]), p=p)
        assert best.margin == pytest.approx(1 / np.linalg.norm(least.w, p), rel=1e-9)
        assert best.dual_variables.tolist() == [1.0]
