"""The perceptron with all samples at once, which gradient descent is for steps without bound."""

from dataclasses import dataclass

import numpy as np

from ibias.methods.method import Method
from ibias.objectives import Objective, Pull
from ibias.steps import Constant, Step


@dataclass(frozen=True)
class Perceptron(Method):
    """w <- w + eta/n * (the sum of the z_i with <z_i, w> < 0, and half of those with = 0).

    Where every sample is right nothing moves. It looks at signs only, so that w / eta does not
    depend on the step; it is the limit of w_k / eta for gradient descent on the logistic loss,
    eta to infinity, from zero. The default step is 1.

    >>> from ibias import datasets
    >>> from ibias.descent import descent
    >>> data = datasets.separable(seed=0)
    >>> w = descent(data, Perceptron(), n_steps=1000).final
    >>> bool((data.Z @ w > 0).all())
    True
    """

    def init(self, objective: Objective, theta: np.ndarray) -> None:
        """Refuse what has no margins."""
        if not objective.is_margin:
            raise ValueError("data: Perceptron() needs two classes; give a Dataset.")

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return theta + eta/n times the sum over what is wrong."""
        u, back = pull.reader.at(theta)
        return theta + eta * back(np.heaviside(-u, 0.5) / u.shape[-1]), None

    def default_steps(self, objective: Objective, sampled: bool) -> Step:
        """Return 1."""
        return Constant(1.0)
