"""Rows of very different lengths: right by Fractions and closed forms, or refused with a remedy."""

import re
from fractions import Fraction

import numpy as np
import pytest

from ibias.datasets import Dataset, NextTokens, generator
from ibias.datasets.rows import graded
from ibias.optima import (
    _advice,
    bounded_part_and_ray,
    margin,
    max_margin,
    next_token_limit,
    nonseparable,
    separability,
    separation,
)
from ibias.optima.separability import separate


def exact(Z: np.ndarray, w: np.ndarray) -> list[Fraction]:
    """Return <z_i, w> of these very floats."""
    return [
        sum(
            (Fraction(float(a)) * Fraction(float(b)) for a, b in zip(z, w, strict=True)), Fraction()
        )
        for z in Z
    ]


LONG = [2776178.3376451167, -5706520.811298628, -623324.1618376265]
LONG += [4173785.726253433, 1509291.934228998, -8863027.07634713]
SHORT = [-5.796109320751908e-09, -5.491025387124097e-09, 6.100391041255742e-09]
SHORT += [-3.4670576025701084e-09, -1.1890321083846268e-08, 3.2113051121238555e-10]


def test_the_smallest_margin_is_one_beside_a_long_row() -> None:
    Z = np.array([LONG, SHORT])
    best = max_margin(Dataset.from_signed(Z), p=3)
    assert abs(min(exact(Z, best.w)) - 1) < 1e-9
    assert np.linalg.norm(best.w, 3) * best.margin == pytest.approx(1, abs=1e-9)
    assert abs(best.duality_gap) <= 1e-9 * best.margin


@pytest.mark.parametrize("p", [1, 1.3, 2, 3, np.inf])
def test_smallest_margins_are_one_or_are_refused(p: float) -> None:
    found = 0
    for seed in range(120):
        rng = generator(seed)
        Z = rng.standard_normal((3, 5)) * 10.0 ** rng.uniform(-8, 8, (3, 1))
        try:
            best = max_margin(Dataset.from_signed(Z), p=p)
        except RuntimeError as refused:
            assert "make the samples alike: " in str(refused)
            continue
        found += 1
        assert abs(min(exact(Z, best.w)) - 1) < 1e-9
    assert found > 100


def test_a_w_that_is_long_beside_its_margin_is_refused() -> None:
    Z = np.array([[1e20, 1.0], [-1e20, 1.0]]) @ np.array([[0.6, -0.8], [0.8, 0.6]])
    assert margin.to_margin_one(Z, np.array([0.8, 0.6])) is None
    assert margin.to_margin_one(np.eye(2), np.array([0.5, 2.0])).tolist() == [1.0, 4.0]


def test_the_ray_of_next_tokens_is_one_above_the_logits_outside() -> None:
    for seed in (470, 1135, 1653, 6865):
        X, P = tokens(seed)
        ray = next_token_limit(NextTokens(X, P)).ray
        above = NextTokens(X, P).outside[0]
        assert abs(min(exact(above, ray.ravel())) - 1) < 1e-9


