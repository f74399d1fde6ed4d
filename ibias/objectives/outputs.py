"""From the outputs of the model to the loss: the risk, and minus its slope in every output."""

from abc import ABC, abstractmethod

import numpy as np

from ibias.datasets import MatrixProblem
from ibias.losses import Logistic, MarginLoss


class Outputs(ABC):
    """The mean loss as a function of the outputs u, shape (..., n_outputs)."""

    @abstractmethod
    def log_risk(self, u: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean loss, shape (...)."""

    @abstractmethod
    def slopes(self, u: np.ndarray) -> np.ndarray:
        """Return -d risk/du, shape (..., n_outputs)."""

    def log_slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a, shape (..., 1), and v with -d risk/du = exp(a) v."""
        return np.zeros((*u.shape[:-1], 1)), self.slopes(u)

    def over_risk(self, u: np.ndarray) -> np.ndarray:
        """Return -d log risk/du, shape (..., n_outputs)."""
        return self.relative_slopes(u)[0]

    def relative_slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return -d log risk/du, shape (..., n_outputs), and log risk."""
        log_risk = self.log_risk(u)
        log_size, v = self.log_slopes(u)
        return np.exp(log_size - log_risk[..., None]) * v, log_risk

    def dual_variables(self, u: np.ndarray) -> np.ndarray:
        """Return the slopes over their sum; of margin losses only."""
        raise ValueError("loss: only margin losses have dual variables; take another method.")


class Margins(Outputs):
    """A margin loss of the margins u_i."""

    def __init__(self, loss: MarginLoss) -> None:
        self.loss = loss

    def log_risk(self, u: np.ndarray) -> np.ndarray:
        """Return log mean l(u_i)."""
        return np.asarray(self.loss.log_risk(u))

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """Return -l'(u_i) / n."""
        return np.exp(self.loss.log_slope(u)) / u.shape[-1]

    def log_slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logarithm of the largest slope, and the slopes over it and n."""
        log_slopes = self.loss.log_slope(u)
        top = log_slopes.max(axis=-1, keepdims=True)
        return top, np.exp(log_slopes - top) / u.shape[-1]

    def _total(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log of the largest loss, and the sum of all over it, shapes (..., 1)."""
        log_values = self.loss.log_value(u)
        largest = np.maximum.reduce(log_values, axis=-1, keepdims=True)
        return largest, np.add.reduce(np.exp(log_values - largest), axis=-1, keepdims=True)

    def over_risk(self, u: np.ndarray) -> np.ndarray:
        """Return -l'(u_i) / sum_j l(u_j), both divided by the largest loss."""
        largest, total = self._total(u)
        return np.exp(self.loss.log_slope(u) - largest) / total

    def relative_slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the same, and log risk."""
        largest, total = self._total(u)
        log_risk = (np.log(total / u.shape[-1]) + largest)[..., 0]
        return np.exp(self.loss.log_slope(u) - largest) / total, log_risk

    def dual_variables(self, u: np.ndarray) -> np.ndarray:
        """Return -l'(u_i) / sum_j -l'(u_j)."""
        return self.loss.dual_variables(u)


class Squares(Outputs):
    """The mean of (u_i - y_i)^2 / 2; y has the shape (n_samples,) or that of u."""

    def __init__(self, y: np.ndarray) -> None:
        self.y = y

    def log_risk(self, u: np.ndarray) -> np.ndarray:
        """Return log mean (u_i - y_i)^2 / 2; -inf at an exact fit."""
        with np.errstate(divide="ignore"):
            return np.log(((u - self.y) ** 2).mean(axis=-1) / 2)

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """Return (y_i - u_i) / n."""
        return (self.y - u) / u.shape[-1]


class CrossEntropy(Outputs):
    """The cross-entropy of the margins u_ir of sample i over each wrong class r.

    They stand in one row, sample by sample. The loss of a sample is log(1 + sum_r exp(-u_ir)):
    the logistic loss of the soft minimum of its margins.
    """

    def __init__(self, n_wrong: int) -> None:
        self.n_wrong = n_wrong

    def _lowest(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the margins, shape (..., n_samples, n_wrong), and their soft minima."""
        u = u.reshape(*u.shape[:-1], -1, self.n_wrong)
        return u, -np.logaddexp.reduce(-u, axis=-1)

    def log_risk(self, u: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean cross-entropy."""
        return Logistic().log_risk(self._lowest(u)[1])

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """Return P(r | x_i) / n, the probability of the wrong class."""
        log_size, v = self.log_slopes(u)
        return np.exp(log_size) * v

    def log_slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logarithm of the largest probability, and all of them over it and n."""
        u, lowest = self._lowest(u)
        logs = (lowest + Logistic().log_slope(lowest))[..., None] - u
        logs = logs.reshape(*u.shape[:-2], -1)
        top = logs.max(axis=-1, keepdims=True)
        return top, np.exp(logs - top) / u.shape[-2]

    def dual_variables(self, u: np.ndarray) -> np.ndarray:
        """Return the probabilities over their sum."""
        v = self.log_slopes(u)[1]
        return v / v.sum(axis=-1, keepdims=True)


class Divergence(Outputs):
    """The mean KL(p_j || softmax of the logits), for P of shape (n_contexts, n_tokens).

    It is the cross-entropy without the entropy of the p_j. With s the softmax within the support
    S of p and m = log sum_S exp(u) - log sum_(not S) exp(u), it is KL(p || s) + log(1 + exp(-m)),
    in which nothing cancels.
    """

    def __init__(self, P: np.ndarray) -> None:
        self.P, self.follows = P, P > 0

    def _parts(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the logits, shape (..., n_contexts, n_tokens), log s (-inf outside S), and m."""
        u = u.reshape(*u.shape[:-1], -1, self.P.shape[-1])
        inside = np.where(self.follows, u, -np.inf)
        total = np.logaddexp.reduce(inside, axis=-1)
        others = np.logaddexp.reduce(np.where(self.follows, -np.inf, u), axis=-1)
        return u, inside - total[..., None], total - others

    def log_risk(self, u: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean divergence."""
        _, log_s, lead = self._parts(u)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(self.follows, log_s - np.log(self.P), 0.0)
            # The sum of p exp(gap) - p is zero: what is left is free of cancellation.
            within = np.log((self.P * (np.expm1(gap) - gap)).sum(axis=-1).clip(0.0))
        each = np.logaddexp(within, Logistic().log_value(lead))
        return np.logaddexp.reduce(each, axis=-1) - np.log(self.P.shape[-2])

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """Return (p - softmax) / n_contexts."""
        u_in, log_s, lead = self._parts(u)
        softmax = np.exp(u_in - np.logaddexp.reduce(u_in, axis=-1, keepdims=True))
        missing = np.exp(Logistic().log_slope(lead))[..., None]
        inside = self.P - np.exp(log_s) * (1 - missing)
        slopes = np.where(self.follows, inside, -softmax)
        return slopes.reshape(u.shape) / self.P.shape[-2]


class Observed(Outputs):
    """(1/2) ||A(W) - y||^2 of a matrix problem, W flat: a sum over observations, not a mean."""

    def __init__(self, problem: MatrixProblem) -> None:
        self.problem = problem

    def _matrix(self, u: np.ndarray) -> np.ndarray:
        return u.reshape(*u.shape[:-1], *self.problem.shape[-2:])

    def log_risk(self, u: np.ndarray) -> np.ndarray:
        """Return log (1/2) ||A(W) - y||^2; -inf at an exact fit."""
        with np.errstate(divide="ignore"):
            return np.log(self.problem.risk(self._matrix(u)))

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """Return -A*(A(W) - y), flat."""
        return -self.problem.gradient(self._matrix(u)).reshape(u.shape)
