"""The expansion in log t: each step by itself, its guards, and every field by definition."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import asymptotics, expansion, max_margin
from ibias.optima.asymptotics import GAP, SMALLEST, _across, _potential, _shares, _split

TWO = np.array([[5.0, 0.0], [1.0, 3.0], [1.0, -1.0]])  # p = (0, 1/4, 3/4), the margin is one
# Four samples at height one over a plane, in which they balance: no weights are unique.
FOUR = np.array([[1.0, 1, 0], [1, -1, 1], [1, 0, -2], [1, 3, 1], [7, 0, 0]])


@pytest.mark.parametrize("Z", [TWO, FOUR, datasets.separable(1).Z, datasets.wide(0, 5, 9).Z])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_every_field_is_what_its_definition_says(Z: np.ndarray, size: float) -> None:
    Z = size * Z
    data = Dataset.from_signed(Z)
    svm, limit = max_margin(data), expansion(data)
    p, support = limit.dual_variables, limit.support
    assert limit.w == pytest.approx(svm.w) and limit.margin == pytest.approx(svm.margin)
    assert support.tolist() == np.flatnonzero(p).tolist() and p[support].min() > 0
    assert p.sum() == pytest.approx(1)
    assert p @ Z == pytest.approx(limit.margin * svm.direction, abs=1e-9 * size)
    heights = -np.log(len(Z) * p[support] / limit.margin**2)
    on = Z[support]
    fitted = on @ limit.residual
    # Where support vectors depend on each other the logarithms fit all the same.
    assert fitted == pytest.approx(heights, abs=1e-7)
    assert on.T @ np.linalg.pinv(on.T) @ limit.residual == pytest.approx(limit.residual)
    entropy = -(p[support] * np.log(p[support])).sum()
    assert limit.margin_gap == pytest.approx(limit.margin * (entropy + np.log(p.max())))
    across = limit.residual - svm.direction * (svm.direction @ limit.residual)
    assert limit.direction_gap == pytest.approx(limit.margin * np.linalg.norm(across), abs=1e-9)
    assert limit.spanning is bool(np.linalg.matrix_rank(on) == Z.shape[1])


def shares_of(heights: np.ndarray) -> np.ndarray:
    return _shares(heights, _potential(heights, "Remove samples"))


def test_two_support_vectors_by_hand() -> None:
    limit = expansion(Dataset.from_signed(TWO))
    assert limit.support.tolist() == [1, 2] and limit.degenerate.size == 0
    assert limit.dual_variables == pytest.approx([0, 0.25, 0.75])
    # r_1 + 3 r_2 = -log(3/4) and r_1 - r_2 = -log(9/4)
    r = np.linalg.solve(TWO[1:], [-np.log(0.75), -np.log(2.25)])
    assert limit.residual == pytest.approx(r)
    entropy = np.log(4) / 4 - 0.75 * np.log(0.75)
    assert limit.margin_gap == pytest.approx(entropy + np.log(0.75))
    assert limit.direction_gap == pytest.approx(abs(r[1]))
    assert limit.spanning


def forge(monkeypatch: pytest.MonkeyPatch, shares: list[float]) -> None:
    monkeypatch.setattr(asymptotics, "_shares", lambda *_: np.array(shares))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_shares_that_are_off_are_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, side: int, part: float, fine: bool
) -> None:
    factor = 1 + side * part * GAP
    forge(monkeypatch, [0.25 * factor, 0.75 * factor])
    data = Dataset.from_signed(size * TWO)
    if fine:
        assert expansion(data).dual_variables == pytest.approx([0, 0.25 * factor, 0.75 * factor])
    else:
        with pytest.raises(RuntimeError, match="miss the dual optimum by"):
            expansion(data)


@pytest.mark.parametrize(("part", "fine"), [(0.5, False), (2.0, True)])
def test_a_share_that_rounding_decides_is_refused(
    monkeypatch: pytest.MonkeyPatch, part: float, fine: bool
) -> None:
    data = Dataset.from_signed([[3.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert expansion(data).dual_variables == pytest.approx([0, 0.5, 0.5])
    forge(monkeypatch, [1 - part * SMALLEST, part * SMALLEST])
    # Of two samples that are one, no residual can tell what these shares say apart.
    words = "no residual meets" if fine else "sample 2 is on the margin with weight 5"
    with pytest.raises(RuntimeError, match=words):
        expansion(data)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_the_basis_across(size: float) -> None:
    rng = datasets.generator(0)
    direction = rng.standard_normal(6)
    direction /= np.linalg.norm(direction)
    rows = rng.standard_normal((4, 2)) @ rng.standard_normal((2, 6))
    rows = size * (rows + rng.uniform(1, 2, (4, 1)) * direction)
    basis = _across(rows, direction)
    assert basis.shape == (6, 2) and basis.T @ basis == pytest.approx(np.eye(2), abs=1e-12)
    assert direction @ basis == pytest.approx(np.zeros(2), abs=1e-9)
    flat = rows - np.outer(rows @ direction, direction)
    assert flat @ basis @ basis.T == pytest.approx(flat, abs=1e-9 * size)
    # What sticks out less than 1e-10 of the largest entry may be rounding; next to 1e-14 it is.
    for part, rank in [(0.5e-14, 0), (2e-10, 1)]:
        row = size * np.array([[10.0, 10 * part]])
        assert _across(row, np.array([1.0, 0.0])).shape[1] == rank
    with pytest.raises(RuntimeError, match="nearly agree"):
        _across(size * np.array([[10.0, 0.5e-9]]), np.array([1.0, 0.0]))


def test_the_samples_on_the_margin_are_split() -> None:
    """(1, 0) has all the weight where (1, 1) is alone on its side, and shares it where not."""
    for rows, support, degenerate in [
        ([[2.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [1], [2]),
        ([[2.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, -2.0]], [1, 2, 3], []),
        ([[1.0, 0.0], [1.0, 0.0]], [0, 1], []),
    ]:
        Z = np.array(rows)
        found = _split(Z, max_margin(Dataset.from_signed(Z)))
        assert found[0].tolist() == support and found[1].tolist() == degenerate


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("shape", [(5, 2), (12, 4)])
def test_the_shares_are_stationary(seed: int, size: float, shape: tuple[int, int]) -> None:
    heights = datasets.generator(seed).standard_normal(shape)
    heights = np.vstack([heights, -2.5 * heights.mean(axis=0)])
    p = shares_of(size * heights)
    assert p.sum() == pytest.approx(1, abs=1e-12) and p.min() > 0
    assert p @ heights == pytest.approx(np.zeros(shape[1]), abs=1e-12)
    # Their logarithms are -<heights, v> up to a constant.
    rows = np.column_stack([heights, np.ones(len(heights))])
    assert rows @ np.linalg.lstsq(rows, np.log(p))[0] == pytest.approx(np.log(p), abs=1e-9)
    value = lambda v: np.logaddexp.reduce(-heights @ v)  # noqa: E731
    v = minimize(value, np.zeros(shape[1]), tol=1e-10).x
    assert p == pytest.approx(np.exp(-heights @ v - value(v)), abs=1e-5)


@pytest.mark.parametrize("ratio", [1.0, 1e-2, 1e-4, 1e-6])
def test_two_shares_far_apart(ratio: float) -> None:
    """Heights 1 and -ratio: p_1 = ratio p_2, which Newton's method must find from 1/2."""
    p = shares_of(np.array([[1.0], [-ratio]]))
    assert p == pytest.approx([ratio / (1 + ratio), 1 / (1 + ratio)], rel=1e-9)


