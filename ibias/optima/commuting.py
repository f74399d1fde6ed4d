"""Where the flow of a factorised matrix ends when all sensors commute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import positive_integer, read_only, scale_of
from ibias.datasets import MatrixProblem
from ibias.datasets.matrices import one_problem
from ibias.datasets.rows import lengths

COMMUTE = 1e-9  # the largest commutator, relative to the sensors, that counts as zero
MAX_STEPS = 200
SWEEPS = 12  # of Jacobi's method, which ends in four or five
RANK = 1e-14  # singular values smaller than this beside the largest are rounding


@dataclass(frozen=True, eq=False)
class CommutingLimit:
    """The minimiser of sum_i q(lambda_i) subject to A(W) = y, W = Q diag(lambda) Q^T.

    Attributes
    ----------
    W : array, shape (size, size)
        Positive definite (for depth 1: symmetric).
    eigenvalues : array, shape (size,)
        lambda, in the order of the columns of `eigenvectors`.
    eigenvectors : array, shape (size, size)
        Q, which diagonalises all sensors.
    dual_variables : array, shape (n_observations,)
        nu with q'(lambda) = sum_i nu_i a_i, a_i the eigenvalues of the sensors.
    residual : float
        The largest |A(W) - y|. Stationarity holds by construction: this is the whole error.
    """

    W: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    dual_variables: np.ndarray
    residual: float


def commuting_limit(problem: MatrixProblem, *, depth: int = 2, scale: float) -> CommutingLimit:
    """Return the limit of the flow from W_0 = scale * I, for sensors that commute.

    The eigenvectors never move, and dlambda/dt = -N lambda^(2 - 2/N) g with g in the span of
    the sensors' spectra. So q'(lambda) = integral of lambda^(2/N - 2) from `scale` stays in
    that span: the flow is mirror descent, and ends at the Bregman projection of W_0,

        minimise sum_i q(lambda_i),  with
        depth 1   q = lambda^2 / 2 - scale lambda,
        depth 2   q = lambda (log(lambda / scale) - 1),
        depth N   q = (lambda scale^(-c) - lambda^(1 - c) / (1 - c)) / c,  c = 1 - 2/N.

    Divided by log(1/scale), or by scale^(-c)/c, the last two tend to the sum of the lambda
    (Gunasekar et al. 2017, Theorem 1; Arora et al. 2019, Theorem 1).

    Parameters
    ----------
    problem : MatrixProblem
        One problem with symmetric sensors that commute.
    depth : int
        The number N of factors.
    scale : float
        The scale of W_0, the product.

    Raises
    ------
    ValueError
        For sensors that are not symmetric or do not commute.
    RuntimeError
        When Newton's method does not reach the observations: no positive definite W may
        have them, or eigenvalues on the way overflow.

    Examples
    --------
    >>> from ibias import datasets
    >>> problem = datasets.Sensing([np.diag([1.0, 2.0])], [2.0])
    >>> limit = commuting_limit(problem, scale=1e-4)
    >>> limit.eigenvalues.round(3)
    array([0.01 , 0.995])
    """
    sensors, y = one_problem(problem).sensors, problem.observations
    depth, scale = positive_integer("depth", depth), scale_of("scale", scale)
    Q = _common_eigenvectors(sensors)
    A = np.einsum("ji,pjk,ki->pi", Q, sensors, Q)
    nu = _continued(A, y, depth, scale)
    spectrum = _eigenvalues(_offset(depth, scale) + nu @ A, depth)[0]
    residual = float(np.abs(A @ spectrum - y).max())
    # Relative to what was asked, or to the start where all observations are smaller.
    if not residual <= 1e-9 * max(np.abs(y).max(), np.abs(A).max() * abs(spectrum).max()):
        depth_one = ", or take depth=1, which needs none" if depth > 1 else ""
        raise RuntimeError(
            f"problem: the observations are missed by {residual:.2g}. Sensors may nearly repeat"
            " each other: give their difference, over its size, for one of them. Or no positive"
            f" definite matrix has the observations: check their signs{depth_one}."
        )
    return CommutingLimit(
        W=read_only((Q * spectrum) @ Q.T),
        eigenvalues=read_only(spectrum),
        eigenvectors=read_only(Q),
        dual_variables=read_only(nu),
        residual=residual,
    )


def _offset(depth: int, scale: float) -> float:
    """Return o such that q'(lambda) = b is lambda = phi(o + b), with a phi of the depth alone."""
    if depth <= 2:
        return scale if depth == 1 else float(np.log(scale))
    c = 1 - 2 / depth
    return -(scale**-c) / c


