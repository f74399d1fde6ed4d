"""The smallest nuclear norm among the matrices that agree with the observations."""

from dataclasses import dataclass

import numpy as np

from ibias._validate import read_only
from ibias.datasets import MatrixProblem
from ibias.datasets.matrices import one_problem
from ibias.models.spectrum import nuclear_norm
from ibias.optima._solver import solve

GAP = 1e-6  # the largest gap, relative to the value, that is returned
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
        nu, the multipliers of the observations.
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
        One problem, not a batch.
    semidefinite : bool
        Search only among the positive semidefinite W, where the nuclear norm is the trace.
        Sensors count by their symmetric parts, and the dual is A*(nu) <= I.

    Raises
    ------
    ValueError
        For a batch, for observations that no matrix has, or, with `semidefinite`, a problem
        that is not square.
    RuntimeError
        When the solver fails, or leaves a gap above 1e-6 of the value.

    Examples
    --------
    >>> from ibias.datasets import four_by_four_completion
    >>> optimum = min_nuclear_norm(four_by_four_completion(R=2.0))
    >>> round(optimum.value, 6), optimum.duality_gap < 1e-6
    (8.0, True)
    """
    sensors, y = one_problem(problem).sensors, problem.observations
    if semidefinite and sensors.shape[1] == sensors.shape[2]:
        sensors = (sensors + sensors.transpose(0, 2, 1)) / 2
    rows = sensors.reshape(len(sensors), -1)
    W, nu = _solve_dual(sensors, y, semidefinite)
    W = W + np.linalg.lstsq(rows, y - rows @ W.ravel())[0].reshape(W.shape)
    if not np.allclose(rows @ W.ravel(), y, rtol=1e-9, atol=1e-9 * np.abs(y).max()):
        raise ValueError("no matrix has these observations; remove the ones that contradict.")
    Y = np.tensordot(nu, sensors, axes=1)
    largest = np.linalg.eigvalsh(Y).max() if semidefinite else np.linalg.norm(Y, ord=2)
    nu, Y = nu / max(1.0, largest), Y / max(1.0, largest)
    value, bound = float(nuclear_norm(W)), float(y @ nu)
    gap = value - bound
    if not gap <= GAP * max(1.0, value):
        raise RuntimeError(
            f"the solver left a duality gap of {gap:.2g} at the value {value:.6g};"
            " rescale the observations to order one."
        )
    return MinNuclearNorm(
        W=read_only(W),
        value=value,
        dual_variables=read_only(nu),
        dual_matrix=read_only(Y),
        dual_norm=float(min(1.0, largest)),
        duality_gap=gap,
        matrix_error=_matrix_error(rows, Y, value, gap),
    )


def _solve_dual(
    sensors: np.ndarray, y: np.ndarray, semidefinite: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return W (the multiplier of the matrix inequality) and nu from one solve."""
    import cvxpy

    m, n = sensors.shape[1:]
    nu = cvxpy.Variable(len(y))
    Y = cvxpy.reshape(sensors.reshape(len(y), -1).T @ nu, (m, n), order="C")
    if semidefinite:
        if m != n:
            raise ValueError(f"semidefinite matrices are square; the problem has {m} x {n}.")
        inequality = np.eye(n) - Y >> 0
    else:
        inequality = cvxpy.bmat([[np.eye(m), Y], [Y.T, np.eye(n)]]) >> 0
    solve(cvxpy.Problem(cvxpy.Maximize(y @ nu), [inequality]), "minimum nuclear norm")
    multiplier = inequality.dual_value
    W = multiplier if semidefinite else -(multiplier[:m, m:] + multiplier[m:, :m].T)
    return W, nu.value


def _matrix_error(rows: np.ndarray, Y: np.ndarray, value: float, gap: float) -> float:
    """Return a bound of ||W - W'||_F for optimal W', the smallest over all splittings.

    Y is split into its r leading singular values, all close to 1, and the others, at most
    1 - delta. Both W and W' have ||X||_* - <Y, X> <= gap, which keeps each of them near a
    subspace on which the observations are one-to-one; they agree on the observations, so
    they are near each other. Two subspaces serve:

    * all X whose lower corner, outside the leading singular vectors on both sides,
      vanishes. That corner is at most gap / delta: a bound linear in the gap;
    * the smaller face {P B Q^T, B symmetric}. Its distance is of the order of the root of
      the gap: there the value can be right to 1e-10 and the matrix only to 1e-4.
    """
    P, s, Qt = np.linalg.svd(Y)
    size, gap = max(Y.shape), max(gap, np.finfo(float).eps * max(1.0, value))
    s = np.append(s, np.zeros(size + 1 - len(s)))
    norm = np.linalg.norm(rows, ord=2)
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
                best = min(best, 2 * distance * (1 + norm / image[-1]))
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
