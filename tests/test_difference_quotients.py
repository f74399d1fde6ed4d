"""Difference quotients, and the checks of a loss, a model and a potential that rest on them."""

import numpy as np
import pytest

import ibias
from ibias import datasets, losses, potentials
from ibias.checking import derivative
from ibias.checking.derivative import CLOSE, close, differences, few
from ibias.checking.report import Notes

# ---- derivatives


@pytest.mark.parametrize("step", [0.1, 0.3])
def test_the_quotients_are_exact_for_quartics_and_off_by_h4_over_4_for_fifth_powers(
    step, monkeypatch
):
    """A step is relative to an entry above one, and absolute below."""
    monkeypatch.setattr(derivative, "STEP", step)
    x = np.array([0.5, -3.0, 0.0])
    assert differences(lambda x: (x**4).sum(), x) == pytest.approx(4 * x**3, abs=1e-10)
    errors = differences(lambda x: (x**5).sum(), x) - 5 * x**4
    steps = step * np.array([1.0, 3.0, 1.0])
    assert errors == pytest.approx(-(steps**4) / 4, rel=1e-9)


def test_the_derivative_has_the_shape_of_the_values_and_then_of_x():
    A = np.arange(6.0).reshape(2, 3)
    assert differences(lambda x: A @ x, np.array([0.3, -7.0, 2.0])) == pytest.approx(A, abs=1e-9)
    assert differences(lambda x: np.outer(A @ x, x), np.ones(3)).shape == (2, 3, 3)


def test_agreement_is_relative_to_the_largest_entry_and_absolute_below_one():
    for largest in (0.01, 1.0, 1e4):
        within, beyond = (share * CLOSE * max(1.0, largest) for share in (0.9, 1.1))
        measured = np.array([-largest, 0.0])
        for sign in (-1, 1):
            assert close(measured + sign * np.array([0.0, within]), measured) is True
            assert close(measured + sign * np.array([0.0, beyond]), measured) is False
    assert close([0.0, 1e6 - 9.0], [0.0, 1e6]) and not close([0.0, 1e6 + 11.0], [0.0, 1e6])
    assert not close([1.0, 1.0], [1.0]) and not close([[1.0]], [1.0])
    assert not close([1.0, np.nan], [1.0, np.nan])


def test_three_numbers_are_shown_and_the_rest_is_left_out():
    assert few(np.array([1.0, -2.5])) == "(1, -2.5)"
    assert few(np.array([[1.0, 2.0], [1 / 3, 4.0]])) == "(1, 2, 0.3333, ...)"
    assert few(np.array([1.0, 2.0, 3e9])) == "(1, 2, 3e+09)"


# ---- what a check notes


def test_what_holds_and_what_is_wrong_are_kept_apart():
    notes = Notes("model", 3.0, float)
    assert notes.that(np.True_, "right", "otherwise") is True
    assert notes.that(np.False_, "left", "wrong") is False
    assert (notes.holds, notes.wrong) == (["right"], ["wrong"])
    with pytest.raises(ValueError, match=r"^model: float is not what it says\.\n- wrong$"):
        notes.report()


def test_a_call_is_tried_without_warnings_and_its_fault_is_noted():
    notes = Notes("loss", 3.0)
    assert notes.tried("a root", lambda: np.sqrt([-1.0, 4.0]))[1] == 2
    assert notes.tried("a sum", lambda: 1 + None) is None
    assert notes.tried("a text", lambda: "text") is None
    assert [fault.partition(":")[0] for fault in notes.wrong] == [
        "a sum raises TypeError",
        "a text raises ValueError",
    ]
    right = Notes("loss", 3.0)
    right.that(True, "one", "")
    right.that(True, "two", "")
    assert str(right.report()) == "float:\n- one\n- two"


# ---- losses


