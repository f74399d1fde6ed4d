"""Each way to the point of a convex hull nearest to zero, alone, and the order they are asked in.

Every route that proposes a solution is held to the certificate by itself: what another route
would make good shows here.
"""

from itertools import islice

import numpy as np
import pytest

from ibias import datasets
from ibias.optima import _hull
from ibias.optima._norms import distance_of, margin_of


def gap(Z, pair, p):
    """The relative gap between a w and convex weights, which are convex."""
    w, weights = pair
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1, abs=1e-12)
    return distance_of(Z, weights, p) / margin_of(Z, w, p) - 1


def uneven(n, d, spread):
    """Separable rows whose columns differ by powers of ten."""
    return datasets.separable(3, n, d).Z * np.logspace(-spread, spread, d)


@pytest.mark.parametrize("p", [1.2, 1.5, 2.0, 3.0, 8.0])
@pytest.mark.parametrize("shape", [(8, 5), (5, 12)])
def test_the_cones_alone(p, shape):
    Z = datasets.separable(1, *shape).Z
    (pair,) = _hull._by_cones(Z, p, None)
    assert -1e-12 < gap(Z, pair, p) < 1e-7
    assert pair[0].shape == (shape[1],)


@pytest.mark.parametrize("p", [2, 3])
def test_too_many_cones_are_not_tried(p, monkeypatch):
    """In the Euclidean norm the row space counts, else the features."""
    Z, lines = datasets.separable(1, 4, 6).Z, []
    monkeypatch.setattr(_hull, "MANY_CONES", 4 if p == 2 else 6)
    assert len(list(_hull._by_cones(Z, p, lines.append))) == 1
    assert all(line.startswith("interior point, iteration") for line in lines) and lines
    monkeypatch.setattr(_hull, "MANY_CONES", 3 if p == 2 else 5)
    assert not list(_hull._by_cones(Z, p, None))


@pytest.mark.parametrize("p", [2, 3.0])
def test_cones_without_an_answer_propose_nothing(p, monkeypatch):
    monkeypatch.setattr(_hull, "power_cone_program", lambda *_, **__: None)
    assert not list(_hull._by_cones(np.eye(2), p, None))


def test_weights_are_made_convex():
    assert _hull._convex(np.array([np.nan, -1.0, 2.0, 6.0])).tolist() == [0, 0, 0.25, 0.75]
    assert _hull._convex(np.array([-1.0, 0.0, np.nan, 0])).tolist() == [0.25] * 4


@pytest.mark.parametrize("shape", [(8, 5), (5, 12), (30, 4)])
@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_least_squares_alone(shape, size):
    Z = size * datasets.separable(2, *shape).Z
    pairs = list(_hull._euclidean(Z))
    assert -1e-12 < gap(Z, pairs[-1], 2) < 1e-10
    for w, weights in pairs:
        assert w == pytest.approx(weights @ Z, rel=1e-12)


def test_least_squares_go_on_in_units_of_the_distance_found(monkeypatch):
    """Thrice at most, and as long as each distance is below a tenth of the one before."""
    corners, met = iter(range(9)), []

    def nnls(A, b):
        met.append(A)
        assert b.tolist() == [0.0] * (len(A) - 1) + [1.0]
        return 3.0 * (np.arange(A.shape[1]) == next(corners)), 0.0

    monkeypatch.setattr(_hull, "nnls", nnls)
    Z = np.diag([0.05, 0.004, 3e-4, 2e-5])
    pairs = list(_hull._euclidean(Z))
    assert [pair[1].tolist() for pair in pairs] == np.eye(4)[:3].tolist()
    for A, unit in zip(met, (1, 0.05, 0.004), strict=True):
        assert np.vstack([Z / unit, np.ones(4)]) == pytest.approx(A)
    cases = (0.05, 2), (0.095, 2), (0.1, 1), (0.2, 1), (0.0, 1)  # 0.0099 is no tenth of any
    for distance, n in cases:
        distances = [distance, 0.0099, 1e-9]
        corners = iter(range(9))
        assert len(list(_hull._euclidean(np.diag(distances)))) == n


