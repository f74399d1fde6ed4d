"""What checks and controls left in the stored outputs of the notebooks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ibias.claims.entries import Claim, ledger

LINE = re.compile(
    r"^(?P<role>check|control|wrong) +(?P<ids>\S+(?: \S+)*?) \| (?P<kind>\w+) \| (?P<statement>.*)"
    r" \| (?P<verdict>[^|]*) \| \[measured (?P<measured>[^\]]*)\]$"
)


@dataclass(frozen=True)
class Outcome:
    """One printed line of a check or a control, read back from a notebook."""

    role: str
    ids: tuple[str, ...]
    kind: str
    statement: str
    verdict: str
    measured: str

    @property
    def theory(self) -> str:
        """The wrong theory that was rejected, without what it predicts."""
        return self.verdict.removeprefix("rejected: ").partition(", which predicts")[0]

    @property
    def assertion(self) -> tuple:
        """What a check and its control share: ids, kind, statement with prediction, tolerance."""
        return self.ids, self.kind, self.statement


@dataclass(frozen=True)
class Standing:
    """How a claim stands in the book.

    `state` is "checked", "planned" (its page is not in the book yet), "unchecked" (its page is
    there, and a check or a control is missing: a fault) or "not run".
    """

    claim: Claim
    state: str
    checks: tuple[Outcome, ...] = ()
    controls: tuple[Outcome, ...] = ()
    wrong: tuple[Outcome, ...] = ()


def outcomes(notebook: Path) -> list[Outcome]:
    """Return the lines that checks and controls left in the stored outputs of a notebook.

    Examples
    --------
    >>> import tempfile
    >>> line = "check S000-6 | limit | gap = 0 (tolerance 0.1) | holds | [measured 0.01]"
    >>> cells = [{"outputs": [{"text": line}]}]
    >>> with tempfile.TemporaryDirectory() as book:
    ...     page = Path(book) / "page.ipynb"
    ...     _ = page.write_text(json.dumps({"cells": cells}))
    ...     found = outcomes(page)
    >>> [(line.role, line.ids, line.measured) for line in found]
    [('check', ('S000-6',), '0.01')]
    """
    if not Path(notebook).is_file():
        raise ValueError(f"notebook: there is no file {str(notebook)!r}; give an .ipynb.")
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"notebook: {Path(notebook).name} is no notebook; give an .ipynb with its cells."
        ) from error
    found = []
    for cell in cells:
        for output in cell.get("outputs", []):
            for line in "".join(output.get("text", "")).splitlines():
                if match := LINE.match(line):
                    fields = match.groupdict()
                    fields["ids"] = tuple(fields["ids"].split())
                    found.append(Outcome(**fields))
    return found


def standings(book: Path) -> dict[str, Standing]:
    """Return how each claim stands, by id, from the notebooks in the folder `book`.

    A claim that repeats another rests on the checks of that one, too.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as book:
    ...     standing = standings(Path(book))
    >>> standing['S000-6'].state
    'planned'
    """
    pages = {page: outcomes(path) for page, path in _notebooks(book).items()}
    standing = {}
    for claim in ledger().values():
        serving = {claim.id, claim.same_as}
        lines = [line for line in pages.get(claim.page, ()) if serving & set(line.ids)]
        checks, controls, wrong = (
            tuple(line for line in lines if line.role == role)
            for role in ("check", "control", "wrong")
        )
        if claim.not_run:
            state = "not run"
        elif claim.page not in pages:
            state = "planned"
        else:
            state = "checked" if checks and controls else "unchecked"
        standing[claim.id] = Standing(claim, state, checks, controls, wrong)
    return standing


def faults(book: Path) -> list[str]:
    """Return, in words, everything in which ledger and notebooks of `book` do not agree.

    Examples
    --------
    >>> import tempfile
    >>> line = "check S000-6 | limit | gap = 0 (tolerance 0.1) | holds | [measured 0.01]"
    >>> cells = [{"outputs": [{"text": line}]}]
    >>> with tempfile.TemporaryDirectory() as book:
    ...     page = Path(book) / "page.ipynb"
    ...     _ = page.write_text(json.dumps({"cells": cells}))
    ...     found = faults(Path(book))
    >>> found[1]
    'page: no control for the check S000-6 (gap = 0 (tolerance 0.1))'
    """
    found = []
    for page, path in _notebooks(book).items():
        lines = outcomes(path)
        for line in lines:
            found += [f"{page}: {fault}" for fault in _faults_of(line, page)]
        checked = {line.assertion for line in lines if line.role == "check"}
        controlled = {line.assertion for line in lines if line.role == "control"}
        found += [f"{page}: no control for the check {_name(a)}" for a in checked - controlled]
        found += [f"{page}: no check for the control {_name(a)}" for a in controlled - checked]
        for line in lines:
            if line.role == "wrong" and line.assertion not in checked:
                found.append(f"{page}: no check for the wrong theory of {_name(line.assertion)}")
    for standing in standings(book).values():
        found += _faults_of_wrong(standing)
        if standing.state == "unchecked":
            missing = "control" if standing.checks else "check"
            found.append(f"{standing.claim.page}: {standing.claim.id} has no {missing} there")
    return sorted(found)


def _notebooks(book: Path) -> dict[str, Path]:
    """Return the notebooks of the book by page name, such as linear/rates."""
    if not Path(book).is_dir():
        raise ValueError(
            f"book: there is no folder {str(book)!r}; give the one with the notebooks."
        )
    paths = sorted(path for path in Path(book).rglob("*.ipynb") if "." not in path.parent.name)
    return {path.relative_to(book).with_suffix("").as_posix(): path for path in paths}


def _faults_of(line: Outcome, page: str) -> list[str]:
    unknown = [claim_id for claim_id in line.ids if claim_id not in ledger()]
    claims = [ledger()[claim_id] for claim_id in line.ids if claim_id in ledger()]
    found = [f"{claim_id} is not in the ledger" for claim_id in unknown]
    found += [f"{c.id} belongs to the page {c.page}" for c in claims if c.page != page]
    found += [f"{c.id} is checked, and the ledger says it is not run" for c in claims if c.not_run]
    if claims and line.kind not in {claim.kind for claim in claims}:
        found.append(f"{line.kind} is not the ledger's kind for {_name(line.assertion)}")
    said = {"check": "holds$", "control": "fails: ", "wrong": "rejected: "}[line.role]
    if not re.match(said, line.verdict):
        found.append(f"the {line.role} {_name(line.assertion)} says: {line.verdict}")
    return found


def _faults_of_wrong(standing: Standing) -> list[str]:
    """Return where the ledger and the page do not name the same wrong theory."""
    claim = standing.claim
    if not standing.checks:
        return []
    theories = {line.theory for line in standing.wrong if claim.id in line.ids}
    if claim.wrong and claim.wrong not in theories and not claim.same_as:
        return [f"{claim.page}: {claim.id} does not reject the ledger's {claim.wrong!r}"]
    if theories and not claim.wrong:
        return [f"{claim.page}: {claim.id} rejects {min(theories)!r}, the ledger names none"]
    return []


def _name(assertion: tuple) -> str:
    ids, _, statement = assertion
    return f"{' '.join(ids)} ({statement})"
