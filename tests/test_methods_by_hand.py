"""Every method as a plain loop of numpy, its defaults, its flow, and what it refuses."""

import numpy as np
import pytest
from scipy.linalg import expm

from ibias import datasets, losses, methods, models, noise, steps
from ibias.descent import descent
from ibias.methods import method as helpers
from ibias.methods import spectral
from ibias.methods.spectral import CONVERGENT, JORDAN
from ibias.methods.wrapped import Ascended, Penalised
from ibias.objectives import Downhill, Objective
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm

DATA = datasets.Dataset(datasets.separable(0, 10, 3).X / 3, datasets.separable(0, 10, 3).y)
LINE = datasets.gaussian_regression(0, 4, 3)
CLASSES = datasets.separable_classes(0, 9, 2, 3)
STARTS = 0.3 + 0.2 * np.random.default_rng(7).standard_normal((2, 3))
ENTROPY = HyperbolicEntropy(0.5)
ETA, N_STEPS = 0.05, 12


def pull(w):
    """Return minus the gradient of the mean logistic loss at one w."""
    return (1 / (1 + np.exp(DATA.Z @ w))) @ DATA.Z / 10


def risk(w):
    return np.log1p(np.exp(-DATA.Z @ w)).mean()


def dual(w):
    p = 1 / (1 + np.exp(DATA.Z @ w))
    return p @ DATA.Z / p.sum()


def steepest(g, p):
    """Return the steepest direction of one g in l_p, by its definition."""
    if p == 1:
        v = np.where(np.abs(g) == np.abs(g).max(), np.sign(g), 0)
        return v / np.abs(v).sum()
    if np.isinf(p):
        return np.sign(g)
    v = np.sign(g) * np.abs(g) ** (1 / (p - 1))
    return v / np.linalg.norm(v, ord=p)


def dual_norm(g, p):
    q = {1: np.inf, np.inf: 1}.get(p) or p / (p - 1)
    return np.linalg.norm(g, ord=q)


def unit(g):
    return g / np.linalg.norm(g)


def adagrad(w, s, k):
    s = s + pull(w) ** 2
    return w + ETA * pull(w) / (np.sqrt(s) + 0.1), s


def rmsprop(w, s, k):
    s = 0.8 * s + 0.2 * pull(w) ** 2
    return w + ETA * pull(w) / (np.sqrt(s) + 0.1), s


def adam(correction):
    def update(w, s, k):
        m, v = s if k else (0.0, 0.0)
        m, v = 0.7 * m + 0.3 * pull(w), 0.8 * v + 0.2 * pull(w) ** 2
        c1, c2 = (1 - 0.7 ** (k + 1), 1 - 0.8 ** (k + 1)) if correction else (1, 1)
        return w + ETA * (m / c1) / (np.sqrt(v / c2) + 0.1), (m, v)

    return update


def heavy_ball(w, v, k):
    v = 0.7 * v + ETA * pull(w)
    return w + v, v


def nesterov(w, last, k):
    ahead = w if k == 0 else w + (k - 1) / (k + 2) * (w - last)
    return ahead + ETA * pull(ahead), w


def dual_momentum(w, g, k):
    g = k / (k + 1) * (g + dual(w))
    return w + ETA * (g + dual(w)), g


def rescaled(w, s, k):
    w = 3.0 * w if k in (4, 8) else w
    return w + ETA * pull(w) / risk(w), s


def signum(w, m, k):
    m = 0.6 * m + 0.4 * pull(w)
    return w + ETA * np.sign(m), m


def lion(w, m, k):
    return w + ETA * np.sign(0.5 * m + 0.5 * pull(w)), 0.8 * m + 0.2 * pull(w)


def mirror_momentum(w, last, k):
    image = ENTROPY.gradient(w)
    last = image if k == 0 else last
    moved = image + ETA * pull(w) + 0.4 * (image - last)
    return ENTROPY.inverse_gradient(moved), image


def natural(w, s, k):
    return w + ETA * PowerNorm(1.5).inverse_metric(PowerNorm(1.5).gradient(w)) * pull(w), s


def boosting(w, s, k):
    p = np.exp(-DATA.Z @ w)
    edges = p @ DATA.Z / p.sum()
    j = np.abs(edges).argmax()
    w = w.copy()
    w[j] += 0.5 * np.log((1 + edges[j]) / (1 - edges[j])) / 2
    return w, s


def perceptron(w, s, k):
    u = DATA.Z @ w
    return w + ETA * ((u < 0) + 0.5 * (u == 0)) @ DATA.Z / 10, s


def sam(normalized):
    def update(w, s, k):
        g = pull(w)
        return w + ETA * pull(w - 0.2 * (unit(g) if normalized else g)), s

    return update


def plainly(direction):
    return lambda w, s, k: (w + ETA * direction(w), s)


