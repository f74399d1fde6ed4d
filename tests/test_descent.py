"""The loop: what it keeps, how its axes go together, and that it is a plain numpy loop."""

import numpy as np
import pytest

from ibias import datasets, methods, models, noise, progress, steps
from ibias.descent import Diverged, descent
from ibias.objectives import Objective

DATA = datasets.separable(0, 12, 3)


def test_a_plain_loop_of_numpy():
    w, last = np.array([0.1, -0.2, 0.3]), np.zeros(3)
    path = descent(DATA, methods.HeavyBall(0.8), steps=0.2, n_steps=50, start=w, record=range(51))
    for k in range(51):
        np.testing.assert_allclose(path.iterates[k], w, rtol=1e-12)
        last = 0.8 * last + 0.2 * (1 / (1 + np.exp(DATA.Z @ w))) @ DATA.Z / 12
        w = w + last
    np.testing.assert_allclose(
        np.exp(path.log_risk), np.log1p(np.exp(-path.iterates @ DATA.Z.T)).mean(axis=1)
    )


class InPlace(methods.Gradient):
    """Writes each step into the array that it gave back before."""

    def step(self, pull, theta, state, k, eta):
        state = np.empty_like(theta) if state is None else state
        np.add(theta, eta * pull.value(theta), out=state)
        return state, state


class OnTheSpot(methods.Gradient):
    """Writes each step where theta is."""

    def step(self, pull, theta, state, k, eta):
        theta += eta * pull.value(theta)
        return theta, state


@pytest.mark.parametrize("method", [InPlace(), OnTheSpot()])
@pytest.mark.parametrize("start", [None, np.ones(3), np.ones((2, 3))])
@pytest.mark.parametrize("n_runs", [None, 2])
def test_what_is_recorded_does_not_move_with_a_method_that_steps_in_place(method, start, n_runs):
    given = None if start is None else start.copy()
    how = {"steps": 0.2, "n_steps": 5, "record": range(6), "n_runs": n_runs}
    same = descent(DATA, methods.Gradient(), start=given, **how)
    np.testing.assert_array_equal(descent(DATA, method, start=start, **how).iterates, same.iterates)
    assert start is None or (start == given).all()


def test_axes_are_broadcast_as_numpy_does_it():
    starts = datasets.generator(0).standard_normal((4, 3))
    sizes = np.array([[0.1], [0.2]])
    path = descent(DATA, methods.Adam(1e-3), steps=sizes, start=starts, n_steps=10)
    assert path.iterates.shape[1:] == (2, 4, 3)
    for i, j in np.ndindex(2, 4):
        alone = descent(
            DATA, methods.Adam(1e-3), steps=float(sizes[i, 0]), start=starts[j], n_steps=10
        )
        np.testing.assert_allclose(path.iterates[:, i, j], alone.iterates, rtol=1e-10)
    sets = [datasets.separable(seed, 12, 3) for seed in range(4)]
    path = descent(
        Objective(sets, "exponential"),
        methods.Adam(np.array([[1e-3], [1e-2], [1e-1]])),
        steps=0.1,
        start=starts,
        n_steps=10,
    )
    assert path.iterates.shape[1:] == (3, 4, 3)
    alone = descent(
        Objective(sets[2], "exponential"),
        methods.Adam(1e-2),
        steps=0.1,
        start=starts[2],
        n_steps=10,
    )
    np.testing.assert_allclose(path.iterates[:, 1, 2], alone.iterates, rtol=1e-9)
    how = {"sampling": noise.Reshuffled(3), "n_runs": 5, "n_steps": 4}
    assert descent(DATA, steps=sizes, **how).final.shape == (2, 5, 3)
    assert descent(Objective(sets), steps=0.1, n_steps=4).final.shape == (4, 3)


