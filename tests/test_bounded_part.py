"""The bounded part and the ray: each step alone, both guards, and every field by definition."""

from dataclasses import replace

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.losses import PolynomialTail, named
from ibias.optima import bounded_part_and_ray, max_margin, nonseparable
from ibias.optima.margin import GAP
from ibias.optima.nonseparable import SEEN, _bounded, _even, _minimiser, _span
from ibias.optima.separability import PRECISION

# The first sample goes off, the others hold each other on the second axis.
AXES = np.array([[1.0, 3.0], [0.0, 1.0], [0.0, 1.0], [0.0, -1.0]])


def mixed(seed: int) -> Dataset:
    """Samples that overlap in three dimensions, between those that rise above them."""
    rng = datasets.generator(seed)
    rest = np.c_[rng.standard_normal((12, 3)) + 0.3, np.zeros((12, 2))]
    rising = np.c_[rng.standard_normal((8, 3)), rng.uniform(0.1, 1, (8, 2))]
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    return Dataset.from_signed(np.vstack([rising[:5], rest, rising[5:]]) @ turn)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_every_field_is_what_its_definition_says(seed: int, size: float) -> None:
    data = mixed(seed)
    Z = size * data.Z
    parts, loss = bounded_part_and_ray(Dataset.from_signed(Z), loss="exponential"), "exponential"
    assert parts.separable.tolist() == [0, 1, 2, 3, 4, 17, 18, 19]
    assert parts.rest.tolist() == list(range(5, 17))
    expected = np.zeros(20)
    expected[5:17] = named(loss).dual_variables(Z[5:17] @ parts.bounded)
    assert parts.weights == pytest.approx(expected)
    residual = np.abs(parts.weights @ Z / np.abs(Z).max(axis=0)).max()
    assert parts.residual == pytest.approx(residual, abs=1e-15)
    span = np.linalg.svd(Z[5:17])[2][:3]
    assert parts.bounded @ span.T @ span == pytest.approx(parts.bounded, abs=1e-9 / size)
    ray, above = parts.ray, Z[parts.separable]
    across = above - above @ span.T @ span
    plain = max_margin(Dataset.from_signed(across))
    assert ray.w == pytest.approx(plain.w, abs=1e-7 / size)
    assert ray.margin == pytest.approx(1 / np.linalg.norm(ray.w), rel=1e-12)
    assert ray.margin == pytest.approx(plain.margin, rel=1e-8)
    assert ray.direction == pytest.approx(ray.margin * ray.w, rel=1e-12)
    hull = np.linalg.norm(ray.dual_variables[parts.separable] @ across)
    assert ray.duality_gap == pytest.approx(hull - ray.margin, abs=1e-12 * size)
    assert ray.dual_variables[parts.separable] == pytest.approx(plain.dual_variables, abs=1e-6)
    assert ray.dual_variables.shape == (20,)
    assert ray.support.tolist() == parts.separable[plain.support].tolist()


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_bounded_part_that_is_off_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, part: float, fine: bool
) -> None:
    """e^(-2w) against 2 e^w at their balance: off by e, the shares of the two pull with 1 e."""
    right = np.array([0.0, np.log(2) / 2]) / size
    allowed = 1e3 * PRECISION * 3  # the largest entry of the feature is three
    off = right + np.array([0.0, part * allowed / size])
    bounded = nonseparable._bounded
    monkeypatch.setattr(nonseparable, "_bounded", lambda rows, _: (off, rows @ off, 0.0))
    data = Dataset.from_signed(size * AXES)
    if fine:
        found = bounded_part_and_ray(data, loss="exponential")
        assert found.residual == pytest.approx(part * allowed / 3, rel=1e-3)
        return
    with pytest.raises(RuntimeError, match=r"first of all 1\.") as refused:
        bounded_part_and_ray(data, loss="exponential")
    assert "multiply X" not in str(refused.value)
    uneven = Dataset.from_signed(AXES * [1.0, 1e6])
    true, far = bounded, 2 * right * size / 1e6
    monkeypatch.setattr(
        nonseparable,
        "_bounded",
        lambda rows, loss: (far, rows @ far, 0.0) if rows.max() > 1e3 else true(rows, loss),
    )
    with pytest.raises(RuntimeError, match="make the columns of X alike"):
        bounded_part_and_ray(uneven, loss="exponential")


