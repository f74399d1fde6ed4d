"""The check of a method: those of the house pass, and each planted fault is named."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import ibias
from ibias import datasets, methods, models
from ibias.methods import Limit, Method
from ibias.objectives import Downhill, Objective
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm

GRADIENT = methods.Gradient()
HOUSE = [
    GRADIENT,
    methods.HeavyBall(),
    methods.Nesterov(),
    methods.DualMomentum(),
    methods.LossScaled(),
    methods.Rescaled(every=2),
    methods.NormalizedGradient(),
    methods.Steepest(1.5),
    methods.Steepest([1, 1.5, 2]),
    methods.NormalizedSteepest(1.5),
    methods.NormalizedSteepest(np.inf),
    methods.Boosting(),
    methods.Spectral(),
    methods.Muon(),
    methods.Perceptron(),
    methods.SignMomentum(),
    methods.Lion(),
    methods.Mirror(HyperbolicEntropy(0.5)),
    methods.Mirror(NegativeEntropy()),
    methods.MirrorMomentum(HyperbolicEntropy(0.5)),
    methods.NaturalGradient(PowerNorm(1.5)),
    methods.AdaGrad(),
    methods.AdaGrad(1e-8),
    methods.RMSProp(1e-8, smoothing=0.9),
    methods.Adam(betas=(0.9, 0.99)),
    methods.Adam(1e-8, betas=(0.9, 0.95)),
    methods.Adam([0.0, 1e-8]),
    methods.SharpnessAware(methods.Adam(1e-8), 0.05),
    methods.SharpnessAware(GRADIENT, 0.05, normalized=False),
    methods.WeightDecay(methods.Lion(), 0.1),
    methods.WeightDecay(methods.Adam(), 0.1, coupled=True),
    methods.WeightDecay(methods.Mirror(SquaredNorm(2)), 0.1, coupled=True),
]


@pytest.mark.parametrize("method", HOUSE, ids=lambda m: repr(m)[:40])
def test_the_methods_of_the_house_pass(method):
    report = ibias.check_method(method)
    flows = "it follows its flow as the steps shrink" in report.holds
    assert flows is (method.limit() is not None)
    moves = "may" if method.moves else "must not"
    assert f"theta {moves} be moved between two steps" in report.holds


def test_methods_made_for_other_data():
    one_equation = datasets.Regression([[1.0, -2.0, 0.5]], [1.0])
    assert len(ibias.check_method(methods.Kaczmarz(), objective=one_equation).holds) == 5
    table = datasets.four_by_four_completion()
    factors = Objective(table, model=models.MatrixProduct(table.shape, 2))
    assert "flow" in str(ibias.check_method(methods.Multiplicative(), objective=factors))
    classes = datasets.separable_classes(0, 9, 4, 3)
    assert len(ibias.check_method(methods.Muon(), objective=classes).holds) == 5


def adam(gradient, path, eta):
    """Return the step of Adam from all gradients so far, without its recursion."""
    g = np.array([gradient(theta) for theta in path])
    ages = np.arange(len(path))[::-1, None]
    m, v = (0.1 * 0.9**ages * g).sum(axis=0), (0.05 * 0.95**ages * g**2).sum(axis=0)
    c1, c2 = 1 - 0.9 ** len(path), 1 - 0.95 ** len(path)
    return path[-1] - eta * m / c1 / (np.sqrt(v / c2) + 1e-8)


def nesterov(gradient, path, eta):
    k, last = len(path) - 1, path[-1] - path[-2] if len(path) > 1 else 0.0
    ahead = path[-1] + max(k - 1, 0) / (k + 2) * last
    return ahead - eta * gradient(ahead)


def adagrad(gradient, path, eta):
    g = np.array([gradient(theta) for theta in path])
    return path[-1] - eta * g[-1] / (np.sqrt((g**2).sum(axis=0)) + 1e-3)


@pytest.mark.parametrize(
    ("method", "equation"),
    [
        (methods.Adam(1e-8, betas=(0.9, 0.95)), adam),
        (methods.Nesterov(), nesterov),
        (methods.AdaGrad(1e-3), adagrad),
    ],
)
def test_a_step_beside_its_equation(method, equation):
    assert "its step is that of the equation" in ibias.check_method(method, equation).holds
    with pytest.raises(ValueError, match="step 0 is not that of the equation: it comes to"):
        ibias.check_method(method, lambda gradient, path, eta: equation(gradient, path, 1.01 * eta))
    with pytest.raises(ValueError, match="step 2 is not that"):
        ibias.check_method(method, lambda gradient, path, eta: equation(gradient, path[-2:], eta))


@dataclass(frozen=True)
class Own(Method):
    """Gradient descent, written by somebody; what is passed replaces a part."""

    parts: SimpleNamespace = field(default_factory=SimpleNamespace)

    def init(self, objective, theta):
        return getattr(self.parts, "init", lambda theta: None)(theta)

    def step(self, pull, theta, state, k, eta):
        step = getattr(self.parts, "step", lambda p, t, s, k, eta: (t + eta * p.value(t), s))
        return step(pull, theta, state, k, eta)

    def limit(self):
        return getattr(self.parts, "limit", Limit("gradient"))

    def default_steps(self, objective, sampled):
        return getattr(self.parts, "rule", methods.Gradient().default_steps(objective, sampled))


def unit_by_value(pull, theta, state, k, eta):
    g = pull.value(theta)
    return theta + eta * g / np.linalg.norm(g, axis=-1, keepdims=True), state


def whole_norm(pull, theta, state, k, eta):
    g = pull(theta).direction
    return theta + eta * g / np.linalg.norm(g), state


def row_norm(pull, theta, state, k, eta):
    g = pull(theta).direction
    return theta + eta * g / np.linalg.norm(g, axis=-1), state


def in_place(pull, theta, state, k, eta):
    state += pull.value(theta)
    return theta + eta * state, state


def theta_in_place(pull, theta, state, k, eta):
    theta += eta * pull.value(theta)
    return theta.copy(), state


COUNTER = []


def outside(pull, theta, state, k, eta):
    COUNTER.append(0)
    return theta + eta * pull.value(theta) / len(COUNTER), state


def of_squares(pull, theta, state, k, eta):
    """RMSProp with its memory relative to the size of the last gradient, which can fall far."""
    log_size, g = pull(theta)
    square = 0.9 * state[0] * np.exp(state[1] - log_size) ** 2 + 0.1 * g**2
    length = np.sqrt(square)
    return theta + eta * np.divide(g, length, out=0 * g, where=length != 0), (square, log_size)


def dual_average(pull, theta, state, k, eta):
    state = state + eta * pull.value(theta)
    return state, state


def with_limit(step=None, **limit):
    return {"limit": Limit(**limit)} | ({"step": step} if step else {})


def downhill(factor):
    def velocity(pull, theta):
        log_size, g = pull(theta)
        return Downhill(log_size, factor * g)

    return velocity


NONE = {"limit": None}
WRONG = {
    "init or step raises TypeError": {"step": lambda pull, theta: (theta, None)},
    "step must return theta, of shape (4,), and the state; it returns ndarray": {
        "step": lambda p, t, s, k, eta: t
    },
    "it returns [(3,), ()]": {"step": lambda p, t, s, k, eta: (t[..., :3], s)},
    "step stands still": {"step": lambda p, t, s, k, eta: (t, s)},
    "numbers that are not finite": {"step": lambda p, t, s, k, eta: (t / 0, s)},
    "does not move as its members do": NONE | {"step": whole_norm},
    "of theta of shape (2, 3, 4) raises ValueError": NONE | {"step": row_norm},
    "it makes shape (3, 4) of (2, 3, 4): let every sum": NONE
    | {"step": lambda p, t, s, k, eta: (p.value(t) if t.ndim == 1 else p.value(t)[0], s)},
    "a second run from the same start goes elsewhere": NONE | {"step": outside},
    "step changes the state in place": NONE
    | {"step": in_place, "init": lambda theta: np.zeros_like(theta)},
    "step changes theta in place": NONE | {"step": theta_in_place},
    "where the gradient underflows (e^-1000) the step is NaN": NONE | {"step": unit_by_value},
    "where the gradient overflows (e^1000) the step is NaN": NONE | {"step": unit_by_value},
    "after gradients of very different sizes": NONE
    | {"step": of_squares, "init": lambda theta: (0.0, -np.inf)},
    "a step forgets that theta was moved": NONE
    | {"step": dual_average, "init": lambda theta: theta},
    "it does not follow its flow": with_limit(flow="gradient", speed=1.02),
    "the flow at": with_limit(flow="velocity", velocity=downhill(-1.0)),
    "flow raises ValueError": with_limit(flow="gradients"),
    "default_steps must return a rule": NONE | {"rule": 0.1},
    "its attributes can be set": None,
    "trace can be changed in place": None,
    "start(objective) must have shape (4,)": None,
    "moves is False, but": None,
}


def faulty(words):
    if WRONG[words] is not None:
        return Own(SimpleNamespace(**WRONG[words]))
    if words.startswith("its"):

        class Thawed(Own):
            """A subclass that is no dataclass: attributes can be added."""

        return Thawed()
    if words.startswith("trace"):

        @dataclass(frozen=True)
        class Tracing(Own):
            trace: list = field(default_factory=list)

        return Tracing()
    if words.startswith("moves"):

        @dataclass(frozen=True)
        class Unmoved(Own):
            moves: ClassVar[bool] = False

        return Unmoved()

    @dataclass(frozen=True)
    class Elsewhere(Own):
        def start(self, objective):
            return np.zeros(3)

    return Elsewhere()


def test_a_method_that_is_right_passes_whoever_wrote_it():
    assert len(ibias.check_method(Own()).holds) == 6
    tenth = with_limit(flow="velocity", velocity=downhill(0.1))

    def slowly(pull, theta, state, k, eta):
        return theta + 0.1 * eta * pull.value(theta), state

    assert len(ibias.check_method(Own(SimpleNamespace(**tenth, step=slowly))).holds) == 6


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_method_is_refused_in_words(words):
    with pytest.raises(ValueError) as caught:
        ibias.check_method(faulty(words))
    message = str(caught.value)
    assert message.startswith("method: ") and "is not what it says.\n- " in message
    assert words in message, message


def test_what_is_no_method_is_named():
    for call, words in (
        (lambda: ibias.check_method(methods.Gradient), r"method must be an instance; give Gradie"),
        (lambda: ibias.check_method("adam"), "method must be a Method; got str"),
        (lambda: ibias.check_method(GRADIENT, objective=np.ones(3)), "data must be a data set"),
        (lambda: ibias.check_method(GRADIENT, lambda *a: 0.0), "is not that of the equation"),
        (lambda: ibias.check_method(GRADIENT, lambda: 0.0), "equation raises TypeError"),
        (lambda: ibias.check_method(methods.Steepest([1, 2]), adam), "equation speaks of one run"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
