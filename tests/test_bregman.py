"""Bregman projections, against cvxpy, the l_p interpolants, Pythagoras and mirror descent."""

import warnings

import cvxpy
import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Regression, gaussian_regression
from ibias.optima import bregman_projection, min_norm
from ibias.optima._dual_newton import Nearest, Projection
from ibias.optima._solver import solve
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm

POTENTIALS = [
    NegativeEntropy(),
    SquaredNorm(1.5),
    SquaredNorm(2),
    SquaredNorm(3),
    PowerNorm(1.5),
    PowerNorm(4),
    HyperbolicEntropy(0.1),
    HyperbolicEntropy(3),
]


def positive_problem(seed: int, n: int = 8, d: int = 20) -> tuple[Regression, np.ndarray]:
    rng = datasets.generator(seed)
    X = rng.standard_normal((n, d))
    return Regression(X, X @ rng.uniform(0.1, 2, d)), rng.uniform(0.1, 2, d)


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_the_optimality_conditions_and_pythagoras(potential: object, seed: int) -> None:
    data, start = positive_problem(seed)
    best = bregman_projection(data, potential=potential, start=start)
    assert best.residual < 1e-9
    moved = potential.gradient(best.w) - potential.gradient(start)
    np.testing.assert_allclose(moved, data.X.T @ best.dual_variables, atol=1e-9)
    assert best.duality_gap < 1e-9
    # D(v, start) = D(v, w) + D(w, start) for every other interpolant v.
    kernel = np.linalg.svd(data.X)[2][8:]
    v = best.w + 0.01 * best.w.min() * datasets.generator(seed + 9).standard_normal(12) @ kernel
    total = potential.bregman(v, start)
    assert total == pytest.approx(potential.bregman(v, best.w) + best.divergence, abs=1e-8)


@pytest.mark.parametrize("size", [1.0, 0.1, 1e-3])
def test_the_entropy_agrees_with_cvxpy(size: float) -> None:
    data, start = positive_problem(3)
    start = size * start
    w = cvxpy.Variable(20)
    objective = cvxpy.Minimize(cvxpy.sum(cvxpy.kl_div(w, start)))
    solve(cvxpy.Problem(objective, [data.X @ w == data.y]), "projection")
    best = bregman_projection(data, potential=NegativeEntropy(), start=start)
    np.testing.assert_allclose(best.w, w.value, atol=1e-5)
    assert best.divergence <= objective.value * (1 + 1e-7)


@pytest.mark.parametrize("p", [1.2, 1.5, 2, 3, 4])
@pytest.mark.parametrize("kind", [SquaredNorm, PowerNorm])
def test_norm_potentials_from_zero_give_the_least_norm(kind: type, p: float) -> None:
    data = gaussian_regression(4)
    best = bregman_projection(data, potential=kind(p))
    np.testing.assert_allclose(best.w, min_norm(data, p=p).w, atol=1e-7)


def test_the_euclidean_projection() -> None:
    data, start = positive_problem(5)
    best = bregman_projection(data, potential=SquaredNorm(2), start=start)
    np.testing.assert_allclose(best.w, min_norm(data, start=start).w, atol=1e-12)
    assert best.divergence == pytest.approx(np.linalg.norm(best.w - start) ** 2 / 2)


def test_the_hyperbolic_entropy_between_its_two_ends() -> None:
    data = gaussian_regression(6, 20, 40, n_nonzero=4)
    large = bregman_projection(data, potential=HyperbolicEntropy(100)).w
    np.testing.assert_allclose(large, min_norm(data).w, atol=1e-7)
    least = min_norm(data, p=1).distance
    excess = [
        np.abs(bregman_projection(data, potential=HyperbolicEntropy(a)).w).sum() / least - 1
        for a in (1, 0.1, 1e-2, 1e-4, 1e-8)
    ]
    assert (np.diff(excess) < 0).all() and excess[0] > 0.1 and 0 <= excess[-1] < 1e-3


def test_a_loop_of_mirror_descent_arrives() -> None:
    data, start = positive_problem(7)
    w = start
    for _ in range(20_000):
        w = w * np.exp(-0.01 * (data.X @ w - data.y) @ data.X)
    best = bregman_projection(data, potential=NegativeEntropy(), start=start)
    np.testing.assert_allclose(w, best.w, atol=1e-7)


def test_the_known_counterexample_of_natural_gradient() -> None:
    data = Regression([[1.0, 2.0]], [1.0])
    best = bregman_projection(data, potential=NegativeEntropy(), start=[1.0, 1.0])
    np.testing.assert_allclose(best.w, [0.5, 0.25], atol=1e-14)


