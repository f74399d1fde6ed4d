"""A sample of the fuzz of the reference optima, and that it can tell right from wrong."""

from dataclasses import replace

import numpy as np
import pytest

from ibias.datasets import Dataset
from tests.fuzz import lasso, near_repeats, paths
from tests.fuzz import optima as fuzz
from tests.fuzz.outcome import REFUSED, RIGHT, SILENT


@pytest.mark.parametrize("number", range(60))
def test_a_sample_of_the_fuzz(number: int) -> None:
    outcome = fuzz.problem(np.random.default_rng([11, number]))
    assert outcome.verdict in (RIGHT, REFUSED), outcome.said


def test_multipliers_of_equivalent_equations_are_of_length_one() -> None:
    """They are turned back to 44 samples by least squares, off by 2e-11 of themselves."""
    outcome = fuzz.problem(np.random.default_rng([911, 350]))
    assert outcome.verdict == RIGHT, outcome.said


@pytest.mark.filterwarnings("error")
def test_sizes_are_looked_at_before_anything_is_made_of_them() -> None:
    """Dual variables that overflow, times a residual of zero, are no number."""
    outcome = fuzz.problem(np.random.default_rng([912, 25]))
    assert outcome.verdict == REFUSED, outcome.said


@pytest.mark.parametrize("number", range(90))
def test_a_sample_of_the_fuzz_of_near_repeats(number: int) -> None:
    outcome = near_repeats.problem(np.random.default_rng([14, number]))
    assert outcome.verdict in (RIGHT, REFUSED), outcome.said


def test_near_repeats_that_are_taken_for_one_are_seen(monkeypatch) -> None:
    """Every function on the rows rounded to integers and multiples of 2^-7."""
    for name in ("separation", "max_margin", "nearest_separator", "expansion"):
        true = getattr(near_repeats, name)

        def rounded(data, *arguments, true=true):
            return true(Dataset.from_signed(np.round(data.Z * 128) / 128), *arguments)

        monkeypatch.setattr(near_repeats, name, rounded)
    kinds = [near_repeats.split, near_repeats.margin, near_repeats.separator, near_repeats.expanded]
    for kind in kinds:
        verdicts = [kind(np.random.default_rng([15, i])).verdict for i in range(40)]
        assert SILENT in verdicts, kind


def test_the_fuzz_sees_a_certificate_that_lies(monkeypatch) -> None:
    true = fuzz.max_margin

    def lying(data, p):
        best = true(data, p=p)
        return replace(best, dual_variables=np.full(data.n_samples, 1 / data.n_samples))

    monkeypatch.setattr(fuzz, "max_margin", lying)
    verdicts = [fuzz.margin(np.random.default_rng([12, i])).verdict for i in range(20)]
    assert verdicts.count(SILENT) >= 8


def test_the_fuzz_sees_a_point_that_is_not_the_projection(monkeypatch) -> None:
    true = fuzz.bregman_projection

    def shifted(data, **arguments):
        best = true(data, **arguments)
        return replace(best, w=best.w * (1 + 1e-5))

    monkeypatch.setattr(fuzz, "bregman_projection", shifted)
    verdicts = [fuzz.bregman(np.random.default_rng([13, i])).verdict for i in range(20)]
    assert verdicts.count(SILENT) >= 18


@pytest.mark.parametrize("number", range(40))
def test_a_sample_of_the_fuzz_of_the_lasso(number: int) -> None:
    outcome = lasso.problem(np.random.default_rng([16, number]))
    assert outcome.verdict in (RIGHT, REFUSED), outcome.said


@pytest.mark.parametrize("lie", [{"w": 1 + 1e-4}, {"value": 1 + 1e-6}, {"duality_gap": -1.0}])
def test_the_fuzz_sees_a_fit_that_is_not_the_least(monkeypatch, lie) -> None:
    true, (name, factor) = lasso.lasso, next(iter(lie.items()))

    def lying(data, penalty):
        found = true(data, penalty=penalty)
        return replace(found, **{name: getattr(found, name) * factor})

    monkeypatch.setattr(lasso, "lasso", lying)
    verdicts = [lasso.problem(np.random.default_rng([16, i])).verdict for i in range(20)]
    assert verdicts.count(SILENT) >= 10


@pytest.mark.parametrize("number", range(40))
def test_a_sample_of_the_fuzz_of_paths(number: int) -> None:
    outcome = paths.problem(np.random.default_rng([17, number]))
    assert outcome.verdict in (RIGHT, REFUSED), outcome.said


def test_the_fuzz_sees_a_path_of_other_data(monkeypatch) -> None:
    true = paths.small_scale_path
    monkeypatch.setattr(
        paths,
        "small_scale_path",
        lambda data, until: true(Dataset.from_signed(data.Z.round(2) + 1e-5), until=until),
    )
    verdicts = [paths.problem(np.random.default_rng([17, i])).verdict for i in range(30)]
    assert verdicts.count(SILENT) >= 15
