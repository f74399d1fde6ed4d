"""Data sets: what they promise and what they refuse."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ibias import datasets
from ibias.datasets import Dataset, MulticlassDataset, Regression, tables


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 12), st.floats(0.01, 2))
def test_separable_has_at_least_its_margin(seed, n_samples, n_features, shift):
    data = datasets.separable(seed, n_samples, n_features, shift)
    rng = datasets.generator(seed)
    teacher = rng.standard_normal(n_features)
    teacher /= np.linalg.norm(teacher)
    assert (data.n_samples, data.n_features) == (n_samples, n_features)
    assert (data.Z @ teacher).min() >= shift - 1e-9
    assert set(np.unique(data.y)) == {-1.0, 1.0}


def test_the_small_examples():
    assert datasets.symmetric_pair().Z[:2].tolist() == [[0.5, 1.5], [1.5, 0.5]]
    assert (datasets.symmetric_pair().Z @ [1, 1] >= 2).all()
    assert datasets.degenerate_pair().Z.tolist() == [[1.0, 0.0], [1.0, 1.0]]


def test_digits():
    data = datasets.digits(3, 8)
    assert data.X.shape == (357, 64)
    assert data.X.min() == 0
    assert data.X.max() == 1
    assert (data.y == 1).sum() == 183
    for arguments, message in [
        ((3, 3), "two different digits"),
        ((3, 12), "unknown negative 12; choose one of"),
    ]:
        with pytest.raises(ValueError, match=message):
            datasets.digits(*arguments)


def test_the_digits_are_those_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    ours = datasets.digit_classes(range(10), per_class=200)
    order = np.argsort(theirs.target, kind="stable")
    np.testing.assert_array_equal(ours.X * 16, theirs.data[order])
    np.testing.assert_array_equal(ours.y, theirs.target[order])


def test_the_digits_need_no_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None; from ibias import datasets;"
        "datasets.digits(); datasets.digit_classes()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_arrays_are_copied_and_frozen():
    X = np.array([[1.0], [-1.0]])
    data = Dataset(X, [1, -1])
    X[0] = 7
    assert data.X[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.X[0] = 2


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0], [2.0]], [0, 1], r"labels \+1 and -1 only; got 0, 1.*positive=1"),
        ([[1.0], [np.nan]], [1, -1], "X holds 1 NaN or infinite"),
        ([[1.0], [np.inf]], [1, -1], "X holds 1 NaN or infinite"),
        ([[1.0], [2.0]], [1, np.nan], "y holds 1 NaN"),
        ([[1.0], [2.0]], [1, -1, 1], "X has 2 rows but y has 3 labels"),
        (np.zeros((0, 2)), [], "at least one sample"),
        ([[], []], [1, -1], "at least one sample and one feature"),
        ([1.0, 2.0], [1, -1], "X must have 2 axes"),
        ([[1.0], [2.0]], [1, 1], r"one class only \(all \+1\)"),
        ([["a"], ["b"]], [1, -1], "X must be an array of real numbers"),
    ],
)
def test_bad_input(X, y, message):
    with pytest.raises(ValueError, match=message):
        Dataset(X, y)


def test_one_seed_variable_shifts_every_generator(monkeypatch):
    plain = datasets.generator(0).random()
    assert plain == np.random.default_rng(0).random()
    monkeypatch.setenv("IBIAS_SEED", "1")
    assert datasets.generator(0).random() != plain
    monkeypatch.setenv("IBIAS_SEED", "0")
    assert datasets.generator(0).random() == plain
    monkeypatch.setenv("IBIAS_SEED", "x")
    with pytest.raises(ValueError, match="IBIAS_SEED must be a whole number"):
        datasets.generator(0)


def test_sizes_multiply_each_input_and_the_targets_follow():
    one = datasets.gaussian_regression(2, 400, 6, n_nonzero=2, sizes=(0.5, 2.0))
    plain = datasets.gaussian_regression(2, 400, 6, n_nonzero=2)
    factors = one.X / plain.X
    np.testing.assert_allclose(factors, np.broadcast_to(factors[0], factors.shape))
    assert (factors[0] >= 0.5).all() and (factors[0] <= 2).all() and np.ptp(factors[0]) > 0.1
    np.testing.assert_allclose(one.y, one.X @ one.teacher)
    for bad in ((0.0, 1.0), (2.0, 1.0), (1.0, np.inf)):
        with pytest.raises(ValueError, match="sizes must be"):
            datasets.gaussian_regression(0, sizes=bad)


# ---- data that people bring


class Table:
    """What a table of another library can do, and no more: polars' is like this."""

    def __init__(self, columns):
        self.columns = list(columns)
        self.cells = columns

    def to_numpy(self):
        return np.column_stack(list(self.cells.values()))


class Column:
    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        return np.array(self.values)


