"""The smallest nuclear norm among the matrices that agree with the observations."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
from scipy.fft import dct

from ibias import progress
from ibias._validate import flag, read_only
from ibias.datasets import MatrixProblem
from ibias.datasets.matrices import one_problem
from ibias.models.spectrum import nuclear_norm
from ibias.optima._norms import Extended
from ibias.optima._observations import FIT, Observations, fitted
from ibias.optima._solver import needed, solve

GAP = 1e-6  # the largest gap, relative to the value, that is returned
ROUNDING = 1e-12  # a relative gap this far below zero is rounding
RATIO = 1e3  # of neighbouring singular values where the rank of the optimum may end
NEWTON_STEPS = 10
LARGEST_NEWTON = 1200  # unknowns for which Newton's equations are worth their time
FACE = 1e-3  # a singular value of the dual matrix counts as 1 within this


@dataclass(frozen=True, eq=False)
class MinNuclearNorm:
    """A solution of min ||W||_* subject to A(W) = y, and how good it is.

    The optimal *value* and the optimal *matrix* have different accuracies. The value lies
    between `value` - `duality_gap` and `value`. The matrix is only as sharp as the optimum
    is: `matrix_error` bounds its distance to every optimal matrix, and is infinite where
    the certificate does not show that there is only one.

    Attributes
    ----------
    W : array, shape (n_rows, n_columns)
        Agrees with the observations to rounding.
    value : float
        ||W||_*.
    dual_variables : array, shape (n_observations,)
        nu, the multipliers of the observations. Those that nearly follow from others have large
        ones, of which this is the rounding; all that follows is computed without it.
    dual_matrix : array, shape (n_rows, n_columns)
        Y = A*(nu) = sum_i nu_i A_i, with `dual_norm` at most 1.
    dual_norm : float
        The largest singular value of Y (its largest eigenvalue with `semidefinite`).
    duality_gap : float
        ||W||_* - <y, nu>, never negative up to rounding, computed from exactly these.
    matrix_error : float
        An upper bound of ||W - W'||_F for every optimal W'; may be infinite.
    """

    W: np.ndarray
    value: float
    dual_variables: np.ndarray
    dual_matrix: np.ndarray
    dual_norm: float
    duality_gap: float
    matrix_error: float


def min_nuclear_norm(problem: MatrixProblem, *, semidefinite: bool = False) -> MinNuclearNorm:
    """Return the matrix of smallest nuclear norm with A(W) = y, and its certificate.

    Solves the dual, max <y, nu> subject to ||A*(nu)|| <= 1 in the spectral norm, as a
    semidefinite program (Recht, Fazel and Parrilo 2010, Section 2). For every nu that it
    allows and every W with A(W) = y, <y, nu> = <A*(nu), W> <= ||W||_*: any such pair bounds
    the optimal value from both sides, whatever the solver did.

    Parameters
    ----------
    problem : MatrixProblem
        One problem, not a batch. A sensor that follows from others but for roundings of their
        entries is no observation of its own.
    semidefinite : bool
        Search only among the positive semidefinite W, where the nuclear norm is the trace.
        Sensors count by their symmetric parts, and the dual is A*(nu) <= I.

    Raises
    ------
    ValueError
        For a batch, for observations that no matrix has, or, with `semidefinite`, a problem
        that is not square.
    RuntimeError
        When the solver fails, or leaves a gap above 1e-6 of the value, or the matrix is off the
        given observations by more than 1e-9 of it, or rounding leaves open whether an
        observation depends on others.

    Examples
    --------
    >>> from ibias.datasets import four_by_four_completion
    >>> optimum = min_nuclear_norm(four_by_four_completion(2.0))
    >>> round(optimum.value, 6), optimum.duality_gap < 1e-6
    (8.0, True)
    """
    sensors = one_problem(problem).sensors
    if flag("semidefinite", semidefinite) and sensors.shape[1] != sensors.shape[2]:
        raise ValueError(
            f"semidefinite=True needs a square problem; this one has shape {problem.shape}."
            " Leave it out."
        )
    seen = Observations.of(problem, symmetric=semidefinite)
    unit, target, scale = seen.sensors, seen.target, seen.scale
    W, nu = _solved(unit, target, semidefinite)
    W, nu = _polished(unit, target, fitted(unit, W, target), nu, semidefinite)
    W, Y = scale * W, np.tensordot(nu, unit, axes=1)
    largest = np.linalg.eigvalsh(Y).max() if semidefinite else np.linalg.norm(Y, ord=2)
    nu, Y = nu / max(1.0, largest), Y / max(1.0, largest)
    value, gap = float(nuclear_norm(W)), _gap(W, nu, scale * target)
    least = -np.linalg.eigvalsh((W + W.T) / 2).min() if semidefinite else 0.0
    error, met = seen.missed(W)
    good = -ROUNDING * value <= gap <= GAP * value and least <= GAP * value
    if not (good and met and error <= FIT * value):
        raise RuntimeError(
            f"problem: the solver left a duality gap of {gap:.2g} at the value {value:.6g}, and"
            f" the matrix is off the observations by {error:.1e}. Drop observations that nearly"
            " follow from others."
        )
    rows = unit.reshape(-1, W.size)
    return MinNuclearNorm(
        W=read_only(W),
        value=value,
        dual_variables=read_only(seen.multipliers(nu)),
        dual_matrix=read_only(Y),
        dual_norm=float(min(1.0, largest)),
        duality_gap=gap,
        matrix_error=scale
        * _matrix_error(rows, Y, value / scale, max(gap, 0.0) / scale, error / scale),
    )


def _solved(
    sensors: np.ndarray, y: np.ndarray, semidefinite: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return W and nu; where the solver fails, in turned rows and columns: the norm is the same.

    It may fail where entries are tiny beside others. A cosine transform leaves none.
    """
    if not y.any():
        return np.zeros(sensors.shape[1:]), np.zeros(len(y))
    try:
        return _solve_dual(sensors, y, semidefinite)
    except RuntimeError:
        left, right = (dct(np.eye(n), norm="ortho") for n in sensors.shape[1:])
    try:
        W, nu = _solve_dual(left @ sensors @ right.T, y, semidefinite)
    except RuntimeError as error:
        raise RuntimeError(
            "problem: the solver found no minimum in double precision. Drop observations that"
            " nearly follow from others."
        ) from error
    return left.T @ W @ right, nu


