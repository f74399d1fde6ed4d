"""The interpolant of least norm: its guards, each solver alone, and every field by definition."""

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Regression, gaussian_regression
from ibias.optima import interpolation, min_norm
from ibias.optima._norms import dual_order
from ibias.optima.interpolation import FIT, _certificate, _fitted, _proposals, _unit
from tests.advice import scaled

ORDERS = [1, 1.2, 1.5, 2, 3, 5, np.inf]


def uneven(data: Regression) -> Regression:
    return Regression(data.X * np.logspace(-3, 3, data.n_features), data.y)


def forge(monkeypatch: pytest.MonkeyPatch, primal: float, dual: float) -> None:
    """Let the solver's weights and multipliers be off by these factors."""
    true = interpolation._closest

    def off(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        w, a = true(*arguments)
        return primal * w, dual * a

    monkeypatch.setattr(interpolation, "_closest", off)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(
    ("primal", "dual", "fine"),
    [
        (1, 1 - 0.5e-9, True),
        (1, 1 - 2e-9, False),  # a gap of 2e-9 of the distance
        (1, 1 + 0.5e-12, True),
        (1, 1 + 2e-12, False),  # a dual solution above the primal one
        (1 + 0.5e-9, 1, True),
        (1 + 2e-9, 1, False),  # misses the targets by 2e-9 of their length
    ],
)
def test_a_forged_solution_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, primal: float, dual: float, fine: bool
) -> None:
    plain = gaussian_regression(0)
    data = Regression(plain.X, size * plain.y)
    forge(monkeypatch, primal, dual)
    if fine:
        found = min_norm(data)
        assert found.duality_gap == pytest.approx((1 - dual) * found.distance, abs=1e-13 * size)
        return
    with pytest.raises(RuntimeError, match="drop samples that nearly repeat") as refused:
        min_norm(data)
    assert "make the columns" not in str(refused.value)