def test_default_steps_of_a_list_are_each_its_own():
    sets = [datasets.separable(seed, 12, 3) for seed in range(2)]
    together = descent(Objective(sets), n_steps=30).iterates
    for i, one in enumerate(sets):
        np.testing.assert_allclose(together[:, i], descent(one, n_steps=30).iterates, rtol=1e-11)


def test_what_is_recorded():
    path = descent(DATA, steps=0.5, n_steps=100, record=[0, 10, 100])
    np.testing.assert_allclose(path.log_t, [-np.inf, np.log(5), np.log(50)])
    assert descent(DATA, steps=0.5, n_steps=100).log_t.size == 19
    assert not path.iterates.flags.writeable


def test_a_method_that_is_made_for_one_loss_takes_it():
    weak = datasets.Dataset(np.sign(DATA.X), DATA.y)
    given = descent(Objective(weak, "exponential"), methods.Boosting(), n_steps=9)
    np.testing.assert_array_equal(
        descent(weak, methods.Boosting(), n_steps=9).iterates, given.iterates
    )


def test_divergence_names_the_step():
    with pytest.raises(Diverged, match="choose a smaller step_size") as caught:
        descent(datasets.gaussian_regression(0), steps=100.0, n_steps=2000, record=[10, 2000])
    assert caught.value.step == 2000


def test_the_clock_is_looked_at():
    seen = []
    with progress.reported(lambda what, fraction: seen.append((what, fraction))):
        descent(DATA, n_steps=2000)
    assert seen[0][0] == "descending" and seen[-1][1] <= 1


def test_steps_their_sizes_and_whether_the_data_are_separated():
    path = descent(DATA, steps=steps.Decaying([0.5, 1.0]), n_steps=9, record=[0, 1, 4, 9])
    np.testing.assert_array_equal(path.steps, [0, 1, 4, 9])
    expected = np.outer([np.nan, 1, 1 / 2, 1 / 3], [0.5, 1.0])
    np.testing.assert_allclose(path.step_sizes, expected)
    safe = descent(Objective(DATA, "exponential"), steps=steps.Safe(), n_steps=4, record=range(5))
    assert np.isnan(safe.step_sizes[0])
    np.testing.assert_allclose(np.cumsum(safe.step_sizes[1:]), np.exp(safe.log_t[1:]))
    long = descent(
        DATA, n_steps=3000, start=[[0.0, 0, 0], -100 * DATA.Z.mean(axis=0)], record=[3000]
    )
    assert long.separable.tolist() == (long.final @ DATA.Z.T > 0).all(axis=1).tolist()
    assert long.separable[0] and descent(DATA, n_steps=1, start=-100 * DATA.Z[0]).separable is False
    assert descent(Objective(DATA, "squared"), n_steps=3000).separable is True
    assert descent(datasets.gaussian_regression(0), n_steps=3).separable is None


def by_hand(pull, objective, sampling, disturbances, sizes, w, seed, n_steps):
    """Return the iterates of a loop over the rows, targets and shifts that the rules draw."""
    rng, batch = datasets.generator(seed), w.shape[:-1]
    n, data = objective.n_samples, objective.data
    labels = [one for one in disturbances if isinstance(one, noise.LabelNoise)]
    weights = [one for one in disturbances if isinstance(one, noise.WeightNoise)]
    shifts = weights[0].shifts(rng, w.shape) if weights else None
    per_step = sampling.batch_size or n
    disturbed = labels[0].targets(rng, objective, (*batch, per_step)) if labels else None
    rows = sampling.rows(rng, n, batch) if sampling.batch_size else None
    for _ in range(n_steps):
        chosen = np.broadcast_to(np.arange(n), (*batch, n)) if rows is None else next(rows)
        X, y = data.X[chosen], data.y[chosen]
        y = disturbed(y) if disturbed else y
        w = w + sizes * np.einsum("...bd,...b->...d", X, pull(X, y, w)) / per_step
        w = w + next(shifts) if shifts else w
    return w


