"""Diagonal networks from a vanishing start: in which order the weights wake up, and how late.

The exponential loss of w = u^2 - v^2, started at u = v = scale, moves the mirror image
m = arcsinh(w / 2 scale^2) / 4 (`potentials.HyperbolicEntropy`) along Z^T p. A weight stays
negligible until |4 m_j| has reached log(1 / scale^2). In these units, as scale -> 0,

    M = 4 m / log(1 / scale^2),

weights are zero where |M_j| is below the top, and everything else happens at once: the weights
at the top minimise the risk among themselves. As soon as they separate the data the risk falls
without limit, and the clock that is left is x = log log(1/risk) / log(1 / scale^2). Along it
the top is at 1 + x, the weights there have the largest l_1 margin gamma that they can have, and

    dM/dx = Z^T p / gamma,    p the dual variables of that margin.

Another weight joins when its |M_j| reaches the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from ibias._validate import positive, read_only
from ibias.datasets import Dataset
from ibias.optima._programs import LinearProgram
from ibias.optima._solver import require
from ibias.optima.margin import corner
from ibias.optima.separability import separation

ROUNDING = 1e-9  # slopes, weights and margins smaller than this are zero
SEPARATES = 1e-15  # a margin above this, of the largest entry, may be more than rounding
GAP = 1e-9  # of a margin on the way, relative to it
TIE = 1e-6  # heights closer to the margin than this, relative to it, may be on it
OPEN = 1e-9  # by how much slopes may differ between dual variables that fit alike
STATIONARY = 1e-12  # the largest pull left on a weight in use
NEWTON_STEPS = 50
MAX_EVENTS = 1000


@dataclass(frozen=True, eq=False)
class SmallScalePath:
    """The limit of the flow of a diagonal network as its start shrinks to zero.

    Attributes
    ----------
    x : array, shape (n_events,)
        The values of log log(1/risk) / log(1/scale^2) at which a weight joins; the first is 0,
        where the weights at the top separate the data for the first time.
    mirror_images : array, shape (n_events, n_features)
        M at these events.
    slopes : array, shape (n_events, n_features)
        dM/dx from each event to the next.
    margins : array, shape (n_events,)
        The l_1 margin from each event to the next.
    n_active : array of int, shape (n_events,)
        How many weights may be other than zero from each event to the next.
    """

    x: np.ndarray
    mirror_images: np.ndarray
    slopes: np.ndarray
    margins: np.ndarray
    n_active: np.ndarray

    def _last_event(self, x: float) -> int:
        return max(int(np.searchsorted(self.x, x, side="right")) - 1, 0)

    def mirror_image(self, x: float) -> np.ndarray:
        """Return M at x, shape (n_features,)."""
        event = self._last_event(x)
        return self.mirror_images[event] + (x - self.x[event]) * self.slopes[event]

    def margin(self, x: float) -> float:
        """Return the l_1 margin at x."""
        return float(self.margins[self._last_event(x)])


def small_scale_path(data: Dataset, *, until: float = 1.0) -> SmallScalePath:
    """Return the path of the mirror image as the scale of the start tends to zero.

    Parameters
    ----------
    data : Dataset
        Separable, in general position: no feature does what others do, and samples share the
        margin on the way in one way only, but for repeated ones.
    until : float
        The last x of interest.

    Raises
    ------
    NotSeparable
        With the convex combination of the signed inputs that meets zero.
    ValueError
        For bad input.
    RuntimeError
        If the data are not in general position, up to 1e-9; if a linear program fails, or weights
        go on joining without end.

    Examples
    --------
    >>> path = small_scale_path(Dataset.from_signed([[2.0, 1.0], [1.0, 2.5]]))
    >>> path.margins.round(3), path.x.round(3)
    (array([1. , 1.6]), array([0.   , 0.143]))
    """
    Z, until = require("data", data, Dataset).Z, positive("until", until)
    split = separation(data)
    if split.rest.size:
        raise split.error()
    size = np.abs(Z).max()
    Z = Z / size  # nothing but the margins knows the size
    M, active = _until_separated(Z)
    x, events = 0.0, []
    for _ in range(MAX_EVENTS):
        signs = np.sign(M[active])
        columns = Z[:, active] * signs
        gamma, p, a = _margin_of(columns)
        _one_pull(Z, columns, gamma, a)
        slope = (p @ Z) / gamma
        active = active[slope[active] * signs > 1 - ROUNDING]
        _one_answer(1 + x - np.abs(M), np.abs(slope) - 1, active)
        events.append((x, M, slope, size * gamma, active.size))
        wait, newcomer = next_at_the_top(1 + x - np.abs(M), np.abs(slope) - 1, M, slope, active)
        if x + wait > until:
            columns = (np.array(column) for column in zip(*events, strict=True))
            return SmallScalePath(*(read_only(column) for column in columns))
        M, x = M + wait * slope, x + wait
        M[active] = np.sign(M[active]) * (1 + x)
        active = np.append(active, newcomer)
    raise RuntimeError(f"until={until:g}: more than {MAX_EVENTS} weights joined before; lower it.")


def _until_separated(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return M and the weights at the top when these separate the data for the first time."""
    M, active = np.zeros(Z.shape[1]), np.array([], dtype=int)
    p = np.full(len(Z), 1 / len(Z))
    for _ in range(MAX_EVENTS):
        slope = p @ Z
        slope[active] = 0.0
        wait, newcomer = next_at_the_top(1 - np.abs(M), np.abs(slope), M, slope, active)
        if not np.isfinite(wait):
            break
        M, active = M + wait * slope, np.append(active, newcomer)
        M[active] = np.sign(M[active])
        columns = Z[:, active] * M[active]
        margin, p, _ = _margin_of(columns)
        if margin > ROUNDING:
            return M, active
        if (p @ columns).max() > SEPARATES:
            raise RuntimeError(
                f"data: features {np.sort(active)[:6].tolist()} alone separate them by a margin"
                " next to zero, up to rounding. Drop the first of them, or multiply it by a large"
                " number."
            )
        w, p = _least_risk(columns)
        active = active[w > ROUNDING]
    raise RuntimeError(
        f"data: after {MAX_EVENTS} events the weights at the top did not separate them; drop some."
    )


