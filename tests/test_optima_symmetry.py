"""Reference optima turn with the data, scale with the data, and live in the span of the data."""

import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from ibias import datasets, models, optima, potentials
from ibias.datasets import Dataset
from ibias.models import Network
from ibias.optima import bias, nuclear
from ibias.optima._advice import too_small
from ibias.optima._dual_newton import Nearest, Projection, descent
from ibias.optima.interpolation import _least_squares
from ibias.optima.stationarity import _kinks

SEPARABLE = datasets.separable(0, 20, 4)
OVERLAPPING = Dataset.from_signed(datasets.generator(1).standard_normal((30, 4)) + 0.3)
# A part of the classes overlaps, along the first two features; the rest can be told apart.
BOTH = Dataset(
    np.vstack([np.c_[OVERLAPPING.X[:, :2], np.zeros((30, 2))], SEPARABLE.X]),
    np.r_[OVERLAPPING.y, SEPARABLE.y],
)
TARGETS = datasets.gaussian_regression(0, 3, 4)
CLASSES = datasets.separable_classes(0, 12, 4, 3)
START = np.array([1.0, -0.5, 0.25, 2.0])


def isometry(n: int) -> np.ndarray:
    """Return orthonormal columns, of four features into n."""
    return np.linalg.qr(datasets.generator(2).standard_normal((n, 4)))[0]


def mapped(data: object, Q: np.ndarray) -> object:
    """Return the data with inputs Q x."""
    return type(data)(data.X @ Q.T, data.y)


# name: the data, and the weights of an optimum; the start turns with the data
EUCLIDEAN: dict[str, tuple[object, Callable]] = {
    "maximum margin": (SEPARABLE, lambda data, _: optima.max_margin(data).w),
    "free bias": (SEPARABLE, lambda data, _: optima.max_margin_with_bias(data).w),
    "hinge, overlapping": (OVERLAPPING, lambda data, _: optima.hinge_machine(data, penalty=0.1).w),
    "hinge, hard": (SEPARABLE, lambda data, _: optima.hinge_machine(data, penalty=1e-6).w),
    "power-law tail": (SEPARABLE, lambda data, _: optima.tail_direction(data, power=1.5).w),
    "separation": (SEPARABLE, lambda data, _: optima.expansion(data).w),
    "bounded part": (BOTH, lambda data, _: optima.bounded_part_and_ray(data).bounded),
    "minimiser": (OVERLAPPING, lambda data, _: optima.bounded_part_and_ray(data).bounded),
    "ridge": (OVERLAPPING, lambda data, _: optima.ridge_path(data, log_penalty=[-2.0]).w[0]),
    "least norm": (TARGETS, lambda data, _: optima.min_norm(data).w),
    "nearest": (TARGETS, lambda data, Q: optima.min_norm(data, start=Q @ START).w),
    "projection": (
        TARGETS,
        lambda data, Q: (
            optima.bregman_projection(data, potential=potentials.SquaredNorm(2), start=Q @ START).w
        ),
    ),
    "weight-normalised": (
        TARGETS,
        lambda data, Q: optima.weight_normalized_interpolant(data, start=Q @ START).w,
    ),
    "several classes": (CLASSES, lambda data, _: optima.multiclass_margin(data).W),
    "nearest separator": (
        SEPARABLE,
        lambda data, Q: optima.nearest_separator(data, -Q @ START).w,
    ),
}


@pytest.mark.parametrize("name", EUCLIDEAN)
@pytest.mark.parametrize("n", [4, 7, 60])
def test_an_isometry_of_the_inputs_turns_the_optimum(name: str, n: int) -> None:
    """Also into more dimensions than there are samples, where the optimum stays in the span."""
    data, weights = EUCLIDEAN[name]
    w = weights(data, np.eye(4))
    Q = isometry(n)
    turned = weights(mapped(data, Q), Q)
    assert turned == pytest.approx(w @ Q.T, abs=1e-6 * np.abs(w).max())


@pytest.mark.parametrize("size", [1e-70, 1e-9, 1e-3, 1e3, 1e9, 1e70])
@pytest.mark.parametrize("data", [SEPARABLE, OVERLAPPING], ids=["separable", "overlapping"])
@pytest.mark.parametrize("penalty", [1.0, 1e-3])
def test_the_hinge_machine_in_other_units(data: Dataset, size: float, penalty: float) -> None:
    """With inputs c x and the penalty c^2 all scores and shortfalls are the same."""
    best = optima.hinge_machine(data, penalty=penalty)
    other = optima.hinge_machine(Dataset(size * data.X, data.y), penalty=size**2 * penalty)
    assert size * other.w == pytest.approx(best.w, rel=1e-7, abs=1e-9)
    assert other.objective == pytest.approx(best.objective, rel=1e-9)
    assert other.dual_variables == pytest.approx(best.dual_variables, abs=1e-6)


