"""Samplers of solutions beside plain loops over the same random numbers, chain after chain."""

import warnings

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.models import two_layer_relu
from ibias.networks import (
    draws_of_margin,
    networks_of_margin,
    outputs,
    outputs_of_margin,
    rise_to_margin,
    rotations,
    with_outputs,
)
from ibias.trajectory import unit

TURN = 2 * np.pi


def rng(seed=3):
    return datasets.generator(seed)


# ---- the outputs of linear classifiers ---------------------------------------------------------


def between(u, low, high):
    return low + (high - low) * u


def line(f, v, inverse, level):
    """The two s with 1 - (f + s v)^T G^-1 (f + s v) = level."""
    quadratic = [v @ inverse @ v, 2 * f @ inverse @ v, f @ inverse @ f - 1 + level]
    return np.sort(np.roots(quadratic).real)


def walls(f, v, lowest):
    """How far one may go along v, backward and forward, before an output is too small."""
    back = max(((lowest - x) / s for x, s in zip(f, v, strict=True) if s > 0), default=-np.inf)
    ahead = min(((lowest - x) / s for x, s in zip(f, v, strict=True) if s < 0), default=np.inf)
    return back, ahead


def by_hand(gram, source, start, margin, p, n_sweeps, every):
    """The chains of `outputs_of_margin`, with the ends of each slice from a quadratic equation."""
    sets, chains, n = start.shape
    power, f, kept = (p - n - 2) / 2, start.copy(), []
    inverse = [np.linalg.inv(g) for g in gram]
    each = list(np.ndindex(sets, chains))

    def slices(direction):
        u, v = source.random((sets, chains)), source.random((sets, chains))
        for j, c in each:
            x, d = f[j, c], direction(j, c)
            level = (1 - x @ inverse[j] @ x) * u[j, c] ** (1 / power)
            low, high = line(x, d, inverse[j], level)
            back, ahead = walls(x, d, margin[j])
            f[j, c] = x + between(v[j, c], max(low, back), min(high, ahead)) * d

    for sweep in range(1, n_sweeps + 1):
        for i in range(n):
            slices(lambda j, c, i=i: np.eye(n)[i])
        for _ in range(int(np.ceil(n / 4))):
            normal = source.standard_normal(f.shape)
            roots = [np.linalg.cholesky(g) for g in gram]
            slices(lambda j, c, normal=normal, roots=roots: roots[j] @ normal[j, c])
        lengthened(f, inverse, margin, power, source, each)
        if 4 * sweep > n_sweeps - n_sweeps % 4 and sweep % every == 0:
            kept.append(f.copy())
    return np.array(kept)


def lengthened(f, inverse, margin, power, source, each):
    """The squared length t has the density t^(n/2 - 1) (1 - t)^power: a slice that shrinks."""
    n = f.shape[-1]
    now = {at: f[at] @ inverse[at[0]] @ f[at] for at in each}
    log_density = lambda t: (n / 2 - 1) * np.log(t) + power * np.log(1 - t)  # noqa: E731
    down = source.standard_exponential(f.shape[:2])
    height = {at: log_density(now[at]) - down[at] for at in each}
    low = {at: now[at] * (margin[at[0]] / f[at].min()) ** 2 for at in each}
    high, new = dict.fromkeys(each, 1.0), {}
    while len(new) < len(each):
        u = source.random(f.shape[:2])
        for at in each:
            if at in new:
                continue
            trial = between(u[at], low[at], high[at])
            if log_density(trial) >= height[at]:
                new[at] = trial
            elif trial < now[at]:
                low[at] = trial
            else:
                high[at] = trial
    for at in each:
        f[at] *= np.sqrt(new[at] / now[at])


@pytest.mark.parametrize(("p", "n_sweeps", "every"), [(8, 9, 9), (40, 8, 4), (9, 3, 3)])
def test_outputs_are_drawn_from_slices_of_their_density(p, n_sweeps, every):
    source = rng()
    Z = [np.abs(source.standard_normal((5, p))) + 0.3 for _ in range(2)]
    if p == 8:
        Z = [z[:3] for z in Z]
    elif p == 9:
        Z = [z[:1] for z in Z]
    n = len(Z[0])
    gram, margin = np.array([z @ z.T for z in Z]), np.array([0.0, 0.05])
    w = unit(np.abs(source.standard_normal((2, 3, p))) + 0.5)
    start = np.array([w[j] @ Z[j].T for j in range(2)])
    how = {"start": start, "margin": margin, "n_features": p}
    f = outputs_of_margin(gram, rng(7), **how, n_sweeps=n_sweeps, every=every)
    right = by_hand(gram, rng(7), start, margin, p, n_sweeps, every)
    assert f.shape == right.shape == (len(right), 2, 3, n) and len(right)
    np.testing.assert_allclose(f[-1], right[-1], rtol=1e-6, atol=1e-9)
    default = outputs_of_margin(gram, rng(7), **how, n_sweeps=12)
    tenth = outputs_of_margin(gram, rng(7), **how, n_sweeps=12, every=10)
    np.testing.assert_array_equal(default, tenth)
    assert len(default) == 1


