"""The interpolant of weight normalisation: its law, both brackets of the root, and the guard."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Regression
from ibias.optima import weight_normalization, weight_normalized_interpolant
from ibias.optima.weight_normalization import LAW

LINE = Regression([[1.0, 0.0]], [1.0])


def law(data: Regression, start: np.ndarray, rate: float, found) -> float:
    """Return by how much log (part across / length) + g^2 / (2 rate) has changed."""
    span = np.linalg.svd(data.X)[2][: data.n_samples]
    across = start - span.T @ (span @ start)
    before, after = np.linalg.norm(start), found.length
    parts = np.log(np.linalg.norm(found.excess) / after) - np.log(np.linalg.norm(across) / before)
    return parts + (after**2 - before**2) / (2 * rate)


@pytest.mark.parametrize("rate", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("length", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("size", [0.03, 1.0, 4.0])
def test_the_law_and_every_field(rate: float, length: float, size: float) -> None:
    plain = datasets.gaussian_regression(0, 3, 7)
    data = Regression(plain.X, size * plain.y)
    start = datasets.generator(1).standard_normal(7)
    start *= length / np.linalg.norm(start)
    if (length / size) ** 2 / rate > 300:
        return
    found = weight_normalized_interpolant(data, start=start, rate=rate)
    shortest = np.linalg.pinv(data.X) @ data.y
    assert found.w == pytest.approx(shortest + found.excess, abs=1e-12 * size)
    assert data.X @ found.excess == pytest.approx(np.zeros(3), abs=1e-9 * found.length)
    assert found.length == pytest.approx(np.linalg.norm(found.w), rel=1e-9)
    missed = np.linalg.norm(data.X @ found.w - data.y)
    assert found.residual == pytest.approx(missed, abs=1e-12 * size)
    across = start - np.linalg.pinv(data.X) @ (data.X @ start)
    cosine = found.excess @ across / np.linalg.norm(found.excess) / np.linalg.norm(across)
    if np.linalg.norm(found.excess) > 1e-6 * found.length:
        assert cosine == pytest.approx(1, abs=1e-7)
        change = law(data, start, rate, found)
        assert change == pytest.approx(0, abs=1e-6 * max(1.0, length**2 / rate))


@pytest.mark.parametrize("copies", [[0, 0, 1], [0, 1, 1, 1, 0, 0, 1, 0]])
def test_samples_that_repeat_or_depend_on_each_other_change_nothing(copies: list[int]) -> None:
    plain = datasets.gaussian_regression(0, 2, 3)
    lengths = np.arange(1.0, len(copies) + 1)
    many = Regression(lengths[:, None] * plain.X[copies], lengths * plain.y[copies])
    start = np.array([1.0, -1.0, 2.0])
    found, same = (weight_normalized_interpolant(data, start=start) for data in (many, plain))
    assert np.linalg.norm(found.excess) > 0.1
    assert found.w == pytest.approx(same.w, rel=1e-9)
    twice = weight_normalized_interpolant(Regression([[1, 0]] * 2, [1, 1]), start=[1, 1])
    assert twice.w == pytest.approx([1, 1])


def test_the_default_rate_is_one() -> None:
    start = np.array([0.3, 0.4])
    found = weight_normalized_interpolant(LINE, start=start)
    same = weight_normalized_interpolant(LINE, start=start, rate=1.0)
    assert (found.w == same.w).all()
    other = weight_normalized_interpolant(LINE, start=start, rate=2.0)
    assert np.abs(found.w - other.w).max() > 1e-2


@pytest.mark.parametrize(("n", "d"), [(2, 2), (3, 2), (5, 5), (9, 5), (20, 7)])
def test_where_the_samples_fill_the_space_nothing_is_across(n: int, d: int) -> None:
    data = datasets.gaussian_regression(0, n, d)
    found = weight_normalized_interpolant(data, start=np.arange(1.0, d + 1))
    assert found.w == pytest.approx(np.linalg.lstsq(data.X, data.y)[0])
    assert not found.excess.any() and found.length == pytest.approx(np.linalg.norm(found.w))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_part_across_keeps_its_sign_and_the_rest_of_the_start_is_forgotten(sign: int) -> None:
    """In the law only the length of the start and the size of its part across count."""
    one = weight_normalized_interpolant(LINE, start=[0.6, sign * 0.8])
    other = weight_normalized_interpolant(LINE, start=[-0.6, sign * 0.8])
    assert one.w == pytest.approx(other.w) and sign * one.w[1] > 0 and one.w[0] == 1.0


def test_a_start_next_to_the_rows_and_one_across_them() -> None:
    for start, rate in [([1.0, 1e-8], 1.0), ([0.0, 3.0], 1.0), ([0.0, 1.0], 0.5), ([2.0, 1e-3], 9)]:
        found = weight_normalized_interpolant(LINE, start=start, rate=rate)
        assert law(LINE, np.array(start), rate, found) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("size", [1e-2, 1.0])
@pytest.mark.parametrize("unit", [1.0, 30.0])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_root_that_is_off_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, unit: float, side: int, part: float, fine: bool
) -> None:
    """With g from a wrong root x, the length of w is another one: by half the error of x g^2."""
    true = weight_normalization.brentq
    data, start = Regression([[1.0, 0.0]], [unit * size]), [0.6 * unit, 0.8 * unit]
    rate = unit**2
    right = weight_normalized_interpolant(data, start=start, rate=rate)
    g, excess = right.length, np.linalg.norm(right.excess)
    # d(||w|| - g) / dx, from excess = g e^(-x/2) and g^2 = offset + rate x
    dg = rate / (2 * g)
    rise = excess * (excess * dg / g - excess / 2) / g - dg
    e = side * part * LAW * g / rise

    def off(*arguments: object, **how: object) -> float:
        return true(*arguments, **how) + e

    monkeypatch.setattr(weight_normalization, "brentq", off)
    if fine:
        found = weight_normalized_interpolant(data, start=start, rate=rate)
        assert found.w == pytest.approx(right.w)
    else:
        with pytest.raises(RuntimeError, match=r"the final length was not found"):
            weight_normalized_interpolant(data, start=start, rate=rate)


@pytest.mark.parametrize(("off", "fine"), [(0.5e-9, True), (2e-9, False)])
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_targets_that_no_w_fits_are_refused(off: float, fine: bool, size: float) -> None:
    data = Regression([[1.0], [1.0]], [size * (1 + off), size * (1 - off)])
    if fine:
        found = weight_normalized_interpolant(data, start=[1.0])
        assert found.w == pytest.approx([size])
        assert found.residual == pytest.approx(np.sqrt(2) * off * size, rel=1e-3)
    else:
        with pytest.raises(ValueError, match="must be fitted by some w"):
            weight_normalized_interpolant(data, start=[1.0])


@pytest.mark.parametrize(
    ("target", "start", "rate"),
    [
        (1.0, [0.6, 0.8], 1.0),  # offset >= 0 or below, and roots on both sides of one
        (1.0, [0.1, 0.1], 1.0),
        (30.0, [0.1, 0.1], 1.0),
        (0.01, [3.0, 0.1], 1.0),
        (1e-2, [1e-2, 1e-2], 1e-3),
        (1.0, [1e-4, 1e-4], 1e-2),
    ],
)
def test_the_root_is_found_from_either_bracket(target: float, start: list, rate: float) -> None:
    data = Regression([[1.0, 0.0]], [target])
    found = weight_normalized_interpolant(data, start=start, rate=rate)
    if np.linalg.norm(found.excess) > 1e-100:
        size = max(1.0, found.length**2 / rate)
        assert law(data, np.array(start), rate, found) == pytest.approx(0, abs=1e-6 * size)
    assert found.w[0] == pytest.approx(target)


@pytest.mark.parametrize("rate", [0.01, 1.0])
@pytest.mark.parametrize("times", [1, 3, 5, 7])
def test_a_start_in_the_span_of_the_samples_has_no_excess(times: int, rate: float) -> None:
    """Whatever rounding says: a part of 1e-16 would grow by e^(start^2 / (2 rate))."""
    for X, start in (
        ([[1.0, 2.0, 3.0]], [1, 2, 3]),
        ([[1.0, 2.0, 3.0], [2.0, -1.0, 5.0]], [4, 3, 11]),
        (np.array([[1.0, 2.0, 3.0], [2.0, -1.0, 5.0]]) * [[2.0**-30], [2.0**20]], [4, 3, 11]),
    ):
        found = weight_normalized_interpolant(
            Regression(X, np.sum(X, axis=1)), start=times * np.array(start, float), rate=rate
        )
        assert not found.excess.any() and found.residual < 1e-8


def test_a_rounding_of_the_start_is_refused_where_it_would_be_seen() -> None:
    data, start = Regression([[1.0, 2.0, 3.0]], [1.0]), [0.1, 0.2, 0.1 + 0.2]
    with pytest.raises(RuntimeError, match=r"start: it lies in the span .* or a larger rate"):
        weight_normalized_interpolant(data, start=start, rate=1e-3)
    assert np.linalg.norm(weight_normalized_interpolant(data, start=start).excess) < 1e-15
    farther = np.add(start, [1e-3, 0, 0])
    assert weight_normalized_interpolant(data, start=farther, rate=1e-3).excess.any()


def test_a_small_part_that_no_rounding_makes_is_kept() -> None:
    found = weight_normalized_interpolant(LINE, start=[10.0, 1e-20], rate=0.9)
    exact = 1e-21 * found.length * np.exp((100 - found.length**2) / 1.8)
    assert found.excess[1] == pytest.approx(exact, rel=1e-9) and found.excess[1] > 0.1


@pytest.mark.parametrize("unit", [1e-70, 1e-9, 1e9, 1e70])
def test_it_is_the_same_in_other_units(unit: float) -> None:
    plain = datasets.gaussian_regression(0, 3, 7)
    start = datasets.generator(1).standard_normal(7)
    here = weight_normalized_interpolant(plain, start=start)
    other = weight_normalized_interpolant(
        Regression(plain.X / unit, plain.y), start=unit * start, rate=unit**2
    )
    assert other.w == pytest.approx(unit * here.w, rel=1e-9)


@pytest.mark.parametrize(
    ("X", "y", "rate"),
    [
        ([[1e-100, 0.0]], [1e100], 1.0),
        ([[1e100, 0.0]], [1e-100], 1.0),
        ([[1e-140, 0.0], [0.0, 1e-140]], [1e-140, 1e140], 1.0),
        ([[1.0, 0.0]], [1.0], 1e-300),
        ([[1.0, 0.0]], [1.0], 1e300),
    ],
)
def test_sizes_beyond_float64_are_right_or_refused_in_words(X: list, y: list, rate: float) -> None:
    try:
        found = weight_normalized_interpolant(Regression(X, y), start=[1.0, 1.0], rate=rate)
    except (RuntimeError, ValueError) as error:
        assert str(error).startswith(("rate=", "data:")) and len(str(error)) < 500
    else:
        size = np.linalg.norm(X, axis=1) * np.hypot.reduce(found.w)
        assert (np.abs(np.array(X) @ found.w - y) <= 1e-9 * size).all()
        assert found.length == pytest.approx(np.hypot.reduce(found.w), rel=1e-9)


def test_data_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="data must be a Regression"):
        weight_normalized_interpolant(None, start=[1.0])


def test_a_sample_that_contradicts_a_longer_one_is_seen_however_short_it_is() -> None:
    data = Regression([[1.0, 0.0], [1e-12, 0.0]], [1.0, 3e-12])
    with pytest.raises(ValueError, match="data: the targets must be fitted"):
        weight_normalized_interpolant(data, start=[1.0, 1.0])


def length_in_decimals(y, start, rate):
    """Return the root g of g^2 (1 - s^2 exp((g_0^2 - g^2) / rate)) = y^2, by bisection.

    For one sample (1, 0); s is the part of the start's direction across it.
    """
    with localcontext(prec=60):
        along, across = (Decimal(w) ** 2 for w in start)
        low = high = Decimal(y) ** 2
        size, rate, m = along + across, Decimal(rate), Decimal(y) ** 2

        def surplus(square):
            return square * (1 - across / size * ((size - square) / rate).exp()) - m

        while surplus(high) < 0:
            high *= 4
        for _ in range(200):
            middle = (low * high).sqrt()
            low, high = (middle, high) if surplus(middle) < 0 else (low, middle)
        return float(high.sqrt())


@pytest.mark.parametrize("rate", [1e-2, 1.0, 1e2, 1e5, 1e7])
@pytest.mark.parametrize("start", [(0.01, 0.3), (1e-4, 50.0), (2.0, 1e-3), (1.0, 1.0)])
@pytest.mark.parametrize("y", [1e-8, 1e-5, 1e-2, 3.0])
def test_the_length_to_all_digits_where_the_start_is_nearly_across(y, start, rate):
    """The logarithm of a part near one, and the square of a short length, cancelled."""
    found = weight_normalized_interpolant(Regression([[1.0, 0.0]], [y]), start=start, rate=rate)
    assert found.length == pytest.approx(length_in_decimals(y, start, rate), rel=1e-9)


@pytest.mark.parametrize("power", [20, 26, 30, 34, 38, 42, 46, 50])
def test_samples_that_nearly_repeat_each_other(power: int) -> None:
    """Two equations for two weights leave nothing across; of three weights the last is free."""
    e = 2.0**-power
    X = np.array([[1.0, 2.0], [1 + e, 2 - e]])
    square = weight_normalized_interpolant(Regression(X, X @ [3.0, -1.0]), start=[1.0, 1.0])
    assert square.length == pytest.approx(np.sqrt(10), rel=1e-12) and not square.excess.any()
    wide, same = np.c_[X, X[:, 0]], np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    found, even = (
        weight_normalized_interpolant(Regression(A, A @ [2.0, -1.0, 1.0]), start=[3.0, 1.0, 0.5])
        for A in (wide, same)
    )
    assert found.length == pytest.approx(even.length, rel=1e-12)
    assert found.w == pytest.approx(even.w, abs=1e-12) and abs(even.excess[0]) > 0.1
