"""One entry for all flows: which integrator is called for what, and with what."""

import numpy as np
import pytest

from ibias import datasets, flow, losses, methods, models
from ibias.flow import of_method
from ibias.objectives import Objective, Pull
from ibias.potentials import HyperbolicEntropy, SquaredNorm
from ibias.trajectory import Trajectory

BINARY = datasets.separable(0, 6, 2)
LINES = datasets.gaussian_regression(0, 4, 2)
CLASSES = datasets.separable_classes(0, 6, 2, 3)
TOKENS = datasets.next_tokens(0)
TABLE = datasets.Completion(np.ones((2, 3), bool), np.arange(6.0).reshape(2, 3))
SEQUENCES = datasets.token_sequences(0)
NET = models.two_layer_relu(2, 3)
PRODUCT = models.MatrixProduct((2, 3), depth=2)
ENTROPY, TIMES = HyperbolicEntropy(0.3), [1.0, 2.0]
SOLVERS = [
    "accelerated_flow", "adam_flow", "attention_flow", "continued_adagrad",
    "continued_gradient_descent", "cross_entropy_flow", "gradient_flow", "matrix_flow",
    "mirror_flow", "network_flow", "next_token_flow", "parametrized_flow", "velocity_flow",
]  # fmt: skip


def replaced(monkeypatch):
    """Put a note in the place of every integrator; return the notes."""
    notes = []

    def noting(name):
        def solver(*arguments, **options):
            notes.append((name, arguments, options))
            n = len(notes)
            log_t = np.asarray(options["log_t" if "log_t" in options else "log_steps"])
            return Trajectory(
                log_t=log_t,
                iterates=n * np.arange(1.0, 7.0).reshape(2, 3),
                log_risk=n * np.array([-1.0, -2.0]),
                status=f"number {n}" if n < 3 else "number 1",
                error_estimate=np.array([1e-3, 2e-3]) * (3 - n),
                n_evaluations=10 * n,
            )

        return solver

    for name in SOLVERS:
        monkeypatch.setattr(of_method, name, noting(name))
    return notes


def start_of(objective):
    return np.arange(1.0, objective.n_parameters + 1)


EXPONENTIAL, SQUARED = Objective(BINARY, "exponential"), Objective(BINARY, "squared")
LOSS = {"loss": losses.Exponential()}
GRADIENT = methods.Gradient()
CALLS = {
    "linear": (EXPONENTIAL, GRADIENT, "gradient_flow", (BINARY,), LOSS),
    "mirror": (EXPONENTIAL, methods.Mirror(ENTROPY), "mirror_flow", (BINARY, ENTROPY), LOSS),
    "mirror, regression": (
        Objective(LINES), methods.Mirror(ENTROPY), "mirror_flow", (LINES, ENTROPY), {},
    ),
    "mirror, squared": (SQUARED, methods.Mirror(ENTROPY), "mirror_flow", (BINARY, ENTROPY), {}),
    "regression": (Objective(LINES), GRADIENT, "mirror_flow", (LINES, SquaredNorm(2)), {}),
    "squared": (SQUARED, GRADIENT, "mirror_flow", (BINARY, SquaredNorm(2)), {}),
    "accelerated": (EXPONENTIAL, methods.Nesterov(), "accelerated_flow", (BINARY,), LOSS),
    "adam": (
        EXPONENTIAL, methods.Adam(1e-3), "adam_flow", (BINARY,), {**LOSS, "epsilon": 1e-3},
    ),
    "classes": (Objective(CLASSES), GRADIENT, "cross_entropy_flow", (CLASSES,), {}),
    "tokens": (Objective(TOKENS), GRADIENT, "next_token_flow", (TOKENS,), {}),
    "network": (
        Objective(BINARY, "exponential", NET), GRADIENT, "network_flow", (BINARY, NET), LOSS,
    ),
    "attention": (
        Objective(SEQUENCES, "exponential", models.Attention(3, 6)), GRADIENT, "attention_flow",
        None, LOSS,
    ),
    "diagonal": (
        Objective(LINES, model=models.DiagonalLinear(2, depth=2)), GRADIENT, "parametrized_flow",
        None, {},
    ),
    "diagonal, two classes": (
        Objective(BINARY, "exponential", models.DiagonalLinear(2, depth=2)), GRADIENT,
        "network_flow", None, LOSS,
    ),
    "squared, network": (
        Objective(BINARY, "squared", NET), GRADIENT, "velocity_flow", None,
        {"velocity": Pull.__call__},
    ),
    "regression, network": (
        Objective(LINES, model=NET), GRADIENT, "velocity_flow", None, {"velocity": Pull.__call__},
    ),
    "classes, product": (
        Objective(CLASSES, model=models.MatrixProduct((3, 2), depth=2)), GRADIENT, "velocity_flow",
        None, {"velocity": Pull.__call__},
    ),
}  # fmt: skip


