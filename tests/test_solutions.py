"""What solutions of exercises and wrong theories promise, page by page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ledger import statements, unchecked  # book/_ext/ledger.py
from notebooks import BOOK, notebooks  # tools/notebooks.py

from ibias.claims import Check, SolutionWrong, WrongTheoryPassed, ledger, solution, standings

NOTEBOOKS = {path.relative_to(BOOK).with_suffix("").as_posix(): path for path in notebooks()}
SOLUTION = re.compile(r"^(`{3,}|~{3,})\{solution\} (?P<label>\S+)\n(?P<text>.*?)^\1", re.M | re.S)
CODE = re.compile(r"^(`{3,}).*?^\1", re.M | re.S)
every_page = pytest.mark.parametrize("page", sorted(NOTEBOOKS))


def solutions(path: Path) -> dict[str, str]:
    """Return the text of each solution on a page, its code left out, by the exercise's label."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return {m["label"]: CODE.sub("", m["text"]) for m in SOLUTION.finditer(text)}


def computed(path: Path) -> set[str]:
    """Return the labels of the exercises whose solution a tagged cell has computed."""
    found = set()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if {"remove-cell", "solution"} <= set(cell["metadata"].get("tags", [])):
            for output in cell["outputs"]:
                text = "".join(output.get("text", ""))
                found |= set(re.findall(r"^solution (\S+) \| .* \| holds \| ", text, re.M))
    return found


def states_something(text: str) -> bool:
    """Say whether a solution states a number or a formula."""
    return re.search(r"\d|\$", text) is not None


@every_page
def test_what_a_solution_states_is_computed(page):
    path = NOTEBOOKS[page]
    stated = {label for label, text in solutions(path).items() if states_something(text)}
    assert stated - computed(path) == set()


@every_page
def test_limits_rates_and_own_results_reject_a_wrong_theory(page):
    """The ledger names it; `faults` sees to it that the page rejects it."""
    claims = [c for c in ledger().values() if c.page == page and c.kind and not c.same_as]
    weighty = [c for c in claims if c.kind in ("limit", "rate") or c.document == "book"]
    assert [c.id for c in weighty if not c.wrong] == []


def test_a_statement_that_a_claim_names_stands_on_its_page():
    on = statements(BOOK)
    for claim in ledger().values():
        assert set(claim.statements) <= set(on.get(claim.page, ())), claim.id


def test_statements_without_a_check_are_listed():
    lines = unchecked({"a/b": ["thm-x", "thm-y"]}, {})
    assert lines == ["- {doc}`/book/a/b`: {prf:ref}`thm-x`, {prf:ref}`thm-y`"]
    shown = {label for s in standings(BOOK).values() for label in s.claim.statements}
    assert unchecked({"a/b": sorted(shown)}, standings(BOOK)) in (
        ["None: every statement has a check."],
    )


# ---- the tools --------------------------------------------------------------------------------


def test_a_solution_that_holds_prints_one_line_and_a_wrong_one_raises(capsys):
    solution("ex-a", "half of three", [1.5, 1.49], equals=1.5, tolerance=0.05)
    line = "solution ex-a | half of three = 1.5 (tolerance 0.05) | holds | [measured 1.49, 1.5]\n"
    assert capsys.readouterr().out == line
    for stated in ({"equals": 1.6}, {"at_most": 1.4}, {"at_least": 1.6}):
        with pytest.raises(SolutionWrong, match="DOES NOT HOLD"):
            solution("ex-a", "half of three", 1.5, tolerance=0.05, **stated)


def test_numbers_of_the_stored_data_are_not_asserted_under_another_seed(monkeypatch):
    monkeypatch.setenv("IBIAS_SEED", "3")
    solution("ex-a", "half of three", 2.5, equals=1.5, tolerance=0.05)
    with pytest.raises(SolutionWrong):
        solution("ex-a", "half of three", 2.5, equals=1.5, tolerance=0.05, any_data=True)


def test_bad_solutions_are_refused():
    with pytest.raises(ValueError, match="exactly one"):
        solution("ex-a", "nothing", 1.0, tolerance=1)
    with pytest.raises(ValueError, match="measured value holds 1 NaN"):
        solution("ex-a", "nan", np.nan, equals=1, tolerance=1)
    with pytest.raises(ValueError, match="empty"):
        solution("ex-a", "none", [], equals=1, tolerance=1)
    with pytest.raises(ValueError, match="what must be a few words"):
        solution("ex-a", "a | b", 1.0, equals=1, tolerance=1)


def check(**prediction):
    return Check("S000-6", "limit", "value", lambda x: x, tolerance=1e-2, **prediction)


def test_a_wrong_theory_is_told_by_more_than_three_tolerances(capsys):
    one = check(equals=1)
    one(1.0)
    one.rejects("half", predicts=0.5)
    one.rejects("the other law", [1.0, 1.031])  # one entry is enough
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].endswith("| rejected: half, which predicts 0.5 | [measured 1]")
    assert printed[2].endswith("| rejected: the other law | [measured 1, 1.031]")
    for near in ({"predicts": 1.029}, {"predicts": 0.971}):
        with pytest.raises(WrongTheoryPassed, match="NOT TOLD BY 3 TOLERANCES: near"):
            one.rejects("near", **near)
    with pytest.raises(WrongTheoryPassed):
        one.rejects("near", [1.0, 1.029])


def test_a_bound_is_told_from_a_sharper_one_only():
    below = check(at_most=1)
    below(0.9)
    below.rejects("half the bound", predicts=0.5)
    with pytest.raises(WrongTheoryPassed):
        below.rejects("twice the bound", predicts=2)


