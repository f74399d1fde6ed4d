"""How far a result is off: two runs that share nothing but the equation, compared.

An estimate must be able to fail. So the check run starts at another first step, leaves the
exact loop elsewhere, keeps every term that double precision can see, goes over to a limit later,
and uses another integrator (`ibias.flow.collocation` beside LSODA).
"""

import numpy as np

from ibias._validate import read_only
from ibias.flow.log_time import IntegrationFailed

# Local errors of the real run and of the check run, as parts of the tolerance.
ACCURATE, ROUGH = 0.005, 0.05
LARGEST_TOLERANCE = 1e-2  # an error above this part of w is no approximation any more
UNEVEN = 30.0  # columns whose sizes differ by more are worth a word


def compared(
    log_t: np.ndarray,
    accurate: np.ndarray,
    check: np.ndarray,
    tolerance: float,
    *,
    floor: float = ACCURATE,
    size: np.ndarray | None = None,
    advice: str = "",
    length: bool = False,
) -> np.ndarray:
    """Return an estimate of the error at each time; raise where it exceeds the tolerance.

    Parameters
    ----------
    accurate, check : arrays, shape (n_times, n)
        The two runs.
    tolerance : float
        The error allowed, relative to max(1, |w|).
    floor : float
        The local error of the accurate run, as a part of the tolerance: no estimate is below.
    size : array, shape (n_times,), optional
        What the tolerance is relative to; without it max(1, max_j |w_j|).
    advice : str
        What else may help.
    length : bool
        Whether errors and sizes are Euclidean lengths in place of largest entries.
    """
    order = 2 if length else np.inf
    norm = lambda w: np.linalg.norm(w, ord=order, axis=1) if w.size else np.zeros(len(w))  # noqa: E731
    size = np.maximum(1.0, norm(accurate)) if size is None else size
    difference = norm(accurate - check)
    allowed = tolerance * size
    if not np.isfinite(difference).all():
        raise IntegrationFailed(
            "the two runs that guard each other hold NaN or infinity. Ask for earlier times, or"
            " divide the columns of X by their sizes."
        )
    # Rounding: no more than this can be told of the difference of two numbers of that size.
    estimate = difference + floor * tolerance * size
    if (estimate > allowed).any():
        worst = int(np.argmax(estimate / allowed))
        raise IntegrationFailed(
            f"at log t = {log_t[worst]:.6g} two runs that share no approximation differ by"
            f" {difference[worst]:.1e}, and tolerance={tolerance:g} allows {allowed[worst]:.1e}."
            f" {remedy(float(difference[worst] / size[worst]))}{advice}"
        )
    return read_only(estimate)


def remedy(relative: float) -> str:
    """Return what helps against a relative difference: a tolerance that is met, or other times."""
    wanted = 10 ** np.ceil(np.log10(20 * relative))
    if wanted <= LARGEST_TOLERANCE:
        return f"Ask for tolerance={wanted:.0e}, or for earlier times."
    return "No tolerance helps: ask for earlier times, a smaller step, or a start nearer to zero."


def about_columns(X: np.ndarray) -> str:
    """Return the advice for columns of different sizes; nothing where they are alike."""
    sizes = np.abs(X).max(axis=0)
    if not (sizes > 0).any():
        return ""
    small = sizes[sizes > 0].min()
    largest = int(np.argmax(sizes))
    if sizes[largest] <= UNEVEN * small:
        return ""
    return (
        f" The columns of X differ in size: divide column {largest} by {sizes[largest]:.2g}, and"
        " so on for the others (that is another metric, and so another flow)."
    )