class Shifted(losses.MarginLoss):
    """The logistic loss with one method changed."""

    smoothness = 0.25

    def __init__(self, method="", change=lambda value, u: value, **other):
        self.method, self.change = method, change
        self.__dict__.update(other)

    def of(self, method, u):
        value = getattr(losses.Logistic(), method)(u)
        return self.change(value, u) if method == self.method else value

    def log_value(self, u):
        return self.of("log_value", u)

    def log_slope(self, u):
        return self.of("log_slope", u)

    def log_slope_derivative(self, u):
        return self.of("log_slope_derivative", u)


METHODS = "log_value", "log_slope", "log_slope_derivative"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_a_loss_works_entry_by_entry(method):
    def refuses(ndim):
        def change(value, u):
            if np.ndim(u) == ndim:
                raise TypeError("refused")
            return value

        return change

    shapes = {0: "number", 1: "array", 2: "array of shape (2, 3)"}
    for ndim, shape in shapes.items():
        with pytest.raises(ValueError) as caught:
            ibias.check_loss(Shifted(method, refuses(ndim)))
        assert str(caught.value).count("\n- ") == 1
        assert f"- {method}({shape}) raises TypeError: refused" in str(caught.value)

    def flat(value, u):
        return value.ravel() if np.ndim(u) == 2 else value

    def longer(value, u):
        return np.append(value, 0.0) if np.ndim(u) == 1 else value

    def deeper(value, u):
        return np.atleast_1d(value)

    for change, made in (
        (flat, "(6,), (6,) and ()"),
        (longer, "(7,), (2, 3) and ()"),
        (deeper, "(6,), (2, 3) and (1,)"),
    ):
        with pytest.raises(ValueError, match="must work entry by entry") as caught:
            ibias.check_loss(Shifted(method, change))
        assert f"{method} must work entry by entry: of margins of shape" in str(caught.value)
        assert str(caught.value).endswith(f"it makes {made}.")

    def by_shape(value, u):
        return value * (1 + 1e-6 * (np.ndim(u) == 2))

    with pytest.raises(ValueError, match=f"{method} must .* the shape changes its values"):
        ibias.check_loss(Shifted(method, by_shape))


def test_a_smoothness_is_any_number_above_zero():
    for smoothness in (0.25, np.float32(0.25), 1, np.inf):
        report = ibias.check_loss(Shifted(smoothness=smoothness))
        assert f"its second derivative is at most smoothness = {smoothness:.6g}" in report.holds
    for smoothness in (0, -1.0, np.nan, "0.25", None):
        with pytest.raises(ValueError, match="smoothness must be a number above 0") as caught:
            ibias.check_loss(Shifted(smoothness=smoothness))
        assert str(caught.value).count("\n- ") == 1  # nothing else is looked at


def test_the_faults_of_all_methods_of_a_loss_are_named_at_once():
    def broken(value, u):
        raise ArithmeticError("refused")

    class Broken(Shifted):
        def of(self, method, u):
            return broken(0, u) if method != "log_slope" else super().of(method, u)

    with pytest.raises(ValueError) as caught:
        ibias.check_loss(Broken())
    assert str(caught.value).count("\n- ") == 6
    assert all(f"- {name}(number) raises" in str(caught.value) for name in METHODS[::2])


def test_a_loss_that_is_nan_is_said_to_be_so_whatever_the_shape():
    def nan(value, u):
        return np.where(np.asarray(u) > 1.5, np.nan, value)

    with pytest.raises(ValueError, match="must be finite") as caught:
        ibias.check_loss(Shifted("log_value", nan))
    assert "the shape changes" not in str(caught.value)


def test_a_loss_without_a_smoothness_lacks_it():
    class Without(losses.MarginLoss):
        log_value = losses.Logistic.log_value
        log_slope = losses.Logistic.log_slope
        log_slope_derivative = losses.Logistic.log_slope_derivative

    with pytest.raises(ValueError, match="smoothness must be a number above 0"):
        ibias.check_loss(Without())


# ---- models

DATA = datasets.separable(0, 8, 3)


