"""Matrix problems: fewer linear observations than entries, fitted by half a sum of squares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    array_of,
    finite_array,
    floats,
    positive,
    positive_integer,
    read_only,
    squares,
)
from ibias.datasets.random import generator

Index = int | slice | list[int]


class MatrixProblem(ABC):
    """Observations y = A(W) of an unknown matrix W, with risk (1/2) ||A(W) - y||^2.

    Leading axes are a batch of problems of one shape; W may carry them too.

    Attributes
    ----------
    observations : array, shape (n_observations,)
        The values y; of one problem, not of a batch.
    sensors : array, shape (n_observations, n_rows, n_columns)
        The matrices A_i with y_i = <A_i, W>; of one problem, not of a batch.
    truth : array, shape (..., n_rows, n_columns), or None
        The matrix that was observed, to measure errors with. No method reads it.
    """

    observations: np.ndarray
    sensors: np.ndarray
    truth: np.ndarray | None

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape (..., n_rows, n_columns) of W."""

    @abstractmethod
    def risk(self, W: ArrayLike) -> np.ndarray:
        """Return (1/2) ||A(W) - y||^2, shape (...)."""

    @abstractmethod
    def gradient(self, W: ArrayLike) -> np.ndarray:
        """Return the gradient A*(A(W) - y) of the risk in W, shape (..., n_rows, n_columns)."""

    @abstractmethod
    def __getitem__(self, index: Index) -> MatrixProblem:
        """Return one problem of a batch, or with a slice or a list a smaller batch."""

    def relative_error(self, W: ArrayLike) -> np.ndarray:
        """Return ||W - truth||_F / ||truth||_F, shape (...)."""
        if self.truth is None:
            raise ValueError("this problem has no truth; compare W with a matrix of your own.")
        norm = np.linalg.norm(self.truth, axis=(-2, -1))
        return np.linalg.norm(self._entries(W) - self.truth, axis=(-2, -1)) / norm

    def _entries(self, W: ArrayLike) -> np.ndarray:
        """Return W as an array; refuse other matrices than those of the problem."""
        W = floats("W", W)
        if W.shape[-2:] != self.shape[-2:]:
            raise ValueError(f"W has shape {W.shape}; give matrices of the shape {self.shape}.")
        return W


