"""Paths of penalties far up a tail, where Newton's steps go on, and a step is no error."""

from dataclasses import replace

import numpy as np
import pytest

from ibias.datasets import Dataset
from ibias.losses import Exponential, MarginLoss, PolynomialTail, StretchedExponential
from ibias.optima import ridge_path
from tests.fuzz import penalties as fuzz
from tests.fuzz.outcome import REFUSED, RIGHT, SILENT

PAIR = [[1e6, -2e6], [-1e6, -2e6]]


@pytest.mark.parametrize("number", range(80))
def test_a_sample_of_the_fuzz(number: int) -> None:
    outcome = fuzz.problem(np.random.default_rng([21, number]))
    assert outcome.verdict in (RIGHT, REFUSED), outcome.said


def test_the_fuzz_sees_an_estimate_that_lies_and_a_point_that_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = fuzz.ridge_path
    for lie in (
        lambda path: replace(path, w=path.w * (1 + 1e-6)),
        lambda path: replace(path, w=path.w * (1 + 1e-9), error_estimate=[0.0]),
    ):
        monkeypatch.setattr(fuzz, "ridge_path", lambda *a, lie=lie, **k: lie(true(*a, **k)))
        found = [fuzz.problem(np.random.default_rng([22, i])).verdict for i in range(20)]
        assert found.count(SILENT) >= 15


@pytest.mark.parametrize(
    ("rows", "s", "loss", "centre"),
    [
        (PAIR, 0.0, StretchedExponential(0.5), [-2000.0, 2000.0]),
        (PAIR, 0.0, PolynomialTail(2), [-2000.0, 2000.0]),
        ([[1e6]], -20.0, PolynomialTail(2), [-1000.0]),
        ([[1e4]], 0.0, PolynomialTail(10), [-1000.0]),
        ([[1e6], [-2e6], [2e6]], -3.0, Exponential(), [100.0]),
        # The steps of the first start do not shrink: it is made at a larger penalty.
        (
            [
                [-397.68642895763577, 33190.821464482375, 4966.879694104953],
                [-397.6864289535646, 33190.82146447678, 4966.879694105609],
                [-30975.500335899815, -262252.073821507, 129160.16960369666],
            ],
            -3.46756175,
            StretchedExponential(2),
            [-61.41822068, -3.3207868, -17.67659185],
        ),
        # Of a w this small a difference of logarithms keeps no digits.
        (
            [[0.4, 0.06, 0.06], [-0.4 + 1e-11, -0.06 - 3e-12, -0.06 + 4e-12]],
            -3.9,
            StretchedExponential(2),
            [0.0, 0.0, 0.0],
        ),
    ],
)
def test_the_path_ends_at_the_minimiser(
    rows: list, s: float, loss: MarginLoss, centre: list
) -> None:
    rows, centre = np.array(rows), np.array(centre)
    path = ridge_path(Dataset.from_signed(rows), log_penalty=[s], loss=loss, centre=centre)
    outcome = fuzz.judged(rows, s, loss, centre, path.w[0], path.error_estimate[0])
    assert outcome.verdict == RIGHT, outcome.said