def _eigenvalues(x: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Return phi(x) and its derivative; NaN outside the domain."""
    if depth == 1:
        return x, np.ones_like(x)
    if depth == 2:
        return np.exp(x), np.exp(x)
    c = 1 - 2 / depth
    base = np.where(x < 0, -c * x, np.nan)  # = lambda^(-c)
    return base ** (-1 / c), base ** (-1 / c - 1)


def _continued(A: np.ndarray, y: np.ndarray, depth: int, scale: float) -> np.ndarray:
    """Return nu with A lambda(A^T nu) = y, from scale 1 on; a tangent leads to each next one."""
    nu, offset = np.zeros(len(y)), _offset(depth, max(1.0, scale))
    for scale_now in np.geomspace(max(1.0, scale), scale, 2 + int(3 * abs(np.log10(scale)))):
        ahead = _offset(depth, scale_now)
        slope = _eigenvalues(offset + nu @ A, depth)[1]
        along = nu - _solve(A, slope, (ahead - offset) * (A @ slope))
        # Where the tangent leaves the domain, a multiple of all mirror images stays in it.
        inside = np.isfinite(_eigenvalues(ahead + along @ A, depth)[0]).all()
        nu = along if inside else nu * (ahead / offset)
        offset = ahead
        nu = _newton(A, y, nu, depth, offset)
    return nu


def _solve(A: np.ndarray, slope: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return (A D A^T)^+ r, D = diag(slope), by the singular values of A D^(1/2), not squared."""
    root = A * np.sqrt(slope)
    if not np.isfinite(root).all():
        raise RuntimeError(
            "scale: eigenvalues on the way to it leave double precision. Take a scale nearer to"
            " one, or observations nearer to it."
        )
    left, size, _ = np.linalg.svd(root, full_matrices=False)
    seen = size > RANK * size.max(initial=0.0)
    return (left[:, seen] / size[seen] ** 2) @ (left[:, seen].T @ r)


def _newton(A: np.ndarray, y: np.ndarray, nu: np.ndarray, depth: int, offset: float) -> np.ndarray:
    """Return nu with A lambda(A^T nu) = y, by Newton's method with backtracking."""

    def missed(nu: np.ndarray) -> tuple[np.ndarray, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            r = A @ _eigenvalues(offset + nu @ A, depth)[0] - y
            return r, float(np.linalg.norm(r))

    r, size = missed(nu)
    for _ in range(MAX_STEPS):
        step = _solve(A, _eigenvalues(offset + nu @ A, depth)[1], r)
        fraction, (trial, length) = 1.0, missed(nu - step)
        while not length < (1 - fraction / 4) * size:
            fraction /= 2
            if fraction < 1e-9:
                return nu
            trial, length = missed(nu - fraction * step)
        nu, r, size = nu - fraction * step, trial, length
    return nu


def _common_eigenvectors(sensors: np.ndarray) -> np.ndarray:
    """Return an orthogonal Q that diagonalises all sensors; refuse if there is none."""
    # A short sensor has a say in Q as a long one has.
    sensors = sensors / lengths(sensors.reshape(len(sensors), -1))[:, :, None]
    size = np.linalg.norm(sensors)
    if sensors.shape[1] != sensors.shape[2] or not np.allclose(
        sensors, sensors.transpose(0, 2, 1), atol=COMMUTE * size
    ):
        raise ValueError("sensors must be symmetric; replace A by (A + A^T) / 2.")
    mixture = np.tensordot(np.cos(1.0 + np.arange(len(sensors))), sensors, axes=1)
    spectrum, Q = np.linalg.eigh(mixture)
    off = _off_diagonal(Q, sensors)
    if np.linalg.norm(off) > COMMUTE * size:
        # Where the mixture has a tie, or next to one, Q says nothing of what commutes.
        apart = (spectrum[:, None] - spectrum) * off
        if np.linalg.norm(apart) <= COMMUTE * size * np.abs(spectrum).max(initial=0.0):
            Q = _turned(Q, sensors, size)
            off = _off_diagonal(Q, sensors)
    if np.linalg.norm(off) > COMMUTE * size:
        raise ValueError(
            "sensors do not commute, so their eigenvectors move along the flow;"
            " integrate it with flow.matrix_flow."
        )
    return Q


def _off_diagonal(Q: np.ndarray, sensors: np.ndarray) -> np.ndarray:
    """Return Q^T A Q for each sensor, with zeros on the diagonal."""
    return (Q.T @ sensors @ Q) * (1 - np.eye(len(Q)))


def _turned(Q: np.ndarray, sensors: np.ndarray, size: float) -> np.ndarray:
    """Return Q with columns turned, two at a time, until all sensors are diagonal at once.

    Jacobi's method for several matrices (Cardoso and Souloumiac 1996): no mixture, so no ties.
    """
    Q, A = Q.copy(), Q.T @ sensors @ Q
    for _ in range(SWEEPS):
        pairs = np.argwhere(np.triu(np.linalg.norm(A, axis=0), 1) > RANK * size)
        for i, j in pairs:
            # 2 a_ij beside a_ii - a_jj is the tangent of twice the angle, for each sensor.
            across, along = 2 * A[:, i, j], A[:, i, i] - A[:, j, j]
            sine, cosine = 2 * along @ across, along @ along - across @ across
            angle = np.arctan2(sine, cosine + np.hypot(sine, cosine)) / 2
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            A[:, :, [i, j]] = A[:, :, [i, j]] @ turn
            A[:, [i, j]] = turn.T @ A[:, [i, j]]
            Q[:, [i, j]] = Q[:, [i, j]] @ turn
        if not len(pairs):
            break
    return Q
