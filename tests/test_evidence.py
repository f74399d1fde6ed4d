"""The test of the test: each fault of a ledger and its notebooks, planted in a small book."""

import dataclasses
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


WRONG = "wrong   A-1 | limit | angle = 0 (tolerance 0.1) | rejected: half, which predicts 1 | "
WRONG += "[measured 0.01]"


@pytest.fixture
def told_book(tmp_path, monkeypatch):
    """A book under a ledger in which A-1 names a wrong theory, A-5 repeats it, and A-6 has none."""

    def plant(*lines: str, wrong: str = "half") -> Path:
        entries = [
            Claim("A-1", "book", "c", "right", "so", page="part/page", kind="limit", wrong=wrong),
            Claim("A-5", "S000", "c", "right", "so", page="part/page", kind="limit", same_as="A-1"),
        ]
        entries[1] = dataclasses.replace(entries[1], wrong="another")
        monkeypatch.setattr(evidence, "ledger", lambda: {claim.id: claim for claim in entries})
        (tmp_path / "part").mkdir(exist_ok=True)
        text = [line + "\n" for line in lines]
        page = json.dumps({"cells": [{"outputs": [{"text": text}]}, {"outputs": []}, {}]})
        (tmp_path / "part" / "page.ipynb").write_text(page)
        return tmp_path

    return plant


def test_the_wrong_theory_of_the_ledger_is_rejected_on_the_page(told_book):
    assert faults(told_book(CHECK, CONTROL, WRONG)) == []
    standing = standings(told_book(CHECK, CONTROL, WRONG))["A-1"]
    assert [line.theory for line in standing.wrong] == ["half"]
    assert [line.role for line in standing.checks] == ["check"]
    assert [line.role for line in standing.controls] == ["control"]
    plain = WRONG.replace(", which predicts 1", "")
    assert faults(told_book(CHECK, CONTROL, plain)) == []
    says = "part/page: A-1 does not reject the ledger's 'half'"
    assert faults(told_book(CHECK, CONTROL)) == [says]
    assert faults(told_book(CHECK, CONTROL, WRONG.replace("half", "a third"))) == [says]
    both = [WRONG.replace("half", "a third"), WRONG]
    assert faults(told_book(CHECK, CONTROL, *both)) == []


def test_a_theory_that_the_ledger_does_not_name_is_a_fault(told_book):
    both = [WRONG.replace("half", "zero"), WRONG]
    assert faults(told_book(CHECK, CONTROL, *both, wrong="")) == [
        "part/page: A-1 rejects 'half', the ledger names none"
    ]
    assert faults(told_book(CHECK, CONTROL, wrong="")) == []


def test_a_wrong_theory_belongs_to_a_check(told_book):
    other = WRONG.replace("0.1", "0.2")
    assert faults(told_book(CHECK, CONTROL, WRONG, other)) == [
        "part/page: no check for the wrong theory of A-1 (angle = 0 (tolerance 0.2))"
    ]
    passed = WRONG.replace("rejected: half", "NOT TOLD BY 3 TOLERANCES: half")
    found = faults(told_book(CHECK, CONTROL, WRONG, passed))
    assert [fault.partition(" says: ")[0] for fault in found] == [
        "part/page: the wrong A-1 (angle = 0 (tolerance 0.1))"
    ]


def test_all_faults_of_a_book_are_listed_once_and_in_order(small_book):
    book = small_book(CHECK.replace("A-1", "A-9 A-4"), CONTROL.replace("A-1", "A-1 A-3"))
    assert faults(book) == [
        "part/page: A-1 has no check there",
        "part/page: A-2 has no check there",
        "part/page: A-3 is checked, and the ledger says it is not run",
        "part/page: A-4 belongs to the page part/other",
        "part/page: A-9 is not in the ledger",
        "part/page: limit is not the ledger's kind for A-9 A-4 (angle = 0 (tolerance 0.1))",
        "part/page: no check for the control A-1 A-3 (angle = 0 (tolerance 0.1))",
        "part/page: no control for the check A-9 A-4 (angle = 0 (tolerance 0.1))",
    ]
    unknown = faults(small_book(CHECK.replace("A-1", "A-9"), CONTROL.replace("A-1", "A-9")))
    assert not any("kind" in fault for fault in unknown)  # nobody knows its kind


def test_hidden_folders_hold_no_pages(small_book, tmp_path):
    book = small_book(CHECK, CONTROL)
    small_book("check nothing", page=".ipynb_checkpoints/page-checkpoint")
    assert list(evidence._notebooks(book)) == ["part/page"]
    assert list(standings(book)) == ["A-1", "A-2", "A-3", "A-4"]
    for missing in (book / "nowhere", book / "part" / "page.ipynb"):
        with pytest.raises(ValueError, match="book: there is no folder"):
            faults(missing)


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"cell": []}'])
def test_what_is_no_notebook_is_named(text, tmp_path):
    page = tmp_path / "page.ipynb"
    with pytest.raises(ValueError, match="notebook: there is no file"):
        evidence.outcomes(page)
    page.write_text(text)
    with pytest.raises(ValueError, match=r"notebook: page\.ipynb is no notebook"):
        evidence.outcomes(page)
