"""A check of one or more claims, and its negative control.

A check measures one quantity, compares it with what the theory predicts, prints one line
and raises when it does not hold. Its control is the same function with the same prediction
and the same tolerance, on a case where one hypothesis is broken: there it must miss, by at
least ten tolerances. A check that cannot fail proves nothing.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ibias._validate import choice, finite_array, function, positive, shown
from ibias.claims.entries import KINDS, resolve

MISS = 10  # a control must miss by this many tolerances


class CheckFailed(AssertionError):
    """A measured value does not agree with the prediction."""


class ControlPassed(AssertionError):
    """A control that ought to fail its check did not fail clearly."""


class Check:
    """One assertion about one or more claims, and its negative control.

    Parameters
    ----------
    ids : str
        The claims this check serves, separated by spaces: ``"S000-6 S003-3"``.
    kind : str
        identity, bound, limit, rate or counterexample.
    statement : str
        What is measured, in a few words: "slope of the norm times the margin".
    measure : callable
        Maps a case to the measured value, a number or an array (every entry must hold).
        Check and control call this very function.
    equals, at_most, at_least : float
        Exactly one of them: the prediction.
    tolerance : float
        How far the measured value may be off; from the size of the next term of the
        theory. A control must miss by ten times as much.

    Examples
    --------
    >>> parallel = Check("S000-6", "limit", "cosine", lambda v, w: v @ w, equals=1, tolerance=1e-3)
    >>> v, w = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    >>> parallel(v, v)
    check   S000-6 | limit | cosine = 1 (tolerance 0.001) | holds | [measured 1]
    >>> parallel.control(v, w, broken="another one")
    control S000-6 | limit | cosine = 1 (tolerance 0.001) | fails: another one | [measured 0.6]
    """

    def __init__(
        self,
        ids: str,
        kind: str,
        statement: str,
        measure: Callable[..., Any],
        *,
        equals: float | None = None,
        at_most: float | None = None,
        at_least: float | None = None,
        tolerance: float,
    ) -> None:
        if not isinstance(ids, str):
            raise ValueError(f'ids must be a text such as "S000-6 S003-3"; got {shown(ids)}')
        claims = [resolve(claim_id) for claim_id in ids.split()]
        function("measure", measure, "lambda w: w @ w")
        choice("kind", kind, KINDS)
        for claim in claims:
            if claim.not_run:
                raise ValueError(f"the ledger says that {claim.id} is not run: {claim.not_run}")
        if kind not in {claim.kind for claim in claims}:
            raise ValueError(f"kind {kind!r} is not the ledger's kind for any of {ids!r}.")
        predictions = [("=", equals), ("<=", at_most), (">=", at_least)]
        given = [pair for pair in predictions if pair[1] is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of equals, at_most, at_least.")
        self.ids, self.kind, self.measure = " ".join(ids.split()), kind, measure
        self.statement = _one_field("statement", statement)
        self.relation = given[0][0]
        self.expected = float(finite_array("the prediction", given[0][1], ndim=0))
        self.tolerance = positive("tolerance", tolerance)

    def __call__(self, *case: Any, **named_case: Any) -> None:
        """Measure the case, print one line, and raise `CheckFailed` unless it holds."""
        measured = self._measured(*case, **named_case)
        if (self._miss(measured) > 1).any():
            raise CheckFailed(self._line("check", "DOES NOT HOLD", measured))
        print(self._line("check", "holds", measured))

    def control(self, *case: Any, broken: str, **named_case: Any) -> None:
        """Measure a case that breaks one hypothesis; raise `ControlPassed` unless it misses.

        `broken` says in words which hypothesis this case breaks.
        """
        broken = _one_field("broken", broken)
        measured = self._measured(*case, **named_case)
        if (self._miss(measured) < MISS).any():
            raise ControlPassed(
                self._line("control", f"MISSES BY LESS THAN {MISS} TOLERANCES: {broken}", measured)
            )
        print(self._line("control", f"fails: {broken}", measured))

    def _measured(self, *case: Any, **named_case: Any) -> np.ndarray:
        """Return the measured value as a non-empty array of finite numbers."""
        value = self.measure(*case, **named_case)
        if np.asarray(value).dtype.kind in "bc":
            raise ValueError(
                "the measured value must be a real number, not a truth value or a complex number;"
                " return the quantity itself and let the check compare it."
            )
        measured = finite_array("the measured value", value)
        if measured.size == 0:
            raise ValueError("the measured value is an empty array; it would hold for nothing.")
        return measured

    def _miss(self, measured: np.ndarray) -> np.ndarray:
        """Return by how many tolerances each measured value is off the prediction."""
        excess = measured - self.expected
        signed = {"=": np.abs(excess), "<=": excess, ">=": -excess}[self.relation]
        return signed / self.tolerance

    def _line(self, role: str, verdict: str, measured: np.ndarray) -> str:
        ends = dict.fromkeys(f"{value + 0.0:.6g}" for value in (measured.min(), measured.max()))
        places = math.ceil(-math.log10(self.tolerance)) + 1  # a computed prediction prints stably
        prediction = f"{self.relation} {round(self.expected, places) + 0.0:.12g}"
        return (
            f"{role:7} {self.ids} | {self.kind} | {self.statement} {prediction}"
            f" (tolerance {self.tolerance:g}) | {verdict} | [measured {', '.join(ends)}]"
        )


def _one_field(name: str, words: str) -> str:
    """Return `words` if they fit into one field of the printed line."""
    if not isinstance(words, str):
        raise ValueError(f"{name} must be a few words; got {shown(words)}")
    if not words.strip() or "|" in words or "\n" in words:
        raise ValueError(
            f"{name} must be a few words without '|' and line breaks, which separate the fields"
            f" of the printed line; got {words!r}. Write 'norm of w' for |w|."
        )
    return words
