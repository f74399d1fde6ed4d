"""The split into a separable part and the rest: its guards, its spans, and the words for it."""

import types

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets.rows import even
from ibias.optima import NotSeparable, _advice, _verdict, separability
from ibias.optima.separability import separate

# Rows 0 and 1 hold each other, row 2 rises above them.
TOUCHING = np.array([[1.0, 0.0], [-1.0, 0.0], [0.5, 1.0]])


def forged(monkeypatch, direction, separated, weights):
    """Put this in the place of what the solver finds."""
    answer = np.array(direction, float), np.array(separated), np.array(weights, float)
    monkeypatch.setattr(separability, "_stiemke", lambda rows: answer)


def test_the_true_answer_passes_the_guards(monkeypatch):
    forged(monkeypatch, [0.0, 2.0], [False, False, True], [0.5, 0.5, 0.0])
    split = separate(TOUCHING)
    assert split.weights.tolist() == [0.5, 0.5, 0] and split.w.tolist() == [0, 2]
    assert split.separable.tolist() == [2] and split.rest.tolist() == [0, 1]
    assert split.residual == 0 and split.Z is TOUCHING


def test_what_the_direction_has_along_the_rest_is_taken_off(monkeypatch):
    forged(monkeypatch, [0.3, 2.0], [False, False, True], [0.6, 0.4, 0.0])
    split = separate(TOUCHING)
    assert split.w == pytest.approx([0, 2]) and split.weights == pytest.approx([0.5, 0.5, 0])


@pytest.mark.parametrize("d", [2, 5])
def test_features_that_are_zero_everywhere_have_no_weight(d):
    split = separate(np.c_[TOUCHING, np.zeros((3, d))])
    assert split.separable.tolist() == [2] and (split.w[2:] == 0).all()
    assert split.undetermined.tolist() == list(range(2, 2 + d))
    alone = separate(np.c_[np.eye(2), np.zeros((2, d))])
    assert alone.kind == "separable" and alone.residual == 0


def test_a_long_direction_is_off_the_rest_by_its_own_rounding():
    """Rows 2 and 3 are apart by 1e-5 of their length only: the w that separates both is long."""
    turn = np.linalg.qr(datasets.generator(0).standard_normal((3, 3)))[0]
    Z = np.array([[1.0, 0.3, 0.0], [-1.0, -0.3, 0.0], [0.5, 1.0, 1e-5], [-0.5, -1.0, 0.0]]) @ turn
    split = separate(Z)
    assert split.rest.tolist() == [0, 1] and split.separable.tolist() == [2, 3]
    assert np.linalg.norm(split.w) > 1e4


@pytest.mark.parametrize(
    ("direction", "separated", "weights"),
    [
        ([0.0, 0.27], [False, False, True], [0.5, 0.5, 0]),  # not far enough: 1/4 is asked
        ([0.0, -2.0], [False, False, True], [0.5, 0.5, 0]),  # on the wrong side
        ([1.0, 0.0], [True, True, True], [0, 0, 0]),  # sample 1 is on the wrong side
        ([0.0, 2.0], [False, True, True], [1.0, 0, 0]),  # one alone does not meet zero
        ([0.0, 2.0], [False, False, False], [0.5, 0.5, 0.5]),  # sample 2 holds nobody
        ([0.0, 2.0], [False, False, True], [0.0, 0.0, 0]),  # no weights at all
    ],
)
def test_an_answer_that_its_own_certificate_does_not_bear_out_is_refused(
    direction, separated, weights, monkeypatch
):
    forged(monkeypatch, direction, separated, weights)
    with pytest.raises(RuntimeError, match="rounding leaves open"):
        separate(TOUCHING)


def test_a_separated_sample_is_a_quarter_above_the_hyperplane(monkeypatch):
    """Of a row of length one, where the solver was asked for one."""
    height = 1 / np.hypot(0.5, 1)  # of the third row, divided by its length, along (0, 1)
    for part, passes in ((0.251, True), (0.249, False)):
        forged(monkeypatch, [0.0, part / height], [False, False, True], [0.5, 0.5, 0])
        if passes:
            assert separate(TOUCHING).separable.tolist() == [2]
            continue
        with pytest.raises(RuntimeError, match="rounding leaves open"):
            separate(TOUCHING)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [3, 9])
def test_every_field_of_a_split_is_what_it_says(seed, d):
    """Some rows held at zero by chosen weights, others above; uneven columns and lengths."""
    rng = datasets.generator(seed)
    held = rng.standard_normal((4, 2))
    held = np.vstack([held, -np.arange(1, 5) @ held])
    above = np.c_[rng.standard_normal((3, 2)), rng.uniform(0.5, 1, (3, d - 2))]
    Z = np.vstack([np.c_[held, np.zeros((5, d - 2))], above]) * 10.0 ** rng.uniform(-3, 3, d)
    Z = Z * 10.0 ** rng.uniform(-2, 2, (8, 1))
    split = separate(Z)
    assert split.rest.tolist() == [0, 1, 2, 3, 4] and split.separable.tolist() == [5, 6, 7]
    sizes = np.abs(Z).max(axis=0)
    assert split.weights.sum() == pytest.approx(1) and (split.weights[:5] > 0).all()
    assert (split.weights[5:] == 0).all()
    residual = np.abs(split.weights @ Z / sizes).max()
    assert split.residual == pytest.approx(residual, abs=1e-18) and residual < 1e-14
    r, c = even(Z)
    heights = Z @ split.w / r / np.linalg.norm(Z / r[:, None] / c, axis=1)
    assert (heights[5:] >= 0.9).all() and np.abs(heights[:5]).max() < 1e-10