class Twice:
    """A linear predictor w = theta^2 that has both pairs of methods; `parts` replaces some."""

    n_parameters = 3

    def __init__(self, **parts):
        self.__dict__.update(parts)

    def weights(self, theta):
        return np.asarray(theta) ** 2

    def pullback(self, theta, g):
        return 2 * np.asarray(theta) * g

    def predict(self, theta, X):
        return self.weights(theta) @ X.T

    def linearize(self, theta, X):
        model = self

        class Linearization:
            predictions = model.predict(theta, X)

            def vjp(self, v):
                return model.pullback(theta, v @ X)

        return Linearization()


def faults_of(model, data=DATA):
    with pytest.raises(ValueError) as caught:
        ibias.check_model(model, data)
    return str(caught.value).split("\n- ")[1:]


class Only:
    """The named attributes of another model."""

    def __init__(self, model, *names):
        for name in names:
            setattr(self, name, getattr(model, name))


def test_a_model_needs_one_pair_of_methods_or_the_other():
    own = Twice()
    size, linear, general = "n_parameters", ("weights", "pullback"), ("predict", "linearize")
    assert len(ibias.check_model(Only(own, size, *linear), DATA).holds) == 2
    assert len(ibias.check_model(Only(own, size, *general), DATA).holds) == 2
    assert len(ibias.check_model(own, DATA).holds) == 4
    for lone in (*linear, *general):
        (fault,) = faults_of(Only(own, size, lone))
        assert fault.startswith("it needs weights(theta) and pullback(theta, g)")
    assert len(ibias.check_model(Only(own, size, *linear, "predict"), DATA).holds) == 2
    assert len(ibias.check_model(Only(own, size, *general, "weights"), DATA).holds) == 2
    assert len(faults_of(Only(own, *linear))) == 1 and len(faults_of(object())) == 2


def test_a_model_of_one_parameter_is_a_model():
    class Slope:
        n_parameters = np.int64(1)

        def weights(self, theta):
            return theta * np.ones(1)

        def pullback(self, theta, g):
            return g

    assert len(ibias.check_model(Slope(), datasets.Regression([[1.0], [2.0]], [1, 2])).holds) == 2
    for size in (0, -1, 1.0, "3"):
        slope = Slope()
        slope.n_parameters = size
        assert faults_of(slope) == ["n_parameters must be a whole number, at least 1."]


@pytest.mark.parametrize("degree", [2, 2.0])
def test_a_degree_is_checked_where_there_is_one(degree):
    holds = ibias.check_model(Twice(degree=degree), DATA).holds
    assert holds[-1] == f"it is homogeneous of degree {degree}" and len(holds) == 5
    assert len(ibias.check_model(Twice(degree=None), DATA).holds) == 4
    for wrong in (0, 1, 3, 2.001, -2):
        (fault,) = faults_of(Twice(degree=wrong))
        assert fault.startswith(f"degree is {wrong}, but f(1.5 theta) is not 1.5^{wrong} f(theta)")


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_degree_is_right_relative_to_the_largest_output(size):
    def weighted(off):
        own = Twice()
        return linear(
            weights=lambda theta: size * own.weights(theta),
            pullback=lambda theta, g: size * own.pullback(theta, g),
            degree=2 + off * CLOSE / np.log(1.5),
        )

    for sign in (-1, 1):
        assert len(ibias.check_model(weighted(0.9 * sign), DATA).holds) == 3
        assert len(faults_of(weighted(1.1 * sign))) == 1


def test_predictions_of_a_model_are_compared_too():
    own = Twice()

    class Off(Twice):
        def linearize(self, theta, X):
            exact = own.linearize(theta, X)
            exact.predictions = exact.predictions + 1e-3
            return exact

    (fault,) = faults_of(Off())
    assert fault == "linearize(theta, X).predictions is not predict(theta, X)."

    class Lost(Twice):
        def linearize(self, theta, X):
            class Linearization:
                def vjp(self, v):
                    return own.pullback(theta, v @ X)

            return Linearization()

    (fault,) = faults_of(Lost())
    assert fault.startswith("linearize(theta, X).predictions raises AttributeError")


def refuses(function, ndim):
    """The function, raising where its first argument has so many axes."""

    def changed(theta, *rest):
        if np.ndim(theta) == ndim:
            raise ArithmeticError("refused")
        return function(theta, *rest)

    return changed


