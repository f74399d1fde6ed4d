"""Networks in descent and in flow: against exact loops and integrators, and what is conserved."""

import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ibias import datasets, flow, losses, models
from ibias.datasets import Dataset
from ibias.descent import Diverged, descent
from ibias.flow import homogeneous
from ibias.flow.homogeneous import NetworkField
from ibias.objectives import Objective
from ibias.steps import Greedy

DATA = datasets.separable(0, n_samples=12, n_features=3)
XOR = datasets.sectors(0, half_width=10)
RELU = models.two_layer_relu(2, 8)
DEEP = models.deep_linear(3, 4, 3)


def start(net, seed=0, batch=(), scale=0.7):
    return net.random(np.random.default_rng(seed), scale, batch)


# ---- margins -----------------------------------------------------------------------------


def test_normalized_margin_ignores_the_scale_and_bounds_the_smoothed_one():
    theta = start(DEEP, batch=(4,))
    plain, soft = (f(DEEP, DATA, theta) for f in (models.normalized_margin, models.smoothed_margin))
    np.testing.assert_allclose(models.normalized_margin(DEEP, DATA, 3 * theta), plain)
    assert (soft <= plain).all()
    power = np.linalg.norm(theta, axis=-1) ** 3
    assert (soft >= plain - np.log(12) / power).all()
    expected = -np.log(np.exp(-models.margins(DEEP, DATA, theta)).sum(-1)) / power
    np.testing.assert_allclose(soft, expected)


def test_path_norm_is_a_sum_over_neurons_and_half_the_square_when_balanced():
    net = models.two_layer_relu(3, 5)
    theta = start(net, batch=(2,))
    W, a = net.layers(theta)
    expected = [sum(abs(a[b, 0, j]) * np.linalg.norm(W[b, j]) for j in range(5)) for b in (0, 1)]
    np.testing.assert_allclose(models.path_norm(net, theta), expected)
    balanced = net.flatten([W, np.linalg.norm(W, axis=-1)[:, None, :]])
    squares = np.linalg.norm(balanced, axis=-1) ** 2
    np.testing.assert_allclose(models.path_norm(net, balanced), squares / 2)
    with pytest.raises(ValueError, match="net must have two layers"):
        models.path_norm(DEEP, start(DEEP))


def test_margin_of_the_zero_network_and_of_no_degree():
    with pytest.raises(ValueError, match="theta is zero somewhere"):
        models.normalized_margin(DEEP, DATA, np.zeros(DEEP.n_parameters))
    net = models.Network((3, 4, 1), "tanh")
    with pytest.raises(ValueError, match="not homogeneous"):
        models.smoothed_margin(net, DATA, start(net))


# ---- descent -----------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_a_fixed_step_on_a_linear_network_is_gradient_descent(loss):
    w0 = np.array([0.1, -0.2, 0.3])
    settings = {"steps": 0.1, "n_steps": 200, "start": w0}
    ours = descent(Objective(DATA, loss, models.linear(3)), **settings)
    theirs = descent(Objective(DATA, loss), **settings)
    np.testing.assert_allclose(ours.iterates, theirs.iterates, rtol=1e-12)
    np.testing.assert_allclose(ours.log_t, theirs.log_t, rtol=1e-12)
    np.testing.assert_allclose(ours.log_risk, theirs.log_risk, rtol=1e-12)


def test_the_safe_step_is_gradient_descent_whose_steps_add_up_to_t():
    theta, t, y = start(DEEP), 0.0, DATA.y
    for _ in range(50):
        at = DEEP.linearize(theta, DATA.X)
        losses_now = np.exp(-y * at.predictions)
        gradient = -at.vjp(y * losses_now) / 12
        risk, steepest = losses_now.mean(), (at.jacobian() ** 2).sum(-1).max()
        longest = 0.1 * np.linalg.norm(theta) * risk / np.linalg.norm(gradient)
        eta = min(1 / steepest, longest) / risk
        theta, t = theta - eta * gradient, t + eta
    path = descent(Objective(DATA, "exponential", DEEP), n_steps=50, start=start(DEEP), record=[50])
    np.testing.assert_allclose(path.final, theta, rtol=1e-10)
    np.testing.assert_allclose(path.log_t, [np.log(t)], rtol=1e-12)


def test_a_batch_of_networks_is_a_loop_each_with_its_own_time():
    thetas = start(RELU, batch=(3,))
    path = descent(Objective(XOR, "exponential", RELU), n_steps=40, start=thetas)
    assert path.log_t.shape == path.log_risk.shape == path.iterates.shape[:-1]
    for j in range(3):
        alone = descent(Objective(XOR, "exponential", RELU), n_steps=40, start=thetas[j])
        np.testing.assert_allclose(path.iterates[:, j], alone.iterates, rtol=1e-9)
        np.testing.assert_allclose(path.log_t[:, j], alone.log_t, rtol=1e-9)