LOOPS = {
    "gradient": (methods.Gradient(), plainly(pull)),
    "heavy ball": (methods.HeavyBall(0.7), heavy_ball),
    "nesterov": (methods.Nesterov(), nesterov),
    "loss-scaled": (methods.LossScaled(), plainly(lambda w: pull(w) / risk(w))),
    "rescaled": (methods.Rescaled(3.0, every=4), rescaled),
    "normalised": (methods.NormalizedGradient(), plainly(lambda w: unit(pull(w)))),
    "dual momentum": (methods.DualMomentum(), dual_momentum),
    "adagrad": (methods.AdaGrad(0.1), adagrad),
    "rmsprop": (methods.RMSProp(0.1, 0.8), rmsprop),
    "adam": (methods.Adam(0.1, (0.7, 0.8)), adam(True)),
    "adam without correction": (methods.Adam(0.1, (0.7, 0.8), correction=False), adam(False)),
    "signum": (methods.SignMomentum(0.6), signum),
    "lion": (methods.Lion((0.5, 0.8)), lion),
    "mirror": (
        methods.Mirror(ENTROPY),
        lambda w, s, k: (ENTROPY.inverse_gradient(ENTROPY.gradient(w) + ETA * pull(w)), s),
    ),
    "mirror momentum": (methods.MirrorMomentum(ENTROPY, 0.4), mirror_momentum),
    "natural gradient": (methods.NaturalGradient(PowerNorm(1.5)), natural),
    "perceptron": (methods.Perceptron(), perceptron),
    "sam": (methods.SharpnessAware(methods.Gradient(), 0.2), sam(True)),
    "sam by length": (
        methods.SharpnessAware(methods.Gradient(), 0.2, normalized=False),
        sam(False),
    ),
    "decay": (
        methods.WeightDecay(methods.NormalizedGradient(), 0.3),
        plainly(lambda w: unit(pull(w)) - 0.3 * w),
    ),
    "coupled decay": (
        methods.WeightDecay(methods.NormalizedGradient(), 0.3, coupled=True),
        plainly(lambda w: unit(pull(w) - 0.3 * w)),
    ),
    "coupled decay of the mirror": (
        methods.WeightDecay(methods.Mirror(ENTROPY), 0.3, coupled=True),
        lambda w, s, k: (
            ENTROPY.inverse_gradient(ENTROPY.gradient(w) + ETA * (pull(w) - 0.3 * w)),
            s,
        ),
    ),
    "spectral": (methods.Spectral(3), plainly(lambda w: unit(pull(w)))),  # a row has rank one
}
for order in (1, 1.5, 2, 4, np.inf):
    LOOPS[f"steepest in l{order}"] = (
        methods.Steepest(order),
        plainly(lambda w, p=order: dual_norm(pull(w), p) * steepest(pull(w), p)),
    )
    LOOPS[f"normalised steepest in l{order}"] = (
        methods.NormalizedSteepest(order),
        plainly(lambda w, p=order: steepest(pull(w), p)),
    )


@pytest.mark.parametrize("name", LOOPS)
def test_a_method_is_its_equation(name):
    method, update = LOOPS[name]
    how = {"steps": ETA, "n_steps": N_STEPS, "record": range(13)}
    path = descent(DATA, method, start=STARTS[:, None], **how)  # two axes of runs
    assert path.iterates.shape == (13, 2, 1, 3)
    for i, w in enumerate(STARTS):
        state = 0.0
        for k in range(N_STEPS):
            w, state = update(w, state, k)
            np.testing.assert_allclose(path.iterates[k + 1, i, 0], w, rtol=1e-9, atol=1e-12)


def test_boosting_is_its_equation():
    how = {"steps": 0.5, "n_steps": 8, "record": range(9)}
    path = descent(DATA, methods.Boosting(), start=STARTS[:, None], **how)
    for i, w in enumerate(STARTS):
        for k in range(8):
            w, _ = boosting(w, None, k)
            np.testing.assert_allclose(path.iterates[k + 1, i, 0], w, rtol=1e-10, atol=1e-12)


def test_parameters_of_a_method_are_a_batch():
    how = {"steps": ETA, "n_steps": 5, "start": STARTS[0]}
    for kind, values in (
        (methods.Steepest, [1.0, 1.5, np.inf]),
        (methods.NormalizedSteepest, [1.0, 1.5, np.inf]),
        (methods.AdaGrad, [0.0, 0.1, 1.0]),
        (methods.RMSProp, [0.0, 0.1, 1.0]),
        (methods.Adam, [0.0, 0.1, 1.0]),
    ):
        together = kind(values)
        assert together.shape == (3,) and kind(values[1]).shape == ()
        found = descent(DATA, together, **how).final
        for value, one in zip(values, found, strict=True):
            alone = descent(DATA, kind(value), **how).final
            np.testing.assert_allclose(one, alone, rtol=1e-10)
        wrapped = methods.WeightDecay(together, 0.1)
        assert wrapped.shape == (3,) and descent(DATA, wrapped, **how).final.shape == (3, 3)


def polar(G, p=np.inf):
    U, s, Vt = np.linalg.svd(G, full_matrices=False)
    return U @ np.diag(steepest(s, p)) @ Vt


def newton_schulz(G, coefficients, n_steps):
    a, b, c = coefficients
    X = G / np.linalg.norm(G)
    for _ in range(n_steps):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("coefficients", [None, JORDAN, CONVERGENT])
def test_muon_and_spectral_are_their_equations(nesterov, coefficients):
    objective, start = Objective(CLASSES), np.random.default_rng(1).standard_normal((2, 6))
    method = methods.Muon(0.6, nesterov, coefficients, 3)
    how = {"steps": ETA, "n_steps": 6, "start": start[:, None], "record": range(7)}
    path = descent(objective, method, **how)
    powers = {p: descent(objective, methods.Spectral(p), **how) for p in (1, 1.5, 2, np.inf)}
    for i, w in enumerate(start):
        W, M = w.reshape(3, 2), 0.0
        for k in range(6):
            G = objective.all_samples.value(W.ravel()).reshape(3, 2)
            M = 0.6 * M + G
            looked_at = 0.6 * M + G if nesterov else M
            D = (
                polar(looked_at)
                if coefficients is None
                else newton_schulz(looked_at, coefficients, 3)
            )
            W = W + ETA * D
            at = path.iterates[k + 1, i, 0]
            np.testing.assert_allclose(at, W.ravel(), rtol=1e-8, atol=1e-10)
        for p, found in powers.items():
            W = w.reshape(3, 2)
            for k in range(6):
                W = W + ETA * polar(objective.all_samples.value(W.ravel()).reshape(3, 2), p)
                at = found.iterates[k + 1, i, 0]
                np.testing.assert_allclose(at, W.ravel(), rtol=1e-8, atol=1e-10)