@pytest.mark.parametrize(
    ("y", "positive", "labels"),
    [
        ([0, 1, 1], 1, (0, 1)),
        ([1, 0, 0], 0, (1, 0)),
        (np.array([False, True, True]), True, (False, True)),
        (["no", "yes", "yes"], "yes", ("no", "yes")),
        (np.array(["no", "yes", "yes"]), "yes", ("no", "yes")),
        (np.array(["no", "yes", "yes"], dtype=object), "yes", ("no", "yes")),
        (["no", 7, 7], 7, ("no", 7)),
        ([1.5, 2.5, 2.5], np.float64(2.5), (1.5, 2.5)),
        ([1, -1, -1], -1, (1, -1)),
        (Column(["no", "yes", "yes"]), "yes", ("no", "yes")),
        (pd.Series(["no", "yes", "yes"]), "yes", ("no", "yes")),
        (pd.Series(["no", "yes", "yes"], dtype="category"), "yes", ("no", "yes")),
        (pd.Series([0, 1, 1], dtype="Int64"), 1, (0, 1)),
        (pd.Series([False, True, True], dtype="boolean"), True, (False, True)),
    ],
)
def test_two_labels_of_any_kind(y, positive, labels):
    data = Dataset([[1.0], [2.0], [3.0]], y, positive=positive)
    assert data.y.tolist() == [-1, 1, 1] and data.y.dtype == float
    assert data.labels == labels


def test_labels_of_signs_need_no_word():
    for y in ([1, -1], [1.0, -1.0], np.int8([1, -1]), pd.Series([1, -1])):
        data = Dataset([[1.0], [2.0]], y)
        assert data.y.tolist() == [1, -1] and data.labels == (-1, 1)


def test_tables_keep_the_names_of_their_columns():
    columns = {"height": [1.0, 2.0, 3.0], "weight": [4, 5, 6]}
    tables = [Table(columns), pd.DataFrame(columns), pd.DataFrame(columns).convert_dtypes()]
    for table in tables:
        for data in (
            Dataset(table, [1, -1, 1]),
            Regression(table, Column([1, 2, 3])),
            MulticlassDataset(table, ["a", "b", "a"], classes=("a", "b")),
            Dataset.one_class(table),
        ):
            assert data.X.tolist() == [[1, 4], [2, 5], [3, 6]]
            assert data.feature_names == ("height", "weight")
    named = Dataset(tables[0], [0, 1, 0], positive=1).with_constant()
    assert named.feature_names == ("height", "weight", "constant") and named.labels == (0, 1)
    assert Dataset([[1.0], [2.0]], [1, -1]).feature_names is None
    assert Dataset(pd.DataFrame([[1.0], [2.0]]), [1, -1]).feature_names is None


def test_tables_of_polars():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"height": [1.0, 2.0, 3.0], "weight": [4, 5, 6]})
    data = Dataset(table, polars.Series(["no", "yes", "no"]), positive="yes")
    assert data.y.tolist() == [-1, 1, -1] and data.feature_names == ("height", "weight")
    mixed = table.with_columns(name=polars.Series(["a", "b", "c"]))
    with pytest.raises(ValueError, match=r"column 'name' .* X.drop\(\['name'\]\)"):
        Dataset(mixed, [1, -1, 1])
    with pytest.raises(ValueError, match="NaN or missing"):
        Dataset(table, polars.Series([1, None, 0]), positive=1)


def test_a_sparse_matrix_is_written_out_up_to_a_size():
    X = sparse.random_array((6, 4), density=0.5, rng=0)
    for matrix in (X, sparse.csr_array(X), sparse.csc_matrix(X)):
        data = Dataset(matrix, [1, -1] * 3)
        np.testing.assert_array_equal(data.X, X.toarray())
    np.testing.assert_array_equal(Regression(sparse.csr_array(X), np.ones(6)).X, X.toarray())
    with pytest.raises(ValueError, match=r"up to 20,000,000 entries .* has 20,004,000"):
        Dataset(sparse.csr_array((2000, 10_002)), np.ones(2000))


def test_an_interchange_object_of_another_kind_is_named():
    other = type("Arrow", (), {"__dataframe__": lambda self: None})()
    with pytest.raises(ValueError, match="X is a Arrow; give it as a pandas or polars table"):
        Dataset(other, [1, -1])


def test_the_classes_are_numbered_in_the_order_given():
    data = MulticlassDataset([[1.0], [2.0], [3.0]], ["b", "a", "c"], classes=("c", "b", "a"))
    assert data.y.tolist() == [1, 2, 0] and data.classes == ("c", "b", "a")
    assert MulticlassDataset([[1.0], [2.0]], [0.0, 1.0]).classes == (0, 1)


def test_no_library_of_tables_is_loaded():
    code = "import sys; from ibias.datasets import Dataset; Dataset([[1],[2]], [1, -1]);"
    code += "assert not {'pandas', 'polars'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_data_set_is_printed_in_one_line():
    assert repr(datasets.separable(0)) == "Dataset(40 samples, 5 features)"
    assert repr(datasets.gaussian_regression()) == "Regression(10 samples, 30 features)"
    shown = "MulticlassDataset(30 samples, 4 features, 3 classes)"
    assert repr(datasets.separable_classes()) == shown


def test_a_message_shows_four_labels():
    assert tables.few(list("abcd")) == "'a', 'b', 'c', 'd'"
    assert tables.few(list("abcdef")) == "'a', 'b', 'c', 'd', ..."


def test_random_sensing_knows_its_truth():
    problem = datasets.gaussian_sensing(4, 2, 7, 0)
    assert np.tensordot(problem.sensors, problem.truth, axes=2) == pytest.approx(
        problem.observations
    )
    assert np.linalg.matrix_rank(problem.truth) == 2
    assert np.linalg.norm(problem.truth) == pytest.approx(4)


@pytest.mark.parametrize(("X", "P"), [(np.eye(3), np.eye(2)), (np.eye(2), np.ones((2, 1)))])
def test_next_tokens_of_the_wrong_shapes_are_refused(X, P):
    with pytest.raises(ValueError, match="P"):
        datasets.NextTokens(X, P)
