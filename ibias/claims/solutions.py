"""A number or formula in the solution of an exercise, computed where it is stated."""

from __future__ import annotations

import os
from typing import Any

from ibias._validate import positive
from ibias.claims.checks import ends, numbers, off, one_field, stated


class SolutionWrong(AssertionError):
    """A solution states a number that the computation does not give."""


def solution(
    exercise: str,
    what: str,
    measured: Any,
    *,
    equals: float | None = None,
    at_most: float | None = None,
    at_least: float | None = None,
    tolerance: float,
    any_data: bool = False,
) -> None:
    """Compare what a solution states with what is computed, and print one line.

    It stands in a cell of the page with the tags ``remove-cell`` and ``solution``: readers see
    the solution, the tests run the cell.

    Parameters
    ----------
    exercise : str
        The label of the exercise: "ex-rates-percent".
    what : str
        What is stated, in a few words.
    measured : float or array
        What the computation gives; every entry must agree.
    equals, at_most, at_least : float
        Exactly one of them: what the solution states.
    tolerance : float
        Half a unit of the last digit stated, or the error that the solution itself names.
    any_data : bool
        Whether the statement holds for any data, such as a formula. A number of the page's own
        data is compared under the stored seed only.

    Raises
    ------
    SolutionWrong
        When it does not agree.
    ValueError
        For bad input, by name.

    Examples
    --------
    >>> solution("ex-root", "root of two", 2**0.5, equals=1.41, tolerance=0.005)
    solution ex-root | root of two = 1.41 (tolerance 0.005) | holds | [measured 1.41421]
    """
    relation, value = stated("the stated value", equals, at_most, at_least)
    exercise, what = one_field("exercise", exercise), one_field("what", what)
    tolerance = positive("tolerance", tolerance)
    measured = numbers(measured)
    line = f"solution {exercise} | {what} {relation} {value:.12g} (tolerance {tolerance:g}) | {{}}"
    line += f" | [measured {ends(measured)}]"
    other_data = os.environ.get("IBIAS_SEED", "0") not in ("", "0") and not any_data
    if (off(measured, relation, value) > tolerance).any() and not other_data:
        raise SolutionWrong(line.format("DOES NOT HOLD"))
    print(line.format("holds"))
