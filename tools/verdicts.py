"""What a notebook said in the browser, cell by cell, beside what is stored of it.

Compared are the lines that judge: checks, controls, wrong theories and solutions, all but the
digits measured, and in the coursework the marks of the visible tests. A runtime for trials may
lack a package: a cell that asks for it, or for what such a cell would have defined, is counted
apart. Everything else that is not as stored is a trouble.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from ibias.claims import LINE

MEASURED = re.compile(r"\[measured [^\]]*\]")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
UNKNOWN = re.compile(r"name '(\w+)' is not defined")
MARK = re.compile(r"[✓✗…] ")


def printed(outputs: list[dict]) -> list[str]:
    """Return the lines that a cell printed."""
    streams = [one for one in outputs if one["output_type"] == "stream"]
    return [line for one in streams for line in "".join(one["text"]).splitlines()]


def verdicts(outputs: list[dict]) -> list[str]:
    """Return the lines that judge, without the digits measured."""
    lines = [one for one in printed(outputs) if LINE.match(one) or one.startswith("solution ")]
    return [MEASURED.sub("", line).rstrip(" |") for line in lines]


def error(outputs: list[dict]) -> dict | None:
    """Return the error in which a cell ended, if it did."""
    return next((one for one in outputs if one["output_type"] == "error"), None)


def words(failed: dict) -> str:
    """Return what an error says, on one line."""
    return f"{failed['ename']}: {failed['evalue']}"


def lacks(text: str, without: Collection[str]) -> str:
    """Return which of these packages is missed, if that is what the text of an error says."""
    text = COLOUR.sub("", text)
    says = r"No module named '{0}'|needs the package {0},"
    return next((one for one in without if re.search(says.format(one), text, re.I)), "")


@dataclass
class Said:
    """What came of the comparison: verdicts alike, of those stored; cells that ran; troubles."""

    same: int = 0
    stored: int = 0
    cells: int = 0
    of: int = 0
    lacking: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def excuse(failed: dict, without: Collection[str], lost: list[str]) -> str:
    """Return why a cell may have failed: a package that is left out, or a cell that lacks it."""
    if missing := lacks("\n".join([words(failed), *failed["traceback"]]), without):
        return f"needs {missing}"
    unknown = UNKNOWN.search(failed["evalue"])
    if unknown and any(re.search(rf"\b{unknown[1]}\b", source) for source in lost):
        return f"uses {unknown[1]} of a cell that lacks a package"
    return ""


def compare(stored: list[dict], ran: list[dict], without: Collection[str] = ()) -> Said:
    """Compare code cells, as stored and as they ran, one by one."""
    said, lost = Said(of=len(stored)), []
    for number, (cell, outputs) in enumerate(zip(stored, ran, strict=True), 1):
        expected, found = verdicts(cell["outputs"]), verdicts(outputs)
        said.stored += len(expected)
        failed = error(outputs)
        if failed and (why := excuse(failed, without, lost)):
            lost.append("".join(cell["source"]))
            said.lacking.append(f"cell {number} {why}")
            continue
        if failed:
            said.troubles.append(f"cell {number} fails: {words(failed)}")
            continue
        said.cells += 1
        said.same += len([line for line in found if line in expected])
        for place, here, there in (("not", expected, found), ("only", found, expected)):
            said.troubles += [
                f"is {place} said in the browser: {x}" for x in here if x not in there
            ]
        if len(expected) != len(found):
            said.troubles.append(f"cell {number} judges {len(found)} times, not {len(expected)}")
    return said


def marked(stored: list[dict], ran: list[dict], without: Collection[str] = ()) -> Said:
    """Compare the coursework with right answers in it: every visible test must be passed."""
    said = Said(of=len(stored))
    for number, (cell, outputs) in enumerate(zip(stored, ran, strict=True), 1):
        tests = "".join(cell["source"]).count("\ndef test_")
        said.cells += error(outputs) is None
        said.stored += tests
        if failed := error(outputs):
            said.troubles.append(f"cell {number} fails: {words(failed)}")
        marks = [line for line in printed(outputs) if MARK.match(line)]
        for line in marks:
            if missing := "" if line.startswith("✓") else lacks(line, without):
                said.lacking.append(f"cell {number} needs {missing}")
            elif line.startswith("✓"):
                said.same += 1
            else:
                said.troubles.append(f"cell {number}: {line}")
        if len(marks) != tests:
            said.troubles.append(f"cell {number} says {len(marks)} marks for {tests} tests")
    return said
