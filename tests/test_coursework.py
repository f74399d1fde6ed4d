"""The seed of a student, and the checks in plain sight."""

import numpy as np
import pytest

from ibias import coursework


def test_the_seed_knows_a_student_however_the_identifier_is_typed():
    assert coursework.seed("Ada1 ") == coursework.seed("ada1") != coursework.seed("ada2")


@pytest.mark.parametrize("empty", ["", "  ", ..., 7])
def test_an_identifier_that_is_not_filled_in_is_refused(empty):
    with pytest.raises(ValueError, match="student_id is empty: write your identifier"):
        coursework.seed(empty)


def run(test, **answers):
    """Give the test the names of a notebook of its own, and check it."""
    test.__globals__.update(answers)
    coursework.check(test)


def test_a_check_says_what_it_found(capsys):
    def total(first, second):
        """the total"""
        if first + second != 3:
            raise AssertionError("it must be 3")

    run(total, first=1, second=2)
    run(total, first=1, second=1)
    run(total, first="1", second=1)
    run(total, first=1, second=...)
    right, wrong, raised, missing = capsys.readouterr().out.splitlines()
    assert right == "✓ the total"
    assert wrong == "✗ the total: it must be 3"
    assert raised.startswith("✗ the total: TypeError(")
    assert missing == "… the total: not answered yet (second)"


@pytest.mark.parametrize(
    "other", ["3", "", b"3", 1 + 2j, object(), np.datetime64("2020-01-01"), ...]
)
def test_what_is_no_number_is_no_answer(other):
    for asked in (
        lambda: coursework.number(other, "slope"),
        lambda: coursework.number([other], "slope"),
        lambda: coursework.array(other, (-1,), "slope"),
        lambda: coursework.array([other], (-1,), "slope"),
        lambda: coursework.array([[other]], (1, -1), "slope"),
    ):
        with pytest.raises(AssertionError, match="slope"):
            asked()
