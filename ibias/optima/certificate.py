"""The proof that an interpolant has the least l_1 norm, and how strict it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ibias._validate import finite_array, read_only
from ibias.datasets import Regression
from ibias.optima._highs import linear_program
from ibias.optima._solver import require

ZERO = 1e-9  # weights smaller than this, relative to the largest, are zero


@dataclass(frozen=True, eq=False)
class SparseCertificate:
    """Multipliers a: X^T a has the signs of w on its support, and is as small off it as can be.

    Attributes
    ----------
    dual_variables : array, shape (n_samples,)
        The multipliers a.
    off_support : float
        The largest |(X^T a)_j| off the support. At most 1: w has the least l_1 norm. Below 1,
        with independent columns on the support: no other interpolant has so small a norm.
    support : array of int
        Where w is not zero.
    """

    dual_variables: np.ndarray
    off_support: float
    support: np.ndarray


def sparse_certificate(data: Regression, w: np.ndarray) -> SparseCertificate:
    """Return the strictest proof that w has the least l_1 norm among all v with X v = X w.

    Among all multipliers of the right signs on the support of w it has the smallest value off
    it; the gap to one says how fast superfluous weights die as the start of a diagonal network
    shrinks.

    Raises
    ------
    ValueError
        For bad input, for w = 0, and if no multipliers have the signs of w.
    RuntimeError
        If the linear program fails.

    Examples
    --------
    >>> least = sparse_certificate(Regression([[2.0, 1.0]], [2.0]), np.array([1.0, 0.0]))
    >>> round(least.off_support, 6)
    0.5
    """
    X = require("data", data, Regression).X
    n, d = X.shape
    w = finite_array("w", w, ndim=1)
    if w.shape != (d,) or not w.any():
        raise ValueError(f"w must have {d} entries, not all zero; got shape {w.shape}.")
    awake = np.abs(w) > ZERO * np.abs(w).max()
    off, bound = X[:, ~awake].T, np.ones((d - awake.sum(), 1))
    program = linear_program(
        np.r_[np.zeros(n), 1.0],
        A_ub=np.block([[off, -bound], [-off, -bound]]),
        b_ub=np.zeros(2 * len(off)),
        A_eq=np.c_[X[:, awake].T, np.zeros(awake.sum())],
        b_eq=np.sign(w[awake]),
        bounds=[(None, None)] * n + [(0, None)],
    )
    if program.status == 2:
        raise ValueError(
            "no multipliers have the signs of w on its support, so that w has not the least"
            " l_1 norm: pass the solution of min_norm(data, p=1)."
        )
    if program.status != 0:
        raise RuntimeError(f"the solver found no certificate: {program.message}")
    a = program.x[:n]
    return SparseCertificate(
        dual_variables=read_only(a),
        off_support=float(np.abs(off @ a).max(initial=0.0)),
        support=read_only(np.flatnonzero(awake)),
    )
