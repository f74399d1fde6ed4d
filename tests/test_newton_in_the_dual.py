"""Newton's method for Bregman projections: each of its ways alone, and its steps written out."""

import warnings

import numpy as np
import pytest

from ibias import datasets, progress
from ibias.optima import _dual_newton
from ibias.optima._dual_newton import Nearest, Projection, descent
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm

INF, MOST = np.float64(np.inf), np.finfo(float).max
POTENTIALS = [NegativeEntropy(), HyperbolicEntropy(0.5), SquaredNorm(3), PowerNorm(1.5)]


def problem(potential, seed=0, n=3, d=7):
    """Orthonormal rows, the mirror image of a start, and targets that positive weights meet."""
    rng = datasets.generator(seed)
    rows = np.linalg.qr(rng.standard_normal((d, n)))[0].T
    start, goal = rng.uniform(0.5, 2, d), rng.uniform(0.5, 2, d)
    return Projection(rows, potential, potential.gradient(start)), start, rows @ goal


def assert_nearest(projection, target, near, rel=1e-7):
    """It fits, and its mirror image moved along the rows: by its multipliers."""
    moved = projection.potential.gradient(near.w) - projection.mirror
    assert projection.rows @ near.w == pytest.approx(target, rel=rel)
    assert near.multipliers @ projection.rows == pytest.approx(moved, rel=rel, abs=rel)


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
@pytest.mark.parametrize("way", ["by_dual", "by_kernel", "by_path"])
@pytest.mark.parametrize("seed", range(2))
def test_every_way_leads_to_the_nearest_point(potential, way, seed):
    projection, start, target = problem(potential, seed)
    if way == "by_dual":
        near = projection.by_dual(target, np.zeros(3))
    else:
        fits = projection.rows.T @ target  # a w that meets the equations, if it is positive
        near = Nearest(start + projection.rows.T @ (target - projection.rows @ start), fits, 1.0)
        near = getattr(projection, way)(target, near)
    assert near.relative < 1e-10
    assert_nearest(projection, target, near)


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
def test_the_error_bounds_the_distance_to_the_solution(potential, monkeypatch):
    """After any number of steps from the third on, up to a factor of two."""
    projection, _, target = problem(potential)
    exact = projection.by_dual(target, np.zeros(3)).w
    errors = []
    for steps in range(8):
        monkeypatch.setattr(_dual_newton, "NEWTON_STEPS", steps)
        near = projection.by_dual(target, np.zeros(3))
        away = np.linalg.norm(near.w - exact)
        errors.append(near.error)
        if steps >= 3:
            assert 0.5 * away - 1e-11 <= near.error <= 2 * away + 1e-11
            assert near.error >= 0.9 * np.linalg.norm(target - projection.rows @ near.w) - 1e-11
    assert errors[-1] < 1e-4 * errors[1]


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
def test_a_step_is_newtons(potential):
    """The slope of rows @ w(a), by differences; the second part is how far w moves."""
    projection, _, target = problem(potential)
    a, h = np.array([0.02, -0.03, 0.01]), 1e-6
    slope = np.array(
        [
            (projection.weights(a + h * e) - projection.weights(a - h * e)) / (2 * h)
            for e in np.eye(3)
        ]
    ).T
    residual = target - projection.rows @ projection.weights(a)
    step, moved = projection.step(a, residual)
    assert step == pytest.approx(np.linalg.solve(projection.rows @ slope, residual), rel=1e-6)
    if potential.inverse_metric(projection.mirror).ndim == 2:
        assert moved == pytest.approx(slope @ step, rel=1e-6)
    else:  # its length is that of the move, in the metric's square root twice
        assert moved == pytest.approx(slope @ step, rel=1e-6)


def test_the_weights_of_the_multipliers():
    projection, start, _ = problem(NegativeEntropy())
    assert projection.weights(np.zeros(3)) == pytest.approx(start)
    a = np.array([0.1, 0.2, -0.3])
    assert projection.weights(a) == pytest.approx(start * np.exp(a @ projection.rows))


class Infinite(PowerNorm):
    """A metric that is infinite where the mirror image vanishes."""

    def inverse_metric(self, m):
        with np.errstate(divide="ignore"):
            return 1 / np.abs(m)


