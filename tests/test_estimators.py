"""The estimator, by scikit-learn's own checks and against its other machines."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from ibias import datasets, flow, optima
from ibias.datasets import Dataset
from ibias.estimators import MaxMarginClassifier

OVERLAP = np.array([[-2.0, 1], [1, -1], [2, 0.5], [-1, -1], [0.5, 2], [-0.3, 0.2]])
SIDES = np.array([0, 0, 1, 1, 1, 0])


@parametrize_with_checks([MaxMarginClassifier(), MaxMarginClassifier(fit_intercept=False)])
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("p", [1, 1.5, 2, np.inf])
def test_on_separable_data_it_is_the_maximum_margin(p):
    data = datasets.separable(3, 20, 4)
    model = MaxMarginClassifier(p=p, fit_intercept=False).fit(data.X, data.y)
    best = optima.max_margin(data, p=p)
    assert (model.coef_[0] == best.w).all() and model.intercept_.tolist() == [0]
    assert model.score(data.X, data.y) == 1
    model = MaxMarginClassifier(p=p).fit(data.X, data.y)
    best = optima.max_margin(data.with_constant(), p=p)
    np.testing.assert_array_equal(np.r_[model.coef_[0], model.intercept_], best.w)
    expected = data.X @ model.coef_[0] + model.intercept_
    np.testing.assert_allclose(model.decision_function(data.X), expected, atol=1e-12)


def test_without_intercept_it_is_the_linear_support_vector_machine():
    """Twins on the other side make the free bias of SVC zero."""
    data = datasets.separable(3, 20, 4)
    theirs = SVC(kernel="linear", C=1e9, tol=1e-9).fit(
        np.r_[data.Z, -data.Z], np.repeat([1, 0], 20)
    )
    ours = MaxMarginClassifier(fit_intercept=False).fit(data.X, data.y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)


def test_on_overlapping_data_it_is_the_maximum_of_the_likelihood():
    theirs = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000).fit(OVERLAP, SIDES)
    ours = MaxMarginClassifier().fit(OVERLAP, SIDES)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-4)


def test_between_the_two_it_is_what_the_flow_tends_to():
    X = np.array([[0.0, 1], [0, 2], [0, 1.5], [1, 3], [1, -1]])
    y = np.array(["a", "b", "a", "b", "b"])
    model = MaxMarginClassifier(fit_intercept=False).fit(X, y)
    run = flow.gradient_flow(Dataset(X, y, positive="b"), log_t=[1e7])
    grid = np.stack(np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-2, 2, 9)), axis=-1).reshape(
        -1, 2
    )
    off = np.abs(grid @ run.final) > 1e-9
    assert off.sum() == 80
    assert (model.predict(grid[off]) == np.where(grid[off] @ run.final > 0, "b", "a")).all()


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match=r"not linearly separable .* With p=2 any data are taken"):
        MaxMarginClassifier(p=1).fit(OVERLAP, SIDES)
    with pytest.raises(ValueError, match=r"two classes.*multiclass_margin"):
        MaxMarginClassifier().fit(OVERLAP, np.arange(6) % 3)
    with pytest.raises(ValueError, match=r"p must be"):
        MaxMarginClassifier(p=0.5).fit(OVERLAP, SIDES)


def test_in_a_pipeline_with_a_table_and_words():
    table = pd.DataFrame(OVERLAP, columns=["left", "right"])
    words = np.where(SIDES == 1, "yes", "no")
    model = make_pipeline(StandardScaler(), MaxMarginClassifier()).fit(table, words)
    assert set(model.predict(table)) == {"yes", "no"}
    data = datasets.digits(3, 8)
    assert cross_val_score(MaxMarginClassifier(), data.X, data.y, cv=3).mean() > 0.9


def test_without_scikit_learn_all_but_the_estimator_is_there():
    code = (
        "import sys; sys.modules['sklearn'] = None; import ibias; from ibias import optima;"
        "\ntry: ibias.estimators\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ibias.estimators needs scikit-learn; `pip install scikit-learn`.\n"


def test_the_coefficients_are_those_of_the_ray_where_there_is_one():
    """A pair that pulls both ways along one feature, and a sample that is free along another."""
    X, y = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), np.array([1, 0, 1])
    model = MaxMarginClassifier(fit_intercept=False).fit(X, y)
    best = optima.bounded_part_and_ray(Dataset(X, 2.0 * y - 1))
    assert model.coef_[0] == pytest.approx(best.ray.w) and model.intercept_.tolist() == [0]
    assert model.coef_[0] / model.coef_[0, 1] == pytest.approx([0, 1], abs=1e-9)


def test_on_the_boundary_it_is_the_first_class():
    model = MaxMarginClassifier(fit_intercept=False).fit([[1.0, 0.0], [-1.0, 0.0]], ["b", "a"])
    assert model.predict([[0.0, 3.0], [1e-9, 0.0], [-1e-9, 0.0]]).tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("dtype", [np.float16, int, object, "U4"])
def test_it_takes_what_the_machines_of_scikit_learn_take_for_numbers(dtype):
    X, y = np.array([[0, 1], [2, 3], [3, -1], [-2, 0]]), ["a", "b", "b", "a"]
    given = X.astype(dtype)
    assert (SVC(kernel="linear").fit(given, y).predict(given) == y).all()
    model, right = MaxMarginClassifier().fit(given, y), MaxMarginClassifier().fit(X, y)
    assert model.coef_ == pytest.approx(right.coef_, abs=1e-9)
    assert right.decision_function(given) == pytest.approx(right.decision_function(X), abs=1e-9)


@pytest.mark.parametrize("size", [1e-9, 1e-100, 1e-140])
def test_features_far_from_the_constant_one(size):
    """The point halfway between the two signed inputs, (-3, 1) / 2 in units of the size."""
    X, y = size * np.array([[-2.0, -1.0], [1.0, -2.0]]), [1, -1]
    model = MaxMarginClassifier().fit(X, y)
    assert model.coef_ * size == pytest.approx(np.array([[-0.6, 0.2]]), rel=1e-9)
    assert model.intercept_ == pytest.approx([0], abs=1e-9) and model.predict(X).tolist() == y


def test_a_remedy_for_the_constant_feature_is_one_for_the_others(monkeypatch):
    def refuse(*_):
        raise RuntimeError("data: make the columns of X alike: divide column 2 by 1e+09")

    X, y = 1e-9 * np.array([[-2.0, -1.0], [1.0, -2.0]]), [1, -1]
    with monkeypatch.context() as patched:
        patched.setattr(MaxMarginClassifier, "_optimum", refuse)
        with pytest.raises(RuntimeError, match=r"^X: .* or take fit_intercept=False\.") as refused:
            MaxMarginClassifier().fit(X, y)
    X = X / float(str(refused.value).split("Divide X by ")[1].split()[0])
    assert MaxMarginClassifier().fit(X, y).predict(X).tolist() == y
    assert MaxMarginClassifier(fit_intercept=False).fit(X, y).predict(X).tolist() == y


def test_a_column_that_is_one_of_x_is_named():
    X = np.array([[1.0, 1e9], [-1.0, 1e9 + 1], [1.0, 1e9 + 2], [-1.0, 1e9 - 2]])
    with pytest.raises(RuntimeError, match="divide column 1 by 1e"):
        MaxMarginClassifier(p=3).fit(X * [1e-9, 1.0], [1, 0, 1, 0])
