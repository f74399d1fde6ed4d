"""Steepest descent in any l_p norm, and boosting, which is its coordinate-wise form."""

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import from_zero, require
from ibias.datasets import Dataset, Regression
from ibias.descent.loop import initial_iterate, recorded_steps, run, step_sizes
from ibias.descent.risk import downhill
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory


def norm_orders(p: ArrayLike) -> np.ndarray:
    """Return one order p or several, each from 1 to inf."""
    orders = np.asarray(p, dtype=float)
    if not (orders >= 1).all():
        raise ValueError(f"p must be from 1 to inf; got {p!r}")
    return orders


def dual_orders(p: np.ndarray) -> np.ndarray:
    """Return q with 1/p + 1/q = 1.

    >>> dual_orders(np.array([1.0, 1.5, 2.0, np.inf]))
    array([inf,  3.,  2.,  1.])
    """
    with np.errstate(divide="ignore"):
        return 1 / (1 - 1 / p)


def steepest_direction(g: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the v with ||v||_p = 1 and <g, v> = ||g||_q, shape (..., n_features).

    v_j is proportional to sign(g_j) |g_j|^(q-1): the largest coordinate alone for p = 1 (all
    of them, where several tie), g itself for p = 2, the signs of g for p = inf. Here g is not
    zero, and p is an array that broadcasts to shape (...).

    >>> g = np.array([3.0, -4.0])
    >>> [steepest_direction(g, np.array(p)).round(3).tolist() for p in (1, 2, np.inf)]
    [[0.0, -1.0], [0.6, -0.8], [1.0, -1.0]]
    """
    p = p[..., None]
    relative = np.abs(g) / np.abs(g).max(axis=-1, keepdims=True)
    v = relative ** (dual_orders(p) - 1)
    # ||v||_p, where v_j^p = relative_j^q; both forms are 1 at p = inf.
    length = np.where(np.isinf(p), 1.0, (v ** np.minimum(p, 1e300)).sum(-1, keepdims=True))
    return np.sign(g) * v / length ** (1 / p)


def steepest_descent(
    data: Dataset | Regression,
    *,
    p: ArrayLike,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w + step_size * argmin_v <grad risk(w), v> + ||v||_p^2 / 2.

    The minimiser is ||g||_q v for minus the gradient g and its `steepest_direction` v
    (Gunasekar et al. 2018, section 3). With p = 2 this is gradient descent.

    Parameters
    ----------
    data : Dataset or Regression
        A regression has the squared loss.
    p : float or array, shape (n_batch,)
        From 1 to inf. Several norms run at once.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,)
        The step.
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the iterates overflow.
    """
    require("data", data, Dataset, Regression)
    loss, p = named(loss), norm_orders(p)
    eta = _batch(step_sizes(step_size), p)
    pull = downhill(data, loss)

    def advance(w: np.ndarray, _: int) -> np.ndarray:
        g = pull(w).value()
        if not g.any(axis=-1).all():
            return w  # the gradient is zero, or too small for double precision
        v = steepest_direction(g, p)
        return w + eta[..., None] * (g * v).sum(axis=-1, keepdims=True) * v

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def normalized_steepest_descent(
    data: Dataset,
    *,
    p: ArrayLike,
    loss: str | MarginLoss = "exponential",
    step_size: ArrayLike = 1.0,
    decay: float = 0.5,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run w <- w + step_size (k+1)^-decay v, v the steepest direction of length ||v||_p = 1.

    After steps of total length S and total square Q, starting at zero with the exponential
    loss, the l_p margin of w is at least gamma_p - (log n + B^2 Q / 2) / S, with B the
    largest ||z_i||_q. For a known number of steps K, decay = 0 and a step of the order of
    1/(B sqrt(K)) is best.

    Parameters
    ----------
    data : Dataset
        Separable.
    p : float or array, shape (n_batch,)
        From 1 to inf. Several norms run at once.
    loss : str or MarginLoss
        "exponential", "logistic", or an instance.
    step_size : float or array, shape (n_batch,)
        The length of the first step.
    decay : float
        From 0, steps of constant length, to 1.
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``; for a batch, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name; and where the gradient is exactly zero.
    """
    require("data", data, Dataset)
    loss, p = named(loss), norm_orders(p)
    if from_zero("decay", decay) > 1:
        raise ValueError(f"decay must be from 0 to 1; got {decay!r}")
    eta = _batch(step_sizes(step_size), p)
    pull = downhill(data, loss)

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        g = pull(w).direction
        if not g.any(axis=-1).all():
            raise ValueError(f"the gradient vanishes at step {k}: start elsewhere.")
        return w + (eta * (k + 1) ** -decay)[..., None] * steepest_direction(g, p)

    return run(
        data,
        loss,
        advance,
        step_size=eta,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def boosting(
    data: Dataset,
    *,
    shrinkage: ArrayLike = 1.0,
    n_steps: int,
    start: ArrayLike | None = None,
    record: ArrayLike | None = None,
) -> Trajectory:
    """Run AdaBoost: coordinate descent on the exponential loss, by the best step but a factor.

    The features are weak learners with values in [-1, 1]. With the weights p = softmax(-Zw)
    of the samples, the coordinate with the largest edge r = |sum_i p_i z_ij| moves by
    shrinkage * log((1 + r) / (1 - r)) / 2, which minimises the risk along it when the values
    are +1 and -1, and else an upper bound of it (Schapire et al. 1998).

    Parameters
    ----------
    data : Dataset
        No entry of X larger than 1 in absolute value.
    shrinkage : float or array, shape (n_batch,)
        From above 0 to 1, which is AdaBoost.
    n_steps, start, record
        As in `gradient_descent`.

    Returns
    -------
    Trajectory
        With ``log_t = log(shrinkage * k)``; for a batch, log k alone.

    Raises
    ------
    ValueError
        For bad input, by name; and where one weak learner is right on every sample: its best
        step is infinite, and there is nothing to boost.
    """
    require("data", data, Dataset)
    Z, factors = data.Z, step_sizes(shrinkage)
    if (np.abs(Z) > 1).any():
        raise ValueError("X has entries larger than 1; divide it by its largest absolute entry.")
    if (factors > 1).any():
        raise ValueError(f"shrinkage must be at most 1; got {shrinkage!r}")
    loss = named("exponential")

    def advance(w: np.ndarray, k: int) -> np.ndarray:
        edges = loss.dual_variables(w @ Z.T) @ Z
        best = np.abs(edges).argmax(axis=-1)[..., None]
        r = np.take_along_axis(edges, best, axis=-1)
        if (np.abs(r) >= 1).any():
            raise ValueError(
                f"at step {k} one feature is right on every sample that counts, so that its best"
                " step is infinite: use normalized_steepest_descent with p=1."
            )
        w = w.copy()
        np.put_along_axis(
            w,
            best,
            np.take_along_axis(w, best, axis=-1) + factors[..., None] * np.arctanh(r),
            axis=-1,
        )
        return w

    return run(
        data,
        loss,
        advance,
        step_size=factors,
        start=initial_iterate(data, start),
        steps=recorded_steps(n_steps, record),
    )


def _batch(eta: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the step sizes, one for each norm."""
    try:
        return np.broadcast_to(eta, np.broadcast_shapes(eta.shape, p.shape))
    except ValueError as error:
        raise ValueError(
            f"step_size has shape {eta.shape} and p has shape {p.shape}; give one of each, or as"
            " many of both."
        ) from error
