"""Flows and optima that many answers ask for are computed once, while tests are tried.

An answer and its tests run the same flow on the same data, and so do the next answer and its
tests. The functions below are pure: what they return depends on their arguments alone. So each
result is kept under the content of the arguments, and given out as a copy.
"""

import contextlib
import copy
import functools
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from unittest import mock

from ibias import descent, flow, optima

MOST = 400  # results
PURE = {
    descent: ("descent",),
    flow: ("gradient_flow", "matrix_flow", "mirror_flow", "two_by_two_flow"),
    optima: ("bregman_projection", "commuting_limit", "max_margin", "min_norm"),
}
_kept: OrderedDict[tuple[str, bytes], object] = OrderedDict()


def remembered(function: Callable) -> Callable:
    """Return the function with a memory; arguments that cannot be pickled are not remembered."""

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        try:
            key = function.__qualname__, pickle.dumps((args, sorted(kwargs.items())))
        except (pickle.PicklingError, AttributeError, TypeError):
            return function(*args, **kwargs)
        if key not in _kept:
            _kept[key] = function(*args, **kwargs)
            if len(_kept) > MOST:
                _kept.popitem(last=False)
        return copy.deepcopy(_kept[key])

    return call


WITH_MEMORY = {
    (place, name): remembered(getattr(place, name)) for place in PURE for name in PURE[place]
}


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Let the pure functions remember, for as long as this lasts."""
    with contextlib.ExitStack() as stack:
        for (place, name), function in WITH_MEMORY.items():
            stack.enter_context(mock.patch.object(place, name, function))
        yield
