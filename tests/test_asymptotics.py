"""The expansion in log t: the dual by other means, and the flow far out."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from ibias import datasets, flow, optima
from ibias.datasets import Dataset


def lifted(data, row, distance, above=0.0):
    """Append a sample at the height of `row` (and `above`), off the span of all others."""
    rest = np.hstack([data.Z, np.zeros((data.n_samples, 1))])
    return Dataset.from_signed(np.vstack([rest, np.r_[(1 + above) * data.Z[row], distance]]))


@pytest.mark.parametrize("seed", range(3))
def test_independent_support_vectors_have_one_dual(seed):
    data = datasets.separable(seed)
    svm, limit = optima.max_margin(data), optima.expansion(data)
    assert limit.dual_variables == pytest.approx(svm.dual_variables, abs=1e-9)
    assert limit.support.tolist() == svm.support.tolist()
    assert limit.degenerate.size == 0
    assert limit.w == pytest.approx(svm.w)
    heights = data.Z[limit.support] @ limit.residual
    alpha = limit.dual_variables[limit.support] / svm.margin**2
    assert heights == pytest.approx(-np.log(data.n_samples * alpha), abs=1e-8)
    assert limit.spanning == (limit.support.size == data.n_features)


def test_where_the_dual_is_not_unique_the_potential_decides():
    data = datasets.opposing_points(0, n_samples=7)
    limit = optima.expansion(data)
    across = data.Z[:, 1]
    best = minimize_scalar(lambda v: np.logaddexp.reduce(-across * v), tol=1e-14).x
    p = np.exp(-across * best)
    assert limit.dual_variables == pytest.approx(p / p.sum(), abs=1e-7)
    assert limit.residual[1] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_flow_has_this_expansion(seed):
    data = datasets.separable(seed)
    limit = optima.expansion(data)
    path = flow.gradient_flow(data, loss="exponential", log_t=[1e4, 1e5])
    residual = path.iterates - np.outer(path.log_t, limit.w)
    support = data.Z[limit.support]
    assert residual @ support.T == pytest.approx(
        np.tile(support @ limit.residual, (2, 1)), abs=1e-7
    )
    margin_gap = (limit.margin - path.normalized_margin(data.Z)) * path.log_t
    assert margin_gap[-1] == pytest.approx(limit.margin_gap, rel=1e-3)
    if limit.spanning:
        direction_gap = path.direction_gap(limit.w) * path.log_t
        assert direction_gap[-1] == pytest.approx(limit.direction_gap, rel=1e-3)


def test_degenerate_samples_are_found_and_others_are_not():
    data = datasets.separable(0)
    row = int(optima.max_margin(data).support[0])
    assert optima.expansion(lifted(data, row, 0.5)).degenerate.tolist() == [40]
    assert optima.expansion(lifted(data, row, 0.5, above=0.01)).degenerate.size == 0
    # Two such samples on opposite sides hold each other: both get weight.
    both = Dataset.from_signed(np.vstack([lifted(data, row, 0.5).Z, np.r_[data.Z[row], -0.2]]))
    limit = optima.expansion(both)
    assert limit.degenerate.size == 0
    assert limit.dual_variables[40:].min() > 0
    assert limit.dual_variables[40] * 0.5 == pytest.approx(limit.dual_variables[41] * 0.2)


def test_copies_share_the_weight_of_the_original():
    data = datasets.separable(2)
    limit = optima.expansion(data)
    row = int(limit.support[1])
    again = optima.expansion(datasets.duplicated(data, row, 4))
    rows = [row, 40, 41, 42]
    assert again.dual_variables[rows] == pytest.approx(limit.dual_variables[row] / 4, abs=1e-10)
    shift = data.Z[limit.support] @ (again.residual - limit.residual)
    expected = np.where(limit.support == row, np.log(4), 0) - np.log(43 / 40)
    assert shift == pytest.approx(expected, abs=1e-8)


def test_rotation_and_scale():
    data = datasets.separable(3)
    rotation = np.linalg.qr(datasets.generator(5).standard_normal((5, 5)))[0]
    limit, turned = optima.expansion(data), optima.expansion(Dataset(2 * data.X @ rotation, data.y))
    assert turned.dual_variables == pytest.approx(limit.dual_variables, abs=1e-9)
    assert turned.margin_gap == pytest.approx(2 * limit.margin_gap)
    # In units of the margin, log t is shifted: only the part across w_hat is comparable.
    assert turned.direction_gap == pytest.approx(limit.direction_gap)


@pytest.mark.parametrize("decades", [1, 3, 5, 7, 9, 11, 13])
def test_small_weights_are_found_or_refused(decades):
    """Their logarithms are what the residual is made of."""
    found = 0
    for seed in range(6):
        rng = datasets.generator(100 * decades + seed)
        p = rng.uniform(0.2, 1, size=int(rng.integers(2, 6)))
        p[0] *= 10 ** -rng.uniform(decades - 1, decades)
        p /= p.sum()
        data = datasets.planted(seed, p, n_samples=12, spread=10 ** rng.uniform(-1, 1))
        try:
            limit = optima.expansion(data)
        except RuntimeError as error:
            assert "emove" in str(error) or "rounding leaves open" in str(error)
            continue
        if 0 not in limit.support:
            assert p[0] < 1e-8
            continue
        found += 1
        logs = np.log(limit.dual_variables[: len(p)])
        assert logs == pytest.approx(np.log(p), abs=1e-5)
    assert found == 6 or decades > 7


def test_one_support_vector_has_no_gap():
    limit = optima.expansion(Dataset.from_signed([[1.0, 0.0], [3.0, 1.0], [3.0, -2.0]]))
    assert limit.dual_variables.tolist() == [1, 0, 0]
    assert limit.margin_gap == 0
    assert limit.direction_gap == pytest.approx(0, abs=1e-15)
    assert not limit.spanning


def test_refusals():
    with pytest.raises(optima.NotSeparable):
        optima.expansion(Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0]]))
    with pytest.raises(ValueError, match="data must be a Dataset"):
        optima.expansion(np.eye(2))