def test_a_mirror_image_of_zero_counts_as_a_small_one():
    rows = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    projection = Projection(rows, Infinite(1.5), np.array([2.0, 0.0, 0.5]))
    m = np.array([2.0, 2e-12, 0.5])
    metric = rows @ np.diag(1 / m) @ rows.T
    step, moved = projection.step(np.zeros(2), np.ones(2))
    assert step == pytest.approx(np.linalg.solve(metric, np.ones(2)))
    assert moved == pytest.approx(rows.T @ step / m)
    # At the mirror image zero there is no size to take: no number, and no error either.
    with np.errstate(all="ignore"):
        step, moved = Projection(rows, Infinite(1.5), np.zeros(3)).step(np.zeros(2), np.ones(2))
    assert step.shape == (2,) and moved.shape == (3,)
    assert np.isnan(step).all() and np.isnan(moved).all()


def test_multipliers_without_a_point_are_infinitely_far():
    projection, _, target = problem(NegativeEntropy())
    with np.errstate(all="ignore"):
        near = projection.by_dual(target, np.full(3, 1e4))
    assert near.error == np.inf or np.isfinite(near.w).all()
    for w in (np.zeros(2), np.array([np.inf, 1.0]), np.array([np.nan, 1.0])):
        with np.errstate(invalid="ignore"):
            assert not Nearest(w, np.zeros(1), 1e-3).relative < np.inf
    assert Nearest(np.array([3.0, 4.0]), np.zeros(1), 0.5).relative == pytest.approx(0.1)


# ---- where to begin


@pytest.mark.parametrize("potential", [PowerNorm(1.5), PowerNorm(4), HyperbolicEntropy(1e-6)])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_without_a_start_the_first_point_has_the_right_length(potential, size):
    """Along the target, below the goal and next to it."""
    rows = np.linalg.qr(datasets.generator(1).standard_normal((6, 2)))[0].T
    projection, target = Projection(rows, potential, np.zeros(6)), size * np.array([0.6, -0.8])
    with np.errstate(over="ignore"):
        a = projection.guess(target)
    assert a / np.linalg.norm(a) == pytest.approx(target / size)
    length = np.linalg.norm(projection.weights(a))
    assert size * (1 - 1e-9) < length <= size * (1 + 1e-12)


def test_with_a_start_or_without_a_target_the_first_multipliers_are_zero():
    projection, _, target = problem(NegativeEntropy())
    assert projection.guess(target).tolist() == [0, 0, 0]
    at_zero = Projection(projection.rows, PowerNorm(3), np.zeros(7))
    assert at_zero.guess(np.zeros(3)).tolist() == [0, 0, 0]


# ---- the ways one after the other


@pytest.mark.parametrize(
    ("errors", "asked", "best"),
    [
        ({"by_dual": 0.9e-8}, ["by_dual"], "by_dual"),
        ({"by_dual": 1e-7, "by_kernel": 1e-9}, ["by_dual", "by_kernel"], "by_kernel"),
        ({"by_dual": 3e-8, "by_kernel": 1e-7, "by_path": 1e-9}, None, "by_path"),
        ({"by_dual": 3e-8, "by_kernel": 1e-7, "by_path": 1e-7}, None, "by_dual"),
        ({"by_dual": 3e-8, "by_kernel": 3e-8, "by_path": 3e-8}, None, "by_dual"),
        ({"by_dual": np.nan, "by_kernel": 1e-7, "by_path": 1e-6}, None, "by_kernel"),
        ({"by_dual": np.inf, "by_kernel": 1e-7, "by_path": 1e-6}, None, "by_kernel"),
    ],
)
def test_another_way_is_tried_until_one_is_good(errors, asked, best, monkeypatch):
    seen, points = [], {}

    def way(name):
        def take(_, target, near):
            seen.append(name)
            points[name] = Nearest(np.array([1.0, 0.0]), np.zeros(1), errors[name])
            if name != "by_dual":
                assert isinstance(near, Nearest)
            return points[name]

        return take

    for name in ("by_dual", "by_kernel", "by_path"):
        monkeypatch.setattr(Projection, name, way(name))
    projection = Projection(np.array([[1.0, 0.0]]), SquaredNorm(2), np.zeros(2))
    assert projection.solved(np.ones(1)) is points[best]
    assert seen == (asked or ["by_dual", "by_kernel", "by_path"])


