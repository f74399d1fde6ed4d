"""Gradient flow, and gradient descent continued past the steps a loop can take."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import choice, increasing, positive, read_only
from ibias.datasets import Dataset
from ibias.descent.gradient import default_step_size
from ibias.descent.loop import Diverged, initial_iterate
from ibias.flow.log_time import MAX_ORDER, IntegrationFailed, LogTimeField
from ibias.flow.separation import Arc, follow
from ibias.losses import MarginLoss, named
from ibias.trajectory import Trajectory

MAX_LOOP = 2**18  # steps of the exact loop before the series must have taken over
# Local errors add up along the way, by a factor of 10 to 30 on the data of the tests.
ROUGH, ACCURATE = 0.03, 0.003  # local errors of the check run and the real one, per tolerance


def gradient_flow(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the solution of dw/dt = -grad risk(w) at the times exp(log_t).

    Computed in s = log t, where the cost grows like log s for an exponential tail: t =
    10^10000 takes milliseconds. If the data are not separable, the flow is continued by
    its limit (see `ibias.flow.separation`), and the status says so.

    Parameters
    ----------
    data : Dataset
        The samples, separable or not.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times; 1e6 is no problem.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Returns
    -------
    Trajectory
        Its ``error_estimate`` is the distance to a second run, ten times less accurate.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> flow = gradient_flow(datasets.symmetric_pair(), log_t=[50.0, 1e4])
    >>> print(f"{flow.slope(flow.norms):.6f}")  # 1 / margin = 1 / sqrt(2)
    0.707107
    """
    loss, log_t = named(loss), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    space = RowSpace.of(data, start)
    field = LogTimeField(space.Z, loss, -np.log(data.n_samples), np.zeros(data.n_samples))

    def solve(local_error: float) -> Arc:
        first = first_time(field, space.start, local_error)
        early = [space.start + field(s, space.start) for s in log_t[log_t <= first]]
        arc = follow(
            field, first, space.start + field(first, space.start), log_t[log_t > first], local_error
        )
        return replace(arc, iterates=[*early, *arc.iterates])

    accurate, rough = solve(ACCURATE * tolerance), solve(ROUGH * tolerance)
    return conclude(space, loss, log_t, accurate, rough, tolerance)


