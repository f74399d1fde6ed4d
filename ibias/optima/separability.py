"""Is there a homogeneous hyperplane with all signed inputs on one side? Gordan and Stiemke."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from ibias._validate import read_only
from ibias.datasets import Dataset
from ibias.datasets.rows import alike, even, lengths, rank, rounding
from ibias.optima._advice import dependent, undecided
from ibias.optima._highs import linear_program
from ibias.optima._norms import row_space
from ibias.optima._solver import require
from ibias.optima._sums import exact_sums
from ibias.optima._verdict import in_words

PRECISION = 1e-12  # of the solver's weights, before they are judged
LOST = 1.2 * np.finfo(float).eps / 2  # of a row, in each feature, by a rotation
HEIGHT = 4.0 * np.finfo(float).eps / 2  # of <z, w>
COMPUTED = 4096.0  # roundings by which rows may be off that are no data, as a projection is
TINY = np.finfo(float).tiny
REFINED = 3  # times, at most
SPANNED = 1e-9  # squared sines below this are rounding
RANK = 1e-10  # singular values below this, of the largest, are rounding
CUTS = (1e-15, 1e-13, 1e-11)  # of singular values that may be


class NotSeparable(ValueError):
    """No w has <z_i, w> > 0 for all i; the reason is a convex combination that meets zero.

    Attributes
    ----------
    weights : array, shape (n_samples,)
        At least 0 and summing to 1, with ``weights @ Z = 0`` up to the rounding of Z: no w can
        have all <z_i, w> > 0 by more than that.
    residual : float
        The largest entry of ``weights @ Z``, each relative to its feature's largest entry.
    touching : bool
        True when some w has all <z_i, w> >= 0 and one of them positive: the margin is
        exactly 0 and part of the data can still be separated. False when every w that is not
        orthogonal to all inputs puts one of them on the wrong side.
    """

    def __init__(
        self,
        weights: np.ndarray,
        residual: float,
        touching: bool,
        what: str = "through the origin",
        remedy: str = "For a bias, use data.with_constant().",
    ) -> None:
        self.weights, self.residual, self.touching = read_only(weights), residual, touching
        used = int((weights > 0).sum())
        kind = (
            "The two classes touch: the margin is exactly 0. `separation` gives the part that"
            " can be separated"
            if touching
            else "The two classes overlap: every direction that sees the data errs somewhere"
        )
        super().__init__(
            f"the data are not linearly separable {what}: a convex combination of"
            f" {used} of the {weights.size} signed inputs y_i x_i meets zero"
            f" (residual {residual:.1e}). {kind}. {remedy}"
        )


@dataclass(frozen=True, eq=False)
class Separation:
    """The finest split of a data set into a part that can be separated and the rest.

    Attributes
    ----------
    separable : array of int
        Indices i with <z_i, w> > 0 for some w that has <z_j, w> >= 0 for all j.
    rest : array of int
        The other indices: a positive combination of exactly these meets zero.
    w : array, shape (n_features,)
        <z_i, w> > 0 on `separable`, and 0 on `rest` (up to rounding).
    weights : array, shape (n_samples,)
        Positive on `rest` and summing to 1 there, zero elsewhere, ``weights @ Z = 0``. All
        zero when the whole data set is separable.
    residual : float
        The largest entry of ``weights @ Z``, each relative to its feature's largest entry.
    Z : array, shape (n_samples, n_features)
        The signed inputs that are split.
    feature_names : tuple of str, or None
        The names of the features, where the data have them.
    """

    separable: np.ndarray
    rest: np.ndarray
    w: np.ndarray
    weights: np.ndarray
    residual: float
    Z: np.ndarray
    feature_names: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return in_words(self)

    @property
    def kind(self) -> str:
        """One of "separable", "quasi-separable" (a part is) and "overlapping" (none is)."""
        if self.rest.size == 0:
            return "separable"
        return "quasi-separable" if self.separable.size else "overlapping"

    @cached_property
    def finite(self) -> np.ndarray:
        """The features whose coefficient has a finite maximum-likelihood estimate, which is unique.

        Along the directions in which the likelihood does not fall the `rest` does not move: they
        span the complement of its rows. Coefficient j is the same along all of them where the
        unit vector of j is in the span of the rest.
        """
        return read_only(np.flatnonzero(_in_span(self.Z[self.rest], self.Z)))

    @cached_property
    def undetermined(self) -> np.ndarray:
        """The features whose coefficient no labels can determine: columns of X are dependent."""
        return read_only(np.flatnonzero(~_in_span(self.Z, self.Z)))

    @cached_property
    def infinite(self) -> np.ndarray:
        """The other features: their coefficient grows without bound, or can be made to."""
        known = np.union1d(self.finite, self.undetermined)
        return read_only(np.setdiff1d(np.arange(self.Z.shape[1]), known))

    def error(self, *words: str) -> NotSeparable:
        """Return the error to raise when the whole data set had to be separable.

        `words` replace "through the origin" and the remedy in its message.
        """
        return NotSeparable(self.weights.copy(), self.residual, self.separable.size > 0, *words)


def separation(data: Dataset) -> Separation:
    """Split the data into the largest part that can be separated, and the rest.

    One linear program does it: maximise sum t_i subject to <z_i, w> >= t_i, 0 <= t_i <= 1.
    At the optimum every t_i is 0 or 1, and the dual variables of the first constraint are at
    least 1 where t_i = 0 and vanish where t_i = 1 (Stiemke's theorem of the alternative; the
    partition is that of Ji and Telgarsky 2019, section 2).

    What meets zero up to the rounding of the data meets it: samples that are opposite but for their
    last bits hold each other, and are in the rest.

    Printed, the result says whether a maximum-likelihood estimate exists (of the logistic model,
    or any other whose loss is convex and decreasing: Albert and Anderson 1984), which coefficients
    have a finite one, and what to do about the others.

    Raises
    ------
    ValueError
        If `data` is not a Dataset.
    RuntimeError
        If rounding leaves the question open.

    Examples
    --------
    The second feature is 1 for one sample only, whose label it therefore explains:

    >>> X = [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [2.0, 1.0]]
    >>> split = separation(Dataset(X, [1, -1, 1, 1]))
    >>> split.kind, split.separable, split.finite, split.infinite
    ('quasi-separable', array([3]), array([0]), array([1]))
    >>> print(split)
    quasi-separable: a hyperplane has 1 sample (3) on the right side and the other 3 on it; ...
    The likelihood has no maximum: it rises for ever along the weights 1 on feature 1.
    A finite estimate, and one only, exists for feature 0.
    No finite estimate exists for feature 1.
    For finite estimates penalise the likelihood: Firth's penalty ...
    Hyperplanes go through the origin; data.with_constant() appends an intercept.
    """
    split = separate(require("data", data, Dataset).Z)
    return replace(split, feature_names=data.feature_names)


def separate(Z: np.ndarray, off: float = 1.0) -> Separation:
    """Return the `separation` of the signed inputs `Z`, shape (n_samples, n_features).

    Rows that were computed may be `off` by more than the rounding of given ones, in units of it.
    """
    # The split ignores the lengths of the inputs, the scales of the features and rotations.
    units, columns = even(Z)
    rows, basis = row_space(Z / units[:, None] / columns)
    size = lengths(rows)[:, 0]
    rows = rows / size[:, None]
    try:
        direction, separated, weights = _stiemke(rows)
    except RuntimeError as unsolved:  # its words are for the samples themselves
        raise undecided(Z, np.full(len(Z), 1 / len(Z))) from unsolved
    # Both certificates are judged on the samples themselves: divided by powers of two, no more.
    held, (same, blur, steps) = ~separated, alike(Z, units, columns)
    blur = off * blur
    inverse = _inverse(same[held], rank(same[held], blur[held]))
    across = _across(rows, held, direction)
    if basis is not None:
        across = [basis @ v for v in across]
    across = [v * steps / columns for v in across]
    v = _separating(same, blur, held, inverse, across, size / 4)
    proof = np.zeros(len(Z))
    if held.any():
        rough = _meeting_zero(rows[held], weights[held]) / size[held]
        proof[held] = _positive(same[held], blur[held], inverse, rough) / units[held]
        proof = proof / proof.sum()
    if v is None or np.isnan(proof).any():
        raise undecided(Z, np.where(held, weights, 0.0))
    sizes = np.abs(Z).max(axis=0)
    residual = np.abs(proof @ Z / np.where(sizes > 0, sizes, 1.0)).max(initial=0.0)
    return Separation(
        separable=read_only(np.flatnonzero(separated)),
        rest=read_only(np.flatnonzero(held)),
        w=read_only(v / steps),
        weights=read_only(proof),
        residual=float(residual),
        Z=Z,
    )


def _inverse(rows: np.ndarray, rank: int) -> np.ndarray:
    """Return the pseudo-inverse of the rows on the first `rank` singular vectors."""
    left, size, right = np.linalg.svd(rows, full_matrices=False)
    return (right[:rank].T / np.maximum(size[:rank], TINY)) @ left[:, :rank].T


def _positive(
    rest: np.ndarray, blur: np.ndarray, inverse: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return weights > 0 with weights @ rest = 0 up to rounding; NaN where none are.

    The sums are exact: nothing but what these very numbers lost may be left. And positive weights
    are next to them that meet zero in every direction the `inverse` knows: what is left moves
    none of them below zero.
    """
    used = rest.any(axis=0).sum()
    for _ in range(REFINED):
        left, lost = exact_sums(rest.T, [weights]), LOST * np.abs(weights) @ blur
        moved = np.sqrt(used) * np.linalg.norm(lost[:, None] * inverse, axis=0)
        near = np.linalg.norm(left / np.maximum(lost, TINY)) <= np.sqrt(used)
        if near and (weights > moved).all():
            return weights
        weights = weights - left @ inverse
    return np.full(len(rest), np.nan)


