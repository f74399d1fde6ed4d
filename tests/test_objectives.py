"""Every objective: its gradient against differences, its log domain, its rows and its batches."""

import numpy as np
import pytest

from ibias import datasets, losses, models
from ibias.datasets import Dataset, MulticlassDataset, Regression
from ibias.objectives import Objective

DATA = datasets.separable(0, 8, 3)
LINE = datasets.gaussian_regression(0, 6, 3)
CLASSES = datasets.separable_classes(0, 9, 2, 3)
TABLE = datasets.low_rank_completion(2, 3, 1, 6, seed=0)
RNG = np.random.default_rng(3)
MODELS = {
    "linear": None,
    "diagonal": models.DiagonalLinear(3, depth=2),
    "convolution": models.CircularConvolution(3, depth=2),
    "direction": models.Direction(3),
    "weight norm": models.WeightNormalized(3, rate=0.5),
    "product": models.MatrixProduct((1, 3), depth=2),
    "network": models.Network((3, 4, 1), "squared_relu", bias="first"),
    "tanh": models.Network((3, 4, 1), "tanh", bias="all"),
}
LOSSES = ["logistic", "exponential", losses.PolynomialTail(2.0), losses.Sigmoid(), "squared"]
OBJECTIVES = {
    f"{name}, {loss}": Objective(DATA, loss, model)
    for name, model in MODELS.items()
    for loss in LOSSES
}
OBJECTIVES |= {f"{name}, regression": Objective(LINE, model=m) for name, m in MODELS.items()}
OBJECTIVES |= {
    "classes": Objective(CLASSES),
    "classes, product": Objective(CLASSES, model=models.MatrixProduct((3, 2), 2, width=4)),
    "classes, diagonal": Objective(CLASSES, model=models.DiagonalLinear(6, 2)),
    "matrix": Objective(TABLE),
    "matrix, product": Objective(TABLE, model=models.MatrixProduct((3, 3), 3)),
    "a list": Objective([datasets.separable(seed, 8, 3) for seed in range(2)]),
    "a list, network": Objective([DATA, DATA], "exponential", MODELS["network"]),
    "a list of classes": Objective([CLASSES, CLASSES]),
    "a list, regression": Objective([LINE, LINE], model=MODELS["diagonal"]),
}


def risk(objective, theta):
    return np.exp(objective.log_risk(theta))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_pull_is_minus_the_gradient_in_all_its_forms(name):
    objective, h = OBJECTIVES[name], 1e-6
    theta = RNG.standard_normal((*objective.batch, objective.n_parameters))
    steps = h * np.eye(objective.n_parameters)
    slopes = np.stack(
        [(risk(objective, theta + e) - risk(objective, theta - e)) / (2 * h) for e in steps],
        axis=-1,
    )
    size = np.abs(slopes).max()
    pull = objective.all_samples
    np.testing.assert_allclose(pull.value(theta), -slopes, atol=2e-8 * max(1, size))
    np.testing.assert_allclose(pull(theta).value(), pull.value(theta), rtol=1e-12, atol=1e-14)
    relative = pull.over_risk(theta) * risk(objective, theta)[..., None]
    np.testing.assert_allclose(relative, pull.value(theta), rtol=1e-10, atol=1e-13)
    ascent, log_risk = pull.of_log_risk(theta)
    np.testing.assert_allclose(ascent, pull.over_risk(theta), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(log_risk, objective.log_risk(theta), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name, one in OBJECTIVES.items() if not one.batch])
def test_a_stack_of_parameters_is_its_members(name):
    objective = OBJECTIVES[name]
    thetas = RNG.standard_normal((2, 3, objective.n_parameters))
    pulls, risks = objective.all_samples.value(thetas), objective.log_risk(thetas)
    for index in np.ndindex(2, 3):
        alone = objective.all_samples.value(thetas[index])
        np.testing.assert_allclose(pulls[index], alone, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(risks[index], objective.log_risk(thetas[index]), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n, one in OBJECTIVES.items() if "matrix" not in n])
def test_rows_are_a_smaller_data_set(name):
    objective = OBJECTIVES[name]
    batch = objective.batch or (2,)
    theta = RNG.standard_normal((*batch, objective.n_parameters))
    rows = np.array([[0, 1, 2, 5], [3, 1, 2, 2]])
    pulls = objective.on(rows).value(theta)
    kind = {Dataset: lambda X, y: Dataset.from_signed(X * y[:, None])}.get(
        objective.kind, objective.kind
    )
    for i, chosen in enumerate(rows):
        one = objective.sets[i] if objective.batched else objective.sets[0]
        if objective.kind is MulticlassDataset:  # a batch may miss a class: take all, one by one
            alone = Objective(one, model=objective.model)
            pairs = [alone.on(np.array([[r]])).value(theta[i : i + 1])[0] for r in chosen]
            np.testing.assert_allclose(pulls[i], np.mean(pairs, axis=0), rtol=1e-10, atol=1e-13)
            continue
        if objective.kind is Dataset and (
            objective.model is not None or objective.loss == "squared"
        ):
            part = [objective.on(np.array([[r]])).value(theta[i : i + 1])[0] for r in chosen]
            if not objective.batched:
                np.testing.assert_allclose(pulls[i], np.mean(part, axis=0), rtol=1e-9, atol=1e-13)
            continue
        part = Objective(kind(one.X[chosen], one.y[chosen]), objective.loss, objective.model)
        np.testing.assert_allclose(pulls[i], part.all_samples.value(theta[i]), rtol=1e-10)


