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
from scipy.optimize import OptimizeResult

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.optima._highs import FEASIBILITY, linear_program
from ibias.optima._norms import Extended
from ibias.optima._predictor import Classifier, new_inputs
from ibias.optima._solver import require
from ibias.trajectory import unit

GAP = 1e-9  # the largest gap, relative to the margin, that is returned
ROUNDS = 100
SEEN = 1e-12  # of the largest coefficient: smaller ones are rounding
SMALL = 1e-9  # margins below this, beside the longest input, are rounding
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
        If the gap stays above 1e-9 of the margin.

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
    pool, scale, best = _kinks(X), 1.0, None
    for _ in range(ROUNDS):
        found = _cover(X, y, pool, scale)
        if found is None:
            break
        neurons, weights = _merged(X, pool, found[0])
        p = found[1]
        margin = float((y * _values(X, neurons, weights)).min())
        candidates = _candidates(X, y, p)
        heights = np.abs(_correlation(X, y, p, candidates))
        gap = float(heights.max()) - margin
        if margin > 0 and (best is None or abs(gap) < abs(best[-1])):
            best = neurons, weights, p, margin, gap
        if abs(gap) <= GAP * margin or margin <= 0:
            break
        # In units of the margin: what a solver tolerates is small beside one.
        pool, scale = np.vstack([pool, candidates[heights > margin]]), margin
    if best is None or not abs(best[-1]) <= GAP * best[-2]:
        raise _too_close(X, y, best)
    neurons, weights, p, margin, gap = best
    return VariationMargin(
        margin=float(margin * size),
        neurons=read_only(neurons),
        weights=read_only(weights),
        dual_variables=read_only(p),
        duality_gap=float(gap * size),
    )


def _correlation(X: np.ndarray, y: np.ndarray, p: np.ndarray, neurons: np.ndarray) -> np.ndarray:
    """Return sum_i p_i y_i max(<w_k, x_i>, 0) for each neuron, in extended precision."""
    return _values(neurons, X, p * y)


def _values(X: np.ndarray, neurons: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return sum_k c_k max(<w_k, x>, 0) for each row x, in extended precision."""
    return np.maximum(X.astype(Extended) @ neurons.T, 0) @ weights


def _candidates(X: np.ndarray, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return unit vectors among which every local maximum of |correlation| is found.

    The kinks; and for each sector between neighbouring kinks the vector
    sum_{i active} p_i y_i x_i that the correlation is linear with there, both signs.
    """
    kinks = _kinks(X)
    middles = kinks + np.roll(kinks, -1, axis=0)
    peaks = ((middles @ X.T > 0) * (p * y)) @ X
    peaks = peaks[np.linalg.norm(peaks, axis=1) > 0]
    return np.vstack([kinks, unit(peaks), unit(-peaks)])


def _kinks(X: np.ndarray) -> np.ndarray:
    """Return the unit vectors orthogonal to a sample, by angle; on a line, the line's own too.

    Between two neighbours a neuron is linear: as a function of the samples it is a mixture of
    the neurons at the two ends, so that the kinks alone separate whatever can be separated.
    """
    rays = unit(X[X.any(axis=1)])
    kinks = np.vstack([rays, -rays]) @ [[0.0, 1.0], [-1.0, 0.0]]
    if np.abs(kinks @ rays[0]).max() < SMALL:
        kinks = np.vstack([kinks, rays[:1], -rays[:1]])
    angles = np.arctan2(kinks[:, 1], kinks[:, 0])
    return kinks[np.unique(angles, return_index=True)[1]]


def _merged(
    X: np.ndarray, neurons: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge the neurons of one sign that are active on the same samples; drop unused ones.

    max(<w, x_i>, 0) is linear in w on their cone, so that sum_k c_k w_k does the work of all
    of them, at no larger norm.
    """
    used = np.abs(weights) > SEEN * np.abs(weights).max()
    neurons, weights = neurons[used], weights[used]
    pattern = np.c_[neurons @ X.T > 0, weights > 0]
    _, group = np.unique(pattern, axis=0, return_inverse=True)
    sums = np.zeros((group.max() + 1, neurons.shape[1]))
    np.add.at(sums, group.ravel(), np.abs(weights)[:, None] * neurons)
    sizes, signs = np.linalg.norm(sums, axis=1), np.zeros(len(sums))
    signs[group.ravel()] = np.sign(weights)
    return sums / sizes[:, None], signs * sizes / sizes.sum()


def _cover(
    X: np.ndarray, y: np.ndarray, neurons: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the least coefficients with margin `scale`, and convex weights p; None if none do."""
    payoff = y[:, None] * np.maximum(X @ neurons.T, 0) / scale
    answer = _highs(np.ones(2 * len(neurons)), np.hstack([-payoff, payoff]), -np.ones(len(X)))
    if answer.status != 0:
        return None
    p = np.maximum(-answer.ineqlin.marginals, 0.0)
    return np.subtract(*np.split(answer.x, 2)), p / p.sum()


def _too_close(X: np.ndarray, y: np.ndarray, best: tuple | None) -> Exception:
    """Return the error of data that no network separates, or none that could be certified."""
    rays = unit(X[X.any(axis=1)])
    # Where samples almost share a ray a solver takes what kinks see of them for zero, but along
    # the ray itself it sees that they pull apart.
    neurons = np.vstack([_kinks(X), rays, -rays])
    payoff = y[:, None] * np.maximum(X @ neurons.T, 0)
    n, m = payoff.shape
    # The game over these: the largest s with payoff (c+ - c-) >= s, sum (c+ + c-) <= 1.
    A = np.vstack([np.hstack([-payoff, payoff, np.ones((n, 1))]), np.r_[np.ones(2 * m), 0.0]])
    answer = _highs(np.r_[np.zeros(2 * m), -1.0], A, np.r_[np.zeros(n), 1.0])
    p = np.maximum(-answer.ineqlin.marginals[:n], 0.0)
    p = p / p.sum()
    bound = np.abs(_correlation(X, y, p, _candidates(X, y, p))).max()
    if best is None and bound <= SMALL:  # p itself certifies that there is no larger margin
        return ValueError(NEVER)
    return RuntimeError(
        f"data: the margin, at most {bound:.1e} of the longest input, could not be certified:"
        " samples of different labels almost share a ray. Drop one of the samples"
        f" {np.argsort(-p)[:2].tolist()}."
    )


def _highs(c: np.ndarray, A: np.ndarray, b: np.ndarray) -> OptimizeResult:
    """Minimise <c, x> over x >= 0 with A x <= b."""
    return linear_program(c, A_ub=A, b_ub=b, options=FEASIBILITY)
