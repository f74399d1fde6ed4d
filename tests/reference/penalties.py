"""The minimiser of a risk and a penalty in as many digits as it takes, and how far it is off."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np

from ibias.losses import Exponential, Logistic, MarginLoss, PolynomialTail, StretchedExponential
from tests.reference.exact import solve

Slopes = Callable[[Decimal], tuple[Decimal, Decimal]]
STEPS = 3000
FINE = Decimal("1e-13")  # of the distance from the centre


def slopes(loss: MarginLoss) -> Slopes:
    """-l' and l'' by their formulas."""

    def exponential(u: Decimal) -> tuple[Decimal, Decimal]:
        return (-u).exp(), (-u).exp()

    def logistic(u: Decimal) -> tuple[Decimal, Decimal]:
        right = 1 / (1 + u.exp())
        return right, right / (1 + (-u).exp())

    def polynomial(u: Decimal) -> tuple[Decimal, Decimal]:
        k = Decimal(loss.power)
        if u < 0:
            return k - k * (k + 1) * u, k * (k + 1)
        return k * (1 + u) ** (-k - 1), k * (k + 1) * (1 + u) ** (-k - 2)

    def stretched(u: Decimal) -> tuple[Decimal, Decimal]:
        nu = Decimal(loss.power)
        if u < 1:
            return (-Decimal(1)).exp() * nu * (2 - u), (-Decimal(1)).exp() * nu
        first, value = nu * u ** (nu - 1), (-(u**nu)).exp()
        return value * first, value * (first**2 - nu * (nu - 1) * u ** (nu - 2))

    return {
        Exponential: exponential,
        Logistic: logistic,
        PolynomialTail: polynomial,
        StretchedExponential: stretched,
    }[type(loss)]


def minimiser(
    Z: np.ndarray, log_penalty: float, loss: MarginLoss, centre: np.ndarray, near: np.ndarray
) -> list[Decimal] | None:
    """The least mean_i l(<z_i, w>) + penalty ||w - centre||^2 / 2, to 1e-13 of ||w - centre||.

    Newton's method from `near`; each step goes as far as the objective falls. With the penalty
    the gradient over the penalty has the modulus one: no point is further off than that is long,
    wherever it came from. None where no point is found.
    """
    n, d = Z.shape
    digits = 80 + round(abs(log_penalty)) + round(2 * np.log10(1 + np.abs(Z).max()))
    with localcontext(prec=digits, Emax=10**15, Emin=-(10**15)):
        rows, c, u = ([Decimal(float(x)) for x in v.ravel()] for v in (Z, centre, near))
        rows = [rows[i * d : (i + 1) * d] for i in range(n)]
        u = [a - b for a, b in zip(u, c, strict=True)]
        share, of = n * Decimal(log_penalty).exp(), slopes(loss)
        start = [_dot(z, c) for z in rows]

        def gradient(u: list[Decimal]) -> tuple[list[Decimal], list[Decimal]]:
            found = [of(a + _dot(z, u)) for a, z in zip(start, rows, strict=True)]
            pulls = [a / share for a, _ in found]
            return (
                [u[j] - _dot(pulls, [z[j] for z in rows]) for j in range(d)],
                [b / share for _, b in found],
            )

        left, curved = gradient(u)
        for _ in range(STEPS):
            if _dot(left, left) <= FINE**2 * _dot(u, u):
                return [a + b for a, b in zip(u, c, strict=True)]
            hessian = [
                [_dot(curved, [z[i] * z[j] for z in rows]) + (i == j) for j in range(d)]
                for i in range(d)
            ]
            step = solve(hessian, [-x for x in left])

            def falls(part: Decimal, u: list = u, step: list = step) -> bool:
                return (
                    _dot(gradient([a + part * b for a, b in zip(u, step, strict=True)])[0], step)
                    <= 0
                )

            part = Decimal(1)
            if falls(part):
                while falls(2 * part) and part < 2**60:
                    part *= 2
            else:
                # Near the minimum a full step is past it by a little.
                steep = _dot(left, step)
                while (
                    _dot(gradient([a + part * b for a, b in zip(u, step, strict=True)])[0], step)
                    > -steep / 2
                ):
                    part /= 2
            u = [a + part * b for a, b in zip(u, step, strict=True)]
            left, curved = gradient(u)
    return None


def _dot(a: list[Decimal], b: list[Decimal]) -> Decimal:
    return sum((x * y for x, y in zip(a, b, strict=True)), Decimal())
