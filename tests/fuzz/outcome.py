"""What one random problem of a fuzzer comes to.

A fuzzer is a module in this folder with a function `problem(rng) -> Outcome`. It draws one
problem from the generator, runs the package on it, and judges the answer by independent code.
`python tools/fuzz.py` finds every such module.
"""

from dataclasses import dataclass

RIGHT = "right"  # within the promised tolerance, and the estimate is honest
REFUSED = "refused"  # a clear error: argument or cause, and a remedy
SILENT = "silent"  # wrong, and nobody said so: the one thing that must never happen
UNCLEAR = "unclear"  # an error that a user cannot act on, or of a kind that no one promised
VERDICTS = (RIGHT, REFUSED, SILENT, UNCLEAR)


@dataclass(frozen=True)
class Outcome:
    """The verdict on one problem.

    Attributes
    ----------
    verdict : one of VERDICTS
    kind : str
        A word or two for the table: the function, the family of data.
    ordinary : bool
        True where an error is a failure too: at most 2 % of the ordinary problems may be refused.
    said : str
        One line: what was asked, what came, what was right.
    """

    verdict: str
    kind: str
    ordinary: bool = False
    said: str = ""
