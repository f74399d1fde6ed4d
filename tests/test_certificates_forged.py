"""Reference optima whose solver was forged: what the certificate allows passes, twice it does not.

And each step of them alone, against its definition.
"""

import types

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Completion, Dataset, MulticlassDataset, Regression, Sensing
from ibias.optima import (
    NotSeparable,
    hinge,
    hinge_machine,
    kernel,
    kernel_margin,
    l1_penalty,
    lasso,
    max_margin,
    min_spectral_norm,
    multiclass_margin,
    schatten,
    schatten_margin,
    sparse_certificate,
)
from ibias.optima._norms import power_of_two

# ---- the hinge machine: one sample z = 1, w = min(1, 1 / penalty)


def primal(Z, w, penalty):
    return np.maximum(0, 1 - Z @ w).mean() + penalty / 2 * w @ w


def dual(Z, a, penalty):
    return a.mean() - np.linalg.norm(a @ Z / len(Z)) ** 2 / (2 * penalty)


def test_the_gap_of_the_hinge_is_primal_minus_dual():
    rng = datasets.generator(0)
    Z, w, a, penalty = (
        rng.standard_normal((6, 3)),
        rng.standard_normal(3),
        rng.uniform(0, 1, 6),
        0.3,
    )
    cost = 1 / (6 * penalty)
    gap = hinge._gap(cost, w, a, 1 - Z @ w, cost * a @ Z)
    assert gap == pytest.approx(primal(Z, w, penalty) - dual(Z, a, penalty))


@pytest.mark.parametrize("size", [2.0**-10, 1.0, 2.0**10])
@pytest.mark.parametrize("part", [0.5, 0.2])
@pytest.mark.parametrize(("e", "passes"), [(0.8e-9, True), (1.3e-9, False)])
def test_a_hinge_machine_that_is_off_is_an_error(size, part, e, passes, monkeypatch):
    """Of penalty c the objective at w = 1 is c / 2; w = 1 - d costs d (1 - c) more."""
    d = e * part / 2 / (1 - part)
    forged = np.array([1 - d]), np.array([part, part])
    monkeypatch.setattr(hinge, "_hard", lambda Z, cost: forged)
    monkeypatch.setattr(hinge, "least_shortfall", lambda *_: (forged[0], forged[1] / part / 2))
    monkeypatch.setattr(hinge, "LIFTS", 0)
    data, penalty = Dataset([[size], [-size]], [1, -1]), part * size**2
    if passes:
        best = hinge_machine(data, penalty=penalty)
        assert best.w == pytest.approx([(1 - d) / size], rel=1e-14)
        assert best.objective == pytest.approx(part / 2) and best.penalty == penalty
        assert best.duality_gap == pytest.approx(e * part / 2, rel=1e-3)
        assert best.support.tolist() == [0, 1] and best.dual_variables.tolist() == [part, part]
        return
    with pytest.raises(RuntimeError, match="the hinge machine was found only to") as caught:
        hinge_machine(data, penalty=penalty)
    assert f"a penalty of at least {2 * size**2:.0e}" in str(caught.value)
    assert f"penalty={penalty:g}" in str(caught.value)


@pytest.mark.parametrize("cost", [0.3, 2.0])
def test_the_hard_margin_is_taken_while_no_dual_variable_exceeds_one(cost):
    """z = 1 and -z: the multipliers of the margin sum to one, so each may be 1 / cost."""
    Z = np.array([[1.0, 0.2], [1.0, -0.2]])  # w = (1, 0), p = 1/2 each
    found = hinge._hard(Z, cost)
    if cost < 0.5:
        assert found is None
        return
    w, weights = found
    assert w == pytest.approx([1, 0]) and weights == pytest.approx([0.5 / cost] * 2)
    assert cost * weights @ Z == pytest.approx(w)


def test_the_hard_machine_is_that_of_the_margin():
    Z = datasets.separable(3, 12, 4).Z
    best = max_margin(Dataset.from_signed(Z))
    cost = 2 * best.dual_variables.max() / best.margin**2
    w, weights = hinge._hard(Z, cost)
    assert w == pytest.approx(best.w, rel=1e-9)
    assert weights == pytest.approx(best.dual_variables / best.margin**2 / cost, abs=1e-9)
    assert weights.max() == pytest.approx(0.5)
    assert hinge._hard(Z, 0.49 * cost) is None