def pull_of_logistic(X, y, w):
    return y / (1 + np.exp(y * np.einsum("...bd,...d->...b", X, w)))


def pull_of_squares(X, y, w):
    return y - np.einsum("...bd,...d->...b", X, w)


@pytest.mark.parametrize("sampling", [noise.FullBatch(), noise.WithReplacement(2)], ids=str)
@pytest.mark.parametrize(
    "disturbances",
    [[], [noise.LabelNoise(0.3)], [noise.WeightNoise(0.2)]],
    ids=["none", "labels", "weights"],
)
@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_what_is_random_in_a_step_is_drawn_for_each_run_anew(kind, disturbances, sampling):
    data, pull = DATA, pull_of_logistic
    if kind == "regression":
        data, pull = datasets.gaussian_regression(0, 6, 3), pull_of_squares
    sizes, objective = np.array([[0.1], [0.2]]), Objective(data)
    start = datasets.generator(3).standard_normal(3)
    how = {"steps": sizes, "n_runs": 3, "n_steps": 4, "start": start, "sampling": sampling}
    path = descent(data, noise=disturbances, seed=5, **how)
    whole = np.broadcast_to(start, (2, 3, 3))
    expected = by_hand(pull, objective, sampling, disturbances, sizes[..., None], whole, 5, 4)
    np.testing.assert_allclose(path.final, expected, rtol=1e-10)
    if disturbances or sampling.batch_size:
        first = path.final[0]
        assert min(np.abs(first[i] - first[i - 1]).max() for i in range(3)) > 1e-6
        unseeded = descent(data, noise=disturbances, **how).final
        np.testing.assert_array_equal(
            unseeded, descent(data, noise=disturbances, seed=0, **how).final
        )


def test_noise_of_size_zero_is_none():
    silent = [noise.LabelNoise(0.0), noise.WeightNoise(0.0)]
    how = {"steps": 0.1, "n_steps": 5, "sampling": noise.WithReplacement(2)}
    np.testing.assert_array_equal(
        descent(DATA, noise=silent, **how).final, descent(DATA, **how).final
    )


def test_evaluations_are_passes_over_the_data():
    for n_steps in (1, 7):
        assert descent(DATA, n_steps=n_steps).n_evaluations == n_steps
    for size, passes in ((1, 2), (3, 7), (12, 30)):
        path = descent(DATA, steps=0.1, n_steps=30, sampling=noise.WithReplacement(size))
        assert path.n_evaluations == passes
        assert path.status == "ran all 30 steps"


def test_a_squared_loss_that_has_grown_by_a_factor_of_e_to_the_thirty_diverges():
    line = datasets.Regression([[1.0]], [0.0])  # a step multiplies w by 1 - eta
    for begun in (-6.0, 0.0, 10.0):
        start = [np.sqrt(2 * np.exp(begun))]
        for growth, over in ((-1e-3, False), (1e-3, True)):
            reached = max(begun, 0.0) + 30 + growth
            how = {"steps": 1 + np.exp((reached - begun) / 2), "n_steps": 1, "start": start}
            if over:
                with pytest.raises(Diverged) as caught:
                    descent(line, **how)
                assert caught.value.step == 1
            else:
                assert descent(line, **how).log_risk[-1] == pytest.approx(reached)
    start = [[1.0], [1e-3]]
    with pytest.raises(Diverged):  # one of the batch will do
        descent(line, steps=[1e9, 0.5], n_steps=1, start=start)
    shrunk = descent(line, steps=1 + np.exp(16.0), n_steps=1, start=[1e-6], record=[0, 1])
    assert shrunk.log_risk[-1] - shrunk.log_risk[0] > 30


def test_a_margin_loss_may_grow_by_any_factor():
    opposed = Objective(datasets.Dataset.from_signed([[1.0], [-2.0]]), "exponential")
    path = descent(opposed, steps=40.0, n_steps=1, start=[1.0], record=[0, 1])
    assert path.log_risk[-1] > path.log_risk[0] + 100


