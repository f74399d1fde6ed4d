"""Advice that works: what an error tells to do has been done before it is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

from ibias.flow.log_time import IntegrationFailed

P, Result = ParamSpec("P"), TypeVar("Result")

# Log times before the one that is named, at which the two runs may still agree.
SOONER = np.array([8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.0])


def tried(times: str) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Return a decorator for a flow whose errors name a time to ask for: it is asked for.

    A run that stops is lost some time before, and the two runs may be apart by then. Where the time
    that an error names fails as well, that error is raised, which names an earlier one.

    Parameters
    ----------
    times : str
        The keyword of the logarithms of the times, or steps.
    """

    def of(flow: Callable[P, Result]) -> Callable[P, Result]:
        @wraps(flow)
        def tried_out(*args: P.args, **options: P.kwargs) -> Result:
            try:
                return flow(*args, **options)
            except IntegrationFailed as error:
                failed = error
            until, asked = failed.until, np.asarray(options[times], dtype=float)
            for before in (np.zeros(1), SOONER, SOONER):
                sooner = np.append(asked[asked < until], until - before)
                if not np.isfinite(until):
                    break
                try:
                    flow(*args, **{**options, times: np.unique(sooner)})
                    break
                except IntegrationFailed as again:
                    failed = again
                    if before.any() and not np.isfinite(again.until):
                        break
                    until = min(until, again.until)
                except ValueError:  # there are no times so early
                    break
            raise failed from None

        return tried_out

    return of