def test_of_a_gram_matrix_without_a_batch_there_is_one_problem():
    gram, start = np.array([[1.0, 0.2], [0.2, 2.0]]), np.full((3, 2), 0.4)
    how = {"n_features": 7, "n_sweeps": 8, "every": 1}
    one = outputs_of_margin(gram, rng(), start=start, margin=0.1, **how)
    batch = outputs_of_margin(gram[None], rng(), start=start[None], margin=[0.1], **how)
    np.testing.assert_allclose(one, batch[:, 0], rtol=1e-9)
    assert start.tolist() == [[0.4, 0.4]] * 3  # it is left alone
    with pytest.raises(ValueError, match=r"gram has shape .2, 1.; give square matrices"):
        outputs_of_margin(gram[:, :1], rng(), start=start, margin=0.1, **how)
    with pytest.raises(ValueError, match=r"gram has shape .2,.; give square matrices"):
        outputs_of_margin(gram[0], rng(), start=start, margin=0.1, **how)
    for wrong in (np.full((3, 3), 0.4), np.full((1, 3, 2), 0.4)):
        with pytest.raises(ValueError, match=r"start has shape .*; give \(..., n_chains, 2\)"):
            outputs_of_margin(gram, rng(), start=wrong, margin=0.1, **how)
    with pytest.raises(ValueError, match=r"at least n_samples . 3 = 5; got 4"):
        outputs_of_margin(gram, rng(), start=start, margin=0.1, n_features=4, n_sweeps=8)
    five = outputs_of_margin(gram, rng(), start=start, margin=0.1, n_features=5, n_sweeps=8)
    assert five.size == 0  # the tenth sweep is not there
    for indefinite in ([[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]):
        with pytest.raises(ValueError, match="positive definite"):
            outputs_of_margin(indefinite, rng(), start=start, margin=0.1, **how)


def test_a_start_may_be_at_its_bounds_up_to_rounding():
    how = {"n_features": 9, "n_sweeps": 4, "every": 1}
    on, start = 1e-10, np.array([[0.6, 0.8]])
    for margin, length, words in (
        (0.6 + on, 1.0, ""),
        (0.6 + 1e-8, 1.0, "outputs below margin"),
        (0.1, 1 + on, ""),
        (0.1, 1 + 1e-8, "no unit vector"),
        (-1e-8, 1.0, "margin must be at least 0; got -1e-08"),
    ):
        if words:
            with pytest.raises(ValueError, match=words):
                outputs_of_margin(np.eye(2), rng(), start=length * start, margin=margin, **how)
        else:
            f = outputs_of_margin(np.eye(2), rng(), start=length * start, margin=margin, **how)
            assert f.min() >= min(0.6, margin) - 2e-10
            assert np.isfinite(f).all() and (f**2).sum(axis=-1).max() < 1 + 1e-9


def test_a_batch_may_have_several_axes():
    gram = np.array([[1.0, 0.2], [0.2, 2.0]]) * np.arange(1.0, 7.0).reshape(2, 3, 1, 1)
    start, how = np.full((2, 3, 4, 2), 0.3), {"n_features": 7, "n_sweeps": 8, "every": 1}
    margin = np.linspace(0, 0.2, 6).reshape(2, 3)
    f = outputs_of_margin(gram, rng(), start=start, margin=margin, **how)
    flat = outputs_of_margin(
        gram.reshape(6, 2, 2), rng(), start=start.reshape(6, 4, 2), margin=margin.ravel(), **how
    )
    np.testing.assert_allclose(f.reshape(-1, 6, 4, 2), flat, rtol=1e-9)
    with pytest.raises(ValueError, match="give square matrices"):
        outputs_of_margin(gram[..., :1], rng(), start=start, margin=margin, **how)


@pytest.mark.parametrize("beyond", [0.0, 1e-12])
def test_from_length_one_any_shorter_one_may_follow(beyond):
    """There the density is zero, and the slice is all that the margin allows."""
    f = np.tile((1 + beyond) * np.array([0.6, 0.8]), (2000, 1))
    moved = outputs._lengthen(f, np.eye(2), np.array([0.3]), 2.0, rng())
    squares = (moved**2).sum(axis=1)
    assert (squares < 1).all() and moved.min() >= 0.3 - 1e-12
    assert np.quantile(squares, [0.1, 0.5, 0.9]) == pytest.approx([0.325, 0.625, 0.925], abs=0.05)


def test_a_move_along_a_line_ends_at_its_walls():
    """From next to a wall the whole way is away from it; no output falls below the smallest."""
    inverse, power, lowest = np.eye(2), 50.0, np.array([0.3])
    f = np.tile([0.3, 0.5], (500, 1))
    v = np.tile([1.0, -0.5], (500, 1))
    moved = outputs._along(f, v, inverse, lowest, power, rng())
    assert (moved[:, 0] >= 0.3).all() and (moved[:, 1] >= 0.3).all()
    step = moved[:, 0] - 0.3
    assert moved[:, 1] == pytest.approx(0.5 - step / 2, abs=1e-12) and step.max() > 0.03
    back = outputs._along(f, -v, inverse, lowest, power, rng())
    assert (back >= 0.3).all() and (back[:, 0] - 0.3).max() > 0.03


@pytest.mark.parametrize("batch", [(), (2,)])
def test_weights_of_given_outputs_are_a_random_direction_beside_the_pseudoinverse(batch):
    Z, f = rng(1).standard_normal((*batch, 3, 7)), 0.1 * rng(2).standard_normal((*batch, 5, 3))
    w = with_outputs(Z, f, rng())
    normal = rng().standard_normal((*batch, 5, 7))
    for at in np.ndindex(*batch, 5):
        inverse = np.linalg.pinv(Z[at[:-1]])
        within = inverse @ f[at]
        across = normal[at] - inverse @ (Z[at[:-1]] @ normal[at])
        left = np.sqrt(1 - within @ within)
        assert w[at] == pytest.approx(within + left * across / np.linalg.norm(across), abs=1e-12)
        alone = with_outputs(Z[at[:-1]], f[at], rng(4))  # one vector, without an axis of draws
        assert alone == pytest.approx(with_outputs(Z[at[:-1]], f[at][None], rng(4))[0])
    for wrong in (f[..., :2], 0.5):
        with pytest.raises(ValueError, match=r"f has shape .* an output for each row of Z"):
            with_outputs(Z, wrong, rng())
    with pytest.raises(ValueError, match="f has shape"):
        with_outputs(np.ones(3), np.ones(3), rng())
    whole = with_outputs(np.eye(3)[:1], [[1.0]], rng())
    assert whole == pytest.approx(np.eye(3)[:1], abs=1e-12)
    beyond = with_outputs(np.eye(3)[:1], [[1.0 + 1e-12]], rng())
    assert beyond == pytest.approx(np.eye(3)[:1], abs=1e-11)


@pytest.mark.parametrize("seed", range(40))
def test_weights_of_outputs_of_rows_that_depend_on_each_other(seed):
    """Z w = f, a unit vector, and beside the pseudoinverse a direction that no row sees."""
    source = rng(seed)
    Z = source.standard_normal((3, 6)) * 10.0 ** source.choice([0, -8, 100, -200], (3, 1))
    Z = [Z[[0, 1, 0]], Z[[0, 1, 1]] * [[1], [1], [-2]], Z * [[1], [1], [0]], Z[[0, 0, 1]]][seed % 4]
    if seed % 3 == 0:
        Z = source.standard_normal((3, 6))
        Z[2] = Z[0] + Z[1]
    size = np.abs(Z).max(axis=1).clip(1e-300)
    true = source.standard_normal((4, 6))
    true *= source.random((4, 1)) / np.linalg.norm(true, axis=1, keepdims=True)
    w = with_outputs(Z, true @ Z.T, rng())
    assert np.abs((w - true) @ Z.T / size).max() < 1e-13
    assert np.linalg.norm(w, axis=1) == pytest.approx(1, abs=1e-13)
    rows = np.linalg.svd(Z / size[:, None])[2][:2]
    across = rng().standard_normal((4, 6))
    across -= across @ rows.T @ rows
    beside = w - true @ rows.T @ rows
    cosine = (beside * across).sum(axis=1) / np.linalg.norm(across, axis=1)
    assert cosine == pytest.approx(np.linalg.norm(beside, axis=1), abs=1e-12)
    batch = with_outputs(np.array([Z, Z]), np.array([true @ Z.T] * 2), rng())[0]
    assert np.abs((batch - true) @ Z.T / size).max() < 1e-13


@pytest.mark.parametrize(
    ("Z", "f", "said"),
    [
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], [0.1, 0.2, 0.7], "no w has: .* is 1e-01 off"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], [0.1, 0.2, 0.3 + 1e-9], "no w has: .* is 4e-10 off"),
        ([[0, 0, 0]], [0.1], "no w has: .* is 1e-01 off"),
        ([[1, 0, 0], [1, 1e-10, 0]], [0.1, 0.1], "rounding leaves open .* Leave out one of these"),
        ([[1, 0, 0], [1, 1e-12, 0]], [0.1, 0.1], "rounding leaves open"),
        ([[1, 0, 0]], [2.0], "no unit vector has: w would have length 2 at least"),
        ([[1e-140, 0, 0]], [1e140], "no unit vector has: w would have length 1e[+]280"),
        ([[1e-200, 0, 0]], [1e140], "no unit vector has: w would have length inf"),
        (np.eye(3, 4), [0.7, 0.7, 0.7], "no unit vector has: w would have length 1.21243"),
        (np.eye(3, 4)[[0, 1, 2, 0]], [0.7, 0.7, 0.7, 0.7], "w would have length 1.21243"),
        (np.eye(2), [0.3, 0.4], "no unit vector has: only w of length 0.5 has them"),
        (np.eye(2)[[0, 1, 1]], [0.3, 0.4, 0.4], "only w of length 0.5 has them"),
        (np.ones((2, 1, 3)), [0.1], r"f has shape \(1,\) and Z \(2, 1, 3\)"),
        (np.ones((2, 1, 3)), np.ones((3, 4, 1)), r"f has shape \(3, 4, 1\) and Z \(2, 1, 3\)"),
    ],
)
def test_outputs_that_no_unit_vector_has_are_refused(Z, f, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=said):
            with_outputs(Z, f, rng())


