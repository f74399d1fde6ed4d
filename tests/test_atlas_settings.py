"""What the atlas sees of a run, by what it measures an optimum, and which optimum it takes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from ibias import atlas, datasets, losses, methods, models, noise, optima, potentials, steps
from ibias.atlas import (
    attention,
    checks,
    classes,
    decay,
    geometries,
    layers,
    matrices,
    measures,
    networks,
    references,
    regression,
    separable,
)
from ibias.atlas.entry import Case, Entry, If, Prediction, claims_in, plain
from ibias.atlas.measures import Direction, Margin, Norm, Point, l_norm, of_size_one
from ibias.atlas.setting import Setting
from ibias.datasets import Completion, Dataset, MulticlassDataset, Regression, Sensing
from ibias.methods import Method
from ibias.objectives import Objective

DATA = datasets.separable(0, 8, 3)
LINE = Regression([[2.0, 0.0, 1.0], [0.0, 1.0, -1.0]], [1.0, 2.0])
CLASSES = datasets.separable_classes(0, 6, 4, 3)
SEEN = datasets.four_by_four_completion()
PAIR = Dataset([[1.0], [1.0]], [1, -1])
GRADIENT = methods.Gradient()
DIAGONAL = models.DiagonalLinear(3, 2)
RELU = models.two_layer_relu(3, 4)
LABELS, WEIGHTS = noise.LabelNoise(0.1), noise.WeightNoise(0.1)
ONE = noise.Reshuffled(1)
DECAYING = steps.Decaying(0.1, 0.5)


def setting(objective=DATA, method=None, steps=None, start=None, sampling=None, noise=()):
    return Setting.of(objective, method, steps, start, sampling, noise)


# ---- measures


def test_the_share_of_a_margin_by_hand():
    Z = np.array([[3.0, 0.0], [1.0, 1.0]])
    w = np.array([1.0, -2.0])  # margins 3 and -1
    for p, length in ((1.0, 3), (2.0, np.sqrt(5)), (np.inf, 2), (3.0, 9 ** (1 / 3))):
        assert Margin(Z, 0.5, p).share(7 * w) == pytest.approx(-1 / length / 0.5)
        assert Margin(Z, 0.5, p).share(-w) == pytest.approx(-3 / length / 0.5)
    assert Margin(Z, 2.0).share([1.0, 1.0]) == pytest.approx(np.sqrt(2) / 2)


def test_the_share_of_a_margin_of_singular_values_or_of_a_spectrum_by_hand():
    W = np.array([[3.0, 0.0], [0.0, -4.0], [0.0, 0.0]])
    Z = np.array([[1.0, 0, 0, -1, 0, 0], [2, 0, 0, 0, 0, 0]])  # margins 7 and 6
    for p, length in ((1.0, 7), (2.0, 5), (np.inf, 4)):
        assert Margin(Z, 0.5, p, shape=(3, 2)).share(W) == pytest.approx(6 / length / 0.5)
    w = np.array([3.0, 1.0])  # its coefficients are 4 and 2, over the root of two
    for p, length in ((1.0, 6), (np.inf, 4), (2.0, np.sqrt(20))):
        found = Margin(np.eye(2), 0.5, p, fourier=True).share(w)
        assert found == pytest.approx(1 / (length / np.sqrt(2)) / 0.5)


def test_the_share_of_a_norm_by_hand():
    X, y = np.array([[1.0, 1.0, 0.0]]), np.array([3.0])
    w = np.array([1.0, 2.0, -4.0])
    for p, length in ((1.0, 7), (2.0, np.sqrt(21)), (np.inf, 4)):
        assert Norm(X, y, 0.5, p).share(w) == pytest.approx(0.5 / length)
    assert Norm(X, y, 0.5, 1.0, np.array([1.0, 10.0, 0.0])).share(w) == pytest.approx(0.5 / 21)
    assert Norm(X, y, 0.5, 1.0, 2.0).share(w) == pytest.approx(0.5 / 14)
    W = np.array([[3.0, 0.0], [0.0, 4.0]])
    one = Norm(np.array([[1.0, 0, 0, 0]]), np.array([3.0]), 0.5, 1.0, shape=(2, 2))
    assert one.share(W) == pytest.approx(0.5 / 7)
    for off, fits in ((0.9, True), (1.1, False)):
        for sign in (-1, 1):
            v = w + sign * off * measures.FITS * 3 * np.eye(3)[0]
            assert np.isfinite(Norm(X, y, 0.5).share(v)) == fits
    assert np.isnan(Norm(X, y, 0.5).share(w * np.nan))


def test_the_shares_of_a_direction_and_of_a_point_by_hand():
    for reference in ([3.0, 4.0], [[3.0], [4.0]]):
        assert Direction(np.array(reference)).share([10.0, 0.0]) == pytest.approx(0.6)
        assert Point(np.array(reference)).share([3.0, 3.0]) == pytest.approx(1 - 1 / 5)
        assert Point(np.array(reference)).share([[0.0], [0.0]]) == pytest.approx(0)
    assert Direction(np.array([1e150, 0.0])).share([-1e200, 1e200]) == pytest.approx(-np.sqrt(0.5))
    assert of_size_one([[2.0, -4.0]]).tolist() == [0.5, -1] and of_size_one([0, 0]).tolist() == [
        0,
        0,
    ]


def test_measures_say_what_they_are():
    Z, scales = np.eye(2), np.ones(2)
    assert [l_norm(p) for p in (1, 1.5, 2.0, np.inf)] == ["l_1", "l_1.5", "l_2", "l_∞"]
    for measure, said in (
        (Margin(Z, 1.0), "margin in the l_2 norm"),
        (Margin(Z, 1.0, np.inf), "margin in the l_∞ norm"),
        (Margin(Z, 1.0, 1.0, fourier=True), "margin in the l_1 norm of the spectrum"),
        (Margin(Z, 1.0, 1.0, shape=(1, 2)), "margin in the nuclear norm"),
        (Margin(Z, 1.0, np.inf, shape=(1, 2)), "margin in the spectral norm"),
        (Norm(Z, scales, 1.0), "l_1 norm"),
        (Norm(Z, scales, 1.0, 2.0, scales), "weighted l_2 norm"),
        (Norm(Z, scales, 1.0, 2.0, shape=(1, 2)), "Frobenius norm"),
        (Direction(scales), "direction"),
        (Point(scales), "point"),
    ):
        assert str(measure) == said


# ---- entries


def test_claims_and_formulas_of_a_text():
    text = "a [S000-4 B-x-1] b[S003-15]; c [not one] d [B-y]"
    assert claims_in(text) == ("S000-4", "B-x-1", "S003-15", "B-y")
    assert plain(text) == "a b; c [not one] d"
    for formula, said in (
        (r"$\frac12\|w\|^2$", "1/2‖w‖^2"),
        (r"$\epsilon\to0$ and $\eta\ge2$", "ε → 0 and η ≥ 2"),
        (r"$x^{a}$", "x^(a)"),
        (r"$\exp(-\eta\gamma k)$, $\ell_\infty$", "exp(-ηγ k), l_∞"),
        (r"$\frac1k\sum_i u_i$", "1/kΣ_i u_i"),
        (r"$U^\top\to V$", "U^T → V"),
    ):
        assert plain(formula) == said


ENTRY = Entry(
    key="a key",
    model="a model",
    method="a method",
    selected="something [B-b]",
    conditions=(If("first [B-a]", lambda s: True), "a remark [B-b]", If("second")),
    rate="fast [B-c]",
    theorem="name2000",
)


def test_the_row_of_an_entry_and_its_claims():
    assert ENTRY.cells == (
        "a model",
        "a method",
        "something [B-b]",
        "first [B-a]; a remark [B-b]; second",
        "fast [B-c]",
    )
    assert ENTRY.claims == ("B-b", "B-a", "B-c")


def test_all_of_a_prediction_is_printed():
    said = Prediction(
        known=True,
        depends=True,
        selected="something [B-b]",
        reference=np.ones(2),
        measure=Point(np.array([3.0, 4.0])),
        certificate=3e-7,
        hypotheses={"first [B-a]": "holds", "second": "violated", "third": "unchecked"},
        rate="fast [B-c]",
        theorem="name2000",
        claims=("B-b", "B-a"),
        entry=ENTRY,
        others=(ENTRY, ENTRY),
    )
    assert repr(said).splitlines() == [
        "setting   a model | a method",
        "selected  something (it moves with the start or the step)",
        "measured  point, certified to 3e-07",
        "if        first: holds; second: violated; third: unchecked",
        "how fast  fast",
        "theorem   name2000",
        "claims    B-b B-a",
        "see also  a key, a key",
    ]
    assert said.violated == ("second",) and said.share([3.0, 3.0]) == pytest.approx(0.8)
    bare = Prediction(known=True, selected="x", entry=ENTRY, certificate=1e-15)
    assert "certified to 1e-09" in repr(bare)
    assert repr(Prediction(entry=ENTRY, selected="x")).splitlines() == [
        "setting   a model | a method",
        "selected  x",
        "measured  no optimum is known as a vector",
    ]
    with pytest.raises(ValueError, match="no optimum is known in this setting"):
        Prediction().share([1.0])
    assert repr(Prediction()).startswith("nothing is known") and Prediction().violated == ()


def entry(key, *cases, conditions=()):
    return Entry(key, "m", "d", f"what {key} selects", conditions, f"as fast as {key}", "t", cases)


def test_entries_are_asked_in_order_and_asides_last():
    covers, never = (lambda s: True), (lambda s: False)
    first = entry("first", Case(never), Case(covers, aside=True))
    second = entry("second", Case(covers, depends=True), Case(covers, "never said"))
    third = entry("third", Case(covers, lambda s: f"of {s.objective.n_samples}"))
    fourth = entry("fourth", Case(never))
    for entries, key, others in (
        ((first, second, third, fourth), "second", ["third", "first"]),
        ((third, fourth, first), "third", ["first"]),
        ((first,), "first", []),
    ):
        said = atlas.predict(DATA, entries=entries)
        assert said.entry.key == key and [one.key for one in said.others] == others
    said = atlas.predict(DATA, entries=(third,))
    assert said.selected == "of 8" and not said.depends and said.measure is None
    assert (said.rate, said.theorem, said.claims) == ("as fast as third", "t", ())
    assert atlas.predict(DATA, entries=(second,)).selected == "what second selects"
    assert atlas.predict(DATA, entries=(second,)).depends
    assert not atlas.predict(DATA, entries=(fourth,)).known
    assert not atlas.predict(DATA, entries=()).known


@pytest.mark.parametrize(
    ("checked", "state"), [(True, "holds"), (False, "violated"), (None, "unchecked")]
)
@pytest.mark.parametrize("own", [True, False])
def test_a_reference_is_computed_unless_a_hypothesis_is_violated(checked, state, own):
    reference = references.Reference(np.ones(3), Point(np.ones(3)), 0.125)
    hypothesis = If("it", lambda s: checked)
    case = Case(lambda s: True, "x", lambda s: reference, hypotheses=(hypothesis,) * (not own))
    conditions = ("a remark", If("open"), *[hypothesis] * own)
    said = atlas.predict(DATA, entries=(entry("a", case, conditions=conditions),))
    assert said.hypotheses == {"open": "unchecked", "it": state}
    if checked is False:
        assert (said.reference, said.measure, said.certificate) == (None, None, None)
    else:
        assert said.reference is reference.weights and said.measure is reference.measure
        assert said.certificate == 0.125
    none = Case(lambda s: True, "x", lambda s: None)
    said = atlas.predict(DATA, entries=(entry("a", none),))
    assert said.known and (said.reference, said.measure, said.certificate) == (None, None, None)


# ---- settings


def test_the_defaults_of_a_setting_are_those_of_descent():
    s = setting()
    assert s.method == GRADIENT and s.noise == () and s.full and s.clean and s.sure
    assert s.start.tolist() == [0, 0, 0] and s.constant_step == s.objective.default_step_size
    assert setting(method=methods.Adam()).steps is None
    assert setting(steps=0.25).constant_step == 0.25
    assert setting(steps=DECAYING).constant_step is None
    assert setting(steps=steps.Safe()).constant_step is None
    assert setting(steps=[0.1, 0.2]).constant_step is None
    assert setting(method=methods.Adam()).constant_step is None
    assert setting(Objective(DATA, model=RELU)).start is None
    one = setting(sampling=ONE)
    assert not one.full and not one.sure and one.clean
    assert one.constant_step == one.objective.sample_step_size
    assert setting(noise=LABELS).noise == (LABELS,) and setting(noise=[LABELS]).noise == (LABELS,)


def test_the_loss_is_the_one_that_the_method_is_made_for():
    @dataclass(frozen=True)
    class Made(methods.Gradient):
        loss: ClassVar[str] = "exponential"

    assert isinstance(setting(method=Made()).objective.loss, losses.Exponential)
    assert isinstance(setting().objective.loss, losses.Logistic)


def test_a_start_is_one_vector_or_the_factors_of_a_product():
    product = models.MatrixProduct((2, 2), 2)
    table = Completion(np.ones((2, 2), bool), np.eye(2))
    factored = Objective(table, model=product)
    U = np.array([[1.0, 2.0], [3.0, 4.0]])
    for start in ([U, 2 * U], (U, 2 * U)):
        assert (setting(factored, start=start).start == product.theta([U, 2 * U])).all()
    flat = list(range(8))
    assert setting(factored, start=flat).start.tolist() == flat
    assert setting(start=[1, 2, 3]).start.tolist() == [1, 2, 3]
    single = Objective(table, model=models.MatrixProduct((2, 2), 1))
    assert setting(single, start=[U]).start.tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="the atlas takes one start of 8 parameters"):
        setting(factored, start=[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    for bad in ([1.0, 2.0], [[1.0, 2.0, 3.0]], [[[1.0, 2.0, 3.0]]], np.ones((2, 3))):
        with pytest.raises(ValueError, match="the atlas takes one start of 3 parameters"):
            setting(start=bad)
    with pytest.raises(ValueError, match="start holds 1 NaN"):
        setting(start=[1.0, np.nan, 0.0])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"method": "adam"}, "method must be a Method"),
        ({"sampling": 3}, "sampling must be a Sampling"),
        ({"noise": [LABELS, 3]}, r"noise must be a LabelNoise or WeightNoise; got int.*0\.1"),
        ({"objective": [DATA, DATA]}, "one data set at a time"),
    ],
)
def test_what_is_no_setting_is_named(how, message):
    with pytest.raises(ValueError, match=message):
        setting(**how)


def test_kinds_of_data_losses_and_models():
    for objective, data, loss, model in (
        (DATA, "two classes", "exponential tail", "linear"),
        (Objective(DATA, "exponential"), "two classes", "exponential tail", "linear"),
        (Objective(DATA, losses.PolynomialTail(2)), "two classes", "power-law tail", "linear"),
        (
            Objective(DATA, losses.StretchedExponential(2)),
            "two classes",
            "stretched tail",
            "linear",
        ),
        (Objective(DATA, losses.Sigmoid()), "two classes", "other", "linear"),
        (Objective(DATA, "squared"), "two classes", "squared", "linear"),
        (LINE, "regression", "squared", "linear"),
        (CLASSES, "several classes", "cross-entropy", "linear"),
        (SEEN, "matrix", "squared", "linear"),
        (datasets.next_tokens(0), "next tokens", "cross-entropy", "linear"),
        (Objective(LINE, model=DIAGONAL), "regression", "squared", "diagonal"),
        (Objective(DATA, model=models.CircularConvolution(3, 2)), *TAIL, "convolution"),
        (Objective(DATA, model=models.WeightNormalized(3)), *TAIL, "weight-normalised"),
        (Objective(DATA, model=models.Direction(3)), *TAIL, "direction"),
        (Objective(SEEN, model=models.MatrixProduct((4, 4), 2)), "matrix", "squared", "product"),
        (Objective(SEEN, model=models.MatrixProduct((4, 4), 1)), "matrix", "squared", "linear"),
        (Objective(DATA, model=models.MatrixProduct((1, 3), 2, width=2)), *TAIL, "connected"),
        (Objective(DATA, model=models.deep_linear(3, 2, 2)), *TAIL, "connected"),
        (Objective(DATA, model=models.linear(3)), *TAIL, "linear"),
        (Objective(DATA, model=RELU), *TAIL, "homogeneous"),
        (Objective(DATA, model=models.Network((3, 4, 1), "tanh")), *TAIL, "not homogeneous"),
        (Objective(DATA, model=models.Network((3, 4, 1), "linear", "first")), *TAIL, "homogeneous"),
    ):
        s = setting(objective)
        assert (s.data, s.loss, s.model) == (data, loss, model)


TAIL = "two classes", "exponential tail"


def test_a_method_and_what_is_wrapped_around_it():
    inside = methods.Adam(1e-8)
    sharp = methods.SharpnessAware(inside, 0.05)
    both = methods.WeightDecay(sharp, 0.1)
    s = setting(method=both, steps=0.1)
    assert s.inner is inside and s.wrapped(methods.WeightDecay) is both
    assert s.wrapped(methods.SharpnessAware) is sharp and s.wrapped(methods.Adam) is None
    assert s.by(methods.WeightDecay) and not s.by(methods.Adam, methods.SharpnessAware)
    assert s.by(methods.Adam, methods.WeightDecay)
    plain_one = setting(method=inside, steps=0.1)
    assert plain_one.inner is inside and plain_one.wrapped(Method) is None


@pytest.mark.parametrize(
    ("given", "clean", "labels"),
    [
        ((), True, False),
        (LABELS, False, True),
        (WEIGHTS, False, False),
        ((LABELS, WEIGHTS), False, False),
        ((noise.LabelNoise(0.0), noise.WeightNoise(0.0)), True, False),
        ((LABELS, noise.WeightNoise(0.0)), False, True),
        ((noise.LabelNoise(0.0), WEIGHTS), False, False),
    ],
)
def test_what_is_disturbed(given, clean, labels):
    s = setting(LINE, noise=given)
    assert (s.clean, s.sure, s.labels_disturbed) == (clean, clean, labels)
    sampled = setting(LINE, noise=given, sampling=ONE)
    assert (sampled.clean, sampled.sure) == (clean, False)


def test_a_matrix_problem_is_a_regression_on_its_entries():
    problem = Sensing([[[1.0, 2.0], [3.0, 4.0]], np.eye(2)], [5.0, 6.0])
    s = setting(problem)
    assert s.regression.X.tolist() == [[1, 2, 3, 4], [1, 0, 0, 1]]
    assert s.regression.y.tolist() == [5, 6]
    assert setting(LINE).regression.X.tolist() == LINE.X.tolist()
    assert setting().regression.y.tolist() == DATA.y.tolist()


def test_the_weights_at_the_start_are_those_of_the_predictor():
    theta = np.array([1.0, 2.0, 3.0, 0.5, 0.5, 1.0])
    s = setting(Objective(LINE, model=DIAGONAL), start=theta)
    assert s.start_weights == pytest.approx(DIAGONAL.weights(theta))
    assert setting(start=[1, 2, 3]).start_weights.tolist() == [1, 2, 3]
    net = models.deep_linear(3, 2, 2)
    theta = datasets.generator(0).standard_normal(net.n_parameters)
    s = setting(Objective(DATA, model=net), start=theta)
    assert DATA.X @ s.start_weights == pytest.approx(net.predict(theta, DATA.X))
    product = models.MatrixProduct((4, 4), 2)
    theta = datasets.generator(1).standard_normal(product.n_parameters)
    s = setting(Objective(SEEN, model=product), start=theta)
    assert s.start_weights == pytest.approx(product.weights(theta).ravel())


def test_two_classes_are_separable_through_the_origin():
    assert setting().separable is True and setting(PAIR).separable is False
    assert setting(LINE).separable is False and setting(CLASSES).separable is False
    assert setting(Dataset([[1.0, 0.0], [-1.0, 0], [1, 0]], [1, -1, -1])).separable is False
    touching = Dataset.from_signed([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert setting(touching).separable is False  # a part of it alone


# ---- words of the rooms


EXPONENTIAL = Objective(DATA, "exponential")
MIXED = Dataset([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1, -1, 1])
LOGISTIC_STEP = Objective.of(DATA).default_step_size
TWICE = {"steps": 2 * LOGISTIC_STEP}


def wide_net(width, activation="relu"):
    model = models.Network((3, width, 1), activation, "none")
    return Objective(DATA, model=model)


def decayed(base, weight=0.1, **how):
    return methods.WeightDecay(base, weight, **how)


DECAYED = {"steps": 0.1, "method": decayed(methods.Adam(1e-8))}
ATTENTION = Objective(datasets.token_sequences(0, 4, 3, 6), model=models.Attention(3, 6))
PRODUCT = models.MatrixProduct((4, 4), 2)
FACTORED = Objective(SEEN, model=PRODUCT)
DEEP = Objective(SEEN, model=models.MatrixProduct((4, 4), 3))
FREE = Objective(MulticlassDataset(np.eye(3), [0, 1, 2]), model=models.MatrixProduct((3, 3), 2))
ROTATED = np.linalg.qr(datasets.generator(1).standard_normal((3, 3)))[0]
NEW = methods.Steepest(2)
WORDS = [
    (separable.linear_tail, setting(), True),
    (separable.linear_tail, setting(noise=WEIGHTS), False),
    (separable.linear_tail, setting(PAIR), False),
    (separable.linear_tail, setting(Objective(PAIR, "exponential")), True),
    (separable.linear_tail, setting(LINE), False),
    (separable.linear_tail, setting(Objective(DATA, model=RELU)), False),
    (separable.linear_tail, setting(sampling=ONE), True),
    (separable.large_step, setting(**TWICE), True),
    (separable.large_step, setting(steps=1.999 * LOGISTIC_STEP), False),
    (separable.large_step, setting(steps=DECAYING), False),
    (separable.large_step, setting(EXPONENTIAL, steps=1e9), False),
    (separable.risk_scaled, setting(method=methods.LossScaled()), True),
    (separable.risk_scaled, setting(method=methods.NormalizedGradient(), steps=0.1), True),
    (separable.risk_scaled, setting(method=methods.Rescaled(every=2)), True),
    (separable.risk_scaled, setting(method=methods.DualMomentum()), True),
    (separable.risk_scaled, setting(method=methods.Spectral()), True),
    (separable.risk_scaled, setting(steps=steps.DividedByRisk(0.1)), True),
    (separable.risk_scaled, setting(), False),
    (separable.risk_scaled, setting(method=methods.HeavyBall()), False),
    (regression.squares, setting(LINE), True),
    (regression.squares, setting(LINE, noise=WEIGHTS), False),
    (regression.squares, setting(SEEN), False),
    (regression.squares, setting(DATA), False),
    (regression.squares, setting(Objective(LINE, model=DIAGONAL)), False),
    (regression.euclidean, setting(LINE, NEW, steps=0.1), True),
    (regression.euclidean, setting(LINE, methods.Steepest(3), steps=0.1), False),
    (regression.euclidean, setting(LINE, methods.Steepest([2, 2]), steps=0.1), False),
    *(
        (regression.euclidean, setting(LINE, method, steps=0.1), True)
        for method in (GRADIENT, methods.HeavyBall(), methods.Nesterov())
    ),
    (
        regression.euclidean,
        setting(Regression([[1.0, 2.0]], [1.0]), methods.Kaczmarz(), steps=0.1),
        True,
    ),
    (regression.euclidean, setting(LINE, methods.Adam(), steps=0.1), False),
    (regression.wide, setting(Dataset(np.eye(2, 3), [1, -1])), True),
    (regression.wide, setting(Objective(Dataset(np.eye(2, 3), [1, -1]), "squared")), True),
    (regression.wide, setting(Objective(Dataset(np.eye(2, 3), [1, -1]), losses.Sigmoid())), False),
    (regression.wide, setting(Dataset(np.eye(3), [1, -1, 1])), False),
    (regression.wide, setting(Dataset(np.eye(2, 3), [1, -1]), noise=WEIGHTS), False),
    (regression.wide, setting(Dataset(np.eye(2, 3), [1, -1]), start=[0, 0, 1.0]), False),
    (regression.wide, setting(Dataset(np.eye(2, 3), [1, -1]), methods.HeavyBall()), False),
    (regression.wide, setting(LINE), False),
    (geometries.steepest_order, setting(method=methods.Boosting()), 1.0),
    (geometries.steepest_order, setting(method=methods.SignMomentum(0), steps=0.1), np.inf),
    (geometries.steepest_order, setting(method=methods.SignMomentum(0.5), steps=0.1), None),
    (geometries.steepest_order, setting(method=methods.Steepest(3), steps=0.1), 3.0),
    (geometries.steepest_order, setting(method=methods.Steepest([3, 2]), steps=0.1), None),
    (geometries.steepest_order, setting(), None),
    *(
        (geometries.horizon, setting(method=methods.Mirror(potential), steps=0.1), p)
        for potential, p in (
            (potentials.SquaredNorm(1.5), 1.5),
            (potentials.PowerNorm(3), 3.0),
            (potentials.HyperbolicEntropy(0.3), 1.0),
            (potentials.DepthEntropy(3, 0.3), None),
        )
    ),
    (decay.in_order, setting(method=methods.Adam(betas=(0.9, 0.9)), steps=0.1), True),
    (decay.in_order, setting(method=methods.Adam(betas=(0.91, 0.9)), steps=0.1), False),
    (decay.in_order, setting(method=decayed(methods.Lion()), steps=0.1), True),
    (decay.in_order, setting(method=methods.Lion(betas=(0.91, 0.9)), steps=0.1), True),
    (
        decay.shrinking,
        setting(Objective(LINE, model=DIAGONAL), decayed(GRADIENT), start=np.ones(6)),
        True,
    ),
    (decay.shrinking, setting(Objective(LINE, model=DIAGONAL), decayed(GRADIENT, 0.0)), False),
    (decay.shrinking, setting(Objective(LINE, model=DIAGONAL), GRADIENT), False),
    (
        decay.shrinking,
        setting(Objective(LINE, model=DIAGONAL), decayed(methods.HeavyBall()), steps=0.1),
        False,
    ),
    (
        decay.shrinking,
        setting(Objective(LINE, model=DIAGONAL), decayed(GRADIENT), sampling=ONE, steps=0.1),
        False,
    ),
    (decay.shrinking, setting(LINE, decayed(GRADIENT)), False),
    (attention.attends, setting(ATTENTION), True),
    (attention.attends, setting(ATTENTION, methods.HeavyBall(), steps=0.1), False),
    (attention.attends, setting(ATTENTION, sampling=ONE, steps=0.1), False),
    (attention.attends, setting(Objective(DATA)), False),
    (layers.tail_flow, setting(), True),
    (layers.tail_flow, setting(method=methods.LossScaled()), True),
    (layers.tail_flow, setting(method=methods.NormalizedGradient(), steps=0.1), True),
    (layers.tail_flow, setting(method=methods.HeavyBall()), False),
    (layers.tail_flow, setting(sampling=ONE), False),
    (layers.tail_flow, setting(LINE), False),
    (layers.diagonal_squares, setting(Objective(LINE, model=DIAGONAL)), True),
    (layers.diagonal_squares, setting(Objective(LINE, model=models.DiagonalLinear(3, 3))), False),
    (layers.diagonal_squares, setting(Objective(DATA, model=DIAGONAL)), False),
    (layers.diagonal_squares, setting(LINE), False),
    (networks.homogeneous, setting(Objective(DATA, model=RELU)), True),
    (networks.homogeneous, setting(Objective(DATA, model=DIAGONAL)), True),
    (networks.homogeneous, setting(wide_net(4, "tanh")), False),
    (networks.homogeneous, setting(), False),
    (networks.homogeneous, setting(Objective(DATA, model=models.linear(3))), False),
    (networks.two_layer_relu, setting(wide_net(4)), True),
    (networks.two_layer_relu, setting(wide_net(4, "squared_relu")), False),
    (networks.two_layer_relu, setting(wide_net(4, "linear")), False),
    (
        networks.two_layer_relu,
        setting(Objective(DATA, model=models.Network((3, 4, 4, 1), "relu", "none"))),
        False,
    ),
    (networks.two_layer_relu, setting(), False),
    (matrices.factors, setting(SEEN), 1),
    (matrices.factors, setting(FACTORED), 2),
    (matrices.factors, setting(DEEP), 3),
    (matrices.factors, setting(FACTORED, noise=WEIGHTS), 0),
    (matrices.factors, setting(Objective(LINE, model=DIAGONAL)), 0),
    (matrices.two, setting(FACTORED), True),
    (matrices.two, setting(FACTORED, methods.HeavyBall(), steps=0.1), False),
    (matrices.two, setting(FACTORED, methods.Multiplicative(), steps=0.1), True),
    (matrices.two, setting(DEEP), False),
    (matrices.two, setting(SEEN), False),
    (classes.linear_classes, setting(CLASSES), True),
    (classes.linear_classes, setting(CLASSES, sampling=ONE), False),
    (classes.linear_classes, setting(DATA), False),
    (classes.linear_classes, setting(FREE), False),
    (classes.too_fast, setting(CLASSES, methods.Muon(0.95), steps=1e3), True),
    (classes.too_fast, setting(CLASSES, methods.Muon(0.95), steps=1e-6), False),
    (classes.too_fast, setting(CLASSES, methods.Muon(0.95), steps=DECAYING), False),
    (classes.too_fast, setting(CLASSES, methods.Muon(0.95, nesterov=True), steps=1e3), False),
    (classes.too_fast, setting(CLASSES, methods.Spectral(np.inf), steps=1e3), False),
    (classes.too_fast, setting(CLASSES, steps=1e3), False),
    (classes.too_fast, setting(CLASSES, methods.Muon(0.95), steps=1e3, sampling=ONE), False),
    (
        classes.too_fast,
        setting(MulticlassDataset([[1.0]] * 3, [0, 1, 2]), methods.Muon(0.95), steps=1e3),
        False,
    ),
    (classes.free_features, setting(FREE), True),
    (
        classes.free_features,
        setting(
            Objective(MulticlassDataset(ROTATED, [0, 1, 2]), model=models.MatrixProduct((3, 3), 2))
        ),
        True,
    ),
    (
        classes.free_features,
        setting(
            Objective(
                MulticlassDataset(ROTATED + 1e-6, [0, 1, 2]), model=models.MatrixProduct((3, 3), 2)
            )
        ),
        False,
    ),
    (
        classes.free_features,
        setting(Objective(MulticlassDataset(np.eye(3), [0, 1, 2]), model=None)),
        False,
    ),
    (
        classes.free_features,
        setting(
            Objective(
                MulticlassDataset(np.eye(3), [0, 1, 2]), model=models.MatrixProduct((3, 3), 3)
            )
        ),
        False,
    ),
]


@pytest.mark.parametrize(("word", "given", "meant"), WORDS)
def test_a_word_means_what_it_says(word, given, meant):
    found = word(given)
    assert found == meant if meant is not None else found is None
    assert isinstance(found, (bool, np.bool_)) or not isinstance(meant, bool)


def test_adam_with_and_without_epsilon():
    for epsilon, above in ((0.0, False), (1e-8, True)):
        for method in (methods.Adam(epsilon), methods.RMSProp(epsilon)):
            s = setting(method=method, steps=0.1)
            assert geometries.adaptive(s, epsilon=above) is True
            assert geometries.adaptive(s, epsilon=not above) is False
            assert not geometries.adaptive(setting(method=method, steps=0.1, sampling=ONE), above)
            assert not geometries.adaptive(setting(PAIR, method, steps=0.1), above)
    assert not geometries.adaptive(setting(method=methods.Adam([0.0, 1e-8]), steps=0.1), True)
    assert not geometries.adaptive(setting(), True)


@pytest.mark.parametrize("coupled", [True, False])
def test_decay_is_beside_the_step_or_inside(coupled):
    for base in (methods.Adam(), methods.Lion(), methods.SignMomentum()):
        s = setting(method=decayed(base, coupled=coupled), steps=0.1)
        assert decay.boxed(s, coupled) is True and decay.boxed(s, not coupled) is False
    adam = decayed(methods.Adam(), coupled=coupled)
    for s in (
        setting(method=decayed(GRADIENT, coupled=coupled), steps=0.1),
        setting(method=decayed(methods.Adam(), 0.0, coupled=coupled), steps=0.1),
        setting(Objective(DATA, losses.Sigmoid()), adam, steps=0.1),
        setting(Objective(DATA, "squared"), adam, steps=0.1),
        setting(Objective(DATA, model=RELU), adam, steps=0.1),
        setting(CLASSES, adam, steps=0.1),
        setting(method=adam, steps=0.1, sampling=ONE),
        setting(method=methods.Adam(), steps=0.1),
    ):
        assert not decay.boxed(s, coupled)


def test_orthonormal_inputs_are_so_up_to_rounding():
    for off, free in ((2e-10, True), (2e-9, False)):
        X = np.array([[1.0, 0.0], [off, 1.0]])
        objective = Objective(MulticlassDataset(X, [0, 1]), model=models.MatrixProduct((2, 2), 2))
        assert classes.free_features(setting(objective)) is free
    for length, free in ((1 + 2e-10, True), (1 + 1e-6, False)):
        objective = Objective(
            MulticlassDataset(length * np.eye(2), [0, 1]), model=models.MatrixProduct((2, 2), 2)
        )
        assert classes.free_features(setting(objective)) is free


def test_an_order_of_two_digits_stands_in_braces():
    assert geometries.in_norm(10.0) == r"the $\ell_{10}$ maximum margin"
    assert geometries.in_norm(3.0) == r"the $\ell_3$ maximum margin"


def test_layers_of_a_depth():
    s = setting(Objective(LINE, model=DIAGONAL))
    assert layers.of_depth(s, "diagonal", 2) and not layers.of_depth(s, "diagonal", 3)
    assert not layers.of_depth(s, "convolution", 2)
    assert matrices.observed(setting(SEEN), Completion) and not matrices.observed(
        setting(SEEN), Sensing
    )


# ---- references


class Forged:
    """An optimum whose duality gap is a number of our own."""

    def __init__(self, real):
        self.real, self.duality_gap = real, -0.125

    def __getattr__(self, name):
        return getattr(self.real, name)


@pytest.fixture
def forged(monkeypatch):
    """Let every optimum of the references say that its gap is -1/8."""

    class Solvers:
        def __getattr__(self, name):
            solver = getattr(optima, name)
            return lambda *given, **how: Forged(solver(*given, **how))

    monkeypatch.setattr(references, "optima", Solvers())


@dataclass
class Row:
    rule: object
    s: Setting
    weights: np.ndarray
    said: str
    certified: bool = True
    p: object = None  # what the rule is made of, in the test itself


HALF = methods.WeightDecay(GRADIENT, 0.2)
BOX = methods.WeightDecay(methods.Adam(), 0.5)
START = np.array([0.3, -0.5, 0.2])
UV = np.array([0.3, 0.5, 0.2, 0.3, 0.5, 0.2])
ROWS = [
    Row(references.max_margin, setting(), optima.max_margin(DATA).w, "margin in the l_2", p=2.0),
    *(
        Row(
            references.max_margin,
            setting(),
            optima.max_margin(DATA, p=1).w,
            "margin in the l_1",
            p=p,
        )
        for p in (1, lambda s: 1)
    ),
    Row(
        references.fourier_margin,
        setting(),
        optima.max_fourier_margin(DATA).w,
        "margin in the l_1 norm of the spectrum",
    ),
    Row(
        references.classes_margin,
        setting(CLASSES),
        optima.multiclass_margin(CLASSES).W,
        "margin in the l_2 norm",
    ),
    Row(
        references.schatten_margin,
        setting(CLASSES),
        optima.multiclass_margin(CLASSES).W,
        "margin in the l_2 norm",
        p=lambda s: 2.0,
    ),
    Row(
        references.schatten_margin,
        setting(CLASSES),
        optima.schatten_margin(CLASSES, norm="nuclear").W,
        "margin in the nuclear norm",
        p=lambda s: 1.0,
    ),
    Row(
        references.schatten_margin,
        setting(CLASSES),
        optima.schatten_margin(CLASSES, norm="spectral").W,
        "margin in the spectral norm",
        p=lambda s: np.inf,
    ),
    Row(
        references.entrywise_margin,
        setting(CLASSES),
        optima.max_margin(Dataset.one_class(CLASSES.Z), p=1).w.reshape(3, 4),
        "margin in the l_1 norm",
        p=lambda s: 1.0,
    ),
    Row(
        references.token_ray,
        setting(datasets.next_tokens(0)),
        optima.next_token_limit(datasets.next_tokens(0)).ray,
        "direction",
    ),
    Row(
        references.nearest,
        setting(LINE, start=START),
        START + np.linalg.pinv(LINE.X) @ (LINE.y - LINE.X @ START),
        "point",
    ),
    Row(references.nearest, setting(SEEN), SEEN.M, "point"),
    Row(
        references.projection,
        setting(LINE, start=START),
        optima.bregman_projection(LINE, potential=potentials.HyperbolicEntropy(0.3), start=START).w,
        "point",
        p=lambda s: potentials.HyperbolicEntropy(0.3),
    ),
    Row(
        references.hyperbolic,
        setting(Objective(LINE, model=DIAGONAL), start=UV),
        optima.bregman_projection(LINE, potential=potentials.HyperbolicEntropy(UV[:3])).w,
        "point",
    ),
    Row(
        references.hyperbolic,
        setting(Objective(LINE, model=DIAGONAL), start=-0.3 * np.ones(6)),
        optima.bregman_projection(LINE, potential=potentials.HyperbolicEntropy(0.3)).w,
        "point",
    ),
    Row(
        references.tail,
        setting(Objective(DATA, losses.PolynomialTail(3))),
        optima.tail_direction(DATA, power=3).direction,
        "direction",
    ),
    Row(
        references.ray,
        setting(Dataset(*[MIXED.X, MIXED.y])),
        np.array([0.0, 1.0]),
        "direction",
        certified=False,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: getattr(row.rule, "__qualname__", "")[:30])
def test_a_reference_is_its_optimum_with_the_size_of_its_gap(row, forged):
    found = row.rule(row.s) if row.p is None else row.rule(row.p)(row.s)
    assert found.weights.shape == row.weights.shape
    length = np.linalg.norm(row.weights)
    factor = np.linalg.norm(found.weights) / length if row.said != "point" else 1.0
    assert found.weights == pytest.approx(factor * row.weights, abs=1e-6 * length)
    assert str(found.measure).startswith(row.said)
    assert found.measure.share(row.weights) == pytest.approx(1, abs=1e-6)
    assert found.certificate == 0.125 if row.certified else found.certificate is not None


def test_the_reference_of_a_box_and_of_a_lasso():
    best = optima.box_minimiser(DATA, radius=2.0, loss=losses.Logistic())
    found = references.box(setting(method=BOX, steps=0.1))
    assert found.weights == pytest.approx(best.w) and found.certificate == pytest.approx(
        best.duality_gap, abs=1e-9
    )
    other = references.box(setting(EXPONENTIAL, BOX, steps=0.1))
    exponential = optima.box_minimiser(DATA, radius=2.0, loss=losses.Exponential())
    assert np.abs(exponential.w - best.w).max() > 1e-3
    assert other.weights == pytest.approx(exponential.w)
    assert other.measure.share(exponential.w) == pytest.approx(1)
    s = setting(Objective(LINE, model=DIAGONAL), HALF, start=UV)
    best = optima.lasso(LINE, penalty=0.1)
    found = references.half_of_decay(s)
    assert found.weights == pytest.approx(best.w) and found.certificate == pytest.approx(
        best.duality_gap, abs=1e-9
    )
    assert found.measure.share(best.w) == pytest.approx(1)


def test_the_reference_of_a_ridge():
    for loss in (losses.Logistic(), losses.PolynomialTail(2)):
        found = references.ridge(setting(Objective(DATA, loss), HALF))
        best = optima.ridge_path(DATA, log_penalty=[np.log(0.2)], loss=loss)
        assert found.weights == pytest.approx(best.w[0])
        assert found.certificate == pytest.approx(best.error_estimate[0], abs=1e-9)
        assert found.measure.share(best.w[0]) == pytest.approx(1)
        pull = DATA.Z.T @ np.exp(loss.log_slope(DATA.Z @ found.weights)) / 8
        assert 0.2 * found.weights == pytest.approx(pull, abs=1e-8)
    assert references.ridge(setting(EXPONENTIAL, HALF)) is None
    assert references.ridge(setting(DATA, methods.WeightDecay(GRADIENT, 0.0))) is None


def test_the_reference_where_nothing_or_a_part_is_separable():
    overlap = Dataset.from_signed([[1.0, 0.5], [-1.0, 1.0], [0.0, -1.0], [0.3, 0.0]])
    found = references.ray(setting(overlap))
    slopes = overlap.Z.T @ (1 / (1 + np.exp(overlap.Z @ found.weights)))
    assert slopes == pytest.approx(0, abs=1e-8) and str(found.measure) == "point"
    best = optima.bounded_part_and_ray(overlap)
    assert found.certificate == pytest.approx(best.residual, abs=1e-9) and found.measure.share(
        best.bounded
    ) == pytest.approx(1)
    part = references.ray(setting(MIXED))
    assert str(part.measure) == "direction" and part.weights / part.weights[1] == pytest.approx(
        [0, 1], abs=1e-9
    )
    exponential = references.ray(setting(Objective(overlap, "exponential")))
    slopes = overlap.Z.T @ np.exp(-overlap.Z @ exponential.weights)
    assert slopes == pytest.approx(0, abs=1e-8)


def test_closed_forms_by_hand():
    labels = np.array([0, 1, 2])
    found = references.centred_labels(setting(FREE))
    right = np.eye(3)[:, labels] - 1 / 3
    assert found.weights == pytest.approx(right) and found.certificate is None
    assert found.measure.share(2 * right) == pytest.approx(1)
    uneven = MulticlassDataset(ROTATED, [0, 1, 1])
    found = references.centred_labels(setting(uneven))
    logits = found.weights @ ROTATED.T
    assert logits == pytest.approx(np.array([[0.5, -0.5, -0.5], [-0.5, 0.5, 0.5]]))
    sensed = datasets.gaussian_sensing(3, 1, 8, seed=0)
    s = setting(Objective(sensed, model=models.MatrixProduct((3, 3), 2)))
    found = references.truth(s)
    assert (found.weights == sensed.truth).all() and found.certificate is None
    assert found.measure.share(sensed.truth) == 1
    bare = Objective(
        Sensing(sensed.sensors, sensed.observations), model=models.MatrixProduct((3, 3), 2)
    )
    assert references.truth(setting(bare)) is None


def test_the_best_tokens_by_hand():
    """Two sequences of three tokens: each picks the one whose value has its label's sign."""
    tokens = np.eye(6).reshape(2, 3, 6)
    values = np.array([[0.1, 2.0, -1.0], [0.5, 0.2, -3.0]])
    rows = np.concatenate([tokens, values[..., None]], axis=2).reshape(2, -1)
    s = setting(Objective(Dataset(rows, [1, -1]), model=models.Attention(3, 6)))
    found = references.best_tokens(s)
    right = np.array([-1, 2, -1, -1, -1, 2]) / 3
    assert found.weights == pytest.approx(right) and found.certificate is None
    assert found.measure.share(right) == pytest.approx(1)