def test_multipliers_that_come_out_above_one_are_one():
    """Sample 0 is on the margin and sample 1 far below: to hold both, 0 would pull by 3/2."""
    Z, rough = np.array([[1.0], [-1.0]]), np.array([1.0, 0.5])
    assert hinge._hinge_polish(Z, 2.0, rough, 1e-5) == pytest.approx([1, 1])


def test_a_sample_without_a_weight_is_not_put_on_the_margin():
    """It is above it by less than the width: the other one alone gives w = 1."""
    Z, rough = np.array([[1.0], [1.0 + 5e-6]]), np.array([1.0, 0.0])
    assert hinge._hinge_polish(Z, 1.0, rough, 1e-5) == pytest.approx([1, 0], abs=1e-12)


def test_the_polish_is_tried_at_three_widths(monkeypatch):
    met, true = [], hinge._hinge_polish

    def watched(Z, cost, weights, width):
        met.append(width)
        return true(Z, cost, weights, width)

    monkeypatch.setattr(hinge, "_hinge_polish", watched)
    hinge._soft(datasets.generator(0).standard_normal((20, 3)) + 0.3, 0.3)
    assert met == [1e-3, 1e-5, 1e-7]


def test_without_a_margin_there_is_no_hard_machine(monkeypatch):
    assert hinge._hard(np.array([[1.0], [-1.0]]), 1.0) is None

    def too_small(*_):
        raise RuntimeError

    monkeypatch.setattr(hinge, "margin_of_rows", too_small)
    assert hinge._hard(np.eye(2), 1e3) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cost", [0.02, 0.3, 5.0])
def test_the_soft_machine_alone(seed, cost):
    """The solver alone is within 1e-6; the best of the polished ones is within rounding."""
    Z = datasets.generator(seed).standard_normal((20, 3)) + 0.3
    rough = hinge._hinge_solve(Z, cost)
    assert ((rough >= 0) & (rough <= 1)).all()
    pull = cost * rough @ Z
    assert hinge._gap(cost, pull, rough, 1 - Z @ pull, pull) < 1e-5
    w, weights = hinge._soft(Z, cost)
    assert w == pytest.approx(cost * weights @ Z)
    assert hinge._gap(cost, w, weights, 1 - Z @ w, w) < 1e-10
    assert ((weights >= 0) & (weights <= 1)).all()


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("width", [1e-3, 1e-5])
def test_rough_dual_variables_are_polished(seed, width):
    """Below the margin one, above it zero, and on it what the equations say."""
    Z, cost = datasets.generator(seed).standard_normal((20, 3)) + 0.3, 0.3
    w, exact = hinge._soft(Z, cost)
    rng = datasets.generator(9)
    rough = np.clip(exact + width / 100 * rng.uniform(-1, 1, 20), 0, 1)
    polished = hinge._hinge_polish(Z, cost, rough, width)
    assert polished == pytest.approx(exact, abs=1e-9)
    margins = Z @ w
    assert (polished[margins < 1 - 1e-6] == 1).all() and (polished[margins > 1 + 1e-6] == 0).all()
    on = np.abs(margins - 1) < 1e-6
    assert on.any() and Z[on] @ (cost * polished @ Z) == pytest.approx(np.ones(on.sum()))


@pytest.mark.parametrize("penalty", [0.5, 5.0])
def test_wide_data_have_their_machine_turned_back(penalty):
    """More features than samples: as in the row space."""
    data = datasets.separable(1, 5, 9)
    best = hinge_machine(data, penalty=penalty)
    assert best.w == pytest.approx(best.dual_variables @ data.Z / (5 * penalty), abs=1e-7)
    assert best.objective == pytest.approx(primal(data.Z, best.w, penalty))
    assert best.duality_gap == pytest.approx(
        best.objective - dual(data.Z, best.dual_variables, penalty), abs=1e-9
    )
    assert best.support.tolist() == np.flatnonzero(best.dual_variables > 0).tolist()


# ---- the Lasso


