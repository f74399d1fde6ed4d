"""Values that no argument was written for, and what may come of them."""

import datetime

import numpy as np
import pandas as pd


class NoArray:
    """What has numbers to give, and raises when it is asked for them."""

    def __array__(self, dtype=None, copy=None):
        raise AttributeError("secret")

    def __float__(self):
        raise KeyError("secret")


class NoWords:
    """What raises when it is shown or compared."""

    __hash__ = None

    def __repr__(self):
        raise OSError("secret")

    def __eq__(self, other):
        raise OSError("secret")


class Inner:
    """An array of complex numbers, to those that ask."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1j])


AWKWARD = {
    "a power of ten": 10**400,
    "minus a power of ten": -(10**400),
    "more digits than are shown": 10**5000,
    "a list with a power of ten": [10**400, 1],
    "a class": int,
    "a class of arrays": np.float64,
    "masked": np.ma.masked,
    "a list with a mask": [1.0, np.ma.masked],
    "a list of masked arrays": [np.ma.masked_array([1.0, 2.0], [True, False])] * 2,
    "pandas NA": pd.NA,
    "pandas NaT": pd.NaT,
    "complex": 1j,
    "a complex array": np.array(1j),
    "a complex entry": np.array([1j]),
    "a complex object": np.array(1j, dtype=object),
    "no array": NoArray(),
    "no words": NoWords(),
    "complex inside": Inner(),
    "a date": datetime.datetime(2020, 1, 1),
    "a date of numpy": np.datetime64("2020-01-01"),
    "an array of dates": np.array(["2020-01-01"] * 2, dtype="datetime64[D]"),
    "a text": "x",
    "bytes": b"x",
    "an empty list": [],
    "None": None,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "True": True,
    "an array without axes": np.array(2.0),
    "an array of one entry": np.array([2.0]),
    "a dictionary": {},
    "a set": {1.0},
    "a ragged list": [[1.0], [1.0, 2.0]],
    "a function": abs,
}