def continued_gradient_descent(
    data: Dataset,
    *,
    loss: str | MarginLoss = "logistic",
    step_size: float | None = None,
    log_steps: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
    order: int = 5,
) -> Trajectory:
    """Return the iterates of gradient descent after exp(log_steps) steps of fixed size.

    An exact loop runs until the first neglected term of the series log(1 + Delta) (see
    `LogTimeField`) is below the tolerance; a few hundred steps. From there the iterates
    lie on the flow of that series, which is integrated in s = log k.

    Parameters
    ----------
    data : Dataset
        The samples, separable or not.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    step_size : float, optional
        Without it, 1/L (`ibias.descent.default_step_size`).
    log_steps : array, shape (n_times,), increasing, at least 0
        Natural logarithms of the step numbers k. While the exact loop runs, the nearest
        whole step is returned, and ``log_t`` says which.
    start : array, shape (n_features,), optional
        Zero if not given.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).
    order : int
        The number of terms of the series, 1 (plain flow) to 6.

    Returns
    -------
    Trajectory
        With ``log_t = log(step_size * k)``. Its ``error_estimate`` is the distance to a
        second run that leaves the loop at half the steps, ten times less accurate.

    Raises
    ------
    ValueError
        For bad input, by name.
    Diverged
        When the exact loop overflows.
    IntegrationFailed
        When the series does not settle, the integrator does not arrive, or the tolerance
        cannot be met.
    """
    loss, log_steps = named(loss), increasing("log_steps", log_steps)
    tolerance = positive("tolerance", tolerance)
    choice("order", order, range(1, MAX_ORDER + 1))
    if log_steps[0] < 0:
        raise ValueError(f"log_steps must be at least 0, which is one step; got {log_steps[0]:g}.")
    eta = positive("step_size", default_step_size(data, loss) if step_size is None else step_size)
    space = RowSpace.of(data, start)
    field = LogTimeField(
        space.Z, loss, np.log(eta / data.n_samples), np.zeros(data.n_samples), order
    )
    loop = exact_loop(field, space.start, ROUGH * tolerance, np.exp(np.minimum(log_steps, 40.0)))
    later = log_steps[loop.n_early :]
    accurate = follow(loop.field, loop.log_k, loop.w, later, ACCURATE * tolerance)
    rough = follow(loop.field, loop.log_half, loop.w_half, later, ROUGH * tolerance)
    accurate = replace(
        accurate,
        iterates=[*loop.early, *accurate.iterates],
        n_evaluations=accurate.n_evaluations + loop.n_steps,
        status=loop.remark + accurate.status,
    )
    rough = replace(rough, iterates=[*loop.early, *rough.iterates])
    log_k = np.concatenate([np.log(loop.early_steps), later])
    return conclude(space, loss, log_k + np.log(eta), accurate, rough, tolerance)


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Coordinates on the row space of Z, where all the motion is, if that is smaller.

    Attributes
    ----------
    Z : array, shape (n_samples, n_coordinates)
        The signed inputs in these coordinates.
    start : array, shape (n_coordinates,)
    basis : array, shape (n_features, n_coordinates), or None
        Orthonormal columns; None if the coordinates are w itself.
    rest : array, shape (n_features,)
        The part of the start orthogonal to the row space, which never moves.
    """

    Z: np.ndarray
    start: np.ndarray
    basis: np.ndarray | None
    rest: np.ndarray

    @classmethod
    def of(cls, data: Dataset, start: ArrayLike | None) -> "RowSpace":
        """Return the coordinates for `data` and `start`."""
        w = initial_iterate(data, start)
        if w.ndim != 1:
            raise ValueError(f"start must be one weight vector; got shape {w.shape}.")
        if data.n_features <= data.n_samples:
            return cls(data.Z, w, None, np.zeros_like(w))
        basis, triangle = np.linalg.qr(data.Z.T)
        return cls(triangle.T.copy(), basis.T @ w, basis, w - basis @ (basis.T @ w))

    def lift(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the weights, shape (n_times, n_features)."""
        if self.basis is None:
            return coordinates
        return self.rest + coordinates @ self.basis.T


def first_time(field: LogTimeField, w: np.ndarray, local_error: float) -> float:
    """Return the log time up to which one Euler step from w errs by less than `local_error`.

    The error is t^2 ||H|| ||g|| / 2, with the gradient and the Hessian bounded by the
    weights times the norms of the samples.
    """
    u = field.margins(w)
    size = np.log(np.linalg.norm(field.Z, axis=1).max())
    log_slopes = field.loss.log_slope(u)
    log_curvatures = log_slopes + np.log(np.abs(field.loss.log_slope_derivative(u)))
    log_gradient = field.log_scale + np.logaddexp.reduce(log_slopes) + size
    log_hessian = field.log_scale + np.logaddexp.reduce(log_curvatures) + 2 * size
    scale = np.log(local_error * max(1.0, np.abs(w).max()))
    return float((scale - log_gradient - log_hessian) / 2)


@dataclass(frozen=True, eq=False)
class Loop:
    """The exact start of gradient descent, up to step k0 = exp(log_k)."""

    field: LogTimeField
    log_k: float
    w: np.ndarray
    log_half: float
    w_half: np.ndarray
    early: list[np.ndarray]
    early_steps: list[int]
    n_steps: int
    remark: str

    @property
    def n_early(self) -> int:
        """How many of the requested steps the loop itself has reached."""
        return len(self.early)