def tokens(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return contexts whose lengths differ by up to 1e16, and frequencies of tokens."""
    r = np.random.default_rng(seed)
    n = int(r.integers(1, 4))
    d, V = int(r.integers(n, 5)), int(r.integers(2, 5))
    X = r.standard_normal((n, d))
    if r.random() < 0.5:
        X *= 10.0 ** r.uniform(-8, 8, (n, 1))
    P = r.random((n, V)) * (r.random((n, V)) < 0.6)
    if r.random() < 0.3:
        P *= 10.0 ** r.uniform(-8, 0, (n, V))
    return X, P / P.sum(1, keepdims=True)


def test_uneven_rows_are_told_from_uneven_columns() -> None:
    Z = np.array([[1.0, 2.0], [3.0, -1.0], [2.0, 1.0]])
    assert _advice.uneven_rows(Z * [1e9, 1.0]) == ""
    assert "divide sample 2 by" in _advice.uneven_rows(Z * [[1.0], [1.0], [1e9]])


# w = (1, 2, -1) gives (1e8, 1e-6, 5e-7, 3e-8): all positive.
LADDER = [[-1e8, 1e8, 0], [1e-6, 0, 0], [0, 3e-7, 1e-7], [0, 0, -3e-8]]
SMALL = [[-1, 1, 0], [1e-13, 0, 0], [0, 3e-14, 1e-14], [0, 0, -3e-15]]


@pytest.mark.parametrize("Z", [LADDER, SMALL])
def test_a_long_sample_hides_no_margin_of_short_ones(Z: list) -> None:
    assert min(exact(Z, [1, 2, -1])) > 0
    split = separation(Dataset.from_signed(Z))
    assert split.kind == "separable" and min(exact(Z, split.w)) > 0
    for p in (1, 1.3, 2, 3, np.inf):
        try:
            best = max_margin(Dataset.from_signed(Z), p=p)
        except RuntimeError as refused:
            scale = re.search(r"divide sample 0 by (\S+) ", str(refused)).group(1)
            alike = np.array(Z) / [[float(scale)], [1], [1], [1]]
            best = max_margin(Dataset.from_signed(alike), p=p)  # as it says
            assert abs(min(exact(alike, best.w)) - 1) < 1e-9
            continue
        assert abs(min(exact(Z, best.w)) - 1) < 1e-9


@pytest.mark.parametrize("spread", [0, 3, 20, 40])
def test_the_split_does_not_depend_on_the_lengths_of_the_rows(spread: int) -> None:
    """Small integers that meet zero, and others above them, times powers of two."""
    for seed in range(60):
        rng = generator(seed)
        k = int(rng.integers(1, 4))
        held = rng.integers(-4, 5, (k + 1, k)).astype(float)
        held = held[held.any(axis=1)]
        held = np.vstack([held, -rng.integers(1, 4, len(held)) @ held])
        held = held[held.any(axis=1)]
        above = np.c_[rng.integers(-4, 5, (2, k)), rng.integers(1, 5, (2, 2))]
        Z = np.vstack([np.c_[held, np.zeros((len(held), 2))], above])
        Z *= 2.0 ** np.round(rng.uniform(-spread, spread, (len(Z), 1)))
        Z *= 2.0 ** np.round(rng.uniform(-20, 20, k + 2) * (seed % 2))
        assert separate(Z).rest.tolist() == list(range(len(held)))


@pytest.mark.parametrize("small", [1e-8, 1e-10, 1e-11])
def test_a_feature_small_beside_the_other_separates(small: float) -> None:
    data = Dataset.from_signed([[small, 1], [small, -1], [1, 2]])
    assert separation(data).kind == "separable"
    best = max_margin(data)
    assert best.w == pytest.approx([1 / small, 0], rel=1e-9, abs=1e-9)
    assert best.margin == pytest.approx(small)


def test_a_certificate_that_long_samples_hide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last two samples 3e-15 is left over; beside the first sample that is nothing."""
    Z = np.array([[-1.0, 1, 0], [0, 3e-14, 1], [0, 0, -1.0]])
    answer = np.array([0.0, 1, 0]), np.array([True, False, False]), np.array([0, 0.5, 0.5])
    monkeypatch.setattr(separability, "_stiemke", lambda rows: answer)
    monkeypatch.setattr(separability, "_meeting_zero", lambda rows, weights: weights)
    with pytest.raises(RuntimeError, match="rounding leaves open"):
        separate(Z)


@pytest.mark.parametrize("long", [1e2, 1e4, 1e8, 1e9, 1e14])
@pytest.mark.parametrize("short", [1.0, 1e-5])
@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_long_samples_leave_the_bounded_part_of_short_ones(
    long: float, short: float, loss: str
) -> None:
    """Two of three short samples agree: e^(2 s w) = 2, or e^(4 s w) = 2 with the exponential."""
    Z = np.vstack([np.outer([long, -long], [1, 1]), np.outer([short, short, -short], [1, -1])])
    parts = bounded_part_and_ray(Dataset.from_signed(Z), loss=loss)
    right = np.log(2) / (2 if loss == "logistic" else 4) / short
    assert parts.rest.tolist() == [0, 1, 2, 3, 4]
    assert parts.bounded == pytest.approx([right, -right], rel=1e-9)
    assert parts.weights[0] == pytest.approx(parts.weights[1], rel=1e-9)


def test_the_bounded_part_of_directions_of_any_lengths() -> None:
    """Of m samples a u against n samples -a u: e^(2 a <u, w>) = m / n, for each direction u."""
    for seed in range(40):
        rng = generator(seed)
        U = rng.integers(-3, 4, (3, 3)) + 5.0 * np.eye(3)
        size, many = 2.0 ** np.round(rng.uniform(-26, 26, 3)), rng.integers(1, 5, (3, 2))
        rows = [np.tile(s * a * u, (m, 1)) for u, a, mn in zip(U, size, many, strict=True)
                for s, m in zip((1, -1), mn, strict=True)]  # fmt: skip
        if (many[:, 0] == many[:, 1]).all():
            continue
        right = np.linalg.solve(U, np.log(many[:, 0] / many[:, 1]) / 2 / size)
        if seed % 2:  # in the first three of five features
            rows = [np.c_[row, row[:, :2]] for row in rows]
            right = np.linalg.pinv(np.c_[U, U[:, :2]]) @ U @ right
        parts = bounded_part_and_ray(Dataset.from_signed(np.vstack(rows)), loss="exponential")
        assert parts.bounded == pytest.approx(right, abs=1e-9 * np.abs(right).max())


def test_what_holds_nothing_is_left() -> None:
    parts = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -0.5]])
    assert nonseparable._left(np.array([0.2, 0.2, 0.2, 0.4]), parts) == 0
    assert nonseparable._left(np.array([0.2, 0.2, 0.3, 0.3]), parts) == pytest.approx(1 / 3)
    assert nonseparable._left(np.array([0.5, 0.5, 0.0, 0.0]), parts) == np.inf


