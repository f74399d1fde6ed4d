"""The atlas: every entry is reached, names what exists, and agrees with a run on tiny data."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from ibias import atlas, datasets, losses, methods, models, noise, potentials, steps
from ibias.atlas import geometries, networks
from ibias.atlas.setting import Setting
from ibias.claims import ledger
from ibias.datasets import Completion, Dataset, Regression
from ibias.descent import descent
from ibias.flow import flow
from ibias.objectives import Objective

BOOK = Path(__file__).resolve().parents[1] / "book"
KEYS = set(re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(), re.MULTILINE))
ENTRIES = {entry.key: entry for entry in atlas.ENTRIES}

n, d = 5, 12
X = datasets.generator(3).standard_normal((n, d))
CLASSES = Dataset(X, np.where(np.arange(n) % 2 == 0, 1.0, -1.0))
SQUARES = Regression(X, CLASSES.y)
NARROW = Dataset([[1.0, 0.2], [0.3, 1.0], [-0.9, 0.2]], [1, 1, -1])
THREE = datasets.separable_classes(seed=0, n_samples=9, n_features=8)
MIXED = Dataset([[1.0, 0.0], [1.0, 1.0], [-0.5, 1.0], [0.5, 0.0]], [1, 1, 1, -1])
SEEN = datasets.four_by_four_completion()
COMMUTING = datasets.commuting_sensing(4, 3, seed=0)
SENSED = datasets.gaussian_sensing(4, 1, 14, seed=0)
DIAGONAL = models.DiagonalLinear(d, 2)
RELU = models.two_layer_relu(2, 60)
ROUND = Regression([[1.0, 0.0], [0.6, 0.8], [-0.8, 0.6]], [1.0, -1.0, 0.5])
LINE = Dataset([[x, 1.0] for x in (-2.0, -1.0, 0.5, 1.0, 3.0)], [1, -1, 1, -1, 1])
SEEN_APART = datasets.separable(seed=0)
PAIR = Dataset([[1.0], [1.0]], [1, -1])
SIGNS = Dataset(np.sign(X) * [[1.0], [2.0], [0.5], [1.5], [1.0]], CLASSES.y)
MANY = Dataset(
    datasets.generator(1).standard_normal((60, 4)),
    np.sign(datasets.generator(2).standard_normal(60)),
)
FREE = datasets.MulticlassDataset(np.eye(6), [0, 0, 0, 1, 1, 2])
LAYERS = models.MatrixProduct((3, 6), depth=2, width=3)
TOKENS = np.eye(12).reshape(4, 3, 12), datasets.generator(5).standard_normal((4, 3, 1))
APART = Dataset(np.concatenate(TOKENS, axis=2).reshape(4, -1), [1, -1, 1, -1])


def exponential(model=None, data=CLASSES):
    return Objective(data, "exponential", model)


def small(model, seed=1, scale=0.3):
    return model.random(datasets.generator(seed), scale)


def product(problem, depth, scale=1e-2):
    """An objective of factors, and their start at a multiple of the identity."""
    net = models.MatrixProduct(problem.shape, depth)
    start = models.matrix_product.scaled_identity(scale, problem.shape, depth)
    return Objective(problem, model=net), net.theta(start)


def factored(problem, depth, **kwargs):
    objective, start = product(problem, depth)
    return objective, methods.Gradient(), {"start": start, **kwargs}


def alpha(value):
    return np.full(DIAGONAL.n_parameters, value)


NET = models.MatrixProduct((1, d), 2, width=3)
CIRCLE = models.CircularConvolution(d, 2)
WN = models.WeightNormalized(d)
FLOW = {"log_t": [2000.0]}
# key: objective, method, the rest of the setting; how it is run; the least share, if any is known.
EXAMPLES = {
    "least squares": (SQUARES, methods.HeavyBall(0.5), {}, {"n_steps": 5000}, 0.999),
    "mirror regression": (
        SQUARES,
        methods.Mirror(potentials.HyperbolicEntropy(0.1)),
        {},
        {"log_t": [12.0]},
        0.999,
    ),
    "steepest regression": (SQUARES, methods.Steepest(3), {"steps": 0.1}, None, None),
    "weight normalisation": (
        Objective(SQUARES, model=WN),
        methods.Gradient(),
        {"start": WN.theta(0.5 * np.ones(d))},
        {"log_t": [12.0], "tolerance": 1e-5},
        0.999,
    ),
    "gradient descent": (exponential(), methods.Gradient(), {}, FLOW, 0.999),
    "large step": (CLASSES, methods.Gradient(), {"steps": 2.0}, {"n_steps": 20_000}, 0.9),
    "power-law tail": (
        Objective(CLASSES, losses.PolynomialTail(2)),
        methods.Gradient(),
        {},
        {"log_t": [60.0]},
        0.999,
    ),
    "SGD and heavy ball": (
        exponential(),
        methods.Gradient(),
        {"steps": 0.05, "sampling": noise.Reshuffled(1)},
        {"n_steps": 20_000},
        0.9,
    ),
    "one task after another": (
        exponential(),
        methods.Gradient(),
        {"steps": 0.05, "sampling": noise.TaskByTask(1, visit=3)},
        {"n_steps": 20_000},
        0.9,
    ),
    "growing steps": (exponential(), methods.DualMomentum(), {}, {"n_steps": 3000}, 0.999),
    "perceptron": (SEEN_APART, methods.Perceptron(), {}, None, None),
    "cycles": (PAIR, methods.Gradient(), {"steps": 8.5}, None, None),
    "samples of signs": (
        exponential(data=SIGNS),
        methods.Adam(betas=(0.9, 0.95)),
        {"steps": steps.Decaying(0.3, 0.5), "sampling": noise.Reshuffled(1)},
        {"n_steps": 20_000},
        0.97,
    ),
    "decay is a box": (
        MANY,
        methods.WeightDecay(methods.Adam(betas=(0.9, 0.95)), 4.0),
        {"steps": steps.Decaying(0.1, 0.75)},
        {"n_steps": 10_000},
        0.98,
    ),
    "coupled decay": (
        MANY,
        methods.WeightDecay(methods.Lion(), 0.1, coupled=True),
        {"steps": steps.Decaying(0.1, 0.75)},
        {"n_steps": 10_000},
        0.98,
    ),
    "spectral descent": (
        THREE,
        methods.Muon(momentum=0.5),
        {"steps": steps.Decaying(0.1, 0.5)},
        {"n_steps": 3000},
        0.96,
    ),
    "speed limit": (THREE, methods.Muon(), {"steps": 1.0}, None, None),
    "neural collapse": (
        Objective(FREE, model=LAYERS),
        methods.Gradient(),
        {"start": small(LAYERS)},
        {"n_steps": 2000, "steps": steps.Safe()},
        0.98,
    ),
    "next tokens": (datasets.next_tokens(seed=0), methods.Gradient(), {}, FLOW, 0.98),
    "attention, orthogonal tokens": (
        Objective(APART, model=models.Attention(3, 12)),
        methods.Gradient(),
        {"start": 0.5 * datasets.generator(6).standard_normal(12)},
        FLOW,
        0.98,
    ),
    "attention": (
        Objective(datasets.token_sequences(0, 4, 3, 16), model=models.Attention(3, 16)),
        methods.Gradient(),
        {"start": np.zeros(16)},
        None,
        None,
    ),
    "penalty": (
        CLASSES,
        methods.WeightDecay(methods.Gradient(), 0.01),
        {},
        {"n_steps": 20_000},
        0.999,
    ),
    "bias and classes": (THREE, methods.Gradient(), {}, FLOW, 0.999),
    "not separable": (MIXED, methods.Gradient(), {}, {"log_t": [500.0]}, 0.99),
    "steepest descent": (exponential(), methods.NormalizedSteepest(1), {}, {"n_steps": 5000}, 0.95),
    "mirror flow": (
        exponential(),
        methods.Mirror(potentials.PowerNorm(3)),
        {"start": np.full(d, 0.1)},
        FLOW,
        0.99,
    ),
    "frozen metrics": (exponential(), methods.AdaGrad(), {"steps": 0.1}, None, None),
    "Adam": (
        exponential(),
        methods.Adam(betas=(0.9, 0.95)),
        {"steps": steps.Decaying(0.3, 0.5)},
        {"n_steps": 5000},
        0.94,
    ),
    "signs of one sample": (
        exponential(),
        methods.SignMomentum(0.99),
        {"steps": steps.Decaying(0.1, 0.5), "sampling": noise.Reshuffled(1)},
        {"n_steps": 20_000},
        0.95,
    ),
    "connected layers": (exponential(NET), None, {"start": small(NET)}, FLOW, 0.99),
    "diagonal layers": (exponential(DIAGONAL), None, {"start": alpha(0.1)}, FLOW, 0.97),
    "convolutions": (exponential(CIRCLE), None, {"start": small(CIRCLE)}, FLOW, 0.95),
    "diagonal regression": (
        Objective(SQUARES, model=DIAGONAL),
        methods.Gradient(),
        {"start": alpha(0.3)},
        {"log_t": [12.0], "tolerance": 1e-5},
        0.999,
    ),
    "sampling noise": (
        Objective(SQUARES, model=DIAGONAL),
        methods.Gradient(),
        {"start": alpha(0.3), "steps": 0.01, "sampling": noise.Reshuffled(1)},
        None,
        None,
    ),
    "label noise": (
        Objective(SQUARES, model=DIAGONAL),
        methods.Gradient(),
        {"start": alpha(0.1), "sampling": noise.Reshuffled(1), "noise": noise.LabelNoise(0.7)},
        {"n_steps": 10_000, "steps": 0.05, "settle": True},
        0.95,
    ),
    "grokking": (
        Objective(SQUARES, model=DIAGONAL),
        methods.WeightDecay(methods.Gradient(), 0.05),
        {"start": alpha(2.0)},
        {"log_t": [7.0], "tolerance": 1e-5},
        0.99,
    ),
    "sharpness": (
        Objective(SQUARES, model=DIAGONAL),
        methods.SharpnessAware(methods.Gradient(), 0.1),
        {"start": alpha(0.3), "steps": 0.01},
        None,
        None,
    ),
    "a matrix itself": (SEEN, methods.Gradient(), {"steps": 0.5}, {"n_steps": 100}, 0.999),
    "commuting sensors": (*factored(COMMUTING, 2), {"log_t": [8.0]}, 0.99),
    "two factors, completion": (*factored(SEEN, 2), None, None),
    "two factors, sensing": (*factored(SENSED, 2), {"log_t": [4.0]}, 0.8),
    "many factors": (*factored(SEEN, 3), None, None),
    "homogeneous networks": (
        exponential(RELU, NARROW),
        methods.Gradient(),
        {"start": small(RELU)},
        None,
        None,
    ),
    "orthogonal inputs": (
        Objective(Regression(np.eye(2), [1.0, -1.0]), model=RELU),
        methods.Gradient(),
        {"start": 1e-3 * small(RELU), "steps": 0.1},
        None,
        None,
    ),
    "batch normalisation": (
        Objective(CLASSES, model=models.Direction(d)),
        methods.Gradient(),
        {"start": np.ones(d), "steps": 0.1},
        None,
        None,
    ),
    "edge of stability": (
        Objective(Regression(NARROW.X, NARROW.y), model=RELU),
        methods.Gradient(),
        {"start": small(RELU), "steps": 0.1},
        None,
        None,
    ),
}
CLOSED_FORM = {"neural collapse", "attention, orthogonal tokens", "two factors, sensing"}
ASIDE = {
    "frequencies": (
        Objective(ROUND, model=RELU),
        methods.Gradient(),
        {"start": small(RELU), "steps": 0.1},
    ),
    "kinks at the data": (exponential(RELU, LINE), methods.Gradient(), {"start": small(RELU)}),
    "interpolation is the margin": (CLASSES, methods.Gradient(), {}),
    "saddles": (Objective(SQUARES, model=DIAGONAL), methods.Gradient(), {"start": alpha(1e-4)}),
    "wide networks": EXAMPLES["homogeneous networks"][:3],
    "pace of Adam": (exponential(), methods.Adam(), {"steps": 0.1}),
    "price of decay": (exponential(), methods.WeightDecay(methods.Lion(), 0.1), {"steps": 0.1}),
    "any step over the risk": (exponential(), methods.LossScaled(), {"steps": 50.0}),
    "many features": (SQUARES, methods.Gradient(), {}),
}


@pytest.mark.parametrize("entry", atlas.ENTRIES, ids=lambda entry: entry.key)
def test_what_an_entry_names_exists(entry):
    assert entry.claims and set(entry.claims) <= set(ledger())
    assert entry.theorem in KEYS
    assert bool(entry.cases) != bool(entry.beyond)
    assert entry.key in {*EXAMPLES, *ASIDE} or entry.beyond, "give an example that reaches it"


def test_no_name_stands_twice():
    assert len(ENTRIES) == len(atlas.ENTRIES) == 58


def run(objective, method, setting, how):
    """The weights at the end of a run, by the flow or step by step."""
    how, objective = dict(how), Objective.of(objective)
    seen = objective.weights
    if objective.model is not None and not hasattr(objective.model, "weights"):
        seen = np.asarray
    if "log_t" in how:
        path = flow(objective, method, start=setting.get("start"), **how)
        final = path.final
        return final if np.ndim(final) == 2 else seen(final)
    settle = how.pop("settle", False)
    last = how["n_steps"]
    theta = descent(objective, method, **{**setting, **how}, record=[last]).final
    if settle:
        theta = flow(objective, start=theta, log_t=[12.0], tolerance=1e-5).final
    return seen(theta)


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_run_agrees_with_what_is_predicted(key):
    objective, method, setting, how, least = EXAMPLES[key]
    said = atlas.predict(objective, method, **setting)
    assert said.known and said.entry.key == key
    assert said.violated == ()
    assert said.claims == ENTRIES[key].claims and said.theorem in repr(said)
    if how is None:
        assert said.depends and said.reference is None
        with pytest.raises(ValueError, match="no optimum is known"):
            said.share(np.ones(3))
        return
    assert (said.certificate is None) == (key in CLOSED_FORM)
    assert said.certificate is None or said.certificate <= 1e-6
    assert said.share(said.reference) == pytest.approx(1.0, abs=1e-6)
    final = run(objective, method, setting, how)
    assert said.reference.shape == final.shape
    share = said.share(final)
    assert least <= share <= 1 + 1e-6
    # The prediction is sharp: random weights do not pass.
    rng = datasets.generator(7)
    others = [rng.standard_normal(np.shape(said.reference)) for _ in range(5)]
    assert sum(said.share(other) >= least for other in others) <= 2


@pytest.mark.parametrize("key", EXAMPLES)
def test_what_is_predicted_is_told_in_full(key):
    """A line for all that is known, and none for what is not."""
    objective, method, setting, *_ = EXAMPLES[key]
    said = atlas.predict(objective, method, **setting)
    told = dict(line.split(maxsplit=1) for line in repr(said).splitlines())
    moves = " (it moves with the start or the step)"
    assert told["selected"] == atlas.plain(said.selected) + moves * said.depends
    if said.measure is None:
        assert told["measured"] == "no optimum is known as a vector"
    else:
        certified = said.certificate is not None
        assert told["measured"].startswith(str(said.measure))
        assert ("certified to" in told["measured"]) is certified
    for words, state in said.hypotheses.items():
        assert f"{atlas.plain(words)}: {state}" in told["if"]
    assert ("if" in told) is bool(said.hypotheses)
    assert told["theorem"] == said.theorem and told["claims"].split() == list(said.claims)
    assert ("see also" in repr(said)) is bool(said.others)
    assert all(other.key in repr(said) for other in said.others)


@pytest.mark.parametrize(
    ("objective", "method"),
    [
        (SQUARES, methods.Gradient()),
        (SQUARES, methods.Mirror(potentials.HyperbolicEntropy(0.3))),
        (SQUARES, methods.Mirror(potentials.PowerNorm(3))),
        (SEEN, methods.Gradient()),
        (Objective(SQUARES, model=models.linear(d)), methods.Gradient()),
    ],
)
def test_the_interpolant_is_the_one_of_the_start(objective, method):
    size = Objective.of(objective).n_parameters
    starts = datasets.generator(9).uniform(-2, 2, (2, size))
    said, other = (atlas.predict(objective, method, start=start) for start in starts)
    reached = run(objective, method, {"start": starts[0]}, {"log_t": [12.0]})
    assert said.share(reached) > 0.999 > 0.9 > other.share(reached)


@pytest.mark.parametrize("key", ASIDE)
def test_an_entry_adds_to_another_one(key):
    objective, method, setting = ASIDE[key]
    said = atlas.predict(objective, method, **setting)
    assert key in [entry.key for entry in said.others]
    assert said.entry.key != key


def test_nothing_is_known():
    for method in (methods.Lion(), methods.Muon(), methods.SignMomentum(0.9)):
        said = atlas.predict(CLASSES, method, steps=0.1)
        assert not said.known and said.entry is None and said.claims == ()
        assert repr(said).startswith("nothing is known")
    noisy = atlas.predict(CLASSES, noise=noise.WeightNoise(0.1))
    assert not noisy.known


def test_shallow_functions():
    """Frequencies belong to inputs on a circle, kinks to a line with labels in turn."""

    def others(data, model=RELU):
        said = atlas.predict(Objective(data, model=model), start=small(model), steps=0.1)
        return {one.key for one in (said.entry, *said.others) if one is not None}

    unequal = Regression([[1.0, 0.0], [2.0, 0.0]], [1.0, 2.0])
    assert "frequencies" not in others(unequal)
    assert "frequencies" in others(Dataset(ROUND.X, [1, -1, 1]))
    biased = models.Network((2, 60, 1), "relu", bias="first")
    assert "frequencies" not in others(ROUND, biased)
    one_input = models.Network((1, 60, 1), "relu", bias="first")
    assert "kinks at the data" in others(Dataset(LINE.X[:, :1], LINE.y), one_input)
    for columns in ([0, 1], [1, 0]):
        assert "kinks at the data" in others(Dataset(LINE.X[:, columns], LINE.y))
    for data, model in (
        (Dataset(LINE.X * [1, 0], LINE.y), RELU),  # no bias
        (Dataset(X[:, :2], CLASSES.y), RELU),  # two inputs
        (LINE, models.two_layer_relu(2, 8)),  # not wide
        (Dataset(LINE.X, [1, 1, -1, -1, 1]), RELU),  # labels not in turn
        (Dataset(LINE.X[:3], LINE.y[:3]), RELU),  # three points
    ):
        assert "kinks at the data" not in others(data, model)


def test_a_violated_hypothesis_predicts_nothing():
    data = Dataset([[1.0], [-2.0], [1.0]], [1, 1, -1])
    said = atlas.predict(exponential(data=data), methods.NormalizedSteepest(1))
    assert said.known and said.reference is None and said.violated == ("separable",)
    said = atlas.predict(exponential(), methods.Adam(), steps=0.1)
    assert said.violated == ("steps that decay",)
    fast = atlas.predict(SQUARES, steps=1e3)
    assert fast.violated == ("a step that converges",)
    twice = Regression([[1.0, 1.0], [2.0, 2.0]], [1.0, 1.0])
    assert "a solution exists" in atlas.predict(twice).violated


def test_each_fact_of_the_setting_counts():
    """What turns one entry into another, or into none."""

    def key(objective, method=None, **setting):
        said = atlas.predict(objective, method, **setting)
        return said.entry.key if said.known else None

    assert key(CLASSES) == "gradient descent"
    assert key(CLASSES, steps=1e3) == "large step"
    assert key(exponential(models.deep_linear(d, 3, 2)), start=np.ones(39)) == "connected layers"
    assert key(Objective(CLASSES, model=models.linear(d)), start=np.ones(d)) == "gradient descent"
    assert key(CLASSES, sampling=noise.WithReplacement(2)) == "SGD and heavy ball"
    assert key(CLASSES, noise=noise.LabelNoise(0.1)) is None
    assert key(CLASSES, noise=noise.LabelNoise(0.0)) == "gradient descent"
    assert key(CLASSES, steps=steps.DividedByRisk(0.1)) == "growing steps"
    assert key(MIXED) == "not separable"
    assert key(PAIR, steps=7.5) == "not separable"
    assert atlas.predict(PAIR, steps=7.5).violated == ()
    assert key(PAIR, steps=8.5) == "cycles"
    flat = Dataset([[1.0]] * 470 + [[1.0]] * 529 + [[160.0]], [1] * 470 + [-1] * 530)
    assert [key(flat, steps=eta) for eta in (6.0, 9.0)] == ["cycles"] * 2  # some starts, all
    muon = methods.Muon
    assert key(THREE, muon(coefficients=(1.0, 0.0, 0.0)), steps=0.1) == "spectral descent"
    assert key(THREE, muon(0.95), steps=0.01) == "spectral descent"
    assert key(THREE, muon(0.95), steps=1.0) == "speed limit"
    assert key(THREE, methods.SignMomentum(), steps=0.1) == "spectral descent"
    assert key(THREE, methods.Adam(), steps=0.1) is None
    adam = methods.WeightDecay(methods.Adam(1e-8), 0.1)
    assert "$\\epsilon = 0$" in atlas.predict(CLASSES, adam, steps=0.1).violated
    long_mean = methods.WeightDecay(methods.Adam(betas=(0.99, 0.9)), 0.1)
    order = r"$\beta_1\le\beta_2$ in Adam"
    assert order in atlas.predict(CLASSES, long_mean, steps=0.1).violated
    lion = methods.WeightDecay(methods.Lion(betas=(0.99, 0.9)), 0.1)
    assert order not in atlas.predict(CLASSES, lion, steps=0.1).violated
    coupled = methods.WeightDecay(methods.Adam(), 0.1, coupled=True)
    assert key(CLASSES, coupled, steps=0.1) == "coupled decay"
    one = {"steps": steps.Decaying(0.1, 0.5), "sampling": noise.Reshuffled(1)}
    assert key(exponential(), methods.Adam(), **one) == "signs of one sample"
    assert key(exponential(data=SIGNS), methods.Adam(), **one) == "samples of signs"
    text = datasets.next_tokens(seed=0, n_features=2)
    assert atlas.predict(text).violated == (
        "compatible and separable contexts [B-next-token-odds]",
    )
    assert key(text, methods.Adam(), steps=0.1) is None
    assert key(Objective(CLASSES, "squared")) == "least squares"
    assert key(CLASSES, methods.Mirror(potentials.NegativeEntropy())) is None
    assert key(CLASSES, methods.WeightDecay(methods.Adam(), 0.1), steps=0.1) == "decay is a box"
    assert key(SQUARES, methods.WeightDecay(methods.Adam(), 0.1), steps=0.1) is None
    decayed = methods.WeightDecay(methods.Gradient(), 0.1)
    deep = Objective(SQUARES, model=models.DiagonalLinear(d, 3))
    for model, place in ((deep, np.ones(2 * d)), (exponential(DIAGONAL), alpha(1.0))):
        said = atlas.predict(model, decayed, start=place)
        assert said.entry.key == "grokking" and said.depends and said.reference is None
    uneven = atlas.predict(Objective(SQUARES, model=DIAGONAL), decayed, start=np.arange(2 * d))
    assert uneven.violated == (r"$u = v\ne0$ at the start [B-grokking-scale]",)
    asleep = np.where(np.arange(2 * d) % d == 0, 0.0, 1.0)  # one entry of u = v is zero, for ever
    for method in (decayed, methods.Gradient()):
        said = atlas.predict(Objective(SQUARES, model=DIAGONAL), method, start=asleep)
        assert said.violated and said.reference is None
    assert key(Objective(SQUARES, model=DIAGONAL), methods.WeightDecay(methods.Adam(), 0.1)) is None
    diagonal = Objective(SQUARES, model=DIAGONAL)
    assert key(diagonal, start=alpha(0.1)) == "diagonal regression"
    assert key(diagonal, methods.Adam(), start=alpha(0.1)) is None
    stairs = Objective(SQUARES, model=models.DiagonalLinear(d, 3))
    assert key(stairs, start=alpha(0.1)) == "saddles" and key(stairs, start=alpha(0.5)) is None
    apart = Objective(Regression(np.array([[1.0, 0.0], [1.0, 1.0]]), [1.0, -1.0]), model=RELU)
    assert key(apart, start=1e-3 * small(RELU), steps=0.1) == "edge of stability"
    deep = Objective(CLASSES, "exponential", models.DiagonalLinear(d, 3))
    assert key(deep, start=np.full(2 * d, 0.1)) == "homogeneous networks"
    assert atlas.predict(deep, start=np.full(2 * d, 0.1)).reference is None
    full = Completion(np.ones((2, 2), bool), np.eye(2))
    assert key(*product(full, 2)[:1], start=product(full, 2)[1]) == "two factors, completion"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^start has shape \(3,\)"):
        atlas.predict(CLASSES, start=np.ones(3))
    with pytest.raises(ValueError, match="one data set at a time"):
        atlas.predict([CLASSES, CLASSES])
    with pytest.raises(ValueError, match="method"):
        atlas.predict(CLASSES, "adam")
    with pytest.raises(ValueError, match="noise"):
        atlas.predict(CLASSES, noise="much")


def test_words_in_plain_letters():
    text = r"gap $\gamma(H - H_\infty)/\log t$ [S003-5 B-margin-gap]; then $\frac1k$"
    assert atlas.plain(text) == "gap γ(H - H_∞)/log t; then 1/k"
    for entry in atlas.ENTRIES:
        for cell in entry.cells:
            assert "\\" not in atlas.plain(cell), cell
            assert "[" not in atlas.plain(cell), cell


def test_norms_are_written_as_they_are_read():
    written = [geometries.in_norm(p) for p in (1, 1.5, 2, np.inf)]
    assert [word.split("$")[1] for word in written] == [
        r"\ell_1",
        r"\ell_{1.5}",
        r"\ell_2",
        r"\ell_\infty",
    ]


def test_a_step_of_given_length_is_steepest_in_the_euclidean_norm_of_the_entries():
    data = datasets.separable_classes(0)
    found = atlas.predict(data, methods.NormalizedGradient(), steps=steps.Decaying(0.1))
    assert "order 2" in str(found)


def test_a_layer_of_fifty_neurons_is_wide():
    data = datasets.separable(0, 20, 3)
    nets = [models.two_layer_relu(3, width) for width in (networks.WIDE - 1, networks.WIDE)]
    met = [networks.wide(Setting.of(Objective(data, model=net), *[None] * 4, ())) for net in nets]
    assert met == [False, True]


@pytest.mark.parametrize(
    ("stretch", "tilt", "orthogonal"),
    [
        (1.0, 0.0, True),
        (30.0, 0.0, True),
        (1e6, 0.0, True),
        (1e-3, 0.0, True),
        (1.0, 1e-6, False),
        (1e-3, 1e-6, False),
    ],
)
def test_tokens_are_orthogonal_up_to_rounding(stretch, tilt, orthogonal):
    """A rotation leaves products of the size of rounding; a tilt or another length are more."""
    Q = np.linalg.qr(datasets.generator(4).standard_normal((12, 12)))[0]
    turned = stretch * (TOKENS[0] @ Q)
    longer = turned.copy()
    turned[0, 0] += tilt * turned[1, 1]
    longer[2, 1] *= 1 + tilt
    for keys in (turned, longer):
        data = Dataset(np.concatenate([keys, TOKENS[1]], axis=2).reshape(4, -1), APART.y)
        said = atlas.predict(
            Objective(data, model=models.Attention(3, 12)), start=np.full(12, 0.1 / stretch)
        )
        assert (said.entry.key == "attention, orthogonal tokens") is orthogonal


def margin_by_linear_programming(data, p):
    """The largest gap of true and other scores over ||W||_p <= 1, for p = 1 or inf."""
    K, m = data.n_classes, data.X.shape[1]
    gaps = [np.eye(K)[y] - np.eye(K)[j] for y in data.y for j in range(K) if j != y]
    inputs = np.repeat(data.X, K - 1, axis=0)
    rows = np.array([np.outer(gap, x).ravel() for gap, x in zip(gaps, inputs, strict=True)])
    # W = P - N with P, N >= 0; the last variable is the margin.
    A = np.column_stack([-rows, rows, np.ones(len(rows))])
    total = np.r_[np.ones(2 * K * m), 0.0] if p == 1 else np.zeros(2 * K * m + 1)
    found = linprog(
        np.r_[np.zeros(2 * K * m), -1.0],
        A_ub=np.vstack([A, total]),
        b_ub=np.r_[np.zeros(len(rows)), 1.0],
        bounds=[(0, 1)] * (2 * K * m) + [(None, None)],
    )
    return -found.fun


@pytest.mark.parametrize(
    ("method", "p", "size"),
    [(methods.SignMomentum(), np.inf, 0.1), (methods.NormalizedSteepest(1), 1, 1.0)],
)
def test_the_entrywise_margin_of_classes_is_a_linear_program(method, p, size):
    how = {"steps": steps.Decaying(size, 0.5)}
    said = atlas.predict(THREE, method, **how)
    assert said.entry.key == "spectral descent" and said.violated == ()
    W = said.reference
    assert W.shape == (3, 8)
    scores = THREE.X @ W.T
    true = np.take_along_axis(scores, THREE.y[:, None], axis=1)
    others = np.where(np.eye(3, dtype=bool)[THREE.y], -np.inf, scores)
    reached = (true[:, 0] - others.max(axis=1)).min() / np.linalg.norm(W.ravel(), p)
    assert reached == pytest.approx(margin_by_linear_programming(THREE, p), rel=1e-6)
    assert 0.93 <= said.share(run(THREE, method, how, {"n_steps": 3000})) <= 1 + 1e-6
