"""The checks of other people's objects: the house's pass, wrong ones are refused in words."""

from dataclasses import dataclass

import numpy as np
import pytest

import ibias
from ibias import datasets, losses, models, networks, potentials
from ibias.checking import Report

DATA = datasets.separable(0, 8, 3)
HOUSE_LOSSES = [
    losses.Exponential(),
    losses.Logistic(),
    losses.Sigmoid(),
    losses.PolynomialTail(0.5),
    losses.PolynomialTail(3),
    losses.StretchedExponential(0.5),
    losses.StretchedExponential(2),
    losses.StretchedExponential(40),
]
HOUSE_MODELS = [
    models.linear(3),
    models.deep_linear(3, 4, 3),
    models.two_layer_relu(3, 5),
    models.Network((3, 4, 1), "squared_relu", "first"),
    models.Network((3, 4, 4, 1), "tanh", "all"),
    models.DiagonalLinear(3, 2),
    models.DiagonalLinear(3, 3),
    models.CircularConvolution(3, 2),
    models.Direction(3),
    models.WeightNormalized(3, rate=0.25),
    networks.BatchNormLinear(3),
    networks.BatchNormNetwork(3, 2),
]
HOUSE_POTENTIALS = [
    potentials.SquaredNorm(2),
    potentials.SquaredNorm(1.5),
    potentials.SquaredNorm(3),
    potentials.PowerNorm(3),
    potentials.NegativeEntropy(),
    potentials.HyperbolicEntropy(0.3),
    potentials.HyperbolicEntropy([0.1, 1.0, 2.0, 0.3]),
    potentials.DepthEntropy(3, 0.3),
]


@pytest.mark.parametrize("loss", HOUSE_LOSSES, ids=repr)
def test_the_losses_of_the_house_pass(loss):
    report = ibias.check_loss(loss)
    assert isinstance(report, Report) and len(report.holds) == 5
    convex = not isinstance(loss, losses.Sigmoid)
    assert report.holds[-1] == ("it is convex" if convex else "it is not convex")


@pytest.mark.parametrize("model", HOUSE_MODELS, ids=repr)
def test_the_models_of_the_house_pass(model):
    report = ibias.check_model(model, DATA)
    claimed = not isinstance(model, (models.Direction, models.WeightNormalized))
    claimed &= not isinstance(model, (networks.BatchNormLinear, networks.BatchNormNetwork))
    claimed &= getattr(model, "activation", "relu") != "tanh"
    assert any("homogeneous" in line for line in report.holds) is claimed


@pytest.mark.parametrize("potential", HOUSE_POTENTIALS, ids=repr)
def test_the_potentials_of_the_house_pass(potential):
    report = ibias.check_potential(potential)
    positive = isinstance(potential, potentials.NegativeEntropy)
    assert ("it is defined for positive weights" in report.holds) is positive


# ---- wrong ones


class Own(losses.MarginLoss):
    """The logistic loss, written by somebody; what is passed replaces a method."""

    smoothness = 0.25

    def __init__(self, **other):
        self.__dict__.update(other)

    def log_value(self, u):
        return losses.Logistic().log_value(u)

    def log_slope(self, u):
        return losses.Logistic().log_slope(u)

    def log_slope_derivative(self, u):
        return losses.Logistic().log_slope_derivative(u)


def naive(u):
    with np.errstate(divide="ignore", over="ignore"):
        return np.log(np.log1p(np.exp(-np.asarray(u, dtype=float))))


def late(u):
    u = np.asarray(u, dtype=float)
    return np.where(u < 1500, losses.Logistic().log_value(u), -np.inf)