def next_at_the_top(
    below: np.ndarray, closing: np.ndarray, M: np.ndarray, slope: np.ndarray, active: np.ndarray
) -> tuple[float, int]:
    """Return how long until another |M_j| reaches the top, and which.

    `below` is how far |M_j| is below the top and `closing` how fast the distance shrinks if
    |M_j| grows. A weight that moves towards zero first crosses it.
    """
    inwards = M * slope < 0
    distance = np.where(inwards, below + 2 * np.abs(M), below)
    waits = np.full(M.size, np.inf)
    moving = closing > ROUNDING
    waits[moving] = np.maximum(distance[moving], 0.0) / closing[moving]
    waits[active] = np.inf
    newcomer = int(np.argmin(waits))
    return float(waits[newcomer]), newcomer


def _margin_of(columns: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return max over convex weights a of min_i (columns a)_i, the dual variables, and a."""
    n, k = columns.shape
    program = LinearProgram(
        c=np.r_[np.zeros(k), -1.0],
        A=np.vstack([np.r_[np.ones(k), 0.0], np.c_[columns, -np.ones(n)]]),
        b=np.r_[1.0, np.zeros(n)],
        lower=np.r_[np.zeros(k), -np.inf],
        upper=np.full(k + 1, np.inf),
        n_equations=1,
    )
    for solve in (program.simplex, program.interior_point):
        if (found := solve()) is None:
            continue
        a, p = np.maximum(found[0][:k], 0.0), np.maximum(found[1][1:], 0.0)
        if not (a.any() and p.any()):
            continue
        p = p / p.sum()
        for weights, dual in ((a, p), corner(columns, a, p, 1)):
            convex = np.maximum(weights, 0.0) / np.maximum(weights, 0.0).sum()
            margin = float((columns @ convex).min())
            if margin <= ROUNDING or abs((dual @ columns).max() - margin) <= GAP * margin:
                return margin, dual, convex
    raise RuntimeError(
        "data: the linear program of a margin on the way failed; drop samples or features that"
        " nearly repeat others."
    )


def _one_answer(below: np.ndarray, closing: np.ndarray, active: np.ndarray) -> None:
    """Refuse weights that stay at the top in the place of others: their features are alike."""
    along = (np.abs(below) <= ROUNDING) & (np.abs(closing) <= ROUNDING)
    along[active] = False
    if along.any():
        raise RuntimeError(
            f"data: features {np.flatnonzero(along)[:6].tolist()} do as well as others that are"
            " awake, up to rounding: the data are not in general position. Drop the first of them,"
            " or change it a little."
        )


def _one_pull(Z: np.ndarray, columns: np.ndarray, margin: float, a: np.ndarray) -> None:
    """Refuse samples that share the margin in more ways than one, and so pull at other weights.

    Dual variables of the samples at the margin may change along what neither their sum nor the
    weights in use see. Nor do other weights, where samples repeat each other.
    """
    heights = columns @ a
    tied = np.flatnonzero(heights <= margin * (1 + TIE))
    used = columns[np.ix_(tied, np.flatnonzero(a > 0))]
    sees = np.column_stack([used / np.abs(used).max(axis=0), np.ones(tied.size)])
    left, size, _ = np.linalg.svd(sees)
    size = np.append(size, np.zeros(tied.size))[: tied.size]
    moves = left[:, size <= TIE * size[0]].T @ Z[tied]
    if (np.abs(moves) > OPEN * np.abs(Z[tied]).max(axis=0)).any():
        raise RuntimeError(
            f"data: samples {tied[:6].tolist()} have the margin on the way together, and rounding"
            " decides how they share it: the data are not in general position. Drop one of them,"
            " or change it a little."
        )


def _least_risk(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the w >= 0 with the smallest exponential risk, and its dual variables."""

    def risk(w: np.ndarray) -> tuple[float, np.ndarray]:
        exponents = -columns @ w
        log_sum = np.logaddexp.reduce(exponents)
        return log_sum, -np.exp(exponents - log_sum) @ columns

    k = columns.shape[1]
    options = {"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-11}
    w = minimize(risk, np.zeros(k), jac=True, bounds=[(0, None)] * k, options=options).x
    for _ in range(NEWTON_STEPS):  # on the weights in use; the solver's end is a good start
        p = softmax(-columns @ w)
        pull, on = p @ columns, w > ROUNDING
        if np.abs(pull[on]).max(initial=0) <= STATIONARY and pull[~on].max(initial=0) <= ROUNDING:
            return w, p
        used = columns[:, on]
        curvature = (used.T * p) @ used - np.outer(pull[on], pull[on])
        step = np.linalg.lstsq(curvature, pull[on])[0]
        w[on] = np.maximum(w[on] + step * min(1.0, 1 / np.abs(used @ step).max(initial=1e-300)), 0)
    raise RuntimeError(
        f"data: the smallest risk of {k} weights on the way was found only to"
        f" {np.abs(pull[on]).max(initial=0):.1e}: two weights wake up at almost the same moment."
        " Drop one of two features that nearly repeat each other."
    )