def test_the_weighted_norm_is_that_of_the_trace():
    """Two equations in three unknowns: the line (1 - 2s, s, 1 + s), by a search along it."""
    data = datasets.two_kinds_of_flat()
    s = setting(Objective(data, model=DIAGONAL), start=UV)
    found = references.weighted_l1(s)
    along = np.linspace(-3, 3, 6001)
    w = np.column_stack([1 - 2 * along, along, 1 + along])
    h = (data.X**2).mean(axis=0)
    norms = np.abs(w) @ h
    assert found.weights == pytest.approx(w[norms.argmin()], abs=1e-3)
    assert found.measure.share(found.weights) == pytest.approx(1)
    shares = [found.measure.share(v) for v in w[::500]]
    assert shares == pytest.approx(norms.min() / norms[::500])
    assert 0 <= found.certificate < 1e-6 and str(found.measure) == "weighted l_1 norm"


def test_layers_that_do_not_start_equal_have_no_known_entropy():
    start = UV.copy()
    start[4] += 1e-9
    assert references.hyperbolic(setting(Objective(LINE, model=DIAGONAL), start=start)) is None
    assert references.same(np.array([2.0, 2.0, 2.0])) is True
    assert references.same(np.array([2.0, 2.0, 2.1])) is False
    assert references.same(np.array([2.0, 2.1, 2.1])) is False
    assert references.same(np.array([2.0])) is True


