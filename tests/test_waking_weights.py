"""The weights that wake up from a vanishing start, one by one: each step against another solver."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize, nnls

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import small_scale, small_scale_path
from ibias.optima._programs import LinearProgram
from ibias.optima.small_scale import (
    GAP,
    ROUNDING,
    _least_risk,
    _margin_of,
    _until_separated,
    next_at_the_top,
)

CORNER = np.array([[2.0, 1.0], [1.0, 2.5]])


def l1_margin(columns: np.ndarray) -> float:
    """Return max over convex a of min_i (columns a)_i."""
    n, k = columns.shape
    found = linprog(
        np.r_[np.zeros(k), -1.0],
        A_ub=np.c_[-columns, np.ones(n)],
        b_ub=np.zeros(n),
        A_eq=[np.r_[np.ones(k), 0.0]],
        b_eq=[1.0],
        bounds=[(0, None)] * k + [(None, None)],
    )
    return -found.fun


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_the_path_by_hand(size: float) -> None:
    """From (6/7, 1) the first weight grows twice as fast as the top, and joins at 1/7."""
    path = small_scale_path(Dataset.from_signed(size * CORNER), until=2.0)
    assert path.x == pytest.approx([0.0, 1 / 7])
    assert path.mirror_images == pytest.approx(np.array([[6 / 7, 1], [8 / 7, 8 / 7]]))
    assert path.slopes == pytest.approx(np.array([[2, 1], [1, 1]]))
    assert path.margins / size == pytest.approx([1.0, 1.6])
    assert path.n_active.tolist() == [1, 2]
    for x, M, margin in [
        (0.0, [6 / 7, 1], 1.0),
        (0.1, [6 / 7 + 0.2, 1.1], 1.0),
        (path.x[1], [8 / 7, 8 / 7], 1.6),
        (1.5, [2.5, 2.5], 1.6),
    ]:
        assert path.mirror_image(x) == pytest.approx(M)
        assert path.margin(x) / size == pytest.approx(margin)


def test_a_path_ends_where_it_is_asked_to() -> None:
    data = Dataset.from_signed(CORNER)
    assert small_scale_path(data, until=0.14).x.size == 1
    assert small_scale_path(data, until=0.15).x.size == 2
    assert small_scale_path(data).x.size == 2  # until one


def test_a_weight_that_rests_while_another_moves_by_hand() -> None:
    """The first one alone does not separate: it minimises e^(-4w) + e^w, where p = (1, 4) / 5."""
    Z = np.array([[4.0, 0.9], [-1.0, 1.2]])
    M, active = _until_separated(Z)
    assert pytest.approx([1.0, 1.0]) == M and active.tolist() == [0, 1]
    path = small_scale_path(Dataset.from_signed(Z))
    assert path.margins == pytest.approx([0.9 + 3.1 * 0.3 / 5.3])
    assert path.slopes == pytest.approx(np.ones((1, 2)))
    for signs in ([1, -1], [-1, 1], [-1, -1]):
        M, active = _until_separated(Z * signs)
        assert pytest.approx(signs) == M and sorted(active) == [0, 1]


def followed(Z: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return M where the weights at the top separate first: the same events by other solvers."""
    M, top, p = np.zeros(Z.shape[1]), [], np.full(len(Z), 1 / len(Z))
    while True:
        slope = p @ Z
        slope[top] = 0.0
        # |M_j + t slope_j| = 1 has one root with t > 0.
        roots = np.full(M.size, np.inf)
        for j in np.flatnonzero(np.abs(slope) > 1e-8):
            roots[j] = (np.sign(slope[j]) - M[j]) / slope[j]
        roots[top] = np.inf
        j = int(roots.argmin())
        M = M + roots[j] * slope
        top.append(j)
        columns = Z[:, top] * np.sign(M[top])
        if l1_margin(columns) > 1e-8:
            return M, top

        def risk(w: np.ndarray, columns: np.ndarray = columns) -> float:
            return float(np.logaddexp.reduce(-columns @ w))

        bounds = [(0, None)] * len(top)
        w = minimize(risk, np.full(len(top), 0.1), bounds=bounds, tol=1e-15).x
        p = np.exp(-columns @ w - risk(w))
        top = [j for j, size in zip(top, w, strict=True) if size > 1e-6]


@pytest.mark.parametrize("seed", range(8))
def test_the_way_to_the_first_separation(seed: int) -> None:
    Z = datasets.wide(seed, 6, 9).Z
    M, active = _until_separated(Z)
    right, top = followed(Z)
    assert right == pytest.approx(M, abs=1e-4)
    assert sorted(active) == sorted(top)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(6, 12), (8, 20)])
