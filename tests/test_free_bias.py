"""The margin with a free bias: its guard, each solver alone, the polish, and every field."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import bias, max_margin_with_bias
from ibias.optima._norms import Extended
from ibias.optima.bias import _balanced, _by_cone, _gap, _margin, _polish, _solve
from ibias.optima.margin import GAP, ON_THE_MARGIN, ROUNDING


def shifted(seed: int, n: int = 40, d: int = 5) -> Dataset:
    data = datasets.separable(seed, n, d)
    return Dataset(data.X + 3 * datasets.generator(seed + 50).standard_normal(d), data.y)


def centred(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return signed inputs from the middle of the classes, with entries up to one, and labels."""
    middle = (data.X[data.y > 0].mean(axis=0) + data.X[data.y < 0].mean(axis=0)) / 2
    Z = data.y[:, None] * (data.X - middle)
    return Z / np.abs(Z).max(), data.y


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("shape", [(40, 5), (6, 30)])
def test_every_field_is_what_its_definition_says(size: float, shape: tuple[int, int]) -> None:
    data = shifted(0, *shape)
    data = Dataset(size * data.X, data.y)
    best = max_margin_with_bias(data)
    heights = data.y * (data.X @ best.w + best.bias)
    assert heights.min() == pytest.approx(1, abs=1e-9)
    assert best.margin == pytest.approx(1 / np.linalg.norm(best.w), rel=1e-12)
    assert best.direction == pytest.approx(best.margin * best.w, rel=1e-12)
    assert best.support.tolist() == np.flatnonzero(heights <= 1 + ON_THE_MARGIN).tolist()
    assert best.decision_function(data.X) == pytest.approx(data.X @ best.w + best.bias)
    for label in (-1, 1):
        assert best.dual_variables[data.y == label].sum() == pytest.approx(0.5)
    hull = np.linalg.norm(best.dual_variables @ data.Z)
    gap = hull - heights.min() / np.linalg.norm(best.w)
    assert best.duality_gap == pytest.approx(gap, abs=1e-11 * best.margin)
    assert set(np.flatnonzero(best.dual_variables)) <= set(best.support)


def test_the_support_is_within_a_tolerance_of_the_margin() -> None:
    """Two points at one, and others above it by half and by twice the tolerance."""
    near, far = 1 + ON_THE_MARGIN / 2, 1 + 2 * ON_THE_MARGIN
    data = Dataset([[1.0], [-1.0], [near], [far], [-far]], [1, -1, 1, 1, -1])
    assert max_margin_with_bias(data).support.tolist() == [0, 1, 2]


def forge(monkeypatch: pytest.MonkeyPatch, data: Dataset, change) -> None:
    """Let the solver give the optimum and the polish something else."""
    Z, y = centred(data)
    found = _solve(Z, y)
    monkeypatch.setattr(bias, "_solve", lambda *_: found)
    monkeypatch.setattr(bias, "_polish", lambda Z, y, w, b, weights: change(w, b, weights))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(
    ("factor", "fine"),
    [(1 + 0.5 * GAP, True), (1 + 2 * GAP, False), ("half", True), ("twice", False)],
)
def test_a_forged_gap_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, factor: object, fine: bool
) -> None:
    plain = shifted(1)
    data = Dataset(size * plain.X, plain.y)
    if isinstance(factor, str):  # of what rounding may take away
        margin, entries = max_margin_with_bias(plain).margin, centred(plain)[0].max()
        assert entries <= 1
        reach = np.abs(plain.X - plain.X.mean(axis=0)).max() / margin
        rounding = ROUNDING + 40 * np.finfo(Extended).eps * reach
        factor = 1 - (0.5 if factor == "half" else 4) * rounding
    forge(monkeypatch, data, lambda w, b, weights: (w, b, factor * weights))
    if fine:
        best = max_margin_with_bias(data)
        expected = (factor - 1) * best.margin
        assert best.duality_gap == pytest.approx(expected, abs=1e-13 * best.margin)
    else:
        with pytest.raises(RuntimeError, match="could be certified only to"):
            max_margin_with_bias(data)


def test_a_plane_that_separates_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = shifted(1)
    forge(monkeypatch, data, lambda w, b, weights: (-w, b, weights))
    with pytest.raises(RuntimeError, match="could be certified only to"):
        max_margin_with_bias(data)