def test_the_gap_of_the_lasso_is_primal_minus_dual():
    """Of a residual that is shortened until no column correlates by more than the bound."""
    rng = datasets.generator(1)
    A, b, v = rng.standard_normal((5, 4)), rng.standard_normal(5), 0.1 * rng.standard_normal(4)
    for size in (0.01, 1.0, 100.0):
        r = b - size * A @ v
        steepest = size * np.abs(A.T @ r).max()
        for bound in (0.3 * steepest, 1.5 * steepest):
            s = r * min(1, bound / steepest)
            apart = r @ r / 2 + bound * np.abs(v).sum() - (b @ b - (b - s) @ (b - s)) / 2
            assert apart > 0
            gap = l1_penalty._gap(size * A, b, bound, v)
            assert gap == pytest.approx(apart / (b @ b / 2))
    assert l1_penalty._gap(np.zeros((2, 1)), np.ones(2), 1.0, np.zeros(1)) == 0
    # Of targets of zero the gap is absolute: v^2 / 2 + v / 4, less nothing but the residual's.
    gap = l1_penalty._gap(np.eye(1), np.zeros(1), 0.25, np.array([2.0]))
    assert gap == pytest.approx(2**2 / 2 + 2 / 4 + 0.25**2 / 2)


def test_a_gap_of_the_lasso_that_rounds_below_zero_is_zero():
    assert l1_penalty._gap(np.eye(1), np.ones(1), 0.25, np.array([0.75])) == 0


def test_the_polish_goes_from_anywhere_to_the_conditions_of_a_minimum():
    rng = datasets.generator(2)
    A, b, bound = rng.standard_normal((8, 4)), rng.standard_normal(8), 0.1
    for v in ([0.5, 0.0, -0.2, 0.1], [-0.5, 0.3, 0.2, 0.0], np.zeros(4)):
        better = l1_penalty._polished(A, b, bound, np.array(v))
        pull, on = A.T @ (b - A @ better), better != 0
        assert pull[on] == pytest.approx(bound * np.sign(better[on]))
        assert (np.abs(pull[~on]) <= bound).all() and on.any()


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("part", "passes"), [(0.8, True), (1.3, False)])
def test_a_lasso_that_is_off_is_an_error(size, part, passes, monkeypatch):
    """(v - 1)^2 / 2 + v / 4 has its minimum at 3/4; off by e it is off by e^2 of its value at 0.

    The residual as a dual point says 1.5 e. It is enough where e is as small.
    """
    e = part * 1e-10 / 1.5 if passes else np.sqrt(part * 1e-10)
    A, b = 1.5, size / power_of_two(size)  # in units that are powers of two
    v = np.array([0.75 + e]) * b / A
    u = v[0] / (1 + 0.75 * A * b * v[0])  # what the active set method would say for v
    for better in ("_polished", "_refined"):
        monkeypatch.setattr(l1_penalty, better, lambda *_: v)
    monkeypatch.setattr(l1_penalty, "nnls", lambda *_, **__: (np.array([u, 0.0]), 0.0))
    y, penalty = size, 0.25 * 3.0 * size / 2
    data, gap = Regression([[3.0], [0.0]], [y, 0.0]), part * 1e-10
    if passes:
        best = lasso(data, penalty=penalty)
        assert best.w == pytest.approx((0.75 + e) * y / 3, rel=1e-14)
        assert best.duality_gap == pytest.approx(gap * y**2 / 4, rel=1e-3)
        value = (3 * best.w[0] - y) ** 2 / 4 + penalty * best.w[0]
        assert best.value == pytest.approx(value)
        return
    with pytest.raises(RuntimeError, match=r"up to a relative gap of 1\.3e-10.*a penalty of"):
        lasso(data, penalty=penalty)


@pytest.mark.parametrize("polished", [True, False])
def test_the_better_of_the_rough_and_the_polished_lasso_is_taken(polished, monkeypatch):
    """A polish that spoils it changes nothing, and the active set alone is good."""
    rng = datasets.generator(3)
    data = Regression(rng.standard_normal((8, 20)), rng.standard_normal(8))
    best = lasso(data, penalty=0.1)
    if not polished:
        monkeypatch.setattr(l1_penalty, "_polished", lambda A, b, bound, v: 2 * v)
    else:
        true = l1_penalty._polished
        monkeypatch.setattr(
            l1_penalty, "nnls", lambda G, h, **_: (np.r_[best.w.clip(0), (-best.w).clip(0)], 0)
        )
        monkeypatch.setattr(
            l1_penalty, "_polished", lambda A, b, bound, v: true(A, b, bound, np.sign(v))
        )
    again = lasso(data, penalty=0.1)
    assert again.w == pytest.approx(best.w, abs=1e-8)
    assert again.value == pytest.approx(best.value)
    residual = data.X @ best.w - data.y
    value = residual @ residual / (2 * 8) + 0.1 * np.abs(best.w).sum()
    assert best.value == pytest.approx(value)