def test_one_share_and_shares_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares_of(np.zeros((1, 0))).tolist() == [1.0]
    assert shares_of(np.zeros((4, 0))) == pytest.approx([0.25] * 4)
    monkeypatch.setattr(asymptotics, "NEWTON_STEPS", 3)
    with pytest.raises(RuntimeError, match="was not found in 3 steps of Newton's method"):
        shares_of(np.array([[1.0], [-1e-6]]))


@pytest.mark.parametrize(("low", "n", "high"), [(0.01, 9000, 10), (0.1, 300, 10)])
def test_a_step_that_goes_up_is_halved(low: float, n: int, high: float) -> None:
    """Many samples just above one far below: the whole first step is too long for that one."""
    p = shares_of(np.r_[np.full((n, 1), low), [[-float(high)]]])
    last = 1 / (1 + high / low)
    assert p[-1] == pytest.approx(last, rel=1e-10)
    assert p[:-1] == pytest.approx(np.full(n, (1 - last) / n), rel=1e-10)


@pytest.mark.parametrize(("ratio", "steps"), [(1.0, 6), (1e-2, 12), (1e-6, 24)])
def test_few_steps_are_enough(monkeypatch: pytest.MonkeyPatch, ratio: float, steps: int) -> None:
    """One for each power of e between the shares at the most, and then the digits double."""
    monkeypatch.setattr(asymptotics, "NEWTON_STEPS", steps)
    p = shares_of(np.array([[1.0], [-ratio]]))
    assert p[0] == pytest.approx(ratio / (1 + ratio), rel=1e-9)
    heights = datasets.generator(1).standard_normal((6, 2))
    heights = np.vstack([heights, -2.5 * heights.mean(axis=0)])
    monkeypatch.setattr(asymptotics, "NEWTON_STEPS", 8)
    assert shares_of(heights) @ heights == pytest.approx(np.zeros(2), abs=1e-12)