def test_between_events_the_margin_of_the_top_rules(seed: int, shape: tuple[int, int]) -> None:
    data = datasets.wide(seed, *shape)
    path = small_scale_path(data, until=3.0)
    for k, x in enumerate(path.x):
        M, slope = path.mirror_images[k], path.slopes[k]
        top = np.flatnonzero(np.abs(M) > 1 + x - 1e-9)
        assert np.abs(M).max() == pytest.approx(1 + x)
        gamma = l1_margin(data.Z[:, top] * np.sign(M[top]))
        assert path.margins[k] == pytest.approx(gamma, rel=1e-7)
        # The slope is Z^T p / gamma with convex weights, and nobody at the top outruns it.
        A = np.vstack([data.Z.T / gamma, np.ones(len(data.Z))])
        assert nnls(A, np.append(slope, 1.0))[1] < 1e-7
        assert (slope[top] * np.sign(M[top]) < 1 + 1e-7).all()
        assert path.n_active[k] == (slope[top] * np.sign(M[top]) > 1 - 1e-7).sum()
        if k + 1 < path.x.size:
            after = path.mirror_images[k + 1]
            assert after == pytest.approx(M + (path.x[k + 1] - x) * slope)
            joins = np.flatnonzero(np.abs(after) > 1 + path.x[k + 1] - 1e-9)
            assert np.setdiff1d(joins, top).size == 1
            middle = path.mirror_image((x + path.x[k + 1]) / 2)
            assert np.abs(middle).max() == pytest.approx(1 + (x + path.x[k + 1]) / 2)
    end = path.mirror_image(3.0)
    assert np.abs(end).max() == pytest.approx(4.0)
    assert (np.abs(path.mirror_image(2.9999)) <= 3.9999 + 1e-9).all()


def test_some_weights_fall_behind_the_top() -> None:
    """Else the tests above would say nothing about those."""
    paths = [small_scale_path(datasets.wide(seed, 6, 12), until=50.0) for seed in range(8)]
    assert any((np.diff(path.n_active) < 1).any() for path in paths)


def test_signs_order_and_size_change_nothing_else() -> None:
    data = datasets.wide(3, 6, 12)
    path, rng = small_scale_path(data), datasets.generator(1)
    signs, order = rng.choice([-1.0, 1.0], 12), rng.permutation(12)
    other = small_scale_path(Dataset.from_signed(3.0 * (data.Z * signs)[::-1, order]))
    assert other.x == pytest.approx(path.x)
    assert other.margins == pytest.approx(3 * path.margins)
    assert other.mirror_images == pytest.approx((path.mirror_images * signs)[:, order])
    assert other.slopes == pytest.approx((path.slopes * signs)[:, order])


def test_the_next_at_the_top_by_hand() -> None:
    """The second moves inwards and has to cross zero; the third is slow, the fourth at the top."""
    M = np.array([0.5, -0.9, 0.2, 1.0, 0.99])
    slope = np.array([1.0, 4.0, 0.1, 9.0, 0.0])
    below, active = 1 - np.abs(M), np.array([3])
    assert next_at_the_top(below, np.abs(slope), M, slope, active) == (pytest.approx(0.475), 1)
    slope[1] = 3.0
    assert next_at_the_top(below, np.abs(slope), M, slope, active) == (pytest.approx(0.5), 0)
    slope[[0, 1]] = 0.0
    assert next_at_the_top(below, np.abs(slope), M, slope, active) == (pytest.approx(8.0), 2)
    slope[2] = ROUNDING / 2
    assert next_at_the_top(below, np.abs(slope), M, slope, active)[0] == np.inf
    slope[2] = 2 * ROUNDING
    wait, who = next_at_the_top(below, np.abs(slope), M, slope, active)
    assert (wait, who) == (pytest.approx(0.4 / ROUNDING), 2)
    # One that rounding has put above the top joins at once.
    slope[0] = 1.0
    assert next_at_the_top(below - 0.6, np.abs(slope), M, slope, active) == (0.0, 0)


@pytest.mark.parametrize("route", ["simplex", "interior_point"])
@pytest.mark.parametrize("seed", range(3))
def test_either_linear_program_gives_the_margin(
    monkeypatch: pytest.MonkeyPatch, route: str, seed: int
) -> None:
    columns = np.abs(datasets.generator(seed).standard_normal((5, 3))) + 0.1
    other = {"simplex": "interior_point", "interior_point": "simplex"}[route]
    monkeypatch.setattr(LinearProgram, other, lambda *_: None)
    for size in (1e-2, 1.0, 1e2):
        margin, p, _ = _margin_of(size * columns)
        assert margin == pytest.approx(size * l1_margin(columns), rel=1e-8)
        assert p.min() >= 0 and p.sum() == pytest.approx(1)
        assert (p @ (size * columns)).max() == pytest.approx(margin, rel=1e-8)