def same_data(found, right):
    """A squared loss of labels is a regression onto them."""
    assert np.array_equal(found.X, right.X) and np.array_equal(found.y, right.y)


@pytest.mark.parametrize("tolerance", [None, 1e-3])
@pytest.mark.parametrize("name", CALLS)
def test_which_integrator_is_called_and_with_what(name, tolerance, monkeypatch):
    notes = replaced(monkeypatch)
    objective, method, solver, arguments, options = CALLS[name]
    start = start_of(objective)
    path = flow.flow(objective, method, log_t=TIMES, start=start, tolerance=tolerance)
    ((called, given, how),) = notes
    assert called == solver
    speed = method.limit().speed
    assert how.pop("log_t") == pytest.approx(np.array(TIMES) + np.log(speed))
    assert path.log_t.tolist() == TIMES
    right = objective.weights(start) if name in ("classes", "tokens") else start
    assert np.array_equal(how.pop("start"), right)
    assert how.pop("tolerance", None) == tolerance
    if solver == "velocity_flow":
        assert given == (objective,) and how == options
        return
    if arguments is None:
        arguments = (objective.data, objective.model)
    assert len(given) == len(arguments) and how == options
    if "squared" in name or "regression" in name:
        assert isinstance(given[0], datasets.Regression)
        same_data(given[0], arguments[0])
    else:
        assert given[0] is arguments[0]
    assert given[1:] == arguments[1:]


@pytest.mark.parametrize("name", ["linear", "mirror", "accelerated", "adam", "classes", "tokens"])
def test_without_a_start_the_integrator_takes_its_own(name, monkeypatch):
    notes = replaced(monkeypatch)
    objective, method, *_ = CALLS[name]
    flow.flow(objective, method, log_t=TIMES)
    assert notes[0][2].get("start") is None and "tolerance" not in notes[0][2]


@pytest.mark.parametrize("depth", [None, 2])
@pytest.mark.parametrize("given", [True, False])
def test_a_matrix_has_its_factors(depth, given, monkeypatch):
    """Without a model, one factor, of the shape of the problem; without a start, zero."""
    notes = replaced(monkeypatch)
    objective = Objective(TABLE, model=None if depth is None else PRODUCT)
    start = start_of(objective) if given else None
    if depth is not None and not given:
        with pytest.raises(ValueError, match="start: give the 10 parameters"):
            flow.flow(objective, log_t=TIMES)
        return
    flow.flow(objective, log_t=TIMES, start=start, tolerance=1e-4)
    ((called, arguments, how),) = notes
    assert called == "matrix_flow" and arguments == (TABLE,) and how["tolerance"] == 1e-4
    if depth is None:
        (W,) = how["start"]
        assert W.tolist() == (np.arange(1.0, 7.0) if given else np.zeros(6)).reshape(2, 3).tolist()
    else:
        A, B = how["start"]
        right = PRODUCT.factors(start)
        assert np.array_equal(A, right[0]) and np.array_equal(B, right[1])


def test_a_matrix_of_another_model_is_refused():
    other = Objective(TABLE, model=models.DiagonalLinear(6, depth=2))
    with pytest.raises(ValueError, match=r"needs models\.MatrixProduct"):
        flow.flow(other, log_t=TIMES, start=start_of(other))


def test_the_speed_of_a_method_is_that_of_its_clock(monkeypatch):
    """Momentum of nine tenths moves ten times as fast."""
    notes = replaced(monkeypatch)
    for method, solver in [
        (methods.HeavyBall(0.9), "gradient_flow"),
        (methods.MirrorMomentum(ENTROPY, 0.9), "mirror_flow"),
    ]:
        notes.clear()
        path = flow.flow(BINARY, method, log_t=TIMES)
        assert notes[0][0] == solver
        assert notes[0][2]["log_t"] == pytest.approx(np.array(TIMES) + np.log(10))
        assert path.log_t.tolist() == TIMES and not path.log_t.flags.writeable


