"""Progress of what takes more than three seconds: a bar in a terminal, or a callback.

A notebook that stores its outputs shows nothing, because there standard error is no terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

from ibias._validate import function

PATIENCE = 3.0  # seconds before a bar is drawn
INTERVAL = 0.2  # seconds between two reports

Report = Callable[[str, float], None]
_reported: ContextVar[Report | None] = ContextVar("progress", default=None)


@contextmanager
def reported(to: Report) -> Iterator[None]:
    """Within this context, call `to(what, fraction)` instead of drawing a bar.

    Fractions are from 0 to 1. An exception that `to` raises ends the run.

    >>> with reported(lambda what, fraction: print(what, fraction)):
    ...     with Bar("counting", 4) as bar:
    ...         bar.at(4)
    counting 1.0
    """
    token = _reported.set(function("to", to, "print"))
    try:
        yield
    finally:
        _reported.reset(token)


class Bar:
    """The progress of one loop: a context manager, told by `at` how far the loop is.

    Parameters
    ----------
    what : str
        What is done, in a few words.
    total : float
        Where it ends.
    """

    def __init__(self, what: str, total: float) -> None:
        self.what, self.total = what, total

    def __enter__(self) -> Self:
        self.report, self.bar = _reported.get(), None
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self.silent = self.report is None and not terminal
        self.next = time.monotonic() + (PATIENCE if self.report is None else 0.0)
        return self

    def at(self, done: float) -> None:
        """Say how far the loop is."""
        if self.silent or time.monotonic() < self.next:
            return
        self.next = time.monotonic() + INTERVAL
        fraction = min(1.0, done / self.total) if self.total > 0 else 1.0
        if self.report is not None:
            self.report(self.what, fraction)
            return
        if self.bar is None:
            from tqdm import tqdm

            form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            self.bar = tqdm(total=1.0, desc=self.what, leave=False, bar_format=form)
        self.bar.update(fraction - self.bar.n)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
