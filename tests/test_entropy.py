"""Entropies: bounds, additivity, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibias.entropy import min_entropy, shannon_entropy


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda p: sum(p) > 1e-3))
def test_entropies_are_ordered(weights):
    p = np.array(weights) / np.sum(weights)
    assert -1e-12 <= min_entropy(p) <= shannon_entropy(p) + 1e-12
    assert shannon_entropy(p) <= np.log(len(p)) + 1e-12


def test_equal_weights_reach_the_bound_and_rows_are_independent():
    p = np.array([[0.25] * 4, [1.0, 0, 0, 0]])
    assert shannon_entropy(p) == pytest.approx([np.log(4), 0])
    assert min_entropy(p) == pytest.approx([np.log(4), 0])


def test_entropies_of_independent_draws_add_up():
    p, q = np.array([0.2, 0.8]), np.array([0.1, 0.3, 0.6])
    both = np.outer(p, q).ravel()
    for entropy in (shannon_entropy, min_entropy):
        assert entropy(both) == pytest.approx(entropy(p) + entropy(q))


@pytest.mark.parametrize("weights", [[0.5, 0.6], [-0.1, 1.1], 1.0])
def test_what_is_not_convex_is_refused(weights):
    with pytest.raises(ValueError, match="sum to 1 over the last axis; divide by their sum"):
        shannon_entropy(weights)


@pytest.mark.parametrize("entropy", [shannon_entropy, min_entropy])
def test_weights_are_convex_up_to_a_millionth(entropy):
    for off in (-0.9e-6, 0.9e-6):
        assert np.isfinite(entropy([0.5, 0.5 + off]))
    bad = [[0.5, 0.5 + 1.1e-6], [0.5, 0.5 - 1.1e-6], [1.0 + 1e-7, -1e-7], 1.0]
    for weights in (*bad, [[0.5, 0.5], [0.5, 0.6]], [[0.5, 0.5], [1.1, -0.1]], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="weights"):
            entropy(weights)
    assert entropy(np.full((2, 3, 4), 0.25)) == pytest.approx(np.full((2, 3), np.log(4)))
    assert entropy([1.0, 0.0]) == 0


def test_entropies_of_a_pair_by_hand():
    assert shannon_entropy([0.25, 0.75]) == pytest.approx(2 * np.log(2) - 0.75 * np.log(3))
    assert min_entropy([0.25, 0.75]) == pytest.approx(np.log(4 / 3))