def test_a_margin_that_is_not_certified_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.array([[4.0, 2.0], [1.0, 3.0]])  # a = (1, 3) / 4 has the margin 5/2
    true = LinearProgram.simplex
    seen = []

    def off(by: float):
        def solve(program: LinearProgram) -> tuple[np.ndarray, np.ndarray]:
            x, y = true(program)
            # Weights p of the two rows: (1, 1) / 2, and (1/2 + by, 1/2 - by) is above by 3 by.
            return x, y + by * np.array([0.0, 1.0, -1.0])

        return solve

    interior = LinearProgram.interior_point
    monkeypatch.setattr(
        LinearProgram, "interior_point", lambda program: seen.append(1) or interior(program)
    )
    unit = GAP * 2.5 / 3
    monkeypatch.setattr(small_scale, "corner", lambda Z, w, weights, p: (w, weights))
    for by, asked in [(0.5 * unit, 0), (2 * unit, 1), (-0.5 * unit, 1), (-4 * unit, 2)]:
        monkeypatch.setattr(LinearProgram, "simplex", off(by))
        margin, p, _ = _margin_of(columns)
        assert margin == pytest.approx(2.5, rel=1e-8) and p == pytest.approx([0.5, 0.5], abs=1e-8)
        assert len(seen) == asked
    monkeypatch.setattr(LinearProgram, "simplex", lambda *_: None)
    monkeypatch.setattr(LinearProgram, "interior_point", lambda *_: None)
    with pytest.raises(RuntimeError, match="the linear program of a margin on the way failed"):
        _margin_of(columns)
    nothing = np.zeros(3), np.zeros(3)
    monkeypatch.setattr(LinearProgram, "simplex", lambda *_: nothing)
    monkeypatch.setattr(LinearProgram, "interior_point", true)
    assert _margin_of(columns)[0] == pytest.approx(2.5)
    for part in (0, 1):
        monkeypatch.setattr(
            LinearProgram,
            "simplex",
            lambda program, part=part: tuple(
                0 * one if i == part else one for i, one in enumerate(true(program))
            ),
        )
        assert _margin_of(columns)[0] == pytest.approx(2.5)


def overlapping(seed: int, n: int = 7, k: int = 4) -> np.ndarray:
    rows = datasets.generator(seed).standard_normal((n, k)) + 0.2
    return np.vstack([rows, -1.5 * rows.mean(axis=0)])  # their hull holds zero


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [1.0, 0.9, 1.5, 10.0])
def test_the_least_risk_is_stationary_from_a_start_nearby(
    monkeypatch: pytest.MonkeyPatch, seed: int, factor: float
) -> None:
    columns = overlapping(seed)
    true = minimize

    def off(*arguments: object, **how: object) -> object:
        found = true(*arguments, **how)
        found.x = factor * found.x
        return found

    monkeypatch.setattr(small_scale, "minimize", off)
    w, p = _least_risk(columns)
    exponents = np.exp(-columns @ w)
    assert p == pytest.approx(exponents / exponents.sum(), rel=1e-12)
    assert w.min() >= 0
    pull = p @ columns
    assert np.abs(pull[w > ROUNDING]).max(initial=0.0) <= 1e-11
    assert pull[w <= ROUNDING].max(initial=0.0) <= ROUNDING
    # Newton's method on the risk by itself, along every direction that is free.
    for j in range(4):
        moved = w.copy()
        moved[j] += 1e-3
        assert np.log(np.exp(-columns @ moved).sum()) > np.log(exponents.sum())


def test_the_least_risk_by_hand() -> None:
    w, p = _least_risk(np.array([[4.0], [-1.0]]))
    assert w == pytest.approx([np.log(4) / 5]) and p == pytest.approx([0.2, 0.8])
    w, p = _least_risk(np.array([[4.0, -1.0], [-1.0, -1.0]]))  # the second can only harm
    assert w == pytest.approx([np.log(4) / 5, 0.0]) and w[1] == 0
    with pytest.raises(RuntimeError, match="two weights wake up at almost the same moment"):
        _least_risk(np.array([[1.0], [2.0]]))  # no end: the risk falls for ever