def test_more_features_need_more_steps_of_the_active_set(monkeypatch):
    met = []
    true = l1_penalty.nnls

    def watched(A, b, maxiter):
        met.append(maxiter)
        return true(A, b, maxiter=maxiter)

    monkeypatch.setattr(l1_penalty, "nnls", watched)
    lasso(Regression(np.eye(3), np.ones(3)), penalty=0.1)
    assert met == [90]


# ---- the margin over a kernel


def test_a_kernel_may_be_off_by_rounding_only():
    """Its symmetry, and its smallest eigenvalue beside the largest."""
    turn = np.linalg.qr(datasets.generator(0).standard_normal((3, 3)))[0]
    for size in (1e-3, 1.0, 1e3):
        for least, passes in ((-0.8e-9, True), (-1.2e-9, False)):
            K = size * turn @ np.diag([1.0, 0.5, least]) @ turn.T
            K = (K + K.T) / 2
            y = np.sign(turn[:, :2] @ [0.7, -0.4])
            if passes:
                assert kernel_margin(K, y).margin > 0
                continue
            with pytest.raises(ValueError, match="its smallest eigenvalue is -"):
                kernel_margin(K, y)
    for bad in (-np.eye(2), np.zeros((2, 2)), np.diag([0.0, -1.0])):
        with pytest.raises(ValueError, match="must be positive semidefinite and not zero"):
            kernel_margin(bad, [1, -1])
    with pytest.raises(ValueError, match="kernel must be symmetric"):
        kernel_margin(np.array([[1.0, 0.5], [0.5 + 1e-4, 1.0]]), [1, -1])


@pytest.mark.parametrize("n", [2, 3, 6])
def test_a_kernel_of_rank_one_has_a_margin(n):
    """K = v v^T, and labels of the signs of v: f = sign(v) min |v|."""
    for seed in range(3):
        v = datasets.generator(seed).uniform(0.5, 2, n) * np.where(np.arange(n) % 2, -1, 1)
        best = kernel_margin(np.outer(v, v), np.sign(v))
        assert best.margin == pytest.approx(np.abs(v).min())
        assert abs(v @ best.coefficients) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(2,), (2, 2, 2)])
def test_a_kernel_is_a_matrix(shape):
    with pytest.raises(ValueError, match="kernel"):
        kernel_margin(np.ones(shape), [1, -1])


def test_eigenvalues_that_are_rounding_are_no_features(monkeypatch):
    met = []

    def watched(Z, p):
        met.append(Z)
        return types.SimpleNamespace(dual_variables=np.array([0.5, 0.5, 0.0, 0.0]))

    monkeypatch.setattr(kernel, "margin_of_rows", watched)
    for least, n in ((0.5e-12, 3), (2e-12, 4)):
        for size in (1e-3, 1e3):
            K = size * np.diag([1.0, 1.0, 1e-6, least])
            with pytest.raises(RuntimeError, match="the kernel is too close to singular"):
                kernel_margin(K, [1, -1, 1, 1])
            y = np.array([1, -1, 1, 1])
            assert met[0].shape[1] == n
            assert pytest.approx(K * np.outer(y, y), abs=1e-11 * size) == met[0] @ met[0].T
            met.clear()


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("d", "passes"), [(0.4e-7, True), (0.6e-7, False)])
def test_a_kernel_margin_that_is_off_is_an_error(size, d, passes, monkeypatch):
    """K = 1: the weights 1/2 + d, 1/2 - d have a margin smaller by 2 d."""
    p = 3 * np.array([0.5 + d, 0.5 - d])  # of any sum
    monkeypatch.setattr(
        kernel, "margin_of_rows", lambda *_: types.SimpleNamespace(dual_variables=p)
    )
    if passes:
        best = kernel_margin(size * np.eye(2), [1, -1])
        root = np.sqrt(size)
        assert best.margin == pytest.approx(root / np.sqrt(2) * (1 - 2 * d), rel=1e-12)
        assert best.duality_gap == pytest.approx(root / np.sqrt(2) * 2 * d, rel=1e-6)
        assert best.dual_variables is p
        assert best.coefficients == pytest.approx(p * [1, -1] / np.linalg.norm(p) / root)
        return
    with pytest.raises(RuntimeError, match="could be certified only to"):
        kernel_margin(size * np.eye(2), [1, -1])


