"""Every objective: its gradient against differences, its log domain, its rows and its batches."""

import numpy as np
import pytest

from ibias import datasets, losses, models
from ibias.datasets import Dataset, MulticlassDataset, Regression
from ibias.objectives import Objective
from ibias.objectives import objective as objective_module
from ibias.objectives import pull as pull_module

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


TOKENS = datasets.NextTokens(
    RNG.standard_normal((4, 2)), [[0.5, 0.5, 0], [0, 0.2, 0.8], [1, 0, 0], [0.1, 0.6, 0.3]]
)
TALKING = {
    "tokens": Objective(TOKENS),
    "tokens, product": Objective(TOKENS, model=models.MatrixProduct((3, 2), 2)),
}
EVERY = OBJECTIVES | TALKING


@pytest.mark.parametrize("name", TALKING)
def test_the_risk_of_next_tokens_is_a_divergence_and_its_pull_minus_the_gradient(name):
    objective, h = TALKING[name], 1e-6
    thetas = RNG.standard_normal((5, objective.n_parameters))
    W = objective.weights(thetas)
    logits = np.einsum("nd,tkd->tnk", TOKENS.X, W)
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(TOKENS.P > 0, TOKENS.P * (np.log(TOKENS.P) - logs), 0).sum(axis=-1)
    np.testing.assert_allclose(np.exp(objective.log_risk(thetas)), each.mean(axis=-1), rtol=1e-10)
    pulls = objective.all_samples.value(thetas)
    for theta, pull in zip(thetas, pulls, strict=True):
        slopes = [
            (risk(objective, theta + h * e) - risk(objective, theta - h * e)) / (2 * h)
            for e in np.eye(objective.n_parameters)
        ]
        np.testing.assert_allclose(pull, -np.array(slopes), atol=1e-8)
        np.testing.assert_allclose(objective.all_samples.value(theta), pull, rtol=1e-11)
        np.testing.assert_allclose(objective.pull(theta).value(), pull, rtol=1e-11)
    rows = np.array([[0, 2], [3, 3]])
    some = objective.on(rows).value(thetas[:2])
    for i, pair in enumerate(rows):
        alone = [objective.on(np.array([[r]])).value(thetas[i : i + 1])[0] for r in pair]
        np.testing.assert_allclose(some[i], np.mean(alone, axis=0), rtol=1e-10, atol=1e-13)
    whole = objective.on(np.arange(4)[None]).value(thetas[:1])
    np.testing.assert_allclose(whole, pulls[:1], rtol=1e-11)


def test_a_small_divergence_has_all_its_digits():
    shares = np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    tokens = datasets.NextTokens(np.eye(2), shares)
    for lead, off in ((30.0, 1e-6), (200.0, 1e-9), (20.0, 0.0)):
        logits = np.array([[lead + off, lead, 0.0], [off, 0.0, np.log(2.0)]])
        theta = logits.T.ravel()  # X is the identity: a column of W for each context
        first = off**2 / 8 + np.exp(-lead) / 2  # to leading order
        second = off**2 * 0.25 * 0.75 / 2
        found = float(Objective(tokens).log_risk(theta))
        assert found == pytest.approx(np.log((first + second) / 2), abs=1e-4)


def jacobian(pull, theta):
    """Return the gradients of the outputs at one theta, by differences."""
    h, units = 1e-6, np.eye(theta.size)
    forward = pull.reader.forward
    return np.stack(
        [(forward(theta + h * e) - forward(theta - h * e)) / (2 * h) for e in units], axis=-1
    )


