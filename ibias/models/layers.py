"""The entries of a matrix that is a product of factors, as weights with parameters theta."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ibias._validate import (
    batch_axes,
    chance,
    finite_array,
    one_by_one,
    parameters,
    positive,
    positive_integer,
    shown,
    whole_fields,
)
from ibias.models import matrix_product


@dataclass(frozen=True)
class MatrixProduct:
    """W = W_1 ... W_N; theta holds the factors, one after the other and row by row.

    The weights are the entries of W, row by row. With n_classes rows it is a deep linear
    classifier, with the shape of a matrix problem a factorisation.

    Parameters
    ----------
    shape : pair of int
        The rows and columns of W.
    depth : int
        The number of factors.
    width : int, optional
        The inner dimension; the smaller side of W if not given.

    Examples
    --------
    >>> net = MatrixProduct((2, 2), depth=2)
    >>> net.matrix(net.theta([np.eye(2), [[1.0, 2.0], [3.0, 4.0]]]))
    array([[1., 2.],
           [3., 4.]])
    """

    shape: tuple[int, int]
    depth: int = 2
    width: int | None = None

    def __post_init__(self) -> None:
        sizes = tuple(positive_integer("shape", size) for size in one_by_one("shape", self.shape))
        if len(sizes) != 2:
            raise ValueError(f"shape must be (n_rows, n_columns); got {shown(self.shape)}")
        object.__setattr__(self, "shape", sizes)
        whole_fields(self, "depth")
        if self.width is not None:
            whole_fields(self, "width")

    @property
    def degree(self) -> int:
        """The degree of homogeneity, which is the depth."""
        return self.depth

    @property
    def n_features(self) -> int:
        """The number of entries of W."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The shapes of W_1, ..., W_N."""
        inner = [self.width or min(self.shape)] * (self.depth - 1)
        return tuple(pairwise([self.shape[0], *inner, self.shape[1]]))

    @cached_property
    def n_parameters(self) -> int:
        """The length of theta."""
        return sum(rows * columns for rows, columns in self.shapes)

    def factors(self, theta: ArrayLike) -> list[np.ndarray]:
        """Return W_1, ..., W_N, each of shape (..., rows, columns)."""
        theta, factors, end = parameters(theta, self), [], 0
        for rows, columns in self.shapes:
            begin, end = end, end + rows * columns
            factors.append(theta[..., begin:end].reshape(*theta.shape[:-1], rows, columns))
        return factors

    def theta(self, factors: Sequence[ArrayLike]) -> np.ndarray:
        """Return the parameters with the given factors, shape (..., n_parameters)."""
        arrays = [finite_array(f"factors[{j}]", factor) for j, factor in enumerate(factors)]
        if tuple(factor.shape[-2:] for factor in arrays) != self.shapes:
            raise ValueError(
                f"factors have the shapes {[factor.shape for factor in arrays]}; expected"
                f" {list(self.shapes)}"
            )
        batch = np.broadcast_shapes(*(factor.shape[:-2] for factor in arrays))
        flat = [np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(*batch, -1) for a in arrays]
        return np.concatenate(flat, axis=-1)

    def random(self, rng: np.random.Generator, scale: float = 1.0, batch: tuple = ()) -> np.ndarray:
        """Return theta with independent entries N(0, scale^2), shape batch + (n_parameters,)."""
        scale, shape = positive("scale", scale), (*batch_axes(batch), self.n_parameters)
        return scale * chance(rng).standard_normal(shape)

    def matrix(self, theta: ArrayLike) -> np.ndarray:
        """Return W, shape (..., n_rows, n_columns)."""
        return matrix_product.product(self.factors(theta))

    def weights(self, theta: ArrayLike) -> np.ndarray:
        """Return the entries of W, shape (..., n_features)."""
        W = self.matrix(theta)
        return W.reshape(*W.shape[:-2], -1)

    def pullback(self, theta: ArrayLike, g: ArrayLike) -> np.ndarray:
        """Return (dW/dtheta)^T g, shape (..., n_parameters), for g of shape (..., n_features)."""
        g = np.asarray(g)
        G = g.reshape(*g.shape[:-1], *self.shape)
        gradients = matrix_product.vjp(self.factors(theta), G)
        return np.concatenate([dW.reshape(*dW.shape[:-2], -1) for dW in gradients], axis=-1)
