"""The check of a loss: derivatives, logarithms far out, decrease, smoothness."""

from __future__ import annotations

import numpy as np

from ibias.checking.report import Notes, Report
from ibias.losses import FAR, METHODS, MarginLoss, faults, is_convex


def check_loss(loss: MarginLoss) -> Report:
    """Check a loss of your own: derivatives, logarithms far out, decrease, smoothness.

    Parameters
    ----------
    loss : MarginLoss
        An instance of a subclass with `log_value`, `log_slope`, `log_slope_derivative` and
        `smoothness`.

    Raises
    ------
    ValueError
        With all that is wrong.

    Examples
    --------
    >>> from ibias import losses
    >>> print(check_loss(losses.Logistic()))
    Logistic:
    - its methods work entry by entry
    - log_slope and log_slope_derivative are derivatives of log_value
    - it decreases, and its logarithms are finite up to a margin of 1e+06
    - its second derivative is at most smoothness = 0.25
    - it is convex
    """
    notes = Notes("loss", loss, MarginLoss)
    u = np.linspace(-2.0, 3.0, 6)
    for method in METHODS:
        of = getattr(loss, method)
        whole = notes.tried(f"{method}(array)", lambda of=of: of(u))
        parts = notes.tried(f"{method}(array of shape (2, 3))", lambda of=of: of(u.reshape(2, 3)))
        one = notes.tried(f"{method}(number)", lambda of=of: of(float(u[0])))
        if whole is None or parts is None or one is None:
            continue
        if (whole.shape, parts.shape, one.shape) != ((6,), (2, 3), ()):
            notes.wrong.append(
                f"{method} must work entry by entry: of margins of shape (6,), (2, 3) and () it"
                f" makes {whole.shape}, {parts.shape} and {one.shape}."
            )
        elif not np.allclose(parts.ravel(), whole, rtol=1e-12, atol=1e-12, equal_nan=True):
            notes.wrong.append(f"{method} must work entry by entry: the shape changes its values.")
    beta = getattr(loss, "smoothness", None)
    if not isinstance(beta, (int, float, np.number)) or not beta > 0:
        notes.wrong.append("smoothness must be a number above 0, the supremum of l'', or infinity.")
    if not notes.wrong:
        notes.wrong += faults(loss)
    if not notes.wrong:
        notes.holds += [
            "its methods work entry by entry",
            "log_slope and log_slope_derivative are derivatives of log_value",
            f"it decreases, and its logarithms are finite up to a margin of {FAR[-1]:g}",
            f"its second derivative is at most smoothness = {beta:.6g}",
            "it is convex" if is_convex(loss) else "it is not convex",
        ]
    return notes.report()