def test_the_safe_step_goes_on_where_the_loss_is_zero_in_floating_point():
    data, net = datasets.sectors(0, centres=(30, 150, 270), labels=(1, 1, -1)), RELU
    path = descent(Objective(data, "exponential", net), n_steps=6000, start=start(net))
    assert path.log_risk[-1] < -750 and np.isfinite(path.iterates).all()
    late = path.log_risk < -10
    assert (np.diff(models.smoothed_margin(net, data, path.iterates[late])) > 0).all()


def test_dead_neurons_stay_where_they_are():
    net = models.two_layer_relu(1, 1)
    data = datasets.Dataset.one_class([[1.0], [2.0]])
    path = descent(Objective(data, "exponential", net), n_steps=3, start=[-1.0, 1.0], record=[3])
    np.testing.assert_array_equal(path.final, [-1.0, 1.0])
    assert path.log_t[0] == -np.inf


def test_too_large_a_fixed_step_is_reported():
    with pytest.raises(Diverged, match="choose a smaller step_size"):
        settings = {"steps": 1e6, "n_steps": 50, "start": start(DEEP, scale=3.0)}
        descent(Objective(DATA, "logistic", DEEP), **settings)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"start": np.zeros(DEEP.n_parameters)}, "start is zero somewhere"),
        ({"start": np.ones(3)}, "its last axis must be the 32 parameters"),
        ({"steps": -1.0}, "step_size must be finite and greater than 0"),
        ({"n_steps": 0}, "n_steps must be"),
        ({"loss": "hinge"}, "unknown loss"),
    ],
)
def test_bad_input_of_descent_is_named(change, message):
    settings = {"n_steps": 3, "start": start(DEEP), "loss": "exponential"} | change
    with pytest.raises(ValueError, match=message):
        descent(Objective(DATA, settings.pop("loss"), DEEP), **settings)


def test_greedy_descent_lowers_the_risk_at_every_step_and_loses_margin():
    theta = start(DEEP)
    path = descent(
        Objective(DATA, "exponential", DEEP),
        steps=Greedy(),
        n_steps=40,
        start=theta,
        record=range(1, 41),
    )
    assert (np.diff(path.log_risk) < 0).all() and (np.diff(path.log_t) >= 0).all()
    assert path.log_risk[-1] < -1e4
    assert (np.diff(models.smoothed_margin(DEEP, DATA, path.iterates)) < 0).any()


def test_the_first_greedy_step_is_a_gradient_step():
    theta = start(DEEP)
    path = descent(Objective(DATA, "exponential", DEEP), steps=Greedy(), n_steps=1, start=theta)
    step_size = float(np.exp(path.log_t[0]))
    same = descent(Objective(DATA, "exponential", DEEP), steps=step_size, n_steps=1, start=theta)
    np.testing.assert_allclose(path.final, same.final)


def test_greedy_descent_says_what_it_cannot_take():
    with pytest.raises(ValueError, match="growth must be above 1"):
        descent(
            Objective(DATA, "exponential", DEEP), steps=Greedy(1.0), n_steps=3, start=start(DEEP)
        )
    net = models.two_layer_relu(1, 1)
    dead = datasets.Dataset.one_class([[1.0]])
    with pytest.raises(ValueError, match="no step from start lowers the risk"):
        descent(Objective(dead, "exponential", net), steps=Greedy(), n_steps=3, start=[-1.0, 1.0])


# ---- flow --------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_the_flow_of_a_linear_network_is_the_gradient_flow(loss):
    log_t, w0 = [-30.0, 0.0, 5.0, 50.0, 1e4], [0.1, -0.2, 0.3]
    ours = flow.network_flow(DATA, models.linear(3), loss=loss, log_t=log_t, start=w0)
    theirs = flow.gradient_flow(DATA, loss=loss, log_t=log_t, start=w0)
    np.testing.assert_allclose(ours.iterates, theirs.iterates, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.log_risk, theirs.log_risk, rtol=1e-6, atol=1e-6)


def test_the_flow_agrees_with_an_integrator_in_ordinary_time():
    theta, y = start(DEEP), DATA.y

    def velocity(_, theta):
        at = DEEP.linearize(theta, DATA.X)
        return at.vjp(y * np.exp(-y * at.predictions)) / 12

    peer = solve_ivp(velocity, (0, 50), theta, t_eval=[1, 50], rtol=1e-10, atol=1e-10)
    ours = flow.network_flow(DATA, DEEP, log_t=np.log([1, 50]), start=theta, loss="exponential")
    error = np.linalg.norm(ours.iterates - peer.y.T, axis=1)
    assert (error < 3e-6).all() and (error < ours.error_estimate).all()


def test_the_flow_conserves_the_differences_of_layers():
    theta = start(DEEP)
    path = flow.network_flow(DATA, DEEP, log_t=[2.0, 1e3], start=theta, loss="exponential")
    for point in path.iterates:
        W, V, a = DEEP.layers(point)
        W0, V0, a0 = DEEP.layers(theta)
        size = np.linalg.norm(point) ** 2
        np.testing.assert_allclose(W @ W.T - V.T @ V, W0 @ W0.T - V0.T @ V0, atol=1e-7 * size)
        np.testing.assert_allclose(V @ V.T - a.T @ a, V0 @ V0.T - a0.T @ a0, atol=1e-7 * size)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("net", [DEEP, models.Network((3, 5, 1), "squared_relu")], ids=str)
