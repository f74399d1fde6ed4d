"""The split into a separable part and the rest, against the theorem of the alternative."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibias import datasets
from ibias.datasets import Dataset
from ibias.optima import NotSeparable, max_margin, ridge_path, separability, separation


def constructed(seed: int, n_rest: int = 30, n_separable: int = 20) -> Dataset:
    """Rows 0..n_rest-1 span three dimensions and overlap there; the others rise above them."""
    rng = datasets.generator(seed)
    rest = np.c_[rng.standard_normal((n_rest, 3)), np.zeros((n_rest, 2))]
    rising = np.c_[rng.standard_normal((n_separable, 3)), rng.uniform(0.1, 1, (n_separable, 2))]
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    return Dataset.from_signed(np.vstack([rest, rising]) @ turn)


@pytest.mark.parametrize("seed", range(5))
def test_the_constructed_parts_are_found_with_both_certificates(seed: int) -> None:
    data = constructed(seed)
    split = separation(data)
    assert split.rest.tolist() == list(range(30))
    assert split.separable.tolist() == list(range(30, 50))
    heights = data.Z @ split.w
    assert (heights[30:] > 0).all()
    np.testing.assert_allclose(heights[:30], 0, atol=1e-9 * heights.max())
    assert (split.weights[:30] > 0).all() and (split.weights[30:] == 0).all()
    np.testing.assert_allclose(split.weights.sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(split.weights @ data.Z, 0, atol=1e-15)


def test_the_split_ignores_row_lengths_and_feature_scales() -> None:
    data = constructed(1)
    rng = datasets.generator(7)
    scaled = data.Z * rng.uniform(1e-3, 1e3, (50, 1)) * np.logspace(-3, 3, 5)
    assert separation(Dataset.from_signed(scaled)).rest.tolist() == list(range(30))


def test_separable_data_have_no_rest() -> None:
    split = separation(datasets.separable(0))
    assert split.rest.size == 0 and (split.weights == 0).all() and split.residual == 0


@pytest.mark.parametrize(
    ("Z", "touching", "positive"),
    [
        ([[0, 1], [0, -1], [1, 0]], True, [0, 1]),
        ([[1, 1], [1, -1], [-1, 0]], False, [0, 1, 2]),
        ([[1, 2, 3], [-1, -2, -3]], False, [0, 1]),
        ([[0, 0], [1, 0]], True, [0]),
        ([[0, 0], [0, 0]], False, [0, 1]),
    ],
)
@pytest.mark.parametrize("p", [1, 2, np.inf])
def test_max_margin_raises_with_the_convex_combination(
    Z: list, touching: bool, positive: list, p: float
) -> None:
    with pytest.raises(NotSeparable, match="not linearly separable") as caught:
        max_margin(Dataset.from_signed(Z), p=p)
    error = caught.value
    assert error.touching is touching
    assert ("touch" in str(error)) is touching
    assert np.flatnonzero(error.weights).tolist() == positive
    assert (error.weights >= 0).all() and abs(error.weights.sum() - 1) < 1e-14
    np.testing.assert_allclose(error.weights @ np.array(Z), 0, atol=1e-15)


def test_a_margin_next_to_zero_is_left_open_in_words() -> None:
    data = Dataset.from_signed([[1e-14, 1], [1e-14, -1], [1, 2]])
    with pytest.raises(RuntimeError, match="rounding leaves open"):
        max_margin(data)


def test_random_data_of_many_more_samples_than_features_overlap() -> None:
    rng = datasets.generator(3)
    data = Dataset.from_signed(rng.standard_normal((300, 5)))
    with pytest.raises(NotSeparable, match="overlap") as caught:
        max_margin(data)
    assert (caught.value.weights > 0).all() and caught.value.residual < 1e-14


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=6))
def test_exactly_one_alternative_holds(rows: list[tuple[int, int]]) -> None:
    data = Dataset.from_signed(rows)
    split = separation(data)
    assert sorted([*split.separable, *split.rest]) == list(range(len(rows)))
    # In the plane a fan of directions holds every sign pattern that an open set of w can have.
    angles = np.linspace(0, 2 * np.pi, 5000, endpoint=False) + 1e-4
    fan = data.Z @ np.array([np.cos(angles), np.sin(angles)])
    assert bool((fan > 0).all(axis=0).any()) == (split.rest.size == 0)


def test_a_raw_array_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"data must be a Dataset.*datasets.Dataset\(X, y\)"):
        separation(np.eye(2))


# ---- what a statistician asks: which estimates are finite?


@pytest.mark.parametrize(
    ("Z", "kind", "finite", "infinite", "undetermined"),
    [
        ([[1.0]], "separable", [], [0], []),
        ([[1.0], [-1.0]], "overlapping", [0], [], []),
        ([[0.0], [1.0]], "quasi-separable", [], [0], []),
        ([[0.0], [0.0]], "overlapping", [], [], [0]),
        ([[1, 0], [2, 0], [-3, 0], [2, 1]], "quasi-separable", [0], [1], []),
        ([[1, 0], [-2, 0], [2, 0]], "overlapping", [0], [], [1]),
        # The same column twice: neither coefficient is known, their sum is.
        ([[1, 1, 0], [-2, -2, 0], [3, 3, 1]], "quasi-separable", [], [2], [0, 1]),
        # The rest spans (1, 1): the sum has a finite estimate, and neither coefficient.
        ([[1, 1], [-2, -2], [1, 0]], "quasi-separable", [], [0, 1], []),
        ([[1, 2], [-1, 1], [0, -3]], "overlapping", [0, 1], [], []),
        # A constant column, and a feature that explains one class.
        (
            [[1, 0, 1], [-1, 0, -1], [2, 0, -1], [-2, 0, 1], [1, 5, 1]],
            "quasi-separable",
            [0, 2],
            [1],
            [],
        ),
    ],
)
def test_which_coefficients_have_a_finite_estimate(Z, kind, finite, infinite, undetermined):
    split = separation(Dataset.from_signed(Z))
    assert split.kind == kind
    assert split.finite.tolist() == finite
    assert split.infinite.tolist() == infinite
    assert split.undetermined.tolist() == undetermined
    text = str(split)
    assert text.startswith(f"{kind}: ") and "with_constant" in text
    assert ("Firth" in text) is (kind != "overlapping")
    assert ("has a maximum" in text) is (kind == "overlapping")
    assert ("linearly dependent" in text) is bool(undetermined)


def test_finite_estimates_are_those_that_a_vanishing_ridge_leaves_alone() -> None:
    """An oracle: from one tiny penalty to a tinier one only the infinite coefficients move."""
    for seed in range(3):
        data = constructed(seed, n_rest=12, n_separable=3)
        turn = np.linalg.svd(data.Z[:12])[2]
        data = Dataset.from_signed(data.Z @ turn.T)  # the rest spans the first three features
        split = separation(data)
        assert split.finite.tolist() == [0, 1, 2] and split.infinite.tolist() == [3, 4]
        path = ridge_path(data, log_penalty=[-30.0, -40.0]).w
        assert (np.abs(path[1] - path[0])[:3] < 1e-6).all()
        assert np.abs(path[1] - path[0])[3:].max() > 1


def test_scales_of_features_and_samples_do_not_change_which_estimates_are_finite() -> None:
    rng = datasets.generator(3)
    Z = np.array([[1.0, 0, 1], [-1, 0, -1], [2, 0, -1], [-2, 0, 1], [1, 5, 1]])
    for _ in range(5):
        scaled = Z * 10.0 ** rng.uniform(-5, 5, (5, 1)) * 10.0 ** rng.uniform(-5, 5, 3)
        assert separation(Dataset.from_signed(scaled)).finite.tolist() == [0, 2]


def test_the_words_name_samples_features_and_direction() -> None:
    table = pd.DataFrame({"dose": [1.0, 2.0, 3.0, 2.0], "rash": [0, 0, 0, 1]})
    data = Dataset(table, ["ill", "well", "ill", "ill"], positive="ill")
    lines = str(separation(data)).splitlines()
    assert "has 1 sample (3) on the right side and the other 3 on it" in lines[0]
    assert lines[1].endswith("along the weights 1 on 'rash'.")
    assert lines[2] == "A finite estimate, and one only, exists for 'dose'."
    assert lines[3] == "No finite estimate exists for 'rash'."
    wide = str(separation(datasets.wide(0, 10, 40)))
    assert "all of the 10 samples" in wide and "and 34 smaller ones" in wide
    assert len(wide) < 700


def test_one_class_is_separable_with_a_constant() -> None:
    one = Dataset.one_class([[1.0], [-1.0]])
    assert separation(one).kind == "overlapping"
    assert separation(one.with_constant()).kind == "separable"


def test_how_many_samples_hold_each_other_is_said():
    data = Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    with pytest.raises(NotSeparable, match="combination of 2 of the 4 signed inputs"):
        max_margin(data)


def test_a_program_that_is_not_solved_leaves_it_undecided(monkeypatch):
    failed = separability.linear_program(np.ones(1), A_ub=np.ones((1, 1)), b_ub=[-1.0])
    assert failed.status != 0
    monkeypatch.setattr(separability, "linear_program", lambda *_, **__: failed)
    with pytest.raises(RuntimeError, match="data"):
        separability._stiemke(np.eye(2))
