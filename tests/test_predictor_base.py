"""Predictors by hand: stacks of weights, the sign of zero, and inputs of another width."""

from dataclasses import dataclass

import numpy as np
import pytest

from ibias.optima._predictor import Classifier, LinearClassifier, LinearRegressor, new_inputs

X = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.0]])


@dataclass
class Both(LinearClassifier):
    w: np.ndarray


@dataclass
class Line(LinearRegressor):
    w: np.ndarray


def test_scores_and_labels_of_one_and_of_a_stack() -> None:
    one = Both(np.array([1.0, -1.0]))
    assert one.decision_function(X).tolist() == [-1.0, 4.0, 0.0]
    assert one.predict(X).tolist() == [-1.0, 1.0, -1.0]
    stack = Both(np.array([[1.0, -1.0], [0.0, 1.0], [0.25, 0.25]]))
    assert stack.decision_function(X).tolist() == [[-1, 4, 0], [2, -1, 0], [0.75, 0.5, 0]]
    assert stack.predict(X).tolist() == [[-1, 1, -1], [1, -1, -1], [1, 1, -1]]
    assert Line(np.array([1.0, -1.0])).predict(X).tolist() == [-1.0, 4.0, 0.0]


def test_a_classifier_needs_a_score() -> None:
    with pytest.raises(NotImplementedError):
        Classifier().decision_function(X)


def test_the_constant_is_named_only_where_one_column_is_missing() -> None:
    assert new_inputs(X, 2).tolist() == X.tolist()
    for n, named in [(1, False), (3, True), (4, False)]:
        with pytest.raises(ValueError, match=f"X has 2 features, but the data had {n}") as refused:
            new_inputs(X, n)
        assert ("(with_constant() appended one)" in str(refused.value)) is named
    with pytest.raises(ValueError, match="X must have 2 axes"):
        new_inputs(X[0], 2)
