"""The gradient flow of softmax attention in log time.

The weights of a sequence tend to zero and one, and with them the gradient. With s = log t and
scores c_it = y_i value_it,

    dp/ds = sum_i a_i sum_(t < r) e^s s_it s_ir (c_it - c_ir)(x_it - x_ir),  a_i = -l'(y_i f_i) / n,

where the products of two weights are formed from logarithms, so that nothing cancels or underflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import finite_array, increasing, positive, require
from ibias.datasets import Dataset
from ibias.flow.estimate import LARGEST_EXPONENT, agreed, bounded, first_moment
from ibias.flow.homogeneous import ACCURATE, ROUGH
from ibias.flow.remedies import tried
from ibias.flow.start import refuse_rest
from ibias.losses import MarginLoss, named
from ibias.models import Attention
from ibias.objectives import Objective
from ibias.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class AttentionField:
    """The vector field d theta/ds."""

    data: Dataset
    model: Attention
    loss: MarginLoss

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of each pair, t < r."""
        return np.triu_indices(self.model.n_tokens, 1)

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Keys, scores, and their differences in each pair of each sequence."""
        keys, values = self.model.tokens(self.data.X)
        scores = self.data.y[:, None] * values
        t, r = self.pairs
        return keys, scores, keys[:, t] - keys[:, r], scores[:, t] - scores[:, r]

    def exponents(self, s: float | np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return the logarithm of the weight of each pair, shape (..., n_samples, n_pairs)."""
        keys, scores, *_ = self.parts
        logits = np.einsum("itk,...k->...it", keys, self.model.query(theta))
        log_s = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        slope = self.loss.log_slope((np.exp(log_s) * scores).sum(axis=-1)) - np.log(len(keys))
        (t, r), s = self.pairs, np.asarray(s)[..., None, None]
        return s + slope[..., None] + log_s[..., t] + log_s[..., r]

    def __call__(self, s: float | np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return d theta/ds, for one time or several."""
        *_, between, better = self.parts
        pull = np.exp(np.minimum(self.exponents(s, theta), LARGEST_EXPONENT)) * better
        return np.einsum("...ip,ipk->...k", pull, between)


@tried("log_t")
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of trial steps
def attention_flow(
    data: Dataset,
    model: Attention,
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
        Rows in the format of the model.
    model : Attention
        One query, and a fixed head.
    loss : str or MarginLoss
        "logistic", "exponential", or an instance.
    log_t : array, shape (n_times,), increasing
        Natural logarithms of the times.
    start : array, shape (n_parameters,)
        The parameters at time 0; zero will do.
    tolerance : float
        The error allowed in theta, relative to max(1, ||theta||).

    Returns
    -------
    Trajectory
        Its ``log_risk`` does not fall without end: values are bounded.

    Raises
    ------
    ValueError
        For bad input, by name.
    IntegrationFailed
        When the integrator does not arrive, or the tolerance cannot be met. A token that has had
        next to no weight may overtake late, within a time of order one: where log t is above 30 or
        so, no step of log t in double precision is as short as that.

    Examples
    --------
    >>> from ibias import datasets, models
    >>> data = datasets.token_sequences(seed=0)
    >>> model = models.Attention(3, 6)
    >>> path = attention_flow(data, model, log_t=[5.0, 50.0], start=np.zeros(6))
    >>> bool(path.norms[1] > path.norms[0])
    True
    """
    require("data", data, Dataset)
    require("model", model, Attention, example="models.Attention(3, 6)")
    loss, log_t = named(loss), increasing("log_t", log_t)
    tolerance = positive("tolerance", tolerance)
    objective = Objective(data, loss, model)
    theta = finite_array("start", start, ndim=1)
    if theta.size != model.n_parameters:
        raise ValueError(
            f"start has shape {theta.shape}; give the {model.n_parameters} parameters."
        )
    field = AttentionField(data, model, loss)
    moves = field(0.0, theta)
    refuse_rest(moves)

    return agreed(
        field,
        first_moment(field, theta, np.abs(moves).max(), log_t),
        log_t,
        tolerance,
        objective.log_risk,
        length=True,
        fine=ACCURATE,
        coarse=ROUGH,
        halt=bounded(lambda s, theta: float(field.exponents(s, theta).max())),
        smooth=False,
        saddles=True,
    )
