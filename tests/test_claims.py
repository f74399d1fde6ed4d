"""A check holds, a control misses, and neither can be had without the quantity itself."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibias.claims import LINE, MISS, Check, CheckFailed, ControlPassed, Outcome, outcomes, resolve

IDS, KIND = "S000-6 S003-3", "limit"


def check_of(**prediction: float) -> Check:
    """Return a check that measures whatever it is given."""
    return Check(IDS, KIND, "the value given", lambda value: value, tolerance=1e-3, **prediction)


# ---- what holds and what misses -----------------------------------------------------------

OFF = st.floats(-1e3, 1e3).filter(
    lambda tolerances: all(abs(abs(tolerances) - edge) > 1e-6 for edge in (1, MISS))
)


@settings(deadline=None)  # the first call reads the ledger
@given(tolerances=OFF, expected=st.sampled_from([0.0, 1.0, -2.5]))
@pytest.mark.parametrize(
    "relation, beyond",
    [("equals", abs), ("at_most", lambda off: off), ("at_least", lambda off: -off)],
)
def test_check_and_control_split_the_line_at_one_and_ten_tolerances(
    relation, beyond, tolerances, expected
):
    check = check_of(**{relation: expected})
    value = expected + tolerances * 1e-3
    if beyond(tolerances) > 1:
        with pytest.raises(CheckFailed):
            check(value)
    else:
        check(value)
    if beyond(tolerances) < MISS:
        with pytest.raises(ControlPassed):
            check.control(value, broken="the hypothesis")
    else:
        check.control(value, broken="the hypothesis")


def test_every_entry_of_an_array_must_hold():
    check_of(equals=1)(np.array([[1.0, 1.0004], [0.9996, 1.0]]))
    with pytest.raises(CheckFailed, match="DOES NOT HOLD"):
        check_of(equals=1)(np.array([[1.0, 1.0004], [0.9, 1.0]]))


def test_every_entry_of_a_control_must_miss():
    check_of(equals=1).control(np.array([2.0, 0.5]), broken="both")
    with pytest.raises(ControlPassed, match="MISSES BY LESS THAN 10 TOLERANCES: one of the two"):
        check_of(equals=1).control(np.array([2.0, 1.0]), broken="one of the two")


def test_a_control_on_the_allowed_side_of_a_bound_is_no_control():
    with pytest.raises(ControlPassed):
        check_of(at_most=1).control(-5.0, broken="the wrong way")
    with pytest.raises(ControlPassed):
        check_of(at_least=1).control(5.0, broken="the wrong way")


def test_check_and_control_call_the_same_function_with_the_same_arguments():
    calls = []

    def measure(*case: float, shift: float) -> float:
        calls.append((case, shift))
        return sum(case) + shift

    check = Check(IDS, KIND, "sum", measure, equals=3, tolerance=1e-3)
    check(1, 1, shift=1)
    check.control(1, 1, shift=2, broken="the shift")
    assert calls == [((1, 1), 1), ((1, 1), 2)]


def test_both_exceptions_are_assertion_errors_and_differ():
    assert issubclass(CheckFailed, AssertionError) and issubclass(ControlPassed, AssertionError)
    assert not issubclass(CheckFailed, ControlPassed)
    assert not issubclass(ControlPassed, CheckFailed)


# ---- what cannot be measured ----------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, [1.0, np.nan], [1.0, -np.inf]])
def test_a_value_that_is_not_finite_neither_holds_nor_misses(value):
    with pytest.raises(ValueError, match="the measured value holds 1 NaN or infinite"):
        check_of(equals=1)(value)
    with pytest.raises(ValueError, match="the measured value holds 1 NaN or infinite"):
        check_of(equals=1).control(value, broken="finiteness")


@pytest.mark.parametrize(
    "value, reason",
    [
        (np.array([]), "empty array"),
        (True, "truth value"),
        (np.array([True, False]), "truth value"),
        (1 + 0j, "complex"),
        ("one", "array of real numbers"),
        (None, "got None"),
    ],
)
def test_what_is_no_real_number_is_refused(value, reason):
    with pytest.raises(ValueError, match=reason):
        check_of(equals=1)(value)


# ---- what cannot be asserted ----------------------------------------------------------------


def test_exactly_one_prediction():
    for predictions in ({}, {"equals": 1, "at_most": 2}, {"at_most": 1, "at_least": 0}):
        with pytest.raises(ValueError, match="exactly one of equals, at_most, at_least"):
            check_of(**predictions)


@pytest.mark.parametrize("expected", [np.nan, np.inf])
def test_a_prediction_is_finite(expected):
    with pytest.raises(ValueError, match="the prediction"):
        check_of(equals=expected)


def test_a_prediction_is_one_number():
    with pytest.raises(ValueError, match="the prediction must be one number"):
        check_of(equals=np.array([1.0, 2.0]))


@pytest.mark.parametrize("tolerance", [0, -1e-3, np.nan, np.inf])
def test_a_tolerance_is_finite_and_positive(tolerance):
    with pytest.raises(ValueError, match="tolerance must be finite and greater than 0"):
        Check(IDS, KIND, "value", float, equals=1, tolerance=tolerance)


def test_the_kind_is_the_ledgers():
    with pytest.raises(ValueError, match="unknown kind 'theorem'"):
        Check(IDS, "theorem", "value", float, equals=1, tolerance=1)
    with pytest.raises(ValueError, match="'rate' is not the ledger's kind for any of"):
        Check(IDS, "rate", "value", float, equals=1, tolerance=1)
    with pytest.raises(ValueError, match="not the ledger's kind for any of ''"):
        Check("", KIND, "value", float, equals=1, tolerance=1)


def test_the_claim_is_in_the_ledger_and_can_be_run():
    with pytest.raises(ValueError, match=r"unknown claim 'S009-1'; add it to ibias/claims\.yml"):
        Check("S000-6 S009-1", KIND, "value", float, equals=1, tolerance=1)
    with pytest.raises(ValueError, match="S000-36 is not run: It is a metaphor"):
        Check("S000-36", KIND, "value", float, equals=1, tolerance=1)
    with pytest.raises(ValueError, match="unknown claim"):
        resolve("S000-0")


@pytest.mark.parametrize(
    "words", ["", "  ", "norm |w|", "two\nlines"], ids=["none", "blank", "bar", "lines"]
)
def test_words_fit_into_one_field_of_the_line(words):
    with pytest.raises(ValueError, match="statement must be a few words"):
        Check(IDS, KIND, words, float, equals=1, tolerance=1)
    with pytest.raises(ValueError, match="broken must be a few words"):
        check_of(equals=1).control(2.0, broken=words)


# ---- the printed line -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "prediction, value, shown",
    [
        ({"equals": 1}, 1.0, "= 1 (tolerance 0.001)"),
        ({"at_most": -2.5}, -3.0, "<= -2.5 (tolerance 0.001)"),
        ({"at_least": 1e300}, 2e300, ">= 1e+300 (tolerance 0.001)"),
        ({"equals": -1e-9}, 0.0, "= 0 (tolerance 0.001)"),
    ],
)
def test_the_line_of_a_check(capsys, prediction, value, shown):
    check_of(**prediction)(value)
    printed = capsys.readouterr().out
    assert printed == (
        f"check   S000-6 S003-3 | limit | the value given {shown} | holds | [measured {value:g}]\n"
    )


def test_a_computed_prediction_prints_no_more_digits_than_the_tolerance_can_tell(capsys):
    for rounding in (-1e-13, 0, 1e-13):
        check_of(equals=2.21098123456 + rounding)(2.2110)
    assert len(set(capsys.readouterr().out.splitlines())) == 1


def test_the_line_of_an_array_gives_its_ends(capsys):
    check_of(equals=1)([1.0004, 1.0, 0.9996])
    assert "[measured 0.9996, 1.0004]" in capsys.readouterr().out


def test_a_zero_is_printed_without_a_sign(capsys):
    check_of(equals=0)(-0.0)
    check_of(equals=0)([-0.0, 0.0])
    assert capsys.readouterr().out.count("[measured 0]") == 2


def test_lines_are_read_back_as_they_were_printed(capsys, tmp_path):
    check = check_of(equals=1)
    check(1.0)
    check.control([2.0, 3.0], broken="the hypothesis (all of it)")
    printed = capsys.readouterr().out
    assert all(LINE.match(line) for line in printed.splitlines())

    notebook = tmp_path / "page.ipynb"
    notebook.write_text(json.dumps({"cells": [cell(printed), {"cell_type": "markdown"}]}))
    statement = "the value given = 1 (tolerance 0.001)"
    ids = ("S000-6", "S003-3")
    verdict = "fails: the hypothesis (all of it)"
    assert outcomes(notebook) == [
        Outcome("check", ids, "limit", statement, "holds", "1"),
        Outcome("control", ids, "limit", statement, verdict, "2, 3"),
    ]


def test_outputs_are_read_as_text_or_as_a_list_of_lines_and_other_lines_are_left(tmp_path):
    line = "check   S000-6 | limit | a = 1 (tolerance 1) | holds | [measured 1]"
    other = "check your spelling | here\n"
    notebook = tmp_path / "page.ipynb"
    for text in (f"{other}{line}\n", [other, f"{line}\n"]):
        notebook.write_text(json.dumps({"cells": [cell(text)]}))
        assert [found.ids for found in outcomes(notebook)] == [("S000-6",)]


def test_a_check_that_raised_leaves_no_outcome(tmp_path):
    error = {"output_type": "error", "ename": "CheckFailed", "evalue": "check S000-6 | ..."}
    notebook = tmp_path / "page.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": [error]}]}))
    assert outcomes(Path(notebook)) == []


def cell(text: str | list[str]) -> dict:
    return {
        "cell_type": "code",
        "outputs": [{"output_type": "stream", "name": "stdout", "text": text}],
    }