@pytest.mark.parametrize("name", [name for name, one in EVERY.items() if not one.batch])
def test_readers_give_the_outputs_the_way_back_and_the_squares(name):
    objective = EVERY[name]
    theta, pull = RNG.standard_normal(objective.n_parameters), objective.all_samples
    J = jacobian(pull, theta)
    u, back = pull.reader.at(theta)
    again, other, squares = pull.reader.whole(theta)
    np.testing.assert_allclose(u, pull.reader.forward(theta), rtol=1e-12)
    np.testing.assert_allclose(again, u, rtol=1e-12)
    v = RNG.standard_normal(u.shape)
    np.testing.assert_allclose(back(v), v @ J, atol=1e-6 * (1 + np.abs(J).max()))
    np.testing.assert_allclose(other(v), back(v), rtol=1e-11, atol=1e-13)
    norms = (J**2).sum(axis=-1)
    np.testing.assert_allclose(squares, norms, atol=1e-5 * (1 + norms.max()))
    ascent, log_risk, steepest = pull.steepness(theta)
    np.testing.assert_allclose(ascent, pull.over_risk(theta), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(log_risk, objective.log_risk(theta), rtol=1e-11)
    assert steepest == pytest.approx(norms.max(), rel=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_a_stack_is_as_steep_as_its_members(name):
    objective = EVERY[name]
    shape = (2, *objective.batch, objective.n_parameters)
    if objective.batch or objective.kind is datasets.MatrixProblem:
        return
    thetas = RNG.standard_normal((*shape[:1], *shape[-1:]))
    together = objective.all_samples.steepness(thetas)
    for i, theta in enumerate(thetas):
        for whole, alone in zip(together, objective.all_samples.steepness(theta), strict=True):
            np.testing.assert_allclose(
                np.broadcast_to(whole, (2, *np.shape(alone)))[i], alone, rtol=1e-11, atol=1e-13
            )


@pytest.mark.parametrize("name", EVERY)
def test_dual_variables_are_the_slopes_over_their_sum(name):
    objective = EVERY[name]
    theta = RNG.standard_normal((*objective.batch, objective.n_parameters))
    pull = objective.all_samples
    if (not objective.is_margin and objective.loss != "cross-entropy") or "tokens" in name:
        with pytest.raises(ValueError, match="only margin losses have dual variables"):
            pull.dual(theta)
        return
    u, back = pull.reader.at(theta)
    slopes = pull.outputs.slopes(u)
    p = pull.outputs.dual_variables(u)
    np.testing.assert_allclose(p, slopes / slopes.sum(axis=-1, keepdims=True), rtol=1e-11)
    np.testing.assert_allclose(pull.dual(theta), back(p), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "name", [n for n in EVERY if n.startswith(("linear", "classes", "a list"))]
)
def test_slopes_in_all_their_forms(name):
    outputs = EVERY[name].all_samples.outputs
    theta = RNG.standard_normal((*EVERY[name].batch, EVERY[name].n_parameters))
    u = EVERY[name].all_samples.reader.forward(theta)
    slopes, risks = outputs.slopes(u), np.exp(outputs.log_risk(u))
    h = 1e-6
    for j in range(u.shape[-1]):
        e = h * np.eye(u.shape[-1])[j]
        change = (outputs.log_risk(u + e) - outputs.log_risk(u - e)) / (2 * h)
        np.testing.assert_allclose(slopes[..., j], -change * risks, atol=1e-7 * risks.max())
    log_size, v = outputs.log_slopes(u)
    assert log_size.shape == (*u.shape[:-1], 1)
    np.testing.assert_allclose(np.exp(log_size) * v, slopes, rtol=1e-11)
    relative, log_risk = outputs.relative_slopes(u)
    np.testing.assert_allclose(relative, slopes / risks[..., None], rtol=1e-11)
    np.testing.assert_allclose(outputs.over_risk(u), relative, rtol=1e-11)
    np.testing.assert_allclose(log_risk, np.log(risks), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("n_samples", [5, 200])  # a small and a large matrix
@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_the_short_way_of_a_linear_model_is_the_long_one(n_samples, loss):
    features = {5: 3, 200: 90}[n_samples]
    data = Dataset.from_signed(RNG.standard_normal((n_samples, features)) / 3)
    assert (data.Z.size >= pull_module.SMALL) == (n_samples == 200)
    rows = RNG.integers(n_samples, size=(2, 4))
    objective = Objective(data, loss)
    for short in (objective.all_samples, objective.on(rows), objective.on(rows[0])):
        assert isinstance(short, pull_module.LinearPull)
        long = pull_module.Pull(short.reader, short.outputs, short.shapes)
        for theta in (RNG.standard_normal(features), RNG.standard_normal((2, features))):
            np.testing.assert_allclose(
                short.value(theta), long.value(theta), rtol=1e-10, atol=1e-14
            )
            found, expected = short(100 * theta), long(100 * theta)
            assert found.log_size.shape == expected.log_size.shape
            np.testing.assert_allclose(found.log_size, expected.log_size, rtol=1e-12)
            np.testing.assert_allclose(found.direction, expected.direction, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", ["linear", "diagonal", "network", "product"])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_other_labels_for_some_rows(name, loss):
    model, theta = MODELS[name], None
    objective, other = (Objective(data, loss, model) for data in (DATA, Dataset(DATA.X, -DATA.y)))
    theta = RNG.standard_normal((2, objective.n_parameters))
    rows = np.array([[0, 3, 3], [1, 2, 7]])
    for chosen in (rows, None):
        labels = -DATA.y[rows] if chosen is not None else -np.stack([DATA.y] * 2)
        found = objective.on(chosen, labels).value(theta)
        np.testing.assert_allclose(found, other.on(chosen).value(theta), rtol=1e-11, atol=1e-13)
        again = objective.pull(theta, chosen, labels).value()
        np.testing.assert_allclose(again, found, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["linear", "diagonal", "network"])
def test_rows_and_labels_of_a_list(name):
    sets = [datasets.separable(seed, 8, 3) for seed in range(2)]
    lines = [datasets.gaussian_regression(seed, 8, 3) for seed in range(2)]
    rows = np.array([[0, 3, 3], [1, 2, 7]])
    for listed, loss in ((sets, "logistic"), (sets, "squared"), (lines, "squared")):
        objective = Objective(listed, loss, MODELS[name])
        theta = RNG.standard_normal((2, objective.n_parameters))
        targets = RNG.choice([-1.0, 1.0], (2, 3))
        plain, moved = objective.on(rows), objective.on(rows, targets)
        for i, one in enumerate(listed):
            alone = Objective(one, loss, MODELS[name])
            expected = alone.on(rows[i : i + 1]).value(theta[i : i + 1])[0]
            np.testing.assert_allclose(plain.value(theta)[i], expected, rtol=1e-10, atol=1e-13)
            expected = alone.on(rows[i : i + 1], targets[i : i + 1]).value(theta[i : i + 1])[0]
            np.testing.assert_allclose(moved.value(theta)[i], expected, rtol=1e-10, atol=1e-13)
        part = objective.take(objective.y, rows)
        np.testing.assert_array_equal(part, [one.y[r] for one, r in zip(listed, rows, strict=True)])


@pytest.mark.parametrize("name", ["linear, logistic", "network, logistic", "a list", "matrix"])
def test_many_iterates_are_taken_a_few_at_a_time(name, monkeypatch):
    objective, seen = OBJECTIVES[name], []
    thetas = RNG.standard_normal((23, *(objective.batch or (3,)), objective.n_parameters))
    expected = np.array([np.asarray(objective.all_samples.log_risk(theta)) for theta in thetas])
    pull, log_risk = objective.all_samples, objective.all_samples.log_risk
    monkeypatch.setattr(pull, "log_risk", lambda t: (seen.append(t.shape), log_risk(t))[1])
    each = thetas[0].size // objective.n_parameters * (1 if name == "matrix" else 8)
    for limit, few in ((5 * each, 5), (6 * each - 1, 5), (each - 1, 1), (each * 100, 23)):
        seen.clear()
        monkeypatch.setattr(objective_module, "OUTPUTS", limit)
        np.testing.assert_allclose(objective.log_risk(thetas), expected, rtol=1e-12)
        assert [shape[0] for shape in seen[:-1]] == [few] * ((22) // few)
        assert sum(shape[0] for shape in seen) == 23
    np.testing.assert_allclose(objective.log_risk(thetas[:1]), expected[:1], rtol=1e-12)
    monkeypatch.setattr(objective_module, "OUTPUTS", 1)  # one iterate is never taken apart
    seen.clear()
    found = objective.log_risk(thetas[0] if objective.batch else thetas[0, 0])
    np.testing.assert_allclose(found, expected[0] if objective.batch else expected[0, 0])
    assert len(seen) == 1


def test_what_an_objective_is_made_of():
    product = models.MatrixProduct((3, 3), 3)
    rows = {
        "linear, logistic": ((), Dataset, 8, 3, 3, ((1, 3),)),
        "a list": ((2,), Dataset, 8, 3, 3, ((1, 3),)),
        "linear, regression": ((), Regression, 6, 3, 3, ((1, 3),)),
        "classes": ((), MulticlassDataset, 9, 6, 6, ((3, 2),)),
        "tokens": ((), datasets.NextTokens, 4, 6, 6, ((3, 2),)),
        "network, logistic": ((), Dataset, 8, 3, 20, ((4, 4), (1, 4))),
        "diagonal, logistic": ((), Dataset, 8, 3, 6, ((1, 6),)),
    }
    for name, (batch, kind, n_samples, n_weights, n_parameters, shapes) in rows.items():
        one = EVERY[name]
        assert (one.batch, one.kind, one.n_samples) == (batch, kind, n_samples), name
        assert (one.n_weights, one.n_parameters, one.shapes) == (n_weights, n_parameters, shapes)
        assert one.all_samples.shapes == shapes
        assert one.batched is (name == "a list") and len(one.sets) == (2 if one.batched else 1)
    table, factored = OBJECTIVES["matrix"], OBJECTIVES["matrix, product"]
    assert (table.n_weights, table.n_parameters, table.shapes) == (9, 9, ((3, 3),))
    assert factored.shapes == product.shapes and factored.n_parameters == 27
    assert table.batch == (2,) and table.kind is datasets.MatrixProblem
    listed = OBJECTIVES["a list"]
    assert listed.X.shape == (2, 8, 3) and listed.y.shape == (2, 8) and listed.Z.shape == (2, 8, 3)
    np.testing.assert_array_equal(listed.Z, listed.y[..., None] * listed.X)
    assert Objective(DATA).X is DATA.X and Objective(DATA).y is DATA.y
    assert Objective.of(listed) is listed
    assert Objective.of(DATA, "exponential").loss == losses.Exponential()
    assert [OBJECTIVES[n].is_margin for n in ("linear, logistic", "linear, squared", "matrix")] == [
        True,
        False,
        False,
    ]


def test_weights_of_every_kind():
    theta = RNG.standard_normal((4, 9))
    np.testing.assert_array_equal(OBJECTIVES["matrix"].weights(theta), theta.reshape(4, 3, 3))
    for batch in ((), (4,), (2, 4)):
        theta = RNG.standard_normal((*batch, 27))
        W = OBJECTIVES["matrix, product"].model.matrix(theta)
        np.testing.assert_allclose(OBJECTIVES["matrix, product"].weights(theta), W)
        theta = RNG.standard_normal((*batch, 6))
        assert TALKING["tokens"].weights(theta).shape == (*batch, 3, 2)
        assert OBJECTIVES["classes"].predict(theta, CLASSES.X).shape == (*batch, 9, 3)
        theta = RNG.standard_normal((*batch, 3))
        np.testing.assert_array_equal(OBJECTIVES["linear, logistic"].weights(theta), theta)
        predicted = OBJECTIVES["linear, logistic"].predict(theta, DATA.X)
        np.testing.assert_allclose(predicted, np.einsum("nd,...d->...n", DATA.X, theta))
    whole = OBJECTIVES["linear, logistic"].weights([1, 2, 3])
    assert whole.dtype == float
    assert OBJECTIVES["linear, logistic"].log_risk([1, 2, 3]).shape == ()
    with pytest.raises(ValueError, match="a matrix problem predicts no samples"):
        OBJECTIVES["matrix"].predict(np.ones(9), np.eye(3))
    with pytest.raises(ValueError, match="is no linear predictor"):
        OBJECTIVES["network, logistic"].weights(np.ones(20))
    with pytest.raises(ValueError, match="X holds"):
        OBJECTIVES["linear, logistic"].predict(np.ones(3), [[np.nan, 0, 0]])


@pytest.mark.parametrize("name", EVERY)
def test_separated_says_whether_every_sample_is_on_its_side(name):
    objective = EVERY[name]
    thetas = RNG.standard_normal((200, *objective.batch, objective.n_parameters))
    if objective.kind not in (Dataset, MulticlassDataset):
        assert objective.separated(thetas) is None
        return
    found = objective.separated(thetas)
    assert found.shape == (200, *objective.batch)
    for theta, said in list(zip(thetas, found, strict=True))[:40]:
        alone = objective.separated(theta)
        np.testing.assert_array_equal(alone, said)
        assert isinstance(alone, bool) or objective.batch
        if objective.batch:
            continue
        if objective.kind is Dataset:
            right = (objective.predict(theta, DATA.X) * DATA.y > 0).all()
        else:
            right = (objective.predict(theta, CLASSES.X).argmax(axis=1) == CLASSES.y).all()
        assert alone == right


def test_a_sample_on_the_border_is_on_no_side():
    border = Objective(Dataset.from_signed([[1.0, 0.0], [0.0, 1.0]]))
    assert border.separated(np.array([1.0, 0.0])) is False
    assert border.separated(np.array([1.0, 1e-9])) is True


def test_the_steps_of_every_kind():
    line = LINE.X
    assert Objective(LINE).sample_step_size == pytest.approx(1 / (line**2).sum(axis=1).max())
    top = np.linalg.norm(CLASSES.X, ord=2) ** 2 / 9
    assert Objective(CLASSES).default_step_size == pytest.approx(2 / top)
    longest = (CLASSES.X**2).sum(axis=1).max()
    assert Objective(CLASSES).sample_step_size == pytest.approx(2 / longest)
    assert TALKING["tokens"].default_step_size == pytest.approx(
        2 * 4 / np.linalg.norm(TOKENS.X, ord=2) ** 2
    )
    assert Objective(DATA, "squared").default_step_size == pytest.approx(
        8 / np.linalg.norm(DATA.X, ord=2) ** 2
    )
    assert Objective(DATA, losses.PolynomialTail(2.0)).sample_step_size == pytest.approx(
        1 / 6 / (DATA.Z**2).sum(axis=1).max()
    )
    other = datasets.separable(1, 8, 3)
    listed = Objective([DATA, other])
    for name in ("default_step_size", "sample_step_size", "dual_step_size"):
        alone = [getattr(Objective(one), name) for one in (DATA, other)]
        assert all(type(size) is float for size in alone)
        np.testing.assert_allclose(getattr(listed, name), alone)
    assert Objective(Regression(np.zeros((2, 2)), [1.0, 2.0])).default_step_size == 1.0
    for objective, name, message in (
        (OBJECTIVES["diagonal, logistic"], "dual_step_size", "has a dual step"),
        (OBJECTIVES["linear, regression"], "dual_step_size", "has a dual step"),
        (OBJECTIVES["classes"], "dual_step_size", "has a dual step"),
        (OBJECTIVES["diagonal, logistic"], "default_step_size", "no step size is safe for every"),
        (OBJECTIVES["matrix"], "default_step_size", "no default for a matrix problem"),
        (Objective(DATA, "exponential"), "sample_step_size", "is not smooth"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(objective, name)


class Bare:
    """A model with what its arguments name, and nothing else."""

    def __init__(self, **has):
        self.__dict__.update(has)


def nothing(*_):
    return None


LINEAR = {"weights": nothing, "pullback": nothing}


@pytest.mark.parametrize(
    ("data", "model", "message"),
    [
        (DATA, Bare(), "model must have n_parameters"),
        (DATA, Bare(n_parameters=3), "model must have n_parameters"),
        (DATA, Bare(n_parameters=3, weights=nothing), "model must have n_parameters"),
        (DATA, Bare(n_parameters=3, pullback=nothing), "model must have n_parameters"),
        (DATA, Bare(**LINEAR), "model must have n_parameters"),
        (DATA, Bare(linearize=nothing), "model must have n_parameters"),
        (DATA, Bare(n_parameters=3, n_features=4, **LINEAR), "have 3 features, the model 4"),
        (DATA, Bare(n_parameters=3, linearize=nothing, widths=(4, 1)), "3 features, the model 4"),
        (CLASSES, Bare(n_parameters=3, n_features=3, **LINEAR), "have 6 features, the model 3"),
        (TABLE, Bare(n_parameters=3, n_features=3, **LINEAR), "have 9 features, the model 3"),
        (CLASSES, models.Network((2, 3, 1)), "MulticlassDataset data need a model with weights"),
        (TOKENS, models.Network((2, 3, 1)), "NextTokens data need a model with weights"),
        (TABLE, models.Network((3, 3, 1)), "MatrixProblem data need a model with weights"),
    ],
)
def test_a_model_that_the_data_do_not_fit(data, model, message):
    with pytest.raises(ValueError, match=message):
        Objective(data, model=model)


def test_models_with_just_enough():
    for model in (
        Bare(n_parameters=3, **LINEAR),
        Bare(n_parameters=3, n_features=3, **LINEAR),
        Bare(n_parameters=5, linearize=nothing),
        Bare(n_parameters=5, linearize=nothing, widths=(3, 1)),
    ):
        assert Objective(DATA, model=model).model is model
    assert Objective(CLASSES, model=Bare(n_parameters=9, n_features=6, **LINEAR)).n_parameters == 9


OTHER_SHAPE = datasets.separable(0, 9, 3)
OTHER_CLASSES = datasets.separable_classes(0, 9, 2, 4)


@pytest.mark.parametrize(
    ("data", "loss", "message"),
    [
        (3, None, "data must be a data set, such as"),
        ([], None, "data must be a data set, or a list"),
        ([DATA, LINE], None, "of one kind"),
        ([TABLE, TABLE], None, "of one kind"),
        ([TOKENS, TOKENS], None, "tokens are trained one set at a time"),
        ([DATA, OTHER_SHAPE], None, "the same shape"),
        ([CLASSES, OTHER_CLASSES], None, "the same number of classes"),
        (DATA.X, None, "data must be a data set"),
        ([DATA.X], None, "data must be a data set, or a list"),
        (LINE, "logistic", "loss must be 'squared' for Regression data"),
        (CLASSES, "squared", "loss must be 'cross-entropy' for MulticlassDataset"),
        (TOKENS, "logistic", "loss must be 'cross-entropy' for NextTokens"),
        (TABLE, losses.Logistic(), "loss must be 'squared' for Completion"),
        (DATA, "cross-entropy", "unknown loss"),
    ],
)
def test_parts_that_do_not_fit_together(data, loss, message):
    with pytest.raises(ValueError, match=message):
        Objective(data, loss)


@pytest.mark.parametrize("name", ["classes", "tokens", "linear, logistic", "network, logistic"])
def test_rows_and_parameters_may_have_several_axes(name):
    objective = EVERY[name]
    rows = RNG.integers(4, size=(2, 3, 5))
    theta = RNG.standard_normal((2, 3, objective.n_parameters))
    found = objective.on(rows).value(theta)
    for i, j in np.ndindex(2, 3):
        alone = objective.on(rows[i, j][None]).value(theta[i, j][None])[0]
        np.testing.assert_allclose(found[i, j], alone, rtol=1e-10, atol=1e-13)
    whole = np.arange(objective.n_parameters) % 3
    exact = objective.pull(whole.astype(float)).value()
    for given in (whole, whole.tolist()):
        np.testing.assert_allclose(objective.pull(given).value(), exact, rtol=1e-12)


def test_data_sets_that_go_together():
    for one in (DATA, LINE, CLASSES):
        listed = Objective([one, one])
        assert listed.batch == (2,) and listed.batched and listed.kind is type(one)
        assert Objective((one, one)).n_samples == one.n_samples
        assert Objective([one]).batch == (1,) and Objective(one).batch == ()
    for one in (TABLE, TOKENS):
        assert Objective(one).loss in ("squared", "cross-entropy")
    product = models.MatrixProduct((3, 3), 2)
    assert Objective(TABLE, model=product).n_weights == 9
    assert Objective(TOKENS, model=models.MatrixProduct((3, 2), 2)).n_weights == 6
    for loss in ("logistic", "exponential", "squared", losses.Sigmoid()):
        assert Objective(DATA, loss).is_margin is (loss != "squared")


@pytest.mark.parametrize("name", ["linear, logistic", "linear, squared", "diagonal, exponential"])
def test_parameters_in_single_precision_are_computed_in_double(name):
    objective = EVERY[name]
    single = RNG.standard_normal((2, objective.n_parameters)).astype(np.float32)
    exact = single.astype(float)
    np.testing.assert_array_equal(objective.log_risk(single), objective.log_risk(exact))
    found, expected = objective.pull(single), objective.pull(exact)
    np.testing.assert_array_equal(found.value(), expected.value())
    np.testing.assert_array_equal(objective.weights(single), objective.weights(exact))
    predicted = objective.predict(single, DATA.X)
    np.testing.assert_array_equal(predicted, objective.predict(exact, DATA.X))
