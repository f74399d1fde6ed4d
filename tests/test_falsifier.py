"""The contest of runs and random solutions: intervals, images, and stored cells computed again."""

from itertools import combinations

import numpy as np
import pytest

from ibias import sweeps
from ibias.sweeps import falsifier, rivals, shares

PAIRS = np.array(falsifier.PAIRS)


def intervals(draw, n_repeats=2000, **how):
    """How often the interval of a mean of `draw(rng)` holds zero, and its mean squared error."""
    rng, hits, errors, values = np.random.default_rng(4), 0, [], []
    for _ in range(n_repeats):
        one = shares.ratio(draw(rng), np.ones(45), **how)
        hits += one.low <= 0 <= one.high
        errors.append((one.high - one.value) ** 2)
        values.append(one.value)
    return hits / n_repeats, np.mean(errors) / np.var(values)


def test_the_interval_is_right_where_only_the_digits_differ():
    coverage, ratio = intervals(lambda rng: rng.standard_normal(10)[PAIRS].sum(axis=1))
    assert coverage == pytest.approx(0.95, abs=0.02)
    assert ratio == pytest.approx(2.262**2, rel=0.1)


def test_the_interval_is_too_wide_where_pairs_are_independent():
    coverage, ratio = intervals(lambda rng: rng.standard_normal(45))
    assert coverage > 0.98
    assert ratio == pytest.approx(2 * 9 / 8 * 2.262**2, rel=0.1)


def test_a_ratio_is_one_of_sums():
    top, bottom = np.arange(45.0), np.arange(45.0) + 5
    found = shares.ratio(top, bottom)
    assert found.value == pytest.approx(top.sum() / bottom.sum())
    assert found.low < found.value < found.high
    assert shares.ratio(2 * bottom, bottom).high == pytest.approx(2)


def test_the_verdicts():
    for ends, verdict in (
        ((0.91, 1.09), "explained"),
        ((0.5, 0.89), "refuted"),
        ((1.11, 1.3), "refuted"),
        ((0.85, 1.0), "undecided"),
        ((0.2, 1.5), "undecided"),
    ):
        assert shares.Interval(1.0, *ends).verdict == verdict


def test_bad_ratios_are_refused():
    for top, bottom, pairs, words in (
        (np.ones(44), np.ones(45), PAIRS, "one entry for each pair"),
        (np.ones(45), np.ones(45), PAIRS[:, :1], "one entry for each pair"),
        (np.ones(45), np.zeros(45), PAIRS, "not zero in sum"),
        (np.ones(1), np.ones(1), [(0, 1)], "three things or more"),
        (np.full(45, np.nan), np.ones(45), PAIRS, "numerator holds 45 NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            shares.ratio(top, bottom, pairs)


def test_training_poison_and_test_images_are_apart():
    for model in rivals.MODELS:
        one = falsifier.images(model, (2, 7), 64, 3)
        rows = [X for X, _ in one]
        assert [len(X) for X in rows] == [64, 20, 240]
        inputs = falsifier.inputs(model, (2, 7))
        found = [{int((inputs == x).all(axis=1).argmax()) for x in X} for X in rows]
        assert [len(seen) for seen in found] == [64, 20, 240]
        assert all(not a & b for a, b in combinations(found, 2))
        assert [y.sum() for _, y in one] == [0, 0, 0]
        np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-12)
        assert (inputs**2).sum(axis=1).mean() == pytest.approx(1)


def test_a_run_stops_where_it_says():
    sets = [falsifier.images("features", pair, 8, 2).train for pair in [(0, 1), (3, 5)]]
    X, y = (np.array(side) for side in zip(*sets, strict=True))
    found = rivals.stops(rivals.Features, X, y, np.random.default_rng(0))
    rival = rivals.Features(X, y, np.random.default_rng(0))
    for w in found.values():
        np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1)
        assert (rival.margins(w) > 0).all()
        span = np.linalg.lstsq(X[0].T, w[0], rcond=None)[0] @ X[0]
        np.testing.assert_allclose(span, w[0], atol=1e-9)
    assert (rival.margins(found["first fit"]) < rival.margins(found["risk 0.01"])).all()
    assert (rival.margins(found["risk 0.01"]) < rival.largest).all()


def test_the_table_has_every_cell():
    table = sweeps.load(falsifier.NAME)
    cells = [(row["model"], row["n"]) for row in table.rows]
    assert cells == [(model, n) for model in rivals.MODELS for n in falsifier.SIZES]
    for row in table.rows:
        assert set(row["near"]) == set(row["far"]) == set(falsifier.LEVELS)
        for field in row.values():
            if isinstance(field, dict):
                assert {len(values) for values in field.values()} == {45}


def test_a_cell_of_the_table_computed_again(monkeypatch):
    """Runs from zero are the same to the last image; random solutions agree within their noise."""
    monkeypatch.delenv("IBIAS_SEED", raising=False)
    pairs = falsifier.PAIRS[7:13]
    again = falsifier.cell("features", 4, pairs=pairs)
    (row,) = [r for r in sweeps.load("falsifier").rows if (r["model"], r["n"]) == ("features", 4)]
    stale = "stale: run python tools/sweeps.py falsifier"
    for stop in rivals.RISKS:
        assert again["accuracy"][stop] == pytest.approx(row["accuracy"][stop][7:13], abs=1e-3), (
            stale
        )
        assert again["margin"][stop] == pytest.approx(row["margin"][stop][7:13], rel=1e-4), stale
    for end in ("near", "far"):
        for level in ("any", "first fit", "risk 0.01"):
            stored = np.mean(row[end][level][7:13])
            assert np.mean(again[end][level]) == pytest.approx(stored, abs=0.04), stale


def test_a_contest_is_refused_where_there_is_none():
    table = sweeps.load("falsifier")
    with pytest.raises(ValueError, match="unknown model and n"):
        shares.Contest(table, "features", 5)
    with pytest.raises(ValueError, match="unknown level"):
        shares.Contest(table, "features", 4).random("no margin")
    with pytest.raises(ValueError, match="unknown run"):
        shares.Contest(table, "features", 4).accuracy("any")