ROUND = np.array([[3.0, 1.0, 0.0], [5.0, 2.0, 0.4], [1.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])


def forge(monkeypatch: pytest.MonkeyPatch, change) -> None:
    true = nonseparable.margin_of_rows

    def off(*arguments: object) -> object:
        ray = true(*arguments)
        return replace(ray, **change(ray))

    monkeypatch.setattr(nonseparable, "margin_of_rows", off)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_ray_of_a_smaller_margin_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, part: float, fine: bool
) -> None:
    """Beside (0, 1, 0) by e the margin is smaller by e^2 / 2 of it."""
    e = np.sqrt(2 * part * GAP)
    forge(monkeypatch, lambda ray: {"w": ray.w + np.array([0.0, 0.0, e / size])})
    data = Dataset.from_signed(size * ROUND)
    if fine:
        ray = bounded_part_and_ray(data).ray
        assert ray.duality_gap == pytest.approx(part * GAP * size, rel=1e-3)
        assert ray.direction == pytest.approx(ray.w / np.linalg.norm(ray.w), abs=1e-12)
        assert ray.direction[2] == pytest.approx(e, rel=1e-6)
        assert ray.margin == pytest.approx(1 / np.linalg.norm(ray.w), rel=1e-12)
        assert ray.dual_variables.tolist() == [1.0, 0.0, 0.0, 0.0]
    else:
        with pytest.raises(RuntimeError, match="could be certified only to"):
            bounded_part_and_ray(data)


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.0, 1.0]])
def test_a_ray_with_other_weights_is_refused(
    monkeypatch: pytest.MonkeyPatch, weights: list[float]
) -> None:
    forge(monkeypatch, lambda _: {"dual_variables": np.array(weights)})
    with pytest.raises(RuntimeError, match="could be certified only to"):
        bounded_part_and_ray(Dataset.from_signed(ROUND))


@pytest.mark.parametrize("length", [1.0, 1e3])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("part", "fine"), [(0.4, True), (3.0, False)])
def test_a_ray_that_moves_the_rest_is_refused(
    monkeypatch: pytest.MonkeyPatch, length: float, side: int, part: float, fine: bool
) -> None:
    """By more than a billionth of one, or of what the terms of <z, w> are."""
    rows = ROUND.copy()
    rows[2:, 0] *= length
    rows[:2, 0] = 0.0
    monkeypatch.setattr(nonseparable, "least_squares", lambda A, b: np.zeros(A.shape[1]))
    e = side * part * GAP / (2 * length)
    forge(monkeypatch, lambda ray: {"w": ray.w + np.array([e, 0.0, 0.0])})
    if fine:
        assert bounded_part_and_ray(Dataset.from_signed(rows)).ray.w[0] == pytest.approx(e)
    else:
        with pytest.raises(RuntimeError, match="could be certified only to"):
            bounded_part_and_ray(Dataset.from_signed(rows))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_what_moves_the_rest_is_taken_off_the_ray(
    monkeypatch: pytest.MonkeyPatch, size: float
) -> None:
    forge(monkeypatch, lambda ray: {"w": ray.w + np.array([1e-3 / size, 0.0, 0.0])})
    found = bounded_part_and_ray(Dataset.from_signed(size * ROUND))
    assert found.ray.w * size == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)


@pytest.mark.parametrize(("part", "kept"), [(0.5, False), (2.0, True)])
@pytest.mark.parametrize("sizes", [[1.0, 1.0, 1.0], [1.0, 1e-3, 10.0], [1.0, 10.0, 1e-3]])
def test_a_weight_of_the_ray_that_is_rounding_is_zero(
    monkeypatch: pytest.MonkeyPatch, part: float, kept: bool, sizes: list[float]
) -> None:
    """In units of the features: a third one that the separable samples see through 0.4."""
    rows = ROUND * sizes
    e = part * SEEN * 2.0 / 0.4  # of the largest, 1 times 2, and the feature is 0.4 long
    forge(monkeypatch, lambda ray: {"w": np.array([0.0, 1.0, e]) / sizes})
    found = bounded_part_and_ray(Dataset.from_signed(rows)).ray.w
    assert (found != 0).tolist() == [False, True, kept]