@pytest.mark.parametrize("unit", [1e-33, 1e-12, 1e30])
@pytest.mark.parametrize("potential", [*POTENTIALS, PowerNorm(1.05), SquaredNorm(10)], ids=str)
def test_the_projection_in_other_units(potential: object, unit: float) -> None:
    """D_psi(c v, c w) = c^k D_phi(v, w): the projection of c times a problem is c times its own."""
    data, start = positive_problem(8)
    best = bregman_projection(data, potential=potential, start=start)
    other, power = potential.in_units(1 / unit)
    large = bregman_projection(
        Regression(data.X, unit * data.y), potential=other, start=unit * start
    )
    np.testing.assert_allclose(large.w, unit * best.w, rtol=1e-7, atol=1e-9 * unit)
    assert large.divergence == pytest.approx(best.divergence * unit**power, rel=1e-7)
    moved = other.gradient(large.w) - other.gradient(large.start)
    pulled = data.X.T @ large.dual_variables
    np.testing.assert_allclose(moved, pulled, atol=1e-9 * np.abs(pulled).max(), rtol=0)


def test_weights_whose_potential_is_no_number_and_the_advice() -> None:
    data, potential = gaussian_regression(4), PowerNorm(10)
    with pytest.raises(ValueError, match=r"Divide y \(and start\) by 3e-36: the projection"):
        bregman_projection(Regression(data.X, 1e-35 * data.y), potential=potential)
    advised = Regression(data.X, 1e-35 * data.y / 3e-36)
    assert bregman_projection(advised, potential=potential).residual < 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_flat_potentials_whose_small_weights_no_mirror_image_tells_apart(seed: int) -> None:
    """The least norm of a high order: w against the multipliers, each from w alone."""
    rng = datasets.generator(seed)
    X, w = rng.standard_normal((22, 24)), rng.standard_normal(24)
    best = bregman_projection(Regression(X, X @ w), potential=PowerNorm(10))
    assert best.residual < 1e-8 * np.linalg.norm(X @ w)
    kernel = np.linalg.svd(X)[2][22:]
    image = PowerNorm(10).gradient(best.w)
    assert np.abs(kernel @ image).max() < 1e-8 * np.abs(image).max()


@pytest.mark.parametrize(("scale", "size"), [(1e-12, 1e20), (1e-30, 1.0)])
def test_weights_that_grow_by_many_powers_of_ten(scale: float, size: float) -> None:
    """From u = v = scale the interpolant is next to the one of least l_1 norm."""
    data = gaussian_regression(6, 10, 20)
    data = Regression(data.X, size * data.y)
    best = bregman_projection(data, potential=HyperbolicEntropy(scale))
    least = min_norm(data, p=1)
    excess = np.abs(best.w).sum() / least.distance - 1
    assert -1e-9 < excess < 1 / np.log(size / scale)
    image = HyperbolicEntropy(scale).gradient(best.w)
    np.testing.assert_allclose(data.X.T @ best.dual_variables, image, atol=1e-9 * image.max())


def test_a_point_that_newtons_method_takes_for_the_solution_is_not() -> None:
    """Near zero this potential is so steep that any step is short, and says nothing."""
    rows = np.linalg.qr(datasets.generator(3).standard_normal((8, 3)))[0].T
    problem = Projection(rows, HyperbolicEntropy(1e-30), np.zeros(8))
    w = rows.T @ np.ones(3)
    assert problem.by_kernel(np.ones(3), Nearest(w, np.zeros(3), 1.0)).relative > 1e-3


@pytest.mark.parametrize("potential", [SquaredNorm(2), PowerNorm(3), HyperbolicEntropy(1.0)])
@pytest.mark.parametrize("start", [[0.0, 0.0, 0.0], [2.0, -1.0, 0.0], [0.0, 0.0, 3.0]])
def test_a_projection_may_be_exactly_zero(potential: object, start: list[float]) -> None:
    everything = Regression(np.eye(3), np.zeros(3))
    two = Regression([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.0, 0.0])
    one = Regression([[1.0, 2.0, 0.0]], [0.0])
    for data, w in (
        (everything, np.zeros(3)),
        (two, [0.0, 0.0, start[2]]),
        (one, start),
    ):
        found = bregman_projection(data, potential=potential, start=start)
        assert found.w == pytest.approx(w, abs=1e-12)
        assert found.error_estimate <= 1e-8 * max(1.0, np.linalg.norm(w))


def test_no_warning_stands_before_the_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="is no number in float64"):
            bregman_projection(Regression([[1.0, 0.0]], [2.0**160]), potential=PowerNorm(10))