def test_a_velocity_is_handed_on(monkeypatch):
    notes = replaced(monkeypatch)
    method = methods.NormalizedGradient()
    flow.flow(EXPONENTIAL, method, log_t=TIMES, start=[1.0, 2.0])
    ((called, given, how),) = notes
    assert called == "velocity_flow" and given == (EXPONENTIAL,)
    theta = np.array([0.3, -0.2])
    g = EXPONENTIAL.all_samples(theta).direction
    found = how["velocity"](EXPONENTIAL.all_samples, theta)
    assert np.exp(found.log_size) * found.direction == pytest.approx(g / np.linalg.norm(g))


# Steps that keep their size.


@pytest.mark.parametrize(
    ("method", "solver"),
    [(GRADIENT, "continued_gradient_descent"), (methods.AdaGrad(), "continued_adagrad")],
)
def test_fixed_steps_are_continued(method, solver, monkeypatch):
    notes = replaced(monkeypatch)
    how = {"log_steps": TIMES, "steps": 0.25, "start": [1.0, 2.0], "tolerance": 1e-3}
    path = flow.flow(EXPONENTIAL, method, **how)
    ((called, given, options),) = notes
    assert called == solver and given == (BINARY,)
    assert options.pop("start").tolist() == [1.0, 2.0]
    right = {"loss": losses.Exponential(), "log_steps": TIMES, "step_size": 0.25, "tolerance": 1e-3}
    assert options == right and path.log_t.tolist() == TIMES
    notes.clear()
    flow.flow(BINARY, method, log_steps=TIMES)
    assert notes[0][2]["loss"] == losses.Logistic() and notes[0][2]["step_size"] is None


@pytest.mark.parametrize(
    ("objective", "method"),
    [
        (Objective(LINES), GRADIENT),
        (Objective(LINES), methods.AdaGrad()),
        (SQUARED, GRADIENT),
        (SQUARED, methods.AdaGrad()),
        (Objective(CLASSES), GRADIENT),
        (Objective(BINARY, model=NET), GRADIENT),
        (Objective(BINARY, model=NET), methods.AdaGrad()),
        (Objective(BINARY), methods.AdaGrad(1e-3)),
        (Objective(BINARY), methods.AdaGrad(np.zeros((2, 1)))),
        (Objective(BINARY), methods.HeavyBall(0.5)),
    ],
)
def test_no_other_steps_are_continued(objective, method, monkeypatch):
    notes = replaced(monkeypatch)
    with pytest.raises(ValueError, match=r"^log_steps: only Gradient\(\) and AdaGrad\(\)"):
        flow.flow(objective, method, log_steps=TIMES, start=start_of(objective))
    assert not notes


def test_times_or_steps():
    for bad in ({}, {"log_t": TIMES, "log_steps": TIMES}):
        with pytest.raises(ValueError, match="exactly one of log_t"):
            flow.flow(BINARY, **bad)
    with pytest.raises(ValueError, match="steps belong to log_steps"):
        flow.flow(BINARY, log_t=TIMES, steps=0.1)
    with pytest.raises(ValueError, match="log_t"):
        flow.flow(BINARY, log_t=[2.0, 1.0])
    with pytest.raises(ValueError, match=r"^method .*methods\.Gradient\(\)"):
        flow.flow(BINARY, "gradient", log_t=TIMES)


@pytest.mark.parametrize(
    ("objective", "method", "name"),
    [
        (Objective(BINARY, model=NET), methods.Mirror(ENTROPY), "mirror"),
        (Objective(CLASSES), methods.Mirror(ENTROPY), "mirror"),
        (Objective(LINES), methods.Nesterov(), "accelerated"),
        (SQUARED, methods.Nesterov(), "accelerated"),
        (SQUARED, methods.Adam(1e-3), "adam"),
        (Objective(CLASSES), methods.Adam(1e-3), "adam"),
        (Objective(BINARY, model=NET), methods.Nesterov(), "accelerated"),
        (Objective(BINARY, model=NET), methods.Adam(1e-3), "adam"),
    ],
)
def test_a_flow_that_is_not_here_for_an_objective(objective, method, name, monkeypatch):
    replaced(monkeypatch)
    with pytest.raises(ValueError, match=f"^objective: the {name} flow is here for linear models"):
        flow.flow(objective, method, log_t=TIMES, start=start_of(objective))


