"""The entries of the ledger, `ibias/claims.yml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from ibias._validate import shown

DOCUMENTS = ("S000", "S001", "S002", "S003", "book")
VERDICTS = ("right", "imprecise", "wrong", "opinion")
KINDS = ("identity", "bound", "limit", "rate", "counterexample")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C it takes a tenth of the time


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
    wrong : str
        The nearest wrong theory, in a few words, which its check rejects; or empty.
    statements : tuple of str
        Labels of the theorems and propositions on its page whose statement its check shows.
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
    wrong: str = ""
    statements: tuple[str, ...] = ()
    same_as: str = ""
    not_run: str = ""


@cache
def ledger() -> dict[str, Claim]:
    """Return all claims by id, in the order of the file `ibias/claims.yml`.

    Examples
    --------
    >>> claims = ledger()
    >>> claims['S000-6'].page, len(claims) > 250
    ('linear/max_margin', True)
    """
    text = files("ibias").joinpath("claims.yml").read_text(encoding="utf-8")
    entries = {}
    for fields in yaml.load(text, LOADER):
        lists = {name: tuple(fields.get(name, ())) for name in ("reference", "statements")}
        claim = Claim(**{**fields, **lists})
        if claim.id in entries:
            raise ValueError(f"claims.yml holds the id {claim.id} twice; ids are unique.")
        entries[claim.id] = claim
    return entries


def resolve(claim_id: str) -> Claim:
    """Return the claim `claim_id`; unknown ids raise and name the file to add them to.

    Examples
    --------
    >>> resolve('S000-6').verdict
    'right'
    """
    if claim_id not in ledger():
        raise ValueError(f"unknown claim {shown(claim_id)}; add it to ibias/claims.yml first.")
    return ledger()[claim_id]
