"""Samples that almost repeat or oppose each other: right by Fractions, or refused with a remedy."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from ibias.datasets import Dataset, generator
from ibias.datasets.rows import independent, lengths, rank
from ibias.optima import (
    NotSeparable,
    bounded_part_and_ray,
    box_minimiser,
    hinge_machine,
    max_margin,
    separation,
)
from ibias.optima.separability import _in_span, separate
from tests.reference import exact

POWERS = range(20, 51)


def pair(e: float) -> list:
    """Separable by e, along (-1, 1 + e)."""
    return [[1, 1], [-1, -1 + e]]


def corner(e: float) -> list:
    """Overlapping in the plane, of which three rows see the second direction by e only."""
    return [[1, 1], [-1 + e, -1 - e], [-1 - e, -1 + e], [1, -1]]


def triangle(e: float) -> list:
    """Held by the weights (1/2, 1/3, 1/6): the bounded part is as long as 1 / e."""
    return [[1, 1], [-1 + e, -1 - e], [-1 - 2 * e, -1 + 2 * e]]


def beside(e: float) -> list:
    """The first row is beside a pair that holds each other, and is separated by e."""
    return [[1, 1], [1, 1 + e], [-1, -1 - e]]


def above(e: float) -> list:
    """Two pairs that span a plane by e, and two rows above it."""
    return [[1, 1, 0], [-1, -1, 0], [1, 1 + e, 0], [-1, -1 - e, 0], [1, 3, 2], [0, 1, 1]]


RESTS = {
    pair: [],
    corner: [0, 1, 2, 3],
    triangle: [0, 1, 2],
    beside: [1, 2],
    above: [0, 1, 2, 3],
}


@pytest.mark.parametrize("rows", RESTS)
def test_near_repeats_are_split_right_or_refused(rows: Callable) -> None:
    found = 0
    for k in POWERS:
        try:
            split = separation(Dataset.from_signed(rows(2.0**-k)))
        except RuntimeError as refused:
            assert "rounding leaves open" in str(refused)
            continue
        found += 1
        assert split.rest.tolist() == RESTS[rows]
    assert found >= 5


@pytest.mark.parametrize("k", [20, 24, 28, 32, 36, 40, 44])
def test_near_opposites_of_random_rows_are_split_right_or_refused(k: int) -> None:
    """Of rows z, their opposites, and -z - e v: all overlap, if not <v, w> < 0 for some w."""
    for seed in range(30):
        rng = generator(seed)
        z, v = rng.integers(-8, 9, (2, 1, 3)) / 4 + [[[0.0, 1, 0]], [[1.0, 0, 0]]]
        Z = np.vstack([z, -2 * z, -z - 2.0**-k * v, rng.integers(-8, 9, (2, 3)) / 4])
        try:
            split = separation(Dataset.from_signed(Z))
        except RuntimeError:
            continue
        assert set(split.rest.tolist()) == exact.never_separated(exact.fractions(Z))


def test_exact_repeats_and_those_up_to_rounding_are_repeats() -> None:
    assert 0.1 + 0.2 != 0.3
    for Z in (
        [[0.1 + 0.2, 1], [-0.3, -1]],
        [[0.3, 0.1], [-0.1 * 3, -0.1]],
        [[1.0, 0.7], [-3.0, -3 * 0.7], [2.0, 2 * 0.7]],
        [[0.1, 0.2], [0.7, -0.3], [-0.1 - 0.7, -0.2 + 0.3]],
    ):
        assert separation(Dataset.from_signed(Z)).kind == "overlapping"
    for seed in range(200):
        rng = generator(seed)
        rows = rng.standard_normal((4, 2))
        rows = np.vstack([rows, -rng.uniform(0.5, 2, 4) @ rows, -rows[0] * rng.uniform(0.5, 2)])
        turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
        Z = np.vstack([np.c_[rows, np.zeros((6, 3))], [0, 0, 1, 1, 0]]) @ turn
        assert separate(Z).rest.tolist() == list(range(6))


def test_a_bounded_part_as_long_as_the_rows_are_near_is_right_or_refused() -> None:
    """With a + b = s and e (a - b) = -log(2) / 3 the three pulls are as 3 : 2 : 1.

    A rounding of the rows moves the bounded part by as much as rows that are apart by e say.
    """
    found = 0
    for k in range(8, 51):
        e, s = 2.0**-k, np.log(2) / 3 - np.log(3) / 2
        try:
            parts = bounded_part_and_ray(Dataset.from_signed(triangle(e)), loss="exponential")
        except RuntimeError:
            continue
        found += 1
        apart = -np.log(2) / (3 * e)
        right = [(s + apart) / 2, (s - apart) / 2]
        assert parts.bounded == pytest.approx(right, rel=4 * 2.0**-52 / e)
        assert parts.weights == pytest.approx([1 / 2, 1 / 3, 1 / 6], rel=1e-7)
    assert found >= 10


def test_the_ray_across_near_repeats_is_right_or_refused() -> None:
    """What two pairs span is the plane, however near they are: the ray is the third axis."""
    found = 0
    for k in range(8, 51):
        try:
            parts = bounded_part_and_ray(Dataset.from_signed(above(2.0**-k)))
        except RuntimeError:
            continue
        found += 1
        assert parts.ray.w == pytest.approx([0, 0, 1], abs=1e-9)
    assert found >= 10


def test_features_that_almost_repeat_are_known_or_refused() -> None:
    known, refused = 0, 0
    for k in POWERS:
        rows = np.array([[1, 1, 0], [1, 1 + 2.0**-k, 0]])
        Z = np.vstack([rows, [0, 0, 1]])
        try:
            assert _in_span(rows, Z).tolist() == [True, True, False]
            known += 1
            rows = np.c_[rows, rows[:, 0]]
            _in_span(rows, np.c_[Z, Z[:, 0]])
        except RuntimeError as error:
            said = re.search(r"features \[(\d).* drop the first of these", str(error)).group(1)
            rows = np.delete(rows, int(said), 1)  # as it says
            assert _in_span(rows, rows).sum() == (0 if said == "1" else 2)
            refused += 1
    assert known == len(POWERS) and 10 < refused < known


def followed(Z: np.ndarray, run: Callable[[Dataset], object]) -> int:
    """Return how often the first advice of a refusal is to be followed until there is an answer."""
    for times in range(len(Z)):
        try:
            run(Dataset.from_signed(Z))
        except NotSeparable:
            pass
        except RuntimeError as refused:
            assert len(str(refused)) <= 500
            first = re.search(r"(?:first of all|whether samples) \[?(\d+)", str(refused)).group(1)
            Z = np.delete(Z, int(first), 0)
            continue
        return times
    raise AssertionError("no answer is left")


@pytest.mark.parametrize("rows", RESTS)
@pytest.mark.parametrize("run", [separation, max_margin, bounded_part_and_ray])
def test_to_drop_what_a_refusal_names_leads_to_an_answer(run: Callable, rows: Callable) -> None:
    for k in POWERS:
        assert followed(np.array(rows(2.0**-k)), run) <= 2


def test_the_hinge_machine_works_at_the_penalty_that_a_refusal_names() -> None:
    refused = 0
    for seed in range(300):
        rng = generator(seed)
        rows = rng.integers(-3, 4, (3, 3)).astype(float)
        sizes = 2.0 ** rng.integers(-26, 27, (2, 3, 1))
        Z = np.vstack([rows * sizes[0], -rows * sizes[1] + 2.0 ** rng.integers(-50, 3)])
        try:
            max_margin(Dataset.from_signed(Z))
        except NotSeparable:
            continue
        except RuntimeError as error:
            assert len(str(error)) <= 500
            penalty = re.search(r"hinge_machine with a penalty of at least (\S+),", str(error))
            if penalty is None:  # other samples, or units, are named
                continue
            refused += 1
            hinge_machine(Dataset.from_signed(Z), penalty=float(penalty.group(1)))
    assert refused > 5


def test_the_radius_that_a_refusal_names_works() -> None:
    refused = 0
    for seed in range(60):
        rng = generator(seed)
        Z = rng.integers(-3, 4, (3, 2)) * 10.0 ** rng.integers(-8, 9, 2)
        if not Z.any():
            continue
        data = Dataset.from_signed(Z)
        try:
            box_minimiser(data, radius=1000)
        except RuntimeError as error:
            refused += 1
            radius = re.search(r"To go on, take a radius next to (\S+)\.", str(error)).group(1)
            box_minimiser(data, radius=float(radius))
    with pytest.raises(RuntimeError, match="radius next to 3e-09"):
        box_minimiser(Dataset.from_signed([[0.1, 3e8, 1e8]]), radius=1000)
    assert refused > 0


def test_rows_are_independent_beyond_their_rounding() -> None:
    for e, right in ((2.0**-52, 1), (2.0**-50, 2), (1e-12, 2), (1.0, 2)):
        rows = np.array([[1.0, 1.0, 0.0], [1.0, 1.0 + e, 0.0], [2.0, 2.0, 0.0]])
        for sizes in ([[1], [1], [1]], [[1e-9], [1], [1e9]]):
            scaled = rows * sizes
            blur = lengths(scaled) * np.ones(3)
            assert len(independent(scaled, blur)) == rank(scaled, blur) == right
    assert independent(np.empty((0, 2)), np.empty((0, 2))) == []
    assert rank(np.empty((0, 2)), np.empty((0, 2))) == rank(np.zeros((2, 2)), np.ones((2, 2))) == 0
    assert independent(np.zeros((2, 2)), np.ones((2, 2))) == []