@pytest.mark.parametrize("size", [1e-140, 1e-70, 1e-3, 1.0, 1e8, 1e70, 1e140])
@pytest.mark.parametrize("short", [1e-4, 1e-8, 1e-12])
def test_rows_of_any_length_share_the_pull(size: float, short: float) -> None:
    Z = size * np.array([[-8.0, -1.0], [short, 0.0]])
    limit = expansion(Dataset.from_signed(Z))
    first = short * (8 + short) / ((8 + short) ** 2 + 1)  # the nearest point of the segment
    assert limit.support.tolist() == [0, 1] and limit.spanning
    assert limit.dual_variables == pytest.approx([first, 1 - first], rel=1e-6)
    # <z_i, r> = -log(n p_i / m^2), by Cramer's rule
    margin = short / np.hypot(8 + short, 1)
    one, two = 2 * np.log(size * margin) - np.log(2 * np.array([first, 1 - first]))
    assert limit.residual * size == pytest.approx([two / short, -one - 8 * two / short], rel=1e-6)


@pytest.mark.parametrize("size", [1e-148, 1.0, 1e149])
@pytest.mark.parametrize("seed", range(10))
def test_a_nearest_point_that_is_a_sample_has_all_the_weight(seed: int, size: float) -> None:
    # The other sample touches the margin with weight zero; across the margin the first is rounding.
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((2, 2)))[0]
    limit = expansion(Dataset.from_signed(size * np.array([[2.0, 0.0], [2.0, 1.0]]) @ turn))
    assert limit.support.tolist() == [0] and limit.degenerate.tolist() == [1]
    assert limit.margin_gap == 0


def test_two_samples_that_nearly_agree_are_told_apart_or_refused_in_words() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0]
    for beyond, aside in [(6e-9, 2e-8), (1e-9, 0.0), (1e-12, 1e-12)]:  # above the margin
        Z = np.array([[2.0, 0.0], [2.0 + beyond, aside]]) @ turn
        assert expansion(Dataset.from_signed(Z)).support.tolist() == [0]
    Z = np.array([[2.0, 0.0], [2.0, 1e-11]]) @ turn
    with pytest.raises(RuntimeError, match=r"drop one of the samples \[\d, \d\]"):
        expansion(Dataset.from_signed(Z))
    assert expansion(Dataset.from_signed(Z[:1])).support.tolist() == [0]


@pytest.mark.parametrize("e", [1e-6, 1e-8, 1e-9, 1e-10, 1e-12])
@pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
def test_a_near_repeat_above_the_margin_has_no_weight(e: float, size: float) -> None:
    """Refused or taken for a support vector, as its height was within 1e-7 of the margin."""
    limit = expansion(Dataset.from_signed(size * np.array([[1, 1], [1, -2], [1 + e, 1 + e]])))
    assert limit.support.tolist() == [0, 1] and limit.degenerate.size == 0
    assert limit.dual_variables == pytest.approx([2 / 3, 1 / 3, 0])
    # r_1 + r_2 = -log 2 and r_1 - 2 r_2 = 0, but for the unit
    right = -np.log(2) / 3 * np.array([2.0, 1.0])
    assert limit.residual * size - [2 * np.log(size), 0] == pytest.approx(right)


def test_a_sample_of_next_to_no_weight_is_not_called_degenerate() -> None:
    """Its exact dual weight is 1.25e-22."""
    Z = [[2e-6, 0, 1e-6], [-1e-5, 2e5, 2e-5]]
    with pytest.raises(RuntimeError, match=r"drop one of the samples \[1, 0\]"):
        expansion(Dataset.from_signed(Z))
    assert all(expansion(Dataset.from_signed(Z[i : i + 1])).spanning is False for i in (0, 1))


def test_the_gap_of_directions_keeps_its_digits_where_the_residual_is_long() -> None:
    Z = [[-1, -3, -1], [-1e8, -3e8, -99999999], [9.998e-9, 3.0003e-8, 1.0003e-8]]
    assert expansion(Dataset.from_signed(Z)).direction_gap == pytest.approx(2e-11, rel=0.1)


def test_a_small_share_of_a_long_row_is_no_rounding() -> None:
    limit = expansion(Dataset.from_signed([[1e9, 1.0], [-1.0, 1.0]]))
    assert limit.dual_variables[0] == pytest.approx(1e-9, rel=1e-6)