def test_rows_of_any_length_are_fitted_alike() -> None:
    """As many equations as unknowns: the lengths of the rows change no solution."""
    X = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, -1.0], [1.0, 0.0, 2.0]])
    w = np.array([1.0, -2.0, 3.0])
    for lengths in ([1e-9, 1.0, 1e9], [1e12, 1.0, 1e-6]):
        rows = np.array(lengths)[:, None] * X
        assert _least_squares(rows, rows @ w) == pytest.approx(w, rel=1e-12)


@pytest.mark.parametrize("bias", ["none", "first"])
@pytest.mark.parametrize("seed", range(3))
def test_where_every_pair_is_a_kink_they_add_up_to_the_gradient(bias: str, seed: int) -> None:
    """A network of degree two is the sum of its neurons: grad q_i is the sum over the pairs (i, j).

    At slope one a pair adds what it adds where its neuron is active, and at slope zero nothing.
    """
    net = models.two_layer_relu(3, 5, bias)
    rng = datasets.generator(seed)
    u = 3 * rng.standard_normal(net.n_parameters)
    data = Dataset(rng.standard_normal((6, 3)), [1, -1, 1, -1, 1, 1])
    samples, off, on = _kinks(net, data, u, 1.0)
    assert samples.size == 30
    total = np.zeros((6, net.n_parameters))
    np.add.at(total, samples, off)
    gradients = data.y[:, None] * net.linearize(u, data.X).jacobian()
    assert total == pytest.approx(gradients, abs=1e-12)
    active = off.any(axis=1)
    assert 0 < active.sum() < 30
    np.testing.assert_array_equal(on[active], off[active])
    assert np.abs(on).max(axis=1).min() > 0


@pytest.mark.parametrize("seed", range(6))
def test_more_kinks_leave_less_of_the_residual(seed: int) -> None:
    """Each kink frees one slope: the least residual over a larger set is not larger."""
    net, data = trained(seed)
    found = [optima.kkt_residual(net, *data, kink=kink) for kink in (0.0, 0.05, 0.2, 0.5)]
    residuals = [one.residual for one in found]
    assert all(b <= a + 1e-8 for a, b in pairwise(residuals))
    assert found[-1].n_kinks > found[0].n_kinks == 0
    assert residuals[-1] < residuals[0] - 1e-4


def trained(seed: int) -> tuple[Network, tuple]:
    """Return a network with one neuron for each class and others at random, and separated data."""
    rng = datasets.generator(seed)
    net = models.two_layer_relu(2, 6)
    data = datasets.separable(seed, 8, 2)
    w = optima.max_margin(data).w
    W = np.vstack([3 * w, -3 * w, 0.3 * rng.standard_normal((4, 2))])
    return net, (data, net.flatten([W, np.r_[3.0, -3.0, 0.3 * rng.standard_normal(4)][None]]))


@pytest.mark.parametrize("delta", [0.5, 1e-1, 1e-2, 2e-3])
@pytest.mark.parametrize("angle", [1e-3, 1e-5])
def test_the_bound_of_a_matrix_covers_one_that_is_almost_as_good(
    delta: float, angle: float
) -> None:
    """One entry is seen; diag(1, 1 - delta) is the dual matrix, and W = e_1 e_1^T has gap zero.

    W' = p p^T / cos^2 with p at this angle to e_1 has the same entry and a gap of delta tan^2:
    where delta is small it is far from W although its gap is tiny.
    """
    rows, W = np.array([[1.0, 0.0, 0.0, 0.0]]), np.diag([1.0, 0.0])
    p = np.array([1.0, np.tan(angle)])
    other = np.outer(p, p)
    Y = np.diag([1.0, 1 - delta])
    value = np.linalg.norm(other, "nuc")
    gap = value - (Y * other).sum()
    assert gap == pytest.approx(delta * np.tan(angle) ** 2, rel=1e-4)
    assert nuclear._matrix_error(rows, Y, value, gap) >= np.linalg.norm(W - other)