def test_starts_in_all_their_forms():
    net = models.MatrixProduct((2, 2), 2)
    objective = Objective(datasets.two_by_two_completion(), model=net)
    thetas = datasets.generator(1).standard_normal((2, 3, net.n_parameters))
    how = {"steps": 0.01, "n_steps": 3}
    together = descent(objective, start=thetas, **how).final
    assert together.shape == thetas.shape
    for i, j in np.ndindex(2, 3):
        alone = descent(objective, start=thetas[i, j], **how).final
        np.testing.assert_allclose(together[i, j], alone, rtol=1e-12)
        factors = descent(objective, start=net.factors(thetas[i, j]), **how).final
        np.testing.assert_array_equal(factors, alone)
        factors = descent(objective, start=tuple(net.factors(thetas[i, j])), **how).final
        np.testing.assert_array_equal(factors, alone)
    listed = descent(objective, start=list(thetas[0]), **how).final
    np.testing.assert_array_equal(listed, descent(objective, start=thetas[0], **how).final)
    stacked = descent(objective, start=net.factors(thetas), **how).final
    np.testing.assert_array_equal(stacked, together)
    with pytest.raises(ValueError, match=r"start has shape \(0,\)"):
        descent(objective, start=[], **how)


def test_a_start_where_one_of_a_batch_is_stationary_is_refused():
    net = models.two_layer_relu(3, 2)
    theta = net.random(datasets.generator(0), 1.0, (2, 2))
    theta[1, 0] = 0
    with pytest.raises(ValueError, match="start is zero somewhere"):
        descent(Objective(DATA, model=net), steps=0.1, n_steps=1, start=theta)
    flat = Objective(DATA, model=models.linear(3))  # of depth one: zero moves
    assert (descent(flat, steps=0.1, n_steps=1, start=np.zeros(3)).final != 0).any()
    half = np.r_[np.ones(4), np.zeros(4)]
    descent(Objective(DATA, model=net), steps=0.1, n_steps=1, start=half)


def test_a_network_that_is_dead_stays_where_it_is_without_a_warning():
    net, data = models.two_layer_relu(2, 1), datasets.Dataset.one_class(np.ones((2, 2)))
    start = np.array([-1.0, -1.0, 1.0])
    path = descent(Objective(data, model=net), steps=steps.Safe(), n_steps=3, start=start)
    np.testing.assert_array_equal(path.final, start)
    assert (path.step_sizes == 0).all() and (path.log_t == -np.inf).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "adam"}, ("method must be a Method", r"methods\.Gradient\(\)")),
        ({"sampling": 4}, ("sampling must be a Sampling", r"noise\.FullBatch\(\)")),
        ({"noise": 0.1}, ("noise must be a LabelNoise or WeightNoise", r"noise\.LabelNoise\(0")),
        ({"record": [[1, 2], [3, 4]]}, ("record must have 1 axes",)),
        ({"record": [5], "n_steps": 4}, ("from 0 to n_steps=4",)),
        ({"start": np.ones(4)}, (r"shape \(4,\); its last axis must be the 3 weights",)),
        ({"start": 1.0}, (r"shape \(\)",)),
    ],
)
def test_the_remedy_of_bad_input_works(arguments, words):
    for word in words:
        with pytest.raises(ValueError, match=word):
            descent(DATA, **{"steps": 0.1, "n_steps": 10} | arguments)


def test_the_parameters_of_a_model_are_called_so():
    net = models.two_layer_relu(3, 2)
    with pytest.raises(ValueError, match="must be the 8 parameters of the model"):
        descent(Objective(DATA, model=net), steps=0.1, n_steps=1, start=np.ones(3))
    with pytest.raises(ValueError, match="give the 8 parameters of the model"):
        descent(Objective(DATA, model=net), steps=0.1, n_steps=1)
