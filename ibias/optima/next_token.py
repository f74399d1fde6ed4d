"""Where the training of next tokens goes: log-odds that stay, and a ray of maximum margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import read_only
from ibias.datasets import NextTokens
from ibias.optima._solver import require
from ibias.optima.margin import margin_of_rows

COMPATIBLE = 1e-9  # the largest error in a log-odds that is rounding


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
        Of the ray, as in `MaxMargin`.
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
        If `data` is not NextTokens, if no W has the log-odds of all supports, or if nothing is
        outside the supports.
    NotSeparable
        If no W that is equal within every support puts it above the rest.
    RuntimeError
        If the relative duality gap is above 1e-9.

    Examples
    --------
    >>> limit = next_token_limit(NextTokens([[1.0]], [[0.75, 0.25, 0.0]]))
    >>> limit.finite.ravel().round(4), limit.ray.ravel().round(4)
    (array([ 0.5493, -0.5493,  0.    ]), array([ 0.3333,  0.3333, -0.6667]))
    """
    require("data", data, NextTokens)
    inside, odds = data.inside
    pairs = data.outside[1]
    if not len(pairs):
        raise ValueError("data: every token follows every context, and nothing runs away.")
    basis, across = data.spans
    finite = data.settled
    error = float(np.abs(inside @ finite - odds).max(initial=0.0))
    if error > COMPATIBLE * max(1.0, np.abs(odds).max(initial=0.0)):
        raise ValueError(
            "data: no W has the log-odds of all contexts, because their embeddings depend on each"
            " other linearly; give embeddings with n_features of at least n_contexts."
        )
    projection = basis.T @ basis
    best = margin_of_rows(data.outside_across, 2)
    weights = np.zeros(data.P.shape)
    weights[tuple(pairs.T)] = best.dual_variables / best.margin**2
    shape = data.n_classes, data.n_features
    return NextTokenLimit(
        finite=read_only(finite.reshape(shape)),
        ray=read_only((best.w @ across).reshape(shape)),
        dual_variables=read_only(weights),
        correction=read_only(_correction(data, basis, weights).reshape(shape)),
        projection=read_only(projection),
        duality_gap=best.duality_gap,
        error=error,
    )


def _correction(data: NextTokens, basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return D in F with H D = P_F sum lambda_jv (p_j - e_v) h_j^T, H the Hessian within S."""
    pull = (weights.sum(axis=1, keepdims=True) * data.P - weights).T @ data.X
    return basis.T @ np.linalg.solve(data.hessian(data.P), basis @ pull.ravel())