@pytest.mark.parametrize("rate", [1.0, 50.0, 5000.0, 1e100])
def test_a_line_search_halves_until_the_slope_is_smaller(rate: float) -> None:
    """|e^(rate t) - 2| < 1 exactly for 0 < rate t < log 3; far beyond, the slope is infinite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        length = descent(lambda t: np.exp(np.float64(rate * t)) - 2)
    longest = np.log(3) / rate
    assert length == min(1.0, 2.0 ** np.floor(np.log2(longest)))


def test_a_line_search_without_a_smaller_slope_stays() -> None:
    assert descent(lambda t: -1.0 - t) == 0.0
    assert descent(lambda t: -1.0 if t == 0 else np.nan) == 0.0


@pytest.mark.parametrize(("scale", "size"), [(1e-30, 1.0), (1e-12, 1e20)])
def test_a_path_of_targets_arrives_from_afar(scale: float, size: float) -> None:
    """It goes by a factor of three at most: each point is a good start for the next one."""
    rows = np.linalg.qr(datasets.generator(3).standard_normal((8, 3)))[0].T
    seen = []

    class Watched(Projection):
        def by_dual(self, target: np.ndarray, a: np.ndarray) -> Nearest:
            seen.append(np.linalg.norm(target))
            return super().by_dual(target, a)

    potential = potentials.HyperbolicEntropy(scale)
    problem = Watched(rows, potential, np.zeros(8))
    target = size * np.array([1.0, -2.0, 0.5])
    with np.errstate(over="ignore"):  # of trial steps; bregman_projection does the same
        found = problem.by_path(target, Nearest(np.zeros(8), np.zeros(3), np.inf))
    assert found.relative <= 1e-8
    assert rows @ found.w == pytest.approx(target, rel=1e-7)
    assert seen[-1] == pytest.approx(np.linalg.norm(target))
    lowest = int(np.argmin(seen))
    ratios = np.array(seen[lowest + 1 :]) / seen[lowest:-1]
    assert ratios.size > 0 and ratios.max() <= 3 + 1e-9 and ratios.min() > 1


@pytest.mark.parametrize("power", [0.1, 1.0, 30.0, 300.0])
def test_the_power_law_optimum_warns_of_nothing(power: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = optima.tail_direction(SEPARABLE, power=power)
    heights = SEPARABLE.Z @ found.w
    assert heights ** -(power + 1) @ SEPARABLE.Z == pytest.approx(found.w, rel=1e-6)


@pytest.mark.parametrize("delta", [0.9, 0.3, 1e-1, 2e-3])
def test_the_bound_of_a_matrix_covers_an_entry_that_nobody_sees(delta: float) -> None:
    """All entries but the last are seen: diag(1, c) has the gap c delta, and is off by c."""
    rows, c = np.eye(4)[:3], 1e-6
    other, Y = np.diag([1.0, c]), np.diag([1.0, 1 - delta])
    gap = np.linalg.norm(other, "nuc") - (Y * other).sum()
    bound = nuclear._matrix_error(rows, Y, 1 + c, gap)
    assert c <= bound <= 5 * c


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_the_first_multipliers_have_the_length_of_the_target(p: float, size: float) -> None:
    rows = np.linalg.qr(datasets.generator(3).standard_normal((8, 3)))[0].T
    problem = Projection(rows, potentials.PowerNorm(p), np.zeros(8))
    target = size * np.array([1.0, -2.0, 0.5])
    with np.errstate(over="ignore"):  # of lengths that are tried; bregman_projection does the same
        first = problem.guess(target)
    assert np.linalg.norm(problem.weights(first)) == pytest.approx(np.linalg.norm(target))
    assert first @ target == pytest.approx(np.linalg.norm(first) * np.linalg.norm(target))


@pytest.mark.parametrize("penalty", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("seed", range(3))
def test_the_hinge_machine_is_polished_to_rounding(penalty: float, seed: int) -> None:
    data = Dataset.from_signed(datasets.generator(seed).standard_normal((40, 4)) + 0.3)
    best = optima.hinge_machine(data, penalty=penalty)
    assert abs(best.duality_gap) <= 1e-13 * best.objective
    inside = (best.dual_variables > 1e-6) & (best.dual_variables < 1 - 1e-6)
    assert data.Z[inside] @ best.w == pytest.approx(np.ones(inside.sum()), abs=1e-12)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_the_least_nuclear_norm_is_polished_to_rounding(seed: int, rank: int) -> None:
    best = optima.min_nuclear_norm(datasets.gaussian_sensing(5, rank, 20, seed=seed))
    assert abs(best.duality_gap) <= 1e-13 * best.value


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1, "drop the samples that almost meet"),
        (1.5, "p = 1, which is close"),
        (2, "drop the samples that almost meet"),
        (3, "p = inf, which is close"),
        (np.inf, "drop the samples that almost meet"),
    ],
)
def test_the_remedy_of_a_margin_fits_its_norm(p: float, words: str) -> None:
    said = str(too_small(SEPARABLE.Z, np.array([0.1, 0.7, 0.2]), 0.5, 1e-5, p))
    assert words in said
    assert ("[1, 2, 0]" in said) == ("almost meet" in words)


def test_a_polish_that_fails_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another plane, beside the right weights: its margin is smaller, and the gap says so."""
    best = optima.max_margin_with_bias(SEPARABLE)

    def spoilt(Z: np.ndarray, y: np.ndarray, w: np.ndarray, bias: float, weights: np.ndarray):
        return w + 1e-3 * np.abs(w).max(), bias, weights

    monkeypatch.setattr(bias, "_polish", spoilt)
    with pytest.raises(RuntimeError, match="could be certified only to") as refused:
        optima.max_margin_with_bias(SEPARABLE)
    assert f"about {best.margin:.1e}"[:9] in str(refused.value)