@pytest.mark.parametrize("last", [1, 2])
def test_the_number_of_events_is_limited(monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    monkeypatch.setattr(small_scale, "MAX_EVENTS", last)
    data = Dataset.from_signed(CORNER)
    if last == 2:
        assert small_scale_path(data).x.size == 2
    else:
        with pytest.raises(RuntimeError, match="more than 1 weights joined before; lower it"):
            small_scale_path(data)
    Z = np.array([[4.0, 0.9], [-1.0, 1.2]])
    if last == 2:
        assert _until_separated(Z)[1].size == 2
    else:
        with pytest.raises(RuntimeError, match="after 1 events the weights"):
            _until_separated(Z)


def test_the_lengths_of_what_a_program_returns_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = LinearProgram.simplex
    for a, b in [(2.0, 1.0), (1.0, 3.0)]:
        monkeypatch.setattr(
            LinearProgram,
            "simplex",
            lambda program, a=a, b=b: (a * true(program)[0], b * true(program)[1]),
        )
        monkeypatch.setattr(LinearProgram, "interior_point", lambda *_: None)
        margin, p, _ = _margin_of(np.array([[4.0, 2.0], [1.0, 3.0]]))
        assert margin == pytest.approx(2.5) and p == pytest.approx([0.5, 0.5])


def test_the_solver_is_given_the_risk_and_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, seen, true = overlapping(0), {}, minimize

    def watched(risk: object, *arguments: object, **how: object) -> object:
        seen["risk"] = risk
        return true(risk, *arguments, **how)

    monkeypatch.setattr(small_scale, "minimize", watched)
    _least_risk(columns)
    w, h = np.array([0.5, 1.0, 0.1, 2.0]), 1e-6 * np.eye(4)
    value, gradient = seen["risk"](w)
    assert value == pytest.approx(np.log(np.exp(-columns @ w).sum()))
    slopes = [(seen["risk"](w + e)[0] - seen["risk"](w - e)[0]) / 2e-6 for e in h]
    assert gradient == pytest.approx(slopes, abs=1e-8)


def test_a_weight_that_sleeps_although_it_would_help_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Newton's method moves the weights in use; one that the solver left at zero stays there."""
    true = minimize

    def asleep(*arguments: object, **how: object) -> object:
        found = true(*arguments, **how)
        found.x[int(found.x.argmax())] = 0.0
        return found

    monkeypatch.setattr(small_scale, "minimize", asleep)
    with pytest.raises(RuntimeError, match="two weights wake up at almost the same moment"):
        _least_risk(overlapping(0))


def test_where_nothing_moves_no_weight_separates() -> None:
    with pytest.raises(RuntimeError, match="did not separate them"):
        _until_separated(np.array([[1.0, 0.0], [-1.0, 0.0]]))


def test_an_answer_that_is_nearly_that_of_a_corner_is_taken_to_it(monkeypatch) -> None:
    """Solvers know a margin next to zero only roughly: theirs are absolute tolerances."""
    columns, true = 1e-4 * np.array([[4.0, 2.0], [1.0, 3.0]]), LinearProgram.simplex

    def rough(program: LinearProgram) -> tuple[np.ndarray, np.ndarray]:
        x, y = true(program)
        return x + 1e-6 * np.array([1.0, -1.0, 0.0]), y + 1e-6 * np.array([0.0, 1.0, -1.0])

    monkeypatch.setattr(LinearProgram, "simplex", rough)
    monkeypatch.setattr(LinearProgram, "interior_point", lambda *_: None)
    margin, p, a = _margin_of(columns)
    assert margin == pytest.approx(2.5e-4, rel=1e-12)
    assert p == pytest.approx([0.5, 0.5], abs=1e-12) and a == pytest.approx([0.25, 0.75], abs=1e-12)


TIED = {
    "samples of one height": ([[8.2, 5.0], [8.2, -2.0]], "samples"),
    "samples of nearly one height": ([[8.2, 5.0, 1.0], [8.2 + 1e-9, -2.0, 3.0]], "samples"),
    "features that are the same": ([[3.0, 3.0, 1.0], [1.0, 1.0, 4.0]], "features"),
    "features that are nearly the same": ([[3.0, -3 + 1e-11, 1.0], [1.0, -1.0, 0.5]], "features"),
}


@pytest.mark.parametrize("kind", TIED)
def test_what_is_not_in_general_position_is_refused(kind: str) -> None:
    """A program picks some answer then, and weights that are not awake yet would tell."""
    rows, who = TIED[kind]
    with pytest.raises(RuntimeError, match=rf"^data: {who} .*general position. Drop"):
        small_scale_path(Dataset.from_signed(rows))
    kept = np.delete(rows, 1, axis=who == "features")
    assert small_scale_path(Dataset.from_signed(kept)).x[0] == 0


def test_samples_that_repeat_each_other_are_in_general_position() -> None:
    """They share the margin as they like: no weight sees how."""
    for apart in (0.0, 1e-12):
        twice = small_scale_path(Dataset.from_signed([*CORNER, CORNER[1] + [apart, 0.0]]))
        assert twice.x == pytest.approx([0.0, 1 / 13]) or twice.x.size == 2
        assert twice.margins == pytest.approx([1.0, 1.6])
