"""Mirror descent, and the first-order and the matrix forms of it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ibias._validate import require
from ibias.methods.method import Limit, Method, share
from ibias.models import MatrixProduct
from ibias.objectives import Objective, Pull
from ibias.potentials import Potential


@dataclass(frozen=True)
class Mirror(Method):
    """grad psi(theta) <- grad psi(theta) - eta grad risk(theta), psi the potential.

    The mirror image moves in the row space of the data, whatever the step: on a regression the
    limit, if there is one, is the interpolant with the least Bregman divergence from the start
    (Gunasekar et al. 2018, Theorem 1). Without a start, from the minimum of the potential.
    """

    potential: Potential
    moves: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require("potential", self.potential, Potential, example="potentials.NegativeEntropy()")

    def init(self, objective: Objective, theta: np.ndarray) -> np.ndarray:
        """Return the mirror image of theta; refuse a start that has none."""
        try:
            return self.potential.gradient(theta)
        except ValueError as error:
            raise ValueError(f"start: {error}") from error

    def step(
        self, pull: Pull, theta: np.ndarray, state: np.ndarray, k: int, eta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return theta and its mirror image."""
        image = state + eta * pull.value(theta)
        return self.potential.inverse_gradient(image), image

    def start(self, objective: Objective) -> np.ndarray:
        """Return the minimum of the potential."""
        return self.potential.inverse_gradient(np.zeros(objective.n_parameters))

    def limit(self) -> Limit:
        """Return the mirror flow."""
        return Limit("mirror", potential=self.potential)


@dataclass(frozen=True)
class MirrorMomentum(Mirror):
    """m <- m - eta grad risk(theta) + momentum (m - m_last),  theta the point of image m.

    Heavy ball on the mirror image: it recombines earlier images, so that the limit on a
    regression is that of `Mirror`. Momentum on theta changes the limit.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        share("momentum", self.momentum)

    def init(self, objective: Objective, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the image of theta twice: nothing has moved."""
        image = super().init(objective, theta)
        return image, image

    def step(
        self, pull: Pull, theta: np.ndarray, state: tuple, k: int, eta: float
    ) -> tuple[np.ndarray, tuple]:
        """Return theta, its image, and the image before."""
        image, last = state
        moved = image + eta * pull.value(theta) + self.momentum * (image - last)
        return self.potential.inverse_gradient(moved), (moved, image)

    def limit(self) -> Limit:
        """Return the mirror flow, 1 / (1 - momentum) times as fast."""
        return Limit("mirror", speed=1 / (1 - self.momentum), potential=self.potential)


@dataclass(frozen=True)
class NaturalGradient(Mirror):
    """theta <- theta - eta H(theta)^-1 grad risk(theta), H the Hessian of the potential.

    The first-order form of `Mirror`, equal to it in the limit of small steps. With a fixed step
    the mirror image leaves the row space, and the limit depends on the step (Gunasekar et al.
    2018, section 2.3). The potential must be a sum over coordinates.
    """

    moves: ClassVar[bool] = True

    def init(self, objective: Objective, theta: np.ndarray) -> None:
        """Refuse potentials that are no sums over coordinates."""
        one = super().init(objective, theta).reshape(-1, theta.shape[-1])[0]
        if self.potential.inverse_metric(one).ndim != 1:
            raise ValueError(
                f"potential: {self.potential} is no sum over coordinates; PowerNorm is, for a norm."
            )

    def step(
        self, pull: Pull, theta: np.ndarray, state: None, k: int, eta: float
    ) -> tuple[np.ndarray, None]:
        """Return the step; refuse one from outside the domain of the potential."""
        try:
            metric = self.potential.inverse_metric(self.potential.gradient(theta))
        except ValueError as error:
            raise ValueError(
                f"steps: by step {k} the iterates left the domain of the potential; choose a"
                " smaller step_size."
            ) from error
        return theta + eta * metric * pull.value(theta), None


@dataclass(frozen=True)
class Multiplicative(Method):
    """[U; V] <- expm(-eta [[0, G], [G^T, 0]]) [U; V] for the two factors of W = U V^T.

    G is the gradient in W: the exact flow while G stands still. It conserves U^T U - V^T V for
    every step size. For U = V and symmetric G it is U <- expm(-eta G) U, and with commuting
    sensors log(W) - log(W_0) stays in their span: no bias of the order of the step, as gradient
    descent has one.
    """

    def init(self, objective: Objective, theta: np.ndarray) -> MatrixProduct:
        """Return the model; refuse other than two factors."""
        model = objective.model
        if not isinstance(model, MatrixProduct) or model.depth != 2:
            raise ValueError(
                "model: Multiplicative() needs two factors, as MatrixProduct(shape, 2)."
            )
        return model

    def step(
        self, pull: Pull, theta: np.ndarray, state: MatrixProduct, k: int, eta: float
    ) -> tuple[np.ndarray, MatrixProduct]:
        """Return both factors, by the singular vectors of G."""
        U, Vt = state.factors(theta)
        u, back = pull.reader.linear.at(state.weights(theta))
        G = -back(pull.outputs.slopes(u)).reshape(*theta.shape[:-1], *state.shape)
        if not np.isfinite(G).all():
            return np.full_like(theta, np.nan), state
        P, s, Qt = np.linalg.svd(G, full_matrices=False)
        PU, QV = np.swapaxes(P, -1, -2) @ U, Qt @ np.swapaxes(Vt, -1, -2)
        angle = (eta * s)[..., None]
        if (angle <= 1).all():
            even, odd = np.cosh(angle) - 1, -np.sinh(angle)
            along_P, along_Q = even * PU + odd * QV, even * QV + odd * PU
            factors = [U + P @ along_P, Vt + np.swapaxes(along_Q, -1, -2) @ Qt]
        else:
            # cosh - sinh would lose all digits: the sums shrink, and the differences grow.
            shrunk, half = np.exp(-angle) * (PU + QV) / 2, np.exp(angle / 2)
            apart = (PU - QV) / 2
            grown = np.where(apart != 0, half * apart * half, 0.0)
            beside_P = U - P @ PU if U.shape[-2] > P.shape[-1] else 0.0
            beside_Q = Vt - np.swapaxes(QV, -1, -2) @ Qt if Vt.shape[-1] > Qt.shape[-2] else 0.0
            new_QV = np.swapaxes(shrunk - grown, -1, -2)
            factors = [beside_P + P @ (shrunk + grown), beside_Q + new_QV @ Qt]
        if not all(np.isfinite(factor).all() for factor in factors):
            return np.full_like(theta, np.nan), state
        moved = state.theta(factors)
        if (theta.any(axis=-1) & ~moved.any(axis=-1)).any():
            raise ValueError(
                f"steps: at step {k} the factors underflow, and zero stays zero; choose a smaller"
                " step_size."
            )
        return moved, state

    def limit(self) -> Limit:
        """Return the gradient flow of the factors."""
        return Limit("gradient")