def test_the_program_of_stiemke():
    """max sum t with <z, w> >= t in [0, 1]: multipliers of at least 1 on the rest, and 0 off it."""
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]])
    w, separated, weights = separability._stiemke(rows)
    assert separated.tolist() == [False, False, True]
    assert w[1] * 0.8 + w[0] * 0.6 >= 1 - 1e-9 and w[0] == pytest.approx(0, abs=1e-9)
    assert weights[2] == 0 and weights[0] == pytest.approx(weights[1]) and weights[0] >= 1 - 1e-9


def test_weights_are_moved_the_shortest_way_to_meet_zero():
    rows = np.random.default_rng(0).standard_normal((6, 3))
    rows[-1] = -rows[:-1].sum(axis=0)
    rough = 1 + 0.01 * np.random.default_rng(1).standard_normal(6)
    shortest = rough - rows @ np.linalg.pinv(rows.T @ rows) @ (rows.T @ rough)
    assert separability._meeting_zero(rows, rough) == pytest.approx(shortest, abs=1e-12)


def test_a_singular_value_that_is_rounding_is_cut(monkeypatch):
    """1e-14 in a column where there is nothing else: to meet it exactly one weight turned < 0."""
    rows = np.array([[1.0, 1e-14], [-1.0, -0.5e-14]])
    assert separability._meeting_zero(rows, np.ones(2)) == pytest.approx([1, 1])
    for cuts, weights in (((1e-15,), [0, 0]), ((1e-11,), [1, 1])):
        monkeypatch.setattr(separability, "CUTS", cuts)
        for size in (1.0, 1e6):
            found = separability._meeting_zero(size * rows, np.ones(2))
            assert found == pytest.approx(weights, abs=0.1)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_the_first_cut_that_is_good_is_taken(size, monkeypatch):
    """The second one cuts all singular values off, and corrects nothing."""
    monkeypatch.setattr(separability, "CUTS", (1e-15, 10.0))
    rows = np.random.default_rng(0).standard_normal((6, 3))
    rows[-1] = -rows[:-1].sum(axis=0)
    rough = size * (1 + 0.01 * np.random.default_rng(1).standard_normal(6))
    found = separability._meeting_zero(rows, rough)
    assert np.abs(found @ rows).max() < 1e-12 * size and (found > 0).all()


def test_spans_and_projections():
    rows = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [1e-13, -1e-13, 0.0]])
    basis = separability._row_span(rows)
    assert np.abs(basis) == pytest.approx(np.array([[1, 1, 0]]) / np.sqrt(2))
    assert separability._row_span(np.diag([1.0, 1e-8, 0.0])).shape == (2, 3)
    assert separability._row_span(np.diag([1.0, 1e-12, 0.0])).shape == (1, 3)
    assert separability._row_span(rows[:0]).shape == (0, 3)
    assert separability._row_span(np.zeros((2, 3))).shape == (0, 3)
    onto = separability._onto_rows(rows, np.array([3.0, 1.0, 5.0]))
    assert onto == pytest.approx([2, 2, 0])


def test_features_in_a_span_are_told_in_units_of_the_data():
    Z = np.array([[1.0, 0.0, 0.0], [0.0, 1e-7, 1e7], [1.0, 1e-7, -1e7], [0.0, 0.0, 0.0]])
    assert separability._in_span(Z, Z).tolist() == [True, True, True]
    assert separability._in_span(Z[:2], Z).tolist() == [True, False, False]
    assert separability._in_span(Z[:0], Z).tolist() == [False, False, False]
    short = np.array([[1.0, 1.0], [1e-6, -1e-6]])  # rows of any length count
    assert separability._in_span(short, short).tolist() == [True, True]
    flat = np.c_[Z[:2], [0.0, 0.0]]
    assert separability._in_span(flat, np.c_[Z, np.zeros(4)]).tolist() == [True] + [False] * 3
    # Off the span by an angle of 1e-6 (a squared sine of 1e-12), and of 1e-3.
    for angle, inside in ((1e-6, True), (1e-3, False)):
        rows = np.array([[1.0, angle]])
        assert separability._in_span(rows, np.ones((1, 2)))[0] == inside


# ---- the error of data that are not separable