def test_all_rows_of_several_classes_are_all_samples():
    objective = OBJECTIVES["classes"]
    theta = RNG.standard_normal((1, 6))
    everything = objective.on(np.arange(9)[None]).value(theta)
    np.testing.assert_allclose(everything, objective.all_samples.value(theta), rtol=1e-12)


def test_other_targets_are_other_labels():
    flipped = -DATA.y[None]
    theta = RNG.standard_normal((1, 3))
    other = Objective(Dataset(DATA.X, -DATA.y))
    np.testing.assert_allclose(
        Objective(DATA).on(None, flipped).value(theta), other.all_samples.value(theta)
    )
    shifted = LINE.y[None] + 1
    other = Objective(Regression(LINE.X, LINE.y + 1))
    np.testing.assert_allclose(
        Objective(LINE).on(None, shifted).value(theta), other.all_samples.value(theta)
    )


@pytest.mark.parametrize("name", ["linear", "diagonal", "network", "weight norm"])
def test_nothing_underflows(name):
    model = MODELS[name]
    objective = Objective(datasets.symmetric_pair(), "exponential")
    if model is not None:
        data = Dataset.one_class(np.abs(RNG.standard_normal((4, 3))))
        objective = Objective(data, "exponential", model)
    theta = np.abs(RNG.standard_normal(objective.n_parameters)) + 1
    if name == "diagonal":
        theta[3:] = 0
    theta = 1e4 * theta
    downhill = objective.pull(theta)
    assert downhill.log_size < -1e3 and np.abs(downhill.direction).max() > 1e-3
    assert (objective.all_samples.value(theta) == 0).all()
    assert np.isfinite(objective.all_samples.over_risk(theta)).all()
    assert objective.log_risk(theta) < -1e3


def test_one_rule_for_the_default_loss():
    assert Objective(DATA).loss == losses.Logistic()
    assert Objective(LINE).loss == "squared"
    assert Objective(CLASSES).loss == "cross-entropy"
    assert Objective(TABLE).loss == "squared"


def test_two_classes_by_cross_entropy_are_the_logistic_loss():
    labels = (DATA.y > 0).astype(int)
    two = Objective(MulticlassDataset(DATA.X, labels))
    w = RNG.standard_normal(3)
    W = np.r_[-w / 2, w / 2]
    assert two.log_risk(W) == pytest.approx(float(Objective(DATA).log_risk(w)))
    half = Objective(DATA).all_samples.value(w)
    np.testing.assert_allclose(two.all_samples.value(W), np.r_[-half, half], rtol=1e-12)


def test_weights_and_predictions():
    theta = RNG.standard_normal((5, 6))
    diagonal = Objective(DATA, model=MODELS["diagonal"])
    expected = theta[:, :3] ** 2 - theta[:, 3:] ** 2
    np.testing.assert_allclose(diagonal.weights(theta), expected)
    np.testing.assert_allclose(diagonal.predict(theta, DATA.X), expected @ DATA.X.T)
    W = theta.reshape(5, 3, 2)
    np.testing.assert_allclose(Objective(CLASSES).weights(theta), W)
    scores = Objective(CLASSES).predict(theta, CLASSES.X)
    np.testing.assert_allclose(scores, np.einsum("nd,tkd->tnk", CLASSES.X, W))
    net, at = MODELS["network"], RNG.standard_normal(MODELS["network"].n_parameters)
    np.testing.assert_allclose(
        Objective(DATA, model=net).predict(at, DATA.X), net.predict(at, DATA.X)
    )


def test_the_default_steps():
    top = np.linalg.eigvalsh(DATA.Z.T @ DATA.Z / 8)[-1]
    assert Objective(DATA).default_step_size == pytest.approx(4 / top)
    longest = (DATA.Z**2).sum(axis=1).max()
    assert Objective(DATA).sample_step_size == pytest.approx(4 / longest)
    assert Objective(DATA, "exponential").dual_step_size == pytest.approx(1 / longest)
    assert Objective(LINE).default_step_size == pytest.approx(
        6 / np.linalg.norm(LINE.X, ord=2) ** 2
    )
    listed = Objective([DATA, datasets.separable(1, 8, 3)])
    assert listed.default_step_size.shape == (2,)
    assert listed.default_step_size[0] == pytest.approx(4 / top)


def test_one_over_the_smoothness_of_cross_entropy_is_a_bound():
    objective, worst = Objective(CLASSES), 0.0
    for _ in range(200):
        W, v, h = RNG.standard_normal(6) / 3, RNG.standard_normal(6), 1e-5
        v /= np.linalg.norm(v)
        change = objective.all_samples.value(W - h * v) - objective.all_samples.value(W + h * v)
        worst = max(worst, np.linalg.norm(change) / (2 * h))
    assert worst <= 1 / objective.default_step_size * (1 + 1e-6)
