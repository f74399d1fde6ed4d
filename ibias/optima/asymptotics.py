"""The first two terms of gradient descent's expansion in log t, from the dual alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import lengths
from ibias.entropy import min_entropy, shannon_entropy
from ibias.optima._advice import Unsolved, scaling_tried
from ibias.optima._norms import power_of_two
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima.margin import MaxMargin, margin_of_rows
from ibias.optima.saddles import nonnegative, slopes
from ibias.optima.separability import COMPUTED, separate
from ibias.trajectory import length

GAP = 1e-9  # the largest error of ||Z^T p||, relative to the margin, that is returned
POINT = 1e-5  # the largest distance of Z^T p from the nearest point, relative, that is returned
HEIGHT = 1e-6  # the largest error of <z_i, r>, relative to its size beyond one, that is returned
CORRECTIONS = 3  # of the residual
ROUNDING = 4 * np.finfo(float).eps  # of <z_i, r>, by its terms and their number
TIE = 4 * np.finfo(float).eps  # of a height, by its terms: what rounding of the data may change
BLUR = 16.0  # roundings of a solution of least squares
SHARE = 1e-13  # the relative change of a weight that ends Newton's method
NEWTON_STEPS = 200
RANK = 1e-10  # a singular value of rows of length one below this may be rounding
NOTHING = 64 * np.finfo(float).eps  # it is below this, times the root of their number or length
SMALLEST = 1e-8  # a part in the nearest point: rounding of the data decides about a smaller one


@dataclass(frozen=True, eq=False)
class Expansion:
    """w(t) = w_hat log t + r(t) for a loss with tail exp(-u), and what follows from it.

    For the mean loss and gradient flow, or gradient descent with t = step_size * steps. H is
    the Shannon entropy and H_inf the min-entropy of the weights p.

    Attributes
    ----------
    w : array, shape (n_features,)
        w_hat, the solution of the hard-margin problem.
    margin : float
        The largest margin m = 1 / ||w_hat||.
    dual_variables : array, shape (n_samples,)
        The limit mu of the samples' shares of the gradient: convex weights, and of all the
        dual solutions the one that gradient descent finds.
    support : array of int
        The samples with positive weight.
    degenerate : array of int
        Samples on the margin, up to the rounding of the data, whose weight is zero in every dual
        solution. For almost all data there are none. If there are, r(t) grows like log log t.
    residual : array, shape (n_features,)
        The limit of r(t) on the span of the support, where <z_i, r> = -log(n mu_i / m^2) up to
        the rounding of r, which long samples see. Off that span r(t) keeps a trace of the start.
    margin_gap : float
        The limit of (m - margin of w(t)) * log t: m * (H(mu) - H_inf(mu)).
    direction_gap : float
        The limit of || w/||w|| - w_hat/||w_hat|| || * log t if `spanning` and no sample is
        degenerate; otherwise that of its part on the span of the support.
    spanning : bool
        Whether the support spans all of R^d.
    """

    w: np.ndarray
    margin: float
    dual_variables: np.ndarray
    support: np.ndarray
    degenerate: np.ndarray
    residual: np.ndarray
    margin_gap: float
    direction_gap: float
    spanning: bool


@scaling_tried
def expansion(data: Dataset) -> Expansion:
    """Return the expansion w(t) = w_hat log t + r + o(1) of gradient descent on `data`.

    The shares of the support vectors S minimise log sum_S exp(-<z_i, v>) over v orthogonal
    to w_hat, where mu_i is proportional to exp(-<z_i, v>) (the potential of Wu, Braverman and
    Lee 2023; for independent support vectors mu is the one dual solution, and the residual is
    that of Soudry et al. 2018, Theorem 4).

    A sample above the margin by no more than the rounding of the data is on it, and two samples
    that are the same up to this rounding share a weight.

    Raises
    ------
    NotSeparable
        If `data` is not separable through the origin.
    RuntimeError
        If the weights are not dual optimal to 1e-9, or if one of the p_i ||z_i|| is below 1e-8 of
        the largest without being zero in every dual solution: the logarithm of p_i, and so the
        residual, is then rounding. Also where samples on the margin agree to 1e-10 and are not
        the same up to the rounding of the data, where they are so uneven in length that rounding
        moves the nearest point by 1e-5, or where no r meets the weights to 1e-6.

    Examples
    --------
    >>> from ibias import datasets
    >>> two = datasets.Dataset.from_signed([[1.0, 3.0], [1.0, -1.0]])
    >>> expansion(two).dual_variables.round(6)
    array([0.25, 0.75])
    >>> expansion(datasets.degenerate_pair()).degenerate
    array([1])
    """
    svm = margin_of_rows(require("data", data, Dataset).Z, 2)
    support, degenerate, across = _split(data.Z, svm)
    longest = support[lengths(data.Z[support]).argmax()]
    v = _potential(across, f"Remove sample {longest}, or others")
    share = _shares(across, v)
    p = np.zeros(data.n_samples)
    p[support] = share
    excess = np.linalg.norm(p @ data.Z) - svm.margin
    if not abs(excess) <= GAP * svm.margin:
        pulls = p * lengths(data.Z)[:, 0]
        raise Unsolved(
            f"data: the weights of the support vectors miss the dual optimum by {excess:.1e}: the"
            f" margin {svm.margin:.1e} is next to nothing beside the samples.",
            f"drop one of the samples {np.argsort(-pulls)[:2].tolist()}, which almost meet",
        )
    off = np.linalg.norm(p @ data.Z - svm.margin * svm.direction) / svm.margin
    if not off <= POINT:
        raise RuntimeError(
            f"data: the weights of the support vectors miss the nearest point by {off:.1e}: the"
            f" lengths of the samples are too far apart. Remove sample {longest}."
        )
    size = lengths(data.Z[support])[:, 0]
    parts = share * size
    smallest = int(parts.argmin())
    if parts[smallest] < SMALLEST * parts.max():
        raise RuntimeError(
            f"data: sample {support[smallest]} is on the margin with weight {share[smallest]:.1e}:"
            " rounding decides whether it has a part in the limit. Remove it, or move it off the"
            " margin."
        )
    heights = 2 * np.log(svm.margin) - np.log(data.n_samples * share)
    rows = data.Z[support] / size[:, None]
    residual, left = np.zeros(data.n_features), heights
    for _ in range(CORRECTIONS):
        residual = residual + np.linalg.lstsq(rows, left / size)[0]
        left = exact_sums(-data.Z[support], [residual], heights)
    rounded = ROUNDING * data.n_features * np.abs(data.Z[support]) @ np.abs(residual)
    off = (np.abs(left) - rounded) / np.maximum(1.0, np.abs(heights))
    if not off.max() <= HEIGHT:
        worst = support[off.argmax()]
        raise RuntimeError(
            f"data: no residual meets the weights of the support vectors: sample {worst} is off by"
            f" {off.max():.1e}. They are next to degenerate. Remove that sample."
        )
    # Across w_hat the residual is v: <z_i, r> is <z_i, v> up to a constant.
    return Expansion(
        w=svm.w,
        margin=svm.margin,
        dual_variables=read_only(p),
        support=read_only(support),
        degenerate=read_only(degenerate),
        residual=read_only(residual),
        margin_gap=float(svm.margin * (shannon_entropy(p) - min_entropy(p))),
        direction_gap=float(svm.margin * length(v, 2)),
        spanning=bool(np.linalg.matrix_rank(rows) == data.n_features),
    )


def _on_margin(Z: np.ndarray, svm: MaxMargin) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return who is on the margin, who of these has a weight for sure, and the direction.

    The least w with <z_i, w> >= 1 is the residual of a fit by weights u >= 0, of (0, 1) by the
    columns (z_i, 1) (Lawson and Hanson 1974, chapter 23), which is known to its own digits. A
    sample is on the margin unless its height is above by more than the rounding of the data.
    """
    rows = Z / power_of_two(svm.margin)
    near = svm.support[np.argsort(-svm.dual_variables[svm.support], kind="stable")]
    p, y = svm.dual_variables[near], np.append(np.zeros(Z.shape[1]), 1.0)
    start = p[p > 0][:-1]
    if start.size >= Z.shape[1]:
        start = start[:0]
    try:
        for _ in range(len(Z)):
            E = np.vstack([rows[near].T, np.ones(near.size)])
            u, left = _weights(E, y, start)
            heights = exact_sums(np.column_stack([rows, np.ones(len(Z))]), [left])
            heights[near] = -np.inf
            if not (heights > 0).any():
                break
            near = np.append(near, heights.argmax())
        slope, surely = (
            slopes(E, y, u, left, np.flatnonzero(u), share)[0] for share in (TIE, None)
        )
    except RuntimeError:
        raise _open(Z, svm) from None
    between = (slope != 0) & (surely == 0)
    if between.any():
        raise _nearly_on_margin(near[between])
    direction = -left[:-1]
    pulls = u * lengths(Z[near])[:, 0]
    sure = near[pulls > NOTHING * pulls.max()]
    return np.sort(near[slope == 0]), sure, direction / np.linalg.norm(direction)


