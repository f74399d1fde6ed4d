"""Data sets built for one purpose."""

import numpy as np
import pytest

from ibias import datasets, optima


def test_duplicates_leave_the_optimum_and_share_its_weight():
    data = datasets.separable(1)
    svm = optima.max_margin(data)
    row = int(svm.support[0])
    again = datasets.duplicated(data, row, 5)
    assert again.n_samples == data.n_samples + 4
    assert (again.Z[data.n_samples :] == data.Z[row]).all()
    assert optima.max_margin(again).w == pytest.approx(svm.w, abs=1e-9)
    assert datasets.duplicated(data, row, 1).n_samples == data.n_samples


def test_opposing_points_all_lie_on_the_margin():
    data = datasets.opposing_points(3, n_samples=7, height=0.2)
    svm = optima.max_margin(data)
    assert svm.margin == pytest.approx(0.2)
    assert svm.support.size == 7
    assert (np.sign(data.Z[:2, 1]) == [1, -1]).all()


def test_a_raised_copy_of_a_support_vector_is_degenerate():
    data = datasets.separable(1)
    svm = optima.max_margin(data)
    row = int(svm.support[0])
    limit = optima.expansion(datasets.raised_copy(data, row, distance=0.7))
    assert list(limit.degenerate) == [data.n_samples]
    assert limit.w == pytest.approx([*svm.w, 0], abs=1e-9)
    above = optima.expansion(datasets.raised_copy(data, row, distance=0.7, above=0.1))
    assert above.degenerate.size == 0 and data.n_samples not in above.support


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda d: datasets.duplicated(d, 40, 2), "row must be a sample, 0 to 39; got 40"),
        (lambda d: datasets.duplicated(d, 0, 0), "copies must be a whole number, at least 1"),
        (lambda d: datasets.raised_copy(d, -1, distance=1), "row must be a sample, 0 to 39"),
        (lambda d: datasets.raised_copy(d, 0, distance=0), "distance must be finite and greater"),
        (lambda d: datasets.raised_copy(d, 0, distance=1, above=np.nan), "above holds 1 NaN"),
        (lambda d: datasets.raised_copy(d, 0, distance=1, above=[0.1]), "above must be one number"),
        (lambda d: datasets.opposing_points(n_samples=1), "n_samples must be at least 2"),
        (lambda d: datasets.opposing_points(height=0), "height must be finite and greater"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(datasets.separable())
