"""Maximum margins against duality, brute force, a linear program and Lawson-Hanson."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, nnls

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import margin, max_margin
from tests.reference import exact

ORDERS = [1, 1.5, 2, 3, np.inf]


def scaled(data: Dataset, low: float = -3, high: float = 3) -> Dataset:
    return Dataset(data.X * np.logspace(low, high, data.n_features), data.y)


def by_enumeration(Z: np.ndarray) -> np.ndarray:
    """Solve min ||w|| s.t. Zw >= 1 by trying every support: w = pinv(Z_S) 1."""
    best = None
    for size in range(1, len(Z) + 1):
        for rows in combinations(range(len(Z)), size):
            w = np.linalg.pinv(Z[list(rows)]) @ np.ones(size)
            feasible = (Z @ w >= 1 - 1e-9).all()
            if feasible and (best is None or np.linalg.norm(w) < np.linalg.norm(best) - 1e-12):
                best = w
    return best


def by_nnls(Z: np.ndarray) -> np.ndarray:
    """Solve min ||w|| s.t. Zw >= 1 as a nonnegative least-squares problem (Lawson-Hanson)."""
    target = np.r_[np.zeros(Z.shape[1]), 1.0]
    alpha, _ = nnls(np.vstack([Z.T, np.ones(len(Z))]), target)
    w = Z.T @ alpha
    return w / (Z @ w).min()


def by_linear_program(Z: np.ndarray, p: float) -> float:
    """Return the margin for p = 1 (w split into its signs) or p = inf (a box)."""
    n, d = Z.shape
    if p == np.inf:
        answer = linprog(
            np.r_[np.zeros(d), -1],
            A_ub=np.hstack([-Z, np.ones((n, 1))]),
            b_ub=np.zeros(n),
            bounds=[(-1, 1)] * d + [(None, None)],
            method="highs",
        )
        return -answer.fun
    answer = linprog(
        np.ones(2 * d), A_ub=np.hstack([-Z, Z]), b_ub=-np.ones(n), bounds=(0, None), method="highs"
    )
    return 1 / answer.fun


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(
    "data",
    [
        datasets.separable(0),
        datasets.separable(1, n_samples=12, n_features=60),
        datasets.symmetric_pair(),
        datasets.degenerate_pair(),
        scaled(datasets.separable(2)),
        scaled(datasets.separable(1, n_samples=200, n_features=20)),
        datasets.digits(),
    ],
    ids=["generic", "wide", "symmetric", "degenerate", "scales", "hard scales", "digits"],
)
def test_primal_equals_dual(data: Dataset, p: float) -> None:
    best = max_margin(data, p=p)
    q = {1: np.inf, np.inf: 1}.get(p) or p / (p - 1)
    dual = np.linalg.norm(data.Z.T @ best.dual_variables, ord=q)
    assert dual == pytest.approx(best.margin, rel=1e-9)
    assert -1e-13 <= best.duality_gap / best.margin < 1e-9
    assert (best.dual_variables >= 0).all()
    assert best.dual_variables.sum() == pytest.approx(1, abs=1e-14)
    margins = data.Z @ best.w
    assert margins.min() == pytest.approx(1, abs=1e-13)
    assert np.linalg.norm(best.w, ord=p) == pytest.approx(1 / best.margin, rel=1e-13)
    assert np.linalg.norm(best.direction, ord=p) == pytest.approx(1, abs=1e-14)
    # Complementary slackness: no weight off the support.
    assert (margins - 1) @ best.dual_variables < 1e-8
    assert np.setdiff1d(np.flatnonzero(best.dual_variables > 1e-6), best.support).size == 0


@pytest.mark.parametrize("shape", [(1000, 100), (50, 2000)])
@pytest.mark.parametrize("p", [1, 2, np.inf])
def test_large_problems(shape: tuple[int, int], p: float) -> None:
    best = max_margin(datasets.separable(0, *shape), p=p)
    assert best.duality_gap < 1e-11 * best.margin
    assert best.support.size <= min(shape)


@pytest.mark.parametrize("seed", range(8))
def test_small_problems_by_enumerating_the_support(seed: int) -> None:
    rng = datasets.generator(seed)
    n, d = int(rng.integers(2, 7)), int(rng.integers(2, 5))
    data = datasets.separable(seed, n_samples=n, n_features=d)
    np.testing.assert_allclose(max_margin(data).w, by_enumeration(data.Z), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(40, 5), (200, 20), (30, 100)])
def test_the_euclidean_margin_agrees_with_lawson_hanson(shape: tuple[int, int]) -> None:
    Z = datasets.separable(4, *shape).Z
    np.testing.assert_allclose(max_margin(Dataset.from_signed(Z)).w, by_nnls(Z), atol=1e-11)


@pytest.mark.parametrize("p", [1, np.inf])
@pytest.mark.parametrize("seed", range(5))
def test_polyhedral_margins_agree_with_a_linear_program(seed: int, p: float) -> None:
    data = datasets.separable(seed, 30, 12)
    assert max_margin(data, p=p).margin == pytest.approx(by_linear_program(data.Z, p), rel=1e-10)


def test_rotation_turns_the_euclidean_solution_and_no_other() -> None:
    data = datasets.separable(5, 30, 20)
    turn = np.linalg.qr(datasets.generator(6).standard_normal((20, 20)))[0]
    turned = Dataset(data.X @ turn.T, data.y)
    np.testing.assert_allclose(max_margin(turned).w, turn @ max_margin(data).w, atol=1e-12)
    moved = max_margin(turned, p=1).w - turn @ max_margin(data, p=1).w
    assert np.linalg.norm(moved) > 0.1


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_duplicated_rows_change_no_weight_vector(p: float) -> None:
    data = datasets.separable(6)
    copies = np.r_[np.arange(40), np.repeat(max_margin(data, p=p).support[0], 7)]
    more = max_margin(Dataset(data.X[copies], data.y[copies]), p=p)
    np.testing.assert_allclose(more.w, max_margin(data, p=p).w, atol=1e-9)
    assert more.dual_variables.size == 47


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scaling_the_inputs_scales_the_margin(p: float, factor: float) -> None:
    data = datasets.separable(7)
    best, other = max_margin(data, p=p), max_margin(Dataset(factor * data.X, data.y), p=p)
    assert other.margin == pytest.approx(factor * best.margin, rel=1e-10)
    np.testing.assert_allclose(other.direction, best.direction, atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_features_of_very_different_scales_meet_the_kkt_conditions(seed: int) -> None:
    data = scaled(datasets.separable(seed, 100, 12))
    best = max_margin(data)
    nearest = best.dual_variables @ data.Z
    np.testing.assert_allclose(best.w, nearest / (nearest @ nearest), atol=1e-7 / best.margin)
    assert (best.dual_variables[best.support] > 0).all()


def test_known_solutions() -> None:
    pair = max_margin(datasets.symmetric_pair())
    assert pair.margin == pytest.approx(np.sqrt(2), abs=1e-14)
    degenerate = max_margin(datasets.degenerate_pair())
    assert degenerate.support.tolist() == [0, 1]
    np.testing.assert_allclose(degenerate.dual_variables, [1, 0], atol=1e-9)
    np.testing.assert_allclose(degenerate.w, [1, 0], atol=1e-9)


def test_the_norms_disagree_where_they_should() -> None:
    data = datasets.separable(0, 30, 20)
    own = {p: max_margin(data, p=p) for p in ORDERS}
    for p, best in own.items():
        for other in own.values():
            if other.p != p:
                worse = (data.Z @ other.w).min() / np.linalg.norm(other.w, ord=p)
                assert worse < (1 - 1e-4) * best.margin


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_solvers_without_an_answer_raise_in_words(p: float, monkeypatch) -> None:
    monkeypatch.setattr(margin, "candidates", lambda *_: iter(()))
    monkeypatch.setattr(margin, "_by_exchanges", lambda Z, weights: (Z[0], weights))
    with pytest.raises(RuntimeError, match="could be certified only to") as caught:
        max_margin(datasets.separable(0), p=p)
    assert len(str(caught.value)) < 500


def test_what_no_solver_finds_exchanges_do(monkeypatch) -> None:
    """So the margin of rows as uneven as these is known as any processor rounds."""
    rows = np.array([[-5.3e-7, 1.4e-8], [17.0, -176.0], [1.1e6, -9.7e5]])
    data = Dataset.from_signed(np.vstack([rows, rows[0] * [1, -1]]))
    right = np.array(exact.nearest_of_hull(exact.fractions(data.Z)), dtype=float)
    for solvers in (margin.candidates, lambda *_: iter(())):
        monkeypatch.setattr(margin, "candidates", solvers)
        best = max_margin(data)
        assert best.direction * best.margin == pytest.approx(right, rel=1e-9)


def test_results_are_frozen() -> None:
    best = max_margin(datasets.separable(0))
    with pytest.raises(ValueError, match="read-only"):
        best.w[0] = 1
    with pytest.raises(AttributeError):
        best.margin = 2


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.5, "below 1 it is no norm"), (float("nan"), "below 1"), ("two", "from 1 to inf")],
)
def test_a_bad_norm_is_refused_by_name(p: object, words: str) -> None:
    with pytest.raises(ValueError, match=f"p must be.*{words}"):
        max_margin(datasets.separable(0), p=p)


@pytest.mark.parametrize("data", [None, 3, "data", [[1.0, 2.0]], np.eye(2)])
def test_anything_but_a_dataset_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="data must be a Dataset"):
        max_margin(data)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 8), st.sampled_from(ORDERS))
def test_no_direction_beats_the_certificate(seed: int, n: int, d: int, p: float) -> None:
    data = datasets.separable(seed, n, d)
    best = max_margin(data, p=p)
    rng = datasets.generator(seed + 1)
    tries = best.w + 0.1 * rng.standard_normal((500, d)) * np.abs(best.w).max()
    margins = (tries @ data.Z.T).min(axis=1) / np.linalg.norm(tries, ord=p, axis=1)
    assert margins.max() <= best.margin + max(best.duality_gap, 0) + 1e-13


@pytest.mark.parametrize("p", [1.0001, 1.001, 1.01, 1.3, 50, 1e4, 1e9])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_orders_whose_powers_underflow(p: float, size: float) -> None:
    data = datasets.separable(1)
    best = max_margin(Dataset(size * data.X, data.y), p=p)
    g = np.abs(best.dual_variables @ data.Z * size)
    q = p / (p - 1)
    distance = g.max() * np.sum((g / g.max()) ** q) ** (1 / q)  # of w / max w: no underflow
    assert distance == pytest.approx(best.margin, rel=2e-9)
    assert -1e-12 <= best.duality_gap / best.margin <= 1e-9


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_certificate_that_is_void_or_negative_is_an_error(factor: float, monkeypatch) -> None:
    true = margin.distance_of
    monkeypatch.setattr(margin, "distance_of", lambda *a: factor * true(*a))
    with pytest.raises(RuntimeError, match="could be certified only to"):
        max_margin(datasets.separable(0))


@pytest.mark.parametrize(("shape", "p"), [((20, 400), 1), ((40, 5), 50), ((600, 5), 2)])
def test_progress_is_told_and_what_it_raises_stops_the_search(shape: tuple, p: float) -> None:
    data, lines = datasets.separable(0, *shape), []
    best = max_margin(data, p=p, progress=lines.append)
    assert lines and all(isinstance(line, str) for line in lines)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        max_margin(data, p=p, progress=interrupt)
    np.testing.assert_array_equal(max_margin(data, p=p).w, best.w)  # nothing is broken


@pytest.mark.parametrize("size", [1e-140, 1e-20, 1.0, 1e20, 1e128])
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
@pytest.mark.parametrize("long", [1e6, 1e13, 1e20])
def test_long_samples_in_the_same_direction_change_nothing(
    size: float, p: float, long: float
) -> None:
    Z = size * np.array([[0.0, -long], [0.0, -1.0], [0.0, -3.0]])
    best = max_margin(Dataset.from_signed(Z), p=p)
    assert best.w[1] * size == pytest.approx(-1) and (p == np.inf or abs(best.w[0] * size) < 1e-9)
    assert best.margin / size == pytest.approx(1)
    assert best.dual_variables == pytest.approx([0, 1, 0], abs=1e-9)


@pytest.mark.parametrize("size", [1e-140, 1.0, 1e128])
@pytest.mark.parametrize(("p", "weight"), [(1, None), (np.inf, 1.0)])
def test_a_short_sample_decides_beside_long_ones(size: float, p: float, weight: float) -> None:
    Z = size * np.array([[0.0, -1e-2], [0.0, -2e10], [-400.0, 0.0]])
    best = max_margin(Dataset.from_signed(Z), p=p)
    # l_inf: as long as the height of the short one; l_1: 1 / margin = 100 + 1/400
    assert best.margin / size == pytest.approx(0.01 if weight else 1 / (100 + 1 / 400))


@pytest.mark.parametrize("Z", [[[2.0, 1.0], [1.0, 3.0]], [[2e-155, 1e-148], [0.0, 1e-138]]])
@pytest.mark.parametrize("p", [50, 1e4, 1e15, 1e16, 1e100, 1e300])
def test_orders_and_lengths_of_any_size(Z: list, p: float) -> None:
    best, limit = (
        max_margin(Dataset.from_signed(Z), p=p),
        max_margin(Dataset.from_signed(Z), p=np.inf),
    )
    assert best.margin <= limit.margin * (1 + 1e-8)
    assert limit.margin <= 2 ** (1 / p) * best.margin * (1 + 1e-8)


@pytest.mark.parametrize("p", [1, 2, np.inf])
def test_a_solution_beyond_double_precision_is_refused_in_words(p: float) -> None:
    Z = [[2e-200, 1.0], [2e-200, -1.0]]
    try:
        best = max_margin(Dataset.from_signed(Z), p=p)
    except RuntimeError as refused:
        assert "data: the maximum margin is about" in str(refused)
    else:
        assert best.margin == pytest.approx(2e-200) and np.isfinite(best.w).all()