def test_commuting_sensors_have_a_limit_from_a_positive_multiple_of_one():
    problem = datasets.commuting_sensing(3, 2, seed=0)
    for depth in (2, 3):
        model = models.MatrixProduct((3, 3), depth)
        objective = Objective(problem, model=model)
        start = models.matrix_product.scaled_identity(1e-3, (3, 3), depth)
        s = setting(objective, start=model.theta(start))
        found = references.commuting(s)
        scale = float(s.start_weights[0])
        best = optima.commuting_limit(problem, depth=depth, scale=scale)
        assert found.weights == pytest.approx(best.W) and found.certificate == pytest.approx(
            best.residual, abs=1e-9
        )
        assert found.measure.share(best.W) == pytest.approx(1)
    model = models.MatrixProduct((3, 3), 2)
    tilted = np.eye(3) + 1e-8 * np.eye(3)[::-1]
    for U, V, known in (
        (np.eye(3), np.eye(3), True),
        (tilted, np.eye(3), False),
        (np.diag([1.0, 1.0, 1.0 + 1e-7]), np.eye(3), False),
        (np.diag([1.0, 1.0, 1.5]), np.eye(3), False),
        (np.eye(3), -np.eye(3), False),
        (0 * np.eye(3), 0 * np.eye(3), False),
    ):
        s = setting(Objective(problem, model=model), start=model.theta([1e-2 * U, 1e-2 * V]))
        assert (references.commuting(s) is not None) is known


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_weight_normalisation_takes_its_rate_and_its_start(rate):
    model = models.WeightNormalized(3, rate)
    start = model.theta(np.array([1.0, -0.5, 0.3]))
    s = setting(Objective(LINE, model=model), start=start)
    best = optima.weight_normalized_interpolant(LINE, start=model.weights(start), rate=rate)
    found = references.weight_normalised(s)
    assert found.weights == pytest.approx(best.w) and found.certificate == pytest.approx(
        best.residual, abs=1e-9
    )
    assert found.measure.share(best.w) == pytest.approx(1)


