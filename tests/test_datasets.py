"""Data sets: what they promise and what they refuse."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias import datasets
from ibias.datasets import Dataset


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
        ([[1.0], [2.0]], [0, 1], r"labels \+1 and -1 only; got 0.0, 1.0.*where"),
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
