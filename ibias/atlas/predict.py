"""What the theory says is selected, for one call of `descent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from ibias.atlas import (
    attention,
    classes,
    decay,
    geometries,
    large_steps,
    layers,
    matrices,
    networks,
    regression,
    separable,
)
from ibias.atlas.entry import Case, Entry, If, Prediction
from ibias.atlas.setting import Setting
from ibias.methods import Method
from ibias.noise import Sampling

ENTRIES: tuple[Entry, ...] = (
    *regression.ENTRIES,
    *separable.ENTRIES,
    *large_steps.ENTRIES,
    *geometries.ENTRIES,
    *decay.ENTRIES,
    *layers.ENTRIES,
    *matrices.ENTRIES,
    *classes.ENTRIES,
    *networks.ENTRIES,
    *attention.ENTRIES,
)
STATES = {True: "holds", False: "violated", None: "unchecked"}


def predict(
    objective: Any,
    method: Method | None = None,
    *,
    steps: Any = None,
    start: ArrayLike | None = None,
    sampling: Sampling | None = None,
    noise: Any = (),
    entries: Sequence[Entry] | None = None,
) -> Prediction:
    r"""Return what is selected when `descent` is called with the same arguments, run for ever.

    The optimum is computed from the data alone, by `ibias.optima`; the run never sees it.
    Hypotheses that can be checked on the data, the start and the steps are.

    Parameters
    ----------
    objective : Objective, or data alone
        Of one data set.
    method, steps, start, sampling, noise
        As for `ibias.descent.descent`; one run, not a batch.
    entries : sequence of Entry
        In the order in which they are asked; those of the book if not given.

    Returns
    -------
    Prediction
        With ``known`` False where no entry covers the setting, and without a reference where a
        hypothesis is violated.

    Raises
    ------
    ValueError
        For bad input, by name.

    Examples
    --------
    >>> from ibias import datasets, methods
    >>> data = datasets.symmetric_pair()
    >>> said = predict(data, methods.NormalizedSteepest(p=1))
    >>> said.selected, said.theorem
    ('the $\\ell_1$ maximum margin', 'gunasekar2018characterizing')
    >>> print(f"{said.share([1.0, 1.0]):.6f}")
    1.000000
    >>> predict(data, methods.Lion(), steps=0.1)
    nothing is known: no entry of the atlas covers this setting
    """
    setting = Setting.of(objective, method, steps, start, sampling, noise)
    found = [
        (entry, case)
        for entry in (ENTRIES if entries is None else entries)
        if (case := next((one for one in entry.cases if one.covers(setting)), None))
    ]
    found.sort(key=lambda pair: pair[1].aside)
    if not found:
        return Prediction()
    (entry, case), *others = found
    hypotheses = _states(entry, case, setting)
    reference = None
    if case.reference is not None and "violated" not in hypotheses.values():
        reference = case.reference(setting)
    return Prediction(
        known=True,
        depends=case.depends,
        selected=(words(setting) if callable(words := case.selected) else words) or entry.selected,
        reference=None if reference is None else reference.weights,
        measure=None if reference is None else reference.measure,
        certificate=None if reference is None else reference.certificate,
        hypotheses=hypotheses,
        rate=entry.rate,
        theorem=entry.theorem,
        claims=entry.claims,
        entry=entry,
        others=tuple(entry for entry, _ in others),
    )


def _states(entry: Entry, case: Case, setting: Setting) -> dict[str, str]:
    """Return every hypothesis with its state."""
    all_of_them = [one for one in entry.conditions if isinstance(one, If)] + list(case.hypotheses)
    return {
        one.words: STATES[None if one.check is None else one.check(setting)] for one in all_of_them
    }
