"""Where the training of next tokens goes: log-odds that stay, and a ray of maximum margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from ibias._validate import read_only
from ibias.datasets import NextTokens
from ibias.datasets.columns import scaling
from ibias.datasets.rows import lengths
from ibias.optima._advice import UNEVEN, rows_of
from ibias.optima._norms import power_of_two
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima.margin import GAP, SCALED, MaxMargin, margin_of_rows, to_margin_one
from ibias.optima.separability import COMPUTED

EVEN = 1e8  # up to this ratio of sizes Newton's equations are solved as they are
COMPATIBLE = 1e-9  # the largest error in a log-odds that is rounding
EQUAL = 1e-6  # the largest difference of two logits inside a support, along the ray
CORRECTIONS = 4
LARGE = 1e280  # what is larger overflows in sums


@dataclass(frozen=True, eq=False)
class NextTokenLimit:
    """The limit W(t) = finite + log(t) * ray + ..., of gradient flow on the cross-entropy.

    F is the span of the differences (e_z - e_z') h_j^T of two tokens z, z' in the support S_j.

    Attributes
    ----------
    finite : array, shape (n_tokens, n_features)
        The W in F whose log-odds within every support are those of the data.
    ray : array, shape (n_tokens, n_features)
        The shortest W with equal logits within every support, each at least one above all logits
        outside. It is orthogonal to F.
    dual_variables : array, shape (n_contexts, n_tokens)
        lambda, zero inside the supports: the ray is the part of sum lambda_jv (p_j - e_v) h_j^T
        orthogonal to F. t times the probability of token v, over n_contexts, tends to it.
    correction : array, shape (n_tokens, n_features)
        The limit of t (P_F W(t) - finite).
    projection : array, shape (n_tokens * n_features, n_tokens * n_features)
        P_F, on W row by row.
    duality_gap : float
        Of the ray, as in `MaxMargin`: the length of sum of lambda_jv (p_j - e_v) h_j^T, with sum
        lambda = 1 and less what is in F, minus 1 / ||ray||. Computed from exact sums.
    error : float
        The largest error of the log-odds of `finite`.
    """

    finite: np.ndarray
    ray: np.ndarray
    dual_variables: np.ndarray
    correction: np.ndarray
    projection: np.ndarray
    duality_gap: float
    error: float


def next_token_limit(data: NextTokens) -> NextTokenLimit:
    """Return the limit of gradient descent on the cross-entropy (Thrampoulidis 2024).

    Raises
    ------
    ValueError
        If `data` is not NextTokens, if no W has the log-odds of all supports, if nothing is
        outside the supports, or if the correction overflows.
    NotSeparable
        If no W that is equal within every support puts it above the rest.
    RuntimeError
        If the relative duality gap is above 1e-9, if contexts that depend on each other have
        frequencies too different in size for the correction, or if no ray of float64 has its
        smallest logit above those outside within 1e-9 of one and those inside each support within
        1e-6 of each other.

    Examples
    --------
    >>> limit = next_token_limit(NextTokens([[1.0]], [[0.75, 0.25, 0.0]]))
    >>> limit.finite.ravel().round(4), limit.ray.ravel().round(4)
    (array([ 0.5493, -0.5493,  0.    ]), array([ 0.3333,  0.3333, -0.6667]))
    """
    unit = power_of_two(np.abs(require("data", data, NextTokens).X).max())
    if unit != 1:
        data = NextTokens(data.X / unit, data.P)
    inside, odds = data.inside
    pairs = data.outside[1]
    if not len(pairs):
        raise ValueError("data: every token follows every context, and nothing runs away.")
    basis = data.spans[0]
    finite = data.settled
    misses = np.abs(_sums(inside, [finite], -odds))
    error = float(misses.max(initial=0.0))
    if error > COMPATIBLE * max(1.0, np.abs(odds).max(initial=0.0)):
        raise ValueError(_no_finite(data, int(misses.argmax())))
    projection = basis.T @ basis
    with rows_of(pairs[:, 0]):
        best = margin_of_rows(data.outside_across, 2, None, COMPUTED)
    ray, gap = _certified_ray(data, best)
    weights = np.zeros(data.P.shape)
    weights[tuple(pairs.T)] = best.dual_variables / best.margin**2
    shape = data.n_classes, data.n_features
    correction = _correction(data, basis, weights)
    with np.errstate(over="ignore"):
        weights, correction = weights / unit / unit, correction / unit / unit / unit
    if not (np.isfinite(weights).all() and np.isfinite(correction).all()):
        raise ValueError(
            f"X has entries of size {unit:.0e}, and the correction, which grows like their inverse"
            f" cube, is no number in double precision. Divide X by {unit:.0e}: finite and ray are"
            " then those of X times this number."
        )
    return NextTokenLimit(
        finite=read_only(finite.reshape(shape) / unit),
        ray=read_only(ray.reshape(shape) / unit),
        dual_variables=read_only(weights),
        correction=read_only(correction.reshape(shape)),
        projection=read_only(projection),
        duality_gap=gap * unit,
        error=error,
    )


def _no_finite(data: NextTokens, row: int) -> str:
    """Return the message where no W has the log-odds, least of all that of a row of `inside`."""
    worst = _contexts(data)[row]
    if data.n_features < data.n_samples and len(data.spans[0]) < len(data.inside[0]):
        return (
            "data: no W has the log-odds of all contexts, because their embeddings depend on each"
            f" other linearly; give embeddings with n_features of at least n_contexts, or drop"
            f" context {worst}."
        )
    return (
        "data: no W has the log-odds of all contexts in float64, because their embeddings depend on"
        f" each other linearly, or nearly so. Drop context {worst}."
    )


def _sums(A: np.ndarray, xs: list[np.ndarray], y: np.ndarray | None = None) -> np.ndarray:
    """Return `exact_sums`; infinity where a number is too large for them."""
    if not all((np.abs(x) < LARGE).all() for x in xs):
        return np.full(len(A), np.inf)
    return exact_sums(A, xs, y)


def _contexts(data: NextTokens) -> np.ndarray:
    """Return the context of each row of `inside`."""
    return np.repeat(np.arange(data.n_samples), np.maximum((data.P > 0).sum(axis=1) - 1, 0))


def _certified_ray(data: NextTokens, best: MaxMargin) -> tuple[np.ndarray, float]:
    """Return the ray, flat, and its duality gap.

    For weights of sum one, and any mu, sum weights outside - sum mu inside is at least as long as
    1 / ||ray|| for every W that is equal inside the supports and one above the rest. F, in which
    contexts that nearly agree are lost, has no part in this.
    """
    inside, outside = data.inside[0], data.outside[0]
    mu, length = _shortest(inside, outside, best.dual_variables)
    # Where contexts are uneven, the ray rounds once more on its way back.
    across, gaps = data.spans[1], []
    edge = _on_edge(inside, outside[best.dual_variables > 0])
    rays = [
        to_margin_one(outside, ray, along=data.outside_across @ across)
        for ray in (best.w @ across, edge)
    ]
    rays = [ray for ray in rays if ray is not None]
    for ray in rays:
        unequal = np.abs(_sums(inside, [ray])).max(initial=0.0)
        low = _sums(outside, [ray]).min()
        size = np.linalg.norm(ray)
        fine = unequal <= EQUAL and abs(low - 1) <= SCALED and np.isfinite(size)
        gaps.append(abs(length * size - 1) if fine else np.inf)
    if not min(gaps, default=np.inf) <= GAP:
        raise RuntimeError(_no_ray(data, mu, best.dual_variables))
    ray = rays[int(np.argmin(gaps))]
    return ray, float(length - 1 / np.linalg.norm(ray))


def _shortest(
    inside: np.ndarray, outside: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the mu with the least length of sum weights outside - sum mu inside, and that."""
    rows, size = np.vstack([outside, -inside]), lengths(inside)[:, 0]
    mus, left = [np.append(weights, np.zeros(len(inside)))], exact_sums(outside.T, [weights])
    for _ in range(CORRECTIONS if len(inside) else 0):
        if not np.isfinite(left).all():
            break
        mu = np.linalg.lstsq((inside / size[:, None]).T, left)[0] / size
        mus.append(np.append(np.zeros(len(outside)), mu))
        left = _sums(rows.T, mus)
    return np.sum(mus, axis=0)[len(outside) :], float(np.linalg.norm(left))


def _on_edge(inside: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Return the shortest W that is zero on the rows `inside` and one on those of `edge`."""
    rows = np.vstack([inside, edge])
    size = lengths(rows)
    W, left = [], np.append(np.zeros(len(inside)), np.ones(len(edge)))
    heights = left
    for _ in range(CORRECTIONS):
        if not np.isfinite(left).all():
            break
        W.append(np.linalg.lstsq(rows / size, left / size[:, 0])[0])
        left = _sums(-rows, W, heights)
    return np.sum(W[::-1], axis=0)


def _no_ray(data: NextTokens, mu: np.ndarray, weights: np.ndarray) -> str:
    uneven = scaling(data.X.T, UNEVEN, "context")
    if uneven:
        return (
            "data: the embeddings are of lengths too different for the ray in float64. To go on,"
            f" {uneven}."
        )
    rows = np.append(_contexts(data), data.outside[1][:, 0])
    pulls = np.bincount(rows, np.append(np.abs(mu), weights), minlength=data.n_samples)
    outside = (data.P == 0).any(axis=1)
    pulls[outside & (outside.sum() == 1)] = -1.0  # without it nothing is outside
    return (
        "data: rounding decides about the ray in float64, because the embeddings nearly depend on"
        f" each other linearly. Drop context {int(pulls.argmax())}."
    )


def _correction(data: NextTokens, basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return D in F with H D = P_F sum lambda_jv (p_j - e_v) h_j^T, H the Hessian within S."""
    pull = basis @ ((weights.sum(axis=1, keepdims=True) * data.P - weights).T @ data.X).ravel()
    H = data.hessian(data.P)
    if not len(H):
        return np.zeros(basis.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.linalg.solve(H, pull) if _even(H, data.P) else _by_odds(data, basis, pull)
    if not np.isfinite(found).all():
        raise ValueError(
            f"P has a frequency of {data.P[data.P > 0].min():.0e}, and the correction, which grows"
            " like its inverse, is no number in double precision. Set such frequencies to zero."
        )
    return basis.T @ found


def _even(H: np.ndarray, P: np.ndarray) -> bool:
    """Say whether Newton's equations can be solved as they are: p - p^2 forgets a small 1 - p."""
    size = np.linalg.eigvalsh(H)
    return bool(P[P > 0].min() * EVEN > 1 and size[0] * EVEN > size[-1])


def _by_odds(data: NextTokens, basis: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """Return H^-1 pull for contexts of any length and frequencies of any size.

    H = A^T K A / n with A the map from F to the log-odds u, and K the covariances less the rows
    and columns of the first tokens, whose inverse is known: u_v / p_v + sum u / p_first.
    """
    rows = data.inside[0]
    size = lengths(rows)
    A = rows / size @ basis.T
    if len(A) > len(basis):  # contexts that depend on each other
        K = block_diag(*(_covariance(p[p > 0])[1:, 1:] for p in data.P if (p > 0).sum() > 1))
        H = (size * A).T @ K @ (size * A) / data.n_samples
        if np.linalg.cond(H) < EVEN:
            return np.linalg.solve(H, pull)
        raise RuntimeError(
            "data: the frequencies or the contexts are of such different sizes that the correction"
            " is beyond double precision. Drop contexts that depend on the others linearly."
        )
    u = np.linalg.solve(A.T, pull) / size[:, 0]
    first = 0
    for p in data.P:
        used = p[p > 0]
        block = slice(first, first := first + used.size - 1)
        u[block] = u[block] / used[1:] + u[block].sum() / used[0]
    return data.n_samples * np.linalg.solve(A, u / size[:, 0])


def _covariance(p: np.ndarray) -> np.ndarray:
    """Return diag(p) - p p^T of frequencies of any size: p - p^2 is p times all others."""
    others = (1 - np.eye(p.size)) @ p
    return np.diag(p * others) - np.outer(p, p) * (1 - np.eye(p.size))
