"""An estimator for scikit-learn, which is loaded with this module only."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ibias.datasets import Dataset
from ibias.optima import NotSeparable, bounded_part_and_ray, max_margin

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import Tags
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("ibias.estimators needs scikit-learn; `pip install scikit-learn`.") from error


class MaxMarginClassifier(ClassifierMixin, BaseEstimator):
    """The limit classifier of steepest descent in the l_p norm, on two classes.

    On separable data that is the maximum-margin separator in the l_p norm. On other data it is
    the limit of gradient descent on the logistic loss (Ji and Telgarsky 2019): where its ray sees
    x, the ray decides, elsewhere the bounded part; this is for p = 2 only.

    Parameters
    ----------
    p : float
        The norm of the weights, from 1 to inf.
    fit_intercept : bool
        Append a constant feature 1, as gradient descent on a model with a bias has it: the bias
        is a weight like the others and counts in the norm.

    Attributes
    ----------
    coef_ : array, shape (1, n_features)
        The weights of smallest margin 1; without a separator, the ray, or the bounded part.
    intercept_ : array, shape (1,)
        The weight of the constant feature.
    classes_ : array, shape (2,)
        The two labels, in order.
    optimum_ : MaxMargin or Decomposition
        With its certificate. Its decision function takes the constant feature too.

    Raises
    ------
    ValueError
        From `fit`, for data that are not separable where p is not 2, and for other than two
        classes.
    RuntimeError
        From `fit`, where double precision cannot tell the margin, in most cases because the
        features are of very different sizes.

    Examples
    --------
    >>> model = MaxMarginClassifier().fit([[0.0, 1.0], [2.0, 3.0]], ["low", "high"])
    >>> model.predict([[0.0, 0.5], [3.0, 3.0]])
    array(['low', 'high'], dtype='<U4')
    """

    def __init__(self, p: float = 2, fit_intercept: bool = True) -> None:
        self.p = p
        self.fit_intercept = fit_intercept

    def __sklearn_tags__(self) -> Tags:
        """Say that there are two classes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the separator of `X`, shape (n_samples, n_features), and labels `y`."""
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            raise ValueError(
                "Only binary classification is supported: y must hold two classes, and it holds"
                f" {len(self.classes_)} class(es). For more use optima.multiclass_margin."
            )
        data = Dataset(self._with_constant(X), np.where(y == self.classes_[1], 1.0, -1.0))
        try:
            w = self._optimum(data)
        except RuntimeError as error:
            if f"column {X.shape[1]} " not in str(error):
                raise
            size = np.abs(X).max()  # no column of X: the constant feature
            raise RuntimeError(
                f"X: beside the constant feature 1 entries of {size:.0e} leave a maximum margin"
                f" beyond double precision. Divide X by {size:.0e} (the margin is then the one in"
                " the new units), or take fit_intercept=False."
            ) from error
        self.coef_ = np.array(w[None, : self.n_features_in_])
        self.intercept_ = np.array(w[self.n_features_in_ :]) if self.fit_intercept else np.zeros(1)
        return self

    def _optimum(self, data: Dataset) -> np.ndarray:
        """Find the optimum on `data`, and return its weights."""
        try:
            self.optimum_ = max_margin(data, p=self.p)
            return self.optimum_.w
        except NotSeparable as error:
            if self.p != 2:
                raise ValueError(f"{error} With p=2 any data are taken.") from error
            self.optimum_ = bounded_part_and_ray(data)
        return self.optimum_.bounded if self.optimum_.ray is None else self.optimum_.ray.w

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return a score for each row of X, shape (n_samples,); above 0 for ``classes_[1]``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        return self.optimum_.decision_function(self._with_constant(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label of each row of X, shape (n_samples,)."""
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def _with_constant(self, X: np.ndarray) -> np.ndarray:
        """Return X with a constant feature 1, if it is wanted."""
        return np.column_stack([X, np.ones(len(X))]) if self.fit_intercept else X