def test_each_method_of_a_model_is_tried_on_one_theta_and_on_a_batch():
    own = Twice()
    for name in ("weights", "pullback"):
        for ndim, what in ((1, "one theta"), (3, "theta of shape (2, 2, 3)")):
            model = Only(own, "n_parameters", "weights", "pullback")
            setattr(model, name, refuses(getattr(own, name), ndim))
            assert faults_of(model)[0] == f"{name} of {what} raises ArithmeticError: refused"


def linear(**parts):
    model = Only(Twice(), "n_parameters", "weights", "pullback")
    model.__dict__.update(parts)
    return model


def test_shapes_of_a_model_are_named_with_what_they_are():
    own = Twice()
    for change, one, batch in (
        (lambda w: w[..., :2], (2,), (2, 2, 2)),
        (lambda w: w[..., None, :] if w.ndim == 1 else w, (1, 3), (2, 2, 3)),
        (lambda w: w[0] if w.ndim == 3 else w, (3,), (2, 3)),
    ):
        (fault,) = faults_of(linear(weights=lambda theta, c=change: c(own.weights(theta))))
        assert fault == (
            f"weights must make 3 numbers of each theta: of one it makes shape {one}, of"
            f" theta of shape (2, 2, 3) it makes {batch}."
        )
        (fault,) = faults_of(linear(pullback=lambda theta, g, c=change: c(own.pullback(theta, g))))
        assert fault == (
            f"pullback must have the shape of theta: for (3,) it has {one}, for (2, 2, 3) it has"
            f" {batch}."
        )


def test_every_member_of_a_batch_is_compared():
    """The second row of the batch holds the first two theta; each of its members counts."""
    own = Twice()
    for name in ("weights", "pullback"):
        for member in ((1, 0), (1, 1)):

            def changed(theta, *rest, name=name, member=member):
                value = getattr(own, name)(theta, *rest)
                if theta.ndim == 3:
                    value[member] += 1e-3
                return value

            (fault,) = faults_of(linear(**{name: changed}))
            assert fault == f"{name} of a batch of theta is not that of its members."


def test_a_kink_may_spoil_one_theta_of_five():
    """An error in a gradient at one of the points is taken for a kink, and at two it is one."""
    thetas = np.random.default_rng(0).standard_normal((5, 3))
    own = Twice()

    def wrong_at(*points):
        def pullback(theta, g):
            value = own.pullback(theta, g)
            hit = np.any([(theta == thetas[k]).all(axis=-1) for k in points], axis=0)
            return value * np.where(hit, 2.0, 1.0)[..., None]

        return linear(pullback=pullback)

    for k in range(5):
        assert len(ibias.check_model(wrong_at(k), DATA).holds) == 2
    (fault,) = faults_of(wrong_at(2, 4))
    v = np.random.default_rng(1).standard_normal((5, 3))[2]
    right = 2 * thetas[2] * v
    assert fault == (
        f"pullback is not the transposed derivative of weights: at theta = {few(thetas[2])} it"
        f" says {few(2 * right)}, a difference quotient {few(right)}."
    )


# ---- potentials


class Half(potentials.Potential):
    """psi(w) = <w, A w> / 2 with a matrix A; what is passed replaces a method."""

    def __init__(self, A=None, **other):
        self.A = np.diag([1.0, 2.0, 3.0, 4.0]) if A is None else np.asarray(A)
        self.__dict__.update(other)

    def value(self, w):
        return 0.5 * ((w @ self.A) * w).sum(axis=-1)

    def gradient(self, w):
        return w @ self.A

    def inverse_gradient(self, m):
        return m @ np.linalg.inv(self.A)

    def inverse_metric(self, m):
        return np.linalg.inv(self.A)


def wrongs_of(potential, **how):
    with pytest.raises(ValueError) as caught:
        ibias.check_potential(potential, **how)
    return str(caught.value).split("\n- ")[1:]