def test_a_wrong_theory_needs_a_case_or_a_prediction_and_a_check_before():
    with pytest.raises(ValueError, match="call the check first"):
        check(equals=1).rejects("half", predicts=0.5)
    one = check(equals=1)
    one(1.0)
    for bad in ({}, {"predicts": 2.0, "x": 3.0}):
        with pytest.raises(ValueError, match="either a case or predicts"):
            one.rejects("half", **bad)


@pytest.mark.parametrize("places", [1, 3])
def test_a_solution_is_within_its_tolerance_on_the_side_that_it_states(places, capsys):
    tolerance = 10.0**-places
    for stated, wrong in (("equals", (-1, 1)), ("at_most", (1,)), ("at_least", (-1,))):
        for side in (-1, 1):
            how = {stated: 2.0, "tolerance": tolerance}
            solution("ex-a", "two", 2.0 + 0.9 * side * tolerance, **how)
            off = [2.0, 2.0 + 1.1 * side * tolerance]
            if side in wrong:
                with pytest.raises(SolutionWrong, match=r"two .= 2 .*DOES NOT HOLD|two = 2 .*DOES"):
                    solution("ex-a", "two", off, **how)
            else:
                solution("ex-a", "two", off, **how)
    assert capsys.readouterr().out.count("| holds |") == 8


def test_the_stored_seed_is_zero_or_none(monkeypatch):
    for seed, asserted in (("0", True), ("", True), ("1", False)):
        monkeypatch.setenv("IBIAS_SEED", seed)
        if asserted:
            with pytest.raises(SolutionWrong):
                solution("ex-a", "two", 3.0, equals=2, tolerance=0.1)
        else:
            solution("ex-a", "two", 3.0, equals=2, tolerance=0.1)
    monkeypatch.delenv("IBIAS_SEED")
    with pytest.raises(SolutionWrong):
        solution("ex-a", "two", 3.0, equals=2, tolerance=0.1)
    for bad in ({"tolerance": 0}, {"tolerance": -1}):
        with pytest.raises(ValueError, match="tolerance must be finite and greater"):
            solution("ex-a", "two", 2.0, equals=2, **bad)
    with pytest.raises(ValueError, match="exercise must be a few words"):
        solution("", "two", 2.0, equals=2, tolerance=1)
    with pytest.raises(ValueError, match="the stated value must be one number"):
        solution("ex-a", "two", 2.0, equals=[2, 2], tolerance=1)


@pytest.mark.parametrize("relation", ["equals", "at_most", "at_least"])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_prediction_is_rejected_where_what_was_found_misses_it(relation, side):
    """By more than three tolerances, on the side on which the relation can be missed."""
    one = check(**{relation: 1})
    one(1.0)
    told = relation == "equals" or (relation == "at_most") == (side < 0)
    one.rejects("far", predicts=1 + 0.0301 * side) if told else None
    for near in (0.0299, *([] if told else [5.0])):
        with pytest.raises(WrongTheoryPassed):
            one.rejects("near", predicts=1 + near * side)


def test_the_last_check_that_holds_is_the_one_that_is_compared(capsys):
    one = check(equals=1)
    one(1.0)
    with pytest.raises(AssertionError):
        one(2.0)
    with pytest.raises(WrongTheoryPassed):
        one.rejects("near", predicts=1.02)  # of 1.0; 2.0 did not hold
    one([1.0, 1.005])
    one.rejects("off one of two", predicts=0.97)  # by 3 and 3.5 tolerances
    with pytest.raises(ValueError, match="either a case or predicts"):
        one.rejects("both", 1.0, predicts=2.0)
    with pytest.raises(ValueError, match="predicts must be one number"):
        one.rejects("two", predicts=[1.0, 2.0])
    one.rejects("a case by name", x=2.0)
    with pytest.raises(ValueError, match="theory must be a few words"):
        one.rejects("a | b", predicts=3.0)


@pytest.mark.parametrize(
    ("tolerance", "stated", "shown"),
    [
        (1.0, 1234.5678, "1234.6"),
        (0.5, 1234.5678, "1234.57"),
        (0.1, 1234.5678, "1234.57"),
        (1e-3, 0.12345678, "0.1235"),
        (2e-3, 0.12345678, "0.1235"),
        (10.0, 1234.5678, "1235"),
        (100.0, 1234.5678, "1230"),
        (1e-9, 1 / 3, "0.3333333333"),
        (1e-15, 1 / 3, "0.333333333333"),
    ],
)
def test_a_prediction_is_shown_with_one_digit_beyond_its_tolerance(
    tolerance, stated, shown, capsys
):
    one = Check("S000-6", "limit", "value", float, equals=stated, tolerance=tolerance)
    one(stated)
    assert f"| value = {shown} (tolerance {tolerance:g}) |" in capsys.readouterr().out


def test_a_tolerance_is_met_ten_are_missed_and_three_do_not_tell():
    """In numbers without rounding: the edges belong to what the words say."""
    one = Check("S000-6", "limit", "value", lambda x: x, equals=1, tolerance=0.25)
    for side in (-1, 1):
        one(1 + 0.25 * side)
        one.control(1 + 2.5 * side, broken="all")
        with pytest.raises(AssertionError):
            one(1 + 0.25 * (1 + 1e-12) * side)
        with pytest.raises(AssertionError):
            one.control(1 + 2.5 * (1 - 1e-12) * side, broken="all")
        with pytest.raises(WrongTheoryPassed):
            one.rejects("near", 1 + 0.75 * side)
        one.rejects("far", 1 + 0.75 * (1 + 1e-12) * side)
        solution("ex-a", "one", 1 + 0.25 * side, equals=1, tolerance=0.25)
        with pytest.raises(SolutionWrong):
            solution("ex-a", "one", 1 + 0.25 * (1 + 1e-12) * side, equals=1, tolerance=0.25)
    one.rejects("a theory without bounds", predicts=1e200)
