"""What the notebooks of the coursework share: a student's seed, and the checks they can see."""

from __future__ import annotations

import inspect
import unicodedata
import zlib
from collections.abc import Callable

import numpy as np

from ibias._validate import shown


def canonical(student_id: str) -> str:
    """Return an identifier as it is compared: without case, blanks, or characters nobody sees.

    >>> canonical(" Ada Lovelace" + chr(0x200B)), canonical("ADA LOVELACE")
    ('adalovelace', 'adalovelace')
    """
    if not isinstance(student_id, str):
        raise ValueError('student_id must be a text, such as "ada". Write it in quotation marks.')
    folded = unicodedata.normalize("NFKC", student_id).casefold()
    hidden = ("Z", "Cc", "Cf")  # blanks, control and format characters
    shown = [c for c in folded if not unicodedata.category(c).startswith(hidden)]
    return unicodedata.normalize("NFKC", "".join(shown))


def seed(student_id: str) -> int:
    """Return the seed of a student's own data: the same for every spelling in case and blanks.

    >>> seed("Ada") == seed(" ada ") != seed("emmy")
    True

    Raises
    ------
    ValueError
        For an identifier that is not filled in.
    """
    if not isinstance(student_id, str) or not canonical(student_id):
        raise ValueError(
            'student_id is empty: write your identifier between the quotation marks, as in "ada",'
            " and run the cell again. Your data depend on it."
        )
    return zlib.crc32(canonical(student_id).encode())


def number(value: object, name: str) -> float:
    """Return one finite number, however it is written: of Python or numpy, or an array of one.

    >>> number(np.float32(2), "slope"), number([3], "slope"), number(4 + 0j, "slope")
    (2.0, 3.0, 4.0)

    Raises
    ------
    AssertionError
        For anything else; the message names it.
    """
    found = _real(value)
    _require(
        found is not None and found.size == 1, f"{name} is {shown(value)}; it must be a number"
    )
    _require(np.isfinite(found).all(), f"{name} is {shown(value)}; it must be finite")
    return found.item()


def array(value: object, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Return an array of finite numbers of this shape, where -1 stands for any length.

    A vector may come as a row or a column.

    >>> array([[1, 2]], (-1, 2), "Z"), array([[1], [2]], (2,), "w")
    (array([[1., 2.]]), array([1., 2.]))

    Raises
    ------
    AssertionError
        For anything else; the message names it.
    """
    if not isinstance(shape, tuple) or not all(isinstance(n, int) for n in shape):
        raise ValueError("shape must be a tuple of whole numbers, such as (-1, 2).")
    found = _real(value)
    _require(found is not None, f"{name} must be an array of real numbers")
    if len(shape) == 1 and found.ndim > 1 and found.size in found.shape:
        found = found.ravel()
    fits = found.ndim == len(shape) and all(
        n in (-1, m) for n, m in zip(shape, found.shape, strict=True)
    )
    wanted = " x ".join("n" if n == -1 else str(n) for n in shape)
    _require(fits, f"{name} must be an array of {wanted} numbers; its shape is {found.shape}")
    _require(np.isfinite(found).all(), f"{name} holds an entry that is not finite")
    return found


def case(value: object, kept: dict, name: str) -> dict:
    """Return a case that may differ from `kept`: its keys, and plain values of their kinds.

    >>> case({"depth": np.int64(3), "loss": "logistic"}, {"depth": 2, "loss": "hinge"}, "a case")
    {'depth': 3, 'loss': 'logistic'}

    Raises
    ------
    AssertionError
        For anything else; the message names it.
    """
    if not isinstance(kept, dict):
        raise ValueError('kept must be a dictionary, such as {"depth": 2}.')
    fits = isinstance(value, dict) and set(value) == set(kept)
    _require(fits, f"{name} must be a dictionary with the keys {', '.join(kept)}")
    found = {}
    for key, usual in kept.items():
        given, where = value[key], f"{key} of {name}"
        if isinstance(usual, str):
            _require(isinstance(given, str), f"{where} must be a text")
            found[key] = "".join(given)
        else:
            found[key] = number(given, where)
        if isinstance(usual, int):
            _require(found[key] == round(found[key]), f"{where} must be a whole number")
            found[key] = round(found[key])
    return found


def _real(value: object) -> np.ndarray | None:
    """Return a new array of real numbers; None for texts, dates, and what is not real."""
    if isinstance(value, np.ma.MaskedArray):
        return None
    try:
        given = np.array(value)
        if given.dtype.kind == "O" and any(one is None for one in given.flat):  # NaN, for numpy
            return None
        if given.dtype.kind not in "biufcO" or (given.dtype.kind == "c" and given.imag.any()):
            return None
        return np.array(given.real, dtype=float)
    except Exception:  # whatever an answer raises that is asked for its numbers
        return None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def check(*tests: Callable[..., None]) -> None:
    """Run the visible tests of a question on the answers as they stand, and print what they say.

    A test is a function whose arguments are names of the notebook. It raises if an answer
    is wrong, and its documentation says what it looks at. What it returns is what it saw.

    >>> def test_sum(total):
    ...     "the sum"
    ...     assert total == 3, "total must be 3"
    >>> total = 4
    >>> check(test_sum)
    ✗ the sum: total must be 3
    """
    for test in tests:
        about = inspect.getdoc(test) or test.__name__
        answers = {name: test.__globals__.get(name) for name in inspect.signature(test).parameters}
        missing = [name for name, value in answers.items() if value is None or value is ...]
        if missing:
            print(f"… {about}: not answered yet ({', '.join(missing)})")
            continue
        try:
            saw = test(**answers)
        except Exception as error:
            said = str(error) if isinstance(error, AssertionError) else repr(error)
            print(f"✗ {about}: {said}")
        else:
            print(f"✓ {about}: {saw}" if saw else f"✓ {about}")
