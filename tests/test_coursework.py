"""The seed of a student, and the checks in plain sight."""

import warnings
import zlib

import numpy as np
import pytest

from ibias import coursework
from tests.awkward import AWKWARD


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


def test_an_identifier_is_the_same_however_it_is_written():
    same = [
        "Ada1",
        " ada1",
        "ADA1 ",
        "a da\t1\n",
        "ada\u200b1",
        "\u00adada1",
        "ａｄａ１",
        "ada\u00a01",
    ]
    assert {coursework.canonical(text) for text in same} == {"ada1"}
    assert coursework.canonical("Straße") == coursework.canonical("STRASSE") == "strasse"
    assert coursework.canonical("e\u0301") == coursework.canonical("\u00e9")
    assert coursework.canonical("a-b_c.d@e") == "a-b_c.d@e"
    assert coursework.seed("ada1") == zlib.crc32(b"ada1")


def test_one_number_is_a_float_however_it_is_written():
    for value in (2, 2.0, np.float32(2), np.int8(2), [2], [[2.0]], np.array(2), 2 + 0j, True + 1):
        found = coursework.number(value, "slope")
        assert type(found) is float and found == 2
    for value in ([1, 2], [], {}, [[1.0], [2.0, 3.0]], 10**400, None, [None]):
        with pytest.raises(AssertionError, match=r"slope is .*; it must be a number"):
            coursework.number(value, "slope")
    for value in (np.inf, -np.inf, np.nan, [np.nan]):
        with pytest.raises(AssertionError, match=r"slope is .*; it must be finite"):
            coursework.number(value, "slope")


def test_an_array_has_the_shape_that_is_asked():
    Z = np.arange(6.0).reshape(2, 3)
    for shape in ((2, 3), (-1, 3), (2, -1), (-1, -1)):
        found = coursework.array(Z, shape, "Z")
        assert (found == Z).all() and not np.shares_memory(found, Z)
    for shape in ((3, 2), (2,), (-1,), (6,), (2, 3, 1), (-1, 2), (3, -1), ()):
        wanted = " x ".join("n" if n == -1 else str(n) for n in shape)
        with pytest.raises(AssertionError) as caught:
            coursework.array(Z, shape, "Z")
        said = f"Z must be an array of {wanted} numbers; its shape is (2, 3)"
        assert str(caught.value) == said
    for vector in ([1, 2, 3], [[1, 2, 3]], [[1], [2], [3]], np.ones((1, 3, 1)) * [[1], [2], [3]]):
        assert coursework.array(vector, (3,), "w").tolist() == [1, 2, 3]
        assert coursework.array(vector, (-1,), "w").shape == (3,)
    assert coursework.array(5, (), "a").tolist() == 5
    with pytest.raises(AssertionError, match="Z holds an entry that is not finite"):
        coursework.array([1.0, np.nan], (2,), "Z")
    with pytest.raises(AssertionError, match="Z must be an array of real numbers"):
        coursework.array([1.0, 1j], (2,), "Z")


def test_a_case_has_the_kinds_of_the_one_that_is_kept():
    kept = {"depth": 2, "rate": 0.5, "loss": "hinge"}
    found = coursework.case({"loss": "log", "depth": np.float64(3), "rate": [1]}, kept, "a case")
    assert found == {"depth": 3, "rate": 1.0, "loss": "log"}
    assert [type(found[key]) for key in kept] == [int, float, str]

    class Text(str):
        __slots__ = ()

    own = coursework.case(kept | {"loss": Text("log")}, kept, "a case")
    assert type(own["loss"]) is str and own["loss"] == "log"
    for wrong, said in (
        ({"depth": 2}, "a case must be a dictionary with the keys depth, rate, loss"),
        (kept | {"more": 1}, "a case must be a dictionary with the keys depth, rate, loss"),
        ([*kept], "a case must be a dictionary with the keys depth, rate, loss"),
        (kept | {"depth": 2.5}, "depth of a case must be a whole number"),
        (kept | {"rate": "1"}, "rate of a case is '1'; it must be a number"),
        (kept | {"loss": 1}, "loss of a case must be a text"),
    ):
        with pytest.raises(AssertionError) as caught:
            coursework.case(wrong, kept, "a case")
        assert str(caught.value) == said


def test_a_check_says_what_it_saw_and_goes_on(capsys):
    def seen(first):
        """what is seen"""
        return f"{first} of them"

    def unnamed(first):
        assert first == 3

    def nothing(first, second):
        """nothing"""

    def raises(first):
        """an error"""
        raise KeyError(first)

    for test in (seen, unnamed, nothing, raises):
        test.__globals__.update(first=2, second=None)
    coursework.check(seen, unnamed, nothing, raises, seen)
    first, second, third, fourth, last = capsys.readouterr().out.splitlines()
    assert first == last == "✓ what is seen: 2 of them"
    assert second.startswith("✗ unnamed: ")
    assert third == "… nothing: not answered yet (second)"
    assert fourth == "✗ an error: KeyError(2)"


def test_what_a_master_must_give_is_asked_for():
    for call, named in (
        (lambda: coursework.canonical(None), "student_id"),
        (lambda: coursework.array([1.0], None, "w"), "shape"),
        (lambda: coursework.array([1.0], ("n",), "w"), "shape"),
        (lambda: coursework.case({}, None, "a case"), "kept"),
    ):
        with pytest.raises(ValueError, match=named):
            call()


@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_answers_are_numbers_or_named(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for call in (
            lambda: coursework.number(AWKWARD[kind], "slope"),
            lambda: coursework.array(AWKWARD[kind], (-1,), "slope"),
        ):
            try:
                call()
            except AssertionError as error:
                assert "slope" in str(error) and "secret" not in str(error)
