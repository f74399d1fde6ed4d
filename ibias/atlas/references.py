"""The optimum of a setting, computed by `ibias.optima`, with the measure that theorems use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ibias import optima
from ibias.atlas.entry import Reference
from ibias.atlas.measures import SCHATTEN, Direction, Margin, Norm, Point
from ibias.atlas.setting import Setting
from ibias.datasets import Dataset, Regression
from ibias.potentials import HyperbolicEntropy, Potential

Rule = Callable[[Setting], Reference | None]


def max_margin(p: float | Callable[[Setting], float] = 2.0) -> Rule:
    """Return the rule of the maximum margin in l_p; p may depend on the setting."""

    def rule(s: Setting) -> Reference:
        order = float(p(s) if callable(p) else p)
        best = optima.max_margin(s.objective.data, p=order)
        return Reference(best.w, Margin(s.objective.Z, best.margin, order), abs(best.duality_gap))

    return rule


def fourier_margin(s: Setting) -> Reference:
    """Return the largest margin for the l_1 norm of the Fourier coefficients."""
    best = optima.max_fourier_margin(s.objective.data)
    measure = Margin(s.objective.Z, best.margin, 1.0, fourier=True)
    return Reference(best.w, measure, abs(best.duality_gap))


def classes_margin(s: Setting) -> Reference:
    """Return the multiclass maximum margin, in the Frobenius norm."""
    best = optima.multiclass_margin(s.objective.data)
    return Reference(best.W, Margin(s.objective.Z, best.margin), abs(best.duality_gap))


def schatten_margin(p: Callable[[Setting], float]) -> Rule:
    """Return the rule of the maximum margin of several classes in a norm of singular values."""

    def rule(s: Setting) -> Reference:
        order = p(s)
        if order == 2:
            return classes_margin(s)
        best = optima.schatten_margin(s.objective.data, norm=SCHATTEN[order])
        measure = Margin(s.objective.Z, best.margin, order, shape=best.W.shape)
        return Reference(best.W, measure, abs(best.duality_gap))

    return rule


def entrywise_margin(p: Callable[[Setting], float]) -> Rule:
    """Return the rule of the maximum margin of several classes in l_p of all entries."""

    def rule(s: Setting) -> Reference:
        order, Z = p(s), s.objective.Z
        best = optima.max_margin(Dataset.one_class(Z), p=order)
        W = best.w.reshape(s.objective.data.n_classes, -1)
        return Reference(W, Margin(Z, best.margin, order), abs(best.duality_gap))

    return rule


def box(s: Setting) -> Reference:
    """Return the least risk in the box of the decay."""
    best = optima.box_minimiser(s.objective.data, radius=1 / s.method.weight, loss=s.objective.loss)
    return Reference(best.w, Point(best.w), best.duality_gap)


def centred_labels(s: Setting) -> Reference:
    """Return the weights whose logits, one column a sample, are the centred labels."""
    data = s.objective.data
    labels = np.eye(data.n_classes)[:, data.y] - 1 / data.n_classes
    W = labels @ data.X
    return Reference(W, Direction(W), None)


def token_ray(s: Setting) -> Reference:
    """Return the direction in which next tokens run away."""
    best = optima.next_token_limit(s.objective.data)
    return Reference(best.ray, Direction(best.ray), abs(best.duality_gap))


def best_tokens(s: Setting) -> Reference:
    """Return the query of the best tokens, for orthogonal ones: each less the mean of its own."""
    keys, values = s.objective.model.tokens(s.objective.data.X)
    scores = s.objective.data.y[:, None] * values
    chosen = np.take_along_axis(keys, scores.argmax(axis=1)[:, None, None], axis=1)[:, 0]
    query = (chosen - keys.mean(axis=1)).sum(axis=0)
    return Reference(query, Direction(query), None)


def nearest(s: Setting) -> Reference | None:
    """Return the interpolant nearest to the start, in the Euclidean norm."""
    best = optima.min_norm(s.regression, start=s.start_weights)
    shape = s.objective.shapes[0] if s.data == "matrix" else best.w.shape
    return Reference(best.w.reshape(shape), Point(best.w), abs(best.duality_gap))


def projection(potential: Callable[[Setting], Potential]) -> Rule:
    """Return the rule of the interpolant with the least Bregman divergence from the start."""

    def rule(s: Setting) -> Reference:
        best = optima.bregman_projection(
            s.regression, potential=potential(s), start=s.start_weights
        )
        return Reference(best.w, Point(best.w), abs(best.duality_gap))

    return rule


def hyperbolic(s: Setting) -> Reference | None:
    """Return the interpolant of least hyperbolic entropy, for a start u = v."""
    u, v = s.objective.model.layers(s.start)
    if (u != v).any():
        return None
    scale = np.abs(u)
    return projection(lambda s: HyperbolicEntropy(float(scale[0]) if same(scale) else scale))(s)


def same(values: np.ndarray) -> bool:
    """Say whether all values are equal."""
    return bool((values == values[0]).all())


def weighted_l1(s: Setting) -> Reference:
    """Return the interpolant with the least trace of the Hessian of w = u^2 - v^2.

    The trace is 4 sum_j h_j (u_j^2 + v_j^2) with h_j the mean of x_ij^2, and the least
    u^2 + v^2 is |w|.
    """
    data = s.regression
    h = (data.X**2).mean(axis=0)
    best = optima.min_norm(Regression(data.X / h, data.y), p=1)
    measure = Norm(data.X, data.y, float(np.abs(best.w).sum()), 1.0, h)
    return Reference(best.w / h, measure, abs(best.duality_gap))


def tail(s: Setting) -> Reference:
    """Return the direction of gradient descent under a power law."""
    best = optima.tail_direction(s.objective.data, power=s.objective.loss.power)
    return Reference(best.direction, Direction(best.direction), abs(best.duality_gap))


def ridge(s: Setting) -> Reference | None:
    """Return the minimiser of the risk plus weight ||w||^2 / 2."""
    decay = s.method.weight
    if not (decay > 0 and np.isfinite(s.objective.loss.smoothness)):
        return None
    path = optima.ridge_path(s.objective.data, log_penalty=[np.log(decay)], loss=s.objective.loss)
    return Reference(path.w[0], Point(path.w[0]), float(path.error_estimate[0]))


def half_of_decay(s: Setting) -> Reference:
    """Return the Lasso of w = u^2 - v^2: the least (u^2 + v^2) / 2 is |w| / 2."""
    best = optima.lasso(s.regression, penalty=s.method.weight / 2)
    return Reference(best.w, Point(best.w), best.duality_gap)


def ray(s: Setting) -> Reference | None:
    """Return the ray of the separable part; the finite minimiser where nothing is separable."""
    parts = optima.bounded_part_and_ray(s.objective.data, loss=s.objective.loss)
    if parts.ray is None:
        return Reference(parts.bounded, Point(parts.bounded), parts.residual)
    return Reference(parts.ray.w, Direction(parts.ray.w), abs(parts.ray.duality_gap))


def weight_normalised(s: Setting) -> Reference:
    """Return the interpolant of one scalar equation, for a start with ||v|| = 1."""
    model = s.objective.model
    best = optima.weight_normalized_interpolant(
        s.regression, start=s.start_weights, rate=model.rate
    )
    return Reference(best.w, Point(best.w), best.residual)


def commuting(s: Setting) -> Reference | None:
    """Return the limit of two factors of a multiple of the identity, for commuting sensors."""
    W, model = s.objective.weights(s.start), s.objective.model
    scale = float(W[0, 0])
    if not np.allclose(W, scale * np.eye(len(W)), rtol=1e-9, atol=0) or scale <= 0:
        return None
    best = optima.commuting_limit(s.objective.data, depth=model.depth, scale=scale)
    return Reference(best.W, Point(best.W), best.residual)


def truth(s: Setting) -> Reference | None:
    """Return the matrix that was measured, where the data know it."""
    W = s.objective.data.truth
    return None if W is None else Reference(W, Point(W), None)