def test_least_squares_that_turn_in_circles_or_find_nothing_propose_nothing(monkeypatch):
    def circles(*_):
        raise RuntimeError

    monkeypatch.setattr(_hull, "nnls", circles)
    assert not list(_hull._euclidean(np.eye(2)))
    monkeypatch.setattr(_hull, "nnls", lambda A, b: (np.zeros(A.shape[1]), 1.0))
    assert not list(_hull._euclidean(np.eye(2)))


@pytest.mark.parametrize("p", [1, np.inf])
@pytest.mark.parametrize("spread", [0, 2])
@pytest.mark.parametrize("shape", [(8, 5), (5, 12)])
def test_both_linear_programs_alone(p, spread, shape):
    """Columns of any size; one that is zero gets no weight."""
    Z = np.c_[uneven(*shape, spread), np.zeros(shape[0])]
    vertex, inner, by_samples, _ = _hull._polyhedral(Z, p, None)
    assert gap(Z, by_samples, p) > -1e-12
    assert -1e-12 < gap(Z, vertex, p) < 1e-9
    assert -1e-12 < gap(Z, inner, p) < 1e-6
    assert vertex[0].shape == (shape[1] + 1,)
    if p == 1:  # a vertex: no more weights than samples
        assert np.count_nonzero(vertex[0]) <= shape[0] and vertex[0][-1] == 0


@pytest.mark.parametrize("p", [1, np.inf])
def test_features_below_what_a_solver_drops_are_divided_by_their_size(p):
    """Only the feature of size 1e-11 separates: across the segment, w = Z^-1 (1, 1)."""
    Z = np.array([[1.0, 1e-11], [-0.5, 2e-11]])
    w = np.linalg.solve(Z, np.ones(2))
    vertex, *_ = _hull._polyhedral(Z, p, None)
    assert margin_of(Z, vertex[0], p) == pytest.approx(1 / np.linalg.norm(w, p), rel=1e-3)


@pytest.mark.parametrize("p", [1, np.inf])
def test_samples_of_which_the_short_one_decides_are_divided_by_their_size(p):
    Z = np.array([[0.0, -1e12], [0.0, -1.0], [-1e4, 0.0]])
    *_, vertex, _ = _hull._polyhedral(Z, p, None)
    assert -1e-12 < gap(Z, vertex, p) < 1e-9
    assert vertex[1] == pytest.approx([0, 1, 0], abs=1e-3)


def test_a_linear_program_that_fails_proposes_nothing(monkeypatch):
    monkeypatch.setattr(_hull.LinearProgram, "simplex", lambda self: None)
    assert len(list(_hull._polyhedral(np.eye(2), 1, None))) == 2
    monkeypatch.setattr(_hull.LinearProgram, "interior_point", lambda self, watch: None)
    assert not list(_hull._polyhedral(np.eye(2), 1, None))


def test_the_interior_point_method_tells_how_far_it_is():
    lines = []
    list(_hull._polyhedral(np.eye(2), np.inf, lines.append))
    assert lines and all(line.startswith("interior point, iteration") for line in lines)


@pytest.mark.parametrize("seed", range(3))
def test_some_columns_after_the_other_lead_to_all(seed):
    Z, lines = datasets.separable(seed, 6, 150).Z, []
    (pair,) = _hull._by_columns(Z, lines.append)
    assert -1e-12 < gap(Z, pair, 1) < 1e-9
    assert pair[0].shape == (150,) and np.count_nonzero(pair[0]) <= 6
    assert lines[0].startswith("round 0, 62 of 150 features: gap ")  # 2 * 6 + 50 of them
    assert float(lines[-1].split()[-1]) <= 1e-12
    used = [int(line.split()[2]) for line in lines]
    assert (np.diff(used) > 0).all() and used[-1] < 150