def _weights(E: np.ndarray, y: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    try:
        return nonnegative(E, y, start)
    except RuntimeError:  # those at the start depend on each other
        return nonnegative(E, y, start[:0])


def _open(Z: np.ndarray, svm: MaxMargin) -> RuntimeError:
    pulls = svm.dual_variables * lengths(Z)[:, 0]
    least = svm.support[np.argsort(pulls[svm.support], kind="stable")][:3]
    return RuntimeError(
        f"data: rounding leaves open which samples have a part in the maximum margin"
        f" {svm.margin:.1e}. To go on, drop one of the samples {least.tolist()}."
    )


def _nearly_on_margin(samples: np.ndarray) -> RuntimeError:
    return RuntimeError(
        f"data: samples {samples[:3].tolist()} are off the margin by little more than the rounding"
        " of the data. To go on, remove them, or move them off the margin or onto it."
    )


def _across(Z: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis, as columns, of the span of Z orthogonal to `direction`.

    What counts as rounding is judged row by row: a short one spans as much as a long one.
    """
    rows = Z / lengths(Z)
    flat = rows - np.outer(rows @ direction, direction)
    _, size, right = np.linalg.svd(flat, full_matrices=False)
    return right[_told(size, flat.shape)].T


def _told(sizes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Say which sizes are more than the rounding of rows of length one; refuse to guess."""
    if ((sizes > NOTHING * np.sqrt(max(shape))) & (sizes <= RANK)).any():
        raise RuntimeError("data: samples on the margin nearly agree.")
    return sizes > RANK


def _split(Z: np.ndarray, svm: MaxMargin) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split the samples on the margin into those with weight and the degenerate ones.

    A sample has weight zero in every dual solution if and only if some v orthogonal to w_hat
    raises its height and lowers that of no other. The third are the heights of the first, in a
    basis across w_hat.
    """
    rim, weighty, direction = _on_margin(Z, svm)
    on = Z[rim]
    try:
        heights = on @ _across(on, direction)
        if heights.shape[1] == 0:  # all of them at the same point across
            return rim, rim[:0], heights
        # The nearest point may be a sample, and what is left of it across is rounding.
        seen = _told(np.linalg.norm(heights / lengths(on), axis=1), heights.shape)
        raised = separate(np.where(seen[:, None], heights, 0.0), COMPUTED)
        support = rim[raised.rest]
        if not np.isin(weighty, support).all():
            raise _open(Z, svm)
        return support, rim[raised.separable], Z[support] @ _across(Z[support], direction)
    except RuntimeError:
        raise _open(Z, svm) from None


def _shares(heights: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return mu, proportional to exp(-heights_i . v)."""
    return np.exp(-heights @ v - np.logaddexp.reduce(-heights @ v))


def _potential(heights: np.ndarray, remedy: str) -> np.ndarray:
    """Return the v with the least log sum_i exp(-heights_i . v), by damped Newton."""

    def value(v: np.ndarray) -> float:
        return float(np.logaddexp.reduce(-heights @ v))

    v = np.zeros(heights.shape[1])
    for _ in range(NEWTON_STEPS):
        p = _shares(heights, v)
        # Newton's step on the sum of exponentials, from the roots of the weights, and by one
        # number (Sherman and Morrison) that on its logarithm: never a product of small weights.
        root = np.sqrt(p)
        step = np.linalg.lstsq(root[:, None] * heights, root)[0]
        left = root - root * (heights @ step)
        step = step / max(left @ left, np.finfo(float).eps)
        slope, length = -p @ heights, 1.0
        while value(v + length * step) > value(v) + 0.1 * length * (slope @ step) + 1e-15:
            length /= 2
        v = v + length * step
        # Every weight to its own digits, up to the rounding of its exponent, and of least squares
        # in which its row is as long as its root.
        rounding = np.finfo(float).eps * (np.abs(heights) @ np.abs(v) + BLUR / root)
        if (np.abs(heights @ step) <= SHARE + rounding).all():
            return v
    raise RuntimeError(
        f"data: the limit of the weights was not found in {NEWTON_STEPS} steps of Newton's method:"
        " they are next to degenerate, or the lengths of the samples are too far apart."
        f" {remedy} that are almost on the margin."
    )
