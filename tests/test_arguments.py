"""What an argument may be: numbers, arrays, labels and tables, at the edges of each."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ibias import _validate as validate
from ibias.datasets import tables
from tests.awkward import AWKWARD

TINY, HUGE = 1 / validate.LARGEST, validate.LARGEST


def refused(call, *, message):
    with pytest.raises(ValueError) as caught:
        call()
    text = str(caught.value)
    assert text == message or (message.endswith("...") and text.startswith(message[:-3])), text


# ---- one number


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(3), np.array(2.0), 1e-300])
def test_a_positive_number_is_returned_as_a_float(value):
    found = validate.positive("a", value)
    assert type(found) is float and found == value


@pytest.mark.parametrize("value", [0, -1, 0.0, np.nan, np.inf, -np.inf])
def test_a_number_is_finite_and_above_zero(value):
    refused(
        lambda: validate.positive("a", value),
        message=f"a must be finite and greater than 0; got {float(value)}",
    )


@pytest.mark.parametrize("value", ["1", "text", True, None, [1.0, 2.0], 1j])
def test_what_is_no_number_is_named(value):
    refused(
        lambda: validate.positive("a", value),
        message=f"a must be a positive number; got {value!r}",
    )
    with pytest.raises(ValueError, match="a must be a number, at least 0 and finite; got"):
        validate.from_zero("a", value)
    with pytest.raises(ValueError, match="a must be a whole number, at least 1; got"):
        validate.positive_integer("a", value)


def test_a_scale_is_at_most_a_number_with_a_square():
    assert validate.scale_of("a", HUGE) == HUGE and validate.scale_of("a", 3) == 3
    refused(
        lambda: validate.scale_of("a", 2 * HUGE),
        message="a must be at most 1e+150, got 2e+150. Take a smaller one.",
    )


def test_whole_numbers_begin_with_one():
    for value in (1, 7, 3.0, np.int8(5), np.float64(2), np.array(4)):
        found = validate.positive_integer("n", value)
        assert type(found) is int and found == value
    for value in (0, -1, 0.5, 1.5, np.nan, np.inf, np.array([1, 2])):
        with pytest.raises(ValueError, match="n must be a whole number, at least 1; got"):
            validate.positive_integer("n", value)


def test_numbers_from_zero_end_below_their_limit():
    for value in (0, 0.0, 5, 1e300, np.float32(0.5)):
        found = validate.from_zero("a", value)
        assert type(found) is float and found == value
    assert validate.from_zero("a", 0.99, below=1) == 0.99
    for value, below, limit in (
        (-1e-9, np.inf, "finite"),
        (np.inf, np.inf, "finite"),
        (np.nan, np.inf, "finite"),
        (1.0, 1, "below 1"),
        (1.5, 1, "below 1"),
        (-0.5, 0.5, "below 0.5"),
    ):
        refused(
            lambda value=value, below=below: validate.from_zero("a", value, below=below),
            message=f"a must be a number, at least 0 and {limit}; got {value!r}",
        )


# ---- arrays of numbers


def test_an_array_is_a_copy_of_floats():
    given = np.array([1, 2])
    for value in (given, [1, 2], (True, 2), np.array([1, 2], dtype=object), pd.Series([1, 2])):
        found = validate.finite_array("a", value)
        assert found.dtype == float and found.tolist() == [1, 2]
    found[0] = 9
    assert given.tolist() == [1, 2]
    own = np.array([1.0, 2.0])
    assert validate.finite_array("a", own) is not own
    assert not np.shares_memory(validate.finite_array("a", own), own)
    assert validate.finite_array("a", 3).shape == ()
    assert validate.finite_array("a", []).size == 0
    assert validate.finite_array("a", [], largest=0.5).size == 0


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (2, 3, 1)])
def test_the_axes_of_an_array_are_counted(shape):
    value = np.ones(shape)
    for ndim in range(4):
        if ndim == len(shape):
            assert validate.finite_array("a", value, ndim).shape == shape
        elif ndim == 0:
            refused(
                lambda: validate.finite_array("a", value, 0),
                message=f"a must be one number; got shape {shape}.",
            )
        else:
            refused(
                lambda ndim=ndim: validate.finite_array("a", value, ndim),
                message=f"a must have {ndim} axes; got shape {shape}. Reshape it first.",
            )


def test_what_is_not_finite_is_counted():
    refused(
        lambda: validate.finite_array("a", [1.0, np.nan, np.inf, -np.inf]),
        message="a holds 3 NaN or infinite values; drop or impute these entries first.",
    )


def test_entries_have_squares():
    for sign in (-1, 1):
        assert validate.finite_array("a", [0.0, sign * HUGE])[1] == sign * HUGE
        refused(
            lambda sign=sign: validate.finite_array("a", [0.0, 2 * sign * HUGE]),
            message="a has entries of size 2e+150, and their squares are no numbers in double"
            " precision. Divide a by 2e+150.",
        )
        assert validate.finite_array("a", [2 * sign * HUGE], largest=np.inf)[0] == 2 * sign * HUGE
        assert validate.squares("a", np.array([0.0, sign * TINY]))[1] == sign * TINY
        refused(
            lambda sign=sign: validate.squares("a", np.array([0.0, sign * TINY / 2])),
            message="a has entries of size 5e-151 at most, and their squares are zero in double"
            " precision. Divide a by 5e-151.",
        )
    assert validate.squares("a", np.zeros(2)).tolist() == [0, 0]
    assert validate.squares("a", np.zeros(0)).size == 0
    assert validate.squares("a", np.array([1e-300, 1.0])).size == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["1"], "a must be an array of real numbers; got dtype <U1. Convert it first."),
        ([1j], "a must be an array of real numbers; got dtype complex128. Convert it first."),
        ([[1.0], [1.0, 2.0]], "a must be an array of real numbers; got [[1.0], [1.0, 2.0]]..."),
        (
            np.array([1.0, "x"], dtype=object),
            "a must be an array of real numbers; one of its entries is 'x'. Convert it first.",
        ),
        (
            np.array([1.0, np.complex128(1)], dtype=object),
            "a must be an array of real numbers; one of its entries is np.complex128(1+0j)...",
        ),
        (np.array([1.0, None], dtype=object), "a holds missing values; drop or impute them first."),
        (np.array([pd.NA], dtype=object), "a holds missing values; drop or impute them first."),
        (None, "a must be an array of real numbers; got None. Convert it first."),
        (object, "a must be an array of real numbers; got <class 'object'>. Convert it first."),
        (np.ma.masked_array([1.0]), "a is a masked array; fill or drop its masked entries first."),
        (sparse.csr_array(np.eye(2)), "a is a sparse matrix; give a.toarray()."),
    ],
)
def test_what_is_no_array_of_numbers_is_named(value, said):
    refused(lambda: validate.finite_array("a", value), message=said)


def test_objects_that_are_real_numbers_are_taken():
    from decimal import Decimal
    from fractions import Fraction

    mixed = np.array([1, np.float32(0.5), Fraction(1, 4), Decimal("0.125"), True], dtype=object)
    assert validate.finite_array("a", mixed).tolist() == [1, 0.5, 0.25, 0.125, 1]
    assert validate.finite_array("a", Fraction(1, 4)) == 0.25
    nested = np.empty(2, dtype=object)
    nested[:] = [np.ones(1), np.ones(1)]
    with pytest.raises(ValueError, match="one of its entries is array"):
        validate.finite_array("a", nested)
    with pytest.raises(ValueError, match="a holds missing values"):
        validate.finite_array("a", np.array([1.0, np.nan], dtype=object))
    column = SimpleNamespace(to_numpy=lambda: np.array([1, 2]))
    assert validate.finite_array("a", column).tolist() == [1, 2]


def test_what_is_missing_stands_for_no_value():
    missing = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT]
    present = [0, "", False, np.float64(1), float("inf"), "nan", np.inf]
    assert [validate.is_missing(entry) for entry in missing] == [True] * 5
    assert [validate.is_missing(entry) for entry in present] == [False] * 7


def test_increasing_times():
    for value in ([1.0, 2.0], (0, 1), 3.0, [-1.0, 0.0, 1e-300]):
        found = validate.increasing("t", value)
        assert found.ndim == 1 and found.tolist() == np.atleast_1d(value).tolist()
    for value in ([], [[1.0, 2.0]]):
        refused(
            lambda value=value: validate.increasing("t", value),
            message=f"t must be a non-empty list of times; got shape {np.shape(value)}",
        )
    for value in ([1.0, 1.0], [1.0, 2.0, 1.5], [2.0, 1.0]):
        refused(
            lambda value=value: validate.increasing("t", value),
            message="t must be strictly increasing; sort it and drop repeats.",
        )


def test_a_read_only_array_is_the_same_array():
    array = np.ones(2)
    assert validate.read_only(array) is array and not array.flags.writeable


# ---- everything else


def test_a_value_is_shown_in_sixty_letters():
    assert validate.shown("x" * 58) == repr("x" * 58)
    assert validate.shown("x" * 59) == "'" + "x" * 49 + "... (str)"
    assert validate.shown(list(range(100))) == repr(list(range(100)))[:50] + "... (list)"


def test_a_choice_is_one_of_the_options():
    assert validate.choice("a", "x", ("x", "y")) == "x" and validate.choice("a", 0, range(3)) == 0
    for value in ("z", True, np.ones(2), 3):
        refused(
            lambda value=value: validate.choice("a", value, (1, "x")),
            message=f"unknown a {value!r}; choose one of 1, 'x'.",
        )
    unhashable = {"x": 1}
    refused(
        lambda: validate.choice("a", [], unhashable),
        message="unknown a []; choose one of 'x'.",
    )


def test_lists_functions_and_kinds_are_told_from_other_things():
    assert validate.one_by_one("a", (x for x in (1, 2))) == [1, 2]
    assert validate.one_by_one("a", {}) == []
    for value in ("text", 3, None):
        refused(
            lambda value=value: validate.one_by_one("a", value),
            message=f"a must be a list; got {value!r}. Put it into brackets.",
        )
    assert validate.function("f", len, "len") is len
    refused(
        lambda: validate.function("f", 3, "len"), message="f must be a function, such as len; got 3"
    )
    assert validate.require("a", 3, str, int) == 3
    refused(
        lambda: validate.require("a", 3.0, str, int),
        message="a must be a str or int; got float. Make one with datasets.str(X, y).",
    )
    refused(
        lambda: validate.require("a", 3.0, int, example="int(3)"),
        message="a must be a int; got float. Make one with int(3).",
    )
    rng = np.random.default_rng(0)
    assert validate.chance(rng) is rng
    refused(
        lambda: validate.chance(0),
        message="rng must be a Generator; got int. Make one with np.random.default_rng(0).",
    )


def test_a_network_has_its_three_parts():
    parts = {"n_parameters": 3, "predict": len, "linearize": len}
    whole = SimpleNamespace(**parts)
    assert validate.network("net", whole) is whole
    for lost in parts:
        less = SimpleNamespace(**{name: part for name, part in parts.items() if name != lost})
        with pytest.raises(ValueError, match="net must be a model with n_parameters, predict, lin"):
            validate.network("net", less)


def test_parameters_stand_on_the_last_axis():
    model = SimpleNamespace(n_parameters=3)
    for shape in ((3,), (2, 3), (3, 1, 3)):
        found = validate.parameters(np.ones(shape, dtype=int), model)
        assert found.shape == shape and found.dtype == float
    assert validate.parameters(np.ones(3, dtype=int), model, None).dtype == int
    for shape in ((), (2,), (3, 2), (0,)):
        with pytest.raises(ValueError) as caught:
            validate.parameters(np.ones(shape), model)
        assert str(caught.value).startswith(f"theta has shape {shape}; its last axis must hold the")


# ---- tables and sparse matrices


def test_a_sparse_matrix_that_is_too_large_is_refused_with_a_number_of_columns():
    for shape, columns in (((2000, 10_001), 10_000), ((40_000_000, 1), 1)):
        with pytest.raises(ValueError) as caught:
            tables.inputs("X", sparse.csr_array(shape))
        size = shape[0] * shape[1]
        assert f"sparse matrix of shape {shape}; up to 20,000,000 entries" in str(caught.value)
        assert f"it has {size:,}." in str(caught.value)
        assert f"for instance the {columns} that occur most often" in str(caught.value)
    wide = SimpleNamespace(shape=(4, 5_000_000), toarray=lambda: np.ones((4, 5)))
    assert tables.inputs("X", wide).shape == (4, 5)  # twenty million are written out
    empty = SimpleNamespace(shape=(0, 3), toarray=lambda: np.ones((0, 3)))
    refused(
        lambda: tables.inputs("X", empty),
        message="X has shape (0, 3): give at least one sample and one feature.",
    )
    refused(
        lambda: tables.inputs("X", np.ones((3, 0))),
        message="X has shape (3, 0): give at least one sample and one feature.",
    )


def test_columns_of_a_table_that_hold_no_numbers_are_named():
    numbers, words, none = [1.0, 2.0], ["a", "b"], [1.0, None]
    table = pd.DataFrame({"a": numbers, "b": words})
    refused(
        lambda: tables.inputs("X", table),
        message="X: column 'b' holds what is no real number. Encode or drop:"
        " X.drop(columns=['b']).",
    )
    table = pd.DataFrame({name: words for name in "abcd"})
    refused(
        lambda: tables.inputs("X", table),
        message="X: columns 'a', 'b', 'c', ... hold what is no real number. Encode or drop:"
        " X.drop(columns=['a', 'b', 'c', 'd']).",
    )
    table = pd.DataFrame({name: words for name in "abc"} | {"e": none})
    refused(
        lambda: tables.inputs("X", table),
        message="X: columns 'a', 'b', 'c' hold what is no real number. Encode or drop:"
        " X.drop(columns=['a', 'b', 'c']).",
    )
    table = pd.DataFrame({"a": numbers, "b": none, "c": none}).astype(object)
    refused(
        lambda: tables.inputs("X", table),
        message="X: columns 'b', 'c' hold missing values; drop or impute them first.",
    )
    other = SimpleNamespace(
        columns=["a", "b"], to_numpy=lambda: np.array([[1.0, "x"], [2.0, None]], dtype=object)
    )
    refused(
        lambda: tables.inputs("X", other),
        message="X: column 'b' holds what is no real number. Encode or drop: X.drop(['b']).",
    )
    mixed = pd.DataFrame({"a": numbers, "b": [True, False], "c": [1, 2]})
    assert tables.inputs("X", mixed.astype(object)).tolist() == [[1, 1, 1], [2, 0, 2]]


def test_a_table_of_floats_counts_what_is_no_number():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [np.nan, 1.0]})
    refused(
        lambda: tables.inputs("X", table),
        message="X holds 1 NaN or infinite values; drop or impute these entries first.",
    )


class Both:
    """An array that can also say that it is a table."""

    columns = ("a", "b")
    __dataframe__ = None

    def __array__(self, dtype=None, copy=None):
        return np.ones((3, 2))


def test_what_is_an_array_is_taken_as_one():
    assert tables.inputs("X", Both()).tolist() == np.ones((3, 2)).tolist()
    other = type("Arrow", (), {"__dataframe__": None})()
    refused(
        lambda: tables.inputs("X", other),
        message="X is a Arrow; give it as a pandas or polars table.",
    )
    beyond = SimpleNamespace(shape=(2**40, 2**40), toarray=lambda: np.ones((1, 1)))
    with pytest.raises(ValueError, match=f"it has {2**80:,}"):
        tables.inputs("X", beyond)


def test_names_of_features_are_text_or_none():
    named = lambda *columns: tables.feature_names(SimpleNamespace(columns=columns))  # noqa: E731
    assert named("a", "b") == ("a", "b")
    assert named("a", 1) is None and named(0, 1) is None and named() is None


# ---- labels


def test_labels_are_one_for_each_sample():
    assert tables.entries("y", [1, "a", 2.5, True, np.bool_(False), b"x"]).shape == (6,)
    for value, shown in (
        (3, "3"),
        (None, "None"),
        ([[1], [2]], "shape (2, 1)"),
        ("text", "'text'"),
    ):
        refused(
            lambda value=value: tables.entries("y", value),
            message=f"y must have 1 axes, one label a sample; got {shown}. Reshape it first.",
        )
    refused(
        lambda: tables.entries("y", [np.ones((2, 2)), np.ones((2, 3))]),
        message="y holds rows of different lengths; give one label a sample, of one axis.",
    )
    refused(
        lambda: tables.entries("y", [1, None, float("nan"), 2]),
        message="y holds 2 NaN or missing labels; drop these samples first.",
    )
    for strange, shown in ((pd.Series([1, 1j]), "(1+0j)"), ([[1, 2], [3]], "[1, 2]")):
        refused(
            lambda strange=strange: tables.entries("y", strange),
            message=f"y must hold numbers, bool or text as labels; got {shown}. [str(label) for"
            " label in y] makes text of them.",
        )
    refused(
        lambda: tables.entries("y", np.ma.masked_array([1.0, 2.0])),
        message="y is a masked array; fill or drop its masked entries first.",
    )
    refused(
        lambda: tables.entries("y", sparse.csr_array(np.eye(2))),
        message="y is a sparse matrix; give y.toarray().",
    )


def test_different_labels_stand_in_order_numbers_first():
    labels = np.array(["b", 2, "a", np.int64(1), 2.0, np.float64(0.5)], dtype=object)
    found = tables.distinct(labels)
    assert found[-2:] == ["a", "b"] and set(found) == {0.5, 1, 2, "a", "b"}
    assert tables.distinct(np.array([10, 9, -1], dtype=object)) == [-1, 9, 10]
    assert [type(x) for x in tables.distinct(np.array([np.int64(1)], dtype=object))] == [int]


def test_a_message_shows_four_labels_of_thirty_letters():
    assert tables.few(["x" * 40]) == "'" + "x" * 29
    assert tables.few([1, 2, 3, 4]) == "1, 2, 3, 4"
    assert tables.few([1, 2, 3, 4, 5]) == "1, 2, 3, 4, ..."


@pytest.mark.parametrize("dtype", [int, float, np.int8, object])
def test_signs_of_any_type_become_floats(dtype):
    found = tables.signs("y", np.array([1, -1, 1], dtype=dtype))
    assert found.dtype == float and found.tolist() == [1, -1, 1]


def test_other_labels_are_no_signs():
    refused(
        lambda: tables.signs("y", [0, 1]),
        message="y must hold labels +1 and -1 only; got 0, 1. numpy.where(y == 1, 1, -1) makes two"
        " classes of them.",
    )
    refused(
        lambda: tables.signs("y", ["no", "yes"], remedy="D(positive={last})"),
        message="y must hold labels +1 and -1 only; got 'no', 'yes'. D(positive='yes') makes two"
        " classes of them.",
    )
    refused(
        lambda: tables.signs("y", np.array([0, 1, -1])),
        message="y must hold labels +1 and -1 only; got -1, 0, 1. For several classes use"
        " MulticlassDataset.",
    )
    for value in ([True, True], np.array([1, 2]), np.array([-1.0, 2]), np.array([-2, 1]), [1, 1.5]):
        with pytest.raises(ValueError, match=r"y must hold labels \+1 and -1 only"):
            tables.signs("y", value)
    with pytest.raises(ValueError, match="y must have 1 axes"):
        tables.signs("y", np.ones((2, 1)))


def test_one_of_two_labels_is_positive():
    y, labels = tables.sides("y", ["a", "b", "a"], "a")
    assert y.tolist() == [1, -1, 1] and labels == ("b", "a")
    y, labels = tables.sides("y", [1, 0], np.int64(0))
    assert y.tolist() == [-1, 1] and labels == (1, 0) and type(labels[1]) is int
    one, labels = tables.sides("y", ["a", "a"], "a")
    assert one.tolist() == [1, 1] and labels == ("a",)
    for positive in ("c", [1], 0):
        with pytest.raises(ValueError, match="is none of the labels of y, which are 'a', 'b'"):
            tables.sides("y", ["a", "b"], positive)
    refused(
        lambda: tables.sides("y", ["a", "b", "c"], "a"),
        message="y holds 3 different labels, 'a', 'b', 'c': positive= names one of two. To set one"
        " against all others, give y == 'a' and positive=True; for several classes use"
        " MulticlassDataset.",
    )


def test_classes_are_numbered_in_their_order():
    y, classes = tables.numbered("y", [1, 0, 2, 1], None)
    assert y.tolist() == [1, 0, 2, 1] and classes == (0, 1, 2) and y.dtype.kind == "i"
    y, classes = tables.numbered("y", ["b", "a", "b"], ["b", "a"])
    assert y.tolist() == [0, 1, 0] and classes == ("b", "a")
    for value in ([0, 0], [0, 2], [1, 2], [0.5, 1.5], [False, True], ["a", "b"], [-1, 0, 1]):
        with pytest.raises(ValueError, match=r"y must hold labels 0, 1, \.\.\., K - 1, each at"):
            tables.numbered("y", value, None)
    for value, given in (
        (["a", "a"], ["a"]),
        (["a", "b"], ["a", "b", "a"]),
        (["a", "b"], ["a", "b", "c"]),
        (["a", "b", "c"], ["a", "b"]),
    ):
        with pytest.raises(ValueError, match="must hold each label of y once, and two at least"):
            tables.numbered("y", value, given)


def test_rows_that_are_named_go_together():
    X, y = pd.DataFrame({"a": [1.0, 2.0]}, index=[5, 7]), pd.Series([1, -1], index=[5, 7])
    tables.same_index(X, y)
    for other in (y[::-1], pd.Series([1, -1])):
        with pytest.raises(ValueError, match="y has another index than X"):
            tables.same_index(X, other)
    tables.same_index(X, [1, -1])
    tables.same_index(X.to_numpy(), y[::-1])
    tables.same_index(X, pd.Series([1, -1, 1]))  # which is named as another length


# ---- what nobody thought of

CHECKS = {
    "finite_array": (validate.finite_array, {"an empty list", "True"}),
    "one number": (lambda name, value: validate.finite_array(name, value, 0), {"True"}),
    "numbers": (validate.numbers, {"a complex array", "a complex entry", "an empty list", "True"}),
    "positive": (validate.positive, set()),
    "scale_of": (validate.scale_of, set()),
    "positive_integer": (validate.positive_integer, set()),
    "from_zero": (validate.from_zero, set()),
    "norm_order": (
        validate.norm_order,
        {"a power of ten", "more digits than are shown", "infinity"},
    ),
    "flag": (validate.flag, {"True"}),
    "increasing": (validate.increasing, {"True"}),
    "one_by_one": (validate.one_by_one, {"an empty list", "a dictionary", "a set"}),
    "choice": (lambda name, value: validate.choice(name, value, ("y", 0)), set()),
    "function": (lambda name, value: validate.function(name, value, "abs"), {"a class"}),
    "network": (validate.network, set()),
    "require": (lambda name, value: validate.require(name, value, dict), {"a dictionary"}),
    "theta": (
        lambda name, value: validate.parameters(value, SimpleNamespace(n_parameters=3)),
        set(),
    ),
}
ALWAYS = {"one_by_one", "function"}  # which take too much to say of each what


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_a_check_returns_or_refuses_by_name(check, kind):
    call, good = CHECKS[check]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            call("theta", AWKWARD[kind])
        except ValueError as error:
            assert "theta" in str(error) and len(str(error)) <= 500 and "secret" not in str(error)
        else:
            fits = good | {"an array without axes", "an array of one entry"}
            assert kind in fits or check in ALWAYS


def test_numbers_of_inner_loops_pass_as_they_are():
    for value in (np.ones(2), np.ones(2, dtype=int), np.ones(2, "f"), np.ones(2) * 1j):
        assert validate.numbers("a", value) is value
    assert validate.numbers("a", [1, 2]).dtype == int
    assert validate.numbers("a", np.array([True])).tolist() == [1.0]
    refused(
        lambda: validate.numbers("a", [1.0, np.nan]),
        message="a holds 1 NaN or infinite values; drop or impute these entries first.",
    )
    for value in ([1j], "x", None, np.ma.masked_array([1.0])):
        with pytest.raises(ValueError, match=r"a (must|is|holds)"):
            validate.numbers("a", value)


def test_a_count_is_at_most_what_floats_count():
    assert validate.positive_integer("n", 2**53) == 2**53
    for value in (2**53 + 2, 1e300, 10**400):
        with pytest.raises(ValueError, match="n must be at most 9007199254740992; got"):
            validate.positive_integer("n", value)
    with pytest.raises(ValueError, match="n must be at most 7; got 8"):
        validate.positive_integer("n", 8, largest=7)


def test_a_flag_is_true_or_false():
    assert validate.flag("a", np.True_) is True and validate.flag("a", False) is False
    for value in (0, 1, "yes", np.array(True), None):
        with pytest.raises(ValueError, match="a must be True or False; got"):
            validate.flag("a", value)
