"""How far a network is from a KKT point of its margin problem in parameter space.

    minimise ||theta||^2 / 2   subject to   q_i(theta) = y_i f(theta; x_i) >= 1  for all i

For a network of degree L the problem can be read at any scale. With u = theta / ||theta||,
margin gamma = min_i q_i(u) and convex weights p, its first-order (KKT) conditions are

    u = sum_i p_i grad q_i(u) / (L gamma)    and    sum_i p_i (q_i(u) - gamma) = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from ibias._validate import finite_array, from_zero, read_only
from ibias.datasets import Dataset
from ibias.models import Network
from ibias.optima._norms import row_space
from ibias.optima._solver import require

GAP = 1e-7  # how far the residual may be from the least one
SAME = 1e-13  # a pull on the residual below this is none
ROUNDS = 500
LARGEST_SUM = 2.0  # of multipliers: <u, .> of the residual vector is 1 - sum p_i q_i / gamma


@dataclass(frozen=True, eq=False)
class KktResidual:
    """The smallest violation of the KKT conditions at theta, over all multipliers.

    Attributes
    ----------
    residual : float
        sqrt(stationarity^2 + slackness^2), the quantity that is minimised; 0 at a KKT point.
    stationarity : float
        ||u - sum_i p_i h_i / (L gamma)||, h_i a (Clarke) gradient of q_i at u.
    slackness : float
        sum_i p_i (q_i(u) - gamma) / gamma.
    margin : float
        gamma.
    dual_variables : array, shape (n_samples,)
        The multipliers p, at least 0; at a KKT point they sum to 1.
    n_kinks : int
        How many pairs of a sample and a neuron were taken to lie on a kink.
    """

    residual: float
    stationarity: float
    slackness: float
    margin: float
    dual_variables: np.ndarray
    n_kinks: int


def kkt_residual(
    net: Network, data: Dataset, theta: ArrayLike, *, kink: float = 0.0
) -> KktResidual:
    """Return the least KKT residual at theta, with gradients or with Clarke's subgradients.

    On a kink of a ReLU, <w_j, x_i> = 0, the margin q_i has no gradient; the condition then
    asks for some element of its Clarke subdifferential, in which the slope of the ReLU is any
    number in [0, 1] for each such pair (Lyu and Li 2020, section 3.2). An iterate only comes
    close to the kink that its limit lies on, and `kink` says how close counts.

    Parameters
    ----------
    net : Network
        Homogeneous.
    data : Dataset
        Separated by the network at theta.
    theta : array, shape (n_parameters,)
        The parameters, at any scale.
    kink : float
        Pairs with |<w_j, x_i>| <= kink * ||w_j|| ||x_i|| count as on the kink. With 0, the
        gradient is used as it is. Other values need a two-layer ReLU network.

    Raises
    ------
    ValueError
        For bad input, or if some q_i <= 0, where there is no margin problem to speak of.
    RuntimeError
        If the solver fails.

    Examples
    --------
    >>> from ibias import datasets, models, optima
    >>> data = datasets.separable(0)
    >>> svm = optima.max_margin(data)
    >>> result = kkt_residual(models.linear(5), data, svm.w)
    >>> result.residual < 1e-6, round(result.margin / svm.margin, 6)
    (True, 1.0)
    """
    data = require("data", data, Dataset)
    require("net", net, Network, "models.two_layer_relu(n_features, width)")
    theta = finite_array("theta", theta, ndim=1)
    if not theta.any():
        raise ValueError("theta is the zero vector: it has no direction. Train it first.")
    kink = from_zero("kink", kink, below=1)  # a cosine
    if kink and (net.activation != "relu" or net.depth != 2):
        raise ValueError(f"kink > 0 needs a two-layer ReLU network; got {net}")
    u = theta / np.abs(theta).max()  # its square is a number, however small theta is
    u = u / np.linalg.norm(u)
    at = net.linearize(u, data.X)
    q = data.y * at.predictions
    gamma = q.min()
    if gamma <= 0:
        raise ValueError(
            "theta: the network does not separate the data; train it until all q_i > 0."
        )
    scale = net.degree * gamma
    gradients = data.y[:, None] * at.jacobian() / scale

    samples, off, on = _kinks(net, data, u, kink) if kink else _no_kinks(u.size)
    n_kinks = samples.size
    # Everything lies in the span of these vectors, which is small beside all parameters.
    vectors, _ = row_space(np.vstack([u, gradients, off / scale, on / scale]))
    u, gradients, off, on = np.split(vectors, np.cumsum([1, data.n_samples, n_kinks]))
    u, excess = u[0], q / gamma - 1
    p, slopes = _multipliers(u, gradients, excess, samples, off, on)
    # What is returned is computed from multipliers that are allowed, not what the solver says.
    p = np.maximum(p, 0.0)
    left, slackness = u - p @ gradients, float(p @ excess)
    left = left + p[samples] @ off - np.clip(slopes, 0.0, p[samples]) @ on
    reached = float(np.hypot(np.linalg.norm(left), slackness))
    # Any direction bounds the residual from below: <v, u> plus what the multipliers can take off.
    v, v_slack = left / (reached or 1.0), slackness / (reached or 1.0)
    change = v_slack * excess - gradients @ v
    np.add.at(change, samples, off @ v - np.maximum(on @ v, 0.0))
    bound = max(0.0, float(u @ v + LARGEST_SUM * min(0.0, change.min())))
    if not reached - bound <= GAP * (1 + reached):
        raise RuntimeError(
            f"theta: the least KKT residual lies between {bound:.1e} and {reached:.1e},"
            " and the solver came no closer; drop samples that nearly repeat others."
        )
    return KktResidual(
        residual=reached,
        stationarity=float(np.linalg.norm(left)),
        slackness=slackness,
        margin=float(gamma),
        dual_variables=read_only(p),
        n_kinks=n_kinks,
    )


def _multipliers(
    u: np.ndarray,
    gradients: np.ndarray,
    excess: np.ndarray,
    samples: np.ndarray,
    off: np.ndarray,
    on: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the multipliers p and, for each pair on a kink, p_i * slope of the ReLU.

    Nonnegative least squares over elements of the Clarke subdifferentials, by column generation:
    the element of each sample that reduces the residual most has slopes 0 and 1, and joins until
    none reduces it.
    """
    bare = gradients.copy()
    np.subtract.at(bare, samples, off)  # the gradients with all slopes at the kinks zero
    target = np.append(u, 0.0)
    columns, owners = np.column_stack([gradients, -excess]).T, np.arange(excess.size)
    slopes = (np.abs(off).max(axis=1, initial=0) > 0).astype(float)[None].repeat(excess.size, 0)
    for _ in range(ROUNDS):
        mixture, _ = nnls(columns, target, maxiter=100 * columns.shape[1])
        residual = target - columns @ mixture
        best = (on @ residual[:-1] > 0).astype(float)
        new = bare.copy()
        np.add.at(new, samples, best[:, None] * on)
        new = np.column_stack([new, -excess])
        better = np.flatnonzero(new @ residual > SAME)
        if samples.size == 0 or better.size == 0:
            break
        columns, owners = np.hstack([columns, new[better].T]), np.append(owners, better)
        slopes = np.vstack([slopes, np.repeat(best[None], better.size, axis=0)])
    owners = owners[: mixture.size]
    p = np.bincount(owners, mixture, minlength=excess.size)
    shares = np.where(owners[:, None] == samples, slopes[: mixture.size], 0.0)
    return p, mixture @ shares


def _no_kinks(n_parameters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(0, dtype=int), np.empty((0, n_parameters)), np.empty((0, n_parameters))


def _kinks(
    net: Network, data: Dataset, u: np.ndarray, kink: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs on a kink: their samples, and what each adds to grad q_i.

    The second array holds what the pair adds as the ReLU's derivative stands (slope 0 or 1),
    the third what it adds at slope 1; both have the shape (n_kinks, n_parameters).
    """
    W, a = net.layers(u)
    X = np.c_[data.X, np.ones(data.n_samples)] if W.shape[1] > data.n_features else data.X
    z = X @ W.T
    sizes = np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(W, axis=1)
    samples, neurons = np.nonzero(np.abs(z) <= kink * sizes)
    on = np.zeros((samples.size, net.n_parameters))
    columns = neurons[:, None] * W.shape[1] + np.arange(W.shape[1])
    blocks = (data.y[samples] * a[0, neurons])[:, None] * X[samples]
    np.put_along_axis(on, columns, blocks, axis=1)
    on[np.arange(samples.size), W.size + neurons] = data.y[samples] * np.maximum(
        z[samples, neurons], 0.0
    )
    active = z[samples, neurons] > 0
    return samples, on * active[:, None], on
