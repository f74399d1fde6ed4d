"""The test of the test: each fault of a ledger and its notebooks, planted in a small book."""

import json
from pathlib import Path

import pytest

from ibias.claims import Claim, evidence, faults, standings

CHECK = "check   A-1 | limit | angle = 0 (tolerance 0.1) | holds | [measured 0.01]"
CONTROL = "control A-1 | limit | angle = 0 (tolerance 0.1) | fails: another | [measured 2]"


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """A book of one page under a ledger of four claims; returns a function that plants lines."""
    entries = [
        Claim("A-1", "book", "claim", "right", "so", page="part/page", kind="limit"),
        Claim("A-2", "book", "claim", "right", "so", page="part/page", kind="limit", same_as="A-1"),
        Claim("A-3", "book", "claim", "opinion", "so", page="part/page", not_run="A metaphor."),
        Claim("A-4", "book", "claim", "wrong", "so", page="part/other", kind="rate"),
    ]
    monkeypatch.setattr(evidence, "ledger", lambda: {claim.id: claim for claim in entries})

    def plant(*lines: str, page: str = "part/page") -> Path:
        path = tmp_path / f"{page}.ipynb"
        path.parent.mkdir(exist_ok=True)
        output = {"output_type": "stream", "name": "stdout", "text": "\n".join(lines)}
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": [output]}]}))
        return tmp_path

    return plant


def test_a_page_with_check_and_control_is_accepted(small_book):
    book = small_book(CHECK, CONTROL)
    assert faults(book) == []
    states = {claim_id: standing.state for claim_id, standing in standings(book).items()}
    assert states == {"A-1": "checked", "A-2": "checked", "A-3": "not run", "A-4": "planned"}
    assert [check.measured for check in standings(book)["A-2"].checks] == ["0.01"]


def test_an_empty_book_has_no_faults_and_nothing_checked(tmp_path):
    assert faults(tmp_path) == []
    assert {standing.state for standing in standings(tmp_path).values()} == {"planned", "not run"}


@pytest.mark.parametrize(
    "lines, fault",
    [
        ([], "A-1 has no check there"),
        ([CHECK], "A-1 has no control there"),
        ([CHECK], "no control for the check A-1 (angle = 0 (tolerance 0.1))"),
        ([CONTROL], "A-1 has no check there"),
        ([CONTROL], "no check for the control A-1"),
        ([CHECK, CONTROL.replace("0.1)", "0.01)")], "no control for the check"),
        ([CHECK, CONTROL.replace("= 0", "= 5")], "no control for the check"),
        ([CHECK.replace("A-1", "A-1 A-2"), CONTROL], "no control for the check A-1 A-2"),
        ([CHECK.replace("A-1", "A-9")], "A-9 is not in the ledger"),
        ([CHECK.replace("A-1", "A-1 A-9")], "A-9 is not in the ledger"),
        ([CHECK.replace("A-1", "A-4")], "A-4 belongs to the page part/other"),
        ([CHECK.replace("A-1", "A-3")], "A-3 is checked, and the ledger says it is not run"),
        ([CHECK.replace("limit", "rate")], "rate is not the ledger's kind"),
        ([CHECK.replace("holds", "DOES NOT HOLD")], "says: DOES NOT HOLD"),
        ([CONTROL.replace("fails: another", "holds")], "the control A-1"),
    ],
)
def test_a_planted_fault_is_found(small_book, lines, fault):
    found = faults(small_book(*lines))
    assert any(fault in line for line in found), found


def test_a_check_on_another_page_does_not_count(small_book):
    small_book(CHECK, CONTROL)
    book = small_book(CHECK.replace("A-1", "A-1"), CONTROL, page="part/other")
    found = faults(book)
    assert "part/other: A-1 belongs to the page part/page" in found
    assert "part/other: A-4 has no check there" in found
    (book / "part" / "page.ipynb").unlink()
    assert standings(book)["A-1"].state == "planned"