def test_every_layer_of_a_network_has_its_own_direction():
    net, rng = models.Network((3, 4, 2, 1), "tanh"), np.random.default_rng(2)
    objective, thetas = Objective(DATA, model=net), net.random(rng, 1.0, (2, 3))
    for method in (methods.Spectral(), methods.Muon()):
        found = descent(objective, method, steps=ETA, n_steps=1, start=thetas).final
        for i in np.ndindex(2, 3):
            g = objective.all_samples.value(thetas[i])
            expected = np.concatenate([polar(G).ravel() for G in net.layers(g)])
            moved = (found[i] - thetas[i]) / ETA
            np.testing.assert_allclose(moved, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_newton_schulz_of_a_stack_in_every_unit(batch):
    G = np.random.default_rng(8).standard_normal((*batch, 3, 5))
    for coefficients in (JORDAN, CONVERGENT):
        for scale in (1e-3, 1.0, 1e3):
            found = spectral.newton_schulz(scale * G, coefficients, 4)
            for i in np.ndindex(*batch):
                expected = newton_schulz(G[i], coefficients, 4)
                np.testing.assert_allclose(found[i], expected, rtol=1e-9, atol=1e-12)
        assert (spectral.newton_schulz(0 * G, coefficients, 4) == 0).all()


def test_a_rank_does_not_depend_on_the_size_of_the_stack():
    faint = np.diag([1.0, 1e-14])  # above what rounding leaves of two rows
    for stack in (faint, np.stack([faint] * 300)):
        directions = methods.schatten_direction(stack, np.inf)
        np.testing.assert_allclose(directions[..., 1, 1], 1.0)


OPPOSED = np.random.default_rng(6).standard_normal((5, 3))
OPPOSED = datasets.Dataset.from_signed(np.vstack([OPPOSED, -0.5 * OPPOSED]))


def pull_of_line(w):
    return LINE.X.T @ (LINE.y - LINE.X @ w) / 4


def pull_of_opposed(w):
    return np.exp(-OPPOSED.Z @ w) @ OPPOSED.Z / 10


@pytest.mark.parametrize(
    ("objective", "slope"),
    [(LINE, pull_of_line), (Objective(OPPOSED, "exponential"), pull_of_opposed)],
    ids=["line", "opposed"],
)
@pytest.mark.parametrize("kind", ["signum", "lion"])
def test_signs_of_a_memory_that_turn(kind, objective, slope):
    method = {"signum": methods.SignMomentum(0.9), "lion": methods.Lion((0.8, 0.6))}[kind]
    path = descent(objective, method, steps=0.3, n_steps=60, start=STARTS, record=range(61))
    for i, w in enumerate(STARTS):
        m, signs = 0.0, set()
        for k in range(60):
            g = slope(w)
            looked_at = 0.8 * m + 0.2 * g if kind == "lion" else 0.9 * m + 0.1 * g
            m = 0.6 * m + 0.4 * g if kind == "lion" else looked_at
            w = w + 0.3 * np.sign(looked_at)
            signs.add(tuple(np.sign(looked_at)))
            np.testing.assert_allclose(path.iterates[k + 1, i], w, rtol=1e-9, atol=1e-11)
        assert len(signs) > 2


def test_a_gradient_that_falls_at_once_leaves_the_memory():
    one = Objective(datasets.Dataset.one_class([[1.0]]), "exponential")
    path = descent(one, methods.Adam(), steps=1000.0, n_steps=3, record=range(4))
    m, v, w = 0.0, 0.0, 0.0  # after the first step the gradient is e^-1000 of what it was
    for k in range(3):
        g = 1.0 if k == 0 else 0.0
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w + 1000 * (m / (1 - 0.9 ** (k + 1))) / np.sqrt(v / (1 - 0.999 ** (k + 1)))
        assert path.iterates[k + 1, 0] == pytest.approx(w, rel=1e-9)


class Falling:
    """A pull of one coordinate whose size is put in from outside."""

    log_size = 0.0

    def __call__(self, theta):
        return Downhill(np.full((1,), self.log_size), np.ones(1))

    entries = __call__


@pytest.mark.parametrize("method", [methods.Adam(), methods.RMSProp(), methods.AdaGrad()])
@np.errstate(over="ignore", invalid="ignore")  # as in descent
def test_a_memory_stays_finite_where_gradients_vanish_and_come_back(method):
    pull, theta = Falling(), np.zeros(1)
    pull.shapes = ((1, 1),)
    state = method.init(None, theta)
    for k, log_size in enumerate((0.0, -1000.0, -2000.0, 0.0, 1000.0)):
        pull.log_size = log_size
        theta, state = method.step(pull, theta, state, k, 1.0)
        assert np.isfinite(theta).all()


ENTRY_BY_ENTRY = [
    methods.SignMomentum(0.5),
    methods.Lion(),
    methods.Adam(epsilon=0.0),
    methods.RMSProp(epsilon=0.0),
    methods.AdaGrad(epsilon=0.0),
    methods.NormalizedSteepest(np.inf),
]


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize(
    "method",
    [
        *ENTRY_BY_ENTRY,
        methods.WeightDecay(methods.Adam(epsilon=0.0), 0.1),
        methods.WeightDecay(methods.Lion(), 0.1),
    ],
)
def test_a_coordinate_moves_as_if_it_were_alone_whatever_the_others_pulls_are(method, loss):
    """A gradient e^-800 of another underflowed beside it, and its coordinate stood still."""
    start, how = [0.0, 800.0, -50.0], {"steps": 0.3, "n_steps": 40, "record": range(41)}
    data = datasets.Dataset.from_signed(np.diag([1.0, 1.0, 2.0]))
    together = descent(Objective(data, loss), method, start=start, **how)
    for j, size in enumerate([1.0, 1.0, 2.0]):
        one = Objective(datasets.Dataset.from_signed([[size]]), loss)
        alone = descent(one, method, start=[start[j]], **how)
        assert together.iterates[:, j] == pytest.approx(alone.iterates[:, 0], rel=1e-10)


@pytest.mark.parametrize("method", ENTRY_BY_ENTRY)
def test_decay_that_is_coupled_leaves_a_pull_beside_zero(method):
    """A weight of zero has no decay, and a gradient of e^-800 of another's: its step is whole."""
    data = datasets.Dataset.from_signed([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    coupled = methods.WeightDecay(method, 0.01, coupled=True)
    first, large, last = descent(
        Objective(data, "exponential"), coupled, steps=0.1, n_steps=1, start=[0.0, 800.0, 0.0]
    ).final
    assert last == pytest.approx(first, rel=1e-12) and first > 0.09
    assert large == pytest.approx(800 - first, rel=1e-12)


def test_the_steepest_direction_of_entries_that_underflow_together():
    class Entries(Falling):
        def entries(self, theta):
            return Downhill(np.array([0.0, -900.0, 5.0]), np.array([1.0, -2.0, 0.0]))

    for p in (1.0, 2.0, 50.0, np.inf):
        found, _ = methods.NormalizedSteepest(p).step(Entries(), np.zeros(3), None, 0, 1.0)
        power = {1.0: np.inf, np.inf: 0.0}.get(p) if p in (1.0, np.inf) else 1 / (p - 1)
        small = np.exp((np.log(2.0) - 900) * power)
        length = 1.0 if np.isinf(p) else (1 + small**p) ** (1 / p)
        assert found == pytest.approx(np.array([1.0, -small, 0.0]) / length, rel=1e-12)


def test_a_coordinate_without_a_gradient_does_not_move():
    flat = datasets.Dataset(np.c_[DATA.X, np.zeros(10)], DATA.y)
    start = np.array([[0.1, -0.2, 0.3, 5.0], [1.0, 2.0, 3.0, -4.0]])
    for method in (
        methods.SignMomentum(0.5),
        methods.Lion(),
        methods.Adam(),
        methods.RMSProp(),
        methods.AdaGrad(),
        methods.Steepest(np.inf),
        methods.NormalizedSteepest(np.inf),
        methods.NormalizedSteepest(1.5),
        methods.Spectral(),
    ):
        path = descent(flat, method, steps=0.1, n_steps=4, start=start)
        np.testing.assert_array_equal(path.final[:, 3], start[:, 3])
        assert (path.final[:, :3] != start[:, :3]).any(axis=1).all()


def test_a_member_whose_gradient_underflows_stays_and_the_others_move():
    right = descent(DATA, n_steps=200).final
    assert (DATA.Z @ right > 0).all()
    start = np.stack([STARTS[0], 1e6 * right])
    for p in (1, 1.5, np.inf, [1.5, 3.0]):
        path = descent(DATA, methods.Steepest(p), steps=ETA, n_steps=3, start=start)
        np.testing.assert_array_equal(path.final[1], start[1])
        first = 1.5 if isinstance(p, list) else p
        alone = descent(DATA, methods.Steepest(first), steps=ETA, n_steps=3, start=STARTS[0])
        np.testing.assert_allclose(path.final[0], alone.final, rtol=1e-10)


def test_on_the_border_half_a_sample_is_wrong():
    path = descent(DATA, methods.Perceptron(), steps=0.2, n_steps=6, record=range(7))
    w = np.zeros(3)
    for k in range(6):
        u = DATA.Z @ w
        w = w + 0.2 * np.where(u < 0, 1.0, np.where(u == 0, 0.5, 0.0)) @ DATA.Z / 10
        np.testing.assert_allclose(path.iterates[k + 1], w, rtol=1e-11)


def test_kaczmarz_fits_the_sample_of_the_step():
    sampling, rows = noise.Reshuffled(1), None
    for eta in (None, 0.5):
        path = descent(
            LINE, methods.Kaczmarz(), steps=eta, n_steps=8, sampling=sampling, n_runs=2, seed=3
        )
        rows = sampling.rows(datasets.generator(3), 4, (2,))
        w = np.zeros((2, 3))
        for _ in range(8):
            for i, (row,) in enumerate(next(rows)):
                x, y = LINE.X[row], LINE.y[row]
                w[i] = w[i] - (eta or 1.0) * (x @ w[i] - y) * x / (x @ x)
        np.testing.assert_allclose(path.final, w, rtol=1e-10)


def test_multiplicative_steps_are_exponentials():
    table, net = datasets.two_by_two_completion(), models.MatrixProduct((2, 2), 2)
    objective = Objective(table, model=net)
    starts = np.random.default_rng(4).standard_normal((2, 8))
    path = descent(objective, methods.Multiplicative(), steps=0.3, n_steps=2, start=starts)
    for theta, found in zip(starts, path.final, strict=True):
        U, Vt = net.factors(theta)
        for _ in range(2):
            G = table.gradient(U @ Vt)
            block = np.block([[np.zeros((2, 2)), G], [G.T, np.zeros((2, 2))]])
            both = expm(-0.3 * block) @ np.vstack([U, Vt.T])
            U, Vt = both[:2], both[2:].T
        np.testing.assert_allclose(found, np.r_[U.ravel(), Vt.ravel()], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("batch", [(), (2,), (3, 2)])
def test_multiplicative_steps_of_every_shape(batch):
    net, classes = models.MatrixProduct((3, 2), 2, width=4), Objective(CLASSES)
    objective = Objective(CLASSES, model=net)
    starts = np.random.default_rng(5).standard_normal((*batch, net.n_parameters))
    path = descent(objective, methods.Multiplicative(), steps=0.3, n_steps=1, start=starts)
    for i in np.ndindex(*batch):
        U, Vt = net.factors(starts[i])
        G = -classes.all_samples.value((U @ Vt).ravel()).reshape(3, 2)
        block = np.block([[np.zeros((3, 3)), G], [G.T, np.zeros((2, 2))]])
        both = expm(-0.3 * block) @ np.vstack([U, Vt.T])
        expected = np.r_[both[:3].ravel(), both[3:].T.ravel()]
        np.testing.assert_allclose(path.final[i], expected, rtol=1e-9, atol=1e-11)


def test_a_multiplicative_step_from_what_is_no_number_is_none():
    net = models.MatrixProduct((2, 2), 2)
    objective = Objective(datasets.two_by_two_completion(), model=net)
    theta = np.r_[np.ones(7), np.inf]
    with np.errstate(invalid="ignore"):
        after, state = methods.Multiplicative().step(objective.all_samples, theta, net, 0, 0.1)
    assert np.isnan(after).all() and after.shape == theta.shape and state is net


class Faint(losses.Exponential):
    """The exponential loss times exp(-offset)."""

    offset = 2000.0

    def log_value(self, margins):
        return super().log_value(margins) - self.offset

    def log_slope(self, margins):
        return super().log_slope(margins) - self.offset


class Fainter(Faint):
    offset = 3.0


UNSCALED = [
    methods.Adam(),
    methods.Adam(betas=(0.5, 0.6), correction=False),
    methods.RMSProp(smoothing=0.7),
    methods.AdaGrad(),
    methods.SignMomentum(0.5),
    methods.Lion((0.5, 0.8)),
    methods.NormalizedGradient(),
    methods.NormalizedSteepest(1.5),
    methods.Spectral(),
    methods.Muon(0.5),
    methods.Muon(0.5, nesterov=True),
    methods.LossScaled(),
    methods.Rescaled(2.0, 3),
    methods.DualMomentum(),
    methods.SharpnessAware(methods.Adam(), 0.1),
    methods.SharpnessAware(methods.LossScaled(), 0.1),
    methods.SharpnessAware(methods.DualMomentum(), 0.1),
    methods.WeightDecay(methods.Adam(), 0.1),
]


@pytest.mark.parametrize("method", UNSCALED, ids=repr)
def test_methods_without_a_scale_do_not_see_the_size_of_the_loss(method):
    how = {"steps": ETA, "n_steps": N_STEPS, "start": STARTS, "record": range(13)}
    plain = descent(Objective(DATA, "exponential"), method, **how).iterates
    faint = descent(Objective(DATA, Faint()), method, **how).iterates
    np.testing.assert_allclose(faint, plain, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize(
    "make",
    [
        methods.AdaGrad,
        lambda e: methods.RMSProp(e, 0.8),
        lambda e: methods.Adam(e, (0.5, 0.7)),
        lambda e: methods.Adam(e, (0.5, 0.7), correction=False),
    ],
)
def test_epsilon_is_measured_in_gradients(make):
    how = {"steps": ETA, "n_steps": N_STEPS, "start": STARTS}
    epsilon = np.array([[0.0], [1e-3], [0.1]])
    plain = descent(Objective(DATA, "exponential"), make(epsilon), **how).final
    faint = descent(Objective(DATA, Fainter()), make(epsilon * np.exp(-3)), **how).final
    np.testing.assert_allclose(faint, plain, rtol=1e-9)


def test_epsilon_is_added_to_the_size_of_a_gradient():
    g = pull(STARTS[0])
    for epsilon in (0.0, 0.05, 3.0):
        how = {"steps": ETA, "n_steps": 1, "start": STARTS[0]}
        for method, factor in (
            (methods.AdaGrad(epsilon), 1.0),
            (methods.RMSProp(epsilon, 0.75), 0.5),
            (methods.Adam(epsilon), 1.0),
        ):
            moved = (descent(DATA, method, **how).final - STARTS[0]) / ETA
            np.testing.assert_allclose(moved, g / (factor * np.abs(g) + epsilon), rtol=1e-9)


def test_a_flow_by_length_has_none_where_the_gradient_vanishes():
    balanced = Objective(datasets.Dataset.from_signed([[1.0, 2.0], [-1.0, -2.0]])).all_samples
    with pytest.raises(ValueError, match="the gradient vanishes at step 0"):
        methods.NormalizedGradient().limit().velocity(balanced, np.zeros(2))


# ---- pulls that are taken elsewhere --------------------------------------------------------


@pytest.mark.parametrize("normalized", [False, True])
def test_a_pull_from_above_in_all_its_forms(normalized):
    base = Objective(DATA).all_samples
    for theta in (STARTS[0], STARTS):
        g = base.value(theta)
        length = np.linalg.norm(g, axis=-1, keepdims=True) if normalized else 1.0
        there = theta - 0.3 * g / length
        above = Ascended(base, 0.3, normalized)
        np.testing.assert_allclose(above.above(theta), there, rtol=1e-12)
        for name in ("value", "over_risk", "dual"):
            found, expected = getattr(above, name)(theta), getattr(base, name)(there)
            np.testing.assert_allclose(found, expected, rtol=1e-11)
        np.testing.assert_allclose(above(theta).value(), base.value(there), rtol=1e-11)
    assert Ascended(base, 0.0, normalized).above(STARTS) is STARTS
    assert above.shapes == base.shapes


def test_a_penalised_pull_in_all_its_forms():
    base = Objective(DATA).all_samples
    for weight in (0.0, 0.2, 50.0):
        penalised = Penalised(base, weight)
        for theta in (STARTS[0], STARTS, 100 * STARTS, np.zeros(3), np.diag([0.0, 1.0, 2.0])):
            expected = base.value(theta) - weight * theta
            np.testing.assert_allclose(penalised.value(theta), expected, rtol=1e-12)
            with np.errstate(divide="ignore"):
                found = penalised(theta)
            np.testing.assert_allclose(found.value(), expected, rtol=1e-11, atol=1e-15)
            assert np.abs(found.direction).max() < 20
    right = descent(DATA, n_steps=200).final
    apart = np.stack([1e150 * right, 1e-250 * right])  # each is measured in its own size
    found = Penalised(Objective(DATA, Faint()).all_samples, 0.2)(apart)
    np.testing.assert_allclose(found.value(), -0.2 * apart, rtol=1e-9)
    faint = Penalised(Objective(DATA, Faint()).all_samples, 0.2)
    np.testing.assert_allclose(faint(STARTS).value(), -0.2 * STARTS, rtol=1e-12)
    plain = Penalised(Objective(DATA, Faint()).all_samples, 0.0)
    assert (plain(STARTS).log_size < -1900).all()


# ---- flows and defaults --------------------------------------------------------------------


def test_what_each_method_follows():
    for method, flow, speed in (
        (methods.Gradient(), "gradient", 1.0),
        (methods.HeavyBall(0.75), "gradient", 4.0),
        (methods.Nesterov(), "accelerated", 1.0),
        (methods.Mirror(ENTROPY), "mirror", 1.0),
        (methods.MirrorMomentum(ENTROPY, 0.75), "mirror", 4.0),
        (methods.NaturalGradient(ENTROPY), "mirror", 1.0),
        (methods.Multiplicative(), "gradient", 1.0),
        (methods.Adam(0.1), "adam", 1.0),
        (methods.RMSProp(0.1), "adam", 1.0),
    ):
        limit = method.limit()
        assert (limit.flow, limit.speed) == (flow, speed)
        assert limit.potential is (ENTROPY if flow == "mirror" else None)
        assert limit.epsilon == (0.1 if flow == "adam" else None)
    for method in (
        methods.Adam(),
        methods.RMSProp(),
        methods.Adam([0.1, 0.2]),
        methods.AdaGrad(0.1),
        methods.Steepest(1),
        methods.Steepest(np.inf),
        methods.Steepest([2.0, 3.0]),
        methods.NormalizedSteepest(1),
        methods.NormalizedSteepest(np.inf),
        methods.NormalizedSteepest([2.0, 3.0]),
        methods.Rescaled(),
        methods.DualMomentum(),
        methods.Boosting(),
        methods.Kaczmarz(),
        methods.Perceptron(),
        methods.Spectral(),
        methods.Muon(),
        methods.Lion(),
        methods.SignMomentum(),
        methods.SharpnessAware(methods.Gradient(), 0.1),
        methods.WeightDecay(methods.HeavyBall(0.5), 0.1),
        methods.WeightDecay(methods.Nesterov(), 0.1),
        methods.WeightDecay(methods.Adam(), 0.1),
    ):
        assert method.limit() is None, method
    assert methods.WeightDecay(methods.HeavyBall(0.0), 0.1).limit().flow == "velocity"


@pytest.mark.parametrize("loss", ["logistic", Faint()], ids=["near", "faint"])
def test_the_velocities_of_the_flows(loss):
    base, starts = Objective(DATA, loss).all_samples, STARTS[:, None]  # two axes of runs
    g = base(starts)
    length = np.linalg.norm(g.direction, axis=-1, keepdims=True)
    along = {
        p: np.array([[steepest(v, p) for v in row] for row in g.direction]) for p in (1.5, 2, 3)
    }
    sizes = {p: np.array([[[dual_norm(v, p)] for v in row] for row in g.direction]) for p in along}
    expected = [
        (methods.LossScaled(), 0.0, base.over_risk(starts)),
        (methods.NormalizedGradient(), 0.0, g.direction / length),
        (methods.WeightDecay(methods.Gradient(), 0.2), 0.0, base.value(starts) - 0.2 * starts),
        *((methods.NormalizedSteepest(p), 0.0, v) for p, v in along.items()),
        *((methods.Steepest(p), g.log_size, sizes[p] * v) for p, v in along.items()),
    ]
    for method, log_size, direction in expected:
        limit = method.limit()
        assert limit.flow == "velocity" and limit.speed == 1.0
        found = limit.velocity(base, starts)
        np.testing.assert_allclose(found.log_size + 0 * direction, log_size + 0 * direction)
        np.testing.assert_allclose(found.direction, direction, rtol=1e-9)


def test_the_steps_of_each_method():
    linear, regression = Objective(DATA), Objective(LINE)
    net = models.two_layer_relu(3, 2)
    deep, fitted = Objective(DATA, model=net), Objective(LINE, model=net)
    for method in (methods.Gradient(), methods.Nesterov()):
        assert method.default_steps(linear, False).step_size == linear.default_step_size
        assert method.default_steps(linear, True).step_size == linear.sample_step_size
        assert method.default_steps(regression, False).step_size == regression.default_step_size
        assert isinstance(method.default_steps(deep, False), steps.Safe)
        assert isinstance(method.default_steps(deep, True), steps.Safe)
        with pytest.raises(ValueError, match="no step size is safe"):
            method.default_steps(fitted, False)
    ball = methods.HeavyBall(0.75)
    assert ball.default_steps(linear, False).step_size == pytest.approx(
        linear.default_step_size / 4
    )
    assert ball.default_steps(linear, True).step_size == pytest.approx(linear.sample_step_size / 4)
    assert isinstance(ball.default_steps(deep, False), steps.Safe)
    for method in (methods.LossScaled(), methods.Rescaled(), methods.DualMomentum()):
        assert method.default_steps(linear, False).step_size == linear.dual_step_size
    for method in (methods.NormalizedGradient(), methods.NormalizedSteepest(3), methods.Spectral()):
        rule = method.default_steps(linear, False)
        assert isinstance(rule, steps.Decaying) and (rule.step_size, rule.power) == (1.0, 0.5)
    for method in (methods.Boosting(), methods.Kaczmarz(), methods.Perceptron()):
        assert method.default_steps(linear, False).step_size == 1.0
    for wrap in (methods.SharpnessAware, methods.WeightDecay):
        assert wrap(methods.Boosting(), 0.1).default_steps(linear, False).step_size == 1.0
        wrapped = wrap(methods.Mirror(PowerNorm(3)), 0.1, True)
        np.testing.assert_array_equal(wrapped.start(linear), np.zeros(3))
        assert wrap(methods.Boosting(), 0.1).loss == "exponential"
        assert wrap(methods.Gradient(), 0.1).loss is None
        assert wrapped.moves is False and wrap(methods.Gradient(), 0.1).moves is True
        for sampled in (False, True):
            inner = methods.Gradient().default_steps(linear, sampled).step_size
            assert wrap(methods.Gradient(), 0.1).default_steps(linear, sampled).step_size == inner
    np.testing.assert_array_equal(methods.Mirror(NegativeEntropy()).start(linear), np.ones(3))
    np.testing.assert_array_equal(methods.Gradient().start(linear), np.zeros(3))
    with pytest.raises(ValueError, match="steps: give Adam its step size"):
        methods.Adam().default_steps(linear, False)


# ---- helpers and refusals ------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 1.2, 1.5, 2, 3, 10, np.inf])
def test_steepest_directions_reach_the_dual_norm(p):
    g = np.random.default_rng(3).standard_normal((4, 5)) * [[1e-200], [1.0], [1e3], [1e140]]
    v = methods.steepest_direction(g, p)
    for one, direction in zip(g, v, strict=True):
        size = np.abs(one).max()
        assert np.linalg.norm(direction, ord=p) == pytest.approx(1, rel=1e-12)
        assert one / size @ direction == pytest.approx(dual_norm(one / size, p), rel=1e-12)
    tied = methods.steepest_direction(np.array([2.0, -2.0, 1.0]), 1)
    np.testing.assert_allclose(tied, [0.5, -0.5, 0.0])
    many = methods.steepest_direction(g, [1, 1.5, p, np.inf])
    for row, (one, order) in enumerate(zip(g, [1, 1.5, p, np.inf], strict=True)):
        np.testing.assert_allclose(many[row], methods.steepest_direction(one, order), rtol=1e-12)


@pytest.mark.parametrize("p", [1, 1.5, 2, 4, np.inf])
def test_schatten_directions_reach_the_dual_norm(p):
    rng = np.random.default_rng(3)
    G = rng.standard_normal((2, 3, 5))
    low = rng.standard_normal((3, 2)) @ rng.standard_normal((2, 5))
    zero = np.zeros((3, 5))
    stack = np.stack([*G, low, zero])
    found = methods.schatten_direction(stack, p)
    for one, D, rank in zip(stack, found, [3, 3, 2, 0], strict=True):
        if rank == 0:
            assert (D == 0).all()
            continue
        s, d = np.linalg.svd(one)[1], np.linalg.svd(D)[1]
        assert np.linalg.norm(d, ord=p) == pytest.approx(1, rel=1e-9)
        assert (one * D).sum() == pytest.approx(dual_norm(s, p), rel=1e-9)
        assert (d[rank:] < 1e-10).all()
    for scale in (1e-5, 1e5):
        np.testing.assert_allclose(methods.schatten_direction(scale * stack, p), found, atol=1e-9)
    tall = methods.schatten_direction(G[0].T, p)
    np.testing.assert_allclose(tall.T, methods.schatten_direction(G[0], p), atol=1e-10)
    faint = np.diag([1.0, 1e-14])  # above what rounding leaves of two rows
    assert methods.schatten_direction(faint, np.inf)[1, 1] == pytest.approx(1.0)
    assert methods.schatten_direction(np.diag([1.0, 1e-17]), np.inf)[1, 1] == 0


def test_small_helpers():
    zeros = helpers.ratio(np.array([0.0, 1.0, -3.0]), np.array([0.0, 2.0, -1.0]))
    np.testing.assert_array_equal(zeros, [0.0, 0.5, 3.0])
    np.testing.assert_array_equal(helpers.ratio(np.ones(2), np.array([2.0, 4.0])), [0.5, 0.25])
    np.testing.assert_allclose(
        helpers.unit(np.array([[3.0, 4.0], [0.0, 2.0]]), 0), [[0.6, 0.8], [0.0, 1.0]]
    )
    deep = np.array([[[3.0, 4.0]], [[0.0, 2.0]]])
    np.testing.assert_allclose(helpers.unit(deep, 0), [[[0.6, 0.8]], [[0.0, 1.0]]])
    assert helpers.share("beta", 0.0) == 0 and helpers.share("beta", 0.999) == 0.999
    assert helpers.at_least_zero("epsilon", [0.0, 1]).tolist() == [0.0, 1.0]
    assert not helpers.at_least_zero("epsilon", 1.0).flags.writeable
    assert methods.Gradient().init(None, None) is None


VOTES = Objective(datasets.Dataset(DATA.X, DATA.y), "exponential")
TOO_LARGE = datasets.Dataset(1.01 * DATA.X / np.abs(DATA.X).max(), DATA.y)
PERFECT = datasets.Dataset([[1.0, 0.0], [-1.0, 0.5]], [1, -1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: helpers.unit(np.array([[1.0, 0.0], [0.0, 0.0]]), 7), "vanishes at step 7"),
        (lambda: helpers.share("beta", 1.0), "beta must be a number, at least 0 and below 1"),
        (lambda: helpers.two_shares("betas", (0.1,)), r"betas must be a pair, such as \(0.9, 0.9"),
        (lambda: helpers.two_shares("betas", 0.9), "betas must be a pair"),
        (lambda: helpers.two_shares("betas", (0.1, 1.0)), "betas must be a number, at least 0"),
        (lambda: helpers.two_shares("betas", (1.0, 0.1)), "betas must be a number, at least 0"),
        (lambda: methods.Adam(betas=(0.9,)), "betas must be a pair"),
        (lambda: methods.Lion((0.9, 1.2)), "betas must be a number"),
        (lambda: methods.Adam(-1e-9), "epsilon must be at least 0"),
        (lambda: methods.AdaGrad([0.1, -0.1]), "epsilon must be at least 0"),
        (lambda: methods.RMSProp(0.1, 1.0), "smoothing must be a number"),
        (lambda: methods.HeavyBall(1.0), "momentum must be a number"),
        (lambda: methods.SignMomentum(1.0), "momentum must be a number"),
        (lambda: methods.Muon(1.0), "momentum must be a number"),
        (lambda: methods.Muon(n_steps=0), "n_steps must be a whole"),
        (lambda: methods.Muon(coefficients=(1.0, 2.0)), "coefficients must be three numbers"),
        (lambda: methods.MirrorMomentum(ENTROPY, 1.0), "momentum must be a number"),
        (lambda: methods.MirrorMomentum(3), "potential must be a Potential"),
        (lambda: methods.Mirror("entropy"), r"Make one with potentials\.NegativeEntropy\(\)"),
        (lambda: methods.Rescaled(0.99), "factor must be finite and at least 1"),
        (lambda: methods.Rescaled(np.inf), "factor must be finite and at least 1"),
        (lambda: methods.Rescaled(2.0, 0), "every must be a whole"),
        (lambda: methods.Steepest(0.99), "p must be from 1 to inf"),
        (lambda: methods.Steepest([2.0, 0.5]), "p must be from 1 to inf"),
        (lambda: methods.Steepest("two"), "p must be from 1 to inf"),
        (lambda: methods.Spectral([1.0, 2.0]), "p must be one number"),
        (lambda: methods.Spectral(0.5), "p must be from 1 to inf"),
        (lambda: methods.steepest_direction([[1.0], [0.0]], 2), "g is zero"),
        (lambda: methods.steepest_direction(1.0, 2), "g is zero"),
        (lambda: methods.schatten_direction(np.ones(3), 2), "give a matrix"),
        (lambda: methods.SharpnessAware(methods.Gradient(), -0.1), "radius must be a number"),
        (lambda: methods.WeightDecay(methods.Gradient(), -0.1), "weight must be a number"),
        (lambda: methods.WeightDecay("adam", 0.1), r"base must be a Method.*methods\.Gradient\(\)"),
        (
            lambda: descent(
                DATA, methods.WeightDecay(methods.Mirror(ENTROPY), 0.1), steps=0.1, n_steps=1
            ),
            "keeps its own image of theta; use coupled=True",
        ),
        (
            lambda: descent(
                DATA, methods.WeightDecay(methods.Gradient(), 2.0), steps=[0.1, 0.5], n_steps=1
            ),
            "weight must be from 0 to 1 / step_size",
        ),
        (lambda: descent(LINE, methods.Kaczmarz(), n_steps=1), "takes one sample a step"),
        (lambda: descent(DATA, methods.Kaczmarz(), n_steps=1), "give a Regression alone"),
        (
            lambda: descent(
                Objective(LINE, model=models.WeightNormalized(3)),
                methods.Kaczmarz(),
                n_steps=1,
                start=np.ones(4),
            ),
            "give a Regression alone",
        ),
        (
            lambda: descent(
                datasets.Regression([[1.0, 0.0], [0.0, 0.0]], [1.0, 2.0]),
                methods.Kaczmarz(),
                n_steps=1,
                sampling=noise.Reshuffled(1),
            ),
            "X has a row of zeros",
        ),
        (
            lambda: methods.Kaczmarz().init(
                Objective(datasets.Regression([[1.0, 1.0], [0.0, 0.0]], [1.0, 2.0])), None
            ),
            "X has a row of zeros",
        ),
        (
            lambda: methods.Kaczmarz().init(
                Objective([LINE, datasets.Regression(LINE.X * np.c_[[1, 1, 0, 1]], LINE.y)]), None
            ),
            "X has a row of zeros",
        ),
        (
            lambda: descent(LINE, methods.Kaczmarz(), n_steps=1, sampling=noise.WithReplacement(2)),
            "takes one sample a step",
        ),
        (lambda: descent(LINE, methods.Perceptron(), n_steps=1), "needs two classes"),
        (
            lambda: descent(TOO_LARGE, methods.Boosting(), n_steps=1),
            "X has entries larger than 1",
        ),
        (lambda: descent(VOTES, methods.Boosting(), steps=1.01, n_steps=1), "at most 1; got 1.01"),
        (lambda: descent(PERFECT, methods.Boosting(), n_steps=1), "at step 0 one feature is right"),
        (
            lambda: methods.Boosting().init(
                Objective(DATA, "exponential", models.DiagonalLinear(3, 2)), None
            ),
            "chooses among the features",
        ),
        (lambda: methods.Boosting().init(Objective(LINE), None), "chooses among the features"),
        (
            lambda: methods.Multiplicative().init(
                Objective(LINE, model=models.DiagonalLinear(3, 2)), None
            ),
            "needs two factors",
        ),
        (
            lambda: methods.Multiplicative().init(
                Objective(CLASSES, model=models.MatrixProduct((3, 2), 3)), None
            ),
            "needs two factors",
        ),
        (
            lambda: descent(
                DATA,
                methods.NaturalGradient(SquaredNorm(3)),
                steps=0.1,
                n_steps=1,
                start=np.ones(3),
            ),
            "is no sum over coordinates",
        ),
        (
            lambda: descent(
                LINE, methods.NaturalGradient(NegativeEntropy()), steps=50.0, n_steps=3
            ),
            "by step 1 the iterates left the domain",
        ),
        (
            lambda: descent(
                DATA, methods.Mirror(NegativeEntropy()), steps=0.1, n_steps=1, start=np.zeros(3)
            ),
            "start: w must be greater than 0",
        ),
    ],
)
def test_what_a_method_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_a_method_just_takes():
    unit_box = datasets.Dataset(np.sign(DATA.X), DATA.y)
    assert methods.Boosting().init(Objective(unit_box, "exponential"), None) is None
    assert descent(VOTES, methods.Boosting(), steps=1.0, n_steps=1).final.any()
    how = {"steps": [0.1, 0.5], "n_steps": 1}
    assert descent(DATA, methods.WeightDecay(methods.Gradient(), 1.9), **how).final.any()
    assert methods.Rescaled(1.0, 1).factor == 1.0
    balanced = datasets.Regression([[1.0, -1.0, 0.0], [2.0, 1.0, 0.0]], [1.0, 2.0])
    assert methods.Kaczmarz().init(Objective(balanced), None) is None
    assert methods.Steepest(1.0).p == 1.0
