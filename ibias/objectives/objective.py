"""What is minimised: data, a loss and a model, which have a risk together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import choice, finite_array, shown
from ibias.datasets import Dataset, MatrixProblem, MulticlassDataset, NextTokens, Regression
from ibias.losses import LOSSES, MarginLoss, named
from ibias.objectives.outputs import CrossEntropy, Divergence, Margins, Observed, Squares
from ibias.objectives.pull import Downhill, LinearPull, Pull
from ibias.objectives.readers import Entries, Linear, Signed, Through, taker

Data = Dataset | Regression | MulticlassDataset | NextTokens | MatrixProblem
CLASSES = MulticlassDataset, NextTokens  # whose weights are a matrix, a row for each class
Rows = np.ndarray | None
Maker = Callable[[Rows, Rows], Pull]
OUTPUTS = 2**15  # that are computed together, so that many iterates need little memory


class Model(Protocol):
    """A predictor with parameters theta, a flat vector.

    A linear predictor has n_features, weights(theta), of shape (..., n_features), and
    pullback(theta, g), which is (dw/dtheta)^T g. Any other has linearize(theta, X), with
    .predictions, .vjp(v) and .squared_gradient_norms(), as `models.Network` has.
    """

    n_parameters: int


@dataclass(frozen=True, eq=False)
class Objective:
    """Data, loss and model: the risk, the mean loss of the model on the data.

    Parameters
    ----------
    data : Dataset, Regression, MulticlassDataset, NextTokens, MatrixProblem, or a list
        A list of data sets of one shape and one kind is a batch: a run for each.
    loss : str or MarginLoss, optional
        Two classes: "logistic" (the default), "exponential", "squared", or a `MarginLoss`.
        Several classes: "cross-entropy"; for next tokens it is counted from its infimum, the
        entropy, and so is a divergence. Regression and matrices: "squared".
    model : Model, optional
        Linear if not given: theta is w, for classes the rows of W one after the other, and for
        a matrix problem the entries of W.

    Raises
    ------
    ValueError
        For parts that do not fit together, by name.

    Examples
    --------
    >>> from ibias import datasets
    >>> objective = Objective(datasets.symmetric_pair(), "exponential")
    >>> print(f"{objective.log_risk([1000.0, 1000.0]):.6f}")
    -2000.916291
    >>> objective.pull([1000.0, 1000.0]).log_size.tolist()
    [-2000.0]
    """

    data: Data | Sequence[Data]
    loss: str | MarginLoss | None = None
    model: Model | None = None

    def __post_init__(self) -> None:
        sets = self.sets
        first = sets[0]
        kinds = (Dataset, Regression, MulticlassDataset)
        if not isinstance(first, (*kinds, NextTokens, MatrixProblem)):
            raise ValueError(
                f"data must be a data set, such as datasets.Dataset(X, y), or a list of them; got"
                f" {shown(first)}"
            )
        if self.batched:
            if not all(type(one) is type(first) for one in sets) or not isinstance(first, kinds):
                raise ValueError(
                    "data must be one data set, or a list of Dataset, Regression or"
                    " MulticlassDataset of one kind. Next tokens are trained one set at a time; a"
                    " MatrixProblem has its batch along leading axes."
                )
            if len({one.X.shape for one in sets}) > 1:
                raise ValueError("data sets of one call must have the same shape; call twice.")
            if isinstance(first, MulticlassDataset) and len({one.n_classes for one in sets}) > 1:
                raise ValueError("data sets of one call need the same number of classes.")
        object.__setattr__(self, "loss", _loss(first, self.loss))
        self._check_model()

    @classmethod
    def of(cls, objective: Any, loss: str | None = None) -> "Objective":
        """Return an objective as it is; of data alone, with the loss and a linear model."""
        return objective if isinstance(objective, cls) else cls(objective, loss)

    @cached_property
    def sets(self) -> list:
        """The data sets."""
        if isinstance(self.data, (list, tuple)):
            if not self.data or isinstance(self.data[0], (np.ndarray, list, tuple)):
                raise ValueError(
                    "data must be a data set, or a list of them; make one with"
                    " datasets.Dataset(X, y)."
                )
            return list(self.data)
        return [self.data]

    @property
    def batched(self) -> bool:
        """Whether the data sets are a list."""
        return isinstance(self.data, (list, tuple))

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch axes of the data: (n_sets,) for a list, those of a matrix problem."""
        if isinstance(self.sets[0], MatrixProblem):
            return self.sets[0].shape[:-2]
        return (len(self.sets),) if self.batched else ()

    @property
    def kind(self) -> type:
        """Dataset, Regression, MulticlassDataset, NextTokens or MatrixProblem."""
        first = self.sets[0]
        return MatrixProblem if isinstance(first, MatrixProblem) else type(first)

    @property
    def n_samples(self) -> int:
        """The number of samples of one data set."""
        return self.sets[0].n_samples

    @property
    def n_weights(self) -> int:
        """The number of weights of a linear model."""
        first = self.sets[0]
        if isinstance(first, MatrixProblem):
            return int(np.prod(first.shape[-2:]))
        return first.n_features * (first.n_classes if self.kind in CLASSES else 1)

    @property
    def n_parameters(self) -> int:
        """The length of theta."""
        return self.n_weights if self.model is None else self.model.n_parameters

    @property
    def is_margin(self) -> bool:
        """Whether the loss is a margin loss."""
        return isinstance(self.loss, MarginLoss)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Theta as matrices: the layers of a network, the factors of a product, or one row."""
        if self.model is not None:
            return getattr(self.model, "shapes", ((1, self.model.n_parameters),))
        if self.kind is MatrixProblem:
            return (self.sets[0].shape[-2:],)
        rows = self.sets[0].n_classes if self.kind in CLASSES else 1
        return ((rows, self.n_weights // rows),)

    @cached_property
    def X(self) -> np.ndarray:
        """The inputs, shape (n, d), or (n_sets, n, d) for a list."""
        arrays = [one.X for one in self.sets]
        return np.stack(arrays) if self.batched else arrays[0]

    @cached_property
    def y(self) -> np.ndarray:
        """The labels or targets, shape (n,) or (n_sets, n)."""
        arrays = [one.y for one in self.sets]
        return np.stack(arrays) if self.batched else arrays[0]

    @cached_property
    def Z(self) -> np.ndarray:
        """The signed inputs of a margin loss or the cross-entropy, with the axes of X."""
        arrays = [one.Z for one in self.sets]
        return np.stack(arrays) if self.batched else arrays[0]

    @cached_property
    def all_samples(self) -> Pull:
        """The pull of all samples."""
        return self.on()

    def on(self, rows: np.ndarray | None = None, targets: np.ndarray | None = None) -> Pull:
        """Return the pull of some rows, shape (..., batch_size), or of other targets for them.

        Targets are labels or regression targets; the axes before the last are those of the runs.
        """
        return self.maker(rows, targets)

    @property
    def take(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """The map from an array of the samples and rows, shape (..., b), to these rows."""
        return taker(len(self.sets) if self.batched else None)

    @cached_property
    def maker(self) -> Maker:
        """What `on` calls, with all that does not depend on its arguments looked up before."""
        model, shapes, kind = self.model, self.shapes, self.kind
        through = model is not None and hasattr(model, "weights")
        if kind is MatrixProblem or kind in CLASSES:
            return self._maker_of_matrices(through)
        take, y = self.take, self.y
        if self.is_margin:
            outputs = Margins(self.loss)
            if model is None or through:
                X, Z = self.X, self.Z

                def signed(rows: Rows, targets: Rows) -> Pull:
                    if targets is None:
                        chosen = Z if rows is None else take(Z, rows)
                    else:
                        chosen = targets[..., None] * (X if rows is None else take(X, rows))
                    if through:
                        return Pull(Through(model, Linear(chosen)), outputs, shapes)
                    return LinearPull(Linear(chosen), outputs, shapes)

                return signed
        X, is_margin = self.X, self.is_margin

        def plain(rows: Rows, targets: Rows) -> Pull:
            x = X if rows is None else take(X, rows)
            if targets is None:
                targets = y if rows is None else take(y, rows)
            if is_margin:
                return Pull(Signed(model, x, targets), outputs, shapes)
            if model is None:
                return Pull(Linear(x), Squares(targets), shapes)
            reader = Through(model, Linear(x)) if through else Signed(model, x)
            return Pull(reader, Squares(targets), shapes)

        return plain

    def _maker_of_matrices(self, through: bool) -> Maker:
        """Return the maker for several classes, and for a matrix problem."""
        model, shapes, first = self.model, self.shapes, self.sets[0]
        if self.kind is MatrixProblem:
            reader = Through(model, Entries()) if through else Entries()
            pull = Pull(reader, Observed(first), shapes)
            return lambda rows, targets: pull
        take, Z, of_tokens = self.take, self.Z, self.kind is NextTokens
        n_wrong = first.n_classes - (0 if of_tokens else 1)
        outputs = None if of_tokens else CrossEntropy(n_wrong)

        def classes(rows: Rows, targets: Rows) -> Pull:
            chosen = Z
            if rows is not None:
                pairs = rows[..., None] * n_wrong + np.arange(n_wrong)
                chosen = take(Z, pairs.reshape(*rows.shape[:-1], -1))
            linear = Linear(chosen)
            loss = outputs or Divergence(first.P if rows is None else first.P[rows])
            return Pull(Through(model, linear) if through else linear, loss, shapes)

        return classes

    def log_risk(self, theta: ArrayLike) -> np.ndarray:
        """Return the logarithm of the risk, shape (...), for theta of shape (..., n_parameters)."""
        theta = np.asarray(theta, dtype=float)
        if theta.ndim <= 1 + len(self.batch):
            return np.asarray(self.all_samples.log_risk(theta))
        outputs = theta[0].size // theta.shape[-1] * getattr(self.sets[0], "n_samples", 1)
        few = max(1, OUTPUTS // outputs)
        parts = range(0, len(theta), few)
        return np.concatenate([self.all_samples.log_risk(theta[i : i + few]) for i in parts])

    def pull(
        self,
        theta: ArrayLike,
        rows: np.ndarray | None = None,
        targets: np.ndarray | None = None,
    ) -> Downhill:
        """Return minus the gradient of the risk at theta, its size as a logarithm."""
        return self.on(rows, targets)(np.asarray(theta, dtype=float))

    def separated(self, theta: np.ndarray) -> bool | np.ndarray | None:
        """Say whether theta puts every sample on its own side; None where there are no sides."""
        if self.kind not in (Dataset, MulticlassDataset):
            return None
        u = self.all_samples.reader.forward(theta)
        if self.loss == "squared":
            u = u * self.y
        right = (u > 0).all(axis=-1)
        return bool(right) if right.ndim == 0 else right

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return the weights of the linear predictor that theta makes; not for a network.

        Their shape is (..., n_features); for several classes and for a matrix problem it is
        (..., n_rows, n_columns).
        """
        theta = np.asarray(theta, dtype=float)
        if self.model is not None and not hasattr(self.model, "weights"):
            raise ValueError(f"{self.model} is no linear predictor; use model.predict(theta, X).")
        w = theta if self.model is None else self.model.weights(theta)
        if self.kind is MatrixProblem:
            return w.reshape(*w.shape[:-1], *self.sets[0].shape[-2:])
        if self.kind in CLASSES:
            return w.reshape(*w.shape[:-1], self.sets[0].n_classes, -1)
        return w

    def predict(self, theta: ArrayLike, X: ArrayLike) -> np.ndarray:
        """Return f(theta; x_i), shape (..., n_samples), or (..., n_samples, n_classes)."""
        X = finite_array("X", X)
        if self.kind is MatrixProblem:
            raise ValueError("data: a matrix problem predicts no samples; use weights(theta).")
        if self.model is not None and not hasattr(self.model, "weights"):
            return self.model.predict(theta, X)
        w = self.weights(theta)
        if self.kind in CLASSES:
            return X @ w.swapaxes(-1, -2)
        return (X @ w[..., None])[..., 0]

    @cached_property
    def default_step_size(self) -> float | np.ndarray:
        """1/L of a linear model, L the smoothness of the risk; one for each data set of a list.

        L = beta lambda_max(Z^T Z / n), with beta the largest curvature of the loss. Raises
        ValueError where there is none: another model, or a loss that is not smooth.
        """
        matrices, curvature = self._smooth()
        size = curvature * np.linalg.norm(matrices, ord=2, axis=(-2, -1)) ** 2 / self.n_samples
        return self._each(1 / np.where(size > 0, size, 1.0))

    @cached_property
    def sample_step_size(self) -> float | np.ndarray:
        """1/(beta max_i ||z_i||^2): safe for every sample alone, and for every batch."""
        matrices, curvature = self._smooth()
        return self._each(1 / (curvature * (matrices**2).sum(axis=-1).max(axis=-1)))

    @cached_property
    def dual_step_size(self) -> float | np.ndarray:
        """1 / max_i ||z_i||^2, the largest safe step of mirror descent in the dual.

        The dual objective ||Z^T p||^2 / 2 is smooth, in the l_1 norm of p, with the constant
        max_i ||z_i||^2. For steps up to this size the loss-scaled method has the rate 1/k.
        """
        if self.model is not None or self.kind is not Dataset:
            raise ValueError("steps: only a linear model of two classes has a dual step; give one.")
        return self._each(1 / (self.Z**2).sum(axis=-1).max(axis=-1))

    def _each(self, sizes: np.ndarray) -> float | np.ndarray:
        return sizes if self.batched else float(sizes)

    def _smooth(self) -> tuple[np.ndarray, float]:
        """Return the inputs and the largest curvature of the loss."""
        if self.model is not None:
            raise ValueError(
                f"steps: no step size is safe for every theta of {self.model}: give one"
            )
        if self.kind is MatrixProblem:
            raise ValueError("steps: give a step size; there is no default for a matrix problem.")
        if self.kind in CLASSES:
            return self.X, 0.5  # of log sum exp: the largest eigenvalue of diag(p) - p p^T
        if not self.is_margin:
            return self.X, 1.0
        if not np.isfinite(self.loss.smoothness):
            raise ValueError(
                f"{self.loss} is not smooth, so no step size is safe: give steps (or step_size)."
            )
        return self.Z, self.loss.smoothness

    def _check_model(self) -> None:
        """Refuse a model that the data do not fit."""
        model = self.model
        if model is None:
            return
        linear = all(hasattr(model, name) for name in ("weights", "pullback"))
        if not hasattr(model, "n_parameters") or not (linear or hasattr(model, "linearize")):
            raise ValueError(
                f"model must have n_parameters, and weights and pullback or linearize; got"
                f" {shown(model)}. Make one with models.Network((2, 10, 1))."
            )
        if not linear and self.kind in (*CLASSES, MatrixProblem):
            raise ValueError(
                f"model: {self.kind.__name__} data need a model with weights, such as"
                " models.MatrixProduct(shape, depth=2)."
            )
        first = self.sets[0]
        own = getattr(model, "n_features", None) if linear else getattr(model, "widths", (None,))[0]
        needed = self.n_weights if linear else first.n_features
        if own is not None and own != needed:
            raise ValueError(f"the data have {needed} features, the model {own}: make another.")


def _loss(data: Data, loss: Any) -> str | MarginLoss:
    """Return the loss of the data: the one rule for defaults."""
    if isinstance(data, Dataset):
        if isinstance(loss, str) and loss == "squared":
            return loss
        if isinstance(loss, str):
            choice("loss", loss, (*LOSSES, "squared"))
        return named("logistic" if loss is None else loss)
    wanted = "cross-entropy" if isinstance(data, CLASSES) else "squared"
    if loss is not None and not (isinstance(loss, str) and loss == wanted):
        raise ValueError(
            f"loss must be {wanted!r} for {type(data).__name__} data; got {shown(loss)}. Leave it"
            " out."
        )
    return wanted