def test_the_error_says_how_many_and_what_kind_and_keeps_the_numbers():
    error = NotSeparable(np.array([0.5, 0.0, 0.5]), 3e-17, True, "at all", "Try more.")
    assert error.residual == 3e-17 and error.touching is True
    assert error.weights.tolist() == [0.5, 0, 0.5] and not error.weights.flags.writeable
    assert "not linearly separable at all: a convex combination of 2 of the 3" in str(error)
    assert "(residual 3.0e-17). The two classes touch" in str(error)
    assert str(error).endswith(". Try more.")
    split = separate(TOUCHING)
    assert "through the origin" in str(split.error()) and "with_constant" in str(split.error())
    assert split.error().touching and split.error().residual == split.residual
    assert "with a bias" in str(split.error("with a bias", "None."))
    both = separate(TOUCHING[:2]).error()
    assert both.touching is False and "The two classes overlap: every direction" in str(both)
    assert "The two classes touch" not in str(both)


# ---- in words


def split_of(w, names=None, **fields):
    """What the words need of a separation."""
    return types.SimpleNamespace(
        Z=np.ones((3, len(w))), w=np.array(w, float), feature_names=names, **fields
    )


def test_one_feature_is_named_and_all_of_several_are_all():
    one = split_of([1.0])
    assert _verdict.named(one, [0]) == "feature 0"
    two = split_of([1.0, 2.0])
    assert _verdict.named(two, [0, 1]) == "all features"
    assert _verdict.named(two, [1]) == "feature 1"
    assert _verdict.named(split_of([1.0] * 4), [1, 3]) == "features 1, 3"
    assert _verdict.named(split_of([1.0, 2.0, 3.0], ("a", "b", "c")), [0, 2]) == "'a', 'c'"


@pytest.mark.parametrize(("n", "end"), [(6, "5"), (7, "5 and 1 more"), (9, "5 and 3 more")])
def test_six_are_listed_and_the_others_counted(n, end):
    assert _verdict.listed(range(n)) == f"0, 1, 2, 3, 4, {end}"


def test_one_is_no_plural():
    assert _verdict.counted("sample", np.array([4])) == "1 sample (4)"
    assert _verdict.counted("sample", np.array([4, 5])) == "2 samples (4, 5)"


def test_the_largest_weights_are_shown_in_the_order_of_the_features():
    assert _verdict.weights(split_of([0.0, -4.0, 2.0])) == "-1 on feature 1, 0.5 on feature 2"
    w = [1, 2, 3, 4, -5, 6, 7, 8]
    said = _verdict.weights(split_of(w))
    shown = ", ".join(f"{w[j] / 8:.3g} on feature {j}" for j in range(2, 8))
    assert said == f"{shown}, and 2 smaller ones"
    # Of equal sizes the first ones are shown.
    for seed in range(4):
        w = np.random.default_rng(seed).integers(1, 3, 60) * 1.0
        said = _verdict.weights(split_of(w))
        shown = [int(part.split()[-1]) for part in said.split(", and")[0].split(", ")]
        assert shown == np.flatnonzero(w == 2)[:6].tolist()
        assert said.endswith(", and 54 smaller ones")


# ---- what to do where float64 cannot


def test_the_samples_that_almost_meet_are_those_of_the_largest_weights():
    Z, weights = np.eye(5), np.array([0.1, 0.0, 0.5, 0.3, 0.1])
    said = str(_advice.too_small(Z, weights, 1e-9, 2e-3, 2))
    assert "margin is about 1.0e-09 and could be certified only to 2.0e-03" in said
    assert "first of all [2, 3, 0]" in said and "entries of 1.0e+00" in said
    assert "first of all [2]," in str(_advice.too_small(Z, np.eye(5)[2], 1e-9, 2e-3, 2))
    assert "[2, 3, 0]" in str(_advice.undecided(Z, -weights))
    assert "or use hinge_machine" in said


@pytest.mark.parametrize(("p", "close"), [(1.2, "1"), (7.0, "inf"), (2.5, "inf"), (1.9, "1")])
def test_an_order_that_is_hard_names_the_easy_one(p, close):
    """Where the margin is no small one beside the entries, the order is what is hard."""
    Z, weights = 50 * np.eye(2), np.array([0.5, 0.5])
    said = str(_advice.too_small(Z, weights, 1e-3, 2e-3, p))
    assert said.startswith(f"p={p:g}: the maximum margin 0.001 could be certified only to 2.0e-03")
    assert f"take p = {close}, which" in said
    assert str(_advice.too_small(Z, weights, 4e-4, 2e-3, p)).startswith(
        "data: "
    )  # below 1e-5 of 50
    for easy in (1, 2, np.inf):
        assert str(_advice.too_small(Z, weights, 1e-3, 2e-3, easy)).startswith("data: ")


def test_columns_are_uneven_beyond_a_factor_of_a_thousand():
    assert _advice.uneven_columns(np.array([[1.0, 900.0]])) == ""
    assert "column 1 by" in _advice.uneven_columns(np.array([[1.0, 1100.0]]))


def test_whether_data_are_separable_does_not_depend_on_their_scales():
    for Z in (np.array([[1.0, 1100.0]]), np.eye(2)):
        said = str(_advice.undecided(Z, np.ones(len(Z))))
        assert "To go on, drop the samples" in said and "alike" not in said