def test_a_potential_may_mix_the_weights_and_have_any_number_of_them():
    mixed = np.array([[2.0, 1.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0, 0, 3, -1], [0, 0, -1, 3]])
    assert len(ibias.check_potential(Half(mixed)).holds) == 5
    assert len(ibias.check_potential(Half(mixed[:2, :2]), n_features=2).holds) == 5
    assert len(ibias.check_potential(Half([[3.0]]), 1).holds) == 5
    shapes = wrongs_of(Half(value=lambda w: w), n_features=4)
    assert "of an array of shape (5, 4) must have the shapes (5,), (5, 4), (5, 4)" in shapes[0]


def test_every_value_of_a_potential_counts():
    """A change at any of the five points is seen, and its sentence shows the first of them."""
    w = np.random.default_rng(0).standard_normal((5, 4))
    own = Half()
    m, metric = own.gradient(w), 1 / np.diag(own.A)

    def at(k, function, images):
        def changed(x):
            value, hit = function(x), (np.abs(x - images[k]) < 1e-2).all(axis=-1)
            return value + 0.01 * np.reshape(hit, (*hit.shape, *(1,) * (value.ndim - hit.ndim)))

        return changed

    for k in range(5):
        said = few(m[0] + 0.01 * (k == 0))
        faults = wrongs_of(Half(gradient=at(k, own.gradient, w)))
        assert faults[0] == (
            f"gradient is not the gradient of value: at {few(w[0])} it says {said}, a difference"
            f" quotient {few(m[0])}."
        )
        back = few(w[0] + 0.01 * (k == 0))
        (fault,) = wrongs_of(Half(inverse_gradient=at(k, own.inverse_gradient, m)))
        assert (
            fault == f"inverse_gradient does not undo gradient: {few(w[0])} comes back as {back}."
        )
        (fault,) = wrongs_of(
            Half(inverse_metric=lambda x, k=k: metric + 0.01 * (np.abs(x - m[k]) < 1e-2).all())
        )
        assert fault == (
            f"inverse_metric is not the derivative of inverse_gradient: at the image of {few(w[0])}"
            f" its diagonal is {few(metric + 0.01 * (k == 0))}, by difference quotients"
            f" {few(metric)}."
        )


def test_each_method_of_a_potential_is_tried():
    def raises(*_):
        raise ArithmeticError("refused")

    for name in ("value", "inverse_gradient", "inverse_metric", "bregman"):
        assert wrongs_of(Half(**{name: raises})) == [f"{name} raises ArithmeticError: refused"]
    (fault,) = wrongs_of(Half(bregman=lambda w, v: w))
    assert fault == "bregman has shape (5, 4), not (5,)."
    for shape in ((3,), (4, 3), (1, 4), ()):
        (fault,) = wrongs_of(Half(inverse_metric=lambda m, shape=shape: np.ones(shape)))
        assert f"its shape is {shape}; it must be (4,) or (4, 4)" in fault


def test_a_potential_bends_upwards_everywhere():
    """A direction along which it is flat or bends down, or a divergence of zero, is refused."""
    convexity = "it is not strictly convex: <gradient(w) - gradient(v), w - v> and bregman"
    for last in (-1.0, -0.01):
        faults = wrongs_of(Half(np.diag([-1.0, -1.0, -1.0, last])))
        assert [fault.startswith(convexity) for fault in faults] == [True]
    own = Half()
    for k in range(5):

        def bregman(w, v, k=k):
            value = potentials.Potential.bregman(own, w, v)
            value[k] = 1e-4 if k == 0 else 0.0
            return value

        (fault,) = wrongs_of(Half(bregman=bregman))
        assert fault.startswith(convexity)
    apart = lambda w, v: potentials.Potential.bregman(own, w, v)  # noqa: E731
    for sign in (0.0, -1.0):
        faults = wrongs_of(Half(bregman=apart, gradient=lambda w, sign=sign: sign * w))
        assert faults[-1].startswith(convexity)
    assert ibias.check_potential(
        Half(bregman=lambda w, v: potentials.Potential.bregman(own, w, v) + 1e-6)
    )
