"""The ledger of claims, and the checks that hold them to their word.

A check measures one quantity, compares it with what the theory predicts, prints one line
and raises when it does not hold. Its control is the same function with the same prediction
and the same tolerance, on a case where one hypothesis is broken: there it must miss, by at
least ten tolerances. A check that cannot fail proves nothing.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ibias._validate import choice, finite_array, positive

KINDS = ("identity", "bound", "limit", "rate", "counterexample")
VERDICTS = ("right", "imprecise", "wrong", "opinion")
MISS = 10  # a control must miss by this many tolerances


class CheckFailed(AssertionError):
    """A measured value does not agree with the prediction."""


class ControlPassed(AssertionError):
    """A control that ought to fail its check did not fail clearly."""


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger.

    Attributes
    ----------
    id : str
        S000-1 ... S003-23 for the claims of the four documents, B-... for the book's own.
    document : str
        The document that makes the claim: S000, S001, S002, S003 or book.
    claim : str
        What is claimed, in our words.
    verdict : str
        right, imprecise, wrong or opinion.
    correct : str
        The correct statement.
    reference : tuple of str
        Keys of the bibliography.
    page : str
        The page of the book that treats it, without suffix.
    kind : str
        identity, bound, limit, rate or counterexample; empty where it is not run.
    same_as : str
        The id of the claim that this one repeats, or empty.
    not_run : str
        Why no check can be run, or empty.
    """

    id: str
    document: str
    claim: str
    verdict: str
    correct: str
    reference: tuple[str, ...] = ()
    page: str = ""
    kind: str = ""
    same_as: str = ""
    not_run: str = ""


@cache
def ledger() -> dict[str, Claim]:
    """Return all claims by id, in the order of the file `ibias/claims.yml`."""
    text = files("ibias").joinpath("claims.yml").read_text(encoding="utf-8")
    entries = {}
    for fields in yaml.safe_load(text):
        claim = Claim(**{**fields, "reference": tuple(fields.get("reference", ()))})
        if claim.id in entries:
            raise ValueError(f"claims.yml holds the id {claim.id} twice; ids are unique.")
        entries[claim.id] = claim
    return entries


def resolve(claim_id: str) -> Claim:
    """Return the claim `claim_id`; unknown ids raise and name the file to add them to."""
    if claim_id not in ledger():
        raise ValueError(f"unknown claim {claim_id!r}; add it to ibias/claims.yml first.")
    return ledger()[claim_id]


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
        claims = [resolve(claim_id) for claim_id in ids.split()]
        choice("kind", kind, KINDS)
        if kind not in {claim.kind for claim in claims}:
            raise ValueError(f"kind {kind!r} is not the ledger's kind for any of {ids}.")
        predictions = [("=", equals), ("<=", at_most), (">=", at_least)]
        given = [pair for pair in predictions if pair[1] is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of equals, at_most, at_least.")
        self.ids, self.kind, self.statement, self.measure = ids, kind, statement, measure
        self.relation, self.expected = given[0]
        self.tolerance = positive("tolerance", tolerance)

    def _miss(self, measured: np.ndarray) -> np.ndarray:
        """Return by how many tolerances each measured value is off the prediction."""
        excess = measured - self.expected
        signed = {"=": np.abs(excess), "<=": excess, ">=": -excess}[self.relation]
        return signed / self.tolerance

    def _line(self, role: str, verdict: str, measured: np.ndarray) -> str:
        digits = ", ".join(f"{value:.6g}" for value in (measured.min(), measured.max()))
        if measured.min() == measured.max():
            digits = f"{measured.max():.6g}"
        prediction = f"{self.relation} {self.expected:g} (tolerance {self.tolerance:g})"
        return (
            f"{role:7} {self.ids} | {self.kind} | {self.statement} {prediction}"
            f" | {verdict} | [measured {digits}]"
        )

    def __call__(self, *case: Any, **named_case: Any) -> None:
        """Measure the case, print one line, and raise `CheckFailed` unless it holds."""
        measured = finite_array("the measured value", self.measure(*case, **named_case))
        if (self._miss(measured) > 1).any():
            raise CheckFailed(self._line("check", "DOES NOT HOLD", measured))
        print(self._line("check", "holds", measured))

    def control(self, *case: Any, broken: str, **named_case: Any) -> None:
        """Measure a case that breaks one hypothesis; raise `ControlPassed` unless it misses.

        `broken` says in words which hypothesis this case breaks.
        """
        measured = finite_array("the measured value", self.measure(*case, **named_case))
        if (self._miss(measured) < MISS).any():
            raise ControlPassed(
                self._line("control", f"MISSES BY LESS THAN {MISS} TOLERANCES: {broken}", measured)
            )
        print(self._line("control", f"fails: {broken}", measured))


@dataclass(frozen=True)
class Outcome:
    """One printed line of a check or a control, read back from a notebook."""

    role: str
    ids: tuple[str, ...]
    kind: str
    statement: str
    verdict: str
    measured: str


LINE = re.compile(
    r"^(?P<role>check|control) +(?P<ids>\S+(?: \S+)*?) \| (?P<kind>\w+) \| (?P<statement>.*)"
    r" \| (?P<verdict>[^|]*) \| \[measured (?P<measured>[^\]]*)\]$"
)


def outcomes(notebook: Path) -> list[Outcome]:
    """Return the lines that checks and controls left in the stored outputs of a notebook."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    found = []
    for cell in cells:
        for output in cell.get("outputs", []):
            for line in "".join(output.get("text", "")).splitlines():
                if match := LINE.match(line):
                    fields = match.groupdict()
                    fields["ids"] = tuple(fields["ids"].split())
                    found.append(Outcome(**fields))
    return found