def test_rows_in_a_graded_basis_are_the_rows() -> None:
    rng = generator(0)
    rows = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 4))
    rows *= np.logspace(12, -12, 6)[:, None]
    basis, parts = graded(rows)
    assert basis.shape == (4, 2) and basis.T @ basis == pytest.approx(np.eye(2), abs=1e-14)
    assert np.abs(parts @ basis.T - rows).max(axis=1) / np.abs(rows).max(axis=1) == pytest.approx(
        np.zeros(6), abs=1e-14
    )
    assert parts[0, 1] == 0 and (parts[1:, 1] != 0).all()


def test_a_long_sample_in_the_rest_is_not_separated() -> None:
    """Divided by columns all rows had length one; their small entries still differed by 1e13."""
    held = np.array([[-1.0, 1, -1], [1, -2, -4], [0, 1, -4], [1, 1, 0], [-3, -1, 17]])
    assert (np.array([1, 2, 2, 2, 1]) @ held).tolist() == [0, 0, 0]
    sizes = 2.0 ** np.array([[0], [0], [42], [-6], [-5]])
    split = separate(held * sizes * 2.0 ** np.array([-41, -19, -19]))
    assert split.kind == "overlapping" and split.separable.size == 0


def test_what_a_refusal_of_uneven_samples_advises_works() -> None:
    refused = 0
    for seed in range(150):
        rng = generator(seed)
        X = rng.standard_normal((5, 4))
        Z = X * np.sign(X @ rng.standard_normal(4))[:, None] * 10.0 ** rng.uniform(-8, 8, (5, 1))
        p = (1.3, 3, np.inf)[seed % 3]
        try:
            max_margin(Dataset.from_signed(Z), p=p)
        except RuntimeError as error:
            refused += 1
            advised = re.findall(r"(divide|multiply) sample (\d) by ([\d.e+]+)", str(error))
            for how, i, number in advised:
                Z[int(i)] *= float(number) if how == "multiply" else 1 / float(number)
            assert advised and max_margin(Dataset.from_signed(Z), p=p).margin > 0
    assert refused > 0