@pytest.mark.parametrize(("c", "passes"), [(0.6e-7, True), (1.5e-7, False)])
def test_a_gap_of_a_kernel_below_zero_is_rounding_or_an_error(c, passes, monkeypatch):
    """Signed, the third is the sum of the others: a weight of -c takes c off the distance."""
    K, p = np.array([[1.0, 0, 1], [0, 1, -1], [1, -1, 2]]), np.array([0.5, 0.5, -c])
    monkeypatch.setattr(
        kernel, "margin_of_rows", lambda *_: types.SimpleNamespace(dual_variables=p)
    )
    if passes:
        assert kernel_margin(K, [1, -1, 1]).duality_gap == pytest.approx(-c / np.sqrt(2), rel=1e-5)
        return
    with pytest.raises(RuntimeError, match="could be certified only to"):
        kernel_margin(K, [1, -1, 1])


def test_a_kernel_margin_below_zero_is_an_error(monkeypatch):
    p = np.array([0.5, -0.5])
    monkeypatch.setattr(
        kernel, "margin_of_rows", lambda *_: types.SimpleNamespace(dual_variables=p)
    )
    with pytest.raises(RuntimeError, match="the margin is about -"), np.errstate(all="ignore"):
        kernel_margin(np.eye(2), [1, -1])


# ---- norms of singular values


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("norm", ["nuclear", "spectral"])
def test_one_sample_a_class_along_the_axes(k, size, norm):
    """By symmetry W = I - 1/k: its k - 1 singular values are one, its margins are one."""
    data = MulticlassDataset(size * np.eye(k), np.arange(k))
    best = schatten_margin(data, norm=norm)
    value = {"nuclear": k - 1, "spectral": 1}[norm]
    assert best.margin == pytest.approx(size / value, rel=1e-5)
    assert best.norm == norm
    assert (data.Z @ best.W.ravel()).min() == pytest.approx(1)
    order = {"nuclear": "nuc", "spectral": 2}
    assert best.margin == pytest.approx(1 / np.linalg.norm(best.W, order[norm]))
    assert best.dual_variables.sum() == pytest.approx(1) and (best.dual_variables >= 0).all()
    other = order["spectral" if norm == "nuclear" else "nuclear"]
    mean = (best.dual_variables @ data.Z).reshape(k, k)
    assert best.duality_gap == pytest.approx(np.linalg.norm(mean, other) - best.margin, abs=1e-12)
    assert -1e-9 <= best.duality_gap / best.margin <= 1e-6


def test_the_margins_of_both_norms_of_uneven_shapes():
    data = datasets.separable_classes(seed=4, n_samples=9, n_features=6, n_classes=3)
    nuclear, spectral = (schatten_margin(data, norm=norm) for norm in ("nuclear", "spectral"))
    assert nuclear.W.shape == spectral.W.shape == (3, 6)
    euclid = multiclass_margin(data).margin
    assert nuclear.margin <= euclid * (1 + 1e-6) and euclid <= spectral.margin * (1 + 1e-6)
    assert nuclear.margin < 0.999 * spectral.margin
    with pytest.raises(ValueError, match="unknown norm"):
        schatten_margin(data, norm="frobenius")


@pytest.mark.parametrize(
    ("gap", "what", "passes"),
    [
        (0.9e-6, "margin", True),
        (1.1e-6, "margin", False),
        (0.9e-5, "norm", True),
        (1.1e-5, "norm", False),
        (-0.9e-9, "norm", True),
        (-1.1e-9, "norm", False),
    ],
)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_gap_of_singular_values_is_within_its_bounds_or_an_error(gap, what, passes, size):
    assert schatten._within(gap * size, size, what) == passes


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_least_spectral_norm_of_seen_sums(size):
    """The trace of a 2 x 3 matrix is 2 size: the identity, with two singular values of size."""
    problem = Sensing([np.eye(2, 3)], [2 * size])
    best = min_spectral_norm(problem)
    assert pytest.approx(size * np.eye(2, 3), abs=1e-4 * size) == best.W
    assert best.value == pytest.approx(size, rel=1e-5)
    assert best.value == pytest.approx(np.linalg.norm(best.W, 2))
    assert np.tensordot(problem.sensors, best.W, axes=2) == pytest.approx([2 * size], rel=1e-12)
    assert best.dual_variables == pytest.approx([0.5])
    assert best.duality_gap == pytest.approx(best.value - 2 * size * 0.5, abs=1e-12 * size)