# ---- checks at their edges


def test_small_starts_count_with_the_power_of_their_layers():
    """The product of the layers is at most a hundredth, up to rounding."""
    for depth in (2, 3):
        model = models.DiagonalLinear(3, depth)
        edge = checks.SMALL ** (1 / depth)
        for share, small in ((0.999, True), (1.0, True), (1.001, False)):
            for sign in (-1, 1):
                start = 1e-3 * np.ones(model.n_parameters)
                start[1] = sign * share * edge
                s = setting(Objective(LINE, model=model), start=start)
                assert checks.small_start(s) is small
    assert checks.small_start(setting(LINE, start=[0.0, checks.SMALL, 0.0])) is True
    assert checks.small_start(setting(LINE, start=[0.0, 1.1 * checks.SMALL, 0.0])) is False


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_targets_are_met_relative_to_their_length(scale):
    for off, solved in ((0.9e-8, True), (1.2e-8, False)):
        y = scale * np.array([1.0, 1.0 + 2 * off])  # its distance to the line is sqrt(2) off
        data = Regression([[1.0], [1.0]], y)
        assert checks.solvable(setting(data)) is solved


def test_overlapping_classes_need_descent_on_the_logistic_loss():
    assert checks.overlapping(setting(PAIR)) is True
    for s in (
        setting(Objective(PAIR, "exponential")),
        setting(PAIR, methods.HeavyBall()),
        setting(PAIR, sampling=ONE),
        setting(PAIR, noise=WEIGHTS),
        setting(MIXED),
        setting(DATA),
        setting(Objective(Dataset(np.eye(3), [1, -1, 1]), model=RELU)),
        setting(LINE),
    ):
        assert checks.overlapping(s) is False
    assert checks.compatible(setting(datasets.next_tokens(0))) is True
    assert checks.compatible(setting(datasets.next_tokens(0, n_features=2))) is False


