"""The least KKT residual of a network, against nonnegative least squares over all gradients."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq, nnls

from ibias import datasets, models, optima
from ibias.datasets import Dataset
from ibias.models import Network
from ibias.optima import stationarity
from ibias.optima.stationarity import GAP

PAIR = Dataset.one_class([[1.0, 0.25], [-1.0, 0.25]])
BALANCED = np.array([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])  # one neuron along the second feature


def separated(seed: int, bias: str = "none") -> tuple[Network, Dataset, np.ndarray]:
    """Return a network with a neuron for each class and others at random, which separates data."""
    rng = datasets.generator(seed)
    net = models.two_layer_relu(2, 5, bias)
    data = datasets.separable(seed, 7, 2)
    w = np.append(optima.max_margin(data).w, np.zeros(int(bias == "first")))
    W = np.vstack([3 * w, -3 * w, 0.3 * rng.standard_normal((3, w.size))])
    return net, data, net.flatten([W, np.r_[3.0, -3.0, 0.3 * rng.standard_normal(3)][None]])


def deep(seed: int) -> tuple[Network, Dataset, np.ndarray]:
    """Return a smooth network of degree five and labels that it has right."""
    rng = datasets.generator(seed)
    net = Network((3, 4, 1), "squared_relu")
    theta, X = rng.standard_normal(net.n_parameters), rng.standard_normal((10, 3))
    theta[-4:] = [1.0, -1.0, 1.0, -1.0]
    X = X[np.abs(net.predict(theta, X)) > 0.1]
    return net, Dataset(X, np.sign(net.predict(theta, X))), theta


def by_hand(net: Network, data: Dataset, theta: np.ndarray, kink: float) -> dict:
    """Return the least residual over all gradients with slopes zero and one at the kinks.

    Their convex combinations are the Clarke subdifferential, and multipliers scale them.
    """
    u = theta / np.linalg.norm(theta)
    q = data.y * net.predict(u, data.X)
    columns, owners, n_kinks = [], [], 0
    for i, (x, y) in enumerate(zip(data.X, data.y, strict=True)):
        if kink:
            W, a = net.layers(u)
            x = np.append(x, 1.0) if W.shape[1] > x.size else x
            z = W @ x
            on = np.abs(z) <= kink * np.linalg.norm(W, axis=1) * np.linalg.norm(x)
            n_kinks += on.sum()
            for slopes in product([0.0, 1.0], repeat=int(on.sum())):
                slope = (z > 0).astype(float)
                slope[on] = slopes
                # The second layer's part goes with the slope: it is s z, not max(z, 0).
                first = (y * a[0] * slope)[:, None] * x
                columns.append(np.r_[first.ravel(), y * slope * np.maximum(z, 0.0)])
                owners.append(i)
        else:
            h = 1e-6 * np.eye(u.size)
            one = data.X[i : i + 1]
            slope = [(net.predict(u + e, one) - net.predict(u - e, one))[0] / 2e-6 for e in h]
            columns.append(y * np.array(slope))
            owners.append(i)
    degree, gamma, owners = net.degree, q.min(), np.array(owners)
    A = np.vstack([np.transpose(columns) / (degree * gamma), (q / gamma - 1)[owners]])
    p, residual = nnls(A, np.append(u, 0.0))
    return {
        "residual": residual,
        "slackness": float(A[-1] @ p),
        "stationarity": float(np.linalg.norm(A[:-1] @ p - u)),
        "margin": gamma,
        "p": np.bincount(owners, p, minlength=len(q)),
        "n_kinks": n_kinks,
    }


CASES = {
    **{f"relu {seed}": (*separated(seed), 0.0) for seed in range(3)},
    **{f"deep {seed}": (*deep(seed), 0.0) for seed in range(3)},
    **{
        f"kinks {seed} {kink}": (*separated(seed), kink) for seed in range(3) for kink in (0.4, 0.7)
    },
    **{f"bias {seed}": (*separated(seed, "first"), 0.7) for seed in range(2)},
    "one kink": (*separated(3, "first"), 0.1),
    "exact": (
        models.two_layer_relu(2, 4),
        Dataset([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, 1, -1, -1]),
        np.array([1.0, 0, -1, 0, 0, 1, 0, -1, 2, 1, -1, -1]),
        1e-4,
    ),
    "linear": (models.linear(2), PAIR, np.array([0.3, 4.0]), 0.0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_every_field_is_what_its_definition_says(name: str, size: float) -> None:
    net, data, theta, kink = CASES[name]
    found = optima.kkt_residual(net, data, size * theta, kink=kink)
    right = by_hand(net, data, theta, kink)
    assert found.margin == pytest.approx(right["margin"], rel=1e-10)
    assert found.residual == pytest.approx(right["residual"], abs=1e-6)
    assert found.residual == pytest.approx(np.hypot(found.stationarity, found.slackness))
    assert found.slackness == pytest.approx(right["slackness"], abs=1e-5)
    assert found.stationarity == pytest.approx(right["stationarity"], abs=1e-5)
    assert found.dual_variables.min() >= 0
    assert found.n_kinks == right["n_kinks"]
    if kink == 0:
        assert found.dual_variables == pytest.approx(right["p"], abs=1e-4)


def test_the_cases_have_kinks_and_residuals_that_are_not_zero() -> None:
    found = {name: optima.kkt_residual(*case[:3], kink=case[3]) for name, case in CASES.items()}
    assert all(one.n_kinks > 0 for name, one in found.items() if name[0] in "kb")
    assert sum(one.residual > 0.01 for one in found.values()) > len(found) / 2
    assert sum(one.slackness > 1e-3 for one in found.values()) >= 3


@pytest.mark.parametrize(("factor", "fine"), [(1 + 0.5 * GAP, True), (1 + 1.6 * GAP, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_multipliers_that_are_off_are_refused(
    monkeypatch: pytest.MonkeyPatch, factor: float, sign: int, fine: bool
) -> None:
    """At a KKT point: multipliers of the sum 1 + e leave the residual e, and none is the least."""
    true = stationarity._multipliers
    factor = 1 + sign * (factor - 1)

    def off(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        p, slopes = true(*arguments)
        return factor * p, slopes

    monkeypatch.setattr(stationarity, "_multipliers", off)
    net = models.two_layer_relu(2, 2)
    if fine:
        found = optima.kkt_residual(net, PAIR, BALANCED)
        assert found.residual == pytest.approx(abs(factor - 1), rel=1e-4)
        assert found.dual_variables == pytest.approx([0.5 * factor] * 2, rel=1e-9)
    else:
        with pytest.raises(RuntimeError, match="the least KKT residual lies between"):
            optima.kkt_residual(net, PAIR, BALANCED)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "change", [lambda p: 1.01 * p, lambda p: 0 * p, lambda p: p + 0.01, lambda p: p[::-1] + 1e-2]
)
def test_other_multipliers_are_refused_everywhere(
    monkeypatch: pytest.MonkeyPatch, name: str, change
) -> None:
    true = stationarity._multipliers

    def off(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        p, slopes = true(*arguments)
        return change(p), slopes

    net, data, theta, kink = CASES[name]
    least = optima.kkt_residual(net, data, theta, kink=kink).residual
    if least > 0.99:  # no multipliers at all are as good
        return
    monkeypatch.setattr(stationarity, "_multipliers", off)
    with pytest.raises(RuntimeError, match=r"drop samples that nearly repeat") as refused:
        optima.kkt_residual(net, data, theta, kink=kink)
    bound = float(str(refused.value).partition("between ")[2].split()[0])
    assert bound <= least + 0.06 * least + 1e-6  # two digits are said


@pytest.mark.parametrize("kind", ["negative", "slopes"])
def test_what_is_returned_is_allowed(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Multipliers below zero, and slopes outside [0, p], are brought back: that is not hidden."""
    true = stationarity._multipliers
    net, data, theta, kink = CASES["kinks 0 0.7"]
    best = optima.kkt_residual(net, data, theta, kink=kink)

    def off(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        p, slopes = true(*arguments)
        samples = arguments[3]
        if kind == "negative":
            return np.where(p > 0, p, -1.0), slopes
        high, low = slopes >= p[samples], slopes <= 0
        assert high.any() and low.any()
        return p, np.where(high, slopes + 1, np.where(low, slopes - 1, slopes))

    monkeypatch.setattr(stationarity, "_multipliers", off)
    found = optima.kkt_residual(net, data, theta, kink=kink)
    assert found.residual == pytest.approx(best.residual, abs=1e-12)
    assert found.dual_variables == pytest.approx(best.dual_variables)


def test_a_cosine_below_one_is_a_kink() -> None:
    net, data, theta = separated(0)
    assert optima.kkt_residual(net, data, theta, kink=0.999).n_kinks > 0
    for kink in (1.0, -0.1, 2.0):
        with pytest.raises(ValueError, match="kink must be a number, at least 0 and below 1"):
            optima.kkt_residual(net, data, theta, kink=kink)


@pytest.mark.parametrize(
    "net", [Network((2, 3, 1), "squared_relu"), Network((2, 3, 3, 1)), Network((2, 3, 1), "linear")]
)
def test_only_two_layers_of_relu_have_kinks(net: Network) -> None:
    theta = np.ones(net.n_parameters)
    data = Dataset.one_class([[1.0, 2.0], [2.0, 1.0]])
    assert optima.kkt_residual(net, data, theta).n_kinks == 0
    with pytest.raises(ValueError, match="needs a two-layer ReLU"):
        optima.kkt_residual(net, data, theta, kink=0.1)


def test_a_margin_of_zero_is_none() -> None:
    net = models.two_layer_relu(2, 2)
    with pytest.raises(ValueError, match="does not separate"):
        optima.kkt_residual(net, PAIR, [0.0, -1.0, 0.0, 0.0, 1.0, 0.0])


def test_slopes_that_are_off_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with the right multipliers: slopes in [0, p], but others."""
    true = stationarity._multipliers
    for name, (net, data, theta, kink) in CASES.items():
        if kink == 0:
            continue
        least = optima.kkt_residual(net, data, theta, kink=kink).residual
        if least < 1e-6 or least > 0.99:
            continue
        for part in (0.0, 0.5, 1.0):

            def off(*arguments: object, part: float = part) -> tuple[np.ndarray, np.ndarray]:
                p, _ = true(*arguments)
                return p, part * p[arguments[3]]

            monkeypatch.setattr(stationarity, "_multipliers", off)
            try:
                found = optima.kkt_residual(net, data, theta, kink=kink)
            except RuntimeError:
                pass
            else:
                assert found.residual == pytest.approx(least, abs=1e-6), name
            monkeypatch.undo()


@pytest.mark.parametrize("name", ["relu 1", "relu 2", "deep 0"])
@pytest.mark.parametrize(("part", "fine"), [(0.75, True), (1.3, False)])
def test_what_is_allowed_grows_with_the_residual(
    monkeypatch: pytest.MonkeyPatch, name: str, part: float, fine: bool
) -> None:
    """Multipliers larger by e: the bound that their residual vector gives falls with e."""
    net, data, theta, _ = CASES[name]
    u = theta / np.linalg.norm(theta)
    at = net.linearize(u, data.X)
    q = data.y * at.predictions
    G = data.y[:, None] * at.jacobian() / (net.degree * q.min())
    excess = q / q.min() - 1
    right = optima.kkt_residual(net, data, theta)

    def lacking(e: float) -> float:
        p = (1 + e) * right.dual_variables
        r = np.append(u - p @ G, p @ excess)
        size = np.linalg.norm(r)
        v = r / size
        change = v[-1] * excess - G @ v[:-1]
        bound = u @ v[:-1] + 2 * min(0.0, change.min())
        return size - bound - part * GAP * (1 + size)

    e = brentq(lacking, 0.0, 1e-3, xtol=1e-16)
    true = stationarity._multipliers
    monkeypatch.setattr(
        stationarity, "_multipliers", lambda *a: ((1 + e) * true(*a)[0], true(*a)[1])
    )
    assert 0.15 < right.residual < 0.9
    if fine:
        assert optima.kkt_residual(net, data, theta).residual == pytest.approx(right.residual)
    else:
        with pytest.raises(RuntimeError, match="the least KKT residual lies between"):
            optima.kkt_residual(net, data, theta)


def test_a_neuron_that_is_zero_is_on_a_kink_for_every_sample() -> None:
    net = models.two_layer_relu(2, 2)
    assert optima.kkt_residual(net, PAIR, BALANCED, kink=0.1).n_kinks == 2


def test_bad_input_is_refused_by_name() -> None:
    net = models.two_layer_relu(2, 2)
    with pytest.raises(ValueError, match=r"net must be a Network.*models\.two_layer_relu"):
        optima.kkt_residual("net", PAIR, BALANCED)
    with pytest.raises(ValueError, match="theta must have 1 axes"):
        optima.kkt_residual(net, PAIR, BALANCED[None])