@pytest.mark.parametrize("seed", range(2))
def test_the_least_spectral_norm_has_multipliers_that_prove_it(seed):
    rng = datasets.generator(seed)
    problem = Sensing(rng.standard_normal((4, 3, 2)), rng.standard_normal(4))
    best = min_spectral_norm(problem)
    pulled = np.tensordot(best.dual_variables, problem.sensors, axes=1)
    assert np.linalg.norm(pulled, "nuc") == pytest.approx(1)
    lower = problem.observations @ best.dual_variables
    assert best.value - lower == pytest.approx(best.duality_gap, abs=1e-12)
    assert -1e-9 <= best.duality_gap / best.value <= 1e-5
    assert np.tensordot(problem.sensors, best.W, axes=2) == pytest.approx(problem.observations)
    negative = min_spectral_norm(Sensing(problem.sensors, -problem.observations))
    assert negative.value == pytest.approx(best.value, rel=1e-4)


def test_what_the_solver_misses_of_the_observations_is_added_and_its_multipliers_rescaled(
    monkeypatch,
):
    true = schatten.solve

    def spoilt(problem, what):
        true(problem, what)
        (W,), (fits,) = problem.variables(), problem.constraints
        W.value = W.value + 1e-7
        fits.dual_variables[0].save_value(-0.5 * fits.dual_value)

    problem = Sensing([np.eye(2, 3)], [6.0])
    best = min_spectral_norm(problem)
    monkeypatch.setattr(schatten, "solve", spoilt)
    again = min_spectral_norm(problem)
    assert np.tensordot(problem.sensors, again.W, axes=2) == pytest.approx([6.0], rel=1e-12)
    assert again.dual_variables == pytest.approx(best.dual_variables)
    assert again.value == pytest.approx(best.value, rel=1e-6)


def test_observations_of_zero_have_the_matrix_zero():
    best = min_spectral_norm(Completion([[True, False]], [[0.0, 0.0]]))
    assert best.value == pytest.approx(0, abs=1e-9)


# ---- the proof of a least l_1 norm


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_weights_next_to_zero_beside_the_largest_are_none(size):
    """Column 2 is half of column 1; a weight of 1e-10 of the largest does not count."""
    data = Regression([[2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0, 1.0])
    for small, support in ((0.5e-9, [0, 2]), (2e-9, None)):
        w = size * np.array([1.0, small, -1.0])
        if support is None:
            with pytest.raises(ValueError, match="no multipliers have the signs"):
                sparse_certificate(data, w)
            continue
        proof = sparse_certificate(data, w)
        assert proof.support.tolist() == support
        assert proof.dual_variables == pytest.approx([0.5, -1])
        assert proof.off_support == pytest.approx(0.5)


def test_the_multipliers_of_smallest_value_off_the_support_are_taken():
    """a_1 + a_2 = 1 on the support; off it the larger of |a_1| and |a_2| is least at a half."""
    data = Regression([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]], [1.0, 1.0])
    proof = sparse_certificate(data, np.array([2.0, 0.0, 0.0]))
    assert proof.dual_variables == pytest.approx([0.5, 0.5])
    assert proof.off_support == pytest.approx(0.5)
    flat = sparse_certificate(Regression([[1.0]], [1.0]), np.array([-3.0]))
    assert flat.off_support == 0 and flat.dual_variables == pytest.approx([-1])


def test_weights_of_another_shape_have_no_proof():
    data = Regression([[1.0, 1.0]], [1.0])
    for w in (np.ones((1, 2)), np.ones(3), np.zeros(2)):
        with pytest.raises(ValueError, match="w "):
            sparse_certificate(data, w)


# ---- several classes


def test_every_field_of_a_multiclass_margin():
    data = datasets.separable_classes(seed=5, n_samples=8, n_features=4, n_classes=3)
    best = multiclass_margin(data)
    scores = data.X @ best.W.T
    assert best.decision_function(data.X) == pytest.approx(scores)
    assert best.predict(data.X).tolist() == data.y.tolist()
    assert best.dual_variables.shape == (8, 3)
    pairs = [tuple(pair) for pair in data.pairs]
    on = [(i, r) for i, r in pairs if scores[i, data.y[i]] - scores[i, r] <= 1 + 1e-7]
    assert [tuple(pair) for pair in best.support] == on
    assert abs(best.duality_gap) <= 1e-9 * best.margin and not best.W.flags.writeable
    with pytest.raises(NotSeparable):
        multiclass_margin(MulticlassDataset([[1.0], [1.0]], [0, 1]))