def test_where_no_direction_is_left_the_outputs_say_all():
    for Z in (np.eye(2), np.eye(2)[[0, 1, 1]], [[0.8, -0.6], [0.6, 0.8]], [[1, 0], [1, 1e-7]]):
        f = np.asarray(Z) @ [0.6, 0.8]
        assert with_outputs(Z, f, rng()) == pytest.approx([0.6, 0.8], abs=2e-9)
    assert with_outputs(np.zeros((0, 3)), np.zeros((5, 0)), rng()).shape == (5, 3)
    far = np.array([[1.0, 0, 0], [1.0, 1e-7, 0]])  # near enough to one row to be told from it
    w = with_outputs(far, far @ [0.5, 0.6, 0.1], rng())
    assert w[:2] == pytest.approx([0.5, 0.6], abs=1e-8)


# ---- hit and run -------------------------------------------------------------------------------


def hit_and_run(data, source, start, smallest, n_draws, n_steps):
    """One chain after another: the arcs of all samples, intersected."""
    w = np.tile(start / np.linalg.norm(start), (n_draws, 1))
    for _ in range(n_steps):
        normal, u = source.standard_normal(w.shape), source.random(n_draws)
        for c in range(n_draws):
            v = normal[c] - (normal[c] @ w[c]) * w[c]
            v /= np.linalg.norm(v)
            first, last = -np.inf, np.inf
            for z in data.Z:
                size = np.hypot(z @ w[c], z @ v)
                top = np.arctan2(z @ v, z @ w[c])  # where <z, w cos + v sin> is largest
                half = np.arccos(min(1.0, smallest / size))
                first, last = max(first, top - half), min(last, top + half)
            angle = between(u[c], first, last)
            w[c] = w[c] * np.cos(angle) + v * np.sin(angle)
    return w


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_hit_and_run_is_uniform_on_what_all_arcs_share(share):
    data = datasets.separable(seed=3, n_samples=6, n_features=4)
    every = unit(rng().standard_normal((20_000, 4))) @ data.Z.T
    start = 3 * unit(rng().standard_normal((20_000, 4)))[every.min(axis=1).argmax()]
    smallest = share * every.min(axis=1).max()
    how = {"start": start, "margin": smallest, "n_draws": 5}
    w = draws_of_margin(data, rng(5), n_steps=6, **how)
    assert w == pytest.approx(hit_and_run(data, rng(5), start, smallest, 5, 6), abs=1e-9)
    assert (w @ data.Z.T).min() >= smallest - 1e-12
    default = draws_of_margin(data, rng(5), **how)
    np.testing.assert_array_equal(default, draws_of_margin(data, rng(5), n_steps=300, **how))


