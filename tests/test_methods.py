"""Methods: every combination runs or refuses in words, and identities hold across the axes."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

from ibias import datasets, flow, losses, methods, models, noise, steps
from ibias.descent import Diverged, descent
from ibias.methods.spectral import CONVERGENT, JORDAN, newton_schulz
from ibias.objectives import Objective
from ibias.potentials import HyperbolicEntropy, PowerNorm, SquaredNorm

BINARY = datasets.separable(0, 6, 2)
LINE = datasets.gaussian_regression(0, 4, 2)
CLASSES = datasets.separable_classes(0, 6, 2, 3)
TABLE = datasets.two_by_two_completion()
MODELS = {
    "linear": None,
    "diagonal": models.DiagonalLinear(2, depth=2),
    "convolution": models.CircularConvolution(2, depth=2),
    "weight norm": models.WeightNormalized(2),
    "direction": models.Direction(2),
    "product": models.MatrixProduct((1, 2), depth=2),
    "network": models.Network((2, 3, 1), "relu"),
}
OBJECTIVES = {
    f"{loss}, {name}": Objective(BINARY, loss, model)
    for loss in ("logistic", "exponential", "squared")
    for name, model in MODELS.items()
}
OBJECTIVES |= {f"regression, {name}": Objective(LINE, model=m) for name, m in MODELS.items()}
OBJECTIVES |= {
    "power tail": Objective(BINARY, losses.PolynomialTail(1.0)),
    "classes": Objective(CLASSES),
    "classes, product": Objective(CLASSES, model=models.MatrixProduct((3, 2), depth=2)),
    "matrix": Objective(TABLE),
    "matrix, product": Objective(TABLE, model=models.MatrixProduct((2, 2), depth=2)),
    "votes": Objective(datasets.Dataset(BINARY.X / 4, BINARY.y), "exponential"),
    "a list": Objective([BINARY, datasets.separable(1, 6, 2)]),
}
GRADIENT = methods.Gradient()
METHODS = [
    GRADIENT,
    methods.HeavyBall(),
    methods.Nesterov(),
    methods.DualMomentum(),
    methods.LossScaled(),
    methods.Rescaled(every=2),
    methods.NormalizedGradient(),
    methods.Steepest(1.5),
    methods.NormalizedSteepest(np.inf),
    methods.Boosting(),
    methods.Spectral(),
    methods.Muon(coefficients=JORDAN),
    methods.SignMomentum(),
    methods.Lion(),
    methods.Mirror(HyperbolicEntropy(0.5)),
    methods.MirrorMomentum(HyperbolicEntropy(0.5)),
    methods.NaturalGradient(PowerNorm(1.5)),
    methods.Multiplicative(),
    methods.AdaGrad(1e-8),
    methods.RMSProp(1e-8),
    methods.Adam(1e-8),
    methods.Kaczmarz(),
    methods.SharpnessAware(methods.Adam(1e-8), 0.05),
    methods.WeightDecay(methods.Lion(), 0.1),
    methods.WeightDecay(methods.Mirror(SquaredNorm(2)), 0.1, coupled=True),
]
NOISES = [
    (None, ()),
    (noise.Reshuffled(1), ()),
    (noise.WithReplacement(2), noise.WeightNoise(0.01)),
    (None, noise.LabelNoise(0.1)),
]
REFUSALS = ("data:", "loss:", "model:", "sampling:", "noise:", "batch_size", "start:", "potential:")


@pytest.mark.parametrize("method", METHODS, ids=lambda m: repr(m)[:40])
def test_every_combination_runs_or_is_refused_in_words(method):
    ran = 0
    for (name, objective), (sampling, kind) in itertools.product(OBJECTIVES.items(), NOISES):
        rng = datasets.generator(1)
        start = 0.5 + 0.1 * rng.standard_normal((2, objective.n_parameters))
        how = {"steps": 0.01, "n_steps": 3, "start": start, "record": [0, 3]}
        try:
            path = descent(objective, method, sampling=sampling, noise=kind, **how)
        except ValueError as error:
            assert str(error).startswith(REFUSALS), (name, error)
            continue
        ran += 1
        assert path.iterates.shape == (2, 2, objective.n_parameters), name
        assert path.log_risk.shape == (2, 2) and np.isfinite(path.log_risk).all(), name
        assert np.isfinite(path.iterates).all() and (path.iterates[0] != path.final).any(), name
    alone = (methods.Kaczmarz, methods.Boosting, methods.Multiplicative)
    linear = isinstance(method, methods.DualMomentum)  # refuses every other model
    assert ran >= (1 if isinstance(method, alone) else 20 if linear else 50)


def run(method, objective=BINARY, n_steps=40, eta=0.05, **options):
    return descent(objective, method, steps=eta, n_steps=n_steps, **options).iterates


def same(a, b, **tolerance):
    np.testing.assert_allclose(a, b, **({"rtol": 1e-12, "atol": 1e-13} | tolerance))


NET = Objective(BINARY, "exponential", MODELS["network"])
THETA = MODELS["network"].random(np.random.default_rng(0))
DIAGONAL = Objective(LINE, model=MODELS["diagonal"])
ALIKE = {
    "Adam without memory is sign descent": (
        methods.Adam(betas=(0, 0)),
        methods.NormalizedSteepest(np.inf),
    ),
    "RMSProp without memory is sign descent": (
        methods.RMSProp(smoothing=0),
        methods.NormalizedSteepest(np.inf),
    ),
    "Signum without momentum is sign descent": (
        methods.SignMomentum(0),
        methods.NormalizedSteepest(np.inf),
    ),
    "Lion with equal betas is Signum": (methods.Lion((0.8, 0.8)), methods.SignMomentum(0.8)),
    "steepest in l2 is the gradient": (methods.Steepest(2), GRADIENT),
    "normalised steepest in l2": (methods.NormalizedSteepest(2), methods.NormalizedGradient()),
    "heavy ball without momentum": (methods.HeavyBall(0), GRADIENT),
    "the quadratic mirror with momentum": (
        methods.MirrorMomentum(SquaredNorm(2), 0.9),
        methods.HeavyBall(0.9),
    ),
    "the mirror without momentum": (
        methods.MirrorMomentum(HyperbolicEntropy(0.5), 0.0),
        methods.Mirror(HyperbolicEntropy(0.5)),
    ),
    "the quadratic mirror": (methods.Mirror(SquaredNorm(2)), GRADIENT),
    "the quadratic metric": (methods.NaturalGradient(PowerNorm(2)), GRADIENT),
    "Muon without momentum is Spectral": (methods.Muon(0), methods.Spectral()),
    "Nesterov's Muon without momentum": (methods.Muon(0, nesterov=True), methods.Spectral()),
    "SAM of radius zero is its base": (methods.SharpnessAware(GRADIENT, 0.0), GRADIENT),
    "SAM of radius zero around Adam": (
        methods.SharpnessAware(methods.Adam(1e-3), 0.0),
        methods.Adam(1e-3),
    ),
    "decay of weight zero": (methods.WeightDecay(methods.Adam(1e-3), 0.0), methods.Adam(1e-3)),
    "coupled or not, for the gradient": (
        methods.WeightDecay(GRADIENT, 0.3),
        methods.WeightDecay(GRADIENT, 0.3, coupled=True),
    ),
    "rescaling by one": (methods.Rescaled(1.0), methods.LossScaled()),
}


def test_dual_momentum_is_refused_where_there_is_no_dual():
    data, net = datasets.separable(0), models.DiagonalLinear(5, depth=2)
    how = {"steps": 0.05, "n_steps": 3, "start": np.full(net.n_parameters, 0.1)}
    objective = Objective(data, "exponential", net)
    refused = r"^model: DualMomentum.*leave the model out, or use Loss"
    for step_size in (how["steps"], None):  # to give a step would be no remedy
        with pytest.raises(ValueError, match=refused):
            descent(objective, methods.DualMomentum(), **how | {"steps": step_size})
    assert np.isfinite(descent(objective, methods.LossScaled(), **how).final).all()
    assert np.isfinite(descent(data, methods.DualMomentum(), n_steps=3).final).all()


@pytest.mark.parametrize("name", ALIKE)
def test_two_names_of_one_method(name):
    first, second = ALIKE[name]
    for objective, start in ((BINARY, None), (NET, THETA), (DIAGONAL, [0.3, 0.4, 0.2, 0.1])):
        if objective is DIAGONAL and name == "rescaling by one":
            continue  # divided by a risk that tends to zero
        same(run(first, objective, start=start), run(second, objective, start=start), rtol=1e-9)


def test_one_row_has_one_schatten_norm():
    for p in (1, 1.5, 2, np.inf):
        same(run(methods.Spectral(p)), run(methods.NormalizedGradient()))


def test_frobenius_is_the_second_schatten_norm():
    same(run(methods.Spectral(2), CLASSES), run(methods.NormalizedGradient(), CLASSES))


def test_two_classes_by_spectral_descent_are_the_normalised_gradient():
    labels = (BINARY.y > 0).astype(int)
    two = Objective(datasets.MulticlassDataset(BINARY.X, labels))
    W = two.weights(run(methods.Spectral(), two))
    w = run(methods.NormalizedGradient(), eta=0.05 * np.sqrt(2))
    same(W[..., 1, :] - W[..., 0, :], w)  # the gradient has rank one


def test_divided_by_the_risk_is_loss_scaled():
    for objective in (Objective(BINARY, "exponential"), Objective(BINARY)):
        scaled = run(methods.LossScaled(), objective)
        divided = descent(objective, steps=steps.DividedByRisk(0.05), n_steps=40)
        same(divided.iterates, scaled)
        times = np.exp(divided.log_t)
        first = 0.05 / np.exp(objective.log_risk(np.zeros(2)))
        assert times[0] == pytest.approx(float(first))


def test_the_hyperbolic_mirror_is_the_diagonal_network():
    alpha, start = 0.3, np.full(4, 0.3)
    mirror = flow.flow(LINE, methods.Mirror(HyperbolicEntropy(alpha)), log_t=[0.0, 3.0])
    net = flow.flow(DIAGONAL, log_t=[0.0, 3.0], start=start)
    same(DIAGONAL.weights(net.iterates), mirror.iterates, rtol=1e-6)
    gaps = []
    for eta in (2e-3, 1e-3):
        n_steps = round(1 / eta)
        discrete = run(GRADIENT, DIAGONAL, n_steps, eta, start=start)[-1]
        image = run(methods.Mirror(HyperbolicEntropy(alpha)), LINE, n_steps, eta)[-1]
        gaps.append(np.abs(DIAGONAL.weights(discrete) - image).max())
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.05)


def test_the_flow_with_decay_is_the_limit_of_small_steps():
    decay, time = methods.WeightDecay(GRADIENT, 0.2), 1.5
    ridge = LINE.X.T @ LINE.X / LINE.n_samples + 0.2 * np.eye(2)
    pull = LINE.X.T @ LINE.y / LINE.n_samples
    expected = np.linalg.solve(ridge, pull - expm(-time * ridge) @ pull)
    path = flow.flow(LINE, decay, log_t=[np.log(time)], start=np.zeros(2), tolerance=1e-8)
    same(path.final, expected, rtol=1e-6)
    gaps = [np.abs(run(decay, LINE, n, time / n)[-1] - expected).max() for n in (750, 1500)]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.05)


def test_decay_shrinks_the_scale_of_a_diagonal_network():
    times = np.array([0.5, 3.0])
    path = flow.flow(
        DIAGONAL, methods.WeightDecay(GRADIENT, 0.2), log_t=np.log(times), start=np.full(4, 2.0)
    )
    u, v = np.moveaxis(DIAGONAL.model.layers(path.iterates), 1, 0)
    same(u * v, 4 * np.exp(-0.4 * times)[:, None] * np.ones(2), rtol=1e-5)


def test_decay_around_another_flow_has_none():
    for base in (methods.Adam(), methods.HeavyBall(), methods.Mirror(SquaredNorm(2))):
        assert methods.WeightDecay(base, 0.1, coupled=True).limit() is None


def test_a_network_of_one_layer_is_linear():
    net = Objective(BINARY, model=models.linear(2))
    for method in (GRADIENT, methods.Adam(1e-8), methods.Nesterov()):
        start = [0.1, 0.2]
        same(run(method, net, start=start), run(method, start=start))
    one = Objective(CLASSES, model=models.MatrixProduct((3, 2), depth=1))
    same(run(methods.Muon(), one, start=np.zeros(6)), run(methods.Muon(), CLASSES))


def test_all_samples_in_any_order_are_the_full_batch():
    for method in (GRADIENT, methods.Adam(1e-8)):
        same(run(method, sampling=noise.Reshuffled(6)), run(method), rtol=1e-9)


def test_noise_of_size_zero_is_none():
    for kind in (noise.LabelNoise(0.0), noise.WeightNoise(0.0)):
        same(run(GRADIENT, noise=kind), run(GRADIENT))
        same(run(GRADIENT, LINE, noise=kind), run(GRADIENT, LINE))


def test_multiplicative_steps_are_gradient_steps_to_first_order():
    objective, start = OBJECTIVES["matrix, product"], [0.5, 0.1, 0.2, 0.7, 0.4, 0.3, -0.2, 0.6]
    gaps = []
    for eta in (1e-2, 5e-3):
        first = run(GRADIENT, objective, 1, eta, start=start)[-1]
        second = run(methods.Multiplicative(), objective, 1, eta, start=start)[-1]
        gaps.append(np.abs(first - second).max())
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.02)


def test_newton_schulz_finds_the_polar_factor():
    G = np.random.default_rng(2).standard_normal((3, 5))
    polar = methods.schatten_direction(G, np.inf)
    assert np.abs(newton_schulz(G, CONVERGENT, 30) - polar).max() < 1e-12
    values = np.linalg.svd(newton_schulz(G, JORDAN, 8), compute_uv=False)
    assert (values > 0.6).all() and (values < 1.3).all()
    how = {"coefficients": CONVERGENT, "n_steps": 40}
    exact, by_steps = run(methods.Muon(0.9), CLASSES), run(methods.Muon(0.9, **how), CLASSES)
    same(by_steps, exact, atol=1e-8)


def test_schatten_directions_are_steepest():
    rng = np.random.default_rng(4)
    G = rng.standard_normal((3, 4))
    for p in (1, 1.7, 2, 5, np.inf):
        D = methods.schatten_direction(G, p)
        assert np.linalg.norm(np.linalg.svd(D)[1], ord=p) == pytest.approx(1)
        others = rng.standard_normal((500, 3, 4))
        others /= np.linalg.norm(np.linalg.svd(others)[1], ord=p, axis=1)[:, None, None]
        assert ((others * G).sum(axis=(1, 2)) <= (D * G).sum() + 1e-12).all()


def test_lion_by_hand():
    path, Z, w, m = run(methods.Lion((0.5, 0.8)), record=range(41)), BINARY.Z, np.zeros(2), 0.0
    for k in range(40):
        same(path[k], w)
        g = (1 / (1 + np.exp(Z @ w))) @ Z / 6
        w, m = w + 0.05 * np.sign(0.5 * m + 0.5 * g), 0.8 * m + 0.2 * g


def test_muon_by_hand():
    path, objective = run(methods.Muon(0.8), CLASSES, record=range(41)), Objective(CLASSES)
    W, M = np.zeros((3, 2)), np.zeros((3, 2))
    for k in range(40):
        same(path[k], W.ravel(), atol=1e-10)
        M = 0.8 * M + objective.all_samples.value(W.ravel()).reshape(3, 2)
        U, s, Vt = np.linalg.svd(M, full_matrices=False)
        assert s[-1] > 1e-6
        W = W + 0.05 * U @ Vt


def test_decoupled_and_coupled_decay_by_hand():
    for coupled in (False, True):
        method = methods.WeightDecay(methods.Adam(1e-3, (0.5, 0.7)), 0.2, coupled)
        path = run(method, record=range(41), start=[1.0, -2.0])
        w, m, v = np.array([1.0, -2.0]), 0.0, 0.0
        for k in range(40):
            same(path[k], w, rtol=1e-10)
            g = (1 / (1 + np.exp(BINARY.Z @ w))) @ BINARY.Z / 6 - coupled * 0.2 * w
            m, v = 0.5 * m + 0.5 * g, 0.7 * v + 0.3 * g**2
            length = np.sqrt(v / (1 - 0.7 ** (k + 1))) + 1e-3
            w = (1 - (not coupled) * 0.05 * 0.2) * w + 0.05 * m / (1 - 0.5 ** (k + 1)) / length


def test_the_corrections_of_adam_matter_at_first_only():
    corrected, plain = methods.Adam(0.1), methods.Adam(0.1, correction=False)
    assert np.abs(run(corrected, n_steps=1) - run(plain, n_steps=1)).max() > 0.01
    late = [
        np.diff(run(one, n_steps=9000, record=[8999, 9000]), axis=0) for one in (corrected, plain)
    ]
    assert np.linalg.norm(late[0] - late[1]) < 0.1 * np.linalg.norm(late[0])


# ---- one object, two drivers -------------------------------------------------------------

SMALL = [
    GRADIENT,
    methods.HeavyBall(0.5),
    methods.LossScaled(),
    methods.NormalizedGradient(),
    methods.Steepest(1.5),
    methods.NormalizedSteepest(3),
    methods.Mirror(HyperbolicEntropy(0.3)),
    methods.NaturalGradient(HyperbolicEntropy(0.3)),
    methods.Adam(0.05, betas=(0, 0)),
    methods.RMSProp(0.05, smoothing=0),
]


@pytest.mark.parametrize("method", SMALL, ids=lambda m: repr(m)[:40])
def test_the_flow_is_the_limit_of_small_steps(method):
    there = flow.flow(BINARY, method, log_t=[np.log(2.0)], start=[0.3, -0.2]).final
    errors = []
    for eta in (0.02, 0.01):
        end = run(method, n_steps=round(2 / eta), eta=eta, start=[0.3, -0.2])[-1]
        errors.append(np.abs(end - there).max())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2) and errors[1] < 0.1


@pytest.mark.parametrize(
    "name",
    ["regression, linear", "regression, network", "squared, network", "classes, product", "classes",
     "logistic, network", "logistic, weight norm", "regression, weight norm", "squared, linear"],
)  # fmt: skip
def test_gradient_flow_of_every_kind_of_objective(name):
    objective = OBJECTIVES[name]
    start = 0.6 + 0.1 * np.random.default_rng(5).standard_normal(objective.n_parameters)
    there = flow.flow(objective, log_t=[0.0], start=start).final
    errors = [
        np.abs(run(GRADIENT, objective, round(1 / eta), eta, start=start)[-1] - there).max()
        for eta in (0.02, 0.01)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)


def test_flows_of_a_batch_and_of_a_list():
    starts = np.array([[0.1, 0.2], [0.0, -0.3]])
    together = flow.flow(BINARY, log_t=[1.0, 50.0], start=starts)
    sets = [BINARY, datasets.separable(1, 6, 2)]
    listed = flow.flow(Objective(sets, "exponential"), log_t=[1.0, 50.0])
    assert together.iterates.shape == listed.iterates.shape == (2, 2, 2)
    for i in range(2):
        alone = flow.gradient_flow(BINARY, log_t=[1.0, 50.0], start=starts[i])
        same(together.iterates[:, i], alone.iterates)
        alone = flow.gradient_flow(sets[i], loss="exponential", log_t=[1.0, 50.0])
        same(listed.iterates[:, i], alone.iterates)


def test_the_matrix_flow_of_the_factors():
    objective = OBJECTIVES["matrix, product"]
    start = objective.model.theta([0.1 * np.eye(2), 0.1 * np.eye(2)])
    path = flow.flow(objective, log_t=[1.0], start=start)
    same(path.final, flow.matrix_flow(TABLE, scale=0.01, log_t=[1.0]).final, rtol=1e-6)


def test_fixed_steps_continued():
    path = flow.flow(BINARY, log_steps=[8.0], steps=0.5)
    same(path.final, flow.continued_gradient_descent(BINARY, step_size=0.5, log_steps=[8.0]).final)
    wide = datasets.wide(0, 5, 8)
    path = flow.flow(wide, methods.AdaGrad(), log_steps=[8.0], steps=0.1)
    same(path.final, flow.continued_adagrad(wide, step_size=0.1, log_steps=[8.0]).final)


def test_a_method_without_a_flow_says_so():
    for method in (methods.Muon(), methods.Lion(), methods.Spectral(), methods.DualMomentum()):
        with pytest.raises(ValueError, match=f"{type(method).__name__} has no flow: use descent"):
            flow.flow(BINARY, method, log_t=[1.0])


def test_a_method_of_your_own_needs_one_class():
    class Halved(methods.Method):
        def step(self, pull, theta, state, k, eta):
            return theta + eta / 2 * pull.value(theta), None

        def limit(self):
            return methods.Limit("gradient", speed=0.5)

    same(run(Halved(), eta=0.1), run(GRADIENT))
    with pytest.raises(ValueError, match="give Halved its step size"):
        descent(BINARY, Halved(), n_steps=1)
    slow = flow.flow(BINARY, Halved(), log_t=[5.0]).final
    same(slow, flow.flow(BINARY, log_t=[5.0 - np.log(2)]).final)


def test_methods_hold_no_state():
    method = methods.Adam(1e-8)
    first = run(method)
    run(method, CLASSES)
    same(run(method), first)
    with pytest.raises(AttributeError):
        method.betas = (0, 0)


def test_overflow_is_reported():
    with pytest.raises(Diverged, match="smaller step_size"):
        run(methods.Mirror(SquaredNorm(2)), LINE, 2000, 50.0)


def test_no_two_methods_share_ten_lines():
    places = {}
    for path in sorted(Path(methods.__file__).parent.glob("*.py")):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        for k in range(len(lines) - 9):
            run_of_ten = "\n".join(lines[k : k + 10])
            places.setdefault(run_of_ten, []).append(f"{path.name}: {lines[k]}")
    assert not [where for where in places.values() if len(where) > 1]


WEAK = datasets.Dataset(np.eye(3), [1, -1, 1])
LINES = datasets.Regression(np.eye(3), [1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("method", "objective", "words"),
    [
        (methods.Boosting(), Objective(WEAK, "exponential", models.linear(3)), "model: Boosting"),
        (methods.Boosting(), Objective(WEAK, "exponential", models.DiagonalLinear(3, 2)), "model"),
        (methods.Kaczmarz(), Objective(LINES, model=models.DiagonalLinear(3, 2)), "data: Kaczmarz"),
        (methods.Kaczmarz(), Objective(WEAK, "squared"), "data: Kaczmarz"),
        (methods.Multiplicative(), Objective(LINES), "model: Multiplicative"),
        (
            methods.Multiplicative(),
            Objective(datasets.four_by_four_completion(), model=models.MatrixProduct((4, 4), 3)),
            "model: Multiplicative",
        ),
    ],
)
def test_a_method_of_one_kind_of_objective_refuses_each_other_kind(method, objective, words):
    how = {"start": np.full(objective.n_parameters, 0.1), "steps": 0.1, "n_steps": 1}
    with pytest.raises(ValueError, match=f"^{words}"):
        descent(objective, method, **how)


MAKERS = {
    "classes": lambda seed: datasets.separable(seed, 6, 2),
    "regression": lambda seed: datasets.gaussian_regression(seed, 4, 2),
    "several classes": lambda seed: datasets.separable_classes(seed, 6, 2, 3),
}


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("kind", "model", "method"),
    [
        ("classes", None, methods.Gradient()),
        ("classes", None, methods.Mirror(PowerNorm(3))),
        ("classes", None, methods.Adam(1e-2)),
        ("classes", models.DiagonalLinear(2, depth=2), methods.Gradient()),
        ("classes", models.DiagonalLinear(2, depth=2), methods.Steepest(3)),
        ("regression", None, methods.Gradient()),
        ("regression", models.WeightNormalized(2), methods.Gradient()),
        ("several classes", None, methods.Gradient()),
    ],
)
def test_the_flow_of_a_batch_is_the_flow_of_each(kind, model, method, size):
    """Its estimate is the largest one, and its work is that of all."""
    sets = [MAKERS[kind](seed) for seed in range(size)]
    start = None if model is None else datasets.generator(2).uniform(0.1, 1, model.n_parameters)
    how = {"log_t": [0.0, 2.0], "start": start, "tolerance": 1e-4}
    batch = flow.flow(Objective(sets, model=model), method, **how)
    alone = [flow.flow(Objective(one, model=model), method, **how) for one in sets]
    assert batch.log_t.tolist() == how["log_t"]
    assert batch.iterates.shape[:2] == (2, size)
    for i, one in enumerate(alone):
        np.testing.assert_array_equal(batch.iterates[:, i], one.iterates)
        np.testing.assert_array_equal(batch.log_risk[:, i], one.log_risk)
    if alone[0].error_estimate is not None:
        largest = np.max([one.error_estimate for one in alone], axis=0)
        np.testing.assert_array_equal(batch.error_estimate, largest)
    assert batch.n_evaluations == sum(one.n_evaluations for one in alone)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: repr(m)[:40])
@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_of_data_sets_is_each_by_itself(method, size):
    """Also a batch of one, which keeps its axis; or both are refused."""
    ran = 0
    for kind, make in MAKERS.items():
        sets = [make(seed) for seed in range(size)]
        if kind == "classes":
            sets = [datasets.Dataset(one.X / 8, one.y) for one in sets]  # boosting takes no larger
        how = {"steps": 0.01, "n_steps": 5}
        if kind == "regression":
            how["start"] = np.full(2, 0.3)
        try:
            alone = [descent(one, method, **how) for one in sets]
        except ValueError:
            with pytest.raises(ValueError):
                descent(sets, method, **how)
            continue
        batch = descent(sets, method, **how)
        ran += 1
        assert batch.iterates.shape == np.stack([one.iterates for one in alone], axis=1).shape
        for i, one in enumerate(alone):
            same(batch.iterates[:, i], one.iterates)
            same(batch.log_risk[:, i], one.log_risk)
    assert ran or isinstance(method, methods.Kaczmarz | methods.Multiplicative)


@pytest.mark.parametrize("axes", [(1,), (2, 1), (1, 2)])
def test_starts_may_have_any_axes(axes):
    starts = datasets.generator(3).standard_normal((*axes, 2))
    batch = flow.flow(BINARY, log_t=[1.0], start=starts)
    assert batch.iterates.shape == (1, *axes, 2)
    for index in np.ndindex(axes):
        alone = flow.flow(BINARY, log_t=[1.0], start=starts[index])
        np.testing.assert_array_equal(batch.final[index], alone.final)