def test_a_step_on_overlapping_classes_may_cycle_from_one_curvature_on():
    """Labels three to one: the curvature at the minimum is 3/16, that anywhere 1/4."""
    data = Dataset(np.ones((4, 1)), [1, 1, 1, -1])
    for size, cycles in ((7.9, False), (8.1, True), (100.0, True)):
        assert checks.may_cycle(setting(data, steps=size)) is cycles
    assert checks.may_cycle(setting(data, methods.HeavyBall(), steps=100.0)) is False


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_symmetric_starts_and_sensors(size):
    model = models.MatrixProduct((2, 2), 2)
    U = size * np.array([[1.0, 2.0], [3.0, 4.0]])
    A = [[[1.0, 2.0], [2.0, -1.0]]]
    right = setting(Objective(Sensing(A, [1.0]), model=model), start=model.theta([U, U.T]))
    assert checks.symmetric(right) is True
    for sensors, V in ((A, U), ([[[1.0, 2.0], [2.1, -1.0]]], U.T), (A, U.T * (1 + 1e-12))):
        s = setting(Objective(Sensing(sensors, [1.0]), model=model), start=model.theta([U, V]))
        assert checks.symmetric(s) is False


def test_balance_of_three_factors_holds_between_all_neighbours():
    model = models.MatrixProduct((2, 2), 3)
    problem = Objective(Completion(np.ones((2, 2), bool), np.eye(2)), model=model)
    Q = np.array([[0.6, -0.8], [0.8, 0.6]])
    D = np.diag([1.0, 2.0])
    for factors, balanced in (
        ([D, D, D], True),
        ([Q @ D, D, D @ Q], True),
        ([D, D, Q @ D], False),
        ([D @ Q, D, D], False),
        ([D, D, 2 * D], False),
        ([2 * D, D, D], False),
    ):
        s = setting(problem, start=model.theta(factors))
        assert checks.balanced(s) is balanced, factors