def test_columns_join_in_the_order_of_their_correlations(monkeypatch):
    """First the largest means, then what the weights correlate with by more than with those."""
    n, d, met = 2, 200, []
    Z = np.full((n, d), 1e-3)
    Z[:, 100:160] = -2e-3  # the larger means
    Z[:, 3:60] = [[1.0], [-1.0001]]  # means near zero, large entries
    Z[:, 60:63] = [[1.1], [-1.1001]]
    answers = iter([[1.0, 0.0], [0.5, 0.5]])

    def best_of(rows, p, _):
        met.append(rows.copy())
        return np.arange(rows.shape[1]), np.array(next(answers))

    monkeypatch.setattr(_hull, "best_of", best_of)
    ((w, weights),) = _hull._by_columns(Z, None)
    assert len(met) == 2 and weights.tolist() == [0.5, 0.5]
    assert met[0].shape == (n, 2 * n + 50) and (met[0] == -2e-3).all()
    assert met[1].shape == (n, 2 * (2 * n + 50)) and (met[1][:, :54] == met[0]).all()
    assert (met[1][:, 54:] == 1.1).any(axis=0).sum() == 3  # the largest ones are among the first
    assert np.flatnonzero(w).size == 107 and (w[60:63] > 0).all()  # as it was found, in its place


@pytest.mark.parametrize(("part", "rounds"), [(2e-13, 2), (0.5e-13, 1), (0.0, 1), (0.5, 2)])
def test_a_column_joins_if_it_correlates_with_the_weights_by_more_than_the_margin(
    part, rounds, monkeypatch
):
    met = []

    def best_of(rows, p, _):
        met.append(rows.shape[1])
        return np.zeros(rows.shape[1]), np.array([1.0, 0.0])

    monkeypatch.setattr(_hull, "best_of", best_of)
    Z = np.tile([[1.0], [1.0]], 200)
    Z[:, 70] = [1 + part, -1.0]
    list(_hull._by_columns(Z, None))
    assert met == [54, 55][:rounds]


@pytest.mark.parametrize(("low", "rounds"), [(1.0, 1), (1 - 2e-13, 2), (1 - 0.5e-13, 1), (0.9, 2)])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_a_row_joins_if_it_is_below_the_margin_and_leaves_if_it_is_far_above(
    low, rounds, unit, monkeypatch
):
    """Those within 1.3 of the margin stay, and those with a weight."""
    met = []

    def best_of(rows, p, _):
        met.append(rows / unit)
        used = met[-1][:, 0]
        weights = 0.25 * (np.arange(len(rows)) == np.argmin(used)) + 0.75 * (used == 1.4)
        return np.array([2.0, 0.0]), weights  # heights are the first entries

    monkeypatch.setattr(_hull, "best_of", best_of)
    Z = np.tile([1.5, 1.0], (200, 1))
    Z[:4] = [[1.0, 0.0], [1.29, 0.0], [1.31, 0.0], [1.4, 0.0]]
    Z[150] = [low, 9.0]  # far along the mean: not among the first
    ((w, weights),) = _hull._by_rows(unit * Z, 2, None)
    assert w.tolist() == [2, 0] and len(met) == rounds
    assert met[0].shape == (54, 2) and met[0][:4] == pytest.approx(Z[:4])
    if rounds == 2:
        assert met[1] == pytest.approx(Z[[0, 1, 3, 150]])
    lowest = 150 if rounds == 2 else 0
    assert np.flatnonzero(weights).tolist() == sorted([3, lowest])
    assert weights[lowest] == 0.25 and weights[3] == 0.75


