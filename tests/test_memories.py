"""Memories of gradients that fall and rise by any factor, beside the same in decimal numbers.

A decimal number has an exponent of up to nine digits: in it each method is its equation.
"""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from ibias import datasets, methods
from ibias.datasets import Dataset
from ibias.descent import Diverged, descent
from ibias.methods.memory import in_own_units, quotient, recalled
from ibias.noise import Reshuffled
from ibias.objectives import Downhill, Objective

ZERO = Decimal(0)
SHAPES = ((1, 2), (1, 1))


def sign(x):
    return Decimal(1).copy_sign(x) if x else ZERO


def over(x, length):
    return x / length if length else ZERO


def sign_momentum(gs, b):
    m = [ZERO] * 3
    for g in gs:
        m = [b * x + (1 - b) * y for x, y in zip(m, g, strict=True)]
        yield [sign(x) for x in m]


def lion(gs, b1, b2):
    m = [ZERO] * 3
    for g in gs:
        yield [sign(b1 * x + (1 - b1) * y) for x, y in zip(m, g, strict=True)]
        m = [b2 * x + (1 - b2) * y for x, y in zip(m, g, strict=True)]


def muon(gs, b, nesterov):
    m = [ZERO] * 3
    for g in gs:
        m = [b * x + y for x, y in zip(m, g, strict=True)]
        a = [b * x + y for x, y in zip(m, g, strict=True)] if nesterov else m
        # The polar factor of a row is the row over its length.
        rows = [(x, sum(y * y for y in row).sqrt()) for row in (a[:2], a[2:]) for x in row]
        yield [over(x, length) for x, length in rows]


def adagrad(gs, epsilon):
    v = [ZERO] * 3
    for g in gs:
        v = [x + y * y for x, y in zip(v, g, strict=True)]
        yield [over(y, x.sqrt() + epsilon) for x, y in zip(v, g, strict=True)]


def rmsprop(gs, epsilon, b):
    v = [ZERO] * 3
    for g in gs:
        v = [b * x + (1 - b) * y * y for x, y in zip(v, g, strict=True)]
        yield [over(y, x.sqrt() + epsilon) for x, y in zip(v, g, strict=True)]


def adam(gs, epsilon, b1, b2, correction):
    m, v, c1, c2 = [ZERO] * 3, [ZERO] * 3, Decimal(1), Decimal(1)
    for k, g in enumerate(gs, 1):
        m = [b1 * x + (1 - b1) * y for x, y in zip(m, g, strict=True)]
        v = [b2 * x + (1 - b2) * y * y for x, y in zip(v, g, strict=True)]
        if correction:
            c1, c2 = 1 - b1**k, 1 - b2**k
        yield [over(x / c1, (y / c2).sqrt() + epsilon) for x, y in zip(m, v, strict=True)]


def drawn(rng, kind):
    """Return a method of this kind, and its equation."""
    b1, b2 = (float(b) for b in rng.choice([0.0, 0.5, 0.9, 0.99, 0.999], 2))
    epsilon, d1, d2 = float(rng.choice([0.0, 1e-300, 1e-8, 1.0])), Decimal(b1), Decimal(b2)
    de, flag = Decimal(epsilon), bool(rng.random() < 0.5)
    return {
        "SignMomentum": lambda: (methods.SignMomentum(b1), lambda gs: sign_momentum(gs, d1)),
        "Lion": lambda: (methods.Lion((b1, b2)), lambda gs: lion(gs, d1, d2)),
        "Muon": lambda: (methods.Muon(b1, flag), lambda gs: muon(gs, d1, flag)),
        "AdaGrad": lambda: (methods.AdaGrad(epsilon), lambda gs: adagrad(gs, de)),
        "RMSProp": lambda: (methods.RMSProp(epsilon, b1), lambda gs: rmsprop(gs, de, d1)),
        "Adam": lambda: (
            methods.Adam(epsilon, (b1, b2), flag),
            lambda gs: adam(gs, de, d1, d2, flag),
        ),
    }[kind]()


def gradients(rng, n_steps):
    """Return sizes that fall and rise, by little and by up to exp(10000), and directions."""
    by = rng.choice([0.0, 1.0, 100.0, 1e3, 1e4], n_steps, p=[0.1, 0.3, 0.2, 0.3, 0.1])
    log_sizes = rng.choice([-500.0, 0.0, 500.0]) + np.cumsum(by * rng.uniform(-1, 1, n_steps))
    g = rng.standard_normal((n_steps, 3))
    g *= np.exp(rng.choice([0.0, -50.0, -300.0], (n_steps, 3), p=[0.8, 0.1, 0.1]))
    g[rng.random((n_steps, 3)) < 0.25] = 0.0
    g[:, int(rng.integers(3))] *= rng.random() < 0.7  # one column may never be pulled at
    return log_sizes, g


