"""Random two-layer networks of a given normalised margin: rotations of two neurons at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import chance, finite_array, labels, positive, positive_integer, require
from ibias.datasets.rows import units
from ibias.models import Network, two_layer_relu
from ibias.trajectory import direction, unit

TINY = np.finfo(float).tiny
TRIALS = 60  # after so many shrinkings a rotation is smaller than rounding: the neurons stay


def networks_of_margin(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    rng: np.random.Generator,
    *,
    start: ArrayLike,
    margin: ArrayLike,
    n_sweeps: int,
    every: int = 10,
) -> np.ndarray:
    """Draw unit vectors theta with y_i f(theta; x_i) >= margin for all samples, by a Markov chain.

    A step takes two neurons, (w_j, a_j) and (w_k, a_k) as one vector, and turns it along a random
    great circle through it: their common length stays, and with it the uniform measure of the
    sphere. The angle is uniform in an arc around 0 that shrinks towards 0 until the margin is
    kept (slice sampling, Neal 2003). The arc's first width is fixed in the first quarter of the
    sweeps, which is not kept. The law that the chain leaves as it is, is the uniform one; whether
    it *reaches* it has to be shown by chains from different starts.

    Parameters
    ----------
    net : Network
        models.two_layer_relu(n_features, width), without bias, of even width.
    X, y : arrays, shapes (n_sets, n_samples, n_features) and (n_sets, n_samples)
        Several training sets, each with chains of its own.
    rng : Generator
        The source of the draws.
    start : array, shape (n_sets, n_chains, n_parameters)
        Where the chains begin; only directions count.
    margin : array, shape (n_sets,)
        The smallest margin of a unit theta that is allowed, at least 0.
    n_sweeps, every : int
        The number of sweeps over all neurons, and after how many one is kept.

    Returns
    -------
    array, shape (n_kept, n_sets, n_chains, n_parameters)
        The part of the first layer that no sample of the set sees is drawn afresh.

    Raises
    ------
    ValueError
        For bad input, by name.

    Examples
    --------
    >>> net, rng = two_layer_relu(1, 2), np.random.default_rng(0)
    >>> how = {"start": [[[1.0, 0.0, 1.0, 0.0]]], "margin": [0.2], "n_sweeps": 40}
    >>> theta = networks_of_margin(net, [[[1.0]]], [[1.0]], rng, **how)
    >>> theta.shape, bool((net.predict(theta, [[1.0]]) >= 0.2 - 1e-9).all())
    ((3, 1, 1, 4), True)
    """
    X, y, lowest = _problem(net, X, y, margin)
    start = unit(finite_array("start", start, ndim=3))
    chains = _Chains(net, X, y, chance(rng), start, lowest)
    n_sweeps, every = positive_integer("n_sweeps", n_sweeps), positive_integer("every", every)
    kept = []
    for sweep in range(1, n_sweeps + 1):
        chains.sweep(adapt=sweep <= n_sweeps // 4)
        if sweep > n_sweeps // 4 and sweep % every == 0:
            kept.append(chains.fresh())
    return np.array(kept)


def rise_to_margin(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    rng: np.random.Generator,
    *,
    n_chains: int,
    margin: ArrayLike,
    step: float = 0.02,
    n_steps: int = 2000,
    n_tries: int = 20,
) -> np.ndarray:
    """Move random unit vectors up the gradient of the margin, until each has just `margin`.

    What is reached keeps most of what was random: it lies at the other end of the solutions from
    those of descent. A network that is stuck below the margin begins again.

    Parameters
    ----------
    net, X, y, rng, margin
        As for `networks_of_margin`.
    n_chains : int
        How many networks for each set.
    step : float
        The length of a step along the gradient of a soft minimum of the margins.
    n_steps, n_tries : int
        After how many steps a network begins again, and how often.

    Returns
    -------
    array, shape (n_sets, n_chains, n_parameters)

    Raises
    ------
    RuntimeError
        When some network does not reach its margin.

    Examples
    --------
    >>> net, rng = two_layer_relu(1, 2), np.random.default_rng(0)
    >>> theta = rise_to_margin(net, [[[1.0]]], [[1.0]], rng, n_chains=3, margin=[0.3])
    >>> theta.shape, bool((net.predict(theta, [[1.0]]) >= 0.3).all())
    ((1, 3, 4), True)
    """
    X, y, lowest = _problem(net, X, y, margin)
    rng, step = chance(rng), positive("step", step)
    shape = (len(X), positive_integer("n_chains", n_chains), net.n_parameters)
    theta = direction(rng.standard_normal(shape))
    short = np.ones(shape[:2], dtype=bool)
    for k in range(positive_integer("n_steps", n_steps) * positive_integer("n_tries", n_tries)):
        if k and k % n_steps == 0:
            theta[short] = direction(rng.standard_normal((int(short.sum()), shape[2])))
        sets = np.flatnonzero(short.any(axis=1))
        at, signs, least = net.linearize(theta[sets], X[sets, None]), y[sets, None], lowest[sets]
        q = signs * at.predictions
        short[sets] = q.min(axis=-1) < least[:, None]
        if not short.any():
            return theta
        weights = np.exp((q.min(axis=-1, keepdims=True) - q) * 20 / least.clip(1e-3)[:, None, None])
        weights /= weights.sum(axis=-1, keepdims=True)
        theta[sets] = direction(theta[sets] + step * short[sets, :, None] * at.vjp(weights * signs))
    raise RuntimeError(
        f"{n_tries} tries of {n_steps} steps did not bring {int(short.sum())} of {short.size}"
        " networks to their margin; lower margin, or raise n_tries or n_steps."
    )


def _problem(net: Network, X: ArrayLike, y: ArrayLike, margin: ArrayLike) -> tuple:
    require("net", net, Network, example="models.two_layer_relu(n_features, width)")
    X, y = finite_array("X", X, ndim=3), labels("y", y, ndim=2)
    if net != two_layer_relu(net.widths[0], net.widths[1]) or net.widths[1] % 2:
        raise ValueError(f"net must be models.two_layer_relu of even width, no bias; got {net}")
    lowest = finite_array("margin", margin, ndim=1)
    if X.shape[:2] != y.shape or y.shape[:1] != lowest.shape:
        raise ValueError(
            f"X, y and margin have the shapes {X.shape}, {y.shape} and {lowest.shape}; give"
            " (n_sets, n_samples, n_features), (n_sets, n_samples) and (n_sets,)."
        )
    if (lowest < 0).any():
        raise ValueError(f"margin must be at least 0; got {lowest.min():g}")
    return X, y, lowest


class _Chains:
    """Networks on their spheres, and what they compute on the samples of their sets."""

    def __init__(
        self,
        net: Network,
        X: np.ndarray,
        y: np.ndarray,
        rng: np.random.Generator,
        theta: np.ndarray,
        lowest: np.ndarray,
    ) -> None:
        self.net, self.X, self.y, self.rng = net, X, y[:, None], rng
        self.W, a = (layer.copy() for layer in net.layers(theta))  # (sets, chains, width, d)
        self.a = a[..., 0, :]
        if theta.shape[0] != len(X):
            raise ValueError(f"start has shape {theta.shape}; give chains for {len(X)} sets.")
        self.width, self.turned = 2 * np.pi, []
        self.unseen = [self._unseen(one) for one in X]
        self.look()
        each = self.shares()
        f, size = each.sum(axis=-2), np.abs(each).sum(axis=-2)
        if (f + 1e-9 * size < lowest[:, None, None]).any():
            raise ValueError("start has a margin below margin; start at solutions, or lower it.")
        # Each sample's own, but for rounding: (networks, samples).
        self.lowest = np.minimum(lowest[:, None, None], f).reshape(-1, self._n)

    def look(self) -> None:
        """Compute what enters the neurons, (sets, chains, width, n)."""
        sets, chains, width, d = self.W.shape
        entering = self.W.reshape(sets, -1, d) @ self.X.swapaxes(1, 2)
        self.H = entering.reshape(sets, chains, width, -1)

    def shares(self) -> np.ndarray:
        """Return what each neuron adds to the margins, (sets, chains, width, n)."""
        return self.y[:, :, None] * np.maximum(self.H, 0) * self.a[..., None]

    def sweep(self, adapt: bool) -> None:
        """Turn every neuron once, in random pairs; `adapt` the width of the arcs.

        Margins are sums over pairs, of those turned and those to come. A difference to the margin
        before would leave rounding where no other neuron sees a sample, and be below zero.
        """
        pairs, self.turned = self.rng.permutation(self.W.shape[2]).reshape(-1, 2), []
        shares = self.shares().reshape(-1, self.W.shape[2], self._n).swapaxes(0, 1)
        to_come = [np.zeros_like(shares[0])]
        for j, k in pairs[:0:-1]:
            to_come.append(to_come[-1] + (shares[j] + shares[k]))
        done = np.zeros_like(shares[0])
        for pair in pairs:
            done += self.turn(pair, done + to_come.pop())
        if adapt:
            self.width = min(2 * np.pi, (self.width + 8 * np.mean(self.turned)) / 2)

    def turn(self, pair: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Turn two neurons of every network along great circles, by as much as fits.

        `rest` is the share of all others in the margins, (networks, n); that of the two is
        returned.
        """
        sets, chains, _, d = self.W.shape
        here = np.concatenate([self.W[:, :, pair], self.a[:, :, pair, None]], axis=-1)
        here = here.reshape(sets, chains, -1)
        there = self.rng.standard_normal(here.shape)
        # Two dead neurons stay; squares of small ones would underflow.
        size = 2.0 ** np.frexp(np.abs(here).max(axis=-1, keepdims=True))[1]
        scaled = here / size
        squared = (scaled**2).sum(axis=-1, keepdims=True)
        there -= (there * scaled).sum(axis=-1, keepdims=True) / np.maximum(squared, TINY) * scaled
        there *= size * np.sqrt(squared / (there**2).sum(axis=-1, keepdims=True))
        ahead = there.reshape(sets, chains, 2, d + 1)
        H = (ahead[..., :d].reshape(sets, -1, d) @ self.X.swapaxes(1, 2)).reshape(-1, 2, self._n)
        H0, a0 = self.H[:, :, pair].reshape(H.shape), self.a[:, :, pair].reshape(-1, 2)
        signs = np.repeat(self.y[:, 0], chains, axis=0)
        share = signs * (np.maximum(H0, 0) * a0[..., None]).sum(axis=1)
        last = self.width * self.rng.random(len(share))
        first, angle, left = last - self.width, np.zeros(len(last)), np.arange(len(last))
        entering, a1 = H0.copy(), ahead[..., d].reshape(-1, 2)
        for _ in range(TRIALS):
            t = first[left] + (last - first)[left] * self.rng.random(left.size)
            cos, sin = np.cos(t)[:, None], np.sin(t)[:, None]
            turned = cos[..., None] * H0[left] + sin[..., None] * H[left]
            a = cos * a0[left] + sin * a1[left]
            trial = signs[left] * (np.maximum(turned, 0) * a[..., None]).sum(axis=1)
            fits = (rest[left] + trial >= self.lowest[left]).all(axis=-1)
            angle[left[fits]], share[left[fits]] = t[fits], trial[fits]
            entering[left[fits]] = turned[fits]
            left, t = left[~fits], t[~fits]
            if not left.size:
                break
            first[left], last[left] = np.where(t < 0, (t, last[left]), (first[left], t))
        angle = angle.reshape(sets, chains, 1)
        here = (np.cos(angle) * here + np.sin(angle) * there).reshape(sets, chains, 2, d + 1)
        self.W[:, :, pair], self.a[:, :, pair] = here[..., :d], here[..., d]
        self.H[:, :, pair] = entering.reshape(sets, chains, 2, -1)
        self.turned.append(np.abs(angle).mean())
        return share

    @property
    def _n(self) -> int:
        return self.X.shape[1]

    @staticmethod
    def _unseen(X: np.ndarray) -> np.ndarray:
        """Return an orthonormal basis of what is across all samples, shape (n_unseen, d).

        A sample sees as much however short it is: rows of uneven lengths are made even first.
        """
        X = X / units(X)[:, None]
        _, sizes, rows = np.linalg.svd(X)
        return rows[np.count_nonzero(sizes > sizes[0] * 1e-10) :]

    def fresh(self) -> np.ndarray:
        """Return theta with a fresh unseen part of the first layer, (sets, chains, P)."""
        for W, basis in zip(self.W, self.unseen, strict=True):
            if len(basis):
                old = W @ basis.T
                new = self.rng.standard_normal(old.shape)
                new *= np.sqrt(
                    (old**2).sum(axis=(1, 2), keepdims=True)
                    / (new**2).sum(axis=(1, 2), keepdims=True)
                )
                W += (new - old) @ basis
        self.look()
        return self.net.flatten([self.W, self.a[..., None, :]])
