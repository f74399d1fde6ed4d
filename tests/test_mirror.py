"""Mirror descent, natural gradient descent and mirror flow."""

import numpy as np
import pytest
from scipy.integrate import quad

from ibias import datasets, flow, optima
from ibias.datasets import Regression
from ibias.descent import descent
from ibias.flow.collocation import collocate
from ibias.flow.mirror import MirrorField
from ibias.losses import named
from ibias.methods import Mirror, NaturalGradient
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm
from ibias.trajectory import margin

LINE = Regression([[1.0, 2.0]], [1.0])
WIDE = datasets.wide(0)


def positive_regression(seed=0, n=6, d=20):
    rng = datasets.generator(seed)
    X = rng.standard_normal((n, d))
    return Regression(X, X @ rng.uniform(0, 1, d))


def test_euclidean_mirror_descent_is_gradient_descent():
    data = datasets.separable(0)
    plain = descent(data, steps=0.5, n_steps=60)
    arguments = {"steps": 0.5, "n_steps": 60}
    mirror = descent(data, Mirror(SquaredNorm(2)), **arguments)
    natural = descent(data, NaturalGradient(PowerNorm(2)), **arguments)
    assert mirror.iterates == pytest.approx(plain.iterates, rel=1e-12)
    assert natural.iterates == pytest.approx(plain.iterates, rel=1e-12)


def test_one_sample_with_the_entropy_by_hand():
    # w = (a, a^2) with a + 2 a^2 = 1, at every step size
    path = descent(LINE, Mirror(NegativeEntropy()), steps=[0.01, 0.05, 0.1], n_steps=5000)
    assert path.final == pytest.approx(np.tile([0.5, 0.25], (3, 1)), abs=1e-12)
    assert flow.mirror_flow(LINE, NegativeEntropy(), log_t=[5.0]).final == pytest.approx(
        [0.5, 0.25]
    )
    natural = descent(LINE, NaturalGradient(NegativeEntropy()), steps=[0.01, 0.1], n_steps=5000)
    assert np.abs(natural.final[1] - [0.5, 0.25]).max() > 5e-3


@pytest.mark.parametrize(
    "potential", [NegativeEntropy(), SquaredNorm(1.5), SquaredNorm(3), HyperbolicEntropy(0.3)]
)
def test_the_mirror_image_never_leaves_the_row_space(potential):
    data, start = positive_regression(), np.full(20, 0.7)
    normals = np.linalg.svd(data.X)[2][6:]
    steps = np.arange(1, 200)
    path = descent(
        data,
        Mirror(potential),
        steps=0.02,
        n_steps=199,
        start=start,
        record=steps,
    )
    moved = potential.gradient(path.iterates) - potential.gradient(start)
    assert np.abs(moved @ normals.T).max() < 1e-11
    fast = flow.mirror_flow(data, potential, log_t=[0.0, 1.0, 20.0], start=start)
    moved = potential.gradient(fast.iterates) - potential.gradient(start)
    assert np.abs(moved @ normals.T).max() < 1e-11


def test_the_flow_is_the_limit_of_small_steps_to_first_order():
    data, potential = positive_regression(), NegativeEntropy()
    exact = flow.mirror_flow(data, potential, log_t=[0.0]).final
    errors = [
        np.abs(
            descent(
                data,
                Mirror(potential),
                steps=1 / k,
                n_steps=k,
                record=[k],
            ).final
            - exact
        ).max()
        for k in (1000, 2000)
    ]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.05)


def test_the_flow_agrees_with_gradient_flow_for_the_euclidean_potential():
    data, log_t = datasets.separable(0), np.array([-2.0, 1.0, 10.0, 1e3, 1e5])
    plain = flow.gradient_flow(data, loss="exponential", log_t=log_t)
    for potential in (SquaredNorm(2), PowerNorm(2)):
        mirror = flow.mirror_flow(data, potential, log_t=log_t, loss="exponential")
        size = np.maximum(1, np.abs(plain.iterates).max(axis=1, keepdims=True))
        assert (np.abs(mirror.iterates - plain.iterates) < 2e-9 * size).all()
        assert mirror.log_risk == pytest.approx(plain.log_risk, rel=1e-7)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 30.0])