def test_targets_that_no_w_of_the_domain_fits() -> None:
    data = Regression([[1.0, 2.0]], [-1.0])
    with pytest.raises(RuntimeError, match="no w at which the potential is finite"):
        bregman_projection(data, potential=NegativeEntropy())
    twice = Regression([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="no w fits the targets"):
        bregman_projection(twice, potential=SquaredNorm(2))


def test_a_weight_that_underflows_is_refused_and_the_advice_works() -> None:
    data = Regression([[1.0, 30.0]], [1e-29])  # from one, the second weight is e^-2000
    with pytest.raises(ValueError, match=r"below the smallest number.*such as np\.full") as refused:
        bregman_projection(data, potential=NegativeEntropy())
    size = float(str(refused.value).rsplit(", ", 1)[1].rstrip(")."))
    best = bregman_projection(data, potential=NegativeEntropy(), start=np.full(2, size))
    assert (best.w > 0).all()
    np.testing.assert_allclose(data.X @ best.w, data.y, rtol=1e-12)
    a, b = np.log(best.w / size)
    assert b == pytest.approx(30 * a, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": np.eye(2)}, "data must be a Regression"),
        ({"potential": "entropy"}, r"potential must be a Potential.*NegativeEntropy\(\)"),
        ({"start": np.zeros(30)}, "greater than 0"),
        ({"start": np.ones(3)}, r"start has shape \(3,\)"),
    ],
)
def test_bad_input_is_refused_by_name(arguments: dict, words: str) -> None:
    good = {"data": gaussian_regression(0), "potential": NegativeEntropy()}
    with pytest.raises(ValueError, match=words):
        bregman_projection(**{**good, **arguments})


@pytest.mark.parametrize("potential", POTENTIALS[1:], ids=str)
@pytest.mark.parametrize("size", [1e-100, 1e-20, 1e-12, 1e-8, 1e8, 1e11, 1e100])
def test_a_short_sample_is_an_equation_like_the_others(size: float, potential) -> None:
    plain = np.array([[-2.0, 1, 0, -1, 2], [-2, -1, -2, 2, 0], [2, -1, 1, -2, 2]])
    sought, units = np.array([1.0, 2, 0, -1, 1]), np.array([1.0, 1.0, size])
    even = bregman_projection(Regression(plain, plain @ sought), potential=potential)
    X = plain * units[:, None]
    found = bregman_projection(Regression(X, X @ sought), potential=potential)
    assert found.w == pytest.approx(even.w, abs=1e-9)
    assert found.dual_variables * units == pytest.approx(even.dual_variables, rel=1e-6, abs=1e-9)
    # A repeated sample in other units is the same equation; another target contradicts it.
    twice, targets = np.vstack([X, 1e-9 * X[0]]), np.append(X @ sought, 1e-9 * (X @ sought)[0])
    found = bregman_projection(Regression(twice, targets), potential=potential)
    assert found.w == pytest.approx(even.w, abs=1e-9)
    targets[3] += 1e-9
    with pytest.raises(ValueError, match="no w fits"):
        bregman_projection(Regression(twice, targets), potential=potential)


@pytest.mark.parametrize("potential", [NegativeEntropy(), HyperbolicEntropy(1.0), PowerNorm(3)])
def test_columns_of_three_sizes_leave_no_error_that_the_estimate_does_not_see(potential):
    """One least-squares fit was taken for the equations; it was off by 1e-16 of the condition."""
    worst = 0.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        w = rng.integers(2, 8, 3) / 4
        X = rng.integers(-99, 99, (3, 3)) * [512.0, 1.0, 2.0**-10]
        if abs(np.linalg.det(X / [512.0, 1.0, 2.0**-10])) < 1:
            continue
        data = Regression(X, X @ w)  # without rounding: w is the only solution
        try:
            found = bregman_projection(data, potential=potential, start=[0.5, 0.5, 0.5])
        except RuntimeError:
            continue
        off = np.linalg.norm(found.w - w)
        worst = max(worst, off / np.linalg.norm(w))
        assert off <= 10 * found.error_estimate + 1e-12
    assert worst < 1e-8


@pytest.mark.parametrize("potential", [NegativeEntropy(), PowerNorm(2.0)])
@pytest.mark.parametrize("power", range(20, 51))
def test_samples_that_nearly_repeat_each_other_are_two_equations(power: int, potential) -> None:
    """The sum of all three and the third: (1.5, 1.5, 4), and the two others alike."""
    e = 2.0**-power
    data = Regression([[1, 1, 1], [1, 1, 1 + e]], [7, 7 + 4 * e])
    found = bregman_projection(data, potential=potential, start=np.ones(3))
    assert found.w == pytest.approx([1.5, 1.5, 4.0], rel=1e-12)
    assert found.error_estimate < 1e-12 and found.duality_gap < 1e-12