@pytest.mark.parametrize("solver", [_solve, _by_cone])
@pytest.mark.parametrize("shape", [(40, 5), (12, 12)])
@pytest.mark.parametrize("seed", range(2))
def test_either_solver_alone_is_near_the_optimum(solver, shape, seed: int) -> None:
    Z, y = centred(shifted(seed, *shape))
    w, b, weights = solver(Z, y)
    assert solver is _solve or np.linalg.norm(w) == pytest.approx(1)
    margin = _margin(Z, y, w, b)
    assert margin == pytest.approx(
        max_margin_with_bias(Dataset(y[:, None] * Z, y)).margin, rel=1e-6
    )
    assert -1e-12 <= _gap(Z, y, w, b, weights) <= 1e-6 * margin
    assert weights[y > 0].sum() == pytest.approx(0.5)
    assert weights[y < 0].sum() == pytest.approx(0.5)
    assert weights.min() >= 0


class AskedTheCone(Exception):
    pass


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        (lambda w, weights, y: (w, weights), False),
        (lambda w, weights, y: (-w, weights), True),  # no margin
        (lambda w, weights, y: (0 * w, weights), True),
        (lambda w, weights, y: (w, weights * (y > 0)), True),  # no weights on a class
        (lambda w, weights, y: (w, weights * (y < 0)), True),
    ],
)
def test_the_cone_is_asked_only_where_the_heavy_constant_failed(
    monkeypatch: pytest.MonkeyPatch, change, asks: bool
) -> None:
    Z, y = centred(shifted(2))
    true = bias.best_of

    def cone(*_: object) -> None:
        raise AskedTheCone

    monkeypatch.setattr(bias, "best_of", lambda *arguments: change(*true(*arguments), y))
    monkeypatch.setattr(bias, "_by_cone", cone)
    if asks:
        with pytest.raises(AskedTheCone):
            _solve(Z, y)
    else:
        assert _gap(Z, y, *_solve(Z, y)) <= 1e-12


@pytest.mark.parametrize(("excess", "asks"), [(0.5 * GAP / 100, False), (2 * GAP / 100, True)])
def test_the_cone_is_asked_where_the_polish_leaves_a_gap(
    monkeypatch: pytest.MonkeyPatch, excess: float, asks: bool
) -> None:
    Z, y = centred(shifted(2))
    best = _solve(Z, y)
    seen = []
    off = (best[0], best[1], (1 + excess) * best[2])
    monkeypatch.setattr(bias, "_polish", lambda *_: off)
    monkeypatch.setattr(bias, "_by_cone", lambda *_: seen.append(True) or best)
    assert _solve(Z, y) is (best if asks else off)
    assert bool(seen) is asks


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("off", [1e-4, 1e-6, 1e-8])
def test_the_polish_ends_at_rounding(seed: int, off: float) -> None:
    """From a plane and weights that are off, some of them on samples that are not on the margin."""
    Z, y = centred(shifted(seed))
    best = max_margin_with_bias(Dataset(y[:, None] * Z, y))
    rng = datasets.generator(seed)
    w = best.w * (1 + off * rng.uniform(-1, 1, 5) / 10)
    b = best.bias + off * np.abs(best.w).max() / 10
    weights = best.dual_variables + off * rng.uniform(0, 1, len(y))
    before = _gap(Z, y, w, b, _balanced(weights, y))
    w, b, weights = _polish(Z, y, 3 * w, 3 * b, _balanced(weights, y))
    assert before > 1e-9 * best.margin or off < 1e-4
    assert abs(_gap(Z, y, w, b, weights)) <= 2e-13
    assert w == pytest.approx(best.w, abs=1e-9 * np.abs(best.w).max())
    assert b == pytest.approx(best.bias, abs=1e-9 * np.abs(best.w).max())
    assert weights == pytest.approx(best.dual_variables, abs=1e-9)


@pytest.mark.parametrize("above", [3e-4, 3e-6, 3e-8])
def test_the_polish_tells_samples_just_above_the_margin_from_those_on_it(above: float) -> None:
    """A sample next to one of the two that decide has no weight, though the start gives it some."""
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0 + above, 0.1], [-3.0, 1.0]])
    y = np.array([1.0, -1.0, 1.0, -1.0])
    Z = y[:, None] * X
    for share, size in [(0.1, 1.0), (0.4, 1.0), (0.1, 30.0), (0.4, 0.1)]:
        start = np.array([0.5 - share, 0.5, share, 0.0])
        w, b, weights = _polish(size * Z, y, np.array([1.0, 0.0]), 0.0, start)
        assert size * w == pytest.approx([1.0, 0.0], abs=1e-9)
        assert b == pytest.approx(0, abs=1e-9)
        assert weights == pytest.approx([0.5, 0.5, 0.0, 0.0], abs=1e-9)


def test_a_polish_that_sees_one_class_only_changes_nothing() -> None:
    Z, y = np.array([[1.0], [2.0]]), np.array([1.0, -1.0])  # X = 1, -2
    start = np.array([1.0]), 0.0, np.array([0.5, 0.5])
    assert all(a is b for a, b in zip(_polish(Z, y, *start), start, strict=True))


