"""Mirror flow: the gradient flow of the mirror image, exact for any potential."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import increasing, positive, read_only, require
from ibias.datasets import Dataset, Regression
from ibias.flow.estimate import closer, compared, two_runs
from ibias.flow.log_time import LogTimeField
from ibias.flow.remedies import tried
from ibias.flow.start import one_start
from ibias.losses import MarginLoss, is_convex, named
from ibias.objectives import Objective
from ibias.potentials import Potential
from ibias.trajectory import Trajectory

CLOSER = 1e-3  # where a weight changes its sign, two digits are not enough
LOOSEST = 1e-7  # local errors, at most: beyond it, trial steps overshoot
REST = 0.1  # how much of the way is left at rest, per tolerance
AT_REST = 1e-13  # a residual this small, relative to the targets, is rounding error
LARGEST = 1e200  # a trial step may overshoot; a finite value lets the integrator reject it


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def mirror_flow(
    data: Dataset | Regression,
    potential: Potential,
    *,
    loss: str | MarginLoss = "logistic",
    log_t: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-9,
) -> Trajectory:
    """Return the solution of d/dt grad psi(w) = -grad risk(w) at the times exp(log_t).

    The state is the mirror image m = grad psi(w), which moves in the row space of the data
    whatever the potential: min(n_samples, n_features) coordinates. Computed in s = log t,
    as `gradient_flow` is. With `HyperbolicEntropy` this is the gradient flow of a diagonal
    network of depth two, exactly.

    Parameters
    ----------
    data : Dataset or Regression
        Separable, or a regression; its risk is the mean of (<x_i, w> - y_i)^2 / 2.
    potential : Potential
        See `ibias.potentials`. The mirrors of p-norms with large p are so steep at zero that the
        integrator may give up.
    loss : str or MarginLoss
        For a `Dataset`: "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_features,), optional
        Where the gradient of the potential vanishes, if not given: zero, but one for the
        entropy.
    tolerance : float
        The error allowed in w, relative to max(1, max_j |w_j|).

    Returns
    -------
    Trajectory
        Its ``error_estimate`` is twice the distance to a second run, by another integrator. A
        regression rests once its residual is rounding error, and the status says when.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets
    >>> from ibias.potentials import NegativeEntropy
    >>> line = datasets.Regression([[1.0, 2.0]], [1.0])  # on w_1 + 2 w_2 = 1
    >>> mirror_flow(line, NegativeEntropy(), log_t=[5.0]).final.round(6)
    array([0.5 , 0.25])
    """
    require("data", data, Dataset, Regression)
    require("potential", potential, Potential, example="potentials.NegativeEntropy()")
    log_t, tolerance = increasing("log_t", log_t), positive("tolerance", tolerance)
    loss = named(loss)
    objective = Objective(data, loss if isinstance(data, Dataset) else None)
    field = MirrorField.of(data, potential, loss, start)

    # An error of m is multiplied by dw/dm; at the start, where it may be far from one.
    stretch = field.stretch()

    def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
        first = min(field.first_time(local_error / stretch), log_t[0]) - caution
        return first, field.first_step(first)

    def attempt(part: float) -> Trajectory:
        runs = two_runs(
            field,
            launch,
            log_t,
            part * tolerance / stretch,
            field.jacobian,
            halt=lambda _, c: field.at_rest(c, REST * tolerance),
            smallest=LOOSEST / stretch,
            convex=not isinstance(data, Dataset) or is_convex(loss),
            smooth=part == 1,  # where a weight changes its sign, psi need not be (|w|^p)
            lift=field if field.steep else None,
        )
        w, other = (
            field.weights(
                np.concatenate([run.states, np.tile(run.state, (size - len(run.states), 1))])
            )
            for run, size in [(runs.real, len(log_t)), (runs.check, len(runs.at))]
        )
        end = runs.real.time
        rests = end < log_t[-1]
        left = field.left(runs.real.state) if rests else 0.0
        return Trajectory(
            log_t=read_only(log_t),
            iterates=read_only(w),
            log_risk=read_only(objective.log_risk(w)),
            status=f"{'at rest from' if rests else 'integrated to'} log time {end:.6g}",
            error_estimate=compared(
                log_t, w, other, runs.at, tolerance, extra=np.where(log_t > end, left, 0.0)
            ),
            n_evaluations=runs.n_evaluations,
        )

    return closer(attempt, CLOSER)


@dataclass(frozen=True, eq=False)
class MirrorField:
    """The vector field of c in m = m_0 + basis c, in log time.

    Attributes
    ----------
    rows : array, shape (n_samples, n_features)
        The signed inputs of a `Dataset`, the inputs of a `Regression`.
    basis : array, shape (n_features, n_coordinates)
        Orthonormal columns that span the rows.
    start : array, shape (n_features,)
        The mirror image m_0 of the first weights.
    margin_field : LogTimeField or None
        The weights of the samples; None for a regression.
    targets : array, shape (n_samples,), or None
    """

    rows: np.ndarray
    basis: np.ndarray
    start: np.ndarray
    potential: Potential
    margin_field: LogTimeField | None
    targets: np.ndarray | None

    @classmethod
    def of(
        cls,
        data: Dataset | Regression,
        potential: Potential,
        loss: MarginLoss,
        start: ArrayLike | None,
    ) -> MirrorField:
        """Return the field for `data`, from the mirror image of `start`."""
        if start is None:
            m = np.zeros(data.n_features)
        else:
            m = potential.gradient(one_start(data, start))
        margin_field = targets = None
        if isinstance(data, Dataset):
            rows = data.Z
            margin_field = LogTimeField(rows, loss, -np.log(len(rows)), np.zeros(len(rows)))
        else:
            rows, targets = data.X, data.y
        wide = data.n_features > data.n_samples
        basis = np.linalg.qr(rows.T)[0] if wide else np.eye(data.n_features)
        return cls(rows, basis, m, potential, margin_field, targets)

    def mirror_image(self, c: np.ndarray) -> np.ndarray:
        """Return m = m_0 + basis c, shape (..., n_features)."""
        return self.start + self.images(c)

    def weights(self, c: np.ndarray) -> np.ndarray:
        """Return w, the inverse gradient of the potential at m, shape (..., n_features)."""
        w = self.potential.inverse_gradient(self.mirror_image(c))
        return np.minimum(np.maximum(w, -LARGEST), LARGEST)

    def pull(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the weights of the rows in -e^s grad risk(w), shape (..., n_samples)."""
        s = np.asarray(s)[..., None]
        if self.margin_field is not None:
            return self.margin_field.weights(s, w @ self.rows.T)
        return np.exp(s) / len(self.rows) * (self.targets - w @ self.rows.T)

    def of_weights(self, s: float | np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return dc/ds where the weights are w."""
        return (self.pull(s, w) @ self.rows) @ self.basis

    def __call__(self, s: float | np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return dc/ds, at one time and state or at several."""
        return self.of_weights(s, self.weights(c))

    def weights_moved(self, c: np.ndarray) -> np.ndarray:
        """Return dw/dm at c, shape (n_features,) where it is diagonal."""
        return np.minimum(self.potential.inverse_metric(self.mirror_image(c)), LARGEST)

    def slopes(self, s: float, c: np.ndarray) -> np.ndarray:
        """Return the derivative of each row's pull by its output, shape (n_samples,)."""
        if self.margin_field is None:
            return np.full(len(self.rows), -np.exp(s) / len(self.rows))
        u = self.weights(c) @ self.rows.T
        return self.margin_field.weights(s, u) * self.margin_field.loss.log_slope_derivative(u)

    def jacobian(self, s: float, c: np.ndarray) -> np.ndarray:
        """Return the derivative of the field, by the chain rule through u = rows w(m(c))."""
        metric = self.weights_moved(c)
        move = self.rows @ metric if metric.ndim == 2 else self.rows * metric
        return (self.rows @ self.basis).T @ (self.slopes(s, c)[:, None] * (move @ self.basis))

    def by_weights(self, s: float, c: np.ndarray) -> np.ndarray:
        """Return the derivative of the field by w, shape (n_coordinates, n_features)."""
        return (self.rows @ self.basis).T @ (self.slopes(s, c)[:, None] * self.rows)

    def images(self, change: np.ndarray) -> np.ndarray:
        """Return how far a change of c moves m, shape (..., n_features)."""
        return change @ self.basis.T

    def images_apart(self, c: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return grad psi(w) - m(c), shape (..., n_features)."""
        return self.potential.gradient(w) - self.mirror_image(c)

    @property
    def steep(self) -> bool:
        """Whether dw/dm is infinite where weights cross zero."""
        return not np.isfinite(self.potential.inverse_metric(np.zeros_like(self.start))).all()

    def stretch(self) -> float:
        """Return the largest |dw/dm| at the start, or 1 if that is larger or it is infinite."""
        metric = np.abs(self.potential.inverse_metric(self.start))
        return float(max(1.0, metric[np.isfinite(metric)].max(initial=1.0)))

    def first_step(self, s: float) -> np.ndarray:
        """Return c after one Euler step from time zero to e^s."""
        origin = np.zeros(self.basis.shape[1])
        return self(s, origin)

    def first_time(self, local_error: float) -> float:
        """Return a log time up to which one Euler step errs by less than `local_error`.

        Its error is at most the change of the field along it.
        """
        origin = np.zeros(self.basis.shape[1])
        size = np.abs(self(0.0, origin)).max()
        s = -np.log(max(size, 1e-300)) if size else 0.0
        while np.abs(self(s, self.first_step(s)) - self(s, origin)).max() > local_error:
            s -= 1.0
        return s

    def left(self, c: np.ndarray) -> float:
        """Return how far w is from where the rows meet their targets, to first order.

        A residual r is small also where the rows hardly see what is left. With dw = G basis dc,
        the way is the one that takes r away: rows dw = r.
        """
        metric, moves = self.weights_moved(c), self.basis
        moves = metric @ moves if metric.ndim == 2 else metric[:, None] * moves
        seen = self.rows @ moves
        sizes = np.abs(seen).max(axis=0, initial=0.0)  # dw/dm may be infinite for one weight alone
        sizes[sizes == 0] = 1.0
        moves, seen = moves / sizes, seen / sizes
        way = moves @ np.linalg.lstsq(seen, self.targets - self.rows @ self.weights(c))[0]
        return float(np.abs(way).max(initial=0.0))

    def at_rest(self, c: np.ndarray, allowed: float) -> bool:
        """Say whether a regression interpolates its targets to rounding error.

        And nothing is left of its way but a part `allowed` of max(1, max_j |w_j|).
        """
        if self.targets is None:
            return False
        w = self.weights(c)
        scale = np.abs(self.rows) @ np.abs(w) + np.abs(self.targets)
        if (np.abs(self.targets - self.rows @ w) > AT_REST * scale).any():
            return False
        return bool(self.left(c) <= allowed * max(1.0, np.abs(w).max()))