@dataclass(frozen=True, eq=False)
class Completion(MatrixProblem):
    """Some entries of a matrix are seen: risk (1/2) ||P_Omega(W - M)||_F^2.

    Parameters
    ----------
    mask : array of bool, shape (..., n_rows, n_columns)
        True on Omega, the observed entries; at least one of them.
    M : array, shape (..., n_rows, n_columns)
        The matrix. Only its observed entries are kept.
    truth : array, optional
        The whole matrix, to measure errors with.

    Raises
    ------
    ValueError
        For shapes that differ, no observed entry, NaN or infinite values.

    Examples
    --------
    >>> problem = Completion([[True, False], [False, True]], [[1.0, 9.0], [9.0, 2.0]])
    >>> problem.gradient(np.zeros((2, 2)))
    array([[-1.,  0.],
           [ 0., -2.]])
    >>> float(problem.risk(np.zeros((2, 2))))
    2.5
    """

    mask: np.ndarray
    M: np.ndarray
    truth: np.ndarray | None = None

    def __init__(self, mask: ArrayLike, M: ArrayLike, truth: ArrayLike | None = None) -> None:
        mask = np.array(array_of("mask", mask, "True and False"))
        if mask.dtype != bool:
            raise ValueError(f"mask must hold True and False; got {mask.dtype}. Compare with 0.")
        if mask.ndim < 2 or not mask.any(axis=(-2, -1)).all():
            raise ValueError("mask needs two axes at least, and one observed entry a problem.")
        M = array_of("M", M)
        if M.dtype.kind not in "biufO" or M.ndim == 1 or M.dtype == bool:
            M = finite_array("M", M, ndim=max(mask.ndim, 2))
        try:
            M = np.where(mask, np.broadcast_to(M, mask.shape), 0.0)
        except ValueError as error:
            raise ValueError(
                f"M has shape {M.shape} but mask has {mask.shape}; give one entry each."
            ) from error
        M = squares("M", finite_array("M", M))
        object.__setattr__(self, "mask", read_only(mask))
        object.__setattr__(self, "M", read_only(M))
        object.__setattr__(self, "truth", _matching_truth(truth, mask.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (..., n_rows, n_columns) of W."""
        return self.mask.shape

    @property
    def observations(self) -> np.ndarray:
        """The observed entries, row by row."""
        return self.M[self.mask]

    @property
    def sensors(self) -> np.ndarray:
        """One matrix e_i e_j^T for each observed entry, row by row."""
        return np.eye(self.mask.size)[self.mask.ravel()].reshape(-1, *self.shape)

    def risk(self, W: ArrayLike) -> np.ndarray:
        """Return (1/2) ||P_Omega(W - M)||_F^2, shape (...)."""
        return 0.5 * (self.gradient(W) ** 2).sum(axis=(-2, -1))

    def gradient(self, W: ArrayLike) -> np.ndarray:
        """Return P_Omega(W - M)."""
        return self.mask * (self._entries(W) - self.M)

    def __getitem__(self, index: Index) -> Completion:
        return Completion(*(a if a is None else a[index] for a in (self.mask, self.M, self.truth)))


@dataclass(frozen=True, eq=False)
class Sensing(MatrixProblem):
    """Inner products of a matrix with given sensors: risk (1/2) sum_i (<A_i, W> - y_i)^2.

    Parameters
    ----------
    sensors : array, shape (n_observations, n_rows, n_columns)
        The matrices A_i.
    observations : array, shape (n_observations,)
        The values y_i.
    truth : array, optional
        The matrix that was observed, to measure errors with.

    Raises
    ------
    ValueError
        For shapes that do not match, NaN or infinite values.

    Examples
    --------
    >>> problem = Sensing([np.eye(2)], [3.0])  # the trace
    >>> float(problem.risk(np.zeros((2, 2))))
    4.5
    """

    sensors: np.ndarray
    observations: np.ndarray
    truth: np.ndarray | None = None

    def __init__(
        self, sensors: ArrayLike, observations: ArrayLike, truth: ArrayLike | None = None
    ) -> None:
        sensors = squares("sensors", finite_array("sensors", sensors, ndim=3))
        observations = squares("observations", finite_array("observations", observations, ndim=1))
        if len(sensors) != len(observations) or not len(sensors):
            raise ValueError(
                f"there are {len(sensors)} sensors and {len(observations)} observations;"
                " give one observation a sensor, and at least one."
            )
        object.__setattr__(self, "sensors", read_only(sensors))
        object.__setattr__(self, "observations", read_only(observations))
        object.__setattr__(self, "truth", _matching_truth(truth, sensors.shape[1:]))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (n_rows, n_columns) of W."""
        return self.sensors.shape[1:]

    @cached_property
    def _rows(self) -> np.ndarray:
        return self.sensors.reshape(len(self.sensors), -1)

    def _residual(self, W: ArrayLike) -> np.ndarray:
        W = self._entries(W)
        return W.reshape(*W.shape[:-2], -1) @ self._rows.T - self.observations

    def risk(self, W: ArrayLike) -> np.ndarray:
        """Return (1/2) sum_i (<A_i, W> - y_i)^2, shape (...)."""
        return 0.5 * (self._residual(W) ** 2).sum(axis=-1)

    def gradient(self, W: ArrayLike) -> np.ndarray:
        """Return sum_i (<A_i, W> - y_i) A_i."""
        return (self._residual(W) @ self._rows).reshape(np.shape(W))

    def __getitem__(self, index: Index) -> Sensing:
        raise TypeError("a sensing problem is no batch; build one problem for each set of sensors.")


def _matching_truth(truth: ArrayLike | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return `truth` as a read-only array of the given shape, or None."""
    if truth is None:
        return None
    truth = finite_array("truth", truth)
    if truth.shape != shape:
        raise ValueError(f"truth must have the shape {shape} of the problem; got {truth.shape}.")
    return read_only(truth)


def one_problem(problem: MatrixProblem) -> MatrixProblem:
    """Return `problem` if it is a single matrix problem; refuse batches and other objects."""
    if not isinstance(problem, MatrixProblem):
        raise ValueError(
            f"problem must be a MatrixProblem, got {type(problem).__name__};"
            " make one with datasets.Completion or datasets.Sensing."
        )
    if len(problem.shape) > 2:
        raise ValueError(
            f"problem is a batch, shape {problem.shape}; pick one of it, such as problem[0]."
        )
    return problem


def low_rank_completion(
    n_problems: int, size: int, rank: int, n_observed: int | ArrayLike, seed: int
) -> Completion:
    """Return a batch of random completion problems, shape (n_problems, size, size).

    Each truth is a product of two Gaussian matrices, scaled so that its entries have mean
    square 1. The observed entries are drawn uniformly without repetition; problem i of a
    larger `n_observed` sees the entries of a smaller one and more.

    Parameters
    ----------
    n_problems, size, rank : int
        The number of problems, the rows (and columns) and the rank of each matrix.
    n_observed : int or array of int, shape (n_problems,)
        The number of observed entries, at most ``size**2``.
    seed : int
        For `generator`.

    Examples
    --------
    >>> batch = low_rank_completion(3, 6, rank=2, n_observed=20, seed=0)
    >>> batch.shape, np.linalg.matrix_rank(batch.truth)
    ((3, 6, 6), array([2, 2, 2]))
    >>> round(float(batch.risk(batch.truth).max()), 12)
    0.0
    """
    n_problems = positive_integer("n_problems", n_problems)
    size, rank = positive_integer("size", size), positive_integer("rank", rank)
    n_observed = finite_array("n_observed", n_observed)
    if n_observed.shape not in ((), (1,), (n_problems,)) or (n_observed % 1 != 0).any():
        raise ValueError(f"n_observed must be one whole number, or one for each of {n_problems}.")
    n_observed = np.broadcast_to(n_observed.astype(int), (n_problems,))
    if rank > size or (n_observed < 1).any() or (n_observed > size**2).any():
        raise ValueError(
            f"rank must be at most {size}, the size, and n_observed between 1 and {size**2};"
            f" got {rank} and {n_observed.min()}..{n_observed.max()}."
        )
    rng = generator(seed)
    left = rng.standard_normal((n_problems, size, rank))
    truth = left @ rng.standard_normal((n_problems, rank, size))
    truth *= size / np.linalg.norm(truth, axis=(-2, -1), keepdims=True)
    order = rng.permuted(np.tile(np.arange(size**2), (n_problems, 1)), axis=1)
    mask = (order < n_observed[:, None]).reshape(truth.shape)
    return Completion(mask, truth, truth)


def commuting_sensing(size: int, n_observations: int, seed: int) -> Sensing:
    """Return sensors with the same eigenvectors, and a truth of the least nuclear norm.

    A_i = Q diag(a_i) Q^T with random orthogonal Q. The truth is positive semidefinite, of
    rank `n_observations`, with eigenvalues from (1/2, 3/2). A dual matrix Q diag(b) Q^T in
    the span of the sensors, b = 1 on the truth's eigenvectors and |b| < 1/2 on the others,
    certifies that it is the only positive semidefinite matrix of least trace; so the
    superfluous eigenvalues of a flow from W_0 = scale * I end below the root of `scale`
    times a constant. (Sensors drawn without such a margin come arbitrarily near to ties.)

    Examples
    --------
    >>> problem = commuting_sensing(4, 2, seed=0)
    >>> A, B = problem.sensors
    >>> bool(np.allclose(A @ B, B @ A)), int(np.linalg.matrix_rank(problem.truth))
    (True, 2)
    """
    size = positive_integer("size", size)
    rank = positive_integer("n_observations", n_observations)
    if rank > size:
        raise ValueError(f"n_observations must be at most size={size}; got {rank}.")
    rng = generator(seed)
    Q = np.linalg.qr(rng.standard_normal((size, size)))[0]
    on = np.linalg.qr(rng.standard_normal((rank, rank)))[0]
    dual = on.sum(axis=1)  # on.T @ dual = 1
    off = rng.standard_normal((rank, size - rank)) / np.sqrt(rank)
    b = rng.uniform(-0.5, 0.5, size - rank)
    off += np.outer(dual, b - dual @ off) / (dual @ dual)  # dual @ off = b
    spectra = np.hstack([on, off])
    spectrum = np.append(rng.uniform(0.5, 1.5, rank), np.zeros(size - rank))
    sensors = (Q * spectra[:, None, :]) @ Q.T
    return Sensing(sensors, spectra @ spectrum, (Q * spectrum) @ Q.T)


def gaussian_sensing(size: int, rank: int, n_observations: int, seed: int) -> Sensing:
    """Return symmetric Gaussian sensors, which do not commute, and a positive low-rank truth.

    The sensors are scaled so that ||A(W)||^2 is ||W||_F^2 on average.

    Examples
    --------
    >>> problem = gaussian_sensing(5, rank=1, n_observations=8, seed=0)
    >>> problem.sensors.shape, bool(np.allclose(problem.truth, problem.truth.T))
    ((8, 5, 5), True)
    """
    size, rank = positive_integer("size", size), positive_integer("rank", rank)
    if rank > size:
        raise ValueError(f"rank must be at most size = {size}; got {rank}")
    n_observations = positive_integer("n_observations", n_observations)
    rng = generator(seed)
    G = rng.standard_normal((n_observations, size, size))
    sensors = (G + G.transpose(0, 2, 1)) / (2 * np.sqrt(n_observations))
    left = rng.standard_normal((size, rank))
    truth = left @ left.T * size / np.linalg.norm(left @ left.T)
    return Sensing(sensors, np.tensordot(sensors, truth, axes=2), truth)


def two_by_two_completion() -> Completion:
    """Return the completion problem [[?, 1], [1, 0]] of Razin and Cohen (2020, Section 3).

    No matrix of rank one fits it, but matrices of rank two come as close to rank one as
    one likes, at the price of an unseen entry that grows without bound.

    Examples
    --------
    >>> problem = two_by_two_completion()
    >>> [float(problem.risk([[unseen, 1], [1, 0]])) for unseen in (0, 5)]
    [0.0, 0.0]
    """
    return Completion([[False, True], [True, True]], [[0.0, 1.0], [1.0, 0.0]])


def four_by_four_completion(a: float = 2.0) -> Completion:
    """Return the symmetric 4x4 instance of Li, Luo and Lyu (2021) against the nuclear norm.

    Seen are w13 = 1 and w14 = w23 = a, and their mirror images. The smallest nuclear norm
    is 4a; the only rank-one completion, v v^T with v = (1, a, 1, a), has 2 a^2 + 2.

    Examples
    --------
    >>> problem = four_by_four_completion(a=2)
    >>> v = np.array([1, 2, 1, 2])
    >>> float(problem.risk(np.outer(v, v)))
    0.0
    """
    a = positive("a", a)
    M = np.zeros((4, 4))
    M[0, 2] = M[2, 0] = 1.0
    M[0, 3] = M[3, 0] = M[1, 2] = M[2, 1] = a
    return Completion(M != 0, M)