UNEVEN = [
    [50868.98845555006, -50868.98845555006, -50868.98845555006],
    [-1.062740551669485, 0.0, -2.12548110333897],
    [0.0, 1.9822180292986407e-07, -1.9822180292986407e-07],
    [0.0, -58708424.40982544, 0.0],
]


def test_samples_of_any_length_have_their_weights_and_heights() -> None:
    """Against Fractions: G mu = m^2 on the last two, with G their inner products."""
    Z = [[Fraction(x) for x in row] for row in UNEVEN[2:]]
    (a, b), (_, c) = [[sum(x * y for x, y in zip(z, q, strict=True)) for q in Z] for z in Z]
    share = (a - b) / (a - 2 * b + c)  # of the last
    height = -np.log(float(4 * share / (a * (1 - share) + b * share)))
    limit = expansion(Dataset.from_signed(UNEVEN))
    assert limit.support.tolist() == [2, 3]
    assert limit.dual_variables[3] == pytest.approx(float(share), rel=1e-7)
    assert np.array(UNEVEN[3]) @ limit.residual == pytest.approx(height, abs=1e-6)


def test_weights_that_miss_the_nearest_point_are_refused_and_the_remedy_works(monkeypatch) -> None:
    """Weights whose sum is as short as can be to 1e-9 may point elsewhere."""
    true = asymptotics._potential
    monkeypatch.setattr(asymptotics, "_potential", lambda *of: true(*of) * (1 + 1e-6))
    with pytest.raises(RuntimeError, match=r"miss the nearest point by .* Remove sample 3"):
        expansion(Dataset.from_signed(UNEVEN))
    # Sample 0 is across the nearest one, and has 1e-23 of the weight.
    with pytest.raises(RuntimeError, match=r"drop one of the samples \[0, 2\]"):
        expansion(Dataset.from_signed(UNEVEN[:3]))
    for rest in (UNEVEN[1:3], UNEVEN[:2]):
        assert expansion(Dataset.from_signed(rest)).residual.shape == (3,)


@pytest.mark.parametrize("long", [1e2, 1e5, 1e7])
def test_a_long_sample_has_its_height_up_to_the_rounding_of_the_residual(long: float) -> None:
    for seed in range(30):
        rng = datasets.generator(seed)
        Z = np.abs(rng.standard_normal((2, 2))) * [[1, -0.5], [-0.5, 1]] * [[long], [1.0]]
        try:
            limit = expansion(Dataset.from_signed(Z))
        except ValueError:
            continue
        S = limit.support
        right = 2 * np.log(limit.margin) - np.log(2 * limit.dual_variables[S])
        exact = [
            float(sum(Fraction(x) * Fraction(r) for x, r in zip(z, limit.residual, strict=True)))
            for z in Z[S]
        ]
        bound = 4 * np.finfo(float).eps * np.abs(Z[S]) @ np.abs(limit.residual)
        assert (np.abs(exact - right) <= bound + 1e-12).all()


@pytest.mark.parametrize(
    ("long", "short"), [(5e3, 2e-4), (1.0, 1e-7), (30.0, 1e-3), (1e3, 1e-3), (9e3, 1 / 9e3)]
)
def test_a_weight_as_small_as_rounding_has_its_digits(long: float, short: float) -> None:
    """Newton's method ended when nothing moved beside the largest weight."""
    for rows in ([[long, 0.0], [0.0, short]], [[long, long], [short, -short]]):
        lengths = (np.array(rows) ** 2).sum(axis=1)
        share = lengths[1] / lengths.sum()  # of the first, with m^2 = share * lengths[0]
        limit = expansion(Dataset.from_signed(rows))
        assert limit.dual_variables[0] == pytest.approx(share, rel=1e-8)
        height = -np.log(2 * share / (share * lengths[0]))
        assert rows[0] @ limit.residual == pytest.approx(height, abs=1e-6)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
def test_a_sample_off_the_margin_by_little_more_than_rounding_is_refused(order):
    """It counted as one on the margin, and what it lacked of that made a residual of 1e7."""

    def rows(step: float) -> np.ndarray:
        return np.array(
            [[1, 1e3, 1], [1 - 2 * step, 1e3, 1], [-1 - 3 * step, -1e3, 2], [1, 1e3, 3]]
        )

    with pytest.raises(RuntimeError, match=rf"samples \[{order.index(0)}\] are off the margin"):
        expansion(Dataset.from_signed(rows(1e-7)[order]))
    for step, kept in ((1e-7, [1, 2, 3]), (1e-5, [0, 1, 2, 3])):  # as the error says; farther off
        found = expansion(Dataset.from_signed(rows(step)[kept]))
        assert found.support.size == 2 and np.abs(found.residual).max() < 1
