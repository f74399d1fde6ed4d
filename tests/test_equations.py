"""Equations that nearly repeat each other, against fractions: right, or refused in words."""

from fractions import Fraction

import numpy as np
import pytest

from ibias.datasets import Regression, Sensing
from ibias.optima import bregman_projection, min_norm, min_nuclear_norm
from ibias.optima._equations import Twofold, nearly_repeat, orthonormal
from ibias.potentials import NegativeEntropy, PowerNorm
from tests.reference import exact
from tests.reference.exact import fractions, least_norm

POWERS = range(20, 51, 2)


def near_repeats(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of which one nearly repeats a multiple of another, targets, and a start."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    d = int(rng.integers(n, 7))
    X, w = rng.integers(-3, 4, (n, d)).astype(float), rng.integers(-3, 4, d).astype(float)
    X[0, 0], w[0] = 2.0, 1.0
    e = 2.0 ** -float(POWERS[seed % len(POWERS)])
    X[1] = rng.choice([1.0, -3.0, 2.0**20, 2.0**-12]) * (X[0] + e * rng.integers(-3, 4, d))
    if seed % 3 == 0:
        X[-1] = X[0] if n > 2 else X[-1]
    return X, X @ w, (seed % 2) * rng.integers(-3, 4, d).astype(float)


def test_twofold_numbers_have_twice_the_digits() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((3, 7))
    x = Twofold.of(a) * Twofold.of(b) - Twofold.of(c)
    y = (x / Twofold.of(b) + Twofold.of(a)).sum()
    true = sum((p * q - r) / q + p for p, q, r in zip(*map(fractions, (a, b, c)), strict=True))
    off = Fraction(float(y.high)) + Fraction(float(y.low)) - true
    assert abs(float(off)) < 1e-30


@pytest.mark.parametrize("seed", range(64))
def test_orthonormal_rows_span_the_given_ones_in_every_digit(seed: int) -> None:
    X, y, start = near_repeats(seed)
    X, y = X / np.abs(X).max(axis=1)[:, None], y / np.abs(X).max(axis=1)
    found = orthonormal(X, y, start)
    assert not found.undecided.size
    assert found.rows @ found.rows.T == pytest.approx(np.eye(len(found.rows)), abs=1e-14)
    true = least_norm(X, y, start)
    assert found.rows.T @ found.target == pytest.approx(true, abs=1e-13 * np.abs(true).max())
    assert found.turned(X) < 1e-13
    # Its own estimate sees rows that are turned, by however little.
    turned = found.rows + 1e-9 * np.roll(found.rows, 1, axis=1)
    other = type(found)(turned, *(getattr(found, x) for x in list(vars(found))[1:]))
    assert other.turned(X) > 1e-10
    a = np.arange(1.0, len(found.rows) + 1)
    if found.lengths.min() > 1e-5:
        assert found.multipliers(a) @ X == pytest.approx(a @ found.rows, abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_depend_on_others_but_for_rounding_are_no_equations_of_their_own(seed) -> None:
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal
    A = draw((8, 20))
    for X, rank in (
        (np.outer(draw(3), draw(4)), 1),
        (draw((6, 3)) @ draw((3, 10)), 3),
        (A - A.mean(axis=0), 7),
        ((3 + A - A.mean(axis=0)) / A.std(axis=0), 8),
        (np.vstack([A[:4], 3 * A[:4], A[1:3] / 7, A[0] + A[1], np.zeros(20)]), 4),
    ):
        assert nearly_repeat(np.linalg.svd(X, compute_uv=False)) == (rank < len(X))
        w = draw(X.shape[1])
        found = orthonormal(X, X @ w)
        assert len(found.rows) == rank and not found.undecided.size
        reached = np.linalg.pinv(X, rcond=1e-10) @ (X @ w)
        assert found.rows.T @ found.target == pytest.approx(reached, abs=1e-12)
        assert min_norm(Regression(X, X @ w)).w == pytest.approx(reached, abs=1e-12)


@pytest.mark.parametrize("small", [2.0**-20, 2.0**-60, 2.0**-200])
def test_a_small_column_is_no_rounding_of_a_large_one(small: float) -> None:
    data = Regression([[1.0, small], [1.0, -small], [3.0, small]], [3.0, 1.0, 7.0])
    for p in (1, 2, 3):
        try:
            found = min_norm(data, p=p)
        except RuntimeError as refused:
            assert small < 2.0**-40 and "make the columns of X alike" in str(refused)
        else:
            assert found.w * [1, small] == pytest.approx([2.0, 1.0], rel=1e-12)
    square = bregman_projection(data, potential=PowerNorm(2.0))
    assert square.w * [1, small] == pytest.approx([2.0, 1.0], rel=1e-9)


def test_what_rounding_leaves_open_is_refused_and_the_advice_works() -> None:
    rng = np.random.default_rng(0)
    A = 100 + rng.standard_normal((8, 20))
    X, w = A - A.mean(axis=0), rng.standard_normal(20)  # the mean is rounded a hundred times more
    cases = [
        lambda keep: min_norm(Regression(X[keep], X[keep] @ w)),
        lambda keep: min_norm(Regression(X[keep], X[keep] @ w), p=3),
        lambda keep: bregman_projection(Regression(X[keep], X[keep] @ w), potential=PowerNorm(2.0)),
        lambda keep: min_nuclear_norm(Sensing(X[keep].reshape(-1, 4, 5), X[keep] @ w)),
    ]
    (last,) = orthonormal(X, X @ w).undecided
    for call in cases:
        message = rf"(samples|observations) {last} \(counted from 0\) .* Drop them\."
        with pytest.raises(RuntimeError, match=message):
            call(np.arange(8))
        found = call(np.arange(8) != last)
        reached = found.W.ravel() if hasattr(found, "W") else found.w
        assert X @ reached == pytest.approx(X @ w)
    with pytest.raises(ValueError, match="no w fits"):
        min_norm(Regression(X, rng.standard_normal(8)), p=3)


def test_a_rounded_repeat_beside_a_near_one_is_refused_and_the_advice_works() -> None:
    """Between both, a rounding turns the direction in which the near repeat differs."""
    row, e = np.array([2.0, -1.0, 2.0, 1.0]), 2.0**-34
    X = np.array([row, 1.3717 * row + [0.0, 0.0, 2.0**-52, 0.0], row + e * np.array([1, -1, 2, 0])])
    y = X @ [1.0, 2.0, 0.0, 3.0]
    cases = [
        lambda keep: min_norm(Regression(X[keep], y[keep])),
        lambda keep: bregman_projection(
            Regression(X[keep], y[keep]), potential=NegativeEntropy(), start=np.ones(4)
        ),
        lambda keep: min_nuclear_norm(Sensing(X[keep].reshape(-1, 2, 2), y[keep])),
    ]
    for call in cases:
        with pytest.raises(RuntimeError, match=r"[Dd]rop (samples|observations) that nearly"):
            call([0, 1, 2])
        call([0, 2]), call([0, 1])


@pytest.mark.parametrize("seed", range(96))
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_interpolants_of_near_repeats(seed: int, p: float) -> None:
    X, y, start = near_repeats(seed)
    found = min_norm(Regression(X, y), p=p, start=start)
    if p == 2:
        true = least_norm(X, y, start)
        assert found.w - start == pytest.approx(true, abs=1e-12 * max(1, np.abs(true).max()))
    left = least_norm(X, y, found.w)  # the shortest change with which the equations hold
    assert np.linalg.norm(left) <= 1e-9 * (found.distance + np.linalg.norm(start))
    assert abs(found.duality_gap) <= 1e-9 * found.distance


@pytest.mark.parametrize("potential", [NegativeEntropy(), PowerNorm(2.0)])
@pytest.mark.parametrize("seed", range(48))
def test_projections_onto_near_repeats(seed: int, potential) -> None:
    X, _, _ = near_repeats(seed)
    w = np.random.default_rng(seed).integers(1, 4, X.shape[1]).astype(float)
    y, start = X @ w, np.full(X.shape[1], 2.0)
    held = [exact.dot(row, fractions(w)) for row in fractions(X)]
    if held != fractions(y):
        return
    found = bregman_projection(Regression(X, y), potential=potential, start=start)
    rows, target = exact.orthonormal(X, y)
    true = bregman_projection(Regression(rows, target), potential=potential, start=start).w
    assert np.linalg.norm(found.w - true) <= 1e-8 * np.linalg.norm(true)
    assert found.error_estimate <= 1e-8 * np.linalg.norm(true)
    assert found.duality_gap <= 1e-6
