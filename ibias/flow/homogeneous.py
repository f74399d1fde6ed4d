"""The gradient flow of a network in log time, to times that no loop reaches.

With s = log t the flow theta' = -grad risk(theta) reads

    d theta/ds = sum_i alpha_i grad q_i(theta),    alpha_i = exp(s - log n) (-l'(q_i)),

q_i = y_i f(theta; x_i). The factor e^s overflows and -l' underflows; their product, of order
one once the data are separated, is formed from the sum of the logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, network, positive, read_only, require
from ibias.datasets import Dataset
from ibias.flow.estimate import LARGEST_EXPONENT, Runs, advised, bounded, closer, compared, two_runs
from ibias.flow.log_time import IntegrationFailed, before
from ibias.flow.remedies import tried
from ibias.flow.start import refuse_rest
from ibias.losses import MarginLoss, named
from ibias.models import Network
from ibias.trajectory import Trajectory

ROUGH, ACCURATE = 0.01, 0.001  # local errors of the check run and the real one, per tolerance
MAX_EVALUATIONS = 40_000  # the longest wait takes so many; more means that it slides along a kink
RESERVE = 0.8  # of these: where they end, a run to that time may need a few more
# What an error of theta, relative to it, may change a margin by. Margins are of the size of log t,
# and weights are their exponentials: further off the field is not linear, and no step would hold.
LINEAR = 0.1
DIFFERENCE = 1e-6  # of ||theta||, for the second derivative of the network


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def network_flow(
    data: Dataset,
    net: Network,
    *,
    loss: str | MarginLoss = "logistic",
    log_t: ArrayLike,
    start: ArrayLike,
    tolerance: float = 1e-5,
) -> Trajectory:
    """Return the solution of d theta/dt = -grad risk(theta) at the times exp(log_t).

    Parameters
    ----------
    data : Dataset
        The samples.
    net : Network
        With ReLUs, the flow may cross their kinks but not slide along one.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times; 1e5 is no problem.
    start : array, shape (n_parameters,)
        The parameters at time 0.
    tolerance : float
        The error allowed in theta, relative to max(1, ||theta||).

    Returns
    -------
    Trajectory
        Its ``error_estimate`` is twice the distance to a second run, by another integrator that
        errs by its own errors to either side.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the flow slides along a kink or does not arrive, or the tolerance cannot be met.

    Examples
    --------
    >>> from ibias import datasets, models, optima
    >>> data, net = datasets.separable(0, 10, 3), models.deep_linear(3, 2, 2)
    >>> run = network_flow(data, net, start=net.random(datasets.generator(0)), log_t=[50.0])
    >>> w = net.predict(run.final, np.eye(3))
    >>> round(float(w @ optima.max_margin(data).direction / np.linalg.norm(w)), 2)
    1.0
    """
    require("data", data, Dataset)
    network("net", net, "vjp")
    loss, log_t = named(loss), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    field = NetworkField(data, net, loss)
    theta = finite_array("start", start, ndim=1)
    if theta.size != net.n_parameters:
        raise ValueError(
            f"start has shape {theta.shape}; give the {net.n_parameters} parameters of net."
        )
    refuse_rest(field(0.0, theta))

    def attempt(part: float) -> Trajectory:
        runs = field.passages(theta, log_t, part * tolerance)
        iterates = runs.real.states
        with advised(" The start may lie near a saddle or a kink: take another."):
            error = compared(log_t, iterates, runs.check.states, runs.at, tolerance, length=True)
        return Trajectory(
            log_t=read_only(np.array(log_t)),
            iterates=read_only(iterates),
            log_risk=read_only(loss.log_risk(data.y * net.predict(iterates, data.X))),
            status=f"integrated to log t = {log_t[-1]:g}",
            error_estimate=error,
            n_evaluations=runs.n_evaluations,
        )

    return closer(attempt)


@dataclass(frozen=True, eq=False)
class NetworkField:
    """The vector field d theta/ds and its derivative; the field also of a stack of states."""

    data: Dataset
    net: Network
    loss: MarginLoss

    def _weights(self, s: float | np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return alpha_i."""
        return np.exp(np.minimum(self._exponents(s, margins), LARGEST_EXPONENT))

    def _exponents(self, s: float | np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return log alpha_i."""
        clock = np.asarray(s)[..., None] - np.log(self.data.n_samples)
        return clock + self.loss.log_slope(margins)

    def __call__(self, s: float | np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return sum_i alpha_i grad q_i."""
        at, y = self.net.linearize(theta, self.data.X), self.data.y
        return at.vjp(y * self._weights(s, y * at.predictions))

    def jacobian(self, s: float, theta: np.ndarray) -> np.ndarray:
        """Return sum_i alpha_i (hessian q_i + (log -l')'(q_i) grad q_i grad q_i^T).

        The second term is the stiff one and exact. The first, between two kinks, is the
        difference of gradients with the weights held fixed.
        """
        at, y = self.net.linearize(theta, self.data.X), self.data.y
        margins = y * at.predictions
        alpha = self._weights(s, margins)
        step = DIFFERENCE * np.linalg.norm(theta)
        shifts, cotangents = step * np.eye(theta.size), np.tile(y * alpha, (theta.size, 1))
        ahead = self.net.vjp(theta + shifts, self.data.X, cotangents)
        behind = self.net.vjp(theta - shifts, self.data.X, cotangents)
        rows = at.jacobian()
        curvature = rows.T @ ((alpha * self.loss.log_slope_derivative(margins))[:, None] * rows)
        return (ahead - behind) / (2 * step) + curvature

    def passages(self, theta: np.ndarray, log_t: np.ndarray, tolerance: float) -> Runs:
        """Return the two runs; the first moment, up to a move of the local error, is one step."""
        calls, last, until = 0, -np.inf, np.inf

        def largest(s: float, theta: np.ndarray) -> float:
            margins = self.data.y * self.net.predict(theta, self.data.X)
            return float(self._exponents(s, margins).max())

        # At time one the pull of samples far on the wrong side would be cut off.
        early = min(LARGEST_EXPONENT - largest(0.0, theta), 0.0)
        pull = self(early, theta)

        def launch(local_error: float, caution: float) -> tuple[float, np.ndarray]:
            nonlocal calls
            calls = 0
            moved = np.log(local_error) - np.log(np.abs(pull).max()) + early
            first = min(moved, log_t[0]) - caution
            return first, theta + np.exp(first - early) * pull

        def counted(s: float | np.ndarray, state: np.ndarray) -> np.ndarray:
            nonlocal calls
            calls += np.size(s)
            return self(s, state)

        within = bounded(largest)

        def halt(s: float, theta: np.ndarray) -> bool:
            nonlocal last, until
            if calls <= RESERVE * MAX_EVALUATIONS:
                last = s
            if calls > MAX_EVALUATIONS:
                until = min(until, last)
                return True
            return within(s, theta)

        runs = two_runs(
            counted,
            launch,
            log_t,
            tolerance,
            self.jacobian,
            fine=ACCURATE,
            coarse=ROUGH,
            smallest=LINEAR / max(1.0, log_t[-1]),
            halt=halt,
            symmetric=True,
            smooth=False,
            saddles=True,
        )
        reached = min(runs.real.time, runs.check.time)
        if reached < log_t[-1]:
            until = before(min(until, reached))
            slides = getattr(self.net, "activation", None) == "relu"
            why = (
                "it slides along a kink of the ReLU. Take another start, or descent with"
                " steps.Safe(), which zigzags across it."
                if slides
                else f"ask for times up to {until:.4g}; a larger tolerance may take it further."
            )
            error = IntegrationFailed(
                f"{MAX_EVALUATIONS} evaluations took the flow only to log t = {reached:.4g} of"
                f" {log_t[-1]:.4g}: {why}"
            )
            error.until = np.inf if slides else until
            raise error
        return runs