@pytest.mark.parametrize("p", [1, 2, 3.0, np.inf])
def test_some_rows_after_the_other_lead_to_all(p):
    Z, lines = datasets.separable(4, 300, 3).Z, []
    (pair,) = _hull._by_rows(Z, p, lines.append)
    assert -1e-12 < gap(Z, pair, p) < 1e-7
    assert pair[1].shape == (300,) and (pair[1] > 1e-6).sum() <= 4
    assert lines[0].startswith("round 0, 56 of 300 samples: ")  # 2 * 3 + 50 of them
    assert lines[-1].endswith(" 0 below the margin")
    assert all(int(line.split()[2]) < 300 for line in lines)


def test_rows_that_cannot_be_separated_end_the_search():
    Z = np.tile([[1.0, 0.0], [-1.0, 0.0]], (200, 1))
    ((w, weights),) = _hull._by_rows(Z, 2, None)
    assert margin_of(Z, w, 2) <= 0
    assert weights.shape == (400,) and distance_of(Z, weights, 2) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("p", [1.3, 1.6, 3.0, 6.0])
@pytest.mark.parametrize("shape", [(8, 5), (5, 12)])
def test_quadratic_programs_alone(p, shape):
    Z, lines = datasets.separable(5, *shape).Z, []
    pairs = list(_hull._sequential(Z, p, lines.append))
    assert min(gap(Z, pair, p) for pair in pairs) < 1e-9
    # Newton's method: in the end the expected descent squares from step to step.
    descents = [float(line.split()[-1]) for line in lines]
    assert lines[0].startswith("quadratic program 0: expected descent") and len(lines) < 40
    assert abs(descents[-1]) < 1e-12


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_quadratic_programs_in_other_units_are_the_same(p, monkeypatch):
    """From weights for which one feature cancels, where the curvature is that of a floor."""
    start = np.array([0.5, 0.5])
    monkeypatch.setattr(_hull, "_euclidean", lambda Z: iter([(start @ Z, start)]))
    Z = np.array([[1.0, 1.0, 0.2], [1.0, -1.0, 0.5]])
    for size in (1e-3, 1e3):
        here = islice(_hull._sequential(Z, p, None), 4)
        there = islice(_hull._sequential(size * Z, p, None), 4)
        for (w, weights), (other, same) in zip(here, there, strict=True):
            assert size * other == pytest.approx(w, rel=1e-6, abs=1e-9)
            assert same == pytest.approx(weights, rel=1e-6, abs=1e-9)


def test_quadratic_programs_without_a_separator_propose_nothing(monkeypatch):
    assert not list(_hull._sequential(np.array([[1.0, 0.0], [-1.0, 0.0]]), 3.0, None))
    monkeypatch.setattr(_hull, "_euclidean", lambda Z: iter(()))
    assert not list(_hull._sequential(np.eye(2), 3.0, None))


@pytest.mark.parametrize("weights", [[np.nan, 1.0], [np.inf, 1.0], [1e-320, 1e-320], [1e200, 1.0]])
def test_quadratic_programs_end_where_there_are_no_numbers(weights, monkeypatch):
    """A power of the weights over- or underflows: nothing to propose, and nothing is raised."""
    monkeypatch.setattr(
        _hull, "_euclidean", lambda Z: iter([(np.ones(2), np.array(weights, float))])
    )
    for w, _ in _hull._sequential(np.array([[1.0, 0.5], [0.5, 1.0]]), 1.01, None):
        assert np.isfinite(w).all() and w.any()


@pytest.mark.parametrize("p", [1.3, 3.0, 6.0])
def test_a_quadratic_program_is_newtons_step_where_all_weights_stay_positive(p):
    """Then it solves the linear equations, and its w meets all constraints to first order."""
    Z = np.array([[1.0, 0.4], [0.3, 1.0]])
    proposals = _hull._sequential(Z, p, None)
    w, weights = next(proposals)
    g, q = np.sign(w) * np.abs(w) ** (p - 1), p / (p - 1)
    length = g / (weights @ Z)  # along the ray of the weights the dual is at its best
    assert length == pytest.approx(np.full(2, (np.abs(g) ** q).sum()))
    linear, _ = next(proposals)
    assert Z @ linear == pytest.approx(np.ones(2), abs=1e-9)


