"""Margins, distances and Newton's equations in l_p norms, against their definitions."""

import numpy as np
import pytest

from ibias.optima import _norms

ORDERS = [1.0, 1.25, 1.5, 2.0, 3.0, 6.0, np.inf]


def conjugate(p):
    """1/p + 1/q = 1, the two ends written out."""
    return {1.0: np.inf, np.inf: 1.0}.get(p) or 1 / (1 - 1 / p)


@pytest.mark.parametrize("p", ORDERS)
def test_holders_inequality_is_an_equality_for_the_conjugate_order(p):
    q = _norms.dual_order(p)
    assert q == pytest.approx(conjugate(p))
    if 1 < p < np.inf:
        w = np.array([0.3, -2.0, 1.0])
        g = np.sign(w) * np.abs(w) ** (p - 1)
        assert w @ g == pytest.approx(np.linalg.norm(w, p) * np.linalg.norm(g, q))
        assert _norms.inverse_gradient(g, q) == pytest.approx(w)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("dtype", [float, np.longdouble])
def test_margin_and_distance_are_what_they_say(p, dtype):
    rng = np.random.default_rng(0)
    Z, w, weights = rng.standard_normal((5, 3)), rng.standard_normal(3), rng.uniform(1, 2, 5)
    margin = min(z @ w for z in Z) / np.linalg.norm(w, p)
    assert _norms.margin_of(Z, w, p, dtype) == pytest.approx(margin)
    assert _norms.margin_of(Z, 7 * w, p) == pytest.approx(margin)
    distance = np.linalg.norm(weights @ Z / weights.sum(), conjugate(p))
    assert _norms.distance_of(Z, weights, p, dtype) == pytest.approx(distance)
    assert _norms.distance_of(Z, 7 * weights, p) == pytest.approx(distance)
    assert _norms.margin_of(Z, 0 * w, p, dtype) == 0
    assert _norms.margin_of(-Z, 1e-9 * Z[0], p) < 0


def test_sums_are_in_extended_precision_unless_another_is_asked():
    """1 + 2^-60 - 1, where the machine has a type that holds it."""
    if np.finfo(np.longdouble).eps > 2.0**-61:
        pytest.skip("this machine has no longer type")
    Z, w = np.array([[1.0, 2.0**-60, -1.0]]), np.ones(3)
    assert _norms.margin_of(Z, w, np.inf) == 2.0**-60
    assert _norms.margin_of(Z, w, np.inf, float) == 0
    rows = np.array([[1.0], [2.0**-60], [-1.0]])
    assert _norms.distance_of(rows, np.ones(3), 2) == pytest.approx(2.0**-60 / 3)
    assert _norms.distance_of(rows, np.ones(3), 2, float) == 0


@pytest.mark.parametrize("shape", [(2, 5), (4, 5), (5, 5), (6, 5)])
def test_the_row_space_keeps_all_inner_products(shape):
    Z = np.random.default_rng(1).standard_normal(shape)
    rows, basis = _norms.row_space(Z)
    assert rows.shape == (shape[0], min(shape)) and rows @ rows.T == pytest.approx(Z @ Z.T)
    if shape[1] <= shape[0]:
        assert basis is None and rows is Z
    else:
        assert rows @ basis.T == pytest.approx(Z)
        assert basis.T @ basis == pytest.approx(np.eye(shape[0]))


@pytest.mark.parametrize("m", range(1, 8))
@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("rank", [1, 7])
def test_least_squares_are_the_shortest_at_every_shape_and_rank(m, n, rank):
    rng = np.random.default_rng(2)
    k = min(rank, m, n)
    A, b = rng.standard_normal((m, k)) @ rng.standard_normal((k, n)), rng.standard_normal(m)
    assert _norms.least_squares(A, b) == pytest.approx(np.linalg.pinv(A, rcond=1e-9) @ b, abs=1e-9)


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (2, 1), (1, 2), (4, 2), (2, 4), (5, 2), (2, 5)])
def test_a_factorisation_comes_first_only_where_it_saves_work(shape, monkeypatch):
    """Beyond twice as long as wide: numpy's method then meets a square matrix."""
    met, true = [], np.linalg.lstsq

    def lstsq(A, b):
        met.append(A.shape)
        return true(A, b)

    monkeypatch.setattr(np.linalg, "lstsq", lstsq)
    _norms.least_squares(np.random.default_rng(3).standard_normal(shape), np.ones(shape[0]))
    short = min(shape)
    assert met == [(short, short) if max(shape) > 2 * short else shape]


@pytest.mark.parametrize("q", [1.2, 1.5, 2.0, 3.0, 5.0])
def test_a_newton_step_is_that_of_the_equations_written_out(q):
    rng = np.random.default_rng(4)
    A, b, a = rng.standard_normal((3, 6)), rng.standard_normal(3), rng.standard_normal(3)
    g = A.T @ a
    slope = np.diag((q - 1) * np.abs(g) ** (q - 2))
    w = np.sign(g) * np.abs(g) ** (q - 1)
    step = np.linalg.solve(A @ slope @ A.T, b - A @ w)
    newer, multipliers = _norms.kkt_newton(A, b, a, q)
    assert multipliers == pytest.approx(a + step)
    assert newer == pytest.approx(w + slope @ A.T @ step)
    assert A @ newer == pytest.approx(b)


def test_weights_whose_slope_is_infinite_stay_zero():
    """For q < 2 the slope of |g|^(q-1) is infinite at zero: the column counts for nothing."""
    A = np.array([[1.0, 0.0, 2.0], [0.5, 0.0, 0.1]])
    w, a = _norms.kkt_newton(A, np.ones(2), np.array([0.3, 0.4]), 1.5)
    less, b = _norms.kkt_newton(A[:, [0, 2]], np.ones(2), np.array([0.3, 0.4]), 1.5)
    assert w == pytest.approx([less[0], 0, less[1]]) and a == pytest.approx(b)


@pytest.mark.parametrize(("g", "q"), [(5e-324, 1.01), (1e200, 3.0)])
def test_newtons_equations_beyond_float64_are_refused(g, q):
    """The slope g^(q - 2), then w = g^(q - 1), is infinite."""
    with np.errstate(all="ignore"), pytest.raises(np.linalg.LinAlgError, match="beyond float64"):
        _norms.kkt_newton(np.array([[1.0]]), np.ones(1), np.array([g]), q)