def test_along_the_kernel_a_start_without_a_point_or_outside_the_domain_stays():
    projection, start, target = problem(NegativeEntropy())
    for w in (np.full(7, np.nan), -start):
        near = Nearest(w, np.zeros(3), 1.0)
        assert projection.by_kernel(target, near) is near
    flat = Nearest(np.full(7, 1e200), np.zeros(3), 1.0)
    with np.errstate(all="ignore"):
        cubic = Projection(projection.rows, PowerNorm(4), np.zeros(7))
        assert cubic.by_kernel(target, flat) is flat


@pytest.mark.parametrize("potential", [SquaredNorm(3), PowerNorm(3), HyperbolicEntropy(0.1)])
def test_along_the_kernel_the_error_says_how_far(potential, monkeypatch):
    """Newton's steps are few; stopped early, the error is not below the distance left."""
    projection, start, target = problem(potential)
    near = Nearest(start, np.zeros(3), 1.0)
    exact = projection.by_kernel(target, near)
    assert exact.relative < 1e-10
    for steps in (1, 2, 3, 4):
        monkeypatch.setattr(_dual_newton, "NEWTON_STEPS", steps)
        early = projection.by_kernel(target, near)
        assert projection.rows @ early.w == pytest.approx(target, rel=1e-9)
        away = np.linalg.norm(early.w - exact.w)
        assert early.error >= 0.5 * away - 1e-11


def test_along_the_kernel_a_metric_that_is_infinite_stays():
    """Of |w|^1.5 the second derivative is infinite at zero, the first is not."""
    one = Projection(np.array([[1.0, 0.0, 0.0]]), PowerNorm(1.5), np.zeros(3))
    near = Nearest(np.array([1.0, 0.0, 2.0]), np.zeros(1), 1.0)
    assert one.by_kernel(np.ones(1), near) is near


@pytest.mark.parametrize("way", ["by_dual", "by_kernel"])
def test_where_no_step_is_short_enough_the_point_stays_and_its_error_is_said(way, monkeypatch):
    projection, start, target = problem(PowerNorm(3))
    exact = projection.by_dual(target, np.zeros(3)).w
    monkeypatch.setattr(_dual_newton, "descent", lambda slope: 0.0)
    if way == "by_dual":
        near, stays = projection.by_dual(target, np.zeros(3)), start
    else:
        near = projection.by_kernel(target, Nearest(start, np.zeros(3), 1.0))
        stays = start + projection.rows.T @ (target - projection.rows @ start)
    assert near.w == pytest.approx(stays)
    assert near.error >= 0.5 * np.linalg.norm(near.w - exact) > 0


@pytest.mark.parametrize("size", [1e-6, 1e6])
@pytest.mark.parametrize("potential", [SquaredNorm(3), PowerNorm(3)])
def test_along_the_kernel_numbers_of_any_size_are_found_to_rounding(potential, size):
    projection, start, target = problem(potential)
    image = potential.gradient(size * start)
    scaled = Projection(projection.rows, potential, image)
    near = scaled.by_kernel(size * target, Nearest(size * start, np.zeros(3), 1.0))
    exact = projection.by_kernel(target, Nearest(start, np.zeros(3), 1.0))
    assert near.relative < 1e-10
    assert near.w == pytest.approx(size * exact.w, rel=1e-9)


def test_along_the_kernel_of_a_quadratic_one_step_arrives():
    projection, start, target = problem(SquaredNorm(2))
    near = projection.by_kernel(target, Nearest(3 * start, np.zeros(3), 1.0))
    shortest = start + projection.rows.T @ (target - projection.rows @ start)
    assert near.w == pytest.approx(shortest) and near.error < 1e-11
    assert_nearest(projection, target, near)