def test_the_best_w_and_the_best_weights_may_come_from_different_pairs():
    Z = np.eye(2)
    good, bad = np.array([1.0, 1.0]), np.array([1.0, 0.9])
    even, odd = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    for pairs in ([(good, odd), (bad, even)], [(bad, even), (good, odd)]):
        w, weights = _hull.best_of(Z, 2, pairs)
        assert w is good and weights is even
    w, weights = _hull.best_of(Z, 2, [])
    assert w.tolist() == [0, 0] and weights.tolist() == [0.5, 0.5]
    pairs = [(good, odd), (good.copy(), odd.copy())]  # of equals, the first
    assert _hull.best_of(Z, 2, pairs) == pairs[0]
    w, _ = _hull.best_of(Z, 2, [(-good, even)])  # below zero is worse than w = 0
    assert w.tolist() == [0, 0]


def then_fail(*pairs):
    yield from pairs
    raise AssertionError("asked further")


def test_no_further_pair_is_asked_for_than_needed():
    Z, even = np.eye(2), np.array([0.5, 0.5])
    off = lambda angle: np.array([1.0, 1.0 + 2 * angle])  # noqa: E731
    # At an angle e from the best w the gap is e of the margin.
    _hull.best_of(Z, 2, then_fail((off(0.5e-11), even)))
    with pytest.raises(AssertionError, match="asked further"):
        _hull.best_of(Z, 2, then_fail((off(4e-11), even)))
    # A hull this near to zero, beside its entries, may contain it.
    for size in (1e-3, 1.0, 1e3):
        near = size * np.array([[1.0, 0.5e-9], [-1.0, 0.5e-9]])
        _hull.best_of(near, 2, then_fail((np.array([1.0, 0.0]), even)))
        with pytest.raises(AssertionError, match="asked further"):
            far = near * [1.0, 4.0]
            _hull.best_of(far, 2, then_fail((np.array([1.0, 0.0]), even)))


ROUTES = ["_by_rows", "_by_columns", "_polyhedral", "_by_cones", "_euclidean", "_sequential"]


@pytest.mark.parametrize(
    ("shape", "p", "order"),
    [
        ((213, 3), 2, "rows"),
        ((213, 3), 1, "rows"),
        ((212, 3), 2, "euclidean cones"),
        ((212, 3), 3.0, "cones sequential"),
        ((3, 3), 3.0, "sequential cones"),
        ((4, 3), 3.0, "cones sequential"),
        ((3, 4), 3.0, "sequential cones"),
        ((3, 206), 1, "polyhedral 1"),
        ((3, 207), 1, "columns"),
        ((3, 207), np.inf, "polyhedral inf"),
        ((3, 4), 2, "euclidean cones"),
        ((3, 4), 1.0049, "sequential cones polyhedral 1"),
        ((3, 4), 1.0051, "sequential cones"),
        ((3, 4), 199.0, "sequential cones"),
        ((3, 4), 201.0, "sequential cones polyhedral inf"),
        ((4, 3), 201.0, "cones sequential polyhedral inf"),
    ],
)
def test_the_quickest_route_is_asked_first(shape, p, order, monkeypatch):
    Z, told = np.ones(shape), print

    def route(name):
        def propose(given, *rest):
            assert given is Z and (name == "_euclidean" or rest[-1] is told)
            if name in ("_by_rows", "_by_cones", "_sequential"):
                assert rest[0] == p
            yield name.removeprefix("_by_").removeprefix("_")
            if name == "_polyhedral":
                yield str(rest[0])

        return propose

    for name in ROUTES:
        monkeypatch.setattr(_hull, name, route(name))
    assert list(_hull.candidates(Z, p, told)) == order.split()
