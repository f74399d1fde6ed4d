"""The result of every optimiser: iterates at chosen times, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import exponent, finite_array, vectors
from ibias.record import Record

SMALL = 1e-140  # of which squares are numbers, in sums of any length


def length(w: np.ndarray, p: float) -> np.ndarray:
    """Return ||w||_p over the last axis, in the precision of w.

    The powers are of w / max |w|: numpy's norm of order 1001 is 0 for every w below 1/2.

    >>> print(f"{length(np.array([1e-8, 1e-8]), 1001.0):.3e}")
    1.001e-08
    """
    size = np.abs(w)
    largest = size.max(axis=-1, initial=0)
    if p == np.inf:
        return largest
    safe = np.where(largest > 0, largest, 1)
    with np.errstate(under="ignore"):
        return largest * ((size / safe[..., None]) ** p).sum(axis=-1) ** (1 / p)


def unit(w: ArrayLike, p: float = 2) -> np.ndarray:
    """Return w / ||w||_p over the last axis; refuse the zero vector.

    Examples
    --------
    >>> unit([3.0, 4.0]), unit([1.0, -3.0], p=1)
    (array([0.6, 0.8]), array([ 0.25, -0.75]))
    """
    return direction(_of_size_one(vectors("w", w)), exponent("p", p))


def direction(w: np.ndarray, p: float = 2) -> np.ndarray:
    """Return `unit` of arguments that are known to be good, in inner loops.

    >>> direction(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    norm = (np.linalg.norm(w, axis=-1) if p == 2 else length(w, p))[..., None]
    if (norm == 0).any():
        raise ValueError("w is the zero vector somewhere: it has no direction. Choose later times.")
    return w / norm


def _of_size_one(w: np.ndarray) -> np.ndarray:
    """Return w times a power of two where its squares, or sums of them, would be no numbers."""
    largest = np.abs(w).max(axis=-1, keepdims=True, initial=0)
    if largest.min(initial=1) > SMALL and largest.max(initial=1) < 1 / SMALL:
        return w
    return np.ldexp(w, -np.frexp(largest)[1])


def unit_or_zero(g: np.ndarray) -> np.ndarray:
    """Return g / ||g|| over the last axis, and zero where g is zero.

    Examples
    --------
    >>> unit_or_zero(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    length = np.linalg.norm(g, axis=-1, keepdims=True)
    return g / np.where(length > 0, length, 1.0)


def margin(Z: ArrayLike, w: ArrayLike, p: float = 2) -> np.ndarray:
    """Return min_i <z_i, w> / ||w||_p, the margin of w normalised by its own p-norm.

    Parameters
    ----------
    Z : array, shape (n_samples, n_features)
        The signed inputs.
    w : array, shape (..., n_features)
        One weight vector, or any stack of them.
    p : float
        The norm of w; the distance to the boundary is then measured in the dual norm.

    Returns
    -------
    array, shape (...)

    Examples
    --------
    >>> Z = [[1.0, 0.0], [0.0, 2.0]]
    >>> float(margin(Z, [1.0, 1.0], p=1)), float(margin(Z, [1.0, 1.0], p=np.inf))
    (0.5, 1.0)
    """
    Z, w = finite_array("Z", Z, ndim=2), vectors("w", w)
    if not len(Z) or w.shape[-1] != Z.shape[1]:
        raise ValueError(
            f"Z has shape {Z.shape} and w {w.shape}; give at least one sample, and weights of"
            " their features."
        )
    return (direction(_of_size_one(w), exponent("p", p)) @ Z.T).min(axis=-1)


@dataclass(frozen=True, eq=False)
class Trajectory(Record):
    """Iterates of a discrete method or a flow, at `n_times` times.

    It prints in one line; `save` and `load` keep it in a file, `to_dataframe` makes a table.

    Attributes
    ----------
    log_t : array, shape (n_times,)
        The logarithm of flow time t (t = step_size * k after k steps). Time 0 is -inf. Where
        every run of a batch chooses its own steps, it has its own time: (n_times, ...).
    iterates : array, shape (n_times, ..., n_features)
        The weights. Axes in the middle are the batch: seeds, starts or step sizes.
    log_risk : array, shape (n_times, ...)
        The logarithm of the mean loss.
    status : str
        How the run ended, in words.
    error_estimate : array, shape (n_times,), or None
        For flows, an estimate of the error of the iterates, in the largest entry.
    n_evaluations : int
        How often the gradient of the full data was computed.
    steps : array of int, shape (n_times,), or None
        The number of steps done, k, at each time; None for flows.
    step_sizes : array, shape (n_times, ...), or None
        The size of the step that led to each iterate; None for flows.
    separable : bool, or array of bool of shape (...), or None
        Whether the run has shown that its model can separate the data: every margin is positive
        at the last time. False says that this run has not, yet or ever; whether any weights
        could, `optima.separation` decides for linear models. None where outputs have no sign,
        as in regression, and where the method does not say.

    Examples
    --------
    >>> from ibias import datasets, flow
    >>> flow.gradient_flow(datasets.symmetric_pair(), log_t=[1.0, 9.0, 1e6])
    Trajectory(3 times, log t from 1 to 1e+06, iterates (3, 2), 'integrated to log time 1e+06')
    """

    log_t: np.ndarray
    iterates: np.ndarray
    log_risk: np.ndarray
    status: str
    error_estimate: np.ndarray | None = None
    n_evaluations: int = field(default=0)
    steps: np.ndarray | None = None
    step_sizes: np.ndarray | None = None
    separable: np.ndarray | bool | None = None

    @property
    def final(self) -> np.ndarray:
        """The last iterate, shape (..., n_features)."""
        return self.iterates[-1]

    @property
    def norms(self) -> np.ndarray:
        """The Euclidean norms of the iterates, shape (n_times, ...)."""
        return np.linalg.norm(self.iterates, axis=-1)

    def direction_gap(self, reference: ArrayLike) -> np.ndarray:
        """Return || w/||w|| - v/||v|| || for a reference direction v, shape (n_times, ...)."""
        return np.linalg.norm(unit(self.iterates) - unit(reference), axis=-1)

    def normalized_margin(self, Z: ArrayLike, p: float = 2) -> np.ndarray:
        """Return min_i <z_i, w> / ||w||_p along the trajectory, shape (n_times, ...)."""
        return margin(Z, self.iterates, p)

    def slope(self, quantity: ArrayLike, between: tuple[float, float] | None = None) -> np.ndarray:
        """Return the least-squares slope of `quantity` against log t.

        Parameters
        ----------
        quantity : array, shape (n_times, ...)
            For instance ``trajectory.norms``.
        between : pair of floats, optional
            The window of log t; without it, all times.

        Returns
        -------
        array, shape (...)
        """
        quantity = finite_array("quantity", quantity)
        if quantity.shape[:1] != self.log_t.shape:
            raise ValueError(
                f"quantity has shape {quantity.shape}; its first axis must be the"
                f" {self.log_t.size} times of the trajectory"
            )
        low, high = between if between is not None else (self.log_t[0], self.log_t[-1])
        window = (self.log_t >= low) & (self.log_t <= high)
        if not np.isfinite(self.log_t[window]).all():
            raise ValueError(
                "the window of the slope holds time 0, whose logarithm is infinite: give between=,"
                " or record from step 1 on."
            )
        if window.sum() < 2:
            raise ValueError(
                f"between=({low:g}, {high:g}) holds {window.sum()} of the trajectory's times;"
                " a slope needs two. Widen it or ask for more times."
            )
        s = self.log_t[window] - self.log_t[window].mean()
        return np.tensordot(s, quantity[window], axes=1) / (s @ s)


@dataclass(frozen=True, eq=False)
class MatrixTrajectory(Record):
    """Matrices W = W_1 ... W_N at `n_times` times.

    It prints in one line; `save` and `load` keep it in a file, `to_dataframe` makes a table.

    Attributes
    ----------
    log_t : array, shape (n_times,)
        The logarithm of flow time t (t = step_size * k after k steps). Time 0 is -inf.
    iterates : array, shape (n_times, ..., n_rows, n_columns)
        The products W. Axes in the middle are the batch.
    log_risk : array, shape (n_times, ...)
        The logarithm of (1/2) ||A(W) - y||^2, a sum over observations and not a mean.
    factors : tuple of arrays, or None
        W_1, ..., W_N at the last time, where the method has them.
    status : str
        How the run ended, in words.
    n_evaluations : int
        How often the gradient was computed.
    steps : array of int, shape (n_times,), or None
        The number of steps done, k, at each time; None for flows.
    step_sizes : array, shape (n_times, ...), or None
        The size of the step that led to each iterate; None for flows.
    error_estimate : array, shape (n_times,), or None
        The error of W relative to ||W||_F, the largest of the batch; None for loops.

    Examples
    --------
    >>> from ibias import datasets, flow
    >>> flow.matrix_flow(datasets.two_by_two_completion(), scale=0.5, log_t=[0.0, 2.0])
    MatrixTrajectory(2 times, log t from 0 to 2, iterates (2, 2, 2), '...')
    """

    ENTRY: ClassVar[str] = "W"
    ENTRY_AXES: ClassVar[int] = 2

    log_t: np.ndarray
    iterates: np.ndarray
    log_risk: np.ndarray
    factors: tuple[np.ndarray, ...] | None
    status: str
    n_evaluations: int = field(default=0)
    steps: np.ndarray | None = None
    step_sizes: np.ndarray | None = None
    error_estimate: np.ndarray | None = None

    @property
    def final(self) -> np.ndarray:
        """The last W, shape (..., n_rows, n_columns)."""
        return self.iterates[-1]