def _gap(W: np.ndarray, nu: np.ndarray, y: np.ndarray) -> float:
    """Return ||W||_* - <y, nu>."""
    return float(nuclear_norm(W) - y.astype(Extended) @ nu.astype(Extended))


def _polished(
    sensors: np.ndarray, y: np.ndarray, W: np.ndarray, nu: np.ndarray, semidefinite: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the KKT equations on the face of the optimum by Newton's method; keep the best.

    For W = U V^T of rank r they read A(U V^T) = y, A*(nu) V = U R, ..., which without the free
    rotation are A*(nu) Q = P and A*(nu)^T P = Q for the singular vectors. With U = P s^(1/2),
    V = Q s^(1/2): A*(nu) V = U, A*(nu)^T U = V.
    """
    best, smallest = (W, nu), np.inf
    P, s, Qt = np.linalg.svd(W)
    n_rows, n_columns = W.shape
    ranks = np.flatnonzero(s[:-1] > RATIO * s[1:]) + 1  # a drop says where the rank may end
    tried = dict.fromkeys([*ranks.tolist(), int((s > 1e-6 * s[0]).sum())])
    steps = count()
    with progress.Bar("sharpening the optimum", len(tried) * NEWTON_STEPS) as bar:
        for r in tried:
            size = n_rows * r + n_columns * r + len(y)
            if s[0] == 0 or size > LARGEST_NEWTON:
                continue
            U, V, a = P[:, :r] * np.sqrt(s[:r]), Qt[:r].T * np.sqrt(s[:r]), nu
            for _ in range(NEWTON_STEPS):
                bar.at(next(steps))
                Y = np.tensordot(a, sensors, axes=1)
                AU = np.einsum("imn,nr->imr", sensors, V)
                AV = np.einsum("imn,mr->inr", sensors, U)
                residual = np.concatenate(
                    [
                        np.einsum("imr,mr->i", AU, U) - y,
                        (Y @ V - U).ravel(),
                        (Y.T @ U - V).ravel(),
                    ]
                )
                identity = np.eye(r)
                jacobian = np.block(
                    [
                        [
                            AU.reshape(len(y), -1),
                            AV.reshape(len(y), -1),
                            np.zeros((len(y), len(y))),
                        ],
                        [-np.eye(U.size), np.kron(Y, identity), AU.reshape(len(y), -1).T],
                        [np.kron(Y.T, identity), -np.eye(V.size), AV.reshape(len(y), -1).T],
                    ]
                )
                step = np.linalg.lstsq(jacobian, -residual, rcond=1e-9)[0]
                U = U + step[: U.size].reshape(U.shape)
                V = V + step[U.size : U.size + V.size].reshape(V.shape)
                a = a + step[U.size + V.size :]
                if not np.abs(step).max() < 1.0:
                    break
                better = fitted(sensors, U @ V.T, y)
                Y = np.tensordot(a, sensors, axes=1)
                top = np.linalg.eigvalsh(Y).max() if semidefinite else np.linalg.norm(Y, ord=2)
                gap = abs(_gap(better, a / max(1.0, top), y))
                if gap < smallest:
                    best, smallest = (better, a), gap
                if np.abs(step).max() <= 1e-14:
                    break
    Y = np.tensordot(nu, sensors, axes=1)
    top = np.linalg.eigvalsh(Y).max() if semidefinite else np.linalg.norm(Y, ord=2)
    if abs(_gap(W, nu / max(1.0, top), y)) < smallest:
        return W, nu
    return best


def _solve_dual(
    sensors: np.ndarray, y: np.ndarray, semidefinite: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return W (the multiplier of the matrix inequality) and nu from one solve."""
    with needed():
        import cvxpy

    m, n = sensors.shape[1:]
    nu = cvxpy.Variable(len(y))
    Y = cvxpy.reshape(sensors.reshape(len(y), -1).T @ nu, (m, n), order="C")
    if semidefinite:
        inequality = np.eye(n) - Y >> 0
    else:
        inequality = cvxpy.bmat([[np.eye(m), Y], [Y.T, np.eye(n)]]) >> 0
    solve(cvxpy.Problem(cvxpy.Maximize(y @ nu), [inequality]), "minimum nuclear norm")
    multiplier = inequality.dual_value
    W = multiplier if semidefinite else -(multiplier[:m, m:] + multiplier[m:, :m].T)
    return W, nu.value


def _matrix_error(
    rows: np.ndarray, Y: np.ndarray, value: float, gap: float, missed: float = 0.0
) -> float:
    """Return a bound of ||W - W'||_F for optimal W', the smallest over all splittings.

    Y is split into its r leading singular values, all close to 1, and the others, at most
    1 - delta. Both W and W' have ||X||_* - <Y, X> <= gap, which keeps each of them near a
    subspace on which the observations are one-to-one; they agree on the observations but
    for rows times `missed`, so they are near each other. Two subspaces serve:

    * all X whose lower corner, outside the leading singular vectors on both sides,
      vanishes. That corner is at most gap / delta: a bound linear in the gap;
    * the smaller face {P B Q^T, B symmetric}. Its distance is of the order of the root of
      the gap: there the value can be right to 1e-10 and the matrix only to 1e-4.
    """
    P, s, Qt = np.linalg.svd(Y)
    size, gap = max(Y.shape), max(gap, np.finfo(float).eps * value)
    s = np.append(s, np.zeros(size + 1 - len(s)))
    norm = np.linalg.svd(rows, compute_uv=False).max(initial=0.0)
    best = np.inf
    if s[0] > 1 + 1e-12:  # Y <= I alone, with an eigenvalue below -1, bounds no nuclear norm
        return best
    for r in range(1, min(Y.shape) + 1):
        delta = 1 - s[r]
        if s[r - 1] < 1 - FACE or delta < FACE:
            continue
        corner = gap / delta
        mixed = np.sqrt(2 * gap * value) * (1 + 2 * (s[r - 1] + s[r]) / (s[r - 1] - s[r]))
        for basis, distance in (
            (_without_corner(P, Qt, r), corner),
            (_face(P, Qt, r), corner + mixed + (1 - s[r - 1]) * value),
        ):
            image = np.linalg.svd(rows @ basis, compute_uv=False)
            if basis.shape[1] <= len(rows) and image[-1] > 1e-12 * image[0]:
                bound = 2 * distance * (1 + norm / image[-1]) + missed * norm / image[-1]
                best = min(best, bound)
    return float(best)


def _without_corner(P: np.ndarray, Qt: np.ndarray, r: int) -> np.ndarray:
    """Return an orthonormal basis, as columns, of the p_i q_j^T with i < r or j < r."""
    everything = np.kron(P, Qt.T).reshape(-1, P.shape[1], Qt.shape[0])
    i, j = np.indices(everything.shape[1:])
    return everything[:, (i < r) | (j < r)]


def _face(P: np.ndarray, Qt: np.ndarray, r: int) -> np.ndarray:
    """Return an orthonormal basis, as columns, of P_r B Q_r^T with B symmetric, r x r."""
    i, j = np.triu_indices(r)
    pairs = np.einsum("ai,jb->ijab", P[:, :r], Qt[:r])
    weights = np.where(i == j, 0.5, np.sqrt(0.5))[:, None, None]
    return ((pairs[i, j] + pairs[j, i]) * weights).reshape(len(i), -1).T
