"""The maximum margin over the unit ball of the variation norm F1, in the plane, certified.

F1 holds the functions f(x) = sum_k c_k max(<w_k, x>, 0) with unit vectors w_k, any number
of them, and ||f|| is the smallest possible sum_k |c_k|. Its maximum margin is the value of
a game between neurons and samples,

    max_{||f|| <= 1} min_i y_i f(x_i) = min_p max_{||w|| = 1} |sum_i p_i y_i max(<w, x_i>, 0)|,

p convex weights. The inner maximum over w is exact in the plane: between two kinks the sum
is linear in w, so that its largest value there is at the end of a vector or at a kink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.optima._predictor import Classifier, new_inputs
from ibias.optima._solver import require
from ibias.trajectory import unit

GAP = 1e-9  # the largest gap, relative to the margin, that is returned
ROUNDS = 100
SMALL = 1e-9  # weights below this, and margins beside the longest input, are rounding
NEVER = (
    "data: no two-layer ReLU network without bias separates them by more than rounding: such a"
    " network is an even function plus a linear one, and linear along every ray from the origin."
    " For a bias in the first layer, append a constant feature to one-dimensional inputs."
)


@dataclass(frozen=True, eq=False)
class VariationMargin(Classifier):
    """The function of F1 norm 1 with the largest margin.

    Attributes
    ----------
    margin : float
        min_i y_i f(x_i).
    neurons : array, shape (n_neurons, 2)
        The unit vectors w_k.
    weights : array, shape (n_neurons,)
        The coefficients c_k; their absolute values sum to 1.
    dual_variables : array, shape (n_samples,)
        The convex weights p that no neuron correlates with by more than `margin` +
        `duality_gap`.
    duality_gap : float
        max_w |sum_i p_i y_i max(<w, x_i>, 0)| - margin: no function of F1 norm 1 has a margin
        larger than `margin` + `duality_gap`.
    """

    margin: float
    neurons: np.ndarray
    weights: np.ndarray
    dual_variables: np.ndarray
    duality_gap: float

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return f(x) = sum_k c_k max(<w_k, x>, 0), shape (n_samples,)."""
        return np.maximum(new_inputs(X, 2) @ self.neurons.T, 0) @ self.weights


def variation_margin(data: Dataset) -> VariationMargin:
    """Return the F1 maximum margin of planar data, by column generation.

    A linear program over the neurons found so far gives f and p; the best neurons against p,
    found exactly, join them, until none beats the margin (Chizat and Bach 2020, section 3,
    pose the problem; a network of width n_samples + 1 attains it).

    Raises
    ------
    ValueError
        If the inputs are not in the plane, or if no function of F1 separates them.
    RuntimeError
        If the linear program fails or the gap stays above 1e-9 of the margin.

    Examples
    --------
    >>> best = variation_margin(Dataset([[1.0, 0.0], [0.0, 1.0]], [1, -1]))
    >>> round(best.margin, 6), best.predict([[2.0, 0.5], [0.0, 3.0]])
    (0.5, array([ 1., -1.]))
    """
    data = require("data", data, Dataset)
    if data.n_features != 2:
        raise ValueError(
            f"data: the inputs have {data.n_features} features; the F1 margin is certified in the"
            " plane only. For one feature and a bias, append a column of ones."
        )
    size = np.linalg.norm(data.X, axis=1).max()
    if size == 0:
        raise ValueError(
            "data: all inputs are zero, where every network without bias is zero; check X."
        )
    X, y = data.X / size, data.y
    p = np.full(data.n_samples, 1 / data.n_samples)
    pool, margin = np.empty((0, 2)), -np.inf
    for _ in range(ROUNDS):
        candidates = _candidates(X, y, p)
        heights = np.abs(_correlation(X, y, p, candidates))
        gap = heights.max() - margin
        if abs(gap) <= GAP * margin:
            break
        if heights.max() <= SMALL:  # p itself certifies that there is no larger margin
            raise ValueError(NEVER)
        pool = np.vstack([pool, candidates[heights > margin]])
        weights, p, value = _game(X, y, pool)
        if value <= 0:
            margin = 0.0
            continue
        neurons, weights = _merged(X, pool, weights)
        margin = (y * (np.maximum(X @ neurons.T, 0) @ weights)).min()
    else:
        raise RuntimeError(
            f"data: after {ROUNDS} rounds the margin {margin * size:.3g} is certified only to"
            f" {gap * size:.1e}: samples of different labels almost share a ray. Drop one of the"
            f" samples {np.argsort(-p)[:2].tolist()}."
        )
    return VariationMargin(
        margin=float(margin * size),
        neurons=read_only(neurons),
        weights=read_only(weights),
        dual_variables=read_only(p),
        duality_gap=float(gap * size),
    )


def _correlation(X: np.ndarray, y: np.ndarray, p: np.ndarray, neurons: np.ndarray) -> np.ndarray:
    """Return sum_i p_i y_i max(<w_k, x_i>, 0) for each neuron."""
    return np.maximum(neurons @ X.T, 0) @ (p * y)


def _candidates(X: np.ndarray, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return unit vectors among which every local maximum of |correlation| is found.

    The kinks, orthogonal to a sample; and for each sector between neighbouring kinks the
    vector sum_{i active} p_i y_i x_i that the correlation is linear with there, both signs.
    """
    angles = np.arctan2(X[:, 1], X[:, 0])[np.linalg.norm(X, axis=1) > 0]
    kinks = np.unique(np.r_[angles + np.pi / 2, angles - np.pi / 2] % (2 * np.pi))
    middles = kinks + np.roll(kinks, -1) + 2 * np.pi * (np.arange(kinks.size) == kinks.size - 1)
    middles = np.c_[np.cos(middles / 2), np.sin(middles / 2)]
    peaks = ((middles @ X.T > 0) * (p * y)) @ X
    peaks = peaks[np.linalg.norm(peaks, axis=1) > 0]
    return np.vstack([np.c_[np.cos(kinks), np.sin(kinks)], unit(peaks), unit(-peaks)])


def _merged(
    X: np.ndarray, neurons: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge the neurons of one sign that are active on the same samples; drop unused ones.

    max(<w, x_i>, 0) is linear in w on their cone, so that sum_k c_k w_k does the work of all
    of them, at no larger norm.
    """
    used = np.abs(weights) > SMALL
    neurons, weights = neurons[used], weights[used]
    pattern = np.c_[neurons @ X.T > 0, weights > 0]
    _, group = np.unique(pattern, axis=0, return_inverse=True)
    sums = np.zeros((group.max() + 1, neurons.shape[1]))
    np.add.at(sums, group.ravel(), np.abs(weights)[:, None] * neurons)
    sizes, signs = np.linalg.norm(sums, axis=1), np.zeros(len(sums))
    signs[group.ravel()] = np.sign(weights)
    return sums / sizes[:, None], signs * sizes / sizes.sum()


def _game(
    X: np.ndarray, y: np.ndarray, neurons: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the best mixture of the neurons, signed, the worst weights p, and the value."""
    payoff = y[:, None] * np.maximum(X @ neurons.T, 0)
    n, m = payoff.shape
    answer = linprog(
        np.r_[np.zeros(2 * m), -1.0],
        A_ub=np.hstack([-payoff, payoff, np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.r_[np.ones(2 * m), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * (2 * m) + [(None, None)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if answer.status != 0:
        raise RuntimeError(f"the linear program of the F1 margin failed: {answer.message}")
    p = np.maximum(-answer.ineqlin.marginals, 0.0)
    return answer.x[:m] - answer.x[m : 2 * m], p / p.sum(), -answer.fun
