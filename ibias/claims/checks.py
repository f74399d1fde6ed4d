"""A check of one or more claims, its negative control, and the wrong theory that it rejects.

A check measures one quantity, compares it with what the theory predicts, prints one line
and raises when it does not hold. Its control is the same function with the same prediction
and the same tolerance, on a case where one hypothesis is broken: there it must miss, by at
least ten tolerances. A check that cannot fail proves nothing. And a check that the nearest wrong
theory also passes says little: `rejects` puts that theory in the place of the right one, on the
same run, and must find it off by more than three tolerances.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ibias._validate import choice, finite_array, function, positive, shown
from ibias.claims.entries import KINDS, resolve

MISS = 10  # a control must miss by this many tolerances
TELLS = 3  # a wrong theory must be off by this many


class CheckFailed(AssertionError):
    """A measured value does not agree with the prediction."""


class ControlPassed(AssertionError):
    """A control that ought to fail its check did not fail clearly."""


class WrongTheoryPassed(AssertionError):
    """A check cannot tell its claim from a wrong theory."""


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
    >>> parallel = Check("S000-6", "limit", "cosine", np.dot, equals=1, tolerance=1e-3)
    >>> v, w = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    >>> parallel(v, v)
    check   S000-6 | limit | cosine = 1 (tolerance 0.001) | holds | [measured 1]
    >>> parallel.control(v, w, broken="another one")
    control S000-6 | limit | cosine = 1 (tolerance 0.001) | fails: another one | [measured 0.6]
    >>> parallel.rejects("an angle of five degrees", predicts=np.cos(np.deg2rad(5)))
    wrong   S000-6 | limit | cosine = 1 (tolerance 0.001) | rejected: an angle of five degrees, \
which predicts 0.9962 | [measured 1]
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
        self.ids, self.kind, self.measure = " ".join(ids.split()), kind, measure
        self.statement = one_field("statement", statement)
        self.relation, self.expected = stated("the prediction", equals, at_most, at_least)
        self.tolerance = positive("tolerance", tolerance)
        self._last: np.ndarray | None = None  # what the last call found to hold

    def __call__(self, *case: Any, **named_case: Any) -> None:
        """Measure the case, print one line, and raise `CheckFailed` unless it holds."""
        measured = self._measured(*case, **named_case)
        if (self._miss(measured) > 1).any():
            raise CheckFailed(self._line("check", "DOES NOT HOLD", measured))
        print(self._line("check", "holds", measured))
        self._last = measured

    def control(self, *case: Any, broken: str, **named_case: Any) -> None:
        """Measure a case that breaks one hypothesis; raise `ControlPassed` unless it misses.

        `broken` says in words which hypothesis this case breaks.
        """
        broken = one_field("broken", broken)
        measured = self._measured(*case, **named_case)
        if (self._miss(measured) < MISS).any():
            raise ControlPassed(
                self._line("control", f"MISSES BY LESS THAN {MISS} TOLERANCES: {broken}", measured)
            )
        print(self._line("control", f"fails: {broken}", measured))

    def rejects(
        self, theory: str, *case: Any, predicts: float | None = None, **named_case: Any
    ) -> None:
        """Put a wrong theory to the check; raise `WrongTheoryPassed` unless the check tells it.

        Parameters
        ----------
        theory : str
            The wrong theory in a few words, as the ledger's entry has it: "exponent 1".
        *case, **named_case
            A case in which the wrong theory stands in the place of the right one, on the same
            data: the wrong law, norm, clock or path. It is told when at least one measured
            entry misses by more than `TELLS` tolerances.
        predicts : float, optional
            Without a case: what the wrong theory predicts for the value that the last check
            found. It is told when at least one entry is off this by more than `TELLS` tolerances.

        Raises
        ------
        WrongTheoryPassed
            When the wrong theory passes, or misses by less.
        ValueError
            When both a case and a prediction are given, or neither, or no check came before.
        """
        theory = one_field("theory", theory)
        if (predicts is None) == (not case and not named_case):
            raise ValueError("give either a case or predicts, what the wrong theory predicts.")
        if predicts is None:
            measured, expected, words = self._measured(*case, **named_case), self.expected, theory
        else:
            if self._last is None:
                raise ValueError("call the check first: predicts is compared with what it found.")
            measured = self._last
            expected = float(finite_array("predicts", predicts, ndim=0, largest=np.inf))
            words = f"{theory}, which predicts {self._shown(expected)}"
        if not (self._miss(measured, expected) > TELLS).any():
            raise WrongTheoryPassed(
                self._line("wrong", f"NOT TOLD BY {TELLS} TOLERANCES: {words}", measured)
            )
        print(self._line("wrong", f"rejected: {words}", measured))

    def _measured(self, *case: Any, **named_case: Any) -> np.ndarray:
        """Return the measured value as a non-empty array of finite numbers."""
        value = self.measure(*case, **named_case)
        if np.asarray(value).dtype.kind in "bc":
            raise ValueError(
                "the measured value must be a real number, not a truth value or a complex number;"
                " return the quantity itself and let the check compare it."
            )
        return numbers(value)

    def _miss(self, measured: np.ndarray, expected: float | None = None) -> np.ndarray:
        """Return by how many tolerances each measured value is off the prediction."""
        expected = self.expected if expected is None else expected
        return off(measured, self.relation, expected) / self.tolerance

    def _line(self, role: str, verdict: str, measured: np.ndarray) -> str:
        prediction = f"{self.relation} {self._shown(self.expected)}"
        return (
            f"{role:7} {self.ids} | {self.kind} | {self.statement} {prediction}"
            f" (tolerance {self.tolerance:g}) | {verdict} | [measured {ends(measured)}]"
        )

    def _shown(self, value: float) -> str:
        """Return a prediction with as many digits as the tolerance can tell."""
        places = math.ceil(-math.log10(self.tolerance)) + 1  # a computed one prints stably
        return f"{round(value, places) + 0.0:.12g}"


def stated(
    name: str, equals: float | None, at_most: float | None, at_least: float | None
) -> tuple[str, float]:
    """Return the relation and the number of the one prediction that is given."""
    predictions = [("=", equals), ("<=", at_most), (">=", at_least)]
    given = [pair for pair in predictions if pair[1] is not None]
    if len(given) != 1:
        raise ValueError("give exactly one of equals, at_most, at_least.")
    relation, value = given[0]
    return relation, float(finite_array(name, value, ndim=0, largest=np.inf))


def numbers(value: Any) -> np.ndarray:
    """Return what was measured as a non-empty array of finite numbers."""
    measured = finite_array("the measured value", value, largest=np.inf)
    if measured.size == 0:
        raise ValueError("the measured value is an empty array; it would hold for nothing.")
    return measured


def off(measured: np.ndarray, relation: str, expected: float) -> np.ndarray:
    """Return by how much each number misses the prediction; below zero where it holds."""
    excess = measured - expected
    return {"=": np.abs(excess), "<=": excess, ">=": -excess}[relation]


def ends(measured: np.ndarray) -> str:
    """Return the least and the largest of the numbers, or the one that they both are."""
    shown = dict.fromkeys(f"{value + 0.0:.6g}" for value in (measured.min(), measured.max()))
    return ", ".join(shown)


def one_field(name: str, words: str) -> str:
    """Return `words` if they fit into one field of the printed line."""
    if not isinstance(words, str):
        raise ValueError(f"{name} must be a few words; got {shown(words)}")
    if not words.strip() or "|" in words or "\n" in words:
        raise ValueError(
            f"{name} must be a few words without '|' and line breaks, which separate the fields"
            f" of the printed line; got {words!r}. Write 'norm of w' for |w|."
        )
    return words
