"""The ledger of claims, the checks that hold them to their word, and the evidence they leave.

Every claim has an entry in `ibias/claims.yml`. A `Check` asserts it on the page that the entry
names and prints one line; `control` shows that the same assertion fails where one hypothesis is
broken, and `rejects` that the nearest wrong theory fails it, too. The lines stay in the stored
outputs of the notebooks, where `outcomes` reads them: `standings` says how each claim stands,
`faults` what does not fit together.
"""

from ibias.claims.checks import MISS, TELLS, Check, CheckFailed, ControlPassed, WrongTheoryPassed
from ibias.claims.entries import DOCUMENTS, KINDS, VERDICTS, Claim, ledger, resolve
from ibias.claims.evidence import LINE, Outcome, Standing, faults, outcomes, standings
from ibias.claims.solutions import SolutionWrong, solution

__all__ = [
    "DOCUMENTS",
    "KINDS",
    "LINE",
    "MISS",
    "TELLS",
    "VERDICTS",
    "Check",
    "CheckFailed",
    "Claim",
    "ControlPassed",
    "Outcome",
    "SolutionWrong",
    "Standing",
    "WrongTheoryPassed",
    "faults",
    "ledger",
    "outcomes",
    "resolve",
    "solution",
    "standings",
]