class Given:
    """The pull of gradients that are given, not taken."""

    shapes = SHAPES

    def __init__(self, log_size, g):
        self.log_size, self.g = np.atleast_1d(log_size), g

    def __call__(self, theta):
        return Downhill(self.log_size, self.g)

    entries = __call__


def moves(method, log_sizes, gs):
    """Return what each step of size 1 adds to zero."""
    state, found = method.init(None, np.zeros(3)), []
    with np.errstate(all="ignore"):
        for k, (log_size, g) in enumerate(zip(log_sizes, gs, strict=True)):
            moved, state = method.step(Given(log_size, g), np.zeros(3), state, k, 1.0)
            found.append(moved)
    return np.array(found)


def right_moves(equation, log_sizes, gs):
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 40, 10**9, -(10**9)
        exact = [
            [Decimal(float(a)).exp() * Decimal(float(x)) for x in g]
            for a, g in zip(log_sizes, gs, strict=True)
        ]
        return np.array([[float(x) for x in step] for step in equation(exact)])


KINDS = ["SignMomentum", "Lion", "Muon", "AdaGrad", "RMSProp", "Adam"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_is_that_of_the_equation_however_gradients_fall_and_rise(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    least = 1e-15 if kind == "Muon" else 1e-90  # singular vectors are good to rounding
    for _ in range(150):
        method, equation = drawn(rng, kind)
        given = gradients(rng, int(rng.integers(2, 16)))
        np.testing.assert_allclose(
            moves(method, *given), right_moves(equation, *given), rtol=1e-8, atol=least
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_runs_is_its_runs_where_one_of_them_leaps(kind):
    rng = np.random.default_rng(10 + KINDS.index(kind))
    least = 1e-15 if kind == "Muon" else 1e-90
    for _ in range(20):
        method, _ = drawn(rng, kind)
        runs = [gradients(rng, 8), gradients(rng, 8)]
        together = moves(
            method,
            np.stack([log_sizes for log_sizes, _ in runs], 1)[..., None],
            np.stack([g for _, g in runs], 1),
        )
        for i, given in enumerate(runs):
            np.testing.assert_allclose(together[:, i], moves(method, *given), 1e-8, least)


@pytest.mark.parametrize(
    ("Z", "steps"), [([[500.0, 0.0]], 1.0), ([[50.0]], 10.0), ([[1000.0], [400.0]], 1.0)]
)
def test_adam_goes_on_where_a_step_makes_the_gradient_nothing_beside_epsilon(Z, steps):
    objective = Objective(Dataset.one_class(Z), "exponential" if len(Z) > 1 else "logistic")
    path = descent(objective, methods.Adam(1e-8), steps=steps, n_steps=8, record=range(9))
    k = np.arange(8)
    means = 0.9**k * 0.1 / (1 - 0.9 ** (k + 1))
    squares = 0.999**k * 0.001 / (1 - 0.999 ** (k + 1))
    right = steps * means / np.sqrt(squares)
    assert np.diff(path.iterates[:, 0]) == pytest.approx(right, rel=1e-6)


PAIR = Objective(Dataset.from_signed([[1.0], [-0.9]]), "exponential")


@pytest.mark.parametrize(
    "method",
    [
        methods.SignMomentum(0.9),
        methods.Lion((0.9, 0.9)),
        methods.Muon(0.9),
        methods.Muon(0.9, coefficients=(1.5, -0.5, 0.0), n_steps=40),
    ],
)
def test_a_gradient_that_rises_again_is_nothing_beside_the_first(method):
    """By e^1000: the first is e^1500, and the decay of three steps makes it 0.7 of that."""
    path = descent(PAIR, method, steps=1000.0, n_steps=4, start=[-1500.0], record=range(5))
    assert path.iterates.ravel() == pytest.approx(np.arange(-1500.0, 2501.0, 1000.0))


def test_adam_without_epsilon_remembers_what_fell_and_rose():
    how = {"steps": 1000.0, "n_steps": 4, "start": [-1500.0]}
    assert descent(PAIR, methods.Adam(), **how).final == pytest.approx([1112.29406178])


ONE = Objective(Dataset.one_class([[1.0]]), "exponential")


def test_a_quotient_that_is_no_number_is_said_to_diverge():
    """The root forgets at once and the mean does not: step 2 is exp(4.6e9)."""
    how = {"steps": 20.0, "n_steps": 3}
    with pytest.raises(Diverged, match="by step 3"):
        descent(ONE, methods.Adam(0.0, (0.9, 0.0)), **how)
    second = 20 + 20 * 0.09 / 0.19 * np.exp(20.0) + 20 * 0.1 / 0.19
    path = descent(ONE, methods.Adam(0.0, (0.9, 0.0)), **how | {"n_steps": 2})
    assert path.final == pytest.approx([second])


def test_a_mean_that_outgrows_the_root_is_held_by_epsilon():
    how = {"steps": 5.0, "n_steps": 9, "start": [-40.0], "record": range(10)}
    path = descent(ONE, methods.Adam(1.0, (0.999, 0.0)), **how).iterates.ravel()
    assert np.isfinite(path).all() and path[-1] > path[0]


@pytest.mark.parametrize(
    "method",
    [
        methods.RMSProp(1e-300, 0.0),
        methods.AdaGrad(1e-300),
        methods.Adam(1e-300, (0.0, 0.0)),
    ],
)
def test_the_least_epsilon_is_compared_at_any_size(method):
    """From a margin of 690.8 on, epsilon is above the gradient."""
    path = descent(ONE, method, steps=500.0, n_steps=1, start=[720.0])
    assert path.final == pytest.approx([720.0], abs=1e-7)
    path = descent(ONE, method, steps=500.0, n_steps=11)
    right = 500.0 if isinstance(method, methods.AdaGrad) else 1000.0
    assert path.final == pytest.approx([right], rel=1e-12)


def test_runs_of_several_epsilons_do_not_see_each_other():
    far = {"steps": 1.0, "n_steps": 5, "start": [0.0, 0.0]}
    objective = Objective(Dataset.one_class([[500.0, 0.0]]))
    epsilons = [0.0, 1e-300, 1e-8]
    together = descent(objective, methods.Adam(epsilons), **far).final
    for epsilon, found in zip(epsilons, together, strict=True):
        alone = descent(objective, methods.Adam(epsilon), **far).final
        np.testing.assert_allclose(found, alone, rtol=1e-12)


@pytest.mark.parametrize(
    "method",
    [methods.SignMomentum(), methods.Lion(), methods.AdaGrad(), methods.RMSProp(), methods.Adam()],
)
def test_a_coordinate_is_not_forgotten_while_another_one_is_pulled_at(method):
    """One sample a step, each of its own coordinate: far apart or not, they move alike."""
    objective = Objective(Dataset.one_class(np.eye(2)), "exponential")
    how = {"steps": 0.1, "n_steps": 40, "sampling": Reshuffled(1)}
    level = descent(objective, method, start=[0.0, 0.0], **how).final
    apart = descent(objective, method, start=[0.0, 2000.0], **how).final
    assert apart - [0, 2000] == pytest.approx(level, rel=1e-8)


@np.errstate(all="ignore")  # as in descent
def test_an_entry_that_is_not_moderate_has_a_unit_of_its_own():
    now = np.zeros(1)
    x, u = recalled((np.ones(3), np.array([1000.0])), 0.5, np.array([1.0, 0.0, -1.0]), now)
    assert np.array_equal(x, [0.5] * 3) and np.array_equal(u, [1000.0] * 3)
    x, u = recalled((x, u), 0.5, np.array([0.0, 1.0, 0.0]), np.array([2500.0]))
    assert x.tolist() == [0.25, 1.0, 0.25] and u.tolist() == [1000.0, 2500.0, 1000.0]
    x, u = recalled((x, u), 0.5, np.zeros(3), np.array([1000.0]))
    assert u.tolist() == [1000.0, 2500.0, 1000.0]
    x, u = recalled((x, u), 0.0, np.ones(3), np.array([1000.0]))
    assert x.tolist() == [1.0] * 3 and u.tolist() == [1000.0]  # one unit for all, again


@np.errstate(all="ignore")
def test_units_of_their_own_and_quotients():
    x, u = in_own_units(np.array([0.0, -1e-200, 3.0, 1e200]), np.array([7.0]))
    assert x.tolist() == [0.0, -1.0, 3.0, 1.0]
    far = np.log(10) * 200
    assert u == pytest.approx([-np.inf, 7 - far, 7.0, 7 + far])
    zero, one, none = (np.zeros(1), -np.inf), (np.ones(1), np.zeros(1)), np.zeros(1)
    assert quotient(one, zero, 1.0, none) == 0 == quotient(zero, zero, 1.0, none)
    assert quotient(one, one, 0.5, np.ones(1)) == pytest.approx(1 / 3)
    up = (np.full(1, 1e-99), np.full(1, 900.0))  # exp(900) is no number, this quotient is
    assert quotient(up, (np.full(1, 1e99), np.zeros(1)), 1.0, none) == pytest.approx(
        np.exp(900 - np.log(10) * 198), rel=1e-12
    )


def test_a_dead_column_costs_no_units():
    data = Dataset.one_class([[1.0, 0.0]])
    for method in (methods.Adam(), methods.AdaGrad(), methods.SignMomentum(), methods.Muon()):
        state, pull = method.init(None, None), Objective(data).all_samples
        for k in range(3):
            _, state = method.step(pull, np.zeros(2), state, k, 0.1)
        pair = state[0] if isinstance(method, methods.Adam) else state
        assert pair[1].shape == (1,)
    assert datasets.digits(3, 8).X.std(axis=0).min() == 0  # data have such columns