@pytest.mark.parametrize(
    ("check", "objective"),
    [
        (checks.below_smoothness, PAIR),
        (checks.below_twice, Objective(PAIR, "squared")),
        (checks.converges, LINE),
    ],
)
def test_at_twice_the_safe_step_itself_a_step_is_not_below_it(check, objective):
    safe = Objective.of(objective).default_step_size
    assert check(setting(objective, steps=2 * safe)) is False
    assert check(setting(objective, steps=2 * safe * (1 - 1e-12))) is True


def test_the_curvature_is_that_of_the_loss_at_its_own_minimum():
    """Labels three to one: of the exponential loss w = log(3) / 2, and there sqrt(3) / 2."""
    data = Objective(Dataset(np.ones((4, 1)), [1, 1, 1, -1]), "exponential")
    edge = 2 / np.sqrt(3)
    for times in (1.0, 2.0):
        assert checks.past_curvature(setting(data, steps=1.001 * times * edge), times) is True
        assert checks.past_curvature(setting(data, steps=0.999 * times * edge), times) is False


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_a_feature_is_constant_up_to_rounding_at_any_size(size):
    labels = [1, -1, 1, -1, 1]
    varies = np.array([0.3, -1.0, 2.0, 5.0, -4.0])
    for off, line in ((1e-12, True), (1e-6, False)):
        X = size * np.column_stack([varies, 3 + off * np.arange(5)])
        objective = Objective(Dataset(X, labels), model=models.two_layer_relu(2, 60))
        assert checks.on_a_line(setting(objective, steps=0.1)) is line