@pytest.mark.parametrize(
    ("potential", "stretch", "largest"),
    [
        (PowerNorm(3), 1.0, "across"),
        (HyperbolicEntropy(1e-30), 1.0, "step"),
        (PowerNorm(3), 0.6, "missed"),  # rows that are not orthonormal
    ],
)
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_the_error_along_the_kernel_is_the_largest_of_three(
    potential, stretch, largest, size, monkeypatch
):
    """Newton's step, what the equations miss, and what the mirror image has across the rows."""
    monkeypatch.setattr(_dual_newton, "NEWTON_STEPS", 1)
    monkeypatch.setattr(_dual_newton, "descent", lambda slope: 1.0)
    rows = np.linalg.qr(datasets.generator(3).standard_normal((8, 3)))[0].T
    mirror = potential.gradient(0.1 * size * np.arange(1.0, 9.0))
    projection, target = Projection(stretch * rows, potential, mirror), size * np.ones(3)
    w = size * np.linspace(1, 2, 8)
    near = projection.by_kernel(target, Nearest(w, np.zeros(3), 1.0))
    w = w + stretch * rows.T @ (target - stretch * rows @ w)
    moved, kernel = potential.gradient(w) - mirror, np.linalg.svd(rows)[2][3:]
    step = -np.linalg.solve(kernel * potential.metric(w) @ kernel.T, kernel @ moved) @ kernel
    after = w + step
    errors = {
        "step": np.linalg.norm(step),
        "missed": np.linalg.norm(target - stretch * rows @ after),
        "across": np.linalg.norm(kernel @ moved)
        / (np.abs(mirror).max() + np.abs(moved).max())
        * np.linalg.norm(after),
    }
    assert near.w == pytest.approx(after)
    assert max(errors, key=errors.get) == largest
    assert near.error == pytest.approx(errors[largest])


# ---- a path of targets


def test_a_path_begins_where_newtons_method_works_and_triples():
    """From next to the start: parts of the way 3^-12, then three times as much each."""
    met, heard = [], []
    projection, start, target = problem(HyperbolicEntropy(0.5))
    begun = projection.rows @ start

    class Spy(Projection):
        def by_dual(self, there, a):
            met.append(there)
            return super().by_dual(there, a)

    spy = Spy(projection.rows, projection.potential, projection.mirror)
    with progress.reported(lambda what, fraction: heard.append((what, fraction))):
        near = spy.by_path(target, None)
    parts = [(there - begun) @ (target - begun) / ((target - begun) ** 2).sum() for there in met]
    assert parts[:12] == pytest.approx([3.0**-k for k in range(12, 0, -1)])
    assert parts[-1] == pytest.approx(1) and len(parts) <= 14  # 3^-12 * 3^12 may be below one
    for there, part in zip(met, parts, strict=True):
        assert there == pytest.approx(begun + part * (target - begun))
    assert near.relative < 1e-8
    assert heard[0] == ("following the targets", 0.0)


def test_a_path_that_breaks_off_has_no_solution():
    projection, _, _ = problem(NegativeEntropy())
    rows = np.abs(projection.rows)  # positive weights have positive sums
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    one = Projection(rows[:1], NegativeEntropy(), np.zeros(7))
    with np.errstate(all="ignore"):
        assert one.by_path(np.array([-1.0]), None).error == np.inf
        assert one.by_path(rows[:1] @ np.full(7, 2.0), None).relative < 1e-8


def test_a_path_is_given_up_next_to_its_start(monkeypatch):
    tried = []

    def never(_, there, a):
        tried.append(there)
        return Nearest(np.ones(7), a, 1.0)

    projection, _, target = problem(HyperbolicEntropy(0.5))
    monkeypatch.setattr(Projection, "by_dual", never)
    assert projection.by_path(target, None).error == np.inf
    assert len(tried) == int(np.ceil(150 / (12 * np.log10(3))))  # until below 1e-150


# ---- the length of a step


@pytest.mark.parametrize(
    ("slope", "length"),
    [
        (lambda x: x - 1, 1),  # exactly at the minimum
        (lambda x: x - 0.6, 1),  # past it, with a smaller slope
        (lambda x: x - 0.5, 0.5),  # as steep as at the beginning is not smaller
        (lambda x: x - 0.3, 0.5),
        (lambda x: x - 0.2, 0.25),
        (lambda x: x - 9, 1),  # before it
        (lambda x: -1.0 if x == 0 else np.inf if x > 0.1 else -0.5, 0.0625),
        (lambda x: -1.0 if x == 0 else np.nan if x > 0.1 else -0.5, 0.0625),
        (lambda x: -1.0 if x == 0 else INF - INF if x > 0.1 else -0.5, 0.0625),
        (lambda x: -1.0 if x == 0 else MOST * 10 if x > 0.1 else -0.5, 0.0625),
        (lambda x: x + 1, 0),  # uphill from the beginning
        (lambda x: x - 1e-190, 2.0**-631),
        (lambda x: 0.0, 0),
    ],
)
def test_a_step_is_halved_until_its_slope_is_smaller(slope, length):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert descent(slope) == length