def test_hyperbolic_entropy_on_one_sample_by_hand(scale):
    # One sample: w stays on the ray of x = (1, 0), u = <x, w> and
    # dw/dt = 4 sqrt(w^2 + 4 scale^4) (1 - w) until w = 1.
    data = Regression([[1.0, 0.0]], [1.0])
    path = flow.mirror_flow(data, HyperbolicEntropy(scale), log_t=[-4.0, 8.0], loss="exponential")
    assert path.final == pytest.approx([1.0, 0.0], abs=1e-9)
    assert path.status.startswith("at rest")


def test_a_regression_rests_at_the_bregman_projection():
    data = positive_regression(3)
    for potential, start in [
        (SquaredNorm(2), None),
        (NegativeEntropy(), np.full(20, 0.1)),
        (HyperbolicEntropy(0.1), None),
    ]:
        path = flow.mirror_flow(data, potential, log_t=[60.0], start=start, loss="exponential")
        assert np.abs(data.X @ path.final - data.y).max() < 1e-10
    assert flow.mirror_flow(
        data, SquaredNorm(2), log_t=[60.0], loss="exponential"
    ).final == pytest.approx(optima.min_norm(data).w, abs=1e-9)


@pytest.mark.parametrize("p", [1.2, 1.5, 3.0])
@pytest.mark.parametrize("family", [PowerNorm, SquaredNorm])
def test_homogeneous_potentials_maximise_their_margin(p, family):
    path = flow.mirror_flow(WIDE, family(p), log_t=[1e3, 1e4], tolerance=1e-5, loss="exponential")
    ratio = path.normalized_margin(WIDE.Z, p) / optima.max_margin(WIDE, p=p).margin
    assert ratio[-1] == pytest.approx(1.0, abs=1.5e-3)
    assert margin(WIDE.Z, path.final, 2) < 0.99 * optima.max_margin(WIDE).margin


@pytest.mark.parametrize("family", [PowerNorm, SquaredNorm])
@pytest.mark.parametrize(
    ("p", "seed", "tolerance"), [(3.0, 1047, 1e-4), (3.0, 3, 1e-8), (5.0, 0, 1e-4)]
)
def test_weights_that_cross_zero_among_many(p, seed, tolerance, family):
    """Newton's iteration for m alone jumps over zero and back: 3000 steps were not enough."""
    data = datasets.wide(seed)
    path = flow.mirror_flow(
        data, family(p), log_t=[1e4, 1e5], tolerance=tolerance, loss="exponential"
    )
    ratio = path.normalized_margin(data.Z, p) / optima.max_margin(data, p=p).margin
    assert (1 - ratio) * path.log_t == pytest.approx((1 - ratio[-1]) * 1e5, rel=0.1)  # as 1 / log t
    assert ratio[-1] == pytest.approx(1.0, abs=2e-5)


@pytest.mark.parametrize(
    ("apart", "potential", "tolerance"),
    [
        (1e-4, SquaredNorm(2), 1e-9),
        (1e-6, SquaredNorm(2), 1e-8),
        (1e-8, SquaredNorm(2), 1e-5),
        (1e-6, HyperbolicEntropy(1e-3), 1e-7),
        (1e-6, PowerNorm(3), 1e-6),
        (1e-3, SquaredNorm(3), 1e-6),
    ],
)
def test_a_flow_is_not_at_rest_where_its_rows_hardly_see_what_is_left(apart, potential, tolerance):
    """A residual of 1e-13 of two nearly equal equations leaves 1e-13 / apart of the way."""
    data = Regression([[1.0, 1.0], [1.0, 1.0 + apart]], [1.0, 1.0 + 0.6 * apart])
    end = np.log(100 / apart**2)  # the slow rate is apart^2 / 8, for the Euclidean mirror
    run = flow.mirror_flow(data, potential, log_t=[end + 8], tolerance=tolerance)
    assert run.final == pytest.approx(np.linalg.solve(data.X, data.y), abs=tolerance)


