"""Hypotheses that can be checked on the data, the start and the step: True, False or None."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ibias import optima
from ibias.atlas.setting import Setting
from ibias.losses import Logistic
from ibias.methods import Gradient
from ibias.steps import Decaying

SMALL = 1e-2  # weights of the predictor that count as small
ROUNDING = 1e-9


def separable(s: Setting) -> bool:
    """Say whether the classes can be separated through the origin."""
    return s.separable


def separable_classes(s: Setting) -> bool:
    """Say whether some matrix puts every true class first."""
    try:
        optima.multiclass_margin(s.objective.data)
    except optima.NotSeparable:
        return False
    return True


def partly_separable(s: Setting) -> bool:
    """Say whether a part of the samples can be separated without harm to the rest."""
    return bool(optima.separation(s.objective.data).separable.size)


def solvable(s: Setting) -> bool:
    """Say whether some weights fit all targets."""
    data = s.regression
    w = np.linalg.lstsq(data.X, data.y)[0]
    return bool(np.linalg.norm(data.X @ w - data.y) <= 1e-8 * np.linalg.norm(data.y))


def below_twice(s: Setting) -> bool | None:
    """Say whether a constant step is below 2/L; any is, for the logistic loss."""
    if isinstance(s.objective.loss, Logistic):
        return True
    size = s.constant_step
    if size is None:
        return None
    try:
        return size < 2 * s.objective.default_step_size
    except ValueError:  # the exponential loss has no bound for all weights
        return None


def overlapping(s: Setting) -> bool:
    """Say whether gradient descent runs on the logistic loss, and no part can be separated."""
    logistic = s.data == "two classes" and isinstance(s.objective.loss, Logistic)
    descent = s.model == "linear" and s.by(Gradient) and s.sure
    return logistic and descent and not partly_separable(s)


def below_smoothness(s: Setting) -> bool | None:
    """Say whether a constant step is below 2/L, which is safe from every start."""
    size = s.constant_step
    return None if size is None else size < 2 * s.objective.default_step_size


def may_cycle(s: Setting) -> bool:
    """Say whether a step on overlapping classes is above what is safe from every start."""
    return overlapping(s) and not below_smoothness(s) and past_curvature(s, 1.0)


def past_curvature(s: Setting, times: float) -> bool:
    """Say whether a constant step is at least `times` over the curvature at the minimum."""
    size = s.constant_step
    if size is None:
        return False
    data, loss = s.objective.data, s.objective.loss
    u = data.Z @ optima.bounded_part_and_ray(data, loss=loss).bounded
    weights = -np.exp(loss.log_slope(u)) * loss.log_slope_derivative(u) / len(u)
    return bool(size * np.linalg.norm((weights * data.Z.T) @ data.Z, ord=2) >= times)


def samples_of_signs(s: Setting) -> bool:
    """Say whether all features of a sample have the same size."""
    sizes = np.abs(s.objective.X)
    return bool((np.ptp(sizes, axis=-1) <= ROUNDING * sizes.max(axis=-1)).all())


def compatible(s: Setting) -> bool:
    """Say whether some matrix has the odds of all contexts, and another puts them on top."""
    try:
        optima.next_token_limit(s.objective.data)
    except ValueError:  # NotSeparable is one
        return False
    return True


def orthogonal_tokens(s: Setting) -> bool:
    """Say whether the tokens of all sequences are orthogonal and of one length."""
    keys = s.objective.model.tokens(s.objective.data.X)[0].reshape(-1, s.objective.model.n_keys)
    products = keys @ keys.T
    apart = np.abs(products - products[0, 0] * np.eye(len(keys))).max()
    return bool(apart <= ROUNDING * products[0, 0])


def converges(s: Setting) -> bool | None:
    """Say whether a constant step of plain gradient descent on squares is below 2/L."""
    size = s.constant_step
    if size is None or not s.full or not s.by(Gradient):
        return None
    return size < 2 * s.objective.default_step_size


def zero_start(s: Setting) -> bool:
    """Say whether the run starts at zero."""
    return not np.any(s.start_weights)


def equal_layers(s: Setting) -> bool | None:
    """Say whether u = v at the start, nowhere zero: there nothing would move."""
    if s.start is None:
        return None
    u, v = s.objective.model.layers(s.start)
    return bool((u == v).all() and u.all())


def small_start(s: Setting) -> bool | None:
    """Say whether the product of the layers starts small."""
    if s.start is None:
        return None
    size = np.abs(s.start).max() ** getattr(s.objective.model, "degree", 1)
    return bool(size <= SMALL * (1 + ROUNDING))


def decaying(s: Setting) -> bool:
    """Say whether the steps decay."""
    return isinstance(s.steps, Decaying)


def commuting(s: Setting) -> bool:
    """Say whether all sensors commute."""
    A = s.objective.data.sensors
    if A.shape[-1] != A.shape[-2]:
        return False
    products = A[:, None] @ A[None]
    return bool(np.abs(products - products.swapaxes(0, 1)).max() <= ROUNDING * np.abs(A).max() ** 2)


def balanced(s: Setting) -> bool | None:
    """Say whether the factors are balanced at the start: W_j^T W_j = W_{j+1} W_{j+1}^T."""
    if s.start is None:
        return None
    factors = s.objective.model.factors(s.start)
    gaps = [np.abs(a.T @ a - b @ b.T).max() for a, b in pairwise(factors)]
    return bool(max(gaps) <= ROUNDING * max(np.abs(f).max() for f in factors) ** 2)


def symmetric(s: Setting) -> bool | None:
    """Say whether W = U U^T at the start, and the sensors keep it so."""
    if s.start is None:
        return None
    U, Vt = s.objective.model.factors(s.start)
    A = s.objective.data.sensors
    return bool(U.shape == Vt.T.shape and (U == Vt.T).all() and np.allclose(A, A.swapaxes(1, 2)))


def no_negative_dual(s: Setting) -> bool:
    """Say whether no y_i (K^-1 y)_i is negative, K = X X^T."""
    X, y = s.objective.data.X, s.objective.data.y
    if len(X) > X.shape[1] or np.linalg.matrix_rank(X) < len(X):
        return False
    return bool((y * np.linalg.solve(X @ X.T, y) >= 0).all())


def image_at_zero(s: Setting) -> bool:
    """Say whether the potential is smallest at the start."""
    return bool(np.abs(s.method.potential.gradient(s.start)).max() <= ROUNDING)


def long_memory(s: Setting) -> bool:
    """Say whether the average of gradients reaches back over all samples, several times."""
    n = s.objective.n_samples / s.sampling.batch_size
    return bool(1 / (1 - s.method.momentum) >= 3 * n)


def orthogonal_inputs(s: Setting) -> bool:
    """Say whether the inputs are pairwise orthogonal."""
    X = s.objective.X
    gram = X @ X.T
    return bool(np.abs(gram - np.diag(np.diag(gram))).max() <= ROUNDING * np.diag(gram).max())


def independent_samples(s: Setting) -> bool:
    """Say whether the inputs are linearly independent."""
    return bool(np.linalg.matrix_rank(s.objective.X) == s.objective.n_samples)


def on_a_circle(s: Setting) -> bool:
    """Say whether the inputs have two features, and one length."""
    lengths = np.linalg.norm(s.objective.X, axis=-1)
    return s.objective.X.shape[-1] == 2 and bool(np.ptp(lengths) <= ROUNDING * lengths.max())


def on_a_line(s: Setting) -> bool:
    """Say whether the inputs have one feature that varies, beside a constant or a bias."""
    X, biased = s.objective.X, s.objective.model.bias != "none"
    constant = np.ptp(X, axis=0) <= ROUNDING * np.abs(X).max()
    return int((~constant).sum()) == 1 and (biased or bool((constant & X.any(axis=0)).any()))


def labels_in_turn(s: Setting) -> bool:
    """Say whether there are five samples, and their labels alternate along what varies."""
    X = s.objective.X
    if len(X) < 5:
        return False
    order = np.argsort(X[:, np.ptp(X, axis=0).argmax()])
    return bool((np.diff(s.objective.y[order]) != 0).all())
