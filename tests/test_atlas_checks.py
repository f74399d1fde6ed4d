"""The hypotheses of the atlas: each holds, fails or stays open where it must."""

import numpy as np
import pytest
from scipy.optimize import linprog

from ibias import atlas, datasets, flow, methods, models, noise, optima, potentials, steps
from ibias.atlas import checks, classes, geometries, measures
from ibias.atlas.setting import Setting
from ibias.datasets import Completion, Dataset, MulticlassDataset, Regression, Sensing
from ibias.objectives import Objective


def setting(objective, method=None, steps=None, start=None, sampling=None, noise=()):
    """The setting of the arguments of `descent`."""
    return Setting.of(objective, method, steps, start, sampling, noise)


PAIR = Dataset([[1.0], [1.0]], [1, -1])
THREE = datasets.separable_classes(seed=0, n_samples=9, n_features=8)
LINE = Regression([[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0])  # L = 2
WIDE = Dataset(np.eye(5, 7), [1, -1, 1, -1, 1])
DECAYING = steps.Decaying(0.1, 0.5)
DIAGONAL = models.DiagonalLinear(2, 2)
TWO = models.MatrixProduct((2, 2), 2)
SENSED = datasets.gaussian_sensing(4, 1, 14, seed=0)
COMMUTING = datasets.commuting_sensing(4, 3, seed=0)
EYE, NILPOTENT = np.eye(2), np.array([[0.0, 1.0], [0.0, 0.0]])


def diagonal(start):
    return setting(Objective(LINE, model=DIAGONAL), steps=0.1, start=start)


def factors(*start, sensors=([[1.0, 0.0], [0.0, 2.0]],)):
    problem = Sensing(list(sensors), np.ones(len(sensors)))
    return setting(
        Objective(problem, model=TWO), steps=0.1, start=TWO.theta(start) if start else None
    )


def net(X, y, bias="none", widths=(60,)):
    X = np.asarray(X)
    model = models.Network((X.shape[1], *widths, 1), "relu", bias=bias)
    return setting(Objective(Dataset(X, y), model=model), steps=0.1)


def column(*values, before=(), after=()):
    """One feature that varies, between constant ones."""
    return np.column_stack([*(np.full(len(values), c) for c in (*before, values, *after))])


IN_TURN, ORDER = [1, -1, 1, -1, 1], (0.3, -1.0, 2.0, 5.0, -4.0)
TURNED = np.array(IN_TURN)[np.argsort(np.argsort(ORDER))]
TABLE = [
    # classes that a matrix or a vector puts apart, targets that can be met
    (checks.separable_classes, setting(THREE), True),
    (checks.separable_classes, setting(MulticlassDataset([[1.0]] * 3, [0, 1, 2])), False),
    (checks.separable, setting(WIDE), True),
    (checks.separable, setting(PAIR), False),
    (checks.partly_separable, setting(PAIR), False),
    (checks.partly_separable, setting(Dataset([[1, 0], [1, 0], [0, 1]], [1, -1, 1])), True),
    (checks.solvable, setting(LINE), True),
    (checks.solvable, setting(Regression([[1.0], [1.0]], [1.0, 2.0])), False),
    # steps, beside 2/L: of the logistic loss L = 1/4, of squares L = 4/2
    (checks.below_smoothness, setting(PAIR, steps=7.99), True),
    (checks.below_smoothness, setting(PAIR, steps=8.01), False),
    (checks.below_smoothness, setting(PAIR, steps=DECAYING), None),
    (checks.may_cycle, setting(PAIR, steps=7.99), False),
    (checks.may_cycle, setting(PAIR, steps=8.01), True),
    (checks.may_cycle, setting(WIDE, steps=1e3), False),
    (checks.converges, setting(LINE, steps=0.999), True),
    (checks.converges, setting(LINE, steps=1.001), False),
    (checks.converges, setting(LINE, steps=DECAYING), None),
    (checks.converges, setting(LINE, methods.HeavyBall(), steps=0.1), None),
    (checks.converges, setting(LINE, steps=0.1, sampling=noise.Reshuffled(1)), None),
    (checks.below_twice, setting(PAIR, steps=1e3), True),
    (checks.below_twice, setting(Objective(PAIR, "exponential"), steps=0.1), None),
    (checks.below_twice, setting(Objective(PAIR, "squared"), steps=1.99), True),
    (checks.below_twice, setting(Objective(PAIR, "squared"), steps=2.01), False),
    (checks.decaying, setting(PAIR, steps=DECAYING), True),
    (checks.decaying, setting(PAIR, steps=0.1), False),
    # starts
    (checks.zero_start, setting(LINE), True),
    (checks.zero_start, setting(LINE, start=[0.0, 1e-9]), False),
    (checks.equal_layers, diagonal([1.0, -2.0, 1.0, -2.0]), True),
    (checks.equal_layers, diagonal([1.0, 2.0, 1.0, 2.1]), False),
    (checks.equal_layers, diagonal([1.0, 0.0, 1.0, 0.0]), False),
    (checks.equal_layers, diagonal(None), None),
    (checks.small_start, diagonal(np.full(4, 0.1)), True),
    (checks.small_start, diagonal([0.05, -0.11, 0.05, 0.05]), False),
    (checks.small_start, diagonal(None), None),
    (checks.balanced, factors(0.5 * EYE, 0.5 * EYE), True),
    (checks.balanced, factors(1e3 * NILPOTENT, 1e3 * NILPOTENT.T @ NILPOTENT), True),
    (checks.balanced, factors(0.5 * EYE, 0.6 * EYE), False),
    (checks.balanced, factors(), None),
    (checks.symmetric, factors(EYE + NILPOTENT, EYE + NILPOTENT.T), True),
    (checks.symmetric, factors(EYE + NILPOTENT, EYE + NILPOTENT), False),
    (checks.symmetric, factors(EYE, EYE, sensors=[NILPOTENT]), False),
    (checks.symmetric, factors(EYE, EYE, sensors=[NILPOTENT + NILPOTENT.T, EYE]), True),
    (checks.symmetric, factors(), None),
    # data
    (checks.commuting, setting(COMMUTING), True),
    (checks.commuting, setting(SENSED), False),
    (checks.commuting, setting(Sensing([1e3 * EYE, 1e3 * NILPOTENT], [1, 1])), True),
    (checks.commuting, setting(Sensing([1e-3 * NILPOTENT.T, 1e-3 * NILPOTENT], [1, 1])), False),
    (checks.commuting, setting(Completion(np.ones((2, 3), dtype=bool), np.ones((2, 3)))), False),
    (checks.no_negative_dual, setting(Dataset([[1.0, 0.0], [-1.0, -2.0]], [1, -1])), True),
    (checks.no_negative_dual, setting(Dataset([[1.0, 0.0], [-2.0, -1.0]], [1, -1])), False),
    (checks.no_negative_dual, setting(Dataset([[1.0, 0.0], [2.0, 1.0]], [1, -1])), True),
    (checks.no_negative_dual, setting(Dataset([[1.0, 0.0], [-2.0, 0.0]], [1, -1])), False),
    (checks.no_negative_dual, setting(Dataset([[1.0], [-2.0]], [1, -1])), False),
    (checks.samples_of_signs, setting(Dataset([[2.0, -2.0], [1.0, 1.0]], [1, -1])), True),
    (checks.samples_of_signs, setting(Dataset([[2.0, 1.0], [2.0, 1.0]], [1, -1])), False),
    (checks.independent_samples, setting(WIDE), True),
    (checks.independent_samples, setting(PAIR), False),
    (checks.orthogonal_inputs, setting(WIDE), True),
    (checks.orthogonal_inputs, setting(Dataset([[1.0, 0.0], [1e-6, 1.0]], [1, -1])), False),
    (checks.on_a_circle, setting(Dataset([[0.6, 0.8], [-1.0, 0.0]], [1, -1])), True),
    (checks.on_a_circle, setting(Dataset([[0.6, 0.8], [-1.1, 0.0]], [1, -1])), False),
    (checks.on_a_circle, setting(WIDE), False),
    (checks.on_a_line, net(column(*ORDER, after=[3.0]), IN_TURN), True),
    (checks.on_a_line, net(column(*ORDER, before=[3.0]), IN_TURN), True),
    (checks.on_a_line, net(column(*ORDER, after=[0.0]), IN_TURN), False),
    (checks.on_a_line, net(column(*ORDER, after=[0.0]), IN_TURN, "first"), True),
    (checks.on_a_line, net(np.outer(ORDER, [1.0, 1.0]), IN_TURN, "first"), False),
    *(
        (checks.labels_in_turn, net(column(*ORDER, **how), TURNED), True)
        for how in (
            {"before": [3.0]},
            {"after": [3.0]},
            {"before": [-9.0, 9.0], "after": [0.0]},
        )
    ),
    (checks.labels_in_turn, net(column(*ORDER, before=[3.0]), IN_TURN), False),
    (checks.labels_in_turn, net(column(*ORDER[:4], before=[3.0]), TURNED[:4]), False),
    # methods
    (
        checks.image_at_zero,
        setting(LINE, methods.Mirror(potentials.NegativeEntropy()), steps=0.1, start=[1.0, 1.0]),
        True,
    ),
    (
        checks.image_at_zero,
        setting(LINE, methods.Mirror(potentials.NegativeEntropy()), steps=0.1, start=[1.0, 1.1]),
        False,
    ),
    *(
        (
            checks.long_memory,
            setting(WIDE, methods.SignMomentum(beta), steps=0.1, sampling=noise.Reshuffled(size)),
            long,
        )
        for beta, size, long in ((0.9, 2, True), (0.9, 1, False), (0.93, 1, False), (0.94, 1, True))
    ),
]


@pytest.mark.parametrize(("check", "given", "expected"), TABLE)
def test_a_hypothesis_holds_fails_or_stays_open(check, given, expected):
    assert check(given) is expected


def test_every_hypothesis_is_tried_where_it_holds_and_where_it_fails():
    functions = {
        name: value
        for name, value in vars(checks).items()
        if getattr(value, "__module__", "") == checks.__name__ and "__" not in name
    }
    tried = {
        name: {e for check, _, e in TABLE if check is value} for name, value in functions.items()
    }
    elsewhere = {"orthogonal_tokens", "past_curvature", "compatible", "overlapping"}
    assert {name for name, found in tried.items() if not {True, False} <= found} == elsewhere


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("size", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("times", [1.0, 2.0])
def test_three_labels_to_one_have_three_sixteenths_of_curvature(n_features, size, times):
    """At the minimum the odds are 3 to 1 along each feature, which has its share of the samples."""
    data = Dataset(np.kron(np.eye(n_features), np.full((4, 1), size)), [1, 1, 1, -1] * n_features)
    edge = times / (3 / 16 * size**2 / n_features)
    for share, past in ((0.999, False), (1.001, True)):
        assert checks.past_curvature(setting(data, steps=share * edge), times) is past
    assert not checks.past_curvature(setting(data, steps=steps.Decaying(9 * edge)), times)


def test_above_the_curvature_anywhere_and_below_that_at_the_minimum_nothing_cycles():
    """One long input that is right beyond doubt bends the risk at zero, not at the minimum."""
    data = Dataset([[1.0]] * 40 + [[1.0]] * 60 + [[160.0]], [-1] * 40 + [1] * 61)
    s = setting(data, steps=1.0)
    assert not checks.below_smoothness(s) and not checks.past_curvature(s, 1.0)
    assert atlas.predict(data, steps=1.0).entry.key == "not separable"


@pytest.mark.parametrize(
    ("method", "entries", "singular_values", "steepest"),
    [
        (methods.Steepest(3), None, None, 3.0),
        (methods.NormalizedSteepest(3), 3.0, None, 3.0),
        (methods.NormalizedSteepest(1), 1.0, None, 1.0),
        (methods.NormalizedSteepest([1, 2]), None, None, None),
        (methods.SignMomentum(0.0), np.inf, None, np.inf),
        (methods.SignMomentum(0.9), np.inf, None, None),
        (methods.NormalizedGradient(), 2.0, None, None),
        (methods.Spectral(1), None, 1.0, None),
        (methods.Spectral(2), None, 2.0, None),
        (methods.Spectral(np.inf), None, np.inf, None),
        (methods.Spectral(3), None, None, None),
        (methods.Muon(), None, np.inf, None),
        (methods.Muon(nesterov=True), None, None, None),
        (methods.Muon(coefficients=(1.5, -0.5, 0.0)), None, None, None),
        (methods.Gradient(), None, None, None),
    ],
)
def test_the_norm_in_which_a_method_is_steepest(method, entries, singular_values, steepest):
    s = setting(THREE, method, steps=0.1)
    assert classes.entry_order(s) == entries
    assert classes.schatten_order(s) == singular_values
    assert geometries.steepest_order(s) == steepest


@pytest.mark.parametrize("size", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("beta", [0.5, 0.95])
def test_the_speed_limit_of_momentum_is_where_gradients_fall_as_fast_as_the_memory(size, beta):
    """eta gamma = log(1 / beta), with gamma the margin in the spectral norm."""
    data = MulticlassDataset(size * THREE.X, THREE.y)
    limit = np.log(1 / beta) / (size * optima.schatten_margin(THREE, norm="spectral").margin)
    for share, below, key in ((0.99, True, "spectral descent"), (1.01, False, "speed limit")):
        s = setting(data, methods.Muon(beta), steps=share * limit)
        assert classes.below_speed_limit(s) is below
        assert atlas.predict(data, methods.Muon(beta), steps=share * limit).entry.key == key
    assert classes.below_speed_limit(setting(data, methods.Muon(0.0), steps=1e3)) is True
    assert classes.below_speed_limit(setting(data, methods.Muon(beta), steps=DECAYING)) is True


def test_classes_that_overlap_have_no_margin():
    overlapping = MulticlassDataset([[1.0]] * 3, [0, 1, 2])
    for method in (methods.Spectral(1), methods.SignMomentum(), methods.Muon()):
        said = atlas.predict(overlapping, method, steps=DECAYING)
        assert said.violated == ("separable",) and said.reference is None


@pytest.mark.parametrize(
    "measure",
    [
        measures.Margin(np.eye(4, 24), 1.0, 3.0),
        measures.Margin(np.ones((4, 24)), 1.0, 1.0, fourier=True),
        measures.Margin(np.ones((4, 24)), 1.0, 1.0, shape=(3, 8)),
        measures.Margin(np.ones((4, 24)), 1.0, np.inf, shape=(3, 8)),
        measures.Direction(np.ones(24)),
    ],
)
@pytest.mark.parametrize("size", [1e-250, 1e-3, 1e250])
def test_a_share_of_a_margin_does_not_depend_on_the_length(measure, size):
    w = np.random.default_rng(0).standard_normal(24)
    assert measure.share(size * w) == pytest.approx(measure.share(w), rel=1e-12)
    assert measure.share(-w) != pytest.approx(measure.share(w))


def turned_by(Q, size):
    """Settings with only rounding, or an error of a millionth, in the way of a hypothesis."""
    off = np.eye(3) + 1e-6 * np.eye(3)[::-1]
    three = models.MatrixProduct((3, 3), 2)
    labels = [1, -1, 1]

    def product(U, V):
        objective = Objective(Completion(np.ones((3, 3), dtype=bool), np.eye(3)), model=three)
        return setting(objective, steps=0.1, start=three.theta([size * U, size * V]))

    def sensors(A, B):
        return setting(Sensing([size * A, size * B], [1.0, 1.0]))

    def inputs(X):
        return setting(Dataset(size * X, labels))

    D, E = Q @ np.diag([1.0, 2.0, 3.0]) @ Q.T, Q @ np.diag([1.0, -1.0, 0.5]) @ Q.T
    angles = np.array([0.3, 2.0, 4.0])
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    return [
        (checks.balanced, product(Q, Q.T @ off.T), product(Q, Q.T)),
        (checks.commuting, sensors(D, E @ off), sensors(D, E)),
        (checks.orthogonal_inputs, inputs(off @ Q), inputs(Q)),
        (checks.on_a_circle, inputs(circle * [[1.0], [1.0], [1 + 1e-6]]), inputs(circle)),
        (
            checks.samples_of_signs,
            inputs(np.sign(Q) * [1, 1, 1 + 1e-6]),
            inputs(np.sign(Q) * [[0.1], [0.7], [1.3]]),
        ),
    ]


@pytest.mark.parametrize("size", [1e-12, 1e-3, 1.0, 1e3, 1e9])
def test_rounding_is_told_from_an_error_at_any_size(size):
    Q = np.linalg.qr(datasets.generator(8).standard_normal((3, 3)))[0]
    for check, wrong, right in turned_by(Q, size):
        assert check(right) is True, check
        assert check(wrong) is False, check


@pytest.mark.parametrize("size", [1e-1, 1e-6])
def test_commuting_sensors_have_a_limit_from_multiples_of_the_identity_alone(size):
    problem = datasets.commuting_sensing(2, 1, seed=0)
    objective = Objective(problem, model=TWO)
    for U, V, known in (
        (EYE, EYE, True),
        (EYE, 2 * EYE, False),  # not balanced
        (np.diag([1.0, 1.5]), np.diag([1.0, 1.5]), False),
        (EYE, -EYE, False),
        (EYE + 1e-3 * NILPOTENT, EYE + 1e-3 * NILPOTENT.T, False),
    ):
        said = atlas.predict(objective, start=TWO.theta([size * U, size * V]))
        assert (said.reference is not None) is known, (U, V)


def test_the_step_of_a_setting_is_that_of_descent():
    objective = Objective.of(THREE)
    assert setting(THREE).constant_step == objective.default_step_size
    one = setting(THREE, sampling=noise.Reshuffled(1))
    assert one.constant_step == objective.sample_step_size < objective.default_step_size
    assert setting(THREE, methods.Adam()).steps is None
    assert setting(THREE, methods.Adam()).constant_step is None
    assert setting(THREE, methods.Spectral()).constant_step is None  # it decays


@pytest.mark.parametrize("rate", [0.3, 1.0, 4.0])
def test_the_rate_of_weight_normalisation_counts(rate):
    data = datasets.gaussian_regression(0, 3, 6)
    model = models.WeightNormalized(6, rate)
    start = model.theta(np.array([1.0, -0.5, 0.3, 0.8, 0.1, -1.0]))
    start[:6] /= np.linalg.norm(start[:6])  # ||v|| = 1
    said = atlas.predict(Objective(data, model=model), start=start)
    run = flow.flow(Objective(data, model=model), log_t=[12.0], start=start, tolerance=1e-5)
    assert said.share(model.weights(run.final)) == pytest.approx(1, abs=1e-4)
    others = [
        atlas.predict(Objective(data, model=models.WeightNormalized(6, r)), start=start)
        for r in (0.5 * rate, 2 * rate)
    ]
    assert all(other.share(model.weights(run.final)) < 1 - 1e-3 for other in others)


@pytest.mark.parametrize("seed", range(1, 6))
def test_label_noise_weighs_by_the_mean_squares_of_the_inputs(seed):
    """The least sum_j h_j |w_j| with X w = y is a linear program."""
    data = datasets.gaussian_regression(seed, 4, 8)
    data = Regression(data.X * np.logspace(-0.5, 0.5, 8), data.y)
    model = models.DiagonalLinear(8, 2)
    how = {"sampling": noise.Reshuffled(1), "noise": noise.LabelNoise(0.1)}
    said = atlas.predict(Objective(data, model=model), start=np.full(16, 0.1), steps=0.01, **how)
    h = np.mean(data.X**2, axis=0)
    best = linprog(np.r_[h, h], A_eq=np.hstack([data.X, -data.X]), b_eq=data.y)
    w = best.x[:8] - best.x[8:]
    assert said.reference == pytest.approx(w, abs=1e-7)
    assert said.share(w) == pytest.approx(1)