def test_a_score_that_is_rounding_is_that_of_the_bounded_part() -> None:
    found = bounded_part_and_ray(Dataset.from_signed(ROUND))
    right = replace(
        found, ray=replace(found.ray, w=np.array([1.0, 1.0, 0.0])), bounded=np.array([0, 0, 7.0])
    )
    for part, seen in [(0.5, False), (2.0, True)]:
        for size in (1e-6, 1.0, 1e6):
            e = part * 2 * SEEN
            X = size * np.array([[1.0, -1.0 + e, 1.0], [-1.0 - e, 1.0, 1.0]])
            signs = np.array([1.0, -1.0])
            expected = size * (signs * e if seen else 7 * np.ones(2))
            assert right.decision_function(X) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("loss", ["logistic", "exponential", PolynomialTail(1)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_newtons_method_by_itself_finds_the_minimiser(loss: object, seed: int) -> None:
    loss = named(loss)
    rows = datasets.generator(seed).standard_normal((15, 3)) + 0.5
    rows = np.vstack([rows, -rows.mean(axis=0) / 2])
    for scale in (1.0, 0.05, 10.0):
        w = _minimiser(scale * rows, loss)
        assert np.abs(loss.dual_variables(scale * rows @ w) @ rows).max() < 1e-12


def test_newtons_method_halves_what_overshoots() -> None:
    """Of a million against one with the exponential loss: from zero, Newton's step is one."""
    rows = np.r_[np.ones((1000, 1)), [[-1e-3]]]
    w = _minimiser(rows, named("exponential"))
    # 1000 e^-w = 1e-3 e^(w / 1000)
    assert w == pytest.approx([np.log(1e6) / 1.001], rel=1e-12)
    assert _minimiser(np.empty((3, 0)), named("logistic")).shape == (0,)


def test_the_basis_of_a_span() -> None:
    rng = datasets.generator(0)
    rows = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 5))
    rows[:, 4] = 0.0
    sizes = np.array([1e-6, 1.0, 1e3, 1.0, 1.0])
    for scaled in (rows, rows * sizes):
        basis, _, columns = _even(scaled)
        assert columns[:4] == pytest.approx(np.abs(scaled).max(axis=0)[:4]) and columns[4] == 1
        assert basis.shape == (5, 2) and basis.T @ basis == pytest.approx(np.eye(2), abs=1e-12)
        even = scaled / columns
        assert even @ basis @ basis.T == pytest.approx(even, abs=1e-12)
        span = _span(scaled)
        assert span.T @ span == pytest.approx(np.eye(2), abs=1e-12)
        assert scaled @ span @ span.T == pytest.approx(scaled, rel=1e-9, abs=1e-12)
    basis, _, columns = _even(np.empty((0, 3)))
    assert basis.shape == (3, 0) and columns.tolist() == [1.0, 1.0, 1.0]
    # A singular value below a ten-billionth of the largest is rounding.
    for part, rank in [(1e-10, 1), (4e-10, 2)]:
        assert _even(np.array([[1.0, 1.0], [1.0, 1.0 + 2 * part]]))[0].shape[1] == rank


@pytest.mark.parametrize("seed", range(3))
def test_the_bounded_part_lies_in_the_span_of_uneven_features(seed: int) -> None:
    rng = datasets.generator(seed)
    rows = rng.standard_normal((10, 2)) + 0.3
    rows = np.vstack([rows, -rows.sum(axis=0) / 20]) @ rng.standard_normal((2, 4))
    rows = rows * [1.0, 1e3, 1e-2, 1.0]
    w, margins, left = _bounded(rows, named("logistic"))
    assert rows @ w == pytest.approx(margins, abs=1e-9) and left < 1e-12
    assert rows.T @ np.linalg.lstsq(rows.T, w)[0] == pytest.approx(w, abs=1e-9 * np.abs(w).max())
    slopes = named("logistic").dual_variables(rows @ w)
    assert slopes @ (rows / np.abs(rows).max(axis=0)) == pytest.approx(np.zeros(4), abs=1e-9)


def test_the_logistic_loss_is_the_default() -> None:
    data = Dataset.from_signed(AXES)
    assert bounded_part_and_ray(data).bounded == pytest.approx([0.0, np.log(2)])
    assert bounded_part_and_ray(data, loss="exponential").bounded == pytest.approx(
        [0.0, np.log(2) / 2]
    )


def test_any_length_of_the_ray_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    forge(monkeypatch, lambda ray: {"w": 3 * ray.w})
    assert bounded_part_and_ray(Dataset.from_signed(ROUND)).ray.w == pytest.approx([0, 1, 0])


@pytest.mark.parametrize(
    ("length", "part", "fine"),
    [(1e3, 0.5, True), (1e3, 1.5, False), (1e-3, 0.5, True), (1e-3, 1.5, False)],
)
def test_what_cancels_may_leave_its_rounding(
    monkeypatch: pytest.MonkeyPatch, length: float, part: float, fine: bool
) -> None:
    """Along (1, -1) times a length two samples hold each other, and the ray is (1, 1) / 2."""
    rows = np.array([[1.0, 1.0], [length, -length], [-length, length]])
    e = part * GAP * max(length, 1.0) / (2 * length)
    monkeypatch.setattr(nonseparable, "least_squares", lambda A, b: np.zeros(A.shape[1]))
    forge(monkeypatch, lambda ray: {"w": ray.w + np.array([e, -e])})
    if fine:
        assert bounded_part_and_ray(Dataset.from_signed(rows)).ray.w[0] == pytest.approx(0.5 + e)
    else:
        with pytest.raises(RuntimeError, match="could be certified only to"):
            bounded_part_and_ray(Dataset.from_signed(rows))


def test_a_step_that_goes_up_is_halved() -> None:
    """9000 e^(-x/100) + e^(10 x): from zero the whole step, to 0.8, ends at e^8."""
    rows = np.r_[np.full((9000, 1), 0.01), [[-10.0]]]
    assert _minimiser(rows, named("exponential")) == pytest.approx([np.log(9) / 10.01], rel=1e-12)


def test_without_a_rest_and_without_a_ray() -> None:
    parts = bounded_part_and_ray(datasets.separable(0))
    assert parts.residual == 0 and not parts.weights.any() and not parts.bounded.any()
    parts = bounded_part_and_ray(Dataset.from_signed([[1.0, 0.0], [-2.0, 0.0]]))
    assert parts.ray is None and parts.bounded[1] == 0 and parts.separable.size == 0
