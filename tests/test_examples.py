"""Every public function has an example that runs, and a signature that can be read."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import ibias

LONGEST = 400  # characters of a signature, of which help() makes one line: ten arguments
ROOMS = [name for name in ibias.__all__ if not name.startswith("check_")]


def functions(room):
    """The public functions of one part of the package, by name."""
    module = importlib.import_module(f"ibias.{room}")
    found = {name: getattr(module, name) for name in getattr(module, "__all__", dir(module))}
    return {
        name: value
        for name, value in found.items()
        if inspect.isfunction(value)
        and not name.startswith("_")
        and value.__module__.startswith(module.__name__)
    }


def faults(function):
    """What a reader misses in help() of a function."""
    signature = str(inspect.signature(function))
    missing = [] if ">>> " in (function.__doc__ or "") else ["an example"]
    missing += [] if function.__name__ + "(" in (function.__doc__ or "") else ["a call of itself"]
    missing += [f"a signature of {LONGEST} characters"] if len(signature) > LONGEST else []
    return missing + (["names of types"] if "_typing" in signature else [])


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_has_an_example_and_a_signature_one_can_read(room):
    missing = {name: faults(function) for name, function in functions(room).items()}
    assert {name: what for name, what in missing.items() if what} == {}


def test_every_room_has_functions_or_classes_with_an_example():
    for room in ROOMS:
        module = importlib.import_module(f"ibias.{room}")
        names = getattr(module, "__all__", None) or dir(module)
        assert any(">>> " in (getattr(module, name).__doc__ or "") for name in names), room


def test_the_examples_of_the_page_of_the_package_run():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    page = Path(__file__).parent.parent / "book" / "api.md"
    result = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    assert result.failed == 0 and result.attempted > 20


def test_the_search_has_teeth():
    assert sum(len(functions(room)) for room in ROOMS) > 150
    assert {"max_margin", "separation"} <= set(functions("optima"))
    from numpy.typing import ArrayLike

    def bare(x: ArrayLike) -> None:
        """Do nothing."""

    assert faults(bare) == ["an example", "a call of itself"]  # annotations are text here
    bare.__annotations__["x"] = ArrayLike
    assert faults(bare)[2:] == ["names of types"]