def test_a_refusal_names_the_columns_that_are_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are alike the interpolant is found; where it is not even then, drop samples."""
    plain = gaussian_regression(3, 8, 20)
    data = Regression(plain.X * np.r_[np.ones(18), 1e5, 1e-5], plain.y)
    true = interpolation._closest

    def off(X: np.ndarray, *how: object) -> tuple[np.ndarray, np.ndarray]:
        w, a = true(X, *how)
        sizes = np.abs(X).max(axis=0)
        return w, (0.9 if sizes.max() > 1e3 * sizes.min() else 1) * a

    monkeypatch.setattr(interpolation, "_closest", off)
    with pytest.raises(RuntimeError, match=r"make the columns of X alike: .* new units") as told:
        min_norm(data)
    assert abs(min_norm(scaled(data, str(told.value))).duality_gap) <= 1e-9
    monkeypatch.setattr(interpolation, "_closest", true)
    forge(monkeypatch, 1, 0.9)
    with pytest.raises(RuntimeError, match="To go on, drop samples that nearly repeat others"):
        min_norm(data)


@pytest.mark.parametrize("off", [0.5e-9, 2e-9])
@pytest.mark.parametrize(("start", "y"), [(0.0, 1.0), (1 - 1e-3, 1.0), (1e3, 1.0)])
def test_a_misfit_is_measured_by_the_larger_of_targets_and_rests(
    off: float, start: float, y: float
) -> None:
    """Two equations for one unknown, apart by twice `off`."""
    apart = off * max(abs(y - start), y)
    data = Regression([[1.0], [1.0]], [y + apart, y - apart])
    if off < FIT:
        found = min_norm(data, p=1, start=[start])
        assert found.w == pytest.approx([y]) and found.distance == pytest.approx(abs(y - start))
        assert found.residual == pytest.approx(np.sqrt(2) * apart, rel=1e-3)
    else:
        with pytest.raises(ValueError, match="no w fits the targets"):
            min_norm(data, p=1, start=[start])


@pytest.mark.parametrize("p", ORDERS)
def test_every_field_is_what_its_definition_says(p: float) -> None:
    data = gaussian_regression(10, 3, 7)
    start = datasets.generator(11).standard_normal(7)
    for size in (1.0, 1e4):
        case = Regression(data.X, size * data.y)
        best = min_norm(case, p=p, start=size * start)
        assert best.p == p and (best.start == size * start).all()
        moved = best.w - best.start
        assert best.distance == pytest.approx(np.linalg.norm(moved, p), rel=1e-12)
        reached = best.dual_variables @ (data.X @ moved)
        assert best.duality_gap == pytest.approx(best.distance - reached, abs=1e-12 * size)
        assert best.residual == pytest.approx(np.linalg.norm(data.X @ best.w - case.y))
        if size == 1:
            one = best
    assert best.w / size == pytest.approx(one.w, abs=1e-7)


def orthonormal(seed: int = 3, n: int = 4, d: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = datasets.generator(seed)
    return np.linalg.qr(rng.standard_normal((d, n)))[0].T, rng.standard_normal(n)


@pytest.mark.parametrize("p", [1, np.inf])
@pytest.mark.parametrize("side", [1, -1])
def test_either_linear_program_gives_the_least_norm(p: float, side: int) -> None:
    rows, target = orthonormal()
    target = side * target
    heard: list[str] = []
    pairs = list(_proposals(rows, target, p, heard.append))
    assert len(pairs) == 2
    for w, a in pairs:
        assert rows @ w == pytest.approx(target, abs=1e-8)
        assert np.linalg.norm(a @ rows, dual_order(p)) == pytest.approx(1, abs=1e-8)
        assert a @ target == pytest.approx(np.linalg.norm(w, p), rel=1e-8)
    assert heard and all(line.startswith("interior point, iteration") for line in heard)


@pytest.mark.parametrize("p", [1.3, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("size", [1.0, 3.0])
def test_newtons_method_sharpens_what_the_cones_give(p: float, size: float) -> None:
    rows, target = orthonormal()
    target = size * target
    heard: list[str] = []
    (first, a), (second, b), *polished = _proposals(rows, target, p, heard.append)
    assert heard and all(line.startswith("interior point, iteration") for line in heard)
    assert (first == second).all() and (a == -b).all()
    value = float(np.abs(_unit(rows, a, p) @ target))
    assert value == pytest.approx(np.linalg.norm(first, p), rel=1e-6)
    q, exact = dual_order(p), min_norm(Regression(rows, target), p=p).w
    assert first == pytest.approx(exact, abs=1e-5 * size)
    for w, a in polished:
        assert w == pytest.approx(exact, abs=1e-6 * size)
        # The multipliers are those of ||w||_p^p / p: their image is the gradient.
        g = a @ rows
        assert np.abs(g) ** (q - 1) * np.sign(g) == pytest.approx(exact, rel=1e-3, abs=1e-3 * size)
    assert polished
    assert rows @ polished[-1][0] == pytest.approx(target, abs=1e-13 * size)
    unit = _unit(rows, polished[-1][1], p)
    assert unit @ target == pytest.approx(np.linalg.norm(exact, p), rel=1e-13)


def test_zeros_stay_zero_and_rounding_leaves_the_equations() -> None:
    rows, _ = orthonormal()
    w = np.array([1.0, -2.0, 0.5, 3.0, 1e-3, 0.0, 0.0, 0.0, 0.0])
    off = 1e-13 * np.r_[np.zeros(5), 1.0, -1.0, 1.0, 0.0] + 1e-9 * (w != 0)
    for size in (1e-3, 1.0, 1e3):
        found = _fitted(rows, size * (rows @ w), size * (w + off))
        assert (found[5:] == 0).all() and (found[:5] != 0).all()
        assert rows @ found == pytest.approx(size * (rows @ w), abs=1e-14 * size)
        assert found == pytest.approx(size * w, abs=1e-8 * size)


def test_multipliers_are_scaled_in_the_dual_norm_and_zero_stays_zero() -> None:
    rows, a = orthonormal()
    X = np.diag([1.0, 2.0, 3.0, 4.0]) @ rows
    for p in ORDERS:
        for size in (1e-3, 5.0):
            unit = _unit(X, size * a, p)
            assert np.linalg.norm(unit @ X, dual_order(p)) == pytest.approx(1, rel=1e-14)
        assert unit / a == pytest.approx(np.full(4, unit[0] / a[0]))
        assert (_unit(X, np.zeros(4), p) == 0).all()


def test_the_certificate_is_the_difference_of_norm_and_dual_value() -> None:
    rows, a = orthonormal()
    w = datasets.generator(5).standard_normal(9)
    for p in ORDERS:
        distance, gap = _certificate(rows, w, a, p)
        assert distance == pytest.approx(np.linalg.norm(w, p), rel=1e-14)
        assert gap == pytest.approx(np.linalg.norm(w, p) - a @ rows @ w, rel=1e-12)


def proposing(monkeypatch: pytest.MonkeyPatch, pairs: list) -> None:
    monkeypatch.setattr(interpolation, "_proposals", lambda *_: iter(pairs))


def test_a_proposal_that_is_no_solution_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, target = orthonormal()
    w, a = next(_proposals(rows, target, 1, None))
    none_w, none_a = np.full(9, np.nan), np.full(4, np.nan)
    # The rows of the inner problem are those of the SVD: the right pair is of these.
    seen = {}
    monkeypatch.setattr(interpolation, "_proposals", lambda *at: seen.update(at=at) or iter(()))
    interpolation._closest(rows, w, 1, None)
    inner, reached, p, _ = seen["at"]
    monkeypatch.undo()
    assert inner @ inner.T == pytest.approx(np.eye(4), abs=1e-14)
    assert reached == pytest.approx(inner @ w) and p == 1
    right = next(_proposals(inner, reached, 1, None))
    bad = [(none_w, right[1]), (right[0], none_a), (0 * w, right[1]), (right[0], 0 * a)]
    proposing(monkeypatch, [*bad, right])
    found, multipliers = interpolation._closest(rows, w, 1, None)
    assert found == pytest.approx(w, abs=1e-9)
    assert _certificate(rows, found, multipliers, 1)[1] == pytest.approx(0, abs=1e-12)


def test_the_best_proposal_is_taken_and_none_after_a_good_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, target = orthonormal()
    X = np.diag([1.0, 2.0, 3.0, 4.0]) @ rows
    fit = np.linalg.pinv(X) @ target
    seen: dict = {}
    monkeypatch.setattr(interpolation, "_proposals", lambda *at: seen.update(at=at) or iter(()))
    assert (interpolation._closest(X, fit, 3, None)[0] == fit).all()
    inner, reached = seen["at"][:2]
    monkeypatch.undo()
    w, a = list(_proposals(inner, reached, 3, None))[-1]
    across = np.linalg.svd(inner)[2][-1]

    def asked(*steps: float) -> np.ndarray:
        """Return how far from the solution what is taken is, of proposals this far from it."""
        proposing(monkeypatch, [(w + step * across, a) for step in steps])
        return interpolation._closest(X, fit, 3, None)[0] - w

    assert asked(0.1, 0.01, 0.2) == pytest.approx(0.01 * across, abs=1e-9)
    assert asked(0.01, 0.1) == pytest.approx(0.01 * across, abs=1e-9)

    def then_fail():
        yield w + 1e-4 * across, a  # a gap of about 1e-8: not good enough to stop
        yield w, a
        raise AssertionError("asked for more than was needed")

    monkeypatch.setattr(interpolation, "_proposals", lambda *_: then_fail())
    assert interpolation._closest(X, fit, 3, None)[0] == pytest.approx(w, abs=1e-9)


def test_without_any_proposal_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    proposing(monkeypatch, [])
    with pytest.raises(RuntimeError, match="the interpolant at distance"):
        min_norm(gaussian_regression(0), p=3)


def test_a_sample_of_zeros_and_a_square_problem() -> None:
    data = Regression([[0.0, 0.0, 0.0], [1.0, 2.0, 2.0]], [0.0, 9.0])
    assert min_norm(data).w == pytest.approx([1.0, 2.0, 2.0], abs=1e-14)
    assert min_norm(data, p=1).distance == pytest.approx(4.5)
    assert min_norm(data, p=np.inf).w == pytest.approx([1.8] * 3)
    tall = Regression([[1.0], [100.0]], [2.0, 100.0])  # long rows weigh more in least squares
    assert min_norm(tall).w == pytest.approx([10002 / 10001], rel=1e-14)


@pytest.mark.parametrize("p", [1, 3, np.inf])
def test_progress_is_reported(p: float) -> None:
    heard: list[str] = []
    min_norm(gaussian_regression(0), p=p, progress=heard.append)
    assert all("interior point" in line for line in heard)
    assert heard or p != 3


def test_least_squares_takes_off_what_it_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second solve is of the remainder: an error of 1e-5 becomes one of 1e-10."""
    true = interpolation.least_squares
    monkeypatch.setattr(interpolation, "least_squares", lambda A, b: (1 + 1e-5) * true(A, b))
    rows, target = orthonormal()
    X = np.array([[1.0], [10.0], [100.0], [0.1]]) * rows
    w = interpolation._least_squares(X, X @ (target @ rows))
    assert w == pytest.approx(target @ rows, abs=1e-9)


def test_a_start_has_one_axis() -> None:
    with pytest.raises(ValueError, match="start must have 1 axes"):
        min_norm(gaussian_regression(0), start=np.zeros((1, 30)))