def test_a_polish_that_would_be_worse_is_not_taken() -> None:
    """What is optimal to rounding already stays as good."""
    for seed in range(4):
        Z, y = centred(shifted(seed))
        start = _solve(Z, y)
        assert _gap(Z, y, *_polish(Z, y, *start)) <= max(_gap(Z, y, *start), ROUNDING)


def test_weights_are_balanced_and_at_least_zero() -> None:
    y = np.array([1.0, -1.0, 1.0, -1.0, -1.0])
    found = _balanced(np.array([1.0, 2.0, 3.0, -5.0, 6.0]), y)
    assert found == pytest.approx([1 / 8, 1 / 8, 3 / 8, 0.0, 3 / 8])


def test_the_margin_and_the_gap_by_hand() -> None:
    Z, y = np.array([[3.0, 0.0], [1.0, 4.0]]), np.array([1.0, -1.0])
    w = np.array([3.0, 4.0])
    assert _margin(Z, y, w, 2.0) == pytest.approx(11 / 5)  # of 9 + 2 and 19 - 2
    assert _margin(Z, y, w, 6.0) == pytest.approx(13 / 5)  # of 9 + 6 and 19 - 6
    assert _margin(Z, y, 0 * w, 1.0) == 0.0
    weights = np.array([0.5, 0.5])
    assert _gap(Z, y, w, 2.0, weights) == pytest.approx(np.sqrt(8) - 11 / 5)


@pytest.mark.parametrize("margin", [1e-3, 1e-5, 1e-7])
def test_a_margin_far_below_the_entries(margin: float) -> None:
    """Two inputs next to each other decide; the others are a unit away."""
    X = np.array([[margin, 0.0], [-margin, 0.0], [1.0, 0.7], [-1.0, 0.3]])
    X = X + np.array([0.3, -0.2])
    best = max_margin_with_bias(Dataset(X, [1, -1, 1, -1]))
    assert best.margin == pytest.approx(margin, rel=1e-7)
    assert best.w == pytest.approx([1 / margin, 0.0], abs=1e-6 / margin)
    assert best.bias == pytest.approx(-0.3 / margin, rel=1e-6)
    assert best.dual_variables == pytest.approx([0.5, 0.5, 0, 0], abs=1e-6)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("margin", "solves"), [(0.5, 1), (1e-3, 2)])
def test_only_a_small_margin_is_solved_for_twice(
    monkeypatch: pytest.MonkeyPatch, size: float, margin: float, solves: int
) -> None:
    """And nobody asks whether data can be separated whose margin is far from rounding."""
    calls = []
    true = bias._solve

    def counted(*arguments: np.ndarray) -> tuple:
        calls.append(1)
        return true(*arguments)

    def never(*_: object) -> None:
        raise AssertionError("asked in vain")

    monkeypatch.setattr(bias, "_solve", counted)
    monkeypatch.setattr(bias, "separation", never)
    X = size * np.array([[margin, 0.0], [-margin, 0.0], [1.0, 0.7], [-1.0, 0.3]])
    assert max_margin_with_bias(Dataset(X, [1, -1, 1, -1])).margin == pytest.approx(margin * size)
    assert len(calls) == solves


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_what_a_solver_leaves_is_polished_away(
    monkeypatch: pytest.MonkeyPatch, size: float
) -> None:
    data = shifted(3)
    true = bias._solve

    def off(Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        w, b, weights = true(Z, y)
        return w * (1 + 1e-6 * np.arange(5)), b * (1 + 1e-6), weights

    monkeypatch.setattr(bias, "_solve", off)
    best = max_margin_with_bias(Dataset(size * data.X, data.y))
    assert abs(best.duality_gap) < 1e-12 * best.margin


def test_the_rounding_of_far_entries_is_allowed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a margin of 1e-7 sums of entries of order one are rounded to more than 1e-12."""
    data = Dataset([[1e-7, 0.0], [-1e-7, 0.0], [1.0, 0.0], [-1.0, 0.0]], [1, -1, 1, -1])
    w, weights = np.array([1.0, 0.0]), np.array([0.5, 0.5, 0.0, 0.0])
    monkeypatch.setattr(bias, "_polish", lambda *_: (w, 0.0, (1 - 1e-12) * weights))
    assert max_margin_with_bias(data).duality_gap == pytest.approx(-1e-19, rel=1e-2)


def test_a_refusal_names_the_entries_from_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.array([[1001.0], [999.0], [1004.0], [996.0]])
    data = Dataset(X, [1, -1, 1, -1])
    forge(monkeypatch, data, lambda w, b, weights: (w, b, 2 * weights))
    with pytest.raises(RuntimeError, match=r"beside entries of 4\.0e\+00"):
        max_margin_with_bias(data)
