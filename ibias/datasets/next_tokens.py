"""Contexts of a text, and how often each token follows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, positive_integer, read_only, squares
from ibias.datasets.random import generator
from ibias.datasets.rows import lengths, rounding

ROUNDING = 1e-9  # by which frequencies may miss the sum one


@dataclass(frozen=True, eq=False)
class NextTokens:
    """Distinct contexts, each with its embedding and the frequencies of the tokens after it.

    Parameters
    ----------
    X : array, shape (n_contexts, n_features)
        The embeddings h_j of the contexts.
    P : array, shape (n_contexts, n_tokens)
        The frequencies p_jv, at least 0; each row sums to one. Tokens with p_jv > 0 are the
        support S_j of the context.

    Raises
    ------
    ValueError
        For numbers that are not finite, negative frequencies, rows that do not sum to one, or
        shapes that do not match.

    Examples
    --------
    >>> NextTokens([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]])
    NextTokens(2 contexts, 2 features, 3 tokens)
    """

    X: np.ndarray
    P: np.ndarray

    def __init__(self, X: ArrayLike, P: ArrayLike) -> None:
        X, P = squares("X", finite_array("X", X, ndim=2)), finite_array("P", P, ndim=2)
        if len(X) != len(P) or not X.size or P.shape[1] < 2:
            raise ValueError(
                f"P has shape {P.shape}; it must have a row for each of the {len(X)} contexts in X,"
                " and at least two columns."
            )
        if (P < 0).any() or (np.abs(P.sum(axis=1) - 1) > ROUNDING).any():
            raise ValueError("P must hold frequencies: at least 0, and each row of sum one.")
        object.__setattr__(self, "X", read_only(X.copy()))
        object.__setattr__(self, "P", read_only(P.copy()))

    def __repr__(self) -> str:
        return (
            f"NextTokens({self.n_samples} contexts, {self.n_features} features,"
            f" {self.n_classes} tokens)"
        )

    @property
    def n_samples(self) -> int:
        """The number of contexts."""
        return len(self.X)

    @property
    def n_features(self) -> int:
        """The length of an embedding."""
        return self.X.shape[1]

    @property
    def n_classes(self) -> int:
        """The number of tokens."""
        return self.P.shape[1]

    @cached_property
    def Z(self) -> np.ndarray:
        """The map from W, row by row, to the logits; shape (n_contexts * n_tokens, ...)."""
        return read_only(np.vstack([np.kron(np.eye(self.n_classes), h) for h in self.X]))

    @cached_property
    def inside(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that map W to the log-odds within the supports, and the log-odds of P.

        For context j they compare each token of S_j with the first; shapes (n_rows,
        n_tokens * n_features) and (n_rows,).
        """
        rows, odds = [], []
        for h, p in zip(self.X, self.P, strict=True):
            first, *others = np.flatnonzero(p)
            for token in others:
                rows.append(self._difference(token, first, h))
                odds.append(_log_ratio(p[token], p[first]))
        width = self.n_classes * self.n_features
        return read_only(np.reshape(rows, (len(rows), width))), read_only(np.array(odds))

    @cached_property
    def outside(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that map W to the lead of the first token of S_j over a token v outside, and (j, v).

        Shapes (n_rows, n_tokens * n_features) and (n_rows, 2).
        """
        pairs = np.argwhere(self.P == 0)
        firsts = (self.P > 0).argmax(axis=1)
        rows = [self._difference(firsts[j], v, self.X[j]) for j, v in pairs]
        width = self.n_classes * self.n_features
        return read_only(np.reshape(rows, (len(rows), width))), read_only(pairs)

    @cached_property
    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        """Orthonormal rows of F, the span of the rows of `inside`, and of the rest of the space.

        Shapes (rank, n_tokens * n_features) and (n_tokens * n_features - rank, ...).
        """
        rows = self.inside[0]
        if not len(rows):
            return read_only(rows), read_only(np.eye(rows.shape[1]))
        # A short context spans as much as a long one.
        _, size, right = np.linalg.svd(rows / lengths(rows))
        rank = int((size > rounding(rows) * size[0]).sum())
        return read_only(right[:rank]), read_only(right[rank:])

    @cached_property
    def outside_across(self) -> np.ndarray:
        """The rows of `outside` in the coordinates across F; what is rounding of them is zero."""
        rows = self.outside[0]
        seen = rows @ self.spans[1].T
        visible = np.linalg.norm(seen / lengths(rows), axis=1, keepdims=True) > rounding(rows)
        return read_only(np.where(visible, seen, 0.0))

    @cached_property
    def settled(self) -> np.ndarray:
        """The W in F, flat, whose log-odds within the supports come closest to those of P."""
        rows, odds = self.inside
        if not len(rows):
            return read_only(np.zeros(rows.shape[1]))
        size = lengths(rows)
        return read_only(np.linalg.lstsq(rows / size, odds / size[:, 0], rcond=rounding(rows))[0])

    def hessian(self, within: np.ndarray) -> np.ndarray:
        """Return the Hessian along F where the softmax within the supports is `within`.

        In the basis of `spans`, shape (rank, rank); `within` has the shape of P.
        """
        F = self.spans[0]
        total = np.zeros((len(F), len(F)))
        for h, p in zip(self.X, within, strict=True):
            total += F @ np.kron(covariance(p), np.outer(h, h)) @ F.T
        return total / self.n_samples

    def _difference(self, one: int, other: int, h: np.ndarray) -> np.ndarray:
        """Return the row that maps W to the logit of `one` minus that of `other`."""
        identity = np.eye(self.n_classes)
        return np.kron(identity[one] - identity[other], h)


def _log_ratio(p: float, q: float) -> float:
    """Return log(p / q), also where the ratio is no number."""
    with np.errstate(over="ignore"):
        ratio = p / q
    return float(np.log(ratio) if np.isfinite(ratio) else np.log(p) - np.log(q))


def covariance(p: np.ndarray) -> np.ndarray:
    """Return diag(p) - p p^T: that of one draw of a token."""
    return np.diag(p) - np.outer(p, p)


def next_tokens(
    seed: int = 0,
    n_contexts: int = 4,
    n_features: int = 5,
    n_tokens: int = 6,
    n_following: int = 3,
) -> NextTokens:
    """Return Gaussian contexts, each followed by `n_following` tokens drawn at random.

    The frequencies are proportional to exp of standard normal numbers.

    Examples
    --------
    >>> data = next_tokens(seed=0)
    >>> (data.P > 0).sum(axis=1).tolist()
    [3, 3, 3, 3]
    """
    n_contexts = positive_integer("n_contexts", n_contexts)
    n_features = positive_integer("n_features", n_features)
    n_tokens = positive_integer("n_tokens", n_tokens)
    n_following = positive_integer("n_following", n_following)
    if not max(n_following, 2) <= n_tokens:
        raise ValueError(
            f"n_tokens={n_tokens} must be at least 2, and at least n_following={n_following}."
        )
    rng = generator(seed)
    X = rng.standard_normal((n_contexts, n_features))
    order = rng.permuted(np.tile(np.arange(n_tokens), (n_contexts, 1)), axis=1)
    P = np.where(order < n_following, np.exp(rng.standard_normal((n_contexts, n_tokens))), 0.0)
    return NextTokens(X, P / P.sum(axis=1, keepdims=True))