def test_the_jacobian_of_the_field(net, loss):
    field, theta, step = NetworkField(DATA, net, losses.named(loss)), start(net), 1e-5
    shifts = step * np.eye(theta.size)
    columns = [(field(1.0, theta + e) - field(1.0, theta - e)) / (2 * step) for e in shifts]
    np.testing.assert_allclose(field.jacobian(1.0, theta), np.transpose(columns), atol=1e-7)


def test_the_norm_grows_as_the_closed_form_says():
    """||theta||^L margin - log t - (2 - 2/L) log log t has the limit derived on the page."""
    net = models.deep_linear(3, 4, 2)
    path = flow.network_flow(DATA, net, log_t=[1e4], start=start(net), loss="exponential")
    q, margin = (f(net, DATA, path.final) for f in (models.margins, models.normalized_margin))
    largest = losses.Exponential().dual_variables(q).max()
    limit = np.log(4 * margin) - np.log(12) - np.log(largest)
    assert q.min() - 1e4 - np.log(1e4) == pytest.approx(limit, abs=2e-3)


def test_sliding_along_a_kink_is_reported(monkeypatch):
    monkeypatch.setattr(homogeneous, "MAX_EVALUATIONS", 2000)
    with pytest.raises(flow.IntegrationFailed, match="slides along a kink"):
        flow.network_flow(
            XOR, RELU, log_t=[1e4], start=start(RELU, 1, scale=1.0), loss="exponential"
        )


def test_the_times_that_are_advised_are_reached(monkeypatch):
    """The check run may come less far than the real one."""
    net, how = models.Network((3, 3, 1), "squared_relu"), {"tolerance": 1e-7}
    monkeypatch.setattr(homogeneous, "MAX_EVALUATIONS", 1500)
    with pytest.raises(flow.IntegrationFailed, match="ask for times up to") as refused:
        flow.network_flow(DATA, net, log_t=[100.0], start=start(net), **how)
    until = float(re.search(r"times up to ([-\d.]+);", str(refused.value)).group(1))
    assert flow.network_flow(DATA, net, log_t=[until], start=start(net), **how).log_t == until


@pytest.mark.parametrize("far", [10.0, 100.0, 600.0])
def test_a_start_far_on_the_wrong_side_is_left_at_once(far):
    """With one sample and the exponential loss e^w grows by t."""
    line, log_t = Dataset.one_class([[1.0]]), np.array([-far - 3, -far, 1 - far, 0.0])
    path = flow.network_flow(
        line, models.linear(1), loss="exponential", log_t=log_t, start=[-far], tolerance=1e-7
    )
    assert path.iterates[:, 0] == pytest.approx(np.logaddexp(-far, log_t), abs=1e-7 * far)


def test_a_stationary_start_is_refused():
    with pytest.raises(ValueError, match="start is a stationary point"):
        flow.network_flow(
            DATA, DEEP, log_t=[1.0], start=np.zeros(DEEP.n_parameters), loss="exponential"
        )


# ---- the data of the chapter ---------------------------------------------------------------


def test_sectors_lie_where_they_should():
    data = datasets.sectors(1, centres=(0, 90), labels=(1, -1), n_per_sector=50, half_width=20)
    angles = np.degrees(np.arctan2(data.X[:, 1], data.X[:, 0]))
    lengths = np.linalg.norm(data.X, axis=1)
    assert (np.abs(angles[:50]) <= 20).all() and (np.abs(angles[50:] - 90) <= 20).all()
    assert (lengths >= 0.7).all() and (lengths <= 1.3).all()
    assert (data.y[:50] == 1).all() and (data.y[50:] == -1).all()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"labels": (1, -1)}, "give one label each"),
        ({"half_width": 200}, "half_width must be a number, at least 0 and below 180"),
        ({"n_per_sector": 0}, "n_per_sector must be a whole number"),
    ],
)
def test_bad_sectors_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        datasets.sectors(**settings)


def test_one_class_is_a_margin_problem():
    data = datasets.Dataset.one_class([[1.0, 2.0]])
    assert data.y.tolist() == [1.0] and data.Z.tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match="at least one sample"):
        datasets.Dataset.one_class(np.empty((0, 2)))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-5])
def test_late_times_do_not_need_a_small_tolerance(tolerance):
    """Margins are of the size of log t: local errors keep the weights of the samples linear."""
    data, net = datasets.separable(0, 10, 3), models.deep_linear(3, 2, 2)
    begin = net.random(datasets.generator(0))
    path = flow.network_flow(data, net, log_t=[1e6], start=begin, tolerance=tolerance)
    margins = data.y * net.predict(path.final, data.X)
    assert margins.min() == pytest.approx(1e6, rel=3 * tolerance)