WRONG_LOSSES = {
    "log_value of Own must be finite at every margin from -700 to 700": {
        "log_value": lambda u: np.where(np.asarray(u) < 400, Own().log_value(u), np.nan)
    },
    "at 2000 it is -inf: take the leading term": {"log_value": naive},
    "margins up to 1e+06": {"log_value": late},
    "log_slope of Own contradicts": {"log_slope": lambda u: Own().log_slope(u) + 0.1},
    "log_slope_derivative of Own contradicts": {"log_slope_derivative": lambda u: -np.ones_like(u)},
    "says smoothness 0.1, but its second derivative": {"smoothness": 0.1},
    "smoothness must be a number above 0": {"smoothness": None},
    "it makes (), () and ()": {"log_value": lambda u: np.mean(Own().log_value(u))},
    "log_slope(number) raises": {"log_slope": lambda u: Own().log_slope(u)[: len(u)]},
    "the shape changes its values": {
        "log_value": lambda u: Own().log_value(u) + 1e-9 * (np.ndim(u) == 2)
    },
}


def test_a_loss_that_is_right_passes_whoever_wrote_it():
    assert ibias.check_loss(Own()).name == "Own"


@pytest.mark.parametrize("words", WRONG_LOSSES)
def test_a_wrong_loss_is_refused_in_words(words):
    with pytest.raises(ValueError) as caught:
        ibias.check_loss(Own(**WRONG_LOSSES[words]))
    message = str(caught.value)
    assert message.startswith("loss: Own is not what it says.\n- ") and words in message


def test_all_faults_are_named_at_once():
    both = Own(smoothness=0.1, log_slope_derivative=lambda u: -np.ones(np.shape(u)))
    with pytest.raises(ValueError) as caught:
        ibias.check_loss(both)
    assert str(caught.value).count("\n- ") == 2


def test_a_loss_that_fails_far_out_is_refused_where_it_is_used():
    with pytest.raises(ValueError, match=r"loss: log_value of Own must be finite at margins up"):
        losses.named(Own(log_value=late))


@dataclass(frozen=True)
class Cube:
    """w = theta^3, entry by entry; what is passed replaces a method."""

    other: dict
    n_parameters: int = 3

    def __getattr__(self, name):
        methods = {
            "weights": lambda theta: np.asarray(theta) ** 3,
            "pullback": lambda theta, g: 3 * np.asarray(theta) ** 2 * g,
            "degree": 3,
        }
        try:
            return {**methods, **self.other}[name]
        except KeyError:
            raise AttributeError(name) from None


def no_degree():
    raise ValueError("not homogeneous")


WRONG_MODELS = {
    "pullback is not the transposed derivative of weights: at theta": {
        "pullback": lambda theta, g: 2 * np.asarray(theta) ** 2 * g
    },
    "weights must make 3 numbers of each theta": {"weights": lambda theta: theta[..., :2] ** 3},
    "theta of shape (2, 2, 3) it makes (3,)": {
        "weights": lambda theta: theta.reshape(-1, 3)[0] ** 3
    },
    "pullback must have the shape of theta": {"pullback": lambda theta, g: (theta * g).sum(-1)},
    "pullback of theta of shape (2, 2, 3) raises ValueError": {
        "pullback": lambda theta, g: 3 * np.dot(theta, g) * theta
    },
    "weights of a batch of theta is not that of its members": {
        "weights": lambda theta: theta**3 + (theta.ndim == 3)
    },
    "degree is 2, but f(1.5 theta) is not 1.5^2 f(theta)": {"degree": 2},
    "n_parameters must be a whole number": {"n_parameters": 2.5},
}


def test_a_model_that_is_right_passes_whoever_wrote_it():
    assert len(ibias.check_model(Cube({}), DATA).holds) == 3


@pytest.mark.parametrize("words", WRONG_MODELS)
def test_a_wrong_model_is_refused_in_words(words):
    other = dict(WRONG_MODELS[words])
    model = Cube(other, other.pop("n_parameters", 3))
    with pytest.raises(ValueError) as caught:
        ibias.check_model(model, DATA)
    message = str(caught.value)
    assert message.startswith("model: Cube is not what it says.\n- ") and words in message


