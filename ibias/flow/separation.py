"""What a flow does when the data are not separable: a bounded part, and perhaps a ray.

For separable data the weights of the gradient cannot cancel: with margin gamma,
||Z^T p|| >= gamma * sum(p). So when they cancel to rounding error, they are the proof that
the data are not separable, a convex combination of the signed inputs that meets zero. From
then on the flow in floating point would integrate its own rounding errors. Ji and Telgarsky
(2019, Theorem 1.1) say what it does instead: on the span of the samples that cancel it
rests at a finite minimiser, and on the orthogonal complement it runs to infinity.
"""

from dataclasses import dataclass

import numpy as np

from ibias.flow.log_time import LARGEST_EXPONENT, IntegrationFailed, LogTimeField, integrate

CANCELLED = 1e-8  # weights that cancel this far are taken for zero
NEWTON_STEPS = 100


def cancellation(field: LogTimeField, s: float, w: np.ndarray) -> float:
    """Return ||sum p_i z_i|| / (sum p_i max ||z_i||), at least margin / max ||z_i||."""
    p = field.weights(s, field.margins(w))
    return float(np.linalg.norm(p @ field.Z) / (p.sum() * np.linalg.norm(field.Z, axis=1).max()))


@dataclass(frozen=True, eq=False)
class Split:
    """The decomposition of w = bounded + rays x, with x in the orthogonal complement.

    Attributes
    ----------
    bounded : array, shape (n_features,)
        The minimiser over the span of the samples that are not separable.
    rays : array, shape (n_features, n_rays)
        An orthonormal basis of the complement of that span.
    separable : array of bool, shape (n_samples,)
        The samples that the ray separates.
    """

    bounded: np.ndarray
    rays: np.ndarray
    separable: np.ndarray


def split(field: LogTimeField, s: float, w: np.ndarray) -> Split:
    """Split the data at a point w where the weights have cancelled."""
    p = field.weights(s, field.margins(w))
    stuck = p > 1e-6 * p.max()
    _, size, right = np.linalg.svd(field.Z[stuck], full_matrices=True)
    rank = int((size > 1e-10 * size[0]).sum())
    span, rays = right[:rank].T, right[rank:].T
    across = np.linalg.norm(field.Z @ rays, axis=1)
    separable = across > 1e-8 * np.linalg.norm(field.Z, axis=1)
    bounded_field = field.restricted(~separable, span, w - span @ (span.T @ w))
    bounded = span @ minimiser(bounded_field, span.T @ w)
    if separable.any() and (field.Z[separable] @ rays @ (rays.T @ w) <= 0).any():
        raise IntegrationFailed(
            "the data are so nearly separable that rounding hides which samples are; "
            "ask for earlier times, or remove the samples that conflict."
        )
    return Split(bounded=bounded, rays=rays, separable=separable)


def minimiser(field: LogTimeField, x: np.ndarray) -> np.ndarray:
    """Return the point where the field vanishes, by Newton's method from nearby."""
    if x.size == 0:
        return x
    for _ in range(NEWTON_STEPS):
        step = np.linalg.lstsq(field.jacobian(0.0, x), -field(0.0, x), rcond=None)[0]
        x = x + step
        if np.abs(step).max(initial=0.0) <= 1e-13 * max(1.0, np.abs(x).max(initial=0.0)):
            return x
    raise IntegrationFailed("Newton's method for the finite minimiser did not converge.")


@dataclass(frozen=True, eq=False)
class Arc:
    """A stretch of a flow: the iterates at the requested times, and how it ended."""

    iterates: list[np.ndarray]
    status: str
    n_evaluations: int


def follow(
    field: LogTimeField, s: float, w: np.ndarray, times: np.ndarray, local_error: float
) -> Arc:
    """Follow the flow from (s, w) through `times`, by its limit where the data conflict."""
    # A point that separates the data settles the question, once and for all.
    separated = bool((field.margins(w) > 0).all())

    def conflict(s: float, w: np.ndarray) -> bool:
        nonlocal separated
        separated = separated or bool((field.margins(w) > 0).all())
        return not separated and cancellation(field, s, w) < CANCELLED

    passage = integrate(field, s, w, times, local_error, jacobian=field.jacobian, halt=conflict)
    check_exponents(field, times, passage.states)
    if len(passage.states) == len(times):
        where = f"log time {times[-1]:.6g}" if len(times) else "the end of the exact loop"
        return Arc(list(passage.states), f"integrated to {where}", passage.n_evaluations)
    return past_cancellation(
        field,
        passage.time,
        passage.state,
        times[len(passage.states) :],
        Arc(list(passage.states), "", passage.n_evaluations),
        local_error,
    )


def check_exponents(field: LogTimeField, times: np.ndarray, states: np.ndarray) -> None:
    """Refuse states whose weights have outgrown what the field can represent."""
    for s, w in zip(times, states, strict=False):
        if field.weights(s, field.margins(w)).max() >= np.exp(LARGEST_EXPONENT):
            raise IntegrationFailed(
                f"at log time {s:.6g} the weights exceed exp({LARGEST_EXPONENT:g}): for this loss"
                " the iterates grow like a power of t. Ask for earlier times."
            )


def past_cancellation(
    field: LogTimeField,
    s: float,
    w: np.ndarray,
    times: np.ndarray,
    before: Arc,
    local_error: float,
) -> Arc:
    """Continue `before` by the bounded minimiser and, if some samples are separable, the ray."""
    parts = split(field, s, w)
    n_separable = int(parts.separable.sum())
    rays = field.restricted(parts.separable, parts.rays, parts.bounded)
    along = parts.rays.T @ w
    if n_separable == 0:
        status = f"not separable: at rest at the finite minimiser from log time {s:.6g}"
        x, n_evaluations = np.tile(along, (len(times), 1)), 0
    else:
        status = (
            f"not separable: {len(parts.separable) - n_separable} samples at rest at their finite"
            f" minimiser from log time {s:.6g}, {n_separable} samples on the ray"
        )
        passage = integrate(rays, s, along, times, local_error, jacobian=rays.jacobian)
        x, n_evaluations = passage.states, passage.n_evaluations
    iterates = [*before.iterates, *(parts.bounded + x @ parts.rays.T)]
    return Arc(iterates, status, before.n_evaluations + n_evaluations)