def exact_loop(field: LogTimeField, w: np.ndarray, local_error: float, wanted: np.ndarray) -> Loop:
    """Run gradient descent until its continuation by the series errs by `local_error`.

    That is: until the first neglected term is below it at two consecutive powers of two.
    """
    order, Z = field.order, field.Z
    wanted = np.maximum(np.rint(wanted), 1).astype(np.int64)
    saved: dict[int, np.ndarray] = {}
    half, settled, k = w, 0, 0
    unstable = 1 if is_unstable(field, w) else 0
    with np.errstate(over="ignore", invalid="ignore"):
        for stop in 2 ** np.arange(int(np.log2(MAX_LOOP)) + 1):
            half = w
            for step in [*wanted[(wanted > k) & (wanted <= stop)].tolist(), int(stop)]:
                for _ in range(step - k):
                    w = w + np.exp(field.log_scale + field.loss.log_slope(Z @ w)) @ Z
                k, saved[step] = step, w
            if not np.isfinite(w).all():
                raise Diverged(k)
            unstable = k if is_unstable(field, w) else unstable
            sizes = series_terms(field, np.log(k), w)
            # The first neglected term, integrated over s, where it decays like k^-order.
            neglected = sizes[order] / order
            settled = settled + 1 if neglected <= local_error * max(1, np.abs(w).max()) else 0
            if settled == 2:
                break
        else:
            raise IntegrationFailed(
                f"after {MAX_LOOP} steps the iterates still do not follow a smooth curve:"
                " choose a smaller step_size or a larger tolerance."
            )
    excess = np.log(np.maximum(sizes[1:order], 1e-300) / (0.1 * local_error))
    decay = excess / np.arange(1, order)
    early_steps = [step for step in wanted.tolist() if step <= k]
    remark = (
        f"the step exceeded 2/||Hessian|| as late as step {unstable}, so that rounding errors"
        " may have been amplified before it; "
        if unstable
        else ""
    )
    return Loop(
        field=replace(field, switch_off=tuple(np.log(k) + np.maximum(decay, 0.0))),
        log_k=float(np.log(k)),
        w=w,
        log_half=float(np.log(k // 2)),
        w_half=half,
        early=[saved[step] for step in early_steps],
        early_steps=early_steps,
        n_steps=k,
        remark=remark,
    )


def series_terms(field: LogTimeField, s: float, w: np.ndarray) -> np.ndarray:
    """Return the largest entry of each term of the series and the next; shape (order + 1,)."""
    differences = field.terms(s, w, field.order + 1)
    sizes = []
    for j in range(field.order + 1):
        sizes.append(np.abs(differences[0] @ field.Z).max() / (j + 1))
        differences = np.diff(differences, axis=0)
    return np.array(sizes)


def is_unstable(field: LogTimeField, w: np.ndarray) -> bool:
    """Say whether step_size * ||Hessian|| > 2 at w, where nearby iterates separate."""
    bound = np.exp(field.log_scale) * field.loss.smoothness * np.sum(field.Z**2)
    if bound <= 2:
        return False
    return bool(np.linalg.norm(field.jacobian(0.0, w), ord=2) > 2)


def conclude(
    space: RowSpace,
    loss: MarginLoss,
    log_t: np.ndarray,
    accurate: Arc,
    rough: Arc,
    tolerance: float,
) -> Trajectory:
    """Compare the two runs and assemble the trajectory."""
    iterates = np.array(accurate.iterates)
    error = agreement(log_t, iterates, np.array(rough.iterates), tolerance)
    return Trajectory(
        log_t=read_only(np.array(log_t)),
        iterates=read_only(space.lift(iterates)),
        log_risk=read_only(np.asarray(loss.log_risk(iterates @ space.Z.T))),
        status=accurate.status,
        error_estimate=read_only(error),
        n_evaluations=accurate.n_evaluations + rough.n_evaluations,
    )


def agreement(
    log_t: np.ndarray, accurate: np.ndarray, rough: np.ndarray, tolerance: float
) -> np.ndarray:
    """Return how far two runs differ at each time; raise where it is more than the tolerance."""
    error = np.abs(accurate - rough).max(axis=1)
    allowed = tolerance * np.maximum(1.0, np.abs(accurate).max(axis=1))
    if (error > allowed).any():
        worst = int(np.argmax(error / allowed))
        raise IntegrationFailed(
            f"at log t = {log_t[worst]:.6g} two runs differ by {error[worst]:.1e}, more than the"
            f" tolerance allows ({allowed[worst]:.1e}): ask for tolerance={tolerance * 100:g}"
            " or for earlier times."
        )
    return error