def _across(rows: np.ndarray, held: np.ndarray, w: np.ndarray) -> list[np.ndarray]:
    """Return what w is across the rows that are held, for two cuts.

    Small singular values are rounding, or not.
    """
    return [w - _onto_rows(rows[held], w, cut) for cut in (RANK, rounding(rows[held]))]


def _separating(
    rows: np.ndarray,
    blur: np.ndarray,
    held: np.ndarray,
    inverse: np.ndarray,
    across: list[np.ndarray],
    asked: np.ndarray,
) -> np.ndarray | None:
    """Return the first v that is zero on the rows that are held, and as `asked` on the others.

    Zero up to rounding of the rows and of v, in exact sums, and by so little that next to v one is
    exactly zero and still positive on the others; None where no v is.
    """
    for v in across:
        for _ in range(REFINED):
            heights = exact_sums(rows, [v])
            lost = HEIGHT * np.linalg.norm(blur * v, axis=1)
            if (np.abs(heights) <= lost)[held].all():
                moved = np.abs(rows) @ (np.abs(inverse) @ lost[held])
                if (heights > np.maximum(asked, moved))[~held].all():
                    return v
                break
            v = v - inverse @ heights[held]
    return None


def _stiemke(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve the linear program of `separation`: a w, who is separated, and the dual variables."""
    n, d = rows.shape
    answer = linear_program(
        np.r_[np.zeros(d), -np.ones(n)],
        A_ub=sparse.hstack([-rows, sparse.eye_array(n)]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * d + [(0, 1)] * n,
    )
    if answer.status != 0:
        raise undecided(rows, np.full(n, 1 / n))
    separated = answer.x[d:] > 0.5
    return answer.x[:d], separated, np.where(separated, 0.0, -answer.ineqlin.marginals)


def _meeting_zero(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weights closest to `weights` with weights @ rows = 0.

    Small singular values are rounding, or not: of the cuts the first is taken after which the
    weights are positive and meet zero, and the caller says so where there is none.
    """
    left, size, right = np.linalg.svd(rows, full_matrices=False)
    for cut in CUTS:
        kept = size > cut * size.max(initial=0.0)
        off = (weights @ rows) @ right[kept].T / size[kept]
        corrected = weights - left[:, kept] @ off
        if (corrected > 0).all() and np.abs(corrected @ rows).max() <= PRECISION * corrected.sum():
            break
    return corrected


def _row_span(rows: np.ndarray, cut: float = RANK) -> np.ndarray:
    """Return an orthonormal basis of the span of the rows, shape (rank, n_features)."""
    if not rows.size:
        return rows[:0]
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    return right[size > cut * size.max()]


def _onto_rows(rows: np.ndarray, w: np.ndarray, cut: float = RANK) -> np.ndarray:
    """Return the projection of w onto the span of the rows."""
    basis = _row_span(rows, cut)
    return basis.T @ (basis @ w)


def _in_span(rows: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Say for each feature whether its unit vector is in the span of the rows, shape (d,).

    Decided with features of the size they have in Z, and rows of length one. Refused where rows
    are next to others and not repeats of them, and it depends on these.
    """
    columns = even(Z)[1]
    told = rank(*alike(rows, np.ones(len(rows)), columns)[:2])
    rows = rows / columns
    rows = rows / lengths(rows)
    basis = _row_span(rows)
    inside = 1 - (basis**2).sum(axis=0) <= SPANNED
    if told == len(basis):
        return inside
    seen = rows.any(axis=0)
    if told == seen.sum():
        return seen
    doubtful = inside != (1 - (np.linalg.svd(rows)[2][:told] ** 2).sum(axis=0) <= SPANNED)
    raise RuntimeError(dependent(np.flatnonzero(doubtful if doubtful.any() else seen).tolist()))
