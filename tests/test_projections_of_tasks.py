"""Two limits of a task: the conditions of optimality, their guards, and each turn of the climb."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import margin_climb, nearest_separator, tasks
from ibias.optima.tasks import GAP, LEVEL, ROUNDING
from tests.reference.exact import dot, fractions
from tests.reference.exact import nearest_separator as nearest

CORNER = np.array([[1.0, 0.0], [3.0, 0.5]])


def problem(seed: int, n: int = 8, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = datasets.generator(seed + 100)
    return datasets.separable(seed, n, d).Z, rng.standard_normal(d)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(8, 4), (5, 12)])
@pytest.mark.parametrize("margin", [1.0, 3.0])
def test_the_projection_meets_its_conditions_in_any_units(seed, shape, margin):
    Z, start = problem(seed, *shape)
    data = Dataset.from_signed(Z)
    found = nearest_separator(data, start, margin=margin)
    b, left = found.dual_variables, Z @ found.w - margin
    assert b.min() >= 0 and found.w == pytest.approx(start + b @ Z)
    assert left.min() > -1e-9 and np.abs(b * left).max() < 1e-9
    far = np.linalg.norm(Z, axis=1) * np.linalg.norm([start, b @ Z])
    left = np.array([float(dot(z, fractions(found.w)) - Fraction(margin)) for z in fractions(Z)])
    off = np.where(b > 0, np.abs(left), -left) / (margin + ROUNDING / GAP * shape[1] * far)
    assert found.residual == pytest.approx(max(off.max(), 0), abs=1e-18)
    for size in (1e-4, 1e4):
        scaled = nearest_separator(Dataset.from_signed(size * Z), start / size, margin=margin)
        assert scaled.w * size == pytest.approx(found.w, rel=1e-9)
        assert scaled.dual_variables * size**2 == pytest.approx(b, rel=1e-7, abs=1e-9)
        moved = nearest_separator(data, size * start, margin=size * margin)
        assert moved.w / size == pytest.approx(found.w, rel=1e-9)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("start", [[-1.0, 0.0], [1 - 1e-3, 0.0], [1 - 1e-3, -3.993]])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
@pytest.mark.parametrize("long", [1.0, 1e6])
def test_multipliers_that_are_off_are_refused(monkeypatch, side, start, part, fine, long):
    """Only the first sample pulls; by e too far along it, its margin is off by e.

    However long the other one is.
    """
    Z = CORNER * [[1.0], [long]]
    b = np.array([1 - start[0], 0.0])
    off = b + np.array([side * part * GAP, 0.0])
    monkeypatch.setattr(tasks, "least_shortfall", lambda *_: (off @ Z, off))
    if fine:
        found = nearest_separator(Dataset.from_signed(Z), start)
        assert found.residual == pytest.approx(part * GAP, rel=1e-2)
        assert found.dual_variables == pytest.approx(b, abs=1e-6)
    else:
        with pytest.raises(RuntimeError, match="the nearest separator was found only to"):
            nearest_separator(Dataset.from_signed(Z), start)


def test_a_negative_multiplier_is_refused(monkeypatch):
    """However little it moves: the sample would push."""
    b = np.array([2.0, -1e-12])
    monkeypatch.setattr(tasks, "least_shortfall", lambda *_: (b @ CORNER, b))
    with pytest.raises(RuntimeError, match="the nearest separator was found only to"):
        nearest_separator(Dataset.from_signed(CORNER), [-1.0, 0.0])


def test_a_solver_that_goes_round_in_circles_is_noticed(monkeypatch):
    """Exchanges begin with no sample then."""

    def circles(*_, **__):
        raise RuntimeError("Maximum number of iterations reached")

    monkeypatch.setattr(tasks, "nnls", circles)
    assert nearest_separator(Dataset.from_signed(CORNER), [-1.0, 0.0]).w.tolist() == [1.0, 0.0]


def test_a_start_on_the_margin_stays():
    found = nearest_separator(Dataset.from_signed(CORNER), [1.0, 0.0])
    assert found.w.tolist() == [1.0, 0.0] and found.residual == 0
    assert found.dual_variables.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(8, 4), (6, 10), (20, 3)])
@pytest.mark.parametrize("level", [1.0, -0.5])
def test_each_piece_of_the_climb_is_the_steepest_ascent(seed, shape, level):
    """Up to the level; the direction is the shortest vector of the hull of the worst samples."""
    Z, start = problem(seed, *shape)
    start = 2 * start
    path = margin_climb(Dataset.from_signed(Z), start, level=level)
    if path.levels[0] >= level:
        assert path.weights.shape[0] == 1
        return
    assert path.levels[-1] == level and (path.weights[0] == start).all()
    assert path.w == pytest.approx(start + path.dual_variables @ Z)
    assert path.dual_variables.min() >= 0
    for k in range(len(path.levels) - 1):
        v, move = path.weights[k], path.weights[k + 1] - path.weights[k]
        rise = path.levels[k + 1] - path.levels[k]
        wait = move @ move / rise  # move = wait p, and the worst margin rises by wait ||p||^2
        p = move / wait
        worst = Z[Z @ v < path.levels[k] + 1e-8]
        assert (Z @ v).min() == pytest.approx(path.levels[k], abs=1e-9)
        A = np.vstack([worst.T, np.ones(len(worst))])
        assert nnls(A, np.append(p, 1.0))[1] < 1e-7
        assert (worst @ p).min() == pytest.approx(p @ p, rel=1e-7)
        # All along the piece these stay the worst.
        for part in (0.25, 0.75):
            middle = Z @ (v + part * move)
            assert middle.min() == pytest.approx(path.levels[k] + part * rise, abs=1e-9)
    # And nothing is cut into more pieces than it turns.
    pieces = np.diff(path.weights, axis=0)
    units = pieces / np.linalg.norm(pieces, axis=1)[:, None]
    assert ((units[1:] * units[:-1]).sum(axis=1) < 1 - 1e-9).all()


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_the_climb_in_other_units(size):
    Z, start = problem(1)
    path = margin_climb(Dataset.from_signed(Z), start)
    scaled = margin_climb(Dataset.from_signed(size * Z), start / size)
    assert scaled.levels == pytest.approx(path.levels)
    assert scaled.weights * size == pytest.approx(path.weights)
    assert scaled.dual_variables * size**2 == pytest.approx(path.dual_variables)
    moved = margin_climb(Dataset.from_signed(Z), size * start, level=size)
    assert moved.weights / size == pytest.approx(path.weights)
    assert moved.dual_variables / size == pytest.approx(path.dual_variables)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("part", "pieces"), [(0.4, 1), (3.0, 2)])
def test_margins_at_one_level_pull_together(size, part, pieces):
    """(2, 0) and (0, 2) from -size: the second sample is above by a part of rounding."""
    apart = part * LEVEL * max(2 * np.sqrt(2), 0.0) * size
    start = np.array([-size, -size + apart / 2])
    many = np.tile([np.sqrt(2), -np.sqrt(2)], (98, 1))  # as long, far above, and they stay there
    path = margin_climb(Dataset.from_signed(np.vstack([2 * np.eye(2), many])), start, level=-size)
    assert path.levels.size == 1 + pieces
    assert path.w == pytest.approx([-size / 2] * 2)


@pytest.mark.parametrize(("part", "pieces"), [(0.4, 1), (3.0, 2)])
def test_next_to_zero_the_level_says_what_is_one_level(part, pieces):
    start = np.array([0.0, part * LEVEL * 10 / 2])
    path = margin_climb(Dataset.from_signed(2 * np.eye(2)), start, level=10.0)
    assert path.levels.size == 1 + pieces
    assert path.w == pytest.approx([5.0, 5.0])


def test_the_number_of_turns_is_limited(monkeypatch):
    data = Dataset.from_signed(CORNER)
    monkeypatch.setattr(tasks, "MAX_EVENTS", 2)
    assert margin_climb(data, [-1.0, 0.0]).levels.size == 3
    monkeypatch.setattr(tasks, "MAX_EVENTS", 1)
    with pytest.raises(RuntimeError, match="turned more than 1 times below level=1"):
        margin_climb(data, [-1.0, 0.0])


def test_bad_input_is_refused_by_name():
    data = Dataset.from_signed(CORNER)
    for solve in (nearest_separator, margin_climb):
        for start in ([1.0], [1.0] * 3, [[1.0, 0.0]]):
            words = "start must have 1 axes" if np.ndim(start) == 2 else "start has shape"
            with pytest.raises(ValueError, match=words):
                solve(data, start)
    with pytest.raises(ValueError, match="margin"):
        nearest_separator(data, [0.0, 0.0], margin=0)
    with pytest.raises(ValueError, match="level"):
        margin_climb(data, [0.0, 0.0], level=[1.0])


def test_a_sample_that_rises_as_fast_is_never_caught():
    path = margin_climb(Dataset.from_signed([[1.0, 0.0], [1.0, 1.0]]), [-1.0, 0.5])
    assert path.weights == pytest.approx(np.array([[-1.0, 0.5], [1.0, 0.5]]))
    assert path.dual_variables.tolist() == [2.0, 0.0]


def exact_climb(Z, start, level):
    """The end of the steepest ascent in the plane, event by event in fractions."""
    Z = [[Fraction(x) for x in z] for z in Z]
    v, level = [Fraction(x) for x in start], Fraction(level)
    dot = lambda a, b: sum(p * q for p, q in zip(a, b, strict=True))  # noqa: E731
    while (now := min(dot(z, v) for z in Z)) < level:
        low = [z for z in Z if dot(z, v) == now]
        points = list(low)  # the point of their hull nearest to zero is one, or between two
        for a, b in combinations(low, 2):
            apart = [p - q for p, q in zip(a, b, strict=True)]
            t = -dot(b, apart) / dot(apart, apart)
            points += [[q + t * p for p, q in zip(apart, b, strict=True)]] if 0 < t < 1 else []
        move = next(p for p in points if all(dot(z, p) >= dot(p, p) for z in low))
        speed = dot(move, move)
        waits = [(level - now) / speed]
        waits += [
            (dot(z, v) - now) / (speed - dot(z, move))
            for z in Z
            if z not in low
            if dot(z, move) < speed
        ]
        v = [x + min(waits) * p for x, p in zip(v, move, strict=True)]
    return [float(x) for x in v]


@pytest.mark.parametrize("level", [1e-3, 1.0])
@pytest.mark.parametrize("kept", [[0, 1, 2, 3], [0, 2, 3]])
def test_a_long_sample_says_nothing_about_the_levels_of_short_ones(kept, level):
    rows = np.array([[-5.3e-7, 1.4e-8], [17.0, -176.0], [-2.9e-6, -5.4e-6], [1.1e6, -9.7e5]])[kept]
    start = [-0.28, 3.7]
    path = margin_climb(Dataset.from_signed(rows), start, level=level)
    assert path.w == pytest.approx(exact_climb(rows, start, level), rel=1e-7)
    assert path.levels[-1] == level and (np.diff(path.levels) > 0).all()


def test_the_climb_on_samples_of_any_length_is_that_in_fractions():
    found = 0
    for seed in range(300):
        rng = datasets.generator(seed)
        Z = rng.standard_normal((4, 2))
        Z *= np.sign(Z @ rng.standard_normal(2))[:, None] * 10.0 ** rng.uniform(-8, 8, (4, 1))
        start, level = rng.standard_normal(2), 10 ** rng.uniform(-4, 2)
        try:
            w = margin_climb(Dataset.from_signed(Z), start, level=level).w
        except RuntimeError as error:
            assert str(error).startswith(("data: the maximum margin", "data: the worst margin"))
            continue
        right = np.array(exact_climb(Z, start, level))
        assert w == pytest.approx(right, abs=1e-7 * max(1.0, np.abs(right).max()))
        found += 1
    assert found > 290


def test_the_projection_on_samples_of_any_length_is_that_in_fractions():
    """Relative to the longest sample short ones would be met wherever they are."""
    found = 0
    for seed in range(300):
        rng = datasets.generator(seed)
        Z = rng.standard_normal((4, 2))
        Z *= np.sign(Z @ rng.standard_normal(2))[:, None] * 10.0 ** rng.uniform(-8, 8, (4, 1))
        start = rng.standard_normal(2) * 10.0 ** rng.uniform(-4, 4)
        right = [float(x) for x in nearest(fractions(Z), fractions(start))]
        try:
            w = nearest_separator(Dataset.from_signed(Z), start).w
        except RuntimeError:
            continue
        found += 1
        size = max(np.linalg.norm(right), np.linalg.norm(start))
        assert w == pytest.approx(right, rel=0, abs=1e-9 * size)
    assert found >= 294