# Batches.


def test_a_batch_is_stacked_behind_the_times(monkeypatch):
    notes = replaced(monkeypatch)
    starts = np.arange(4.0).reshape(2, 1, 2)
    path = flow.flow(BINARY, log_t=TIMES, start=starts)
    assert [how["start"].tolist() for _, _, how in notes] == [[0.0, 1.0], [2.0, 3.0]]
    assert path.iterates.shape == (2, 2, 1, 3) and path.log_risk.shape == (2, 2, 1)
    one = np.arange(1.0, 7.0).reshape(2, 3)
    for n in (1, 2):
        assert (path.iterates[:, n - 1, 0] == n * one).all()
        assert path.log_risk[:, n - 1, 0].tolist() == [-n, -2 * n]
    assert path.error_estimate.tolist() == [2e-3, 4e-3]  # the larger of both
    assert path.n_evaluations == 30 and path.status == "number 1; number 2"
    assert not path.iterates.flags.writeable and not path.log_risk.flags.writeable


def test_a_batch_with_one_estimate_that_is_not_known_has_none(monkeypatch):
    replaced(monkeypatch)
    true = of_method.gradient_flow

    def unknown(data, **how):
        path = true(data, **how)
        if path.n_evaluations == 20:
            object.__setattr__(path, "error_estimate", None)
        return path

    monkeypatch.setattr(of_method, "gradient_flow", unknown)
    assert flow.flow(BINARY, log_t=TIMES, start=np.zeros((2, 2))).error_estimate is None


def test_what_is_said_of_several_runs_is_said_once(monkeypatch):
    replaced(monkeypatch)
    path = flow.flow(BINARY, log_t=TIMES, start=np.zeros((3, 2)))
    assert path.status == "number 1; number 2" and path.iterates.shape == (2, 3, 3)


def test_starts_and_data_sets_go_together_by_the_last_axis(monkeypatch):
    notes = replaced(monkeypatch)
    sets = [BINARY, datasets.separable(1, 6, 2)]
    starts = np.arange(12.0).reshape(3, 2, 2)
    path = flow.flow(Objective(sets, "exponential"), log_t=TIMES, start=starts)
    assert path.iterates.shape == (2, 3, 2, 3)
    assert [given[0] for _, given, _ in notes] == sets * 3
    assert np.array([how["start"] for _, _, how in notes]).ravel().tolist() == list(range(12))
    assert all(how["loss"] == losses.Exponential() for _, _, how in notes)
    notes.clear()
    flow.flow(Objective(sets), log_t=TIMES, start=[5.0, 6.0])  # one start for both
    assert [how["start"].tolist() for _, _, how in notes] == [[5.0, 6.0]] * 2
    notes.clear()
    flow.flow(Objective(sets), log_t=TIMES, start=np.ones((3, 1, 2)))
    assert len(notes) == 6
    notes.clear()
    net = Objective(sets, "exponential", NET)
    flow.flow(net, log_t=TIMES, start=start_of(net))
    assert [given for _, given, _ in notes] == [(one, NET) for one in sets]
    with pytest.raises(ValueError, match=r"batch axes \(3,\), the data \(2,\)"):
        flow.flow(Objective(sets), log_t=TIMES, start=np.ones((3, 2)))


def test_a_batch_of_matrices_is_one_call(monkeypatch):
    notes = replaced(monkeypatch)
    batch = datasets.low_rank_completion(3, 4, 1, 8, seed=0)
    flow.flow(batch, log_t=TIMES, start=np.ones((3, 16)))
    ((called, given, how),) = notes
    assert called == "matrix_flow" and given == (batch,)
    assert how["start"][0].shape == (3, 4, 4)


@pytest.mark.parametrize("start", [1.0, [1.0], [1.0, 2.0, 3.0], np.ones((2, 3))])
def test_a_start_has_the_parameters_along_its_last_axis(start):
    with pytest.raises(ValueError, match=r"^start has shape .* must be the 2 parameters"):
        flow.flow(BINARY, log_t=TIMES, start=start)


def test_a_model_needs_a_start():
    with pytest.raises(ValueError, match=f"start: give the {NET.n_parameters} parameters"):
        flow.flow(Objective(BINARY, model=NET), log_t=TIMES)
    with pytest.raises(ValueError, match="start"):
        flow.flow(BINARY, log_t=TIMES, start=[np.nan, 1.0])