class Wrapped:
    """A network with one thing changed."""

    def __init__(self, factor=1.0, shift=0.0):
        self.net, self.factor, self.shift = models.two_layer_relu(3, 4), factor, shift
        self.n_parameters = self.net.n_parameters

    def predict(self, theta, X):
        return self.net.predict(theta, X)

    def linearize(self, theta, X):
        inner, outer = self.net.linearize(theta, X), self

        class Linearization:
            predictions = inner.predictions + outer.shift

            def vjp(self, v):
                return outer.factor * inner.vjp(v)

        return Linearization()


def test_a_network_of_one_s_own():
    assert len(ibias.check_model(Wrapped(), DATA).holds) == 2
    with pytest.raises(ValueError, match=r"linearize\(theta, X\).vjp is not the transposed"):
        ibias.check_model(Wrapped(factor=1.001), DATA)
    with pytest.raises(ValueError, match=r"linearize\(theta, X\).predictions is not predict"):
        ibias.check_model(Wrapped(shift=0.01), DATA)


class Quarter(potentials.Potential):
    """psi(w) = sum w^4/4 + w^2/2; what is passed replaces a method."""

    def __init__(self, **other):
        self.__dict__.update(other)

    def value(self, w):
        return (np.asarray(w) ** 4 / 4 + np.asarray(w) ** 2 / 2).sum(axis=-1)

    def gradient(self, w):
        return np.asarray(w) ** 3 + w

    def inverse_gradient(self, m):
        """Cardano's formula for w^3 + w = m."""
        root = np.sqrt(np.asarray(m) ** 2 / 4 + 1 / 27)
        return np.cbrt(m / 2 + root) + np.cbrt(m / 2 - root)

    def inverse_metric(self, m):
        return 1 / (3 * self.inverse_gradient(m) ** 2 + 1)


WRONG_POTENTIALS = {
    "gradient is not the gradient of value": {"value": lambda w: (w**4).sum(axis=-1)},
    "inverse_gradient does not undo gradient": {"inverse_gradient": np.cbrt},
    "inverse_metric is not the derivative": {"inverse_metric": lambda m: np.ones_like(m)},
    "its shape is (); it must be (4,) or (4, 4)": {"inverse_metric": np.sum},
    "they have ((5, 4), (5, 4), (5, 4))": {"value": lambda w: w**4 / 4 + w**2 / 2},
    "value raises TypeError": {"value": lambda: 0},
    "it is not strictly convex": {
        "value": lambda w: -(w**2).sum(axis=-1) / 2,
        "gradient": np.negative,
        "inverse_gradient": np.negative,
        "inverse_metric": lambda m: -np.ones_like(m),
    },
}


def test_a_potential_that_is_right_passes_whoever_wrote_it():
    assert len(ibias.check_potential(Quarter()).holds) == 5


@pytest.mark.parametrize("words", WRONG_POTENTIALS)
def test_a_wrong_potential_is_refused_in_words(words):
    with pytest.raises(ValueError) as caught:
        ibias.check_potential(Quarter(**WRONG_POTENTIALS[words]))
    message = str(caught.value)
    assert message.startswith("potential: Quarter is not what it says.\n- ") and words in message


def test_what_is_no_such_object_is_named():
    for call, words in (
        (lambda: ibias.check_loss(losses.Logistic), r"loss must be an instance; give Logistic\("),
        (lambda: ibias.check_loss("logistic"), "loss must be a MarginLoss; got str"),
        (lambda: ibias.check_model(models.Direction, DATA), "model must be an instance"),
        (lambda: ibias.check_model(object(), DATA), "n_parameters must be"),
        (lambda: ibias.check_model(models.linear(3), DATA.X), "data must be a Dataset or Regress"),
        (lambda: ibias.check_potential(potentials.NegativeEntropy), "potential must be an instan"),
        (lambda: ibias.check_potential(np.log), "potential must be a Potential"),
        (lambda: ibias.check_potential(Quarter(), 0), "n_features"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_checks_are_found_where_they_are_looked_for():
    assert {"check_loss", "check_model", "check_potential"} <= set(dir(ibias))
    with pytest.raises(AttributeError, match="check_everything"):
        ibias.check_everything  # noqa: B018