@pytest.mark.parametrize("thin", [1e-9, 1e-14])
def test_the_unseen_part_is_turned_and_keeps_its_length(thin):
    """Rows along two of five axes; what is seen of a third is or is not rounding."""
    Z = np.array([[1.0, 0.5, 0, 0, 0], [0.3, 1.0, thin, 0, 0], [0.8, 0.8, 0, 0, 0]])
    data, start = Dataset.from_signed(Z), np.array([0.5, 0.5, 0.1, -0.6, 0.2])
    w = draws_of_margin(data, rng(5), start=start, margin=0.1, n_draws=2000, n_steps=1)
    before = hit_and_run(data, rng(5), start, 0.1, 2000, 1)
    n_seen = 3 if thin > 1e-12 else 2
    assert w[:, :2] == pytest.approx(before[:, :2], abs=1e-8)
    assert (np.abs(w[:, 2] - before[:, 2]).max() < 1e-6) == (n_seen == 3)
    lengths = np.linalg.norm(w[:, n_seen:], axis=1)
    assert lengths == pytest.approx(np.linalg.norm(before[:, n_seen:], axis=1), abs=1e-8)
    directions = w[:, n_seen:] / lengths[:, None]
    assert np.abs(directions.mean(axis=0)).max() < 4 / np.sqrt(2000)
    squares = (directions**2).mean(axis=0)
    assert squares == pytest.approx(np.full(5 - n_seen, 1 / (5 - n_seen)), abs=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_where_the_margin_leaves_one_direction_the_chain_stays_there(seed):
    """Up to rounding, which must not make an arc of an angle that is none."""
    z = unit(rng(seed).standard_normal((3, 5)))
    for one in z:
        data = Dataset.one_class([one])
        how = {"start": 3 * one, "margin": 1 - 1e-15, "n_draws": 20, "n_steps": 5}
        w = draws_of_margin(data, rng(100), **how)
        assert w == pytest.approx(np.tile(one, (20, 1)), abs=1e-6)
    with pytest.raises(ValueError, match="start must have 1 axes"):
        draws_of_margin(data, rng(), start=z[2:], margin=0.5, n_draws=2)


# ---- rotations of two neurons ------------------------------------------------------------------


def rotated(net, X, y, source, start, margin, n_sweeps, every):
    """The chains of `networks_of_margin`, with margins from the network itself."""
    sets, chains, _ = start.shape
    width, d = net.widths[1], net.widths[0]
    theta = start / np.linalg.norm(start, axis=-1, keepdims=True)
    arc, kept, each = TURN, [], list(np.ndindex(sets, chains))

    def least(j, theta):
        return (y[j] * net.predict(theta, X[j])).min()

    lowest = {(j, c): min(margin[j], least(j, theta[j, c])) for j, c in each}
    for sweep in range(1, n_sweeps + 1):
        turned = []
        for pair in source.permutation(width).reshape(-1, 2):
            places = np.concatenate([[*range(k * d, k * d + d), width * d + k] for k in pair])
            normal = source.standard_normal((sets, chains, 2 * d + 2))
            last = arc * source.random(sets * chains)
            ends = {at: [last[i] - arc, last[i]] for i, at in enumerate(each)}
            left, angle = list(each), dict.fromkeys(each, 0.0)
            for _ in range(rotations.TRIALS):
                u, again = source.random(len(left)), []
                for share, at in zip(u, left, strict=True):
                    here = theta[at][places]
                    there = normal[at] - normal[at] @ here / (here @ here) * here
                    there *= np.linalg.norm(here) / np.linalg.norm(there)
                    t = between(share, *ends[at])
                    trial = theta[at].copy()
                    trial[places] = np.cos(t) * here + np.sin(t) * there
                    if least(at[0], trial) >= lowest[at]:
                        angle[at] = t, trial
                    else:
                        ends[at][int(t >= 0)] = t
                        again.append(at)
                left = again
                if not left:
                    break
            for at in each:
                if angle[at]:
                    angle[at], theta[at] = angle[at]
            turned.append(np.mean(np.abs(list(angle.values()))))
        if sweep <= n_sweeps // 4:
            arc = min(TURN, (arc + 8 * np.mean(turned)) / 2)
        elif sweep % every == 0:
            kept.append(theta.copy())
    return np.array(kept)


def problem(width=4, n=4):
    """Two training sets in the plane, their margins, and starts of some margin."""
    net, source = two_layer_relu(2, width), rng(11)
    X = source.standard_normal((2, n, 2))
    y = np.sign(X @ [1.0, -0.5])
    some = unit(source.standard_normal((20_000, net.n_parameters)))
    start, margin = [], []
    for j in range(2):
        reached = (y[j] * net.predict(some, X[j])).min(axis=1)
        best = np.argsort(reached)[-3:]
        start.append(some[best])
        margin.append((0.7, 0.2)[j] * reached[best[0]])
    return net, X, y, np.array(start), np.array(margin)


@pytest.mark.parametrize(("n_sweeps", "every", "width"), [(9, 1, 4), (12, 4, 6), (3, 1, 2)])
def test_two_neurons_turn_along_great_circles_by_as_much_as_fits(n_sweeps, every, width):
    net, X, y, start, margin = problem(width)
    assert (margin > 0).all()
    how = {"start": 2 * start, "margin": margin, "n_sweeps": n_sweeps, "every": every}
    theta = networks_of_margin(net, X, y, rng(5), **how)
    right = rotated(net, X, y, rng(5), start, margin, n_sweeps, every)
    assert theta.shape == right.shape and len(right)
    np.testing.assert_allclose(theta, right, atol=1e-9)


@pytest.mark.parametrize("small", [0.0, 1e-320, 1e-200, 1e-160])
def test_two_neurons_that_are_dead_or_next_to_it_do_not_divide_by_zero(small):
    """Of four two are so: when they meet, they stay, and the chain goes on."""
    net = two_layer_relu(1, 4)
    start = [[[1.0, 0.0, small, 0.0, 1.0, 0.0, -small, 0.0]]]
    how = {"start": start, "margin": [0.2], "n_sweeps": 40}
    theta = networks_of_margin(net, [[[1.0]]], [[1.0]], rng(), **how)
    assert np.linalg.norm(theta, axis=-1) == pytest.approx(np.ones((3, 1, 1)))
    assert (net.predict(theta, [[1.0]]) >= 0.2 - 1e-9).all()
    assert (theta[-1] != 0).all()


def test_every_tenth_sweep_is_kept_unless_told_otherwise():
    net, X, y, start, margin = problem(2)
    how = {"start": start, "margin": margin, "n_sweeps": 21}
    default = networks_of_margin(net, X, y, rng(5), **how)
    np.testing.assert_array_equal(default, networks_of_margin(net, X, y, rng(5), every=10, **how))
    assert len(default) == 2


def chains_of(d=5, n=2, width=4, margin=0.0):
    """Two sets of two samples in five dimensions, along their first two axes."""
    net, source = two_layer_relu(d, width), rng(13)
    X = np.zeros((2, n, d))
    X[..., :2] = source.standard_normal((2, n, 2))
    theta = unit(source.standard_normal((2, 3, net.n_parameters)))
    W, a = net.layers(theta)
    y = np.ones((2, n))
    theta = net.flatten([W, np.abs(a)])  # all outputs are at least zero
    lowest = np.full(2, margin)
    return net, X, y, theta, rotations._Chains(net, X, y, rng(5), theta, lowest)


def test_what_enters_the_neurons_is_kept_up_to_date():
    net, X, y, theta, chains = chains_of()
    for k in range(3):
        chains.sweep(adapt=k == 0)
    H, f = chains.H.copy(), chains.shares().sum(axis=2)
    now = net.flatten([chains.W, chains.a[..., None, :]])
    for j in range(2):
        assert f[j] == pytest.approx(y[j] * net.predict(now[j], X[j]), abs=1e-12)
        assert H[j] == pytest.approx(net.layers(now[j])[0] @ X[j].T, abs=1e-12)
    chains.look()
    assert pytest.approx(H, abs=1e-12) == chains.H
    assert (now != theta).any() and np.linalg.norm(now, axis=-1) == pytest.approx(np.ones((2, 3)))
    assert len(chains.turned) == 2


UNSEEING = [
    ([[1.0]], [1], 2 / 17),  # (1/16) / (1/16 + 15/32): no neuron, or some and a sum above zero
    ([[1.0], [-1.0]], [1, -1], 2 / 9),  # (2/16 / 2) / (2/16 / 2 + 14/16 / 4)
    ([[1.0, 0.2], [0.3, -1.0], [-1.0, -1.0]], [1, -1, 1], None),
]


@pytest.mark.parametrize(("X", "y", "right"), UNSEEING)
def test_a_margin_of_zero_keeps_the_share_of_networks_that_do_not_see_a_sample(X, y, right):
    """Draws by rejection stay what they are: nothing of their law is lost in rounding."""
    net, X, y = two_layer_relu(len(X[0]), 4), np.array(X), np.array(y)

    def unseen(theta):
        return (net.predict(theta, X) == 0).any(axis=1)

    some = unit(rng(1).standard_normal((100_000, net.n_parameters)))
    start = some[(y * net.predict(some, X) >= 0).all(axis=1)]
    how = {"start": [start[:20_000]], "margin": [0.0], "n_sweeps": 12, "every": 12}
    drawn = networks_of_margin(net, [X], [y], rng(), **how)[-1, 0]
    right = unseen(start).mean() if right is None else right
    each = np.sqrt(right * (1 - right))
    error = each * (len(drawn) ** -0.5 + len(start) ** -0.5)
    assert abs(unseen(start).mean() - right) < 4 * error  # the truth itself
    assert abs(unseen(drawn).mean() - right) < 4 * error
    assert (y * net.predict(drawn, X)).min() >= 0


def test_what_no_sample_of_the_set_sees_is_fresh_and_as_long_as_it_was():
    net, X, _, theta, chains = chains_of()
    assert [basis.shape for basis in chains.unseen] == [(3, 5)] * 2
    fresh = chains.fresh()
    (W, a), (V, b) = net.layers(theta), net.layers(fresh)
    np.testing.assert_array_equal(a, b)
    assert V[..., :2] == pytest.approx(W[..., :2], abs=1e-13)
    before, after = W[..., 2:], V[..., 2:]
    assert (after**2).sum(axis=(2, 3)) == pytest.approx((before**2).sum(axis=(2, 3)))
    normal = rng(5).standard_normal((2, 3, 4, 3))  # in some basis of what is unseen
    assert np.linalg.norm(after, axis=3) / np.sqrt((after**2).sum(axis=(2, 3)))[
        ..., None
    ] == pytest.approx(
        np.linalg.norm(normal, axis=3) / np.sqrt((normal**2).sum(axis=(2, 3)))[..., None]
    )
    for j in range(2):
        kept = chains.shares().sum(axis=2)[j]
        assert kept == pytest.approx(net.predict(fresh[j], X[j]), abs=1e-12)
    thin = np.array([[1.0, 0.0, 0.0], [1.0, 1e-12, 0.0], [0.0, 0.0, 1e-9]])
    assert rotations._Chains._unseen(np.zeros((2, 3))).shape == (3, 3)
    basis = rotations._Chains._unseen(thin)
    assert np.abs(basis) == pytest.approx(np.array([[0.0, 1.0, 0.0]]), abs=1e-11)


@pytest.mark.parametrize("long", [1e6, 1e100])
def test_networks_keep_the_margin_of_a_short_sample_beside_a_long_one(long):
    """Two neurons in the plane see both samples: nothing of them is unseen."""
    net, X = two_layer_relu(2, 2), np.array([[long, 0.0], [0.0, 1 / long]])
    start = np.repeat([[[1.0] * 6]], 100, axis=1)
    theta = networks_of_margin(net, [X], [[1, 1]], rng(), start=start, margin=[0.0], n_sweeps=40)
    assert (net.predict(theta, X) >= 0).all() and np.ptp(theta[-1], axis=1).min() > 0.1
    with pytest.raises(ValueError, match="start has a margin below margin"):
        bad = np.array([[[1.0, -1.0, 1.0, 1.0, 1.0, -1.0]]])  # the second sample is at -1/long
        networks_of_margin(net, [X], [[1, 1]], rng(), start=bad, margin=[0.0], n_sweeps=4)


def test_a_start_of_just_its_margin_but_for_rounding_is_taken():
    net, X, y, start, _ = problem(2)
    own = np.array([(y[j] * net.predict(start[j], X[j])).min() for j in range(2)])
    how = {"start": start, "n_sweeps": 4, "every": 1}
    theta = networks_of_margin(net, X, y, rng(), margin=own * (1 + 1e-10), **how)
    reached = np.array([(y[j] * net.predict(theta[:, j], X[j])).min() for j in range(2)])
    assert (reached >= own - 1e-9).all()
    with pytest.raises(ValueError, match="start has a margin below margin"):
        networks_of_margin(net, X, y, rng(), margin=own + np.array([0.0, 1e-8]), **how)
    with pytest.raises(ValueError, match="start has a margin below margin"):
        networks_of_margin(net, X, y, rng(), margin=own + np.array([1e-8, 0.0]), **how)


# ---- the rise ----------------------------------------------------------------------------------


def risen(net, X, y, source, n_chains, margin, step, n_steps, n_tries):
    """Steps along the gradient of a soft minimum of the margins, one network after another."""
    theta = source.standard_normal((len(X), n_chains, net.n_parameters))
    theta = theta / np.linalg.norm(theta, axis=-1, keepdims=True)
    short = dict.fromkeys(np.ndindex(len(X), n_chains), True)
    for k in range(n_steps * n_tries):
        below = [at for at in short if short[at]]
        if k and k % n_steps == 0:
            for at, normal in zip(
                below, source.standard_normal((len(below), net.n_parameters)), strict=True
            ):
                theta[at] = normal / np.linalg.norm(normal)
        for at in below:
            j = at[0]
            q = y[j] * net.predict(theta[at], X[j])
            short[at] = q.min() < margin[j]
            if short[at]:
                sharp = 20 / max(margin[j], 1e-3)
                weights = np.exp(-sharp * (q - q.min()))
                uphill = net.vjp(theta[at], X[j], weights / weights.sum() * y[j])
                moved = theta[at] + step * uphill
                theta[at] = moved / np.linalg.norm(moved)
        if not any(short.values()):
            return theta
    return None


@pytest.mark.parametrize(("share", "step"), [(0.5, 0.05), (0.0, 0.02)])
def test_random_networks_climb_the_soft_minimum_of_their_margins(share, step):
    net, X, y, _, margin = problem(4, n=3)
    margin = share * margin
    how = {"n_chains": 3, "margin": margin, "n_steps": 40, "n_tries": 30}
    theta = rise_to_margin(net, X, y, rng(6), step=step, **how)
    right = risen(net, X, y, rng(6), step=step, **how)
    assert right is not None
    np.testing.assert_allclose(theta, right, atol=1e-8)
    for j in range(2):
        assert (y[j] * net.predict(theta[j], X[j])).min() >= margin[j]
    if step == 0.02:
        np.testing.assert_array_equal(theta, rise_to_margin(net, X, y, rng(6), **how))


def test_a_network_that_does_not_rise_is_tried_as_often_as_told_and_counted():
    net, X, y, _, _ = problem(2, n=3)
    with pytest.raises(RuntimeError, match=r"^3 tries of 2 steps did not bring 4 of 4"):
        rise_to_margin(net, X, y, rng(), n_chains=2, margin=[5.0, 5.0], n_steps=2, n_tries=3)
    for default, words in (({"n_tries": 1}, "1 tries of 2000"), ({"n_steps": 1}, "20 tries of 1")):
        with pytest.raises(RuntimeError, match=f"^{words} steps"):
            rise_to_margin(net, X, y, rng(), n_chains=1, margin=[5.0, 5.0], **default)
    theta = unit(rng().standard_normal((2, 9, net.n_parameters)))
    q = y[:, None] * [net.predict(theta[j], X[j]) for j in range(2)]
    short = int((q.min(axis=-1) < [[0.0], [0.1]]).sum())
    assert 0 < short < 18
    with pytest.raises(RuntimeError, match=rf"^1 tries of 1 steps did not bring {short} of 18"):
        rise_to_margin(net, X, y, rng(), n_chains=9, margin=[0.0, 0.1], n_steps=1, n_tries=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_chains": 0}, "n_chains must be a whole number"),
        ({"n_steps": 0}, "n_steps must be a whole number"),
        ({"n_tries": 0}, "n_tries must be a whole number"),
        ({"step": 0.0}, "step must be"),
        ({"margin": [0.1]}, "X, y and margin have the shapes"),
        ({"margin": [0.1, -0.1]}, "margin must be at least 0; got -0.1"),
        ({"margin": [[0.1, 0.1]]}, "margin must have 1 axes"),
        ({"X": np.ones((4, 2))}, "X must have 3 axes"),
        ({"X": np.ones((2, 5, 2))}, "X, y and margin have the shapes"),
        ({"y": np.ones(4)}, "y must have 2 axes"),
        ({"rng": 3}, "rng"),
        ({"net": "net"}, r"net must be.*two_layer_relu\(n_features, width\)"),
        ({"net": two_layer_relu(2, 5)}, "net must be .* of even width"),
    ],
)
def test_bad_input_of_the_rise_is_named(change, words):
    net, X, y, _, margin = problem(2)
    how = {"net": net, "X": X, "y": y, "rng": rng(), "n_chains": 1, "margin": margin} | change
    given = [how.pop(name) for name in ("net", "X", "y", "rng")]
    with pytest.raises(ValueError, match=words):
        rise_to_margin(*given, **how)