def test_a_weight_that_is_zero_hides_nothing_of_what_is_left():
    data = Regression(np.eye(2), [1.0, 0.0])  # dw/dm of the second weight is infinite there
    field = MirrorField.of(data, PowerNorm(3.0), named("logistic"), None)
    c = PowerNorm(3.0).gradient([1.0 - 1e-6, 0.0])
    assert field.left(c) == pytest.approx(1e-6, rel=1e-6)


class Sliding:
    """dm/ds = K (a s - w), m = w |w|: the weight slides through zero beside a s."""

    K, a = 1e3, 1e-3

    def weights(self, c):
        return np.sign(c) * np.sqrt(np.abs(c))

    def of_weights(self, s, w):
        return self.K * (self.a * np.asarray(s)[..., None] - w)

    def __call__(self, s, c):
        return self.of_weights(s, self.weights(c))

    def by_weights(self, s, c):
        return np.array([[-self.K]])

    def weights_moved(self, c):
        return 0.5 / np.sqrt(np.maximum(np.abs(c), 1e-300))

    def images_apart(self, c, w):
        return w * np.abs(w) - c

    def images(self, change):
        return change

    def jacobian(self, s, c):
        return self.by_weights(s, c) * self.weights_moved(c)


def test_the_lifted_iteration_takes_few_steps_through_zero():
    # w = a s - 2 |w| a / K up to a part of 1e-12: the rest of m follows at once
    field, times, calls = Sliding(), np.array([-0.1, 0.1, 1.0]), []
    for lift in (field, None):
        run = collocate(
            field,
            -1.0,
            np.array([-(field.a**2)]),
            times,
            lambda _: np.full(1, 1e-8),
            field.jacobian,
            lift=lift,
            smooth=False,
        )
        assert field.weights(run.states)[:, 0] == pytest.approx(field.a * times, abs=5e-5)
        calls.append(run.n_evaluations)
    assert 4 * calls[0] < calls[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: descent(
                LINE, Mirror(NegativeEntropy()), steps=0.1, n_steps=1, start=[-1.0, 1.0]
            ),
            "w must be greater than 0",
        ),
        (
            lambda: descent(LINE, NaturalGradient(NegativeEntropy()), steps=2.0, n_steps=9),
            "left the domain of the potential",
        ),
        (
            lambda: descent(
                LINE, NaturalGradient(SquaredNorm(3)), steps=0.1, n_steps=1, start=[1.0, 1.0]
            ),
            "no sum over coordinates",
        ),
        (
            lambda: flow.mirror_flow(LINE, SquaredNorm(3), log_t=[1.0], start=[[1.0, 1.0]]),
            "give one weight vector",
        ),
        (lambda: flow.mirror_flow(LINE, SquaredNorm(3), log_t=[]), "log_t must be a non-empty"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("p", [1.5, 2.5, 3.0, 4.0, 6.0])
def test_a_weight_that_changes_its_sign(p):
    """|w|^p is not smooth there: at p > 2 the weight passes 0 at infinite speed.

    One weight: |w|^(p-1) sign(w) = m with m' = a exp(-a w); t is then an integral over m.
    """
    m, data = -0.5, datasets.Dataset.one_class([[1.0]])
    ends = np.array([-0.2, 0.1, 1.0])

    def w_of(x):
        return np.sign(x) * np.abs(x) ** (1 / (p - 1))

    times = [quad(lambda x: np.exp(w_of(x)), m, end, points=[0.0], epsabs=1e-13)[0] for end in ends]
    path = flow.mirror_flow(
        data, PowerNorm(p), loss="exponential", log_t=np.log(times), start=[w_of(m)], tolerance=1e-7
    )
    assert path.iterates[:, 0] == pytest.approx(w_of(ends), abs=1e-7)
